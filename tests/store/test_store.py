"""The store: what is in it is labelled, digested, extended, and noticed when it is damaged."""

import json
import os
import random
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import golden
import numpy as np
import pytest
import xarray as xr
from builders import HERE, ROOT, columns_of, die_at, everything, fill, flip, make_study, undisturbed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattis.comparison.phases import PHASES as DIMENSIONS
from mattis.engine.driver import run
from mattis.engine.status import digest, open_results
from mattis.errors import Fault, UserError
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import MODELS
from mattis.store import layout, reading, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import PatternSet

DATA = ROOT / "tests" / "data"
OBSERVABLES = [observable.name for observable in MODELS["hopfield"].observables]

GOLDEN = golden.GOLDEN["hopfield"]
"""Digest of the small study."""

ALL = replace(HERE, all_observables=True)


def test_store_opens_with_xarray_alone(filled: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = xr.open_zarr(filled)
    assert ds["overlap"].dims == ("size", "load", "beta", "noise", "seed")
    assert dict(ds.sizes) == {"size": 1, "load": 3, "beta": 4, "noise": 2, "seed": 3}
    assert ds.coords["temperature"].dims == ("beta",)
    assert list(ds["temperature"].values) == [1.2, 0.6, 0.3, 0]
    assert list(ds["load"].values) == [0.05, 0.1, 0.2]
    assert ds["patterns"].dims == ("size", "load")
    assert ds["patterns"].dtype.kind == "i"
    assert ds["patterns"].values.tolist() == [[3, 6, 12]]
    assert np.isinf(ds["beta"].values[-1])
    for name, variable in ds.variables.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
    assert not ds["overlap"].isnull().any()
    assert json.loads((filled / "zarr.json").read_text())["zarr_format"] == 3


def test_values_are_what_the_model_returned_in_the_right_places(study: Study, filled: Path) -> None:
    ds = xr.open_zarr(filled)
    for block in plan.blocks(study)[::4]:
        columns = columns_of(study, block)
        for k, point in enumerate(block.points):
            at = {"size": block.size, "load": block.load, "seed": block.seed}
            cell = ds.sel(at | dict(zip(study.points, point, strict=True)))
            for name in OBSERVABLES:
                np.testing.assert_equal(float(cell[name]), float(columns[name][k]))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 9), shuffle=st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_cuts_or_order(
    tmp_path_factory: pytest.TempPathFactory, cut: int, shuffle: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    study = make_study(folder)
    blocks = plan.blocks(study, block_cells=cut)
    shuffle.shuffle(blocks)
    fill(study, folder, blocks)
    assert digest(study, folder) == GOLDEN


def test_order_of_the_axes_does_not_change_the_digest(tmp_path: Path) -> None:
    study = make_study(tmp_path, load=[0.2, 0.05, 0.1], temperature=[1.2, 0.3, 0, 0.6], seed=[2, 0, 1])
    fill(study, tmp_path)
    assert digest(study, tmp_path) == GOLDEN


def test_a_grid_in_beta_gives_the_same_numbers(tmp_path: Path) -> None:
    study = make_study(tmp_path, beta=[float("inf"), 1 / 0.3, 1 / 0.6, 1 / 1.2])
    fill(study, tmp_path)
    assert digest(study, tmp_path) == GOLDEN


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({"seed": 5}, 2 * 3 * 4 * 2),
        ({"load": [0.05, 0.07, 0.1, 0.2]}, 4 * 2 * 3),
        ({"temperature": [0, 0.1, 0.3, 0.6, 0.9, 1.2, 1.5]}, 3 * 3 * 2 * 3),
        ({"noise": [0.0, 0.1, 0.2]}, 3 * 4 * 3),
        ({"size": [60, 61]}, 3 * 4 * 2 * 3),
        ({"seed": [7, 1], "load": [0.1, 0.3]}, 3 * 4 * 2),
    ],
)
def test_extending_computes_only_new_cells_and_leaves_the_old_values(
    tmp_path: Path, study: Study, filled: Path, changes: dict[str, object], new: int
) -> None:
    before = xr.open_zarr(filled).load()
    larger = make_study(tmp_path, **changes)
    assert fill(larger, tmp_path) == new
    assert digest(study, tmp_path) == GOLDEN
    after = xr.open_zarr(filled).load().sel({d: before[d] for d in DIMENSIONS})
    for name in (*OBSERVABLES, "digest"):
        np.testing.assert_array_equal(after[name].values, before[name].values)
    fresh = tmp_path / "fresh"
    fill(larger, fresh)
    assert digest(larger, fresh) == digest(larger, tmp_path)


