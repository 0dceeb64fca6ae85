"""Types of arrays, by the names of their content."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Signs = NDArray[np.int8]
"""Patterns and states: entries ±1."""

Reals = NDArray[np.float64]
"""Real numbers, float64."""

Mask = NDArray[np.bool_]
"""Which of some places are meant, such as cells of a cube."""

FloatArray = NDArray[Any]
"""Real numbers, float64 or float32."""
