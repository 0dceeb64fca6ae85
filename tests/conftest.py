"""Fixtures that all tests share."""

from pathlib import Path

import pytest
from small_study import make_study

from mattis.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """The small study: 72 cells in 9 blocks."""
    return make_study(tmp_path)
