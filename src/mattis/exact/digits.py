"""Handwritten digits that scikit-learn ships: 1797 pictures of 8 × 8 in 17 shades, as patterns.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Repository (1998).
The package is optional, and asked for where its pictures are: `pip install "mattis[examples]"`.
"""

from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import FloatArray, Signs
from mattis.exact.rng import Stream

DIGIT_SITES = 64
"""Pixels of a picture."""

FEWEST_OF_A_DIGIT = 174
"""Pictures of the digit that has fewest, 8."""

LEAST_INK = 8
"""Least shade, of 0 … 16, that is a pixel +1."""


def fault(size: int, count: int, classes: int) -> str | None:
    """Return what is wrong with so many digits of so many sites, if anything."""
    if find_spec("sklearn") is None:
        return 'digits come with scikit-learn, which is not here: pip install "mattis[examples]"'
    if size != DIGIT_SITES:
        return f"digits have 8 × 8 sites: use size {DIGIT_SITES}"
    if count > FEWEST_OF_A_DIGIT * classes:
        return f"{count} digits of {classes} classes: at most {FEWEST_OF_A_DIGIT} of each"
    return None


@lru_cache(maxsize=1)
def _pictures() -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return all pictures, (1797, 64) of 0 … 16, and which digit each is."""
    from sklearn.datasets import load_digits  # a second, and not there for everybody

    pictures, digits = load_digits(return_X_y=True)
    return pictures.astype(np.int8), digits.astype(np.int64)


def shades(stream: Stream, count: int, classes: int) -> NDArray[np.int8]:
    """Return pictures of 0 … 16, (P, 64): pattern mu is a digit mu mod `classes`, none of them twice.

    Each digit has a random order of its pictures, so that pattern mu does not depend on how many there are.
    """
    pictures, digits = _pictures()
    out = np.empty((count, DIGIT_SITES), np.int8)
    for digit in range(min(classes, count)):
        every = np.flatnonzero(digits == digit)
        words = stream.words(len(pictures), np.array([digit]))[0][every]
        wanted = out[digit::classes]
        wanted[:] = pictures[every[np.argsort(words, kind="stable")[: len(wanted)]]]
    return out


def signs(stream: Stream, count: int, classes: int) -> Signs:
    """Return digits in black and white, (P, 64): +1 where there is ink."""
    return np.where(shades(stream, count, classes) >= LEAST_INK, 1, -1).astype(np.int8)


def greys(stream: Stream, count: int, classes: int) -> FloatArray:
    """Return digits in shades from -1 to 1, (P, 64)."""
    return shades(stream, count, classes).astype(np.float64) / 8 - 1
