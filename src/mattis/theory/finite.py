"""States of finitely many patterns: mixtures, spin glasses, Gaussian patterns, axes, corners of a cube.

D. J. Amit, H. Gutfreund and H. Sompolinsky, Phys. Rev. A 32, 1007 (1985); D. Sherrington and
S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975); J. L. van Hemmen, ibid. 49, 409 (1982); J. P. Provost and
G. Vallee, ibid. 50, 598 (1983); R. Harris, M. Plischke and M. J. Zuckermann, ibid. 31, 160 (1973). An order
parameter that vanishes continuously is 0 above its critical temperature.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erf

from mattis.theory import hopfield
from mattis.theory.numerics.arrays import Array
from mattis.theory.numerics.quadrature import gauss_rule, spin_averages
from mattis.theory.numerics.roots import peak
from mattis.theory.one_step.sherrington_kirkpatrick import sherrington_kirkpatrick_glasses
from mattis.theory.one_step.states import BrokenStates


@lru_cache(maxsize=64)
def _sums(n: int) -> tuple[Array, Array]:
    """Return the |z| of a sum of n signs, n odd, and their probabilities."""
    z = np.arange(1, n + 1, 2)
    weight = np.array([math.comb(n, (n + k) // 2) / 2 ** (n - 1) for k in z.tolist()])
    return z.astype(np.float64), weight


def mixture_overlap(n: float, temperature: float) -> float:
    """Return the overlap of a mixture of n patterns: m = (1/n) E[z tanh(m z/T)]; 0 for T >= 1.

    z is a sum of n signs; n = 1 is a Mattis state, m = tanh(m/T).
    """
    z, weight = _sums(int(n))
    highest = float(weight @ z) / n
    if temperature == 0:
        return highest
    if temperature >= 1:
        return 0.0
    m = highest
    while True:  # the right side is concave: Newton's method falls onto the root from above
        t = np.tanh(m * z / temperature)
        slope = float(weight @ (z * z * (1 - t * t))) / (n * temperature)
        step = (m - float(weight @ (z * t)) / n) / (1 - slope)
        if not step > 1e-15 * m:
            return m
        m -= step


def mixture_free_energy(n: float, temperature: float) -> float:
    """Return the free energy per spin of a mixture of n patterns: f = n m^2/2 - T E ln 2cosh(m z/T).

    z is a sum of n signs; n = 1 is a Mattis state. -T ln 2 of the paramagnet, for T >= 1. AGS (1985).
    """
    z, weight = _sums(int(n))
    m = mixture_overlap(n, temperature)
    if temperature == 0:
        return -n * m * m / 2
    u = m * z / temperature
    entropic = float(weight @ np.log1p(np.exp(-2 * u)))
    return n * m * m / 2 - m * float(weight @ z) - temperature * entropic


def _least_eigenvalue(n: int, temperature: float) -> float:
    """Return 1 - (1 - q)/T - Q/T, q = E tanh^2, Q = (E[z^2 tanh^2] - n q)/(n(n - 1)), tanh of m z/T.

    Q = 0 at n = 1, where there is no other pattern of the mixture.
    """
    z, weight = _sums(n)
    u = np.minimum(mixture_overlap(n, temperature) * z / temperature, 700.0)
    below = (1 / np.cosh(u)) ** 2  # 1 - tanh^2
    lost = float(weight @ below)
    crossed = (n * lost - float(weight @ (z * z * below))) / max(1, n * (n - 1))
    return 1 - (lost + crossed) / temperature


def mixture_stability(n: float, temperature: float) -> float:
    """Return the least eigenvalue of the Hessian of f at a mixture of n patterns; stable above 0.

    1 - (1 - q)/T - Q/T, q = E tanh^2(m z/T), Q = (E[z^2 tanh^2] - n q)/(n(n - 1)), z a sum of n signs. AGS
    (1985). 1 - 1/T of the paramagnet, for T >= 1.
    """
    if temperature == 0:
        return 1.0
    return _least_eigenvalue(int(n), temperature) if temperature < 1 else 1 - 1 / temperature


@lru_cache(maxsize=64)
def mixture_T_star(n: float) -> float:
    """Return the temperature below which a mixture of n patterns is stable: 0.459794 for n = 3, 1 for n = 1.

    1 - (1 - q)/T = Q/T: the eigenvalue by which one pattern wins over another.
    """
    count = int(n)
    if count == 1:
        return 1.0
    return float(brentq(lambda t: _least_eigenvalue(count, t), 0.05, 0.9, xtol=1e-300, rtol=1e-14))


@lru_cache(maxsize=64)
def mixture_alpha_c(n: float) -> float:
    """Return the largest load of a mixture of n patterns at T = 0: 0.029942 for n = 3.

    sqrt(alpha) = m/(sqrt(2) y) - sqrt(2/pi) E e^{-y^2 z^2}, m = E[z erf(y z)]/n, largest over y.
    """
    z, weight = _sums(int(n))

    def root_load(y: float) -> float:
        m = float(weight @ (z * erf(y * z))) / n
        noise = math.sqrt(2 / math.pi) * float(weight @ np.exp(-y * y * z * z))
        return m / (math.sqrt(2) * y) - noise

    grid = np.linspace(0.3, 4.0, 100)
    best = int(np.argmax([root_load(float(y)) for y in grid]))
    y = peak(root_load, float(grid[best - 1]), float(grid[best + 1]))
    return root_load(y) ** 2


def sk_q(temperature: float, rsb: float = 0.0) -> float:
    """Return q of the Sherrington-Kirkpatrick glass: q = E tanh^2(sqrt(q) z/T), 0 for T >= 1.

    Replica symmetric: exact above T = 1; below, q of one long chain is larger. With one step of breaking q1.
    """
    if temperature >= 1:
        return 0.0
    cold = 1 - temperature
    if cold < 1e-6:
        return cold * (1 + cold / 3)  # the limit, where the equation is lost in rounding

    def excess(width: float) -> float:
        return spin_averages(0.0, width, temperature).square / width**2 - 1

    q = float(brentq(excess, 1e-6, 1.0 + 1e-12, xtol=1e-300, rtol=1e-14)) ** 2
    state = _broken_sk(temperature, q) if rsb else None
    return q if state is None else float(state.edwards_anderson[0])


def _broken_sk(temperature: float, symmetric: float) -> BrokenStates | None:
    """Return the glass with one step of breaking; None close to T = 1, where it is the symmetric one."""
    at = (np.array([each]) for each in (temperature, symmetric))
    state = sherrington_kirkpatrick_glasses(*at)
    return state if np.isfinite(state.energy[0]) else None


def sk_energy(temperature: float, rsb: float = 0.0) -> float:
    """Return the energy per spin of the Sherrington-Kirkpatrick glass, in J.

    e = -(1 - q^2)/(2 T): -sqrt(2/pi) = -0.797885 at T = 0, -0.765259 with one step of breaking, where the
    exact one is -0.763167; -1/(2 T) for T >= 1, exact.
    """
    if temperature >= 1:
        return -1 / (2 * temperature)
    q = sk_q(temperature)
    state = _broken_sk(temperature, q) if rsb else None
    if state is not None:
        return float(state.energy[0])
    if temperature > 0.5:
        return -(1 - q * q) / (2 * temperature)
    slope = spin_averages(0.0, math.sqrt(q), temperature).slope  # (1 - q)/T without the cancellation
    return -slope * (1 + q) / 2


def van_hemmen_q(temperature: float) -> float:
    """Return q of van Hemmen's glass of two patterns: q = (1/2) tanh(2 q/T); 0 for T >= 1."""
    return mixture_overlap(1, temperature) / 2


