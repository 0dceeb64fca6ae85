"""The store: one labelled zarr v3 cube per study, and a journal of cells on their way into it.

The axes only grow, and are sorted: where values come between the old ones, the cube is written anew.
Computed cells go to the journal, where any number of processes may write; one process at a time folds
them into the cube: observables
first, the digests of the cells last, and only then the journal forgets them. A cell whose digest does
not fit its labels and values does not exist, whatever the reason: never computed, killed in the middle,
a chunk lost, a bit flipped; and what does not exist is blank in whatever is written next. All that is
written waits for the disk. `xarray.open_zarr` reads the cube without mattis.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.store import cube, journal, layout, metadata, record
from mattis.store.cube import CubeLabels, KeptStates
from mattis.store.journal import Segment, ShardNumber, Writer
from mattis.store.layout import FORMAT, ArrayForm, Chunk
from mattis.store.observables import CellTable, Observed
from mattis.store.place import Place
from mattis.store.record import StoreRecord, contents_of, journal_of
from mattis.study.axes import label_key
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, Columns, Model, StateShape
from mattis.study.plan import Block, Mask
from mattis.words import counted

SEGMENTS_AT_ONCE = 128
"""Segments of the journal that are folded at once: a million cells, 150 MB."""


@dataclass(frozen=True, eq=False)
class Store:
    """A store that is open for writing: its path, labels and arrays, and the segment of this process."""

    path: Place
    labels: CubeLabels
    observed: Observed
    writer: Writer
    forms: Mapping[str, ArrayForm]
    states: Mapping[str, ArrayForm]
    """Forms of the final states and their digests; none where the store keeps none."""

    @property
    def kept(self) -> StateShape | None:
        """The final states that the store has room for."""
        if not self.states:
            return None
        return StateShape(*self.states[FINAL_STATES].shape[-2:])


def bytes_needed(study: Study, cells: int) -> int:
    """Return the bytes of so many cells: in the journal, and then in the cube as well."""
    kept = study.kept_states
    states = kept.total + 8 if kept else 0
    return cells * 2 * (8 * (len(contents_of(study).columns) + 1) + states)


def is_there(path: Place) -> bool:
    """Tell whether there is a store, or something else in its place. A mere journal is none."""
    return any(journal.is_one(name) for name in path.names() if name != "journal")


def create_or_extend(
    path: Place,
    study: Study,
    before: Callable[[], None] = lambda: None,
    all_observables: bool = False,
) -> Store:
    """Open the store for writing, creating it or appending the study's new labels.

    Damaged files are mended, and cells in the journal are folded into the cube. Raises UserError if the
    store was made from a different study, or is no store.

    before           # is called before the first write: the receipt of the store has to go first
    all_observables  # appends the observables of the model that the store lacks
    """
    observed, old = _observed(path, study, None, all_observables)
    kept = _kept(path, study, old, all_observables)
    labels, files = cube.labels_of(study), path.files()
    labels = cube.merged(old.labels if old else labels, labels)
    widens = old is not None and old.kept is not None and old.kept != kept
    moves = old is not None and (old.format != FORMAT or widens or _inserts(old.labels, labels))
    chunks = layout.fitting_chunks(labels.shape, old.chunks if old and not moves else None)
    attributes = record.attributes(study, labels, chunks, observed, kept)
    states = layout.state_forms(labels, chunks, kept)
    forms = layout.forms(labels, observed.observables, chunks, attributes)
    writer = _writer(path, study, _computable_prefix(study, observed), _written_states(study, kept))
    opened = Store(path, labels, observed, writer, forms, states)
    packed = old if old and (moves or old.chunks != chunks) else None
    spoilt = [] if packed else _spoilt(opened, files)
    waits = any(name.startswith("journal/") for name in files)
    stale = {} if packed else _stale(opened, attributes)
    if packed or spoilt or waits or stale:
        before()
    for draft in drafts(files):
        (path / draft).remove()
    if packed:
        _unpack(opened, study, packed, files)
        stale = _stale(opened, attributes)
    _lay_out(path, stale)
    for chunk in spoilt:
        _rewrite(opened, chunk)
    fold(opened)
    return opened


def join(
    path: Place, study: Study, part: ShardNumber | None = None, all_observables: bool = False
) -> Store:
    """Open only the journal for writing, as any number of processes may at once; it cannot be folded so."""
    observed, old = _observed(path, study, part, all_observables)
    kept = _written_states(study, _kept(path, study, old, all_observables))
    writer = _writer(path, study, _computable_prefix(study, observed), kept, part)
    return Store(path, cube.labels_of(study), observed, writer, {}, {})


def _kept(
    path: Place, study: Study, old: StoreRecord | None, all_observables: bool
) -> StateShape | None:
    """Return the final states that a store is to have room for: of a store with cells, those that it has.

    Raises UserError for a study that keeps those of another number of cues.
    """
    asked, there = study.kept_states, old.kept if old else None
    if there is None:
        return asked if old is None or all_observables else None
    if asked is None:
        return there
    if asked.cues != there.cues:
        raise UserError(
            f"{path}: keep.states: got {asked.cues}, but its cells keep the final states of "
            f"{counted(there.cues, 'cue')}; use keep: {{states: {there.cues}}}, or give the study "
            "another name"
        )
    return StateShape(there.cues, max(there.octets, asked.octets))


def _written_states(study: Study, kept: StateShape | None) -> StateShape | None:
    """Return the final states behind the rows that a study computes."""
    return kept if study.kept_states else None


def _observed(
    path: Place, study: Study, part: ShardNumber | None, all_observables: bool
) -> tuple[Observed, StoreRecord | None]:
    """Return the observables of a store that is to be opened for writing, and its record so far."""
    lists = record.waiting(path, study, part)
    old = record.read(path, study) if is_there(path) else None
    observed, model = record.observed(path, study, old, lists), study.described_model
    grown = observed.grown(model.observables if all_observables else ())
    computable = {*grown.names} <= {observable.name for observable in model.observables}
    return grown if computable else observed, old


def _computable_prefix(study: Study, observed: Observed) -> list[str]:
    """Return the longest prefix of a store's observables that the model of today computes."""
    return observed.names[: observed.prefix(contents_of(study).observables)]


