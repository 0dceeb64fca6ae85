"""The plan: blocks in the order of the study, what they cost, and answers for studies of any size."""

import dataclasses
import json
import time
from collections.abc import Sequence
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest
from builders import SMALL, exit_code, fill, make_study, write_study
from hypothesis import given, settings
from hypothesis import strategies as st

from mattis.engine import estimate, machine, rates
from mattis.engine.estimate import short_chains
from mattis.errors import UserError
from mattis.networks.binary.questions import Inquiry, Visit
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import MODELS
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.axes import pattern_counts, patterns_of
from mattis.study.base import Study
from mattis.study.model import Columns, PatternSet
from mattis.study.plan import Block

SHAPES = [
    {},
    {"size": [300, 40, 60], "load": [0.2, 0.05, 0.1375], "seed": [7, 2]},
    {"size": [3500, 4000], "load": [0.004], "temperature": [0.5], "noise": [0.0], "seed": 1},
    {"load": [0.05, 0.055, 0.06], "seed": 1},  # two of the loads store the same P
]


def huge(**axes: object) -> Study:
    """A study of 10^8 cells, each a block of its own."""
    grid = {"from": 0.01, "to": 1.0, "count": 1000}
    given = {"size": [1000], "load": grid, "temperature": [0.5], "seed": 100_000}
    return BinaryStudy(name="huge", axes={**given, **axes})


def plain_blocks(
    study: Study, wanted: np.ndarray | None = None, block_cells: int | None = None
) -> list[Block]:
    """The blocks, by one loop after the other."""
    a, out = study.axes, []
    for (i, size), (j, load), (k, seed) in product(*map(enumerate, (a.size, a.load, a.seed))):
        points = [
            (beta, noise)
            for (m, beta), (n, noise) in product(enumerate(a.betas), enumerate(a.noise))
            if wanted is None or wanted[i, j, m, n, k]
        ]
        step = block_cells or len(points) or 1
        for part, first in enumerate(range(0, len(points), step)):
            piece = tuple(points[first : first + step])
            out.append(Block(size, load, patterns_of(load, size), seed, piece, part))
    return out


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("block_cells", [None, 1, 3])
def test_blocks_are_those_of_plain_loops(
    tmp_path: Path, changes: dict[str, object], block_cells: int | None
) -> None:
    study = make_study(tmp_path, **changes)
    a = study.axes
    shape = tuple(map(len, (a.size, a.load, a.betas, a.noise, a.seed)))
    random = np.random.default_rng(1).random(shape)
    for wanted in (None, random < 0.5, random < 0.97, random < 2, random < 0):
        found = plan.blocks(study, wanted, block_cells)
        assert found == plain_blocks(study, wanted, block_cells)
        assert all(type(block.patterns) is int for block in found)


def test_the_name_of_a_block(study: Study) -> None:
    names = [block.id for block in plan.blocks(study, block_cells=5)[:3]]
    assert names == [
        "size=60,load=0.05,seed=0",
        "size=60,load=0.05,seed=0,part=1",
        "size=60,load=0.05,seed=1",
    ]


