"""The store: one labelled zarr v3 cube per study. This is the only file that knows zarr.

The axes only grow, in the order in which values were first asked for. One process writes. It writes
the observables of a cell first and the cell's digest last; a cell whose digest does not fit its
labels and values does not exist, whatever the reason: never computed, killed in the middle, a chunk
lost, a bit flipped. `xarray.open_zarr` reads all of it without mattis.
"""

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from mattis import cube
from mattis.cube import DIMENSIONS, Labels
from mattis.errors import UserError
from mattis.models import Columns
from mattis.plan import Block, Mask
from mattis.study import Study

FORMAT = 1

LABELS_PER_CHUNK = 64

Array = zarr.Array[Any]


@dataclass(frozen=True)
class Store:
    """A store that is open for writing: its folder and its labels."""

    path: Path
    labels: Labels


def create_or_extend(path: Path, study: Study) -> Store:
    """Open the store for writing, creating it or appending what the study's axes have more.

    Raises UserError if it was made from a different study, or is no store of this format.
    """
    labels = cube.labels_of(study)
    _sweep_drafts(path)
    if path.exists():
        labels = cube.merged(checked_labels(path, study), labels)
        _lay_out(zarr.open_group(path, mode="r+", use_consolidated=False), labels, study)
    else:
        draft = _draft(path)
        _lay_out(zarr.create_group(draft, zarr_format=3), labels, study)
        draft.rename(path)
    return Store(path, labels)


def _draft(path: Path) -> Path:
    """Return an unused folder beside the path, to be moved into its place whole."""
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def _sweep_drafts(path: Path) -> None:
    """Remove what killed writers left: half-made folders beside the store, half-written files in it."""
    for draft in path.parent.glob(f"{path.name}.*.partial"):
        shutil.rmtree(draft, ignore_errors=True)
    for draft in path.rglob("*.partial"):
        draft.unlink(missing_ok=True)


def checked_labels(path: Path, study: Study) -> Labels:
    """Return the labels of a store after checking that it is this study's, or raise UserError."""
    try:
        attributes: Any = dict(zarr.open_group(path, mode="r", use_consolidated=False).attrs)
        form, axes = attributes["mattis_format"], json.loads(attributes["axes"])
        physics = json.loads(attributes["physics"])
    except (OSError, LookupError, ValueError, TypeError, AttributeError):
        raise UserError(
            f"{path}: got something that is no mattis store; expected the store of this study; "
            "remove it, or choose another --results"
        ) from None
    if form != FORMAT:
        raise UserError(
            f"{path}: got store format {form}; this mattis reads format {FORMAT}; "
            "use the mattis that wrote it"
        )
    changes = differences(physics, study.physics())
    if changes:
        raise UserError(
            f"{path}: made from a different study: {'; '.join(changes)}; "
            "give the study another name, or choose another --results"
        )
    return cube.labels_from(axes)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return `key: old → new` for everything that differs between two nested mappings."""
    out = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            out += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            out.append(f"{prefix}{key}: {before} → {after}")
    return out


def _lay_out(group: zarr.Group, labels: Labels, study: Study) -> None:
    """Make arrays, labels and attributes what they should be; where they are, nothing is written.

    The attributes, with the new axes, come last: until then the store is the old one, and no cell
    of the new axes has been written. A process that dies in here leaves arrays to be resized again.
    """
    model = study.described_model
    changed = [
        _lay_labels(group, str(name), variable)
        for name, variable in cube.frame(labels).variables.items()
    ]
    for observable in model.observables:
        kind, attributes = cube.dtype_of(observable), cube.attributes_of(observable)
        changed.append(_lay_cells(group, observable.name, labels, kind, attributes))
    described = cube.described("digest")
    changed.append(_lay_cells(group, "digest", labels, np.dtype(np.uint64), described))
    attributes = {
        "Conventions": "CF-1.11",
        "title": f"{study.name}: {model.summary}",
        "source": model.source,
        "mattis_format": FORMAT,
        "model": study.model,
        "physics": json.dumps(study.physics(), sort_keys=True),
        "axes": json.dumps(cube.spelled(labels)),
        "observables": [observable.name for observable in model.observables],
        "digest_scheme": cube.DIGEST_SCHEME,
    }
    if dict(group.attrs) != attributes:
        group.attrs.update(attributes)
        changed.append(True)
    if any(changed) or not _is_consolidated(group):
        with _consolidating():
            zarr.consolidate_metadata(group.store, path=group.path)


def _is_consolidated(group: zarr.Group) -> bool:
    """Tell whether the group carries the copy of all metadata that xarray looks for."""
    try:
        with _consolidating():
            zarr.open_group(group.store, mode="r", use_consolidated=True)
    except ValueError:
        return False
    return True


@contextmanager
def _consolidating() -> Iterator[None]:
    """Silence zarr's remark that consolidated metadata is an extension of v3: xarray asks for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        yield


