// Networks with any couplings, thresholds and diagonal: one block runs one chain, with the trajectory of
// matrix.py, bit by bit.
//
//     x_i = sum_j nj_ij S_j + b_i,   S_i = sign(x_i + th_i),   x_i += 2 S_j nj_ij where S_j flips
//
// or, by Metropolis' rate, S_i flips where S_i x_i + th_i < 0.
//
// In turn: as many proposals as there are threads are looked at together. The first that flips is carried
// out, and those behind it are looked at again; those before it were decided by the fields that they would have
// had in their turn, so no proposal is ever undone. At once: all sites are decided, then each thread adds the
// rows of those that flipped to its own fields.
//
// Couplings, fields and sums are integers: their order does not matter. The one sum of floats is taken in the
// order of sites.

// A state, in shared memory where that is large enough.
template <typename Coupling, typename Field>
struct State {
    const Coupling* columns;  // (N, N) row j is what S_j does to every site
    const long long* bias;    // (N,)
    signed char* spins;       // (N,)
    Field* fields;            // (N,)
    int size;
};

// What a launch is given; the arrays that a kernel has no use for may have one element.
//
// columns  (circuits, N, N)   bias  (circuits, N)   targets  (rows, N)   which, settles  (chains,)
// follow   (chains, piece, R) rows of the targets   scales  (chains, piece)   streams  (chains, 4)
// orders   (order streams, piece, N)   queue  (chains,) the order of each chain, or -1 for 0 … N-1
// spins, fields, flipped, changed  (chains, N)   sums  (chains, 2, N)
// overlaps  (chains, R, piece)   trace  (chains, 3, piece) zeros   excess  (chains, piece) where `heated`
// ends     (chains, 2) sweeps before a fixed point or a two-cycle, and its period: 0 for neither
//
// The sweeps first … last-1 are run, at most `piece` of them.
#define PARAMETERS(Coupling, Field)                                                                          \
    const Coupling *columns, const long long *bias, const short *targets, const int *which,                  \
        const signed char *settles, const unsigned *streams, const int *follow, const float *scales,         \
        const int *orders, const int *queue, signed char *spins, Field *fields, signed char *flipped,        \
        int *changed, long long *overlaps, long long *trace, double *excess, int *sums, int *ends, int size, \
        int followed, int piece, int first, int last, int warm, int middle, int heated, int metropolis,      \
        int resident
#define ARGUMENTS                                                                                           \
    columns, bias, targets, which, settles, streams, follow, scales, orders, queue, spins, fields, flipped, \
        changed, overlaps, trace, excess, sums, ends, size, followed, piece, first, last, warm, middle,     \
        heated, metropolis, resident

template <typename Coupling, typename Field>
struct Launch {
    const Coupling* columns;
    const long long* bias;
    const short* targets;
    const int* which;
    const signed char* settles;
    const unsigned* streams;
    const int* follow;
    const float* scales;
    const int* orders;
    const int* queue;
    signed char* spins;
    Field* fields;
    signed char* flipped;
    int* changed;
    long long* overlaps;
    long long* trace;
    double* excess;
    int* sums;
    int* ends;
    int size;
    int followed;
    int piece;
    int first;
    int last;
    int warm;
    int middle;
    int heated;
    int metropolis;
    int resident;
};

// The place of the chain of this block in arrays that have `each` elements for a chain.
__device__ __forceinline__ long long own(long long each) { return blockIdx.x * each; }

// Bring the state of a chain in; at its first sweep its fields are made, a thread for each site.
template <typename Coupling, typename Field>
__device__ State<Coupling, Field> fetched(const Launch<Coupling, Field>& a, void* shared) {
    long long circuit = a.which[blockIdx.x], size = a.size;
    signed char* spins = a.spins + own(size);
    Field* fields = a.fields + own(size);
    State<Coupling, Field> state = {
        a.columns + circuit * size * size, a.bias + circuit * size, spins, fields, a.size};
    if (a.resident) {
        state.fields = static_cast<Field*>(shared);
        state.spins = reinterpret_cast<signed char*>(state.fields + size);
        for (int i = threadIdx.x; i < size; i += blockDim.x) {
            state.spins[i] = spins[i];
            state.fields[i] = fields[i];
        }
    }
    __syncthreads();
    if (a.first > 0) return state;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        Field x = (Field)state.bias[i];
        for (int j = 0; j < size; j++) x += (Field)state.columns[j * size + i] * state.spins[j];
        state.fields[i] = x;
    }
    __syncthreads();
    return state;
}