def test_blocks_come_one_by_one() -> None:
    first = list(islice(plan.each_block(huge()), 3))
    assert [(block.load, block.seed) for block in first] == [(0.01, 0), (0.01, 1), (0.01, 2)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(2, 2**24), min_size=1, max_size=5),
    st.lists(st.floats(1e-7, 1) | st.integers(1, 4000).map(lambda k: k / 4000), min_size=1),
)
def test_patterns_of_a_grid_are_those_of_its_points(sizes: list[int], loads: list[float]) -> None:
    halves = [(k + 0.5) / size for size in sizes for k in (1, size // 7, size - 1)]
    found = pattern_counts([*loads, *halves], sizes)
    assert found.tolist() == [[patterns_of(x, n) for x in [*loads, *halves]] for n in sizes]


# What it takes


@pytest.mark.parametrize("changes", SHAPES)
def test_totals_are_sums_over_blocks(tmp_path: Path, changes: dict[str, object]) -> None:
    study = make_study(tmp_path, **changes)
    planned = plan.blocks(study)
    cells = sum(len(block.points) for block in planned)
    found = cells // 3
    content = estimate.totals(study, estimate.StudyCost(12.0, 2.5), 3, found, 4)
    folder = tmp_path / "results"
    fill(study, folder)
    files = [path for path in (folder / "small" / "sweep.zarr").rglob("*") if path.is_file()]
    assert content == {
        "study": "small",
        "model": "hopfield",
        "cells": cells,
        "cells_found": found,
        "cells_new": cells - found,
        "blocks": len(planned),
        "pattern_sets": study.pattern_sets,
        "proposals": sum(plan.updates(study, block) for block in planned),
        "memory_bytes": max(study.memory(b.size, b.patterns) for b in planned),
        "store_bytes": cells * 8 * (1 + len(study.described_model.observables)),
        "floor_bytes": estimate.FLOOR,
        "files": len(files),
        "workers": 3,
        "cpu_seconds": 12.0,
        "cpu_seconds_left": pytest.approx(12.0 * (cells - found) / cells),
        "compiling_seconds": 2.5,
        "learnt": False,
        "rate_age_seconds": None,
        "estimated_seconds": pytest.approx(4.0 * (cells - found) / cells),
        "starting_seconds": estimate.STARTING + 2.5,
        "shards": 4,
    }
    counted = {
        (size, p): int(count)
        for size, patterns, counts in estimate.networks(study)
        for p, count in zip(patterns.tolist(), counts, strict=True)
    }
    pairs = [(block.size, block.patterns) for block in planned]
    assert counted == {pair: pairs.count(pair) for pair in pairs}


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("rows", [1, 2, 10_000])
def test_the_streamed_json_is_that_of_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], rows: int
) -> None:
    study = make_study(tmp_path, **changes)
    planned = plan.blocks(study)
    monkeypatch.setattr(estimate, "ROWS_PER_PIECE", rows)
    content = estimate.totals(study, estimate.StudyCost(12.5), 2)
    pieces = list(estimate.summary_text(study, content))
    assert len(pieces) == 2 - (-len(planned) // rows)
    whole = {**content, "per_block": [estimate._row(study, block) for block in planned]}
    assert "".join(pieces) == json.dumps(whole, ensure_ascii=False)
    assert [row["id"] for row in whole["per_block"]] == [block.id for block in planned]


def test_rows_of_a_huge_study_come_piece_by_piece() -> None:
    study = huge()
    head, piece = islice(estimate.summary_text(study, estimate.totals(study, estimate.StudyCost(1.0), 2)), 2)
    assert json.loads(f"{head}]}}")["blocks"] == 10**8
    rows = json.loads(f"[{piece}]")
    assert len(rows) == estimate.ROWS_PER_PIECE
    assert rows[-1]["seed"] == estimate.ROWS_PER_PIECE - 1


def test_memory_is_checked_at_the_size_that_needs_most(tmp_path: Path) -> None:
    """Up to N = 3500 the couplings are stored, for a replica by itself; a larger network does without."""
    one = {"temperature": [0.5], "noise": [0.0], "cues": 1, "sweeps": {"thermalise": 0, "measure": 20_000}}
    study = make_study(tmp_path, size=[3500, 4000], load=[0.06, 0.05], **one)
    needed = study.memory(3500, 210)
    assert needed > study.memory(4000, 240)
    each = estimate.FLOOR + needed
    assert estimate.room(study, round(2 * each / estimate.USABLE) + 2).workers == 2
    less = estimate.room(study, round(2 * each / estimate.USABLE) - 2)
    assert less.workers == 1
    assert less.fewer(4).startswith("1 of 4 workers start: --memory is ")
    threads = estimate.room(study, 2**30, threads=True)
    assert threads.workers == (int(2**30 * estimate.USABLE) - estimate.FLOOR) // needed
    with pytest.raises(UserError, match=r"size 3500 at load 0\.06 needs .*; --memory is 100 MiB"):
        _ = estimate.room(study, 100 * 2**20).workers


class Clock:
    """A model that costs what it is told to, and the clock that it is timed by."""

    def __init__(self, made: float, proposal: float) -> None:
        self.made, self.proposal, self.now = made, proposal, 0.0
        self.calls: list[PatternSet] = []

    def simulate(self, patterns: PatternSet, points: Sequence[Visit], inquiry: Inquiry) -> Columns:
        self.calls.append(patterns)
        sweeps = inquiry.asking.sweeps
        self.now += 0.0 if len(self.calls) > 1 else 3.0  # loading the kernels
        self.now += patterns.size * patterns.patterns * self.made
        self.now += patterns.size * sweeps * len(points) * self.proposal
        return {}


def timed(monkeypatch: pytest.MonkeyPatch, made: float, proposal: float) -> Clock:
    clock = Clock(made, proposal)
    told = dataclasses.replace(MODELS["hopfield"], simulate=clock.simulate)
    monkeypatch.setattr(BinaryStudy, "described_model", told)
    monkeypatch.setattr(estimate.time, "thread_time", lambda: clock.now)
    return clock


def test_the_time_is_that_of_networks_and_of_proposals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirds stand for their middle: nothing is lost where the cost grows evenly with P."""
    clock = timed(monkeypatch, made=1e-7, proposal=2e-8)
    loads = [0.01 * (k + 1) for k in range(9)]
    axes = {"size": [1000], "load": loads, "temperature": [0.0, 0.5, 1.0, 1.5], "seed": 8}
    study = BinaryStudy(name="timed", axes=axes)
    networks = 8 * sum(1000 * 10 * (k + 1) * 1e-7 for k in range(9))
    proposals = estimate.totals(study, estimate.StudyCost(0.0), 1)["proposals"] * 2e-8
    found = estimate.calibrate(study).block_seconds * estimate.count(study)
    assert found == pytest.approx(networks + proposals, rel=0.01)
    assert {p.patterns for p in clock.calls} == {20, 50, 80}


def test_large_networks_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds for a network, timed three times, are more than PATIENCE: the rest grows like N P."""
    clock = timed(monkeypatch, made=3e-6, proposal=1e-9)
    axes = {"size": [10_000], "load": [0.01, 0.02, 0.04], "temperature": [0.5], "seed": 2}
    study = BinaryStudy(name="large", axes=axes)
    estimated = estimate.calibrate(study).block_seconds * estimate.count(study)
    assert len(clock.calls) == 3
    assert estimated == pytest.approx(3 * 2 * (1 + 2 + 4), rel=0.1)


def test_a_huge_study_is_probed_at_nine_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = timed(monkeypatch, made=1e-9, proposal=1e-9)
    study = huge(load={"from": 0.001, "to": 1.0, "count": 100_000}, seed=1000)
    assert estimate.calibrate(study).block_seconds > 0
    assert len(clock.calls) <= 3 * (2 * (1 + short_chains.REPEATS) + 10)
    assert len({call.patterns for call in clock.calls}) == 3


# The command


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert exit_code("plan", *words) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("days", "workers", "remark"),
    [
        (80, 2, "that is 40 days on 2 workers; about 1000 workers (--scheduler, --cluster, or the "
                "slurm profile) would need 1 h 55 min"),
        (3, 2, "that is 36 h 00 min on 2 workers; about 10 workers"),
        (1.9, 2, None),
        (36525, 2, "that is 50 years on 2 workers; about 10000 workers"),
        (36525, 10_000, "that is 4 days on 10000 workers; to have it sooner, use fewer cells or"),
    ],
)  # fmt: skip
def test_a_study_of_days_is_answered_by_who_could_help(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    days: float,
    workers: int,
    remark: str | None,
) -> None:
    measured = rates.MeasuredRate(days * 86400.0 / 500_000, 0.0, time.time())
    monkeypatch.setattr(estimate, "calibrate", lambda _: measured)
    monkeypatch.setattr(machine, "memory", lambda: 2**50)
    path = write_study(tmp_path, load={"from": 0.03, "to": 1.0, "count": 500}, seed=1000)
    lines = said(capsys, path, "--workers", workers).splitlines()
    assert "4000000 cells in 500000 blocks" in lines[0]
    assert "of CPU time" in lines[0]
    assert f"on {workers} workers" in lines[0]
    assert "610 MiB of results" in lines[0]
    assert lines[-1] == "    N = 60, P = 2 … 60: 500000 blocks"
    assert len(lines) == (4 if remark is None else 5)
    assert remark is None or lines[3].startswith(remark)


