"""Each boundary of a study of several sizes at N → ∞: by powers of N, and by a scaling collapse."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mattis.exact.arrays import Reals
from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.collapse import Collapse, collapse
from mattis.statistics.finite_size import POWERS, limit
from mattis.statistics.spinodals import SPINODAL
from mattis.statistics.survival import resolution
from mattis.statistics.two_starts import STARTS_OVERLAP
from mattis.study.base import Study
from mattis.study.model import Boundary

FEWEST_COLLAPSED = 3
"""Sizes of a collapse at least: two curves can be laid upon each other whatever they are."""

JUMP, ANALYTIC = "2/3", "1"
"""Powers that theory knows: of temperatures at which a state is left that ends by a jump, and of means.

Such a state is left after ln tau ~ N (T_M - T)^(3/2) sweeps (R. B. Griffiths, C.-Y. Weng & J. S. Langer,
Phys. Rev. 149, 301 (1966)), so that at any one age half of the networks have left it at T_M - T ~ N^(-2/3).
The mean of an analytic function of what fluctuates as N^(-1/2) moves as 1/N.
"""


def thermodynamic_limits(out: xr.Dataset, cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return what the boundaries of several sizes are at N → ∞, with two errors; nothing of one size.

    Of each boundary: boundary_X_extrapolated with its statistical _error and its _systematic (see `limit`);
    boundary_X_fits and its like over (power, smallest_size), each fit of it; and, of three sizes or more,
    boundary_X_collapse with its _error, _power (1/nu), _power_error and _quality (see `collapse`).

    Parameters
    ----------
    out
        The boundaries with their errors.
    cells, study
        The cells and their study.
    """
    found = xr.Dataset()
    own = study.described_model.boundaries
    for boundary in (*own, STARTS_OVERLAP, SPINODAL):
        name = f"boundary_{boundary.name}"
        if name not in out or out[name].sizes.get("size", 1) < 2 or not _is_known(out[name]):
            continue
        found.update(_limits(out, boundary, _known_power(boundary, study)))
        if out.sizes["size"] >= FEWEST_COLLAPSED and boundary in own:
            found.update(_collapses(out.assign(found.data_vars), cells, boundary, study))
    return found


def _is_known(place: xr.DataArray) -> bool:
    """Tell whether two sizes have a place anywhere."""
    return bool((place.notnull().sum("size") > 1).any())


def ends_by_a_jump(study: Study) -> bool:
    """Tell whether states end by a jump, at one load whatever the size."""
    if not isinstance(study, BinaryStudy) or study.stored != "load":
        return False
    return all(inquiry.judging.nearness > 0 for inquiry in study.inquiries)


def _known_power(boundary: Boundary, study: Study) -> str | None:
    """Return the power of N that theory knows of a boundary; None where it knows none."""
    if boundary is SPINODAL:
        return ANALYTIC
    retrieved = boundary.name == "temperature" and boundary.fraction == "retrieved"
    return JUMP if (retrieved or boundary is STARTS_OVERLAP) and ends_by_a_jump(study) else None


HEADLINE: Mapping[str, str] = {
    "": "",
    "_error": "statistical error of: ",
    "_systematic": "systematic error, the spread of fits, of: ",
}
"""What is said of a limit: ends of names, and words before its own."""

FITTED: Mapping[str, tuple[str, str]] = {
    "": ("value", "each fit of it: "),
    "_error": ("error", "statistical error of each fit: "),
    "_omega": ("omega", "power of N of each fit: "),
    "_omega_error": ("omega_error", "error of the power of N of each fit: "),
    "_amplitude": ("amplitude", "a of x + a N^-omega of each fit: "),
    "_chi2": ("chi2", "chi² of each fit: "),
    "_weight": ("weight", "share of each fit in the mean: "),
}
"""What is said of each fit: ends of names, what it is of `PowerFit`, and words."""


