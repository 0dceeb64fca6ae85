"""Theory of consolidation: memories that drift towards clamped patterns.

    tau dXi_mu/dt = w_mu (xi' - Xi_mu),   w = softmax(beta Xi xi'),   xi' one of N_h patterns

At large kappa = beta N_v rho only the memory that belongs to the pattern moves (w is one-hot), and all is
explicit. At small kappa every memory takes a part of every pattern, until they all are the same mean: the
memories collapse. rho is |xi'|^2 / N_v, time is counted in presentations, and tau in steps of dt.

Sources: D. Lotito, "Neural Learning Rules from Associative Networks Theory", Neurocomputing 636, 129865
(2025) [Lotito]; what says "derived for this project" has no literature value, only simulations that agree
(within 1e-3 for |kappa/kappa_s - 1| > 0.1). Arguments are scalars; `mattis.theory.evaluate` checks them.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from mattis.theory.numerics.arrays import TINY

UNSEEN = 1e-100  # an overlap that is as good as none
SOON = 1e-20  # in units of tau: earlier than any change
FOREVER = 1e9  # in units of tau: later than any change but that at a critical point
WIDTH = 40  # standard deviations of a binomial law that a sum runs over: the rest is below 1e-300


def kappa_s(memories: float) -> float:
    """Return the kappa = beta N_v rho below which all memories collapse to the mean of the patterns.

    kappa_s = min over 0 < x < 1 of ln[(1 + (N_h - 1) x)/(1 - x)]/x; x = (N_h w - 1)/(N_h - 1) and w is the
    share of a memory's own pattern in it. Equally frequent, orthogonal patterns. Derived for this project:
    a Potts mean field with N_h states, first order for N_h >= 3.
    """
    return _kappa(_spinodal(memories), memories)


def own_share(memories: float, kappa: float) -> float:
    """Return the share w of a memory's own pattern in it, in the end; 1/N_h where it collapsed.

    w = (1 + (N_h - 1) x)/N_h, x = (1 - e^{-kappa x})/(1 + (N_h - 1) e^{-kappa x}), the largest x.
    Derived for this project.
    """
    return 1 - _others_share(memories, kappa)


def cosine(memories: float, kappa: float) -> float:
    """Return the cosine between a memory and its own pattern, in the end; 1/sqrt(N_h) where it collapsed.

    cos = w/sqrt(w^2 + (1 - w)^2/(N_h - 1)), w as in `own_share`: started from its own memory, for
    orthogonal patterns of one norm, each shown equally often, tau large. Derived for this project.
    """
    others = _others_share(memories, kappa)
    own_weight = 1 - others
    return own_weight / math.sqrt(own_weight**2 + others**2 / (memories - 1))


def least_overlap(memories: float, kappa: float) -> float:
    """Return the a/s above which memories come out as their own patterns, below which they collapse.

    x(kappa q) = q, the middle root q = a/s, x as in `own_share`; 0 from kappa = N_h on, none below kappa_s.
    For the memories of `mean_similarity`, without noise. Derived for this project.
    """
    if kappa >= memories:
        return 0.0
    start = _spinodal(memories)
    if kappa < _kappa(start, memories):
        return math.nan
    return _root(lambda y: _kappa(y, memories) - kappa, 0.0, start) / kappa


def kappa_basin(memories: float, start: float) -> float:
    """Return the kappa above which memories that start at a/s come to their own patterns.

    ln[(1 + (N_h - 1) q)/(1 - q)]/q, q = a/s, but kappa_s where q is beyond the x of `kappa_s`: the inverse
    of `least_overlap`. Derived for this project.
    """
    least = _spinodal(memories)
    kappa = _kappa(least, memories)
    return kappa if start * kappa >= least else math.log1p(memories * start / (1 - start)) / start


def kappa_merge(target_cosine: float) -> float:
    """Return the kappa below which two memories with overlapping patterns merge into one.

    kappa_merge = 2/(1 - r), r the cosine of the two patterns: x = tanh(kappa (1 - r) x/2), two memories, two
    patterns of one norm, shown equally often; nearly so among others that are far. Derived for this project.
    """
    return 2 / (1 - target_cosine)


def mean_similarity(
    memories: float, kappa: float, presentations: float, tau: float, overlap: float, norm_ratio: float
) -> float:
    """Return the cosine between a memory and its pattern after so many presentations of the latter.

    dD/du = x(kappa (e a/s + D)) - D up to u = k/tau, e = e^{-u}, x as in `own_share`; the memory is
    e Xi(0) + b xi' + c (sum of other patterns), D = b - c, e + b + (N_h - 1) c = 1. Mean field (large tau) of
    orthogonal memories and orthogonal patterns, shown equally often; at a <= 0 noise decides what it leaves
    open. Derived for this project.
    """
    time = presentations / tau
    old, new = math.exp(-time), -math.expm1(-time)
    apart = _drifted(memories, kappa, overlap / norm_ratio, time)
    along = old * overlap + (new + (memories - 1) * apart) / memories * norm_ratio
    aside = old * math.sqrt((1 - overlap) * (1 + overlap))
    others = math.sqrt(memories - 1) * (new - apart) / memories * norm_ratio
    length = math.hypot(along, aside, others)
    return math.nan if length == 0 else along / length


def error_factor(presentations: float, tau: float) -> float:
    """Return |1 - 1/tau|^k, the share of its first error that a memory has after k presentations.

    Lotito eqs. (1), (2) and (12) at a one-hot softmax, dt = 1: exact in one step at tau = 1; it grows for
    tau < 1/2, where Euler's step is not stable.
    """
    return 1.0 if presentations == 0 else float(abs(1 - 1 / tau) ** presentations)


def similarity(presentations: float, tau: float, overlap: float, norm_ratio: float) -> float:
    """Return the cosine between a memory and its pattern after so many presentations of the latter.

    [c a + (1 - c) s]/sqrt(c^2 + (1 - c)^2 s^2 + 2 c (1 - c) a s), c = (1 - 1/tau)^k; a is their cosine at
    first and s = |xi'|/|Xi(0)|. Exact where w is one-hot. Lotito eq. (40), with the norms that (41) has
    and (40) leaves out, and without its e^{-k/tau} for (1 - 1/tau)^k.
    """
    return _cosine_of_mixture(_old_share(presentations, tau), overlap, norm_ratio)


def published(presentations: float, tau: float, overlap: float) -> float:
    """Return the cosine of `similarity` as published: patterns as long as memories, continuous time.

    [e a + 1 - e]/sqrt(e^2 + (1 - e)^2 + 2 e (1 - e) a), e = exp(-k/tau), k = p t presentations.
    Lotito eq. (40).
    """
    return _cosine_of_mixture(math.exp(-presentations / tau), overlap, 1.0)


def similarity_mean(steps: float, probability: float, tau: float, overlap: float, norm_ratio: float) -> float:
    """Return the mean of `similarity` over which pattern is shown, at random, in so many steps.

    E sim(k), k ~ Bin(t, p), the sum over all k. Derived for this project.
    """
    weights, values = _over_presentations(steps, probability, tau, overlap, norm_ratio)
    return float(weights @ values)


def similarity_sd(steps: float, probability: float, tau: float, overlap: float, norm_ratio: float) -> float:
    """Return the standard deviation of `similarity` over which pattern is shown, at random.

    sd of sim(k), k ~ Bin(t, p), the sum over all k; of order 1/sqrt(tau). Derived for this project.
    """
    weights, values = _over_presentations(steps, probability, tau, overlap, norm_ratio)
    return math.sqrt(float(weights @ (values - weights @ values) ** 2))


def _old_share(presentations: float, tau: float) -> float:
    """Return the share c = (1 - 1/tau)^k of the old memory that is left."""
    return 1.0 if presentations == 0 else (1 - 1 / tau) ** presentations


def _cosine_of_mixture(old: float, overlap: float, norm_ratio: float) -> float:
    """Return the cosine between old Xi + (1 - old) xi' and xi'."""
    new = (1 - old) * norm_ratio
    square = (old - new) ** 2 + 2 * old * new * (1 + overlap)  # no cancellation at overlap = -1
    return math.nan if square == 0 else (old * overlap + new) / math.sqrt(square)


def _over_presentations(
    steps: float, probability: float, tau: float, overlap: float, norm_ratio: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight of each likely number of presentations, and the similarity after it."""
    mean = steps * probability
    far = WIDTH * (math.sqrt(mean * (1 - probability)) + 1)
    counts = np.arange(max(math.floor(mean - far), 0), min(mean + far, steps) + 1, dtype=np.float64)
    values = np.array([similarity(k, tau, overlap, norm_ratio) for k in counts.tolist()])
    return _binomial(counts, steps, probability), values


