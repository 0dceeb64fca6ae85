"""Means over seeds with their errors and flags, and all that is said of them.

The seeds are independent pattern sets, so the spread between them carries both errors: that of the
quenched patterns and that of finite chains. Cells of one pattern set at different temperatures share
its patterns and are correlated; cells of different loads are not.
"""

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from mattis.errors import UserError
from mattis.networks.registry import StudyLike, load_study
from mattis.statistics.boundaries import boundaries
from mattis.statistics.fractions import with_interval
from mattis.statistics.lifetimes import MOSTLY_CENSORED, with_lifetimes
from mattis.statistics.power_laws import power_laws
from mattis.statistics.spinodals import spinodals
from mattis.statistics.states import FEWEST_SEEDS, states
from mattis.statistics.survival import GIVEN, bare, motion, resolution, survival
from mattis.statistics.thermodynamic_limit import thermodynamic_limits
from mattis.study.base import Study
from mattis.study.model import FLAGS, Histogram, Observable

BIMODAL, FEW_SEEDS, INCOMPLETE, FAILED = 64, 128, 256, 512
ALL_FLAGS: Mapping[int, str] = {
    **FLAGS,
    BIMODAL: "bimodal",
    FEW_SEEDS: "few_seeds",
    INCOMPLETE: "incomplete",
    FAILED: "failed",
    MOSTLY_CENSORED: "mostly_censored",
}
TWO_STATES = 0.2
"""A gap between the overlaps of retrieved and lost cues that no single state at N of hundreds has."""


def aggregate(cells: xr.Dataset, study: StudyLike | None = None) -> xr.Dataset:
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
        X_disorder_error, the rest. Fractions of answers (`Observable.fraction`) have X_low and X_high, the
        ends of an interval of 95 % (see `with_interval`). `seeds` is the number of seeds, `asked` (of a
        study that is refined) how many its rounds asked for, `flag` a mask of the flags of the cells and of
        the set of seeds. Histograms have their bins joined along an axis of their own: overlap_distribution
        along q. Of models with a state to stay in: `survived`,
        X_given_survival and X_given_loss with their errors (see `survival`); of sequences `moved` and its
        like (see `motion`); of chains at a temperature
        `state`, what they are in, in words (see `states`). Of powers
        of an axis X_geometric and X_exponent (see `power_laws`). boundary_X and its like: see `boundaries`,
        `spinodals` and `thermodynamic_limits`.

    Raises
    ------
    UserError
        Cells that do not say which of them are there, as of `xarray.open_zarr`; no study.

    Examples
    --------
    >>> estimates = mattis.aggregate(mattis.open_results(study), study)
    >>> estimates["overlap"] / estimates["overlap_error"]
    """
    study = _study_of(cells, study)
    out = cells[["patterns", "realised_load"]].copy()
    out["seeds"] = cells["valid"].sum("seed").assign_attrs(long_name="number of seeds", units="1")
    if "asked" in cells:  # of a study that is refined, whose cube has holes
        words = "number of seeds that are asked for"
        out["asked"] = cells["asked"].sum("seed").assign_attrs(long_name=words, units="1")
    for observable in study.described_model.observables:
        alone = observable.histogram is None and observable.name != "flag"
        if alone and not observable.name.endswith(("_thermal_error", GIVEN)):
            out.update(_estimates(observable, cells, study))
    for histogram in study.described_model.histograms:
        out = out.merge(_joined(histogram, cells, study))
    out["flag"] = _flags(cells, out, study)
    out = with_lifetimes(out, cells, study)
    out = out.assign(_variables(power_laws(cells, study)))
    out = out.assign(_variables(survival(cells, study)))
    out = out.assign(_variables(motion(cells, study)))
    out = out.assign(_variables(states(cells, out, study)))
    out = out.assign(_variables(boundaries(cells, study)))
    out = out.assign(_variables(spinodals(cells, study)))
    return out.assign(thermodynamic_limits(out, cells, study).data_vars)


def _study_of(cells: xr.Dataset, study: StudyLike | None) -> Study:
    """Return the study of some cells. Raises UserError without one, or for cells of another opener."""
    lacking = [name for name in ("valid", "realised_load", "patterns") if name not in cells]
    if lacking or study is None:
        got = f"cells without {' and '.join(lacking)}" if lacking else "no study"
        raise UserError(
            f"aggregate: got {got}; expected the cells of a store that mattis has opened, whose digests say "
            "which are there, and their study: mattis.aggregate(mattis.open_results(study), study)"
        )
    return load_study(study)


def _estimates(one: Observable, cells: xr.Dataset, study: Study) -> dict[str, xr.DataArray]:
    """Return the mean of an observable over the seeds with its errors, and the interval of a fraction."""
    name, of, plain = one.name, cells[one.name], bare(cells)
    valid, smallest = plain["valid"], resolution(cells, one, study)
    count = valid.sum("seed")
    mean, error = _mean_and_error(plain[name], valid, smallest / count)
    found = {
        name: mean.assign_attrs(of.attrs),
        f"{name}_error": _described(error, "standard error over seeds", of),
    }
    if one.fraction:
        interval = with_interval(name, plain[name], valid, smallest, one.long_name)
        found |= {end: interval[end] for end in (f"{name}_low", f"{name}_high")}
    if f"{name}_thermal_error" in cells:
        chains = plain[f"{name}_thermal_error"].where(valid, 0.0)
        thermal = (chains**2).sum("seed", skipna=False) ** 0.5 / count
        rest = (error**2 - thermal**2).clip(min=0.0) ** 0.5
        found[f"{name}_thermal_error"] = _described(thermal, "thermal part of the error", of)
        found[f"{name}_disorder_error"] = _described(rest, "disorder part of the error", of)
    return found


def _joined(one: Histogram, cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return the mean of each bin of a histogram over the seeds, with its error, along the axis of bins."""
    values = xr.concat([cells[bin_.name] for bin_ in one.bins], one.along).transpose(..., one.along)
    whole = Observable(one.name, one.long_name, one.units, one.smallest)
    named = values.assign_attrs(long_name=one.long_name, units=one.units)
    words = {"long_name": f"{one.counted}: centres of bins", "units": "1", "width": one.width}
    found = xr.Dataset(_estimates(whole, cells.assign({one.name: named}), study))
    return found.assign_coords({one.along: (one.along, np.array(one.centres), words)})


def _variables(found: xr.Dataset) -> Mapping[Hashable, xr.Variable]:
    """Return the data of some estimates without coordinates: those that they join have them, with words."""
    return {name: values.variable for name, values in found.data_vars.items()}


def _described(values: xr.DataArray, words: str, of: xr.DataArray) -> xr.DataArray:
    """Return errors with their attributes: long name after that of an observable, and its unit."""
    return values.assign_attrs(long_name=f"{words} of: {of.attrs['long_name']}", units=of.attrs["units"])


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
    wanted = out["asked"] if "asked" in out else cells.sizes["seed"]
    flag = flag + FEW_SEEDS * ((out["seeds"] < FEWEST_SEEDS) & (wanted > 0))
    flag = flag + INCOMPLETE * (out["seeds"] < wanted)
    if "failed" in cells:
        flag = flag + FAILED * cells["failed"].any("seed")
    return flag.astype(np.int64).assign_attrs(
        long_name="what makes an estimate not trustworthy; 0 if nothing does",
        units="1",
        flag_masks=list(ALL_FLAGS),
        flag_meanings=" ".join(ALL_FLAGS.values()),
    )
