"""Every shipped study, as its pages show it: what is read back from symbols is what was estimated.

The cells are imagined, of all kinds: sets that stayed, that left, in both states, with and without flags.
"""

import re
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import asked, is_dashed, key, legends, plain_lines, rows_of, spots, symbols, told
from conftest import Shown
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text
from scipy.stats import t as student_t

from mattis.comparison.lines import boundary_lines, lines
from mattis.comparison.phases import has_phases
from mattis.comparison.view import View, view
from mattis.figures import drawing_of
from mattis.figures.curve_pages import figures as curve_figures
from mattis.figures.curve_pages import view_of
from mattis.figures.glossary import axis_term, quantity_word, rule_word
from mattis.figures.panels import asked_of, panels_of
from mattis.networks.binary.axes import rule_of
from mattis.networks.neurons.study import NeuronStudy
from mattis.statistics.doubts import IN_TWO_STATES, doubts
from mattis.study.base import Study
from mattis.study.figure import PanelBlock
from mattis.theory import QUANTITIES

pytestmark = pytest.mark.usefixtures("few_places")

NORMAL_95 = 1.959963984540054

CODE = re.compile(r"[A-Za-z0-9]_[A-Za-z0-9]|[a-z]+\.[a-z]+\(")
"""What stands in programs, not in sentences."""


# The page


def test_a_page_is_as_wide_as_one_or_two_columns_of_a_journal(shown: Shown) -> None:
    for figure in shown.pages.values():
        width, height = figure.get_size_inches()
        assert width in (3.4, 7.0)
        assert 2 < height < 10


def test_no_letters_are_small_and_no_key_covers_a_panel(shown: Shown) -> None:
    """7 pt at least; keys and captions lie below all panels, on the page, and beside each other."""
    for figure in shown.pages.values():
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        texts = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text()]
        assert len(texts) > 5
        assert min(one.get_fontsize() for one in texts) >= 7
        panels = [ax.get_tightbbox() for ax in figure.subfigs[1].get_axes()]
        words = [text.get_window_extent() for text in figure.subfigs[2].texts]
        boxes = [legend.get_window_extent() for legend in legends(figure)]
        for box in (*boxes, *words):
            assert not any(box.overlaps(panel) for panel in panels)
            assert min(box.x0, box.y0) >= -1
            assert box.x1 <= figure.bbox.x1 + 1
        for box in boxes:
            assert not any(box.overlaps(other) for other in (*words, *boxes) if other is not box)


def test_no_words_of_the_code_are_on_a_page(shown: Shown) -> None:
    """Quantities of theory are called as `mattis theory` calls them; everything else by words."""
    for figure in shown.pages.values():
        for text in figure.findobj(Text):
            words = re.sub(r"\$[^$]*\$", "", text.get_text().replace("\n", " "))
            words = words.removeprefix(shown.study.name)
            for name in sorted(QUANTITIES, key=len, reverse=True):
                words = words.replace(name, "")
            assert not CODE.search(words), words


def test_every_ordinate_and_abscissa_is_named(shown: Shown) -> None:
    for figure in shown.pages.values():
        for ax in figure.axes:
            if ax in figure.subfigs[1].axes and ax.get_label() != "<colorbar>":
                assert ax.get_ylabel() or ax.get_shared_y_axes().get_siblings(ax), ax


def test_the_page_says_what_is_asked_and_what_was_simulated(shown: Shown) -> None:
    for figure in shown.pages.values():
        assert shown.study.figure is not None
        assert asked(figure) == shown.study.figure.question
        said = told(figure)
        assert said.startswith(f"{shown.study.name}: ")
        assert shown.estimates.attrs["digest"][:12] in said


# Points


def of_curves(shown: Shown) -> bool:
    """Tell whether the pages of a study are panels of curves."""
    return drawing_of(shown.study) is curve_figures


def planes_of(shown: Shown) -> list[tuple[xr.Dataset, Figure]]:
    """Return the estimates of each page with it: the pages are in the order of the axes that no panel has."""
    seen = [view_of(shown.study, block) for block in panels_of(shown.study)]
    used = {name for one in seen for name in (one.across, one.curves, one.up)}
    stacked = shown.estimates
    rest = [name for name in view(shown.study).rest if name not in used]
    places: list[dict[str, Any]] = [{}]
    for name in rest:
        places = [{**place, name: value} for place in places for value in stacked[name].values]
    return [(stacked.sel(place), figure) for place, figure in zip(places, shown.pages.values(), strict=True)]


