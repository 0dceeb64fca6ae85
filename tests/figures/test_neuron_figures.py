"""Figures of networks from generating functions: what each question draws, and under which theory.

Which theory is drawn does not depend on what was simulated, and is asked of imagined estimates.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import EVERY_STUDY, fill
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mattis import theory
from mattis.figures import diagram, estimated, neurons
from mattis.figures.findings import headline, headline_lines
from mattis.networks.neurons.models import NEURON_QUESTIONS
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.registry import load_study, study_of
from mattis.study import plan

pytestmark = pytest.mark.usefixtures("cheap_figures", "few_places")

TINY: dict[str, dict[str, Any]] = {
    "recall": {"model": "attention", "flow": {"steps": 3},
               "axes": {"size": [10], "exponent": [0.2, 0.4, 0.6], "beta": [0.5, 2.0]}},
    "equivalence": {"model": "hebbian_tanh", "question": "equivalence", "flow": {"dt": 0.5},
                    "axes": {"size": [60], "load": [0.02, 0.05], "beta": [2.0]}},
    "spectrum": {"model": "tanh_tanh", "axes": {"size": [20, 40], "load": [0.1, 0.25, 0.5]}},
    "fixed_points": {"model": "tanh_tanh", "question": "fixed_points", "cues": 4,
                     "flow": {"dt": 0.5, "steps": 2000}, "axes": {"size": [8], "load": [0.25, 0.5]}},
    "separation": {"model": "fast_slow", "flow": {"duration": 1.0},
                   "axes": {"size": [6], "memories": [2], "separation": [0.01, 0.02, 1.0], "noise": [0.2]}},
    "modes": {"model": "linear", "flow": {"dt": 0.1, "duration": 1.0},
              "axes": {"size": [40], "load": [0.5], "beta": [0.05, 0.1, 0.5]}},
    "rotation": {"model": "rotation", "axes": {"size": [20], "load": [0.5, 1.0, 1.5]}},
}  # fmt: skip
"""A study of each question that runs in less than a second."""


@pytest.fixture
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of theory of few places."""
    monkeypatch.setattr(neurons, "FINE", 9)
    monkeypatch.setattr(neurons, "SPARSE", 2)


def make(**content: Any) -> NeuronStudy:
    """A study of these keys."""
    study = study_of({"name": "some", **content, "axes": {"seed": 2, **content["axes"]}})
    assert isinstance(study, NeuronStudy)
    return study


def tiny(question: str, **changes: Any) -> NeuronStudy:
    """A tiny study, with changed axes or other keys."""
    usual = TINY[question]
    return make(**{**usual, **changes, "axes": {**usual["axes"], **changes.get("axes", {})}})


def imagined(study: NeuronStudy) -> xr.Dataset:
    """Estimates of a study as if all of its observables were 1/2, with errors of 1/20."""
    shape = {name: list(values) for name, values in study.labels.items() if name != "seed"}
    half = xr.DataArray(0.5, coords=shape, dims=tuple(shape))
    names = [o.name for o in study.described_model.observables if o.name != "flag"]
    counts = study.counts(study.labels[study.stored], study.axes.size)
    patterns = xr.DataArray(counts, dims=("size", study.stored))
    values = dict.fromkeys(names, half) | {f"{name}_error": half / 10 for name in names}
    values["flag"] = xr.zeros_like(half, int)
    values |= {"patterns": patterns, "realised_load": patterns / half["size"]}
    return xr.Dataset(values, attrs={"digest": "imagined"})


def figure_of(study: NeuronStudy, estimates: xr.Dataset | None = None) -> Figure:
    """The last figure of a study, of its estimates or of imagined ones."""
    shown = imagined(study) if estimates is None else estimates
    return dict(neurons.figures(shown, study))["diagram"]


def simulated(study: NeuronStudy, root: Path, blocks: Any = None) -> xr.Dataset:
    """The estimates of a study, computed here."""
    fill(study, root, blocks)
    return estimated(study, root)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, xr.Dataset]:
    """The estimates of every tiny study."""
    root = tmp_path_factory.mktemp("tiny")
    return {question: simulated(tiny(question), root / question) for question in TINY}


def words(ax: Axes) -> list[str]:
    """What the legend of a panel says."""
    legend = ax.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def points(ax: Axes) -> list[np.ndarray]:
    """The points of a panel (x, y) that have error bars: a list for each curve and fill."""
    return [bars[0].get_xydata() for bars in ax.containers]


