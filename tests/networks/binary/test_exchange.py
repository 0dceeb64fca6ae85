"""Replica exchange: Boltzmann's law by enumeration, the rule of swaps, the same numbers however it is run.

The numbers are fixed. All comparisons with exact means together would condemn a right sampler with a
probability of at most 1e-6 (Bonferroni: each at 1e-6 / LOOKS, normal errors from autocorrelation times).
"""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, fill, make_of_family, refused
from ladders import Plain, energies_of, run_of
from scipy import stats

import mattis
from mattis.engine.driver import run
from mattis.exact.measure import estimate
from mattis.kernels import cpu
from mattis.networks.binary.asking.exchange import is_equilibrated, on_rung
from mattis.networks.binary.ladder import Ladder, LadderRecord, LadderRun
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import NOT_EQUILIBRATED

NETWORKS: dict[str, dict[str, Any]] = {
    "hopfield": {"load": [0.3], "size": [10]},
    "sherrington_kirkpatrick": {"load": None, "memories": [1], "size": [10]},
    "zero_one": {
        "load": [0.3],
        "size": [10],
        "dynamics": {"neurons": "zero_one", "threshold": 0.15},
        "temperature": [0.04, 0.07, 0.12, 0.2, 0.4],
    },
    "van_hemmen": {
        "load": None,
        "memories": [2],
        "size": [10],
        "dynamics": {"rate": "metropolis"},
        "update_order": "random",
    },
}
"""Networks of at most 12 neurons, whose states can all be visited."""

LADDER = [0.15, 0.25, 0.4, 0.65, 1.0, 1.5]
LOOKS = 2 * 3 * (6 + 6 + 5 + 6)
LIMIT = float(stats.norm.isf(1e-6 / LOOKS / 2))


def study_of(**changes: Any) -> Study:
    keys: dict[str, Any] = {
        "protocol": "exchange",
        "temperature": LADDER,
        "noise": [0.0],
        "seed": 2,
        "sweeps": {"thermalise": 20, "measure": 200},
    }
    return make_of_family(**{**keys, **changes})


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_ladders_are_those_of_the_definition(name: str, every: int) -> None:
    """The same states, swaps and walkers, bit by bit, as in plain Python; at an odd size as well."""
    keys = {**NETWORKS[name], "size": [11], "protocol": {"name": "exchange", "every": every}}
    made = run_of(study_of(model=name, **keys, sweeps={"thermalise": 10, "measure": 50}))
    plain = Plain(made)
    found, (aligned, twins, walkers) = made.run(), plain.run()
    np.testing.assert_array_equal(found.trace[1], aligned)
    np.testing.assert_array_equal(found.twins, twins)
    np.testing.assert_array_equal(found.walkers, walkers)
    np.testing.assert_array_equal(found.swaps.sum(axis=0), plain.swapped)
    assert len({*map(tuple, found.walkers)}) == 2  # the ladders are not each other's copy
    assert (np.diff(walkers, axis=1) != 1).any()


def exact_means(made: LadderRun, beta: float) -> dict[str, float]:
    """Return <E>/N, <m²> and <q²> of Boltzmann's law, by all states."""
    circuit, size = made.circuit, made.circuit.size
    states, energies = energies_of(made)
    weights = np.exp(-beta * (energies - energies.min()))
    weights /= weights.sum()
    correlations = (states * weights[:, None]).T @ states
    overlaps = states @ circuit.network.xi[0] / size
    return {
        "energy": float(weights @ energies) / size,
        "overlap_squared": float(weights @ overlaps**2),
        "replica_overlap_squared": float((correlations**2).sum()) / size**2,
    }


