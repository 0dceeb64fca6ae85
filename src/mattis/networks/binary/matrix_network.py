"""A circuit: binary neurons with any couplings and thresholds, and its chains.

    S_i = ±1,   N h_i = sum_j N J_ij S_j + b_i,   P(S_i = +1) = 1 / (1 + exp(-2 beta h_i)),
    H = -1/2 sum_ij J_ij S_i S_j - (1/N) sum_i b_i S_i,

one site after the other, or all at once. By Metropolis' rate, one site after the other, a spin flips with
probability min(1, exp(-2 beta S_i h_i)), at T = 0 where S_i h_i <= 0: in a random order only, for from the
first site to the last some states are never left (of three spins with one coupling +-+ and -+-).

Neurons V_i = 0, 1 with thresholds U_i (Hopfield 1982: V_i = 1 where sum_j J_ij V_j > U_i, and it stays where
they are equal) are the same circuit by V = (1 + S)/2: the bias is b_i = sum_j N J_ij - 2 N U_i, every energy
is a quarter, and so the temperature counts four times. With U_i = 1/2 sum_j J_ij nothing is left of the bias:
flip by flip the network of signs. For signs b = -N U.

J. J. Hopfield, PNAS 79, 2554 (1982); W. A. Little, Math. Biosci. 19, 101 (1974); P. Peretto, Biol. Cybern.
50, 51 (1984): with all sites at once and symmetric couplings the stationary weights are exp(-beta Hbar),
Hbar = -(1/beta) sum_i ln 2 cosh(beta h_i) (- (1/N) sum_i b_i S_i), and at T = 0 a chain ends in a fixed
point or in a cycle of two states. Asymmetric couplings have no energy that falls: anything can happen.

Chains run one at a time on the CPU (`alone`), or many at once on a device (`together`): to the same bits.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mattis import plugins
from mattis.exact import rng
from mattis.exact.arrays import Reals, Signs
from mattis.exact.rng import Labels
from mattis.kernels import cpu
from mattis.kernels.cuda.couplings import SignCouplings
from mattis.kernels.cuda.devices import Device
from mattis.kernels.cuda.matrix import Chain, ChainRecord, Wires, run_chains
from mattis.networks.binary import couplings
from mattis.networks.binary.couplings import RULES, CouplingMatrix, CouplingRule, Lesson, Rule
from mattis.networks.binary.ensembles import Stored
from mattis.networks.binary.network import BinaryNetwork

UPDATES = ("asynchronous", "synchronous")
RATES = ("glauber", "metropolis")
DIAGONALS = ("zero", "kept")
NEURONS: Mapping[str, tuple[str, ...]] = {"signs": (), "zero_one": ("zero_one.overlap",)}
"""Kinds of neurons, and the theory of each beside that of the couplings."""

BALANCED = "balanced"

LARGEST_NARROW = 2**30
"""Fields below this are kept in 32 bits."""

LARGEST_ROW = 2.0**31
"""Fields N h × unit of a plugin's couplings stay below this."""


@dataclass(frozen=True)
class Dynamics:
    """How neurons are updated, and what they are.

    rate       # "glauber", heat bath; or "metropolis", one site after the other by couplings with an energy
    diagonal   # J_ii "zero", or "kept" as the rule of the couplings makes it: then S_i feels itself, which H
               # does not know, so that one site after the other is no heat bath of H any more
    neurons    # "signs" ±1, or "zero_one"
    threshold  # U in units of J, the same for all; or "balanced", U_i = 1/2 sum_j J_ij of zero-one neurons
    """

    update: str = UPDATES[0]
    diagonal: str = DIAGONALS[0]
    neurons: str = next(iter(NEURONS))
    threshold: float | str = 0.0
    rate: str = RATES[0]

    @property
    def synchronous(self) -> bool:
        """Whether all sites are updated at once."""
        return self.update == "synchronous"

    @property
    def is_metropolis(self) -> bool:
        """Whether flips are accepted by Metropolis' rate."""
        return self.rate == "metropolis"


@dataclass(frozen=True, eq=False)
class Couplings:
    """The couplings of a network: nj = unit × N J."""

    make: Callable[[], CouplingMatrix]
    unit: float
    symmetric: bool
    signs: SignCouplings | None = None
    """How a device makes them itself, where it can."""

    @cached_property
    def nj(self) -> CouplingMatrix:
        """The couplings, (N, N) of the narrowest type, made when they are wanted."""
        return self.make()


