// Asynchronous Glauber dynamics: one block runs one replica, without couplings. R. J. Glauber, J. Math. Phys.
// 4, 294 (1963); the same trajectories as in cpu.py and replicas.py, bit by bit.
//
//     N h_i = sum_mu xi_i^mu M_mu - P S_i,   S_i = sign(N h_i + th_i),   M_mu += 2 S_i xi_i^mu where S_i flips
//
// Two forms. `glauber_sites` takes one proposal after the other, at one barrier each. `glauber_groups` finds the
// fields of 32 proposals at once, a few for each warp; then one warp goes through them in order and tells the
// sites behind a flip what it did to them, 2 S_j N J_ij with N J_ij = P - 2 popcount(xi_i XOR xi_j). No proposal is
// ever undone: each is decided by the field that it would have had in its turn.

struct Replica {
    const unsigned* sites;   // (N, words) the patterns of each site
    const unsigned* stream;  // (4,)
    float scale;             // 0 at T = 0
    int target;
    signed char* spins;      // (N,)
    int* overlaps;           // (P,)
};

__device__ __forceinline__ Replica replica_of(
    int r, const unsigned* sites, const int* which, const int* targets, const unsigned* streams,
    const float* scales, signed char* spins, int* overlaps, int size, int count) {
    long long set = which[r], place = r;
    return {
        sites + set * size * words_of(count), streams + 4 * place, scales[r], targets[r],
        spins + place * size, overlaps + place * count};
}

// Copy overlaps to shared memory, and zeros beyond the last pattern.
__device__ __forceinline__ void fetch_overlaps(int* m, const int* overlaps, int count) {
    for (int mu = threadIdx.x; mu < LANES * words_of(count); mu += blockDim.x) {
        m[mu] = mu < count ? overlaps[mu] : 0;
    }
}

// Add to the overlaps what the flip of a site to `next` changed: each thread to those of its own patterns.
__device__ __forceinline__ void take_up(int* m, const unsigned* row, int next, int count) {
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) {
        m[mu] += with_sign(row[mu / LANES], lane_of_thread(), 2 * next);
    }
}

// The site of a proposal, in an order of the sweep or of the labels.
__device__ __forceinline__ int site_of(const int* order, int proposal) {
    return order == nullptr ? proposal : order[proposal];
}

// The order of the sites in a sweep of this launch, nullptr for 0 … N-1.
__device__ __forceinline__ const int* order_of(
    const int* orders, int fresh, long long set, int sweeps, int sweep, int size) {
    return fresh ? orders + (set * sweeps + sweep) * size : nullptr;
}

// The sweeps first … last-1 of the replicas of a launch, one proposal at a time. Every thread keeps the overlaps
// of its own patterns, so that a flip needs no barrier either.
//
// sites    (sets, N, ⌈P/32⌉)   which, targets, scales, still  (R,)   streams  (R, 4)
// orders   (sets, last - first, N) where `fresh`; one unused number elsewhere
// spins    (R, N)   overlaps  (R, P)   trace  (R, 3, total)   sums  (R, 2, N)
// shared memory: 4 × 32 ⌈P/32⌉ bytes
extern "C" __global__ void __launch_bounds__(256) glauber_sites(
    const unsigned* sites, const int* which, const int* targets, const unsigned* streams,
    const float* scales, const int* orders, int fresh, signed char* spins, int* overlaps, int* still,
    long long* trace, int* sums, int size, int count, int first, int last, int total, int warm) {
    extern __shared__ int m[];
    __shared__ int partial[2][LANES];
    __shared__ long long room[2][LANES];
    int lane = lane_of_thread(), words = words_of(count);
    Replica a = replica_of(
        blockIdx.x, sites, which, targets, streams, scales, spins, overlaps, size, count);
    Record record = record_of(trace, sums, blockIdx.x, size, total, warm);
    bool cold = a.scale == 0.0f, rests = still[blockIdx.x];
    fetch_overlaps(m, a.overlaps, count);
    for (int t = first; t < last; t++) {
        const int* order = order_of(orders, fresh, which[blockIdx.x], last - first, t - first, size);
        int flips = 0, noise = 0;
        for (int k = 0; k < size && !rests; k++) {
            if (k % LANES == 0 && !cold) {  // each lane draws the noise of one of the next 32 proposals
                noise = thermal_noise(decision_word(a.stream, k + lane, t), a.scale);
            }
            int site = site_of(order, k), old = a.spins[site];
            const unsigned* row = a.sites + (long long)site * words;
            int sum = 0;
            for (int mu = threadIdx.x; mu < LANES * words; mu += blockDim.x) {
                sum += with_sign(row[mu / LANES], lane, m[mu]);
            }
            sum = warp_sum(sum);
            if (lane == 0) partial[k % 2][warp_of_thread()] = sum;
            __syncthreads();  // the only one: sums are in two places in turn, the old spin was read before
            int x = -count * old;
            for (int w = 0; w < warps_of_block(); w++) x += partial[k % 2][w];
            int next = decided(x, old, __shfl_sync(ALL, noise, k % LANES), cold);
            if (next == old) continue;
            flips++;
            if (threadIdx.x == 0) a.spins[site] = next;
            take_up(m, row, next, count);
        }
        write_down(record, t, flips, m, a.target, a.spins, size, count, room[t % 2]);
        rests = rests || (cold && flips == 0);
    }
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) a.overlaps[mu] = m[mu];
    if (threadIdx.x == 0) still[blockIdx.x] = rests;
}

