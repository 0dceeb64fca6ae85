"""The metadata of a store: written by zarr into memory, and compared with those on disk."""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import zarr
from zarr.codecs import Crc32cCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from mattis.store.layout import LARGEST_METADATA, ArrayForm, mapping_of
from mattis.store.place import Place

if TYPE_CHECKING:
    import xarray as xr


@contextmanager
def consolidating() -> Iterator[None]:
    """Silence zarr's remark that consolidated metadata, which xarray asks for, extends v3."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        yield


def documents(every: Mapping[str, ArrayForm], record: Mapping[str, Any]) -> dict[str, bytes]:
    """Return all metadata of a store by file, the group's last, which hold a copy of all others.

    zarr writes them into memory: the files on disk are a function of the arrays and the record.
    """
    files: dict[str, Any] = {}
    memory = MemoryStore(files)
    group = zarr.create_group(memory, zarr_format=3, attributes=dict(record))
    for name, form in every.items():
        group.create_array(
            name, shape=form.shape, chunks=form.chunks, dtype=form.kind, fill_value=form.blank,
            compressors=[Crc32cCodec()] if form.checksum else None, dimension_names=form.dimensions,
            attributes=dict(form.attributes),
        )  # fmt: skip
    with consolidating():
        zarr.consolidate_metadata(memory, zarr_format=3)
    names = [*(f"{name}/zarr.json" for name in every), "zarr.json"]
    return {name: files[name].to_bytes() for name in names}


def odd(place: Place, every: Mapping[str, ArrayForm], record: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the right content of the files of metadata that are missing or differ in meaning."""
    right = documents(every, record).items()
    on_disk = {name: (place / name).read_bytes(LARGEST_METADATA) for name, _ in right}
    return {name: document for name, document in right if not _agree(on_disk[name], document)}


def _agree(on_disk: bytes | None, right: bytes) -> bool:
    """Tell whether metadata on disk mean the same as the right ones, whichever version of zarr wrote them."""
    if on_disk is None or on_disk == right:
        return on_disk is not None
    if mapping_of(on_disk).get("node_type") != mapping_of(right)["node_type"]:
        return False
    return bool(_meaning(on_disk) == _meaning(right))


def _meaning(document: bytes) -> Any:
    """Return metadata as zarr reads them, of a group with the copies in it; None if it refuses them."""
    memory = MemoryStore({"zarr.json": default_buffer_prototype().buffer.from_bytes(document)})
    try:
        with consolidating():
            node = zarr.open(memory, mode="r", zarr_format=3)
        content = node.metadata.to_dict()
    except Exception:  # zarr raises anything for metadata with a flipped bit
        return None
    return json.loads(json.dumps(content, default=str))


def dataset_files(ds: "xr.Dataset") -> dict[str, bytes]:
    """Return the files of a small dataset as zarr v3, the metadata of the group last."""
    files: dict[str, Any] = {}
    with consolidating():
        ds.to_zarr(MemoryStore(files), mode="w", zarr_format=3, consolidated=True)
    names = sorted(files, key=lambda name: (name == "zarr.json", name))
    return {name: files[name].to_bytes() for name in names}
