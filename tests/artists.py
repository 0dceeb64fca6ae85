"""What figures show, read back: estimates of short copies of shipped studies, artists by their looks."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from builders import STUDIES
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure, FigureBase
from matplotlib.legend import Legend

from mattis.comparison.verdict import with_theory
from mattis.figures import drawing_of, estimated
from mattis.networks.registry import study_of
from mattis.store import store
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import DRIFTING, SHORT_CHAIN, UNSETTLED, Columns
from mattis.study.plan import Block

TIMES = [*map(float, range(12)), 20.0, 60.0]

FEWER: Mapping[str, Mapping[str, Any]] = {
    "consolidation": {"size": [64, 10**6], "memories": [2, 4, 6], "kappa": [2.0, 4.0, 8.0]},
    "consolidation-time": {"presentations": TIMES},
    "lotito-figure1": {"presentations": TIMES},
    "marginalist": {"age": [1, 30, 60, 90]},
    "consolidation-rarity": {"memories": [3], "spread": [0.0, 3.0], "memory": [0, 1, 2]},
}
"""Axes of short copies of studies, where those that `short` takes would not do."""

VALUES, SETS = 4, 4
"""Values of an axis, and pattern sets, of a short copy."""


def short(path: Path, **changes: Any) -> Study:
    """Return a copy of a shipped study with the same figure and few cells."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    axes = {name: thinned(values) for name, values in content["axes"].items()}
    sets = content["axes"]["seed"]
    sets = min(SETS, len(sets) if isinstance(sets, list) else sets)
    content["axes"] = {**axes, "seed": sets, **FEWER.get(path.stem, {})}
    content.pop("keep", None)  # last states, which nobody imagines
    if "file" in (patterns := content.get("patterns", {})):
        patterns["file"] = str(STUDIES / patterns["file"])
    return study_of({**content, **changes})


def thinned(values: Any) -> Any:
    """Return few values of an axis, its ends among them."""
    if isinstance(values, dict):
        return {**values, "count": min(values["count"], VALUES)}
    if not isinstance(values, list) or len(values) <= VALUES:
        return values
    return [values[k] for k in np.linspace(0, len(values) - 1, VALUES).round().astype(int)]


def imagined(study: Study, root: Path) -> xr.Dataset:
    """Return estimates of a study, beside theory, from cells that nobody computed: all kinds of them."""
    results = results_of(study, root)
    results.folder.make_folder()
    opened = store.create_or_extend(results.store, study)
    for block in plan.blocks(study):
        store.write(opened, study, block, imagined_columns(study, block))
    store.flush(opened)
    store.fold(opened)
    return with_theory(estimated(study, root), study)


def imagined_columns(study: Study, block: Block) -> Columns:
    """Return what cells of a block might come to: sets in their state, out of it, or in both; with flags."""
    count = len(block.points)
    numbers = np.random.default_rng(zlib.crc32(block.id.encode()))
    several = getattr(study, "cues", 1) > 1  # of which some may stay
    share = numbers.choice([0.0, 0.5, 1.0], count, p=[0.2, 0.2, 0.6] if several else [0.3, 0, 0.7])
    state = share * 0.9 + (1 - share) * 0.2 + 0.01 * numbers.standard_normal(count)
    columns: dict[str, Any] = {}
    for one in study.described_model.observables:
        name = one.name
        if name == "flag":
            bits = [0, SHORT_CHAIN, UNSETTLED, DRIFTING]
            columns[name] = numbers.choice(bits, count, p=[0.97, 0.01, 0.01, 0.01])
        elif name in ("retrieved", "retrieved_early", "survived"):
            columns[name] = share
        elif name.endswith("_given_survival"):
            around = 0.9 + 0.01 * numbers.standard_normal(count)
            columns[name] = np.where(share > 0, around, np.nan)
        elif name.endswith("_thermal_error"):
            columns[name] = np.full(count, 0.002)
        elif name in ("overlap", "overlap_mixed", "overlap_squared", "edwards_anderson"):
            columns[name] = state
        else:
            columns[name] = numbers.uniform(0.05, 0.95, count)
    return columns


def pages(study: Study, estimates: xr.Dataset) -> dict[str, Figure]:
    """Return the figures of a study by their names."""
    return dict(drawing_of(study)(estimates, study))


@dataclass(frozen=True, eq=False)
class Symbols:
    """Points of one look, with the ends of their bars: rows of x, y, low, high."""

    rows: np.ndarray
    colour: str
    marker: str
    is_open: bool
    size: float


def symbols(ax: Axes) -> list[Symbols]:
    """Return the points of some axes that have bars, upright ones."""
    found = []
    for bars in ax.containers:
        points, _, (upright,) = bars
        x, y = points.get_xydata().T
        low, high = np.array(upright.get_segments())[:, :, 1].T
        fill = to_hex(points.get_markerfacecolor())
        found.append(
            Symbols(
                np.column_stack([x, y, low, high]), to_hex(points.get_color()), points.get_marker(),
                fill == "#ffffff", points.get_markersize(),
            )
        )  # fmt: skip
    return found


def rows_of(found: list[Symbols]) -> np.ndarray:
    """Return the rows of some points, in order of x and y."""
    rows = np.concatenate([np.empty((0, 4)), *(one.rows for one in found)])
    return rows[np.lexsort(rows.T[::-1])]


def plain_lines(ax: Axes) -> list[Any]:
    """Return what some axes show besides points: lines that are drawn from place to place."""
    marked = [bars[0] for bars in ax.containers]
    return [line for line in ax.get_lines() if line not in marked and not is_upright(line)]


def uprights(ax: Axes) -> list[float]:
    """Return where upright lines stand, from the bottom of some axes to their top."""
    return [float(line.get_xdata()[0]) for line in ax.get_lines() if is_upright(line)]


def is_upright(line: Any) -> bool:
    """Tell whether a line is upright over the whole of its axes."""
    x, y = map(np.asarray, (line.get_xdata(), line.get_ydata()))
    return bool(x.size == 2 and x[0] == x[1] and tuple(y) == (0, 1))


def is_dashed(line: Any) -> bool:
    """Tell whether a line has gaps."""
    return bool(line.get_linestyle() not in ("-", "solid"))


def spans(ax: Axes) -> list[tuple[float, float]]:
    """Return the upright bands of some axes, from the left to the right."""
    found = []
    for patch in ax.patches:
        x, y = patch.get_extents().transformed(ax.transData.inverted()).get_points().T
        if patch.get_transform() != ax.transData and np.ptp(y) >= np.ptp(ax.get_ylim()) * 0.999:
            found.append((float(x[0]), float(x[1])))
    return found


def legends(figure: FigureBase) -> Iterator[Legend]:
    """Yield the keys of a page."""
    yield from figure.findobj(Legend)


def key(figure: FigureBase) -> dict[str, Any]:
    """Return what stands in the keys of a page, by its words in one line."""
    return {
        text.get_text().replace("\n", " "): handle
        for legend in legends(figure)
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
    }


def spots(figure: Figure) -> list[list[Axes]]:
    """Return the axes of each panel of a page of curves: the panel, and its strip or its bar of colours."""
    _, body, _ = figure.subfigs
    return [[*spot.axes] for spot in body.subfigs]


def told(figure: Figure) -> str:
    """Return the words below a page, in one line."""
    return " ".join(" ".join(text.get_text().split()) for text in figure.subfigs[2].texts)


def asked(figure: Figure) -> str:
    """Return the words above a page, in one line."""
    return " ".join(" ".join(text.get_text().split()) for text in figure.subfigs[0].texts)
