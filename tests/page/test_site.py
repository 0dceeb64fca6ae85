"""The site of the docs in a browser, from its files, offline: it finds words, and asks for nothing else."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import study_pages
from browsing import READY, SLOWEST
from builders import ROOT

BUILT = ROOT / "build" / "docs"

pytestmark = pytest.mark.page


@pytest.fixture
def site(browser: Any) -> Iterator[Any]:
    """A page of a browser without a network: nothing may be said, and nothing but files asked for."""
    if not (BUILT / "README.html").exists():
        assert not os.environ.get("NO_SKIP"), "no site: make docs"
        pytest.skip("no site: make docs")
    said: list[str] = []
    asked: list[str] = []
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(SLOWEST)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    assert not said
    assert asked
    assert all(url.startswith((f"{BUILT.as_uri()}/", "data:")) for url in asked)


def test_the_index_leads_to_the_front_page_and_its_parts(site: Any) -> None:
    site.goto((BUILT / "index.html").as_uri())
    site.wait_for_url("**/README.html")
    parts = site.locator(".sidebar-tree .caption").all_inner_texts()
    assert [part.lower() for part in parts] == [
        "start", "how to", "explanation", "reference", "gallery", "claims",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "where"),
    [("load_plugins", "reference/api"), ("wilson", "errors"), ("root_seed", "reference/keys"),
     ("recompute", "reference/verbs")],
)  # fmt: skip
def test_a_search_finds_what_is_there(site: Any, word: str, where: str) -> None:
    site.goto(f"{(BUILT / 'search.html').as_uri()}?q={word}")
    site.wait_for_selector("#search-results li a")
    found = site.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any(f"/docs/{where}.html" in url for url in found)


def test_a_search_for_what_is_not_there_finds_nothing(site: Any) -> None:
    site.goto(f"{(BUILT / 'search.html').as_uri()}?q=quetzalcoatl")
    site.wait_for_selector("text=Your search did not match any documents")
    assert site.locator("#search-results li a").count() == 0


def test_a_tutorial_shows_what_its_cells_gave(site: Any) -> None:
    """The page of its study in a frame, and numbers; no cell failed, for then there would be no site."""
    site.goto((BUILT / "docs" / "tutorials" / "first-diagram.html").as_uri())
    frame = site.frame_locator("iframe")
    frame.locator(READY).wait_for(state="attached")
    assert "T = 0.0   m = 1.000" in site.locator("body").inner_text()
    assert site.locator(".cell_output .traceback").count() == 0


def test_the_gallery_leads_to_pages_of_studies(site: Any) -> None:
    site.goto((BUILT / "docs" / "gallery.html").as_uri())
    links = site.get_by_text("Look into this diagram")
    assert links.count() == len(study_pages.NAMES)
    links.first.click()
    site.wait_for_selector(READY, state="attached")
    assert site.url.startswith((BUILT / "pages" / study_pages.NAMES[0]).as_uri())
