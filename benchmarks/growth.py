"""Time and memory of the commands at a million cells and more, each in a process of its own.

    python benchmarks/growth.py            # plan
    python benchmarks/growth.py --store    # also what looks at a synthetic store of 10^6 cells
    python benchmarks/growth.py --stores   # and at one of 10^7

prints a table and writes growth.json and growth.md beside this file (a minute; with a store a few, with both
ten).
Wall time includes the start of the process, from compiled bytecode; memory is the peak of what the
process held. The cells are random numbers, since simulating a million of them takes hours: what is
measured is all that is not simulation.

usual    1 size × 100 loads × 100 temperatures × 100 seeds: 10^4 blocks of 100 cells
worst    1 size × 1000 loads × 1 temperature × 1000 seeds: 10^6 blocks of one cell

This process imports nothing but the standard library: what it held would count as its children's.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

Axes = dict[str, Any]
Environment = dict[str, str]

REPEATS = 3
HERE = Path(__file__)


def axes(loads: int, temperatures: int, seeds: int) -> Axes:
    """Return the axes of a study at N = 1000."""
    heat: Any = {"from": 0.0, "to": 1.2, "count": temperatures} if temperatures > 1 else [0.5]
    load = {"from": 0.002, "to": 0.2, "count": loads}
    return {"size": [1000], "load": load, "temperature": heat, "seed": seeds}


STUDIES = {
    "usual-1e5": axes(100, 10, 100),
    "usual-1e6": axes(100, 100, 100),
    "worst-1e6": axes(1000, 1, 1000),
    "usual-1e7": axes(100, 100, 1000),
    "worst-1e7": axes(1000, 1, 10_000),
    "worst-1e8": axes(10_000, 1, 10_000),
}
PLANS = [
    *((name, "") for name in STUDIES if name != "usual-1e5"),
    *((name, "--json") for name in ("usual-1e6", "worst-1e6", "worst-1e7")),
]


@dataclass(frozen=True)
class Taken:
    """What a command took: medians of the repeats in seconds, and the largest peak of memory."""

    what: str
    study: str
    wall: float
    cpu: float
    peak_mib: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        return (self.what, self.study, f"{self.wall:.1f}", f"{self.cpu:.1f}", f"{self.peak_mib:.0f}")


def once(command: Sequence[str], environment: Environment) -> tuple[float, float, float]:
    """Run a command; return its wall time, its CPU time and its peak of memory in MiB."""
    begun = time.monotonic()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(running.pid, 0)
    wall = time.monotonic() - begun
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def compiled(folder: Path) -> Environment:
    """Return the environment of an installation that keeps what Python compiled, as most do."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def taken(
    what: str, study: str, command: Sequence[str], environment: Environment, repeats: int = REPEATS
) -> Taken:
    """Run a command some times, and say what it took."""
    runs = (once(command, environment) for _ in range(repeats))
    wall, cpu, peak = zip(*runs, strict=True)
    found = Taken(what, study, median(wall), median(cpu), max(peak))
    print("  ".join(f"{cell:>20s}" for cell in found.cells), flush=True)
    return found


