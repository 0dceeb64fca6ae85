"""The numbers that a study is about: where its boundary lies, and whether theory agrees."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mattis import theory
from mattis.comparison.expected import expected
from mattis.comparison.foretold import foretold
from mattis.comparison.verdict import compared, labels_of
from mattis.comparison.view import word_of_beta
from mattis.errors import UserError
from mattis.networks.binary.study import BinaryStudy
from mattis.study.base import Study, middles
from mattis.study.model import Boundary

BOUNDARIES_TOLD = 3
"""Places of a boundary that a headline has."""

ENDLESS = "_extrapolated"
"""What a boundary at N → ∞ is called, after the boundary."""

MOST_JUDGED = 3000
"""Cells up to which a headline waits for theory: more take minutes."""


def headline(estimates: xr.Dataset, study: Study) -> dict[str, Any]:
    """Return up to three places of the first boundary that is there, and the verdict of `compared`.

    The boundary is that of the largest N with the cleanest cue. Beside that of Hopfield's network along the
    temperature stands T_M, where the retrieval state of N -> infinity ends (AGS 1987).
    """
    found: list[dict[str, Any]] = []
    for boundary in study.described_model.boundaries:
        found = found or _places(estimates, boundary, study)
    for row in found:
        if row["boundary"] == "temperature" and _ends_at_hopfields(study, row):
            end = theory.evaluate("hopfield.T_M", load=row["load"])
            row |= {"quantity": "hopfield.T_M", "theory": end if isinstance(end, float) else None}
    return {"boundaries": found, "verdict": _verdict(estimates, study)}


def _verdict(estimates: xr.Dataset, study: Study) -> str | None:
    """Return whether theory agrees, in a sentence; None where no theory is known."""
    try:
        foretold(study)
        if estimates["seeds"].size > MOST_JUDGED:
            return f"mattis compare says whether theory agrees: more than {MOST_JUDGED} cells take a while"
        return compared(estimates, study).verdict
    except UserError:
        return None


def _ends_at_hopfields(study: Study, row: Mapping[str, Any]) -> bool:
    """Tell whether a boundary is that of Hopfield's network, from patterns without noise."""
    if not isinstance(study, BinaryStudy) or row.get("noise", 0.0):
        return False
    rule = str(row.get("couplings", study.rules[0]))
    line, inquiry = expected(study.protocol, rule, "overlap", False), study.protocol.of(rule)
    return line is not None and line.quantity == "hopfield.overlap" and inquiry.is_hopfields


def _places(estimates: xr.Dataset, boundary: Boundary, study: Study) -> list[dict[str, Any]]:
    """Return some places of a boundary with their errors and labels; none where it is not known."""
    name = f"boundary_{boundary.name}"
    if name not in estimates:
        return []
    beyond = [one for one in (f"{name}{ENDLESS}", f"{name}{ENDLESS}_error") if one in estimates]
    place = estimates[[name, f"{name}_error", "patterns", "realised_load", *beyond]]
    for label, best in (("size", "max"), ("noise", "min")):
        if label in place[name].dims:
            place = place.sel({label: getattr(place[label], best)()})
    known: list[list[int]] = np.argwhere(np.isfinite(place[name].values)).tolist()
    rows = []
    for index in middles(known, min(BOUNDARIES_TOLD, len(known))):
        one = place.isel(dict(zip(place[name].dims, index, strict=True)))
        row = _row(one, boundary, estimates[name].attrs)
        row |= _labels(one, study)
        gain = boundary.dimension == "beta" and word_of_beta(study) in ("gain", "lambda")
        rows.append(_along_gain(row, word_of_beta(study)) if gain else row)
    return rows


def _labels(one: xr.Dataset, study: Study) -> dict[str, float | str]:
    """Return where one place of a boundary is along the other axes."""
    labels = {str(k): float(one[k]) for k in one.coords if one[k].ndim == 0 and k != "temperature"}
    if one["patterns"].ndim == 0:
        labels |= {"load": float(one["realised_load"]), "patterns": float(one["patterns"])}
    return labels_of(labels, study)


def _row(one: xr.Dataset, boundary: Boundary, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return one place of a boundary: its value, error and age."""
    name = f"boundary_{boundary.name}"
    return {
        "boundary": boundary.name,
        "value": float(one[name]),
        "error": float(one[f"{name}_error"]),
        "meaning": boundary.meaning,
        **({"sweeps": round(words["age"])} if "age" in words else {}),
        **_endless(one, name),
    }


def _along_gain(row: Mapping[str, Any], word: str) -> dict[str, Any]:
    """Return a place along 1/beta as one along the gain: beta = 1/x, its error that of x over x²."""
    place, error = np.float64(row["value"]), row["error"]
    meaning = f"{word} below which less than half of the cues are retrieved"
    with np.errstate(divide="ignore"):  # no gain at all at 1/beta = 0
        found = {"value": float(1 / place), "error": float(error / place**2)}
    return {**row, "boundary": word, **found, "meaning": meaning}


def _endless(one: xr.Dataset, name: str) -> dict[str, float]:
    """Return where a boundary is at N → ∞, with its error; nothing where that is not known."""
    if f"{name}{ENDLESS}" not in one or not np.isfinite(one[f"{name}{ENDLESS}"]):
        return {}
    return {
        "extrapolated": float(one[f"{name}{ENDLESS}"]),
        "extrapolated_error": float(one[f"{name}{ENDLESS}_error"]),
    }


def headline_lines(content: Mapping[str, Any]) -> list[str]:
    """Return a headline in sentences, one a line."""
    told = {"boundary", "value", "error", "meaning", "sweeps", "quantity", "theory"}
    told |= {"extrapolated", "extrapolated_error"}
    lines = []
    for row in content["boundaries"]:
        at = ", ".join(
            f"{key} {format(value, '.4g') if isinstance(value, float) else value}"
            for key, value in row.items()
            if key not in told
        )
        error = f" ± {row['error']:.1g}" if np.isfinite(row["error"]) else ""
        age = f" after {row['sweeps']} sweeps" if "sweeps" in row else ""
        end = (
            f"; at N → ∞ {row['extrapolated']:.4g} ± {row['extrapolated_error']:.1g}"
            if "extrapolated" in row
            else ""
        )
        known = row.get("theory")
        line = f"; theory: T_M = {known:.4g}" if known is not None else ""
        lines.append(
            f"{row['boundary']} of the boundary {row['value']:.4g}{error}{age} at {at}{end}{line}"
        )
    return lines + ([content["verdict"]] if content["verdict"] else [])
