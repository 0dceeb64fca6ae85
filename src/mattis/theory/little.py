"""Retrieval with all sites updated at once (Little), from the two-layer form of Peretto's energy.

With S and S' the states before and after a step, t = <S S'>, b = 1/T, h = m + sqrt(alpha r) z:

    m = E tanh(2bh)/(1 + p),   q = E [tanh(2bh)/(1 + p)]^2,   t = E (1 - p)/(1 + p),   p = e^{-2bG}/cosh(2bh),
    D = 1 - b(1 + t - 2q),   r = q/D^2,   G = (alpha/2) [1/D + 1/(1 + b(1 - t))] - alpha,

without the last term where the diagonal J_ii = alpha is kept. P. Peretto, Biol. Cybern. 50, 51 (1984) for the
energy; the saddle point is derived for this project (no literature value; agrees with simulations). At T -> 0
p vanishes, and it is that of D. J. Amit, H. Gutfreund and H. Sompolinsky (1987) at T/2, for either diagonal.
The width w = sqrt(alpha r) is the parameter, as in `hopfield`: alpha = (w D)^2/q, which rises to alpha_M and
falls again. Unknown are m, C = b(1 - q) and X = b(1 - t), which stay finite at T -> 0: D = 1 - 2C + X.

All places are solved at once, by Newton's method in (m, C, X) at each width, and in the width.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from mattis.theory import hopfield, saddles
from mattis.theory.numerics.arrays import NAN, Array, Elementwise
from mattis.theory.numerics.quadrature import averages, normal
from mattis.theory.numerics.roots import Indices, roots, widths_at

LITTLE_NEAR_ONE = 1e-3  # within this of T = 1 the retrieval state (load < 4e-7) is not resolved
COLD = 1e-9  # below, p = 0 to all digits that m has
LAYER_RESIDUAL = 1e-11
"""Largest residual of the three equations at a state."""

MOST_LAYER_STEPS = 25
"""Steps of Newton's method in (m, C, X)."""

LAYER_PLACES_AT_ONCE = 128
"""Places whose nodes are evaluated together: 0.3 MB an array."""

AFTER, BEFORE = [1, 2, 0], [2, 0, 1]
"""Components of a cross product of three."""

END_WIDTHS = 9
"""Widths among which the end of the retrieval state is looked for at first."""


class Layers(NamedTuple):
    """States of the two layers at many (width, temperature): arrays (K,), NaN where there is none."""

    overlap: Array
    """m."""
    susceptibility: Array
    """C = (1 - q)/T."""
    correlation: Array
    """X = (1 - t)/T."""

    def gap(self) -> Array:
        """Return D = 1 - 2C + X."""
        return np.asarray(1 - 2 * self.susceptibility + self.correlation)

    def root_load(self, width: Array, temperature: Array) -> Array:
        """Return sqrt(alpha) = w D/sqrt(q)."""
        return np.asarray(width * self.gap() / np.sqrt(1 - temperature * self.susceptibility))


@Elementwise
def overlap(load: Array, temperature: Array, diagonal: str) -> Array:
    """Return m of the retrieval state of Little's network, see above; NaN beyond alpha_M."""
    warm = np.minimum(_at(load, temperature, diagonal).overlap, 1.0)
    return _with_cold(warm, hopfield.overlap.over, temperature, load)


@Elementwise
def edwards_anderson(load: Array, temperature: Array, diagonal: str) -> Array:
    """Return q, the mean square of the magnetisations in Little's network, see above; NaN beyond alpha_M."""
    warm = 1 - temperature * _at(load, temperature, diagonal).susceptibility
    return _with_cold(warm, hopfield.edwards_anderson.over, temperature, load)


@Elementwise
def persistence(load: Array, temperature: Array, diagonal: str) -> Array:
    """Return t = <S S'>, how alike two successive states of Little's network are; NaN beyond alpha_M.

    t = E (1 - p)/(1 + p), see above; 1 at T = 0.
    """

    def cold(load: Array, heat: Array) -> Array:
        return np.where(load <= hopfield.alpha_M.over(heat), 1.0, NAN)

    warm = 1 - temperature * _at(load, temperature, diagonal).correlation
    return _with_cold(warm, cold, temperature, load)


@Elementwise
def alpha_M(temperature: Array, diagonal: str) -> Array:
    """Return the largest load with a retrieval state; diagonal "zero", or "kept" (J_ii = alpha)."""
    warm = np.full(temperature.size, NAN)
    some = (temperature >= COLD) & (temperature < 1 - LITTLE_NEAR_ONE)
    warm[some] = ends(temperature[some], diagonal)[1] ** 2
    return _with_cold(warm, hopfield.alpha_M.over, temperature)


def _with_cold(warm: Array, cold: Callable[..., Array], temperature: Array, *at: Array) -> Array:
    """Return `warm`, but below `COLD` what one site after the other has at half the temperature."""
    some = temperature < COLD
    if some.any():
        warm[some] = cold(*(each[some] for each in at), temperature[some] / 2)
    return warm


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


