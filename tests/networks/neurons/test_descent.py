"""How energy falls, along the flow and by Euler's steps, and the Jacobians of the flow."""

from dataclasses import replace
from math import isnan, tanh
from typing import Any

import numpy as np
import pytest

from mattis.networks.neurons import descent as of
from mattis.networks.neurons import linearised
from mattis.networks.neurons.generating_functions import GENERATING, FunctionNumbers, Population
from mattis.networks.neurons.models import NEURON_QUESTIONS, simulate
from mattis.networks.neurons.network import NeuronNetwork, energy, target
from mattis.networks.registry import study_of
from mattis.study.model import UNSETTLED, PatternSet

FUNCTIONS = [name for name in GENERATING.built_in if name != "memories"]
PAIRS = [(v, h) for v in [*FUNCTIONS, "memories"] for h in FUNCTIONS]


def keys(visible: str, hidden: str, question: str = "descent", **changes: Any) -> dict[str, Any]:
    """A study of one pair of generating functions, each with the gain where it has one."""
    gained = "hidden" if hidden not in ("quadratic", "spherical") else "visible"
    return {
        "name": "pair", "model": "attention", "visible": visible, "hidden": hidden, "question": question,
        "patterns": "gaussian", "scale": "sites", "gain": gained,
        "axes": {"size": [12], "memories": [4], "beta": [1.0], "noise": [0.2], "seed": 1},
        "flow": {"dt": 0.5, "duration": 3.0}, "cues": 2,
        **({"coupling": "one"} if visible == "memories" else {}),
        **({"degree": 4} if "polynomial" in hidden else {}), **changes,
    }  # fmt: skip


def answer(content: dict[str, Any], seed: int = 0) -> dict[str, float]:
    """The numbers of one cell."""
    study = study_of(content)
    size, count = content["axes"]["size"][0], content["axes"]["memories"][0]
    point = (content["axes"]["beta"][0], content["axes"]["noise"][0])
    columns = simulate(PatternSet(1, size, count, seed), [study.place(point)], study.protocol)
    return {name: float(column[0]) for name, column in columns.items()}


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_energy_falls_as_it_is_said_to_for_every_pair(visible, hidden):
    """(5), (6) and (18) by differences, to 1e-4 and better; no step of dt <= tau_v raises the energy.

    Linear visible neurons, and those of `memories`: none of dt <= 2 tau_v, for their divergence is symmetric.
    """
    row = answer(keys(visible, hidden))
    assert row["energy_mismatch"] < 1e-4
    assert row["activation_mismatch"] < 1e-4
    assert row["gradient_error"] < 1e-7
    assert row["energy_rise"] < 1e-12
    assert row["energy_fall"] > -1e-14
    end = 2 if visible in ("quadratic", "memories", "polynomial") else 1  # x²/2 of degree 2 is quadratic
    if not isnan(row["breaking_step"]) and not (visible == "polynomial" and "poly" in hidden):
        assert row["breaking_step"] > end


def test_a_state_drawn_to_a_fixed_target_overshoots_from_twice_its_time_on():
    """Eqs. (1), (2): with memories that hardly count B = I, E = |v - I|²/2, and a step keeps |1 - dt/tau|."""
    row = answer(keys("quadratic", "ln_cosh", axes={**keys("quadratic", "ln_cosh")["axes"], "beta": [1e-3]}))
    assert row["breaking_step"] == pytest.approx(2.0, abs=2e-3)
    assert row["breaking_step"] >= 2


def one_neuron(beta: float = 1.0, xi: float = 1.5) -> NeuronNetwork:
    """v' = -v + xi tanh(xi tanh(beta v)), one neuron and one memory."""
    form = FunctionNumbers(1.0)
    return NeuronNetwork(
        np.array([[xi]]), Population("ln_cosh", replace(form, beta=beta)), Population("ln_cosh", form)
    )


def test_the_breaking_step_of_one_neuron_is_that_of_a_plain_search():
    """The first of 4000 steps at which a loop of a few lines sees the energy rise."""
    net, start, xi = one_neuron(), np.array([0.3]), 1.5

    def plain(v: float) -> float:
        return v * tanh(v) - np.log(np.cosh(v)) - np.log(np.cosh(xi * tanh(v)))

    def rises(rate: float) -> bool:
        v, before = 0.3, plain(0.3)
        for _ in range(40):
            v += rate * (xi * tanh(xi * tanh(v)) - v)
            if plain(v) > before + 1e-12:
                return True
            before = plain(v)
        return False

    assert energy(net, start[:, None])[0] == pytest.approx(plain(0.3), rel=1e-12)
    grid = np.arange(1, 4001) / 1000
    first = next(rate for rate in grid if rises(rate))
    assert of.breaking_step(net, start, 40) == pytest.approx(first, abs=2e-3)
    assert 1 < first < 2.5


