// Random words and thermal noise by the project's one recipe: rng.py and cpu.py, operation by operation.

// The four words of Philox4x32-10 at a counter (J. K. Salmon et al., SC'11 (2011), table 2).
__device__ __forceinline__ uint4 philox(uint4 counter, uint2 key) {
    for (int round = 0; round < 10; round++) {
        unsigned left_high = __umulhi(0xD2511F53u, counter.x);
        unsigned left_low = 0xD2511F53u * counter.x;
        unsigned right_high = __umulhi(0xCD9E8D57u, counter.z);
        unsigned right_low = 0xCD9E8D57u * counter.z;
        counter = make_uint4(
            right_high ^ counter.y ^ key.x, right_low, left_high ^ counter.w ^ key.y, left_low);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    return counter;
}

// Quad `number` of the words of a step of a stream (key 0, key 1, tail 0, tail 1).
__device__ __forceinline__ uint4 quad_of(const unsigned* stream, unsigned number, unsigned step) {
    return philox(make_uint4(number, step, stream[2], stream[3]), make_uint2(stream[0], stream[1]));
}

// Word j mod 4 of a quad.
__device__ __forceinline__ unsigned word_of(uint4 quad, unsigned j) {
    unsigned first = j & 1 ? quad.y : quad.x, last = j & 1 ? quad.w : quad.z;
    return j & 2 ? last : first;
}

// The word at a position of a step of a stream.
__device__ __forceinline__ unsigned random_word(const unsigned* stream, unsigned position, unsigned step) {
    return word_of(quad_of(stream, position >> 2, step), position);
}

// The first quad of the lower halves of decisions.
constexpr unsigned LOWER_QUADS = 0x80000000u;

// The word of a decision, from the words with its halves: the low half of a word comes first.
__device__ __forceinline__ unsigned joined(unsigned upper, unsigned lower, unsigned position) {
    return position & 1 ? (upper & 0xFFFF0000u) | lower >> 16 : upper << 16 | (lower & 0xFFFFu);
}

// The word that decides the spin at a position of a step.
__device__ __forceinline__ unsigned decision_word(
    const unsigned* stream, unsigned position, unsigned step) {
    uint4 upper = quad_of(stream, position >> 3, step);
    uint4 lower = quad_of(stream, LOWER_QUADS + (position >> 3), step);
    return joined(word_of(upper, position >> 1), word_of(lower, position >> 1), position);
}

// ln(u / (1 - u)) of a word read as a uniform, or ln u for Metropolis' rate: float32 steps that are never
// fused nor reordered.
__device__ __forceinline__ float log_odds(unsigned word, bool metropolis = false) {
    float u = __fadd_rn((float)(int)(word >> 9), 0.5f);
    float odds = __fdiv_rn(u, metropolis ? 8388608.0f : __fsub_rn(8388608.0f, u));
    int bits = __float_as_int(odds);
    int exponent = (bits - 0x3F3504F3) >> 23;
    float f = __fsub_rn(__int_as_float(bits - (exponent << 23)), 1.0f);
    float p = 7.0376836292e-2f;
    p = __fadd_rn(__fmul_rn(p, f), -1.1514610310e-1f);
    p = __fadd_rn(__fmul_rn(p, f), 1.1676998740e-1f);
    p = __fadd_rn(__fmul_rn(p, f), -1.2420140846e-1f);
    p = __fadd_rn(__fmul_rn(p, f), 1.4249322787e-1f);
    p = __fadd_rn(__fmul_rn(p, f), -1.6668057665e-1f);
    p = __fadd_rn(__fmul_rn(p, f), 2.0000714765e-1f);
    p = __fadd_rn(__fmul_rn(p, f), -2.4999993993e-1f);
    p = __fadd_rn(__fmul_rn(p, f), 3.3333331174e-1f);
    float z = __fmul_rn(f, f);
    float tail = __fsub_rn(__fmul_rn(__fmul_rn(f, z), p), __fmul_rn(0.5f, z));
    return __fadd_rn(__fadd_rn(tail, f), __fmul_rn((float)exponent, 0.6931471805599453f));
}

// The integer thermal noise floor(scale ln(u/(1-u))): the new spin is +1 where N h + noise >= 0. Or that of
// Metropolis' rate, floor(scale ln u): the spin flips where S N h + noise < 0.
__device__ __forceinline__ int thermal_noise(unsigned word, float scale, bool metropolis = false) {
    return __float2int_rd(__fmul_rn(log_odds(word, metropolis), scale));
}

// The new spin of a site with the field x; at T = 0 a field of zero keeps the spin.
__device__ __forceinline__ int decided(int x, int old, int noise, bool cold) {
    if (cold) return x == 0 ? old : (x > 0 ? 1 : -1);
    return (long long)x + noise >= 0 ? 1 : -1;
}
