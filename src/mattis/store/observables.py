"""Which observables the cells of a store have: a list that grows at its end, and digests over its beginnings.

The digest of a cell runs over its labels, P and the first n observables of the list, where n is one of the
store's `prefixes`. A cell has the observables of the longest prefix that its digest fits. So a new observable
leaves old cells as they are, and at any moment a cell has the old list or the new one.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Mask, Reals
from mattis.store import cube
from mattis.store.cube import CubeLabels, KeptStates
from mattis.study.axes import label_key
from mattis.study.base import Study
from mattis.study.model import Columns, Observable
from mattis.study.plan import Block

if TYPE_CHECKING:
    import xarray as xr

MOST_OBSERVABLES = 64
"""Observables of a store at most: replica exchange has most, 50 with the 21 bins of a histogram."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

_TAKEN = {
    "temperature", "patterns", "realised_load", "digest", "states", "states_digest", "cue", "byte",
    "journal", "valid", "held", "failed",
}  # fmt: skip
"""Names of the other arrays of a store and of its datasets, which no observable may have."""

Counts = NDArray[np.int8]


def are_observables(found: Any, labels: Collection[str]) -> bool:
    """Tell whether an attribute of a store or a segment can be a list of names of observables."""
    return (
        isinstance(found, list)
        and 0 < len(found) <= MOST_OBSERVABLES
        and all(isinstance(name, str) and _NAME.fullmatch(name) for name in found)
        and len({*found}) == len(found)
        and _TAKEN.isdisjoint(found)
        and {*labels}.isdisjoint(found)
    )


def are_prefixes(found: Any, most: int) -> bool:
    """Tell whether an attribute of a store can be the lengths of prefixes of a list, rising to all of it."""
    return (
        isinstance(found, list)
        and all(type(n) is int and n > 0 for n in found)
        and found == sorted({*found})
        and found[-1:] == [most]
    )


@dataclass(frozen=True)
class Observed:
    """The observables of a store, in the order of its digests."""

    observables: tuple[Observable, ...]
    prefixes: tuple[int, ...]
    """Numbers of observables, from the first, that a digest may run over; rising, the last over all."""

    @property
    def names(self) -> list[str]:
        """The names of the observables."""
        return [observable.name for observable in self.observables]

    def grown(self, others: Sequence[Observable]) -> "Observed":
        """Return the list with those of some others at its end that it lacks."""
        new = [observable for observable in others if observable.name not in self.names]
        every = (*self.observables, *new)
        return Observed(every, (*self.prefixes, len(every))) if new else self

    def prefix(self, names: Collection[str]) -> int:
        """Return the length of the longest prefix whose observables are all among these; 0 for none."""
        fits = (n for n in self.prefixes if {*self.names[:n]} <= {*names})
        return max(fits, default=0)

    def digests(self, table: Reals, held: Counts) -> NDArray[np.uint64]:
        """Return the digest of each row of labels and all observables, over those that the row has."""
        out, first = np.zeros(len(table), np.uint64), table.shape[1] - len(self.names)
        for length in self.prefixes:
            these = held == length
            out[these] = cube.cell_digests(table[these, : first + length])
        return out

    def held(self, table: Reals, digests: NDArray[np.uint64]) -> Counts:
        """Return the number of observables of each row by its digest, 0 if the row is no cell."""
        first = table.shape[1] - len(self.names)
        held, left = np.zeros(len(table), np.int8), np.flatnonzero(digests)
        for length in reversed(self.prefixes):  # a cell that does not exist has digest 0
            fits = cube.cell_digests(table[left, : first + length]) == digests[left]
            held[left[fits]] = length
            left = left[~fits]
        return held


@dataclass(frozen=True, eq=False)
class CellTable:
    """Cells that are to be written into a cube."""

    at: NDArray[np.int64]
    """(cells, dimensions): position of each cell along each dimension."""
    table: Reals
    """(cells, columns): labels and all observables of the store, NaN for those that a cell has not."""
    held: Counts
    """(cells,): number of observables that each cell has, from the first."""
    states: KeptStates
    """(cells, cues, bytes): final states, in the shape of the store."""
    kept: Mask
    """(cells,): which cells have final states."""

    @classmethod
    def of_rows(
        cls,
        table: Reals,
        names: Sequence[str],
        labels: CubeLabels,
        observed: Observed,
        states: KeptStates | None = None,
        kept: Mask | None = None,
    ) -> "CellTable":
        """Return the rows whose labels are in the cube, if their observables are a prefix of its list.

        states, kept  # final states of the rows in the shape of the store, and which rows have some
        """
        held, first, last = observed.prefix(names), len(labels.names) + 1, len(observed.names)
        at, in_cube = cube.positions(labels, table)
        in_cube &= held == len(names)
        out = np.full((int(in_cube.sum()), first + last), np.nan)
        order = [first + names.index(name) for name in observed.names[:held]]
        out[:, : first + held] = table[in_cube][:, [*range(first), *order]]
        for axis, name in enumerate(labels.names):  # a digest is of the labels that are beside it
            out[:, axis] = np.array(labels.values[name], np.float64)[at[in_cube, axis]]
        if states is None or kept is None:
            states, kept = np.zeros((len(table), 0, 0), np.uint8), np.zeros(len(table), bool)
        return cls(at[in_cube], out, np.full(len(out), held, np.int8), states[in_cube], kept[in_cube])

    @classmethod
    def joined(cls, parts: Sequence["CellTable"]) -> "CellTable":
        """Return all rows of some parts."""
        columns = (
            [getattr(part, name) for part in parts] for name in ("at", "table", "held", "states", "kept")
        )
        return cls(*map(np.concatenate, columns))

    def some(self, which: NDArray[Any]) -> "CellTable":
        """Return some of the rows."""
        columns = (self.at, self.table, self.held, self.states, self.kept)
        return CellTable(*(column[which] for column in columns))


@dataclass(frozen=True)
class Difference:
    """An observable that differs from its stored values: the number of cells, and the first of them."""

    observable: str
    cells: int
    stored: float
    computed: float

    def __str__(self) -> str:
        return f"stored {self.stored!r}, computed again {self.computed!r}"


def differences(ds: "xr.Dataset", study: Study, block: Block, columns: Columns) -> Iterator[Difference]:
    """Yield a difference for each stored observable of a block that is not, bit by bit, the computed one."""
    stored = ds.sel({"size": block.size, block.stored: block.load, "seed": block.seed})
    positions = [(name, cube.labels_of(study).positions(name)) for name in study.points]
    at = tuple(
        np.array([along[label_key(name, point[axis])] for point in block.points])
        for axis, (name, along) in enumerate(positions)
    )
    for name in (observable.name for observable in study.described_model.observables):
        old = stored[name].values[at].astype(np.float64)
        new = np.asarray(columns[name], np.float64)
        wrong = (old.view(np.int64) != new.view(np.int64)) & ~(np.isnan(old) & np.isnan(new))
        wrong &= cube.has(stored, name)[at]
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            yield Difference(name, int(wrong.sum()), float(old[first]), float(new[first]))
