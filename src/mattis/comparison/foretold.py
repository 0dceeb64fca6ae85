"""What theory foretells of the cells of a study, and in which of them it speaks of what was simulated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isinf, nan
from typing import NamedTuple

import numpy as np
import xarray as xr

from mattis import theory
from mattis.comparison.drift import learnt_overlap, mean_field, similarity
from mattis.comparison.expected import (
    Expected,
    Places,
    TheoryArguments,
    clean,
    evaluated,
    expected,
    of_others,
)
from mattis.comparison.neurons import has_all_corners, has_theory, share_heard
from mattis.errors import UserError
from mattis.exact.arrays import Mask, Reals
from mattis.networks.binary.axes import code_of
from mattis.networks.binary.retrieval import RetrievalStudy
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.keys import DriftStudy
from mattis.networks.drift.recall_study import RecallStudy
from mattis.networks.drift.study import ConsolidationStudy
from mattis.networks.neurons.recipe import many_body
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.plain.study import PlainStudy
from mattis.statistics.estimates import BIMODAL
from mattis.statistics.intervals import LEVEL_95
from mattis.statistics.states import EQUILIBRATED, FEWEST_SEEDS, REMANENT
from mattis.statistics.survival import GIVEN
from mattis.study.base import Study
from mattis.study.model import Observable

SPREADS_ABOVE = 2.0
"""Spreads of the sets that an overlap lies above the threshold of survival, or survivors are a selection."""


@dataclass(frozen=True)
class Foretold:
    """The theory of one observable, as far as it speaks of the cells of a study.

    rule  # of the couplings, by its number on the axis of rules; None if there is no such axis
    """

    observable: str
    expected: Expected
    rule: float | None = None

    @property
    def quantity(self) -> str:
        """The quantity of theory."""
        return self.expected.quantity


def foretold(study: Study) -> list[Foretold]:
    """Return the theories that a study can be compared with, that of its order parameter first.

    Raises UserError where none is known.
    """
    lines: Sequence[Foretold] = ()
    if isinstance(study, BinaryStudy):
        lines = [*of_binary(study)]
    elif isinstance(study, NeuronStudy):
        lines = [*_of_neurons(study)]
    elif isinstance(study, PlainStudy):
        lines = [*of_plugin(study)]
    elif isinstance(study, DriftStudy):
        lines = [*_of_drift(study)]
    if not lines:
        raise UserError(
            f"{study.name}: no theory is known for the cells of this study of {study.model}; expected one "
            "whose overlap, q, energy, length or flip rate has a line in `mattis theory`, such as recall of "
            "random patterns by hopfield, little, dense_binary or hebbian_tanh"
        )
    return list(lines)


OBSERVABLES_OF_THEORY = (
    "overlap", "edwards_anderson", "overlap_length", "overlap_mixed", "flip_rate", "minima",
    "magnetisation", "energy",
)  # fmt: skip


def of_binary(study: BinaryStudy) -> Iterator[Foretold]:
    """Yield the theories of binary networks; of Hopfield's retrieval state also q and the energy."""
    if study.starts_at_random:
        return
    inquiry, cold = study.protocol, all(map(isinf, study.axes.betas))
    seen = {one.name for one in study.described_model.observables}
    for rule in study.rules:
        code = None if study.axes.couplings is None else float(code_of(rule))
        for name in OBSERVABLES_OF_THEORY:
            line = expected(inquiry, rule, name, cold) if name in seen else None
            if line is None:
                continue
            line = of_others(line)
            yield Foretold(name, line, code)
            acting = inquiry.dynamics
            if line.quantity == "hopfield.overlap" and acting.neurons == "signs":
                yield Foretold("edwards_anderson", replace(line, quantity="hopfield.q"), code)
                if not acting.synchronous:
                    yield Foretold("energy", _energy(line), code)


def _energy(overlap: Expected) -> Expected:
    """Return the theory of the energy of the state of an overlap, which knows the size as well."""
    return Expected("hopfield.energy_finite", lambda places: {**overlap.at(places), "size": places["size"]})


def _of_neurons(study: NeuronStudy) -> Iterator[Foretold]:
    """Yield the theory of the overlap of networks from generating functions, from the pattern itself.

    Continuous neurons of many bodies have a theory in the limit of a large gain only: it is drawn, and not
    compared with.
    """
    parts = study.parts
    if study.asked == "spectrum" and parts.scale == "memories" and study.stored == "load":
        at = lambda p: {"memories": p["patterns"], "size": p["size"]}  # noqa: E731
        for part, name in enumerate(("lambda_min", "lambda_max")):
            yield Foretold(name, Expected("marchenko_pastur.finite_edges", at, part))
        return
    if study.asked == "certainty" and has_all_corners(study):
        cue = lambda p: {name: p[name] for name in ("size", "beta", "noise")}  # noqa: E731
        yield Foretold("entropy_cue", Expected("attractors.cue_entropy", cue))
    if not has_theory(study) or study.asked not in ("recall", "equivalence"):
        return
    if not study.member.binary:
        if parts.degree == 2 and study.stored == "load":
            at = lambda p: {"beta": p["beta"], "load": p["load"], "diagonal": parts.diagonal}  # noqa: E731
            yield Foretold("overlap", Expected("analog.overlap", clean(at)))
    elif many_body(parts) and study.stored.startswith("load"):
        power = parts.degree - 1

        def bodies(places: Places) -> TheoryArguments:
            load = share_heard(study) * places["patterns"] / places["size"] ** power
            return {"degree": float(parts.degree), "load": load, "indices": study.indices}

        yield Foretold("overlap", Expected("dense.overlap", clean(bodies)))


