"""CUDA kernels on the host: the text that a GPU runs, compiled by g++ and run on NumPy arrays.

For proofs, not for speed: the same integers as on a GPU, under several orders of the threads, and the
mistakes named that a GPU answers by silence.
"""