def _binomial(counts: NDArray[np.float64], steps: float, probability: float) -> NDArray[np.float64]:
    """Return the binomial law over neighbouring counts, which hold all of it.

    From ratios of neighbours: factorials of large numbers would lose digits.
    """
    if probability in (0, 1):
        return np.asarray(counts == steps * probability, np.float64)
    ratios = np.log((steps - counts[:-1]) / counts[1:])  # in logarithms: p may be tiny
    ratios += math.log(probability) - math.log1p(-probability)
    logarithms = np.concatenate([[0.0], np.cumsum(ratios)])
    weights = np.exp(logarithms - logarithms.max())
    return np.asarray(weights / weights.sum())


def _drifted(memories: float, kappa: float, start: float, time: float) -> float:
    """Return D(time) of dD/du = x(kappa (start e^{-u} + D)) - D, D(0) = 0."""
    if time < SOON or min(kappa, 1.0) * abs(start) < UNSEEN:  # D <= kappa |start| where kappa < 1
        return 0.0

    def slope(u: float, apart: NDArray[np.float64]) -> float:
        here = float(apart[0])
        return _share(kappa * (start * math.exp(-u) + here), memories) - here

    span = (0.0, min(time, FOREVER))
    floor = 1e-14 * min(abs(start), 1.0)  # what starts small may grow
    return float(solve_ivp(slope, span, [0.0], method="LSODA", rtol=1e-11, atol=floor).y[0, -1])


