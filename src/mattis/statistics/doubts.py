"""What makes one estimate of one observable doubtful, in words: each observable has its own reasons.

A chain that is too short for its overlap is long enough to tell whether the overlap fell below a threshold; a
mean over two states is none, however many sets there are.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mattis.statistics.estimates import BIMODAL, FAILED, INCOMPLETE
from mattis.statistics.lifetimes import MOSTLY_CENSORED
from mattis.statistics.states import DESCENT, ESCAPES, FEWEST_SEEDS, REMANENT, TOO_FEW_SEEDS
from mattis.statistics.survival import GIVEN, MOTION, SURVIVAL, parting_of
from mattis.study.base import Study
from mattis.study.model import DRIFTING, NOT_EQUILIBRATED, SHORT_CHAIN, UNSETTLED

(
    ABSENT, FEW_SETS, SETS_LACK, IN_TWO_STATES, ON_ITS_WAY, MOVING, TOO_SHORT, UNFINISHED, BLOCK_FAILED,
    UNMIXED,
) = (1 << bit for bit in range(10))  # fmt: skip
DOUBTS: Mapping[int, str] = {
    ABSENT: "not computed",
    FEW_SETS: f"fewer than {FEWEST_SEEDS} pattern sets",
    SETS_LACK: "not all pattern sets are there",
    IN_TWO_STATES: "sets in two states",
    ON_ITS_WAY: "remanent: not equilibrated",
    MOVING: "still moving at the end of the run",
    TOO_SHORT: "chains too short for their correlation time",
    UNFINISHED: "more than half of the sets outlived the run",
    BLOCK_FAILED: "a block failed: mattis status",
    UNMIXED: "not equilibrated: too few round trips, or two starts differ",
}
"""Reasons to doubt an estimate, by the bits that say so."""


def doubts(estimates: xr.Dataset, study: Study, name: str) -> xr.DataArray:
    """Return the reasons to doubt the estimates of one observable, bits of DOUBTS; 0 where there is none."""
    # Variables, for they share all coordinates: to compare these at each step takes ten times as long.
    flag, seeds = estimates.variables["flag"], estimates.variables["seeds"]

    def has(bits: int) -> xr.Variable:
        return (flag & bits) > 0

    found = ABSENT * (seeds == 0) + FEW_SETS * ((seeds > 0) & (seeds < FEWEST_SEEDS))
    found = found + SETS_LACK * (has(INCOMPLETE) & (seeds >= FEWEST_SEEDS))
    found = found + BLOCK_FAILED * has(FAILED) + UNMIXED * has(NOT_EQUILIBRATED)
    found = found + UNFINISHED * (has(MOSTLY_CENSORED) & name.endswith("_time"))
    found = found + IN_TWO_STATES * _in_two_states(estimates, study, name)
    moving, still = _chains(estimates, name)
    found = found + MOVING * moving + ON_ITS_WAY * still + TOO_SHORT * _short(estimates, name)
    return xr.DataArray(found.astype(np.int64), estimates["flag"].coords)


def _in_two_states(estimates: xr.Dataset, study: Study, name: str) -> xr.Variable | bool:
    """Tell where the sets of a mean are in two states; a fraction of them is what it is."""
    parting = parting_of(estimates, name)
    share = None if parting is None else estimates.variables[parting.share]
    mixed = False if share is None else (share > 0) & (share < 1)
    if parting is MOTION:
        return mixed
    if parting is SURVIVAL and "state" in estimates:
        state = estimates.variables["state"]
        return ((state == ESCAPES) | (state == DESCENT) | (state == TOO_FEW_SEEDS)) & mixed
    if name in (study.described_model.states or ())[:1] or f"{name}{GIVEN}" in estimates:
        return (estimates.variables["flag"] & BIMODAL) > 0
    return False


def _chains(estimates: xr.Dataset, name: str) -> tuple[xr.Variable | bool, xr.Variable | bool]:
    """Tell where what was measured still moved, and where it is on its slow way."""
    if f"{name}{GIVEN}" in estimates and "state" in estimates:
        moved = (estimates.variables["flag"] & UNSETTLED) > 0
        return moved, estimates.variables["state"] == REMANENT
    if _is_share(estimates, name):
        return False, False
    return (estimates.variables["flag"] & (UNSETTLED | DRIFTING)) > 0, False


def _short(estimates: xr.Dataset, name: str) -> xr.Variable | bool:
    """Tell where a chain was too short for its mean: states say more, where they are known."""
    if "state" in estimates or _is_share(estimates, name):
        return False
    return (estimates.variables["flag"] & SHORT_CHAIN) > 0


def _is_share(estimates: xr.Dataset, name: str) -> bool:
    """Tell whether an observable is a share of cues, which no chain is too short for."""
    return f"{name}_low" in estimates
