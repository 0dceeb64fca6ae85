"""Where a boundary is least certain, and what would tell more: further positions, or further seeds.

A crossing has two errors: that of the grid, which closer positions lower, and that of the pattern sets, which
further sets lower. A line of the grid is refined in this order: positions by halves or quarters of the step
that holds the crossing, until the grid is the smaller error; then seeds, at the positions around the crossing
alone, four times as many at most.

Nothing in here looks at which value comes out. Which positions are taken depends on earlier answers, but what
is estimated does not: the fractions of the same seeds at any positions cross 1/2 at the same place, up to the
error of the grid. How many seeds are taken depends on their spread, which of a symmetric law says nothing of
their mean; an error of few seeds is itself uncertain, and a rule that stops at the first that is small enough
would stop at those that are too small by luck. Hence no line is done before `FEWEST_LAST_SEEDS`, and the
number of seeds is planned with a margin. All seeds of a position count, earlier ones as well.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mattis.exact.arrays import Reals
from mattis.statistics.boundaries import Crossing, bracket, located, shifted
from mattis.study.spellings import rounded

FEWEST_LAST_SEEDS = 24
"""Seeds of a line that is done at least: an error of so many is known to 15 %."""

SEEDS_AT_ONCE = 4
"""Times as many seeds as before that a round adds at most: the spread of few foretells no more."""

SEEDS_MARGIN = 1.1
"""Seeds that are added for each that the spread of those before asks for."""

SPREADS_AROUND = 2.5
"""Standard errors on either side of a crossing within which positions get further seeds."""

ERRORS_OF_A_SHIFT = 3.0
"""Standard errors by which a boundary must move by more than is allowed, until that counts as seen."""

StepKind = Literal["finer", "seeds", "wider", "reached", "beyond", "ageing", "discrete"]
"""What a line needs: positions, seeds, positions further out; or why it gets no more."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a grid across a boundary: fractions that fall, and the seeds of each position.

    position  # (n,), rising
    late      # (n, seeds): the fraction whose half is the boundary; NaN where a cell is not asked for
    early     # the same after half of the time, where that is known
    spacing   # positions are multiples of it; 0 where any will do
    """

    position: Reals
    late: Reals
    early: Reals | None = None
    spacing: float = 0.0

    @property
    def depth(self) -> int:
        """Seeds of the position that has the most."""
        return int(self._counts.max())

    @property
    def _counts(self) -> Reals:
        return np.asarray((~np.isnan(self.late)).sum(axis=1), np.float64)

    @property
    def window(self) -> "Line":
        """The positions that have the most seeds, and these seeds: what the boundary is estimated by."""
        rows = self._counts == self._counts.max()
        seeds = ~np.isnan(self.late[rows]).any(axis=0)
        early = None if self.early is None else self.early[rows][:, seeds]
        return Line(self.position[rows], self.late[rows][:, seeds], early, self.spacing)


@dataclass(frozen=True, eq=False)
class LineStep:
    """What a line needs next, and what is known of it.

    positions, seeds  # every position is to have so many seeds; nothing where the line gets no more
    shift             # how far the boundary moved since half of the time, and its error; NaN if not known
    """

    kind: StepKind
    why: str
    found: Crossing
    depth: int
    positions: Reals = field(default_factory=lambda: np.empty(0))
    seeds: int = 0
    shift: tuple[float, float] = (np.nan, np.nan)


def next_step(line: Line, error: float, accepts_ageing: bool = False) -> LineStep:
    """Return what a line needs until its boundary is known to a standard error: a pure function.

    accepts_ageing  # whether a boundary that moves with time is wanted as that of its age
    """
    window = line.window
    found = located(window.position, window.late)
    if not np.isfinite(found.place):
        return _wider(line, window, found)
    high, low = bracket(window.late)
    if found.grid > error / np.sqrt(2) and low == high + 1:  # no plateau at 1/2, which seeds decide
        return _finer(window, found, error)
    shift = (np.nan, np.nan)
    if window.early is not None and not np.isnan(window.early).any():
        shift = shifted(window.position, window.late, window.early)
        if not accepts_ageing and abs(shift[0]) - ERRORS_OF_A_SHIFT * shift[1] > error:
            why = (
                f"moved by {shift[0]:.2g} ± {shift[1]:.1g} since half of the chain, more than the error "
                f"{error:g}: a lifetime, not an end; use more sweeps or larger sizes, or ageing: accept"
            )
            return LineStep("ageing", why, found, line.depth, shift=shift)
    if found.error <= error and line.depth >= FEWEST_LAST_SEEDS:
        return LineStep("reached", f"known to {found.error:.2g}", found, line.depth, shift=shift)
    return _seeds(line, found, error, shift)


def _wider(line: Line, window: Line, found: Crossing) -> LineStep:
    """Take in the next positions where the crossing is not between those that have the most seeds."""
    ahead = not np.isfinite(found.at_most)  # the crossing may lie above the last, or below the first
    behind = not np.isfinite(found.at_least)
    here = np.isin(line.position, window.position)
    first, last = int(np.argmax(here)), len(here) - 1 - int(np.argmax(here[::-1]))
    wanted = [first - 1] * behind + [last + 1] * ahead
    if any(not 0 <= k < len(here) for k in wanted):
        high_at, low_at = bracket(window.late)
        if line.depth < FEWEST_LAST_SEEDS and high_at >= 0 and low_at < len(window.position):
            seeds = min(SEEDS_AT_ONCE * line.depth, FEWEST_LAST_SEEDS)
            why = "may lie beyond the axis, which so few pattern sets cannot tell"
            return LineStep("seeds", why, found, line.depth, window.position, seeds)
        low, high = line.position[[0, -1]]
        side = "either end" if ahead and behind else f"{high:g}" if ahead else f"{low:g}"
        why = f"lies beyond the axis, at {side}; give the axis values on both sides"
        return LineStep("beyond", why, found, line.depth)
    positions = line.position[min(first, *wanted) : max(last, *wanted) + 1]
    why = "may lie outside of the positions that have the most seeds"
    return LineStep("wider", why, found, line.depth, positions, line.depth)


def _finer(window: Line, found: Crossing, error: float) -> LineStep:
    """Divide the step that holds the crossing: by 4 where that is far from enough, else by 2."""
    high, low = bracket(window.late)
    ends = window.position[[high, low]]
    parts = 4 if found.grid > np.sqrt(2) * error else 2
    inner = ends[0] + (ends[1] - ends[0]) * np.arange(1, parts) / parts
    if window.spacing:
        inner = np.unique(np.rint(inner / window.spacing)) * window.spacing
    tolerance = max(window.spacing / 2, 1e-9)
    inner = inner[(inner > ends[0] + tolerance) & (inner < ends[1] - tolerance)]
    depth = window.late.shape[1]
    if not len(inner):
        why = (
            f"lies between {ends[0]:.6g} and {ends[1]:.6g}, between which there is no other network: one "
            "pattern is a larger step than the error asks for; use larger sizes"
        )
        return LineStep("discrete", why, found, depth)
    why = f"the grid is the larger error: {found.grid:.2g}, and {found.spread:.2g} of the pattern sets"
    positions = np.sort([*window.position, *map(rounded, inner.tolist())])
    return LineStep("finer", why, found, depth, positions, depth)


def _seeds(line: Line, found: Crossing, error: float, shift: tuple[float, float]) -> LineStep:
    """Add seeds at the positions around the crossing: as many as the spread of those before asks for."""
    depth = line.depth
    needed = SEEDS_MARGIN * depth * found.spread**2 / max(error**2 - found.grid**2, error**2 / 2)
    seeds = int(np.clip(np.ceil(needed), depth + 2, SEEDS_AT_ONCE * depth))
    seeds = max(seeds, min(FEWEST_LAST_SEEDS, SEEDS_AT_ONCE * depth))
    reach = SPREADS_AROUND * found.spread
    below = np.flatnonzero(line.position <= found.place - reach)
    above = np.flatnonzero(line.position >= found.place + reach)
    first = below[-1] if len(below) else 0
    last = above[0] if len(above) else len(line.position) - 1
    why = f"the pattern sets are the larger error: {found.spread:.2g}, and {found.grid:.2g} of the grid"
    return LineStep("seeds", why, found, depth, line.position[first : last + 1], seeds, shift)
