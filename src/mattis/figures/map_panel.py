"""One panel that is a map: a quantity over two axes, with the cells that must not be used hatched."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mattis.comparison.view import View, is_geometric, position
from mattis.exact.arrays import Reals
from mattis.figures.canvas import edges, map_cells, mark_infinity
from mattis.figures.curves import Panel
from mattis.figures.glossary import axis_term, quantity_term
from mattis.figures.panel import MOST_TICKS, is_share
from mattis.figures.uneven import own_cells
from mattis.statistics.doubts import FEW_SETS, IN_TWO_STATES, SETS_LACK, doubts
from mattis.study.base import Study

SURPRISES = FEW_SETS | IN_TWO_STATES | SETS_LACK
"""Reasons to hatch a cell: what is quiet on a curve, as a remanent overlap, is quiet here too."""


def draw_map_panel(ax: Axes, plane: xr.Dataset, study: Study, panel: Panel) -> None:
    """Draw the first quantity of a panel over its two axes."""
    seen, name = panel.seen, panel.block.quantity[0]
    assert seen.up is not None
    ordered = own_cells(plane.sortby(seen.across).sortby(seen.up), study)
    x, y = position(ordered.isel({seen.up: 0}), seen), _upright(ordered, seen)
    order = np.argsort(x), np.argsort(y)
    values = ordered[name].transpose(seen.up, seen.across).values[order[1]][:, order[0]]
    doubtful = doubts(ordered, study, name).transpose(seen.up, seen.across).values & SURPRISES
    at = _edges(x[order[0]]), _edges(y[order[1]])
    mesh = map_cells(ax, at, values, doubtful[order[1]][:, order[0]] > 0, _colours(panel, values))
    bar: Any = ax.figure.colorbar(mesh, ax=ax, pad=0.015, fraction=0.06)
    bar.set_label(panel.block.label or quantity_term(name, plane).label)
    for axis, centres, scale in ((ax.xaxis, x, ax.set_xscale), (ax.yaxis, y, ax.set_yscale)):
        if is_geometric(centres):
            scale("log")
        else:
            axis.set_major_locator(MaxNLocator(MOST_TICKS))
        mark_infinity(axis, np.sort(centres))
    ax.set_ylabel(axis_term(seen.up, seen.is_gain).label)


def _upright(plane: xr.Dataset, seen: View) -> Reals:
    """Return where cells lie along the ordinate."""
    assert seen.up is not None
    heat = seen.up == "beta" and not seen.is_gain
    values = plane["temperature" if heat else "realised_load" if seen.up == "load" else seen.up]
    rest = {str(dim): 0 for dim in values.dims if dim != seen.up}
    return np.asarray(values.isel(rest).values, np.float64)


def _edges(centres: Reals) -> Reals:
    """Return the edges of cells in the scale of their axis."""
    return np.exp(edges(np.log(centres))) if is_geometric(centres) else edges(centres)


def _colours(panel: Panel, values: Reals) -> tuple[str, float, float]:
    """Return the colours of a map: shares and overlaps from 0 to 1, others between their ends."""
    known = values[np.isfinite(values)]
    if is_share(panel.block) or panel.block.quantity[0].startswith(("overlap", "similarity")):
        return "Blues", 0.0, 1.0
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return "viridis", low, high if high > low else low + 1.0
