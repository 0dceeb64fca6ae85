"""Theory point by point, in plain numbers with a bracket for each unknown: what arrays must agree with.

The equations are those of `mattis.theory`: analog, dense, drift, little.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, root
from scipy.special import ndtr

from mattis.theory import dense, hopfield
from mattis.theory.analog import ANALOG_NEAR_ONE, PANEL_NODES, TANH_RANGE
from mattis.theory.drift import Clamping
from mattis.theory.little import LITTLE_NEAR_ONE
from mattis.theory.numerics.arrays import GAUSS_RANGE, NAN, Array
from mattis.theory.numerics.quadrature import normal, spin_averages
from mattis.theory.numerics.roots import peak
from mattis.theory.saddles import spinodals


class Response(NamedTuple):
    """Averages of Y(m + s z) over z normal."""

    mean: float
    """E Y."""
    slope: float
    """U = E zY/s = d E Y/dm."""
    square: float
    """E Y^2."""


class AnalogState(NamedTuple):
    """The retrieval state at one width s of the noise."""

    overlap: float
    load: float
    reaction: float
    """Gam, the strength with which a neuron's activity returns to it."""
    averages: Response


def analog_overlap(beta: float, load: float, diagonal: str) -> float:
    """Return the overlap m = E Y of the retrieval state, Y = tanh(beta (m + sqrt(alpha r) z + Gam Y)).

    Shiino & Fukai (1992); tends to m = tanh(beta m) as the load vanishes. NaN where only m = 0 is left:
    for beta <= 1, and beyond a load that depends on beta. Maxwell's rule where beta Gam > 1.
    """
    if not beta > 1 + ANALOG_NEAR_ONE:
        return NAN
    end, most = analog_end(beta, diagonal)
    if not 0 < load <= most:
        return NAN

    def excess(width: float) -> float:
        return math.sqrt(at_width(width, beta, diagonal).load / load) - 1 if width > 0 else -1.0

    width = end if excess(end) <= 0 else _root(excess, 0.0, end)
    return at_width(width, beta, diagonal).overlap


def at_width(width: float, beta: float, diagonal: str) -> AnalogState:
    """Return the state with m > 0 whose noise has the width s = sqrt(alpha r); alpha = s^2 (1 - U)^2/q."""
    has_diagonal = diagonal == "kept"

    def excess(reaction: float) -> float:
        a = solve_overlap(width, reaction, beta)[1]
        return width * width * (1 - a.slope) * (1.0 if has_diagonal else a.slope) / a.square - reaction

    high = width * width / solve_overlap(width, 0.0, beta)[1].square  # q rises with the reaction
    reaction = _root(excess, 0.0, high) if excess(high) < 0 else high
    m, a = solve_overlap(width, reaction, beta)
    return AnalogState(m, (width * (1 - a.slope)) ** 2 / a.square, reaction, a)


def solve_overlap(width: float, reaction: float, beta: float) -> tuple[float, Response]:
    """Return the root m > 0 of m = E Y at given s and Gam, and the averages there.

    Newton's method falls onto it monotonically from above, from the overlap without noise (E Y <= Y(m)).
    """
    m = math.tanh(_jump(beta * (1 + reaction)))
    while True:
        averages = respond(m, width, reaction, beta)
        step = (m - averages.mean) / (1 - averages.slope)
        if not step > 1e-15 * m:
            return m, averages
        m -= step


