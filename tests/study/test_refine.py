"""The block `refine` of a study: what it may say, and that it changes no number."""

from typing import Any

import pytest
from builders import make_of_family, refused

from mattis.study import plan

USUAL: dict[str, Any] = {
    "size": [60], "load": [0.05, 0.1], "temperature": [0.2, 0.6], "noise": [0.0], "seed": 4,
}  # fmt: skip


def with_refine(**refine: Any) -> Any:
    return make_of_family(**USUAL, refine={"error": 0.01} | refine)


def test_it_is_no_part_of_what_is_computed() -> None:
    plain, refined = make_of_family(**USUAL), with_refine(rounds=3)
    assert plain.physics() == refined.physics()
    assert not plain.changes(refined.physics())
    for one, other in zip(plan.blocks(plain), plan.blocks(refined), strict=True):
        assert repr(plan.task(plain, one)) == repr(plan.task(refined, other))


def test_it_is_written_as_it_was_read() -> None:
    assert "refine:" in with_refine().to_yaml()
    assert "refine" not in make_of_family(**USUAL).to_yaml()


def test_the_axis_is_the_first_that_has_several_values() -> None:
    assert with_refine().refined_axis == "temperature"
    assert with_refine(along="load").refined_axis == "load"
    alone = {**USUAL, "temperature": [0.2]}
    assert make_of_family(**alone, refine={"error": 0.01}).refined_axis == "load"


@pytest.mark.parametrize(
    ("refine", "place", "words"),
    [
        ({"target": "boundry"}, "refine.target", "boundary"),
        ({"error": 0}, "refine.error", "greater than 0"),
        ({"error": "small"}, "refine.error", "number"),
        ({"along": "size"}, "refine.along", "temperature"),
        ({"along": "noise"}, "refine.along", "noise with 1 value"),
        ({"target": "overlap", "along": "load"}, "refine.along", "remove along"),
        ({"ageing": "ignore"}, "refine.ageing", "accept"),
        ({"rounds": -1}, "refine.rounds", "greater than or equal to 0"),
        ({"cells": 15}, "refine.cells", "at least the 16 cells of the first grid"),
        ({"eror": 0.1}, "refine.eror", "error"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(refine: dict[str, Any], place: str, words: str) -> None:
    line = refused(with_refine, **refine)
    assert place in line
    assert words in line
    assert "\n" not in line


def test_too_little_to_begin_with_is_refused() -> None:
    line = refused(make_of_family, **{**USUAL, "seed": 3}, refine={"error": 0.01})
    assert "axes.seed: got 3; expected at least 4 pattern sets" in line
    line = refused(make_of_family, **USUAL | {"load": [0.05], "temperature": [0.2]}, refine={"error": 0.01})
    assert "refine.along: got temperature with 1 value" in line


def test_a_question_without_a_boundary_has_nothing_to_refine() -> None:
    line = refused(make_of_family, **USUAL, question="familiarity", refine={"error": 0.01})
    assert "refine.along" in line
    assert "remove refine" in line
    overlap = {"target": "overlap", "error": 0.01}
    line = refused(make_of_family, **USUAL, question="familiarity", refine=overlap)
    assert "refine.target: got overlap" in line


def test_of_the_overlap_pattern_sets_are_added_alone() -> None:
    assert with_refine(target="overlap").refined_axis == "seed"
    alone = {**USUAL, "load": [0.05], "temperature": [0.2]}
    assert make_of_family(**alone, refine={"target": "overlap", "error": 0.01}).refine
