"""Does `mattis plan` tell the time that a study takes? Within a factor of 2, on a fresh machine.

    python benchmarks/estimates.py          # writes estimates.md; exit code 1 beyond the factor

For each study: the estimate with an empty cache of compiled kernels, and that by what the run has learnt,
beside the CPU time of `mattis run` on one thread, less that of the same command with nothing to do.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
STUDIES = HERE.parent / "config" / "studies"
NAMES = ("mixtures", "little", "consolidation-time", "palimpsest", "dense_3", "hebbian_tanh")
FACTOR = 2.0
SMALLEST = 2.0
"""CPU seconds below which nobody minds a factor."""

TEXT = """# Estimates beside what was measured

`python benchmarks/estimates.py` on {cores} cores. CPU seconds; the estimate is that of `mattis plan` with no
compiled kernel on disk, and of the plan after the run, which asks what the run has learnt. Beyond a factor of
{factor:g} the benchmark fails (studies of less than {smallest:g} s excepted).

| study | measured | estimated | ratio | learnt | ratio |
|---|---|---|---|---|---|
{rows}
"""


class Row(NamedTuple):
    """One study: CPU seconds that were measured, estimated, and estimated by what a run has learnt."""

    study: str
    measured: float
    estimated: float
    learnt: float

    @property
    def is_right(self) -> bool:
        """Tell whether both estimates are within the factor."""
        ratios = (self.estimated / self.measured, self.learnt / self.measured)
        return self.measured < SMALLEST or all(1 / FACTOR <= r <= FACTOR for r in ratios)


def mattis(*words: object, cache: Path) -> tuple[str, float]:
    """Run the command; return its output and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "mattis", *map(str, words)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(name: str) -> Row:
    """Return what a study takes, beside what `mattis plan` says before and after."""
    path = STUDIES / f"{name}.yaml"
    with tempfile.TemporaryDirectory() as folder:
        cache, where = Path(folder) / "cache", ("--results", Path(folder) / "results")
        plan = "plan", path, *where, "--json", "--workers", 1
        run = "run", path, *where, "--pool", "threads", "--workers", 1
        first = json.loads(mattis(*plan, cache=cache)[0])
        took, nothing = mattis(*run, cache=cache)[1], mattis(*run, cache=cache)[1]
        then = json.loads(mattis(*plan, cache=cache)[0])
    return Row(name, took - nothing, first["cpu_seconds"], then["cpu_seconds"])


def main() -> None:
    """Measure, write the table, and fail where an estimate misleads."""
    rows = []
    for name in sys.argv[1:] or NAMES:
        rows.append(row := measured(name))
        print(row, flush=True)
    lines = [
        f"| {r.study} | {r.measured:.1f} | {r.estimated:.1f} | {r.estimated / r.measured:.2f} | "
        f"{r.learnt:.1f} | {r.learnt / r.measured:.2f} |"
        for r in rows
    ]
    text = TEXT.format(cores=os.cpu_count(), factor=FACTOR, smallest=SMALLEST, rows="\n".join(lines))
    (HERE / "estimates.md").write_text(text)
    if wrong := [row.study for row in rows if not row.is_right]:
        sys.exit(f"the estimate misleads: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
