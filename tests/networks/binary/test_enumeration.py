"""Small networks, all 2^N states enumerated: beside plain loops over states, and beside what chains do."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from builders import columns_of, make_of_family, refused

from mattis.networks.binary import family
from mattis.networks.binary.asking.enumeration import Transitions
from mattis.networks.binary.matrix_network import MatrixNetwork
from mattis.networks.binary.study import BinaryStudy
from mattis.study import plan
from mattis.study.model import PatternSet

UPDATES = ("asynchronous", "synchronous")
SIZE, BETA = 5, 1.25


def study(**changes: Any) -> BinaryStudy:
    """A small network that is enumerated."""
    usual = {"question": "enumeration", "size": [SIZE], "load": None, "memories": [2],
             "temperature": [1 / BETA], "noise": [0.0], "seed": 1}  # fmt: skip
    acting = changes.get("dynamics")
    if isinstance(acting, dict) and acting.get("rate") == "metropolis":
        usual["update_order"] = "random"
    made = make_of_family(**{**usual, **changes})
    assert isinstance(made, BinaryStudy)
    return made


def circuit_of(made: BinaryStudy, size: int = SIZE) -> MatrixNetwork:
    patterns = PatternSet(1, size, 2, 0)
    return family.circuit(patterns, family.draw(patterns, made.ensemble), made.protocol)


def cell(made: BinaryStudy) -> dict[str, float]:
    """The first cell of a study."""
    (block,) = plan.blocks(made)
    return {name: float(values[0]) for name, values in columns_of(made, block).items()}


def plain(circuit: MatrixNetwork, beta: float, sign: float = 1.0) -> dict[str, np.ndarray]:
    """States, H and W in loops: neurons 0, 1 are their own, with H of V."""
    size, couplings = circuit.size, circuit.made.nj / (circuit.size * circuit.unit)
    one_sided = circuit.dynamics.neurons == "zero_one"
    low, threshold = 0 if one_sided else -1, float(circuit.dynamics.threshold)
    states = [state[::-1] for state in product((low, 1), repeat=size)]  # site i is bit i
    matrix, energies, weights = np.zeros((2**size, 2**size)), np.zeros(2**size), np.ones(2**size)
    for s, state in enumerate(states):
        fields = [sum(couplings[i, j] * state[j] for j in range(size)) - threshold for i in range(size)]
        energies[s] = sum(-state[i] * (fields[i] + threshold) / 2 + threshold * state[i] for i in range(size))
        for i in range(size):
            weights[s] *= sum(math.exp(beta * fields[i] * value) for value in (low, 1))
            weights[s] *= math.exp(-beta * threshold * state[i])
        for t, after in enumerate(states):
            each = [
                math.exp(sign * beta * fields[i] * after[i])
                / sum(math.exp(sign * beta * fields[i] * value) for value in (low, 1))
                for i in range(size)
            ]
            if circuit.dynamics.rate == "metropolis":  # of a flip, else of none
                gains = [sign * fields[i] * ((low if v == 1 else 1) - v) for i, v in enumerate(state)]
                flips = [min(1.0, math.exp(beta * gain)) for gain in gains]
                each = [f if a != b else 1 - f for f, a, b in zip(flips, after, state, strict=True)]
            if circuit.dynamics.synchronous:
                matrix[s, t] = math.prod(each)
            else:
                changed = [i for i in range(size) if after[i] != state[i]]
                if len(changed) <= 1:
                    matrix[s, t] = sum(each[i] for i in changed or range(size)) / size
    gibbs = np.exp(-beta * energies)
    return {
        "matrix": matrix, "energies": energies / size, "gibbs": gibbs / gibbs.sum(),
        "perettos": weights / weights.sum(), "law": leading(matrix),
    }  # fmt: skip


def leading(matrix: np.ndarray) -> np.ndarray:
    """The left eigenvector of the eigenvalue 1."""
    values, vectors = np.linalg.eig(matrix.T)
    law = np.real(vectors[:, np.argmax(values.real)])
    return np.asarray(law / law.sum())


NETWORKS: tuple[dict[str, Any], ...] = (
    {},
    {"couplings": "sequence"},
    {"patterns": {"ensemble": "biased", "activity": 0.3}},
    {"diagonal": "kept"},
    {"threshold": 0.2},
    {"neurons": "zero_one", "threshold": 0.1},
)


ACCEPTED: tuple[dict[str, Any], ...] = tuple({"rate": "metropolis", **NETWORKS[k]} for k in (0, 2, 4, 5))
"""Networks with an energy, by Metropolis' rate."""


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("made", "update"), [*product(NETWORKS, UPDATES), *product(ACCEPTED, UPDATES[:1])])
def test_matrix_energies_and_laws_are_those_of_plain_loops(made, update, sign):
    acting = {key: value for key, value in made.items() if key not in ("couplings", "patterns")}
    rest = {key: value for key, value in made.items() if key not in acting}
    circuit = circuit_of(study(dynamics={"update": update, **acting}, **rest))
    found, wanted = Transitions(circuit, BETA, sign), plain(circuit, BETA, sign)
    for name in ("matrix", "energies", "law", "gibbs", "perettos"):
        if acting.get("diagonal") == "kept" and name == "perettos" and sign < 0:
            continue
        np.testing.assert_allclose(getattr(found, name), wanted[name], atol=1e-12, err_msg=name)