def _writer(
    path: Place,
    study: Study,
    names: Sequence[str],
    kept: StateShape | None = None,
    part: ShardNumber | None = None,
) -> Writer:
    """Return a new writer of rows with some observables, and with final states if they are kept."""
    path.make_within()
    contents = contents_of(study, names, kept)
    return Writer(journal_of(path), contents, journal.writer_name(contents, part))


def computable(store: Store, study: Study, all_observables: bool = False) -> Sequence[str]:
    """Return the observables that cells are computed with.

    Raises UserError if the store has observables that the model of today does not compute.
    """
    names, today = store.writer.contents.observables, contents_of(study).observables
    if not names or (all_observables and not {*today} <= {*names}):
        unknown = {*store.observed.names} - {*today}
        raise UserError(
            f"{store.path}: its cells have {', '.join(sorted(unknown))}, which this mattis does not "
            f"compute; use the mattis that wrote it, or give the study another name"
        )
    return names


def drafts(files: Iterable[str]) -> list[str]:
    """Return the half-written files that killed writers left; an object store has none."""
    return [name for name in files if name.endswith(".partial")]


def _inserts(old: CubeLabels, labels: CubeLabels) -> bool:
    """Tell whether new labels come between the old ones, or before them."""
    begins = {name: [*labels.values[name]][: len(values)] for name, values in old.values.items()}
    return any(begins[name] != [*values] for name, values in old.values.items())


