"""Which theory a simulated observable of the family of binary networks is compared with, if there is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mattis import theory
from mattis.comparison.remembered import curve
from mattis.exact.arrays import Mask, Reals
from mattis.networks.binary.asking.landscape import LARGEST_VISITED
from mattis.networks.binary.asking.table import BINARY_QUESTIONS
from mattis.networks.binary.couplings import RULES, Rule, saturation
from mattis.networks.binary.ensembles import ENSEMBLES
from mattis.networks.binary.matrix_network import BALANCED, NEURONS
from mattis.networks.binary.questions import LATTICE, Inquiry

FEW_BONDS = 0.1
"""Above this connectivity directed bonds close too many loops for the theory of few."""

Places = Mapping[str, Reals]
"""Where in the diagram, an array each: size, patterns P, load P/N, beta, noise, age, mixture."""

TheoryArguments = Mapping[str, Reals | float | str]
"""The arguments of a quantity at some places; NaN where theory does not speak of them."""


@dataclass(frozen=True)
class Expected:
    """A quantity of theory and the arguments that it takes at places of the diagram.

    part    # which of two numbers, of a quantity that is a pair
    stable  # whether the states of values at places are stable; None where they are wherever they exist
    limit   # what it is a limit of, in words, where no study reaches that: it is not compared; "" elsewhere
    """

    quantity: str
    at: Callable[[Places], TheoryArguments]
    part: int = 0
    stable: Callable[[Places, Reals], Mask] | None = None
    limit: str = ""

    def values(self, places: Places) -> Reals:
        """Return the quantity at some places; NaN where it does not exist. Each distinct place once."""
        return evaluated(self.quantity, self.at(places), next(iter(places.values())).size, self.part)


MOST_EVALUATED, MOST_OF_SLOW = 30_000, 2_000
"""Distinct places at which theory is evaluated for one study, of quantities that take 3 ms or 70 ms each.

