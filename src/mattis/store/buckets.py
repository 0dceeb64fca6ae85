"""Object stores: what is asked of one, tried again where that may help, and refused in one line.

Where a lock is held, a `Remote` carries its `Lease`: then nothing is written or removed before the lock
is known to be held, and the store itself compares what is there with what this process last saw there.
So a process that was stopped for long, or a request that was, cannot undo what its successor wrote.
"""

import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from mattis.errors import Fault
from mattis.store.refusals import Refusal, is_refusal, misses_bucket, no_bucket, refusal

REQUEST_PATIENCE = timedelta(seconds=30)
"""For how long an object store that fails is asked again; one answer may take half of it."""

QUICK_PATIENCE = timedelta(seconds=5)
"""How long an answer about a lock may take, which is small, and for which nobody should wait at the end."""

FIRST_DELAY, LONGEST_DELAY = 0.2, 2.0

T = TypeVar("T")


@dataclass(eq=False)
class Health:
    """What an object store has shown of its health: when that was last told, and whether it failed."""

    said: float = -float("inf")
    failed: bool = False

    def say(self, text: str) -> None:
        """Tell the user of an outage, but not of each request that meets it."""
        if time.monotonic() - self.said >= REQUEST_PATIENCE.total_seconds():
            self.said = time.monotonic()
            print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, eq=False)
class Bucket:
    """A way into an object store, each answer of which may take so long."""

    store: Any
    each: timedelta
    health: Health


def opened(url: str, each: timedelta | None = None, health: Health | None = None) -> Bucket:
    """Return a way into an object store; its endpoint and credentials come from the environment."""
    from obstore.store import from_url

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    each = min(each or REQUEST_PATIENCE / 2, REQUEST_PATIENCE / 2)
    options: Any = {"allow_http": endpoint.startswith("http://"), "timeout": each}
    retries: Any = {"max_retries": 0, "retry_timeout": each}  # `attempted` tries again, and says so
    return Bucket(
        from_url(url, client_options=options, retry_config=retries), each, health or Health()
    )


