"""Workers are forked from one process, which goes with them; the ways of a user stay as they are."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from typing import Any

import dask
import psutil
import pytest
from builders import workers_below

from mattis.engine import cluster, nursery
from mattis.engine.cluster import Where

SERVER: Any = forkserver._forkserver


def servers() -> list[psutil.Process]:
    """Return the processes below this one that others are forked from."""
    below = psutil.Process().children()
    return [one for one in below if "forkserver" in " ".join(one.cmdline())]


def environment_of_a_worker() -> dict[str, str]:
    return dict(os.environ)


def test_workers_come_from_one_process_and_none_outlives_the_run() -> None:
    with cluster.client_of(Where(workers=2), 2) as client:
        (server,) = servers()
        workers = workers_below(psutil.Process())
        assert {one.ppid() for one in workers} == {server.pid}
        found = client.run(environment_of_a_worker)
        assert len(found) == len(workers) == 2
        for environment in (server.environ(), *found.values()):
            for name, value in nursery.WORKER_ENVIRONMENT.items():
                assert environment[name] == os.environ.get(name, value)
    assert servers() == []
    assert not any(one.is_running() for one in workers)
    assert dask.config.get(nursery.METHOD) == "spawn"


def test_a_second_run_of_a_process_finds_the_settings_of_the_first() -> None:
    """Settings that are made before Dask has its defaults would take these with them."""
    script = """
from mattis.engine import cluster
from mattis.engine.cluster import Where
import dask
for _ in range(2):
    with cluster.client_of(Where(workers=1), 1) as client:
        print(client.submit(int, "7").result(timeout=60))
print(dask.config.get("distributed.worker.multiprocessing-method"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split() == ["7", "7", "spawn"]


def test_a_worker_that_dies_is_forked_again() -> None:
    with cluster.client_of(Where(workers=1), 1) as client:
        (worker,) = workers_below(psutil.Process())
        assert client.submit(os.getpid).result(timeout=60) == worker.pid
        worker.kill()
        other = client.submit(os.getpid, pure=False).result(timeout=60)
        assert other != worker.pid
        assert psutil.Process(other).ppid() == servers()[0].pid


@pytest.fixture
def own() -> Iterator[int]:
    """The process that the program itself forks from."""
    multiprocessing.set_forkserver_preload([])
    SERVER.ensure_running()
    yield SERVER._forkserver_pid
    SERVER._stop()


def test_a_program_that_forks_keeps_its_own_process(own: int) -> None:
    with nursery.nursery() as settings:
        assert settings == {}
        assert SERVER._forkserver_pid == own
    assert SERVER._forkserver_pid == own
    assert psutil.pid_exists(own)


def test_settings_of_the_user_stay() -> None:
    with dask.config.set({nursery.METHOD: "fork"}), nursery.nursery() as settings:
        assert settings == {}
        assert servers() == []


@pytest.mark.parametrize("place", [Where(pool="threads", workers=2)])
def test_threads_need_no_process(place: Where) -> None:
    with cluster.client_of(place, 2):
        assert servers() == []


def test_without_a_process_more_workers_start_as_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(SERVER, "ensure_running", refuse)
    with nursery.nursery() as settings:
        assert settings == {}
