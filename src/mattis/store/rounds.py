"""Rounds of a study that is refined: the files that say which cells are asked for, and why.

round_000.json is the first grid, the product of the axes of the study. Each further one holds what was
decided when all cells of those before were there. The union of all is one cube with holes: its axes have
every value of any round, and a mask tells which cells are asked for.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from mattis.errors import UserError
from mattis.store import cube
from mattis.store.results import Results, read_json, write_json
from mattis.study.axes import Part, label_key
from mattis.study.base import Study
from mattis.study.plan import Mask
from mattis.study.refine import REFINED_AXES


class LineRecord(Part):
    """What a round knew of one line of the grid, and the cells that it asked for there.

    at      # labels of the line along the other dimensions, but the seed
    place   # of the boundary, error, spread and grid its standard error and its parts; null where not known
    shift   # how far the boundary moved since half of the chain, and its standard error
    seeds   # of the cells that it was estimated by
    step    # what was decided (see `LineStep`), and why
    values  # along the refined axis: each of these, with the first `depth` seeds, is asked for
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
    depth: int = 0


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


def asked(study: Study, results: Results) -> AskedCells:
    """Return the cells that are asked for of a study: all of its grid, and those of its rounds."""
    rounds = [] if study.refine is None else recorded(results)
    return of_rounds(study, rounds)


def of_rounds(study: Study, rounds: Sequence[RoundRecord]) -> AskedCells:
    """Return the cells of the first grid and of some rounds."""
    lines = [line for one in rounds for line in one.lines if line.values]
    if not lines:
        return AskedCells(study, np.ones(cube.labels_of(study).shape, bool))
    along = study.refined_axis
    whole = _with_values(study, along, lines)
    labels = cube.labels_of(whole)
    cells = np.zeros(labels.shape, bool)
    cells[tuple(slice(len(values)) for values in study.labels.values())] = True
    places = {name: labels.positions(name) for name in labels.names}
    for line in lines:
        cells[_where(line, places, REFINED_AXES[along])] = True
    return AskedCells(whole, cells)


def _where(
    line: LineRecord, places: Mapping[str, Mapping[float, int]], refined: str
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
    dim, axes = REFINED_AXES[along], study.axes
    known = {label_key(dim, value) for value in study.labels[dim]}
    new = {label_key(dim, _stored(dim, v)): v for line in lines for v in line.values}
    further = [value for key, value in sorted(new.items()) if key not in known]
    key = "beta" if dim == "beta" and getattr(axes, "beta", None) is not None else along
    further = [_stored(dim, value) for value in further] if key == "beta" else further
    depth = max(line.depth for line in lines)
    update = {key: (*getattr(axes, key), *further), "seed": seeds_of(study, depth)}
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


def recorded(results: Results) -> list[RoundRecord]:
    """Return the rounds that are written, from the first on. Raises UserError for a file that is none."""
    return [*_each(results)]


def is_over(results: Results) -> bool:
    """Tell whether the last round that is written is one after which there is none."""
    known = recorded(results)
    return bool(known) and bool(known[-1].ended)


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
