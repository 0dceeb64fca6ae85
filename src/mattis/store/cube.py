"""The labelled cube of a study in memory: its coordinates, its cells, and the digests of cells.

The study names the dimensions: size and load (or memories) of a network first, the seed last. One array
per observable; `patterns` P and `realised_load` P/N over the first two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Mask, Reals
from mattis.store.frame import Frame, LabelledArray, transposed
from mattis.study.axes import Meaning, counts_of, label_key
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, FLAGS, Model, Observable, StateShape

if TYPE_CHECKING:
    import xarray as xr

DIGEST_BITS = 53
"""Bits of the digest of a cell."""

ROWS_AT_ONCE = 2**16
"""Rows that are copied to be hashed: all of them at once would be as large as the cube again."""

PATTERNS = Meaning("number of stored patterns P", is_whole=True)
REALISED = Meaning("load P/N as simulated, which theory is compared at")
DIGEST = Meaning("digest of the cell: labels and observables", is_whole=True)
STATES_DIGEST = Meaning("digest of the final states of the cell: labels and bytes", is_whole=True)

STATES_DIGEST_NAME = "states_digest"
"""The array of digests of final states."""

STATES_KEPT = "kept"
"""The mask of cells whose final states are kept."""

STATE_DIMENSIONS = ("cue", "byte")
"""Dimensions of final states behind those of a cell."""

KeptStates = NDArray[np.uint8]
"""(cells, cues, bytes): the final states of cells; (cells, 0, 0) where none are kept."""

STATE_WORDS: Mapping[str, str] = {
    "long_name": "final states of the first cues, one bit for each neuron: 1 for +1",
    "units": "1",
    "bit_order": "big: site 8 k + j is the bit of value 2^(7-j) of byte k, as numpy.packbits has it; "
    "zeros beyond N. numpy.unpackbits(states, axis=-1)[..., :N] * 2 - 1 are the states",
    "digest": "states_digest: first 53 bits of BLAKE2b-64, the little-endian number shifted by 11, of the "
    "labels and P, little-endian float64, then the bytes of the states; 0 where none are kept",
}
"""Attributes of the array of final states."""


@dataclass(frozen=True)
class CubeLabels:
    """The values along each dimension, and the temperature of each beta if that is one of them."""

    values: Mapping[str, Sequence[float]]
    temperatures: Sequence[float]
    meanings: Mapping[str, Meaning]
    """Long name and unit of each dimension and of the temperature, from the axes of the study."""

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions, in their order."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each dimension."""
        return tuple(map(len, self.values.values()))

    def positions(self, name: str) -> dict[float, int]:
        """Return the index of each value of a dimension, by its `label_key`."""
        return {label_key(name, value): index for index, value in enumerate(self.values[name])}


def labels_of(study: Study) -> CubeLabels:
    """Return the labels of a study, in the order in which it lists them."""
    return CubeLabels(study.labels, study.axes.temperatures, study.axes.meanings())


def digest_scheme(labels: CubeLabels, prefixes: Sequence[int]) -> str:
    """Return how the digest of a cell is computed, in words for readers without mattis."""
    which, how = ("the observables", "") if len(prefixes) == 1 else (
        "the first n observables",
        "; a cell has those of the largest n in `digests_over` that its digest fits",
    )  # fmt: skip
    return (
        f"first 53 bits of BLAKE2b-64, the little-endian number shifted by 11, of little-endian float64: "
        f"{', '.join(labels.names)}, P, then {which} in the order of the attribute `observables`; NaN in its "
        f"canonical form{how}"
    )


def merged(old: CubeLabels, new: CubeLabels) -> CubeLabels:
    """Return the labels of both, sorted; of two with the same `label_key`, the new."""
    values = {
        name: sorted({label_key(name, value): value for value in both}.values())
        for name, both in {name: (*old.values[name], *new.values[name]) for name in new.names}.items()
    }
    if "beta" not in values:
        return CubeLabels(values, (), new.meanings)
    heat = dict(zip(old.values["beta"], old.temperatures, strict=True))
    heat |= dict(zip(new.values["beta"], new.temperatures, strict=True))
    return CubeLabels(values, [heat[beta] for beta in values["beta"]], new.meanings)


def as_stored(stored: CubeLabels, labels: CubeLabels) -> CubeLabels:
    """Return labels as a store spells them, where it has them: its digests are of these."""
    spelling = {name: stored.positions(name) for name in labels.names}
    values = {
        name: [
            stored.values[name][at] if (at := spelling[name].get(label_key(name, v))) is not None else v
            for v in labels.values[name]
        ]
        for name in labels.names
    }
    return CubeLabels(values, labels.temperatures, labels.meanings)


