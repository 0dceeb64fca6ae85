"""How pages of consolidation begin and end: what they answer, what was simulated, and after how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from mattis.figures.canvas import caption
from mattis.figures.glossary import axis_term
from mattis.figures.page import Page, PageFigure, close_page, distinct, letters_of
from mattis.figures.panels import question_of
from mattis.networks.drift.study import ConsolidationStudy
from mattis.words import counted


@dataclass(frozen=True, eq=False)
class DriftPlane:
    """What one page of consolidation is of: estimates, their study, and their labels along other axes."""

    estimates: xr.Dataset
    study: ConsolidationStudy
    labels: Mapping[str, float]

    def close(
        self,
        page: Page,
        height: float,
        usual: str,
        keys: Mapping[str, Sequence[Any]],
        same: Sequence[str] = (),
        theory: Mapping[str, str] | None = None,
    ) -> PageFigure:
        """Write question, key and caption of a page of this.

        usual  # what it answers, where the study does not say
        keys   # the entries of the key, by the letter of the panel that they speak of
        same   # what is the same everywhere, in words
        """
        told = told_of_drift(self.estimates, self.study, self.labels, same)
        asked, about = question_of(self.study, usual), letters_of(**keys)
        return close_page(page, height, asked, distinct(keys), told, about, theory)


def unjudged(plane: xr.Dataset, theory: Mapping[str, str]) -> list[str]:
    """Return in words why maps have no z: where there are lines of theory, and no cell has it."""
    z = plane.get("similarity_z")
    judged = z is not None and bool(z.notnull().any())
    return [] if judged or not theory else [UNJUDGED]


UNJUDGED = r"no z, for theory here is the mean field of $\tau\to\infty$"
"""Why maps of consolidation have no z: at finite tau theory knows a term of order 1/tau, and no more.

Its formula has no spaces, at which lines break.
"""


def told_of_drift(
    plane: xr.Dataset, study: ConsolidationStudy, labels: Mapping[str, float], same: Sequence[str] = ()
) -> str:
    """Return the caption of a figure of consolidation: ensemble, clamping, labels, what is the same."""
    usual = [name for name, value in labels.items() if name in ("spread", "likeness") and not value]
    told = (
        f"{axis_term(key, question='consolidation').word} {labels[key]:g}"
        for key in labels
        if key not in usual
    )
    words = ", ".join([*told, *same])
    sets = counted(len(study.axes.seed), "pattern set")
    drift = f"{study.ensemble} memories, {study.clamping} clamping"
    return caption(plane, f"{study.name}: {sets}, {drift}, {words}")


def age_of(labels: Mapping[str, float]) -> str:
    """Return after how long a map of consolidation was looked at, which is no phase diagram without it."""
    if not labels.get("tau") or "presentations" not in labels:
        return ""
    return rf" after {labels['presentations'] / labels['tau']:.3g} $\tau$"
