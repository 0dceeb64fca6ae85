"""How the cube lies on disk: one array per observable, all cut into the same chunks, and their labels.

Chunks hold tens of thousands of cells, because clusters count files. They are not compressed and end in a
CRC-32C: any reader notices damage, and the whole cells of a damaged chunk can still be read here, by
their digests. Attributes of a store are compared with the study before anything is allocated.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import product
from math import prod
from typing import Any, NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Mask
from mattis.store import cube
from mattis.store.cube import CubeLabels
from mattis.store.frame import Frame, LabelledArray
from mattis.store.observables import Counts, Observed
from mattis.store.place import Place
from mattis.study.model import FINAL_STATES, Observable, StateShape

FORMAT = 3
"""Format 1 had no checksums; formats 1 and 2 had lists of words among attributes, and digests of 64 bits."""

CHUNK_CELLS = 2**16
"""Cells of a chunk at most: 512 KiB, and 2 to 3 files per array and 10^5 cells."""

LARGEST_CHUNK = 2**24
"""Cells of a chunk of format 1 at most, where a chunk was a block."""

LARGEST_METADATA = 2**28
"""Bytes of a file of metadata at most: axes of a million values each are spelled in a tenth of it."""

COPIES = {"zarr.json": "", "digest/zarr.json": "mattis_store"}
"""Files of the two copies of the group's attributes, and the key of the copy in each."""

LABELS_PER_CHUNK = {1: (1024,), 2: (16, 256)}

CHECKSUM = 4
"""Bytes after the values of a chunk."""

ChunkValues = NDArray[Any]
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
    """Return the chunk shape for a cube: its present one, until the cube has grown severalfold."""
    best = chunk_shape(shape)
    if chunks and chunk_count(shape, chunks) <= 4 + 2 * chunk_count(shape, best):
        return tuple(chunks)
    return best


def are_chunks(value: Any, dimensions: int, most: int = CHUNK_CELLS) -> bool:
    """Tell whether an attribute of a store is the shape of a chunk, of so many cells at most."""
    return (
        isinstance(value, list)
        and len(value) == dimensions
        and all(type(n) is int and n > 0 for n in value)
        and prod(value) <= most
    )


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a group with a digest of all others among them."""
    return {**record, "seal": _seal(record)}


def _seal(record: Mapping[str, Any]) -> str:
    content = {key: value for key, value in record.items() if key != "seal"}
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def attributes(place: Place) -> dict[str, Any]:
    """Return the attributes of a group, or their copy beside the digests where they are damaged.

    Sealed ones come first, then those of stores from before there were seals; but a newer format than this
    code's is believed, since it may be sealed otherwise. Raises LookupError if there are none.
    """
    copies = [_attributes(place / file, key) for file, key in COPIES.items()]
    newer = [copies[0]] if copies[0].get("mattis_format", 0) > FORMAT else []
    whole = [copy for copy in copies if copy.get("seal") == _seal(copy)]
    unsealed = [copy for copy in copies if copy and "seal" not in copy]
    best = next(iter((*newer, *whole, *unsealed)), None)
    if best is None:
        raise LookupError(str(place))
    return best


def damaged_attributes(place: Place) -> list[str]:
    """Return the files in which a copy of a sealed group's attributes is damaged."""
    if "seal" not in attributes(place):
        return []
    copies = {file: _attributes(place / file, key) for file, key in COPIES.items()}
    return [file for file, copy in copies.items() if copy.get("seal") != _seal(copy)]


def _attributes(place: Place, key: str = "") -> dict[str, Any]:
    """Return the attributes that some metadata hold, empty if they are damaged beyond reading."""
    content = mapping_of(place.read_bytes(LARGEST_METADATA)).get("attributes")
    copy = content.get(key) if key and isinstance(content, dict) else content
    if isinstance(copy, str):
        copy = mapping_of(copy.encode())
    whole = isinstance(copy, dict) and type(copy.get("mattis_format")) is int
    return dict(copy) if whole else {}  # type: ignore[arg-type]


