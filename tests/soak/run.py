"""Break stores in random ways, and prove that nothing is lost and nothing changes.

    python tests/soak/run.py --faults 120 --seed 1

The seed decides what breaks and when. Several faults hit a store before it is completed, and after each of
them: what is valid is right; what was valid still is, but for what the fault destroyed; the same command
computes what is missing, and no more; nobody sees a traceback. What is completed is, bit by bit, what an
undisturbed run computes. A violation is reported with the seed and the number of the fault, and is exit
code 1.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Violation
from faults import DECK, FAULTS, STRIKES, can_mount
from reference import Reference
from scene import Scene

COLUMNS = ("faults", "in time", "cells compared", "cells destroyed", "violations")


@dataclass
class Soak:
    """All that is broken: the store at hand, and the tally so far."""

    seed: int
    work: Path
    keep: Path | None
    reference: Reference
    scene: Scene | None = None
    left: int = 0
    scenes: int = 0
    tally: dict[str, Counter[str]] = field(default_factory=dict)

    def fault(self, number: int, kind: str) -> None:
        """Let one fault strike, check everything, say so in one line."""
        begun, rng = time.monotonic(), random.Random(f"{self.seed}/{number}")
        count = self.tally.setdefault(kind, Counter())
        count["faults"] += 1
        what, cells = "", "?"
        try:
            scene = self._scene(rng, kind)
            safe = frozenset() if scene.blurred else scene.safe
            what = FAULTS[kind](scene, rng) or "nothing to break"
            seen = scene.examine()
            count["in time"] += not what.endswith(("too late", "nothing to break"))
            count["cells compared"] += len(seen)
            count["cells destroyed"] += len(safe - scene.safe)
            cells = f"{len(seen)}/{len(scene.every)}"
            self._complete_in_time(rng)
        except Exception as error:
            count["violations"] += 1
            self._violated(number, kind, error)
        what = what or (self.scene.what if self.scene else "")
        seconds = time.monotonic() - begun
        print(f"{number:4d}  {kind:26s}{what:58s}{cells:>8s} cells {seconds:6.1f} s", flush=True)

    def _scene(self, rng: random.Random, kind: str) -> Scene:
        """Return a store for a fault of this kind, with something to compute or to damage."""
        if self.scene is None:
            self.scenes += 1
            self.scene = Scene(self.work / f"scene-{self.scenes}", self.reference, rng)
            self.left = rng.randint(1, 5)
        scene = self.scene
        scene.rng, scene.what = rng, ""
        if kind not in STRIKES and not (scene.store.is_dir() and scene.valid()):
            scene.complete()  # else there is nothing to damage
        if kind in STRIKES and not scene.has_work():
            self._drop()
            return self._scene(rng, kind)
        return scene

    def _complete_in_time(self, rng: random.Random) -> None:
        """Let a store that was hit often enough be completed; then break it further, or another."""
        assert self.scene is not None
        self.left -= 1
        if self.left <= 0:
            self.scene.complete()
            self.left = rng.randint(1, 5)
            if rng.random() < 0.5:
                self._drop()

    def _drop(self) -> None:
        if self.scene is not None:
            shutil.rmtree(self.scene.folder)
        self.scene = None

    def _violated(self, number: int, kind: str, error: Exception) -> None:
        """Say what did not hold, keep the store if asked to, and go on with another."""
        what = self.scene.what if self.scene else ""
        text = str(error) if isinstance(error, Violation) else traceback.format_exc()
        print(f"VIOLATION --seed {self.seed}, fault {number}: {kind}: {what}: {text}", flush=True)
        if self.scene and self.keep:
            kept = self.keep / f"seed-{self.seed}-fault-{number}"
            shutil.copytree(self.scene.folder, kept, dirs_exist_ok=True)
        self._drop()

    @property
    def violations(self) -> int:
        return sum(count["violations"] for count in self.tally.values())

    def table(self) -> str:
        """Return the tally as a table."""
        rows = [("fault", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
        rows += [(kind, *(str(self.tally[kind][name]) for name in COLUMNS))
                 for kind in DECK if kind in self.tally]  # fmt: skip
        total = sum(self.tally.values(), Counter())
        rows.append(("all", *(str(total[name]) for name in COLUMNS)))
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def dealt(count: int, seed: int, without: set[str]) -> list[str]:
    """Return the kinds of so many faults: shuffled decks, one after the other."""
    rng = random.Random(seed)
    kinds: list[str] = []
    while len(kinds) < count:
        deck = [kind for kind, times in DECK.items() for _ in range(times) if kind not in without]
        rng.shuffle(deck)
        kinds += deck
    return kinds[:count]


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", type=int, default=120, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="what breaks, and when")
    parser.add_argument("--keep", type=Path, help="folder for the stores that violate something")
    return parser.parse_args()


def main() -> int:
    """Break, tell, and return the exit code."""
    asked, begun = parsed(), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing that was started stays behind
    with tempfile.TemporaryDirectory(prefix="mattis-soak-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        soak = Soak(asked.seed, work, asked.keep, Reference())
        without = set() if can_mount(work / "disk") else {"disk full"}
        if without:
            print("disk full: skipped, for only root can mount a small disk")
        for number, kind in enumerate(dealt(asked.faults, asked.seed, without), start=1):
            soak.fault(number, kind)
    print(f"\n{soak.table()}")
    seconds = time.monotonic() - begun
    print(f"{asked.faults} faults, {soak.violations} violations, {seconds / 60:.1f} minutes")
    return 1 if soak.violations else 0


if __name__ == "__main__":
    sys.exit(main())
