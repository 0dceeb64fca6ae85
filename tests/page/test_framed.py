"""What a notebook shows, in a real browser without a network: cards and a framed page, light and dark."""

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import READY, SLOWEST
from builders import fill, make_study

import mattis
from mattis.engine.driver import Outcome
from mattis.study.base import Study

pytestmark = pytest.mark.page

HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script>"

CONTRAST = """(element) => {
  const parts = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = (colour) => parts(colour).reduce((sum, one, k) => {
    const share = one / 255;
    const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    return sum + [0.2126, 0.7152, 0.0722][k] * linear;
  }, 0);
  const ground = parts(getComputedStyle(document.body).backgroundColor);
  const style = getComputedStyle(element);
  const ink = parts(style.color).map((one, k) => one * style.opacity + ground[k] * (1 - style.opacity));
  const [a, b] = [light(`rgb(${ink})`), light(`rgb(${ground})`)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""
"""The contrast of a text with the page, by WCAG 2.2: (L1 + 0.05)/(L2 + 0.05) of relative luminances."""


@pytest.fixture(scope="module")
def filled_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    folder = tmp_path_factory.mktemp("framed")
    study = make_study(folder, seed=4)
    fill(study, folder)
    return study, folder


@pytest.mark.parametrize(
    ("scheme", "ground", "ink"), [("light", "#ffffff", "#212121"), ("dark", "#111111", "#dddddd")]
)
def test_cards_and_the_frame_in_a_notebook(
    filled_study: tuple[Study, Path], browser: Any, scheme: str, ground: str, ink: str
) -> None:
    study, root = filled_study
    failed = Outcome(1, 0, {"size=60": HOSTILE}, None)
    shown = [study, mattis.plan(study, root), failed, mattis.plot(study, root=root)]
    said: list[str] = []
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    style = f"background: {ground}; color: {ink}; font: 14px sans-serif"
    cells = "".join(f"<div>{one._repr_html_()}</div>" for one in shown)  # type: ignore[attr-defined]
    page.set_content(f'<!doctype html><body style="{style}">{cells}</body>')
    for element in page.locator(".mattis :is(th, td, strong, summary)").all():
        assert element.evaluate(CONTRAST) >= 4.5
    page.locator("details").last.locator("summary").click()
    assert page.locator("details pre").last.text_content() == f"size=60: {HOSTILE}"
    frame = page.frame_locator("iframe")
    frame.locator(READY).wait_for(timeout=SLOWEST)
    frame.locator("#diagram").focus()
    page.keyboard.press("End")
    assert re.match("(load|temperature) ", frame.locator("#live").text_content())
    context.close()
    assert not said