def written(folder: Path, name: str) -> str:
    """Write a study, as JSON, which is YAML; return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({"name": name, "axes": STUDIES[name]}), encoding="utf-8")
    return str(path)


def mattis(*words: str) -> list[str]:
    """Return the command `mattis` with some words."""
    return [sys.executable, "-m", "mattis", *filter(None, words)]


def observed(study: Any, load: Any, temperature: Any, random: Any) -> dict[str, Any]:
    """Return random observables of cells, about as retrieval falls with load and temperature."""
    import numpy as np

    shape = np.broadcast_shapes(np.shape(load), np.shape(temperature))
    chance = 1 / (1 + np.exp((temperature - 1 + 2.2 * np.sqrt(load)) / 0.05))
    retrieved = (random.random(shape) < chance) * 1.0
    columns = {o.name: random.random(shape) for o in study.described_model.observables}
    noise = 0.03 * random.standard_normal(shape)
    columns |= {"retrieved": retrieved, "overlap": np.clip(0.9 * retrieved + noise, -1, 1)}
    columns |= {"flag": (random.random(shape) < 0.005) * 1.0}
    return columns


def synthetic_store(study: Any, folder: Path) -> None:
    """Fill the store of a study with random cells, block by block, in random order, as shards do."""
    import numpy as np

    from mattis.store import store
    from mattis.store.results import results_of
    from mattis.study import plan

    results, random = results_of(study, folder), np.random.default_rng(1)
    results.folder.make_folder()
    opened = store.create_or_extend(results.store, study)
    blocks, at = plan.blocks(study), study.points.index("beta")
    for k in random.permutation(len(blocks)):
        block = blocks[k]
        heat = 1 / np.array([point[at] for point in block.points])
        store.write(opened, study, block, observed(study, block.load, heat, random))
    store.fold(opened)


def measured(folder: Path, stores: Mapping[str, int]) -> list[Taken]:
    """Measure every command."""
    env = compiled(folder)
    table = [
        taken(f"plan {form}".strip(), name, mattis("plan", written(folder, name), form), env)
        for name, form in PLANS
    ]
    for name, repeats in stores.items():
        table += looks(name, folder, env, repeats)
    return table


STORES = {"--store": {"usual-1e6": REPEATS}, "--stores": {"usual-1e6": REPEATS, "usual-1e7": 1}}
"""Studies whose stores are filled, by the option, and how often each look at one is timed."""

VERBS = ("run", "status", "digest", "diagram", "verify")
"""What looks at a store. A run takes the census, which the others use, but for `verify`."""


def looks(name: str, folder: Path, env: Environment, repeats: int) -> Iterator[Taken]:
    """Fill a store, and yield what that and looking at it takes."""
    path, root = written(folder, name), str(folder)
    fill = [sys.executable, str(HERE), "store", path, root]
    yield taken("fill the store", name, fill, env, 1)
    for verb in VERBS:
        once_only = verb in ("run", "verify")
        command = mattis(verb, path, "--results", root)
        yield taken(verb, name, command, env, 1 if once_only else repeats)


def markdown(table: Sequence[Taken]) -> str:
    """Return the table as Markdown, its columns explained."""
    titles = ("command", "study", "wall, s", "CPU, s", "peak, MiB")
    body = [titles, ["---"] * len(titles), *(row.cells for row in table)]
    lines = "\n".join("| " + " | ".join(cells) + " |" for cells in body)
    return TEXT.format(table=lines, repeats=REPEATS, cores=os.cpu_count())


TEXT = """# Growth

Written by `python benchmarks/growth.py` on a machine of {cores} cores: what the commands take at 10^6
cells and more, start of the process (from compiled bytecode) included. Times are medians of {repeats} runs,
or of one where a store is filled; the peak of memory is the largest. The cells are random numbers, not
simulated.

usual-1e6: 1 size × 100 loads × 100 temperatures × 100 seeds, 10^4 blocks of 100 cells. worst-1e6:
1 size × 1000 loads × 1 temperature × 1000 seeds, 10^6 blocks of one cell. More seeds, and at 10^8 more
loads, make the larger ones. "fill the store": blocks into the journal in random order, and the fold.
"run": all cells are there, so it takes the census and the digest.

{table}
"""


def main(*words: str) -> None:
    """Measure everything and write both files; or fill a store, which is no command of mattis."""
    if words[:1] == ("store",):
        from mattis.networks.registry import load_study

        synthetic_store(load_study(words[1]), Path(words[2]))
        return
    with TemporaryDirectory() as folder:
        table = measured(Path(folder), STORES[words[0]] if words else {})
    text = json.dumps([asdict(row) for row in table], indent=1) + "\n"
    HERE.with_suffix(".json").write_text(text, encoding="utf-8")
    HERE.with_suffix(".md").write_text(markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
