"""Retrieval with all sites updated at once (Little), from the two-layer form of Peretto's energy.

With S and S' the states before and after a step, t = <S S'>, b = 1/T, h = m + sqrt(alpha r) z:

    m = E tanh(2bh)/(1 + p),   q = E [tanh(2bh)/(1 + p)]^2,   t = E (1 - p)/(1 + p),   p = e^{-2bG}/cosh(2bh),
    D = 1 - b(1 + t - 2q),   r = q/D^2,   G = (alpha/2) [1/D + 1/(1 + b(1 - t))] - alpha,

without the last term where the diagonal J_ii = alpha is kept. P. Peretto, Biol. Cybern. 50, 51 (1984) for the
energy; the saddle point is derived for this project (no literature value; agrees with simulations). At T -> 0
p vanishes, and it is that of D. J. Amit, H. Gutfreund and H. Sompolinsky (1987) at T/2, for either diagonal.
The width w = sqrt(alpha r) is the parameter, as in `hopfield`: alpha = (w D)^2/q, which rises to alpha_M and
falls again. Unknown are m, C = b(1 - q) and X = b(1 - t), which stay finite at T -> 0: D = 1 - 2C + X.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, root

from mattis.theory import hopfield
from mattis.theory.numerics.arrays import NAN, Array
from mattis.theory.numerics.peaks import peak
from mattis.theory.numerics.quadrature import normal, spin_averages

LITTLE_NEAR_ONE = 1e-3  # within this of T = 1 the retrieval state (load < 4e-7) is not resolved
COLD = 1e-9  # below, p = 0 to all digits that m has


class LayerState(NamedTuple):
    """A state of the two layers at (width, temperature): m, C = (1 - q)/T, X = (1 - t)/T."""

    overlap: float
    susceptibility: float
    correlation: float

    def gap(self) -> float:
        """Return D = 1 - 2C + X."""
        return 1 - 2 * self.susceptibility + self.correlation

    def load(self, width: float, temperature: float) -> float:
        """Return alpha = (w D)^2/q."""
        return (width * self.gap()) ** 2 / (1 - temperature * self.susceptibility)

    def field(self, width: float, temperature: float, diagonal: bool) -> float:
        """Return G."""
        load = self.load(width, temperature)
        field = load / 2 * (1 / self.gap() + 1 / (1 + self.correlation))
        return field if diagonal else field - load


def _averages(m: float, width: float, temperature: float, field: float) -> LayerState:
    """Return m, C and X that follow from h = m + width z and the field G.

    Without p these are the averages of one layer at T/2. The terms in p matter for |2bh| < 40 - 2bG; there
    the trapezoidal step resolves tanh(2bh), whose poles are pi T/(4 w) away.
    """
    one = spin_averages(m, width, temperature / 2)
    scale = temperature / width
    reach = (20 + max(0.0, -field / temperature)) * scale
    low, high = max(-9.0, -m / width - reach), min(9.0, -m / width + reach)
    if low >= high:
        return LayerState(one.mean, one.slope / 2, 0.0)
    z = np.linspace(low, high, 2 + int((high - low) / min(0.2, 0.12 * scale)))
    weight = (z[1] - z[0]) * normal(z)
    u = 2 * (m + width * z) / temperature
    size = np.abs(u)
    p = 2 * np.exp(np.minimum(-2 * field / temperature - size, 700.0)) / (1 + np.exp(-2 * size))
    lost = weight * p / (1 + p)
    tanh = np.tanh(u)
    squares = float(lost @ (tanh**2 * (2 + p) / (1 + p)))
    return LayerState(
        one.mean - float(lost @ tanh),
        one.slope / 2 + squares / temperature,
        2 * float(lost.sum()) / temperature,
    )


def _excess(x: Array, width: float, temperature: float, diagonal: bool) -> list[float]:
    """Return the residuals of the three equations at x = (m, C, X)."""
    state = LayerState(*(float(value) for value in x))
    averages = _averages(
        state.overlap, width, temperature, state.field(width, temperature, diagonal)
    )
    return [a - b for a, b in zip(averages, state, strict=True)]


@lru_cache(maxsize=4096)
def _state(width: float, temperature: float, diagonal: bool) -> LayerState | None:
    """Return the retrieval state at a width; None where there is none.

    Newton's method from the state of one site after the other (G = 0), which is near; then from p = 0.
    """
    for m, field in (
        (hopfield.solve_overlap(width, temperature)[0], 0.0),
        (hopfield.solve_overlap(width, temperature / 2)[0], 20 * temperature),
    ):
        start = np.array(_averages(m, width, temperature, field))
        solution = root(_excess, start, (width, temperature, diagonal), tol=1e-14)
        worst = max(map(abs, _excess(solution.x, width, temperature, diagonal)))
        state = LayerState(*(float(value) for value in solution.x))
        if worst < 1e-11 and state.overlap > 1e-6 and state.gap() > 0:
            return state
    return None


def _load(width: float, temperature: float, diagonal: bool) -> float:
    """Return the load of the retrieval state at a width; 0 where there is none."""
    state = _state(width, temperature, diagonal)
    return state.load(width, temperature) if state else 0.0


@lru_cache(maxsize=512)
def _end(temperature: float, diagonal: bool) -> tuple[float, float]:
    """Return (width, load) where the load of the retrieval state is largest."""
    near = hopfield.spinodal(temperature).width
    grid = near * np.linspace(0.5, 1.7, 25)
    best = int(np.argmax([_load(float(w), temperature, diagonal) for w in grid]))
    bounds = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 24)])
    width = peak(lambda w: _load(w, temperature, diagonal), *bounds)
    return width, _load(width, temperature, diagonal)


def alpha_M(temperature: float, diagonal: str) -> float:
    """Return the largest load with a retrieval state; diagonal "zero", or "kept" (J_ii = alpha)."""
    if temperature < COLD:
        return hopfield.alpha_M(temperature / 2)
    if not temperature < 1 - LITTLE_NEAR_ONE:
        return NAN
    return _end(temperature, diagonal == "kept")[1]


def overlap(load: float, temperature: float, diagonal: str) -> float:
    """Return m of the retrieval state of Little's network, see above; NaN beyond alpha_M."""
    if temperature < COLD:
        return hopfield.overlap(load, temperature / 2)
    return min(_at(load, temperature, diagonal == "kept").overlap, 1.0)


