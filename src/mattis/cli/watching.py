"""`mattis status --watch`: a study as it fills, with its rate, the time that is left, and what failed."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from mattis.cli import screen
from mattis.engine import locks
from mattis.engine.status import base_id, failed_blocks
from mattis.errors import UserError
from mattis.exact.arrays import Reals
from mattis.store import reading
from mattis.store.results import Root, results_of
from mattis.store.rounds import asked
from mattis.study import plan
from mattis.study.base import Study
from mattis.words import counted, one_line

POLLS_OF_RATE = 30
"""Polls over which a rate is measured."""

SHARE_OF_POLLS = 5.0
"""A poll comes no sooner than this many times the CPU seconds of the last one."""

STEPS_OF_MAP = "·▁▂▃▄▅▆▇█"
"""Nothing of a cell of the map, some of it, and all of it."""

WIDEST_MAP, HIGHEST_MAP = 64, 16
"""Columns and rows of a map at most: of longer axes several values are in one."""

FAILURES_WATCHED = 5
"""Blocks that failed of which a message is shown."""


@dataclass(frozen=True, eq=False)
class Poll:
    """What is there of a study at one moment.

    at        # by the clock of `time.monotonic`
    shares    # of the seeds that are there, over the two longest axes: a row for each value of the shorter
    axes      # their names, the longest first
    failures  # messages of the blocks that failed, by their names
    waiting   # cells that are neither there nor in blocks that failed
    at_work   # whether a run holds the results; None where that is not known
    """

    at: float
    done: int
    total: int
    waiting: int
    shares: Reals
    axes: tuple[str, ...]
    failures: Mapping[str, str]
    at_work: bool | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be expected: all is there, or what is not has failed, and nobody tries."""
        return self.done == self.total or (self.waiting == 0 and not self.at_work)


def poll(study: Study, root: Root) -> Poll:
    """Return what is there of a study now."""
    results = results_of(study, root)
    at_work = locks.is_held(results.folder)
    of = asked(study, results)
    ds = reading.presence(results.store, of.study)
    valid = ds["valid"].values & of.cells
    failures = failed_blocks(of, results, ds)
    failed = {base_id(name) for name in failures}
    missing = plan.blocks(of.study, of.cells & ~valid)
    shares, axes = shares_there(valid, study.dimensions)
    return Poll(
        at=time.monotonic(), done=int(valid.sum()), total=int(of.cells.sum()),
        waiting=sum(len(block.points) for block in missing if base_id(block.id) not in failed),
        shares=shares, axes=axes, failures=failures, at_work=at_work,
    )  # fmt: skip


def shares_there(valid: np.ndarray, names: tuple[str, ...]) -> tuple[Reals, tuple[str, ...]]:
    """Return the share of cells that are there over the two longest axes but the seed, and their names."""
    lengths = dict(zip(names, valid.shape, strict=True))
    chosen = sorted(names[:-1], key=lambda name: -lengths[name])[:2]
    across, up = chosen[0], chosen[-1]
    rest = tuple(k for k, name in enumerate(names) if name not in chosen)
    shares = np.atleast_2d(valid.mean(axis=rest))
    rows_first = names.index(up) < names.index(across) or across == up
    shares = shares if rows_first else shares.T
    return binned(shares, HIGHEST_MAP, WIDEST_MAP), tuple(dict.fromkeys((across, up)))


def binned(shares: Reals, rows: int, columns: int) -> Reals:
    """Return means over neighbours, so many rows and columns at most."""
    bands = [band.mean(axis=0) for band in np.array_split(shares, min(rows, len(shares)))]
    upright = np.array_split(np.array(bands), min(columns, shares.shape[1]), axis=1)
    return np.stack([band.mean(axis=1) for band in upright], axis=1)


@dataclass
class Pace:
    """How fast a study fills, by its last polls."""

    seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=POLLS_OF_RATE))

    def add(self, found: Poll) -> None:
        """Take a poll into account."""
        self.seen.append((found.at, found.done))

    @property
    def rate(self) -> float:
        """Cells per second, over the polls that are remembered."""
        (since, before), (now, done) = self.seen[0], self.seen[-1]
        return (done - before) / (now - since) if now > since else 0.0

    def words(self, found: Poll) -> str:
        """Say how fast it goes and how long the rest takes, or that nothing moves."""
        if found.done == found.total:
            return "complete"
        rest = found.total - found.done
        if self.rate > 0:
            return f"{self.rate:.3g} cells per s, about {screen.lasting(rest / self.rate)} left"
        return "no run is at work" if found.at_work is False else "nothing new yet"


def line(study: Study, found: Poll, pace: Pace) -> str:
    """Return a poll in one line."""
    share = 100 * found.done // found.total
    failed = f", {counted(len(found.failures), 'block')} failed" if found.failures else ""
    cells = f"{found.done} of {counted(found.total, 'cell')} ({share} %)"
    return f"{study.name}: {cells}{failed}; {pace.words(found)}"


def map_lines(found: Poll) -> Iterator[str]:
    """Yield the rows of the map of what is there, the largest value on top, and what it is over."""
    for row in found.shares[::-1]:
        steps = np.where(row > 0, np.maximum((row * (len(STEPS_OF_MAP) - 1)).astype(int), 1), 0)
        yield "".join(STEPS_OF_MAP[step] for step in steps)
    yield f"what is there, over {' and '.join(found.axes)}; · nothing, {STEPS_OF_MAP[-1]} all seeds"


def view(study: Study, found: Poll, pace: Pace) -> RenderableType:
    """Return what a terminal shows of a poll."""
    failures = [
        Text(f"failed {name}: {one_line(text, 120)}", style="red")
        for name, text in [*found.failures.items()][:FAILURES_WATCHED]
    ]
    more = len(found.failures) - len(failures)
    rest = [Text(f"and {more} more", style="red")] if more else []
    filled = WIDEST_MAP * found.done // found.total
    bar = Text.assemble(("━" * filled, "green"), ("━" * (WIDEST_MAP - filled), "bright_black"))
    rows = [Text(row) for row in map_lines(found)]
    return Group(Text(line(study, found, pace)), bar, *rows, *failures, *rest)


def watched(study: Study, root: Root, every: float, as_json: bool) -> int:
    """Show a study until nothing more can be expected of it; return 1 if blocks failed, else 0.

    Raises UserError for --json, of which there is one document.

    every  # seconds between two polls at least
    """
    if as_json:
        raise UserError("--watch: got --json too; expected one of them; mattis status --json is one poll")
    console, pace = Console(highlight=False, soft_wrap=True), Pace()
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for found in _polls(study, root, every, pace):
                live.update(view(study, found, pace), refresh=True)
    else:
        for found in _polls(study, root, every, pace):
            console.print(line(study, found, pace), markup=False)
    return 1 if found.failures else 0


def _polls(study: Study, root: Root, every: float, pace: Pace) -> Iterator[Poll]:
    """Yield polls until nothing more can be expected."""
    while True:
        begun = time.process_time()
        found = poll(study, root)
        pace.add(found)
        yield found
        if found.is_over:
            return
        time.sleep(max(every, SHARE_OF_POLLS * (time.process_time() - begun)))
