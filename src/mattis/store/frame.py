"""Labelled arrays in memory, for what only reads: xarray takes half a second to load."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import surroundings

if TYPE_CHECKING:
    import xarray as xr


class LabelledArray(NamedTuple):
    """An array, the names of its dimensions, and what it is in words; xarray takes it as a variable."""

    dims: tuple[str, ...]
    values: NDArray[Any]
    attrs: Mapping[str, Any] = MappingProxyType({})

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.dims)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length along each dimension."""
        return self.values.shape

    @property
    def size(self) -> int:
        """The number of values."""
        return int(self.values.size)


@dataclass(frozen=True, eq=False)
class Frame:
    """Arrays over common dimensions: coordinates, and what lies over them."""

    coords: Mapping[str, LabelledArray]
    data_vars: Mapping[str, LabelledArray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> LabelledArray:
        return self.data_vars[name] if name in self.data_vars else self.coords[name]

    def __contains__(self, name: str) -> bool:
        return name in self.data_vars or name in self.coords

    @property
    def variables(self) -> dict[str, LabelledArray]:
        """All arrays: those of data first, as xarray has them."""
        return {**self.data_vars, **self.coords}

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each dimension."""
        shapes = (zip(a.dims, a.values.shape, strict=True) for a in self.variables.values())
        return {name: length for shape in shapes for name, length in shape}

    def assign(self, **arrays: LabelledArray) -> "Frame":
        """Return a frame with more arrays, or others in their places."""
        return Frame(self.coords, {**self.data_vars, **arrays})

    def without(self, names: Iterable[str]) -> "Frame":
        """Return a frame without some arrays."""
        gone = {*names}
        return Frame(self.coords, {n: a for n, a in self.data_vars.items() if n not in gone})

    def dataset(self) -> "xr.Dataset":
        """Return the frame as xarray's dataset."""
        surroundings.why_dask_refuses()  # xarray would load them, and raise
        import xarray as xr

        return xr.Dataset({**self.data_vars}, {**self.coords})


def transposed(array: "LabelledArray | xr.DataArray", dims: Sequence[str]) -> NDArray[Any]:
    """Return values with one axis for each dimension: of length 1 where the array has none."""
    along = [str(dim) for dim in array.dims]
    order = [along.index(dim) for dim in dims if dim in along]
    missing = tuple(axis for axis, dim in enumerate(dims) if dim not in along)
    return np.expand_dims(np.transpose(array.values, order), missing)