def _of_drift(study: DriftStudy) -> Iterator[Foretold]:
    """Yield the theory of memories that drift; of networks that recall, that of the patterns they learnt."""
    if isinstance(study, RecallStudy):
        yield Foretold("overlap", learnt_overlap(study))
    elif isinstance(study, ConsolidationStudy) and study.question != "synapses":
        known = similarity(study), mean_field(study)
        yield from (Foretold("similarity", one) for one in known if one is not None)


def of_plugin(study: PlainStudy) -> Iterator[Foretold]:
    """Yield the theory of the first observable of a plugin's model, where its arguments are axes."""
    known = {"load", "size", "patterns", *study.dimensions} - {"seed"}
    for name in study.row.theory:
        arguments = theory.QUANTITIES[name].arguments
        if {*arguments} <= known:
            at = lambda p, names=arguments: {key: p[key] for key in names}  # noqa: E731
            yield Foretold(study.row.observables[0].name, Expected(name, at))
            return


@dataclass(frozen=True, eq=False)
class Confronted:
    """The estimates of one observable beside theory, flat: one entry for each cell.

    theory    # wherever it has a value
    inside    # it speaks of what was simulated there
    measured  # the error is of a spread between pattern sets, and no floor
    bound     # upper bound of the error where it is a floor: all sets agree, which is no error of 0
    """

    observable: str
    simulation: Reals
    error: Reals
    degrees: Reals
    theory: Reals
    inside: Mask
    measured: Mask
    bound: Reals


def flat(values: xr.DataArray, cells: xr.DataArray) -> Reals:
    """Return values of each cell, in the order of an array of all cells."""
    if values.dims == cells.dims:
        return np.asarray(values.values, np.float64).ravel()
    return np.asarray(values.broadcast_like(cells).transpose(*cells.dims).values, np.float64).ravel()


def places(estimates: xr.Dataset) -> dict[str, Reals]:
    """Return the place of each cell in the diagram, the load as it was realised."""
    cells = estimates["seeds"]
    columns = {str(name): flat(estimates[str(name)], cells) for name in cells.dims}
    columns |= {"patterns": flat(estimates["patterns"], cells)}
    columns["load"] = flat(estimates["realised_load"], cells)
    usual = {name: np.full(cells.size, at) for name, at in (("beta", inf), ("noise", 0.0))}
    return {**usual, **columns}


def confronted(estimates: xr.Dataset, study: Study, lines: Sequence[Foretold]) -> Mapping[str, Confronted]:
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
        for name in ("simulation", "error", "degrees", "measured", "bound")
    }
    known = np.where(np.isfinite(first.theory) & ~second.inside, first.theory, second.theory)
    return Confronted(first.observable, inside=first.inside | second.inside, theory=known, **columns)


def _beside(
    estimates: xr.Dataset, study: Study, line: Foretold, at: Places, overlap: Confronted | None
) -> Confronted:
    """Return one observable beside one theory.

    overlap  # of the same state, of which other observables are compared where it is
    """
    name = line.observable
    mine = np.ones(estimates["seeds"].size, bool) if line.rule is None else at["couplings"] == line.rule
    rests = _states(estimates) == EQUILIBRATED
    stayed, all_sets = _sample(estimates, study, name, True), _sample(estimates, study, name, False)
    if line.quantity in (*OF_ALL, *MAGNETS):
        stayed = all_sets
    there = mine & _lasts(estimates, line) & (stayed.sets >= FEWEST_SEEDS)
    if overlap is not None:
        there &= overlap.inside & (overlap.theory > 0)
    known = np.where(mine, line.expected.values(at), nan)
    there &= np.isfinite(stayed.error) & np.isfinite(known) & (line.expected.limit == "")
    rest = mine & rests & (name == "overlap")
    if name in POSITIVE:
        told_apart = f"{name}{GIVEN}" in estimates
        there &= known > (_least(estimates, study, stayed) if told_apart else 0.0)
    rest &= ~there & ~(known > 0) & np.isfinite(all_sets.error)
    simulation, error, count, floor = [np.where(rest, *both) for both in zip(all_sets, stayed, strict=True)]
    return Confronted(
        name, simulation, error, count - 1, np.where(rest, 0.0, known), there | rest,
        error > floor * (1 + ROUNDING_OF_FLOORS), np.fmax(floor, _agreeing(estimates, study, name, count)),
    )  # fmt: skip


GLASSES = ("sk.q",)
"""Theories of equilibrium, not of a state that lasts: compared where networks are at rest only."""

