"""The dataset of a diagram, as xarray reads it without mattis."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from artists import imagined, short
from builders import STUDIES

from mattis import figures


def test_rules_of_couplings_have_their_names_beside_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "drawing_of", lambda _study: lambda _estimates, _same: iter(()))
    study = short(STUDIES / "couplings.yaml")
    estimates = imagined(study, tmp_path)
    figures.drawn(study, tmp_path)
    found = xr.open_zarr(tmp_path / "couplings" / "diagram.zarr")
    assert found["rule"].values.tolist() == ["hebb", "clipped", "sequence", "palimpsest"]
    clipped = found.set_xindex("rule").sel(rule="clipped")["overlap"]
    np.testing.assert_array_equal(clipped, estimates["overlap"].sel(couplings=1))


def test_studies_of_one_rule_have_no_names(tmp_path: Path) -> None:
    estimates = imagined(short(STUDIES / "basins.yaml"), tmp_path)
    assert figures.with_words(estimates) is estimates
