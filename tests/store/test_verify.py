"""Verification names block and array; what it finds, a run mends; recomputing compares bit by bit."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
import xarray as xr
from builders import Command, columns_of, fill, flip, make_study, write_study

from mattis.engine import progress
from mattis.engine.status import digest
from mattis.errors import UserError
from mattis.store import layout, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study


def cell_file(filled: Path, name: str) -> Path:
    (only,) = (p for p in (filled / name / "c").rglob("*") if p.is_file())
    return only


def test_a_sound_store_is_found_sound(tmp_path: Path, study: Study, filled: Path) -> None:
    assert filled.exists()
    verdict = verify(study, tmp_path, recompute=3)
    assert verdict.sound
    assert (verdict.whole, verdict.damaged) == (72, 0)
    assert len({*verdict.recomputed}) == 3
    assert set(verdict.recomputed) <= {block.id for block in plan.blocks(study)}


@pytest.mark.parametrize("name", ["overlap", "flag", "energy"])
@pytest.mark.parametrize("cell", [0, 30, 71])
def test_a_flipped_bit_is_named_by_block_and_array(
    tmp_path: Path, study: Study, filled: Path, name: str, cell: int
) -> None:
    flip(cell_file(filled, name), 8 * cell + 2, 1)
    i, j, _, _, k = np.unravel_index(cell, (1, 3, 4, 2, 3))
    a = study.axes
    block = f"size={a.size[i]},load={a.load[j]:g},seed={a.seed[k]}"
    verdict = verify(study, tmp_path)
    (found,) = verdict.findings
    assert (found.array, found.damage) == (name, "chunk wrong checksum")
    assert found.blocks == {block: 1}
    assert (verdict.whole, verdict.damaged) == (71, 1)
    assert fill(study, tmp_path) == 1
    assert verify(study, tmp_path).sound


DAMAGES: dict[str, tuple[Callable[[Path], object], str, str, int]] = {
    "deleted": (lambda p: cell_file(p, "overlap").unlink(), "overlap", "chunk missing", 72),
    "digests deleted": (lambda p: cell_file(p, "digest").unlink(), "digest", "chunk missing", 72),
    "truncated": (
        lambda p: cell_file(p, "energy").write_bytes(cell_file(p, "energy").read_bytes()[:-21]),
        "energy", "chunk truncated", 3,
    ),
    "checksum only": (lambda p: flip(cell_file(p, "flag"), 577, 1), "flag", "chunk wrong checksum", 0),
    "metadata": (
        lambda p: (p / "flag" / "zarr.json").write_text("{"), "flag", "metadata damaged or missing", 72,
    ),
    "group": (lambda p: (p / "zarr.json").write_text("{"), "zarr.json", "metadata damaged", 72),
    "labels": (lambda p: (p / "load/c/0").write_bytes(b"?"), "load", "labels damaged", 72),
    "temporary file": (
        lambda p: (p / "energy/c/0.ab12.partial").write_bytes(b"?"), "energy", "stale temporary file", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_and_mended(tmp_path: Path, study: Study, filled: Path, damage: str) -> None:
    before = digest(study, tmp_path)
    harm, array, text, lost = DAMAGES[damage]
    harm(filled)
    verdict = verify(study, tmp_path)
    (found,) = verdict.findings
    assert (found.array, found.damage) == (array, text)
    assert sum(found.blocks.values()) == verdict.damaged == lost
    assert not verdict.sound
    computed = fill(study, tmp_path)
    assert computed == (0 if damage in ("metadata", "group", "labels") else lost)
    assert verify(study, tmp_path).sound
    assert digest(study, tmp_path) == before


def test_metadata_that_cost_no_cell_do_not_make_missing_cells_damaged(tmp_path: Path, filled: Path) -> None:
    path = filled / "zarr.json"
    path.write_text(path.read_text().replace("asynchronous heat bath", "asynchronous heat path"))
    verdict = verify(make_study(tmp_path, seed=5), tmp_path)
    assert (verdict.whole, verdict.damaged) == (72, 0)
    assert [finding.damage for finding in verdict.findings] == ["attributes damaged"]


def flip_bit(path: Path, first: int, last: int, random: Random) -> str:
    content = bytearray(path.read_bytes())
    at, bit = random.randrange(first, last), random.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(bytes(content))
    return f"{path.parent.name}/{path.name}: bit {bit} of byte {at}"


def test_no_flipped_bit_in_what_a_store_says_of_itself_costs_a_cell(
    tmp_path: Path, study: Study, filled: Path
) -> None:
    """Which axes, which physics: of two copies the one whose seal fits decides."""
    for file, key in layout.COPIES.items():
        path = filled / file
        content = path.read_bytes()
        said = json.dumps(layout.attributes(Folder(filled))["axes"])
        record = (json.dumps(said)[1:-1] if key else said).encode()  # a text within a text
        first = content.index(record)
        for turn in range(30):
            said = flip_bit(path, first + 1, first + len(record) - 1, Random(turn))
            verdict = verify(study, tmp_path)
            assert not verdict.sound, said
            with suppress(ValueError):  # what is no JSON any more is unseen until the next run
                json.loads(path.read_bytes())
                assert (verdict.whole, verdict.damaged) == (72, 0), said
            assert path.parent.name in {*(f.array for f in verdict.findings), filled.name}, said
            if turn % 10 == 0:
                assert fill(study, tmp_path) == 0, said
                assert path.read_bytes() == content, said
            path.write_bytes(content)
        assert key in ("", "mattis_store")
    assert verify(study, tmp_path).sound


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_a_flipped_bit_in_any_metadata_is_named_and_mended(
    tmp_path: Path, study: Study, filled: Path, seed: int
) -> None:
    before = digest(study, tmp_path)
    files = sorted(filled.rglob("zarr.json"))
    random = Random(seed)
    for _ in range(10):
        path = random.choice(files)
        content = path.read_bytes()
        said = flip_bit(path, 0, len(content), random)
        if verify(study, tmp_path).sound:  # a misspelled `configuration`, which has the right defaults
            with xr.open_zarr(filled) as ds:
                assert not ds["overlap"].isnull().any(), said
        assert fill(study, tmp_path) == 0, said
        assert verify(study, tmp_path).sound, said
        assert digest(study, tmp_path) == before, said
        with xr.open_zarr(filled) as ds:
            assert not ds["overlap"].isnull().any(), said


def test_cells_that_wait_in_the_journal_are_whole_and_its_damage_is_named(
    tmp_path: Path, study: Study
) -> None:
    path = Path(results_of(study, tmp_path).store)
    path.parent.mkdir()
    opened = store.join(Folder(path), study)
    block = plan.blocks(study)[4]
    store.write(opened, study, block, columns_of(study, block))
    store.flush(opened)
    assert verify(study, tmp_path).whole == 8
    (segment,) = (path / "journal").iterdir()
    flip(segment, len(segment.read_bytes()) - 8 * 8 - 200, 1)
    verdict = verify(study, tmp_path)
    assert verdict.whole == 7
    assert (verdict.findings[0].array, verdict.findings[0].damage) == ("journal", "1 rows damaged")


def test_numbers_that_were_never_computed_are_found_by_recomputing(tmp_path: Path, study: Study) -> None:
    """Digests prove that nothing changed since; only computing again proves that it was right."""
    results = results_of(study, tmp_path)
    results.folder.make_folder()
    opened = store.create_or_extend(results.store, study)
    for block in plan.blocks(study):
        columns = columns_of(study, block)
        if block.id == "size=60,load=0.1,seed=1":
            columns["energy"] = np.nextafter(columns["energy"], 0)
        store.write(opened, study, block, columns)
    store.fold(opened)
    assert verify(study, tmp_path).sound
    verdict = verify(study, tmp_path, recompute=9)
    (found,) = verdict.differences
    assert (found.array, found.blocks) == ("energy", {"size=60,load=0.1,seed=1": 8})
    assert found.damage.startswith("stored -")


def test_the_command_prints_findings_and_exits_with_1(
    tmp_path: Path, study: Study, filled: Path, mattis: Command
) -> None:
    words = ("verify", write_study(tmp_path), "--results", tmp_path)
    assert mattis(*words)[:2] == (0, "small: 72 of 72 cells whole, 0 damaged, 0 missing\n")
    flip(cell_file(filled, "overlap"), 8 * 30, 1)
    code, out, _ = mattis(*words)
    assert code == 1
    assert "block size=60,load=0.1,seed=0: overlap: 1 cell\n" in out
    code, out, _ = mattis(*words, "--json")
    assert code == 1
    content = json.loads(out)
    assert content["cells"] == {"total": 72, "whole": 71, "damaged": 1, "missing": 0}
    assert content["damage"][0]["array"] == "overlap"
    assert study.name == content["study"]


def test_nothing_to_verify_is_a_mistake(tmp_path: Path, study: Study) -> None:
    with pytest.raises(UserError, match="got nothing to verify"):
        verify(study, tmp_path)


def test_missing_cells_are_no_damage(tmp_path: Path, filled: Path) -> None:
    assert filled.exists()
    verdict = verify(make_study(tmp_path, seed=5), tmp_path)
    assert verdict.sound
    assert (verdict.cells, verdict.whole, verdict.damaged) == (120, 72, 0)


@pytest.mark.usefixtures("filled")
def test_who_waits_for_a_verification_is_told_how_far_it_is(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, mattis: Command
) -> None:
    """Each file of a cube and each block that is computed again; nothing is said where that takes no time."""
    told: list[int] = []

    class Listening:
        def start(self, cells: int, cost: int) -> None:
            told.append(max(cells, cost))

        def advance(self, cells: int, cost: int) -> None:
            told.append(-max(cells, cost))

    assert verify(study, tmp_path, 2, Listening()).sound
    chunks = len(study.described_model.observables) + 1
    assert told[0] == 1 + 2 + 1 + chunks  # a piece, two blocks, every file, and the verdict
    assert sum(told) == 1
    words = ("verify", write_study(tmp_path), "--results", tmp_path)
    code, _, err = mattis(*words)
    assert (code, err) == (0, "")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    code, _, err = mattis(*words)
    assert code == 0
    lines = err.splitlines()
    assert len(lines) == 1 + chunks
    assert lines[-1].startswith(f"{1 + chunks} of {2 + chunks} checks, ")
