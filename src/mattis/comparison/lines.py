"""Lines of theory along the axis of a panel, and marks on it: each with its quantity and its domain.

A line is solid where its state is stable, dashed where it exists and is not (or is a limit that the study
does not reach), and nothing beyond.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import isinf

import numpy as np
import xarray as xr

from mattis import theory
from mattis.comparison import neurons
from mattis.comparison.expected import Expected, evaluated, expected
from mattis.comparison.foretold import of_binary, of_plugin
from mattis.comparison.remembered import curve, evaluate
from mattis.comparison.tracing import LINE_PLACES, Mark, TheoryLine, traced
from mattis.comparison.view import View, position
from mattis.errors import UserError, nearest
from mattis.exact.arrays import Mask, Reals
from mattis.networks.binary.axes import code_of, rule_of
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.study import ConsolidationStudy
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.plain.study import PlainStudy
from mattis.study.base import Study


def check_named(study: Study) -> None:
    """Raise UserError where the figure of a study names a quantity that theory does not have."""
    for k, panel in enumerate(() if study.figure is None else study.figure.panels or ()):
        for key in ("marks", "lines"):
            for name in getattr(panel, key) or ():
                if name not in theory.QUANTITIES:
                    raise UserError(
                        f"study {study.name}, figure.panels[{k}].{key}: got {name}; expected a quantity of "
                        f"theory, as `mattis theory` lists them{nearest(name, theory.QUANTITIES)}"
                    )


def lines(study: Study, seen: View, cells: xr.Dataset, observable: str) -> list[TheoryLine]:
    """Return the lines that theory has for an observable along one curve; none where it knows nothing.

    cells  # of one curve: along the abscissa only
    """
    if isinstance(study, BinaryStudy):
        return [*_of_binary(study, seen, cells, observable)]
    if isinstance(study, NeuronStudy):
        return [*neurons.lines(study, seen, cells, observable)]
    if isinstance(study, PlainStudy):
        return [*_of_plugin(study, seen, cells, observable)]
    if isinstance(study, ConsolidationStudy) and observable == "error_factor":
        return [*_of_synapses(study, seen, cells)]
    return []


def _of_synapses(study: ConsolidationStudy, seen: View, cells: xr.Dataset) -> Iterator[TheoryLine]:
    """Yield the share of the first error that is left where one memory takes all: large kappa."""
    known_across = seen.across in ("kappa", "presentations", "tau")
    if not known_across or study.clamping == "sequence" or min(study.axes.tau) < study.step:
        return
    known = position(cells, seen)
    x = np.linspace(float(known.min()), float(known.max()), LINE_PLACES)

    def factor(x: Reals) -> Reals:
        at = {name: np.full(x.shape, float(cells[name])) for name in ("presentations", "tau")}
        at |= {seen.across: x} if seen.across in at else {}
        k, tau = at["presentations"] * study.dwell, at["tau"] / study.step
        return curve("consolidation.error_factor", presentations=k, tau=tau)

    yield traced("error_factor", "consolidation.error_factor", x, factor, limit=r"$\kappa \to \infty$")


def _of_binary(study: BinaryStudy, seen: View, cells: xr.Dataset, observable: str) -> Iterator[TheoryLine]:
    """Yield the theory of one rule: not along noise, nor of random states, of which theory says nothing."""
    if seen.across == "noise":
        return
    rule = rule_at(study, cells)
    for one in of_binary(study):
        if one.observable == observable and one.rule in (None, float(code_of(rule))):
            known = one.expected
            value = partial(_values, known, cells, seen)
            stable = partial(_stable, known, cells, seen) if known.stable else None
            count = LINE_PLACES // 2 if known.quantity.startswith("little.") else LINE_PLACES  # 5 ms each
            yield traced(observable, known.quantity, _places(cells, seen, count), value, stable)


def boundary_lines(
    study: Study, seen: View, cells: xr.Dataset, boundary: str, named: Sequence[str]
) -> list[TheoryLine]:
    """Return quantities of theory along one curve of a boundary: those that are named, if of its axes.

    Of neurons ±1: temperatures of others are not those of theory.
    """
    if not isinstance(study, BinaryStudy) or study.acting.neurons != "signs":
        return []
    return [
        traced(boundary, name, _places(cells, seen, LINE_PLACES), partial(_quantity, name, cells, seen))
        for name in named
        if seen.across in theory.QUANTITIES[name].arguments
    ]


def _quantity(name: str, cells: xr.Dataset, seen: View, x: Reals) -> Reals:
    """Return a quantity of theory at places along a curve."""
    places = places_of(cells, seen, x)
    known = {key: places[key] for key in theory.QUANTITIES[name].arguments if key in places}
    return evaluated(name, known, x.size)


def rule_at(study: BinaryStudy, cells: xr.Dataset) -> str:
    """Return the rule of couplings of one curve."""
    if "couplings" in cells.coords and cells["couplings"].ndim == 0:
        return rule_of(float(cells["couplings"]))
    return study.rules[0]


def _values(known: Expected, cells: xr.Dataset, seen: View, x: Reals) -> Reals:
    return known.values(places_of(cells, seen, x))


def _stable(known: Expected, cells: xr.Dataset, seen: View, x: Reals, y: Reals) -> Mask:
    assert known.stable is not None
    return known.stable(places_of(cells, seen, x), y)


LEAST = 1e-6
"""Where lines along a load begin: at 0 there is no pattern."""


def _places(cells: xr.Dataset, seen: View, count: int) -> Reals:
    """Return the abscissae of a line, in the unit of the axis: as far as the cells go, from its beginning."""
    known = position(cells, seen)
    last = float(known[np.isfinite(known)].max(initial=0.0))
    if seen.across in ("memories", "age", "size"):
        first = 1.0 if seen.across == "age" else float(known.min())
        return np.unique(np.rint(np.linspace(first, last, count)))
    if seen.across == "mixture":
        return np.unique(known)
    return np.linspace(LEAST if seen.across.startswith("load") else 0.0, last, count)


def places_of(cells: xr.Dataset, seen: View, x: Reals) -> dict[str, Reals]:
    """Return the labels of places along a curve, as `expected` and `foretold` take them."""
    across = seen.across
    fixed = {
        str(name): float(values)
        for name, values in cells.coords.items()
        if values.ndim == 0 and name not in (across, "load", "patterns", "realised_load")
    }
    places = {name: np.full(x.size, value) for name, value in fixed.items()}
    if across == "beta" and not seen.is_gain:
        with np.errstate(divide="ignore"):
            places["beta"] = 1 / x
    elif across != "load":
        places[across] = x
    size = places["size"]
    if across == "load":
        load = x * seen.per
        return {**places, "load": load, "patterns": load * size}
    patterns = np.broadcast_to(_patterns(cells, seen, x), x.shape)
    return {**places, "patterns": patterns, "load": patterns / size}


def _patterns(cells: xr.Dataset, seen: View, x: Reals) -> Reals | float:
    """Return P along a curve that runs along no load: the abscissa, or what is stored at its sizes."""
    if seen.across == "memories":
        return np.maximum(x, 1.0)
    if seen.across == "size" and "load" in cells.coords:
        return np.maximum(np.rint(float(cells["load"]) * x), 1.0)
    return float(np.ravel(cells["patterns"].values)[0])


def _of_plugin(study: PlainStudy, seen: View, cells: xr.Dataset, observable: str) -> Iterator[TheoryLine]:
    """Yield the theory of the first observable of a plugin's model, where its arguments are axes."""
    known = position(cells, seen)
    x = np.linspace(float(known.min()), float(known.max()), LINE_PLACES)
    for one in of_plugin(study):
        if one.observable == observable:
            yield traced(observable, one.quantity, x, partial(_values, one.expected, cells, seen))