def deviations(made: LadderRun, found: LadderRecord) -> list[float]:
    """Return (simulation - exact)/error of energy, overlap and q on each rung."""
    warm, size, out = made.asking.thermalise, made.circuit.size, []
    for rung, beta in enumerate(made.ladder.betas):
        cell, exact = on_rung(made, found, rung), exact_means(made, beta)
        squares = found.trace[0, :, rung, warm:] ** 2
        errors = {
            "energy": cell["energy_thermal_error"],
            "overlap_squared": math.hypot(*(estimate(x).error for x in squares)) / 2 / size**2,
            "replica_overlap_squared": estimate(found.twins[rung, warm:] ** 2).error / size**2,
        }
        assert not math.isnan(sum(errors.values()))
        out += [(cell[name] - exact[name]) / error for name, error in errors.items()]
    return out


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_rung_has_the_law_of_boltzmann(name: str, every: int) -> None:
    """Energy, overlap and q at each temperature against all 2^N states; a single chain stays in a valley."""
    sweeps = {"thermalise": 200, "measure": 40000}
    keys = {**NETWORKS[name], "sweeps": sweeps, "protocol": {"name": "exchange", "every": every}}
    made = run_of(study_of(model=name, **keys))
    found = made.run()
    z = np.array(deviations(made, found))
    assert abs(z).max() < LIMIT, z
    assert found.trips.min() > 10


def test_a_hot_ladder_has_the_means_of_single_chains(tmp_path: Path) -> None:
    """Above T_g the two protocols agree in every observable that both have: 6 looks at 1e-6 in all."""
    keys = {"size": [120], "load": [0.1], "temperature": [1.5, 1.8, 2.2], "seed": 24}
    sweeps = {"thermalise": 50, "measure": 400}
    means = {}
    for protocol in ("exchange", None):
        study = study_of(**keys, sweeps=sweeps, protocol=protocol, root_seed=1 + bool(protocol))
        fill(study, tmp_path / str(protocol))
        means[protocol] = mattis.aggregate(
            mattis.open_results(study, tmp_path / str(protocol)), study
        ).squeeze(drop=True)
    for name in ("energy", "overlap_squared"):
        one, other = means["exchange"], means[None]
        error = np.hypot(one[f"{name}_error"], other[f"{name}_error"])
        z = abs(one[name] - other[name]) / error
        assert (z < stats.t(46).isf(1e-6 / 12)).all(), (name, z.values)


def test_a_cell_depends_on_the_ladder_and_on_nothing_else(tmp_path: Path) -> None:
    """Blocks, shards, workers, a run that was cut, the order of the axis and its spelling: one digest."""
    study = study_of(noise=[0.0, 0.2], load=[0.1], cues=2)
    whole = run(study, tmp_path / "whole", replace(HERE, quiet=True)).digest
    for name, settings in (("cells", {"block_cells": 1}), ("two", {"workers": 2})):
        assert run(study, tmp_path / name, replace(HERE, quiet=True, **settings)).digest == whole
    for k in (1, 0):
        last = run(study, tmp_path / "shards", replace(HERE, quiet=True, shard=(k, 2)))
    assert last.digest is None or run(study, tmp_path / "shards", HERE).digest == whole
    (block, *_) = plan.blocks(study)
    fill(
        study, tmp_path / "cut", [replace(block, points=block.points[3:5])]
    )  # half of a ladder, then the rest
    assert run(study, tmp_path / "cut", replace(HERE, quiet=True)).digest == whole
    back = study_of(noise=[0.0, 0.2], load=[0.1], cues=2, temperature=LADDER[::-1])
    assert back.physics() == study.physics()
    one, other = (x.described_model.simulate(*plan.task(x, plan.blocks(x)[0])) for x in (study, back))
    order = np.argsort([point[0] for point in plan.blocks(study)[0].points], kind="stable")
    turned = np.argsort([point[0] for point in plan.blocks(back)[0].points], kind="stable")
    for key in one:
        np.testing.assert_array_equal(one[key][order], other[key][turned])


def test_blocks_hold_whole_ladders() -> None:
    study = study_of(noise=[0.0, 0.2], seed=1, load=[0.1])
    for cells, shape in ((1, [6, 6]), (7, [6, 6]), (12, [12]), (None, [12])):
        blocks = plan.blocks(study, block_cells=cells)
        assert [len(block.points) for block in blocks] == shape
        for block in blocks:
            assert {p[0] for p in block.points} == {*study.axes.betas}
    chains = study_of(noise=[0.0, 0.2], seed=1, load=[0.1], protocol=None)
    assert [len(block.points) for block in plan.blocks(chains, block_cells=7)] == [7, 5]


