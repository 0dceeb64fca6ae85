"""Who looks on while a study runs: within a budget, never at the cost of the run, and told what failed."""

import time
from pathlib import Path

import numpy as np
import pytest
from builders import HERE, make_study

from mattis.engine import driver, following
from mattis.engine.following import FIRST_COST, LEAST_PAUSE, Budget, Follower, Moment
from mattis.engine.status import open_results
from mattis.store.results import read_failures, results_of

LOOKED = 0.05
"""The share of a run that looks may take."""


def test_a_short_run_is_not_looked_at() -> None:
    budget = Budget(begun=0.0)
    assert not budget.is_due(1.0, left=None)
    assert not budget.is_due(10.0, left=FIRST_COST / LOOKED - 10.1)
    assert budget.is_due(10.0, left=FIRST_COST / LOOKED - 10)
    assert budget.is_due(FIRST_COST / LOOKED, left=None)


@pytest.mark.parametrize("cost", [0.02, 1.0, 30.0])
def test_looks_take_less_than_a_twentieth_of_the_run(cost: float) -> None:
    """Before each look, all looks until then together took at most 5 % of the time since the first began."""
    budget, now, spent, ends = Budget(begun=0.0), 0.0, 0.0, list[float]()
    while len(ends) < 20:
        now += 0.1
        if budget.is_due(now, left=1e6):
            first = min(ends, default=now)
            assert spent <= LOOKED * (now - first) + cost * (not ends)
            now, spent = now + cost, spent + cost
            budget.cost, budget.last = cost, now
            ends.append(now - cost)
    gaps = np.diff(ends)
    assert gaps.min() >= LEAST_PAUSE + cost - 1e-9
    np.testing.assert_allclose(gaps, max(cost / LOOKED, LEAST_PAUSE) + cost, atol=0.11)


def follower() -> tuple[Follower, list[str]]:
    """Return a follower that is always due, and what it was asked for."""
    asked: list[str] = []
    budget = Budget(begun=-1e9, cost=0.0)
    one = Follower(lambda: asked.append("show"), lambda *_: asked.append("renew"), budget)
    return one, asked


def test_a_run_in_which_nothing_came_back_is_renewed_only() -> None:
    one, asked = follower()
    for blocks in (1, 1, 2):
        assert one.look(Moment(4, blocks, None)) == ""
    assert asked == ["show", "renew", "renew", "show", "renew"]


def test_nothing_is_shown_of_a_run_without_cells() -> None:
    one, _ = follower()
    assert not one.is_due(Moment(0, 3, None))
    assert one.is_due(Moment(1, 3, None))


def test_what_goes_wrong_in_a_look_is_told_once_and_ends_no_run() -> None:
    one, asked = follower()

    def fail() -> None:
        raise ValueError("two\nlines")

    one.show = fail
    said = one.look(Moment(1, 1, None))
    assert said == "no page while this runs: ValueError: two lines"
    assert not asked
    assert not one.is_due(Moment(2, 2, None))


def test_the_cost_of_a_look_is_what_workers_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a look lasts longer than its CPU time; while it is short, workers have tasks."""
    one, _ = follower()
    one.show = lambda: time.sleep(0.2)
    one.look(Moment(1, 1, None))
    assert one.budget.cost < 0.1
    monkeypatch.setattr(following, "COVERED", 0.05)
    one.look(Moment(1, 2, None))
    assert one.budget.cost >= 0.15


def test_the_cost_of_a_look_is_that_of_its_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = follower()
    monkeypatch.setattr(following, "COVERED", 1e9)

    def work() -> None:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass

    one.show = work
    one.look(Moment(1, 1, None))
    cost = one.budget.cost
    assert cost >= 0.05
    one.look(Moment(1, 1, None))
    assert one.budget.cost == cost


def watching(study: object, root: Path, seen: list[tuple[int, int]]) -> Follower:
    """Return a follower that looks after each block, and counts what is in the store."""
    one = Follower(lambda: None, lambda *_: None, Budget(begun=-1e9, cost=0.0))
    one.is_due = lambda moment: moment.cells > 0  # type: ignore[method-assign]

    def renew(moment: Moment, _pause: float) -> None:
        there = int(open_results(study, root)["valid"].sum())  # type: ignore[arg-type]
        seen.append((moment.cells, there))

    one.renew = renew
    return one


def test_what_is_counted_at_a_look_is_in_the_store(tmp_path: Path) -> None:
    study, seen = make_study(tmp_path), list[tuple[int, int]]()
    driver.run(study, tmp_path, HERE, follower=watching(study, tmp_path, seen))
    assert [counted for counted, _ in seen] == [there for _, there in seen]
    assert {counted for counted, _ in seen} == {*range(8, 73, 8)}


def test_nobody_looks_where_nothing_is_computed_or_only_a_shard(tmp_path: Path) -> None:
    study, seen = make_study(tmp_path), list[tuple[int, int]]()
    looking = watching(study, tmp_path, seen)
    part = driver.Settings(shard=(0, 2), where=HERE.where, workers=1)
    driver.run(study, tmp_path, part, follower=looking)
    assert not seen
    driver.run(study, tmp_path, HERE)
    driver.run(study, tmp_path, HERE, follower=looking)
    assert not seen


def test_failures_are_told_while_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the second look the message of the first block is where `status` finds it."""
    study, told = make_study(tmp_path), list[int]()
    monkeypatch.setattr(driver, "BETWEEN_FAILURES", -1.0)
    known = driver.dispatch.computed

    def failing(*given: object) -> object:
        came = 0
        for finished in known(*given):  # type: ignore[arg-type]
            came += finished is not None
            if finished is not None and came == 2:
                yield driver.Finished(finished.block, None, "too dark")
            else:
                yield finished

    monkeypatch.setattr(driver.dispatch, "computed", failing)
    one = watching(study, tmp_path, [])
    one.renew = lambda *_: told.append(len(read_failures(results_of(study, tmp_path))))
    outcome = driver.run(study, tmp_path, HERE, follower=one)
    assert list(outcome.failures.values()) == ["too dark"]
    assert told[0] == 0
    assert set(told[1:]) == {1}
