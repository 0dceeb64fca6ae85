"""The numbers that a study is about: where its boundary lies, and whether theory agrees."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mattis import theory
from mattis.comparison.expected import expected
from mattis.comparison.foretold import foretold
from mattis.comparison.verdict import compared, labels_of
from mattis.comparison.view import word_of_beta
from mattis.errors import UserError
from mattis.networks.binary.ladder import MOST_RUNGS
from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.doubts import DOUBTS, UNMIXED
from mattis.statistics.spinodals import SPINODAL
from mattis.study.base import Study, middles
from mattis.study.model import Boundary

BOUNDARIES_TOLD = 3
"""Places of a boundary that a headline has."""

ENDLESS = "_extrapolated"
"""What a boundary at N → ∞ is called, after the boundary."""

COLLAPSE = "_collapse"
"""What a boundary by a scaling collapse is called, after the boundary."""

TOLD_APART = (
    "extrapolated", "extrapolated_error", "extrapolated_systematic", "by_size", "fits", "collapse",
    "doubt", "extrapolated_doubt",
)  # fmt: skip
"""What a headline knows of a boundary, and of it at N → ∞, which is no label of its place."""

MOST_JUDGED = 3000
"""Cells up to which a headline waits for theory: more take minutes."""


def headline(estimates: xr.Dataset, study: Study) -> dict[str, Any]:
    """Return up to three places of the first boundary that is there, and the verdict of `compared`.

    The boundary is that of the largest N with the cleanest cue; so is the end of the state of those that
    stay, where that was fitted (`spinodals`). Of several sizes each place has its limit N → ∞ with both
    errors, where it is at each size, every fit, and the collapse (`thermodynamic_limits`). Beside that of
    Hopfield's network along the temperature stands T_M, where the retrieval state of N -> infinity ends
    (AGS 1987).
    """
    found: list[dict[str, Any]] = []
    for boundary in study.described_model.boundaries:
        found = found or _places(estimates, boundary, study)
    found += _places(estimates, SPINODAL, study)
    for row in found:
        if row["boundary"] == "temperature" and _ends_at_hopfields(study, row):
            end = theory.evaluate("hopfield.T_M", load=row["load"])
            row |= {"quantity": "hopfield.T_M", "theory": end if isinstance(end, float) else None}
    ladder = {"ladder": _ladder(estimates)} if "hidden_rungs" in estimates else {}
    return {"boundaries": found, **ladder, "verdict": _verdict(estimates, study)}


LEAST_SWAP_RATE = 0.2
"""Share of accepted swaps below which rungs are too far apart for walkers to get along a ladder."""


def _ladder(estimates: xr.Dataset) -> str:
    """Return in a sentence how many hidden rungs a chosen ladder has, and whether all of its pairs swap."""
    counts = estimates["hidden_rungs"].sum("beta").where(estimates["seeds"].max("beta") > 0)
    ends = dict.fromkeys(f"{end:.3g}" for end in (float(counts.min()), float(counts.max())))
    least = float(estimates["swap_rate"].min())
    line = f"ladder: {' to '.join(ends)} hidden rungs, means over pattern sets; least swap rate {least:.2g}"
    if not least < LEAST_SWAP_RATE:
        return line
    full = float(counts.max()) + estimates.sizes["beta"] >= MOST_RUNGS
    why = f"it has {MOST_RUNGS} temperatures at most" if full else "its first part did not show it"
    return f"{line}, below {LEAST_SWAP_RATE:g}: {why}"


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
    flag = [f"{name}_flag"] if f"{name}_flag" in estimates else []
    place = estimates[[name, f"{name}_error", *flag, "patterns", "realised_load"]]
    ends = tuple(f"{name}{end}" for end in (ENDLESS, "_fits", COLLAPSE))
    limits = estimates[[one for one in map(str, estimates) if one.startswith(ends)]]
    for label, best in (("size", "max"), ("noise", "min")):
        if label in place[name].dims:
            place = place.sel({label: getattr(place[label], best)()})
    known: list[list[int]] = np.argwhere(np.isfinite(place[name].values)).tolist()
    rows = []
    for index in middles(known, min(BOUNDARIES_TOLD, len(known))):
        one = place.isel(dict(zip(place[name].dims, index, strict=True)))
        row = _row(one, boundary, estimates[name].attrs)
        row |= _labels(one, study)
        if boundary.dimension == "beta" and word_of_beta(study) in ("gain", "lambda"):
            rows.append(_along_gain(row, word_of_beta(study)))
            continue
        if f"{name}{ENDLESS}" in limits:
            labels = {key: float(one[key]) for key in estimates[name].dims if key != "size"}
            row |= _endless(limits.sel(labels), estimates[[name, f"{name}_error"]].sel(labels))
        rows.append(row)
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
        **_doubt(one, name),
    }


def _doubt(one: xr.Dataset, name: str, key: str = "doubt") -> dict[str, str]:
    """Return why a boundary is doubtful that rests on cells that are not equilibrated; else nothing."""
    unmixed = f"{name}_flag" in one and one[f"{name}_flag"] > 0
    return {key: DOUBTS[UNMIXED]} if unmixed else {}


def _along_gain(row: Mapping[str, Any], word: str) -> dict[str, Any]:
    """Return a place along 1/beta as one along the gain: beta = 1/x, its error that of x over x²."""
    place, error = np.float64(row["value"]), row["error"]
    meaning = f"{word} below which less than half of the cues are retrieved"
    with np.errstate(divide="ignore"):  # no gain at all at 1/beta = 0
        found = {"value": float(1 / place), "error": float(error / place**2)}
    return {**row, "boundary": word, **found, "meaning": meaning}


def _endless(one: xr.Dataset, by_size: xr.Dataset) -> dict[str, Any]:
    """Return where a boundary is at N → ∞, with its errors and what they are of; nothing where unknown.

    one      # what is known of it at N → ∞, at one place
    by_size  # the boundary and its error there at each size
    """
    name = str(next(iter(by_size)))
    if not np.isfinite(one[f"{name}{ENDLESS}"]):
        return {}
    found: dict[str, Any] = {
        f"extrapolated{end}": float(one[f"{name}{ENDLESS}{end}"]) for end in ("", "_error", "_systematic")
    }
    found |= _doubt(one, f"{name}{ENDLESS}", "extrapolated_doubt")
    columns = (by_size["size"].values, by_size[name].values, by_size[f"{name}_error"].values)
    found["by_size"] = [
        {"size": int(size), "value": float(value), "error": float(error)}
        for size, value, error in zip(*columns, strict=True)
    ]
    found["fits"] = [*_fits(one, f"{name}_fits")]
    if f"{name}{COLLAPSE}" in one and np.isfinite(one[f"{name}{COLLAPSE}"]):
        keys = {"value": "", "error": "_error", "inverse_nu": "_power", "inverse_nu_error": "_power_error",
                "quality": "_quality"}  # fmt: skip
        found["collapse"] = {key: float(one[f"{name}{COLLAPSE}{end}"]) for key, end in keys.items()}
    return found


def _fits(one: xr.Dataset, name: str) -> Iterator[dict[str, Any]]:
    """Yield the fits in powers of N of one place, in words and numbers."""
    for power in one["power"].values:
        for smallest in one["smallest_size"].values:
            fit = one.sel(power=power, smallest_size=smallest)
            if np.isfinite(fit[name]):
                numbers = {key: float(fit[f"{name}{end}"]) for key, end in FIT_NUMBERS.items()}
                yield {"power": str(power), "smallest_size": int(smallest), **numbers}


FIT_NUMBERS = {"value": "", "error": "_error", "omega": "_omega", "chi2": "_chi2", "weight": "_weight"}
"""What is told of a fit: ends of names in the dataset by their keys."""


def headline_lines(content: Mapping[str, Any]) -> list[str]:
    """Return a headline in sentences, one a line."""
    told = {"boundary", "value", "error", "meaning", "sweeps", "quantity", "theory"}
    told |= {*TOLD_APART}
    lines = []
    for row in content["boundaries"]:
        at = ", ".join(
            f"{key} {format(value, '.4g') if isinstance(value, float) else value}"
            for key, value in row.items()
            if key not in told
        )
        error = f" ± {row['error']:.1g}" if np.isfinite(row["error"]) else ""
        age = f" after {row['sweeps']} sweeps" if "sweeps" in row else ""
        age += f" ({row['doubt']})" if "doubt" in row else ""
        end = _limit_in_words(row)
        known = row.get("theory")
        line = f"; theory: T_M = {known:.4g}" if known is not None else ""
        name = row["boundary"].replace("_", " ")
        place = f"boundary of {name}" if " " in name else f"{name} of the boundary"
        lines.append(f"{place} {row['value']:.4g}{error}{age} at {at}{end}{line}")
    return lines + [content[key] for key in ("ladder", "verdict") if content.get(key)]


def _limit_in_words(row: Mapping[str, Any]) -> str:
    """Return where a boundary is at N → ∞ in words: with its statistical and its systematic error."""
    if "extrapolated" not in row:
        return ""
    value, error, systematic = (row[f"extrapolated{end}"] for end in ("", "_error", "_systematic"))
    words = f"; at N → ∞ {value:.4g} ± {error:.1g} ± {systematic:.1g} (systematic)"
    words += " of sizes of which some are not equilibrated" if "extrapolated_doubt" in row else ""
    if "collapse" in row:
        one = row["collapse"]
        words += f", by a collapse {one['value']:.4g}, quality {one['quality']:.2g}"
    return words
