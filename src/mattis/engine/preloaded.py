"""What each worker process of this machine needs, imported once, by the process that they are forked from.

A process for itself would import for two seconds of CPU time, and its neighbour the same once more. Nothing
here starts a thread or opens a connection: neither would survive a fork.
"""

from contextlib import suppress

import distributed.worker  # noqa: F401

import mattis.engine.dispatch
import mattis.engine.nodes
import mattis.networks.registry

with suppress(Exception):  # a worker that needs the compiler says what is wrong with it
    from numba.core.registry import cpu_target

    import mattis.exact.compiler  # noqa: F401

    # What Numba imports when it loads its first kernel: half of its own time.
    cpu_target.target_context.refresh()
    cpu_target.typing_context.refresh()
