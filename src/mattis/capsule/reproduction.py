"""What came of computing cells of a capsule again: which differ, where, and the sentence that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mattis.capsule.versions import Versions
from mattis.cards import card
from mattis.words import counted, some

CELLS_SHOWN = 5
"""Cells that differ which the sentence names; of more, how many."""

VERSIONS_SHOWN = 12
"""Other versions that the sentence names; of more, how many."""


@dataclass(frozen=True)
class DifferingCell:
    """A cell whose values are others when it is computed again, or which could not be computed.

    labels  # of the cell, by the axes
    found   # what differs, in words
    """

    labels: Mapping[str, float | str]
    found: Sequence[str]

    def __str__(self) -> str:
        words = {k: v if isinstance(v, str) else f"{v:.12g}" for k, v in self.labels.items()}
        at = ",".join(f"{name}={word}" for name, word in words.items())
        return f"{at} ({'; '.join(self.found)})"


@dataclass(frozen=True)
class Reproduction:
    """Cells of a capsule, computed again.

    seed      # of the sample; None where all cells were computed
    other     # what is another version or platform here, as `name there → here`
    """

    study: str
    sha256: str
    digest: str
    cells: int
    sampled: int
    seed: int | None
    differing: Sequence[DifferingCell]
    archived: Versions
    here: Versions

    @property
    def same(self) -> bool:
        """Whether every cell that was computed again has the same bits."""
        return not self.differing

    @property
    def other(self) -> list[str]:
        """What is another version or platform here, as `name: there → here`."""
        return self.archived.differences(self.here)

    @property
    def sentence(self) -> str:
        """The one sentence at the end."""
        chosen = f"all {counted(self.cells, 'cell')}"
        if self.seed is not None:
            chosen = f"{self.sampled} of {counted(self.cells, 'cell')}, a sample of seed {self.seed}"
        computed = f"{chosen}, computed again with {self.here}"
        if self.same:
            found = f"the same to the last bit: {computed}"
        else:
            cells = some([str(cell) for cell in self.differing], CELLS_SHOWN, "cell")
            found = f"not the same: {len(self.differing)} differ of {computed}: {cells}"
        other = some(self.other, VERSIONS_SHOWN, "version")
        here = f"; other than in the capsule: {other}" if other else "; versions and platform are the same"
        return f"{self.study}: {found}{here}"

    def as_json(self) -> dict[str, Any]:
        """Return the document of `mattis reproduce --json`."""
        return {
            "study": self.study,
            "same": self.same,
            "sentence": self.sentence,
            "sha256": self.sha256,
            "digest": self.digest,
            "cells": {"total": self.cells, "sampled": self.sampled, "differ": len(self.differing)},
            "seed": self.seed,
            "differences": [{"cell": dict(one.labels), "found": list(one.found)} for one in self.differing],
            "other_versions": self.other,
        }

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the sentence, and what was compared."""
        rows: dict[str, object] = {
            "cells": f"{self.sampled} of {self.cells} computed again",
            "digest": self.digest,
            "SHA-256 of the file": self.sha256,
        }
        return card("Reproduced" if self.same else "Not reproduced", rows, {"in words": self.sentence})
