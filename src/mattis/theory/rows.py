"""What a row of the table of theory is: an argument, a quantity."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, get_origin

from mattis.plugins import Row

REPLICA_SYMMETRIC = "replica symmetric, N -> infinity"
LARGE_N = "exact as N -> infinity"
ANY_N = "exact at any N"
UNTOLD = "as its author says"
"""The validity of a plugin's line that does not say its own."""


@dataclass(frozen=True)
class Argument(Row):
    """A control parameter of the theory and its allowed range, or the words that it may be.

    words  # an argument that is left out is the first of them
    """

    table: ClassVar[str] = "argument of theory"

    name: str
    meaning: str
    bound: str
    fits: Callable[[float], bool] = lambda _: False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantity(Row):
    """One theoretical quantity: what it is, its equation, its source, and the function for it."""

    table: ClassVar[str] = "theory line"

    name: str
    symbol: str
    units: str  # "1", "J" of temperatures and energies, "nat" of entropies
    arguments: tuple[str, ...]
    meaning: str
    equation: str
    source: str
    validity: str  # how far it may be trusted: the approximation, and what is off by how much
    function: Callable[
        ..., float | tuple[float, float]
    ]  # two numbers: low, high, or where, how much

    @property
    def defaults(self) -> dict[str, float]:
        """What stands for the arguments that may be left out, beside words: the defaults of the function."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name.removesuffix("_"): p.default for p in parameters if p.default is not p.empty}

    @property
    def has_two_numbers(self) -> bool:
        """Whether the function says that it returns two numbers."""
        return get_origin(inspect.get_annotations(self.function).get("return")) is tuple


def argument(name: str, meaning: str, low: float = -math.inf, high: float = math.inf) -> Argument:
    """Return an argument of theory that is a number between two bounds, these included."""
    bound = f"from {low:g} to {high:g}"
    return Argument(name, meaning, bound, lambda value: low <= value <= high)


def theory_line(
    name: str,
    *,
    symbol: str,
    meaning: str,
    equation: str,
    source: str,
    units: str = "1",
    validity: str = UNTOLD,
) -> Callable[[Callable[..., float]], Quantity]:
    """Make a theory line of a function, whose arguments are those of the table of theory.

    name  # with a dot, such as "tilted.overlap"
    validity  # how far it may be trusted, such as "replica symmetric, N -> infinity"
    A figure draws it where a rule of couplings (or a model) names it among its theory.
    """

    def decorated(function: Callable[..., float]) -> Quantity:
        arguments = tuple(inspect.signature(function).parameters)
        return Quantity(
            name, symbol, units, arguments, meaning, equation, source, validity, function
        )

    return decorated
