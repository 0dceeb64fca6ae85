"""Limits of the boundaries of a study: in the dataset with words, in the headline, on the figure."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtr

from mattis.cli.screen import finite
from mattis.comparison.findings import headline, headline_lines
from mattis.comparison.phases import PHASES
from mattis.figures import curve_pages
from mattis.figures.limits import limit_band
from mattis.networks.registry import study_of
from mattis.statistics.estimates import aggregate
from mattis.statistics.finite_size import POWERS, limit
from mattis.store import cube
from mattis.theory import evaluate

SIZES, LOADS, SEEDS = [1000, 2000, 4000, 8000], np.linspace(0.13, 0.19, 25), 40
PLACE, POWER = 0.14, 0.5


def study(sizes: list[int] = SIZES):
    axes = {"size": sizes, "load": LOADS.tolist(), "temperature": [0.0], "noise": [0.0], "seed": SEEDS}
    panel = {
        "quantity": "boundary_load", "across": "size",
        "marks": ["hopfield.alpha_c", "hopfield.alpha_hysteresis"],
    }  # fmt: skip
    figure = {"panels": [panel]} if len(sizes) > 1 else None
    return study_of({"name": "by-hand", "model": "hopfield", "axes": axes, "figure": figure})


def estimates(sizes: list[int] = SIZES) -> xr.Dataset:
    """Sets that are retrieved up to 0.14 + (0.6 + 0.35 z) N^-1/2, z in the middles of equal parts."""
    asked = study(sizes)
    size = np.array(sizes, float)[:, None, None]
    share = ndtr((PLACE + 0.6 * size**-POWER - LOADS[:, None]) / (0.35 * size**-POWER))
    seen = (share > (np.arange(SEEDS) + 0.5) / SEEDS).astype(float)[:, :, None, None]
    labels = cube.labels_of(asked)
    found = cube.frame(labels).dataset()
    for one in asked.described_model.observables:
        share_like = one.name in ("retrieved", "retrieved_early", "survived", "overlap")
        values = np.broadcast_to(seen if share_like else 0, labels.shape)
        found[one.name] = PHASES, values.astype(cube.dtype_of(one)), cube.attributes_of(one)
    found = found.assign(valid=(PHASES, np.ones(labels.shape, bool)))
    return aggregate(found, asked)


@pytest.fixture(scope="module")
def known() -> xr.Dataset:
    return estimates()


def test_the_limit_is_that_of_the_boundary_at_each_size(known: xr.Dataset):
    place, error = (known[f"boundary_load{end}"].values.ravel() for end in ("", "_error"))
    expected = limit(np.array(SIZES, float), place, error)
    assert expected is not None
    for end in ("", "_error", "_systematic"):
        found = known[f"boundary_load_extrapolated{end}"]
        assert found.dims == ("beta", "noise")
        assert found.item() == getattr(expected, end.removeprefix("_") or "value")
        assert found.attrs["units"] == "1"
        assert "N -> infinity" in found.attrs["long_name"]
        assert "omega" in found.attrs["criterion"]
    assert abs(known["boundary_load_extrapolated"].item() - PLACE) < expected.total


def test_every_fit_is_there_with_its_power_and_its_smallest_size(known: xr.Dataset):
    fits = known["boundary_load_fits"]
    assert fits.dims == ("power", "smallest_size", "beta", "noise")
    assert [*fits["power"].values] == [*POWERS]
    assert [*fits["smallest_size"].values] == SIZES[:-1]
    there = np.isfinite(fits.values[:, :, 0, 0])
    np.testing.assert_array_equal(there, [[1, 1, 0]] * 3 + [[1, 0, 0]])
    assert float(known["boundary_load_fits_weight"].sum()) == pytest.approx(1)
    half = known.sel(power="1/2", smallest_size=1000)
    assert abs(float(half["boundary_load_fits"].item()) - PLACE) < 1e-3
    assert float(half["boundary_load_fits_amplitude"].item()) == pytest.approx(0.6, abs=0.05)
    for end in ("", "_error", "_omega", "_omega_error", "_amplitude", "_chi2", "_weight"):
        assert {"long_name", "units"} <= {*known[f"boundary_load_fits{end}"].attrs}


def test_shares_collapse_where_they_were_made_to(known: xr.Dataset):
    assert abs(known["boundary_load_collapse"].item() - PLACE) < 2e-3
    assert abs(known["boundary_load_collapse_power"].item() - POWER) < 0.1
    assert known["boundary_load_collapse_quality"].item() < 0.5  # no noise


def test_one_size_has_no_limit_and_two_have_no_collapse():
    assert not [name for name in estimates([1000]) if "extrapolated" in str(name)]
    two = estimates([1000, 4000])
    assert "boundary_load_extrapolated" in two
    assert not [name for name in two if "collapse" in str(name) or "spinodal" in str(name)]


def test_the_headline_has_all_of_it(known: xr.Dataset):
    content = json.loads(json.dumps(finite(headline(known, study()))))
    (row,) = content["boundaries"]
    assert row["extrapolated"] == known["boundary_load_extrapolated"].item()
    assert row["extrapolated_systematic"] == known["boundary_load_extrapolated_systematic"].item()
    assert [one["size"] for one in row["by_size"]] == SIZES
    assert [one["value"] for one in row["by_size"]] == known["boundary_load"].values.ravel().tolist()
    assert len(row["fits"]) == 7
    assert {"power", "smallest_size", "value", "error", "omega", "chi2", "weight"} == {*row["fits"][0]}
    assert row["collapse"]["quality"] == known["boundary_load_collapse_quality"].item()
    line = headline_lines(content)[0]
    assert f"; at N → ∞ {row['extrapolated']:.4g} ± " in line
    assert "(systematic), by a collapse 0.1" in line
    assert "by_size" not in line


def test_a_panel_across_sizes_shows_fits_limit_and_places_of_theory(known: xr.Dataset):
    band = limit_band(known.isel(beta=0, noise=0), "boundary_load", [])
    assert band is not None
    assert [word for word, *_ in band.fits] == ["1/2", "2/3", "1"]
    assert band.total == np.hypot(band.error, known["boundary_load_extrapolated_systematic"].item())
    ((_, figure),) = curve_pages.figures(known.assign_attrs(digest="none"), study())
    (ax,) = (ax for ax in figure.get_axes() if ax.get_ylabel().startswith("end along"))
    levels = {line.get_label(): line.get_ydata()[0] for line in ax.get_lines()}
    assert levels["_N → ∞"] == band.value
    assert levels["_hopfield.alpha_c"] == evaluate("hopfield.alpha_c")
    assert levels["_hopfield.alpha_hysteresis"] == evaluate("hopfield.alpha_hysteresis")
    (line,) = (line for line in ax.get_lines() if line.get_label() == "_fit, N^-1/2")
    _, omega, value, amplitude = band.fits[0]
    x, y = (np.asarray(of, float) for of in line.get_data())
    np.testing.assert_allclose(y, value + amplitude * x**-omega)
    assert ax.get_ylim()[0] < band.value - band.total
    plt.close("all")
