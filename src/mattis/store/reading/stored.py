"""The cells of a cube on disk, one chunk after the other: no more than a chunk of them is in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.store import cube, layout
from mattis.store.cube import CubeLabels
from mattis.store.frame import LabelledArray
from mattis.store.layout import ArrayForm, Chunk, ChunkValues, Salvaged
from mattis.store.observables import Counts
from mattis.store.place import Place
from mattis.store.reading.census import Census, seal_of
from mattis.store.record import StoreRecord
from mattis.study.axes import label_key

Positions = NDArray[np.int64]


class Piece(NamedTuple):
    """Cells of one chunk: where they are among those asked for, how many observables they have, and these."""

    at: tuple[Positions, ...]
    held: Counts
    values: Mapping[str, ChunkValues]


@dataclass(frozen=True, eq=False)
class StoredCube:
    """A cube that is there to be read.

    forms  # of the arrays of cells as they lie on disk; None for one that no other reader could read
    """

    path: Place
    record: StoreRecord
    forms: Mapping[str, ArrayForm | None]
    census: Census

    def pieces(self, labels: CubeLabels) -> Iterator[Piece]:
        """Yield the cells with some labels, chunk by chunk."""
        within, groups = self._groups(labels)
        for chunk in product(*groups):
            at = tuple(group[k] for group, k in zip(groups, chunk, strict=True))
            yield Piece(at, *self._cells(chunk, [along[k] for along, k in zip(within, at, strict=True)]))

    def count(self, labels: CubeLabels) -> int:
        """Return the number of these pieces."""
        return prod(map(len, self._groups(labels)[1]))

    def _groups(self, labels: CubeLabels) -> tuple[list[Positions], list[dict[int, Positions]]]:
        """Return where labels are along each dimension, and which of them are in each slice of chunks."""
        form, within = self.forms["digest"], positions_in(self.record.labels, labels)
        if form is None:  # no cell can be read
            return within, [{} for _ in within]
        return within, [_by_chunk(at, n) for at, n in zip(within, form.chunks, strict=True)]

    def _cells(self, chunk: Chunk, inside: Sequence[Positions]) -> tuple[Counts, Mapping[str, ChunkValues]]:
        """Return how many observables some cells of a chunk have, and what is written there."""
        digests, observed = self._read("digest", chunk, inside), self.record.observed
        there = digests.values != 0
        if not there.any():
            return np.zeros(there.shape, np.int8), {}
        found = {name: self._read(name, chunk, inside) for name in observed.names}
        values = {name: each.values for name, each in found.items()}
        region = self._region(chunk)
        marks = [each.checksum for each in (digests, *found.values())]
        seals = {n: seal_of(region, observed.names[:n], marks[: n + 1]) for n in observed.prefixes}
        count = self.census.count(chunk, seals)
        if count is not None:
            return np.where(there, count, 0).astype(np.int8), values
        labels = _some(self.record.labels, inside)
        arrays = {name: LabelledArray(labels.names, each) for name, each in values.items()}
        held = layout.held(cube.frame(labels).assign(**arrays), digests.values, observed)
        if there.shape == region.shape:
            self.census.note(chunk, seals, held[there])
        return held, values

    def _region(self, chunk: Chunk) -> CubeLabels:
        """Return the labels of all cells of a chunk."""
        form, labels = self.forms["digest"], self.record.labels
        assert form is not None
        parts = zip(chunk, form.chunks, labels.shape, strict=True)
        return _some(labels, [np.arange(k * n, min((k + 1) * n, end)) for k, n, end in parts])

    def _read(self, name: str, chunk: Chunk, inside: Sequence[Positions]) -> Salvaged:
        """Return some cells of a chunk of an array, without a checksum where it does not fit."""
        form = self.forms[name]
        if form is None:
            return Salvaged(np.full([len(k) for k in inside], np.nan), "no metadata")
        if not form.checksum or form.shape != self.record.labels.shape:
            return Salvaged(layout.cells(self.path, name, form, inside), "")
        found = layout.salvaged(self.path, name, form, chunk)
        local = [at - k * n for at, k, n in zip(inside, chunk, form.chunks, strict=True)]
        return Salvaged(found.values[np.ix_(*local)], found.damage, b"" if found.damage else found.checksum)


def opened(path: Place, record: StoreRecord, census: Census) -> StoredCube | None:
    """Return the cube of a store; None if xarray would read other cells there, or none.

    The next run mends its labels.
    """
    if not layout.is_group(path) or layout.damaged_labels(path, record.labels):
        return None
    laid = {name: layout.laid(path, name, form) for name, form in forms_of(path, record).items()}
    return StoredCube(path, record, laid, census)


def forms_of(path: Place, old: StoreRecord) -> Mapping[str, ArrayForm]:
    """Return the forms of the arrays of cells of a store, of any format."""
    forms = layout.forms(old.labels, old.observed.observables, old.chunks, {}, old.format)
    if old.format > 1:
        return forms
    loose = {name: replace(form, checksum=0) for name, form in forms.items()}
    laid = {name: layout.laid(path, name, form) for name, form in loose.items()}
    chunks = next((form.chunks for form in laid.values() if form), (1,) * len(old.labels.names))
    return {name: laid[name] or replace(form, chunks=chunks) for name, form in loose.items()}


def positions_in(cube_labels: CubeLabels, labels: CubeLabels) -> list[Positions]:
    """Return the position of each label along each dimension of a cube; -1 where the cube lacks it."""
    out = []
    for name in labels.names:
        place = cube_labels.positions(name)
        values = labels.values[name]
        out.append(np.array([place.get(label_key(name, value), -1) for value in values], np.int64))
    return out


def _by_chunk(at: Positions, length: int) -> dict[int, Positions]:
    """Return which of some positions along a dimension lie in each chunk of this length; -1 in none."""
    numbers = np.where(at < 0, -1, at // length)
    return {k: np.flatnonzero(numbers == k) for k in np.unique(numbers[numbers >= 0]).tolist()}


def _some(labels: CubeLabels, at: Sequence[Positions]) -> CubeLabels:
    """Return the labels at some positions along each dimension."""
    values = {
        name: [labels.values[name][k] for k in along.tolist()]
        for name, along in zip(labels.names, at, strict=True)
    }
    heat = labels.temperatures
    if "beta" in values:
        heat = [heat[k] for k in at[labels.names.index("beta")].tolist()]
    return CubeLabels(values, heat, labels.meanings)
