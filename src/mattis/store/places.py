"""Places: where results lie, a folder of this machine or a prefix of an object store.

Both are trees of small files that are written whole or not at all. A folder is a `pathlib.Path`; an
object store is a `Remote` (`buckets.py`), which offers the few things of a path that results need.
"""

import errno
import os
import resource
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from mattis.errors import Fault, UserError
from mattis.store import buckets
from mattis.store.buckets import Remote as Remote

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


def read_bytes(place: Place, most: int | None = None) -> bytes | None:
    """Return the content of a file, or None if it is not there. Raises Fault if the machine refuses.

    most  # bytes that it may have: of a longer one, only so many and one more are read
    """
    if isinstance(place, Path):
        missing = FileNotFoundError, NotADirectoryError, IsADirectoryError
        with reported(place), suppress(*missing), place.open("rb") as file:
            # Of no more than there is: Python makes room for all that it is asked for.
            there = os.fstat(file.fileno()).st_size
            return file.read() if most is None else file.read(min(most, there) + 1)
        return None
    found = buckets.get(place, most=most)
    return found.content if found else None


def write_bytes(place: Place, content: bytes) -> None:
    """Write a file, whole or not at all, and wait for the disk. Raises Fault if the machine refuses."""
    if isinstance(place, Path):
        with reported(place, len(content)):
            _write({place: content})
    else:
        buckets.put(place, content)


def write_together(folder: Place, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, each whole or not at all, in this order, and wait for the disk.

    All of them are on disk before the first gets its name; then they follow at once, and with them what
    a reader sees. A power cut leaves files of before or of after, never an empty one. Folders on the way
    are made, but not the one that the folder itself is in: if that has vanished, no part of it comes back.
    """
    if isinstance(folder, Path):
        with reported(folder, sum(map(len, files.values()))):
            makers = _make_between(folder, files)
            _write({folder / name: content for name, content in files.items()})
            for maker in makers:
                _sync(maker)
    else:
        for name, content in files.items():
            buckets.put(folder / name, content)


def _write(files: Mapping[Path, bytes]) -> None:
    """Write files aside and wait for the disk; then give them their names, and wait for these."""
    drafts = {path: path.with_name(f"{path.name}.{os.getpid()}.partial") for path in files}
    try:
        for path, draft in drafts.items():
            _refuse_link(path)
            with draft.open("wb") as file:
                file.write(files[path])
                file.flush()
                os.fsync(file.fileno())
        for path, draft in drafts.items():
            draft.replace(path)
    except BaseException:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
        raise
    for folder in dict.fromkeys(path.parent for path in files):
        _sync(folder)


def _make_between(folder: Path, files: Iterable[str]) -> list[Path]:
    """Make the folders that files need; return those in which something was made, innermost first.

    Raises UserError for a link on the way: what is behind it belongs to somebody else.
    """
    makers: dict[Path, None] = {}
    needed = {folder: None}
    for name in files:
        needed |= dict.fromkeys([folder / above for above in reversed(Path(name).parents)])
    for each in needed:
        _refuse_link(each)
        if not each.is_dir():
            each.mkdir(exist_ok=True)
            makers[each.parent] = None
    return list(reversed(makers))


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise UserError(
            f"{path}: got a link; expected a folder or file of its own, since results are never read or "
            "written through links; put what it points to in its place, or choose another --results"
        )


def _sync(folder: Path) -> None:
    """Wait until the names in a folder are on disk; some network file systems know no such thing."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def files(place: Place) -> list[str]:
    """Return the names of all files below a folder, relative to it, sorted; none if it is not there.

    Raises UserError for a link among them.
    """
    if isinstance(place, Path):
        with reported(place):
            _refuse_link(place)
            return sorted(_below(place, "")) if place.is_dir() else []
    return sorted(key.removeprefix(f"{place.key}/") for key in buckets.keys(place))


def refuse_links(folder: Place) -> None:
    """Raise UserError for a link below a folder, which may be one itself."""
    if isinstance(folder, Path) and folder.is_dir():
        for _ in _below(folder, ""):
            pass


def _below(folder: Path, head: str) -> Iterator[str]:
    """Yield the files below a folder; what another process removes meanwhile is not there."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                _refuse_link(Path(entry.path))
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), f"{head}{entry.name}/")
            else:
                yield head + entry.name


def write_text(place: Place, text: str) -> None:
    """Write a small text, whole or not at all."""
    write_bytes(place, text.encode())


def remove(place: Place) -> None:
    """Remove a file, if it is there, and wait for the disk: after a power cut it does not come back."""
    if isinstance(place, Path):
        with reported(place), suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()
            _sync(place.parent)
    else:
        buckets.delete(place)


def remove_empty(place: Place) -> None:
    """Remove a folder in which there is nothing any more; object stores have none."""
    if isinstance(place, Path) and place.is_dir() and not names(place):
        with reported(place):
            place.rmdir()


def names(place: Place) -> list[str]:
    """Return the sorted names of what is in a folder; none if it is not there."""
    if isinstance(place, Path):
        with reported(place):
            return sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []
    return buckets.names(place)


def remove_tree(place: Place) -> None:
    """Remove a folder and all that is in it, if it is there, and wait for the disk."""
    if isinstance(place, Path):
        with reported(place):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
                _sync(place.parent)
    else:
        buckets.remove_tree(place)


def make_within(place: Place) -> None:
    """Make a folder in one that is there; if that has vanished, do not bring back a part of it."""
    if isinstance(place, Path):
        with reported(place):
            _refuse_link(place)
            if not place.is_dir():
                place.mkdir(exist_ok=True)
                _sync(place.parent)


def make_folder(place: Place) -> None:
    """Make a folder that can be written to. Raises UserError if that is not possible.

    In an object store, where folders are only prefixes, this writes and removes a probe.
    """
    if isinstance(place, Remote):
        buckets.probe(place)
        return
    try:
        _make_above(place)
        if not os.access(place, os.W_OK | os.X_OK):
            raise OSError(0, _refusal(place))
    except OSError as error:
        raise UserError(
            f"results folder {place}: cannot write there: {error.strerror}; "
            "make it writable, or choose another --results"
        ) from None


def _make_above(place: Path) -> None:
    """Make a folder and those that it is in, and wait until their names are on disk."""
    missing = [each for each in (place, *place.parents) if not each.is_dir()]
    place.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync(each.parent)


def _refusal(place: Path) -> str:
    """Say why a folder cannot be written to."""
    read_only = os.statvfs(place).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if read_only else errno.EACCES).lower()


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
def reported(place: Path, needed: int = 0) -> Iterator[None]:
    """Turn what the file system refuses into one line that says what is needed."""
    try:
        yield
    except FileNotFoundError as error:
        raise _fault(place, "the folder has vanished", "bring it back") from error
    except OSError as error:
        raise _fault(
            place, _refused(place, error, needed), _REMEDIES.get(error.errno or 0)
        ) from error


_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room within the quota",
    errno.EFBIG: "raise the limit (ulimit -f)",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
}


def _refused(place: Path, error: OSError, needed: int) -> str:
    """Say what a write needed, and how much of it there is."""
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENOSPC:
        try:
            free = shutil.disk_usage(place.parent).free
        except OSError:
            return reason
        return f"{reason}: {_bytes(needed)} needed, {_bytes(free)} free"
    if error.errno == errno.EFBIG:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        return f"{reason}: files may have {_bytes(limit)} here, and a larger one is needed"
    return f"{reason}: {_bytes(needed)} needed" if needed else reason


def _fault(place: Path, reason: str, remedy: str | None) -> Fault:
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
