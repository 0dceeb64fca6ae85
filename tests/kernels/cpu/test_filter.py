"""The filter of spins: never wrong where it decides, by the ends of its thresholds; and its bound is needed.

d rises with W. So it is enough to look at the upper halves W at which the recipe turns from down to up, and
at their neighbours: were d sure and wrong farther away, it would be sure and wrong there too.
"""

import math

import numpy as np
import pytest
from numba import njit

from mattis.exact import rng
from mattis.kernels.cpu import filter as here
from mattis.kernels.cpu.filter import filter_of, filter_row
from mattis.kernels.cpu.lanes import LANES, aligned_rows

LEVELS = np.arange(2**23, dtype=np.uint32)
SHORT_FIELDS = np.arange(-(2**15) + 1, 2**15)

NARROWEST = 2**11 / (2**15 - 1) / math.log(2) * here.FEWEST
"""The smallest noise width at which there is a filter, 1.44."""

EDGES = [0.0, 1e-3, 0.1, 0.5, 1.0, NARROWEST, 2.0, 200.0, 1477.3, 1e4, 1e6, 3e7]
"""Noise widths: T = 0, too narrow for the filter, common ones, and far above all fields."""

DENSE = np.geomspace(0.7, 3e6, 60)


@pytest.fixture(scope="module")
def odds():
    return rng.log_odds(LEVELS << np.uint32(9))


@njit
def decided(fields, upper, levels, gains):
    """The masks of `filter_row` for rows of fields and upper halves of words."""
    out = np.empty(fields.shape[0], np.uint64)
    for k in range(fields.shape[0]):
        out[k] = filter_row(fields, k, upper, k, levels, gains)
    return out


