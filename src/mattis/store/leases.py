"""The lease by which only the holder of a lock in an object store writes there."""

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from mattis.errors import Fault
from mattis.store.objects import Address, StoredObject


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

    lock: Address
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
                found = self.lock.get(patiently)
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
        asked = clock()
        try:
            self.version = self.lock.put(json.dumps(record).encode(), mode, patiently)
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
