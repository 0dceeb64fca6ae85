"""Who lacks the certificate of a run cannot use its workers; a worker that hangs is replaced."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from builders import SECONDS, make_study, started, undisturbed, workers_below
from distributed import Client, LocalCluster
from distributed.security import Security

from mattis.engine import cluster, dispatch, watch
from mattis.engine.cluster import Where
from mattis.engine.status import digest
from mattis.study import plan
from mattis.study.base import Study

NOBODY = 65534
"""A user who owns nothing."""

ATTACK = """
import asyncio, contextlib, json, os, ssl, sys, tempfile
import cloudpickle, cryptography.x509, distributed
import distributed.comm.tcp, distributed.comm.inproc, distributed.protocol
from distributed.core import rpc
from distributed.security import Security

given = json.load(sys.stdin)


def context(certificate, key):
    # It takes whatever certificate the other side has: what is tested is whether that side takes ours.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if certificate:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(certificate + "\\n" + key)
            file.flush()
            made.load_cert_chain(file.name)
    return made


own = Security.temporary()
ways = {
    "tcp": {},
    "tls": {"ssl_context": context(None, None)},
    "own": {"ssl_context": context(own.tls_client_cert, own.tls_client_key)},
    "right": {"ssl_context": context(*given["right"])} if given["right"] else None,
}


def mark(file):
    open(file, "w").close()


async def attack(port, way, command):
    kind = "tcp" if way == "tcp" else "tls"
    file = os.path.join(given["folder"], f"{port}-{way}-{command}")
    words = {"function": cloudpickle.dumps(mark), "args": cloudpickle.dumps((file,))}
    more = {"wait": True} if command != "run_coroutine" else {}
    with contextlib.suppress(Exception):
        async with rpc(f"{kind}://127.0.0.1:{port}", timeout=4, connection_args=ways[way]) as other:
            await asyncio.wait_for(getattr(other, command)(**words, **more), 8)


async def all_of_them():
    commands = ("run", "run_function")
    chosen = [way for way in given["ways"]]
    await asyncio.gather(*(attack(*one) for one in
        ((port, way, command) for port in given["ports"] for way in chosen for command in commands)))


os.setgroups([])
os.setgid(given["user"])
os.setuid(given["user"])
asyncio.run(all_of_them())
print(os.getuid())
"""
"""Asks whatever listens to run a function; started as root, so that it finds its modules."""


def listening(pid: int) -> list[int]:
    """Return the ports on which a process and its children listen."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    connections = [each for one in family for each in one.net_connections()]
    return [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]