def test_a_state_may_move_and_lose_nothing_where_its_function_is_not_strictly_convex():
    """Erratum of (8): along itself |v| is linear, so a state parallel to its memory grows at one energy."""
    row = answer(keys("spherical", "quadratic", axes={
        "size": [12], "memories": [1], "beta": [1.0], "noise": [0.0], "seed": 1}, cues=1))  # fmt: skip
    assert row["least_curvature"] < 1e-12
    assert row["energy_mismatch"] < 0.1  # of what would be lost at a curvature of 1e-9
    assert row["energy_rise"] < 1e-2  # of the rounding of the energy
    assert abs(row["energy_fall"]) < 1e-12
    assert answer(keys("quadratic", "quadratic"))["least_curvature"] == pytest.approx(1.0, rel=1e-12)


def test_own_action_taken_out_breaks_the_descent_earlier():
    """`diagonal: zero` adds d |g|²/2, d = P/N: linear neurons descend up to dt = 2 tau/(1 + d)."""
    kept, zero = (answer(keys("quadratic", "quadratic", diagonal=word)) for word in ("kept", "zero"))
    assert 2 / (1 + 4 / 12) <= zero["breaking_step"] < kept["breaking_step"]
    assert zero["energy_mismatch"] < 1e-6


def test_wrong_signs_and_factors_are_seen():
    """(6) with half of its power, a gradient of the other sign, a Jacobian without its -1: all far off."""
    net, start = one_neuron(), np.array([0.3])
    lost = of.lost_along(net, of.course_of(net, start, 0.2, 10))
    assert lost.mismatch(lost.power) < 1e-6
    assert lost.mismatch(lost.power / 2) > 0.4
    assert lost.mismatch(-lost.power) > 1
    seen = linearised.measured_jacobian(net, start)
    said = linearised.jacobian(net, start)
    assert linearised.apart(said, seen) < 1e-8
    assert linearised.apart(said + 1, seen) > 0.1


def test_states_in_flight_are_left_out():
    """A network without a least energy: nothing is infinite, nothing is NaN but the step that breaks it."""
    row = answer(keys("quadratic", "exponential", flow={"dt": 0.5, "duration": 20.0}))
    assert isnan(row["breaking_step"])
    assert row["flag"] == UNSETTLED
    assert all(np.isfinite(value) for name, value in row.items() if name != "breaking_step")


# Jacobians


def is_smooth(visible: str, hidden: str) -> bool:
    """Whether both have a Hessian everywhere: degrees above 2 are those of hidden polynomials."""
    kinked = "rectified_polynomial" in (visible, hidden) and "polynomial" not in hidden
    return "spherical" not in (visible, hidden) and visible != "memories" and not kinked


@pytest.mark.parametrize(("visible", "hidden"), [pair for pair in PAIRS if is_smooth(*pair)])
def test_jacobians_are_those_of_the_flow(visible, hidden):
    """(28) by differences for every pair with a Hessian; eigenvalues are real; (30) has other shapes."""
    row = answer(keys(visible, hidden, "jacobian"))
    assert row["jacobian_error"] < 1e-6
    assert row["imaginary"] < 1e-7
    assert isnan(row["printed_error"])
    assert isnan(row["origin_error"]) == ({visible, hidden} - {"ln_cosh", "quadratic"} != set())


def test_at_the_origin_and_as_printed():
    """(29) is beta XiᵀXi - 1; (30), where N_h = N_v lets it be computed, is another matrix."""
    axes = {"size": [10], "memories": [10], "beta": [2.0], "noise": [0.1], "seed": 1}
    row = answer(keys("ln_cosh", "ln_cosh", "jacobian", axes=axes, gain="visible"))
    assert row["origin_error"] < 1e-8
    assert row["printed_error"] > 0.05
    study = study_of(keys("ln_cosh", "ln_cosh", "spectrum", axes=axes, gain="visible"))
    (at_origin,) = simulate(PatternSet(1, 10, 10, 0), [study.place((2.0, 0.1))], study.protocol)["unstable"]
    assert row["unstable"] == at_origin
    assert row["unstable_at_rest"] == 0


def test_printed_hessians_commute_for_linear_neurons_only():
    axes = {"size": [8], "memories": [8], "beta": [1.0], "noise": [0.1], "seed": 1}
    assert answer(keys("quadratic", "quadratic", "jacobian", axes=axes))["printed_error"] < 1e-8


def test_measured_jacobian_has_the_flow_itself():
    net = one_neuron(2.0)
    v, step = np.array([0.4]), 1e-6
    slope = (target(net, (v + step)[:, None]) - target(net, (v - step)[:, None]))[0, 0] / (2 * step) - 1
    assert linearised.measured_jacobian(net, v)[0, 0] == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("question", ["descent", "jacobian"])
def test_every_observable_is_answered(question):
    row = answer(keys("ln_cosh", "ln_cosh", question))
    assert [*row] == [one.name for one in NEURON_QUESTIONS[question].observables]
