"""Studies of learning and recall: memories drift, then a network retrieves from their couplings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, StrictFloat, model_validator

from mattis.exact.patterns import share
from mattis.networks.binary.hopfield import LARGEST_FIELD
from mattis.networks.binary.retrieval import LARGEST_NOISE, RetrievalAxes, RetrievalStudy
from mattis.networks.drift.keys import DRIFT_BOUNDS, SIGMA, DriftStudy, cost, presentations
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.drift.recall import RECALL, UNIT, RecallPoint, RecallProtocol
from mattis.study.axes import BOUNDS, Bound, Misplaced, RealValues, pattern_counts
from mattis.study.base import middles
from mattis.study.model import Model, PatternSet, Point, Task, over_cues

DIMENSIONS = ("size", "load", "kappa", "noise", "presentations", "beta", "cue_noise", "seed")


class RecallAxes(RetrievalAxes):
    """The axes of networks that learn before they are asked."""

    kappa: RealValues = Field(description="kappa = beta N of the softmax by which memories learn")
    noise: RealValues = Field(
        default=(0.1,), description="sigma, fraction of the signs of an old pattern flipped in a new"
    )
    presentations: RealValues = Field(description="new patterns shown per memory")
    cue_noise: RealValues = Field(default=(0.0,), description="fraction of flipped bits of a cue")

    bounds: ClassVar[Mapping[str, Bound]] = {
        **BOUNDS,
        **{name: DRIFT_BOUNDS[name] for name in ("kappa", "presentations")},
        "noise": BOUNDS["noise"]._replace(meaning=SIGMA),
        "cue_noise": BOUNDS["noise"],
    }

    @model_validator(mode="after")
    def _two_at_least(self) -> Self:
        load, size = min(self.load), min(self.size)
        if int(pattern_counts([load], [size])[0, 0]) < 2:
            where, got = (f"load[{self.load.index(load)}]", f"{load:g}, which at size {size} is P = 1")
            raise Misplaced(where, got, "two memories at least", f"use a load of at least {1.5 / size:.3g}")
        return self

    def labels(self) -> dict[str, Sequence[float]]:
        """Return the values along each dimension of the cube."""
        return {n: self.betas if n == "beta" else getattr(self, n) for n in DIMENSIONS}


class RecallStudy(DriftStudy, RetrievalStudy):
    """A study of networks whose couplings are memories that drifted to new patterns."""

    models: ClassVar[Mapping[str, Model]] = {RECALL.name: RECALL}
    cue_axis: ClassVar[str] = "cue_noise"

    model: str = Field(default="recall", description="a model of `mattis models`")
    axes: RecallAxes
    tau: StrictFloat = Field(
        default=100.0, ge=0.5, le=1e12, description="time constant of a memory, in units of `step`"
    )

    @property
    def described_model(self) -> Model:
        """The row of the model, with what this study observes."""
        return replace(RECALL, observables=over_cues(RECALL.observables, self.cues))

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""
        a = self.axes
        self.check_stored()
        self.check_half_way(a.betas, a.cue_noise)
        self.check_noise(a.temperatures, a.size)
        fewest = int(pattern_counts([min(a.load)], [min(a.size)])[0, 0])
        most = int(pattern_counts([max(a.load)], [max(a.size)])[0, 0])
        self.check_drift([self.tau], [0.0], fewest, most)
        self.check_overshoot(max(a.size), most)

    def check_overshoot(self, size: int, most: int) -> None:
        """Raise Misplaced if memories that steps beyond tau make longer than patterns overflow a field."""
        rate = self.step / self.tau  # |Xi_i| stays below rate/(2 - rate), the fixed point of its bound
        longest = max(1.0, rate / (2 - rate))
        if UNIT * size * most * longest**2 > LARGEST_FIELD:
            got = f"{self.step:g} with a time constant of {self.tau:g}"
            raise Misplaced("step", got, "a step that no field overflows by", "use a step up to tau")

    def check_noise(self, temperatures: Sequence[float], sizes: Sequence[int]) -> None:
        """Raise Misplaced if the thermal noise, in units of 1/UNIT, overflows."""
        size, hottest = max(sizes), max(temperatures)
        if UNIT * size * hottest > LARGEST_NOISE:
            got = f"{hottest:g} at size {size}"
            expected = "N × T below 2^17, so that the integer noise fits 32 bits"
            raise Misplaced("axes.temperature", got, expected, "use a lower temperature or a smaller size")

    def is_random(self, labels: Mapping[str, Sequence[float]]) -> bool:
        """Whether cells with some labels have thermal noise."""
        return any(map(math.isfinite, labels["beta"]))

    @property
    def protocol(self) -> RecallProtocol:
        """The protocol of consolidation, and that of the retrieval after it."""
        return RecallProtocol(self.schedule(MemoryEnsemble("signs", "flips")), self.asking)

    def visit(self, size: int, point: Point) -> RecallPoint:
        """Return a point of the grid as the model takes it: kappa = beta N."""
        kappa, noise, presentations, beta, cue_noise = point
        return RecallPoint(kappa / size, noise, float(self.tau), presentations, beta, cue_noise)

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points."""
        return patterns, [self.visit(patterns.size, point) for point in points], self.protocol

    def probed(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return all points of three stages of learning: couplings are computed once for each stage."""
        chosen = middles(sorted({point[:3] for point in points}), 3)
        return [point for point in points if point[:3] in chosen]

    def shortened(self, patterns: PatternSet, points: Sequence[Point], most: int) -> tuple[Task, int]:
        """Return a task with shorter chains after less learning, and its updates."""
        sweeps = max(2, min(self.sweeps.total, most // (patterns.size * self.cues)))
        few = max(most // cost(self.dwell, patterns.patterns), min(most, 1)) / patterns.patterns
        visits = [self.visit(patterns.size, point) for point in points]
        visits = [v._replace(presentations=min(v.presentations, few)) for v in visits]
        lesson = RecallProtocol(self.protocol.learning, replace(self.asking, thermalise=0, measure=sweeps))
        return (patterns, visits, lesson), self._updates(visits, patterns, 2 * sweeps * self.cues)

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the spin proposals of some points at most; a presentation counts as some of them."""
        visits = [self.visit(patterns.size, point) for point in points]
        return self._updates(visits, patterns, 2 * self.sweeps.total * self.cues)

    def total_updates(self) -> int:
        """Return the spin proposals of the whole study at most."""
        a = self.axes
        points = len(a.kappa) * len(a.noise) * len(a.presentations) * len(a.betas)
        proposals = 2 * self.sweeps.total * self.cues * points * len(a.cue_noise) * len(a.load)
        counts = pattern_counts(a.load, a.size).ravel().tolist()
        learning = sum(cost(self.dwell, count) * share(max(a.presentations), count) for count in counts)
        learning *= len(a.kappa) * len(a.noise)
        return (sum(a.size) * proposals + learning) * len(a.seed)

    def memory(self, size: int, patterns: int) -> int:
        """Return the bytes that simulating N neurons with P memories takes at its peak."""
        return self.described_model.memory(size, patterns) + 2000 * self.sweeps.total

    def _updates(self, visits: Sequence[RecallPoint], patterns: PatternSet, sweeps: int) -> int:
        total = presentations([visit.stage for visit in visits], patterns.patterns)
        learning = cost(self.dwell, patterns.patterns) * total
        return patterns.size * sweeps * len(visits) + learning
