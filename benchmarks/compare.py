"""Whether the working tree made a kernel slower than some revision.

    make bench-compare BASE=main          # or python benchmarks/compare.py BASE=main

takes `src` of that revision into a temporary folder and times each kernel of both in two processes that
take turns on one core, each with a cache of compiled code of its own. The ratio new / old is paired turn by
turn, its interval is that of the median over 2000 bootstrap samples. Exits with 1 if a kernel is slower by
more than 5 % and the interval excludes 1. Benchmarks and dependencies are those of the working tree.
"""

import io
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from timing import cleared
from worker import MAKERS
from workers import HERE, Worker, working

TURNS, REPEATS = 15, 3
SLOWER = 0.05
SAMPLES, CONFIDENCE = 2000, 99.0


@dataclass(frozen=True)
class Verdict:
    """What became of a kernel; times in ns per update, the ratio new / old and its interval."""

    kernel: str
    word: str
    old: float | None = None
    new: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None


def taken(revision: str, folder: str) -> Path:
    """Put `src` of a revision into a folder; only reads the repository."""
    done = subprocess.run(
        ["git", "archive", revision, "src"], cwd=HERE.parent, check=False, capture_output=True
    )
    if done.returncode:
        raise SystemExit(f"BASE={revision}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return Path(folder) / "src"


def interval(logs: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bootstrap interval of the median ratio, from logarithms of the ratios."""
    picks = np.random.default_rng(1).integers(0, logs.size, (SAMPLES, logs.size))
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(logs[picks], axis=1), [tail, 100 - tail])
    return float(np.exp(low)), float(np.exp(high))


def judged(kernel: str, old: NDArray[np.float64], new: NDArray[np.float64]) -> Verdict:
    """Return the verdict about a kernel from its times turn by turn."""
    logs = np.log(new / old)
    ratio, (low, high) = float(np.exp(np.median(logs))), interval(logs)
    word = "same"
    if low > 1 and ratio > 1 + SLOWER:
        word = "slower"
    elif high < 1 and ratio < 1 - SLOWER:
        word = "faster"
    return Verdict(kernel, word, float(np.median(old)), float(np.median(new)), ratio, (low, high))


def compared(kernel: str, old: Worker, new: Worker) -> Verdict:
    """Time a kernel of both sides in turns; who begins alternates."""
    if kernel in old.lacks or kernel in new.lacks:
        both = kernel in old.lacks and kernel in new.lacks
        return Verdict(kernel, "absent" if both else "new" if kernel in old.lacks else "gone")
    times: dict[Worker, list[float]] = {old: [], new: []}
    for turn in range(TURNS):
        for side in (old, new) if turn % 2 else (new, old):
            times[side].append(min(side.timed(kernel, REPEATS)))
    return judged(kernel, np.array(times[old]), np.array(times[new]))


def check_sources(old: Worker, new: Worker, source: Path) -> None:
    """Raise unless each side has its own package."""
    here = HERE.parent / "src"
    for side, wanted in ((old, source), (new, here)):
        if not Path(side.package).resolve().is_relative_to(wanted.resolve()):
            raise AssertionError(f"a process has {side.package}, not {wanted}")


def show(verdicts: list[Verdict], base: str) -> None:
    """Print the verdicts as a table."""
    table = Table("kernel", base, "working tree", "ratio", f"{CONFIDENCE:g} %", "verdict")
    for v in verdicts:
        ns = ["" if one is None else f"{one:.3g} ns" for one in (v.old, v.new)]
        ratio = "" if v.ratio is None else f"{v.ratio:.3f}"
        between = "" if v.interval is None else f"{v.interval[0]:.3f} to {v.interval[1]:.3f}"
        table.add_row(v.kernel, *ns, ratio, between, v.word)
    Console().print(table)


def main(*words: str) -> int:
    """Compare all kernels with those of a revision."""
    base = next((word.removeprefix("BASE=") for word in words if word.startswith("BASE=")), "HEAD")
    names = [word for word in words if word in MAKERS] or [*MAKERS]
    with ExitStack() as stack:
        source = taken(base, stack.enter_context(TemporaryDirectory()))
        old, new = (
            stack.enter_context(working(names, PYTHONPATH=str(path)))
            for path in (source, HERE.parent / "src")
        )
        check_sources(old, new, source)
        verdicts = [compared(name, old, new) for name in names]
    for side, worker in ((base, old), ("the working tree", new)):
        for kernel, why in worker.lacks.items():
            print(f"{side} lacks {kernel}: {why}")
    show(verdicts, base)
    return int(any(verdict.word == "slower" for verdict in verdicts))


if __name__ == "__main__":
    cleared()
    sys.exit(main(*sys.argv[1:]))
