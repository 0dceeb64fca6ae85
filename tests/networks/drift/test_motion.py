"""How synapses move: factors, fixed points, energies, Jacobians and rules, against loops of a few lines."""

from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest
from builders import refused

from mattis.networks.drift import synapses as of
from mattis.networks.drift.consolidation import DriftProtocol, Stage, begin, follow
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.registry import study_of
from mattis.study.model import PatternSet
from mattis.theory import evaluate
from mattis.theory.consolidation import error_factor


def stage(**changes: float) -> Stage:
    usual = {"beta": 1.0, "noise": 0.4, "spread": 0.0, "tau": 20.0, "presentations": 10.0, "memory": -1.0}
    return Stage(**{**usual, **changes})


def moved(similarity: str = "dot", bias: float = 0.0, count: int = 3, size: int = 5, **changes: Any) -> Any:
    """Memories site by site after some presentations: their state, and the protocol."""
    ensemble = MemoryEnsemble("signs", bias=bias)
    schedule = DriftProtocol(ensemble, clamping="cyclic", similarity=similarity)
    ((_, state),) = follow(PatternSet(1, size, count, 0), [stage(**changes)], schedule)
    return state, schedule


def velocity(xi: np.ndarray, v: np.ndarray, bias: np.ndarray, beta: float, distance: bool) -> np.ndarray:
    """w_mu (xi' + Lambda_mu - Xi_mu), memory by memory."""
    scores = [-sum((v - row) ** 2) / 2 if distance else float(row @ v) for row in xi]
    powers = [exp(beta * (s - max(scores))) for s in scores]
    return np.array([p / sum(powers) * (v + b - row) for p, row, b in zip(powers, xi, bias, strict=True)])


@pytest.mark.parametrize("similarity", ["dot", "distance"])
@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_velocity_gradient_and_curl_are_those_of_plain_loops(similarity, bias):
    """tau dXi/dt, dE/dXi and d(tau dXi/dt)/dXi, all by differences of functions of three lines."""
    beta, distance = 0.3, similarity == "distance"
    state, _ = moved(similarity, bias, beta=beta)
    xi, v, lure = state.matrix, state.targets[1], state.bias
    motion = of.Motion(state, xi, 1, beta, similarity)
    plain = velocity(xi, v, lure, beta, distance)
    np.testing.assert_allclose(motion.velocity, plain, rtol=1e-12)

    def energy(flat: np.ndarray) -> float:
        gaps = v + lure - flat.reshape(xi.shape)
        return -log(sum(exp(-beta * sum(row**2) / 2) for row in gaps)) / beta

    def flow(flat: np.ndarray) -> np.ndarray:
        return velocity(flat.reshape(xi.shape), v, lure, beta, distance).ravel()

    step = 1e-5 * np.eye(xi.size)
    slope = np.array([energy(xi.ravel() + e) - energy(xi.ravel() - e) for e in step]) / 2e-5
    np.testing.assert_allclose(motion.energy_slope().ravel(), slope, atol=1e-9)
    error = np.linalg.norm(plain.ravel() + slope) / np.linalg.norm(plain)
    assert motion.gradient_error() == pytest.approx(error, abs=1e-7)
    jacobian = np.array([flow(xi.ravel() + e) - flow(xi.ravel() - e) for e in step]).T / 2e-5
    curl = np.linalg.norm(jacobian - jacobian.T) / np.linalg.norm(jacobian)
    assert motion.curl(xi.shape[1]) == pytest.approx(curl, abs=1e-7)
    is_gradient = distance and not bias
    assert (motion.gradient_error() < 1e-7) == (motion.curl(xi.shape[1]) < 1e-7) == is_gradient


def test_one_memory_that_takes_all_moves_down_its_energy_by_products_too():
    state, _ = moved("dot", 0.5, beta=50.0)
    motion = of.Motion(state, state.matrix, 0, 50.0, "dot")
    assert motion.gradient_error() < 1e-6
    assert motion.curl(5) < 1e-9


def test_distances_of_the_two_rules_are_those_of_their_matrices():
    """XiᵀXi, G and the difference as matrices of N_v × N_v; at a large tau the difference is all there is."""
    apart = {}
    for tau in (20.0, 2000.0):
        state, _ = moved(count=4, size=40, beta=10.0, tau=tau, presentations=round(0.7 * tau))
        xi, new, old = state.matrix, state.targets, state.start
        left = 1 - state.hebbian.sum() / 4
        pavlov = left * old.T @ old + new.T @ np.diag(state.hebbian) @ new
        c, d = state.old_share, old - new
        stated = d.T @ np.diag(c * (1 - c)) @ d
        target = np.linalg.norm(new.T @ new)
        plain = [np.linalg.norm(xi.T @ xi + more - pavlov) / target for more in (0, stated, -stated)]
        apart[tau] = of.between_rules(state, xi)
        assert apart[tau] == pytest.approx(plain[:2], rel=1e-9, abs=1e-9)
        assert plain[2] > 1.5 * plain[1]
    assert apart[2000.0][1] < apart[2000.0][0] / 100
    assert apart[2000.0][1] < apart[20.0][1] / 50


