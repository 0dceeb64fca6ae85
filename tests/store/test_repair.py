"""What is left of a damaged store: no wrong value under a checksum that fits, and no cell for nothing."""

import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import HERE, columns_of, fill, flip, make_study

from mattis.engine.driver import run
from mattis.engine.status import digest
from mattis.errors import UserError
from mattis.store import journal, reading, record, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study

CHUNK = "c/0/0/0/0/0"


@pytest.fixture
def filled(study: Study, tmp_path: Path) -> Path:
    run(study, tmp_path, HERE)
    return tmp_path / "small" / "sweep.zarr"


@pytest.mark.parametrize("name", ["overlap", "energy", "digest"])
def test_a_repair_that_is_interrupted_leaves_a_blank_and_no_receipt(
    tmp_path: Path, study: Study, filled: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = xr.open_zarr(filled)["overlap"].load()
    flip(filled / name / CHUNK, 8 * 30 + 6)
    monkeypatch.setattr(plan, "blocks", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, HERE)
    monkeypatch.undo()
    after = xr.open_zarr(filled).load()
    assert int(after["overlap"].isnull().sum()) == int((after["digest"] == 0).sum()) == 1
    same = (after["overlap"] == before) | after["overlap"].isnull()
    assert same.all()
    assert not results_of(study, tmp_path).receipt.exists()
    assert run(study, tmp_path, HERE).computed == 1
    assert xr.open_zarr(filled)["overlap"].identical(before)


def test_a_fold_into_a_damaged_chunk_gives_no_wrong_value_a_checksum(
    tmp_path: Path, study: Study, filled: Path
) -> None:
    """The chunk is damaged after the store was opened, when nobody looks at it any more."""
    opened = store.create_or_extend(Folder(filled), study)
    flip(filled / "overlap" / CHUNK, 8 * 30 + 6)
    block = plan.blocks(study)[0]
    store.write(opened, study, block, columns_of(study, block))
    store.fold(opened)
    assert int(xr.open_zarr(filled)["overlap"].isnull().sum()) == 1
    assert fill(study, tmp_path) == 1
    assert verify(study, tmp_path).sound


def test_a_cell_whose_digest_is_not_there_yet_is_blank_after_the_next_fold(
    tmp_path: Path, study: Study, filled: Path
) -> None:
    """A fold that dies before the digests leaves values that nobody vouches for."""
    (filled / "digest" / CHUNK).unlink()
    store.create_or_extend(Folder(filled), study)
    assert xr.open_zarr(filled)["overlap"].isnull().all()
    assert fill(study, tmp_path) == 72


def test_a_segment_with_cells_on_and_off_the_axes_waits_for_the_rest(tmp_path: Path, study: Study) -> None:
    """Were it removed by the fold, its other cells would be lost without a word."""
    larger, path = make_study(tmp_path, seed=5), Path(results_of(study, tmp_path).store)
    Folder(path.parent).make_folder()
    opened = store.join(Folder(path), larger)
    for block in plan.blocks(larger):
        store.write(opened, larger, block, columns_of(larger, block))
    store.flush(opened)
    study = make_study(tmp_path)
    assert fill(study, tmp_path) == 0
    assert (path / "journal").is_dir()
    assert fill(make_study(tmp_path, seed=5), tmp_path) == 0
    assert not (path / "journal").exists()
    fill(larger, tmp_path / "fresh")
    assert digest(larger, tmp_path) == digest(larger, tmp_path / "fresh")


def test_what_waits_for_other_axes_is_not_written_over_by_what_comes_next(
    tmp_path: Path, study: Study
) -> None:
    """A fold leaves a segment behind, and the same process goes on writing."""
    larger, path = make_study(tmp_path, seed=4), Path(results_of(study, tmp_path).store)
    Folder(path.parent).make_folder()
    opened = store.create_or_extend(Folder(path), study)
    blocks = plan.blocks(larger)
    for part in (blocks[:6], blocks[6:]):
        for block in part:
            columns = columns_of(larger, block)
            store.write(opened, larger, block, columns)
        store.fold(opened)
    assert len(list((path / "journal").iterdir())) == 2
    assert fill(larger, tmp_path) == 0


def test_segments_of_other_physics_or_labels_are_not_read(tmp_path: Path, study: Study) -> None:
    contents = record.contents_of(study)
    writer = journal.Writer(Folder(tmp_path / "journal"), contents, "a")
    writer.add(np.ones((3, len(contents.columns))))
    writer.flush()
    names = journal.segments(writer.folder)
    assert [len(each.table) for each in journal.rows(writer.folder, contents, names)] == [3]
    for other in (
        record.contents_of(study.model_copy(update={"cues": 1})),
        replace(contents, labels=(*contents.labels[1:], contents.labels[0])),
    ):
        assert list(journal.rows(writer.folder, other, names)) == []


def test_rows_that_come_quickly_wait_no_longer_for_it(tmp_path: Path, study: Study) -> None:
    """The last write took long, so that the next is due in years: eight segments are written all the same."""
    contents = record.contents_of(study)
    writer = journal.Writer(Folder(tmp_path / "journal"), contents, "a", cost=1e9, flushed=time.monotonic())
    rows = np.ones((contents.segment_rows, len(contents.columns)))
    for _ in range(journal.MOST_WAITING - 1):
        writer.add(rows)
    assert not writer.folder.exists()
    writer.add(rows)
    assert len(journal.segments(writer.folder)) == journal.MOST_WAITING


def emptied(filled: Path) -> None:
    (filled / "zarr.json").write_bytes(b"")
    (filled / "digest" / "zarr.json").write_bytes(b"")


def all_metadata(filled: Path) -> None:
    for file in filled.rglob("zarr.json"):
        file.write_bytes(b"")


def nested(filled: Path) -> None:
    for name in ("zarr.json", "digest/zarr.json"):
        (filled / name).write_text("[" * 100_000)


LOSSES: dict[str, Callable[[Path], None]] = {
    "both copies": emptied,
    "all metadata": all_metadata,
    "endless metadata": nested,
    "no metadata at all": lambda filled: [file.unlink() for file in filled.rglob("zarr.json")] and None,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_an_unreadable_root_is_made_again_and_costs_no_cell(tmp_path: Path, filled: Path, loss: str) -> None:
    """From the labels on disk, which are in the order of asking, and the study as run beside them."""
    extended = make_study(tmp_path, seed=[4, 2, 0, 1, 3], temperature=[1.2, 0.1, 0, 0.3, 0.6])
    assert run(extended, tmp_path, HERE).computed > 0
    before = digest(extended, tmp_path)
    content = {p: p.read_bytes() for p in filled.rglob("*") if p.is_file()}
    LOSSES[loss](filled)
    outcome = run(extended, tmp_path, HERE)
    assert (outcome.computed, outcome.digest) == (0, before)
    assert {p: p.read_bytes() for p in filled.rglob("*") if p.is_file()} == content
    assert verify(extended, tmp_path).sound


def test_a_root_is_not_made_again_for_another_study(tmp_path: Path, filled: Path) -> None:
    emptied(filled)
    other = make_study(tmp_path, cues=1)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="made from a different study: cues: 2 → 1"):
        run(other, tmp_path, HERE)
    (filled.parent / "study.yaml").unlink()
    with pytest.raises(UserError, match=r"nothing beside it says of which study.*study\.yaml back") as said:
        run(make_study(tmp_path), tmp_path, HERE)
    assert "remove" not in str(said.value)
    assert all(p.read_bytes() == c for p, c in before.items() if p.exists() and "zarr" in str(p))


def test_a_store_that_was_only_begun_is_made_again(tmp_path: Path, study: Study) -> None:
    path = tmp_path / "small" / "sweep.zarr"
    for name in ("size/c/0", "load/zarr.json", "zarr.json"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"")
    assert run(study, tmp_path, HERE).computed == 72


def test_leftovers_of_killed_runs_go_with_the_next(tmp_path: Path, study: Study, filled: Path) -> None:
    folder = filled.parent
    (folder / "diagram.zarr.new.partial" / "overlap").mkdir(parents=True)
    (folder / "figures").mkdir()
    leftovers = [".writable.77.9.partial", "diagram.zarr.old.partial", "figures/a.png.1.partial"]
    for name in (*leftovers, "sweep.done.json.5.partial", "sweep.zarr/overlap/zarr.json.5.partial"):
        (folder / name).write_bytes(b"half")
    run(study, tmp_path, HERE)
    assert not list(folder.rglob("*.partial"))


@pytest.mark.filterwarnings("ignore:Object at")
def test_readers_of_an_extension_see_the_store_of_before_until_it_is_done(
    tmp_path: Path, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the copy of all metadata at each moment; without it as long as nothing got its name."""
    larger, rename = make_study(tmp_path, seed=5, load=[0.05, 0.1, 0.2, 0.3]), Path.replace
    old, new, torn, seen = (1, 3, 4, 2, 3), (1, 4, 4, 2, 5), 0, set()

    def looking(path: Path, *names: Path) -> Path:
        nonlocal torn
        with xr.open_zarr(filled) as ds:
            seen.add(ds["overlap"].shape)
            assert int((ds["digest"] != 0).sum()) == 72
        try:
            with xr.open_zarr(filled, consolidated=False) as ds:
                seen.add(ds["overlap"].shape)
        except ValueError:
            torn += 1  # between two renames of a row of them, without a wait
        return rename(path, *names)

    monkeypatch.setattr(Path, "replace", looking)
    store.create_or_extend(Folder(filled), larger)
    monkeypatch.undo()
    assert seen <= {old, new}
    assert torn < 30
    with xr.open_zarr(filled, consolidated=False) as ds:
        assert ds["overlap"].shape == new


def test_readers_of_values_between_the_old_ones_see_no_cell_under_another_label(
    tmp_path: Path, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cube is written anew: a cell may be away for a moment, but never at a wrong place."""
    larger, rename = make_study(tmp_path, load=[0.05, 0.1, 0.15, 0.2]), Path.replace
    before, counts = xr.open_zarr(filled).load(), set()

    def looking(path: Path, *names: Path) -> Path:
        with xr.open_zarr(filled) as ds:
            there = ds["digest"].load() != 0
            counts.add(int(there.sum()))
            for name in ("overlap", "energy"):
                old = before[name].reindex(load=ds["load"].values)
                assert (~there | (ds[name] == old.values)).all()
        return rename(path, *names)

    monkeypatch.setattr(Path, "replace", looking)
    store.create_or_extend(Folder(filled), larger)
    monkeypatch.undo()
    assert counts == {0, 72}
    with xr.open_zarr(filled) as ds:
        assert ds["load"].values.tolist() == [0.05, 0.1, 0.15, 0.2]
        assert int((ds["digest"] != 0).sum()) == 72


def test_metadata_of_another_version_of_zarr_are_left_as_they_are(
    tmp_path: Path, study: Study, filled: Path
) -> None:
    for file in filled.rglob("zarr.json"):
        content = json.loads(file.read_text())
        file.write_text(json.dumps(dict(reversed(content.items()))))
    before = {p: p.read_bytes() for p in filled.rglob("*") if p.is_file()}
    assert verify(study, tmp_path).sound
    assert fill(study, tmp_path) == 0
    assert {p: p.read_bytes() for p in filled.rglob("*") if p.is_file()} == before


def test_what_is_removed_and_made_again_in_a_packing_dies_anywhere(
    tmp_path: Path, study: Study, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger, removed = make_study(tmp_path, seed=60), shutil.rmtree
    for death in range(0, 14, 3):
        calls = 0

        def dying(path: Path, *rest: object, last: int = death) -> None:
            nonlocal calls
            calls += 1
            if calls > last:
                raise KeyboardInterrupt
            removed(path, *rest)

        monkeypatch.setattr(shutil, "rmtree", dying)
        with suppress(KeyboardInterrupt):
            store.create_or_extend(Folder(filled), larger)
        monkeypatch.undo()
        assert reading.valid_cells(Folder(filled), study).all()
        assert np.isfinite(reading.read(Folder(filled), study)["energy"]).all()
