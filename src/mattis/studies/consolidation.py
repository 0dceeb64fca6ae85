"""Studies of consolidation: memories drift to the patterns that they are shown."""

import math
import reprlib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from mattis.axes import (
    BOUNDS,
    Axes,
    Bound,
    Integers,
    Misplaced,
    Part,
    Reals,
    check_stored,
    one_of,
    patterns_of,
)
from mattis.models import PatternSet, Point, Task
from mattis.models.memories import Ensemble, square_norm
from mattis.models.synapses import ALL, Schedule, Stage, memory, shown_in_all
from mattis.studies.base import Study

PROPOSALS = 20
"""A presentation to few memories costs as much as so many spin proposals, roughly."""

LARGEST_GIVEN = 20_000
"""Numbers of a matrix that is given in the study: it travels with every segment of the store."""

LARGEST_MEMORIES = 2048

Matrix = Annotated[
    tuple[tuple[StrictFloat, ...], ...], Field(fail_fast=True, description="rows of numbers")
]

SOFTMAX = Bound(
    lambda v: 1e-9 <= v <= 1e6 or v == math.inf,
    "an inverse temperature in [1e-9, 1e6], or .inf",
    "use .inf for a memory that takes all",
)
DRIFT_BOUNDS: Mapping[str, Bound] = {
    "size": Bound(lambda v: 2 <= v <= 2**40, "a number of neurons in 2 … 2^40", "for example 1000"),
    "load": BOUNDS["load"],
    "memories": Bound(
        lambda v: 2 <= v <= LARGEST_MEMORIES, f"memories in 2 … {LARGEST_MEMORIES}", "for example 4"
    ),
    "beta": SOFTMAX,
    "kappa": SOFTMAX,
    "noise": Bound(lambda v: 0 <= v <= 1000, "a strength sigma in [0, 1000]", "for example 0.4"),
    "likeness": Bound(lambda v: 0 <= v <= 1, "a cosine in [0, 1]", "0 for independent changes"),
    "spread": Bound(lambda v: 0 <= v <= 30, "a spread in [0, 30]", "0 shows all equally often"),
    "tau": Bound(lambda v: 0.5 <= v <= 1e12, "a time constant in [0.5, 1e12]", "for example 100"),
    "presentations": Bound(
        lambda v: 0 <= v <= 1e9, "presentations per memory in [0, 1e9]", "for example 1000"
    ),
    "memory": Bound(
        lambda v: 0 <= v < LARGEST_MEMORIES, "the number of a memory, from 0", "for example [0, 1]"
    ),
    "seed": BOUNDS["seed"],
}


class Drifting(Axes):
    """The axes of memories that drift."""

    size: Integers = Field(default=(1000,), description="neurons N_v")
    noise: Reals = Field(
        default=(0.4,), description="sigma of xi' = xi + sigma Z, or fraction of flipped signs"
    )
    presentations: Reals = Field(
        description="patterns shown per memory, k: round(k × N_h) are shown in all"
    )

    bounds: ClassVar[Mapping[str, Bound]] = DRIFT_BOUNDS