def _existing(group: zarr.Group, name: str) -> Array | None:
    """Return the array of this name, or None if it is missing or its metadata is damaged."""
    try:
        found = group.get(name)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, zarr.Array) else None


def _fits(array: Array | None, kind: np.dtype[Any], dims: tuple[str, ...], attributes: Any) -> bool:
    """Tell whether an array's metadata are what they should be, but for its shape."""
    return (
        array is not None
        and array.dtype == kind
        and array.metadata.dimension_names == dims  # type: ignore[union-attr]
        and dict(array.attrs) == dict(attributes)
    )


def _lay_labels(group: zarr.Group, name: str, variable: xr.Variable) -> bool:
    """Write a coordinate or another array of labels, unless it is there; tell whether it was not.

    Chunks have a fixed size, so that a reader with the metadata of before an extension still reads
    the labels of before.
    """
    array, values = _existing(group, name), variable.values
    dims = tuple(str(dim) for dim in variable.dims)
    if array is not None and _fits(array, values.dtype, dims, variable.attrs):
        found = _decoded(array, (...,)) if array.shape == values.shape else None
        if found is not None and np.array_equal(found, values):
            return False
        array.resize(values.shape)
    else:
        array = group.create_array(
            name,
            shape=values.shape,
            chunks=(LABELS_PER_CHUNK,) * values.ndim,
            dtype=values.dtype,
            fill_value=0,
            compressors=None,
            dimension_names=dims,
            attributes=variable.attrs,
            overwrite=True,
        )
    for chunk in np.ndindex(*(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))):
        region = _region(array, np.array(chunk))
        array[region] = values[region]
    return True


def _lay_cells(
    group: zarr.Group, name: str, labels: Labels, kind: np.dtype[Any], attributes: Any
) -> bool:
    """Make an array of cells as large as the axes; a chunk holds the cells of one pattern set.

    Tell whether anything had to be done. Chunks are not compressed: they are small, and the same
    values are then the same bytes whatever the version of the compressor.
    """
    array, shape = _existing(group, name), labels.shape
    if array is None or not _fits(array, kind, DIMENSIONS, attributes):
        group.create_array(
            name,
            shape=shape,
            chunks=(1, 1, shape[2], shape[3], 1),
            dtype=kind,
            fill_value=float("nan") if kind.kind == "f" else 0,
            compressors=None,
            dimension_names=DIMENSIONS,
            attributes=attributes,
            overwrite=True,
        )
    elif array.shape != shape:
        array.resize(shape)
    else:
        return False
    return True


def write(store: Store, study: Study, block: Block, columns: Columns) -> None:
    """Write the cells of a block: observables first, digests last."""
    group = zarr.open_group(store.path, mode="r+", use_consolidated=False)
    places = _places(store.labels, block)
    labels = [
        [block.size, block.load, point.beta, point.noise, block.seed, block.patterns]
        for point in block.points
    ]
    names = [observable.name for observable in study.described_model.observables]
    table = np.column_stack([np.array(labels, np.float64), *(columns[name] for name in names)])
    for name in names:
        _write_cells(group, name, places, columns[name])
    _write_cells(group, "digest", places, cube.row_digests(table))


def _places(labels: Labels, block: Block) -> NDArray[np.int64]:
    """Return where the cells of a block are in the cube: (cells, 5)."""
    at = {name: labels.positions(name) for name in DIMENSIONS}
    fixed = at["size"][block.size], at["load"][block.load], at["seed"][block.seed]
    return np.array(
        [
            (fixed[0], fixed[1], at["beta"][point.beta], at["noise"][point.noise], fixed[2])
            for point in block.points
        ]
    )


def _write_cells(
    group: zarr.Group, name: str, places: NDArray[np.int64], values: NDArray[Any]
) -> None:
    """Set some cells, rewriting only the chunks that hold them, each atomically."""
    array = cast(Array, group[name])
    chunk_of = places // np.array(array.chunks)
    for chunk in np.unique(chunk_of, axis=0):
        region = _region(array, chunk)
        found = _decoded(array, region)
        shape = [part.stop - part.start for part in region]
        content = np.full(shape, array.fill_value, array.dtype) if found is None else found.copy()
        mine = (chunk_of == chunk).all(axis=1)
        inside = places[mine] - chunk * np.array(array.chunks)
        content[tuple(inside.T)] = values[mine]
        array[region] = content


