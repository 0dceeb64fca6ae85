"""Instructions of a proposal, counted while the PTX of a kernel is interpreted; hence what a GPU could do.

A sweep costs a + b P + c N + d N P warp instructions: four small networks tell, and hence those of a large
one. All their patterns are +1, so that the same spins flip whatever P is: none in the cold, half of them
where noise alone decides. To print the table: `cd tests && ../.venv-gpu/bin/python -m gpu.instructions`.

PTX is not what a GPU executes: copies between registers vanish (they are not counted), a division becomes
about nine instructions (it counts as nine), sums of addresses may be folded. What a pipe serves in a cycle is
from NVIDIA's table of throughput (CUDA C++ Programming Guide, "Arithmetic Instructions": 8.0 and 9.0);
nothing is said of waiting.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from unittest import mock

import numpy as np

from gpu.ptx import machine, module
from gpu.ptx.operands import Lanes, numbered
from gpu.stages import interpreted
from mattis.kernels.cuda import glauber, patterns
from mattis.networks.binary import hopfield_device
from mattis.networks.binary.network import BinaryNetwork, Protocol, Replica

FREE = ("mov", "cvta", "ret", "bar")
"""What is no work: copies that the assembler saves, and waiting."""

SIZES, COUNTS = (128, 256), (128, 256)
"""N and P that are interpreted: whole groups and words."""

LARGE = (10_000, 1_000)
"""N and P of the table."""

BETAS: Mapping[str, float] = {"none": 20.0, "half": 1e-4}
"""How many spins flip in a sweep, and the inverse temperatures at which they do."""

ROWS = (
    (glauber.IN_LANES, "80"), (glauber.IN_LANES, "75"), ("glauber_groups", "80"), ("glauber_sites", "80"),
)  # fmt: skip
"""Kernels and architectures of the table: from sm_80 on there are tensor cores for bytes."""

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
}
"""Mnemonics of the pipes that are slower than all instructions together."""

LANES: Mapping[str, float] = {"all": 128, "popc": 16, "dot": 64, "exchange": 32}
"""Lanes of a multiprocessor that a pipe serves in a cycle; `all`: four warps start an instruction each."""

PROCESSORS = (
    # m16n8k32 of int8 has 4096 products; 1979 and 624 T operations in a second, dense.
    Processor("H100", 132, 1.755e9, {**LANES, "tensor": 32 * 1979e12 / 2 / 132 / 1.755e9 / 4096}),
    Processor("A100", 108, 1.41e9, {**LANES, "tensor": 32 * 624e12 / 2 / 108 / 1.41e9 / 4096}),
)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what the warps of all blocks execute, by opcode."""
    found: Counter[str] = Counter()

    class Counting(machine.Block):
        def note(self, first: int, end: int, lanes: Lanes) -> None:
            warps = np.unique(numbered(lanes) // 32).size
            for instruction in self.program.kernel.instructions[first:end]:
                opcode = instruction.mnemonic.split(".")[0]
                work = DIVISION if opcode == "div" else 1
                found[opcode] += 0 if opcode in FREE else warps * work

        def _steps(self, first: int, end: int, lanes: Lanes) -> None:
            self.note(first, end, lanes)
            super()._steps(first, end, lanes)

        def _decide(self, k: int, lanes: Lanes) -> None:
            self.note(k, k + 1, lanes)
            super()._decide(k, lanes)

    with mock.patch.object(module, "Block", Counting):
        yield found


@cache
def sweep(form: str, arch: str, size: int, count: int, beta: float) -> Mapping[str, float]:
    """Return the warp instructions of one sweep of a replica, without those of what is made once."""
    network = BinaryNetwork({}, 1, np.ones((count, size), np.int8))
    replicas = glauber.HERD if form == glauber.IN_LANES else FEW
    found: list[Counter[str]] = []
    for sweeps in (1, 2):
        protocol = Protocol(0, sweeps, 1, 0.5, order="typewriter")
        asked = [hopfield_device.LaunchRequest(0, network, Replica(k, beta, 0.0)) for k in range(replicas)]
        device = interpreted(arch)
        sets = patterns.sets_on(device, [network.patterns])
        herd = hopfield_device.herd_of([network], asked, protocol)
        with counted() as instructions:
            glauber.asynchronous(device, sets, herd, glauber.DeviceSweeps(sweeps, 9), form)()
        found.append(instructions)
    return {name: (n - found[0][name]) / replicas for name, n in found[1].items()}


def proposal(form: str, arch: str, beta: float) -> dict[str, float]:
    """Return the warp instructions of a proposal of one replica at N and P of `LARGE`, by opcode."""
    corners = {(n, p): sweep(form, arch, n, p, beta) for n, p in product(SIZES, COUNTS)}
    terms = np.array([[1, p, n, n * p] for n, p in corners])
    size, count = LARGE
    large = np.array([1, count, size, size * count])
    opcodes = {name for one in corners.values() for name in one}
    return {
        name: float(large @ np.linalg.solve(terms, [one.get(name, 0) for one in corners.values()])) / size
        for name in opcodes
    }


def cycles(found: Mapping[str, float], processor: Processor) -> dict[str, float]:
    """Return the cycles of a multiprocessor that a proposal takes of each pipe."""
    work = {"all": sum(found.values())}
    work |= {pipe: sum(found.get(name, 0.0) for name in names) for pipe, names in PIPES.items()}
    return {pipe: 32 * work[pipe] / processor.lanes[pipe] for pipe in work}


def report() -> str:
    """Return a Markdown table: kernels, what they execute, and at most so many proposals in a second."""
    head = ["kernel", "sm", "spins that flip", "warp instructions", *(p.name for p in PROCESSORS)]
    lines = [head, ["---"] * len(head)]
    for (form, arch), (name, beta) in product(ROWS, BETAS.items()):
        found = proposal(form, arch, beta)
        cells = []
        for processor in PROCESSORS:
            taken = cycles(found, processor)
            pipe = max(taken, key=lambda pipe: taken[pipe])
            cells.append(f"{processor.count * processor.hertz / taken[pipe]:.1e} ({pipe})")
        lines.append([f"`{form}`", arch, name, f"{sum(found.values()):.1f}", *cells])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(report())
