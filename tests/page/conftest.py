"""What tests of the page share: the page of each kind of study, and a browser without a network."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from artists import short
from browsing import READY, SLOWEST, Open
from builders import STUDIES
from paged import EACH_KIND, Paged, paged


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Paged]:
    """The page of a shipped study, made once."""

    @cache
    def made(name: str) -> Paged:
        return paged(short(STUDIES / f"{name}.yaml"), tmp_path_factory.mktemp(name))

    return made


@pytest.fixture(scope="module", params=EACH_KIND)
def shown(request: pytest.FixtureRequest, page_of: Callable[[str], Paged]) -> Paged:
    """The page of each kind of study."""
    return page_of(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium of this machine; without one tests are skipped, but where NO_SKIP says that they may not."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        assert not os.environ.get("NO_SKIP"), "no browser: install chromium, or set CHROMIUM"
        pytest.skip("no browser: install chromium, or set CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """A function that opens the text of a page; at the end nothing may have been said or asked for."""
    said: list[str] = []
    asked: list[str] = []
    contexts: list[Any] = []

    def open_text(text: str, fragment: str = "", **options: Any) -> Any:
        path = tmp_path / "diagram.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(offline=True, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOWEST)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{path.as_uri()}{fragment}")
        if options.get("java_script_enabled", True):
            page.wait_for_selector(READY, timeout=SLOWEST)
        return page

    yield open_text
    for context in contexts:
        context.close()
    own = {f"file://{tmp_path}/diagram.html"}
    assert not said
    assert not {url.partition("#")[0] for url in asked if not url.startswith(("data:", "blob:"))} - own
