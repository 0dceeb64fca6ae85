"""Patterns, cues and couplings: exact by construction, unbiased by count.

Statistical tests run on fixed numbers; each would condemn perfect random numbers with a probability
of at most 1e-6, divided by the number of its looks (Bonferroni).
"""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.exact import rng
from mattis.exact.patterns import flip_count, noisy_cue, random_patterns
from mattis.networks.binary import couplings

FALSE_ALARM = 1e-6
exactly = settings(max_examples=100, deadline=None, derandomize=True)
seeds = st.integers(0, 2**63)


def drawn(seed, count, size):
    return random_patterns(rng.stream(seed, "patterns", {"seed": seed}), count, size)


@exactly
@given(seeds, st.integers(1, 20), st.integers(1, 20), st.integers(1, 130), st.integers(0, 70))
def test_an_entry_depends_on_its_pattern_and_site_only(seed, count, more, size, wider):
    few, many = drawn(seed, count, size), drawn(seed, count + more, size + wider)
    assert few.dtype == np.int8
    assert few.shape == (count, size)
    assert (np.abs(many) == 1).all()
    np.testing.assert_array_equal(few, many[:count, :size])


def test_an_entry_is_one_bit_of_the_stream():
    stream = rng.stream(2, "patterns", {"seed": 0})
    xi = random_patterns(stream, 3, 100)
    for mu, i in product(range(3), range(100)):
        word = int(stream.words(4, mu)[i // 32])
        assert xi[mu, i] == (1 if word >> (i % 32) & 1 else -1)


def test_patterns_are_unbiased_and_independent():
    """Sums of ±1 over N = 4000 sites or P = 200 patterns as normal deviates, each pair looked at."""
    xi = drawn(1, 200, 4000).astype(np.float64)
    count, size = xi.shape
    between = (xi @ xi.T)[np.triu_indices(count, 1)] / math.sqrt(size)
    neighbours = (xi[:, 1:] * xi[:, :-1]).sum(axis=1) / math.sqrt(size - 1)
    deviates = [xi.sum(axis=1) / math.sqrt(size), between, neighbours]
    deviates += [np.array([xi.sum() / math.sqrt(xi.size)])]
    looks = sum(z.size for z in deviates)
    worst = max(np.abs(z).max() for z in deviates)
    assert worst < stats.norm.isf(FALSE_ALARM / 2 / looks)
    assert np.var(between) == pytest.approx(1, abs=5 * math.sqrt(2 / between.size))


def test_sites_are_unbiased():
    """The count of +1 over 2000 patterns at each of 500 sites: exact binomial tails, Bonferroni."""
    up = (drawn(4, 2000, 500) > 0).sum(axis=0)
    tail = stats.binom.sf(max(up.max(), 2000 - up.min()) - 1, 2000, 0.5)
    assert 2 * 500 * tail > FALSE_ALARM


@exactly
@given(seeds, st.integers(1, 300), st.floats(0, 1))
def test_a_cue_has_exactly_its_flips(seed, size, noise):
    pattern = drawn(seed, 1, size)[0]
    kept = pattern.copy()
    cue = noisy_cue(pattern, noise, rng.stream(seed, "cue", {}))
    np.testing.assert_array_equal(pattern, kept)
    assert cue.dtype == np.int8
    flips = np.count_nonzero(cue != pattern)
    assert set(np.unique(cue * pattern)) <= {-1, 1}
    assert flips == flip_count(size, noise)
    assert abs(flips - noise * size) <= 0.5 + 1e-9


@exactly
@given(st.integers(1, 5000), st.data())
def test_a_whole_number_of_flips_is_that_number(size, data):
    flips = data.draw(st.integers(0, size))
    assert flip_count(size, flips / size) == flips


def test_half_a_flip_is_one():
    assert [flip_count(10, noise) for noise in (0.05, 0.25, 0.75, 0.049)] == [1, 3, 8, 0]
    assert flip_count(1, 0.5) == 1


@pytest.mark.parametrize("size", [1, 2, 31, 100])
def test_no_noise_is_the_pattern_and_full_noise_its_negative(size):
    pattern, stream = drawn(3, 1, size)[0], rng.stream(3, "cue", {})
    np.testing.assert_array_equal(noisy_cue(pattern, 0.0, stream), pattern)
    np.testing.assert_array_equal(noisy_cue(pattern, 1.0, stream), -pattern)


@exactly
@given(seeds, st.integers(1, 100), st.floats(0, 1), st.floats(0, 1))
def test_more_noise_flips_more_of_the_same_sites(seed, size, one, other):
    pattern, stream = drawn(seed, 1, size)[0], rng.stream(seed, "cue", {})
    low, high = (noisy_cue(pattern, x, stream) != pattern for x in sorted((one, other)))
    assert (high | ~low).all()


def test_flips_are_uniform_over_sites_and_pairs():
    """Chi-square of the flips of 10 in 50 sites, and of all 10 pairs of 5 sites; two looks."""
    pattern, alike = np.ones(50, np.int8), np.ones(5, np.int8)
    flips, pairs = np.zeros(50), np.zeros((5, 5))
    for k in range(4000):
        flips += noisy_cue(pattern, 0.2, rng.stream(1, "cue", {}, {"cue": k})) < 0
        i, j = np.flatnonzero(noisy_cue(alike, 0.4, rng.stream(2, "cue", {}, {"cue": k})) < 0)
        pairs[i, j] += 1
    # Without replacement the counts of a site vary by (1 - 10/50) 50/49 of a multinomial's.
    chi_square = ((flips - 800) ** 2 / 800).sum() / (0.8 * 50 / 49)
    assert stats.chi2.sf(chi_square, 49) > FALSE_ALARM / 2
    assert stats.chisquare(pairs[np.triu_indices(5, 1)]).pvalue > FALSE_ALARM / 2


# Couplings


@exactly
@given(seeds, st.integers(1, 40), st.integers(1, 25))
def test_hebb_is_the_double_loop(seed, count, size):
    xi = drawn(seed, count, size)
    nj = couplings.hebb_matrix(xi)
    for i, j in product(range(size), repeat=2):
        expected = 0 if i == j else sum(int(xi[mu, i]) * int(xi[mu, j]) for mu in range(count))
        assert nj[i, j] == expected
    np.testing.assert_array_equal(nj, nj.T)
    off = ~np.eye(size, dtype=bool)
    assert (nj[off] % 2 == count % 2).all()


WIDTHS = {1: np.int8, 127: np.int8, 128: np.int16, 300: np.int16, 32767: np.int16, 32768: np.int32}


@pytest.mark.parametrize(("count", "kind"), WIDTHS.items())
@pytest.mark.parametrize("sign", [1, -1])
def test_couplings_have_the_narrowest_type_that_holds_them(count, kind, sign):
    """Identical patterns are the largest couplings there are: N J_ij = ± P."""
    xi = np.tile(np.array([1, sign, sign], np.int8), (count, 1))
    nj = couplings.hebb_matrix(xi)
    assert nj.dtype == kind
    expected = count * (np.outer(xi[0], xi[0]).astype(np.int64) - np.eye(3, dtype=np.int64))
    np.testing.assert_array_equal(nj, expected)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
def test_narrowest_holds_its_bound_of_either_sign(kind):
    bound = np.iinfo(kind).max
    assert couplings.narrowest(bound) == kind
    assert np.iinfo(couplings.narrowest(bound + 1)).max > bound + 1


@exactly
@given(seeds, st.integers(1, 30), st.integers(1, 8))
def test_the_row_bound_is_the_largest_field_of_any_state(seed, count, size):
    nj = couplings.hebb_matrix(drawn(seed, count, size))
    states = np.array(list(product((-1, 1), repeat=size)))
    assert couplings.row_bound(nj) == np.abs(states @ nj.astype(np.int64)).max()


def test_the_row_bound_does_not_overflow_the_type_of_the_couplings():
    assert couplings.row_bound(couplings.hebb_matrix(np.ones((127, 400), np.int8))) == 127 * 399
    assert couplings.row_bound(couplings.hebb_matrix(np.ones((300, 400), np.int8))) == 300 * 399
