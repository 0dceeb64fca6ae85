"""From seeds to estimates: means with their errors, flags, and where retrieval ends.

The seeds are independent pattern sets, so the spread between them carries both errors: that of the
quenched patterns and that of finite chains. Cells of one pattern set at different temperatures share
its patterns and are correlated; cells of different loads are not.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from mattis.exact import rng
from mattis.exact.arrays import Reals
from mattis.lifetimes import MOSTLY_CENSORED, with_lifetimes
from mattis.networks.registry import StudyLike, as_study
from mattis.study.base import Study
from mattis.study.model import FLAGS, Model, Observable

BIMODAL, FEW_SEEDS, INCOMPLETE, FAILED = 64, 128, 256, 512
ALL_FLAGS: Mapping[int, str] = {
    **FLAGS,
    BIMODAL: "bimodal",
    FEW_SEEDS: "few_seeds",
    INCOMPLETE: "incomplete",
    FAILED: "failed",
    MOSTLY_CENSORED: "mostly_censored",
}
FEWEST_SEEDS = 4
"""Below this many seeds the spread between them says little about the error."""

RESAMPLES = 200
"""Bootstrap samples of the seeds for the error of a boundary, which they give to 5 %."""

TWO_STATES = 0.2
"""A gap between the overlaps of retrieved and lost cues that no single state at N of hundreds has."""

VALUES_AT_ONCE = 2**21
"""Values that are resampled at once: all resamples of a large study would not fit into memory."""

CellNumbers = NDArray[np.int64]


def aggregate(cells: xr.Dataset, study: StudyLike) -> xr.Dataset:
    """Return the estimates of a study: means over seeds with their errors, flags and boundaries.

    Parameters
    ----------
    cells
        The cells of the study, as `mattis.open_results` returns them: one array per observable over
        the dimensions of the study, `seed` last, and `valid`.
    study
        The study of these cells, or its file, or its keys.

    Returns
    -------
    xarray.Dataset
        The cells without `seed`. Each observable X in its unit is the mean over the existing seeds, and
        X_error its standard error over seeds. Of the overlap and the energy this is split into
        X_thermal_error, from the chains' autocorrelation times (NaN where one of them is too short), and
        X_disorder_error, the rest. `seeds` is the number of seeds, `flag` a mask of the flags of the cells
        and of the set of seeds. boundary_X and boundary_X_error: see `boundaries`.

    Examples
    --------
    >>> estimates = mattis.aggregate(mattis.open_results(study), study)
    >>> estimates["overlap"] / estimates["overlap_error"]
    """
    study = as_study(study)
    out = cells[["patterns", "realised_load"]].copy()
    count = cells["valid"].sum("seed")
    out["seeds"] = count.assign_attrs(long_name="number of seeds", units="1")
    for observable in study.described_model.observables:
        name = observable.name
        if name == "flag" or name.endswith("_thermal_error"):
            continue
        smallest = _resolution(observable, cells, study) / count
        mean, error = _mean_and_error(cells[name], cells["valid"], smallest)
        out[name] = mean.assign_attrs(cells[name].attrs)
        out[f"{name}_error"] = _described(error, "standard error over seeds", cells[name])
        if f"{name}_thermal_error" in cells:
            chains = cells[f"{name}_thermal_error"].where(cells["valid"], 0.0)
            thermal = (chains**2).sum("seed", skipna=False) ** 0.5 / count
            rest = (error**2 - thermal**2).clip(min=0.0) ** 0.5
            out[f"{name}_thermal_error"] = _described(
                thermal, "thermal part of the error", cells[name]
            )
            out[f"{name}_disorder_error"] = _described(
                rest, "disorder part of the error", cells[name]
            )
    out["flag"] = _flags(cells, out, study)
    out = with_lifetimes(out, cells, study)
    return out.merge(boundaries(cells, study.described_model))


def _described(values: xr.DataArray, words: str, of: xr.DataArray) -> xr.DataArray:
    """Return errors with their attributes: long name after that of an observable, and its unit."""
    long_name = f"{words} of: {of.attrs['long_name']}"
    return values.assign_attrs(long_name=long_name, units=of.attrs["units"])


def _mean_and_error(
    values: xr.DataArray, valid: xr.DataArray, resolution: xr.DataArray | float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the mean over the seeds that exist and its standard error; NaN where not known.

    A value that was refused (an autocorrelation time) makes the mean NaN: leaving it out would bias.
    No error is below the resolution: seeds that agree to the last spin do not prove it to be zero.
    """
    count = valid.sum("seed")
    mean = values.where(valid, 0.0).sum("seed", skipna=False) / count.where(count > 0)
    squares = ((values - mean).where(valid, 0.0) ** 2).sum("seed", skipna=False)
    error = (squares / (count * (count - 1)).where(count > 1)) ** 0.5
    return mean, error.where(error.isnull() | (error > resolution), resolution)