More take minutes: there the quantity counts as not known.
"""

SLOW_QUANTITIES = ("little.", "analog.", "consolidation.mean_similarity")
"""Families of quantities of which a place takes tens of milliseconds."""


def evaluated(quantity: str, at: TheoryArguments, count: int, part: int = 0) -> Reals:
    """Return a quantity at some places; NaN where it or an argument does not exist, or of too many."""
    numbers = {name: value for name, value in at.items() if not isinstance(value, str)}
    words = {name: value for name, value in at.items() if isinstance(value, str)}
    table = np.column_stack([np.broadcast_to(value, count) for value in numbers.values()])
    rows, inverse = np.unique(table, axis=0, return_inverse=True)
    out = np.full(len(rows), np.nan)
    fits = [theory.ARGUMENTS[name].fits for name in numbers]
    there = np.array([all(fit(v) for fit, v in zip(fits, row, strict=True)) for row in rows.tolist()], bool)
    most = MOST_OF_SLOW if quantity.startswith(SLOW_QUANTITIES) else MOST_EVALUATED
    if there.any() and there.sum() <= most:
        given = dict(zip(numbers, rows[there].T, strict=True))
        found = curve(quantity, **given, **words)
        out[there] = found if found.ndim == 1 else found[:, part]
    return out[inverse.ravel()]


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
            stable=lambda at, _: _is_positive(
                "mixture.stability", {"n": at["mixture"], "temperature": heat(inquiry, at)}
            ),
        )
        return mixed if _is_random(inquiry) and _is_signs(inquiry) and rule == "hebb" else None
    if asked == "landscape":
        return _landscape(inquiry, rule, observable)
    if asked == "hysteresis" and observable == "overlap":  # heated from the pattern
        return _overlap(inquiry, rule, cold)
    if asked != "recall":
        return None
    if rule == LATTICE:
        return _magnet(inquiry, observable)
    if observable == "edwards_anderson":
        return _glass(inquiry, rule) if rule == "sherrington_kirkpatrick" else None
    if observable == "overlap_length":
        return _length(inquiry, rule)
    return _overlap(inquiry, rule, cold) if observable == "overlap" else None


def heat(inquiry: Inquiry, at: Places) -> Reals:
    """Return the temperature of the network of signs at places: four times that of neurons 0, 1."""
    quarter = 4 if inquiry.dynamics.neurons == "zero_one" else 1
    return quarter / np.asarray(at["beta"], np.float64)


def _is_positive(name: str, at: TheoryArguments) -> Mask:
    """Tell where a quantity is above 0."""
    return evaluated(name, at, max(np.size(value) for value in at.values())) > 0


def clean(at: Callable[[Places], TheoryArguments]) -> Callable[[Places], TheoryArguments]:
    """Return the arguments of a theory of cues without noise: NaN at others."""

    def here(places: Places) -> TheoryArguments:
        noisy = np.asarray(places["noise"]) != 0
        return {
            name: value if isinstance(value, str) else np.where(noisy, np.nan, value)
            for name, value in at(places).items()
        }

    return here


def of_others(known: Expected) -> Expected:
    """Return a theory at (P - 1)/N: a pattern is disturbed by the others, not by itself.

    One of the terms in 1/N: theory counts the patterns that are not condensed. Others are not known at T > 0.
    """

    def here(places: Places) -> TheoryArguments:
        found = known.at(places)
        others = {"load": load_of_others(places["patterns"], places["size"])}
        return {**found, **others} if "load" in found else found

    return replace(known, at=here) if known.quantity.startswith(("hopfield.", "little.")) else known


LEAST_LOAD = 1e-12
"""The load of no other pattern, which theory takes as a limit."""


def load_of_others(patterns: Reals | float, size: Reals | float) -> Reals:
    """Return (P - 1)/N, the load that disturbs a pattern: itself it does not."""
    return np.maximum((np.asarray(patterns) - 1.0) / size, LEAST_LOAD)


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
        clean(lambda at: {"size": at["size"], "patterns": at["patterns"], "neurons": neurons}),
    )


def _glass(inquiry: Inquiry, rule: str) -> Expected | None:
    """Return the theory of a spin glass: of signs, one site after the other."""
    if not _is_signs(inquiry) or inquiry.dynamics.synchronous:
        return None
    return Expected(RULES[rule].theory[0], lambda at: {"temperature": heat(inquiry, at)})


def _landscape(inquiry: Inquiry, rule: str, observable: str) -> Expected | None:
    """Return the theory of the stable states of a spin glass of signs, where all of them are counted."""
    if rule != "sherrington_kirkpatrick" or not _is_signs(inquiry) or observable != "minima":
        return None
    return Expected(
        BINARY_QUESTIONS["landscape"].theory[0],
        lambda at: {"size": np.where(at["size"] <= LARGEST_VISITED, at["size"], np.nan)},
    )


def _magnet(inquiry: Inquiry, observable: str) -> Expected | None:
    """Return the theory of signs on a lattice, one site after the other."""
    known = dict(zip(("magnetisation", "energy"), RULES[LATTICE].theory, strict=True))
    if observable not in known or not _is_signs(inquiry) or inquiry.dynamics.synchronous:
        return None
    return Expected(known[observable], lambda at: {"temperature": heat(inquiry, at)})


def _length(inquiry: Inquiry, rule: str) -> Expected | None:
    """Return the theory of finitely many Gaussian patterns, or of a random axis."""
    if rule != "hebb" or not _is_signs(inquiry):
        return None
    (quantity,) = ENSEMBLES[inquiry.ensemble.name].theory
    if inquiry.ensemble.name == "gaussian":
        return Expected(quantity, lambda at: {"temperature": heat(inquiry, at)})
    return Expected(quantity, lambda at: {"dimension": at["patterns"], "temperature": heat(inquiry, at)})


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
    moves = rule == "sequence" and not (acting.synchronous and made["hebbian"] == 0 and made["strength"] > 0)
    return None if acting.diagonal == "kept" or moves else _by_arguments(inquiry, rule, cold)


def whole_patterns(patterns: Reals) -> Reals:
    """Return whole numbers of patterns as they are, and the nearest even one between them, along a line."""
    found = np.asarray(patterns, np.float64)
    near = np.rint(found)
    even = np.maximum(2 * np.rint(found / 2), 2.0)
    return np.where(np.abs(found - near) < 1e-9 * np.maximum(found, 1.0), near, even)


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

    def at(places: Places) -> TheoryArguments:
        here = {**places, "temperature": heat(inquiry, places), **numbers}
        here |= {"patterns": whole_patterns(places["patterns"])}
        if rule in AGEING:
            here |= {"load": _aged(places)}
        if rule == "palimpsest":
            here |= {"bound": _wall(inquiry.rule.named(rule), places)}
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
            lambda at: {"load": at["load"], "temperature": heat(inquiry, at), "diagonal": acting.diagonal},
        )
    if acting.diagonal == "kept":
        return None
    return Expected("hopfield.overlap", lambda at: {"load": at["load"], "temperature": heat(inquiry, at)})


def _weighted(inquiry: Inquiry, _cold: bool) -> Expected | None:
    """Return the Mattis state at T/p: of weights above 0.

    A heavier pattern of weight w grows in it where w (1 - m²) > T, the field that its own overlap makes.
    """
    weights = inquiry.rule.named("weighted")["weights"]
    if min(weights) <= 0:
        return None
    heaviest, weight = max(weights), np.array(weights)
    return Expected(
        RULES["weighted"].theory[0],
        lambda at: {"n": 1.0, "temperature": heat(inquiry, at) / weight[_index(at)]},
        stable=lambda at, m: (weight[_index(at)] == heaviest) | (heaviest * (1 - m * m) <= heat(inquiry, at)),
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


def _wall(rule: Rule, at: Places) -> Reals:
    """Return the bound as it is, A/sqrt(N) with a whole A."""
    sizes, inverse = np.unique(at["size"], return_inverse=True)
    return np.array([saturation(rule, int(size)) / sqrt(size) for size in sizes.tolist()])[inverse]


def _index(at: Places) -> NDArray[np.int64]:
    """Return the index of the pattern that is asked for: the first where ages are no axis."""
    return np.asarray(at["patterns"] - at.get("age", at["patterns"]), np.int64)


def _aged(at: Places) -> Reals:
    """Return the age of the pattern that is asked for, over N: the oldest of P is asked for by itself."""
    return at["age"] / at["size"] if "age" in at else at["load"]
