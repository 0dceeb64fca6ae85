"""Figures of models that plugins bring: curves of the first observables, under lines of theory."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis.figures.binary import draw_curve, position, split
from mattis.figures.canvas import STYLE, View, caption, curve, head, planes, view_along
from mattis.networks.plain.study import PlainStudy
from mattis.study.base import Study
from mattis.theory import QUANTITIES
from mattis.words import counted

PANELS_AT_MOST = 3


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of each plane: curves along the longest axis, one for each value of the next."""
    assert isinstance(study, PlainStudy)
    view = view_along(study, (*study.row.axes, study.stored, "size"))
    for name, labels in planes(estimates, view.rest):
        plane = estimates.sel(labels).sortby(view.along)
        yield name, draw(plane, study, view, labels)


def draw(plane: xr.Dataset, study: PlainStudy, view: View, labels: dict[str, float]) -> Figure:
    """Draw a panel for each of the first observables."""
    shown = study.row.observables[:PANELS_AT_MOST]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(shown), 4.2), layout="constrained")
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for ax, observable, letter in zip(axes, shown, "abc", strict=False):
            known = draw_panel(ax, plane, study, view, observable.name)
            ax.set_title(f"({letter}) {observable.long_name}{'; lines: theory' if known else ''}")
        words = ", ".join(f"{name} {value:g}" for name, value in labels.items())
        sets = f"{study.name}: {study.model}, {counted(len(study.axes.seed), 'pattern set')}"
        head(figure, caption(plane, f"{sets}, {words}" if words else sets))
    return figure


def draw_panel(ax: Axes, plane: xr.Dataset, study: PlainStudy, view: View, name: str) -> bool:
    """Draw the curves of an observable with their errors; tell whether theory is there.

    Theory is of the order parameter, where its arguments are axes of the study.
    """
    curves = [*split(plane, view)]
    known = False
    for k, (_, label, cells) in enumerate(curves):
        x = position(cells, view.along)
        draw_curve(ax, x, cells, name, {"color": f"C{k}", "marker": "o", "label": label})
        for quantity in study.row.theory if name == study.row.observables[0].name else ():
            arguments = QUANTITIES[quantity].arguments
            if {*arguments} <= {view.along, *map(str, cells.coords), "load"}:
                fine = np.linspace(x.min(), x.max(), 81)
                at = {arg: _along(cells, view.along, arg, fine) for arg in arguments}
                ax.plot(fine, curve(quantity, **at), color=f"C{k}", lw=1.2)
                known = True
    ax.set(xlabel=view.along, ylabel=name)
    if any(label for _, label, _ in curves):
        ax.legend()
    return known


def _along(cells: xr.Dataset, along: str, argument: str, fine: np.ndarray) -> np.ndarray:
    """Return the values of an argument of theory along a curve."""
    if argument == along:
        return fine
    source = "realised_load" if argument == "load" else argument
    return np.full(fine.size, float(cells[source].values.ravel()[0]))