def _stale(store: Store, attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the right content of the files of labels and metadata that are missing or wrong.

    The group's metadata are the last: with one rename they show the new axes to every reader. Until then
    the store is the old one, and no cell of the new axes has been written.
    """
    path, labels = store.path, layout.label_files(store.labels).items()
    stale = {name: c for name, c in labels if (path / name).read_bytes(len(c)) != c}
    every = {**layout.label_forms(store.labels), **store.states, **store.forms}
    return stale | metadata.odd(path, every, attributes)


def _lay_out(path: Place, stale: Mapping[str, bytes]) -> None:
    """Write labels, then the metadata of arrays, then those of the group, which one rename publishes."""
    labels = {name: content for name, content in stale.items() if not name.endswith("zarr.json")}
    arrays = {name: content for name, content in stale.items() if name.endswith("/zarr.json")}
    for files in (labels, arrays, {name: stale[name] for name in ("zarr.json",) if name in stale}):
        if files:
            path.write_together(files)


def _spoilt(store: Store, files: Sequence[str]) -> list[Chunk]:
    """Return the chunks that are damaged in some array, or missing while those of other arrays exist."""
    return [
        chunk
        for chunk in chunks_of_cells(files, store.forms)
        if any(
            layout.salvaged(store.path, name, form, layout.state_chunk(form, chunk))[1]
            for name, form in (*store.forms.items(), *store.states.items())
        )
    ]


def chunks_of_cells(files: Sequence[str], forms: Mapping[str, ArrayForm]) -> list[Chunk]:
    """Return the chunks that any array of cells has among the files of a store."""
    chunks = (layout.chunks_among(files, name, form) for name, form in forms.items())
    return sorted(set().union(*chunks))


def _rewrite(store: Store, chunk: Chunk, rows: CellTable | None = None) -> None:
    """Write one chunk of all arrays, with some rows put in.

    A cell that does not exist becomes blank: a damaged value never gets a checksum that fits. Observables
    come first, with one rename after the other, and then the digests. A cell that has more observables than
    its row keeps them, and one that has final states keeps these.
    """
    ds, held = layout.contents(store.path, store.labels, store.observed, store.forms, chunk)
    place: tuple[NDArray[np.int64], ...] = ()
    files = _state_files(store, chunk, ds, rows)
    if rows is not None:
        starts = [s.start for s in store.forms["digest"].region(chunk)]
        rows = rows.some(rows.held >= held[tuple((rows.at - starts).T)])
        place = tuple((rows.at - starts).T)
    for number, (name, form) in enumerate(store.forms.items()):
        least = 0 if name == "digest" else number
        values = np.where(held > least, ds[name].values, form.blank).astype(form.kind)
        if rows is not None:
            values[place] = _column(store, rows, name, form, least)
        files[layout.chunk_name(name, chunk)] = layout.encoded(values, form)
    names = (cube.STATES_DIGEST_NAME, "digest")
    marks = [layout.chunk_name(name, chunk) for name in names]
    last = {mark: files.pop(mark) for mark in marks if mark in files}
    store.path.write_together(files)
    store.path.write_together(last)


def _state_files(
    store: Store, chunk: Chunk, ds: xr.Dataset, rows: CellTable | None
) -> dict[str, bytes]:
    """Return the files of the final states of a chunk and of their digests, with those of some rows put in.

    ds  # the cells of the chunk: states that do not fit their digests become blank
    """
    if not store.states:
        return {}
    states, kept = layout.states(store.path, ds, store.states, chunk)
    states, labels = np.where(kept[:, None, None], states, 0).astype(np.uint8), cube.rows(ds, [])
    region = store.forms["digest"].region(chunk)
    shape = tuple(s.stop - s.start for s in region)
    if rows is not None and rows.kept.any():
        some = rows.some(rows.kept)
        at = np.ravel_multi_index(tuple((some.at - [s.start for s in region]).T), shape)
        states[at], kept[at] = some.states, True
    digests = np.where(kept, cube.state_digests(labels, states), 0).astype(np.float64)
    values = {
        FINAL_STATES: states.reshape(*shape, *states.shape[1:]),
        cube.STATES_DIGEST_NAME: digests,
    }
    return {
        layout.chunk_name(name, layout.state_chunk(form, chunk)): layout.encoded(
            values[name].reshape(*shape, *form.shape[len(shape) :]), form
        )
        for name, form in store.states.items()
    }


def _column(store: Store, rows: CellTable, name: str, form: ArrayForm, number: int) -> NDArray[Any]:
    """Return the digests of some rows, or their values of an observable: blank where a row has none."""
    if name == "digest":
        return store.observed.digests(rows.table, rows.held)
    values = rows.table[:, len(store.labels.names) + 1 + number]
    return np.where(rows.held > number, values, form.blank).astype(form.kind)


def _unpack(store: Store, study: Study, old: StoreRecord, files: Sequence[str]) -> None:
    """Move all cells of the cube to the journal, before the arrays are cut into other chunks."""
    forms, first = forms_of(store.path, old), len(old.labels.names) + 1
    bits, names = layout.state_forms(old.labels, old.chunks, old.kept), old.observed.names
    writers = {
        (n, kept): _writer(store.path, study, names[:n], store.kept if kept else None)
        for n in old.observed.prefixes
        for kept in ((False, True) if bits else (False,))
    }
    for chunk in chunks_of_cells(files, forms):
        ds, held = layout.contents(store.path, old.labels, old.observed, forms, chunk)
        table = cube.rows(ds, names)
        states, kept = _states_of_chunk(store.path, ds, bits, chunk)
        for (length, with_states), writer in writers.items():
            which = (held.ravel() == length) & (kept == with_states)
            if which.any():
                rows = cube.fitting(states[which], writer.contents.kept)
                writer.add(table[which, : first + length], rows)
    for writer in writers.values():
        writer.flush()
    every = [*reversed([*bits, *forms]), *layout.label_forms(old.labels)]
    for name in every:  # the digests go first: a cell without one does not exist
        (store.path / name / "c").remove_tree()


def _states_of_chunk(
    path: Place, ds: xr.Dataset, forms: Mapping[str, ArrayForm], chunk: Chunk
) -> tuple[KeptStates, Mask]:
    """Return the final states of the cells of a chunk, and which have some; none where none are kept."""
    if forms:
        return layout.states(path, ds, forms, chunk)
    cells = ds["digest"].size
    return np.zeros((cells, 0, 0), np.uint8), np.zeros(cells, bool)


def forms_of(path: Place, old: StoreRecord) -> Mapping[str, ArrayForm]:
    """Return the forms of the arrays of cells of a store, of any format."""
    forms = layout.forms(old.labels, old.observed.observables, old.chunks, {}, old.format)
    if old.format > 1:
        return forms
    loose = {name: replace(form, checksum=0) for name, form in forms.items()}
    laid = {name: layout.laid(path, name, form) for name, form in loose.items()}
    chunks = next((form.chunks for form in laid.values() if form), (1,) * len(old.labels.names))
    return {name: laid[name] or replace(form, chunks=chunks) for name, form in loose.items()}


def write(store: Store, study: Study, block: Block, columns: Columns) -> None:
    """Put the cells of a block into the journal; `flush` makes sure that they are on disk."""
    labels = [
        [block.size, block.load, *point, block.seed, block.patterns] for point in block.points
    ]
    names = computable(store, study)
    table = np.column_stack([np.array(labels, np.float64), *(columns[name] for name in names)])
    kept = store.writer.contents.kept
    store.writer.add(table, cube.fitting(columns[FINAL_STATES], kept) if kept else None)


def flush(store: Store) -> None:
    """Write the rows that are not yet on disk. Raises Fault if the machine refuses."""
    store.writer.flush()


def fold(store: Store) -> None:
    """Move all cells of the journal that the axes hold into the cube, and forget their segments."""
    store.writer.close()
    folder = journal_of(store.path)
    names = journal.segments(folder)
    for first in range(0, len(names), SEGMENTS_AT_ONCE):
        batch = names[first : first + SEGMENTS_AT_ONCE]
        whole, tables = [], []
        for segment in journal.rows(folder, store.writer.contents, batch):
            states, kept = _of_segment(segment, store.kept)
            rows = CellTable.of_rows(
                segment.table, segment.observables, store.labels, store.observed, states, kept
            )
            tables.append(rows)
            if len(rows.at) == len(segment.table):  # others wait for the study that asks for them
                whole.append(segment.name)
        if any(len(rows.at) for rows in tables):
            _fold(store, CellTable.joined(tables))
        for name in whole:
            (folder / name).remove()
    folder.remove_empty()


def _of_segment(segment: Segment, shape: StateShape | None) -> tuple[KeptStates, Mask]:
    """Return the final states of a segment in the shape of a store, and which rows have all of these cues."""
    enough = shape is not None and segment.states.shape[1] >= shape.cues
    return cube.fitting(segment.states, shape), segment.kept & enough


def _fold(store: Store, rows: CellTable) -> None:
    """Write cells into the cube, chunk by chunk; of two rows of a cell, that with more observables wins."""
    where = rows.at // np.array(store.forms["digest"].chunks)
    chunks, inverse = np.unique(where, axis=0, return_inverse=True)
    order = np.lexsort((rows.held, inverse.ravel()))
    cuts = np.searchsorted(inverse.ravel()[order], np.arange(1, len(chunks)))
    for chunk, members in zip(chunks.tolist(), np.split(order, cuts), strict=True):
        _rewrite(store, tuple(chunk), rows.some(members))


def read(path: Place, study: Study, part: ShardNumber | None = None) -> xr.Dataset:
    """Return the study's part of the store, in the study's order; cells that do not exist are NaN.

    The variable `valid` tells which cells exist, and `held` how many of the store's observables they have;
    the others are NaN. Of a study that keeps final states, `kept` tells which cells have them. A missing
    store is one without cells. A shard `part` reads no segments of other shards.
    """
    lists, contents = record.waiting(path, study, part), contents_of(study)
    labels, folder = cube.labels_of(study), journal_of(path)
    # The journal first: cells that a running fold moves in between are then read twice, not never.
    names = journal.segments_for(folder, contents, part)
    segments = [*journal.rows(folder, contents, names)]
    old = record.read(path, study) if is_there(path) else None
    observed = record.observed(path, study, old, lists)
    ds = _cube(path, old, labels, observed)
    # Cells that a packing moves the other way are in segments that were not there a moment ago.
    later = {*journal.segments_for(folder, contents, part)} - {*names}
    segments += [*journal.rows(folder, contents, sorted(later))]
    for segment in segments:
        rows = CellTable.of_rows(segment.table, segment.observables, labels, observed)
        _overlay(ds, rows, observed)
    ds = _of_model(ds, observed, study.described_model)
    return ds if study.kept_states is None else ds.assign(kept=states(path, study)["kept"])


def states(path: Place, study: Study, labels: CubeLabels | None = None) -> xr.Dataset:
    """Return the final states that a store keeps of some cells, of all cells of the study by default.

    The variable `states` has the dimensions of the cells, then `cue` and `byte` (see its attributes), and
    `kept` tells which cells have some; the others are zeros. Without final states there are no cues.
    """
    labels, contents = labels or cube.labels_of(study), contents_of(study)
    folder, seen = journal_of(path), list[Segment]()
    names = journal.segments(folder)
    segments = [*journal.rows(folder, contents, names)]  # first, as in `read`
    old = record.read(path, study) if is_there(path) else None
    shape = _largest([old.kept if old else None, *map(_shape_of, segments)])
    found, kept = _states_in_cube(path, old, labels, shape)
    seen = [*segments, *journal.rows(folder, contents, {*journal.segments(folder)} - {*names})]
    for segment in seen:
        bits, whole = _of_segment(segment, shape)
        at, inside = cube.positions(labels, segment.table)
        place = tuple(at[inside & whole].T)
        found[place], kept[place] = bits[inside & whole], True
    ds = cube.frame(labels)
    words = {"long_name": "the final states of the cell are kept", "units": "1"}
    dims = (*labels.names, *cube.STATE_DIMENSIONS)
    return ds.assign(states=(dims, found, cube.STATE_WORDS), kept=(labels.names, kept, words))


def states_digest(path: Place, study: Study, cells: Mask | None = None) -> str:
    """Return the SHA-256 of labels and final states of all cells, or those of a mask, sorted by labels."""
    ds = states(path, study)
    chosen = np.ones(ds["kept"].size, bool) if cells is None else cells.ravel()
    table = cube.rows(ds[["patterns", "kept"]], [])
    bits = ds[FINAL_STATES].values.reshape(len(table), *ds[FINAL_STATES].shape[-2:])
    return cube.states_digest(table[chosen], bits[chosen])


def _shape_of(segment: Segment) -> StateShape | None:
    shape = StateShape(*segment.states.shape[1:])
    return shape if shape.cues else None


def _largest(shapes: Iterable[StateShape | None]) -> StateShape | None:
    """Return the shape of the largest states."""
    return max((shape for shape in shapes if shape), default=None)


def _states_in_cube(
    path: Place, old: StoreRecord | None, labels: CubeLabels, shape: StateShape | None
) -> tuple[KeptStates, Mask]:
    """Return the final states of some cells in a cube, (…, cue, byte), and which cells have some."""
    out = np.zeros((*labels.shape, *(shape or (0, 0))), np.uint8)
    if old is None or old.kept is None or layout.damaged_labels(path, old.labels):
        return out, np.zeros(labels.shape, bool)
    forms = layout.state_forms(old.labels, old.chunks, old.kept)
    at = positions_in(old.labels, labels)
    behind = [np.arange(n) for n in old.kept]
    bits = layout.cells(path, FINAL_STATES, forms[FINAL_STATES], [*at, *behind]).reshape(
        -1, *old.kept
    )
    name = cube.STATES_DIGEST_NAME
    marks = layout.cells(path, name, forms[name], at)
    spelled = cube.frame(cube.as_stored(old.labels, labels))
    kept = layout.whole_states(spelled.assign({name: (labels.names, marks)}), bits, marks)
    bits = np.where(kept[:, None, None], bits, 0).astype(np.uint8)
    return cube.fitting(bits, shape).reshape(out.shape), kept.reshape(labels.shape)


def _cube(
    path: Place, old: StoreRecord | None, labels: CubeLabels, observed: Observed
) -> xr.Dataset:
    """Return the cells with some labels from the cube alone, without the journal."""
    ds, at = cube.frame(labels), positions_in(old.labels if old else labels, labels)
    chunks = layout.chunk_shape(labels.shape)
    current = replace(old, observed=observed) if old else StoreRecord(labels, chunks, observed)
    forms = forms_of(path, current)
    for name in observed.names:
        ds[name] = labels.names, layout.cells(path, name, forms[name], at)
    spelled = cube.frame(cube.as_stored(old.labels, labels)) if old else ds
    digests = layout.cells(path, "digest", forms["digest"], at)
    held = layout.held(ds.assign_coords(spelled.coords), digests, observed)
    if old and not (layout.is_group(path) and not layout.damaged_labels(path, old.labels)):
        held[...] = 0  # xarray would read other cells, or none; the next run mends the labels
    return ds.assign(held=(labels.names, held))


def _overlay(ds: xr.Dataset, rows: CellTable, observed: Observed) -> None:
    """Put rows of the journal, which are whole, into the cube in memory."""
    held = ds["held"].values
    rows = rows.some(rows.held >= held[tuple(rows.at.T)])
    place, first = tuple(rows.at.T), rows.table.shape[1] - len(observed.names)
    for column, name in enumerate(observed.names[: rows.held.max(initial=0)], start=first):
        ds[name].values[place] = rows.table[:, column]
    held[place] = rows.held


def _of_model(ds: xr.Dataset, observed: Observed, model: Model) -> xr.Dataset:
    """Return a cube with the observables of the model of today: blank where a cell lacks them."""
    held = ds["held"].values
    words = {"long_name": "observables that the cell has, of `observables` from the first on"}
    ds["held"].attrs = {**words, "units": "1", "observables": " ".join(observed.names)}
    for observable in model.observables:
        has, kind = cube.has(ds, observable.name), cube.dtype_of(observable)
        blank = np.nan if kind.kind == "f" else 0
        values = ds[observable.name].values if observable.name in ds else blank
        values = np.where(has, values, blank).astype(kind)
        ds[observable.name] = ds["held"].dims, values, cube.attributes_of(observable)
    today = {observable.name for observable in model.observables}
    ds = ds.drop_vars([name for name in observed.names if name not in today])
    exists = {"long_name": "the cell exists", "units": "1"}
    return ds.assign(valid=(ds["held"].dims, held > 0, exists))


def positions_in(cube_labels: CubeLabels, labels: CubeLabels) -> list[NDArray[np.int64]]:
    """Return the position of each label along each dimension of a cube; -1 where the cube lacks it."""
    out = []
    for name in labels.names:
        place = cube_labels.positions(name)
        values = labels.values[name]
        out.append(np.array([place.get(label_key(name, value), -1) for value in values], np.int64))
    return out


def valid_in_cube(path: Place, study: Study, old: StoreRecord) -> Mask:
    """Return which cells of the study exist in the cube, leaving the journal aside."""
    mask: Mask = _cube(path, old, cube.labels_of(study), old.observed)["held"].values > 0
    return mask


def valid_cells(path: Place, study: Study, part: ShardNumber | None = None) -> Mask:
    """Return which cells of the study exist: a mask over the cube."""
    mask: Mask = read(path, study, part)["valid"].values
    return mask


def found(path: Place, study: Study) -> int:
    """Return how many cells of a study are in its store."""
    return int(valid_cells(path, study).sum()) if path.names() else 0


def write_dataset(ds: xr.Dataset, path: Place) -> None:
    """Write a small dataset as zarr v3; in a folder, whole or not at all."""
    path.write_anew(metadata.dataset_files(ds))
