"""What theory foretells of the cells of a study, and in which of them it speaks of what was simulated."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isinf, nan
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis import theory
from mattis.errors import UserError
from mattis.exact.arrays import Reals
from mattis.figures.binary import is_random
from mattis.figures.expected import DiagramPlace, expected
from mattis.figures.neurons import is_named
from mattis.networks.binary.axes import code_of
from mattis.networks.binary.retrieval import RetrievalStudy
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.neurons.recipe import many_body
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.plain.study import PlainStudy
from mattis.statistics.states import EQUILIBRATED, FEWEST_SEEDS, REMANENT
from mattis.statistics.survival import GIVEN
from mattis.study.base import Study
from mattis.study.model import Observable

CellMask = NDArray[np.bool_]

PlaceArguments = Callable[[DiagramPlace], Mapping[str, float | str] | None]

SPREADS_ABOVE = 2.0
"""Spreads of the sets that an overlap lies above the threshold of survival, or survivors are a selection."""


@dataclass(frozen=True)
class Foretold:
    """The theory of one observable, and its value at a place of the diagram; NaN where there is none.

    arguments  # of the quantity at a place; None where theory does not speak of it
    rule       # of the couplings, by its number on the axis of rules; None if there is no such axis
    """

    observable: str
    quantity: str
    arguments: PlaceArguments
    rule: float | None = None
    known: dict[tuple[float | str, ...], float] = field(default_factory=dict)

    def value(self, place: DiagramPlace) -> float:
        """Return the quantity at a place, evaluated once for all places that look the same to theory."""
        at = self.arguments(place)
        if at is None or not all(map(_fits, at, at.values())):
            return nan
        key = tuple(at.values())
        if key not in self.known:
            found = theory.evaluate(self.quantity, **at)
            self.known[key] = found if isinstance(found, float) else nan
        return self.known[key]


def _fits(name: str, value: float | str) -> bool:
    return isinstance(value, str) or theory.ARGUMENTS[name].fits(value)


def foretold(study: Study) -> list[Foretold]:
    """Return the theories that a study can be compared with, that of its order parameter first.

    Raises UserError where none is known.
    """
    lines: Sequence[Foretold] = ()
    if isinstance(study, BinaryStudy):
        lines = [*_of_binary(study)]
    elif isinstance(study, NeuronStudy):
        lines = [*_of_neurons(study)]
    elif isinstance(study, PlainStudy):
        lines = [*_of_plugin(study)]
    if not lines:
        raise UserError(
            f"{study.name}: no theory is known for the cells of this study of {study.model}; expected one "
            "whose overlap, q, energy, length or flip rate has a line in `mattis theory`, such as recall of "
            "random patterns by hopfield, little, dense_binary or hebbian_tanh"
        )
    return list(lines)


OBSERVABLES_OF_THEORY = (
    "overlap", "edwards_anderson", "overlap_length", "overlap_mixed", "flip_rate",
)  # fmt: skip


def _of_binary(study: BinaryStudy) -> Iterator[Foretold]:
    """Yield the theories of binary networks; of Hopfield's retrieval state also q and the energy."""
    if is_random(study):
        return
    inquiry, cold = study.protocol, all(map(isinf, study.axes.betas))
    seen = {one.name for one in study.described_model.observables}
    for rule in study.rules:
        code = None if study.axes.couplings is None else float(code_of(rule))
        for name in OBSERVABLES_OF_THEORY:
            line = expected(inquiry, rule, name, cold) if name in seen else None
            if line is None:
                continue
            at = _clean(line.at) if line.clean else line.at
            at = _of_others(at) if line.quantity.startswith(("hopfield.", "little.")) else at
            yield Foretold(name, line.quantity, at, code)
            acting = inquiry.dynamics
            if line.quantity == "hopfield.overlap" and acting.neurons == "signs":
                yield Foretold("edwards_anderson", "hopfield.q", at, code)
                if not acting.synchronous:
                    yield Foretold("energy", "hopfield.energy_finite", _with_size(at), code)


def _of_others(at: PlaceArguments) -> PlaceArguments:
    """Return arguments of a theory at (P - 1)/N: a pattern is disturbed by the others, not by itself.

    One of the terms in 1/N: theory counts the patterns that are not condensed. Others are not known at T > 0.
    """

    def here(place: DiagramPlace) -> Mapping[str, float | str] | None:
        found = at(place)
        if found is None or "load" not in found:
            return found
        return {**found, "load": float(load_of_others(place["patterns"], place["size"]))}

    return here


LEAST_LOAD = 1e-12
"""The load of no other pattern, which theory takes as a limit."""


def load_of_others(patterns: Reals | float, size: float) -> Reals:
    """Return (P - 1)/N, the load that disturbs a pattern: itself it does not."""
    return np.maximum((np.asarray(patterns) - 1.0) / size, LEAST_LOAD)


