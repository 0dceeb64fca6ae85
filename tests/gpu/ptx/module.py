"""`PtxModule`: PTX that runs on NumPy arrays, called as `cupy.RawModule` is.

This is a reading of NVIDIA's manual (PTX ISA 9), not a GPU: what the assembler makes of the text, caches,
and the order of accesses of different blocks are not seen here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu.ptx import parse
from gpu.ptx.arguments import Memory
from gpu.ptx.decode import Program, program
from gpu.ptx.errors import PtxError
from gpu.ptx.machine import Block
from gpu.ptx.memory import DEFINED, READ, WRITE, Layout, Space
from gpu.ptx.operands import Frame, files
from gpu.ptx.parse import Kernel
from gpu.ptx.schedule import Schedule, Turns
from gpu.ptx.warps import WARP

USUAL_SHARED, LARGEST_SHARED = 48 * 1024, 227 * 1024
"""Bytes of shared memory that a block may have: without asking, and at all (of an H100)."""

MOST_INSTRUCTIONS = 20_000_000
"""Instructions of a block after which a launch is taken to be endless."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Settings:
    """How kernels run.

    poison # whether shared memory may be read before it is written: it is full of 0xA5 then
    most   # instructions of a block
    """

    schedule: Schedule
    seed: int
    poison: bool
    most: int


class PtxModule:
    """The kernels of a PTX text.

    approximate # whether instructions are known whose results a GPU and NumPy do not share
    The others are those of `Settings`. Raises PtxError for text that is not known.
    """

    def __init__(
        self,
        text: str,
        *,
        schedule: Schedule | str = Schedule.LOCKSTEP,
        seed: int = 0,
        approximate: bool = False,
        poison: bool = False,
        most: int = MOST_INSTRUCTIONS,
    ) -> None:
        self.kernels = parse.kernels(text)
        self.approximate = approximate
        self.settings = Settings(Schedule(schedule), seed, poison, most)

    def get_function(self, name: str) -> "PtxFunction":
        """Return a kernel; all its instructions are looked up now, and an unknown one is a PtxError."""
        if name not in self.kernels:
            raise PtxError(f"unknown kernel {name}: there are {', '.join(self.kernels)}")
        return PtxFunction(program(self.kernels[name], self.approximate), self.settings)


class PtxFunction:
    """A kernel that can be launched: `function(grid, block, args, shared_mem=0)`."""

    def __init__(self, code: Program, settings: Settings) -> None:
        self.code, self.kernel, self.settings = code, code.kernel, settings
        static = Layout()
        self.places = {
            variable.name: static.place(variable.size, variable.align)
            for variable in self.kernel.variables
            if variable.space == "shared" and variable.size is not None
        }
        self.shared_size_bytes, self.static_layout = _static_size(self.kernel), static
        self.max_dynamic_shared_size_bytes = max(0, USUAL_SHARED - self.shared_size_bytes)

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0
    ) -> None:
        """Run all blocks, one after the other.

        Raises TypeError for arguments that do not fit, PtxError for what a GPU would refuse or not survive.
        """
        blocks, threads = _shape(grid), _shape(block)
        self._check_launch(blocks, threads, shared_mem)
        memory = Memory(self.kernel, args)
        size = int(np.prod(threads))
        turns = Turns(self.settings.schedule, size, self.settings.seed)
        with np.errstate(all="ignore"):
            for number in turns.blocks(int(np.prod(blocks))):
                where = _unravelled(int(number), blocks)
                frame = self._frame(memory, where, blocks, threads, shared_mem)
                Block(self.code, frame, size, f"{self.kernel.name}, block {where}").run(
                    turns, self.settings.most
                )
        memory.give_back()

    def _check_launch(self, blocks: Shape, threads: Shape, shared: int) -> None:
        """Refuse what the driver would refuse."""
        size = int(np.prod(threads))
        if not 0 < size <= self.kernel.threads or threads[2] > 64:
            raise PtxError(f"{self.kernel.name}: {threads} threads, of {self.kernel.threads} at most")
        if min(blocks) < 1 or max(blocks[1:]) > 65535:
            raise PtxError(f"{self.kernel.name}: a grid of {blocks}")
        if shared > self.max_dynamic_shared_size_bytes or shared + self.shared_size_bytes > LARGEST_SHARED:
            most = min(self.max_dynamic_shared_size_bytes, LARGEST_SHARED - self.shared_size_bytes)
            raise PtxError(f"{self.kernel.name}: {shared} bytes of shared memory, of {most} at most")

    def _frame(self, memory: Memory, where: Shape, blocks: Shape, threads: Shape, shared: int) -> Frame:
        """Return the registers and the memory of a new block."""
        layout = Layout()
        layout.end = self.static_layout.end
        dynamic = layout.place(shared, 16)
        space = Space("shared", layout)
        rights = READ | WRITE | (DEFINED if self.settings.poison else 0)
        symbols = dict(memory.symbols)
        for variable in self.kernel.variables:
            if variable.space == "shared":
                start = self.places.get(variable.name, dynamic)
                symbols[variable.name] = start
                size = shared if variable.size is None else variable.size
                space.permit(start, size, rights)
        spaces = {"global": memory.everywhere, "param": memory.parameters, "shared": space}
        count = int(np.prod(threads))
        special = _special(where, blocks, threads)
        return Frame(files(self.code.counts, count), special, spaces, symbols)


def _static_size(kernel: Kernel) -> int:
    """Return the bytes of shared memory that a kernel has by itself."""
    shared = [variable for variable in kernel.variables if variable.space == "shared"]
    return sum(variable.size or 0 for variable in shared)


def _shape(numbers: Sequence[int]) -> Shape:
    """Return three extents."""
    x, y, z = (*map(int, numbers), 1, 1)[:3]
    return x, y, z


def _unravelled(number: int, shape: Shape) -> Shape:
    """Return the three indices of a number, x fastest."""
    x, y, _ = shape
    return number % x, number // x % y, number // (x * y)


def _special(where: Shape, blocks: Shape, threads: Shape) -> dict[str, Any]:
    """Return what special registers hold."""
    number = np.arange(int(np.prod(threads)))
    lane = (number % WARP).astype(np.uint32)
    bit = np.uint32(1) << lane
    found = {
        "%laneid": lane,
        "%lanemask_eq": bit,
        "%lanemask_lt": bit - np.uint32(1),
        "%lanemask_le": bit - np.uint32(1) | bit,
        "%lanemask_ge": ~(bit - np.uint32(1)),
        "%lanemask_gt": ~(bit - np.uint32(1) | bit),
    }
    own = (number % threads[0], number // threads[0] % threads[1], number // (threads[0] * threads[1]))
    for k, axis in enumerate("xyz"):
        found[f"%tid.{axis}"] = own[k].astype(np.uint32)
        for name, shape in (("ntid", threads), ("ctaid", where), ("nctaid", blocks)):
            found[f"%{name}.{axis}"] = np.array([shape[k]], np.uint32)
    return found
