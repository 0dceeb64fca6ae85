"""Instructions of a proposal, counted while the PTX of a kernel is interpreted; hence what a GPU could do.

A launch costs a number of warp instructions for itself, for each sweep, for each unit of work (a proposal, an
Euler step), and for each event among these (a spin that flips, a memory that wins), and each of these numbers
grows with one length: P, N or N_h. Some small launches tell all, by least squares, and hence what a large one
costs. To print the tables: `cd tests && ../.venv-gpu/bin/python -m gpu.instructions`.

PTX is not what a GPU executes: copies between registers vanish (they are not counted), a division becomes
about nine instructions (it counts as nine), sums of addresses may be folded. What a pipe serves in a cycle is
from NVIDIA's table of throughput (CUDA C++ Programming Guide, "Arithmetic Instructions": 8.0 and 9.0);
nothing is said of waiting.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from gpu.ptx import machine, module
from gpu.ptx.operands import Lanes, numbered
from gpu.stages import interpreted
from mattis.kernels.cuda import dense, drift, euler, glauber, matrix, paper, patterns
from mattis.networks.binary import hopfield_device
from mattis.networks.binary.network import BinaryNetwork, Protocol, Replica

FREE = ("mov", "cvta", "ret", "bar")
"""What is no work: copies that the assembler saves, and waiting."""

SIZES, COUNTS = (64, 128), (128, 256)
"""N and P that are interpreted: whole groups and words."""

WIDE = (256, 512)
"""Lengths of kernels whose blocks have as many threads: the most that there are."""

BETAS: Mapping[str, float] = {"none": 20.0, "half": 1e-4}
"""How many spins flip in a sweep, and the inverse temperatures at which they do."""

SHARES: Mapping[str, float] = {"none": 0.0, "half": 0.5}
"""… and the share of the spins."""

FEW = 2
"""Replicas of a kernel whose blocks have one each."""

DIVISION = 9
"""Instructions of a float32 division, rounded to nearest."""


@dataclass(frozen=True)
class Processor:
    """A GPU on paper: multiprocessors, their clock, and lanes of each pipe that end in a cycle of one."""

    name: str
    count: int
    hertz: float
    lanes: Mapping[str, float]


PIPES: Mapping[str, tuple[str, ...]] = {
    "popc": ("popc", "bfind", "clz", "brev"),
    "dot": ("dp4a", "dp2a", "mul", "mad"),
    "exchange": ("shfl", "ld", "st", "vote"),
    "tensor": ("mma",),
    "double": tuple(
        f"{name}.f64" for name in ("add", "sub", "mul", "fma", "div", "sqrt", "setp", "min", "max")
    ),
}
"""Mnemonics of the pipes that are slower than all instructions together."""

LANES: Mapping[str, float] = {"all": 128, "popc": 16, "dot": 64, "exchange": 32}
"""Lanes of a multiprocessor that a pipe serves in a cycle; `all`: four warps start an instruction each."""


def _processor(gpu: paper.PaperGpu, operations: float, double: float) -> Processor:
    """Return a GPU by the operations of int8 that it makes in a second, and its lanes of float64."""
    tensor = 32 * operations / 2 / gpu.processors / gpu.clock / 4096
    return Processor(gpu.name, gpu.processors, gpu.clock, {**LANES, "double": double, "tensor": tensor})


PROCESSORS = (
    # m16n8k32 of int8 has 4096 products; 1979 and 624 T operations in a second, dense.
    _processor(paper.H100, 1979e12, 64),
    _processor(paper.A100, 624e12, 32),
)


@contextmanager
def counted(kernel: str = "") -> Iterator[Counter[str]]:
    """Count what the warps of all blocks execute, by opcode: of one kernel, or of all."""
    found: Counter[str] = Counter()

    class Counting(machine.Block):
        def note(self, first: int, end: int, lanes: Lanes) -> None:
            if kernel not in ("", self.program.kernel.name):
                return
            warps = np.unique(numbered(lanes) // 32).size
            for instruction in self.program.kernel.instructions[first:end]:
                opcode, *kind = instruction.mnemonic.split(".")
                work = DIVISION if opcode == "div" else 1
                name = f"{opcode}.f64" if "f64" in kind and opcode not in ("ld", "st") else opcode
                found[name] += 0 if opcode in FREE else warps * work

        def _steps(self, first: int, end: int, lanes: Lanes) -> None:
            self.note(first, end, lanes)
            super()._steps(first, end, lanes)

        def _decide(self, k: int, lanes: Lanes) -> None:
            self.note(k, k + 1, lanes)
            super()._decide(k, lanes)

    with mock.patch.object(module, "Block", Counting):
        yield found


class Run(NamedTuple):
    """What launches of a kernel executed for one replica, and what they did."""

    found: Mapping[str, float]
    length: int
    """P, N or N_h: what a unit of work, or an event, is long by."""
    units: float
    """Proposals, or steps."""
    events: float = 0
    """Spins that flipped, or memories that won."""
    sweeps: int = 0
    launches: int = 1
    flat: bool = False
    """Whether nothing but its events is long: P, N or N_h times a sweep would be as many units."""

    @property
    def terms(self) -> NDArray[np.float64]:
        """What its instructions are proportional to, without their length and with it."""
        each = np.array([self.units, self.events, self.sweeps, self.launches], np.float64)
        return np.concatenate([each, self.length * each * ([0, 1, 0, 0] if self.flat else 1)])


Cost = Mapping[str, NDArray[np.float64]]
"""Warp instructions of one replica for each of `Run.terms`, by opcode."""


def fitted(runs: list[Run]) -> Cost:
    """Return what explains the instructions of runs, by least squares."""
    names = sorted({name for run in runs for name in run.found})
    found = np.array([[run.found.get(name, 0.0) for name in names] for run in runs])
    answer = np.linalg.lstsq(np.array([run.terms for run in runs]), found, rcond=None)[0]
    return dict(zip(names, answer.T, strict=True))


def of_unit(cost: Cost, length: int, events: float, units: float = np.inf) -> dict[str, float]:
    """Return the instructions of a unit of work. events  # of a unit; units  # of a sweep"""
    terms = Run({}, length, 1, events, 0, 0).terms + Run({}, length, 0, 0, 1, 0).terms / units
    return {name: float(terms @ each) for name, each in cost.items()}


