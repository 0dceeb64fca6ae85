"""Consolidation: memories that drift to clamped patterns.

tau dXi_mu/dt = w_mu (xi' + Lambda_mu - Xi_mu),   w = softmax(beta Xi xi'),   xi' clamped, one after the other

D. Lotito, "Neural Learning Rules from Associative Networks Theory", Neurocomputing 636, 129865 (2025),
eqs. (12) to (14). With similarity "distance", w = softmax(-beta |xi' - Xi|²/2): the learning rule of
softmax attractors. Memories, patterns and biases are rows; only their scalar products enter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from math import fsum, nan, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.errors import UserError
from mattis.exact import rng
from mattis.exact.arrays import Reals
from mattis.exact.patterns import share
from mattis.kernels import cpu
from mattis.networks.drift import memories as ensembles
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.study.model import Columns, FollowedCell, Observable, PatternSet, spaced

PRESENTATIONS_AT_ONCE = 2**14
"""Presentations of which the random order is drawn at once; one step of the stream each."""

MOST_DRIFTING = 2048
"""Memories at most: their products are N_h² at each presentation, and N_h² D at each observation."""

ALL = -1.0
"""The label `memory` of a stage that averages over all memories."""


class Stage(NamedTuple):
    """A point of the grid at which memories are followed."""

    beta: float
    noise: float
    spread: float
    tau: float
    presentations: float
    """Presentations per memory, k: k N_h in all."""
    memory: float
    """The memory that is observed, from the one of the rarest pattern; ALL: their mean."""
    likeness: float = 0.0
    """Cosine between the changes of two patterns."""

    @property
    def trajectory(self) -> tuple[float, ...]:
        """The labels of a trajectory: stages that agree in them observe one trajectory."""
        return self.beta, self.noise, self.spread, self.tau, self.likeness


@dataclass(frozen=True)
class DriftProtocol:
    """The ensemble of memories, the schedule of clamped patterns, and the thresholds of the observables."""

    ensemble: MemoryEnsemble
    clamping: str = "random"
    """`cyclic`, `random` with given `probabilities` or those of `frequencies`, or the `sequence`."""
    sequence: tuple[int, ...] = ()
    dwell: int = 1
    """Euler steps for which a pattern is clamped."""
    step: float = 1.0
    """dt of an Euler step, in the unit of tau."""
    similarity: str = "dot"
    consolidated_above: float = 0.9
    merged_above: float = 0.9
    reached_above: float = 0.99
    probabilities: tuple[float, ...] = ()
    single: bool = False
    """Whether single memories are observed, not all of them."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Drifting memories: vectors that do not change, and the state, which changes in place.

    The vectors are old (N_h, D), start Xi(0), targets xi' and bias Lambda; the state is that of
    `cpu.drift.present`.
    """

    old: Reals
    start: Reals
    targets: Reals
    bias: Reals
    gram: Reals
    pull: Reals
    bias_squares: Reals
    fields: Reals
    squares: Reals
    along_bias: Reals
    old_share: Reals
    new_share: Reals
    bias_share: Reals
    hebbian: Reals
    reached: NDArray[np.int64]

    @property
    def matrix(self) -> Reals:
        """The memories Xi, by rows, in the coordinates of the patterns: (N_h, D)."""
        new_share = exact.functions.combine(self.new_share, self.targets)
        return np.asarray(
            self.old_share[:, None] * self.start + new_share + self.bias_share[:, None] * self.bias
        )


def begin(old: Reals, start: Reals, targets: Reals, bias: Reals) -> Synapses:
    """Return memories before the first presentation, from their vectors (N_h, D)."""
    gram, count = exact.functions.gram, len(old)
    return Synapses(
        old, start, targets, bias,
        gram=gram(targets, targets),
        pull=gram(bias, targets),
        bias_squares=_squares(bias),
        fields=gram(start, targets),
        squares=_squares(start),
        along_bias=_products(start, bias),
        old_share=np.ones(count), new_share=np.zeros((count, len(targets))), bias_share=np.zeros(count),
        hebbian=np.zeros(len(targets)),
        reached=np.full(count, -1, np.int64),
    )  # fmt: skip


def _products(a: Reals, b: Reals) -> Reals:
    """Return a_mu . b_mu of each pair of rows, summed in a fixed order."""
    return np.array([exact.functions.gram(x[None], y[None])[0, 0] for x, y in zip(a, b, strict=True)])


def _squares(rows: Reals) -> Reals:
    return _products(rows, rows)


def advance(
    synapses: Synapses, order: NDArray[np.int64], first: int, stage: Stage, schedule: DriftProtocol
) -> None:
    """Clamp the patterns of an order, after `first` presentations, and let the memories drift."""
    s = synapses
    cpu.drift.present(
        order, first, stage.beta, schedule.step / stage.tau, schedule.dwell,
        schedule.similarity == "distance", s.fields, s.squares, s.along_bias, s.gram, s.pull,
        s.bias_squares, s.old_share, s.new_share, s.bias_share, s.hebbian, schedule.reached_above, s.reached,
        np.empty((0, len(s.old))),
    )  # fmt: skip


def total_presentations(stage: Stage, count: int) -> int:
    """Return the presentations of all patterns: round(presentations × N_h), half up."""
    return share(stage.presentations, count)


def clamping_stream(patterns: PatternSet, stage: Stage) -> NDArray[np.uint32]:
    """Return the stream (4,) of the random order of a trajectory's patterns."""
    member = {name: getattr(stage, name) for name in ("beta", "noise", "spread", "tau")}
    if stage.likeness:
        member["likeness"] = stage.likeness
    return rng.stream(patterns.root_seed, "clamping", patterns.labels, member).packed()