def test_many_sizes_are_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = rates.MeasuredRate(1.0, 0.0, time.time())
    monkeypatch.setattr(estimate, "calibrate", lambda _: measured)
    lines = said(capsys, write_study(tmp_path, size=[*range(60, 160)])).splitlines()
    assert lines[3] == "    N = 60, P = 3 … 12: 9 blocks"
    assert lines[-1] == "    and 76 more sizes"


def test_the_json_of_the_command_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(said(capsys, write_study(tmp_path), "--json", "--workers", 2))
    assert content["cpu_seconds"] == 2 * content["estimated_seconds"] > 0
    assert len(content["per_block"]) == content["blocks"] == 9
    assert content["study"] == SMALL["name"]


def test_many_cues_are_timed_by_as_many_as_fill_the_lanes(tmp_path: Path) -> None:
    """The probe of a study of many cues is no longer than that of few, and never of no length."""
    study = make_study(
        tmp_path, size=[10_000], load=[0.06], temperature=[0.5], noise=[0.0], cues=600,
        sweeps={"thermalise": 1000, "measure": 4000},
    )  # fmt: skip
    patterns = study.pattern_set(10_000, 600, 0)
    points = study.probed([(2.0, 0.0)])
    (_, _, asked), most = study.shortened(patterns, points, 10**6)
    (_, _, least), few = study.shortened(patterns, points, 0)
    assert asked.cues == least.cues == 32
    assert 0 < few < most < 2 * 10**7


