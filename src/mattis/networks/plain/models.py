"""Models of plugins: a function of one cell, with its axes and numbers as arguments."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np

from mattis import plugins
from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.plugins import Number, Row, Table, numbers_of
from mattis.study.model import Columns, Model, Observable, PatternSet, Point

STUDY_WORDS = {"name", "model", "axes", "root_seed", "size", "load", "memories", "seed", "patterns"}
"""Keys and axes of every study, which no model of a plugin may use for its own."""

PLAIN_FLAG = Observable("flag", "what makes a cell not trustworthy; 0 if nothing does")


@dataclass(frozen=True)
class Cell:
    """One point of the grid: a pattern set, and where it is simulated."""

    patterns: PatternSet
    point: Mapping[str, float]
    """The labels of the cell along the axes of the model."""

    @property
    def size(self) -> int:
        """Neurons N."""
        return self.patterns.size

    @property
    def count(self) -> int:
        """Patterns P."""
        return self.patterns.patterns

    def stream(self, name: str, shared: bool = False) -> rng.Stream:
        """Return a stream of this cell, or one that all cells of its pattern set share."""
        labels = {**self.patterns.labels, **({} if shared else self.point)}
        return rng.stream(self.patterns.root_seed, name, labels)

    @cached_property
    def xi(self) -> Signs:
        """Random patterns, (P, N), ±1: those that the Hopfield network of this set stores."""
        return random_patterns(self.stream("patterns", shared=True), self.count, self.size)


class PlainProtocol(NamedTuple):
    """How each cell is computed: the model, its axes and its numbers."""

    model: str
    axes: tuple[str, ...]
    numbers: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PlainModel(Row):
    """One row of the table of models of plugins."""

    table: ClassVar[str] = "model"

    name: str
    compute: Callable[..., Mapping[str, float]]
    """(cell, axes, numbers by their names) -> the observables."""

    observables: tuple[Observable, ...]
    summary: str = ""
    equation: str = ""
    source: str = ""
    theory: tuple[str, ...] = ()
    memory: Callable[[int, int], int] = lambda size, patterns: 16 * size * (patterns + 64)

    @cached_property
    def arguments(self) -> Mapping[str, Number]:
        """The axes and the numbers."""
        return numbers_of(self.compute)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The arguments that are axes: those that may be given by their place."""
        parameters = inspect.signature(self.compute).parameters
        return tuple(n for n in self.arguments if parameters[n].kind is not inspect.Parameter.KEYWORD_ONLY)

    @property
    def described(self) -> Model:
        """The row of the table of models."""
        return Model(
            self.name, self.summary, self.equation, ("size", "load", "memories", *self.axes, "seed"),
            (*self.observables, PLAIN_FLAG), self.observables[0].name, self.theory, self.source,
            simulate, self.memory, lambda _size, _patterns: None, unit="cells",
        )  # fmt: skip


def model(
    observables: Sequence[Observable | str], *, name: str = "", **row: Any
) -> Callable[[Callable[..., Mapping[str, float]]], PlainModel]:
    """Make a model of a function (cell, axes, *, numbers) -> the value of each observable, of one cell.

    observables  # the first is the order parameter; a word is its name and its meaning
    name         # that of the function, if not given
    row          # summary, equation, source, theory, memory: the fields of `PlainModel`
    Arguments that may be given by their place are axes of the study; those after * are keys of it.
    """
    every = tuple(o if isinstance(o, Observable) else Observable(o, o) for o in observables)

    def decorated(compute: Callable[..., Mapping[str, float]]) -> PlainModel:
        if not every:
            raise ValueError("got no observables; expected at least one")
        made = PlainModel(name or compute.__name__, compute, every, **row)
        if clash := sorted(STUDY_WORDS & {*made.arguments, *(o.name for o in every)}):
            raise ValueError(f"{clash[0]} is a word of every study; give it another name")
        return made

    return decorated


PLAIN_MODELS = Table(PlainModel, ())
"""The models of plugins."""


class DescribedModels(Mapping[str, Model]):
    """The models of plugins that are loaded, as rows of the table of models."""

    def __getitem__(self, name: str) -> Model:
        return PLAIN_MODELS[name].described

    def __iter__(self) -> Iterator[str]:
        return iter(PLAIN_MODELS)

    def __len__(self) -> int:
        return len(PLAIN_MODELS)


def simulate(patterns: PatternSet, points: Sequence[Point], protocol: PlainProtocol) -> Columns:
    """Return one column per observable, a row for each point: a pure function of its arguments."""
    row = PLAIN_MODELS[protocol.model]
    cells = [Cell(patterns, dict(zip(protocol.axes, point, strict=True))) for point in points]
    found = [_observed(row, cell, dict(protocol.numbers)) for cell in cells]
    names = [observable.name for observable in (*row.observables, PLAIN_FLAG)]
    return {name: np.array([each[name] for each in found], np.float64) for name in names}


def _observed(row: PlainModel, cell: Cell, numbers: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the observables of one cell. Raises UserError where the function returns something else."""
    found = plugins.called(row, row.compute, cell, *cell.point.values(), **numbers)
    names = {observable.name for observable in row.observables}
    if not isinstance(found, Mapping) or {*found} - {"flag"} != names:
        got = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        raise plugins.refused(row, got, f"a dict of {', '.join(sorted(names))}")
    for name, value in found.items():
        if not isinstance(value, Real | np.bool_):
            raise plugins.refused(row, f"{name} = {value!r:.40}", "a number, NaN where there is none")
    return {"flag": 0.0, **{name: float(value) for name, value in found.items()}}
