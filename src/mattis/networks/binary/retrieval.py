"""Studies of retrieval: stored patterns are asked for with noisy cues, at a temperature."""

import math
import reprlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic
from pydantic import Field, GetPydanticSchema, StrictFloat, StrictInt, model_validator
from pydantic_core import core_schema

from mattis.errors import nearest
from mattis.networks.binary.network import HALF_WAY, Protocol, few_patterns_overlap
from mattis.study.axes import Axes, Misplaced, Part, RealValues, Reciprocals, check_stored, one_of
from mattis.study.base import Study

LANES_SPEEDUP = 10
"""Spin proposals that take about the time of one update of another model."""

LARGEST_NOISE = 2**27
"""N T must stay below this for the integer thermal noise, at most 8.4 N T, to fit 32 bits."""


def _number_or_half_way(value: Any, number: pydantic.ValidatorFunctionWrapHandler) -> Any:
    """Take the word as it is, and leave all else to the number, whose refusals say what to write."""
    if isinstance(value, str) and value != HALF_WAY and nearest(value, [HALF_WAY]):
        raise ValueError(f"expected a number in (0, 1) or the word {HALF_WAY}")
    return value if value == HALF_WAY else number(value)


RecallThreshold = Annotated[
    float | Literal["half_way"],
    GetPydanticSchema(
        lambda _kind, handler: core_schema.no_info_wrap_validator_function(
            _number_or_half_way,
            handler(Annotated[StrictFloat, Field(gt=0, lt=1)]),
            serialization=core_schema.simple_ser_schema("any"),
        ),
        lambda schema, handler: {"anyOf": [handler(schema["schema"]), {"const": HALF_WAY}]},
    ),
]
"""An overlap in (0, 1), or the word HALF_WAY."""


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
    temperature: RealValues | None = Field(default=None, description="temperature T in units of J, ≥ 0")
    beta: Reciprocals | None = Field(default=None, description="inverse temperature 1/T, > 0 or .inf")

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

    cue_axis: ClassVar[str] = "noise"

    sweeps: Sweeps = Field(default=Sweeps(), description="sweeps of a chain")
    cues: StrictInt = Field(
        default=1, ge=1, description="stored patterns asked for per pattern set, a replica each"
    )
    retrieved_above: RecallThreshold = Field(
        default=0.5,
        description="a cue counts as retrieved if its mean overlap is above; half_way: half-way from the "
        "cue, 1 - 2 noise, to the state of few patterns, m = tanh(m/T)",
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
            sweeps.thermalise, sweeps.measure, self.cues, self.retrieved_above,
            self.update_order, self.noise_sharing,
        )  # fmt: skip

    def stays_above(self, beta: float, noise: float) -> float:
        """Return the overlap above which a chain is in the state of its pattern."""
        return self.asking.stays_above(beta, noise)

    def check_half_way(self, betas: Sequence[float], noises: Sequence[float]) -> None:
        """Raise Misplaced where the way from the cue to its state does not go up."""
        if self.retrieved_above != HALF_WAY:
            return
        for beta in betas:
            state = few_patterns_overlap(beta)
            for noise in noises:
                if state <= 1 - 2 * noise:
                    heat = 0.0 if math.isinf(beta) else 1 / beta
                    got = f"{HALF_WAY} at noise {noise:g} and temperature {heat:g}"
                    expected = f"a state above the cue, but m = {state:g}, cue {1 - 2 * noise:g}"
                    advice = "use a larger noise or a lower temperature there, or a number"
                    raise Misplaced("retrieved_above", got, expected, advice)

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
