"""What is stored: ensembles of patterns, their laws, and patterns of a user as text.

Statistical tests run on fixed numbers; each would condemn a right law with a probability of at most 1e-6,
divided by the number of its looks (Bonferroni).
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.networks.binary import ensembles, hopfield
from mattis.networks.binary.ensembles import ENSEMBLES, Ensemble
from mattis.study.model import PatternSet

FALSE_ALARM = 1e-6
DRAWN = [name for name in ENSEMBLES if name not in ("given", "aligned")]
exactly = settings(max_examples=60, deadline=None, derandomize=True)


def drawn(name, count, size, seed=0, **numbers):
    """Patterns of a pattern set whose labels do not tell P."""
    return ensembles.drawn(Ensemble(name, **numbers), 3, {"seed": seed}, count, size)


def within(found, mean, width, looks=1):
    """Whether a normal number is as near its mean as it must be."""
    return abs(found - mean) < stats.norm.isf(FALSE_ALARM / 2 / looks) * width


@pytest.mark.parametrize("name", DRAWN)
def test_a_pattern_does_not_depend_on_how_many_there_are(name):
    """Where P is the dimension of a unit vector, it does; and every pattern set has patterns of its own."""
    many, few = drawn(name, 12, 64), drawn(name, 5, 64)
    same = name != "unit_vectors"
    for field in ("values", "xi", "weights", "norms"):
        assert (getattr(many, field)[:5] == getattr(few, field)).all() == (same or field == "norms"
                or field == "xi")  # fmt: skip
    assert (drawn(name, 12, 64, seed=1).values != many.values).any(axis=1).all()
    np.testing.assert_array_equal(drawn(name, 12, 64).values, many.values)


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_stored_has_its_types_and_its_unit(name):
    stored = drawn(name, 8, 64, activity=0.2)
    assert stored.unit == ensembles.unit_of(Ensemble(name))
    assert (stored.values.dtype, stored.xi.dtype, stored.weights.dtype) == (np.int16, np.int8, np.int16)
    assert stored.norms.shape == (8,)
    np.testing.assert_array_equal(np.abs(stored.xi), 1)
    if not ENSEMBLES[name].real:
        np.testing.assert_array_equal((stored.weights.astype(int) * stored.xi).sum(axis=1), stored.norms)


def test_random_patterns_are_those_of_every_model_of_retrieval():
    patterns = PatternSet(5, 70, 6, 2)
    labels = {"size": 70, "patterns": 6, "seed": 2}
    found = ensembles.drawn(Ensemble(), 5, labels, 6, 70)
    np.testing.assert_array_equal(found.xi, hopfield.build(patterns).xi)
    np.testing.assert_array_equal(found.values, found.xi)
    np.testing.assert_array_equal(found.norms, 70.0)


@pytest.mark.parametrize("activity", [0.5, 0.1, 0.8])
def test_biased_patterns_have_their_mean_and_covariance(activity):
    """E xi = a = 2 f - 1; what is stored is xi - a, uncorrelated, of variance 1 - a² (to the rounding of a).

    Three looks: the mean, the square, and the products of different patterns.
    """
    count, size = 40, 500
    stored = drawn("biased", count, size, activity=activity)
    a, total = 2 * activity - 1, count * size
    width = math.sqrt((1 - a * a) / total)
    assert within(stored.xi.mean(), a, width, 3)
    values = stored.values / stored.unit
    rounding = 0.5 / ensembles.BIAS_UNIT
    np.testing.assert_allclose(values - stored.xi, -a, rtol=0, atol=rounding)
    fourth = (1 - a * a) * (1 + 3 * a * a)
    assert abs((values**2).mean() - (1 - a * a)) < rounding + 6 * math.sqrt(fourth / total)
    products = (values @ values.T / size)[np.triu_indices(count, 1)]
    assert within(products.mean(), 0, (1 - a * a) / math.sqrt(size * products.size) + rounding**2, 3)


@pytest.mark.parametrize("activity", [0.5, 0.1, 0.8])
def test_the_overlap_of_a_biased_pattern_with_itself_is_one(activity):
    """And about 0 with another pattern, though both have more of one sign; 870 looks at 1e-9 each."""
    stored = drawn("biased", 30, 400, activity=activity)
    weights = stored.weights.astype(float)
    overlaps = stored.xi @ weights.T / stored.norms
    np.testing.assert_array_equal(overlaps.diagonal(), 1.0)
    others = overlaps[~np.eye(30, dtype=bool)]
    a = 2 * activity - 1
    assert np.abs(others).max() < stats.norm.isf(5e-10) / math.sqrt(400 * (1 - a * a))


@pytest.mark.parametrize("likeness", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("categories", [1, 3])
def test_members_of_a_category_overlap_by_the_square_of_its_likeness(categories, likeness):
    """b² within a category, 0 between two; pattern mu belongs to category mu mod their number.

    Given all others, xi^mu_i xi^nu_i of mean b² and variance 1 - b⁴, at independent sites; two looks.
    """
    count, size = 12, 2000
    xi = drawn("categories", count, size, categories=categories, likeness=likeness).xi.astype(int)
    kin = np.equal.outer(np.arange(count) % categories, np.arange(count) % categories)
    overlaps, other = xi @ xi.T / size, ~np.eye(count, dtype=bool)
    within_, between = overlaps[kin & other], overlaps[~kin]
    # pairs that share a pattern are not independent: the worst case is that all are the same
    assert within(within_.mean(), likeness**2, math.sqrt((1 - likeness**4) / size) + 1e-12, 2)
    assert not between.size or within(between.mean(), 0, 1 / math.sqrt(size), 2)
    prototypes = drawn("categories", categories, size, categories=categories, likeness=1.0).xi
    agreement = (xi * prototypes[np.arange(count) % categories]).mean()
    width = math.sqrt((1 - likeness**2) / (count * size)) + 1e-12
    assert within(agreement, likeness, width, 2)


def test_gaussian_patterns_are_normal_to_a_64th():
    """The law (rounded: a step of 1/64 is 0.006 of probability), the variance, and no correlation."""
    stored = drawn("gaussian", 20, 2000)
    values = stored.values / 64
    total = values.size
    assert within(values.mean(), 0, 1 / math.sqrt(total), 3)
    assert within((values**2).mean(), 1 + 1 / 12 / 64**2, math.sqrt(2 / total), 3)
    edges = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]) + 0.5 / 64
    counts = np.histogram(stored.values / 64, [-np.inf, *edges, np.inf])[0]
    shares = np.diff(stats.norm.cdf([-np.inf, *edges, np.inf]))
    assert stats.chisquare(counts, shares * total).pvalue > FALSE_ALARM / 3
    products = (values @ values.T / 2000)[np.triu_indices(20, 1)]
    assert np.abs(products).max() < 1.1 * stats.norm.isf(1e-9) / math.sqrt(2000)
    np.testing.assert_array_equal(stored.xi, np.where(stored.values >= 0, 1, -1))
    np.testing.assert_array_equal(stored.norms, 64 * 2000.0)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 10])
def test_unit_vectors_have_length_one_and_no_direction(dimensions):
    """|n_i| = 1 to the rounding of D components to 1/256; every component of variance 1/D and mean 0."""
    size = 3000
    stored = drawn("unit_vectors", dimensions, size)
    n = stored.values / 256
    np.testing.assert_allclose((n**2).sum(axis=0), 1, rtol=0, atol=math.sqrt(dimensions) / 256 * 1.01)
    looks = 2 * dimensions
    spread = 2 * (dimensions - 1) / (dimensions**2 * (dimensions + 2))  # of a squared component
    for component in n:
        assert within(component.mean(), 0, math.sqrt(1 / dimensions / size), looks)
        assert within((component**2).mean(), 1 / dimensions, math.sqrt(spread / size) + 1e-5, looks)


@pytest.mark.parametrize("count", [1, 7, 64])
@pytest.mark.parametrize("seed", range(6))
def test_orthogonal_patterns_are_orthogonal_exactly(seed, count):
    xi = drawn("orthogonal", count, 64, seed).xi.astype(int)
    np.testing.assert_array_equal(xi @ xi.T, 64 * np.eye(count, dtype=int))
    assert (xi != drawn("orthogonal", count, 64, seed + 1).xi).any()


def test_orthogonal_patterns_have_random_signs():
    """No site and no pattern of 200 sets has a sign of its own: chi-square of the means, two looks."""
    every = np.array([drawn("orthogonal", 16, 16, seed).xi for seed in range(200)], int)
    for sums in (every[:, 0].sum(axis=0), every[:, :, 0].sum(axis=0)):
        square = (sums**2 / 200).sum()
        assert stats.chi2.sf(square, 16) > FALSE_ALARM / 2
    assert len({xi.tobytes() for xi in every[:, 0]}) > 190
    # rows and sites are at random too: the product of two patterns has no gauge, and H has 15 rows of such
    assert len({xi.tobytes() for xi in every[:, 0] * every[:, 1]}) > 100


# Patterns of a user


@exactly
@given(st.integers(1, 6), st.integers(1, 40), st.data())
def test_given_patterns_are_written_and_read_back(rows, size, data):
    flat = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=rows * size, max_size=rows * size))
    signs = np.array(flat, np.int8).reshape(rows, size)
    ensemble = Ensemble("given", given=signs.tobytes(), shape=signs.shape)
    text = ensembles.hexadecimal(ensemble)
    assert all(len(row) == 2 * -(-size // 8) for row in text)
    again = ensembles.from_hexadecimal(text, size)
    assert again == ensemble
    assert ensembles.digest(again) == ensembles.digest(ensemble)
    stored = ensembles.drawn(ensemble, 0, {}, rows, size)
    np.testing.assert_array_equal(stored.xi, signs)
    np.testing.assert_array_equal(stored.norms, float(size))


def test_the_first_site_is_the_first_bit():
    signs = np.array([[1, -1, -1, -1, -1, -1, -1, 1, 1]], np.int8)
    ensemble = Ensemble("given", given=signs.tobytes(), shape=(1, 9))
    assert ensembles.hexadecimal(ensemble) == ("8180",)


def test_the_digest_knows_the_shape_and_every_sign():
    signs = np.ones(12, np.int8)
    shapes = {ensembles.digest(Ensemble("given", given=signs.tobytes(), shape=s))
              for s in ((1, 12), (2, 6), (3, 4))}  # fmt: skip
    signs[5] = -1
    assert len({*shapes, ensembles.digest(Ensemble("given", given=signs.tobytes(), shape=(3, 4)))}) == 4


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["00", "0g"], "row 1 is not hexadecimal"),
        (["0000"], "row 0 has 2 bytes; 7 sites are 1"),
        (["00", ""], "row 1 has 0 bytes; 7 sites are 1"),
    ],
)
def test_text_that_is_not_that_of_patterns_is_refused(rows, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        ensembles.from_hexadecimal(rows, 7)


GIVEN = Ensemble("given", given=b"\x01" * 24, shape=(3, 8))


@pytest.mark.parametrize(
    ("ensemble", "size", "count", "said"),
    [
        (Ensemble("orthogonal"), 60, 3,
         "orthogonal patterns need a size that is a power of 2: use size 64"),
        (Ensemble("orthogonal"), 64, 65, "only 64 patterns of 64 sites are orthogonal: use fewer"),
        (Ensemble("orthogonal"), 64, 64, None),
        (Ensemble("unit_vectors"), 60, 65,
         "65 dimensions of a random axis: use at most 64 memories"),
        (Ensemble("gaussian"), 60, 65,
         "Gaussian patterns are asked for by the length of all overlaps: use at most 64 of them"),
        (GIVEN, 9, 3, "the given patterns have 8 sites: use size 8"),
        (GIVEN, 8, 4, "only 3 patterns given: use at most 3"),
        (GIVEN, 8, 3, None),
        (Ensemble(), 60, 600, None),
    ],
)  # fmt: skip
def test_what_an_ensemble_cannot_do_is_said(ensemble, size, count, said):
    assert ensembles.check(ensemble, size, count) == said
