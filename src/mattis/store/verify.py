"""Verification of a store: its damage by block and array, and random blocks computed again."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.exact.arrays import Mask
from mattis.store import cube, journal, layout, metadata, reading, record, store
from mattis.store.frame import Frame, LabelledArray
from mattis.store.layout import ArrayForm, Chunk
from mattis.store.observables import differences
from mattis.store.place import Place
from mattis.store.reading.census import Census
from mattis.store.reading.stored import forms_of, opened, positions_in
from mattis.store.record import StoreRecord, contents_of, journal_of
from mattis.store.results import Root, results_of
from mattis.store.rounds import asked
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, Columns, StateShape
from mattis.study.plan import Block

CubeSlices = tuple[slice, ...]
ChunkNumbers = NDArray[np.int64]

BLANK = "the digests do not fit the values"


@dataclass(frozen=True)
class Finding:
    """A damage of a store: its array and file, its kind, and the number of lost cells of each block."""

    array: str
    place: str
    damage: str
    blocks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The result of a verification: numbers of cells, findings of damage, and blocks that differ."""

    cells: int
    whole: int
    damaged: int
    findings: Sequence[Finding]
    recomputed: Sequence[str]
    differences: Sequence[Finding]

    @property
    def sound(self) -> bool:
        """Tell whether nothing is damaged and nothing differs; missing cells are no damage."""
        return not self.findings and not self.differences

    def as_json(self, study: Study) -> dict[str, Any]:
        """Return the document of `mattis verify --json`."""
        return {
            "study": study.name,
            "sound": self.sound,
            "cells": {
                "total": self.cells,
                "whole": self.whole,
                "damaged": self.damaged,
                "missing": self.cells - self.whole - self.damaged,
            },
            "damage": [vars(finding) | {"blocks": dict(finding.blocks)} for finding in self.findings],
            "recomputed": list(self.recomputed),
            "differences": [vars(one) | {"blocks": dict(one.blocks)} for one in self.differences],
        }


class Watcher(Protocol):
    """Who is told how far a verification is."""

    def start(self, cells: int, cost: int) -> None:
        """Hear how many checks there will be; of the last one, the verdict, nothing more is heard."""

    def advance(self, cells: int, cost: int) -> None:
        """Hear that so many checks are done."""


def verify(study: Study, root: Root = None, recompute: int = 0, watcher: Watcher | None = None) -> Verdict:
    """Check every chunk, label and cell of a study, and compute some random blocks once more.

    watcher  # is told how far it is

    Raises UserError if there is nothing to check, or the store is another study's.
    """
    results = results_of(study, root)
    path, of = results.store, asked(study, results)
    study = of.study

    def step() -> None:
        if watcher is not None:
            watcher.advance(1, 1)

    old = record.read(path, study) if reading.is_there(path) else None
    if old and recompute:
        record.check_recipe(path, study, old)
    if watcher is not None:
        count = _checks(path, study, old) + recompute + 1  # the verdict is one
        watcher.start(count, count)
    # By digests alone, whatever was found before.
    (cells,) = reading.each_cells(path, [study], with_values=recompute > 0, census=Census(), on_chunk=step)
    valid = cells["valid"].values & of.cells
    cells = cells.assign(valid=LabelledArray(study.dimensions, valid))
    if not old and not valid.any():
        raise UserError(f"{path}: got nothing to verify; compute it with mattis run")
    findings: list[Finding] = []
    lost = np.zeros(valid.shape, bool)
    if old:
        positions = positions_in(old.labels, cube.labels_of(study))
        findings += _damage_in_states(path, study, old)
        for finding, part in _damage_in_cube(path, study, old, valid, step):
            # Cells that are in the journal as well are not lost, whatever the damage of the cube.
            hit = _in_study(part, positions, valid)
            lost |= hit
            findings.append(_named(finding, study, np.argwhere(hit)))
    findings += _damage_in_journal(path, study)
    again, differences = _recomputed(path, study, cells, recompute, step)
    whole, damaged = int(valid.sum()), int(lost.sum())
    return Verdict(int(of.cells.sum()), whole, damaged, findings, again, differences)


def _checks(path: Place, study: Study, old: StoreRecord | None) -> int:
    """Return how many checks there are in a cube: its chunks that the study is in, and all files of cells."""
    if old is None:
        return 0
    forms, labels = forms_of(path, old), cube.labels_of(study)
    stored = opened(path, old, Census())
    files = len(forms) * len(reading.chunks_of_cells(path.files(), forms))
    return files + (stored.count(labels) if stored else 0)


