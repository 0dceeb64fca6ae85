"""Every block of README and docs is run, in the order of its page, or says why not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT, SECONDS
from pages import PAGES, blocks_of, read, script

LONG = (
    "README.md", "docs/capsule.md", "docs/command.md", "docs/exchange.md", "docs/networks.md",
    "docs/papers.md",     "docs/running.md", "docs/start.md", "docs/studies.md",
)  # fmt: skip
"""Pages whose blocks take more than 15 s of CPU time: `make test-long` runs them."""

SLOW = (
    "docs/boundaries.md", "docs/comparing.md", "docs/figures.md", "docs/notebooks.md", "docs/one-step.md",
    "docs/page.md", "docs/patterns.md", "docs/refinement.md", "docs/results.md",
)  # fmt: skip
"""Pages whose blocks take more than 4 s: `make test-slow` runs them."""

NOT_RUN = {
    "README.md": 1,
    "CONTRIBUTING.md": 1,
    "docs/capacity.md": 2,
    "docs/capsule.md": 1,
    "docs/clusters.md": 3,
    "docs/command.md": 2,
    "docs/exchange.md": 1,
    "docs/extending.md": 1,
    "docs/figures.md": 1,
    "docs/gpu.md": 2,
    "docs/results.md": 1,
    "docs/running.md": 1,
    "docs/start.md": 2,
    "docs/studies.md": 1,
}
"""How many blocks of a page are not run; each says why."""

LANGUAGES = {"bash", "python", "yaml"}
"""What blocks are written in."""


def ran(content: str, name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the blocks of a page as a script without a guard, in a folder that has what a checkout has."""
    home = Path(sys.prefix)
    (folder / ".venv").symlink_to(home)
    (folder / "config").symlink_to(ROOT / "config")
    path = folder / f"{Path(name).stem}.py"
    path.write_text(script(blocks_of(content)), encoding="utf-8")
    search = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, path.name], cwd=folder, env={**os.environ, "PATH": search}, capture_output=True,
        text=True, check=False, timeout=8 * SECONDS,
    )  # fmt: skip


def pages_that_run() -> list[object]:
    """Return the pages with a block that is run, those that take long marked."""
    run = [page for page in PAGES if any(not block.reason for block in blocks_of(read(page)))]
    marks = dict.fromkeys(LONG, pytest.mark.long) | dict.fromkeys(SLOW, pytest.mark.slow)
    return [pytest.param(page, marks=marks.get(page, ())) for page in run]


@pytest.mark.parametrize("page", pages_that_run())
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path) -> None:
    done = ran(read(page), page, tmp_path)
    assert done.returncode == 0, done.stderr
    for block in blocks_of(read(page)):
        for line in re.findall(r"^# (study, .*)$", block.text, re.M):
            assert line in done.stdout.splitlines()


def test_the_cell_of_the_readme_runs(tmp_path: Path) -> None:
    """In the fast tests too: it is what many try first."""
    (cell,) = [one for one in blocks_of(read("README.md")) if "mattis.study(" in one.text and not one.first]
    done = ran(f"```python\n{cell.text}```\n", "cell", tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "results").glob("*/sweep.zarr"))


def test_what_is_not_run_is_counted_and_says_why() -> None:
    """A reason that names a file of the tests names one that is there."""
    reasons = {page: [one.reason for one in blocks_of(read(page)) if one.reason] for page in PAGES}
    assert {page: len(found) for page, found in reasons.items() if found} == NOT_RUN
    for reason in (reason for found in reasons.values() for reason in found):
        for path in re.findall(r"[\w.]+/[\w/.]+\w", reason):
            assert (ROOT / path).exists()


@pytest.mark.parametrize("page", PAGES)
def test_no_block_and_no_comment_is_overlooked(page: str) -> None:
    """Each fence with a language begins a block, each comment belongs to one, and no command is indented."""
    text, blocks = read(page), blocks_of(read(page))
    assert len(re.findall(r"^ *```+ *\S", text, re.M)) == len(blocks)
    assert {block.language for block in blocks} <= LANGUAGES
    comments = len(re.findall(r"^ *<!--\s*(?:not run|first)\b", text, re.I | re.M))
    assert comments == sum(bool(block.reason or block.first) for block in blocks)
    outside = re.sub(r"^```\w.*?^```$", "", text, flags=re.M | re.S)
    assert not re.findall(r"^    (?:mattis|make|snakemake|eval|import|\.venv/bin/\S+) .*", outside, re.M)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("```python\nmattis = 1\n1 / 0\n```\n", 'page.py", line 5'),
        ("```bash\nmattis status nowhere.yaml\n```\n", "exit code 2"),
        ("```bash\nfalse | true\n```\n", "exit code 1"),
        ("```yaml\nname: mine\naxes: {load: [2], temperature: [0]}\n```\n", "got 2"),
        ("```yaml\nfigure: {panels: [{quantity: nothing}]}\n```\n", "got nothing"),
        ("<!-- first: nothing -->\n```python\n```\n", "NameError"),
        ("<!-- not run: needs luck -->\n```python\n1 / 0\n```\n", ""),
        ("<!-- first: x = 1 -->\n```python\nassert x == 1\n```\n\n```python\nassert x == 1\n```\n", ""),
    ],
)
def test_a_block_that_is_wrong_is_noticed_where_it_stands(block: str, said: str, tmp_path: Path) -> None:
    done = ran(f"# A page\n\n{block}", "page", tmp_path)
    assert (done.returncode == 0) == (said == ""), done.stderr
    assert said in done.stderr
