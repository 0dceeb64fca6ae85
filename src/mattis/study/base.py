"""What every kind of study has, and what the rest of the house asks it."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, StrictInt, field_validator, model_validator

from mattis.cards import card
from mattis.errors import UserError, nearest
from mattis.exact.arrays import Reals
from mattis.plugins import Plugin
from mattis.study.axes import Axes, Misplaced, Part, counts_of, shortest
from mattis.study.document import written
from mattis.study.figure import FigureBlock
from mattis.study.model import Model, PatternSet, Point, StateShape, Task
from mattis.study.refine import RefineBlock
from mattis.surroundings import expanded
from mattis.words import counted

FEW_LISTED = 8
"""Values of an axis that a card lists one by one; of more, the ends."""

LARGEST_STUDY = 10**8
"""Cells of a study at most: the labelled cube of a larger one fits no machine's memory."""

T = TypeVar("T")

StudyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


def middles(items: Sequence[T], parts: int) -> list[T]:
    """Return the middle of each of some equal parts of a sequence."""
    return [items[(2 * k + 1) * len(items) // (2 * parts)] for k in range(parts)]


def _filled(
    found: Mapping[str, Any], usual: Mapping[str, Any], optional: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return a nested mapping with what it lacks taken from the usual one.

    optional  # what a part that is usually left out lacks, where there is such a part
    """
    out = {**usual, **found}
    for key, value in found.items():
        inner = usual.get(key) or optional.get(key)
        if isinstance(value, dict) and isinstance(inner, dict):
            out[key] = _filled(value, inner)
    return out


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return `key: old → new` for everything that differs between two nested mappings."""
    out = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            out += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            out.append(f"{prefix}{key}: {before} → {after}")
    return out


class Study(Part):
    """What to compute: science only. Where and how fast is for the command line and profiles."""

    name: StudyName = Field(description="names the folder of the results")
    model: str = Field(description="a model of `mattis models`")
    axes: SerializeAsAny[Axes]
    root_seed: StrictInt = Field(
        default=1, ge=0, lt=2**64, description="changes every random number of the study"
    )
    figure: FigureBlock | None = Field(
        default=None, description="what the figure answers and shows; it changes no number"
    )
    refine: RefineBlock | None = Field(
        default=None,
        description="a boundary, or the overlap, that rounds of further cells find to an error; it changes "
        "no number",
    )

    models: ClassVar[Mapping[str, Model]] = {}
    """The models that take this kind of study."""

    has_rounds: ClassVar[bool] = False
    """Whether rounds of further cells can find its boundaries, or its overlap."""

    def __new__(cls, *_given: Any, **_keys: Any) -> Self:
        """Refuse to be called itself: each model has a kind of study of its own."""
        if cls is Study:
            advice = "write mattis.study(model=…, load=…, temperature=…), or mattis.load_study(path)"
            raise UserError(f"mattis.Study: expected a study of one kind, which keys decide; {advice}")
        return super().__new__(cls)

    @field_validator("model")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in cls.models:
            known = ", ".join(cls.models)
            raise ValueError(f"expected one of: {known}{nearest(value, cls.models)}")
        return value

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        self.check()
        if self.figure is not None:
            axes = {name: len(values) for name, values in self.labels.items() if name != "seed"}
            ends = {f"boundary_{one.name}": one.dimension for one in self.described_model.boundaries}
            own = {one.name: one.along for one in self.described_model.histograms}
            self.figure.check(self.quantities, axes, ends, own)
        if self.refine is not None:
            self.refine.check(self.labels, self.refinable)
        cells = 1
        for values in self.labels.values():
            cells *= len(values)
        if cells > LARGEST_STUDY:
            advice = "split it into several studies"
            raise Misplaced("axes", f"{cells} cells", f"at most {LARGEST_STUDY} of them", advice)
        return self

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""

    @property
    def labels(self) -> dict[str, Sequence[float]]:
        """The values along each dimension of the cube: size, load (or memories), points …, seed."""
        return self.axes.labels()

    @property
    def quantities(self) -> set[str]:
        """The names of what a figure may show: observables, histograms, and boundaries of the diagram."""
        model = self.described_model
        boundaries = {f"boundary_{one.name}" for one in model.boundaries}
        observed = {(one.histogram or one).name for one in model.observables} - {"flag"}
        return observed | boundaries | {*self.derived}

    @property
    def derived(self) -> Sequence[str]:
        """Names of estimates that are no mean of an observable: rates, medians."""
        return ()

    @property
    def refinable(self) -> Sequence[str]:
        """Names of boundaries that rounds find, and `overlap`; none with files, that end with their seeds."""
        if not self.has_rounds or self.attachments():
            return ()
        model = self.described_model
        boundaries = [one.name for one in model.boundaries if not one.rises]
        return [*boundaries, *(["overlap"] if model.order_parameter == "overlap" else [])]

    @property
    def refined_axis(self) -> str:
        """The axis that rounds add values to, of a study that is refined; `seed` for the overlap."""
        assert self.refine is not None
        return self.refine.axis({name: len(values) for name, values in self.labels.items()})

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions of the cube."""
        return tuple(self.labels)

    @property
    def stored(self) -> str:
        """The dimension that says how much a network holds: `load`, or `memories`."""
        return self.dimensions[1]

    @property
    def points(self) -> tuple[str, ...]:
        """The dimensions that a network is simulated along: all but size, what is stored, and seed."""
        return self.dimensions[2:-1]

    def counts(self, values: Sequence[float], sizes: Sequence[float]) -> NDArray[np.int64]:
        """Return P for every size and value of the dimension `stored`: (sizes, values)."""
        return counts_of(self.stored, values, sizes)

    def networks(self) -> Iterator[tuple[int, int]]:
        """Yield N and the fewest and most P of every size: what is wrong is wrong at an end."""
        values = self.labels[self.stored]
        for size in self.axes.size:
            for value in dict.fromkeys((min(values), max(values))):
                yield size, int(self.counts([value], [size])[0, 0])

    @property
    def pattern_sets(self) -> str:
        """How many pattern sets there are, and which: `seed` elsewhere names one."""
        seeds = self.axes.seed
        text = counted(len(seeds), "pattern set")
        if list(seeds) != list(range(len(seeds))):
            return f"{text} (seeds {', '.join(map(str, seeds[:4]))}{', …' if len(seeds) > 4 else ''})"
        if len(seeds) == 1:
            return f"{text} (seed 0)"
        count = len(seeds)
        return f"{text} (seed: {count} means 0 … {count - 1}; one set is [{count}])"

    @property
    def described_model(self) -> Model:
        """The row of the table of models that `model` names."""
        return self.models[self.model]

    @property
    @abstractmethod
    def protocol(self) -> Any:
        """How each cell is measured: what the model's `simulate` takes besides patterns and points."""

    def pattern_set(self, size: int, patterns: int, seed: int) -> PatternSet:
        """Return a pattern set of this study."""
        return PatternSet(self.root_seed, size, patterns, seed)

    @abstractmethod
    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points: all that numbers depend on."""

    def probed(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return the points that stand for all of them when a block is timed."""
        return middles(points, 3)

    def units(self, _points: Sequence[Point]) -> Sequence[Sequence[Point]]:
        """Return the points that are computed together; () where each is by itself."""
        return ()

    @property
    def settles(self) -> bool:
        """Whether networks stop once they are at rest, long before their last update."""
        return False

    def making(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return points whose networks are all that are made for these: the first, where one serves all."""
        return points[:1]

    @abstractmethod
    def shortened(self, patterns: PatternSet, points: Sequence[Point], most: int) -> tuple[Task, int]:
        """Return a task of at most about `most` updates at each point, and its effort."""

    @abstractmethod
    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the elementary updates (spin proposals, presentations) of some points at most."""

    def effort(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return what some points cost, in updates: more than these where looking costs as well."""
        return self.updates(patterns, points)

    def weights(self, counts: NDArray[np.int64], sizes: Sequence[float]) -> Reals:
        """Return numbers that rise with the cost of networks of P patterns, (sizes, values)."""
        return np.asarray(counts * np.array(sizes, np.float64)[:, None])

    @abstractmethod
    def total_updates(self) -> int:
        """Return the updates of the whole study."""

    def memory(self, size: int, patterns: int) -> int:
        """Return the bytes that simulating a pattern set takes at its peak."""
        return self.described_model.memory(size, patterns)

    @property
    def plugins(self) -> Sequence[Plugin]:
        """The plugins that change what is computed, observables excepted."""
        return ()

    def physics(self) -> dict[str, Any]:
        """Return what may not change under a store: everything but name, axes, figure and refine."""
        content = self.model_dump(mode="json", exclude={"name", "axes", "figure", "refine"})
        made_with = {plugin.name: plugin.digest for plugin in self.plugins}
        content |= {"plugins": made_with} if made_with else {}
        return content | {"numbers": self.described_model.numbers}

    def rehearse(self) -> None:
        """Compute a little, before anything is written. Raises UserError if a plugin is wrong."""
        size = min(self.axes.size)
        value = min(self.labels[self.stored])
        count = int(self.counts([value], [size])[0, 0])
        point = tuple(self.labels[name][0] for name in self.points)
        task, _ = self.shortened(self.pattern_set(size, count, self.axes.seed[0]), [point], 1)
        self.described_model.simulate(*task)

    def changes(self, physics: Mapping[str, Any]) -> list[str]:
        """Return `key: old → new` for all physics of a store that are not those of this study.

        A key or a number that they lack is younger than they are: it had its default.
        """
        usual = type(self).model_construct(name=self.name, model=self.model, axes=self.axes).physics()
        optional = {
            name: {key: field.default for key, field in type(part).model_fields.items()}
            for name in type(self).model_fields
            if isinstance(part := getattr(self, name), Part) and usual.get(name, part) is None
        }
        # Once more: the plain study may be of other rows, with other numbers.
        found = dict(self.aged(_filled(self.aged(physics), usual, optional)))
        own = self.physics()
        if self.is_older(physics):
            found["numbers"] = own["numbers"]
        for content in (found, own):  # whether they fit is for `plugins.differences`
            content.pop("plugins", None)
        return _differences(found, own)

    def is_older(self, physics: Mapping[str, Any]) -> bool:
        """Whether cells of these physics mean the same, and were made of other random numbers."""
        model = self.described_model
        numbers: int = self.aged(physics)["numbers"]
        return model.numbers - model.comparable <= numbers < model.numbers

    def is_random(self, _labels: Mapping[str, Sequence[float]]) -> bool:
        """Whether cells with some labels depend on random numbers that `Model.comparable` is about."""
        return True

    def aged(self, physics: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return physics of a store, with what the oldest of them do not say of their recipe."""
        return {"numbers": 1, **physics}

    @property
    def kept_states(self) -> StateShape | None:
        """The final states that are kept of each cell; None where the study keeps none."""
        return None

    def attachments(self) -> Mapping[str, bytes]:
        """Return the files that the study needs besides itself, as they lie beside its results."""
        return {}

    def spelled(self) -> dict[str, Any]:
        """Return the keys and values of the study, defaults included."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """Return the study as YAML that reads back as the same study."""
        content = self.spelled()
        content["axes"] = self.axes.model_dump(exclude_none=True)
        content["axes"] = {key: shortest(key, v) for key, v in content["axes"].items()}
        return written(content)

    def write(self, path: Path | str) -> Path:
        """Write the study as a YAML file that loads as the same study, and what it needs beside it.

        Raises UserError where the file cannot be written.
        """
        place = expanded(path)
        contents = {place: self.to_yaml().encode()}
        contents |= {place.parent / name: content for name, content in self.attachments().items()}
        for file, content in contents.items():
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            except OSError as error:
                reason = error.strerror or error
                raise UserError(f"{file}: cannot write the study: {reason}; give another path") from None
        return place

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the model, the axes, and the file that the study would be."""
        axes = self.axes.model_dump(exclude_none=True)
        rows = {"model": f"{self.model}: {self.described_model.summary}"}
        rows |= {name: _listed(values) for name, values in axes.items() if name != "seed"}
        rows |= {
            "pattern sets": self.pattern_sets,
            "cells": str(prod(len(values) for values in self.labels.values())),
        }
        return card(f"Study {self.name}", rows, {"as YAML": self.to_yaml()})


def _listed(values: Sequence[Any]) -> str:
    """Return the values of an axis: all of a few, the ends of many."""
    words = [one if isinstance(one, str) else f"{one:.12g}" for one in values]
    if len(words) <= FEW_LISTED:
        return ", ".join(words)
    return f"{len(words)} values, {words[0]}, {words[1]} … {words[-1]}"
