"""The store: one labelled zarr v3 cube per study, and a journal of cells on their way into it.

The axes only grow, in the order in which values were first asked for. Computed cells go to the journal,
where any number of processes may write; one process at a time folds them into the cube: observables
first, the digests of the cells last, and only then the journal forgets them. A cell whose digest does
not fit its labels and values does not exist, whatever the reason: never computed, killed in the middle,
a chunk lost, a bit flipped. `xarray.open_zarr` reads the cube without mattis.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from mattis import cube, journal, layout, places
from mattis.cube import Labels
from mattis.errors import UserError
from mattis.journal import Contents, Part, Table, Writer
from mattis.layout import FORMAT
from mattis.models import Columns, Model
from mattis.places import Place
from mattis.plan import Block, Mask
from mattis.study import Study

FORMATS = range(1, FORMAT + 1)
"""Formats of a store that can be read; the older are rewritten when they are next written to."""

SEGMENTS_AT_ONCE = 128
"""Segments of the journal that are folded together: a million cells, 150 MB."""


@dataclass(frozen=True)
class Store:
    """A store that is open for writing: where it is, its labels, and this process's journal."""

    path: Place
    labels: Labels
    model: Model
    writer: Writer


def contents_of(study: Study) -> Contents:
    """Return what the rows of a study's journal are."""
    observables = tuple(observable.name for observable in study.described_model.observables)
    return Contents(study.physics(), (*study.dimensions, "patterns", *observables))


def bytes_needed(study: Study, cells: int) -> int:
    """Return the room that so many cells take: in the journal, and then in the cube as well."""
    return cells * 8 * 2 * (len(contents_of(study).columns) + 1)


def journal_of(path: Place) -> Place:
    """Return where the journal of a store is: within it, so that both are moved or removed together."""
    return path / "journal"


def is_there(path: Place) -> bool:
    """Tell whether there is a store, or something else in its place. A mere journal is none."""
    return any(journal.is_one(name) for name in places.names(path) if name != "journal")


def create_or_extend(path: Place, study: Study) -> Store:
    """Open the store for writing, creating it or appending what the study's axes have more.

    Cells in the journal are folded into the cube. Raises UserError if the store was made from a
    different study, or is no store.
    """
    labels = cube.labels_of(study)
    check_journal(path, study)
    _sweep_drafts(path)
    if is_there(path):
        labels = cube.merged(checked_labels(path, study), labels)
    opened = join(path, study, labels)
    with places.reported(path):
        _lay_out(opened, study)
    fold(opened)
    return opened


def join(
    path: Place, study: Study, labels: Labels | None = None, part: Part | None = None
) -> Store:
    """Open only the journal for writing, as any number of processes may at once."""
    places.make_within(path)
    contents = contents_of(study)
    writer = Writer(journal_of(path), contents, journal.writer_name(contents, part))
    return Store(path, labels or cube.labels_of(study), study.described_model, writer)


def _sweep_drafts(path: Place) -> None:
    """Remove the half-written files that killed writers left in the store."""
    for draft in drafts(path):
        draft.unlink(missing_ok=True)


def drafts(path: Place) -> list[Path]:
    """Return the half-written files that killed writers left; an object store has none."""
    return sorted(path.rglob("*.partial")) if isinstance(path, Path) else []


def checked_labels(path: Place, study: Study) -> Labels:
    """Return the labels of a store after checking that it is this study's, or raise UserError."""
    try:
        found = layout.attributes(path)
        form, physics = found["mattis_format"], json.loads(found["physics"])
        labels = cube.labels_from(json.loads(found["axes"])) if form in FORMATS else None
    except (LookupError, ValueError, TypeError, AttributeError):
        raise UserError(
            f"{path}: got something that is no mattis store; expected the store of this study; "
            "remove it, or choose another --results"
        ) from None
    if labels is None:
        raise UserError(
            f"{path}: got store format {form}; this mattis reads formats 1 to {FORMAT}; "
            "use the mattis that wrote it"
        )
    _check_physics(path, physics, study)
    return labels


