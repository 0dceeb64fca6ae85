"""Ensembles of memories, patterns and biases: their law, their streams, and what they leave alone.

Statistical tests run on fixed numbers; each would condemn a right ensemble with a probability of at most
FALSE_ALARM, divided by the number of its looks (Bonferroni).
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.exact import gaussians, rng
from mattis.exact.patterns import random_patterns
from mattis.networks.drift import consolidation, memories
from mattis.networks.drift.consolidation import ALL, DriftProtocol, Stage
from mattis.networks.drift.memories import MemoryEnsemble, MemoryVectors
from mattis.study.model import PatternSet

FALSE_ALARM = 1e-6

exactly = settings(max_examples=40, deadline=None, derandomize=True)

EVERYTHING = MemoryEnsemble("random", "gaussian", "other", 0.7)
SET = PatternSet(3, 40, 5, 2)


def rows_of(drawn: MemoryVectors) -> dict[str, np.ndarray]:
    return {"old": drawn.old, "noise": drawn.noise, "start": drawn.start, "bias": drawn.bias}


# MemoryVectors by law, and site by site


def site_by_site(patterns: PatternSet, orthogonal: bool) -> MemoryVectors:
    """The same vectors with all their sites, by NumPy alone."""
    random = np.random.default_rng([patterns.seed, orthogonal])
    old, noise, start, bias = random.standard_normal((4, patterns.patterns, patterns.size))
    if orthogonal:
        q, r = np.linalg.qr(old.T)
        old = math.sqrt(patterns.size) * (q * np.sign(np.diag(r))).T
    old = np.ascontiguousarray(old)  # of another layout all would be compiled anew
    return MemoryVectors(old, noise, start, 0.7 * bias, random.standard_normal((1, patterns.size)))


def functionals(drawn: MemoryVectors, size: int) -> list[float]:
    """Products of every pair of kinds, lengths, and a similarity after some drift by the softmax."""
    rows = rows_of(drawn)
    kinds = list(rows.values())
    out = [float(a[0] @ b[1]) / size for k, a in enumerate(kinds) for b in kinds[k:]]
    out += [float(a[0] @ b[0]) / size for k, a in enumerate(kinds) for b in kinds[k:]]
    shown = drawn.old + 0.5 * drawn.noise
    memory = consolidation.begin(drawn.old, drawn.start, shown, drawn.bias)
    order, stage = np.arange(40) % len(shown), Stage(0.2, 0.5, 0.0, 6.0, 10.0, ALL)
    consolidation.advance(memory, order, 0, stage, DriftProtocol(EVERYTHING))
    found = consolidation.observe(memory, stage, DriftProtocol(EVERYTHING))
    return [*out, *(float(found[name][0]) for name in ("similarity", "own_weight", "length"))]


def table_of(draw, sets: int, size: int, count: int) -> np.ndarray:
    every = [PatternSet(1, size, count, seed) for seed in range(sets)]
    return np.array([functionals(draw(each), size) for each in every])


@pytest.mark.parametrize("kind", ["random", "orthogonal"])
def test_vectors_by_law_are_vectors_site_by_site(kind):
    """Kolmogorov-Smirnov of 23 functionals over 800 sets; 4 memories in 9 sites, where all matters.

    Sets that were not independent, a bias of another strength or another N would be noticed: the same
    looks condemn 13 sites in place of 9.
    """
    sets, size, count = 800, 9, 4
    ensemble = replace(EVERYTHING, memories=kind)
    found = table_of(lambda each: memories.draw(each, ensemble), sets, size, count)
    expected = table_of(lambda each: site_by_site(each, kind == "orthogonal"), sets, size, count)
    constant = np.ptp(expected, axis=0) < 1e-9  # the products of orthogonal memories
    assert constant.sum() == (2 if kind == "orthogonal" else 0)
    np.testing.assert_allclose(found[:, constant], expected[:, constant], atol=1e-12)
    looks = np.flatnonzero(~constant)
    least = min(stats.ks_2samp(found[:, k], expected[:, k]).pvalue for k in looks)
    print("least p of", len(looks), "looks:", least)
    assert least > FALSE_ALARM / len(looks)
    wrong = table_of(lambda each: site_by_site(each, kind == "orthogonal"), sets, 13, count)
    assert min(stats.ks_2samp(found[:, k], wrong[:, k]).pvalue for k in looks) < FALSE_ALARM


@pytest.mark.parametrize("ensemble", ["random", "signs"])
def test_sites_of_the_ensembles_drawn_by_site_are_gaussian(ensemble):
    """Noise, first memories and biases of ensembles by site: independent, of variance one."""
    patterns = PatternSet(1, 4000, 5, 0)
    drawn = memories.draw(patterns, replace(EVERYTHING, memories=ensemble, targets="flips"))
    rows = np.concatenate([drawn.noise, drawn.start, drawn.bias / 0.7])
    assert stats.kstest(rows.ravel(), "norm").pvalue > FALSE_ALARM
    products = rows @ np.concatenate([rows, drawn.old]).T / 4000
    products[:, :15] -= np.eye(15)
    assert np.abs(products).max() < stats.norm.isf(FALSE_ALARM / 600) * math.sqrt(2 / 4000)


def test_gaussian_sites_of_old_memories():
    """`random` with flips has Gaussian old memories, whose signs are flipped."""
    drawn = memories.draw(PatternSet(1, 4000, 5, 0), MemoryEnsemble("random", "flips"))
    assert stats.kstest(drawn.old.ravel(), "norm").pvalue > FALSE_ALARM


# What each ensemble is


@exactly
@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 99), st.booleans())
def test_orthogonal_memories_are_orthogonal(count, more, seed, by_site):
    """Of norm √N_v, to the last digits; also where there are as many as sites."""
    targets = "flips" if by_site else "gaussian"
    patterns = PatternSet(1, count + more, count, seed)
    old = memories.draw(patterns, MemoryEnsemble("orthogonal", targets)).old
    np.testing.assert_allclose(old @ old.T, (count + more) * np.eye(count), atol=1e-9)


def test_signs_are_the_patterns_of_a_hopfield_network():
    """The stream is that of `patterns`: what is learnt is what the network of the same labels stores."""
    stream = rng.stream(SET.root_seed, "patterns", SET.labels)
    old = memories.draw(SET, MemoryEnsemble("signs", "flips")).old
    np.testing.assert_array_equal(old, random_patterns(stream, 5, 40))


@exactly
@given(st.floats(0, 1), st.sampled_from(["random", "orthogonal", "signs", "published"]))
def test_flips_change_so_many_signs_and_nothing_else(sigma, kind):
    """Exactly round(sigma N_v) of each memory, other sites in each; lengths stay."""
    ensemble = MemoryEnsemble(kind, "flips")
    drawn = memories.draw(SET, ensemble)
    shown = memories.targets(SET, ensemble, drawn, sigma)
    np.testing.assert_array_equal(np.abs(shown), np.abs(drawn.old))
    flipped = shown != drawn.old
    assert (flipped.sum(axis=1) == math.floor(sigma * 40 + 0.5)).all()
    if 0.2 < sigma < 0.8:
        assert len({row.tobytes() for row in flipped}) == 5
    assert memories.square_norm(ensemble, sigma) == 1.0


def test_gaussian_targets_have_the_square_norm_that_kappa_counts():
    """rho = 1 + sigma², within 5.2 deviations of 400 sets; 1 + sigma would be rejected."""
    for kind in ("random", "orthogonal", "signs"):
        ensemble, rho = MemoryEnsemble(kind), []
        for seed in range(400):
            patterns = PatternSet(1, 30, 3, seed)
            drawn = memories.draw(patterns, ensemble)
            rho.append((memories.targets(patterns, ensemble, drawn, 0.5) ** 2).sum() / 90)
        error = np.std(rho) / 20
        expected = memories.square_norm(ensemble, 0.5)
        assert abs(np.mean(rho) - expected) < 5.2 * error
        assert abs(np.mean(rho) - 1.5) > 5.2 * error


def test_given_memories_and_patterns_are_taken_as_they_are():
    matrix, patterns = ((1.0, 2.0, 3.0), (0.0, -1.0, 5.0)), PatternSet(1, 3, 2, 0)
    ensemble = MemoryEnsemble("given", given=matrix)
    drawn = memories.draw(patterns, ensemble)
    np.testing.assert_array_equal(drawn.old, matrix)
    np.testing.assert_array_equal(drawn.start, matrix)
    noisy = memories.targets(patterns, ensemble, drawn, 0.5)
    np.testing.assert_array_equal(noisy, drawn.old + 0.5 * drawn.noise)
    other = replace(ensemble, shown=matrix[::-1])
    np.testing.assert_array_equal(memories.targets(patterns, other, drawn, 0.5), matrix[::-1])


def test_published_memories_are_of_the_legacy_generator():
    """Seed alone, not the root seed: Gram-Schmidt row by row, then the noise, as the code draws them."""
    old, noise = memories.published(41, 4, 50)
    random = np.random.RandomState(41)
    rows = random.randn(4, 50)
    for k in range(4):
        for before in rows[:k]:
            rows[k] -= (rows[k] @ before) / 50 * before
        rows[k] *= math.sqrt(50 / (rows[k] @ rows[k]))
    np.testing.assert_allclose(old, rows, atol=1e-13)
    np.testing.assert_array_equal(noise, random.randn(4, 50))
    for root in (1, 2):
        drawn = memories.draw(PatternSet(root, 50, 4, 41), MemoryEnsemble("published"))
        np.testing.assert_array_equal(drawn.old, old)
        np.testing.assert_array_equal(drawn.noise, noise)


# Streams


@pytest.mark.parametrize("targets", ["gaussian", "flips"])
@pytest.mark.parametrize("kind", ["random", "orthogonal", "signs"])
def test_a_bias_or_another_start_leaves_memories_and_noise(kind, targets):
    """Adding vectors to a pattern set leaves those that were there, bit for bit."""
    plain = MemoryEnsemble(kind, targets)
    alone = memories.draw(SET, plain)
    for more in (
        replace(plain, start="other"),
        replace(plain, bias=0.7),
        replace(plain, bias=0.7, towards="old"),
        replace(plain, start="other", bias=0.7),
    ):
        drawn = memories.draw(SET, more)
        for name in ("old", "noise"):
            before, after = getattr(alone, name), getattr(drawn, name)
            width = before.shape[1]  # by law, later vectors have axes of their own
            np.testing.assert_array_equal(after[:, :width], before)
            assert not after[:, width:].any()


def test_strengths_and_what_they_are_along():
    """|Lambda| = bias √N_v along the old memory; independent of the first memories if along random."""
    old = memories.draw(SET, replace(EVERYTHING, towards="old"))
    np.testing.assert_array_equal(old.bias, 0.7 * old.old)
    random = memories.draw(SET, EVERYTHING)
    assert not np.allclose(random.bias, 0.7 * random.start)
    none = memories.draw(SET, MemoryEnsemble("orthogonal"))
    assert not none.bias.any()
    np.testing.assert_array_equal(none.start, none.old)


@pytest.mark.parametrize("targets", ["gaussian", "flips"])
def test_every_label_makes_other_vectors(targets):
    """Root seed, size, number and seed: nothing is drawn twice, in any row of any set."""
    ensemble = replace(EVERYTHING, targets=targets)
    sets = [SET] + [
        replace(SET, **{name: getattr(SET, name) + 1}) for name in ("root_seed", "size", "patterns", "seed")
    ]
    seen = set()
    for patterns in sets:
        for rows in rows_of(memories.draw(patterns, ensemble)).values():
            seen |= {round(float(row[0]), 9) for row in rows if row[0]}
    assert len(seen) == 4 * 5 * 4 + 4 * 6


def test_flips_of_each_strength_and_memory_have_a_stream_of_their_own():
    """Labels are values: the memory's number and sigma."""
    row = np.ones(40)
    flips = {memories.flipped(SET, row, mu, sigma).tobytes() for mu in range(5) for sigma in (0.3, 0.300001)}
    assert len(flips) == 10


