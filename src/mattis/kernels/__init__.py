"""How a network is computed: one file per backend, loaded on first use.

Reading a study, asking for its status or drawing its figure should not wait for a compiler.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattis.kernels import cpu as cpu
    from mattis.kernels import dense as dense
    from mattis.kernels import flow as flow
    from mattis.kernels import learning as learning
    from mattis.kernels import matrix as matrix
    from mattis.kernels import portable as portable
    from mattis.kernels import replicas as replicas
    from mattis.kernels import synapses as synapses

BACKENDS = (
    "cpu",
    "dense",
    "flow",
    "learning",
    "little",
    "matrix",
    "portable",
    "replicas",
    "series",
    "synapses",
)


def __getattr__(name: str) -> ModuleType:
    if name not in BACKENDS:
        raise AttributeError(f"module 'mattis.kernels' has no attribute {name!r}")
    return import_module(f"mattis.kernels.{name}")


def vector(name: str = "replicas") -> ModuleType:
    """Return kernels of replicas in lanes, or their portable form where vectors cannot be compiled."""
    from numba import config

    plain = getattr(config, "DISABLE_JIT", 0) or sys.byteorder != "little"
    return import_module(f"mattis.kernels.{'portable' if plain else name}")
