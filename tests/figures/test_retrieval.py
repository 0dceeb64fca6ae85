"""The phase diagram of retrieval, read back: cells, hatches, boundaries with bars, lines of theory, cuts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import is_dashed, key, plain_lines, told
from builders import fill, make_study
from matplotlib.collections import PatchCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.stats import t as student_t

from mattis.comparison.phases import has_phases
from mattis.comparison.verdict import with_theory
from mattis.figures import diagram, estimated, retrieval
from mattis.figures.canvas import edges
from mattis.figures.retrieval import BoundaryLine, little_lines, theory_lines
from mattis.statistics.estimates import FAILED, INCOMPLETE
from mattis.statistics.states import DESCENT, ESCAPES, METASTABLE, REMANENT, TOO_FEW_SEEDS
from mattis.study import plan
from mattis.study.base import Study
from mattis.theory import evaluate

NORMAL_95 = 1.959963984540054

PHASES = {
    "size": [60], "load": [0.05, 0.1, 0.15, 0.2], "temperature": [0, 0.3, 0.6, 1.2],
    "noise": [0.0], "seed": 6,
}  # fmt: skip

FEW_LINES = [BoundaryLine(np.array([0.1, 0.0]), np.array([0.0, 1.0]), "a line", {"color": "#b2182b"})]
"""Instead of lines of theory, which take seconds."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, xr.Dataset]:
    """A small phase diagram whose cells are in every state, with a boundary in both directions."""
    root = tmp_path_factory.mktemp("phases")
    study = make_study(root, **PHASES)
    fill(study, root)
    found = with_theory(estimated(study, root), study).load()
    state = found["state"].transpose("size", "beta", "load", "noise").copy()
    state[0, :, :, 0] = [
        [DESCENT] * 4, [METASTABLE, ESCAPES, REMANENT, TOO_FEW_SEEDS],
        [METASTABLE, METASTABLE, ESCAPES, REMANENT], [REMANENT] * 4,
    ]  # fmt: skip
    found["state"] = state.transpose(*found["state"].dims)
    found["flag"] = found["flag"] * 0
    at = {"load": 0.2, "temperature": 1.2}
    found["flag"].loc[{"load": at["load"], "beta": 1 / at["temperature"]}] = INCOMPLETE
    found["flag"].loc[{"load": 0.05, "beta": np.inf}] = FAILED
    for name, dim, values, errors in (
        ("boundary_temperature", "load", [0.62, 0.45, 0.3, 0.1], [0.01, 0.02, 0.03, 0.04]),
        ("boundary_load", "beta", [0.14, 0.12, 0.08, np.nan], [0.001, 0.002, 0.003, np.nan]),
    ):
        for part, numbers in ((name, values), (f"{name}_error", errors)):
            wanted = xr.DataArray(numbers, dims=dim).broadcast_like(found[part])
            found[part] = found[part].copy(data=wanted.transpose(*found[part].dims).values)
    found["boundary_temperature"].attrs["age"] = 70.0
    return study, found


@pytest.fixture(scope="module")
def page(plane: tuple[Study, xr.Dataset]) -> Figure:
    study, found = plane
    return retrieval.draw(found.isel(size=0, noise=0), study, FEW_LINES)


def axes_of(page: Figure) -> tuple[Any, Any, Any]:
    """The map, the deviations, the cuts."""
    named = {ax.get_title("left")[:3]: ax for ax in page.axes}
    return named["(a)"], named["(b)"], named["(c)"]


def test_the_map_shows_the_overlap_from_0_to_1(plane: Any, page: Figure) -> None:
    phase, *_ = axes_of(page)
    (mesh,) = (one for one in phase.collections if isinstance(one, QuadMesh))
    cells = plane[1].isel(size=0, noise=0).sortby("temperature").sortby("load")
    np.testing.assert_allclose(mesh.get_array(), cells["overlap"].transpose("beta", "load").values)
    assert mesh.get_clim() == (0, 1)
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], edges(cells["realised_load"].values))
    np.testing.assert_allclose(corners[:, 0, 1], edges(cells["temperature"].values))


