"""Drift at any beta against plain loops over explicit vectors, and at its limits; Pavlovian matrices.

Comparisons with random clamping are z-tests of 12 means of thousands of runs: |z| < 5.5 for all of them has a
false alarm for 1 of 2 million choices of seeds. Seeds are fixed: a run that passed passes again.
"""

import math

import numpy as np
import pointwise
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mattis.theory import consolidation, drift, evaluate, pavlov

Z = 5.5
"""False alarm 3.8e-8 for one normal mean, 4.6e-7 for all twelve of this file."""


def softmax(fields):
    weights = np.exp(fields - fields.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def cosines(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def drifted(old, shown, orders, tau, beta):
    """The plain loop over runs [run, mu, site]: all rows move to what is shown, by their weights."""
    memories = np.repeat(old[None], len(orders), axis=0)
    for index in np.transpose(orders):
        x = shown[index]
        weights = softmax(beta * np.einsum("rmv,rv->rm", memories, x))
        memories += weights[..., None] * (x[:, None] - memories) / tau
    return memories


def scene(seed, rows, sites=12, noise=0.6):
    random = np.random.default_rng(seed)
    old = random.standard_normal((rows, sites))
    return random, old, old + noise * random.standard_normal((rows, sites))


def gram_matrix(old, shown):
    """The scalar products of memories and patterns, all with all."""
    rows = np.concatenate([old, shown])
    return rows @ rows.T


def theory(clamping, steps):
    return drift.cosines(clamping, drift.after(clamping, steps))


def orthogonal(rows, overlap, norm_ratio):
    """Orthogonal unit memories, and orthogonal patterns with this cosine and this norm."""
    old, rest = np.eye(2 * rows)[:rows], np.eye(2 * rows)[rows:]
    return old, norm_ratio * (overlap * old + math.sqrt(1 - overlap**2) * rest)


CASES = [(0, [0.25, 0.25, 0.25, 0.25], 4.0), (1, [0.4, 0.3, 0.2, 0.1], 5.0), (2, [0.5, 0.3, 0.2], 3.0)]
"""Seed, probabilities, kappa."""


@pytest.mark.parametrize(("seed", "probabilities", "kappa"), CASES)
def test_random_clamping_agrees_and_without_the_correction_or_at_another_beta_it_does_not(
    seed, probabilities, kappa
):
    rows, steps, tau, runs = len(probabilities), 600, 100.0, 6000
    random, old, shown = scene(seed, rows)
    p, beta = np.array(probabilities), kappa / (12 * 1.36)
    orders = random.choice(rows, (runs, steps), p=p)
    found = cosines(drifted(old, shown, orders, tau, beta), shown)
    gram = gram_matrix(old, shown)
    expected = theory(drift.Clamping(gram, p, beta, tau), steps)
    wrong = theory(drift.Clamping(gram, p, 1.1 * beta, tau), steps)

    def z(mean):
        return np.abs(found.mean(0) - mean) / (expected.sd / math.sqrt(runs))

    assert z(expected.mean).max() < Z
    assert z(expected.mean_field).max() > Z
    assert z(wrong.mean).max() > 2 * Z
    np.testing.assert_allclose(found.std(0), expected.sd, rtol=0.12)


def test_the_deviation_is_that_of_the_binomial_law_at_large_kappa():
    """To order 1/tau: what is left falls fourfold when tau doubles."""
    errors = []
    for tau in (100.0, 200.0):
        steps, at = int(4 * tau), (0.25, tau, 0.6, 1.4)
        found = theory(drift.symmetric(4, 300.0, tau, 0.6, 1.4), steps)
        mean = consolidation.similarity_mean(steps, *at)
        assert np.ptp(found.mean) < 1e-12
        assert found.sd == pytest.approx(consolidation.similarity_sd(steps, *at), rel=3 / tau)
        errors.append(abs(found.mean[0] - mean))
        assert errors[-1] < 1 / tau**2
        assert abs(found.mean_field[0] - mean) > 10 * errors[-1]
    assert 3 < errors[0] / errors[1] < 5


def test_strides_are_as_good_as_single_steps():
    _, old, shown = scene(5, 3)
    p = np.array([0.4, 0.35, 0.25])
    clamping = drift.Clamping(gram_matrix(old, shown), p, 0.3, 60.0)
    single = None
    for _ in range(200):
        single = drift.after(clamping, 1, single)
    strided = drift.after(clamping, 200)
    a, b = drift.cosines(clamping, single), drift.cosines(clamping, strided)
    np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1 / 60**2)
    np.testing.assert_allclose(a.sd, b.sd, rtol=1e-3)
    half = drift.after(clamping, 100, drift.after(clamping, 100))
    np.testing.assert_allclose(half.covariance, strided.covariance, rtol=1e-9, atol=1e-15)


def test_the_mean_field_is_the_map_averaged_over_patterns():
    """A loop over explicit vectors, where each step shows all patterns by their weight."""
    _, old, shown = scene(6, 4)
    p = np.array([0.4, 0.3, 0.2, 0.1])
    memories, state = old.copy(), None
    clamping = drift.Clamping(gram_matrix(old, shown), p, 0.25, 30.0)
    for _ in range(100):
        weights = softmax(0.25 * (memories @ shown.T).T).T * p
        pulls = shown[None] - memories[:, None]
        memories = memories + np.einsum("ma,mav->mv", weights, pulls) / 30
        state = drift.after(clamping, 1, state)
    found = drift.cosines(clamping, state).mean_field
    np.testing.assert_allclose(found, cosines(memories, shown), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("ratio", "survive"), [(0.85, False), (1.15, True)])
def test_memories_collapse_below_kappa_s(ratio, survive):
    kappa = ratio * consolidation.kappa_s(4)
    found = theory(drift.symmetric(4, kappa, 100.0, 0.9, 1.1), 14_000)
    assert (found.mean_field > 0.9).all() == survive
    np.testing.assert_allclose(found.mean_field, consolidation.cosine(4, kappa), atol=2e-4)
    np.testing.assert_allclose(found.mean, found.mean_field, atol=5e-3)


@pytest.mark.parametrize(("memories", "kappa"), [(2, 2.5), (4, 4.0), (8, 5.0), (10**9, 60.0)])
def test_after_many_presentations_the_end_is_reached(memories, kappa):
    late = consolidation.mean_similarity(memories, kappa, 1e5, 100.0, 0.9, 1.2)
    assert late == pytest.approx(consolidation.cosine(memories, kappa), abs=1e-10)
    least = consolidation.kappa_s(memories) * 0.9
    late = consolidation.mean_similarity(memories, least, 1e5, 100.0, 0.9, 1.2)
    assert late == pytest.approx(1 / math.sqrt(memories), abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    memories=st.integers(2, 10**6), time=st.floats(0, 50), overlap=st.floats(0.01, 1),
    norm_ratio=st.floats(0.2, 5),
)  # fmt: skip
def test_at_large_kappa_it_is_the_one_hot_curve(memories, time, overlap, norm_ratio):
    found = consolidation.mean_similarity(memories, 1e9, 1e9 * time, 1e9, overlap, norm_ratio)
    one_hot = consolidation.similarity(1e9 * time, 1e9, overlap, norm_ratio)
    assert found == pytest.approx(one_hot, abs=1e-6)


@settings(max_examples=60, deadline=None)
@example(memories=2, kappa=6e-304, presentations=21.0, tau=2.0, overlap=1e-7, norm_ratio=72.0)
@given(
    memories=st.integers(2, 10**15), kappa=st.floats(0, 1e12), presentations=st.floats(0, 1e12),
    tau=st.floats(1, 1e6), overlap=st.floats(-1, 1), norm_ratio=st.floats(1e-6, 1e6),
)  # fmt: skip
def test_it_is_a_cosine_everywhere(memories, kappa, presentations, tau, overlap, norm_ratio):
    found = consolidation.mean_similarity(memories, kappa, presentations, tau, overlap, norm_ratio)
    assert -1 - 1e-9 <= found <= 1 + 1e-9
    start = consolidation.mean_similarity(memories, kappa, 0, tau, overlap, norm_ratio)
    assert start == pytest.approx(overlap, abs=1e-12)


@pytest.mark.parametrize("kappa", [2.0, 3.5, 6.0])
def test_the_curve_is_that_of_the_vectors(kappa):
    """Patterns in turn, tau large; and the mean field of all coefficients, without symmetry."""
    tau, rounds, at = 2000.0, 1500, (0.8, 1.3)
    old, shown = orthogonal(4, *at)
    order = [[t % 4 for t in range(4 * rounds)]]
    found = cosines(drifted(old, shown, order, tau, kappa / 1.3**2)[0], shown)
    expected = consolidation.mean_similarity(4, kappa, rounds, tau, *at)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.1 / tau)
    full = theory(drift.symmetric(4, kappa, tau, *at), 4 * rounds)
    np.testing.assert_allclose(full.mean_field, expected, rtol=0, atol=0.1 / tau)
    wrong = consolidation.mean_similarity(4, 0.9 * kappa, rounds, tau, *at)
    assert np.abs(found - wrong).min() > 1 / tau


