"""The compiler of kernels: Numba, with a cache on disk where there is a place for one.

A cache saves seconds. What is wrong with it never ends a run: kernels are then compiled in each process.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

inlined: Any = njit(inline="always", error_model="numpy")
"""Makes a function a part of each compiled one that calls it, from their own file: no code of its own."""

SMALLEST_ROOM = 2**24
"""Bytes that a disk needs for compiled kernels."""


class OptionalCache(FunctionCache):
    """Numba's cache of one kernel, without which the kernel is compiled instead."""

    def load_overload(self, *arguments: Any) -> Any:
        """Return a compiled kernel, or None; a file that cannot be read is forgotten."""
        try:
            return super().load_overload(*arguments)  # type: ignore[no-untyped-call]
        except Exception:  # cut by a full disk, or of another mattis: pickle raises anything
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, *arguments: Any) -> None:
        """Save a compiled kernel where the disk takes it; `why_not_cached` says why it does not."""
        with suppress(Exception):  # it reads the index first
            super().save_overload(*arguments)  # type: ignore[no-untyped-call]


def _cache_of(function: Callable[..., Any]) -> Any:
    """Return the cache of a kernel. Raises RuntimeError if there is no place for one."""
    return OptionalCache(function)  # type: ignore[no-untyped-call]


def compiled(function: Callable[..., Any], counting: bool = True) -> Any:
    """Return a function that is compiled on its first call, or loaded from the cache.

    counting  # whether references to arrays are counted; what is called counts its own
    """
    options = {"nogil": True, "error_model": "numpy", "_nrt": counting, "no_cfunc_wrapper": True}
    kernel: Any = njit(**options)(function)  # type: ignore[call-overload]
    if kernel is not function:  # else the compiler is switched off
        # RuntimeError: neither the package's folder nor the user's own can be written to.
        with suppress(RuntimeError, OSError):
            kernel._cache = _cache_of(function)
    return kernel


def borrowing(function: Callable[..., Any]) -> Any:
    """Return a compiled function that makes no array: it need not count who holds those it is given.

    Numba counts where a field of a tuple is read: in a loop that is more than what small blocks compute.
    """
    return compiled(function, counting=False)


@lru_cache(maxsize=1)
def why_not_cached() -> str:
    """Return why each process compiles its kernels anew, "" if they are cached on disk."""
    try:
        folder = _cache_of(_cache_of).cache_path
        free = shutil.disk_usage(folder).free
    except (RuntimeError, OSError):
        return "no folder for compiled kernels can be written to"
    return "" if free >= SMALLEST_ROOM else f"{folder}: no space left for compiled kernels"
