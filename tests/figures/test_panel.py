"""A panel of curves as it is drawn: symbols, fills, bars, lines, marks and the strip below, read back."""

from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from artists import is_dashed, plain_lines, rows_of, spans, symbols, uprights
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from mattis.comparison.tracing import Mark, TheoryLine
from mattis.comparison.view import View
from mattis.figures.curves import Panel, PanelCurve, Points, shared_lines
from mattis.figures.panel import (
    AGREEING,
    CATEGORIES,
    GRADED_COLOURS,
    LEAST_CROSS,
    SHAPES,
    draw_panel,
    draw_strip,
    has_strip,
    keys_of,
    within,
)
from mattis.statistics.doubts import DOUBTS, FEW_SETS, TOO_SHORT
from mattis.statistics.survival import MOTION
from mattis.study.figure import PanelBlock

X, Y = np.array([0.1, 0.2, 0.3]), np.array([0.9, 0.5, 0.2])
LOW, HIGH = Y - np.array([0.01, 0.02, 0.03]), Y + np.array([0.02, 0.04, 0.06])
LOADS = View("load", "beta", None, ())
ALONE = View("load", None, None, ())


def points(doubt: Any = (0, 0, 0), share: Any = (1.0, 1.0, 1.0), y: Any = Y) -> Points:
    """Three points with intervals that are not symmetric."""
    shift = np.asarray(y) - Y
    return Points(X, np.asarray(y), LOW + shift, HIGH + shift, np.array(doubt), np.array(share))


def panel(*curves: PanelCurve, seen: View = ALONE, names: Any = ("overlap",), **keys: Any) -> Panel:
    return Panel(PanelBlock(quantity=[*names], **keys), seen, curves)


def one(**keys: Any) -> PanelCurve:
    """A curve of three points, with changed parts."""
    usual = {"quantity": "overlap", "place": 0, "word": "", "points": points()}
    return PanelCurve(**{**usual, **keys})


def drawn(shown: Panel) -> Any:
    ax = Figure().subplots()
    draw_panel(ax, shown)
    return ax


def entries(shown: Panel, question: str = "recall") -> dict[str, Any]:
    return {str(entry.get_label()): entry for entry in keys_of([shown], question)}


def test_points_have_their_bars_to_both_ends() -> None:
    (found,) = symbols(drawn(panel(one())))
    np.testing.assert_allclose(found.rows, np.column_stack([X, Y, LOW, HIGH]))
    assert (found.colour, found.marker, found.is_open) == (CATEGORIES[0], "o", False)


def test_points_in_doubt_are_open_and_the_key_says_why() -> None:
    shown = panel(one(points=points(doubt=[0, FEW_SETS, TOO_SHORT])))
    found = symbols(drawn(shown))
    assert {x for part in found if part.is_open for x in part.rows[:, 0]} == {0.2, 0.3}
    assert {x for part in found if not part.is_open for x in part.rows[:, 0]} == {0.1}
    (words,) = (words for words in entries(shown) if words.startswith("open: "))
    assert words == f"open: {DOUBTS[FEW_SETS]}, or {DOUBTS[TOO_SHORT]}"
    assert to_hex(entries(shown)[words].get_markerfacecolor()) == "#ffffff"
    assert not any(words.startswith("open") for words in entries(panel(one())))


def test_a_doubt_about_what_is_not_drawn_is_not_told() -> None:
    shown = panel(one(points=points(doubt=[FEW_SETS, 0, 0], y=[np.nan, 0.5, 0.2])))
    assert not any(words.startswith("open") for words in entries(shown))
    assert len(rows_of(symbols(drawn(shown)))) == 2


