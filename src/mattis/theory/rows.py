"""What a row of the table of theory is: an argument, a quantity."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, get_origin

from mattis.plugins import Row
from mattis.theory.numerics.arrays import Elementwise

REPLICA_SYMMETRIC = "replica symmetric, N -> infinity"
ONE_STEP = "rsb=1 is one step of replica symmetry breaking, N -> infinity"
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
class Formula:
    """A function of a file of theory, which is loaded when it is first called: SciPy takes 0.4 s."""

    file: str
    name: str

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself."""
        found: Callable[..., Any] = getattr(import_module(f"mattis.theory.{self.file}"), self.name)
        return found

    def __call__(self, *at: float | str) -> Any:
        """Return the value of the function."""
        return self.function(*at)


@dataclass(frozen=True)
class Formulas:
    """The functions of a file of theory by their names, for the rows of the table."""

    file: str

    def __getattr__(self, name: str) -> Formula:
        return Formula(self.file, name)


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
    function: Callable[..., float | tuple[float, float]]  # two numbers: low, high, or where, how much

    @property
    def formula(self) -> Callable[..., Any]:
        """The function itself, with its file loaded."""
        return self.function.function if isinstance(self.function, Formula) else self.function

    @property
    def over(self) -> Callable[..., Any] | None:
        """The function of arrays (K,), if there is one."""
        return self.formula.over if isinstance(self.formula, Elementwise) else None

    @property
    def defaults(self) -> dict[str, float]:
        """What stands for the arguments that may be left out, beside words: the defaults of the function."""
        parameters = inspect.signature(self.formula).parameters.values()
        return {p.name.removesuffix("_"): p.default for p in parameters if p.default is not p.empty}

    @property
    def has_two_numbers(self) -> bool:
        """Whether the function says that it returns two numbers."""
        return get_origin(inspect.get_annotations(self.formula).get("return")) is tuple


def argument(name: str, meaning: str, low: float = -math.inf, high: float = math.inf) -> Argument:
    """Return an argument of theory that is a number between two bounds, these included."""
    return Argument(name, meaning, f"from {low:g} to {high:g}", lambda value: low <= value <= high)


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
        return Quantity(name, symbol, units, arguments, meaning, equation, source, validity, function)

    return decorated
