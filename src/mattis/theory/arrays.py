"""What the files of theory share: arrays, the number that does not exist, the range of Gaussian averages."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NAN = math.nan
"""What does not exist."""

TINY = 1e-300
"""Absolute tolerance of every root: the relative one decides."""

GAUSS_RANGE = 9.0
"""Widths of a Gaussian that averages go to: exp(-81/2) = 3e-18."""
