"""What networks from generating functions may be made of, and what they can be asked: one error each."""

from math import sqrt
from typing import TYPE_CHECKING

from mattis.axes import Misplaced
from mattis.errors import nearest
from mattis.models import dense
from mattis.models.continuous import QUESTIONS
from mattis.models.generating import Form, Population
from mattis.models.recipe import Parts, factor

if TYPE_CHECKING:
    from mattis.studies.continuous import Continuous

POLYNOMIALS = ("polynomial", "rectified_polynomial")
GAINLESS = ("quadratic", "spherical")
"""Generating functions that have no beta."""

PARTS = ("visible", "coupling", "diagonal", "scale", "gain", "activity")
STEPS = ("dt", "tau_v", "tolerance", "duration", "precision")
"""Keys without a meaning for binary neurons."""

LEAST_SINGLE = 1e-6
"""float32 states do not come to rest at less."""


def many_body(parts: Parts) -> bool:
    """Tell whether memories call in interactions of `degree` bodies."""
    return parts.hidden in POLYNOMIALS


def is_linear(parts: Parts) -> bool:
    """Tell whether both kinds of neurons are linear."""
    hidden = parts.hidden == "quadratic" or (many_body(parts) and parts.degree == 2)
    return parts.visible == "quadratic" and hidden


def check(study: "Continuous") -> None:
    """Raise Misplaced where functions, couplings, steps or questions do not fit each other."""
    _check_functions(study)
    _check_couplings(study)
    _check_question(study)
    _check_steps(study)
    if study.member.binary:
        _check_binary(study)
    elif study.rule != "difference" or study.indices != "full":
        name = "rule" if study.rule != "difference" else "indices"
        raise Misplaced(name, str(getattr(study, name)), "model: dense_binary", "remove the key")


def _check_functions(study: "Continuous") -> None:
    """Raise Misplaced unless both generating functions are convex, and one has the gain."""
    parts, least = study.parts, min(study.axes.beta)
    if study.degree is not None and not many_body(parts):
        got = f"{study.degree} with hidden: {parts.hidden}"
        raise Misplaced("degree", got, "a polynomial of hidden neurons", "remove the key")
    for kind in ("visible", "hidden"):
        name = getattr(parts, kind)
        beta = least if parts.gain == kind else 1.0
        fault = None if study.member.binary else Population(name, Form(beta, parts.degree)).fault
        if fault:
            raise Misplaced(
                kind, f"{name} with {fault}", "a convex function", "see docs/neurons.md"
            )
    gained = getattr(parts, parts.gain)
    if gained in GAINLESS and study.axes.beta != (1.0,):
        got = f"{study.axes.beta[0]:g} with {parts.gain}: {gained}, which has no gain"
        other = "hidden" if parts.gain == "visible" else "visible"
        raise Misplaced("axes.beta", got, "beta: 1", f"or use gain: {other}")
    if parts.hidden == "memories":
        advice = "use visible: memories"
        raise Misplaced("hidden", "memories", "a function of single hidden neurons", advice)


def _check_couplings(study: "Continuous") -> None:
    """Raise Misplaced unless memories enter, and a diagonal that is taken out is known."""
    parts = study.parts
    if parts.coupling == "one" and parts.visible != "memories":
        got = f"one with visible: {parts.visible}, so that no memory enters"
        raise Misplaced("coupling", got, "memories that couple", "use visible: memories")
    if parts.coupling == "memories" and parts.visible == "memories":
        got = "memories twice: coupling and visible"
        raise Misplaced("coupling", got, "coupling: one", "as in eq. (20)")
    if parts.scale == "bodies" and not many_body(parts):
        got = f"bodies with hidden: {parts.hidden}"
        raise Misplaced("scale", got, "a polynomial", "use sites or memories")
    known = parts.visible == "memories" or parts.hidden in ("quadratic", *POLYNOMIALS)
    if parts.diagonal == "zero" and not known:
        got = f"zero with hidden: {parts.hidden}"
        raise Misplaced("diagonal", got, "diagonal: kept", "it is known for polynomials only")
    if parts.diagonal == "zero" and parts.gain == "hidden" and study.axes.beta != (1.0,):
        raise Misplaced("diagonal", "zero with gain: hidden", "beta: 1", "use gain: visible")


def _check_question(study: "Continuous") -> None:
    """Raise Misplaced unless the network can be asked so."""
    asked, parts = study.asked, study.parts
    if asked not in QUESTIONS:
        advice = f"use one of {', '.join(QUESTIONS)}{nearest(asked, QUESTIONS)}"
        raise Misplaced("question", repr(asked)[:40], "a question", advice)
    smooth = {"ln_cosh", "quadratic"}
    fits = {
        "equivalence": (study.model in ("hebbian_tanh", "graded"), "model: hebbian_tanh"),
        "spectrum": ({parts.visible, parts.hidden} <= smooth, "ln_cosh or quadratic functions"),
        "fixed_points": (parts.visible == "ln_cosh", "visible: ln_cosh"),
        "modes": (is_linear(parts) and parts.coupling == "memories", "model: linear"),
        "separation": (parts.coupling == "memories", "coupling: memories"),
    }
    fit, expected = fits.get(asked, (True, ""))
    if not fit:
        got = f"{asked} of model {study.model}"
        raise Misplaced("question", got, expected, "ask another question")
    if (asked == "separation") != (study.axes.separation is not None):
        got = "no axis" if study.axes.separation is None else f"the axis with question: {asked}"
        expected = "the axis separation with question: separation"
        raise Misplaced("axes.separation", got, expected, "for example [0.01, 0.1]")
    if asked in ("spectrum", "modes") and (study.bias or parts.diagonal == "zero"):
        name = "bias" if study.bias else "diagonal"
        got = f"{getattr(study, name)} with question: {asked}"
        raise Misplaced(name, got, "a network without", "remove the key")
    if is_linear(parts) and asked == "recall":
        _check_bounded(study)


