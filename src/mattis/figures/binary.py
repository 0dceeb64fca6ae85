"""Figures of the family of binary networks: curves of observables, under the curves of theory."""

from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis.exact.arrays import Reals
from mattis.figures.canvas import STYLE, View, caption, head, mark_infinity, planes, view_along
from mattis.figures.expected import DiagramPlace, expected
from mattis.networks.binary.axes import rule_of
from mattis.networks.binary.couplings import RULES
from mattis.networks.binary.study import BinaryStudy
from mattis.study.base import Study, middles
from mattis.words import counted

MOST_CURVES = 6
"""Curves of a panel at most: of a longer axis some are picked."""

BINARY_ABSCISSAE = ("load", "memories", "age", "beta", "noise", "mixture")
"""Axes that curves may run along, in the order in which they are preferred."""

BINARY_AXIS_LABELS: Mapping[str, str] = {
    "load": r"load $\alpha = P/N$",
    "memories": "stored patterns $P$",
    "age": "age of the pattern (1: the newest)",
    "beta": "temperature $T$",
    "noise": "noise of the cue",
    "mixture": "patterns $n$ of the mixture",
}

BinaryPanel = tuple[str, tuple[str, ...]]

BINARY_PANELS: Mapping[str, tuple[BinaryPanel, ...]] = {
    "recall": (("overlap $m$", ("overlap",)), ("retrieved", ("retrieved",))),
    "ambiguous": (
        ("fraction of cues", ("retrieved", "chose_second", "chose_neither")),
        ("overlap $m$", ("overlap", "overlap_second")),
    ),
    "familiarity": (
        ("neurons that want to flip", ("flip_rate", "flip_rate_new")),
        ("fraction", ("recognised", "stable")),
    ),
    "mixture": (
        ("overlap with each of the $n$ patterns", ("overlap_mixed",)),
        ("mixtures that stay", ("stays",)),
    ),
    "survival": (
        ("fraction that survived", ("survived",)),
        ("survival time [sweeps]", ("survival_time",)),
    ),
    "transitions": (
        ("transitions per sweep", ("transition_rate",)),
        ("overlap $m$", ("overlap_nearest",)),
    ),
    "hysteresis": (
        ("overlap $m$", ("overlap", "overlap_cooling", "overlap_nearest_cooling")),
        ("energy per neuron", ("energy", "energy_cooling")),
    ),
}
"""The panels of each question: a label and observables."""

FRACTIONS = (
    "retrieved",
    "fraction of cues",
    "fraction",
    "mixtures that stay",
    "fraction that survived",
)
"""Panels that show fractions, from 0 to 1."""

SHAPES = ("o", "s", "^")


PHASES = ("size", "load", "beta", "noise", "seed")
"""Dimensions of a phase diagram of retrieval."""


