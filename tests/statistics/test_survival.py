"""Means over two states told apart, intervals of few seeds, and the class of each cell."""

import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import fill
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.engine.status import open_results
from mattis.networks.binary.hopfield import course_of
from mattis.networks.registry import study_of
from mattis.statistics.estimates import aggregate
from mattis.statistics.intervals import normal_pull, student, wilson
from mattis.statistics.states import (
    CELL_STATES,
    DESCENT,
    EQUILIBRATED,
    ESCAPES,
    METASTABLE,
    REMANENT,
    TOO_FEW_SEEDS,
)
from mattis.statistics.survival import ratio
from mattis.study.model import means_given_survival

# Intervals


@pytest.mark.parametrize(("hits", "count"), [(0, 16), (16, 16), (1, 3), (7, 20), (200, 1000)])
def test_wilsons_interval_is_that_of_scipy(hits: int, count: int) -> None:
    low, high = wilson(xr.DataArray(hits / count), xr.DataArray(count))
    known = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert (float(low), float(high)) == pytest.approx((known.low, known.high), abs=1e-12)


def test_no_trial_has_no_interval() -> None:
    assert all(math.isnan(end) for end in wilson(xr.DataArray(0.5), xr.DataArray(0)))


@pytest.mark.parametrize(("degrees", "factor"), [(1, 12.7062), (3, 3.18245), (15, 2.13145), (10**6, 1.95997)])
def test_students_factors_are_those_of_the_tables(degrees: int, factor: float) -> None:
    assert student(np.array([float(degrees)]))[0] == pytest.approx(factor, rel=1e-5)
    assert np.isnan(student(np.array([0.0, -1.0]))).all()


@pytest.mark.parametrize("degrees", [1, 3, 15, 10**6])
def test_students_pull_is_the_normal_deviate_that_is_as_rare(degrees: int) -> None:
    pulls = np.array([-4.0, -1.0, 0.0, 0.5, 3.0])
    found = normal_pull(xr.DataArray(pulls), xr.DataArray(np.full(5, degrees))).values
    known = -np.sign(pulls) * stats.norm.ppf(stats.t.sf(np.abs(pulls), degrees))
    assert found == pytest.approx(known, rel=1e-9, abs=1e-12)


def test_pulls_of_no_degree_are_none_and_the_largest_are_finite() -> None:
    assert math.isnan(normal_pull(xr.DataArray(1.0), 0))
    assert 30 < float(normal_pull(xr.DataArray(1e300), 60)) < 40
    assert float(normal_pull(xr.DataArray(-3.0), 4)) == pytest.approx(-2.054, abs=1e-3)


