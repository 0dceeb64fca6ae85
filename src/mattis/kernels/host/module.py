"""`HostModule`: the counterpart of `cupy.RawModule` on the host.

The same text, the same names, the same call: kernel(grid, block, args, shared_mem=…), on NumPy arrays, in
place. It refuses what CuPy would not notice (a wrong width, a block of no threads), and runs the threads of
a block in the order of a `ThreadSchedule`: a result that depends on it is a race.
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any, Literal

from mattis.errors import nearest
from mattis.kernels.host.arguments import HostArray, checked, parameters
from mattis.kernels.host.library import HostError, library
from mattis.kernels.host.source import BLOCK_LIMIT, MaybeSanitizer, Source

Order = Literal["ascending", "descending", "random", "warps"]

THREAD_ORDERS: tuple[Order, ...] = ("ascending", "descending", "random", "warps")

LARGEST_BLOCK = (1024, 1024, 64)
LARGEST_GRID = (2**31 - 1, 65535, 65535)

SHARED_BY_DEFAULT = 48 * 1024
"""Bytes of dynamic shared memory that any kernel may have."""

SHARED_AT_MOST = 227 * 1024
"""Bytes that it may have on the largest GPUs, after `max_dynamic_shared_size_bytes` is set to them."""

LONGEST_MESSAGE = 512
"""Bytes that a failed launch writes, as in block.h."""


class LaunchError(HostError):
    """A launch that a GPU would refuse, or that went wrong: the kernel, the block, the thread, the line."""


@dataclass(frozen=True)
class ThreadSchedule:
    """In which order threads take turns, and blocks."""

    order: Order = "ascending"
    """`ascending`, `descending`: all threads up to their next barrier, one after the other; `random`: any
    thread next; `warps`: any warp, as far as it can go."""
    seed: int = 1
    """Seed of the random orders."""


SCHEDULES = (
    ThreadSchedule("ascending"),
    ThreadSchedule("descending"),
    ThreadSchedule("random", 1),
    ThreadSchedule("random", 2),
    ThreadSchedule("warps", 3),
)
"""The schedules under which a kernel has to give the same numbers."""


class Launch(ctypes.Structure):
    """A launch, field by field as in launch.h."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("order", ctypes.c_uint),
        ("seed", ctypes.c_ulonglong),
        ("dynamic_bytes", ctypes.c_ulonglong),
    )