def has_phases(study: BinaryStudy) -> bool:
    """Tell whether a study is one of retrieval by Hopfield's network, or Little's: a phase diagram."""
    patterns, plain = study.ensemble.name == "random", study.dimensions == PHASES
    apart = is_random(study) or has_basins(study, view_of(study))
    return study.in_lanes and patterns and plain and not apart


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of each plane: curves along one axis, one for each value of another."""
    assert isinstance(study, BinaryStudy)
    view = view_of(study)
    for name, labels in planes(estimates, view.rest):
        yield name, draw(estimates.sel(labels), study, view, labels)


def view_of(study: BinaryStudy) -> View:
    """Return the roles of the dimensions: rules are curves, where they are compared."""
    rules = "couplings" if len(study.rules) > 1 else None
    return view_along(study, BINARY_ABSCISSAE, rules)


def panels_of(study: BinaryStudy) -> tuple[BinaryPanel, ...]:
    """Return the panels of a study: the order parameter of the network first."""
    names = {o.name for o in study.described_model.observables}
    panels = BINARY_PANELS[study.asked.name]
    if study.asked.name != "recall":
        return panels
    first: list[BinaryPanel] = []
    if "overlap_length" in names:
        first.append(("length of all overlaps", ("overlap_length",)))
    if study.rules == ("sherrington_kirkpatrick",):
        first.append(("$q$", ("edwards_anderson",)))
    cold = [bool(np.isinf(beta)) for beta in study.axes.betas]
    if "two_cycle" in names and all(RULES[rule].symmetric for rule in study.rules):
        if all(cold) and len(study.rules) == 1:
            cycles = ("ends in a cycle of two states", ("two_cycle", "cycle_flips"))
            first = [cycles] if is_random(study) else first
            panels = panels if is_random(study) else (*panels, cycles)
        elif not any(cold) and "effective_energy" in names:
            panels = (*panels, ("energies per neuron", ("energy", "effective_energy")))
    return (*first, *panels[: 3 - len(first)])


def is_random(study: BinaryStudy) -> bool:
    """Tell whether every cue has half of its bits flipped, which leaves nothing of the pattern."""
    return min(study.axes.noise) >= 0.5


def draw(plane: xr.Dataset, study: BinaryStudy, view: View, labels: DiagramPlace) -> Figure:
    """Draw one plane: a panel for each observable, and one of the basins where noise is scanned."""
    panels, basins = panels_of(study), has_basins(study, view)
    with mpl.rc_context(STYLE):
        count = len(panels) + int(basins)
        figure = Figure(figsize=(5.2 * count, 4.2), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
        for ax, panel, letter in zip(axes, panels, "abc", strict=False):
            known = draw_panel(ax, plane, study, view, panel)
            ax.set_title(f"({letter}) {panel[0]}{'; lines: theory' if known else ''}")
        if basins:
            draw_basins(axes[-1], plane)
        head(figure, caption(plane, _words(study, labels)))
    return figure


def _words(study: BinaryStudy, labels: DiagramPlace) -> str:
    """Return the caption: rules, ensemble, update, question, sweeps, and the labels of the plane."""
    inquiry, sweeps = study.protocol, study.sweeps
    acting, ensemble = inquiry.dynamics, inquiry.ensemble.name
    labels = {**labels, **({"beta": 1 / labels["beta"]} if "beta" in labels else {})}
    words = ", ".join(
        f"{BINARY_AXIS_LABELS.get(name, name).split(' (')[0]} {value:g}"
        for name, value in labels.items()
    )
    update = acting.update + ("" if acting.diagonal == "zero" else ", diagonal kept")
    update += "" if acting.neurons == "signs" else f", 0/1 neurons, threshold {acting.threshold}"
    network = f"{', '.join(study.rules)}; {ensemble} patterns, {update}; {inquiry.question.name}"
    sets = f"{counted(len(study.axes.seed), 'pattern set')} × {counted(study.cues, 'cue')}"
    chains = f"{sweeps.thermalise} + {sweeps.measure} sweeps"
    return f"{study.name}: {network}\n{sets}, {chains}, {words}"


def draw_panel(
    ax: Axes, plane: xr.Dataset, study: BinaryStudy, view: View, panel: BinaryPanel
) -> bool:
    """Draw the curves of a panel with their errors; tell whether theory is there."""
    words, names = panel
    known, cold = False, all(np.isinf(study.axes.betas))
    curves = [*split(plane, view)]
    graded = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(curves)))
    colours = [f"C{k}" for k in range(len(curves))] if view.across == "couplings" else graded
    for colour, (rule, text, curve) in zip(colours, curves, strict=True):
        for k, (name, shape) in enumerate(zip(names, SHAPES, strict=False)):
            label = text if len(names) == 1 else f"{_plainly(name)} {text}".strip()
            shade = colour if len(curves) > 1 else f"C{k}"
            x = position(curve, view.along)
            draw_curve(ax, x, curve, name, {"color": shade, "marker": shape, "label": label})
            line = expected(study.protocol, rule or study.rules[0], name, cold)
            if line is not None and view.along != "noise" and not is_random(study):
                at = fine(curve, view.along)
                ax.plot([place["x"] for place in at], line.curve(at), color=shade, lw=1.2)
                known = True
    ax.set(xlabel=BINARY_AXIS_LABELS[view.along], ylabel=words)
    if words in FRACTIONS:
        ax.set_ylim(-0.06, 1.06)
    if view.along == "beta":
        mark_infinity(ax.xaxis, plane["temperature"].values)
    if any(label for _, label, _ in curves) or len(names) > 1:
        ax.legend()
    return known


def _plainly(name: str) -> str:
    return name.replace("_", " ")


def split(plane: xr.Dataset, view: View) -> Iterator[tuple[str | None, str, xr.Dataset]]:
    """Yield the rule of each curve where rules are compared, its label, and its values."""
    if view.across is None:
        yield None, "", plane
        return
    values = plane[view.across].values
    for place in middles(range(len(values)), min(len(values), MOST_CURVES)):
        curve, value = plane.isel({view.across: place}), values[place]
        if view.across == "couplings":
            yield rule_of(value), rule_of(value).replace("_", " "), curve
        elif view.across == "beta":
            yield None, f"$T = {float(curve['temperature']):.3g}$", curve
        else:
            yield None, f"{view.across} {value:g}", curve


def position(curve: xr.Dataset, along: str) -> Reals:
    """Return the abscissae of a curve: the realised load, the temperature, or the label."""
    if along == "load":
        return np.asarray(curve["realised_load"].values, np.float64)
    return np.asarray(curve["temperature" if along == "beta" else along].values, np.float64)


def draw_curve(ax: Axes, x: Reals, curve: xr.Dataset, name: str, style: Mapping[str, Any]) -> None:
    """Draw the points of a curve at x with their errors, open where they carry a flag."""
    y = curve[name].values
    error, bad = curve[f"{name}_error"].values, curve["flag"].values != 0
    label = style["label"]
    for mask, fill in ((~bad, style["color"]), (bad, "white")):
        if mask.any():
            ax.errorbar(
                x[mask], y[mask], yerr=error[mask], ls="none", ms=3.5, lw=0.8, mfc=fill,
                color=style["color"], marker=style["marker"], label=label or None,
            )  # fmt: skip
            label = None


def fine(curve: xr.Dataset, along: str) -> list[dict[str, float]]:
    """Return the places of a curve of theory: denser than the points, but for whole numbers."""
    fixed = {
        name: float(curve[name])
        for name in ("size", "beta", "noise", "age", "mixture")
        if name != along and name in curve.coords
    }
    x = position(curve, along)
    x = x[np.isfinite(x)]
    if along in ("load", "beta"):
        x = np.linspace(max(x.min(), 1e-3 if along == "load" else 0.0), x.max(), 81)
    elif along == "age":
        x = np.unique(np.rint(np.linspace(x.min(), x.max(), 81)))
    return [_place(curve, fixed, along, float(value)) for value in x]


def _place(
    curve: xr.Dataset, fixed: Mapping[str, float], along: str, value: float
) -> dict[str, float]:
    """Return the labels of one place of a curve of theory, and its abscissa `x`."""
    size = fixed["size"]
    place = {**fixed, "x": value}
    if along == "beta":
        place["beta"] = float("inf") if value == 0 else 1 / value
    elif along != "load":
        place[along] = value
    patterns = {"load": value * size, "memories": value}.get(along)
    place["patterns"] = float(curve["patterns"]) if patterns is None else max(round(patterns), 2)
    place["load"] = value if along == "load" else place["patterns"] / size
    return place


def has_basins(study: BinaryStudy, view: View) -> bool:
    """Tell whether the noise of cues is scanned at several loads: retrieval ends at the edge of a basin."""
    stored = len(study.labels[study.stored])
    return (
        study.asked.name == "recall"
        and len(study.axes.noise) > 3
        and stored > 2
        and {view.along, view.across} == {"noise", study.stored}
    )


def draw_basins(ax: Axes, plane: xr.Dataset) -> None:
    """Draw the least overlap of a cue from which half of the patterns are retrieved, against the load."""
    load, noise = plane["realised_load"].values, plane["boundary_noise"].values
    error = 2 * plane["boundary_noise_error"].values
    ax.errorbar(load, 1 - 2 * noise, yerr=error, ls="none", marker="o", ms=4, lw=0.8, color="black")
    ax.set(xlabel=BINARY_AXIS_LABELS["load"], ylabel="critical overlap of a cue", ylim=(0, 1))
    ax.set_title("(c) edge of the basin: half are retrieved")
