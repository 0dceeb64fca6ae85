"""A panel with `up` is a map of its quantity over two axes."""

from pathlib import Path

import numpy as np
import pytest
from builders import fill
from matplotlib.collections import QuadMesh

from mattis.figures import curve_pages, estimated
from mattis.networks.registry import study_of
from mattis.statistics.doubts import FEW_SETS, doubts


def study_with(seed: int, **panel: object) -> object:
    """Return a study whose figure is one map."""
    axes = {"size": [40], "load": [0.05, 0.1, 0.2, 0.3], "temperature": [0.0, 0.2, 0.4], "seed": seed}
    return study_of(
        {
            "name": "mapped", "model": "hopfield", "axes": axes,
            "sweeps": {"thermalise": 4, "measure": 16},
            "figure": {"question": "Where?", "panels": [panel]},
        }
    )  # fmt: skip


@pytest.mark.parametrize(("across", "up"), [("load", "temperature"), ("temperature", "load")])
@pytest.mark.parametrize("quantity", ["overlap", "energy"])
def test_a_map_has_the_values_of_its_cells_at_their_places(across, up, quantity, tmp_path: Path):
    study = study_with(4, quantity=quantity, across=across, up=up)
    fill(study, tmp_path)
    estimates = estimated(study, tmp_path)
    ((_, figure),) = curve_pages.figures(estimates, study)
    (ax, bar) = figure.subfigs[1].subfigs[0].axes
    (mesh,) = [one for one in ax.collections if isinstance(one, QuadMesh)]
    stored = {"load": "load", "temperature": "beta"}
    ordered = estimates.sortby("temperature").squeeze()
    values = ordered[quantity].transpose(stored[up], stored[across]).values
    np.testing.assert_array_equal(np.ma.getdata(mesh.get_array()).reshape(values.shape), values)
    x = ordered["realised_load" if across == "load" else "temperature"].values
    assert all(low < place < high for low, place, high in zip(
        mesh.get_coordinates()[0, :-1, 0], x, mesh.get_coordinates()[0, 1:, 0], strict=True))  # fmt: skip
    ends = (0.0, 1.0) if quantity == "overlap" else (values.min(), values.max())
    assert mesh.get_clim() == pytest.approx(ends)
    assert ("temperature" if across == "temperature" else "load") in ax.get_xlabel()
    assert "overlap" in bar.get_ylabel() or "energy" in bar.get_ylabel()


def test_cells_of_few_sets_are_hatched(tmp_path: Path):
    study = study_with(2, quantity="overlap", across="load", up="temperature")
    fill(study, tmp_path)
    estimates = estimated(study, tmp_path)
    assert (doubts(estimates, study, "overlap").values & FEW_SETS).all()
    ((_, figure),) = curve_pages.figures(estimates, study)
    ax = figure.subfigs[1].subfigs[0].axes[0]
    hatched = [one for one in ax.collections if one.get_hatch()]
    boxes = sum(len(path.vertices) // 5 for one in hatched for path in one.get_paths())
    assert boxes >= 3  # one for each row of the map
