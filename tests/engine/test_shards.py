"""Shards: value-keyed parts of a study, computed by processes that do not know of each other."""

import tracemalloc
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from builders import HERE, THREADS, make_study, started, undisturbed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattis.engine import locks, shards
from mattis.engine.driver import Settings, run, withdraw_stale_receipts
from mattis.engine.status import digest, status
from mattis.errors import UserError
from mattis.store import cube, reading
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study


def of(index: int, count: int) -> Settings:
    return replace(HERE, shard=(index, count))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 12), seeds=st.integers(1, 9))
def test_every_cell_is_in_exactly_one_shard(tmp_path: Path, count: int, seeds: int) -> None:
    study = make_study(tmp_path, seed=seeds)
    parts = shards.shards(study, count)
    assert (np.sum([part.cells for part in parts], axis=0) == 1).all()
    assert len({part.id for part in parts}) == len(parts)
    for part in parts:
        assert part.cells.any()
        assert (part.cells.all(axis=(2, 3)) == part.cells.any(axis=(2, 3))).all()


def test_a_pattern_set_stays_in_its_shard_when_the_study_grows(tmp_path: Path, study: Study) -> None:
    larger = make_study(tmp_path, load=[0.04, 0.05, 0.07, 0.1, 0.2], seed=5)
    before, after = shards.owners(study, 4), shards.owners(larger, 4)
    assert (after[:, [1, 3, 4], :3] == before).all()


def test_only_shards_that_got_something_new_have_a_new_name(tmp_path: Path, study: Study) -> None:
    before = {part.id for part in shards.shards(study, 4)}
    after = shards.shards(make_study(tmp_path, load=[0.05, 0.1, 0.2, 0.3], seed=[0, 1, 2]), 4)
    old = shards.owners(make_study(tmp_path, load=[0.3]), 4)
    for part in after:
        assert (part.id in before) == (part.index not in old)
    shuffled = make_study(tmp_path, load=[0.2, 0.05, 0.1], seed=[2, 0, 1])
    assert {part.id for part in shards.shards(shuffled, 4)} == before
    other = make_study(tmp_path, root_seed=2)
    assert not {part.id for part in shards.shards(other, 4)} & before


def test_shards_share_the_work_fairly(tmp_path: Path) -> None:
    study = make_study(tmp_path, load={"from": 0.04, "to": 0.42, "count": 20}, seed=16)
    counts = np.bincount(shards.owners(study, 8).ravel(), minlength=8)
    assert (counts == 40).all()


@pytest.mark.parametrize("order", list(permutations(range(3)))[::2])
def test_shards_in_any_order_then_gathered(tmp_path: Path, study: Study, order: tuple[int, ...]) -> None:
    computed = [run(study, tmp_path, of(index, 3)).computed for index in order]
    assert sum(computed) == 72
    assert all(computed)
    results = results_of(study, tmp_path)
    assert not reading.is_there(results.store)  # only a journal so far, and already readable
    assert digest(study, tmp_path) == undisturbed(study, tmp_path)
    outcome = run(study, tmp_path, HERE)
    assert (outcome.computed, outcome.found) == (0, 72)
    assert outcome.digest == undisturbed(study, tmp_path)
    assert (results.store / "journal").names() == []
    assert run(study, tmp_path, of(0, 3)).computed == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 40), seeds=st.integers(1, 9))
def test_the_tiles_of_a_shard_are_its_cells_and_no_others(tmp_path: Path, count: int, seeds: int) -> None:
    study = make_study(tmp_path, size=[60, 80], seed=seeds)
    for part in shards.shards(study, count):
        wanted = [(block.id, block.points) for block in plan.blocks(study, part.cells)]
        found = [(block.id, block.points) for tile in part.tiles for block in plan.blocks(tile)]
        assert sorted(found) == sorted(wanted)
        assert all(tile.physics() == study.physics() for tile in part.tiles)


def test_a_shard_looks_at_its_own_cells_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tmp_path, seed=4)
    digests = [run(study, tmp_path, of(index, 3)).digest for index in range(3)]
    read: list[str] = []
    whole = Folder.read_bytes
    monkeypatch.setattr(
        Folder, "read_bytes", lambda place, *most: read.append(place.name) or whole(place, *most)
    )
    again = run(study, tmp_path, of(1, 3))
    seen = {name.partition("_")[0] for name in read if "of3_" in name}
    assert (again.computed, seen) == (0, {"1of3"})
    run(study, tmp_path, HERE)  # from here on the cells are in the cube
    part = shards.shard(study, 1, 3)
    ds = reading.read(results_of(study, tmp_path).store, study)
    assert cube.study_digest(ds, study.described_model, part.cells) == digests[1]
    assert run(study, tmp_path, of(1, 3)).digest == digests[1]


def test_a_shard_of_other_physics_is_refused_whatever_its_number(tmp_path: Path) -> None:
    run(make_study(tmp_path), tmp_path, of(0, 2))
    longer = make_study(tmp_path, sweeps={"thermalise": 10, "measure": 80})
    for index in range(2):
        with pytest.raises(UserError, match=r"sweeps\.measure: 60 → 80"):
            run(longer, tmp_path, of(index, 2))
    study = make_study(tmp_path)
    assert run(study, tmp_path, HERE).digest == undisturbed(study, tmp_path)


def test_a_shard_without_cells_has_nothing_to_do(tmp_path: Path) -> None:
    study = make_study(tmp_path, load=[0.1], seed=1)
    outcomes = [run(study, tmp_path, of(index, 3)) for index in range(3)]
    assert sorted(outcome.computed for outcome in outcomes) == [0, 0, 8]
    assert run(study, tmp_path, HERE).digest == undisturbed(study, tmp_path)


