"""One mean over two states is none: how many cues stayed in their state, and what those show that did.

At N = 300 one cell in ten that carries no flag lies beyond 4 errors of its ensemble's mean where some of its
pattern sets have left their state and others have not. So each mean stands beside that of the survivors,
which the theory of the state speaks of, and that of those that left.
"""

from typing import TypeVar

import xarray as xr

from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.fractions import with_interval
from mattis.study.base import Study
from mattis.study.model import STATE_OBSERVABLES, Observable

GIVEN = "_given_survival"


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
    steps = {one.name: resolution(cells, one, study) for one in parted(study)}
    cells, share = bare(cells), bare(share)
    valid = cells["valid"] & share.notnull()
    share = share.where(valid)
    words = "fraction of cues that stayed in their state during the run"
    cues = getattr(study.protocol, "cues", 1)
    out = xr.Dataset(with_interval("survived", share, valid, 1 / cues, words))
    for name, some in (("survivors", share > 0), ("losers", share < 1)):
        words = "survivors" if name == "survivors" else "losses"
        out[name] = some.sum("seed").assign_attrs(
            long_name=f"number of seeds with {words}", units="1"
        )
    for observable in parted(study):
        stayed, left = _apart(cells, share, observable)
        for words, values, weight in (("survival", stayed, share), ("loss", left, 1 - share)):
            mean, error = _ratio(values, weight.where(valid, 0.0), steps[observable.name])
            name, whose = f"{observable.name}_given_{words}", WHOSE[words]
            described = {"units": observable.units}
            long_name = f"{observable.long_name}, {whose}"
            out[name] = mean.assign_attrs(described, long_name=long_name)
            error_name = f"standard error over seeds of: {long_name}"
            out[f"{name}_error"] = error.assign_attrs(described, long_name=error_name)
    return out


WHOSE = {"survival": "of cues that stayed in their state", "loss": "of cues that left their state"}


Values = TypeVar("Values", xr.DataArray, xr.Dataset)


def bare(values: Values) -> Values:
    """Return values without coordinates, which are the same for all: to align them takes half of the time."""
    return values.drop_vars(values.coords)


def parted(study: Study) -> list[Observable]:
    """Return the observables that depend on whether a network is still in its state."""
    model = study.described_model
    names = {*STATE_OBSERVABLES, *(model.states or ())[:1]}
    return [one for one in model.observables if one.name in names]


def _apart(
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


def _ratio(
    values: xr.DataArray, weight: xr.DataArray, smallest: xr.DataArray | float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return sum f x / sum f over the seeds and its standard error; NaN where a value with weight is."""
    counted = weight > 0
    total, sets = weight.sum("seed"), counted.sum("seed")
    mean = (weight * values).where(counted, 0.0).sum("seed", skipna=False) / total.where(total > 0)
    squares = ((weight * (values - mean)) ** 2).where(counted, 0.0).sum("seed", skipna=False)
    error = (squares * sets / (sets - 1).where(sets > 1)) ** 0.5 / total
    least = smallest / total.where(total > 0)
    return mean, error.where(error.isnull() | (error > least), least)
