"""Rules of couplings whose numbers come from streams, bond by bond; long and short pasts; what is refused.

Statistical tests run on fixed numbers, with a false-alarm probability of at most 1e-6.
"""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattis.exact import gaussians, rng
from mattis.exact.patterns import random_patterns
from mattis.networks.binary import couplings, ensembles, matrix_network
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble, Stored

LABELS = {"size": 12, "patterns": 3, "seed": 5}
exactly = settings(max_examples=40, deadline=None, derandomize=True)
seeds, counts, sizes = st.integers(0, 2**63), st.integers(1, 7), st.integers(2, 12)


def drawn(count, size, seed=1, name="random"):
    return ensembles.drawn(Ensemble(name), seed, LABELS, count, size)


def made(rule, stored, seed=1, kept=False):
    return matrix_network.learnt(rule, stored, kept, seed, LABELS)


def looped(bond, size):
    """N J by a double loop, with a zero diagonal."""
    return np.array([[bond(i, j) if i != j else 0 for j in range(size)] for i in range(size)])


def older(size, count, seed):
    """The patterns before those of a set, the newest of them first."""
    return random_patterns(rng.stream(seed, "history", LABELS), count, size).astype(int)


@exactly
@given(seeds, counts, sizes, st.floats(0.05, 1), st.booleans())
def test_a_bond_is_there_by_its_own_word(seed, count, size, share, symmetric):
    """Word j of step i; of the smaller of the two where bonds have no direction."""
    stored = drawn(count, size, seed)
    xi, stream = stored.xi.astype(int), rng.stream(seed, "bonds", LABELS)

    def bond(i, j):
        first, last = sorted((i, j)) if symmetric else (i, j)
        there = int(stream.words(last + 1, first)[last]) < round(share * 2**32)
        return sum(xi[:, i] * xi[:, j]) / share if there else 0.0

    rule = Rule("dilution" if symmetric else "asymmetric_dilution", connectivity=share)
    found = made(rule, stored, seed)
    np.testing.assert_allclose(found.nj / found.unit, looped(bond, size), rtol=1e-14)


@exactly
@given(seeds, sizes)
def test_a_spin_glass_has_a_deviate_for_every_pair(seed, size):
    """Deviate j of step i, i < j, to 1/512."""
    stream = rng.stream(seed, "couplings", LABELS)
    bond = lambda i, j: gaussians.normals(stream, size, min(i, j))[0, max(i, j)]  # noqa: E731
    found = made(Rule("sherrington_kirkpatrick"), drawn(1, size, seed), seed)
    expected = math.sqrt(size) * looped(bond, size)
    assert np.abs(found.nj / found.unit - expected).max() <= 1 / 512 + 1e-12


@exactly
@given(seeds, counts, sizes, st.floats(0.1, 1))
def test_a_palimpsest_begins_with_the_oldest(seed, count, size, bound):
    rule, stored = Rule("palimpsest", bound=bound), drawn(count, size, seed)
    most = max(1, round(bound * math.sqrt(size)))
    learnt = np.zeros((size, size), int)
    for xi in [*older(size, couplings.history(rule, size), seed)[::-1], *stored.xi.astype(int)]:
        learnt = np.clip(learnt + np.outer(xi, xi), -most, most)
    np.testing.assert_array_equal(made(rule, stored, seed, True).nj, learnt)


@exactly
@given(seeds, st.integers(1, 40), sizes, st.sampled_from([0.9, 2.0, 4.108, 9.0, 30.0]))
def test_marginalist_weights_fade_with_age_whatever_the_set_holds(seed, count, size, epsilon):
    """Also where a set is longer than its memory, which then needs no past."""
    stored = drawn(count, size, seed)
    learnt = np.zeros((size, size))
    for age, xi in enumerate([*stored.xi[::-1].astype(int), *older(size, 400, seed)], 1):
        weight = round(1024 * epsilon * math.exp(-(epsilon**2) * age / (2 * size)))
        learnt += weight * np.outer(xi, xi)
    found = made(Rule("marginalist", epsilon=epsilon), stored, seed, True)
    np.testing.assert_array_equal(found.nj, learnt)


def test_sums_beyond_single_precision_are_exact():
    """Odd ones above 2^24, of real patterns that are alike."""
    row = drawn(1, 6, name="gaussian").values | 1
    values = np.repeat(row * 8 + 1, 900, axis=0).astype(np.int16)
    exact = values.astype(np.int64).T @ values.astype(np.int64)
    assert np.abs(exact).max() > 2**24
    np.testing.assert_array_equal(couplings.products(values, values), exact)


def test_fast_fading_forgets_patterns_of_the_set_itself():
    rule, stored = Rule("marginalist", epsilon=20.0), drawn(30, 200)
    ages = len(couplings.fading(rule, 200))
    assert ages < 30
    newest = Stored(stored.values[-ages:], 1, stored.xi[-ages:], stored.weights, stored.norms)
    np.testing.assert_array_equal(made(rule, stored).nj, made(rule, newest).nj)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.108, 20.0, 64.0])
def test_the_past_is_known_before_it_is_drawn(epsilon):
    rule = Rule("marginalist", epsilon=epsilon)
    assert len(couplings.fading(rule, 100)) <= couplings.RULES[rule.name].past(rule, 100)
    assert couplings.RULES[rule.name].past(rule, 100) <= len(couplings.fading(rule, 100)) + 2


@pytest.mark.parametrize(
    "rule", [Rule("palimpsest", bound=1.0), Rule("marginalist", epsilon=1.0)], ids=lambda r: r.name
)
def test_memory_counts_a_long_past(rule):
    """Of what NumPy takes at its peak; most of it for the past."""
    stored = drawn(20, 300)
    made(rule, drawn(20, 60))
    tracemalloc.start()
    try:
        made(rule, stored)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 20 * 300**2 < peak <= couplings.memory(rule, 300, 20)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, 1e300, -1025.0])
def test_weights_that_are_no_numbers_to_learn_with_are_refused(weight):
    fault = couplings.check(Rule("weighted", weights=(1.0, weight)), 10, 2)
    assert fault is not None
    assert "1024" in fault


def test_whole_strengths_need_no_point():
    stored = drawn(4, 30)
    one, other = (made(Rule("sequence", strength=number), stored) for number in (1, 1.0))
    np.testing.assert_array_equal(one.nj, other.nj)


@pytest.mark.parametrize(("activity", "near"), [(0.9999, "0.995"), (0.001, "0.005"), (0.123, "0.125")])
def test_an_activity_whose_mean_is_not_kept_exactly_is_refused(activity, near):
    """a = 2 activity - 1 in hundredths; ±1 would leave 0 at every site of one sign."""
    fault = ensembles.check(Ensemble("biased", activity=activity), 100, 3)
    assert fault is not None
    assert f"use {near}" in fault
    assert ensembles.check(Ensemble("biased", activity=0.99), 100, 3) is None