def respond(mean: float, width: float, reaction: float, beta: float) -> Response:
    """Return E Y, U and E Y^2 of Y = tanh(beta (mean + width z + reaction Y)), the jump by Maxwell's rule.

    With Y = tanh t, z(t) = (t/beta - Gam tanh t - mean)/width needs no root. By parts,
    E Y = 1 - int Phi(z) dY, U = int phi(z) dY/width, E Y^2 = 1 - int Phi(z) dY^2; the jump is a mass of dY.
    """
    jump = _jump(beta * reaction)
    middle, reach = beta * mean, beta * (GAUSS_RANGE * width + reaction)
    low, high = _clipped(middle - reach), _clipped(middle + reach)
    longest = min(1.0, beta * width)
    t, weight = _rule(low, high, jump, longest)
    y = np.tanh(t)
    dy = weight * (1 - y) * (1 + y)
    z = (t / beta - reaction * y - mean) / width
    below, step = ndtr(z), 2 * math.tanh(jump)
    edge = float(ndtr(-mean / width))
    density = math.exp(-((mean / width) ** 2) / 2) / math.sqrt(2 * math.pi)
    top = math.tanh(high)
    return Response(
        mean=top - float(below @ dy) - step * edge,
        slope=(float(normal(z) @ dy) + step * density) / width,
        square=top * top - 2 * float((below * y) @ dy),
    )


def _clipped(t: float) -> float:
    return max(-TANH_RANGE, min(TANH_RANGE, t))


def _jump(gain: float) -> float:
    """Return the root t > 0 of t = gain tanh t, 0 for gain <= 1: Newton's method from above."""
    if gain <= 1:
        return 0.0
    t = gain
    while True:
        y = math.tanh(t)
        slope = 1 - gain * (1 - y) * (1 + y)
        if slope <= 0:
            return t
        step = (t - gain * y) / slope
        if not step > 1e-15 * t:
            return t
        t -= step


@lru_cache(maxsize=1)
def _panel() -> tuple[Array, Array]:
    """Return the rule of Gauss and Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(PANEL_NODES)
    return (1 + nodes) / 2, weights / 2


def _rule(low: float, high: float, jump: float, longest: float) -> tuple[Array, Array]:
    """Return nodes and weights on [low, high] without (-jump, jump), in panels no longer than `longest`."""
    nodes, weights = _panel()
    t: list[Array] = []
    weight: list[Array] = []
    for start, stop in ((low, min(high, -jump)), (max(low, jump), high)):
        if stop > start:
            edges = np.linspace(start, stop, 1 + math.ceil((stop - start) / longest))
            t.append((edges[:-1, None] + (edges[1] - edges[0]) * nodes).ravel())
            weight.append(np.tile((edges[1] - edges[0]) * weights, len(edges) - 1))
    return np.concatenate([*t, np.empty(0)]), np.concatenate([*weight, np.empty(0)])


@lru_cache(maxsize=256)
def analog_end(beta: float, diagonal: str) -> tuple[float, float]:
    """Return the width and the load where the retrieval state ends: the largest load along m > 0."""
    edge = hopfield.branch_end(1 / beta)  # where m vanishes, without reaction

    def load_of(width: float) -> float:
        return at_width(width, beta, diagonal).load

    width = peak(load_of, 0.2 * edge, 0.98 * edge)
    return width, load_of(width)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the bracketed root of `function` to about 1e-14 relative."""
    return float(brentq(function, low, high, xtol=1e-300, rtol=1e-14))


def dense_overlap(degree: float, load: float, indices: str) -> float:
    """Return the overlap m = erf u of the retrieval state, u sqrt(2 k alpha) = erf(u)^{n-1}, the largest u.

    alpha = P/N^{n-1}. Krotov & Hopfield (2016) for `full`, Gardner (1987) for `distinct`; the Hopfield
    network (AGS 1987, T = 0) at n = 2. NaN beyond alpha_c, near which simulations from the pattern lie above.
    """
    n = int(degree)
    if not 0 < load <= dense.alpha_c(degree, indices):
        return NAN
    scale = math.sqrt(2 * dense._noise(n, indices)) * math.sqrt(load)

    def excess(u: float) -> float:
        return math.erf(u) ** (n - 1) / (u * scale) - 1

    end, high = dense._end(n), 1.01 / scale  # erf u <= 1
    if excess(end) <= 0:  # the end itself, to rounding
        return math.erf(end)
    return math.erf(brentq(excess, end, high, xtol=1e-300, rtol=1e-14))


