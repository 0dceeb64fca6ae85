"""Gaussian vectors known by their scalar products: coordinates whose number does not grow with N_v.

A set of n Gaussian vectors in N dimensions can be turned so that vector i has no component
along the axes after i: a rotation changes neither their law nor their scalar products. What is left is
the lower triangle of M. S. Bartlett, Proc. R. Soc. Edinburgh 53, 260 (1933), so that N = 10^9 costs no
more than N = n, and every product of the vectors and of their sums has the law it has in N dimensions.

The numbers of a vector come from its own step of the stream, however many vectors are asked for.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from mattis import exact
from mattis.exact.arrays import Reals
from mattis.exact.rng import Stream

LENGTHS = 2**31
"""The step of the stream from which the lengths of vectors come: number i from this plus i."""

CHI_ATTEMPTS = 4
"""Attempts at a chi deviate for which words are drawn at first; each fails in less than one of 20 cases."""


def normals(stream: Stream, count: int, steps: ArrayLike) -> Reals:
    """Return standard normal deviates, (len(steps), count): number i from words 2 i, 2 i + 1 of its step.

    x = Phi^{-1}(u), u = (⌊(2^32 w_{2i} + w_{2i+1}) / 2^11⌋ + 1/2) / 2^53, by Wichura's AS 241.
    """
    rows = np.atleast_1d(np.asarray(steps, np.int64))
    out = np.empty((rows.size, count))
    words, packed = np.empty((4, -(-count // 2)), np.uint32), stream.packed()
    for row, step in zip(out, rows.tolist(), strict=True):
        exact.philox.philox_words(words, packed, step, words.shape[1])
        exact.functions.normals(row, words)
    return out


def chi(stream: Stream, degrees: ArrayLike, steps: ArrayLike) -> Reals:
    """Return chi deviates with integer degrees of freedom (n,), each from its step of the stream, (n,).

    The length of a Gaussian vector in so many dimensions, 0 in none, by G. Marsaglia and W. W. Tsang,
    ACM Trans. Math. Softw. 26, 363 (2000); attempt a reads the words 4 a ... 4 a + 3.
    """
    freedom, rows = np.broadcast_arrays(np.asarray(degrees, np.int64), np.asarray(steps, np.int64))
    out, words_each = np.full(freedom.size, -1.0), 4 * CHI_ATTEMPTS
    while (open_ := np.flatnonzero(out < 0)).size:
        values = np.empty(open_.size)
        words = stream.words(words_each, rows.ravel()[open_])
        exact.functions.chi(values, words, freedom.ravel()[open_])
        out[open_] = values
        words_each *= 2
    return out.reshape(freedom.shape)


def bartlett(stream: Stream, vectors: int, dimensions: int, given: int = 0) -> Reals:
    """Return coordinates of independent standard Gaussian vectors in so many dimensions, in law.

    Row i of the result (vectors, given + min(vectors, dimensions - given)) is one vector: normal deviates
    along the first `given` axes, which do not turn, and along those of the vectors before it, then the
    length of the rest, chi with dimensions - given - i degrees of freedom, on an axis of its own.
    Bartlett (1933); exact for any dimensions >= given, also for fewer dimensions than vectors.
    """
    rest = dimensions - given
    if rest < 0:
        raise ValueError(f"{given} orthogonal vectors do not fit in {dimensions} dimensions")
    lengths = min(vectors, rest)
    out = np.zeros((vectors, given + lengths))
    for i in range(vectors):
        count = given + min(i, rest)
        out[i, :count] = normals(stream, count, i)[0]
    order = np.arange(lengths)
    out[order, given + order] = chi(stream, rest - order, LENGTHS + order)
    return out


def orthogonal_and_gaussian(
    stream: Stream, memories: int, vectors: int, dimensions: int
) -> tuple[Reals, Reals]:
    """Return (N_h orthogonal memories of norm sqrt(N_v), n Gaussian vectors), all in one set of coordinates.

    (N_h, D) sqrt(N_v) e_mu and (n, D) as in `bartlett`, D = N_h + min(n, N_v - N_h), N_v >= N_h: the
    Gaussian vectors know no direction, so that the memories may lie along the axes.
    """
    gaussian = bartlett(stream, vectors, dimensions, memories)
    orthogonal: Reals = math.sqrt(dimensions) * np.eye(memories, gaussian.shape[1])
    return orthogonal, gaussian


def orthogonal(rows: Reals, least: float = 0.0) -> Reals:
    """Return the rows made orthogonal one after the other (Gram-Schmidt), each of norm √N.

    least  # rows of squared length below least N after projection are dropped: the others span them
    """
    out: list[Reals] = []
    square = rows.shape[1]
    for k in range(len(rows)):
        row = rows[k : k + 1].copy()
        before = np.concatenate(out) if out else rows[:0]
        for _ in range(2 if out else 0):  # once leaves an error of rounding
            row -= exact.functions.combine(exact.functions.gram(row, before) / square, before)
        rest = exact.functions.gram(row, row)[0, 0]
        if rest > least * square:
            out.append(row * (math.sqrt(square) / math.sqrt(rest)))
    return np.concatenate(out) if out else rows[:0]