def _region(array: Array, chunk: NDArray[np.int64]) -> tuple[slice, ...]:
    """Return the part of the array that a chunk holds."""
    return tuple(
        slice(int(k) * size, min((int(k) + 1) * size, end))
        for k, size, end in zip(chunk, array.chunks, array.shape, strict=True)
    )


def read(path: Path, study: Study) -> xr.Dataset:
    """Return the study's part of the store, in the study's order; cells that do not exist are NaN.

    The variable `valid` tells which cells exist. A missing store is one without cells.
    """
    model, wanted = study.described_model, cube.labels_of(study)
    ds = cube.frame(wanted)
    kept = checked_labels(path, study) if path.exists() else None
    group = zarr.open_group(path, mode="r", use_consolidated=False) if kept else None
    where = _picked(kept, wanted) if kept else None
    for observable in model.observables:
        kind, attributes = cube.dtype_of(observable), cube.attributes_of(observable)
        values = _cells(group, observable.name, kind, kept, where, wanted)
        ds[observable.name] = DIMENSIONS, values, attributes
    digests = _cells(group, "digest", np.dtype(np.uint64), kept, where, wanted)
    valid = cube.row_digests(cube.rows(ds, model)).reshape(wanted.shape) == digests
    if group is not None and kept is not None and not _labels_intact(group, kept):
        valid[...] = False  # xarray would read other labels than mattis; the next run mends them
    for observable in model.observables:
        values = ds[observable.name].values
        values[~valid] = np.nan if values.dtype.kind == "f" else 0
    return ds.assign(valid=(DIMENSIONS, valid, {"long_name": "the cell exists", "units": "1"}))


def _labels_intact(group: zarr.Group, kept: Labels) -> bool:
    """Tell whether the labels on disk, which every other reader relies on, are those of the store."""
    for name, variable in cube.frame(kept).variables.items():
        array = _existing(group, str(name))
        found = _decoded(array, (...,)) if array is not None else None
        inside = tuple(slice(0, n) for n in variable.shape)
        if found is None or not np.array_equal(found[inside], variable.values):
            return False
    return True


def _picked(kept: Labels, wanted: Labels) -> tuple[NDArray[np.int64], ...]:
    """Return the places of the wanted labels; an unknown one is the extra place at the end."""
    places = []
    for name in DIMENSIONS:
        at = kept.positions(name)
        places.append(np.array([at.get(value, len(at)) for value in wanted.values[name]]))
    return np.ix_(*places)


def _cells(
    group: zarr.Group | None,
    name: str,
    kind: np.dtype[Any],
    kept: Labels | None,
    where: tuple[NDArray[np.int64], ...] | None,
    wanted: Labels,
) -> NDArray[Any]:
    """Return the wanted cells of an array; what is missing or cannot be read is empty."""
    blank = np.nan if kind.kind == "f" else 0
    array = _existing(group, name) if group is not None else None
    if array is None or kept is None or where is None:
        return np.full(wanted.shape, blank, kind)
    whole = np.full([n + 1 for n in kept.shape], blank, kind)
    for region, values in _readable(array, kept.shape):
        whole[region] = values
    return whole[where]


def _readable(
    array: Array, shape: tuple[int, ...]
) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
    """Yield the values of the whole array if it can be decoded, or else of each chunk that can."""
    kept = tuple(slice(0, min(n, have)) for n, have in zip(shape, array.shape, strict=True))
    everything = _decoded(array, kept)
    if everything is not None:
        yield kept, everything
        return
    counts = [-(-part.stop // size) for part, size in zip(kept, array.chunks, strict=True)]
    for chunk in np.ndindex(*counts):
        region = _region(array, np.array(chunk))
        values = _decoded(array, region)
        if values is not None:
            yield region, values


def _decoded(array: Array, region: Any) -> NDArray[Any] | None:
    """Return a part of an array, or None if one of its chunks is damaged."""
    try:
        return np.asarray(array[region])
    except (OSError, ValueError, RuntimeError):
        return None


def valid_cells(path: Path, study: Study) -> Mask:
    """Return which cells of the study exist: mask over (size, load, beta, noise, seed)."""
    mask: Mask = read(path, study)["valid"].values
    return mask


def write_dataset(ds: xr.Dataset, path: Path) -> None:
    """Write a small dataset as zarr v3, whole or not at all."""
    _sweep_drafts(path)
    draft, old = _draft(path), path.with_name(f"{path.name}.old.partial")
    with _consolidating():
        ds.to_zarr(draft, mode="w", zarr_format=3, consolidated=True)
    if path.exists():
        path.rename(old)
    draft.rename(path)
    shutil.rmtree(old, ignore_errors=True)
