"""Free energies along the ladders of replica exchange, and which phase has less: retrieval, or all the rest.

All measured states of both ladders are reweighted together (M. R. Shirts and J. D. Chodera, J. Chem. Phys.
129, 124105 (2008)); the hottest rung is tied to T = ∞, where F/T = -N ln 2, by random states.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import fsum, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact.arrays import Mask, Reals
from mattis.exact.patterns import random_patterns
from mattis.networks.binary.hopfield import CellObservables
from mattis.networks.binary.ladder import LadderRecord, LadderRun
from mattis.networks.binary.network import few_patterns_overlap
from mattis.study.model import Observable

LADDER_LEVELS = 4096
"""Levels of energy at most: of more, neighbours are counted at their mean."""

RANDOM_STATES = 2048
"""States of T = ∞ that tie the hottest temperature to it."""

LADDER_BLOCKS = 10
"""Blocks of a run; each is left out once for the error (jackknife)."""

LEAST_SHARED = 0.06
"""Share of the laws of two neighbours that is common, below which their difference counts as unknown.

Twice the 0.03 of the overlap matrix of P. V. Klimovich, M. R. Shirts and D. L. Mobley, J. Comput. Aided Mol.
Des. 29, 397 (2015).
"""

LN_2 = 0.6931471805599453
"""ln 2, the entropy of a neuron at T = ∞."""

LEAST_OF_RETRIEVAL, SHARE_OF_RETRIEVAL = 0.5, 0.75
"""A state is one of retrieval above 0.75 of the overlap of few patterns, and above a mixture of three."""

FREE_ENERGY_OBSERVABLES = (
    Observable(
        "free_energy",
        "free energy per neuron -(T/N) ln Z; NaN where the hottest temperature is too far from T = ∞",
        "J",
    ),
    Observable("free_energy_thermal_error", "standard error of the free energy from the chains alone", "J"),
    Observable("log_partition", "ln Z per neuron, less that of the hottest temperature"),
    Observable("log_partition_thermal_error", "standard error of log_partition from the chains alone"),
)
"""What is observed of the free energy on a rung, by all rungs."""


PHASE_OBSERVABLES = (
    Observable("retrieval_weight",
        "share of Boltzmann's weight that retrieval states of all patterns and their opposites have"),
    Observable("retrieval_excess",
        "free energy per neuron of one retrieval state, of a pattern of mean energy, less that of all others",
        "J"),
    Observable("retrieval_excess_alike",
        "the same if all retrieval states weighed the same: -(T/N) ln(w/(2 P (1 - w)))", "J"),
    Observable("retrieval_share",
        "weight of one retrieval state, of a pattern of mean energy, over that of it and of all others"),
)  # fmt: skip
"""What is observed of the two phases of Hopfield's network on a rung."""


