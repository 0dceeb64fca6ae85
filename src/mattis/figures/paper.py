"""A figure for a paper: panels in the width of a column, the words beside it in a file, and its numbers.

The caption stands in the paper: the page without the question above and the small letters below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from mattis.comparison.lines import check_named
from mattis.comparison.remembered import remembered
from mattis.comparison.verdict import with_theory
from mattis.errors import UserError
from mattis.figures import drawing_of, estimated
from mattis.figures.canvas import STYLE, kind_of_file, printed
from mattis.figures.captions import caption_text
from mattis.figures.numbers import table
from mattis.figures.page import DOUBLE, LETTERED, SINGLE, PageFigure, blocks_of, height_of_keys, write_keys
from mattis.figures.trace import FigureGoal
from mattis.store.place import Place
from mattis.store.places import place_of
from mattis.store.results import Root, results_of
from mattis.study.base import Study

PaperStyle = Literal["single", "double"]
"""The widths of a figure for a paper: one column, 3.4 inches or 86.4 mm; two, 7.0 inches or 177.8 mm."""

PAPER_WIDTHS: Mapping[str, float] = {"single": SINGLE, "double": DOUBLE}
"""Inches of each style."""

PAPER_DPI = 600
"""Dots on an inch of what is no drawing: maps of cells, and all of a PNG."""

PANEL_OF_PAPER, STRIP_OF_PAPER = 2.3, 0.65
"""Inches of a panel that stands alone in its row, and of a strip of deviations below it."""


@dataclass(frozen=True, eq=False)
class PagePanel:
    """A panel of a page: its letter, its axes (without bars of colours), and its part of the page."""

    letter: str
    axes: Sequence[Axes]
    spot: SubFigure | None = None


def write_paper(
    study: Study,
    panel: str | None = None,
    style: PaperStyle | None = None,
    output: Path | None = None,
    root: Root = None,
) -> list[Place]:
    """Write the figure of a study for a paper, its caption (.txt) and its numbers (.csv); return the places.

    panel   # the letter of the only panel that is drawn
    style   # by default that of the page, and one column for one panel
    output  # a file, .pdf, .svg or .png; by default diagram.pdf among the figures of the results

    Raises UserError for a letter or a kind of file that is not known, and where no cell is computed.
    """
    kind = "pdf" if output is None else kind_of_file(output, "-o ")
    check_named(study)
    results, estimates = results_of(study, root), estimated(study, root)
    with remembered(results.theory):
        estimates = with_theory(estimates, study)
        page = page_of_study(estimates, study)
        letters = for_paper(page, panel, style)
    goal = (
        FigureGoal(results.figures, "-".join(["diagram", *([panel] if panel else [])]))
        if output is None
        else FigureGoal(place_of(output.parent), output.stem)
    )
    files = {
        kind: printed(page, kind, PAPER_DPI),
        "txt": caption_text(page, letters, estimates, study).encode(),
        "csv": table(letters),
    }
    return goal.write(files)


def page_of_study(estimates: xr.Dataset, study: Study) -> PageFigure:
    """Return the page of a study that is called its diagram."""
    page = dict(drawing_of(study)(estimates, study))["diagram"]
    assert isinstance(page, PageFigure)
    return page


def for_paper(
    page: PageFigure, panel: str | None = None, style: PaperStyle | None = None
) -> dict[str, Sequence[Axes]]:
    """Give a page the width of columns, without its words; return the axes of each panel by its letter.

    Raises UserError for a panel that is not there.
    """
    panels = panels_of_page(page)
    chosen = [one for one in panels if panel in (None, one.letter)]
    if not chosen:
        known = ", ".join(one.letter for one in panels)
        raise UserError(f"--panel: got {panel}; expected one of {known}; for example --panel a")
    before = float(page.get_size_inches()[0])
    usual = SINGLE if panel else before
    width = usual if style is None else PAPER_WIDTHS[style]
    with mpl.rc_context(STYLE):
        stacked = panel is not None or (width < before and len(panels) > 1)
        for one in panels:
            if stacked and not one.axes[0].get_ylabel():  # beside the first panel of a row
                one.axes[0].set_ylabel(panels[0].axes[0].get_ylabel())
            if one not in chosen:
                _remove(page, one)
        height = _stack(page, chosen) if stacked else page.closed.height
        if panel:
            for ax in chosen[0].axes:
                ax.set_title(LETTERED.sub("", ax.get_title(loc="left")))
        _close(page, width, height, panel)
        page.draw_without_rendering()  # labels of moved panels get their room at the second time
    return {one.letter: one.axes for one in chosen}


def panels_of_page(page: PageFigure) -> list[PagePanel]:
    """Return the panels of a page: each with the axes below it that share its abscissa."""
    body = page.closed.page.body
    if body.subfigs:
        parts = [(_own_axes(spot), spot) for spot in body.subfigs]
        letters = [_letter(axes[0]) for axes, _ in parts]
        return [
            PagePanel(letter or "abcdef"[k], axes, spot)
            for k, (letter, (axes, spot)) in enumerate(zip(letters, parts, strict=True))
        ]
    found: dict[str, list[Axes]] = {}
    axes = _own_axes(body)
    for ax in axes:
        if letter := _letter(ax):
            found[letter] = [ax]
    for ax in axes:
        if not _letter(ax):
            above = next(one for one in found.values() if one[0].get_shared_x_axes().joined(one[0], ax))
            above.append(ax)
    return [PagePanel(letter, found[letter]) for letter in sorted(found)]


def _own_axes(part: Figure | SubFigure) -> list[Axes]:
    """Return the axes of a part of a page, bars of colours left out."""
    return [ax for ax in part.axes if ax.get_label() != "<colorbar>"]


def _letter(ax: Axes) -> str:
    """Return the letter of the panel that axes begin; "" if they have none."""
    found = LETTERED.match(ax.get_title(loc="left"))
    return found[1] if found else ""


def _remove(page: PageFigure, panel: PagePanel) -> None:
    """Remove a panel from its page."""
    for ax in panel.axes:
        for bar in [*getattr(ax, "_colorbars", [])]:
            bar.remove()
        ax.remove()
    if panel.spot is not None:
        page.closed.page.body.subfigs.remove(panel.spot)


def _stack(page: PageFigure, panels: Sequence[PagePanel]) -> float:
    """Stand panels below each other; return the inches that they take."""
    parts = [(PANEL_OF_PAPER, STRIP_OF_PAPER)[: len(one.axes)] for one in panels]
    body = page.closed.page.body
    if panels[0].spot is not None:
        rows = body.add_gridspec(len(panels), 1, height_ratios=[*map(sum, parts)])
        for k, one in enumerate(panels):
            one.spot._subplotspec = rows[k]  # type: ignore[union-attr]
    else:
        heights = [height for part in parts for height in part]
        rows = body.add_gridspec(len(heights), 1, height_ratios=heights)
        for k, ax in enumerate(ax for one in panels for ax in one.axes):
            ax.set_subplotspec(rows[k])
    return sum(map(sum, parts))


def _close(page: PageFigure, width: float, height: float, panel: str | None) -> None:
    """Take the words from a page, and write the key that its panels need."""
    closed = page.closed
    head, foot = closed.page.head, closed.page.foot
    for artist in [*head.texts, *foot.texts, *foot.legends, *foot.artists]:
        artist.remove()
    keys = []
    for words, one in closed.keys:
        if panel is None or panel in closed.about.get(words, panel):
            one.set_label(words)  # without the lines that fitted the page of before
            keys.append(one)
    blocks = blocks_of(keys, width)
    below = max(height_of_keys(blocks, width), NOTHING_BELOW)
    page.set_size_inches(width, height + below + 2 * NOTHING_BELOW)
    closed.page.grid.set_height_ratios([NOTHING_BELOW, height, below])
    write_keys(foot, blocks, width, below)


NOTHING_BELOW = 0.02
"""Inches of a part of a page that holds nothing."""