def _share(y: float, memories: float) -> float:
    """Return x = (1 - e^{-y})/(1 + (N_h - 1) e^{-y})."""
    if y < 0:
        return math.expm1(y) / (math.exp(y) + memories - 1)
    return -math.expm1(-y) / (1 + (memories - 1) * math.exp(-y))


def _others_share(memories: float, kappa: float) -> float:
    """Return 1 - w, the share of all other patterns in a memory, in the end."""
    start = _spinodal(memories)
    if kappa <= _kappa(start, memories):
        return (memories - 1) / memories
    y = _root(lambda y: _kappa(y, memories) - kappa, start, kappa)
    return (memories - 1) * math.exp(-y) / (1 + (memories - 1) * math.exp(-y))


def _kappa(y: float, memories: float) -> float:
    """Return the kappa of the state with kappa x = y: y [1 + (N_h - 1) e^{-y}]/(1 - e^{-y})."""
    return float(memories) if y == 0 else y * (1 + (memories - 1) * math.exp(-y)) / -math.expm1(-y)


def _spinodal(memories: float) -> float:
    """Return the y = kappa x at which kappa is least: where d ln kappa/dy = 0."""
    if memories <= 2:
        return 0.0  # second order: the memories part continuously

    def slope(y: float) -> float:
        others = (memories - 1) * math.exp(-y)
        return 1 / y - others / (1 + others) - 1 / math.expm1(y)

    return _root(slope, 1e-3, 10 + 2 * math.log(memories))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=TINY, rtol=1e-15, maxiter=200))
