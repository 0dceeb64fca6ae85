"""Consolidation on the CPU: memories that drift to clamped patterns, by their scalar products only.

A memory never leaves the span of its start, the patterns and its bias, so the products of these are all
that its dynamics needs: the number of visible neurons enters into these only.

All arithmetic is that of `mattis.exact.functions`, hence the same bits on every machine.
"""

import math

import numpy as np

from mattis.exact.compiler import compiled
from mattis.exact.functions import exponential

INLINED = "db0357ad66eba934"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""


@compiled
def clamped(words, thresholds):
    """Return the index of the pattern that each word clamps: the number of thresholds <= word.

    words  # (T,) uint32; thresholds  # (K,) uint64, rising to 2^32: 2^32 (p_1 + ... + p_k), rounded
    """
    out = np.empty(words.size, np.int64)
    for t in range(words.size):
        word, low, high = np.uint64(words[t]), 0, thresholds.size - 1
        while low < high:
            middle = (low + high) >> 1
            if word < thresholds[middle]:
                high = middle
            else:
                low = middle + 1
        out[t] = low
    return out


NEGLIGIBLE = 1e-17  # a share of a memory that changes no bit of it
FAR_BELOW = -40.0  # e^-40 < NEGLIGIBLE / 2, and no learning rate exceeds 2


@compiled
def _attend(weights, winners, fields, squares, pattern, beta, distance):
    """List the rows whose softmax weight counts, fill their e^{beta (s - max s)}; return (number, sum)."""
    rows = fields.shape[0]
    top = -np.inf
    for m in range(rows):
        s = fields[m, pattern]
        if distance:
            s -= 0.5 * squares[m]
        weights[m] = s
        if s > top:
            top = s
    count, total = 0, 0.0
    for m in range(rows):
        below = weights[m] - top
        x = beta * below if below < 0.0 else 0.0
        if x > FAR_BELOW:
            winners[count] = m
            weights[count] = exponential(x)
            total += weights[count]
            count += 1
    return count, total


@compiled
def present(
    order, first, beta, eta, dwell, distance, fields, squares, along_bias, gram, pull, bias_squares,
    old_share, new_share, bias_share, hebbian, threshold, reached, trace,
):  # fmt: skip
    """Clamp patterns one after the other and let the memories drift; all state changes in place.

    For each k of `order`, `dwell` Euler steps of tau dXi_mu/dt = w_mu (xi'_k + Lambda_mu - Xi_mu):

        w = softmax(beta s),  s_mu = Xi_mu.xi'_k,  or -|xi'_k - Xi_mu|^2/2 where `distance` is true
        q = eta w_mu,  eta = dt/tau in (0, 2),  Xi_mu += q (xi'_k + Lambda_mu - Xi_mu)

    D. Lotito, Neurocomputing 636, 129865 (2025), eqs. (12)-(14); beta may be infinite. In the products:

    fields  # (N_h, K) Xi xi'^T; squares  # (N_h,) |Xi_mu|^2; along_bias  # (N_h,) Xi_mu.Lambda_mu
    gram  # (K, K) xi' xi'^T; pull  # (N_h, K) Lambda xi'^T; bias_squares  # (N_h,) |Lambda_mu|^2

    K >= N_h: memory mu belongs to pattern mu. What follows may be left out by an empty array:

    old_share a  # (N_h,); new_share b  # (N_h, K); bias_share c  # (N_h,): Xi = a Xi(0) + b xi' + c Lambda
    hebbian  # (K,) b of the Pavlovian rule G += (eta/N_h) (N_h xi'_k^T xi'_k - G) at each step, eq. (23):
             # G = (1 - sum(b)/N_h) G(0) + sum_k b_k xi'_k^T xi'_k
    trace  # (T, N_h) cosine of each memory with its own pattern after each presentation
    reached  # (N_h,) int64, the presentations after which that cosine first was >= `threshold`, else -1;
             # a threshold above 1 leaves it out

    `first`, the number of presentations before these, only shifts `reached`: a run cut in pieces is the
    same run, bit for bit. Cost: O(N_h K) per step, O(N_h + K) where one memory takes all.
    """
    (rows, patterns), forget = fields.shape, 1.0 - eta / fields.shape[0]
    weights, winners = np.empty(rows), np.empty(rows, np.int64)
    cosines = np.zeros(rows)
    traced, watched = trace.shape[0] > 0, threshold <= 1.0
    for m in range(rows):
        cosines[m] = fields[m, m] / math.sqrt(squares[m] * gram[m, m])
        if watched and reached[m] < 0 and cosines[m] >= threshold:
            reached[m] = first
    for t in range(order.size):
        k = order[t]
        for _ in range(dwell):
            count, total = _attend(weights, winners, fields, squares, k, beta, distance)
            rate = eta / total
            for i in range(count):
                m, q = winners[i], rate * weights[i]
                if q < NEGLIGIBLE:
                    continue
                p = 1.0 - q
                mixed, reach = fields[m, k], gram[k, k]
                if bias_squares[m] == 0.0:
                    for j in range(patterns):
                        fields[m, j] += q * (gram[k, j] - fields[m, j])
                else:
                    mixed += along_bias[m]
                    reach += 2.0 * pull[m, k] + bias_squares[m]
                    along_bias[m] = p * along_bias[m] + q * (pull[m, k] + bias_squares[m])
                    for j in range(patterns):
                        fields[m, j] += q * (gram[k, j] + pull[m, j] - fields[m, j])
                squares[m] = p * (p * squares[m] + 2.0 * q * mixed) + q * q * reach
                if old_share.size > 0:
                    old_share[m] *= p
                    bias_share[m] += q * (1.0 - bias_share[m])
                    for j in range(patterns):
                        new_share[m, j] *= p
                    new_share[m, k] += q
                if traced or watched:
                    cosines[m] = fields[m, m] / math.sqrt(squares[m] * gram[m, m])
            if hebbian.size > 0:
                for j in range(patterns):
                    hebbian[j] *= forget
                hebbian[k] += eta
        if traced:
            for m in range(rows):
                trace[t, m] = cosines[m]
        if watched:
            for m in range(rows):
                if reached[m] < 0 and cosines[m] >= threshold:
                    reached[m] = first + t + 1
