"""The golden digests, on this machine."""

from pathlib import Path

import golden
import pytest


@pytest.mark.parametrize("name", golden.STUDIES)
def test_numbers_are_those_of_every_machine(name: str, tmp_path: Path) -> None:
    assert golden.differs(name, tmp_path) == ""
