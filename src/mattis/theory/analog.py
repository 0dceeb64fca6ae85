"""Retrieval by analog neurons, x = tanh(beta J x) with Hebbian J: self-consistent signal and noise.

J = XiᵀXi/N, load alpha = P/N; `kept`: J_ii = alpha, `zero`: J_ii = 0. The field of a neuron on the pattern
is h = m + s z, z normal, and its own activity returns to it with strength Gam:

    Y = tanh(beta (h + Gam Y)),   m = E Y,   U = E zY/s,   q = E Y^2,   s^2 = alpha r,   r = q/(1 - U)^2,
    Gam = alpha/(1 - U) (kept), alpha U/(1 - U) (zero).

Where beta Gam > 1, Y has three roots; by Maxwell's rule of equal areas it has the sign of h, and jumps from
-Y0 to Y0, Y0 = tanh(beta Gam Y0). There m is about 2e-3 below simulations from the pattern, which are
hysteretic. At given s and Gam, E Y is concave in m > 0: one root, with U < 1. At given s, Gam is a root on
a bracket, and alpha = s^2 (1 - U)^2/q follows: it rises with s from 0 to its maximum, where the retrieval
state ends.

All places are solved at once, by Newton's method in (m, Gam) at each s, and in s. Every place is solved by
itself: its bits depend on no other.

M. Shiino and T. Fukai, J. Phys. A 25, L375 (1992); Phys. Rev. E 48, 867 (1993). beta -> inf is AGS at T = 0.
Residuals are below 1e-12. NaN where the state is gone.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mattis.theory.numerics.arrays import GAUSS_RANGE, NAN, Array, Elementwise
from mattis.theory.numerics.quadrature import normal
from mattis.theory.numerics.roots import Indices, roots, widths_at
from mattis.theory.saddles import branch_ends

TANH_RANGE = 20.0  # sech^2(20) = 2e-17
ANALOG_NEAR_ONE = 1e-6  # within this of beta = 1 the state (load < 5e-13) is not resolved
PANEL_NODES = 10  # in a panel of length 1, pi/2 from the nearest pole: good to 1e-16
ANALOG_PLACES_AT_ONCE = 64
"""Places whose panels are evaluated together: 0.2 MB an array."""

FARTHEST_EDGE = 1e100
"""Widths of the noise from which on an edge is as good as infinitely far; its square is a number."""

ALMOST_THERE = 1e-8
"""Relative step of Newton's method whose next one is the last: the error is its square."""

MOST_JOINT_STEPS = 12
"""Steps of Newton's method in (m, Gam) before the bracket is used."""


class Response(NamedTuple):
    """Averages of Y(m + s z) over z normal, and their derivatives: arrays (K,)."""

    mean: Array
    """E Y."""
    slope: Array
    """U = E zY/s = d E Y/dm."""
    square: Array
    """E Y^2."""
    mean_by_width: Array
    mean_by_reaction: Array
    slope_by_mean: Array
    slope_by_width: Array
    slope_by_reaction: Array
    square_by_mean: Array
    square_by_width: Array
    square_by_reaction: Array


class AnalogStates(NamedTuple):
    """Retrieval states at given widths s of the noise: arrays (K,)."""

    overlap: Array
    reaction: Array
    """Gam, the strength with which a neuron's activity returns to it."""
    averages: Response

    def root_load(self, width: Array) -> Array:
        """Return sqrt(alpha) = s (1 - U)/sqrt(q)."""
        return np.asarray(width * (1 - self.averages.slope) / np.sqrt(self.averages.square))