@dataclass(frozen=True, eq=False)
class EnergyCounts:
    """How often each energy was met, on each rung and in each block of the run.

    betas   # (R,) rising
    levels  # (L,) energies of the whole network, without the part that no spin changes
    places  # (2, R, sweeps) the level of each measured state of both ladders
    random  # (blocks, L) how many of the random states are on each level, in each block
    """

    betas: Reals
    levels: Reals
    places: NDArray[np.int64]
    random: NDArray[np.int64]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each level was met, (blocks, R, L)."""
        _, rungs, sweeps = self.places.shape
        at = in_blocks(sweeps, len(self.random))
        counts = np.zeros((len(self.random), rungs, self.levels.size), np.int64)
        np.add.at(counts, (at, np.arange(rungs)[:, None], self.places), 1)
        return counts

    @cached_property
    def total(self) -> NDArray[np.int64]:
        """How often each level was met in both ladders, (L,)."""
        return np.asarray(self.counts.sum(axis=(0, 1)), np.int64)

    @cached_property
    def solution(self) -> tuple[Reals, Reals]:
        """ln(Z/Z_hottest) on each rung, (R,), and the weight there of each state that was met, (R, L)."""
        return self.solved(slice(None))

    def solved(self, blocks: slice | list[int]) -> tuple[Reals, Reals]:
        """Return the solution by some blocks."""
        return _solved(self.betas, self.counts[blocks].sum(axis=0), self.levels)

    def anchored(self, blocks: slice | list[int]) -> float:
        """Return ln(Z_hottest/2^N), by random states and the hottest rung; NaN where they are apart."""
        both = np.array([self.random[blocks].sum(axis=0), self.counts[blocks, 0].sum(axis=0)])
        logs, weights = _solved(np.array([0.0, self.betas[0]]), both, self.levels)
        return float(logs[1]) if are_tied(weights[0], weights[1], both.sum(axis=0)) else nan

    @cached_property
    def ties(self) -> Mask:
        """Whether each rung is tied to the hottest, (R,): neighbours between them have states in common."""
        tied = [are_tied(one, other, self.total) for one, other in pairwise(self.solution[1])]
        return np.logical_and.accumulate([True, *tied])


def _solved(betas: Reals, counts: NDArray[np.int64], levels: Reals) -> tuple[Reals, Reals]:
    """Return ln(Z/Z_first) at some temperatures, and the weights of states, by counts at each, (R, L)."""
    draws = counts.sum(axis=1)
    means = np.array([fsum(row * levels) for row in counts]) / draws
    return exact.reweighting.log_weights(betas, draws, means, levels, counts.sum(axis=0))


def are_tied(one: Reals, other: Reals, counts: NDArray[np.int64]) -> bool:
    """Tell whether two laws have enough states in common for the difference of their free energies."""
    return exact.reweighting.shared(one, other, counts) >= LEAST_SHARED


def energy_counts(run: LadderRun, record: LadderRecord) -> EnergyCounts:
    """Return how often each energy was met."""
    circuit, measured = run.circuit, record.trace[1, :, :, run.asking.thermalise :]
    aligned = np.concatenate([measured.ravel(), aligned_at_random(run)])
    above = aligned - aligned.min()
    found = above // -(-(int(above.max()) + 1) // LADDER_LEVELS)
    met = np.bincount(found)
    means = int(aligned.min()) + np.bincount(found, above)[met > 0] / met[met > 0]
    places = (np.cumsum(met > 0) - 1)[found]
    blocks = min(LADDER_BLOCKS, measured.shape[2])
    random = np.zeros((blocks, means.size), np.int64)
    np.add.at(random, (in_blocks(RANDOM_STATES, blocks), places[measured.size :]), 1)
    energies = -means / (2 * circuit.size * circuit.unit * circuit.quarter)
    at = places[: measured.size].reshape(measured.shape)
    return EnergyCounts(np.array(run.ladder.betas), energies, at, random)


def in_blocks(count: int, blocks: int) -> NDArray[np.int64]:
    """Return the block of each of some states that follow each other."""
    return np.arange(count) * blocks // count


def aligned_at_random(run: LadderRun) -> NDArray[np.int64]:
    """Return sum_i S_i (x_i + b_i) of random states, those of T = ∞, of a stream of their own."""
    circuit = run.circuit
    states = random_patterns(run.stream("hottest states", 1), RANDOM_STATES, circuit.size)
    return np.array([int(state @ (circuit.fields(state) + circuit.bias)) for state in states], np.int64)


def free_energies(run: LadderRun, record: LadderRecord) -> list[CellObservables]:
    """Return the free energy on each rung, and its error; of Hopfield's network also its phases."""
    found = energy_counts(run, record)
    cells = _energies(run, found)
    if not run.is_hebbian:
        return [cell | dict.fromkeys((one.name for one in PHASE_OBSERVABLES), nan) for cell in cells]
    return [cell | own for cell, own in zip(cells, _phases(run, record, found), strict=True)]


