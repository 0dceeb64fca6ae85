"""The phase diagram of retrieval: the overlap over (load, temperature) under the lines of theory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch

from mattis.comparison import phases
from mattis.comparison.lines import lines as lines_of_theory
from mattis.comparison.view import View
from mattis.exact.arrays import Mask, Reals
from mattis.figures.canvas import BOUNDARY_POINTS, STYLE, caption, covered, edges, map_cells
from mattis.figures.page import DOUBLE, close_page, hatched, labelled, letters_of, open_page
from mattis.figures.panel import colour_of
from mattis.figures.panels import question_of
from mattis.figures.told import told_of
from mattis.figures.uneven import own_cells
from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.estimates import FAILED, INCOMPLETE
from mattis.statistics.intervals import LEVEL_95, student
from mattis.statistics.states import ESCAPES, FEWEST_SEEDS, REMANENT, TOO_FEW_SEEDS
from mattis.study.base import Study
from mattis.words import counted

WORST_DEVIATION = 6.0
"""Deviations are coloured up to this many standard errors."""
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
    quantity: str = ""


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
    """Return the Amit–Gutfreund–Sompolinsky lines up to a load."""
    drawn: Sequence[tuple[str, dict[str, Any]]] = (
        ("$T_M$: retrieval states end", {"color": "#b2182b", "lw": 1.6}),
        ("$T_c$: retrieval is the ground state", {"color": "#ef8a00", "lw": 1.4, "ls": "--"}),
        ("$T_c$: retrieval is the ground state", {"color": "#ef8a00", "lw": 1.4}),
        ("$T_g$: spin glass freezes", {"color": "#333333", "lw": 1.2, "ls": "-."}),
        ("$T_{AT}$: replica symmetry breaks", {"color": "#762a83", "lw": 1.2, "ls": ":"}),
    )
    return _styled(phases.hopfield_lines(widest), drawn)


def little_lines() -> list[BoundaryLine]:
    """Return alpha_M(T) of synchronous updates (Little), and that of asynchronous ones (Hopfield)."""
    drawn: Sequence[tuple[str, dict[str, Any]]] = (
        ("$T_M$ of Little's network", {"color": "#b2182b", "lw": 1.6}),
        ("$T_M$, one site after the other", {"color": "#333333", "lw": 1.0, "ls": "--"}),
    )
    return _styled(phases.little_lines(), drawn)


def _styled(
    lines: Sequence[phases.PhaseLine], drawn: Sequence[tuple[str, dict[str, Any]]]
) -> list[BoundaryLine]:
    """Return lines of theory with their words and styles."""
    return [
        BoundaryLine(
            line.load,
            line.temperature,
            f"{words} ({line.level})" if line.level else words,
            style,
            line.quantity,
        )
        for line, (words, style) in zip(lines, drawn, strict=True)
    ]


def draw(estimates: xr.Dataset, study: BinaryStudy, lines: Sequence[BoundaryLine]) -> Figure:
    """Draw one plane of a diagram: the map with its boundary, the deviations, and cuts through both."""
    plane = estimates.sortby("temperature").sortby("load")
    with mpl.rc_context(STYLE):
        page = open_page(DOUBLE)
        grid = page.body.add_gridspec(2, 2, width_ratios=(1.3, 1))
        phase = page.body.add_subplot(grid[:, 0])
        cells = own_cells(plane, study)
        phase_keys = draw_phase(phase, plane, cells, lines)
        draw_deviations(page.body.add_subplot(grid[0, 1], sharex=phase, sharey=phase), cells, lines)
        cut_keys = draw_cuts(page.body.add_subplot(grid[1, 1]), plane, study)
        degrees = max(int(plane["seeds"].max()) - 1, 0)
        known = f"z of theory at load (P − 1)/N, {degrees} degrees of freedom at most"
        words = told_of(study, _where(plane), (known, _starts_told(plane)))
        drawn = dict.fromkeys(line.quantity for line in lines)
        judged = [str(plane["overlap_z"].attrs.get("quantity", "hopfield.overlap"))]
        return close_page(
            page, PHASES_HEIGHT, question_of(study, ASKED_OF_PHASES), [*phase_keys, *cut_keys],
            caption(plane, words), letters_of(a=phase_keys, c=cut_keys),
            letters_of(a=drawn, b=[lines[0].quantity, *judged], c=judged),
        )  # fmt: skip


PHASES_HEIGHT = 4.3
"""Inches of the three panels."""


ASKED_OF_PHASES = "How many patterns can be recalled, and how warm may the network be?"
"""What a phase diagram answers, where the study does not say."""


def _where(plane: xr.Dataset) -> str:
    """Return the size and the noise of the cues of a plane."""
    noise = float(plane["noise"])
    flipped = f", {noise:g} of each cue flipped" if noise else ""
    return f"N = {int(plane['size'])}{flipped}"


def _starts_told(plane: xr.Dataset) -> str:
    """Return where two starts begin to differ, in overlap and in energy, at a middle load; or nothing."""
    names = {"overlap": "boundary_starts_overlap", "energy": "boundary_starts_energy"}
    if names["overlap"] not in plane:
        return ""
    known = np.flatnonzero(np.isfinite(plane[names["overlap"]].values))
    if not known.size:
        return ""
    at = plane.isel(load=int(known[known.size // 2]))
    told = [
        f"{float(at[name]):.2f} ± {LEVEL_95 * float(at[f'{name}_error']):.2f} ({word})"
        for word, name in names.items()
        if np.isfinite(at[name])
    ]
    load = float(at["realised_load"])
    return f"in half of the sets both starts differ below T = {', '.join(told)} at $\\alpha$ = {load:.3g}"


def draw_phase(ax: Axes, plane: xr.Dataset, cells: xr.Dataset, lines: Sequence[BoundaryLine]) -> list[Artist]:
    """Draw the overlap map, the simulated boundary with its errors, and the lines of theory; return keys.

    cells  # the plane as the map shows it: see `own_cells`
    """
    x, y = edges(cells["realised_load"].values), edges(cells["temperature"].values)
    overlap = cells["overlap"].transpose("beta", "load").values
    mesh = map_cells(ax, (x, y), overlap, is_unusable(cells), ("Blues", 0, 1))
    ax.set(xlim=(0, x[-1]), ylim=(y[0], max(y[-1], 1.0 if y[-1] > 0.5 else y[-1])))
    _remanence(ax, cells)
    ax.figure.colorbar(mesh, ax=ax, label="overlap $m$", pad=0.015, fraction=0.05, aspect=40)
    for line in lines:
        ax.plot(line.load, line.temperature, label=line.label, **line.style)
    _boundary(ax, plane)
    _failures(ax, plane)
    ax.set(xlabel=r"load $\alpha = P/N$", ylabel="temperature $T$")
    ax.set_title("(a) overlap with the cued pattern")
    _zoom(ax, lines)
    remanent = f"remanent, not equilibrated: overlap after {_age(plane)}"
    dotted = hatched(remanent, "#777777", 3 * REMANENT_HATCH)
    return [*labelled([ax]), hatched(UNUSABLE), dotted]


UNUSABLE = "not to be used: a mean over two states, or few seeds"


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


def is_unusable(plane: xr.Dataset) -> Mask:
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
    style: dict[str, Any] = BOUNDARY_POINTS | {"mew": 0.7, "zorder": 5}
    load, place = plane["realised_load"].values, plane["boundary_temperature"].values
    known = np.isfinite(place) & (place >= STEEP)
    ax.errorbar(
        load[known], place[known], yerr=LEVEL_95 * plane["boundary_temperature_error"].values[known],
        marker="o", ms=3, label=f"half are lost after {_age(plane)}: a lifetime", **style,
    )  # fmt: skip
    if "boundary_temperature_extrapolated" in plane:
        place = plane["boundary_temperature_extrapolated"].values
        known = np.isfinite(place) & (place >= STEEP)
        ax.errorbar(
            load[known], place[known], yerr=LEVEL_95 * _total(plane)[known],
            marker="D", ms=2.6, label=r"the same at $N \to \infty$, by all $N$: both errors",
            **style | {"mfc": "black"},
        )  # fmt: skip
    heat, place = plane["temperature"].values, plane["boundary_load"].values
    known = np.isfinite(place) & (heat < STEEP)
    if known.any():
        ax.errorbar(
            place[known], heat[known], xerr=LEVEL_95 * plane["boundary_load_error"].values[known],
            marker="s", ms=2.6, label=r"the same, along $\alpha$", **style,
        )  # fmt: skip


def _total(plane: xr.Dataset) -> Reals:
    """Return the statistical and the systematic error of the boundary at N → ∞ together."""
    parts = (plane[f"boundary_temperature_extrapolated{end}"].values for end in ("_error", "_systematic"))
    return np.asarray(np.hypot(*parts), np.float64)


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


def draw_deviations(ax: Axes, plane: xr.Dataset, lines: Sequence[BoundaryLine]) -> None:
    """Draw (survivors − theory) / error of the overlap, blank where theory has no such state."""
    z = plane["overlap_z"].transpose("beta", "load").values
    x, y = edges(plane["realised_load"].values), edges(plane["temperature"].values)
    scale = ("RdBu_r", -WORST_DEVIATION, WORST_DEVIATION)
    mesh = map_cells(ax, (x, y), z, np.zeros(z.shape, bool), scale)
    ax.figure.colorbar(mesh, ax=ax, label="$z$", extend="both", pad=0.015, fraction=0.05)
    ax.plot(lines[0].load, lines[0].temperature, color="black", lw=0.8, label=f"_{lines[0].label}")
    ax.set(xlabel=r"load $\alpha$", ylabel="$T$")
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("(b) $z$ = (survivors − theory) / error")


def draw_cuts(ax: Axes, plane: xr.Dataset, study: BinaryStudy) -> list[Artist]:
    """Draw the overlap against temperature at a few loads, with errors, over theory; return keys."""
    load = plane["realised_load"].values
    nearest = sorted({int(np.argmin(np.abs(load - place))) for place in SLICES})
    seen = View("beta", None, None, ())
    keys: list[Artist] = []
    for place, index in enumerate(nearest):
        cut = plane.isel(load=index)
        colour = colour_of(place, len(nearest), View("beta", "load", None, ()))
        for line in lines_of_theory(study, seen, cut, "overlap"):
            words = f"_{line.quantity}, load {load[index]:.4g}"
            ax.plot(line.x, line.y, color=colour, lw=1.0, label=words)
        stayed = cut["survivors"].values >= FEWEST_SEEDS
        for mask, fill, name, sets in (
            (stayed, colour, "overlap_given_survival", "survivors"),
            (~stayed, "white", "overlap", "seeds"),
        ):
            reach = cut[f"{name}_error"].values * student(cut[sets].values - 1.0)
            ax.errorbar(
                cut["temperature"].values[mask], cut[name].values[mask],
                yerr=np.nan_to_num(reach[mask]), ls="none", marker="o", ms=2.8, lw=0.7, mew=0.7,
                color=colour, mfc=fill, label=f"_{name}, load {load[index]:.4g}",
            )  # fmt: skip
        words = rf"$\alpha = {load[index]:.3g}$"
        keys.append(Line2D([], [], color=colour, marker="o", ms=3, lw=1.0, label=words))
    ax.axhline(0, color="#999999", lw=0.5)
    ax.set(xlabel="temperature $T$", ylabel="overlap $m$", ylim=(-0.1, 1.05))
    ax.set_title("(c) cuts; lines: theory")
    style: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 3, "color": "#777777"}
    return [
        *keys,
        Line2D([], [], **style, label="filled: survivors"),
        Line2D([], [], **style, mfc="white", label="open: all sets"),
    ]
