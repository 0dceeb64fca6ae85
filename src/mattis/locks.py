"""Who may write: one whole run, or any number of different shards, at a time.

On a file system the lock belongs to the process and is gone with it, however it dies. An object store
has no such thing: there the lock is an object that its holder renews, and that is dead when it is old.
"""

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from mattis import places
from mattis.errors import Fault, UserError
from mattis.places import Place, Remote

WHOLE = "run"
"""The name under which a run of the whole study holds its results; shards have names of their own."""

RENEWED, DEAD = 15.0, 60.0
"""Seconds between renewals of a lock in an object store, and after which its holder counts as dead."""

TRIES = 5


@contextmanager
def held(folder: Place, name: str = WHOLE) -> Iterator[None]:
    """Hold the results in a folder for one writer, among whom no two conflict.

    Raises UserError that says who holds them, and since when.
    """
    holding = _held_by_file if isinstance(folder, Path) else _held_by_lease
    with holding(folder, name):  # type: ignore[arg-type]
        yield


def _holder() -> str:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {since}"


def _conflict(folder: Place, holder: str) -> UserError:
    return UserError(
        f"{folder}: another run is writing there ({holder}); "
        "wait for it, or choose another --results"
    )


def _rivals(name: str, others: list[str]) -> list[str]:
    """Return which locks may not be held together with one: a whole run bears no other."""
    return [other for other in others if other != name and WHOLE in (name, other)]


@contextmanager
def _held_by_file(folder: Path, name: str) -> Iterator[None]:
    path = folder / f".lock.{name}"
    with path.open("a+", encoding="utf-8") as lock:
        if not _locked(lock, fcntl.LOCK_EX):
            lock.seek(0)
            raise _conflict(folder, lock.read().strip())
        lock.truncate(0)
        lock.write(f"{_holder()}\n")
        lock.flush()
        rivals = _rivals(name, [other.name[6:] for other in folder.glob(".lock.*")])
        for rival in rivals:
            _refuse_if_held(folder, folder / f".lock.{rival}")
        yield
        if name == WHOLE:
            for rival in rivals:
                (folder / f".lock.{rival}").unlink(missing_ok=True)


def _locked(lock: IO[str], kind: int) -> bool:
    """Take a lock; tell whether it was free. A rival that only looks holds it for an instant."""
    for attempt in range(TRIES):
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.02 * attempt)
        except OSError as error:
            raise Fault(
                f"{lock.name}: this file system cannot lock files ({error.strerror}); "
                "choose --results on one that can"
            ) from None
    return False


def _refuse_if_held(folder: Path, path: Path) -> None:
    try:
        with path.open("r", encoding="utf-8") as lock:
            if not _locked(lock, fcntl.LOCK_SH):
                raise _conflict(folder, lock.read().strip())
    except FileNotFoundError:
        return


@contextmanager
def _held_by_lease(folder: Remote, name: str) -> Iterator[None]:
    place = folder / "locks" / name
    content = json.dumps({"holder": _holder(), "pid": os.getpid(), "machine": _machine()}).encode()
    tag = _take(folder, place, content)
    released, failed = threading.Event(), threading.Event()
    renewal = threading.Thread(
        target=_renew, args=(place, content, tag, released, failed), daemon=True
    )
    try:
        for rival in _rivals(name, places.names(folder / "locks")):
            other = folder / "locks" / rival
            entry, holder = _entry(other), _content(other)
            if entry is not None and not _is_dead(folder, entry, holder):
                raise _lease_conflict(folder, holder)
        renewal.start()
        yield
    except Fault:
        failed.set()  # the store is away: the lock is left to die, rather than waited for
        raise
    finally:
        released.set()
        if renewal.ident is not None:
            renewal.join()
        if not failed.is_set():
            places.remove(place)


def _take(folder: Remote, place: Remote, content: bytes) -> dict[str, Any]:
    """Make the lock object, or take over that of a dead holder; no two processes can do either."""
    import obstore
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    with places.reported(place):
        try:
            return dict(obstore.put(place.bucket, place.key, content, mode="create"))
        except AlreadyExistsError:
            entry, holder = _entry(place), _content(place)
        if entry is None:
            return _take(folder, place, content)
        if _is_dead(folder, entry, holder):
            try:
                mode = {"e_tag": str(entry["e_tag"])}
                return dict(obstore.put(place.bucket, place.key, content, mode=mode))  # type: ignore[arg-type]
            except PreconditionError:
                pass
        raise _lease_conflict(folder, holder)


def _entry(place: Remote) -> Any:
    import obstore

    try:
        return obstore.head(place.bucket, place.key)
    except FileNotFoundError:
        return None


def _is_dead(folder: Remote, entry: Any, holder: dict[str, Any]) -> bool:
    """Tell whether a lock was not renewed for long, by the clock of the store, or its process is gone."""
    if holder.get("machine") == _machine() and not Path(f"/proc/{holder.get('pid')}").exists():
        return True
    probe = folder / f".now.{secrets.token_hex(4)}"
    places.write_bytes(probe, b"")
    now = _entry(probe)["last_modified"]
    places.remove(probe)
    return bool((now - entry["last_modified"]).total_seconds() > DEAD)


def _machine() -> str:
    """Name what process numbers are unique in: a boot of a machine, and a container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return secrets.token_hex(8)


def _content(place: Remote) -> dict[str, Any]:
    try:
        content = json.loads(places.read_bytes(place) or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _lease_conflict(folder: Remote, holder: dict[str, Any]) -> UserError:
    known = holder.get("holder", "unknown")
    return _conflict(folder, f"{known}; if it died, its lock ends within {DEAD:.0f} seconds")


def _renew(
    place: Remote,
    content: bytes,
    tag: dict[str, Any],
    released: threading.Event,
    failed: threading.Event,
) -> None:
    """Write the lock again and again until it is released, or was taken over."""
    import obstore
    from obstore.exceptions import PreconditionError

    while not released.wait(RENEWED):
        try:
            mode: Any = {"e_tag": str(tag["e_tag"])}
            tag = dict(obstore.put(place.bucket, place.key, content, mode=mode))
        except PreconditionError:
            failed.set()
            return
        except Exception:
            continue  # the store is away: the run itself meets that, and says so