def _at(load: Array, temperature: Array, diagonal: str) -> Layers:
    """Return the retrieval states at T > 0; NaN where there is none."""
    out = np.full((3, load.size), NAN)
    at = np.flatnonzero((temperature >= COLD) & (temperature < 1 - LITTLE_NEAR_ONE) & (load > 0))
    heats, which = np.unique(temperature[at], return_inverse=True)
    end, most = ends(heats, diagonal)
    inside = np.sqrt(load[at]) <= most[which]
    at, which = at[inside], which[inside]
    heat, root = temperature[at], np.sqrt(load[at])
    near = _starts(end[which] * (root / most[which]), heat)

    def branch(width: Array, some: Indices) -> tuple[Array, Array]:
        here = states(width, heat[some], diagonal, near[:, some])
        near[:, some] = here
        return here.root_load(width, heat[some]), growth(width, heat[some], diagonal, here)

    widths_at(branch, root, most[which], end[which])
    out[:, at] = near
    return Layers(*out)


def ends(temperature: Array, diagonal: str) -> tuple[Array, Array]:
    """Return width and sqrt(load) where the load of the retrieval state is largest, 0 < T < 1."""
    return _ends(tuple(temperature.tolist()), diagonal)


@lru_cache(maxsize=64)
def _ends(heats: tuple[float, ...], diagonal: str) -> tuple[Array, Array]:
    """Return `ends`, which a line of one temperature asks for again and again."""
    heat = np.array(heats, np.float64)
    grid = saddles.spinodals(heat).width * np.linspace(0.5, 1.7, END_WIDTHS)[:, None]
    found = states(grid.ravel(), np.tile(heat, END_WIDTHS), diagonal)
    loads = found.root_load(grid.ravel(), np.tile(heat, END_WIDTHS)).reshape(grid.shape)
    best = np.argmax(np.where(np.isfinite(loads), loads, 0.0), axis=0)
    known = np.array(found).reshape(3, END_WIDTHS, -1)[:, best, np.arange(heat.size)]
    low, high = (
        np.take_along_axis(grid, np.clip(best + step, 0, END_WIDTHS - 1)[None], 0)[0] for step in (-1, 1)
    )

    def slope(width: Array, at: Indices) -> Array:
        here = states(width, heat[at], diagonal, known[:, at])
        rate = growth(width, heat[at], diagonal, here)
        return np.where(np.isfinite(rate), rate, -1.0)  # no state: beyond the end

    width = roots(slope, low, high)
    return width, states(width, heat, diagonal, known).root_load(width, heat)


def states(width: Array, temperature: Array, diagonal: str, near: Array | None = None) -> Layers:
    """Return the retrieval states at given widths; NaN where there is none.

    Newton's method from `near`, (3, K), then from the state of one site after the other (G = 0), which is
    near as well, then from p = 0.
    """
    out = np.full((3, width.size), NAN)
    at = np.arange(width.size)
    starts = [_starts, _cold_starts]
    if near is not None:
        starts.insert(0, lambda *_: near)  # all of them are to be found at first
    for start in starts:
        if at.size:
            found, good = _newton(start(width[at], temperature[at]), width[at], temperature[at], diagonal)
            out[:, at[good]] = found[:, good]
            at = at[~good]
    return Layers(*out)


def _starts(width: Array, temperature: Array) -> Array:
    """Return m, C and X of the state of one site after the other, (3, K)."""
    m, _ = saddles.solve_overlaps(width, temperature)
    return np.asarray(_averages(m, width, temperature, np.zeros_like(m))[0])


def _cold_starts(width: Array, temperature: Array) -> Array:
    """Return m, C and X without p, (3, K)."""
    m, _ = saddles.solve_overlaps(width, temperature / 2)
    return np.asarray(_averages(m, width, temperature, 20 * temperature)[0])


def _newton(start: Array, width: Array, temperature: Array, diagonal: str) -> tuple[Array, NDArray[np.bool_]]:
    """Return where Newton's method leads from (m, C, X), (3, K), and where that is a state."""
    x, good = start.copy(), np.zeros(width.size, bool)
    last = np.zeros(width.size, bool)
    at = np.arange(width.size)
    with np.errstate(all="ignore"):
        for _ in range(MOST_LAYER_STEPS):
            residual, jacobian, _ = _equations(x[:, at], width[at], temperature[at], diagonal)
            worst = abs(residual).max(axis=0)
            state = (worst < LAYER_RESIDUAL) & (x[0, at] > 1e-6) & (Layers(*x[:, at]).gap() > 0)
            good[at] = state
            more = np.isfinite(worst) & ~(last[at] & state)
            step = np.full((3, at.size), NAN)
            step[:, more] = _solved(jacobian[..., more], -residual[:, more])
            last[at] = abs(step).max(axis=0) < 1e-7
            at, step = at[more], step[:, more]
            if not at.size:
                break
            x[:, at] += step
    return x, good


