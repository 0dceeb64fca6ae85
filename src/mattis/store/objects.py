"""Objects in a store elsewhere: what is asked of it, tried again where that may help, refused in one line."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

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
class Connection:
    """A way into an object store, each answer of which may take so long."""

    store: Any
    each: timedelta
    health: Health


def opened(url: str, each: timedelta | None = None, health: Health | None = None) -> Connection:
    """Return a way into an object store; its endpoint and credentials come from the environment."""
    from obstore.store import from_url

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    each = min(each or REQUEST_PATIENCE / 2, REQUEST_PATIENCE / 2)
    options: Any = {"allow_http": endpoint.startswith("http://"), "timeout": each}
    retries: Any = {"max_retries": 0, "retry_timeout": each}  # `_attempted` tries again, and says so
    return Connection(from_url(url, client_options=options, retry_config=retries), each, health or Health())


@dataclass(frozen=True)
class StoredObject:
    """What lies under a key: its content (empty where only its head was asked for), version, and time."""

    content: bytes
    version: str | None
    modified: datetime


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Address:
    """A key, or a prefix of keys, in an object store, and what can be asked for there."""

    connection: Connection
    url: str
    key: str = ""

    def __truediv__(self, name: str) -> "Address":
        return replace(self, key=f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"{self.url}/{self.key}"

    @property
    def name(self) -> str:
        """What is behind the last slash of the key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> "Address":
        """The address of what it is in."""
        return replace(self, key=self.key.rpartition("/")[0])

    def quick(self) -> "Address":
        """Return the same address by a way of its own, whose answers are not waited for long."""
        return Address(opened(self.url, QUICK_PATIENCE, self.connection.health), self.url, self.key)

    def get(self, patiently: bool = True, most: int | None = None) -> StoredObject | None:
        """Return an object, or None if it is not there.

        most  # bytes that it may have: of a longer one, one more than these
        """
        import obstore

        def ask() -> StoredObject:
            answer = obstore.get(self.connection.store, self.key)
            if most is None or answer.meta["size"] <= most:
                return _found(answer.meta, bytes(answer.bytes()))
            first = next(iter(answer.stream(min_chunk_size=most + 1)), b"")
            return _found(answer.meta, bytes(first)[: most + 1])

        with suppress(FileNotFoundError):
            return self._attempted(ask, patiently)
        return None

    def head(self) -> StoredObject | None:
        """Return version and time of an object, or None if it is not there."""
        import obstore

        with suppress(FileNotFoundError):
            return self._attempted(lambda: _found(obstore.head(self.connection.store, self.key)))
        return None

    def put(
        self,
        content: bytes,
        mode: Any = "overwrite",
        patiently: bool = True,
        before: Callable[[], None] = _nothing,
    ) -> str | None:
        """Write an object, whole or not at all, and return its version; a refusal of the mode is raised.

        before  # is called before each attempt, and may raise
        """
        import obstore

        def ask() -> str | None:
            before()
            answer = obstore.put(self.connection.store, self.key, content, mode=mode, use_multipart=False)
            return answer["e_tag"]

        return self._made(ask, patiently)

    def delete(
        self, keys: list[str] | None = None, patiently: bool = True, before: Callable[[], None] = _nothing
    ) -> None:
        """Remove an object, if it is there, or others of the same store.

        before  # is called before each attempt, and may raise
        """
        import obstore

        def ask() -> None:
            before()
            obstore.delete(self.connection.store, [self.key] if keys is None else keys)

        with suppress(FileNotFoundError):
            self._attempted(ask, patiently)

    def keys_below(self) -> list[str]:
        """Return the keys of all objects below a prefix."""
        import obstore

        def ask() -> list[str]:
            found = obstore.list(self.connection.store, f"{self.key}/")
            return [entry["path"] for batch in found for entry in batch]

        return self._made(ask)

    def names(self) -> list[str]:
        """Return the sorted names of what is directly below a prefix."""
        import obstore

        found = self._made(lambda: obstore.list_with_delimiter(self.connection.store, self.key or None))
        keys = [*found["common_prefixes"], *(entry["path"] for entry in found["objects"])]
        return sorted(key.rpartition("/")[2] for key in keys)

    def _made(self, ask: Callable[[], T], patiently: bool = True) -> T:
        """Attempt what can only miss the bucket itself."""
        try:
            return self._attempted(ask, patiently)
        except FileNotFoundError:
            raise no_bucket(str(self)) from None

    def _attempted(self, ask: Callable[[], T], patiently: bool = True) -> T:
        """Return what the store answers; where it may yet answer, ask again for PATIENCE, and say so.

        What is not there (FileNotFoundError), and what was not as expected, is raised as it is.
        Raises UserError if there is no such bucket, and Fault for all else.
        """
        health, begun = self.connection.health, time.monotonic()
        patience = REQUEST_PATIENCE.total_seconds() if patiently and not health.failed else 0.0
        for delay in _delays():
            try:
                answer = ask()
            except Exception as error:
                if not is_refusal(error) or _is_for_the_caller(error):
                    raise
                refused, left = (
                    refusal(str(self), self.connection.each, error),
                    begun + patience - time.monotonic(),
                )
                if not isinstance(refused, Refusal) or not refused.passes:
                    raise refused from None
                if left <= 0:
                    health.failed |= patiently
                    raise refused from None
                health.say(f"{self}: {refused.reason}; trying again for {left:.0f} s")
                time.sleep(min(delay, left))
            else:
                health.failed = False
                return answer
        raise AssertionError("delays never end")


def _found(meta: Any, content: bytes = b"") -> StoredObject:
    return StoredObject(content, meta["e_tag"], meta["last_modified"])


def _delays() -> Iterator[float]:
    delay = FIRST_DELAY
    while True:
        yield delay
        delay = min(2 * delay, LONGEST_DELAY)


def _is_for_the_caller(error: Exception) -> bool:
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    return isinstance(error, AlreadyExistsError | PreconditionError) and not misses_bucket(error)
