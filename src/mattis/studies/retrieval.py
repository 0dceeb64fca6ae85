"""Studies of retrieval: stored patterns are asked for with noisy cues, at a temperature."""

import math
import reprlib
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from mattis.axes import Axes, Misplaced, Part, Reals, check_stored, one_of, patterns_of
from mattis.kernels.lanes import LANES
from mattis.models import PatternSet, Point, Task, chains
from mattis.models.binary import Setting
from mattis.models.network import SYNCHRONOUS, Protocol
from mattis.studies.base import Study, middles

DIMENSIONS = ("size", "load", "beta", "noise", "seed")

QUICK = 10
"""Spin proposals that take about the time of one update of another model."""

LARGEST_NOISE = 2**27
"""N T must stay below this for the integer thermal noise, at most 8.4 N T, to fit 32 bits."""


class Sweeps(Part):
    """How long a chain is, in sweeps of N proposals."""

    thermalise: StrictInt = Field(default=100, ge=0, le=2**31, description="sweeps thrown away")
    measure: StrictInt = Field(default=200, ge=2, le=2**31, description="sweeps averaged over")

    @property
    def total(self) -> int:
        """All sweeps of a chain."""
        return self.thermalise + self.measure


class Heated(Axes):
    """The axes of networks at a temperature."""

    load: Reals = Field(description="load alpha = P/N, in (0, 1]; P = round(load × N) ≥ 1")
    temperature: Reals | None = Field(default=None, description="temperature T in units of J, ≥ 0")
    beta: Reals | None = Field(default=None, description="inverse temperature 1/T, > 0 or .inf")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        one_of(self, ("temperature", "beta"))
        if len(set(self.betas)) < len(self.betas):
            raise Misplaced(
                "temperature",
                "two values that have the same inverse, for they differ in the last digit only",
                "distinct values of 1/T",
                "remove one of the two",
            )
        self.check_loads()
        return self

    def check_loads(self) -> None:
        """Raise Misplaced unless something is stored everywhere."""
        check_stored(self.load, self.size)

    @property
    def betas(self) -> tuple[float, ...]:
        """Inverse temperatures, in the order of the study."""
        if self.beta is not None:
            return self.beta
        assert self.temperature is not None
        return tuple(math.inf if t == 0 else 1.0 / t for t in self.temperature)

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Temperatures as asked for, or 1/beta."""
        if self.temperature is not None:
            return self.temperature
        return tuple(0.0 if math.isinf(b) else 1.0 / b for b in self.betas)


class RetrievalAxes(Heated):
    """The axes of a study of retrieval."""

    noise: Reals = Field(default=(0.0,), description="fraction of flipped bits of a cue, in [0, 1]")

    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube."""
        return dict(
            zip(DIMENSIONS, (self.size, self.load, self.betas, self.noise, self.seed), strict=True)
        )