// Keep the state of a chain for the next launch.
template <typename Coupling, typename Field>
__device__ void keep(const Launch<Coupling, Field>& a, const State<Coupling, Field>& state) {
    if (!a.resident) return;
    for (int i = threadIdx.x; i < a.size; i += blockDim.x) {
        a.spins[own(a.size) + i] = state.spins[i];
        a.fields[own(a.size) + i] = state.fields[i];
    }
}

// The new state of a spin with the field x. At T = 0 a field of zero keeps the spin, or turns it.
template <typename Field>
__device__ __forceinline__ int wanted(Field x, int noise, int old, bool cold, bool metropolis) {
    if (cold) return x == 0 ? (metropolis ? -old : old) : (x > 0 ? 1 : -1);
    return (long long)x + (metropolis && old < 0 ? ~noise : noise) >= 0 ? 1 : -1;
}

// The noise of the positions 4 part … 4 part + 3 of a sweep: half an octet, from two words of each quad.
__device__ __forceinline__ int4 noise_of(
    int part, int t, const unsigned* stream, float scale, bool metropolis) {
    uint4 upper = quad_of(stream, part >> 1, t), lower = quad_of(stream, LOWER_QUADS + (part >> 1), t);
    uint2 above = part & 1 ? make_uint2(upper.z, upper.w) : make_uint2(upper.x, upper.y);
    uint2 below = part & 1 ? make_uint2(lower.z, lower.w) : make_uint2(lower.x, lower.y);
    return make_int4(
        thermal_noise(joined(above.x, below.x, 0), scale, metropolis),
        thermal_noise(joined(above.x, below.x, 1), scale, metropolis),
        thermal_noise(joined(above.y, below.y, 0), scale, metropolis),
        thermal_noise(joined(above.y, below.y, 1), scale, metropolis));
}

constexpr int NONE = 0x7fffffff;

// The first thread whose proposal flips its spin, × 2, + 1 if that rises; NONE if no proposal does. All threads
// come here, with another half of the marks than the last time: a thread that still reads is not disturbed.
__device__ int first_flip(bool flips, bool rises, int* marks) {
    unsigned flipping = __ballot_sync(ALL, flips), rising = __ballot_sync(ALL, rises);
    if (lane_of_thread() == 0) {
        int lane = __ffs(flipping) - 1, thread = LANES * warp_of_thread() + lane;
        marks[warp_of_thread()] = flipping ? 2 * thread + (rising >> lane & 1) : NONE;
    }
    __syncthreads();
    int found = NONE;
    for (int w = 0; w < warps_of_block(); w++) found = min(found, marks[w]);
    return found;
}

// Set a spin to its opposite and bring every field up to date.
template <typename Coupling, typename Field>
__device__ void flip(const State<Coupling, Field>& state, int site, int spin) {
    const Coupling* row = state.columns + (long long)site * state.size;
    Field change = 2 * spin;
    for (int i = threadIdx.x; i < state.size; i += blockDim.x) state.fields[i] += change * (Field)row[i];
    if (threadIdx.x == 0) state.spins[site] = spin;
    __syncthreads();
}

// Update one site after the other; return the flips.
// order  (N,) or nullptr for 0 … N-1   noise  (4 × threads,)   marks  (2, 32) whose halves are used in turns
template <typename Coupling, typename Field>
__device__ int sweep_in_turn(
    const State<Coupling, Field>& state, int t, const unsigned* stream, float scale, bool metropolis,
    const int* order, int4* noise, int* marks, int& turns) {
    int flips = 0, tile = 4 * blockDim.x;
    bool cold = scale == 0.0f;
    for (int first = 0; first < state.size; first += tile) {
        if (!cold) {
            noise[threadIdx.x] = noise_of(first / 4 + threadIdx.x, t, stream, scale, metropolis);
            __syncthreads();
        }
        int last = min(first + tile, state.size);
        for (int next = first; next < last;) {
            int k = next + threadIdx.x, old = 0, spin = 0;
            if (k < last) {
                int site = order ? order[k] : k, th = cold ? 0 : reinterpret_cast<int*>(noise)[k - first];
                old = state.spins[site];
                spin = wanted(state.fields[site], th, old, cold, metropolis);
            }
            int found = first_flip(spin != old, spin > 0, marks + LANES * (turns++ & 1));
            if (found == NONE) {
                next += blockDim.x;
                continue;
            }
            k = next + found / 2;
            flip(state, order ? order[k] : k, found % 2 ? 1 : -1);
            flips++;
            next = k + 1;
        }
    }
    return flips;
}

