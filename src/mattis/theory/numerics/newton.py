"""Systems of a few equations at many places: Newton's method with differences, each place by itself."""

from collections.abc import Callable

import numpy as np

from mattis.theory.numerics.arrays import NAN, Array
from mattis.theory.numerics.roots import Indices

SystemsAt = Callable[[Array, Indices], Array]
"""Residuals (n, K) of some of the systems: unknowns (n, K), and which of them."""

NEWTON_DIFFERENCE = 3e-5
"""Relative step of differences: it sets how fast the last digits come, not which they are."""

LONGEST_NEWTON_STEP = 0.3
"""Largest change of an unknown in one step, over its value."""

NEWTON_SETTLED, NEWTON_NEARLY = 1e-14, 1e-3
"""Steps over values below which a place is solved: at once, or where they have twice not shrunk."""

MOST_NEWTON_STEPS = 60
"""Steps after which a place has no solution."""


def solutions(systems: SystemsAt, start: Array) -> Array:
    """Return unknowns at which all residuals vanish, none of which is 0; NaN where there are none.

    start  # (n, K), near the solutions
    """
    x, out = start.copy(), np.full(start.shape, NAN)
    at = np.flatnonzero(np.isfinite(start).all(axis=0))
    last, stalls = np.full(start.shape[1], np.inf), np.zeros(start.shape[1])
    for _ in range(MOST_NEWTON_STEPS):
        if not at.size:
            break
        with np.errstate(all="ignore"):  # a step into nowhere is NaN, and ends there
            change = _steps(systems, x[:, at], at)
            size = np.abs(change / x[:, at]).max(axis=0)
            x[:, at] += change * np.minimum(1, LONGEST_NEWTON_STEP / size)
        stalls[at] += (size >= last[at]) & (size < NEWTON_NEARLY)
        done = (size < NEWTON_SETTLED) | (stalls[at] > 1)
        out[:, at[done]] = x[:, at[done]]
        last[at] = size
        at = at[~done & np.isfinite(size)]
    return out


def _steps(systems: SystemsAt, x: Array, at: Indices) -> Array:
    """Return the steps of Newton's method, (n, K); NaN where there is none."""
    here = systems(x, at)
    slopes = np.empty((*x.shape, x.shape[0]))  # equation, place, unknown
    for k, row in enumerate(x):
        above, below = x.copy(), x.copy()
        above[k], below[k] = row * (1 + NEWTON_DIFFERENCE), row * (1 - NEWTON_DIFFERENCE)
        slopes[:, :, k] = (systems(above, at) - systems(below, at)) / (above[k] - below[k])
    matrices = slopes.transpose(1, 0, 2)
    finite = np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(here).all(axis=0)
    known = np.flatnonzero(finite)
    known = known[np.linalg.det(matrices[known]) != 0]
    step = np.full(x.shape, NAN)
    step[:, known] = np.linalg.solve(matrices[known], -here.T[known, :, None])[..., 0].T
    return step