def _with_size(at: PlaceArguments) -> PlaceArguments:
    """Return arguments of a theory that knows the size as well."""
    return lambda place: None if (found := at(place)) is None else {**found, "size": place["size"]}


def _clean(at: PlaceArguments) -> PlaceArguments:
    """Return arguments of a theory of cues without noise."""
    return lambda place: None if place["noise"] else at(place)


def _of_neurons(study: NeuronStudy) -> Iterator[Foretold]:
    """Yield the theory of the overlap of networks from generating functions, from the pattern itself.

    Continuous neurons of many bodies have a theory in the limit of a large gain only: it is drawn, and not
    compared with.
    """
    parts, recipe = study.parts, study.protocol
    plain = recipe.ensemble == "signs" and not (study.field or study.bias) and is_named(study)
    if not plain or study.asked not in ("recall", "equivalence"):
        return
    if not study.member.binary:
        if parts.degree == 2 and study.stored == "load":
            at = lambda p: {"beta": p["beta"], "load": p["load"], "diagonal": parts.diagonal}  # noqa: E731
            yield Foretold("overlap", "analog.overlap", _clean(at))
    elif many_body(parts) and study.stored.startswith("load"):
        share = 0.5 if parts.hidden == "rectified_polynomial" else 1.0
        power = parts.degree - 1

        def bodies(place: DiagramPlace) -> Mapping[str, float | str]:
            load = share * place["patterns"] / place["size"] ** power
            return {"degree": float(parts.degree), "load": load, "indices": study.indices}

        yield Foretold("overlap", "dense.overlap", _clean(bodies))


def _of_plugin(study: PlainStudy) -> Iterator[Foretold]:
    """Yield the theory of the first observable of a plugin's model, where its arguments are axes."""
    known = {"load", "size", "patterns", *study.dimensions} - {"seed"}
    for name in study.row.theory:
        arguments = theory.QUANTITIES[name].arguments
        if {*arguments} <= known:
            at = lambda p, names=arguments: {key: p[key] for key in names}  # noqa: E731
            yield Foretold(study.row.observables[0].name, name, at)
            return


@dataclass(frozen=True, eq=False)
class Confronted:
    """The estimates of one observable beside theory, flat: one entry for each cell.

    inside    # theory speaks of what was simulated there
    measured  # the error is of a spread between pattern sets, and no floor
    """

    observable: str
    simulation: Reals
    error: Reals
    degrees: Reals
    theory: Reals
    inside: CellMask
    measured: CellMask


def flat(values: xr.DataArray, cells: xr.DataArray) -> Reals:
    """Return values of each cell, in the order of an array of all cells."""
    spread = values.broadcast_like(cells).transpose(*cells.dims)
    return np.asarray(spread.values, np.float64).ravel()


def places(estimates: xr.Dataset) -> list[dict[str, float]]:
    """Return the place of each cell in the diagram, the load as it was realised."""
    cells = estimates["seeds"]
    names = [str(name) for name in cells.dims]
    columns = {name: flat(estimates[name], cells) for name in names}
    columns |= {"patterns": flat(estimates["patterns"], cells)}
    columns["load"] = flat(estimates["realised_load"], cells)
    usual = {name: at for name, at in (("beta", inf), ("noise", 0.0)) if name not in columns}
    rows = zip(*columns.values(), strict=True)
    return [{**dict(zip(columns, map(float, row), strict=True)), **usual} for row in rows]


def confronted(
    estimates: xr.Dataset, study: Study, lines: Sequence[Foretold]
) -> Mapping[str, Confronted]:
    """Return the estimates of each observable beside its theory, by observable.

    Survivors are compared with the state that they stayed in, where 4 seeds have some and theory has such a
    state; the overlap of networks at rest around zero is compared with 0, where theory has no state.
    """
    at = places(estimates)
    out: dict[str, Confronted] = {}
    for line in lines:
        if line.observable not in estimates:
            continue
        overlap = out.get("overlap") if line.quantity.startswith("hopfield.") else None
        found = _beside(estimates, study, line, at, overlap)
        before = out.get(line.observable)
        out[line.observable] = found if before is None else _either(before, found)
    return out


def _either(first: Confronted, second: Confronted) -> Confronted:
    """Return cells of one rule or of another: each is inside of one theory at most."""
    columns = {
        name: np.where(second.inside, getattr(second, name), getattr(first, name))
        for name in ("simulation", "error", "degrees", "theory", "measured")
    }
    return Confronted(first.observable, inside=first.inside | second.inside, **columns)