def learnt(rule: Rule, stored: Stored, with_diagonal: bool, root_seed: int, labels: Labels) -> Couplings:
    """Return the couplings of patterns by a rule. with_diagonal  # J_ii as the rule makes it, else 0"""
    row = RULES[rule.name]
    lesson = Lesson(rule, stored, root_seed, labels)
    unit = couplings.unit_of(rule, stored.unit, len(stored.xi))
    if row.of_signs is not None and stored.signs is not None:
        signs = SignCouplings(stored.signs, row.of_signs(lesson), with_diagonal)
        return Couplings(lambda: _matrix(row, lesson, with_diagonal), unit, bool(row.symmetric), signs)
    nj = _matrix(row, lesson, with_diagonal)
    symmetric = bool((nj == nj.T).all()) if row.symmetric is None else row.symmetric
    return Couplings(lambda: nj, unit, symmetric)


def _matrix(row: CouplingRule, lesson: Lesson, with_diagonal: bool) -> CouplingMatrix:
    """Return nj of a rule in the narrowest type, (N, N)."""
    nj = _checked(row, plugins.called(row, row.build, lesson, **lesson.rule.own), lesson.xi.shape[1])
    if not with_diagonal:
        np.fill_diagonal(nj, 0)
    return nj.astype(couplings.narrowest(int(max(nj.max(), -nj.min()))))


def _checked(row: CouplingRule, nj: NDArray[Any], size: int) -> NDArray[np.number]:
    """Return nj of a rule. Raises UserError where a plugin's is no matrix of whole numbers as it says."""
    if row.name in RULES.built_in:
        return nj
    nj = np.array(nj)
    if nj.shape != (size, size):
        raise plugins.refused(row, f"shape {nj.shape}", f"({size}, {size}), N × N")
    if nj.dtype.kind not in "iuf" or not np.isfinite(nj).all():
        raise plugins.refused(row, f"{nj.dtype} or not finite", "whole numbers nj = unit × N J")
    wrong = np.argwhere(nj != np.rint(nj))
    if len(wrong):
        i, j = wrong[0]
        expected = "whole numbers nj = unit × N J: multiply and round them, and give unit="
        raise plugins.refused(row, f"nj[{i}, {j}] = {nj[i, j]:g}", expected)
    if row.symmetric and (nj != nj.T).any():
        i, j = np.argwhere(nj != nj.T)[0]
        got = f"nj[{i}, {j}] = {nj[i, j]:g} and nj[{j}, {i}] = {nj[j, i]:g}"
        raise plugins.refused(row, got, "a symmetric matrix, or symmetric=False")
    if np.abs(nj).sum(axis=1).max() >= LARGEST_ROW:
        raise plugins.refused(
            row, "a row whose sum is above 2^31", "smaller whole numbers, by a smaller unit"
        )
    return nj


@dataclass(frozen=True, eq=False)
class ChainResult:
    """What one chain leaves behind.

    overlaps  # (R, sweeps) sum_i weight_i S_i with each of the patterns that are followed
    aligned, flips, magnitudes  # (sweeps,) sum_i S_i (N h_i + b_i), flips, sum_i |N h_i|
    excess    # (sweeps,) sum_i ln(1 + exp(-2 beta |h_i|)), or (0,)
    sums      # (2, N) sums of the spins over the halves of the measured sweeps
    spins     # (N,) the last state
    used      # sweeps before a fixed point or two-cycle, or all of them
    period    # 1 or 2 there, 0 if neither was reached
    """

    overlaps: NDArray[np.int64]
    aligned: NDArray[np.int64]
    flips: NDArray[np.int64]
    magnitudes: NDArray[np.int64]
    excess: Reals
    sums: NDArray[np.int32]
    spins: Signs
    used: int
    period: int

    @staticmethod
    def of(record: ChainRecord) -> "ChainResult":
        """Return what a kernel wrote down."""
        overlaps, (aligned, flips, magnitudes), excess, sums, spins, used, period = record
        return ChainResult(overlaps, aligned, flips, magnitudes, excess, sums, spins, used, period)


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """What a chain goes through: whose overlaps are followed, how warm it is, what is averaged.

    follow  # (sweeps, R) indices of patterns
    scales  # (sweeps,) float32 widths of the thermal noise
    warm    # sweeps before the averages
    stream  # of the thermal noise
    order   # stream of the orders of sites, empty for 0 … N-1
    """

    follow: NDArray[np.int32]
    scales: NDArray[np.float32]
    warm: int
    stream: rng.Words
    order: rng.Words

    @property
    def settles(self) -> bool:
        """Whether nothing changes any more once a state is its own successor."""
        return bool((self.follow == self.follow[0]).all() and not self.scales.any())

    @property
    def sweeps(self) -> int:
        """All sweeps of the chain."""
        return len(self.follow)

    def until(self, sweep: int) -> "NoiseSchedule":
        """Return the first sweeps of the chain: they are the same, however long it is."""
        warm = min(self.warm, sweep)
        return replace(self, follow=self.follow[:sweep], scales=self.scales[:sweep], warm=warm)


