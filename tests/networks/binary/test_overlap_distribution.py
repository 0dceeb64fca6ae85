"""P(q_ab), the distribution of the overlap of two replicas: its bins, Boltzmann's law, and a diagram of it.

The numbers are fixed. All comparisons of a test together would condemn a right program with a probability of
at most 1e-6: Student's law, of some runs or of pattern sets.
"""

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import HERE, fill, make_of_family, refused
from ladders import energies_of, run_of
from scipy import stats

import mattis
from mattis import figures
from mattis.comparison.view import view
from mattis.engine.driver import run
from mattis.engine.status import status
from mattis.networks.binary.asking.exchange import (
    OVERLAP_DISTRIBUTION,
    bins_of,
    on_rung,
    overlap_distribution,
)
from mattis.networks.binary.asking.table import BINARY_QUESTIONS
from mattis.networks.binary.ladder import LadderRun
from mattis.study.base import Study

NAMES = [one.name for one in OVERLAP_DISTRIBUTION.bins]
LADDER = [0.15, 0.25, 0.4, 0.65, 1.0, 1.5]

NETWORKS: dict[str, dict[str, Any]] = {
    "hopfield": {"load": [0.3]},
    "sherrington_kirkpatrick": {"load": None, "memories": [1]},
    "zero_one": {
        "load": [0.3],
        "dynamics": {"neurons": "zero_one", "threshold": 0.15},
        "temperature": [0.04, 0.07, 0.12, 0.2, 0.4],
    },
}
"""Networks of 10 neurons, whose states can all be visited."""

GLASS = {"model": "sherrington_kirkpatrick", "load": None, "memories": [1], "size": [16]}


def study_of(**changes: Any) -> Study:
    keys: dict[str, Any] = {
        "protocol": "exchange",
        "temperature": LADDER,
        "size": [10],
        "noise": [0.0],
        "seed": 1,
        "sweeps": {"thermalise": 100, "measure": 1000},
    }
    return make_of_family(**{**keys, **changes})


def test_a_bin_is_that_of_the_nearest_centre() -> None:
    """All q_ab at each N up to 60, in fractions: of two as near the outer one, so both signs are alike."""
    for size in range(1, 61):
        values = np.arange(-size, size + 1, 2)
        found = bins_of(values, size).tolist()
        for twins, bin_ in zip(values.tolist(), found, strict=True):
            q = Fraction(twins, size)
            apart = [abs(q - Fraction(k, 10)) for k in range(-10, 11)]
            nearest = [k for k in range(21) if apart[k] == min(apart)]
            assert bin_ == max(nearest, key=lambda k: abs(k - 10))
        assert found == [20 - bin_ for bin_ in found[::-1]]


@pytest.mark.parametrize("size", [7, 20, 33, 128])
def test_a_density_is_the_share_of_sweeps_over_the_width_of_its_bin(size: int) -> None:
    """Counted in plain Python; all shares add up to 1, and the same share of each value is 1/2 everywhere."""
    values = range(-size, size + 1, 2)
    twins = [values[k * k % len(values)] for k in range(500)]
    found = overlap_distribution(np.array(twins), size)
    assert [*found] == NAMES
    counted = Counter(bins_of(np.array(twins), size).tolist())
    possible = Counter(bins_of(np.array(values), size).tolist())
    for k, density in enumerate(found.values()):
        if k in possible:
            assert density == pytest.approx(counted[k] / 500 / (possible[k] * 2 / size), rel=1e-14)
        else:
            assert math.isnan(density)
            assert size < 20
    whole = sum(found[NAMES[k]] * possible[k] * 2 / size for k in possible)
    assert whole == pytest.approx(1, rel=1e-12)
    flat = overlap_distribution(np.array(values), size)
    known = [one for one in flat.values() if not math.isnan(one)]
    assert known == pytest.approx([size / (2 * (size + 1))] * len(known), rel=1e-12)


