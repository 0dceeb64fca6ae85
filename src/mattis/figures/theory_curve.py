"""One quantity of theory drawn along one of its arguments: `mattis theory NAME --plot`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mattis import __version__, theory
from mattis.comparison.tracing import traced
from mattis.errors import UserError
from mattis.exact.arrays import Reals
from mattis.figures.canvas import STYLE, kind_of_file, write_figure
from mattis.figures.page import LETTERS, SINGLE
from mattis.theory import ARGUMENTS, QUANTITIES, Quantity

USUAL_ENDS: Mapping[str, tuple[float, float]] = {
    "load": (0.001, 0.2), "temperature": (0.0, 1.2), "memories": (2, 200), "kappa": (0.0, 20.0),
    "presentations": (0.0, 1000.0), "steps": (0, 1000), "probability": (0.0, 1.0), "tau": (1.0, 200.0),
    "overlap": (-1.0, 1.0), "start": (0.01, 0.99), "norm_ratio": (0.1, 5.0), "target_cosine": (-1.0, 0.99),
    "size": (10, 1000), "patterns": (2, 200), "n": (1, 15), "dimension": (1, 20), "threshold": (0.0, 5.0),
    "connectivity": (0.01, 1.0), "epsilon": (0.1, 16.0), "bound": (0.05, 4.0), "levels": (1, 30),
    "age": (1, 200), "degree": (2, 10), "lambda": (0.05, 5.0), "beta": (0.05, 5.0), "noise": (0.0, 1.0),
}  # fmt: skip
"""Where a curve begins and ends along an argument of which nothing is said."""

THEORY_LEVELS = ("rsb",)
"""Arguments that are numbers and name a theory: no curve runs along them."""

CURVE_PLACES = 201
"""Places of a curve, before its ends are looked for."""

CURVE_HEIGHT = 2.3
"""Inches of the height of the axes."""

CURVE_COLOUR = "#0072b2"


@dataclass(frozen=True)
class Sweep:
    """Along which argument a quantity is drawn, from where to where, and the others."""

    along: str
    low: float
    high: float
    fixed: Mapping[str, float | str]

    def places(self) -> Reals:
        """Return the places of the curve: whole numbers where the argument is one."""
        argument = ARGUMENTS[self.along]
        places = np.linspace(self.low, self.high, CURVE_PLACES)
        if is_whole(self.along):
            places = np.unique(np.rint(places))
        return np.array([x for x in places.tolist() if argument.fits(x)], np.float64)


def is_whole(name: str) -> bool:
    """Tell whether an argument is a whole number."""
    return ARGUMENTS[name].bound.startswith(("a whole number", "an odd number"))


def plotted(name: str, at: Mapping[str, Any], output: Path | None = None) -> Path:
    """Draw a quantity along one of its arguments; return the file, NAME.png if not given.

    at  # its arguments: one number each, and two of the one along which the curve runs

    Raises UserError where that is no curve, where it has no value anywhere, and for a file of no known kind.
    """
    target = output or Path(f"{name}.png")
    kind = kind_of_file(target, "-o ")
    if name not in QUANTITIES:
        theory.evaluate(name)  # which says what there is
    write_figure(target, curve_figure(QUANTITIES[name], sweep_of(QUANTITIES[name], at)), kind)
    return target


def sweep_of(quantity: Quantity, at: Mapping[str, Any]) -> Sweep:
    """Return along what a quantity is drawn. Raises UserError unless that is one argument."""
    name, several = quantity.name, [key for key, value in at.items() if isinstance(value, list)]
    if unknown := [key for key in at if key not in quantity.arguments]:
        theory.evaluate(name, **{unknown[0]: 0.0})  # which says what it takes
    numbers = [key for key in quantity.arguments if key not in THEORY_LEVELS and not ARGUMENTS[key].words]
    if level := next((key for key in several if key in THEORY_LEVELS), None):
        raise UserError(f"--plot: got several values of {level}, which names a theory; expected one")
    if not numbers:
        raise UserError(f"--plot: {name} is one number, no curve; leave out --plot")
    left = [key for key in numbers if key not in at and key not in quantity.defaults]
    if len(several) > 1 or len([*several, *left]) > 1:
        free = ", ".join([*several, *left])
        example = " ".join(f"--at {key}={_middle(key):g}" for key in [*several, *left][1:])
        raise UserError(
            f"--plot: got {name} of {free}, which is no curve; expected one argument with a lowest and a "
            f"highest value, and a number for each other; for example {example}"
        )
    along = several[0] if several else left[0] if left else ""
    if not along:
        key = numbers[0]
        low, high = USUAL_ENDS.get(key, (0, 1))
        raise UserError(
            f"--plot: got one value of each argument of {name}, which is a point; expected a lowest and a "
            f"highest value of one; for example --at {key}={low:g},{high:g}"
        )
    ends = [float(value) for value in at[along]] if several else USUAL_ENDS.get(along)
    if ends is None:
        raise UserError(f"--plot: got no ends of {along}; expected two, such as --at {along}=0,1")
    if min(ends) == max(ends):
        raise UserError(f"--plot: got {along} from {ends[0]:g} to {ends[0]:g}; expected two ends")
    return Sweep(along, min(ends), max(ends), {key: value for key, value in at.items() if key != along})


def _middle(key: str) -> float:
    """Return a value of an argument for an example."""
    low, high = USUAL_ENDS.get(key, (0.0, 1.0))
    middle = (low + high) / 2
    return round(middle) if is_whole(key) else float(f"{middle:.2g}")


def curve_figure(quantity: Quantity, sweep: Sweep) -> Figure:
    """Return the figure of a quantity along an argument, with its equation, source and validity below."""
    curves = [*_curves(quantity, sweep)]
    if not any(np.isfinite(y).any() for _, y in curves):
        raise UserError(
            f"--plot: {quantity.name} does not exist for {sweep.along} from {sweep.low:g} to {sweep.high:g}"
            f"{''.join(f', {k} = {v}' for k, v in sweep.fixed.items())}; choose others with --at"
        )
    unit = "" if quantity.units == "1" else f" [{quantity.units}]"
    at = "".join(f", {k} = {v if isinstance(v, str) else f'{v:g}'}" for k, v in sweep.fixed.items())
    letters = round(SINGLE * LETTERS)
    told = [f"{quantity.meaning.rstrip('.')}{at}.", f"{quantity.equation}; {quantity.source}.",
            f"It holds: {quantity.validity}.", f"mattis {__version__}"]  # fmt: skip
    words = "\n".join(fill(part.replace("$", r"\$"), letters) for part in told)
    with mpl.rc_context(STYLE):
        below = (words.count("\n") + 1) * 0.135 + 0.1
        figure = Figure((SINGLE, CURVE_HEIGHT + below), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=(CURVE_HEIGHT, below))
        ax = parts[0].subplots()
        for (x, y), dash in zip(curves, ("-", "--"), strict=False):
            ax.plot(x, y, color=CURVE_COLOUR, lw=1.2, ls=dash, marker="." if x.size < 60 else "", ms=3)
        ax.set(xlabel=ARGUMENTS[sweep.along].name, ylabel=f"{quantity.name}{unit}")
        parts[1].text(0.02, 0.98, words, fontsize=7, va="top", color="#555555", linespacing=1.2)
    return figure


def _curves(quantity: Quantity, sweep: Sweep) -> list[tuple[Reals, Reals]]:
    """Return places and values of each number of a quantity: its ends are computed where it has one."""

    def value(x: Reals) -> Reals:
        return np.asarray(theory.evaluate(quantity.name, **{sweep.along: x}, **sweep.fixed), np.float64)

    places = sweep.places()
    if quantity.has_two_numbers:
        return [(places, one) for one in value(places).T]
    if is_whole(sweep.along):
        return [(places, value(places))]
    line = traced("", quantity.name, places, value)
    return [(line.x, line.y)]
