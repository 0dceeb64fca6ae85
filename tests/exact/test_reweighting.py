"""Free energies of independent spins in a field, which are known: exactly of exact laws, else by errors."""

import math

import numpy as np
import pytest

from mattis.exact.arrays import Reals
from mattis.exact.reweighting import log_weights, masses, shared

SIZE, FIELD = 20, 0.7
BETAS = np.array([0.0, 0.3, 0.9, 1.6, 3.0])
DRAWS = np.array([1000.0, 300.0, 5000.0, 2000.0, 40.0])

ENERGIES = FIELD * (SIZE - 2.0 * np.arange(SIZE + 1))
WAYS = np.array([math.comb(SIZE, k) for k in range(SIZE + 1)], float)
LAWS = WAYS * np.exp(-BETAS[:, None] * ENERGIES)
LAWS /= LAWS.sum(axis=1, keepdims=True)
KNOWN = SIZE * (np.log(np.cosh(BETAS * FIELD)) - np.log(np.cosh(BETAS[0] * FIELD)))


def solved(counts: Reals, betas: Reals = BETAS) -> tuple[Reals, Reals]:
    """Return what is found of counts of levels at each temperature, (K, L)."""
    means = counts @ ENERGIES / counts.sum(axis=1)
    return log_weights(betas, counts.sum(axis=1), means, ENERGIES, counts.sum(axis=0))


def test_exact_laws_give_exact_free_energies() -> None:
    """Also from a bad first guess, and whatever is added to all energies."""
    counts = DRAWS[:, None] * LAWS
    logs, weights = solved(counts)
    np.testing.assert_allclose(logs, KNOWN, atol=1e-9)
    np.testing.assert_allclose(weights * counts.sum(axis=0), LAWS, atol=1e-12)
    far = log_weights(BETAS, DRAWS, LAWS @ ENERGIES - 4, ENERGIES, counts.sum(axis=0))[0]
    np.testing.assert_allclose(far, KNOWN, atol=1e-9)
    lifted = log_weights(BETAS, DRAWS, LAWS @ ENERGIES + 5, ENERGIES + 5, counts.sum(axis=0))[0]
    np.testing.assert_allclose(lifted, KNOWN - 5 * BETAS, atol=1e-9)


def test_draws_give_free_energies_within_their_spread() -> None:
    """300 runs: mean and error, 4 looks at 1e-6 in all (normal, 5.2 errors); the runs differ, a little."""
    random = np.random.default_rng(7)
    runs = np.array([
        solved(np.array([random.multinomial(int(n), p) for n, p in zip(DRAWS, LAWS, strict=True)], float))[0]
        for _ in range(300)
    ])  # fmt: skip
    spread = runs.std(axis=0, ddof=1)[1:]
    z = (runs.mean(axis=0) - KNOWN)[1:] / spread * math.sqrt(300)
    assert (spread > 0).all()
    assert (spread < 0.3).all()
    # The bias of order 1/n is less than a tenth of the spread of one run, and of 300 less than 1.7 errors.
    assert abs(z).max() < 5.2 + 1.7, z


def test_one_temperature_more_makes_the_others_no_worse() -> None:
    """All draws are used: the difference of two far temperatures spreads less with one between them."""
    random = np.random.default_rng(3)
    ends, all_of_them = [], []
    for _ in range(100):
        counts = np.array([random.multinomial(400, p) for p in LAWS], float)
        ends.append(solved(counts[[0, 2]], BETAS[[0, 2]])[0][1])
        all_of_them.append(solved(counts)[0][2])
    assert np.std(all_of_them) < 0.8 * np.std(ends)


def test_laws_without_a_common_level_are_not_compared() -> None:
    apart = np.zeros((2, SIZE + 1))
    apart[0, 0], apart[1, -1] = 10, 10
    far = np.array([0.0, 60.0])
    logs, weights = solved(apart, far)
    known = shared(weights[0], weights[1], apart.sum(axis=0))
    assert math.isnan(logs[1]) or not known > 1e-3


def test_shared_is_one_of_equal_laws_and_nothing_of_others() -> None:
    counts = np.array([2.0, 3.0, 0.0])
    p, q = np.array([0.2, 0.2, 9.0]), np.array([0.5, 0.0, 9.0])
    assert shared(p, p, counts) == pytest.approx(1.0)
    assert shared(np.array([0.5, 0.0, 0]), np.array([0, 1 / 3, 0]), counts) == 0.0
    assert shared(p, q, counts) == pytest.approx(2 * 2 * 0.2 * 0.5 / 0.7)
    assert math.isnan(shared(p * math.nan, q, counts))


def test_masses_are_sums_over_levels() -> None:
    table = np.array([[1, 0], [2, 3]])
    assert masses(np.array([0.25, 0.5]), table).tolist() == [1.25, 1.5]