def law_of(made: LadderRun, beta: float) -> np.ndarray:
    """Return the probability of each bin for two states of Boltzmann's law, by all pairs of them."""
    states, energies = energies_of(made)
    weights = np.exp(-beta * (energies - energies.min()))
    weights /= weights.sum()
    nearest = np.rint(states @ states.T / made.circuit.size * 10).astype(int) + 10
    return np.bincount(nearest.ravel(), np.outer(weights, weights).ravel(), minlength=21)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_distribution_is_that_of_all_pairs_of_states(name: str) -> None:
    """16 runs of one network, whose 11 values of q_ab have a bin each: 66 looks at shares above 0.01."""
    study, shares = study_of(model=name, **NETWORKS[name]), []
    for k in range(16):  # the noise of the cue names the streams
        made = run_of(study, k / 11 / 10**6)
        found, rungs = made.run(), range(made.ladder.rungs)
        cells = [on_rung(made, found, rung) for rung in rungs]
        shares.append([[cell[name] * 2 / 10 for name in NAMES[::2]] for cell in cells])
        assert all(math.isnan(cell[name]) for cell in cells for name in NAMES[1::2])
    values, limit = np.array(shares), float(stats.t(15).isf(1e-6 / 66 / 2))
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / 4
    looked = 0
    for rung, beta in enumerate(made.ladder.betas):
        exact = law_of(made, beta)
        assert exact[1::2].sum() == 0
        common = exact[::2] > 0.01
        z = (mean[rung] - exact[::2])[common] / error[rung][common]
        assert abs(z).max() < limit, (beta, z)
        assert (error[rung][common] < 0.05).all()
        looked += int(common.sum())
    assert looked >= 30


def test_binders_ratio_is_that_of_the_histogram() -> None:
    """Within half a bin: |q² - c²| <= w |c| + w²/4 of a value q in a bin about c, of width w = 0.1."""
    made = run_of(study_of(**{**GLASS, "size": [64]}))
    found, centres = made.run(), np.array(OVERLAP_DISTRIBUTION.centres)
    possible = np.bincount(bins_of(np.arange(-64, 65, 2), 64)) * 2 / 64
    for rung in range(made.ladder.rungs):
        cell = on_rung(made, found, rung)
        share = np.array([cell[name] for name in NAMES]) * possible
        assert share.sum() == pytest.approx(1)
        second, fourth = (float(share @ centres**k) for k in (2, 4))
        reach = float(share @ (0.1 * abs(centres) + 0.0025))
        assert abs(second - cell["replica_overlap_squared"]) < reach
        assert (3 - fourth / second**2) / 2 == pytest.approx(cell["binder"], abs=0.1)


def test_both_signs_are_as_frequent_where_the_energy_is_the_same(tmp_path: Path) -> None:
    """36 sets of a glass: 60 looks at 1e-6 in all; neurons 0, 1 with thresholds have no such symmetry."""
    study = study_of(**GLASS, seed=36, sweeps={"thermalise": 100, "measure": 1000})
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path).squeeze(drop=True)
    looked = 0
    for k in range(10):
        apart = cells[NAMES[k]] - cells[NAMES[20 - k]]
        known = apart.notnull().all("seed") & (cells[NAMES[k]].mean("seed") > 0.02)
        error = apart.std("seed", ddof=1) / 6
        z = (apart.mean("seed") / error).where(known, 0)
        assert (abs(z) < stats.t(35).isf(1e-6 / 60 / 2)).all()
        looked += int(known.sum())
    assert looked >= 30
    made = run_of(study_of(model="zero_one", **NETWORKS["zero_one"]))
    cold = on_rung(made, made.run(), made.ladder.rungs - 1)
    assert cold[NAMES[20]] > 2 > 0.1 > cold[NAMES[0]]


