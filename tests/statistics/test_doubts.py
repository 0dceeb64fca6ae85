"""Each observable has its own reasons to be doubted: bits by hand-made flags and states."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import make_of_family, make_study

from mattis.statistics.doubts import (
    ABSENT,
    BLOCK_FAILED,
    DOUBTS,
    FEW_SETS,
    IN_TWO_STATES,
    MOVING,
    ON_ITS_WAY,
    SETS_LACK,
    TOO_SHORT,
    UNFINISHED,
    doubts,
)
from mattis.statistics.estimates import BIMODAL, FAILED, INCOMPLETE
from mattis.statistics.lifetimes import MOSTLY_CENSORED
from mattis.statistics.states import DESCENT, EQUILIBRATED, ESCAPES, METASTABLE, REMANENT, TOO_FEW_SEEDS
from mattis.study.base import Study
from mattis.study.model import DRIFTING, SHORT_CHAIN, UNSETTLED


def cells(name: str, *, parted: bool = True, fraction: bool = False, **values: object) -> xr.Dataset:
    """One cell of eight sets without a flag, of which all stayed; with changes."""
    plain = {"flag": 0, "seeds": 8, "survived": 1.0, "state": METASTABLE, name: 0.5, **values}
    found = {key: ("load", [value]) for key, value in plain.items() if value is not None}
    found |= {f"{name}_given_survival": ("load", [0.9])} if parted else {}
    found |= {f"{name}_low": ("load", [0.4])} if fraction else {}
    return xr.Dataset(found)


@pytest.fixture
def hopfield(tmp_path: Path) -> Study:
    return make_study(tmp_path)


def found(study: Study, name: str, **values: object) -> int:
    (bits,) = doubts(cells(name, **values), study, name).values  # type: ignore[arg-type]
    return int(bits)


def test_every_reason_has_its_own_bit_and_words() -> None:
    assert [*DOUBTS] == [1 << k for k in range(len(DOUBTS))]
    assert len({*DOUBTS.values()}) == len(DOUBTS)


@pytest.mark.parametrize(
    ("values", "bits"),
    [
        ({}, 0),
        ({"seeds": 0, "flag": INCOMPLETE}, ABSENT),
        ({"seeds": 3, "flag": INCOMPLETE}, FEW_SETS),
        ({"seeds": 4}, 0),
        ({"flag": INCOMPLETE}, SETS_LACK),
        ({"flag": FAILED}, BLOCK_FAILED),
        ({"state": REMANENT, "survived": 0.0}, ON_ITS_WAY),
        ({"flag": UNSETTLED}, MOVING),
        ({"flag": DRIFTING}, 0),  # what its state says is more
        ({"flag": SHORT_CHAIN}, 0),
        ({"state": ESCAPES, "survived": 0.5}, IN_TWO_STATES),
        ({"state": ESCAPES, "survived": 1.0}, 0),
        ({"state": DESCENT, "survived": 0.25}, IN_TWO_STATES),
        ({"state": DESCENT, "survived": 0.0}, 0),
        ({"state": TOO_FEW_SEEDS, "survived": 0.5, "seeds": 2}, IN_TWO_STATES | FEW_SETS),
        ({"state": EQUILIBRATED, "survived": 0.5}, 0),
        ({"flag": BIMODAL}, 0),
    ],
)
def test_an_overlap_of_a_state_is_doubted_by_its_state(
    hopfield: Study, values: dict[str, object], bits: int
) -> None:
    assert found(hopfield, "overlap", **values) == bits


@pytest.mark.parametrize("flag", [SHORT_CHAIN, UNSETTLED, DRIFTING, BIMODAL])
def test_a_share_of_cues_is_what_it_is(hopfield: Study, flag: int) -> None:
    """No chain is too short for it, and two states are what it counts."""
    values = {"parted": False, "fraction": True, "flag": flag}
    assert found(hopfield, "retrieved", **values, state=ESCAPES, survived=0.5) == 0
    assert found(hopfield, "retrieved", **values, seeds=2) == FEW_SETS


def test_a_lifetime_that_most_sets_outlived_is_a_bound(hopfield: Study) -> None:
    values = {"parted": False, "flag": MOSTLY_CENSORED}
    assert found(hopfield, "survival_time", **values) == UNFINISHED
    assert found(hopfield, "overlap", flag=MOSTLY_CENSORED) == 0


@pytest.mark.parametrize(
    ("flag", "bits"), [(SHORT_CHAIN, TOO_SHORT), (UNSETTLED, MOVING), (DRIFTING, MOVING), (0, 0)]
)
def test_without_states_chains_are_doubted_by_their_flags(flag: int, bits: int) -> None:
    study = make_of_family(model="sequence", question="transitions", load=None, memories=[3])
    values = {"parted": False, "state": None, "survived": None}
    assert found(study, "transition_rate", **values, flag=flag) == bits


@pytest.mark.parametrize(("moved", "bits"), [(0.5, IN_TWO_STATES), (1.0, 0), (0.0, 0)])
def test_a_rate_of_sets_of_which_some_move_is_in_two_states(moved: float, bits: int) -> None:
    study = make_of_family(model="sequence", question="transitions", load=None, memories=[3])
    values = {"parted": False, "state": None, "survived": None, "moved": moved}
    rates = {"transition_rate_given_motion": 1.0, "overlap_given_motion": 0.5}
    assert found(study, "transition_rate", **values, **rates) == bits
    assert found(study, "overlap_nearest", **values, **rates) == 0


def test_a_mean_over_two_states_is_doubted_where_nobody_is_told_apart() -> None:
    study = make_of_family(question={"name": "hysteresis", "step": 0.1, "top": 0.5})
    values = {"parted": False, "state": None, "survived": None, "flag": BIMODAL}
    assert found(study, "overlap", **values) == IN_TWO_STATES
    assert found(study, "energy", **values) == 0


def test_doubts_are_integers_of_the_shape_of_the_cells(hopfield: Study) -> None:
    bits = doubts(cells("overlap"), hopfield, "overlap")
    assert bits.dims == ("load",)
    assert bits.dtype == np.int64