@pytest.mark.parametrize("kappa", [3.3, 3.5])
def test_memories_need_this_overlap(kappa):
    """Direct iteration of vectors 5 % below and above: collapse, and survival."""
    least = consolidation.least_overlap(4, kappa)
    ends = []
    for factor in (0.95, 1.05):
        old, shown = orthogonal(4, factor * least, 1.0)
        order = [[t % 4 for t in range(30_000)]]
        ends.append(cosines(drifted(old, shown, order, 100.0, kappa)[0], shown).mean())
    assert ends[0] == pytest.approx(0.5, abs=0.02)
    assert ends[1] == pytest.approx(consolidation.cosine(4, kappa), abs=0.01)


def test_no_overlap_is_needed_at_large_kappa_and_none_is_enough_at_small():
    assert consolidation.least_overlap(4, 4.0) == 0
    assert consolidation.least_overlap(2, 2.0) == 0
    assert evaluate("consolidation.least_overlap", memories=4, kappa=[3.2, 5]) == [None, 0.0]
    least = consolidation.kappa_s(6)
    w = consolidation.own_share(6, least * (1 + 1e-9))
    x = consolidation.least_overlap(6, least * (1 + 1e-9))
    assert x == pytest.approx((6 * w - 1) / 5, abs=1e-3)  # the two roots meet at the spinodal


