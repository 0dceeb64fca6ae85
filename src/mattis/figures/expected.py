"""Which theory a simulated observable of the family of binary networks is compared with, if there is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf, sqrt

import numpy as np

from mattis import theory
from mattis.exact.arrays import Reals
from mattis.networks.binary.couplings import RULES, Rule, saturation
from mattis.networks.binary.ensembles import ENSEMBLES
from mattis.networks.binary.family import BINARY_QUESTIONS
from mattis.networks.binary.matrix_network import BALANCED, NEURONS
from mattis.networks.binary.questions import Inquiry

FEW_BONDS = 0.1
"""Above this connectivity directed bonds close too many loops for the theory of few."""

DiagramPlace = Mapping[str, float]
"""Where in the diagram: size, patterns P, load P/N, beta, noise, age, mixture."""


@dataclass(frozen=True)
class Expected:
    """A quantity of theory and the arguments that it takes at a place of the diagram."""

    quantity: str
    at: Callable[[DiagramPlace], Mapping[str, float | str]]
    clean: bool = False

    def curve(self, places: Sequence[DiagramPlace]) -> Reals:
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


def expected(inquiry: Inquiry, rule: str, observable: str, cold: bool) -> Expected | None:
    """Return the theory of an observable for one rule of couplings, or None.

    cold  # whether all temperatures are 0
    """
    asked = inquiry.question.name
    if asked == "familiarity" and observable == "flip_rate":
        return _flip_rate(inquiry, rule)
    if asked == "mixture" and observable == "overlap_mixed":
        mixed = Expected(
            BINARY_QUESTIONS[asked].theory[0],
            lambda at: {"n": at["mixture"], "temperature": heat(inquiry, at)},
        )
        return mixed if _is_random(inquiry) and _is_signs(inquiry) and rule == "hebb" else None
    if asked != "recall":
        return None
    if observable == "edwards_anderson":
        return _glass(inquiry, rule) if rule == "sherrington_kirkpatrick" else None
    if observable == "overlap_length":
        return _length(inquiry, rule)
    return _overlap(inquiry, rule, cold) if observable == "overlap" else None


def heat(inquiry: Inquiry, at: DiagramPlace) -> float:
    """Return the temperature of the network of signs at a place: four times that of neurons 0, 1."""
    quarter = 4 if inquiry.dynamics.neurons == "zero_one" else 1
    return 0.0 if isinf(at["beta"]) else quarter / at["beta"]


def _is_random(inquiry: Inquiry) -> bool:
    return inquiry.ensemble.name == "random"


def _is_signs(inquiry: Inquiry) -> bool:
    """Tell whether neurons are ±1 without thresholds, or the 0/1 neurons that are the same."""
    acting = inquiry.dynamics
    return acting.threshold == BALANCED or (acting.neurons == "signs" and acting.threshold == 0)


def _flip_rate(inquiry: Inquiry, rule: str) -> Expected | None:
    acting = inquiry.dynamics
    plain = acting.neurons == "zero_one" and acting.threshold == 0
    if rule != "hebb" or not _is_random(inquiry) or acting.diagonal == "kept":
        return None
    if not (plain or _is_signs(inquiry)):
        return None
    neurons = "zero_one" if plain else "signs"
    return Expected(
        BINARY_QUESTIONS["familiarity"].theory[0],
        lambda at: {"size": at["size"], "patterns": at["patterns"], "neurons": neurons},
        clean=True,
    )


def _glass(inquiry: Inquiry, rule: str) -> Expected | None:
    """Return the theory of a spin glass: of signs, one site after the other."""
    if not _is_signs(inquiry) or inquiry.dynamics.synchronous:
        return None
    return Expected(RULES[rule].theory[0], lambda at: {"temperature": heat(inquiry, at)})


def _length(inquiry: Inquiry, rule: str) -> Expected | None:
    """Return the theory of finitely many Gaussian patterns, or of a random axis."""
    if rule != "hebb" or not _is_signs(inquiry):
        return None
    (quantity,) = ENSEMBLES[inquiry.ensemble.name].theory
    if inquiry.ensemble.name == "gaussian":
        return Expected(quantity, lambda at: {"temperature": heat(inquiry, at)})
    return Expected(
        quantity,
        lambda at: {"dimension": at["patterns"], "temperature": heat(inquiry, at)},
    )


def _overlap(inquiry: Inquiry, rule: str, cold: bool) -> Expected | None:
    """Return the theory of the overlap from the pattern."""
    acting, made = inquiry.dynamics, inquiry.rule.named(rule)
    if not _is_random(inquiry):
        return None
    if not _is_signs(inquiry):
        halved = acting.threshold == 0 and rule == "hebb" and cold and acting.diagonal == "zero"
        known = NEURONS[acting.neurons] if halved else ()
        return Expected(known[0], lambda at: {"load": at["load"]}) if known else None
    if rule in WARM_THEORY:
        return WARM_THEORY[rule](inquiry, cold)
    moves = rule == "sequence" and not (
        acting.synchronous and made["hebbian"] == 0 and made["strength"] > 0
    )
    if acting.diagonal == "kept" or moves:
        return None
    return _by_arguments(inquiry, rule, cold)


def _by_arguments(inquiry: Inquiry, rule: str, cold: bool) -> Expected | None:
    """Return the first theory that a rule names, if its arguments are known where it is compared.

    They are the rule's own numbers, and labels of the diagram; without a temperature it is of T = 0.
    """
    if not RULES[rule].theory:
        return None
    quantity = theory.QUANTITIES[RULES[rule].theory[0]]
    if quantity.symbol == "q":  # of a spin glass, which keeps no overlap
        return None
    numbers = inquiry.rule.named(rule).own
    known = {*PLACES, *numbers}
    if not {*quantity.arguments} <= known or not (cold or "temperature" in quantity.arguments):
        return None

    def at(place: DiagramPlace) -> Mapping[str, float]:
        here = {**place, "temperature": heat(inquiry, place), **numbers}
        if rule in AGEING:
            here |= {"load": _aged(place)}
        if rule == "palimpsest":
            here |= {"bound": _wall(inquiry.rule.named(rule), place)}
        return {name: here[name] for name in quantity.arguments}

    return Expected(quantity.name, at)


PLACES = ("load", "temperature", "size", "patterns", "noise")
"""Arguments of theory that every place of a diagram has."""

AGEING = ("palimpsest", "marginalist")
"""Rules of which the oldest of P patterns is asked for, so that its age takes the place of the load."""


def _hebb(inquiry: Inquiry, cold: bool) -> Expected | None:
    """Return Amit, Gutfreund and Sompolinsky, or Little's theory where all sites change at once."""
    acting = inquiry.dynamics
    if acting.synchronous and not cold:
        return Expected(
            "little.overlap",
            lambda at: {
                "load": at["load"],
                "temperature": heat(inquiry, at),
                "diagonal": acting.diagonal,
            },
        )
    if acting.diagonal == "kept":
        return None
    return Expected(
        "hopfield.overlap", lambda at: {"load": at["load"], "temperature": heat(inquiry, at)}
    )


