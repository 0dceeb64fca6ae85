"""One panel of curves: points with intervals of 95 %, lines of theory, and the deviations below them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from mattis.comparison.tracing import TheoryLine
from mattis.comparison.view import View, is_geometric
from mattis.exact.arrays import Mask, Reals
from mattis.figures.canvas import colour_map, mark_infinity
from mattis.figures.curves import Panel, PanelCurve, Points, deviations
from mattis.figures.glossary import axis_term, mark_word, quantity_term, quantity_word
from mattis.figures.limits import draw_limit, limit_entries
from mattis.figures.page import hatched, key_line, key_patch
from mattis.statistics.doubts import DOUBTS
from mattis.study.figure import PanelBlock

CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
"""Colours of names: of Okabe and Ito, which colour-blind people tell apart."""

GRADED_COLOURS = ("viridis", 0.0, 0.82)
"""Colours of ordered numbers: a map whose lightness rises, and the part of it that shows on white."""

SHAPES = ("o", "s", "^", "D", "v", "P")
"""Shapes of the quantities of a panel, or of curves that are names."""

BRANCHES = (">", "<", "d", "D")
"""Shapes of what is heated and then cooled: they point along the run."""

WORST = 6.0
"""Deviations are drawn up to this many errors; those beyond as arrows at the edge."""

BAND = 2.0
"""Errors within which a right theory lies in 95 % of the cells."""


def is_named(seen: View) -> bool:
    """Tell whether curves are names, which have no order."""
    return seen.curves in ("couplings", None)


def colour_of(place: int, curves: int, seen: View) -> Any:
    """Return the colour of a curve: graded for numbers, apart for names."""
    if is_named(seen):
        return CATEGORIES[place % len(CATEGORIES)]
    name, low, high = GRADED_COLOURS
    return colour_map(name)(low + (high - low) * place / max(curves - 1, 1))


def style_of(one: PanelCurve, panel: Panel) -> dict[str, Any]:
    """Return colour, shape and size of the points of a curve: earlier ones are larger, and none is hidden."""
    names, count = panel.block.quantity, panel.count
    k = names.index(one.quantity)
    shapes = BRANCHES if any(name.endswith("_cooling") for name in names) else SHAPES
    place, of = (one.place, count) if count > 1 else (k, len(names))
    colour = colour_of(place, of, panel.seen) if count > 1 else CATEGORIES[k]
    size = float(np.linspace(4.6, 2.4, max(of, 2))[place]) if of > 1 else 3.2
    shape = place if count > 1 and is_named(panel.seen) and len(names) == 1 else k
    return {"color": colour, "marker": shapes[shape % len(shapes)], "ms": size}


def draw_panel(ax: Axes, panel: Panel) -> None:
    """Draw the points, lines and marks of a panel, and its axes."""
    for one in panel.curves:
        style = style_of(one, panel)
        colour = _line_colour(one, panel)
        for line in one.lines:
            name = ", ".join(filter(None, (f"_{line.quantity}", one.word, line.limit)))
            _draw_line(ax, (line.x, line.y), line.stable, {"color": colour, "label": name})
        if one.law is not None:
            x = np.sort(one.points.x)
            ax.plot(x, one.law.at(x), color=style["color"], lw=1.0, ls=GUIDE_DASH, zorder=1.5)
        for mark in one.marks:
            if is_near(mark.value, panel):
                shade, name = _mark_colour(one, panel), f"_{mark.quantity}"
                ax.axvline(mark.value, color=shade, lw=0.8, ls=MARK_DASH, label=name)
        if one.end is not None and np.isfinite(one.end[0]):
            low, high = one.end[0] - one.end[1], one.end[0] + one.end[1]
            shade = _end_colour(one, panel)
            ax.axvspan(low, high, color=shade, alpha=0.25, lw=0, label="_half are lost")
        if one.limit is not None:
            draw_limit(ax, one.limit, one.points.x)
        name = ", ".join(filter(None, (f"_{one.quantity}", one.word)))
        _draw_points(ax, one.points, style | {"label": name})
        if one.lost is not None:
            _draw_lost(ax, one.lost, style | {"label": f"{name}, {one.second}"})
    _dress(ax, panel)


GUIDE_DASH: Any = (0, (3.5, 1.6))
"""The dash of lines that are not of a stable state: guides, limits, unstable states."""

AROUND = 0.15
"""Share of the abscissa beyond its points up to which marks are drawn: further ones are told in the key."""


def is_near(value: float, panel: Panel) -> bool:
    """Tell whether a place is on the abscissa of a panel, or a little beyond its points."""
    x = np.concatenate([one.points.x for one in panel.curves])
    known = x[np.isfinite(x)]
    reach = AROUND * float(np.ptp(known))
    return bool(known.min() - reach <= value <= known.max() + reach)


MARK_DASH: Any = (0, (4, 2))
"""The dash of a place that theory names."""


def _mark_colour(one: PanelCurve, panel: Panel) -> Any:
    """Return the colour of a mark: that of its curve, where curves have marks of their own."""
    return "#000000" if panel.count == 1 or one.shared else style_of(one, panel)["color"]


def _line_colour(one: PanelCurve, panel: Panel) -> Any:
    """Return the colour of a line: that of its curve; of a boundary that of a mark."""
    return _mark_colour(one, panel) if one.quantity.startswith("boundary_") else style_of(one, panel)["color"]


def _end_colour(one: PanelCurve, panel: Panel) -> Any:
    """Return the colour of a simulated end: that of its curve, where there are several."""
    return "#888888" if panel.count == 1 else style_of(one, panel)["color"]


def _draw_line(ax: Axes, line: tuple[Reals, Reals], stable: Mask, look: Mapping[str, Any]) -> None:
    """Draw a line of theory: full where its state is stable, dashed elsewhere."""
    x, y = line
    for part, dash in ((stable, "-"), (~stable, GUIDE_DASH)):
        if part.any():
            ax.plot(x, np.where(part, y, np.nan), lw=1.0, ls=dash, zorder=1.5, **look)


def _draw_points(ax: Axes, points: Points, style: dict[str, Any]) -> None:
    """Draw points with their intervals: open where they are in doubt, smaller where they are of a share."""
    firm, known = points.doubt == 0, np.isfinite(points.y)
    for part, fill in ((firm & known, style["color"]), (~firm & known, "white")):
        for size in np.unique(points.share[part]):
            some = points.where(part & (points.share == size))
            _bars(ax, some, style | {"mfc": fill, "ms": style["ms"] * np.sqrt(max(size, 0.15))})


def _draw_lost(ax: Axes, points: Points, style: dict[str, Any]) -> None:
    """Draw the means of the sets in a second state: crosses, the larger the more they are."""
    whole = max(style["ms"], LEAST_CROSS)
    for size in np.unique(points.share):
        some = points.where((points.share == size) & np.isfinite(points.y))
        _bars(ax, some, style | {"marker": "x", "ms": whole * np.sqrt(max(size, 0.15))})


LEAST_CROSS = 4.0
"""Size of the cross of all sets, in points, at least: a few of them are still seen."""


def _bars(ax: Axes, points: Points, style: dict[str, Any]) -> None:
    """Draw points with intervals."""
    if not points.x.size:
        return
    reach = np.nan_to_num(np.abs(np.stack([points.y - points.low, points.high - points.y])))
    ax.errorbar(points.x, points.y, yerr=reach, ls="none", lw=0.7, mew=0.7, zorder=2, **style)


def _dress(ax: Axes, panel: Panel) -> None:
    """Give a panel its ordinate, scales and limits."""
    block, seen = panel.block, panel.seen
    ax.set_ylabel(block.label or quantity_term(block.quantity[0], panel.cells).label)
    x = np.concatenate([one.points.x for one in panel.curves])
    if is_geometric(np.unique(x)):
        ax.set_xscale("log")
        _name_values(ax, np.unique(x))
    else:
        ax.locator_params(axis="x", nbins=MOST_TICKS)
    if block.scale == "log" and _has_logarithm(panel.curves):
        _logarithmic(ax, panel.curves)
    elif is_share(block):
        ax.set_ylim(-0.06, 1.06)
    else:
        _limit(ax, panel.curves)
    if seen.across == "beta" and not seen.is_gain:
        mark_infinity(ax.xaxis, np.unique(x))
    ax.margins(x=0.04)
    if seen.across == "exponent" and panel.cells.sizes.get("size", 1) == 1 and "size" in panel.cells:
        _count_above(ax, x[np.isfinite(x)], float(panel.cells["size"].values.max()))


def _count_above(ax: Axes, x: Reals, size: float) -> None:
    """Write P = exp(x N) above an abscissa x = ln(P)/N, at powers of ten: what is stored has a number."""
    low, high = x.min() * size / np.log(10), x.max() * size / np.log(10)
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    above = ax.secondary_xaxis("top")
    above.set_xticks(powers * np.log(10) / size, [rf"$10^{{{power:g}}}$" for power in powers])
    above.set_xlabel("stored patterns $P$")


MOST_TICKS = 6
"""Ticks of an abscissa at most: more would touch each other in print."""

MOST_NAMED = 8
"""Values of a logarithmic axis that are all written beside it."""


def _name_values(ax: Axes, values: Reals) -> None:
    """Write the values of a logarithmic axis beside it, where they are few: powers of ten say less."""
    if values.size > MOST_NAMED:
        return
    at = np.log(values / values[0]) / np.log(values[-1] / values[0])
    named = [0]
    for k in range(1, values.size):
        if at[k] - at[named[-1]] > APART:
            named.append(k)
    ax.set_xticks(values[named], [f"{value:g}" for value in values[named]])
    ax.minorticks_off()


APART = 0.07
"""Share of a logarithmic axis between two values that are both written."""


MARGIN = 0.07
"""Share of an ordinate that is left free above and below its points."""


def _limit(ax: Axes, curves: Sequence[PanelCurve]) -> None:
    """Let points and lines decide an ordinate: bars of two sets would squeeze them.

    Where the middle one of the bars is as long as all that points and lines span, nothing is told apart, and
    the ordinate holds such a bar about each point.
    """
    parts = [one.points.y for one in curves] + [one.lost.y for one in curves if one.lost is not None]
    parts += [np.array(one.limit.heights) for one in curves if one.limit is not None]
    values = np.concatenate([*parts, *(line.y for one in curves for line in one.lines)])
    known = values[np.isfinite(values)]
    bars = np.concatenate([one.points.high - one.points.low for one in curves])
    bars = bars[np.isfinite(bars)]
    if known.size and np.ptp(known) > 0:
        low, high = float(known.min()), float(known.max())
        typical = float(np.median(bars)) if bars.size else 0.0
        if typical >= high - low:
            low, high = low - typical / 2, high + typical / 2
        ax.set_ylim(low - MARGIN * (high - low), high + MARGIN * (high - low))


def axis_label(seen: View, question: str) -> str:
    """Return what stands beside the abscissa."""
    return axis_term(seen.across, seen.is_gain, seen.per != 1, question).label


def is_share(panel: PanelBlock) -> bool:
    """Tell whether a panel shows shares, from 0 to 1."""
    labels = (panel.label, *(quantity_term(name, xr.Dataset()).label for name in panel.quantity))
    return any(label is not None and label.startswith("share") for label in labels[:2])


def _has_logarithm(curves: Sequence[PanelCurve]) -> bool:
    """Tell whether values have a logarithm: some are positive, and none is below 0."""
    values = np.concatenate([one.points.y[np.isfinite(one.points.y)] for one in curves])
    return bool((values > 0).any() and (values >= 0).all())


def _logarithmic(ax: Axes, curves: Sequence[PanelCurve]) -> None:
    """Make the ordinate logarithmic; what is 0 stands at its lower edge as an arrow, and is not dropped."""
    ax.set_yscale("log", nonpositive="clip")
    values = np.concatenate([one.points.y for one in curves])
    above = values[np.isfinite(values) & (values > 0)]
    ax.set_ylim(float(above.min()) / 3, float(above.max()) * 3)
    for one in curves:
        x = one.points.x[one.points.y == 0]
        if x.size:
            ax.plot(x, np.full(x.size, float(above.min()) / 2.4), **DOUBTFUL, marker="v", mfc="white")


def draw_strip(ax: Axes, panel: Panel) -> None:
    """Draw the deviations of a panel from theory, in errors, over the band of two of them."""
    open_strip(ax)
    for one in panel.curves:
        if one.z is not None:
            name = ", ".join(filter(None, (f"_z of {one.quantity}", one.word)))
            draw_deviations(ax, one.points.x, (one.z, one.bound), style_of(one, panel) | {"label": name})


def open_strip(ax: Axes) -> None:
    """Give a strip of deviations its band of two errors, and its limits."""
    ax.axhspan(-BAND, BAND, color="#dddddd", lw=0)
    ax.axhline(0, color="#777777", lw=0.5)
    ax.set(ylim=(-WORST, WORST), ylabel="$z$", yticks=(-4, 0, 4))


def draw_deviations(
    ax: Axes, x: Reals, deviation: tuple[Reals, Mask | None], look: Mapping[str, Any]
) -> None:
    """Draw deviations from theory in a strip: arrows beyond six errors, open where |z| is at least that.

    deviation  # z, NaN where theory does not speak of a point, and where it is a bound
    """
    z, bound = deviation
    style = {**look, "ls": "none", "mew": 0.6}
    inside, least = np.abs(z) <= WORST, np.zeros(z.size, bool) if bound is None else bound
    for some, fill in ((inside & ~least, look["color"]), (inside & least, "white")):
        if some.any():
            ax.plot(x[some], z[some], **style | {"ms": style["ms"] * 0.8, "mfc": fill})
    for sign, shape in ((1, "^"), (-1, "v")):
        beyond = sign * z > WORST
        edge = np.full(int(beyond.sum()), sign * WORST * 0.93)
        ax.plot(x[beyond], edge, **style | {"marker": shape, "mfc": "white", "ms": 3.2})


def has_strip(curves: Sequence[PanelCurve]) -> bool:
    """Tell whether some points of a panel are compared with theory."""
    return any(one.z is not None and np.isfinite(one.z).any() for one in curves)


HATCHED_CELLS = "hatched: sets in two states, too few, or not all there"
"""What hatched cells of a map are."""


def keys_of(panels: Sequence[Panel], question: str) -> list[Artist]:
    """Return the entries of the key of a page: values of curves, quantities, lines, marks, doubts."""
    entries: dict[str, Artist] = {}
    doubt, left, least = 0, dict[str, None](), False
    for panel in panels:
        if panel.seen.up is not None:
            entries.setdefault(HATCHED_CELLS, hatched(HATCHED_CELLS))
        for one in panel.curves:
            for entry in _entries(one, panel, question):
                entries.setdefault(str(entry.get_label()), entry)
            doubt |= int(np.bitwise_or.reduce(one.points.doubt[np.isfinite(one.points.y)], initial=0))
            least |= one.bound is not None and bool(one.bound.any())
            if one.lost is not None and np.isfinite(one.lost.y).any():
                left[one.second] = None
    found = [*entries.values(), *_doubt_entries(doubt, left, least)]
    rank = {"curve": 0, "quantity": 1, "line": 2, "mark": 3, "doubt": 4}
    return sorted(found, key=lambda one: rank[str(one.get_gid())])


def _entries(one: PanelCurve, panel: Panel, question: str) -> Iterator[Artist]:
    """Yield the entries of one curve."""
    style, several = style_of(one, panel) | {"ls": "none"}, len(panel.block.quantity) > 1
    if one.word:
        shape = "o" if several else style["marker"]
        yield key_line("curve", one.word, **style | {"marker": shape, "ms": 4.0})
    if several:
        grey = {"color": "#777777"} if panel.count > 1 else {}
        yield key_line("quantity", quantity_word(one.quantity, question), **style | grey)
    for line in one.lines:
        places = {other.place for other in panel.curves for of in other.lines if of.quantity == line.quantity}
        colour = _line_colour(one, panel) if len(places) == 1 else "#555555"
        yield from _line_entries(line, {"color": colour, "lw": 1.0})
    if one.law is not None:
        power = "" if one.law.exponent == 1 else rf"$^{{{one.law.exponent:g}}}$"
        axis = axis_term(panel.seen.across, panel.seen.is_gain, panel.seen.per != 1, question).label
        words = f"proportional to {axis}{power}, through the centre of the points up to {one.law.up_to:g}"
        yield key_line("line", words, color=style["color"], lw=1.0, ls=GUIDE_DASH)
    if one.limit is not None:
        yield from limit_entries(one.limit)
    if (end := one.end) is not None and np.isfinite(end[0]):
        words = ": ".join(filter(None, (one.word, f"half are lost at {within(*end)}, simulated")))
        yield key_patch("mark", words, facecolor=_end_colour(one, panel), alpha=0.25)
    for mark in one.marks:
        found = f"{mark_word(mark.quantity)} = {mark.value:.4g}, theory at N → ∞"
        found += "" if is_near(mark.value, panel) else ", beyond the axis"
        words = ": ".join(filter(None, ("" if one.shared else one.word, found)))
        yield key_line("mark", words, color=_mark_colour(one, panel), lw=0.8, ls=MARK_DASH)


def _doubt_entries(doubt: int, left: Iterable[str], least: bool) -> Iterator[Artist]:
    """Yield what open symbols mean on this page, and crosses."""
    told = [words for bit, words in DOUBTS.items() if doubt & bit]
    if told:
        yield key_line("doubt", f"open: {', or '.join(told)}", **DOUBTFUL, marker="o", mfc="white")
    if least:
        yield key_line("doubt", AGREEING, **DOUBTFUL, marker="o", mfc="white")
    for words in left:
        yield key_line("doubt", f"{words}; size: their share", **DOUBTFUL, marker="x")


AGREEING = "open in the strip: sets agree to their resolution, |z| is at least that"
"""What the key says of deviations whose error has an upper bound only."""


def agreeing_key(cells: xr.Dataset, name: str) -> list[Artist]:
    """Return the entry of a key for open points of a strip, where it has some."""
    _, bound = deviations(cells, name)
    some = bound is not None and bool(bound.any())
    return [key_line("doubt", AGREEING, **DOUBTFUL, marker="o", mfc="white")] if some else []


DOUBTFUL: Any = {"color": "#777777", "ls": "none", "ms": 3.5}
"""How the key shows symbols of any curve."""


def _line_entries(line: TheoryLine, style: dict[str, Any]) -> Iterator[Artist]:
    """Yield the entries of a line of theory: with its quantity and how far it holds."""
    name = line.quantity
    short = line.validity.split(";")[0].split(":")[0]
    short = short.replace("N -> infinity", r"$N \to \infty$").replace("J_ii", "$J_{ii}$")
    if line.limit:
        yield key_line("line", f"theory, {line.limit}: {name}", **style, ls=GUIDE_DASH)
        return
    yield key_line("line", f"theory: {name} ({short})", **style)
    if (~line.stable & np.isfinite(line.y)).any():
        yield key_line("line", "dashed: not stable", **style, ls=GUIDE_DASH)


def within(value: float, reach: float) -> str:
    """Return a value with its interval of 95 %, to two digits of this."""
    if not np.isfinite(reach) or reach <= 0:
        return f"{value:.4g}"
    digits = max(0, 1 - int(np.floor(np.log10(reach))))
    return f"{value:.{digits}f} ± {reach:.{digits}f}"
