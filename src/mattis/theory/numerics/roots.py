"""Roots and maxima of many equations at once: each step evaluates all that have not converged.

Chandrupatla's method (Adv. Eng. Software 28, 145 (1997)) chooses between inverse quadratic interpolation
and bisection, as Brent's does, and keeps the root between its ends.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mattis.theory.numerics.arrays import TINY, Array

Indices = NDArray[np.intp]

EquationsAt = Callable[[Array, Indices], Array]
"""Values of some of the equations: where, and which of them."""

ROOT_TOLERANCE = 1e-14
"""Relative tolerance of roots."""

MOST_ROOT_STEPS = 200
"""Steps after which every bracket has long been as narrow as it can be."""

PEAK_PARTS, PEAK_ROUNDS = 8, 15
"""Parts into which the interval of a maximum is cut, of which two remain; and how often: to 1e-9 of it."""


def roots(function: EquationsAt, low: Array, high: Array) -> Array:
    """Return the root of each equation between its ends, to about 1e-14 relative; NaN where an end is NaN.

    function  # of places and of the indices of their equations, an array each
    """
    out = np.full(low.shape, np.nan)
    at = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    x1, x2 = high[at].astype(np.float64), low[at].astype(np.float64)
    f1, f2 = function(x1, at), function(x2, at)
    share = np.full(at.size, 0.5)
    for _ in range(MOST_ROOT_STEPS):
        if not at.size:
            return out
        x = x1 + share * (x2 - x1)
        f = function(x, at)
        same = np.sign(f) == np.sign(f1)
        x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
        x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
        x1, f1 = x, f
        best = np.where(np.abs(f1) < np.abs(f2), x1, x2)
        with np.errstate(divide="ignore"):
            least = (ROOT_TOLERANCE * np.abs(best) + TINY) / np.abs(x2 - x1)
        done = (least > 0.5) | (f1 == 0) | (f2 == 0)
        out[at[done]] = best[done]
        at, x1, x2, x3, f1, f2, f3, least = (a[~done] for a in (at, x1, x2, x3, f1, f2, f3, least))
        share = np.clip(_share(x1, x2, x3, f1, f2, f3), least, 1 - least)
    out[at] = x1
    return out


def _share(x1: Array, x2: Array, x3: Array, f1: Array, f2: Array, f3: Array) -> Array:
    """Return which share of the way from x1 to x2 the next places are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
        smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        share = f1 / (f2 - f1) * f3 / (f2 - f3)
        share += (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    return np.where(smooth & np.isfinite(share), share, 0.5)


Branch = Callable[[Array, Indices], tuple[Array, Array]]
"""sqrt(alpha) and d ln sqrt(alpha)/d ln width of states of some widths: where, and which of them."""

MOST_WIDTHS = 60
"""Steps to a width at most: at the very end of a branch each only halves the way."""


def widths_at(branch: Branch, root: Array, most: Array, end: Array) -> Array:
    """Return the widths of states with sqrt(alpha) = root, which exist: Newton's method, in a bracket.

    sqrt(alpha) is concave in the width, so that it is at most its share of the end.

    most, end  # sqrt(alpha) and the width where the branch ends, the largest ones
    """
    low, high = np.zeros_like(root), end.copy()
    width = end * (root / most)
    at = np.arange(root.size)
    for _ in range(MOST_WIDTHS):
        here = width[at]
        reached, rate = branch(here, at)
        lacks = root[at] - reached
        low[at] = np.where(lacks > 0, here, low[at])
        high[at] = np.where(lacks < 0, here, high[at])
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = here * (1 + lacks / (reached * rate))
        wanted = np.where((wanted > low[at]) & (wanted < high[at]), wanted, (low[at] + high[at]) / 2)
        more = (abs(lacks) > 2e-16 * root[at]) & (abs(wanted - here) > 1e-15 * here)
        at = at[more]
        if not at.size:
            break
        width[at] = wanted[more]
    return width


def top(function: Callable[[Array], Array], low: float, high: float) -> float:
    """Return where `function` has its one maximum between low and high, to about 1e-8.

    function  # of many places at once
    """
    for _ in range(PEAK_ROUNDS):
        x = np.linspace(low, high, PEAK_PARTS + 1)
        best = int(np.argmax(function(x)))
        low, high = float(x[max(best - 1, 0)]), float(x[min(best + 1, PEAK_PARTS)])
    return (low + high) / 2


def peak(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where `function` of one number has its one maximum between low and high, to about 1e-8."""
    optimum = minimize_scalar(lambda x: -function(x), (), (low, high), (), "bounded", options={"xatol": 1e-9})
    return float(optimum.x)
