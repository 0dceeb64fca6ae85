"""Maps of loss: the fraction of memories that consolidate over two axes, under lines of theory."""

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis.comparison.drift import plain
from mattis.comparison.remembered import curve
from mattis.comparison.view import planes
from mattis.exact.arrays import Reals
from mattis.exact.patterns import share
from mattis.figures.canvas import STYLE, edges, map_cells, mark_infinity
from mattis.figures.drift.pages import DriftPlane, age_of, unjudged
from mattis.figures.page import DOUBLE, distinct, labelled, letters_of, open_page
from mattis.networks.drift.memories import frequencies
from mattis.networks.drift.study import ConsolidationStudy
from mattis.theory import drift

LOSS_PANELS = (
    ("consolidated", "share at the new pattern", "Blues"),
    ("similarity", "cosine with the new pattern", "viridis"),
    ("merged", "share with a twin", "Oranges"),
)
SHOWN = {
    "size": "neurons $N_v$", "load": r"load $N_h/N_v$", "memories": "memories $N_h$",
    "beta": r"$\beta$", "kappa": r"$\kappa = \beta N_v \rho$", "noise": r"change $\sigma$",
    "likeness": "likeness $r$ of the changes",
    "spread": "spread $s$ of the frequencies",
    "tau": r"$\tau$", "presentations": "presentations per memory", "memory": "memory, from the rarest",
}  # fmt: skip
SPREADS, FEW = 33, 32
"""Each spread of so many memories at most takes a second or less."""

UPRIGHT = ("load", "memories", "memory", "tau", "kappa", "beta")
"""Axes that are drawn upwards, if they vary."""


def figures(estimates: xr.Dataset, study: ConsolidationStudy) -> Iterator[tuple[str, Figure]]:
    """Yield one figure of maps over the two longest axes, for each value of the others."""
    across, up = axes_of(estimates)
    others = [name for name in study.dimensions[:-1] if name not in (across, up)]
    for name, labels in planes(estimates, study, others):
        yield name, draw(estimates.sel(labels), study, (across, up), labels)


def axes_of(estimates: xr.Dataset) -> tuple[str, str]:
    """Return the two longest axes: the one that is drawn across, and the one that is drawn upwards."""
    dims = [str(name) for name in estimates["similarity"].dims]
    first, second = sorted(dims, key=lambda name: -estimates.sizes[name])[:2]
    return (second, first) if first in UPRIGHT else (first, second)


def draw(
    plane: xr.Dataset, study: ConsolidationStudy, names: tuple[str, str], labels: dict[str, float]
) -> Figure:
    """Draw the consolidated fraction, the similarity, and the merged fraction, over two axes."""
    across, up = names
    plane = plane.sortby(across).sortby(up)
    at = edges(plane[across].values.astype(float)), edges(plane[up].values.astype(float))
    flagged = plane["flag"].transpose(up, across).values != 0
    varied = [one for one in LOSS_PANELS if plane[one[0]].max() - plane[one[0]].min() > 1e-9]
    shown = varied or LOSS_PANELS[:1]
    same = [
        f"{words}: {float(plane[name].max()):.3g} everywhere"
        for name, words, _ in LOSS_PANELS
        if name not in [panel[0] for panel in shown]
    ]
    lines = [*lines_of(plane, study, names, labels)]
    with mpl.rc_context(STYLE):
        page = open_page(DOUBLE)
        axes = page.body.subplots(1, len(shown), squeeze=False)[0]
        for k, (ax, (observable, words, colours)) in enumerate(zip(axes, shown, strict=True)):
            values = plane[observable].transpose(up, across).values
            mesh = map_cells(ax, at, values, flagged & (k == 0), (colours, 0, 1))
            page.body.colorbar(mesh, ax=ax, pad=0.015, fraction=0.05)
            for draw_line in lines:
                draw_line(ax)
            ax.set(xlim=at[0][[0, -1]], ylim=at[1][[0, -1]])
            mark_infinity(ax.xaxis, plane[across].values)
            mark_infinity(ax.yaxis, plane[up].values)
            ax.set(xlabel=SHOWN[across], ylabel=SHOWN[up] if k == 0 else "")
            ax.set_title(f"({'abc'[k]}) {words}{age_of(labels) if k == 0 else ''}")
        keys = {"abc"[k]: labelled([ax]) for k, ax in enumerate(axes)}
        named = letters_of(**dict.fromkeys(keys, LINES_OF_LOSSES)) if distinct(keys) else {}
        of, asked = DriftPlane(plane, study, labels), "Which memories are lost, and how?"
        return of.close(page, MAPS_HEIGHT, asked, keys, [*same, *unjudged(plane, named)], named)


LINES_OF_LOSSES = ("consolidation.least_overlap", "consolidation.kappa_basin", "consolidation.similarity")
"""Quantities of theory that lines on maps of loss are made of."""


MAPS_HEIGHT = 2.2
"""Inches of the three maps."""


LineDrawer = Callable[[Axes], object]
"""What draws one line of theory, which is computed already, on a map."""


