"""What kernels take of a multiprocessor: registers, stack, shared memory; hence how many blocks run at once.

NVIDIA's `cuobjdump -res-usage` reads it from cubins; occupancy follows from the limits of each architecture
(CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"; the rules of allocation are
those of cuda_occupancy.h, with which a test compares). To print the table of kernels, of all architectures
or of some: `cd tests && ../.venv-gpu/bin/python -m gpu.resources 80 90`.
"""

import itertools
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from gpu.compiler import ARCHITECTURES, compiled
from mattis.kernels.cuda import devices, drift, glauber, patterns

WARP = 32
KIB = 1024

REGISTERS = 65536
"""Registers of a multiprocessor, in four partitions; a warp takes them by 256."""
PARTITIONS, REGISTER_GRANULE = 4, 256


@dataclass(frozen=True)
class Multiprocessor:
    """Limits of a multiprocessor: warps, blocks, and bytes of shared memory.

    reserved  # bytes that the driver takes of each block; granule  # bytes by which a block takes them
    """

    warps: int
    blocks: int
    shared: int
    reserved: int = KIB
    granule: int = 128


MULTIPROCESSORS: Mapping[str, Multiprocessor] = {
    "75": Multiprocessor(warps=32, blocks=16, shared=64 * KIB, reserved=0, granule=256),
    "80": Multiprocessor(warps=64, blocks=32, shared=164 * KIB),
    "90": Multiprocessor(warps=64, blocks=32, shared=228 * KIB),
    "100": Multiprocessor(warps=64, blocks=32, shared=228 * KIB),
    "120": Multiprocessor(warps=48, blocks=24, shared=100 * KIB),
}


@dataclass(frozen=True)
class Usage:
    """What a kernel takes.

    registers  # of a thread
    stack      # bytes of a thread: arrays that registers cannot hold, and registers that were spilled
    shared     # bytes of a block, static
    """

    registers: int
    stack: int
    shared: int


