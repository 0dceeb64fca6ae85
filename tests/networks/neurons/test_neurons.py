"""Networks from generating functions: energies fall as equations (6) and (18) say, known networks come out.

"Equations" are Lotito's, Neurocomputing 636, 129865 (2025), unless said otherwise.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import settings
from references import normal

from mattis.errors import UserError
from mattis.networks.neurons import network as dynamics
from mattis.networks.neurons.generating_functions import GENERATING, FunctionNumbers, Population
from mattis.networks.neurons.network import MEMORIES, ONE, NeuronNetwork, energy, integrate, settle, target

N_V, N_H = 5, 3
VISIBLE = tuple(GENERATING)
HIDDEN = tuple(name for name in GENERATING if name != "memories")
"""The memory-dependent function is one of N_v neurons: as hidden ones it takes those of J = 1."""

PAIRS = [(v, h, MEMORIES) for v, h in product(VISIBLE, HIDDEN)]
PAIRS += [(v, h, ONE) for v, h in product(VISIBLE, GENERATING)]

exactly = settings(max_examples=60, deadline=None, derandomize=True)


def population(name: str, beta: float, xi: np.ndarray, removed: float = 0.0) -> Population:
    return Population(name, FunctionNumbers(beta, 4, xi, removed))


def network(visible: str, hidden: str, coupling: str = MEMORIES, **changes) -> NeuronNetwork:
    """A small network with a field, a bias, no self-action, and time constants that are all different."""
    xi = 0.6 * normal(1, N_H, N_V)
    keys = {"field": 0.3 * normal(2, N_V, 1), "tau_v": 1.7, "tau_h": 0.4}
    keys["bias"] = 0.2 * normal(3, N_H if coupling == MEMORIES else N_V, 1)
    keys["removed"] = 0.35 if coupling == MEMORIES else 0.0
    made = population(visible, 0.8, xi, 0.2), population(hidden, 1.3, xi, 0.1)
    return NeuronNetwork(xi, *made, coupling, **{**keys, **changes})


def attention(xi: np.ndarray, beta: float, **changes) -> NeuronNetwork:
    return NeuronNetwork(
        xi, Population("quadratic"), Population("log_sum_exp", FunctionNumbers(beta)), **changes
    )


def linear(xi: np.ndarray, beta: float, **changes) -> NeuronNetwork:
    return NeuronNetwork(
        xi, Population("quadratic"), Population("polynomial", FunctionNumbers(beta, 2)), **changes
    )


def tanh(xi: np.ndarray, beta: float, removed: float = 0.0, **changes) -> NeuronNetwork:
    """Eqs. (20), (21): tau dv/dt = -v + tanh(beta (J v + u)), b = beta u."""
    made = population("memories", beta, xi, removed), Population("ln_cosh")
    return NeuronNetwork(xi, *made, ONE, **changes)


def graded(xi: np.ndarray, beta: float, removed: float = 0.0, **changes) -> NeuronNetwork:
    """Hopfield (1984): tau dv/dt = -v + J tanh(beta v) + u."""
    made = population("ln_cosh", beta, xi), Population("quadratic")
    return NeuronNetwork(xi, *made, removed=removed, **changes)


def states(seed: int, replicas: int = 3) -> np.ndarray:
    """States (N_v, R), no site of which is near the corner of a rectified function."""
    x = 0.7 * normal(seed, N_V, replicas)
    return np.where(np.abs(x) < 0.05, np.copysign(0.05, x), x)


def rate(f, *motions, step=1e-5):
    """The derivative of f along straight motions x + t x', by central differences of order 4."""

    def at(t):
        return f(*(x + t * velocity for x, velocity in motions))

    return (8 * (at(step) - at(-step)) - at(2 * step) + at(-2 * step)) / (12 * step)


# What is refused

XI = normal(1, N_H, N_V)
TWO = Population("quadratic"), Population("quadratic")


