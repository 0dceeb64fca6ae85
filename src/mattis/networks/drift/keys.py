"""The keys and axes that studies of drifting memories share, and the cost of a presentation."""

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, StrictFloat, StrictInt, model_validator

from mattis.networks.drift.consolidation import MOST_DRIFTING, DriftProtocol, Stage, total_presentations
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.study.axes import BOUNDS, Axes, Bound, Integers, Meaning, Misplaced, RealValues
from mattis.study.base import Study

PRESENTATION_COST = 20
"""A presentation to few memories costs as much as so many spin proposals, roughly."""

LOOK_COST = 40_000
"""To observe few memories costs as much as so many spin proposals, roughly."""

SOFTMAX = Bound(
    lambda v: 1e-9 <= v <= 1e6 or v == math.inf,
    "an inverse temperature in [1e-9, 1e6], or .inf",
    "use .inf for a memory that takes all",
    Meaning("inverse temperature of the softmax"),
)
KAPPA = "inverse temperature of the softmax, kappa = beta N rho with rho = <|xi'|²>/N"
SIGMA = Meaning("sigma, by which new patterns differ from old ones")
DRIFT_BOUNDS: Mapping[str, Bound] = {
    "size": Bound(
        lambda v: 2 <= v <= 2**40, "a number of neurons in 2 … 2^40", "for example 1000",
        BOUNDS["size"].meaning,
    ),
    "load": BOUNDS["load"],
    "memories": Bound(
        lambda v: 2 <= v <= MOST_DRIFTING, f"memories in 2 … {MOST_DRIFTING}", "for example 4",
        Meaning("memories N_h, and patterns that are shown", is_whole=True),
    ),
    "beta": SOFTMAX,
    "kappa": SOFTMAX._replace(meaning=Meaning(KAPPA)),
    "noise": Bound(
        lambda v: 0 <= v <= 1000, "a strength sigma in [0, 1000]", "for example 0.4", SIGMA
    ),
    "likeness": Bound(
        lambda v: 0 <= v <= 1, "a cosine in [0, 1]", "0 for independent changes",
        Meaning("cosine between the changes of two patterns"),
    ),
    "spread": Bound(
        lambda v: 0 <= v <= 30, "a spread in [0, 30]", "0 shows all equally often",
        Meaning("s: the most frequent pattern is shown e^s times as often as the rarest"),
    ),
    "tau": Bound(
        lambda v: 0.5 <= v <= 1e12, "a time constant in [0.5, 1e12]", "for example 100",
        Meaning("time constant of a memory", "dt"),
    ),
    "presentations": Bound(
        lambda v: 0 <= v <= 1e9, "presentations per memory in [0, 1e9]", "for example 1000",
        Meaning("patterns shown per memory"),
    ),
    "memory": Bound(
        lambda v: 0 <= v < MOST_DRIFTING, "the number of a memory, from 0", "for example [0, 1]",
        Meaning("number of the memory, from the one shown most rarely", is_whole=True),
    ),
    "seed": BOUNDS["seed"],
}  # fmt: skip


class DriftAxes(Axes):
    """The axes of memories that drift."""

    size: Integers = Field(default=(1000,), description="neurons N_v")
    noise: RealValues = Field(
        default=(0.4,), description="sigma of xi' = xi + sigma Z, or fraction of flipped signs"
    )
    presentations: RealValues = Field(
        description="patterns shown per memory, k: round(k × N_h) are shown in all"
    )

    bounds: ClassVar[Mapping[str, Bound]] = DRIFT_BOUNDS

    @classmethod
    def meanings(cls) -> Mapping[str, Meaning]:
        """Return the long name and unit of each dimension; the only temperature is that of the softmax."""
        return {**super().meanings(), "temperature": Meaning("temperature of the softmax, 1/beta")}


