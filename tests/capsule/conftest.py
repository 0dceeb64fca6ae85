"""A capsule of a small study, made once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import TINY, fill, make_study
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mattis.capsule.archive import Archived, archive
from mattis.figures import canvas
from mattis.study.base import Study


@contextmanager
def coarse() -> Iterator[None]:
    """Fewer dots, and no search for the best layout: half of the time of a figure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(canvas.STYLE, "savefig.dpi", 50)
        patch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)
        yield


@pytest.fixture(autouse=True)
def coarse_figures() -> Iterator[None]:
    """Coarse figures while a test of capsules runs, and no longer: other tests share its process."""
    with coarse():
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study of 12 cells in 6 blocks, and its results, in a folder with a space."""
    folder = tmp_path_factory.mktemp("a capsule")
    study = make_study(folder, **TINY)
    fill(study, folder / "results")
    return study, folder


@pytest.fixture(scope="session")
def capsule(tiny: tuple[Study, Path]) -> Archived:
    """The capsule of the small study."""
    study, folder = tiny
    people = ["Ada Lovelace <0000-0002-1825-0097>", "B. C."]
    path, results = folder / "small.zip", folder / "results"
    with coarse():
        return archive(study, path, results, authors=people, licence="CC-BY-4.0", date="2026-01-31")
