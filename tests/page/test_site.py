"""The site of the docs in a browser, from its files, offline: it finds words, and asks for nothing else."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import SLOWEST
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
