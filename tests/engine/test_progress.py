"""What is told of a run: never a reason to end it, and no time left before it is known."""

import io
from pathlib import Path

import pytest
from builders import HERE
from notebook_standin import stand_in

from mattis import cards
from mattis.engine import driver, progress
from mattis.engine.progress import LINES_IN_NOTEBOOK, Reporter, reporter
from mattis.study.base import Study


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


def test_a_notebook_shows_one_output_however_much_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shown, now = stand_in(monkeypatch), [1000.0]
    monkeypatch.setattr(cards.time, "monotonic", lambda: now[0])
    with reporter(tmp_path / "log") as report:
        report.start(1000, 2000)
        for k in range(1000):
            report.advance(1, 2)
            report.say(f"block {k} failed: <b>&")
    assert len(shown.outputs) == 1
    assert shown.changes <= LINES_IN_NOTEBOOK + 4  # its start and its end, and what is said first
    assert '<progress max="2000" value="2000"></progress>' in shown.html
    assert "<div>block 999 failed: &lt;b&gt;&amp;</div>" in shown.html
    assert f"… {1000 - LINES_IN_NOTEBOOK} lines before" in shown.html
    assert shown.text.splitlines()[0] == "simulating 100%"
    assert capsys.readouterr().err == ""
    assert (tmp_path / "log").read_text().count("failed") == 1000


def test_a_notebook_is_told_how_far_a_run_came_before_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = stand_in(monkeypatch)
    monkeypatch.setattr(cards.time, "monotonic", lambda: 1.0)

    def fail() -> None:
        with reporter() as report:
            report.start(10, 100)
            report.advance(3, 30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert shown.text == "simulating 30%"


def test_a_quiet_run_shows_nothing_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = stand_in(monkeypatch)
    with reporter(quiet=True) as report:
        report.say("one")
        report.start(1, 1)
    assert shown.outputs == []


def test_a_run_in_a_notebook(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = stand_in(monkeypatch)
    outcome = driver.run(study, tmp_path, HERE)
    assert outcome.computed == 72
    assert shown.text.splitlines()[0] == "simulating 100%"
    assert "72 cells in 9 blocks to compute" in shown.text
    assert capsys.readouterr().err == ""
