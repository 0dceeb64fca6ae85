"""Devices for array kernels: their arrays, compiled texts, launches, and batches that fit.

A kernel is CUDA C++ in a `.cu` file beside this one, one text for both; all other work on arrays
is written against `Device.xp`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mattis.kernels.cuda.streams import OneStream, Streams

TEXTS: Mapping[str, tuple[str, ...]] = {
    "glauber": ("noise.cu", "warps.cu", "overlaps.cu", "tensor.cu", "glauber.cu", "lanes.cu"),
    "little": ("noise.cu", "warps.cu", "overlaps.cu", "little.cu"),
    "looks": ("warps.cu", "overlaps.cu", "looks.cu"),
    "patterns": ("noise.cu", "warps.cu", "patterns.cu"),
    "couplings": ("noise.cu", "warps.cu", "couplings.cu"),
    "matrix": ("noise.cu", "warps.cu", "reals.cu", "matrix.cu"),
    "drift": ("noise.cu", "warps.cu", "reals.cu", "drift.cu"),
    "dense": ("warps.cu", "overlaps.cu", "dense.cu"),
    "euler": ("warps.cu", "euler.cu"),
}
"""The files of each module, by its name."""

ENTRIES: Mapping[str, tuple[str, ...]] = {
    "glauber": ("glauber_sites", "glauber_groups", "glauber_lanes", "group_tables"),
    "little": ("little_sweeps", "little_update", "little_record"),
    "looks": ("count_overlaps", "look_at_sums"),
    "patterns": ("draw_patterns", "turn_patterns", "draw_cues", "draw_orders"),
    "couplings": ("couple_8", "couple_16", "couple_32"),
    "matrix": (
        "circuit_in_turn_8",
        "circuit_in_turn_16",
        "circuit_in_turn_32",
        "circuit_in_turn_64",
        "circuit_at_once_8",
        "circuit_at_once_16",
        "circuit_at_once_32",
        "circuit_at_once_64",
    ),
    "drift": ("present_many",),
    "dense": ("align_by_integers", "align_by_reals"),
    "euler": ("euler_step_64", "euler_step_32", "gram_step_64", "gram_step_32", "softmax_64", "softmax_32"),
}
"""The kernels of each module."""

OPTIONS = ("-std=c++17", "--fmad=false")
"""No fused multiply-add: every float operation is rounded as on the CPU."""

SPARE = 0.8
"""The share of free memory that a launch may take: libraries want some as well."""

LARGEST_SHARED = 227 * 1024
"""Bytes of shared memory that a block may have on an H100, and on the simulated device."""

ASKED_FOR = 32 * 1024
"""Bytes of dynamic shared memory above which they are asked for: static ones count towards 48 KiB, too."""

HOST = 2**31
"""Bytes of patterns that this machine holds at once while a device works on them."""

WARP, MOST_THREADS = 32, 256
"""Threads of a warp, and of a block at most."""

LARGEST_ORDERS = 2**28
"""Bytes of the random orders of sites of one launch, but for one sweep of each order."""

FULL_DEVICE = 2048
"""Cells of networks of one size and number that travel together where replicas share a device."""

T = TypeVar("T")
R = TypeVar("R")


class DeviceTrouble(Enum):
    """What an error means for the device that raised it."""

    MEMORY = "memory"
    """Too little memory: less at a time may fit."""
    LOST = "lost"
    """This process has no use of the device any more: whatever it asks next fails as well."""
    OTHER = "other"
    """A fault of what was asked, not of the device."""


def host_trouble(error: BaseException) -> DeviceTrouble:
    """Return what an error of a device means that is this CPU."""
    return DeviceTrouble.MEMORY if isinstance(error, MemoryError) else DeviceTrouble.OTHER


@dataclass(frozen=True)
class Device:
    """A GPU, or the host in its place: its arrays, kernels and memory. A value, like any other argument."""

    name: str
    xp: Any
    """The namespace of its arrays: cupy, or numpy."""
    module: Callable[[str], Any]
    """From a name in TEXTS to a module with get_function(name)(grid, block, args, shared_mem=…)."""
    fill: Callable[[Any, NDArray[Any]], None]
    """Copies an array of NumPy to one of the device, of the same shape and kind, without gaps."""
    to_host: Callable[[Any], NDArray[Any]]
    """From an array of the device to one of NumPy."""
    wait: Callable[[], None]
    """Returns when every launched kernel has ended."""
    free: Callable[[], int]
    """Returns the bytes that can be allocated now."""
    trouble: Callable[[BaseException], DeviceTrouble]
    """What an error means that a kernel, an allocation or a copy raised."""
    processors: int
    """Multiprocessors: a launch wants several blocks for each."""
    shared: int
    """Bytes of shared memory that a block may have."""
    title: str = ""
    """Name of the hardware, with the versions of driver and compiler."""
    clock: int = 0
    """Clock in Hz, 0 where nobody knows it."""
    peak_bytes: int = 0
    """Memory bandwidth in bytes per second, 0 where nobody knows it."""
    flops: int = 0
    """Operations per second of products of float64 matrices, 0 where nobody knows it."""
    splits: int = 1
    """How many launches take the place of one, which is to last no longer than about a second."""
    tensor_products: Callable[[Any, Any, Any], None] | None = None
    """Writes a bᵀ, int8 (R, K) × int8 (M, K), to int32 (R, ≥ M), exactly; None where the device has none."""
    streams: Streams = field(default_factory=OneStream)
    """The stream that computes, and the one that brings what comes next."""

    def upload(self, array: NDArray[Any]) -> Any:
        """Return a copy of an array of NumPy on the device."""
        out = self.xp.empty(array.shape, array.dtype)
        self.fill(out, array)
        return out

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Have what is asked in here done beside what the device computes; what is asked behind waits for it.

        Whoever has arrays made in here holds them until what computes with them is over (`later`): the next
        that are made so may lie where these lay.
        """
        with self.streams.second():
            yield
            ready = self.streams.event()
        self.streams.follow(ready)

    def later(self, arrays: Sequence[Any], held: Any = None) -> Callable[[], list[NDArray[Any]]]:
        """Return what copies arrays to the host, when all that the device was asked so far is done.

        It may be called when the device has been asked for more. held  # what must live until then
        """
        done = self.streams.event()

        def fetched(_held: Any = held) -> list[NDArray[Any]]:
            with self.streams.second():
                self.streams.follow(done)
                return [self.to_host(array) for array in arrays]

        return fetched


