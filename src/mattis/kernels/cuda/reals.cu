// float64 by operations that are rounded one by one, and functions of them: the same bits on every machine.

// A float64 whose operations are rounded one by one, whatever the compiler would like to fuse.
struct Real {
    double value;
    Real() = default;
    __device__ __forceinline__ Real(double x) : value(x) {}
};
__device__ __forceinline__ Real operator+(Real a, Real b) { return __dadd_rn(a.value, b.value); }
__device__ __forceinline__ Real operator-(Real a, Real b) { return __dsub_rn(a.value, b.value); }
__device__ __forceinline__ Real operator*(Real a, Real b) { return __dmul_rn(a.value, b.value); }
__device__ __forceinline__ Real operator/(Real a, Real b) { return __ddiv_rn(a.value, b.value); }
__device__ __forceinline__ bool operator<(Real a, Real b) { return a.value < b.value; }
__device__ __forceinline__ Real root(Real x) { return __dsqrt_rn(x.value); }

constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
constexpr double PER_LN2 = 1.44269504088896338700e00;
constexpr double TO_INTEGER = 6755399441055744.0;  // 1.5 × 2^52: adding it rounds to an integer
constexpr long long TO_INTEGER_BITS = 0x4338000000000000;
constexpr double P1 = 1.66666666666666019037e-01, P2 = -2.77777777770155933842e-03;
constexpr double P3 = 6.61375632143793436117e-05, P4 = -1.65339022054652515390e-06;
constexpr double P5 = 4.13813679705723846039e-08;
constexpr double L1 = 6.666666666666735130e-01, L2 = 3.999999999940941908e-01;
constexpr double L3 = 2.857142874366239149e-01, L4 = 2.222219843214978396e-01;
constexpr double L5 = 1.818357216161805012e-01, L6 = 1.531383769920937332e-01;
constexpr double L7 = 1.479819860511658591e-01;

// e^x for -708 < x <= 0 by fdlibm (e_exp.c; Sun Microsystems, 1993), as in synapses.py.
__device__ __forceinline__ Real exponential(Real x) {
    Real shifted = x * PER_LN2 + TO_INTEGER;
    long long k = __double_as_longlong(shifted.value) - TO_INTEGER_BITS;
    Real steps = shifted - TO_INTEGER;
    Real high = x - steps * LN2_HIGH, low = steps * LN2_LOW;
    Real r = high - low, t = r * r, t2 = t * t;
    Real c = r - t * ((P1 + t * P2) + t2 * ((P3 + t * P4) + t2 * P5));
    Real y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    return y * __longlong_as_double((k + 1023) << 52);
}

// ln x of a normal number by fdlibm (e_log.c), as in synapses.py.
__device__ __forceinline__ Real logarithm(Real x) {
    long long bits = __double_as_longlong(x.value) + (0x3FF0000000000000 - 0x3FE6A09E00000000);
    Real k = (double)((bits >> 52) - 1023);
    Real f = __longlong_as_double((bits & 0xFFFFFFFFFFFFF) + 0x3FE6A09E00000000) - 1.0;
    Real s = f / (2.0 + f), z = s * s, w = z * z;
    Real even = w * (L2 + w * (L4 + w * L6)), odd = z * (L1 + w * (L3 + w * (L5 + w * L7)));
    Real half = 0.5 * f * f;
    return s * (half + (odd + even)) + k * LN2_LOW - half + f + k * LN2_HIGH;
}
