"""What a row of the table of theory is: an argument, a quantity."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """A control parameter of the theory and its allowed range, or the words that it may be.

    words  # an argument that is left out is the first of them
    """

    name: str
    meaning: str
    bound: str
    fits: Callable[[float], bool] = lambda _: False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """One theoretical quantity: what it is, its equation, its source, and the function for it."""

    name: str
    symbol: str
    units: str  # "1", or "J" for temperatures and energies
    arguments: tuple[str, ...]
    meaning: str
    equation: str
    source: str
    function: Callable[..., float | tuple[float, float]]  # a pair: low, high
