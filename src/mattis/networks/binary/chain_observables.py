"""Observables that plugins add: a number of one chain of binary neurons."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from mattis import plugins
from mattis.exact.arrays import Reals, Signs
from mattis.plugins import Row, Table
from mattis.study.model import Observable, fraction_of_cues


@dataclass(frozen=True, eq=False)
class ObservedChain:
    """One chain, over the sweeps that are measured."""

    xi: Signs
    """The stored patterns, (P, N)."""

    cue: int
    """The index of the pattern that is asked for."""

    beta: float
    noise: float
    overlaps: Reals
    """The overlap with that pattern after each sweep, (measure,)."""

    energies: Reals
    """The energy per neuron after each sweep, (measure,), in units of J."""

    mean_spins: Reals
    """The mean of every spin over the sweeps, (N,)."""


@dataclass(frozen=True)
class ChainObservable(Row):
    """One row of the table of observables."""

    table: ClassVar[str] = "observable"

    name: str
    observe: Callable[[ObservedChain], float]
    long_name: str
    units: str = "1"

    @property
    def described(self) -> Observable:
        """The observable as models list it."""
        return Observable(self.name, self.long_name, self.units)


def observable(
    long_name: str, *, name: str = "", units: str = "1"
) -> Callable[[Callable[[ObservedChain], float]], ChainObservable]:
    """Make an observable of all studies of binary networks of a function of one chain; its mean over cues.

    name  # that of the function, if not given
    """

    def decorated(observe: Callable[[ObservedChain], float]) -> ChainObservable:
        return ChainObservable(name or observe.__name__, observe, long_name, units)

    return decorated


CHAIN_ROWS = Table(ChainObservable, ())
"""The observables of plugins."""


def added() -> tuple[Observable, ...]:
    """Return the observables of plugins, as models list them."""
    return tuple(row.described for row in CHAIN_ROWS.values())


def with_added(observables: tuple[Observable, ...]) -> tuple[Observable, ...]:
    """Return observables with those of plugins before the flag. Raises UserError for a name twice."""
    for row in CHAIN_ROWS.values():
        if any(own.name == row.name for own in observables):
            raise plugins.refused(row, "the name of an observable of mattis", "another name")
    return (*observables[:-1], *added(), observables[-1])


SAME_CLASS = fraction_of_cues(
    "same_class", "fraction of cues whose mean state is nearest to a pattern of their own class"
)


def is_of_its_class(chain: ObservedChain, classes: int) -> bool:
    """Tell whether the pattern with the largest overlap with the mean state is of the class of the cue."""
    nearest = int(np.argmax((chain.xi * chain.mean_spins).sum(axis=1)))  # no BLAS: ties stay ties
    return nearest % classes == chain.cue % classes


def observed(chain: Callable[[], ObservedChain], classes: int) -> dict[str, float]:
    """Return the class, where patterns have one, and the observables of plugins of one chain.

    It is made where there are any.
    """
    if not CHAIN_ROWS and not classes:
        return {}
    view, found = chain(), dict[str, float]()
    if classes:
        found[SAME_CLASS.name] = float(is_of_its_class(view, classes))
    for row in CHAIN_ROWS.values():
        value = plugins.called(row, row.observe, view)
        if not isinstance(value, Real):
            raise plugins.refused(row, f"{type(value).__name__} {value!r:.40}", "a number")
        found[row.name] = float(value)
    return found
