"""Replica exchange: equilibrium where single chains stay in a valley; the protocol `exchange` of a study.

Two ladders of all temperatures of the axis run side by side, one from the cue, the other from random states.
The cell at T looks at what was on the rung of T: whoever was there. It is a function of the whole ladder,
whatever other temperatures are asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact.measure import Estimate, Series, estimate, estimates, exact_dot, mean_square
from mattis.networks.binary import questions
from mattis.networks.binary.asking import free_energy
from mattis.networks.binary.asking.free_energy import PHASE_OBSERVABLES, free_energies
from mattis.networks.binary.asking.hidden_rungs import with_hidden_rungs
from mattis.networks.binary.axes import BinaryAxes
from mattis.networks.binary.couplings import RULES
from mattis.networks.binary.hopfield import CellObservables
from mattis.networks.binary.ladder import Ladder, LadderRecord, LadderRun
from mattis.networks.binary.matrix_network import Dynamics, MatrixNetwork
from mattis.networks.binary.questions import Inquiry, Query, Visit, VisitPart, Visits, cued, ladders
from mattis.study.axes import Misplaced
from mattis.study.model import NOT_EQUILIBRATED, SHORT_CHAIN, Histogram, Observable, one_spin, two_spins

FEWEST_TRIPS = 2.0
"""Round trips of a walker in the mean, below which a ladder counts as not equilibrated."""

LARGEST_R_HAT = 1.05
"""R-hat of the energies of both ladders on a rung, above which the rung counts as not equilibrated."""

BINS_OF_ONE = 10
"""Bins of q_ab from 0 to 1, of centres k/10: from -1 to 1 as many as values of q_ab at N = 20."""


def one_sweep(_size: int, _patterns: int, protocol: Inquiry) -> float:
    """Return the change of a density by one sweep of one cue, in a bin of the usual width."""
    return BINS_OF_ONE / (protocol.asking.measure * protocol.cues)


OVERLAP_DISTRIBUTION = Histogram(
    "overlap_distribution",
    "density P(q_ab) of the overlap of two replicas",
    "q",
    "overlap q_ab of two replicas",
    tuple(k / BINS_OF_ONE for k in range(-BINS_OF_ONE, BINS_OF_ONE + 1)),
    1 / BINS_OF_ONE,
    smallest=one_sweep,
)
"""P(q_ab) in bins of 0.1."""

EXCHANGE_OBSERVABLES = (
    Observable("overlap", "overlap m with the cued pattern, mean over sweeps and both replicas",
        smallest=one_spin),
    Observable("overlap_thermal_error",
        "standard error of the overlap from the chains alone; NaN if they are too short for it"),
    Observable("overlap_squared", "mean square of the overlap", smallest=two_spins),
    Observable("energy", "energy per neuron, mean over sweeps and both replicas", "J"),
    Observable("energy_thermal_error", "standard error of the energy from the chains alone", "J"),
    Observable("energy_cued", "energy per neuron of the replica whose ladder began at the cue", "J"),
    Observable("energy_random", "energy per neuron of the other, from random states", "J"),
    Observable("energy_r_hat",
        "rank-normalised split R-hat of the energies of both replicas: 1 where they sample the same"),
    Observable("energy_sample_size", "effective number of independent energies of both replicas"),
    Observable("replica_overlap", "mean |q_ab| of two replicas, q_ab = (1/N) sum_i S_i^a S_i^b",
        smallest=one_spin),
    Observable("replica_overlap_thermal_error", "standard error of |q_ab| from the chains alone"),
    Observable("replica_overlap_squared", "mean of q_ab²", smallest=two_spins),
    Observable("replica_overlap_fourth", "mean of q_ab⁴"),
    Observable("binder", "Binder's ratio (3 - <q_ab⁴>/<q_ab²>²)/2 of one pattern set"),
    Observable("swap_rate",
        "share of swaps with the next lower temperature that are accepted; NaN at the lowest"),
    Observable("round_trips",
        "round trips of a walker (hottest, coldest, hottest), mean over the ladder with fewer of them"),
    Observable("from_coldest",
        "share of walkers that come from the lowest temperature, of those that were at an end"),
    Observable("autocorrelation_time",
        "integrated autocorrelation time of the slower of energy and |q_ab|; NaN if not resolved", "sweep"),
    *free_energy.FREE_ENERGY_OBSERVABLES,
    *OVERLAP_DISTRIBUTION.bins,
)  # fmt: skip
"""What is observed of the two replicas on a rung of their ladders."""

GAUSSIAN = "sherrington_kirkpatrick"
"""The rule of Gaussian couplings."""

HIDDEN_RUNGS = Observable(
    "hidden_rungs",
    "temperatures that a chosen ladder has between this one and the next lower one; NaN at the lowest",
)
"""Observed of a ladder that is chosen; `swap_rate` is then the least of all its pairs between the two."""

ENERGY_OF_REPLICAS = Observable(
    "energy_of_replicas",
    "-(beta/2)(1 - <q_ab²>): in equilibrium its mean over pattern sets is that of the energy",
    "J",
)
"""Observed of Gaussian couplings beside the others, see `ties_energy`."""


def is_hopfields(inquiry: Inquiry) -> bool:
    """Tell whether the network is Hopfield's, whose phases are told apart by overlaps."""
    return replace(inquiry, question=Query()).is_hopfields