def test_another_ladder_is_another_study(tmp_path: Path) -> None:
    run(study_of(seed=1), tmp_path, HERE)
    for changes in ({"temperature": [*LADDER, 2.0]}, {"protocol": {"name": "exchange", "every": 2}}):
        line = refused(run, study_of(seed=1, **changes), tmp_path, HERE)
        assert "made from a different study: protocol." in line
    assert run(study_of(seed=2), tmp_path, HERE).computed == 12  # seeds are added as ever


def test_a_study_is_written_as_it_reads(tmp_path: Path) -> None:
    study = study_of(protocol={"name": "exchange", "every": 4})
    assert "protocol: {name: exchange, every: 4, ladder: axis}" in study.to_yaml()
    assert mattis.load_study(study.write(tmp_path / "it.yaml")) == study
    keys = {"load": [0.1], "temperature": [0.5, 1.0], "protocol": "exchange"}
    assert mattis.study(**keys).protocol.ladder == Ladder((1.0, 2.0), 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": "survival"}, "question: got survival; expected no such key"),
        ({"starts": 2}, "starts: got 2; expected no such key"),
        ({"keep": {"states": 1}}, "keep: got states=1; expected no such key"),
        ({"noise_sharing": "common"}, "noise_sharing: got common; expected no such key"),
        ({"retrieved_above": 0.7}, "retrieved_above: got 0.7; expected no such key"),
        ({"temperature": [0.0, 0.5]}, "axes.temperature[0]: got 0; expected temperatures above 0"),
        ({"temperature": [0.5]}, "axes.temperature: got 1 temperature; expected at least 2"),
        ({"dynamics": "synchronous"}, "dynamics.update: got synchronous; expected asynchronous"),
        ({"dynamics": {"diagonal": "kept"}}, "dynamics.diagonal: got kept; expected zero"),
        ({"couplings": "sequence"}, "couplings: got sequence; expected symmetric couplings"),
        ({"protocol": "parallel"}, "protocol.name: got 'parallel'; expected 'exchange'"),
        ({"protocol": {"name": "exchange", "every": 0}}, "protocol.every: got 0; expected"),
        ({"protocol": None, "question": "exchange"}, "write protocol: exchange"),
    ],
)
def test_what_does_not_go_with_it_is_refused_in_one_line(changes: dict[str, Any], said: str) -> None:
    assert said in refused(study_of, **changes)


def test_a_matrix_that_is_not_symmetric_is_refused(tmp_path: Path) -> None:
    keys = {"couplings": {"file": str(tmp_path / "J.npy")}, "size": [6], "load": [0.5]}
    matrix = np.arange(36.0).reshape(6, 6)
    np.fill_diagonal(matrix, 0)
    np.save(tmp_path / "J.npy", matrix)
    assert "couplings: got given; expected symmetric" in refused(study_of, **keys)
    np.save(tmp_path / "J.npy", matrix + matrix.T)
    assert study_of(**keys).protocol.ladder is not None


def test_other_devices_say_that_they_do_not_swap(tmp_path: Path) -> None:
    line = refused(run, study_of(), tmp_path, replace(HERE, backend="simulated"))
    why = "computed on the CPU only, for device kernels do not swap temperatures"
    assert f"{why}; use --backend cpu or auto" in line
    assert "\n" not in line
    content = mattis.plan(study_of(), tmp_path, backend="simulated").totals
    assert content["device"]["told"].endswith(
        "all that this study asks is computed by the CPU, for device kernels do not swap temperatures"
    )


def test_too_few_round_trips_are_a_flag_of_their_own(tmp_path: Path) -> None:
    """In a short run every cell has it, in a long one none; where both starts differ, the cells that do."""
    short, long = (study_of(load=[0.1], seed=4, sweeps={"thermalise": 100, "measure": n}) for n in (20, 4000))
    for study, expected in ((short, True), (long, False)):
        fill(study, tmp_path / str(expected))
        cells = mattis.open_results(study, tmp_path / str(expected))
        assert (((cells["flag"].astype(int) & NOT_EQUILIBRATED) > 0) == expected).all()
        out = mattis.aggregate(cells, study)
        assert (((out["flag"] & NOT_EQUILIBRATED) > 0) == expected).all()
        assert "not_equilibrated" in out["flag"].attrs["flag_meanings"]
    assert is_equilibrated(2.0, 1.05)
    assert not is_equilibrated(1.99, 1.0)
    assert not is_equilibrated(9.0, 1.06)
    assert not is_equilibrated(9.0, math.nan)


