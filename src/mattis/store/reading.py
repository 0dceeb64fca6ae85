"""What is in a store: its cells with their labels, which of them exist, and their final states.

The journal is read beside the cube, so that cells on their way from one to the other are never missed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mattis.store import cube, journal, layout, record
from mattis.store.cube import CubeLabels, KeptStates
from mattis.store.frame import Frame, LabelledArray
from mattis.store.journal import Segment, ShardNumber
from mattis.store.layout import ArrayForm, Chunk
from mattis.store.observables import CellTable, Observed
from mattis.store.place import Place
from mattis.store.record import StoreRecord, contents_of, journal_of
from mattis.study.axes import label_key
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, Model, StateShape
from mattis.study.plan import Mask

if TYPE_CHECKING:
    import xarray as xr


def is_there(path: Place) -> bool:
    """Tell whether there is a store, or something else in its place. A mere journal is none."""
    return any(journal.is_one(name) for name in path.names() if name != "journal")


def read(path: Place, study: Study, part: ShardNumber | None = None) -> "xr.Dataset":
    """Return `cells` as a labelled dataset."""
    return cells(path, study, part).dataset()


def cells(path: Place, study: Study, part: ShardNumber | None = None) -> Frame:
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


def states(path: Place, study: Study, labels: CubeLabels | None = None) -> Frame:
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
        bits, whole = states_of_segment(segment, shape)
        at, inside = cube.positions(labels, segment.table)
        place = tuple(at[inside & whole].T)
        found[place], kept[place] = bits[inside & whole], True
    words = {"long_name": "the final states of the cell are kept", "units": "1"}
    dims = (*labels.names, *cube.STATE_DIMENSIONS)
    return cube.frame(labels).assign(
        states=LabelledArray(dims, found, cube.STATE_WORDS),
        kept=LabelledArray(labels.names, kept, words),
    )


def states_digest(path: Place, study: Study, cells: Mask | None = None) -> str:
    """Return the SHA-256 of labels and final states of all cells, or those of a mask, sorted by labels."""
    ds = states(path, study)
    chosen = np.ones(ds["kept"].size, bool) if cells is None else cells.ravel()
    table = cube.rows(ds.without([FINAL_STATES]), [])
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
    kept = layout.whole_states(
        spelled.assign(**{name: LabelledArray(labels.names, marks)}), bits, marks
    )
    bits = np.where(kept[:, None, None], bits, 0).astype(np.uint8)
    return cube.fitting(bits, shape).reshape(out.shape), kept.reshape(labels.shape)


def _cube(path: Place, old: StoreRecord | None, labels: CubeLabels, observed: Observed) -> Frame:
    """Return the cells with some labels from the cube alone, without the journal."""
    ds, at = cube.frame(labels), positions_in(old.labels if old else labels, labels)
    chunks = layout.chunk_shape(labels.shape)
    current = replace(old, observed=observed) if old else StoreRecord(labels, chunks, observed)
    forms = forms_of(path, current)
    stored = {
        name: LabelledArray(labels.names, layout.cells(path, name, forms[name], at))
        for name in observed.names
    }
    spelled = cube.frame(cube.as_stored(old.labels, labels)) if old else ds
    digests = layout.cells(path, "digest", forms["digest"], at)
    held = layout.held(spelled.assign(**stored), digests, observed)
    if old and not (layout.is_group(path) and not layout.damaged_labels(path, old.labels)):
        held[...] = 0  # xarray would read other cells, or none; the next run mends the labels
    return ds.assign(**stored, held=LabelledArray(labels.names, held))


def _overlay(ds: Frame, rows: CellTable, observed: Observed) -> None:
    """Put rows of the journal, which are whole, into the cube in memory."""
    held = ds["held"].values
    rows = rows.some(rows.held >= held[tuple(rows.at.T)])
    place, first = tuple(rows.at.T), rows.table.shape[1] - len(observed.names)
    for column, name in enumerate(observed.names[: rows.held.max(initial=0)], start=first):
        ds[name].values[place] = rows.table[:, column]
    held[place] = rows.held


def _of_model(ds: Frame, observed: Observed, model: Model) -> Frame:
    """Return a cube with the observables of the model of today: blank where a cell lacks them."""
    dims, held, _ = ds["held"]
    words = {"long_name": "observables that the cell has, of `observables` from the first on"}
    words |= {"units": "1", "observables": " ".join(observed.names)}
    ds = ds.assign(held=LabelledArray(dims, held, words))
    columns = {}
    for observable in model.observables:
        has, kind = cube.has(ds, observable.name), cube.dtype_of(observable)
        blank = np.nan if kind.kind == "f" else 0
        values = ds[observable.name].values if observable.name in ds else blank
        values = np.where(has, values, blank).astype(kind)
        columns[observable.name] = LabelledArray(dims, values, cube.attributes_of(observable))
    today = {observable.name for observable in model.observables}
    ds = ds.assign(**columns).without([name for name in observed.names if name not in today])
    exists = {"long_name": "the cell exists", "units": "1"}
    return ds.assign(valid=LabelledArray(dims, held > 0, exists))


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
    mask: Mask = cells(path, study, part)["valid"].values
    return mask


def found(path: Place, study: Study) -> int:
    """Return how many cells of a study are in its store."""
    return int(valid_cells(path, study).sum()) if path.names() else 0


def states_of_segment(segment: Segment, shape: StateShape | None) -> tuple[KeptStates, Mask]:
    """Return the final states of a segment in the shape of a store, and which rows have all of these cues."""
    enough = shape is not None and segment.states.shape[1] >= shape.cues
    return cube.fitting(segment.states, shape), segment.kept & enough


def forms_of(path: Place, old: StoreRecord) -> Mapping[str, ArrayForm]:
    """Return the forms of the arrays of cells of a store, of any format."""
    forms = layout.forms(old.labels, old.observed.observables, old.chunks, {}, old.format)
    if old.format > 1:
        return forms
    loose = {name: replace(form, checksum=0) for name, form in forms.items()}
    laid = {name: layout.laid(path, name, form) for name, form in loose.items()}
    chunks = next((form.chunks for form in laid.values() if form), (1,) * len(old.labels.names))
    return {name: laid[name] or replace(form, chunks=chunks) for name, form in loose.items()}


def chunks_of_cells(files: Sequence[str], forms: Mapping[str, ArrayForm]) -> list[Chunk]:
    """Return the chunks that any array of cells has among the files of a store."""
    chunks = (layout.chunks_among(files, name, form) for name, form in forms.items())
    return sorted(set().union(*chunks))
