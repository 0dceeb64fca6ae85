"""Which overlap a network must keep to be in the state of its pattern."""

import math
from dataclasses import replace

import pytest
from builders import make_study
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from mattis.networks.binary.network import Protocol, few_patterns_overlap


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
    assert near.stays_above(2.0) == pytest.approx(0.85 * 0.9575, abs=1e-3)
    assert near.stays_above(math.inf) == 0.85
    assert near.stays_above(1.05) == plain.stays_above(math.inf) == 0.5
    assert replace(near, retrieved_above=0.95).stays_above(2.0) == 0.95


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
    assert make_study(tmp_path, **changes).stays_above(math.inf) == least