def test_starts_that_do_not_meet_are_flagged() -> None:
    """A ladder whose hottest rung is still in the glass: the cue and random states keep their energies."""
    study = study_of(
        size=[300], load=[0.05], temperature=[0.1, 0.12, 0.14], seed=1,
        sweeps={"thermalise": 100, "measure": 400},
    )  # fmt: skip
    (block,) = plan.blocks(study)
    found = study.described_model.simulate(*plan.task(study, block))
    assert (found["energy_r_hat"] > 1.05).all()
    assert (abs(found["energy_cued"] - found["energy_random"]) > 0.005).all()
    assert ((found["flag"].astype(int) & NOT_EQUILIBRATED) > 0).all()


def record(rungs: int, sweeps: int) -> LadderRecord:
    """Return an empty record."""
    return LadderRecord(
        np.zeros((2, 2, rungs, sweeps), np.int64), np.zeros((2, rungs, 0), np.int64),
        np.zeros((rungs, sweeps), np.int64),
        np.zeros((2, rungs - 1), np.int64), np.zeros((2, rungs), np.int64),
        np.zeros((2, 2, rungs), np.int64), np.zeros((2, rungs), np.int64),
        np.zeros((2, rungs, 4), np.int8),
    )  # fmt: skip


def test_numbers_of_a_cell_are_those_of_its_record() -> None:
    """Swaps over tries, trips of the poorer ladder, the share from the cold end, moments of q."""
    made = run_of(study_of(size=[10], load=[0.3], sweeps={"thermalise": 3, "measure": 40}))
    found = made.by_matrix()
    changed = replace(
        found,
        swaps=np.array([[10, 0, 0, 0, 20], [6, 0, 0, 0, 20]]),
        trips=np.array([[1, 0, 0, 2, 0, 0], [1, 0, 0, 0, 0, 0]]),
        flow=np.array([[[0] * 6, [0] * 6], [[3] * 5 + [0], [1] * 5 + [0]]]),
    )
    first, last = (on_rung(made, changed, rung) for rung in (0, 5))
    assert first["swap_rate"] == 16 / 40  # rounds 3 … 42, of which 20 are even
    assert on_rung(made, changed, 4)["swap_rate"] == 1
    assert math.isnan(last["swap_rate"])
    assert first["round_trips"] == last["round_trips"] == 1 / 6
    assert first["from_coldest"] == 1 / 4
    assert math.isnan(last["from_coldest"])
    q = found.twins[0, 3:] / 10
    assert first["replica_overlap"] == pytest.approx(abs(q).mean(), rel=1e-12)
    assert first["binder"] == pytest.approx((3 - (q**4).mean() / (q**2).mean() ** 2) / 2, rel=1e-12)
    both = found.trace[1, :, 0, 3:].mean(axis=1)
    assert first["energy_cued"] == pytest.approx(-both[0] / 200, rel=1e-12)
    assert first["energy_random"] == pytest.approx(-both[1] / 200, rel=1e-12)
    assert first["energy"] == pytest.approx(-both.mean() / 200, rel=1e-12)


