"""Runs of studies that are refined: rounds, their files, what goes on after a stop, and what is shown."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, SMALL, refused

import mattis
from mattis import figures
from mattis.cli.watching import poll
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings, withdraw_stale_receipts
from mattis.engine.shards import shards
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


def test_rounds_are_the_same_with_other_workers_and_blocks(done: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = done
    where = Settings(workers=2, block_cells=1, where=Where(pool="threads"), quiet=True)
    mattis.run(study, tmp_path, where)
    assert files(tmp_path) == files(root)


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(done: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = done
    mattis.run(make(rounds=1), tmp_path, HERE)
    last = json.loads((tmp_path / "small/round_002.json").read_bytes())
    assert "as many as rounds allows" in last["ended"]
    assert not last["added"]
    mattis.run(make(cells=json.loads(files(root)["round_001.json"])["cells"]), tmp_path, HERE)
    assert "raise cells to go on" in json.loads((tmp_path / "small/round_002.json").read_bytes())["ended"]
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


def test_cells_are_those_of_the_same_study_without_rounds(done: tuple[Study, Path], tmp_path: Path) -> None:
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
    last = rounds.recorded(study, results_of(study, root))[-1]
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
    assert told["lines"] == told["reached"] == 2
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
    last = rounds.recorded(study, results_of(study, tmp_path))[-1]
    assert last.ended
    assert {line.step for line in last.lines} <= {"reached", "discrete", "beyond"}
    whole = rounds.asked(study, results_of(study, tmp_path)).study
    assert len(whole.labels["load"]) > 3
    patterns = whole.counts(whole.labels["load"], [60])[0]
    assert len(np.unique(patterns)) == len(patterns)


def test_shards_of_rounds_come_to_the_same(done: tuple[Study, Path], tmp_path: Path) -> None:
    """As on a cluster: both shards of a round by themselves, then what gathers them and decides the next."""
    study, root = done
    for number in range(len(files(root))):
        for index in range(2):
            mattis.run(study, tmp_path, replace(HERE, shard=(index, 2), round=number))
        outcome = mattis.run(study, tmp_path, replace(HERE, round=number))
        assert outcome.computed == 0
        record = rounds.recorded(study, results_of(study, tmp_path))[-1]
        assert record.round == number + 1
        if record.ended:
            break
    mattis.run(study, tmp_path, HERE)
    assert files(tmp_path) == files(root)


def test_a_shard_of_a_round_is_named_by_its_cells(done: tuple[Study, Path]) -> None:
    study, root = done
    last = len(rounds.recorded(study, results_of(study, root))) - 2
    of = [rounds.asked(study, results_of(study, root), number) for number in (last - 1, last)]
    names = [[part.id for part in shards(one.study, 3, one.holed)] for one in of]
    assert len({*names[0], *names[1]}) > len(names[0]) == 3
    parts = shards(of[1].study, 3, of[1].holed)
    assert (sum(part.cells.astype(int) for part in parts) == of[1].cells).all()


def test_receipts_of_shards_whose_cells_are_lost_are_withdrawn(
    done: tuple[Study, Path], tmp_path: Path
) -> None:
    study, _ = done
    for index in range(2):
        mattis.run(study, tmp_path, replace(HERE, shard=(index, 2)))
    mattis.run(study, tmp_path, replace(HERE, round=0))
    receipts = tmp_path / "small/shards"
    withdraw_stale_receipts(study, tmp_path, 2)
    assert len([*receipts.iterdir()]) == 2
    shutil.rmtree(tmp_path / "small/sweep.zarr")
    withdraw_stale_receipts(study, tmp_path, 2)
    assert not [*receipts.iterdir()]


def test_labels_that_are_lost_are_those_of_the_rounds(done: tuple[Study, Path], tmp_path: Path) -> None:
    """Of a damaged axis, where both copies of the metadata are damaged as well."""
    study, root = done
    shutil.copytree(root / "small", tmp_path / "small")
    store = tmp_path / "small/sweep.zarr"
    for path in (
        *store.rglob("zarr.json"),
        *(store / "beta/c").rglob("*"),
        *(store / "temperature/c").rglob("*"),
    ):
        if path.is_file():
            path.write_bytes(b"")
    (tmp_path / "small/sweep.done.json").unlink()
    assert mattis.run(study, tmp_path, HERE).computed == 0
    assert files(tmp_path) == files(root)
    assert verify(study, tmp_path).sound


def test_a_plan_says_how_far_rounds_may_go(done: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = done
    before = mattis.plan(study, tmp_path, workers=1)
    told = before.totals["refinement"]
    assert (told["rounds_most"], told["cells_most"], told["cells_asked"]) == (20, 100_000, 60)
    assert told["cpu_seconds_most"] > before.totals["cpu_seconds"] > 0
    assert "at most 20 rounds and 100000 cells" in before.rows["refined"]
    after = mattis.plan(study, root, workers=1).totals
    asked = rounds.recorded(study, results_of(study, root))[-1].cells
    assert after["cells_new"] == 0
    assert after["refinement"]["cells_asked"] == after["refinement"]["cells_found"] == asked
    assert "refinement" not in mattis.plan(study.model_copy(update={"refine": None}), root).totals


def test_mistakes_are_one_line(done: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = done
    late = Settings(shard=(0, 2), round=1)
    assert "--round: got 1, and" in refused(mattis.run, study, tmp_path, late)
    plain = study.model_copy(update={"refine": None})
    assert "--round: got 1; expected a study with refine" in refused(
        mattis.run, plain, tmp_path, Settings(round=1)
    )
    shutil.copytree(root / "small", tmp_path / "small")
    (tmp_path / "small/round_001.json").write_text('{"round": 7}')
    line = refused(status, study, tmp_path)
    assert "round_001.json: got no record of round 1" in line
    assert "remove it" in line


OVERLAP = {"target": "overlap", "error": 0.02}


@pytest.fixture(scope="module")
def overlaps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study of which every overlap was refined, at loads and temperatures on both sides of the boundary."""
    root = tmp_path_factory.mktemp("overlaps")
    content = {**SMALL, "axes": AXES, "cues": 1, "sweeps": {"thermalise": 4, "measure": 12}}
    study = study_of(content | {"refine": OVERLAP})
    mattis.run(study, root, HERE)
    return study, root


