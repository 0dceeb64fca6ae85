"""Which overlap a network must keep to be in the state of its pattern."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from builders import fill, make_study
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from mattis import open_results
from mattis.networks.binary.network import HALF_WAY, Protocol, few_patterns_overlap


@given(st.floats(1.001, 60.0))
def test_the_overlap_of_few_patterns_solves_its_equation(beta: float) -> None:
    root = brentq(lambda m: math.tanh(beta * m) - m, 1e-3, 1.0)
    assert few_patterns_overlap(beta) == pytest.approx(root, abs=1 / 1024)


def test_the_overlap_of_few_patterns_ends_where_the_paramagnet_begins() -> None:
    ends = {0.0: 0.0, 0.5: 0.0, 1.0: 0.0, 1e9: 1.0, math.inf: 1.0}
    assert {beta: few_patterns_overlap(beta) for beta in ends} == ends


def test_a_chain_is_in_its_state_above_a_share_of_that_overlap() -> None:
    """0.85 tanh(m/0.5) = 0.85 · 0.9575, and never below what counts as retrieved."""
    plain = Protocol(0, 2, 1, 0.5)
    near = replace(plain, nearness=0.85)
    assert near.stays_above(2.0, 0.0) == pytest.approx(0.85 * 0.9575, abs=1e-3)
    assert near.stays_above(math.inf, 0.0) == 0.85
    assert near.stays_above(1.05, 0.0) == plain.stays_above(math.inf, 0.0) == 0.5
    assert replace(near, retrieved_above=0.95).stays_above(2.0, 0.0) == 0.95


@given(noise=st.floats(0.01, 0.5), overlap=st.floats(-1.0, 1.0))
def test_half_way_asks_what_is_nearer_the_state_or_the_cue(noise: float, overlap: float) -> None:
    protocol = Protocol(0, 2, 1, HALF_WAY)
    for beta in (2.5, math.inf):
        to_state, to_cue = few_patterns_overlap(beta) - overlap, overlap - (1 - 2 * noise)
        if to_state > -to_cue > 1e-9 or abs(to_state - to_cue) > 1e-9:  # not a tie
            assert (overlap > protocol.threshold(beta, noise)) == (to_state < to_cue)


def test_cues_that_stay_where_they_began_are_not_retrieved_half_way(tmp_path: Path) -> None:
    """Cues of 0.8 that end at 0.6 to 0.8 are above 0.5, and are no recall: a projection above its basins."""
    axes = {"size": [200], "load": [0.1, 0.8], "temperature": [0.0], "noise": [0.1], "seed": 4}
    shares = {}
    for threshold in (0.5, HALF_WAY):
        study = make_study(tmp_path, model="pseudo_inverse", retrieved_above=threshold, **axes)
        fill(study, tmp_path / str(threshold))
        shares[threshold] = (
            open_results(study, tmp_path / str(threshold))["retrieved"].mean("seed").squeeze().values.tolist()
        )
    assert shares == {0.5: [1.0, 1.0], HALF_WAY: [1.0, 0.0]}


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 0.85),
        ({"model": "little"}, 0.85),
        ({"model": "clipped"}, 0.85),
        ({"model": "dilute"}, 0.5),  # its overlap goes to zero without a jump
        ({"model": "zero_one"}, 0.5),
        ({"model": "gaussian"}, 0.5),
    ],
)
def test_only_states_that_end_by_a_jump_are_near_to_their_pattern(
    tmp_path, changes: dict[str, str], least: float
) -> None:
    assert make_study(tmp_path, **changes).stays_above(math.inf, 0.0) == least
