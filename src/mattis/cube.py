"""The labelled cube of a study in memory: its coordinates, its cells, and the digests of cells.

Dimensions size, load, beta, noise, seed; one array per observable; `patterns` P over (size, load).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.axes import pattern_counts
from mattis.models import FLAGS, Model, Observable
from mattis.study import Study

DIMENSIONS = ("size", "load", "beta", "noise", "seed")
DIGEST_SCHEME = (
    "BLAKE2b-64 of little-endian float64: size, load, beta, noise, seed, P, then the observables "
    "in the order of the attribute `observables`; NaN in its canonical form"
)
ROWS_AT_ONCE = 2**16
"""Rows that are copied to be hashed: all of them at once would be as large as the cube again."""

_MEANING: Mapping[str, tuple[str, str]] = {
    "size": ("number of neurons N", "1"),
    "load": ("load alpha = P/N as asked for; P is in `patterns`", "1"),
    "beta": ("inverse temperature", "1/J"),
    "noise": ("fraction of flipped bits of a cue", "1"),
    "seed": ("pattern set", "1"),
    "temperature": ("temperature, 1/beta", "J"),
    "patterns": ("number of stored patterns P", "1"),
    "realised_load": ("load P/N as simulated, which theory is compared at", "1"),
    "digest": ("digest of the cell: labels and observables", "1"),
}


@dataclass(frozen=True)
class Labels:
    """The values along each dimension, and the temperature of each beta."""

    values: Mapping[str, Sequence[float]]
    temperatures: Sequence[float]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each dimension."""
        return tuple(len(self.values[name]) for name in DIMENSIONS)

    def positions(self, name: str) -> dict[float, int]:
        """Return where each value of a dimension is."""
        return {value: index for index, value in enumerate(self.values[name])}


def labels_of(study: Study) -> Labels:
    """Return the labels of a study, in the order in which it lists them."""
    a = study.axes
    values = {"size": a.size, "load": a.load, "beta": a.betas, "noise": a.noise, "seed": a.seed}
    return Labels(values, a.temperatures)


def merged(old: Labels, new: Labels) -> Labels:
    """Return the old labels followed by those of the new that are not among them."""
    values = {name: [*dict.fromkeys([*old.values[name], *new.values[name]])] for name in DIMENSIONS}
    heat = dict(zip(new.values["beta"], new.temperatures, strict=True))
    heat |= dict(zip(old.values["beta"], old.temperatures, strict=True))
    return Labels(values, [heat[beta] for beta in values["beta"]])


def positions(
    labels: Labels, table: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where the cells of a table of rows are, (rows, 5), and which are on the axes at all."""
    at = np.zeros((len(table), len(DIMENSIONS)), np.int64)
    known = np.ones(len(table), bool)
    for axis, name in enumerate(DIMENSIONS):
        values = np.array(labels.values[name], np.float64)
        order = np.argsort(values)
        near = np.searchsorted(values[order], table[:, axis]).clip(max=max(len(values) - 1, 0))
        at[:, axis] = order[near] if len(values) else 0
        known &= values[at[:, axis]] == table[:, axis] if len(values) else False
    return at, known


def spelled(labels: Labels) -> dict[str, list[int | str]]:
    """Write the labels exactly: integers as they are, floats in hexadecimal."""
    columns = {name: labels.values[name] for name in DIMENSIONS}
    columns["temperature"] = labels.temperatures
    return {
        name: [v if isinstance(v, int) else v.hex() for v in column]
        for name, column in columns.items()
    }


def labels_from(written: Mapping[str, list[int | str]]) -> Labels:
    """Return the labels that `spelled` wrote."""
    values = {
        name: [v if isinstance(v, int) else float.fromhex(v) for v in written[name]]
        for name in (*DIMENSIONS, "temperature")
    }
    return Labels(values, values.pop("temperature"))


def attributes_of(observable: Observable) -> dict[str, Any]:
    """Return the attributes that every reader of an observable finds beside it."""
    attributes: dict[str, Any] = {"long_name": observable.long_name, "units": observable.units}
    if observable.name == "flag":
        attributes |= {"flag_masks": list(FLAGS), "flag_meanings": " ".join(FLAGS.values())}
    return attributes


def dtype_of(observable: Observable) -> np.dtype[Any]:
    """Return int64 for flags, float64 for everything else."""
    return np.dtype(np.int64 if observable.name == "flag" else np.float64)


def described(name: str) -> dict[str, str]:
    """Return long_name and units of a coordinate or label."""
    return dict(zip(("long_name", "units"), _MEANING[name], strict=True))


def frame(labels: Labels) -> xr.Dataset:
    """Return coordinates, P and the realised load: everything of the cube but its cells."""
    coordinates: dict[str, Any] = {}
    for name in DIMENSIONS:
        kind = np.int64 if name in ("size", "seed") else np.float64
        coordinates[name] = name, np.array(labels.values[name], kind), described(name)
    heat = np.array(labels.temperatures, np.float64)
    coordinates["temperature"] = "beta", heat, described("temperature")
    sizes, loads = labels.values["size"], labels.values["load"]
    counts = pattern_counts(loads, sizes)
    realised = counts / np.array(sizes, np.float64)[:, None]
    plane = ("size", "load")
    variables = {
        "patterns": (plane, counts, described("patterns")),
        "realised_load": (plane, realised, described("realised_load")),
    }
    return xr.Dataset(variables, coordinates)


def rows(ds: xr.Dataset, model: Model) -> NDArray[np.float64]:
    """Return labels and observables, one row per cell in the order of the dataset, NaN canonical."""
    names = [*DIMENSIONS, "patterns", *(observable.name for observable in model.observables)]
    shape = [ds.sizes[name] for name in DIMENSIONS]
    table = np.empty((*shape, len(names)), "<f8")
    for column, name in enumerate(names):
        kept = [dim for dim in DIMENSIONS if dim in ds[name].dims]
        missing = [axis for axis, dim in enumerate(DIMENSIONS) if dim not in kept]
        table[..., column] = np.expand_dims(ds[name].transpose(*kept).values, missing)
    table[np.isnan(table)] = np.nan
    return table.reshape(-1, len(names))


def row_digests(table: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return the digest of each row of labels and observables, by DIGEST_SCHEME."""
    width = 8 * table.shape[1]
    digests = bytearray()
    for first in range(0, len(table), ROWS_AT_ONCE):
        part = np.array(table[first : first + ROWS_AT_ONCE], "<f8", order="C")
        part[np.isnan(part)] = np.nan
        plain = part.tobytes()
        for start in range(0, len(plain), width):
            digests += blake2b(plain[start : start + width], digest_size=8).digest()
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def study_digest(ds: xr.Dataset, model: Model, cells: NDArray[np.bool_] | None = None) -> str:
    """Return the SHA-256 of labels and observables of all (or some) cells, sorted by their labels."""
    table = rows(ds, model)
    along = np.ix_(*(np.argsort(ds[name].values) for name in DIMENSIONS))
    order = np.ravel_multi_index(along, [ds.sizes[name] for name in DIMENSIONS]).ravel()
    if cells is not None:
        order = order[cells.ravel()[order]]
    head = ",".join([*DIMENSIONS, "patterns", *(o.name for o in model.observables)])
    digest = sha256(head.encode())
    for first in range(0, len(order), ROWS_AT_ONCE):
        digest.update(table[order[first : first + ROWS_AT_ONCE]].tobytes())
    return digest.hexdigest()