@dataclass(frozen=True)
class DeviceWork:
    """What it takes a device to simulate cells, by paper: nothing of it is measured."""

    memory: int
    """Bytes of the device that are in use at once."""
    launches: int
    """Launches of the kernel of the sweeps, and those before and behind them."""
    seconds: float
    """How long the kernels take."""
    kernels: tuple[str, ...]
    """The names of the kernels of the sweeps, or steps."""
    assumed: tuple[str, ...]
    """What its time rests on besides, in words."""
    shape: str = ""
    """The shape of a launch, where one is chosen."""

    @staticmethod
    def together(parts: "Sequence[DeviceWork]") -> "DeviceWork":
        """Return what works take, one after the other."""
        return DeviceWork(
            memory=max(one.memory for one in parts),
            launches=sum(one.launches for one in parts),
            seconds=sum(one.seconds for one in parts),
            kernels=tuple(sorted({name for one in parts for name in one.kernels})),
            assumed=tuple(sorted({words for one in parts for words in one.assumed})),
        )


def text(*names: str) -> str:
    """Return `.cu` files as one text, in which errors name the file and its line."""
    folder = files("mattis.kernels.cuda")
    parts = [f'#line 1 "{name}"\n{(folder / name).read_text()}' for name in names]
    return "\n".join(parts)


