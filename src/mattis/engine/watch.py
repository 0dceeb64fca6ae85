"""Workers that hang without dying, named and later killed, and runs in which none can compute.

A worker that lives sends a heartbeat twice a second. One that computes and holds Python's lock sends none
but uses CPU time; it is left alone.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from distributed import Client

NAMED = 30.0
"""Seconds without a sign after which a worker is named."""

KILLED = 60.0
"""Seconds without a sign after which a worker of this machine is killed; Dask starts it again."""

PAUSE = 25.0
"""Seconds without a check after which this process must have been stopped itself, and knows nothing."""

STALLED = 60.0
"""Seconds without a block after which a run that cannot move says so."""

BETWEEN = 1.0
"""Seconds between two checks of all workers."""


@dataclass
class Sign:
    """The last sign of life of a worker."""

    of: tuple[float, float]
    """Time of its last heartbeat by the scheduler's clock, and its CPU seconds."""
    at: float
    """Time of the first check with this sign, by the clock of this process."""
    named: bool = False
    """Whether a line has named the worker as hanging."""


@dataclass
class Watch:
    """Checks the workers of a client once in a while."""

    client: "Client"
    say: Callable[[str], None]
    is_here: bool
    signs: dict[str, Sign] = field(default_factory=dict)
    checked: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Name the workers that hang, and kill those of this machine that hang for long."""
        now = time.monotonic()
        if now - self.checked < BETWEEN:
            return
        if now - self.checked > PAUSE:
            self.signs.clear()
        self.checked = now
        heartbeats = _heartbeats(self.client)
        self.signs = {address: s for address, s in self.signs.items() if address in heartbeats}
        pids = _pids(self.client) if self.is_here else {}
        for address, last in heartbeats.items():
            sign = (last, _cpu_seconds(pids.get(address)))
            before = self.signs.setdefault(address, Sign(sign, now))
            if before.of != sign:
                self.signs[address] = Sign(sign, now)
            else:
                self._judge(address, before, now - before.at, pids.get(address))

    def _judge(self, address: str, sign: Sign, silent: float, pid: int | None) -> None:
        """Name a worker that has been silent for some seconds, once; kill it after more of them."""
        if silent > NAMED and not sign.named:
            sign.named = True
            process = f" (process {pid})" if pid else ""
            self.say(f"worker {address}{process} gave no sign for {silent:.0f} s; {_outlook(pid)}")
        if silent > KILLED and pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # a stopped process hears nothing else
            self._give_up(address)
            self.say(f"worker {address} (process {pid}) was killed and is started again")
            del self.signs[address]

    def _give_up(self, address: str) -> None:
        """Give a worker's blocks to others now: a process that waits for a disk outlives SIGKILL."""
        cluster: Any = self.client.cluster
        cluster.loop.add_callback(cluster.scheduler.remove_worker, address, stimulus_id="mattis-watch")


@dataclass
class Stall:
    """Says why nothing moves, where no worker came or all of them wait for memory.

    why  # returns why no worker computes, "" if one does or might
    """

    why: Callable[[], str]
    say: Callable[[str], None]
    moved: float = field(default_factory=time.monotonic)
    said: bool = False

    def over(self) -> None:
        """Note that something moved."""
        self.moved, self.said = time.monotonic(), False

    def look(self) -> None:
        """Say once, after a minute in which nothing moved, that no worker can compute, and why."""
        still = time.monotonic() - self.moved
        if still < STALLED or self.said:
            return
        if reason := self.why():
            self.said = True
            self.say(f"nothing has moved for {still:.0f} s: {reason}; the run goes on waiting")


def why_stalled(workers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return why none of some workers computes, "" if one does or might."""
    if not workers:
        return "there is no worker that can compute; see whether jobs wait in a queue, or why they failed"
    paused = [worker for worker in workers.values() if worker.get("status") == "paused"]
    if len(paused) < len(workers):
        return ""
    most = max(paused, key=lambda worker: worker["metrics"].get("memory", 0))
    used, limit = (n / 2**20 for n in (most["metrics"].get("memory", 0), most["memory_limit"]))
    who = "the only worker is" if len(paused) == 1 else f"all {len(paused)} workers are"
    return (
        f"{who} paused, with too much memory in use ({used:.0f} of {limit:.0f} MiB); start fewer of them, or "
        "give them more (--memory-limit)"
    )


def _outlook(pid: int | None) -> str:
    if pid:
        return (
            f"after {KILLED:.0f} s it is killed and started again, and others compute its blocks; "
            "until then the time left is too short"
        )
    return "its scheduler gives it up after its own worker-ttl; until then the time left is too short"


def _heartbeats(client: "Client") -> dict[str, float]:
    """Return the time of each worker's last heartbeat, by the scheduler's clock."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {address: float(worker["last_seen"]) for address, worker in workers.items()}


def _pids(client: "Client") -> dict[str, int]:
    """Return the process of each worker that a cluster of this process started; of threads none."""
    from distributed import Nanny

    cluster: Any = client.cluster
    nannies = [worker for worker in cluster.workers.values() if isinstance(worker, Nanny)]
    return {n.worker_address: n.pid for n in nannies if n.worker_address and n.pid}


def _cpu_seconds(pid: int | None) -> float:
    """Return the CPU time that a process has used; 0 if the system does not tell."""
    try:
        times = psutil.Process(pid).cpu_times() if pid else None
    except psutil.Error:
        return 0.0
    return float(times.user + times.system) if times else 0.0