def test_a_lost_shard_is_computed_by_the_gathering_run(tmp_path: Path, study: Study) -> None:
    done = run(study, tmp_path, of(1, 3)).computed
    outcome = run(study, tmp_path, HERE)
    assert (outcome.found, outcome.computed) == (done, 72 - done)
    assert outcome.digest == undisturbed(study, tmp_path)


def test_the_number_of_shards_may_change(tmp_path: Path, study: Study) -> None:
    first = run(study, tmp_path, of(0, 2)).computed
    rest = [run(study, tmp_path, of(index, 5)).computed for index in range(5)]
    assert first + sum(rest) == 72
    assert run(study, tmp_path, HERE).digest == undisturbed(study, tmp_path)


def test_cells_of_a_larger_study_wait_until_it_asks_for_them(tmp_path: Path, study: Study) -> None:
    run(study, tmp_path, HERE)
    larger = make_study(tmp_path, seed=4)
    waiting = sum(run(larger, tmp_path, of(index, 2)).computed for index in range(2))
    assert waiting == 24
    assert run(study, tmp_path, HERE).found == 72  # the smaller study folds only its own cells
    outcome = run(larger, tmp_path, HERE)
    assert (outcome.found, outcome.computed) == (96, 0)
    assert outcome.digest == undisturbed(larger, tmp_path)


def test_a_shard_and_a_whole_run_do_not_meet_but_two_shards_do(tmp_path: Path) -> None:
    running, study = started(tmp_path, "--shard", "0/2", *THREADS, seed=6)
    with pytest.raises(UserError, match=rf"process {running.pid} on .* since"):
        run(study, tmp_path, HERE)
    with pytest.raises(UserError, match=rf"process {running.pid} on .* since"):
        run(study, tmp_path, of(0, 2))
    other = run(study, tmp_path, of(1, 2))
    running.communicate()
    assert running.returncode == 0
    outcome = run(study, tmp_path, HERE)
    assert (outcome.computed, other.failures) == (0, {})
    assert outcome.digest == undisturbed(study, tmp_path)


def test_two_runs_never_hold_the_same_results(tmp_path: Path) -> None:
    with locks.held(Folder(tmp_path)), pytest.raises(UserError), locks.held(Folder(tmp_path), "shard-a"):
        pass
    with locks.held(Folder(tmp_path), "shard-a"), pytest.raises(UserError), locks.held(Folder(tmp_path)):
        pass
    with locks.held(Folder(tmp_path), "shard-a"), locks.held(Folder(tmp_path), "shard-b"):
        pass
    with locks.held(Folder(tmp_path)):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [".lock.run"]


def test_receipts_without_their_cells_are_withdrawn(tmp_path: Path, study: Study) -> None:
    for index in range(3):
        run(study, tmp_path, of(index, 3))
    run(study, tmp_path, HERE)
    results = results_of(study, tmp_path)
    names = results.shards.names()
    assert len(names) == 3
    withdraw_stale_receipts(study, tmp_path, 3)
    assert results.shards.names() == names
    assert results.receipt.exists()
    chunk = results.store / "energy/c/0/0/0/0/0"
    content = bytearray(chunk.read_bytes() or b"")
    content[8 * 30] ^= 1
    chunk.write_bytes(bytes(content))
    lost = ~reading.valid_cells(results.store, study)
    withdraw_stale_receipts(study, tmp_path, 3)
    assert not results.receipt.exists()
    kept = {f"{part.id}.json" for part in shards.shards(study, 3) if not (lost & part.cells).any()}
    assert set(results.shards.names()) == kept
    assert len(kept) == 2


def test_failed_blocks_of_a_shard_are_shown(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = plan.task

    def broken(study: Study, block: plan.Block):  # type: ignore[no-untyped-def]
        patterns, points, protocol = task(study, block)
        if block.id == "size=60,load=0.1,seed=1":
            points = None  # type: ignore[assignment]
        return patterns, points, protocol

    monkeypatch.setattr(plan, "task", broken)
    outcomes = [run(study, tmp_path, of(index, 2)) for index in range(2)]
    monkeypatch.undo()
    assert sum(len(outcome.failures) for outcome in outcomes) == 1
    state = status(study, tmp_path)
    assert (state["done"], state["failed"]) == (8, 1)
    assert [*state["failures"]] == ["size=60,load=0.1,seed=1"]
    assert run(study, tmp_path, HERE).digest == undisturbed(study, tmp_path)
    assert status(study, tmp_path)["failures"] == {}


@pytest.mark.parametrize("text", ["", "1", "a/b", "1/", "-1/3", "1.0/3", "3/3", "0/0"])
def test_a_wrong_shard_is_one_line(study: Study, text: str) -> None:
    with pytest.raises(UserError, match=r"--shard: got .*expected I/K with 0 ≤ I < K, such as 0/8"):
        shards.shard(study, *shards.parsed(text))


def test_the_memory_of_a_shard_is_that_of_its_own_cells(tmp_path: Path) -> None:
    """Of the same number of cells, whatever the product of their loads and seeds is."""
    peaks = []
    for sets, count in ((20, 4), (100, 100)):
        loads = [round(0.05 + 0.001 * k, 6) for k in range(sets)]
        heat = {"from": 0.0, "to": 1.0, "count": 40}
        study = make_study(tmp_path, load=loads, seed=sets, temperature=heat)
        part = shards.shard(study, 0, count)
        assert 70 < part.cells.any(axis=(2, 3)).sum() < 130
        tracemalloc.start()
        seen = reading.each_cells(results_of(study, tmp_path).store, part.tiles)
        peaks.append(tracemalloc.get_traced_memory()[1] / sum(ds["valid"].size for ds in seen))
        tracemalloc.stop()
    assert peaks[1] < 2.5 * peaks[0]
