"""The phase diagram of retrieval: the overlap over (load, temperature) under the lines of theory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from numpy.typing import NDArray

from mattis.exact.arrays import Reals
from mattis.figures.canvas import STYLE, caption, covered, curve, edges, head, map_cells
from mattis.figures.foretold import load_of_others
from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.estimates import FAILED, INCOMPLETE
from mattis.statistics.intervals import normal_pull
from mattis.statistics.states import EQUILIBRATED, ESCAPES, FEWEST_SEEDS, REMANENT, TOO_FEW_SEEDS
from mattis.study.base import Study
from mattis.theory import hopfield
from mattis.words import counted

WORST_RESIDUAL = 6.0
"""Residuals are coloured up to this many standard errors."""
STEEP = 0.2
"""Below this temperature T_M(load) is so steep that the boundary is better measured along the load."""
SLICES = (0.02, 0.05, 0.08, 0.11)


@dataclass(frozen=True, eq=False)
class BoundaryLine:
    """A line of theory in the (load, temperature) plane."""

    load: Reals
    temperature: Reals
    label: str
    style: dict[str, Any]


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of each plane; `diagram` is that of the largest N with the cleanest cue."""
    assert isinstance(study, BinaryStudy)
    widest = max(0.15, float(estimates["realised_load"].max()) * 1.05)
    lines = little_lines() if study.acting.synchronous else theory_lines(widest)
    best = max(study.axes.size), min(study.axes.noise)
    for n in study.axes.size:
        for x in study.axes.noise:
            name = "diagram" if (n, x) == best else f"diagram-N{n}-noise{x:g}"
            yield name, draw(estimates.sel(size=n, noise=x), study, lines)


def theory_lines(widest: float) -> list[BoundaryLine]:
    """Return the Amit–Gutfreund–Sompolinsky lines up to a load.

    T_M and T_c as curves of the load, alpha_M(T) and alpha_1(T): both are re-entrant at low temperature.
    """
    heat = np.concatenate([np.linspace(0, 0.06, 25), np.linspace(0.07, 0.999, 60)])
    load = np.linspace(1e-4, widest, 150)
    near = np.concatenate([np.linspace(0.04, 0.138, 50), np.linspace(0.1381, 0.138185, 5)])
    cool = np.concatenate([np.linspace(0, 0.2, 21), np.linspace(0.22, 0.999, 40)])
    styles: dict[str, dict[str, Any]] = {
        "T_M": {"color": "#b2182b", "lw": 1.6},
        "T_c": {"color": "#ef8a00", "lw": 1.4, "ls": "--"},
        "T_g": {"color": "#333333", "lw": 1.2, "ls": "-."},
        "T_AT": {"color": "#762a83", "lw": 1.2, "ls": ":"},
    }
    end = curve("hopfield.alpha_M", temperature=heat)
    ground, frozen = curve("hopfield.alpha_1", temperature=cool), curve("hopfield.T_g", load=load)
    broken = curve("hopfield.T_AT", load=near)
    return [
        BoundaryLine(end, heat, "$T_M$: retrieval states end", styles["T_M"]),
        BoundaryLine(
            ground, cool, "$T_c$: retrieval is the ground state (replica symmetric)", styles["T_c"]
        ),
        BoundaryLine(load, frozen, "$T_g$: spin glass freezes", styles["T_g"]),
        BoundaryLine(near, broken, "$T_{AT}$: replica symmetry breaks", styles["T_AT"]),
    ]


def little_lines() -> list[BoundaryLine]:
    """Return alpha_M(T) of synchronous updates (Little), and that of asynchronous ones (Hopfield)."""
    heat = np.concatenate([np.linspace(0, 0.06, 4), np.linspace(0.08, 0.99, 24)])
    synchronous, asynchronous = (
        curve(f"{name}.alpha_M", temperature=heat) for name in ("little", "hopfield")
    )
    lines = {"color": "#b2182b", "lw": 1.6}, {"color": "#333333", "lw": 1.0, "ls": "--"}
    return [
        BoundaryLine(synchronous, heat, "$T_M$ of Little's network", lines[0]),
        BoundaryLine(asynchronous, heat, "$T_M$, one site after the other", lines[1]),
    ]