def mean_cosines(clamping: Clamping, steps: int) -> Array:
    """Return the cosines of one course, step by step: Xi_mu += sum_nu p_nu w_mu(nu) (xi'_nu - Xi_mu)/tau."""
    rows, gram = len(clamping.probabilities), clamping.gram
    parts, one = np.eye(rows, 2 * rows), np.eye(rows, 2 * rows, rows)
    for _ in range(steps):
        fields = np.exp(clamping.beta * (parts @ gram[:, rows:]))
        rates = fields / fields.sum(axis=0) * clamping.probabilities / clamping.tau
        parts = parts + rates @ one - rates.sum(1)[:, None] * parts
    along = np.diagonal(parts @ gram[:, rows:])
    lengths = np.einsum("mi,ij,mj->m", parts, gram, parts)
    return np.asarray(along / np.sqrt(lengths * np.diagonal(gram)[rows:]))


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


def layer_averages(m: float, width: float, temperature: float, field: float) -> LayerState:
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


def layer_excess(x: Array, width: float, temperature: float, diagonal: bool) -> list[float]:
    """Return the residuals of the three equations at x = (m, C, X)."""
    state = LayerState(*(float(value) for value in x))
    averages = layer_averages(state.overlap, width, temperature, state.field(width, temperature, diagonal))
    return [a - b for a, b in zip(averages, state, strict=True)]


@lru_cache(maxsize=4096)
def layer_state(width: float, temperature: float, diagonal: bool) -> LayerState | None:
    """Return the retrieval state at a width; None where there is none.

    Newton's method from the state of one site after the other (G = 0), which is near; then from p = 0.
    """
    for m, field in (
        (hopfield.solve_overlap(width, temperature)[0], 0.0),
        (hopfield.solve_overlap(width, temperature / 2)[0], 20 * temperature),
    ):
        start = np.array(layer_averages(m, width, temperature, field))
        solution = root(layer_excess, start, (width, temperature, diagonal), tol=1e-14)
        worst = max(map(abs, layer_excess(solution.x, width, temperature, diagonal)))
        state = LayerState(*(float(value) for value in solution.x))
        if worst < 1e-11 and state.overlap > 1e-6 and state.gap() > 0:
            return state
    return None


def layer_load(width: float, temperature: float, diagonal: bool) -> float:
    """Return the load of the retrieval state at a width; 0 where there is none."""
    state = layer_state(width, temperature, diagonal)
    return state.load(width, temperature) if state else 0.0


@lru_cache(maxsize=512)
def layer_end(temperature: float, diagonal: bool) -> tuple[float, float]:
    """Return (width, load) where the load of the retrieval state is largest."""
    near = float(spinodals(np.array([temperature])).width[0])
    grid = near * np.linspace(0.5, 1.7, 25)
    best = int(np.argmax([layer_load(float(w), temperature, diagonal) for w in grid]))
    bounds = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 24)])
    width = peak(lambda w: layer_load(w, temperature, diagonal), *bounds)
    return width, layer_load(width, temperature, diagonal)


@lru_cache(maxsize=64)
def layer_at(load: float, temperature: float, has_diagonal: bool) -> LayerState:
    """Return the retrieval state at a load; all NaN where there is none."""
    nothing = LayerState(NAN, NAN, NAN)
    if not (temperature < 1 - LITTLE_NEAR_ONE and load > 0):
        return nothing
    end, top = layer_end(temperature, has_diagonal)
    if load > top:
        return nothing

    def excess(width: float) -> float:
        return math.sqrt(layer_load(width, temperature, has_diagonal) / load) - 1

    low, width = end * math.sqrt(load / top) / 2, end
    while excess(low) > 0:
        low /= 2
    if excess(end) > 0:
        width = float(brentq(excess, low, end, xtol=1e-300, rtol=1e-13))
    return layer_state(width, temperature, has_diagonal) or nothing