def test_overlaps_are_refined_by_pattern_sets_alone(overlaps: tuple[Study, Path]) -> None:
    study, root = overlaps
    records = rounds.recorded(study, results_of(study, root))
    assert len(records) > 2
    of = rounds.asked(study, results_of(study, root))
    assert {n: v for n, v in of.study.labels.items() if n != "seed"} == {
        n: v for n, v in study.labels.items() if n != "seed"
    }
    last = records[-1]
    assert len(last.lines) == 10
    assert {line.step for line in last.lines} <= {"reached", "two_states", "costly"}
    for line in last.lines:
        assert line.step != "reached" or (line.error is not None and line.error <= 0.02)
    told = status(study, root)["refinement"]
    assert (told["of"], told["lines"]) == ("overlap", 10)
    assert told["ended"] == last.ended


def test_the_overlap_of_a_record_is_that_of_the_estimates(overlaps: tuple[Study, Path]) -> None:
    """Of the survivors where some left their state, over all pattern sets elsewhere."""
    study, root = overlaps
    estimates = aggregate(open_results(study, root), study)
    kinds = set()
    for line in rounds.recorded(study, results_of(study, root))[-1].lines:
        one = estimates.sel(line.at)
        mixed = 0 < float(one["survived"]) < 1
        name = "overlap_given_survival" if mixed else "overlap"
        kinds.add(mixed)
        assert line.place == pytest.approx(float(one[name]), abs=1e-12)
        known = np.nan if line.spread is None else line.spread
        error = float(one[f"{name}_error"])
        assert known == pytest.approx(error, abs=1e-12, nan_ok=True)
        assert line.seeds == int(one["seeds"])
    assert kinds == {True, False}


def test_rounds_of_overlaps_are_the_same_again_and_after_a_smaller_budget(
    overlaps: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = overlaps
    assert mattis.run(study, root, HERE).computed == 0
    assert study.refine is not None
    few = study.refine.model_copy(update={"rounds": 1})
    mattis.run(study.model_copy(update={"refine": few}), tmp_path, HERE)
    assert rounds.recorded(study, results_of(study, tmp_path))[-1].ended
    where = Settings(workers=2, block_cells=1, where=Where(pool="threads"), quiet=True)
    mattis.run(study, tmp_path, where)
    assert files(tmp_path) == files(root)


def test_another_target_begins_anew(
    overlaps: tuple[Study, Path], done: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = overlaps
    shutil.copytree(root / "small", tmp_path / "small")
    other, before = done
    mattis.run(other, tmp_path, HERE)
    assert rounds.recorded(other, results_of(other, tmp_path)) == rounds.recorded(
        other, results_of(other, before)
    )
    assert not rounds.recorded(study, results_of(study, tmp_path))


def test_it_is_drawn_with_its_overlaps(overlaps: tuple[Study, Path]) -> None:
    study, root = overlaps
    drawn = figures.drawn(study, root)
    assert drawn.estimates.attrs["digest"] == digest(study, root)
