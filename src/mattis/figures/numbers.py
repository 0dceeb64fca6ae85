"""The numbers of what a figure shows, as CSV: points with their bars, lines, places and maps."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection, QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mattis.exact.arrays import Reals

COLUMNS = ("panel", "kind", "what", "x", "x_low", "x_high", "y", "y_low", "y_high", "value", "hatched")
"""Columns of the table: lows and highs are ends of bars of points, and edges of the cells of a map."""

NAMELESS = re.compile(r"^_child\d+$")
"""Names that Matplotlib gives by itself."""

NO_ENDS = np.full(2, np.nan)
"""The ends of a bar that is not there."""

NumbersRow = Mapping[str, Any]
"""One row of the table, by its columns; those that it has no value for are empty."""


def table(panels: Mapping[str, Sequence[Axes]]) -> bytes:
    """Return what the panels of a figure show as CSV: every digit kept, nothing where there is no number.

    panels  # the axes of each panel, by its letter
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for letter, several in panels.items():
        for ax in several:
            for row in rows_of_axes(ax):
                writer.writerow({"panel": letter, **_written(row)})
    return text.getvalue().encode()


def _written(row: NumbersRow) -> dict[str, Any]:
    """Return a row with its numbers as Python writes them, without those that are none."""
    return {
        key: value if isinstance(value, str) else repr(float(value))
        for key, value in row.items()
        if isinstance(value, str) or not np.isnan(value)
    }


def rows_of_axes(ax: Axes) -> Iterator[NumbersRow]:
    """Yield what some axes show."""
    bars = [one for one in ax.containers if isinstance(one, ErrorbarContainer)]
    parts = [one[0] for one in bars] + [cap for one in bars for cap in one[1]]
    for one in bars:
        yield from _points_with_bars(one)
    for line in ax.get_lines():
        if line not in parts:
            yield from _of_line(ax, line)
    for patch in ax.patches:
        if isinstance(patch, Rectangle) and name_of(patch):
            low, high = patch.get_x(), patch.get_x() + patch.get_width()
            yield {"kind": "band", "what": name_of(patch), "x_low": low, "x_high": high}
    for mesh in ax.collections:
        if isinstance(mesh, QuadMesh):
            yield from _cells(ax, mesh)


def name_of(artist: Any) -> str:
    """Return what an artist is called, in one line; "" if nobody named it."""
    label = str(artist.get_label())
    return "" if NAMELESS.match(label) else " ".join(label.removeprefix("_").split())


def _points_with_bars(bars: ErrorbarContainer) -> Iterator[NumbersRow]:
    """Yield points with the ends of their bars."""
    line, _, segments = bars
    if line is None:
        return
    ends: dict[str, Reals] = {}
    for axis, one in zip("xy" if bars.has_xerr else "y", segments, strict=False):
        column = "xy".index(axis)
        parts = [np.asarray(part, np.float64).reshape(-1, 2) for part in one.get_segments()]
        places = [part[:, column] if len(part) == 2 else NO_ENDS for part in parts]
        ends[axis] = np.array(places) if len(places) == len(line.get_xdata()) else np.empty((0, 2))
    for k, (x, y) in enumerate(zip(*map(np.asarray, line.get_data(orig=False)), strict=True)):
        around = {
            f"{axis}_{end}": ab[k, j]
            for axis, ab in ends.items()
            if len(ab)
            for j, end in enumerate(("low", "high"))
        }
        if np.isfinite(y):
            yield {"kind": "points", "what": name_of(bars), "x": x, "y": y, **around}


def _of_line(ax: Axes, line: Line2D) -> Iterator[NumbersRow]:
    """Yield the places of a line, or the one place where an upright or a level stands."""
    x, y = (np.asarray(values, np.float64) for values in line.get_data(orig=False))
    what = name_of(line)
    if line.get_transform() == ax.get_xaxis_transform(which="grid"):
        yield {"kind": "upright", "what": what, "x": x[0]}
        return
    if line.get_transform() == ax.get_yaxis_transform(which="grid"):
        if what:  # a zero line is none of a figure's numbers
            yield {"kind": "level", "what": what, "y": y[0]}
        return
    kind = "points" if line.get_linestyle() in ("None", "none", "") else "line"
    for a, b in zip(x, y, strict=True):
        if np.isfinite(a) and np.isfinite(b):
            yield {"kind": kind, "what": what, "x": a, "y": b}


def _cells(ax: Axes, mesh: QuadMesh) -> Iterator[NumbersRow]:
    """Yield the cells of a map with their edges, those that are drawn white among them."""
    corners = np.asarray(mesh.get_coordinates(), np.float64)
    found: Any = mesh.get_array()
    values = np.ma.filled(np.ma.masked_invalid(found), np.nan).reshape(
        corners.shape[0] - 1, corners.shape[1] - 1
    )
    west, south = corners[0, :, 0], corners[:, 0, 1]
    hatched = [one for one in ax.collections if isinstance(one, PatchCollection) and one.get_hatch()]
    for j, i in np.ndindex(values.shape):
        x, y = (west[i] + west[i + 1]) / 2, (south[j] + south[j + 1]) / 2
        marks = [
            str(one.get_hatch())
            for one in hatched
            if any(path.contains_point((x, y)) for path in one.get_paths())
        ]
        yield {
            "kind": "cell", "what": _colour_name(ax), "x_low": west[i], "x_high": west[i + 1],
            "y_low": south[j], "y_high": south[j + 1], "value": values[j, i], "hatched": " ".join(marks),
        }  # fmt: skip


def _colour_name(ax: Axes) -> str:
    """Return what the colours of a map stand for: beside its bar, or above it."""
    bars: Any = getattr(ax, "_colorbars", [])
    beside = [bar.get_ylabel() for bar in bars if bar.get_ylabel()]
    return beside[0] if beside else ax.get_title(loc="left")
