"""The journal of a store: cells that are computed and safe, but not yet in the cube.

Each writer has segments of its own, so any number of processes write at once. A segment is one small
file that is written whole or not at all: a line with its physics and columns, then the table of rows (labels,
observables, as little-endian float64) and a digest of each row. A row whose digest does not fit does not
exist. The store folds the rows into its cube, and then removes the segments.
"""

import json
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from mattis.exact.arrays import Reals
from mattis.store import cube
from mattis.store.observables import are_observables
from mattis.store.place import Place

SEGMENT_ROWS = 8192
"""Rows of a segment at most: 10^5 cells wait in 13 files, and the last one is quickly rewritten."""

SHARE = 20
"""Rewriting a segment may take at most 1/SHARE of the time."""


@dataclass(frozen=True)
class Contents:
    """The physics of a segment's rows, and their columns: labels and observables."""

    physics: Mapping[str, Any]
    labels: tuple[str, ...]
    observables: tuple[str, ...]
    are_ours: Callable[[Mapping[str, Any]], bool]
    """Tells whether the physics of a segment are these, however many keys there were in its time."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return (*self.labels, *self.observables)

    @property
    def mark(self) -> str:
        """Eight hexadecimal digits of a hash of the physics, for the names of segments."""
        words = json.dumps(self.physics, sort_keys=True).encode()
        return blake2b(words, digest_size=4).hexdigest()

    def line(self, rows: int) -> bytes:
        """Return the first line of a segment."""
        head = {"mattis_journal": 1, "physics": self.physics, "columns": self.columns, "rows": rows}
        return json.dumps(head, sort_keys=True).encode() + b"\n"


class Segment(NamedTuple):
    """The undamaged rows of a segment, labels and observables, and the number of damaged ones."""

    name: str
    observables: list[str]
    table: Reals
    lost: int


ShardNumber = tuple[int, int]
"""Shard I of K: its segments hold no cell of another shard of K."""

_PART = re.compile(r"(\d+)of(\d+)_([0-9a-f]{8})_")


def writer_name(contents: Contents, part: ShardNumber | None = None) -> str:
    """Return a name that no other writer has; it begins with the shard and the mark of its physics."""
    shard = f"{part[0]}of{part[1]}_{contents.mark}_" if part else ""
    return f"{shard}{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(eq=False)
class Writer:
    """The open segment of one writer."""

    folder: Place
    contents: Contents
    name: str
    number: int = 0
    tables: list[Reals] = field(default_factory=list)
    waiting: int = 0
    flushed: float = 0.0
    cost: float = 0.0

    def add(self, table: Reals) -> None:
        """Take rows; write them unless that would take too much of the time just now."""
        self.tables.append(table)
        self.waiting += len(table)
        if time.monotonic() - self.flushed >= SHARE * self.cost:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not yet written. Raises Fault if the machine refuses."""
        if not self.waiting:
            return
        begun, self.waiting = time.monotonic(), 0  # another attempt at exit would wait again
        self.folder.make_within()
        table = np.concatenate(self.tables)
        for first in range(0, len(table), SEGMENT_ROWS):
            part = table[first : first + SEGMENT_ROWS]
            segment = self.folder / f"{self.name}-{self.number}"
            segment.write_bytes(_encoded(part, self.contents))
            self.number += len(part) == SEGMENT_ROWS
        self.tables = [table[len(table) // SEGMENT_ROWS * SEGMENT_ROWS :]]
        self.flushed = time.monotonic()
        self.cost = self.flushed - begun

    def close(self) -> None:
        """Write the waiting rows, and begin a new segment: the others may now be folded and removed."""
        self.flush()
        self.tables, self.number = [], self.number + 1


def _encoded(table: Reals, contents: Contents) -> bytes:
    digests = cube.row_digests(table)
    return (
        contents.line(len(table)) + table.astype("<f8").tobytes() + digests.astype("<u8").tobytes()
    )


def is_one(name: str) -> bool:
    """Tell whether a file is a whole segment, not a half-written one or one of NFS itself."""
    return not name.startswith(".nfs") and not name.endswith(".partial")


def segments(folder: Place) -> list[str]:
    """Return the names of the segments in a journal."""
    return [name for name in folder.names() if is_one(name)]


def segments_for(folder: Place, contents: Contents, part: ShardNumber | None) -> list[str]:
    """Return the names of the segments that may hold cells of a shard, or cells of other physics."""
    names, mark = segments(folder), contents.mark
    return [name for name in names if not (part and _is_another(name, mark, part))]


def _is_another(name: str, mark: str, part: ShardNumber) -> bool:
    shard = _PART.match(name)
    if shard is None:
        return False
    index, count = int(shard[1]), int(shard[2])
    return index != part[0] and count == part[1] and shard[3] == mark


def rows(folder: Place, contents: Contents, names: Iterable[str]) -> Iterator[Segment]:
    """Yield the named segments with the physics and labels of these contents, whatever their observables."""
    for name in names:
        content = (folder / name).read_bytes()
        if content is None:
            continue  # folded by another process since it was listed
        head = _head(content)
        observables = observables_of(head, contents)
        if not observables:
            continue
        width = len(contents.labels) + len(observables)
        table, lost = _decoded(content.partition(b"\n")[2], int(head["rows"]), width)
        yield Segment(name, observables, table, lost)


def observables_of(head: Mapping[str, Any], contents: Contents) -> list[str]:
    """Return the observables of a segment by its first line; none if its physics or labels are others."""
    columns, first = head.get("columns"), len(contents.labels)
    if not isinstance(columns, list) or not contents.are_ours(head.get("physics", {})):
        return []
    fits = columns[:first] == [*contents.labels]
    return columns[first:] if fits and are_observables(columns[first:], contents.labels) else []


def heads(folder: Place, names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the first line of each named segment that can be read."""
    for name in names:
        head = _head((folder / name).read_bytes() or b"")
        if head:
            yield head


def _head(content: bytes) -> dict[str, Any]:
    """Return the first line of a segment, empty if it is damaged."""
    try:
        head = json.loads(content.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(head, dict) or not isinstance(head.get("physics"), dict):
        return {}
    return head if type(head.get("rows")) is int and 0 <= head["rows"] <= len(content) else {}


def _decoded(body: bytes, count: int, width: int) -> tuple[Reals, int]:
    """Return the rows whose digests fit, and the number of those that do not."""
    size = count * width * 8
    if len(body) != size + count * 8:
        return np.empty((0, width)), count
    table = np.frombuffer(body[:size], "<f8").reshape(count, width).astype(np.float64)
    whole = cube.row_digests(table) == np.frombuffer(body[size:], "<u8")
    return table[whole], int((~whole).sum())
