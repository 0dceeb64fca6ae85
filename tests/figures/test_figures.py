"""Figures: drawn for any shape of study, the same bytes each time, theory at the realised load."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import fill, make_study

from mattis.figures import canvas, diagram, estimated, retrieval
from mattis.figures.canvas import covered, edges
from mattis.figures.findings import headline, headline_lines
from mattis.figures.retrieval import overlap_theory, theory_lines
from mattis.statistics.estimates import ALL_FLAGS, INCOMPLETE
from mattis.study import plan
from mattis.study.base import Study
from mattis.theory import evaluate

pytestmark = pytest.mark.usefixtures("cheap_figures")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"load": [0.1], "temperature": [0], "seed": 1, "noise": [0.0]},
        {"load": [0.1], "seed": 2},
        {"temperature": [0.4]},
        {"size": [40, 60], "seed": 1},
        {"load": [0.2, 0.05], "temperature": [0.6, 0, 0.3]},
    ],
    ids=["map", "one cell", "one load", "one temperature", "two sizes", "unsorted"],
)
def test_every_shape_of_study_has_its_figures(tmp_path: Path, changes: dict[str, object]) -> None:
    study = make_study(tmp_path, **changes)
    fill(study, tmp_path)
    written = diagram(study, tmp_path)
    planes = len(study.axes.size) * len(study.axes.noise)
    assert len(written) == 1 + 2 * planes
    assert all(path.exists() for path in written)
    assert (tmp_path / "small" / "figures" / "diagram.png").exists()
    assert all(headline_lines(headline(estimated(study, tmp_path), study)))


def test_the_same_study_gives_the_same_figures_byte_by_byte(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    first = [p.read_bytes() for p in diagram(study, tmp_path) if p.is_file()]
    second = [p.read_bytes() for p in diagram(study, tmp_path) if p.is_file()]
    assert len(first) == 4
    assert first == second


def test_diagram_dataset_has_errors_units_and_no_seed(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    diagram(study, tmp_path)
    ds = xr.open_zarr(tmp_path / "small" / "diagram.zarr")
    assert dict(ds.sizes) == {"size": 1, "load": 3, "beta": 4, "noise": 2}
    for name, variable in ds.variables.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
    measured = ("overlap", "energy", "edwards_anderson", "retrieved", "boundary_temperature")
    assert all(f"{name}_error" in ds for name in measured)
    assert ds["flag"].attrs["flag_meanings"].split() == list(ALL_FLAGS.values())
    assert (ds["overlap_error"] > 0).all()


def test_an_incomplete_study_is_drawn_and_says_so(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path, plan.blocks(study)[:3])
    diagram(study, tmp_path)
    ds = xr.open_zarr(tmp_path / "small" / "diagram.zarr").load()
    assert ds.attrs["digest"] == "incomplete"
    assert ((ds["flag"] & INCOMPLETE) > 0).sum() == 16
    assert ds["overlap"].isnull().sum() == 16
    plane = ds.sel(size=60, noise=0.0)
    assert "8 of 12 cells incomplete" in retrieval._caption(plane, study)


def test_theory_is_compared_at_the_load_of_the_other_patterns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.11 × 60 stores P = 7 patterns, of which 6 disturb one: the load is 0.1."""
    study = make_study(tmp_path, load=[0.11, 0.2], noise=[0.0])
    fill(study, tmp_path)
    asked: list[float] = []

    def spy(model: str, load: np.ndarray, temperature: np.ndarray) -> np.ndarray:
        asked.extend(load)
        return overlap_theory(model, load, temperature)

    monkeypatch.setattr(retrieval, "overlap_theory", spy)
    diagram(study, tmp_path)
    assert 6 / 60 in asked
    assert 0.11 not in asked


def test_overlap_theory_is_zero_where_no_retrieval_state_exists() -> None:
    grid = overlap_theory("hopfield", np.array([0.05, 0.2]), np.array([0.0, 0.5, 0.6]))
    assert grid.shape == (2, 3)
    assert grid[0, 1] == pytest.approx(0.904106, abs=1e-6)
    assert grid[0, 2] == 0
    assert (grid[1] == 0).all()


