"""Gaussian deviates and vectors: their addresses, their laws, and the last bit of a few of them.

Statistical tests run on fixed numbers; each would condemn a right law with a probability of at most 1e-6,
divided by the number of its looks (Bonferroni).
"""

import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.exact import functions, gaussians, rng

FALSE_ALARM = 1e-6
REPLICAS = 2000

exactly = settings(max_examples=60, deadline=None, derandomize=True)
word = st.integers(0, 2**32 - 1)
streams = st.builds(rng.Stream, st.tuples(word, word), st.tuples(word, word))


def of_seed(seed):
    return rng.stream(seed, "gaussians", {})


def replicas(name):
    return [rng.stream(1, name, {"seed": seed}) for seed in range(REPLICAS)]


# Addresses


@exactly
@given(streams, st.lists(word, min_size=1, max_size=4), st.integers(1, 30), st.integers(0, 9))
def test_a_deviate_depends_on_its_address_only(stream, steps, count, more):
    together = gaussians.normals(stream, count + more, steps)
    assert together.shape == (len(steps), count + more)
    for row, step in zip(together, steps, strict=True):
        np.testing.assert_array_equal(row[:count], gaussians.normals(stream, count, step)[0])
        words = stream.words(2 * (count + more), step)
        expected = [functions.normal(*pair) for pair in words.reshape(-1, 2)]
        np.testing.assert_array_equal(row, expected)


@exactly
@given(streams, st.lists(st.tuples(st.integers(0, 10**12), word), min_size=1, max_size=6))
def test_a_length_depends_on_its_address_only(stream, wanted):
    degrees, steps = np.array(wanted).T
    together = gaussians.chi(stream, degrees, steps)
    for got, degree, step in zip(together, degrees, steps, strict=True):
        assert got == gaussians.chi(stream, [degree], [step])[0]


@pytest.mark.parametrize("attempts", [1, 7])
def test_lengths_do_not_depend_on_how_many_words_are_made_at_once(monkeypatch, attempts):
    steps, degrees = np.arange(3000), 2
    usual = gaussians.chi(of_seed(1), degrees, steps)
    monkeypatch.setattr(gaussians, "CHI_ATTEMPTS", attempts)
    np.testing.assert_array_equal(gaussians.chi(of_seed(1), degrees, steps), usual)


@exactly
@given(streams, st.integers(1, 9), st.integers(0, 6), st.integers(0, 5), st.integers(0, 12))
def test_a_vector_does_not_depend_on_how_many_there_are(stream, vectors, more, given_axes, extra):
    dimensions = given_axes + extra
    few = gaussians.bartlett(stream, vectors, dimensions, given_axes)
    many = gaussians.bartlett(stream, vectors + more, dimensions, given_axes)
    width = given_axes + min(vectors, extra)
    assert few.shape == (vectors, width)
    np.testing.assert_array_equal(many[:vectors, :width], few)
    assert not many[:vectors, width:].any()


# Laws of one number


def fits(sample, law, looks):
    return stats.kstest(sample, law).pvalue > FALSE_ALARM / looks


def test_normal_deviates_are_normal():
    """Kolmogorov-Smirnov; a width wrong by 5 % and a mean wrong by 0.05 are noticed."""
    found = gaussians.normals(of_seed(2), 500, np.arange(200)).ravel()
    assert fits(found, stats.norm.cdf, 1)
    for wrong in (1.05 * found, 0.95 * found, found + 0.05):
        assert not fits(wrong, stats.norm.cdf, 1)


def test_deviates_of_neighbouring_addresses_are_uncorrelated():
    found = gaussians.normals(of_seed(3), 500, np.arange(400))
    pairs = [(found[:, :-1], found[:, 1:]), (found[:-1], found[1:]), (found[:, ::2], found[:, 1::2])]
    for a, b in pairs:
        for x, y in ((a, b), (a**2, b**2)):
            assert stats.pearsonr(x.ravel(), y.ravel()).pvalue > FALSE_ALARM / 6


DEGREES = (1, 2, 3, 4, 10, 1000)


@pytest.mark.parametrize("degrees", DEGREES)
def test_lengths_follow_the_chi_law(degrees):
    """Kolmogorov-Smirnov; half a degree of freedom more or less is noticed up to 10."""
    found = gaussians.chi(of_seed(degrees), degrees, np.arange(40_000))
    assert fits(found, stats.chi(degrees).cdf, len(DEGREES))
    if degrees <= 10:
        for wrong in (degrees - 0.5, degrees + 0.5):
            assert not fits(found, stats.chi(wrong).cdf, len(DEGREES))


