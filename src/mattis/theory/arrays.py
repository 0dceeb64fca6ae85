"""Arrays, the missing number, tolerances and the range of Gaussian averages, for all files of theory."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NAN = math.nan
"""The value of a quantity that does not exist."""

TINY = 1e-300
"""Absolute tolerance of every root: the relative one decides."""

GAUSS_RANGE = 9.0
"""Bound of Gaussian averages, in widths: exp(-81/2) = 3e-18."""
