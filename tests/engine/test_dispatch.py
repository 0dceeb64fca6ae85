"""Blocks that fail: tried again, then recorded with their message, while all the others go on."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from builders import HERE, make_study, undisturbed

from mattis import figures
from mattis.engine import dispatch
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings, run
from mattis.engine.status import status
from mattis.networks.binary.family import simulate
from mattis.networks.binary.models import BINARY_MODELS
from mattis.networks.binary.questions import Inquiry, Visit
from mattis.networks.registry import MODELS
from mattis.statistics.estimates import FAILED
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Columns, PatternSet


def tries_of(patterns: PatternSet) -> int:
    """Count the tries of a pattern set, over all processes."""
    folder = Path(os.environ["TRIES"]) / f"{patterns.patterns}-{patterns.seed}"
    folder.mkdir(exist_ok=True)
    number = len(list(folder.iterdir())) + 1
    (folder / str(number)).touch()
    return number


def weak_once(patterns: PatternSet, points: Sequence[Visit], protocol: Inquiry) -> Columns:
    """Fail the first time that seed 1 is asked for."""
    if tries_of(patterns) == 1 and patterns.seed == 1:
        raise MemoryError("not just now")
    return simulate(patterns, points, protocol)


def weak_always(patterns: PatternSet, points: Sequence[Visit], protocol: Inquiry) -> Columns:
    """Fail whenever 6 patterns with seed 1 are asked for."""
    if tries_of(patterns) and (patterns.patterns, patterns.seed) == (6, 1):
        raise FloatingPointError("the energy\nis infinite")
    return simulate(patterns, points, protocol)


def deadly(patterns: PatternSet, points: Sequence[Visit], protocol: Inquiry) -> Columns:
    """Take the whole worker along whenever 6 patterns with seed 1 are asked for."""
    if tries_of(patterns) and (patterns.patterns, patterns.seed) == (6, 1):
        os._exit(9)
    return simulate(patterns, points, protocol)


@pytest.fixture
def tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tries"
    folder.mkdir()
    monkeypatch.setenv("TRIES", str(folder))
    return folder


def counts(folder: Path) -> dict[str, int]:
    return {each.name: len(list(each.iterdir())) for each in folder.iterdir()}


def test_a_block_that_fails_once_is_tried_again(
    tmp_path: Path, study: Study, tries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BINARY_MODELS, "hopfield", replace(MODELS["hopfield"], simulate=weak_once))
    outcome = run(study, tmp_path, HERE)
    assert outcome.failures == {}
    assert {name: n for name, n in counts(tries).items() if n > 1} == {"3-1": 2, "6-1": 2, "12-1": 2}
    monkeypatch.undo()
    assert outcome.digest == undisturbed(study, tmp_path)


@pytest.mark.usefixtures("cheap_figures")
@pytest.mark.parametrize(
    ("model", "pool", "said"),
    [
        (weak_always, "threads", "FloatingPointError: the energy is infinite"),
        pytest.param(deadly, "processes", "KilledWorker: ", marks=pytest.mark.slow),
    ],
)
def test_a_block_that_always_fails_is_recorded_and_drawn_and_the_others_go_on(
    tmp_path: Path, study: Study, tries: Path, monkeypatch: pytest.MonkeyPatch, model, pool, said
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(BINARY_MODELS, "hopfield", replace(MODELS["hopfield"], simulate=model))
    outcome = run(study, tmp_path, Settings(2, where=Where(pool=pool)))
    monkeypatch.undo()
    assert outcome.computed == 64
    assert list(outcome.failures) == ["size=60,load=0.1,seed=1"]
    assert outcome.failures["size=60,load=0.1,seed=1"].startswith(said)
    assert counts(tries)["6-1"] >= dispatch.ATTEMPTS
    state = status(study, tmp_path)
    assert (state["done"], state["failed"], state["missing"]) == (8, 1, 0)
    figures.diagram(study, tmp_path)
    flag = xr.open_zarr(Path(results_of(study, tmp_path).diagram))["flag"]
    assert ((flag & FAILED) > 0).sum() == 8
    assert ((flag.sel(load=0.1) & FAILED) > 0).all()
    drawing = Path(results_of(study, tmp_path).figures / "diagram.svg").read_text()
    assert "4 with failed blocks" in drawing
    assert "a block failed: mattis status" in drawing
    again = run(study, tmp_path, HERE)
    assert (again.found, again.computed) == (64, 8)
    assert again.digest == undisturbed(study, tmp_path)
    assert status(study, tmp_path)["failures"] == {}


def test_small_blocks_travel_together_and_failures_alone(tmp_path: Path) -> None:
    study = make_study(tmp_path, seed=40, temperature=[0.3], noise=[0.0])
    blocks = plan.blocks(study)
    doing = dispatch.Work(study.described_model.simulate, None, "cpu")
    work = dispatch.Dispatcher(study, None, doing, 2, None, list(blocks), print)  # type: ignore[arg-type]
    assert len(work._next()) == 1  # nothing was measured yet
    work.rate = 1e-9
    together = work._next()
    assert 1 < len(together) <= len(blocks) // (2 * dispatch.IN_FLIGHT)
    work.rate = 1.0
    assert len(work._next()) == 1
    work.rate = 1e-9
    work.attempts[work.waiting[-1].id] = 1
    assert len(work._next()) == 1


def test_a_run_of_many_small_blocks_gives_the_same_numbers(tmp_path: Path) -> None:
    study = make_study(tmp_path, seed=100, sweeps={"thermalise": 1, "measure": 2})
    outcome = run(study, tmp_path, HERE)
    assert outcome.computed == 2400
    assert outcome.digest == undisturbed(study, tmp_path)