@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.6])
def test_two_memories_merge_below_this_kappa(cosine):
    """Direct iteration 10 % below and above; what is left apart is x of x = tanh(kappa (1 - r) x/2)."""
    shown = np.array([[1, 0], [cosine, math.sqrt(1 - cosine**2)]])
    for ratio in (0.9, 1.1):
        kappa = ratio * consolidation.kappa_merge(cosine)
        end = drifted(shown, shown, [[t % 2 for t in range(22_500)]], 150.0, kappa)[0]
        apart = np.linalg.norm(end[0] - end[1]) / np.linalg.norm(shown[0] - shown[1])
        x = 2 * consolidation.own_share(2, kappa * (1 - cosine)) - 1
        assert apart == pytest.approx(x, abs=0.005)
        assert (apart > 0.1) == (ratio > 1)


def test_two_memories_of_orthogonal_patterns_merge_at_kappa_s():
    assert consolidation.kappa_merge(0) == consolidation.kappa_s(2) == 2


def pavlovian(old, targets, probabilities, e):
    """The mean Pavlovian matrix, with a share e of the old one: Lotito eq. (23)."""
    return e * old.T @ old + (1 - e) * len(old) * targets.T @ np.diag(probabilities) @ targets


def hebbian(old, targets, old_shares):
    """Xi^T Xi of memories that have kept shares of the old ones: Lotito eq. (24), with tau."""
    memories = old_shares[:, None] * old + (1 - old_shares)[:, None] * targets
    return memories.T @ memories