def lines_of(
    plane: xr.Dataset, study: ConsolidationStudy, names: tuple[str, str], labels: dict[str, float]
) -> Iterator[LineDrawer]:
    """Yield the lines of theory that these two axes have."""
    finite = np.isfinite(labels.get("kappa", np.inf))
    if study.targets != "gaussian" or not plain(study, labels):
        return
    if names == ("noise", study.stored) and finite:
        noise, count = basin(plane, labels["kappa"])
        stored = count / labels["size"] if study.stored == "load" else count
        yield _line(noise, stored, "theory: own basin ends")
    if names == ("likeness", "kappa") and study.stored == "memories":
        likeness, kappa = merging(plane, labels)
        yield _line(likeness, kappa, "theory: own basin ends")
    if names == ("spread", "memory") and study.stored == "memories":
        spread = np.linspace(float(plane["spread"].min()), float(plane["spread"].max()), SPREADS)
        if finite and labels["memories"] <= FEW:
            yield from mean_field_line(spread, study, labels)
        rank = rarest(spread, study, labels)
        yield _line(spread, rank, "theory, one memory takes all", color="black", lw=1.1, ls="--")


def _line(x: Reals, y: Reals, label: str, **style: Any) -> LineDrawer:
    """Return what draws a curve; a red one, if nothing else is said."""
    style = {"color": "#b2182b", "lw": 1.6, **style}
    return lambda ax: ax.plot(x, y, label=label, **style)


def mean_field_line(
    spread: Reals, study: ConsolidationStudy, labels: dict[str, float]
) -> Iterator[LineDrawer]:
    """Yield where the mean field of the cosine passes the threshold, over (spread, memory)."""
    count = np.arange(int(labels["memories"]))
    cosine = mean_cosines(spread, study, labels).T
    level = lowest_cosine(study, labels)
    if cosine.min() < level < cosine.max():
        style: dict[str, Any] = {"levels": [level], "colors": "#b2182b", "linewidths": 1.6}
        yield lambda ax: ax.contour(spread, count, cosine, **style)
        nothing = np.empty(0)
        yield _line(nothing, nothing, r"theory, mean field at this $\kappa$")


def mean_cosines(spread: Reals, study: ConsolidationStudy, labels: dict[str, float]) -> Reals:
    """Return the cosine of each memory with its pattern at each spread of frequencies, by `theory.drift`."""
    count, ratio = int(labels["memories"]), float(np.hypot(1.0, labels["noise"]))
    equal = drift.symmetric(count, labels["kappa"], labels["tau"] / study.step, 1 / ratio, ratio)
    shown = np.array([frequencies(count, s) for s in spread.tolist()])
    return drift.mean_cosines(equal, shown, share(labels["presentations"], count) * study.dwell)


def lowest_cosine(study: ConsolidationStudy, labels: dict[str, float]) -> float:
    """Return the cosine from which a memory counts as consolidated: nearer to the new than to the old."""
    between = np.arccos(1 / np.hypot(1.0, labels["noise"]))
    return max(float(np.cos(between / 2)), study.consolidated_above)


def basin(plane: xr.Dataset, kappa: float) -> tuple[Reals, Reals]:
    """Return sigma and N_h on the line where the old memory leaves the basin of its own new pattern.

    The field at first is 1/(1 + sigma²) of the last; `consolidation.least_overlap` of N_h and kappa.
    """
    count = np.geomspace(2, max(2.0, 1.1 * float(plane["patterns"].max())), 200)
    count = np.unique(np.rint(count))
    least = curve("consolidation.least_overlap", memories=count, kappa=kappa)
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = np.sqrt(1 / least - 1)
    return np.where(np.isnan(least), 0.0, noise), count


def merging(plane: xr.Dataset, labels: dict[str, float]) -> tuple[Reals, Reals]:
    """Return likeness and kappa on the line below which memories with alike new patterns merge.

    Patterns of cosine c = r sigma²/(1 + sigma²) are told apart by kappa (1 - c), from the overlap
    a/s (1 - c)^-1 on: `consolidation.kappa_basin`, which is `kappa_merge` for two memories.
    """
    likeness = np.linspace(float(plane["likeness"].min()), float(plane["likeness"].max()), 200)
    square = labels["noise"] ** 2
    apart = 1 - likeness * square / (1 + square)
    start = np.clip(1 / (1 + square) / apart, 1e-9, 1 - 1e-9)
    return likeness, curve("consolidation.kappa_basin", memories=labels["memories"], start=start) / apart


def rarest(spread: Reals, study: ConsolidationStudy, labels: dict[str, float]) -> Reals:
    """Return the memory, not rounded, whose pattern is clamped just often enough to be reached.

    p_mu k N_h presentations on average, p_mu ∝ e^{s mu/(N_h - 1)}, of which `consolidation.similarity`
    needs so many to be above the threshold and nearer to the new pattern than to the old.
    """
    needed = presentations_needed(study, labels)
    count = int(labels["memories"])
    total = np.exp(spread[:, None] * (np.arange(count) / (count - 1) - 1)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = needed * total / (labels["presentations"] * count * study.dwell)
        rank = (count - 1) * (1 + np.log(ratio) / spread)
    return np.where((rank >= -0.5) & (rank <= count - 0.5), rank, np.nan)


def presentations_needed(study: ConsolidationStudy, labels: dict[str, float]) -> float:
    """Return after how many presentations of its pattern a one-hot memory counts as consolidated."""
    ratio = float(np.hypot(1.0, labels["noise"]))
    tau = labels["tau"] / study.step
    if tau < 1:
        return np.nan
    presentations = np.linspace(0, 20 * tau, 4001)
    at = {"tau": np.full(presentations.size, tau), "norm_ratio": np.full(presentations.size, ratio)}
    similarity = curve(
        "consolidation.similarity",
        presentations=presentations,
        overlap=np.full(presentations.size, 1 / ratio),
        **at,
    )
    reached = similarity > lowest_cosine(study, labels)
    return float(presentations[np.argmax(reached)]) if reached.any() else np.nan