def _check_bounded(study: "Continuous") -> None:
    """Raise Misplaced where a linear network is to relax although its energy has no minimum.

    lambda_max is near s² (√N + √P)², s the scale (Marchenko & Pastur); of one pattern set it may be above
    1 all the same, which is said when that is to relax.
    """
    beta = max(study.axes.beta)
    for size, count in study.networks():
        top = beta * (sqrt(size) + sqrt(count)) ** 2 * factor(study.parts, size, count) ** 2
        if top > 1:
            got = f"recall of linear neurons with beta × lambda_max of about {top:.4g}"
            expected = "below 1: beyond it E = (|v|² - beta |Xi v|²)/2 has no minimum"
            raise Misplaced("question", got, expected, "use question: modes, or a smaller beta")


def _check_steps(study: "Continuous") -> None:
    """Raise Misplaced where Euler's rule is not stable, or rest is not seen."""
    recipe = study.protocol
    if recipe.dt > 2 * recipe.tau_v:
        got = f"{recipe.dt:g} with tau_v: {recipe.tau_v:g}"
        expected = "dt <= 2 tau_v, beyond which Euler's rule is not stable"
        raise Misplaced("flow.dt", got, expected, "use dt = tau_v for the one-step update")
    if recipe.precision == "single" and recipe.tolerance < LEAST_SINGLE:
        got = f"{recipe.tolerance:g} with precision: single"
        raise Misplaced("flow.tolerance", got, "at least 1e-6", "or use precision: double")
    if recipe.precision == "single" and recipe.question not in ("recall", "equivalence"):
        got = f"single with question: {recipe.question}"
        raise Misplaced("flow.precision", got, "precision: double", "remove the key")


def _check_binary(study: "Continuous") -> None:
    """Raise Misplaced unless binary neurons have a rule, patterns that are signs, and nothing idle."""
    parts, ensemble = study.parts, study.protocol.ensemble
    if parts.hidden not in (dense.POLYNOMIAL, dense.EXPONENTIAL):
        raise Misplaced("hidden", parts.hidden, "polynomial or exponential", "of binary neurons")
    for place, got in _unheard(study).items():
        expected = "no such key: binary neurons have a rule and patterns, nothing else"
        raise Misplaced(place, got, expected, "remove the key")
    if study.asked != "recall" or ensemble != "signs":
        name = "question" if study.asked != "recall" else "patterns"
        got = study.asked if name == "question" else ensemble
        raise Misplaced(name, got, "recall of signs", "binary neurons know nothing else")
    if study.rule == "field" and study.indices == "distinct":
        got = "distinct with rule: field"
        raise Misplaced("indices", got, "rule: difference", "its fields have no site twice")
    if parts.hidden == dense.EXPONENTIAL and (study.rule, study.indices) != ("difference", "full"):
        name = "rule" if study.rule != "difference" else "indices"
        got = f"{getattr(study, name)} with hidden: exponential"
        raise Misplaced(name, got, "the change of energy", "remove the key")
    if parts.hidden == dense.POLYNOMIAL and study.axes.beta != (1.0,):
        got = f"{study.axes.beta[0]:g} at T = 0, where polynomials have no scale"
        raise Misplaced("axes.beta", got, "beta: 1", "remove the axis")


def _unheard(study: "Continuous") -> dict[str, str]:
    """Return the keys of continuous neurons that a study of binary ones changes."""
    usual = study.model_copy(update={"flow": type(study.flow)()}).protocol
    keys = [(name, getattr(study.parts, name), getattr(study.member.parts, name)) for name in PARTS]
    keys += [(name, getattr(study, name), 0.0) for name in ("field", "bias")]
    keys += [
        (f"flow.{name}", getattr(study.protocol, name), getattr(usual, name)) for name in STEPS
    ]
    return {place: str(given) for place, given, own in keys if given != own}


def too_large(study: "Continuous", size: int, count: int) -> str | None:
    """Tell what is wrong with a network of this size, if anything."""
    if study.member.binary and study.indices == "distinct" and size < study.parts.degree:
        return f"{study.parts.degree} distinct indices of {size} sites"
    if study.member.binary and study.parts.hidden == dense.EXPONENTIAL:
        most = 2 * size * max(study.axes.beta)
        return "2 beta N above 700: fields underflow" if most > 700 else None
    if study.member.binary and study.parts.hidden == dense.POLYNOMIAL:
        return dense.check(study.parts.degree, size, count)
    return None
