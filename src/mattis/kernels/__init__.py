"""How a network is computed: one file per backend, loaded on first use.

Reading a study, asking for its status or drawing its figure should not wait for a compiler.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattis.kernels import cpu as cpu
    from mattis.kernels import synapses as synapses


def __getattr__(name: str) -> ModuleType:
    if name not in ("cpu", "synapses"):
        raise AttributeError(f"module 'mattis.kernels' has no attribute {name!r}")
    return import_module(f"mattis.kernels.{name}")