@Elementwise
def overlap(beta: Array, load: Array, diagonal: str) -> Array:
    """Return the overlap m = E Y of the retrieval state, Y = tanh(beta (m + sqrt(alpha r) z + Gam Y)).

    Shiino & Fukai (1992); tends to m = tanh(beta m) as the load vanishes. NaN where only m = 0 is left:
    for beta <= 1, and beyond a load that depends on beta. Maxwell's rule where beta Gam > 1.
    """
    out = np.full(beta.size, NAN)
    at = np.flatnonzero((beta > 1 + ANALOG_NEAR_ONE) & (load > 0))
    gains, which = np.unique(beta[at], return_inverse=True)
    widths, most = ends(gains, diagonal)
    inside = load[at] <= most[which]
    at, which = at[inside], which[inside]
    out[at] = _overlaps(np.sqrt(load[at]), np.sqrt(most[which]), widths[which], beta[at], diagonal)
    return out


def ends(beta: Array, diagonal: str) -> tuple[Array, Array]:
    """Return the widths and the loads where the retrieval states end: the largest load along m > 0."""
    return _ends(tuple(beta.tolist()), diagonal)


@lru_cache(maxsize=64)
def _ends(gains: tuple[float, ...], diagonal: str) -> tuple[Array, Array]:
    """Return `ends`, which a line of one gain asks for again and again."""
    beta = np.array(gains, np.float64)
    edge = branch_ends(1 / beta)  # where m vanishes, without reaction
    near = _noiseless(edge, beta, diagonal)

    def slope(width: Array, at: Indices) -> Array:
        here = states(width, beta[at], diagonal, near[:, at])
        rate = growth(width, diagonal, here)
        near[:, at] = np.where(rate > 0, here[:2], near[:, at])  # from above the overlap falls
        return rate

    width = roots(slope, 0.2 * edge, 0.98 * edge)
    return width, states(width, beta, diagonal, near).root_load(width) ** 2


def _overlaps(root: Array, most: Array, end: Array, beta: Array, diagonal: str) -> Array:
    """Return the overlaps of states with sqrt(alpha) = root, which exist.

    most, end  # sqrt(alpha) and s where the states end
    """
    near = _noiseless(end * (root / most), beta, diagonal)

    def branch(width: Array, at: Indices) -> tuple[Array, Array]:
        here = states(width, beta[at], diagonal, near[:, at])
        near[:, at] = here[:2]
        return here.root_load(width), growth(width, diagonal, here)

    widths_at(branch, root, most, end)
    return np.asarray(near[0])


def growth(width: Array, diagonal: str, state: AnalogStates) -> Array:
    """Return d ln sqrt(alpha)/d ln s along the branch, by the derivatives of m and Gam along it."""
    a = state.averages
    first, second = _jacobian(width, diagonal, a)
    returns, by_slope = _returned(diagonal, a.slope)
    square, area = a.square, width * width
    by_width = (
        2 * width * returns / square
        + area * (by_slope * a.slope_by_width - returns * a.square_by_width / square) / square
    )
    dm, dg = _solved(first, second, -a.mean_by_width, -by_width)
    d_slope = a.slope_by_mean * dm + a.slope_by_reaction * dg + a.slope_by_width
    d_square = a.square_by_mean * dm + a.square_by_reaction * dg + a.square_by_width
    return np.asarray(1 - width * (d_slope / (1 - a.slope) + d_square / (2 * square)))


def states(width: Array, beta: Array, diagonal: str, near: NDArray[np.float64] | None = None) -> AnalogStates:
    """Return the states with m > 0 whose noise has the width s = sqrt(alpha r).

    near  # (2, K): m and Gam to start from; by default those without noise
    """
    if near is None:
        near = _noiseless(width, beta, diagonal)
    m, reaction = np.array(near, np.float64)
    out = np.full((len(Response._fields), width.size), NAN)
    last = np.zeros(width.size, bool)
    at = np.flatnonzero(np.isfinite(width))
    with np.errstate(all="ignore"):
        for _ in range(MOST_JOINT_STEPS):
            a = respond(m[at], width[at], reaction[at], beta[at])
            out[:, at] = a
            returns, _ = _returned(diagonal, a.slope)
            lacks = width[at] ** 2 * returns / a.square - reaction[at]
            dm, dg = _solved(*_jacobian(width[at], diagonal, a), m[at] - a.mean, -lacks)
            more = ~last[at]
            far = abs(dm) + abs(dg) > ALMOST_THERE * m[at]
            at, dm, dg = at[more], dm[more], dg[more]
            last[at] = ~far[more]
            m[at] += dm
            reaction[at] += dg
            if not at.size:
                break
    good = last & (m > 0) & (out[1] < 1) & (reaction >= 0)
    bad = np.flatnonzero(~good & np.isfinite(width))
    if bad.size:
        found = _bracketed(width[bad], beta[bad], diagonal)
        m[bad], reaction[bad], out[:, bad] = found.overlap, found.reaction, found.averages
    return AnalogStates(m, reaction, Response(*out))