def mapping_of(content: bytes | None) -> dict[str, Any]:
    """Return the mapping that some bytes spell, empty if they do not, or nest without end."""
    try:
        value = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class ArrayForm:
    """The metadata that an array must have.

    In format 1 chunks had no checksum, and one that held nothing but the fill value was not written.
    """

    kind: np.dtype[Any]
    shape: tuple[int, ...]
    chunks: Chunk
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Any]
    checksum: int = CHECKSUM
    fill: float | int | None = None

    @property
    def blank(self) -> float | int:
        """The value of a cell that does not exist: in `flag` all bits, which no cell has."""
        if self.fill is not None:
            return self.fill
        return float("nan") if self.kind.kind == "f" else -1 if self.kind.kind == "i" else 0

    @property
    def chunk_bytes(self) -> int:
        """The length of the file of a chunk."""
        return prod(self.chunks) * self.kind.itemsize + self.checksum

    def region(self, chunk: Sequence[int]) -> tuple[slice, ...]:
        """Return the part of the array that a chunk holds."""
        return tuple(
            slice(k * size, min((k + 1) * size, end))
            for k, size, end in zip(chunk, self.chunks, self.shape, strict=True)
        )

    def has(self, chunk: Sequence[int]) -> bool:
        """Tell whether the grid of chunks has a place of this number."""
        ends = [-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True)]
        return len(chunk) == len(ends) and all(0 <= k < end for k, end in zip(chunk, ends, strict=True))


def forms(
    labels: CubeLabels,
    observables: Sequence[Observable],
    chunks: Chunk,
    record: Mapping[str, Any],
    number: int = FORMAT,
) -> dict[str, ArrayForm]:
    """Return the form of each array of cells; the digests come last and carry a copy of the record.

    number  # of the format of the store
    """
    out = {}
    for observable in observables:
        kind, words = cube.dtype_of(observable), cube.attributes_of(observable)
        out[observable.name] = ArrayForm(kind, labels.shape, chunks, labels.names, words)
    described = {**cube.described(cube.DIGEST), "mattis_store": json.dumps(record, sort_keys=True)}
    kind = np.dtype(np.float64 if number > 2 else np.uint64)  # NetCDF's oldest format has no such integers
    out["digest"] = ArrayForm(kind, labels.shape, chunks, labels.names, described, fill=0)
    return out


def state_forms(labels: CubeLabels, chunks: Chunk, kept: StateShape | None) -> dict[str, ArrayForm]:
    """Return the form of the array of final states, and of their digests; none where none are kept.

    Both are cut along the cells as all arrays are; the states of a cell stay together.
    """
    if kept is None:
        return {}
    shape, names = (*labels.shape, *kept), (*labels.names, *cube.STATE_DIMENSIONS)
    bits = ArrayForm(np.dtype(np.uint8), shape, (*chunks, *kept), names, cube.STATE_WORDS, fill=0)
    words, kind = cube.described(cube.STATES_DIGEST), np.dtype(np.float64)
    digests = ArrayForm(kind, labels.shape, chunks, labels.names, words, fill=0)
    return {FINAL_STATES: bits, cube.STATES_DIGEST_NAME: digests}


def state_chunk(form: ArrayForm, chunk: Chunk) -> Chunk:
    """Return the chunk of final states, or of their digests, of the cells of a chunk."""
    return (*chunk, *[0] * (len(form.shape) - len(chunk)))


def states(
    place: Place, ds: Frame, forms: Mapping[str, ArrayForm], chunk: Chunk
) -> tuple[cube.KeptStates, Mask]:
    """Return the final states of the cells of a chunk, (cells, cues, bytes), and which cells have some.

    ds     # the cells of the chunk, see `contents`
    forms  # of the states and their digests, see `state_forms`
    """
    bits, marks = (
        salvaged(place, name, form, state_chunk(form, chunk)).values for name, form in forms.items()
    )
    found = bits.reshape(-1, *forms[FINAL_STATES].shape[-2:])
    return found, whole_states(ds, found, marks)


def whole_states(ds: Frame, states: cube.KeptStates, digests: NDArray[Any]) -> Mask:
    """Return which cells have final states that fit their digests, (cells,). ds  # in the cells' order"""
    known, labels = cube.as_cell_digests(digests.ravel()), cube.rows(ds, [])
    kept, some = np.zeros(len(known), bool), np.flatnonzero(known)
    kept[some] = cube.state_digests(labels[some], states[some]) == known[some]
    return kept


def label_form(variable: LabelledArray) -> ArrayForm:
    """Return the form of an array of labels.

    Its chunks have a fixed size, so that a reader with the metadata of before an extension still
    reads the labels of before.
    """
    values, chunks = variable.values, LABELS_PER_CHUNK[variable.ndim]
    return ArrayForm(values.dtype, values.shape, chunks, variable.dims, variable.attrs)


def label_forms(labels: CubeLabels) -> dict[str, ArrayForm]:
    """Return the form of each array of labels."""
    return {name: label_form(each) for name, each in cube.frame(labels).variables.items()}


