"""What a circuit is asked: recall, ambiguous cues, familiarity, mixtures, hysteresis, survival, transitions.

Every question gives a row of observables per visit, the mean over its cues. What is asked about one cue is a
part of its own: it asks for a chain, and whoever runs that sends the walk. Names mean the same everywhere:
`overlap` is always that with the pattern that the cue was made from (with the pattern that is due, where
sequences are recalled all at once).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact import rng
from mattis.exact.arrays import Reals, Signs
from mattis.exact.patterns import chosen_sites, noisy_cue
from mattis.networks.binary import ensembles, matrix_network
from mattis.networks.binary.couplings import RULES, Rule
from mattis.networks.binary.ensembles import ENSEMBLES, Ensemble
from mattis.networks.binary.hopfield import CellObservables, ChainTrack, met
from mattis.networks.binary.ladder import Ladder
from mattis.networks.binary.matrix_network import Dynamics, MatrixNetwork, NoiseSchedule, Request
from mattis.networks.binary.network import RANDOM_START, Protocol, Replica
from mattis.networks.binary.observables import cycles, length, magnetisation, standard

REAL_VALUED = tuple(name for name, kind in ENSEMBLES.items() if kind.real)
"""Ensembles whose states may turn among the patterns: the length of all overlaps is observed."""


LATTICE = "lattice"
"""The rule of couplings of a magnet, of which the magnetisation is observed."""

NEAR = 0.85
"""Share of the overlap of a network of few patterns above which a state is that of its pattern.

It lies between the retrieval state and the unstable one that parts it from the spin glass: at load 0.05 and
0.7 T_M these have 0.98 and 0.72 of it. Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987).
"""


class Visit(NamedTuple):
    """Where in the grid a circuit is asked.

    rule     # of the couplings
    age      # the pattern asked for is the age-th newest, 1 …; 0 where the oldest ones are, one per cue
    mixture  # patterns that a cue is a mixture of
    """

    rule: str
    age: int
    mixture: int
    beta: float
    noise: float

    @property
    def track(self) -> tuple[str, int, int, float]:
        """All but the temperature."""
        return self.rule, self.age, self.mixture, self.noise


@dataclass(frozen=True)
class Query:
    """A question and its numbers.

    chosen_above  # ambiguous: the overlap above which the nearer of the two patterns has come
    leaves_below  # survival: the overlap below which a state has left
    wrong_bits    # snapshot: the wrong bits that a recalled state may have
    step, top     # hysteresis: the temperatures of a ramp are 0, step, 2 step, … top and back
    """

    name: str = "recall"
    chosen_above: float = 0.85
    leaves_below: float = 0.9
    wrong_bits: int = 5
    step: float = 0.1
    top: float = 1.2

    def rungs(self) -> Reals:
        """Return the temperatures of a ramp on its way up, of 12 digits each."""
        return np.array([float(f"{k * self.step:.12g}") for k in range(round(self.top / self.step) + 1)])


@dataclass(frozen=True)
class Inquiry:
    """How circuits are made and what they are asked: everything but pattern set and points.

    rules  # those that are compared, with the numbers of `rule`; () if it is the only one
    kept   # cues of each cell, the first ones, whose final states are kept
    ladder # temperatures that are swapped, where the question is exchange
    """

    asking: Protocol
    rule: Rule
    ensemble: Ensemble
    dynamics: Dynamics
    question: Query
    rules: tuple[str, ...] = ()
    kept: int = 0
    ladder: Ladder | None = None

    @property
    def is_hopfields(self) -> bool:
        """Whether this is recall by Hopfield's network, or Little's: Hebb's rule, ±1, no thresholds."""
        plain = Dynamics(update=self.dynamics.update)
        signs = ensembles.unit_of(self.ensemble) == 1
        asked = self.question.name == "recall"
        return self.rule.name == "hebb" and signs and asked and self.dynamics == plain

    @property
    def in_lanes(self) -> bool:
        """Whether replicas run side by side, without couplings; of Peretto's energy nothing is known then."""
        return self.is_hopfields and not (self.rules and self.dynamics.synchronous)

    def of(self, rule: str) -> "Inquiry":
        """Return what is asked of couplings of one rule."""
        return replace(self, rule=self.rule.named(rule))

    @property
    def judging(self) -> Protocol:
        """How chains are judged: where states end by a jump, those count that stay near to their pattern."""
        plain = self.dynamics.neurons == "signs" and self.dynamics.threshold == 0
        jumps = plain and ensembles.unit_of(self.ensemble) == 1 and RULES[self.rule.name].jumps
        return replace(self.asking, nearness=NEAR if jumps else 0.0)

    @property
    def cues(self) -> int:
        """Patterns that a circuit is asked for, one cell each."""
        return self.asking.cues

    @property
    def follows_sequence(self) -> bool:
        """Whether the pattern that is due changes with every sweep."""
        return self.rule.name == "sequence" and self.dynamics.synchronous