def overlap_theory(model: str, load: Reals, temperature: Reals) -> Reals:
    """Return the overlap of the retrieval state over (load, temperature), 0 where there is none."""
    if model == "little":
        grid = curve(
            "little.overlap", load=load, temperature=temperature[:, None]
        )  # T by T is faster
        return np.nan_to_num(grid.T)
    columns: Reals = np.array([hopfield.overlaps(load, float(t)) for t in temperature]).T
    return np.nan_to_num(columns)


def draw(estimates: xr.Dataset, study: BinaryStudy, lines: Sequence[BoundaryLine]) -> Figure:
    """Draw one plane of a diagram: the map with its boundary, the residuals, and cuts through both."""
    plane = estimates.sortby("temperature").sortby("load")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 6.2), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(1.35, 1), height_ratios=(1.15, 1))
        phase = figure.add_subplot(grid[:, 0])
        draw_phase(phase, plane, lines)
        aside = figure.add_subplot(grid[0, 1], sharex=phase, sharey=phase)
        model = "little" if study.acting.synchronous else "hopfield"
        draw_residuals(aside, plane, model, lines)
        draw_cuts(figure.add_subplot(grid[1, 1]), plane, model)
        head(figure, _caption(plane, study))
    return figure


def _caption(plane: xr.Dataset, study: BinaryStudy) -> str:
    """Return the caption: size, pattern sets, cues, noise and sweeps."""
    order = "" if study.update_order == "typewriter" else ", random order"
    shared = "" if study.noise_sharing == "independent" else ", common noise along T"
    return caption(
        plane,
        f"{study.name}: N = {int(plane['size'])}, {counted(len(study.axes.seed), 'pattern set')} × "
        f"{counted(study.cues, 'cue')}, "
        f"noise {float(plane['noise']):g}, "
        f"{study.sweeps.thermalise} + {study.sweeps.measure} sweeps{order}{shared}",
    )


def draw_phase(ax: Axes, plane: xr.Dataset, lines: Sequence[BoundaryLine]) -> None:
    """Draw the overlap map, the simulated boundary with its errors, and the lines of theory."""
    mesh = _map(ax, plane, plane["overlap"].transpose("beta", "load").values, "Blues", 0, 1)
    _remanence(ax, plane)
    ax.figure.colorbar(mesh, ax=ax, label="overlap $m$", pad=0.015, fraction=0.05, aspect=40)
    for line in lines:
        ax.plot(line.load, line.temperature, label=line.label, **line.style)
    _boundary(ax, plane)
    _failures(ax, plane)
    handles, labels = ax.get_legend_handles_labels()
    handles.append(Patch(facecolor="none", edgecolor="#555555", hatch="////", lw=0))
    labels.append("not to be used: a mean over two states, or few seeds")
    handles.append(Patch(facecolor="none", edgecolor="#999999", hatch=REMANENT_HATCH, lw=0))
    labels.append(f"remanent, not equilibrated: overlap after {_age(plane)}")
    ax.legend(handles, labels, loc="upper right", bbox_to_anchor=(1.0, 0.87))
    ax.set(xlabel=r"load $\alpha = P/N$", ylabel="temperature $T$")
    ax.set_title("(a) overlap with the cued pattern")
    _zoom(ax, lines)


REMANENT_HATCH = ".."


def _age(plane: xr.Dataset) -> str:
    """Return the age at which a plane was judged, with its unit."""
    return counted(round(float(plane["boundary_temperature"].attrs["age"])), "sweep")


def _remanence(ax: Axes, plane: xr.Dataset) -> None:
    """Dot the cells in which the overlap is that of its age, on its way down."""
    x, y = edges(plane["realised_load"].values), edges(plane["temperature"].values)
    remanent = plane["state"].transpose("beta", "load").values == REMANENT
    areas = [PathPatch(path) for path in covered(remanent, x, y)]
    style: dict[str, Any] = {"facecolor": "none", "edgecolor": "#99999966", "lw": 0.0}
    ax.add_collection(PatchCollection(areas, hatch=REMANENT_HATCH, **style))


