"""Averages of a thermal spin in a Gaussian field h = mean + width z, exact down to T = 0.

Two trapezoidal rules of step 1/4 cover every case to about 1e-15; neither has a parameter to tune.

* width < T: the integrand is smooth on the scale of the Gaussian, so the rule runs over z.
* width >= T: tanh(h/T) is a step of width T/width in z, where Gauss-Hermite rules fail. A Glauber
  spin is the sign of h - T v with v of density sech^2(v)/2, that is
  tanh(u) = int dv sech^2(v)/2 sgn(u - v), so the Gaussian integral is done exactly (erf) and the
  rule runs over v. T = 0 is then no special case.

Trapezoidal sums of analytic functions converge like exp(-2 pi d/step), d the distance of the
nearest pole: d = pi/2 here (L. N. Trefethen & J. A. C. Weideman, SIAM Review 56, 385 (2014)).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from mattis.theory.arrays import GAUSS_RANGE, Array

STEP = 0.25
LOGISTIC_RANGE = 20.0  # sech^2(20) = 2e-17


class SpinAverages(NamedTuple):
    """Gaussian averages of t = tanh(h/T) and the derivatives of their mean with respect to mean."""

    mean: float
    """E t."""
    square: float
    """E t^2."""
    slope: float
    """d E t / d mean = (1 - square)/T."""
    gap: float
    """1 - slope, without the cancellation near T = 1."""
    curve: float
    """width d^2 E t / d mean^2."""
    third: float
    """width^2 d^3 E t / d mean^3."""


@lru_cache(maxsize=1)
def logistic_rule() -> tuple[Array, Array, Array]:
    """Nodes v, weights of sech^2(v)/2 dv, and sech^2(v)."""
    v = np.arange(-LOGISTIC_RANGE, LOGISTIC_RANGE + STEP / 2, STEP)
    sech2 = 1 / np.cosh(v) ** 2
    return _frozen(v), _frozen(STEP * sech2 / 2), _frozen(sech2)


@lru_cache(maxsize=1)
def gauss_rule() -> tuple[Array, Array]:
    """Nodes z and weights of exp(-z^2/2) dz / sqrt(2 pi)."""
    z = np.arange(-GAUSS_RANGE, GAUSS_RANGE + STEP / 2, STEP)
    return _frozen(z), _frozen(STEP * normal(z))


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array


def normal(t: Array) -> Array:
    """Return the density exp(-t^2/2)/sqrt(2 pi)."""
    return np.asarray(np.exp(-t * t / 2) / math.sqrt(2 * math.pi))


def _sech2(u: Array) -> Array:
    """Return 1/cosh(u)^2 without overflow."""
    w = np.exp(-2 * np.abs(u))
    return np.asarray(4 * w / (1 + w) ** 2)


def spin_averages(mean: float, width: float, temperature: float) -> SpinAverages:
    """Averages of tanh((mean + width z)/T) over z normal; width > 0, T >= 0 (sign at T = 0)."""
    if width < temperature:
        return _smooth(mean, width, temperature)
    v, weight, _ = logistic_rule()
    t = (mean - temperature * v) / width
    p = weight * normal(t)
    tp = t * p
    slope = 2 / width * float(p.sum())
    return SpinAverages(
        mean=float(weight @ erf(t / math.sqrt(2))),
        square=1 - temperature * slope,
        slope=slope,
        gap=1 - slope,
        curve=-2 / width * float(tp.sum()),
        third=2 / width * float(t @ tp - p.sum()),
    )


def _smooth(mean: float, width: float, temperature: float) -> SpinAverages:
    """Averages for width < T, where the integrand is smooth in z."""
    z, weight = gauss_rule()
    u = (mean + width * z) / temperature
    t = np.tanh(u)
    wt = weight * t
    wg = weight * _sech2(u)
    square = float(wt @ t)
    return SpinAverages(
        mean=float(wt.sum()),
        square=square,
        slope=float(wg.sum()) / temperature,
        gap=(square - (1 - temperature)) / temperature,
        curve=-2 * float(wg @ t) / temperature * (width / temperature),
        third=float(wg @ (6 * t * t - 2)) / temperature * (width / temperature) ** 2,
    )


def fourth_power(mean: float, width: float, temperature: float) -> float:
    """Return E sech^4((mean + width z)/T) / T, which is (4/3) phi(mean/width)/width at T = 0."""
    if width < temperature:
        z, weight = gauss_rule()
        return float(weight @ _sech2((mean + width * z) / temperature) ** 2) / temperature
    v, weight, sech2 = logistic_rule()
    return 2 / width * float((weight * sech2) @ normal((mean - temperature * v) / width))


def log_two_cosh(mean: float, width: float, temperature: float) -> float:
    """Return T E ln 2cosh((mean + width z)/T), which is E |mean + width z| at T = 0."""
    if width < temperature:
        z, weight = gauss_rule()
        h = np.abs(mean + width * z)
        return float(weight @ (h + temperature * np.log1p(np.exp(-2 * h / temperature))))
    v, weight, _ = logistic_rule()
    h = mean - temperature * v
    t = h / width
    return float(weight @ (h * erf(t / math.sqrt(2)) + 2 * width * normal(t)))
