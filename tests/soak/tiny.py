"""A study of a few cells whose numbers are known, run within a forked process that may die at any call.

Nothing here depends on how a store is written: folders are compared as trees of files, and results are
asked for as a user would ask for them. The process that forks has no threads: zarr runs only in children.
"""

import contextlib
import importlib
import os
import pickle
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from builders import make_study
from reference import Cells, Reference, cells_of

from mattis.engine import dispatch, driver
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings
from mattis.store import reading
from mattis.store.results import results_of
from mattis.study.base import Study
from mattis.study.plan import Block

HERE = Settings(1, backend="cpu", where=Where(pool="threads"), all_observables=True)

Tree = dict[str, bytes | None]
"""Paths below a folder: the content of files, None for folders."""


class Died(Exception):
    """A child ended without an answer."""


def in_child(work: Callable[..., Any], *given: Any) -> Any:
    """Return what a function returns in a forked process, or raise what it raises."""
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            _answer(answer, work, given)
        _, code = os.waitpid(child, 0)
        answer.seek(0)
        content = answer.read()
    if not content:
        raise Died(os.waitstatus_to_exitcode(code))
    good, found = pickle.loads(content)
    if not good:
        raise RuntimeError(found)
    return found


def _answer(answer: Any, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
        content = pickle.dumps((True, work(*given)))
    except BaseException:
        content = pickle.dumps((False, traceback.format_exc()))
    answer.write(content)
    answer.flush()
    os._exit(0)


def tree_of(folder: Path) -> Tree:
    """Return all that lies below a folder."""
    found: Tree = {}
    pending = [(str(folder), "")]
    while pending:
        at, inside = pending.pop()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(at) as entries:
            for entry in entries:
                name = f"{inside}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    found[name] = None
                    pending.append((entry.path, f"{name}/"))
                else:
                    with contextlib.suppress(FileNotFoundError):
                        found[name] = Path(entry.path).read_bytes()
    return found


def plant(tree: Tree, folder: Path) -> None:
    """Make a folder what a tree says, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in sorted(tree):
        content = tree[name]
        if content is None:
            (folder / name).mkdir(exist_ok=True)
        else:
            (folder / name).write_bytes(content)


@dataclass
class World:
    """The studies, their known numbers, and a folder to work in."""

    work: Path
    reference: Reference = field(default_factory=Reference)
    studies: dict[str, Study] = field(default_factory=dict)

    def __post_init__(self) -> None:
        axes: dict[str, tuple[list[float], int]] = {
            "small": ([0.04, 0.1], 2),
            "wider": ([0.04, 0.07, 0.1], 2),
            "wide": ([0.04, 0.07, 0.1], 3),
        }
        common: dict[str, Any] = {"size": [50], "temperature": [0, 0.3], "noise": [0], "cues": 1}
        for name, (loads, seeds) in axes.items():
            folder = self.work / name
            folder.mkdir()
            self.studies[name] = make_study(folder, load=loads, seed=seeds, **common)
        self.reference.columns, self.reference.known, modules = in_child(self._numbers)
        for module in modules:  # what a run imports on its way, each child would import again
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        dispatch.computed = self._computed  # type: ignore[assignment]

    def _numbers(self) -> tuple[Any, Any, list[str]]:
        for study in self.studies.values():
            self.reference.numbers(study)
        dispatch.computed = self._computed  # type: ignore[assignment]
        driver.run(self.studies["small"], self.work / "first", HERE)
        shown(store_of(self.studies["small"], self.work / "first"))
        skipped = ("mattis", "__", "_")
        modules = [name for name in sys.modules if not name.startswith(skipped)]
        return self.reference.columns, self.reference.known, modules

    def _computed(self, study: Study, blocks: list[Block], *_: Any) -> Iterator[Any]:
        """Yield known numbers block by block, as the dispatcher would; each is written at once."""
        del study
        for block in blocks:
            cells = [(block.size, block.load, *point, block.seed) for point in block.points]
            columns = {
                name: np.array([column[cell] for cell in cells])
                for name, column in self.reference.columns.items()
            }
            yield dispatch.Finished(block, columns)
            yield None


def store_of(study: Study, root: Path) -> Path:
    """Return the folder of a study's store."""
    return Path(results_of(study, root).store)


def valid(study: Study, root: Path) -> Cells:
    """Return the cells of a study that exist."""
    return cells_of(study, reading.valid_cells(results_of(study, root).store, study))


def shown(path: Path) -> dict[str, dict[tuple[float, ...], float]]:
    """Return what a reader without mattis sees: the values of each array by their labels."""
    import xarray as xr

    from mattis.comparison.phases import PHASES as DIMENSIONS

    out: dict[str, dict[tuple[float, ...], float]] = {}
    with xr.open_zarr(path, consolidated=True) as ds:
        axes = [ds[name].values.tolist() for name in DIMENSIONS]
        for name, array in ds.data_vars.items():
            if array.dims == DIMENSIONS and name != "digest":
                values = array.values
                out[str(name)] = {
                    tuple(axis[k] for axis, k in zip(axes, at, strict=True)): float(values[at])
                    for at in np.ndindex(*values.shape)
                }
    return out
