// Threads of a block, and the lanes of their warps; sums over them of integers, whose order does not matter.

constexpr int LANES = 32;
constexpr unsigned ALL = 0xffffffffu;

__device__ __forceinline__ int lane_of_thread() { return threadIdx.x % LANES; }
__device__ __forceinline__ int warp_of_thread() { return threadIdx.x / LANES; }
__device__ __forceinline__ int warps_of_block() { return blockDim.x / LANES; }

// The words of 32 bits that hold so many signs.
__device__ __forceinline__ int words_of(int signs) { return (signs + LANES - 1) / LANES; }

// The sum over a warp, in each of its lanes.
template <typename T>
__device__ __forceinline__ T warp_sum(T x) {
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        x += __shfl_xor_sync(ALL, x, distance);
    }
    return x;
}

// The bits of the lanes' words, turned: bit b of what lane l gets is bit l of the word of lane b.
__device__ __forceinline__ unsigned transposed(unsigned word) {
    unsigned mine = 0;
    for (int b = 0; b < LANES; b++) {
        unsigned bits = __ballot_sync(ALL, word >> b & 1);
        if (b == lane_of_thread()) mine = bits;
    }
    return mine;
}
