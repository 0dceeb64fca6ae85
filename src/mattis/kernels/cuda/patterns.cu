// Random patterns, cues and orders of sites, by the addresses of their words: those of `mattis.exact`, bit by bit.

// The rows of patterns in bits: pattern mu is step mu of the stream of its set, bit i its site i. A block for each.
// streams  (sets, 4)   rows  (sets, P, ⌈N/32⌉)
extern "C" __global__ void __launch_bounds__(128) draw_patterns(
    const unsigned* streams, unsigned* rows, int size, int count) {
    int wide = words_of(size), set = blockIdx.x / count, mu = blockIdx.x % count;
    unsigned* row = rows + (long long)blockIdx.x * wide;
    for (int q = threadIdx.x; 4 * q < wide; q += blockDim.x) {
        uint4 quad = quad_of(streams + 4 * set, q, mu);
        for (int w = 4 * q; w < min(4 * q + 4, wide); w++) {
            int left = size - LANES * w;
            row[w] = word_of(quad, w) & (left < LANES ? (1u << left) - 1 : ALL);
        }
    }
}

// The same by site, and these word by word: a block for each word of patterns, a warp for 32 sites at a time.
// sites  (sets, N, ⌈P/32⌉)   columns  (sets, ⌈P/32⌉, N)
extern "C" __global__ void __launch_bounds__(128) turn_patterns(
    const unsigned* rows, unsigned* sites, unsigned* columns, int size, int count) {
    int words = words_of(count), wide = words_of(size), w = blockIdx.x % words;
    int lane = lane_of_thread(), mu = LANES * w + lane;
    long long set = blockIdx.x / words;
    for (int v = warp_of_thread(); v < wide; v += warps_of_block()) {
        unsigned mine = transposed(mu < count ? rows[(set * count + mu) * wide + v] : 0);
        int i = LANES * v + lane;
        if (i >= size) continue;
        sites[(set * size + i) * words + w] = mine;
        columns[(set * words + w) * size + i] = mine;
    }
}

constexpr int DIGITS = 256;  // of eight bits

// Visit the sites of this thread, each with its word of step 0 of a stream.
template <typename Visit>
__device__ __forceinline__ void for_words(const unsigned* stream, int size, Visit visit) {
    for (int q = threadIdx.x; 4 * q < size; q += blockDim.x) {
        uint4 quad = quad_of(stream, q, 0);
        for (int i = 4 * q; i < min(4 * q + 4, size); i++) visit(i, word_of(quad, i));
    }
}

// Noisy cues: those sites differ from the pattern whose words are the `flips` smallest, ties by site. A block for
// each finds the largest such word digit by digit, from the highest, by counting the words that begin like it.
// which, targets, flips  (R,)   streams  (R, 4)   spins  (R, N)
extern "C" __global__ void __launch_bounds__(256) draw_cues(
    const unsigned* rows, const int* which, const int* targets, const unsigned* streams, const int* flips,
    signed char* spins, int size, int count) {
    __shared__ int numbers[DIGITS];
    __shared__ int found[3];  // the digit; of the words that begin so: how many flip, and how many there are
    long long place = blockIdx.x;
    const unsigned* row = rows + ((long long)which[place] * count + targets[place]) * words_of(size);
    const unsigned* stream = streams + 4 * place;
    int rank = flips[place], alike = 0;
    bool any = rank > 0;
    unsigned largest = 0;
    for (int shift = 24; shift >= 0 && any; shift -= 8) {
        for (int d = threadIdx.x; d < DIGITS; d += blockDim.x) numbers[d] = 0;
        __syncthreads();
        for_words(stream, size, [&](int, unsigned word) {
            if (((unsigned long long)(word ^ largest) >> (shift + 8)) == 0) {
                atomicAdd(numbers + (word >> shift & (DIGITS - 1)), 1);
            }
        });
        __syncthreads();
        for (int d = threadIdx.x; d < DIGITS; d += blockDim.x) {
            int below = 0;
            for (int e = 0; e < d; e++) below += numbers[e];
            if (below < rank && rank <= below + numbers[d]) {
                found[0] = d, found[1] = rank - below, found[2] = numbers[d];
            }
        }
        __syncthreads();
        largest |= (unsigned)found[0] << shift;
        rank = found[1];
        alike = found[2];
    }
    for_words(stream, size, [&](int i, unsigned word) {
        bool flip = any && word <= largest;
        if (flip && word == largest && rank < alike) {  // only the first of those that are alike
            int before = 0;
            for (int j = 0; j < i; j++) before += random_word(stream, j, 0) == largest;
            flip = before < rank;
        }
        spins[place * size + i] = (row[i / LANES] >> i % LANES & 1) != flip ? 1 : -1;
    });
}

constexpr int PARTNERS = 128;

// Random orders of the sites, those of `fresh_order`: from the last site to the first, each is exchanged with one of
// those up to it. A warp for each order: all lanes draw, one exchanges, in shared memory where that holds an order.
// streams  (orders, 4)   orders  (orders, steps, N) of the steps from `first` on
// shared memory: 4 N bytes where `resident`
extern "C" __global__ void __launch_bounds__(32) draw_orders(
    const unsigned* streams, int* orders, int size, int steps, int first, int resident) {
    extern __shared__ int shared_order[];
    __shared__ int partners[PARTNERS];
    int lane = lane_of_thread(), step = first + blockIdx.x % steps;
    int* own = orders + (long long)blockIdx.x * size;
    int* order = resident ? shared_order : own;
    for (int i = lane; i < size; i += LANES) order[i] = i;
    for (int tile = (size - 1) / PARTNERS * PARTNERS; tile >= 0; tile -= PARTNERS) {
        uint4 quad = quad_of(streams + 4 * (blockIdx.x / steps), tile / 4 + lane, step);
        for (int j = 0; j < 4; j++) {
            partners[4 * lane + j] = __umulhi(word_of(quad, j), tile + 4 * lane + j + 1);
        }
        __syncwarp();
        for (int i = min(tile + PARTNERS, size) - 1; i >= tile && lane == 0; i--) {
            int other = partners[i - tile], site = order[i];
            order[i] = order[other];
            order[other] = site;
        }
        __syncwarp();
    }
    for (int i = lane; i < size && resident; i += LANES) own[i] = order[i];
}