def test_a_rate_that_was_learnt_goes_first(tmp_path: Path) -> None:
    """Effort of all cells times the rate of the last run; a tenth that compiled does not count."""
    study, results = make_study(tmp_path), results_of(make_study(tmp_path), tmp_path)
    results.folder.make_folder()
    efforts = [plan.effort(study, block) for block in plan.blocks(study)] * 3
    seconds = [2e-5 * effort for effort in efforts]
    seconds[0] *= 50  # it compiled
    rates.learn(results, study, seconds, efforts)
    cost = estimate.cost(study, results)
    assert cost.learnt
    assert cost.seconds == pytest.approx(2e-5 * sum(efforts) / 3)
    assert cost.age == pytest.approx(0.0, abs=60.0)
    larger = make_study(tmp_path, size=[600])
    assert rates.learnt(results, larger) is None  # other caches, another rate
    old = json.loads(rates.rate_of(results).read_bytes())
    del old["measured"]  # as files were before it was written down
    rates.rate_of(results).write_text(json.dumps(old))
    assert estimate.cost(study, results).learnt
    assert estimate.cost(study, results).age is None
    rates.rate_of(results).write_text('{"seconds": "?"}')
    assert rates.learnt(results, study) is None


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        (42, "42 pattern sets (seed: 42 means 0 … 41; one set is [42])"),
        ([7], "1 pattern set (seeds 7)"),
        (1, "1 pattern set (seed 0)"),
        ([3, 1, 2, 9, 8], "5 pattern sets (seeds 3, 1, 2, 9, …)"),
    ],
)
def test_what_seed_means_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: object, words: str
) -> None:
    assert words in said(capsys, write_study(tmp_path, seed=seed))


def test_what_is_there_and_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(make_study(tmp_path), tmp_path / "results")
    longer = write_study(tmp_path, temperature=[0.0, 0.3, 0.45, 0.9])
    where = "--results", tmp_path / "results"
    content = json.loads(said(capsys, longer, *where, "--json"))
    assert content["cells_found"] + content["cells_new"] == content["cells"]
    assert 0 < content["cells_found"] < content["cells"]
    assert f"({content['cells_found']} found, {content['cells_new']} new)" in said(capsys, longer, *where)