Visits = Mapping[int, Visit]
"""Visits of one circuit, by their numbers."""


class VisitCell(NamedTuple):
    """What was observed at a visit with one cue; and the final state (N,), where it may be kept."""

    visit: int
    cell: CellObservables
    state: Signs | None = None


VisitCells = list[VisitCell]

CellPart = matrix_network.ChainCoroutine[CellObservables]
"""An answer to one cue: it asks for chains, and ends with what it observed of them."""

VisitPart = matrix_network.ChainCoroutine[VisitCells]
"""A part of an answer to some visits, which ends with their cells."""

AnswerFunction = Callable[[MatrixNetwork, Visits, Inquiry], Iterator[VisitPart]]
"""The parts of the answer to a question: each visit gets a row for each cue, in the order of cues."""


def ladders(visits: Visits, inquiry: Inquiry) -> Iterator[tuple[Visits, int]]:
    """Yield the visits that differ in their temperature only, with each cue of theirs."""
    for track in dict.fromkeys(visit.track for visit in visits.values()):
        members = {number: visit for number, visit in visits.items() if visit.track == track}
        for cue in range(inquiry.cues):
            yield members, cue


def cued(count: int, visit: Visit, cue: int) -> int:
    """Return the index of the pattern, of P, that is asked for: they are stored in this order."""
    return count - visit.age if visit.age else cue


def course(
    circuit: MatrixNetwork, replica: Replica, asking: Protocol, follow: NDArray[np.int32]
) -> NoiseSchedule:
    """Return the course of a chain at one temperature."""
    sweeps = len(follow)
    scales = np.full(sweeps, circuit.scale(replica.beta), np.float32)
    stream = circuit.network.stream(replica, asking.sharing)
    return NoiseSchedule(
        follow, scales, min(asking.thermalise, sweeps), stream, circuit.network.order(asking.order)
    )


def always(indices: Sequence[int], sweeps: int) -> NDArray[np.int32]:
    """Return the same patterns to follow in every sweep."""
    return np.tile(np.array(indices, np.int32), (sweeps, 1))


def followed(circuit: MatrixNetwork, index: int, inquiry: Inquiry) -> NDArray[np.int32]:
    """Return whose overlaps are followed after each sweep of a recall, first of all the one that is due."""
    sweeps, count = inquiry.asking.sweeps, circuit.network.count
    if inquiry.follows_sequence:
        return ((index + 1 + np.arange(sweeps)) % count).astype(np.int32)[:, None]
    if inquiry.ensemble.name in REAL_VALUED:
        return always([index, *(k for k in range(count) if k != index)], sweeps)
    return always([index], sweeps)


