"""Consolidation: memories that drift to the patterns that they are shown.

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
from mattis.exact import rng
from mattis.exact.arrays import Reals
from mattis.exact.patterns import share
from mattis.kernels import cpu
from mattis.networks.drift import memories as ensembles
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.study.model import Columns, Observable, PatternSet

PRESENTATIONS_AT_ONCE = 2**14
"""Presentations of which the random order is drawn at once; one step of the stream each."""

MOST_DRIFTING = 2048
"""Memories at most: their products are N_h² at each presentation, and N_h² D at each look."""

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
        """What makes a trajectory: stages that agree in it are looks at one."""
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
    """Memories on their way: vectors that do not change, and the state, which changes in place."""

    old: Reals
    start: Reals
    shown: Reals
    bias: Reals
    gram: Reals
    pull: Reals
    bias_squares: Reals
    fields: Reals
    squares: Reals
    along_bias: Reals
    kept: Reals
    taken: Reals
    biased: Reals
    hebbian: Reals
    reached: NDArray[np.int64]

    @property
    def matrix(self) -> Reals:
        """The memories Xi, by rows, in the coordinates of the patterns: (N_h, D)."""
        taken = exact.functions.combine(self.taken, self.shown)
        return np.asarray(
            self.kept[:, None] * self.start + taken + self.biased[:, None] * self.bias
        )


def begin(old: Reals, start: Reals, shown: Reals, bias: Reals) -> Synapses:
    """Return memories that were not shown anything yet."""
    gram, count = exact.functions.gram, len(old)
    return Synapses(
        old, start, shown, bias,
        gram=gram(shown, shown),
        pull=gram(bias, shown),
        bias_squares=_squares(bias),
        fields=gram(start, shown),
        squares=_squares(start),
        along_bias=_products(start, bias),
        kept=np.ones(count), taken=np.zeros((count, len(shown))), biased=np.zeros(count),
        hebbian=np.zeros(len(shown)),
        reached=np.full(count, -1, np.int64),
    )  # fmt: skip


def _products(a: Reals, b: Reals) -> Reals:
    """Return a_mu . b_mu of each pair of rows, summed in a fixed order."""
    pairs = [exact.functions.gram(x[None], y[None])[0, 0] for x, y in zip(a, b, strict=True)]
    return np.array(pairs)


def _squares(rows: Reals) -> Reals:
    return _products(rows, rows)


def advance(
    synapses: Synapses, order: NDArray[np.int64], first: int, stage: Stage, schedule: DriftProtocol
) -> None:
    """Show patterns in this order, after `first` others, and let the memories drift."""
    s = synapses
    cpu.drift.present(
        order, first, stage.beta, schedule.step / stage.tau, schedule.dwell,
        schedule.similarity == "distance", s.fields, s.squares, s.along_bias, s.gram, s.pull,
        s.bias_squares, s.kept, s.taken, s.biased, s.hebbian, schedule.reached_above, s.reached,
        np.empty((0, len(s.old))),
    )  # fmt: skip


def shown_in_all(stage: Stage, count: int) -> int:
    """Return the patterns that are shown in all: round(presentations × N_h), half up."""
    return share(stage.presentations, count)


def clamping_stream(patterns: PatternSet, stage: Stage) -> NDArray[np.uint32]:
    """Return the stream (4,) of the random order in which a trajectory is shown its patterns."""
    member = {name: getattr(stage, name) for name in ("beta", "noise", "spread", "tau")}
    if stage.likeness:
        member["likeness"] = stage.likeness
    return rng.stream(patterns.root_seed, "clamping", patterns.labels, member).packed()


def order_of(
    patterns: PatternSet, stage: Stage, schedule: DriftProtocol, first: int, last: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the patterns number first … last-1 that are shown, some at a time.

    Pattern t is a function of t and of what the stage is called, not of how often one looks.
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
            drawn = words.T.ravel()[
                begun - step * PRESENTATIONS_AT_ONCE : end - step * PRESENTATIONS_AT_ONCE
            ]
            yield cpu.drift.clamped(drawn, limits)


def frequencies(stage: Stage, schedule: DriftProtocol, count: int) -> Reals:
    """Return the probabilities with which patterns are shown, or their shares of a fixed order."""
    if schedule.clamping == "sequence":
        return np.bincount(schedule.sequence, minlength=count) / len(schedule.sequence)
    if schedule.probabilities:
        given = np.array(schedule.probabilities)
        return np.asarray(given / fsum(schedule.probabilities))
    return ensembles.frequencies(count, stage.spread)


def follow(
    patterns: PatternSet, stages: Sequence[Stage], schedule: DriftProtocol
) -> Iterator[tuple[Stage, Synapses]]:
    """Yield the memories at each stage of one trajectory, the stages in order of presentations."""
    drawn = ensembles.draw(patterns, schedule.ensemble)
    first = stages[0]
    shown = ensembles.shown(patterns, schedule.ensemble, drawn, first.noise, first.likeness)
    synapses, done = begin(drawn.old, drawn.start, shown, drawn.bias), 0
    for stage in stages:
        total = shown_in_all(stage, patterns.patterns)
        for order in order_of(patterns, stage, schedule, done, total):
            advance(synapses, order, done, stage, schedule)
            done += len(order)
        if total == 0:  # what is there from the beginning may be near enough
            advance(synapses, np.empty(0, np.int64), 0, stage, schedule)
        yield stage, synapses


def cosines(a: Reals, b: Reals) -> Reals:
    """Return the cosine of every row of a with every row of b, (n, m)."""
    norms = np.sqrt(np.outer(_squares(a), _squares(b)))
    with np.errstate(invalid="ignore"):  # what has no length has no cosine: NaN
        return np.asarray(exact.functions.gram(a, b) / norms)


def own_weights(synapses: Synapses, beta: float, similarity: str) -> Reals:
    """Return w_mu(xi'_mu), the softmax weight of each memory when its own pattern is shown."""
    scores = synapses.fields - (0.5 * synapses.squares[:, None] if similarity == "distance" else 0)
    below = scores - scores.max(axis=0)
    out = np.empty(len(below))
    for mu, column in enumerate(below.T):
        scaled = [beta * x if x < 0 else 0.0 for x in column.tolist()]  # beta may be infinite
        weights = [exact.functions.exponential(x) if x > -700 else 0.0 for x in scaled]
        out[mu] = weights[mu] / fsum(weights)
    return out


def coupling_errors(synapses: Synapses, matrix: Reals) -> tuple[float, float]:
    """Return |G - G'|/|G'| (Frobenius), G' = xi'ᵀ xi', of G = Xiᵀ Xi and of the Pavlovian G beside it.

    Lotito eqs. (25) and (23): tau N_h dG/dt = N_h xi'ᵀ xi' - G for each pattern shown, from G = Xi(0)ᵀ Xi(0).
    |AᵀA - BᵀB|² = |AAᵀ|² + |BBᵀ|² - 2 |ABᵀ|²: no matrix of N_v × N_v is ever made.
    """
    s, gram = synapses, exact.functions.gram
    target = (s.gram**2).sum()
    learnt = (gram(matrix, matrix) ** 2).sum() + target - 2 * (gram(matrix, s.shown) ** 2).sum()
    left = 1.0 - s.hebbian.sum() / len(s.old)
    gap = s.hebbian - 1.0
    old = (gram(s.start, s.start) ** 2).sum()
    mixed = (gram(s.start, s.shown) ** 2).sum(axis=0)
    new = (np.outer(gap, gap) * s.gram**2).sum()  # no BLAS: its order of terms is the machine's
    pavlov = left * left * old + 2 * left * (mixed * gap).sum() + new
    return sqrt(max(learnt, 0.0) / target), sqrt(max(pavlov, 0.0) / target)


def observe(synapses: Synapses, stage: Stage, schedule: DriftProtocol) -> dict[str, Any]:
    """Return every observable of the memories: an array over them, or one number for all."""
    count, matrix = len(synapses.old), synapses.matrix
    near, others = cosines(matrix, synapses.shown), cosines(matrix, matrix)
    np.fill_diagonal(others, -1.0)
    own, old = np.diag(near), np.diag(cosines(matrix, synapses.old))
    shares = frequencies(stage, schedule, count)[None]
    mean = exact.functions.combine(shares, synapses.shown)
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


def picked(values: Any, memory: float) -> float:
    """Return the value of one memory, the mean over ALL of them, or what they have in common."""
    if np.ndim(values) == 0:
        return float(values)
    return float(np.mean(values) if memory == ALL else values[int(memory)])


def trajectories(points: Sequence[Stage]) -> Iterator[list[tuple[Stage, list[int]]]]:
    """Yield the looks at each trajectory, from the first to the last: a stage, and which points are there.

    Stages that differ in presentations or in the memory only are looks at one trajectory.
    """
    order = sorted(
        range(len(points)), key=lambda k: (points[k].trajectory, points[k].presentations)
    )
    for _, members in groupby(order, key=lambda k: points[k].trajectory):
        looks = [list(each) for _, each in groupby(members, lambda k: points[k].presentations)]
        yield [(points[look[0]]._replace(memory=ALL), look) for look in looks]


def nothing_found(points: Sequence[Stage]) -> Columns:
    """Return a column per observable, a row for each stage, to be filled."""
    return {o.name: np.full(len(points), nan) for o in DRIFT_OBSERVABLES}


def write(
    columns: Columns, found: dict[str, Any], points: Sequence[Stage], look: list[int]
) -> None:
    """Fill the rows of those points that are one look with what was found there."""
    for k, name in product(look, columns):
        columns[name][k] = picked(found[name], points[k].memory)


def simulate(patterns: PatternSet, points: Sequence[Stage], protocol: DriftProtocol) -> Columns:
    """Return one column per observable, a row for each stage: a pure function of its arguments."""
    columns = nothing_found(points)
    for looks in trajectories(points):
        stages = [stage for stage, _ in looks]
        states = follow(patterns, stages, protocol)
        for (_, look), (stage, synapses) in zip(looks, states, strict=True):
            write(columns, observe(synapses, stage, protocol), points, look)
    return columns


def memory(coordinates: int, patterns: int) -> int:
    """Return the bytes that a block needs at its peak: vectors, and their products."""
    return 8 * patterns * (12 * coordinates + 12 * patterns) + 2**20


def check(size: int, patterns: int) -> str | None:
    """Tell what is wrong with so many memories of N_v sites, if anything."""
    if patterns > MOST_DRIFTING:
        return f"{patterns} memories of {size} sites: at most {MOST_DRIFTING}"
    return None


def one_memory(_size: Any, patterns: Any, protocol: DriftProtocol) -> Any:
    """Return the change of a fraction of the memories that are looked at by one of them."""
    return 1.0 if protocol.single else 1.0 / patterns


DRIFT_OBSERVABLES = (
    Observable("similarity", "cosine of a memory with its own pattern xi', mean over memories"),
    Observable("similarity_old", "cosine of a memory with the old memory xi, mean over memories"),
    Observable(
        "similarity_best", "cosine of a pattern with the nearest memory, mean over patterns"
    ),
    Observable("similarity_other", "cosine of a memory with the nearest other, mean over memories"),
    Observable("length", "|Xi|/|xi'|, length of a memory in units of its own pattern's, mean"),
    Observable("own_weight", "softmax weight of a memory when its own pattern is shown"),
    Observable(
        "consolidated",
        "fraction of memories that are at their own new pattern: nearer to it than to any other, to the "
        "mean of all and to the old",
        smallest=one_memory,
    ),
    Observable(
        "collapsed",
        "fraction of memories that are nearer to the mean of all patterns than to any one",
        smallest=one_memory,
    ),
    Observable(
        "merged", "fraction of memories that have a twin among the others", smallest=one_memory
    ),
    Observable(
        "reached", "fraction of memories that came as near as `reached_above`", smallest=one_memory
    ),
    Observable(
        "reached_after",
        "presentations per memory after which the similarity was reached; NaN unless all reached it",
    ),
    Observable(
        "hebbian_error", "|XiᵀXi - xi'ᵀxi'|/|xi'ᵀxi'|, distance of the couplings from the target"
    ),
    Observable(
        "pavlovian_error", "the same distance of the generalised Hebbian rule run beside it"
    ),
    Observable("flag", "what makes a cell not trustworthy; 0 if nothing does"),
)