class ConsolidationAxes(Drifting):
    """The axes of a study of consolidation."""

    memories: Integers | None = Field(default=None, description="memories N_h, and patterns shown")
    load: Reals | None = Field(default=None, description="load N_h/N_v; N_h = round(load × N_v)")
    kappa: Reals | None = Field(
        default=None, description="kappa = beta N_v rho of the softmax, rho = <|xi'|²>/N_v"
    )
    beta: Reals | None = Field(default=None, description="inverse temperature of the softmax")
    spread: Reals = Field(
        default=(0.0,), description="s: the most frequent pattern is shown e^s times the rarest"
    )
    likeness: Reals | None = Field(
        default=None, description="cosine between the changes of two patterns; 0 if not given"
    )
    tau: Reals = Field(default=(100.0,), description="time constant, in the unit of `step`")
    memory: Integers | None = Field(
        default=None, description="which memories, from the rarest, 0; their mean if not given"
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        one_of(self, ("memories", "load"))
        one_of(self, ("kappa", "beta"))
        if self.load is not None:
            check_stored(self.load, self.size)
        return self

    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube."""
        names = ["size", "memories" if self.memories else "load"]
        names += ["kappa" if self.kappa else "beta", "noise"]
        names += ["likeness"] if self.likeness else []
        names += ["spread", "tau", "presentations"]
        names += ["memory"] if self.memory else []
        return {name: getattr(self, name) for name in (*names, "seed")}

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Temperatures 1/beta of the softmax; none where kappa is given."""
        return tuple(1.0 / beta for beta in self.beta or ())

    @property
    def fewest(self) -> tuple[str, int]:
        """The smallest N_h of the study, and where it is."""
        return self._extreme(min)

    @property
    def most(self) -> tuple[str, int]:
        """The largest N_h of the study, and where it is."""
        return self._extreme(max)

    def _extreme(self, pick: Any) -> tuple[str, int]:
        if self.memories is not None:
            value = pick(self.memories)
            return f"axes.memories[{self.memories.index(value)}]", value
        assert self.load is not None
        load, size = pick(self.load), pick(self.size)
        return f"axes.load[{self.load.index(load)}]", patterns_of(load, size)


class Bias(Part):
    """A pull on every memory, wherever it is."""

    strength: StrictFloat = Field(gt=0, le=1000, description="|Lambda|/√N_v")
    towards: Literal["random", "old"] = Field(
        default="random", description="a Gaussian vector for each memory, or its old self"
    )


class Drift(Study):
    """How memories are drawn and what they are shown."""

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

    def schedule(self, ensemble: Ensemble) -> Schedule:
        """Return the schedule of these keys with an ensemble."""
        return Schedule(
            ensemble, self.clamping, self.sequence or (), self.dwell,
            float(self.step), self.similarity, float(self.consolidated_above), float(self.merged_above),
            float(self.reached_above), self.probabilities or (),
        )  # fmt: skip

    def check_drift(
        self, taus: Sequence[float], spreads: Sequence[float], fewest: int, most: int
    ) -> None:
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
        given = self.probabilities or ()
        if self.clamping != "random" or max(spreads) > 0:
            got = f"them with clamping: {self.clamping} and a spread of {max(spreads):g}"
            advice = "remove one of the two"
            raise Misplaced("probabilities", got, "clamping: random and no spread", advice)
        if fewest != most or len(given) != most:
            got = f"{len(given)} of them for {fewest if fewest == most else f'{fewest} … {most}'} memories"
            raise Misplaced("probabilities", got, "one for each memory", "give one N_h only")
        if not (all(0 <= p < math.inf for p in given) and max(given) > 0):
            got = reprlib.repr(list(given))
            raise Misplaced(
                "probabilities", got, "numbers ≥ 0, not all 0", "they need not sum to 1"
            )


class Consolidation(Drift):
    """A study of memories that drift to the patterns that they are shown."""

    model: str = Field(default="consolidation", description="a model of `mattis models`")
    axes: ConsolidationAxes
    ensemble: Literal["random", "orthogonal", "signs", "published", "given"] = Field(
        default="random",
        description="old memories: Gaussian, orthogonal, ±1, of figure 1, or given",
    )
    targets: Literal["gaussian", "flips"] = Field(
        default="gaussian", description="patterns: memories with noise, or with flipped signs"
    )
    given: Matrix | None = Field(default=None, description="the memories, row by row")
    shown: Matrix | None = Field(default=None, description="the patterns, where they are given too")
    start: Literal["old", "other"] = Field(
        default="old", description="memories begin as the old ones, or as Gaussian vectors"
    )
    bias: Bias | None = Field(default=None, description="Lambda; none if not given")

    @property
    def drawn(self) -> Ensemble:
        """How memories, patterns and biases are drawn."""
        bias = self.bias or Bias(strength=1.0)
        return Ensemble(
            self.ensemble, self.targets, self.start, float(bias.strength) if self.bias else 0.0,
            bias.towards, self.given or (), self.shown or (),
        )  # fmt: skip

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""
        a, (where, most), (at_least, fewest) = self.axes, self.axes.most, self.axes.fewest
        if fewest < 2:
            raise Misplaced(
                at_least, f"N_h = {fewest}", "two memories at least", "use a larger load"
            )
        if most > LARGEST_MEMORIES:
            advice = "use a smaller load"
            raise Misplaced(where, f"N_h = {most}", f"at most {LARGEST_MEMORIES} memories", advice)
        orthogonal = self.ensemble in ("orthogonal", "published")
        if orthogonal and a.memories is not None and most > min(a.size):  # a load is 1 at most
            got = f"N_h = {most} at size {min(a.size)}"
            raise Misplaced(
                where, got, "as many neurons as orthogonal memories", "use a larger size"
            )
        if (self.targets == "flips" or self.shown) and a.likeness is not None:
            got = "a likeness of patterns that are " + ("flipped" if not self.shown else "given")
            raise Misplaced("axes.likeness", got, "targets: gaussian", "remove one of the two")
        if self.targets == "flips" and max(a.noise) > 1:
            got = f"{max(a.noise):g} with targets: flips"
            raise Misplaced("axes.noise", got, "a fraction in [0, 1]", "or use targets: gaussian")
        if self.drawn.by_site and max(a.size) > 2**24:
            got = f"{max(a.size)}, where single sites matter"
            raise Misplaced("axes.size", got, "at most 2^24 neurons", "or use Gaussian ensembles")
        if a.memory is not None and max(a.memory) >= fewest:
            got, last = str(max(a.memory)), fewest - 1
            raise Misplaced("axes.memory", got, f"memories in 0 … {last}", "count from 0")
        self._check_given()
        self.check_drift(a.tau, a.spread, fewest, most)

    def _check_given(self) -> None:
        a = self.axes
        if (self.ensemble == "given") != (self.given is not None):
            got = "no matrix" if self.given is None else f"ensemble: {self.ensemble}"
            advice = "give both ensemble: given and given: [[…], …]"
            raise Misplaced("given", got, "a matrix with its ensemble", advice)
        if self.given is None and self.shown is not None:
            raise Misplaced("shown", "patterns", "none", "patterns are given only with memories")
        if self.given is not None and (len(a.size) > 1 or a.fewest[1] != a.most[1]):
            got, advice = "several sizes or numbers of memories", "they are those of the matrix"
            raise Misplaced("given", got, "one size and one number of memories", advice)
        shape = (a.most[1], a.size[0])
        for name, matrix in (("given", self.given), ("shown", self.shown)):
            if matrix is None:
                continue
            lengths = {len(row) for row in matrix}
            if (len(matrix), lengths) != (shape[0], {shape[1]}):
                got = f"{len(matrix)} rows of {' or '.join(map(str, sorted(lengths))) or 'nothing'}"
                expected = f"{shape[0]} rows of {shape[1]}, as the axes say"
                raise Misplaced(name, got, expected, "one row for each memory")
            if not all(math.isfinite(x) for row in matrix for x in row) or not all(
                1e-30 <= max(map(abs, row)) <= 1e30 for row in matrix
            ):  # products of products must not overflow, nor vanish
                expected = "finite numbers, the largest of each row in [1e-30, 1e30]"
                raise Misplaced(name, "a row that is no vector", expected, "mend it")
            if len(matrix) * shape[1] > LARGEST_GIVEN:
                got = f"{len(matrix) * shape[1]} numbers"
                raise Misplaced(name, got, f"at most {LARGEST_GIVEN} of them", "use an ensemble")
        if self.given is not None and a.kappa is not None:
            advice = "give beta: the norm of given memories is their own"
            raise Misplaced("axes.kappa", "kappa with given memories", "beta", advice)

    @property
    def protocol(self) -> Schedule:
        """How memories are drawn, what they are shown, and when they count as changed."""
        return self.schedule(self.drawn)

    def stage(self, size: int, point: Point) -> Stage:
        """Return a point of the grid as the model takes it: kappa = beta N_v rho."""
        at = dict(zip(self.points, point, strict=True))
        beta = at.get("beta")
        if beta is None:
            beta = at["kappa"] / (size * square_norm(self.drawn, at["noise"]))
        rest = at["spread"], at["tau"], at["presentations"], at.get("memory", ALL)
        return Stage(beta, at["noise"], *rest, at.get("likeness", 0.0))

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points."""
        return patterns, [self.stage(patterns.size, point) for point in points], self.protocol

    def shortened(
        self, patterns: PatternSet, points: Sequence[Point], most: int
    ) -> tuple[Task, int]:
        """Return a task with fewer presentations, and how many these are."""
        few = max(most // cost(self.dwell, patterns.patterns), min(most, 1)) / patterns.patterns
        stages = [self.stage(patterns.size, point) for point in points]
        stages = [s._replace(presentations=min(s.presentations, few)) for s in stages]
        return (patterns, stages, self.protocol), presentations(stages, patterns.patterns)

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the presentations of some points: those of one trajectory count once."""
        stages = [self.stage(patterns.size, point) for point in points]
        return presentations(stages, patterns.patterns)

    def total_updates(self) -> int:
        """Return the presentations of the whole study."""
        a, longest = self.axes, max(self.axes.presentations)
        counts = self.counts(self.labels[self.stored], a.size).ravel().tolist()
        trajectories = len(a.kappa or a.beta or ()) * len(a.noise) * len(a.spread) * len(a.tau)
        trajectories *= len(a.likeness or (0,))
        most = sum(shown_in_all(Stage(0, 0, 0, 1, longest, ALL), count) for count in counts)
        return most * trajectories * len(a.seed)

    def memory(self, size: int, patterns: int) -> int:
        """Return the bytes that a pattern set takes at its peak."""
        return memory(size if self.drawn.by_site else min(size, 4 * patterns), patterns)

    def physics(self) -> dict[str, Any]:
        """Return what may not change under a store; the spelling of the axes is part of it."""
        matrices = {name: fingerprint(getattr(self, name)) for name in ("given", "shown")}
        return super().physics() | {"dimensions": list(self.dimensions)} | matrices


def fingerprint(matrix: Matrix | None) -> str | None:
    """Return 32 digits that tell a matrix from others: it would travel with every segment of the store."""
    if matrix is None:
        return None
    words = ";".join(",".join(float(x).hex() for x in row) for row in matrix)
    return blake2b(words.encode(), digest_size=16).hexdigest()


def cost(dwell: int, count: int) -> int:
    """Return about how many spin proposals take as long as a presentation: the softmax is of pairs."""
    return PROPOSALS * dwell * (1 + count**2 // 1024)


def presentations(stages: Sequence[Stage], count: int) -> int:
    """Return the patterns shown in all: stages of one trajectory count once, and some count at least."""
    longest: dict[tuple[float, ...], int] = {}
    for stage in stages:
        total = shown_in_all(stage, count)
        longest[stage.trajectory] = max(longest.get(stage.trajectory, 0), total)
    return max(sum(longest.values()), 1)
