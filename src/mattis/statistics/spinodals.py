"""Where a state ends by itself: the load at which the overlap of the chains that stay in it would turn back.

A state that ends at alpha_s does so as m - m_s ~ (alpha_s - alpha)^(1/2) (K. Binder, Rep. Prog. Phys. 50,
783 (1987), on spinodals). The root hides in a parabola: with x = 1/erf^-1(m), noise over signal of a
Gaussian field whose sign has the overlap m, sqrt(alpha) is a parabola in x up to its top. Of the
replica-symmetric m at T = 0.04, loads 0.09 to 0.132, this finds 0.1382, where the state ends at 0.1380.
Chains that left are no part of it.
"""

import numpy as np
import xarray as xr
from scipy.special import erfinv

from mattis.exact.arrays import Reals
from mattis.networks.binary.retrieval import RetrievalStudy
from mattis.statistics.boundaries import LOST_RESAMPLES, RESAMPLES, resampled_seeds
from mattis.statistics.survival import apart, bare, survived
from mattis.study.base import Study
from mattis.study.model import Boundary

SPINODAL = Boundary(
    "load_spinodal", "survived", "load", "realised_load",
    "load at which the overlap of cues that stay would turn back: the square-root end of their state",
)  # fmt: skip
"""What is fitted here, as a boundary of several sizes."""

FEWEST_STAY = 0.99
"""Share of the cues that stay at a load whose overlap counts: of fewer, those that left were the weakest."""

FEWEST_LOADS = 6
"""Loads at least: a parabola and a third of them more, which the systematic error leaves out."""


def spinodals(cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return the load at which the state of the cues that stay ends, with errors; of three sizes or more.

    Of each size and temperature: boundary_load_spinodal, its statistical error (bootstrap over seeds), and
    boundary_load_spinodal_range, how far it moves without the lowest third of its loads. NaN with fewer than
    six loads at which 99 % of the cues stay, or where the parabola has no top beyond them.
    """
    share = survived(cells, study)
    usual = isinstance(study, RetrievalStudy) and share is not None and "load" in cells.dims
    if not usual or share is None or min(cells.sizes["size"] - 2, cells.sizes["load"] - FEWEST_LOADS) <= 0:
        return xr.Dataset()
    (overlap,) = (one for one in study.described_model.observables if one.name == "overlap")
    share = bare(share.where(cells["valid"]))
    stayed, _ = apart(bare(cells), share, overlap)
    core = [["load"], ["load", "seed"], ["load", "seed"]]
    found = xr.apply_ufunc(
        _ends, cells["realised_load"], share, stayed, input_core_dims=core,
        output_core_dims=[[], [], []], vectorize=True,
    )  # fmt: skip
    name, words = f"boundary_{SPINODAL.name}", SPINODAL.meaning
    criterion = f"top of the parabola sqrt(load) over 1/erf^-1(m), where {FEWEST_STAY:.0%} of the cues stay"
    facts = {"units": SPINODAL.units, "criterion": criterion}
    told = {
        name: words,
        f"{name}_error": f"standard error of: {words}",
        f"{name}_range": f"systematic error: what the lowest third of the loads moves of: {words}",
    }
    return xr.Dataset(
        {
            key: values.assign_attrs(facts, long_name=word)
            for (key, word), values in zip(told.items(), found, strict=True)
        }
    )


def _ends(load: Reals, share: Reals, stayed: Reals) -> tuple[float, float, float]:
    """Return the end of one state, its standard error, and what it moves by without the lowest loads.

    load  # (n,); share, stayed  # (n, seeds): of the cues that stay, and their overlap
    """
    nothing = (np.nan, np.nan, np.nan)
    seeds = ~np.isnan(share).any(axis=0)
    share, stayed = share[:, seeds], np.where(share > 0, stayed, 0.0)[:, seeds]
    if share.shape[1] < 2:
        return nothing
    some = np.logical_and.accumulate(share.mean(axis=1) >= FEWEST_STAY)
    load, share, stayed = load[some], share[some], stayed[some]
    if load.size < FEWEST_LOADS:
        return nothing
    place = float(_tops(load, (share * stayed).sum(axis=1) / share.sum(axis=1)))
    chosen = resampled_seeds(share.shape[1], 0, RESAMPLES)
    means = (share * stayed)[:, chosen].sum(axis=2) / share[:, chosen].sum(axis=2)
    places = _tops(load, means)
    if np.isnan(places).mean() > LOST_RESAMPLES or np.isnan(place):
        return nothing
    spread = float(np.nanstd(places)) * (share.shape[1] / (share.shape[1] - 1)) ** 0.5
    third = load.size // 3
    upper = float(_tops(load[third:], (share * stayed).sum(axis=1)[third:] / share.sum(axis=1)[third:]))
    return place, spread, abs(upper - place)


def _tops(load: Reals, overlap: Reals) -> Reals:
    """Return the load at the top of the parabola of each column of overlaps; NaN without one beyond them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x = 1 / erfinv(overlap.reshape(load.size, -1))
        middle = x.mean(axis=0)
        powers = np.stack([np.ones_like(x), x - middle, (x - middle) ** 2], axis=-1).swapaxes(0, 1)
        square = powers.swapaxes(1, 2) @ powers
        good = np.isfinite(square).all(axis=(1, 2))
        inverse = np.linalg.pinv(np.where(good[:, None, None], square, 0.0), hermitian=True)
        right = np.nan_to_num(powers.swapaxes(1, 2) @ np.sqrt(load)[:, None])
        c0, c1, c2 = (inverse @ right)[..., 0].T
        top = -c1 / (2 * c2)
        beyond = good & (c2 < 0) & (top > x.max(axis=0) - middle)
        found = np.where(beyond, (c0 - c1**2 / (4 * c2)) ** 2, np.nan)
        found[found > 2 * load[-1] - load[0]] = np.nan  # farther beyond the loads than these reach
    return np.asarray(found.reshape(overlap.shape[1:]), np.float64)