def test_a_diagram_has_the_bins_along_an_axis_of_their_own(tmp_path: Path) -> None:
    """Mean and error of each bin over the sets, by hand; and no error below one sweep in a bin."""
    study = study_of(**{**GLASS, "size": [24]}, seed=5, sweeps={"thermalise": 20, "measure": 200})
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path)
    out = mattis.aggregate(cells, study)
    found, error = out["overlap_distribution"], out["overlap_distribution_error"]
    assert found.dims == error.dims == (*out["seeds"].dims, "q")
    assert found["q"].values.tolist() == [k / 10 for k in range(-10, 11)]
    assert found["q"].attrs["width"] == 0.1
    assert not {*NAMES} & {*out}
    for attributes in (found.attrs, error.attrs, found["q"].attrs):
        assert attributes["long_name"]
        assert attributes["units"] == "1"
    for k, name in enumerate(NAMES):
        each = cells[name]
        np.testing.assert_allclose(found.isel(q=k), each.mean("seed"), rtol=1e-12)
        least = 10 / 200 / 5
        spread = np.maximum(each.std("seed", ddof=1) / 5**0.5, least)
        np.testing.assert_allclose(error.isel(q=k), spread, rtol=1e-9)
    assert found.notnull().all()
    assert (found == 0).any()


def test_a_panel_of_it_runs_along_q(tmp_path: Path) -> None:
    """Its curves are temperatures, unless a study says otherwise; old stores leave the panel blank."""
    panel = {"quantity": "overlap_distribution"}
    study = study_of(**{**GLASS, "size": [16, 24]}, seed=4, figure={"panels": [panel, "binder"]})
    assert study.figure is not None
    (block, _) = study.figure.panels or ()
    assert (view(study, block).across, view(study, block).curves) == ("q", "beta")
    fill(study, tmp_path)
    cells = mattis.open_results(study, tmp_path)
    ((_, page),) = figures.curve_pages.figures(figures.estimates_of(cells, study, tmp_path), study)
    axes = page.axes[0]
    assert axes.get_ylabel() == "density $P(q_{ab})$"
    assert axes.get_xlabel() == "overlap $q_{ab}$ of two replicas"
    drawn = [one for one in axes.containers if len(one[0].get_xdata())]
    assert {x for one in drawn for x in one[0].get_xdata()} <= {*OVERLAP_DISTRIBUTION.centres}
    assert len({one.get_label().split(", ")[1] for one in drawn}) == len(LADDER)


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"across": "temperature"}, "across: got temperature; expected q, the axis of"),
        ({"curves": "q"}, "curves: got q; expected an axis of the study"),
        ({"up": "temperature"}, "quantity: got overlap_distribution; expected a histogram by itself"),
        ({"quantity": ["overlap_distribution", "binder"]}, "expected a histogram by itself"),
        ({"quantity": "binder", "across": "q"}, "across: got q; expected an axis of the study"),
        ({"quantity": "overlap_distribution_3"}, "expected a quantity of the study"),
    ],
)
def test_a_panel_that_is_none_is_refused_in_one_line(panel: dict[str, Any], said: str) -> None:
    whole = {"quantity": "overlap_distribution", **panel}
    assert said in refused(study_of, figure={"panels": [whole]})


def test_a_store_of_before_is_read_and_gets_it_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = BINARY_QUESTIONS["exchange"]
    before = tuple(one for one in question.extra if one.histogram is None)
    without = {**BINARY_QUESTIONS, "exchange": replace(question, extra=before)}
    study = study_of(seed=2, sweeps={"thermalise": 10, "measure": 60})
    with monkeypatch.context() as yesterday:
        for module in ("networks.binary.family", "networks.binary.study"):
            yesterday.setattr(f"mattis.{module}.BINARY_QUESTIONS", without)
        first = run(study, tmp_path, HERE)
        old = mattis.open_results(study, tmp_path)
    assert status(study, tmp_path)["lacks"] == NAMES
    cells = mattis.open_results(study, tmp_path)
    assert cells["valid"].all()
    assert mattis.aggregate(cells, study)["overlap_distribution"].isnull().all()
    again = run(study, tmp_path, HERE)
    assert (again.computed, again.digest) == (0, first.digest)
    more = run(study, tmp_path, replace(HERE, all_observables=True))
    assert more.digest != first.digest
    assert more.digest == run(study, tmp_path / "scratch", HERE).digest
    whole = mattis.open_results(study, tmp_path)
    assert mattis.aggregate(whole, study)["overlap_distribution"].notnull().any()
    for name in old.data_vars:
        if name != "held":
            xr.testing.assert_equal(old[name], whole[name])