@dataclass(frozen=True, eq=False)
class MatrixNetwork:
    """A network with its couplings, thresholds and update; fields are integers in units of 1/unit."""

    network: BinaryNetwork
    stored: Stored
    made: Couplings
    dynamics: Dynamics

    @property
    def size(self) -> int:
        return self.network.size

    @property
    def unit(self) -> float:
        """Fields are N h × unit."""
        return self.made.unit

    @cached_property
    def columns(self) -> NDArray[np.signedinteger]:
        """What S_j does to every site, row by row."""
        nj = self.made.nj
        return nj if self.made.symmetric else np.ascontiguousarray(nj.T)

    @cached_property
    def bias(self) -> NDArray[np.int64]:
        """The bias of every site, in units of fields."""
        one_sided = self.dynamics.neurons == "zero_one"
        if self.dynamics.threshold == BALANCED:
            return np.zeros(self.size, np.int64)
        each = (2 if one_sided else 1) * float(self.dynamics.threshold) * self.size * self.unit
        sums = self.made.nj.sum(axis=1, dtype=np.int64) if one_sided else np.zeros(self.size, np.int64)
        return np.asarray(sums - round(each), np.int64)

    @cached_property
    def widest(self) -> type[np.signedinteger]:
        """The narrowest integers that no field overflows."""
        bound = couplings.row_bound(self.made.nj) + int(np.abs(self.bias).max(initial=0))
        return np.int16 if 2 * bound < 2**15 else np.int32 if bound < LARGEST_NARROW else np.int64

    @property
    def quarter(self) -> int:
        """4 where energies are a quarter of those of signs, else 1."""
        return 4 if self.dynamics.neurons == "zero_one" else 1

    @property
    def is_perettos(self) -> bool:
        """Whether all sites at once have Peretto's energy as it is observed: of signs without thresholds."""
        return self.made.symmetric and self.quarter == 1 and not self.bias.any()

    @cached_property
    def offset(self) -> float:
        """The energy per neuron of zero-one neurons that no spin changes: (1/8) sum J_ij - (1/4N) sum b_i."""
        if self.quarter == 1:
            return 0.0
        total = int(self.made.nj.sum(dtype=np.int64)) - 2 * int(self.bias.sum(dtype=np.int64))
        return total / (8 * self.size**2 * self.unit)

    def energy(self, aligned: float) -> float:
        """Return the energy per neuron from sum_i S_i (N h_i + b_i) in units of fields."""
        return -aligned / (2 * self.size**2 * self.unit * self.quarter) + self.offset

    def scale(self, beta: float) -> np.float32:
        """Return the width of the thermal noise, 0 at T = 0."""
        if np.isinf(beta):
            return np.float32(0)
        return np.float32(rng.noise_scale(self.size, beta) * self.unit * self.quarter)

    def fields(self, spins: Signs) -> NDArray[np.signedinteger]:
        """Return the fields N h of a state, in their units."""
        fields: NDArray[np.int64] = cpu.glauber.project(self.made.nj, spins) + self.bias
        return fields.astype(self.widest)

    @property
    def heated(self) -> bool:
        """Whether the heat of Peretto's energy is written down."""
        return self.dynamics.synchronous and self.is_perettos

    def walk(self, start: Signs, course: NoiseSchedule) -> ChainResult:
        """Run one chain from a state, on the CPU."""
        sweeps, followed = course.follow.shape
        spins = start.copy()
        overlaps = np.zeros((followed, sweeps), np.int64)
        trace, sums = np.zeros((3, sweeps), np.int64), np.zeros((2, self.size), np.int32)
        excess = np.zeros(sweeps if self.heated else 0)
        used, period = cpu.matrix.matrix_sweeps(
            self.columns, spins, self.fields(spins), self.bias, self.stored.weights, course.follow,
            self.dynamics.synchronous, self.dynamics.is_metropolis, course.settles, course.stream,
            course.scales, course.order, overlaps, trace, excess, sums, course.warm,
        )  # fmt: skip
        return ChainResult.of(ChainRecord(overlaps, trace, excess, sums, spins, int(used), int(period)))

    @cached_property
    def wires(self) -> Wires:
        """What the chains of this circuit share on a device, which makes couplings itself where it can."""
        signs, bias, weights = self.made.signs, self.bias, self.stored.weights
        largest = int(np.abs(bias).max(initial=0))
        if signs is not None and signs.largest * self.size + largest < LARGEST_NARROW:
            return Wires(signs, bias, weights, wide=False)
        return Wires(self.columns, bias, weights, self.widest is np.int64)


