"""The file of a page: one HTML document with all that it needs, under a policy that lets nothing else in."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

SCRIPTS = (
    "data.js", "state.js", "scales.js", "marks.js", "export.js", "painted.js", "map.js", "curves.js",
    "cell.js", "table.js", "downloads.js", "controls.js", "run.js", "main.js",
)  # fmt: skip
"""The scripts of a page, in the order in which they stand; each may use those before it."""

VENDORED = ("d3.min.js", "plot.min.js")
"""The libraries that draw, in the order in which they are loaded."""

CLASS_OF_CHARTS = "plot"
"""The class of the charts that the scripts ask Plot for."""

STYLES_OF_PLOT = re.compile(r"`(:where\(\.\$\{\w+\}(?:-ramp)?\) \{.*?)`")
"""The styles that Plot puts into each chart and each colour bar, in its text: `${…}` is the class."""

MOST_OF_PICTURE = 900_000
"""Bytes of the picture that is shown where scripts are off; a larger one is left out."""


MOST_FAILURES = 50
"""Blocks that failed of which a page has the message; `mattis status` has all."""


@dataclass(frozen=True)
class Surroundings:
    """What lies beside a page: the picture of its diagram, if there is one, figures, blocks that failed."""

    picture: bytes | None
    figures: Sequence[str]
    failures: Mapping[str, str] = field(default_factory=dict)


def page_document(content: Mapping[str, Any], numbers: str, beside: Surroundings) -> str:
    """Return the page of a study.

    content  # what it knows, as `page_payload` returns it
    numbers  # its numbers, as text
    """
    style = text_of("page.css")
    libraries = [text_of("vendor", name) for name in VENDORED]
    own = "\n".join(text_of("js", name) for name in SCRIPTS)
    scripts = [*libraries, f'"use strict";\n(() => {{\n{own}\n}})();\n']
    around = {"figures": [*beside.figures], "failures": _few(beside.failures), "drawn_by": libraries_used()}
    known = json.dumps({**content, **around}, ensure_ascii=False)
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(text_of("page.html.j2"))
    return template.render(
        content=content,
        policy=policy(scripts, [style, *styles_of_plot(libraries[-1])]),
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        known=Markup(known.replace("<", "\\u003c")),
        numbers=numbers,
        picture=_picture(beside.picture),
    )


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return the Content-Security-Policy of a page: these scripts and styles by their hashes, no others."""
    hashed = {"script-src": " ".join(map(_hash, scripts)), "style-src": " ".join(map(_hash, styles))}
    return "; ".join(
        ["default-src 'none'", *(f"{key} {value}" for key, value in hashed.items()),
         "img-src data: blob:", "base-uri 'none'", "form-action 'none'"]
    )  # fmt: skip


def styles_of_plot(library: str) -> list[str]:
    """Return the styles that Plot puts into a page: the policy lets them in by their hashes."""
    found = [text.replace("\\n", "\n") for text in STYLES_OF_PLOT.findall(library)]
    return [re.sub(r"\$\{\w+\}", CLASS_OF_CHARTS, text) for text in found]


def _few(failures: Mapping[str, str]) -> dict[str, Any]:
    """Return how many blocks failed, and the first of them with their messages."""
    first = sorted(failures.items())[:MOST_FAILURES]
    return {"count": len(failures), "first": [[name, text] for name, text in first]}


def libraries_used() -> dict[str, str]:
    """Return the libraries that draw on a page, with their versions."""
    known = json.loads(text_of("vendor", "vendored.json"))
    return {str(known[name]["package"]): str(known[name]["version"]) for name in VENDORED}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def text_of(*where: str) -> str:
    """Return a text file of this room."""
    return files("mattis.page").joinpath(*where).read_text(encoding="utf-8")


def _picture(content: bytes | None) -> str | None:
    """Return a picture as an address that holds it; None where there is none, or too large a one."""
    if content is None or len(content) > MOST_OF_PICTURE:
        return None
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
