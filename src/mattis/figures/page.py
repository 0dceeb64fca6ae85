"""A page in print: the question above, panels, one key below, and what was simulated in small letters."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

SINGLE, DOUBLE = 3.4, 7.0
"""Widths of one and of two columns of a journal, in inches."""

LETTERS, LINE = 18.5, 0.135
"""Letters of 7 pt on an inch, and the height of their line in inches."""

QUESTION_LETTERS, QUESTION_LINE = 13.0, 0.17
"""The same of the question, in letters of 8.5 pt."""

HANDLE = 0.42
"""Inches that the symbol of a key takes, with its margins."""

LETTERED = re.compile(r"^\(([a-z])\)\s*")
"""The letter before the title of a panel."""

INK, GREY = "#222222", "#555555"


class PageFigure(Figure):
    """The figure of a page, which knows what was written on it."""

    closed: "ClosedPage"


@dataclass(frozen=True, eq=False)
class Page:
    """A page that is being drawn: panels go into its body."""

    figure: PageFigure
    head: SubFigure
    body: SubFigure
    foot: SubFigure
    grid: GridSpec


@dataclass(frozen=True, eq=False)
class ClosedPage:
    """What is written on a page, for whoever prints its panels elsewhere.

    height   # of the body, in inches
    keys     # entries of the key with their words
    about    # panels, by their letters, that an entry of the key speaks of, by its words; else all
    theory   # panels, by their letters, in which a quantity of theory is drawn, by its name
    """

    page: Page
    height: float
    question: str
    keys: Sequence[tuple[str, Artist]]
    caption: str
    about: Mapping[str, str]
    theory: Mapping[str, str]


def letters_of(**panels: Iterable[Any]) -> dict[str, str]:
    """Return the letters of the panels by what is in them: entries of a key by their words, or names."""
    found: dict[str, str] = {}
    for letter, things in panels.items():
        for one in things:
            word = one if isinstance(one, str) else str(one.get_label())
            found[word] = found.get(word, "") + letter
    return found


def distinct(keys: Mapping[str, Iterable[Any]]) -> list[Any]:
    """Return the entries of the keys of several panels, each words once."""
    found: dict[str, Any] = {}
    for one in (one for entries in keys.values() for one in entries):
        found.setdefault(str(one.get_label()), one)
    return [*found.values()]


def key_line(kind: str, label: str, **style: Any) -> Line2D:
    """Return an entry of a key, which says of what kind it is."""
    return Line2D([], [], label=label, gid=kind, **style)


def key_patch(kind: str, label: str, **style: Any) -> Patch:
    """Return an entry of a key for an area, which says of what kind it is."""
    return Patch(label=label, gid=kind, lw=0, **style)


def hatched(label: str, colour: str = "#555555", hatch: str = "////") -> Patch:
    """Return the entry of a key for hatched cells."""
    return key_patch("doubt", label, facecolor="none", edgecolor=colour, hatch=hatch)


def open_page(width: float) -> Page:
    """Return an empty page of a width in inches."""
    figure = PageFigure(figsize=(width, width), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.02)  # type: ignore[union-attr, call-arg]
    grid = figure.add_gridspec(3, 1)
    head, body, foot = (figure.add_subfigure(grid[k]) for k in range(3))
    return Page(figure, head, body, foot, grid)


def close_page(
    page: Page,
    height: float,
    question: str,
    handles: Sequence[Artist],
    caption: str,
    about: Mapping[str, str] | None = None,
    theory: Mapping[str, str] | None = None,
) -> PageFigure:
    """Write question, key and caption of a page, and give it the height that they need.

    height, about, theory  # as `ClosedPage` has them
    """
    keys = [(str(one.get_label()), one) for one in handles]
    page.figure.closed = ClosedPage(page, height, question, keys, caption, about or {}, theory or {})
    width = float(page.figure.get_size_inches()[0])
    asked = textwrap.wrap(question, round(width * QUESTION_LETTERS))
    told = [line for part in caption.split("\n") for line in textwrap.wrap(part, round(width * LETTERS))]
    blocks = blocks_of(handles, width)
    top, foot = len(asked) * QUESTION_LINE + 0.06, height_of_keys(blocks, width) + len(told) * LINE + 0.06
    page.figure.set_size_inches(width, top + height + foot)
    page.grid.set_height_ratios([top, height, foot])
    page.head.text(0.012, 0.5, "\n".join(asked), fontsize=8.5, weight="bold", va="center", color=INK)
    write_keys(page.foot, blocks, width, foot)
    page.foot.text(0.012, 0.03, "\n".join(told), fontsize=7, va="bottom", color=GREY, linespacing=1.25)
    return page.figure


def blocks_of(handles: Sequence[Artist], width: float) -> list[list[Artist]]:
    """Return the entries of a key in blocks: short ones side by side, then long ones in lines that fit."""
    short = [one for one in handles if visible_length(str(one.get_label())) <= SHORT]
    long = [_wrapped(one, width) for one in handles if one not in short]
    return [block for block in (short, long) if block]


def height_of_keys(blocks: Sequence[Sequence[Artist]], width: float) -> float:
    """Return the inches that a key takes."""
    return sum(key_shape(block, width)[1] for block in blocks) * LINE * 1.06 + 0.05 * len(blocks)


def write_keys(foot: SubFigure, blocks: Sequence[Sequence[Artist]], width: float, height: float) -> None:
    """Write the blocks of a key from the top of a part of a page on, whose height in inches is known."""
    at = 1.0
    for block in blocks:
        columns, rows = key_shape(block, width)
        foot.add_artist(_key(foot, block, columns, at))
        at -= (rows * LINE * 1.06 + 0.02) / height


SHORT = 22
"""Letters of the entries of a key that stand side by side; longer ones follow below."""


def labelled(axes: Sequence[Axes]) -> list[Any]:
    """Return what has words on some axes, for the key: each words once."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, words in zip(*ax.get_legend_handles_labels(), strict=True):
            handle.set_label(words)  # of a container with bars, whose parts have no words
            found.setdefault(str(words), handle)
    return [*found.values()]


