"""The labelled cube of a study in memory: its coordinates, its cells, and the digests of cells.

The study names the dimensions: size and load (or memories) of a network first, the seed last. One array
per observable; `patterns` P and `realised_load` P/N over the first two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.axes import MOST_BODIES, counts_of
from mattis.couplings import RULES
from mattis.models import FLAGS, Model, Observable
from mattis.study import Study

ROWS_AT_ONCE = 2**16
"""Rows that are copied to be hashed: all of them at once would be as large as the cube again."""

WHOLE = ("size", "memories", "memory", "couplings", "age", "mixture", "seed")
"""Dimensions of integers."""

_MEANING: Mapping[str, tuple[str, str]] = {
    "size": ("number of neurons N", "1"),
    "load": ("load alpha = P/N as asked for; P is in `patterns`", "1"),
    **{
        f"load_{n}": (f"load P/N^{n - 1} as asked for; P is in `patterns`", "1")
        for n in range(3, MOST_BODIES + 1)
    },
    "exponent": ("ln(P)/N as asked for; P is in `patterns`", "1"),
    "separation": ("tau_h/tau_v, fast over slow time constant", "1"),
    "memories": ("memories N_h, and patterns that are shown", "1"),
    "beta": ("inverse temperature", "1/J"),
    "likeness": ("cosine between the changes of two patterns", "1"),
    "spread": ("s: the most frequent pattern is shown e^s times as often as the rarest", "1"),
    "tau": ("time constant of a memory", "dt"),
    "presentations": ("patterns shown per memory", "1"),
    "cue_noise": ("fraction of flipped bits of a cue", "1"),
    "memory": ("number of the memory, from the one shown most rarely", "1"),
    "couplings": (
        "rule of the couplings: " + ", ".join(f"{n} {name}" for n, name in enumerate(RULES)),
        "1",
    ),
    "age": ("age of the pattern that is asked for, 1 for the newest", "1"),
    "mixture": ("patterns that a cue is a mixture of", "1"),
    "kappa": ("inverse temperature of the softmax, kappa = beta N rho with rho = <|xi'|²>/N", "1"),
    "noise": ("fraction of flipped bits of a cue", "1"),
    "seed": ("pattern set", "1"),
    "temperature": ("temperature, 1/beta", "J"),
    "patterns": ("number of stored patterns P", "1"),
    "realised_load": ("load P/N as simulated, which theory is compared at", "1"),
    "digest": ("digest of the cell: labels and observables", "1"),
}

_DRIFTED: Mapping[str, tuple[str, str]] = {
    "noise": ("sigma, by which new patterns differ from old ones", "1"),
}
"""What is called otherwise where memories drift."""

_STORED: Mapping[str, tuple[str, str]] = {"memories": ("number of stored patterns P", "1")}
"""What is called otherwise where nothing drifts."""

_SOFTMAX: Mapping[str, tuple[str, str]] = {
    "beta": ("inverse temperature of the softmax", "1"),
    "temperature": ("temperature of the softmax, 1/beta", "1"),
}
"""What is called otherwise where nothing else has a temperature."""


@dataclass(frozen=True)
class Labels:
    """The values along each dimension, and the temperature of each beta if that is one of them."""

    values: Mapping[str, Sequence[float]]
    temperatures: Sequence[float] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions, in their order."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each dimension."""
        return tuple(map(len, self.values.values()))

    def positions(self, name: str) -> dict[float, int]:
        """Return where each value of a dimension is."""
        return {value: index for index, value in enumerate(self.values[name])}


def labels_of(study: Study) -> Labels:
    """Return the labels of a study, in the order in which it lists them."""
    return Labels(study.labels, study.axes.temperatures)


def digest_scheme(labels: Labels) -> str:
    """Say, for readers without mattis, how the digest of a cell is made."""
    return (
        f"BLAKE2b-64 of little-endian float64: {', '.join(labels.names)}, P, then the observables "
        "in the order of the attribute `observables`; NaN in its canonical form"
    )


def merged(old: Labels, new: Labels) -> Labels:
    """Return the old labels followed by those of the new that are not among them."""
    values = {name: [*dict.fromkeys([*old.values[name], *new.values[name]])] for name in new.names}
    if "beta" not in values:
        return Labels(values)
    heat = dict(zip(new.values["beta"], new.temperatures, strict=True))
    heat |= dict(zip(old.values["beta"], old.temperatures, strict=True))
    return Labels(values, [heat[beta] for beta in values["beta"]])


