"""Powers of an axis: geometric means of sets that differ by factors, and an exponent fitted in each of them.

Where pattern sets differ by factors that are the same along an axis, one of eight carries half of the mean,
and bars say how different the sets are, not how well the power is known. So means are those of logarithms,
and slopes are paired: one for each set.
"""

import numpy as np
import xarray as xr

from mattis.study.base import Study
from mattis.study.model import Observable, PowerLaw

FITTED_RANGE = 10.0
"""A power that holds as an axis goes to 0 is fitted up to so many times its least value: one decade."""


def power_laws(cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return geometric means and fitted exponents of the observables that equations say are powers.

    X_geometric = exp(mean over the sets of ln X), and X_geometric_error the standard error of ln X, the
    relative one of that mean; NaN where a set has nothing above 0. X_exponent is the mean over the sets of
    the slope of ln X against ln of the axis, by least squares up to ten times its least value, and
    X_exponent_error its standard error over the sets.
    """
    out = xr.Dataset()
    for one in study.described_model.observables:
        if one.law is not None and one.law.axis in cells[one.name].dims:
            out.update(_means(cells, one))
            out.update(_exponent(cells, one, one.law))
    return out


def _logarithms(cells: xr.Dataset, name: str) -> xr.DataArray:
    """Return ln X of the sets that are there; NaN where X is not above 0."""
    values = cells[name].where(cells["valid"])
    logarithms: xr.DataArray = xr.apply_ufunc(np.log, values.where(values > 0))
    return logarithms


def _means(cells: xr.Dataset, one: Observable) -> dict[str, xr.DataArray]:
    """Return the geometric mean, and its relative error."""
    logarithms, count = _logarithms(cells, one.name), cells["valid"].sum("seed")
    mean, error = _over_sets(logarithms, count)
    words = f"geometric mean over seeds of: {one.long_name}"
    return {
        f"{one.name}_geometric": xr.apply_ufunc(np.exp, mean).assign_attrs(long_name=words, units=one.units),
        f"{one.name}_geometric_error": error.assign_attrs(
            long_name=f"standard error over seeds of the logarithm of: {one.long_name}", units="1"
        ),
    }


def _exponent(cells: xr.Dataset, one: Observable, law: PowerLaw) -> dict[str, xr.DataArray]:
    """Return the fitted exponent with its error; nothing where fewer than two places can be fitted."""
    axis = cells[law.axis]
    near = axis.values[axis.values <= FITTED_RANGE * axis.values.min() * (1 + 1e-9)]
    if near.size < 2:
        return {}
    some = cells.sel({law.axis: near})
    x, there = np.log(some[law.axis]), some["valid"].all(law.axis)
    away = x - x.mean()
    slope = (away * _logarithms(some, one.name)).sum(law.axis, skipna=False) / (away**2).sum()
    mean, error = _over_sets(slope.where(there), there.sum("seed"))
    words = f"exponent of {law.axis}, fitted up to {near.max():g}, of: {one.long_name}"
    facts = {"units": "1", "stated": law.exponent, "fitted_up_to": float(near.max())}
    return {
        f"{one.name}_exponent": mean.assign_attrs(facts, long_name=words, source=law.source),
        f"{one.name}_exponent_error": error.assign_attrs(
            long_name=f"standard error over seeds of: {words}", units="1"
        ),
    }


def _over_sets(values: xr.DataArray, count: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the mean over the sets and its standard error; NaN where one of `count` sets has no value."""
    whole = values.notnull().sum("seed") == count
    mean = values.mean("seed").where(whole & (count > 0))
    return mean, (values.std("seed", ddof=1) / count**0.5).where(whole & (count > 1))
