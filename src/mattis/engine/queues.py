"""Workers that are jobs of a batch system, by dask-jobqueue: configured as its users know it.

Jobs that end early are replaced. Scheduler and workers listen where that configuration says (its key
`interface`), by TLS, and the dashboard, if requested, on loopback.
"""

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dask
import dask_jobqueue
from distributed import Adaptive, Client
from distributed.security import Security

from mattis.engine.nodes import DashboardScheduler, Scheduler
from mattis.errors import UserError

MISSING = 15.0
"""Seconds after which the job of a worker that was seen and is gone is replaced."""

LOOPBACK = "127.0.0.1:0"


@dataclass(frozen=True)
class Jobs:
    """Jobs of a batch system that are the workers of a run.

    queue   # the batch system, as dask-jobqueue knows it
    title   # how its users see the jobs called
    logs    # the folder that the jobs print to
    """

    queue: str
    count: int
    title: str = "mattis"
    logs: Path | None = None
    dashboard: bool = False


class Replacing(Adaptive):
    """Keeps the number of jobs, also of jobs with several processes, unlike Dask's class."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.seen: dict[str, float] = {}
        super().__init__(*arguments, **options)

    async def adapt(self) -> None:
        """Give up the jobs whose workers are gone; Dask then asks for others."""
        now, cluster = time.monotonic(), cast(Any, self.cluster)
        self.seen.update(dict.fromkeys(self.observed, now))
        for name, job in list(cluster.worker_spec.items()):
            workers = {f"{name}{part}" for part in job.get("group", [""])} & self.seen.keys()
            if workers and now - max(self.seen[worker] for worker in workers) > MISSING:
                for worker in workers:
                    del self.seen[worker]  # names are used again
                await cluster.scale_down([name])
        await super().adapt()


def check(name: str) -> None:
    """Raise UserError if the configuration lacks the cores or the memory of a job."""
    for key in ("cores", "memory"):
        if dask.config.get(f"jobqueue.{name}.{key}", None) is None:
            raise UserError(
                f"--cluster {name}: got no {key} for a job; configure jobqueue.{name} in Dask's "
                f"configuration (DASK_JOBQUEUE__{name.upper()}__{key.upper()}), see docs/clusters.md"
            )


@contextmanager
def client_of_jobs(jobs: Jobs) -> Iterator[Client]:
    """Yield a client of workers in jobs.

    All of them speak TLS; the jobs find their certificates in a folder that only this user can read, and
    that goes with the run. Raises UserError if the batch system refuses them.
    """
    kinds = {kind.lower(): kind for kind in dir(dask_jobqueue) if kind.endswith("Cluster")}
    # Dask's replacement of lost workers, which knows nothing of groups, would race with this one.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "365d"}),
        tempfile.TemporaryDirectory(prefix=".mattis-tls-", dir=_shared(jobs)) as keys,
    ):
        try:
            cluster = getattr(dask_jobqueue, kinds[f"{jobs.queue}cluster"])(
                **_options(jobs, _security(Path(keys)))
            )
        except (OSError, ValueError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise UserError(
                f"--cluster {jobs.queue}: {reason}; configure jobqueue.{jobs.queue} in Dask's configuration, "
                "see docs/clusters.md"
            ) from None
        with cluster:
            cluster.adapt(Adaptive=Replacing, minimum_jobs=jobs.count, maximum_jobs=jobs.count)
            with Client(cluster, set_as_default=False) as client:
                yield client


def _shared(jobs: Jobs) -> Path:
    """Return a folder that all nodes see, without spaces: dask-jobqueue quotes no path of a certificate."""
    configured = dask.config.get(f"jobqueue.{jobs.queue}.shared-temp-directory", None)
    if configured:
        return Path(os.path.expandvars(configured)).expanduser().resolve()
    if jobs.logs is None or " " in str(jobs.logs.resolve()):
        return Path.home()
    jobs.logs.mkdir(parents=True, exist_ok=True)
    return jobs.logs.resolve()


def _security(folder: Path) -> Security:
    """Return a new certificate, of a run, in files that only their owner reads.

    dask-jobqueue would write some as well, but deletes them after their folder, which then complains.
    """
    fresh = Security.temporary()
    files = {"cert": fresh.tls_client_cert, "key": fresh.tls_client_key}
    for name, text in files.items():
        (folder / name).touch(0o600)
        (folder / name).write_text(text, encoding="ascii")
    roles = ("client", "scheduler", "worker")
    by_role = {f"tls_{role}_{name}": str(folder / name) for role in roles for name in files}
    return Security(require_encryption=True, tls_ca_file=str(folder / "cert"), **by_role)


def _options(jobs: Jobs, security: Security) -> dict[str, Any]:
    """Return the options that the user's configuration leaves open: processes, this Python, the logs."""
    site = dask.config.get(f"jobqueue.{jobs.queue}")
    options: dict[str, Any] = {
        # As an argument: dask-jobqueue makes a group of a job's processes only then.
        "processes": site["processes"] or site["cores"],
        "python": site["python"] or shlex.quote(sys.executable),
        "worker_extra_args": [*site["worker-extra-args"], "--worker-class", "mattis.engine.nodes.Worker"],
        "scheduler_cls": DashboardScheduler if jobs.dashboard else Scheduler,
        "security": security,
        "protocol": "tls://",
        "scheduler_options": {"dashboard": False, "dashboard_address": LOOPBACK}
        | (site["scheduler-options"] or {}),
        "silence_logs": "CRITICAL",
    }
    if site["name"] == "dask-worker":  # which nobody has chosen
        options["job_name"] = jobs.title[:15] if jobs.queue in ("pbs", "moab") else jobs.title
    if site["log-directory"] is None and jobs.logs is not None:
        jobs.logs.mkdir(parents=True, exist_ok=True)
        if jobs.queue == "slurm":  # log_directory is not quoted in the job's script, this is
            directives = [*site["job-extra-directives"], f'-o "{jobs.logs.resolve()}/worker-%j.log"']
            options["job_extra_directives"] = directives
        elif " " not in str(jobs.logs.resolve()):
            options["log_directory"] = str(jobs.logs.resolve())
    return options
