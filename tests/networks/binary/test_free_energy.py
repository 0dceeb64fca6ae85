"""Free energies along ladders of replica exchange, and the two phases of Hopfield's network, by enumeration.

The numbers are fixed. All comparisons of a test together would condemn a right program with a probability of
at most 1e-6: Student's law, of ten blocks or of some runs.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import fill, make_of_family
from ladders import energies_of, run_of
from scipy import stats

import mattis
from mattis.networks.binary.asking.free_energy import (
    FREE_ENERGY_OBSERVABLES,
    PHASE_OBSERVABLES,
    energy_counts,
    free_energies,
    jackknife,
    least_of_retrieval,
    phase_observables,
)
from mattis.networks.binary.ladder import LadderRun
from mattis.study import plan
from mattis.study.base import Study

NETWORKS: dict[str, dict[str, Any]] = {
    "hopfield": {"load": [0.3]},
    "sherrington_kirkpatrick": {"load": None, "memories": [1]},
    "zero_one": {"load": [0.3], "dynamics": {"neurons": "zero_one", "threshold": 0.15}},
}
"""Networks of 10 neurons, whose states can all be visited."""

TEMPERATURES = [0.15, 0.25, 0.4, 0.65, 1.0, 1.6, 2.5, 4.0]


def study_of(**changes: Any) -> Study:
    keys: dict[str, Any] = {
        "protocol": "exchange",
        "temperature": TEMPERATURES,
        "size": [10],
        "noise": [0.0],
        "seed": 1,
        "sweeps": {"thermalise": 200, "measure": 4000},
    }
    return make_of_family(**{**keys, **changes})


@pytest.mark.parametrize("name", NETWORKS)
def test_free_energies_are_those_of_all_states(name: str) -> None:
    """f = -(T/N) ln sum_S e^(-E/T), absolute; and ln Z as told from the hottest: 15 looks at each network."""
    made = run_of(study_of(model=name, **NETWORKS[name]))
    found = free_energies(made, made.run())
    _, energies = energies_of(made)
    logs = np.array([np.log(np.exp(-b * energies).sum()) for b in made.ladder.betas]) / 10
    limit = float(stats.t(9).isf(1e-6 / 15 / 2))
    for cell, beta, exact in zip(found, made.ladder.betas, logs, strict=True):
        assert abs(cell["free_energy"] + exact / beta) < limit * cell["free_energy_thermal_error"]
        error = cell["log_partition_thermal_error"]
        assert abs(cell["log_partition"] - (exact - logs[0])) <= limit * error
        assert 0 < cell["free_energy_thermal_error"] < 0.01
    assert found[0]["log_partition"] == found[0]["log_partition_thermal_error"] == 0


def phases_by_enumeration(made: LadderRun) -> list[dict[str, float]]:
    """Return the weights of retrieval and of the rest at each temperature, of all states."""
    states, energies = energies_of(made)
    size, patterns = made.circuit.size, made.circuit.network.xi.astype(int)
    largest = abs(states @ patterns.T).max(axis=1) / size
    own = np.array([energies[(states == xi).all(axis=1)].item() for xi in patterns])
    cells = []
    for beta in made.ladder.betas:
        weights = np.exp(-beta * (energies - energies.min()))
        retrieved = largest > least_of_retrieval(beta)
        parts = weights[retrieved].sum(), weights[~retrieved].sum()
        cells.append(phase_observables(*parts, own - own.mean(), beta, size))
    return cells


def test_phases_have_their_weights_of_all_states() -> None:
    """16 runs of one network: weight and free energy of retrieval, 3 looks at each of 8 temperatures."""
    study = study_of(size=[11], load=[0.27], sweeps={"thermalise": 100, "measure": 1000})
    runs = []
    for k in range(16):  # the noise of the cue names the streams
        made = run_of(study, k / 11 / 10**6)
        runs.append(free_energies(made, made.run()))
    limit = float(stats.t(15).isf(1e-6 / 24 / 2))
    assert made.circuit.network.count == 3
    for rung, known in enumerate(phases_by_enumeration(made)):
        for name in ("retrieval_weight", "retrieval_excess", "retrieval_excess_alike"):
            values = np.array([run[rung][name] for run in runs])
            error = values.std(ddof=1) / 4
            assert abs(values.mean() - known[name]) < limit * error + 1e-12, (rung, name)
    assert 0.2 < phases_by_enumeration(made)[0]["retrieval_weight"] < 0.8


def test_one_retrieval_state_of_two_p_is_compared_with_the_rest() -> None:
    """Patterns that are alike: w/(2 P); else each counts by its own energy, and the mean one is compared."""
    alike = phase_observables(0.6, 0.3, np.zeros(3), 2.0, 50)
    assert alike["retrieval_weight"] == pytest.approx(2 / 3)
    assert alike["retrieval_share"] == pytest.approx(0.1 / 0.4)
    assert alike["retrieval_excess"] == alike["retrieval_excess_alike"]
    assert alike["retrieval_excess"] == pytest.approx(math.log(3) / 100)
    energies, rest = np.array([-1.0, 0.0, 1.0]), 0.3
    weights = 2 * 0.04 * np.exp(-2.0 * energies)  # of three patterns and their opposites
    cell = phase_observables(weights.sum(), rest, energies, 2.0, 50)
    assert cell["retrieval_share"] == pytest.approx(0.04 / 0.34)
    assert cell["retrieval_excess"] == pytest.approx(math.log(0.3 / 0.04) / 100)
    assert cell["retrieval_excess_alike"] < cell["retrieval_excess"]
    none = phase_observables(0.0, 1.0, energies, 2.0, 50)
    assert none["retrieval_share"] == 0
    assert math.isnan(none["retrieval_excess"])


def test_a_ladder_that_is_too_cold_has_no_absolute_free_energy() -> None:
    """Differences are there; of two parts that have no states in common, those of the hot one alone."""
    cold = run_of(study_of(size=[200], load=[0.05], temperature=[0.9, 0.95, 1.0]))
    for cell in free_energies(cold, cold.run()):
        assert math.isnan(cell["free_energy"])
        assert math.isnan(cell["free_energy_thermal_error"])
        assert math.isfinite(cell["log_partition"])
    keys = {"size": [200], "load": [0.05], "temperature": [0.3, 0.31, 1.5, 1.55]}
    parted = run_of(study_of(**keys, sweeps={"thermalise": 100, "measure": 300}))
    known = [math.isfinite(c["log_partition"]) for c in free_energies(parted, parted.run())]
    assert known in ([True, True, False, False], [False] * 4)


def test_levels_are_met_as_often_as_states_were() -> None:
    """All states are counted, once; of more energies than levels neighbours are counted at their mean."""
    made = run_of(study_of(model="sherrington_kirkpatrick", load=None, memories=[1], size=[24]))
    record = made.run()
    found = energy_counts(made, record)
    assert found.counts.sum(axis=(0, 2)).tolist() == [8000] * 8
    assert found.random.sum() == 2048
    assert found.levels.size <= 4096 < np.unique(record.trace[1, :, :, 200:]).size
    energies = -record.trace[1, :, :, 200:] / (2 * 24 * made.circuit.unit)
    width = np.ptp(energies) / 4000
    assert abs(found.levels[found.places] - energies).max() < 2 * width
    assert (found.levels[found.places] - energies).mean() == pytest.approx(0, abs=width / 100)


def test_the_error_is_that_of_blocks_left_out() -> None:
    """Of a mean of ten blocks it is their standard error."""
    blocks = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0, 1.0, 3.0, 2.0, 9.0])
    others = (blocks.sum() - blocks) / 9
    assert jackknife(others) == pytest.approx(blocks.std(ddof=1) / math.sqrt(10))
    assert math.isnan(jackknife(others[:1]))


def test_all_networks_have_free_energies_and_hopfields_its_phases(tmp_path: Path) -> None:
    """The boundary along the temperature is there with it, where one retrieval state weighs as much."""
    of_all, of_hopfield = (
        [one.name for one in found] for found in (FREE_ENERGY_OBSERVABLES, PHASE_OBSERVABLES)
    )
    glass = study_of(model="sherrington_kirkpatrick", load=None, memories=[1])
    names = [one.name for one in glass.described_model.observables]
    assert set(of_all) <= set(names)
    assert not set(of_hopfield) & set(names)
    assert glass.described_model.boundaries == ()
    study = study_of(size=[60], load=[0.02], seed=4, temperature=[0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path)
    out = mattis.aggregate(cells, study).squeeze(drop=True)
    share = out["retrieval_share"].sortby("temperature").values
    assert share[0] > 0.5 > share[-1]
    assert 0.2 < float(out["boundary_equal_free_energy"]) < 1.2
    assert float(out["boundary_equal_free_energy_error"]) > 0


def test_of_several_rules_only_hebbs_has_phases() -> None:
    both = study_of(couplings_axis=["sherrington_kirkpatrick", "hebb"], load=[0.1], size=[20])
    (block,) = plan.blocks(both)
    found = both.described_model.simulate(*plan.task(both, block))
    assert np.isnan(found["retrieval_weight"]).tolist() == [True] * 8 + [False] * 8
    assert np.isfinite(found["log_partition"]).all()


def test_lanes_and_matrix_find_the_same_largest_overlap() -> None:
    """As numpy finds it in the last states, where walkers stay on their rungs; none without phases."""
    keys = {"size": [33], "load": [0.3], "sweeps": {"thermalise": 2, "measure": 20}}
    for every in (1, 1000):
        made = run_of(study_of(**keys, protocol={"name": "exchange", "every": every}))
        lanes = made.by_lanes()
        np.testing.assert_array_equal(lanes.nearest, made.by_matrix().nearest)
    ends = abs(lanes.spins.astype(int) @ made.circuit.network.xi.T.astype(int)).max(axis=-1)
    np.testing.assert_array_equal(lanes.nearest[:, :, -1], ends)
    assert replace(made, is_hebbian=False).run().nearest.size == 0
