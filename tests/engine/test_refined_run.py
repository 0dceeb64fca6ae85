"""Runs of studies that are refined: rounds, their files, what goes on after a stop, and what is shown."""

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, SMALL, refused

import mattis
from mattis import figures
from mattis.capsule.archive import archive
from mattis.cli.watching import poll
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings, withdraw_stale_receipts
from mattis.engine.status import digest, open_results, status
from mattis.networks.registry import study_of
from mattis.statistics.estimates import INCOMPLETE, aggregate
from mattis.store import rounds
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study.base import Study

AXES = {"size": [60], "load": [0.1, 0.2], "temperature": [0, 0.3, 0.6, 0.9, 1.2], "seed": 6}


def make(**refine: Any) -> Study:
    block = {"error": 0.03, "ageing": "accept"} | refine
    sweeps = {"thermalise": 4, "measure": 12}
    return study_of({**SMALL, "axes": AXES, "sweeps": sweeps, "cues": 1, "refine": block})


def files(root: Path) -> dict[str, bytes]:
    """Return the rounds and the receipt of the study below a folder."""
    folder = root / "small"
    names = [*sorted(folder.glob("round_*.json")), folder / "sweep.done.json"]
    return {path.name: path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study that was refined until its target was reached."""
    root = tmp_path_factory.mktemp("refined")
    study = make()
    assert mattis.run(study, root, HERE).digest
    return study, root


def test_rounds_end_with_a_sentence_and_say_why_they_are_there(done: tuple[Study, Path]) -> None:
    _, root = done
    records = [json.loads(text) for name, text in files(root).items() if "round" in name]
    assert len(records) > 2
    assert [one["round"] for one in records] == [*range(len(records))]
    assert records[0]["added"] == records[0]["cells"] == 60
    assert records[-1]["added"] == 0
    assert records[-1]["ended"].startswith("reached")
    assert not any(one["ended"] for one in records[:-1])
    for before, after in pairwise(records):
        assert after["cells"] == before["cells"] + after["added"]
    for line in records[-1]["lines"]:
        assert line["step"] == "reached"
        assert line["error"] <= 0.03


def test_a_second_run_repeats_it_to_the_byte(done: tuple[Study, Path]) -> None:
    study, root = done
    before = files(root)
    assert mattis.run(study, root, HERE).computed == 0
    assert files(root) == before


def test_rounds_are_the_same_with_other_workers_and_blocks(
    done: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = done
    where = Settings(workers=2, block_cells=1, where=Where(pool="threads"), quiet=True)
    mattis.run(study, tmp_path, where)
    assert files(tmp_path) == files(root)


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(
    done: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = done
    mattis.run(make(rounds=1), tmp_path, HERE)
    last = json.loads((tmp_path / "small/round_002.json").read_bytes())
    assert "as many as rounds allows" in last["ended"]
    assert not last["added"]
    mattis.run(make(cells=json.loads(files(root)["round_001.json"])["cells"]), tmp_path, HERE)
    assert (
        "raise cells to go on"
        in json.loads((tmp_path / "small/round_002.json").read_bytes())["ended"]
    )
    mattis.run(study, tmp_path, HERE)
    assert files(tmp_path) == files(root)


def test_rounds_that_are_lost_are_decided_again_from_cells_that_are_there(
    done: tuple[Study, Path], tmp_path: Path
) -> None:
    """As after a kill at any moment: the store may have cells of rounds that no file knows of."""
    study, root = done
    shutil.copytree(root / "small", tmp_path / "small")
    later = sorted((tmp_path / "small").glob("round_*.json"))[1:]
    for path in (*later, tmp_path / "small/sweep.done.json"):
        path.unlink()
    assert mattis.run(study, tmp_path, HERE).computed == 0
    assert files(tmp_path) == files(root)


def test_a_kill_between_rounds_leaves_no_receipt_and_the_same_command_goes_on(
    done: tuple[Study, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, root = done
    real, calls = mattis.engine.driver._run_cells, []

    def killed(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(mattis.engine.driver, "_run_cells", killed)
    with pytest.raises(KeyboardInterrupt):
        mattis.run(study, tmp_path, HERE)
    assert not (tmp_path / "small/sweep.done.json").exists()
    state = status(study, tmp_path)
    assert state["missing"] > 0
    assert state["refinement"]["ended"] == ""
    monkeypatch.undo()
    mattis.run(study, tmp_path, HERE)
    assert files(tmp_path) == files(root)


def test_a_receipt_of_a_study_whose_rounds_go_on_is_withdrawn(
    done: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = done
    shutil.copytree(root / "small", tmp_path / "small")
    withdraw_stale_receipts(study, tmp_path)
    assert (tmp_path / "small/sweep.done.json").exists()
    max((tmp_path / "small").glob("round_*.json")).unlink()
    withdraw_stale_receipts(study, tmp_path)
    assert not (tmp_path / "small/sweep.done.json").exists()


def test_what_nobody_asked_for_is_neither_missing_nor_doubtful(done: tuple[Study, Path]) -> None:
    study, root = done
    cells = open_results(study, root)
    asked = cells["asked"].values
    assert not asked.all()
    assert (cells["valid"].values == asked).all()
    assert np.isnan(cells["overlap"].values[~asked]).all()
    estimates = aggregate(cells, study)
    never = estimates["asked"].values == 0
    assert never.any()
    assert (estimates["flag"].values[never] == 0).all()
    assert not (estimates["flag"].values & INCOMPLETE).any()
    state = status(study, root)
    assert state["cells"] == {"total": int(asked.sum()), "done": int(asked.sum())}
    assert state["missing"] == state["failed"] == 0
    verdict = verify(study, root)
    assert verdict.sound
    assert verdict.cells == verdict.whole == asked.sum()
    found = poll(study, root)
    assert found.is_over
    assert found.done == found.total == asked.sum()
    assert json.loads(files(root)["sweep.done.json"])["digest"] == digest(study, root)


def test_cells_are_those_of_the_same_study_without_rounds(
    done: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = done
    plain = study.model_copy(update={"refine": None})
    mattis.run(plain, tmp_path, HERE)
    one = open_results(study, root).sel(beta=[*plain.labels["beta"]], seed=[*plain.axes.seed])
    other = open_results(plain, tmp_path)
    for name in ("overlap", "energy", "retrieved"):
        assert (one[name].sortby("beta").values == other[name].sortby("beta").values).all()


def test_the_boundary_of_the_diagram_is_that_of_the_last_round(done: tuple[Study, Path]) -> None:
    study, root = done
    estimates = aggregate(open_results(study, root), study)
    last = rounds.recorded(results_of(study, root))[-1]
    for line in last.lines:
        at = {name: line.at[name] for name in ("size", "load", "noise")}
        assert float(estimates["boundary_temperature"].sel(at)) == line.place
        assert float(estimates["boundary_temperature_error"].sel(at)) == line.error
    first = aggregate(open_results(study.model_copy(update={"refine": None}), root), study)
    own = [*study.labels["beta"]]
    assert np.array_equal(
        estimates["boundary_load"].sel(beta=own).values,
        first["boundary_load"].sel(beta=own).values, equal_nan=True,
    )  # fmt: skip


def test_status_says_round_error_and_cells(done: tuple[Study, Path]) -> None:
    study, root = done
    told = status(study, root)["refinement"]
    assert told["boundaries"] == told["reached"] == 2
    assert told["error"] <= told["target"] == 0.03
    assert told["cells"] == json.loads(files(root)[f"round_{told['round']:03d}.json"])["cells"]
    assert told["ended"].startswith("reached")


def test_it_is_drawn(done: tuple[Study, Path]) -> None:
    study, root = done
    drawn = figures.drawn(study, root)
    assert drawn.estimates.attrs["digest"] == digest(study, root)
    assert drawn.headline["boundaries"]


def test_loads_are_refined_as_temperatures_are(tmp_path: Path) -> None:
    axes = AXES | {"load": [0.05, 0.2, 0.4], "temperature": [0.0, 0.2]}
    content = {**SMALL, "axes": axes, "cues": 1, "sweeps": {"thermalise": 4, "measure": 12}}
    study = study_of(content | {"refine": {"error": 0.02, "along": "load", "ageing": "accept"}})
    mattis.run(study, tmp_path, HERE)
    last = rounds.recorded(results_of(study, tmp_path))[-1]
    assert last.ended
    assert {line.step for line in last.lines} <= {"reached", "discrete", "beyond"}
    whole = rounds.asked(study, results_of(study, tmp_path)).study
    assert len(whole.labels["load"]) > 3
    patterns = whole.counts(whole.labels["load"], [60])[0]
    assert len(np.unique(patterns)) == len(patterns)


def test_mistakes_are_one_line(done: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = done
    assert "--shard" in refused(mattis.run, study, tmp_path, Settings(shard=(0, 2)))
    assert "refine: got a study whose rounds" in refused(archive, study, tmp_path / "a.zip", root)
    shutil.copytree(root / "small", tmp_path / "small")
    (tmp_path / "small/round_001.json").write_text('{"round": 7}')
    line = refused(status, study, tmp_path)
    assert "round_001.json: got no record of round 1" in line
    assert "remove it" in line
