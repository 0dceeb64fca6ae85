"""What kernels take on paper: cycles of a multiprocessor, by instructions counted in PTX; not measured.

A unit of work is a proposal, an Euler step of a trajectory, or a launch for 32 continuous states; an event is
a spin that flips or a memory that wins; a length is P, N (circuits, Euler steps) or N_h. They are counted by
`tests/gpu/instructions.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mattis.kernels.cuda.devices import Device

LAUNCH_SECONDS = 5e-6
"""What it costs the host to launch a kernel or a product; an estimate, see docs/gpu.md."""

USUAL_CLOCK, USUAL_BANDWIDTH, USUAL_FLOPS = 1.5e9, 1e12, 1e13
"""Hz, bytes and operations of products in a second where a device does not tell its own."""


FLIPS_ON_PAPER = "as many proposals flip a spin as at fields of 1, or of √(P/N) above T = 1"
"""What `glauber.flips_of` says, in words."""


@dataclass(frozen=True)
class PaperGpu:
    """A GPU that is not here, by its maker's data sheet; see docs/gpu.md."""

    name: str
    processors: int
    clock: int
    """Hz."""
    memory: int
    """Bytes."""
    shared: int
    """Bytes of shared memory that a block may have."""
    bandwidth: int
    """Bytes of its memory in a second."""
    flops: int
    """Operations in a second of products of float64 by tensor cores; without them, of float32 as many."""


H100 = PaperGpu("H100", 132, 1_755_000_000, 80 * 10**9, 227 * 1024, 3_350 * 10**9, 67 * 10**12)
"""SXM5, 80 GB."""

A100 = PaperGpu("A100", 108, 1_410_000_000, 80 * 10**9, 163 * 1024, 2_039 * 10**9, 19_500 * 10**9)
"""SXM4, 80 GB."""


class PaperTime(NamedTuple):
    """Cycles of a unit of work of a block, a + b L + e (c + d L), of length L with e events."""

    busy: tuple[float, float, float, float]
    """a, b, c, d on a full device."""
    waiting: tuple[float, float, float, float] | None = None
    """… of a block by itself, which waits; None where nobody guessed, and it is taken not to."""

    def cycles(self, waves: float, length: int, events: float) -> float:
        """Return the cycles of so many blocks of a multiprocessor; not less than those of one."""
        terms = np.array([1.0, length, events, events * length])
        alone, busy = (float(terms @ np.array(each)) for each in (self.waiting or self.busy, self.busy))
        return max(alone, waves * busy)


PAPER_TIMES: Mapping[str, PaperTime] = {
    "glauber_lanes": PaperTime((60.0, 0.07, 60.0, 0.07), waiting=(170.0, 0.2, 170.0, 0.2)),
    "glauber_groups": PaperTime((12.0, 0.044, 50.0, 1.0), waiting=(40.0, 0.05, 150.0, 1.0)),
    "glauber_sites": PaperTime((191.0, 0.164, 10.0, 0.18), waiting=(250.0, 0.12, 30.0, 0.05)),
    "little_sweeps": PaperTime((2.3, 0.0425, 0.0, 0.0)),
    "circuit_in_turn": PaperTime((0.93, 0.0, 194.0, 0.144)),
    "circuit_at_once": PaperTime((1.27, 0.0, 0.59, 0.133)),
    "align_by_integers": PaperTime((282.0, 0.195, 17.7, 0.164)),
    "align_by_reals": PaperTime((17.0, 1.13, 1.0, 0.094)),
    "present_many": PaperTime((676.0, 0.445, 1.76, 0.375)),
    "euler_step_64": PaperTime((177.0, 5.25, 0.0, 0.0)),
    "euler_step_32": PaperTime((177.0, 5.25, 0.0, 0.0)),
    "gram_step_64": PaperTime((283.0, 6.0, 0.0, 0.0)),
    "gram_step_32": PaperTime((283.0, 6.0, 0.0, 0.0)),
    "softmax_64": PaperTime((294.0, 11.5, 0.0, 0.0)),
    "softmax_32": PaperTime((268.0, 9.0, 0.0, 0.0)),
}
"""Of an H100's multiprocessor. What is executed is counted; what is waited for is guessed, or left out."""


def paper_seconds(
    device: Device, kernel: str, blocks: int, units: float, length: int, events: float = 0.0,
    traffic: float = 0.0,
) -> float:  # fmt: skip
    """Return the seconds of a kernel on a device by its roofline: cycles, or bytes of its memory.

    units  # of work of each block; events  # of a unit; traffic  # bytes of all blocks together
    """
    cycles = units * PAPER_TIMES[kernel].cycles(blocks / device.processors, length, events)
    return max(cycles / (device.clock or USUAL_CLOCK), traffic / (device.peak_bytes or USUAL_BANDWIDTH))


def product_seconds(device: Device, operations: float, traffic: float) -> float:
    """Return the seconds of products of matrices of real numbers by the roofline of a device."""
    return max(operations / (device.flops or USUAL_FLOPS), traffic / (device.peak_bytes or USUAL_BANDWIDTH))
