"""Enumeration: the transition matrix of a small circuit over all 2^N states, and what follows exactly.

    P(S'_i = ±1 | S) = 1/(1 + exp(∓2 beta h_i(S))),   one site drawn at random, or all sites at once.

With symmetric couplings the stationary law is exp(-beta H)/Z of the former (R. J. Glauber, J. Math. Phys. 4,
294 (1963)) and prod_i 2 cosh(beta h_i)/Z of the latter (P. Peretto, Biol. Cybern. 50, 51 (1984)), and flows
balance in detail: W(S, S') P(S) = W(S', S) P(S'). So they do by Metropolis' rate, P(S'_i = -S_i | S) =
min(1, exp(-2 beta S_i h_i)), of one site drawn at random. With exp(-beta S'_i h_i) in place of
exp(+beta S'_i h_i), as some print it, flows balance as well, and all sites at once even have the same law:
only that a step leads away from a stored pattern tells the sign.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isinf, nan

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Reals
from mattis.exact.measure import estimates, mean_square
from mattis.kernels import cpu
from mattis.networks.binary import questions
from mattis.networks.binary.axes import BinaryAxes
from mattis.networks.binary.hopfield import CellObservables, flags
from mattis.networks.binary.matrix_network import Dynamics, MatrixNetwork, Request
from mattis.networks.binary.network import Replica
from mattis.networks.binary.questions import Inquiry, Query, Visit, VisitPart, Visits, always, course, cued
from mattis.study.axes import Misplaced
from mattis.study.model import Observable

LARGEST_ENUMERATED = 12
"""Neurons at most: W has 4^N entries, and its stationary law takes 8^N/3 multiplications."""

ENUMERATED_OBSERVABLES = (
    Observable("row_sum_error", "largest |sum over S' of W(S, S') - 1|"),
    Observable("gibbs_distance", "total variation distance of the stationary law of W from exp(-beta H)/Z"),
    Observable(
        "peretto_distance",
        "total variation distance of the stationary law of W from prod_i 2 cosh(beta h_i)/Z",
    ),
    Observable(
        "imbalance",
        "largest |W(S, S') P(S) - W(S', S) P(S')| over the largest W(S, S') P(S), P the stationary law",
    ),
    Observable("gibbs_distance_reversed", "gibbs_distance with the rule exp(-beta S'_i h_i)"),
    Observable("peretto_distance_reversed", "peretto_distance with the rule exp(-beta S'_i h_i)"),
    Observable("imbalance_reversed", "imbalance with the rule exp(-beta S'_i h_i)"),
    Observable("overlap_one_step", "overlap of sites that are updated, from the stored pattern"),
    Observable("overlap_one_step_reversed", "the same with the rule exp(-beta S'_i h_i)"),
    Observable("energy", "energy per neuron of a chain, mean over sweeps and cues", "J"),
    Observable("energy_thermal_error", "standard error of the energy from the chain alone", "J"),
    Observable("energy_exact", "energy per neuron in the stationary law of sweeps", "J"),
    Observable("overlap_squared", "squared overlap of a chain, mean over sweeps and cues"),
    Observable("overlap_squared_thermal_error", "standard error of the squared overlap from the chain alone"),
    Observable("overlap_squared_exact", "squared overlap in the stationary law of sweeps"),
)
"""What is observed of a small circuit and its transition matrix."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """The transition matrix of a circuit at one temperature.

    turned  # 1, or -1 for the rule exp(-beta S'_i h_i)
    """

    circuit: MatrixNetwork
    beta: float
    turned: float = 1.0

    @cached_property
    def spins(self) -> NDArray[np.int64]:
        """All states, (2^N, N)."""
        size = self.circuit.size
        return 2 * (np.arange(2**size)[:, None] >> np.arange(size) & 1) - 1

    @cached_property
    def whole_fields(self) -> NDArray[np.int64]:
        """N h_i of all states in units of fields, (2^N, N)."""
        circuit = self.circuit
        return np.asarray(self.spins @ circuit.made.nj.T.astype(np.int64) + circuit.bias, np.int64)

    @property
    def per_field(self) -> float:
        """What beta h is of a field of 1."""
        return self.beta / (self.circuit.size * self.circuit.unit * self.circuit.quarter)

    @cached_property
    def chances(self) -> tuple[Reals, Reals]:
        """The probabilities that each site is +1, or -1, once it is updated: (2^N, N) each."""
        up, down = np.empty(self.spins.shape), np.empty(self.spins.shape)
        kernels, metropolis = cpu.transitions, self.circuit.dynamics.is_metropolis
        fill = kernels.accepted if metropolis else kernels.chances
        fill(self.turned * self.per_field * self.whole_fields, up, down)
        return up, down

    @cached_property
    def matrix(self) -> Reals:
        """W(S, S'), (2^N, 2^N): from rows to columns."""
        out, kernels = np.empty((len(self.spins), len(self.spins))), cpu.transitions
        fill = kernels.all_at_once if self.circuit.dynamics.synchronous else kernels.one_at_random
        fill(out, *self.chances)
        return out

    @cached_property
    def law(self) -> Reals:
        """The stationary law of W, (2^N,)."""
        out = np.empty(len(self.spins))
        cpu.transitions.stationary(self.matrix.copy(), out)
        return out

    @property
    def is_sampled_as_drawn(self) -> bool:
        """Whether sweeps in any order have the law of W."""
        return self.circuit.made.symmetric or self.circuit.dynamics.synchronous

    @cached_property
    def sampled(self) -> Reals:
        """The law of the states that a chain is in after each of its sweeps, from the first site to the last.

        That of W, unless couplings are not symmetric and sites are visited one after the other.
        """
        if self.is_sampled_as_drawn:
            return self.law
        sweep, out = np.empty((len(self.spins), len(self.spins))), np.empty(len(self.spins))
        cpu.transitions.in_turn(sweep, *self.chances)
        cpu.transitions.stationary(sweep, out)
        return out

    @cached_property
    def energies(self) -> Reals:
        """The energy per neuron of every state, (2^N,)."""
        aligned = (self.spins * (self.whole_fields + self.circuit.bias)).sum(axis=1)
        return np.array([self.circuit.energy(float(each)) for each in aligned])

    @cached_property
    def gibbs(self) -> Reals:
        """The weights exp(-beta H)/Z."""
        out = np.empty(len(self.spins))
        cpu.transitions.weights(-self.beta * self.circuit.size * self.energies, out)
        return out

    @cached_property
    def perettos(self) -> Reals:
        """The weights prod_i 2 cosh(beta h_i)/Z; with biases b_i times exp(beta b_i S_i)."""
        out, exponents = np.empty(len(self.spins)), np.empty(len(self.spins))
        fields, biases = self.per_field * self.whole_fields, self.per_field * self.circuit.bias
        cpu.transitions.peretto_exponents(fields, biases, exponents)
        cpu.transitions.weights(exponents, out)
        return out

    def overlaps(self, index: int) -> NDArray[np.int64]:
        """Return the overlaps of all states with a pattern, times its norm."""
        return np.asarray(self.spins @ self.circuit.stored.weights[index].astype(np.int64))

    def one_step(self, index: int) -> float:
        """Return the mean overlap of the sites that one step from a stored pattern updates.

        sum_i w_i (P(S'_i = +1) - P(S'_i = -1))/norm, by heat bath (1/N) sum_i xi_i tanh(beta h_i) of ±1
        patterns.
        """
        up, down = self.chances
        stored = self.circuit.stored
        state = int((stored.xi[index] > 0) @ (1 << np.arange(self.circuit.size)))
        drift = (up[state] - down[state]) * stored.weights[index]
        total = 0.0
        for each in drift.tolist():
            total += each
        return total / float(stored.norms[index])

    @cached_property
    def balance(self) -> CellObservables:
        """How W and its stationary law stand to the weights of equilibrium."""
        kernels = cpu.transitions
        return {
            "gibbs_distance": kernels.distance(self.law, self.gibbs),
            "peretto_distance": kernels.distance(self.law, self.perettos),
            "imbalance": kernels.imbalance(self.matrix, self.law),
        }


def enumeration(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> Iterator[VisitPart]:
    """Compare a chain with the exact law of its states, for each cue; W is made once for each visit."""
    for number, visit in visits.items():
        right, wrong = (Transitions(circuit, visit.beta, turned) for turned in (1.0, -1.0))
        for cue in range(inquiry.cues):
            yield _enumerated(number, right, wrong, visit, cued(circuit.network.count, visit, cue), inquiry)


def _enumerated(
    number: int, right: Transitions, wrong: Transitions, visit: Visit, index: int, inquiry: Inquiry
) -> VisitPart:
    """Observe one chain beside the exact law, and the transition matrix."""
    circuit, asking = right.circuit, inquiry.asking
    replica = Replica(index, visit.beta, visit.noise)
    path = course(circuit, replica, asking, always([index], asking.sweeps))
    walk = yield Request(circuit, circuit.network.cue(index, visit.noise), path)
    overlap, aligned = walk.overlaps[0, path.warm :], walk.aligned[path.warm :]
    squares, e = estimates(np.stack([overlap**2, aligned]))
    square, each = (float(circuit.stored.norms[index]) ** 2, abs(circuit.energy(1.0) - circuit.energy(0.0)))
    cell = right.balance | {f"{name}_reversed": value for name, value in wrong.balance.items()}
    exact = right.overlaps(index).astype(np.float64) ** 2
    known = right.is_sampled_as_drawn or asking.order != "random"
    law = right.sampled if known else np.full(len(exact), nan)
    return [questions.VisitCell(number, cell | {
        "row_sum_error": cpu.transitions.row_error(right.matrix),
        "overlap_one_step": right.one_step(index),
        "overlap_one_step_reversed": wrong.one_step(index),
        "energy": circuit.energy(e.mean),
        "energy_thermal_error": e.error * each,
        "energy_exact": cpu.transitions.mean(law, right.energies),
        "overlap_squared": mean_square(overlap) / square,
        "overlap_squared_thermal_error": squares.error / square,
        "overlap_squared_exact": cpu.transitions.mean(law, exact) / square,
        "flag": flags(squares, e, replica, walk.used, asking),
    })]  # fmt: skip


def check_enumerated(axes: BinaryAxes, _acting: Dynamics, _asked: Query) -> None:
    """Raise Misplaced where states are too many, or where W has more than one stationary law."""
    largest = max(axes.size)
    if largest > LARGEST_ENUMERATED:
        where, got = f"axes.size[{axes.size.index(largest)}]", f"{largest} at question: enumeration"
        expected = f"at most {LARGEST_ENUMERATED} neurons, for all 2^N states are enumerated"
        raise Misplaced(where, got, expected, "use smaller sizes")
    for index, beta in enumerate(axes.betas):
        if isinf(beta):
            expected = "temperatures above 0: at T = 0 there are several stationary laws"
            raise Misplaced(f"axes.temperature[{index}]", "0", expected, "use for example 0.5")


def enumeration_work(size: int) -> int:
    """Return what two stationary laws of 2^N states take, in spin proposals: 8^N/3 products each."""
    return 1 << 3 * size - 3


def enumeration_memory(size: int) -> int:
    """Return the bytes of three matrices over 2^N states, and of the probabilities that they are made of."""
    return 3 * 8 * (1 << 2 * size) + 64 * size * (1 << size)
