"""Hidden rungs of a chosen ladder: from counted rejections, the same however it is run, Boltzmann's law.

The numbers are fixed. All comparisons of a test together would condemn a right program with a probability of
at most 1e-6.
"""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import HERE, fill, make_of_family, refused
from ladders import Plain, energies_of, run_of
from scipy import stats

import mattis
from mattis.comparison.findings import headline, headline_lines
from mattis.engine.driver import run
from mattis.engine.estimate import total_effort
from mattis.exact import rng
from mattis.networks.binary.asking import hidden_rungs
from mattis.networks.binary.asking.exchange import of_gap, on_rung, swap_rate
from mattis.networks.binary.asking.hidden_rungs import between, parts_of, trial_ladder, with_hidden_rungs
from mattis.networks.binary.ladder import FIRST_SWEEPS, MOST_REJECTED, MOST_RUNGS, Ladder, LadderRun
from mattis.study import plan
from mattis.study.base import Study

CHOSEN = {"name": "exchange", "ladder": "chosen"}
GLASS = {"model": "sherrington_kirkpatrick", "load": None, "memories": [1]}

LEAST_RATE = 0.2
"""The swap rate that a chosen ladder has at least; about half of the swaps of a pair are meant to be made."""


def study_of(**changes: Any) -> Study:
    keys: dict[str, Any] = {
        "protocol": CHOSEN,
        "temperature": [0.2, 0.5, 1.5],
        "noise": [0.0],
        "seed": 2,
        "sweeps": {"thermalise": 20, "measure": 100},
    }
    return make_of_family(**{**keys, **changes})


def chosen_by_hand(axis: Ladder, trial: Ladder, rejected: list[int], tried: int) -> list[float]:
    """Return the betas of a chosen ladder in fractions, from the rule as it is stated.

    Each gap of the axis is cut into the fewest equal parts of its rejections with at most 1/2 each; where
    that takes too many rungs, rungs are given one by one to the gap whose parts have most.
    """
    ends = [trial.betas.index(beta) for beta in axis.betas]
    gaps = [rejected[a:b] for a, b in pairwise(ends)]
    sums = [Fraction(sum(gap), tried) for gap in gaps]
    parts = [max(math.ceil(2 * one), 1) for one in sums]
    if sum(parts) > MOST_RUNGS - 1:
        parts = [1] * len(gaps)
        while sum(parts) < MOST_RUNGS - 1:
            each = [one / count for one, count in zip(sums, parts, strict=True)]
            parts[each.index(max(each))] += 1
    betas = []
    for start, gap, count in zip(ends, gaps, parts, strict=False):
        betas.append(trial.betas[start])
        for k in range(1, count):
            left, at = Fraction(k * sum(gap), count), 0
            while left >= gap[at]:
                left, at = left - gap[at], at + 1
            low, high = trial.betas[start + at], trial.betas[start + at + 1]
            betas.append(low + float(left / gap[at]) * (high - low))
    return [*betas, axis.betas[-1]]


