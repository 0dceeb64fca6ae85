"""What a study wants known better than its first grid can tell: a boundary or the overlap, to which error."""

from collections.abc import Collection, Mapping, Sequence
from math import prod
from typing import Literal

from pydantic import Field, StrictFloat, StrictInt

from mattis.study.axes import Misplaced, Part

REFINED_AXES: Mapping[str, str] = {"temperature": "beta", "load": "load", "noise": "noise"}
"""Axes that values are added to, and the dimensions of the cube that they are stored along."""

FEWEST_FIRST_SEEDS = 4
"""Pattern sets of the first grid at least: the spread of fewer says nothing of how many are needed."""


class RefineBlock(Part):
    """What rounds of further cells are to find, to an error. It changes no number of a cell."""

    target: Literal["boundary", "overlap"] = Field(
        default="boundary",
        description="what is to be known: where half of the cues are lost, or the overlap of each cell",
    )
    error: StrictFloat = Field(
        gt=0, lt=1, description="standard error of each boundary, in units of the axis, or of the overlap"
    )
    along: Literal["temperature", "load", "noise"] | None = Field(
        default=None,
        description="the axis across the boundary: the first of temperature, load and noise that has "
        "several values, if not given",
    )
    ageing: Literal["stop", "accept"] = Field(
        default="stop",
        description="a boundary that moved by more than the error since half of the chain: stop there, or "
        "accept it as that of its age",
    )
    rounds: StrictInt = Field(default=20, ge=0, le=999, description="rounds at most")
    cells: StrictInt = Field(
        default=100_000, ge=1, le=10**8, description="cells at most, those of the first grid included"
    )

    def axis(self, lengths: Mapping[str, int]) -> str:
        """Return the axis that values are added to: of the overlap `seed`, for its cells are the grid's.

        lengths  # how many values each dimension of the cube has
        """
        if self.target == "overlap":
            return "seed"
        several = (name for name, dim in REFINED_AXES.items() if lengths.get(dim, 0) > 1)
        return self.along or next(several, "temperature")

    def check(self, axes: Mapping[str, Sequence[float]], known: Collection[str]) -> None:
        """Raise Misplaced where a study has no such boundary or overlap, or too little to begin with.

        axes   # the values along each dimension of the cube
        known  # names of what the model has boundaries along, and `overlap` where it is known by cell
        """
        lengths = {name: len(values) for name, values in axes.items()}
        if self.target == "overlap":
            self._check_overlap(known)
        else:
            self._check_boundary(lengths, known)
        if lengths["seed"] < FEWEST_FIRST_SEEDS:
            expected = f"at least {FEWEST_FIRST_SEEDS} pattern sets to begin with"
            raise Misplaced("axes.seed", str(lengths["seed"]), expected, "for example seed: 8")
        if (cells := prod(lengths.values())) > self.cells:
            expected = f"at least the {cells} cells of the first grid"
            raise Misplaced("refine.cells", str(self.cells), expected, "raise it or thin the axes out")

    def _check_overlap(self, known: Collection[str]) -> None:
        """Raise Misplaced for a question without overlap, and for an axis, along which nothing is added."""
        if "overlap" not in known:
            expected = "a study that asks for the overlap of binary networks"
            raise Misplaced("refine.target", "overlap", expected, "remove refine")
        if self.along is not None:
            expected = "no axis beside target: overlap, which adds pattern sets alone"
            raise Misplaced("refine.along", self.along, expected, "remove along")

    def _check_boundary(self, lengths: Mapping[str, int], known: Collection[str]) -> None:
        """Raise Misplaced for an axis without a boundary of the study, or with one value."""
        along = self.axis(lengths)
        has = [name for name, dim in REFINED_AXES.items() if name in known and dim in lengths]
        if along not in has:
            advice = f"use one of: {', '.join(has)}" if has else "remove refine"
            raise Misplaced("refine.along", along, "an axis across a boundary of the study", advice)
        if (count := lengths[REFINED_AXES[along]]) < 2:
            expected = f"an axis {along} whose ends lie on both sides of the boundary"
            raise Misplaced("refine.along", f"{along} with {count} value", expected, "give it more")
