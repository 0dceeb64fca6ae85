"""One replica with any couplings: against a few lines of plain Python, and against exact enumeration.

What is enumerated: all 2^N states of at most 10 sites, P(S_i = +1) = 1/(1 + exp(-x_i/scale)) with the field
x_i = sum_j nj_ij S_j + b_i, scale = N/(2 beta). All chi-square and z-tests of this file together would
condemn a right kernel with a probability of at most 1e-6: fewer than ten looks, each at 1e-7.
"""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import NOISE, ORDER, WORDS, Case, Record, reference
from scipy import stats

from mattis.exact import rng
from mattis.kernels.cpu import matrix
from mattis.networks.binary import ensembles, matrix_network
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.matrix_network import Dynamics, MatrixNetwork, NoiseSchedule
from mattis.networks.binary.network import BinaryNetwork, Protocol, Replica
from mattis.networks.binary.observables import cycles

LEVEL = 1e-7
KINDS = [(np.int8, np.int16), (np.int16, np.int32)]  # of couplings and fields; the usual ones first
NO_ORDER = np.zeros(0, np.uint32)

exactly = settings(max_examples=100, deadline=None, derandomize=True)


def case(nj, start, scales, synchronous=False, bias=0):
    """A case that follows its first state."""
    nj, start, sweeps = np.array(nj, np.int64), np.array(start, np.int8), len(scales)
    return Case(nj, bias + np.zeros(len(nj), np.int32), start, start[None].astype(np.int16),
                np.zeros((sweeps, 1), np.int32), np.array(scales, np.float32), synchronous)  # fmt: skip


def run(c, settles=False, kinds=KINDS[0], stream=WORDS):
    """The record of the kernel, called as by a network; its fields must have been kept up to date."""
    sweeps, followed = c.follow.shape
    spins, columns = c.start.copy(), np.ascontiguousarray(c.nj.T).astype(kinds[0])
    fields = (c.nj @ spins + c.bias).astype(kinds[1])
    overlaps, trace = np.zeros((followed, sweeps), np.int64), np.zeros((3, sweeps), np.int64)
    excess, sums = np.full(sweeps, np.nan), np.zeros((2, spins.size), np.int32)
    order = ORDER.packed() if c.shuffled else NO_ORDER
    bias, follow = c.bias.astype(np.int64), np.ascontiguousarray(c.follow)
    end = matrix.matrix_sweeps(
        columns, spins, fields, bias, c.targets, follow, c.synchronous, c.metropolis, settles,
        stream, c.scales, order, overlaps, trace, excess, sums, c.warm,
    )  # fmt: skip
    if not settles:
        np.testing.assert_array_equal(fields, c.nj @ spins + c.bias)
    return Record(spins, overlaps, trace, excess, sums, (int(end[0]), int(end[1])))


