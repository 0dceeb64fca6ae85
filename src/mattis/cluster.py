"""How to get workers: here, a Dask cluster of processes on this machine, on loopback only."""

from collections.abc import Iterator
from contextlib import contextmanager

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT

from mattis.errors import UserError

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
    return int(CPU_COUNT)


def memory_limit() -> int:
    """Return the bytes of memory that this machine, or its container, has."""
    return int(MEMORY_LIMIT)


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """Yield a client of worker processes with one thread each; a killed worker is replaced.

    The scheduler and its dashboard listen on loopback, on any free port.
    """
    quiet = {
        "distributed.logging.distributed": "error",
        "distributed.scheduler.allowed-failures": 5,
        "distributed.comm.timeouts.connect": "60s",
    }
    with (
        dask.config.set(quiet),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=max(memory_limit() // workers, 1),
            silence_logs="CRITICAL",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
