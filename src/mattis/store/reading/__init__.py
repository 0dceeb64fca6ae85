"""What is in a store: its cells with their labels, which of them exist, and their final states.

The journal is read beside the cube, so that cells on their way from one to the other are never missed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mattis.exact.arrays import Mask
from mattis.store import cube, journal, layout, record
from mattis.store.cube import CubeLabels, KeptStates
from mattis.store.frame import Frame, LabelledArray
from mattis.store.journal import Segment, ShardNumber
from mattis.store.layout import ArrayForm, Chunk
from mattis.store.observables import CellTable, Observed
from mattis.store.place import Place
from mattis.store.reading.census import Census, read_census
from mattis.store.reading.stored import Piece, opened, positions_in
from mattis.store.record import StoreRecord, contents_of, journal_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, Model, StateShape

if TYPE_CHECKING:
    import xarray as xr


MOST_LOOKS = 5
"""How often a store is looked at where cells are moved meanwhile."""

CELLS_AT_ONCE = 2**20
"""Cells that are in memory at once, with their observables, where a digest runs over all of a cube."""


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
    (found,) = each_cells(path, [study], part)
    return found


def presence(path: Place, study: Study, part: ShardNumber | None = None) -> Frame:
    """Return `cells` without their observables: which exist, in a byte for each."""
    (found,) = each_cells(path, [study], part, with_values=False)
    return found


def each_cells(
    path: Place,
    studies: Sequence[Study],
    part: ShardNumber | None = None,
    with_values: bool = True,
    census: Census | None = None,
    on_chunk: Callable[[], None] = lambda: None,
) -> list[Frame]:
    """Return the `cells` of some studies of one store, or only their presence: it is read once for all.

    census    # takes up which chunks are as they should be; by default, that on disk is believed
    on_chunk  # is called after each chunk
    """
    if not studies:
        return []
    census, look = read_census(path) if census is None else census, None
    views = [cube.labels_of(study) for study in studies]
    for _ in range(MOST_LOOKS):
        look = _look(path, studies[0], views, part, with_values, census, on_chunk)
        if look.is_whole:
            break
    assert look is not None
    out = []
    for (_, ds), study in zip(look.found, studies, strict=True):
        ds = _of_model(ds, look.observed, study.described_model, with_values)
        out.append(ds.assign(kept=states(path, study)["kept"]) if study.kept_states else ds)
    return out


class Look(NamedTuple):
    """Cells as they were found, and whether none of them was moved on its way without being seen."""

    found: list[tuple[CubeLabels, Frame]]
    observed: Observed
    is_whole: bool


def _look(
    path: Place,
    study: Study,
    views: Sequence[CubeLabels],
    part: ShardNumber | None,
    with_values: bool,
    census: Census,
    on_chunk: Callable[[], None],
) -> Look:
    """Return the cells with some labels, of the journal and of the cube.

    The journal comes first: cells that a running fold moves into the cube meanwhile are then read twice, not
    never. But rows that it deals into other segments, and these into the cube, may be missed: one of the
    segments is then gone before it was read.
    """
    folder, contents = journal_of(path), contents_of(study)
    lists, names = record.waiting(path, study, part), journal.segments_for(folder, contents, part)
    observed = record.observed(path, study, _record(path, study), lists)
    found = [(labels, _blank(labels, observed, with_values)) for labels in views]
    read = _overlaid(path, study, found, observed, names)
    old = _record(path, study)
    if old and (stored := opened(path, replace(old, observed=observed), census)):
        for labels, ds in found:
            for piece in stored.pieces(labels):
                _take(ds, piece, observed)
                on_chunk()
    # Cells that a packing moves the other way are in segments that were not there a moment ago.
    later = journal.segments_for(folder, contents, part)
    new = [name for name in later if name not in {*names}]
    seen = {*read, *_overlaid(path, study, found, observed, new)}
    now = {*later, *journal.segments_for(folder, contents, part)} if new else {*later}
    gone = {*names, *new} - seen - now
    alike = record.observed(path, study, old, lists) == observed
    return Look(found, observed, alike and not gone)


def _record(path: Place, study: Study) -> StoreRecord | None:
    """Return the record of a store, None if there is none."""
    return record.read(path, study) if is_there(path) else None


def _blank(labels: CubeLabels, observed: Observed, with_values: bool) -> Frame:
    """Return cells of which none exists."""
    columns = {}
    for observable in observed.observables if with_values else ():
        kind = cube.dtype_of(observable)
        blank = np.full(labels.shape, np.nan if kind.kind == "f" else 0, kind)
        columns[observable.name] = LabelledArray(labels.names, blank)
    held = LabelledArray(labels.names, np.zeros(labels.shape, np.int8))
    return cube.frame(labels).assign(**columns, held=held)


def _overlaid(
    path: Place,
    study: Study,
    found: Sequence[tuple[CubeLabels, Frame]],
    observed: Observed,
    names: Sequence[str],
) -> list[str]:
    """Put the rows of some segments, which are whole, among cells; return those that were there to read."""
    read = []
    for segment in journal.rows(journal_of(path), contents_of(study), names):
        read.append(segment.name)
        for labels, ds in found:
            near = np.isin(segment.table[:, len(labels.names) - 1], labels.values["seed"])
            if near.any():
                rows = CellTable.of_rows(segment.table[near], segment.observables, labels, observed)
                _overlay(ds, rows, observed)
    return read


def _overlay(ds: Frame, rows: CellTable, observed: Observed) -> None:
    """Put rows of the journal, which are whole, among cells."""
    held = ds["held"].values
    rows = rows.some(rows.held >= held[tuple(rows.at.T)])
    place, first = tuple(rows.at.T), rows.table.shape[1] - len(observed.names)
    for column, name in enumerate(observed.names[: rows.held.max(initial=0)], start=first):
        if name in ds:
            ds[name].values[place] = rows.table[:, column]
    held[place] = rows.held


def _take(ds: Frame, piece: Piece, observed: Observed) -> None:
    """Put the cells of a chunk among others, where they have more than is there."""
    place, held = np.ix_(*piece.at), ds["held"].values
    better = piece.held > held[place]
    if not better.any():
        return
    for name in observed.names:
        if name in ds:
            values = ds[name].values
            values[place] = np.where(better, piece.values[name], values[place])
    held[place] = np.where(better, piece.held, held[place])


def _of_model(ds: Frame, observed: Observed, model: Model, with_values: bool) -> Frame:
    """Return a cube with the observables of the model of today: blank where a cell lacks them."""
    dims, held, _ = ds["held"]
    words = {"long_name": "observables that the cell has, of `observables` from the first on"}
    words |= {"units": "1", "observables": " ".join(observed.names)}
    ds = ds.assign(held=LabelledArray(dims, held, words))
    columns = {}
    for observable in model.observables if with_values else ():
        kind, name = cube.dtype_of(observable), observable.name
        blank = np.nan if kind.kind == "f" else 0
        if name in ds:
            values = ds[name].values
            values[~cube.has(ds, name)] = blank
        else:
            values = np.full(held.shape, blank, kind)
        columns[name] = LabelledArray(dims, values, cube.attributes_of(observable))
    today = {observable.name for observable in model.observables}
    ds = ds.assign(**columns).without([name for name in observed.names if name not in today])
    return ds.assign(valid=LabelledArray(dims, held > 0, {"long_name": "the cell exists", "units": "1"}))


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
        states=LabelledArray(dims, found, cube.STATE_WORDS), kept=LabelledArray(labels.names, kept, words)
    )


def study_digest(
    path: Place,
    study: Study,
    tiles: Sequence[Study],
    part: ShardNumber | None = None,
    lacks: Collection[str] = (),
    asked: Mask | None = None,
) -> str:
    """Return `cube.study_digest` of all cells of some parts of a study that together are sorted anew.

    What lies in the cube alone is read band by band, since all of it may not fit into memory.

    lacks  # observables of the model that some of these cells do not have
    asked  # of one part alone, which of its cells; None for all
    """
    names = [one.name for one in study.described_model.observables if one.name not in lacks]
    digest = cube.StudyDigest(study.dimensions, names)
    waits = journal.segments_for(journal_of(path), contents_of(study), part)
    if len(tiles) == 1:
        at_once = waits or asked is not None
        for band in tiles if at_once else plan.bands(tiles[0], CELLS_AT_ONCE):
            digest.add(cells(path, band, part), asked)
    elif tiles:
        table = np.concatenate([cube.rows(ds, names) for ds in each_cells(path, tiles, part)])
        digest.add_rows(table[np.lexsort(table[:, : len(study.dimensions)].T[::-1])])
    return digest.text()


def states_digest(path: Place, studies: Sequence[Study], asked: Mask | None = None) -> str:
    """Return the SHA-256 of labels and final states of all cells of some studies, sorted by labels.

    asked  # of one study alone, which of its cells; None for all
    """
    tables, bits = [], []
    for study in studies:
        ds = states(path, study)
        tables.append(cube.rows(ds.without([FINAL_STATES]), []))
        bits.append(ds[FINAL_STATES].values.reshape(len(tables[-1]), *ds[FINAL_STATES].shape[-2:]))
    table, kept = np.concatenate(tables), np.concatenate(bits)
    chosen = slice(None) if asked is None else asked.ravel()
    return cube.states_digest(table[chosen], kept[chosen])


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
    bits = layout.cells(path, FINAL_STATES, forms[FINAL_STATES], [*at, *behind]).reshape(-1, *old.kept)
    name = cube.STATES_DIGEST_NAME
    marks = layout.cells(path, name, forms[name], at)
    spelled = cube.frame(cube.as_stored(old.labels, labels))
    kept = layout.whole_states(spelled.assign(**{name: LabelledArray(labels.names, marks)}), bits, marks)
    bits = np.where(kept[:, None, None], bits, 0).astype(np.uint8)
    return cube.fitting(bits, shape).reshape(out.shape), kept.reshape(labels.shape)


def valid_in_cube(path: Place, study: Study, old: StoreRecord) -> Mask:
    """Return which cells of the study exist in the cube, leaving the journal aside: by their digests."""
    labels = cube.labels_of(study)
    ds = _blank(labels, old.observed, with_values=False)
    stored = opened(path, old, Census())
    for piece in stored.pieces(labels) if stored else ():
        _take(ds, piece, old.observed)
    mask: Mask = ds["held"].values > 0
    return mask


def valid_cells(path: Place, study: Study) -> Mask:
    """Return which cells of the study exist: a mask over the cube."""
    mask: Mask = presence(path, study)["valid"].values
    return mask


def states_of_segment(segment: Segment, shape: StateShape | None) -> tuple[KeptStates, Mask]:
    """Return the final states of a segment in the shape of a store, and which rows have all of these cues."""
    enough = shape is not None and segment.states.shape[1] >= shape.cues
    return cube.fitting(segment.states, shape), segment.kept & enough


def chunks_of_cells(files: Sequence[str], forms: Mapping[str, ArrayForm]) -> list[Chunk]:
    """Return the chunks that any array of cells has among the files of a store."""
    chunks = (layout.chunks_among(files, name, form) for name, form in forms.items())
    return sorted(set().union(*chunks))
