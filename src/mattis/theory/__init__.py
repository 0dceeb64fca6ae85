"""Theory: what each quantity means, where its equation comes from, and its value at a point.

`QUANTITIES` is a table (table.py); each theory file (hopfield, ...) contributes one tuple of rows.
Nothing here knows a model, a store or a simulation: a line cannot be contaminated by what it judges.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from mattis.errors import UserError, nearest
from mattis.theory import broadcast
from mattis.theory.table import ARGUMENTS, QUANTITIES, Argument, Quantity
from mattis.words import counted

if TYPE_CHECKING:
    from xarray import DataArray

__all__ = ["ARGUMENTS", "QUANTITIES", "Argument", "Quantity", "evaluate"]

TheoryValue = float | list[float | None] | None
"""A quantity at a point: a number, [low, high], or None."""


@overload
def evaluate(name: str, **at: float | str | Sequence[float]) -> TheoryValue | list[TheoryValue]: ...


@overload
def evaluate(
    name: str, **at: "float | str | Sequence[float] | NDArray[Any] | DataArray"
) -> "TheoryValue | list[TheoryValue] | NDArray[np.float64] | DataArray": ...


def evaluate(name: str, **at: Any) -> Any:
    """Return a quantity at a point, along a line where arguments are lists, or wherever arrays are.

    Lists are paired and must have equal lengths; scalars are broadcast. Arrays of NumPy give an array of
    floats and are broadcast as NumPy does, `temperature[:, None]` against loads; a DataArray among them gives
    a DataArray, with dimensions matched by name. An argument that is a word (`diagonal`, `neurons`), or has a
    default, may be left out. A quantity of two numbers is a list of two at a point, and the last axis of an
    array. Where a number does not exist stands None, in arrays NaN: where the equation has no solution, and
    where a value of a list or array is not finite or out of the range of its argument.

    Raises UserError for an unknown quantity, an unknown or missing argument, lists of unequal lengths, arrays
    that do not fit, what is no number or no word of its argument, and a value out of range that stands alone,
    or a list of nothing else.
    """
    quantity = _quantity(name)
    _check_names(quantity, at)
    if any(map(broadcast.is_array, at.values())):
        return broadcast.over_arrays(quantity, at, lambda key, value: _column(quantity, key, value, 1))
    return _over_lists(quantity, at)


def _over_lists(quantity: Quantity, at: Mapping[str, Any]) -> TheoryValue | list[TheoryValue]:
    """Return a quantity at a point, or along a line where arguments are lists."""
    lists = {key: len(at[key]) for key in at if _is_list(at[key])}
    if len(set(lists.values())) > 1:
        got = ", ".join(f"{key} has {counted(length, 'value')}" for key, length in lists.items())
        raise UserError(f"{quantity.name}: {got}; lists are paired, so give them equal lengths")
    size = next(iter(lists.values()), 1)
    columns = [_column(quantity, key, at.get(key), size) for key in quantity.arguments]
    if lists and quantity.over is not None:
        found = broadcast.at_once(quantity.over, [*map(np.array, columns)])
        return [_number_or_none(value) for value in found.tolist()]
    rows = zip(*columns, strict=True) if columns else [()]
    values = [_or_none(broadcast.value_at(quantity, row)) for row in rows]
    return values if lists else values[0]


def _quantity(name: str) -> Quantity:
    """Return the row of the table, or raise UserError with the nearest name."""
    if name in QUANTITIES:
        return QUANTITIES[name]
    raise UserError(f"unknown quantity {name!r}{nearest(str(name), QUANTITIES) or _choice(QUANTITIES)}")


def _check_names(quantity: Quantity, given: Mapping[str, object]) -> None:
    """Raise UserError unless exactly the arguments of the quantity are given."""
    expected = quantity.arguments
    for key in given:
        if key not in expected:
            hint = nearest(key, [e for e in expected if e not in given]) or _choice(expected)
            raise UserError(f"{quantity.name}: unknown argument {key!r}{hint}")
    for key in expected:
        if key not in given and not ARGUMENTS[key].words and key not in quantity.defaults:
            raise UserError(f"{quantity.name}: missing argument {key!r} ({ARGUMENTS[key].meaning})")


def _choice(names: Collection[str]) -> str:
    """Return the hint that lists what may be typed instead."""
    return f"; expected one of {', '.join(names)}" if names else "; it takes no arguments"


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _column(quantity: Quantity, key: str, value: Any, size: int) -> list[float] | list[str]:
    """Return `value` as `size` checked floats (or words): a scalar repeated, a list with NaN for what is out
    of range, if anything is in it; an array flat, with NaN for all that is out of range."""
    argument, place = ARGUMENTS[key], f"{quantity.name}: {key}"
    if argument.words:
        return [_word(place, value, argument)] * size
    if value is None and key in quantity.defaults:
        return [quantity.defaults[key]] * size
    if broadcast.is_array(value):
        given = broadcast.flat(value)
        numbers = [_number(f"{place}[{i}]", each, argument) for i, each in enumerate(given)]
        return [math.nan if _fault(place, each, argument) else each for each in numbers]
    given = list(value) if _is_list(value) else [value]
    places = [f"{place}[{i}]" for i in range(len(given))] if _is_list(value) else [place]
    numbers = [_number(*each, argument) for each in zip(places, given, strict=True)]
    faults = [_fault(*each, argument) for each in zip(places, numbers, strict=True)]
    if faults and all(faults):
        raise UserError(str(faults[0]))
    kept = [math.nan if fault else v for v, fault in zip(numbers, faults, strict=True)]
    return kept if _is_list(value) else kept * size


def _word(place: str, value: object, argument: Argument) -> str:
    """Return `value` as one of the words of its argument, the first if there is none, or raise UserError."""
    if value is None:
        return argument.words[0]
    if not (isinstance(value, str) and value in argument.words):
        hint = nearest(str(value), argument.words)
        words = " or ".join(argument.words)
        raise UserError(f"{place}={value!r:.40} is out of range; expected {words} ({argument.meaning}){hint}")
    return str(value)


def _number(place: str, value: object, argument: Argument) -> float:
    """Return `value` as a float, or raise UserError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise UserError(f"{place}={value!r:.60} is not a number; expected {argument.meaning}")
    return float(value)


def _fault(place: str, number: float, argument: Argument) -> str | None:
    """Say what is wrong with a number that is not finite, or out of the range of its argument."""
    if not math.isfinite(number):
        return f"{place}={number} is not finite; expected {argument.meaning}"
    if not argument.fits(number):
        return f"{place}={number!r} is out of range; expected {argument.bound} ({argument.meaning})"
    return None


def _or_none(value: float | tuple[float, float]) -> TheoryValue:
    """Return floats, and None for NaN: a number as it is, a pair as a list."""
    return [_number_or_none(each) for each in value] if isinstance(value, tuple) else _number_or_none(value)


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
