"""Rounds of a study that is refined: from the cells that are there to those of the next round.

A round is a pure function of the cells that were asked for before it, and of the target. Limits only say
whether it is begun: so a larger budget goes on where a smaller one ended, with the same rounds.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from mattis.refinement.line import ADDING, Line, LineStep, next_step
from mattis.store import rounds
from mattis.store.results import Results
from mattis.store.rounds import AskedCells, LineRecord, RoundRecord, of_rounds
from mattis.study.base import LARGEST_STUDY, Study
from mattis.study.model import Boundary
from mattis.study.refine import REFINED_AXES
from mattis.words import counted

ENDS = {
    "reached": "known to the error",
    "beyond": "beyond the axis",
    "ageing": "still moving with time",
    "discrete": "between neighbouring numbers of patterns",
}
"""Why lines get no more cells, in words."""


@dataclass(frozen=True, eq=False)
class RefinedLine:
    """A line of the grid: its labels along the other dimensions, and what was measured along it."""

    at: dict[str, float]
    line: Line


def advance(
    study: Study, results: Results, opened: Callable[[AskedCells, Results], xr.Dataset]
) -> RoundRecord:
    """Decide the round after those that are written, all of whose cells are there, and write it.

    opened  # returns the cells that are asked for

    A last round that asked for nothing is decided again: there may be a larger budget, or another target.
    """
    known = rounds.recorded(results) or [_first(study)]
    if known[-1].round == 0:
        known = [_first(study)]
        rounds.write(results, known[0])
    if known[-1].ended:
        known = known[:-1]
    found = decided(study, known, opened(of_rounds(study, known), results))
    rounds.write(results, found)
    return found


def told(record: RoundRecord) -> str:
    """Return what a round came to, in a sentence."""
    if record.ended:
        return record.ended
    done = sum(line.step == "reached" for line in record.lines)
    errors = [line.error for line in record.lines if line.error is not None]
    worst = f", the others to {max(errors):.2g} at worst" if errors else ""
    return (
        f"{done} of {counted(len(record.lines), 'line')} known to {record.error:g}{worst}; "
        f"{counted(record.added, 'cell')} more"
    )


def _first(study: Study) -> RoundRecord:
    """Return the record of the first grid."""
    cells = math.prod(len(values) for values in study.labels.values())
    return _record(study, 0, cells, cells, [])


def _record(
    study: Study, number: int, cells: int, added: int, lines: Sequence[LineRecord], ended: str = ""
) -> RoundRecord:
    assert study.refine is not None
    along, block = study.refined_axis, study.refine
    return RoundRecord(
        round=number, target=block.target, along=along, error=block.error, cells=cells, added=added,
        ended=ended, lines=tuple(lines),
    )  # fmt: skip


def decided(study: Study, known: Sequence[RoundRecord], cells: xr.Dataset) -> RoundRecord:
    """Return the round that follows some others: a pure function of these and of their cells.

    cells  # those that the rounds before asked for, all of them there
    """
    assert study.refine is not None
    block, number = study.refine, known[-1].round + 1
    steps = [
        (one.at, next_step(one.line, block.error, block.ageing == "accept"))
        for one in lines_of(cells, study)
    ]
    lines = [_line_record(at, step) for at, step in steps]
    before = _count(of_rounds(study, known))
    found = _record(study, number, before, 0, lines)
    whole = of_rounds(study, [*known, found])
    after = _count(whole)
    ended = _over(study, number, steps, after - before, before, whole)
    if ended:
        bare = [one.model_copy(update={"values": (), "depth": 0}) for one in lines]
        return found.model_copy(update={"lines": tuple(bare), "ended": ended})
    return found.model_copy(update={"cells": after, "added": after - before})


def _count(asked: AskedCells) -> int:
    return int(asked.cells.sum())


def _over(
    study: Study, number: int, steps: Sequence[tuple[dict[str, float], LineStep]],
    added: int, before: int, whole: AskedCells,
) -> str:  # fmt: skip
    """Return why refinement ends, in a sentence; nothing where it goes on."""
    assert study.refine is not None
    block = study.refine
    kinds = Counter[str](step.kind for _, step in steps)
    if not any(kinds[kind] for kind in ADDING):
        return _sentence(block.error, kinds, steps)
    if number > block.rounds:
        return f"{counted(block.rounds, 'round')} are done, as many as rounds allows; raise it to go on"
    if before + added > block.cells:
        left = block.cells - before
        return (
            f"the next round takes {counted(added, 'cell')}, and {left} of {block.cells} are left; "
            "raise cells to go on"
        )
    if whole.cells.size > LARGEST_STUDY:
        return "the cube of all values is too large; split the study, by its loads, into several"
    return ""


def _sentence(
    error: float, kinds: Counter[str], steps: Sequence[tuple[dict[str, float], LineStep]]
) -> str:
    """Say whether the target is reached, and of lines where it cannot be, the first with its reason."""
    if kinds["reached"] == len(steps):
        return f"reached: the boundary is known to {error:g} on {counted(len(steps), 'line')}"
    counts = ", ".join(f"{kinds[kind]} {words}" for kind, words in ENDS.items() if kinds[kind])
    at, step = next((at, step) for at, step in steps if step.kind != "reached")
    where = ", ".join(f"{name} {value:g}" for name, value in at.items())
    return f"of {counted(len(steps), 'line')}, {counts}; at {where} the boundary {step.why}"


def _line_record(at: dict[str, float], step: LineStep) -> LineRecord:
    found, (shift, shift_error) = step.found, step.shift
    return LineRecord(
        at=at, place=_known(found.place), error=_known(found.error), spread=_known(found.spread),
        grid=_known(found.grid), shift=_known(shift), shift_error=_known(shift_error),
        seeds=step.depth, step=step.kind, why=step.why,
        values=tuple(map(float, step.positions)), depth=step.seeds,
    )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def boundary_of(study: Study) -> Boundary:
    """Return the boundary that a study is refined across."""
    along = study.refined_axis
    return next(one for one in study.described_model.boundaries if one.name == along)


def lines_of(cells: xr.Dataset, study: Study) -> Iterator[RefinedLine]:
    """Yield the lines of a grid across the boundary of a study, in the order of their labels."""
    boundary, along = boundary_of(study), study.refined_axis
    dim = REFINED_AXES[along]
    late = cells[boundary.fraction]
    early = cells["retrieved_early"] if boundary.fraction == "retrieved" else None
    others = [str(name) for name in late.dims if name not in (dim, "seed")]
    stacked = late.transpose(*others, dim, "seed")
    for index in np.ndindex(*stacked.shape[: len(others)]):
        at = dict(zip(others, index, strict=True))
        labels = {name: float(cells[name].values[k]) for name, k in at.items()}
        yield RefinedLine(labels, _line(cells, boundary, dim, at, late, early))


def _line(
    cells: xr.Dataset, boundary: Boundary, dim: str, at: dict[str, int], late: xr.DataArray,
    early: xr.DataArray | None,
) -> Line:  # fmt: skip
    """Return what was measured along one line, its positions rising."""
    where = cells[boundary.position]
    position = where.isel({k: v for k, v in at.items() if k in where.dims}).values
    spacing = 1.0 / float(cells["size"].values[at["size"]]) if dim == "load" else 0.0
    there = cells["asked"].isel(at).transpose(dim, "seed").values
    order = [k for k in np.argsort(position, kind="stable") if there[k].any()]
    values = late.isel(at).transpose(dim, "seed").values[order]
    line = Line(position[order], np.where(there[order], values, np.nan), None, spacing)
    if early is None:
        return line
    sooner = early.isel(at).transpose(dim, "seed").values[order]
    return replace(line, early=np.where(there[order], sooner, np.nan))
