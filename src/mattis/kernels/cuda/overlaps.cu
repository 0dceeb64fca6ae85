// Patterns in bits, and sums over a block. Bit b of word w of a row is set where the sign 32 w + b is +1; bits
// beyond the end are 0. Sums are of integers: their order does not matter.

// x where bit `lane` of a word is set, -x elsewhere.
__device__ __forceinline__ int with_sign(unsigned word, int lane, int x) {
    return word >> lane & 1 ? x : -x;
}

// The sum over a block, in each of its threads; room for a number of each warp. All threads come here, and no
// thread may write to the room before the next barrier.
__device__ __forceinline__ long long block_sum(long long x, long long* room) {
    x = warp_sum(x);
    if (lane_of_thread() == 0) room[warp_of_thread()] = x;
    __syncthreads();
    long long total = 0;
    for (int w = 0; w < warps_of_block(); w++) total += room[w];
    return total;
}

// What is written down of a replica after a sweep: sum_i xi_i S_i with its target, sum_i S_i N h_i =
// sum_mu M_mu^2 - N P, and flips; and its state is added to the sums of its half of the measured sweeps.
struct Record {
    long long* trace;  // (3, total)
    int* sums;         // (2, N)
    int total;
    int warm;
    int middle;
};

__device__ __forceinline__ Record record_of(
    long long* trace, int* sums, int replica, int size, int total, int warm) {
    long long place = replica;
    return {trace + place * 3 * total, sums + place * 2 * size, total, warm, warm + (total - warm) / 2};
}

// Overlap mu is last changed by the thread that adds its square; the barrier inside lies before all that is read of
// other threads. Rooms take turns: a thread that is late still reads from the one of the sweep before.
__device__ __forceinline__ void write_down(
    const Record& record, int t, int flips, const int* overlaps, int target,
    const signed char* spins, int size, int count, long long* room) {
    long long squares = 0;
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) {
        squares += (long long)overlaps[mu] * overlaps[mu];
    }
    squares = block_sum(squares, room);
    if (threadIdx.x == 0) {
        record.trace[t] = overlaps[target];
        record.trace[record.total + t] = squares - (long long)size * count;
        record.trace[2 * record.total + t] = flips;
    }
    if (t >= record.warm) {
        int* sums = record.sums + (t < record.middle ? 0 : size);
        for (int i = threadIdx.x; i < size; i += blockDim.x) sums[i] += spins[i];
    }
}
