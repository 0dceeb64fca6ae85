"""Cells of a capsule computed again: the same bits, or those that differ by name; plugins only if trusted."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import HERE, TINY, Command, columns_of, fill, make_study, refused

import mattis
from mattis import plugins
from mattis.capsule.archive import Archived, archive
from mattis.capsule.reproduce import reproduce
from mattis.capsule.reproduction import DifferingCell, Reproduction
from mattis.capsule.sample import chosen_cells, sample_size
from mattis.capsule.versions import versions_here
from mattis.engine.status import digest
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import load_study
from mattis.store import rounds, store
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study

RING = '''"""Hebb's rule, with couplings on a ring only."""
__license__ = "MIT"
__citation__ = "Author, Journal 1, 1 (2026)"
import pathlib
import numpy as np
from mattis.extend import Lesson, coupling_rule
pathlib.Path(__file__).with_name("executed").touch()

@coupling_rule(unit=1, symmetric=True)
def ring(lesson: Lesson):
    """N J_ij = sum_mu xi_i^mu xi_j^mu where i and j are near on the ring, else 0."""
    xi = lesson.xi.astype(np.int64)
    apart = np.abs(np.subtract.outer(np.arange(xi.shape[1]), np.arange(xi.shape[1])))
    return (xi.T @ xi) * (np.minimum(apart, xi.shape[1] - apart) <= 3)
