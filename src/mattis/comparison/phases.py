"""The lines of theory in the plane of load and temperature: where states begin, end, and freeze."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mattis.comparison.remembered import curve
from mattis.comparison.view import FEWEST_OF_A_MAP
from mattis.exact.arrays import Reals
from mattis.networks.binary.study import BinaryStudy
from mattis.study.base import Study

PHASES = ("size", "load", "beta", "noise", "seed")
"""Dimensions of a phase diagram of retrieval."""


@dataclass(frozen=True, eq=False)
class PhaseLine:
    """A line of theory in the plane of load and temperature.

    steps  # of replica symmetry breaking, at which all states of the line are; None where none is assumed
    """

    quantity: str
    load: Reals
    temperature: Reals
    steps: int | None = None

    @property
    def level(self) -> str:
        """The level of replica symmetry breaking, in words."""
        return "" if self.steps is None else SYMMETRY_LEVELS[self.steps]


SYMMETRY_LEVELS = ("replica symmetric", "one step")
"""Levels of replica symmetry breaking, in words."""

LINE_SHARE = 1 / 150
"""Width of a line, over that of the axis: lines that are nearer to each other than this are one."""


def has_phases(study: Study) -> bool:
    """Tell whether a study is a phase diagram: retrieval over loads and temperatures, four of each at least.

    Not where its figure names panels of its own.
    """
    if not isinstance(study, BinaryStudy) or study.dimensions != PHASES or not study.in_lanes:
        return False
    own = study.figure is not None and study.figure.panels is not None
    wide = min(len(study.labels["load"]), len(study.axes.betas)) >= FEWEST_OF_A_MAP
    return wide and study.ensemble.name == "random" and not study.starts_at_random and not own


def phase_lines(study: BinaryStudy, widest: float) -> tuple[PhaseLine, ...]:
    """Return the lines of Hopfield's network up to a load, or of Little's where all sites change at once."""
    return little_lines() if study.acting.synchronous else hopfield_lines(widest)


@lru_cache(maxsize=4)
def hopfield_lines(widest: float) -> tuple[PhaseLine, ...]:
    """Return the Amit–Gutfreund–Sompolinsky lines up to a load.

    T_M and T_c as curves of the load, alpha_M(T) and alpha_1(T): both are re-entrant at low temperature. T_c
    with one step of replica symmetry breaking as far as it is told from the symmetric one; T_M never is.
    """
    heat = np.concatenate([np.linspace(0, 0.06, 25), np.linspace(0.07, 0.999, 60)])
    load = np.linspace(1e-4, widest, 150)
    near = np.concatenate([np.linspace(0.04, 0.138, 50), np.linspace(0.1381, 0.138185, 5)])
    cool = np.concatenate([np.linspace(0, 0.2, 21), np.linspace(0.22, 0.999, 40)])
    return (
        PhaseLine("hopfield.T_M", curve("hopfield.alpha_M", temperature=heat), heat, 0),
        PhaseLine("hopfield.T_c", curve("hopfield.alpha_1", temperature=cool), cool, 0),
        _broken_ground(widest),
        PhaseLine("hopfield.T_g", load, curve("hopfield.T_g", load=load)),
        PhaseLine("hopfield.T_AT", near, curve("hopfield.T_AT", load=near)),
    )


def _broken_ground(widest: float) -> PhaseLine:
    """Return alpha_1(T) with one step of breaking, where it lies beside the symmetric one."""
    heat = np.linspace(0, 0.26, 14)
    symmetric = curve("hopfield.alpha_1", temperature=heat)
    load = curve("hopfield.alpha_1", temperature=heat, rsb=1)
    apart = load - symmetric > LINE_SHARE * widest
    return PhaseLine("hopfield.T_c", load[apart], heat[apart], 1)


@lru_cache(maxsize=1)
def little_lines() -> tuple[PhaseLine, ...]:
    """Return alpha_M(T) of synchronous updates (Little), and that of asynchronous ones (Hopfield)."""
    heat = np.concatenate([np.linspace(0, 0.06, 4), np.linspace(0.08, 0.99, 24)])
    names = ("little.alpha_M", "hopfield.alpha_M")
    return tuple(PhaseLine(name, curve(name, temperature=heat), heat) for name in names)