def lines(ax: Axes) -> list[Any]:
    """What a panel shows besides points: theory."""
    marked = [bars[0] for bars in ax.containers]
    return [line for line in ax.get_lines() if line not in marked]


def known(name: str, line: Any, argument: str, **at: Any) -> np.ndarray:
    """A quantity of theory at the places of a line, one after the other."""
    places = [{argument: float(x), **at} for x in line.get_xdata()]
    return np.array([theory.evaluate(name, **place) for place in places], float)


# What was simulated


def test_every_question_has_a_tiny_study_and_panels():
    assert (
        set(TINY)
        == set(NEURON_QUESTIONS)
        == set(neurons.NEURON_PANELS)
        == {tiny(q).asked for q in TINY}
    )


@pytest.mark.parametrize("question", TINY)
def test_every_question_is_run_aggregated_and_drawn(question, ran):
    """Panels are named, letter by letter, and each shows all that was estimated, under what was simulated."""
    study, estimates = tiny(question), ran[question]
    figure = figure_of(study, estimates)
    said = figure.get_suptitle()
    assert f"{question} of {study.model}; visible {study.parts.visible}, hidden" in said
    assert estimates.attrs["digest"][:12] in said
    assert ("dt = " in said) == (question in ("recall", "equivalence", "fixed_points", "modes"))
    assert estimates.attrs["numbers_are"].startswith("float64 or float32 sums by BLAS")
    for ax, panel, letter in zip(figure.axes, neurons.NEURON_PANELS[question], "abc", strict=False):
        assert ax.get_title("left").startswith(f"({letter}) {panel.words}")
        assert (ax.get_yscale() == "log") == panel.logarithmic
        seen = np.sort(np.concatenate([curve[:, 1] for curve in points(ax)]))
        wanted = [estimates[name].values.ravel() for name in panel.names]
        np.testing.assert_array_equal(seen, np.sort(np.concatenate(wanted)))
    assert all(headline_lines(headline(estimates, study)))


@pytest.mark.parametrize("question", TINY)
def test_a_panel_of_what_a_store_lacks_is_empty(question):
    study = tiny(question)
    shown = imagined(study)
    names = [o.name for o in study.described_model.observables if o.name != "flag"]
    blank = shown.assign({name: np.nan * shown[name] for name in names})
    figure = figure_of(study, blank)
    figure.draw_without_rendering()
    assert not any(np.isfinite(curve[:, 1]).any() for ax in figure.axes for curve in points(ax))


def test_files_of_a_figure_are_written(tmp_path):
    study = tiny("rotation", axes={"seed": 1})
    fill(study, tmp_path)
    assert {path.name for path in diagram(study, tmp_path)} == {
        "diagram.zarr", "diagram.png", "diagram.svg",
    }  # fmt: skip
    stored = xr.open_zarr(tmp_path / "some" / "diagram.zarr")
    assert all(v.attrs["long_name"] and v.attrs["units"] for v in stored.variables.values())


def test_what_carries_a_flag_is_open(ran):
    """White where a flag is set, in every panel; filled elsewhere."""
    study, estimates = tiny("recall"), ran["recall"].copy(deep=True)
    estimates["flag"][:] = 0
    assert all(not white for white, _ in fills(figure_of(study, estimates).axes[2]))
    estimates["flag"].loc[{"exponent": 0.6}] = 4
    for drawn in map(fills, figure_of(study, estimates).axes):
        assert {x for white, curve in drawn if white for x in curve[:, 0]} == {0.6}
        assert {x for white, curve in drawn if not white for x in curve[:, 0]} == {0.2, 0.4}


def fills(ax: Axes) -> list[tuple[bool, np.ndarray]]:
    """Whether points are white, and the points, of each curve and fill of a panel."""
    drawn = [bars[0] for bars in ax.containers]
    return [(to_hex(d.get_markerfacecolor()) == "#ffffff", d.get_xydata()) for d in drawn]


def test_missing_cells_are_hatched_on_maps_and_counted(tmp_path):
    """Of sizes 20 and 40 only 20 was computed: the rows of 40, from halfway on, are hatched."""
    study = tiny("spectrum", axes={"seed": 4})
    blocks = [block for block in plan.blocks(study) if block.size == 20]
    figure = figure_of(study, simulated(study, tmp_path, blocks))
    patches = figure.axes[1].collections[1]
    corners = np.concatenate([path.vertices for path in patches.get_paths()])
    assert patches.get_hatch() == "////"
    assert (corners[:, 1].min(), corners[:, 1].max()) == (30, 50)
    assert "3 of 6 cells incomplete" in figure.get_suptitle()
    assert "digest incomplete" in figure.get_suptitle()