class HostFunction:
    """A kernel: call it with a grid, a block and arguments.

    `max_dynamic_shared_size_bytes` is to be set, as on a GPU, before a launch with more than 48 KiB of
    dynamic shared memory. Static variables are not counted: the cubin of NVRTC tells their size.
    """

    shared_size_bytes = 0
    """Bytes of static shared memory, by the name that CuPy has for them."""

    def __init__(self, name: str, entry: Any, signature: str, schedule: ThreadSchedule) -> None:
        bound, _, rest = signature.partition(" ")
        self.name = name
        self.schedule = schedule
        self.most_threads = int(bound)
        self.parameters = parameters(rest)
        self.max_dynamic_shared_size_bytes = SHARED_BY_DEFAULT
        self._entry = entry

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: Sequence[Any], *, shared_mem: int = 0
    ) -> None:
        """Run the kernel to its end; its arrays hold the results.

        Raises `TypeError` for an argument of another type than the kernel takes, `LaunchError` for a launch
        that a GPU would refuse, and for one that cannot end: the message tells the line.
        """
        launch = Launch(
            self._grid(grid),
            self._block(block),
            THREAD_ORDERS.index(self.schedule.order),
            self.schedule.seed,
            self._shared(shared_mem),
        )
        arrays = self._arrays(args)
        memory = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        addresses = (ctypes.c_void_p * len(arrays))()
        for k, parameter in enumerate(self.parameters):
            addresses[k] = ctypes.addressof(memory[k]) if parameter.pointer else memory[k].value
        failure = ctypes.create_string_buffer(LONGEST_MESSAGE)
        if self._entry(ctypes.byref(launch), addresses, failure):
            raise LaunchError(f"{self.name}: {failure.value.decode(errors='replace')}")

    def _arrays(self, args: Sequence[Any]) -> list[HostArray]:
        """Return the arrays whose memory the arguments are."""
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name}: {len(args)} arguments for {len(self.parameters)} parameters")
        pairs = enumerate(zip(args, self.parameters, strict=True))
        return [checked(arg, kind, f"{self.name}, argument {k}") for k, (arg, kind) in pairs]

    def _grid(self, grid: tuple[int, ...]) -> Any:
        return self._three(grid, "grid", LARGEST_GRID)

    def _block(self, block: tuple[int, ...]) -> Any:
        size = self._three(block, "block", LARGEST_BLOCK)
        count = size[0] * size[1] * size[2]
        if count > BLOCK_LIMIT:
            raise LaunchError(
                f"{self.name}: block {block} has {count} threads, a GPU has at most {BLOCK_LIMIT}"
            )
        if count > self.most_threads:
            raise LaunchError(
                f"{self.name}: block {block} has {count} threads, __launch_bounds__ says {self.most_threads}"
            )
        return size

    def _three(self, size: tuple[int, ...], kind: str, largest: tuple[int, int, int]) -> Any:
        """Return three sizes. CuPy would take 0 for 1."""
        if not isinstance(size, tuple) or not 1 <= len(size) <= 3:
            raise TypeError(f"{self.name}: {kind} {size!r}, expected a tuple of one to three sizes")
        whole = [*map(index, size), 1, 1][:3]
        if not all(1 <= n <= most for n, most in zip(whole, largest, strict=True)):
            raise LaunchError(f"{self.name}: {kind} {size}, a GPU takes (1, 1, 1) to {largest}")
        return (ctypes.c_uint * 3)(*whole)

    def _shared(self, size: int) -> int:
        limit = self.max_dynamic_shared_size_bytes
        if max(size, limit) > SHARED_AT_MOST:
            raise LaunchError(
                f"{self.name}: {max(size, limit)} bytes of shared memory, a GPU has at most {SHARED_AT_MOST}"
            )
        if not 0 <= size <= max(limit, SHARED_BY_DEFAULT):
            raise LaunchError(
                f"{self.name}: {size} bytes of shared memory, max_dynamic_shared_size_bytes is {limit}"
            )
        return size


@dataclass(frozen=True)
class HostModule:
    """Kernels of one text, compiled when the module is created, or loaded from the cache.

    Raises `UserError` where there is no compiler, `HostError` with its text where it refuses the code.
    """

    code: str
    """Text in CUDA C++."""
    names: Sequence[str]
    """Names of its kernels, template arguments included."""
    schedule: ThreadSchedule = ThreadSchedule()
    """Order of threads and blocks."""
    sanitize: MaybeSanitizer = ""
    """The sanitizer to compile for, under which this process must run: `mattis.kernels.host.sanitized`."""
    defines: Mapping[str, str] = field(default_factory=dict)
    """Values of macros."""
    _library: ctypes.CDLL = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.sanitize and not hasattr(ctypes.CDLL(None), SANITIZED[self.sanitize]):
            raise HostError(
                f"no {self.sanitize} sanitizer here; run in a process of mattis.kernels.host.sanitized"
            )
        path = library(Source(self.code, self.names, self.sanitize, self.defines))
        object.__setattr__(self, "_library", ctypes.CDLL(str(path)))

    def get_function(self, name: str) -> HostFunction:
        """Return a kernel by its name, one of `names`."""
        if name not in self.names:
            raise HostError(f"no kernel {name} in this module{nearest(name, self.names)}")
        number = list(self.names).index(name)
        describe = self._library[f"kernel{number}_signature"]
        entry = self._library[f"kernel{number}_launch"]
        describe.restype, entry.restype = ctypes.c_char_p, ctypes.c_int
        return HostFunction(name, entry, describe().decode(), self.schedule)


SANITIZED: Mapping[MaybeSanitizer, str] = {"address": "__asan_init", "thread": "__tsan_init"}
"""What a process has in which a sanitizer works."""
