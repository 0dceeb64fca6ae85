"""One cell by its labels: as the study spells them, or their reciprocals; one line for each mistake."""

from math import inf

import pytest
from builders import make_of_family, refused

from mattis.study.cells import block_at, labels_of_block


def test_labels_choose_a_cell_and_axes_of_one_value_need_none():
    study = make_of_family(seed=[4, 7], noise=[0.1])
    block = block_at(study, {"load": 0.1, "temperature": 0.3, "seed": 7})
    assert (block.size, block.load, block.patterns, block.seed) == (60, 0.1, 6, 7)
    assert block.points == ((1 / 0.3, 0.1),)
    labels = {"size": 60, "load": 0.1, "temperature": 0.3, "noise": 0.1, "seed": 7}
    assert labels_of_block(study, block) == labels


@pytest.mark.parametrize("beta", [1 / 0.3, 3.33333333333])
def test_beta_may_be_given_where_the_study_has_a_temperature(beta):
    study = make_of_family(load=[0.1], noise=[0.1], seed=1)
    assert block_at(study, {"beta": beta}) == block_at(study, {"temperature": 0.3})
    assert block_at(study, {"beta": inf}) == block_at(study, {"temperature": 0.0})


def test_a_temperature_may_be_given_where_the_study_has_beta():
    study = make_of_family(load=[0.1], noise=[0.1], seed=1, temperature=None, beta=[2.0, inf])
    assert block_at(study, {"temperature": 0.5}).points == ((2.0, 0.1),)
    assert block_at(study, {"temperature": 0}).points == ((inf, 0.1),)
    assert labels_of_block(study, block_at(study, {"beta": 2}))["beta"] == 2.0


def test_rules_of_couplings_are_words():
    study = make_of_family(couplings_axis=["hebb", "clipped"], load=[0.1], noise=[0.1], seed=1)
    block = block_at(study, {"couplings": "clipped", "temperature": 0})
    assert labels_of_block(study, block)["couplings"] == "clipped"
    assert study.visit(block.points[0]).rule == "clipped"
    said = refused(block_at, study, {"couplings": "cliped", "temperature": 0})
    assert said.endswith("the nearest is couplings=clipped")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ({"lod": 0.1}, "at lod: got an axis that some does not have; expected one of size, load, "
         "temperature, beta, noise, seed; did you mean load?"),
        ({"load": 0.1}, "at temperature: got nothing; expected one of 0, 0.3; for example temperature=0"),
        ({"load": 0.08, "temperature": 0}, "at load: got 0.08, which is not on the axis; expected one of "
         "0.05, 0.1; the nearest is load=0.1"),
        ({"load": 0.1, "beta": 3}, "at beta: got 3, which is not on the axis; expected one of inf, "
         "3.33333333333; the nearest is beta=3.33333333333"),
        ({"load": 0.1, "beta": 3, "temperature": 1}, "at temperature: got beta as well; expected one of the "
         "two; give one"),
        ({"load": "many", "temperature": 0}, "at load: got many, which is not on the axis"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(at, said):
    study = make_of_family(noise=[0.1], seed=1)
    assert refused(block_at, study, at).startswith(said)


def test_long_axes_are_cut_short_in_an_error():
    study = make_of_family(load={"from": 0.05, "to": 0.1, "count": 51}, noise=[0.1], seed=1)
    said = refused(block_at, study, {"load": 0.2, "temperature": 0})
    assert "expected one of 0.05, 0.051, … 0.1; the nearest is load=0.1" in said
