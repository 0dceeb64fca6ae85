"""The family of binary networks: which couplings, patterns and dynamics each model has, and how it is run.

A model is a name for a choice; a study may change any part of it. Each row says in one line what is special,
and names the theory that figures compare it with.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.exact.arrays import Signs
from mattis.kernels.cuda import glauber, matrix
from mattis.kernels.cuda.devices import Device, DeviceWork
from mattis.networks.binary import ensembles, hopfield, hopfield_device, matrix_network, questions
from mattis.networks.binary.asking.exchange import own_observables
from mattis.networks.binary.asking.table import BINARY_QUESTIONS
from mattis.networks.binary.chain_observables import SAME_CLASS, with_added
from mattis.networks.binary.couplings import RULES, Rule
from mattis.networks.binary.ensembles import ENSEMBLES, Ensemble, Stored, classes_of
from mattis.networks.binary.hopfield import CHAIN_OBSERVABLES, ReplicaGroup, average, build, outcomes
from mattis.networks.binary.matrix_network import NEURONS, Dynamics, MatrixNetwork, Request, alone, learnt
from mattis.networks.binary.network import BinaryNetwork, Protocol, Replica
from mattis.networks.binary.observables import CYCLES, LENGTH, MAGNETISATION
from mattis.networks.binary.questions import Inquiry, Query, Visit, VisitCell, VisitCells, VisitPart, cued
from mattis.study.model import FINAL_STATES, Columns, FollowedCell, Observable, PatternSet, Task, over_cues
from mattis.words import counted

HEBB, IN_TURN = Rule(), Dynamics()


@dataclass(frozen=True)
class BinaryDefaults:
    """What a model of the family is made of, where a study says nothing else."""

    rule: Rule = HEBB
    ensemble: str = "random"
    dynamics: Dynamics = IN_TURN

    @property
    def inquiry(self) -> Inquiry:
        """How it is asked where a study says nothing."""
        return Inquiry(Protocol(0, 2, 1, 0.5), self.rule, Ensemble(self.ensemble), self.dynamics, Query())


def theory(inquiry: Inquiry) -> tuple[str, ...]:
    """Return the quantities that a study is compared with, where its axes are those of a theory."""
    question, rules = BINARY_QUESTIONS[inquiry.question.name], inquiry.rules or (inquiry.rule.name,)
    if inquiry.question.name not in ("recall", "hysteresis"):
        return question.theory
    own = ENSEMBLES[inquiry.ensemble.name].theory
    if inquiry.dynamics.threshold == 0:  # else it is that of signs: thresholds are balanced, or none is known
        own += NEURONS[inquiry.dynamics.neurons]
    names = own or tuple(name for rule in rules for name in RULES[rule].theory)
    return tuple(n for n in names if n != "little.overlap" or inquiry.dynamics.synchronous)


def observables(inquiry: Inquiry) -> tuple[Observable, ...]:
    """Return what is observed when a question is asked; the flag is the last.

    What a question says of an observable that every chain has stands in its place.
    """
    name, ensemble = inquiry.question.name, inquiry.ensemble
    question, flag = BINARY_QUESTIONS[name], CHAIN_OBSERVABLES[-1]
    if question.alone:
        own = own_observables(inquiry) if inquiry.ladder else ()
        return (*question.extra, *own, flag)
    cycling: tuple[Observable, ...] = ()
    if inquiry.dynamics.synchronous and name != "transitions":
        cycling = hopfield.TWO_CYCLES if inquiry.in_lanes else CYCLES
    turning: tuple[Observable, ...] = ()
    if name == "recall":
        turning += (LENGTH,) if ensemble.name in questions.REAL_VALUED else ()
        turning += MAGNETISATION if inquiry.rule.name == questions.LATTICE and not inquiry.rules else ()
    without = set() if question.has_states else STAYING
    kin = (SAME_CLASS,) if classes_of(ensemble) else ()
    extra = {observable.name: observable for observable in question.extra}
    here = [o for o in CHAIN_OBSERVABLES[:-1] if o.name in extra or o.name not in without]
    twice = hopfield.STARTS_OBSERVABLES if inquiry.asking.starts == 2 else ()
    found = (*(extra.pop(o.name, o) for o in here), *extra.values(), *kin, *cycling, *turning, *twice)
    return (*found, flag)


STAYING = {"retrieved_early", "survived"}
"""Observables that say whether a network stays in its state, where a question has one to stay in."""


def columns(inquiry: Inquiry) -> tuple[Observable, ...]:
    """Return all that one simulation gives, in its order."""
    return completed(observables(inquiry), inquiry)


def completed(own: tuple[Observable, ...], inquiry: Inquiry) -> tuple[Observable, ...]:
    """Return observables with the means over the cues that stay, and with those of plugins."""
    question = BINARY_QUESTIONS[inquiry.question.name]
    return own if question.alone else with_added(over_cues(own, inquiry.cues) if question.has_states else own)


def draw(patterns: PatternSet, ensemble: Ensemble) -> Stored:
    """Draw the patterns of a set."""
    labels, seed = patterns.labels, patterns.root_seed
    return ensembles.drawn(ensemble, seed, labels, patterns.patterns, patterns.size)


def circuit(patterns: PatternSet, stored: Stored, inquiry: Inquiry) -> MatrixNetwork:
    """Make couplings of the patterns of a set."""
    labels, seed = patterns.labels, patterns.root_seed
    made = learnt(inquiry.rule, stored, inquiry.dynamics.diagonal == "kept", seed, labels)
    network = BinaryNetwork(labels, seed, stored.xi, classes=classes_of(inquiry.ensemble))
    return MatrixNetwork(network, stored, made, inquiry.dynamics)


def uncoupled(patterns: PatternSet, ensemble: Ensemble) -> BinaryNetwork:
    """Return a network of the Hebb rule, which runs in lanes without couplings.

    Random patterns are known by their address, for a device draws its own.
    """
    if ensemble.name == "random":
        return build(patterns)
    xi = draw(patterns, ensemble).xi
    return BinaryNetwork(patterns.labels, patterns.root_seed, xi, classes=classes_of(ensemble))


def by_rule(points: Sequence[Visit], inquiry: Inquiry) -> Iterator[tuple[Inquiry, questions.Visits]]:
    """Yield the visits of each rule of couplings by their numbers, and how circuits of the rule are asked."""
    for rule in dict.fromkeys(point.rule for point in points):
        yield inquiry.of(rule), {k: point for k, point in enumerate(points) if point.rule == rule}


def asked(patterns: PatternSet, points: Sequence[Visit], inquiry: Inquiry) -> Iterator[VisitPart]:
    """Yield the parts of all answers that need couplings, rule by rule."""
    answer, stored = BINARY_QUESTIONS[inquiry.question.name].answer, None
    for with_rule, here in by_rule(points, inquiry):
        if not with_rule.in_lanes:
            stored = stored or draw(patterns, inquiry.ensemble)
            yield from answer(circuit(patterns, stored, with_rule), here, with_rule)


def recalled(
    patterns: PatternSet, points: Sequence[Visit], inquiry: Inquiry
) -> tuple[ReplicaGroup, list[int]]:
    """Return the replicas that run in lanes, and the number of the visit of each."""
    lanes = [here for with_rule, here in by_rule(points, inquiry) if with_rule.in_lanes]
    numbers = [k for here in lanes for k in here for _ in range(inquiry.cues)]
    replicas = [
        Replica(cued(patterns.patterns, visit, cue), visit.beta, visit.noise)
        for here in lanes
        for visit in here.values()
        for cue in range(inquiry.cues)
    ]
    return ReplicaGroup(patterns, partial(uncoupled, patterns, inquiry.ensemble), replicas), numbers


def gathered(points: Sequence[Visit], inquiry: Inquiry, answers: Iterable[VisitCells]) -> Columns:
    """Return one column per observable, a row for each visit: the mean over its cues."""
    cells: list[list[VisitCell]] = [[] for _ in points]
    for rows in answers:
        for row in rows:
            cells[row.visit].append(row)
    means = [average([row.cell for row in each]) for each in cells]
    names = [observable.name for observable in columns(inquiry)]
    found: Columns = {name: np.array([mean[name] for mean in means], np.float64) for name in names}
    if inquiry.kept:
        found[FINAL_STATES] = np.array([bits([row.state for row in each[: inquiry.kept]]) for each in cells])
    return found


def bits(states: Sequence[Signs | None]) -> NDArray[np.uint8]:
    """Return states as bits, (cues, ⌈N/8⌉): site 8 k + j is the bit of value 2^(7-j) of byte k, 1 for +1."""
    return np.packbits(np.array(states) > 0, axis=1)


def signs_of(bits: NDArray[np.uint8], size: int) -> Signs:
    """Return states of N sites from their bits, (…, N): what `bits` made of them."""
    return (2 * np.unpackbits(bits, axis=-1)[..., :size].astype(np.int8) - 1).astype(np.int8)


def simulate(patterns: PatternSet, points: Sequence[Visit], inquiry: Inquiry) -> Columns:
    """Return one column per observable, a row for each visit: a pure function of its arguments."""
    recall, numbers = recalled(patterns, points, inquiry)
    answers = [alone(part) for part in asked(patterns, points, inquiry)]
    if numbers:
        done = outcomes(recall.network(), recall.replicas, inquiry.of("hebb").judging)
        answers.append([VisitCell(k, *one) for k, one in zip(numbers, done, strict=True)])
    return gathered(points, inquiry, answers)


def batched(tasks: Sequence[Task], device: Device) -> list[Columns]:
    """Return what `simulate` does of each task, to the last bit; their chains run on a device together.

    Patterns, cues, orders of sites and couplings that are integers of signs are made there, other couplings
    on the CPU; overlaps and traces of all sweeps leave the device, and last states that are wanted.
    """
    parts = (_of_task(k, part) for k, task in enumerate(tasks) for part in asked(*task))
    answers: list[list[VisitCells]] = [[] for _ in tasks]
    for k, rows in matrix_network.together(parts, device):
        answers[k].append(rows)
    recalls = {k: found for k, task in enumerate(tasks) if (found := recalled(*task))[1]}
    inquiry = tasks[0][2].of("hebb")
    groups = [recall for recall, _ in recalls.values()]
    cells = hopfield.side_by_side(groups, inquiry.judging, device, states=inquiry.kept > 0)
    for (k, (_, numbers)), mine in zip(recalls.items(), cells, strict=True):
        answers[k].append([VisitCell(n, *one) for n, one in zip(numbers, mine, strict=True)])
    return [
        gathered(points, inquiry, rows) for (_, points, inquiry), rows in zip(tasks, answers, strict=True)
    ]


def launches(task: Task, sets: int, device: Device) -> DeviceWork | None:
    """Return what so many tasks like this one take on a device; None if chains follow from what others find.

    Couplings that are no sums of signs are taken to have 32 bits, and sums as many as patterns need.
    """
    (patterns, points, inquiry), (group, numbers) = task, recalled(*task)
    if inquiry.question.name != "recall":
        return None
    protocol, (size, count) = inquiry.of("hebb").judging, (patterns.size, patterns.patterns)
    works = []
    if numbers:
        replicas = hopfield.starts_of(group.replicas, protocol)
        flips = glauber.flips_of([replica.beta for replica in replicas], count / size)
        works.append(hopfield_device.work_of(device, size, count, [len(replicas)] * sets, protocol, flips))
    for own, here in by_rule(points, inquiry):
        if not own.in_lanes:
            flips = glauber.flips_of([visit.beta for visit in here.values()], count / size)
            chains = sets * len(here) * inquiry.cues * protocol.starts
            works.append(matrix.work_of(device, chain_shape(patterns, own), chains, sets, flips))
    return DeviceWork.together(works)


def chain_shape(patterns: PatternSet, inquiry: Inquiry) -> matrix.ChainShape:
    """Return the shape of the chains of a recall, as far as it is known before there are couplings."""
    asking, dynamics, count = inquiry.judging, inquiry.dynamics, patterns.patterns
    narrow = 8 if count < 2**7 else 16
    bits = narrow if RULES[inquiry.rule.name].of_signs else 32
    followed = count if inquiry.ensemble.name in questions.REAL_VALUED else 1
    return matrix.ChainShape.sized(
        patterns.size, bits, dynamics.synchronous, dynamics.is_metropolis, asking.sweeps, followed,
        asking.thermalise,
    )  # fmt: skip


def _of_task(k: int, part: VisitPart) -> matrix_network.ChainCoroutine[tuple[int, VisitCells]]:
    """Say which task an answer belongs to."""
    rows = yield from part
    return k, rows


FOLLOWED = (
    Observable("overlap", "Mattis overlap m with the pattern that is due, after the sweep"),
    Observable("energy", "energy per neuron after the sweep", "J"),
    Observable("q", "overlap of the state after the sweep with that after the first measured sweep"),
)
"""What is said of a chain after each of its sweeps."""

LARGEST_FOLLOWED = 2**14
"""Neurons of a network without couplings that is followed with them: 1.6 GB while they are made."""


@dataclass(frozen=True, eq=False)
class CuedChain:
    """The first chain that a question asks for at one cell, and the pattern that it is asked for."""

    circuit: MatrixNetwork
    request: Request
    index: int

    @property
    def pattern(self) -> Signs:
        """The pattern that is asked for, (N,)."""
        return np.asarray(self.circuit.network.xi[self.index], np.int8)

    @property
    def sweeps(self) -> int:
        """All sweeps of the chain."""
        return self.request.course.sweeps

    def state(self, sweep: int) -> Signs:
        """Return the state after so many sweeps, (N,); after none it is the cue."""
        start = self.request.start
        return start if sweep == 0 else self.circuit.walk(start, self.request.course.until(sweep)).spins


def cued_chain(patterns: PatternSet, visit: Visit, inquiry: Inquiry, cue: int) -> CuedChain:
    """Return the chain of one cell from one cue, before it runs.

    Raises UserError for a question without chains, a cue that the study does not have, and a network whose
    couplings would not fit a laptop.
    """
    if not 0 <= cue < inquiry.cues:
        most = f"0 … {inquiry.cues - 1}" if inquiry.cues > 1 else "0"
        raise UserError(f"cue: got {cue}; expected {most}, for the study has {counted(inquiry.cues, 'cue')}")
    asked = inquiry.of(visit.rule)
    if asked.ladder is not None:
        raise UserError(
            "protocol exchange: temperatures move from one replica to another, so there is no chain of one "
            "cell to follow; expected a study without it; remove protocol"
        )
    if asked.in_lanes and patterns.size > LARGEST_FOLLOWED:
        raise UserError(
            f"size {patterns.size}: a chain is followed with its N × N couplings; expected a size of at most "
            f"{LARGEST_FOLLOWED}; use a smaller size of the study"
        )
    network = circuit(patterns, draw(patterns, asked.ensemble), asked)
    answer = BINARY_QUESTIONS[asked.question.name].answer
    part = next(islice(answer(network, {0: visit}, asked), cue, None))
    try:
        request = next(part)
    except StopIteration:
        raise UserError(
            f"question {asked.question.name}: no chain is run, so there is none to follow; expected a "
            "question such as recall"
        ) from None
    return CuedChain(network, request, cued(patterns.patterns, visit, cue))


def follow(patterns: PatternSet, visit: Visit, inquiry: Inquiry, cue: int) -> FollowedCell:
    """Return overlap, energy and q after each sweep of the chain of one cell.

    m(t) = sum_i w_i S_i(t) / norm, of ±1 patterns (1/N) sum_i xi_i S_i(t);
    q(t) = (1/N) sum_i S_i(t_0) S_i(t), t_0 the first measured sweep: in equilibrium its mean over later
    sweeps is that of (1/N) sum_i <S_i>², the Edwards-Anderson parameter of the cell.
    """
    chain = cued_chain(patterns, visit, inquiry, cue)
    made, course = chain.circuit, chain.request.course
    walk = _with_target(made, chain.state(min(course.warm + 1, chain.sweeps))).walk(
        chain.request.start,
        replace(course, follow=np.pad(course.follow, ((0, 0), (0, 1)), constant_values=made.network.count)),
    )
    norm = float(made.stored.norms[chain.index])
    energies = np.array([made.energy(float(aligned)) for aligned in walk.aligned])
    series = walk.overlaps[0] / norm, energies, walk.overlaps[-1] / made.size
    values = dict(zip(FOLLOWED, series, strict=True))
    return FollowedCell("sweep", np.arange(1, chain.sweeps + 1), course.warm, values)


def _with_target(circuit: MatrixNetwork, state: Signs) -> MatrixNetwork:
    """Return a circuit that knows one more state, the last, whose overlap a chain can follow."""
    weights = np.vstack([circuit.stored.weights, state.astype(np.int16)])
    return replace(circuit, stored=replace(circuit.stored, weights=weights))