# What is stored


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40))
def test_the_course_of_a_chain_is_that_of_its_slices(series: list[int]) -> None:
    early, lowest = course_of(np.array(series))
    count, length = min(8, len(series)), len(series)
    parts = [series[k * length // count : (k + 1) * length // count] for k in range(count)]
    assert early == pytest.approx(np.mean(series[: length // 2]))
    assert lowest == pytest.approx(min(np.mean(part) for part in parts))


def test_means_of_survivors_are_those_of_the_cues_that_survived() -> None:
    cells = [
        {"overlap": 0.9, "energy": -0.5, "flag": 1.0, "survived": 1.0},
        {"overlap": 0.1, "energy": -0.1, "flag": 0.0, "survived": 0.0},
        {"overlap": 0.7, "energy": -0.3, "flag": 0.0, "survived": 1.0},
    ]
    found = means_given_survival(cells)
    assert found == pytest.approx({"overlap_given_survival": 0.8, "energy_given_survival": -0.4})
    assert all(math.isnan(value) for value in means_given_survival(cells[1:2]).values())
    assert means_given_survival([{"overlap": 1.0}]) == {}


WARM = {
    "name": "warm", "model": "hopfield", "sweeps": {"thermalise": 10, "measure": 61},
    "axes": {"size": [60], "load": [0.05, 0.15], "temperature": [0.0, 0.45, 0.7], "seed": 8},
}  # fmt: skip


@pytest.mark.parametrize("cues", [1, 3])
def test_survivors_and_others_together_are_all(tmp_path: Path, cues: int) -> None:
    """Of each cell f X_stayed + (1 - f) X_left = X, and one cue with each pattern gives the same sums."""
    study = study_of({**WARM, "cues": cues})
    fill(study, tmp_path)
    out = aggregate(open_results(study, tmp_path), study)
    share = out["survived"]
    for name in ("overlap", "energy", "edwards_anderson", "flip_fraction", "overlap_squared"):
        stayed, left = out[f"{name}_given_survival"], out[f"{name}_given_loss"]
        whole = share * stayed.fillna(0) + (1 - share) * left.fillna(0)
        np.testing.assert_allclose(whole, out[name], rtol=1e-12, atol=1e-12)
        assert (stayed.isnull() == (share == 0)).all()
        assert (left.isnull() == (share == 1)).all()
    assert ((share > 0) & (share < 1)).any()
    assert (out["survived_low"] <= share).all()
    assert (share <= out["survived_high"]).all()
    assert (out["overlap_given_survival"] > 0.5).where(share > 0, True).all()


def test_the_error_of_survivors_is_that_of_a_mean_where_each_set_has_one(tmp_path: Path) -> None:
    study = study_of(WARM)
    fill(study, tmp_path)
    cells = open_results(study, tmp_path)
    out = aggregate(cells, study)
    stayed = cells["overlap"].where(cells["survived"] == 1)
    error = stayed.std("seed", ddof=1) / stayed.count("seed") ** 0.5
    found = out["overlap_given_survival_error"]
    above = error > 2 / 60 / stayed.count("seed")  # not below what one spin could have shown
    assert above.any()
    np.testing.assert_allclose(found.where(above), error.where(above), rtol=1e-12)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.permutations(range(8)))
def test_the_order_of_seeds_does_not_matter(order: list[int]) -> None:
    random = np.random.default_rng(3)
    weight = xr.DataArray(random.random((2, 8)).round(1), dims=("load", "seed"))
    values = xr.DataArray(random.random((2, 8)), dims=("load", "seed"))
    for mine, theirs in zip(
        ratio(values, weight, 0.0), ratio(values[:, order], weight[:, order], 0.0), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# Classes


def test_each_cell_is_in_the_class_that_a_physicist_would_name(tmp_path: Path) -> None:
    """N = 200: one pattern keeps its state, a hot network is a paramagnet, a full one is on its way down."""
    study = study_of(
        {
            "name": "classes", "model": "hopfield", "sweeps": {"thermalise": 100, "measure": 400},
            "axes": {"size": [200], "load": [0.005, 0.4], "temperature": [0.0, 0.4, 4.0], "seed": 8},
        }
    )  # fmt: skip
    fill(study, tmp_path)
    cells = open_results(study, tmp_path)
    state = aggregate(cells, study)["state"]
    light, full = (state.isel(size=0, noise=0, load=k).sortby("temperature").values.tolist() for k in (0, 1))
    assert light == [DESCENT, METASTABLE, EQUILIBRATED]
    assert full == [DESCENT, REMANENT, EQUILIBRATED]
    assert state.attrs["flag_values"] == [*CELL_STATES]
    assert len(state.attrs["flag_meanings"].split()) == len(CELL_STATES)
    few = aggregate(cells.isel(seed=[0, 1]), study)["state"]
    assert (few == TOO_FEW_SEEDS).all()


def test_a_cell_that_some_have_left_escapes(tmp_path: Path) -> None:
    study = study_of(WARM)
    fill(study, tmp_path)
    out = aggregate(open_results(study, tmp_path), study)
    mixed = (out["survived"] > 0) & (out["survived"] < 1) & np.isfinite(out["beta"])
    assert mixed.any()
    assert (out["state"].where(mixed, ESCAPES) == ESCAPES).all()


def test_cells_of_before_are_in_the_class_of_those_of_today(tmp_path: Path) -> None:
    """What their version did not observe is NaN: then the mean over the whole chain says who was there."""
    study = study_of(WARM)
    fill(study, tmp_path)
    cells = open_results(study, tmp_path).load()
    today = aggregate(cells, study)["state"]
    for which in (slice(None), slice(0, 2)):  # all of them, or the older seeds
        before = cells.copy(deep=True)
        for name in ("survived", "retrieved_early"):
            before[name][{"seed": which}] = np.nan
        state = aggregate(before, study)["state"]
        some = (before["retrieved"].mean("seed") > 0) & (before["retrieved"].mean("seed") < 1)
        assert not (some & (state == REMANENT)).any()
        assert float((state == today).mean()) > 0.7


# Boundaries


def test_a_boundary_says_its_criterion_its_age_and_how_far_it_moved(tmp_path: Path) -> None:
    study = study_of({**WARM, "axes": {**WARM["axes"], "temperature": [0.1, 0.4, 0.7, 1.0]}})
    fill(study, tmp_path)
    out = aggregate(open_results(study, tmp_path), study)
    whole, early = out["boundary_temperature"], out["boundary_temperature_early"]
    assert (whole.attrs["age"], early.attrs["age"]) == (71.0, 40.0)
    assert "sweeps 11 to 71" in whole.attrs["criterion"]
    assert "sweeps 11 to 40" in early.attrs["criterion"]
    np.testing.assert_allclose(out["boundary_temperature_shift"], whole - early)
    assert early.notnull().any()
