"""Cards stay text whatever is written on them, take their colours from the page, and change in one place."""

import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notebook_standin import stand_in

from mattis import cards
from mattis.cards import LONGEST_FOLDED, card, changing_card

HOSTILE = "</pre></td><script>alert(1)</script><img src=x onerror='alert(1)'>\" & <!--"


class Read(HTMLParser):
    """The elements and the text of HTML; raises for one that is not closed in its order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert all(name in ("class", "style", "scope", "max", "value") for name, _ in attributes)
        self.elements.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@settings(deadline=None)
@given(st.text(max_size=40) | st.just(HOSTILE))
def test_every_word_stays_text(text: str) -> None:
    text = text.replace("\r", "").replace("\0", "")
    read = Read(card(text, {text: text}, {text: text}))
    assert sorted({*read.elements}) == [
        "details",
        "div",
        "pre",
        "strong",
        "summary",
        "table",
        "td",
        "th",
        "tr",
    ]
    assert read.words == text * 5


def test_colours_are_those_of_the_page_around_it() -> None:
    html = card("title", {"name": 1}, {"more": "text"})
    styles = "; ".join(re.findall(r'style="([^"]*)"', html))
    assert not re.search(r"#[0-9a-f]{3}|rgba?[(]|white;|black|var\(", styles)
    assert {*re.findall(r"(?<![\w-])color: *([^;]*)", styles)} == {"inherit"}
    assert "currentColor" in styles


def test_a_long_text_is_cut_and_says_so() -> None:
    html = card("title", {}, {"more": "x" * (LONGEST_FOLDED + 7)})
    assert "… and 7 characters more" in html
    assert len(html) < LONGEST_FOLDED + 1000


def test_a_card_changes_in_one_place_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(cards.time, "monotonic", lambda: now[0])
    shown = stand_in(monkeypatch)
    place = changing_card()
    assert place is not None
    for k in range(1000):
        place.change(f"<b>{k}</b>", f"{k}")
        now[0] += 0.001
    assert len(shown.outputs) == 1
    assert shown.changes == 5  # one second
    place.change("<b>end</b>", "end", at_once=True)
    assert (shown.html, shown.text, shown.changes) == ("<b>end</b>", "end", 6)


def test_without_a_notebook_there_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.delitem(sys.modules, "marimo", raising=False)
    assert changing_card() is None
    assert "IPython" not in sys.modules
    assert "marimo" not in sys.modules


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, kernel=None)
    assert changing_card() is None


@pytest.mark.parametrize("inside", [True, False])
def test_in_marimo_the_output_of_the_cell_is_replaced(monkeypatch: pytest.MonkeyPatch, inside: bool) -> None:
    """A stand-in for marimo, as above."""
    shown: list[object] = []
    output = SimpleNamespace(replace=shown.append)
    marimo = SimpleNamespace(running_in_notebook=lambda: inside, output=output)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    place = changing_card()
    assert (place is not None) == inside
    if place is not None:
        place.change("<b>1</b>", "1")
        assert [repr(one) for one in shown] == ["1"]