def _check_physics(path: Place, physics: Mapping[str, Any], study: Study) -> None:
    # Stores from before models numbered their recipes hold those of the first one.
    usual = study.usual()
    changes = differences({"numbers": 1, **usual, **physics}, {**usual, **study.physics()})
    if changes:
        raise UserError(
            f"{path}: made from a different study: {'; '.join(changes)}; "
            "give the study another name, or choose another --results"
        )


def check_journal(path: Place, study: Study, part: Part | None = None) -> None:
    """Raise UserError if cells of a different study wait in the journal.

    A shard `part` takes the names of other shards' segments for what they say.
    """
    folder = journal_of(path)
    for head in journal.heads(folder, journal.segments_for(folder, contents_of(study), part)):
        _check_physics(path, head.get("physics", {}), study)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return `key: old → new` for everything that differs between two nested mappings."""
    out = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            out += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            out.append(f"{prefix}{key}: {before} → {after}")
    return out


def record(study: Study, labels: Labels, chunks: layout.Chunk) -> dict[str, Any]:
    """Return the attributes of the group: whose cells these are, and where."""
    model = study.described_model
    return {
        "Conventions": "CF-1.11",
        "title": f"{study.name}: {model.summary}",
        "source": model.source,
        **({"coordinates": "temperature"} if "beta" in labels.names else {}),  # for xarray
        **({"numbers_are": model.rounding} if model.rounding else {}),
        "mattis_format": FORMAT,
        "model": study.model,
        "physics": json.dumps(study.physics(), sort_keys=True),
        "axes": json.dumps(cube.spelled(labels)),
        "chunks": list(chunks),
        "observables": [observable.name for observable in model.observables],
        "digest_scheme": cube.digest_scheme(labels),
    }


def _lay_out(store: Store, study: Study) -> None:
    """Make arrays, labels and attributes what they should be; where they are, nothing is written.

    The attributes, with the new axes, come last: until then the store is the old one, and no cell
    of the new axes has been written. A process that dies in here leaves arrays to be resized again.
    """
    path, labels = store.path, store.labels
    old = layout.attributes(path) if is_there(path) else {}
    chunks = layout.fitting_chunks(labels.shape, old.get("chunks"))
    final = layout.sealed(record(study, labels, chunks))
    if not old:
        empty = Labels(dict.fromkeys(labels.names, ()))
        old = layout.sealed({**final, "axes": json.dumps(cube.spelled(empty))})
        zarr.create_group(layout.target(path), zarr_format=3, attributes=old)
    elif group_of(path) is None:
        places.remove(path / "zarr.json")
        zarr.create_group(layout.target(path), zarr_format=3, attributes=old)
    if old.get("chunks") != list(chunks) or old["mattis_format"] != FORMAT:
        _unpack(store, old)
        old = layout.sealed({**final, "axes": old["axes"], "packing": True})
        layout.open_group(path, "r+").attrs.put(old)
    group = layout.open_group(path, "r+")
    changed = _lay_arrays(store, labels, chunks, final, afresh="packing" in old)
    if dict(group.attrs) != final:
        group.attrs.put(final)
        changed = True
    if changed or not layout.is_consolidated(group):
        layout.consolidate(group)


def _lay_arrays(
    store: Store, labels: Labels, chunks: layout.Chunk, final: Mapping[str, Any], afresh: bool
) -> bool:
    """Make the labels and arrays of a store what they should be; tell whether they were not."""
    path, group = store.path, layout.open_group(store.path, "r+")
    changed = [
        layout.lay_labels(path, group, str(name), variable)
        for name, variable in cube.frame(labels).variables.items()
    ]
    for name, form in layout.forms(labels, store.model, chunks, final).items():
        changed.append(layout.lay(path, group, name, form, afresh))
        layout.mend(path, group, name)
    return any(changed)


def group_of(path: Place) -> zarr.Group | None:
    """Return the group of a store, or None if its metadata are damaged."""
    try:
        return layout.open_group(path)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _unpack(store: Store, old: Mapping[str, Any]) -> None:
    """Copy all cells of the cube to the journal, before the arrays are cut into other chunks."""
    kept = cube.labels_from(json.loads(old["axes"]))
    if old["mattis_format"] == FORMAT and all(kept.shape):  # else damaged metadata would cost cells
        _lay_arrays(store, kept, tuple(old["chunks"]), old, afresh=False)
    ds = _cube(store.path, kept, kept, store.model)
    store.writer.add(cube.rows(ds, store.model)[ds["valid"].values.ravel()])
    store.writer.flush()


def write(store: Store, study: Study, block: Block, columns: Columns) -> None:
    """Put the cells of a block into the journal; `flush` makes sure that they are on disk."""
    labels = [
        [block.size, block.load, *point, block.seed, block.patterns] for point in block.points
    ]
    names = [observable.name for observable in study.described_model.observables]
    table = np.column_stack([np.array(labels, np.float64), *(columns[name] for name in names)])
    store.writer.add(table)


def flush(store: Store) -> None:
    """Write what waits. Raises Fault if the machine refuses."""
    store.writer.flush()


def fold(store: Store) -> None:
    """Move all cells of the journal that the axes hold into the cube, and forget their segments."""
    store.writer.close()
    folder = journal_of(store.path)
    names = journal.segments(folder)
    for first in range(0, len(names), SEGMENTS_AT_ONCE):
        batch = names[first : first + SEGMENTS_AT_ONCE]
        done, tables, places_in_cube = [], [], []
        for name, table, _ in journal.rows(folder, store.writer.contents, batch):
            at, known = cube.positions(store.labels, table)
            tables.append(table[known])
            places_in_cube.append(at[known])
            if known.all():  # cells of other axes wait for the study that asks for them
                done.append(name)
        if any(len(table) for table in tables):
            _fold(store, np.concatenate(places_in_cube), np.concatenate(tables))
        for name in done:
            places.remove(folder / name)
    if isinstance(folder, Path) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _fold(store: Store, at: NDArray[np.int64], table: Table) -> None:
    """Write cells into the cube: observables first, their digests last, and wait for the disk."""
    group = layout.open_group(store.path, "r+")
    digests = cube.row_digests(table)
    parts = _by_chunk(at, layout.existing(group, "digest"))
    first = len(store.labels.names) + 1
    names = store.writer.contents.columns[first:]
    columns = {name: table[:, first + k] for k, name in enumerate(names)}
    for name, values in [*columns.items(), ("digest", digests)]:
        array = layout.existing(group, name)
        assert array is not None
        for chunk, mine in parts:
            content, _ = layout.salvaged(store.path, array, chunk)
            content = content.copy()
            content[tuple((at[mine] - np.array(chunk) * np.array(array.chunks)).T)] = values[mine]
            with places.reported(store.path, content.nbytes):
                array[layout.region(array, chunk)] = content
                layout.sync(store.path, array, chunk)


def _by_chunk(
    at: NDArray[np.int64], array: layout.Array | None
) -> list[tuple[layout.Chunk, NDArray[np.int64]]]:
    """Return, for each chunk that holds some of the cells, which of them it holds."""
    assert array is not None
    chunk_of = at // np.array(array.chunks)
    chunks, owner = np.unique(chunk_of, axis=0, return_inverse=True)
    order = np.argsort(owner.ravel(), kind="stable")
    cuts = np.searchsorted(owner.ravel()[order], np.arange(1, len(chunks)))
    return [
        (tuple(int(k) for k in chunk), mine)
        for chunk, mine in zip(chunks, np.split(order, cuts), strict=True)
    ]


def read(path: Place, study: Study, part: Part | None = None) -> xr.Dataset:
    """Return the study's part of the store, in the study's order; cells that do not exist are NaN.

    The variable `valid` tells which cells exist. A missing store is one without cells. A `part` does
    without the journals of the study's other shards.
    """
    check_journal(path, study, part)
    kept = checked_labels(path, study) if is_there(path) else None
    wanted, folder = cube.labels_of(study), journal_of(path)
    # The journal first: what a running fold moves in between is then seen twice, not never.
    contents = contents_of(study)
    names = journal.segments_for(folder, contents, part)
    waiting = [*journal.rows(folder, contents, names)]
    with places.reported(path):
        ds = _cube(path, kept, wanted, study.described_model)
    for _, table, _ in waiting:
        _overlay(ds, wanted, table, study.described_model)
    return ds


def _cube(path: Place, kept: Labels | None, wanted: Labels, model: Model) -> xr.Dataset:
    """Return the wanted part of the cube alone."""
    ds = cube.frame(wanted)
    group = group_of(path) if kept else None
    at = _picked(kept or wanted, wanted)
    forms = layout.forms(wanted, model, (), {})
    for observable in model.observables:
        values = layout.cells(path, group, observable.name, forms[observable.name], at)
        ds[observable.name] = wanted.names, values, cube.attributes_of(observable)
    digests = layout.cells(path, group, "digest", forms["digest"], at)
    valid = digests != 0  # what was never computed need not be digested
    table = cube.rows(ds, model)[valid.ravel()]
    valid[valid] = cube.row_digests(table) == digests[valid]
    if group is not None and kept is not None and layout.damaged_labels(group, kept):
        valid[...] = False  # xarray would read other labels than mattis; the next run mends them
    for observable in model.observables:
        values = ds[observable.name].values
        values[~valid] = np.nan if values.dtype.kind == "f" else 0
    return ds.assign(valid=(wanted.names, valid, {"long_name": "the cell exists", "units": "1"}))


def _overlay(ds: xr.Dataset, wanted: Labels, table: Table, model: Model) -> None:
    """Put rows of the journal, which are whole, into the cube in memory."""
    at, known = cube.positions(wanted, table)
    place = tuple(at[known].T)
    for column, observable in enumerate(model.observables, start=len(wanted.names) + 1):
        ds[observable.name].values[place] = table[known, column]
    ds["valid"].values[place] = True


def _picked(kept: Labels, wanted: Labels) -> list[NDArray[np.int64]]:
    """Return where the wanted labels are along each dimension; -1 for those that the store has not."""
    found = []
    for name in wanted.names:
        at = kept.positions(name)
        found.append(np.array([at.get(value, -1) for value in wanted.values[name]], np.int64))
    return found


def valid_in_cube(path: Place, model: Model, kept: Labels) -> Mask:
    """Return which cells of the whole cube exist, leaving the journal aside."""
    mask: Mask = _cube(path, kept, kept, model)["valid"].values
    return mask


def valid_cells(path: Place, study: Study, part: Part | None = None) -> Mask:
    """Return which cells of the study exist: a mask over the cube."""
    mask: Mask = read(path, study, part)["valid"].values
    return mask


def write_dataset(ds: xr.Dataset, path: Place) -> None:
    """Write a small dataset as zarr v3; in a folder, whole or not at all."""
    with places.reported(path, ds.nbytes), layout.consolidating():
        if not isinstance(path, Path):
            places.remove_tree(path)
            ds.to_zarr(layout.target(path), mode="w", zarr_format=3, consolidated=True)
            return
        for stale in path.parent.glob(f"{path.name}.*.partial"):
            places.remove_tree(stale)
        draft, old = (path.with_name(f"{path.name}.{mark}.partial") for mark in ("new", "old"))
        ds.to_zarr(draft, mode="w", zarr_format=3, consolidated=True)
        if path.exists():
            path.rename(old)
        draft.rename(path)
        places.remove_tree(old)