@pytest.mark.parametrize("memories", [np.empty((0, 4)), np.empty((3, 0)), np.ones(4)])
def test_a_network_has_a_memory(memories):
    with pytest.raises(UserError, match="one memory at least"):
        NeuronNetwork(memories, *TWO)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"coupling": "all"}, "coupling: got 'all'; expected one of memories, one"),
        ({"field": np.ones(N_V)}, r"field: got shape \(5,\); expected \(5, 1\)"),
        ({"field": np.ones((N_H, 1))}, "field: got shape"),
        ({"field": np.ones((1, N_V))}, "field: got shape"),
        ({"bias": np.ones((N_V, 1))}, r"bias: got shape \(5, 1\); expected \(3, 1\)"),
        ({"bias": np.ones((N_H, 1)), "coupling": ONE}, r"bias: .*expected \(5, 1\)"),
        ({"bias": np.ones((N_H, 1, 1))}, "bias: got shape"),
        ({"tau_v": 0.0}, "tau: got 0 and 0.1; expected time constants above 0"),
        ({"tau_h": -1.0}, "time constants above 0"),
        ({"tau_v": float("nan")}, "time constants above 0"),
        ({"visible": Population("polynomial", FunctionNumbers(1.0, 3))}, "visible: polynomial with degree 3"),
        ({"hidden": Population("polynomial", FunctionNumbers(1.0, 5))}, "hidden: polynomial with degree 5"),
        ({"hidden": Population("ln_cosh", FunctionNumbers(0.0))}, "hidden: ln_cosh with beta 0"),
        ({"visible": Population("log_sum_exp", FunctionNumbers(-1.0))}, "visible: .*convex for beta > 0"),
        ({"hidden": Population("rectified_polynomial", FunctionNumbers(1.0, 1))}, "degree 1: expected 2"),
    ],
)
def test_what_is_no_network(changes, words):
    keys = {"memories": XI, "visible": TWO[0], "hidden": TWO[1], **changes}
    with pytest.raises(UserError, match=words):
        NeuronNetwork(**keys)


@pytest.mark.parametrize("dt", [0.0, -0.1, 2.0001, float("nan")])
def test_steps_that_are_not_stable(dt):
    with pytest.raises(UserError, match="0 < dt <= 2 tau"):
        dynamics.check_step(attention(XI, 1.0), dt)
    with pytest.raises(UserError, match="0 < dt <= 2 tau"):
        settle(attention(XI, 1.0), states(4), dt, 1e-9, 10)


@pytest.mark.parametrize("net", [linear(XI, 2.0), replace(linear(XI, 1.0), hidden=TWO[1])])
def test_a_linear_network_without_a_minimum(net):
    top = net.hidden.form.beta * np.linalg.eigvalsh(XI.T @ XI)[-1]
    assert top > 1
    with pytest.raises(UserError, match=f"eigenvalue {top:.4g} of beta XiᵀXi.*no minimum.*smaller beta"):
        settle(net, states(4), 1.0, 1e-9, 10)


def test_what_can_be_bounded_is_let_through():
    top = dynamics.eigenvalues(XI)[-1]
    dynamics.check_bounded(linear(XI, 0.999 / top))
    dynamics.check_bounded(linear(XI, 1.001 / top, removed=0.002))
    dynamics.check_bounded(linear(XI, np.array([0.2, 0.9]) / top))
    dynamics.check_bounded(attention(XI, 100.0))
    dynamics.check_bounded(replace(linear(XI, 2.0), visible=Population("ln_cosh")))
    for net in (linear(XI, 1.001 / top), linear(XI, np.array([0.2, 1.1]) / top)):
        with pytest.raises(UserError, match="no minimum"):
            dynamics.check_bounded(net)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4), (1, 5)])
def test_eigenvalues(shape):
    xi = normal(6, *shape)
    squares = np.sort(np.linalg.svd(xi, compute_uv=False)) ** 2
    assert dynamics.eigenvalues(xi) == pytest.approx(squares, rel=1e-11)


# The motion


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_the_target_by_plain_loops():
    """B_i = I_i + sum_mu xi_mu,i f(sum_j xi_mu,j g(v_j) + b_mu) - d g(v_i), eq. (9)."""
    net, v = network("ln_cosh", "polynomial"), states(4)
    out = target(net, v)
    for r in range(v.shape[1]):
        g = [np.tanh(0.8 * x) for x in v[:, r]]
        f = [1.3 * (dot(row, g) + net.bias[k, 0]) ** 3 for k, row in enumerate(net.memories)]
        for i in range(N_V):
            alone = net.field[i, 0] + dot(net.memories[:, i], f) - net.removed * g[i]
            assert out[i, r] == pytest.approx(alone, rel=1e-13)


