"""One mean over two states is none: how many cues stayed in their state, and what those show that did.

At N = 300 one cell in ten that carries no flag lies beyond 4 errors of its ensemble's mean where some of its
pattern sets have left their state and others have not. So each mean stands beside that of the survivors,
which the theory of the state speaks of, and that of those that left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import xarray as xr

from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.fractions import with_interval
from mattis.study.base import Study
from mattis.study.model import STATE_OBSERVABLES, Observable

GIVEN = "_given_survival"


@dataclass(frozen=True)
class Parting:
    """Two parts of the cues of a cell, of which one mean would be none.

    share    # the fraction of the first part, by its name among the estimates
    given    # what is written after an observable for its mean over either part
    sets     # the numbers of sets that have some of either part, by their names
    words    # what the fraction is
    happens  # what makes a cue be of either part
    whose    # the cues of either part, after the words of an observable
    second   # what a figure says of the second part
    """

    share: str
    given: tuple[str, str]
    sets: tuple[str, str]
    words: str
    happens: tuple[str, str]
    whose: tuple[str, str]
    second: str


SURVIVAL = Parting(
    "survived", (GIVEN, "_given_loss"), ("survivors", "losers"),
    "fraction of cues that stayed in their state during the run", ("survivors", "losses"),
    ("of cues that stayed in their state", "of cues that left their state"),
    "sets that left their state",
)  # fmt: skip
"""Cues that stay in their state, and cues that leave it."""

MOTION = Parting(
    "moved", ("_given_motion", "_given_rest"), ("movers", "resting"),
    "fraction of pattern sets whose network went round its sequence", ("such motion", "none"),
    ("of sets that went round their sequence", "of sets that did not"),
    "sets that never went round their sequence",
)  # fmt: skip
"""Networks that go round their sequence at least once while they are measured, and those that do not."""

PARTINGS = (SURVIVAL, MOTION)
"""Ways in which cues of a cell are in one of two states."""


def parting_of(estimates: xr.Dataset, name: str) -> Parting | None:
    """Return the parting of the means of an observable; None where all cues are of one kind."""
    return next((one for one in PARTINGS if f"{name}{one.given[0]}" in estimates), None)


def survived(cells: xr.Dataset, study: Study) -> xr.DataArray | None:
    """Return the fraction of the cues of each pattern set that stayed in their state; None without states.

    By every eighth of the chain; of cells that an older version computed, by the mean over the whole chain.
    """
    model = study.described_model
    if model.states is None:
        return cells.get("survived") if isinstance(study, BinaryStudy) else None
    whole = cells[model.states[1]]
    own = cells.get("survived", whole)
    return own.where(own.notnull(), whole)


def survival(cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return `survived` with its interval of 95 %, and the means of those that stayed and of those that left.

    X_given_survival is the mean over all cues that stayed: of sets s with a share f_s of survivors and a mean
    x_s of these, sum f_s x_s / sum f_s, with the error of a ratio,
    sqrt(n/(n-1) sum f_s² (x_s - X)²)/sum f_s over the n sets with survivors (W. G. Cochran, Sampling
    Techniques, 1977, section 6). X_given_loss is that of the others. NaN where nobody is there to average,
    and where a set with survivors and others has stored their common mean only.
    """
    share = survived(cells, study)
    if share is None:
        return xr.Dataset()
    cues = getattr(study.protocol, "cues", 1)
    return parted_means(SURVIVAL, cells, share, parted(study), study, 1 / cues)


MOVED = ("transition_rate", "overlap_nearest")
"""Observables that depend on whether a network moves along its sequence."""


