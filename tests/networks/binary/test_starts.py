"""Two starts of a cell: the second is a chain of its own, and tells whether both came to the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, fill, make_of_family

import mattis
from mattis.engine.driver import run
from mattis.engine.status import status
from mattis.errors import UserError
from mattis.exact.convergence import r_hat, sample_size
from mattis.networks.binary import chains
from mattis.networks.binary.hopfield import STARTS_OBSERVABLES, build
from mattis.networks.binary.network import Replica
from mattis.statistics.states import EQUILIBRATED, METASTABLE, REMANENT
from mattis.study import plan
from mattis.study.base import Study

LONG = {"thermalise": 100, "measure": 600}


def study_of(**changes: Any) -> Study:
    keys = {"size": [60], "load": [0.1], "temperature": [0.0, 0.4, 1.2], "noise": [0.0, 0.2], "cues": 2}
    return make_of_family(**{**keys, **changes})


def cells(study: Study) -> list[dict[str, np.ndarray]]:
    return [study.described_model.simulate(*plan.task(study, block)) for block in plan.blocks(study)]


@pytest.mark.parametrize("model", ["hopfield", "little", "clipped", "gaussian", "zero_one", "sequence"])
def test_the_first_start_is_what_it_was_and_the_second_is_a_cue_that_says_nothing(model: str) -> None:
    once, twice = cells(study_of(model=model)), cells(study_of(model=model, starts=2))
    half = cells(study_of(model=model, noise=[0.5]))
    names = [one.name for one in STARTS_OBSERVABLES]
    for before, after, random in zip(once, twice, half, strict=True):
        assert [name for name in after if name not in before] == names
        for name, values in before.items():
            np.testing.assert_array_equal(after[name], values, name)
        for name in ("overlap", "energy"):
            second = after[f"{name}_random"].reshape(-1, 2)  # the same at both noises
            np.testing.assert_array_equal(second, random[name][:, None] * np.ones(2))


def test_they_are_compared_by_the_energies_of_their_chains() -> None:
    """One cue of Hopfield's network: the traces and last states of both chains, run by themselves."""
    study = study_of(cues=1, starts=2, noise=[0.2], temperature=[0.0, 0.4, 1.2], sweeps=LONG)
    patterns, points, inquiry = plan.task(study, plan.blocks(study)[0])
    found = study.described_model.simulate(patterns, points, inquiry)
    for k, point in enumerate(points):
        energies, last = [], []
        for noise in (0.2, 0.5):
            (one,) = chains.run(build(patterns), [Replica(0, point.beta, noise)], inquiry.asking)
            energies.append(one.trace[1, LONG["thermalise"] :, 0])
            last.append(one.spins[:, 0].tolist())
        alike = sum(a == b for a, b in zip(*last, strict=True))
        assert found["overlap_starts"][k] == (2 * alike - patterns.size) / patterns.size
        for name, of in (("energy_r_hat", r_hat), ("energy_sample_size", sample_size)):
            np.testing.assert_array_equal(found[name][k], of(np.stack(energies)))


@pytest.mark.parametrize("model", ["hopfield", "little"])
def test_their_overlap_is_that_of_last_states_in_lanes_and_of_circuits(model: str) -> None:
    """Cycles of two states of 48 sweeps or of 47 are left at the same one of both, by either kernel.

    Beside other rules Little's network runs by its couplings, alone in lanes; Hopfield's in lanes always.
    """
    for measure in (39, 40):
        keys = {"model": model, "starts": 2, "sweeps": {"thermalise": 8, "measure": measure}}
        keys |= {"load": [0.3], "size": [60, 61]}
        alone = cells(study_of(**keys))
        beside = cells(study_of(**keys, couplings_axis=["hebb", "clipped"]))
        for one, both in zip(alone, beside, strict=True):
            q = one["overlap_starts"]
            assert len({*q.tolist()}) > len(q) // 2
            np.testing.assert_array_equal(both["overlap_starts"][: len(q)], q)


def test_a_paramagnet_is_equilibrated_and_a_glass_or_a_state_that_lasts_is_not(tmp_path: Path) -> None:
    """At T = 0.15 a random state ends in a spin glass of other energy; at 0.9, below T_g = 1.3, in one of the
    same: of both starts only q_ab, of last states, tells the valleys apart.
    """
    study = study_of(
        size=[300],
        load=[0.09],
        temperature=[0.15, 0.9, 1.5],
        noise=[0.0],
        cues=1,
        starts=2,
        seed=8,
        sweeps=LONG,
    )
    fill(study, tmp_path)
    out = mattis.aggregate(mattis.open_results(study, tmp_path), study).squeeze(drop=True)
    by_heat = out.sortby("temperature")
    assert by_heat["state"].values.tolist() == [METASTABLE, REMANENT, EQUILIBRATED]
    assert by_heat["energy_r_hat"].values[0] > 1.2
    assert (by_heat["energy_r_hat"].values[1:] < 1.05).all()


def test_two_valleys_of_one_energy_are_not_one_state(tmp_path: Path) -> None:
    """A spin glass from two states that are as good as random: energies and overlaps agree, q_ab does not.

    Were q_ab as large as q of one chain, both cells would be equilibrated.
    """
    study = study_of(
        model="sherrington_kirkpatrick",
        size=[200],
        load=[0.05],
        temperature=[0.5, 1.8],
        noise=[0.45],
        cues=1,
        starts=2,
        seed=36,
        sweeps={"thermalise": 200, "measure": 1000},
    )
    fill(study, tmp_path)
    opened = mattis.open_results(study, tmp_path).sortby("temperature")
    blind = opened.assign(overlap_starts=opened["edwards_anderson"])
    first, second = (mattis.aggregate(one, study).squeeze(drop=True) for one in (opened, blind))
    assert second["state"].values.tolist() == [EQUILIBRATED, EQUILIBRATED]
    assert first["state"].values.tolist() == [REMANENT, EQUILIBRATED]
    assert first["edwards_anderson"].values[0] > 0.4
    assert abs(first["overlap_starts"].values[0]) < 0.25


def test_a_second_start_is_added_to_a_store_of_one(tmp_path: Path) -> None:
    once, twice = study_of(), study_of(starts=2)
    run(once, tmp_path, HERE)
    assert status(twice, tmp_path)["lacks"] == [one.name for one in STARTS_OBSERVABLES]
    assert run(twice, tmp_path, HERE).computed == 0
    found = mattis.aggregate(mattis.open_results(twice, tmp_path), twice)
    single = mattis.aggregate(mattis.open_results(once, tmp_path), once)
    np.testing.assert_array_equal(found["state"], single["state"])  # which nobody started twice
    grown = run(twice, tmp_path, replace(HERE, all_observables=True))
    assert grown.digest == run(twice, tmp_path / "fresh", HERE).digest


def test_it_costs_one_chain_more() -> None:
    assert study_of(starts=2).total_updates() == 2 * study_of().total_updates()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise": [0.0, 0.5]}, ["axes.noise[1]: got 0.5", "starts: 2"]),
        ({"question": "survival"}, ["starts: got 2; expected 1", "recall"]),
        ({"starts": 3}, ["starts", "3", "1 or 2"]),
    ],
)
def test_what_has_no_second_start_is_one_line(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        study_of(**{"starts": 2, **changes})
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)
