"""What a stranger may hand over: a store, a name, an environment. Nothing of it is executed or printed."""

import json
import pickle
import re
from pathlib import Path

import pytest
from small_study import fill, make_study

from mattis import layout, store
from mattis.errors import UserError
from mattis.results import results_of
from mattis.study import Study
from mattis.sweep import digest, status
from mattis.verify import verify

SOURCE = Path(__file__).parents[1] / "src" / "mattis"


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def old_array(trap: Path) -> tuple[bytes, bytes]:
    """Return metadata and chunk of a zarr v2 array of pickled objects."""
    metadata = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": 0, "order": "C",
        "compressor": None, "filters": [{"id": "pickle", "protocol": 5}],
    }  # fmt: skip
    return json.dumps(metadata).encode(), pickle.dumps([Trap(trap)])


@pytest.mark.parametrize("name", ["overlap", "digest", "load", "journal"])
def test_pickled_objects_in_a_store_are_never_loaded(
    tmp_path: Path, study: Study, name: str
) -> None:
    fill(study, tmp_path)
    before, path = digest(study, tmp_path), results_of(study, tmp_path).store
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
        store.create_or_extend(path, study)


def test_labels_of_a_store_cannot_make_a_huge_cube(tmp_path: Path, study: Study) -> None:
    """The axes that a store claims are only believed as far as the study asks for them."""
    fill(study, tmp_path)
    path = results_of(study, tmp_path).store
    assert isinstance(path, Path)
    group = json.loads((path / "zarr.json").read_text())
    group["attributes"]["axes"] = '{"size": "evil", "load": 1}'
    (path / "zarr.json").write_text(json.dumps(group))
    assert store.valid_cells(path, study).all()  # the seal does not fit: the copy is believed
    group["attributes"] = layout.sealed(group["attributes"])
    (path / "zarr.json").write_text(json.dumps(group))
    with pytest.raises(UserError, match="no mattis store"):
        status(study, tmp_path)


def test_no_source_unpickles_or_evaluates() -> None:
    forbidden = re.compile(r"\b(pickle|marshal|shelve|eval|exec|yaml\.load|os\.system)\b\(?")
    for path in SOURCE.rglob("*.py"):
        code = re.sub(r'""".*?"""|#.*', "", path.read_text(), flags=re.S)
        found = forbidden.findall(code)
        assert not found, (path.name, found)


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", ".", "..", "a b", "x\n", ""])
def test_study_names_cannot_leave_the_results_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({"name": name, "axes": {"load": [0.1], "temperature": [0.5]}}))
    from mattis.study import load_study

    with pytest.raises(UserError, match=r"study study\.yaml, name"):
        load_study(path)
    assert make_study(tmp_path).name == "small"