def inside(ax: Any, cells: xr.Dataset, hatch: str) -> set[tuple[float, float]]:
    """The (load, temperature) of the cells under a hatch."""
    (areas,) = (
        one for one in ax.collections if isinstance(one, PatchCollection) and one.get_hatch() == hatch
    )
    loads, heats = cells["realised_load"].values, cells["temperature"].values
    return {
        (float(x), float(y))
        for x in loads
        for y in heats
        if any(path.contains_point((x, y)) for path in areas.get_paths())
    }


def test_hatched_cells_are_those_of_two_states_few_seeds_or_gaps(plane: Any, page: Figure) -> None:
    phase, *_ = axes_of(page)
    cells = plane[1].isel(size=0, noise=0).sortby("temperature").sortby("load")
    wanted = {
        (0.1, 0.3), (0.2, 0.3), (0.15, 0.6),  # escapes, few seeds, escapes
        (0.2, 1.2), (0.05, 0.0),  # incomplete, failed
    }  # fmt: skip
    assert rounded(inside(phase, cells, "////")) == wanted
    remanent = {(0.15, 0.3), (0.2, 0.6), *((x, 1.2) for x in (0.05, 0.1, 0.15, 0.2))}
    assert rounded(inside(phase, cells, "..")) == remanent


def rounded(places: set[tuple[float, float]]) -> set[tuple[float, float]]:
    return {(round(x, 6), round(y, 6)) for x, y in places}


def test_the_key_has_both_hatches_and_their_words(page: Figure) -> None:
    entries = key(page)
    assert entries[retrieval.UNUSABLE].get_hatch() == "////"
    (remanent,) = (one for words, one in entries.items() if words.startswith("remanent"))
    assert remanent.get_hatch() == 3 * ".."  # as many dots as the small box takes
    assert "a block failed: mattis status" in entries


def test_where_two_starts_begin_to_differ_is_told_below_with_errors_of_95_percent(
    plane: tuple[Study, xr.Dataset], page: Figure
) -> None:
    """At the middle one of the loads that have such a temperature; an energy without one is left out."""
    study, found = plane
    assert "both starts" not in told_below(page)
    starts = {
        "boundary_starts_overlap": ("load", [0.6, 0.45, 0.3, np.nan]),
        "boundary_starts_overlap_error": ("load", [0.01, 0.02, 0.03, np.nan]),
        "boundary_starts_energy": ("load", [0.5, 0.55, 0.4, 0.3]),
        "boundary_starts_energy_error": ("load", [0.01, 0.05, 0.03, 0.01]),
    }
    words = told_below(drawn_with(study, found, starts))
    assert r"differ below T = 0.45 ± 0.04 (overlap), 0.55 ± 0.10 (energy) at $\alpha$ = 0.1;" in words
    starts["boundary_starts_energy"] = ("load", [np.nan] * 4)
    assert "0.45 ± 0.04 (overlap) at" in told_below(drawn_with(study, found, starts))
    starts["boundary_starts_overlap"] = ("load", [np.nan] * 4)
    assert "both starts" not in told_below(drawn_with(study, found, starts))


def drawn_with(study: Study, found: xr.Dataset, more: Any) -> Figure:
    return retrieval.draw(found.isel(size=0, noise=0).assign(more), study, FEW_LINES)


def told_below(page: Any) -> str:
    return " ".join(page.closed.caption.split())


def containers(ax: Any) -> dict[str, Any]:
    return {bars.get_label(): bars for bars in ax.containers}


