"""Networks from generating functions: continuous neurons, visible and hidden, slow and fast.

tau_v dv/dt = I - v + Jᵀ f(h),   tau_h dh/dt = b - h + J g(v),   g = grad L_v,  f = grad L_h

D. Lotito, Neurocomputing 636, 129865 (2025), eqs. (9)-(21); D. Krotov and J. J. Hopfield, ICLR (2021).
J is Xi, or 1. At quasi-equilibrium, tau_h -> 0, h = J g(v) + b. States are (n, R): R replicas side by side.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mattis.errors import UserError
from mattis.exact.arrays import FloatArray, Reals
from mattis.kernels import cpu
from mattis.kernels.cuda import euler
from mattis.kernels.cuda.euler import namespace, total
from mattis.networks.neurons.generating_functions import Population, on_device

MEMORIES, ONE = "memories", "one"
COUPLINGS = (MEMORIES, ONE)
"""The coupling J: the memory matrix Xi, or 1."""


@dataclass(frozen=True, eq=False)
class NeuronNetwork:
    """Visible neurons, hidden neurons, and the memories that couple them.

    On a device, S networks of one shape: each array has them in front, (S, N_h, N_v), and gains are (S, R).
    Raises UserError where L is not convex, or shapes do not fit.
    """

    memories: FloatArray
    """(N_h, N_v): Xi, scaled as it couples."""
    visible: Population
    hidden: Population
    coupling: str = MEMORIES
    field: float | FloatArray = 0.0
    """(N_v, 1 or R): I."""
    bias: float | FloatArray = 0.0
    """(N_h, 1 or R): b."""
    removed: float = 0.0
    """d: B lacks d g(v), the diagonal of XiᵀXi where neurons do not act on themselves."""
    tau_v: float = 1.0
    tau_h: float = 0.1
    gram: FloatArray | None = None
    """(N_h, N_h): Xi Xiᵀ; None where it is yet to be computed."""
    transposed: FloatArray | None = None
    """(N_v, N_h): Xiᵀ, contiguous; None where it is yet to be computed."""

    def __post_init__(self) -> None:
        """Raise UserError for parts that make no network."""
        xi = np.shape(self.memories)
        if len(xi) not in (2, 3) or xi[-2] < 1 or xi[-1] < 1:
            raise UserError(f"memories: got shape {xi}; expected (N_h, N_v) with one memory at least")
        for name, population in (("visible", self.visible), ("hidden", self.hidden)):
            if population.fault:
                raise UserError(f"{name}: {population.name} with {population.fault}")
        if self.coupling not in COUPLINGS:
            raise UserError(f"coupling: got {self.coupling!r}; expected one of {', '.join(COUPLINGS)}")
        latent = xi[-2] if self.coupling == MEMORIES else xi[-1]
        for name, values, rows in (("field", self.field, xi[-1]), ("bias", self.bias, latent)):
            shape = np.shape(values)
            if shape and (len(shape) != len(xi) or shape[-2] != rows):
                raise UserError(
                    f"{name}: got shape {shape}; expected ({rows}, 1), or one column for each replica"
                )
        if not (self.tau_v > 0 and self.tau_h > 0):
            raise UserError(f"tau: got {self.tau_v:g} and {self.tau_h:g}; expected time constants above 0")


def latent(network: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return the hidden neurons at quasi-equilibrium, h = J g(v) + b."""
    g = network.visible.activation(v)
    h = network.memories @ g if network.coupling == MEMORIES else g
    return h if _is_zero(network.bias) and h is not v else h + network.bias


def drive(network: NeuronNetwork, v: FloatArray, h: FloatArray) -> FloatArray:
    """Return the target of the visible neurons, B = I + Jᵀf(h) - d g(v)."""
    f = network.hidden.activation(h)
    out = transposed(network) @ f if network.coupling == MEMORIES else f
    if network.removed:
        out = out - network.removed * network.visible.activation(v)
    return out if _is_zero(network.field) else out + network.field


def transposed(network: NeuronNetwork) -> FloatArray:
    """Return Xiᵀ."""
    return network.memories.mT if network.transposed is None else network.transposed


def _is_zero(x: float | FloatArray) -> bool:
    return np.ndim(x) == 0 and float(x) == 0.0