OF_ALL = (*GLASSES, "consolidation.similarity_mean")
"""Theories of the mean over all, whether they stayed in a state or not."""

MAGNETS = ("ising.magnetisation", "ising.energy")
"""Theories of equilibrium that are compared whatever the state of a network is."""

LENGTHS_OF_A_SIDE = 6
"""Correlation lengths that a lattice is wide, or its size tells."""

POSITIVE = ("overlap", "overlap_mixed", "overlap_length")
"""Observables that theory has a state of where they are above 0."""

ROUNDING_SPREAD = 1e-12
"""Differences of numbers of order 1 that are rounding errors: a spread that small is none."""

ROUNDING_OF_FLOORS = 1e-9
"""An error this close to its floor is the floor."""


def _agreeing(estimates: xr.Dataset, study: Study, name: str, sets: Reals) -> Reals:
    """Return the most that an error may be where all sets agree.

    Of a fraction a standard error of Wilson's interval, which does not end at a point; else what one spin of
    one cue of one set changes: 1/(N × cues × sets), unless the observable itself says what it is.
    """
    cells = estimates["seeds"]
    if f"{name}_low" in estimates:
        low, high = (flat(estimates[f"{name}_{end}"], cells) for end in ("low", "high"))
        return np.asarray((high - low) / (2 * LEVEL_95), np.float64)
    if _row(study, name).smallest is not None:
        return np.zeros(cells.size)
    cues = getattr(study.protocol, "cues", 1)
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (flat(estimates["size"], cells) * cues * sets), np.float64)


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
    floor = np.maximum(
        _resolution(estimates, study, name) / np.where(weight > 0, weight, nan), ROUNDING_SPREAD
    )
    return Sample(mean, error, flat(estimates[sets], cells), floor)


def _resolution(estimates: xr.Dataset, study: Study, name: str) -> Reals:
    """Return the smallest change that one pattern set could have shown: 2/N of an overlap.

    So it is of neurons that are not quite ±1 as well: where none of them was on the wrong side, the spread of
    the sets says how far they saturate, and nothing of how often one is.
    """
    row = _row(study, name)
    cells = estimates["seeds"]
    if row.smallest is None and name == "overlap":
        cues = getattr(study.protocol, "cues", 1)
        return np.asarray(2 / (flat(estimates["size"], cells) * cues), np.float64)
    if row.smallest is None:
        return np.zeros(cells.size)
    smallest = row.smallest(estimates["size"], estimates["patterns"], study.protocol)
    return flat(xr.ones_like(cells, np.float64) * smallest, cells)


def _row(study: Study, name: str) -> Observable:
    """Return the observable of a name."""
    return next(one for one in study.described_model.observables if one.name == name)


def _states(estimates: xr.Dataset) -> Reals:
    """Return the class of each cell; NaN where networks have no temperature."""
    cells = estimates["seeds"]
    return flat(estimates["state"], cells) if "state" in estimates else np.full(cells.size, nan)


def _lasts(estimates: xr.Dataset, line: Foretold) -> Mask:
    """Tell where a mean is of the state that a theory speaks of."""
    state = _states(estimates)
    if line.quantity in MAGNETS:
        return _is_wide(estimates, line)
    if line.quantity in GLASSES:
        return np.asarray(state == EQUILIBRATED)
    if f"{line.observable}{GIVEN}" in estimates or line.quantity in OF_ALL:
        return np.asarray(state != REMANENT)
    return np.asarray((flat(estimates["flag"], estimates["seeds"]).astype(np.int64) & BIMODAL) == 0)


def _is_wide(estimates: xr.Dataset, line: Foretold) -> Mask:
    """Tell where a lattice is wider than its correlations, as one without end; and is a magnet, if asked."""
    at = places(estimates)
    heat = 1 / at["beta"]
    length = evaluated("ising.correlation_length", {"temperature": heat}, heat.size)
    magnet = (line.quantity != MAGNETS[0]) | (evaluated(MAGNETS[0], {"temperature": heat}, heat.size) > 0)
    return np.asarray(magnet & (np.sqrt(at["size"]) >= LENGTHS_OF_A_SIDE * length))


def _least(estimates: xr.Dataset, study: Study, stayed: Sample) -> Reals:
    """Return the overlap above which the threshold of survival cuts nothing off: 2 spreads above it."""
    if "survivors" not in estimates:
        return np.zeros_like(stayed.mean)
    return _threshold(estimates, study) + SPREADS_ABOVE * stayed.error * np.sqrt(stayed.sets)


def _threshold(estimates: xr.Dataset, study: Study) -> Reals | float:
    """Return the overlap above which a network counts as being in its state."""
    if not isinstance(study, RetrievalStudy):
        return float(getattr(study, "retrieved_above", 0.0))
    cells, beta, noise = (estimates[name] for name in ("seeds", "beta", study.cue_axis))
    above = [[study.stays_above(float(b), float(f)) for f in noise] for b in beta]
    least = xr.DataArray(above, dims=(*beta.dims, *noise.dims))
    return flat(xr.ones_like(cells, np.float64) * least, cells)
