"""R-hat and the effective sample size of Vehtari et al. (2021), against the plain formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from mattis.exact import convergence
from mattis.exact.convergence import r_hat, sample_size


def plain_scores(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values, axis=None).reshape(values.shape)
    return norm.ppf((ranks - 3 / 8) / (values.size + 1 / 4))


def plain_r_hat(halves: np.ndarray) -> float:
    folded = abs(halves - np.median(halves))
    found = []
    for z in (plain_scores(halves), plain_scores(folded)):
        n, within = z.shape[1], z.var(axis=1, ddof=1).mean()
        found.append(math.sqrt(((n - 1) / n * within + z.mean(axis=1).var(ddof=1)) / within))
    return max(found)


def plain_sample_size(halves: np.ndarray) -> float:
    z = plain_scores(halves)
    (m, n), x = z.shape, z - z.mean(axis=1, keepdims=True)
    within = z.var(axis=1, ddof=1).mean()
    total = (n - 1) / n * within + z.mean(axis=1).var(ddof=1)
    lags = [np.mean([row[: n - t] @ row[t:] / n for row in x]) for t in range(n)]
    rho = np.array([1.0, *(1 - (within - c) / total for c in lags[1:])])
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = pairs[: np.argmax(pairs <= 0)] if (pairs <= 0).any() else pairs
    return m * n / max(2 * np.minimum.accumulate(positive).sum() - 1, 1 / math.log10(m * n))


def chains_of(seed: int, apart: int = 0, memory: float = 0.0, wide: int = 1) -> np.ndarray:
    """Two chains of 300 draws: autoregressive, the second shifted, or wider."""
    noise = np.random.default_rng(seed).standard_normal((2, 300))
    for t in range(1, 300):
        noise[:, t] += memory * noise[:, t - 1]
    noise[1] *= wide
    return np.rint(100 * noise).astype(np.int64) + np.array([[0], [apart]])


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 300), st.floats(0, 0.95), st.integers(1, 3))
def test_both_are_the_plain_formulas(seed: int, apart: int, memory: float, wide: int) -> None:
    chains = chains_of(seed, apart, memory, wide)
    halves = np.concatenate([chains[:, :150], chains[:, 150:]])
    assert r_hat(chains) == pytest.approx(plain_r_hat(halves), rel=1e-12)
    assert sample_size(chains) == pytest.approx(plain_sample_size(halves), rel=1e-9)


def test_equal_draws_share_their_rank_and_the_middle_of_an_odd_chain_is_left_out() -> None:
    chains = np.array([[1, 2, 2, 3, 9, 2, 3, 1, 1], [2, 2, 3, 1, 9, 2, 1, 3, 3]])
    halves = np.concatenate([chains[:, :4], chains[:, 5:]])
    assert r_hat(chains) == pytest.approx(plain_r_hat(halves), rel=1e-12)
    np.testing.assert_allclose(convergence.scores(halves), plain_scores(halves), rtol=1e-12)


def test_chains_that_lie_apart_or_are_of_other_widths_are_told() -> None:
    assert r_hat(chains_of(1)) < 1.02
    assert r_hat(chains_of(1, apart=100)) > 1.1
    assert r_hat(chains_of(1, wide=3)) > 1.1
    assert 400 < sample_size(chains_of(2)) < 900
    assert 15 < sample_size(chains_of(2, memory=0.9)) < 70  # 600 (1 - 0.9)/(1 + 0.9) = 32


def test_the_order_of_the_chains_and_the_sign_of_what_is_drawn_do_not_matter() -> None:
    chains = chains_of(3, apart=40, memory=0.5)
    assert r_hat(chains[::-1]) == pytest.approx(r_hat(chains), rel=1e-12)
    assert r_hat(-chains) == pytest.approx(r_hat(chains), rel=1e-12)


@pytest.mark.parametrize(
    "chains", [np.ones((2, 100), np.int64), np.repeat([[3], [5]], 40, axis=1), np.arange(14).reshape(2, 7)]
)
def test_what_does_not_vary_or_is_short_says_nothing(chains: np.ndarray) -> None:
    assert math.isnan(r_hat(chains))
    assert math.isnan(sample_size(chains))
