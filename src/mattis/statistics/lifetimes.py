"""From times that are cut off to rates: how often something happens, where some chains end before it does.

A run ends, and whatever still lives then has lived at least that long. The mean of such times says how long
the run was; deaths over the time at risk are the estimate of maximum likelihood of a constant rate, and a
curve of Kaplan and Meier needs no constant rate. All limits are two-sided, with probability `CONFIDENCE`.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.special import gammaincinv, ndtri

from mattis.exact.arrays import Reals
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.keys import DriftStudy
from mattis.study.base import Study

MOSTLY_CENSORED = 1024
"""Bit of `flag`: more than half of the chains outlived the run, and their mean time is that of the run."""

CONFIDENCE = 0.95
"""Probability of intervals."""


def poisson_limits(counts: ArrayLike) -> tuple[Reals, Reals]:
    """Return the limits between which the expected value of a Poisson number lies, given the number D.

    chi²_{q}(2 D)/2 and chi²_{1-q}(2 D + 2)/2, q = (1 - CONFIDENCE)/2; the lower one is 0 at D = 0. Exact:
    F. Garwood, Biometrika 28, 437 (1936).
    """
    found, tail = np.asarray(counts, np.float64), (1 - CONFIDENCE) / 2
    low = np.where(found > 0, gammaincinv(np.where(found > 0, found, 1.0), tail), 0.0)
    return np.where(np.isnan(found), np.nan, low), gammaincinv(found + 1, 1 - tail)


def rate_of(deaths: ArrayLike, time: ArrayLike) -> tuple[Reals, Reals, Reals]:
    """Return deaths/time and its limits: D/T, those of D over T; NaN where no time was spent.

    The estimate of maximum likelihood of a constant rate from times some of which are cut off (B. Epstein &
    M. Sobel, J. Am. Stat. Assoc. 48, 486 (1953)), and of the probability to die in each of T sweeps. The
    limits take D as Poisson (`poisson_limits`): a little too wide where most sweeps are deadly.
    """
    count, spent = np.asarray(deaths, np.float64), np.asarray(time, np.float64)
    spent = np.where(spent > 0, spent, np.nan)
    low, high = poisson_limits(count)
    return count / spent, low / spent, high / spent


def escape_rate(times: ArrayLike, died: ArrayLike) -> tuple[float, float, float]:
    """Return the rate at which states are left, and its limits: deaths over the sum of all times.

    D / sum_i t_i: Epstein & Sobel (1953), Garwood (1936), see `rate_of`.

        rate, low, high = escape_rate(cells["survival_time"], cells["survived"] == 0)

    times  # until the end of each life, or until it was not followed any more
    died   # whether it ended
    """
    lived, ended = _lives(times, died)
    rate, low, high = rate_of(ended.sum(), lived.sum())
    return float(rate), float(low), float(high)


def kaplan_meier(times: ArrayLike, died: ArrayLike) -> tuple[Reals, Reals, Reals, Reals]:
    """Return t, S(t) and its limits: the probability to live longer, at 0 and every death.

    S(t) = prod_{t_i ≤ t} (1 - d_i/n_i), d_i deaths among the n_i that live until t_i (E. L. Kaplan &
    P. Meier, J. Am. Stat. Assoc. 53, 457 (1958)). Limits S^exp(∓z s/ln S), s² = sum d_i/(n_i (n_i - d_i)) of
    Greenwood, on the scale ln(-ln S): J. D. Kalbfleisch & R. L. Prentice, The Statistical Analysis of
    Failure Time Data (1980), sec. 1.3. They are NaN once nothing lives.
    """
    lived, ended = _lives(times, died)
    place, deaths = np.unique(lived[ended], return_counts=True)
    at_risk = (lived[None] >= place[:, None]).sum(axis=1)
    alive = np.cumprod((at_risk - deaths) / at_risk)
    alive[at_risk == deaths] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(deaths / (at_risk * (at_risk - deaths)))) / np.log(alive)
        reach = -ndtri((1 - CONFIDENCE) / 2) * spread  # below 0, as the logarithm is
        low, high = alive ** np.exp(-reach), alive ** np.exp(reach)
    for limits in (low, high):
        limits[alive == 0] = np.nan
    return np.append(0.0, place), np.append(1.0, alive), np.append(1.0, low), np.append(1.0, high)


def _lives(times: ArrayLike, died: ArrayLike) -> tuple[Reals, np.ndarray]:
    """Return times and ends as flat arrays. Raises ValueError for what are no such things."""
    lived, ended = np.ravel(np.asarray(times, np.float64)), np.ravel(np.asarray(died, bool))
    if lived.shape != ended.shape or not (lived > 0).all():
        raise ValueError("times: expected times above 0, and for each of them whether it ended")
    return lived, ended


def with_lifetimes(estimates: xr.Dataset, cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return estimates with the rates of what happens once or now and then, where cells hold its times."""
    out, question = estimates, study.asked.name if isinstance(study, BinaryStudy) else None
    if question == "survival":
        out = _with_escapes(out, cells, study)
    if question == "transitions":
        out = out.assign(_transitions(cells, study))
    if isinstance(study, DriftStudy) and "reached_after" in cells:
        out = out.assign(reached_after_median=_median(cells["reached_after"], cells["valid"]))
    return out


