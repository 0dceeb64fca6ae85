"""What a study may ask to be drawn is drawn, along whatever axis; what it may not is one line."""

from pathlib import Path
from typing import Any

import pytest
from builders import fill

from mattis.comparison.verdict import with_theory
from mattis.errors import UserError
from mattis.figures import drawing_of, estimated
from mattis.networks.registry import study_of


@pytest.mark.parametrize("varied", ["size", "load", "memories", "temperature", "noise"])
def test_any_axis_may_be_the_only_one(varied: str, tmp_path: Path) -> None:
    """A curve along it is drawn, with as many points as it has values."""
    several = {
        "size": [40, 60, 80, 100], "load": [0.1, 0.2, 0.3], "memories": [3, 6, 9],
        "temperature": [0.0, 0.2, 0.4], "noise": [0.0, 0.1, 0.2],
    }  # fmt: skip
    axes = {"size": [40], "load": [0.1], "temperature": [0.0], "seed": 2, varied: several[varied]}
    if varied == "memories":
        del axes["load"]
    sweeps = {"thermalise": 2, "measure": 8}
    study = study_of({"name": "one", "model": "clipped", "axes": axes, "sweeps": sweeps})
    fill(study, tmp_path)
    estimates = with_theory(estimated(study, tmp_path), study)
    ((_, figure),) = drawing_of(study)(estimates, study)
    drawn = [points.lines[0].get_xdata().size for points in figure.axes[0].containers]
    assert sum(drawn) >= len(several[varied])


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"quantity": "overlap", "across": "temperature"}, "expected an axis of several values"),
        ({"quantity": "boundary_load", "across": "load"}, "another axis for boundary_load"),
        ({"quantity": ["overlap", "boundary_load"]}, "a boundary by itself"),
        ({"quantity": "boundary_noise", "across": "load", "up": "noise"}, "a boundary by itself"),
        ({"quantity": "overlap", "across": "size"}, None),
        ({"quantity": "overlap", "across": "load", "curves": "size"}, None),
        ({"quantity": "overlap", "across": "load", "up": "size"}, None),
        ({"quantity": "boundary_load"}, None),
        ({"quantity": "boundary_noise", "across": "load", "curves": "size"}, None),
        ({"quantity": "energy", "scale": "log"}, None),
    ],
)
def test_what_a_block_may_ask_is_drawn_and_the_rest_is_one_line(
    panel: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    axes = {"size": [40, 60], "load": [0.1, 0.2, 0.3], "temperature": [0.0], "noise": [0.0, 0.1, 0.2]}
    content = {
        "name": "asked", "model": "clipped", "axes": {**axes, "seed": 2},
        "sweeps": {"thermalise": 2, "measure": 8}, "figure": {"panels": [panel]},
    }  # fmt: skip
    if said is not None:
        with pytest.raises(UserError, match=said):
            study_of(content)
        return
    study = study_of(content)
    fill(study, tmp_path)
    estimates = with_theory(estimated(study, tmp_path), study)
    assert all(figure.axes for _, figure in drawing_of(study)(estimates, study))
