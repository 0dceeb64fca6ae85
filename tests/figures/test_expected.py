"""Which theory a figure draws, and at which place of it."""

from math import inf

import pytest
from builders import make_of_family as make

from mattis.figures.expected import expected
from mattis.networks.binary.study import BinaryStudy
from mattis.theory import evaluate


def curve(place: dict[str, float], observable: str = "overlap", **keys) -> float | None:
    """What a figure of a study draws at one place, for its only rule."""
    study = make(**keys)
    assert isinstance(study, BinaryStudy)
    line = expected(study.protocol, study.rules[0], observable, cold=place["beta"] == inf)
    return None if line is None else float(line.curve([{"noise": 0.0, **place}])[0])


@pytest.mark.parametrize("share", [0.01, 0.02])
def test_few_bonds_have_the_load_of_each_bond(share):
    """Patterns for each bond, P/C = P/(c N): at P/N = 0.002 and c = 0.01 it is 0.2."""
    place = {"size": 1000.0, "patterns": 2.0, "load": 0.002, "beta": 2.0}
    drawn = curve(place, model="dilute", couplings={"connectivity": share})
    assert drawn == evaluate("dilute.overlap", load=0.002 / share, temperature=0.5)
    assert 0 < drawn < evaluate("dilute.overlap", load=0.002 * share, temperature=0.5) - 0.01
    assert curve(place, model="dilute", couplings={"connectivity": 0.5}) is None