def _damage_in_cube(
    path: Place, study: Study, old: StoreRecord, valid: Mask, step: Callable[[], None]
) -> Iterator[tuple[Finding, "CubeSlices | Mask | None"]]:
    """Yield each finding with the part of the cube, or the cells of the study, that it may cost."""
    everything, files = tuple(slice(0, n) for n in old.labels.shape), path.files()
    for draft in store.drafts(files):
        array = draft.partition("/")[0] if "/" in draft else "zarr.json"
        yield Finding(array, draft, "stale temporary file"), None
    if not layout.is_group(path):
        yield Finding("zarr.json", "zarr.json", "metadata damaged"), everything
        return
    yield from ((finding, None) for finding in _damage_in_metadata(path, old))
    labels = layout.damaged_labels(path, old.labels)
    for name in labels:
        yield Finding(name, name, "labels damaged"), everything
    forms = forms_of(path, old)
    chunks = reading.chunks_of_cells(files, forms)
    parts = []
    for name, form in forms.items():
        for finding, part in _damage_in_array(path, name, form, chunks, step):
            parts.append(part)
            yield finding, part
    if not labels:  # which cost every cell, until the next run mends them
        in_cube = valid if not journal.segments(journal_of(path)) else None
        yield from _unexplained(path, study, old, parts, in_cube)


def _damage_in_states(path: Place, study: Study, old: StoreRecord) -> Iterator[Finding]:
    """Yield each finding in the final states, with the blocks of the cells that lost theirs by it."""
    forms = layout.state_forms(old.labels, old.chunks, old.kept)
    if not forms or layout.damaged_labels(path, old.labels):
        return
    ds, count = reading.states(path, study), len(old.labels.names)
    positions = positions_in(old.labels, cube.labels_of(study))
    marks = layout.cells(path, cube.STATES_DIGEST_NAME, forms[cube.STATES_DIGEST_NAME], positions)
    odd = (marks != 0) & ~ds["kept"].values
    chunks = reading.chunks_of_cells(path.files(), forms_of(path, old))
    for name, form in forms.items():
        parts = [layout.state_chunk(form, chunk) for chunk in chunks]
        for finding, part in _damage_in_array(path, name, form, parts, lambda: None):
            hit = ~ds["kept"].values & _crossing(part[:count], positions)
            odd &= ~hit
            yield _named(finding, study, np.argwhere(hit))
    if odd.any():
        name = cube.STATES_DIGEST_NAME
        yield _named(Finding(FINAL_STATES, name, BLANK), study, np.argwhere(odd))


def _damage_in_metadata(path: Place, old: StoreRecord) -> Iterator[Finding]:
    """Yield a finding for metadata that can be read but are not as they were written."""
    try:
        damaged, attributes = layout.damaged_attributes(path), layout.attributes(path)
    except LookupError:
        yield Finding("zarr.json", "zarr.json", "attributes damaged")
        return
    for place in damaged:
        yield Finding(place.removesuffix("/zarr.json"), place, "attributes damaged")
    if old.format < layout.FORMAT:  # older stores are laid out otherwise
        return
    cells = layout.forms(old.labels, old.observed.observables, old.chunks, attributes)
    states = layout.state_forms(old.labels, old.chunks, old.kept)
    every = {**layout.label_forms(old.labels), **states, **cells}
    odd = {*metadata.odd(path, every, attributes)} - {*damaged}
    for name in (name for name in every if f"{name}/zarr.json" in odd):
        if layout.laid(path, name, every[name]) is not None:  # else its cells tell
            yield Finding(name, f"{name}/zarr.json", "metadata damaged")
    if odd == {"zarr.json"} and not damaged:
        yield Finding("zarr.json", "zarr.json", "copy of the metadata out of date or damaged")


def _damage_in_array(
    path: Place, name: str, form: ArrayForm, chunks: Sequence[Chunk], step: Callable[[], None]
) -> Iterator[tuple[Finding, CubeSlices]]:
    """Yield the findings in the metadata and the chunks of an array, with their part of the cube.

    chunks  # all that some array of cells has: those that this array lacks are missing
    """
    if layout.laid(path, name, form) is None:
        whole = tuple(slice(0, n) for n in form.shape)
        yield Finding(name, f"{name}/zarr.json", "metadata damaged or missing"), whole
        return
    for chunk in chunks:
        damage = layout.salvaged(path, name, form, chunk).damage
        step()
        if damage:
            yield (Finding(name, layout.chunk_name(name, chunk), f"chunk {damage}"), form.region(chunk))


