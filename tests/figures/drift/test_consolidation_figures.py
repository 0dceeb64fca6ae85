"""Figures of consolidation and of recall: drawn for any study, under theory only where it holds."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from builders import EVERY_STUDY, STUDIES, fill, spelled

from mattis.comparison.findings import headline, headline_lines
from mattis.figures import canvas, diagram, estimated
from mattis.figures.drift import consolidation, losses, recall, time_course
from mattis.figures.drift.pages import UNJUDGED
from mattis.networks.drift.memories import frequencies
from mattis.networks.drift.study import Bias
from mattis.networks.registry import load_study, study_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.theory import drift, evaluate

INF, MATRIX = np.inf, [[1.0, 0.0, 2.0], [0.0, 1.0, 0.5]]
TIMES = [*map(float, range(12)), 20.0, 60.0]
pytestmark = pytest.mark.usefixtures("cheap_figures")

TINY = {
    "consolidation": {"size": [64, 10**6], "memories": [2, 4, 6], "kappa": [2.0, 4.0, 8.0], "seed": 2,
                      "presentations": [60.0], "tau": [20.0]},
    "consolidation-overlap": {"load": [0.02, 0.1], "noise": [0.0, 1.0], "seed": 2, "presentations": [50.0]},
    "consolidation-rarity": {"memories": [3], "kappa": [8.0], "spread": [0.0, 3.0, 6.0], "memory": [0, 1, 2],
                             "seed": 2, "presentations": [20.0]},
    "consolidation-time": {"presentations": TIMES, "seed": 3},
    "consolidation-merging": {"kappa": [1.0, 9.0], "likeness": [0.0, 0.9], "memories": [2], "seed": 2,
                              "presentations": [60.0]},
    "lotito-figure1": {"presentations": {"from": 0, "to": 500, "count": 51}},
    "recall": {"size": [60], "load": [0.05, 0.1], "kappa": [3.0, 15.0], "presentations": [0, 60], "seed": 2,
               "temperature": [0.0]},
}  # fmt: skip
PLAIN = {"size": [50], "memories": [3, 4], "kappa": [2.0, 8.0], "noise": [0.4], "tau": [20.0],
         "presentations": [30.0], "seed": 3}  # fmt: skip
ASKED = {"size": [60], "load": [0.05, 0.1], "kappa": [3.0, 8.0], "noise": [0.2], "presentations": [0.0, 30.0],
         "temperature": [0.3], "cue_noise": [0.1], "seed": 3}  # fmt: skip
ASKING = {"tau": 20.0, "sweeps": {"thermalise": 3, "measure": 8}}
TIMED = {"memories": [3], "kappa": [40.0], "presentations": TIMES}
RARE = {"memories": [4], "kappa": [8.0], "spread": [0.0, 2.0, 4.0], "memory": [0, 1, 2, 3]}
SHAPES = {"collapse": {}, "basin": {"kappa": [8.0], "noise": [0.5, 1.0, 2.0]}, "rare": RARE,
          "merging": {"memories": [2], "likeness": [0.0, 0.5, 0.9]}, "course": TIMED}  # fmt: skip


def make(model: str = "consolidation", **changes: object) -> Study:
    """A small study, with changed axes (None takes one away) or other keys."""
    axes, keys = (ASKED, ASKING) if model == "recall" else (PLAIN, {})
    names = {*axes, "beta", "load", "spread", "memory", "likeness"}
    return study_of(spelled({"name": "s", "model": model, **axes, **keys}, names, **changes))


def tiny(name: str) -> Study:
    content = yaml.safe_load((STUDIES / f"{name}.yaml").read_text(encoding="utf-8"))
    content["axes"] |= TINY[name]
    return study_of(content)


FIGURES = {"consolidation": consolidation.figures, "recall": recall.figures}


def theory_of(study: Study, estimates: xr.Dataset) -> set[str]:
    """The labels of lines that are theory in the figures of a study (a line of NaN draws nothing)."""
    figures = dict(FIGURES[study.model](estimates, study))
    lines = [line for f in figures.values() for ax in f.axes for line in ax.get_lines()]
    lines = [line for line in lines if np.isfinite(np.array(line.get_ydata(), float)).any()]
    words = ("theory", "kappa_s", "collapse", "eq. (40)", "alpha_M", "AGS", "norm-aware")
    return {str(x.get_label()) for x in lines if any(w in str(x.get_label()) for w in words)}


def simulated(study: Study, root: Path, blocks: object = None) -> xr.Dataset:
    fill(study, root, blocks)
    return estimated(study, root)


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_every_study_of_the_repository_is_loaded_and_planned(path: Path) -> None:
    study = load_study(path)
    assert len(plan.blocks(study)) * study.total_updates() > 0
    assert study.name == path.stem


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in ("consolidation", "recall"))) for n in TINY]
)
def test_figures_are_written_the_same_each_time(tmp_path, name):
    study = tiny(name)
    fill(study, tmp_path)
    first, again = ([(p.name, p.read_bytes()) for p in diagram(study, tmp_path) if p.is_file()]
                    for _ in range(2))  # fmt: skip
    assert {"diagram.png", "diagram.svg"} <= {name for name, _ in first}
    assert first == again
    stored = xr.open_zarr(tmp_path / study.name / "diagram.zarr")
    assert all(v.attrs["long_name"] and v.attrs["units"] for v in stored.variables.values())


ODD = {
    "missing": {"missing": True, "tau": [0.6]}, "likeness": {"likeness": [0.0, 0.5, 1.0], "missing": True},
    "course, missing": {**TIMED, "memories": [3, 4], "clamping": "cyclic", "missing": True},
    "beta": {"kappa": None, "beta": [0.01, INF]}, "infinite": {"kappa": [2.0, 8.0, INF], "noise": [0.0]},
    "one of all": {"memories": [3], "kappa": [INF], "seed": 1, "size": [40, 60]},
    "equal loads": {"memories": None, "load": [0.061, 0.06]},
    "spread with load": {"memories": None, "load": [0.1, 0.06], "spread": [0.0, 2.0]},
    "infinite basin": {"kappa": [INF], "noise": [0.0, 1.0]},
    "rare": {**RARE, "kappa": [INF], "memory": [0, 3, 1]},
    "rare, nothing shown": {**RARE, "presentations": [0.0], "step": 30.0},
    "course, one seed": {**TIMED, "seed": 1, "noise": [0.0], "tau": [0.6, 5.0]},
    "given": {"size": [3], "memories": [2], "kappa": None, "beta": [1.0], "presentations": TIMES,
              "ensemble": "given", "given": MATRIX, "clamping": "cyclic"},
}  # fmt: skip
ODD_RECALL = {
    "recall, missing": {"missing": True, "temperature": [5.0], "size": [40], "noise": [1.0]},
    "recall, infinite": {"kappa": [3.0, 8.0, INF], "load": [0.1, 0.101]},
    "recall, one of all": {"load": [0.1], "kappa": [INF], "temperature": None, "beta": [INF], "seed": 1,
                           "presentations": [0.0]},
}  # fmt: skip


@pytest.mark.parametrize("name", [*ODD, *ODD_RECALL])
def test_every_shape_of_study_has_its_figures(tmp_path: Path, name: str) -> None:
    """There is a `diagram`, and each figure can be drawn; warnings are errors here."""
    changes, model = {**ODD, **ODD_RECALL}[name], "consolidation" if name in ODD else "recall"
    given = {key: value for key, value in changes.items() if key != "missing"}
    study = make(model, **given)
    some = plan.blocks(study)[:1] if "missing" in changes else None
    estimates = simulated(study, tmp_path, some)
    assert all(headline_lines(headline(estimates, study)))
    figures = dict(FIGURES[model](estimates, study))
    assert "diagram" in figures
    for figure in figures.values():
        figure.set_layout_engine("none")
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=20)
        assert drawn.getvalue().startswith(b"\x89PNG")


ELSE = [
    {"similarity": "distance"}, {"start": "other"}, {"bias": Bias(strength=1.0)}, {"given": MATRIX},
    {"clamping": "sequence", "sequence": (0, 0, 1)}, {"probabilities": (1.0, 2.0, 3.0)},
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_no_line_is_drawn_where_theory_does_not_hold(tmp_path: Path, shape: str) -> None:
    study = make(**SHAPES[shape])
    estimates = simulated(study, tmp_path)
    assert theory_of(study, estimates)
    for changes in ELSE:
        assert theory_of(study.model_copy(update=changes), estimates) == set(), changes


@pytest.mark.parametrize("shape", ["collapse", "basin"])
def test_a_map_under_lines_says_why_it_has_no_z(tmp_path: Path, shape: str) -> None:
    """Lines of the mean field: no z, and words; no line, or a z of the exact mean somewhere: no words."""
    study = make(**SHAPES[shape])
    estimates = simulated(study, tmp_path)
    assert words_below(study, estimates) == {True}
    blank = estimates["similarity"] * np.nan
    assert words_below(study, estimates.assign(similarity_z=blank)) == {True}
    assert words_below(study, estimates.assign(similarity_z=blank.fillna(0.5))) == {False}
    assert words_below(study.model_copy(update=ELSE[0]), estimates) == {False}
    assert " " not in UNJUDGED.split("$")[1]  # where a line may break


def words_below(study: Study, estimates: xr.Dataset) -> set[bool]:
    """Whether the pages of a study say why they have no z."""
    return {UNJUDGED in page.closed.caption for _, page in consolidation.figures(estimates, study)}


def test_more_that_theory_of_one_memory_does_not_know(tmp_path: Path) -> None:
    """Flips by half leave no overlap; frequencies must be those of one memory; kappa must be large."""
    study = make(**TIMED)
    (cells,) = (one.cells for one in curves(study, tmp_path))
    labels = {"spread": 0.0, "kappa": 40.0, "noise": 0.4, "likeness": 0.0}
    assert time_course._course("", cells, study, (20.0, None, labels)).known
    for changes in ({"likeness": 0.5}, {"spread": 2.0}, {"kappa": 3.0}, {"noise": 5.0}):
        assert not time_course._course("", cells, study, (20.0, None, {**labels, **changes})).known
    half = study.model_copy(update={"targets": "flips"})
    assert not time_course._course("", cells, half, (20.0, None, {**labels, "noise": 0.5})).known


def test_recall_has_no_kappa_s_where_it_is_not_known(tmp_path: Path) -> None:
    study = make("recall")
    estimates = simulated(study, tmp_path)
    for changes in ({}, *ELSE[::4], ELSE[5]):
        labels = theory_of(study.model_copy(update=changes), estimates)
        assert any("collapse" in words for words in labels) == (not changes), changes


def curves(study: Study, root: Path) -> list[time_course.TimeCourse]:
    plane = simulated(study, root)
    inside = ("tau", "presentations", "memory")
    labels = {n: float(plane[n][0]) for n in study.dimensions[:-1] if n not in inside}
    return list(time_course.courses_of(plane.sel(labels), study, labels))


@pytest.mark.parametrize("memory", [True, False])
def test_figure_one_is_exact_with_norms_and_near_as_published(tmp_path: Path, memory: bool) -> None:
    study = load_study(STUDIES / "lotito-figure1.yaml")
    axes = study.axes if memory else study.axes.model_copy(update={"memory": None})
    found = curves(study.model_copy(update={"axes": axes}), tmp_path)
    assert len(found) == (4 if memory else 1)
    for one in found:
        value = one.cells["similarity"].values
        norm, eq40 = np.abs(value - one.mean).max(), np.abs(value - one.published).max()
        assert norm < (1e-12 if memory else 1e-3)
        assert 5e-4 < eq40 < 1.5e-3


@pytest.mark.parametrize(
    "changes",
    [{}, {"memory": [2], "spread": [1.5]}, {"dwell": 3, "memory": [0]}, {"step": 2.0, "memory": [0]},
     {"ensemble": "signs", "targets": "flips", "noise": [0.2], "kappa": [60.0]}],
    ids=repr,
)  # fmt: skip
def test_random_clamping_is_within_errors_of_theory_and_a_wrong_tau_is_not(tmp_path, changes):
    big = {"size": [2000], "ensemble": "orthogonal", "seed": 40, "tau": [30.0]}
    study = make(**{**TIMED, **big, **changes})
    (one,) = curves(study, tmp_path)
    value, error = one.cells["similarity"].values, one.cells["similarity_error"].values
    known = error > 1e-9  # seeds agree where all is learnt, and the mean is that of theory to 1e-5
    assert (np.abs(value - one.mean)[known] / np.maximum(error[known], 1e-5)).max() < 5
    labels = {"spread": study.axes.spread[0], "kappa": 60.0, "noise": study.axes.noise[0]}
    (mu,) = changes.get("memory", [None])
    for tau in (21.0, 42.0):
        wrong = time_course._course("", one.cells, study, (tau, mu, labels))
        assert (np.abs(value - wrong.mean)[known] / np.maximum(error[known], 1e-5)).max() > 5
    if mu is not None:
        known &= one.sd > 1e-6
        assert 0.5 < np.median(error[known] * np.sqrt(40) / one.sd[known]) < 1.6


def test_the_mean_field_of_a_map_is_that_of_theory_and_of_the_simulation(tmp_path: Path) -> None:
    axes = {"memories": [4], "tau": [50.0], "presentations": [150.0], "seed": 2}
    flips = {"size": [4000], "targets": "flips", "noise": [0.2]}
    for changes in ({}, {"step": 2.0, "dwell": 2}, flips):
        large = {"size": [10**6], "ensemble": "orthogonal", "clamping": "cyclic"}
        study = make(**{**large, **axes, **changes})
        found = simulated(study, tmp_path / f"{len(changes)}")["similarity"].squeeze().values
        labels = {"noise": study.axes.noise[0], "tau": 50.0, "presentations": 150.0, "spread": 0.0}
        line = consolidation.expected(np.array([4.0, 4.0]), np.array([2.0, 8.0]), study, labels)
        np.testing.assert_allclose(line, found, atol=0.03)
    s, labels = np.hypot(1, 0.4), labels | {"noise": 0.4}
    plain = consolidation.expected(np.array([4.0]), np.array([8.0]), make(), labels)
    at = {"memories": 4, "kappa": 8.0, "presentations": 150.0, "tau": 50.0}
    assert plain[0] == evaluate("consolidation.mean_similarity", overlap=1 / s, norm_ratio=s, **at)


def test_lines_of_losses_are_those_of_the_theory_room() -> None:
    noise, count = losses.basin({"patterns": np.array([40.0])}, 8.0)
    least = evaluate("consolidation.least_overlap", memories=count[30], kappa=8.0)
    assert 1 / (1 + noise[30] ** 2) == pytest.approx(least)
    study = make(**RARE)
    labels = {"memories": 4, "kappa": 8.0, "noise": 0.4, "tau": 20.0, "presentations": 30.0}
    clamping = drift.symmetric(4, 8.0, 20.0, 1 / np.hypot(1, 0.4), np.hypot(1, 0.4))
    spreads = np.array([0.0, 2.0])
    shown = np.array([frequencies(4, s) for s in spreads])
    found = losses.mean_cosines(spreads, study, labels)
    assert (found == drift.mean_cosines(clamping, shown, 120)).all()
    needed, spread = losses.presentations_needed(study, labels), np.array([3.0, 5.0])
    for s, rank in zip(spread, losses.rarest(spread, study, labels), strict=True):
        weights = np.exp(s * np.arange(4) / 3)
        assert np.exp(s * rank / 3) / weights.sum() * 120 == pytest.approx(needed)
    at = {"tau": 20.0, "overlap": 1 / np.hypot(1, 0.4), "norm_ratio": np.hypot(1, 0.4)}
    low, high = evaluate("consolidation.similarity", presentations=[needed - 0.2, needed + 0.2], **at)
    assert low < losses.lowest_cosine(study, labels) < high


def test_infinity_has_a_place_beyond_the_others() -> None:
    assert canvas.placed(np.array([1.0, 3.0, INF])).tolist() == [1.0, 3.0, 5.0]
    assert canvas.edges(np.array([1.0, 3.0, INF])).tolist() == [0.0, 2.0, 4.0, 6.0]
    assert (np.diff(canvas.edges(np.array([4.0, 4.0]))) > 0).all()