def _energies(run: LadderRun, found: EnergyCounts) -> list[CellObservables]:
    """Return f = -(T/N) ln Z and ln(Z/Z_hottest)/N on each rung, with their errors."""
    size, offset, blocks = run.circuit.size, run.circuit.offset, range(len(found.random))
    logs, anchor = found.solution[0], found.anchored(slice(None))
    parts = [[k for k in blocks if k != left] for left in blocks if len(blocks) > 1]
    others = np.array([found.solved(part)[0] for part in parts]).reshape(-1, len(logs))
    anchors = np.array([found.anchored(part) for part in parts])
    cells = []
    for k, beta in enumerate(run.ladder.betas):
        known = 1.0 if found.ties[k] else nan
        cells.append({
            "free_energy": known * (offset - LN_2 / beta - (anchor + logs[k]) / beta / size),
            "free_energy_thermal_error": known * jackknife(anchors + others[:, k]) / beta / size,
            "log_partition": known * (logs[k] / size - (beta - found.betas[0]) * offset),
            "log_partition_thermal_error": known * jackknife(others[:, k]) / size,
        })  # fmt: skip
    return cells


def jackknife(others: Reals) -> float:
    """Return the standard error of an estimate from those without one block each; NaN without two of them."""
    count = len(others)
    if count < 2:
        return nan
    mean = fsum(others) / count
    return sqrt(fsum((others - mean) ** 2) * (count - 1) / count)


def least_of_retrieval(beta: float) -> float:
    """Return the overlap above which a state is one of retrieval at a temperature."""
    return max(LEAST_OF_RETRIEVAL, SHARE_OF_RETRIEVAL * few_patterns_overlap(beta))


def _phases(run: LadderRun, record: LadderRecord, found: EnergyCounts) -> list[CellObservables]:
    """Return what retrieval and all other states have on each rung, by the states on all rungs."""
    size = run.circuit.size
    span = size + 1
    overlap = record.nearest[:, :, run.asking.thermalise :]
    kinds, counts = np.unique(found.places * span + overlap, return_counts=True)
    level, overlap, energies = kinds // span, kinds % span, energies_of_patterns(run)
    cells = []
    for k, beta in enumerate(run.ladder.betas):
        table = np.zeros((found.levels.size, 2), np.int64)
        np.add.at(table, (level, (overlap > least_of_retrieval(beta) * size).astype(int)), counts)
        rest, weight = exact.reweighting.masses(found.solution[1][k], table).tolist()
        cells.append(phase_observables(weight, rest, energies, beta, size))
    return cells


def energies_of_patterns(run: LadderRun) -> Reals:
    """Return the energies of the stored patterns themselves, less their mean, (P,)."""
    circuit = run.circuit
    aligned = [int(xi @ circuit.fields(xi)) for xi in circuit.network.xi.astype(np.int64)]
    mean = sum(aligned) / len(aligned)
    return np.array([(mean - one) / (2 * circuit.size * circuit.unit) for one in aligned])


def phase_observables(weight: float, rest: float, energies: Reals, beta: float, size: int) -> CellObservables:
    """Return what is observed of the phases at one temperature.

    Retrieval states of a set differ by free energies of sqrt(P/2), as their patterns do: a mean over them is
    ruled by the best. That of a pattern of mean energy has the weight w/(2 sum_mu e^(-beta (E_mu - <E>))).

    weight    # of the retrieval states of all patterns and their opposites; rest  # of all other states
    energies  # (P,) E_mu - <E> of the stored patterns
    """
    boltzmann = [float(exact.functions.exponential(-beta * one)) for one in energies.tolist()]
    known = weight > 0 and rest > 0
    excess, alike = (
        -exact.functions.logarithm(weight / (2 * states) / rest) / beta / size if known else nan
        for states in (fsum(boltzmann), len(boltzmann))
    )
    one = weight / (2 * fsum(boltzmann))
    return {
        "retrieval_weight": weight / (weight + rest),
        "retrieval_excess": excess,
        "retrieval_excess_alike": alike,
        "retrieval_share": one / (one + rest),
    }
