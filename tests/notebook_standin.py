"""A stand-in for the two functions of IPython that a card asks for: no kernel, only what would be shown.

`make test-notebook` runs real kernels.
"""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Shown:
    """What a notebook would show: for each output its last content, and how often it changed."""

    def __init__(self) -> None:
        self.outputs: list[Any] = []
        self.changes = 0

    def display(self, content: Any, display_id: bool = False) -> Any:
        assert display_id
        place = len(self.outputs)
        self.outputs.append(content)
        self.changes += 1

        def update(other: Any) -> None:
            self.outputs[place] = other
            self.changes += 1

        return SimpleNamespace(update=update)

    @property
    def html(self) -> str:
        """The HTML of the only output."""
        (shown,) = self.outputs
        text: str = shown._repr_html_()
        return text

    @property
    def text(self) -> str:
        """The text of the only output, where there is no HTML."""
        (shown,) = self.outputs
        return repr(shown)


def stand_in(monkeypatch: pytest.MonkeyPatch, kernel: object = "a kernel") -> Shown:
    """Put the stand-in in the place of IPython; without a kernel it is that of a terminal."""
    shown = Shown()
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=kernel)  # type: ignore[attr-defined]
    display.display = shown.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown
