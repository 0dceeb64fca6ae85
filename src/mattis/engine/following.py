"""Who looks on while a study runs: shown now and then what is there, at a small share of its cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mattis.store.place import Place
from mattis.words import one_line

PAUSE_PER_COST = 20.0
"""A look comes no sooner than this many times what the last one cost: looks are 5 % of the run at most."""

COVERED = 2.0
"""Seconds for which workers have tasks enough while nobody takes what they found: a look that lasts longer
keeps them waiting, as it does on a machine that is busy with other things."""

LEAST_PAUSE = 5.0
"""Seconds between two looks at least: nobody reads faster."""

FIRST_COST = 6.0
"""CPU seconds of a first look, which loads what draws and solves the theory, and of the page at the end."""

MARK_OF_RUN = '<meta name="run"'
"""What only the page of a run has that is at work, or was until it was interrupted or killed."""

HEAD_BYTES = 4096
"""Bytes of a page within which that mark is."""


def is_of_run(page: Place) -> bool:
    """Tell whether a page that is there has the mark of a run."""
    return MARK_OF_RUN.encode() in (page.read_bytes(HEAD_BYTES) or b"")


@dataclass(frozen=True)
class Moment:
    """How far a run is.

    cells   # that are there
    blocks  # that came back so far, whole or failed
    left    # seconds that the rest takes; None before the rate is known
    """

    cells: int
    blocks: int
    left: float | None


@dataclass
class Budget:
    """When a look may be taken, so that all of them together cost less than 5 % of the run.

    The first one waits until the run is known, or expected, to last PAUSE_PER_COST times what it may cost. So
    short runs have none.

    cost  # of the last look: its CPU seconds, or those for which workers waited, whichever are more
    last  # when it ended; None before the first
    """

    begun: float = field(default_factory=time.monotonic)
    cost: float = FIRST_COST
    last: float | None = None

    @property
    def pause(self) -> float:
        """Seconds from the end of a look to the next one."""
        return max(PAUSE_PER_COST * self.cost, LEAST_PAUSE)

    def is_due(self, now: float, left: float | None) -> bool:
        """Tell whether a look may be taken.

        now   # by the clock of `time.monotonic`
        left  # seconds that the rest of the run takes, None where that is not known
        """
        if self.last is None:
            return now - self.begun + (left or 0.0) >= self.pause
        return now - self.last >= self.pause


@dataclass
class Follower:
    """Looks at a run within a budget: `show` draws what is there, `renew` says that the run is alive.

    What goes wrong in a look ends no run: it is told once, and nobody looks any more.

    renew  # gets how far the run is, and the seconds until the next look at the least
    """

    show: Callable[[], None]
    renew: Callable[[Moment, float], None]
    budget: Budget = field(default_factory=Budget)
    seen: int = 0
    is_over: bool = False

    def is_due(self, moment: Moment) -> bool:
        """Tell whether a look may be taken, and there is something to be seen."""
        return self.budget.is_due(time.monotonic(), moment.left) and moment.cells > 0 and not self.is_over

    def look(self, moment: Moment) -> str:
        """Take a look; return what went wrong, "" for nothing."""
        begun, since = time.thread_time(), time.monotonic()
        try:
            if self.budget.last is None or moment.blocks > self.seen:
                self.show()
                lasted = time.monotonic() - since
                self.budget.cost = max(time.thread_time() - begun, lasted - COVERED)
                self.seen = moment.blocks
            self.renew(moment, self.budget.pause)
        except Exception as error:
            self.is_over = True
            return f"no page while this runs: {type(error).__name__}: {one_line(error)}"
        self.budget.last = time.monotonic()
        return ""