def _solved(jacobian: Array, right: Array) -> Array:
    """Return the solutions of three linear equations at each place, (3, 3, K) and (3, K) -> (3, K)."""
    a, b, c = np.moveaxis(jacobian, 1, 0)
    bc, ca, ab = (p[AFTER] * q[BEFORE] - p[BEFORE] * q[AFTER] for p, q in ((b, c), (c, a), (a, b)))
    whole = (a * bc).sum(axis=0)
    return np.asarray(np.array([(right * each).sum(axis=0) for each in (bc, ca, ab)]) / whole)


def growth(width: Array, temperature: Array, diagonal: str, state: Layers) -> Array:
    """Return d ln sqrt(alpha)/d ln w along the branch."""
    with np.errstate(all="ignore"):
        _, jacobian, by_width = _equations(np.array(state), width, temperature, diagonal)
        _, d_slope, d_other = _solved(jacobian, -by_width)
        square = 1 - temperature * state.susceptibility
        d_gap = d_other - 2 * d_slope
        return np.asarray(1 + width * (d_gap / state.gap() + temperature * d_slope / (2 * square)))


def _equations(x: Array, width: Array, temperature: Array, diagonal: str) -> tuple[Array, Array, Array]:
    """Return the residuals at (m, C, X), (3, K), their derivatives by these, (3, 3, K), and by the width."""
    state = Layers(*x)
    gap, other = state.gap(), 1 + state.correlation
    square = 1 - temperature * state.susceptibility
    load = (width * gap) ** 2 / square
    share = (1 / gap + 1 / other) / 2 - (diagonal != "kept")
    field = load * share  # G
    by_slope = field * (temperature / square - 4 / gap) + load / gap**2
    by_other = field * 2 / gap - load * (1 / gap**2 + 1 / other**2) / 2
    found, by_mean, by_width, by_field = _averages(state.overlap, width, temperature, field)
    jacobian = np.stack([by_mean, by_field * by_slope, by_field * by_other], axis=1)
    jacobian -= np.eye(3)[..., None]
    return found - x, jacobian, by_width + by_field * (2 * field / width)


def _averages(m: Array, width: Array, temperature: Array, field: Array) -> Array:
    """Return m, C and X that follow from h = m + width z and the field G, and their derivatives: (4, 3, K).

    The derivatives are those by m, by the width, and by G.
    """
    given = (m, width, temperature, field)
    parts = [
        _some_averages(*(each[first : first + LAYER_PLACES_AT_ONCE] for each in given))
        for first in range(0, m.size, LAYER_PLACES_AT_ONCE)
    ]
    return np.concatenate([*parts, np.empty((4, 3, 0))], axis=2)


def _some_averages(m: Array, width: Array, temperature: Array, field: Array) -> Array:
    """Return `_averages` of a few places.

    Without p these are the averages of one layer at T/2. The terms in p matter for |2bh| < 40 - 2bG; there
    the trapezoidal step resolves tanh(2bh), whose poles are pi T/(4 w) away.
    """
    one, none = averages(m, width, temperature / 2), np.zeros_like(m)
    half = 2 * width
    alone = np.array([
        [one.mean, one.slope / 2, none], [one.slope, one.curve / half, none],
        [one.curve, one.third / half, none], [none, none, none],
    ])  # fmt: skip
    z, weight, owner = _nodes(m, width, temperature, field)
    heat = temperature[owner]
    u = 2 * (m[owner] + width[owner] * z) / heat
    size = np.abs(u)
    p = 2 * np.exp(np.minimum(-2 * field[owner] / heat - size, 700.0)) / (1 + np.exp(-2 * size))
    lost, kept, tanh = p / (1 + p), 1 / (1 + p), np.tanh(u)
    sech2 = (1 - tanh) * (1 + tanh)
    both, turns = lost * kept, lost * (1 + kept)  # 2L - L^2
    values = [-tanh * lost, tanh * tanh * turns / heat, 2 * lost / heat]
    by_u = [
        -sech2 * lost + tanh * tanh * both,
        2 * tanh * (sech2 * turns - tanh * tanh * kept * both) / heat,
        -2 * tanh * both / heat,
    ]
    by_field = [tanh * both, -2 * tanh * tanh * kept * both / heat, -2 * both / heat]
    rows = [
        values, [2 / heat * each for each in by_u], [2 * z / heat * each for each in by_u],
        [2 / heat * each for each in by_field],
    ]  # fmt: skip
    lost_parts = [[np.bincount(owner, weight * each, m.size) for each in row] for row in rows]
    return np.asarray(alone + np.array(lost_parts), np.float64)


def _nodes(m: Array, width: Array, temperature: Array, field: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return the nodes z of the terms in p, their weights, and the place of each."""
    scale = temperature / width
    reach = (20 + np.maximum(0.0, -field / temperature)) * scale
    low, high = np.maximum(-9.0, -m / width - reach), np.minimum(9.0, -m / width + reach)
    length = np.where(low < high, high - low, 0.0)
    count = np.where(low < high, 2 + (length / np.minimum(0.2, 0.12 * scale)), 0.0).astype(np.intp)
    owner = np.repeat(np.arange(m.size), count)
    k = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    step = (length / np.maximum(count - 1, 1))[owner]
    z = low[owner] + k * step
    return z, step * normal(z), owner
