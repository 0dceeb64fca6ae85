"""Fixtures that all tests share."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

# More threads of BLAS would spin beside the other worker. NumPy must not be there yet: hence -p no:zarr.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from builders import Command, exit_code, fill, make_study
from object_store import Proxy, object_store

from mattis.engine import rates
from mattis.store.places import place_of
from mattis.store.results import results_of
from mattis.study.base import Study


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected, and later not among the million objects that stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no tests of CUDA code where their mark is left out: it takes each worker three seconds."""
    of_gpu = collection_path.parent.name == "gpu" and collection_path.name.startswith("test_")
    marked = of_gpu and collection_path.name != "test_on_gpu.py"  # test_project.py: whose tests have no mark
    return True if marked and "not gpu_host" in config.option.markexpr else None


@pytest.fixture(scope="session", autouse=True)
def quick_disk() -> Iterator[None]:
    """Files are synced in processes that tests start; nobody pulls the plug of this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # which refuses what is not open, as well
        yield


@pytest.fixture(autouse=True)
def no_rates(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test, which is not the user's, and does not exist yet."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{uuid4().hex}"
    monkeypatch.setattr(rates, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """The small study: 72 cells in 9 blocks."""
    return make_study(tmp_path)


@pytest.fixture
def mattis(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        code, said = exit_code(*words), capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def filled(study: Study, tmp_path: Path) -> Path:
    """The store of the small study, computed below the test's folder."""
    fill(study, tmp_path)
    return Path(results_of(study, tmp_path).store)


@pytest.fixture
def cheap_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer dots, and no search for the best layout: half of the time of a figure."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from mattis.figures import canvas

    monkeypatch.setitem(canvas.STYLE, "savefig.dpi", 50)
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[Proxy, dict[str, str]]]:
    """An object store on loopback, and the environment that finds it."""
    with object_store() as found:
        yield found


@pytest.fixture
def proxy(
    bucket: tuple[Proxy, dict[str, str]], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Proxy]:
    """What stands before the object store, whose prefix `URL` of the test's file is empty."""
    proxy, environment = bucket
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    place_of(request.module.URL).remove_tree()
    yield proxy
    proxy.drop()
    proxy.mend()
