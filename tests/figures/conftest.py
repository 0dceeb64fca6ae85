"""What tests of figures share: lines of theory of few places, and the pages of every shipped study."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from artists import imagined, pages, short
from builders import EVERY_STUDY
from matplotlib.figure import Figure

from mattis.comparison import lines, neurons, tracing
from mattis.study.base import Study


class Shown(NamedTuple):
    """A short copy of a shipped study, imagined estimates of it, and its pages."""

    study: Study
    estimates: xr.Dataset
    pages: dict[str, Figure]


def few(patch: pytest.MonkeyPatch) -> None:
    """Draw lines of theory of few places, whose ends are not looked for closely."""
    patch.setattr(lines, "LINE_PLACES", 6)
    patch.setattr(neurons, "PLACES_OF_ANALOG", 3)
    patch.setattr(neurons, "PLACES_OF_NEURONS", 6)
    patch.setattr(tracing, "BISECTIONS", 1)
    patch.setattr(tracing, "BISECTION_PARTS", 2)
    patch.setattr(tracing, "APPROACH", np.array([1.0, 0.1]))


@pytest.fixture
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of theory of few places."""
    few(monkeypatch)


@pytest.fixture(scope="module", params=EVERY_STUDY, ids=lambda path: path.stem)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Each shipped study as it is drawn, from cells that nobody computed."""
    path: Path = request.param
    with pytest.MonkeyPatch.context() as patch:
        few(patch)
        study = short(path)
        estimates = imagined(study, tmp_path_factory.mktemp(path.stem))
        return Shown(study, estimates, pages(study, estimates))