def _limits(out: xr.Dataset, boundary: Boundary, known: str | None) -> xr.Dataset:
    """Return the limit of a boundary at each place of the other axes, and its fits."""
    name = f"boundary_{boundary.name}"
    place = out[name].transpose("size", ...)
    sizes, rest, shape = out["size"].values.astype(np.float64), place.dims[1:], place.shape[1:]
    columns = _columns(place), _columns(out[f"{name}_error"].transpose(*place.dims))
    found = [limit(sizes, *pair, known) for pair in zip(*columns, strict=True)]
    words = f"{boundary.meaning}, extrapolated to N -> infinity"
    law = f"x + a N^(-{known})" if known else "x + a N^(-omega), the mean over omega"
    criterion = f"{place.attrs['criterion']}; on {law}, to the end of the state"
    facts = {**place.attrs, "criterion": criterion, "units": boundary.units}
    limits = xr.Dataset(coords={key: out[key] for key in rest if key in out.coords})
    for end, before in HEADLINE.items():
        key = end.removeprefix("_") or "value"
        values = [np.nan if one is None else getattr(one, key) for one in found]
        about = {**facts, "long_name": f"{before}{words}"}
        limits[f"{name}_extrapolated{end}"] = (rest, np.reshape(values, shape), about)
    if f"{name}_flag" in out:
        every = out[f"{name}_flag"].where(out[name].notnull(), 0).max("size").astype(np.int64)
        limits[f"{name}_extrapolated_flag"] = every.assign_attrs(out[f"{name}_flag"].attrs)
    smallest = np.sort(sizes)[:-1]
    for end, (key, before) in FITTED.items():
        table = np.full((len(POWERS), smallest.size, len(found)), np.nan)
        for column, one in enumerate(found):
            for fit in one.fits if one else ():
                row = [*POWERS].index(fit.power), np.flatnonzero(smallest == fit.smallest)[0]
                table[(*row, column)] = getattr(fit, key)
        units = boundary.units if key in ("value", "error", "amplitude") else "1"
        about = {"long_name": f"{before}{words}", "units": units}
        fits = table.reshape(*table.shape[:2], *shape)
        limits[f"{name}_fits{end}"] = (("power", "smallest_size", *rest), fits, about)
    about = {"long_name": "smallest size that a fit retains", "units": "1"}
    named = {"long_name": "power omega of N in a fit", "units": "1"}
    return limits.assign_coords(
        power=("power", np.array([*POWERS], object), named),
        smallest_size=("smallest_size", smallest.astype(np.int64), about),
    )


def _columns(values: xr.DataArray) -> Reals:
    """Return values over (size, …) with the sizes last, one row for each place of the other axes."""
    return np.asarray(values.values.reshape(values.sizes["size"], -1).T, np.float64)


COLLAPSED: Mapping[str, tuple[str, str]] = {
    "": ("place", "by a scaling collapse in (x - x_c) N^(1/nu): "),
    "_error": ("place_error", "where the quality is 1 worse, half of that range, of the collapse: "),
    "_power": ("power", "1/nu of the collapse: "),
    "_power_error": ("power_error", "where the quality is 1 worse, half of that range of 1/nu: "),
    "_quality": ("quality", "reduced chi² of the collapse (Houdayer & Hartmann 2004): "),
}
"""What is said of a collapse: ends of names, what it is of `Collapse`, and words."""


def _collapses(out: xr.Dataset, cells: xr.Dataset, boundary: Boundary, study: Study) -> xr.Dataset:
    """Return the collapse of the fraction of a boundary at each place of the other axes."""
    name = f"boundary_{boundary.name}"
    place = out[name].transpose("size", ...)
    rest, shape = place.dims[1:], place.shape[1:]
    near, known = out[f"{name}_extrapolated"].values.ravel(), _columns(place)
    found: list[Collapse | None] = []
    for column, curves in enumerate(_curves(cells, boundary, study, rest)):
        enough = np.isfinite(known[column]).sum() >= FEWEST_COLLAPSED
        found.append(collapse(*curves, float(near[column])) if enough else None)
    units = {"place": boundary.units, "place_error": boundary.units}
    collapses = xr.Dataset()
    for end, (key, before) in COLLAPSED.items():
        values = [np.nan if one is None else getattr(one, key) for one in found]
        about = {
            "criterion": place.attrs["criterion"],
            "long_name": f"{before}{boundary.meaning}",
            "units": units.get(key, "1"),
        }
        collapses[f"{name}_collapse{end}"] = (rest, np.reshape(values, shape), about)
    return collapses


Curves = tuple[Reals, Reals, Reals, Reals]
"""Sizes (n,); places, fractions and their errors (n, points), places rising."""


def _curves(cells: xr.Dataset, boundary: Boundary, study: Study, rest: Sequence[Any]) -> Iterator[Curves]:
    """Yield the fractions of all sizes along the axis of a boundary, at each place of the other axes."""
    (one,) = (one for one in study.described_model.observables if one.name == boundary.fraction)
    values = cells[boundary.fraction].where(cells["valid"])
    count = values.notnull().sum("seed")
    least = ONE_ANSWER * resolution(cells, one, study) / count
    spread = values.std("seed", ddof=1) / count**0.5
    error = spread.where(spread > least, least)
    order = (*rest, "size", boundary.dimension)
    table = [
        of.broadcast_like(count).transpose(*order).values
        for of in (cells[boundary.position], values.mean("seed"), error)
    ]
    sizes = cells["size"].values.astype(np.float64)
    for place, fraction, wide in zip(*[of.reshape(-1, *of.shape[-2:]) for of in table], strict=True):
        sort = np.argsort(place, axis=1)
        rows = [np.take_along_axis(of, sort, axis=1) for of in (place, fraction, wide)]
        yield sizes, rows[0], rows[1], rows[2]


ONE_ANSWER = 0.7
"""The error of a fraction on which all n answers agree, times n: (k + 1/2)/(n + 1) at k = 0 has 0.7/n."""
