"""How results take accidents: deaths, refused writes, power cuts, lost object stores, workers that hang.

    python benchmarks/faults.py --share 0.1 --seed 1
    python benchmarks/faults.py --write

Prints one table: how many accidents of each kind were tried, and after how many of them something was not
as it must be. The exit code is 1 if there is any. A share of them is a random one, by its seed; --write keeps
the table as faults.md, and what exactly was violated as faults.json.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "soak"))
sys.path.append(str(Path(__file__).parents[1] / "tests"))

import elsewhere
import power
from crashes import Found, Points, cases, judge_all, killed, pairs, recorded, refusals, refused
from judge import KINDS, Scenario
from tiny import World, in_child

from mattis.store import journal, layout
from mattis.store.folding import ordering

HOME = Path(__file__).parent
COLUMNS = ("tried", "lost values", "changed values", "leftovers", "wrong messages", "unfinished")
FILE_SYSTEMS = ("xfs", "ext4", "btrfs")
PARTS = ("crashes", "refusals", "cuts", "real", "objects", "hung")

POWERED = ("fresh", "extension", "fold of a part", "new observable", "repair")
"""Commands during which the power is cut."""

ONLY = {"real": 40, "pairs": 8, "objects": 60}
"""Of what would take hours, so many are tried at most: of a command and file system, of a command, in all."""


@dataclass
class Row:
    """A kind of accident: how many were tried, what was violated, and why some were not."""

    tried: int = 0
    found: list[Found] = field(default_factory=list)
    note: str = ""

    def take(self, tried: int, found: list[Found]) -> None:
        """Count some more."""
        self.tried += tried
        self.found += found

    @property
    def counts(self) -> tuple[int, ...]:
        """How many were tried, and how many violated each of what must hold."""
        violated: Counter[str] = Counter()
        for _, times, violations in self.found:
            violated.update(dict.fromkeys({kind for kind, _ in violations}, times))
        return self.tried, *(violated[kind] for kind in KINDS)


@dataclass
class Trial:
    """What is asked for, and what was found so far."""

    world: World
    share: float
    rng: random.Random
    file_systems: tuple[str, ...] = FILE_SYSTEMS
    rows: dict[str, Row] = field(default_factory=dict)

    def row(self, name: str) -> Row:
        return self.rows.setdefault(name, Row())

    def some(self, most: int) -> int:
        """Return how many of so many are to be tried: a share, and one at least."""
        return max(1, round(self.share * most))

    def judge(self, name: str, case: Scenario, points: Points) -> None:
        """Judge folders that accidents of a kind left behind."""
        begun = time.monotonic()
        found = judge_all(self.world, case, points)
        self.row(name).take(points.tried, found)
        seconds = time.monotonic() - begun
        print(
            f"{name}, {case.name}: {len(points.trees)} folders, {len(found)} not as they must be, "
            f"{seconds:.0f} s", file=sys.stderr, flush=True,
        )  # fmt: skip


def crashes(trial: Trial, commands: list[Scenario]) -> None:
    """A process dies at any of its calls, and in some cases the next one as well."""
    for case in commands:
        points: Points = in_child(recorded, trial.world, case)
        some = points.sample(trial.share, trial.rng)
        trial.judge("process dies", case, some)
        real, calls = Points(), in_child(power.calls_of, trial.world, case)
        for call in trial.rng.sample(range(1, calls + 1), min(trial.some(10), calls)):
            real.add(killed(trial.world, case, call), f"killed at call {call}")
        trial.judge("process is killed", case, real)
        first = trial.rng.choice(sorted(points.trees))
        again = pairs(trial.world, case, points.trees[first], trial.rng, trial.some(ONLY["pairs"]))
        again.labels = {
            key: [f"{points.labels[first][0]}, then {label}" for label in labels]
            for key, labels in again.labels.items()
        }
        trial.judge("process dies twice", case, again)


def refused_writes(trial: Trial, commands: list[Scenario]) -> None:
    """The machine refuses a call, once or from then on."""
    row = trial.row("call is refused")
    for case in commands:
        calls, points = in_child(power.calls_of, trial.world, case), Points()
        for call, code, on in refusals(calls, trial.share, trial.rng):
            tree, found = refused(trial.world, case, call, code, on)
            label = f"error {code} at call {call}{' and later' * on}"
            points.add(tree, label)
            if found:
                row.found.append((f"{case.name}, {label}", 1, found))
        trial.judge("call is refused", case, points)


def simulated_cuts(trial: Trial, commands: list[Scenario]) -> None:
    """The power is cut at any call, and what was not synced is gone."""
    for case in powered(commands):
        for names, points in in_child(power.cuts, trial.world, case).items():
            some = points.sample(trial.share, trial.rng)
            is_end = names.endswith(power.AT_END)
            command = power.promised(trial.world, case) if is_end else case
            trial.judge(f"power cut, simulated, {names}", command, some)


def powered(commands: list[Scenario]) -> Iterator[Scenario]:
    """Yield the commands during which the power is cut."""
    return (case for case in commands if case.name.partition(":")[0] in POWERED)


def real_cuts(trial: Trial, commands: list[Scenario]) -> None:
    """The power of a real file system is cut, where root may mount one."""
    for kind in trial.file_systems:
        variants = (power.LOST,) if kind == "btrfs" else (power.LOST, power.KEPT)
        note = power.lacking(kind)
        try:
            if not note:
                with power.mounted(kind, trial.world.work) as image:
                    for names in variants:
                        cut_real(trial, commands, image, names)
        except subprocess.CalledProcessError as error:
            note = f"{' '.join(map(str, error.cmd[:2]))}: {(error.stderr or b'').decode().strip()}"
        for names in variants if note else ():
            trial.row(f"power cut, {kind}, {names}").note = note


def cut_real(trial: Trial, commands: list[Scenario], image: power.Image, names: str) -> None:
    """Cut a real file system at some calls of each command."""
    for case in [case for case in commands if case.name in ("fresh", "extension")]:
        calls, points = in_child(power.calls_of, trial.world, case), Points()
        some = trial.rng.sample(range(1, calls + 1), min(calls, trial.some(ONLY["real"])))
        for call in some:
            tree = power.cut_off(trial.world, case, image, names, call)
            if tree is not None:
                points.add(tree, f"cut at call {call}")
        trial.judge(f"power cut, {image.kind}, {names}", case, points)


def lost_store(trial: Trial, _: list[Scenario]) -> None:
    """An object store goes away at a request, and comes back."""
    row = trial.row("object store goes away")
    row.take(*elsewhere.cut_requests(trial.world, trial.some(ONLY["objects"]), trial.rng))


def hung(trial: Trial, _: list[Scenario]) -> None:
    """A worker stops without dying."""
    trial.row("worker hangs").take(1, elsewhere.stopped_worker(trial.world))


TRIALS: dict[str, Callable[[Trial, list[Scenario]], None]] = dict(
    zip(PARTS, (crashes, refused_writes, simulated_cuts, real_cuts, lost_store, hung), strict=True)
)


def crumble() -> None:
    """Cut chunks, segments and batches so small that a tiny journal is dealt before it is folded."""
    layout.CHUNK_CELLS, journal.SEGMENT_ROWS = 8, 4
    ordering.BYTES_AT_ONCE, ordering.DENSE = 1500, 1  # no batch fills a chunk


def table(rows: dict[str, Row]) -> str:
    """Return the rows as a table."""
    lines = [("accident", *COLUMNS), ("---", *["---:"] * len(COLUMNS))]
    for name, row in rows.items():
        shown = [str(count) for count in row.counts] if row.tried else ["–"] * len(COLUMNS)
        lines.append((f"{name} ({row.note})" if row.note else name, *shown))
    total = [sum(counts) for counts in zip(*(row.counts for row in rows.values()), strict=True)]
    lines.append(("all", *map(str, total)))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def kept(trial: Trial, seed: int) -> str:
    """Return what is to be kept of a trial, as JSON."""
    rows = {
        name: {
            **dict(zip(COLUMNS, row.counts, strict=True)),
            "note": row.note,
            "violations": [{"accident": a, "times": n, "what": w} for a, n, w in row.found],
        }
        for name, row in trial.rows.items()
    }
    return json.dumps({"share": trial.share, "seed": seed, "rows": rows}, indent=1) + "\n"


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all accidents")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="kinds")
    parser.add_argument("--commands", nargs="+", help="which commands are disturbed; all by default")
    parser.add_argument("--disks", nargs="+", choices=FILE_SYSTEMS, default=FILE_SYSTEMS)
    parser.add_argument("--crumbs", action="store_true", help="folds deal the journal first")
    parser.add_argument("--write", action="store_true", help="faults.md and faults.json")
    parser.add_argument("--json", type=Path, help="a file for what was violated")
    return parser.parse_args()


def main() -> int:
    """Try, tell, and return the exit code."""
    asked = parsed()
    if asked.crumbs:
        crumble()
    with tempfile.TemporaryDirectory(prefix="mattis-faults-", ignore_cleanup_errors=True) as name:
        rng = random.Random(asked.seed)
        trial = Trial(World(Path(name)), asked.share, rng, tuple(asked.disks))
        commands = cases(trial.world, asked.commands)
        for part in asked.only:
            TRIALS[part](trial, commands)
    text, content = table(trial.rows), kept(trial, asked.seed)
    print(text)
    for row in trial.rows.values():
        for accident, _, violations in row.found[:3]:
            print(f"{accident}: {violations[0][1]}"[:300])
    if asked.json:
        asked.json.write_text(content, encoding="utf-8")
    if asked.write:
        head = f"A share of {asked.share:g} of all accidents, by seed {asked.seed}, and what went wrong."
        (HOME / "faults.md").write_text(f"# Accidents\n\n{head}\n\n{text}", encoding="utf-8")
        (HOME / "faults.json").write_text(content, encoding="utf-8")
    return int(any(sum(row.counts[1:]) for row in trial.rows.values()))


if __name__ == "__main__":
    sys.exit(main())
