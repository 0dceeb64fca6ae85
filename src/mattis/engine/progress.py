"""How a run tells its user how far it is: a bar in a terminal or notebook, sparse plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from typing import IO, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mattis.cards import FRAME, ChangingCard, changing_card
from mattis.errors import UserError
from mattis.words import counted

SECONDS_BETWEEN_LINES = 15.0
SHARE_BETWEEN_LINES = 0.1

LEAST_SECONDS = 2.0
"""Seconds over which a rate must be measured before the time that is left is told."""


def spelled(seconds: float) -> str:
    """Write a duration as people say it: 8 s, 3 min 20 s, 2 h 05 min."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60:02d} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60:02d} min"


LINES_IN_NOTEBOOK = 6
"""Lines below the bar of a notebook at most: the last ones."""


class ProgressBar(Protocol):
    """What shows how far a run is, in one place."""

    def say(self, text: str) -> None:
        """Show a line beside the bar."""

    def start(self, total: int) -> None:
        """Begin a bar of so many proposals."""

    def move(self, done: int, left: str) -> None:
        """Show that so many proposals are done, and what is said of the time that is left."""


class TerminalBar:
    """A bar in the last line of a terminal, with what is said above it."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        with suppress(OSError):
            self._bar.console.print(text, highlight=False, markup=False)

    def start(self, total: int) -> None:
        """Begin a bar of so many proposals."""
        self._task = self._bar.add_task("", total=total, left="")

    def move(self, done: int, left: str) -> None:
        """Show that so many proposals are done."""
        if self._task is not None:
            with suppress(OSError):
                self._bar.update(self._task, completed=done, left=left)


class NotebookBar:
    """A bar in the output of a cell, with what was said last below it: one output that changes."""

    def __init__(self, act: str, place: ChangingCard) -> None:
        self._act, self._place = act, place
        self._said: list[str] = []
        self._total = self._done = 0
        self._left = ""

    def say(self, text: str) -> None:
        """Show a line below the bar."""
        self._said.append(text)
        self._show(at_once=len(self._said) <= LINES_IN_NOTEBOOK)

    def start(self, total: int) -> None:
        """Begin a bar of so many proposals."""
        self._total = total
        self._show(at_once=True)

    def move(self, done: int, left: str) -> None:
        """Show that so many proposals are done."""
        self._done, self._left = done, left
        self._show(at_once=done >= self._total)

    def end(self) -> None:
        """Show how it ended, whatever was left out while it changed quickly."""
        if self._said or self._total:
            self._show(at_once=True)

    def _show(self, at_once: bool) -> None:
        lines = self._said[-LINES_IN_NOTEBOOK:]
        if more := len(self._said) - len(lines):
            lines = [f"… {counted(more, 'line')} before", *lines]
        html = "".join(f"<div>{escape(line)}</div>" for line in lines)
        if self._total:
            told = f"{self._act} {self._done / self._total:.0%}{self._left}"
            lines = [told, *lines]
            bar = f'<progress max="{self._total}" value="{self._done}"></progress>'
            html = f"<label>{escape(told)} {bar}</label>{html}"
        html = f'<div class="mattis" style="{FRAME}">{html}</div>'
        self._place.change(html, "\n".join(lines), at_once)


class Reporter:
    """Counts work done, in proposals and cells or what else is counted, and tells how much is left."""

    def __init__(self, streams: list[IO[str]], bar: ProgressBar | None, unit: str = "cells") -> None:
        self._streams, self._bar, self._unit = streams, bar, unit
        self._said = time.monotonic()
        self._share_said = 0.0
        self._first: tuple[float, int] | None = None
        self._total = self._done = self._cells = self._all_cells = 0

    def say(self, text: str) -> None:
        """Say one line, beside the bar if there is one."""
        if self._bar is not None:
            self._bar.say(text)
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
            self._bar.start(self._total)

    def advance(self, cells: int, cost: int) -> None:
        """Report that a block is done."""
        self._done += cost
        self._cells += cells
        if self._first is None:
            self._first = time.monotonic(), self._done
        left = self._left()
        if self._bar is not None:
            self._bar.move(self._done, left)
        now, share = time.monotonic(), self._done / self._total
        if (
            now - self._said >= SECONDS_BETWEEN_LINES
            or share >= 1
            or (share - self._share_said >= SHARE_BETWEEN_LINES and now - self._said >= 1)
        ):
            self._said, self._share_said = now, share
            self._print(f"{self._cells} of {self._all_cells} {self._unit}, {share:.0%}{left}")

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
    """Yield a reporter to a notebook or standard error, unless it is quiet, and as lines to a log file.

    act, unit  # what is done, beside the bar, and to what
    """
    try:
        opened = log.open("w", encoding="utf-8") if log else None
    except OSError as error:
        raise UserError(f"--log {log}: cannot write there: {error.strerror}") from None
    try:
        with _bar(act, quiet) as bar:
            plain = [sys.stderr] if bar is None and not quiet else []
            yield Reporter([*plain, *([opened] if opened else [])], bar, unit)
    finally:
        if opened:
            with suppress(OSError):  # of a full disk
                opened.close()


@contextmanager
def _bar(act: str, quiet: bool) -> Iterator[ProgressBar | None]:
    """Yield the bar of a notebook or a terminal; None where there is neither, or where it is quiet."""
    place = None if quiet else changing_card()
    console = Console(stderr=True)
    if place is not None:
        bar = NotebookBar(act, place)
        try:
            yield bar
        finally:
            bar.end()
    elif console.is_terminal and not quiet:
        columns = (
            TextColumn(act), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as progress:
            yield TerminalBar(progress)
    else:
        yield None
