"""Limits N → ∞: exact powers, weights by hand, and errors that cover the truth as often as they say."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from mattis.statistics.finite_size import FREE, POWERS, Limit, limit
from mattis.theory import evaluate

SIZES = np.array([1000.0, 2000.0, 4000.0, 8000.0, 16000.0])


def law(value: float, amplitude: float, omega: float, sizes: np.ndarray = SIZES) -> np.ndarray:
    return value + amplitude * sizes**-omega


def fits_of(found: Limit | None) -> dict[tuple[str, float], float]:
    assert found is not None
    return {(one.power, one.smallest): one.value for one in found.fits}


@pytest.mark.parametrize("power", ["1/2", "2/3", "1"])
def test_an_exact_power_is_found_by_its_own_fits(power: str):
    (omega,) = POWERS[power]
    errors = np.full(5, 1e-7)
    found = limit(SIZES, law(0.14, 3.0, omega), errors)
    assert found is not None
    own = [one for one in found.fits if one.power == power]
    assert [one.smallest for one in own] == [1000, 2000, 4000]
    for one in own:
        assert one.value == pytest.approx(0.14, abs=1e-11)
        assert one.amplitude == pytest.approx(3.0, rel=1e-8)
    assert sum(one.weight for one in found.fits) == pytest.approx(1)
    assert abs(found.value - 0.14) < 1e-5  # fits of other powers have no weight left


def test_a_free_power_is_found_with_its_error():
    found = limit(SIZES, law(0.14, 3.0, 0.8), np.full(5, 1e-6))
    assert found is not None
    free = [one for one in found.fits if one.power == FREE]
    assert [one.smallest for one in free] == [1000, 2000]
    assert abs(free[0].omega - 0.8) < 0.025  # a step of the grid
    assert abs(free[0].value - 0.14) < 1e-4


def test_weights_are_those_of_akaike():
    places = law(0.14, 3.0, 0.75) + np.array([1e-3, -1e-3, 5e-4, 0.0, -5e-4])
    found = limit(SIZES, places, np.full(5, 1e-3))
    assert found is not None
    first, *rest = found.fits
    for one in rest:
        k, left_out = 2 + (one.power == FREE), int(np.searchsorted(SIZES, one.smallest))
        expected = math.exp((first.chi2 + 4 - one.chi2 - 2 * k - 2 * left_out) / 2)
        assert one.weight / first.weight == pytest.approx(expected)
    value = sum(one.weight * one.value for one in found.fits)
    assert found.value == pytest.approx(value)
    spread = sum(one.weight * (one.value - value) ** 2 for one in found.fits) ** 0.5
    assert found.systematic == pytest.approx(spread)
    assert found.total == pytest.approx(math.hypot(found.error, found.systematic))


def test_two_sizes_have_three_lines_with_the_same_weight():
    """x = x_2 + (x_2 - x_1)/((N_2/N_1)^omega - 1)."""
    found = limit(np.array([500.0, 2000.0]), np.array([0.4, 0.5]), np.array([0.01, 0.01]))
    assert found is not None
    ends = {power: 0.5 + 0.1 / (4 ** POWERS[power][0] - 1) for power in ("1/2", "2/3", "1")}
    assert fits_of(found) == {(power, 500.0): pytest.approx(end) for power, end in ends.items()}
    assert found.value == pytest.approx(np.mean([*ends.values()]))
    assert found.systematic == pytest.approx(np.std([*ends.values()]))


def test_a_power_that_theory_knows_has_the_value_and_the_others_the_systematic_error():
    found = limit(np.array([500.0, 2000.0]), np.array([0.4, 0.5]), np.array([0.01, 0.01]), "2/3")
    assert found is not None
    ends = fits_of(found)
    assert found.value == pytest.approx(ends["2/3", 500.0])
    apart = [(end - found.value) ** 2 for end in ends.values()]
    assert found.systematic == pytest.approx(math.sqrt(np.mean(apart)))


def test_places_that_are_on_no_power_have_larger_errors():
    on = limit(SIZES, law(0.14, 3.0, 2 / 3), np.full(5, 1e-4), "2/3")
    scattered = law(0.14, 3.0, 2 / 3) + np.array([0, 2e-3, -2e-3, 2e-3, 0])
    off = limit(SIZES, scattered, np.full(5, 1e-4), "2/3")
    assert on is not None
    assert off is not None
    assert off.error > 5 * on.error


def test_order_of_sizes_does_not_matter_and_places_that_are_not_there_do_not_count():
    places, errors = law(0.14, 3.0, 0.6), np.linspace(1e-3, 2e-3, 5)
    found = limit(SIZES, places, errors)
    assert limit(SIZES[::-1], places[::-1], errors[::-1]) == found
    gap = np.array([np.nan, 0, 0, 0, 0])
    assert limit(SIZES, places + gap, errors) == limit(SIZES[1:], places[1:], errors[1:])
    assert limit(SIZES[:1], places[:1], errors[:1]) is None
    assert limit(SIZES, places, np.full(5, np.nan)) is None


CASES = 20
"""Synthetic boundaries, each with a power, a correction to it, sizes and errors of its own."""


def synthetic(seed: int) -> tuple[float, Limit]:
    """Return the truth of one case, and the limit that was found: powers from 1/2 to 1, and corrections."""
    random = np.random.default_rng([seed, 28])
    sizes = 1000.0 * 2 ** np.arange(random.integers(4, 7)) * random.choice([0.5, 1, 4])
    omega, truth = random.uniform(0.5, 1.0), random.uniform(0.1, 0.5)
    size = random.choice([-1, 1]) * random.uniform(0.01, 0.03)
    correction = 1 + random.uniform(0, 0.5) * (sizes / sizes[0]) ** -0.5
    errors = random.uniform(3e-4, 8e-4, sizes.size)
    places = truth + size * (sizes / sizes[0]) ** -omega * correction
    found = limit(sizes, places + errors * random.normal(size=sizes.size), errors)
    assert found is not None
    return truth, found


def test_limits_cover_the_truth_of_synthetic_boundaries_as_often_as_they_say():
    """Of 20 pulls 68 % are within 1, 95 % within 2, 24 % within 0.3 errors, each with probability 1e-6.

    Errors that are three times too small are noticed, and errors that are five times too large.
    """
    pulls = np.array([(found.value - truth) / found.total for truth, found in map(synthetic, range(CASES))])
    assert (abs(pulls) < 1).sum() > binom.ppf(1e-6, CASES, 0.683)
    assert (abs(pulls) < 2).sum() > binom.ppf(1e-6, CASES, 0.954)
    assert (abs(pulls) < 0.3).sum() < binom.isf(1e-6, CASES, 0.236)


def test_a_slower_power_than_the_slowest_fitted_is_not_covered():
    """N^-0.3: the page of the docs says that this is not seen, and it is not."""
    found = limit(SIZES, law(0.14, 1.0, 0.3), np.full(5, 2e-3), "2/3")
    assert found is not None
    assert found.value - 0.14 > 3 * found.error


def test_kappa_s_of_sizes_that_do_not_matter_is_where_it_was():
    """Consolidation knows no N_v: the limit of three equal boundaries is theirs, with no systematic error."""
    known = evaluate("consolidation.kappa_s", memories=4)
    assert isinstance(known, float)
    found = limit(np.array([64.0, 1024.0, 2.0**20]), np.full(3, known), np.full(3, 0.02))
    assert found is not None
    assert found.value == pytest.approx(known)
    assert found.systematic < 1e-9
