"""Is what is stored still what was computed? Damage by block and array, and blocks computed again."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from mattis import cube, journal, layout, plan, store
from mattis.cube import Labels
from mattis.errors import UserError
from mattis.places import Place
from mattis.plan import Block
from mattis.results import results_of
from mattis.study import Study

BLANK = "the digests do not fit the values"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written: where, what, and the cells of the study it costs."""

    array: str
    place: str
    damage: str
    blocks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a verification found: cells that are whole, missing and damaged, and where."""

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
        """Return what `mattis verify --json` prints."""
        return {
            "study": study.name,
            "sound": self.sound,
            "cells": {
                "total": self.cells,
                "whole": self.whole,
                "damaged": self.damaged,
                "missing": self.cells - self.whole - self.damaged,
            },
            "damage": [
                vars(finding) | {"blocks": dict(finding.blocks)} for finding in self.findings
            ],
            "recomputed": list(self.recomputed),
            "differences": [vars(one) | {"blocks": dict(one.blocks)} for one in self.differences],
        }


def verify(study: Study, root: Path | str | None = None, recompute: int = 0) -> Verdict:
    """Check every chunk, label and cell of a study, and compute some random blocks once more.

    Raises UserError if there is nothing to check, or the store is another study's.
    """
    path = results_of(study, root).store
    ds = store.read(path, study)
    valid = ds["valid"].values
    if not store.is_there(path) and not valid.any():
        raise UserError(f"{path}: got nothing to verify; compute it with mattis run")
    findings: list[Finding] = []
    lost = np.zeros(valid.shape, bool)
    if store.is_there(path):
        kept = store.checked_labels(path, study)
        wanted = cube.labels_of(study)
        # What lies in the journal as well is not lost, whatever happened to it in the cube.
        missing = {tuple(at) for at in np.argwhere(~valid).tolist()}
        for finding, cells in _damage_in_cube(path, study, kept):
            hit = _in_study(cells, kept, wanted, missing)
            lost[tuple(hit.T)] = True
            findings.append(_named(finding, study, hit))
    findings += _damage_in_journal(path, study)
    again, differences = _recomputed(study, ds, recompute)
    done, damaged = int(valid.sum()), int(lost.sum())
    return Verdict(valid.size, done, damaged, findings, again, differences)


def _damage_in_cube(
    path: Place, study: Study, kept: Labels
) -> Iterator[tuple[Finding, NDArray[np.int64]]]:
    """Yield each finding with the places of the cells of the cube that it may cost."""
    none = np.empty((0, len(kept.names)), np.int64)
    for draft in store.drafts(path):
        inside = draft.relative_to(str(path)).parts
        array = inside[0] if len(inside) > 1 else "zarr.json"
        yield Finding(array, "/".join(inside), "stale temporary file"), none
    group = store.group_of(path)
    if group is None:
        everything = np.argwhere(np.ones(kept.shape, bool))
        yield Finding("zarr.json", "zarr.json", "metadata damaged"), everything
        return
    for finding in _damage_in_metadata(path, group, study, kept):
        yield finding, none  # what it costs, if anything, shows in the cells
    labels = layout.damaged_labels(group, kept)
    for name in labels:
        yield Finding(name, name, "labels damaged"), np.argwhere(np.ones(kept.shape, bool))
    explained = np.zeros(kept.shape, bool)
    observables = [observable.name for observable in study.described_model.observables]
    for name in (*observables, "digest"):
        beside = [other for other in ("digest", observables[0]) if other != name]
        for finding, part in _damage_in_array(path, group, name, beside, kept):
            explained[part] = True
            yield finding, _places(part, kept)
    everywhere = [np.arange(n) for n in kept.shape]
    form = layout.forms(kept, study.described_model, (), {})["digest"]
    present = layout.cells(path, group, "digest", form, everywhere) != 0
    if not labels:  # which cost every cell, until the next run mends them
        yield from _unexplained(path, study, kept, present & ~explained)


def _damage_in_metadata(
    path: Place, group: zarr.Group, study: Study, kept: Labels
) -> Iterator[Finding]:
    """Yield which metadata can be read but are not as they were written."""
    damaged = layout.damaged_attributes(path)
    for place in damaged:
        yield Finding(place.removesuffix("/zarr.json"), place, "attributes damaged")
    record = layout.attributes(path)
    forms: dict[str, layout.Form] = {}
    if record["mattis_format"] == layout.FORMAT:  # older stores are laid out otherwise
        forms = layout.forms(kept, study.described_model, tuple(record["chunks"]), record)
        labels = cube.frame(kept).variables.items()
        forms |= {str(name): layout.label_form(variable) for name, variable in labels}
    arrays = {name: layout.existing(group, name) for name in forms}
    odd = [name for name, a in arrays.items() if a is None or not layout.is_laid(a, forms[name])]
    for name in odd:
        if arrays[name] is not None:
            yield Finding(name, f"{name}/zarr.json", "metadata damaged")
    if not (damaged or odd or layout.is_consolidated(group)):
        yield Finding("zarr.json", "zarr.json", "copy of the metadata out of date or damaged")


def _damage_in_array(
    path: Place, group: zarr.Group, name: str, beside: Sequence[str], kept: Labels
) -> Iterator[tuple[Finding, tuple[slice, ...]]]:
    """Yield what is wrong with the metadata or the chunks of an array, with the part it concerns.

    A chunk is missing where those of the arrays `beside` it are there.
    """
    array = layout.existing(group, name)
    whole = tuple(slice(0, n) for n in kept.shape)
    if array is None:
        yield Finding(name, f"{name}/zarr.json", "metadata damaged or missing"), whole
        return
    others = [layout.existing(group, other) for other in beside]
    for chunk in layout.chunks_of(array):
        part = layout.region(array, chunk)
        _, damage = layout.salvaged(path, array, chunk)
        written = any(layout.chunk_file(path, other, chunk).exists() for other in others if other)
        if damage and (damage != "missing" or written):
            place = f"{name}/c/{'/'.join(map(str, chunk))}"
            yield Finding(name, place, f"chunk {damage}"), part


def _places(part: tuple[slice, ...], kept: Labels) -> NDArray[np.int64]:
    mask = np.zeros(kept.shape, bool)
    mask[part] = True
    return np.argwhere(mask)


def _unexplained(
    path: Place, study: Study, kept: Labels, present: NDArray[np.bool_]
) -> Iterator[tuple[Finding, NDArray[np.int64]]]:
    """Yield the cells whose digests do not fit although every chunk is as it was written."""
    valid = store.valid_in_cube(path, study.described_model, kept)
    cells = np.argwhere(present & ~valid)
    if len(cells):
        yield Finding("digest", "digest", BLANK), cells


def _in_study(
    cells: NDArray[np.int64], kept: Labels, wanted: Labels, missing: set[tuple[int, ...]]
) -> NDArray[np.int64]:
    """Return which of the cells of the cube are cells of the study that do not exist any more."""
    table = np.column_stack(
        [np.array(kept.values[name], np.float64)[cells[:, k]] for k, name in enumerate(kept.names)]
    )
    at, known = cube.positions(wanted, table)
    found = [row for row in at[known].tolist() if tuple(row) in missing]
    return np.array(found, np.int64).reshape(-1, len(kept.names))


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
    folder, contents = store.journal_of(path), store.contents_of(study)
    names = journal.segments(folder)
    lost = {name: count for name, _, count in journal.rows(folder, contents, names)}
    found = []
    for name in names:
        if lost.get(name, 1):
            damage = f"{lost[name]} rows damaged" if name in lost else "segment damaged"
            found.append(Finding("journal", f"journal/{name}", damage))
    return found


def _recomputed(study: Study, ds: xr.Dataset, count: int) -> tuple[list[str], list[Finding]]:
    """Compute some random whole blocks again; return their names, and each array that differs."""
    if not count:
        return [], []
    whole = plan.blocks(study, ds["valid"].values)
    picked = random.sample(whole, min(count, len(whole)))
    findings = [finding for block in picked for finding in _differences(study, ds, block)]
    return [block.id for block in picked], findings


def _differences(study: Study, ds: xr.Dataset, block: Block) -> Iterator[Finding]:
    """Yield a finding for each array of a block that is not, bit by bit, what comes out now."""
    columns = study.described_model.simulate(*plan.task(study, block))
    stored = ds.sel({"size": block.size, block.stored: block.load, "seed": block.seed})
    positions = [cube.labels_of(study).positions(name) for name in study.points]
    at = [[along[v] for along, v in zip(positions, p, strict=True)] for p in block.points]
    for observable in study.described_model.observables:
        values = stored[observable.name].values
        kept = np.array([float(values[tuple(place)]) for place in at])
        fresh = np.asarray(columns[observable.name], np.float64)
        wrong = (kept.view(np.int64) != fresh.view(np.int64)) & ~(np.isnan(kept) & np.isnan(fresh))
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            text = f"stored {float(kept[first])!r}, computed again {float(fresh[first])!r}"
            yield Finding(observable.name, block.id, text, {block.id: int(wrong.sum())})
