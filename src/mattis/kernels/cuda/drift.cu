// Consolidation: memories that drift to shown patterns, known by their scalar products. One block follows one
// trajectory, bit by bit as `present` of synapses.py: there is the equation, and what each array is.
//
// Sums over memories are taken in the order of their rows; only what has no order is shared among threads.

constexpr double NEGLIGIBLE = 1e-17;  // a share of a memory that changes no bit of it
constexpr double FAR_BELOW = -40.0;   // e^-40 < NEGLIGIBLE / 2, and no learning rate exceeds 2

// What is shown, and what pulls beside it: the same for all trajectories of a ground.
struct Ground {
    const Real* gram;          // (K, K)
    const Real* pull;          // (N_h, K)
    const Real* bias_squares;  // (N_h,)
};

// What drifts.
struct Memories {
    Real* fields;            // (N_h, K)
    Real* taken;             // (N_h, K)
    Real* squares;           // (N_h,)
    Real* along_bias;        // (N_h,)
    Real* kept;              // (N_h,)
    Real* biased;            // (N_h,)
    Real* hebbian;           // (K,)
    long long* reached;      // (N_h,)
};

struct Rule {
    int rows;
    int columns;
    int distance;
    Real threshold;
    Real beta;
    Real eta;
};

// Shared memory of a block.
struct Room {
    Real* scores;   // (N_h,) of each memory; then the steps q of the winners
    Real* weights;  // (N_h,) of the winners
    int* winners;   // (N_h,) rising
    Real* tops;     // one of each warp; then the sum of the weights
    int* counts;    // one of each warp
};

__device__ __forceinline__ Ground ground_of(const double* grounds, int which, int rows, int columns) {
    const double* first = grounds + which * ((long long)columns * columns + rows * columns + rows);
    const Real* gram = reinterpret_cast<const Real*>(first);
    const Real* pull = gram + columns * columns;
    return {gram, pull, pull + rows * columns};
}

__device__ __forceinline__ Memories memories_of(
    double* states, long long* reached, int which, int rows, int columns) {
    double* first = states + which * (2LL * rows * columns + 4 * rows + columns);
    Real* fields = reinterpret_cast<Real*>(first);
    Real* taken = fields + rows * columns;
    Real* squares = taken + rows * columns;
    return {
        fields, taken, squares, squares + rows, squares + 2 * rows, squares + 3 * rows,
        squares + 4 * rows, reached + (long long)which * rows};
}

