"""The calls to the operating system that change a folder: counted, refused, or the last of a process.

Python tells of each of them before it happens (audit events); only of `fsync` it does not, which is wrapped.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")
REFUSALS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
DEAD = 77
"""The exit code of a process that died where it was told to."""

Step = Callable[[str, str], None]
"""What is told of each call, before it happens: the event and the path."""


def watch(root: Path, step: Step, synced: Callable[[int], None] | None = None, real: bool = False) -> None:
    """Tell of each call of this process below a folder, one at a time; cannot be undone.

    The disk is waited for only if it is a `real` one that is about to lose power. A simulated one
    (`power.py`) is told of each file or folder that was `synced`.
    """
    sync = os.fsync
    within, lock, inside = f"{root}{os.sep}", threading.RLock(), threading.local()

    def tell(event: str, path: str) -> None:
        if getattr(inside, "telling", False):
            return
        with lock:
            inside.telling = True
            try:
                step(event, path)
            finally:
                inside.telling = False

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in EVENTS and (event != "open" or _writes(given)):
            path = _path(given)
            if path.startswith(within):
                tell(event, path)

    def fsync(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        path = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        if f"{path}{os.sep}".startswith(within):
            tell("fsync", path)
            if real:
                sync(number)
            if synced is not None:
                with lock:
                    inside.telling = True
                    synced(number)
                    inside.telling = False

    os.fsync = os.fdatasync = fsync
    sys.addaudithook(hook)


def _writes(given: tuple[Any, ...]) -> bool:
    mode, flags = given[1], given[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def _path(given: tuple[Any, ...]) -> str:
    """Return the path of a call, also of one that names it relative to an open folder."""
    path = given[0]
    if isinstance(path, int):
        return ""
    text = os.fsdecode(path)
    numbers = [number for number in given[1:] if isinstance(number, int) and number > 2]
    if not text.startswith(os.sep) and numbers:
        try:
            return f"{os.readlink(f'/proc/self/fd/{numbers[-1]}')}{os.sep}{text}"  # noqa: PTH115
        except OSError:
            return text
    return text if text.startswith(os.sep) else os.path.abspath(text)  # noqa: PTH100


def counted(count: int, do: Callable[[str, str], None], on: bool = False) -> Step:
    """Return a step that does something at the `count`-th call, and at all later ones if it goes `on`."""
    seen = 0

    def step(event: str, path: str) -> None:
        nonlocal seen
        seen += 1
        if seen == count or (on and seen > count):
            do(event, path)

    return step


def die(*_: str) -> NoReturn:
    """End this process at once: no file is closed, nothing is cleaned up."""
    os._exit(DEAD)


def refuse(code: int) -> Callable[[str, str], None]:
    """Return what refuses a call as a full or broken disk does. One that only removes is not refused room."""

    def do(event: str, path: str) -> None:
        if code in (errno.ENOSPC, errno.EDQUOT) and event in ("os.remove", "os.rmdir"):
            return
        raise OSError(code, os.strerror(code), path)

    return do


def quick(file: Any) -> None:
    """Do not wait for the disk: what only judges does not need to."""
    del file
