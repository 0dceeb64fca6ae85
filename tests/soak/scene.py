"""A store that is broken again and again: what must still be there, and what holds after each fault."""

import contextlib
import io
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from builders import HERE, write_study
from commands import SECONDS, Run, commanded, expect
from reference import Cells, Reference, cells_of

from mattis.cli.command import guarded, verbs
from mattis.comparison.phases import PHASES as DIMENSIONS
from mattis.engine import shards
from mattis.engine.driver import Outcome
from mattis.engine.driver import run as run_study
from mattis.errors import UserError
from mattis.networks.registry import load_study
from mattis.store import cube, layout, reading, record
from mattis.store.folders import Folder
from mattis.store.results import read_json, results_of

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).with_name("broken.py")

PHYSICS: dict[str, Any] = {"sweeps": {"thermalise": 100, "measure": 6000}}
VALUES: dict[str, list[float]] = {
    "size": [400, 300],
    "load": [0.05, 0.08, 0.1, 0.15, 0.2],
    "temperature": [0.0, 0.2, 0.3, 0.6, 1.2],
    "noise": [0.0, 0.1],
    "seed": [0, 1, 2, 3, 4, 5],
}
AT_FIRST = {"size": (1, 1), "load": (2, 3), "temperature": (3, 4), "noise": (1, 2), "seed": (3, 4)}
MOST_CELLS = 300
FEWEST_MISSING = 48

SAID = re.compile(
    r"part (?P<index>\d+)/(?P<count>\d+)"
    r"|(?P<missing>\d+) cells in \d+ blocks to compute, (?P<found>\d+) found"
    r"|all (?P<all>\d+) cells are there"
)


