"""How to get workers: here, a Dask cluster of processes on this machine, on loopback only.

Dask is imported where it is used: most verbs of the command do without it.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mattis.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

BACKENDS = ("auto", "cpu", "gpu")


def resolve_backend(name: str) -> str:
    """Return the backend that will compute. Raises UserError for one that this version does not have."""
    if name == "gpu":
        raise UserError(
            "--backend: got gpu; this version computes on the CPU only; use --backend cpu or auto"
        )
    return "cpu"


def default_workers() -> int:
    """Return the number of cores that this process may use, containers respected."""
    from dask.system import CPU_COUNT

    return int(CPU_COUNT)


def memory_limit() -> int:
    """Return the bytes of memory that this machine, or its container, has."""
    from distributed.system import MEMORY_LIMIT

    return int(MEMORY_LIMIT)


@contextmanager
def local_client(workers: int) -> Iterator["Client"]:
    """Yield a client of worker processes with one thread each; a killed worker is replaced.

    The scheduler and its dashboard listen on loopback, on any free port.
    """
    import dask
    from distributed import Client, LocalCluster

    quiet = {
        "distributed.logging.distributed": "error",
        "distributed.scheduler.allowed-failures": 5,
        "distributed.comm.timeouts.connect": "60s",
    }
    with dask.config.set(quiet):
        with _children_ignore_interrupts():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=max(memory_limit() // workers, 1),
                silence_logs="CRITICAL",
            )
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one: a terminal sends it to all of them at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
