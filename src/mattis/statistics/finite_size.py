"""What boundaries of several sizes say of a network without end: powers of N fitted to them, with two errors.

x(N) = x_∞ + a N^-omega (M. E. Fisher & M. N. Barber, Phys. Rev. Lett. 28, 1516 (1972)). One power that fits
is no proof of it: several are fitted, without the smallest sizes too, and how far they are apart is an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mattis.exact.arrays import Reals
from mattis.statistics.extrapolation import FittedLine, fitted_line

FREE = "free"
"""The word of the fit whose power is one of its parameters."""

POWERS: Mapping[str, Sequence[float]] = {
    "1/2": (1 / 2,), "2/3": (2 / 3,), "1": (1.0,), FREE: tuple(np.linspace(0.25, 2.0, 71)),
}  # fmt: skip
"""The powers omega that are fitted, by their words; a free one is any of these, with even odds."""


class PowerFit(NamedTuple):
    """One fit x(N) = x_∞ + a N^-omega: its limit with a statistical error, and what it retains."""

    power: str
    smallest: float
    omega: float
    omega_error: float
    value: float
    error: float
    amplitude: float
    chi2: float
    weight: float
    """Share of the fit in the mean of all, exp(-(chi2 + 2 k + 2 n)/2), normalised (Akaike's information)."""


class Limit(NamedTuple):
    """Where something is at N → ∞, with its statistical and its systematic error, and the fits behind it."""

    value: float
    error: float
    systematic: float
    fits: Sequence[PowerFit]

    @property
    def total(self) -> float:
        """Both errors together."""
        return float(np.hypot(self.error, self.systematic))


def limit(sizes: Reals, places: Reals, errors: Reals, known: str | None = None) -> Limit | None:
    """Return where something is at N → ∞; None where fewer than two sizes have a place with an error.

    The mean of all fits with weights exp(-(chi² + 2 k + 2 n)/2), of k parameters and without the n smallest
    sizes (W. I. Jay & E. T. Neil, Phys. Rev. D 103, 114502 (2021)). Statistical error: the root of the mean
    square of theirs, each times sqrt(chi²/degrees) where that is above 1; systematic: their spread.

    Parameters
    ----------
    sizes, places, errors
        Each (n,); NaN where there is no place.
    known
        The power that the value has by theory, a word of POWERS: the value is of fits with that one only, the
        systematic error is from it to all of them.
    """
    there = np.isfinite(places) & (errors > 0)
    order = np.argsort(sizes[there])
    points = tuple(values[there][order] for values in (sizes, places, errors))
    fits = _weighted([*_fits(*points)])
    if not fits:
        return None
    value, error = _mean(fits if known is None else [one for one in fits if one.power == known])
    spread = sum(one.weight * (one.value - value) ** 2 for one in fits)
    return Limit(value, error, float(np.sqrt(spread)), fits)


def _fits(sizes: Reals, places: Reals, errors: Reals) -> Iterator[PowerFit]:
    """Yield all fits, with the exponent of their weights in place of these."""
    for power, omegas in POWERS.items():
        parameters = parameters_of(power)
        fewest = parameters + (len(sizes) > 2)
        for left_out in range(len(sizes) - fewest + 1):
            some = (sizes[left_out:], places[left_out:], errors[left_out:])
            yield _fit(power, np.asarray(omegas), some, -parameters - left_out)


def _fit(power: str, omegas: Reals, points: tuple[Reals, ...], penalty: int) -> PowerFit:
    """Return the fit of one power, or the mean of fits of many by their likelihoods."""
    sizes, places, errors = points
    lines = [fitted_line((sizes / sizes[0]) ** -omega, places, errors) for omega in omegas]
    chi2 = np.array([line.chi2 for line in lines])
    odds = np.exp((chi2.min() - chi2) / 2)
    odds /= odds.sum()
    omega, omega_error = _moments(odds, omegas)
    value, spread = _moments(odds, np.array([line.start for line in lines]))
    inner = float(odds @ np.array([line.start_error**2 for line in lines]))
    best: FittedLine = lines[int(chi2.argmin())]
    degrees = len(sizes) - parameters_of(power)
    scale = max(1.0, best.chi2 / degrees) ** 0.5 if degrees > 0 else 1.0
    amplitude = best.slope * float(sizes[0] ** omegas[chi2.argmin()])
    return PowerFit(
        power, float(sizes[0]), omega, omega_error, value, float(np.hypot(spread, inner**0.5)) * scale,
        amplitude, best.chi2, penalty - best.chi2 / 2,
    )  # fmt: skip


def parameters_of(power: str) -> int:
    """Return the number of parameters of a fit."""
    return 3 if power == FREE else 2


def _moments(odds: Reals, values: Reals) -> tuple[float, float]:
    """Return the mean and the spread of values with odds."""
    mean = float(odds @ values)
    return mean, float(np.sqrt(odds @ (values - mean) ** 2))


def _weighted(fits: list[PowerFit]) -> list[PowerFit]:
    """Return fits with weights that add up to 1, of the logarithms that they come with."""
    logarithms = np.array([one.weight for one in fits])
    odds = np.exp(logarithms - logarithms.max(initial=-np.inf))
    weights = (odds / odds.sum()).tolist()
    return [one._replace(weight=weight) for one, weight in zip(fits, weights, strict=True)]


def _mean(fits: Sequence[PowerFit]) -> tuple[float, float]:
    """Return the weighted mean of fits, and the root of the mean square of their errors."""
    odds = np.array([one.weight for one in fits])
    total = odds.sum()
    odds = odds / total if total > 0 else np.full(len(fits), 1 / len(fits))
    value = float(odds @ np.array([one.value for one in fits]))
    return value, float(np.sqrt(odds @ np.array([one.error**2 for one in fits])))
