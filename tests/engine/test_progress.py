"""What is told of a run: never a reason to end it, and no time left before it is known."""

import io
from pathlib import Path

import pytest

from mattis.engine import progress
from mattis.engine.progress import Reporter, reporter


class Full(io.StringIO):
    """A stream on a disk without room."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_stream_that_cannot_be_written_ends_no_run() -> None:
    good, closed = io.StringIO(), io.StringIO()
    closed.close()
    report = Reporter([Full(), closed, good], None)
    report.say("one")
    report.start(2, 2)
    report.advance(2, 2)
    assert good.getvalue() == "one\n2 of 2 cells, 100%\n"


def test_a_log_that_fills_its_disk_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "open", lambda *_, **__: Full())
    with reporter(tmp_path / "log") as report:
        report.say("one")
        report.say("two")
    assert capsys.readouterr().err == "one\ntwo\n"  # the terminal has both


def test_the_time_that_is_left_leaves_out_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers start and compile for a minute; then a tenth takes two seconds each."""
    now, stream = [1000.0], io.StringIO()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    report = Reporter([stream], None)
    report.start(100, 1000)
    now[0] += 60
    for _ in range(10):
        report.advance(10, 100)
        now[0] += 2
    lines = stream.getvalue().splitlines()
    assert lines[0] == "10 of 100 cells, 10%"
    assert lines[1] == "20 of 100 cells, 20%, 16 s left"
    assert lines[-1] == "100 of 100 cells, 100%"
