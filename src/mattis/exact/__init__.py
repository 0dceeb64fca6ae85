"""Arithmetic with the same bits on every machine: random numbers by their addresses, functions, sums.

The compiled ones are loaded on first use: reading a study waits for none.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattis.exact import convergence as convergence
    from mattis.exact import functions as functions
    from mattis.exact import philox as philox
    from mattis.exact import reweighting as reweighting
    from mattis.exact import sums as sums

COMPILED = ("convergence", "functions", "philox", "reweighting", "sums")


def __getattr__(name: str) -> ModuleType:
    if name not in COMPILED:
        raise AttributeError(f"module 'mattis.exact' has no attribute {name!r}")
    return import_module(f"mattis.exact.{name}")
