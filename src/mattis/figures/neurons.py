"""Figures of networks from generating functions: observables of each question, under lines of theory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mattis import theory
from mattis.exact.arrays import Reals
from mattis.figures.binary import MOST_CURVES, SHAPES, draw_curve
from mattis.figures.canvas import (
    STYLE,
    TheoryArgument,
    View,
    caption,
    curve,
    edges,
    head,
    map_cells,
    planes,
    view_along,
)
from mattis.networks.neurons import relaxation
from mattis.networks.neurons.dense import EXPONENTIAL
from mattis.networks.neurons.recipe import many_body
from mattis.networks.neurons.study import STORED, NeuronStudy
from mattis.study.base import Study, middles
from mattis.words import counted

NEURON_ABSCISSAE = ("separation", *STORED, "beta", "noise", "size")
"""Axes that curves may run along, in the order in which they are preferred."""

NEURON_AXIS_LABELS: Mapping[str, str] = {
    "load": r"load $\alpha = P/N$",
    "exponent": r"$\ln(P)/N$",
    "memories": "patterns $P$",
    "separation": r"$\tau_h/\tau_v$",
    "beta": r"gain $\beta$",
    "noise": "noise of the cue",
    "size": "neurons $N$",
    **{f"load_{n}": f"load $P/N^{{{n - 1}}}$" for n in range(3, 13)},
}


@dataclass(frozen=True)
class NeuronPanel:
    """The observables of a panel and its vertical axis."""

    words: str
    names: tuple[str, ...]
    logarithmic: bool = False
    """Whether the axis is logarithmic, as of errors and distances."""
    share: bool = False
    """Whether the axis runs from 0 to 1, as of fractions."""


NEURON_PANELS: Mapping[str, tuple[NeuronPanel, ...]] = {
    "recall": (
        NeuronPanel("overlap $m$", ("overlap", "overlap_one_step")),
        NeuronPanel("retrieved", ("retrieved", "retrieved_one_step"), share=True),
        NeuronPanel("steps until rest", ("steps_used",), logarithmic=True),
    ),
    "equivalence": (
        NeuronPanel("overlap $m$", ("overlap", "overlap_graded")),
        NeuronPanel("distance of the trajectories", ("apart",)),
        NeuronPanel(
            "mismatch of the fixed points", ("mismatch", "apart_at_rest"), logarithmic=True
        ),
    ),
    "spectrum": (
        NeuronPanel("edges of the spectrum", ("lambda_min", "lambda_max"), logarithmic=True),
    ),
    "fixed_points": (
        NeuronPanel("found", ("fixed_points", "attractors", "saddles")),
        NeuronPanel("unstable directions", ("unstable",)),
        NeuronPanel("rates [1/τ]", ("leading_rate", "gap")),
    ),
    "separation": (
        NeuronPanel("distance from quasi-equilibrium", ("distance",), logarithmic=True),
        NeuronPanel("mismatch of $dE/dt$", ("energy_mismatch",), logarithmic=True),
    ),
    "modes": (
        NeuronPanel("fastest rate [1/τ]", ("growth_rate",)),
        NeuronPanel("difference of steps and modes", ("mode_error",), logarithmic=True),
    ),
    "rotation": (
        NeuronPanel("relative error", ("rotation_error", "triangular_error"), logarithmic=True),
        NeuronPanel("no Cholesky factor", ("cholesky_failed",), share=True),
    ),
}
"""The panels of each question."""


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of each plane: curves along one axis, one for each value of another."""
    assert isinstance(study, NeuronStudy)
    view = view_of(study)
    for name, labels in planes(estimates, view.rest):
        yield name, draw(estimates.sel(labels), study, view, labels)


def view_of(study: NeuronStudy) -> View:
    """Choose the longest axis to draw along, the next longest as curves, planes of the rest."""
    if study.asked == "spectrum":  # a map over load (or number of memories) and size
        rest = (n for n in study.labels if n not in (study.stored, "size", "seed"))
        return View(study.stored, "size", tuple(rest))
    return view_along(study, [study.stored if n in STORED else n for n in NEURON_ABSCISSAE])