def of_every_cue(answer: Callable[[MatrixNetwork, Visit, int, Inquiry], CellPart]) -> AnswerFunction:
    """Turn an answer to one cue into one to some visits, a part for each cue."""

    def answers(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> Iterator[VisitPart]:
        for number, visit in visits.items():
            for cue in range(inquiry.cues):
                index = cued(circuit.network.count, visit, cue)
                yield _row(number, answer(circuit, visit, index, inquiry), cue < inquiry.kept)

    return answers


def _row(number: int, part: CellPart, kept: bool = False) -> VisitPart:
    """Say at which visit an answer was given, and how its first chain ended where that is kept."""
    if not kept:
        cell = yield from part
        return [VisitCell(number, cell)]
    walk = first = yield next(part)
    while True:
        try:
            request = part.send(walk)
        except StopIteration as end:
            return [VisitCell(number, end.value, first.spins)]
        walk = yield request


def looked(
    circuit: MatrixNetwork, walk: matrix_network.ChainResult, replica: Replica, index: int, inquiry: Inquiry
) -> CellObservables:
    """Return what is observed of any chain at one temperature."""
    moves, hopfields = inquiry.follows_sequence, inquiry.is_hopfields
    cell = standard(circuit, walk, replica, index, inquiry.judging, moves, hopfields)
    if circuit.dynamics.synchronous:
        cell |= cycles(circuit, walk, replica, inquiry.asking)
    if inquiry.ensemble.name in REAL_VALUED and len(walk.overlaps) == circuit.network.count:
        cell |= length(circuit, walk, inquiry.asking)
    if inquiry.rule.name == LATTICE:
        cell |= magnetisation(circuit, walk, inquiry.asking)
    return cell


def recall(circuit: MatrixNetwork, visit: Visit, index: int, inquiry: Inquiry) -> CellPart:
    """Ask for a pattern by a cue, a fraction of whose bits is flipped."""
    replica = Replica(index, visit.beta, visit.noise)
    start = circuit.network.cue(index, visit.noise)
    path = course(circuit, replica, inquiry.asking, followed(circuit, index, inquiry))
    walk = yield Request(circuit, start, path)
    cell = looked(circuit, walk, replica, index, inquiry)
    if inquiry.asking.starts == 1:
        return cell
    other = replica._replace(noise=RANDOM_START)
    start, path = (
        circuit.network.cue(index, RANDOM_START),
        course(circuit, other, inquiry.asking, followed(circuit, index, inquiry)),
    )
    random = yield Request(circuit, start, path)
    warm = inquiry.asking.thermalise
    first, second = (ChainTrack(one.aligned[warm:], one.spins) for one in (walk, random))
    return met(cell, looked(circuit, random, other, index, inquiry), (first, second))


def blended(circuit: MatrixNetwork, index: int, second: int, noise: float) -> Signs:
    """Return pattern `index` with round(noise N) of its sites, drawn at random, taken from another."""
    xi = circuit.network.xi
    sites = chosen_sites(circuit.size, noise, circuit.network.cue_stream(index, noise))
    out = np.array(xi[index])
    out[sites] = xi[second, sites]
    return out


def ambiguous(circuit: MatrixNetwork, visit: Visit, index: int, inquiry: Inquiry) -> CellPart:
    """Ask with a cue that has a fraction `noise` of its sites from another pattern: which of them comes?

    With half of the sites of each, A and B are as good as each other (catalogue H8). What comes is one of
    three, see `winner`: `retrieved`, `chose_second` and `chose_neither` add up to 1.
    """
    second, asking = (index + 1) % circuit.network.count, inquiry.asking
    replica = Replica(index, visit.beta, visit.noise)
    path = course(circuit, replica, asking, always([index, second], asking.sweeps))
    walk = yield Request(circuit, blended(circuit, index, second, visit.noise), path)
    cell = looked(circuit, walk, replica, index, inquiry)
    other = float(walk.overlaps[1, path.warm :].mean()) / circuit.stored.norms[second]
    return cell | {"overlap_second": other} | winner(cell["overlap"], other, inquiry.question.chosen_above)


def winner(first: float, second: float, above: float) -> CellObservables:
    """Return which of two patterns came: that of the larger overlap if it is above a threshold, else neither.

    A mixture of three is at m = 1/2 with each (Amit, Gutfreund & Sompolinsky, Phys. Rev. A 32, 1007 (1985)):
    it is neither if the threshold is well above that. So is a state that is as near to both.
    """
    one = first > second and first > above
    two = second > first and second > above
    neither = not (one or two)
    return {"retrieved": float(one), "chose_second": float(two), "chose_neither": float(neither)}


def flip_rate(circuit: MatrixNetwork, state: Signs) -> float:
    """Return the fraction of neurons that want to flip: S_i N h_i < 0."""
    return float(np.count_nonzero(state * np.sign(circuit.fields(state)) < 0)) / circuit.size


def familiarity(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> Iterator[VisitPart]:
    """Compare how many neurons want to flip at a stored pattern and at a new one.

    Q(1/sqrt(alpha)) of a stored, 1/2 of a new pattern (catalogue H9; few flips mean familiar). At a
    stored pattern without noise it is Hopfield's error probability of a bit (H7).
    """
    new = unfamiliar(circuit, inquiry)
    for number, visit in visits.items():
        for cue in range(inquiry.cues):
            yield _row(number, _compared(circuit, visit, cue, new[cue]))


def _compared(circuit: MatrixNetwork, visit: Visit, cue: int, new: Signs) -> CellPart:
    """Compare a stored pattern with a new one."""
    yield from ()  # no chain is asked for
    network, index = circuit.network, cued(circuit.network.count, visit, cue)
    old_rate = flip_rate(circuit, network.cue(index, visit.noise))
    stream = rng.stream(network.root_seed, "new cue", network.labels, {"noise": visit.noise, "cue": cue})
    new_rate = flip_rate(circuit, noisy_cue(new, visit.noise, stream))
    recognised = float(old_rate < new_rate) + 0.5 * float(old_rate == new_rate)
    return {
        "flip_rate": old_rate,
        "flip_rate_new": new_rate,
        "recognised": recognised,
        "stable": float(old_rate == 0),
        "flag": 0,
    }


def unfamiliar(circuit: MatrixNetwork, inquiry: Inquiry) -> Signs:
    """Return as many new patterns as cues, of the same kind where such a kind has more of them."""
    network = circuit.network
    few = inquiry.ensemble.name in ("given", "orthogonal", *REAL_VALUED)
    ensemble = Ensemble() if few else inquiry.ensemble
    labels = {**network.labels, "new": 1}
    return ensembles.drawn(ensemble, network.root_seed, labels, inquiry.cues, network.size).xi


def mixture(circuit: MatrixNetwork, visit: Visit, index: int, inquiry: Inquiry) -> CellPart:
    """Start from the signs of a sum of n patterns: does the state stay a mixture of all of them?

    Amit, Gutfreund & Sompolinsky, Phys. Rev. A 32, 1007 (1985): for an odd n stable below T*_n. It stays
    if each of the n mean overlaps is above half of what it was in the cue; n = 1 is a Mattis state.
    """
    network, asking, sizes = circuit.network, inquiry.asking, visit.mixture
    members = [(index + k) % network.count for k in range(sizes)]
    mixed = np.sign(network.xi[members].sum(axis=0, dtype=np.int64)).astype(np.int8)
    start = noisy_cue(mixed, visit.noise, network.cue_stream(index, visit.noise))
    replica = Replica(index, visit.beta, visit.noise)
    path = course(circuit, replica, asking, always(members, asking.sweeps))
    walk = yield Request(circuit, start, path)
    found = walk.overlaps[:, path.warm :].mean(axis=1) / circuit.stored.norms[members]
    weights = circuit.stored.weights[members].astype(np.int64)
    before = (weights * start).sum(axis=1) / circuit.stored.norms[members]
    stays = float(bool((found > before / 2).all()))
    mean = float(sum(found.tolist())) / sizes
    own = {"overlap_mixed": mean, "stays": stays, "survived": stays}
    return looked(circuit, walk, replica, index, inquiry) | own


def survival(circuit: MatrixNetwork, visit: Visit, index: int, inquiry: Inquiry) -> CellPart:
    """Follow a pattern until its overlap first falls below a threshold: how long does its state live?"""
    replica, asking = Replica(index, visit.beta, visit.noise), inquiry.asking
    path = course(circuit, replica, asking, always([index], asking.sweeps))
    walk = yield Request(circuit, circuit.network.cue(index, visit.noise), path)
    left = walk.overlaps[0] < inquiry.question.leaves_below * circuit.stored.norms[index]
    time = float(left.argmax() + 1) if left.any() else float(asking.sweeps)
    cell = looked(circuit, walk, replica, index, inquiry)
    return cell | {"survival_time": time, "survived": float(not left.any())}


def snapshot(circuit: MatrixNetwork, visit: Visit, index: int, inquiry: Inquiry) -> CellPart:
    """Look at the last state of a chain alone: how many of its bits are not those of the pattern?

    A snapshot has thermal errors that a mean over sweeps has not: (1 - m)/2 of its bits, each sweep others.
    """
    replica, asking = Replica(index, visit.beta, visit.noise), inquiry.asking
    path = course(circuit, replica, asking, always([index], asking.sweeps))
    walk = yield Request(circuit, circuit.network.cue(index, visit.noise), path)
    wrong = int(np.count_nonzero(walk.spins != circuit.network.xi[index]))
    recalled = float(wrong <= inquiry.question.wrong_bits)
    return looked(circuit, walk, replica, index, inquiry) | {"wrong_bits": float(wrong), "recalled": recalled}


def transitions(circuit: MatrixNetwork, visit: Visit, index: int, inquiry: Inquiry) -> CellPart:
    """Follow all patterns: how fast does the nearest one move along the sequence?

    A change of the nearest pattern counts by how far it leads, the shorter way round the cycle of P.
    """
    count, asking = circuit.network.count, inquiry.asking
    replica = Replica(index, visit.beta, visit.noise)
    path = course(circuit, replica, asking, always(range(count), asking.sweeps))
    walk = yield Request(circuit, circuit.network.cue(index, visit.noise), path)
    overlaps = walk.overlaps / circuit.stored.norms[:, None]
    leader = np.concatenate([[index], overlaps.argmax(axis=0)])
    back = (count - 1) // 2
    steps = (leader[1:] - leader[:-1] + back) % count - back
    moves = int(steps[path.warm :].sum())
    first = replace(walk, overlaps=np.ascontiguousarray(walk.overlaps[[index]]))
    return standard(circuit, first, replica, index, asking, moves=True) | {
        "overlap_nearest": float(overlaps[:, path.warm :].max(axis=0).mean()),
        "transition_rate": moves / asking.measure,
        "transition_time": asking.measure / moves if moves > 0 else nan,
    }
