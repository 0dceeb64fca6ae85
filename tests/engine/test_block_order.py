"""Blocks come evenly over the figure, the last ones are short, and no number knows of it."""

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from builders import make_study
from hypothesis import given, settings
from hypothesis import strategies as st

from mattis.engine import dispatch
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings, run
from mattis.engine.order import LAST_WORK, Crowd, evenly, ordered
from mattis.networks.binary.study import BinaryStudy
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.plan import Block


def study_of_shape(sizes: Sequence[int], loads: int, seeds: int) -> Study:
    axes = {
        "size": [*sizes],
        "load": [0.2 * (k + 1) / loads for k in range(loads)],
        "temperature": [0.2, 0.5, 1.0],
        "seed": seeds,
    }
    return BinaryStudy(name="shape", axes=axes)


SHAPES = st.builds(
    study_of_shape,
    st.lists(st.integers(100, 4000), min_size=1, max_size=3, unique=True),
    st.integers(1, 20),
    st.integers(1, 12),
)


def efforts_of(study: Study, blocks: Sequence[Block]) -> list[int]:
    return [plan.effort(study, block) for block in blocks]


def idle_share(efforts: Sequence[float], workers: int) -> float:
    """Return the share of time that workers wait for the last block, each taking the next when it is free."""
    free = [0.0] * workers
    for effort in efforts:
        heapq.heapreplace(free, free[0] + effort)
    return 1 - sum(efforts) / (workers * max(free))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SHAPES, st.integers(1, 40), st.integers(1, 5))
def test_every_block_comes_once(study: Study, workers: int, together: int) -> None:
    blocks = plan.blocks(study)
    found = ordered(study, blocks, Crowd(workers, together))
    assert Counter(found) == Counter(blocks)


def test_nothing_to_do_is_in_order(study: Study) -> None:
    assert ordered(study, [], Crowd(2)) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SHAPES, st.integers(1, 4))
def test_all_networks_have_as_many_pattern_sets_until_the_tail(study: Study, workers: int) -> None:
    blocks = plan.blocks(study)
    found = ordered(study, blocks, Crowd(workers))
    efforts = efforts_of(study, found)
    networks = len({(block.size, block.load) for block in blocks})
    done, spent = Counter[tuple[int, float]](), 0.0
    for block, effort in zip(found, efforts, strict=True):
        spent += effort
        if spent > sum(efforts) - (LAST_WORK * workers + 1) * max(efforts):
            return
        done[block.size, block.load] += 1
        least = min(done.values()) if len(done) == networks else 0
        assert max(done.values()) - least <= 1


@pytest.mark.parametrize("count", [1, 2, 3, 7, 24, 64, 100])
def test_each_beginning_is_spread_over_everything(count: int) -> None:
    """The widest gap after n of them is at most twice what n even ones would leave, rounded up."""
    found = evenly(count)
    assert sorted(found) == [*range(count)]
    for n in range(1, count + 1):
        places = sorted(found[:n])
        gaps = [b - a for a, b in zip([0, *places], [*places, count], strict=True)]
        assert max(gaps) <= 2 * count / n + 1


@pytest.mark.parametrize("count", [5, 16, 24])
def test_each_round_is_spread_over_the_loads(count: int) -> None:
    """A run that has ended after n blocks shows the whole axis: no gap is wider than two even ones."""
    study = study_of_shape([1000], count, 30)
    loads = [block.load for block in ordered(study, plan.blocks(study), Crowd(1))]
    for first in range(0, 10 * count, count):
        for n in range(1, count + 1):
            places = sorted(round(load / 0.2 * count) - 1 for load in loads[first : first + n])
            gaps = [b - a for a, b in zip([0, *places], [*places, count], strict=True)]
            assert max(gaps) <= 2 * count / n + 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SHAPES, st.integers(1, 20))
def test_the_last_blocks_are_ever_shorter(study: Study, workers: int) -> None:
    """The tail is sorted, and holds as much work as it should, or everything."""
    found = efforts_of(study, ordered(study, plan.blocks(study), Crowd(workers)))
    needed = LAST_WORK * workers * max(found)
    tail = [k for k in range(len(found)) if sum(found[k:]) <= needed]
    last = found[min(tail) :] if tail else []
    assert last == sorted(last, reverse=True)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SHAPES, st.integers(2, 16), st.integers(0, 2**32))
def test_no_worker_waits_for_more_than_three_percent(study: Study, workers: int, seed: int) -> None:
    """Or than where the longest come first: a study of few long blocks cannot be shared evenly.

    A block takes longer than its updates say where it has many patterns, and by a factor of up to 1.25.
    """
    blocks, generator = plan.blocks(study), random.Random(seed)

    def expected(block: Block) -> float:
        return plan.effort(study, block) * (0.5 + 10 * block.load)

    taken = {block: expected(block) * 1.25 ** generator.uniform(-1, 1) for block in blocks}
    found = idle_share([taken[block] for block in ordered(study, blocks, Crowd(workers))], workers)
    by_length = sorted(blocks, key=expected, reverse=True)
    longest_first = idle_share([taken[block] for block in by_length], workers)
    one_block = max(taken.values()) * workers / sum(taken.values())  # of the time of the run
    assert found <= max(0.03, longest_first + 0.02, one_block / 2)


def test_the_shipped_diagram_is_shared_by_many_workers() -> None:
    study = study_of_shape([500, 2000], 24, 16)
    for workers in (2, 4, 8, 16, 32):
        found = ordered(study, plan.blocks(study), Crowd(workers))
        assert idle_share(efforts_of(study, found), workers) < 0.01


def test_networks_of_one_kind_travel_together() -> None:
    """A device computes seeds of one network at once; then the next network comes."""
    study = study_of_shape([100], 4, 8)
    found = ordered(study, plan.blocks(study), Crowd(1, together=4))
    fours = [found[k : k + 4] for k in range(0, len(found), 4)]
    assert all(len({(block.size, block.patterns) for block in four}) == 1 for four in fours)
    assert [[block.seed for block in four] for four in fours].count([0, 1, 2, 3]) == 4


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_no_order_changes_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tmp_path, seed=4)
    here = Settings(workers=2, where=Where(pool="threads"))
    stores = []
    for name in ("ordered", "reversed", "shuffled"):
        if name != "ordered":
            turned = {"reversed": lambda found: found[::-1], "shuffled": shuffled}[name]
            monkeypatch.setattr(dispatch, "ordered", lambda *given, turned=turned: turned(ordered(*given)))
        run(study, tmp_path / name, here)
        stores.append(files_of(Path(results_of(study, tmp_path / name).store)))
    assert stores[0] == stores[1] == stores[2]


def shuffled(blocks: Sequence[Block]) -> list[Block]:
    return random.Random(1).sample(blocks, len(blocks))
