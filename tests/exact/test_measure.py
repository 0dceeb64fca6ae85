"""Autocorrelation times and errors of chains: exact sums, known times, calibrated errors, refusals.

Chains are AR(1) processes rounded to integers, x_t = a x_{t-1} + noise, with tau = (1+a)/(1-a). The
seeds are fixed; bounds lie five standard deviations or more away, so that each of these tests would
condemn a right estimator with a probability of at most 1e-6.
"""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import lfilter

from mattis.exact import sums
from mattis.exact.measure import (
    Estimate,
    estimate,
    estimates,
    exact_dot,
    in_python,
    mean_square,
    mean_squares,
)

exactly = settings(max_examples=150, deadline=None, derandomize=True)


def chain(a, length, seed, width=1000):
    """A stationary AR(1) chain of integers."""
    normal = np.random.default_rng(seed).standard_normal(length + 1000) * math.sqrt(1 - a * a)
    return np.rint(width * lfilter([1], [1, -a], normal)[1000:]).astype(np.int64)


def exact_covariance(values, lag):
    """C(k) by its definition, in fractions."""
    n, mean = len(values), Fraction(sum(values), len(values))
    return sum((values[t] - mean) * (values[t + lag] - mean) for t in range(n - lag)) / (n - lag)


def series(largest, shortest, longest):
    values = st.integers(-largest, largest)
    return hnp.arrays(np.int64, st.integers(shortest, longest), elements=values)