def marks(study: Study, seen: View, cells: xr.Dataset, named: Sequence[str] | None = None) -> list[Mark]:
    """Return the places that theory names on the abscissa of one curve.

    named  # the quantities; by default those of the rules, or of the model, that are along this axis
    """
    if isinstance(study, NeuronStudy) and named is None:
        return [Mark(*one) for one in neurons.marks(study, seen, cells)]
    if isinstance(study, BinaryStudy):
        rule = rule_at(study, cells)
        inquiry = study.protocol.of(rule)
        usual = _usual_marks(study, seen, rule)
        own: Mapping[str, float | str] = inquiry.rule.named(rule).own
        wanted = usual if named is None else named
    else:
        own, wanted = {}, named or ()
    quarter = 4.0 if isinstance(study, BinaryStudy) and study.acting.neurons == "zero_one" else 1.0
    at = {**_labels(cells, seen, quarter), **own}
    unit = _unit(cells, seen, quarter)
    out = []
    for name in wanted:
        arguments = theory.QUANTITIES[name].arguments
        known = {key: at[key] for key in arguments if key in at}
        if {*arguments} - {*known} - {*theory.QUANTITIES[name].defaults} - {"diagonal", "indices"}:
            continue
        found = evaluate(name, **known)
        if isinstance(found, float) and np.isfinite(found):
            out.append(Mark(name, found * unit))
    return out


def _labels(cells: xr.Dataset, seen: View, quarter: float) -> dict[str, float]:
    """Return what is the same along one curve, as arguments of theory are called; T = 0 without an axis.

    quarter  # what temperatures of neurons 0, 1 are multiplied by, to be those of signs
    """
    names = {"size": "size", "patterns": "patterns", "load": "realised_load", "noise": "noise"}
    names |= {"temperature": "temperature", "beta": "beta", "n": "mixture"}
    found = {key: float(cells[name]) for key, name in names.items() if name in cells and not cells[name].ndim}
    found = {"temperature": 0.0, **found}
    found["temperature"] *= quarter
    if "load" in found:
        found["load"] /= seen.per
    return found


def levels(named: Sequence[str]) -> list[Mark]:
    """Return the places that theory has for a boundary: quantities without arguments."""
    return [
        Mark(name, value)
        for name in named
        if isinstance(value := theory.evaluate(name), float) and np.isfinite(value)
    ]


def _unit(cells: xr.Dataset, seen: View, quarter: float) -> float:
    """Return what a place of theory is multiplied by to be one of the axis: N of ages and patterns."""
    if seen.across in ("age", "memories"):
        return float(cells["size"])
    return 1 / quarter if seen.across == "beta" else 1.0


def _usual_marks(study: BinaryStudy, seen: View, rule: str) -> list[str]:
    """Return the capacity that is marked on an axis of loads, or ages, at T = 0, from the clean pattern."""
    plain = study.asked.name == "recall" and seen.across in ("load", "age")
    cold = all(map(isinf, study.axes.betas)) and study.ensemble.name == "random"
    if not (plain and cold) or study.starts_at_random:
        return []
    line = expected(study.protocol, rule, "overlap", True)
    name = "" if line is None else f"{line.quantity.split('.')[0]}.alpha_c"
    return [name] if name in theory.QUANTITIES else []
