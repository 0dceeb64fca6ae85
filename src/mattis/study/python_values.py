"""Values as Python has them (arrays, ranges, scalars of NumPy, paths), as a file of a study has them."""

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any

import numpy as np

from mattis.errors import UserError
from mattis.study.axes import LONGEST_AXIS

DEEPEST = 20
"""Values within values at most: a list that holds itself has no end."""


def as_written(value: Any, where: str, depth: int = 0) -> Any:
    """Return a value as a file has it: mappings, lists, numbers and words; what is none of these, as it is.

    Numbers of fewer than 64 bits are those that they print as: float32(0.1) is 0.1. Raises UserError for
    values without an order or an end.

    where  # the place that an error names
    """
    if depth > DEEPEST:
        raise UserError(f"{where}: got values within values, more than {DEEPEST} deep; expected a list")
    if isinstance(value, Mapping):
        between = "." if depth else ", "
        return {key: as_written(one, f"{where}{between}{key}", depth + 1) for key, one in value.items()}
    if isinstance(value, Set):
        raise UserError(f"{where}: got a set, which has no order; expected a list, such as [0.1, 0.2]")
    if isinstance(value, list | tuple | range | Iterator):
        return [as_written(one, where, depth + 1) for one in _finite(value, where)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        if np.ma.is_masked(value):
            raise UserError(f"{where}: got masked values; expected numbers; leave these out")
        return _plain_numbers(np.asarray(value), where)
    return value


def _finite(values: Sequence[Any] | Iterator[Any], where: str) -> list[Any]:
    """Return values that may have no end as a list. Raises UserError for more than an axis may have."""
    found = list(islice(values, LONGEST_AXIS + 1))
    if len(found) > LONGEST_AXIS:
        raise UserError(f"{where}: got more than {LONGEST_AXIS} values; expected at most as many")
    return found


def _plain_numbers(values: np.ndarray[Any, Any], where: str) -> Any:
    """Return an array as nested lists of Python's own numbers and words, or as one of them."""
    if values.size > LONGEST_AXIS:
        raise UserError(f"{where}: got {values.size} values; expected at most {LONGEST_AXIS}")
    if values.dtype.kind == "f" and values.dtype.itemsize != 8:
        shortest = [float(str(one)) for one in values.ravel()]
        values = np.array(shortest, np.float64).reshape(values.shape)
    return values.tolist()
