"""A cache of kernels that cannot be written, is full or is spoilt costs seconds, never a run."""

import errno
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numba
import pytest
from numba.core import caching

from mattis.exact import compiler

TEXT = '''
from mattis.exact.compiler import compiled

@compiled
def twice(number):
    """Return twice a number."""
    return 2 * number
'''


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:
    """Return a function that imports a kernel anew; its cache is in a folder of the test."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "kernel.py"
    file.write_text(TEXT)

    def loaded() -> ModuleType:
        found = importlib.util.spec_from_file_location("kernel", file)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module

    return loaded


def cached(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.nb?"))


def test_a_kernel_is_compiled_once(tmp_path: Path, load: Callable[[], ModuleType]) -> None:
    assert load().twice(3) == 6
    assert len(cached(tmp_path)) == 2
    again = load().twice
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("content", [b"", b"\x80\x05garbage", b"\x80\x04\x95\x10\x00"])
@pytest.mark.parametrize("which", ["nbi", "nbc"])
def test_spoilt_files_are_compiled_over(
    tmp_path: Path, load: Callable[[], ModuleType], which: str, content: bytes
) -> None:
    load().twice(3)
    for file in cached(tmp_path):
        if file.suffix == f".{which}":
            file.write_bytes(content)
    assert load().twice(3) == 6
    again = load().twice
    assert again(4) == 8
    assert sum(again.stats.cache_hits.values()) == 1  # the cache is whole again


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_refuses_costs_a_compilation(
    load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_index", refuse)
    assert load().twice(3) == 6


def test_no_folder_for_a_cache(load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert load().twice(3) == 6
    assert compiler.why_not_cached.__wrapped__() == ("no folder for compiled kernels can be written to")


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiler.why_not_cached.__wrapped__() == ""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    assert "no space left for compiled kernels" in compiler.why_not_cached.__wrapped__()


def test_where_the_package_cannot_be_written_to_the_cache_is_the_users(
    tmp_path: Path, load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    (tmp_path / "__pycache__").write_text("a file, where the folder of the package would be")
    assert load().twice(3) == 6
    files = sorted(file.suffix for file in (tmp_path / "own" / "numba").rglob("*.nb?"))
    assert files == [".nbc", ".nbi"]
    assert sum(hits(load()).values()) == 1


def hits(module: ModuleType) -> dict[object, int]:
    """Return how often the kernel of a module was found on disk: once it is called, for each of its forms."""
    module.twice(3)
    found: dict[object, int] = module.twice.stats.cache_hits
    return found