def gaussian_overlap(temperature: float) -> float:
    """Return |m| of Gaussian patterns: |m| = E[z tanh(|m| z/T)]; sqrt(2/pi) at T = 0, 0 for T >= 1.

    By parts 1 = E sech^2(|m| z/T)/T: where the branch of `hopfield` that retrieves ends.
    """
    if temperature >= 1:
        return 0.0
    return hopfield.branch_end(temperature) if temperature < 1 - 1e-12 else 0.0


def random_axis_overlap(dimension: float, temperature: float) -> float:
    """Return M of random axes n in D dimensions: M = <u tanh(M u/T)>, u = n_1; 0 for T >= 1/D.

    M(0) = Gamma(D/2)/(sqrt(pi) Gamma((D + 1)/2)).
    """
    if temperature >= 1 / dimension:
        return 0.0
    if dimension == 1:
        return mixture_overlap(1, temperature)
    highest = _ratio(dimension / 2, (dimension + 1) / 2)

    def excess(m: float) -> float:
        return _axis_average(dimension, m / temperature) / m - 1

    low = 1e-6 * highest
    if temperature < 1e-9 / dimension or excess(highest) >= 0:
        return highest
    return float(brentq(excess, low, highest, xtol=1e-300, rtol=1e-13)) if excess(low) > 0 else 0.0