def _resolution(observable: Observable, cells: xr.Dataset, study: Study) -> xr.DataArray | float:
    """Return the smallest change that one pattern set could have shown, such as one spin."""
    if observable.smallest is None:
        return 0.0
    smallest: xr.DataArray | float = observable.smallest(
        cells["size"], cells["patterns"], study.protocol
    )
    return smallest


def _two_states(cells: xr.Dataset, out: xr.Dataset, study: Study) -> xr.DataArray | bool:
    """Tell where some replicas are in one state, some in another, and the two lie apart.

    A fraction r at m + gap and the rest at m spread by gap √(r(1-r)); a mean of K cues by 1/√K less.
    """
    states = study.described_model.states
    if states is None:
        return False
    parameter, fraction = states
    share = out[fraction]
    mixed = (share > 0) & (share < 1)
    spread = cells[parameter].std("seed") * getattr(study.protocol, "cues", 1) ** 0.5
    gap = spread / (share * (1 - share)).where(mixed) ** 0.5
    apart: xr.DataArray = mixed & (gap > TWO_STATES)
    return apart


def _flags(cells: xr.Dataset, out: xr.Dataset, study: Study) -> xr.DataArray:
    """Collect the flags of the cells, and add those of the set of seeds."""
    flag = xr.zeros_like(out["seeds"])
    for bit in FLAGS:
        flag = flag + bit * ((cells["flag"] & bit) > 0).any("seed")
    flag = flag + BIMODAL * _two_states(cells, out, study)
    flag = flag + FEW_SEEDS * (out["seeds"] < FEWEST_SEEDS)
    flag = flag + INCOMPLETE * (out["seeds"] < cells.sizes["seed"])
    if "failed" in cells:
        flag = flag + FAILED * cells["failed"].any("seed")
    return flag.astype(np.int64).assign_attrs(
        long_name="what makes an estimate not trustworthy; 0 if nothing does",
        units="1",
        flag_masks=list(ALL_FLAGS),
        flag_meanings=" ".join(ALL_FLAGS.values()),
    )


def boundaries(cells: xr.Dataset, model: Model) -> xr.Dataset:
    """Return the labels at which half of the memories are lost, along each dimension that the model names.

    For retrieval: boundary_temperature (size, load, noise), the T at which the retrieved fraction
    falls below 1/2, and boundary_load (size, beta, noise), the load at which it does. Each with an
    error: bootstrap over seeds, and the width of the grid (see `crossing`).
    """
    out = xr.Dataset()
    for boundary in model.boundaries:
        if boundary.dimension not in cells[boundary.fraction].dims:
            continue
        sign = -1.0 if boundary.rises else 1.0
        place, error = xr.apply_ufunc(
            crossing,
            sign * cells[boundary.position],
            cells[boundary.fraction],
            input_core_dims=[[boundary.dimension], [boundary.dimension, "seed"]],
            output_core_dims=[[], []],
            vectorize=True,
        )
        apart = (boundary.dimension, "seed")
        rest = [name for name in cells[boundary.fraction].dims if name not in apart]
        name, described = f"boundary_{boundary.name}", {"units": boundary.units}
        place = (sign * place).transpose(*rest)
        out[name] = place.assign_attrs(described, long_name=boundary.meaning)
        words = f"standard error of: {boundary.meaning}"
        out[f"{name}_error"] = error.transpose(*rest).assign_attrs(described, long_name=words)
    return out