def by_definition(values):
    """The estimate of a list of integers, every C(k) a fraction that is rounded once."""
    n, middle = len(values), len(values) // 2
    variance, tau = float(exact_covariance(values, 0)), 1.0
    mean, short = float(Fraction(sum(values), n)), variance > 0
    for lag in range(1, n // 10 + 1) if variance else ():
        tau += 2.0 * float(exact_covariance(values, lag)) / variance
        if lag >= 5 * tau:
            tau = max(tau, 1.0)
            short = n < 50 * tau
            break
    if short:
        return Estimate(mean, math.nan, math.nan, short=True, drifts=False)
    error = math.sqrt(tau * variance / n)
    halves = sum(values[:middle]) / middle, sum(values[middle:]) / (n - middle)
    return Estimate(mean, error, tau, False, abs(halves[0] - halves[1]) > 4 * 2.0 * error)


@st.composite
def blocks(draw):
    """Chains (R, n) of every kind that a simulation may bring, and wider ones."""
    rows, n = draw(st.integers(1, 4)), draw(st.sampled_from([2, 3, 9, 10, 11, 50, 51, 90, 170]))
    noise = np.random.default_rng(draw(st.integers(0, 2**32))).integers(-9, 10, (rows, n))
    kind = draw(st.sampled_from(["constant", "noise", "alternating", "drifting", "walk"]))
    values = {
        "constant": np.zeros_like(noise),
        "noise": noise,
        "alternating": np.tile(np.arange(n) % 2, (rows, 1)) * 18 + noise // 9,
        "drifting": noise + np.arange(n) * draw(st.integers(1, 20)) // n,
        "walk": np.cumsum(noise, axis=1),
    }[kind]
    scale = draw(st.sampled_from([1, 12_345, 2**24 + 1, 2**30 - 1, 2**40 + 1, 2**52]))
    return values * scale + draw(st.integers(-(2**61), 2**61)) // draw(st.sampled_from([1, 2**61]))


def spelled(many):
    """Every bit of a list of estimates: NaN is NaN, and -0.0 is not 0.0."""
    return [repr(one) for one in many]


@exactly
@given(blocks())
def test_the_estimates_of_a_block_are_those_of_its_rows_and_of_the_definition(block):
    got = spelled(estimates(block))
    assert got == spelled(estimate(row) for row in block)
    assert got == spelled(by_definition(row.tolist()) for row in block)
    assert got == spelled(estimates(np.asfortranarray(block)))
    if np.abs(block).max() < 2**31:
        assert got == spelled(estimates(block.astype(np.int32)))


def test_the_estimate_of_a_drifting_chain_is_that_of_the_definition():
    values = chain(0.0, 2000, 0) + np.arange(2000) * 800 // 2000
    (got,) = estimates(values[None])
    assert got.drifts
    assert repr(got) == repr(by_definition(values.tolist()))


def centred(values):
    """Values whose sum is small, that sum or -1, and the sums of both halves less the first value."""
    out, halves = np.empty(values.size, np.int32), np.empty(2, np.int64)
    return out, sums.centre(values, out, halves), halves.tolist()


def autocovariance(values, lag):
    centre, total, _ = centred(values)
    ends = centre[:lag].sum(dtype=np.int64) + centre[values.size - lag :].sum(dtype=np.int64)
    return sums.covariance(centre, lag, total, int(ends))


@exactly
@given(blocks())
def test_estimates_in_one_word_are_those_in_python(block):
    """Where 64 bits hold the sums, and C(k) of every lag where they do."""
    for row in block:
        centre, total, halves = centred(row)
        assert repr(estimate(row)) == repr(in_python(row))
        if total >= 0:
            values, middle = row.tolist(), row.size // 2
            assert np.diff(centre, prepend=centre[0]).tolist() == np.diff(row, prepend=row[0]).tolist()
            assert total == centre.sum(dtype=np.int64) < row.size
            assert halves == [sum(x - row[0] for x in part) for part in (values[:middle], values[middle:])]
            found = [autocovariance(row, lag) for lag in range(row.size)]
            assert found == [float(exact_covariance(values, lag)) for lag in range(row.size)]


@pytest.mark.parametrize("length", [2, 3, 64, 1000])
def test_int64_is_left_before_it_wraps(length):
    """n (max x - min x)² is just below 2^61, where 64 bits must do, or just above."""
    for bound, fits in ((2**61 - 2**40, True), (2**61 + 2**40, False)):
        largest = math.isqrt(bound // length) + (not fits)
        values = np.full(length, largest)
        values[0] = 0
        assert (centred(values)[1] >= 0) == fits
        assert repr(estimate(values)) == repr(by_definition(values.tolist()))


@pytest.mark.parametrize("falls", [False, True])
def test_int64_holds_the_sums_of_a_long_chain(falls):
    """n² (max x - min x) is just below 2^61: where half of the chain is up, and where all but one are."""
    n = 2_000_001
    step = 2**61 // n**2
    up = (np.arange(n) < n - 1 if falls else np.arange(n) >= n // 2).astype(np.int64)
    for lag in (0, 1, n // 10, n - 1):
        both, edges, all_up = (up[: n - lag] @ up[lag:], up[: n - lag].sum() + up[lag:].sum(), up.sum())
        mean = Fraction(int(all_up), n)
        wanted = Fraction(step**2, n - lag) * (int(both) - mean * int(edges) + (n - lag) * mean**2)
        assert autocovariance(step * up, lag) == float(wanted)
    assert centred((step + 1) * up)[1] == -1


def test_quotients_are_those_of_integers():
    """Of any lengths; and in the middle between two numbers of 53 bits, or just beside it."""
    draw = random.Random(1)
    for _ in range(5000):
        under, parts, any_ = (draw.getrandbits(draw.randint(1, most)) | 1 for most in (31, 61, 62))
        middle = (draw.getrandbits(54) | 2**53 | 1) << draw.choice([0, 8])
        for whole in (0, any_, middle):
            over = draw.choice([1, -1]) * whole * under * parts + draw.randint(-1, 1)
            whole_, rest = divmod(over, under * parts)
            found = sums.quotient(whole_, rest // parts, under, rest % parts, parts)
            assert repr(found) == repr(over / (under * parts))


def test_the_whole_range_of_int64_does_not_wrap():
    low, high = -(2**63), 2**63 - 1
    values = np.array([low, high, high, low, high] * 20)
    assert spelled(estimates(values[None])) == spelled([by_definition(values.tolist())])
    assert exact_dot(values, values) == sum(v * v for v in values.tolist())
    assert mean_square(np.array([low])) == 2.0**126
    assert exact_dot(np.array([100, 100], np.int8), np.array([100, 100], np.int8)) == 20_000


def test_a_block_without_chains_has_no_estimates():
    assert estimates(np.empty((0, 100), np.int64)) == []


def autocorrelation_time(values):
    return estimate(values).autocorrelation_time


@exactly
@given(series(10**8, 1, 60), st.data())
def test_autocovariance_is_the_exact_fraction_rounded_once(values, data):
    lag = data.draw(st.integers(0, values.size - 1))
    assert autocovariance(values, lag) == float(exact_covariance(values.tolist(), lag))


@pytest.mark.parametrize(("a", "tau"), [(0.9, 19.0), (0.5, 3.0), (0.0, 1.0)])
def test_time_of_a_long_chain_is_the_known_one(a, tau):
    """The error of tau is tau √(2(2W+1)/n) with W = 5 tau: 2 % at tau = 19, five of them allowed.

    N. Madras and A. D. Sokal, J. Stat. Phys. 50, 109 (1988), appendix C.
    """
    values = chain(a, 1_000_000, seed=1)
    assert autocorrelation_time(values) == pytest.approx(tau, rel=0.10)
    assert autocorrelation_time(values.astype(np.int32)) == autocorrelation_time(values)
    shifted = autocorrelation_time(12345 - 3 * values)
    assert shifted == pytest.approx(autocorrelation_time(values), rel=1e-14)


def test_time_is_never_below_one():
    assert autocorrelation_time(chain(-0.9, 5000, 3)) == 1
    assert autocorrelation_time(np.tile([1, -1], 500)) == 1


@pytest.mark.parametrize("length", [2, 9, 10, 49, 60, 200, 400])
def test_short_chains_are_refused(length):
    """tau = 99 needs 4950 sweeps; at 400 only a window at tau < 8 would be taken."""
    for seed in range(50):
        values = chain(0.98, length, seed, 10**4)
        got = estimate(values)
        assert got.short
        assert not got.drifts
        assert math.isnan(got.error)
        assert math.isnan(got.autocorrelation_time)
        assert got.mean == sum(values.tolist()) / length


def test_fifty_sweeps_of_white_noise_are_the_fewest():
    """With 49 no window can be long enough; with 50, W = 5 must do with tau ≤ 1."""
    noise = [chain(0.0, 50, seed) for seed in range(200)]
    assert all(estimate(values[:49]).short for values in noise)
    taken = [estimate(values) for values in noise]
    assert any(not got.short for got in taken)
    assert {got.autocorrelation_time for got in taken if not got.short} == {1.0}


@pytest.mark.parametrize(("a", "length"), [(0.0, 1000), (0.5, 2000), (0.9, 8000)])
def test_errors_are_calibrated(a, length):
    """mean/error of 500 chains has spread 1 ± 0.18: 5 √(1/1000), and 2 % for a time known to some
    10 %. Without its tau the error of a = 0.5 would give a spread of 1.7.
    """
    estimates = [estimate(chain(a, length, seed)) for seed in range(500)]
    assert not any(got.short for got in estimates)
    pulls = np.array([got.mean / got.error for got in estimates])
    assert np.std(pulls) == pytest.approx(1, abs=0.18)
    assert abs(np.mean(pulls)) < 5 / math.sqrt(500)


def test_stationary_chains_do_not_drift():
    """The halves of a chain differ by 4 deviations with a probability of 6e-5: more than three of
    500 chains do with a probability of 0.032⁴/4! = 4e-8.
    """
    drifting = [estimate(chain(0.5, 4000, seed)).drifts for seed in range(500)]
    assert sum(drifting) <= 3


@pytest.mark.parametrize("sign", [1, -1])
def test_a_gentle_ramp_under_noise_drifts(sign):
    """A rise of 0.8 widths of the noise: 0.4 between the halves, 8 and more of their deviations."""
    for seed in range(50):
        ramp = sign * np.arange(2000) * 800 // 2000
        got = estimate(chain(0.0, 2000, seed) + ramp)
        assert got.drifts
        assert not got.short


def test_a_steep_ramp_is_not_even_long_enough():
    for values in (np.arange(2000), np.arange(2000) ** 2, chain(0.0, 2000, 1) + np.arange(2000) * 5):
        got = estimate(values)
        assert got.short
        assert math.isnan(got.error)


@exactly
@given(series(10**6, 1, 50))
def test_mean_square_is_exact(values):
    expected = Fraction(sum(v * v for v in values.tolist()), values.size)
    assert mean_square(values) == float(expected)
    small = (values % 100).astype(np.int8)
    assert mean_square(small) == float(Fraction(sum(v * v for v in small.tolist()), small.size))
    wide = np.stack([values, values[::-1] - 1, 2**35 * values])
    assert mean_squares(wide) == [mean_square(row) for row in wide]
    assert mean_squares(wide)[2] == float(Fraction(sum(v * v for v in wide[2].tolist()), values.size))
