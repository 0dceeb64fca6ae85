"""Kernels of the CPU, by Numba; loaded on first use, for the compiler takes seconds to start.

Reading a study, printing its status or drawing its figure needs none of them.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattis.kernels.cpu import asynchronous as asynchronous
    from mattis.kernels.cpu import dense as dense
    from mattis.kernels.cpu import drift as drift
    from mattis.kernels.cpu import euler as euler
    from mattis.kernels.cpu import exchange as exchange
    from mattis.kernels.cpu import glauber as glauber
    from mattis.kernels.cpu import landscape as landscape
    from mattis.kernels.cpu import learning as learning
    from mattis.kernels.cpu import matrix as matrix
    from mattis.kernels.cpu import portable as portable
    from mattis.kernels.cpu import synchronous as synchronous
    from mattis.kernels.cpu import transitions as transitions

COMPILED = (
    "asynchronous", "dense", "drift", "euler", "exchange", "glauber", "landscape", "learning", "matrix",
    "portable", "synchronous", "transitions",
)  # fmt: skip


def __getattr__(name: str) -> ModuleType:
    if name not in COMPILED:
        raise AttributeError(f"module 'mattis.kernels.cpu' has no attribute {name!r}")
    return import_module(f"mattis.kernels.cpu.{name}")


def lane_kernels(name: str = "asynchronous") -> ModuleType:
    """Return kernels of replicas in lanes, or their portable form where vectors cannot be compiled."""
    from numba import config

    plain = getattr(config, "DISABLE_JIT", 0) or sys.byteorder != "little"
    return import_module(f"mattis.kernels.cpu.{'portable' if plain else name}")
