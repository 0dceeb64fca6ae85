"""Philox4x32-10, compiled: the words of a stream by their addresses, thermal noise, random orders of sites.

The same words and the same noise as `mattis.exact.rng` makes in NumPy.
"""

import numpy as np
from numba import types

from mattis.exact.compiler import compiled
from mattis.exact.functions import reinterpreted
from mattis.exact.rng import LN2, LOG_POLYNOMIAL, MULTIPLIERS, ROUNDS, WEYL

INLINED = "c63e86205524008c"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

M0, M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
W0, W1 = np.uint64(WEYL[0]), np.uint64(WEYL[1])
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_bits = reinterpreted(types.float32, types.int32)
_float = reinterpreted(types.int32, types.float32)
B0, B1, B2, B3, B4, B5, B6, B7, B8 = LOG_POLYNOMIAL


@compiled
def philox_words(words, stream, step, quads):
    """Fill words (4, quads) with the stream's words of one step: words[j, q] is position 4 q + j."""
    for q in range(quads):
        c0, c1 = np.uint64(q), np.uint64(step)
        c2, c3 = np.uint64(stream[2]), np.uint64(stream[3])
        k0, k1 = np.uint64(stream[0]), np.uint64(stream[1])
        for _ in range(ROUNDS):
            left, right = M0 * c0, M1 * c2
            c0, c1 = (right >> HALF) ^ c1 ^ k0, right & MASK
            c2, c3 = (left >> HALF) ^ c3 ^ k1, left & MASK
            k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
        words[0, q], words[1, q] = np.uint32(c0), np.uint32(c1)
        words[2, q], words[3, q] = np.uint32(c2), np.uint32(c3)


@compiled
def fresh_order(order, words, stream, step):
    """Fill `order` with a random permutation of the sites, a function of (stream, step).

    Exchanges site i with one of 0 … i, from the last to the first, by the word at position i
    (R. A. Fisher and F. Yates, 1938; R. Durstenfeld, CACM 7, 420 (1964)); biased by less than N / 2^32.
    """
    size = order.size
    philox_words(words, stream, step, words.shape[1])
    for i in range(size):
        order[i] = i
    for i in range(size - 1, 0, -1):
        word = np.uint64(words[i & 3, i >> 2])
        j = np.int64((word * np.uint64(i + 1)) >> np.uint64(32))
        order[i], order[j] = order[j], order[i]


@compiled
def noise_of(word, scale):
    """Return ⌊scale ln(u/(1-u))⌋ of one word: the float32 recipe of `mattis.exact.rng`, step by step."""
    u = np.float32(np.int32(word >> np.uint32(9))) + np.float32(0.5)
    odds = _bits(u / (np.float32(8388608.0) - u))
    e = np.int32(np.int32(odds - np.int32(0x3F3504F3)) >> np.int32(23))
    f = _float(np.int32(odds - np.int32(e << np.int32(23)))) - np.float32(1.0)
    p = B0 * f + B1
    p = p * f + B2
    p = p * f + B3
    p = p * f + B4
    p = p * f + B5
    p = p * f + B6
    p = p * f + B7
    p = p * f + B8
    z = f * f
    y = f * z * p - np.float32(0.5) * z + f + np.float32(e) * LN2
    return np.int32(np.floor(y * scale))


@compiled
def thermal_noise(noise, words, scale):
    """Fill noise, int32, with that of words, uint32: flat, of one length."""
    for q in range(noise.size):
        noise[q] = noise_of(words[q], scale)
