"""Two starts of a cell: the second is a chain of its own, and tells whether both came to the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, fill, make_of_family

import mattis
from mattis.engine.driver import run, status
from mattis.errors import UserError
from mattis.exact.convergence import r_hat, sample_size
from mattis.networks.binary import chains
from mattis.networks.binary.hopfield import STARTS_OBSERVABLES, build
from mattis.networks.binary.network import Replica
from mattis.statistics.states import EQUILIBRATED, METASTABLE
from mattis.study import plan
from mattis.study.base import Study

LONG = {"thermalise": 100, "measure": 600}


def study_of(**changes: Any) -> Study:
    keys = {
        "size": [60],
        "load": [0.1],
        "temperature": [0.0, 0.4, 1.2],
        "noise": [0.0, 0.2],
        "cues": 2,
    }
    return make_of_family(**{**keys, **changes})


def cells(study: Study) -> list[dict[str, np.ndarray]]:
    return [
        study.described_model.simulate(*plan.task(study, block)) for block in plan.blocks(study)
    ]


@pytest.mark.parametrize(
    "model", ["hopfield", "little", "clipped", "gaussian", "zero_one", "sequence"]
)
def test_the_first_start_is_what_it_was_and_the_second_is_a_cue_that_says_nothing(
    model: str,
) -> None:
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
    """One cue of Hopfield's network: the traces of both chains, run by themselves."""
    study = study_of(cues=1, starts=2, noise=[0.2], temperature=[0.4, 1.2], sweeps=LONG)
    patterns, points, inquiry = plan.task(study, plan.blocks(study)[0])
    found = study.described_model.simulate(patterns, points, inquiry)
    for k, point in enumerate(points):
        energies = []
        for noise in (0.2, 0.5):
            (one,) = chains.run(build(patterns), [Replica(0, point.beta, noise)], inquiry.asking)
            energies.append(one.trace[1, LONG["thermalise"] :, 0])
        assert found["energy_r_hat"][k] == r_hat(np.stack(energies))
        assert found["energy_sample_size"][k] == sample_size(np.stack(energies))


def test_a_paramagnet_is_equilibrated_and_a_state_that_lasts_is_not(tmp_path: Path) -> None:
    """At T = 0.3 a random state ends in a spin glass of other energy; at T = 0.9 both starts meet.

    Above T_g = 1.3, and below it where q is not zero: one chain alone cannot say that.
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
    assert by_heat["state"].values.tolist()[1:] == [EQUILIBRATED, EQUILIBRATED]
    assert by_heat["state"].values[0] != EQUILIBRATED
    assert by_heat["energy_r_hat"].values[0] > 1.2
    assert (by_heat["energy_r_hat"].values[1:] < 1.05).all()
    assert METASTABLE != EQUILIBRATED


def test_a_second_start_is_added_to_a_store_of_one(tmp_path: Path) -> None:
    once, twice = study_of(), study_of(starts=2)
    run(once, tmp_path, HERE)
    assert status(twice, tmp_path)["lacks"] == [one.name for one in STARTS_OBSERVABLES]
    assert run(twice, tmp_path, HERE).computed == 0
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
