"""Learn, then recall, read back: which points are of new patterns, which of old ones, and where maps end."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import asked, imagined, is_dashed, key, pages, plain_lines, short, told, uprights
from builders import STUDIES
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.stats import t as student_t

from mattis.study.base import Study
from mattis.theory import evaluate


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, xr.Dataset, Figure]:
    """The study of the folder, from imagined cells, at its first noise and temperature."""
    study = short(STUDIES / "recall.yaml")
    estimates = imagined(study, tmp_path_factory.mktemp("recall")).load()
    first = dict.fromkeys(("size", "noise", "beta", "cue_noise"), 0)
    plane = estimates.isel(first).sortby("load").sortby("kappa").sortby("presentations")
    return study, plane, pages(study, estimates)["diagram"]


def panel(figure: Figure, letter: str) -> Axes:
    (found,) = (ax for ax in figure.axes if ax.get_title("left").startswith(f"({letter})"))
    return found


WORDS = {"overlap": "overlap with the new pattern", "overlap_old": "overlap with the old pattern"}


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("letter", ["c", "d"])
def test_points_are_of_the_pattern_that_the_key_says(drawn: Any, name: str, letter: str) -> None:
    """(c) along the load at the sharpest synapses, (d) in time at the load nearest to 0.05."""
    _, plane, figure = drawn
    ax, cut = panel(figure, letter), plane.isel(kappa=-1)
    if letter == "c":
        cut = cut.isel(presentations=-1)
        x = cut["realised_load"].values
    else:
        cut = cut.isel(load=int(np.argmin(abs(plane["realised_load"].values - 0.05))))
        x = cut["presentations"].values
    entry = key(figure)[WORDS[name]]
    (bars,) = (bars for bars in ax.containers if bars.get_label() == WORDS[name])
    line = entry[0] if isinstance(entry, tuple) or hasattr(entry, "lines") else entry
    assert to_hex(bars[0].get_color()) == to_hex(line.get_color())
    np.testing.assert_allclose(bars[0].get_xydata(), np.column_stack([x, cut[name].values]))
    ends = np.array(bars[2][0].get_segments())[:, :, 1]
    reach = student_t.ppf(0.975, cut["seeds"].values - 1) * cut[f"{name}_error"].values
    np.testing.assert_allclose((ends[:, 1] - ends[:, 0]) / 2, reach)


@pytest.mark.parametrize(("letter", "name"), [("a", "overlap"), ("b", "overlap_old")])
def test_maps_are_of_the_pattern_that_their_title_says(drawn: Any, letter: str, name: str) -> None:
    _, plane, figure = drawn
    ax = panel(figure, letter)
    assert {"a": "new", "b": "old"}[letter] in ax.get_title("left")
    (mesh,) = (one for one in ax.collections if isinstance(one, QuadMesh))
    values = plane[name].isel(presentations=-1).transpose("kappa", "load").values
    np.testing.assert_allclose(np.ma.getdata(mesh.get_array()), values)
    assert mesh.get_clim() == (0, 1)
    end = evaluate("hopfield.alpha_M", temperature=float(plane["temperature"]))
    assert uprights(ax) == [end]


def test_ends_of_learning_are_where_they_were_measured(drawn: Any) -> None:
    _, plane, figure = drawn
    ends = plane.isel(presentations=-1)
    bars = {one.get_label(): one for one in panel(figure, "a").containers}
    known = np.isfinite(ends["boundary_kappa"].values)
    wanted = np.column_stack([ends["realised_load"].values, ends["boundary_kappa"].values])[known]
    np.testing.assert_allclose(bars[r"half retrieved, along $\kappa$"][0].get_xydata(), wanted)


def test_theory_of_a_stored_pattern_is_hopfields(drawn: Any) -> None:
    """At the load of the other patterns, (P - 1)/N: with that z is made."""
    _, plane, figure = drawn
    (line,) = (one for one in plain_lines(panel(figure, "c")) if "AGS" in str(one.get_label()))
    assert not is_dashed(line)
    heat = float(plane["temperature"])
    for x, y in line.get_xydata()[::40]:
        found = evaluate("hopfield.overlap", load=x - 1 / float(plane["size"]), temperature=heat)
        assert (found is None and np.isnan(y)) or y == pytest.approx(found)


def test_the_strip_below_the_loads_is_z_of_the_new_pattern(tmp_path: Path) -> None:
    study = short(STUDIES / "recall.yaml")
    estimates = imagined(study, tmp_path).load()
    wanted = np.linspace(-5.0, 7.0, estimates["overlap_z"].size).reshape(estimates["overlap_z"].shape)
    estimates["overlap_z"] = estimates["overlap_z"].copy(data=wanted)
    figure = pages(study, estimates)["diagram"]
    loads = panel(figure, "c")
    (strip,) = (ax for ax in figure.axes if ax is not loads and ax.get_shared_x_axes().joined(ax, loads))
    first = dict.fromkeys(("size", "noise", "beta", "cue_noise"), 0)
    cut = estimates.isel(first).sortby("load").sortby("kappa").sortby("presentations")
    cut = cut.isel(kappa=-1, presentations=-1)
    known = cut["overlap_z"].values
    inside = known[abs(known) <= 6]
    (points,) = (one for one in strip.get_lines() if one.get_marker() == "o")
    np.testing.assert_allclose(points.get_ydata(), inside)
    np.testing.assert_allclose(points.get_xdata(), cut["realised_load"].values[abs(known) <= 6])


def test_cosines_are_dashed_and_of_their_memories(drawn: Any) -> None:
    _, plane, figure = drawn
    cut = plane.isel(kappa=-1, load=int(np.argmin(abs(plane["realised_load"].values - 0.05))))
    lines = {str(one.get_label()): one for one in plain_lines(panel(figure, "d"))}
    for name, words in (("similarity", "new"), ("similarity_old", "old")):
        line = lines[f"cosine of memory and {words}"]
        np.testing.assert_allclose(line.get_ydata(), cut[name].values)
        assert is_dashed(line)


def test_the_page_says_what_is_asked_and_what_was_learnt(drawn: Any, tmp_path: Path) -> None:
    study, _, figure = drawn
    assert asked(figure) == study.figure.question
    assert told(figure).startswith("recall: ")
    assert not [*tmp_path.iterdir()]
