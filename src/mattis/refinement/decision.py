"""Rounds of a study that is refined: from the cells that are there to those of the next round.

A round is a pure function of the cells that were asked for before it, and of the target. Limits only say
whether it is begun: so a larger budget goes on where a smaller one ended, with the same rounds.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import xarray as xr

from mattis.errors import UserError
from mattis.refinement.boundary import boundary_records
from mattis.refinement.overlap import overlap_records
from mattis.store import rounds
from mattis.store.results import Results
from mattis.store.rounds import AskedCells, LineRecord, RoundRecord, of_rounds
from mattis.study.base import Study
from mattis.words import counted

ENDS = {
    "reached": "known to the error",
    "beyond": "beyond the axis",
    "ageing": "still moving with time",
    "discrete": "between neighbouring numbers of patterns",
    "two_states": "of two states",
    "costly": "too uncertain for any number of pattern sets",
}
"""Why lines, or cells of the overlap, get no more cells, in words."""


class Target(NamedTuple):
    """What rounds find: its name, what each record is of, and how records come from cells."""

    what: str
    at: str
    of: str
    records: Callable[[xr.Dataset, Study], list[LineRecord]]


TARGETS: Mapping[str, Target] = {
    "boundary": Target("boundary", "on", "line", boundary_records),
    "overlap": Target("overlap", "in", "cell", overlap_records),
}
"""What a study may be refined to know."""


def advance(
    study: Study,
    results: Results,
    opened: Callable[[AskedCells, Results], xr.Dataset],
    last: int | None = None,
) -> RoundRecord:
    """Decide the round after those that are written, all of whose cells are there, and write it.

    opened  # returns the cells that are asked for
    last    # the round after which it is decided, where there may be later ones

    A last round that asked for nothing is decided again: there may be a larger budget, or another target.
    """
    known = rounds.recorded(study, results, last) or [_first(study)]
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
    of = counted(len(record.lines), TARGETS[record.target].of)
    return f"{done} of {of} known to {record.error:g}{worst}; {counted(record.added, 'cell')} more"


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
    number, of_target = known[-1].round + 1, TARGETS[study.refine.target]
    lines = of_target.records(cells, study)
    before = _count(of_rounds(study, known))
    found = _record(study, number, before, 0, lines)
    try:
        after, trouble = _count(of_rounds(study, [*known, found])), ""
    except UserError as error:  # a cube that is too large
        after, trouble = before, str(error)
    ended = trouble or _over(study, number, lines, after - before, before)
    if ended:
        bare = [one.model_copy(update={"values": (), "depth": 0}) for one in lines]
        return found.model_copy(update={"lines": tuple(bare), "ended": ended})
    return found.model_copy(update={"cells": after, "added": after - before})


def _count(asked: AskedCells) -> int:
    return int(asked.cells.sum())


def _over(study: Study, number: int, lines: Sequence[LineRecord], added: int, before: int) -> str:
    """Return why refinement ends, in a sentence; nothing where it goes on."""
    assert study.refine is not None
    block = study.refine
    if not any(line.depth for line in lines):
        return _sentence(study, lines)
    if number > block.rounds:
        return f"{counted(block.rounds, 'round')} are done, as many as rounds allows; raise it to go on"
    if before + added > block.cells:
        left = block.cells - before
        return (
            f"the next round takes {counted(added, 'cell')}, and {left} of {block.cells} are left; "
            "raise cells to go on"
        )
    return ""


def _sentence(study: Study, lines: Sequence[LineRecord]) -> str:
    """Say whether the target is reached, and of lines where it cannot be, the first with its reason."""
    assert study.refine is not None
    target, kinds = TARGETS[study.refine.target], Counter(line.step for line in lines)
    count = counted(len(lines), target.of)
    if kinds["reached"] == len(lines):
        return f"reached: the {target.what} is known to {study.refine.error:g} {target.at} {count}"
    counts = ", ".join(f"{kinds[kind]} {words}" for kind, words in ENDS.items() if kinds[kind])
    first = next(line for line in lines if line.step != "reached")
    where = ", ".join(_labelled(name, value) for name, value in first.at.items())
    return f"of {count}, {counts}; at {where} the {target.what} {first.why}"


def _labelled(name: str, value: float) -> str:
    """Return a label in words: a temperature in place of its inverse."""
    return f"temperature {1 / value:g}" if name == "beta" and value else f"{name} {value:g}"
