"""The store: one labelled zarr v3 cube per study, and a journal of cells on their way into it.

The axes only grow, in the order in which values were first asked for. Computed cells go to the journal,
where any number of processes may write; one process at a time folds them into the cube: observables
first, the digests of the cells last, and only then the journal forgets them. A cell whose digest does
not fit its labels and values does not exist, whatever the reason: never computed, killed in the middle,
a chunk lost, a bit flipped; and what does not exist is blank in whatever is written next. All that is
written waits for the disk. `xarray.open_zarr` reads the cube without mattis.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis import cube, journal, layout, metadata, places, record
from mattis.cube import Labels
from mattis.journal import Part, Table, Writer
from mattis.layout import FORMAT, Chunk, Form
from mattis.models import Columns, Model
from mattis.places import Place
from mattis.plan import Block, Mask
from mattis.record import StoreRecord, check_journal, contents_of, journal_of
from mattis.study import Study

SEGMENTS_AT_ONCE = 128
"""Segments of the journal that are folded together: a million cells, 150 MB."""


@dataclass(frozen=True, eq=False)
class Store:
    """A store that is open for writing: where it is, its labels and arrays, and this process's journal."""

    path: Place
    labels: Labels
    model: Model
    writer: Writer
    forms: Mapping[str, Form]


def bytes_needed(study: Study, cells: int) -> int:
    """Return the room that so many cells take: in the journal, and then in the cube as well."""
    return cells * 8 * 2 * (len(contents_of(study).columns) + 1)


def is_there(path: Place) -> bool:
    """Tell whether there is a store, or something else in its place. A mere journal is none."""
    return any(journal.is_one(name) for name in places.names(path) if name != "journal")


def create_or_extend(path: Place, study: Study, before: Callable[[], None] = lambda: None) -> Store:
    """Open the store for writing, creating it or appending what the study's axes have more.

    What is damaged is mended, and cells in the journal are folded into the cube. Raises UserError if the
    store was made from a different study, or is no store.

    before  # is called before anything is written: what vouches for the store has to go first
    """
    check_journal(path, study)
    labels, old, files = cube.labels_of(study), None, places.files(path)
    if is_there(path):
        old = record.read(path, study)
        labels = cube.merged(old.labels, labels)
    chunks = layout.fitting_chunks(labels.shape, old.chunks if old else None)
    attributes = record.attributes(study, labels, chunks)
    forms = layout.forms(labels, study.described_model, chunks, attributes)
    opened = replace(join(path, study), labels=labels, forms=forms)
    packed = old if old and (old.chunks != chunks or old.format != FORMAT) else None
    spoilt = [] if packed else _spoilt(opened, files)
    waits = any(name.startswith("journal/") for name in files)
    stale = {} if packed else _stale(opened, attributes)
    if packed or spoilt or waits or stale:
        before()
    for draft in drafts(files):
        places.remove(path / draft)
    if packed:
        _unpack(opened, packed, files)
        stale = _stale(opened, attributes)
    _lay_out(path, stale)
    for chunk in spoilt:
        _rewrite(opened, chunk)
    fold(opened)
    return opened


def join(path: Place, study: Study, part: Part | None = None) -> Store:
    """Open only the journal for writing, as any number of processes may at once; it cannot be folded so."""
    places.make_within(path)
    contents = contents_of(study)
    writer = Writer(journal_of(path), contents, journal.writer_name(contents, part))
    return Store(path, cube.labels_of(study), study.described_model, writer, {})


def drafts(files: Iterable[str]) -> list[str]:
    """Return the half-written files that killed writers left; an object store has none."""
    return [name for name in files if name.endswith(".partial")]


