"""Diagrams of consolidation: the surviving memories, and their speed of change.

The axes that a study varies decide its figure: kappa and the number of memories give the
diagram of the collapse; many presentations give curves in time; anything else is a map over two axes.
"""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mattis.comparison.drift import SLOW, at_first, plain
from mattis.comparison.remembered import curve
from mattis.comparison.view import planes
from mattis.exact.arrays import Reals
from mattis.figures.canvas import BOUNDARY_POINTS, STYLE, colour_map, edges, map_cells, mark_infinity
from mattis.figures.drift import losses, time_course
from mattis.figures.drift.pages import DriftPlane, age_of, unjudged
from mattis.figures.page import DOUBLE, hatched, labelled, letters_of, open_page
from mattis.networks.drift.study import ConsolidationStudy
from mattis.statistics.intervals import LEVEL_95, student
from mattis.study.base import Study

MANY_PRESENTATIONS = 12
"""From so many presentations on, a study is about time."""

LARGEST_DIFFERENCE = 0.02
"""Differences of similarities are coloured up to this."""

MARKERS = "os^Dv<>ph*"


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of the diagrams that the axes of the study ask for."""
    assert isinstance(study, ConsolidationStudy)
    if len(study.axes.presentations) >= MANY_PRESENTATIONS:
        yield from time_course.figures(estimates, study)
    elif {*losses.axes_of(estimates)} == {"kappa", study.stored}:
        yield from collapses(estimates, study)
    else:
        yield from losses.figures(estimates, study)


def collapses(estimates: xr.Dataset, study: ConsolidationStudy) -> Iterator[tuple[str, Figure]]:
    """Yield a diagram of the collapse for each noise, spread, tau, number of presentations, memory."""
    for name, labels in planes(estimates, study, [name for name in study.points if name != "kappa"]):
        yield name, draw(estimates.sel(labels), study, labels)


def draw(plane: xr.Dataset, study: ConsolidationStudy, labels: dict[str, float]) -> Figure:
    """Draw similarity and surviving fraction, the collapse of all sizes, and the residuals of theory."""
    largest = plane.sel(size=max(study.axes.size)).sortby("kappa").sortby(study.stored)
    similarity = largest["similarity"].transpose(study.stored, "kappa").values
    with mpl.rc_context(STYLE):
        page = open_page(DOUBLE)
        (top, fraction), (curves, rest) = page.body.subplots(2, 2)
        draw_map(top, largest, study, labels, "similarity", ("viridis", 0, 1))
        top.set_title(f"(a) cosine with the new pattern, $N_v = {_spelled(max(study.axes.size))}$")
        draw_map(fraction, largest, study, labels, "consolidated", ("Blues", 0, 1))
        fraction.set_title(f"(b) share of memories that survive{age_of(labels)}")
        keys = {"b": draw_ends(fraction, plane, study)}
        keys["c"] = draw_collapse(curves, plane, study, labels)
        grid = np.meshgrid(largest["kappa"].values, largest["patterns"].values)
        theory = expected(grid[1].ravel(), grid[0].ravel(), study, labels).reshape(similarity.shape)
        difference = largest.assign(difference=((study.stored, "kappa"), similarity - theory))
        worst = LARGEST_DIFFERENCE
        draw_map(rest, difference, study, labels, "difference", ("RdBu_r", -worst, worst))
        known = plain(study, labels)
        rest.set_title(f"(d) simulation − theory{'' if known else ': not known here'}")
        of = DriftPlane(plane, study, labels)
        asked = "Which memories survive what they are shown?"
        ends_named = ["consolidation.kappa_s", "consolidation.kappa_basin"] if known else []
        curves_named = ["consolidation.mean_similarity"] if known else []
        named = letters_of(a=ends_named, b=ends_named, c=curves_named, d=curves_named)
        return of.close(page, COLLAPSE_HEIGHT, asked, keys, unjudged(plane, named), named)


COLLAPSE_HEIGHT = 4.8
"""Inches of the four panels."""


def draw_map(
    ax: Axes,
    plane: xr.Dataset,
    study: ConsolidationStudy,
    labels: dict[str, float],
    name: str,
    colours: tuple[str, float, float],
) -> None:
    """Draw one quantity of the largest system over (kappa, N_h), with the line kappa_s."""
    count, kappa = plane["patterns"].values, plane["kappa"].values
    x, y = edges(kappa), np.exp(edges(np.log(count)))
    flagged = plane["flag"].transpose(study.stored, "kappa").values != 0
    mesh = map_cells(ax, (x, y), plane[name].transpose(study.stored, "kappa").values, flagged, colours)
    low, high = colours[1:]
    extend: Any = "both" if low < 0 else "neither"
    ax.figure.colorbar(mesh, ax=ax, pad=0.015, fraction=0.05, extend=extend, ticks=np.linspace(low, high, 5))
    fine = np.unique(np.rint(np.geomspace(2, max(y[-1], 3), 80)))
    if plain(study, labels):
        line, words = ends(fine, study, labels)
        ax.plot(line, fine, color="#b2182b", lw=1.8, label=words)
    ax.set_yscale("log", base=2)
    ax.set_yticks(count, [f"{n:g}" for n in count])
    ax.minorticks_off()
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    mark_infinity(ax.xaxis, kappa)
    ax.set(xlabel=r"$\kappa = \beta N_v \rho$", ylabel="memories $N_h$")


def draw_ends(ax: Axes, plane: xr.Dataset, study: ConsolidationStudy) -> list[Any]:
    """Draw where half of the memories survive, with its error, for every size; return keys."""
    for n, marker in zip(study.axes.size, MARKERS, strict=False):
        part = plane.sel(size=n)
        ax.errorbar(
            part["boundary_kappa"].values, part["patterns"].values,
            xerr=LEVEL_95 * part["boundary_kappa_error"].values, marker=marker, ms=3.2,
            label=f"half survive, $N_v = {_spelled(n)}$", **BOUNDARY_POINTS,
        )  # fmt: skip
    return [*labelled([ax]), hatched("sets in two states")]


def draw_collapse(
    ax: Axes, plane: xr.Dataset, study: ConsolidationStudy, labels: dict[str, float]
) -> list[Any]:
    """Draw the similarity of all sizes against kappa/kappa_s, one curve for each N_h; return keys."""
    counts = np.unique(plane["patterns"].values)
    picked = counts[np.unique(np.linspace(0, counts.size - 1, 5).astype(int))]
    colours = colour_map("viridis")(np.linspace(0, 0.88, picked.size))
    kappa = plane["kappa"].values[np.isfinite(plane["kappa"].values)]
    kappa = np.linspace(kappa.min(initial=np.inf), kappa.max(initial=0), 300 if kappa.size else 0)
    for colour, count in zip(colours, picked, strict=True):
        (end,), _ = ends(np.array([float(count)]), study, labels)
        line = expected(np.full(kappa.size, count), kappa, study, labels)
        ax.plot(kappa / end, line, color=colour, lw=1.1, label=f"_mean field, memories {count:g}")
        for n, marker in zip(study.axes.size, MARKERS, strict=False):
            part = plane.sel(size=n)
            for k in np.flatnonzero(part["patterns"].values == count)[:1]:
                cut = part.isel({study.stored: int(k)})
                ax.errorbar(
                    cut["kappa"].values / end, cut["similarity"].values,
                    yerr=cut["similarity_error"].values * student(cut["seeds"].values - 1.0),
                    ls="none", marker=marker, ms=2.6, mfc="none", mec=colour, ecolor=colour, lw=0.7,
                    label=f"_similarity, size {n}, memories {count:g}",
                )  # fmt: skip
    known = plain(study, labels)
    if known:
        ax.axvline(1, color="#b2182b", lw=0.8)
    handles = [
        Line2D([], [], color=colour, lw=2, label=f"$N_h = {count:g}$")
        for colour, count in zip(colours, picked, strict=True)
    ]
    open_points: Any = {"ls": "none", "ms": 4, "mfc": "none", "mec": "black"}
    handles += [
        Line2D([], [], marker=marker, label=f"$N_v = {_spelled(n)}$", **open_points)
        for n, marker in zip(study.axes.size, MARKERS, strict=False)
    ]
    ax.set(xlabel=r"$\kappa$ / line in (b)", ylabel="cosine", xlim=(0.4, 2.2), ylim=(0, 1.03))
    ax.set_title(f"(c) one curve for each $N_h${'; lines: theory' if known else ''}")
    return handles


def ends(count: Reals, study: ConsolidationStudy, labels: dict[str, float]) -> tuple[Reals, str]:
    """Return the kappa below which memories collapse, and the label of that line.

    kappa_s where the state of own memories ends; where the old memories start too far from the new
    patterns to get there, `consolidation.kappa_basin`.
    """
    line = curve("consolidation.kappa_s", memories=count)
    overlap, ratio = at_first(study, labels["noise"])
    if not 0 < overlap / ratio < 1:
        return line, r"$\kappa_s(N_h)$: collapse below"
    basin = curve("consolidation.kappa_basin", memories=count, start=overlap / ratio)
    if np.allclose(basin, line, rtol=1e-6):
        return line, r"$\kappa_s(N_h)$: collapse below"
    return basin, "collapse below, from this start"


def expected(count: Reals, kappa: Reals, study: ConsolidationStudy, labels: dict[str, float]) -> Reals:
    """Return the mean field of the similarity after so many presentations, of orthogonal memories.

    NaN where it is not known: at infinite kappa, for fast memories, or where noise decides (overlap <= 0).
    """
    overlap, ratio = at_first(study, labels["noise"])
    tau, presentations = labels["tau"] / study.step, labels["presentations"] * study.dwell
    line, known = np.full(kappa.size, np.nan), np.isfinite(kappa)
    if overlap <= 0 or tau < SLOW * study.dwell or not plain(study, labels):
        return line
    line[known] = curve(
        "consolidation.mean_similarity", memories=np.asarray(count[known], np.float64), kappa=kappa[known],
        presentations=np.full(known.sum(), presentations), tau=np.full(known.sum(), tau),
        overlap=np.full(known.sum(), overlap), norm_ratio=np.full(known.sum(), ratio),
    )  # fmt: skip
    return line


def _spelled(n: int) -> str:
    """Write a size: powers of ten and of two as such where they are long."""
    for base in (10, 2):
        exponent = round(np.log(n) / np.log(base))
        if n > 9999 and base**exponent == n:
            return f"{base}^{{{exponent}}}"
    return str(n)