def _unexplained(
    path: Place, study: Study, old: StoreRecord, explained: Sequence[CubeSlices], in_cube: Mask | None
) -> Iterator[tuple[Finding, Mask]]:
    """Yield the cells whose digests do not fit although every chunk is as it was written.

    in_cube  # the cells that exist in the cube, where that is known
    """
    positions = positions_in(old.labels, cube.labels_of(study))
    odd = layout.cells(path, "digest", forms_of(path, old)["digest"], positions) != 0
    odd &= ~(reading.valid_in_cube(path, study, old) if in_cube is None else in_cube)
    for part in explained:
        odd &= ~_crossing(part, positions)
    if odd.any():
        yield Finding("digest", "digest", BLANK), odd


def _in_study(part: "CubeSlices | Mask | None", positions: Sequence[ChunkNumbers], valid: Mask) -> Mask:
    """Return which cells of a part of the cube are cells of the study that do not exist any more."""
    if part is None:
        return np.zeros(valid.shape, bool)
    return ~valid & (part if isinstance(part, np.ndarray) else _crossing(part, positions))


def _crossing(part: CubeSlices, positions: Sequence[ChunkNumbers]) -> Mask:
    """Return which cells of the study lie in a part of the cube."""
    inside = [(k >= s.start) & (k < s.stop) for k, s in zip(positions, part, strict=True)]
    mask = np.zeros([len(each) for each in inside], bool)
    mask[np.ix_(*inside)] = True
    return mask


def _named(finding: Finding, study: Study, cells: NDArray[np.int64]) -> Finding:
    """Return the finding with the blocks that lost cells to it, and how many."""
    counts: dict[str, int] = {}
    a, stored = study.axes, study.labels[study.stored]
    for i, j, *_, k in cells.tolist():
        name = Block(a.size[i], stored[j], 0, a.seed[k], (), 0, study.stored).id
        counts[name] = counts.get(name, 0) + 1
    return Finding(finding.array, finding.place, finding.damage, counts)


def _damage_in_journal(path: Place, study: Study) -> list[Finding]:
    """Return the segments of the journal that have lost rows."""
    folder, contents = journal_of(path), contents_of(study)
    names = journal.segments(folder)
    lost = {segment.name: segment.lost for segment in journal.rows(folder, contents, names)}
    findings = []
    for name in names:
        if lost.get(name, 1):
            damage = f"{lost[name]} rows damaged" if name in lost else "segment damaged"
            findings.append(Finding("journal", f"journal/{name}", damage))
    return findings


def _recomputed(
    path: Place, study: Study, cells: Frame, count: int, step: Callable[[], None]
) -> tuple[list[str], list[Finding]]:
    """Compute some random whole blocks again; return their names, and each array that differs."""
    if not count:
        return [], []
    ds = cells.dataset()
    whole = plan.blocks(study, ds["valid"].values)
    blocks = random.sample(whole, min(count, len(whole)))
    findings: list[Finding] = []
    for block in blocks:
        columns = study.described_model.simulate(*plan.task(study, block))
        findings += differences_of_block(path, study, ds, block, columns)
        step()
    return [block.id for block in blocks], findings


def differences_of_block(
    path: Place, study: Study, ds: xr.Dataset, block: Block, columns: Columns
) -> Iterator[Finding]:
    """Yield a finding for each array of a block that differs from what it came to now in any bit."""
    for difference in differences(ds, study, block, columns):
        yield Finding(difference.observable, block.id, str(difference), {block.id: difference.cells})
    if FINAL_STATES in columns:
        yield from _differences_of_states(path, study, block, columns[FINAL_STATES])


def _differences_of_states(
    path: Place, study: Study, block: Block, computed: cube.KeptStates
) -> Iterator[Finding]:
    """Yield a finding for the cells of a block whose final states differ from those computed again."""
    ds = reading.states(path, study).dataset()
    at = {"size": block.size, block.stored: block.load, "seed": block.seed}
    points = dict(zip(study.points, np.array(block.points).T, strict=True))
    where = {name: xr.DataArray(values, dims="point") for name, values in points.items()}
    stored = ds[[FINAL_STATES, "kept"]].sel(at).sel(where).transpose("point", ...)
    again = cube.fitting(computed, StateShape(*stored[FINAL_STATES].shape[-2:]))
    wrong = stored["kept"].values & (stored[FINAL_STATES].values != again).any(axis=(1, 2))
    if wrong.any():
        count = int(wrong.sum())
        yield Finding(FINAL_STATES, block.id, "other final states, computed again", {block.id: count})
