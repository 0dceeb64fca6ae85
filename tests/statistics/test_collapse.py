"""Scaling collapse: shares that are one curve collapse at its place and power, others do not."""

import numpy as np
import pytest
from scipy.special import ndtr

from mattis.statistics.collapse import collapse, quality

SIZES = np.array([1000.0, 2000.0, 4000.0, 8000.0])
LOADS = np.tile(np.linspace(0.12, 0.2, 33), (4, 1))


def shares(place: float, power: float, apart: float = 0.0) -> np.ndarray:
    """Shares that fall at place + (1 + apart of every other size) width, width = 0.35 N^-power."""
    width = 0.35 * SIZES[:, None] ** -power
    moved = 1 + apart * np.array([0, 1, 0, 1])[:, None]
    return ndtr((place + moved * width - LOADS) / width)


@pytest.mark.parametrize("power", [0.4, 0.5])
def test_one_curve_collapses_at_its_place_with_its_power(power: float):
    found = collapse(SIZES, LOADS, shares(0.14, power), np.full(LOADS.shape, 0.02), 0.15)
    assert found is not None
    assert abs(found.place - 0.14) < 5e-4 < found.place_error
    assert abs(found.power - power) < 0.05
    assert found.quality < 0.1


def test_curves_of_no_one_shape_do_not_collapse():
    errors = np.full(LOADS.shape, 0.02)
    found = collapse(SIZES, LOADS, shares(0.14, 0.5, apart=1.0), errors, 0.15)
    assert found is not None
    assert found.quality > 5


def test_noisy_shares_collapse_with_a_quality_of_one():
    """64 answers each: S is a mean of about 80 squares of normal deviates, 1 ± 0.2; 2 is 5 of that."""
    random = np.random.default_rng(7)
    truth = shares(0.14, 0.5)
    seen = random.binomial(64, truth) / 64
    usual = (64 * seen + 0.5) / 65
    found = collapse(SIZES, LOADS, seen, np.sqrt(usual * (1 - usual) / 64), 0.15)
    assert found is not None
    assert 0.3 < found.quality < 2
    assert abs(found.place - 0.14) < 3 * found.place_error


def test_the_quality_is_that_of_points_from_lines_between_others():
    """Each point is half-way between two others, so dY² = dy²/2; two of six are off, by 0.05 and 0.1."""
    x = np.array([[0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5]])
    y = np.array([[0.9, 0.7, 0.5, 0.3], [0.8, 0.6, 0.5, 0.1]])
    found = quality(x, y, np.full(x.shape, 0.1))
    assert found == pytest.approx((0.05**2 + 0.1**2) / 0.015 / 6)
    assert np.isinf(quality(x[:, :2], y[:, :2], np.full((2, 2), 0.1)))  # two points are too few


def test_sizes_that_never_overlap_have_no_collapse():
    apart = np.where(np.arange(33) < 16, 1.0, 0.0)
    assert collapse(SIZES, LOADS, np.tile(apart, (4, 1)), np.full(LOADS.shape, 0.01), 0.15) is None
