"""Folding in the order of places: the same bytes, few writes, bounded memory, nothing lost at any death."""

import os
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import die_at, everything, make_study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattis.exact.arrays import Reals
from mattis.store import journal, layout, reading, store
from mattis.store.folders import Folder
from mattis.store.folding import ordering
from mattis.store.folding.opened import Store
from mattis.store.layout import Chunk
from mattis.store.record import contents_of, journal_of
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study


@pytest.fixture(autouse=True)
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk, whose power nobody cuts here, at thousands of tiny files."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def crumbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut chunks, segments and batches so small that a tiny journal is dealt, and dealt again."""
    monkeypatch.setattr(layout, "CHUNK_CELLS", 64)
    monkeypatch.setattr(journal, "SEGMENT_ROWS", 8)
    monkeypatch.setattr(ordering, "DEALT_ROWS", 8)
    monkeypatch.setattr(ordering, "BYTES_AT_ONCE", 4000)
    monkeypatch.setattr(ordering, "MOST_PARTS", 3)


def wide(folder: Path, **axes: Any) -> Study:
    """Return a study of 6 × 4 × 2 × 8 cells."""
    return make_study(folder, **{"load": [0.05 * k for k in range(1, 7)], "seed": 8, **axes})


def columns(study: Study, block: plan.Block) -> dict[str, Reals]:
    """Return numbers that only depend on the block, instead of simulating."""
    words = np.random.default_rng([block.seed, round(1000 * block.load)])
    names = contents_of(study).observables
    values = words.random((len(names), len(block.points)))
    return dict(zip(names, values, strict=True)) | {"flag": np.zeros(len(block.points))}


def scattered(study: Study, root: Path, blocks: Sequence[plan.Block]) -> Folder:
    """Leave blocks in a journal, in this order; return the store."""
    results = results_of(study, root)
    results.folder.make_folder()
    opened = store.join(results.store, study)
    for block in blocks:
        store.write(opened, study, block, columns(study, block))
    store.flush(opened)
    return Folder(Path(str(results.store)))


def in_order(study: Study, root: Path) -> dict[str, bytes]:
    """Return the files of a store whose journal is folded at once, in the order of the study."""
    path = scattered(study, root, plan.blocks(study))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "BYTES_AT_ONCE", 2**27)
        store.create_or_extend(path, study)
    assert not (path / "journal").exists()
    return everything(path.path)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the wide study, whose journal is folded at once, in chunks that are crumbs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "CHUNK_CELLS", 64)
        folder = tmp_path_factory.mktemp("whole")
        return in_order(wide(folder), folder)


@pytest.mark.usefixtures("crumbs")
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(48)), again=st.lists(st.integers(0, 47), max_size=9))
def test_any_order_of_the_journal_makes_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, at_once: dict[str, bytes], order: list[int], again: list[int]
) -> None:
    """Rows that are there twice, as after a death, as well."""
    folder = tmp_path_factory.mktemp("any")
    study = wide(folder)
    blocks = plan.blocks(study)
    path = scattered(study, folder, [blocks[k] for k in (*order, *again)])
    assert len(journal.segments(journal_of(path))) > 40
    store.create_or_extend(path, study)
    assert everything(path.path) == at_once
    shutil.rmtree(folder)


def shuffled(study: Study) -> list[plan.Block]:
    """Return the blocks of a study in random order."""
    blocks = plan.blocks(study)
    return [blocks[k] for k in np.random.default_rng(3).permutation(len(blocks))]


def written(monkeypatch: pytest.MonkeyPatch) -> Counter[Chunk]:
    """Count how often each chunk is written from now on."""
    counts: Counter[Chunk] = Counter()
    rewrite = ordering.rewrite

    def counting(opened: Store, chunk: Chunk, rows: Any = None) -> None:
        counts[chunk] += 1
        rewrite(opened, chunk, rows)

    monkeypatch.setattr(ordering, "rewrite", counting)
    return counts