def test_boundaries_are_where_they_were_measured_with_bars_of_95_percent(page: Figure) -> None:
    """Along T from 0.2 on, along the load below."""
    phase, *_ = axes_of(page)
    found = containers(phase)
    (along_heat,) = (bars for words, bars in found.items() if words.startswith("half are lost"))
    np.testing.assert_allclose(along_heat[0].get_xydata(), [[0.05, 0.62], [0.1, 0.45], [0.15, 0.3]])
    heights = np.array(along_heat[2][0].get_segments())[:, :, 1]
    middle = np.array([0.62, 0.45, 0.3])
    reach = NORMAL_95 * np.array([0.01, 0.02, 0.03])
    np.testing.assert_allclose(heights, np.column_stack([middle - reach, middle + reach]))
    along_load = found[r"the same, along $\alpha$"]
    np.testing.assert_allclose(along_load[0].get_xydata(), [[0.14, 0.0]])
    widths = np.array(along_load[2][0].get_segments())[:, :, 0]
    np.testing.assert_allclose(widths, [[0.14 - NORMAL_95 * 0.001, 0.14 + NORMAL_95 * 0.001]])
    assert all(to_hex(bars[0].get_markerfacecolor()) == "#ffffff" for bars in (along_heat, along_load))
    (words,) = (words for words in found if words.startswith("half are lost"))
    assert "after 70 sweeps" in words


def test_deviations_are_those_of_the_dataset_in_a_symmetric_scale(plane: Any, page: Figure) -> None:
    _, aside, _ = axes_of(page)
    (mesh,) = (one for one in aside.collections if isinstance(one, QuadMesh))
    cells = plane[1].isel(size=0, noise=0).sortby("temperature").sortby("load")
    z = cells["overlap_z"].transpose("beta", "load").values
    np.testing.assert_allclose(mesh.get_array().filled(np.nan), z)
    assert mesh.get_clim() == (-6, 6)
    assert mesh.get_cmap().name.startswith("RdBu_r")


def test_cuts_show_survivors_filled_and_all_sets_open(plane: Any, page: Figure) -> None:
    _, _, cuts = axes_of(page)
    cells = plane[1].isel(size=0, noise=0).sortby("temperature").sortby("load")
    loads, entries = cells["realised_load"].values, key(page)
    nearest = sorted({int(np.argmin(abs(loads - place))) for place in retrieval.SLICES})
    for k in nearest:
        cut = cells.isel(load=k)
        colour = to_hex(entries[rf"$\alpha = {loads[k]:.3g}$"].get_color())
        own = [bars for bars in cuts.containers if to_hex(bars[0].get_color()) == colour]
        stayed = cut["survivors"].values >= 4
        for is_open, mask, name, sets in (
            (False, stayed, "overlap_given_survival", "survivors"),
            (True, ~stayed, "overlap", "seeds"),
        ):
            (bars,) = (
                bars for bars in own if (to_hex(bars[0].get_markerfacecolor()) == "#ffffff") == is_open
            )
            wanted = np.column_stack([cut["temperature"].values, cut[name].values])[mask]
            np.testing.assert_allclose(bars[0].get_xydata(), wanted)
            degrees = np.maximum(cut[sets].values - 1, 1)
            reach = student_t.ppf(0.975, degrees) * cut[f"{name}_error"].values
            heights = np.array(bars[2][0].get_segments())[:, :, 1]
            half = (heights[:, 1] - heights[:, 0]) / 2
            np.testing.assert_allclose(half, np.nan_to_num(reach)[mask], atol=1e-12)
    assert to_hex(entries["open: all sets"].get_markerfacecolor()) == "#ffffff"
    assert to_hex(entries["filled: survivors"].get_markerfacecolor()) != "#ffffff"


def test_lines_on_the_map_have_their_key(page: Figure) -> None:
    phase, *_ = axes_of(page)
    (line,) = (one for one in plain_lines(phase) if one.get_label() == "a line")
    assert line.get_xydata().tolist() == [[0.1, 0.0], [0.0, 1.0]]
    assert to_hex(key(page)["a line"].get_color()) == to_hex(line.get_color())


# Lines of theory