def laid(place: Place, name: str, form: ArrayForm) -> ArrayForm | None:
    """Return the form of an array on disk, or None where its metadata disagree with the form.

    Only the shape may differ. A form without chunks takes those on disk, as format 1 had them.
    """
    document = mapping_of((place / name / "zarr.json").read_bytes(LARGEST_METADATA))
    chunks = _configured(document.get("chunk_grid"), "chunk_shape")
    most = CHUNK_CELLS if form.checksum else LARGEST_CHUNK
    fits = chunks == [*form.chunks] if form.chunks else are_chunks(chunks, len(form.shape), most)
    if not fits:
        return None
    lies = replace(form, chunks=tuple(chunks))
    if not form.checksum and type(document.get("fill_value")) in (int, float):
        lies = replace(lies, fill=document["fill_value"])
    return lies if _fits(document, lies) else None


def _fits(document: Mapping[str, Any], form: ArrayForm) -> bool:
    """Tell whether an array's metadata agree with a form, but for its shape and attributes."""
    codecs, key = document.get("codecs"), document.get("chunk_key_encoding")
    if not isinstance(codecs, list) or not codecs:
        return False
    blank = "NaN" if np.isnan(form.blank) else form.blank
    return bool(
        document.get("node_type") == "array"
        and document.get("data_type") == form.kind.name
        and _named(key) == "default"
        and _configured(key, "separator") == "/"
        and [*map(_named, codecs)] == ["bytes", "crc32c"][: 1 + bool(form.checksum)]
        and (form.kind.itemsize == 1 or _configured(codecs[0], "endian") == "little")
        and document.get("dimension_names") == [*form.dimensions]
        and not document.get("storage_transformers")
        and (not form.checksum or document.get("fill_value") == blank)  # in format 1 it was another
    )


def _named(part: Any) -> Any:
    return part.get("name") if isinstance(part, dict) else part


def _configured(part: Any, key: str) -> Any:
    inner = part.get("configuration") if isinstance(part, dict) else None
    return inner.get(key) if isinstance(inner, dict) else None


def is_group(place: Place) -> bool:
    """Tell whether the metadata of the group can be read as such."""
    document = mapping_of((place / "zarr.json").read_bytes(LARGEST_METADATA))
    return document.get("node_type") == "group" and document.get("zarr_format") == 3


def chunk_name(name: str, chunk: Sequence[int]) -> str:
    """Return the file of a chunk within the store: NAME/c/0/0/0/0/0."""
    return "/".join([name, "c", *map(str, chunk)])


def chunks_among(files: Iterable[str], name: str, form: ArrayForm) -> set[Chunk]:
    """Return the chunks of an array that lie among the files of a store."""
    head = f"{name}/c/"
    tails = (file[len(head) :].split("/") for file in files if file.startswith(head))
    numbers = (tuple(int(k) for k in tail) for tail in tails if all(k.isdecimal() for k in tail))
    return {chunk for chunk in numbers if form.has(chunk)}


def encoded(values: ChunkValues, form: ArrayForm) -> bytes:
    """Return the file of a chunk: values as they are, blank beyond the end of the array, and a checksum."""
    whole = np.full(form.chunks, form.blank, form.kind.newbyteorder("<"))
    whole[tuple(slice(0, n) for n in values.shape)] = values
    raw = whole.tobytes()
    return raw + int(google_crc32c.value(raw)).to_bytes(CHECKSUM, "little")


class Salvaged(NamedTuple):
    """The readable values of a chunk, the kind of its damage ("" for none), and the checksum in its file."""

    values: ChunkValues
    damage: str
    checksum: bytes = b""