@pytest.mark.parametrize(("every", "warm"), [(1, 3), (4, 10), (4, 12)])
def test_tries_are_counted_from_the_rounds_that_are_measured(every: int, warm: int) -> None:
    ladder, tries = Ladder((1.0, 2.0, 3.0), every), [0, 0]
    for t in range(warm, warm + 41):
        if (t + 1) % every == 0:
            tries[((t + 1) // every - 1) % 2] += 1
    assert [ladder.proposals(pair, warm, warm + 41) for pair in (0, 1)] == tries


def test_energy_and_replicas_of_a_spin_glass_are_tied(tmp_path: Path) -> None:
    """e = -(beta/2)(1 - [<q²>]) in the mean over couplings, at N = 16: 6 looks at 1e-6 in all."""
    keys = {"model": "sherrington_kirkpatrick", "load": None, "memories": [1], "size": [16]}
    study = study_of(**keys, seed=36, sweeps={"thermalise": 100, "measure": 400})
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path).squeeze(drop=True)
    apart = cells["energy"] - cells["energy_of_replicas"]
    z = apart.mean("seed") / (apart.std("seed", ddof=1) / 6)
    assert (abs(z) < stats.t(35).isf(1e-6 / 12)).all(), z.values
    assert (cells["replica_overlap_squared"].mean("seed") > 0.2).sum() >= 4  # where it says something


def test_only_gaussian_couplings_have_that_energy() -> None:
    both = study_of(couplings_axis=["sherrington_kirkpatrick", "hebb"], seed=1, load=[0.1], size=[20])
    (block,) = plan.blocks(both)
    found = both.described_model.simulate(*plan.task(both, block))["energy_of_replicas"]
    assert np.isnan(found).tolist() == [False] * 6 + [True] * 6
    of_signs = [one.name for one in study_of().described_model.observables]
    assert "energy_of_replicas" not in of_signs


@pytest.mark.parametrize(
    "keys",
    [
        {"size": [101], "load": [0.1]},
        {"size": [64], "load": [0.3], "temperature": np.linspace(0.1, 2, 40).tolist()},  # 80 walkers
        {"size": [130], "load": [0.5], "update_order": "random", "temperature": [0.3, 0.5, 0.9]},
        {"size": [331], "load": [1.0], "protocol": {"name": "exchange", "every": 3}},  # lanes of 32 bits
    ],
)
def test_lanes_and_couplings_leave_the_same_record(keys: dict[str, Any]) -> None:
    """Hopfield's network by its overlaps, 32 walkers side by side, and by its couplings: all bits."""
    made = run_of(study_of(**keys, noise=[0.1], sweeps={"thermalise": 20, "measure": 80}), noise=0.1)
    one, other = made.by_lanes(), made.by_matrix()
    for field in fields(LadderRecord):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)
    assert one.swaps.sum() > 0


def test_which_networks_run_in_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for name in ("by_lanes", "by_matrix"):
        monkeypatch.setattr(LadderRun, name, lambda run, n=name: ran.append(n) or run.empty(run.starts))
    for keys in ({}, {"model": "clipped"}, {"dynamics": {"neurons": "zero_one"}}, {"patterns": "biased"}):
        study = study_of(size=[20], load=[0.2], seed=1, **keys)
        study.described_model.simulate(*plan.task(study, plan.blocks(study)[0]))
    assert ran == ["by_lanes", *["by_matrix"] * 3]


def test_round_trips_and_flow_are_those_of_who_was_where() -> None:
    """Three walkers: 0 goes down and back twice; 2 begins at the cold end, which is no trip."""
    seen, trips, flow = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros((2, 3), np.int64)
    for walkers in ([0, 1, 2], [1, 2, 0], [0, 1, 2], [2, 1, 0], [0, 1, 2]):
        cpu.exchange.follow_walkers(np.array(walkers), seen, trips, flow)
    assert trips.tolist() == [2, 0, 0]
    assert flow.tolist() == [[5, 3, 0], [0, 1, 5]]


@pytest.mark.parametrize("words", [(0, 0), (2**31, 5), (2**32 - 1, 2**32 - 1), (123456789, 2**31)])
def test_a_swap_is_decided_by_all_of_its_words(words: tuple[int, int]) -> None:
    """u < e^x, as near as arithmetic tells; what lowers the energy of the colder one is always accepted."""
    high, low = (np.uint32(word) for word in words)
    u = ((words[0] << 21 | words[1] >> 11) + 0.5) / 2**53
    assert cpu.exchange.is_accepted(min(math.log(u) + 1e-13, 0.0), high, low)
    assert not cpu.exchange.is_accepted(math.log(u) - 1e-13, high, low)
    assert cpu.exchange.is_accepted(0.0, high, low)
    assert cpu.exchange.is_accepted(800.0, high, low)
    assert not cpu.exchange.is_accepted(-800.0, high, low)
