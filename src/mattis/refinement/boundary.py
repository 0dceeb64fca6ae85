"""The lines of a grid across a boundary: what was measured along each, and what a round decides of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from mattis.refinement.line import Line, LineStep, next_step
from mattis.store.rounds import LineRecord
from mattis.study.base import Study
from mattis.study.model import Boundary
from mattis.study.refine import REFINED_AXES


@dataclass(frozen=True, eq=False)
class RefinedLine:
    """A line of the grid: its labels along the other dimensions, and what was measured along it."""

    at: dict[str, float]
    line: Line


def boundary_records(cells: xr.Dataset, study: Study) -> list[LineRecord]:
    """Return what is known of each line of a grid, and what it needs: a pure function of the cells.

    cells  # those that the rounds before asked for, all of them there
    """
    assert study.refine is not None
    error, accepts = study.refine.error, study.refine.ageing == "accept"
    return [_line_record(one.at, next_step(one.line, error, accepts)) for one in lines_of(cells, study)]


def _line_record(at: dict[str, float], step: LineStep) -> LineRecord:
    found, (shift, shift_error) = step.found, step.shift
    return LineRecord(
        at=at, place=_known(found.place), error=_known(found.error), spread=_known(found.spread),
        grid=_known(found.grid), shift=_known(shift), shift_error=_known(shift_error),
        seeds=step.depth, step=step.kind, why=step.why,
        values=tuple(map(float, step.positions)), depth=step.seeds,
    )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def boundary_of(study: Study) -> Boundary:
    """Return the boundary that a study is refined across."""
    along = study.refined_axis
    return next(one for one in study.described_model.boundaries if one.name == along)


def lines_of(cells: xr.Dataset, study: Study) -> Iterator[RefinedLine]:
    """Yield the lines of a grid across the boundary of a study, in the order of their labels."""
    boundary, along = boundary_of(study), study.refined_axis
    dim = REFINED_AXES[along]
    late = cells[boundary.fraction]
    early = cells["retrieved_early"] if boundary.fraction == "retrieved" else None
    others = [str(name) for name in late.dims if name not in (dim, "seed")]
    stacked = late.transpose(*others, dim, "seed")
    for index in np.ndindex(*stacked.shape[: len(others)]):
        at = dict(zip(others, index, strict=True))
        labels = {name: float(cells[name].values[k]) for name, k in at.items()}
        yield RefinedLine(labels, _line(cells, boundary, dim, at, late, early))


def _line(
    cells: xr.Dataset, boundary: Boundary, dim: str, at: dict[str, int], late: xr.DataArray,
    early: xr.DataArray | None,
) -> Line:  # fmt: skip
    """Return what was measured along one line, its positions rising."""
    where = cells[boundary.position]
    position = where.isel({k: v for k, v in at.items() if k in where.dims}).values
    spacing = 1.0 / float(cells["size"].values[at["size"]]) if dim == "load" else 0.0
    there = cells["asked"].isel(at).transpose(dim, "seed").values
    order = [k for k in np.argsort(position, kind="stable") if there[k].any()]
    values = late.isel(at).transpose(dim, "seed").values[order]
    line = Line(position[order], np.where(there[order], values, np.nan), None, spacing)
    if early is None:
        return line
    sooner = early.isel(at).transpose(dim, "seed").values[order]
    return replace(line, early=np.where(there[order], sooner, np.nan))
