"""A worker that cannot compute is named once and left out; a run that cannot move says why."""

import re
from typing import Any, cast

import pytest

from mattis.engine import crew as crews
from mattis.engine import watch
from mattis.engine.crew import Crew
from mattis.errors import Fault, UserError

HERE = crews.version("mattis")


class Answer:
    """What came back from a worker that was asked for its version."""

    def __init__(self, version: str | Exception | None) -> None:
        self.version = version
        self.status = "error" if isinstance(version, Exception) else "finished"

    def done(self) -> bool:
        return self.version is not None

    def result(self, timeout: float) -> Any:
        assert timeout > 0
        return self.version


class Scheduler:
    """A client of workers with some versions of mattis; None has not answered."""

    def __init__(self, **versions: Any) -> None:
        self.versions, self.threads = versions, dict.fromkeys(versions, 2)
        self.requests: list[str] = []

    def nthreads(self) -> dict[str, int]:
        return {name: self.threads[name] for name in self.versions}

    def scheduler_info(self, **_: Any) -> Any:
        return {"workers": {name: {"status": "running"} for name in self.versions}}

    def submit(self, _function: Any, _package: str, *, workers: list[str], **_: Any) -> Answer:
        self.requests += workers
        return Answer(self.versions[workers[0]])


def crew_of(monkeypatch: pytest.MonkeyPatch, **versions: Any) -> tuple[Crew, Scheduler, list[str]]:
    client, lines = Scheduler(**versions), list[str]()
    monkeypatch.setattr(crews, "SETTLED", 0.05)
    monkeypatch.setattr(crews, "PATIENCE", 0.1)
    return Crew(cast(Any, client), lines.append), client, lines


MISSING = ModuleNotFoundError("No module named 'mattis'")


@pytest.mark.parametrize(
    ("bad", "words"), [(MISSING, "has no mattis"), ("0.0.7", "has mattis 0.0.7, expected")]
)
def test_the_good_workers_are_used(monkeypatch: pytest.MonkeyPatch, bad: Any, words: str) -> None:
    crew, client, lines = crew_of(monkeypatch, a=HERE, b=bad, c=HERE)
    crew.gather("--scheduler tcp://x:1")
    crew.look()
    assert crew.fit == {"a", "c"}
    assert crew.threads == 4
    assert len(lines) == 1
    assert f"worker b {words}" in lines[0]
    assert sorted(client.requests) == ["a", "b", "c"]  # each is asked once


def test_only_workers_that_have_told_their_version_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, client, lines = crew_of(monkeypatch, a=HERE, b=None)  # b is busy with others' work
    crew.gather("--scheduler tcp://x:1")
    assert crew.fit == {"a"}
    client.versions["c"], client.threads["c"] = MISSING, 8
    crew.look()
    assert crew.fit == {"a"}
    assert crew.threads == 2
    del client.versions["a"]
    crew.look()
    assert crew.fit == set()
    assert crew.why_stalled().startswith("no worker has told its version")
    client.versions["c"] = HERE  # installed meanwhile; but the process is the one of before
    crew.look()
    assert crew.fit == set()
    del client.versions["c"]
    crew.look()
    client.versions["c"] = HERE
    crew.look()
    assert crew.fit == {"c"}
    assert len(lines) == 1


def test_no_worker_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, _, _ = crew_of(monkeypatch)
    with pytest.raises(Fault, match=r"tcp://x:1: in 0 s there is no worker that can compute"):
        crew.gather("--scheduler tcp://x:1")


@pytest.mark.parametrize("bad", [MISSING, "9.9.9"])
def test_no_fit_worker_is_one_line(monkeypatch: pytest.MonkeyPatch, bad: Any) -> None:
    crew, _, _ = crew_of(monkeypatch, a=bad, b=bad)
    with pytest.raises(UserError, match=rf"worker . has .*; expected mattis {HERE}, as here"):
        crew.gather("--scheduler tcp://x:1")


PAUSED = {"status": "paused", "memory_limit": 2**27, "metrics": {"memory": 2**26}}
RUNNING = {"status": "running", "memory_limit": 2**27, "metrics": {"memory": 2**26}}


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        ({"a": PAUSED}, "the only worker is paused.*64 of 128 MiB"),
        ({"a": PAUSED, "b": PAUSED}, "all 2 workers are paused"),
        ({}, "there is no worker that can compute"),
        ({"a": PAUSED, "b": RUNNING}, None),
        ({"a": RUNNING}, None),
    ],
)
def test_a_run_that_cannot_move_says_why_once(workers: dict[str, Any], words: str | None) -> None:
    lines: list[str] = []
    stall = watch.Stall(lambda: watch.why_stalled(workers), lines.append)
    stall.look()
    assert lines == []  # not before a minute
    stall.moved -= watch.STALLED + 1
    stall.look()
    stall.look()
    assert len(lines) == (words is not None)
    if words:
        assert re.search(words, lines[0])
    stall.over()
    assert not stall.said