constexpr int GROUP = LANES;
constexpr int WARPS = 8;
constexpr int EACH = GROUP / WARPS;

// sum_mu xi_i^mu M_mu of the proposals k … k + 31, those of each warp at once.
__device__ __forceinline__ void group_sums(
    int* found, const Replica& a, const int* order, int k, const int* m, int size, int words) {
    int lane = lane_of_thread(), own = warp_of_thread() * EACH, sum[EACH] = {};
    const unsigned* row[EACH];
    for (int e = 0; e < EACH; e++) {
        row[e] = a.sites + (long long)site_of(order, min(k + own + e, size - 1)) * words;
    }
    for (int w = 0; w < words; w++) {
        int overlap = m[LANES * w + lane];
        for (int e = 0; e < EACH; e++) sum[e] += with_sign(row[e][w], lane, overlap);
    }
    for (int e = 0; e < EACH; e++) {
        sum[e] = warp_sum(sum[e]);
        if (lane == 0) found[own + e] = sum[e];
    }
}

// N J_ij = sum_mu xi_i^mu xi_j^mu of two sites.
__device__ __forceinline__ int coupling(const unsigned* one, const unsigned* other, int words, int count) {
    int different = 0;
    for (int w = 0; w < words; w++) different += __popc(one[w] ^ other[w]);
    return count - 2 * different;
}

// Decide the proposals k … k + 31 in order, one in each lane of a warp; return the lanes whose spin flips.
__device__ __forceinline__ unsigned settle_group(
    const Replica& a, const int* order, int k, int t, int sum, int size, int count) {
    int lane = lane_of_thread(), words = words_of(count);
    bool real = k + lane < size, cold = a.scale == 0.0f;
    int site = site_of(order, min(k + lane, size - 1)), old = real ? a.spins[site] : 1;
    int x = sum - count * old;
    int noise = cold ? 0 : thermal_noise(decision_word(a.stream, k + lane, t), a.scale);
    const unsigned* row = a.sites + (long long)site * words;
    unsigned turned = 0;
    for (int decided_lanes = 0; decided_lanes < GROUP;) {
        int next = decided(x, old, noise, cold);
        unsigned wanted = __ballot_sync(ALL, real && lane >= decided_lanes && next != old);
        if (wanted == 0) break;
        int flip = __ffs(wanted) - 1;  // the lanes before it keep their spins
        int other = __shfl_sync(ALL, site, flip), change = 2 * __shfl_sync(ALL, next, flip);
        if (real && lane > flip) {
            x += change * coupling(row, a.sites + (long long)other * words, words, count);
        }
        turned |= 1u << flip;
        decided_lanes = flip + 1;
    }
    if (turned >> lane & 1) a.spins[site] = -old;
    return turned;
}

// What `glauber_sites` does, 32 proposals at a time; 256 threads.
extern "C" __global__ void __launch_bounds__(256) glauber_groups(
    const unsigned* sites, const int* which, const int* targets, const unsigned* streams,
    const float* scales, const int* orders, int fresh, signed char* spins, int* overlaps, int* still,
    long long* trace, int* sums, int size, int count, int first, int last, int total, int warm) {
    extern __shared__ int m[];
    __shared__ int found[GROUP];
    __shared__ unsigned turned;
    __shared__ long long room[2][LANES];
    int lane = lane_of_thread(), words = words_of(count);
    Replica a = replica_of(
        blockIdx.x, sites, which, targets, streams, scales, spins, overlaps, size, count);
    Record record = record_of(trace, sums, blockIdx.x, size, total, warm);
    bool cold = a.scale == 0.0f, rests = still[blockIdx.x];
    fetch_overlaps(m, a.overlaps, count);
    __syncthreads();
    for (int t = first; t < last; t++) {
        const int* order = order_of(orders, fresh, which[blockIdx.x], last - first, t - first, size);
        int flips = 0;
        for (int k = 0; k < size && !rests; k += GROUP) {
            group_sums(found, a, order, k, m, size, words);
            __syncthreads();
            if (warp_of_thread() == 0) {
                unsigned lanes = settle_group(a, order, k, t, found[lane], size, count);
                if (lane == 0) turned = lanes;
            }
            __syncthreads();
            unsigned left = turned;
            if (left == 0) continue;
            flips += __popc(left);
            for (; left != 0; left &= left - 1) {
                int site = site_of(order, k + __ffs(left) - 1), next = a.spins[site];
                const unsigned* row = a.sites + (long long)site * words;
                take_up(m, row, next, count);
            }
            __syncthreads();
        }
        write_down(record, t, flips, m, a.target, a.spins, size, count, room[t % 2]);
        rests = rests || (cold && flips == 0);
    }
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) a.overlaps[mu] = m[mu];
    if (threadIdx.x == 0) still[blockIdx.x] = rests;
}