class DriftStudy(Study):
    """How memories are drawn and what they are shown."""

    @model_validator(mode="before")
    @classmethod
    def _with_sequence(cls, content: Any) -> Any:
        """Take `clamping: {sequence: [0, 1, 1]}` for the two keys that it stands for."""
        order = content.get("clamping") if isinstance(content, dict) else None
        if isinstance(order, dict) and [*order] == ["sequence"] and "sequence" not in content:
            return {**content, "clamping": "sequence", **order}
        return content

    clamping: Literal["random", "cyclic", "sequence"] = Field(
        default="random", description="order of the patterns"
    )
    sequence: tuple[StrictInt, ...] | None = Field(
        default=None, description="patterns in the order in which they are shown, again and again"
    )
    probabilities: tuple[StrictFloat, ...] | None = Field(
        default=None, description="how often each pattern is shown, in place of a spread"
    )
    dwell: StrictInt = Field(default=1, ge=1, le=10**6, description="steps that a pattern is shown")
    step: StrictFloat = Field(default=1.0, gt=0, le=1e6, description="dt of an Euler step")
    similarity: Literal["dot", "distance"] = Field(
        default="dot", description="w = softmax(beta Xi·xi'), or softmax(-beta |Xi - xi'|²/2)"
    )
    consolidated_above: StrictFloat = Field(
        default=0.9, gt=0, lt=1, description="cosine above which a memory is at its new pattern"
    )
    merged_above: StrictFloat = Field(
        default=0.9, gt=0, lt=1, description="cosine above which two memories are twins"
    )
    reached_above: StrictFloat = Field(
        default=0.99, gt=0, le=1, description="the similarity whose time is taken"
    )

    def schedule(self, ensemble: MemoryEnsemble, single: bool = False) -> DriftProtocol:
        """Return the protocol of these keys with an ensemble."""
        return DriftProtocol(
            ensemble, self.clamping, self.sequence or (), self.dwell,
            float(self.step), self.similarity, float(self.consolidated_above), float(self.merged_above),
            float(self.reached_above), self.probabilities or (), single,
        )  # fmt: skip

    def check_drift(self, taus: Sequence[float], spreads: Sequence[float], fewest: int, most: int) -> None:
        """Raise Misplaced where the order of patterns, or the step of time, cannot be."""
        shortest = min(taus)
        if self.step >= 2 * shortest:
            raise Misplaced(
                "step",
                f"{self.step:g} with a time constant of {shortest:g}",
                "a step below 2 tau, where Euler's rule is stable",
                "use a smaller step",
            )
        if (self.clamping == "sequence") != (self.sequence is not None):
            got = "no sequence" if self.sequence is None else f"clamping: {self.clamping}"
            advice = "give both clamping: sequence and sequence: [0, 1, …]"
            raise Misplaced("sequence", got, "a sequence with its clamping", advice)
        if self.sequence is not None and not (
            self.sequence and min(self.sequence) >= 0 and max(self.sequence) < fewest
        ):
            got = reprlib.repr(list(self.sequence))
            raise Misplaced("sequence", got, f"numbers in 0 … {fewest - 1}", "count from 0")
        if self.probabilities is not None:
            self._check_probabilities(spreads, fewest, most)
        if self.clamping != "random" and max(spreads) > 0:
            raise Misplaced(
                "axes.spread",
                f"{max(spreads):g} with clamping: {self.clamping}",
                "a spread of 0 where the order is fixed",
                "use clamping: random",
            )

    def _check_probabilities(self, spreads: Sequence[float], fewest: int, most: int) -> None:
        """Raise Misplaced unless every memory has its probability, and nothing else says them."""
        shares = self.probabilities or ()
        if self.clamping != "random" or max(spreads) > 0:
            got = f"them with clamping: {self.clamping} and a spread of {max(spreads):g}"
            raise Misplaced("probabilities", got, "clamping: random and no spread", "remove one of the two")
        if fewest != most or len(shares) != most:
            got = f"{len(shares)} of them for {fewest if fewest == most else f'{fewest} … {most}'} memories"
            raise Misplaced("probabilities", got, "one for each memory", "give one N_h only")
        if not (all(0 <= p <= 1e9 for p in shares) and max(shares) >= 1e-9):
            got = reprlib.repr(list(shares))
            raise Misplaced("probabilities", got, "numbers in [0, 1e9], not all 0", "they need not sum to 1")


def cost(dwell: int, count: int) -> int:
    """Return about how many spin proposals take as long as a presentation: the softmax is of pairs."""
    return PRESENTATION_COST * dwell * (1 + count**2 // 1024)


def presentations(stages: Sequence[Stage], count: int) -> int:
    """Return the presentations of all trajectories: stages of one trajectory count once."""
    longest: dict[tuple[float, ...], int] = {}
    for stage in stages:
        total = total_presentations(stage, count)
        longest[stage.trajectory] = max(longest.get(stage.trajectory, 0), total)
    return sum(longest.values())
