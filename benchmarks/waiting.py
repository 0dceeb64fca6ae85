"""How long commands that only read take, and what a figure costs: of the default study, with invented cells.

Seconds over those of `python -c pass`, which runs in turns with each command. Everything is warm: bytecode,
compiled kernels, and what a first call keeps beside the results.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from timing import Row, environment, row

from mattis.networks.registry import load_study
from mattis.store import store
from mattis.store.results import results_of
from mattis.study import plan

DEFAULT_STUDY = Path(__file__).parents[1] / "config" / "studies" / "hopfield.yaml"
STARTS_TIMED, FIGURES_TIMED = 7, 3

MOST_WAITED = 0.6
"""Seconds that a command which only reads may take."""

MOST_OF_FIGURE = 4.0
"""CPU seconds that the default study's figures may take."""


class Taken(NamedTuple):
    """Wall and CPU seconds of a process."""

    wall: float
    cpu: float


def taken(*words: str) -> Taken:
    """Return what a process of Python takes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, env=environment(), capture_output=True)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def invented(root: Path) -> None:
    """Fill the store of the default study with overlaps near 0.9, as if it had run."""
    study = load_study(DEFAULT_STUDY)
    results = results_of(study, root)
    results.folder.make_folder()
    opened, draws = store.create_or_extend(results.store, study), np.random.default_rng(1)
    for block in plan.blocks(study):
        columns = {
            one.name: 0.9 + 0.02 * draws.random(len(block.points))
            for one in study.described_model.observables
        }
        store.write(opened, study, block, {**columns, "flag": np.zeros(len(block.points))})
    store.flush(opened)
    store.fold(opened)


def over_nothing(words: Sequence[str], times: int) -> list[Taken]:
    """Return what a command takes over `python -c pass`, some times; a first time is not counted."""
    taken("-m", "mattis", *words)
    pairs = [(taken("-m", "mattis", *words), taken("-c", "pass")) for _ in range(times)]
    return [Taken(one.wall - none.wall, one.cpu - none.cpu) for one, none in pairs]


def all_rows() -> Iterator[Row]:
    """Yield all rows of this file."""
    with TemporaryDirectory() as folder:
        invented(Path(folder))
        study = (str(DEFAULT_STUDY), "--results", folder)
        commands = {"status": ("status", *study), "theory": ("theory",), "plan": ("plan", *study)}
        for name, words in commands.items():
            found = [one.wall for one in over_nothing(words, STARTS_TIMED)]
            told = f"wall seconds of a warm mattis {name} over python -c pass"
            yield row(f"{name}_s", found, MOST_WAITED, "lower", told)
        found = [one.cpu for one in over_nothing(("diagram", *study), FIGURES_TIMED)]
        told = "CPU seconds of a warm mattis diagram of the default study"
        yield row("diagram_cpu_s", found, MOST_OF_FIGURE, "lower", told)