def positions(labels: CubeLabels, table: Reals) -> tuple[NDArray[np.int64], Mask]:
    """Return the positions of a table's cells, (rows, dimensions), and which lie on the axes, (rows,).

    Labels are compared by their `label_key`.
    """
    index = np.zeros((len(table), len(labels.names)), np.int64)
    on_axes = np.ones(len(table), bool)
    for axis, name in enumerate(labels.names):
        places = labels.positions(name)
        found, inverse = np.unique(table[:, axis], return_inverse=True)
        near = np.array([places.get(label_key(name, value), -1) for value in found.tolist()], np.int64)
        index[:, axis] = near[inverse.ravel()]
        on_axes &= index[:, axis] >= 0
    return index, on_axes


def spelled(labels: CubeLabels) -> dict[str, list[int | str]]:
    """Write the labels exactly: integers as they are, floats in hexadecimal."""
    columns = {**labels.values}
    if "beta" in columns:
        columns["temperature"] = labels.temperatures
    return {name: [v if isinstance(v, int) else v.hex() for v in column] for name, column in columns.items()}


def labels_from(written: Mapping[str, list[int | str]], meanings: Mapping[str, Meaning]) -> CubeLabels:
    """Return the labels that `spelled` wrote."""
    values = {
        name: [v if isinstance(v, int) else float.fromhex(v) for v in column]
        for name, column in written.items()
    }
    return CubeLabels(values, values.pop("temperature", []) if "beta" in values else [], meanings)


def attributes_of(observable: Observable) -> dict[str, Any]:
    """Return the attributes of the array of an observable."""
    attributes: dict[str, Any] = {"long_name": observable.long_name, "units": observable.units}
    if observable.name == "flag":
        attributes |= {"flag_masks": list(FLAGS), "flag_meanings": " ".join(FLAGS.values())}
    return attributes


def dtype_of(observable: Observable) -> np.dtype[Any]:
    """Return int64 for flags, float64 for everything else."""
    return np.dtype(np.int64 if observable.name == "flag" else np.float64)


def described(meaning: Meaning) -> dict[str, str]:
    """Return the attributes of an array of labels."""
    return {"long_name": meaning.long_name, "units": meaning.units}


def frame(labels: CubeLabels) -> Frame:
    """Return coordinates, P and the realised load: everything of the cube but its cells."""
    coordinates: dict[str, LabelledArray] = {}
    for name in labels.names:
        meaning = labels.meanings[name]
        values = np.array(labels.values[name], np.int64 if meaning.is_whole else np.float64)
        coordinates[name] = LabelledArray((name,), values, described(meaning))
    if "beta" in labels.names:
        heat = np.array(labels.temperatures, np.float64)
        coordinates["temperature"] = LabelledArray(("beta",), heat, described(labels.meanings["temperature"]))
    plane = labels.names[:2]
    sizes, stored = (labels.values[name] for name in plane)
    counts = counts_of(plane[1], stored, sizes)
    realised = counts / np.array(sizes, np.float64)[:, None]
    variables = {
        "patterns": LabelledArray(plane, counts, described(PATTERNS)),
        "realised_load": LabelledArray(plane, realised, described(REALISED)),
    }
    return Frame(coordinates, variables)


def rows(
    ds: "Frame | xr.Dataset", names: Sequence[str], at: Sequence[NDArray[np.int64]] | None = None
) -> Reals:
    """Return labels and some observables, one row per cell in the order of the dataset, NaN canonical.

    at  # of the cells at these positions along each dimension, in their order; of all by default
    """
    dims = dimensions(ds)
    names = [*dims, "patterns", *names]
    shape = [ds.sizes[name] for name in dims] if at is None else [len(along) for along in at]
    table = np.empty((*shape, len(names)), "<f8")
    for column, name in enumerate(names):
        values = transposed(ds[name], dims)
        if at is not None:
            here = zip(at, values.shape, strict=True)
            values = values[np.ix_(*(along if n > 1 else along[:1] * 0 for along, n in here))]
        table[..., column] = values
    table[np.isnan(table)] = np.nan
    return table.reshape(-1, len(names))


def dimensions(ds: "Frame | xr.Dataset") -> tuple[str, ...]:
    """Return the dimensions of a cube, in the order in which its cells have them."""
    arrays: Iterable[Any] = ds.data_vars.values()
    return tuple(map(str, max(arrays, key=lambda each: each.ndim).dims))


def row_digests(table: Reals) -> NDArray[np.uint64]:
    """Return the digest of each row of labels and observables, see `digest_scheme`."""
    width = 8 * table.shape[1]
    digests = bytearray()
    for first in range(0, len(table), ROWS_AT_ONCE):
        part = np.array(table[first : first + ROWS_AT_ONCE], "<f8", order="C")
        part[np.isnan(part)] = np.nan
        plain = part.tobytes()
        for start in range(0, len(plain), width):
            digests += blake2b(plain[start : start + width], digest_size=8).digest()
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def cell_digests(table: Reals) -> NDArray[np.uint64]:
    """Return the digest of each cell: so many bits that any format of numbers holds them, float64 too."""
    return row_digests(table) >> np.uint64(64 - DIGEST_BITS)


