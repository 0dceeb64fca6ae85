"""Quantities at the level of replica symmetry breaking that is asked: 0 steps, or 1."""

from collections.abc import Callable

import numpy as np

from mattis.theory.numerics.arrays import Array

OverPlaces = Callable[..., Array]
"""A quantity over arrays (K,) of its arguments."""


def at_levels(rsb: Array | float, symmetric: OverPlaces, broken: OverPlaces, *at: Array) -> Array:
    """Return a quantity at many places: symmetric where rsb is 0, with one step of breaking where it is 1."""
    level = np.broadcast_to(rsb, at[0].shape)
    out = np.empty(at[0].shape)
    for quantity, mask in ((symmetric, level == 0), (broken, level != 0)):
        if mask.any():
            out[mask] = quantity(*(each[mask] for each in at))
    return out
