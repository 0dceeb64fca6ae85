"""The energy landscape of a circuit: its stable states, one by one or by descents at T = 0, and its bonds.

Fields are integers, x_i = sum_j nj_ij S_j + b_i; the energy falls as sum_i S_i (x_i + b_i) grows.
"""

import numpy as np

from mattis.exact.compiler import compiled
from mattis.exact.philox import fresh_order
from mattis.kernels.cpu.matrix import flip

INLINED = "2295631c9d907c2d"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""


@compiled
def alignment(spins, fields, bias):
    """Return sum_i S_i (x_i + b_i)."""
    total = np.int64(0)
    for i in range(spins.size):
        total += np.int64(spins[i]) * (np.int64(fields[i]) + bias[i])
    return total


@compiled
def is_stable(spins, fields):
    """Tell whether no neuron wants to flip: S_i x_i >= 0 for all, as the dynamics at T = 0 keeps it."""
    least = np.int64(0)
    for i in range(spins.size):
        least = min(least, np.int64(spins[i]) * np.int64(fields[i]))
    return least == 0


@compiled
def every_state(columns, spins, fields, bias, states, lowest, tallies):
    """Visit states by a Gray code: one flip from each to the next.

    columns  # (N, N) columns[j, i] = nj_ij; spins, fields  # of the first state, changed in place
    states   # how many: 2^N, or 2^(N-1), with the last spin as it is, where S and -S are alike
    lowest   # (N,) int8: the first of the states with the lowest energy
    tallies  # (4,) int64: stable states, their alignment, states of the largest alignment, that alignment
    """
    stable, sums, ground = 0, np.int64(0), 0
    best = alignment(spins, fields, bias)
    lowest[:] = spins
    for state in range(states):
        if state > 0:
            site, rest = 0, state
            while rest & 1 == 0:
                rest >>= 1
                site += 1
            flip(columns, spins, fields, site, np.int8(-spins[site]))
        aligned = alignment(spins, fields, bias)
        if is_stable(spins, fields):
            stable += 1
            sums += aligned
        if aligned > best:
            best, ground = aligned, 0
            lowest[:] = spins
        if aligned == best:
            ground += 1
    tallies[0], tallies[1], tallies[2], tallies[3] = stable, sums, ground, best


@compiled
def descend(columns, spins, fields, bias, order_stream, sweeps, course):
    """Flip what wants to flip, one site after the other, until nothing does.

    order_stream  # (4,) uint32 for a random order in each sweep; (0,) for 0 … N-1
    course  # (4,) int64: flips, 1 at rest, the least gain of alignment in a flip, the last alignment
    """
    size, fresh = spins.size, order_stream.size > 0
    order, words = np.arange(size), np.empty((4, (size + 3) // 4), np.uint32)
    aligned, least = alignment(spins, fields, bias), np.int64(1) << 62
    flips, rests = 0, 0
    for t in range(sweeps):
        if fresh:
            fresh_order(order, words, order_stream, t)
        before = flips
        for k in range(size):
            i = order[k]
            if np.int64(spins[i]) * np.int64(fields[i]) < 0:
                flip(columns, spins, fields, i, np.int8(-spins[i]))
                after = alignment(spins, fields, bias)
                least = min(least, after - aligned)
                aligned = after
                flips += 1
        if flips == before:
            rests = 1
            break
    course[0], course[1], course[2], course[3] = flips, rests, least, aligned


@compiled
def unsatisfied(columns, spins):
    """Return how many directed bonds have nj_ij S_i S_j < 0, and how many bonds there are, i ≠ j."""
    against, bonds = 0, 0
    for j in range(spins.size):
        for i in range(spins.size):
            if i != j and columns[j, i] != 0:
                bonds += 1
                if (columns[j, i] > 0) != (spins[i] == spins[j]):
                    against += 1
    return against, bonds


@compiled
def triangle(columns, i, j, k):
    """Return the sign of the product of the three couplings of a triangle, both directions together."""
    product = 1
    for a, b in ((i, j), (j, k), (k, i)):
        product *= np.sign(np.int64(columns[a, b]) + np.int64(columns[b, a]))
    return product


@compiled
def every_triangle(columns):
    """Return how many triangles have a product below 0, and how many have all three bonds."""
    frustrated, triangles = 0, 0
    for i in range(columns.shape[0]):
        for j in range(i):
            for k in range(j):
                sign = triangle(columns, i, j, k)
                triangles += sign != 0
                frustrated += sign < 0
    return frustrated, triangles


@compiled
def some_triangles(columns, corners):
    """Return the same of given triangles; no triangle where two corners are the same. corners  # (n, 3)"""
    frustrated, triangles = 0, 0
    for c in range(corners.shape[0]):
        i, j, k = corners[c]
        if i != j and j != k and k != i:
            sign = triangle(columns, i, j, k)
            triangles += sign != 0
            frustrated += sign < 0
    return frustrated, triangles
