"""Couplings: every rule against the double loop of its definition, and what its randomness must be like.

Statistical tests run on fixed numbers; each would condemn a right rule with a probability of at most 1e-7.
"""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.networks.binary import couplings, ensembles, matrix_network
from mattis.networks.binary.couplings import RULES, Rule
from mattis.networks.binary.ensembles import Ensemble

LEARNT = [name for name in RULES if name != "given"]
"""Rules that make couplings of patterns."""

FALSE_ALARM = 1e-7
HIGHEST_Z = stats.norm.isf(FALSE_ALARM / 2)
exactly = settings(max_examples=40, deadline=None, derandomize=True)


def labels_of(size, count, seed=0):
    return {"size": size, "patterns": count, "seed": seed}


def stored_of(size, count, seed=0, ensemble="random", **numbers):
    labels = labels_of(size, count, seed)
    return ensembles.drawn(Ensemble(ensemble, **numbers), 7, labels, count, size)


def made(rule, stored, kept=False, seed=0):
    """The couplings of patterns, by the name of a rule or a Rule."""
    rule = Rule(rule) if isinstance(rule, str) else rule
    return matrix_network.learnt(rule, stored, kept, 7, labels_of(stored.xi.shape[1], len(stored.xi), seed))


def real(result):
    """N J."""
    return result.nj / result.unit


def loops(size, entry):
    """N J by a double loop."""
    return np.array([[entry(i, j) for j in range(size)] for i in range(size)], float)


DENSITY = 1 / math.sqrt(2 * math.pi)


def _dead(rule, v, i, j):
    total = sum(v[:, i] * v[:, j])
    if abs(total) <= rule["threshold"] * math.sqrt(len(v)):
        return 0.0
    width = 2 * DENSITY * math.exp(-(rule["threshold"] ** 2) / 2)
    return float(np.sign(total)) * math.sqrt(len(v)) / width


DEFINITIONS = {
    "hebb": lambda _, v, i, j: sum(v[:, i] * v[:, j]),
    "clipped": lambda _, v, i, j: math.sqrt(math.pi * len(v) / 2) * np.sign(sum(v[:, i] * v[:, j])),
    "dead_zone": _dead,
    "sequence": lambda rule, v, i, j: sum(
        rule["hebbian"] * v[mu, i] * v[mu, j] + rule["strength"] * v[(mu + 1) % len(v), i] * v[mu, j]
        for mu in range(len(v))
    ),
    "weighted": lambda rule, v, i, j: sum(rule["weights"] * v[:, i] * v[:, j]),
    "van_hemmen": lambda _, v, i, j: v[0, i] * v[1, j] + v[1, i] * v[0, j],
}


@st.composite
def lessons(draw):
    """A rule of the above, its numbers multiples of 1/1000, and patterns of ±1."""
    name = draw(st.sampled_from(sorted(DEFINITIONS)))
    count = 2 if name == "van_hemmen" else draw(st.integers(1, 8))
    sixths = st.integers(-3000, 3000).map(lambda k: k / 1000)
    weights = tuple(draw(st.lists(sixths, min_size=count, max_size=count)))
    rule = Rule(name, threshold=draw(st.sampled_from([0.0, 0.3, 0.612, 1.0, 1.5])),
                strength=draw(sixths), hebbian=draw(sixths), weights=weights)  # fmt: skip
    return rule, stored_of(draw(st.integers(2, 12)), count, draw(st.integers(0, 99)))


@settings(exactly, max_examples=120)
@given(lessons(), st.booleans())
def test_rules_are_what_is_written(lesson, kept):
    rule, stored = lesson
    size, values = stored.xi.shape[1], stored.values.astype(float)
    result = made(rule, stored, kept)
    expected = loops(size, lambda i, j: DEFINITIONS[rule.name](rule, values, i, j))
    if not kept:
        np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(real(result), expected, rtol=2e-7, atol=1e-12)
    assert result.symmetric == (rule.name != "sequence")


def test_the_edge_of_a_dead_zone_is_dead():
    """|sum| <= threshold sqrt(P): 2 of P = 4 at a threshold of 1."""
    stored = stored_of(12, 4)
    sums = stored.xi.T.astype(int) @ stored.xi
    found = made(Rule("dead_zone", threshold=1.0), stored, kept=True).nj
    assert (np.abs(sums) == 2).any()
    np.testing.assert_array_equal(found, np.where(np.abs(sums) <= 2, 0, np.sign(sums)))


