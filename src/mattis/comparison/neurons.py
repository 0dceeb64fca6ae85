"""Lines and marks of theory of networks from generating functions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from mattis.comparison.remembered import curve, evaluate
from mattis.comparison.tracing import TheoryLine, traced
from mattis.comparison.view import View, position
from mattis.exact.arrays import Reals
from mattis.networks.neurons import relaxation
from mattis.networks.neurons.dense import EXPONENTIAL
from mattis.networks.neurons.recipe import Parts, many_body
from mattis.networks.neurons.study import NeuronStudy

LEAST_LOAD_DRAWN = 1e-9
"""Where lines along a load begin: at 0 there is no pattern."""

PLACES_OF_ANALOG = 41
"""Places of a line of analog neurons, before its ends are looked for."""

PLACES_OF_NEURONS = 161
"""Places of the other lines."""

NeuronLines = Callable[[xr.Dataset, NeuronStudy, View], Iterator[TheoryLine]]


def lines(study: NeuronStudy, seen: View, cells: xr.Dataset, observable: str) -> Iterator[TheoryLine]:
    """Yield the lines that theory has for an observable along one curve."""
    if observable in NEURON_LINES:
        yield from NEURON_LINES[observable](cells, study, seen)


def has_theory(study: NeuronStudy) -> bool:
    """Tell whether theory covers the patterns, the parts and the fields of a network."""
    plain = study.protocol.ensemble == "signs" and not (study.field or study.bias)
    return plain and _is_named(study)


def share_heard(study: NeuronStudy) -> float:
    """Return which share of the other patterns is heard: half of them by rectified polynomials."""
    return 0.5 if study.parts.hidden == "rectified_polynomial" else 1.0


def _is_named(study: NeuronStudy) -> bool:
    """Tell whether theory covers the parts of a network: those of its model, up to degree and diagonal.

    Not where neurons of many bodies act on themselves, so that states freeze (recipe.own_action).
    """
    parts, named = study.parts, study.member.parts
    if parts.degree == 2 and not study.member.binary:  # tanh of Hebb's couplings, inside or outside
        plain = relaxation.TANH if study.model == "hebbian_tanh" else relaxation.GRADED
        if (parts.hidden, parts.scale) == ("polynomial", "bodies"):
            parts = replace(parts, hidden="quadratic", scale="sites")
        return replace(parts, diagonal=plain.diagonal) == plain
    freezes = study.rule == "field" and parts.degree % 2 == 0
    return not freezes and replace(parts, hidden=named.hidden, degree=named.degree) == named


def _places(cells: xr.Dataset, seen: View, count: int = PLACES_OF_NEURONS) -> Reals:
    """Return abscissae along a curve, from where its line begins."""
    last = float(position(cells, seen).max())
    first = 0.0 if seen.across.startswith("load") else float(position(cells, seen).min())
    return np.linspace(max(first, LEAST_LOAD_DRAWN), last, count)


def _overlap(cells: xr.Dataset, study: NeuronStudy, seen: View) -> Iterator[TheoryLine]:
    """Yield the overlap that theory gives along a load, or a gain."""
    if has_all_corners(study):
        yield from _corners("overlap", "attractors.coordinate", "beta")(cells, study, seen)
        return
    if not has_theory(study) or seen.across == "noise" or float(cells["noise"]) > 0:
        return
    parts, across = study.parts, seen.across
    if not study.member.binary and parts.degree == 2 and across in ("load", "beta"):

        def analog(x: Reals) -> Reals:
            beta = x if across == "beta" else float(cells["beta"])
            load = x if across == "load" else float(cells["realised_load"])
            return curve("analog.overlap", beta=beta, load=load, diagonal=parts.diagonal)

        yield traced("overlap", "analog.overlap", _places(cells, seen, PLACES_OF_ANALOG), analog)
    elif many_body(parts) and across.startswith("load"):
        limit = ""
        if not study.member.binary:  # of many bodies theory knows signs only, those of a large gain
            if float(cells["beta"]) < max(study.axes.beta):
                return
            limit = r"$\beta \to \infty$"

        def dense(x: Reals) -> Reals:
            load, degree = share_heard(study) * x, float(parts.degree)
            return curve("dense.overlap", degree=degree, load=load, indices=study.indices)

        yield traced("overlap", "dense.overlap", _places(cells, seen), dense, limit=limit)


def has_all_corners(study: NeuronStudy) -> bool:
    """Tell whether softmax attention, by products or distances, stores all corners of a cube."""
    parts, recipe = study.parts, study.protocol
    plain = replace(parts, similarity="dot") == Parts() and not (study.field or study.bias)
    every = all(count == 2**size for size, count in study.networks())
    return plain and every and (recipe.ensemble, recipe.cue) == ("corners", "gaussian")


def _corners(name: str, quantity: str, *arguments: str) -> NeuronLines:
    """Return the line of a quantity of all corners of a cube, along the gain or the noise of cues."""

    def line(cells: xr.Dataset, study: NeuronStudy, seen: View) -> Iterator[TheoryLine]:
        if seen.across not in ("beta", "noise") or not has_all_corners(study):
            return

        def value(x: Reals) -> Reals:
            here = {key: float(cells[key]) for key in arguments if key != seen.across}
            if seen.across in arguments:
                return curve(quantity, **here, **{seen.across: x})
            return np.full_like(x, evaluate(quantity, **here))

        yield traced(name, quantity, _places(cells, seen), value)

    return line


def _growth(cells: xr.Dataset, study: NeuronStudy, seen: View) -> Iterator[TheoryLine]:
    """Yield beta lambda_max - 1 of the linear network, lambda_max as its mean at this size."""
    if seen.across != "beta" or study.parts.scale != "memories":
        return
    memories, size, x = float(cells["patterns"]), float(cells["size"]), _places(cells, seen)
    top = curve("marchenko_pastur.finite_edges", memories=memories, size=size)[1]
    yield traced("growth_rate", "marchenko_pastur.finite_edges", x, lambda at: at * top - 1)


def _edge(which: int) -> NeuronLines:
    """Return the lines of the least or the largest eigenvalue: of this size, and of N → ∞ as a guide."""
    name = ("lambda_min", "lambda_max")[which]

    def edge(cells: xr.Dataset, study: NeuronStudy, seen: View) -> Iterator[TheoryLine]:
        if study.stored != "load" or seen.across != "load" or study.parts.scale != "memories":
            return
        size = float(cells["size"])

        def sharp(x: Reals) -> Reals:
            return curve("marchenko_pastur.edges", load=x)[..., which]

        def finite(x: Reals) -> Reals:
            count = np.maximum(np.rint(x * size), 2)
            return curve("marchenko_pastur.finite_edges", memories=count, size=size)[..., which]

        loads = position(cells, seen)
        x = np.linspace(max(0.02, float(loads.min())), float(loads.max()), 81)
        yield traced(name, "marchenko_pastur.edges", x, sharp, limit=r"$N \to \infty$")
        whole = np.unique(np.maximum(np.rint(x * size), 2)) / size
        yield traced(name, "marchenko_pastur.finite_edges", whole, finite)

    return edge


NEURON_LINES: Mapping[str, NeuronLines] = {
    "overlap": _overlap,
    "entropy_cue": _corners("entropy_cue", "attractors.cue_entropy", "size", "beta", "noise"),
    "entropy": _corners("entropy", "attractors.rest_entropy", "size", "beta"),
    "growth_rate": _growth,
    "lambda_min": _edge(0),
    "lambda_max": _edge(1),
}
"""Lines of theory that each observable is compared with."""


def marks(study: NeuronStudy, seen: View, cells: xr.Dataset) -> Iterator[tuple[str, float]]:
    """Yield quantities and places where retrieval ends as N → ∞: a capacity, or the noise of a cue."""
    parts, noise = study.parts, seen.across == "noise"
    if study.stored == "load" and seen.across == "load" and study.asked == "spectrum":
        return
    if many_body(parts) and seen.across.startswith("load") and study.member.binary:
        if has_theory(study) and not float(cells["noise"]):
            at = {"degree": float(parts.degree), "indices": study.indices}
            yield "dense.alpha_c", _number("dense.alpha_c", at) / share_heard(study)
        return
    exponential = parts.hidden in ("log_sum_exp", EXPONENTIAL) and study.stored == "exponent"
    if not exponential or seen.across not in ("exponent", "noise"):
        return
    ensemble, beta = study.protocol.ensemble, float(cells["beta"])
    if noise and ensemble == "sphere" and not study.member.binary:
        at = {"lambda": beta, "load": float(cells["exponent"])}
        yield "exponential.cue_sphere", (1 - _number("exponential.cue_sphere", at)) / 2
    elif not noise and ensemble == "sphere":
        yield "exponential.alpha_sphere", _sphere_end(beta, 1 - 2 * float(cells["noise"]))
    elif not noise and ensemble == "signs" and not float(cells["noise"]):
        half = beta if study.member.binary else beta / 2
        yield "exponential.alpha_sign", _number("exponential.alpha_sign", {"lambda": half})


def _number(name: str, at: Mapping[str, float | str]) -> float:
    """Return a quantity that exists everywhere."""
    value = evaluate(name, **at)
    assert isinstance(value, float)
    return value


def _sphere_end(beta: float, overlap: float) -> float:
    """Return the largest exponent at which a cue of this overlap is retrieved by softmax on the sphere."""
    at = np.linspace(1e-3, _number("exponential.alpha_sphere", {"lambda": beta}), 200)
    place: dict[str, float | Reals] = {"lambda": beta, "load": at}  # no word of Python's own
    inside = at[curve("exponential.cue_sphere", **place) <= overlap]
    return float(inside[-1]) if inside.size else 0.0