def plain_length(stream, degrees, step):
    """Marsaglia and Tsang as printed: accepted where ln u < x^2/2 + d - d v + d ln v, v = (1 + c x)^3."""
    d = degrees / 2 - 1 / 3
    for hi, lo, *rest in stream.words(160, step).reshape(-1, 4):
        x, u = functions.normal(hi, lo), 0.5 + functions.uniform(*rest)[0]
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(u) < x * x / 2 + d - d * v + d * math.log(v):
            return math.sqrt(2 * d * v)
    raise AssertionError


@pytest.mark.parametrize("degrees", [2, 3, 5, 300])
def test_lengths_are_accepted_as_published(degrees):
    found = gaussians.chi(of_seed(7), degrees, np.arange(400))
    expected = [plain_length(of_seed(7), degrees, step) for step in range(400)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("y", [-0.9, -0.3, -0.0101, -0.0099, -1e-3, -1e-7, 1e-9, 0.003, 0.0099, 2.0])
def test_the_bound_of_acceptance_does_not_cancel(y):
    """ln(1 + y) - y + y^2/2 - y^3/3, about -y^4/4, against 60 digits."""
    with localcontext(prec=60):
        z = Decimal(y)
        expected = float((1 + z).ln() - z + z * z / 2 - z * z * z / 3)
    rough = 1e-7 if abs(y) < 0.02 else 1e-12
    tolerance = 1e-14 if abs(y) < 0.01 else rough
    assert functions._acceptance(y) == pytest.approx(expected, rel=tolerance, abs=0)


def test_lengths_in_a_trillion_dimensions():
    """sqrt(2) (chi - sqrt(k - 1/2)) is normal up to terms of order 1/k."""
    found = gaussians.chi(of_seed(4), 10**12, np.arange(20_000))
    assert fits(math.sqrt(2) * (found - math.sqrt(10**12 - 0.5)), stats.norm.cdf, 1)


def test_a_length_in_one_dimension_and_in_none():
    steps = np.arange(5)
    one = gaussians.normals(of_seed(5), 1, steps)[:, 0]
    np.testing.assert_array_equal(gaussians.chi(of_seed(5), 1, steps), np.abs(one))
    np.testing.assert_array_equal(gaussians.chi(of_seed(5), 0, steps), np.zeros(5))


# Laws of the products of vectors


@cache
def wishart(dimensions, vectors=4):
    """Gram matrices of independent replicas: (REPLICAS, vectors, vectors)."""
    drawn = [gaussians.bartlett(s, vectors, dimensions) for s in replicas("wishart")]
    return np.array([functions.gram(row, row) for row in drawn])


@pytest.mark.parametrize("dimensions", [3, 4, 7, 40])
def test_products_have_the_moments_of_wishart(dimensions):
    """E W_ij = N δ_ij, Cov(W_ij, W_kl) = N (δ_ik δ_jl + δ_il δ_jk): each mean within its own error,
    which is nearly normal for so many replicas. Twice the variance is noticed.
    """
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    w = wishart(dimensions) - dimensions * np.eye(4)
    centred = [w[:, i, j] for i, j in pairs]
    looks = len(pairs) + len(pairs) * (len(pairs) + 1) // 2

    def normal_mean(sample, expected):
        z = (sample.mean() - expected) / (sample.std() / math.sqrt(REPLICAS))
        return 2 * stats.norm.sf(abs(z)) > FALSE_ALARM / looks

    for a, (i, j) in enumerate(pairs):
        assert normal_mean(centred[a], 0)
        for b, (k, m) in enumerate(pairs[: a + 1]):
            covariance = dimensions * ((i == k) * (j == m) + (i == m) * (j == k))
            assert normal_mean(centred[a] * centred[b], covariance)
            if a == b:
                assert not normal_mean(centred[a] * centred[b], 2 * covariance)


@pytest.mark.parametrize("dimensions", [1, 3, 40, 10**9])
def test_squares_and_cosines_have_their_exact_laws(dimensions):
    """|x|^2 ~ chi^2(N); cosine sqrt(N-1)/sqrt(1-cosine^2) ~ Student t with N - 1 degrees."""
    w = wishart(dimensions)
    squares = w[:, range(4), range(4)]
    for i in range(4):
        if dimensions < 10**9:
            assert fits(squares[:, i], stats.chi2(dimensions).cdf, 25)
        else:
            z = math.sqrt(2) * (np.sqrt(squares[:, i]) - math.sqrt(dimensions - 0.5))
            assert fits(z, stats.norm.cdf, 25)
    for i, j in ((0, 1), (0, 3), (2, 3)) if dimensions > 1 else ():
        cosine = w[:, i, j] / np.sqrt(squares[:, i] * squares[:, j])
        t = cosine * np.sqrt((dimensions - 1) / (1 - cosine**2))
        assert fits(t, stats.t(dimensions - 1).cdf, 25)


def test_fewer_dimensions_than_vectors():
    """Seven vectors in three dimensions: of rank three, the last ones with three free components."""
    found = gaussians.bartlett(of_seed(6), 7, 3)
    assert found.shape == (7, 3)
    assert (np.diagonal(found) > 0).all()
    assert not np.triu(found, 1).any()
    assert np.linalg.matrix_rank(functions.gram(found, found)) == 3


# Orthogonal memories


@exactly
@given(streams, st.integers(1, 8), st.integers(1, 12), st.sampled_from([0, 1, 3, 100, 10**9]))
def test_memories_are_orthogonal_and_as_long_as_asked(stream, memories, vectors, extra):
    orthogonal, gaussian = gaussians.orthogonal_and_gaussian(stream, memories, vectors, memories + extra)
    width = memories + min(vectors, extra)
    assert (orthogonal.shape, gaussian.shape) == ((memories, width), (vectors, width))
    expected = (memories + extra) * np.eye(memories)
    np.testing.assert_allclose(functions.gram(orthogonal, orthogonal), expected, rtol=1e-15)


@pytest.mark.parametrize("dimensions", [3, 5, 10**9])
def test_gaussian_vectors_know_nothing_of_the_memories(dimensions):
    """Products with the memories are normal, squares are chi^2(N_v), cosines those of free vectors."""
    drawn = [gaussians.orthogonal_and_gaussian(s, 3, 4, dimensions) for s in replicas("orthogonal")]
    along = np.array([functions.gram(z, xi) for xi, z in drawn]) / math.sqrt(dimensions)
    products = np.array([functions.gram(z, z) for _, z in drawn])
    assert fits(along.ravel(), stats.norm.cdf, 24)
    for i in range(4):
        square = products[:, i, i]
        if dimensions < 10**9:
            assert fits(square, stats.chi2(dimensions).cdf, 24)
        else:
            z = math.sqrt(2) * (np.sqrt(square) - math.sqrt(dimensions - 0.5))
            assert fits(z, stats.norm.cdf, 24)
    for i, j in ((0, 1), (0, 3), (2, 3)):
        cosine = products[:, i, j] / np.sqrt(products[:, i, i] * products[:, j, j])
        t = cosine * np.sqrt((dimensions - 1) / (1 - cosine**2))
        assert fits(t, stats.t(dimensions - 1).cdf, 24)


def test_memories_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="5 orthogonal vectors do not fit in 4 dimensions"):
        gaussians.orthogonal_and_gaussian(of_seed(1), 5, 2, 4)


