"""Rounds of a study that is refined: the files that say which cells are asked for, and why.

round_000.json is the first grid, the product of the axes of the study. Each further one holds what was
decided when all cells of those before were there. The union of all is one cube with holes: its axes have
every value of any round, and a mask tells which cells are asked for.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from mattis.errors import UserError
from mattis.exact.arrays import Mask
from mattis.store import cube
from mattis.store.results import Results, read_json, write_json
from mattis.study.axes import Part, label_key
from mattis.study.base import LARGEST_STUDY, Study
from mattis.study.refine import REFINED_AXES

MOST_DEPTH = 10**6
"""Seeds that a round may ask for of a line: a file may be a stranger's."""


class LineRecord(Part):
    """What a round knew of one line of the grid, or of one cell, and the cells that it asked for there.

    at      # labels along all dimensions but the seed, and of a line but the refined axis
    place   # of the boundary, error, spread and grid its standard error and its parts; null where not known
            # of a cell the overlap; spread is then the error by its own pattern sets alone
    shift   # how far the boundary moved since half of the chain, and its standard error
    seeds   # of the cells that it was estimated by
    step    # what was decided (see `LineStep` and `CellStep`), and why
    values  # along the refined axis, none of a cell: each of these is asked for, with the first `depth` seeds
    """

    at: dict[str, float]
    place: float | None
    error: float | None
    spread: float | None
    grid: float | None
    shift: float | None = None
    shift_error: float | None = None
    seeds: int
    step: str
    why: str
    values: tuple[float, ...] = ()
    depth: int = Field(default=0, ge=0, le=MOST_DEPTH)


class RoundRecord(Part):
    """One file: a round, what it asked for, and where refinement ended if it did.

    cells   # asked for by all rounds, this one included
    added   # of these, by this round
    ended   # why there is no further round; empty as long as there is one
    """

    round: int
    target: str
    along: str
    error: float
    cells: int
    added: int
    ended: str = ""
    lines: tuple[LineRecord, ...] = ()


@dataclass(frozen=True, eq=False)
class AskedCells:
    """The cells that are asked for of a study: a study with all their values, and a mask over its cube."""

    study: Study
    cells: Mask

    @property
    def holed(self) -> Mask | None:
        """The mask, where some cell of the product of the axes is not asked for."""
        return None if self.cells.all() else self.cells


def asked(study: Study, results: Results, last: int | None = None) -> AskedCells:
    """Return the cells that are asked for of a study: all of its grid, and those of its rounds.

    last  # a round up to which these are asked for; all of them if None
    """
    return of_rounds(study, recorded(study, results, last))


def of_rounds(study: Study, rounds: Sequence[RoundRecord]) -> AskedCells:
    """Return the cells of the first grid and of some rounds. Raises UserError where the cube is too large."""
    lines = [line for one in rounds for line in one.lines if line.depth]
    if not lines:
        return AskedCells(study, np.broadcast_to(np.True_, cube.labels_of(study).shape))
    along = study.refined_axis
    whole = _with_values(study, along, lines)
    labels = cube.labels_of(whole)
    if math.prod(labels.shape) > LARGEST_STUDY:
        raise UserError(
            f"study {study.name}, rounds: got a cube of {math.prod(labels.shape)} cells; expected "
            f"at most {LARGEST_STUDY}; split the study, by its loads, into several"
        )
    cells = np.zeros(labels.shape, bool)
    cells[tuple(slice(len(values)) for values in study.labels.values())] = True
    places = {name: labels.positions(name) for name in labels.names}
    for line in lines:
        cells[_where(line, places, REFINED_AXES.get(along))] = True
    return AskedCells(whole, cells)


def _where(
    line: LineRecord, places: Mapping[str, Mapping[float, int]], refined: str | None
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], ...]:
    """Return the cells of a line, as an index of the cube; none where the study has no such line."""
    index: list[list[int]] = []
    for name, place in places.items():
        if name == "seed":
            index.append([*range(line.depth)])
        elif name == refined:
            wanted = [label_key(name, _stored(name, value)) for value in line.values]
            index.append([place[key] for key in wanted])
        else:
            at = place.get(label_key(name, line.at.get(name, math.nan)))
            index.append([] if at is None else [at])
    return np.ix_(*(np.array(one, np.int64) for one in index))


def _with_values(study: Study, along: str, lines: Sequence[LineRecord]) -> Study:
    """Return a study with all values and seeds of its rounds behind its own."""
    axes, depth = study.axes, max(line.depth for line in lines)
    update: dict[str, Any] = {"seed": seeds_of(study, depth)}
    if along not in REFINED_AXES:
        return study.model_copy(update={"axes": axes.model_copy(update=update)})
    dim = REFINED_AXES[along]
    known = {label_key(dim, value) for value in study.labels[dim]}
    new = {label_key(dim, _stored(dim, v)): v for line in lines for v in line.values}
    further = [value for key, value in sorted(new.items()) if key not in known]
    key = "beta" if dim == "beta" and getattr(axes, "beta", None) is not None else along
    further = [_stored(dim, value) for value in further] if key == "beta" else further
    update[key] = (*getattr(axes, key), *further)
    return study.model_copy(update={"axes": axes.model_copy(update=update)})


def _stored(dim: str, value: float) -> float:
    """Return a value of the refined axis as the cube has it: 1/T of a temperature."""
    if dim != "beta":
        return value
    return math.inf if value == 0 else 1.0 / value


def seeds_of(study: Study, count: int) -> tuple[int, ...]:
    """Return so many seeds: those of the study, then the next whole numbers."""
    own = study.axes.seed
    last = max(own)
    return (*own, *range(last + 1, last + 1 + max(count - len(own), 0)))


def recorded(study: Study, results: Results, last: int | None = None) -> list[RoundRecord]:
    """Return the rounds of a study that are written, up to the last one; none of another target.

    Raises UserError for a file that is none.
    """
    if study.refine is None:
        return []
    target = study.refine.target, study.refined_axis
    known = takewhile(lambda one: (one.target, one.along) == target, _each(results))
    return [*islice(known, None if last is None else last + 1)]


def _each(results: Results) -> Iterator[RoundRecord]:
    names = {*results.folder.names()}
    for number in range(1000):
        place = results.round(number)
        if place.name not in names:
            return
        try:
            found = RoundRecord.model_validate(read_json(place))
        except ValidationError:
            found = None
        if found is None or found.round != number:
            advice = "remove it and the later ones; mattis run decides them again from the cells"
            raise UserError(f"{place}: got no record of round {number}; expected one; {advice}")
        yield found


def write(results: Results, record: RoundRecord) -> None:
    """Write a round, where its file says something else, and remove files of later rounds."""
    place, content = results.round(record.round), record.model_dump(mode="json")
    if read_json(place) != content:
        write_json(place, content)
    if record.ended:
        later = results.round(record.round + 1)
        if later.exists():
            later.remove()
