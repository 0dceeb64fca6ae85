"""How fast a study is computed on this machine: learnt by a run, or measured by short chains and remembered.

What a run learns lies beside its results. What short chains measure lies in the cache folder of the user, by
a hash of all that a rate depends on; an entry that is damaged, foreign or too old is measured anew. Neither
changes a number.
"""

import hashlib
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mattis.engine import machine
from mattis.store.place import Place
from mattis.store.results import Results, read_json, write_json
from mattis.study.base import Study
from mattis.surroundings import cache_folder

ODD = 4.0
"""A block that took so many times as long as the median, for its effort, compiled or waited; or it is one of
networks that settle, where some take a hundred times as long as others."""

TELLING_SECONDS, TELLING_BLOCKS = 5.0, 8
"""CPU seconds and blocks of a run that has learnt something."""

BEYOND = 2.0
"""How far beyond the networks of a run its rate is believed, as a factor."""

OLDEST = 30 * 86400.0
"""Seconds after which short chains are measured again: compilers, clocks and neighbours change."""

RATE_FORMAT = 1
"""Of the files of measured rates."""

COMPUTING = ("kernels", "exact", "networks")
"""Folders of this package whose files decide how long a block takes."""

THREADING = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Variables of the environment that set how many threads a product of matrices has."""


@dataclass(frozen=True)
class LearntRate:
    """CPU seconds for a unit of effort, with the machine and the networks that they were measured with.

    measured  # seconds since 1970; None of files from before it was written down
    """

    seconds: float
    machine: str
    sizes: tuple[int, int]
    stored: tuple[float, float]
    measured: float | None = None

    def covers(self, study: Study) -> bool:
        """Tell whether this rate is of this machine, and of networks such as these."""
        spans = (self.sizes, study.axes.size), (self.stored, study.labels[study.stored])
        return self.machine == machine_name() and all(
            low / BEYOND <= min(values) and max(values) <= high * BEYOND for (low, high), values in spans
        )


def machine_name() -> str:
    """Name what a rate depends on besides the study: the node, its processor and its cores."""
    return f"{platform.node()}, {platform.machine()}, {os.cpu_count()} cores"


def rate_of(results: Results) -> Place:
    """Return the place of what the last run learnt."""
    return results.folder / "rate.json"


def learn(results: Results, study: Study, seconds: Sequence[float], efforts: Sequence[int]) -> None:
    """Keep the rate of a run, from the CPU seconds and the effort of each of its blocks.

    A short run says more about the loading of kernels than about them.
    """
    if sum(seconds) < TELLING_SECONDS or len(seconds) < TELLING_BLOCKS:
        return
    each = np.array(seconds) / np.array(efforts, np.float64)
    usual = (each <= ODD * np.median(each)) | study.settles
    rate = float(np.sum(np.array(seconds)[usual]) / np.sum(np.array(efforts, np.float64)[usual]))
    sizes, stored = study.axes.size, study.labels[study.stored]
    spans = (min(sizes), max(sizes)), (float(min(stored)), float(max(stored)))
    write_json(rate_of(results), asdict(LearntRate(rate, machine_name(), *spans, time.time())))


def learnt(results: Results, study: Study) -> LearntRate | None:
    """Return the rate of the last run, if it says something about this study on this machine."""
    found: Any = read_json(rate_of(results))
    try:
        rate = LearntRate(
            float(found["seconds"]),
            str(found["machine"]),
            tuple(found["sizes"]),
            tuple(found["stored"]),
            None if found.get("measured") is None else float(found["measured"]),
        )
        return rate if rate.seconds > 0 and rate.covers(study) else None
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError):
        return None


@dataclass(frozen=True)
class MeasuredRate:
    """What short chains measured of a study: CPU seconds of a block on average, and of compiling.

    compiling  # that each worker pays, as no folder holds compiled kernels; mostly 0
    measured   # seconds since 1970
    """

    block_seconds: float
    compiling: float
    measured: float

    def is_sound(self) -> bool:
        """Tell whether this can have been measured, and not too long ago."""
        numbers = (self.block_seconds, self.compiling, self.measured)
        return (
            all(math.isfinite(number) and number >= 0 for number in numbers)
            and self.block_seconds > 0
            and 0 <= time.time() - self.measured <= OLDEST
        )


def circumstances(study: Study) -> dict[str, Any]:
    """Return all that the rate of a study depends on: machine, programs, threads, and a hash of the study.

    Seeds, names and figures are left out: they change no time.
    """
    physics = {key: value for key, value in study.physics().items() if key != "root_seed"}
    return {
        "format": RATE_FORMAT,
        "processor": machine.processor(),
        "architecture": platform.machine(),
        "cores": machine.cores(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numba", "llvmlite", "numpy")},
        "kernels": kernels_digest(),
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name in THREADING or (name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR")
        },
        "study": _hash([physics, study.axes.model_dump(mode="json", exclude={"seed"})]),
    }


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def kernels_digest() -> str:
    """Return a hash of the files of this package that decide how long a block takes."""
    package, found = Path(__file__).parents[1], hashlib.sha256()
    for folder in COMPUTING:
        for file in sorted((package / folder).rglob("*.py")):
            found.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes())
    return found.hexdigest()


def measured_rate_of(study: Study) -> Path:
    """Return the file of what short chains measure of a study on this machine."""
    return cache_folder() / "rates" / f"{_hash(circumstances(study))}.json"


def remembered(study: Study) -> MeasuredRate | None:
    """Return what short chains measured of a study on this machine, None where nothing sound is there."""
    try:
        content = json.loads(measured_rate_of(study).read_bytes())
        found = MeasuredRate(**{key: float(value) for key, value in content["rate"].items()})
        same = content["circumstances"] == circumstances(study)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if same and found.is_sound() else None


def remember(study: Study, rate: MeasuredRate) -> None:
    """Keep what short chains measured, whole or not at all; where nothing can be written, nothing is kept."""
    file = measured_rate_of(study)
    content = {"rate": asdict(rate), "circumstances": circumstances(study), "name": study.name}
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        _forget_old(file.parent)
        handle, draft = tempfile.mkstemp(suffix=".partial", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                json.dump(content, opened, indent=1)
            Path(draft).replace(file)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _forget_old(folder: Path) -> None:
    """Remove rates, and what killed processes left half-written, that nobody would read again."""
    for file in folder.iterdir():
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > OLDEST:
                file.unlink()
