"""Philox4x32-10, compiled: the words of a stream by their addresses, and random orders of sites.

The same words as `mattis.exact.rng` makes in NumPy.
"""

import numpy as np

from mattis.exact.compiler import compiled
from mattis.exact.rng import MULTIPLIERS, ROUNDS, WEYL

INLINED = "63784b0a36d5b36a"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

M0, M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
W0, W1 = np.uint64(WEYL[0]), np.uint64(WEYL[1])
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


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
