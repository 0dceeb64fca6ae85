"""Cards: what an object shows of itself in a notebook, in small HTML without scripts; and one that changes.

Colours are those of the page around it, so that a card reads in light and in dark.
"""

import sys
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

LONGEST_FOLDED = 20_000
"""Characters of a folded text at most: a card lies in the file of the notebook."""

SECONDS_BETWEEN_CHANGES = 0.2
"""Seconds after which a card that is there changes again, at the soonest."""

HAIRLINE = "1px solid color-mix(in srgb, currentColor 25%, transparent)"
FRAME = f"border: {HAIRLINE}; border-radius: 4px; padding: 0.5em 0.8em; margin: 0.3em 0; max-width: 50em"
TABLE_STYLE = "border: 0; margin: 0.2em 0; font-size: inherit; color: inherit"
CELL_STYLE = "text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0; background: none"
NAME_STYLE = f"{CELL_STYLE}; font-weight: normal; opacity: 0.7"
TEXT_STYLE = "white-space: pre-wrap; max-height: 20em; overflow: auto; margin: 0.3em 0"
"""Styles of a card and its parts, which also win over those that a notebook has for tables."""


def card(title: str, rows: Mapping[str, object], folded: Mapping[str, str] | None = None) -> str:
    """Return the HTML of a card. Every word on it stays text, whatever is in it.

    rows    # what stands beside each name
    folded  # longer texts, below their names once these are clicked
    """
    table = "".join(
        f'<tr style="background: none"><th scope="row" style="{NAME_STYLE}">{escape(name)}</th>'
        f'<td style="{CELL_STYLE}">{escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    below = "".join(
        f"<details><summary>{escape(name)}</summary>"
        f'<pre style="{TEXT_STYLE}">{escape(_shortened(text))}</pre></details>'
        for name, text in (folded or {}).items()
    )
    return (
        f'<div class="mattis" style="{FRAME}"><strong>{escape(title)}</strong>'
        f'<table style="{TABLE_STYLE}">{table}</table>{below}</div>'
    )


def _shortened(text: str) -> str:
    """Return a text, or as much of it as a card may have."""
    more = len(text) - LONGEST_FOLDED
    return text if more <= 0 else f"{text[:LONGEST_FOLDED]}\n… and {more} characters more"


class ShownText:
    """Something that a notebook shows: HTML, and plain text where there is none."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


class ChangingCard:
    """One place in the output of a cell, in which what is shown last replaces what was there."""

    def __init__(self, show: Callable[[ShownText], None]) -> None:
        self._show, self._shown = show, -SECONDS_BETWEEN_CHANGES

    def change(self, html: str, text: str, at_once: bool = False) -> None:
        """Show this in place of what is there; not at all, if that has just changed."""
        now = time.monotonic()
        if at_once or now - self._shown >= SECONDS_BETWEEN_CHANGES:
            self._shown = now
            self._show(ShownText(html, text))


def changing_card() -> ChangingCard | None:
    """Return a place in the output of the running cell; None where there is no notebook.

    Nothing is imported that is not there already: a notebook has imported what shows its output.
    """
    if (show := _of_jupyter()) is None:
        show = _of_marimo()
    return ChangingCard(show) if show else None


def _of_jupyter() -> Callable[[ShownText], None] | None:
    """Return what shows something in a kernel of Jupyter's, by updates of one display."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:  # IPython in a terminal has a terminal's bar
        return None
    from IPython.display import display

    handle: Any = None

    def show(shown: ShownText) -> None:
        nonlocal handle
        if handle is None:
            handle = display(shown, display_id=True)
        else:
            handle.update(shown)

    return show


def _of_marimo() -> Callable[[ShownText], None] | None:
    """Return what shows something in a notebook of marimo: it replaces the output of the cell."""
    marimo = sys.modules.get("marimo")
    if marimo is None or not marimo.running_in_notebook():
        return None
    replace: Callable[[ShownText], None] = marimo.output.replace
    return replace
