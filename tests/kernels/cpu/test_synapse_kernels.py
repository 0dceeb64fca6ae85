"""Consolidation in scalar products against a plain simulation with vectors, and the functions below it."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import Run, products, runs, shown_to
from scipy import stats

from mattis.exact import functions, gaussians, rng
from mattis.kernels.cpu import drift

FULL = 2**32 - 1
NOTHING, NO_ROWS = np.empty(0), np.empty((0, 0))
STATE = ("fields", "squares", "along_bias", "old_share", "new_share", "bias_share", "hebbian", "reached")

exactly = settings(max_examples=60, deadline=None, derandomize=True)


# Functions of one number


def ulps(function, reference, points):
    """The largest distance from the reference, in units of its last place."""
    got = np.array([function(x) for x in points.tolist()])
    expected = np.array([reference(x) for x in points.tolist()])
    return (np.abs(got - expected) / np.spacing(np.abs(expected))).max()


@pytest.mark.parametrize(("low", "high"), [(-745, 709.7), (-40, 0), (-1, 1), (-1e-9, 1e-9)])
def test_the_exponential_is_within_two_ulp(low, high):
    assert ulps(functions.exponential, math.exp, np.linspace(low, high, 60_001)) <= 2


@pytest.mark.parametrize(("low", "high"), [(-745, 709.7), (-1, 1), (-1e-9, 1e-9)])
def test_the_logarithm_is_within_two_ulp(low, high):
    assert ulps(functions.logarithm, math.log, np.exp(np.linspace(low, high, 60_001))) <= 2


def test_exponential_and_logarithm_at_their_ends():
    for x in (-746.0, -1e300, -math.inf):
        assert functions.exponential(x) == 0
    assert functions.exponential(-745.0) == 5e-324
    assert functions.exponential(0.0) == 1
    assert functions.exponential(709.78) == pytest.approx(math.exp(709.78), rel=1e-15)
    assert functions.exponential(710.0) == functions.exponential(math.inf) == math.inf
    assert (functions.logarithm(0.0), functions.logarithm(math.inf)) == (-math.inf, math.inf)
    assert (functions.logarithm(1.0), functions.logarithm(5e-324)) == (0, math.log(5e-324))
    assert np.isnan([functions.logarithm(-1.0), functions.logarithm(math.nan)]).all()
    assert math.isnan(functions.exponential(math.nan))


def halves(level):
    """The words that give level / 2^53 + 2^-54."""
    return np.uint32(level >> 21), np.uint32((level << 11) & FULL)


def test_normal_deviates_are_the_quantiles():
    """All levels below 1/2 are doubles; those above are the same with the other sign, to the last bit."""
    levels = {0, 1, 2, 2**52 - 1, *(2**e + 1 for e in range(2, 52))}
    levels |= {round(u * 2**52) for u in np.linspace(1e-5, 0.99999, 20_001)}
    chosen = sorted(levels)
    got = np.array([functions.normal(*halves(level)) for level in chosen])
    expected = stats.norm.ppf((np.array(chosen, float) + 0.5) / 2**53)
    np.testing.assert_allclose(got, expected, rtol=2e-15)
    mirrored = [functions.normal(*halves(2**53 - 1 - level)) for level in chosen]
    np.testing.assert_array_equal(mirrored, -got)


# Products of matrices


def in_order(coefficients, vectors):
    """coefficients @ vectors, one term after the other."""
    out = np.zeros((len(coefficients), vectors.shape[1]))
    for k in range(len(vectors)):
        out += coefficients[:, k, None] * vectors[k]
    return out


@exactly
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9), st.integers(1, 150))
def test_products_are_summed_in_the_order_of_their_terms(seed, rows, columns, terms):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(rows, terms)), generator.normal(size=(columns, terms))
    np.testing.assert_array_equal(functions.gram(a, b), in_order(a, b.T))
    np.testing.assert_allclose(functions.gram(a, b), a @ b.T, atol=1e-12)
    c = np.ascontiguousarray(b.T)
    np.testing.assert_array_equal(functions.combine(a, c), in_order(a, c))


def test_products_larger_than_a_block():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(5, 331)), generator.normal(size=(1100, 331))
    np.testing.assert_array_equal(functions.gram(a, b), in_order(a, b.T))
    np.testing.assert_array_equal(functions.combine(a, np.ascontiguousarray(b.T)), in_order(a, b.T))


def test_a_gram_matrix_is_symmetric_to_the_last_bit():
    a = np.random.default_rng(2).normal(size=(67, 301))
    np.testing.assert_array_equal(functions.gram(a, a), functions.gram(a, a).T)


# Which pattern is clamped


@exactly
@given(st.lists(st.integers(0, 2**32), max_size=9), st.lists(st.integers(0, FULL), max_size=20))
def test_words_clamp_by_exact_comparison(thresholds, words):
    table = np.array([*sorted(thresholds), 2**32], np.uint64)
    edges = [int(t) + d for t in table for d in (-1, 0, 1) if 0 <= int(t) + d <= FULL]
    drawn = np.array([*words, *edges], np.uint32)
    expected = np.searchsorted(table, drawn.astype(np.uint64), side="right")
    np.testing.assert_array_equal(drift.clamped(drawn, table), expected)


# Consolidation


def plain(run: Run) -> Iterator[np.ndarray]:
    """The memories at first and after each presentation, in float64 vectors."""
    xi = run.xi.copy()
    yield xi.copy()
    for k in run.shown:
        v = run.patterns[k]
        for _ in range(run.dwell):
            s = -((v - xi) ** 2).sum(axis=1) / 2 if run.distance else xi @ v
            w = np.exp(run.beta * (s - s.max()))
            xi += (run.eta * w / w.sum())[:, None] * (v + run.bias - xi)
        yield xi.copy()


def consolidated(run: Run, threshold=0.9):
    """(state, trace) after a run."""
    state, constants = products(run)
    trace = shown_to(run, state, constants, threshold)
    return state, trace


def cosines(xi, patterns):
    own = patterns[: len(xi)]
    lengths = np.linalg.norm(xi, axis=1) * np.linalg.norm(own, axis=1)
    return (xi * own).sum(axis=1) / lengths


def assert_close(got, expected, scale):
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10 * scale)


@settings(exactly, max_examples=300)
@given(runs)
def test_products_follow_the_vectors(run):
    states = list(plain(run))
    state, trace = consolidated(run)
    xi, scale = states[-1], (run.patterns**2).sum(axis=1).max()
    assert_close(state["fields"], xi @ run.patterns.T, scale)
    assert_close(state["squares"], (xi**2).sum(axis=1), scale)
    assert_close(state["along_bias"], (xi * run.bias).sum(axis=1), scale)
    rebuilt = state["old_share"][:, None] * run.xi + state["new_share"] @ run.patterns
    assert_close(rebuilt + state["bias_share"][:, None] * run.bias, xi, math.sqrt(scale))
    if run.xi.shape[1] > 1:  # in one dimension, cosines are signs
        expected = np.array([cosines(xi, run.patterns) for xi in states[1:]])
        np.testing.assert_allclose(trace, expected.reshape(trace.shape), atol=1e-9)


@settings(exactly, max_examples=150)
@given(runs, st.floats(0.5, 1.0))
def test_reached_is_the_first_time_that_the_cosine_is_there(run, threshold):
    path = np.array([cosines(xi, run.patterns) for xi in plain(run)])
    state, _ = consolidated(run, threshold)
    for row, found in zip(path.T, state["reached"], strict=True):
        if np.abs(row - threshold).min() > 1e-9:
            above = np.flatnonzero(row >= threshold)
            assert found == (above[0] if above.size else -1)


@settings(exactly, max_examples=150)
@given(runs, st.lists(st.integers(0, 14), max_size=3))
def test_a_run_in_pieces_is_the_same_run(run, cuts):
    whole, trace = consolidated(run)
    state, constants = products(run)
    ends = [0, *sorted(min(cut, len(run.shown)) for cut in cuts), len(run.shown)]
    pieces = [
        shown_to(replace(run, shown=run.shown[a:b]), state, constants, first=a) for a, b in pairwise(ends)
    ]
    assert np.concatenate(pieces).tobytes() == trace.tobytes()
    for name in STATE:
        assert state[name].tobytes() == whole[name].tobytes(), name


@exactly
@given(runs)
def test_what_is_left_out_changes_nothing_else(run):
    whole, _ = consolidated(run)
    state, constants = products(run)
    none = dict.fromkeys(("old_share", "bias_share", "hebbian"), NOTHING) | {"new_share": NO_ROWS}
    shown_to(run, state | none, constants, threshold=2.0, traced=False)
    for name in ("fields", "squares", "along_bias"):
        assert state[name].tobytes() == whole[name].tobytes()
    assert (state["reached"] == -1).all()


@exactly
@given(runs)
def test_the_pavlovian_matrix_is_that_of_its_rule(run):
    """G += (eta/N_h) (N_h xi' xi'^T - G) at each step, from Xi(0)^T Xi(0): eq. (23) with tau."""
    rows = len(run.xi)
    start = matrix = run.xi.T @ run.xi
    for k in run.shown.repeat(run.dwell):
        target = rows * np.outer(run.patterns[k], run.patterns[k])
        matrix = matrix + run.eta / rows * (target - matrix)
    b = consolidated(run)[0]["hebbian"]
    learned = (run.patterns.T * b) @ run.patterns
    left = 1 - b.sum() / rows
    assert left == pytest.approx((1 - run.eta / rows) ** (run.dwell * len(run.shown)), abs=1e-12)
    assert_close(left * start + learned, matrix, np.abs(matrix).max())


def test_memories_that_are_equal_share_a_pattern():
    """Two equal rows at infinite beta: w = 1/2 each."""
    xi = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    run = Run(xi, np.eye(3, 2) + 0.5, np.zeros((3, 2)), np.array([0]), math.inf, 0.5)
    np.testing.assert_array_equal(consolidated(run)[0]["old_share"], [0.75, 0.75, 1.0])


# Frozen numbers: another machine, another vector width or another compiler must not change a bit.


def hexes(values):
    return [float(value).hex() for value in values]


def frozen_run():
    """A run of which every bit is made by the project's own arithmetic."""
    stream = rng.stream(7, "frozen", {})
    xi = gaussians.normals(stream, 33, np.arange(5))
    patterns = xi + 0.4 * gaussians.normals(stream, 33, 5 + np.arange(5))
    bias = 0.1 * gaussians.normals(stream, 33, 10 + np.arange(5))
    run = Run(xi, patterns, bias, drift.clamped(
        stream.words(400, 15), (np.arange(1, 6, dtype=np.uint64) << np.uint64(32)) // np.uint64(5)
    ), 0.05, 0.02, 2)  # fmt: skip
    state, constants = products(run)
    state["squares"] = functions.gram(xi, xi).diagonal().copy()
    state["along_bias"] = functions.gram(xi, bias).diagonal().copy()
    constants = (*constants[:2], functions.gram(bias, bias).diagonal().copy())
    return state, shown_to(run, state, constants, 0.97)


