"""The theory of consolidation against printed numbers, against direct simulation, and at its limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from mattis.theory import consolidation

SHOWN, MEMORIES, NEURONS, STEPS, TAU = 4, 4, 50, 2000, 250.0
"""Figure 1 of Lotito."""


def softmax(fields):
    weights = np.exp(fields - fields.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def cosines(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def published_figure():
    """Old memories and shown patterns of figure 1, with the random numbers of the published code."""
    random = np.random.RandomState(41)
    old = random.randn(MEMORIES, NEURONS)
    for k in range(MEMORIES):
        for other in old[:k]:
            old[k] -= (old[k] @ other) / (other @ other) * other
        old[k] *= math.sqrt(NEURONS) / math.sqrt(old[k] @ old[k])
    return old, old + 0.4 * random.randn(MEMORIES, NEURONS)


def drifted(old, shown, order, tau, beta):
    """The plain loop: every memory moves towards what is shown, by its softmax weight."""
    memories = old.copy()
    for index in order:
        weights = softmax(beta * memories @ shown[index])
        memories += weights[:, None] * (shown[index] - memories) / tau
    return memories


@pytest.mark.parametrize(("memories", "kappa"), [(2, 2.0), (4, 3.218741), (8, 4.249799)])
def test_memories_collapse_below_this_kappa(memories, kappa):
    assert consolidation.kappa_s(memories) == pytest.approx(kappa, abs=5e-7)
    assert consolidation.cosine(memories, kappa * 0.999) == 1 / math.sqrt(memories)


@pytest.mark.parametrize(("memories", "kappa", "cosine"), [(4, 4.0, 0.998867), (8, 5.0, 0.999672)])
def test_cosine_is_as_printed(memories, kappa, cosine):
    assert consolidation.cosine(memories, kappa) == pytest.approx(cosine, abs=5e-7)


@settings(max_examples=60, deadline=None)
@given(memories=st.integers(2, 10**6), excess=st.floats(1e-6, 30))
def test_the_state_solves_its_equation_and_is_the_last_that_does(memories, excess):
    least = consolidation.kappa_s(memories)
    kappa = least * (1 + excess)
    w = consolidation.own_share(memories, kappa)
    x = (memories * w - 1) / (memories - 1)
    assert x == pytest.approx(
        -math.expm1(-kappa * x) / (1 + (memories - 1) * math.exp(-kappa * x)), abs=1e-12
    )
    grid = np.linspace(1e-6, 1 - 1e-9, 20001)
    needed = np.log((1 + (memories - 1) * grid) / (1 - grid)) / grid
    assert needed.min() >= least - 1e-9
    assert needed.min() == pytest.approx(least, rel=1e-4)
    assert not (needed[grid > x + 1e-4] < kappa).any()


def test_the_transition_is_of_first_order_from_three_memories_on():
    for memories in (3, 4, 8, 100):
        least = consolidation.kappa_s(memories)
        assert consolidation.own_share(memories, least * (1 + 1e-9)) > 1.5 / memories
    assert consolidation.own_share(2, 2 * (1 + 1e-9)) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("memories", [3, 4, 8])
@pytest.mark.parametrize("ratio", [0.8, 1.15])
def test_the_plain_loop_ends_on_this_cosine(memories, ratio):
    """Slow memories, orthogonal patterns in turn: nothing random but the patterns' directions."""
    neurons, tau, norm = 40, 100.0, 1.3
    kappa = ratio * consolidation.kappa_s(memories)
    random = np.random.default_rng(memories)
    basis = np.linalg.qr(random.standard_normal((neurons, memories)))[0].T * math.sqrt(neurons)
    shown, beta = basis * math.sqrt(norm), kappa / (neurons * norm)
    order = [t % memories for t in range(60 * int(tau) * memories)]
    start = basis * math.sqrt(norm) if ratio > 1 else basis
    found = cosines(drifted(start, shown, order, tau, beta), shown)
    expected = consolidation.cosine(memories, kappa)
    assert np.abs(found - expected).max() < 5e-3
    assert np.abs(found - consolidation.cosine(memories, 2 * kappa)).max() > 5e-3 or ratio > 1


