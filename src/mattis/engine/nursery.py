"""Where worker processes of this machine come from: forked from one that has imported what they need.

Only on Linux, where a fork is safe, and not where the user's settings, or a program that calls this, have a
way of their own; workers are then processes that import for themselves.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, spawn
from typing import Any

from mattis.surroundings import environment_with

PRELOADED = "mattis.engine.preloaded"
"""The module that imports it."""

METHOD = "distributed.worker.multiprocessing-method"
"""The key of Dask's settings that says how processes start."""

MAIN_PATH, MAIN_MODULE = "MATTIS_MAIN_PATH", "MATTIS_MAIN_MODULE"
"""Variables that tell that module which script, or which module, this process runs."""

WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "6640",
}
"""The environment in which Dask starts workers, if neither the user's nor its settings say otherwise."""


@contextmanager
def nursery() -> Iterator[dict[str, str]]:
    """Start a process that workers are forked from, at once; it ends with the context.

    Yields the settings of Dask that make it so: none where workers are to start as they do elsewhere.
    """
    server: Any = forkserver._forkserver
    if not is_usual() or not _started(server):
        yield {}
        return
    try:
        with _preloading_no_more():
            yield {METHOD: "forkserver"}
    finally:
        server._stop()  # and wait for it: nothing outlives a run


@contextmanager
def _preloading_no_more() -> Iterator[None]:
    """Tell Dask that what is preloaded is known: it would import pandas here, to add it to that."""
    from distributed import utils

    before, utils._forkserver_preload_set = getattr(utils, "_forkserver_preload_set", False), True
    try:
        yield
    finally:
        utils._forkserver_preload_set = before


def is_usual() -> bool:
    """Tell whether neither system, nor settings, nor the program that calls this have ways of their own."""
    import dask

    server: Any = forkserver._forkserver
    own = dask.config.get(METHOD, "spawn") != "spawn" or server._forkserver_pid is not None
    return sys.platform == "linux" and not own


def _started(server: Any) -> bool:
    """Start the process that workers are forked from; tell whether that worked."""
    import dask

    own = dask.config.get("distributed.nanny.pre-spawn-environ", None) or {}
    variables = {name: str(value) for name, value in {**WORKER_ENVIRONMENT, **own}.items()}
    main = spawn.get_preparation_data("")
    running = {
        MAIN_PATH: str(main.get("init_main_from_path", "")),
        MAIN_MODULE: str(main.get("init_main_from_name", "")),
    }
    multiprocessing.set_forkserver_preload([PRELOADED])
    try:
        with environment_with({**variables, **os.environ, **running}), children_ignore_interrupts():
            server.ensure_running()
    except OSError:  # of a machine that has no process more: the first worker will say so
        return False
    return True


@contextmanager
def children_ignore_interrupts() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one: a terminal sends it to all of them at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