# Frozen numbers: another machine or another compiler must not change a bit.


def hexes(values):
    return [float(value).hex() for value in values]


def test_frozen_numbers():
    stream = rng.stream(7, "frozen", {})
    assert hexes(gaussians.normals(stream, 3, [0, 9]).ravel()) == NORMALS
    assert hexes(gaussians.chi(stream, [1, 2, 3, 50, 10**9], np.arange(5))) == LENGTHS
    assert hexes(gaussians.bartlett(stream, 3, 10**9).ravel()) == TRIANGLE


NORMALS = [
    "0x1.8e3a64e519f9fp+0", "-0x1.b7d48f2a8a9c5p-1", "0x1.147cd27fb5decp-3", "0x1.494593abe2155p-5",
    "0x1.7f59dd6280b8ep-1", "0x1.d0b582c70617dp+0",
]  # fmt: skip
LENGTHS = [
    "0x1.8e3a64e519f9fp+0", "0x1.d7e4d90401e33p+0", "0x1.fc5043df8f4c4p+0", "0x1.ff7a12cdc295ap+2",
    "0x1.ee1b02c0dea93p+14",
]  # fmt: skip
TRIANGLE = [
    "0x1.ee1dd79a27cc9p+14", "0x0.0p+0", "0x0.0p+0", "0x1.cae8314038553p-1",
    "0x1.ee1b687d88beap+14", "0x0.0p+0", "0x1.3cfd91e5060f7p-1", "-0x1.b90d3fb1e4a64p-2",
    "0x1.ee1c3280ad08bp+14",
]  # fmt: skip
