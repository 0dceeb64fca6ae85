"""Kernels of a GPU: CUDA C++ beside what launches it, on arrays of CuPy or, on this CPU, of NumPy."""
