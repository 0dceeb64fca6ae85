"""Where claims are measured: studies that run as any other, whose cells are there the next time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mattis import theory
from mattis.engine import driver, status
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings
from mattis.errors import Fault
from mattis.exact.arrays import Reals
from mattis.networks.registry import study_of
from mattis.statistics.estimates import aggregate
from mattis.statistics.extrapolation import fitted_line
from mattis.study.base import Study

REDUCTION = 8
"""By how much the number of pattern sets is divided where a claim is measured at a reduced size."""

FEWEST_SETS = 4
"""Pattern sets at least: fewer say nothing of their errors."""

QUIETLY = Settings(where=Where(pool="threads"), quiet=True, all_observables=True)
"""How studies of claims run: small ones, for which processes would start longer than they compute.

What cells of an older release lack is computed: a claim may ask for what is observed since then.
"""

Keys = Mapping[str, Any]
"""The keys of a study, without its name."""


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    measured  # the number
    error     # its standard error, over pattern sets; 0 where it is exact
    """

    measured: float
    error: float = 0.0

    def __add__(self, other: "Measurement | float") -> "Measurement":
        """Return a sum; the errors of what was measured apart add in squares."""
        if isinstance(other, Measurement):
            return Measurement(self.measured + other.measured, hypot(self.error, other.error))
        return Measurement(self.measured + other, self.error)

    def __mul__(self, factor: float) -> "Measurement":
        """Return a multiple."""
        return Measurement(self.measured * factor, self.error * abs(factor))

    def __sub__(self, other: "Measurement | float") -> "Measurement":
        """Return a difference."""
        return self + (other * -1 if isinstance(other, Measurement) else -other)

    def __truediv__(self, other: "Measurement") -> "Measurement":
        """Return a ratio, with errors to first order."""
        ratio = self.measured / other.measured
        return Measurement(ratio, hypot(self.error, ratio * other.error) / abs(other.measured))


@dataclass(frozen=True)
class Laboratory:
    """A folder in which studies run.

    root     # a folder per study lies below it
    reduced  # whether studies have an eighth of their pattern sets
    """

    root: Path
    reduced: bool = False

    def study(self, keys: Keys) -> Study:
        """Return a study of these keys, named by their hash: the same keys are the same study."""
        axes = dict(keys["axes"])
        if self.reduced and isinstance(axes["seed"], int):
            axes["seed"] = max(FEWEST_SETS, axes["seed"] // REDUCTION)
        text = json.dumps({**keys, "axes": {**axes, "seed": 0}}, sort_keys=True)
        name = f"{keys['model']}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        return study_of({**keys, "name": name.replace("_", "-"), "axes": axes})

    def cells(self, keys: Keys) -> xr.Dataset:
        """Return the cells of a study, of which those that are missing are computed."""
        study = self.study(keys)
        failures = driver.run(study, self.root, QUIETLY).failures
        if failures:
            raise Fault(f"{study.name}: {next(iter(failures.values()))}")
        return status.open_results(study, self.root)

    def estimates(self, keys: Keys) -> xr.Dataset:
        """Return the estimates of a study, over its pattern sets (see `mattis.aggregate`)."""
        return aggregate(self.cells(keys), self.study(keys))

    def mean(self, keys: Keys, observable: str, **at: float) -> Measurement:
        """Return the mean of an observable, and its standard error, in one cell of a study."""
        return taken(self.estimates(keys), observable, **at)

    def endless(self, keys: Keys, variable: str, sizes: Sequence[int], *powers: float) -> Measurement:
        """Return an estimate as N → ∞: the mean constant of lines in N^-power; their spread is an error too.

        variable  # an estimate of the study, with an error
        powers    # of N, by which it may approach its limit
        """
        found = self.estimates({**keys, "axes": {**keys["axes"], "size": list(sizes)}})
        y, errors = (found[name].squeeze().values for name in (variable, f"{variable}_error"))
        lines = [fitted_line(np.array(sizes, float) ** -power, y, errors) for power in powers]
        limits = [line.start for line in lines]
        spread = (max(limits) - min(limits)) / 2
        return Measurement(float(np.mean(limits)), float(np.hypot(lines[0].start_error, spread)))


def taken(estimates: xr.Dataset, variable: str, **at: float) -> Measurement:
    """Return an estimate and its error, in the only cell that is left at these labels."""
    cell = estimates[[variable, f"{variable}_error"]].sel(at).squeeze()
    return Measurement(cell[variable].item(), cell[f"{variable}_error"].item())


def network(
    model: str = "hopfield",
    *,
    size: int,
    sets: int,
    temperature: float = 0.0,
    sweeps: tuple[int, int] = (50, 10),
    axes: Keys | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the keys of a study of binary networks at one temperature.

    sets    # pattern sets
    sweeps  # that are thrown away, and averaged over
    axes    # the other axes, with their values
    more    # other keys of the study
    """
    shared = {"size": [size], "temperature": [temperature], "seed": sets}
    asked = more.get("question")
    chain = (
        {}
        if asked == "familiarity"
        else {"sweeps": dict(zip(("thermalise", "measure"), sweeps, strict=True))}
    )
    return {"model": model, "axes": {**shared, **(axes or {})}, **chain, **more}


def mean_of(values: Reals) -> Measurement:
    """Return the mean over pattern sets, and its standard error. values  # (sets,)"""
    return Measurement(float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5))


def paired(one: xr.DataArray, other: xr.DataArray) -> Measurement:
    """Return the mean difference of two quantities of the same pattern sets, set by set, and its error.

    What both have from their patterns is in neither the difference nor its error. Each is of one cell:
    of one study, or of two whose pattern sets have the same labels.
    """
    return mean_of((one.squeeze(drop=True) - other.squeeze(drop=True)).values)


def known(name: str, **at: float) -> float:
    """Return a number of theory (see `mattis.theory.evaluate`)."""
    value = theory.evaluate(name, **at)
    if not isinstance(value, float):
        raise TypeError(f"{name} at {at}: got {value}; expected a number")
    return value