def spins(form: str, arch: str, size: int, count: int, sweeps: int, beta: float) -> Run:
    """Return a run of Hopfield's or Little's network, "little_sweeps"."""
    network = BinaryNetwork({}, 1, np.ones((count, size), np.int8))
    replicas = glauber.HERD if form == glauber.IN_LANES else FEW
    protocol = Protocol(0, sweeps, 1, 0.5, order="typewriter")
    asked = [hopfield_device.LaunchRequest(0, network, Replica(k, beta, 0.0)) for k in range(replicas)]
    device = interpreted(arch)
    sets = patterns.sets_on(device, [network.patterns])
    herd, course = hopfield_device.herd_of([network], asked, protocol), glauber.DeviceSweeps(sweeps, 9)
    with counted(form) as found:
        if form == "little_sweeps":
            end = glauber.by_popcounts(device, sets, herd, course)
        else:
            end = glauber.asynchronous(device, sets, herd, course, form)
        flips = end().trace[:, 2].sum() / replicas
    each = {name: n / replicas for name, n in found.items()}
    return Run(each, count, sweeps * size, flips, sweeps)


def circuit(form: str, arch: str, size: int, scale: float) -> Run:
    """Return two sweeps, behind another, of a network with couplings of 16 bits: a ferromagnet."""
    none, one = np.zeros(0, np.uint32), np.ones((size, size), np.int16)
    wires, runs = matrix.Wires(one, np.zeros(size, np.int64), one[:1], False), []
    for sweeps in (1, 3):
        chain = matrix.Chain(
            wires, one[0].astype(np.int8), np.zeros((sweeps, 1), np.int32),
            np.full(sweeps, scale, np.float32), sweeps, np.arange(4, dtype=np.uint32), none,
            "at_once" in form, False, False, False,
        )  # fmt: skip
        with counted(form) as found:
            (record,) = matrix.run_chains(interpreted(arch), [chain])
        runs.append((found, float(record.trace[1].sum())))
    (first, before), (both, after) = runs
    more = {name: n - first[name] for name, n in both.items()}
    return Run(more, size, 2 * size, after - before, 2, launches=0, flat=True)


