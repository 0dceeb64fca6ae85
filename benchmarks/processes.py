"""The processes that are measured: started, asked what they took, or held until others are done."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cases import Row
from clocks import busy_seconds
from studies import WORKERS

HERE = Path(__file__).parent
CHILD = "import steps; steps.child()"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of an installation that keeps what Python compiled, as most do."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = os.pathsep.join(filter(None, [str(HERE), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": found}


def started(folder: Path, step: str, **options: Any) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start a step in a process of its own; return it, and where its answer will be."""
    path = folder / f"{step}-{time.monotonic_ns()}.options"
    content = {"step": step, "root": str(folder / "results"), **options}
    path.write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-c", CHILD, str(path)]
    running = subprocess.Popen(command, env=environment(folder), stderr=subprocess.PIPE)
    return running, path.with_suffix(".out")


def done(folder: Path, step: str, **options: Any) -> Row:
    """Do a step; add to its answer when it began, wall and CPU time, peak of memory, others' time."""
    begun, busy = time.monotonic(), busy_seconds()
    running, answer = started(folder, step, **options)
    assert running.stderr is not None
    said = running.stderr.read().decode()
    _, status, used = os.wait4(running.pid, 0)
    wall, busy = time.monotonic() - begun, busy_seconds() - busy
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{step} failed: {said}")
    cpu = used.ru_utime + used.ru_stime
    found = json.loads(answer.read_text(encoding="utf-8"))
    taken = {"begun": begun, "wall": wall, "cpu": cpu, "memory": used.ru_maxrss * 1024}
    return {**found, **taken, "stolen": stolen(busy - cpu, wall)}


def stolen(others: float, wall: float) -> float:
    """Return the CPU time of others that our workers might have had."""
    spare = max((os.cpu_count() or 1) - WORKERS, 0) * wall
    return max(others - spare, 0.0)


def await_file(path: Path, seconds: float = 120) -> str:
    """Return what a process writes when it is up."""
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text(encoding="utf-8")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path.name}: nothing after {seconds} s")
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, step: str, **options: Any) -> Iterator[tuple[int, str]]:
    """Run a step until the end of the context; yield its process, and what it says when it is up."""
    up = folder / f"up-{time.monotonic_ns()}"
    process, _ = started(folder, step, up=str(up), **options)
    try:
        yield process.pid, await_file(up)
    finally:
        process.kill()
        process.communicate()


def taken(pid: int) -> float:
    """Return the CPU time of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
