"""What tests of pages in a browser share: when a page is ready, what is chosen, which cell is selected."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

READY = "html[data-ready]"
SECONDS = 1000.0
SLOWEST = 30 * SECONDS
"""Far above the 5 s of a page on a free machine: cores here are shared."""

Open = Callable[..., Any]


def choose(page: Any, name: str, value: str) -> None:
    """Choose from a list, as a reader does."""
    page.select_option(f"#{name}", value)


def position_of(page: Any) -> dict[str, int]:
    """Return the position of the cell that is selected, from the address."""
    pairs = re.findall(r"at\.(\w+)=(\d+)", page.evaluate("location.hash"))
    return {name: int(index) for name, index in pairs}


def axe_of(page: Any) -> list[str]:
    """Return what people who do not see the page would miss: the rules that it breaks."""
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(script)
    found: list[str] = page.evaluate(
        "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))"
    )
    return found
