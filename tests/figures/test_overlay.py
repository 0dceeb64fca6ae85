"""Studies on one figure: each curve is that of its own study."""

from pathlib import Path

import numpy as np
import pytest
from builders import fill

import mattis
from mattis.cli.command import verbs
from mattis.comparison.verdict import with_theory
from mattis.errors import UserError
from mattis.figures import estimated
from mattis.figures.overlay import overlay
from mattis.networks.registry import study_of
from mattis.study.base import Study

AXES = {"size": [40], "load": [0.05, 0.1, 0.2], "temperature": [0.0], "seed": 4}
SWEEPS = {"thermalise": 4, "measure": 8}


def tiny(name: str, **keys: object) -> Study:
    """Return a study that runs in a second."""
    return study_of({"name": name, "model": name, "axes": AXES, "sweeps": SWEEPS, **keys})


@pytest.fixture
def two(tmp_path: Path) -> list[Study]:
    """Return two computed studies that run along the load."""
    studies = [tiny("clipped"), tiny("zero_one")]
    for study in studies:
        fill(study, tmp_path)
    return studies


def test_each_study_is_a_curve_with_its_own_values_and_name(two, tmp_path):
    parts = [(study, with_theory(estimated(study, tmp_path), study)) for study in two]
    figure = overlay(parts)
    body = figure.subfigs[1]
    axes = body.subfigs[0].axes[0]
    drawn = [points.lines[0].get_xydata() for points in axes.containers]
    for study, estimates in parts:
        kept = {name: estimates[name].values.ravel() for name in ("overlap", "overlap_given_survival")}
        found = np.concatenate([one[:, 1] for one in drawn])
        for mixed, plain, stayed in zip(
            ((estimates["survived"] > 0) & (estimates["survived"] < 1)).values.ravel(),
            kept["overlap"], kept["overlap_given_survival"], strict=True,
        ):  # fmt: skip
            expected = stayed if mixed else plain
            assert np.isclose(found, expected).any(), study.name
    words = {str(text.get_text()) for legend in figure.subfigs[2].findobj(
        lambda one: type(one).__name__ == "Legend") for text in legend.get_texts()}  # fmt: skip
    assert {"clipped", "zero_one"} <= words
    colours = {points.lines[0].get_color() for points in axes.containers}
    assert len(colours) == 2


@pytest.mark.usefixtures("cheap_figures")
def test_it_is_written_by_the_command_as_each_kind_of_file(two, tmp_path, capsys):
    files = [tmp_path / f"{study.name}.yaml" for study in two]
    for study, file in zip(two, files, strict=True):
        file.write_text(study.to_yaml())
    for kind in ("png", "svg", "pdf"):
        target = tmp_path / f"both.{kind}"
        words = ["diagram", *map(str, files), "--results", str(tmp_path), "-o", str(target)]
        verbs.main(words, standalone_mode=False)
        assert target.stat().st_size > 1000
        assert str(target) in capsys.readouterr().out
    again = mattis.overlaid(two, tmp_path / "again.png", tmp_path)
    assert again.read_bytes() == (tmp_path / "both.png").read_bytes()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"name": "warm", "model": "clipped",
             "axes": {**AXES, "load": [0.05], "temperature": [0.0, 0.2, 0.4]}},
            "its figure runs along beta, that of clipped along load",
        ),
        (
            {"name": "known", "model": "clipped", "question": "familiarity", "axes": AXES},
            "nothing to draw beside clipped",
        ),
    ],
)  # fmt: skip
def test_studies_that_share_nothing_are_refused_in_a_line(two, other, said, tmp_path):
    study = study_of({"sweeps": SWEEPS, **other})
    fill(study, tmp_path)
    with pytest.raises(UserError, match=said):
        mattis.overlaid([two[0], study], tmp_path / "both.png", tmp_path)
    assert not (tmp_path / "both.png").exists()


def test_too_many_curves_and_other_files_are_refused_in_a_line(two, tmp_path):
    with pytest.raises(UserError, match=r"both.gif: got .gif; expected one of .png, .svg, .pdf"):
        mattis.overlaid(two, tmp_path / "both.gif", tmp_path)
    with pytest.raises(UserError, match="8 curves of 8 studies; expected 6 at most"):
        mattis.overlaid([two[0]] * 8, tmp_path / "both.png", tmp_path)