def _noiseless(width: Array, beta: Array, diagonal: str) -> NDArray[np.float64]:
    """Return an overlap above that of the state, and Gam without noise."""
    reaction = width * width if diagonal == "kept" else np.zeros_like(width)
    return np.array([np.tanh(_jump(beta * (1 + reaction))), reaction])


def _bracketed(width: Array, beta: Array, diagonal: str) -> AnalogStates:
    """Return the states of `states` by brackets: Gam lies below s^2/q of no reaction, for q rises with it."""
    area = width * width

    def excess(reaction: Array, at: Indices) -> Array:
        a = solve_overlaps(width[at], reaction, beta[at])[1]
        return np.asarray(area[at] * _returned(diagonal, a.slope)[0] / a.square - reaction)

    none = np.zeros_like(width)
    high = area / solve_overlaps(width, none, beta)[1].square
    beyond = excess(high, np.arange(high.size)) >= 0
    reaction = np.where(beyond, high, roots(excess, none, np.where(beyond, NAN, high)))
    m, averages = solve_overlaps(width, reaction, beta)
    return AnalogStates(m, reaction, averages)


def solve_overlaps(width: Array, reaction: Array, beta: Array) -> tuple[Array, Response]:
    """Return the roots m > 0 of m = E Y at given s and Gam, and the averages there.

    Newton's method falls onto them monotonically from above, from the overlap without noise (E Y <= Y(m)).
    """
    m = np.tanh(_jump(beta * (1 + reaction)))
    out = np.full((len(Response._fields), m.size), NAN)
    at = np.arange(m.size)
    while at.size:
        found = respond(m[at], width[at], reaction[at], beta[at])
        out[:, at] = found
        step = (m[at] - found.mean) / (1 - found.slope)
        more = step > 1e-15 * m[at]
        at = at[more]
        m[at] -= step[more]
    return m, Response(*out)


def _returned(diagonal: str, slope: Array) -> tuple[Array, Array]:
    """Return A of Gam = s^2 A/q, and dA/dU: 1 - U, or U (1 - U) without a diagonal."""
    if diagonal == "kept":
        return 1 - slope, -np.ones_like(slope)
    return slope * (1 - slope), 1 - 2 * slope