def crossing(position: Reals, fraction: Reals) -> tuple[float, float]:
    """Return the position where a falling fraction crosses 1/2, and its standard error; NaN without one.

    position (n,), fraction (n, seeds). The mean over seeds is made monotone by least squares
    (isotonic regression) and interpolated linearly. The error adds a bootstrap over seeds (B. Efron,
    Ann. Statist. 7, 1 (1979); always the same resamples) and the step of the grid over √12, weighted
    with the fall of the fraction across that step: where it falls from 1 to 0 the crossing may be
    anywhere in between. A resample that does not cross counts as crossing at the end of the grid.
    """
    order = np.argsort(position)[np.isfinite(np.sort(position))]  # nothing is known up to infinity
    position, fraction = position[order], fraction[order]
    fraction = fraction[:, ~np.isnan(fraction).any(axis=0)]
    if fraction.size == 0:
        return np.nan, np.nan
    fraction = fraction[:, np.lexsort(fraction)]  # the order of the seeds must not change the error
    seeds = fraction.shape[1]
    (place,), (grid,) = _halves(position, fraction.mean(axis=1)[None])
    if seeds == 1 or np.isnan(place):
        return float(place), np.nan
    resampled = [_halves(position, means, ends=True)[0] for means in _resamples(fraction)]
    # The spread of resamples is that of n - 1 degrees of freedom.
    spread = np.std(np.concatenate(resampled)) * np.sqrt(seeds / (seeds - 1))
    return float(place), float(np.hypot(spread, grid))


def _resamples(fraction: Reals) -> Iterator[Reals]:
    """Yield the means over resampled seeds, (resamples, positions), some resamples at a time."""
    seeds, by_seed = fraction.shape[1], np.ascontiguousarray(fraction.T)
    step = max(VALUES_AT_ONCE // fraction.size, 1)
    for first in range(0, RESAMPLES, step):
        chosen = _resampled_seeds(seeds, first, min(first + step, RESAMPLES))
        yield by_seed[chosen].mean(axis=1)


@lru_cache(maxsize=1)
def _resampled_seeds(seeds: int, first: int, last: int) -> NDArray[np.uint32]:
    """Return the seeds of resamples first … last-1, (resamples, seeds): the same for every boundary."""
    words = rng.stream(0, "bootstrap", {"seeds": seeds}).words(seeds, np.arange(first, last))
    return words % np.uint32(seeds)


def _halves(position: Reals, fractions: Reals, ends: bool = False) -> tuple[Reals, Reals]:
    """Return the crossing of 1/2 by each row made monotone, and the grid's share of its error.

    Where nothing crosses: NaN, or an end of the grid. A plateau at 1/2 is crossed in its middle.
    """
    falling = _falling(fractions)
    above, below = (falling > 0.5).sum(axis=1), (falling < 0.5).sum(axis=1)
    place, grid = np.full((2, len(falling)), np.nan)
    if ends:
        place = np.where(above == 0, position[0], position[-1])
    row = np.flatnonzero((above > 0) & (below > 0))
    last, first = above[row] - 1, position.size - below[row]
    left = _interpolate(position, falling, row, last, last + 1)
    right = _interpolate(position, falling, row, first - 1, first)
    place[row] = (left + right) / 2
    width = np.maximum(position[first] - position[last], 0.0)
    grid[row] = width / np.sqrt(12.0) * (falling[row, last] - falling[row, first])
    return place, grid


def _falling(fractions: Reals) -> Reals:
    """Return each row made monotone by least squares.

    Rows that fall already are left alone: the regression would return them. Plateaus count as falling only
    at 0 and 1, since elsewhere the regression may change the last bit of their mean.
    """
    step, end = np.diff(fractions, axis=1), (fractions == 0) | (fractions == 1)
    falls = ((step < 0) | ((step == 0) & end[:, 1:])).all(axis=1)
    out = fractions.copy()
    for row in np.flatnonzero(~falls):
        out[row] = isotonic_regression(fractions[row], increasing=False).x
    return out


def _interpolate(
    position: Reals, falling: Reals, row: CellNumbers, high: CellNumbers, low: CellNumbers
) -> Reals:
    """Return the position, in some rows, where the straight line between two neighbours is 1/2."""
    part = (falling[row, high] - 0.5) / (falling[row, high] - falling[row, low])
    return np.asarray(position[high] + part * (position[low] - position[high]))