def test_a_map_shows_the_shares_of_unstable_directions(ran):
    """Rows are sizes, columns loads, the dashed line is at 1/4."""
    mapped = figure_of(tiny("spectrum"), ran["spectrum"]).axes[1]
    shares = ran["spectrum"]["unstable_share"].squeeze().transpose("size", "load")
    np.testing.assert_array_equal(mapped.collections[0].get_array(), shares.values)
    assert mapped.collections[0].get_clim() == (0, 1)
    assert [line.get_xdata()[0] for line in lines(mapped)] == [0.25]
    assert (mapped.get_xlabel(), mapped.get_ylabel()) == (r"load $\alpha = P/N$", "neurons $N$")
    assert [label.get_text() for label in mapped.get_yticklabels()] == ["20", "40"]


def test_points_tell_the_theory_of_their_size_from_that_of_infinite_size(tmp_path):
    """lambda_max of 32 pattern sets: within 3 of its errors of the full line, 5 and more below the dashed."""
    study = tiny("spectrum", axes={"size": [40], "load": [0.25, 0.5], "seed": 32})
    ax = figure_of(study, simulated(study, tmp_path)).axes[0]
    sharp, finite = lines(ax)[1], lines(ax)[3]
    assert np.abs(in_errors(ax.containers[1], finite)).max() < 3
    assert in_errors(ax.containers[1], sharp).max() < -5


def in_errors(bars: Any, line: Any) -> np.ndarray:
    """Points minus a line of theory, in their errors: as they are drawn."""
    x, y = bars[0].get_xydata().T
    low, high = np.array(bars[2][0].get_segments())[:, :, 1].T
    return (y - np.interp(x, line.get_xdata(), line.get_ydata())) / ((high - low) / 2)


def test_a_line_of_slope_one_goes_through_the_fastest_point(ran):
    """In both logarithms; twice as slow is nearly twice as far, 100 times as slow less than 50 times."""
    ax = figure_of(tiny("separation"), ran["separation"]).axes[0]
    (line,) = lines(ax)
    assert words(ax) == ["slope 1"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    x, y = line.get_xdata(), line.get_ydata()
    np.testing.assert_allclose(y / y[0], x / x[0])
    distances = points(ax)[0][:, 1]
    assert distances[0] == y[0]
    assert 0.9 < distances[1] / y[1] < 1.02
    assert distances[2] < 0.5 * y[2]


# Which theory is drawn


def test_attention_is_drawn_with_the_end_of_retrieval_of_each_gain():
    """Dashed lines at exponential.alpha_sphere in overlap and retrieved; curves and observables are named."""
    figure = figure_of(tiny("recall"))
    ends = [theory.evaluate("exponential.alpha_sphere", **{"lambda": beta}) for beta in (0.5, 2.0)]
    for ax, name in zip(figure.axes, ("overlap", "retrieved"), strict=False):
        assert [line.get_xdata()[0] for line in lines(ax)] == pytest.approx(ends, rel=0.01)
        assert {line.get_linestyle() for line in lines(ax)} == {"--"}
        assert ax.get_title("left").endswith("lines: theory")
        assert words(ax) == ["gain $\\beta$ 0.5", "gain $\\beta$ 2", name, f"{name} one step"]
        assert ax.get_xlabel() == r"$\ln(P)/N$"
    assert not lines(figure.axes[2])


def test_points_of_later_curves_do_not_hide_those_of_earlier_ones():
    """Where curves agree, every point is smaller than the one below it."""
    sizes = [bars[0].get_markersize() for bars in figure_of(tiny("recall")).axes[2].containers]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 2


def test_signs_and_noisy_cues_have_thresholds_of_their_own():
    """Signs: exponential.alpha_sign at beta/2; along the noise, exponential.cue_sphere is 1 - 2 noise."""
    signs = figure_of(tiny("recall", patterns="signs", axes={"size": [8], "beta": [1.0]}))
    end = theory.evaluate("exponential.alpha_sign", **{"lambda": 0.5})
    assert [line.get_xdata()[0] for line in lines(signs.axes[0])] == [end]
    noises = {"exponent": [0.3], "noise": [0.0, 0.2, 0.4], "beta": [1.0]}
    noisy = figure_of(tiny("recall", axes=noises))
    cue = theory.evaluate("exponential.cue_sphere", **{"lambda": 1.0, "load": 0.3})
    assert isinstance(cue, float)
    assert [line.get_xdata()[0] for line in lines(noisy.axes[1])] == [(1 - cue) / 2]


POLYNOMIAL = {"model": "dense", "hidden": "polynomial"}
SQUARE = {**POLYNOMIAL, "degree": 2}
DENSE = [
    ({"model": "dense_binary"}, 3, 1.0, "full"),
    ({"model": "dense_binary", "indices": "distinct"}, 3, 1.0, "distinct"),
    ({"model": "dense_binary", "degree": 4}, 4, 1.0, "full"),
    ({"model": "dense_binary", "degree": 2}, 2, 1.0, "full"),
    ({"model": "dense_binary", "rule": "field"}, 3, 1.0, "full"),
    ({"model": "dense"}, 3, 0.5, "full"),
    ({**POLYNOMIAL, "degree": 4}, 4, 1.0, "full"),
]


@pytest.mark.parametrize(("keys", "degree", "share", "indices"), DENSE)
def test_dense_memories_are_drawn_over_theory_of_their_degree(keys, degree, share, indices):
    """dense.overlap at P/N^{n-1}, of half the load where activations are rectified; gone beyond alpha_c."""
    ends = {2: [0.05, 0.2], 3: [0.02, 0.3], 4: [0.002, 0.05]}
    study = make(**keys, axes={"size": [16], "load": ends[degree]})
    ax = figure_of(study).axes[0]
    (line,) = lines(ax)
    at = {"degree": degree, "indices": indices}
    wanted = [theory.evaluate("dense.overlap", load=share * x, **at) for x in line.get_xdata()]
    np.testing.assert_array_equal(line.get_ydata(), np.array(wanted, float))
    end = theory.evaluate("dense.alpha_c", **at)
    assert isinstance(end, float)
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), line.get_xdata() * share > end)
    counts = [block.patterns / 16 ** (degree - 1) for block in plan.blocks(study)][::2]
    np.testing.assert_allclose(points(ax)[0][:, 0], counts)
    power = r"load $\alpha = P/N$" if degree == 2 else f"load $P/N^{{{degree - 1}}}$"
    assert ax.get_xlabel() == power