def test_sets_that_left_are_crosses_of_their_size() -> None:
    """Areas are shares: a cross of a quarter of the sets is half as wide as one of all."""
    lost = Points(X[:1], Y[:1] / 2, LOW[:1] / 2, HIGH[:1] / 2, np.zeros(1, int), np.array([0.25]))
    shown = panel(one(points=points(share=[0.75, 1.0, 1.0]), lost=lost))
    found = symbols(drawn(shown))
    (cross,) = (part for part in found if part.marker == "x")
    assert cross.rows[0, :2].tolist() == [0.1, 0.45]
    sizes = {part.rows[0, 0]: part.size for part in found if part.marker == "o"}
    assert cross.size / LEAST_CROSS == pytest.approx(0.5)
    assert sizes[0.1] / sizes[0.2] == pytest.approx(0.75**0.5)
    assert entries(shown)["sets that left their state; size: their share"].get_marker() == "x"


def test_the_key_says_which_sets_are_the_others() -> None:
    lost = Points(X[:1], Y[:1] / 2, LOW[:1] / 2, HIGH[:1] / 2, np.zeros(1, int), np.array([0.25]))
    told = entries(panel(one(lost=lost, second=MOTION.second)))
    assert told["sets that never went round their sequence; size: their share"].get_marker() == "x"
    assert not any("left their state" in words for words in told)


def line(stable: Any, limit: str = "") -> TheoryLine:
    x = np.linspace(0, 0.4, 5)
    y = np.array([1.0, 0.9, 0.8, 0.7, np.nan])
    return TheoryLine("overlap", "hopfield.overlap", x, y, np.array(stable), limit)


def test_lines_are_full_where_stable_dashed_elsewhere_and_nothing_beyond() -> None:
    shown = panel(one(lines=[line([True, True, False, False, False])]))
    by_dash = {is_dashed(found): found for found in plain_lines(drawn(shown))}
    assert [*by_dash] == [False, True]
    for dashed, wanted in ((False, [1.0, 0.9]), (True, [0.8, 0.7])):
        y = by_dash[dashed].get_ydata()
        assert y[np.isfinite(y)].tolist() == wanted
    told = entries(shown)
    (full,) = (entry for words, entry in told.items() if words.startswith("theory: hopfield"))
    assert not is_dashed(full)
    assert is_dashed(told["dashed: not stable"])


def test_a_limit_is_dashed_and_named() -> None:
    shown = panel(one(lines=[line([False] * 5, r"$N \to \infty$")]))
    assert [is_dashed(found) for found in plain_lines(drawn(shown))] == [True]
    assert is_dashed(entries(shown)[r"theory, $N \to \infty$: hopfield.overlap"])
    assert "dashed: not stable" not in entries(shown)


def test_marks_and_simulated_ends_stand_where_the_key_says() -> None:
    mark = Mark("hopfield.alpha_c", 0.1379)
    shown = panel(one(marks=[mark], end=(0.15, 0.02)))
    ax = drawn(shown)
    assert uprights(ax) == [0.1379]
    assert spans(ax) == [pytest.approx((0.13, 0.17))]
    told = entries(shown)
    assert is_dashed(told[r"$\alpha_c$ = 0.1379, theory at N → ∞"])
    assert "half are lost at 0.150 ± 0.020, simulated" in told


def test_marks_far_from_the_points_are_told_only() -> None:
    shown = panel(one(marks=[Mark("hopfield.alpha_c", 2.0)]))
    assert uprights(drawn(shown)) == []
    assert r"$\alpha_c$ = 2, theory at N → ∞, beyond the axis" in entries(shown)


