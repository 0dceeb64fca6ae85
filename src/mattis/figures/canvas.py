"""Style, maps of cells with hatches, captions and curves of theory, for all figures."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PatchCollection
from matplotlib.colors import Colormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from mattis import __version__
from mattis.errors import UserError
from mattis.exact.arrays import Mask, Reals
from mattis.statistics.estimates import FAILED, INCOMPLETE
from mattis.words import counted

STYLE: Any = {
    # Matplotlib's defaults, with the fonts that it brings: the same figure for everybody.
    **{key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"},
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.titlepad": 3.0,
    "axes.linewidth": 0.6,
    "axes.labelpad": 2.0,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.fontsize": 7,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.92,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "mattis",
    "savefig.dpi": 200,
    # Letters of a PDF as fonts that are embedded: journals refuse those that are drawings (Type 3).
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}
"""All settings of Matplotlib that figures have: none is left to ./matplotlibrc, a style, or a script."""

BOUNDARY_POINTS: Any = {
    "ls": "none", "mfc": "white", "mec": "black", "ecolor": "black", "lw": 0.7, "capsize": 1.2,
}  # fmt: skip
"""How places of a simulated boundary are drawn, with their errors."""

METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": f"mattis {__version__}"},
    "svg": {"Creator": f"mattis {__version__}", "Date": None},
    "pdf": {"Creator": f"mattis {__version__}", "CreationDate": None},
}
"""Kinds of files of a figure, and what they say of themselves: nothing of when they were made."""

COLOURS_OF_A_MAP = 256
"""Steps of a map of colours: Matplotlib makes its maps when it is loaded, of as many as `image.lut` says."""

BOX = [Outline.MOVETO, *[Outline.LINETO] * 3, Outline.CLOSEPOLY]
BOXES = 1000
"""Boxes of a path at most."""


def with_own_fonts() -> None:
    """Make sure that Matplotlib finds the fonts that it brings, and before any others of their names.

    It remembers fonts in a file of the user's, which may be of another installation.
    """
    fonts, folder = font_manager.fontManager, Path(mpl.get_data_path()) / "fonts" / "ttf"
    own = [str(path) for path in sorted(folder.glob("*.ttf"))]
    known = {entry.fname for entry in fonts.ttflist}
    missing = [path for path in own if path not in known]
    for path in missing:
        fonts.addfont(path)
    if missing:
        fonts.ttflist.sort(key=lambda entry: entry.fname not in own)


def printed(figure: Figure, kind: str, dpi: int | None = None) -> bytes:
    """Return a figure as a file of a kind of `METADATA`: the same bytes for the same figure.

    dpi  # of its dots, if not the usual ones
    """
    with_own_fonts()
    content = BytesIO()
    size: dict[str, Any] = {} if dpi is None else {"dpi": dpi}
    with mpl.rc_context(STYLE):
        _settle(figure)
        figure.savefig(content, format=kind, metadata=METADATA[kind], **size)
    return content.getvalue()


def write_figure(path: Path, figure: Figure, kind: str) -> None:
    """Write a figure to a file that a user names. Raises UserError where that is not possible."""
    try:
        path.write_bytes(printed(figure, kind))
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror or error}") from None


def kind_of_file(path: Path, option: str = "") -> str:
    """Return the kind of a figure by the ending of its file. Raises UserError for one that is not known."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in METADATA:
        known = ", ".join(f".{kind}" for kind in METADATA)
        raise UserError(
            f"{option}{path.name}: got {path.suffix or 'no ending'}; expected one of {known}; "
            f"for example {path.with_suffix('.pdf').name}"
        )
    return kind


def colour_map(name: str) -> Colormap:
    """Return a map of colours of Matplotlib, of as many steps as it has by default."""
    return mpl.colormaps[name].resampled(COLOURS_OF_A_MAP)


def _settle(figure: Figure) -> None:
    """Lay a figure out once, at places of five digits: the solver's further ones differ from run to run."""
    layout = figure.get_layout_engine()
    if layout is None:
        return
    layout.execute(figure)
    for ax in figure.axes:
        locator: Any = ax.get_axes_locator()
        if locator is not None:  # of a bar of colours, which its panel places
            ax.apply_aspect(locator(ax, None))
    figure.set_layout_engine(None)  # "none" leaves a stand-in, for which each file is drawn twice
    for part in _parts(figure):
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), 5))
    for ax in figure.axes:
        left, bottom, width, height = (round(value, 5) for value in ax.get_position().bounds)
        ax.set_position((left, bottom, width, height))


def _parts(figure: Figure | SubFigure) -> Iterator[SubFigure]:
    """Yield the subfigures of a figure, and theirs."""
    for part in figure.subfigs:
        yield part
        yield from _parts(part)


def caption(plane: xr.Dataset, words: str) -> str:
    """Return a caption with the number of missing cells and the digest of the estimates."""
    missing = int((plane["flag"] & INCOMPLETE > 0).sum())
    failed = int((plane["flag"] & FAILED > 0).sum())
    gap = f"; {missing} of {counted(plane['flag'].size, 'cell')} incomplete" if missing else ""
    gap += f", {failed} with failed blocks" if failed else ""
    return f"{words}{gap}; digest {str(plane.attrs['digest'])[:12]}, mattis {__version__}"


def map_cells(
    ax: Axes, borders: tuple[Reals, Reals], values: Reals, flagged: Mask, colours: tuple[str, float, float]
) -> Any:
    """Draw values (y, x) as cells between edges (x, y), hatching those that are flagged.

    colours  # colour map, lowest and highest value
    """
    name, low, high = colours
    cmap = colour_map(name).with_extremes(bad="white")
    mesh = ax.pcolormesh(
        *borders, np.ma.masked_invalid(values), cmap=cmap, vmin=low, vmax=high, rasterized=True
    )
    areas = [PathPatch(path) for path in covered(flagged, *borders)]
    ax.add_collection(PatchCollection(areas, facecolor="none", edgecolor="#55555577", hatch="////", lw=0.0))
    return mesh


def covered(chosen: Mask, x: Reals, y: Reals) -> list[Outline]:
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


def edges(centres: Reals) -> Reals:
    """Return the edges of cells around sorted centres, halfway between them."""
    centres = placed(centres)
    if centres[0] == centres[-1]:  # one value, or loads that all store the same
        half = max(abs(float(centres[0])) * 0.1, 0.01)
        return np.linspace(centres[0] - half, centres[0] + half, centres.size + 1)
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def placed(centres: Reals) -> Reals:
    """Return sorted centres with an infinite one, which is the last, a step beyond the others."""
    if np.isfinite(centres[-1]):
        return centres
    step = centres[-2] - centres[-3] if centres.size > 2 else 1.0
    return np.append(centres[:-1], step + (centres[-2] if centres.size > 1 else 0.0))


def mark_infinity(axis: Axis, centres: Reals) -> None:
    """Write ∞ at the cell of an infinite centre; call it when the limits are set."""
    if np.isfinite(centres[-1]):
        return
    low, high = axis.get_view_interval()
    last = float(placed(centres)[-1])
    ticks = [t for t in axis.get_ticklocs() if low <= t < last - (high - low) / 20]
    finite = [t for t in ticks if centres.size > 1 and t <= centres[-2]]
    axis.set_ticks([*finite, last], [*(f"{t:g}" for t in finite), "∞"])
