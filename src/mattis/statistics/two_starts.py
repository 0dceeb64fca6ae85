"""Two starts of a cell, from its cue and from a random state: do they come to the same, and where not?"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mattis.statistics.intervals import student
from mattis.study.model import Boundary

R_HAT_MOST = 1.05
"""R-hat up to which the energies of two chains count as of one distribution.

Vehtari et al., Bayesian Analysis 16, 667 (2021) ask for 1.01 of one long run. Here it is the median over many
pattern sets, and means over all of them have to be alike as well.
"""

OVERLAP_TOLERANCE, ENERGY_TOLERANCE = 0.1, 0.01
"""How far apart two starts may end, in overlaps and in energy per neuron, and count as alike."""

ALIKE_IN_EQUILIBRIUM = (
    ("energy", "energy_random", ENERGY_TOLERANCE),
    ("overlap", "overlap_random", OVERLAP_TOLERANCE),
    ("edwards_anderson", "overlap_starts", OVERLAP_TOLERANCE),
)
"""Observables whose means over pattern sets are the same where both starts came to one state; tolerances."""

OVERLAPS_APART = 0.5
"""How much larger the overlap from the cue is than that from a random state, where both are two states."""

STARTS_OVERLAP = Boundary(
    "starts_overlap", "overlaps_apart", "beta", "temperature",
    "temperature above which the overlaps of two starts agree in more than half of the networks", "J",
)  # fmt: skip
STARTS_ENERGY = Boundary(
    "starts_energy", "energies_apart", "beta", "temperature",
    "temperature above which the energies of two starts agree in more than half of the networks", "J",
)  # fmt: skip

STARTS_CRITERIA: Mapping[Boundary, tuple[str, str]] = {
    STARTS_OVERLAP: (
        f"overlap from the cue is more than {OVERLAPS_APART:g} above that from a random state",
        "where the state of the pattern ends: as N^(-2/3) at one age where that is by a jump",
    ),
    STARTS_ENERGY: (
        f"R-hat of the energies of both chains is above {R_HAT_MOST:g}",
        "no end of a state: the temperature up to which a chain of this length remembers its start",
    ),
}
"""Of each boundary of two starts: when these differ, and what the boundary converges to."""


def starts_meet(cells: xr.Dataset, count: xr.DataArray) -> xr.DataArray:
    """Tell where chains from the cue and from a random state were shown to sample the same.

    The median of R-hat over the pattern sets is small, and Student's intervals of 95 % of three mean
    differences lie within their tolerances: of energies, of overlaps, and of q_ab from q of one chain. In one
    state <q_ab> = (1/N) sum_i <S_i>² = q; of two valleys that have the same energy it is less (Parisi, Phys.
    Rev. Lett. 50, 1946 (1983)). So more seeds show more: a difference that is not seen is none by no means.

    count  # pattern sets of each cell that are there
    """
    valid = cells["valid"]
    meet = cells["energy_r_hat"].where(valid).median("seed") <= R_HAT_MOST
    reach = xr.apply_ufunc(student, count - 1.0) / count**0.5
    for one, other, tolerance in ALIKE_IN_EQUILIBRIUM:
        apart = (cells[one] - cells[other]).where(valid)
        most = abs(apart.mean("seed")) + reach * apart.std("seed", ddof=1)
        meet = meet & (most <= tolerance)
    return meet


def with_differences(cells: xr.Dataset) -> xr.Dataset:
    """Return cells with a 1 where their two starts differ in overlap, and in energy, a 0 where not.

    At T = 0, where a chain rests, energies differ where they are not equal.
    """
    known, r_hat = cells["energy_random"].notnull(), cells["energy_r_hat"]
    overlaps = cells["overlap"] - cells["overlap_random"] > OVERLAPS_APART
    energies = (r_hat > R_HAT_MOST) | (r_hat.isnull() & (cells["energy"] != cells["energy_random"]))
    return cells.assign(
        {
            one.fraction: apart.where(known).astype(np.float64)
            for one, apart in ((STARTS_OVERLAP, overlaps), (STARTS_ENERGY, energies))
        }
    )