def target(network: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return B(v) at quasi-equilibrium: tau_v dv/dt = B(v) - v, eq. (9)."""
    return drive(network, v, latent(network, v))


def _legendre(network: NeuronNetwork, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return sum (v - I) g - L_v + (d/2) |g|² of each replica, and g."""
    g = network.visible.activation(v)
    out = total((v - network.field) * g) - network.visible.value(v)
    return out + network.removed / 2 * total(g * g), g


def energy(network: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return E = sum (v - I) g - L_v - L_h(h(v)), (R,): eq. (3), dE/dt = -tau_v v'ᵀH_v v' (6)."""
    return _legendre(network, v)[0] - network.hidden.value(latent(network, v))


def full_energy(network: NeuronNetwork, v: FloatArray, h: FloatArray) -> FloatArray:
    """Return E = [sum (v - I) g - L_v] + [sum (h - b) f - L_h] - fᵀJ g, (R,): eq. (19)."""
    visible, g = _legendre(network, v)
    f = network.hidden.activation(h)
    driven = network.memories @ g if network.coupling == MEMORIES else g
    hidden = total((h - network.bias - driven) * f) - network.hidden.value(h)
    return visible + hidden


def power_lost(population: Population, tau: float, x: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return tau x'ᵀ H x', (R,): the energy that a population loses per unit of time, eq. (6)."""
    return tau * total(velocity * population.curved(x, velocity))


def velocities(network: NeuronNetwork, v: FloatArray, h: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return dv/dt and dh/dt of the full system, eqs. (10) and (17)."""
    return (drive(network, v, h) - v) / network.tau_v, (latent(network, v) - h) / network.tau_h


def jacobian(network: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return d(B(v) - v)/dv = -1 + (Jᵀ H_h J - d) H_v at one state, (N_v,) -> (N_v, N_v): eq. (28)."""
    h_v = network.visible.hessian(v)
    h_h = network.hidden.hessian(latent(network, v[:, None])[:, 0])
    xi, one = network.memories, np.eye(len(v), dtype=v.dtype)
    inner = xi.T @ h_h @ xi if network.coupling == MEMORIES else h_h
    return (inner - network.removed * one) @ h_v - one


def check_step(network: NeuronNetwork, dt: float) -> None:
    """Raise UserError unless Euler steps of a relaxation are stable: 0 < dt <= 2 tau, eq. (2).

    Where visible neurons are linear, -d g(v) is part of the decay: (1 + d) dt <= 2 tau_v.
    """
    tau = network.tau_v / (1 + network.removed * network.visible.row.linear)
    if not 0 < dt <= 2 * tau:
        raise UserError(
            f"dt: got {dt:g} with a time constant of {tau:g}; expected 0 < dt <= 2 tau, beyond which "
            "Euler's rule is not stable; use dt = tau for the one-step update"
        )


def eigenvalues(xi: FloatArray) -> FloatArray:
    """Return the min(N_h, N_v) eigenvalues of XiᵀXi that are not 0 by its rank, rising, (min(N_h, N_v),)."""
    with cpu.euler.one_thread():
        return np.asarray(np.linalg.eigvalsh(xi @ xi.T if len(xi) <= xi.shape[1] else xi.T @ xi))


def check_bounded(network: NeuronNetwork) -> None:
    """Raise UserError if a linear network has no least energy: an eigenvalue of dB/dv above 1.

    dB/dv = beta_h XiᵀXi - d of a quadratic L_v; beta_h beta_v (XiᵀXi - d) of that with memories, J = 1.
    """
    visible, hidden = network.visible, network.hidden
    quadratic = hidden.name == "quadratic" or (hidden.name == "polynomial" and hidden.form.degree == 2)
    through = visible.name == "memories" and network.coupling == ONE
    if not quadratic or not (through or (visible.row.linear and network.coupling == MEMORIES)):
        return
    beta = 1.0 if hidden.name == "quadratic" else _largest(hidden.form.beta)
    top = float(eigenvalues(np.asarray(network.memories, np.float64))[-1])
    if through:
        top = beta * _largest(visible.form.beta) * (top - visible.form.removed)
    else:
        top = beta * top - network.removed
    if top > 1:
        raise UserError(
            f"linear network: got an eigenvalue {top:.4g} of beta XiᵀXi; expected none above 1, for beyond "
            "it E = (|v|² - beta |Xi v|²)/2 has no minimum and v grows without bound; use a smaller beta, "
            "or follow its modes for a time (question: modes)"
        )


def _largest(beta: float | FloatArray) -> float:
    return float(np.max(np.asarray(beta)))


def settle(network: NeuronNetwork, start: FloatArray, dt: float, tolerance: float, most: int) -> Any:
    """Make Euler steps (dt = tau_v: fixed-point iteration) until |B(v) - v|/sqrt(N_v) <= tolerance.

    start  # (N_v, R); returns cpu.euler.Relaxed. For linear g and few memories only products of
    memories enter (`relax_gram`). Float sums are those of BLAS: the same bits for any chunking on one
    machine and backend; within 1e-6 (float32) or 1e-12 (float64) of another, relative.
    """
    check_step(network, dt)
    check_bounded(network)
    return relaxed(network, start, dt / network.tau_v, tolerance, most)


def relaxed(network: NeuronNetwork, start: FloatArray, rate: float, tolerance: float, most: int) -> Any:
    """Make the steps of `settle` with a network that was checked; on a device, start is (S, N_v, R)."""
    # A state that runs away becomes infinite, hence never at rest: said by its residual, not by a warning.
    with cpu.euler.one_thread(), np.errstate(over="ignore", invalid="ignore"):
        if not closes(network):
            flow = euler if on_device(start) else cpu.euler
            return flow.relax(lambda v: target(network, v), start, rate, tolerance, most)
        away = None if _is_zero(network.field) else namespace(start).zeros_like(start) + network.field
        xi, hidden, rest = network.memories, _hidden(network), (rate, tolerance, most)
        gram = xi @ xi.mT if network.gram is None else network.gram
        if on_device(start):
            return euler.relax_gram(xi, transposed(network), gram, hidden, start, away, *rest)
        return cpu.euler.relax_gram(xi, gram, hidden, start, away, *rest)


def _hidden(network: NeuronNetwork) -> Any:
    """Return f(x + b) as a function of x, whose values are new arrays."""
    if _is_zero(network.bias) and not network.hidden.row.linear:
        return network.hidden.activation
    return lambda x: network.hidden.activation(x + network.bias)


def closes(network: NeuronNetwork) -> bool:
    """Tell whether x = Xi v closes, and is the smaller system: linear g, J = Xi, N_h <= N_v."""
    count, size = network.memories.shape[-2:]
    linear = network.visible.row.linear and network.coupling == MEMORIES and not network.removed
    return linear and count <= size


def lanes(network: NeuronNetwork) -> int:
    """Return the most replicas side by side whose bits do not depend on each other."""
    xi = network.memories
    gram = (xi @ xi.T,) if closes(network) else ()
    with cpu.euler.one_thread():
        width: int = cpu.euler.lanes_of((xi, xi.T, *gram))
    return width


def integrate(
    network: NeuronNetwork, v: FloatArray, times: Reals, h: FloatArray | None = None,
    accuracy: float = 1e-9,
) -> FloatArray:  # fmt: skip
    """Return one trajectory at given times by an adaptive method: (times, N_v), or (times, N_v + N_h).

    At quasi-equilibrium from v (N_v,), by an explicit Runge-Kutta method of order 8; from v and h (N_h,) the
    full system, by an implicit one (Radau, order 5), since it is stiff where tau_h << tau_v.
    """
    from scipy.integrate import solve_ivp  # 0.5 s, which no other command should wait for

    size = len(v)

    def motion(_: float, state: FloatArray) -> FloatArray:
        x = state[:, None]
        if h is None:
            return ((target(network, x) - x) / network.tau_v)[:, 0]
        return np.concatenate(velocities(network, x[:size], x[size:]))[:, 0]

    start = v if h is None else np.concatenate([v, h])
    solution = solve_ivp(
        motion, (times[0], times[-1]), start, "DOP853" if h is None else "Radau", times,
        rtol=accuracy, atol=accuracy,
    )  # fmt: skip
    if not solution.success:
        raise UserError(f"the trajectory cannot be followed: {solution.message}")
    return np.asarray(solution.y.T)