def test_theory_lines_are_those_of_the_theory_room() -> None:
    end, ground, one_step, frozen, broken = theory_lines(0.2)
    words = [line.label.split(":")[0] for line in (end, ground, frozen, broken)]
    assert words == ["$T_M$", "$T_c$", "$T_g$", "$T_{AT}$"]
    assert [line.label.endswith("(replica symmetric)") for line in (end, ground)] == [True, True]
    assert one_step.label == ground.label.replace("replica symmetric", "one step")
    assert one_step.load[0] == pytest.approx(evaluate("hopfield.alpha_1", temperature=0, rsb=1))
    beside = evaluate("hopfield.alpha_1", temperature=one_step.temperature)
    assert (one_step.load - beside > 0.2 / 150).all()  # more than a line's width
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


def test_littles_line_is_full_and_that_of_single_sites_dashed() -> None:
    """Little's ends above Hopfield's between T = 0 and 1."""
    little, hopfield = little_lines()
    assert "Little" in little.label
    assert "one site after the other" in hopfield.label
    for line, model in ((little, "little"), (hopfield, "hopfield")):
        for k in (2, 10):
            value = evaluate(f"{model}.alpha_M", temperature=float(line.temperature[k]))
            assert line.load[k] == pytest.approx(value, abs=1e-9)
    assert (little.load[4:20] > hopfield.load[4:20]).all()
    assert "ls" not in little.style
    assert hopfield.style["ls"] == "--"


# Every shape


@pytest.mark.usefixtures("cheap_figures")
@pytest.mark.parametrize(
    "changes",
    [
        {"size": [40, 60], "noise": [0.0, 0.1], "seed": 1},
        {"load": [0.2, 0.05, 0.1, 0.15], "temperature": [0.6, 0, 0.3, 0.9]},
    ],
    ids=["two sizes and cues", "unsorted"],
)
def test_every_shape_of_a_phase_diagram_is_drawn(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "theory_lines", lambda _: FEW_LINES)
    study = make_study(tmp_path, **{**PHASES, "seed": 2, **changes})
    assert has_phases(study)
    fill(study, tmp_path)
    written = diagram(study, tmp_path)
    planes = len(study.axes.size) * len(study.axes.noise)
    assert len(written) == 1 + 2 * planes
    assert (tmp_path / "small" / "figures" / "diagram.png").exists()


@pytest.mark.parametrize("changes", [{"load": [0.1]}, {"temperature": [0.4]}, {"load": [0.05, 0.1, 0.15]}])
def test_fewer_than_four_loads_or_temperatures_are_curves(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert not has_phases(make_study(tmp_path, **{**PHASES, **changes}))


def test_an_incomplete_diagram_says_so_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "theory_lines", lambda _: FEW_LINES)
    study = make_study(tmp_path, **PHASES)
    fill(study, tmp_path, plan.blocks(study)[:6])
    estimates = with_theory(estimated(study, tmp_path), study)
    assert estimates.attrs["digest"] == "incomplete"
    (figure,) = dict(retrieval.figures(estimates, study)).values()
    missing = int((estimates["flag"] & INCOMPLETE > 0).sum())
    assert 0 < missing < 16
    assert f"{missing} of 16 cells incomplete; digest incomplete" in told(figure)


@pytest.mark.usefixtures("few_places")
def test_littles_network_is_drawn_under_its_own_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [FEW_LINES[0]]
    monkeypatch.setattr(retrieval, "little_lines", lambda: lines)
    study = make_study(tmp_path, model="little", **{**PHASES, "seed": 4})
    fill(study, tmp_path)
    estimates = with_theory(estimated(study, tmp_path), study)
    theory = estimates["overlap_theory"].isel(size=0, noise=0)
    cold = theory.sel(beta=np.inf).values  # (P - 1)/N of 60: 2/60, 5/60
    assert cold[0] == pytest.approx(evaluate("little.overlap", load=2 / 60, temperature=0.0), abs=1e-9)
    ((_, figure),) = retrieval.figures(estimates, study)
    assert "a line" in key(figure)
    assert not any(is_dashed(one) for one in plain_lines(axes_of(figure)[0])[:1])
