"""The axes of a study on its page: labels, words, and where the cells lie that they name."""

from typing import Any

import numpy as np
import xarray as xr

from mattis.comparison.view import View, is_geometric, view
from mattis.exact.arrays import Reals
from mattis.figures.glossary import axis_term, rule_word
from mattis.figures.panels import asked_of
from mattis.networks.binary.axes import rule_of
from mattis.page.bundle import Bundle
from mattis.page.plain_text import plain_text
from mattis.study.base import Study

WIDEST_STEP = 1.0
"""Where an infinite place stands beyond the only finite one."""


def dimensions(study: Study, estimates: xr.Dataset, bundle: Bundle) -> list[dict[str, Any]]:
    """Return the axes of a study, the seed excepted, in the order of its cube."""
    seen = view(study)
    return [_dimension(study, estimates, seen, str(name), bundle) for name in estimates["seeds"].dims]


def _dimension(study: Study, estimates: xr.Dataset, seen: View, name: str, bundle: Bundle) -> dict[str, Any]:
    """Return one axis: its name, label and unit, the values asked for, and the places of its cells."""
    term = axis_term(name, seen.is_gain, seen.per != 1, asked_of(study))
    places = drawn_at(estimates, seen, name)
    values = np.asarray(places.values, np.float64)
    is_log = name != "couplings" and is_geometric(_one_line(places, name))
    endless = np.isinf(values)
    finite = np.sort(np.unique(values[~endless]))
    return {
        "name": name,
        "label": plain_text(term.label),
        "word": plain_text(term.word),
        "values": [_number(value) for value in estimates[name].values.tolist()],
        "words": [rule_word(rule_of(code)) for code in estimates[name].values.tolist()]
        if name == "couplings"
        else None,
        "log": is_log,
        "places": bundle.add(places.copy(data=np.where(endless, _beyond(finite, is_log), values)), "f8"),
        "infinity": _beyond(finite, is_log) if endless.any() else None,
    }


def drawn_at(estimates: xr.Dataset, seen: View, name: str) -> xr.DataArray:
    """Return where the cells of an axis are drawn, which may depend on other axes.

    Loads are those of whole patterns, which depend on the size; inverse temperatures are drawn as
    temperatures; rules of couplings, which are words, one after the other.
    """
    if name == "couplings":
        return estimates[name].copy(data=np.arange(estimates.sizes[name], dtype=np.float64))
    if name.startswith("load"):
        bodies = 2 if name == "load" else int(name.removeprefix("load_"))
        load: xr.DataArray = estimates["patterns"] / estimates["size"] ** (bodies - 1.0) / seen.per
        return load
    if name == "beta" and not seen.is_gain and "temperature" in estimates:
        return estimates["temperature"]
    return estimates[name].astype(np.float64)


def _one_line(places: xr.DataArray, name: str) -> Reals:
    """Return the places along one axis, at the first labels of the others."""
    rest = {dim: 0 for dim in places.dims if dim != name}
    return np.asarray(places.isel(rest).values, np.float64)


def _beyond(finite: Reals, is_log: bool) -> float:
    """Return where an infinite value is drawn: a step beyond the largest finite one."""
    if finite.size < 2:
        return float(finite[-1] + WIDEST_STEP) if finite.size else 0.0
    last, before = float(finite[-1]), float(finite[-2])
    return last * last / before if is_log else 2 * last - before


def _number(value: float) -> float | str:
    """Return a value as JSON has it; infinity as a word."""
    return value if np.isfinite(value) else "∞"