// Write down what the state after a sweep is like, and add it to the sums of its half.
template <typename Coupling, typename Field>
__device__ void look(
    const Launch<Coupling, Field>& a, const State<Coupling, Field>& state, int t, int flips) {
    int place = t - a.first, lane = lane_of_thread();
    const int* follow = a.follow + (own(a.piece) + place) * a.followed;
    for (int r = warp_of_thread(); r < a.followed; r += warps_of_block()) {
        const short* target = a.targets + (long long)follow[r] * a.size;
        long long overlap = 0;
        for (int i = lane; i < a.size; i += LANES) overlap += target[i] * state.spins[i];
        overlap = warp_sum(overlap);
        if (lane == 0) a.overlaps[own(a.followed * a.piece) + r * a.piece + place] = overlap;
    }
    int* half = a.sums + own(2 * a.size) + (t < a.middle ? 0 : a.size);
    long long aligned = 0, magnitude = 0;
    for (int i = threadIdx.x; i < a.size; i += blockDim.x) {
        long long x = state.fields[i];
        aligned += state.spins[i] * (x + state.bias[i]);
        magnitude += x < 0 ? -x : x;
        if (t >= a.warm) half[i] += state.spins[i];
    }
    aligned = warp_sum(aligned);
    magnitude = warp_sum(magnitude);
    unsigned long long* trace = reinterpret_cast<unsigned long long*>(a.trace) + own(3 * a.piece) + place;
    if (lane == 0) {
        atomicAdd(trace, (unsigned long long)aligned);
        atomicAdd(trace + 2 * a.piece, (unsigned long long)magnitude);
    }
    if (threadIdx.x == 0) trace[a.piece] = flips;
}

// Write down that nothing new will come: the state after sweep t is a fixed point, or one of a cycle of two.
__device__ __forceinline__ void come_to_an_end(int* ends, int t, int period) {
    if (threadIdx.x != 0) return;
    ends[own(2)] = t;
    ends[own(2) + 1] = period;
}

template <typename Coupling, typename Field>
__device__ void run_in_turn(const Launch<Coupling, Field>& a) {
    extern __shared__ int4 shared[];
    if (a.ends[own(2) + 1] > 0) return;
    int* marks = reinterpret_cast<int*>(shared + blockDim.x);
    State<Coupling, Field> state = fetched(a, marks + 2 * LANES);
    int turns = 0, queue = a.queue[blockIdx.x];
    for (int t = a.first; t < a.last; t++) {
        long long place = t - a.first;
        const int* order = queue < 0 ? nullptr : a.orders + (queue * (long long)a.piece + place) * a.size;
        float scale = a.scales[own(a.piece) + place];
        int flips = sweep_in_turn(
            state, t, a.streams + own(4), scale, a.metropolis, order, shared, marks, turns);
        look(a, state, t, flips);
        if (flips == 0 && a.settles[blockIdx.x]) {
            come_to_an_end(a.ends, t, 1);
            break;
        }
    }
    keep(a, state);
}

// Decide all sites by the old state, list those that flip as 2 × site + (it rises), and mark them; return
// whether they are others than in the sweep before.
template <typename Coupling, typename Field>
__device__ bool decide_all(
    const State<Coupling, Field>& state, int t, const unsigned* stream, float scale, signed char* flipped,
    int* changed, int* count) {
    bool differs = false, cold = scale == 0.0f;
    for (int part = threadIdx.x; 4 * part < state.size; part += blockDim.x) {
        int4 noise = cold ? make_int4(0, 0, 0, 0) : noise_of(part, t, stream, scale, false);
        for (int j = 0; j < 4; j++) {
            int i = 4 * part + j, th = j == 0 ? noise.x : j == 1 ? noise.y : j == 2 ? noise.z : noise.w;
            if (i >= state.size) break;
            int old = state.spins[i], spin = wanted(state.fields[i], th, old, cold, false);
            differs = differs || (spin != old) != (flipped[i] != 0);
            flipped[i] = spin != old;
            if (spin != old) changed[atomicAdd(count, 1)] = 2 * i + (spin > 0);
        }
    }
    return __syncthreads_or(differs);
}

