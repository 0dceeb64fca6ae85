"""Types of arrays, by the names of their content."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Signs = NDArray[np.int8]
"""Patterns and states: entries ±1."""

Reals = NDArray[np.float64]
"""Real numbers, float64."""

FloatArray = NDArray[Any]
"""Real numbers, float64 or float32."""
