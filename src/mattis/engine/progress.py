"""How a run tells its user how far it is: a live bar on a terminal, sparse plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mattis.errors import UserError

SECONDS_BETWEEN_LINES = 15.0
SHARE_BETWEEN_LINES = 0.1

LEAST_SECONDS = 2.0
"""Seconds over which a rate must be measured before the time that is left is told."""


def spelled(seconds: float) -> str:
    """Write a duration as people say it: 8 s, 3 min 20 s, 2 h 05 min."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60:02d} s"
    return f"{s // 3600} h {s % 3600 // 60:02d} min"


class Reporter:
    """Counts work done, in proposals and cells or what else is counted, and tells how much is left."""

    def __init__(self, streams: list[IO[str]], bar: Progress | None, unit: str = "cells") -> None:
        self._streams, self._bar, self._unit = streams, bar, unit
        self._task: TaskID | None = None
        self._said = time.monotonic()
        self._share_said = 0.0
        self._first: tuple[float, int] | None = None
        self._total = self._done = self._cells = self._all_cells = 0

    def say(self, text: str) -> None:
        """Print one line, above the bar if there is one."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.console.print(text, highlight=False, markup=False)
        self._print(text)

    def _print(self, line: str) -> None:
        """Print a line on each stream; one that is closed or full is left alone, and ends no run."""
        for stream in self._streams:
            with suppress(OSError, ValueError):
                print(line, file=stream, flush=True)

    def start(self, cells: int, cost: int) -> None:
        """Begin a run of so many cells, of so many proposals."""
        self._total, self._all_cells = max(cost, 1), cells
        self._said = time.monotonic()
        if self._bar is not None:
            self._task = self._bar.add_task("", total=self._total, left="")

    def advance(self, cells: int, cost: int) -> None:
        """Report that a block is done."""
        self._done += cost
        self._cells += cells
        if self._first is None:
            self._first = time.monotonic(), self._done
        left = self._left()
        if self._bar is not None and self._task is not None:
            with suppress(OSError):
                self._bar.update(self._task, completed=self._done, left=left)
        now, share = time.monotonic(), self._done / self._total
        if (
            now - self._said >= SECONDS_BETWEEN_LINES
            or share >= 1
            or (share - self._share_said >= SHARE_BETWEEN_LINES and now - self._said >= 1)
        ):
            self._said, self._share_said = now, share
            line = f"{self._cells} of {self._all_cells} {self._unit}, {share:.0%}{left}"
            self._print(line)

    def seconds_left(self) -> float | None:
        """Return how long the rest takes, at the rate since the first block: before it, workers started.

        None before that rate is known.
        """
        if self._done >= self._total:
            return 0.0
        if self._first is None:
            return None
        since, before = self._first
        gone = time.monotonic() - since
        if gone < LEAST_SECONDS or self._done == before:
            return None
        return gone * (self._total - self._done) / (self._done - before)

    def _left(self) -> str:
        """Say how long the rest takes, if that is known."""
        left = self.seconds_left()
        return f", {spelled(left)} left" if left else ""


@contextmanager
def reporter(
    log: Path | None = None, quiet: bool = False, act: str = "simulating", unit: str = "cells"
) -> Iterator[Reporter]:
    """Yield a reporter to standard error, unless it is quiet, and as plain lines to a log file.

    act, unit  # what is done, beside the bar, and to what
    """
    console = Console(stderr=True)
    streams: list[IO[str]] = [] if console.is_terminal or quiet else [sys.stderr]
    try:
        opened = log.open("w", encoding="utf-8") if log else None
    except OSError as error:
        raise UserError(f"--log {log}: cannot write there: {error.strerror}") from None
    if opened:
        streams.append(opened)
    try:
        if console.is_terminal and not quiet:
            columns = (
                TextColumn(act), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
            )  # fmt: skip
            with Progress(*columns, console=console, transient=True) as bar:
                yield Reporter(streams, bar, unit)
        else:
            yield Reporter(streams, None, unit)
    finally:
        if opened:
            with suppress(OSError):  # of a full disk
                opened.close()