// Flip the sites of a list and bring every field up to date.
template <typename Coupling, typename Field>
__device__ void flip_all(const State<Coupling, Field>& state, const int* changed, int count) {
    for (int c = threadIdx.x; c < count; c += blockDim.x) {
        state.spins[changed[c] / 2] = changed[c] % 2 ? 1 : -1;
    }
    for (int i = threadIdx.x; i < state.size; i += blockDim.x) {
        Field sum = 0;
        for (int c = 0; c < count; c++) {
            Field nj = (Field)state.columns[(long long)(changed[c] / 2) * state.size + i];
            sum += changed[c] % 2 ? nj : -nj;
        }
        state.fields[i] += 2 * sum;
    }
    __syncthreads();
}

// ln(1 + e^-y), y >= 0; from y = 40 on e^-y is less than half of the last bit of 1, and the logarithm 0.
__device__ __forceinline__ Real softplus(double y) {
    return y < 40.0 ? logarithm(1.0 + exponential(-y)) : 0.0;
}

// sum_i ln(1 + exp(-|x_i|/width)), in the order of sites: the result of thread 0. terms  (2 × threads,)
template <typename Coupling, typename Field>
__device__ double excess_of(const State<Coupling, Field>& state, float scale, Real* terms) {
    Real total = 0.0, width = (double)scale;
    int side = 0;
    for (int first = 0; first < state.size; first += blockDim.x) {
        Real* tile = terms + side * blockDim.x;
        int i = first + threadIdx.x, count = min(blockDim.x, state.size - first);
        if (i < state.size) {
            Real field = fabs((double)state.fields[i]);
            tile[threadIdx.x] = softplus((field / width).value);
        }
        __syncthreads();  // the only one of a tile: the next is written to the other side
        for (int k = 0; k < count && threadIdx.x == 0; k++) total = total + tile[k];
        side = 1 - side;
    }
    return total.value;
}

template <typename Coupling, typename Field>
__device__ void run_at_once(const Launch<Coupling, Field>& a) {
    extern __shared__ int4 shared[];
    if (a.ends[own(2) + 1] > 0) return;
    int* counts = reinterpret_cast<int*>(shared + blockDim.x);
    int* changed = a.changed + own(a.size);
    if (threadIdx.x < 2) counts[threadIdx.x] = 0;
    State<Coupling, Field> state = fetched(a, counts + 2 * LANES);
    for (int t = a.first; t < a.last; t++) {
        float scale = a.scales[own(a.piece) + t - a.first];
        int* count = counts + (t & 1);
        bool differs = decide_all(
            state, t, a.streams + own(4), scale, a.flipped + own(a.size), changed, count);
        if (threadIdx.x == 0) counts[1 - (t & 1)] = 0;  // read for the last time before that barrier
        int flips = *count;
        flip_all(state, changed, flips);
        look(a, state, t, flips);
        if (a.heated && scale > 0.0f) {
            double excess = excess_of(state, scale, reinterpret_cast<Real*>(shared));
            if (threadIdx.x == 0) a.excess[own(a.piece) + t - a.first] = excess;
        }
        if (a.settles[blockIdx.x] && (flips == 0 || !differs)) {
            come_to_an_end(a.ends, t, flips == 0 ? 1 : 2);
            break;
        }
    }
    keep(a, state);
}

// One kernel for each update and each width of couplings; those of 64 bits have fields of 64 bits. With
// registers for four blocks at once (not five, which the compiler would like) none is spilled.
// shared memory: 16 × threads + 256 bytes, and N (1 + bytes of a field) where `resident`
#define KERNEL(name, run, Coupling, Field)                                                   \
    extern "C" __global__ void __launch_bounds__(256, 4) name(PARAMETERS(Coupling, Field)) { \
        run(Launch<Coupling, Field>{ARGUMENTS});                                             \
    }

KERNEL(circuit_in_turn_8, run_in_turn, signed char, int)
KERNEL(circuit_in_turn_16, run_in_turn, short, int)
KERNEL(circuit_in_turn_32, run_in_turn, int, int)
KERNEL(circuit_in_turn_64, run_in_turn, long long, long long)
KERNEL(circuit_at_once_8, run_at_once, signed char, int)
KERNEL(circuit_at_once_16, run_at_once, short, int)
KERNEL(circuit_at_once_32, run_at_once, int, int)
KERNEL(circuit_at_once_64, run_at_once, long long, long long)
