"""The page of a run in a browser: it follows, keeps what its reader sees, and says when the run is dead."""

import time
from pathlib import Path
from typing import Any

import pytest
from artists import imagined_columns, short
from browsing import READY, SLOWEST, Open, axe_of, choose, position_of
from builders import STUDIES

from mattis.page.live import LivePage, with_run
from mattis.store import store
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study

pytestmark = pytest.mark.page

COMMAND = "mattis run couplings.yaml --workers 2"


class Running:
    """A run without workers: blocks come when they are told to."""

    def __init__(self, root: Path) -> None:
        self.study: Study = short(STUDIES / "hopfield.yaml")
        results = results_of(self.study, root)
        results.folder.make_folder()
        self.opened = store.create_or_extend(results.store, self.study)
        self.blocks = [*plan.blocks(self.study)]
        self.page = LivePage(self.study, root, COMMAND)

    def compute(self, count: int) -> None:
        """Let some blocks come back, and draw the page of what is there."""
        for block in self.blocks[:count]:
            columns = imagined_columns(self.study, block)
            store.write(self.opened, self.study, block, columns)
        store.flush(self.opened)
        self.blocks = self.blocks[count:]
        self.page.draw()

    def said(self, **changes: Any) -> str:
        """Return its page, of a run that is at work, was renewed just now, and will not be for long."""
        run = {
            "is": "running",
            "left": 75,
            "pause": 1000,
            "late": 600,
            "written": time.time(),
            "command": COMMAND,
        }
        return with_run(self.page.text, {**run, **changes})


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """A run that is a quarter done."""
    one = Running(tmp_path / "results")
    one.compute(len(one.blocks) // 4)
    return one


def waits(page: Any, words: str) -> None:
    """Wait until the page has loaded itself again, and says how much is there."""
    page.wait_for_function(
        "words => document.documentElement.dataset.ready"
        " && document.getElementById('progress').textContent.includes(words)",
        arg=words, timeout=SLOWEST,
    )  # fmt: skip


def test_a_page_follows_its_run_and_keeps_what_its_reader_looks_at(
    running: Running, open_page: Open, tmp_path: Path
) -> None:
    page = open_page(running.said(pause=1))
    file = tmp_path / "diagram.html"
    assert page.locator("#progress").text_content() == ("Not complete: 32 of 128 cells are there (25 %)")
    assert "about 1 min 15 s left" in page.locator("#alive").text_content()
    assert page.locator("#done").evaluate("one => one.value / one.max") == 0.25
    choose(page, "quantity", "energy")
    choose(page, "shown", "error")
    page.locator("#slider-size").fill("0")
    page.locator("#theme").click()
    page.locator("#switches input").first.uncheck()
    page.locator("#others summary").click()
    page.locator("#diagram").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.evaluate("scrollTo(0, 300)")
    before = page.evaluate(
        "[location.hash, document.activeElement.id, scrollY, getComputedStyle(document.body).backgroundColor]"
    )
    where, shown = position_of(page), page.locator("#diagram-title").text_content()
    table = page.locator("#others tr").count()
    for count, words in ((16, "96 of 128"), (8, "complete: 128")):
        running.compute(count)
        text = running.said(pause=1) if running.blocks else running.page.text
        file.write_text(text, encoding="utf-8")
        waits(page, words)
        page.wait_for_function("down => Math.abs(scrollY - down) < 2", arg=before[2])
        after = page.evaluate(
            "[location.hash, document.activeElement.id, scrollY,"
            " getComputedStyle(document.body).backgroundColor]"
        )
        assert after[:2] + after[3:] == before[:2] + before[3:]
        assert position_of(page) == where
        assert page.locator("#diagram-title").text_content() == shown
        assert page.locator("#quantity").input_value() == "energy"
        assert not page.locator("#switches input").first.is_checked()
        assert page.locator("#others").get_attribute("open") is not None
        assert page.locator("#others tr").count() == table
    assert not page.locator("#alive").is_visible()
    assert not page.locator("#follow-choice").is_visible()
    page.evaluate("document.documentElement.dataset.seen = 'yes'")
    time.sleep(5)
    assert page.evaluate("document.documentElement.dataset.seen") == "yes"


@pytest.mark.parametrize("how", ["the reader says no", "the reader is at work", "text is selected"])
def test_a_page_is_not_loaded_again_under_its_reader(running: Running, open_page: Open, how: str) -> None:
    page = open_page(running.said(pause=1))
    page.evaluate("document.documentElement.dataset.seen = 'yes'")
    if how == "the reader says no":
        page.locator("#follow").uncheck()
    if how == "text is selected":
        page.evaluate("getSelection().selectAllChildren(document.getElementById('live'))")
    for step in range(14):
        if how == "the reader is at work":
            page.mouse.move(100 + step, 100)
        time.sleep(0.5)
    assert page.evaluate("document.documentElement.dataset.seen") == "yes"
    page.locator("#follow").check() if how == "the reader says no" else None
    page.evaluate("getSelection().empty()")
    page.wait_for_selector("html:not([data-seen])", timeout=SLOWEST)
    page.wait_for_selector(READY)


def test_the_page_of_a_killed_run_says_so_when_it_is_opened(running: Running, open_page: Open) -> None:
    page = open_page(running.said(written=time.time() - 700))
    said = page.locator("#alive").text_content()
    assert said.startswith("The run has stopped or was killed: it has not renewed this page since ")
    assert "for 11 min 4" in said
    assert page.locator("#alive code").text_content() == COMMAND


def test_the_page_of_a_run_that_is_killed_says_so_while_it_is_open(running: Running, open_page: Open) -> None:
    page = open_page(running.said(late=6))
    assert "A run is at work" in page.locator("#alive").text_content()
    page.wait_for_selector("#alive.stopped", timeout=SLOWEST)
    assert page.locator("#alive code").text_content() == COMMAND


def test_the_page_of_an_interrupted_run_waits_for_nothing(running: Running, open_page: Open) -> None:
    page = open_page(running.said(**{"is": "interrupted"}))
    assert "The run was interrupted at " in page.locator("#alive").text_content()
    assert page.locator("#alive code").text_content() == COMMAND
    assert not page.locator("#follow-choice").is_visible()
    page.evaluate("document.documentElement.dataset.seen = 'yes'")
    time.sleep(5)
    assert page.evaluate("document.documentElement.dataset.seen") == "yes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_of_a_run(running: Running, open_page: Open, scheme: str) -> None:
    page = open_page(running.said(written=time.time() - 700), color_scheme=scheme)
    assert axe_of(page) == []


def test_a_narrow_screen_of_a_run_scrolls_down_only(running: Running, open_page: Open) -> None:
    page = open_page(running.said(), viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#there g.share rect").count() == 16
