"""The Python of docs/notebooks.md and the cell of the README, run as scripts without a guard."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT, SECONDS

BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)


def blocks(page: str) -> list[str]:
    """Return the blocks of Python of a page."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def script_of(page: str) -> str:
    """Return the script that the blocks of a page make: of the README, those that make a study."""
    found = blocks(page)
    return "".join(
        found if page != "README.md" else [one for one in found if "mattis.study(" in one]
    )


@pytest.mark.parametrize("page", ["docs/notebooks.md", "README.md"])
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path) -> None:
    script = script_of(page)
    assert script.count("mattis.study(") >= 1
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=2 * SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in re.findall(r"^# (study, .*)$", script, re.M):
        assert line in done.stdout.splitlines()
    assert list((tmp_path / "results").glob("*/sweep.zarr"))


def test_each_page_of_the_docs_is_named_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/notebooks.md)" in text