def _jacobian(width: Array, diagonal: str, a: Response) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return the derivatives of E Y - m and of s^2 A/q - Gam with respect to m and Gam."""
    returns, by_slope = _returned(diagonal, a.slope)
    area = width * width / a.square
    by_mean, by_reaction = (
        area * (by_slope * d_slope - returns * d_square / a.square)
        for d_slope, d_square in (
            (a.slope_by_mean, a.square_by_mean), (a.slope_by_reaction, a.square_by_reaction),
        )
    )  # fmt: skip
    return (a.slope - 1, a.mean_by_reaction), (by_mean, by_reaction - 1)


def _solved(
    first: tuple[Array, Array], second: tuple[Array, Array], right: Array, below: Array
) -> tuple[Array, Array]:
    """Return the solution of two linear equations, at each place."""
    (a, b), (c, d) = first, second
    whole = a * d - b * c
    return (right * d - b * below) / whole, (a * below - right * c) / whole


def respond(mean: Array, width: Array, reaction: Array, beta: Array) -> Response:
    """Return E Y, U and E Y^2 of Y = tanh(beta (mean + width z + reaction Y)), the jump by Maxwell's rule.

    With Y = tanh t, z(t) = (t/beta - Gam tanh t - mean)/width needs no root. By parts,
    E Y = 1 - int Phi(z) dY, U = int phi(z) dY/width, E Y^2 = 1 - int Phi(z) dY^2; the jump is a mass of dY.
    Where it lies moves with Gam, but z is the same at both of its ends: it adds nothing to the derivatives.
    """
    parts = [
        _responses(*(each[first : first + ANALOG_PLACES_AT_ONCE] for each in (mean, width, reaction, beta)))
        for first in range(0, mean.size, ANALOG_PLACES_AT_ONCE)
    ]
    return Response(*np.concatenate([*parts, np.empty((len(Response._fields), 0))], axis=1))


def _responses(mean: Array, width: Array, reaction: Array, beta: Array) -> Array:
    """Return the fields of `respond`, (11, K)."""
    jump = _jump(beta * reaction)
    middle, reach = beta * mean, beta * (GAUSS_RANGE * width + reaction)
    low, high = (np.clip(t, -TANH_RANGE, TANH_RANGE) for t in (middle - reach, middle + reach))
    t, weight, owner = _panels(low, high, jump, np.minimum(1.0, beta * width))
    y = np.tanh(t)
    dy = weight * (1 - y) * (1 + y)
    z = (t / beta[owner, None] - reaction[owner, None] * y - mean[owner, None]) / width[owner, None]
    below, dense = ndtr(z) * dy, normal(z) * dy

    def total(values: Array) -> Array:
        return np.asarray(np.bincount(owner, values.sum(axis=1), mean.size), np.float64)

    top, step = np.tanh(high), 2 * np.tanh(jump)
    edge = np.maximum(-mean / width, -FARTHEST_EDGE)
    density = step * normal(edge)
    flat, tilt, bend = (
        total(dense) + density,
        total(dense * z) + density * edge,
        total(dense * z * z) + density * edge * edge,
    )
    felt = total(dense * y)
    slope = flat / width
    return np.array([
        top - total(below) - step * ndtr(edge), slope, top * top - 2 * total(below * y),
        tilt / width, felt / width,
        tilt / width**2, (bend / width - slope) / width, total(dense * z * y) / width**2,
        2 * felt / width, 2 * total(dense * z * y) / width, 2 * total(dense * y * y) / width,
    ])  # fmt: skip


def _jump(gain: Array) -> Array:
    """Return the roots t > 0 of t = gain tanh t, 0 for gain <= 1: Newton's method from above."""
    t = np.where(gain > 1, gain, 0.0)
    at = np.flatnonzero(gain > 1)
    while at.size:
        y = np.tanh(t[at])
        slope = 1 - gain[at] * (1 - y) * (1 + y)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (t[at] - gain[at] * y) / slope
        more = (slope > 0) & (step > 1e-15 * t[at])
        at = at[more]
        t[at] -= step[more]
    return t


@lru_cache(maxsize=1)
def _panel() -> tuple[Array, Array]:
    """Return the rule of Gauss and Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(PANEL_NODES)
    return (1 + nodes) / 2, weights / 2


def _panels(low: Array, high: Array, jump: Array, longest: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return nodes and weights on [low, high] without (-jump, jump), and the place of each panel.

    A panel is a row of nodes, no longer than `longest`.
    """
    nodes, weights = _panel()
    start = np.concatenate([low, np.maximum(low, jump)])
    length = np.concatenate([np.minimum(high, -jump), high]) - start
    count = np.ceil(np.maximum(length, 0.0) / np.tile(longest, 2)).astype(np.intp)
    of = np.repeat(np.arange(start.size), count)
    panel = np.arange(of.size) - np.repeat(np.cumsum(count) - count, count)
    step = length[of] / count[of]
    t = (start[of] + panel * step)[:, None] + step[:, None] * nodes
    return t, step[:, None] * weights, of % low.size
