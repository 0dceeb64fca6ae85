"""Theory over arrays, broadcast as NumPy does, or by the names of dimensions where arrays have them."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from mattis import plugins
from mattis.errors import UserError
from mattis.theory.numerics.arrays import NAN, Array
from mattis.theory.rows import Quantity

ColumnCheck = Callable[[str, Any], list[float] | list[str]]
"""What checks the values of an argument: its name and values in, a flat list out."""

NUMBERS = "number"
"""The last dimension of a quantity of two numbers."""


def is_array(value: object) -> bool:
    """Whether a value is an array of NumPy or xarray: of any number of dimensions, 0 included."""
    return isinstance(value, np.ndarray) or is_labelled(value)


def is_labelled(value: object) -> TypeGuard[Any]:
    """Whether a value is a DataArray: nobody has one who has not imported xarray, which takes its time."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(value, xarray.DataArray)


def flat(value: Any) -> list[Any]:
    """Return the values of an array in one list: NaN where they are masked, times as what they are."""
    array = value.values if is_labelled(value) else value
    if isinstance(array, np.ma.MaskedArray):
        array = np.where(np.ma.getmaskarray(array), NAN, array.data)
    return list(array.ravel()) if array.dtype.kind in "mM" else array.ravel().tolist()


def value_at(quantity: Quantity, at: Sequence[float | str]) -> float | tuple[float, float]:
    """Return what the function of a quantity makes of its arguments: a number, or two; NaN where one is NaN.

    Raises UserError where the function, of a plugin, returns something else.
    """
    if any(isinstance(each, float) and math.isnan(each) for each in at):
        return NAN
    value: Any = plugins.called(quantity, quantity.function, *at)
    both = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    if not all(isinstance(one, Real) for one in both):
        raise plugins.refused(quantity, f"{value!r:.40}", "a number, NaN where there is none")
    return value  # type: ignore[no-any-return]


def over_arrays(quantity: Quantity, at: Mapping[str, Any], checked: ColumnCheck) -> Any:
    """Return a quantity over arrays: an array, or a DataArray if one of the arguments is one.

    Raises UserError where the arrays cannot be broadcast, or their labels differ.
    """
    given = [_array(key, at.get(key), checked) for key in quantity.arguments]

    def function(*columns: NDArray[Any]) -> Array:
        return _over(quantity, columns)

    try:
        if not any(map(is_labelled, given)):
            return function(*given)
        return _labelled(quantity, function, given)
    except ValueError as error:
        shapes = ", ".join(f"{key} {_shape(at[key])}" for key in quantity.arguments if is_array(at.get(key)))
        raise UserError(
            f"{quantity.name}: {shapes} do not fit each other: {str(error).splitlines()[0]:.80}"
        ) from None


def _array(key: str, value: Any, checked: ColumnCheck) -> Any:
    """Return an argument as an array of checked floats, or of one word: with its labels, if it has some."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = np.array(value, dtype=object)
    numbers = np.array(checked(key, value))
    if not is_array(value):
        return numbers.reshape(())
    numbers = numbers.astype(np.float64).reshape(value.shape)
    return value.copy(data=numbers) if is_labelled(value) else numbers


def _shape(value: Any) -> str:
    """Return the shape of an array, with the names of its dimensions if they have some."""
    return str(dict(value.sizes) if is_labelled(value) else value.shape)


def _over(quantity: Quantity, columns: Sequence[NDArray[Any]]) -> Array:
    """Return a quantity over arrays of its arguments; of two numbers with a last axis of 2."""
    columns = np.broadcast_arrays(*columns)
    shape = columns[0].shape
    if quantity.over is not None:
        return at_once(quantity.over, [column.ravel() for column in columns]).reshape(shape)
    rows = zip(*(column.ravel().tolist() for column in columns), strict=True)
    values = [value_at(quantity, row) for row in rows]
    if quantity.has_two_numbers or any(isinstance(value, tuple) for value in values):
        pairs = [value if isinstance(value, tuple) else (NAN, NAN) for value in values]
        return np.array(pairs, np.float64).reshape((*shape, 2))
    return np.array(values, np.float64).reshape(shape)


def at_once(over: Callable[..., Array], columns: Sequence[NDArray[Any]]) -> Array:
    """Return a quantity over flat arrays by its function of arrays: NaN where an argument is NaN."""
    words = [column.dtype.kind not in "fi" for column in columns]
    known = np.ones(columns[0].size, bool)
    for column, word in zip(columns, words, strict=True):
        known &= True if word else np.isfinite(column)
    out = np.full(known.size, NAN)
    if known.any():
        at = [str(c[0]) if word else c[known] for c, word in zip(columns, words, strict=True)]
        out[known] = over(*at)
    return out


def _labelled(quantity: Quantity, function: Callable[..., Array], given: Sequence[Any]) -> Any:
    """Return a quantity over arrays with labels, which must be the same along each dimension."""
    import xarray as xr

    core = [[NUMBERS]] if quantity.has_two_numbers else [[]]
    found = xr.apply_ufunc(function, *given, output_core_dims=core, join="exact")
    found.attrs = {"long_name": quantity.meaning, "units": quantity.units}
    return found.rename(quantity.name)
