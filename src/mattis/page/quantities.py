"""The quantities of a study on its page: estimates with errors, theory, deviations, doubts, and samples."""

from typing import Any

import xarray as xr

from mattis.figures.glossary import quantity_term, quantity_word
from mattis.figures.panels import asked_of, panels_of
from mattis.page.bundle import Bundle
from mattis.page.plain_text import plain_text
from mattis.statistics.doubts import doubts
from mattis.study.base import Study

PARTS_OF_ESTIMATES = ("thermal_error", "disorder_error", "low", "high")
"""What an estimate may have beside its mean and error."""

RARELY = ("_given_loss",)
"""Ends of names of quantities that stay in the file of the diagram."""

OF_THEORY = ("quantity", "equation", "source", "validity")
"""What is said of a theory beside its numbers."""


def names_of(study: Study, estimates: xr.Dataset) -> list[str]:
    """Return the quantities of a diagram that have an error, that of the first panel first."""
    dims = estimates["seeds"].dims
    known = [
        str(name)
        for name in estimates.data_vars
        if f"{name}_error" in estimates and estimates[name].dims == dims and not str(name).endswith(RARELY)
    ]
    first = [name for panel in panels_of(study) for name in panel.quantity if name in known]
    order = study.described_model.order_parameter
    return [*dict.fromkeys([*first, *([order] if order in known else []), *known])]


def described(study: Study, estimates: xr.Dataset, name: str) -> dict[str, Any]:
    """Return what a quantity is called, and what theory says of it in words."""
    attributes = estimates[name].attrs
    base = name.removesuffix("_given_survival")
    word = plain_text(quantity_term(base, estimates).label)
    around = "" if base == name else " (survivors)"
    theory = estimates[f"{name}_theory"].attrs if f"{name}_theory" in estimates else {}
    return {
        "name": name,
        "label": f"{word}{around}",
        "word": plain_text(quantity_word(base, asked_of(study))),
        "meaning": str(attributes.get("long_name", name)),
        "units": str(attributes.get("units", "1")),
        "theory": {key: str(theory[key]) for key in OF_THEORY} if theory else None,
        "log": any(name in one.quantity and one.scale == "log" for one in panels_of(study)),
    }


def numbers_of(study: Study, estimates: xr.Dataset, name: str, bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Add the numbers of a quantity to a page: means and errors as they are, all else to 7 digits."""
    found = {"mean": bundle.add(estimates[name], "f8")}
    found["error"] = bundle.add(estimates[f"{name}_error"], "f8")
    for part in (*PARTS_OF_ESTIMATES, "z"):
        if f"{name}_{part}" in estimates:
            found[part] = bundle.add(estimates[f"{name}_{part}"], "f4")
    if f"{name}_theory" in estimates:
        found["theory_at"] = bundle.add(estimates[f"{name}_theory"], "f8")
    if f"{name}_z_bound" in estimates:
        found["bound"] = bundle.add(estimates[f"{name}_z_bound"], "u1")
    found["doubts"] = bundle.add(doubts(estimates, study, name).transpose(*estimates[name].dims), "u2")
    return found


def octets_of(estimates: xr.Dataset, name: str) -> int:
    """Return about how many bytes the numbers of a quantity take."""
    parts = sum(f"{name}_{part}" in estimates for part in PARTS_OF_ESTIMATES)
    theory = 13 if f"{name}_theory" in estimates else 0
    return int(estimates[name].size * (18 + 4 * parts + theory))


def packed_samples(cells: xr.Dataset, name: str) -> int:
    """Return how many bytes the value of each seed takes on a page by itself, compressed."""
    bundle = Bundle()
    samples_of(cells, name, bundle)
    return len(bundle.text()) * 3 // 4


def samples_of(cells: xr.Dataset, name: str, bundle: Bundle) -> dict[str, Any]:
    """Add the value of each seed to a page; NaN where a cell does not exist."""
    return bundle.add(cells[name].where(cells["valid"]), "f4")
