"""What state the networks of a cell are in, in words: an estimate is worth what this says.

Nobody waits for a network of many patterns to reach equilibrium. A cell says how far it came: to the same
from two starts (of one start: at rest around zero), still in the state where it started, gone from it during
the run, or on its slow way down.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mattis.networks.binary.retrieval import RetrievalStudy
from mattis.statistics.two_starts import starts_meet
from mattis.study.base import Study
from mattis.study.model import SHORT_CHAIN

FEWEST_SEEDS = 4
"""Below this many seeds the spread between them says little about the error."""

NOT_COMPUTED, EQUILIBRATED, METASTABLE, ESCAPES, REMANENT, DESCENT, TOO_FEW_SEEDS = range(7)
CELL_STATES: Mapping[int, str] = {
    NOT_COMPUTED: "not_computed",
    EQUILIBRATED: "equilibrated",
    METASTABLE: "metastable_survived_the_run",
    ESCAPES: "escapes_during_the_run",
    REMANENT: "remanent_not_equilibrated",
    DESCENT: "zero_temperature_a_descent_no_equilibrium",
    TOO_FEW_SEEDS: "too_few_seeds",
}
"""The classes of cells, by their numbers: each estimate is in one."""

STANDARD_ERRORS_FROM_ZERO = 4.0
"""Standard errors of overlap and q from zero within which a network counts as a paramagnet."""


def states(cells: xr.Dataset, out: xr.Dataset, study: Study) -> xr.Dataset:
    """Return `state`, the class of each cell (see CELL_STATES); nothing for models without a temperature.

    Parameters
    ----------
    cells
        The cells of a study.
    out
        Their estimates, with `survived`.
    study
        The study.

    Of two starts a cell is equilibrated where both were shown to come to the same (`starts_meet`), of one
    where it is at rest around zero. More seeds show more of the former, and may show a rare escape: a network
    that never left its state in 4 seeds may do so in one of 16.
    """
    if not isinstance(study, RetrievalStudy) or not {"survived", "edwards_anderson"} <= {*out}:
        return xr.Dataset()
    kept, at_rest, met = out["survived"], _is_at_rest(cells, out), xr.zeros_like(out["seeds"], bool)
    if "overlap_random" in cells:  # of two starts, which a store of before may lack
        met = starts_meet(cells, out["seeds"])
        at_rest = at_rest & cells["energy_random"].isnull().all("seed")
    early = cells["retrieved_early"]  # stores of before have nothing there
    seen = early.where(early.notnull(), cells["retrieved"]).where(cells["valid"]).mean("seed")
    left = (kept < 1) & ((kept > 0) | (seen > 0))
    state = xr.where(at_rest, EQUILIBRATED, REMANENT)
    state = xr.where(left, ESCAPES, xr.where(kept == 1, METASTABLE, state))
    state = xr.where(met, EQUILIBRATED, state)
    state = xr.where(np.isinf(out["beta"]), DESCENT, state)
    state = xr.where(out["seeds"] < FEWEST_SEEDS, TOO_FEW_SEEDS, state)
    state = xr.where(out["seeds"] == 0, NOT_COMPUTED, state)
    return xr.Dataset(
        {
            "state": state.transpose(*kept.dims)
            .astype(np.int8)
            .assign_attrs(
                long_name=f"what the networks of a cell are in after {study.sweeps.total} sweeps",
                units="1",
                flag_values=[*CELL_STATES],
                flag_meanings=" ".join(CELL_STATES.values()),
            )
        }
    )


def _is_at_rest(cells: xr.Dataset, out: xr.Dataset) -> xr.DataArray:
    """Tell where overlap and q are zero within their errors, and most chains are long for their times."""
    at_rest = xr.ones_like(out["seeds"], bool)
    for name in ("overlap", "edwards_anderson"):
        at_rest = at_rest & (abs(out[name]) <= STANDARD_ERRORS_FROM_ZERO * out[f"{name}_error"])
    short = (cells["flag"].where(cells["valid"], 0).astype(np.int64) & SHORT_CHAIN) > 0
    return at_rest & (short.sum("seed") * 2 < out["seeds"])