@pytest.mark.usefixtures("filled")
def test_fewer_values_only_select(tmp_path: Path) -> None:
    smaller = make_study(tmp_path, load=[0.1], seed=[2, 0])
    assert fill(smaller, tmp_path) == 0
    fresh = tmp_path / "fresh"
    fill(smaller, fresh)
    assert digest(smaller, fresh) == digest(smaller, tmp_path)


@pytest.mark.usefixtures("filled")
def test_beta_can_be_extended_twice_into_the_same_chunk(tmp_path: Path) -> None:
    once = make_study(tmp_path, temperature=[0, 0.3, 0.6, 1.2, 0.1])
    twice = make_study(tmp_path, temperature=[0, 0.3, 0.6, 1.2, 0.1, 0.2])
    assert fill(once, tmp_path) == fill(twice, tmp_path) == 3 * 2 * 3
    assert digest(make_study(tmp_path), tmp_path) == GOLDEN


def chunk(filled: Path, name: str) -> Path:
    (only,) = (p for p in (filled / name / "c").rglob("*") if p.is_file())
    return only


DAMAGES = {
    # 72 values of 8 bytes and 4 bytes of checksum: a cut keeps the cells before it.
    "deleted": (lambda path: path.unlink(), 72),
    "flipped": (lambda path: flip(path, 83), 1),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-21]), 3),
    "emptied": (lambda path: path.write_bytes(b""), 72),
}


