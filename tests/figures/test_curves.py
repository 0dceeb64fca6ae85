"""What a panel of curves shows, as data and as drawn: boundaries, intervals, constant panels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import imagined, is_dashed, key, plain_lines, rows_of, short, spots, symbols, told
from builders import STUDIES, fill, make_of_family

from mattis.comparison.view import view
from mattis.figures import curve_pages, estimated
from mattis.figures.curves import PanelCurve, Points, curves_of, in_logarithms, is_constant
from mattis.statistics.intervals import student
from mattis.study.base import Study
from mattis.study.figure import PanelBlock

NORMAL_95 = 1.959963984540054

BASINS: dict[str, Any] = {
    "size": [60], "load": [0.05, 0.1, 0.15], "temperature": [0.0], "noise": [0.0, 0.1, 0.2, 0.3], "seed": 4,
    "figure": {"panels": [{"quantity": "retrieved"}, {"quantity": "boundary_noise", "across": "load"}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def basins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, xr.Dataset]:
    """A study of basins, with a boundary that is known at two of three loads."""
    study, root = make_of_family(**BASINS), tmp_path_factory.mktemp("basins")
    fill(study, root)
    found = estimated(study, root).load()
    for part, values in (("", [0.4, 0.25, np.nan]), ("_error", [0.02, 0.01, np.nan])):
        name = f"boundary_noise{part}"
        wanted = xr.DataArray(values, dims="load").broadcast_like(found[name])
        found[name] = found[name].copy(data=wanted.transpose(*found[name].dims).values)
    return study, found


def test_boundaries_are_points_with_bars_of_95_percent(basins: tuple[Study, xr.Dataset]) -> None:
    study, found = basins
    figure = dict(curve_pages.figures(found, study))["diagram"]
    _, (ax, *_) = spots(figure)
    place, reach = np.array([0.4, 0.25]), NORMAL_95 * np.array([0.02, 0.01])
    wanted = np.column_stack([[0.05, 0.1], place, place - reach, place + reach])
    np.testing.assert_allclose(rows_of(symbols(ax)), wanted)
    assert not any(one.is_open for one in symbols(ax))


def test_a_boundary_is_nowhere_along_its_own_axis(basins: tuple[Study, xr.Dataset]) -> None:
    """Its panel said «at noise 0.3», the axis along which it was found."""
    study, found = basins
    _, phrases = curve_pages.filled_panels(found.isel(size=0, beta=0), study)
    assert not any(phrase.startswith("(b) at") for phrase in phrases)


def test_six_curves_at_most_the_ends_among_them(tmp_path: Path) -> None:
    study = make_of_family(
        size=[60], load=[0.03 + 0.02 * k for k in range(9)], temperature=[0.0], seed=1,
        noise=[0.04 * k for k in range(10)],
    )  # fmt: skip
    fill(study, tmp_path)
    found = estimated(study, tmp_path).isel(size=0, beta=0)
    panel = PanelBlock(quantity=["retrieved"])
    curves = curves_of(found, study, panel, view(study, panel))
    assert [one.place for one in curves] == [*range(6)]
    loads = found["realised_load"].values
    assert curves[0].word == rf"$\alpha$ = {loads[0]:.3g}"
    assert curves[-1].word == rf"$\alpha$ = {loads[-1]:.3g}"


def points(y: Any, reach: float = 0.1) -> Points:
    y = np.asarray(y, float)
    return Points(np.arange(y.size), y, y - reach, y + reach, np.zeros(y.size, int), np.ones(y.size))


def test_intervals_of_logarithms_reach_as_far_by_factors() -> None:
    found = in_logarithms(points([1.0, 0.1, 0.0]))
    assert found.low[:2] == pytest.approx([np.exp(-0.1), 0.1 * np.exp(-1)])
    assert found.high[:2] == pytest.approx([np.exp(0.1), 0.1 * np.exp(1)])
    assert (found.low[2], found.high[2]) == (-0.1, 0.1)
    assert (found.low[:2] > 0).all()


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("retrieved", [1.0, 1.0, 1.0], "1 everywhere"),
        ("two_cycle", [0.0, 0.0], "0 everywhere"),
        ("retrieved", [0.0, 1.0, 1.0], "0 or 1 in every cell"),
        ("mode_error", [1e-9, 3e-8], "at most 3e-08: rounding"),
        ("overlap", [0.0, 1.0, 1.0], None),  # a step of an overlap is something
        ("retrieved", [0.0, 0.5, 1.0], None),
        ("overlap", [0.5, 0.5001], None),
        ("overlap", [np.nan, np.nan], None),
    ],
)
def test_a_panel_of_one_value_is_a_phrase(name: str, values: Any, words: str | None) -> None:
    assert is_constant([PanelCurve(name, 0, "", points(values))]) == words


def test_a_power_is_drawn_through_the_centre_of_its_points_and_told_with_its_error(tmp_path: Path) -> None:
    """The line has the stated slope, not the fitted one, and does not begin at the first point."""
    study = short(STUDIES / "fast_slow.yaml", axes={**AXES_OF_POWERS})
    found = imagined(study, tmp_path)
    x = found["separation"].values
    for name, value in (("distance_exponent", 0.9), ("distance_exponent_error", 0.01)):
        found[name] = found[name].copy(data=np.full(found[name].shape, value))
    found["distance_exponent"].attrs["fitted_up_to"] = 0.01
    figure = dict(curve_pages.figures(found, study))["diagram"]
    ((ax, *_),) = spots(figure)
    mean, error = (found[f"distance_geometric{end}"].values.ravel() for end in ("", "_error"))
    factor = np.exp(error * student(np.array([3.0])))
    wanted = np.column_stack([x, mean, mean / factor, mean * factor])
    np.testing.assert_allclose(rows_of(symbols(ax)), wanted)
    (line,) = plain_lines(ax)
    assert is_dashed(line)
    slope, height = np.polyfit(np.log(line.get_xdata()), np.log(line.get_ydata()), 1)
    assert slope == pytest.approx(1.0)
    near = np.log(mean[:3]).mean() - np.log(x[:3]).mean()
    assert height == pytest.approx(near)
    reach = 0.01 * student(np.array([3.0]))[0]
    assert f"is a power 0.900 ± {reach:.3f} of" in told(figure)
    assert "stated: 1 towards 0" in told(figure)
    (entry,) = (handle for words, handle in key(figure).items() if "proportional" in words)
    assert is_dashed(entry)


def test_above_an_exponent_stands_how_many_patterns_that_is(tmp_path: Path) -> None:
    """P = exp(x N): at powers of ten, within the loads of the study."""
    study = short(STUDIES / "attention.yaml")
    figure = dict(curve_pages.figures(imagined(study, tmp_path), study))["diagram"]
    for ax, *_ in spots(figure):
        (above,) = ax.child_axes
        assert above.get_xlabel() == "stored patterns $P$"
        places = above.get_xticks()
        words = [text.get_text() for text in above.get_xticklabels()]
        assert words == ["$10^{1}$", "$10^{2}$", "$10^{3}$", "$10^{4}$"]  # 16 × 0.1 … 16 × 0.65
        np.testing.assert_allclose(np.exp(places * 16), [1e1, 1e2, 1e3, 1e4])


AXES_OF_POWERS = {
    "size": [20], "memories": [4], "noise": [0.2], "seed": 4,
    "separation": [0.001, 0.003, 0.01, 0.1, 1.0],
}  # fmt: skip