def own_observables(inquiry: Inquiry) -> tuple[Observable, ...]:
    """Return what is observed of the couplings of a study beside what is of all."""
    phases = any(is_hopfields(inquiry.of(rule)) for rule in inquiry.rules or (inquiry.rule.name,))
    tied = (ENERGY_OF_REPLICAS,) if ties_energy(inquiry) else ()
    hidden = (HIDDEN_RUNGS,) if inquiry.ladder and inquiry.ladder.chosen else ()
    return (*tied, *(PHASE_OBSERVABLES if phases else ()), *hidden)


def exchange(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> Iterator[VisitPart]:
    """Observe all temperatures of two ladders that are run for each cue."""
    for members, cue in ladders(visits, inquiry):
        yield _climbed(circuit, members, cue, inquiry)


def _climbed(circuit: MatrixNetwork, members: Visits, cue: int, inquiry: Inquiry) -> VisitPart:
    """Observe visits that differ in their temperature on two ladders."""
    yield from ()  # no single chain is asked for
    assert inquiry.ladder is not None
    first = next(iter(members.values()))
    index = cued(circuit.network.count, first, cue)
    run = LadderRun(circuit, inquiry.ladder, index, first.noise, inquiry.asking, is_hopfields(inquiry))
    run = with_hidden_rungs(run) if inquiry.ladder.chosen else run
    record = run.run()
    free = free_energies(run, record)
    return [
        questions.VisitCell(number, _cell(run, record, free, visit, inquiry))
        for number, visit in members.items()
    ]


def _cell(
    run: LadderRun, record: LadderRecord, free: Sequence[CellObservables], visit: Visit, inquiry: Inquiry
) -> CellObservables:
    """Return what is observed at one temperature; NaN for what its couplings do not have."""
    rung = run.ladder.betas.index(visit.beta)
    cell = on_rung(run, record, rung) | free[rung]
    if inquiry.ladder and inquiry.ladder.chosen:
        cell |= of_gap(run, record, rung, inquiry.ladder)
    if not ties_energy(inquiry):
        return cell
    square = cell["replica_overlap_squared"] if visit.rule == GAUSSIAN else nan
    return cell | {ENERGY_OF_REPLICAS.name: -visit.beta * (1 - square) / 2}


def ties_energy(inquiry: Inquiry) -> bool:
    """Tell whether there are Gaussian couplings of plain neurons, whose energy <q_ab²> tells.

    e = -(beta/2)(1 - [<q_ab²>]) in the mean over J_ij, normal of variance 1/N, at any N: by parts,
    [<J_ij S_i S_j>] = (beta/N)(1 - [<S_i S_j>²]). A. J. Bray and M. A. Moore, J. Phys. C 13, L469 (1980).
    """
    plain = inquiry.dynamics.neurons == "signs" and inquiry.dynamics.threshold == 0
    return plain and GAUSSIAN in (inquiry.rules or (inquiry.rule.name,))


def on_rung(run: LadderRun, record: LadderRecord, rung: int) -> CellObservables:
    """Return what is observed of the two replicas at one temperature."""
    warm, circuit = run.asking.thermalise, run.circuit
    norm = float(circuit.stored.norms[run.index])
    overlap, aligned = record.trace[:, :, rung, warm:]
    ms, es, twins = estimates(overlap), estimates(aligned), record.twins[rung, warm:]
    m, m_error = _both(ms)
    e, e_error = _both(es)
    each = abs(circuit.energy(1.0) - circuit.energy(0.0))
    q = replica_overlaps(twins, circuit.size)
    slowest = [*es, estimate(np.abs(twins))]
    r_hat, trips = exact.convergence.r_hat(aligned), round_trips(record)
    return {
        "overlap": m / norm,
        "overlap_thermal_error": m_error / norm,
        "overlap_squared": (mean_square(overlap[0]) + mean_square(overlap[1])) / 2 / norm**2,
        "energy": circuit.energy(e),
        "energy_thermal_error": e_error * each,
        "energy_cued": circuit.energy(es[0].mean),
        "energy_random": circuit.energy(es[1].mean),
        "energy_r_hat": r_hat,
        "energy_sample_size": exact.convergence.sample_size(aligned),
        **q,
        **overlap_distribution(twins, circuit.size),
        "swap_rate": swap_rate(run, record, rung),
        "round_trips": trips,
        "from_coldest": from_coldest(record, rung),
        "autocorrelation_time": slowest_time(slowest),
        "flag": flags_of(slowest, trips, r_hat),
    }


def _both(found: list[Estimate]) -> tuple[float, float]:
    """Return the mean of two independent estimates, and its error."""
    first, second = found
    return (first.mean + second.mean) / 2, sqrt(first.error**2 + second.error**2) / 2


def replica_overlaps(twins: Series, size: int) -> CellObservables:
    """Return the moments of q_ab = twins/N: K. Binder, Z. Phys. B 43, 119 (1981)."""
    found, squares = estimate(np.abs(twins)), np.asarray(twins, np.int64) ** 2
    second, fourth = mean_square(twins), exact_dot(squares, squares) / twins.size
    return {
        "replica_overlap": found.mean / size,
        "replica_overlap_thermal_error": found.error / size,
        "replica_overlap_squared": second / size**2,
        "replica_overlap_fourth": fourth / size**4,
        "binder": (3 - fourth / second**2) / 2 if second > 0 else nan,
    }


def overlap_distribution(twins: Series, size: int) -> CellObservables:
    """Return P(q_ab): the share of sweeps with q_ab = twins/N in each bin, over the width of the bin.

    That is 2/N for each of the values of q_ab in it, which are -1, -1 + 2/N, … 1: bins with one value more
    than others are no higher. NaN for a bin without one, at N below 20.
    """
    bins = OVERLAP_DISTRIBUTION.bins
    met, values = (
        np.bincount(bins_of(of, size), minlength=len(bins)).tolist()
        for of in (twins, np.arange(-size, size + 1, 2))
    )
    return {
        one.name: count * size / (2 * possible * twins.size) if possible else nan
        for one, count, possible in zip(bins, met, values, strict=True)
    }


def bins_of(twins: Series, size: int) -> NDArray[np.int64]:
    """Return the bin of each q_ab = twins/N: that of the nearest centre, of two as near the outer one."""
    steps = (2 * BINS_OF_ONE * np.abs(twins) + size) // (2 * size)
    return np.asarray(BINS_OF_ONE + np.sign(twins) * steps, np.int64)


def swap_rate(run: LadderRun, record: LadderRecord, rung: int) -> float:
    """Return the share of swaps of a rung with the next colder one that both ladders accept."""
    tried = 0
    if rung + 1 < run.ladder.rungs:
        tried = 2 * run.ladder.proposals(rung, run.asking.thermalise, run.asking.sweeps)
    return int(record.swaps[:, rung].sum()) / tried if tried else nan


def of_gap(run: LadderRun, record: LadderRecord, rung: int, axis: Ladder) -> CellObservables:
    """Return how many hidden rungs are below a temperature of the axis, and the least rate of their swaps."""
    colder = [beta for beta in axis.betas if beta > run.ladder.betas[rung]]
    if not colder:
        return {"swap_rate": nan, HIDDEN_RUNGS.name: nan}
    rates = [swap_rate(run, record, pair) for pair in range(rung, run.ladder.betas.index(colder[0]))]
    return {"swap_rate": min(rates), HIDDEN_RUNGS.name: len(rates) - 1}


def round_trips(record: LadderRecord) -> float:
    """Return the round trips of a walker, the mean over the ladder that has fewer."""
    return int(record.trips.sum(axis=1).min()) / int(record.trips.shape[1])


def from_coldest(record: LadderRecord, rung: int) -> float:
    """Return f = n_cold/(n_hot + n_cold) of a rung; NaN where nobody came from an end.

    H. G. Katzgraber, S. Trebst, D. A. Huse and M. Troyer, J. Stat. Mech. P03018 (2006).
    """
    hot, cold = record.flow[:, :, rung].sum(axis=0).tolist()
    return float(cold / (hot + cold)) if hot + cold else nan


def slowest_time(found: list[Estimate]) -> float:
    """Return the longest autocorrelation time; NaN if one is not resolved."""
    return nan if any(one.short for one in found) else max(one.autocorrelation_time for one in found)


def flags_of(found: list[Estimate], trips: float, r_hat: float) -> int:
    """Return what is wrong with a rung. Whether its halves differ, R-hat tells: it is of four halves."""
    short = SHORT_CHAIN if any(one.short for one in found) else 0
    return short | (0 if is_equilibrated(trips, r_hat) else NOT_EQUILIBRATED)


def is_equilibrated(trips: float, r_hat: float) -> bool:
    """Tell whether walkers went round often enough, and both starts have the same energies."""
    return trips >= FEWEST_TRIPS and r_hat <= LARGEST_R_HAT


def check_exchange(axes: BinaryAxes, acting: Dynamics, _asked: Query) -> None:
    """Raise Misplaced unless walkers can be swapped among the temperatures of the axis."""
    if acting.synchronous:
        expected = "asynchronous, for all sites at once have no energy to swap by"
        raise Misplaced("dynamics.update", "synchronous", expected, "use it, or remove the protocol")
    if acting.diagonal == "kept":
        expected = "zero, for neurons that feel themselves follow no energy"
        raise Misplaced("dynamics.diagonal", "kept", expected, "remove it, or the protocol")
    if len(axes.temperatures) < 2:
        expected = "at least 2, for protocol: exchange swaps temperatures"
        where, advice = "axes.temperature", "add higher ones, up to above all transitions"
        raise Misplaced(where, f"{len(axes.temperatures)} temperature", expected, advice)
    if 0.0 in axes.temperatures:
        where = f"axes.temperature[{axes.temperatures.index(0.0)}]"
        expected = "temperatures above 0, for nothing leaves T = 0 by a swap"
        raise Misplaced(where, "0", expected, "use a low one, for example 0.05")


def check_symmetric(rules: Sequence[str], given: bool, where: str, key: tuple[str, str]) -> None:
    """Raise Misplaced at the first rule whose couplings are not symmetric.

    given  # whether the matrices that are given are
    key    # what an energy is wanted for, and what else could be removed
    """
    purpose, other = key
    for rule in rules:
        if RULES[rule].symmetric is False or (rule == "given" and not given):
            expected = f"symmetric couplings, for others have no energy {purpose}"
            raise Misplaced(where, rule, expected, f"use others, or remove {other}")
