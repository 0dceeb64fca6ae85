"""What a page knows of a study: words, and numbers in one bundle, within a budget of bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mattis.comparison.findings import headline_lines
from mattis.comparison.phases import has_phases
from mattis.comparison.view import view
from mattis.figures.curve_pages import PICKED
from mattis.figures.panels import panels_of, question_of
from mattis.figures.told import has_one_set, network_of, sets_of
from mattis.page.bundle import Bundle
from mattis.page.dimensions import dimensions
from mattis.page.plane import axis_marks, curve_lines, ends_of, plane_lines
from mattis.page.quantities import described, names_of, numbers_of, octets_of, packed_samples, samples_of
from mattis.statistics.doubts import DOUBTS, FEW_SETS, IN_TWO_STATES, SETS_LACK
from mattis.statistics.states import CELL_STATES
from mattis.study.base import Study

MOST_OF_NUMBERS = 3_000_000
"""Bytes of numbers on a page: as text of four letters for three bytes, a page stays below 5 MB."""

MOST_OF_SAMPLES = 100_000
"""Bytes of values by seed, compressed, of quantities that have no panel and are no order parameter."""

HATCHED_DOUBTS = FEW_SETS | IN_TWO_STATES | SETS_LACK
"""Doubts for which a cell of a map is hatched."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What was computed of a study: its cells, their estimates beside theory, and the headline."""

    cells: xr.Dataset
    estimates: xr.Dataset
    headline: Mapping[str, Any]


def page_payload(study: Study, found: Findings) -> tuple[dict[str, Any], str]:
    """Return what a page knows of a study, and its numbers as text.

    Means and errors of the order parameter come first, then those of the others, then the samples of the
    order parameter, and those of the others, as far as the budget goes. What it leaves out is named.
    """
    bundle = Bundle()
    estimates = found.estimates
    opening = opening_place(study, estimates)
    out = {
        **_words(study, found),
        "dims": dimensions(study, estimates, bundle),
        "view": _opening(study, opening),
        "seeds": bundle.add(estimates["seeds"], "u2"),
        "patterns": bundle.add(estimates["patterns"], "f8"),
        "states": _states(estimates, bundle),
        "ends": ends_of(study, estimates, bundle),
        "lines": plane_lines(study, estimates, bundle),
    }
    out |= _quantities(study, found, bundle)
    shown = [name for name in panels_of(study)[0].quantity if name in estimates]
    place = {name: k for name, k in opening.items() if name not in _roles(study)}
    out["curves"] = curve_lines(study, estimates, place, shown, bundle)
    out["marks"] = axis_marks(study, estimates, place)
    return out, bundle.text()


def _words(study: Study, found: Findings) -> dict[str, Any]:
    """Return what the page says of the study, its network and its state."""
    attributes, valid = found.estimates.attrs, found.cells["valid"]
    model = study.described_model
    return {
        "name": study.name,
        "question": question_of(study),
        "network": network_of(study),
        "sets": sets_of(study),
        "samples_are": "cues" if has_one_set(study) else "pattern sets",
        "model": study.model,
        "summary": model.summary,
        "equation": model.equation,
        "source": model.source,
        "cells": {"there": int(valid.sum()), "total": int(valid.size),
                  "failed": int(found.cells["failed"].sum())},
        "digest": str(attributes["digest"]),
        "version": str(attributes["mattis_version"]),
        "numbers_are": str(attributes.get("numbers_are", "")),
        "yaml": str(attributes["study"]),
        "headline": headline_lines(found.headline),
        "seed": [int(value) for value in found.cells["seed"].values],
        "doubts": {str(bit): words for bit, words in DOUBTS.items()},
        "hatched": HATCHED_DOUBTS,
    }  # fmt: skip


def _roles(study: Study) -> tuple[str, ...]:
    """Return the axes that are across, up, or curves."""
    seen = view(study)
    return tuple(name for name in (seen.across, seen.up, seen.curves) if name is not None)


def opening_place(study: Study, estimates: xr.Dataset) -> dict[str, int]:
    """Return the positions at which a page opens: the largest size, the cleanest cue, the last or middle."""
    roles = _roles(study)
    out = {}
    for dim in map(str, estimates["seeds"].dims):
        values = estimates[dim].values
        if dim in roles:
            out[dim] = len(values) // 2
        else:
            wanted = float(PICKED[dim](values)) if dim in PICKED else float(values[-1])
            out[dim] = int(np.flatnonzero(values == wanted)[0])
    return out


def _opening(study: Study, place: Mapping[str, int]) -> dict[str, Any]:
    """Return which axes are across and up, whether that is a map, and where the others stand, at first."""
    seen = view(study)
    across, second = seen.across, seen.up or seen.curves
    is_map = seen.up is not None
    if has_phases(study):
        across, second, is_map = "load", "beta", True
    return {"across": across, "second": second, "map": is_map, "at": dict(place)}


def _states(estimates: xr.Dataset, bundle: Bundle) -> dict[str, Any] | None:
    """Return what the networks of each cell are in, in words."""
    if "state" not in estimates:
        return None
    words = {str(code): word.replace("_", " ") for code, word in CELL_STATES.items()}
    return {"words": words, "cells": bundle.add(estimates["state"], "u1")}


def _quantities(study: Study, found: Findings, bundle: Bundle) -> dict[str, Any]:
    """Return the quantities that fit into the budget with their numbers, and the names of what does not."""
    estimates, cells = found.estimates, found.cells
    names = names_of(study, estimates)
    out: dict[str, dict[str, Any]] = {}
    for name in names:
        if not out or bundle.size + octets_of(estimates, name) <= MOST_OF_NUMBERS:
            out[name] = described(study, estimates, name)
            out[name] |= numbers_of(study, estimates, name, bundle)
    sampled = [name for name in out if name in cells]
    for name in _with_samples(study, cells, sampled, MOST_OF_NUMBERS - bundle.size):
        out[name]["samples"] = samples_of(cells, name, bundle)
    return {
        "quantities": [*out.values()],
        "left_out": [name for name in names if name not in out],
        "unsampled": [name for name in sampled if "samples" not in out[name]],
    }


def _with_samples(study: Study, cells: xr.Dataset, names: Sequence[str], room: int) -> Iterator[str]:
    """Yield the quantities whose values by seed are on the page, of those that have such.

    room  # bytes for all of them
    """
    shown = {study.described_model.order_parameter}.union(*(one.quantity for one in panels_of(study)))
    aside = MOST_OF_SAMPLES
    for name in names:
        if 4 * cells[name].size > room:
            continue
        if name not in shown:
            packed = packed_samples(cells, name)
            if packed > aside:
                continue
            aside -= packed
        room -= 4 * cells[name].size
        yield name
