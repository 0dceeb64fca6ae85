"""What is observed of one chain of a circuit: overlap, energy, q, cycles of two states, lengths."""

from math import nan

import numpy as np

from mattis.exact.measure import estimates, mean_square
from mattis.kernels import cpu
from mattis.networks.binary import chain_observables, hopfield
from mattis.networks.binary.chain_observables import ObservedChain
from mattis.networks.binary.hopfield import TWO_CYCLES, CellObservables, ChainAverages, course_of
from mattis.networks.binary.matrix_network import ChainResult, MatrixNetwork
from mattis.networks.binary.network import Protocol, Replica
from mattis.study.model import Observable


def standard(
    circuit: MatrixNetwork,
    walk: ChainResult,
    replica: Replica,
    index: int,
    asking: Protocol,
    moves: bool = False,
    hopfields: bool = False,
) -> CellObservables:
    """Return the observables that every model of neurons has; the first overlap is the one that is due.

    moves      # whether the state is never to settle: then it is judged as a warm chain, also at T = 0
    hopfields  # whether this network also runs in lanes, where energies are divided by 2 N² and not
               # multiplied by its inverse: it has the same last digit here
    """
    overlap, aligned = walk.overlaps[0, asking.thermalise :], walk.aligned[asking.thermalise :]
    m, e = estimates(np.stack([overlap, aligned]))
    each = abs(circuit.energy(1.0) - circuit.energy(0.0))
    error = e.error / (2 * circuit.size**2) if hopfields else e.error * each
    average = ChainAverages(
        m, e, course_of(overlap), float(circuit.stored.norms[index]), mean_square(overlap),
        (circuit.energy(e.mean), error), hopfield.edwards_anderson(walk.sums[..., None])[0],
        largest_other(circuit, walk, index, asking.measure),
        int(walk.flips[asking.thermalise :].sum()), walk.used,
    )  # fmt: skip
    cell = average.cell(circuit.size, replica._replace(beta=1.0) if moves else replica, asking)
    return cell | chain_observables.observed(
        lambda: ObservedChain(
            circuit.network.xi, index, replica.beta, replica.noise,
            overlap / float(circuit.stored.norms[index]),
            np.array([circuit.energy(float(a)) for a in aligned]),
            walk.sums.sum(axis=0, dtype=np.int64) / asking.measure,
        ),
        circuit.network.classes,
    )  # fmt: skip


def largest_other(circuit: MatrixNetwork, walk: ChainResult, index: int, measure: int) -> float:
    """Return max over the other patterns of |overlap of the mean state|; NaN if there is none."""
    if circuit.network.count == 1:
        return nan
    total = walk.sums.sum(axis=0, dtype=np.int64)
    found = np.abs(cpu.glauber.project(circuit.stored.weights, total)) / (circuit.stored.norms * measure)
    found[index] = -1.0
    return float(found.max())


def cycles(circuit: MatrixNetwork, walk: ChainResult, replica: Replica, asking: Protocol) -> CellObservables:
    """Return whether a chain at T = 0 ended in a cycle of two states, and Peretto's energy.

    Hbar/N = -(1/N) sum_i [|h_i| + T ln(1 + exp(-2 beta |h_i|))]: of signs without thresholds and
    symmetric couplings. NaN where there is no such thing.
    """
    cold, last = replica.is_cold, float(walk.flips[-1]) / circuit.size
    cell = {"two_cycle": nan, "cycle_flips": nan, "effective_energy": nan}
    if cold:
        cell["two_cycle"] = float(walk.period == 2)
        cell["cycle_flips"] = last if walk.period == 2 else 0.0
    if circuit.is_perettos:
        warm, size = asking.thermalise, circuit.size
        fields = int(walk.magnitudes[warm:].sum()) / asking.measure / (size**2 * circuit.unit)
        heat = 0.0 if cold else float(in_order(walk.excess[warm:])) / asking.measure / size
        cell["effective_energy"] = -(fields + (0.0 if cold else heat / replica.beta))
    return cell


def in_order(values: np.ndarray) -> float:
    """Return the sum of some floats, one after the other: the same bits on every machine."""
    total = 0.0
    for value in values.tolist():
        total += value
    return total


def length(circuit: MatrixNetwork, walk: ChainResult, asking: Protocol) -> CellObservables:
    """Return the mean length of all overlaps together, sqrt(sum_mu m_mu²): it has no direction to lose."""
    squares = (walk.overlaps[:, asking.thermalise :] ** 2).sum(axis=0)
    return {"overlap_length": in_order(np.sqrt(squares)) / asking.measure / float(circuit.stored.norms[0])}


def magnetisation(circuit: MatrixNetwork, walk: ChainResult, asking: Protocol) -> CellObservables:
    """Return the mean of |m|, which a state and its opposite have alike, and its thermal error."""
    (found,) = estimates(np.abs(walk.overlaps[:1, asking.thermalise :]))
    norm = float(circuit.stored.norms[0])
    return {"magnetisation": found.mean / norm, "magnetisation_thermal_error": found.error / norm}


CYCLES = (
    *TWO_CYCLES,
    Observable("effective_energy", "Peretto's effective energy per neuron, mean over sweeps", "J"),
)
MAGNETISATION = (
    Observable("magnetisation", "|overlap| with the cued pattern, mean over sweeps"),
    Observable("magnetisation_thermal_error", "standard error of the magnetisation from the chain alone"),
)
LENGTH = Observable("overlap_length", "length of the vector of all overlaps, mean over sweeps")
