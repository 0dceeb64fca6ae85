"""Long runs of small networks against the exact Gibbs distribution, all 2^N states enumerated.

Final states of independent replicas are exactly independent samples; the exact transition matrix
bounds what is left of the start. The numbers are fixed. All chi-square tests of this file together
would condemn a right sampler with a probability of at most 1e-6 (Bonferroni: each at 1e-6 / LOOKS).
"""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from mattis.exact import rng
from mattis.exact.patterns import random_patterns
from mattis.kernels.cpu import glauber
from mattis.networks.binary import couplings

LOOKS = 12  # 8 of visits, 4 of one sweep
LEVEL = 1e-6 / LOOKS
REPLICAS = 12_000
NO_ORDER = np.zeros(0, np.uint32)


class Enumerated:
    """A network of N ≤ 10 sites: its states, their energies, and exact heat-bath sweeps."""

    def __init__(self, size, count):
        stream = rng.stream(1, "patterns", {"size": size, "patterns": count, "seed": 4})
        self.xi = random_patterns(stream, count, size)
        self.states = np.array(list(product((-1, 1), repeat=size)))
        self.j = (self.xi.T.astype(float) @ self.xi) / size * (1 - np.eye(size))
        self.fields = self.states @ self.j
        self.energies = np.zeros(len(self.states))
        for a, b in product(range(size), repeat=2):  # H = -1/2 sum over ordered pairs
            self.energies -= 0.5 * self.j[a, b] * self.states[:, a] * self.states[:, b]

    def gibbs(self, beta):
        weights = np.exp(-beta * (self.energies - self.energies.min()))
        return weights / weights.sum()

    def visit(self, beta, site):
        """W of one heat-bath update: P(S_i = +1) = 1/(1 + exp(-2 β h_i)), the other spins as they are."""
        step, matrix = 2 ** (self.xi.shape[1] - 1 - site), np.zeros([len(self.states)] * 2)
        for s, state in enumerate(self.states):
            down = s - step if state[site] > 0 else s
            up = 1 / (1 + math.exp(-2 * beta * self.fields[s, site]))
            matrix[s, down], matrix[s, down + step] = 1 - up, up
        return matrix

    def sweep(self, beta, order=1):
        """W of one typewriter sweep; rows are where from, columns where to."""
        sites = range(self.xi.shape[1])[::order]
        return np.linalg.multi_dot([self.visit(beta, site) for site in sites])

    def run(self, kernel, beta, start, sweeps, seed):
        """The index of the final state of each replica, all from the state `start`."""
        count, size = self.xi.shape
        nj, site_major = couplings.hebb_matrix(self.xi), np.ascontiguousarray(self.xi.T)
        spins, scale = self.states[start].astype(np.int8), rng.noise_scale(size, beta)
        parity, bound = count * (size - 1) % 2, couplings.row_bound(nj)
        fields, overlaps = (
            glauber.half_fields(nj, spins, parity, bound),
            glauber.project(self.xi, spins),
        )
        trace, sums = np.zeros((3, sweeps), np.int64), np.zeros((2, size), np.int32)
        final = np.empty((REPLICAS, size), np.int64)
        for k in range(REPLICAS):
            stream, state = np.array([seed, 77, k, 5], np.uint32), spins.copy()
            rest = stream, scale, NO_ORDER, trace, sums, 0
            if kernel == "fields":
                glauber.field_sweeps(nj, state, fields.copy(), parity, self.xi[0], *rest)
            else:
                glauber.overlap_sweeps(site_major, state, overlaps.astype(np.int32), 0, *rest)
            final[k] = state > 0
        return final @ (2 ** np.arange(size)[::-1])


def p_value(visits, weights):
    """Chi-square of the visits of states; those expected fewer than 10 times are one."""
    counts = np.bincount(visits, minlength=weights.size)
    rare = weights * visits.size < 10
    expected, seen = weights[~rare] * visits.size, counts[~rare]
    if rare.any():
        rest = weights[rare].sum() * visits.size
        if rest < 10:  # join the rarest of the others, so that every expectation is at least 10
            least = expected.argmin()
            expected[least] += rest
            seen[least] += counts[rare].sum()
        else:
            expected, seen = np.append(expected, rest), np.append(seen, counts[rare].sum())
    return stats.chisquare(seen, expected, sum_check=False).pvalue


CASES = [
    # N, P, beta, kernel, sweeps
    (6, 1, 0.5, "fields", 30),
    (6, 2, 1.5, "overlaps", 400),
    (7, 2, 0.5, "overlaps", 30),
    (7, 3, 1.2, "fields", 300),
    (7, 1, 1.2, "fields", 200),
    (8, 3, 0.5, "fields", 40),
    (8, 2, 1.0, "overlaps", 150),
    (8, 1, 1.0, "fields", 150),
]


@pytest.mark.parametrize(("size", "count", "beta", "kernel", "sweeps"), CASES)
def test_states_are_visited_with_their_gibbs_weights(size, count, beta, kernel, sweeps):
    """Wrong weights are rejected at the same level: H without its 1/2 (which is 2β), β/2, and -H."""
    network = Enumerated(size, count)
    weights, start = network.gibbs(beta), len(network.states) - 1
    left = np.linalg.matrix_power(network.sweep(beta), sweeps)[start] / weights - 1
    assert np.abs(left).max() < 1e-6, "too few sweeps to forget the start"
    visits = network.run(kernel, beta, start, sweeps, seed=sweeps + size)
    assert p_value(visits, weights) > LEVEL
    for wrong in (2 * beta, beta / 2, -beta):
        assert p_value(visits, network.gibbs(wrong)) < LEVEL


@pytest.mark.parametrize("beta", [0.5, 1.5])
@pytest.mark.parametrize(("size", "count"), [(6, 1), (6, 3), (7, 2), (8, 3)])
def test_heat_bath_keeps_the_gibbs_distribution(size, count, beta):
    """π W = π for a sweep; for one visit even detailed balance, π_s W_ss' = π_s' W_s's."""
    network = Enumerated(size, count)
    weights, sweep = network.gibbs(beta), network.sweep(beta)
    np.testing.assert_allclose(sweep.sum(axis=1), 1, atol=1e-12, rtol=0)
    np.testing.assert_allclose(weights @ sweep, weights, atol=1e-12, rtol=0)
    flow = weights[:, None] * network.visit(beta, size // 2)
    np.testing.assert_allclose(flow, flow.T, atol=1e-12, rtol=0)
    for wrong in (network.sweep(2 * beta), network.sweep(-beta)):
        assert np.abs(weights @ wrong - weights).max() > 1e-3


@pytest.mark.parametrize(
    ("size", "count", "beta", "kernel"),
    [
        (6, 2, 0.7, "fields"),
        (6, 3, 1.5, "overlaps"),
        (7, 3, 0.7, "overlaps"),
        (7, 2, 1.5, "fields"),
    ],
)
def test_one_sweep_is_the_exact_one(size, count, beta, kernel):
    """From one state to every other. Sites in the opposite order, doubled β and the opposite sign of
    the rule are rejected at the same level.
    """
    network, start = Enumerated(size, count), 11
    visits = network.run(kernel, beta, start, 1, seed=1000 + size)
    assert p_value(visits, network.sweep(beta)[start]) > LEVEL
    for wrong in (network.sweep(beta, -1), network.sweep(2 * beta), network.sweep(-beta)):
        assert p_value(visits, wrong[start]) < LEVEL
