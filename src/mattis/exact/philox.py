"""Philox4x32-10, compiled: the words of a stream by their addresses, thermal noise, random orders of sites.

The same words and the same noise as `mattis.exact.rng` makes in NumPy.
"""

import numpy as np
from numba import types

from mattis.exact.compiler import compiled
from mattis.exact.functions import reinterpreted
from mattis.exact.rng import LN2, LOG_POLYNOMIAL, LOWER_QUADS, MULTIPLIERS, ROUNDS, WEYL

INLINED = "52cb86ecbc64796f"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

M0, M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
W0, W1 = np.uint64(WEYL[0]), np.uint64(WEYL[1])
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_bits = reinterpreted(types.float32, types.int32)
_float = reinterpreted(types.int32, types.float32)
B0, B1, B2, B3, B4, B5, B6, B7, B8 = LOG_POLYNOMIAL


@compiled
def philox_words(words, stream, step, quads, first=0, place=0):
    """Fill words (4, …) with those of one step of a stream.

    words[j, place + q] is the word at position 4 (first + q) + j, q = 0 … quads - 1
    """
    for q in range(quads):
        c0, c1 = np.uint64(first + q), np.uint64(step)
        c2, c3 = np.uint64(stream[2]), np.uint64(stream[3])
        k0, k1 = np.uint64(stream[0]), np.uint64(stream[1])
        for _ in range(ROUNDS):
            left, right = M0 * c0, M1 * c2
            c0, c1 = (right >> HALF) ^ c1 ^ k0, right & MASK
            c2, c3 = (left >> HALF) ^ c3 ^ k1, left & MASK
            k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
        at = np.uint64(place + q)  # not negative: else Numba asks, and LLVM makes no vectors
        words[0, at], words[1, at] = np.uint32(c0), np.uint32(c1)
        words[2, at], words[3, at] = np.uint32(c2), np.uint32(c3)


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
def noise_of(word, scale, metropolis=False):
    """Return ⌊scale ln(u/(1-u))⌋ of one word, or ⌊scale ln u⌋: the float32 recipe of `mattis.exact.rng`."""
    u = np.float32(np.int32(word >> np.uint32(9))) + np.float32(0.5)
    rest = np.float32(8388608.0) if metropolis else np.float32(8388608.0) - u
    odds = _bits(u / rest)
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
def decision_word(upper, lower, k):
    """Return the word that decides spin k, from the words with its halves. upper, lower  # uint32"""
    if k & 1:
        return np.uint32((upper & np.uint32(0xFFFF0000)) | (lower >> np.uint32(16)))
    return np.uint32((upper << np.uint32(16)) | (lower & np.uint32(0xFFFF)))


@compiled
def thermal_noise(noise, words, stream, step, scale, metropolis=False):
    """Fill noise (8, octets), int32: noise[k % 8, k // 8] is that of the decision at position k of a step.

    words  # (4, ≥ 2 octets) uint32, to work in; metropolis  # that of Metropolis' rate
    """
    octets = noise.shape[1]
    philox_words(words, stream, step, octets)
    philox_words(words, stream, step, octets, LOWER_QUADS, octets)
    for k in range(8):
        for q in range(octets):
            word = decision_word(words[k >> 1, q], words[k >> 1, np.uint64(octets + q)], k)
            noise[k, q] = noise_of(word, scale, metropolis)
