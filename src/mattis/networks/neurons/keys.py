"""The axes of studies of networks from generating functions, and how their states move."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, model_validator

from mattis.study import axes
from mattis.study.axes import BOUNDS, Axes, Bound, Integers, Meaning, Misplaced, Part, RealValues, Reciprocals

MOST_STORED = 2**20
"""Memories of a network at most: their products with one state are looked at, all of them."""

STORED = ("load", "memories", "exponent")


PRECISIONS = {"float64": "double", "float32": "single"}
"""Precisions by the names of their numbers."""


class NeuronAxes(Axes):
    """The axes of networks from generating functions."""

    load: RealValues | None = Field(
        default=None, description="P/N^{n-1}, n the degree (2 for all but polynomials)"
    )
    memories: Integers | None = Field(default=None, description="P itself, the patterns stored")
    exponent: RealValues | None = Field(default=None, description="ln(P)/N: exponentially many patterns")
    separation: RealValues | None = Field(default=None, description="tau_h/tau_v of a fast-slow system")
    beta: Reciprocals = Field(default=(1.0,), description="gain of the neurons that have one")
    noise: RealValues = Field(default=(0.0,), description="a cue has the overlap 1 - 2 noise")

    bounds: ClassVar[Mapping[str, Bound]] = {
        "size": Bound(
            lambda v: 2 <= v <= 2**16, "a number of neurons in 2 … 2^16", "for example 500",
            BOUNDS["size"].meaning,
        ),
        "load": Bound(
            lambda v: 0 < v <= 16, "a load in (0, 16]", "for example 0.05", BOUNDS["load"].meaning
        ),
        "memories": Bound(
            lambda v: 1 <= v <= MOST_STORED, "patterns, 1 … 2^20", "for example 10",
            Meaning("number of stored patterns P", is_whole=True),
        ),
        "exponent": Bound(
            lambda v: 0 <= v <= 1, "ln(P)/N in [0, 1]", "for example 0.3",
            Meaning("ln(P)/N as asked for; P is in `patterns`"),
        ),
        "separation": Bound(
            lambda v: 1e-5 <= v <= 10, "tau_h/tau_v in [1e-5, 10]", "for example 0.01",
            Meaning("tau_h/tau_v, fast over slow time constant"),
        ),
        "temperature": BOUNDS["temperature"],
        "beta": Bound(
            lambda v: 1e-3 <= v <= 1e6, "a gain in [1e-3, 1e6]", "L is convex for beta > 0 only",
            BOUNDS["beta"].meaning,
        ),
        "noise": BOUNDS["noise"],
        "seed": BOUNDS["seed"],
    }  # fmt: skip

    @classmethod
    def meanings(cls) -> Mapping[str, Meaning]:
        """Return what the values along each dimension are, also of loads by interactions of n bodies."""
        loads = {
            f"load_{n}": Meaning(f"load alpha = P/N^{n - 1} as asked for; P is in `patterns`")
            for n in range(3, axes.MOST_BODIES + 1)
        }
        return {**super().meanings(), **loads}

    @model_validator(mode="after")
    def _one_stored(self) -> Self:
        given = [name for name in STORED if getattr(self, name) is not None]
        if len(given) > 1:
            advice = "give one of them"
            raise Misplaced(given[1], f"both {' and '.join(given)}", f"one of {', '.join(STORED)}", advice)
        if not given:
            advice = "give one of them"
            raise Misplaced("load", "nothing that is stored", f"one of {', '.join(STORED)}", advice)
        return self

    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube, a load under its own name."""
        names = ("size", *STORED, "separation", "beta", "noise", "seed")
        return {name: v for name in names if (v := getattr(self, name)) is not None}

    @property
    def temperatures(self) -> tuple[float, ...]:
        """1/beta."""
        return tuple(1.0 / beta for beta in self.beta)


def _precision(value: Any) -> Any:
    """Return the word for a precision that is called by its numbers."""
    return PRECISIONS.get(value, value) if isinstance(value, str) else value


class Flow(Part):
    """How a state moves."""

    dt: StrictFloat | None = Field(
        default=None, gt=0, le=1e6, description="Euler step, at most 2 tau_v; tau_v if not given"
    )
    tau_v: StrictFloat = Field(default=1.0, gt=0, le=1e6, description="time constant of v")
    steps: StrictInt = Field(default=1000, ge=1, le=10**8, description="Euler steps (sweeps) at most")
    tolerance: StrictFloat | None = Field(
        default=None, ge=1e-15, le=1,
        description="|B(v) - v|/√N_v at rest; 1e-9 (double) or 1e-5 (single) if not given",
    )  # fmt: skip
    duration: StrictFloat = Field(
        default=5.0, gt=0, le=1e6, description="of trajectories that are compared, in tau_v"
    )
    precision: Annotated[
        Literal["double", "single"],
        BeforeValidator(_precision, json_schema_input_type=Literal["double", "single", "float64", "float32"]),
    ] = Field(default="double", description="double or single; float64 and float32 are the same")