@pytest.mark.parametrize("name", ["overlap", "flag", "digest", "energy"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed_and_exactly_it_is_repaired(
    study: Study, filled: Path, name: str, damage: str
) -> None:
    before = everything(filled)
    harm, lost = DAMAGES[damage]
    harm(chunk(filled, name))
    assert int((~reading.valid_cells(Folder(filled), study)).sum()) == lost
    assert fill(study, filled.parents[1]) == lost
    assert everything(filled) == before
    assert digest(study, filled.parents[1]) == GOLDEN


def test_damage_that_costs_no_cell_is_repaired_too(study: Study, filled: Path) -> None:
    """A wrong checksum alone would stop every other reader."""
    before = everything(filled)
    path = chunk(filled, "overlap")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert fill(study, filled.parents[1]) == 0
    assert everything(filled) == before


def test_xarray_refuses_a_damaged_chunk_instead_of_showing_it(filled: Path) -> None:
    flip(chunk(filled, "overlap"), 83)
    with pytest.raises(ValueError, match="checksum"):
        xr.open_zarr(filled)["overlap"].load()


@pytest.mark.parametrize(
    ("gone", "lost"),
    [
        ("overlap", 72),
        ("digest", 72),
        ("overlap/zarr.json", 0),
        ("digest/zarr.json", 0),
        ("load", 0),
        ("temperature/zarr.json", 0),
        ("zarr.json", 0),
    ],
)
def test_lost_arrays_are_made_again_and_lost_metadata_cost_no_cell(
    study: Study, filled: Path, gone: str, lost: int
) -> None:
    path = filled / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert fill(study, filled.parents[1]) == lost
    assert digest(study, filled.parents[1]) == GOLDEN
    assert "load" in xr.open_zarr(filled).coords


def test_half_written_files_are_swept_away(study: Study, filled: Path) -> None:
    stale = filled / "overlap" / "c" / "0" / "x.123.partial"
    stale.write_bytes(b"half")
    fill(study, filled.parents[1])
    assert not stale.exists()


@pytest.mark.parametrize("death", [0, 4, 11, 17, 21])
def test_a_death_in_an_extension_loses_nothing_and_readers_see_the_old_store(
    tmp_path: Path, study: Study, filled: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    larger = make_study(tmp_path, seed=5, load=[0.05, 0.1, 0.2, 0.3])
    die_at(monkeypatch, death)
    with pytest.raises(KeyboardInterrupt):
        store.create_or_extend(Folder(filled), larger)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = xr.open_zarr(filled).load()
    assert ds["load"].values.tolist() == [0.05, 0.1, 0.2]
    assert dict(ds.sizes) == {"size": 1, "load": 3, "beta": 4, "noise": 2, "seed": 3}
    monkeypatch.undo()
    assert digest(study, tmp_path) == GOLDEN
    fill(larger, tmp_path)
    fresh = tmp_path / "fresh"
    fill(larger, fresh)
    assert digest(larger, fresh) == digest(larger, tmp_path)


@pytest.mark.parametrize("death", [0, 1, 9, 13, 20, 28, 29])
def test_a_death_while_a_store_is_made_leaves_one_that_goes_on(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    die_at(monkeypatch, death)
    with suppress(KeyboardInterrupt):
        fill(study, tmp_path)
    monkeypatch.undo()
    fill(study, tmp_path)
    assert digest(study, tmp_path) == GOLDEN


@pytest.mark.parametrize("death", [*range(0, 30, 3), 99])
def test_a_death_while_the_cube_is_packed_anew_loses_nothing(
    tmp_path: Path, study: Study, filled: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    """Growing from 3 to 60 seeds in chunks of 3: too many small files, so the chunks are made larger."""
    larger = make_study(tmp_path, seed=60)
    die_at(monkeypatch, death)
    with suppress(KeyboardInterrupt):
        store.create_or_extend(Folder(filled), larger)
    monkeypatch.undo()
    assert digest(study, tmp_path) == GOLDEN
    assert fill(larger, tmp_path) == 57 * 24
    assert digest(study, tmp_path) == GOLDEN
    assert xr.open_zarr(filled)["overlap"].encoding["chunks"] == (1, 3, 4, 2, 60)
    assert len(everything(filled)) < 60


@pytest.mark.parametrize("damaged", ["overlap/zarr.json", "zarr.json", "seed/zarr.json"])
def test_damaged_metadata_cost_nothing_when_the_cube_is_packed_anew(
    tmp_path: Path, study: Study, filled: Path, damaged: str
) -> None:
    (filled / damaged).write_text("{")
    larger = make_study(tmp_path, seed=60)
    assert fill(larger, tmp_path) == 57 * 24
    assert digest(study, tmp_path) == GOLDEN
    assert verify(larger, tmp_path).sound


@pytest.mark.parametrize("death", range(0, 26, 2))
def test_a_death_in_a_fold_loses_nothing(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    """Dying before any of the writes of a chunk, or before the journal forgets its segments."""
    monkeypatch.setattr(store, "fold", lambda _: None)
    fill(study, tmp_path)
    monkeypatch.undo()
    path = Path(results_of(study, tmp_path).store)
    assert digest(study, tmp_path) == GOLDEN  # all of it from the journal
    die_at(monkeypatch, death)
    with suppress(KeyboardInterrupt):
        store.create_or_extend(Folder(path), study)
    monkeypatch.undo()
    assert digest(study, tmp_path) == GOLDEN
    assert fill(study, tmp_path) == 0
    assert digest(study, tmp_path) == GOLDEN
    assert not (path / "journal").exists()


def test_a_rerun_that_has_nothing_to_do_writes_nothing(study: Study, filled: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in filled.rglob("*") if p.is_file()}
    store.create_or_extend(Folder(filled), study)
    assert {p: p.stat().st_mtime_ns for p in filled.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["load", "beta", "seed", "temperature", "patterns"])
@pytest.mark.parametrize("content", [None, b"", b"abcdefgh"], ids=["deleted", "emptied", "garbage"])
def test_damaged_labels_are_noticed_and_mended(
    study: Study, filled: Path, name: str, content: bytes | None
) -> None:
    path = next(p for p in (filled / name / "c").rglob("*") if p.is_file())
    path.unlink() if content is None else path.write_bytes(content)
    assert not reading.valid_cells(Folder(filled), study).any()
    with pytest.raises(UserError, match="72 of 72 cells are missing"):
        digest(study, filled.parents[1])
    assert fill(study, filled.parents[1]) == 0
    assert digest(study, filled.parents[1]) == GOLDEN
    assert xr.open_zarr(filled)["load"].values.tolist() == [0.05, 0.1, 0.2]


@pytest.mark.parametrize("name", ["overlap", "load", "digest"])
def test_changed_metadata_are_mended(study: Study, filled: Path, name: str) -> None:
    path = filled / name / "zarr.json"
    path.write_text(path.read_text().replace('"units"', '"unitz"').replace('"load"', '"laod"'))
    fill(study, filled.parents[1])
    assert digest(study, filled.parents[1]) == GOLDEN
    assert xr.open_zarr(filled)[name].attrs["units"]
    assert "load" in xr.open_zarr(filled)[name].dims


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sweeps": {"thermalise": 10, "measure": 61}}, "sweeps.measure: 60 → 61"),
        ({"cues": 1}, "cues: 2 → 1"),
        ({"root_seed": 2}, "root_seed: 1 → 2"),
        ({"retrieved_above": 0.6}, "retrieved_above: 0.5 → 0.6"),
    ],
)
def test_a_store_of_different_physics_is_refused_with_the_difference(
    tmp_path: Path, filled: Path, change: dict[str, object], said: str
) -> None:
    before = everything(filled)
    with pytest.raises(UserError, match="made from a different study") as caught:
        store.create_or_extend(Folder(filled), make_study(tmp_path, **change))
    assert said in str(caught.value)
    assert everything(filled) == before


@pytest.mark.parametrize("name", ["overlap_thermal_error", "flag"])
def test_a_chunk_of_blanks_is_written_like_any_other(tmp_path: Path, study: Study, name: str) -> None:
    """Deep in the spin glass no chain is long enough for a thermal error: a whole chunk of NaN."""
    results = results_of(study, tmp_path)
    results.folder.make_folder()
    blank = -1 if name == "flag" else np.nan
    for part in (slice(0, 4), slice(4, None)):
        opened = store.create_or_extend(results.store, study)
        for block in plan.blocks(study)[part]:
            columns = columns_of(study, block)
            columns[name] = np.full(len(block.points), blank)
            store.write(opened, study, block, columns)
        store.fold(opened)
    assert reading.valid_cells(results.store, study).all()
    assert (results.store / name / "c/0/0/0/0/0").exists()
    assert verify(study, tmp_path).sound


def test_only_the_chunks_that_are_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "CHUNK_CELLS", 24)
    study = make_study(tmp_path, seed=6)
    fill(study, tmp_path)
    path, read = Path(results_of(study, tmp_path).store), list[tuple[slice, ...]]()
    whole = reading.read(Folder(path), study)
    salvaged = layout.salvaged
    monkeypatch.setattr(
        layout,
        "salvaged",
        lambda place, name, form, chunk: (
            read.append(form.region(chunk)) or salvaged(place, name, form, chunk)
        ),
    )
    small = make_study(tmp_path, load=[0.2, 0.3], seed=[5, 4])
    ds = reading.read(Folder(path), small)
    loads = {part[1].start for part in read if len(part) == 5}
    assert loads == {2}
    assert ds["valid"].values[:, 0].all()
    assert not ds["valid"].values[:, 1].any()
    for name in OBSERVABLES:
        expected = whole[name].sel(load=[0.2], seed=[5, 4]).values
        np.testing.assert_array_equal(ds[name].sel(load=[0.2]).values, expected)


def test_a_newer_format_is_refused(study: Study, filled: Path) -> None:
    path = filled / "zarr.json"
    path.write_text(path.read_text().replace('"mattis_format": 3', '"mattis_format": 4'))
    with pytest.raises(UserError, match="got store format 4"):
        reading.valid_cells(Folder(filled), study)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]"])
def test_something_else_in_its_place_is_refused(tmp_path: Path, study: Study, content: bytes) -> None:
    path = tmp_path / "sweep.zarr"
    path.mkdir()
    (path / "zarr.json").write_bytes(content)
    with pytest.raises(UserError, match="no mattis store"):
        store.create_or_extend(Folder(path), study)
    assert [p.name for p in path.iterdir()] == ["zarr.json"]


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Frozen on disk: sweep.zarr of the small study, one seed, as format 1 had it."""
    with zipfile.ZipFile(DATA / "store-format-1.zip") as archive:
        archive.extractall(tmp_path / "small")
    return tmp_path / "small" / "sweep.zarr"


@pytest.fixture
def regardless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Formats go on as if their cells had no random numbers to be older: `test_younger` has what refuses."""
    with monkeypatch.context() as then:
        then.setattr(BinaryStudy, "is_random", lambda *_: False)
        yield


def assert_went_on(whole: Study, root: Path) -> None:
    """Cells of other seeds than 0 and 1, which came after the format, are those of an undisturbed run."""
    fill(whole, root / "undisturbed")
    found, wanted = (open_results(whole, place) for place in (root, root / "undisturbed"))
    assert found["valid"].all()
    names = [name for name in OBSERVABLES if not np.isnan(found[name]).all()]
    assert len(names) > 5
    for name in names:
        came = (part[name].sel(seed=[2]).values for part in (found, wanted))
        np.testing.assert_array_equal(*came, err_msg=name)


def assert_grows(root: Path) -> None:
    """All observables come where cells come out as they are, without noise, and are refused elsewhere."""
    cold = make_study(root, temperature=[0.0])
    assert run(cold, root, ALL).digest == undisturbed(cold, root / "cold")
    with pytest.raises(Fault, match="numbers changed"):
        run(make_study(root), root, ALL)


@pytest.mark.usefixtures("regardless")
def test_a_store_of_the_first_format_opens_and_goes_on(tmp_path: Path, frozen: Path) -> None:
    study = make_study(tmp_path, seed=1, noise=[0.0])
    before = everything(frozen)
    assert reading.valid_cells(Folder(frozen), study).all()
    of_before = digest(study, tmp_path)
    assert everything(frozen) == before  # who only reads leaves it as it is
    larger = make_study(tmp_path)
    assert fill(larger, tmp_path) == 60
    assert digest(study, tmp_path) == of_before
    assert_went_on(larger, tmp_path)
    assert xr.open_zarr(frozen).attrs["mattis_format"] == layout.FORMAT
    assert_grows(tmp_path)


@pytest.mark.usefixtures("regardless")
@pytest.mark.parametrize("number", [2, 3])
def test_later_formats_stay_readable(tmp_path: Path, number: int) -> None:
    """Frozen on disk: a store with half of its cells still in the journal."""
    with zipfile.ZipFile(DATA / f"store-format-{number}.zip") as archive:
        archive.extractall(tmp_path / "small")
    study = make_study(tmp_path, seed=2)
    assert len(list((tmp_path / "small" / "sweep.zarr" / "journal").iterdir())) == 1
    assert reading.valid_cells(Folder(tmp_path / "small" / "sweep.zarr"), study).all()
    of_before = digest(study, tmp_path)
    assert fill(make_study(tmp_path), tmp_path) == 24
    assert digest(study, tmp_path) == of_before
    assert_went_on(make_study(tmp_path), tmp_path)
    assert_grows(tmp_path)


@pytest.mark.usefixtures("regardless")
@pytest.mark.parametrize("death", range(0, 30, 4))
def test_a_death_while_a_store_of_the_first_format_is_rewritten_loses_nothing(
    tmp_path: Path, frozen: Path, death: int
) -> None:
    study = make_study(tmp_path, seed=1, noise=[0.0])
    of_before = digest(study, tmp_path)
    with pytest.MonkeyPatch.context() as deadly, suppress(KeyboardInterrupt):
        die_at(deadly, death)
        fill(make_study(tmp_path), tmp_path)
    assert reading.valid_cells(Folder(frozen), study).all()
    fill(make_study(tmp_path), tmp_path)
    assert digest(study, tmp_path) == of_before
    assert_went_on(make_study(tmp_path), tmp_path)


def test_each_cell_is_its_own_pure_function(study: Study) -> None:
    """A cell does not know which other cells are computed with it."""
    block = plan.blocks(study)[0]
    patterns, points, protocol = plan.task(study, block)
    together = study.described_model.simulate(patterns, points, protocol)
    alone = study.described_model.simulate(patterns, [points[5]], protocol)
    for name in OBSERVABLES:
        np.testing.assert_equal(together[name][5], alone[name][0])
    other = study.described_model.simulate(PatternSet(1, 60, 3, 1), [points[5]], protocol)
    assert other["energy"][0] != alone["energy"][0]


def test_write_dataset_is_whole_or_not_there(tmp_path: Path) -> None:
    ds = xr.Dataset({"a": ("x", np.arange(3.0))})
    store.write_dataset(ds, Folder(tmp_path / "d.zarr"))
    store.write_dataset(ds + 1, Folder(tmp_path / "d.zarr"))
    assert xr.open_zarr(tmp_path / "d.zarr")["a"].values.tolist() == [1, 2, 3]
    assert os.listdir(tmp_path) == ["d.zarr"]  # noqa: PTH208
