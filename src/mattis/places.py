"""Places: where results lie, a folder of this machine or a prefix of an object store.

Both are trees of small files that are written whole or not at all. A folder is a `pathlib.Path`; an
object store is a `Remote` (`buckets.py`), which offers the few things of a path that results need.
"""

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mattis import buckets
from mattis.buckets import Remote as Remote
from mattis.errors import Fault, UserError

SCHEMES = ("s3", "gs", "az")

Place = Path | Remote


def place_of(text: str | Path) -> Place:
    """Return the place that a user names: a folder, or a URL such as s3://bucket/prefix.

    Endpoint and credentials of an object store come from its usual environment variables.
    Raises UserError for a URL that holds credentials, or is of an unknown kind.
    """
    if isinstance(text, Path) or "://" not in text:
        return Path(text)
    parts = urlsplit(text)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}".rstrip("/")
    if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"--results: got {shown}; expected a folder, or s3://bucket/prefix")
    if "@" in parts.netloc:
        raise UserError(
            f"--results: got credentials in a URL; expected {shown}; put them into the environment "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        )
    return Remote(buckets.opened(shown), shown)


def subtree(place: Remote) -> Any:
    """Return the object store of which a place is the root."""
    return buckets.opened(str(place)).store


def read_bytes(place: Place) -> bytes | None:
    """Return the content of a file, or None if it is not there."""
    if isinstance(place, Path):
        try:
            return place.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
    found = buckets.get(place)
    return found.content if found else None


def write_bytes(place: Place, content: bytes) -> None:
    """Write a file, whole or not at all. Raises Fault if the machine refuses."""
    with reported(place, len(content)):
        if isinstance(place, Path):
            draft = place.with_name(f"{place.name}.{os.getpid()}.partial")
            try:
                with draft.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())  # a power cut must not leave an empty file of this name
                draft.replace(place)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        else:
            buckets.put(place, content)


def write_text(place: Place, text: str) -> None:
    """Write a small text, whole or not at all."""
    write_bytes(place, text.encode())


def remove(place: Place) -> None:
    """Remove a file, if it is there."""
    with reported(place):
        if isinstance(place, Path):
            place.unlink(missing_ok=True)
        else:
            buckets.delete(place)


def names(place: Place) -> list[str]:
    """Return the sorted names of what is in a folder; none if it is not there."""
    if isinstance(place, Path):
        return sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []
    return buckets.names(place)


def remove_tree(place: Place) -> None:
    """Remove a folder and all that is in it, if it is there."""
    if isinstance(place, Path):
        shutil.rmtree(place, ignore_errors=True)
    else:
        buckets.remove_tree(place)


def make_within(place: Place) -> None:
    """Make a folder in one that is there; if that has vanished, do not bring back a part of it."""
    with reported(place):
        if isinstance(place, Path):
            place.mkdir(exist_ok=True)


def make_folder(place: Place) -> None:
    """Make a folder that can be written to. Raises UserError if that is not possible.

    In an object store, where folders are only prefixes, this writes and removes a probe.
    """
    if isinstance(place, Remote):
        buckets.probe(place)
        return
    probe = place / f".writable.{os.getpid()}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        write_bytes(probe, b"")
        remove(probe)
    except (OSError, Fault) as error:
        why = error.strerror if isinstance(error, OSError) else error.reason
        raise UserError(
            f"results folder {place}: cannot write there: {why}; "
            "make it writable, or choose another --results"
        ) from None


def check_room(place: Place, needed: int) -> None:
    """Raise Fault if the disk of a folder has less than `needed` bytes left."""
    if isinstance(place, Path):
        free = shutil.disk_usage(place).free
        if free < needed:
            raise Fault(
                f"{place}: no space left on device: {_bytes(needed)} needed, {_bytes(free)} free; "
                "make room, then give the same command again"
            )


@contextmanager
def reported(place: Place, needed: int = 0) -> Iterator[None]:
    """Turn what the file system or the object store refuses into one line that says what is needed."""
    try:
        yield
    except FileNotFoundError as error:
        if not isinstance(place, Path):
            raise buckets.refusal(place, error) from error
        raise _fault(place, "the folder has vanished", "bring it back") from error
    except OSError as error:
        raise _fault(
            place, _refused(place, error, needed), _REMEDIES.get(error.errno or 0)
        ) from error
    except Exception as error:
        if isinstance(place, Path) or not buckets.is_refusal(error):
            raise
        raise buckets.refusal(place, error) from error


def raise_if_remote(error: Exception) -> None:
    """Raise again what an object store refused: it says nothing about what is stored there."""
    if buckets.is_refusal(error):
        raise error


_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room within the quota",
    errno.EFBIG: "raise the limit (ulimit -f)",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
}


def _refused(place: Place, error: OSError, needed: int) -> str:
    """Say what a write needed, and how much of it there is."""
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENOSPC and isinstance(place, Path):
        try:
            free = shutil.disk_usage(place.parent).free
        except OSError:
            return reason
        return f"{reason}: {_bytes(needed)} needed, {_bytes(free)} free"
    if error.errno == errno.EFBIG:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        return f"{reason}: files may have {_bytes(limit)} here, and a larger one is needed"
    return f"{reason}: {_bytes(needed)} needed" if needed else reason


def _fault(place: Place, reason: str, remedy: str | None) -> Fault:
    advice = f"{remedy or 'mend it'}, then give the same command again: it goes on from here"
    return Fault(f"{place}: {reason}; {advice}", reason)


def _bytes(count: int) -> str:
    """Write a number of bytes as people say it."""
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.3g} {unit}"
