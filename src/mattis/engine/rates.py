"""How fast a study was computed on this machine: learnt by a run, asked by the next estimate."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mattis.store.place import Place
from mattis.store.results import Results, read_json, write_json
from mattis.study.base import Study

ODD = 4.0
"""A block that took so many times as long as the median, for its effort, compiled or waited; or it is one of
networks that settle, where some take a hundred times as long as others."""

TELLING_SECONDS, TELLING_BLOCKS = 5.0, 8
"""CPU seconds and blocks of a run that has learnt something."""

BEYOND = 2.0
"""How far beyond the networks of a run its rate is believed, as a factor."""


@dataclass(frozen=True)
class LearntRate:
    """CPU seconds for a unit of effort, with the machine and the networks that they were measured with."""

    seconds: float
    machine: str
    sizes: tuple[int, int]
    stored: tuple[float, float]

    def covers(self, study: Study) -> bool:
        """Tell whether this rate is of this machine, and of networks such as these."""
        spans = (self.sizes, study.axes.size), (self.stored, study.labels[study.stored])
        return self.machine == machine_name() and all(
            low / BEYOND <= min(values) and max(values) <= high * BEYOND
            for (low, high), values in spans
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
    write_json(rate_of(results), asdict(LearntRate(rate, machine_name(), *spans)))


def learnt(results: Results, study: Study) -> LearntRate | None:
    """Return the rate of the last run, if it says something about this study on this machine."""
    found: Any = read_json(rate_of(results))
    try:
        rate = LearntRate(
            float(found["seconds"]),
            str(found["machine"]),
            tuple(found["sizes"]),
            tuple(found["stored"]),
        )
        return rate if rate.seconds > 0 and rate.covers(study) else None
    except (TypeError, ValueError, KeyError, ZeroDivisionError):
        return None
