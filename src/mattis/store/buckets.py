"""Object stores: a prefix of keys as a place, written to only while its lock is held.

Where a lock is held, a `Bucket` carries its `Lease`: then nothing is written or removed before the lock
is known to be held, and the store itself compares what is there with what this process last saw there.
So a process that was stopped for long, or a request that was, cannot undo what its successor wrote.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mattis.errors import Fault
from mattis.store.leases import Lease
from mattis.store.objects import Address, StoredObject, opened
from mattis.store.place import Place


@dataclass(frozen=True)
class Bucket(Place):
    """A key, or a prefix of keys, in an object store; with a lease, one that only its holder writes to."""

    address: Address
    lease: Lease | None = field(default=None, compare=False)

    @classmethod
    def at(cls, url: str) -> "Bucket":
        """Return the bucket, or the prefix, of a URL; it is not asked for yet."""
        return cls(Address(opened(url), url))

    def __truediv__(self, name: str) -> "Bucket":
        return replace(self, address=self.address / name)

    def __str__(self) -> str:
        return str(self.address)

    @property
    def name(self) -> str:
        return self.address.name

    @property
    def parent(self) -> "Bucket":
        return replace(self, address=self.address.parent)

    @property
    def on_disk(self) -> None:
        return None

    def exists(self) -> bool:
        return self._seen(self.address.head()) is not None

    def read_bytes(self, most: int | None = None) -> bytes | None:
        found = self._seen(self.address.get(most=most))
        return found.content if found else None

    def _seen(self, found: StoredObject | None) -> StoredObject | None:
        """Return what there is, and let the lease remember its version."""
        if self.lease is not None:
            self.lease.seen[self.address.key] = found.version if found else None
        return found

    def write_bytes(self, content: bytes) -> None:
        """Write an object, whole or not at all; by a lease, only onto what its holder saw there."""
        if self.lease is None:
            self.address.put(content)
        else:
            self._write_by_lease(content, self.lease)

    def _write_by_lease(self, content: bytes, lease: Lease) -> None:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        key = self.address.key
        if key not in lease.seen:
            self._seen(self.address.head())
        known = lease.seen[key]
        mode = "create" if known is None else {"e_tag": known}
        try:
            lease.seen[key] = self.address.put(content, mode, before=lease.check)
        except (AlreadyExistsError, PreconditionError):
            found = self._seen(self.address.get())
            lease.check(anew=True)
            if found is None or found.content != content:  # else an earlier attempt, its answer lost
                raise Fault(
                    f"{self}: another process writes there, although this run holds the lock; end it, "
                    "then give the same command again: it goes on from here"
                ) from None

    def write_together(self, files: Mapping[str, bytes]) -> None:
        """Write files below a prefix, one after the other; each is safe once it is written."""
        for name, content in files.items():
            (self / name).write_bytes(content)

    def write_anew(self, files: Mapping[str, bytes]) -> None:
        self.remove_tree()
        self.write_together(files)

    def files(self) -> list[str]:
        prefix = f"{self.address.key}/"
        return sorted(key.removeprefix(prefix) for key in self.address.keys_below())

    def names(self) -> list[str]:
        return self.address.names()

    def remove(self) -> None:
        self._remove([self.address.key])

    def _remove(self, keys: list[str]) -> None:
        if self.lease is None:
            self.address.delete(keys)
        else:
            self.address.delete(keys, before=self.lease.check)
            self.lease.seen |= dict.fromkeys(keys)

    def remove_empty(self) -> None:
        """Do nothing: a prefix without objects is not there."""

    def remove_tree(self) -> None:
        every = self.address.keys_below()
        for first in range(0, len(every), 1000):
            self._remove(every[first : first + 1000])

    def make_folder(self) -> None:
        self.probe()

    def probe(self) -> datetime:
        """Write below a prefix, and return the time there."""
        mark = self / f".probe.{secrets.token_hex(4)}"
        mark.write_bytes(b"")
        found = mark._seen(mark.address.head())
        mark.remove()
        if found is None:
            raise Fault(f"{self}: the object store loses what is written; choose another --results")
        return found.modified

    def make_within(self) -> None:
        """Do nothing: a prefix needs no making."""

    def check_room(self, needed: int) -> None:
        """Do nothing: an object store does not say how much it can take."""
        del needed

    def refuse_links(self) -> None:
        """Do nothing: an object store has no links."""