def key_shape(handles: Sequence[Artist], width: float) -> tuple[int, int]:
    """Return columns and rows of a key: as many columns as their longest words leave room for."""
    lines = [str(one.get_label()).split("\n") for one in handles]
    longest = max(visible_length(line) for label in lines for line in label)
    columns = max(1, min(len(handles), int(width / (longest / LETTERS + HANDLE))))
    if columns == 1:
        return 1, sum(map(len, lines))
    return columns, -(-len(handles) // columns) * max(map(len, lines))


def _wrapped(entry: Artist, width: float) -> Artist:
    """Return an entry of a key with its words in lines that fit the page."""
    most, lines = (width - HANDLE) * LETTERS, [""]
    for word in str(entry.get_label()).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if visible_length(longer) <= most else [*lines, word]
    entry.set_label("\n".join(lines))
    return entry


def visible_length(text: str) -> int:
    """Return about how many letters a text shows: commands and braces of formulas are none."""
    plain = text.replace(r"\infty", "∞").replace(r"\alpha", "α").replace(r"\beta", "β")
    for part in ("$", "{", "}", r"\to", r"\lambda", r"\tau", r"\kappa", "\\", "^", "_"):
        plain = plain.replace(part, "")
    return len(plain)


def _key(foot: SubFigure, handles: Sequence[Artist], columns: int, top: float) -> Legend:
    """Return the key of a page: below the panels, so that it covers no point."""
    return Legend(
        foot,  # type: ignore[arg-type]  # any figure
        handles, [str(one.get_label()) for one in handles], loc="upper left", ncols=columns,
        bbox_to_anchor=(0.0, top), borderaxespad=0.2, frameon=False, handlelength=1.6, fontsize=7,
        columnspacing=1.2, handletextpad=0.5, labelspacing=0.25, borderpad=0.1,
    )  # fmt: skip
