"""Jobs of the workflow that failed: the reason, in at most ten lines, whatever the logs hold."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mattis.engine.failures import Briefly, facts, failure

FACTS = {"job": "17", "memory": "750M", "time": "3:00:00", "node": "n05"}


@pytest.mark.parametrize(
    ("state", "log", "said"),
    [
        ("OUT_OF_MEMORY", "", "out of memory, of which it had 750M"),
        ("FAILED", "slurmstepd: error: Detected 1 oom_kill event in StepId=17.0.", "out of memory"),
        ("FAILED", "error: Exceeded job memory limit\n*** JOB 17 CANCELLED AT 1 ***", "out of memory"),
        ("FAILED", "MemoryError: Unable to allocate 2 GiB", "out of memory, of which it had 750M"),
        ("TIMEOUT", "", "out of time, of which it had 3:00:00"),
        ("CANCELLED", "*** JOB 17 ON n05 CANCELLED AT 1 DUE TO TIME LIMIT ***", "out of time"),
        ("NODE_FAIL", "", "its node failed"),
        ("CANCELLED", "", "cancelled"),
        ("", "slurmstepd: error: *** JOB 17 ON n05 CANCELLED AT 1 ***", "cancelled"),
        ("FAILED", "cannot use: No space left on device", "see its log"),
        ("FAILED", "", "SLURM-job '17' failed"),
    ],
)
def test_the_reason_is_said_in_the_first_line(tmp_path: Path, state: str, log: str, said: str) -> None:
    path = tmp_path / "17.log"
    path.write_text("\n".join([*(f"line {k}" for k in range(110)), log]) if log else "")
    lines = failure(
        "shard a1 of mine", "SLURM-job '17' failed", [str(path)], FACTS | {"state": state}
    ).splitlines()
    assert lines[0].startswith(f"shard a1 of mine failed (SLURM job 17 on n05): {said}")
    assert len(lines) <= 10
    if log:
        assert lines[-2] == f"    | {log.splitlines()[-1]}"
        assert lines[-1] == f"    log: {path}"


def test_a_job_that_slurm_refuses_and_logs_that_cannot_be_read(tmp_path: Path) -> None:
    said = (
        "SLURM sbatch failed. The error message was 'sbatch: error: Memory specification\ncan not "
        "be satisfied'.\n    sbatch call:\n        sbatch --parsable\n"
    )
    assert failure("shard a1 of mine", said, [str(tmp_path / "none.log")], {}).splitlines() == [
        "shard a1 of mine failed: SLURM refuses the job: sbatch: error: Memory specification can not "
        "be satisfied"
    ]
    torn = tmp_path / "torn.log"
    torn.write_bytes(b"x" * 10**6 + b"\n" + b"\xff" * 10**4)
    text = failure("plan mine", "", [str(tmp_path), str(torn)], {})
    assert len(text) < 1000
    assert text.splitlines()[0] == "plan mine failed: see its log"


def test_slurm_is_asked_for_what_the_job_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts(None) == {}
    assert facts("17") == {"job": "17"}
    command = tmp_path / "squeue"
    command.write_text("#!/bin/sh\necho 'TIMEOUT|750M|3:00:00|n05'\n")
    command.chmod(0o755)
    assert facts("17") == FACTS | {"state": "TIMEOUT"}


def said_of(**fields: Any) -> logging.LogRecord:
    """Return a record as Snakemake makes it."""
    fields = {"msg": "", "event": None, **fields}
    return logging.makeLogRecord(fields | {"event": SimpleNamespace(value=fields["event"])})


def test_snakemakes_own_words_are_replaced() -> None:
    briefly = Briefly()
    assert briefly.filter(said_of(event="job_info", jobid=3, rule_msg="sweep mine: compute"))
    error = said_of(event="job_error", jobid=3, rule_name="sweep", rule_msg=None, log=[], aux={})
    assert briefly.filter(error)
    assert error.getMessage() == "sweep mine failed: see above"
    assert vars(error)["event"] is None
    assert briefly.filter(said_of(msg="Finished jobid: 3"))
    assert not briefly.filter(said_of(msg="No account was given, not able to get one: sacct: invalid"))
