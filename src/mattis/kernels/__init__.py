"""How a network is computed: kernels of the CPU, kernels of a GPU, and a CPU in the place of a GPU."""