def motion(cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return `moved`, with the means of the sets that went round their sequence, and of those that did not.

    A set is one of motion if its transitions in the measured sweeps are at least P, net: once around the
    cycle of P patterns. Nothing for studies of other questions.
    """
    if not isinstance(study, BinaryStudy) or study.asked.name != "transitions":
        return xr.Dataset()
    net = (cells["transition_rate"] * study.protocol.asking.measure).round(9)
    share = (net >= cells["patterns"]).astype(float).where(cells["transition_rate"].notnull())
    observables = [one for one in study.described_model.observables if one.name in MOVED]
    share = share.transpose(*cells["transition_rate"].dims)
    return parted_means(MOTION, cells, share, observables, study, 1.0)


def parted_means(
    parting: Parting,
    cells: xr.Dataset,
    share: xr.DataArray,
    observables: Sequence[Observable],
    study: Study,
    smallest: float,
) -> xr.Dataset:
    """Return the fraction of a parting with its interval, and the means of either part with their errors.

    Parameters
    ----------
    parting
        How its parts are called.
    cells, study
        The cells and their study.
    share
        The fraction of the cues of each pattern set that are of the first part.
    observables
        Those whose means are parted.
    smallest
        What one answer changes of a pattern set's fraction.
    """
    steps = {one.name: resolution(cells, one, study) for one in observables}
    cells, share = bare(cells), bare(share)
    valid = cells["valid"] & share.notnull()
    share = share.where(valid)
    out = xr.Dataset(with_interval(parting.share, share, valid, smallest, parting.words))
    for name, some, words in zip(parting.sets, (share > 0, share < 1), parting.happens, strict=True):
        out[name] = some.sum("seed").assign_attrs(long_name=f"number of seeds with {words}", units="1")
    for observable in observables:
        values = apart(cells, share, observable)
        for k, weight in enumerate((share, 1 - share)):
            mean, error = ratio(values[k], weight.where(valid, 0.0), steps[observable.name])
            name = f"{observable.name}{parting.given[k]}"
            described = {"units": observable.units}
            long_name = f"{observable.long_name}, {parting.whose[k]}"
            out[name] = mean.assign_attrs(described, long_name=long_name)
            error_name = f"standard error over seeds of: {long_name}"
            out[f"{name}_error"] = error.assign_attrs(described, long_name=error_name)
    return out


Values = TypeVar("Values", xr.DataArray, xr.Dataset)


def bare(values: Values) -> Values:
    """Return values without coordinates, which are the same for all: to align them takes half of the time."""
    return values.drop_vars(values.coords)


def parted(study: Study) -> list[Observable]:
    """Return the observables that depend on whether a network is still in its state."""
    model = study.described_model
    names = {*STATE_OBSERVABLES, *(model.states or ())[:1]}
    return [one for one in model.observables if one.name in names]


def apart(
    cells: xr.Dataset, share: xr.DataArray, observable: Observable
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the means of each set over those of its cues that stayed, and over those that left."""
    whole, name = cells[observable.name], f"{observable.name}{GIVEN}"
    if name in cells:
        stayed = cells[name].where(cells[name].notnull() | (share < 1), whole)
    else:
        stayed = whole.where(share == 1)
    some = (share > 0) & (share < 1)
    rest = (whole - share * stayed) / (1 - share).where(share < 1)
    return stayed, rest.where(some, whole.where(share == 0))


def resolution(cells: xr.Dataset, observable: Observable, study: Study) -> xr.DataArray | float:
    """Return the smallest change that one pattern set could have shown."""
    if observable.smallest is None:
        return 0.0
    size, patterns = bare(cells["size"]), bare(cells["patterns"])
    smallest: xr.DataArray | float = observable.smallest(size, patterns, study.protocol)
    return smallest


def ratio(
    values: xr.DataArray, weight: xr.DataArray, smallest: xr.DataArray | float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return sum f x / sum f over the seeds and its standard error; NaN where a value with weight is.

    With the weights 1 these are the mean and its standard error.
    """
    counted = weight > 0
    total, sets = weight.sum("seed"), counted.sum("seed")
    mean = (weight * values).where(counted, 0.0).sum("seed", skipna=False) / total.where(total > 0)
    squares = ((weight * (values - mean)) ** 2).where(counted, 0.0).sum("seed", skipna=False)
    error = (squares * sets / (sets - 1).where(sets > 1)) ** 0.5 / total
    least = smallest / total.where(total > 0)
    return mean, error.where(error.isnull() | (error > least), least)
