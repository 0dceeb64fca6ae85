"""What a stranger may hand over: a store, a name, an environment. Nothing of it is executed or printed."""

import gzip
import json
import pickle
import re
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from builders import HERE, ROOT, fill, make_study

from mattis.engine.driver import run
from mattis.engine.status import digest, status
from mattis.errors import UserError
from mattis.store import layout, reading, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study.base import Study

SOURCE = ROOT / "src" / "mattis"


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)


def old_array(trap: Path) -> tuple[bytes, bytes]:
    """Return metadata and chunk of a zarr v2 array of pickled objects."""
    metadata = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": 0, "order": "C",
        "compressor": None, "filters": [{"id": "pickle", "protocol": 5}],
    }  # fmt: skip
    return json.dumps(metadata).encode(), pickle.dumps([Trap(trap)])


@pytest.mark.parametrize("name", ["overlap", "digest", "load", "journal"])
def test_pickled_objects_in_a_store_are_never_loaded(tmp_path: Path, study: Study, name: str) -> None:
    fill(study, tmp_path)
    before, path = digest(study, tmp_path), Path(results_of(study, tmp_path).store)
    assert isinstance(path, Path)
    trap = tmp_path / "sprung"
    metadata, chunk = old_array(trap)
    folder = path / name
    folder.mkdir(exist_ok=True)
    (folder / "zarr.json").unlink(missing_ok=True)
    (folder / ".zarray").write_bytes(metadata)
    (folder / "0").write_bytes(chunk)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    status(study, tmp_path)
    verify(study, tmp_path)
    fill(study, tmp_path)
    assert digest(study, tmp_path) == before
    assert not trap.exists()


def test_a_store_of_the_old_zarr_is_none(tmp_path: Path, study: Study) -> None:
    path = tmp_path / "sweep.zarr"
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text('{"mattis_format": 1, "axes": "{}", "physics": "{}"}')
    with pytest.raises(UserError, match="no mattis store"):
        store.create_or_extend(Folder(path), study)


def test_labels_of_a_store_cannot_make_a_huge_cube(tmp_path: Path, study: Study) -> None:
    """The axes that a store claims are only believed as far as the study asks for them."""
    fill(study, tmp_path)
    path = Path(results_of(study, tmp_path).store)
    assert isinstance(path, Path)
    group = json.loads((path / "zarr.json").read_text())
    group["attributes"]["axes"] = '{"size": "evil", "load": 1}'
    (path / "zarr.json").write_text(json.dumps(group))
    assert reading.valid_cells(Folder(path), study).all()  # the seal does not fit: the copy is believed
    group["attributes"] = layout.sealed(group["attributes"])
    (path / "zarr.json").write_text(json.dumps(group))
    with pytest.raises(UserError, match="no mattis store"):
        status(study, tmp_path)


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def huge_shape(filled: Path) -> None:
    changed(filled / "overlap/zarr.json", lambda doc: doc.update(shape=[10**12] * 5))


def huge_chunks(filled: Path) -> None:
    def grow(doc: dict[str, Any]) -> None:
        doc["chunk_grid"]["configuration"]["chunk_shape"] = [10**12] * 5

    changed(filled / "overlap/zarr.json", grow)


def bomb(filled: Path) -> None:
    """A small chunk that would inflate to a gigabyte."""
    inflated = gzip.compress(b"\0" * 2**24, 9) * 64

    def squeeze(doc: dict[str, Any]) -> None:
        doc["codecs"].append({"name": "gzip", "configuration": {"level": 9}})

    changed(filled / "overlap/zarr.json", squeeze)
    (filled / "overlap/c/0/0/0/0/0").write_bytes(inflated)


def long_chunk(filled: Path) -> None:
    """A file of a terabyte, of which nothing is on disk."""
    with (filled / "overlap/c/0/0/0/0/0").open("r+b") as file:
        file.truncate(2**40)


def endless(name: str) -> Callable[[Path], None]:
    return lambda filled: (filled / name).write_text("[" * 200_000 + "]" * 200_000) and None


def endless_journal(filled: Path) -> None:
    (filled / "journal").mkdir()
    (filled / "journal" / "x-1").write_text("{" * 200_000 + "\n")
    (filled / "journal" / "x-2").write_text('{"physics": [], "rows": -1, "columns": []}\n')
    (filled / "journal" / "x-3").write_text('{"physics": {}, "rows": 1e999, "columns": []}\n')


