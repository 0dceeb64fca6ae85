"""Who may write: one whole run, or any number of different shards, at a time.

On a file system the lock belongs to the process and is gone with it, however it dies. An object store
has no such thing: there the lock is an object that its holder renews, and that is dead when it is old.
"""

import fcntl
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from mattis.errors import Fault, UserError
from mattis.store.buckets import Bucket
from mattis.store.folders import Folder
from mattis.store.leases import Lease, holder_of
from mattis.store.objects import Address, StoredObject
from mattis.store.place import Place

WHOLE = "run"
"""The name under which a run of the whole study holds its results; shards have names of their own."""

RENEWED, DEAD = 15.0, 60.0
"""Seconds between renewals of a lock in an object store, and after which its holder counts as dead."""

TRIES = 5


@contextmanager
def held(folder: Place, name: str = WHOLE) -> Iterator[Place]:
    """Hold the results in a folder for one writer, among whom no two conflict.

    Yields the folder by which to write: in an object store it writes only while the lock is held.
    Raises UserError that says who holds them, and since when.
    """
    match folder:
        case Folder():
            with _held_by_file(folder, name):
                yield folder
        case Bucket():
            with _held_by_lease(folder, name) as leased:
                yield leased


def is_held(folder: Place) -> bool | None:
    """Tell whether a run, or one of a shard, holds the results in a folder; None in an object store."""
    if not isinstance(folder, Folder):
        return None
    for file in folder.path.glob(".lock.*"):
        with suppress(FileNotFoundError, PermissionError), file.open(encoding="utf-8") as lock:
            if not _locked(lock, fcntl.LOCK_SH):
                return True
    return False


def _holder() -> str:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {since}"


def _conflict(folder: Place, holder: str) -> UserError:
    return UserError(
        f"{folder}: another run is writing there ({holder}); wait for it, or choose another --results"
    )


def _rivals(name: str, others: list[str]) -> list[str]:
    """Return which locks may not be held together with one: a whole run bears no other."""
    return [other for other in others if other != name and WHOLE in (name, other)]


@contextmanager
def _held_by_file(folder: Folder, name: str) -> Iterator[None]:
    own = folder / f".lock.{name}"
    with own.reported():
        lock = own.path.open("a+", encoding="utf-8")
    with lock:
        if not _locked(lock, fcntl.LOCK_EX):
            lock.seek(0)
            raise _conflict(folder, lock.read().strip())
        with own.reported():
            lock.truncate(0)
            os.write(lock.fileno(), f"{_holder()}\n".encode())  # a buffer would fail again when it is closed
        rivals = _rivals(name, [other.name[6:] for other in folder.path.glob(".lock.*")])
        for rival in rivals:
            _refuse_if_held(folder, folder / f".lock.{rival}")
        yield
        if name == WHOLE:
            for rival in rivals:
                (folder / f".lock.{rival}").remove()


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


def _refuse_if_held(folder: Folder, rival: Folder) -> None:
    missing = suppress(FileNotFoundError)
    with rival.reported(), missing, rival.path.open(encoding="utf-8") as lock:
        if not _locked(lock, fcntl.LOCK_SH):
            raise _conflict(folder, lock.read().strip())


@contextmanager
def _held_by_lease(folder: Bucket, name: str) -> Iterator[Place]:
    """Yield the folder with the lease by which only the holder writes to it."""
    locks = folder.address.quick() / "locks"
    lease = _taken(folder, locks / name)
    released = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lease, released), daemon=True)
    try:
        for rival in _rivals(name, locks.names()):
            _evict(folder, locks / rival)
        renewal.start()
        yield replace(folder, lease=lease)
    except Fault as fault:
        raise Fault(f"{fault}{_let_go(lease, renewal, released)}", fault.reason) from fault
    except BaseException:
        _let_go(lease, renewal, released)
        raise
    else:
        left = _let_go(lease, renewal, released)
        if left:
            print(f"{folder}: done{left}", file=sys.stderr, flush=True)


def _let_go(lease: Lease, renewal: threading.Thread, released: threading.Event) -> str:
    """Release a lock that is still held; where the store does not answer, return what to say of it."""
    released.set()
    if renewal.ident is not None:
        renewal.join()  # one quick answer at most
    try:
        if not lease.is_fresh:
            lease.renew(patiently=False)  # it may be another's by now
        if lease.successor is None:
            lease.lock.delete(patiently=False)
    except (Fault, UserError):
        return f"; its lock there could not be released, and ends within {lease.dead:.0f} s"
    return ""


def _taken(folder: Bucket, lock: Address) -> Lease:
    """Make the lock, or take over that of a dead holder; no two processes can do either.

    Raises UserError that says who holds it.
    """
    lease = Lease(lock, {"holder": _holder(), "pid": os.getpid(), "machine": _machine()}, DEAD)
    while not lease.write():
        found = lock.get()
        if found and not lease.wrote(found):  # else an answer was lost
            _check_dead(folder, found)
        lease.version = found.version if found else None
    return lease


def _evict(folder: Bucket, lock: Address) -> None:
    """Remove a lock of a dead holder, who will find it gone when it wakes up."""
    found = lock.get()
    if found:
        _check_dead(folder, found)
        _taken(folder, lock).lock.delete()


def _check_dead(folder: Bucket, found: StoredObject) -> None:
    """Raise UserError unless a lock is old, by the clock of the store, or its process is gone."""
    holder = holder_of(found)
    if holder.get("machine") == _machine() and not Path(f"/proc/{holder.get('pid')}").exists():
        return
    if (folder.probe() - found.modified).total_seconds() <= DEAD:
        known = holder.get("holder", "unknown")
        ends = f"if it died, its lock ends within {DEAD:.0f} seconds"
        raise _conflict(folder, f"{known}; {ends}")


def _machine() -> str:
    """Name what process numbers are unique in: a boot of a machine, and a container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return secrets.token_hex(8)


def _renew(lease: Lease, released: threading.Event) -> None:
    """Write the lock again and again until it is released, or was taken over."""
    while lease.successor is None and not released.wait(RENEWED):
        with suppress(Fault, UserError):  # the store is away: the run itself meets that, and says so
            lease.renew(patiently=False)