# Frequencies


@exactly
@given(st.integers(2, 4096), st.floats(0, 30))
def test_frequencies_rise_from_the_rarest(count, spread):
    """They sum to one, and the last is e^s times the first."""
    p = memories.frequencies(count, spread)
    assert math.fsum(p) == pytest.approx(1, abs=1e-12)
    assert (np.diff(p) >= 0).all()
    assert p[-1] / p[0] == pytest.approx(math.exp(spread), rel=1e-12)
    limits = memories.thresholds(p)
    assert int(limits[-1]) == 2**32
    widths = np.diff(limits.astype(np.float64), prepend=0.0) / 2.0**32
    assert np.abs(widths - p).max() <= 2.0**-32 + count * 1e-16


def test_equal_frequencies_are_equal_to_the_last_bit():
    assert set(memories.frequencies(7, 0.0)) == {1 / 7}
    assert memories.thresholds(memories.frequencies(4, 0.0)).tolist() == [k << 30 for k in (1, 2, 3, 4)]


# Frozen numbers


@pytest.mark.parametrize("kind", ["random", "orthogonal", "signs"])
def test_changes_are_as_like_as_asked(kind):
    """Mean cosine of two changes within 5.5 errors of r over 400 sets: a false alarm in 1 of 10^7.

    A common part of weight r instead of its root would have the cosine r²/(r² + (1-r)²), or be longer.
    """
    ensemble, size, sigma, likeness = MemoryEnsemble(kind), 60, 0.7, 0.4
    cosines, lengths = [], []
    for seed in range(400):
        each = PatternSet(5, size, 3, seed)
        drawn = memories.draw(each, ensemble)
        change = memories.targets(each, ensemble, drawn, sigma, likeness) - drawn.old
        lengths.append((change**2).sum(1).mean() / size)
        cosines.append(change[0] @ change[1] / size / sigma**2)
    for values, expected in ((cosines, likeness), (lengths, sigma**2)):
        error = np.std(values) / math.sqrt(len(values))
        assert abs(np.mean(values) - expected) < 5.5 * error
    independent = memories.targets(each, ensemble, drawn, sigma, 0.0)
    np.testing.assert_array_equal(independent, drawn.old + sigma * drawn.noise)
    alike = memories.targets(each, ensemble, drawn, sigma, 1.0) - drawn.old
    np.testing.assert_allclose(alike[0], alike[1], atol=1e-12)


def test_frozen_numbers():
    """Another machine, compiler or version must not change a bit of what is drawn by law."""
    drawn = memories.draw(SET, EVERYTHING)
    found = [float(rows[1, 1]).hex() for rows in rows_of(drawn).values()]
    assert found == FROZEN
    sites = memories.draw(SET, replace(EVERYTHING, memories="orthogonal", targets="flips"))
    assert [float(rows[1, 1]).hex() for rows in rows_of(sites).values()] == FROZEN_SITES
    stream = rng.stream(3, "memories", SET.labels)
    np.testing.assert_array_equal(drawn.old, gaussians.bartlett(stream, 21, 40)[:5])


FROZEN = ["0x1.901d4af860e7dp+2", "0x1.0dc2c8ffca75ep+0", "0x1.9836a4e011e2bp+0", "-0x1.b3f57693b506dp-1"]
FROZEN_SITES = [
    "-0x1.56ddf82629890p+0", "-0x1.1e384ba7648eap-4", "0x1.836f469dbe208p+0", "0x1.b211d70783eb2p-2",
]  # fmt: skip