@pytest.mark.parametrize(("visible", "hidden", "coupling"), PAIRS)
def test_velocities_are_those_of_the_equations(visible, hidden, coupling):
    """tau_v v' = I - v + Jᵀ f(h) - d g(v); tau_h h' = b - h + J g(v): eqs. (10) and (17)."""
    net = network(visible, hidden, coupling)
    v, h = states(4), 0.5 * normal(5, len(net.bias), 3)
    coupled = net.memories if coupling == MEMORIES else np.eye(N_V)
    g, f = net.visible.activation(v), net.hidden.activation(h)
    dv, dh = dynamics.velocities(net, v, h)
    assert net.tau_v * dv == pytest.approx(net.field - v + coupled.T @ f - net.removed * g, abs=1e-12)
    assert net.tau_h * dh == pytest.approx(net.bias - h + coupled @ g, abs=1e-12)
    assert target(net, v) == pytest.approx(dynamics.drive(net, v, net.bias + coupled @ g), abs=1e-12)


# Energies


@pytest.mark.parametrize(("visible", "hidden", "coupling"), PAIRS)
def test_the_energy_falls_at_the_rate_of_the_equation(visible, hidden, coupling):
    """dE/dt = -tau_v v'ᵀ H_v v', eq. (6): a wrong sign or factor anywhere in E shows."""
    net = network(visible, hidden, coupling)
    v = states(4)
    motion = (target(net, v) - v) / net.tau_v
    lost = dynamics.power_lost(net.visible, net.tau_v, v, motion)
    assert rate(lambda x: energy(net, x), (v, motion)) == pytest.approx(-lost, rel=1e-7, abs=1e-9)
    if visible != "memories":  # there, d > 0 leaves H_v without a sign
        assert (lost >= -1e-12).all()


@pytest.mark.parametrize(("visible", "hidden", "coupling"), PAIRS)
def test_the_full_energy_falls_by_both_powers(visible, hidden, coupling):
    """dE/dt = -tau_v v'ᵀ H_v v' - tau_h h'ᵀ H_h h', eq. (18); at h = J g(v) + b it is that of (3)."""
    net = network(visible, hidden, coupling)
    v, h = states(4), states(5)[: len(net.bias)]
    dv, dh = dynamics.velocities(net, v, h)
    lost = dynamics.power_lost(net.visible, net.tau_v, v, dv)
    lost += dynamics.power_lost(net.hidden, net.tau_h, h, dh)
    found = rate(lambda x, y: dynamics.full_energy(net, x, y), (v, dv), (h, dh))
    assert found == pytest.approx(-lost, rel=1e-7, abs=1e-9)
    settled = dynamics.full_energy(net, v, dynamics.latent(net, v))
    assert settled == pytest.approx(energy(net, v), rel=1e-12, abs=1e-12)


def test_energies_by_hand():
    """E = -lse(beta, Xi v) + |v|²/2 (Ramsauer); E = (|v|² - beta |Xi v|²)/2, eq. (26) of a linear network."""
    v = states(4)
    x = XI @ v
    half = np.sum(v * v, axis=0) / 2
    lse = np.log(np.sum(np.exp(2.0 * x), axis=0)) / 2.0
    assert energy(attention(XI, 2.0), v) == pytest.approx(half - lse, rel=1e-13)
    square = np.sum(x * x, axis=0)
    assert energy(linear(XI, 0.3), v) == pytest.approx(half - 0.3 * square / 2, rel=1e-13)
    field = normal(7, N_V, 1)
    falls = energy(linear(XI, 0.3, field=field), v) - energy(linear(XI, 0.3), v)
    assert falls == pytest.approx(-(field[:, 0] @ v), rel=1e-12)


