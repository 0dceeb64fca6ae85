"""How long `make diagram` takes after set-up, now and at a revision of before: whole, as a pair.

    python benchmarks/diagram.py                   # of that revision's default study; BASE=other
    python benchmarks/diagram.py BASE=main a.yaml  # of another study

Both sides are copies of what a checkout has, with caches and compiled kernels of their own, as set-up leaves
them. Each runs the workflow by 2 workers in a folder without results. Dependencies are those of the working
tree.
"""

import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from timing import Row, cleared, environment, missing, ratios, row

ROOT = Path(__file__).parents[1]
DEFAULT_STUDY = "config/studies/hopfield.yaml"

BEFORE = "338455f5b467"
"""The revision before kernels and diagrams were made faster. It knew only one start of a network."""

MOST_OF_BEFORE, RUNS = 0.5, 1
"""What a diagram may take, as a share of what it took at that revision; and how often both are run."""

NEEDED = ("Snakefile", "environment.yml", "pyproject.toml", "workflow", "config", "src")
"""What a checkout needs to make a diagram."""

COPIED = "config/studies/measured.yaml"


class Side(NamedTuple):
    """A copy of a checkout, and the environment in which its commands run."""

    folder: Path
    variables: dict[str, str]

    def run(self, *words: str) -> None:
        """Run a module of Python there; what it says is shown where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=self.folder, env=self.variables, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {(done.stdout + done.stderr)[-2000:]}")

    def seconds(self) -> float:
        """Return the wall seconds of a whole diagram."""
        with TemporaryDirectory(dir=self.folder) as results:
            config = (f"studies={COPIED}", f"results={Path(results).name}")
            begun = time.perf_counter()
            self.run("snakemake", "--cores", "2", "--workflow-profile", "workflow/profiles/default",
                     "--config", *config)  # fmt: skip
            return time.perf_counter() - begun


def set_up(folder: Path, revision: str, study: Path | None) -> Side:
    """Copy a revision ("" for the working tree) to a folder, and compile what set-up compiles.

    Raises ValueError where there is no such revision.
    """
    if revision:
        words = ["git", "archive", revision, *NEEDED]
    else:
        words = ["tar", "--create", "--exclude=__pycache__", *NEEDED]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True)
    if done.returncode:
        raise ValueError(f"{revision}: {done.stderr.decode().strip().splitlines()[-1]}")
    archive = folder / "checkout.tar"
    archive.write_bytes(done.stdout)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (folder / COPIED).write_bytes((study or folder / DEFAULT_STUDY).read_bytes())
    own = {"PYTHONPATH": str(folder / "src"), "XDG_CACHE_HOME": str(folder / "cache")}
    side = Side(folder, {**environment(**own), "PYTHONDONTWRITEBYTECODE": ""})
    side.run("mattis", "plan", COPIED)
    return side


def all_rows(base: str = BEFORE, study: Path | None = None) -> Iterator[Row]:
    """Yield the row of a diagram, and that of the pair: of a study, or of that revision's default one."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(2)]
        try:
            before = set_up(folders[1], base, study)
            now = set_up(folders[0], "", folders[1] / COPIED)
        except ValueError as error:
            yield missing("diagram_over_before", MOST_OF_BEFORE, "lower", str(error))
            return
        turns = [(now.seconds(), before.seconds()) for _ in range(RUNS)]
    ours, theirs = ([turn[k] for turn in turns] for k in range(2))
    name = study.stem if study else "hopfield with one start"
    told = f"wall seconds of make diagram after set-up, 2 workers, {name}"
    yield row("diagram_s", ours, None, "lower", told)
    note = f"wall of make diagram, 2 workers, over that of {base[:12]}, {median(theirs):.0f} s"
    yield row("diagram_over_before", ratios(ours, theirs), MOST_OF_BEFORE, "lower", note)


def main(*words: str) -> int:
    """Measure and print both rows."""
    base = next((word.removeprefix("BASE=") for word in words if word.startswith("BASE=")), BEFORE)
    study = next((Path(word) for word in words if word.endswith(".yaml")), None)
    for one in all_rows(base, study):
        print(one)
    return 0


if __name__ == "__main__":
    cleared()
    sys.exit(main(*sys.argv[1:]))
