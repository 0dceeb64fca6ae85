// Synchronous dynamics: all sites at once, S_i(t+1) = sign(N h_i(t) + th_i(t)). W. A. Little, Math. Biosci. 19,
// 101 (1974); the same trajectories as in kernels/little.py, bit by bit.
//
// `little_sweeps` runs one replica in each block: h = xi^T M - P S, a thread for each site, then M = xi S by
// popcounts of the new state. Where many replicas share their patterns, both products are matrix products of a
// library, and `little_update` and `little_record` are what is left between them.

// The sweeps first … last-1 of the replicas of a launch.
//
// columns  (sets, ⌈P/32⌉, N) the patterns of each site, word by word   rows  (sets, P, ⌈N/32⌉)
// the other arguments are those of `glauber_sites`
// shared memory: 4 × (32 ⌈P/32⌉ + ⌈N/32⌉) bytes
extern "C" __global__ void __launch_bounds__(256) little_sweeps(
    const unsigned* columns, const unsigned* rows, const int* which, const int* targets,
    const unsigned* streams, const float* scales, signed char* spins, int* overlaps, int* still,
    long long* trace, int* sums, int size, int count, int first, int last, int total, int warm) {
    extern __shared__ int m[];
    __shared__ long long room[LANES];
    int lane = lane_of_thread(), words = words_of(count), wide = words_of(size);
    unsigned* state = reinterpret_cast<unsigned*>(m + LANES * words);
    long long set = which[blockIdx.x], place = blockIdx.x;
    const unsigned* column = columns + set * words * size;
    const unsigned* row = rows + set * count * wide;
    const unsigned* stream = streams + 4 * place;
    signed char* s = spins + place * size;
    Record record = record_of(trace, sums, blockIdx.x, size, total, warm);
    float scale = scales[blockIdx.x];
    bool cold = scale == 0.0f, rests = still[blockIdx.x];
    for (int mu = threadIdx.x; mu < LANES * words; mu += blockDim.x) {
        m[mu] = mu < count ? overlaps[place * count + mu] : 0;
    }
    __syncthreads();
    for (int t = first; t < last; t++) {
        long long flips = 0;
        for (int i = threadIdx.x; i < LANES * wide && !rests; i += blockDim.x) {
            int next = -1;
            if (i < size) {
                int old = s[i], x = -count * old;
                for (int w = 0; w < words; w++) {
                    unsigned word = column[(long long)w * size + i];
                    for (int b = 0; b < LANES; b++) x += with_sign(word, b, m[LANES * w + b]);
                }
                int noise = cold ? 0 : thermal_noise(decision_word(stream, i, t), scale);
                next = decided(x, old, noise, cold);
                flips += next != old;
                s[i] = next;
            }
            unsigned word = __ballot_sync(ALL, next > 0);
            if (lane == 0) state[i / LANES] = word;
        }
        flips = block_sum(flips, room);  // its barrier also lies between old and new overlaps
        for (int mu = warp_of_thread(); mu < count && !rests; mu += warps_of_block()) {
            int different = 0;
            for (int w = lane; w < wide; w += LANES) {
                different += __popc(row[(long long)mu * wide + w] ^ state[w]);
            }
            different = warp_sum(different);
            if (lane == 0) m[mu] = size - 2 * different;
        }
        __syncthreads();
        write_down(record, t, (int)flips, m, targets[blockIdx.x], s, size, count, room);
        rests = rests || (cold && flips == 0);
        __syncthreads();
    }
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) overlaps[place * count + mu] = m[mu];
    if (threadIdx.x == 0) still[blockIdx.x] = rests;
}

// The new spins of all replicas from xi^T M, fields (R, N): a block for each replica.
extern "C" __global__ void __launch_bounds__(256) little_update(
    const int* fields, const unsigned* streams, const float* scales, signed char* spins,
    long long* trace, int* sums, int size, int count, int t, int total, int warm) {
    __shared__ long long room[LANES];
    long long place = blockIdx.x, flips = 0;
    const unsigned* stream = streams + 4 * place;
    signed char* s = spins + place * size;
    Record record = record_of(trace, sums, blockIdx.x, size, total, warm);
    int* half = record.sums + (t < record.middle ? 0 : size);
    float scale = scales[blockIdx.x];
    bool cold = scale == 0.0f;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        int old = s[i], x = fields[place * size + i] - count * old;
        int noise = cold ? 0 : thermal_noise(decision_word(stream, i, t), scale);
        int next = decided(x, old, noise, cold);
        flips += next != old;
        s[i] = next;
        if (t >= warm) half[i] += next;
    }
    flips = block_sum(flips, room);
    if (threadIdx.x == 0) record.trace[2 * total + t] = flips;
}

// What a sweep leaves in the trace beside its flips, from the overlaps (R, P) after it: a block for each replica.
extern "C" __global__ void __launch_bounds__(256) little_record(
    const int* overlaps, const int* targets, long long* trace, int size, int count, int t, int total) {
    __shared__ long long room[LANES];
    long long place = blockIdx.x, squares = 0;
    const int* m = overlaps + place * count;
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) squares += (long long)m[mu] * m[mu];
    squares = block_sum(squares, room);
    if (threadIdx.x == 0) {
        long long* own = trace + place * 3 * total;
        own[t] = m[targets[blockIdx.x]];
        own[total + t] = squares - (long long)size * count;
    }
}
