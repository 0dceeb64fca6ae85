"""Which cells get further pattern sets, where the overlap of each is wanted to an error.

The overlap of a cell is the mean over its pattern sets; where some cues left their state and others did not,
that of the survivors alone. A rule that stops where the error is small prefers errors that are too small by
luck. So a cell has some sets at least, its spread is pooled with that of its neighbours, and its error is
Student's. Only sets are added, at cells of the grid: no position depends on what was found.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit

from mattis.exact.arrays import Reals
from mattis.statistics.intervals import LEVEL_95
from mattis.statistics.survival import apart, bare, parted, ratio, resolution, survived
from mattis.store.rounds import LineRecord
from mattis.study.base import Study

FEWEST_CELL_SETS = 16
"""Pattern sets of a cell whose overlap counts as known, at least."""

FEWEST_JUDGED_SETS = 24
"""Pattern sets of a cell from which on it may be found to be out of reach."""

NEIGHBOURS_SETS = 8.0
"""Pattern sets as which the spread of the neighbours of a cell counts beside its own."""

CELL_SETS_AT_ONCE = 4
"""Times as many pattern sets as before that a round adds to a cell at most: that halves its error."""

CELL_SETS_MARGIN = 1.1
"""Pattern sets that are added for each that the error asks for."""

MOST_CELL_SETS = 1000
"""Pattern sets beyond which a cell gets no more: its overlap is too uncertain for the error."""

FEWEST_STAYING = 0.25
"""Share of cues that stayed in their state, where others left it, from which on they have a mean."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """What is known of the overlap in each cell of a grid: arrays over its dimensions.

    mean     # over the pattern sets, or over the survivors where some cues left their state
    error    # its standard error by the cell's own sets; NaN where these tell none
    sets     # pattern sets of the cell
    counted  # of these, those that the mean is of
    staying  # share of the cues that stayed in their state; 1 where a model has no such states
    """

    mean: Reals
    error: Reals
    sets: NDArray[np.int64]
    counted: NDArray[np.int64]
    staying: Reals


@dataclass(frozen=True)
class CellStep:
    """What a cell needs: `seeds`, so many of them, or `waits`; or why it gets no more."""

    kind: str
    why: str
    sets: int = 0


def overlap_records(cells: xr.Dataset, study: Study) -> list[LineRecord]:
    """Return what is known of each cell of a grid, and what it needs: a pure function of the cells.

    cells  # those that the rounds before asked for, all of them there
    """
    assert study.refine is not None
    found, target = overlaps_of(cells, study), study.refine.error
    errors = known_errors(found)
    steps = cell_steps(found, errors, target)
    dims = study.dimensions[:-1]
    return [
        LineRecord(
            at={name: float(cells[name].values[k]) for name, k in zip(dims, index, strict=True)},
            place=_finite(found.mean[*index]), error=_finite(errors[*index]),
            spread=_finite(found.error[*index]), grid=None, seeds=int(found.sets[*index]),
            step=step.kind, why=step.why, depth=step.sets,
        )
        for index, step in zip(np.ndindex(*errors.shape), steps, strict=True)
    ]  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def overlaps_of(cells: xr.Dataset, study: Study) -> Overlaps:
    """Return what is known of the overlap in each cell of a study."""
    one = next(each for each in study.described_model.observables if each.name == "overlap")
    plain, share = bare(cells), survived(cells, study)
    valid, values = plain["valid"], plain[one.name]
    staying = xr.ones_like(values.isel(seed=0))
    weight = xr.ones_like(values)
    if share is not None and one in parted(study):
        share = bare(share)
        staying = share.where(valid).mean("seed")
        mixed = (staying > 0) & (staying < 1)
        weight = share.where(mixed, 1.0)
        values = apart(plain, share, one)[0].where(mixed, values)
    weight = weight.where(valid, 0.0)
    mean, error = ratio(values, weight, resolution(cells, one, study))
    counted, dims = (weight > 0).sum("seed"), study.dimensions[:-1]
    every = (mean, error, valid.sum("seed"), counted, staying)
    return Overlaps(*(each.transpose(*dims).values for each in every))


def known_errors(found: Overlaps) -> Reals:
    """Return the error of each overlap: the half of Student's interval of 95 %, over 1.96; inf where unknown.

    The variance of one set is pooled with the median v_0 of those of the neighbours along all axes but the
    size, s² = ((n - 1) v + 8 v_0)/(n + 7): G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3 (2004).
    """
    own, freedom = found.error**2 * found.sets, found.counted - 1.0
    around = _around(own)
    around = np.where(np.isnan(around), own, around)
    pooled = (freedom * own + NEIGHBOURS_SETS * around) / (freedom + NEIGHBOURS_SETS)
    student = stdtrit(np.maximum(freedom, 1.0), 0.975) / LEVEL_95
    errors = student * np.sqrt(pooled / found.sets)
    return np.where(np.isfinite(errors), errors, np.inf)


def _around(values: Reals) -> Reals:
    """Return the median of the neighbours of each entry, along all axes but the first; NaN without any."""
    beside = []
    for axis in range(1, values.ndim):
        for step in (1, -1):
            moved = np.roll(values, step, axis)
            edge = [slice(None)] * values.ndim
            edge[axis] = slice(0, 1) if step > 0 else slice(-1, None)
            moved[tuple(edge)] = np.nan
            beside.append(moved)
    every = np.sort(np.stack(beside), axis=0)  # NaN last
    count = (~np.isnan(every)).sum(axis=0)
    low, high = (np.maximum(k, 0)[None] for k in ((count - 1) // 2, count // 2))
    middle = [np.take_along_axis(every, k, axis=0)[0] for k in (low, np.minimum(high, len(every) - 1))]
    return np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)


def cell_steps(found: Overlaps, errors: Reals, target: float) -> Sequence[CellStep]:
    """Return what each cell needs until its overlap is known to an error, in the order of the grid.

    Those whose error is more than half of the largest get pattern sets; the others wait for the next round.
    """
    every = list(zip(errors.flat, found.sets.flat, found.staying.flat, strict=True))
    ends = [_end(float(error), int(sets), float(staying), target) for error, sets, staying in every]
    open_ = [error for (error, *_), end in zip(every, ends, strict=True) if end is None]
    worst = max((error for error in open_ if math.isfinite(error)), default=0.0)
    return [
        end or _more(float(error), int(sets), target, worst)
        for (error, sets, _), end in zip(every, ends, strict=True)
    ]


def _end(error: float, sets: int, staying: float, target: float) -> CellStep | None:
    """Return why a cell gets no more pattern sets; None where it does."""
    if error <= target and sets >= FEWEST_CELL_SETS:
        return CellStep("reached", f"is known to {error:.2g}")
    if sets < FEWEST_JUDGED_SETS:
        return None
    if not math.isfinite(error) or 0 < staying < FEWEST_STAYING:
        why = f"is of two states: {staying:.0%} of the cues stayed in theirs, too few for a mean of their own"
        return CellStep("two_states", why)
    if (needed := _needed(error, sets, target)) > MOST_CELL_SETS:
        why = (
            f"is known to {error:.2g} by {sets} pattern sets, and would take about {needed:.0f}; at most "
            f"{MOST_CELL_SETS} are tried: ask for a larger error"
        )
        return CellStep("costly", why)
    return None


def _needed(error: float, sets: int, target: float) -> float:
    """Return how many pattern sets an error asks for."""
    return CELL_SETS_MARGIN * sets * (error / target) ** 2


def _more(error: float, sets: int, target: float, worst: float) -> CellStep:
    """Return how many pattern sets a cell gets: those that the error asks for, four times as many at most."""
    why = f"is known to {error:.2g}" if math.isfinite(error) else "has no error yet"
    if sets >= FEWEST_CELL_SETS and error <= worst / 2:
        return CellStep("waits", f"{why}; less certain ones go first")
    most = CELL_SETS_AT_ONCE * sets
    wanted = max(sets + 2, FEWEST_CELL_SETS, math.ceil(min(_needed(error, sets, target), most)))
    return CellStep("seeds", why, min(wanted, max(most, FEWEST_CELL_SETS)))
