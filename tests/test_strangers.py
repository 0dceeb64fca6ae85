"""Who lacks the certificate of a run cannot use its workers; a worker that hangs is replaced."""

import signal

import psutil
import pytest
from distributed import Client
from distributed.security import Security

from mattis import cluster, dispatch, plan, watch
from mattis.cluster import Where
from mattis.study import Study


@pytest.mark.parametrize("kind", ["none", "open", "other"])
def test_a_client_without_the_certificate_of_the_run_is_refused(kind: str) -> None:
    security = {"none": None, "open": None, "other": Security.temporary()}[kind]
    with cluster.client_of(Where(workers=1), 1) as own:
        address = own.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        if kind == "open":
            address = address.replace("tls://", "tcp://")
        with pytest.raises((OSError, TypeError, RuntimeError)):
            Client(address, security=security, timeout=2, set_as_default=False)


def test_the_only_worker_hangs_and_is_replaced(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "NAMED", 4.0)
    monkeypatch.setattr(watch, "KILLED", 7.0)
    said: list[str] = []
    blocks = plan.blocks(study)
    running = dispatch.computed(study, blocks, Where(workers=1), said.append)
    found = [next(running)]
    children = psutil.Process().children(recursive=True)
    worker = next(one for one in children if "spawn_main" in " ".join(one.cmdline()))
    worker.send_signal(signal.SIGSTOP)
    assert len([one for one in [*found, *running] if one]) == len(blocks)
    assert f"(process {worker.pid}) gave no sign" in said[1]
    assert f"(process {worker.pid}) was killed" in said[2]
