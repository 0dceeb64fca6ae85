"""Figures of curves: the panels of a study side by side, each with its deviations from theory below."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure, SubFigure

from mattis.comparison.view import View, planes, view, word_of_beta
from mattis.exact.arrays import Reals
from mattis.figures.canvas import STYLE, caption
from mattis.figures.curves import Panel, curves_of, is_constant
from mattis.figures.glossary import axis_term, quantity_term
from mattis.figures.map_panel import draw_map_panel
from mattis.figures.page import DOUBLE, SINGLE, PageFigure, close_page, letters_of, open_page
from mattis.figures.panel import axis_label, draw_panel, draw_strip, has_strip, keys_of, within
from mattis.figures.panels import asked_of, panels_of, question_of
from mattis.figures.told import told_of
from mattis.study.base import Study
from mattis.study.figure import PanelBlock

PANEL_HEIGHT, STRIP_HEIGHT = 1.75, 0.55
"""Inches of a panel, and of the strip of deviations below it, without labels."""

LABELS = 0.45
"""Inches of the labels below a panel, or above it."""

MOST_IN_A_ROW = 3


def figures(estimates: xr.Dataset, study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of each plane: curves along one axis, one for each value of another."""
    shown = [view_of(study, block) for block in panels_of(study)]
    used = {name for seen in shown for name in (seen.across, seen.curves, seen.up)}
    quantities = {name for block in panels_of(study) for name in block.quantity}
    there = {dim for name in quantities & {*map(str, estimates)} for dim in estimates[name].dims}
    dims = map(str, estimates["seeds"].dims)
    rest = [name for name in dims if name not in used and (name in there or not there)]
    for name, labels in planes(estimates, study, rest):
        yield name, draw(estimates.sel(labels), study, labels)


def view_of(study: Study, block: PanelBlock) -> View:
    """Return the roles of the axes in a panel: a boundary has not the axis that it lies along."""
    ends = {f"boundary_{one.name}": one.dimension for one in study.described_model.boundaries}
    return view(study, block, ends.get(block.quantity[0]))


def draw(plane: xr.Dataset, study: Study, labels: Mapping[str, float]) -> Figure:
    """Draw one plane."""
    panels, phrases = filled_panels(plane, study)
    phrases += laws_told(panels, study)
    limits = (one.limit for panel in panels for one in panel.curves)
    phrases += [limit.collapse for limit in limits if limit is not None and limit.collapse]
    return paged(panels, study, caption(plane, told_of(study, written_labels(study, labels), phrases)))


def laws_told(panels: list[Panel], study: Study) -> list[str]:
    """Return the fitted powers of a page in sentences, beside those that are stated."""
    found = []
    for panel in panels:
        axis = axis_label(panel.seen, asked_of(study))
        for one in panel.curves:
            if one.law is not None:
                of = ": ".join(filter(None, (one.word, quantity_term(one.quantity, panel.cells).word)))
                found.append(
                    f"points: geometric means; {of} is a power {within(one.law.fitted, one.law.reach)} of "
                    f"{axis} up to {one.law.up_to:g}, stated: {one.law.exponent:g} towards 0"
                )
    return found