def salvaged(place: Place, name: str, form: ArrayForm, chunk: Chunk) -> Salvaged:
    """Return the readable values of a chunk, blank beyond them, and what its damage is.

    The values are stored as they are, so the cells before a cut, and all but the one around a flipped
    bit, are still right. Which ones, their digests tell.
    """
    raw = (place / chunk_name(name, chunk)).read_bytes(form.chunk_bytes)
    kind, count = form.kind.newbyteorder("<"), prod(form.chunks)
    flat = np.full(count, form.blank, form.kind)
    cut = tuple(slice(0, s.stop - s.start) for s in form.region(chunk))
    if raw is None:
        return Salvaged(flat.reshape(form.chunks)[cut], "missing")
    whole = min(len(raw) // kind.itemsize, count)
    flat[:whole] = np.frombuffer(raw[: whole * kind.itemsize], kind)
    checksum = raw[len(raw) - form.checksum :] if form.checksum else b""
    return Salvaged(flat.reshape(form.chunks)[cut], _damage(raw, form), checksum)


def _damage(raw: bytes, form: ArrayForm) -> str:
    """Return the kind of damage of the file of a chunk, "" for none."""
    if len(raw) != form.chunk_bytes:
        return "truncated" if len(raw) < form.chunk_bytes else "too long"
    end = len(raw) - form.checksum
    right = google_crc32c.value(raw[:end]).to_bytes(CHECKSUM, "little")
    return "" if raw[end:] == right[: form.checksum] else "wrong checksum"


def cells(place: Place, name: str, form: ArrayForm, positions: Sequence[NDArray[np.int64]]) -> ChunkValues:
    """Return the cells at the outer product of some positions along each dimension.

    Only their chunks are read. Missing cells, damaged ones and those beyond the array read as blank, as does
    an array with other metadata than its form: no other reader could read it.
    """
    out = np.full([len(along) for along in positions], form.blank, form.kind)
    lies = laid(place, name, form)
    if lies is None:
        return out
    inside = [
        np.where((along >= 0) & (along < n), along, -c) // c
        for along, n, c in zip(positions, lies.shape, lies.chunks, strict=True)
    ]
    needed = (np.unique(numbers[numbers >= 0]).tolist() for numbers in inside)
    for chunk in product(*needed):
        values = salvaged(place, name, lies, chunk).values
        target = [np.flatnonzero(numbers == k) for numbers, k in zip(inside, chunk, strict=True)]
        axes = zip(positions, target, chunk, lies.chunks, strict=True)
        out[np.ix_(*target)] = values[np.ix_(*[along[i] - k * c for along, i, k, c in axes])]
    return out


def contents(
    path: Place, labels: CubeLabels, observed: Observed, forms: Mapping[str, ArrayForm], chunk: Chunk
) -> tuple[Frame, Counts]:
    """Return the cells in one chunk of all arrays, and the number of observables of each."""
    part = forms["digest"].region(chunk)
    values = {name: labels.values[name][s] for name, s in zip(labels.names, part, strict=True)}
    heat = labels.temperatures
    if "beta" in values:
        heat = heat[part[labels.names.index("beta")]]
    cells = {
        name: LabelledArray(labels.names, salvaged(path, name, form, chunk).values)
        for name, form in forms.items()
    }
    ds = cube.frame(CubeLabels(values, heat, labels.meanings)).assign(**cells)
    return ds, held(ds, ds["digest"].values, observed)


def held(ds: Frame, digests: NDArray[Any], observed: Observed) -> Counts:
    """Return the number of observables of each cell by its digest, 0 for cells that do not exist."""
    comparable = cube.as_cell_digests(digests.ravel())
    return observed.held(cube.rows(ds, observed.names), comparable).reshape(digests.shape)


def described(
    place: Place, names: Iterable[str], observables: Sequence[Observable]
) -> tuple[Observable, ...]:
    """Return observables by their names: some of these, or as the metadata on disk describe them."""
    of = {observable.name: observable for observable in observables}
    return tuple(of.get(name) or _described(place, name) for name in names)


def _described(place: Place, name: str) -> Observable:
    notes = mapping_of((place / name / "zarr.json").read_bytes(LARGEST_METADATA)).get("attributes")
    words = [notes.get(key) for key in ("long_name", "units")] if isinstance(notes, dict) else [None]
    return Observable(name, *(words if all(isinstance(word, str) for word in words) else [name]))


def damaged_labels(place: Place, labels: CubeLabels) -> list[str]:
    """Return the names of labels on disk, which other readers rely on, that are not the store's."""
    damaged = []
    for name, variable in cube.frame(labels).variables.items():
        form = label_form(variable)
        every = [np.arange(n) for n in variable.shape]
        forms = form, replace(form, chunks=(), checksum=0)  # of today, and of format 1
        copies = [cells(place, str(name), each, every) for each in forms]
        if not any(np.array_equal(values, variable.values) for values in copies):
            damaged.append(str(name))
    return damaged


def label_files(labels: CubeLabels) -> dict[str, bytes]:
    """Return the chunks of all labels by file; a reader of before an extension can read them as well."""
    files = {}
    for name, variable in cube.frame(labels).variables.items():
        form = label_form(variable)
        for chunk in product(*[range(-(-n // c)) for n, c in zip(form.shape, form.chunks, strict=True)]):
            files[chunk_name(str(name), chunk)] = encoded(variable.values[form.region(chunk)], form)
    return files
