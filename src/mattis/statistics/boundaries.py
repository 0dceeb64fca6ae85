"""Where retrieval ends: boundaries with their criterion, their age, and their errors.

A boundary of a finite network is a lifetime: the longer one waits, the further from the end of the state it
lies. So each names its criterion and the sweeps that it waited, and is there at two ages.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.exact import rng
from mattis.exact.arrays import Mask, Reals
from mattis.networks.binary.retrieval import RetrievalStudy
from mattis.statistics.two_starts import STARTS_CRITERIA, with_differences
from mattis.study.base import Study
from mattis.study.model import FLAGS, NOT_EQUILIBRATED, Boundary
from mattis.study.refine import REFINED_AXES

RESAMPLES = 200
"""Bootstrap samples of the seeds for the error of a boundary, which they give to 5 %."""

VALUES_AT_ONCE = 2**21
"""Values that are resampled at once: all resamples of a large study would not fit into memory."""

CellNumbers = NDArray[np.int64]


def boundaries(cells: xr.Dataset, study: Study) -> xr.Dataset:
    """Return the labels at which half of the memories are lost, along each dimension that the model names.

    For retrieval: boundary_temperature (size, load, noise), the T at which the retrieved fraction
    falls below 1/2, and boundary_load (size, beta, noise), the load at which it does. Each with an error:
    bootstrap over seeds, and the width of the grid (see `crossing`). boundary_X_at_least and
    boundary_X_at_most stand where the grid ends before the boundary does. Where chains were looked at by
    halves, boundary_X_early is that of the first half, and boundary_X_shift how far it moved since. Of two
    starts: boundary_starts_overlap and boundary_starts_energy, where these begin to differ (`two_starts`).
    Of equilibrium: boundary_X_flag, whether the cells that it lies between are equilibrated.
    """
    out, twice = xr.Dataset(), "overlap_random" in cells
    cells = with_differences(cells) if twice else cells
    for boundary in (*study.described_model.boundaries, *(STARTS_CRITERIA if twice else ())):
        if boundary.dimension not in cells[boundary.fraction].dims:
            continue
        grid, across = _grid_across(cells, boundary, study)
        found = _described(_boundary(grid, across), boundary, _criterion(study, boundary, False))
        if boundary.in_equilibrium:
            found[f"boundary_{boundary.name}_flag"] = _flag(grid, across)
        if boundary.fraction == "retrieved" and "retrieved_early" in cells:
            early = replace(across, name=f"{boundary.name}_early", fraction="retrieved_early")
            sooner = _described(_boundary(grid, early), early, _criterion(study, early, True))
            place, first = found[f"boundary_{boundary.name}"], sooner[f"boundary_{early.name}"]
            words = f"systematic error: how far it moved since half of the chain, of: {boundary.meaning}"
            found[f"boundary_{boundary.name}_shift"] = (place - first).assign_attrs(
                long_name=words, units=boundary.units
            )
            found.update(sooner)
        out.update(found)
    return out


def _grid_across(cells: xr.Dataset, boundary: Boundary, study: Study) -> tuple[xr.Dataset, Boundary]:
    """Return the cells that a boundary is estimated by: all, but of a study that is refined across one.

    Of that, across the boundary that it asks for, the positions of each line that have the most seeds: these
    seeds are the same ones everywhere. Other boundaries are those of its first grid.
    """
    if study.refine is None or study.refine.target != "boundary" or "asked" not in cells:
        return cells, boundary
    names = [boundary.fraction] + ["retrieved_early"] * (boundary.fraction == "retrieved")
    position = cells[boundary.position]
    if boundary.name == study.refined_axis:
        count = cells["asked"].sum("seed")
        position = position.where((count == count.max(boundary.dimension)) & (count > 0))
        some = cells[names]
    else:
        dim = REFINED_AXES[study.refined_axis]
        some = cells[names].where(cells[dim].isin(study.labels[dim]) & cells["seed"].isin(study.axes.seed))
    return some.assign({ACROSS: position}), replace(boundary, position=ACROSS)


ACROSS = "position_across"
"""Where cells lie across a boundary, in the order of a line: NaN where they are no part of its estimate."""


def _boundary(cells: xr.Dataset, boundary: Boundary) -> xr.Dataset:
    """Return a boundary with its error, and its bounds where the grid ends first."""
    sign = -1.0 if boundary.rises else 1.0
    apart = (boundary.dimension, "seed")
    rest = [name for name in cells[boundary.fraction].dims if name not in apart]
    place, error, low, high = (
        values.transpose(*rest)
        for values in xr.apply_ufunc(
            crossing,
            sign * cells[boundary.position],
            cells[boundary.fraction],
            input_core_dims=[[boundary.dimension], [boundary.dimension, "seed"]],
            output_core_dims=[[], [], [], []],
            vectorize=True,
        )
    )
    bounds = (low, high) if sign > 0 else (-high, -low)
    name = f"boundary_{boundary.name}"
    return xr.Dataset(
        {
            name: sign * place,
            f"{name}_error": error,
            f"{name}_at_least": bounds[0],
            f"{name}_at_most": bounds[1],
        }
    )


def _flag(cells: xr.Dataset, boundary: Boundary) -> xr.DataArray:
    """Return `not_equilibrated` where some network of the cells that a boundary rests on is not, else 0."""
    unmixed = ((cells["flag"].astype(np.int64) & NOT_EQUILIBRATED) > 0).any("seed")
    sign = -1.0 if boundary.rises else 1.0
    found: xr.DataArray = xr.apply_ufunc(
        rests_on_any,
        sign * cells[boundary.position],
        cells[boundary.fraction],
        unmixed,
        input_core_dims=[[boundary.dimension], [boundary.dimension, "seed"], [boundary.dimension]],
        vectorize=True,
    )
    return (NOT_EQUILIBRATED * found).assign_attrs(
        long_name=f"what the cells next to it are, of: {boundary.meaning}",
        units="1",
        flag_masks=[NOT_EQUILIBRATED],
        flag_meanings=FLAGS[NOT_EQUILIBRATED],
    )


def rests_on_any(position: Reals, fraction: Reals, doubtful: Mask) -> bool:
    """Tell whether a cell is doubtful next to which a falling fraction crosses 1/2, or the grid ends.

    position, doubtful (n,), fraction (n, seeds); see `located`.
    """
    doubtful = doubtful[np.argsort(position)[np.isfinite(np.sort(position))]]
    _, fraction = _in_order(position, fraction)
    if fraction.size == 0:
        return False
    before, beyond = bracket(fraction)
    return bool(doubtful[max(before, 0) : beyond + 1].any())


def _criterion(study: Study, boundary: Boundary, early: bool) -> dict[str, str | float]:
    """Return in words what a boundary is the place of, and the sweeps after which that was judged."""
    twice = STARTS_CRITERIA.get(boundary)
    judged = twice is not None or boundary.fraction.startswith("retrieved")
    if not isinstance(study, RetrievalStudy) or not judged:
        return {"criterion": f"half of: {boundary.fraction}"}
    first, measured = study.sweeps.thermalise, study.sweeps.measure
    age = first + (measured // 2 if early else measured)
    window = f"over sweeps {first + 1} to {age}"
    aged: dict[str, str | float] = {"age": float(age), "age_units": "sweep"}
    if twice is None:
        overlap = f"its mean overlap {window} is {_threshold(study)}"
        return {"criterion": f"half of the cues are retrieved: {overlap}", **aged}
    differ, limit = twice
    criterion = f"both starts differ in half of the networks: {window} the {differ}"
    return {"criterion": criterion, "converges_to": limit, **aged}


def _threshold(study: RetrievalStudy) -> str:
    """Return in words where a cue must end to count as retrieved."""
    if isinstance(study.retrieved_above, float):
        return f"above {study.retrieved_above:g}"
    return "nearer to the state of few patterns than to the cue"


def _described(found: xr.Dataset, boundary: Boundary, criterion: dict[str, str | float]) -> xr.Dataset:
    """Return the variables of a boundary with their words."""
    words = {
        "": "",
        "_error": "standard error of: ",
        "_at_least": "beyond the grid, at least, with 95 % confidence: ",
        "_at_most": "before the grid, at most, with 95 % confidence: ",
    }
    for end, before in words.items():
        name = f"boundary_{boundary.name}{end}"
        attributes = {"long_name": f"{before}{boundary.meaning}", "units": boundary.units, **criterion}
        found[name] = found[name].assign_attrs(attributes)
    return found


LOST_RESAMPLES = 0.05
"""Share of resamples without a crossing above which a boundary is a bound, not a place with an error."""


class Crossing(NamedTuple):
    """Where a falling fraction crosses 1/2, the two parts of its standard error, and bounds; NaN without.

    spread    # of a bootstrap over seeds
    grid      # the step of the grid over √12, weighted with the fall of the fraction across it
    at_least  # where the grid ends too early: what the place is above, and below, in 95 % of resamples
    """

    place: float = np.nan
    spread: float = np.nan
    grid: float = np.nan
    at_least: float = np.nan
    at_most: float = np.nan

    @property
    def error(self) -> float:
        """The standard error: both parts."""
        return float(np.hypot(self.spread, self.grid))


def crossing(position: Reals, fraction: Reals) -> tuple[float, float, float, float]:
    """Return place, error and bounds of `located`, as arrays of them are made."""
    found = located(position, fraction)
    return found.place, found.error, found.at_least, found.at_most


def located(position: Reals, fraction: Reals) -> Crossing:
    """Return the position where a falling fraction crosses 1/2, its standard error, and bounds.

    position (n,), fraction (n, seeds). The mean over seeds is made monotone by least squares
    (isotonic regression) and interpolated linearly. The error adds a bootstrap over seeds (B. Efron,
    Ann. Statist. 7, 1 (1979); always the same resamples) and the step of the grid over √12, weighted
    with the fall of the fraction across that step: where it falls from 1 to 0 the crossing may be
    anywhere in between. Where more than 5 % of the resamples do not cross, the grid ends too early: then
    there is no place, but one that the crossing is at least at (at most at) in 95 % of them; neither where
    it may be off either end.
    """
    position, fraction = _in_order(position, fraction)
    if fraction.size == 0:
        return Crossing()
    seeds = fraction.shape[1]
    if (side := _side(fraction)) and seeds > 1:  # on which no resample can cross
        first, last = float(position[0]), float(position[-1])
        return Crossing(at_least=last) if side > 0 else Crossing(at_most=first)
    (place,), (grid,) = _halves(position, fraction.mean(axis=1)[None])
    place = place if np.isfinite(place) else np.nan
    if seeds == 1:
        return Crossing(float(place))
    resampled = [_halves(position, means) for means in _resamples(fraction)]
    places = np.concatenate([place for place, _ in resampled])
    before, beyond = (float(np.mean(places == end)) for end in (-np.inf, np.inf))
    if max(before, beyond) > LOST_RESAMPLES:
        least, most = np.sort(places)[[RESAMPLES // 20, -1 - RESAMPLES // 20]]
        return Crossing(
            at_least=min(least, position[-1]) if before <= LOST_RESAMPLES else np.nan,
            at_most=max(most, position[0]) if beyond <= LOST_RESAMPLES else np.nan,
        )
    places = np.clip(places, position[0], position[-1])
    # The spread of resamples is that of n - 1 degrees of freedom.
    return Crossing(float(place), float(np.std(places) * np.sqrt(seeds / (seeds - 1))), float(grid))


def shifted(position: Reals, late: Reals, early: Reals) -> tuple[float, float]:
    """Return how far a crossing moved from the early fractions to the late ones, and its standard error.

    Both are of the same seeds, and are resampled together: what they share is no error of their difference.
    """
    count = late.shape[1]
    chosen = resampled_seeds(count, 0, RESAMPLES)
    places = []
    for fraction in (late, early):
        means = np.vstack([fraction.mean(axis=1), fraction.T[chosen].mean(axis=1)])
        places.append(np.clip(_halves(position, means)[0], position[0], position[-1]))
    apart = places[0] - places[1]
    return float(apart[0]), float(np.std(apart[1:]) * np.sqrt(count / (count - 1)))


def bracket(fraction: Reals) -> tuple[int, int]:
    """Return the positions between which a falling fraction (n, seeds), made monotone, crosses 1/2."""
    falling = _falling(fraction.mean(axis=1)[None])[0]
    return int((falling > 0.5).sum()) - 1, len(falling) - int((falling < 0.5).sum())


def _in_order(position: Reals, fraction: Reals) -> tuple[Reals, Reals]:
    """Return positions that rise, without infinity, and the fractions there of seeds that have them all."""
    order = np.argsort(position)[np.isfinite(np.sort(position))]  # nothing is known up to infinity
    position, fraction = position[order], fraction[order]
    fraction = fraction[:, ~np.isnan(fraction).any(axis=0)]
    if fraction.size:  # the order of the seeds must not change the error
        fraction = fraction[:, np.lexsort(fraction)]
    return position, fraction


def _side(fraction: Reals) -> int:
    """Return 1 where all fractions are above 1/2, -1 where all are below, 0 elsewhere."""
    away = fraction - 0.5
    return int((away > CLEARLY).all()) - int((away < -CLEARLY).all())


CLEARLY = 1e-9
"""How far from 1/2 a fraction is beyond the rounding of means."""


def _resamples(fraction: Reals) -> Iterator[Reals]:
    """Yield the means over resampled seeds, (resamples, positions), some resamples at a time."""
    seeds, by_seed = fraction.shape[1], np.ascontiguousarray(fraction.T)
    step = max(VALUES_AT_ONCE // fraction.size, 1)
    for first in range(0, RESAMPLES, step):
        yield by_seed[resampled_seeds(seeds, first, min(first + step, RESAMPLES))].mean(axis=1)


@lru_cache(maxsize=1)
def resampled_seeds(seeds: int, first: int, last: int) -> NDArray[np.uint32]:
    """Return the seeds of resamples first … last-1, (resamples, seeds): the same for every boundary."""
    words = rng.stream(0, "bootstrap", {"seeds": seeds}).words(seeds, np.arange(first, last))
    return words % np.uint32(seeds)


def _halves(position: Reals, fractions: Reals) -> tuple[Reals, Reals]:
    """Return the crossing of 1/2 by each row made monotone, and the grid's share of its error.

    Infinity beyond the side where nothing crosses. A plateau at 1/2 is crossed in its middle.
    """
    falling = _falling(fractions)
    above, below = (falling > 0.5).sum(axis=1), (falling < 0.5).sum(axis=1)
    place, grid = np.where(above == 0, -np.inf, np.inf), np.full(len(falling), np.nan)
    row = np.flatnonzero((above > 0) & (below > 0))
    last, first = above[row] - 1, position.size - below[row]
    left = _interpolate(position, falling, row, last, last + 1)
    place[row] = (left + _interpolate(position, falling, row, first - 1, first)) / 2
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
    if not falls.all():
        from scipy.optimize import isotonic_regression  # 0.1 s, which only noise needs
    for row in np.flatnonzero(~falls):
        out[row] = isotonic_regression(fractions[row], increasing=False).x
    return out


def _interpolate(
    position: Reals, falling: Reals, row: CellNumbers, high: CellNumbers, low: CellNumbers
) -> Reals:
    """Return the position, in some rows, where the straight line between two neighbours is 1/2."""
    part = (falling[row, high] - 0.5) / (falling[row, high] - falling[row, low])
    return np.asarray(position[high] + part * (position[low] - position[high]))