def is_unusable(plane: xr.Dataset) -> NDArray[np.bool_]:
    """Tell which cells (beta, load) are hatched: a mean over two states, few seeds, or not all of them."""
    state = plane["state"].transpose("beta", "load").values
    gaps = plane["flag"].transpose("beta", "load").values & (FAILED | INCOMPLETE)
    return np.asarray((gaps != 0) | (state == ESCAPES) | (state == TOO_FEW_SEEDS))


def _failures(ax: Axes, plane: xr.Dataset) -> None:
    """Cross out the cells in which a block failed."""
    j, i = np.nonzero(plane["flag"].transpose("load", "beta").values & FAILED)
    if len(i):
        load, heat = plane["realised_load"].values[j], plane["temperature"].values[i]
        style: dict[str, Any] = {"ls": "none", "marker": "x", "color": "#d6006f", "zorder": 6}
        ax.plot(load, heat, ms=5, mew=1.2, label="a block failed: mattis status", **style)


def _boundary(ax: Axes, plane: xr.Dataset) -> None:
    """Draw where half of the cues are retrieved: along T at each load, along the load at low T."""
    style: dict[str, Any] = {"ls": "none", "lw": 0.8, "capsize": 1.5, "zorder": 5}
    style |= {"mfc": "white", "mec": "black", "ecolor": "black"}
    load, place = plane["realised_load"].values, plane["boundary_temperature"].values
    known = np.isfinite(place) & (place >= STEEP)
    ax.errorbar(
        load[known], place[known], yerr=plane["boundary_temperature_error"].values[known],
        marker="o", ms=4, label=f"half are lost after {_age(plane)}: a lifetime", **style,
    )  # fmt: skip
    if "boundary_temperature_extrapolated" in plane:
        place = plane["boundary_temperature_extrapolated"].values
        known = np.isfinite(place) & (place >= STEEP)
        ax.errorbar(
            load[known], place[known],
            yerr=plane["boundary_temperature_extrapolated_error"].values[known],
            marker="D", ms=3.5, label=r"the same at $N \to \infty$, by all $N$", **style | {"mfc": "black"},
        )  # fmt: skip
    heat, place = plane["temperature"].values, plane["boundary_load"].values
    known = np.isfinite(place) & (heat < STEEP)
    if known.any():
        ax.errorbar(
            place[known], heat[known], xerr=plane["boundary_load_error"].values[known],
            marker="s", ms=3.5, label=r"the same, along $\alpha$", **style,
        )  # fmt: skip


def _zoom(ax: Axes, lines: Sequence[BoundaryLine]) -> None:
    """Show the corner where T_M turns back and the AT line ends, too low for the large axes."""
    if ax.get_xlim()[1] < 0.15:
        return
    inset = ax.inset_axes((0.71, 0.30, 0.27, 0.17))
    for line in lines:
        inset.plot(line.load, line.temperature, **line.style)
    inset.set(xlim=(0.125, 0.1395), ylim=(0, 0.06))
    inset.set_xticks([0.13, 0.1379], ["0.13", r"$\alpha_c$"])
    inset.set_yticks([0, 0.05])
    inset.tick_params(labelsize=7, length=2)
    ax.indicate_inset_zoom(inset, edgecolor="#555555", lw=0.6)


def draw_residuals(ax: Axes, plane: xr.Dataset, model: str, lines: Sequence[BoundaryLine]) -> None:
    """Draw (simulation − theory) / error of the overlap, blank where theory has no such state."""
    pulls = residuals(plane, model)
    x, y = edges(plane["realised_load"].values), edges(plane["temperature"].values)
    scale = ("RdBu_r", -WORST_RESIDUAL, WORST_RESIDUAL)
    mesh = map_cells(ax, (x, y), pulls, np.zeros(pulls.shape, bool), scale)
    ax.figure.colorbar(
        mesh, ax=ax, label="standard errors", extend="both", pad=0.015, fraction=0.05
    )
    ax.plot(lines[0].load, lines[0].temperature, color="black", lw=0.8)
    ax.set(xlabel=r"load $\alpha$", ylabel="$T$")
    degrees = max(int(plane["seeds"].max()) - 1, 0)
    ax.set_title(f"(b) (survivors − theory at (P − 1)/N) / error, ≤ {degrees} d.o.f.")