@pytest.mark.parametrize(
    "keys", [{"size": [11], "load": [0.3]}, {**GLASS, "size": [13]}], ids=["hopfield", "glass"]
)
def test_a_ladder_is_that_of_the_rule(keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A short first part in plain Python, the rule in fractions: the same temperatures, bit by bit."""
    monkeypatch.setattr(hidden_rungs, "FIRST_SWEEPS", short := FIRST_SWEEPS // 5)
    made = run_of(study_of(**keys))
    axis = made.ladder
    trial, parts = trial_ladder(axis)
    assert MOST_RUNGS - len(parts) <= trial.rungs <= MOST_RUNGS
    first = replace(
        made, ladder=trial, is_first=True,
        asking=replace(made.asking, thermalise=short // 2, measure=short // 2),
    )  # fmt: skip
    plain = Plain(first)
    plain.run()
    tried = 2 * (short // 4)  # of both ladders, in every other of the sweeps that count
    rejected = [tried - count for count in plain.swapped]
    found = with_hidden_rungs(made).ladder
    assert [*found.betas] == chosen_by_hand(axis, trial, rejected, tried)
    assert found.rungs > axis.rungs
    assert {*axis.betas} <= {*found.betas}
    assert [*found.betas] == sorted({*found.betas})


def test_the_first_part_has_streams_of_its_own() -> None:
    """Those of the run itself are what they were before there was a first part."""
    made = run_of(study_of(size=[11], load=[0.3]))
    network = made.circuit.network
    known = {"noise": 0.0, "cue": 0, "ladder": 1, "walker": 2}
    plain = rng.stream(network.root_seed, "walkers", network.labels, known)
    assert made.stream("walkers", 1, 2) == plain
    first = replace(made, is_first=True)
    assert first.stream("walkers", 1, 2) != plain
    assert (first.starts[1] != made.starts[1]).any()


def test_a_trial_ladder_is_even_in_the_logarithm() -> None:
    axis = Ladder((1 / 1.6, 1 / 0.8, 1 / 0.3), chosen=True)
    trial, parts = trial_ladder(axis)
    assert sum(parts) == trial.rungs - 1
    ends = [trial.betas.index(beta) for beta in axis.betas]
    assert [b - a for a, b in pairwise(ends)] == parts
    logs = np.diff(np.log(trial.betas))
    for (a, b), count in zip(pairwise(ends), parts, strict=True):
        assert logs[a:b] == pytest.approx(logs[a:b].sum() / count, rel=1e-9)
    assert logs.max() / logs.min() < 1.1
    full = Ladder(tuple(1 + k / 100 for k in range(70)), chosen=True)
    assert trial_ladder(full)[0].betas == full.betas


@pytest.mark.parametrize("gaps", [[0, 0], [40, 500, 3], [100, 100, 101], [6000], [2500, 9000, 1]])
def test_no_part_of_a_gap_has_more_than_half_a_rejection(gaps: list[int]) -> None:
    """And none is cut in vain; where 64 rungs are not enough, the worst parts are as small as can be."""
    parts, tried = parts_of(gaps, 100), 100
    each = [Fraction(gap, tried * count) for gap, count in zip(gaps, parts, strict=True)]
    assert sum(parts) <= MOST_RUNGS - 1
    if sum(math.ceil(2 * gap / tried) for gap in gaps) < MOST_RUNGS:
        assert max(each) <= MOST_REJECTED
        fewer = [gap / (count - 1) for gap, count in zip(gaps, parts, strict=True) if count > 1]
        assert all(one > tried / 2 for one in fewer)
    else:
        assert sum(parts) == MOST_RUNGS - 1
        fewer = [Fraction(g, tried * (n - 1)) for g, n in zip(gaps, parts, strict=True) if n > 1]
        assert min(fewer) >= max(each)


def test_cuts_have_as_many_rejections_each() -> None:
    assert [*between([1.0, 2.0, 4.0], [30, 30], 2)] == [2.0]
    assert [*between([1.0, 2.0, 4.0], [10, 30], 4)] == pytest.approx([2.0, 2 + 2 / 3, 2 + 4 / 3])
    assert [*between([1.0, 2.0, 3.0], [0, 30], 2)] == [2.5]
    assert [*between([1.0, 2.0, 3.0, 4.0], [10, 0, 10], 2)] == [3.0]  # of a plateau its colder end
    assert [*between([1.0, 2.0], [9], 1)] == []


def test_where_the_axis_is_too_wide_every_pair_swaps() -> None:
    """At N = 100 two temperatures of a glass swap in less than 1 % of tries; hidden rungs mend that."""
    keys = {**GLASS, "size": [100], "temperature": [0.3, 1.5]}
    alone = run_of(study_of(**keys, sweeps={"thermalise": 200, "measure": 1000}))
    record = alone.run()
    assert swap_rate(alone, record, 0) < 0.01
    made = with_hidden_rungs(alone)
    record = made.run()
    rates = [swap_rate(made, record, pair) for pair in range(made.ladder.rungs - 1)]
    assert min(rates) > LEAST_RATE
    assert max(rates) < 0.8  # no rung is there in vain
    assert 5 < made.ladder.rungs < 40
    assert record.trips.sum(axis=1).min() > 5
    hot, cold = (of_gap(made, record, rung, alone.ladder) for rung in (0, made.ladder.rungs - 1))
    assert hot == {"swap_rate": min(rates), "hidden_rungs": made.ladder.rungs - 2}
    assert all(map(math.isnan, cold.values()))


def test_each_temperature_of_the_axis_has_the_law_of_boltzmann() -> None:
    """16 runs at N = 10 against all states: energy and q² at two temperatures, 4 looks."""
    study = study_of(**GLASS, size=[10], temperature=[0.12, 2.0], sweeps={"thermalise": 100, "measure": 1000})
    values, hidden = [], 0
    for k in range(16):  # the noise of the cue names the streams
        made = run_of(study, k / 11 / 10**6)
        axis, made = made.ladder, with_hidden_rungs(made)
        record, hidden = made.run(), hidden + made.ladder.rungs - 2
        cells = [on_rung(made, record, made.ladder.betas.index(beta)) for beta in axis.betas]
        values.append([[cell["energy"], cell["replica_overlap_squared"]] for cell in cells])
    assert hidden >= 16
    states, energies = energies_of(made)
    found, limit = np.array(values), float(stats.t(15).isf(1e-6 / 4 / 2))
    for rung, beta in enumerate(axis.betas):
        weights = np.exp(-beta * (energies - energies.min()))
        weights /= weights.sum()
        correlations = (states * weights[:, None]).T @ states
        exact = [float(weights @ energies) / 10, float((correlations**2).sum()) / 100]
        z = (found[:, rung].mean(axis=0) - exact) / (found[:, rung].std(axis=0, ddof=1) / 4)
        assert abs(z).max() < limit, (beta, z)


def test_a_cell_depends_on_the_axis_and_on_nothing_else(tmp_path: Path) -> None:
    """Blocks, shards, workers, a run that was cut, the order of the axis: one digest."""
    keys: dict[str, Any] = {"size": [40], "load": [0.1], "cues": 2, "noise": [0.0, 0.2]}
    study = study_of(**keys)
    whole = run(study, tmp_path / "whole", replace(HERE, quiet=True)).digest
    for name, settings in (("cells", {"block_cells": 1}), ("two", {"workers": 2})):
        assert run(study, tmp_path / name, replace(HERE, quiet=True, **settings)).digest == whole
    for k in (1, 0):
        last = run(study, tmp_path / "shards", replace(HERE, quiet=True, shard=(k, 2)))
    assert last.digest is None or run(study, tmp_path / "shards", HERE).digest == whole
    (block, *_) = plan.blocks(study)
    fill(study, tmp_path / "cut", [replace(block, points=block.points[1:2])])
    assert run(study, tmp_path / "cut", replace(HERE, quiet=True)).digest == whole
    back = study_of(**keys, temperature=[1.5, 0.5, 0.2])
    assert back.physics() == study.physics()
    cells = mattis.open_results(study, tmp_path / "whole").squeeze(drop=True)
    hottest = cells["temperature"].values.argmax()
    assert (cells["hidden_rungs"].isel(beta=hottest) >= 1).all()
    assert cells["hidden_rungs"].isnull().any()


def test_lanes_and_couplings_choose_the_same_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_of(study_of(size=[80], load=[0.1]))
    lanes = with_hidden_rungs(made).ladder
    monkeypatch.setattr(LadderRun, "by_lanes", LadderRun.by_matrix)
    assert with_hidden_rungs(made).ladder == lanes


def test_a_chosen_ladder_is_another_study(tmp_path: Path) -> None:
    """The usual ladder is that of before, whether a study says so or not: no store changes."""
    study, usual = study_of(seed=1), study_of(seed=1, protocol="exchange")
    told = study_of(seed=1, protocol={"name": "exchange", "ladder": "axis"})
    assert told.physics() == usual.physics()
    assert [*usual.physics()["protocol"]] == ["every", "betas"]
    run(usual, tmp_path, HERE)
    line = refused(run, study, tmp_path, HERE)
    assert "made from a different study: protocol.ladder: None → chosen" in line
    assert "hidden_rungs" not in mattis.open_results(usual, tmp_path)
    assert mattis.load_study(study.write(tmp_path / "it.yaml")) == study
    said = refused(study_of, protocol={"name": "exchange", "ladder": "auto"})
    assert "protocol.ladder: got 'auto'; expected 'axis' or 'chosen'" in said


def test_a_plan_counts_the_first_part_and_the_hidden_rungs() -> None:
    """About as many rungs as there are: within a factor of two; the whole effort is that of all networks."""
    keys = {**GLASS, "size": [100], "temperature": [0.3, 0.6, 1.5]}
    study = study_of(**keys, seed=3)
    ladder = study.protocol.ladder
    sweeps = study.sweeps.total
    guessed = (ladder.work(100, sweeps, 3) - 200 * FIRST_SWEEPS * MOST_RUNGS) / (200 * sweeps)
    rungs = with_hidden_rungs(run_of(study)).ladder.rungs
    assert rungs / 2 < guessed < 2 * rungs
    assert total_effort(study) == 3 * ladder.work(100, sweeps, 3)
    assert study.memory(100, 1) > study_of(**{**keys, "protocol": "exchange"}).memory(100, 1)


def test_a_headline_says_what_the_ladder_came_to(tmp_path: Path) -> None:
    """And why it is too sparse: 64 temperatures are not enough, or the first part saw nothing."""
    study = study_of(**GLASS, size=[20, 40], temperature=[0.1, 0.5, 2.5])
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path)
    out = mattis.aggregate(cells, study)
    found = headline(out, study)
    (line,) = [one for one in headline_lines(found) if one.startswith("ladder")]
    assert line == found["ladder"]
    few, many = cells["hidden_rungs"].sum("beta").mean("seed").squeeze().values
    least = float(cells["swap_rate"].mean("seed").min())
    told = "hidden rungs, means over pattern sets; least swap rate"
    assert line == f"ladder: {few:.3g} to {many:.3g} {told} {least:.2g}"
    assert few < many
    sparse = out.assign(swap_rate=out["swap_rate"] * 0 + 0.1)
    assert headline(sparse, study)["ladder"].endswith("below 0.2: its first part did not show it")
    full = sparse.assign(hidden_rungs=out["hidden_rungs"] * 0 + 30.5)
    expected = f"ladder: 61 {told} 0.1, below 0.2: it has 64 temperatures at most"
    assert headline(full, study)["ladder"] == expected
    assert "ladder" not in headline(out.drop_vars("hidden_rungs"), study)