def order_of(
    patterns: PatternSet, stage: Stage, schedule: DriftProtocol, first: int, last: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the patterns of presentations first … last-1, as indices, in segments.

    Pattern t is a function of t and of the labels of the stage, not of the times of observation.
    """
    count, packed = patterns.patterns, clamping_stream(patterns, stage)
    limits = ensembles.thresholds(frequencies(stage, schedule, count))
    words = np.empty((4, PRESENTATIONS_AT_ONCE // 4), np.uint32)
    while first < last:
        begun, end = first, min(last, (first // PRESENTATIONS_AT_ONCE + 1) * PRESENTATIONS_AT_ONCE)
        first = end
        if schedule.clamping == "cyclic":
            yield np.arange(begun, end, dtype=np.int64) % count
        elif schedule.clamping == "sequence":
            yield np.take(np.array(schedule.sequence, np.int64), np.arange(begun, end), mode="wrap")
        else:
            step = begun // PRESENTATIONS_AT_ONCE
            exact.philox.philox_words(words, packed, step, PRESENTATIONS_AT_ONCE // 4)
            segment = words.T.ravel()[
                begun - step * PRESENTATIONS_AT_ONCE : end - step * PRESENTATIONS_AT_ONCE
            ]
            yield cpu.drift.clamped(segment, limits)


def frequencies(stage: Stage, schedule: DriftProtocol, count: int) -> Reals:
    """Return the probability of each pattern at a presentation, or its share of a fixed order, (N_h,)."""
    if schedule.clamping == "sequence":
        return np.bincount(schedule.sequence, minlength=count) / len(schedule.sequence)
    if schedule.probabilities:
        return np.asarray(np.array(schedule.probabilities) / fsum(schedule.probabilities))
    return ensembles.frequencies(count, stage.spread)


def follow(
    patterns: PatternSet, stages: Sequence[Stage], schedule: DriftProtocol
) -> Iterator[tuple[Stage, Synapses]]:
    """Yield the memories at each stage of one trajectory; stages by rising presentations."""
    vectors = ensembles.draw(patterns, schedule.ensemble)
    first = stages[0]
    targets = ensembles.targets(patterns, schedule.ensemble, vectors, first.noise, first.likeness)
    synapses, done = begin(vectors.old, vectors.start, targets, vectors.bias), 0
    for stage in stages:
        total = total_presentations(stage, patterns.patterns)
        for order in order_of(patterns, stage, schedule, done, total):
            advance(synapses, order, done, stage, schedule)
            done += len(order)
        if total == 0:  # the first memories may be above the threshold of `reached` already
            advance(synapses, np.empty(0, np.int64), 0, stage, schedule)
        yield stage, synapses


def cosines(a: Reals, b: Reals) -> Reals:
    """Return the cosine of every row of a with every row of b, (n, m)."""
    norms = np.sqrt(np.outer(_squares(a), _squares(b)))
    with np.errstate(invalid="ignore"):  # a vector of length 0 has no cosine: NaN
        return np.asarray(exact.functions.gram(a, b) / norms)


def own_weights(synapses: Synapses, beta: float, similarity: str) -> Reals:
    """Return w_mu(xi'_mu), the softmax weight of each memory at its own pattern, (N_h,)."""
    scores = synapses.fields - (0.5 * synapses.squares[:, None] if similarity == "distance" else 0)
    below = scores - scores.max(axis=0)
    out = np.empty(len(below))
    for mu, column in enumerate(below.T):
        scaled = [beta * x if x < 0 else 0.0 for x in column.tolist()]  # beta may be infinite
        weights = [exact.functions.exponential(x) if x > -700 else 0.0 for x in scaled]
        out[mu] = weights[mu] / fsum(weights)
    return out


def coupling_errors(synapses: Synapses, matrix: Reals) -> tuple[float, float]:
    """Return |G - G'|/|G'| (Frobenius), G' = xi'ᵀ xi', of G = Xiᵀ Xi and of the Pavlovian G.

    Lotito eqs. (25) and (23): tau N_h dG/dt = N_h xi'ᵀ xi' - G at each presentation, from Xi(0)ᵀ Xi(0).
    |AᵀA - BᵀB|² = |AAᵀ|² + |BBᵀ|² - 2 |ABᵀ|²: no matrix of N_v × N_v is needed.
    """
    s, gram = synapses, exact.functions.gram
    target = (s.gram**2).sum()
    learnt = (gram(matrix, matrix) ** 2).sum() + target - 2 * (gram(matrix, s.targets) ** 2).sum()
    left = 1.0 - s.hebbian.sum() / len(s.old)
    gap = s.hebbian - 1.0
    old = (gram(s.start, s.start) ** 2).sum()
    mixed = (gram(s.start, s.targets) ** 2).sum(axis=0)
    new = (np.outer(gap, gap) * s.gram**2).sum()  # no BLAS: its order of terms is the machine's
    pavlov = left * left * old + 2 * left * (mixed * gap).sum() + new
    return sqrt(max(learnt, 0.0) / target), sqrt(max(pavlov, 0.0) / target)


def observe(synapses: Synapses, stage: Stage, schedule: DriftProtocol) -> dict[str, Any]:
    """Return every observable: an array (N_h,) over the memories, or one number for all."""
    count, matrix = len(synapses.old), synapses.matrix
    near, others = cosines(matrix, synapses.targets), cosines(matrix, matrix)
    np.fill_diagonal(others, -1.0)
    own, old = np.diag(near), np.diag(cosines(matrix, synapses.old))
    mean = exact.functions.combine(frequencies(stage, schedule, count)[None], synapses.targets)
    between = cosines(matrix, mean)[:, 0]
    there = (own > schedule.consolidated_above) & (own == near.max(axis=1)) & (own > between)
    learnt, pavlov = coupling_errors(synapses, matrix)
    reached = synapses.reached >= 0
    return {
        "similarity": own,
        "similarity_old": old,
        "similarity_best": near.max(axis=0),
        "similarity_other": others.max(axis=1),
        "length": np.sqrt(synapses.squares.clip(min=0.0) / np.diag(synapses.gram)),
        "own_weight": own_weights(synapses, stage.beta, schedule.similarity),
        "consolidated": there & (own >= old),
        "collapsed": between > near.max(axis=1),
        "merged": others.max(axis=1) > schedule.merged_above,
        "reached": reached,
        "reached_after": np.where(reached, synapses.reached / count, nan),
        "hebbian_error": learnt,
        "pavlovian_error": pavlov,
        "flag": 0.0,
    }


def value_of(values: Any, memory: float) -> float:
    """Return an observable of one memory, its mean over ALL, or the one number of all memories."""
    if np.ndim(values) == 0:
        return float(values)
    return float(np.mean(values) if memory == ALL else values[int(memory)])


def trajectories(points: Sequence[Stage]) -> Iterator[list[tuple[Stage, list[int]]]]:
    """Yield the observations of each trajectory by rising presentations: a stage, and the rows of its points.

    Points that differ in presentations or in the memory only belong to one trajectory.
    """
    order = sorted(range(len(points)), key=lambda k: (points[k].trajectory, points[k].presentations))
    for _, members in groupby(order, key=lambda k: points[k].trajectory):
        stages = [list(rows) for _, rows in groupby(members, lambda k: points[k].presentations)]
        yield [(points[rows[0]]._replace(memory=ALL), rows) for rows in stages]


def empty_columns(points: Sequence[Stage], observables: Sequence[Observable] | None = None) -> Columns:
    """Return a column of NaN for each observable, those of memories if not given, a row for each point."""
    return {o.name: np.full(len(points), nan) for o in observables or DRIFT_OBSERVABLES}


def write(columns: Columns, values: dict[str, Any], points: Sequence[Stage], rows: list[int]) -> None:
    """Write the observables of one stage into the rows of its points."""
    for k, name in product(rows, columns):
        columns[name][k] = value_of(values[name], points[k].memory)


def simulate(patterns: PatternSet, points: Sequence[Stage], protocol: DriftProtocol) -> Columns:
    """Return one column per observable, a row for each stage: a pure function of its arguments."""
    columns = empty_columns(points)
    for observations in trajectories(points):
        states = follow(patterns, [stage for stage, _ in observations], protocol)
        for (_, rows), (stage, synapses) in zip(observations, states, strict=True):
            write(columns, observe(synapses, stage, protocol), points, rows)
    return columns


def course(patterns: PatternSet, stage: Stage, protocol: DriftProtocol, cue: int) -> FollowedCell:
    """Return the observables of a cell against the presentations per memory, from none to those of the cell.

    The trajectory does not depend on when it is observed: the last values are those of the cell, bit by bit.
    Raises UserError for a cue, for memories have none.
    """
    if cue:
        raise UserError(f"cue: got {cue}; expected 0, for memories that drift have no cues; remove it")
    count = patterns.patterns
    times = np.array(spaced(total_presentations(stage, count))) / count
    stages = [stage._replace(memory=ALL, presentations=float(time)) for time in times]
    found = (
        {name: value_of(value, stage.memory) for name, value in observe(state, at, protocol).items()}
        for at, state in follow(patterns, stages, protocol)
    )
    rows = [*found]
    values = {one: np.array([row[one.name] for row in rows]) for one in DRIFT_OBSERVABLES[:-1]}
    return FollowedCell("presentation", times, 0, values)


def memory(coordinates: int, patterns: int) -> int:
    """Return the bytes that a block needs at its peak: vectors, and their products."""
    return 8 * patterns * (12 * coordinates + 12 * patterns) + 2**20


def check(size: int, patterns: int) -> str | None:
    """Return why a pattern set is too large to simulate, or None."""
    if patterns > MOST_DRIFTING:
        return f"{patterns} memories of {size} sites: at most {MOST_DRIFTING}"
    return None


def one_memory(_size: Any, patterns: Any, protocol: DriftProtocol) -> Any:
    """Return the change of a fraction by one of the observed memories: 1/N_h, or 1 of a single memory."""
    return 1.0 if protocol.single else 1.0 / patterns


def fraction_of_memories(name: str, long_name: str) -> Observable:
    """Return an observable that is the mean over the memories of answers, each yes or no."""
    return Observable(name, long_name, smallest=one_memory, fraction=True)


DRIFT_OBSERVABLES = (
    Observable("similarity", "cosine of a memory with its own pattern xi', mean over memories"),
    Observable("similarity_old", "cosine of a memory with the old memory xi, mean over memories"),
    Observable("similarity_best", "cosine of a pattern with the nearest memory, mean over patterns"),
    Observable("similarity_other", "cosine of a memory with the nearest other, mean over memories"),
    Observable("length", "|Xi|/|xi'|, length of a memory in units of its own pattern's, mean"),
    Observable("own_weight", "softmax weight of a memory when its own pattern is shown"),
    fraction_of_memories("consolidated",
        "fraction of memories that are at their own new pattern: nearer to it than to any other, to the "
        "mean of all and to the old"),
    fraction_of_memories("collapsed",
        "fraction of memories that are nearer to the mean of all patterns than to any one"),
    fraction_of_memories("merged", "fraction of memories that have a twin among the others"),
    fraction_of_memories("reached", "fraction of memories that came as near as `reached_above`"),
    Observable("reached_after",
        "presentations per memory after which the similarity was reached; NaN unless all reached it"),
    Observable("hebbian_error", "|XiᵀXi - xi'ᵀxi'|/|xi'ᵀxi'|, distance of the couplings from the target"),
    Observable("pavlovian_error", "the same distance of the generalised Hebbian rule run beside it"),
    Observable("flag", "what makes a cell not trustworthy; 0 if nothing does"),
)  # fmt: skip