def cells_of(plane: xr.Dataset, study: Study, block: PanelBlock, seen: View) -> list[tuple[str, xr.Dataset]]:
    """Return the cells of each curve of a panel with its words in the key, spelled out here."""
    there = {str(dim) for name in block.quantity for dim in plane[name].dims}
    others = there - {seen.across, seen.curves, seen.up}  # axes of another panel: at their last values
    plane = plane.isel(dict.fromkeys(others, -1))
    if seen.curves is None or seen.curves not in there:
        return [("", plane)]
    out = []
    for k in range(plane.sizes[seen.curves]):
        cells = plane.isel({seen.curves: k})
        value = float(cells[seen.curves])
        if seen.curves == "couplings":
            words = rule_word(rule_of(value))
        elif seen.curves == "beta" and not isinstance(study, NeuronStudy):
            words = f"$T$ = {float(cells['temperature']):.3g}"
        elif seen.curves == "load":
            loads = float(cells["realised_load"]) / seen.per
            words = f"{'$P/C$' if seen.per != 1 else chr(36) + chr(92) + 'alpha$'} = {loads:.3g}"
        else:
            is_gain = isinstance(study, NeuronStudy)
            number = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
            words = f"{axis_term(seen.curves, is_gain, question=asked_of(study)).word} {number}"
        out.append((words, cells))
    return out


def abscissa(cells: xr.Dataset, study: Study, seen: View) -> np.ndarray:
    """Return where cells lie: loads by whole patterns, temperatures of networks that have one."""
    if seen.across == "load":
        return cells["patterns"].values / float(cells["size"]) / seen.per
    if seen.across.startswith("load_"):
        return cells["patterns"].values / float(cells["size"]) ** (int(seen.across[5:]) - 1)
    if seen.across == "beta" and not isinstance(study, NeuronStudy):
        return cells["temperature"].values
    return cells[seen.across].values.astype(float)


def reach(cells: xr.Dataset, name: str, sets: Any) -> np.ndarray:
    """Return the half of Student's interval of 95 % of so many sets; 0 where there is none."""
    degrees = np.asarray(sets) - 1.0
    factor = np.where(degrees > 0, student_t.ppf(0.975, np.maximum(degrees, 1)), np.nan)
    return np.nan_to_num(factor * cells[f"{name}_error"].values)