def test_figure_1_is_reproduced_and_both_lines_have_the_deviation_that_they_had():
    old, shown = published_figure()
    overlaps = cosines(old, shown)
    np.testing.assert_allclose(overlaps, [0.929614, 0.927319, 0.933778, 0.902975], atol=2e-6)
    memories = drifted(old, shown, [t % SHOWN for t in range(STEPS)], TAU, beta=2.0)
    found = cosines(memories, shown)
    np.testing.assert_allclose(found, [0.998822, 0.998776, 0.998901, 0.998324], atol=6e-7)
    norms = np.linalg.norm(shown, axis=1) / np.linalg.norm(old, axis=1)
    exact = [
        consolidation.similarity(STEPS / SHOWN, TAU, a, s)
        for a, s in zip(overlaps.tolist(), norms.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12)
    line = [consolidation.published(1999 / SHOWN, TAU, a) for a in overlaps.tolist()]
    np.testing.assert_allclose(line, [0.998732, 0.998691, 0.998806, 0.998265], atol=2e-6)
    wrong = [consolidation.similarity(STEPS / SHOWN, TAU, a, 1.0) for a in overlaps.tolist()]
    assert np.abs(np.array(wrong) - found).min() > 1e-5  # the norms are seen


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(0, 3000), tau=st.floats(1, 500),
    probability=st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1 - 1e-9),
    overlap=st.floats(-0.9, 1), norm_ratio=st.floats(0.2, 5),
)  # fmt: skip
def test_mean_and_deviation_are_the_sums_over_the_binomial_law(steps, probability, tau, overlap, norm_ratio):
    counts = np.arange(steps + 1)
    weights = binom(steps, probability).pmf(counts)
    values = [consolidation.similarity(int(k), tau, overlap, norm_ratio) for k in counts]
    at = (steps, probability, tau, overlap, norm_ratio)
    mean = float(weights @ values)
    assert consolidation.similarity_mean(*at) == pytest.approx(mean, abs=1e-11)
    square = float(weights @ (np.array(values) - mean) ** 2)
    assert consolidation.similarity_sd(*at) ** 2 == pytest.approx(square, abs=1e-11)


def test_random_clamping_agrees_and_a_wrong_frequency_is_rejected():
    """400 runs of the plain loop: |z| < 5 has a false alarm in 1 of 10^6."""
    steps, tau, runs, own = 400, 60.0, 400, 0.2
    random = np.random.default_rng(3)
    overlap, ratio = 0.6, 1.4
    kept = np.ones(runs)
    for _ in range(steps):
        kept[random.random(runs) < own] *= 1 - 1 / tau
    found = [
        (c * overlap + (1 - c) * ratio)
        / math.sqrt(c * c + (1 - c) ** 2 * ratio**2 + 2 * c * (1 - c) * overlap * ratio)
        for c in kept.tolist()
    ]

    def z(probability):
        at = (steps, probability, tau, overlap, ratio)
        error = consolidation.similarity_sd(*at) / math.sqrt(runs)
        return (np.mean(found) - consolidation.similarity_mean(*at)) / error

    assert abs(z(own)) < 5
    assert abs(z(own * 1.1)) > 5


def test_at_the_ends():
    assert consolidation.similarity(0, 50, 0.3, 2.0) == 0.3
    assert consolidation.similarity(1, 1, 0.3, 2.0) == 1
    assert consolidation.similarity(10**6, 50, -1, 2.0) == 1
    assert consolidation.published(0, 50, 0.3) == pytest.approx(0.3, abs=1e-15)
    assert consolidation.similarity_sd(0, 0.5, 50, 0.3, 1.0) == 0
    assert consolidation.similarity_mean(1000, 5e-324, 50, 0.3, 1.0) == pytest.approx(0.3, abs=1e-15)


@pytest.mark.parametrize("memories", [3, 8, 100])
def test_the_kappa_of_a_basin_is_the_inverse_of_the_least_overlap(memories):
    least = consolidation.kappa_s(memories)
    for kappa in (least * 1.01, least * 1.05):
        start = consolidation.least_overlap(memories, kappa)
        assert consolidation.kappa_basin(memories, start) == pytest.approx(kappa, rel=1e-9)
    assert consolidation.kappa_basin(memories, 0.999) == pytest.approx(least, rel=1e-12)
    assert consolidation.kappa_basin(2, 0.3) == 2
    assert consolidation.kappa_basin(memories, 1e-6) == pytest.approx(memories, rel=1e-3)
