"""Means of few pattern sets lie as far from that of all sets as their errors say."""

import pytest
import xarray as xr
from builders import HERE, make_study
from scipy.stats import binom, norm

import mattis
from mattis.statistics.intervals import normal_pull
from mattis.statistics.survival import survival

SETS = 400
GROUPS = (4, 8, 16, 32)
FALSE_ALARM = 1e-8
"""Of one count; there are below 100 in this file."""


@pytest.fixture(scope="module", params=[300, pytest.param(1000, marks=pytest.mark.long)])
def ensemble(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Chains of pattern sets that mostly survive; some end in a state beside theirs, at 0.5 to 0.9."""
    folder = tmp_path_factory.mktemp("ensemble")
    study = make_study(
        folder, size=[request.param], load=[0.05], temperature=[0.2, 0.4], noise=[0.0], seed=SETS,
        cues=1, sweeps={"thermalise": 200, "measure": 400},
    )  # fmt: skip
    mattis.run(study, folder, HERE)
    return study, mattis.open_results(study, folder).load()


def grouped(cells: xr.Dataset, count: int) -> xr.Dataset:
    """Return the cells with the pattern sets in groups of `count`, which share none."""
    whole = cells.isel(seed=slice(SETS // count * count)).drop_vars("seed")
    return whole.coarsen(seed=count).construct(seed=("group", "seed"))


@pytest.mark.parametrize("count", GROUPS)
def test_errors_of_few_sets_are_right_in_their_tails(ensemble, count: int) -> None:
    """Pulls of survivors beyond 2, 3 and 4, by Student; each cell by itself: its groups share no set."""
    study, cells = ensemble
    every, some = survival(cells, study), survival(grouped(cells, count), study)
    trusted = some["survived"] == 1  # metastable, in the words of `state`
    assert trusted.mean() > 0.5
    for name in ("overlap", "edwards_anderson", "energy"):
        apart = some[f"{name}_given_survival"] - every[f"{name}_given_survival"]
        pull = normal_pull(apart / some[f"{name}_given_survival_error"], some["survivors"] - 1)
        of_cells = pull.where(trusted).stack(cell=("size", "load", "beta", "noise"))
        for beyond in (2, 3, 4):
            far = (abs(of_cells) > beyond).sum("group").values
            most = binom.isf(FALSE_ALARM, of_cells.notnull().sum("group"), 2 * norm.sf(beyond))
            assert (far <= most).all(), (name, beyond, far, most)


@pytest.mark.parametrize("count", GROUPS)
def test_intervals_of_the_survivors_miss_as_seldom_as_they_say(ensemble, count: int) -> None:
    study, cells = ensemble
    every, some = survival(cells, study)["survived"], survival(grouped(cells, count), study)
    outside = (some["survived_low"] > every) | (some["survived_high"] < every)
    most = binom.isf(FALSE_ALARM, some.sizes["group"], 0.06)  # 5 %, and what Wilson's are off by
    assert (outside.sum("group") <= most).all(), outside.sum("group").values