def wanted(
    cells: xr.Dataset, study: Study, seen: View, name: str, scale: str = "linear"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows (x, y, low, high) of filled symbols, of open ones, and of crosses."""
    x, y = abscissa(cells, study, seen), cells[name].values.astype(float)
    bits, none = np.zeros(x.size, int), np.empty((0, 4))
    seeds = cells["seeds"].values
    if name.startswith("boundary_"):
        half = NORMAL_95 * np.nan_to_num(cells[f"{name}_error"].values)
        low, high = y - half, y + half
    else:
        bits = doubts(cells, study, name).values
        if f"{name}_low" in cells:
            low, high = cells[f"{name}_low"].values, cells[f"{name}_high"].values
            if name.endswith("_rate") and f"{name}_error" in cells:  # by sets, if these differ more
                half = reach(cells, name, seeds)
                low, high = np.fmin(low, y - half), np.fmax(high, y + half)
            low, high = np.where(np.isnan(low), y, low), np.where(np.isnan(high), y, high)
        elif f"{name}_error" in cells:
            low, high = (y + sign * reach(cells, name, seeds) for sign in (-1, 1))
        else:
            low, high = y, y
    first, second, sets_of_first, sets_of_second = PARTS["moved" in cells]
    two = ((bits & IN_TWO_STATES) > 0) & (f"{name}{first}" in cells)
    rows, crosses = np.column_stack([x, y, low, high]).astype(float), none
    if two.any():
        stayed, left = f"{name}{first}", f"{name}{second}"
        gone = cells[sets_of_second].values
        for part, sets in ((stayed, cells[sets_of_first].values), (left, gone)):
            mean, half = cells[part].values, reach(cells, part, sets)
            other = np.column_stack([x, mean, mean - half, mean + half])[two]
            if part == stayed:
                rows[two] = other
            else:
                crosses = other
        bits = bits & ~IN_TWO_STATES
    if scale == "log" and f"{name}_low" not in cells and not name.startswith("boundary_"):
        rows = of_logarithms(rows)
        if f"{name}_geometric" in cells:
            mean, error = (cells[f"{name}_geometric{end}"].values for end in ("", "_error"))
            factor = np.exp(error * student_t.ppf(0.975, seeds - 1))
            rows = np.column_stack([x, mean, mean / factor, mean * factor])
    known = np.isfinite(rows[:, 1])
    crosses = crosses[np.isfinite(crosses[:, 1])]
    return ordered(rows[known & (bits == 0)]), ordered(rows[known & (bits != 0)]), ordered(crosses)


PARTS = (
    ("_given_survival", "_given_loss", "survivors", "losers"),
    ("_given_motion", "_given_rest", "movers", "resting"),
)
"""What the estimates call two parts of the sets: those that stay, or, of sequences, those that move."""


def of_logarithms(rows: np.ndarray) -> np.ndarray:
    """Return rows with the intervals of their logarithms: as far by factors as they were by steps."""
    x, y, low, high = rows.T
    with np.errstate(all="ignore"):
        factor = np.exp((high - low) / 2 / y)
    above = y > 0
    ends = (np.where(above, y / factor, low), np.where(above, y * factor, high))
    return np.column_stack([x, y, *ends])


def ordered(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(rows.T[::-1])]


def shown_panels(
    shown: Shown, plane: xr.Dataset, figure: Figure
) -> list[tuple[PanelBlock, View, list[Axes]]]:
    """Return the panels that are drawn, with their roles and axes: those that are constant are told."""
    blocks = [b for b in panels_of(shown.study) if any(name in plane for name in b.quantity)]
    blocks = [b.model_copy(update={"quantity": [n for n in b.quantity if n in plane]}) for b in blocks]
    axes = spots(figure)
    if len(blocks) != len(axes):
        own = shown.study.figure is not None and shown.study.figure.panels is not None
        assert not own
        blocks = [b for b in blocks if not is_constant_here(plane, b)]
    assert len(blocks) == len(axes)
    return [(b, view(shown.study, b), a) for b, a in zip(blocks, axes, strict=True)]


def is_constant_here(plane: xr.Dataset, block: PanelBlock) -> bool:
    values = np.concatenate([plane[name].values.ravel() for name in block.quantity])
    known = values[np.isfinite(values)]
    return not known.size or np.ptp(known) < 1e-9 or {*known.tolist()} <= {0.0, 1.0}


def look(
    words: str, name: str, block: PanelBlock, several: bool, entries: dict[str, Any], study: Study
) -> tuple[str | None, str | None]:
    """Return colour and shape that the key gives to a quantity of a curve; None where it does not tell."""
    quantity = entries[quantity_word(name, asked_of(study))] if len(block.quantity) > 1 else None
    curve = entries[words] if words and several else None
    colour = curve if curve is not None else quantity
    shape = quantity if quantity is not None else curve
    return (
        None if colour is None else to_hex(colour.get_color()),
        None if shape is None else str(shape.get_marker()),
    )


def test_every_point_is_where_the_key_and_the_estimates_say(shown: Shown) -> None:
    """x, y, ends of bars; filled where trusted, open where in doubt, crosses of those that left."""
    if not of_curves(shown):
        pytest.skip("not a page of curves")
    for plane, figure in planes_of(shown):
        entries = key(figure)
        for block, seen, (ax, *_) in shown_panels(shown, plane, figure):
            if seen.up is not None:
                continue
            drawn, count = symbols(ax), 0
            curves = cells_of(plane, shown.study, block, seen)
            for words, cells in curves:
                for name in block.quantity:
                    several = len(curves) > 1
                    colour, shape = look(words, name, block, several, entries, shown.study)
                    own = [one for one in drawn if colour in (None, one.colour)]
                    crosses = [one for one in own if one.marker == "x"]
                    own = [one for one in own if one.marker != "x" and shape in (None, one.marker)]
                    firm, doubtful, left = wanted(cells, shown.study, seen, name, block.scale)
                    filled = rows_of([one for one in own if not one.is_open])
                    white = rows_of([one for one in own if one.is_open])
                    np.testing.assert_allclose(filled, firm, rtol=1e-9, atol=1e-12)
                    np.testing.assert_allclose(white, doubtful, rtol=1e-9, atol=1e-12)
                    if len(block.quantity) == 1:
                        np.testing.assert_allclose(rows_of(crosses), left, rtol=1e-9, atol=1e-12)
                    count += len(firm) + len(doubtful) + len(left)
            assert sum(len(one.rows) for one in drawn) == count


def test_every_entry_of_the_key_has_its_artists(shown: Shown) -> None:
    """Colours of curves are on the page; open symbols and crosses are told where they are, and only there."""
    if not of_curves(shown):
        pytest.skip("not a page of curves")
    for _, figure in planes_of(shown):
        drawn = [one for axes in spots(figure) for one in symbols(axes[0])]
        entries = key(figure)
        assert any(words.startswith("open: ") for words in entries) == any(
            one.is_open and one.marker != "x" for one in drawn
        )
        others = ("sets that left", "sets that never")
        assert any(words.startswith(others) for words in entries) == any(one.marker == "x" for one in drawn)
        dashed = [line for axes in spots(figure) for line in plain_lines(axes[0]) if is_dashed(line)]
        entered = [
            words
            for words, one in entries.items()
            if not isinstance(one, Patch) and one.get_linestyle() == "--" and "theory" not in words
        ]
        if entered:
            assert dashed


def test_a_strip_of_deviations_is_below_each_panel_whose_line_has_them(shown: Shown) -> None:
    """Its points are X_z of the dataset, up to 6 errors; those beyond are arrows at its edges."""
    if not of_curves(shown):
        pytest.skip("not a page of curves")
    for plane, figure in planes_of(shown):
        for block, seen, axes in shown_panels(shown, plane, figure):
            if seen.up is not None:
                continue
            compared = []
            for _, cells in cells_of(plane, shown.study, block, seen):
                for name in block.quantity:
                    known = f"{name}_z" in cells and has_line(shown.study, seen, cells, name)
                    if known and block.lines != []:
                        z, x = cells[f"{name}_z"].values, abscissa(cells, shown.study, seen)
                        compared += [pair for pair in zip(x, z, strict=True) if np.isfinite(pair[1])]
            assert (len(axes) == 2) == bool(compared)
            if not compared:
                continue
            strip = axes[1]
            assert strip.get_ylim() == (-6, 6)
            assert strip.get_ylabel() == "$z$"
            found = [
                (x, y, line.get_marker())
                for line in strip.get_lines()
                if line.get_marker() != "None"
                for x, y in line.get_xydata()
            ]
            inside = sorted((x, z) for x, z in compared if abs(z) <= 6)
            beyond = sorted((x, float(np.sign(z))) for x, z in compared if abs(z) > 6)
            edge = [(x, y) for x, y, _ in found if abs(y) == pytest.approx(6 * 0.93)]
            np.testing.assert_allclose(sorted((x, y) for x, y, _ in found if (x, y) not in edge), inside)
            assert sorted((x, float(np.sign(y))) for x, y in edge) == beyond


def has_line(study: Study, seen: View, cells: xr.Dataset, name: str) -> bool:
    return bool(lines(study, seen, cells.sortby(seen.across), name))


def test_lines_are_full_where_states_are_stable_and_dashed_elsewhere(shown: Shown) -> None:
    if not of_curves(shown):
        pytest.skip("not a page of curves")
    for plane, figure in planes_of(shown):
        for block, seen, (ax, *_) in shown_panels(shown, plane, figure):
            if seen.up is not None:
                continue
            full, dashed = set(), set()
            for _, cells in cells_of(plane, shown.study, block, seen):
                for name in block.quantity:
                    along = cells.sortby(seen.across)
                    if name.startswith("boundary_"):
                        known = boundary_lines(shown.study, seen, along, name, block.lines or ())
                    else:
                        known = lines(shown.study, seen, along, name)
                    for line in known:
                        if block.lines is None or line.quantity in block.lines:
                            there = np.isfinite(line.y)
                            for part, into in ((line.stable, full), (~line.stable, dashed)):
                                into |= {*line.y[there & part].round(9).tolist()}
            for wanted_of, found in (
                (full, [one for one in plain_lines(ax) if not is_dashed(one)]),
                (dashed, [one for one in plain_lines(ax) if is_dashed(one)]),
            ):
                drawn = {
                    y
                    for one in found
                    if one.get_marker() == "None"
                    for y in one.get_ydata().round(9).tolist()
                    if np.isfinite(y)
                }
                if any(f"{name}_exponent" in plane for name in block.quantity):
                    continue  # a power that is stated is dashed, and no line of a state
                assert drawn <= wanted_of
                assert bool(drawn) == bool(wanted_of)


def test_an_axis_of_one_value_is_none_of_a_figure(shown: Shown) -> None:
    """Unless the study has no longer one."""
    if not of_curves(shown):
        assert drawing_of(shown.study) is not curve_figures
        return
    lengths = {name: len(values) for name, values in shown.study.labels.items() if name != "seed"}
    lengths |= {one.along: len(one.bins) for one in shown.study.described_model.histograms}
    for block in (None, *panels_of(shown.study)):
        seen = view(shown.study, block)
        assert lengths[seen.across] > 1
        assert all(name is None or lengths[name] > 1 for name in (seen.curves, seen.up))


def test_only_phase_diagrams_of_retrieval_are_maps_of_phases(shown: Shown) -> None:
    phases = {"hopfield", "little", "refined"}
    assert has_phases(shown.study) == (shown.study.name in phases)
