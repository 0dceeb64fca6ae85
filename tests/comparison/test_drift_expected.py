"""Memories that drift beside theory: where it is known, of whom, and whether a right one is found right."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import imagined
from builders import fill

from mattis.comparison.foretold import foretold
from mattis.comparison.verdict import compared, with_theory
from mattis.errors import UserError
from mattis.figures import estimated
from mattis.networks.registry import study_of
from mattis.study.base import Study
from mattis.theory import evaluate

COURSE: dict[str, Any] = {
    "size": [10**6], "memories": [4], "kappa": [60.0], "noise": [1.0], "tau": [10.0], "memory": [0],
    "presentations": [0.0, 1.0, 3.0, 6.0, 12.0], "seed": 24,
}  # fmt: skip


def consolidation(clamping: str = "random", **axes: Any) -> Study:
    keys = {"ensemble": "orthogonal", "clamping": clamping, "root_seed": 3}
    named = {name: value for name, value in {**COURSE, **axes}.items() if value is not None}
    return study_of({"name": "drift", "model": "consolidation", "axes": named, **keys})


def recalled(**axes: Any) -> Study:
    usual = {
        "size": [200], "load": [0.02, 0.06, 0.1], "kappa": [4.0, 14.0], "noise": [0.2],
        "presentations": [0.0, 1000.0], "temperature": [0.2], "cue_noise": [0.0], "seed": 5,
    }  # fmt: skip
    sweeps = {"thermalise": 10, "measure": 40}
    return study_of({"name": "recalled", "model": "recall", "axes": {**usual, **axes}, "sweeps": sweeps})


def test_single_memories_are_where_theory_says(tmp_path: Path) -> None:
    """One memory takes all: the theory is exact, and a right theory has p above 10^-6."""
    study = consolidation()
    fill(study, tmp_path)
    found = compared(estimated(study, tmp_path), study)
    assert found.observables["similarity"].quantity.startswith("consolidation.similarity_mean")
    assert found.inside >= 3
    assert found.probability is not None
    assert found.probability > 1e-6


@pytest.mark.parametrize("wrong", [{"tau": [25.0]}, {"noise": [1.1]}])
def test_theory_of_another_course_is_rejected(tmp_path: Path, wrong: dict[str, Any]) -> None:
    study = consolidation()
    fill(study, tmp_path)
    found = estimated(study, tmp_path)
    name = next(iter(wrong))
    other = found.assign_coords({name: wrong[name]})
    assert compared(other, consolidation(**wrong)).rejected


def test_the_mean_is_of_all_sets_and_not_of_those_that_consolidated(tmp_path: Path) -> None:
    study = consolidation()
    made = imagined(study, tmp_path)
    judged = with_theory(made, study)
    at = {"presentations": 3.0}
    one = judged.sel(at).squeeze()
    assert 0 < float(one["survived"]) < 1
    wanted = (one["similarity"] - one["similarity_theory"]) / one["similarity_error"]
    assert np.sign(one["similarity_z"]) == np.sign(wanted)
    made["similarity_given_survival"] = made["similarity_given_survival"] + 0.05
    again = with_theory(made, study).sel(at).squeeze()
    assert float(again["similarity_z"]) == float(one["similarity_z"])


@pytest.mark.parametrize(
    "axes",
    [
        {"kappa": [8.0]},  # others take a part
        {"memory": None, "spread": [1.0]},  # a mean over memories of all frequencies
        {"memory": None, "likeness": [0.5], "memories": [2]},
    ],
)
def test_where_the_exact_theory_does_not_hold_nothing_is_compared(
    tmp_path: Path, axes: dict[str, Any]
) -> None:
    study = consolidation(**axes)
    made = with_theory(imagined(study, tmp_path), study)
    assert np.isnan(made["similarity_z"]).all()


def test_nothing_is_foretold_of_patterns_in_turn() -> None:
    with pytest.raises(UserError, match="no theory is known"):
        foretold(consolidation("cyclic"))


def test_the_mean_field_is_theory_that_nothing_is_compared_with(tmp_path: Path) -> None:
    """It holds in the limit of large tau, which no study reaches."""
    study = consolidation(
        memory=None, size=[64], kappa=[4.0, 8.0], tau=[50.0], presentations=[500.0], noise=[0.4], seed=4
    )
    made = with_theory(imagined(study, tmp_path), study)
    for kappa in (4.0, 8.0):
        ratio = 1.16**0.5
        wanted = evaluate(
            "consolidation.mean_similarity", memories=4, kappa=kappa, presentations=500, tau=50,
            overlap=1 / ratio, norm_ratio=ratio,
        )  # fmt: skip
        assert made["similarity_theory"].sel(kappa=kappa).item() == pytest.approx(wanted)
    assert np.isnan(made["similarity_z"]).all()
    assert compared(made, study).verdict.startswith("nothing to compare: ")


def test_what_was_learnt_is_compared_with_hopfields_network(tmp_path: Path) -> None:
    """Above the collapse and after many presentations, at the load of the others; nowhere else."""
    study = recalled()
    made = with_theory(imagined(study, tmp_path), study)
    stored = made["overlap_theory"].squeeze()
    learnt = xr.where(np.isfinite(stored), 1, 0)
    assert learnt.sel(presentations=0.0).sum() == 0
    assert learnt.sel(kappa=4.0).sum() == 0
    assert learnt.sel(kappa=14.0, presentations=1000.0).values.tolist() == [1, 1, 1]
    for k, count in enumerate((4, 12, 20)):
        wanted = evaluate("hopfield.overlap", load=(count - 1) / 200, temperature=0.2)
        value = stored.sel(kappa=14.0, presentations=1000.0).isel(load=k).item()
        assert value == pytest.approx(wanted)