def test_theory_is_not_evaluated_where_no_error_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One seed has no error, and no residual: what is asked for are the curves of the cuts."""
    study = make_study(tmp_path, noise=[0.0], seed=1)
    fill(study, tmp_path)
    asked: list[int] = []

    def spy(model: str, load: np.ndarray, temperature: np.ndarray) -> np.ndarray:
        asked.append(temperature.size)
        return overlap_theory(model, load, temperature)

    monkeypatch.setattr(retrieval, "overlap_theory", spy)
    diagram(study, tmp_path)
    assert set(asked) == {201}


@pytest.mark.parametrize("boxes", [1, 7, 1000])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_hatched_area_is_that_of_the_flagged_cells(
    monkeypatch: pytest.MonkeyPatch, boxes: int, share: float
) -> None:
    monkeypatch.setattr(canvas, "BOXES", boxes)
    random = np.random.default_rng(3)
    chosen = random.random((6, 9)) < share
    x, y = np.sort(random.random(10)), np.sort(random.random(7))
    paths = covered(chosen, x, y)
    middles = np.meshgrid((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2)
    points = np.column_stack([middle.ravel() for middle in middles])
    inside = [path.contains_points(points) for path in paths]
    assert (sum(inside, np.zeros(54, int)) == chosen.ravel()).all()
    runs = (np.diff(np.pad(chosen * 1, ((0, 0), (1, 0))), axis=1) == 1).sum()
    assert len(paths) == -(-runs // boxes)


def test_theory_lines_are_those_of_the_theory_room() -> None:
    end, ground, frozen, broken = theory_lines(0.2)
    for k in (3, len(ground.load) // 2):
        value = evaluate("hopfield.alpha_1", temperature=float(ground.temperature[k]))
        assert ground.load[k] == pytest.approx(value)
    for line, name in ((frozen, "T_g"), (broken, "T_AT")):
        for k in (3, len(line.load) // 2):
            value = evaluate(f"hopfield.{name}", load=float(line.load[k]))
            assert line.temperature[k] == pytest.approx(value)
    assert end.load[0] == pytest.approx(0.1379055665)
    assert end.load.max() > end.load[0]  # re-entrant
    assert end.load[-1] < 1e-6


def test_edges_are_halfway() -> None:
    assert edges(np.array([0.0, 1.0, 3.0])).tolist() == [-0.5, 0.5, 2.0, 4.0]
    assert (np.diff(edges(np.array([0.0]))) > 0).all()


def test_choices_that_are_not_the_usual_ones_are_on_the_figure(tmp_path: Path) -> None:
    usual = make_study(tmp_path, name="usual")
    other = make_study(tmp_path, name="other", update_order="random", noise_sharing="common")
    for study, expected in ((usual, False), (other, True)):
        fill(study, tmp_path)
        plane = estimated(study, tmp_path).isel(size=0, noise=0)
        said = retrieval._caption(plane, study)
        assert ("random order, common noise" in said) == expected


def test_littles_network_is_compared_with_its_own_theory(tmp_path: Path) -> None:
    study = make_study(tmp_path, model="little")
    fill(study, tmp_path)
    plane = estimated(study, tmp_path).isel(size=0, noise=0)
    ((_, figure), *_) = retrieval.figures(estimated(study, tmp_path), study)
    titles = [ax.get_title("left") for ax in figure.axes if ax.get_title("left")]
    assert len(titles) == 3
    assert "$T_M$ of Little's network" in figure.axes[0].get_legend_handles_labels()[1]
    grid = overlap_theory("little", np.array([0.05, 0.2]), np.array([0.0, 0.5]))
    assert grid[0] == pytest.approx([0.999992, 0.907984], abs=1e-6)
    assert (grid[1] == 0).all()
    assert plane["overlap"].notnull().all()
