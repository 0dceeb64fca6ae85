"""Studies of models that plugins bring: the axes and keys are the arguments of the model's function."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import Field, create_model, model_validator

from mattis.networks.plain.models import PLAIN_MODELS, DescribedModels, PlainModel, PlainProtocol
from mattis.plugins import Number, Plugin
from mattis.study import axes
from mattis.study.axes import BOUNDS, PATTERN_COUNT, Axes, Bound, Integers, Meaning, RealValues, one_of
from mattis.study.base import Study, middles
from mattis.study.model import Model, PatternSet, Point, Task


class PlainAxes(Axes):
    """The axes of a model of a plugin: size, what is stored, those of its function, seed."""

    load: RealValues | None = Field(default=None, description="load alpha = P/N, in (0, 1]")
    memories: Integers | None = Field(default=None, description="P itself, the patterns stored")

    own: ClassVar[tuple[str, ...]] = ()
    """The names of the model's own axes."""

    @model_validator(mode="after")
    def _stored(self) -> Self:
        if one_of(self, ("load", "memories")) == "load":
            assert self.load is not None
            axes.check_stored(self.load, self.size)
        return self

    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube."""
        stored = "load" if self.load is not None else "memories"
        names = ("size", stored, *self.own, "seed")
        return {name: getattr(self, name) for name in names}


class PlainStudy(Study):
    """A study of a model of a plugin."""

    models: ClassVar[Mapping[str, Model]] = DescribedModels()

    axes: PlainAxes

    @property
    def row(self) -> PlainModel:
        """The row of the model."""
        return PLAIN_MODELS[self.model]

    @property
    def plugins(self) -> list[Plugin]:
        """The plugin that brings the model."""
        return PLAIN_MODELS.plugins([self.model])

    @property
    def protocol(self) -> PlainProtocol:
        """How each cell is computed."""
        own = [name for name in self.row.arguments if name not in self.row.axes]
        return PlainProtocol(self.model, self.row.axes, tuple((name, getattr(self, name)) for name in own))

    def check(self) -> None:
        """Raise Misplaced where a model stores nothing."""
        smallest = min(self.labels[self.stored])
        if self.stored == "memories" and smallest < 1:
            raise axes.Misplaced("axes.memories", f"{smallest:g}", "at least 1", "for example 3")

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points."""
        return patterns, list(points), self.protocol

    def shortened(
        self,
        patterns: PatternSet,
        points: Sequence[Point],
        most: int,  # noqa: ARG002
    ) -> tuple[Task, int]:
        """Return a task of these points, and their number: a function cannot be cut short."""
        return self.task(patterns, points), len(points)

    def probed(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return the point that stands for all of them when a block is timed."""
        return middles(points, 1)

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:  # noqa: ARG002
        """Return the number of points."""
        return len(points)

    def total_updates(self) -> int:
        """Return the number of cells."""
        return math.prod(map(len, self.labels.values()))


@cache
def kind_of_row(row: PlainModel) -> type[PlainStudy]:
    """Return the kind of study that a model takes: its axes and its keys are those of the function."""
    own = {name: row.arguments[name] for name in row.axes}
    fields: dict[str, Any] = {name: _axis(number) for name, number in own.items()}
    axes: Any = create_model(f"{row.name}Axes", __base__=PlainAxes, **fields)
    axes.own = row.axes
    axes.bounds = {
        **BOUNDS,
        "memories": PATTERN_COUNT,
        **{name: _bound(number) for name, number in own.items()},
    }
    keys: dict[str, Any] = {
        name: (number.strict, number.default) for name, number in row.arguments.items() if name not in own
    }
    kind: type[PlainStudy] = create_model(
        row.name, __base__=PlainStudy, model=(str, row.name), axes=(axes, ...), **keys
    )
    return kind


def _axis(number: Number) -> tuple[Any, Any]:
    """Return the field of an axis: whole numbers where the argument is one."""
    return (Integers if number.is_whole else RealValues, (number.default,))


TESTS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "ge": ("at least", operator.ge),
    "gt": ("above", operator.gt),
    "le": ("at most", operator.le),
    "lt": ("below", operator.lt),
}
"""What the bounds of an annotation say, by the names that pydantic gives them."""


def _bound(number: Number) -> Bound:
    """Return the bound of an axis from the annotation of its argument."""
    bounds = {
        name: limit
        for bound in number.bounds
        for name in TESTS
        if (limit := getattr(bound, name, None)) is not None
    }
    words = [f"{TESTS[name][0]} {limit:g}" for name, limit in bounds.items()]
    return Bound(
        lambda value: math.isfinite(value)
        and all(TESTS[name][1](value, limit) for name, limit in bounds.items()),
        "a number" + (f" {' and '.join(words)}" if words else ""), f"for example {number.default!r}",
        Meaning(number.description or number.name, is_whole=number.is_whole),
    )  # fmt: skip