// The pattern that is shown at a time: in turn of a sequence if there is one, else by the word of that time.
__device__ __forceinline__ int shown_at(
    long long t, const int* sequence, int turns, const unsigned* stream,
    const unsigned long long* limits, int columns, int piece) {
    if (turns > 0) return sequence[t % turns];
    unsigned long long word = random_word(stream, (unsigned)(t % piece), (unsigned)(t / piece));
    int low = 0, high = columns - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (word < limits[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

// The rows of a warp are neighbours, so that winners are listed in order: from the first, in steps of LANES.
__device__ __forceinline__ int rows_of_warp(int rows) {
    int most = (rows + warps_of_block() - 1) / warps_of_block();
    return (most + LANES - 1) / LANES * LANES;
}

// The largest of the numbers of all threads. Its order does not matter.
__device__ __forceinline__ Real block_top(Real top, Real* tops) {
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        Real other = __shfl_xor_sync(ALL, top.value, distance);
        if (top < other) top = other;
    }
    if (lane_of_thread() == 0) tops[warp_of_thread()] = top;
    __syncthreads();
    for (int w = 0; w < warps_of_block(); w++) {
        if (top < tops[w]) top = tops[w];
    }
    return top;
}

// Score the memories against a pattern; return the best score.
__device__ __forceinline__ Real score(
    const Memories& a, const Rule& rule, const Room& room, int k, int begin, int end) {
    Real top = __longlong_as_double(0xFFF0000000000000);  // -infinity
    for (int m = begin + lane_of_thread(); m < end; m += LANES) {
        Real s = a.fields[m * rule.columns + k];
        if (rule.distance) s = s - 0.5 * a.squares[m];
        room.scores[m] = s;
        if (top < s) top = s;
    }
    return block_top(top, room.tops);
}

// Turn scores into e^{beta (s - max s)}, 0 where it does not count; return how many of the warp's count.
__device__ __forceinline__ int weigh(const Rule& rule, const Room& room, Real top, int begin, int end) {
    int count = 0;
    for (int first = begin; first < end; first += LANES) {
        int m = first + lane_of_thread();
        bool wins = false;
        if (m < end) {
            Real below = room.scores[m] - top, x = 0.0;
            if (below < 0.0) x = rule.beta * below;  // beta may be infinite
            wins = Real(FAR_BELOW) < x;
            room.scores[m] = wins ? exponential(x) : 0.0;
        }
        count += __popc(__ballot_sync(ALL, wins));
    }
    return count;
}

// List the rows of a warp that win, from a place on.
__device__ __forceinline__ void list_winners(const Room& room, int place, int begin, int end) {
    for (int first = begin; first < end; first += LANES) {
        int m = first + lane_of_thread();
        bool wins = m < end && Real(0.0) < room.scores[m];
        unsigned mask = __ballot_sync(ALL, wins);
        if (wins) {
            int mine = place + __popc(mask & ((1u << lane_of_thread()) - 1));
            room.winners[mine] = m;
            room.weights[mine] = room.scores[m];
        }
        place += __popc(mask);
    }
}

// List the memories whose softmax weight counts when a pattern is shown; return their number.
__device__ __forceinline__ int attend(const Memories& a, const Rule& rule, const Room& room, int k) {
    int most = rows_of_warp(rule.rows), begin = min(warp_of_thread() * most, rule.rows);
    int end = min(begin + most, rule.rows);
    Real top = score(a, rule, room, k, begin, end);
    int count = weigh(rule, room, top, begin, end), before = 0;
    if (lane_of_thread() == 0) room.counts[warp_of_thread()] = count;
    __syncthreads();
    count = 0;
    for (int w = 0; w < warps_of_block(); w++) {
        if (w < warp_of_thread()) before += room.counts[w];
        count += room.counts[w];
    }
    list_winners(room, before, begin, end);
    return count;
}

// The sum of the weights of the winners, in their order. Of many it is one warp's work: the adders of all others
// would do the same.
__device__ __forceinline__ Real total_weight(const Room& room, int count) {
    Real total = 0.0;
    bool for_all = count > LANES;
    if (!for_all || warp_of_thread() == 0) {
        for (int i = 0; i < count; i++) total = total + room.weights[i];
    }
    if (!for_all) return total;
    if (threadIdx.x == 0) room.tops[0] = total;
    __syncthreads();
    return room.tops[0];
}

// Move what is one number for each winner, and write its step q where its score was.
__device__ __forceinline__ void move_rows(
    const Memories& a, const Ground& ground, const Rule& rule, const Room& room, int k, int count) {
    Real rate = rule.eta / total_weight(room, count);
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        int m = room.winners[i], place = m * rule.columns + k;
        Real q = rate * room.weights[i];
        room.scores[i] = q;
        if (q < NEGLIGIBLE) continue;
        Real p = 1.0 - q, mixed = a.fields[place], reach = ground.gram[k * rule.columns + k];
        Real bias = ground.bias_squares[m];
        if (bias.value != 0.0) {
            Real along = a.along_bias[m], pull = ground.pull[place];
            mixed = mixed + along;
            reach = reach + (2.0 * pull + bias);
            a.along_bias[m] = p * along + q * (pull + bias);
        }
        a.squares[m] = p * (p * a.squares[m] + 2.0 * q * mixed) + q * q * reach;
        a.kept[m] = a.kept[m] * p;
        a.biased[m] = a.biased[m] + q * (1.0 - a.biased[m]);
    }
}

// Move what is one number for each winner and pattern, and the Pavlovian rule beside it.
__device__ __forceinline__ void move_columns(
    const Memories& a, const Ground& ground, const Rule& rule, const Room& room, int k, int count) {
    for (int e = threadIdx.x; e < count * rule.columns; e += blockDim.x) {
        int i = e / rule.columns, j = e - i * rule.columns, m = room.winners[i];
        Real q = room.scores[i];
        if (q < NEGLIGIBLE) continue;
        int place = m * rule.columns + j;
        Real target = ground.gram[k * rule.columns + j], taken = a.taken[place] * (1.0 - q);
        if (ground.bias_squares[m].value != 0.0) target = target + ground.pull[place];
        a.fields[place] = a.fields[place] + q * (target - a.fields[place]);
        a.taken[place] = j == k ? taken + q : taken;
    }
    Real forget = 1.0 - rule.eta / (double)rule.rows;
    for (int j = threadIdx.x; j < rule.columns; j += blockDim.x) {
        Real left = a.hebbian[j] * forget;
        a.hebbian[j] = j == k ? left + rule.eta : left;
    }
}

// Write down which memories are as near to their own pattern as the threshold, for the first time.
__device__ __forceinline__ void notice(
    const Memories& a, const Ground& ground, const Rule& rule, long long after) {
    if (rule.threshold.value > 1.0) return;
    for (int m = threadIdx.x; m < rule.rows; m += blockDim.x) {
        if (a.reached[m] >= 0) continue;
        int own = m * rule.columns + m;
        Real cosine = a.fields[own] / root(a.squares[m] * ground.gram[own]);
        if (cosine.value >= rule.threshold.value) a.reached[m] = after;
    }
}

// The presentations number first … last-1 of the trajectories of a launch.
//
// sequence (turns,) or no turns, where the order is random   streams (R, 4)   limits (R, K)
// firsts, lasts, which, betas, etas (R,)   grounds (G, …) and states (R, …) as above   reached (R, N_h)
// shared memory: 20 N_h bytes
extern "C" __global__ void __launch_bounds__(256, 4) present_many(
    const long long* firsts, const long long* lasts, const int* which, const double* betas,
    const double* etas, const unsigned* streams, const unsigned long long* limits, const int* sequence,
    int turns, int piece, const double* grounds, double* states, long long* reached, int rows,
    int columns, int dwell, int distance, double threshold) {
    extern __shared__ double memory[];
    __shared__ double tops[LANES];
    __shared__ int counts[LANES];
    int r = blockIdx.x;
    Real* scores = reinterpret_cast<Real*>(memory);
    Room room = {
        scores, scores + rows, reinterpret_cast<int*>(memory + 2 * rows),
        reinterpret_cast<Real*>(tops), counts};
    Rule rule = {rows, columns, distance, threshold, betas[r], etas[r]};
    Ground ground = ground_of(grounds, which[r], rows, columns);
    Memories a = memories_of(states, reached, r, rows, columns);
    notice(a, ground, rule, firsts[r]);
    int next = 0;
    for (long long t = firsts[r]; t < lasts[r]; t++) {
        int turn = (int)((t - firsts[r]) % LANES);
        if (turn == 0) {  // each lane finds one of the next 32 patterns
            next = shown_at(
                t + lane_of_thread(), sequence, turns, streams + 4 * r,
                limits + (long long)r * columns, columns, piece);
        }
        int k = __shfl_sync(ALL, next, turn);
        for (int step = 0; step < dwell; step++) {
            int count = attend(a, rule, room, k);
            __syncthreads();
            move_rows(a, ground, rule, room, k, count);
            __syncthreads();
            move_columns(a, ground, rule, room, k, count);
            __syncthreads();
        }
        notice(a, ground, rule, t + 1);
    }
}
