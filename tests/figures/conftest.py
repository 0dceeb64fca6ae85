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


QUICK = (
    "ambiguous", "attractors", "consolidation-time", "dense_field", "enumeration", "enumeration-little",
    "equal-free-energy", "exchange", "familiarity", "fast_slow", "fixed_points", "hebbian_tanh_zero",
    "hopfield", "hysteresis", "ising-domains", "jacobian", "landscape", "linear", "little", "mixtures",
    "pseudo-inverse", "random-axis", "recall", "sequence-transitions", "snapshot", "survival", "synapses",
    "tanh_tanh", "two-cycles", "weighted",
)  # fmt: skip
"""Studies that show each way to draw, each scale, and most axes and quantities; the others are slow."""


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


def studies_shown() -> list[object]:
    """Return the shipped studies, those marked whose pages are of a kind that others show."""
    return [
        pytest.param(path, marks=[pytest.mark.slow] * (path.stem not in QUICK), id=path.stem)
        for path in EVERY_STUDY
    ]


@pytest.fixture(scope="module", params=studies_shown())
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Each shipped study as it is drawn, from cells that nobody computed."""
    path: Path = request.param
    with pytest.MonkeyPatch.context() as patch:
        few(patch)
        study = short(path)
        estimates = imagined(study, tmp_path_factory.mktemp(path.stem))
        return Shown(study, estimates, pages(study, estimates))
