"""The block `figure` of a study: what it may say, and that it changes no number."""

from typing import Any

import pytest
from builders import EVERY_STUDY, make_of_family, refused

from mattis.networks.registry import load_study
from mattis.study import plan
from mattis.study.figure import FigureBlock, PanelBlock, stored_axis

USUAL: dict[str, Any] = {"load": [0.05, 0.1, 0.2]}


def with_figure(**figure: Any) -> Any:
    return make_of_family(**USUAL, figure=figure)


def test_a_figure_is_no_part_of_what_is_computed() -> None:
    plain, drawn = make_of_family(**USUAL), with_figure(question="How much is recalled?")
    assert plain.physics() == drawn.physics()
    assert plan.blocks(plain) == plan.blocks(drawn)
    for one, other in zip(plan.blocks(plain), plan.blocks(drawn), strict=True):
        assert repr(plan.task(plain, one)) == repr(plan.task(drawn, other))


def test_it_is_written_as_it_was_read() -> None:
    panels = [{"quantity": "overlap", "across": "load", "curves": "temperature", "lines": []},
              {"quantity": ["retrieved", "survived"], "scale": "log"}]  # fmt: skip
    study = with_figure(question="Why?", panels=panels, size="double")
    assert study.figure.panels[0].quantity == ["overlap"]
    assert study.figure.panels[0].lines == []
    assert study.figure.panels[1].lines is None
    assert "figure:" in study.to_yaml()


def test_boundaries_are_quantities_and_the_temperature_is_an_axis() -> None:
    panel = {"quantity": "boundary_temperature", "across": "load"}
    assert with_figure(panels=[panel]).figure.panels[0].quantity == ["boundary_temperature"]
    assert stored_axis("temperature") == "beta"
    assert stored_axis("load") == "load"
    with_figure(panels=[{"quantity": "overlap", "across": "temperature"}])
    with_figure(panels=[{"quantity": "overlap", "across": "load", "up": "temperature"}])


@pytest.mark.parametrize(
    ("panel", "place", "words"),
    [
        ({"quantity": "overlapp"}, "panels[0].quantity", "overlap"),
        ({"quantity": "flag"}, "panels[0].quantity", "overlap"),
        ({"quantity": "overlap", "across": "loads"}, "panels[0].across", "load"),
        ({"quantity": "overlap", "curves": "seed"}, "panels[0].curves", "size"),
        ({"quantity": "overlap", "up": "load", "curves": "temperature"}, "panels[0]", "not both"),
        ({"quantity": "overlap", "across": "beta", "up": "temperature"}, "panels[0]", "another axis"),
        ({"quantity": []}, "panels[0].quantity", "1"),
        ({"quantity": ["overlap"] * 5}, "panels[0].quantity", "4"),
        ({"quantity": "overlap", "scale": "logarithmic"}, "panels[0].scale", "log"),
        ({"quantity": "overlap", "marks": ["hopfield"]}, "panels[0].marks", "hopfield"),
        ({"quantity": "overlap", "colour": "red"}, "panels[0]", "colour"),
    ],
)
def test_a_wrong_panel_is_one_line_with_its_place(panel: dict[str, Any], place: str, words: str) -> None:
    line = refused(with_figure, panels=[panel])
    assert f"figure.{place}" in line
    assert words in line


def test_a_figure_has_a_question_six_panels_and_a_width_at_most() -> None:
    assert "figure.size" in refused(with_figure, size="triple")
    assert "figure.panels" in refused(with_figure, panels=[{"quantity": "overlap"}] * 7)
    assert "figure.panels" in refused(with_figure, panels=[])
    assert "figure.question" in refused(with_figure, question="")
    assert "figure.question" in refused(with_figure, question="?" * 161)


def test_every_shipped_study_asks_something() -> None:
    for path in EVERY_STUDY:
        study = load_study(path)
        assert isinstance(study.figure, FigureBlock), path.stem
        assert study.figure.question is not None
        assert study.figure.question.endswith("?")
        assert all(isinstance(panel, PanelBlock) for panel in study.figure.panels or ())