@dataclass
class Scene:
    """A copy of the workflow with one study, whose store gets broken.

    safe     # cells that were seen, and that no damage since may have taken
    blurred  # metadata or labels are damaged: cells are unseen until the next whole run mends them
    """

    folder: Path
    reference: Reference
    rng: random.Random
    axes: dict[str, list[float]] = field(default_factory=dict)
    safe: Cells = frozenset()
    blurred: bool = False
    commands: int = 0
    what: str = ""

    def __post_init__(self) -> None:
        for name in ("workflow", "config"):
            shutil.copytree(ROOT / name, self.folder / name)
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(ROOT / name, self.folder)
        (self.folder / "studies").mkdir()
        self.root = self.folder / "results"
        for name, (least, most) in AT_FIRST.items():
            self.axes[name] = self.rng.sample(VALUES[name], self.rng.randint(least, most))
        self._write_study()

    def _write_study(self) -> None:
        self.file = write_study(self.folder / "studies", **PHYSICS, **self.axes)
        self.study = load_study(self.file)
        self.every = cells_of(self.study)

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return Path(results_of(self.study, self.root).store)

    def extend(self) -> str:
        """Add a value somewhere on some axis; return which, or nothing if the study is large enough."""
        names = [name for name in VALUES if len(self.axes[name]) < len(VALUES[name])]
        self.rng.shuffle(names)
        for name in names:
            if len(self.every) * (1 + 1 / len(self.axes[name])) <= MOST_CELLS:
                new = self.rng.choice([v for v in VALUES[name] if v not in self.axes[name]])
                self.axes[name].insert(self.rng.randint(0, len(self.axes[name])), new)
                self._write_study()
                return f"{name} {new:g}"
        return ""

    def has_work(self) -> bool:
        """Tell whether a run has cells to compute, after extending the study if need be."""
        while len(self.every - self.valid()) < FEWEST_MISSING:
            if not self.extend():
                return False
        return True

    def valid(self) -> Cells:
        """Return the cells that exist."""
        return cells_of(self.study, reading.valid_cells(Folder(self.store), self.study))

    def glimpsed(self) -> Cells:
        """Return the cells that exist while a run is writing, which from then on are safe."""
        with contextlib.suppress(UserError):  # metadata that are just being mended
            seen = self.valid()
            self.safe |= seen
            return seen
        return frozenset()

    @contextlib.contextmanager
    def running(self, *words: str, how: dict[str, Any] | None = None) -> Iterator[Run]:
        """Start `mattis run` on the store, on a broken machine if one is given."""
        command = ["-m", "mattis"] if how is None else [str(BROKEN), json.dumps(how)]
        named = ["run", str(self.file), "--results", str(self.root)]
        with commanded([*command, *named, *words], self.folder, self._said()) as run:
            run.safe = self.safe
            yield run

    @contextlib.contextmanager
    def workflow(self, count: int) -> Iterator[Run]:
        """Start the workflow up to the receipt, with the study cut into so many shards."""
        profile = ["--workflow-profile", "workflow/profiles/default"]
        config = ["--config", "studies=['studies/small.yaml']", f"shards={count}"]
        words = ["-m", "snakemake", "--cores", "2", *profile, *config]
        target = ["--", "results/small/sweep.done.json"]
        with commanded([*words, *target], self.folder, self._said()) as run:
            run.safe = self.safe
            yield run

    def _said(self) -> Path:
        self.commands += 1
        return self.folder / f"said-{self.commands}.txt"

    def until(self, run: Run, done: Callable[[Cells], bool], seconds: float = SECONDS) -> int:
        """Wait until enough cells are there, or the command ends; return how many there are."""
        deadline, seen, pause = time.monotonic() + seconds, self.glimpsed(), 0.2
        while not done(seen) and time.monotonic() < deadline and run.code is None:
            time.sleep(pause)
            begun = time.monotonic()
            run.children()
            seen = self.glimpsed()
            pause = max(0.2, 4 * (time.monotonic() - begun))  # the run needs this machine as well
        return len(seen)

    def judge(
        self,
        run: Run,
        before: Cells | None,
        codes: tuple[int, ...],
        wanted: Cells | None = None,
        workflow: bool = False,
    ) -> int:
        """Check how a command ended, and that it computed what was missing before it and no more.

        wanted  # the cells that it was asked for; all cells of the study by default
        before  # the cells that were there; None if another run was writing at the same time
        """
        code, text = run.wait(), run.text
        expect("Traceback" not in text, f"a traceback: {text[-3000:]}")
        expect(code in codes, f"exit code {code}, expected one of {codes}: {text[-500:]!r}")
        if code in (1, 2) and not workflow:
            lines = [line for line in text.splitlines() if line.startswith("mattis: ")]
            expect(lines == text.strip().splitlines()[-1:], f"exit code {code}, not one line: {text!r}")
        self._check_said(run, before, self.every if wanted is None else wanted)
        if code == 0:
            expect((self.every if wanted is None else wanted) <= self.valid(), "done, and cells missing")
        return code

    def _check_said(self, run: Run, before: Cells | None, wanted: Cells) -> None:
        """Check each number of cells that a command said it found."""
        asked, shards_before = wanted, False
        for said in SAID.finditer(run.text):
            if said["count"]:
                part = shards.shard(self.study, int(said["index"]), int(said["count"]))
                asked, shards_before = cells_of(self.study, part.cells), True
                continue
            found = int(said["all"] or said["found"])
            missing = int(said["missing"] or 0)
            exact = before is not None and (asked != self.every or not shards_before)
            self.check_found(found, missing, before or frozenset(), asked, run.safe, exact)
            self.blurred &= asked != self.every
            asked = wanted

    def check_found(
        self, found: int, missing: int, before: Cells, asked: Cells, safe: Cells, exact: bool = True
    ) -> None:
        """Check how many cells a run found, against those that were valid and safe before it."""
        expect(found + missing == len(asked), f"{found} found, {missing} missing of {len(asked)}")
        there = before & asked
        if self.blurred and asked == self.every:
            exact, there = False, there | (safe & asked)
        expect(found >= len(there), f"{found} found, but {len(there)} had been computed")
        expect(not exact or found == len(there), f"{found} found, but {len(there)} were valid before")

    def examine(self) -> Cells:
        """Check all values that are there, and that nothing that was there is gone."""
        seen = self.valid()
        self.compare(reading.read(Folder(self.store), self.study), "the store")
        lost = (self.safe & self.every) - seen
        expect(self.blurred or not lost, f"{len(lost)} cells lost, such as {next(iter(lost), None)}")
        self.safe |= seen
        return seen

    def compare(self, ds: xr.Dataset, who: str) -> None:
        """Check that every valid cell is, bit by bit, that of the reference."""
        right, valid = self.reference.numbers(self.study), ds["valid"].values
        for observable in self.study.described_model.observables:
            have, want = (np.asarray(each[observable.name].values[valid], np.float64) for each in (ds, right))
            same = (have.view(np.int64) == want.view(np.int64)) | (np.isnan(have) & np.isnan(want))
            expect(same.all(), f"{who}: {int((~same).sum())} wrong values of {observable.name}")

    def verify(self) -> tuple[int, dict[str, Any]]:
        """Return the exit code of `mattis verify --json`, and what it says."""
        out, words = (io.StringIO(), ["verify", str(self.file), "--results", str(self.root), "--json"])
        code: Any
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = guarded(lambda: verbs.main(words, prog_name="mattis", standalone_mode=False))
            except SystemExit as end:
                code = end.code
        expect(code in (0, 1), f"verify: exit code {code}: {out.getvalue()!r}")
        return int(code), json.loads(out.getvalue())

    def run_here(self) -> Outcome:
        """Run the study in this process, quietly."""
        with contextlib.redirect_stderr(io.StringIO()):
            return run_study(self.study, self.root, HERE)

    def complete(self) -> int:
        """Run to the end, and check all that must hold of a complete study; return its cells."""
        before = self.valid()
        outcome = self.run_here()
        expect(not outcome.failures, f"failures: {outcome.failures}")
        self.check_found(outcome.found, outcome.computed, before, self.every, self.safe)
        self.blurred = False
        self.check_complete()
        content = snapshot(self.store)
        again = self.run_here()
        expect((again.computed, again.found) == (0, len(self.every)), f"run again: {again}")
        expect(snapshot(self.store) == content, "a run with nothing to do changed the store")
        return outcome.computed

    def check_complete(self) -> None:
        """Check that a study is complete, right, clean, and readable without mattis."""
        expect(self.examine() == self.every, "cells are missing")
        code, verdict = self.verify()
        expect(code == 0, f"verify: {verdict['damage'][:3]}")
        receipt = read_json(results_of(self.study, self.root).receipt)
        expect(receipt, "no receipt")
        expect(receipt["digest"] == self.reference.digest(self.study), "another digest")
        drafts = sorted(file.name for file in self.root.rglob("*.partial"))
        expect(not drafts, f"left behind: {drafts[:3]}")
        expect(not (self.store / "journal").exists(), "the journal was left behind")
        files = sum(file.is_file() for file in self.store.rglob("*"))
        kept = record.read(Folder(self.store), self.study)
        expect(files < 60 * layout.chunk_count(kept.labels.shape, kept.chunks), f"{files} files")
        self._check_foreign_reader()

    def _check_foreign_reader(self) -> None:
        """Check that xarray alone reads the same numbers."""
        labels = cube.labels_of(self.study).values
        with xr.open_zarr(self.store) as ds:
            part = ds.sel({name: list(labels[name]) for name in DIMENSIONS}).load()
        valid = np.ones([part.sizes[name] for name in DIMENSIONS], bool)
        self.compare(part.assign(valid=(DIMENSIONS, valid)), "xarray")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return time of writing and content of all files in a folder."""
    return {
        str(file.relative_to(folder)): (file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
