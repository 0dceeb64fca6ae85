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
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from scipy.special import erf

from mattis.theory.numerics.arrays import GAUSS_RANGE, Array

T = TypeVar("T", float, Array)

STEP = 0.25
LOGISTIC_RANGE = 20.0  # sech^2(20) = 2e-17


class SpinAverages(NamedTuple, Generic[T]):
    """Gaussian averages of t = tanh(h/T) and the derivatives of their mean with respect to mean."""

    mean: T
    """E t."""
    square: T
    """E t^2."""
    slope: T
    """d E t / d mean = (1 - square)/T."""
    gap: T
    """1 - slope, without the cancellation near T = 1."""
    curve: T
    """width d^2 E t / d mean^2."""
    third: T
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


def spin_averages(mean: float, width: float, temperature: float) -> SpinAverages[float]:
    """Averages of tanh((mean + width z)/T) over z normal; width > 0, T >= 0 (sign at T = 0)."""
    one = averages(*(np.array([each], np.float64) for each in (mean, width, temperature)))
    return SpinAverages(*(float(each[0]) for each in one))


def averages(mean: Array, width: Array, temperature: Array) -> SpinAverages[Array]:
    """Return `spin_averages` at many places at once: arrays (K,)."""
    out = np.empty((len(SpinAverages._fields), mean.size))
    for rule, mask in ((_smooth, width < temperature), (_steep, width >= temperature)):
        at = np.flatnonzero(mask)
        for first in range(0, at.size, PLACES_AT_ONCE):
            some = at[first : first + PLACES_AT_ONCE]
            out[:, some] = rule(mean[some, None], width[some], temperature[some])
    return SpinAverages(*out)


PLACES_AT_ONCE = 256
"""Places whose nodes are evaluated together: 0.3 MB, which a cache holds."""


def _steep(mean: Array, width: Array, temperature: Array) -> tuple[Array, ...]:
    """Averages for width >= T, over v. mean  # (K, 1)"""
    v, weight, _ = logistic_rule()
    t = (mean - temperature[:, None] * v) / width[:, None]
    p = normal(t)
    first = t * p
    slope, tilt, bend = (2 / width * _sum(each, weight) for each in (p, first, t * first))
    return (
        _sum(erf(t / math.sqrt(2)), weight),
        1 - temperature * slope,
        slope,
        1 - slope,
        -tilt,
        bend - slope,
    )


def _smooth(mean: Array, width: Array, temperature: Array) -> tuple[Array, ...]:
    """Averages for width < T, where the integrand is smooth in z. mean  # (K, 1)"""
    z, weight = gauss_rule()
    u = (mean + width[:, None] * z) / temperature[:, None]
    t, g = np.tanh(u), _sech2(u)
    square = _sum(t * t, weight)
    ratio = width / temperature
    return (
        _sum(t, weight),
        square,
        _sum(g, weight) / temperature,
        (square - (1 - temperature)) / temperature,
        -2 * _sum(g * t, weight) / temperature * ratio,
        _sum(g * (6 * t * t - 2), weight) / temperature * ratio**2,
    )


def _sum(values: Array, weight: Array) -> Array:
    """Return the weighted sum of each row: not by BLAS, whose bits depend on how many rows there are."""
    return np.asarray(np.einsum("kv,v->k", values, weight))


def fourth_power(mean: Array, width: Array, temperature: Array) -> Array:
    """Return E sech^4((mean + width z)/T) / T, which is (4/3) phi(mean/width)/width at T = 0."""
    out = np.empty(mean.size)
    smooth = width < temperature
    z, weight = gauss_rule()
    m, w, heat = (each[smooth, None] for each in (mean, width, temperature))
    out[smooth] = _sum(_sech2((m + w * z) / heat) ** 2, weight) / heat[:, 0]
    v, weight, sech2 = logistic_rule()
    m, w, heat = (each[~smooth, None] for each in (mean, width, temperature))
    out[~smooth] = 2 / w[:, 0] * _sum(normal((m - heat * v) / w), weight * sech2)
    return out


def log_two_cosh(mean: Array, width: Array, temperature: Array) -> Array:
    """Return T E ln 2cosh((mean + width z)/T), which is E |mean + width z| at T = 0."""
    out = np.empty(mean.size)
    smooth = width < temperature
    z, weight = gauss_rule()
    m, w, heat = (each[smooth, None] for each in (mean, width, temperature))
    h = np.abs(m + w * z)
    out[smooth] = _sum(h + heat * np.log1p(np.exp(-2 * h / heat)), weight)
    v, weight, _ = logistic_rule()
    m, w, heat = (each[~smooth, None] for each in (mean, width, temperature))
    h = m - heat * v
    out[~smooth] = _sum(h * erf(h / w / math.sqrt(2)) + 2 * w * normal(h / w), weight)
    return out


def spin_entropy(mean: Array, width: Array, temperature: Array) -> Array:
    """Return E S((mean + width z)/T), S(u) = ln 2cosh u - u tanh u, which is 0 at T = 0."""
    out = np.empty(mean.size)
    smooth = width < temperature
    z, weight = gauss_rule()
    m, w, heat = (each[smooth, None] for each in (mean, width, temperature))
    out[smooth] = _sum(ising_entropy((m + w * z) / heat), weight)
    v, _, _ = logistic_rule()
    m, w, heat = (each[~smooth, None] for each in (mean, width, temperature))
    out[~smooth] = (heat / w)[:, 0] * _sum(normal((m - heat * v) / w), STEP * ising_entropy(v))
    return out


def ising_entropy(u: Array) -> Array:
    """Return S(u) = ln 2cosh u - u tanh u, the entropy of a spin in a field, without overflow."""
    small = np.exp(-2 * np.abs(u))
    return np.asarray(np.log1p(small) + 2 * np.abs(u) * small / (1 + small))
