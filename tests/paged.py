"""Pages of short studies with cells of all kinds, and what they know."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from artists import imagined

from mattis import figures
from mattis.engine.status import open_results
from mattis.page import page_text
from mattis.page.document import Surroundings
from mattis.page.payload import Findings
from mattis.study.base import Study

EACH_KIND = (
    "hopfield", "couplings", "basins", "attention", "consolidation", "landscape", "familiarity", "fast_slow",
)  # fmt: skip
"""Shipped studies of each kind: a plane, rules, shares, neurons, drift, no axis but the size."""

BESIDE = Surroundings(None, ["diagram.png"])


class Paged(NamedTuple):
    """A short copy of a shipped study, what was found of it, and its page."""

    study: Study
    found: Findings
    text: str


def paged(study: Study, folder: Path) -> Paged:
    """Return the page of a study from cells that nobody computed."""
    estimates = imagined(study, folder)
    found = Findings(open_results(study, folder), estimates, figures.headline(estimates, study))
    return Paged(study, found, page_text(study, found, BESIDE))


def content_of(text: str) -> dict[str, Any]:
    """Return what a page knows, as it reads it."""
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.S)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


def with_boundary(one: Paged) -> Paged:
    """Return a page whose study has a boundary along the temperature, at 0.4 ± 0.05."""
    estimates = one.found.estimates.copy()
    place = estimates["boundary_temperature"]
    estimates["boundary_temperature"] = place.copy(data=np.full(place.shape, 0.4))
    estimates["boundary_temperature_error"] = place.copy(data=np.full(place.shape, 0.05))
    found = Findings(one.found.cells, estimates, one.found.headline)
    return Paged(one.study, found, page_text(one.study, found, BESIDE))
