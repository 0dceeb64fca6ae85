"""How the site of the docs is made, by `make docs`.

Its source is the whole repository, so that links of its pages work on a forge as well.
"""

import sys
from pathlib import Path
from typing import Any

SITE = Path(__file__).resolve().parent
ROOT = SITE.parents[1]
sys.path.insert(0, str(SITE))

import reference_pages  # noqa: E402

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
    "docs/reference/*.md",
    "benchmarks/*.md",
]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

# Links to headings are those of a forge; `mattis.extend` in single backticks is code, as it is in Markdown.
myst_heading_anchors = 4
default_role = "literal"
smartquotes = False  # what is copied from a page must run
suppress_warnings = ["myst.header"]  # a page may go from its title to a heading of the third level
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True

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


def mark_code(
    _app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Mark indented lines of a docstring as code, as far as its first heading, such as Parameters."""
    end = next((at for at, line in enumerate(lines) if line.startswith("---")), len(lines))
    for at in range(end - 1, 0, -1):
        if lines[at].startswith("    ") and not lines[at - 1]:
            before = next((line for line in reversed(lines[:at]) if line), "")
            if not before.startswith("    "):
                lines[at:at] = ["::", ""]


def setup(app: Any) -> None:
    """Write the pages of the reference before Sphinx looks for pages."""
    reference_pages.write(ROOT / "docs" / "reference")
    app.connect("source-read", append_parts)
    app.connect("autodoc-process-docstring", mark_code, priority=400)  # before napoleon, at 500
