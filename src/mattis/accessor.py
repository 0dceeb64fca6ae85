"""`ds.mattis`: what datasets of xarray can do with this package, loaded no sooner than xarray."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

ACCESSOR = "mattis"
"""The attribute of datasets."""


class DatasetAccessor:
    """What `ds.mattis` offers, of estimates as `diagram.zarr` has them."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def plot(self, study: Any = None, interactive: bool = True, samples: bool = False) -> Any:
        """Return the diagram of these estimates: `mattis.plot`, which says more."""
        return import_module("mattis.plotting").plot(
            self._dataset, study=study, interactive=interactive, samples=samples
        )


class XarrayWaiter:
    """A finder of modules that registers the accessor once xarray is imported: that takes a second."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how xarray is loaded, with the accessor behind it; leave all other modules to others."""
        del path, target
        if fullname != "xarray":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load: Any = spec.loader.exec_module

            def loaded(module: ModuleType) -> None:
                load(module)
                _register(module)

            spec.loader.exec_module = loaded  # type: ignore[method-assign]
        return spec


def register() -> None:
    """Give datasets their accessor, now or as soon as xarray is there."""
    there = sys.modules.get("xarray")
    if there is not None:
        _register(there)
    elif not any(isinstance(one, XarrayWaiter) for one in sys.meta_path):
        sys.meta_path.insert(0, XarrayWaiter())  # asked first, and then gone


def _register(xarray: Any) -> None:
    """Register the accessor, once."""
    if not hasattr(xarray.Dataset, ACCESSOR):
        xarray.register_dataset_accessor(ACCESSOR)(DatasetAccessor)