def assert_same(found, wanted):
    for name in ("spins", "overlaps", "trace", "excess", "sums"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def integers(draw, low, high, *shape):
    values = draw(st.lists(st.integers(low, high), min_size=math.prod(shape), max_size=math.prod(shape)))
    return np.array(values, np.int64).reshape(shape)


@st.composite
def matrices(draw, largest=10, symmetric=True, least=-4):
    """Couplings and a bias; symmetric ones with a diagonal of at least `least`."""
    size = draw(st.integers(1, largest))
    nj = integers(draw, -4, 4, size, size)
    if symmetric:
        nj = np.triu(nj) + np.triu(nj, 1).T
        np.fill_diagonal(nj, integers(draw, least, 4, size))
    return nj, integers(draw, -3, 3, size).astype(np.int32)


def signs(draw, *shape):
    return (2 * integers(draw, 0, 1, *shape) - 1).astype(np.int8)


@st.composite
def cases(draw, cold=False):
    """Any couplings, with a diagonal or not; scales that are cold, warm or mixed; any warm-up."""
    nj, bias = draw(matrices(symmetric=draw(st.booleans())))
    size, sweeps = len(nj), draw(st.integers(1, 9))
    if draw(st.booleans()):
        np.fill_diagonal(nj, 0)
    warmth = st.just(0.0) if cold else st.sampled_from([0.0, 0.5, 2.25, 30.0])
    scales = draw(st.lists(warmth, min_size=sweeps, max_size=sweeps))
    followed = integers(draw, 0, 2, 1 if cold else sweeps, draw(st.integers(1, 3)))
    follow = np.broadcast_to(followed, (sweeps, followed.shape[1])).astype(np.int32)
    targets, synchronous = integers(draw, -300, 300, 3, size).astype(np.int16), draw(st.booleans())
    return Case(nj, bias, signs(draw, size), targets, follow, np.array(scales, np.float32), synchronous,
                draw(st.booleans()), draw(st.integers(0, sweeps - 1)),
                not synchronous and draw(st.booleans()))  # fmt: skip


@pytest.mark.parametrize("kinds", KINDS)
def test_the_kernel_does_what_is_written(kinds):
    @exactly
    @given(cases())
    def check(c):
        found = run(c, kinds=kinds)
        assert_same(found, reference(c))
        assert found.end == (len(c.scales), 0)

    check()


@settings(exactly, max_examples=200)
@given(cases(cold=True))
def test_a_chain_that_settles_records_what_it_would_have_gone_through(c):
    """Fixed points and cycles of two states are filled in; only the sweeps that were used tell."""
    wanted, found = reference(c), run(c, settles=True)
    assert_same(found, wanted)
    assert found.end == wanted.end


# Exact distributions


class Enumerated:
    """All states of a few sites, and the transition matrices: rows where from, columns where to."""

    def __init__(self, nj, bias, scale, metropolis=False):
        self.nj, self.bias, self.scale = np.array(nj, float), np.array(bias, float), scale
        self.size = len(self.nj)
        self.states = np.array(list(product((-1, 1), repeat=self.size)))
        self.fields = self.states @ self.nj.T + self.bias
        self.up = 1 / (1 + np.exp(-self.fields / scale))
        if metropolis:
            flips = np.minimum(1, np.exp(-self.states * self.fields / scale))
            self.up = np.where(self.states > 0, 1 - flips, flips)

    def visit(self, site):
        """W of one update of a site, the other spins as they are."""
        bit, rows = 2 ** (self.size - 1 - site), np.arange(len(self.states))
        down, out = rows & ~bit, np.zeros([len(rows)] * 2)
        out[rows, down], out[rows, down | bit] = 1 - self.up[:, site], self.up[:, site]
        return out

    def sweep(self, order=1):
        """W of one sweep: the product of the visits, the first site's first."""
        out = np.eye(len(self.states))
        for site in range(self.size)[::order]:
            out = out @ self.visit(site)
        return out

    def step(self):
        """W(S -> S') = prod_i exp(S'_i x_i/2 scale) / 2 cosh(x_i/2 scale), all sites at once."""
        out = np.ones([len(self.states)] * 2)
        for site in range(self.size):
            up = self.up[:, site, None]
            out *= np.where(self.states[:, site] > 0, up, 1 - up)
        return out

    def gibbs(self):
        """exp(-beta H), H = -1/2 sum J_ij S_i S_j - (1/N) sum b_i S_i."""
        pairs = np.einsum("si,ij,sj->s", self.states, self.nj, self.states) / 2
        return normalised((pairs + self.states @ self.bias) / (2 * self.scale))

    def peretto(self):
        """exp(beta sum_i b_i S_i) prod_i 2 cosh(beta h_i): all at once. Biol. Cybern. 50, 51 (1984)."""
        cosh = np.log(2 * np.cosh(self.fields / (2 * self.scale))).sum(axis=1)
        return normalised(cosh + self.states @ self.bias / (2 * self.scale))


def normalised(exponents):
    weights = np.exp(exponents - exponents.max())
    return weights / weights.sum()


def imbalance(weights, matrix_):
    """The largest |P(S) W(S -> S') - P(S') W(S' -> S)|."""
    flow = weights[:, None] * matrix_
    return np.abs(flow - flow.T).max()


def couplings_of(size, seed, symmetric=True, diagonal=False, biased=False):
    """Whole couplings -3 … 3 of a fixed seed."""
    words = rng.stream(seed, "couplings", {"size": size}).words(size, np.arange(size + 1))
    numbers = (words % 7).astype(np.int64) - 3
    nj = numbers[:size]
    if symmetric:
        nj = np.triu(nj) + np.triu(nj, 1).T
    if not diagonal:
        np.fill_diagonal(nj, 0)
    return nj, (numbers[size] if biased else 0 * numbers[size]).astype(np.int32)


def circuit(dynamics, size=6, count=3, rule="hebb", seed=1):
    """A circuit of random patterns."""
    labels = {"size": size, "patterns": count, "seed": seed}
    stored = ensembles.drawn(ensembles.Ensemble(), 5, labels, count, size)
    made = matrix_network.learnt(Rule(rule), stored, dynamics.diagonal == "kept", 5, labels)
    return MatrixNetwork(BinaryNetwork(labels, 5, stored.xi, made.nj), stored, made, dynamics)


@pytest.mark.parametrize("threshold", [0.0, 0.5, -1.0, "balanced"])
@pytest.mark.parametrize("size", [4, 6, 8])
def test_zero_one_neurons_have_their_own_gibbs_distribution(size, threshold):
    """In V itself: P(V_i = 1) = 1/(1 + exp(-beta (sum_j J_ij V_j - U_i))), H = -1/2 sum J V V + sum U V."""
    beta = size / 4  # N/(2 beta) = 2: the scale is exact
    c = circuit(Dynamics(neurons="zero_one", threshold=threshold), size)
    exact = Enumerated(c.made.nj, c.bias, float(c.scale(beta)))
    v, j = (exact.states + 1) / 2, c.made.nj / size
    u = j.sum(axis=1) / 2 if threshold == "balanced" else np.full(size, threshold)
    up = 1 / (1 + np.exp(-beta * (v @ j.T - u)))
    np.testing.assert_allclose(exact.up, up, rtol=1e-12, atol=0)
    energies = v @ u - np.einsum("si,ij,sj->s", v, j, v) / 2
    aligned = (exact.states * (exact.fields + c.bias)).sum(axis=1)
    np.testing.assert_allclose([c.energy(a) for a in aligned], energies / size, rtol=0, atol=1e-12)
    weights = normalised(-beta * energies)
    np.testing.assert_allclose(weights, exact.gibbs(), rtol=0, atol=1e-12)
    for site in range(size):
        assert imbalance(weights, exact.visit(site)) < 1e-12


@pytest.mark.parametrize("neurons", ["signs", "zero_one"])
@pytest.mark.parametrize("update", ["asynchronous", "synchronous"])
def test_a_circuit_of_directed_couplings_feels_what_comes_in(update, neurons):
    """V_i = 1 where sum_j J_ij V_j > U, J_ij what j does to i; S_i likewise. All states of six neurons."""
    c = circuit(Dynamics(update, neurons=neurons, threshold=0.5), rule="sequence")
    course = NoiseSchedule(np.zeros((1, 1), np.int32), np.zeros(1, np.float32), 0, NOISE.packed(), NO_ORDER)
    low = 0 if neurons == "zero_one" else -1
    for start in Enumerated(c.made.nj, c.bias, 1.0).states:
        new = np.where(start > 0, 1, low)
        seen = new.copy() if update == "synchronous" else new
        for i in range(c.size):
            field = int(c.made.nj[i] @ seen) - 3  # N U = 3
            new[i] = new[i] if field == 0 else 1 if field > 0 else low
        walk = c.walk(start.astype(np.int8), course)
        np.testing.assert_array_equal(walk.sums.sum(axis=0), np.where(new > 0, 1, -1))


def test_signs_have_the_bias_of_their_threshold():
    """b = -N U, and H = -1/2 sum J S S - (1/N) sum b S, per neuron."""
    c = circuit(Dynamics(threshold=0.5))
    exact = Enumerated(c.made.nj, c.bias, float(c.scale(1.5)))
    j, s = c.made.nj / 6, exact.states
    np.testing.assert_array_equal(c.bias, -3)
    energies = 0.5 * s.sum(axis=1) - np.einsum("si,ij,sj->s", s, j, s) / 2
    aligned = (s * (exact.fields + c.bias)).sum(axis=1)
    np.testing.assert_allclose([c.energy(a) for a in aligned], energies / 6, rtol=0, atol=1e-12)
    np.testing.assert_allclose(exact.gibbs(), normalised(-1.5 * energies), rtol=0, atol=1e-12)


REPLICAS = 8000


def visits(nj, bias, scale, start, synchronous, metropolis=False):
    """The state of each replica after one sweep from a state, by its number."""
    size = len(nj)
    c = replace(case(nj, start, [scale], synchronous, bias), metropolis=metropolis)
    final = [run(c, stream=rng.stream(3, "visits", {}, {"k": k}).packed()).spins for k in range(REPLICAS)]
    return (np.array(final) > 0) @ (2 ** np.arange(size)[::-1])


def p_value(numbers, weights):
    """Chi-square of the visits of states; those expected fewer than 10 times are one."""
    expected, seen = weights * len(numbers), np.bincount(numbers, minlength=weights.size)
    order = np.argsort(expected)
    rest = np.searchsorted(np.cumsum(expected[order]), 10) + 1
    groups = [order[:rest], *order[rest:, None]]
    pairs = np.array([(seen[g].sum(), expected[g].sum()) for g in groups])
    return stats.chisquare(pairs[:, 0], pairs[:, 1], sum_check=False).pvalue


@pytest.mark.parametrize("synchronous", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_next_state_has_its_exact_distribution(synchronous, symmetric):
    """Four looks, with a diagonal and a bias. Transposed couplings, their opposite, no bias, twice the
    scale, the other order or update are condemned at the same level.
    """
    nj, bias = couplings_of(6, 2, symmetric, diagonal=True, biased=True)
    exact, start = Enumerated(nj, bias, 2.5), 19
    numbers = visits(nj, bias, 2.5, exact.states[start], synchronous)
    matrix_ = exact.step() if synchronous else exact.sweep()
    assert p_value(numbers, matrix_[start]) > LEVEL
    others = [Enumerated(-nj, -bias, 2.5), Enumerated(nj, 0 * bias, 2.5), Enumerated(nj, bias, 5.0)]
    if not symmetric:
        others.append(Enumerated(nj.T, bias, 2.5))
    wrong = [other.step() if synchronous else other.sweep() for other in others]
    wrong += [exact.sweep() if synchronous else exact.step()]
    wrong += [] if synchronous else [exact.sweep(-1)]
    assert all(p_value(numbers, w[start]) < LEVEL for w in wrong)


def test_metropolis_next_state_has_its_exact_distribution():
    """One look at a sweep. Twice and half the scale, the opposite sign, and heat bath are condemned."""
    nj, bias = couplings_of(6, 2, biased=True)
    exact, start = Enumerated(nj, bias, 2.5, True), 19
    numbers = visits(nj, bias, 2.5, exact.states[start], False, metropolis=True)
    assert p_value(numbers, exact.sweep()[start]) > LEVEL
    for wrong in (
        Enumerated(nj, bias, 5.0, True), Enumerated(nj, bias, 1.25, True),
        Enumerated(-nj, -bias, 2.5, True), Enumerated(nj, bias, 2.5),
    ):  # fmt: skip
        assert p_value(numbers, wrong.sweep()[start]) < LEVEL


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_metropolis_turns_a_spin_without_a_field_in_every_sweep(sign, shuffled):
    """At T = 0 and above it; heat bath at T = 0 keeps it. A chain of such spins never comes to rest."""
    for scales, moves in ((np.zeros(5), True), (np.full(5, 3.0), True), (np.zeros(5), False)):
        c = case(np.zeros((70, 70)), [sign] * 70, scales)
        c = replace(c, shuffled=shuffled, metropolis=moves)
        found = run(c, settles=not scales.any())
        assert (found.trace[1] == 70 * moves).all()
        assert found.end == ((5, 0) if moves else (0, 1))
        assert (found.spins == (-sign if moves else sign)).all()


@pytest.mark.parametrize("synchronous", [False, True])
def test_a_pattern_holds_itself(synchronous):
    """The sign: from the pattern of P = 1 the overlap after one sweep is positive, tanh(beta (N-1)/N) all
    at once. z-test at 1e-7. With exp(-beta h S') it would be negative, with the same Peretto weights.
    """
    xi, size, scale = np.array([1, -1, -1, 1, 1, -1, 1, 1]), 8, 3.5
    nj = np.outer(xi, xi) - np.eye(size, dtype=int)
    exact = Enumerated(nj, 0 * xi, scale)
    start = int((xi > 0) @ (2 ** np.arange(size)[::-1]))
    row = (exact.step() if synchronous else exact.sweep())[start]
    overlaps = exact.states @ xi / size
    mean, width = row @ overlaps, math.sqrt(row @ overlaps**2 - (row @ overlaps) ** 2)
    assert mean > 0.5
    if synchronous:
        assert mean == pytest.approx(math.tanh((size - 1) / (2 * scale)), abs=1e-12)
        turned = Enumerated(-nj, 0 * xi, scale)
        assert turned.step()[start] @ overlaps == pytest.approx(-mean, abs=1e-12)
        np.testing.assert_allclose(turned.peretto(), exact.peretto(), rtol=0, atol=1e-12)
    found = overlaps[visits(nj, 0 * xi, scale, xi, synchronous)].mean()
    assert abs(found - mean) < stats.norm.isf(LEVEL / 2) * width / math.sqrt(REPLICAS)


@pytest.mark.parametrize("rule", ["hebb", "pseudo_inverse"])
@pytest.mark.parametrize("diagonal", ["zero", "kept"])
def test_magnitudes_and_excess_are_perettos_energy(rule, diagonal):
    """Hbar = -(1/beta) sum_i ln 2 cosh(beta h_i), h in units of J."""
    c = circuit(Dynamics("synchronous", diagonal), size=16, rule=rule)
    for beta in (0.5, 2.0, 16.0):
        replica, asking = Replica(0, beta, 0.0), Protocol(0, 1, 1, 0.5, "synchronous")
        scales = np.array([c.scale(beta)], np.float32)
        course = NoiseSchedule(np.zeros((1, 1), np.int32), scales, 0, NOISE.packed(), NO_ORDER)
        walk = c.walk(c.stored.xi[0], course)
        h = c.made.nj @ walk.sums.sum(axis=0) / (c.unit * c.size)  # one sweep: the sum is the state
        hbar = -math.fsum(math.log(2 * math.cosh(beta * x)) for x in h) / beta / c.size
        found = cycles(c, walk, replica, asking)["effective_energy"]
        assert found == pytest.approx(hbar, rel=1e-12)


# T = 0


def energy(nj, bias, s):
    """-1/2 sum_ij nj_ij S_i S_j - sum_i b_i S_i, an integer or a half."""
    s = s.astype(int)
    return -(s @ nj @ s) / 2 - (s * bias).sum()


def changes(nj, bias, spins, sweeps=20):
    """What each flip of a chain at T = 0 changes of the energy, site after site."""
    nj, spins, out = np.array(nj, np.int64), np.array(spins, np.int8), []
    columns, fields = (np.ascontiguousarray(nj.T).astype(np.int8), (nj @ spins + bias).astype(np.int16))
    for i in list(range(len(nj))) * sweeps:
        new, before = (matrix.new_spin(fields[i], np.int32(0), spins[i], True), energy(nj, bias, spins))
        if new != spins[i]:
            matrix.flip(columns, spins, fields, i, np.int8(new))
            out.append(energy(nj, bias, spins) - before)
    return np.array(out)


@exactly
@given(matrices(least=0), st.data())
def test_every_flip_lowers_the_energy(given_, data):
    """Of symmetric couplings with J_ii >= 0, in steps of at least 2: the chain ends at a fixed point."""
    nj, bias = given_
    start = signs(data.draw, len(nj))
    assert (changes(nj, bias, start) <= -2).all()
    assert run(case(nj, start, [0.0] * 200, bias=bias), settles=True).end[1] == 1


def test_a_negative_diagonal_or_asymmetric_couplings_have_no_such_energy():
    """A spin that dislikes itself flips for ever; one that follows another that flees it turns round."""
    np.testing.assert_array_equal(changes([[-1]], 0, [1]), 0)
    assert (changes([[0, 1], [-3, 0]], 0, [1, 1]) > 0).any()
    for nj in ([[-1]], [[0, 1], [-3, 0]]):
        assert run(case(nj, np.ones(len(nj)), [0.0] * 50), settles=True).end == (50, 0)


@exactly
@given(matrices(), st.data())
def test_all_at_once_symmetric_couplings_end_in_at_most_two_states(given_, data):
    """Whatever the diagonal and the bias. E. Goles-Chacc, F. Fogelman-Soulié and D. Pellegrin (1985)."""
    nj, bias = given_
    c = case(nj, signs(data.draw, len(nj)), [0.0] * 200, synchronous=True, bias=bias)
    assert run(c, settles=True).end[1] in (1, 2)


def test_all_at_once_asymmetric_couplings_turn_in_four_steps():
    c = case([[0, 1], [-1, 0]], [1, 1], [0.0] * 8, synchronous=True)
    found = run(c, settles=True)
    assert found.end == (8, 0)
    np.testing.assert_array_equal(found.overlaps[0], [0, -2, 0, 2] * 2)


def test_two_spins_that_like_each_other_change_places_for_ever():
    """(+, -) <-> (-, +), all at once; one after the other they agree, and with a diagonal they stay."""
    pair = [[0, 1], [1, 0]]
    c = case(pair, [1, -1], [0.0] * 7, synchronous=True)
    found = run(c, settles=True)
    assert found.end == (1, 2)
    np.testing.assert_array_equal(found.overlaps[0], [-2, 2, -2, 2, -2, 2, -2])
    np.testing.assert_array_equal(found.trace[1], 2)
    assert run(case(pair, [1, -1], [0.0] * 7), settles=True).end == (1, 1)
    assert run(replace(c, nj=np.ones((2, 2), np.int64)), settles=True).end == (0, 1)