@pytest.mark.parametrize("ensemble", ["biased", "gaussian", "unit_vectors"])
@pytest.mark.parametrize("name", ["hebb", "clipped", "dead_zone", "sequence", "weighted"])
def test_real_patterns_are_learnt_in_units_of_their_own(name, ensemble):
    stored = stored_of(9, 4, 0, ensemble, activity=0.3)
    rule = Rule(name, strength=0.5, hebbian=0.25, weights=(1.0, 0.5, 0.25, 2.0))
    values = stored.values / stored.unit
    expected = loops(9, lambda i, j: DEFINITIONS[name](rule, values, i, j))
    np.testing.assert_allclose(real(made(rule, stored, kept=True)), expected, rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize("name", LEARNT)
def test_a_rule_is_symmetric_if_it_says_so_and_keeps_its_diagonal_if_asked(name):
    """The integers are the narrowest that hold them; the diagonal is all that differs."""
    count = 2 if name == "van_hemmen" else 5
    stored = stored_of(25, count)
    rule = Rule(name, weights=(1.0, 0.5, 0.25, 2.0, 1.5))
    zero, kept = (made(rule, stored, which) for which in (False, True))
    off = ~np.eye(25, dtype=bool)
    assert not zero.nj.diagonal().any()
    assert kept.nj.diagonal().any() == (name not in ("sherrington_kirkpatrick", "lattice"))
    np.testing.assert_array_equal(zero.nj[off], kept.nj[off])
    assert zero.symmetric == (zero.nj == zero.nj.T).all()
    for result in (zero, kept):
        assert result.nj.dtype == couplings.narrowest(int(np.abs(result.nj).max()))
        assert result.unit == couplings.unit_of(rule, stored.unit, count)
    again = made(rule, stored, True)
    np.testing.assert_array_equal(again.nj, kept.nj)


# What is diluted


@pytest.mark.parametrize("connectivity", [0.05, 0.5, 0.9])
def test_symmetric_dilution_keeps_a_share_of_the_bonds(connectivity):
    """c of the pairs (P odd: no Hebb coupling is 0), the same of i to j and of j to i; J_ii always."""
    size, rule = 200, Rule("dilution", connectivity=connectivity)
    stored = stored_of(size, 5)
    diluted, hebb = made(rule, stored, True).nj, couplings.hebb_matrix(stored.xi)
    there, pairs = (diluted != 0)[np.triu_indices(size, 1)], size * (size - 1) // 2
    assert stats.binomtest(int(there.sum()), pairs, connectivity).pvalue > FALSE_ALARM
    np.testing.assert_array_equal(diluted, diluted.T)
    np.testing.assert_array_equal(diluted.diagonal(), 5)
    bonds = (diluted != 0) & ~np.eye(size, dtype=bool)
    np.testing.assert_array_equal(diluted[bonds], hebb[bonds])


@pytest.mark.parametrize("name", ["dilution", "asymmetric_dilution"])
def test_whole_connectivity_is_hebbs_rule(name):
    stored = stored_of(30, 4)
    np.testing.assert_array_equal(
        real(made(Rule(name, connectivity=1.0), stored)), couplings.hebb_matrix(stored.xi)
    )


def errors(size, count, c, seed):
    """The share of wrong signs of all stored patterns after one step; a field of zero is half of one."""
    stored = stored_of(size, count, seed)
    nj = made(Rule("asymmetric_dilution", connectivity=c), stored, seed=seed).nj
    signals = stored.xi * (stored.xi.astype(np.float64) @ nj.T)
    return float((signals < 0).mean() + (signals == 0).mean() / 2)


def test_the_first_step_of_a_diluted_network_makes_the_errors_of_noise():
    """Q(sqrt(c N/P)) for large N; exactly, xi_i N c h_i of n ~ Bin(N-1, c) bonds is n + n (P-1) signs.

    A t-test of 30 pattern sets, for the fields of one set are not independent.
    """
    size, count, c = 300, 30, 0.5
    bonds = np.arange(1, size)
    steps = bonds * (count - 1)
    limit = (steps - bonds) / 2  # so many signs must be -1 at most
    wrong = stats.binom.cdf(np.ceil(limit) - 1, steps, 0.5)
    wrong += np.where(limit % 1 == 0, stats.binom.pmf(limit, steps, 0.5) / 2, 0)
    expected = float(stats.binom.pmf(bonds, size - 1, c) @ wrong)
    assert expected == pytest.approx(stats.norm.sf(math.sqrt(c * size / count)), rel=0.1)
    found = [errors(size, count, c, seed) for seed in range(30)]
    assert stats.ttest_1samp(found, expected).pvalue > FALSE_ALARM
    assert stats.ttest_1samp(found, stats.norm.sf(math.sqrt(size / count))).pvalue < FALSE_ALARM


# What forgets


def forgotten(rule, size):
    """The largest part of a history's beginning that is left, of the exact walk on -A … A."""
    limit = couplings.saturation(rule, size)
    walk = walk_of(limit)
    return np.abs(np.linalg.matrix_power(walk, couplings.history(rule, size)) - walk_mean(limit)).max()


def walk_of(limit):
    """W of T <- clip(T ± 1, -A, A): rows where from."""
    states = 2 * limit + 1
    walk = np.zeros((states, states))
    for row in range(states):
        for step in (-1, 1):
            walk[row, min(max(row + step, 0), states - 1)] += 0.5
    return walk


def walk_mean(limit):
    return 1 / (2 * limit + 1)


def ages(limit, count):
    """s(k) = E[T xi xi] of the pattern of age k, exactly: it is learnt, then k - 1 others are."""
    values = np.arange(-limit, limit + 1)
    learnt = np.clip(values + 1, -limit, limit).astype(float)
    out, walk = [], np.eye(values.size)
    weights = np.zeros(values.size)
    np.add.at(weights, (learnt + limit).astype(int), 1 / values.size)
    for _ in range(count):
        out.append(float(weights @ walk @ values))
        walk = walk @ walk_of(limit)
    return np.array(out)


def test_a_history_is_long_enough():
    for bound, size in ((0.35, 60), (1.0, 9), (0.35, 400), (0.01, 10)):
        assert forgotten(Rule("palimpsest", bound=bound), size) < 2e-6


def test_a_palimpsest_of_bound_3_forgets_as_it_must():
    """The fields of a pattern's ages 1 … 5: 6/7, 5/7, .642857, .571429, .517857, and T uniform on -3 … 3.

    Pairs of sites that share none are independent, given here by 36 pairs a pattern set: a z-test each
    (6 looks in all), and a chi-square test.
    """
    size, seeds = 73, 300
    rule = Rule("palimpsest", bound=3 / math.sqrt(size))
    signals, values = [], []
    for seed in range(seeds):
        stored = stored_of(size, 5, seed)
        nj = made(rule, stored, seed=seed).nj
        i, j = np.arange(0, size - 1, 2), np.arange(1, size, 2)
        signals.append(stored.xi[::-1, i] * stored.xi[::-1, j] * nj[i, j])
        values.append(nj[i, j])
    expected = ages(3, 5)
    np.testing.assert_allclose(expected, [6 / 7, 5 / 7, 0.642857, 0.571429, 0.517857], atol=5e-7)
    found = np.concatenate(signals, axis=1)
    errors_ = np.sqrt((4 - expected**2) / found.shape[1])
    assert (np.abs(found.mean(axis=1) - expected) < HIGHEST_Z * errors_).all()
    counts = np.bincount(np.concatenate(values) + 3, minlength=7)
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


# What calls the next pattern, and what projects


def test_a_sequence_calls_the_next_pattern():
    """The field of pattern mu points to mu + 1, cyclic, and not to mu - 1: nj_ij is what j does to i."""
    stored = stored_of(400, 5)
    nj = made("sequence", stored).nj
    for mu in range(5):
        overlaps = stored.xi.astype(int) @ np.sign(nj @ stored.xi[mu].astype(int)) / 400
        assert overlaps.argmax() == (mu + 1) % 5
        assert overlaps[(mu + 1) % 5] > 0.9
        assert abs(overlaps[(mu - 1) % 5]) < 0.4
    held = made(Rule("sequence", strength=0.5, hebbian=1.0), stored).nj
    overlaps = stored.xi.astype(int) @ np.sign(held @ stored.xi[2].astype(int)) / 400
    assert overlaps.argmax() == 2


@pytest.mark.parametrize(("size", "count"), [(12, 3), (40, 20), (40, 40)])
def test_the_pseudo_inverse_projects_on_the_patterns(size, count):
    """J xi = xi with the diagonal kept, J J = J, trace J = rank; each coupling to half of 1/256."""
    stored = stored_of(size, count)
    result = made("pseudo_inverse", stored, kept=True)
    j, xi = real(result) / size, stored.xi.astype(float)
    rounding = 0.5000001 / 256  # of N J
    np.testing.assert_allclose(j @ xi.T, xi.T, rtol=0, atol=rounding)
    expected = np.linalg.pinv(xi) @ xi
    np.testing.assert_allclose(size * j, size * expected, rtol=0, atol=rounding)
    rank = np.linalg.matrix_rank(xi)
    assert abs(np.trace(j) - rank) <= rounding


def test_patterns_that_depend_on_others_add_nothing_to_the_projection():
    """Repeated, opposite, or the sum of others: the span is what counts."""
    first, second, free = stored_of(30, 3).xi
    third = np.where(first == second, first, free)
    xi = np.array([first, second, third])
    more = np.concatenate([xi, [first + second - third], -xi[:1], xi[1:]])
    assert (np.abs(more) == 1).all()
    wanted, found = (made("pseudo_inverse", ensembles.signs(x), kept=True).nj for x in (xi, more))
    np.testing.assert_array_equal(found, wanted)


# The size of signals, spin glasses


def strength(name, count):
    """The field of a pattern, E[s f(s)]/P with f the rule of s, a sum of P signs: exactly, without J_ii."""
    s = np.arange(-count, count + 1, 2)
    limit = {"clipped": 0.0, "dead_zone": Rule("dead_zone")["threshold"] * math.sqrt(count)}.get(name)
    rule = s if limit is None else np.where(np.abs(s) <= limit, 0, np.sign(s))
    unit = 1.0 if limit is None else couplings.unit_of(Rule(name), 1, count)
    return float(stats.binom.pmf((s + count) // 2, count, 0.5) @ (s * rule)) / count / unit


@pytest.mark.parametrize("name", ["hebb", "clipped", "dead_zone", "dilution", "asymmetric_dilution"])
def test_a_pattern_feels_a_field_of_about_one_of_itself(name):
    """Temperatures of rules compare, for large P: with few patterns the steps of the sum are coarse.

    The strengths of 20 pattern sets, not independent in a set: a t-test.
    """
    size, count, found = 150, 25, []
    for seed in range(20):
        stored = stored_of(size, count, seed)
        fields = real(made(name, stored, seed=seed)) @ stored.xi.T.astype(float)
        found.append((stored.xi.T * fields).mean() / (size - 1))
    if name == "hebb":  # sum_munu (xi^mu · xi^nu)² has a mean but hardly a spread
        np.testing.assert_allclose(found, 1, atol=0.05)
    assert stats.ttest_1samp(found, strength(name, count)).pvalue > FALSE_ALARM
    assert strength(name, 25) == pytest.approx(1, abs=0.12)
    assert strength(name, 10_000) == pytest.approx(1, abs=0.005)


# Mistakes and memory


@pytest.mark.parametrize(
    ("rule", "size", "count", "said"),
    [
        (Rule("van_hemmen"), 10, 3, "van Hemmen's couplings cross 2 patterns: write memories: [2]"),
        (Rule("weighted", weights=(1.0,)), 10, 3,
         "1 weight of 3 patterns: write couplings: {weights: [1.0, 1.0, 1.0]}, one for each"),
        (Rule("pseudo_inverse"), 10, 11,
         "at most 10 patterns of 10 sites can be projected on: use fewer"),
        (Rule("van_hemmen"), 10, 2, None),
        (Rule("weighted", weights=(1.0, 2.0)), 10, 2, None),
        (Rule("pseudo_inverse"), 10, 10, None),
        (Rule("hebb"), 10, 100, None),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_do_is_said(rule, size, count, said):
    assert couplings.check(rule, size, count) == said


@pytest.mark.parametrize("name", LEARNT)
def test_memory_is_not_underestimated(name):
    """Of what NumPy takes at its peak while couplings are made."""
    size = 529  # a square, for a lattice
    count = 2 if name == "van_hemmen" else 50
    stored, rule = stored_of(size, count), Rule(name, weights=(1.0,) * count)
    made(rule, stored_of(8, count) if count < 8 else stored)  # what is loaded once
    tracemalloc.start()
    try:
        made(rule, stored, kept=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= couplings.memory(rule, size, count)
