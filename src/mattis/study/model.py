"""What every model of the project says of itself, and what it is asked to do."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Reals
from mattis.kernels.cuda.devices import Device, DeviceWork

Columns = dict[str, NDArray[Any]]
"""Values of each observable, float64 (cells,), and `FINAL_STATES`, uint8 (cells, cues, bytes), if kept."""

FINAL_STATES = "states"
"""The column of final states, and their array in a store."""


class StateShape(NamedTuple):
    """The final states that are kept of each cell: of how many cues, in how many bytes each."""

    cues: int
    octets: int

    @property
    def total(self) -> int:
        """Bytes of a cell."""
        return self.cues * self.octets


Point = tuple[float, ...]
"""Where in the grid a pattern set is simulated: one label for each dimension of the points."""

Smallest = Callable[[Any, Any, Any], Any]

SHORT_CHAIN, DRIFTING, UNSETTLED, NOT_EQUILIBRATED = 1, 2, 4, 8
FLAGS: Mapping[int, str] = {
    SHORT_CHAIN: "short_chain",
    DRIFTING: "drifting",
    UNSETTLED: "unsettled",
    NOT_EQUILIBRATED: "not_equilibrated",
}
"""Bits of `flag` that one cell can carry, by name; `statistics` adds those of a whole set of seeds."""


@dataclass(frozen=True)
class Observable:
    """One measured number per cell, under the same name in every model that has it.

    smallest  # (N, P, protocol) -> the smallest change that one pattern set could have shown
    fraction  # whether it is a mean of answers, each yes (1) or no (0), 1/smallest of them in a pattern set
    law       # the power of an axis that equations say it is at the small end of that axis
    histogram  # that it is a bin of
    """

    name: str
    long_name: str
    units: str = "1"
    smallest: Smallest | None = None
    fraction: bool = False
    law: "PowerLaw | None" = None
    histogram: "Histogram | None" = None


@dataclass(frozen=True)
class Histogram:
    """A histogram of each cell: an observable for each bin, which estimates join along an axis of their own.

    along     # the axis, and what is counted along it; centres  # of its bins, rising by `width`
    smallest  # as of an observable
    """

    name: str
    long_name: str
    along: str
    counted: str
    centres: tuple[float, ...]
    width: float
    units: str = "1"
    smallest: Smallest | None = None

    @property
    def bins(self) -> tuple[Observable, ...]:
        """An observable for each bin."""
        return tuple(
            Observable(
                f"{self.name}_{k}",
                f"{self.long_name}, at {self.along} = {centre:g}",
                self.units,
                histogram=self,
            )
            for k, centre in enumerate(self.centres)
        )


@dataclass(frozen=True)
class PowerLaw:
    """What equations say of an observable: proportional to a power of an axis, as that goes to 0."""

    axis: str
    exponent: float
    source: str


STATE_OBSERVABLES = (
    "overlap", "overlap_squared", "overlap_mixed", "energy", "edwards_anderson", "flip_fraction",
)  # fmt: skip
"""Observables that depend on whether a network is still in the state that it started from."""


def over_cues(observables: Sequence[Observable], cues: int) -> tuple[Observable, ...]:
    """Return observables with their means over the cues that stayed in their state, before the flag.

    One cue stays or it does not: its own values are these means.
    """
    parted = tuple(
        replace(one, name=f"{one.name}_given_survival", long_name=f"{one.long_name}; of cues that stayed")
        for one in observables
        if cues > 1 and one.name in STATE_OBSERVABLES
    )
    return (*observables[:-1], *parted, observables[-1])


def means_given_survival(cells: Sequence[Mapping[str, float]], by: str = "survived") -> dict[str, float]:
    """Return the means over the cells, one per cue, that tell by a 1 that they survived; NaN where none does.

    Nothing where no cell says whether it survived.
    """
    if by not in cells[0]:
        return {}
    stayed = [cell for cell in cells if cell[by] == 1]
    return {
        f"{name}_given_survival": sum(cell[name] for cell in stayed) / len(stayed) if stayed else math.nan
        for name in STATE_OBSERVABLES
        if name in cells[0]
    }


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


Task = tuple[PatternSet, Sequence[Any], Any]
"""A pattern set, the points at which it is simulated, and the protocol: all that numbers depend on."""

Batched = Callable[[Sequence[Task], Device], Sequence[Columns]]

LaunchFunction = Callable[[Task, int, Device], DeviceWork | None]


@dataclass(frozen=True, eq=False)
class FollowedCell:
    """One chain of a cell, as it was after each of its steps.

    unit    # what is counted: sweep, presentation, step
    times   # (T,) how many were done, rising
    warm    # steps before the averages of the cell begin
    values  # (T,) of each observable
    """

    unit: str
    times: Reals | NDArray[np.int64]
    warm: int
    values: Mapping["Observable", Reals]


MOST_TIMES = 200
"""Times at most at which a cell of real numbers is looked at, evenly spaced."""


def spaced(last: int, first: int = 0) -> list[int]:
    """Return whole numbers from first to last, both included: all, or `MOST_TIMES` evenly spaced."""
    return sorted({round(t) for t in np.linspace(first, last, min(last - first + 1, MOST_TIMES))})


FollowFunction = Callable[[PatternSet, Any, Any, int], FollowedCell]
"""(pattern set, point, protocol, cue) -> the chain of one cell from one cue."""


@dataclass(frozen=True)
class Boundary:
    """Where a fraction of what is stored passes 1/2 along one dimension of the cube.

    position  # the coordinate or variable that says where: temperature along beta
    rises     # whether the fraction rises along it
    in_equilibrium  # whether it is a place of equilibrium, so that the cells it rests on must be there
    """

    name: str
    fraction: str
    dimension: str
    position: str
    meaning: str
    units: str = "1"
    rises: bool = False
    in_equilibrium: bool = False


@dataclass(frozen=True)
class Model:
    """One row of the table of models.

    simulate  # (pattern set, points, protocol) -> one column of values per observable; pure
    memory    # (N, P) -> bytes that a block needs
    check     # (N, P) -> what is wrong with such a network, or nothing
    boundaries  # what a diagram of the model has boundaries of
    states    # observable and fraction that tell two states apart in which seeds may end
    unit      # what one elementary update is called
    numbers   # raised whenever the same study gives other numbers: no store may mix the two
    comparable  # so many of them before mean the same: such cells are read, but were decided by other words
    rounding  # what the numbers of a study are, where they are not what every other model's are
    batched   # (tasks, device) -> the columns of each task, simulated together on a device, if it can
    on_cpu    # why it cannot, in words, where that is a matter of what is asked
    launches  # (task, sets, device) -> what so many tasks like this one take on a device, if paper knows
    follow    # one cell step by step, if it can: `mattis trace`
    """

    name: str
    summary: str
    equation: str
    axes: tuple[str, ...]
    observables: tuple[Observable, ...]
    order_parameter: str
    theory: tuple[str, ...]
    source: str
    simulate: Callable[..., Columns]
    memory: Callable[[int, int], int]
    check: Callable[[int, int], str | None]
    boundaries: tuple[Boundary, ...] = ()
    states: tuple[str, str] | None = None
    unit: str = "proposals"
    numbers: int = 1
    comparable: int = 0
    rounding: str = ""
    batched: Batched | None = None
    on_cpu: str = ""
    launches: LaunchFunction | None = None
    follow: FollowFunction | None = None

    @property
    def histograms(self) -> tuple[Histogram, ...]:
        """The histograms whose bins are observed."""
        return tuple({one.histogram: None for one in self.observables if one.histogram})


def one_spin(size: Any, _patterns: Any, protocol: Any) -> Any:
    """Return the change of an overlap by one spin of one cue; long chains do not make it smaller."""
    return 2.0 / (size * protocol.cues)


def two_spins(size: Any, _patterns: Any, protocol: Any) -> Any:
    """Return the change of a squared overlap near 1 by one spin of one cue."""
    return 4.0 / (size * protocol.cues)


def one_cue(_size: Any, _patterns: Any, protocol: Any) -> Any:
    """Return the change of a fraction of the cues by one of them."""
    return 1.0 / protocol.cues


def fraction_of_cues(name: str, long_name: str) -> Observable:
    """Return an observable that is the mean over the cues of answers, each yes or no."""
    return Observable(name, long_name, smallest=one_cue, fraction=True)