@pytest.mark.parametrize(("visible", "hidden", "coupling"), PAIRS)
def test_jacobians(visible, hidden, coupling):
    """d(B - v)/dv = -1 + (Jᵀ H_h J - d) H_v, eq. (28)."""
    net, v = network(visible, hidden, coupling), states(4, 1)
    units = [unit[:, None] for unit in np.eye(N_V)]
    columns = [rate(lambda x: target(net, x) - x, (v, e), step=1e-4)[:, 0] for e in units]
    assert dynamics.jacobian(net, v[:, 0]) == pytest.approx(np.array(columns).T, rel=1e-7, abs=1e-8)


# Known networks

SIZES = [(4, 12), (12, 4), (1, 6)]
"""Fewer memories than sites, where their products are enough, and more."""


def sphere(seed: int, *shape: int) -> np.ndarray:
    rows = normal(seed, *shape)
    return rows * np.sqrt(shape[1] / np.sum(rows * rows, axis=1, keepdims=True))


def softmax(x: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x - x.max(axis=0))
    return exponentials / exponentials.sum(axis=0)


@pytest.mark.parametrize("shape", SIZES)
def test_one_step_is_attention(shape):
    """dt = tau: v <- Xiᵀ softmax(beta Xi v), a gain for each query."""
    xi, v, beta = normal(8, *shape), normal(9, shape[1], 5), np.linspace(0.1, 3, 5)
    done = settle(attention(xi, beta, tau_v=2.5), v, 2.5, 0.0, 1)
    assert done.state == pytest.approx(xi.T @ softmax(beta * (xi @ v)), rel=1e-12, abs=1e-13)
    assert (done.steps == 1).all()


@pytest.mark.parametrize("shape", SIZES)
def test_the_energy_of_attention_falls_at_each_step(shape):
    """CCCP (Ramsauer et al., ICLR 2021, theorem 1): also where a step is as long as tau."""
    xi, v = normal(10, *shape), 2 * normal(11, shape[1], 8)
    net = attention(xi, np.linspace(0.2, 3, 8))
    course = [energy(net, settle(net, v, 1.0, 0.0, steps).state) for steps in range(25)]
    assert (np.diff(course, axis=0) <= 1e-12).all()
    assert (course[-1] < course[0] - 0.1).all()


def test_stored_patterns_are_nearly_fixed():
    """|Xiᵀ softmax(beta Xi xi) - xi| <= (P - 1) exp(-beta Delta) max |xi_nu - xi| (Ramsauer, theorem 5)."""
    xi, beta = sphere(12, 20, 64), 0.25
    products = xi @ xi.T
    rest = products - np.diag(np.full(20, np.inf))
    separation = np.diag(products) - rest.max(axis=1)
    apart = np.array([np.linalg.norm(xi - row, axis=1).max() for row in xi])
    moved = np.linalg.norm(target(attention(xi, beta), xi.T.copy()) - xi.T, axis=0)
    bound = 19 * np.exp(-beta * separation) * apart
    assert (moved <= bound).all()
    assert (moved >= bound / 1000).all()
    assert bound.max() < 1


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("dt", [0.7, 1.0, 1.8])
def test_a_linear_network_relaxes_to_its_solution(shape, dt):
    """(1 + d - beta XiᵀXi) v = I."""
    xi, field = normal(13, *shape), normal(14, shape[1], 2)
    beta = 0.5 / dynamics.eigenvalues(xi)[-1]
    for removed in (0.0, 0.1):
        net = linear(xi, beta, field=field, removed=removed)
        done = settle(net, normal(15, shape[1], 2), dt, 1e-12, 2500)
        expected = np.linalg.solve((1 + removed) * np.eye(shape[1]) - beta * xi.T @ xi, field)
        assert (done.residual <= 1e-12).all()
        assert done.state == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("removed", [0.0, 0.25])
