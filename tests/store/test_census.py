"""The census of a store: it saves the comparing of digests, and never hides what that would have found."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, flip, make_study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattis.engine.driver import run
from mattis.engine.status import digest, open_results, status
from mattis.store import cube, layout, reading
from mattis.store.reading.census import Census
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study.base import Study

ARRAYS = ("overlap", "flag", "digest", "edwards_anderson")


@pytest.fixture
def done(tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the small study in three chunks, and the census beside its store."""
    monkeypatch.setattr(layout, "CHUNK_CELLS", 24)
    run(study, tmp_path, HERE)
    assert (tmp_path / "small" / "sweep.census").exists()
    return tmp_path


def by_digests(study: Study, root: Path) -> np.ndarray:
    """Return which cells exist, whatever the census says."""
    place = results_of(study, root).store
    (found,) = reading.each_cells(place, [study], with_values=False, census=Census())
    return found["valid"].values


def check_same(study: Study, root: Path) -> int:
    """Check that with the census all see what digests say; return the number of cells."""
    valid = by_digests(study, root)
    assert status(study, root)["cells"] == {"total": 72, "done": int(valid.sum())}
    ds = open_results(study, root)
    assert (ds["valid"].values == valid).all()
    assert np.isnan(ds["overlap"].values[~valid]).all()
    return int(valid.sum())


def test_a_look_at_a_sound_store_compares_no_digest(
    done: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, hashes = status(study, done), digest(study, done)
    monkeypatch.setattr(cube, "cell_digests", lambda _: pytest.fail("a digest was computed"))
    assert status(study, done) == before
    assert digest(study, done) == hashes
    assert open_results(study, done)["valid"].values.all()


def test_a_verification_compares_all_of_them(
    done: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    digests = cube.cell_digests
    monkeypatch.setattr(cube, "cell_digests", lambda table: counts.append(len(table)) or digests(table))
    assert verify(study, done).sound
    assert sum(counts) == 72


def chunk_files(root: Path, name: str) -> list[Path]:
    return sorted(path for path in (root / "small/sweep.zarr" / name / "c").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ARRAYS)
def test_a_flipped_bit_is_seen(done: Path, study: Study, name: str) -> None:
    flip(chunk_files(done, name)[1], 83)
    assert check_same(study, done) == 71


@pytest.mark.parametrize("name", ARRAYS)
def test_a_chunk_of_another_store_whose_checksum_fits_is_seen(
    done: Path, study: Study, tmp_path: Path, name: str
) -> None:
    """Such as one that was brought back from a copy."""
    other = tmp_path / "other"
    run(make_study(tmp_path, root_seed=2), other, HERE)
    shutil.copy(chunk_files(other, name)[1], chunk_files(done, name)[1])
    assert check_same(study, done) < 72


def test_two_chunks_that_changed_places_are_seen(done: Path, study: Study) -> None:
    """All files of both: values and digests fit each other, but not the labels."""
    for name in [one.name for one in study.described_model.observables] + ["digest"]:
        one, other, *_ = chunk_files(done, name)
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
    census = done / "small" / "sweep.census"
    content = json.loads(census.read_text())
    assert check_same(study, done) == 24
    first, second, *_ = sorted(content["chunks"])
    seals = content["chunks"]
    seals[first], seals[second] = seals[second], seals[first]
    census.write_text(json.dumps(content))  # not even if the seals go with them
    assert check_same(study, done) == 24


def spoilt() -> Iterator[bytes]:
    """Yield what may stand in the place of a census."""
    yield from (b"", b"{", b"[]", b"null", b'{"mattis_census": 1}', b"\xff\x00" * 50)
    yield json.dumps({"mattis_census": 1, "chunks": {"0/0/0/0/0": ["a"], "x": "y"}}).encode()
    yield json.dumps({"mattis_census": 2, "chunks": {}}).encode()


@pytest.mark.parametrize("content", spoilt())
def test_a_spoilt_census_is_none(done: Path, study: Study, content: bytes) -> None:
    path = done / "small" / "sweep.census"
    whole = path.read_bytes()
    path.write_bytes(content)
    assert check_same(study, done) == 72
    assert run(study, done, HERE).computed == 0
    assert json.loads(path.read_bytes())["chunks"].items() >= json.loads(whole)["chunks"].items()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_at_all_is_hidden(done: Path, study: Study, data: Any) -> None:
    """Bits flipped in any two files of cells, in the census as well."""
    files = [path for name in ARRAYS for path in chunk_files(done, name)]
    files.append(done / "small" / "sweep.census")
    before = {path: path.read_bytes() for path in files}
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=2, unique=True)):
        flip(path, data.draw(st.integers(0, len(before[path]) - 1)), 1 << data.draw(st.integers(0, 7)))
    try:
        check_same(study, done)
    finally:
        for path, content in before.items():
            path.write_bytes(content)


def test_a_store_that_grows_gets_a_new_census(done: Path, study: Study) -> None:
    path = done / "small" / "sweep.census"
    before = path.read_bytes()
    larger = make_study(done, seed=5)
    assert run(larger, done, HERE).computed == 48
    assert path.read_bytes() != before
    assert check_same(study, done) == 72
    stamp = path.stat().st_mtime_ns
    assert run(larger, done, HERE).computed == 0
    assert path.stat().st_mtime_ns == stamp


def test_a_look_at_a_part_of_a_chunk_vouches_for_none(done: Path, study: Study) -> None:
    place, census = results_of(study, done).store, Census()
    reading.each_cells(place, [make_study(done, seed=[0, 1])], census=census)
    assert census.seen == {}
    reading.each_cells(place, [study], census=census)
    assert len(census.seen) == 3


@pytest.mark.parametrize("name", ARRAYS)
def test_nobody_vouches_for_a_damaged_file_whose_cells_are_all_there(
    done: Path, study: Study, name: str
) -> None:
    path, census = chunk_files(done, name)[1], Census()
    flip(path, path.stat().st_size - 1)  # of the checksum
    assert check_same(study, done) == 72
    reading.each_cells(results_of(study, done).store, [study], census=census)
    assert len(census.seen) == 2
