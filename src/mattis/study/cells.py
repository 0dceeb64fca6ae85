"""One cell of a study, by its labels: load=0.05, temperature=0.3, seed=2."""

import math
from collections.abc import Mapping, Sequence

from mattis.errors import UserError, nearest
from mattis.study.axes import label_key
from mattis.study.base import Study
from mattis.study.plan import Block

CellLabel = float | str
"""A label of a cell, as a user gives it: a number, or a word where the axis has words."""

FEW_VALUES = 12
"""Values of an axis that an error lists; of more, the first and the last."""

OF_HEAT = ("temperature", "beta")
"""Two spellings of one axis, of which a study has either."""


def block_at(study: Study, at: Mapping[str, CellLabel]) -> Block:
    """Return the cell of a study with some labels, as a block of one point.

    at  # label of each axis, which may be left out where the axis has one value

    Raises UserError for an axis that the study does not have, a value that is not on it, or none of several.
    """
    names = [name for dim in study.dimensions for name in spellings(study, dim)]
    for name in at:
        if name not in names:
            raise UserError(
                f"at {name}: got an axis that {study.name} does not have; expected one of "
                f"{', '.join(names)}{nearest(name, names)}"
            )
    chosen = {dim: _label(study, dim, at) for dim in study.dimensions}
    size, seed, stored = int(chosen["size"]), int(chosen["seed"]), chosen[study.stored]
    count = int(study.counts([stored], [size])[0, 0])
    point = tuple(chosen[name] for name in study.points)
    return Block(size, stored, count, seed, (point,), 0, study.stored)


def labels_of_block(study: Study, block: Block) -> dict[str, CellLabel]:
    """Return the labels of a block of one point as the study spells them: temperatures, names of rules."""
    values = (block.size, block.load, *block.points[0], block.seed)
    out: dict[str, CellLabel] = {}
    for dim, value in zip(study.dimensions, values, strict=True):
        name = spellings(study, dim)[0]
        out[name] = spelled_values(study, name)[list(study.labels[dim]).index(value)]
    return out


def spellings(study: Study, dim: str) -> tuple[str, ...]:
    """Return the names by which a dimension may be called, that of the study first."""
    if dim != "beta" or not study.axes.temperatures:
        return (dim,)
    heat, beta = OF_HEAT
    return OF_HEAT if getattr(study.axes, heat, None) is not None else (beta, heat)


def spelled_values(study: Study, name: str) -> Sequence[CellLabel]:
    """Return the values of an axis under one of its names, in the order of the labels of the cube."""
    if name == "temperature":
        return study.axes.temperatures
    given = getattr(study.axes, name, None)
    words = isinstance(given, tuple) and given and isinstance(given[0], str)
    return given if words else study.labels[name]  # type: ignore[return-value]


def _label(study: Study, dim: str, at: Mapping[str, CellLabel]) -> float:
    """Return the label of the cube along a dimension that a user means."""
    labels, names = study.labels[dim], spellings(study, dim)
    given = [name for name in names if name in at]
    if len(given) > 1:
        raise UserError(f"at {given[0]}: got {given[1]} as well; expected one of the two; give one")
    if not given:
        if len(labels) == 1:
            return labels[0]
        raise UserError(
            f"at {names[0]}: got nothing; expected one of {listed(spelled_values(study, names[0]))}; "
            f"for example {names[0]}={written(spelled_values(study, names[0])[0])}"
        )
    name, value = given[0], at[given[0]]
    values = spelled_values(study, name)
    for label, known in zip(labels, values, strict=True):
        if _is_same(name, known, value):
            return label
    raise UserError(
        f"at {name}: got {written(value)}, which is not on the axis; expected one of {listed(values)}; "
        f"the nearest is {name}={written(_closest(values, value))}"
    )


def _is_same(name: str, known: CellLabel, value: CellLabel) -> bool:
    """Tell whether a user means a value of an axis; of 1/T also where T is that of 12 digits."""
    if isinstance(known, str) or isinstance(value, str):
        return known == value
    if label_key(name, known) == label_key(name, value):
        return True
    both = name in OF_HEAT and known and value
    return bool(both and label_key("size", 1 / known) == label_key("size", 1 / value))


def _closest(values: Sequence[CellLabel], value: CellLabel) -> CellLabel:
    """Return the value of an axis that is nearest to one that is not there."""
    numbers = [v for v in values if not isinstance(v, str)]
    if isinstance(value, str) or not numbers:
        return nearest(str(value), map(str, values)).removeprefix("; did you mean ").rstrip("?") or values[0]
    if not math.isfinite(value):
        return max(numbers) if value > 0 else min(numbers)
    return min(numbers, key=lambda v: abs(v - value))


def listed(values: Sequence[CellLabel]) -> str:
    """Return the values of an axis for an error: all of a few, the ends of many."""
    if len(values) <= FEW_VALUES:
        return ", ".join(map(written, values))
    return f"{written(values[0])}, {written(values[1])}, … {written(values[-1])}"


def written(value: CellLabel) -> str:
    """Return a label as it is typed."""
    return value if isinstance(value, str) else f"{value:.12g}"