class Request(NamedTuple):
    """A chain that somebody asks for."""

    circuit: MatrixNetwork
    start: Signs
    course: NoiseSchedule

    @property
    def chain(self) -> Chain:
        """The chain as a device takes it."""
        circuit, course = self.circuit, self.course
        return Chain(
            circuit.wires, self.start, course.follow, course.scales, course.warm, course.stream,
            course.order, circuit.dynamics.synchronous, circuit.dynamics.is_metropolis, course.settles,
            circuit.heated,
        )  # fmt: skip

    @property
    def memory(self) -> int:
        """The bytes of the chain and of what it leaves behind, couplings excepted."""
        sweeps, followed = self.course.follow.shape
        return int(sweeps * (12 * followed + 40) + 10 * self.circuit.size)


T = TypeVar("T")

ChainCoroutine = Generator[Request, ChainResult, T]
"""What asks for chains, one after the other, is sent the walk of each, and returns an answer."""

WAVE = 2**31
"""Bytes that parts which run together may take in the memory of the host, the last one excepted."""


def alone(part: ChainCoroutine[T]) -> T:
    """Return the answer of a part; its chains run here."""
    begun = _Begun(part)
    while begun.request is not None:
        begun.go_on(begun.request.circuit.walk(begun.request.start, begun.request.course))
    answer: T = begun.answer
    return answer


def together(parts: Iterable[ChainCoroutine[T]], device: Device) -> Iterator[T]:
    """Yield the answer of each part, in order; chains of as many parts as fit run on a device at once.

    Parts are taken as they are wanted: circuits that they make do not all exist at the same time.
    """
    for wave in _waves(parts):
        while running := [begun for begun in wave if begun.request is not None]:
            chains = [begun.request.chain for begun in running if begun.request is not None]
            for begun, record in zip(running, run_chains(device, chains), strict=True):
                begun.go_on(ChainResult.of(record))
        yield from (begun.answer for begun in wave)


class _Begun(Generic[T]):
    """A part up to the chain that it asks for, or to its end: then there is no request, but an answer."""

    def __init__(self, part: ChainCoroutine[T]) -> None:
        self.part = part
        self.request: Request | None = None
        self.answer: Any = None
        self.go_on(None)

    def go_on(self, walk: ChainResult | None) -> None:
        """Send a part what it asked for, if it did."""
        try:
            self.request = next(self.part) if walk is None else self.part.send(walk)
        except StopIteration as end:
            self.request, self.answer = None, end.value


def _waves(parts: Iterable[ChainCoroutine[T]]) -> Iterator[list[_Begun[T]]]:
    """Yield the parts that run together."""
    wave: list[_Begun[T]] = []
    circuits: set[int] = set()
    memory = 0
    for begun in map(_Begun, parts):
        wave.append(begun)
        if begun.request is not None:
            circuit = begun.request.circuit
            memory += begun.request.memory
            memory += 0 if id(circuit) in circuits else circuit.wires.host_memory
            circuits.add(id(circuit))
        if memory > WAVE:
            yield wave
            wave, circuits, memory = [], set(), 0
    yield wave