def edwards_anderson(load: float, temperature: float, diagonal: str) -> float:
    """Return q, the mean square of the magnetisations in Little's network, see above; NaN beyond alpha_M."""
    if temperature < COLD:
        return hopfield.edwards_anderson(load, temperature / 2)
    return 1 - temperature * _at(load, temperature, diagonal == "kept").susceptibility


def persistence(load: float, temperature: float, diagonal: str) -> float:
    """Return t = <S S'>, how alike two successive states of Little's network are; NaN beyond alpha_M.

    t = E (1 - p)/(1 + p), see above; 1 at T = 0.
    """
    if temperature < COLD:
        return 1.0 if load <= hopfield.alpha_M(temperature / 2) else NAN
    return 1 - temperature * _at(load, temperature, diagonal == "kept").correlation


def T_g(load: float, diagonal: str) -> float:
    """Return the temperature at which the spin glass of Little's network freezes out of the paramagnet.

    At m = 0 and small q, q = [b(1 + t)]^2 alpha q/D^2 with D = 1 - b(1 + t): b(1 + t) = 1/(1 + sqrt(alpha)).
    There h = 0 and t = tanh(bG), G = (alpha/2) [1/D + 1/(1 + b(1 - t))] - alpha, without the last term where
    J_ii = alpha is kept. Derived for this project from the saddle point above.
    """
    root_load = math.sqrt(load)
    u = 1 / (1 + root_load)

    def excess(temperature: float) -> float:
        """Return tanh(bG) - t, t = uT - 1."""
        other = 1 / (1 + 2 / temperature - u)
        field = (root_load * (1 + root_load) + load * other) / 2 - (diagonal != "kept") * load
        return math.tanh(field / temperature) - (u * temperature - 1)

    return float(brentq(excess, 1 / u, 2 / u, xtol=1e-300, rtol=1e-14))


@lru_cache(maxsize=64)
def _at(load: float, temperature: float, has_diagonal: bool) -> LayerState:
    """Return the retrieval state at a load; all NaN where there is none."""
    nothing = LayerState(NAN, NAN, NAN)
    if not (temperature < 1 - LITTLE_NEAR_ONE and load > 0):
        return nothing
    end, top = _end(temperature, has_diagonal)
    if load > top:
        return nothing

    def excess(width: float) -> float:
        return math.sqrt(_load(width, temperature, has_diagonal) / load) - 1

    low, width = end * math.sqrt(load / top) / 2, end
    while excess(low) > 0:
        low /= 2
    if excess(end) > 0:
        width = float(brentq(excess, low, end, xtol=1e-300, rtol=1e-13))
    return _state(width, temperature, has_diagonal) or nothing
