"""Scaling collapse: fractions of networks of several sizes on one curve of (x - x_c) N^(1/nu).

The quality is that of J. Houdayer & A. K. Hartmann, Phys. Rev. B 70, 014418 (2004), appendix: a reduced
chi² of each point from a straight line through the points of another size on either side of it. It is about
1 where the sizes collapse within their errors. As in S. M. Bhattacharjee & F. Seno, J. Phys. A 34, 6375
(2001), no function has to be guessed.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from mattis.exact.arrays import Reals

INNER = (0.02, 0.98)
"""Fractions that are compared: beyond, all sizes agree whatever the scaling."""

LARGEST_POWER = 3.0
"""1/nu is looked for from 0 to this."""

GRID = (np.linspace(-1.0, 1.0, 41), (0.25, 1 / 3, 1 / 2, 2 / 3, 1.0, 1.5))
"""Places, from the guess in widths of the data, and values of 1/nu, the best of which are searched around."""

FEWEST_PARTNERS = 4
"""Points at least that are compared with those of other sizes: two parameters fit fewer whatever they are."""


class Collapse(NamedTuple):
    """The best collapse: x_c and 1/nu with errors where the quality rises by 1, and its quality."""

    place: float
    place_error: float
    power: float
    power_error: float
    quality: float


def collapse(sizes: Reals, places: Reals, fractions: Reals, errors: Reals, near: float) -> Collapse | None:
    """Return the collapse of fractions in (x - x_c) N^(1/nu); None where too few points overlap.

    Parameters
    ----------
    sizes
        (n,)
    places, fractions, errors
        (n, points): x, the fraction of each size there, and its standard error; NaN where there is none.
    near
        A guess of x_c.
    """
    width = float(np.nanmax(places) - np.nanmin(places))
    scaled = sizes / sizes.max()

    def loss(at: Reals) -> float:
        inside = 0 <= at[1] <= LARGEST_POWER
        x = (places - near - width * at[0]) * scaled[:, None] ** at[1]
        return quality(x, fractions, errors) if inside else np.inf

    starts = sorted(product(*GRID), key=lambda at: loss(np.array(at)))[:SEARCHES]
    if not np.isfinite(loss(np.array(starts[0]))):
        return None
    from scipy.optimize import minimize  # 0.1 s, which studies of two sizes should not wait for

    found = (minimize(loss, start, method="Nelder-Mead", options=SEARCH) for start in starts)
    best = min(found, key=lambda one: float(one.fun))
    reach = [_reach(loss, best.x, float(best.fun), k) for k in range(2)]
    return Collapse(
        near + width * float(best.x[0]), width * reach[0], float(best.x[1]), reach[1], float(best.fun)
    )


SEARCHES, SEARCH = 2, {"xatol": 1e-4, "fatol": 1e-4, "maxfev": 150}
"""How many searches there are, and when each ends."""


def quality(x: Reals, fractions: Reals, errors: Reals) -> float:
    """Return S: the mean of (y - Y)²/(dy² + dY²) over points between those of another size; infinity without.

    x, fractions, errors  # (n, points), x rising; Y ± dY is the line through the two points of another size
    that are beside y, by least squares with their errors (Houdayer & Hartmann 2004).
    """
    terms = []
    for i, row in enumerate(x):
        inner = (fractions[i] > INNER[0]) & (fractions[i] < INNER[1])
        for k, other in enumerate(x):
            if k != i:
                terms.append(_deviations((row[inner], fractions[i][inner], errors[i][inner]),
                                         (other, fractions[k], errors[k])))  # fmt: skip
    every = np.concatenate(terms)
    return float(every.mean()) if every.size >= FEWEST_PARTNERS else np.inf


def _deviations(points: tuple[Reals, Reals, Reals], line: tuple[Reals, Reals, Reals]) -> Reals:
    """Return (y - Y)²/(dy² + dY²) of the points that lie between two of another size."""
    known = np.isfinite(line[1])
    x, y, error = (values[known] for values in line)
    last = np.searchsorted(x, points[0])
    among = (last > 0) & (last < x.size)
    at, height, width = (values[among] for values in points)
    right = last[among]
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    expected = (1 - share) * y[right - 1] + share * y[right]
    variance = ((1 - share) * error[right - 1]) ** 2 + (share * error[right]) ** 2
    return np.asarray((height - expected) ** 2 / (width**2 + variance), np.float64)


def _reach(loss: Callable[[Reals], float], best: Reals, least: float, k: int) -> float:
    """Return half of the range of one parameter in which the quality is less than 1 above its best."""
    ends = []
    for sign in (-1, 1):
        step = np.zeros(2)
        low, high = 0.0, 1.0
        step[k] = sign
        if loss(best + high * step) <= least + 1:
            return np.inf
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (middle, high) if loss(best + middle * step) <= least + 1 else (low, middle)
        ends.append(low)
    return sum(ends) / 2
