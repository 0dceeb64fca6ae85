"""Small mistakes in the code that keeps results, and which tests notice them.

    python tests/soak/mutants.py [NAME ...]

Each is a text that is replaced in a copy of the package; if the text is gone, that is said, and the exit code
is 1, as it is for a mistake that no test notices.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """A mistake: in which file, what is replaced by what, and which tests or accidents should notice."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = {
    "row digests of a segment are not looked at": Mutant(
        "store/journal.py",
        'whole = cube.row_digests(table) == np.frombuffer(body[size:], "<u8")',
        "whole = np.ones(count, bool)",
        ("tests/store/test_store.py", "tests/store/test_verify.py"),
    ),
    "a segment that was begun is written over by the next": Mutant(
        "store/journal.py",
        "self.tables, self.number = [], self.number + 1",
        "self.tables = []",
        ("tests/store/test_repair.py",),
    ),
    "segments of other physics are read": Mutant(
        "store/journal.py",
        'if not isinstance(columns, list) or not contents.are_ours(head.get("physics", {})):',
        "if not isinstance(columns, list):",
        ("tests/store/test_repair.py",),
    ),
    "half-written files count as segments": Mutant(
        "store/journal.py",
        ' and not name.endswith(".partial")',
        "",
        ("tests/store/test_store.py", "tests/engine/test_faults.py"),
    ),
    "shards forget that others have segments of the same number": Mutant(
        "store/journal.py",
        "return index != part[0] and count == part[1] and shard[3] == mark",
        "return index != part[0] and shard[3] == mark",
        ("tests/engine/test_shards.py", "tests/store/test_store.py"),
    ),
    "a whole run bears shards beside it": Mutant(
        "engine/locks.py",
        "if other != name and WHOLE in (name, other)",
        "if other != name and False",
        ("tests/engine/test_shards.py", "tests/engine/test_faults.py"),
    ),
    "nobody takes the lock": Mutant(
        "engine/locks.py",
        "fcntl.flock(lock, kind | fcntl.LOCK_NB)",
        "pass",
        ("tests/engine/test_faults.py", "tests/engine/test_driver.py"),
    ),
    "a segment goes once some of its cells are in the cube": Mutant(
        "store/store.py",
        "if len(rows.at) == len(segment.table):",
        "if len(rows.at):",
        ("tests/store/test_repair.py",),
    ),
    "segments go before they are folded": Mutant(
        "store/store.py",
        "        if any(len(rows.at) for rows in tables):\n",
        "        for name in whole:\n            (folder / name).remove()\n"
        "        if any(len(rows.at) for rows in tables):\n",
        ("tests/store/test_store.py",),
    ),
    "a repair keeps what does not fit": Mutant(
        "store/store.py",
        "np.where(held > least, ds[name].values, form.blank)",
        "ds[name].values.copy()",
        ("tests/store/test_repair.py",),
    ),
    "digests are not compared": Mutant(
        "store/observables.py",
        "fits = cube.row_digests(table[left, : first + length]) == digests[left]",
        "fits = digests[left] != 0",
        ("tests/store/test_verify.py",),
    ),
    "a row takes from its cell what that has more": Mutant(
        "store/store.py",
        "rows = rows.some(rows.held >= held[tuple((rows.at - starts).T)])",
        "pass",
        ("tests/store/test_observables_of_a_store.py",),
    ),
    "what no digest runs over is shown": Mutant(
        "store/cube.py",
        'return np.asarray(ds["held"].values > least)',
        'return np.asarray((ds["held"].values > 0) & (least < len(names)))',
        ("tests/store/test_observables_of_a_store.py",),
    ),
    "new observables lie beside other numbers than before": Mutant(
        "engine/driver.py",
        "_check_same(job, known, block, finished.columns)",
        "pass",
        ("tests/store/test_observables_of_a_store.py",),
    ),
    "segments go whose observables no list begins with": Mutant(
        "store/observables.py",
        "in_cube &= held == len(names)",
        "pass",
        ("tests/store/test_observables_of_a_store.py",),
    ),
    "the receipt outlives what it vouches for": Mutant(
        "engine/driver.py",
        "job.study, job.receipt.remove, more",
        "job.study, lambda: None, more",
        ("tests/store/test_repair.py",),
    ),
    "the text of a file is not synced": Mutant(
        "store/folders.py",
        "os.fsync(file.fileno())",
        "file.fileno()",
        ("benchmarks/faults.py", "--share", "0.02", "--only", "cuts", "--commands", "extension"),
    ),
    "the name of a file is not synced": Mutant(
        "store/folders.py",
        "    for folder in dict.fromkeys(path.parent for path in files):\n        _sync(folder)\n",
        "",
        ("benchmarks/faults.py", "--share", "0.02", "--only", "cuts", "--commands", "extension"),
    ),
    "a link is followed": Mutant(
        "store/folders.py",
        "    if path.is_symlink():\n",
        "    if not path:\n",
        ("tests/store/test_doors.py",),
    ),
    "a lease is never asked for": Mutant(
        "store/leases.py",
        "        if self.is_fresh and not anew:\n",
        "        if not anew:\n",
        ("tests/engine/test_locks.py",),
    ),
    "whatever lies there is written over": Mutant(
        "store/buckets.py", '{"e_tag": known}', '"overwrite"', ("tests/engine/test_locks.py",)
    ),
}


def tried(mutant: Mutant, folder: Path) -> str:
    """Return what notices a mistake; nothing if nobody does."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name in ("src", "tests", "benchmarks", "config"):
        shutil.copytree(ROOT / name, copy / name)
    file = copy / "src" / "mattis" / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.file}: {text.count(mutant.old)} times {mutant.old!r}; expected 1")
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return noticed(mutant, copy)


def noticed(mutant: Mutant, copy: Path) -> str:
    """Return the line with which a test or an accident notices a mistake."""
    is_script = mutant.tests[0].startswith("benchmarks")
    runner = [] if is_script else ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    done = subprocess.run(
        [sys.executable, *runner, *mutant.tests], cwd=copy, env=environment, capture_output=True, text=True
    )
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if "FAILED" in line or "call" in line]
    return (lines or done.stdout.splitlines() or done.stderr.splitlines()[-1:] or ["?"])[-1]


def main() -> int:
    """Try the mistakes, print who notices them, and return the exit code."""
    names, missed = sys.argv[1:] or list(MUTANTS), 0
    with tempfile.TemporaryDirectory(prefix="mattis-mutants-") as folder:
        for name in names:
            by = tried(MUTANTS[name], Path(folder))
            missed += not by
            print(f"{name}: {by or 'NOBODY NOTICES'}"[:240], flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
