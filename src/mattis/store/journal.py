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

from mattis.exact.arrays import Mask, Reals
from mattis.store import cube
from mattis.store.cube import KeptStates
from mattis.store.observables import are_observables
from mattis.store.place import Place
from mattis.study.model import FINAL_STATES, StateShape

SEGMENT_ROWS = 8192
"""Rows of a segment at most: 10^5 cells wait in 13 files, and the last one is quickly rewritten."""

STATE_BYTES = 512
"""Bytes of final states, of each row, that make a segment half as long."""

FIRST_LINE_BYTES = 2**14
"""Bytes in which the first line of most segments ends."""

SHARE = 20
"""Rewriting a segment may take at most 1/SHARE of the time."""

MOST_WAITING = 8
"""Segments whose rows may wait for this at most, however quickly they come."""


@dataclass(frozen=True)
class Contents:
    """The physics of a segment's rows, and their columns: labels and observables."""

    physics: Mapping[str, Any]
    labels: tuple[str, ...]
    observables: tuple[str, ...]
    are_ours: Callable[[Mapping[str, Any]], bool]
    """Tells whether the physics of a segment are these, however many keys there were in its time."""
    kept: StateShape | None = None
    """The final states behind the rows and their digests, if they are kept."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return (*self.labels, *self.observables)

    @property
    def segment_rows(self) -> int:
        """Rows of a segment at most: fewer where there are final states behind them."""
        return max(SEGMENT_ROWS // (1 + (self.kept.total if self.kept else 0) // STATE_BYTES), 1)

    @property
    def mark(self) -> str:
        """Eight hexadecimal digits of a hash of the physics, for the names of segments."""
        return blake2b(json.dumps(self.physics, sort_keys=True).encode(), digest_size=4).hexdigest()

    def line(self, rows: int) -> bytes:
        """Return the first line of a segment."""
        head = {"mattis_journal": 1, "physics": self.physics, "columns": self.columns, "rows": rows}
        head |= {FINAL_STATES: [*self.kept]} if self.kept else {}
        return json.dumps(head, sort_keys=True).encode() + b"\n"


class Segment(NamedTuple):
    """The undamaged rows of a segment, labels and observables, and the number of damaged ones.

    states, kept  # final states of the rows, and which of them are there and undamaged
    """

    name: str
    observables: list[str]
    table: Reals
    lost: int
    states: KeptStates
    kept: Mask


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
    states: list[KeptStates] = field(default_factory=list)
    waiting: int = 0
    flushed: float = 0.0
    cost: float = 0.0

    def add(self, table: Reals, states: KeptStates | None = None) -> None:
        """Take rows, and their final states if they are kept; write them unless that took too much time.

        Rows that come faster than they are written would wait ever longer, for so many more of them: a bound.
        """
        self.tables.append(table)
        self.states.append(np.zeros((len(table), 0, 0), np.uint8) if states is None else states)
        self.waiting += len(table)
        full = self.waiting >= MOST_WAITING * self.contents.segment_rows
        if full or time.monotonic() - self.flushed >= SHARE * self.cost:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not yet written. Raises Fault if the machine refuses."""
        if not self.waiting:
            return
        begun, self.waiting = time.monotonic(), 0  # another attempt at exit would wait again
        self.folder.make_within()
        table, states = np.concatenate(self.tables), np.concatenate(self.states)
        rows = self.contents.segment_rows
        for first in range(0, len(table), rows):
            part = slice(first, first + rows)
            segment = self.folder / f"{self.name}-{self.number}"
            segment.write_bytes(encoded(table[part], states[part], self.contents))
            self.number += len(table[part]) == rows
        left = slice(len(table) // rows * rows, None)
        self.tables, self.states = [table[left]], [states[left]]
        self.flushed = time.monotonic()
        self.cost = self.flushed - begun

    def close(self) -> None:
        """Write the waiting rows, and begin a new segment: the others may now be folded and removed."""
        self.flush()
        self.tables, self.states, self.number = [], [], self.number + 1


def encoded(table: Reals, states: KeptStates, contents: Contents) -> bytes:
    """Return the file of a segment. states  # of the rows, written where these contents have some"""
    digests = cube.row_digests(table).astype("<u8").tobytes()
    rows = contents.line(len(table)) + table.astype("<f8").tobytes() + digests
    if contents.kept is None:
        return rows
    marks = cube.state_digests(table[:, : len(contents.labels)], states).astype("<u8").tobytes()
    return rows + states.tobytes() + marks


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
        if not observables or head["rows"] > len(content):
            continue
        count, first = int(head["rows"]), len(contents.labels)
        shape, width = states_of(head), first + len(observables)
        body, size = content.partition(b"\n")[2], 8 * count * (width + 1)
        behind = 0 if shape is None else count * (shape.total + 8)
        whole, table = _decoded(body[:size], count, width)
        if len(body) != size + behind:  # cut short, or not what it says
            whole = np.zeros(count, bool)
        states, kept = _states(body[size:], table[:, :first], shape if whole.any() else None)
        yield Segment(name, observables, table[whole], count - int(whole.sum()), states[whole], kept[whole])


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
        content = (folder / name).read_bytes(FIRST_LINE_BYTES) or b""
        if b"\n" not in content:
            content = (folder / name).read_bytes() or b""
        if head := _head(content):
            yield head


def _head(content: bytes) -> dict[str, Any]:
    """Return the first line of a segment, of which this is the beginning; empty if it is damaged."""
    try:
        head = json.loads(content.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(head, dict) or not isinstance(head.get("physics"), dict):
        return {}
    return head if type(head.get("rows")) is int and head["rows"] >= 0 else {}


def _decoded(body: bytes, count: int, width: int) -> tuple[Mask, Reals]:
    """Return which rows have digests that fit, and the rows."""
    size = count * width * 8
    if len(body) != size + count * 8:
        return np.zeros(count, bool), np.zeros((count, width))
    table = np.frombuffer(body[:size], "<f8").reshape(count, width).astype(np.float64)
    return cube.row_digests(table) == np.frombuffer(body[size:], "<u8"), table


def _states(body: bytes, labels: Reals, shape: StateShape | None) -> tuple[KeptStates, Mask]:
    """Return the final states behind the rows of a segment, and which of them have digests that fit."""
    count = len(labels)
    if shape is None:
        return np.zeros((count, 0, 0), np.uint8), np.zeros(count, bool)
    size = count * shape.total
    states = np.frombuffer(body[:size], np.uint8).reshape(count, *shape)
    return states, cube.state_digests(labels, states) == np.frombuffer(body[size:], "<u8")


def states_of(head: Mapping[str, Any]) -> StateShape | None:
    """Return the shape of the final states of a segment, or of a store, by what it says of itself."""
    found = head.get(FINAL_STATES)
    if not isinstance(found, list) or [type(n) for n in found] != [int, int]:
        return None
    shape = StateShape(*found)
    return shape if 0 < shape.cues <= MOST_CUES and 0 < shape.octets <= MOST_OCTETS else None


MOST_CUES = 2**10
"""Cues of final states that a store may claim."""

MOST_OCTETS = 2**21
"""Bytes of a state: of the largest network of a study."""
