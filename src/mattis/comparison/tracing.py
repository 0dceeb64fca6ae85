"""How a line of theory is drawn: between its samples, and as far as its ends, which are computed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mattis import theory
from mattis.exact.arrays import Mask, Reals

LINE_PLACES = 81
"""Places of a line, before its ends are looked for."""

BISECTIONS, BISECTION_PARTS = 6, 10
"""An end lies in a part of a part … of a step: one of 10^6."""

APPROACH = np.geomspace(1.0, 1e-6, 13)
"""Shares of a step at which a line is evaluated near its end, where it may be steep."""


@dataclass(frozen=True, eq=False)
class TheoryLine:
    """One line of theory: a quantity along the abscissa, NaN where it does not exist.

    stable  # where the state is stable; elsewhere the line is a guide
    limit   # the words of a limit that the study does not reach, such as "N → ∞"
    """

    observable: str
    quantity: str
    x: Reals
    y: Reals
    stable: Mask
    limit: str = ""

    @property
    def validity(self) -> str:
        """How far the quantity may be trusted, in words."""
        return theory.QUANTITIES[self.quantity].validity


@dataclass(frozen=True)
class Mark:
    """A place on the abscissa that theory names: a capacity, a temperature at which something ends."""

    quantity: str
    value: float


def traced(
    observable: str,
    quantity: str,
    x: Reals,
    value: Callable[[Reals], Reals],
    stable: Callable[[Reals, Reals], Mask] | None = None,
    limit: str = "",
) -> TheoryLine:
    """Return a line through some places, and more of them near the ends of its domain.

    value   # of the quantity at places; NaN where it does not exist
    stable  # whether the state is stable, of places and values
    """
    y = value(x)
    there = _exists(y)
    for left in np.flatnonzero(there[:-1] != there[1:]):
        low, high = float(x[left]), float(x[left + 1])
        near = _towards_end(low, high, bool(there[left + 1]), value)
        x, y = np.append(x, near), np.append(y, value(near))
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    firm = np.ones(x.size, bool) if stable is None else stable(x, y)
    return TheoryLine(observable, quantity, x, y, firm & (limit == ""), limit)


def _exists(y: Reals) -> Mask:
    """Tell where there is a state: a quantity that is neither without a value nor 0."""
    return np.isfinite(y) & (np.abs(y) > NOTHING)


NOTHING = 1e-9
"""A quantity below this has vanished: where it does so continuously a line is steep as well."""


def _towards_end(low: float, high: float, rising: bool, value: Callable[[Reals], Reals]) -> Reals:
    """Return places that approach the end of a domain between two places, from its inside.

    rising  # whether the domain lies above its end
    """
    inside, step = (high if rising else low), high - low
    for _ in range(BISECTIONS):
        between = np.linspace(low, high, BISECTION_PARTS + 1)[1:-1]
        known = _exists(value(between))
        first = int(np.argmax(known)) if rising else int(np.argmin(known))
        if known.all() if not rising else not known.any():
            low, high = float(between[-1]), high
        elif known.all() if rising else not known.any():
            low, high = low, float(between[0])
        else:
            low, high = float(between[first - 1]), float(between[first])
    end = high if rising else low
    away = APPROACH * step * (1 if rising else -1)
    return np.append(end + away[abs(away) < abs(inside - end)], end)