HOSTILE: dict[str, Callable[[Path], None]] = {
    "a shape of 10^60": huge_shape,
    "chunks of 10^60": huge_chunks,
    "a gzip bomb": bomb,
    "a terabyte of nothing": long_chunk,
    "endless attributes": endless("zarr.json"),
    "an endless array": endless("overlap/zarr.json"),
    "an endless label": endless("load/zarr.json"),
    "an endless journal": endless_journal,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_store_takes_no_more_than_its_size(tmp_path: Path, study: Study, what: str) -> None:
    """Every verb ends soon and in little memory, with a result or one line; the next run mends all."""
    fill(study, tmp_path)
    before, path = digest(study, tmp_path), tmp_path / "small" / "sweep.zarr"
    HOSTILE[what](path)
    tracemalloc.start()
    for verb in (status, verify):
        with suppress(UserError):
            verb(study, tmp_path)
    with suppress(UserError):
        fill(study, tmp_path)
        assert digest(study, tmp_path) == before
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


@pytest.mark.parametrize(
    "axes",
    [
        {"size": list(range(1, 20001)), "load": [float(k).hex() for k in range(1, 20001)]},
        {"size": [0], "load": ["0x1p-4"]},
        {"size": [60, 60], "load": ["0x1p-4"]},
        {"size": [10**30], "load": ["nan"]},
    ],
)
def test_axes_that_no_file_bears_out_are_refused(tmp_path: Path, study: Study, axes: dict[str, Any]) -> None:
    fill(study, tmp_path)
    path = tmp_path / "small" / "sweep.zarr"
    attributes = layout.attributes(Folder(path))
    claimed = json.dumps(json.loads(attributes["axes"]) | axes)
    sealed = layout.sealed({k: v for k, v in attributes.items() if k != "seal"} | {"axes": claimed})
    changed(path / "zarr.json", lambda doc: doc.update(attributes=sealed))
    tracemalloc.start()
    for verb in (status, verify, fill):
        with pytest.raises(UserError, match=r"no mattis store|without files to show for it") as said:
            verb(study, tmp_path)
        assert "remove" not in str(said.value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


@pytest.mark.parametrize("chunks", [[10**12] * 5, [1, 1, 1, 1, 0], [1], "x", [1, 1, 1, 1, True]])
def test_chunks_that_no_store_has_are_refused(tmp_path: Path, study: Study, chunks: Any) -> None:
    fill(study, tmp_path)
    path = tmp_path / "small" / "sweep.zarr"
    attributes = layout.attributes(Folder(path))
    sealed = layout.sealed({k: v for k, v in attributes.items() if k != "seal"} | {"chunks": chunks})
    changed(path / "zarr.json", lambda doc: doc.update(attributes=sealed))
    for verb in (status, verify, fill):
        with pytest.raises(UserError, match="no mattis store"):
            verb(study, tmp_path)


LINKS = ("sweep.zarr", "sweep.zarr/overlap", "sweep.zarr/overlap/c/0", "sweep.zarr/zarr.json",
         "sweep.zarr/overlap/c/0/0/0/0/0", "study.yaml", "figures", ".lock.run", "shards")  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_read_or_written_through_a_link(tmp_path: Path, study: Study, name: str) -> None:
    run(study, tmp_path, HERE)
    inside, outside = tmp_path / "small" / name, tmp_path / "elsewhere"
    if inside.exists():
        inside.rename(outside)
    else:
        outside.mkdir() if name in ("figures", "shards") else outside.write_text("precious")
    inside.symlink_to(outside)
    before = {p: p.read_bytes() for p in [outside, *outside.rglob("*")] if p.is_file()}
    larger = make_study(tmp_path, seed=4)
    for verb in (status, verify, lambda *given: run(*given, HERE)):
        with pytest.raises(UserError, match=r"got a link; expected a folder or file of its own"):
            verb(larger, tmp_path)
    assert {p: p.read_bytes() for p in [outside, *outside.rglob("*")] if p.is_file()} == before


def test_the_results_folder_and_that_of_a_study_may_be_links(tmp_path: Path, study: Study) -> None:
    (tmp_path / "disk" / "other").mkdir(parents=True)
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "small").symlink_to(tmp_path / "disk" / "other")
    outcome = run(study, tmp_path / "results", HERE)
    assert outcome.computed == 72
    assert (tmp_path / "disk" / "other" / "sweep.zarr" / "zarr.json").exists()
    assert verify(study, tmp_path / "results").sound


@pytest.mark.parametrize(
    "axes",
    [
        {"load": {"from": 0.01, "to": 0.2, "count": 10**12}, "temperature": [0.5]},
        {"load": [0.1], "temperature": [0.5], "seed": 10**15},
        {"load": {"from": 0.01, "to": 0.2, "count": 10**6}, "temperature": [0.5], "seed": 10**6},
        {"load": [0.1], "temperature": [0.5], "size": [10**40]},
    ],
)
def test_huge_axes_are_one_line(tmp_path: Path, axes: dict[str, Any]) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({"name": "huge", "axes": axes}))
    from mattis.networks.registry import load_study

    with pytest.raises(UserError, match=r"study study\.yaml, axes") as said:
        load_study(path)
    assert "\n" not in str(said.value)


def test_no_source_unpickles_or_evaluates() -> None:
    forbidden = re.compile(r"\b(pickle|marshal|shelve|eval|exec|yaml\.load|os\.system)\b\(?")
    for path in SOURCE.rglob("*.py"):
        code = re.sub(r'""".*?"""|#.*', "", path.read_text(), flags=re.S)
        found = forbidden.findall(code)
        assert not found, (path.name, found)