@dataclass(frozen=True)
class Remote:
    """A key, or a prefix of keys, in an object store; with a lease, one that only its holder writes to."""

    bucket: Bucket
    url: str
    key: str = ""
    lease: "Lease | None" = field(default=None, compare=False)

    def __truediv__(self, name: str) -> "Remote":
        return replace(self, key=f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"{self.url}/{self.key}"

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def with_name(self, name: str) -> "Remote":
        above = self.key.rpartition("/")[0]
        return replace(self, key=f"{above}/{name}" if above else name)

    def exists(self) -> bool:
        return head(self) is not None


def quick(place: Remote) -> Remote:
    """Return the same place by a way of its own, whose answers are not waited for long."""
    return Remote(opened(place.url, QUICK_PATIENCE, place.bucket.health), place.url, place.key)


@dataclass(frozen=True)
class StoredObject:
    """What lies under a key: its content (empty where only its head was asked for), version, and time."""

    content: bytes
    version: str | None
    modified: datetime


def get(place: Remote, patiently: bool = True, most: int | None = None) -> StoredObject | None:
    """Return an object, or None if it is not there; of one of more than `most` bytes, one more than these."""
    import obstore

    def ask() -> StoredObject:
        answer = obstore.get(place.bucket.store, place.key)
        if most is None or answer.meta["size"] <= most:
            return _found(answer.meta, bytes(answer.bytes()))
        first = next(iter(answer.stream(min_chunk_size=most + 1)), b"")
        return _found(answer.meta, bytes(first)[: most + 1])

    return _seen(place, ask, patiently)


def head(place: Remote) -> StoredObject | None:
    """Return version and time of an object, or None if it is not there."""
    import obstore

    return _seen(place, lambda: _found(obstore.head(place.bucket.store, place.key)))


def _found(meta: Any, content: bytes = b"") -> StoredObject:
    return StoredObject(content, meta["e_tag"], meta["last_modified"])


def _seen(
    place: Remote, ask: Callable[[], StoredObject], patiently: bool = True
) -> StoredObject | None:
    """Return what there is, and let the lease remember its version."""
    try:
        found = attempted(place, ask, patiently)
    except FileNotFoundError:
        found = None
    if place.lease is not None:
        place.lease.seen[place.key] = found.version if found else None
    return found


def put(place: Remote, content: bytes, mode: Any = "overwrite") -> str | None:
    """Write an object, whole or not at all, and return its version.

    By a lease, only onto what its holder saw there; else by the mode, whose refusal is raised as it is.
    """
    if place.lease is not None:
        return _put_by_lease(place, content, place.lease)
    return _made(place, lambda: _put(place, content, mode))


def _put(place: Remote, content: bytes, mode: Any) -> str | None:
    import obstore

    answer = obstore.put(place.bucket.store, place.key, content, mode=mode, use_multipart=False)
    return answer["e_tag"]


def _put_by_lease(place: Remote, content: bytes, lease: "Lease") -> str | None:
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    if place.key not in lease.seen:
        head(place)
    known = lease.seen[place.key]

    def ask() -> str | None:
        lease.check()
        return _put(place, content, "create" if known is None else {"e_tag": known})

    try:
        version = _made(place, ask)
    except (AlreadyExistsError, PreconditionError):
        found = get(place)
        lease.check(anew=True)
        if found is None or found.content != content:  # else an earlier attempt, its answer lost
            raise Fault(
                f"{place}: another process writes there, although this run holds the lock; end it, "
                "then give the same command again: it goes on from here"
            ) from None
        version = found.version
    lease.seen[place.key] = version
    return version


def delete(place: Remote, patiently: bool = True) -> None:
    """Remove an object, if it is there."""
    _delete(place, [place.key], patiently)


def _delete(place: Remote, keys: list[str], patiently: bool = True) -> None:
    import obstore

    def ask() -> None:
        if place.lease is not None:
            place.lease.check()
        obstore.delete(place.bucket.store, keys)

    with suppress(FileNotFoundError):
        attempted(place, ask, patiently)
    if place.lease is not None:
        place.lease.seen |= dict.fromkeys(keys)


def remove_tree(place: Remote) -> None:
    """Remove all objects below a prefix."""
    every = keys(place)
    for first in range(0, len(every), 1000):
        _delete(place, every[first : first + 1000])


def keys(place: Remote) -> list[str]:
    """Return the keys of all objects below a prefix."""
    import obstore

    def ask() -> list[str]:
        found = obstore.list(place.bucket.store, f"{place.key}/")
        return [entry["path"] for batch in found for entry in batch]

    return _made(place, ask)


def names(place: Remote) -> list[str]:
    """Return the sorted names of what is directly below a prefix."""
    import obstore

    found = _made(place, lambda: obstore.list_with_delimiter(place.bucket.store, place.key or None))
    keys = [*found["common_prefixes"], *(entry["path"] for entry in found["objects"])]
    return sorted(key.rpartition("/")[2] for key in keys)


def probe(place: Remote) -> datetime:
    """Write below a prefix, and return the time there."""
    mark = place / f".probe.{secrets.token_hex(4)}"
    put(mark, b"")
    found = head(mark)
    delete(mark)
    if found is None:
        raise Fault(f"{place}: the object store loses what is written; choose another --results")
    return found.modified


def _made(place: Remote, ask: Callable[[], T], patiently: bool = True) -> T:
    """Attempt what can only miss the bucket itself."""
    try:
        return attempted(place, ask, patiently)
    except FileNotFoundError:
        raise no_bucket(str(place)) from None


def attempted(place: Remote, ask: Callable[[], T], patiently: bool = True) -> T:
    """Return what the store answers; where it may yet answer, ask again for PATIENCE, and say so.

    What is not there (FileNotFoundError), and what was not as expected, is raised as it is.
    Raises UserError if there is no such bucket, and Fault for all else.
    """
    health, begun = place.bucket.health, time.monotonic()
    patience = REQUEST_PATIENCE.total_seconds() if patiently and not health.failed else 0.0
    for delay in _delays():
        try:
            answer = ask()
        except Exception as error:
            if not is_refusal(error) or _is_for_the_caller(error):
                raise
            refused, left = (
                refusal(str(place), place.bucket.each, error),
                begun + patience - time.monotonic(),
            )
            if not isinstance(refused, Refusal) or not refused.passes:
                raise refused from None
            if left <= 0:
                health.failed |= patiently
                raise refused from None
            health.say(f"{place}: {refused.reason}; trying again for {left:.0f} s")
            time.sleep(min(delay, left))
        else:
            health.failed = False
            return answer
    raise AssertionError("delays never end")


def _delays() -> Iterator[float]:
    delay = FIRST_DELAY
    while True:
        yield delay
        delay = min(2 * delay, LONGEST_DELAY)


def _is_for_the_caller(error: Exception) -> bool:
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    return isinstance(error, AlreadyExistsError | PreconditionError) and not misses_bucket(error)


def clock() -> float:
    """Return a time that only grows, also while this machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(eq=False)
class Lease:
    """What the holder of a lock in an object store knows.

    lock     # where it lies
    holder   # what it says of its holder
    dead     # seconds without renewal after which others may take it
    version  # of the lock, as it was last written
    renewed  # when that was asked for, by `clock`
    seen     # the version of each object that was read or written; None where there was none
    successor  # who has the lock now, once it is lost
    """

    lock: Remote
    holder: dict[str, Any]
    dead: float
    version: str | None = None
    renewed: float = 0.0
    seen: dict[str, str | None] = field(default_factory=dict)
    successor: str | None = None
    guard: threading.RLock = field(default_factory=threading.RLock)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    count: int = 0

    @property
    def is_fresh(self) -> bool:
        """Tell whether nobody can have taken the lock yet."""
        return self.successor is None and clock() - self.renewed <= self.dead / 2

    def check(self, anew: bool = False) -> None:
        """Raise Fault unless the lock is held; where that is not certain, the store is asked.

        `anew` asks in any case, and patiently; else the attempt of which this is a part is patient.
        """
        if self.is_fresh and not anew:
            return
        with self.guard:
            if anew or not self.is_fresh:  # the thread that renews it may have been faster
                self.renew(patiently=anew)
            if self.successor is not None:
                raise Fault(
                    f"{self.lock}: this run had not renewed its lock for "
                    f"{clock() - self.renewed:.0f} s, and another has taken it ({self.successor}); what "
                    "this one had written is safe; give the same command again when the other has ended"
                )

    def renew(self, patiently: bool = True) -> None:
        """Write the lock anew, or learn who has it now. Raises Fault if the store does not answer."""
        with self.guard:
            while self.successor is None and not self.write(patiently):
                found = get(self.lock, patiently)
                if found is None:
                    self.successor = "it has ended since"
                elif self.wrote(found):  # an answer was lost
                    self.version = found.version
                else:
                    self.successor = str(holder_of(found).get("holder", "unknown"))

    def write(self, patiently: bool = True) -> bool:
        """Write the lock if it is as it was last known; tell whether it was.

        It is never written twice the same, so that each time has a version of its own.
        """
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        self.count += 1
        record = {**self.holder, "mark": self.mark, "renewed": self.count}
        mode = "create" if self.version is None else {"e_tag": self.version}
        asked, ask = clock(), partial(_put, self.lock, json.dumps(record).encode(), mode)
        try:
            self.version = _made(self.lock, ask, patiently)
        except (AlreadyExistsError, PreconditionError):
            return False
        self.renewed = asked
        return True

    def wrote(self, found: StoredObject) -> bool:
        """Tell whether a lock is this one's."""
        return holder_of(found).get("mark") == self.mark


def holder_of(found: StoredObject) -> dict[str, Any]:
    """Return what a lock says of its holder, nothing if it is damaged."""
    try:
        content = json.loads(found.content)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