def _ratio(a: float, b: float) -> float:
    """Return Gamma(a)/(sqrt(pi) Gamma(b))."""
    return math.exp(math.lgamma(a) - math.lgamma(b)) / math.sqrt(math.pi)


def _axis_average(dimension: float, slope: float) -> float:
    """Return <u tanh(slope u)>, u = sin(angle) with density cos^{D-2}(angle), D >= 2."""
    power = dimension - 2
    # Beyond this angle the density is below e^{-49}.
    last = math.pi / 2 if power < 40 else 10 / math.sqrt(power)
    turn = min(last, 10 / slope)  # where tanh bends: the angle below which it is not yet 1

    def integrand(angle: float) -> float:
        u = math.sin(angle)
        density = math.exp(power * math.log1p(-u * u) / 2) if u < 1 else 0.0**power
        return u * math.tanh(slope * u) * density

    options = {"epsabs": 0.0, "epsrel": 1e-12}
    inner = float(quad(integrand, 0.0, turn, **options)[0])
    outer = float(quad(integrand, turn, last, **options)[0]) if turn < last else 0.0
    return 2 * _ratio(dimension / 2, (dimension - 1) / 2) * (inner + outer)


def coordinate(beta: float) -> float:
    """Return the |x_i| of a softmax attractor at all corners of a cube: x = tanh(beta x); 0 for beta <= 1.

    sum_mu w_mu xi_mu = tanh(beta x), site by site, for the weights of all corners are products of those of
    single signs. The same by scalar products as by distances, for all corners are as long.
    """
    return mixture_overlap(1, 1 / beta)


def cue_entropy(size: float, beta: float, noise: float) -> float:
    """Return the mean entropy of the weights at xi + noise × normal, in nats.

    H = N E[ln(2 cosh u) - u tanh u],  u = beta (1 + noise Z),  Z normal.
    """
    if noise == 0:
        return size * float(_two_states(np.array(beta)))
    z, weight = gauss_rule()
    return size * float(weight @ _two_states(beta * (1 + noise * z)))


def _two_states(u: Array) -> Array:
    """Return the entropy ln(2 cosh u) - u tanh u of a spin in the field u, in nats."""
    y = np.abs(u)
    return np.asarray(np.log1p(np.exp(-2 * y)) + y * (1 - np.tanh(y)))


def rest_entropy(size: float, beta: float) -> float:
    """Return the entropy of the weights at an attractor, in nats: that of a cue at its coordinates.

    H = N [ln(2 cosh u) - u tanh u],  u = beta x,  x = tanh(beta x).
    """
    u = beta * coordinate(beta)
    return size * (math.log1p(math.exp(-2 * u)) + u * (1 - math.tanh(u)))
