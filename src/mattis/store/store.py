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
from typing import TYPE_CHECKING, Any

import numpy as np

from mattis.errors import UserError
from mattis.exact.arrays import Mask
from mattis.store import cube, journal, layout, metadata, reading, record
from mattis.store.cube import CubeLabels, KeptStates
from mattis.store.folding import ordering
from mattis.store.folding.opened import Store, rewrite
from mattis.store.frame import Frame
from mattis.store.journal import ShardNumber, Writer
from mattis.store.layout import FORMAT, ArrayForm, Chunk
from mattis.store.observables import Observed
from mattis.store.place import Place
from mattis.store.reading.stored import forms_of
from mattis.store.record import StoreRecord, contents_of, journal_of
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, Columns, StateShape
from mattis.study.plan import Block
from mattis.words import counted

if TYPE_CHECKING:
    import xarray as xr


def bytes_needed(study: Study, cells: int) -> int:
    """Return the bytes of so many cells: in the journal, and then in the cube as well."""
    kept = study.kept_states
    states = kept.total + 8 if kept else 0
    return cells * 2 * (8 * (len(contents_of(study).columns) + 1) + states)


def create_or_extend(
    path: Place, study: Study, before: Callable[[], None] = lambda: None, all_observables: bool = False
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
        rewrite(opened, chunk)
    fold(opened)
    return opened


def join(path: Place, study: Study, part: ShardNumber | None = None, all_observables: bool = False) -> Store:
    """Open only the journal for writing, as any number of processes may at once; it cannot be folded so."""
    observed, old = _observed(path, study, part, all_observables)
    kept = _written_states(study, _kept(path, study, old, all_observables))
    writer = _writer(path, study, _computable_prefix(study, observed), kept, part)
    return Store(path, cube.labels_of(study), observed, writer, {}, {})


def _kept(path: Place, study: Study, old: StoreRecord | None, all_observables: bool) -> StateShape | None:
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
    lists = record.waiting(path, study, part, extends=True)
    old = record.read(path, study) if reading.is_there(path) else None
    record.check_age(path, old)
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
        for chunk in reading.chunks_of_cells(files, store.forms)
        if any(
            layout.salvaged(store.path, name, form, layout.state_chunk(form, chunk)).damage
            for name, form in (*store.forms.items(), *store.states.items())
        )
    ]


def _unpack(store: Store, study: Study, old: StoreRecord, files: Sequence[str]) -> None:
    """Move all cells of the cube to the journal, before the arrays are cut into other chunks."""
    forms, first = forms_of(store.path, old), len(old.labels.names) + 1
    bits, names = layout.state_forms(old.labels, old.chunks, old.kept), old.observed.names
    writers = {
        (n, kept): _writer(store.path, study, names[:n], store.kept if kept else None)
        for n in old.observed.prefixes
        for kept in ((False, True) if bits else (False,))
    }
    for chunk in reading.chunks_of_cells(files, forms):
        ds, held = layout.contents(store.path, old.labels, old.observed, forms, chunk)
        table = cube.rows(ds, names)
        states, kept = _states_of_chunk(store.path, ds, bits, chunk)
        for (length, with_states), writer in writers.items():
            which = (held.ravel() == length) & (kept == with_states)
            if which.any():
                writer.add(table[which, : first + length], cube.fitting(states[which], writer.contents.kept))
    for writer in writers.values():
        writer.flush()
    every = [*reversed([*bits, *forms]), *layout.label_forms(old.labels)]
    for name in every:  # the digests go first: a cell without one does not exist
        (store.path / name / "c").remove_tree()


def _states_of_chunk(
    path: Place, ds: Frame, forms: Mapping[str, ArrayForm], chunk: Chunk
) -> tuple[KeptStates, Mask]:
    """Return the final states of the cells of a chunk, and which have some; none where none are kept."""
    if forms:
        return layout.states(path, ds, forms, chunk)
    cells = ds["digest"].size
    return np.zeros((cells, 0, 0), np.uint8), np.zeros(cells, bool)


def write(store: Store, study: Study, block: Block, columns: Columns) -> None:
    """Put the cells of a block into the journal; `flush` makes sure that they are on disk."""
    labels = [[block.size, block.load, *point, block.seed, block.patterns] for point in block.points]
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
    ordering.fold(store)


def write_dataset(ds: "xr.Dataset", path: Place) -> None:
    """Write a small dataset as zarr v3; in a folder, whole or not at all."""
    path.write_anew(metadata.dataset_files(ds))
