// Dense associative memory of binary neurons at T = 0: one block aligns one replica, one site after the other.
// D. Krotov and J. J. Hopfield, NIPS 29, 1172 (2016); the same states as in dense.py, bit by bit.
//
//     S_i <- sgn sum_mu xi_i^mu D(y_mu),  y = M_mu - xi_i^mu S_i, or M_mu itself where `own`;  S_i stays at 0
//
// Every thread keeps the overlaps of its own patterns, so that a flip needs no barrier.

constexpr int MOST_THREADS = 256;
constexpr int CHAINS = 4;  // sums of a thread that do not wait for each other

// What patterns say to a site, by their overlaps.
template <typename Number>
struct Rule {
    const Number* table;  // (2N + 1,) D(y) at y + N
    int size;
    bool own;

    __device__ Number of(int overlap, bool up, int spin) const {
        int y = own ? overlap : overlap - (up ? spin : -spin);
        Number said = table[y + size];
        return up ? said : -said;
    }
};

// Whether the pattern mu of this thread has +1 at the site whose words are given.
__device__ __forceinline__ bool is_up(const unsigned* row, int mu) {
    return row[mu / LANES] >> (mu % LANES) & 1;
}

// Room for the sums over a block: sites in turn use one half and the other, so that none waits for readers.
struct Integers {
    long long halves[2][LANES];
};

struct Reals {
    double said[2][MOST_THREADS];
    double total;
};

// The field of a site, in each thread. Integers: any order gives the same sum.
__device__ __forceinline__ long long field(
    Integers& room, const Rule<long long>& rule, const unsigned* row, const int* m, int spin, int count,
    int site) {
    long long sums[CHAINS] = {};
    for (int first = threadIdx.x; first < count; first += CHAINS * blockDim.x) {
#pragma unroll
        for (int c = 0; c < CHAINS; c++) {
            int mu = first + c * blockDim.x;
            if (mu < count) sums[c] += rule.of(m[mu], is_up(row, mu), spin);
        }
    }
    return block_sum((sums[0] + sums[1]) + (sums[2] + sums[3]), room.halves[site % 2]);
}

// Reals: all threads look up what the patterns say; one adds it in their order, while the others look up the next.
__device__ __forceinline__ double field(
    Reals& room, const Rule<double>& rule, const unsigned* row, const int* m, int spin, int count, int) {
    double sum = 0.0;
    for (int first = 0, half = 0; first < count; first += blockDim.x, half = 1 - half) {
        int mu = first + threadIdx.x, here = min((int)blockDim.x, count - first);
        if (mu < count) room.said[half][threadIdx.x] = rule.of(m[mu], is_up(row, mu), spin);
        __syncthreads();
        if (threadIdx.x != 0) continue;
#pragma unroll 8  // what is added is there before it is its turn
        for (int k = 0; k < here; k++) sum += room.said[half][k];
    }
    if (threadIdx.x == 0) room.total = sum;
    __syncthreads();
    return room.total;
}

// One sweep; returns whether a spin changed, in each thread. Thread 0 writes a spin, and all read it in the next
// sweep, behind a barrier of another site: N >= 2.
template <typename Room, typename Number>
__device__ bool sweep_changes(
    Room& room, const Rule<Number>& rule, const unsigned* sites, int* m, signed char* spins, int sweep,
    int count) {
    bool changed = false;
    for (int i = 0; i < rule.size; i++) {
        const unsigned* row = sites + (long long)i * words_of(count);
        int spin = spins[i];
        Number total = field(room, rule, row, m, spin, count, sweep * rule.size + i);
        if (total * spin >= 0) continue;
        if (threadIdx.x == 0) spins[i] = (signed char)-spin;
        for (int mu = threadIdx.x; mu < count; mu += blockDim.x) {
            m[mu] -= is_up(row, mu) ? 2 * spin : -2 * spin;
        }
        changed = true;
    }
    return changed;
}

// Sweeps until one changes nothing, `most` at most; the sweeps before it are added to `made`.
template <typename Room, typename Number>
__device__ void align(
    Room& room, const unsigned* sites, const int* which, const int* rules, const Number* tables,
    signed char* spins, int* overlaps, int* made, int size, int count, int own, int most) {
    extern __shared__ int m[];
    long long place = blockIdx.x, set = which[blockIdx.x], rule = rules[blockIdx.x];
    Rule<Number> mine = {tables + rule * (2 * size + 1), size, own != 0};
    int* kept = overlaps + place * count;
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) m[mu] = kept[mu];
    const unsigned* here = sites + set * size * words_of(count);
    int sweep = 0;
    while (sweep < most && sweep_changes(room, mine, here, m, spins + place * size, sweep, count)) sweep++;
    for (int mu = threadIdx.x; mu < count; mu += blockDim.x) kept[mu] = m[mu];
    if (threadIdx.x == 0) made[blockIdx.x] += sweep;
}

// sites  (sets, N, ⌈P/32⌉)   which, rules, made  (R,)   tables  (rules, 2N + 1)   spins  (R, N)
// overlaps  (R, P)           shared memory: 4 P bytes
extern "C" __global__ void __launch_bounds__(MOST_THREADS) align_by_integers(
    const unsigned* sites, const int* which, const int* rules, const long long* tables,
    signed char* spins, int* overlaps, int* made, int size, int count, int own, int most) {
    __shared__ Integers room;
    align(room, sites, which, rules, tables, spins, overlaps, made, size, count, own, most);
}

extern "C" __global__ void __launch_bounds__(MOST_THREADS) align_by_reals(
    const unsigned* sites, const int* which, const int* rules, const double* tables,
    signed char* spins, int* overlaps, int* made, int size, int count, int own, int most) {
    __shared__ Reals room;
    align(room, sites, which, rules, tables, spins, overlaps, made, size, count, own, most);
}