def positions(
    labels: Labels, table: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where the cells of a table of rows are, (rows, dimensions), and which are on the axes at all."""
    at = np.zeros((len(table), len(labels.names)), np.int64)
    known = np.ones(len(table), bool)
    for axis, name in enumerate(labels.names):
        values = np.array(labels.values[name], np.float64)
        order = np.argsort(values)
        near = np.searchsorted(values[order], table[:, axis]).clip(max=max(len(values) - 1, 0))
        at[:, axis] = order[near] if len(values) else 0
        known &= values[at[:, axis]] == table[:, axis] if len(values) else False
    return at, known


def spelled(labels: Labels) -> dict[str, list[int | str]]:
    """Write the labels exactly: integers as they are, floats in hexadecimal."""
    columns = {**labels.values}
    if "beta" in columns:
        columns["temperature"] = labels.temperatures
    return {
        name: [v if isinstance(v, int) else v.hex() for v in column]
        for name, column in columns.items()
    }


def labels_from(written: Mapping[str, list[int | str]]) -> Labels:
    """Return the labels that `spelled` wrote."""
    values = {
        name: [v if isinstance(v, int) else float.fromhex(v) for v in column]
        for name, column in written.items()
    }
    temperatures = values.pop("temperature", [])
    return Labels(values, temperatures)


def attributes_of(observable: Observable) -> dict[str, Any]:
    """Return the attributes that every reader of an observable finds beside it."""
    attributes: dict[str, Any] = {"long_name": observable.long_name, "units": observable.units}
    if observable.name == "flag":
        attributes |= {"flag_masks": list(FLAGS), "flag_meanings": " ".join(FLAGS.values())}
    return attributes


def dtype_of(observable: Observable) -> np.dtype[Any]:
    """Return int64 for flags, float64 for everything else."""
    return np.dtype(np.int64 if observable.name == "flag" else np.float64)


def described(name: str, among: Sequence[str] = ()) -> dict[str, str]:
    """Return long_name and units of a coordinate or label, which depend on what else there is."""
    meanings = dict(_MEANING)
    if "presentations" in among:
        meanings |= _DRIFTED if "cue_noise" in among else {**_DRIFTED, **_SOFTMAX}
    elif "memories" in among and "noise" in among:
        meanings |= _STORED
    return dict(zip(("long_name", "units"), meanings[name], strict=True))


def frame(labels: Labels) -> xr.Dataset:
    """Return coordinates, P and the realised load: everything of the cube but its cells."""
    coordinates: dict[str, Any] = {}
    for name in labels.names:
        kind = np.int64 if name in WHOLE else np.float64
        coordinates[name] = name, np.array(labels.values[name], kind), described(name, labels.names)
    if "beta" in labels.names:
        heat = np.array(labels.temperatures, np.float64)
        coordinates["temperature"] = "beta", heat, described("temperature", labels.names)
    plane = labels.names[:2]
    sizes, stored = (labels.values[name] for name in plane)
    counts = counts_of(plane[1], stored, sizes)
    realised = counts / np.array(sizes, np.float64)[:, None]
    variables = {
        "patterns": (plane, counts, described("patterns")),
        "realised_load": (plane, realised, described("realised_load")),
    }
    return xr.Dataset(variables, coordinates)


def dimensions(ds: xr.Dataset, model: Model) -> tuple[str, ...]:
    """Return the dimensions of a cube, in the order in which its first observable has them."""
    return tuple(str(name) for name in ds[model.observables[0].name].dims)


def rows(ds: xr.Dataset, model: Model) -> NDArray[np.float64]:
    """Return labels and observables, one row per cell in the order of the dataset, NaN canonical."""
    dims = dimensions(ds, model)
    names = [*dims, "patterns", *(observable.name for observable in model.observables)]
    shape = [ds.sizes[name] for name in dims]
    table = np.empty((*shape, len(names)), "<f8")
    for column, name in enumerate(names):
        kept = [dim for dim in dims if dim in ds[name].dims]
        missing = tuple(axis for axis, dim in enumerate(dims) if dim not in kept)
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
    table, dims = rows(ds, model), dimensions(ds, model)
    along = np.ix_(*(np.argsort(ds[name].values) for name in dims))
    order = np.ravel_multi_index(along, [ds.sizes[name] for name in dims]).ravel()
    if cells is not None:
        order = order[cells.ravel()[order]]
    head = ",".join([*dims, "patterns", *(o.name for o in model.observables)])
    digest = sha256(head.encode())
    for first in range(0, len(order), ROWS_AT_ONCE):
        digest.update(table[order[first : first + ROWS_AT_ONCE]].tobytes())
    return digest.hexdigest()
