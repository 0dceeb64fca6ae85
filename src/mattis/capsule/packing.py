"""Zip files with the same bytes for the same content: sorted names, one time, nothing compressed.

What a compressor makes of some bytes depends on its version; a store is small and hardly shrinks.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from mattis.errors import Fault

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that the format knows."""

REGULAR = 0o100644
"""The mode of every entry: a file that its owner may write and everyone may read."""


def pack(path: Path, files: Mapping[str, "bytes | Path"]) -> None:
    """Write a zip of some files, by their contents or where they lie; whole or not at all.

    Raises Fault where the machine refuses.
    """
    draft = None
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".partial", delete=False) as out:
            draft = Path(out.name)
            with ZipFile(out, "w", ZIP_STORED) as archive:
                for name in sorted(files):
                    content = files[name]
                    whole = content if isinstance(content, bytes) else content.read_bytes()
                    archive.writestr(_entry(name), whole)
            out.flush()
            os.fsync(out.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise Fault(
            f"{path}: cannot write the capsule: {error.strerror or error}; make room, or give "
            "another place with -o",
            "capsule not written",
        ) from None
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, FIRST_DAY)
    entry.create_system = 3  # Unix, wherever it is written: the mode is read with it
    entry.external_attr = REGULAR << 16
    return entry
