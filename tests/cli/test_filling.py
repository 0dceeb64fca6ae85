"""`mattis run` fills the page of its study, and leaves one that is a function of the store."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT, TINY, Command, fill, make_study, write_study

from mattis import write_page
from mattis.engine import driver, following
from mattis.engine.following import is_of_run
from mattis.engine.status import status
from mattis.page.live import LivePage
from mattis.store.place import Place
from mattis.store.results import results_of

EAGER = """
from mattis.cli.command import main
from mattis.engine.following import Budget
Budget.is_due = lambda *_, **__: True
main()
"""
"""The command, in a process whose runs are looked at after each block."""


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget without bounds: runs of a second are looked at after each block."""
    monkeypatch.setattr(following.Budget, "is_due", lambda *_, **__: True)


@pytest.fixture
def run(tmp_path: Path, mattis: Command) -> Callable[[], tuple[int, str]]:
    """Run a study of 12 cells in 6 blocks in this process: exit code, standard error."""
    words = ("run", write_study(tmp_path, **TINY), "--results", tmp_path, "--pool", "threads", "--workers", 1)
    return lambda: mattis(*words)[::2]


def page_of(folder: Path) -> Place:
    """Return where the page of the small study lies."""
    return results_of(make_study(folder, **TINY), folder).page


def run_of(page: Place) -> dict[str, Any]:
    """Return what a page says of its run."""
    found = re.search(r'<meta name="run" content="([^"]*)">', (page.read_bytes() or b"").decode())
    assert found is not None
    said: dict[str, Any] = json.loads(unescape(found[1]))
    return said


def test_a_short_run_has_no_page(run: Callable[[], tuple[int, str]], tmp_path: Path) -> None:
    assert run()[0] == 0
    assert not page_of(tmp_path).exists()


@pytest.mark.usefixtures("eager")
def test_the_page_fills_and_is_at_the_end_that_of_the_store(
    run: Callable[[], tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, counts = page_of(tmp_path), list[int]()
    known = LivePage.write

    def write(self: LivePage, left: float | None, pause: float) -> None:
        known(self, left, pause)
        assert is_of_run(page)
        found = re.search(r"diagram, (\d+) of 12 cells</title>", self.text)
        counts.append(int(found[1]) if found else 12)

    monkeypatch.setattr(LivePage, "write", write)
    assert run()[0] == 0
    assert sorted({*counts}) == [*range(2, 13, 2)]
    assert not is_of_run(page)
    ended = page.read_bytes()
    write_page(make_study(tmp_path, **TINY), tmp_path)
    assert page.read_bytes() == ended


@pytest.mark.usefixtures("eager")
def test_a_run_that_computes_nothing_leaves_the_page_alone(
    run: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    """Or else the workflow would draw the diagram again."""
    study = make_study(tmp_path, **TINY)
    fill(study, tmp_path)
    write_page(study, tmp_path)
    page = page_of(tmp_path).on_disk
    assert page is not None
    before = page.stat().st_mtime_ns
    code, said = run()
    assert code == 0
    assert "nothing to compute" in said
    assert page.stat().st_mtime_ns == before


def test_the_page_that_a_killed_run_left_is_put_right_by_the_next(
    run: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    run()
    left = LivePage(make_study(tmp_path, **TINY), tmp_path, "mattis run")
    left.draw()
    left.write(1.0, 20.0)
    assert is_of_run(left.place)
    run()
    assert not is_of_run(left.place)


@pytest.mark.usefixtures("eager")
def test_an_interrupted_run_says_so_on_its_page(
    run: Callable[[], tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = driver._show

    def show(job: Any, opened: Any, tally: Any, report: Any) -> None:
        known(job, opened, tally, report)
        if tally.cells:
            raise KeyboardInterrupt

    monkeypatch.setattr(driver, "_show", show)
    code, said = run()
    assert code == 1
    assert "interrupted" in said
    assert run_of(page_of(tmp_path))["is"] == "interrupted"


@pytest.mark.usefixtures("eager")
def test_a_page_that_cannot_be_drawn_ends_no_run(
    run: Callable[[], tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: LivePage) -> None:
        raise ValueError("no ink")

    monkeypatch.setattr(LivePage, "end", fail)
    code, said = run()
    assert code == 0
    assert said.splitlines()[-1] == "mattis: no page: ValueError: no ink"
    monkeypatch.undo()
    page = page_of(tmp_path)
    page.remove()
    monkeypatch.setattr(following.Budget, "is_due", lambda *_, **__: True)
    monkeypatch.setattr(LivePage, "draw", fail)
    results_of(make_study(tmp_path, **TINY), tmp_path).store.remove_tree()
    code, said = run()
    assert code == 0
    assert said.count("no page while this runs: ValueError: no ink") == 1
    assert not page.exists()


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_a_page_that_will_be_late(tmp_path: Path) -> None:
    """And the same command, which the page names, goes on from there."""
    wide = {"size": [300], "seed": 12, "sweeps": {"thermalise": 100, "measure": 900}}
    study = make_study(tmp_path, **wide)
    words = ["run", str(write_study(tmp_path, **wide)), "--results", str(tmp_path), "--workers", "1"]
    command = [sys.executable, "-c", EAGER, *words]
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    page, deadline = results_of(study, tmp_path).page, time.monotonic() + 120
    while not page.exists() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    said, done = run_of(page), status(study, tmp_path)["cells"]
    assert said["is"] == "running"
    assert said["command"].endswith(f"run {words[1]} --results {tmp_path} --workers 1")
    assert 0 < done["done"] < done["total"]
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f", {done['done']} found" in again.stderr
    assert not is_of_run(page)
