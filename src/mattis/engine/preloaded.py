"""What each worker process of this machine needs, imported once, by the process that they are forked from.

A process for itself would import for two seconds of CPU time, and its neighbour the same once more. Nothing
here starts a thread or opens a connection: neither would survive a fork.

Nor is the script of the user imported, as processes do by themselves: workers need nothing of it, and one
without `if __name__ == "__main__":` would begin anew in each of them. So this process says that it is that
script already.
"""

import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec

import distributed.worker  # noqa: F401

import mattis.engine.dispatch
import mattis.engine.nodes
import mattis.networks.registry
from mattis.engine.nursery import MAIN_MODULE, MAIN_PATH

with suppress(Exception):  # a worker that needs the compiler says what is wrong with it
    from numba.core.registry import cpu_target

    import mattis.exact.compiler  # noqa: F401

    # What Numba imports when it loads its first kernel: half of its own time.
    cpu_target.target_context.refresh()
    cpu_target.typing_context.refresh()

if path := os.environ.pop(MAIN_PATH, ""):
    sys.modules["__main__"].__file__ = path
if name := os.environ.pop(MAIN_MODULE, ""):
    sys.modules["__main__"].__spec__ = ModuleSpec(name, None)
