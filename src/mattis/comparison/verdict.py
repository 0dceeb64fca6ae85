"""Whether theory and simulation agree: z per cell, chi², what lies beyond 2, 3, 4 errors, one sentence.

Cells of one pattern set vary together, and so do its observables. So chi² counts no more cells as
independent than there would be if all cells of one load were one, and a wrong sentence is rarer than LEVEL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import erfc, isfinite, sqrt
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import chdtrc

from mattis import theory
from mattis.comparison.foretold import Confronted, Foretold, confronted, flat, foretold, places
from mattis.comparison.view import word_of_beta
from mattis.errors import UserError
from mattis.exact.arrays import Mask, Reals
from mattis.networks.binary.axes import rule_of
from mattis.statistics.intervals import normal_pull
from mattis.study.base import Study
from mattis.words import counted

LEVEL = 1e-4
"""A theory is rejected where it would show what is seen less often than this, were it right."""

NOTICED = 0.01
"""Where a right theory would show what is seen less often than this, the verdict says that they differ."""

ERRORS = (2, 3, 4)
"""Standard errors beyond which cells are counted."""

MOST_WORST = 5
"""Worst cells that are named."""

NEAR_END = 3.0
"""Cells beyond this many errors say where a theory fails."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How cells agree with theory.

    observable   # that is compared
    inside       # cells compared: theory speaks of them, and their error is of a spread between seeds
    floors       # cells inside in which all sets agree: their error has an upper bound only, and no z of chi²
    apart        # cells of these that are more than two such bounds from theory
    beyond       # share of the cells with |z| beyond 2, 3, 4, and `expected` of normal deviates
    chi2         # sum of z² of `degrees` cells
    probability  # of what is seen or worse, were theory right: at most this
    """

    observable: str
    inside: int
    floors: int
    apart: int
    beyond: Mapping[str, float]
    expected: Mapping[str, float]
    chi2: float
    degrees: int
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class ObservableAgreement(Agreement):
    """How one observable agrees with its `quantity` of theory, in as many cells as `independent` ones."""

    quantity: str
    independent: float


@dataclass(frozen=True, kw_only=True)
class Comparison(Agreement):
    """Theory and simulation of a study: numbers of the order parameter, of all observables, and a sentence.

    The numbers of its own are those of `observable`, but that `probability`, `worst` and `verdict` are of all
    `observables`. `rejected` tells whether theory is refused at the significance `level`.
    """

    study: str
    cells: int
    level: float
    rejected: bool
    worst: Sequence[Mapping[str, Any]]
    observables: Mapping[str, ObservableAgreement]
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """Return what `mattis compare --json` prints."""
        return asdict(self)


def compared(estimates: xr.Dataset, study: Study) -> Comparison:
    """Return how the estimates of a study agree with theory.

    z = Phi^-1(F_n(t)) of t = (simulation - theory)/error with n = seeds - 1 degrees of freedom (Student),
    chi² = sum z². Raises UserError where no theory of the study is known.

    Parameters
    ----------
    estimates
        The estimates of a study, as `mattis.aggregate` returns them.
    study
        The study.
    """
    lines = foretold(study)
    named = {
        name: " and ".join(dict.fromkeys(one.quantity for one in lines if one.observable == name))
        for name in (line.observable for line in lines)
    }
    beside, groups = confronted(estimates, study, lines), groups_of(estimates)
    deviates = {name: deviates_of(one) for name, one in beside.items()}
    all_of = {name: agreement(one, deviates[name], groups, named[name]) for name, one in beside.items()}
    first = next(iter(all_of.values()))
    probability = combined([one.probability for one in all_of.values()])
    differs = probability is not None and probability < NOTICED
    excuse = _excuse(estimates, study, lines, beside) if differs else None
    rejected = probability is not None and probability < LEVEL and excuse is None
    own = {one.name: getattr(first, one.name) for one in fields(Agreement)}
    return Comparison(
        **own | {"probability": probability}, study=study.name, cells=int(estimates["seeds"].size),
        level=LEVEL, rejected=rejected, worst=worst(estimates, study, beside, deviates), observables=all_of,
        verdict=_verdict(all_of, probability, excuse),
    )  # fmt: skip


def with_theory(estimates: xr.Dataset, study: Study) -> xr.Dataset:
    """Return estimates with X_theory and X_z of each observable X that theory knows; as they are, if none.

    X_theory is the quantity wherever it has a value, X_z how far the simulation lies from it, in errors (see
    `compared`), where theory speaks of what was simulated: of models with a state, of the survivors. Where
    all sets agree the error has an upper bound only, and |X_z| is at least what stands there: X_z_bound is 1.
    Each says in words of which quantity, by which equation, from where, and how far that holds.
    """
    try:
        lines = foretold(study)
    except UserError:
        return estimates
    cells, out = estimates["seeds"], {}
    for name, one in confronted(estimates, study, lines).items():
        quantities = dict.fromkeys(line.quantity for line in lines if line.observable == name)
        words = estimates[name].attrs
        facts = [theory.QUANTITIES[quantity] for quantity in quantities]
        described = {
            key: "; ".join(dict.fromkeys(getattr(fact, field) for fact in facts))
            for key, field in (
                ("quantity", "name"),
                ("equation", "equation"),
                ("source", "source"),
                ("validity", "validity"),
            )
        }
        about = {
            "_theory": (one.theory, f"theory of: {words['long_name']}", words["units"]),
            "_z": (
                np.where(one.measured, deviates_of(one), bounds_of(one)),
                f"deviation from theory, in errors, of: {words['long_name']}",
                "1",
            ),
            "_z_bound": (
                np.isfinite(bounds_of(one)).astype(np.int8),
                f"whether the error is an upper bound, for all sets agree, of: {words['long_name']}",
                "1",
            ),
        }
        for end, (values, long_name, units) in about.items():
            attributes = {"long_name": long_name, "units": units, **described}
            out[f"{name}{end}"] = (cells.dims, values.reshape(cells.shape), attributes)
    return estimates.assign(out)


def deviates_of(one: Confronted) -> Reals:
    """Return z of each cell that is inside and measured; NaN elsewhere."""
    kept = one.inside & one.measured
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.where(kept, (one.simulation - one.theory) / one.error, np.nan)
    return np.asarray(normal_pull(xr.DataArray(pull), xr.DataArray(one.degrees)).values)


BOUNDS_APART = 2.0
"""Upper bounds of an error from theory beyond which cells in which all sets agree are counted."""


def bounds_of(one: Confronted) -> Reals:
    """Return (simulation - theory)/bound where all sets agree: |z| is at least that; NaN elsewhere."""
    kept = one.inside & ~one.measured & (one.bound > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(kept, (one.simulation - one.theory) / one.bound, np.nan)
    return np.asarray(found, np.float64)


def groups_of(estimates: xr.Dataset) -> Reals:
    """Return for each cell the number of the pattern sets that it is of: one for each N and P."""
    cells = estimates["seeds"]
    sets = np.stack([flat(estimates[name], cells) for name in ("size", "patterns")])
    _, number = np.unique(sets, axis=1, return_inverse=True)
    return np.asarray(number, np.float64).ravel()


def agreement(one: Confronted, z: Reals, groups: Reals, quantity: str) -> ObservableAgreement:
    """Return the numbers of one observable."""
    known = np.isfinite(z)
    count = int(known.sum())
    shares = {str(e): float((abs(z[known]) > e).mean()) if count else 0.0 for e in ERRORS}
    normal = {str(e): erfc(e / sqrt(2)) for e in ERRORS}
    total = float((z[known] ** 2).sum())
    bounds = bounds_of(one)
    independent = independent_cells(groups[known])
    return ObservableAgreement(
        observable=one.observable, quantity=quantity, inside=count,
        floors=int((one.inside & ~one.measured).sum()), apart=int((abs(bounds) > BOUNDS_APART).sum()),
        beyond=shares, expected=normal, chi2=total, degrees=count, independent=independent,
        probability=probability_of(z[known], independent),
    )  # fmt: skip


def independent_cells(groups: Reals) -> float:
    """Return n over the most cells of one group: as many are independent if each group is one cell."""
    return 0.0 if not groups.size else float(groups.size / np.unique(groups, return_counts=True)[1].max())


def probability_of(z: Reals, independent: float) -> float | None:
    """Return at most how often a right theory would show such deviates or worse; None without any.

    2 min(P(chi²_k > k mean z²), n P(|z| > largest)): of k independent cells, and of n cells however they
    vary together (Bonferroni).
    """
    if not z.size:
        return None
    spread = float(chdtrc(independent, independent * (z**2).mean()))
    return min(1.0, 2 * min(spread, z.size * erfc(float(abs(z).max()) / sqrt(2))))


def combined(probabilities: Sequence[float | None]) -> float | None:
    """Return the probability of the least of some, however they depend on each other (Bonferroni)."""
    known = [one for one in probabilities if one is not None]
    return min(1.0, len(known) * min(known)) if known else None


def _excuse(
    estimates: xr.Dataset, study: Study, lines: Sequence[Foretold], beside: Mapping[str, Confronted]
) -> str | None:
    """Return why cells may lie beyond a theory that is right, of N -> infinity; None if they may not.

    One pattern more or less is no change of the load there. So theory may be anywhere in what that
    would change. What is left beyond may lie where networks have left their state: those that stayed are
    a selection.
    """
    wider = _with_allowance(estimates, study, lines, beside)
    deviates, groups = {name: deviates_of(one) for name, one in wider.items()}, groups_of(estimates)

    def probable(mask: Mask) -> float:
        parts = [(z[mask & np.isfinite(z)], groups[mask & np.isfinite(z)]) for z in deviates.values()]
        found = combined([probability_of(z, independent_cells(group)) for z, group in parts])
        return 0.0 if found is None else found

    everywhere = np.ones(groups.size, bool)
    if probable(everywhere) >= LEVEL:
        return "by no more than one pattern more or less would change: theory is of N → ∞"
    stayed = everywhere
    if "survived" in estimates:
        stayed = flat(estimates["survived"], estimates["seeds"]) == 1
    large: Mask = np.any([(abs(z) > NEAR_END) & ~stayed for z in deviates.values()], axis=0)
    known = np.isfinite([*deviates.values()])
    few = (known & stayed).sum() * 2 < known.sum()
    if not large.any() or few or probable(stayed) < LEVEL:
        return None
    return f"only where networks left their state, mostly at {_where(estimates, large)}"


def _with_allowance(
    estimates: xr.Dataset, study: Study, lines: Sequence[Foretold], beside: Mapping[str, Confronted]
) -> dict[str, Confronted]:
    """Return the same cells, each nearer to theory by |X(P) - X(P-1)|, X of theory; where P = 1 by X(2)."""
    count = estimates["patterns"]
    other = xr.where(count > 1, count - 1, count + 1)
    load = estimates["realised_load"] * other / count
    near = confronted(estimates.assign(patterns=other, realised_load=load), study, lines)
    out = {}
    for name, one in beside.items():
        away = one.simulation - one.theory
        least = np.maximum(abs(away) - abs(np.nan_to_num(one.theory - near[name].theory)), 0.0)
        out[name] = replace(one, simulation=one.theory + np.sign(away) * least)
    return out


def _where(estimates: xr.Dataset, beyond: Mask) -> str:
    """Return in words from where on cells lie beyond."""
    cells = estimates["seeds"]
    stored = str(cells.dims[1])
    values = flat(estimates["realised_load" if stored == "load" else stored], cells)[beyond]
    name = "loads" if stored == "load" else stored
    return f"{name} of {values.min():.3g} and more" if values.size else "some of them"


def worst(
    estimates: xr.Dataset, study: Study, beside: Mapping[str, Confronted], deviates: Mapping[str, Reals]
) -> list[dict[str, Any]]:
    """Return the cells of the largest |z|, the worst first, with their labels."""
    found = [
        (abs(z[k]), name, int(k)) for name, z in deviates.items() for k in np.flatnonzero(np.isfinite(z))
    ]
    found.sort(key=lambda one: (-one[0], one[1], one[2]))
    at = places(estimates)
    labels = dict.fromkeys([*map(str, estimates["seeds"].dims), "load", "patterns"])
    rows = []
    for _, name, k in found[:MOST_WORST]:
        one = beside[name]
        rows.append(
            {
                **labels_of({name: float(at[name][k]) for name in labels}, study),
                "observable": name,
                "simulation": float(one.simulation[k]),
                "error": float(one.error[k]),
                "theory": float(one.theory[k]),
                "z": float(deviates[name][k]),
                "degrees": int(one.degrees[k]),
            }
        )
    return rows


def labels_of(place: Mapping[str, float], study: Study) -> dict[str, float | str]:
    """Return a place as people label it: with a temperature or a gain, and rules by their names."""
    word = word_of_beta(study)
    out: dict[str, float | str] = {}
    for name, value in place.items():
        if name == "couplings":
            out[name] = rule_of(value)
        elif name == "beta":
            heat = 1 / value if isfinite(value) else 0.0
            out |= {word: heat if word == "temperature" else value} if word else {}
        else:
            out[name] = int(value) if name in ("size", "patterns") else value
    return out


NOTHING_INSIDE = "nothing to compare: no cell inside theory's validity has an error of 4 seeds or more"


def _verdict(all_of: Mapping[str, ObservableAgreement], probability: float | None, excuse: str | None) -> str:
    """Return in one sentence whether theory and simulation agree, with the numbers that say so."""
    first = next(iter(all_of.values()))
    floors, apart = first.floors, first.apart
    lie = f"{apart} of them {'lies' if apart == 1 else 'lie'} beyond {BOUNDS_APART:g} bounds of their error"
    if probability is None:
        known = f"nothing to compare: inside theory's validity sets agree to their resolution ({lie})"
        return known if floors else NOTHING_INSIDE
    agreeing = f"; in {counted(floors, 'more cell')} sets agree to their resolution, {lie}" if floors else ""
    return f"{_judged(all_of, probability, excuse)}{agreeing}"


def _judged(all_of: Mapping[str, ObservableAgreement], probability: float, excuse: str | None) -> str:
    """Return what the cells that have errors say."""
    known = [one for one in all_of.values() if one.probability is not None]
    agrees = probability >= NOTICED
    shown = known[0] if agrees else min(known, key=lambda one: one.probability or 0.0)
    lie = "lies" if shown.inside == 1 else "lie"
    numbers = (
        f"{shown.observable}: {100 * shown.beyond['2']:.1f} % of {counted(shown.inside, 'cell')} {lie} "
        f"beyond 2 errors (4.6 % expected), chi² {shown.chi2:.0f} of {shown.degrees}, p = {probability:.2g}"
    )
    if agrees:
        others = ", ".join(one.observable for one in known if one is not shown)
        return f"agrees: {numbers} (rejected below {LEVEL:g}){f'; so do {others}' if others else ''}"
    if excuse is not None:
        return f"differs: {numbers}, but {excuse}"
    if probability >= LEVEL:
        return f"differs: {numbers}, though not enough to reject theory, which takes p < {LEVEL:g}"
    return f"rejected: {numbers}, below {LEVEL:g}"
