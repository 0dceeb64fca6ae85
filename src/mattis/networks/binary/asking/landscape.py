"""The energy landscape: frustrated triangles, stable states and their energies, descents at T = 0.

A state is stable where no single neuron wants to flip. Of at most 20 neurons all states are visited; of more,
the stable states are those in which descents from random states end: a lower bound of their number.

G. Toulouse, Commun. Phys. 2, 115 (1977); A. J. Bray & M. A. Moore, J. Phys. C 13, L469 (1980).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.kernels import cpu
from mattis.networks.binary.axes import BinaryAxes
from mattis.networks.binary.hopfield import CellObservables
from mattis.networks.binary.matrix_network import Dynamics, MatrixNetwork
from mattis.networks.binary.questions import Inquiry, Query, VisitCell, VisitPart, Visits
from mattis.study.axes import Misplaced
from mattis.study.model import Observable, fraction_of_cues

LARGEST_VISITED = 20
"""Neurons at most of networks all of whose states are visited, in some 30 ms."""

EVERY_TRIANGLE = 64
"""Neurons at most of networks all of whose triangles are looked at."""

SAMPLED_TRIANGLES = 2**16
"""Triangles of larger networks that are looked at."""

LANDSCAPE_OBSERVABLES = (
    Observable("minima", "stable states; of more than 20 neurons those found, a lower bound"),
    Observable("log_minima", "logarithm of the number of stable states; NaN if there is none"),
    Observable("energy_minima", "energy per neuron of these stable states, their mean", "J"),
    Observable("energy_lowest", "lowest energy per neuron; of more than 20 neurons that found", "J"),
    Observable("ground_states", "states of that energy; of more than 20 neurons those found"),
    Observable("unsatisfied_bonds", "share of bonds with J_ij S_i S_j < 0 in a state of that energy"),
    Observable("frustrated_triangles", "share of triangles whose three couplings have a product < 0"),
    Observable("flips_to_rest", "flips of a descent at T = 0 from a random state, one by one"),
    Observable("energy_change", "largest change of the energy in any of these flips", "J"),
    Observable("energy_at_rest", "energy per neuron at the end of a descent", "J"),
    fraction_of_cues("at_rest", "fraction of descents that end within the sweeps of a chain"),
    Observable("asymmetry", "sum of |J_ij - J_ji| over the sum of |J_ij + J_ji|"),
    Observable("self_coupling", "largest |J_ii| over the largest |J_ij|"),
)
"""What is observed of a landscape."""


class Minima(NamedTuple):
    """The stable states that are known, and the lowest of all states that are.

    aligned  # sums of the alignments of the stable states; best  # the largest alignment of any state
    """

    stable: int
    aligned: int
    best: int
    ground: int
    lowest: Signs


@dataclass(frozen=True, eq=False)
class Landscape:
    """The landscape of a circuit, and the descents into it."""

    circuit: MatrixNetwork
    inquiry: Inquiry

    @property
    def is_even(self) -> bool:
        """Whether S and -S have the same energy."""
        return not self.circuit.bias.any()

    @cached_property
    def starts(self) -> Signs:
        """The random states that descents begin at, (cues, N)."""
        network = self.circuit.network
        stream = rng.stream(network.root_seed, "descents", network.labels)
        return random_patterns(stream, self.inquiry.cues, self.circuit.size)

    @cached_property
    def descents(self) -> tuple[Signs, NDArray[np.int64]]:
        """The last states of all descents, (cues, N), and their courses, (cues, 4)."""
        circuit, asking = self.circuit, self.inquiry.asking
        ends, courses = self.starts.copy(), np.zeros((len(self.starts), 4), np.int64)
        order = circuit.network.order(asking.order)
        for spins, course in zip(ends, courses, strict=True):
            fields = circuit.fields(spins)
            cpu.landscape.descend(circuit.columns, spins, fields, circuit.bias, order, asking.sweeps, course)
        return ends, courses

    @cached_property
    def minima(self) -> Minima:
        """The stable states: all, or those that descents end in."""
        return self._visited() if self.circuit.size <= LARGEST_VISITED else self._found()

    def _visited(self) -> Minima:
        """Return what all states come to; of S and -S that are alike one is visited."""
        circuit, twice = self.circuit, 1 + self.is_even
        spins, lowest = np.ones(circuit.size, np.int8), np.ones(circuit.size, np.int8)
        fields, tallies = circuit.fields(spins), np.zeros(4, np.int64)
        states = 2**circuit.size // twice
        cpu.landscape.every_state(circuit.columns, spins, fields, circuit.bias, states, lowest, tallies)
        stable, aligned, ground, best = (int(each) for each in tallies)
        return Minima(twice * stable, twice * aligned, best, twice * ground, lowest)

    def _found(self) -> Minima:
        """Return what the ends of descents come to; where S is stable and -S is alike, it counts too."""
        ends, courses = self.descents
        found = {
            side.tobytes(): int(aligned)
            for end, (_, rests, _, aligned) in zip(ends, courses, strict=True)
            if rests
            for side in ((end, -end) if self.is_even else (end,))
        }
        best = int(courses[:, 3].max())
        ground = sum(aligned == best for aligned in found.values())
        return Minima(len(found), sum(found.values()), best, ground, ends[int(courses[:, 3].argmax())])

    def frustration(self) -> float:
        """Return the share of triangles that are frustrated; NaN if there is no triangle."""
        circuit, size = self.circuit, self.circuit.size
        if size <= EVERY_TRIANGLE:
            frustrated, triangles = cpu.landscape.every_triangle(circuit.columns)
        else:
            network = circuit.network
            stream = rng.stream(network.root_seed, "triangles", network.labels)
            words = stream.words(3 * SAMPLED_TRIANGLES).astype(np.uint64)
            corners = (words * np.uint64(size) >> np.uint64(32)).astype(np.int64).reshape(-1, 3)
            frustrated, triangles = cpu.landscape.some_triangles(circuit.columns, corners)
        return frustrated / triangles if triangles else nan

    def cell(self) -> CellObservables:
        """Return all that is observed."""
        circuit, known = self.circuit, self.minima
        against, bonds = cpu.landscape.unsatisfied(circuit.columns, known.lowest)
        count = known.stable
        return {
            "minima": float(count),
            "log_minima": float(exact.functions.logarithm(float(count))) if count else nan,
            "energy_minima": circuit.energy(known.aligned / count) if count else nan,
            "energy_lowest": circuit.energy(float(known.best)),
            "ground_states": float(known.ground),
            "unsatisfied_bonds": against / bonds if bonds else nan,
            "frustrated_triangles": self.frustration(),
            **self.falls(),
            **self.symmetry(),
            "flag": 0,
        }

    def falls(self) -> CellObservables:
        """Return how the energy changes in descents: E = N e, flip by flip."""
        circuit, (_, courses) = self.circuit, self.descents
        flips, rests, least, aligned = courses.T
        each = circuit.size * (circuit.energy(1.0) - circuit.energy(0.0))
        return {
            "flips_to_rest": int(flips.sum()) / len(flips),
            "energy_change": each * int(least.min()) if flips.any() else nan,
            "energy_at_rest": circuit.energy(int(aligned.sum()) / len(aligned)),
            "at_rest": int(rests.sum()) / len(rests),
        }

    def symmetry(self) -> CellObservables:
        """Return how far couplings are from symmetric, and from having no diagonal."""
        columns = self.circuit.columns.astype(np.int64)
        apart, together = np.abs(columns - columns.T).sum(), np.abs(columns + columns.T).sum()
        largest = int(np.abs(columns).max())
        return {
            "asymmetry": int(apart) / int(together) if together else nan,
            "self_coupling": int(np.abs(np.diagonal(columns)).max()) / largest if largest else nan,
        }


def landscape(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> Iterator[VisitPart]:
    """Look at the landscape of a circuit once; all visits see the same."""
    yield _looked_at(circuit, visits, inquiry)


def _looked_at(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> VisitPart:
    """Return the landscape at every visit."""
    yield from ()  # no chain is asked for
    cell = Landscape(circuit, inquiry).cell()
    return [VisitCell(number, cell) for number in visits]


def check_landscape(axes: BinaryAxes, acting: Dynamics, _asked: Query) -> None:
    """Raise Misplaced where the axes are not those of a landscape."""
    if axes.temperatures != (0.0,):
        got = ", ".join(f"{heat:g}" for heat in axes.temperatures)[:40]
        expected = "[0.0], for a landscape has no temperature"
        raise Misplaced("axes.temperature", got, expected, "write temperature: [0.0]")
    if acting.synchronous:
        expected = "asynchronous, for stable states are those of single flips"
        raise Misplaced("dynamics.update", "synchronous", expected, "use model: hopfield")
    if axes.noise != (0.0,):
        expected = "no cues, for descents begin at random states"
        raise Misplaced("axes.noise", "noise", expected, "remove the axis")


def landscape_work(size: int) -> int:
    """Return what visiting all states takes, in spin proposals."""
    return size << size if size <= LARGEST_VISITED else 0