def test_symmetric_couplings_have_the_laws_of_gibbs_and_of_peretto():
    alone, at_once = (cell(study(dynamics=update)) for update in UPDATES)
    assert alone["gibbs_distance"] < 1e-14 < 1e-3 < alone["peretto_distance"]
    assert at_once["peretto_distance"] < 1e-14 < 1e-3 < at_once["gibbs_distance"]
    for one in (alone, at_once):
        assert max(one["imbalance"], one["imbalance_reversed"], one["row_sum_error"]) < 1e-13


@pytest.mark.parametrize("update", UPDATES)
def test_asymmetric_couplings_have_neither_and_do_not_balance(update):
    one = cell(study(dynamics=update, couplings="sequence", memories=[3]))
    assert min(one["gibbs_distance"], one["peretto_distance"], one["imbalance"]) > 0.01


@pytest.mark.parametrize("made", ACCEPTED)
def test_metropolis_has_the_law_of_gibbs_and_balances(made):
    acting = {key: value for key, value in made.items() if key != "patterns"}
    rest = {key: value for key, value in made.items() if key == "patterns"}
    for size in (3, 7, 10):
        one = cell(study(size=[size], dynamics=acting, temperature=[0.5], **rest))
        assert one["gibbs_distance"] < 1e-14
        assert max(one["imbalance"], one["row_sum_error"]) < 1e-13
        assert one["gibbs_distance_reversed"] > 0.01


def test_only_one_step_tells_the_sign_of_all_sites_at_once():
    one = cell(study(dynamics="synchronous"))
    assert one["peretto_distance_reversed"] < 1e-14
    network = circuit_of(study())
    pattern = network.stored.xi[0].astype(float)
    fields = network.made.nj @ pattern / SIZE
    assert one["overlap_one_step"] == pytest.approx(pattern @ np.tanh(BETA * fields) / SIZE, abs=1e-14)
    assert one["overlap_one_step_reversed"] == pytest.approx(-one["overlap_one_step"], abs=1e-14)
    assert one["overlap_one_step"] > 0.3


def test_distances_are_half_of_the_sum_of_differences():
    circuit = circuit_of(study(dynamics="synchronous"))
    wanted, found = plain(circuit, BETA), Transitions(circuit, BETA).balance
    apart = np.abs(wanted["law"] - wanted["gibbs"]).sum() / 2
    assert found["gibbs_distance"] == pytest.approx(apart, abs=1e-12)


@pytest.mark.parametrize("couplings", ["hebb", "sequence"])
def test_a_sweep_in_order_is_the_product_of_its_visits(couplings):
    """Each visit: N W of one site at random, less what the other sites keep."""
    circuit = circuit_of(study(couplings=couplings, dynamics={"diagonal": "kept"}))
    found, size = Transitions(circuit, BETA), circuit.size
    up, down = found.chances
    sweep = np.eye(2**size)
    for i in range(size):
        visit = np.zeros((2**size, 2**size))
        for s in range(2**size):
            visit[s, s | 1 << i], visit[s, s & ~(1 << i)] = up[s, i], down[s, i]
        sweep = sweep @ visit
    np.testing.assert_allclose(found.sampled, leading(sweep), atol=1e-12)


CHAINS = tuple(
    (update, couplings, quarter)
    for update in (*UPDATES, "metropolis")
    for couplings in ("hebb", "sequence")
    for quarter in (False, True)
    if (update, couplings) != ("metropolis", "sequence")
)
"""Each looks at two numbers: 20 z, all below 6.2 of the normal law, or 7.5 of errors that are estimated."""


@pytest.mark.parametrize(("update", "couplings", "quarter"), CHAINS)
def test_chains_have_the_exact_energy_and_squared_overlap(update, couplings, quarter):
    """A right chain is condemned with a probability below 1e-6; one of twice the temperature is seen."""
    acting = {"rate": update} if update == "metropolis" else {"update": update}
    acting["neurons"] = "zero_one" if quarter else "signs"
    heat = 0.2 if quarter else 0.8
    long = {"thermalise": 100, "measure": 40_000}
    one = cell(study(dynamics=acting, couplings=couplings, sweeps=long, temperature=[heat]))
    other = cell(study(dynamics=acting, couplings=couplings, temperature=[2 * heat]))
    for name in ("energy", "overlap_squared"):
        error = one[f"{name}_thermal_error"]
        assert 0 < error < 0.01
        assert abs(one[name] - one[f"{name}_exact"]) < 7.5 * error
    error = one["energy_thermal_error"]
    assert abs(one["energy"] - other["energy_exact"]) > 20 * error


def test_what_cannot_be_enumerated_is_refused_in_one_line():
    assert "at most 12 neurons" in refused(study, size=[4, 13])
    assert "several stationary laws" in refused(study, temperature=[0.5, 0.0])


def test_cues_share_a_matrix_and_each_has_its_own_overlap():
    both = cell(study(cues=2, memories=[3]))
    assert both["gibbs_distance"] < 1e-14
    assert both["overlap_one_step"] != cell(study(memories=[3]))["overlap_one_step"]
