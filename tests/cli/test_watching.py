"""`mattis status --watch`: what a poll says, how fast it goes, when it ends, and with which exit code."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import Command, fill, make_study, write_study
from rich.console import Console

from mattis.cli import watching
from mattis.cli.watching import STEPS_OF_MAP, Pace, Poll, binned, line, map_lines, poll, shares_there, view
from mattis.engine import locks
from mattis.store.results import results_of, write_json
from mattis.study import plan
from mattis.study.base import Study


@pytest.fixture
def watch(tmp_path: Path, mattis: Command) -> Command:
    """Watch the small study: exit code, standard output, standard error."""
    words = ("status", write_study(tmp_path), "--results", tmp_path, "--watch", "--every", "0.1")
    return lambda *more: mattis(*words, *more)


def partly(folder: Path) -> Study:
    """Fill two of nine blocks of the small study."""
    study = make_study(folder)
    fill(study, folder, [*plan.blocks(study)][:2])
    return study


def test_a_complete_study_is_one_line(watch: Command, tmp_path: Path) -> None:
    fill(make_study(tmp_path), tmp_path)
    assert watch() == (0, "small: 72 of 72 cells (100 %); complete\n", "")


def test_it_ends_when_the_study_is_complete(
    watch: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = partly(tmp_path)
    blocks = [*plan.blocks(study)][2:]

    def sleep(_seconds: float) -> None:
        fill(study, tmp_path, [blocks.pop() for _ in range(min(4, len(blocks)))])

    monkeypatch.setattr(watching.time, "sleep", sleep)
    code, said, _ = watch()
    assert code == 0
    lines = said.splitlines()
    assert [text.split(";")[0] for text in lines] == [
        "small: 16 of 72 cells (22 %)", "small: 48 of 72 cells (66 %)", "small: 72 of 72 cells (100 %)",
    ]  # fmt: skip
    assert lines[0].endswith("; no run is at work")
    assert "cells per s, about" in lines[1]


def test_blocks_that_failed_are_counted_and_nobody_waits_for_them(watch: Command, tmp_path: Path) -> None:
    study = make_study(tmp_path)
    blocks = [*plan.blocks(study)]
    fill(study, tmp_path, blocks[1:])
    write_json(results_of(study, tmp_path).failures, {blocks[0].id: "too dark"})
    assert watch() == (1, "small: 64 of 72 cells (88 %), 1 block failed; no run is at work\n", "")
    found = poll(study, tmp_path)
    assert found.waiting == 0
    assert not replace(found, at_work=True).is_over


def test_a_study_that_nobody_began_is_waited_for(watch: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", stop)
    code, said, aside = watch()
    assert code == 1
    assert said == "small: 0 of 72 cells (0 %); no run is at work\n"
    assert aside.strip().startswith("mattis: interrupted")


def test_json_is_one_poll(watch: Command) -> None:
    code, said, aside = watch("--json")
    assert (code, said) == (2, "")
    assert "got --json too; expected one of them" in aside


def test_a_run_that_holds_the_results_is_at_work(tmp_path: Path) -> None:
    study = partly(tmp_path)
    folder = results_of(study, tmp_path).folder
    assert poll(study, tmp_path).at_work is False
    with locks.held(folder):
        assert poll(study, tmp_path).at_work is True
    with locks.held(folder, "shard-1"):
        assert poll(study, tmp_path).at_work is True
    assert poll(study, tmp_path).at_work is False


def test_the_map_is_over_the_two_longest_axes_but_the_seed() -> None:
    """Sizes (2), loads (3), noises (1), seeds (9): loads are across, sizes up."""
    valid = np.zeros((2, 3, 1, 9), bool)
    valid[0, 1] = True
    valid[1, 2, 0, :3] = True
    shares, axes = shares_there(valid, ("size", "load", "noise", "seed"))
    assert axes == ("load", "size")
    np.testing.assert_allclose(shares, [[0, 1, 0], [0, 0, 1 / 3]])
    shares, axes = shares_there(valid.swapaxes(0, 1), ("load", "size", "noise", "seed"))
    assert axes == ("load", "size")
    np.testing.assert_allclose(shares, [[0, 1, 0], [0, 0, 1 / 3]])
    shares, axes = shares_there(valid[:1, :1], ("size", "load", "noise", "seed"))
    assert shares.shape == (1, 1)


def test_long_axes_share_columns_of_the_map() -> None:
    shares = np.arange(12.0).reshape(2, 6)
    np.testing.assert_allclose(binned(shares, 16, 3), [[0.5, 2.5, 4.5], [6.5, 8.5, 10.5]])
    np.testing.assert_allclose(binned(shares, 1, 64), [np.arange(6) + 3.0])


def some(**changes: object) -> Poll:
    """Return a poll of two columns and rows."""
    shares = np.array([[0.0, 0.001], [0.5, 1.0]])
    known: dict[str, object] = {
        "at": 0.0, "done": 10, "total": 40, "waiting": 30, "shares": shares, "axes": ("load", "beta"),
        "failures": {}, "at_work": True,
    }  # fmt: skip
    return Poll(**{**known, **changes})  # type: ignore[arg-type]


def test_a_full_bar_is_for_all_seeds_and_a_dot_for_none() -> None:
    assert [*map_lines(some())] == [
        f"{STEPS_OF_MAP[4]}{STEPS_OF_MAP[8]}", f"{STEPS_OF_MAP[0]}{STEPS_OF_MAP[1]}",
        "what is there, over load and beta; · nothing, █ all seeds",
    ]  # fmt: skip
    almost = some(shares=np.array([[0.999]]))
    assert next(map_lines(almost)) == STEPS_OF_MAP[7]


def test_the_rate_is_that_of_the_last_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLLS_OF_RATE", 3)
    pace = Pace()
    polls = [some(at=float(at), done=done) for at, done in ((0, 0), (1, 2), (2, 10), (3, 22))]
    for found in polls:
        pace.add(found)
    assert pace.rate == 10
    assert pace.words(polls[-1]) == "10 cells per s, about 2 s left"


def test_a_study_that_does_not_move_says_why(tmp_path: Path) -> None:
    study, pace = make_study(tmp_path), Pace()
    pace.add(some())
    assert line(study, some(), pace) == "small: 10 of 40 cells (25 %); nothing new yet"
    assert line(study, some(at_work=False), pace).endswith("; no run is at work")


def test_a_terminal_shows_the_map_and_the_messages(tmp_path: Path) -> None:
    failures = {f"block {k}": "MemoryError: two\nlines [bold]" for k in range(7)}
    pace = Pace()
    pace.add(some())
    screen = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    screen.print(view(make_study(tmp_path), some(failures=failures), pace))
    said = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert said[0] == "small: 10 of 40 cells (25 %), 7 blocks failed; nothing new yet"
    assert said[1] == "━" * watching.WIDEST_MAP
    assert said[2] == f"{STEPS_OF_MAP[4]}{STEPS_OF_MAP[8]}"
    assert said[5] == "failed block 0: MemoryError: two lines [bold]"
    assert said[-1] == "and 2 more"
