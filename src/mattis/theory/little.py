"""Retrieval with all sites updated at once (Little), from the two-layer form of Peretto's energy.

With S and S' the states before and after a step, t = <S S'>, b = 1/T, h = m + sqrt(alpha r) z:

    m = E tanh(2bh)/(1 + p),   q = E [tanh(2bh)/(1 + p)]^2,   t = E (1 - p)/(1 + p),   p = e^{-2bG}/cosh(2bh),
    D = 1 - b(1 + t - 2q),   r = q/D^2,   G = (alpha/2) [1/D + 1/(1 + b(1 - t))] - alpha,

without the last term where the diagonal J_ii = alpha is kept. P. Peretto, Biol. Cybern. 50, 51 (1984) for the
energy; the saddle point is derived for this project (no literature value; agrees with simulations). At T = 0
it is that of D. J. Amit, H. Gutfreund and H. Sompolinsky (1987) for either diagonal. The width w = sqrt(alpha
r) is the parameter, as in `hopfield`: alpha = (w D)^2/q, which rises to alpha_M and falls again.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar, root

from mattis.theory import hopfield
from mattis.theory.quadrature import normal

NAN = math.nan
Array = NDArray[np.float64]


def _rule(width: float, temperature: float) -> tuple[Array, Array]:
    """Return nodes and weights of E over z: the step resolves tanh(2bh), whose poles are pi T/(4 w) away."""
    step = min(0.2, 0.12 * temperature / width)
    z = np.arange(-9.0, 9.0 + step / 2, step)
    return z, step * normal(z)


def _averages(
    m: float, width: float, temperature: float, field: float
) -> tuple[float, float, float]:
    """Return m, q and t of a state of the two layers; field is G."""
    z, weight = _rule(width, temperature)
    u = 2 * (m + width * z) / temperature
    size = np.abs(u)
    p = 2 * np.exp(np.minimum(-2 * field / temperature - size, 700.0)) / (1 + np.exp(-2 * size))
    state = np.tanh(u) / (1 + p)
    return float(weight @ state), float(weight @ state**2), float(weight @ ((1 - p) / (1 + p)))


def _load(q: float, t: float, width: float, temperature: float) -> float:
    """Return alpha = (w D)^2/q."""
    return (width * (1 - (1 + t - 2 * q) / temperature)) ** 2 / q


def _excess(x: Array, width: float, temperature: float, kept: bool) -> list[float]:
    """Return what is left of the three equations at x = (m, q, t)."""
    m, q, t = (float(value) for value in x)
    gap = 1 - (1 + t - 2 * q) / temperature
    load = _load(q, t, width, temperature)
    field = load / 2 * (1 / gap + 1 / (1 + (1 - t) / temperature)) - (0.0 if kept else load)
    found = _averages(m, width, temperature, field)
    return [found[0] - m, found[1] - q, found[2] - t]


@lru_cache(maxsize=4096)
def _state(width: float, temperature: float, kept: bool) -> tuple[float, float]:
    """Return m and the load of the retrieval state at a width; NaN where there is none.

    Newton's method from the state of one site after the other, which is near.
    """
    m, averages = hopfield.solve_overlap(width, temperature)
    tied = _averages(m, width, temperature, 0.0)
    begun = np.array([m, averages.square, tied[2]])
    found = root(_excess, begun, (width, temperature, kept), tol=1e-14)
    m, q, t = (float(value) for value in found.x)
    worst = max(map(abs, _excess(found.x, width, temperature, kept)))
    if not (worst < 1e-11 and m > 1e-6 and 1 - (1 + t - 2 * q) / temperature > 0):
        return NAN, NAN
    return m, _load(q, t, width, temperature)


@lru_cache(maxsize=512)
def _end(temperature: float, kept: bool) -> tuple[float, float]:
    """Return (width, load) where the load of the retrieval state is largest."""
    near = hopfield.spinodal(temperature).width

    def falling(width: float) -> float:
        load = _state(width, temperature, kept)[1]
        return -load if not math.isnan(load) else 0.0

    grid = near * np.linspace(0.5, 1.7, 25)
    best = int(np.argmin([falling(float(w)) for w in grid]))
    bounds = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 24)])
    found = minimize_scalar(falling, (), bounds, (), "bounded", options={"xatol": 1e-9})
    return float(found.x), -float(found.fun)


def alpha_M(temperature: float, diagonal: str) -> float:
    """Return the largest load with a retrieval state; diagonal "zero", or "kept" (J_ii = alpha)."""
    if temperature == 0:
        return hopfield.alpha_M(0.0)
    if not temperature < 1 - 1e-3:
        return NAN
    return _end(temperature, diagonal == "kept")[1]


def overlap(load: float, temperature: float, diagonal: str) -> float:
    """Return m of the retrieval state of Little's network, see above; NaN beyond alpha_M."""
    if temperature == 0:
        return hopfield.overlap(load, 0.0)
    if not (temperature < 1 - 1e-3 and load > 0):
        return NAN
    kept = diagonal == "kept"
    width, top = _end(temperature, kept)
    if load > top:
        return NAN

    def excess(w: float) -> float:
        return _state(w, temperature, kept)[1] / load - 1

    low = width * math.sqrt(load / top) / 2
    while excess(low) > 0:
        low /= 2
    if excess(width) <= 0:
        return _state(width, temperature, kept)[0]
    found = float(brentq(excess, low, width, xtol=1e-300, rtol=1e-13))
    return _state(found, temperature, kept)[0]
