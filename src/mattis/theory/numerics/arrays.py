"""Arrays, the missing number, tolerances and the range of Gaussian averages, for all files of theory."""

import math
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NAN = math.nan
"""The value of a quantity that does not exist."""

TINY = 1e-300
"""Absolute tolerance of every root: the relative one decides."""

GAUSS_RANGE = 9.0
"""Bound of Gaussian averages, in widths: exp(-81/2) = 3e-18."""


class Elementwise:
    """A quantity that is computed for many arguments at once, and called with numbers as any function.

    over  # the function of arrays (K,), which returns one; words are the same for all of them
    """

    def __init__(self, over: Callable[..., Array]) -> None:
        self.over = over
        update_wrapper(self, over)

    def __call__(self, *at: float | str, **named: float | str) -> float:
        """Return the quantity at one place."""
        return float(self.over(*map(_column, at), **{name: _column(each) for name, each in named.items()})[0])


def _column(value: float | str) -> Any:
    """Return a number as an array of one, and a word as it is."""
    return value if isinstance(value, str) else np.array([value], np.float64)
