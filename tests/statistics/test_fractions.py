"""Fractions of yes and no have an interval of Wilson's from the pattern sets, in every family of networks."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import EVERY_STUDY, fill, make_of_family
from scipy import stats

import mattis
from mattis.networks.registry import load_study, study_of
from mattis.statistics.fractions import with_interval
from mattis.study.base import Study
from mattis.study.model import Observable

COUNTED = re.compile(r"fraction of (old )?(cues|memories|pairs|mixtures|ways down|descents)\b")
FALSE_ALARM = 1e-8
"""Of one count; there are below ten in this file."""


def interval(shares: np.ndarray, cues: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of fractions over their last axis, the seeds, and the ends of its interval."""
    values = xr.DataArray(shares, dims=[*"ab"[: shares.ndim - 1], "seed"])
    found = with_interval("x", values, values.notnull(), 1 / cues, "x")
    mean, low, high = (found[name].values for name in ("x", "x_low", "x_high"))
    return mean, low, high


def known(mean: float, trials: float) -> tuple[float, float]:
    """Return the roots p of (p - mean)² = w² p (1 - p)/trials, which Wilson's interval ends at."""
    square = stats.norm.isf(0.025) ** 2 / trials
    high, low = np.roots([1 + square, -2 * mean - square, mean**2]).tolist()
    return min(low, high), max(low, high)


# Which observables are fractions of answers


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_an_observable_says_that_it_is_a_fraction(path: Path) -> None:
    """Of answers, one for each cue or memory; a fraction of the spins is none."""
    for one in load_study(path).described_model.observables:
        assert one.fraction == bool(COUNTED.match(one.long_name)), one
        assert one.smallest is not None or not one.fraction


def drifting(**keys: Any) -> Study:
    axes = {
        "size": [50],
        "memories": [4, 8],
        "kappa": [4.0, 16.0],
        "presentations": [9.0, 30.0],
        "tau": [20.0],
        "noise": [0.4],
        "seed": 6,
    }
    return study_of({"name": "s", "model": "consolidation", "axes": axes, **keys})


def recalled() -> Study:
    axes = {"size": [60], "load": [0.05, 0.1], "kappa": [4.0], "presentations": [9.0],
            "temperature": [0.3], "seed": 5}  # fmt: skip
    sweeps = {"thermalise": 5, "measure": 20}
    return study_of({"name": "s", "model": "recall", "tau": 20.0, "cues": 2, "axes": axes, "sweeps": sweeps})


def relaxing() -> Study:
    axes = {"size": [12], "exponent": [0.4, 0.6], "beta": [0.3, 1.0], "noise": [0.3], "seed": 6}
    return study_of({"name": "s", "model": "attention", "axes": axes, "cues": 3})


STUDIES = {
    "one cue": (make_of_family(load=[0.1, 0.2], temperature=[0.3, 0.6], seed=9), "retrieved"),
    "cues": (make_of_family(load=[0.1, 0.2], cues=3, seed=9), "retrieved_early"),
    "ambiguous": (make_of_family(question="ambiguous", cues=3, seed=6), "chose_neither"),
    "familiarity": (
        make_of_family(question="familiarity", cues=3, load=[1.0], noise=[0.4], seed=6), "recognised"
    ),
    "cycles": (make_of_family(model="little", load=[0.3], cues=3, seed=9), "two_cycle"),
    "mixture": (make_of_family(question="mixture", mixture=[3], load=[0.1], seed=6), "stays"),
    "drift": (drifting(), "consolidated"),
    "recall": (recalled(), "retrieved_old"),
    "neurons": (relaxing(), "retrieved"),
}  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_every_family_has_the_interval_of_its_fractions(name: str, tmp_path: Path) -> None:
    """Between trials as many as pattern sets and as many as answers; n from the spread over the sets."""
    study, fraction = STUDIES[name]
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path)
    out = mattis.aggregate(cells, study)
    told = {one.name for one in study.described_model.observables if one.fraction}
    assert fraction in told
    assert all({f"{one}_low", f"{one}_high"} <= {*out} for one in told)
    dims = [dim for dim in cells[fraction].dims if dim != "seed"]
    one_answer = (1 / cells["patterns"]) if name == "drift" else 1 / study.protocol.cues
    smallest = (xr.zeros_like(out[fraction]) + one_answer).transpose(*dims).values.ravel()
    ends = [out[f"{fraction}_{end}"].transpose(*dims).values.ravel() for end in ("low", "high")]
    shares = cells[fraction].transpose(*dims, "seed").values.reshape(smallest.size, -1)
    for each, least, low, high in zip(shares, smallest, *ends, strict=True):
        if np.isnan(each).any():
            assert np.isnan([low, high]).all()
            continue
        error = each.std(ddof=1) / each.size**0.5
        trials = each.mean() * (1 - each.mean()) / error**2 if error > 0 else each.size
        trials = min(max(trials, each.size), each.size / least)
        assert (low, high) == pytest.approx(known(each.mean(), trials), abs=1e-7)
    assert np.unique(np.round(shares, 6)).size > 1


def test_an_observable_of_a_plugin_may_be_a_fraction() -> None:
    """Without a smallest change each pattern set counts as one answer."""
    assert not Observable("x", "x").fraction
    assert Observable("x", "x", fraction=True).fraction
    shares = xr.DataArray([0.0, 0.5, 0.5, 1.0], dims="seed")
    found = with_interval("x", shares, shares.notnull(), 0.0, "x")
    assert (float(found["x_low"]), float(found["x_high"])) == pytest.approx(known(0.5, 4))


# What the interval is


def test_cues_that_all_agree_are_one_answer() -> None:
    """So many pattern sets, and no more, however many cues each of them has."""
    shares = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    for cues in (1, 20):
        mean, low, high = interval(shares, cues)
        assert (float(low), float(high)) == pytest.approx(known(float(mean), 8))


def test_cues_that_scatter_as_if_alone_are_one_answer_each() -> None:
    shares = np.array([0.5, 0.5, 0.6, 0.4, 0.5, 0.5])
    mean, low, high = interval(shares, 10)
    assert (float(low), float(high)) == pytest.approx(known(float(mean), 60))


def test_the_order_of_the_seeds_does_not_matter_and_no_is_the_mirror_of_yes() -> None:
    shares = np.random.default_rng(1).integers(0, 5, (40, 7)) / 4
    _, low, high = interval(shares, 4)
    _, again, _ = interval(shares[:, ::-1], 4)
    _, mirrored, _ = interval(1 - shares, 4)
    np.testing.assert_allclose(again, low, atol=1e-12)
    np.testing.assert_allclose(mirrored, 1 - high, atol=1e-12)


@pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_it_misses_as_seldom_as_it_says(share: float, alike: float) -> None:
    """Answers of one set share a beta variate, of correlation `alike`: 16 sets of 4 cues.

    Measured: 2.5 to 8.2 % of the intervals miss, where 5 % are expected (7.7 % of 16 answers at 1/2). If all
    cues of a set agree and each counted as an answer, 40 % and more would.
    """
    random, count, cues = np.random.default_rng(7), 3000, 4
    if alike == 1.0:
        chance = (random.random((count, 16)) < share).astype(float)
    elif alike == 0.0:
        chance = np.full((count, 16), share)
    else:
        total = 1 / alike - 1
        chance = random.beta(share * total, (1 - share) * total, (count, 16))
    _, low, high = interval(random.binomial(cues, chance) / cues, cues)
    missed = int(((low > share) | (high < share)).sum())
    assert missed <= stats.binom.isf(FALSE_ALARM, count, 0.09)
