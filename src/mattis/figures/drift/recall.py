"""Learn, then recall: the overlaps under the two limits of load and of learning."""

from collections.abc import Iterator
from itertools import product

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis import theory
from mattis.comparison.drift import plain
from mattis.comparison.expected import load_of_others
from mattis.comparison.remembered import curve
from mattis.exact.arrays import Reals
from mattis.figures.canvas import BOUNDARY_POINTS, STYLE, caption, edges, map_cells, mark_infinity
from mattis.figures.curves import deviations
from mattis.figures.page import DOUBLE, close_page, distinct, hatched, labelled, letters_of, open_page
from mattis.figures.panel import agreeing_key, draw_deviations, open_strip
from mattis.figures.panels import question_of
from mattis.networks.drift.recall_study import RecallStudy
from mattis.statistics.intervals import LEVEL_95, student
from mattis.study.base import Study
from mattis.words import counted

NEW, OLD = "#2166ac", "#b35806"
"""Colours of what was learnt, and of what was there."""

OVERLAPS_DRAWN = (("overlap", NEW, "new pattern"), ("overlap_old", OLD, "old pattern"))
"""Overlaps, their colours, and whose they are."""


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield one figure for each size, sigma, temperature and noise of the cues."""
    assert isinstance(study, RecallStudy)
    apart = ("size", "noise", "beta", "cue_noise")
    planes = list(product(*(estimates[name].values for name in apart)))
    for values in planes:
        labels = dict(zip(apart, map(float, values), strict=True))
        plane = estimates.sel(labels)
        heat = float(plane["temperature"])
        varied = [
            f"temperature{heat:g}" if name == "beta" else f"{name}{labels[name]:g}"
            for name in apart
            if estimates.sizes[name] > 1
        ]
        name = "diagram" if values == planes[0] else "-".join(["diagram", *varied])
        yield name, draw(plane.sortby("load").sortby("kappa").sortby("presentations"), study)


def draw(plane: xr.Dataset, study: RecallStudy) -> Figure:
    """Draw overlaps with new and old patterns over (load, kappa), and cuts along load and time."""
    learnt = plane.isel(presentations=-1)
    with mpl.rc_context(STYLE):
        page = open_page(DOUBLE)
        grid = page.body.add_gridspec(3, 2, height_ratios=(2.0, 1.5, 0.5))
        new, old, times = (page.body.add_subplot(grid[k]) for k in ((0, 0), (0, 1), (slice(1, 3), 1)))
        loads = page.body.add_subplot(grid[1, 0])
        strip = page.body.add_subplot(grid[2, 0], sharex=loads)
        draw_map(new, learnt, study, "overlap", "Blues")
        new.set_title("(a) overlap with new patterns: what was learnt")
        draw_ends(new, learnt)
        draw_map(old, learnt, study, "overlap_old", "Oranges")
        old.set_title("(b) overlap with old patterns: what was there")
        draw_loads(loads, learnt)
        draw_deviations_of_loads(strip, learnt)
        draw_times(times, plane)
        presentations = float(learnt["presentations"])
        text = (
            f"{study.name}: N = {int(plane['size'])}, T = {float(plane['temperature']):g}, sigma = "
            f"{float(plane['noise']):g}, cue noise {float(plane['cue_noise']):g}, {presentations:g} "
            f"presentations per memory, tau = {study.tau:g}, {counted(len(study.axes.seed), 'pattern set')}"
        )
        asked = question_of(study, "Which of what was learnt can be recalled?")
        keys = {letter: labelled([ax]) for letter, ax in zip("abcd", (new, old, loads, times), strict=True)}
        keys |= {
            "ab": [hatched("short chains, unsettled, two states")],
            "c ": agreeing_key(learnt, "overlap"),
        }
        limits = ["hopfield.alpha_M"]
        limits += ["consolidation.kappa_s", "consolidation.kappa_basin"] * plain(study, {})
        return close_page(
            page, HEIGHT_OF_RECALL, asked, distinct(keys), caption(plane, text), letters_of(**keys),
            letters_of(a=limits, b=limits, c=["hopfield.overlap"]),
        )  # fmt: skip


HEIGHT_OF_RECALL = 5.0
"""Inches of the four panels."""


def draw_map(ax: Axes, plane: xr.Dataset, study: RecallStudy, name: str, colours: str) -> None:
    """Draw an overlap over (load, kappa) under the two lines of theory."""
    load, kappa = plane["realised_load"].values, plane["kappa"].values
    x, y = edges(load), edges(kappa)
    flagged = plane["flag"].transpose("kappa", "load").values != 0
    mesh = map_cells(ax, (x, y), plane[name].transpose("kappa", "load").values, flagged, (colours, 0, 1))
    ax.figure.colorbar(mesh, ax=ax, pad=0.015, fraction=0.05, label="overlap $m$")
    if plain(study, {}):
        draw_collapse(ax, plane, x[-1])
    limit = theory.evaluate("hopfield.alpha_M", temperature=float(plane["temperature"]))
    if limit is not None:
        words = r"$\alpha_M(T)$: end of retrieval (AGS)"
        ax.axvline(float(np.asarray(limit)), color="black", lw=1.4, ls="--", label=words)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    mark_infinity(ax.yaxis, kappa)
    ax.set(xlabel=r"load $\alpha = N_h/N$", ylabel=r"$\kappa = \beta N$ of the synapses")


def draw_collapse(ax: Axes, plane: xr.Dataset, most: float) -> None:
    """Draw below which kappa memories collapse, up to a load: all, and those that start as the old."""
    count = np.unique(np.rint(np.linspace(2, most * float(plane["size"]), 120)))
    along, line = count / float(plane["size"]), curve("consolidation.kappa_s", memories=count)
    label = r"$\kappa_s(\alpha N)$: all collapse below"
    ax.plot(along, line, color="#b2182b", lw=1.1, ls=":", label=label)
    start = 1 - 2 * float(plane["noise"])
    if 0 < start < 1:
        line = curve("consolidation.kappa_basin", memories=count, start=start)
        label = r"collapse from overlap $1 - 2\sigma$ on"
        ax.plot(along, line, color="#b2182b", lw=1.7, label=label)


def draw_ends(ax: Axes, plane: xr.Dataset) -> None:
    """Draw where half of the new patterns are retrieved: along kappa at each load."""
    load, place = plane["realised_load"].values, plane["boundary_kappa"].values
    known = np.isfinite(place)
    ax.errorbar(
        load[known], place[known], yerr=LEVEL_95 * plane["boundary_kappa_error"].values[known],
        marker="o", ms=3, label=r"half retrieved, along $\kappa$", **BOUNDARY_POINTS,
    )  # fmt: skip


def draw_loads(ax: Axes, plane: xr.Dataset) -> None:
    """Draw overlaps against the load where synapses are sharpest: the learnt patterns obey AGS."""
    cut = plane.isel(kappa=-1)
    load = cut["realised_load"].values
    fine = np.linspace(load[0] / 2, load[-1] * 1.05, 200)
    others = load_of_others(fine * float(cut["size"]), float(cut["size"]))
    line = curve("hopfield.overlap", load=others, temperature=float(cut["temperature"]))
    ax.plot(fine, line, color="black", lw=1.2, label="AGS, of a pattern stored")
    _points(ax, load, cut, "none")
    remains = 1 - 2 * float(cut["noise"])
    ax.axhline(remains, color=OLD, lw=0.8, ls=":", label=r"$1 - 2\sigma$: overlap of new and old")
    ax.set(ylabel="overlap $m$", ylim=(-0.05, 1.05))
    ax.tick_params(labelbottom=False)
    ax.set_title(rf"(c) along the load, $\kappa = {float(cut['kappa']):g}$")


def draw_deviations_of_loads(ax: Axes, plane: xr.Dataset) -> None:
    """Draw how far the learnt patterns are from AGS, in errors, where these were learnt."""
    cut = plane.isel(kappa=-1)
    load, style = cut["realised_load"].values, {"color": NEW, "marker": "o", "ms": 2.8}
    z, bound = deviations(cut, "overlap")
    open_strip(ax)
    if z is not None:
        draw_deviations(ax, load, (z, bound), style)
    ax.set_xlabel(r"load $\alpha$")


def draw_times(ax: Axes, plane: xr.Dataset) -> None:
    """Draw overlaps against presentations at a light load: the new pattern takes the place of the old."""
    cut = plane.isel(kappa=-1, load=int(np.argmin(np.abs(plane["realised_load"].values - 0.05))))
    presentations = cut["presentations"].values
    _points(ax, presentations, cut, "-")
    for name, colour, word in (("similarity", NEW, "new"), ("similarity_old", OLD, "old")):
        words, cosine = f"cosine of memory and {word}", cut[name].values
        ax.plot(presentations, cosine, color=colour, lw=0.9, ls="--", label=words)
    ax.set_xscale("symlog", linthresh=10)
    ax.set(xlabel="presentations per memory", ylabel="overlap $m$, cosine", ylim=(-0.05, 1.05))
    load, kappa = float(cut["realised_load"]), float(cut["kappa"])
    ax.set_title(rf"(d) in time, $\alpha = {load:.3g}$, $\kappa = {kappa:g}$")


def _points(ax: Axes, x: Reals, cut: xr.Dataset, dash: str) -> None:
    """Draw both overlaps with their errors."""
    for name, colour, words in OVERLAPS_DRAWN:
        reach = cut[f"{name}_error"].values * student(cut["seeds"].values - 1.0)
        ax.errorbar(
            x, cut[name].values, yerr=reach, ls=dash, marker="o", ms=2.8, lw=0.8, color=colour,
            label=f"overlap with the {words}",
        )  # fmt: skip