@pytest.mark.usefixtures("crumbs")
@pytest.mark.parametrize("is_shuffled", [True, False])
def test_each_chunk_is_written_a_few_times_however_many_batches_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shuffled: bool
) -> None:
    monkeypatch.setattr(ordering, "MOST_PARTS", 512)
    monkeypatch.setattr(ordering, "BYTES_AT_ONCE", 20_000)
    monkeypatch.setattr(layout, "CHUNK_CELLS", 128)
    study, counts = wide(tmp_path, seed=64), written(monkeypatch)
    path = scattered(study, tmp_path, shuffled(study) if is_shuffled else plan.blocks(study))
    row = 8 * len(contents_of(study).columns)
    batches = 6 * 64 * 8 * row // ordering.BYTES_AT_ONCE
    opened = store.create_or_extend(path, study)
    assert reading.valid_cells(path, study).all()
    form = opened.forms["digest"]
    assert len(counts) == layout.chunk_count(form.shape, form.chunks) == 24
    # A chunk is written by at most DENSE dense batches, and once with what is left.
    assert max(counts.values()) <= ordering.DENSE + 1 < batches / 4
    assert np.mean([*counts.values()]) < 2.5


def test_memory_does_not_grow_with_the_number_of_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "CHUNK_CELLS", 256)
    monkeypatch.setattr(journal, "SEGMENT_ROWS", 128)
    monkeypatch.setattr(ordering, "DEALT_ROWS", 128)
    monkeypatch.setattr(ordering, "BYTES_AT_ONCE", 2**17)
    peaks = []
    for seeds in (30, 240):
        study = wide(tmp_path, name=f"seeds-{seeds}", seed=seeds)
        path = scattered(study, tmp_path, shuffled(study))
        opened = store.create_or_extend(scattered(study, tmp_path / "empty", []), study)
        opened = replace(opened, path=path)
        tracemalloc.start()
        ordering.fold(opened)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    rows = 6 * 8 * 240 * 8 * (len(contents_of(study).columns))
    assert rows > 12 * 2**17  # a journal that would not fit
    assert peaks[1] < 1.5 * peaks[0]


def laid(tree: dict[str, bytes], path: Path) -> None:
    """Put files where a store is, and no others."""
    shutil.rmtree(path, ignore_errors=True)
    for name, content in tree.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


@pytest.mark.usefixtures("crumbs")
@pytest.mark.parametrize("deaths", [4, pytest.param(12, marks=pytest.mark.slow)])
def test_a_death_anywhere_in_a_fold_that_deals_loses_nothing(
    tmp_path: Path, at_once: dict[str, bytes], deaths: int
) -> None:
    """Before any write of a chunk or a dealt segment, and before any segment is forgotten."""
    study = wide(tmp_path)
    path = scattered(study, tmp_path, shuffled(study))
    before = everything(path.path)
    with pytest.MonkeyPatch.context() as patch:
        steps = die_at(patch)
        store.create_or_extend(path, study)
    of_journal = [k for k, file in enumerate(steps) if file.parent.name == "journal"]
    of_cube = [k for k in range(len(steps)) if k not in {*of_journal}]
    assert len(of_journal) > 60
    for death in sorted({*of_journal[:: len(of_journal) // deaths], *of_cube[:: len(of_cube) // deaths]}):
        laid(before, path.path)
        with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
            die_at(patch, death)
            store.create_or_extend(path, study)
        assert reading.valid_cells(path, study).all()
        store.create_or_extend(path, study)
        assert everything(path.path) == at_once


@pytest.mark.usefixtures("crumbs")
def test_a_look_during_a_fold_that_deals_misses_no_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are dealt before their segment is read, and folded after the cube was read."""
    study = wide(tmp_path, seed=12)
    path = scattered(study, tmp_path, shuffled(study))
    with monkeypatch.context() as patch:
        patch.setattr(ordering, "fold", lambda _: None)
        opened = store.create_or_extend(path, study)
    listed, calls = journal.segments_for, 0

    def listing(*given: Any) -> list[str]:
        nonlocal calls
        calls += 1
        if calls == 3:
            ordering.fold(opened)
        names = listed(*given)
        if calls == 2:
            for batch in ordering._batches(opened, names):
                ordering._deal(opened, batch, [range(9)])
            assert {*names}.isdisjoint(journal.segments(journal_of(path)))
        return names

    monkeypatch.setattr(journal, "segments_for", listing)
    assert reading.valid_cells(path, study).all()
    assert calls > 3
    assert not journal.segments(journal_of(path))
