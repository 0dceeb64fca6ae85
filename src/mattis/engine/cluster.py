"""How to get workers: of this machine, of a Dask scheduler that exists, or as jobs of a batch system.

Science never comes here, and numbers never depend on it. Dask is imported where it is used: most verbs
of the command do without it.
"""

import logging
import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mattis import surroundings
from mattis.engine import machine
from mattis.engine.nursery import METHOD, children_ignore_interrupts, is_usual, nursery
from mattis.errors import Fault, UserError
from mattis.kernels.cuda import backends
from mattis.words import counted

if TYPE_CHECKING:
    from distributed import Client

QUEUES = ("slurm", "pbs", "sge", "lsf", "htcondor", "oar", "moab")
"""Batch systems that dask-jobqueue knows, by the names of their sections in Dask's configuration."""

LOGGERS = ("distributed", "distributed.client", "asyncio", "tornado")

PROTOCOLS = ("tcp://", "tls://", "ucx://", "ws://", "wss://")

OPEN = {"tcp": "tls", "ucx": "tls", "ws": "wss"}
"""Protocols without authentication, and the encrypted one in place of each."""

SCHEDULER_PATIENCE = 60
"""Seconds to wait for a scheduler to answer."""

QUIET = {
    "distributed.worker.profile.enabled": False,  # samples the stack of each worker 100 times a second
    "distributed.admin.tick.interval": "1s",  # wakes every process 50 times a second
    # A paused worker would wait for memory that nobody frees: blocks leave nothing behind them.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}
"""Settings without the work for Dask's dashboard, which takes 5 % of a worker, and without pauses."""

GPU = "GPU"
"""The worker resource that pins a task to a GPU, one at a time."""


@dataclass(frozen=True)
class Where:
    """Where to compute; nothing in here changes a number."""

    workers: int | None = None
    """Processes (or threads) of this machine, or jobs of a batch system; all cores if None."""
    pool: str = "processes"
    """`processes`, or `threads` of one process."""
    memory: int | None = None
    """Bytes for all workers of this machine; what the machine has if None."""
    gpus: int = 0
    """Worker processes that own one GPU each; 0 for the CPU."""
    devices: tuple[str, ...] = ()
    """The GPUs that they own, by CUDA's names for them; if empty, the first that are visible."""
    scheduler: str | None = None
    """Address of a running Dask scheduler."""
    tls: tuple[str | None, str | None, str | None] = (None, None, None)
    """Certificate authority, certificate and key for it."""
    cluster: str | None = None
    """Batch system whose jobs are the workers."""
    logs: Path | None = None
    """Folder for the output of those jobs."""
    title: str = "mattis"
    """How those jobs are called."""
    dashboard: bool = False
    """Whether Dask serves its dashboard, on loopback."""

    @property
    def is_here(self) -> bool:
        """Tell whether the workers share this machine's cores and memory."""
        return self.scheduler is None and self.cluster is None

    @property
    def is_threads(self) -> bool:
        """Tell whether the workers are threads of this process, which cannot hang without it."""
        return self.is_here and self.pool == "threads" and not self.gpus

    @property
    def count(self) -> int:
        """The number of workers."""
        return self.gpus or self.workers or machine.cores()

    @property
    def resources(self) -> dict[str, int] | None:
        """The resources of a worker that each task needs."""
        return {GPU: 1} if self.gpus else None


def with_backend(where: Where, backend: str) -> tuple[Where, str]:
    """Return the place of computing, with a process for each GPU on this machine, and the backend.

    Workers elsewhere choose a backend themselves. Raises UserError for a backend that this machine lacks.
    """
    if not where.is_here:
        return where, backend
    if backend == "auto":
        backend = "cpu" if backends.why_not() else "gpu"
    if backend != "gpu":
        if backend == "simulated":
            backends.device(backend)  # is there a compiler?
        return where, backend
    probe, visible = backends.probe(), _visible()
    if probe.reason:
        raise UserError(f"--backend: got gpu, but {probe.reason}; use --backend cpu or auto")
    if where.gpus > len(probe.good):
        others = f" ({probe.remark})" if probe.bad else ""
        raise UserError(
            f"--gpus: got {where.gpus}, but {counted(len(probe.good), 'GPU')} can be used{others}; "
            f"use --gpus {len(probe.good)}"
        )
    devices = tuple(visible[k] if visible else str(k) for k in probe.good)
    gpus = where.gpus or len(devices)
    return replace(where, gpus=gpus, devices=devices[:gpus]), backend


def parsed_memory(text: str) -> int:
    """Return the bytes of a text such as 8GiB. Raises UserError for anything else."""
    from dask.utils import parse_bytes

    try:
        count = int(parse_bytes(text)) if text[:1].isdecimal() else 0
    except ValueError:
        count = 0
    if count <= 0:
        raise UserError(f"--memory: got {text}; expected an amount of memory, such as 8GiB")
    return count


@contextmanager
def client_of(where: Where, most: int) -> Iterator["Client"]:
    """Yield a client of the workers, of this machine no more than `most` of them.

    Raises UserError or Fault, in one line, where no worker can be had.
    """
    forks = where.is_here and not where.is_threads and not where.gpus
    forked: AbstractContextManager[Mapping[str, str]] = nursery() if forks else nullcontext({})
    with forked as settings:
        import distributed  # noqa: F401  (before the settings: its defaults must outlast them)

        with _client(where, most, settings) as client:
            yield client


@contextmanager
def _client(where: Where, most: int, settings: Mapping[str, str]) -> Iterator["Client"]:
    """Yield a client of the workers, with the settings of Dask that suit them."""
    import dask

    patience: dict[str, Any] = {
        "distributed.scheduler.allowed-failures": 2,  # workers that a task may take with it
        "distributed.comm.timeouts.connect": f"{SCHEDULER_PATIENCE}s",
    }
    if where.dashboard and where.is_here:
        from mattis.engine.nodes import ROUTES

        patience["distributed.scheduler.http.routes"] = ROUTES
    with dask.config.set({**patience, **QUIET, **settings}), _silenced():
        if where.scheduler is not None:
            with _client_of_scheduler(where) as client:
                yield client
        elif where.cluster is not None:
            from mattis.engine.queues import Jobs, client_of_jobs

            jobs = Jobs(where.cluster, where.count, where.title, where.logs, where.dashboard)
            with client_of_jobs(jobs) as client:
                yield client
        else:
            with _client_of_machine(where, max(min(where.count, most), 1)) as client:
                yield client


@contextmanager
def _client_of_machine(where: Where, workers: int) -> Iterator["Client"]:
    """Yield a client of workers of this machine with one thread each; a killed process is replaced.

    Processes listen on loopback, on any free port, and talk to nobody who lacks this run's certificate.
    """
    from distributed import Client, SpecCluster

    specification = _specification(where, workers, where.memory or machine.memory())
    try:
        with children_ignore_interrupts():
            cluster = SpecCluster(**specification)
    except Exception as error:  # Dask's own, of any kind, with what went wrong as its cause
        raise _not_started(error) from None
    with cluster, Client(cluster) as client:
        yield client


def _not_started(error: BaseException) -> Fault:
    """Return why the workers of this machine did not start, and what to do."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    reasons = " ← ".join(dict.fromkeys(_first_line(cause) for cause in causes))
    return Fault(
        f"workers could not start: {reasons}; a script calls mattis.run below a line "
        'if __name__ == "__main__": only, and --pool threads needs no processes'
    )


def _specification(where: Where, workers: int, memory: int) -> dict[str, Any]:
    """Return a scheduler, and a process for each worker (with the k-th GPU) or threads of this one."""
    from distributed import Nanny
    from distributed.security import Security

    from mattis.engine.nodes import DashboardScheduler, Scheduler, Worker

    page = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    quiet = {"silence_logs": "CRITICAL"}
    scheduler = DashboardScheduler if where.dashboard else Scheduler
    by_worker: dict[Any, dict[str, Any]]
    if where.is_threads:
        inside = {**page, "protocol": "inproc://"}
        threads = {**inside, **quiet, "nthreads": workers, "memory_limit": memory}
        return {
            "scheduler": {"cls": scheduler, "options": inside},
            "workers": {0: {"cls": Worker, "options": threads}},
            **quiet,
        }
    secure = {"security": Security.temporary()}  # keys in memory, gone with the run
    local = {**page, **secure, "host": "127.0.0.1", "protocol": "tls://"}
    share = {"nthreads": 1, "memory_limit": max(memory // workers, 1)}
    process = {**local, **quiet, **share, "worker_class": Worker}
    if where.gpus:
        by_worker = {
            device: {"resources": {GPU: 1}, "env": {"CUDA_VISIBLE_DEVICES": device}}
            for device in _devices(where, workers)[:workers]
        }
    else:
        by_worker = {k: {} for k in range(workers)}
    return {
        "scheduler": {"cls": scheduler, "options": local},
        "workers": {k: {"cls": Nanny, "options": process | more} for k, more in by_worker.items()},
        **secure,
        **quiet,
    }


def left_out(where: Where, backend: str) -> str:
    """Return which GPUs of this machine take no part in a run on others, and why; "" if all do."""
    remark = backends.probe().remark if where.is_here and backend == "gpu" else ""
    return f"left out: {remark}" if remark else ""


def _visible() -> list[str]:
    """Return the GPUs that this process may use, by CUDA's names; empty where it may use all."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else []


def _devices(where: Where, workers: int) -> list[str]:
    """Return the GPUs that workers may own."""
    return [*where.devices] or _visible() or [str(k) for k in range(workers)]


def check(where: Where) -> None:
    """Raise UserError for a place that cannot be, before anything is done there."""
    if fault := surroundings.why_dask_refuses():
        raise UserError(f"Dask's settings: {fault}; mend that file, or move it away")
    if where.is_here and not where.is_threads:
        _check_processes(is_usual() and not where.gpus)
    if where.scheduler is not None and not where.scheduler.startswith(PROTOCOLS):
        raise UserError(f"--scheduler: got {where.scheduler}; expected an address such as tcp://host:8786")
    if where.gpus and where.is_here and len(gpus := _devices(where, where.gpus)) < where.gpus:
        raise UserError(
            f"--gpus: got {where.gpus}, but CUDA_VISIBLE_DEVICES names {len(gpus)} "
            f"({','.join(gpus)}); use --gpus {len(gpus)}"
        )
    if where.cluster is not None:
        _check_queue(where.cluster)


def _check_processes(are_forked: bool) -> None:
    """Raise UserError where this process can have no worker processes.

    are_forked  # whether workers come from the nursery, and import no script
    """
    import dask

    process = multiprocessing.current_process()
    if getattr(process, "_inheriting", False):  # a worker that imports the script of the user
        raise SystemExit(1)  # `_not_started` says what is wrong, where that script began
    if process.daemon:
        raise UserError(
            f"{process.name}: a daemonic process may start no workers; run from one with daemon=False, "
            'or use --pool threads, in Python Settings(where=Where(pool="threads"))'
        )
    spawns = not are_forked and dask.config.get(METHOD, "spawn") != "fork"
    if spawns and (script := _unguarded_script()):
        raise UserError(
            f"{script}: workers are processes that import this script, and so would begin it anew; write "
            'what it does below a line if __name__ == "__main__":, or use threads: '
            'mattis.Settings(where=mattis.Where(pool="threads"))'
        )
    _check_scratch(dask.config.get("temporary-directory", None))


def _unguarded_script() -> str | None:
    """Return the script that this process runs, if it would begin anew where it is imported."""
    main = sys.modules["__main__"]
    path, name = getattr(main, "__file__", None), getattr(main.__spec__, "name", "")
    if not path or name.endswith("__main__"):  # which workers do not import
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if "__name__" in text else path


def _check_scratch(configured: str | None) -> None:
    """Raise UserError if workers cannot have temporary files, in the folder of Dask's settings or any."""
    try:
        folder = Path(configured or tempfile.gettempdir())
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        key = "temporary-directory in Dask's settings" if configured else "TMPDIR"
        raise UserError(
            f"{configured or 'temporary files'}: workers can keep no temporary files there: "
            f"{(error.strerror or str(error)).lower()}; give {key} a folder that can be written to"
        ) from None


def warning(where: Where) -> str | None:
    """Return the warning about a scheduler that others may use as well, or None."""
    kind, _, rest = (where.scheduler or "").partition("://")
    if kind not in OPEN or _is_loopback(str(urlsplit(f"//{rest}").hostname)):
        return None
    safe = f"{OPEN[kind]}://{rest}"
    return (
        f"warning: --scheduler {where.scheduler} is not encrypted: whoever reaches it can run code as you; "
        f"use --scheduler {safe} with --tls-ca, --tls-cert and --tls-key (docs/clusters.md)"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_queue(name: str) -> None:
    """Raise UserError for a batch system that is not known, or not configured."""
    if name not in QUEUES:
        raise UserError(f"--cluster: got {name}; expected one of {', '.join(QUEUES)}")
    try:
        from mattis.engine import queues
    except ImportError:
        raise UserError("--cluster: dask-jobqueue is not installed; install mattis[cluster]") from None
    queues.check(name)


@contextmanager
def _client_of_scheduler(where: Where) -> Iterator["Client"]:
    """Yield a client of a running scheduler."""
    from distributed import Client
    from distributed.security import Security

    address = str(where.scheduler)
    authority, certificate, key = where.tls
    files = {"tls_ca_file": authority, "tls_client_cert": certificate, "tls_client_key": key}
    options = {name: value for name, value in files.items() if value}
    security = Security(require_encryption=True, **options) if options else None
    try:
        client = Client(address, security=security, timeout=SCHEDULER_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise Fault(f"--scheduler {address}: {_refusal(address, error)}") from None
    with client:
        yield client


@contextmanager
def _silenced() -> Iterator[None]:
    """Silence Dask's loggers and warnings: errors are said in one line here, versions in `crew`."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Mismatched versions found")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _refusal(address: str, error: BaseException) -> str:
    """Return why a scheduler has no client, and the remedy."""
    reason = _first_line(error)
    if address.startswith(("tls://", "wss://")):
        return (
            f"no scheduler answers there, or it does not take these certificates ({reason}); give those that "
            "it was started with: --tls-ca, --tls-cert, --tls-key"
        )
    return (
        f"no scheduler answers there without TLS ({reason}); start one with dask scheduler, or write tls:// "
        "if there is one, and give the same command again"
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