def paged(panels: list[Panel], study: Study, told: str, question: str | None = None) -> PageFigure:
    """Draw panels on a page, with one key.

    question  # what the page answers; by default what the study asks
    """
    wanted = study.figure.size if study.figure is not None else None
    usual = "single" if len(panels) == 1 else "double"
    columns = min(len(panels), MOST_IN_A_ROW)
    rows = -(-len(panels) // columns)
    strips = any(has_strip(panel.curves) for panel in panels)
    counts = any(panel.seen.across == "exponent" for panel in panels)
    height = rows * (PANEL_HEIGHT + LABELS * (1 + counts) + STRIP_HEIGHT * strips)
    with mpl.rc_context(STYLE):
        page = open_page(PAGE_WIDTHS[wanted or usual])
        cells = page.body.add_gridspec(rows, columns)
        for k, panel in enumerate(panels):
            letter = f"({LETTERS_OF_PANELS[k]})" if len(panels) > 1 else ""
            spot = page.body.add_subfigure(cells[divmod(k, columns)])
            _draw_panel(spot, replace(panel, letter=letter), study, strips)
        asked = asked_of(study)
        alone = {k: keys_of([panel], asked) for k, panel in zip(LETTERS_OF_PANELS, panels, strict=False)}
        named = {k: names_of(panel) for k, panel in zip(LETTERS_OF_PANELS, panels, strict=False)}
        return close_page(
            page, height, question or question_of(study), keys_of(panels, asked), told,
            letters_of(**alone), letters_of(**named),
        )  # fmt: skip


def names_of(panel: Panel) -> list[str]:
    """Return the quantities of theory that a panel shows: its lines and marks."""
    lines = [line.quantity for curve in panel.curves for line in curve.lines]
    marks = [mark.quantity for curve in panel.curves for mark in curve.marks]
    marks += [
        mark.quantity for curve in panel.curves if curve.limit is not None for mark in curve.limit.marks
    ]
    return [*dict.fromkeys((*lines, *marks))]


LETTERS_OF_PANELS = "abcdef"
"""Letters of the panels of a page, in their order."""


PAGE_WIDTHS = {"single": SINGLE, "double": DOUBLE}
"""Widths of a page by the names that a study gives them."""


def filled_panels(plane: xr.Dataset, study: Study) -> tuple[list[Panel], list[str]]:
    """Return the panels that show something with their curves, and of the others a phrase each."""
    filled: list[Panel] = []
    phrases: list[str] = []
    chosen = study.figure is not None and study.figure.panels is not None
    wanted = panels_of(study)
    for block in wanted:
        known = [name for name in block.quantity if name in plane]
        if not known:
            continue
        panel = _filled(plane, study, block.model_copy(update={"quantity": known}))
        if panel.own:
            letter = f"({LETTERS_OF_PANELS[len(filled)]})"
            phrases.append(f"{letter} at {written_labels(study, panel.own)}")
        nothing = None if chosen else is_constant(panel.curves)
        if nothing is None:
            filled.append(panel)
        else:
            phrases.append(f"{quantity_term(known[0], plane).label}: {nothing}")
    if not filled:  # something has to be drawn
        return [_filled(plane, study, wanted[0])], phrases[1:]
    return filled, phrases


def _filled(plane: xr.Dataset, study: Study, block: PanelBlock) -> Panel:
    """Return a panel with what it shows: of the axes of other panels one place, which `PICKED` says."""
    seen = view_of(study, block)
    there = {str(dim) for name in block.quantity for dim in plane[name].dims}
    if seen.curves not in there:
        seen = replace(seen, curves=None)
    roles = (seen.across, seen.curves, seen.up)
    own = {
        str(dim): float(PICKED.get(str(dim), itemgetter(-1))(plane[dim].values))
        for dim in plane["seeds"].dims
        if dim not in roles
    }
    cells = plane.sel(own)
    curves = curves_of(cells, study, block, seen) if seen.up is None else ()
    # A boundary is nowhere along its own axis.
    place = {dim: value for dim, value in own.items() if dim in there}
    return Panel(block, seen, curves, own=place, cells=cells)


PICKED: Mapping[str, Callable[[Reals], float]] = {"size": np.max, "noise": np.min}
"""Which value of an axis a panel has that does not show it, where other panels do; else the last one."""


def _draw_panel(spot: SubFigure, panel: Panel, study: Study, strips: bool) -> None:
    """Draw a panel and, where the page has strips, its deviations below."""
    words = axis_label(panel.seen, asked_of(study))
    if panel.seen.up is not None:
        draw_map_panel(spot.subplots(), panel.cells, study, panel)
    elif strips and has_strip(panel.curves):
        upper, lower = spot.subplots(2, 1, sharex=True, height_ratios=(PANEL_HEIGHT, STRIP_HEIGHT))
        draw_panel(upper, panel)
        draw_strip(lower, panel)
        lower.set_xlabel(words)
        upper.set_title(panel.letter)
        return
    else:
        draw_panel(spot.subplots(), panel)
    spot.axes[0].set_xlabel(words)
    spot.axes[0].set_title(panel.letter)


def written_labels(study: Study, labels: Mapping[str, float]) -> str:
    """Return the labels of a plane as people write them."""
    seen, parts = view(study), []
    for name, value in labels.items():
        alone = len(study.labels[name]) == 1
        quiet = alone and name in QUIET_AT_ZERO and value == 0
        idle = alone and name == "beta" and word_of_beta(study) == ""
        if name == "couplings" or quiet or idle:
            continue
        if name == "beta" and not seen.is_gain:
            value = 1 / value if value else float("inf")
        value = value / seen.per if name == "load" else value
        term = axis_term(name, seen.is_gain, seen.per != 1, asked_of(study))
        parts.append(f"{term.word} {value:.4g}")
    return ", ".join(parts)


QUIET_AT_ZERO = ("noise", "spread", "likeness")
"""Axes of which a single 0 says nothing."""