def usages(code: str, arch: str) -> dict[str, Usage]:
    """Return what each kernel of a CUDA text takes, by its name."""
    cubin = compiled(code, arch, "cubin")
    assert isinstance(cubin, bytes)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin + b"\0")  # CuPy takes the last byte of a cubin for the end of a string
        file.flush()
        told = subprocess.run(
            [_reader(), "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    found = re.findall(r"Function (\S+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+)", told)
    # From sm_90 on, a kernel with shared memory has what the driver reserves counted as its own.
    counted = MULTIPROCESSORS[arch].reserved if int(arch) >= 90 else 0
    return {name: Usage(int(r), int(stack), max(0, int(s) - counted)) for name, r, stack, s in found}


def _reader() -> Path:
    """Return the path of cuobjdump, as its wheel has installed it."""
    files = distribution("nvidia-cuda-cuobjdump").files or []
    return Path(str(next(file for file in files if file.name == "cuobjdump").locate()))


def _rounded(number: int, granule: int) -> int:
    return -(-number // granule) * granule


def blocks_at_once(usage: Usage, arch: str, threads: int, dynamic: int = 0) -> int:
    """Return how many blocks a multiprocessor runs at once; 0 where none can be launched.

    dynamic  # bytes of shared memory that a launch asks for
    """
    limits, warps = MULTIPROCESSORS[arch], -(-threads // WARP)
    each = _rounded(usage.registers * WARP, REGISTER_GRANULE)
    if each * _rounded(warps, PARTITIONS) > REGISTERS:
        return 0
    held = REGISTERS // PARTITIONS // each * PARTITIONS
    shared = _rounded(usage.shared + dynamic + limits.reserved, limits.granule)
    by_shared = limits.shared // shared if shared else limits.blocks
    return min(limits.blocks, limits.warps // warps, held // warps, by_shared)


def occupancy(usage: Usage, arch: str, threads: int, dynamic: int = 0) -> float:
    """Return the share of a multiprocessor's warps that are there at once."""
    warps = -(-threads // WARP)
    return blocks_at_once(usage, arch, threads, dynamic) * warps / MULTIPROCESSORS[arch].warps


Shape = tuple[int, int]
"""Threads of a block, and bytes of dynamic shared memory."""

Launch = Callable[[int, int, int], Shape]
"""N, P, and the bytes of shared memory that a block may have -> how a kernel is launched."""


def _fixed(_size: int, _count: int, _most: int) -> Shape:
    return glauber.THREADS, 0


def _one_by_one(size: int, count: int, _most: int) -> Shape:
    return glauber.THREADS, glauber.shared_memory(size, count, synchronous=False)


def _all_at_once(size: int, count: int, _most: int) -> Shape:
    return glauber.THREADS, glauber.shared_memory(size, count, synchronous=True)


def _in_lanes(_size: int, count: int, most: int) -> Shape:
    whole = glauber.ROOM + glauber.ROOM_OF_WORD * -(-count // patterns.BITS_PER_WORD)
    return glauber.LANE_THREADS, whole if whole <= most else glauber.ROOM


def _tables(_size: int, _count: int, _most: int) -> Shape:
    return glauber.LANE_THREADS, 0


def _drawing(_size: int, _count: int, _most: int) -> Shape:
    return patterns.TURNING_THREADS, 0


def _ordering(size: int, _count: int, most: int) -> Shape:
    whole = 4 * size + patterns.ORDER_STATIC
    return patterns.ORDER_THREADS, 4 * size * (whole <= most)


def _circuit(field: int) -> Launch:
    """Return the launches of circuits, whose state is in shared memory where it fits: N spins and fields."""

    def launch(size: int, _count: int, most: int) -> Shape:
        scratch = 16 * glauber.THREADS + 256
        whole = scratch + size * (1 + field)
        return glauber.THREADS, whole if whole <= most else scratch

    return launch


def _drifting(_size: int, count: int, _most: int) -> Shape:
    return drift.threads_of(count), 20 * count


def _dense(_size: int, count: int, _most: int) -> Shape:
    return glauber.THREADS, 4 * count


@dataclass(frozen=True)
class Bound:
    """The most that a kernel may take on any architecture, and how it is launched.

    registers, shared  # at most; its stack is empty
    occupancy          # at least, for the first of REFERENCES
    """

    registers: int = 64
    shared: int = 512
    occupancy: float = 0.5
    launch: Launch = _fixed


BOUNDS: Mapping[str, Bound] = {
    "glauber_sites": Bound(shared=768, launch=_one_by_one),
    "glauber_groups": Bound(shared=768, launch=_one_by_one),
    "glauber_lanes": Bound(registers=128, shared=0, occupancy=0.06, launch=_in_lanes),
    "group_tables": Bound(shared=0, launch=_tables),
    "little_sweeps": Bound(launch=_all_at_once),
    "little_update": Bound(),
    "little_record": Bound(),
    "count_overlaps": Bound(shared=0),
    "look_at_sums": Bound(),
    "draw_patterns": Bound(shared=0, launch=_drawing),
    "turn_patterns": Bound(shared=0, launch=_drawing),
    "draw_cues": Bound(shared=1040),
    "draw_orders": Bound(occupancy=0.01, launch=_ordering),
    "couple_8": Bound(shared=0),
    "couple_16": Bound(shared=0),
    "couple_32": Bound(shared=0),
    "circuit_in_turn_8": Bound(shared=0, occupancy=0.15, launch=_circuit(4)),
    "circuit_in_turn_16": Bound(shared=0, occupancy=0.15, launch=_circuit(4)),
    "circuit_in_turn_32": Bound(shared=0, occupancy=0.15, launch=_circuit(4)),
    "circuit_in_turn_64": Bound(shared=0, occupancy=0.12, launch=_circuit(8)),
    "circuit_at_once_8": Bound(shared=0, occupancy=0.15, launch=_circuit(4)),
    "circuit_at_once_16": Bound(shared=0, occupancy=0.15, launch=_circuit(4)),
    "circuit_at_once_32": Bound(shared=0, occupancy=0.15, launch=_circuit(4)),
    "circuit_at_once_64": Bound(shared=0, occupancy=0.12, launch=_circuit(8)),
    "present_many": Bound(registers=80, occupancy=0.3, launch=_drifting),
    "align_by_integers": Bound(launch=_dense),
    "align_by_reals": Bound(shared=4112, launch=_dense),
    "euler_step_64": Bound(shared=2048),
    "euler_step_32": Bound(shared=1024),
    "gram_step_64": Bound(shared=2048),
    "gram_step_32": Bound(shared=1024),
    "softmax_64": Bound(shared=2048),
    "softmax_32": Bound(shared=1024),
}
"""64 registers leave room for four blocks of 256 threads everywhere: all of Turing's, half of Hopper's."""

REFERENCES = ((10_000, 1_000), (100_000, 10_000))
"""N and P of the table; of memories that drift, N_h = K = P."""


def launched(kernel: str, arch: str, usage: Usage, size: int, count: int) -> float:
    """Return the occupancy of a kernel as it is launched for N and P, 0 where it cannot be."""
    limits = MULTIPROCESSORS[arch]
    threads, dynamic = BOUNDS[kernel].launch(size, count, limits.shared - limits.reserved)
    return occupancy(usage, arch, threads, dynamic)


def report(modules: Iterable[str] = devices.TEXTS, architectures: Iterable[str] = ARCHITECTURES) -> str:
    """Return a Markdown table: a kernel on an architecture, what it takes, its occupancy at REFERENCES."""
    sizes = [f"N = {size}, P = {count}" for size, count in REFERENCES]
    head = ["kernel", "sm", "registers", "static shared", *(f"occupancy, {text}" for text in sizes)]
    lines = [head, ["---"] * len(head)]
    for module, arch in itertools.product(modules, architectures):
        for kernel, usage in usages(devices.text(*devices.TEXTS[module]), arch).items():
            shares = [launched(kernel, arch, usage, *reference) for reference in REFERENCES]
            told = [f"{100 * share:.0f} %" if share else "no room" for share in shares]
            lines.append([f"`{kernel}`", arch, str(usage.registers), f"{usage.shared} B", *told])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(report(architectures=sys.argv[1:] or ARCHITECTURES))