UNKNOWN = [
    {"model": "dense_binary", "rule": "field", "degree": 4, "axes": {"load": [0.01, 0.02]}},
    {"model": "dense", "diagonal": "kept"}, {"model": "dense", "degree": 2}, {**SQUARE, "scale": "none"},
    {"model": "dense", "field": 0.1}, {"model": "graded", "bias": 0.1}, {"model": "graded", "scale": "none"},
    {"model": "graded", "patterns": "gaussian"}, {"model": "graded", "hidden": "ln_cosh"},
    {"model": "graded", "axes": {"noise": [0.1]}},
]  # fmt: skip


@pytest.mark.parametrize("keys", UNKNOWN)
def test_networks_that_no_theory_knows_have_no_line(keys):
    """Those that act on themselves, with fields, of other parts or patterns; nor does a title say so."""
    axes = {"size": [20], "load": [0.05, 0.1], **keys.get("axes", {})}
    ax = figure_of(make(**{**keys, "axes": axes})).axes[0]
    assert lines(ax) == []
    assert "theory" not in ax.get_title("left")


@pytest.mark.parametrize("diagonal", ["kept", "zero"])
def test_two_networks_are_drawn_over_one_theory(diagonal):
    """Hebbian tanh and graded response: analog.overlap of the study's diagonal."""
    ax = figure_of(tiny("equivalence", diagonal=diagonal)).axes[0]
    assert words(ax) == ["overlap", "overlap graded"]
    (line,) = lines(ax)
    wanted = known("analog.overlap", line, "load", beta=2.0, diagonal=diagonal)
    np.testing.assert_array_equal(line.get_ydata(), wanted)
    assert ((wanted > 0.9) & (wanted < 0.96)).all()


