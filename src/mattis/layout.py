"""How the cube lies on zarr: one array per observable, all cut into the same chunks, and their labels.

With `store.py` the only file that knows zarr. Chunks hold tens of thousands of cells, because clusters
count files. They are not compressed and end in a CRC-32C: any reader notices damage, and what is left
of a damaged chunk can still be read here, cell by cell.
"""

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from mattis import cube, places
from mattis.cube import Labels
from mattis.models import Model
from mattis.places import Place, Remote

FORMAT = 2

CHUNK_CELLS = 2**16
"""Cells of a chunk at most: 512 KiB, and 2 to 3 files per array and 10^5 cells."""

COPIES = {"zarr.json": "", "digest/zarr.json": "mattis_store"}
"""Where the attributes of the group lie, twice: in which file, and under which key of its own."""

LABELS_PER_CHUNK = {1: (1024,), 2: (16, 256)}

Array = zarr.Array[Any]
Values = NDArray[Any]
Chunk = tuple[int, ...]


def chunk_shape(shape: Sequence[int]) -> Chunk:
    """Return how a cube of this shape is cut: sizes apart first, then loads, seeds, and the points.

    Blocks of one size and load are computed close in time: cutting there keeps a fold to few chunks.
    """
    cut = [max(n, 1) for n in shape]
    for axis in (0, 1, *range(len(cut) - 1, 1, -1)):
        while prod(cut) > CHUNK_CELLS and cut[axis] > 1:
            cut[axis] = -(-cut[axis] // 2)
    return tuple(cut)


def chunk_count(shape: Sequence[int], chunks: Sequence[int]) -> int:
    """Return the number of chunks that hold an array."""
    return prod(-(-n // c) for n, c in zip(shape, chunks, strict=True))


def fitting_chunks(shape: Sequence[int], chunks: Sequence[int] | None) -> Chunk:
    """Return the chunks to use for a cube of this shape: those it has, unless they became too small.

    The cube is packed anew each time that it has grown severalfold, so growing stays cheap.
    """
    best = chunk_shape(shape)
    if chunks and chunk_count(shape, chunks) <= 4 + 2 * chunk_count(shape, best):
        return tuple(chunks)
    return best


def target(place: Place) -> Any:
    """Return what zarr opens to get at a place."""
    if isinstance(place, Remote):
        from zarr.storage import ObjectStore

        return ObjectStore(places.subtree(place))
    return str(place)


def open_group(place: Place, mode: Any = "r") -> zarr.Group:
    """Open the group of a store, looking at its own metadata and not at their copy.

    Only zarr v3, which knows no pickled objects.
    """
    return zarr.open_group(target(place), mode=mode, use_consolidated=False, zarr_format=3)


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a group with a digest of all others among them."""
    return {**record, "seal": _seal(record)}


def _seal(record: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in record.items() if key != "seal"}
    return blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).hexdigest()


def attributes(place: Place) -> dict[str, Any]:
    """Return the attributes of a group, or their copy beside the digests where they are damaged.

    Those whose seal fits come first, then those of stores from before there were seals; but a format
    that is newer than this code is believed, since it may be sealed otherwise. Raises LookupError if
    there are none.
    """
    found = [_attributes(place / file, key) for file, key in COPIES.items()]
    newer = [found[0]] if found[0].get("mattis_format", 0) > FORMAT else []
    whole = [each for each in found if each.get("seal") == _seal(each)]
    unsealed = [each for each in found if each and "seal" not in each]
    best = next(iter((*newer, *whole, *unsealed)), None)
    if best is None:
        raise LookupError(str(place))
    return best


def damaged_attributes(place: Place) -> list[str]:
    """Return where the attributes of a group that has a seal, or their copy, are not as written."""
    if "seal" not in attributes(place):
        return []
    found = {file: _attributes(place / file, key) for file, key in COPIES.items()}
    return [file for file, each in found.items() if each.get("seal") != _seal(each)]


def _attributes(place: Place, key: str = "") -> dict[str, Any]:
    """Return the attributes that some metadata hold, empty if they are damaged beyond reading."""
    try:
        content = json.loads(places.read_bytes(place) or b"")["attributes"]
        found = dict(content[key] if key else content)
    except (ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found.get("mattis_format"), int) else {}


@contextmanager
def consolidating() -> Iterator[None]:
    """Silence zarr's remarks: that consolidated metadata extends v3 (xarray asks for it), and that a
    journal is no array."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        warnings.filterwarnings("ignore", message="Object at")
        yield


def consolidate(group: zarr.Group) -> None:
    """Write the copy of all metadata that xarray looks for."""
    with consolidating():
        zarr.consolidate_metadata(group.store, path=group.path, zarr_format=3)


def is_consolidated(group: zarr.Group) -> bool:
    """Tell whether the group carries a true copy of all metadata, which xarray looks at."""
    try:
        with consolidating():
            copied = zarr.open_group(
                group.store, path=group.path, mode="r", use_consolidated=True, zarr_format=3
            )
            found = {name: str(array.metadata) for name, array in copied.arrays()}
            return found == {name: str(array.metadata) for name, array in group.arrays()}
    except Exception as error:  # whatever zarr makes of metadata in which a bit was flipped
        places.raise_if_remote(error)
        return False


def existing(group: zarr.Group, name: str) -> Array | None:
    """Return the array of this name, or None if it is missing or its metadata are damaged.

    A chunk of blanks is written like any other: one that is not there counts as lost.
    """
    try:
        found = group.get(name)
    except Exception as error:  # whatever zarr makes of metadata in which a bit was flipped
        places.raise_if_remote(error)
        return None
    if not isinstance(found, zarr.Array):
        return None
    return found.with_config({"write_empty_chunks": True})  # zarr does not remember it


@dataclass(frozen=True)
class Form:
    """What the metadata of an array should be."""

    kind: np.dtype[Any]
    shape: tuple[int, ...]
    chunks: Chunk
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def blank(self) -> float | int:
        """What a place without a value reads as: in `flag` all bits, which no cell has."""
        return float("nan") if self.kind.kind == "f" else -1 if self.kind.kind == "i" else 0


def forms(labels: Labels, model: Model, chunks: Chunk, record: Any) -> dict[str, Form]:
    """Return the form of each array of cells; the digests come last and carry a copy of the record."""
    out = {
        observable.name: Form(
            cube.dtype_of(observable),
            labels.shape,
            chunks,
            labels.names,
            cube.attributes_of(observable),
        )
        for observable in model.observables
    }
    described = {**cube.described("digest"), "mattis_store": record}
    out["digest"] = Form(np.dtype(np.uint64), labels.shape, chunks, labels.names, described)
    return out


def label_form(variable: xr.Variable) -> Form:
    """Return the form of an array of labels.

    Its chunks have a fixed size, so that a reader with the metadata of before an extension still
    reads the labels of before.
    """
    dims = tuple(str(dim) for dim in variable.dims)
    chunks = LABELS_PER_CHUNK[variable.ndim]
    return Form(variable.dtype, variable.shape, chunks, dims, variable.attrs)


def lay(place: Place, group: zarr.Group, name: str, form: Form, afresh: bool = False) -> bool:
    """Make an array what it should be; tell whether anything had to be done.

    Where its metadata are damaged they are written anew, and the chunks stay: the digests of the
    cells tell what those are worth. Only `afresh` removes chunks.
    """
    array = existing(group, name)
    if not afresh and array is not None and _fits(array, form):
        if array.shape == form.shape and dict(array.attrs) == dict(form.attributes):
            return False
        if array.shape != form.shape:
            array.resize(form.shape)
        array.attrs.put(dict(form.attributes))
        return True
    if not afresh:
        places.remove(place / name / "zarr.json")
    group.create_array(
        name,
        shape=form.shape,
        chunks=form.chunks,
        dtype=form.kind,
        fill_value=form.blank,
        compressors=[Crc32cCodec()],
        dimension_names=form.dimensions,
        attributes=dict(form.attributes),
        overwrite=afresh,
        config={"write_empty_chunks": True},
    )
    return True


def is_laid(array: Array, form: Form) -> bool:
    """Tell whether an array's metadata are what they should be; its shape may be on its way."""
    kept = {key: value for key, value in array.attrs.items() if key != "mattis_store"}
    wanted = {key: value for key, value in form.attributes.items() if key != "mattis_store"}
    return _fits(array, form) and kept == wanted


def _fits(array: Array, form: Form) -> bool:
    """Tell whether an array's metadata are what they should be, but for its shape and attributes."""
    first = (0,) * len(form.shape)
    return (
        array.dtype == form.kind
        and array.ndim == len(first)
        and array.metadata.encode_chunk_key(first) == "c" + "/0" * len(first)
        and array.metadata.dimension_names == form.dimensions  # type: ignore[union-attr]
        and array.chunks == form.chunks
        and checksum_bytes(array) > 0
        and repr(array.fill_value) == repr(array.dtype.type(form.blank))
    )


def lay_labels(place: Place, group: zarr.Group, name: str, variable: xr.Variable) -> bool:
    """Write a coordinate or another array of labels, unless it is there; tell whether it was not."""
    changed = lay(place, group, name, label_form(variable))
    array = existing(group, name)
    assert array is not None
    found = decoded(array, (...,))
    if found is not None and np.array_equal(found, variable.values):
        return changed
    for chunk in chunks_of(array):
        part = region(array, chunk)
        array[part] = variable.values[part]
    return True


def damaged_labels(group: zarr.Group, kept: Labels) -> list[str]:
    """Return the names of labels on disk, which other readers rely on, that are not the store's."""
    damaged = []
    for name, variable in cube.frame(kept).variables.items():
        array = existing(group, str(name))
        found = decoded(array, (...,)) if array is not None else None
        inside = tuple(slice(0, n) for n in variable.shape)
        if found is None or not np.array_equal(found[inside], variable.values):
            damaged.append(str(name))
    return damaged


def chunks_of(array: Array) -> Iterator[Chunk]:
    """Yield the place of each chunk in the grid of chunks."""
    return np.ndindex(*(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)))


def region(array: Array, chunk: Sequence[int]) -> tuple[slice, ...]:
    """Return the part of the array that a chunk holds."""
    return tuple(
        slice(int(k) * size, min((int(k) + 1) * size, end))
        for k, size, end in zip(chunk, array.chunks, array.shape, strict=True)
    )


def chunk_file(place: Place, array: Array, chunk: Sequence[int]) -> Place:
    """Return where a chunk lies: NAME/c/0/0/0/0/0."""
    return place / array.basename / f"c/{'/'.join(str(int(k)) for k in chunk)}"


def checksum_bytes(array: Array) -> int:
    """Return how many bytes follow the values of a chunk: none in stores of format 1."""
    codecs = array.metadata.codecs  # type: ignore[union-attr]
    return 4 if any(isinstance(codec, Crc32cCodec) for codec in codecs) else 0


def decoded(array: Array, part: Any) -> Values | None:
    """Return a part of an array, or None if one of its chunks is damaged."""
    try:
        return np.asarray(array[part])
    except Exception as error:  # whatever zarr makes of damaged chunks, or of another shape
        places.raise_if_remote(error)
        return None


def salvaged(place: Place, array: Array, chunk: Chunk) -> tuple[Values, str]:
    """Return what can be read of a chunk, and what is wrong with it (nothing, in most cases).

    The values are stored as they are, so the cells before a cut, and all but the one around a flipped
    bit, are still right. Which ones, their digests tell.
    """
    part = region(array, chunk)
    values = decoded(array, part)
    raw = places.read_bytes(chunk_file(place, array, chunk))
    if raw is None or values is not None:
        blank = np.full([s.stop - s.start for s in part], array.fill_value, array.dtype)
        return (blank if values is None else values), "" if raw is not None else "missing"
    kind = array.dtype.newbyteorder("<")
    size = prod(array.chunks) * kind.itemsize
    flat = np.full(prod(array.chunks), array.fill_value, array.dtype)
    whole = min(len(raw), size) // kind.itemsize
    flat[:whole] = np.frombuffer(raw[: whole * kind.itemsize], kind)
    cut = tuple(slice(0, s.stop - s.start) for s in part)
    complete = len(raw) == size + checksum_bytes(array)
    return flat.reshape(array.chunks)[cut], "wrong checksum" if complete else "truncated"


def cells(
    place: Place, group: zarr.Group | None, name: str, form: Form, at: Sequence[NDArray[np.int64]]
) -> Values:
    """Return the cells where some places along each dimension cross; only their chunks are read.

    What is missing, damaged, or beyond the array reads as blank.
    """
    out = np.full([len(places_along) for places_along in at], form.blank, form.kind)
    array = existing(group, name) if group is not None else None
    if array is None or array.ndim != len(at):
        return out
    for chunk in chunks_of(array):
        part = region(array, chunk)
        inside = [
            np.flatnonzero((along >= s.start) & (along < s.stop))
            for along, s in zip(at, part, strict=True)
        ]
        if all(len(each) for each in inside):
            values = decoded(array, part)
            if values is None:
                values, _ = salvaged(place, array, chunk)
            starts = [along[i] - s.start for along, i, s in zip(at, inside, part, strict=True)]
            out[np.ix_(*inside)] = values[np.ix_(*starts)]
    return out


def mend(place: Place, group: zarr.Group, name: str) -> None:
    """Write what is left of damaged chunks back, so that every reader can read the array again."""
    array = existing(group, name)
    if array is None or decoded(array, (...,)) is not None:
        return
    for chunk in chunks_of(array):
        values, damage = salvaged(place, array, chunk)
        if damage not in ("", "missing"):
            array[region(array, chunk)] = values


def sync(place: Place, array: Array, chunk: Chunk) -> None:
    """Wait until a chunk is on disk: only then may the journal forget it."""
    file = chunk_file(place, array, chunk)
    if isinstance(file, Path):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