def _stale(store: Store, attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of labels and metadata that are not what they should be, as they should be.

    The group's metadata are the last: with one rename they show the new axes to every reader. Until then
    the store is the old one, and no cell of the new axes has been written.
    """
    path, labels = store.path, layout.label_files(store.labels).items()
    stale = {name: c for name, c in labels if places.read_bytes(path / name, len(c)) != c}
    every = {**layout.label_forms(store.labels), **store.forms}
    return stale | metadata.odd(path, every, attributes)


def _lay_out(path: Place, stale: Mapping[str, bytes]) -> None:
    """Write labels, then the metadata of arrays, all at once, then those of the group, in one rename."""
    labels = {name: content for name, content in stale.items() if not name.endswith("zarr.json")}
    arrays = {name: content for name, content in stale.items() if name.endswith("/zarr.json")}
    for files in (labels, arrays, {name: stale[name] for name in ("zarr.json",) if name in stale}):
        if files:
            places.write_together(path, files)


def _spoilt(store: Store, files: Sequence[str]) -> list[Chunk]:
    """Return which chunks of cells are damaged, or missing while those of other arrays are there."""
    return [
        chunk
        for chunk in chunks_of_cells(files, store.forms)
        if any(layout.salvaged(store.path, *each, chunk)[1] for each in store.forms.items())
    ]


def chunks_of_cells(files: Sequence[str], forms: Mapping[str, Form]) -> list[Chunk]:
    """Return which chunks of cells lie among the files of a store, of whichever array."""
    found = (layout.chunks_among(files, name, form) for name, form in forms.items())
    return sorted(set().union(*found))


def _rewrite(
    store: Store,
    chunk: Chunk,
    at: NDArray[np.int64] | None = None,
    table: Table | None = None,
) -> None:
    """Write the chunks of all arrays at one place, with rows of a table put in at some places.

    What does not exist there is blank from then on: a value that was damaged never gets a checksum that
    fits. Observables come first, with one rename after the other, and then the digests.
    """
    ds, valid = layout.contents(store.path, store.labels, store.model, store.forms, chunk)
    values = {
        name: np.where(valid, ds[name].values, form.blank) for name, form in store.forms.items()
    }
    if at is not None and table is not None:
        place = tuple((at - [s.start for s in store.forms["digest"].region(chunk)]).T)
        columns = [*table.T[len(store.labels.names) + 1 :], cube.row_digests(table)]
        for (name, form), column in zip(store.forms.items(), columns, strict=True):
            values[name] = values[name].astype(form.kind)
            values[name][place] = column
    files = {
        layout.chunk_name(name, chunk): layout.encoded(values[name], form)
        for name, form in store.forms.items()
    }
    digests = layout.chunk_name("digest", chunk)
    places.write_together(store.path, {name: files[name] for name in files if name != digests})
    places.write_together(store.path, {digests: files[digests]})


def _unpack(store: Store, old: StoreRecord, files: Sequence[str]) -> None:
    """Move all cells of the cube to the journal, before the arrays are cut into other chunks."""
    forms = forms_of(store.path, old, store.model)
    for chunk in chunks_of_cells(files, forms):
        ds, valid = layout.contents(store.path, old.labels, store.model, forms, chunk)
        store.writer.add(cube.rows(ds, store.model)[valid.ravel()])
    store.writer.flush()
    every = [*reversed([*forms]), *(layout.label_forms(old.labels) if old.format < FORMAT else ())]
    for name in every:  # the digests go first: what is left of the cells is no cell
        places.remove_tree(store.path / name / "c")


def forms_of(path: Place, old: StoreRecord, model: Model) -> Mapping[str, Form]:
    """Return the forms of the arrays of cells of a store, of any format."""
    forms = layout.forms(old.labels, model, old.chunks, {})
    if old.format == FORMAT:
        return forms
    loose = {name: replace(form, checksum=0) for name, form in forms.items()}
    found = {name: layout.laid(path, name, form) for name, form in loose.items()}
    known = next((each.chunks for each in found.values() if each), (1,) * len(old.labels.names))
    return {name: found[name] or replace(form, chunks=known) for name, form in loose.items()}


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
    places.remove_empty(folder)


def _fold(store: Store, at: NDArray[np.int64], table: Table) -> None:
    """Write cells into the cube, chunk by chunk."""
    where = at // np.array(store.forms["digest"].chunks)
    chunks, inverse = np.unique(where, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    cuts = np.searchsorted(inverse.ravel()[order], np.arange(1, len(chunks)))
    for chunk, mine in zip(chunks.tolist(), np.split(order, cuts), strict=True):
        _rewrite(store, tuple(chunk), at[mine], table[mine])


def read(path: Place, study: Study, part: Part | None = None) -> xr.Dataset:
    """Return the study's part of the store, in the study's order; cells that do not exist are NaN.

    The variable `valid` tells which cells exist. A missing store is one without cells. A `part` does
    without the journals of the study's other shards.
    """
    check_journal(path, study, part)
    kept = record.read(path, study) if is_there(path) else None
    wanted, folder = cube.labels_of(study), journal_of(path)
    # The journal first: what a running fold moves in between is then seen twice, not never.
    contents = contents_of(study)
    names = journal.segments_for(folder, contents, part)
    waiting = [*journal.rows(folder, contents, names)]
    ds = _cube(path, kept, wanted, study.described_model)
    for _, table, _ in waiting:
        _overlay(ds, wanted, table, study.described_model)
    return ds


def _cube(path: Place, kept: StoreRecord | None, wanted: Labels, model: Model) -> xr.Dataset:
    """Return the wanted part of the cube alone."""
    ds, at = cube.frame(wanted), picked(kept.labels if kept else wanted, wanted)
    found = kept or StoreRecord(wanted, layout.chunk_shape(wanted.shape))
    forms = forms_of(path, found, model)
    for observable in model.observables:
        values = layout.cells(path, observable.name, forms[observable.name], at)
        ds[observable.name] = wanted.names, values, cube.attributes_of(observable)
    valid = layout.existing(ds, layout.cells(path, "digest", forms["digest"], at), model)
    if kept and not (layout.is_group(path) and not layout.damaged_labels(path, kept.labels)):
        valid[...] = False  # xarray would read others, or none; the next run mends them
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


def picked(kept: Labels, wanted: Labels) -> list[NDArray[np.int64]]:
    """Return where the wanted labels are along each dimension; -1 for those that the store has not."""
    found = []
    for name in wanted.names:
        at = kept.positions(name)
        found.append(np.array([at.get(value, -1) for value in wanted.values[name]], np.int64))
    return found


def valid_in_cube(path: Place, study: Study, kept: StoreRecord) -> Mask:
    """Return which cells of the study exist in the cube, leaving the journal aside."""
    mask: Mask = _cube(path, kept, cube.labels_of(study), study.described_model)["valid"].values
    return mask


def valid_cells(path: Place, study: Study, part: Part | None = None) -> Mask:
    """Return which cells of the study exist: a mask over the cube."""
    mask: Mask = read(path, study, part)["valid"].values
    return mask


def write_dataset(ds: xr.Dataset, path: Place) -> None:
    """Write a small dataset as zarr v3; in a folder, whole or not at all."""
    files = metadata.dataset_files(ds)
    if not isinstance(path, Path):
        places.remove_tree(path)
        places.write_together(path, files)
        return
    draft, old = (path.with_name(f"{path.name}.{mark}.partial") for mark in ("new", "old"))
    for stale in (draft, old):
        places.remove_tree(stale)
    places.write_together(draft, files)
    with places.reported(path):
        if path.exists():
            path.rename(old)
        draft.rename(path)
    places.remove_tree(old)
