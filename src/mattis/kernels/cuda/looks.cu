// Overlaps of states with patterns, and what is observed of the sums of a chain.

// sum_i xi_i x_i of one pattern in bits, by a warp.
template <typename T>
__device__ __forceinline__ long long signed_sum(const unsigned* row, const T* x, int size) {
    int lane = lane_of_thread();
    long long sum = 0;
    for (int i = lane; i < size; i += LANES) sum += with_sign(row[i / LANES], lane, x[i]);
    return warp_sum(sum);
}

// overlaps (R, P) = sum_i xi_i^mu S_i: a block for each replica, a warp for each pattern.
// rows  (sets, P, ⌈N/32⌉)   which  (R,)   spins  (R, N)
extern "C" __global__ void __launch_bounds__(256) count_overlaps(
    const unsigned* rows, const int* which, const signed char* spins, int* overlaps, int size, int count) {
    long long place = blockIdx.x, wide = words_of(size), set = which[blockIdx.x];
    for (int mu = warp_of_thread(); mu < count; mu += warps_of_block()) {
        long long sum = signed_sum(rows + (set * count + mu) * wide, spins + place * size, size);
        if (lane_of_thread() == 0) overlaps[place * count + mu] = (int)sum;
    }
}

// Of the sums A, B of the spins over two halves of a chain: looks[0] = max over mu other than the target of
// |sum_i xi_i^mu (A_i + B_i)|, -1 where there is no other pattern; looks[1] = sum_i A_i B_i.
// sums  (R, 2, N)   looks  (R, 2)
extern "C" __global__ void __launch_bounds__(256) look_at_sums(
    const unsigned* rows, const int* which, const int* targets, const int* sums, long long* looks,
    int size, int count) {
    __shared__ long long room[LANES];
    __shared__ long long largest[LANES];
    long long place = blockIdx.x, wide = words_of(size), set = which[blockIdx.x];
    const int* one = sums + place * 2 * size;
    const int* two = one + size;
    long long product = 0, most = -1;
    for (int i = threadIdx.x; i < size; i += blockDim.x) product += (long long)one[i] * two[i];
    for (int mu = warp_of_thread(); mu < count; mu += warps_of_block()) {
        const unsigned* row = rows + (set * count + mu) * wide;
        long long sum = signed_sum(row, one, size) + signed_sum(row, two, size);
        if (mu != targets[blockIdx.x]) most = max(most, sum < 0 ? -sum : sum);
    }
    if (lane_of_thread() == 0) largest[warp_of_thread()] = most;
    product = block_sum(product, room);
    if (threadIdx.x != 0) return;
    for (int w = 1; w < warps_of_block(); w++) most = max(most, largest[w]);
    looks[2 * place] = most;
    looks[2 * place + 1] = product;
}
