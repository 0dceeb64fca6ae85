"""The transition matrix W over all 2^N states of a small network, its stationary law, and its balance.

State s is the number whose bit i is 1 where S_i = +1. All sums run in one order: the same bits everywhere.
"""

from mattis.exact.compiler import compiled
from mattis.exact.functions import exponential, logarithm

INLINED = "db0357ad66eba934"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""


@compiled
def chances(fields, up, down):
    """Fill P(S_i = +1) = 1/(1 + exp(-2 beta h_i)) and P(S_i = -1). fields  # (2^N, N) beta h_i"""
    for s in range(fields.shape[0]):
        for i in range(fields.shape[1]):
            up[s, i] = 1.0 / (1.0 + exponential(-2.0 * fields[s, i]))
            down[s, i] = 1.0 / (1.0 + exponential(2.0 * fields[s, i]))


@compiled
def accepted(fields, up, down):
    """Fill the same by Metropolis' rate: a flip has probability min(1, exp(-2 beta S_i h_i))."""
    for s in range(fields.shape[0]):
        for i in range(fields.shape[1]):
            is_up = (s >> i & 1) == 1
            flips = exponential(min(-2.0 * fields[s, i] if is_up else 2.0 * fields[s, i], 0.0))
            up[s, i] = 1.0 - flips if is_up else flips
            down[s, i] = flips if is_up else 1.0 - flips


@compiled
def one_at_random(matrix, up, down):
    """Fill W of one site, drawn at random: W(S, S') = (1/N) sum_i P(S'_i), S'_j = S_j for all others."""
    states, size = up.shape
    matrix[:] = 0.0
    for s in range(states):
        for i in range(size):
            matrix[s, s | (1 << i)] += up[s, i] / size
            matrix[s, s & ~(1 << i)] += down[s, i] / size


@compiled
def all_at_once(matrix, up, down):
    """Fill W of all sites at once: W(S, S') = prod_i P(S'_i)."""
    states, size = up.shape
    for s in range(states):
        row = matrix[s]
        row[0] = 1.0
        for i in range(size):
            for k in range(1 << i):
                row[(1 << i) + k] = row[k] * up[s, i]
                row[k] *= down[s, i]


@compiled
def in_turn(matrix, up, down):
    """Fill W of a sweep: one site after the other, from the first to the last."""
    states, size = up.shape
    matrix[:] = 0.0
    for s in range(states):
        row = matrix[s]
        row[s] = 1.0
        for i in range(size):
            for t in range(states):
                if not t >> i & 1:
                    other = t | (1 << i)
                    low, high = row[t], row[other]
                    row[t] = low * down[t, i] + high * down[other, i]
                    row[other] = low * up[t, i] + high * up[other, i]


@compiled
def stationary(matrix, law):
    """Fill the law with law W = law; the matrix is used up. NaN where not every state is left.

    States are taken out one by one, without a difference anywhere: each weight is exact to its last digits.
    W. K. Grassmann, M. I. Taksar & D. P. Heyman, Oper. Res. 33, 1107 (1985).
    """
    states = law.size
    for k in range(states - 1, 0, -1):
        leaves = 0.0
        for j in range(k):
            leaves += matrix[k, j]
        for i in range(k):
            share = matrix[i, k] / leaves
            matrix[i, k] = share
            if share != 0.0:
                for j in range(k):
                    matrix[i, j] += share * matrix[k, j]
    law[0] = total = 1.0
    for k in range(1, states):
        weight = 0.0
        for i in range(k):
            weight += law[i] * matrix[i, k]
        law[k] = weight
        total += weight
    for k in range(states):
        law[k] /= total


@compiled
def imbalance(matrix, law):
    """Return the largest |W(S, S') P(S) - W(S', S) P(S')| over the largest W(S, S') P(S), S ≠ S'."""
    worst, largest = 0.0, 0.0
    for s in range(law.size):
        for t in range(s):
            there, back = law[s] * matrix[s, t], law[t] * matrix[t, s]
            worst = max(worst, abs(there - back))
            largest = max(largest, there, back)
    return worst / largest


@compiled
def row_error(matrix):
    """Return the largest |sum_S' W(S, S') - 1|."""
    worst = 0.0
    for s in range(matrix.shape[0]):
        total = 0.0
        for t in range(matrix.shape[1]):
            total += matrix[s, t]
        worst = max(worst, abs(total - 1.0))
    return worst


@compiled
def weights(exponents, law):
    """Fill the law with exp(x)/Z. exponents  # (2^N,)"""
    largest, total = exponents.max(), 0.0
    for s in range(law.size):
        law[s] = exponential(exponents[s] - largest)
        total += law[s]
    for s in range(law.size):
        law[s] /= total


@compiled
def distance(first, second):
    """Return the total variation distance (1/2) sum_S |P(S) - Q(S)| of two laws."""
    total = 0.0
    for s in range(first.size):
        total += abs(first[s] - second[s])
    return 0.5 * total


@compiled
def mean(law, values):
    """Return sum_S P(S) x(S)."""
    total = 0.0
    for s in range(law.size):
        total += law[s] * values[s]
    return total


@compiled
def peretto_exponents(fields, biases, exponents):
    """Fill sum_i [ln 2 cosh(beta h_i) + beta b_i S_i].

    fields  # (2^N, N) beta h_i; biases  # (N,) beta b_i
    """
    for s in range(fields.shape[0]):
        total = 0.0
        for i in range(fields.shape[1]):
            size = abs(fields[s, i])
            total += size + logarithm(1.0 + exponential(-2.0 * size))
            total += biases[i] if s >> i & 1 else -biases[i]
        exponents[s] = total
