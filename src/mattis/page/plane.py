"""Lines across a diagram on its page: boundaries that were found, and those that theory has."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mattis import theory
from mattis.comparison.expected import SLOW_QUANTITIES
from mattis.comparison.foretold import foretold
from mattis.comparison.lines import lines, marks
from mattis.comparison.phases import has_phases, phase_lines
from mattis.comparison.view import View, view
from mattis.errors import UserError
from mattis.exact.arrays import Reals
from mattis.networks.binary.study import BinaryStudy
from mattis.page.bundle import Bundle
from mattis.page.plain_text import plain_text
from mattis.study.base import Study

WIDEST_LOAD, BEYOND_CELLS = 0.15, 1.05
"""Lines of theory go to this load at least, and this far beyond the cells."""

MOST_LINED = 6
"""Curves that have a line of theory between their cells; of more, theory stands at the cells."""


def ends_of(study: Study, estimates: xr.Dataset, bundle: Bundle) -> list[dict[str, Any]]:
    """Return the boundaries with errors, criterion and age; those at N → ∞ with both errors."""
    return [
        _end(study, estimates, name, dimension, bundle)
        for name, dimension in _ends(study, estimates)
        if np.isfinite(estimates[name].values).any()
    ]


def _ends(study: Study, estimates: xr.Dataset) -> Iterator[tuple[str, str]]:
    """Yield the boundaries of a diagram by name, with the axis along which each lies."""
    for boundary in study.described_model.boundaries:
        for end in ("", "_early", "_extrapolated"):
            name = f"boundary_{boundary.name}{end}"
            if name in estimates:
                yield name, boundary.dimension


def _end(study: Study, estimates: xr.Dataset, name: str, dimension: str, bundle: Bundle) -> dict[str, Any]:
    """Return one boundary: where it is along an axis, at each place of the others."""
    place, error = estimates[name], estimates[f"{name}_error"]
    if f"{name}_systematic" in estimates:
        error = (error**2 + estimates[f"{name}_systematic"] ** 2) ** 0.5
    if dimension == "beta" and "temperature" in estimates and view(study).is_gain:
        with np.errstate(divide="ignore", invalid="ignore"):
            place, error = 1 / place, error / place**2
    words: Mapping[str, Any] = estimates[name].attrs
    return {
        "name": name,
        "along": dimension,
        "meaning": str(words.get("long_name", name)),
        "criterion": str(words.get("criterion", "")),
        "age": float(words["age"]) if "age" in words else None,
        "value": bundle.add(place, "f8"),
        "error": bundle.add(error, "f8"),
    }


def words_of_theory(quantity: str, level: str = "") -> dict[str, str]:
    """Return what a line of theory is called, with its equation, its source, and how far it holds.

    level  # of replica symmetry breaking, in words
    """
    fact = theory.QUANTITIES[quantity]
    return {
        "quantity": quantity,
        "symbol": ", ".join(filter(None, (fact.symbol, level))),
        "meaning": fact.meaning,
        "equation": fact.equation,
        "source": fact.source,
        "validity": fact.validity,
    }


def plane_lines(study: Study, estimates: xr.Dataset, bundle: Bundle) -> list[dict[str, Any]]:
    """Return the lines of theory in the plane of load and temperature of a phase diagram."""
    if not has_phases(study):
        return []
    assert isinstance(study, BinaryStudy)
    widest = max(WIDEST_LOAD, float(estimates["realised_load"].max()) * BEYOND_CELLS)
    return [
        {
            **words_of_theory(line.quantity, line.level),
            "key": "-".join([*line.quantity.split("."), *(["one-step"] if line.steps else [])]),
            "across": "load",
            "up": "beta",
            "x": _numbers(line.load, bundle),
            "y": _numbers(line.temperature, bundle),
        }
        for line in phase_lines(study, widest)
    ]


def curve_lines(
    study: Study, estimates: xr.Dataset, place: Mapping[str, int], names: list[str], bundle: Bundle
) -> list[dict[str, Any]]:
    """Return the lines of theory of the curves that a page opens with, between their cells.

    place  # positions along the axes that neither are across nor make curves
    """
    found = []
    for seen, at, cells in _curves(study, estimates, place):
        for name in names if not is_slow(study) else ():
            for line in lines(study, seen, cells, name):
                found.append(
                    {
                        **words_of_theory(line.quantity),
                        "observable": name,
                        "along": seen.across,
                        "at": at,
                        "limit": plain_text(line.limit),
                        "x": _numbers(line.x, bundle),
                        "y": _numbers(line.y, bundle),
                        "stable": _numbers(line.stable.astype(np.float64), bundle),
                    }
                )
    return found


def is_slow(study: Study) -> bool:
    """Tell whether a line of theory takes seconds: there theory stands at the cells, where it is known."""
    try:
        return any(one.quantity.startswith(SLOW_QUANTITIES) for one in foretold(study))
    except UserError:
        return False


def axis_marks(study: Study, estimates: xr.Dataset, place: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the places that theory names on the axis across, at the curves that a page opens with."""
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for seen, _, cells in _curves(study, estimates, place):
        for mark in marks(study, seen, cells):
            words = words_of_theory(mark.quantity)
            found[mark.quantity, mark.value] = {**words, "along": seen.across, "value": mark.value}
    return [*found.values()]


def _curves(
    study: Study, estimates: xr.Dataset, place: Mapping[str, int]
) -> Iterator[tuple[View, dict[str, int], xr.Dataset]]:
    """Yield the view, the place and the cells of each curve that a page opens with, if they are few."""
    seen = view(study)
    count = estimates.sizes[seen.curves] if seen.curves is not None else 1
    if count > MOST_LINED or seen.up is not None:
        return
    for index in range(count):
        at = {**place, **({seen.curves: index} if seen.curves is not None else {})}
        yield seen, at, estimates.isel(at)


def _numbers(values: Reals, bundle: Bundle) -> dict[str, Any]:
    """Add the numbers of a line to a page."""
    return bundle.add(xr.DataArray(np.asarray(values, np.float64), dims="point"), "f8")