def draw(plane: xr.Dataset, study: NeuronStudy, view: View, labels: Mapping[str, float]) -> Figure:
    """Draw one plane: a panel for each group of observables, and a map of a spectrum."""
    panels, mapped = NEURON_PANELS[study.asked], study.asked == "spectrum"
    with mpl.rc_context(STYLE):
        count = len(panels) + int(mapped)
        figure = Figure(figsize=(5.2 * count, 4.2), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
        for ax, panel, letter in zip(axes, panels, "abc", strict=False):
            known = draw_panel(ax, plane, study, view, panel)
            ax.set_title(f"({letter}) {panel.words}{'; lines: theory' if known else ''}")
        if mapped:
            draw_map(figure, axes[-1], plane, study)
        head(figure, caption(plane, _caption(study, labels)))
    return figure


STEPPED = ("recall", "equivalence", "fixed_points", "modes")
"""Questions that Euler steps answer: spectra have none, fast and slow neurons an adaptive integrator."""


def _caption(study: NeuronStudy, labels: Mapping[str, float]) -> str:
    """Return the caption: question, model, parts, number of replicas, and the labels of the plane."""
    parts, recipe, f = study.parts, study.protocol, study.flow
    words = ", ".join(f"{name} {value:g}" for name, value in labels.items())
    network = f"visible {parts.visible}, hidden {parts.hidden}, J = {parts.coupling}"
    network = f"{recipe.rule}, {recipe.indices} indices" if study.member.binary else network
    degree = f", degree {parts.degree}" if many_body(parts) else ""
    sets = f"{counted(len(study.axes.seed), 'pattern set')} × {counted(study.cues, 'cue')}"
    steps = not study.member.binary and recipe.question in STEPPED
    flow = f", dt = {recipe.dt:g}, {f.precision}" if steps else ""
    asked = f"{study.name}: {recipe.question} of {study.model}; {network}{degree}"
    return f"{asked}\n{sets} ({recipe.ensemble}){flow}, {words}"


def draw_panel(
    ax: Axes, plane: xr.Dataset, study: NeuronStudy, view: View, panel: NeuronPanel
) -> bool:
    """Draw the curves of a panel with their errors; tell whether theory is there."""
    known, curves = False, [*split(plane, view)]
    colours = colours_of(len(curves))
    for colour, size, (_, one) in zip(colours, sizes_of(len(curves)), curves, strict=True):
        x = position(one, view)
        for k, (name, shape) in enumerate(zip(panel.names, SHAPES, strict=False)):
            shade, before = colour if len(curves) > 1 else f"C{k}", len(ax.containers)
            draw_curve(ax, x, one, name, {"color": shade, "marker": shape, "label": ""})
            for points in ax.containers[before:]:
                points[0].set_markersize(size)
            for line in LINES.get(name, ()):
                known |= line(ax, one, study, view, shade)
    ax.set(xlabel=NEURON_AXIS_LABELS[view.along], ylabel=panel.words)
    if panel.logarithmic:
        ax.set_yscale("log", nonpositive="clip")
    if panel.logarithmic and view.along == "separation" and np.isfinite(ax.dataLim.x0):
        ax.set_xscale("log")  # without a point there would be no limits for it
    if panel.share:
        ax.set_ylim(-0.06, 1.06)
    explain(ax, [text for text, _ in curves], panel)
    return known


def colours_of(curves: int) -> Reals:
    """Return a colour for each curve."""
    return np.asarray(mpl.colormaps["viridis"](np.linspace(0, 0.85, curves)))


def sizes_of(curves: int) -> Reals:
    """Return the size of the points of each curve: smaller ones lie on larger ones, and hide none."""
    return np.linspace(6.5, 3.0, curves) if curves > 1 else np.array([3.5])


def explain(ax: Axes, texts: Sequence[str], panel: NeuronPanel) -> None:
    """Draw the legend: the colours of curves, the shapes of observables, and the other lines."""
    points = [
        Line2D([], [], color=colour, marker="o", ls="none", ms=size, label=text)
        for text, colour, size in zip(
            texts, colours_of(len(texts)), sizes_of(len(texts)), strict=True
        )
        if text
    ]
    if len(panel.names) > 1:
        points += [
            Line2D(
                [], [], color="#777777" if len(texts) > 1 else f"C{k}", marker=shape, ls="none",
                ms=3.5, label=name.replace("_", " "),
            )
            for k, (name, shape) in enumerate(zip(panel.names, SHAPES, strict=False))
        ]  # fmt: skip
    handles = points + ax.get_legend_handles_labels()[0]
    if handles:
        ax.legend(handles=handles)


def split(plane: xr.Dataset, view: View) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield the label of each curve, and its values."""
    if view.across is None:
        yield "", plane
        return
    values = plane[view.across].values
    for place in middles(range(len(values)), min(len(values), MOST_CURVES)):
        word = NEURON_AXIS_LABELS["beta"] if view.across == "beta" else view.across.split("_")[0]
        yield f"{word} {values[place]:g}", plane.isel({view.across: place})


def position(one: xr.Dataset, view: View) -> Reals:
    """Return the abscissae of a curve: the realised load, or the label."""
    along = view.along
    if not along.startswith("load"):
        return np.asarray(one[along].values, np.float64)
    bodies = 2 if along == "load" else int(along.removeprefix("load_"))
    return np.asarray(one["patterns"].values / float(one["size"]) ** (bodies - 1), np.float64)


LineDrawing = Callable[[Axes, xr.Dataset, NeuronStudy, View, Any], bool]

FINE, SPARSE = 161, 41
"""Places of a line of theory; fewer where a place takes 50 ms."""


def _fine(one: xr.Dataset, view: View, places: int = 0) -> Reals:
    """Return abscissae along a curve, denser than its points."""
    x = position(one, view)
    return np.linspace(max(float(x.min()), 1e-9), float(x.max()), places or FINE)


def _overlap(ax: Axes, one: xr.Dataset, study: NeuronStudy, view: View, colour: Any) -> bool:
    """Draw the overlap that theory gives along a load, or a gain."""
    parts, style = study.parts, {"color": colour, "lw": 1.2}
    if study.protocol.ensemble != "signs" or float(one["noise"].min()) > 0:
        return False
    if study.field or study.bias or not is_named(study):
        return False
    if not study.member.binary and parts.degree == 2 and view.along in ("load", "beta"):
        x = _fine(one, view, SPARSE)
        ax.plot(x, _analog(one, study, view, x), **style)
        return True
    if not (many_body(parts) and view.along.startswith("load")):
        return False
    if not study.member.binary:  # of many bodies theory knows signs only, the limit of a large gain
        if float(one["beta"]) < max(study.axes.beta):
            return False
        style |= {"ls": "--", "label": r"theory, $\beta \to \infty$"}
    x = _fine(one, view)
    # Rectified polynomials hear half of the other patterns.
    share = 0.5 if parts.hidden == "rectified_polynomial" else 1.0
    line = curve("dense.overlap", degree=parts.degree, load=share * x, indices=study.indices)
    ax.plot(x, line, **style)
    return True


def is_named(study: NeuronStudy) -> bool:
    """Tell whether theory covers the parts of a network: those of its model, up to degree and diagonal.

    Not where neurons of many bodies act on themselves, so that states freeze (recipe.own_action).
    """
    parts, named = study.parts, study.member.parts
    if parts.degree == 2 and not study.member.binary:  # tanh of Hebb's couplings, inside or outside
        plain = relaxation.TANH if study.model == "hebbian_tanh" else relaxation.GRADED
        if (parts.hidden, parts.scale) == ("polynomial", "bodies"):
            parts = replace(parts, hidden="quadratic", scale="sites")
        return replace(parts, diagonal=plain.diagonal) == plain
    freezes = study.rule == "field" and parts.degree % 2 == 0
    return not freezes and replace(parts, hidden=named.hidden, degree=named.degree) == named


def _analog(one: xr.Dataset, study: NeuronStudy, view: View, x: Reals) -> Reals:
    """Return the overlap of tanh neurons at loads or gains x."""
    load = x if view.along == "load" else np.full_like(x, float(one["realised_load"]))
    beta = x if view.along == "beta" else np.full_like(x, float(one["beta"]))
    return curve("analog.overlap", beta=beta, load=load, diagonal=study.parts.diagonal)


def _threshold(ax: Axes, one: xr.Dataset, study: NeuronStudy, view: View, colour: Any) -> bool:
    """Draw where retrieval ends as N -> infinity: the largest exponent, or the largest noise of a cue."""
    ensemble = study.protocol.ensemble
    exponential = study.parts.hidden in ("log_sum_exp", EXPONENTIAL)
    if not exponential or study.stored != "exponent" or view.along not in ("exponent", "noise"):
        return False
    beta = float(one["beta"])
    if view.along == "noise":
        if ensemble != "sphere" or study.member.binary:
            return False
        end = (1 - _cue(beta, float(one["exponent"]))) / 2
    elif ensemble == "sphere":
        end = _sphere_end(beta, 1 - 2 * float(one["noise"]))
    elif ensemble == "signs" and not float(one["noise"]):
        end = _value("exponential.alpha_sign", beta if study.member.binary else beta / 2)
    else:
        return False
    ax.axvline(end, color=colour, lw=1.0, ls="--")
    return True


def _cue(beta: float, exponent: float) -> float:
    """Return the least overlap of a cue that softmax on the sphere retrieves."""
    value = theory.evaluate("exponential.cue_sphere", **{"lambda": beta, "load": exponent})
    return value if isinstance(value, float) else 1.0


def _growth(ax: Axes, one: xr.Dataset, study: NeuronStudy, view: View, colour: Any) -> bool:
    """Draw beta lambda_max - 1 of the linear network, lambda_max as its mean at this size."""
    if view.along != "beta" or study.parts.scale != "memories":
        return False
    pair = theory.evaluate(
        "marchenko_pastur.finite_edges", memories=float(one["patterns"]), size=float(one["size"])
    )
    top = np.array(pair, np.float64)[1]
    x = _fine(one, view)
    ax.plot(x, x * top - 1, color=colour, lw=1.0)
    return True


def _value(name: str, lamda: float) -> float:
    value = theory.evaluate(name, **{"lambda": lamda})
    assert isinstance(value, float)
    return value


def _sphere_end(beta: float, overlap: float) -> float:
    """Return the largest exponent at which a cue of this overlap is retrieved by softmax on the sphere."""
    end = _value("exponential.alpha_sphere", beta)
    at = np.linspace(1e-3, end, 200)
    place: dict[str, TheoryArgument] = {
        "lambda": beta,
        "load": at,
    }  # whose names Python cannot all spell
    least = curve("exponential.cue_sphere", **place)
    inside = at[least <= overlap]
    return float(inside[-1]) if inside.size else 0.0


def _slope_one(ax: Axes, one: xr.Dataset, _study: NeuronStudy, view: View, colour: Any) -> bool:
    """Draw a line of slope 1 through the point of the smallest separation."""
    if view.along != "separation":
        return False
    x, y = position(one, view), one["distance"].values
    first = int(np.argmin(x))
    if not y[first] > 0:
        return False
    ax.plot(x, y[first] * x / x[first], color=colour, lw=1.0, label="slope 1")
    return False


def _edges(ax: Axes, one: xr.Dataset, study: NeuronStudy, _view: View, colour: Any) -> bool:
    """Draw the edges of Marchenko and Pastur, dashed, and those of this size."""
    if study.stored != "load" or study.parts.scale != "memories":
        return False
    loads = one["realised_load"].values
    load = np.linspace(max(0.02, float(loads.min())), float(loads.max()), 81)
    size = float(one["size"])
    sharp = curve("marchenko_pastur.edges", load=load)
    count = np.unique(np.maximum(np.rint(load * size), 2))
    finite = curve("marchenko_pastur.finite_edges", memories=count, size=size)
    for x, y, style in ((load, sharp, "--"), (count / size, finite, "-")):
        ax.plot(x, y, color=colour, lw=1.0, ls=style)
    return True


LINES: Mapping[str, tuple[LineDrawing, ...]] = {
    "overlap": (_overlap, _threshold),
    "retrieved": (_threshold,),
    "distance": (_slope_one,),
    "growth_rate": (_growth,),
    "lambda_max": (_edges,),
}
"""Lines of theory that each observable is compared with."""


def draw_map(figure: Figure, ax: Axes, plane: xr.Dataset, study: NeuronStudy) -> None:
    """Draw the share of the directions that are unstable at v = 0 over the stored memories and the size."""
    stored = study.stored
    x, y = plane[stored].values.astype(np.float64), plane["size"].values.astype(np.float64)
    share = plane["unstable_share"].transpose("size", stored).values
    bad = plane["flag"].transpose("size", stored).values != 0
    rows, columns = np.argsort(y), np.argsort(x)
    at = edges(x[columns]), edges(y[rows])
    mesh = map_cells(ax, at, share[rows][:, columns], bad[rows][:, columns], ("viridis", 0.0, 1.0))
    figure.colorbar(mesh, ax=ax, label="unstable directions / min($N_h$, $N_v$)")
    if stored == "load" and x.min() < 0.25 < x.max():
        ax.axvline(0.25, color="white", lw=1.0, ls="--")
    if y.max() > 4 * y.min() and at[1][0] > 0:
        ax.set_yscale("log")
    ax.set_yticks(y, [f"{size:g}" for size in y])
    ax.minorticks_off()
    ax.set(xlabel=NEURON_AXIS_LABELS[stored], ylabel=NEURON_AXIS_LABELS["size"])
    ax.set_title("(b) unstable directions at $v = 0$: all of them left of α = 1/4, dashed")
