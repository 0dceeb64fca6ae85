"""What all diagrams share: style, maps of cells with hatches, captions, curves of theory."""

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from mattis import __version__, theory
from mattis.statistics import FAILED, INCOMPLETE

Values = NDArray[np.float64]

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "legend.fontsize": 7.5,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.92,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "mattis",
    "savefig.dpi": 200,
}
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": f"mattis {__version__}"},
    "svg": {"Creator": f"mattis {__version__}", "Date": None},
}
BOX = [Outline.MOVETO, *[Outline.LINETO] * 3, Outline.CLOSEPOLY]
BOXES = 1000
"""Boxes of a path at most."""


def curve(name: str, **at: Values) -> Values:
    """Evaluate a theory quantity along a line; NaN where it does not exist."""
    values = theory.evaluate(name, **{key: list(map(float, column)) for key, column in at.items()})
    assert isinstance(values, list)
    return np.array([np.nan if value is None else value for value in values])


def caption(plane: xr.Dataset, words: str) -> str:
    """Add to what was simulated what is missing, and the name of the numbers behind the figure."""
    missing = int((plane["flag"] & INCOMPLETE > 0).sum())
    failed = int((plane["flag"] & FAILED > 0).sum())
    gap = f"; {missing} of {plane['flag'].size} cells incomplete" if missing else ""
    gap += f", {failed} with failed blocks" if failed else ""
    return f"{words}{gap}; digest {str(plane.attrs['digest'])[:12]}, mattis {__version__}"


def map_cells(
    ax: Axes,
    at: tuple[Values, Values],
    values: Values,
    flagged: NDArray[np.bool_],
    colours: tuple[str, float, float],
) -> Any:
    """Draw values (y, x) as cells between edges (x, y), hatching those that are flagged.

    colours  # colour map, lowest and highest value
    """
    name, low, high = colours
    cmap = mpl.colormaps[name].with_extremes(bad="#dddddd")
    mesh = ax.pcolormesh(
        *at, np.ma.masked_invalid(values), cmap=cmap, vmin=low, vmax=high, rasterized=True
    )
    areas = [PathPatch(path) for path in covered(flagged, *at)]
    ax.add_collection(
        PatchCollection(areas, facecolor="none", edgecolor="#55555577", hatch="////", lw=0.0)
    )
    return mesh


def covered(chosen: NDArray[np.bool_], x: Values, y: Values) -> list[Outline]:
    """Return the area of the chosen cells (y, x) between the edges x and y: few paths, many boxes.

    A renderer takes a millisecond for each hatched path, however small; Agg cannot fill any number
    of boxes at once.
    """
    ends = np.diff(np.pad(chosen.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (row, left), (_, right) = np.nonzero(ends == 1), np.nonzero(ends == -1)
    west, east, south, north = x[left], x[right], y[row], y[row + 1]
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    boxes = np.array(corners).transpose(2, 0, 1)
    return [
        Outline(part.reshape(-1, 2), BOX * len(part))
        for part in np.split(boxes, range(BOXES, len(boxes), BOXES))
        if len(part)
    ]


def edges(centres: Values) -> Values:
    """Return the edges of cells around sorted centres, halfway between them."""
    if centres.size == 1:
        half = max(abs(float(centres[0])) * 0.1, 0.01)
        return np.array([centres[0] - half, centres[0] + half])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
