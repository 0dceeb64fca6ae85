"""Functions of float64 that have the same bits on every machine: exponential, logarithm, deviates, products.

By IEEE +, -, *, / and square root in a fixed order: no libm, no BLAS, no reassociation. Loops vectorise
over elements, not over terms of a sum.
"""

import math

import numpy as np
from numba import config, types
from numba.extending import intrinsic

from mattis.exact.compiler import compiled


def reinterpreted(source, target):
    """Return a function, for compiled code, of the number of type `target` with the bits of another."""
    if getattr(config, "DISABLE_JIT", 0):
        kinds = [np.dtype(str(kind)) for kind in (source, target)]
        return lambda number: np.asarray(number, kinds[0]).view(kinds[1])[()]

    @intrinsic
    def cast(_typing, _number):
        def generate(context, builder, _signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast


_bits = reinterpreted(types.float64, types.int64)
_float = reinterpreted(types.int64, types.float64)


# The exponential and the logarithm of fdlibm (e_exp.c, e_log.c; Sun Microsystems, 1993): below 1 ulp.

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
PER_LN2 = 1.44269504088896338700e00
TO_INTEGER = 6755399441055744.0  # 1.5 × 2^52: adding it rounds to an integer, in the lowest bits
TO_INTEGER_BITS = 0x4338000000000000
P1, P2, P3 = 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05
P4, P5 = -1.65339022054652515390e-06, 4.13813679705723846039e-08
L1, L2, L3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
L4, L5, L6 = 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01
L7 = 1.479819860511658591e-01


@compiled
def _powers(x):
    """Return k and e^r of x = k ln 2 + r, |r| <= ln(2)/2: a rational function of r."""
    shifted = x * PER_LN2 + TO_INTEGER
    k = _bits(shifted) - TO_INTEGER_BITS
    steps = shifted - TO_INTEGER
    high, low = x - steps * LN2_HIGH, steps * LN2_LOW
    r = high - low
    t = r * r
    t2 = t * t
    c = r - t * ((P1 + t * P2) + t2 * ((P3 + t * P4) + t2 * P5))
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    return k, y


@compiled
def usual_exponential(x):
    """Return `exponential` of |x| <= 700, without a branch: a loop over it becomes vectors."""
    k, y = _powers(x)
    return y * _float((k + 1023) << 52)


@compiled
def exponential(x):
    """Return e^x, to 1 ulp: x = k ln 2 + r, |r| <= ln(2)/2, and a rational function of r. Scalar."""
    if x < -746.0:
        return 0.0
    if not x < 710.0:
        return x + np.inf  # infinity, or not a number
    k, y = _powers(x)
    if -1022 <= k < 1024:
        return y * _float((k + 1023) << 52)
    half = k >> 1  # in two factors, since 2^k itself is not a normal number
    return y * _float((half + 1023) << 52) * _float((k - half + 1023) << 52)


@compiled
def usual_logarithm(x):
    """Return `logarithm` of a normal number x > 0, without a branch: a loop over it becomes vectors."""
    return _logarithm(x, 0)


@compiled
def _logarithm(x, shift):
    """Return ln x - shift ln 2 of a normal number x > 0."""
    bits = _bits(x) + (0x3FF0000000000000 - 0x3FE6A09E00000000)
    k = np.float64((bits >> 52) - 1023 - shift)
    f = _float((bits & 0xFFFFFFFFFFFFF) + 0x3FE6A09E00000000) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even, odd = w * (L2 + w * (L4 + w * L6)), z * (L1 + w * (L3 + w * (L5 + w * L7)))
    half = 0.5 * f * f
    return s * (half + (odd + even)) + k * LN2_LOW - half + f + k * LN2_HIGH


@compiled
def logarithm(x):
    """Return ln x, to 1 ulp: x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), s = f/(2 + f). Scalar."""
    if not x > 0.0:
        return -np.inf if x == 0.0 else np.nan
    if not x < np.inf:
        return x
    shift = 0
    if x < 2.2250738585072014e-308:
        x, shift = x * 18014398509481984.0, 54
    return _logarithm(x, shift)


# Numerators and denominators of PPND16, highest power first.

CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip
FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip


@compiled
def _rational(x, coefficients):
    """Return p(x) / q(x) by Horner's rule, both of degree 7."""
    p, q = coefficients[0][0], coefficients[1][0]
    for i in range(1, 8):
        p, q = p * x + coefficients[0][i], q * x + coefficients[1][i]
    return p / q


@compiled
def uniform(u_hi, u_lo):
    """Return (u - 1/2, min(u, 1 - u)) of two uint32 words, u = (⌊(2^32 hi + lo) / 2^11⌋ + 1/2) / 2^53.

    Both exactly: u itself would be rounded to 1 where it is nearest to it.
    """
    level = np.int64((np.uint64(u_hi) << np.uint64(21)) | (np.uint64(u_lo) >> np.uint64(11)))
    centred = (np.float64(level - (1 << 52)) + 0.5) * 1.1102230246251565e-16
    return centred, 0.5 - abs(centred)


@compiled
def quantile(centred, tail):
    """Return the standard normal quantile at u, given u - 1/2 and min(u, 1 - u). Scalar.

    M. J. Wichura, "Algorithm AS 241", Appl. Statist. 37, 477 (1988), PPND16: 1e-16 relative.
    """
    if abs(centred) <= 0.425:
        return centred * _rational(0.180625 - centred * centred, CENTRE)
    r = math.sqrt(-logarithm(tail))
    x = _rational(r - 1.6, TAIL) if r <= 5.0 else _rational(r - 5.0, FAR_TAIL)
    return x if centred > 0.0 else -x


@compiled
def normal(u_hi, u_lo):
    """Return a standard normal deviate of two uint32 words: the quantile at u as in `uniform`. |x| <= 8.3."""
    centred, tail = uniform(u_hi, u_lo)
    return quantile(centred, tail)


@compiled
def normals(out, words):
    """Fill out (n,) with standard normal deviates: number i from the words at positions 2 i, 2 i + 1.

    words  # (4, n/4 or more, rounded up) uint32, as `kernels.cpu.philox_words` writes them
    """
    for i in range(out.size):
        j, q = 2 * (i & 1), i >> 1
        out[i] = normal(words[j, q], words[j + 1, q])


@compiled
def _acceptance(y):
    """Return ln(1 + y) - y + y^2/2 - y^3/3, by its series where the terms would cancel."""
    if abs(y) > 0.01:
        return logarithm(1.0 + y) - y + y * y * (0.5 - y / 3.0)
    series = 0.0
    for power in range(12, 3, -1):
        series = 1.0 / power - y * series
    return -(y * y) * (y * y) * series


@compiled
def chi(out, words, degrees):
    """Fill out (n,) with chi deviates of integer degrees of freedom (n,); -1 where the words run out.

    chi = sqrt(2 d (1 + y)^3), y = x / sqrt(9 d), d = degrees/2 - 1/3, x normal, accepted where
    ln u < x^2/2 + d - d (1 + y)^3 + 3 d ln(1 + y) = 3 d (ln(1 + y) - y + y^2/2 - y^3/3).
    G. Marsaglia and W. W. Tsang, ACM Trans. Math. Softw. 26, 363 (2000). An attempt reads four words of
    words (n, count) uint32, two for x and two for u; one degree is |x|, and none is 0.
    """
    for i in range(out.size):
        out[i] = -1.0
        if degrees[i] <= 1:
            out[i] = abs(normal(words[i, 0], words[i, 1])) if degrees[i] == 1 else 0.0
            continue
        d = 0.5 * np.float64(degrees[i]) - 1.0 / 3.0
        for a in range(0, words.shape[1] - 3, 4):
            y = normal(words[i, a], words[i, a + 1]) / math.sqrt(9.0 * d)
            centred, _ = uniform(words[i, a + 2], words[i, a + 3])
            if y > -1.0 and logarithm(0.5 + centred) < 3.0 * d * _acceptance(y):
                out[i] = math.sqrt(2.0 * d * (1.0 + y) * (1.0 + y) * (1.0 + y))
                break


# Products of matrices: each element is summed in the order of its terms, elements side by side.

BLOCK_DEPTH, BLOCK_WIDTH = 64, 512  # a block of the right factor that stays in the L2 cache


@compiled
def _accumulate(out, first_column, coefficients, first_term, block, deep, wide):
    """Add coefficients[:, first_term:][:, :deep] @ block[:deep, :wide] to columns of out, in order."""
    for i in range(out.shape[0]):
        for k in range(0, deep - 3, 4):
            term = first_term + k
            c0, c1 = coefficients[i, term], coefficients[i, term + 1]
            c2, c3 = coefficients[i, term + 2], coefficients[i, term + 3]
            for j in range(wide):
                total = out[i, first_column + j] + c0 * block[k, j] + c1 * block[k + 1, j]
                out[i, first_column + j] = total + c2 * block[k + 2, j] + c3 * block[k + 3, j]
        for k in range(deep - deep % 4, deep):
            c0 = coefficients[i, first_term + k]
            for j in range(wide):
                out[i, first_column + j] += c0 * block[k, j]


@compiled
def combine(coefficients, vectors):
    """Return coefficients @ vectors, (n, K) × (K, d) -> (n, d), float64, summed in the order of K."""
    (terms, columns), rows = vectors.shape, coefficients.shape[0]
    out, block = np.zeros((rows, columns)), np.empty((BLOCK_DEPTH, min(BLOCK_WIDTH, columns)))
    for first_column in range(0, columns, BLOCK_WIDTH):
        wide = min(BLOCK_WIDTH, columns - first_column)
        for first_term in range(0, terms, BLOCK_DEPTH):
            deep = min(BLOCK_DEPTH, terms - first_term)
            for k in range(deep):
                for j in range(wide):
                    block[k, j] = vectors[first_term + k, first_column + j]
            _accumulate(out, first_column, coefficients, first_term, block, deep, wide)
    return out


@compiled
def gram(a, b):
    """Return the scalar products a @ b.T, (n, d) × (m, d) -> (n, m), float64, summed in the order of d."""
    (columns, terms), rows = b.shape, a.shape[0]
    out, block = np.zeros((rows, columns)), np.empty((BLOCK_DEPTH, min(BLOCK_WIDTH, columns)))
    for first_column in range(0, columns, BLOCK_WIDTH):
        wide = min(BLOCK_WIDTH, columns - first_column)
        for first_term in range(0, terms, BLOCK_DEPTH):
            deep = min(BLOCK_DEPTH, terms - first_term)
            for j in range(wide):
                for k in range(deep):
                    block[k, j] = b[first_column + j, first_term + k]
            _accumulate(out, first_column, a, first_term, block, deep, wide)
    return out
