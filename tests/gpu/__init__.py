"""CUDA code, checked without a GPU: compiled, weighed, run on the CPU, its names compared with CuPy's."""