def attacked(folder: Path, ports: list[int], *ways: str, right: Any = None) -> set[tuple[int, str]]:
    """Return the ports that ran a stranger's function, and the way in."""
    folder.mkdir()
    given = {"folder": str(folder), "ports": ports, "ways": ways, "right": right, "user": NOBODY}
    done = subprocess.run(
        [sys.executable, "-c", ATTACK], input=json.dumps(given), capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.stdout == f"{NOBODY}\n", done.stderr
    found = [(file, *file.name.split("-")) for file in folder.iterdir()]
    assert {file.stat().st_uid for file, *_ in found} <= {os.getuid()}  # it ran as the owner of the run
    return {(int(port), way) for _, port, way, _ in found}


as_root = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root becomes another")


@as_root
def test_another_user_cannot_run_anything_in_a_run(tmp_path: Path, study: Study) -> None:
    blocks = plan.blocks(study)
    running = dispatch.computed(study, blocks, Where(workers=1), lambda _: None)
    found = [next(running)]
    ports = listening(os.getpid())
    assert len(ports) >= 3  # a scheduler, a nanny and its worker
    assert attacked(tmp_path / "marks", ports, "tcp", "tls", "own") == set()
    assert len([one for one in [*found, *running] if one]) == len(blocks)


@as_root
def test_the_same_attack_succeeds_without_tls_and_with_the_right_certificate(tmp_path: Path) -> None:
    """What the command started before; and a certificate that was stolen."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", protocol="tcp://",
        dashboard_address="127.0.0.1:0", silence_logs="CRITICAL",
    ) as before:  # fmt: skip
        ports = [int(address.rpartition(":")[2]) for address in addresses(before)]
        found = attacked(tmp_path / "before", ports, "tcp")
        assert found == {(port, "tcp") for port in ports}
    with cluster.client_of(Where(workers=1), 1) as client:
        own: Any = client.cluster
        ports = [int(address.rpartition(":")[2]) for address in addresses(own)]
        right = (own.security.tls_client_cert, own.security.tls_client_key)
        found = attacked(tmp_path / "stolen", ports, "tcp", "tls", "own", "right", right=right)
        assert found == {(port, "right") for port in ports}


def addresses(of: Any) -> list[str]:
    """Return the addresses of a cluster's scheduler, of its only nanny and its worker."""
    nanny = of.workers[0]
    return [of.scheduler.address, nanny.address, nanny.worker_address]


def test_a_client_without_the_certificate_of_the_run_is_refused() -> None:
    """Without one, without encryption, and with one of its own."""
    with cluster.client_of(Where(workers=1), 1) as own:
        address = own.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        plain = address.replace("tls://", "tcp://")
        for asked, security in ((address, None), (plain, None), (address, Security.temporary())):
            with pytest.raises((OSError, TypeError, RuntimeError)):
                Client(asked, security=security, timeout=2, set_as_default=False)


def stopped_worker(run: psutil.Process) -> psutil.Process:
    """Stop a worker process of a run, as a file system that hangs does."""
    worker = workers_below(run)[0]
    worker.send_signal(signal.SIGSTOP)
    return worker


def test_the_only_worker_hangs_and_is_replaced(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "NAMED", 4.0)
    monkeypatch.setattr(watch, "KILLED", 7.0)
    said: list[str] = []
    blocks = plan.blocks(study)
    running = dispatch.computed(study, blocks, Where(workers=1), said.append)
    found = [next(running)]
    worker = stopped_worker(psutil.Process())
    assert len([one for one in [*found, *running] if one]) == len(blocks)
    assert f"(process {worker.pid}) gave no sign" in said[1]
    assert f"(process {worker.pid}) was killed" in said[2]


@pytest.mark.parametrize("pause", [1.5, 11.0])
def test_a_worker_is_named_and_killed_also_where_looks_are_rare(
    monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """The run looks every 10 s while it waits for a result that a stopped worker holds."""
    now, killed, removed, said = [0.0], list[int](), list[str](), list[str]()
    clock, kill = SimpleNamespace(monotonic=lambda: now[0]), lambda pid, _: killed.append(pid)
    monkeypatch.setattr(watch, "time", clock)
    monkeypatch.setattr(watch, "os", SimpleNamespace(kill=kill))
    monkeypatch.setattr(watch, "_heartbeats", lambda _: {"tls://a": 1.0, "tls://b": now[0]})
    monkeypatch.setattr(watch, "_pids", lambda _: {"tls://a": 7, "tls://b": 8})
    monkeypatch.setattr(watch, "_cpu_seconds", lambda _: 0.0)
    monkeypatch.setattr(watch.Watch, "_give_up", lambda _, address: removed.append(address))
    watched = watch.Watch(None, said.append, is_here=True, checked=0.0)  # type: ignore[arg-type]
    while not killed and now[0] < 100:
        now[0] += pause
        watched.look()
    assert (killed, removed, now[0] < 80) == ([7], ["tls://a"], True)
    assert ["gave no sign" in said[0], "was killed" in said[1], len(said)] == [True, True, 2]


def test_a_worker_that_outlives_its_killing_loses_its_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that waits for a disk or a file server that is gone."""
    monkeypatch.setattr(watch, "NAMED", 4.0)
    monkeypatch.setattr(watch, "KILLED", 7.0)
    monkeypatch.setattr(watch, "os", SimpleNamespace(kill=lambda *_: None))
    said: list[str] = []
    study = make_study(tmp_path, size=[400], sweeps={"thermalise": 100, "measure": 900})
    blocks = plan.blocks(study)
    running = dispatch.computed(study, blocks, Where(workers=2), said.append)
    found = [next(running)]
    worker = stopped_worker(psutil.Process())
    while len([one for one in found if one]) < len(blocks):
        found.append(next(running))
    assert worker.status() == psutil.STATUS_STOPPED
    assert f"(process {worker.pid}) was killed" in said[2]
    worker.kill()
    assert list(running) == []


@pytest.mark.slow
def test_one_of_two_workers_of_a_real_run_hangs(tmp_path: Path) -> None:
    begun = time.monotonic()
    running, study = started(tmp_path, seed=6)
    family = psutil.Process(running.pid).children(recursive=True)
    worker = stopped_worker(psutil.Process(running.pid))
    _, said = running.communicate(timeout=180)
    text = said.decode()
    assert running.returncode == 0, text
    assert f"(process {worker.pid}) gave no sign for 3" in text
    assert f"(process {worker.pid}) was killed and is started again" in text
    assert time.monotonic() - begun < 180
    assert psutil.wait_procs([worker, *family], timeout=20)[1] == []
    assert digest(study, tmp_path) == undisturbed(study, tmp_path)