'''


def test_all_cells_of_a_capsule_come_out_again(capsule: Archived) -> None:
    found = reproduce(capsule.path, "all", workers=1, quiet=True)
    assert found.same
    assert (found.cells, found.sampled, found.seed, found.other) == (12, 12, None, [])
    assert found.sentence == (
        f"small: the same to the last bit: all 12 cells, computed again with {versions_here()}; "
        "versions and platform are the same"
    )
    assert (found.digest, found.sha256) == (capsule.manifest.digest, capsule.sha256)


def test_a_false_value_with_digests_that_fit_is_named_by_its_cell(tmp_path: Path) -> None:
    """One bit of one cell, by whoever made the store: only computing again can find it."""
    study = make_study(tmp_path, **TINY)
    block, *others = plan.blocks(study)
    fill(study, tmp_path, others)
    columns = {name: np.array(values) for name, values in columns_of(study, block).items()}
    columns["overlap"][1] = np.nextafter(columns["overlap"][1], 2)
    opened = store.create_or_extend(results_of(study, tmp_path).store, study)
    store.write(opened, study, block, columns)
    store.fold(opened)
    path = archive(study, tmp_path / "false.zip", tmp_path).path
    found = reproduce(path, "all", workers=1, quiet=True)
    (cell,) = found.differing
    assert dict(cell.labels) == {"size": 24, "load": 0.1, "beta": 2.0, "noise": 0.1, "seed": 0}
    (said,) = cell.found
    assert said.startswith("overlap stored ")
    assert not found.same
    assert "not the same: 1 differ of all 12 cells, computed again with" in found.sentence
    assert "size=24,load=0.1,beta=2,noise=0.1,seed=0 (overlap stored" in found.sentence
    document = found.as_json()
    assert document["same"] is False
    assert document["cells"] == {"total": 12, "sampled": 12, "differ": 1}
    json.dumps(document, allow_nan=False)


def test_the_sentence_names_a_few_cells_and_versions_of_many() -> None:
    here = versions_here()
    there = here.model_copy(update={"python": "3.12.9", "machine": "aarch64"})
    cells = [DifferingCell({"size": 10, "seed": k}, ("overlap stored 1.0",)) for k in range(8)]
    found = Reproduction("some", "a" * 64, "b" * 64, 100, 8, 7, cells, there, here)
    assert "8 differ of 8 of 100 cells, a sample of seed 7, computed again" in found.sentence
    assert found.sentence.count("overlap stored") == 5
    assert " and 3 more cells; other than in the capsule: " in found.sentence
    assert f"python 3.12.9 → {here.python}, machine aarch64 → {here.machine}" in found.sentence
    same = replace(found, differing=[])
    assert "the same to the last bit" in same.sentence
    assert "machine aarch64" in same.sentence, "other versions are told of where cells are the same"


def test_cells_of_older_random_numbers_are_said_to_be_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, row = make_study(tmp_path, **TINY), BinaryStudy.described_model.fget
    with monkeypatch.context() as then:
        older = property(lambda self: replace(row(self), numbers=row(self).numbers - 1))
        then.setattr(BinaryStudy, "described_model", older)
        fill(study, tmp_path)
    path = archive(study, tmp_path / "older.zip", tmp_path).path
    said = refused(reproduce, path, "all", quiet=True)
    assert "as in its manifest, but not computed again: its cells are of the random numbers of an" in said


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [("5%", 400, 20), ("5%", 12, 1), ("0.1%", 10, 1), ("100%", 7, 7), ("33%", 100, 33), ("20", 400, 20),
     ("20", 12, 12), ("all", 12, 12), (" ALL ", 3, 3), ("50 %", 3, 2)],
)  # fmt: skip
def test_how_many_cells_a_sample_has(text: str, cells: int, expected: int) -> None:
    assert sample_size(text, cells) == expected


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "-5", "5.5", "half", "nan%", "²"])
def test_a_sample_of_other_words_is_refused(text: str) -> None:
    assert "--sample: got " in refused(sample_size, text, 100)


def test_a_sample_is_the_same_for_a_seed_and_another_for_another() -> None:
    """Frozen: whoever repeats a seed of a report gets its cells, on every machine, in every version."""
    every = np.ones((2, 3, 4), bool)
    mask = chosen_cells(every, 5, 1)
    assert np.flatnonzero(mask).tolist() == [4, 7, 8, 11, 17]
    assert mask.sum() == 5
    assert (chosen_cells(every, 5, 2) != mask).any()
    assert chosen_cells(every, 24, 1).all()
    holes = every.copy()
    holes.flat[[7, 8]] = False
    assert (chosen_cells(holes, 3, 1) == (mask & holes)).all()
    assert (chosen_cells(holes, 22, 1) == holes).all()


def test_every_cell_is_as_likely_as_any_other() -> None:
    """Of 4000 samples of 6 of 24, each cell is in 1000, give or take 27: 6 deviations, false alarm 5e-8."""
    counts = sum(chosen_cells(np.ones(24, bool), 6, seed).astype(int) for seed in range(4000))
    assert np.abs(counts - 1000).max() < 6 * np.sqrt(4000 * 0.25 * 0.75)


@pytest.fixture
def _forgotten() -> Iterator[None]:
    """No plugin of a test is there in the next."""
    yield
    plugins.forget([plugin.name for plugin in plugins.loaded()])


@pytest.mark.usefixtures("_forgotten")
def test_a_plugin_is_executed_only_if_it_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RING)
    text = "name: ring\ncouplings: ring\nsweeps: {thermalise: 2, measure: 4}\n"
    text += "axes: {size: [20], load: [0.05], temperature: [0.0, 0.2], seed: 2}\n"
    (tmp_path / "ring.yaml").write_text(text)
    mattis.load_plugins(tmp_path / "mine.py")
    study = load_study(tmp_path / "ring.yaml")
    fill(study, tmp_path)
    made = archive(study, tmp_path / "ring.zip", tmp_path)
    (source,) = made.manifest.plugins
    assert (source.name, source.files) == ("mine", ["plugins/mine.py"])
    assert (source.licence, source.citation) == ("MIT", "Author, Journal 1, 1 (2026)")
    plugins.forget(["mine"])
    said = refused(reproduce, made.path, into=tmp_path / "read", quiet=True)
    assert f"it brings plugins, which are programs: mine ({source.digest[:12]})" in said
    assert "--trust" in said
    assert not (tmp_path / "read" / "plugins" / "executed").exists()
    found = reproduce(made.path, "all", workers=1, trust=True, into=tmp_path / "run", quiet=True)
    assert found.same
    assert (tmp_path / "run" / "plugins" / "executed").exists()
    assert plugins.loaded() == [], "it holds for the capsule alone"


COMMAND = """
import socket, sys
connect = socket.socket.connect
def local(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError("no network")
    return connect(self, address)
socket.socket.connect = local
from mattis.cli import main
main()
"""
"""The command in a process that reaches nothing but itself."""


def test_the_command_from_end_to_end(tiny: tuple[Study, Path], tmp_path: Path) -> None:
    """Archived and reproduced by processes with an empty home and no network, in folders with spaces."""
    _, folder = tiny
    home = tmp_path / "an empty home"
    home.mkdir()
    names = ("PATH", "NUMBA_CACHE_DIR", "LANG")
    env = {name: os.environ[name] for name in names if name in os.environ} | {"HOME": str(home)}

    def called(*words: object) -> tuple[int, list[str], str]:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *map(str, words)],
            cwd=home, env=env, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines(), done.stderr

    at = ("--results", folder / "results", "-o", "my paper.zip")
    code, out, err = called("archive", folder / "small.yaml", *at)
    assert (code, out[0]) == (0, "my paper.zip"), err
    code, said, err = called("reproduce", "my paper.zip", "--sample", "2", "--seed", "3", "--workers", "1")
    assert code == 0, err
    assert said[0].removeprefix("SHA-256 of the file: ") == out[-1].rpartition(" ")[2]
    assert said[-1].startswith(
        "small: the same to the last bit: 2 of 12 cells, a sample of seed 3, computed again with mattis"
    )


def test_a_capsule_that_was_edited_is_one_line_of_the_command(
    capsule: Archived, tmp_path: Path, mattis: Command
) -> None:
    whole = capsule.path.read_bytes()
    broken = whole.replace(b"sweeps: {thermalise: 2,", b"sweeps: {thermalise: 3,")
    assert broken != whole
    (tmp_path / "broken.zip").write_bytes(broken)
    code, said, err = mattis("reproduce", tmp_path / "broken.zip")
    assert (code, said) == (2, "")
    assert "broken.zip: other than in its manifest, or damaged: " in err
    assert "study/small.yaml" in err


def test_a_study_that_was_refined_is_archived_with_its_rounds(tmp_path: Path) -> None:
    more = {"size": [60], "load": [0.1, 0.2], "temperature": [0, 0.3, 0.6, 0.9, 1.2], "seed": 6}
    refine = {"error": 0.05, "ageing": "accept"}
    study = make_study(tmp_path, **{**TINY, **more, "noise": [0.0], "cues": 1, "refine": refine})
    mattis.run(study, tmp_path, HERE)
    asked = rounds.asked(study, results_of(study, tmp_path))
    assert asked.holed is not None
    made = archive(study, tmp_path / "refined.zip", tmp_path)
    assert made.manifest.cells == asked.cells.sum()
    assert "results/small/round_001.json" in made.manifest.files
    found = reproduce(made.path, "all", quiet=True)
    assert found.same
    assert found.sampled == asked.cells.sum()
    assert found.digest == digest(study, tmp_path)
    again = archive(study, tmp_path / "again.zip", tmp_path)
    assert again.sha256 == made.sha256