def test_fixed_points_of_tanh_and_graded_response_are_each_others_images(removed):
    """x = tanh(beta (J x + u)) and v = J x + u, eqs. (20)-(21); J = XiᵀXi - d, its diagonal 0 or kept."""
    xi, beta, u = np.sign(normal(16, 3, 12)) / np.sqrt(12), 2.0, 0.1 * normal(17, 12, 1)
    hebb, start = xi.T @ xi - removed * np.eye(12), np.sqrt(12) * xi.T
    assert np.diag(hebb) == pytest.approx(0.25 - removed, abs=1e-15)
    one, other = tanh(xi, beta, removed, bias=beta * u), graded(xi, beta, removed, field=u)
    x = settle(one, start, 0.8, 1e-14, 2000).state
    v = settle(other, start, 0.8, 1e-14, 2000).state
    mapped = hebb @ x + u
    assert x == pytest.approx(np.tanh(beta * mapped), abs=1e-12)
    assert v == pytest.approx(hebb @ np.tanh(beta * v) + u, abs=1e-12)
    assert target(other, mapped) == pytest.approx(mapped, abs=1e-10)
    assert target(one, np.tanh(beta * v)) == pytest.approx(np.tanh(beta * v), abs=1e-10)
    assert np.abs(x).min() > 0.1
    assert x == pytest.approx(np.tanh(beta * v), abs=1e-10)


# Trajectories


def test_a_linear_trajectory_is_the_exact_one():
    """v(t) = v* + e^{-(1 - beta XiᵀXi) t/tau} (v(0) - v*)."""
    top = dynamics.eigenvalues(XI)[-1]
    net = linear(XI, 0.3 / top, tau_v=1.5, field=normal(18, N_V, 1))
    v, times = normal(19, N_V), np.linspace(0, 4, 5)
    rates, axes = np.linalg.eigh(np.eye(N_V) - net.hidden.form.beta * XI.T @ XI)
    rest = axes @ ((axes.T @ net.field[:, 0]) / rates)
    exact = [rest + axes @ (np.exp(-rates * t / 1.5) * (axes.T @ (v - rest))) for t in times]
    assert integrate(net, v, times) == pytest.approx(np.array(exact), abs=1e-8)


def test_euler_steps_approach_the_trajectory():
    """Halving dt halves the distance, and what is left after that is of order dt²."""
    net, v = network("ln_cosh", "ln_cosh"), states(20, 1)
    exact = integrate(net, v[:, 0], np.array([0.0, 1.7]))[-1]
    coarse, fine = (settle(net, v, 1.7 / steps, 0.0, steps).state[:, 0] for steps in (200, 400))
    assert np.abs(fine - exact).max() < 0.01
    assert fine - exact == pytest.approx((coarse - exact) / 2, abs=1e-4)
    assert 2 * fine - coarse == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("hidden", ["log_sum_exp", "ln_cosh"])
def test_settled_states_are_where_trajectories_end(hidden):
    net = network("ln_cosh", hidden, removed=0.0, tau_v=1.0)
    v, h = states(21), normal(22, N_H, 3)
    rest = settle(net, v, 0.5, 1e-13, 2000).state
    late = integrate(net, v[:, 0], np.array([0.0, 60.0]))[-1]
    both = integrate(net, v[:, 0], np.array([0.0, 60.0]), h[:, 0])[-1]
    assert rest[:, 0] == pytest.approx(late, abs=1e-8)
    assert both == pytest.approx(np.concatenate([late, dynamics.latent(net, rest)[:, 0]]), abs=1e-7)


def test_fast_hidden_neurons_follow():
    """The distance to quasi-equilibrium is of order tau_h/tau_v (from h = J g(v) + b)."""
    v, times, apart = states(23)[:, 0], np.linspace(0, 2, 21), []
    for ratio in (1e-2, 1e-3):
        net = network("ln_cosh", "ln_cosh", tau_v=1.0, tau_h=ratio)
        slow, h = integrate(net, v, times), dynamics.latent(net, v[:, None])[:, 0]
        apart.append(np.abs(integrate(net, v, times, h)[:, :N_V] - slow).max())
    assert apart[0] / apart[1] == pytest.approx(10, rel=0.1)
    assert apart[0] < 0.01


def test_when_products_of_memories_are_enough():
    own = replace(attention(XI, 1.0), removed=0.1)
    assert dynamics.closes(attention(XI, 1.0))
    for net in (attention(XI.T.copy(), 1.0), own, tanh(XI, 1.0), graded(XI, 1.0)):
        assert not dynamics.closes(net)
