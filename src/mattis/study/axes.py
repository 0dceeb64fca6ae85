"""The axes of a study: the parameters that vary, their bounds and their spellings."""

import math
import reprlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
import pydantic
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt

from mattis.errors import nearest
from mattis.exact.patterns import share
from mattis.study.spellings import rounded

LONGEST_AXIS = 1_000_000
"""A grid finer than this in one direction is a slip of the keyboard."""

MOST_BODIES = 12
"""Highest degree n of an interaction, whose load is P/N^{n-1}: the dimension `load_n`."""

LARGEST_COUNT = 2.0**62
"""More patterns than this are this many: no network stores them."""

LONG_LIST = 1000
"""A longer axis is written in a shorter form where it has one."""


class Part(BaseModel):
    """A frozen part of a study that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: ClassVar[str] = ""
    """The key of the word that may stand for the whole part: `clipped` for {rule: clipped}."""

    tables: ClassVar[Mapping[str, Collection[str]]] = {}
    """The words that a key may be, where a table has them."""

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys that the part may have, as they are typed."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Grid(Part):
    """Evenly spaced values of an axis, both ends included."""

    start: StrictFloat = Field(alias="from", description="first value")
    stop: StrictFloat = Field(alias="to", description="last value")
    count: StrictInt = Field(description="number of values", ge=1, le=LONGEST_AXIS)

    def values(self) -> list[float]:
        """Return the values, rounded to 12 digits so that 0.03 of a grid is the 0.03 of a list."""
        width = (self.stop - self.start) / max(self.count - 1, 1)
        return [rounded(self.start + k * width) for k in range(self.count)]


def _spelled_out(value: Any) -> Any:
    """Turn `{from, to, count}` or a single number into the list that it stands for."""
    if isinstance(value, Mapping):
        return Grid.model_validate(dict(value)).values()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value]
    return value


def _whole(value: Any) -> Any:
    """Spell out an axis of integers; the values of a grid must be whole to be accepted."""
    spelled = _spelled_out(value)
    if isinstance(value, Mapping):
        return [int(v) if float(v).is_integer() else v for v in spelled]
    return spelled


def _seeds(value: Any) -> Any:
    """Turn a number of seeds into 0 … n-1."""
    if isinstance(value, bool | str | Mapping):
        raise ValueError("expected a number of seeds, or a list of them")
    if isinstance(value, int):
        if not 1 <= value <= LONGEST_AXIS:
            raise ValueError(f"expected a number of seeds in 1 … {LONGEST_AXIS}")
        return list(range(value))
    return value


def label_key(name: str, value: float) -> float:
    """Return what tells labels apart: 12 digits; of beta 14, as random numbers depend on those of 1/T."""
    return float(f"{value:.14g}") if name == "beta" else rounded(value)


LAST_DIGITS = 1e-14
"""Relative size of what arithmetic leaves behind in a number that was meant to be a short one."""


def _reciprocals(value: tuple[float, ...]) -> tuple[float, ...]:
    """Round values that arithmetic has missed by little; 1/0.3 has many digits, and is meant so."""
    near = ((v, rounded(v)) for v in value)
    return tuple(short if abs(v - short) <= LAST_DIGITS * abs(v) else v for v, short in near)


def _as_meant(value: tuple[float, ...]) -> tuple[float, ...]:
    """Round values, and replace -0.0, which is another bit pattern and so another stream, by 0.0."""
    return tuple(rounded(v) + 0.0 for v in value)


def shortest(name: str, values: Sequence[float]) -> Any:
    """Return an axis as it is written: a long one as the number of seeds or the grid that it is, if it is.

    A study file may not be longer than a mebibyte, and that of a study as run must be readable.
    """
    if len(values) <= LONG_LIST:
        return list(values)
    if name == "seed":
        return len(values) if list(values) == list(range(len(values))) else list(values)
    grid = {"from": values[0], "to": values[-1], "count": len(values)}
    return grid if Grid.model_validate(grid).values() == list(values) else list(values)


# fail_fast: an axis of a million wrong values would be a gigabyte of mistakes.
Floats = Annotated[
    tuple[StrictFloat, ...],
    Field(fail_fast=True),
    BeforeValidator(_spelled_out, json_schema_input_type=float | list[float] | Grid),
]
RealValues = Annotated[Floats, AfterValidator(_as_meant)]
Reciprocals = Annotated[Floats, AfterValidator(_reciprocals)]
Integers = Annotated[
    tuple[StrictInt, ...],
    Field(fail_fast=True),
    BeforeValidator(_whole, json_schema_input_type=int | list[int] | Grid),
]
Seeds = Annotated[
    tuple[StrictInt, ...],
    Field(fail_fast=True),
    BeforeValidator(_seeds, json_schema_input_type=int | list[int]),
]


class Misplaced(ValueError):
    """A value that a validator of several fields refuses: where, got, expected, what to do."""

    def __init__(self, where: str, got: str, expected: str, advice: str) -> None:
        self.where, self.got, self.advice = where, got, advice
        super().__init__(f"expected {expected}; {advice}")


class UnknownKey(Misplaced):
    """A key that nothing reads."""

    def __init__(self, where: str, known: Sequence[str]) -> None:
        self.where, self.got, self.advice = where, "", ""
        close = nearest(where, known)
        ValueError.__init__(self, f"unknown key; expected one of {', '.join(known)}{close}")


class UnknownWord(Misplaced):
    """A word that a table, or a key, does not have."""

    def __init__(self, where: str, word: str, expected: str, known: str) -> None:
        self.word, self.expected = word, expected
        super().__init__(where, repr(word)[:40], expected, known)


class Meaning(NamedTuple):
    """What the values along a dimension are, in which unit, and whether they are whole numbers."""

    long_name: str
    units: str = "1"
    is_whole: bool = False


class Bound(NamedTuple):
    """What a value of an axis must be, what to type instead, and what it means."""

    fits: Callable[[float], bool]
    expected: str
    advice: str
    meaning: Meaning


FLIPPED = Meaning("fraction of flipped bits of a cue")

BOUNDS: Mapping[str, Bound] = {
    "size": Bound(
        lambda v: 2 <= v <= 2**24,
        "a number of neurons in 2 … 2^24",
        "for example 1000",
        Meaning("number of neurons N", is_whole=True),
    ),
    "load": Bound(
        lambda v: 0 < v <= 1,
        "a load in (0, 1]",
        "P = round(load × N) must be at least 1, for example 0.05",
        Meaning("load alpha = P/N as asked for; P is in `patterns`"),
    ),
    "temperature": Bound(
        lambda v: v == 0 or 1e-6 <= v <= 1000,
        "a temperature of 0, or in [1e-6, 1000]",
        "use 0 for no thermal noise",
        Meaning("temperature, 1/beta", "J"),
    ),
    "beta": Bound(
        lambda v: 1e-3 <= v <= 1e6 or v == math.inf,
        "an inverse temperature in [1e-3, 1e6], or .inf",
        "use .inf for T = 0",
        Meaning("inverse temperature", "1/J"),
    ),
    "noise": Bound(lambda v: 0 <= v <= 1, "a fraction of bits in [0, 1]", "for example 0.1", FLIPPED),
    "seed": Bound(
        lambda v: 0 <= v < 2**32,
        "a seed in 0 … 2^32 - 1",
        "for example 8 for the seeds 0 … 7",
        Meaning("pattern set", is_whole=True),
    ),
}
"""Bounds of the axes, where a kind of study has no other."""


PATTERN_COUNT = Bound(
    lambda v: 1 <= v <= 2**17,
    "patterns, 1 … 2^17",
    "for example 3",
    Meaning("number of stored patterns P", is_whole=True),
)
"""Bound of an axis of the number of patterns itself."""


class Axes(Part):
    """The parameters that vary: every combination of their values is a cell.

    Each kind of study adds its own. Those of one network come first, then the points at which it is
    simulated, and the seed last: that is the order of the cube.
    """

    size: Integers = Field(default=(1000,), description="neurons N")
    seed: Seeds = Field(default=tuple(range(8)), description="pattern sets: how many, or which")

    bounds: ClassVar[Mapping[str, Bound]] = BOUNDS

    @classmethod
    def meanings(cls) -> Mapping[str, Meaning]:
        """Return what the values along each dimension are, and those of `temperature` beside `beta`."""
        return {name: bound.meaning for name, bound in cls.bounds.items()}

    @abstractmethod
    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube: size, load (or memories), …, seed."""

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Temperatures of each beta, as asked for; none if the study has no such axis."""
        return ()

    @pydantic.model_validator(mode="after")
    def _within_bounds(self) -> Self:
        for name in type(self).model_fields:
            values = getattr(self, name)
            if values is not None and name in self.bounds:
                check_axis(name, values, self.bounds[name])
        return self


def _shown(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else reprlib.repr(value)


def check_axis(name: str, values: tuple[float, ...], bound: Bound) -> None:
    """Raise Misplaced at the first value of an axis that is out of bounds or there twice."""
    if not values:
        raise Misplaced(name, "no values", "at least one", bound.advice)
    seen: dict[float, int] = {}
    for index, value in enumerate(values):
        if not bound.fits(value):
            raise Misplaced(f"{name}[{index}]", _shown(value), bound.expected, bound.advice)
        if (short := label_key(name, value)) in seen:  # a store could not tell them apart
            raise Misplaced(
                f"{name}[{index}]",
                f"{_shown(value)}, the same as {name}[{seen[short]}]",
                "distinct values",
                "remove one of the two",
            )
        seen[short] = index


def one_of(axes: Axes, names: Sequence[str]) -> str:
    """Return which of some spellings of one axis is given. Raises Misplaced unless exactly one is."""
    given = [name for name in names if getattr(axes, name) is not None]
    if len(given) != 1:
        got = "neither" if not given else "both"
        raise Misplaced(names[-1], got, f"one of {' and '.join(names)}", "give one of the two")
    return given[0]


def check_stored(load: Sequence[float], size: Sequence[float]) -> None:
    """Raise Misplaced if the smallest load at the smallest size stores nothing: P grows with both."""
    least, smallest = min(load), int(min(size))
    if patterns_of(least, smallest) < 1:
        raise Misplaced(
            f"load[{load.index(least)}]",
            f"{least:g}, which at size {smallest} stores P = 0 patterns",
            "P = round(load × N) of at least 1",
            f"use a load of at least {0.5 / smallest:.3g} or a larger size",
        )


def patterns_of(load: float, size: int) -> int:
    """Return P = round(load × N), half up."""
    return share(load, size)


def pattern_counts(loads: Sequence[float], sizes: Sequence[float]) -> NDArray[np.int64]:
    """Return `patterns_of` of every size and load, (sizes, loads), faster than one by one."""
    products = np.multiply.outer(np.array(sizes, np.float64), np.array(loads, np.float64))
    halves = np.minimum(products + 0.5, LARGEST_COUNT)
    counts = np.floor(halves).astype(np.int64)
    # Only close to a half do the 12 digits that `share` rounds to decide.
    for i, j in np.argwhere(
        (np.abs(halves - np.rint(halves)) < 1e-10 * np.maximum(halves, 1)) & (halves < LARGEST_COUNT)
    ):
        counts[i, j] = patterns_of(loads[j], int(sizes[i]))
    return counts


def counts_of(stored: str, values: Sequence[float], sizes: Sequence[float]) -> NDArray[np.int64]:
    """Return the P of every size and what is stored: (sizes, values).

    load: P = round(load × N); load_n: round(load N^{n-1}); exponent: round(e^{exponent N}); else P itself.
    """
    if stored == "load":
        return pattern_counts(values, sizes)
    if stored.startswith("load_"):
        bodies = int(stored.removeprefix("load_"))
        return pattern_counts(values, [int(size) ** (bodies - 1) for size in sizes])
    if stored == "exponent":
        counts = [[share(math.exp(min(value * size, 40.0)), 1) for value in values] for size in sizes]
        return np.array(counts, np.int64).reshape(len(sizes), len(values))
    return np.tile(np.array(values, np.int64), (len(sizes), 1))
