"""Studies of retrieval: stored patterns are asked for with noisy cues, at a temperature."""

import math
import reprlib
from typing import Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from mattis.networks.binary.network import Protocol
from mattis.study.axes import Axes, Misplaced, Part, RealValues, Reciprocals, check_stored, one_of
from mattis.study.base import Study

LANES_SPEEDUP = 10
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


class RetrievalAxes(Axes):
    """The axes of networks at a temperature."""

    load: RealValues = Field(description="load alpha = P/N, in (0, 1]; P = round(load × N) ≥ 1")
    temperature: RealValues | None = Field(
        default=None, description="temperature T in units of J, ≥ 0"
    )
    beta: Reciprocals | None = Field(
        default=None, description="inverse temperature 1/T, > 0 or .inf"
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        one_of(self, ("temperature", "beta"))
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


class RetrievalStudy(Study):
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

    @property
    def asking(self) -> Protocol:
        """How each cue is followed and judged."""
        sweeps = self.sweeps
        return Protocol(
            sweeps.thermalise, sweeps.measure, self.cues, float(self.retrieved_above),
            self.update_order, self.noise_sharing,
        )  # fmt: skip

    def stays_above(self, beta: float) -> float:
        """Return the overlap above which a chain is in the state of its pattern."""
        return self.asking.stays_above(beta)

    def check_stored(self) -> None:
        """Check P at two corners of the grid: it grows with both, and a grid may have 10^12 points."""
        stored, values, sizes = self.stored, self.labels[self.stored], self.axes.size
        size = min(sizes)
        self.check_cues(size, int(self.counts([min(values)], [size])[0, 0]))
        most, size = max(values), max(sizes)
        fault = self.described_model.check(size, int(self.counts([most], [size])[0, 0]))
        if fault:
            where = f"axes.{stored}[{values.index(most)}]"
            raise Misplaced(where, f"{most:g} at size {size}", "a smaller system", fault)

    def check_cues(self, size: int, patterns: int) -> None:
        """Raise Misplaced unless there is a pattern for each cue."""
        stored, values = self.stored, self.labels[self.stored]
        least = min(values)
        if patterns < self.cues:
            raise Misplaced(
                "cues",
                f"{reprlib.repr(self.cues)}, but axes.{stored}[{values.index(least)}] = {least:g} "
                f"at size {size} stores P = {patterns} patterns",
                "at most as many cues as patterns",
                f"use fewer cues or a larger {stored}",
            )
