"""Studies of consolidation: memories drift to the patterns that they are shown."""

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictFloat, model_validator

from mattis.exact.arrays import Reals
from mattis.networks.drift import consolidation
from mattis.networks.drift.consolidation import ALL, MOST_DRIFTING, DriftProtocol, Stage, memory
from mattis.networks.drift.keys import LOOK_COST, DriftAxes, DriftStudy, cost, presentations
from mattis.networks.drift.memories import MemoryEnsemble, square_norm
from mattis.networks.drift.models import CONSOLIDATION, SYNAPSES
from mattis.networks.drift.synapses import MOST_MEASURED
from mattis.study import axes
from mattis.study.axes import Integers, Misplaced, Part, RealValues, Reciprocals, one_of, patterns_of
from mattis.study.model import Model, PatternSet, Point, Task
from mattis.words import counted

MOST_GIVEN_NUMBERS = 20_000
"""Numbers of a matrix that is given in the study: it travels with every segment of the store."""

MatrixKey = Annotated[
    tuple[tuple[StrictFloat, ...], ...], Field(fail_fast=True, description="rows of numbers")
]


class ConsolidationAxes(DriftAxes):
    """The axes of a study of consolidation."""

    memories: Integers | None = Field(default=None, description="memories N_h, and patterns shown")
    load: RealValues | None = Field(default=None, description="load N_h/N_v; N_h = round(load × N_v)")
    kappa: RealValues | None = Field(
        default=None, description="kappa = beta N_v rho of the softmax, rho = <|xi'|²>/N_v"
    )
    beta: Reciprocals | None = Field(default=None, description="inverse temperature of the softmax")
    spread: RealValues = Field(
        default=(0.0,), description="s: the most frequent pattern is shown e^s times the rarest"
    )
    likeness: RealValues | None = Field(
        default=None, description="cosine between the changes of two patterns; 0 if not given"
    )
    tau: RealValues = Field(default=(100.0,), description="time constant, in the unit of `step`")
    memory: Integers | None = Field(
        default=None, description="which memories, from the rarest, 0; their mean if not given"
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        one_of(self, ("memories", "load"))
        one_of(self, ("kappa", "beta"))
        if self.load is not None:
            axes.check_stored(self.load, self.size)
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


class ConsolidationStudy(DriftStudy):
    """A study of memories that drift to the patterns that they are shown."""

    models: ClassVar[Mapping[str, Model]] = {CONSOLIDATION.name: CONSOLIDATION}

    model: str = Field(default="consolidation", description="a model of `mattis models`")
    axes: ConsolidationAxes
    ensemble: Literal["random", "orthogonal", "signs", "published", "given"] = Field(
        default="random", description="old memories: Gaussian, orthogonal, ±1, of figure 1, or given"
    )
    targets: Literal["gaussian", "flips"] = Field(
        default="gaussian", description="patterns: memories with noise, or with flipped signs"
    )
    given: MatrixKey | None = Field(default=None, description="the memories, row by row")
    shown: MatrixKey | None = Field(default=None, description="the patterns, where they are given too")
    start: Literal["old", "other"] = Field(
        default="old", description="memories begin as the old ones, or as Gaussian vectors"
    )
    bias: Bias | None = Field(default=None, description="Lambda; none if not given")
    question: Literal["memories", "synapses"] = Field(
        default="memories", description="where memories end, or how synapses move on the way"
    )

    @property
    def described_model(self) -> Model:
        """The row of the model, with what this study observes."""
        return CONSOLIDATION if self.question == "memories" else SYNAPSES

    @property
    def memory_ensemble(self) -> MemoryEnsemble:
        """The ensemble of memories, patterns and biases that these keys name."""
        bias = self.bias or Bias(strength=1.0)
        return MemoryEnsemble(
            self.ensemble, self.targets, self.start, float(bias.strength) if self.bias else 0.0,
            bias.towards, self.given or (), self.shown or (),
        )  # fmt: skip

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""
        a, (where, most), (at_least, fewest) = self.axes, self.axes.most, self.axes.fewest
        if fewest < 2:
            advice = f"use a load of at least {1.5 / min(a.size):.3g}"
            raise Misplaced(at_least, f"N_h = {fewest}", "two memories at least", advice)
        if most > MOST_DRIFTING:
            advice = "use a smaller load"
            raise Misplaced(where, f"N_h = {most}", f"at most {MOST_DRIFTING} memories", advice)
        orthogonal = self.ensemble in ("orthogonal", "published")
        if orthogonal and a.memories is not None and most > min(a.size):  # a load is 1 at most
            got = f"N_h = {most} at size {min(a.size)}"
            raise Misplaced(where, got, "as many neurons as orthogonal memories", "use a larger size")
        if (self.targets == "flips" or self.shown) and a.likeness is not None:
            got = "a likeness of patterns that are " + ("flipped" if not self.shown else "given")
            raise Misplaced("axes.likeness", got, "targets: gaussian", "remove one of the two")
        if self.targets == "flips" and max(a.noise) > 1:
            got = f"{max(a.noise):g} with targets: flips"
            raise Misplaced("axes.noise", got, "a fraction in [0, 1]", "or use targets: gaussian")
        if self.memory_ensemble.by_site and max(a.size) > 2**24:
            got = f"{max(a.size)}, where single sites matter"
            raise Misplaced("axes.size", got, "at most 2^24 neurons", "or use Gaussian ensembles")
        if a.memory is not None and max(a.memory) >= fewest:
            got, last = str(max(a.memory)), fewest - 1
            raise Misplaced("axes.memory", got, f"memories in 0 … {last}", "count from 0")
        if self.given is not None or self.shown is not None or self.ensemble == "given":
            self._check_matrices()
        if self.question == "synapses" and most > MOST_MEASURED:
            expected = f"at most {MOST_MEASURED} memories with question: synapses"
            raise Misplaced(where, f"N_h = {most}", expected, "use question: memories")
        if self.question == "synapses" and math.inf in (*(a.beta or ()), *(a.kappa or ())):
            name = "beta" if a.beta else "kappa"
            raise Misplaced(f"axes.{name}", ".inf with question: synapses", "a finite one", "use 1000")
        self.check_drift(a.tau, a.spread, fewest, most)

    def _check_matrices(self) -> None:
        """Raise Misplaced unless the matrices of memories and patterns fit each other and the axes."""
        a = self.axes
        if self.given is None or self.ensemble != "given":
            got = "no matrix" if self.given is None else f"ensemble: {self.ensemble}"
            advice = "give both ensemble: given and given: [[…], …]"
            raise Misplaced("given", got, "a matrix with its ensemble", advice)
        if len(a.size) > 1 or a.fewest[1] != a.most[1]:
            got, advice = "several sizes or numbers of memories", "they are those of the matrix"
            raise Misplaced("given", got, "one size and one number of memories", advice)
        for name, matrix in (("given", self.given), ("shown", self.shown)):
            if matrix is not None:
                check_matrix(name, matrix, (a.most[1], a.size[0]))
        if a.kappa is not None:
            advice = "give beta: the norm of given memories is their own"
            raise Misplaced("axes.kappa", "kappa with given memories", "beta", advice)
        chance = self.clamping == "random" or self.start == "other" or not self.shown
        if len(a.seed) > 1 and not (chance or (self.bias and self.bias.towards == "random")):
            got = f"{len(a.seed)} seeds where nothing is random"
            raise Misplaced("axes.seed", got, "one seed", "use seed: 1")

    @property
    def protocol(self) -> DriftProtocol:
        """The ensemble, the schedule of clamped patterns, and the thresholds of the observables."""
        return self.schedule(self.memory_ensemble, self.axes.memory is not None)

    def stage(self, size: int, point: Point) -> Stage:
        """Return a point of the grid as the model takes it: kappa = beta N_v rho."""
        at = dict(zip(self.points, point, strict=True))
        beta = at.get("beta")
        if beta is None:
            beta = at["kappa"] / (size * square_norm(self.memory_ensemble, at["noise"]))
        rest = at["spread"], at["tau"], at["presentations"], at.get("memory", ALL)
        return Stage(beta, at["noise"], *rest, at.get("likeness", 0.0))

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points."""
        return patterns, [self.stage(patterns.size, point) for point in points], self.protocol

    def shortened(self, patterns: PatternSet, points: Sequence[Point], most: int) -> tuple[Task, int]:
        """Return a task with fewer presentations, and its cost in spin proposals."""
        few = max(most // cost(self.dwell, patterns.patterns), min(most, 1)) / patterns.patterns
        stages = [self.stage(patterns.size, point) for point in points]
        stages = [s._replace(presentations=min(s.presentations, few)) for s in stages]
        return (patterns, stages, self.protocol), self._effort(stages, patterns.patterns)

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the presentations of some points: those of one trajectory count once."""
        return presentations([self.stage(patterns.size, point) for point in points], patterns.patterns)

    def effort(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the cost of some points in spin proposals: of presentations, and of observations."""
        return self._effort([self.stage(patterns.size, point) for point in points], patterns.patterns)

    def _effort(self, stages: Sequence[Stage], count: int) -> int:
        observations = len({(stage.trajectory, stage.presentations) for stage in stages})
        observing = observations * LOOK_COST * (1 + count**2 // 512)
        return cost(self.dwell, count) * presentations(stages, count) + observing

    def weights(self, counts: NDArray[np.int64], sizes: Sequence[float]) -> Reals:
        """Return numbers that rise with the cost of pattern sets: N_v costs nothing in their law."""
        return super().weights(counts, sizes) if self.memory_ensemble.by_site else counts.astype(np.float64)

    def total_updates(self) -> int:
        """Return the presentations of the whole study."""
        a, longest = self.axes, max(self.axes.presentations)
        counts = self.counts(self.labels[self.stored], a.size).ravel().tolist()
        trajectories = len(a.kappa or a.beta or ()) * len(a.noise) * len(a.spread) * len(a.tau)
        trajectories *= len(a.likeness or (0,))
        most = sum(
            consolidation.total_presentations(Stage(0, 0, 0, 1, longest, ALL), count) for count in counts
        )
        return most * trajectories * len(a.seed)

    def memory(self, size: int, patterns: int) -> int:
        """Return the bytes that a pattern set takes at its peak."""
        return memory(size if self.memory_ensemble.by_site else min(size, 4 * patterns), patterns)

    def physics(self) -> dict[str, Any]:
        """Return the keys that may not change under a store; the spelling of the axes is part of it."""
        matrices = {name: fingerprint(getattr(self, name)) for name in ("given", "shown")}
        return super().physics() | {"dimensions": list(self.dimensions)} | matrices


def fingerprint(matrix: MatrixKey | None) -> str | None:
    """Return 32 digits that tell a matrix from others: it would travel with every segment of the store."""
    if matrix is None:
        return None
    words = ";".join(",".join(float(x).hex() for x in row) for row in matrix)
    return blake2b(words.encode(), digest_size=16).hexdigest()


def check_matrix(name: str, matrix: MatrixKey, shape: tuple[int, int]) -> None:
    """Raise Misplaced unless a given matrix has this shape, and rows whose products are numbers."""
    lengths = {len(row) for row in matrix}
    if (len(matrix), lengths) != (shape[0], {shape[1]}):
        got = f"{counted(len(matrix), 'row')} of {' or '.join(map(str, sorted(lengths))) or 'nothing'}"
        expected = f"{counted(shape[0], 'row')} of {shape[1]}, as the axes say"
        raise Misplaced(name, got, expected, "one row for each memory")
    if not all(math.isfinite(x) for row in matrix for x in row) or not all(
        1e-30 <= max(map(abs, row)) <= 1e30 for row in matrix
    ):  # products of products must not overflow, nor vanish
        expected = "finite numbers, the largest of each row in [1e-30, 1e30]"
        raise Misplaced(name, "a row that is no vector", expected, "mend it")
    if len(matrix) * shape[1] > MOST_GIVEN_NUMBERS:
        got = f"{len(matrix) * shape[1]} numbers"
        raise Misplaced(name, got, f"at most {MOST_GIVEN_NUMBERS} of them", "use an ensemble")
