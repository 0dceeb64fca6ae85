"""What an undisturbed run computes, and cells by their labels."""

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.comparison.phases import PHASES as DIMENSIONS
from mattis.store import cube
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Point
from mattis.study.plan import Block

Cell = tuple[float, ...]
Cells = frozenset[Cell]


@dataclass
class Reference:
    """The undisturbed numbers, straight from the simulation: no store can have spoiled them."""

    columns: dict[str, dict[Cell, float]] = field(default_factory=dict)
    known: dict[str, xr.Dataset] = field(default_factory=dict)

    def numbers(self, study: Study) -> xr.Dataset:
        """Return what all cells of a study must be; each is computed once."""
        key = study.to_yaml()
        if key not in self.known:
            for block in plan.blocks(study):
                self._compute(study, block)
            self.known[key] = (
                cube.frame(cube.labels_of(study))
                .dataset()
                .assign({name: (DIMENSIONS, self._values(study, name)) for name in self.columns})
            )
        return self.known[key]

    def _compute(self, study: Study, block: Block) -> None:
        known = self.columns.get("overlap", {})
        points = tuple(point for point in block.points if self._key(block, point) not in known)
        if points:
            fresh = study.described_model.simulate(*plan.task(study, replace(block, points=points)))
            for name, values in fresh.items():
                cells = self.columns.setdefault(name, {})
                cells |= {self._key(block, at): v for at, v in zip(points, values, strict=True)}

    def _key(self, block: Block, point: Point) -> Cell:
        return (block.size, block.load, *point, block.seed)

    def _values(self, study: Study, name: str) -> NDArray[Any]:
        axes = [cube.labels_of(study).values[dimension] for dimension in DIMENSIONS]
        values = [self.columns[name][cell] for cell in product(*axes)]
        return np.array(values).reshape([len(axis) for axis in axes])

    def digest(self, study: Study) -> str:
        """Return the digest that a complete study must have."""
        return cube.study_digest(self.numbers(study), study.described_model)


def cells_of(study: Study, mask: NDArray[np.bool_] | None = None) -> Cells:
    """Return the labels of the cells in a mask over a study's; of all of them without one."""
    a = study.axes
    axes = (a.size, a.load, a.betas, a.noise, a.seed)
    mask = np.ones([len(axis) for axis in axes], bool) if mask is None else mask
    return frozenset(
        tuple(axis[k] for axis, k in zip(axes, at, strict=True)) for at in np.argwhere(mask).tolist()
    )
