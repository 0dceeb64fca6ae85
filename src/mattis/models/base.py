"""What every model of the project says of itself, and what it is asked to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.float64]]

SHORT_CHAIN, DRIFTING, UNSETTLED = 1, 2, 4
FLAGS: Mapping[int, str] = {
    SHORT_CHAIN: "short_chain",
    DRIFTING: "drifting",
    UNSETTLED: "unsettled",
}
"""Bits of `flag` that one cell can carry, by name; `statistics` adds those of a whole set of seeds."""


@dataclass(frozen=True)
class Observable:
    """One measured number per cell, under the same name in every model that has it."""

    name: str
    long_name: str
    units: str = "1"


@dataclass(frozen=True)
class PatternSet:
    """What is stored: P patterns of N sites, a function of the root seed and the seed alone."""

    root_seed: int
    size: int
    patterns: int
    seed: int

    @property
    def labels(self) -> dict[str, int]:
        """The logical index of the set, which its streams are keyed by."""
        return {"size": self.size, "patterns": self.patterns, "seed": self.seed}


@dataclass(frozen=True)
class Protocol:
    """How a cell is measured: sweeps before and during the averages, cues per pattern set."""

    thermalise: int
    measure: int
    cues: int
    retrieved_above: float


@dataclass(frozen=True)
class Point:
    """Where in the grid a pattern set is simulated."""

    beta: float
    noise: float


@dataclass(frozen=True)
class Model:
    """One row of the table of models.

    simulate  # (pattern set, points, protocol) -> one column of values per observable; pure
    memory    # (N, P) -> bytes that a block needs
    check     # (N, P) -> what is wrong with such a network, or nothing
    numbers   # raised whenever the same study gives other numbers: no store may mix the two
    """

    name: str
    summary: str
    equation: str
    axes: tuple[str, ...]
    observables: tuple[Observable, ...]
    order_parameter: str
    theory: tuple[str, ...]
    source: str
    simulate: Callable[[PatternSet, Sequence[Point], Protocol], Columns]
    memory: Callable[[int, int], int]
    check: Callable[[int, int], str | None]
    numbers: int = 1