def test_curves_of_numbers_have_graded_colours_and_the_key_has_them() -> None:
    curves = [one(place=k, word=f"$T$ = {k}", points=points(y=Y / (k + 1))) for k in range(3)]
    shown = panel(*curves, seen=LOADS)
    found, told = symbols(drawn(shown)), entries(shown)
    assert len({part.colour for part in found}) == 3
    for k, part in enumerate(found):
        assert part.rows[:, 1] == pytest.approx(Y / (k + 1))
        assert to_hex(told[f"$T$ = {k}"].get_color()) == part.colour
    sizes = [part.size for part in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len({*sizes}) == 3  # what lies below is seen


def test_quantities_have_shapes_and_the_key_has_them() -> None:
    names = ("overlap", "overlap_one_step")
    curves = [one(), one(quantity="overlap_one_step", points=points(y=Y / 2))]
    shown = panel(*curves, names=names)
    found, told = symbols(drawn(shown)), entries(shown)
    for words, part in zip(("at rest", "after one step"), found, strict=True):
        assert told[words].get_marker() == part.marker
        assert to_hex(told[words].get_color()) == part.colour
    assert [part.marker for part in found] == [*SHAPES[:2]]


def test_heating_and_cooling_are_not_changed_for_each_other() -> None:
    names = ("overlap", "overlap_cooling")
    curves = [one(), one(quantity="overlap_cooling", points=points(y=Y / 2))]
    shown = panel(*curves, names=names)
    found, told = symbols(drawn(shown)), entries(shown, "hysteresis")
    for words, y in (("heating", Y), ("cooling", Y / 2)):
        (part,) = (part for part in found if part.marker == told[words].get_marker())
        assert part.rows[:, 1] == pytest.approx(y)
        assert part.colour == to_hex(told[words].get_color())
    assert told["heating"].get_marker() == ">"
    assert told["cooling"].get_marker() == "<"


def test_the_strip_shows_z_and_arrows_beyond_six_errors() -> None:
    shown = panel(one(z=np.array([1.5, -3.0, np.nan])))
    assert has_strip(shown.curves)
    ax = Figure().subplots()
    draw_strip(ax, shown)
    points_of = [found for found in ax.get_lines() if found.get_marker() == "o"]
    assert [found.get_xydata().tolist() for found in points_of] == [[[0.1, 1.5], [0.2, -3.0]]]
    ax = Figure().subplots()
    draw_strip(ax, panel(one(z=np.array([7.0, -60.0, 0.5]))))
    arrows = {
        found.get_marker(): found.get_xydata().tolist()
        for found in ax.get_lines()
        if found.get_marker() in "^v" and len(found.get_xdata())
    }
    assert arrows == {"^": [[0.1, pytest.approx(5.58)]], "v": [[0.2, pytest.approx(-5.58)]]}
    assert ax.get_ylim() == (-6, 6)
    assert not has_strip([one(z=np.full(3, np.nan)), one()])


def test_deviations_of_sets_that_agree_are_open_and_the_key_says_what_they_are() -> None:
    shown = panel(one(z=np.array([1.5, -3.0, 8.0]), bound=np.array([False, True, True])))
    ax = Figure().subplots()
    draw_strip(ax, shown)
    fills = {
        float(found.get_ydata()[0]): to_hex(found.get_markerfacecolor())
        for found in ax.get_lines()
        if found.get_marker() == "o"
    }
    assert fills == {1.5: CATEGORIES[0], -3.0: "#ffffff"}
    (arrow,) = (found for found in ax.get_lines() if found.get_marker() == "^")
    assert arrow.get_xdata().tolist() == [0.3]
    assert to_hex(entries(shown)[AGREEING].get_markerfacecolor()) == "#ffffff"
    assert AGREEING not in entries(panel(one(z=np.zeros(3), bound=np.zeros(3, bool))))


@pytest.mark.parametrize(("half", "whole"), [(0.004, False), (0.02, True)])
def test_bars_that_are_longer_than_all_differences_stay_within_the_axes(half: float, whole: bool) -> None:
    y = np.array([0.23, 0.24, 0.235])
    wide = Points(X, y, y - half, y + half, np.zeros(3, int), np.ones(3))
    low, high = drawn(panel(one(quantity="energy", points=wide), names=["energy"])).get_ylim()
    assert (low <= 0.23 - half and high >= 0.24 + half) == whole
    assert low < 0.23
    assert high > 0.24


def test_nothing_is_lost_on_a_logarithmic_ordinate() -> None:
    """What is 0 stands at the lower edge as an arrow."""
    names = {"names": ("escape_rate",), "scale": "log"}
    rates = one(quantity="escape_rate", points=points(y=[1e-3, 0.0, 1e-5]))
    ax = drawn(panel(rates, **names))
    assert ax.get_yscale() == "log"
    (arrow,) = (found for found in ax.get_lines() if found.get_marker() == "v")
    assert arrow.get_xdata().tolist() == [0.2]
    assert ax.get_ylim()[0] < arrow.get_ydata()[0] < 1e-5


def test_shares_are_drawn_from_0_to_1_and_others_between_their_ends() -> None:
    shares = drawn(panel(one(quantity="retrieved"), names=("retrieved",)))
    assert shares.get_ylim() == (-0.06, 1.06)
    low, high = drawn(panel(one())).get_ylim()
    assert low < 0.2 < 0.9 < high
    assert high - low < 0.9


@pytest.mark.parametrize(
    ("value", "reach", "words"),
    [(0.1379, 0.0021, "0.1379 ± 0.0021"), (12.3, 4.0, "12.3 ± 4.0"), (0.5, 0.0, "0.5")],
)
def test_an_interval_has_two_digits(value: float, reach: float, words: str) -> None:
    assert within(value, reach) == words


# Colours that everybody tells apart

DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""Machado, Oliveira and Fernandes, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009): severity 1, linear."""


def linear(colour: Any) -> np.ndarray:
    """Return linear RGB of a colour (sRGB, IEC 61966-2-1)."""
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Return CIELAB (D65) of linear RGB."""
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
              [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
    ratio = np.array(matrix) @ rgb / [0.95047, 1.0, 1.08883]
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


APART = 10.0
"""Differences in CIELAB (1976) that are seen at a glance; 2.3 are just seen."""


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_of_names_stay_apart_for_everybody(deficiency: str) -> None:
    matrix = np.array(DEFICIENCIES[deficiency])
    seen = [lab(np.clip(matrix @ linear(colour), 0, 1)) for colour in CATEGORIES]
    distances = [np.linalg.norm(a - b) for k, a in enumerate(seen) for b in seen[k + 1 :]]
    assert min(distances) > APART
    white = lab(np.ones(3))
    assert min(np.linalg.norm(one - white) for one in seen) > 2 * APART


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_graded_colours_rise_in_lightness_and_are_seen_on_white(deficiency: str) -> None:
    """So that they have an order in grey as well."""
    name, low, high = GRADED_COLOURS
    matrix = np.array(DEFICIENCIES[deficiency])
    places = np.linspace(low, high, 6)
    light = [lab(np.clip(matrix @ linear(mpl.colormaps[name](at)[:3]), 0, 1))[0] for at in places]
    assert (np.diff(light) > 4).all()
    assert light[-1] < 85


def test_lines_of_a_boundary_that_all_curves_share_are_one_black_line() -> None:
    """The first curve has it, in the panel and in the key; others have the colours of their curves."""
    stable = [True] * 5
    curves = [
        one(quantity="boundary_equal_free_energy", place=k, word=f"N = {k}", lines=[line(stable)])
        for k in range(2)
    ]
    alike = shared_lines(curves)
    assert [len(each.lines) for each in alike] == [1, 0]
    shown = panel(*alike, seen=LOADS, names=["boundary_equal_free_energy"])
    (drawn_line,) = plain_lines(drawn(shown))
    assert to_hex(drawn_line.get_color()) == "#000000"
    (key,) = (entry for words, entry in entries(shown).items() if words.startswith("theory"))
    assert to_hex(key.get_color()) == "#000000"
    other = replace(curves[1], lines=[replace(line(stable), y=np.linspace(0, 1, 5))])
    assert shared_lines([curves[0], other]) == [curves[0], other]
    of_overlap = [replace(each, quantity="overlap") for each in curves]
    assert shared_lines(of_overlap) == of_overlap