def aligned(form: str, arch: str, size: int, count: int, away: int) -> Run:
    """Return a run of a dense network of binary neurons, from a cue with some spins turned."""
    device, network = interpreted(arch), BinaryNetwork({}, 1, np.ones((count, size), np.int8))
    sets, zero = patterns.sets_on(device, [network.patterns]), np.zeros(1, np.int32)
    cues = patterns.Cues(np.arange(4, dtype=np.uint32)[None], np.array([away], np.int32))
    table = np.arange(-size, size + 1)[None].astype(np.int64 if form == "align_by_integers" else np.float64)
    with counted(form) as found:
        dense.align(device, sets, dense.DenseReplicas(zero, zero, zero, cues), table, False, 9)
    return Run(found, count, 2 * size, away, 2, 2)  # the second sweep finds nothing to do


def drifting(form: str, arch: str, count: int, steps: int, beta: float) -> Run:
    """Return a run of memories that drift, of which one or all win."""
    device, zero, near = interpreted(arch), np.zeros(count), np.eye(count)
    rule = drift.DriftRule(np.arange(count, dtype=np.int32), 2**14, 1, False, 2.0)
    ground = drift.Ground(near, 0 * near, zero, near, zero + 1, zero)
    limits = np.full(count, 2**32, np.uint64)
    path = drift.Path(0, beta, 0.01, np.arange(4, dtype=np.uint32), limits)
    batch = drift.load(device, rule, [ground], [path])
    with counted(form) as found:
        drift.advance(device, batch, np.zeros(1, np.int64), np.full(1, steps))
    return Run(found, count, steps, steps * (1 if beta > 1 else count))


def stepped(form: str, arch: str, size: int) -> Run:
    """Return a launch of what lies between two products of continuous neurons, for 32 replicas of one set."""
    kind = np.float32 if form.endswith("32") else np.float64
    state, one = np.full((1, size, 32), 0.5, kind), np.ones((1, 32), kind)
    steps, lanes = np.zeros((1, 32), np.int64), np.ones((3, 1, 32), kind)
    name = form.rpartition("_")[0]
    given = {
        "euler_step": ((0 * state, state, steps, one), (0.1, 0.0), (0, size, 32)),
        "gram_step": (
            (0 * state, state, state.copy(), 0 * state, state.copy(), state, lanes, steps),
            (0.1, 0.0, 0.0),
            (0, size, 32, size),
        ),
        "softmax": ((state, one[0, :1], 0 * state), (), (1, size, 32)),
    }
    with counted(form) as found:
        euler._launch(interpreted(arch), name, state, *given[name])
    return Run(found, size, 1, launches=0)


RUNS: Mapping[str, Callable[[str, str], list[Run]]] = {
    **dict.fromkeys(
        (*glauber.GLAUBER_KERNELS, "little_sweeps"),
        lambda form, arch: [
            spins(form, arch, n, p, sweeps, beta)
            for n, p, sweeps, beta in product(SIZES, COUNTS, (1, 2), BETAS.values())
        ],
    ),
    **dict.fromkeys(
        ("circuit_in_turn_16", "circuit_at_once_16"),
        lambda form, arch: [circuit(form, arch, n, scale) for n, scale in product(WIDE, (1.0, 1e9))],
    ),
    **dict.fromkeys(
        ("align_by_integers", "align_by_reals"),
        lambda form, arch: [
            aligned(form, arch, n, p, away) for n, p, away in product((16, 32), WIDE, (0, 4, 7))
        ],
    ),
    "present_many": lambda form, arch: [
        drifting(form, arch, n, steps, beta) for n, steps, beta in product(WIDE, (1, 3), (0.0, 1e6))
    ],
    **dict.fromkeys(
        (f"{name}_{bits}" for name in ("euler_step", "gram_step", "softmax") for bits in (64, 32)),
        lambda form, arch: [stepped(form, arch, n) for n in (64, 128)],
    ),
}
"""What is run of each kernel."""