def _with_escapes(estimates: xr.Dataset, cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return estimates with the rate at which states are left, and a flag where most outlived the run.

    A cell holds means over its cues, of whole numbers: their sums are those numbers again.
    """
    cues, valid = study.protocol.cues, cells["valid"]
    time = (cells["survival_time"] * cues).round().where(valid, 0.0).sum("seed")
    dead = ((1 - cells["survived"]) * cues).round().where(valid, 0.0).sum("seed")
    chains = valid.sum("seed") * cues
    deaths = dead.where(chains > 0)
    out = estimates.assign(deaths=_named(deaths, "number of cues whose overlap fell below"))
    out = out.assign(_with_limits("escape_rate", "deaths per sweep that was lived through", deaths, time))
    flag = estimates["flag"] + MOSTLY_CENSORED * (2 * dead < chains)
    return out.assign(flag=flag.astype(np.int64).assign_attrs(estimates["flag"].attrs))


def _transitions(cells: xr.Dataset, study: Study) -> dict[str, xr.DataArray]:
    """Return the net number of transitions of all seeds, and the limits of their rate.

    They are those of a Poisson number as large, either way. Where nothing moved there is no time from one
    pattern to the next (NaN), but that there were no moves in so many sweeps is known.
    """
    protocol, valid = study.protocol, cells["valid"]
    each = protocol.asking.measure * protocol.cues
    net = (cells["transition_rate"] * each).round().where(valid, 0.0).sum("seed")
    spent = (valid.sum("seed") * each).where(valid.any("seed"))
    low, high = (abs(net).copy(data=limit) for limit in poisson_limits(abs(net)))
    words = "limit of the transition rate, 95 %, as if transitions were independent of each other"
    lower = xr.where(net > 0, low, -high) / spent
    return {
        "transitions": _named(net.where(valid.any("seed")), "number of transitions, net"),
        "transition_rate_low": _named(lower, f"lower {words}", "1/sweep"),
        "transition_rate_high": _named(xr.where(net < 0, -low, high) / spent, f"upper {words}", "1/sweep"),
    }


def _median(times: xr.DataArray, valid: xr.DataArray) -> xr.DataArray:
    """Return the time at which half of the seeds are done (S ≤ 1/2): those that never were count as later.

    NaN where fewer than half of the seeds that exist were done.
    """
    late = times.where(valid).fillna(np.inf).transpose(..., "seed")
    count = valid.sum("seed")
    ranked = late.copy(data=np.sort(late.values, axis=-1))
    half = ((count + 1) // 2 - 1).clip(min=0)
    median = ranked.isel(seed=half).drop_vars("seed", errors="ignore")
    words = f"median over seeds, those that did not count as later, of: {times.attrs['long_name']}"
    return _named(median.where(np.isfinite(median)), words, times.attrs["units"])


def _with_limits(name: str, words: str, deaths: xr.DataArray, time: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return a rate and its limits, with their names and units."""
    found = [deaths.copy(data=values) for values in rate_of(deaths.values, time.values)]
    said = (words, f"lower limit, 95 %, of: {words}", f"upper limit, 95 %, of: {words}")
    pairs = zip((name, f"{name}_low", f"{name}_high"), found, said, strict=True)
    return {key: _named(values, word, "1/sweep") for key, values, word in pairs}


def _named(values: xr.DataArray, words: str, units: str = "1") -> xr.DataArray:
    """Return values with what they are."""
    return values.assign_attrs(long_name=words, units=units)