def residuals(plane: xr.Dataset, model: str) -> Reals:
    """Return the pulls of the overlap (temperature, load), as normal deviates; NaN where there are none.

    Theory of the retrieval state, at the load (P - 1)/N, is compared with the mean of the networks that
    stayed in it, of four pattern sets at least; zero with that of equilibrated paramagnets.
    """
    cells = plane.transpose("beta", "load", ...)
    survivors, error = cells["survivors"].values, cells["overlap_given_survival_error"].values
    stayed = (survivors >= FEWEST_SEEDS) & np.isfinite(error)
    known = stayed.any(axis=1)  # theory takes seconds: only at cells with an error
    expected = np.zeros(stayed.shape)
    load, heat = (
        load_of_others(plane["patterns"].values, float(plane["size"])),
        plane["temperature"].values[known],
    )
    if known.any():
        expected[known] = overlap_theory(model, load, heat).T
    at_rest = cells["state"].values == EQUILIBRATED
    difference = np.where(
        at_rest, cells["overlap"].values, cells["overlap_given_survival"] - expected
    )
    error = np.where(at_rest, cells["overlap_error"].values, error)
    degrees = np.where(at_rest, cells["seeds"].values, survivors) - 1
    pulls = normal_pull(xr.DataArray(difference / error), xr.DataArray(degrees)).values
    return np.where(at_rest | (stayed & (expected > 0)), pulls, np.nan)


def _map(ax: Axes, plane: xr.Dataset, values: Reals, colours: str, low: float, high: float) -> Any:
    """Draw values (temperature, load) as cells, hatching those that carry a flag."""
    x, y = edges(plane["realised_load"].values), edges(plane["temperature"].values)
    mesh = map_cells(ax, (x, y), values, is_unusable(plane), (colours, low, high))
    ax.set(xlim=(0, x[-1]), ylim=(y[0], max(y[-1], 1.0 if y[-1] > 0.5 else y[-1])))
    return mesh


def draw_cuts(ax: Axes, plane: xr.Dataset, model: str) -> None:
    """Draw the overlap against temperature at a few loads, with errors, over theory."""
    load, others = (
        plane["realised_load"].values,
        load_of_others(plane["patterns"].values, float(plane["size"])),
    )
    nearest = sorted({int(np.argmin(np.abs(load - place))) for place in SLICES})
    fine = np.linspace(0, 1.0, 41 if model == "little" else 201)
    for colour, index in zip(
        mpl.colormaps["viridis"](np.linspace(0, 0.85, len(nearest))), nearest, strict=True
    ):
        cut = plane.isel(load=index)
        known = overlap_theory(model, others[index : index + 1], fine)[0]
        ax.plot(fine, np.where(known > 0, known, np.nan), color=colour, lw=1.2)
        stayed = cut["survivors"].values >= FEWEST_SEEDS
        for mask, fill, name in (
            (stayed, colour, "overlap_given_survival"),
            (~stayed, "white", "overlap"),
        ):
            ax.errorbar(
                cut["temperature"].values[mask], cut[name].values[mask],
                yerr=cut[f"{name}_error"].values[mask], ls="none", marker="o", ms=3, lw=0.8,
                color=colour, mfc=fill, label=rf"$\alpha = {load[index]:.3g}$" if fill is colour else None,
            )  # fmt: skip
    ax.axhline(0, color="#999999", lw=0.5)
    ax.set(xlabel="temperature $T$", ylabel="overlap $m$", ylim=(-0.1, 1.05))
    ax.set_title("(c) cuts; curves: theory, filled: mean of survivors, open: of all")
    ax.legend(loc="upper right")