def numbers(**changes: Any) -> dict[str, float]:
    """The numbers of the one cell of a study."""
    axes = {"size": [32], "memories": [4], "kappa": [60.0], "tau": [20.0], "presentations": [10], "seed": 1}
    axes |= {key: changes.pop(key) for key in [*changes] if key in axes or key == "memory"}
    keys = {"name": "some", "model": "consolidation", "question": "synapses", "ensemble": "orthogonal",
            "clamping": "cyclic", "axes": axes}  # fmt: skip
    study = study_of({**keys, **changes})
    patterns = PatternSet(1, 32, 4, 0)
    (point,) = [tuple(study.labels[name][0] for name in study.points)]
    columns = study.described_model.simulate(*study.task(patterns, [point]))
    return {name: float(column[0]) for name, column in columns.items()}


@pytest.mark.parametrize(("tau", "count"), [(20.0, 10), (2.0, 3), (0.75, 4), (1.0, 1)])
def test_the_error_factor_is_that_of_one_neuron(tau, count):
    """(1 - dt/tau)^k: exact in one step at dt = tau, of alternating sign beyond; so are old shares."""
    row = numbers(tau=[tau], presentations=[count])
    said = error_factor(count, tau)
    assert said == pytest.approx(abs(1 - 1 / tau) ** count)
    assert row["error_factor"] == pytest.approx(said, abs=1e-9)
    assert row["old_share"] == pytest.approx((1 - 1 / tau) ** count, abs=1e-9)
    assert error_factor(3, 0.4) > 1
    if tau >= 1:
        assert evaluate("consolidation.error_factor", presentations=count, tau=tau) == said
    halves = numbers(tau=[tau], presentations=[count], step=0.5, dwell=2)
    assert halves["error_factor"] == pytest.approx(abs(1 - 0.5 / tau) ** (2 * count), abs=1e-9)


def test_a_step_beyond_twice_tau_is_refused():
    said = refused(numbers, tau=[0.5])
    assert "step: got 1 with a time constant of 0.5; expected a step below 2 tau" in said


@pytest.mark.parametrize("towards", ["random", "old"])
def test_the_fixed_point_is_the_pattern_and_its_bias(towards):
    """xi' + Lambda, not xi': the distance from xi' alone stays |Lambda|/|xi'|."""
    bias = {"strength": 0.3, "towards": towards}
    row = numbers(kappa=[300.0], presentations=[400], bias=bias)
    assert row["target_error"] < 1e-8
    assert 0.2 < row["pattern_error"] < 0.4
    assert numbers(kappa=[300.0], presentations=[400])["pattern_error"] < 1e-8


def test_each_memory_goes_at_the_rate_of_its_pattern():
    """E c_mu = (1 - p_mu/tau)^t, and not tau/p (erratum E7 of rates and times): 64 sets, z below 5.2."""
    shares = (0.1, 0.2, 0.3, 0.4)
    for mu, p in enumerate(shares):
        found = []
        axes = {"size": [64], "memories": [4], "kappa": [60.0], "noise": [0.3], "tau": [50.0],
                "presentations": [25], "memory": [mu], "seed": 1}  # fmt: skip
        study = study_of({"name": "s", "model": "consolidation", "question": "synapses", "axes": axes,
                          "ensemble": "orthogonal", "probabilities": shares})  # fmt: skip
        (point,) = [tuple(study.labels[name][0] for name in study.points)]
        for seed in range(64):
            columns = study.described_model.simulate(*study.task(PatternSet(2, 64, 4, seed), [point]))
            found.append(columns["error_factor"][0])
        error = np.std(found, ddof=1) / 8
        assert abs(np.mean(found) - (1 - p / 50) ** 100) < 5.2 * error
        assert np.mean(found) != pytest.approx((1 - 1 / 50) ** 100, abs=5 * error)


def test_what_is_never_shown_stays():
    row = numbers(probabilities=(0.0, 0.2, 0.3, 0.5), clamping="random", memory=[0], presentations=[200])
    assert row["error_factor"] == 1
    assert row["old_share"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": "synapse"}, "question: got 'synapse'"),
        ({"kappa": [float("inf")]}, "axes.kappa: got .inf with question: synapses; expected a finite one"),
        ({"size": [1000], "memories": [600]}, "at most 512 memories with question: synapses"),
    ],
)
def test_mistakes_are_said_in_a_line(changes, said):
    assert said in refused(numbers, **changes)


def test_the_other_question_is_what_it_was():
    study = study_of({"name": "s", "model": "consolidation",
                      "axes": {"memories": [4], "kappa": [5.0], "presentations": [3]}})  # fmt: skip
    assert study.described_model.observables[0].name == "similarity"
    assert study.physics()["question"] == "memories"
    assert sqrt(begin(*(np.eye(2),) * 3, np.zeros((2, 2))).squares[0]) == 1
