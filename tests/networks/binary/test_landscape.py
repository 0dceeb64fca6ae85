"""Landscapes beside plain loops over states, flips and triangles; and what is known exactly."""

import math
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from builders import cells_of, make_of_family, refused

from mattis.networks.binary import family
from mattis.networks.binary.asking import landscape as module
from mattis.networks.binary.asking.landscape import Landscape
from mattis.networks.binary.study import BinaryStudy
from mattis.study.model import PatternSet
from mattis.theory import evaluate


def study(**changes: Any) -> BinaryStudy:
    """A small network whose landscape is looked at."""
    usual = {"question": "landscape", "size": [10], "load": None, "memories": [3],
             "temperature": [0.0], "noise": None, "seed": 1, "cues": 20}  # fmt: skip
    made = make_of_family(**{**usual, **changes})
    assert isinstance(made, BinaryStudy)
    return made


def landscape_of(made: BinaryStudy) -> Landscape:
    size, (count,) = made.axes.size[0], made.axes.memories or (1,)
    patterns = PatternSet(1, size, count, 0)
    circuit = family.circuit(patterns, family.draw(patterns, made.ensemble), made.protocol)
    return Landscape(circuit, made.protocol)


NETWORKS: tuple[dict[str, Any], ...] = (
    {},
    {"couplings": "sherrington_kirkpatrick"},
    {"couplings": "sequence"},
    {"dynamics": {"threshold": 0.2}},
    {"dynamics": {"neurons": "zero_one", "threshold": 0.1}},
    {"dynamics": {"diagonal": "kept"}},
    {"couplings": "asymmetric_dilution", "patterns": {"ensemble": "biased", "activity": 0.3}},
)


@pytest.mark.parametrize("made", NETWORKS)
def test_every_state_is_counted_as_by_plain_loops(made):
    one = study(**made)
    circuit, found = landscape_of(one).circuit, cells_of(one)[0]
    low, size = (0 if circuit.dynamics.neurons == "zero_one" else -1), circuit.size
    couplings, threshold = (circuit.made.nj / (size * circuit.unit), float(circuit.dynamics.threshold))
    energies, stable = [], []
    for state in product((low, 1), repeat=size):
        fields = couplings @ state - threshold
        energies.append((-np.array(state) @ couplings @ state / 2 + threshold * sum(state)) / size)
        wants = np.where(np.abs(fields) < 1e-9, state, np.where(fields > 0, 1, low))
        stable.append(bool((wants == state).all()))
    least = min(energies)
    known = [energy for energy, is_stable in zip(energies, stable, strict=True) if is_stable]
    assert found["minima"] == len(known)
    assert found["energy_lowest"] == pytest.approx(least, abs=1e-12)
    assert found["ground_states"] == sum(abs(energy - least) < 1e-12 for energy in energies)
    if known:
        assert found["energy_minima"] == pytest.approx(np.mean(known), abs=1e-12)
        assert found["log_minima"] == pytest.approx(math.log(len(known)), abs=1e-12)


@pytest.mark.parametrize("size", [10, 21])
@pytest.mark.parametrize("made", NETWORKS[:4])
def test_descents_are_those_of_plain_loops(made, size):
    """Energies are computed anew after each flip; of 21 neurons the ends are what is known."""
    one = study(size=[size], **made)
    looked, found = landscape_of(one), cells_of(one)[0]
    circuit = looked.circuit
    flips, rises, ends, rest = 0, [], [], 0
    for start in looked.starts.astype(np.int64):
        state = start.copy()
        for _ in range(one.sweeps.total):
            before = state.copy()
            for i in range(size):
                if state[i] * (circuit.made.nj[i].astype(np.int64) @ state + circuit.bias[i]) < 0:
                    energy = total(circuit, state)
                    state[i] = -state[i]
                    rises.append(total(circuit, state) - energy)
                    flips += 1
            if (before == state).all():
                rest += 1
                break
        ends.append(total(circuit, state) / size)
    assert found["flips_to_rest"] == pytest.approx(flips / len(looked.starts))
    assert found["energy_change"] == pytest.approx(max(rises), abs=1e-10)
    assert found["energy_at_rest"] == pytest.approx(np.mean(ends), abs=1e-12)
    assert found["at_rest"] == rest / len(looked.starts)
    if size > module.LARGEST_VISITED:
        assert found["energy_lowest"] == pytest.approx(min(ends), abs=1e-12)


def total(circuit: Any, state: np.ndarray) -> float:
    """E = -1/2 sum J S S - sum b S / N."""
    nj, scale = circuit.made.nj.astype(np.int64), circuit.size * circuit.unit
    return float(-(state @ nj @ state) / 2 - circuit.bias @ state) / scale


