"""A page in print: its width, its key in columns, words that fit, and phrases of what is not drawn."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from artists import asked, key, legends, spots, symbols, told
from builders import fill, make_of_family, make_study
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mattis.comparison.findings import headline, headline_lines
from mattis.comparison.verdict import with_theory
from mattis.figures import curve_pages, diagram, estimated
from mattis.figures.page import DOUBLE, SINGLE, close_page, key_shape, labelled, open_page, visible_length
from mattis.networks.registry import study_of
from mattis.statistics.estimates import ALL_FLAGS, INCOMPLETE
from mattis.study import plan
from mattis.study.base import Study

DRAWN = {"load": [0.05, 0.1, 0.2], "temperature": [0.0], "noise": [0.0], "seed": 4}


def page_of(study: Study, root: Path) -> Figure:
    fill(study, root)
    estimates = with_theory(estimated(study, root), study)
    return dict(curve_pages.figures(estimates, study))["diagram"]


def entry(words: str) -> Line2D:
    return Line2D([], [], marker="o", label=words)


@pytest.mark.parametrize("width", [SINGLE, DOUBLE])
@pytest.mark.parametrize("count", [0, 1, 5, 12])
def test_a_key_of_any_size_leaves_the_panel_alone(width: float, count: int) -> None:
    page = open_page(width)
    ax = page.body.subplots()
    handles = [entry(f"$T$ = {k}") for k in range(count)]
    handles += [
        entry(f"theory: hopfield.overlap (replica symmetric, N → ∞, of the load {k})")
        for k in range(count // 4)
    ]
    figure = close_page(page, 1.8, "Is it so? " * 8, handles, "words in small letters, " * 20)
    FigureCanvasAgg(figure).draw()
    panel = ax.get_tightbbox()
    boxes = [legend.get_window_extent() for legend in legends(figure)]
    boxes += [text.get_window_extent() for part in figure.subfigs[::2] for text in part.texts]
    assert len(key(figure)) == len(handles)
    for k, box in enumerate(boxes):
        assert not box.overlaps(panel)
        assert min(box.x0, box.y0) >= -1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[:k])
    assert figure.get_figwidth() == width
    assert panel.height > 1.2 * figure.dpi


def test_columns_of_a_key_are_as_wide_as_its_longest_words() -> None:
    assert key_shape([entry("a")] * 4, DOUBLE) == (4, 1)
    columns, rows = key_shape([entry("sixteen letters!")] * 10, SINGLE)
    assert columns * rows >= 10
    assert columns == 2
    assert key_shape([entry("x" * 60), entry("y")], SINGLE) == (1, 2)
    assert key_shape([entry("two\nlines"), entry("y")], 0.9) == (1, 3)


@pytest.mark.parametrize(
    ("text", "count"), [("abc", 3), (r"$\alpha_c$ = 0.1", 8), (r"$N \to \infty$", 4), ("$T_{AT}$", 3)]
)
def test_commands_of_formulas_are_no_letters(text: str, count: int) -> None:
    assert visible_length(text) == count


def test_the_same_words_are_one_entry() -> None:
    ax, other = Figure().subplots(1, 2)
    ax.plot([0, 1], label="theory")
    other.plot([0, 2], label="theory")
    other.errorbar([0], [1], yerr=[1], label="points")
    assert [str(one.get_label()) for one in labelled([ax, other])] == ["theory", "points"]


# What is not drawn is told


def test_panels_that_show_nothing_are_dropped_and_told(tmp_path: Path) -> None:
    """At T = 0, P = 1 the cue of a clean pattern stays: two-cycles are there in no cell."""
    study = make_of_family(
        model="little", load=[0.02, 0.03], temperature=[0.0], noise=[0.0], seed=4, size=[100]
    )
    figure = page_of(study, tmp_path)
    assert len(spots(figure)) == 1
    assert "0 everywhere" in told(figure)


def test_panels_that_a_study_names_are_drawn_whatever_they_show(tmp_path: Path) -> None:
    panels = [{"quantity": "two_cycle"}, {"quantity": "overlap"}]
    study = make_of_family(
        model="little", load=[0.02, 0.03], temperature=[0.0], noise=[0.0], seed=4, size=[100],
        figure={"panels": panels, "question": "Are there two-cycles?"},
    )  # fmt: skip
    figure = page_of(study, tmp_path)
    assert len(spots(figure)) == 2
    assert "everywhere" not in told(figure)
    assert asked(figure) == "Are there two-cycles?"
    letters = [axes[0].get_title("left") for axes in spots(figure)]
    assert letters == ["(a)", "(b)"]


@pytest.mark.parametrize(("size", "width"), [("single", 3.4), ("double", 7.0), (None, 3.4)])
def test_a_study_may_say_how_wide_its_figure_is(tmp_path: Path, size: object, width: float) -> None:
    figure = {"panels": [{"quantity": "overlap"}], **({"size": size} if size else {})}
    drawn = page_of(make_of_family(**DRAWN, figure=figure), tmp_path)
    assert drawn.get_size_inches()[0] == width


def test_lines_that_a_study_does_not_want_are_not_drawn_nor_compared(tmp_path: Path) -> None:
    for names, count in ((None, 2), ([], 1), (["hopfield.overlap"], 2)):
        panel = {"quantity": "overlap", **({} if names is None else {"lines": names})}
        warm = {**DRAWN, "size": [200], "load": [0.02, 0.03, 0.04], "temperature": [0.5]}
        study = make_of_family(**warm, figure={"panels": [panel]})
        drawn = page_of(study, tmp_path)
        (axes,) = spots(drawn)
        assert len(axes) == count  # with the strip of deviations below or without
        assert any("theory: " in words for words in key(drawn)) == (names != [])


# Files


@pytest.mark.usefixtures("cheap_figures")
@pytest.mark.parametrize(
    "changes",
    [
        {"load": [0.1], "temperature": [0], "seed": 1, "noise": [0.0]},
        {"load": [0.1], "seed": 2},
        {"temperature": [0.4]},
        {"load": [0.2, 0.05, 0.1], "temperature": [0.6, 0, 0.3]},
    ],
    ids=["one cell", "one load", "one temperature", "unsorted"],
)
def test_every_shape_of_study_has_its_figures(tmp_path: Path, changes: dict[str, object]) -> None:
    study = make_study(tmp_path, **changes)
    fill(study, tmp_path)
    written = diagram(study, tmp_path)
    assert all(path.exists() for path in written)
    assert (tmp_path / "small" / "figures" / "diagram.png").exists()
    assert all(headline_lines(headline(estimated(study, tmp_path), study)))


@pytest.mark.usefixtures("cheap_figures")
def test_the_same_study_gives_the_same_figures_byte_by_byte(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    first = [p.read_bytes() for p in diagram(study, tmp_path) if p.is_file()]
    second = [p.read_bytes() for p in diagram(study, tmp_path) if p.is_file()]
    assert len(first) == 4
    assert first == second


@pytest.mark.usefixtures("cheap_figures")
def test_diagram_dataset_has_errors_units_theory_and_no_seed(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    diagram(study, tmp_path)
    ds = xr.open_zarr(tmp_path / "small" / "diagram.zarr")
    assert dict(ds.sizes) == {"size": 1, "load": 3, "beta": 4, "noise": 2}
    for name, variable in ds.variables.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
    measured = ("overlap", "energy", "edwards_anderson", "retrieved", "boundary_temperature")
    assert all(f"{name}_error" in ds for name in measured)
    assert {"overlap_theory", "overlap_z"} <= {*ds}
    assert ds["flag"].attrs["flag_meanings"].split() == list(ALL_FLAGS.values())
    assert (ds["overlap_error"] > 0).all()


@pytest.mark.usefixtures("cheap_figures")
def test_an_incomplete_study_is_drawn_and_says_so(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path, plan.blocks(study)[:3])
    diagram(study, tmp_path)
    ds = xr.open_zarr(tmp_path / "small" / "diagram.zarr").load()
    assert ds.attrs["digest"] == "incomplete"
    assert ((ds["flag"] & INCOMPLETE) > 0).sum() == 16
    assert ds["overlap"].isnull().sum() == 16
    figures = dict(curve_pages.figures(ds, study))
    assert all("8 of 12 cells incomplete; digest incomplete" in told(one) for one in figures.values())
    shown = [one for figure in figures.values() for axes in spots(figure) for one in symbols(axes[0])]
    assert all(np.isfinite(one.rows[:, 1]).all() for one in shown)


def test_neurons_say_their_functions_and_steps(tmp_path: Path) -> None:
    keys = {"model": "attention", "flow": {"steps": 3}, "name": "x"}
    axes = {"size": [10], "exponent": [0.2, 0.4, 0.6], "beta": [0.5, 2.0], "seed": 2}
    figure = page_of(study_of({**keys, "axes": axes}), tmp_path)
    assert "quadratic outside, log sum exp inside" in told(figure)
    assert "dt = 1" in told(figure)
