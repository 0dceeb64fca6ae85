"""Jobs of a batch system: here `sbatch` starts a process; tests/cluster/run has a real SLURM."""

import os
import shlex
import stat
import time
from pathlib import Path

import dask
import psutil
import pytest

pytest.importorskip("dask_jobqueue")

from mattis.engine import queues

SBATCH = """#!/bin/sh
cp "$1" {folder}/script
setsid sh {folder}/script >{folder}/job.log 2>&1 &
echo $! >>{folder}/jobs
echo "Submitted batch job $!"
"""

SCANCEL = """#!/bin/sh
kill -- "-$1"  # all that the job started
"""


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A batch system on this machine: the folder of the last job's script, of all jobs' ids."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(text.format(folder=shlex.quote(str(tmp_path))))
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_jobs_speak_tls_and_their_keys_are_for_nobody_else(batch: Path) -> None:
    logs, name = batch / "logs", "jobqueue.slurm"
    jobs = queues.Jobs("slurm", 1, "mattis-mine", logs)
    job = {f"{name}.cores": 1, f"{name}.memory": "1GiB", f"{name}.interface": "lo"}
    with dask.config.set(job), queues.client_of_jobs(jobs) as client:
        client.wait_for_workers(1, timeout=60)
        assert client.submit(os.getppid).result(timeout=60) != os.getpid()
        addresses = [client.scheduler.addr, *client.scheduler_info(n_workers=-1)["workers"]]
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
        script = (batch / "script").read_text()
        assert "#SBATCH -J mattis-mine\n" in script
        words = shlex.split(script.splitlines()[-1])
        files = [Path(words[words.index(f"--tls-{key}") + 1]) for key in ("ca-file", "cert", "key")]
        folder = files[0].parent
        assert folder.parent == logs
        assert mode(folder) == 0o700
        assert {(file.parent, mode(file)) for file in folder.iterdir()} == {(folder, 0o600)}
        assert {*files} == {*folder.iterdir()}
        assert "PRIVATE KEY" in files[2].read_text()
        assert "PRIVATE KEY" not in script
        assert words[words.index("--protocol") + 1] == "tls://"
        assert words[words.index("--worker-class") + 1] == "mattis.engine.nodes.Worker"
    assert not folder.exists()
    jobs = [int(pid) for pid in (batch / "jobs").read_text().split()]
    deadline = time.monotonic() + 60
    while any(psutil.pid_exists(job) for job in jobs) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(psutil.pid_exists(job) for job in jobs)