def state_digests(labels: Reals, states: KeptStates) -> NDArray[np.uint64]:
    """Return the digest of the final states of each cell, see `STATE_WORDS`.

    labels  # (cells, dimensions + 1): labels, then P
    """
    heads = np.array(labels, "<f8", order="C")
    digests = bytearray()
    for head, bits in zip(heads, states, strict=True):
        digests += blake2b(head.tobytes() + bits.tobytes(), digest_size=8).digest()
    return np.frombuffer(digests, "<u8").astype(np.uint64) >> np.uint64(64 - DIGEST_BITS)


def fitting(states: KeptStates, shape: StateShape | None) -> KeptStates:
    """Return final states in as many cues and bytes as a store has: with zeros for what they lack."""
    cues, octets = shape or (0, 0)
    out = np.zeros((len(states), cues, octets), np.uint8)
    cues, octets = min(cues, states.shape[1]), min(octets, states.shape[2])
    out[:, :cues, :octets] = states[:, :cues, :octets]
    return out


def states_digest(labels: Reals, states: KeptStates) -> str:
    """Return the SHA-256 of labels and final states of cells, sorted by labels."""
    digest = sha256(b"states")
    for k in np.lexsort(labels.T[::-1]):
        digest.update(np.array(labels[k], "<f8").tobytes() + states[k].tobytes())
    return digest.hexdigest()


def as_cell_digests(stored: NDArray[Any]) -> NDArray[np.uint64]:
    """Return digests of cells as they are compared, from an array of any format of a store."""
    if stored.dtype.kind == "u":  # formats 1 and 2
        return np.asarray(stored >> np.uint64(64 - DIGEST_BITS), np.uint64)
    whole = np.isfinite(stored) & (stored >= 0) & (stored < 2.0**DIGEST_BITS)
    return np.where(whole, stored, 0.0).astype(np.uint64)


def has(ds: "Frame | xr.Dataset", name: str) -> Mask:
    """Return the mask of the cells of a store that have an observable."""
    names = ds["held"].attrs["observables"].split()
    least = names.index(name) if name in names else len(names)
    return np.asarray(ds["held"].values > least)


def lacking(ds: "Frame | xr.Dataset", model: Model, cells: Mask | None = None) -> list[str]:
    """Return the observables of a model that some of the cells (all, or those of a mask) lack.

    Final states are among them where a study keeps them.
    """
    if "held" not in ds:  # cells that were never in a store
        return []
    held, names = ds["held"].values, ds["held"].attrs["observables"].split()
    counts = held[held > 0 if cells is None else (held > 0) & cells]
    least = int(counts.min()) if counts.size else len(names)
    lost = STATES_KEPT in ds and not ds[STATES_KEPT].values[held > 0 if cells is None else cells].all()
    lacks = [o.name for o in model.observables if o.name not in names[:least]]
    return [*lacks, *([FINAL_STATES] if lost else [])]


class StudyDigest:
    """The SHA-256 of labels and observables of cells that come in the order of their labels."""

    def __init__(self, dims: Sequence[str], names: Sequence[str]) -> None:
        self._names = names
        self._digest = sha256(",".join([*dims, "patterns", *names]).encode())

    def add(self, ds: "Frame | xr.Dataset", cells: Mask | None = None) -> None:
        """Take up all cells of a dataset, or those of a mask, sorted by labels; some rows at a time."""
        sizes, stored, *rest = [np.argsort(ds[name].values) for name in dimensions(ds)]
        step = max(ROWS_AT_ONCE // max(prod(map(len, rest)), 1), 1)
        for size in sizes:
            for first in range(0, len(stored), step):
                at = [np.array([size]), stored[first : first + step], *rest]
                table = rows(ds, self._names, at)
                if cells is not None:
                    table = table[cells[np.ix_(*at)].ravel()]
                self._digest.update(table.tobytes())

    def add_rows(self, table: Reals) -> None:
        """Take up rows, sorted by labels."""
        self._digest.update(np.ascontiguousarray(table, "<f8").tobytes())

    def text(self) -> str:
        """Return the hash of what was taken up."""
        return self._digest.hexdigest()


def study_digest(ds: "Frame | xr.Dataset", model: Model, cells: Mask | None = None) -> str:
    """Return the SHA-256 of labels and observables of all cells, or those of a mask, sorted by labels.

    The observables are those of the model that all these cells have.
    """
    lacks = lacking(ds, model, cells)
    digest = StudyDigest(dimensions(ds), [o.name for o in model.observables if o.name not in lacks])
    digest.add(ds, cells)
    return digest.text()
