"""Jobs of the workflow that failed: which one, why, and what to do, in at most ten lines each."""

import logging
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mattis.words import one_line

NOISE = re.compile(
    "No SLURM account given|No account was given|Unable to guess SLURM account|Cleaning up SLURM log"
    "|RuleException:\nCalledProcessError"
)
"""Starts of what Snakemake and its plugin say besides, and that nobody can act upon."""

SHOWN_LINES = 5
"""Lines of a log that are shown."""

SIGNS = 40
"""Lines of a log that are searched for the reason."""

LARGEST_TAIL = 2**16
"""Bytes at the end of a log that are looked at."""


@dataclass(frozen=True)
class Cause:
    """One reason for which a job may have failed."""

    name: str

    states: str
    """The states of SLURM that say so."""

    signs: str
    """What logs say then."""

    asked: str
    """What the job had asked for of it: a key of what SLURM tells of a job, or nothing."""

    remedy: str


CAUSES = (
    Cause(
        "out of memory", "OUT_OF_MEMORY",
        r"exceeded (job )?memory limit|oom.?kill|MemoryError|cannot allocate memory",
        "memory", "each new attempt asks for more: mem_mb in the profile says how much",
    ),
    Cause(
        "out of time", "TIMEOUT|DEADLINE", "DUE TO TIME LIMIT", "time",
        "what it computed is kept; ask for more shards, or a longer runtime in the profile",
    ),
    Cause("its node failed", "NODE_FAIL|BOOT_FAIL", "DUE TO NODE FAILURE", "", ""),
    Cause("preempted by another job", "PREEMPTED", "DUE TO PREEMPTION", "", ""),
    Cause(
        "cancelled", "CANCELLED", r"CANCELLED AT", "",
        "what it computed is kept, and the same command goes on from there",
    ),
)  # fmt: skip
"""The first one that fits is named: a job out of memory is cancelled as well."""


class Briefly(logging.Filter):
    """A filter for Snakemake's logger that makes at most ten lines of each failure."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite what says that a job failed; refuse what is no help."""
        event = getattr(getattr(record, "event", None), "value", None)
        fields = vars(record)
        if event == "job_info" and fields.get("rule_msg"):
            self.names[fields["jobid"]] = fields["rule_msg"].partition(":")[0]
        if event == "job_error":
            name = self.names.get(fields["jobid"], fields["rule_name"])
            job = fields["aux"].get("external_jobid")
            record.msg = failure(name, fields["rule_msg"] or "", fields["log"], facts(job))
            record.args, fields["event"] = (), None
        return not NOISE.match(str(record.msg))


def failure(name: str, said: str, logs: Sequence[str], known: Mapping[str, str]) -> str:
    """Return at most ten lines: which job, why, what to do, the end of its log, the paths of its logs.

    said   # what Snakemake's plugin says of it
    known  # what SLURM says of the job
    """
    ends = {log: _end(log) for log in logs}
    said = said.partition("For further error details")[0].strip()
    reason, remedy = _why(said, "\n".join(line for end in ends.values() for line in end[-SIGNS:]), known)
    where = f" (SLURM job {known['job']}{_on(known)})" if known else ""
    found = [log for log, end in ends.items() if end]
    return "\n".join(
        [
            f"{name} failed{where}: {reason}",
            *([f"    {remedy}"] if remedy else []),
            *(f"    | {line[:200]}" for log in found[:1] for line in ends[log][-SHOWN_LINES:]),
            *([f"    log: {', '.join(found)}"] if found else []),
        ]
    )


def _why(said: str, text: str, known: Mapping[str, str]) -> tuple[str, str]:
    """Return the reason of a failure, and what to do."""
    refused = re.search(r"sbatch failed\. The error message was '(.*?)'\.?$", said, re.DOTALL | re.MULTILINE)
    if refused:
        return f"SLURM refuses the job: {one_line(refused[1])}", ""
    state = known.get("state", "")
    for cause in CAUSES:
        if re.search(rf"\b({cause.states})\b", f"{state} {said}") or re.search(
            cause.signs, text, re.IGNORECASE
        ):
            asked = known.get(cause.asked, "")
            return cause.name + (f", of which it had {asked}" if asked else ""), cause.remedy
    return "see its log" if text else said.partition("\n")[0][:300] or "see above", ""


def _on(known: Mapping[str, str]) -> str:
    """Say on which node a job was, if it was on one."""
    return f" on {known['node']}" if known.get("node") else ""


def _end(log: str) -> Sequence[str]:
    """Return the last lines of a log that say something; none where there is no log."""
    try:
        with Path(log).open("rb") as file:
            file.seek(max(Path(log).stat().st_size - LARGEST_TAIL, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ()
    return [line.rstrip() for line in lines if line.strip()]


def facts(job: str | None) -> dict[str, str]:
    """Return what SLURM says of a job: its state, memory, time and node, as far as it does."""
    if job is None:
        return {}
    command = ["squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T|%m|%l|%N"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        said = ""
    values: Iterable[str] = said.splitlines()[0].split("|") if said.strip() else ()
    return {"job": job} | dict(zip(("state", "memory", "time", "node"), values, strict=False))
