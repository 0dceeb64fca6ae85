"""Boundaries of equilibrium: what they rest on; how a dataset, a figure and a headline say it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import fill, make_of_family
from matplotlib.text import Text

import mattis
from mattis.comparison.findings import headline, headline_lines
from mattis.figures import curve_pages
from mattis.statistics.boundaries import rests_on_any
from mattis.statistics.doubts import DOUBTS, UNMIXED
from mattis.study.base import Study
from mattis.study.model import NOT_EQUILIBRATED

PLACES = np.array([0.2, 0.4, 0.6, 0.8])
FALLING = np.array([[1.0, 1.0], [0.9, 0.8], [0.2, 0.1], [0.0, 0.0]])
"""Fractions of two seeds that cross 1/2 between 0.4 and 0.6."""

SAID = DOUBTS[UNMIXED]


@pytest.mark.parametrize(("doubtful", "rests"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_boundary_rests_on_the_cells_that_it_lies_between(doubtful: int, rests: bool) -> None:
    """In whatever order cells are; and on those that share a half."""
    mask = np.arange(4) == doubtful
    assert rests_on_any(PLACES, FALLING, mask) is rests
    order = np.array([2, 0, 3, 1])
    assert rests_on_any(PLACES[order], FALLING[order], mask[order]) is rests
    half = np.array([[1.0, 1.0], [0.5, 0.5], [0.5, 0.5], [0.0, 0.0]])
    assert rests_on_any(PLACES, half, mask)  # anywhere between the first and the last of them


def test_where_the_grid_ends_a_bound_rests_on_the_last_cell() -> None:
    high, low = np.full((4, 2), 0.9), np.full((4, 2), 0.1)
    for k in range(4):
        assert rests_on_any(PLACES, high, np.arange(4) == k) is (k == 3)
        assert rests_on_any(PLACES, low, np.arange(4) == k) is (k == 0)
    endless = np.array([0.2, 0.4, 0.6, np.inf])  # nothing is known up to infinity
    assert rests_on_any(endless, high, np.arange(4) == 2)
    assert not rests_on_any(endless, high, np.arange(4) == 3)
    assert not rests_on_any(PLACES, np.full((4, 2), np.nan), np.ones(4, bool))


PANEL = {"quantity": "boundary_equal_free_energy", "across": "load", "curves": "size"}


def study_of(**changes: Any) -> Study:
    keys: dict[str, Any] = {
        "protocol": "exchange", "size": [40, 60], "load": [0.05, 0.1], "noise": [0.0], "seed": 4,
        "temperature": [0.3, 0.45, 0.6, 0.8, 1.1, 1.4], "figure": {"panels": [PANEL]},
        "sweeps": {"thermalise": 10, "measure": 60},
    }  # fmt: skip
    return make_of_family(**{**keys, **changes})


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Cells of two sizes and loads, equilibrated, whose shares fall through 1/2 at T = 0.68 to 0.74."""
    root: Path = tmp_path_factory.mktemp("equilibrium")
    fill(study_of(), root)
    found = mattis.open_results(study_of(), root)
    flags = found["flag"].values.astype(np.int64) & ~NOT_EQUILIBRATED
    middle = 0.68 + 0.02 * found["seed"]
    share = 1 / (1 + np.exp((found["temperature"] - middle) / 0.05))
    share = share.broadcast_like(found["flag"]).transpose(*found["flag"].dims)
    return found.assign(
        flag=found["flag"].copy(data=flags), retrieval_share=found["retrieval_share"].copy(data=share.values)
    )


def with_flag(cells: xr.Dataset, size: int, load: float, temperature: float) -> xr.Dataset:
    """Return cells of which one network is not equilibrated at one temperature."""
    flag = cells["flag"].copy(deep=True)
    at = {"size": size, "load": load, "beta": 1 / temperature, "seed": 1}
    where = {name: flag.indexes[name].get_indexer([v], method="nearest")[0] for name, v in at.items()}
    flag[where] = flag[where] | NOT_EQUILIBRATED
    return cells.assign(flag=flag)


def neighbours(out: xr.Dataset, size: int, load: float) -> tuple[float, float]:
    """Return the temperatures between which a boundary lies."""
    place = float(out["boundary_equal_free_energy"].sel(size=size, load=load).squeeze())
    assert np.isfinite(place)
    heats = np.sort(out["temperature"].values)
    k = int(np.searchsorted(heats, place))
    return float(heats[k - 1]), float(heats[k])


def test_a_boundary_carries_the_flag_of_its_cells(cells: xr.Dataset) -> None:
    study, name = study_of(), "boundary_equal_free_energy"
    plain = mattis.aggregate(cells, study)
    assert (plain[f"{name}_flag"] == 0).all()
    assert plain[f"{name}_flag"].dims == plain[name].dims
    assert plain[f"{name}_flag"].attrs["flag_meanings"] == "not_equilibrated"
    below, above = neighbours(plain, 60, 0.1)
    for heat in (below, above):
        out = mattis.aggregate(with_flag(cells, 60, 0.1, heat), study)
        flagged = out[f"{name}_flag"] > 0
        assert int(flagged.sum()) == 1
        assert bool(flagged.sel(size=60, load=0.1).squeeze())
        for end in ("", "_error"):  # a flag changes no number
            xr.testing.assert_equal(out[f"{name}{end}"], plain[f"{name}{end}"])
        endless = out[f"{name}_extrapolated_flag"].sel(load=0.1).squeeze()
        assert int(endless) == NOT_EQUILIBRATED
        assert int(out[f"{name}_extrapolated_flag"].sum()) == NOT_EQUILIBRATED
    far = next(h for h in plain["temperature"].values.tolist() if h not in (below, above))
    assert (mattis.aggregate(with_flag(cells, 60, 0.1, far), study)[f"{name}_flag"] == 0).all()


def test_a_headline_and_a_figure_say_it(cells: xr.Dataset) -> None:
    study = study_of()
    plain = mattis.aggregate(cells, study)
    below, _ = neighbours(plain, 60, 0.1)
    out = mattis.aggregate(with_flag(cells, 60, 0.1, below), study)
    rows = headline(out, study)["boundaries"]
    assert [row["load"] for row in rows] == [0.05, 0.1]
    assert ["doubt" in row for row in rows] == [False, True]
    assert rows[1]["doubt"] == rows[1]["extrapolated_doubt"] == SAID
    first, second = headline_lines(headline(out, study))[:2]
    assert SAID not in first
    assert f"({SAID}) at" in second
    assert "of sizes of which some are not equilibrated" in second
    assert not any(SAID in line for line in headline_lines(headline(plain, study)))
    for estimates, expected in ((out, True), (plain, False)):
        ((_, page),) = curve_pages.figures(estimates.assign_attrs(digest="none"), study)
        words = [text.get_text().replace("\n", " ") for text in page.findobj(Text)]
        assert any(SAID in one for one in words) == expected
        points = [line for line in page.axes[0].get_lines() if line.get_marker() not in ("None", "")]
        assert any(line.get_markerfacecolor() == "white" for line in points) == expected


def test_boundaries_of_recall_have_no_such_flag() -> None:
    """Chains that start at their pattern are in no equilibrium by intention: their ages say so."""
    plain = make_of_family()
    assert not any(one.in_equilibrium for one in plain.described_model.boundaries)
    assert [one.in_equilibrium for one in study_of().described_model.boundaries] == [True]