def test_dense_memories_of_large_gain_are_drawn_over_signs_and_those_of_degree_2_over_their_gain():
    """One dashed line, named, of many bodies; two of degree 2, whose theory is that of graded response."""
    axes = {"size": [20], "load": [0.05, 0.1], "beta": [2.0, 20.0]}
    ax = figure_of(make(model="dense", axes=axes)).axes[0]
    assert [line.get_linestyle() for line in lines(ax)] == ["--"]
    assert words(ax)[-1] == r"theory, $\beta \to \infty$"
    for diagonal in ("kept", "zero"):
        ax = figure_of(make(**SQUARE, diagonal=diagonal, axes={**axes, "load": [0.05, 0.06]})).axes[
            0
        ]
        assert len(lines(ax)) == 2
        for line, beta in zip(lines(ax), (2.0, 20.0), strict=True):
            wanted = known("analog.overlap", line, "load", beta=beta, diagonal=diagonal)
            np.testing.assert_array_equal(line.get_ydata(), wanted)


def test_graded_response_is_drawn_along_its_gain():
    study = make(model="graded", axes={"size": [100], "load": [0.03], "beta": [1.0, 2.0]})
    ax = figure_of(study).axes[0]
    (line,) = lines(ax)
    wanted = known("analog.overlap", line, "beta", load=0.03, diagonal="kept")
    np.testing.assert_array_equal(line.get_ydata(), wanted)
    assert np.isnan(wanted[0])  # only m = 0 is left at beta = 1
    assert ax.get_xlabel() == r"gain $\beta$"


def test_edges_of_a_spectrum_are_dashed_and_those_of_its_size_full():
    """For each size two lines of marchenko_pastur.edges, and two of marchenko_pastur.finite_edges."""
    ax = figure_of(tiny("spectrum")).axes[0]
    assert [line.get_linestyle() for line in lines(ax)] == ["--", "--", "-", "-"] * 2
    assert words(ax) == ["size 20", "size 40", "lambda min", "lambda max"]
    low, high = lines(ax)[:2]
    edges = known("marchenko_pastur.edges", low, "load")
    np.testing.assert_array_equal([low.get_ydata(), high.get_ydata()], edges.T)
    top = lines(ax)[3]
    at = [{"memories": round(20 * x), "size": 20} for x in top.get_xdata()]
    finite = [theory.evaluate("marchenko_pastur.finite_edges", **place) for place in at]
    np.testing.assert_allclose(top.get_ydata(), np.array(finite, float)[:, 1])


def test_the_rate_of_a_linear_network_is_drawn_over_the_edge_of_its_size():
    (line,) = lines(figure_of(tiny("modes")).axes[0])
    edges = theory.evaluate("marchenko_pastur.finite_edges", memories=20, size=40)
    assert isinstance(edges, list)
    np.testing.assert_allclose(line.get_ydata(), line.get_xdata() * edges[1] - 1)


SPHERE, CUE = "exponential.alpha_sphere", "exponential.cue_sphere"
COMPARED: Mapping[str, set[str]] = {
    "attention": {SPHERE, CUE}, "attention_cue": {CUE}, "attention_signs": {"exponential.alpha_sign"},
    "dense_exponential": {"exponential.alpha_sign"},
    **{f"dense_{n}": {"dense.overlap"} for n in (3, 4, 5, "distinct", "field")},
    **{f"dense_binary_{n}": {"dense.overlap"} for n in (2, 3, 4, 5)},
    **{name: {"analog.overlap"} for name in ("hebbian_tanh", "hebbian_tanh_zero", "graded", "dense_2")},
    "tanh_tanh": {"marchenko_pastur.edges", "marchenko_pastur.finite_edges"},
    "linear": {"marchenko_pastur.finite_edges"}, "fixed_points": set(), "fast_slow": set(), "rotation": set(),
}  # fmt: skip
"""What the figure of each study of the folder asks of theory."""


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_each_study_of_the_folder_is_planned_and_compared_with_its_own_theory(path, monkeypatch):
    """Quantities are counted as they are asked for; every figure is drawn."""
    study = load_study(path)
    if not isinstance(study, NeuronStudy):
        assert path.stem not in COMPARED
        return
    counts = study.counts(study.labels[study.stored], study.axes.size)
    assert len(plan.blocks(study)) == counts.size * len(study.axes.seed)
    assert study.total_updates() > 0
    asked, evaluate = set(), theory.evaluate

    def watched(name: str, **at: Any) -> Any:
        asked.add(name)
        return evaluate(name, **at)

    monkeypatch.setattr(theory, "evaluate", watched)
    monkeypatch.setattr(neurons, "MOST_CURVES", 1)
    figure_of(study)
    assert asked == COMPARED[path.stem]
