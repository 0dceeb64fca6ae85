"""Folders of this machine: whole writes that wait for the disk, and what a machine refuses, in one line."""

import errno
import os
import resource
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mattis.errors import Fault, UserError
from mattis.store.place import Place
from mattis.words import sized

RIVALS = 20
"""Writers of one folder that are outlasted."""


@dataclass(frozen=True)
class Folder(Place):
    """A folder of this machine, or a file in one; Python and others open it by its path."""

    path: Path

    def __truediv__(self, name: str) -> "Folder":
        return Folder(self.path / name)

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> "Folder":
        return Folder(self.path.parent)

    @property
    def on_disk(self) -> Path:
        return self.path

    def exists(self) -> bool:
        return self.path.exists()

    def read_bytes(self, most: int | None = None) -> bytes | None:
        missing = FileNotFoundError, NotADirectoryError, IsADirectoryError
        with self.reported(), suppress(*missing), self.path.open("rb") as file:
            # Of no more than there is: Python makes room for all that it is asked for.
            return file.read() if most is None else file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
        return None

    def write_bytes(self, content: bytes) -> None:
        with self.reported(len(content)):
            _write({self.path: content})

    def write_together(self, files: Mapping[str, bytes]) -> None:
        with self.reported(sum(map(len, files.values()))):
            makers = _make_between(self.path, files)
            _write({self.path / name: content for name, content in files.items()})
            for maker in makers:
                _sync(maker)

    def write_anew(self, files: Mapping[str, bytes]) -> None:
        draft, old = (Folder(_draft(self.path)) for _ in range(2))
        draft.write_together(files)
        with self.reported():
            for last in range(1 - RIVALS, 1):
                with suppress(FileNotFoundError):  # none yet, or a rival has moved it
                    self.path.rename(old.path)
                try:
                    draft.path.rename(self.path)
                    break
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not last:
                        raise
                    old.remove_tree()  # a rival was faster: its folder makes room for this one
        old.remove_tree()

    def files(self) -> list[str]:
        with self.reported():
            _refuse_link(self.path)
            return sorted(_below(self.path, "")) if self.path.is_dir() else []

    def names(self) -> list[str]:
        with self.reported():
            return sorted(entry.name for entry in self.path.iterdir()) if self.path.is_dir() else []

    def remove(self) -> None:
        with self.reported(), suppress(FileNotFoundError, NotADirectoryError):
            self.path.unlink()
            _sync(self.path.parent)

    def remove_empty(self) -> None:
        if self.path.is_dir() and not self.names():
            with self.reported():
                self.path.rmdir()

    def remove_tree(self) -> None:
        with self.reported():
            if self.path.is_dir() and not self.path.is_symlink():
                shutil.rmtree(self.path)
                _sync(self.path.parent)

    def make_folder(self) -> None:
        try:
            _make_above(self.path)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise OSError(_refusal(self.path), os.strerror(_refusal(self.path)).lower())
        except OSError as error:
            reason, remedy = _in_the_way(self.path) or (
                (error.strerror or str(error)).lower(), _REMEDIES.get(error.errno or 0, "mend it"),
            )  # fmt: skip
            raise UserError(
                f"results folder {self}: cannot write there: {reason}; {remedy}, or choose another --results"
            ) from None

    def make_within(self) -> None:
        with self.reported():
            _refuse_link(self.path)
            if not self.path.is_dir():
                self.path.mkdir(exist_ok=True)
                _sync(self.path.parent)

    def check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.path).free
        if free < needed:
            raise Fault(
                f"{self}: no space left on device: {sized(needed)} needed, {sized(free)} free; "
                "make room, then give the same command again"
            )

    def refuse_links(self) -> None:
        if self.path.is_dir():
            for _ in _below(self.path, ""):
                pass

    @contextmanager
    def reported(self, needed: int = 0) -> Iterator[None]:
        """Turn what the file system refuses into one line that says what is needed."""
        try:
            yield
        except FileNotFoundError as error:
            raise self._fault("the folder has vanished", "bring it back") from error
        except OSError as error:
            raise self._fault(_refused(self.path, error, needed), _REMEDIES.get(error.errno or 0)) from error

    def _fault(self, reason: str, remedy: str | None) -> Fault:
        advice = f"{remedy or 'mend it'}, then give the same command again: it goes on from here"
        return Fault(f"{self}: {reason}; {advice}", reason)


def _draft(path: Path) -> Path:
    """Return a name beside a path that no other writer takes, on whichever machine or in whichever thread."""
    return path.with_name(f"{path.name}.{secrets.token_hex(6)}.partial")


def _write(files: Mapping[Path, bytes]) -> None:
    """Write files aside and wait for the disk; then give them their names, and wait for these."""
    drafts = {path: _draft(path) for path in files}
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


def _make_above(place: Path) -> None:
    """Make a folder and those that it is in, and wait until their names are on disk."""
    missing = [each for each in (place, *place.parents) if not each.is_dir()]
    place.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync(each.parent)


def _refusal(place: Path) -> int:
    """Return the number of the error why a folder cannot be written to."""
    return errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES


def _in_the_way(place: Path) -> tuple[str, str] | None:
    """Return what stands where a folder or one that it is in should be, and the remedy; None for nothing."""
    for each in (place, *place.parents):
        if each.is_symlink() and not each.exists():
            return (f"{each} is a link to {each.readlink()}, which is not there", "make that folder")
        if each.exists():
            return None if each.is_dir() else (f"{each} is a file", "move it away")
    return None


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
        return f"{reason}: {f'{sized(needed)} needed, ' if needed else ''}{sized(free)} free"
    if error.errno == errno.EFBIG:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        return f"{reason}: files may have {sized(limit)} here, and a larger one is needed"
    return f"{reason}: {sized(needed)} needed" if needed else reason