@pytest.mark.parametrize("at", [(0, 50.0, 0.7, 1.3), (30, 50.0, 0.7, 1.3), (400, 60.0, -0.4, 0.6)])
def test_errors_are_distances_of_explicit_matrices(at):
    presentations, tau, overlap, ratio = at
    old, shown = orthogonal(4, overlap, ratio)
    target, uniform = shown.T @ shown, np.full(4, 0.25)
    e, c = math.exp(-presentations / tau), (1 - 1 / tau) ** presentations
    matrices = (
        (pavlov.pavlovian_error(*at), pavlovian(old, shown, uniform, e)),
        (pavlov.hebbian_error(*at), hebbian(old, shown, np.full(4, c))),
    )
    for found, matrix in matrices:
        expected = np.linalg.norm(matrix - target) / np.linalg.norm(target)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)
    exact = (1 - 1 / (4 * tau)) ** (4 * presentations)
    assert exact == pytest.approx(e, rel=presentations / tau**2)


@pytest.mark.parametrize("kappa", [2.5, 4.0, 30.0])
def test_the_quick_mean_field_is_that_of_the_moments(kappa):
    """Unequal frequencies, correlated memories: a wrong axis of the softmax would show."""
    random = np.random.default_rng(5)
    old = random.standard_normal((4, 9))
    shown = old + 0.7 * random.standard_normal((4, 9))
    probabilities = np.array([0.1, 0.2, 0.3, 0.4])
    gram = gram_matrix(old, shown)
    clamping = drift.Clamping(gram, probabilities, kappa / 9, 80.0)
    expected = drift.cosines(clamping, drift.after(clamping, 300)).mean_field
    found = drift.mean_cosines(clamping, probabilities[None], 300)
    np.testing.assert_allclose(found, expected[None], rtol=0, atol=2e-4)


@pytest.mark.parametrize("kappa", [2.5, 30.0])
def test_courses_side_by_side_are_those_one_by_one(kappa):
    """Within 1e-12 of the map in its plainest form; the bits of a course do not depend on the others."""
    random = np.random.default_rng(6)
    old = random.standard_normal((5, 9))
    shown = random.dirichlet(np.ones(5), 7)
    gram = gram_matrix(old, old + 0.7 * random.standard_normal((5, 9)))
    clamping = drift.Clamping(gram, shown[0], kappa / 9, 60.0)
    found = drift.mean_cosines(clamping, shown, 200)
    for k, frequencies in enumerate(shown):
        alone = drift.Clamping(gram, frequencies, kappa / 9, 60.0)
        np.testing.assert_allclose(found[k], pointwise.mean_cosines(alone, 200), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found[2:4], drift.mean_cosines(clamping, shown[2:4], 200))


def test_random_similarity_tends_to_the_mean_field_and_is_left_out_where_it_costs_too_much():
    """Its distance from the mean field falls as 1/tau; a term of order 1, or none, would not."""
    at = {"memories": 4, "kappa": 4.0, "overlap": 0.8, "norm_ratio": 1.25}
    gaps = []
    for tau in (100.0, 200.0, 400.0):
        mean = evaluate("consolidation.mean_similarity", presentations=2 * tau, tau=tau, **at)
        found = evaluate("consolidation.random_similarity", presentations=2 * tau, tau=tau, **at)
        gaps.append(tau * (found - mean))
    assert abs(gaps[2]) > 1e-3
    assert abs(gaps[1] / gaps[2] - 1) < 0.05 > abs(gaps[0] / gaps[2] - 1) / 3
    sd = evaluate("consolidation.random_similarity_sd", presentations=100, tau=100.0, **at)
    assert 1e-3 < sd < 0.1
    many = {**at, "memories": 17}
    assert evaluate("consolidation.random_similarity", presentations=1, tau=9, **many) is None
