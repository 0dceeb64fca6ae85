"""The file of a page: its policy, its scripts, and words that stay words."""

import base64
import re
import subprocess
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from shutil import which

import pytest
import vendored
from builders import ROOT
from paged import BESIDE, Paged
from PIL import Image

from mattis.page import page_text
from mattis.page.document import SCRIPTS, Surroundings, styles_of_plot, text_of
from mattis.page.payload import Findings
from mattis.page.picture import few_colours

OWN = [*(("js", name) for name in SCRIPTS), ("page.css",), ("page.html.j2",)]
HOSTILE = "</script><img src=x onerror=alert(1)><script>alert(2)</script>\u2028&quot;"


class Parts(HTMLParser):
    """The elements of a page with their attributes, and its scripts and styles as a browser cuts them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, dict[str, str | None], str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside.append((tag, dict(attrs), ""))
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            tag, attrs, text = self.inside.pop()
            self.inside.append((tag, attrs, text + data))


def policy_of(parts: Parts) -> dict[str, list[str]]:
    """Return the policy of a page, by directive."""
    (content,) = (
        attrs["content"]
        for tag, attrs in parts.elements
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert content is not None
    words = [part.split() for part in content.split(";")]
    return {first: rest for first, *rest in words}


def hashed(text: str) -> str:
    """Return how a policy names a script or a style."""
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_policy_lets_in_what_is_there_and_nothing_else(shown: Paged) -> None:
    parts = Parts(shown.text)
    policy = policy_of(parts)
    run = [text for tag, attrs, text in parts.inside if tag == "script" and "type" not in attrs]
    styles = [text for tag, _, text in parts.inside if tag == "style"]
    assert policy["script-src"] == [hashed(text) for text in run]
    assert policy["style-src"][:1] == [hashed(text) for text in styles]
    assert len(policy["style-src"]) == 3
    assert policy["default-src"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & {word for row in policy.values() for word in row}


def test_nothing_is_fetched_and_nothing_runs_from_an_attribute(shown: Paged) -> None:
    for tag, attrs in Parts(shown.text).elements:
        assert "style" not in attrs, (tag, attrs)
        assert not [key for key in attrs if key.startswith("on")], (tag, attrs)
        assert not {"src", "href"} & {*attrs}, (tag, attrs)


def test_the_picture_is_there_where_scripts_are_off(shown: Paged) -> None:
    text = page_text(shown.study, shown.found, Surroundings(b"\x89PNG", ["diagram.png"]))
    inside = text.split("<noscript>")[1].split("</noscript>")[0]
    assert '<img src="data:image/png;base64,iVBORw=="' in inside
    assert "<img" not in page_text(shown.study, shown.found, Surroundings(b"1" * 10**6, []))


def test_a_hostile_name_stays_text(shown: Paged) -> None:
    estimates = shown.found.estimates.assign_attrs(study=HOSTILE, digest=HOSTILE)
    headline = {"boundaries": [], "verdict": HOSTILE}
    text = page_text(shown.study, Findings(shown.found.cells, estimates, headline), BESIDE)
    plain, hostile = Parts(shown.text), Parts(text)
    assert [tag for tag, _ in hostile.elements if tag in ("img", "script")] == [
        tag for tag, _ in plain.elements if tag in ("img", "script")
    ]


@pytest.mark.parametrize("where", OWN, ids=lambda where: where[-1])
def test_our_files_ask_nothing_of_the_network_and_make_no_code(where: tuple[str, ...]) -> None:
    text = text_of(*where).replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    for word in ("http", "eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacent",
                 "document.write", "style=", "fetch(", "XMLHttpRequest", "import("):  # fmt: skip
        assert word not in text, word
    assert max(map(len, text.splitlines())) <= 120
    assert len(text.splitlines()) <= 600


@pytest.mark.skipif(which("node") is None, reason="no node")
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_sound(name: str) -> None:
    path = str(files("mattis.page").joinpath("js", name))
    assert subprocess.run(["node", "--check", path], capture_output=True).returncode == 0


def test_every_script_is_on_the_page_and_no_function_is_defined_twice() -> None:
    there = {path.name for path in files("mattis.page").joinpath("js").iterdir()}
    assert there == {*SCRIPTS}
    names = [
        found
        for name in SCRIPTS
        for found in re.findall(r"^(?:async )?function\*? (\w+)|^const (\w+) =", text_of("js", name), re.M)
    ]
    flat = [name for pair in names for name in pair if name]
    assert len(flat) == len({*flat})


def test_what_was_vendored_is_what_was_written() -> None:
    assert not vendored.strangers()
    rows = vendored.table()
    there = {path.name for path in Path(str(files("mattis.page").joinpath("vendor"))).iterdir()}
    assert there == {*rows, "vendored.json"}
    for name, row in rows.items():
        licence = f"{name.removesuffix('.min.js')}.LICENSE"
        assert licence in rows or name.endswith(".LICENSE")
        assert row["licence"] in ("ISC", "MIT", "Unlicense")


def test_a_changed_library_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in vendored.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(vendored, "FOLDER", tmp_path)
    (tmp_path / "d3.min.js").write_text("alert(1)")
    (tmp_path / "plot.LICENSE").unlink()
    assert vendored.strangers() == ["d3.min.js", "plot.LICENSE"]


def test_styles_of_plot_are_found_in_its_text() -> None:
    found = styles_of_plot(text_of("vendor", "plot.min.js"))
    assert [style.split(" ")[0] for style in found] == [":where(.plot-ramp)", ":where(.plot)"]
    assert "\\n" not in found[0] + found[1]
    assert "\n" in found[0]


def test_the_picture_has_few_colours_and_what_is_none_is_left_out() -> None:
    whole = (ROOT / "docs" / "gallery" / "hopfield.png").read_bytes()
    few = few_colours(whole)
    assert few is not None
    with Image.open(BytesIO(few)) as found, Image.open(BytesIO(whole)) as before:
        assert found.size == before.size
        assert len(found.getcolors()) <= 96
    assert few_colours(b"no picture") is None
    assert few_colours(None) is None
