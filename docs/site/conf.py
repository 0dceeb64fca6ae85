"""How the site of the docs is made, by `make docs`.

Its source is the whole repository, so that links of its pages work on a forge as well.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

SITE = Path(__file__).resolve().parent
ROOT = SITE.parents[1]
sys.path.insert(0, str(SITE))

import reference_pages  # noqa: E402
import study_pages  # noqa: E402

import mattis  # noqa: E402

project = "mattis"
author = "the mattis developers"
release = version = mattis.__version__

root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "docs/tutorials/*.md",
    "docs/reference/*.md",
    "benchmarks/*.md",
]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]

# Links to headings are those of a forge; `mattis.extend` in single backticks is code, as it is in Markdown.
myst_heading_anchors = 4
default_role = "literal"
smartquotes = False  # what is copied from a page must run
suppress_warnings = ["myst.header"]  # a page may go from its title to a heading of the third level
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True

# Tutorials are executed each time, in a folder that is thrown away: a cell that fails fails the site.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

# Nothing is asked of a network: Furo brings what it shows, and search reads its index as a script.
html_theme = "furo"
html_title = f"mattis {release}"
html_show_search_summary = False  # it would fetch pages, which browsers refuse from file://
html_copy_source = False
templates_path = ["templates"]
html_additional_pages = {"index": "to_front_page.html"}


def append_parts(_app: Any, docname: str, source: list[str]) -> None:
    """Append to the front page the parts of the site, which its sidebar shows and a forge does not."""
    if docname == root_doc:
        source[0] += "\n" + (SITE / "parts.txt").read_text(encoding="utf-8")


def append_pages(_app: Any, docname: str, source: list[str]) -> None:
    """Append to some figures of the gallery a link to the page of their study, which a forge has not."""
    if docname == "docs/gallery":
        source[0] = study_pages.linked(source[0])


def copy_pages(app: Any, error: Exception | None) -> None:
    """Put the pages of studies beside the site."""
    if error is None:
        (app.outdir / "pages").mkdir(exist_ok=True)
        for name, path in study_pages.written(ROOT / "build" / "studies").items():
            shutil.copyfile(path, app.outdir / "pages" / f"{name}.html")


def is_code(line: str) -> bool:
    """Tell whether a line of a docstring is code: indented, or a name with what it is behind a #."""
    return line.startswith("    ") or re.match(r"\w[\w, ]*  # ", line) is not None


def marked(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText: code is code, and a * by itself a letter."""
    text: list[str] = []
    for line in lines:
        if is_code(line):
            if not (text and text[-1].startswith("   ")):
                text += ["", "::", ""]
            text.append(f"    {line}")
        else:
            between = [""] if text and text[-1].startswith("   ") else []
            text += [*between, re.sub(r"(?<!\S)\*(?=[\s,)])", r"\\*", line)]
    return text


def mark_code(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Mark the code of a docstring, as far as its first heading, such as Parameters."""
    end = next((at for at, line in enumerate(lines) if line.startswith("---")), len(lines) + 1) - 1
    lines[:end] = marked(lines[:end])


def rejoin_sentence(_app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Put together what napoleon has cut: it takes what stands before the colon of a property for a type."""
    types = [at for at, line in enumerate(lines) if line.startswith(":type: ")]
    if what in ("property", "attribute") and types:
        lines[0] = f"{lines.pop(types[0]).removeprefix(':type: ')}: {lines[0]}"


def setup(app: Any) -> None:
    """Write the pages of the reference before Sphinx looks for pages."""
    reference_pages.write(ROOT / "docs" / "reference")
    app.connect("source-read", append_parts)
    app.connect("source-read", append_pages)
    app.connect("build-finished", copy_pages)
    app.connect("autodoc-process-docstring", mark_code, priority=400)  # before napoleon, at 500
    app.connect("autodoc-process-docstring", rejoin_sentence, priority=600)
