"""The axes of binary networks, and the numbers that stand for rules of couplings on one of them."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import ClassVar, Self

from pydantic import Field, model_validator

from mattis import plugins
from mattis.networks.binary.couplings import RULES
from mattis.networks.binary.retrieval import RetrievalAxes
from mattis.study import axes
from mattis.study.axes import BOUNDS, Bound, Integers, Meaning, Misplaced, RealValues, UnknownWord, one_of

AXIS_RULES = (
    "hebb", "clipped", "dead_zone", "dilution", "asymmetric_dilution", "sequence", "palimpsest",
    "marginalist", "pseudo_inverse", "weighted", "sherrington_kirkpatrick", "van_hemmen",
)  # fmt: skip
"""Rules that stand on an axis of the cube by their place in this list; all others by `code_of`."""


def code_of(rule: str) -> int:
    """Return the whole number that stands for a rule on an axis of the cube: of others, made of the name."""
    if rule in AXIS_RULES:
        return AXIS_RULES.index(rule)
    return 2**32 + int.from_bytes(sha256(rule.encode()).digest()[:4], "big")


def rule_of(code: float) -> str:
    """Return the rule that a number stands for."""
    return next(name for name in RULES if code_of(name) == int(code))


class BinaryAxes(RetrievalAxes):
    """The axes of the family: load or memories, rules of couplings, ages, mixtures, temperature, noise."""

    load: RealValues | None = Field(  # type: ignore[assignment]
        default=None, description="load alpha = P/N, in (0, 1]; P = round(load × N) ≥ 1"
    )
    memories: Integers | None = Field(default=None, description="P itself, the patterns stored")
    couplings: tuple[str, ...] | None = Field(default=None, description="rules to compare")
    age: Integers | None = Field(default=None, description="the pattern asked for is the age-th newest")
    mixture: Integers | None = Field(default=None, description="patterns that a cue is a mixture of: odd")
    noise: RealValues = Field(
        default=(0.0,),
        description="fraction of flipped bits of a cue (or taken from another pattern), in [0, 1]",
    )

    bounds: ClassVar[Mapping[str, Bound]] = {
        **BOUNDS,
        "memories": axes.PATTERN_COUNT,
        "age": Bound(
            lambda v: 1 <= v <= 2**20, "an age of 1, the newest, or more", "for example 1",
            Meaning("age of the pattern that is asked for, 1 for the newest", is_whole=True),
        ),
        "mixture": Bound(
            lambda v: 1 <= v <= 99 and v % 2 == 1, "an odd number of patterns, 1 … 99", "for example 3",
            Meaning("patterns that a cue is a mixture of", is_whole=True),
        ),
    }  # fmt: skip

    @classmethod
    def meanings(cls) -> Mapping[str, Meaning]:
        """Return what the values along each dimension are; those of `couplings` stand for rules."""
        rules = ", ".join(f"{code} {name}" for code, name in enumerate(AXIS_RULES))
        return {**super().meanings(), "couplings": Meaning(f"rule of the couplings: {rules}", is_whole=True)}

    @model_validator(mode="after")
    def _known(self) -> Self:
        for index, name in enumerate(self.couplings or ()):
            where, rules = f"couplings[{index}]", self.couplings or ()
            if name not in RULES:
                advice = f"use one of {', '.join(RULES)}{plugins.hint(name, RULES)}"
                raise UnknownWord(where, name, "a rule of couplings", advice)
            if name in rules[:index]:
                got = f"{name}, the same as couplings[{rules.index(name)}]"
                raise Misplaced(where, got, "distinct rules", "remove one of the two")
        if self.couplings == ():
            raise Misplaced("couplings", "no values", "at least one", "for example [hebb, clipped]")
        return self

    def check_loads(self) -> None:
        """Raise Misplaced unless something is stored everywhere."""
        if one_of(self, ("load", "memories")) == "load":
            assert self.load is not None
            axes.check_stored(self.load, self.size)

    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube."""
        out: dict[str, Sequence[float]] = {"size": self.size}
        if self.load is not None:
            out["load"] = self.load
        if self.memories is not None:
            out["memories"] = self.memories
        if self.couplings is not None:
            out["couplings"] = tuple(map(code_of, self.couplings))
        if self.age is not None:
            out["age"] = self.age
        if self.mixture is not None:
            out["mixture"] = self.mixture
        return out | {"beta": self.betas, "noise": self.noise, "seed": self.seed}
