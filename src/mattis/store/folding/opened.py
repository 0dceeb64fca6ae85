"""A store that is open for writing, and its chunks, which are written whole: with rows put in, or mended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.store import cube, layout
from mattis.store.cube import CubeLabels
from mattis.store.frame import Frame
from mattis.store.journal import Writer
from mattis.store.layout import ArrayForm, Chunk
from mattis.store.observables import CellTable, Observed
from mattis.store.place import Place
from mattis.study.model import FINAL_STATES, StateShape


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
        return None if not self.states else StateShape(*self.states[FINAL_STATES].shape[-2:])


def rewrite(store: Store, chunk: Chunk, rows: CellTable | None = None) -> None:
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
    marks = [layout.chunk_name(name, chunk) for name in (cube.STATES_DIGEST_NAME, "digest")]
    last = {mark: files.pop(mark) for mark in marks if mark in files}
    store.path.write_together(files)
    store.path.write_together(last)


def _state_files(store: Store, chunk: Chunk, ds: Frame, rows: CellTable | None) -> dict[str, bytes]:
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
    values = {FINAL_STATES: states.reshape(*shape, *states.shape[1:]), cube.STATES_DIGEST_NAME: digests}
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
