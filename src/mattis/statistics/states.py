"""What state the networks of a cell are in, in words: an estimate is worth what this says.

Nobody waits for a network of many patterns to reach equilibrium. A cell says how far it came: at rest around
zero as a paramagnet, still in the state where it started, gone from it during the run, or on its slow way
down.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from mattis.networks.binary.retrieval import RetrievalStudy
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

    A class never gets worse by more seeds alone, but that a rare escape may be seen: a network that never
    left its state in 4 seeds may do so in one of 16.
    """
    if not isinstance(study, RetrievalStudy) or not {"survived", "edwards_anderson"} <= {*out}:
        return xr.Dataset()
    kept, at_rest = out["survived"], _is_at_rest(cells, out)
    early = cells["retrieved_early"]  # stores of before have nothing there
    seen = early.where(early.notnull(), cells["retrieved"]).where(cells["valid"]).mean("seed")
    left = (kept < 1) & ((kept > 0) | (seen > 0))
    state = xr.where(at_rest, EQUILIBRATED, REMANENT)
    state = xr.where(left, ESCAPES, xr.where(kept == 1, METASTABLE, state))
    if "energy_r_hat" in cells:
        state = xr.where(_starts_meet(cells, out), EQUILIBRATED, state)
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


R_HAT_MOST = 1.05
"""R-hat up to which the energies of two chains count as of one distribution.

Vehtari et al., Bayesian Analysis 16, 667 (2021) ask for 1.01 of one long run. Here it is the median over many
pattern sets, and energies and overlaps have to agree in their means over all of them as well.
"""


ALIKE_IN_EQUILIBRIUM = (
    ("energy", "energy_random"),
    ("overlap", "overlap_random"),
    ("edwards_anderson", "overlap_starts"),
)
"""Observables whose means over pattern sets are the same where both starts came to one state."""


def _starts_meet(cells: xr.Dataset, out: xr.Dataset) -> xr.DataArray:
    """Tell where chains from the cue and from a random state sample the same, in most of the pattern sets.

    Median of R-hat, and the means of some differences within 4 of their errors: those of energies, of
    overlaps, and of q_ab from q of one chain. In one state <q_ab> = (1/N) sum_i <S_i>² = q; of two valleys
    that have the same energy it is less (Parisi, Phys. Rev. Lett. 50, 1946 (1983)).
    """
    valid, count = cells["valid"], out["seeds"]
    meet = cells["energy_r_hat"].where(valid).median("seed") <= R_HAT_MOST
    for one, other in ALIKE_IN_EQUILIBRIUM:
        apart = (cells[one] - cells[other]).where(valid)
        error = apart.std("seed", ddof=1) / count**0.5
        meet = meet & (abs(apart.mean("seed")) <= STANDARD_ERRORS_FROM_ZERO * error)
    return meet
