"""The journal in the order of places, so that folding it writes each chunk a few times at most.

Shards leave their rows in random order: those of any million cells belong to all chunks. So rows are dealt
into parts, one for some neighbouring chunks, and each part is folded by itself; rows that fill a good share
of a chunk go there at once. What is dealt are segments like all others, in place of those that they were read
from: a fold that dies leaves each row in the journal, in the cube, or in both. No more rows are in memory at
once than `BYTES_AT_ONCE` hold, however many cells there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from math import ceil, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.store import journal, reading
from mattis.store.folding.opened import Store, rewrite
from mattis.store.layout import Chunk
from mattis.store.observables import CellTable
from mattis.store.record import journal_of

BYTES_AT_ONCE = 2**27
"""Bytes of rows that are in memory at once: a million cells of most models."""

DENSE = 4
"""A chunk is written at once where the rows of a batch are a part of 1/DENSE of its cells, or more."""

DEALT_ROWS = 8 * journal.SEGMENT_ROWS
"""Rows of a segment of the journal that was dealt, at most."""

MOST_PARTS = 512
"""Parts into which rows are dealt at once, at most: each is a file of its own for each batch."""


class Batch(NamedTuple):
    """Rows of some segments: the names of those that were read, and of those of which every row is here."""

    rows: CellTable
    read: list[str]
    whole: list[str]


def fold(store: Store) -> None:
    """Move all rows of the journal whose labels the axes hold into the cube, and remove their segments."""
    folder = journal_of(store.path)
    _fold(store, journal.segments(folder), range(prod(_grid(store))))
    folder.remove_empty()


def _grid(store: Store) -> tuple[int, ...]:
    """Return the number of chunks along each dimension."""
    form = store.forms["digest"]
    return tuple(-(-n // c) for n, c in zip(form.shape, form.chunks, strict=True))


def _fold(store: Store, names: Sequence[str], chunks: range) -> None:
    """Fold segments whose rows are of some chunks; deal them first if they are too many at once."""
    batches = _batches(store, names)
    first, second = next(batches, None), next(batches, None)
    read = [batch for batch in (first, second) if batch is not None]
    if first is None or second is None or len(chunks) == 1:
        for batch in chain(read, batches):
            _write(store, batch.rows)
            _forget(store, batch)
        return
    parts = _parts(chunks, ceil(1.5 * len(names) / len(first.read)))
    dealt: list[list[str]] = [[] for _ in parts]
    del first, second
    for batch in chain(_emptied(read), batches):
        for those, more in zip(dealt, _deal(store, batch, parts), strict=True):
            those += more
    for part, those in zip(parts, dealt, strict=True):
        _fold(store, those, part)


def _emptied(batches: list[Batch]) -> Iterator[Batch]:
    """Yield batches, and hold on to none that was yielded."""
    while batches:
        yield batches.pop(0)


def _parts(chunks: range, count: int) -> list[range]:
    """Return neighbouring chunks in so many parts, two at least, as equal as may be."""
    count = min(max(count, 2), MOST_PARTS, len(chunks))
    ends = [len(chunks) * k // count for k in range(count + 1)]
    return [chunks[a:b] for a, b in pairwise(ends)]


def _batches(store: Store, names: Sequence[str]) -> Iterator[Batch]:
    """Yield the rows of some segments, as many at once as are to be in memory."""
    tables: list[CellTable] = []
    read: list[str] = []
    whole: list[str] = []
    for segment in journal.rows(journal_of(store.path), store.writer.contents, names):
        states, kept = reading.states_of_segment(segment, store.kept)
        rows = CellTable.of_rows(
            segment.table, segment.observables, store.labels, store.observed, states, kept
        )
        tables.append(rows)
        read.append(segment.name)
        if len(rows.at) == len(segment.table):  # others wait for the study that asks for them
            whole.append(segment.name)
        if sum(rows.table.nbytes + rows.states.nbytes for rows in tables) >= BYTES_AT_ONCE:
            yield Batch(CellTable.joined(tables), read, whole)
            tables, read, whole = [], [], []
    if tables:
        yield Batch(CellTable.joined(tables), read, whole)


def _forget(store: Store, batch: Batch) -> None:
    """Remove the segments of a batch whose rows are all safe elsewhere."""
    for name in batch.whole:
        (journal_of(store.path) / name).remove()


def _chunks_of(store: Store, rows: CellTable) -> NDArray[np.int64]:
    """Return the number of the chunk of each row, counted through the grid of chunks."""
    where = rows.at // np.array(store.forms["digest"].chunks)
    numbers: NDArray[np.int64] = np.ravel_multi_index(tuple(where.T), _grid(store))
    return numbers


def _chunk(store: Store, number: np.int64) -> Chunk:
    """Return the chunk of a number."""
    return tuple(int(k) for k in np.unravel_index(number, _grid(store)))


def _write(store: Store, rows: CellTable) -> None:
    """Write rows into the cube, chunk by chunk; of two rows of a cell, that with more observables wins."""
    numbers = _chunks_of(store, rows)
    for members in _alike(numbers, np.lexsort((rows.held, numbers))):
        rewrite(store, _chunk(store, numbers[members[0]]), rows.some(members))


def _alike(keys: NDArray[np.int64], order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield neighbours with the same key, of some that come in the order of their keys."""
    cuts = np.flatnonzero(np.diff(keys[order])) + 1
    return (members for members in np.split(order, cuts) if members.size)


def _deal(store: Store, batch: Batch, parts: Sequence[range]) -> list[list[str]]:
    """Write the rows of full chunks, and deal the others; return the segments that each part got.

    The segments of the batch are removed when all of its rows are on disk.
    """
    numbers = _chunks_of(store, batch.rows)
    found, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    form = store.forms["digest"]
    cells = [prod(s.stop - s.start for s in form.region(_chunk(store, n))) for n in found]
    dense = (counts * DENSE >= np.array(cells))[inverse]
    if dense.any():
        _write(store, batch.rows.some(dense))
    owner = np.searchsorted([part.start for part in parts], numbers, "right") - 1
    names: list[list[str]] = [[] for _ in parts]
    files: dict[str, bytes] = {}
    prefix = journal.writer_name(store.writer.contents)
    order = np.flatnonzero(~dense)[np.argsort(owner[~dense], kind="stable")]
    for members in _alike(owner, order):
        for content in _segments(store, batch.rows.some(members)):
            name = f"{prefix}-{len(files)}"
            files[name] = content
            names[owner[members[0]]].append(name)
    if files:
        journal_of(store.path).write_together(files)
    _forget(store, batch)
    return names


def _segments(store: Store, rows: CellTable) -> Iterator[bytes]:
    """Yield segments of rows: those of one have the same observables, and final states or none."""
    first, names = len(store.labels.names) + 1, store.observed.names
    kinds = 2 * rows.held.astype(np.int64) + rows.kept
    for kind in np.unique(kinds).tolist():
        held, states = kind // 2, store.kept if kind % 2 else None
        contents = replace(store.writer.contents, observables=tuple(names[:held]), kept=states)
        some = np.flatnonzero(kinds == kind)
        most = min(DEALT_ROWS, 8 * contents.segment_rows)
        for start in range(0, len(some), most):
            these = some[start : start + most]
            yield journal.encoded(rows.table[these, : first + held], rows.states[these], contents)
