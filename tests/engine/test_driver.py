"""Runs: the same numbers for any workers, cuts and deaths; nothing computed twice."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from builders import HERE, SECONDS, fill, make_study, peak_of, started, undisturbed, workers_below

from mattis.engine import estimate
from mattis.engine.driver import Settings, run
from mattis.engine.locks import held
from mattis.engine.status import digest, status
from mattis.errors import UserError
from mattis.networks.registry import load_study, study_of
from mattis.store import reading
from mattis.store.results import read_json, results_of
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import PatternSet
from mattis.study.plan import Block


@pytest.mark.parametrize(
    ("workers", "block_cells"),
    [(2, 1), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((1, None), (3, 5)))],
)
def test_workers_and_block_size_do_not_change_the_digest(
    tmp_path: Path, study: Study, workers: int, block_cells: int | None
) -> None:
    outcome = run(study, tmp_path, Settings(workers, block_cells=block_cells))
    assert (outcome.computed, outcome.found, outcome.failures) == (72, 0, {})
    assert outcome.digest == digest(study, tmp_path) == undisturbed(study, tmp_path)
    again = run(study, tmp_path, Settings(workers))
    assert (again.computed, again.found, again.digest) == (0, 72, outcome.digest)


def test_a_run_leaves_the_study_and_a_receipt(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    run(study, tmp_path)
    results = results_of(study, tmp_path)
    assert load_study(Path(results.study)) == study
    assert read_json(results.receipt) == {"study": "small", "cells": 72, "digest": digest(study, tmp_path)}


def test_killing_a_whole_run_loses_only_cells_in_flight(tmp_path: Path) -> None:
    running, study = started(tmp_path, seed=6)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    found = status(study, tmp_path)["cells"]["done"]
    assert 0 < found < 144
    assert not results_of(study, tmp_path).receipt.exists()
    outcome = run(study, tmp_path, HERE)
    assert (outcome.found, outcome.computed) == (found, 144 - found)
    assert outcome.digest == undisturbed(study, tmp_path)


def test_killing_a_worker_only_costs_its_block(tmp_path: Path) -> None:
    running, study = started(tmp_path, seed=6)
    workers = workers_below(psutil.Process(running.pid))
    assert len(workers) == 2
    workers[0].kill()
    _, said = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, said
    assert digest(study, tmp_path) == undisturbed(study, tmp_path)


def test_an_interrupt_is_one_line_and_the_same_command_continues(tmp_path: Path) -> None:
    """As after a kill, above: what was computed is there, and nobody holds the results any more."""
    running, study = started(tmp_path, seed=96)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=SECONDS)
    assert running.returncode == 1
    lines = said.decode().split()
    assert "Traceback" not in lines
    assert said.decode().strip().endswith("mattis: interrupted; the same command continues")
    cells = status(study, tmp_path)["cells"]
    assert 0 < cells["done"] < cells["total"]
    with held(results_of(study, tmp_path).folder):
        assert verify(study, tmp_path).whole == cells["done"]


def test_a_second_run_on_the_same_store_is_refused(tmp_path: Path, study: Study) -> None:
    results = results_of(study, tmp_path)
    results.folder.make_folder()
    with held(results.folder), pytest.raises(UserError, match=rf"process {os.getpid()} on .* since"):
        run(study, tmp_path)
    assert not results.store.exists()
    run(study, tmp_path, HERE)


def test_a_block_that_raises_is_recorded_and_the_others_go_on(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = plan.task

    def broken(study: Study, block: Block):  # type: ignore[no-untyped-def]
        patterns, points, protocol = task(study, block)
        if block.seed == 1 and block.load == 0.1:
            patterns = PatternSet(1, block.size, -1, 1)
        return patterns, points, protocol

    monkeypatch.setattr(plan, "task", broken)
    outcome = run(study, tmp_path, HERE)
    monkeypatch.undo()
    assert outcome.computed == 72 - 8
    assert outcome.digest is None
    assert list(outcome.failures) == ["size=60,load=0.1,seed=1"]
    state = status(study, tmp_path)
    assert (state["blocks"], state["done"], state["missing"], state["failed"]) == (9, 8, 0, 1)
    assert state["failures"] == dict(outcome.failures)
    assert not results_of(study, tmp_path).receipt.exists()
    assert run(study, tmp_path, HERE).digest == undisturbed(study, tmp_path)
    assert status(study, tmp_path)["failed"] == 0


def test_more_memory_than_the_machine_has_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    study = make_study(tmp_path, size=[2**24], load=[7e-6])
    with pytest.raises(UserError, match=r"size 16777216 at load 7e-06 needs .* GiB \(.* for a block"):
        run(study, tmp_path / "r", Settings(99999))
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("size", "load", "count", "sweeps"), [(3000, 0.1, 1, 500), (6000, 0.1, 1, 4), (6000, 0.02, 32, 3)]
)
def test_memory_estimate_bounds_what_a_block_takes(size: int, load: float, count: int, sweeps: int) -> None:
    """For few replicas with N J (long chains), few without, and many in lanes."""
    content = {
        "name": "memory", "model": "hopfield", "cues": 1,
        "sweeps": {"thermalise": 1, "measure": sweeps - 1},
        "axes": {"size": [size], "load": [load], "beta": [20.0 + k for k in range(count)], "seed": 1},
    }  # fmt: skip
    estimated = study_of(content).memory(size, round(load * size))
    assert 0.15 * estimated < peak_of(content) < estimated


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, study: Study) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    for root in (blocker, Path("/proc/mattis")):
        with pytest.raises(UserError, match="cannot write there"):
            run(study, root)


def test_a_foreign_store_is_refused_before_anything_is_written(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    results = results_of(study, tmp_path)
    before = results.folder.names()
    with pytest.raises(UserError, match="made from a different study"):
        run(make_study(tmp_path, cues=1), tmp_path)
    assert results.folder.names() == before


def test_digest_of_an_incomplete_study_is_refused(tmp_path: Path, study: Study) -> None:
    with pytest.raises(UserError, match="72 of 72 cells are missing"):
        digest(study, tmp_path)
    fill(study, tmp_path, plan.blocks(study)[:4])
    with pytest.raises(UserError, match="40 of 72 cells are missing"):
        digest(study, tmp_path)


def test_plan_counts_and_estimates(study: Study) -> None:
    whole = estimate.totals(study, estimate.cost(study), 2)
    content = json.loads("".join(estimate.summary_text(study, whole)))
    assert (content["cells"], content["blocks"]) == (72, 9)
    assert content["per_block"][0] == {
        "id": "size=60,load=0.05,seed=0",
        "size": 60,
        "load": 0.05,
        "patterns": 3,
        "seed": 0,
        "cells": 8,
        "proposals": 60 * 70 * 2 * 8,
        "memory_bytes": study.memory(60, 3),
    }
    assert content["proposals"] == 60 * 70 * 2 * 72
    assert content["estimated_seconds"] > 0


def test_missing_cells_make_smaller_blocks(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path, plan.blocks(study, block_cells=3)[:1])
    valid = reading.valid_cells(results_of(study, tmp_path).store, study)
    left = plan.blocks(study, ~valid)
    assert [len(block.points) for block in left] == [5] + [8] * 8