def uniform(scale, parity):
    """The filter of one noise width in all lanes; beside a lane at T > 0 where it is 0."""
    pair = filter_of(np.array([[scale, 1000.0] * (LANES // 2)], np.float32), parity)
    return here.Filter(*(np.repeat(rows[:, :1], LANES, axis=1) for rows in pair))


def by_kernel(fields, words, scale, parity, kind=np.int16):
    """(up, unsure) of any number of fields and words at one temperature."""
    rows = -(-fields.size // LANES)
    field, upper = aligned_rows(rows, kind), aligned_rows(rows, np.uint16)
    field.ravel()[: fields.size], upper.ravel()[: fields.size] = fields, words >> 16
    chosen = uniform(scale, parity)
    masks = decided(field, upper, chosen.levels, chosen.gains)
    bits = (masks[:, None] >> np.arange(2 * LANES, dtype=np.uint64) & np.uint64(1)).astype(bool)
    return tuple(half.ravel()[: fields.size] for half in np.split(bits, 2, axis=1))


def exponential(level):
    """G of levels Z."""
    fraction, value = level << 5 & 0xFFFF, here.CUBIC[3]
    for coefficient in here.CUBIC[2::-1]:
        value = coefficient - (fraction * value >> 16)
    return value >> (level >> 11)


def numbers(fields, words, scale, parity):
    """W and the product that is compared with it, for 16-bit fields, as the filter says."""
    levels = uniform(scale, parity).levels[:, 0].astype(int)
    odd, limit, power, slope = levels[:4]
    level = np.minimum(np.abs(2 * fields + odd), limit) * power * slope >> 16
    toward = np.where(fields < 0, 0xFFFF - (words >> 16), words >> 16)
    return toward, exponential(level) * (0xFFFF - toward) >> 16


def difference(fields, words, scale, parity):
    """d of 16-bit fields."""
    toward, product = numbers(fields, words, scale, parity)
    return toward - product


def by_recipe(fields, words, scale, parity):
    """Whether N h + ⌊scale ln(u/(1-u))⌋ ≥ 0; at T = 0, where ties are not here, 0 is up."""
    noise = np.floor(rng.log_odds(words.astype(np.uint32)) * np.float32(scale)).astype(np.int64)
    return 2 * fields + parity + noise >= 0


def thresholds(odds, fields, scale, parity):
    """The first words that are up by the recipe, the last that are down, and those of the halves beside."""
    first = np.searchsorted(np.floor(odds * np.float32(scale)), -(2 * fields + parity).astype(float))
    half = np.clip(first >> 7, 0, 2**16 - 1)
    near = [np.clip(half + k, 0, 2**16 - 1) << 16 | low for k in (-1, 0, 1) for low in (0, 0xFFFF)]
    return [np.clip(first, 0, 2**23 - 1) << 9, np.clip(first - 1, 0, 2**23 - 1) << 9, *near]


def test_the_exponential_is_as_near_as_the_bound_takes_it():
    """Over all Z, and all levels that one Z may stand for: half a unit below it to one and a half above."""
    level = np.arange(2**15)
    found = exponential(level)
    assert found.min() >= 0
    assert found.max() < 2**16
    highest, lowest = (2.0 ** (16 - (level + off) / 2**11) for off in (-0.5, 1.5))
    error = np.maximum(np.abs(found - highest), np.abs(found - lowest))
    weighed = error / (1 + np.minimum(1, highest / 2**16))
    assert 12 < weighed.max() < 12.31
    assert weighed.max() + 2 + 0.2 < here.BOUND - 1


@pytest.mark.parametrize("parity", [0, 1])
def test_the_kernel_computes_what_the_docstring_says(parity):
    draw = np.random.default_rng(1)
    fields, words = draw.integers(-(2**15) + 1, 2**15, 10**5), draw.integers(0, 2**32, 10**5)
    for scale in [*EDGES, *DENSE[::7]]:
        toward, product = numbers(fields, words, scale, parity)
        d = toward - product
        up, unsure = by_kernel(fields, words, scale, parity)
        expected = np.abs(d) < here.BOUND
        expected |= d <= 2 * here.BOUND - 2 - (here.BOUND - 1) - 2**16  # wrapped
        if 0 < scale < 0.999 * NARROWEST:
            expected[:] = True
        np.testing.assert_array_equal(unsure, expected)
        np.testing.assert_array_equal(up, (fields >= 0) ^ (d < 0))


@pytest.mark.parametrize(
    ("scales", "parity"),
    [(EDGES, 0), (EDGES, 1), (DENSE[::2], 0), (DENSE[1::2], 1)],
    ids=["edges even", "edges odd", "dense even", "dense odd"],
)
def test_where_it_decides_it_decides_as_the_recipe_for_every_field(odds, scales, parity):
    for scale in scales:
        for words in thresholds(odds, SHORT_FIELDS, scale, parity):
            up, unsure = by_kernel(SHORT_FIELDS, words, scale, parity)
            wrong = ~unsure & (up != by_recipe(SHORT_FIELDS, words, scale, parity))
            assert not wrong.any(), (scale, SHORT_FIELDS[wrong][:5])


@pytest.mark.parametrize("parity", [0, 1])
def test_fields_of_32_bits_are_decided_as_by_the_recipe(odds, parity):
    draw = np.random.default_rng(2)
    ends = np.array([-(2**30), -(2**30) + 1, 2**30 - 1, -70000, 70000, -1, 0, 1])
    for scale in [*EDGES, *DENSE[parity::5]]:
        wide = min(20 * scale + 2, 2**30)
        fields = np.concatenate([ends, draw.integers(-wide, wide, 20000)])
        for words in thresholds(odds, fields, scale, parity):
            up, unsure = by_kernel(fields, words, scale, parity, np.int32)
            wrong = ~unsure & (up != by_recipe(fields, words, scale, parity))
            assert not wrong.any(), (scale, fields[wrong][:5])


def test_a_bound_of_two_thirds_would_be_wrong(odds):
    """The largest |d| of a wrong sign is above 10, and below the 14.5 of the docstring."""
    largest = 0
    for scale in DENSE[DENSE > 2][::2]:
        for words in thresholds(odds, SHORT_FIELDS, scale, 0):
            d = difference(SHORT_FIELDS, words, scale, 0)
            wrong = ((SHORT_FIELDS >= 0) ^ (d < 0)) != by_recipe(SHORT_FIELDS, words, scale, 0)
            largest = max(largest, int(np.abs(d[wrong]).max(initial=0)))
    assert 10 < largest < 14.5


def test_few_rows_are_left_to_the_recipe():
    """31 values of d in 65536 leave a lane undecided, at most; a row of 32 in 1.5 %."""
    draw = np.random.default_rng(3)
    fields, words = draw.integers(-1000, 1000, 2**18), draw.integers(0, 2**32, 2**18)
    _, unsure = by_kernel(fields, words, 300.0, 0)
    assert 0.004 < unsure.reshape(-1, LANES).any(axis=1).mean() < 0.016


def test_a_row_of_many_temperatures_has_each_lane_s_own():
    scales = np.array([0, 1e-3, 5, 200, 4e4] * 7, np.float32)[None, :LANES]
    chosen = filter_of(scales, 1)
    for r, scale in enumerate(scales[0]):
        one = uniform(scale, 1)
        np.testing.assert_array_equal(chosen.levels[:, r], one.levels[:, 0])
        assert chosen.gains[0, r] == one.gains[0, 0]