@cache
def cost_of(form: str, arch: str = "80") -> Cost:
    """Return what a kernel costs."""
    return fitted(RUNS[form](form, arch))


def cycles(found: Mapping[str, float], processor: Processor) -> dict[str, float]:
    """Return the cycles of a multiprocessor that a unit of work takes of each pipe."""
    work = {"all": sum(found.values())}
    work |= {pipe: sum(found.get(name, 0.0) for name in names) for pipe, names in PIPES.items()}
    return {pipe: 32 * work[pipe] / processor.lanes[pipe] for pipe in work}


LARGE: Mapping[str, tuple[int, int, Mapping[str, float]]] = {
    **dict.fromkeys((*glauber.GLAUBER_KERNELS, "little_sweeps"), (1_000, 10_000, SHARES)),
    **dict.fromkeys(("circuit_in_turn_16", "circuit_at_once_16"), (10_000, 10_000, SHARES)),
    **dict.fromkeys(("align_by_integers", "align_by_reals"), (1_000, 10_000, SHARES)),
    "present_many": (1_000, 1, {"one wins": 1, "all win": 1_000}),
}
"""Length and units of a sweep in the table, and events of a unit; else a state of 1000 neurons."""


def rows() -> Iterator[list[str]]:
    """Yield the rows of the table: what kernels execute, and at most so many units of work in a second."""
    for form in RUNS:
        for arch in ("80", "75") if form == glauber.IN_LANES else ("80",):
            length, units, shares = LARGE.get(form, (1_000, 1, {"": 0.0}))
            for name, events in shares.items():
                found = of_unit(cost_of(form, arch), length, events, units)
                cells = [f"{sum(found.values()):.1f}"]
                for processor in PROCESSORS:
                    taken = cycles(found, processor)
                    pipe = max(taken, key=lambda pipe: taken[pipe])
                    cells.append(f"{processor.count * processor.hertz / taken[pipe]:.1e} ({pipe})")
                yield [f"`{form}`", arch, name, *cells]


def paper_time(form: str) -> list[float]:
    """Return a, b, c, d of `paper.PaperTime`: cycles of an H100's multiprocessor, of its busiest pipe."""
    length, units, shares = LARGE.get(form, (1_000, 1, {"": 0.0}))
    cost = cost_of(form)
    taken = cycles(of_unit(cost, length, max(shares.values()), units), PROCESSORS[0])
    pipe = max(taken, key=lambda pipe: taken[pipe])
    ends = [(0, 0.0), (1, 0.0), (0, 1.0), (1, 1.0)]
    a, ab, ac, abcd = (cycles(of_unit(cost, n, e), PROCESSORS[0])[pipe] for n, e in ends)
    return [a, ab - a, ac - a, abcd - ab - ac + a]


def report() -> str:
    """Return two Markdown tables: what kernels execute, and cycles of an H100's multiprocessor."""
    head = ["kernel", "sm", "events", "warp instructions", *(p.name for p in PROCESSORS)]
    times = [[f"`{form}`", *(f"{x:.3g}" for x in paper_time(form))] for form in RUNS]
    tables = ([head, ["---"] * 6, *rows()], [["kernel", *"abcd"], ["---"] * 5, *times])
    return "\n\n".join("\n".join(f"| {' | '.join(cells)} |" for cells in lines) for lines in tables)


if __name__ == "__main__":
    print(report())