def test_frozen_numbers():
    assert hexes(map(functions.exponential, (-0.1, -1.0, -20.5, -741.0))) == EXPONENTIALS
    assert hexes(map(functions.logarithm, (0.1, 1.5, 3.0, 1e300))) == LOGARITHMS
    state, trace = frozen_run()
    assert hexes(trace[-1]) == TRACE
    assert hexes(state["fields"][0]) == FIELDS
    assert hexes(state["new_share"][1]) == TAKEN
    assert state["reached"].tolist() == REACHED


EXPONENTIALS = [
    "0x1.cf46d99d52b3ap-1", "0x1.78b56362cef38p-2", "0x1.57a3afeed00abp-30", "0x0.000000000001fp-1022",
]  # fmt: skip
LOGARITHMS = ["-0x1.26bb1bbb55515p+1", "0x1.9f323ecbf984cp-2", "0x1.193ea7aad030ap+0", "0x1.5963447f87fb5p+9"]
TRACE = [
    "0x1.878869825abe1p-1", "0x1.b4bb7a771dbadp-1", "0x1.2ab7a444be02ap-1", "0x1.a2fbc3219e5a7p-1",
    "0x1.7fe9051d29cf4p-1",
]  # fmt: skip
FIELDS = [
    "0x1.faa185faa16c4p+3", "0x1.6d05ded415246p+2", "0x1.31e1eb9427214p+0", "0x1.e484360cb7bd4p+3",
    "0x1.997f591bf176cp+2",
]  # fmt: skip
TAKEN = [
    "0x1.2751c15750cd0p-3", "0x1.a70237ac7a472p-2", "0x1.f145822c014f5p-4", "0x1.3098ec071d8afp-3",
    "0x1.2628b5399a5e6p-3",
]  # fmt: skip
REACHED = [-1, 51, -1, -1, -1]
