"""What is across in a figure, what is up or a curve, and what remains: the roles of the axes of a study."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import xarray as xr

from mattis.exact.arrays import Reals
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.study import ConsolidationStudy
from mattis.networks.neurons.dense import EXPONENTIAL
from mattis.networks.neurons.keys import STORED
from mattis.networks.neurons.study import NeuronStudy
from mattis.study.base import Study
from mattis.study.cells import spellings
from mattis.study.figure import PanelBlock, stored_axis

BODIES = tuple(f"load_{n}" for n in range(3, 13))
"""Loads of networks of many bodies, P/N^(n-1)."""

ABSCISSAE = ("separation", *STORED, *BODIES, "age", "beta", "kappa", "noise", "mixture", "size")
"""Axes that figures run along, in the order in which they are preferred."""

FEWEST_OF_A_MAP = 4
"""Values that both axes of a map have at least; fewer are curves."""


@dataclass(frozen=True)
class View:
    """The roles of the axes in a panel."""

    across: str
    """The axis of the abscissa."""
    curves: str | None
    """The axis with one curve for each value."""
    up: str | None
    """The axis of the ordinate of a map."""
    rest: tuple[str, ...]
    """The axes with one figure for each value."""
    per: float = 1.0
    """What loads are divided by: the share of bonds where few are left, so that the axis is P/C."""
    is_gain: bool = False
    """Whether the axis beta is the gain of continuous neurons, and no inverse temperature."""


def view(study: Study, panel: PanelBlock | None = None, without: str | None = None) -> View:
    """Return the roles of the axes: those that a panel asks for, else the longest across, the next curves.

    without  # an axis that the quantities do not have, as a boundary has not its own

    Rules of couplings, which have no order, are curves wherever they are compared. An axis of one value is
    nothing of a figure.
    """
    absent = ("seed", without)
    lengths = {name: len(values) for name, values in study.labels.items() if name not in absent}
    own = {one.name: one.along for one in study.described_model.histograms}
    asked = panel and (panel.across or own.get(panel.quantity[0]))
    across = stored_axis(asked) if asked else _longest(lengths)
    wanted = panel and (panel.up or panel.curves)
    other = stored_axis(wanted) if wanted else _next(lengths, across)
    up = other if panel and panel.up else None
    rest = tuple(name for name in lengths if name not in (across, other))
    return View(across, None if up else other, up, rest, _bonds(study), isinstance(study, NeuronStudy))


def word_of_beta(study: Study) -> str:
    """Return what headlines call the axis beta: temperature (its inverse), gain, lambda, beta; "" if idle.

    It is lambda in F(x) = exp(lambda x) of binary neurons; polynomials of these know no such number.
    """
    if isinstance(study, ConsolidationStudy):
        return "beta"
    if not isinstance(study, NeuronStudy):
        return "temperature"
    if not study.member.binary:
        return "gain"
    return "lambda" if study.parts.hidden == EXPONENTIAL else ""


def _bonds(study: Study) -> float:
    """Return the share of bonds of a network of few directed ones, whose load is P/C in all theory."""
    if not isinstance(study, BinaryStudy) or study.rules != ("asymmetric_dilution",):
        return 1.0
    return float(study.protocol.rule.named("asymmetric_dilution")["connectivity"])


def _longest(lengths: dict[str, int]) -> str:
    """Return the longest axis that has an order; of two that are as long, the preferred one."""
    order = [*ABSCISSAE, *(name for name in lengths if name not in ABSCISSAE)]
    ordered = [name for name in order if name in lengths and name != "couplings"]
    return max(ordered, key=lambda name: (lengths[name], -ordered.index(name)))


def _next(lengths: dict[str, int], across: str) -> str | None:
    """Return the rules where they are compared, else the longest of the others; None if none varies."""
    if lengths.get("couplings", 1) > 1:
        return "couplings"
    varied = [name for name in lengths if name != across and lengths[name] > 1]
    return max(varied, key=lambda name: lengths[name]) if varied else None


def planes(
    estimates: xr.Dataset, study: Study, names: Sequence[str]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the labels of each plane of a diagram and the name of its figure; the last is `diagram`."""
    every = list(product(*(estimates[name].values for name in names)))
    for values in every:
        labels = dict(zip(names, map(float, values), strict=True))
        varied = [
            _spelled(estimates, study, name, at) for name, at in labels.items() if estimates.sizes[name] > 1
        ]
        yield "diagram" if values == every[-1] else "-".join(["diagram", *varied]), labels


def _spelled(estimates: xr.Dataset, study: Study, name: str, label: float) -> str:
    """Return a label in the name of a file: a temperature where the study has temperatures."""
    if name == "beta" and spellings(study, name)[0] == "temperature":
        return f"temperature{float(estimates['temperature'].sel(beta=label)):g}"
    return f"{name}{label:g}"


def position(cells: xr.Dataset, seen: View) -> Reals:
    """Return where the cells of a curve lie: at the load of whole patterns, at a temperature, at a label."""
    across = seen.across
    if across.startswith("load"):
        bodies = 2 if across == "load" else int(across.removeprefix("load_"))
        size = float(cells["size"])
        return np.asarray(cells["patterns"].values / size ** (bodies - 1) / seen.per, np.float64)
    heat = across == "beta" and not seen.is_gain
    return np.asarray(cells["temperature" if heat else across].values, np.float64)


def is_geometric(values: Reals) -> bool:
    """Tell whether values rise by factors rather than by steps, so that a logarithm spreads them evenly."""
    known = np.sort(values[np.isfinite(values)])
    if known.size < 4 or known[0] <= 0 or known[-1] / known[0] < 8:
        return False
    factors, steps = np.diff(np.log(known)), np.diff(known)
    return bool(np.std(factors) / np.mean(factors) < np.std(steps) / np.mean(steps))