class Asked(Study):
    """How networks are asked for what they store: chains from cues, and when that counts as recall."""

    sweeps: Sweeps = Field(default=Sweeps(), description="sweeps of a chain")
    cues: StrictInt = Field(
        default=1, ge=1, description="stored patterns asked for per pattern set, a replica each"
    )
    retrieved_above: StrictFloat = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="a cue counts as retrieved if its mean overlap is above",
    )

    update_order: Literal["typewriter", "random"] = Field(
        default="typewriter",
        description="sites are visited from 0 to N-1, or in a new random order in each sweep",
    )
    noise_sharing: Literal["independent", "common"] = Field(
        default="independent",
        description="thermal noise of replicas that differ in temperature only: their own, or the same "
        "numbers, which is faster and makes cells along the temperature vary together",
    )

    younger: ClassVar[tuple[str, ...]] = ("update_order", "noise_sharing")

    @property
    def asking(self) -> Protocol:
        """How each cue is followed and judged."""
        sweeps = self.sweeps
        return Protocol(
            sweeps.thermalise, sweeps.measure, self.cues, float(self.retrieved_above),
            SYNCHRONOUS if self.model == "little" else self.update_order, self.noise_sharing,
        )  # fmt: skip

    def check_stored(self, loads: Sequence[float], sizes: Sequence[int]) -> None:
        """Check P at two corners of the grid: it grows with both, and a grid may have 10^12 points."""
        load, size = min(loads), min(sizes)
        patterns = patterns_of(load, size)
        if patterns < self.cues:
            raise Misplaced(
                "cues",
                f"{reprlib.repr(self.cues)}, but axes.load[{loads.index(load)}] = {load:g} "
                f"at size {size} stores P = {patterns} patterns",
                "at most as many cues as patterns",
                "use fewer cues or a larger load",
            )
        load, size = max(loads), max(sizes)
        fault = self.described_model.check(size, patterns_of(load, size))
        if fault:
            where = f"axes.load[{loads.index(load)}]"
            raise Misplaced(where, f"{load:g} at size {size}", "a smaller system", fault)

    def check_noise(self, temperatures: Sequence[float], sizes: Sequence[int]) -> None:
        """Raise Misplaced if the thermal noise of the hottest, largest network overflows."""
        size, hottest = max(sizes), max(temperatures)
        if size * hottest > LARGEST_NOISE:
            raise Misplaced(
                "axes.temperature",
                f"{hottest:g} at size {size}",
                "N × T below 2^27, so that the integer noise fits 32 bits",
                "use a lower temperature or a smaller size",
            )


class Retrieval(Asked):
    """A study of networks that are asked for what they store."""

    model: str = Field(default="hopfield", description="a model of `mattis models`")
    axes: RetrievalAxes

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""
        self.check_stored(self.axes.load, self.axes.size)
        self.check_noise(self.axes.temperatures, self.axes.size)
        if self.model == "little" and self.update_order != "typewriter":
            expected = "no order, for Little's network updates all sites at once"
            advice = "remove the key, or use model: hopfield"
            raise Misplaced("update_order", self.update_order, expected, advice)

    @property
    def protocol(self) -> Protocol:
        """How each cell is measured."""
        return self.asking

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points (beta, noise)."""
        return patterns, [Setting(*point) for point in points], self.protocol

    def probed(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return points that fill the lanes of a kernel, where there are as many."""
        wanted = max(LANES // self.cues, 1)
        return points if len(points) <= wanted else middles(points, wanted)

    def shortened(
        self, patterns: PatternSet, points: Sequence[Point], most: int
    ) -> tuple[Task, int]:
        """Return a task with shorter chains, and its spin proposals, which take some ns each."""
        cues = min(self.cues, max(LANES // len(points), 1))
        sweeps = max(2, min(self.sweeps.total, QUICK * most // (patterns.size * cues)))
        settings = [Setting(*point) for point in points]
        task = patterns, settings, replace(self.asking, thermalise=0, measure=sweeps, cues=cues)
        return task, patterns.size * sweeps * cues * len(points)

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the spin proposals at some points at most (at T = 0 chains stop at a fixed point)."""
        return patterns.size * self.sweeps.total * self.cues * len(points)

    def total_updates(self) -> int:
        """Return the spin proposals of the whole study at most."""
        a = self.axes
        cells = len(a.load) * len(a.seed) * len(a.betas) * len(a.noise)
        return sum(a.size) * cells * self.sweeps.total * self.cues

    def memory(self, size: int, patterns: int) -> int:
        """Return the bytes that simulating N neurons with P patterns takes at its peak."""
        a, sweeps = self.axes, self.sweeps.total
        replicas = len(a.betas) * len(a.noise) * self.cues
        synchronous = self.protocol.order == SYNCHRONOUS
        matrix = 0 if synchronous else chains.matrix_memory(size, patterns, replicas, sweeps)
        return super().memory(size, patterns) + matrix + chains.trace_memory(sweeps, synchronous)
