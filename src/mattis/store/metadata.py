"""The metadata of a store: made by zarr in memory, compared with those on disk. No other file knows zarr."""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import xarray as xr
import zarr
from zarr.codecs import Crc32cCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from mattis.store.layout import LARGEST_METADATA, ArrayForm, mapping_of
from mattis.store.place import Place


@contextmanager
def consolidating() -> Iterator[None]:
    """Silence zarr's remark that consolidated metadata, which xarray asks for, extends v3."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        yield


def documents(every: Mapping[str, ArrayForm], record: Mapping[str, Any]) -> dict[str, bytes]:
    """Return all metadata of a store by file, the group's last, which hold a copy of all others.

    They are made by zarr, in memory: what lies on disk is a function of the arrays and the record.
    """
    files: dict[str, Any] = {}
    memory = MemoryStore(files)
    group = zarr.create_group(memory, zarr_format=3, attributes=dict(record))
    for name, form in every.items():
        _create(group, name, form)
    with consolidating():
        zarr.consolidate_metadata(memory, zarr_format=3)
    names = [*(f"{name}/zarr.json" for name in every), "zarr.json"]
    return {name: files[name].to_bytes() for name in names}


def _create(group: zarr.Group, name: str, form: ArrayForm) -> None:
    group.create_array(
        name,
        shape=form.shape,
        chunks=form.chunks,
        dtype=form.kind,
        fill_value=form.blank,
        compressors=[Crc32cCodec()] if form.checksum else None,
        dimension_names=form.dimensions,
        attributes=dict(form.attributes),
    )


def odd(
    place: Place, every: Mapping[str, ArrayForm], record: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the files of metadata on disk that do not say what they should, as they should be."""
    wanted = documents(every, record).items()
    found = {name: (place / name).read_bytes(LARGEST_METADATA) for name, _ in wanted}
    return {name: document for name, document in wanted if not _say_the_same(found[name], document)}


def _say_the_same(found: bytes | None, wanted: bytes) -> bool:
    """Tell whether metadata on disk mean what they should, by whatever version of zarr they were written."""
    if found is None or found == wanted:
        return found is not None
    if mapping_of(found).get("node_type") != mapping_of(wanted)["node_type"]:
        return False
    return bool(_meaning(found) == _meaning(wanted))


def _meaning(document: bytes) -> Any:
    """Return what zarr makes of some metadata, of a group with the copies in it; None if it refuses them."""
    memory = MemoryStore({"zarr.json": default_buffer_prototype().buffer.from_bytes(document)})
    try:
        with consolidating():
            node = zarr.open(memory, mode="r", zarr_format=3)
        content = node.metadata.to_dict()
    except Exception:  # whatever zarr makes of metadata in which a bit was flipped
        return None
    return json.loads(json.dumps(content, default=str))


def dataset_files(ds: xr.Dataset) -> dict[str, bytes]:
    """Return the files of a small dataset as zarr v3, the metadata of the group last."""
    files: dict[str, Any] = {}
    with consolidating():
        ds.to_zarr(MemoryStore(files), mode="w", zarr_format=3, consolidated=True)
    names = sorted(files, key=lambda name: (name == "zarr.json", name))
    return {name: files[name].to_bytes() for name in names}