def launch(
    device: Device, module: str, kernel: str, grid: tuple[int, ...], block: int,
    args: tuple[Any, ...], shared: int = 0,
) -> None:  # fmt: skip
    """Run a kernel. Every number of `args` is a NumPy scalar: CuPy passes Python's with 64 bits."""
    function = device.module(module).get_function(kernel)
    if shared > ASKED_FOR:  # all that there is: threads that launch a kernel do not change each other's limit
        function.max_dynamic_shared_size_bytes = device.shared - function.shared_size_bytes
    device.streams.use(*args)
    function(grid, (block,), args, shared_mem=shared)


def ints(*numbers: int) -> tuple[np.int32, ...]:
    """Return numbers as kernels take them."""
    return tuple(np.int32(number) for number in numbers)


def divided(
    device: Device, items: Sequence[T], size: Callable[[T], int], work: Callable[[Sequence[T]], R],
    besides: int = 0,
) -> Iterator[tuple[Sequence[T], R]]:  # fmt: skip
    """Yield the results of work on parts of the items that fit the device's memory, in order.

    size  # bytes of an item; besides  # bytes of a part that do not grow with its items
    A part that turns out not to fit is halved. Raises what the device raises where a single item does not.
    """
    first, most = 0, len(items)
    while first < len(items):
        part = _fitting(items[first : first + most], size, int(SPARE * device.free()) - besides)
        result = _tried(device, lambda: (work(part),), len(part) > 1)  # noqa: B023
        if result is None:
            most = len(part) // 2
            continue
        yield part, result[0]
        first += len(part)


def overlapped(
    device: Device, items: Sequence[T], size: Callable[[T], int],
    begin: Callable[[Sequence[T]], Callable[[], R]], besides: int = 0,
) -> Iterator[tuple[Sequence[T], R]]:  # fmt: skip
    """Yield the same as `divided`, where work on a part begins while that on the one before it goes on.

    begin  # asks the device for a part, and returns what waits for its result
    All items make one part if they fit; else two parts are on the device at a time, which share its memory.
    Where a part does not fit beside another, it begins when that is done; where not even then, it is halved.
    """
    first, most, running = 0, len(items), list[tuple[Sequence[T], Callable[[], R]]]()
    try:
        while first < len(items) or running:
            part, end = items[first : first + most], None
            if part:
                room = int(SPARE * device.free())
                both = not running and sum(map(size, items[first:])) > room - besides
                part = _fitting(part, size, room // (1 + both) - besides)
                end = _tried(device, lambda: begin(part), len(part) > 1 or bool(running))  # noqa: B023
                if end is None and not running:
                    most = len(part) // 2
            before = [running.pop()] if running else []
            if end is not None:
                first += len(part)
                running.append((part, end))
            if before:
                done, finish = before.pop()
                result = finish()
                del finish  # and what it holds on the device
                yield done, result
    finally:
        if running:  # whoever asked has had enough, and kernels still work on what is held here
            device.wait()


def _tried(device: Device, work: Callable[[], R], may_fail: bool) -> R | None:
    """Return the result of work, None where memory was too short for it and it may fail."""
    try:
        return work()
    except Exception as error:
        device.wait()  # as long as the error's traceback holds the arrays that kernels work on
        if device.trouble(error) is not DeviceTrouble.MEMORY or not may_fail:
            raise
    return None


def portions(items: Sequence[T], size: Callable[[T], int], room: int) -> Iterator[Sequence[T]]:
    """Yield the items in parts that take at most `room` bytes of the host each; one item at least."""
    first = 0
    while first < len(items):
        part = _fitting(items[first:], size, room)
        yield part
        first += len(part)


def _fitting(items: Sequence[T], size: Callable[[T], int], room: int) -> Sequence[T]:
    """Return as many of the first items as fit, one at least."""
    total = 0
    for k, item in enumerate(items):
        total += size(item)
        if total > room and k > 0:
            return items[:k]
    return items