def _beside(
    estimates: xr.Dataset,
    study: Study,
    line: Foretold,
    at: Sequence[DiagramPlace],
    overlap: Confronted | None,
) -> Confronted:
    """Return one observable beside one theory.

    overlap  # of the same state, of which other observables are compared where it is
    """
    name = line.observable
    mine = np.array([line.rule in (None, place.get("couplings")) for place in at])
    rests = _states(estimates) == EQUILIBRATED
    stayed, all_sets = _sample(estimates, study, name, True), _sample(estimates, study, name, False)
    if line.quantity in GLASSES:  # nobody has a state to stay in
        stayed = all_sets
    there = mine & _lasts(estimates, line) & (stayed.sets >= FEWEST_SEEDS)
    if overlap is not None:
        there &= overlap.inside & (overlap.theory > 0)
    there &= np.isfinite(stayed.error)
    rest = mine & rests & (name == "overlap")
    known = np.array(
        [line.value(place) if asked else nan for place, asked in zip(at, there | rest, strict=True)]
    )
    there &= np.isfinite(known)
    if name in POSITIVE:
        there &= known > _least(estimates, study, stayed)
    rest &= ~there & ~(known > 0) & np.isfinite(all_sets.error)
    chosen = [np.where(rest, *both) for both in zip(all_sets, stayed, strict=True)]
    simulation, error, count, floor = chosen
    return Confronted(
        name, simulation, error, count - 1, np.where(rest, 0.0, known), there | rest,
        error > floor * (1 + ROUNDING_OF_FLOORS),
    )  # fmt: skip


GLASSES = ("sk.q",)
"""Theories of equilibrium, not of a state that lasts: compared where networks are at rest only."""

POSITIVE = ("overlap", "overlap_mixed", "overlap_length")
"""Observables that theory has a state of where they are above 0."""

ROUNDING_OF_FLOORS = 1e-9
"""An error this close to its floor is the floor."""


class Sample(NamedTuple):
    """The mean of one observable in each cell, its error, the sets that it is of, and the error's floor."""

    mean: Reals
    error: Reals
    sets: Reals
    floor: Reals


def _sample(estimates: xr.Dataset, study: Study, name: str, stayed: bool) -> Sample:
    """Return the mean of an observable over all cues, or over those that stayed, if these are apart."""
    cells = estimates["seeds"]
    seeds, sets, given = flat(cells, cells), "seeds", ""
    weight = seeds
    if stayed and f"{name}{GIVEN}" in estimates:
        weight, sets, given = seeds * flat(estimates["survived"], cells), "survivors", GIVEN
    mean, error = (flat(estimates[f"{name}{given}{end}"], cells) for end in ("", "_error"))
    floor = _resolution(estimates, study, name) / np.where(weight > 0, weight, nan)
    return Sample(mean, error, flat(estimates[sets], cells), floor)


def _resolution(estimates: xr.Dataset, study: Study, name: str) -> Reals:
    """Return the smallest change that one pattern set could have shown: 2/N of an overlap."""
    row: Observable = next(o for o in study.described_model.observables if o.name == name)
    cells = estimates["seeds"]
    if row.smallest is None:
        return np.zeros(cells.size)
    smallest = row.smallest(estimates["size"], estimates["patterns"], study.protocol)
    return flat(xr.ones_like(cells, np.float64) * smallest, cells)


def _states(estimates: xr.Dataset) -> Reals:
    """Return the class of each cell; NaN where networks have no temperature."""
    cells = estimates["seeds"]
    return flat(estimates["state"], cells) if "state" in estimates else np.full(cells.size, nan)


def _lasts(estimates: xr.Dataset, line: Foretold) -> CellMask:
    """Tell where a mean is of the state that a theory speaks of."""
    state = _states(estimates)
    if line.quantity in GLASSES:
        return np.asarray(state == EQUILIBRATED)
    if f"{line.observable}{GIVEN}" in estimates:
        return np.asarray(state != REMANENT)
    return np.ones(state.size, bool)


def _least(estimates: xr.Dataset, study: Study, stayed: Sample) -> Reals:
    """Return the overlap above which the threshold of survival cuts nothing off: 2 spreads above it."""
    if "survivors" not in estimates:
        return np.zeros_like(stayed.mean)
    return _threshold(estimates, study) + SPREADS_ABOVE * stayed.error * np.sqrt(stayed.sets)


def _threshold(estimates: xr.Dataset, study: Study) -> Reals | float:
    """Return the overlap above which a network counts as being in its state."""
    if not isinstance(study, RetrievalStudy):
        return float(getattr(study, "retrieved_above", 0.0))
    cells, beta = estimates["seeds"], estimates["beta"]
    least = xr.DataArray([study.stays_above(float(b)) for b in beta.values], dims="beta")
    return flat(xr.ones_like(cells, np.float64) * least, cells)
