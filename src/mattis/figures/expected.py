"""Which theory a simulated observable of the family of binary networks is compared with, if there is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf, sqrt

import numpy as np

from mattis import theory
from mattis.figures.canvas import Values
from mattis.models.circuit import BALANCED
from mattis.models.questions import Inquiry
from mattis.rules import Rule, saturation

FEW_BONDS = 0.1
"""Above this connectivity directed bonds close too many loops for the theory of few."""

Labels = Mapping[str, float]
"""Where in the diagram: size, patterns P, load P/N, beta, noise, age, mixture."""


@dataclass(frozen=True)
class Expected:
    """A quantity of theory and the arguments that it takes at a place of the diagram."""

    quantity: str
    at: Callable[[Labels], Mapping[str, float | str]]
    clean: bool = False

    def curve(self, places: Sequence[Labels]) -> Values:
        """Return the quantity at some places; NaN where it does not exist.

        clean  # only of cues without noise
        """
        values = [
            None
            if self.clean and place["noise"]
            else theory.evaluate(self.quantity, **self.at(place))
            for place in places
        ]
        return np.array([np.nan if value is None else value for value in values], np.float64)


def heat(at: Labels) -> float:
    """Return the temperature of a place."""
    return 0.0 if isinf(at["beta"]) else 1.0 / at["beta"]


def expected(inquiry: Inquiry, rule: str, observable: str, cold: bool) -> Expected | None:
    """Return the theory of an observable for one rule of couplings, or None.

    cold  # whether all temperatures are 0
    """
    asked = inquiry.question.name
    if asked == "familiarity" and observable == "flip_rate":
        return _flip_rate(inquiry, rule)
    if asked == "mixture" and observable == "overlap_mixed":
        mixed = Expected(
            "mixture.overlap", lambda at: {"n": at["mixture"], "temperature": heat(at)}
        )
        return mixed if _plain(inquiry, rule) else None
    if asked != "recall":
        return None
    if observable == "edwards_anderson" and rule == "sherrington_kirkpatrick":
        return Expected("sk.q", lambda at: {"temperature": heat(at)})
    if observable == "overlap_length":
        return _length(inquiry, rule)
    return _overlap(inquiry, rule, cold) if observable == "overlap" else None


def _plain(inquiry: Inquiry, rule: str) -> bool | None:
    """Tell whether a network is Hebb's of random patterns, with signs or their equivalent; None if not."""
    acting = inquiry.dynamics
    same = (acting.neurons == "signs" and acting.threshold == 0) or acting.threshold == BALANCED
    return True if same and rule == "hebb" and inquiry.ensemble.name == "random" else None


def _flip_rate(inquiry: Inquiry, rule: str) -> Expected | None:
    acting = inquiry.dynamics
    if rule != "hebb" or inquiry.ensemble.name != "random" or acting.diagonal == "kept":
        return None
    neurons = "signs" if _plain(inquiry, rule) else acting.neurons
    if neurons == "zero_one" and acting.threshold != 0:
        return None
    return Expected(
        "hopfield.bit_error",
        lambda at: {"size": at["size"], "patterns": at["patterns"], "neurons": neurons},
        clean=True,
    )


def _length(inquiry: Inquiry, rule: str) -> Expected | None:
    """Return the theory of finitely many Gaussian patterns, or of a random axis."""
    if rule != "hebb" or inquiry.dynamics.neurons != "signs" or inquiry.dynamics.threshold != 0:
        return None
    if inquiry.ensemble.name == "gaussian":
        return Expected("gaussian.overlap", lambda at: {"temperature": heat(at)})
    return Expected(
        "random_axis.overlap", lambda at: {"dimension": at["patterns"], "temperature": heat(at)}
    )


def _overlap(inquiry: Inquiry, rule: str, cold: bool) -> Expected | None:
    """Return the theory of the overlap from the pattern, for ±1 neurons (or 0/1 that are the same)."""
    acting, made = inquiry.dynamics, inquiry.rule
    if inquiry.ensemble.name != "random":
        return None
    if acting.neurons == "zero_one" and acting.threshold == 0:
        at_zero = rule == "hebb" and cold and acting.diagonal == "zero"
        return Expected("zero_one.overlap", lambda at: {"load": at["load"]}) if at_zero else None
    if acting.threshold not in (0, BALANCED):
        return None
    if rule == "hebb":
        return _hebb(inquiry, cold)
    if rule == "van_hemmen":
        return Expected("van_hemmen.q", lambda at: {"temperature": heat(at)})
    if rule == "weighted" and min(made.weights) > 0:
        weights = made.weights
        return Expected(
            "mixture.overlap",
            lambda at: {"n": 1, "temperature": heat(at) / weights[_index(at)]},
        )
    if rule == "asymmetric_dilution" and made.connectivity <= FEW_BONDS:
        share = made.connectivity
        return Expected(
            "dilute.overlap", lambda at: {"load": at["load"] / share, "temperature": heat(at)}
        )
    if not cold or acting.diagonal == "kept":
        return None
    numbers: dict[str, tuple[str, Callable[[Labels], Mapping[str, float | str]]]] = {
        "clipped": ("clipped.overlap", lambda at: {"load": at["load"]}),
        "dead_zone": (
            "dead_zone.overlap",
            lambda at: {"load": at["load"], "threshold": made.threshold},
        ),
        "dilution": (
            "dilution.overlap",
            lambda at: {"load": at["load"], "connectivity": made.connectivity},
        ),
        "palimpsest": ("bounded.overlap", lambda at: {"load": _aged(at), "bound": _wall(made, at)}),
        "marginalist": (
            "palimpsest.overlap",
            lambda at: {"load": _aged(at), "epsilon": made.epsilon},
        ),
    }
    if rule == "sequence" and acting.synchronous and made.hebbian == 0 and made.strength > 0:
        return Expected("sequence.overlap", lambda at: {"load": at["load"]})
    return Expected(*numbers[rule]) if rule in numbers else None


def _wall(rule: Rule, at: Labels) -> float:
    """Return the bound as it is, A/sqrt(N) with a whole A."""
    size = int(at["size"])
    return saturation(rule, size) / sqrt(size)


def _index(at: Labels) -> int:
    """Return the index of the pattern that is asked for."""
    return int(at["patterns"] - at["age"]) if at.get("age") else 0


def _aged(at: Labels) -> float:
    """Return the age of the pattern that is asked for, over N: the oldest of P is asked for by itself."""
    return at["age"] / at["size"] if at.get("age") else at["load"]


def _hebb(inquiry: Inquiry, cold: bool) -> Expected | None:
    """Return Amit, Gutfreund and Sompolinsky, or Little's theory where all sites change at once."""
    acting = inquiry.dynamics
    if acting.synchronous and not cold:
        kept = acting.diagonal
        return Expected(
            "little.overlap",
            lambda at: {"load": at["load"], "temperature": heat(at), "diagonal": kept},
        )
    if acting.diagonal == "kept":
        return None
    return Expected("hopfield.overlap", lambda at: {"load": at["load"], "temperature": heat(at)})
