"""Fixtures that all tests share."""

from pathlib import Path

import pytest
from small_study import make_study

from mattis.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """The small study: 72 cells in 9 blocks."""
    return make_study(tmp_path)


@pytest.fixture
def cheap_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer dots, and no search for the best layout: half of the time of a figure."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from mattis.figures import canvas

    monkeypatch.setitem(canvas.STYLE, "savefig.dpi", 50)
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)