def _weighted(inquiry: Inquiry, _cold: bool) -> Expected | None:
    """Return the Mattis state at T/p: of weights above 0."""
    weights = inquiry.rule.named("weighted")["weights"]
    if min(weights) <= 0:
        return None
    return Expected(
        RULES["weighted"].theory[0],
        lambda at: {"n": 1, "temperature": heat(inquiry, at) / weights[_index(at)]},
    )


def _dilute(inquiry: Inquiry, _cold: bool) -> Expected | None:
    """Return the theory of few directed bonds, load = P/C."""
    share = inquiry.rule.named("asymmetric_dilution")["connectivity"]
    if share > FEW_BONDS:
        return None
    return Expected(
        RULES["asymmetric_dilution"].theory[0],
        lambda at: {"load": at["load"] / share, "temperature": heat(inquiry, at)},
    )


WARM_THEORY: Mapping[str, Callable[[Inquiry, bool], Expected | None]] = {
    "hebb": _hebb,
    "weighted": _weighted,
    "asymmetric_dilution": _dilute,
    "van_hemmen": lambda inquiry, _cold: _glass(inquiry, "van_hemmen"),
}
"""Rules whose theory is known at any temperature."""


def _wall(rule: Rule, at: DiagramPlace) -> float:
    """Return the bound as it is, A/sqrt(N) with a whole A."""
    size = int(at["size"])
    return saturation(rule, size) / sqrt(size)


def _index(at: DiagramPlace) -> int:
    """Return the index of the pattern that is asked for."""
    return int(at["patterns"] - at["age"]) if at.get("age") else 0


def _aged(at: DiagramPlace) -> float:
    """Return the age of the pattern that is asked for, over N: the oldest of P is asked for by itself."""
    return at["age"] / at["size"] if at.get("age") else at["load"]