def test_energy_falls_at_every_flip_of_symmetric_couplings_only():
    """Without asymmetric couplings or thresholds of their own no flip costs energy (Hopfield 1982)."""
    for made in ({}, {"couplings": "sherrington_kirkpatrick"}, {"dynamics": {"neurons": "zero_one"}}):
        (one,) = cells_of(study(size=[60], **made))
        assert one["energy_change"] < 0
        assert one["at_rest"] == 1
        assert one["asymmetry"] == one["self_coupling"] == 0
    (moving,) = cells_of(study(size=[60], couplings="sequence", memories=[6]))
    assert moving["energy_change"] > 0
    assert moving["asymmetry"] > 0.5


def test_descents_find_every_stable_state_of_a_small_network(monkeypatch):
    made = study(couplings="sherrington_kirkpatrick", cues=400)
    visited = landscape_of(made).minima
    monkeypatch.setattr(module, "LARGEST_VISITED", 0)
    found = landscape_of(made).minima
    assert found[:4] == visited[:4]
    one = landscape_of(study(couplings="sherrington_kirkpatrick", cues=1)).minima
    assert (one.stable, one.aligned) == (2, 2 * one.best)  # S and -S
    assert abs(found.lowest.astype(int) @ visited.lowest.astype(int)) == made.axes.size[0]


def test_a_mattis_model_has_no_frustration_and_two_ground_states():
    (one,) = cells_of(study(size=[12], memories=[1]))
    assert (one["frustrated_triangles"], one["unsatisfied_bonds"]) == (0, 0)
    assert (one["minima"], one["ground_states"]) == (2, 2)
    assert one["energy_lowest"] == pytest.approx(-(12 - 1) / 24)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_orthogonal_patterns_are_the_ground_states(count):
    """2 p Mattis states (catalogue M2): H/N = -sum m²/2 + p/2N, and sum m² <= 1."""
    (one,) = cells_of(study(size=[16], memories=[count], patterns="orthogonal"))
    assert one["ground_states"] == 2 * count
    assert one["energy_lowest"] == pytest.approx(-0.5 + count / 32)


def test_triangles_are_those_of_plain_loops():
    made = study(size=[11], memories=[4])
    nj = landscape_of(made).circuit.made.nj.astype(int)
    products = [nj[i, j] * nj[j, k] * nj[k, i] for i, j, k in combinations(range(11), 3)]
    share = sum(p < 0 for p in products) / sum(p != 0 for p in products)
    assert cells_of(made)[0]["frustrated_triangles"] == pytest.approx(share, abs=1e-12)


def test_sampled_triangles_are_a_fair_sample(monkeypatch):
    """65536 of 161 700 triangles, with repetition: within 6 standard errors of the share of all."""
    made = study(size=[100], memories=[5])
    sampled = landscape_of(made).frustration()
    monkeypatch.setattr(module, "EVERY_TRIANGLE", 100)
    every = landscape_of(made).frustration()
    assert sampled != every
    assert abs(sampled - every) < 6 * math.sqrt(every * (1 - every) / 65536)
    assert abs(every - 0.5) > 0.05


def test_spin_glasses_have_as_many_stable_states_as_theory_says():
    """z below 5 for the mean of 400 sets; half and twice the exponent are rejected."""
    made = study(size=[12], couplings="sherrington_kirkpatrick", memories=[1], seed=400, cues=1)
    counts = np.array([one["minima"] for one in cells_of(made)])
    wanted, error = evaluate("sk.minima", size=12), counts.std() / 20
    assert abs(counts.mean() - wanted) < 5 * error
    assert error < 0.05 * wanted


def test_theory_of_the_glass_is_that_of_its_limits():
    assert evaluate("sk.complexity") == pytest.approx(0.1992285, abs=1e-7)
    assert evaluate("sk.energy_minima") == pytest.approx(-0.5060545, abs=1e-7)
    slope = (math.log(evaluate("sk.minima", size=3000)) - math.log(evaluate("sk.minima", size=1000))) / 2000
    assert slope == pytest.approx(evaluate("sk.complexity"), abs=1e-6)
    assert evaluate("sk.minima", size=3) == pytest.approx(2)  # of three spins always a pair, or its like
    assert evaluate("sk.ground_energy") == -0.76317
    assert evaluate("sk.ground_energy", size=1000) == pytest.approx(-0.76317 + 0.007)


def test_what_has_no_landscape_is_refused_in_one_line():
    assert "no temperature" in refused(study, temperature=[0.0, 0.5])
    assert "single flips" in refused(study, dynamics="synchronous")
    assert "random states" in refused(study, noise=[0.1])
