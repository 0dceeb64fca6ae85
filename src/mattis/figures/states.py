"""Pictures of patterns: what was stored, the cue, steps on the way, and the final state that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isqrt
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis import __version__
from mattis.errors import UserError
from mattis.exact.arrays import Signs
from mattis.figures.canvas import STYLE, colour_map
from mattis.figures.page import LETTERS, LINE
from mattis.figures.trace import files_of, goal_of, varied
from mattis.networks.binary import family
from mattis.networks.binary.study import BinaryStudy
from mattis.store import reading
from mattis.store.cube import CubeLabels
from mattis.store.place import Place
from mattis.store.results import Root, results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.cells import CellLabel, block_at
from mattis.study.model import FINAL_STATES
from mattis.study.plan import Block
from mattis.words import counted

PAGE = 7.0
"""Inches of the width of a page."""

LARGEST_PICTURE = 0.85
"""Inches of a picture at most."""

PICTURE_MARGIN, CAPTION, GAP, BESIDE = 0.95, 0.3, 0.17, 0.06
"""Inches left of the pictures, above their titles, below each, where its overlap stands, and beside each."""

MOST_ROWS = 8
"""Rows of pictures at most, a cue of a cell each."""

MOST_DRAWN = 4
"""Cues of a cell that are drawn."""

MOST_BETWEEN = 8
"""Pictures between a cue and its end at most."""


@dataclass(frozen=True, eq=False)
class PictureRow:
    """One cue of a cell: its labels in words, the stored pattern, and states by the sweeps before them."""

    words: str
    pattern: Signs
    states: Mapping[int, Signs]

    def overlap(self, sweeps: int) -> float:
        """Return m = (1/N) sum_i xi_i S_i of a state."""
        state = self.states[sweeps].astype(int)
        return float((state * self.pattern).sum() / state.size)


def pictured(
    study: Study,
    at: Mapping[str, CellLabel | Sequence[CellLabel]],
    steps: int = 0,
    output: Path | str | None = None,
    root: Root = None,
) -> list[Place]:
    """Draw the final states that a study keeps of some cells, as PNG and SVG; return their places.

    at      # labels of the cells: of an axis one, or several, a row of pictures each
    steps   # states on the way, after 1, 2, 4, … sweeps: the chains are simulated again

    Raises UserError for patterns that are no pictures, and cells whose states are not kept.
    """
    _check(study, steps)
    assert isinstance(study, BinaryStudy)
    lists = [value if isinstance(value, list | tuple) else [value] for value in at.values()]
    blocks = [block_at(study, dict(zip(at, cell, strict=True))) for cell in product(*lists)]
    name = "-".join([FINAL_STATES, *_names(study, blocks)])
    goal = goal_of(output, results_of(study, root).figures, name, (".png", ".svg"))
    rows = [row for block in blocks for row in rows_of(study, block, steps, root)]
    if len(rows) > MOST_ROWS:
        raise UserError(
            f"{study.name}: got {len(rows)} rows of pictures; expected at most {MOST_ROWS}; choose fewer "
            "cells with --at"
        )
    return goal.write(files_of(drawing_of_rows(study, rows)))


def _names(study: Study, blocks: Sequence[Block]) -> list[str]:
    """Return the labels of one cell, for the names of files; nothing of several."""
    return [f"{k}{v}" for k, v in varied(study, blocks[0]).items()] if len(blocks) == 1 else []


PICTURES = ("given", "digits", "aligned")
"""Ensembles whose patterns are pictures, where they have as many rows as columns."""


def _check(study: Study, steps: int) -> None:
    """Raise UserError unless a study keeps final states of patterns that are pictures."""
    if study.kept_states is None or not isinstance(study, BinaryStudy):
        raise UserError(
            f"{study.name}: got a study that keeps no final states; expected one of binary networks with "
            "keep; add keep: {states: 4} and type mattis run STUDY --all-observables"
        )
    if study.ensemble.name not in PICTURES:
        raise UserError(
            f"{study.name}: got {study.ensemble.name} patterns, which are no pictures; expected patterns of "
            "a file, as in config/studies/letters.yaml, or digits; use patterns: {file: letters.txt}"
        )
    if any(isqrt(size) ** 2 != size for size in study.axes.size):
        raise UserError(
            f"{study.name}: got pictures of {study.axes.size[0]} dots, which are no square; expected n × n "
            "dots, such as 144; pad the patterns to a square"
        )
    if not 0 <= steps <= MOST_BETWEEN:
        raise UserError(f"--steps: got {steps}; expected 0 … {MOST_BETWEEN}; for example --steps 2")


def rows_of(study: BinaryStudy, block: Block, steps: int = 0, root: Root = None) -> list[PictureRow]:
    """Return the rows of a cell: the stored pattern of each cue, the cue, steps, and the end that is kept.

    Raises UserError where the store lacks its final states.
    """
    place = results_of(study, root).store
    found = reading.states(place, study, _labels(study, block))
    if not found["kept"].values.all():
        raise UserError(
            f"{place}: the final states of {block.id} are not there; compute them with mattis run STUDY "
            "--all-observables"
        )
    ends = family.signs_of(found[FINAL_STATES].values.reshape(-1, found.sizes["byte"]), block.size)
    patterns, (visit,), inquiry = plan.task(study, block)
    words = "\n".join(f"{name} {value}" for name, value in varied(study, block).items())
    rows = []
    for cue, end in enumerate(ends[:MOST_DRAWN]):
        chain = family.cued_chain(patterns, visit, inquiry, cue)
        moments = [t for t in (2**k for k in range(steps)) if t < chain.sweeps]
        states = {t: chain.state(t) for t in (0, *moments)} | {chain.sweeps: end}
        rows.append(PictureRow(words if cue == 0 else "", chain.pattern, states))
    return rows


def _labels(study: Study, block: Block) -> CubeLabels:
    """Return the labels of the cube of one cell."""
    values = (block.size, block.load, *block.points[0], block.seed)
    labels = dict(zip(study.dimensions, ([value] for value in values), strict=True))
    heat = dict(zip(study.labels.get("beta", ()), study.axes.temperatures, strict=False))
    return CubeLabels(labels, [heat[b] for b in labels.get("beta", ())], study.axes.meanings())


def drawing_of_rows(study: Study, rows: Sequence[PictureRow]) -> Figure:
    """Draw rows of pictures, +1 black: the stored pattern, then the states in the order of their sweeps."""
    columns = 1 + len(rows[0].states)
    side = min(LARGEST_PICTURE, (PAGE - PICTURE_MARGIN) / columns - BESIDE)
    pitch = side + BESIDE
    titles = _titles([*rows[0].states], int(pitch * LETTERS))
    above = CAPTION + LINE * max(title.count("\n") + 1 for title in titles)
    width, height = PICTURE_MARGIN + columns * pitch, above + len(rows) * (side + GAP)
    with mpl.rc_context(STYLE):
        figure = Figure((min(max(width, 3.4), PAGE), height))
        page = figure.get_figwidth()
        for r, row in enumerate(rows):
            y = height - above - (r + 1) * (side + GAP) + GAP
            for c in range(columns):
                x = PICTURE_MARGIN + c * pitch
                ax = figure.add_axes((x / page, y / height, side / page, side / height))
                _picture(ax, row, c)
                if r == 0:
                    ax.set_title(titles[c], fontsize=7, loc="center", pad=2)
            at = (0.02 / page, (y + side / 2) / height)
            figure.text(*at, row.words, fontsize=7, va="center")
        text = f"{study.name}: final states, m below each; mattis {__version__}"
        figure.text(0.02 / page, 1 - 0.06 / height, text, fontsize=7, va="top", color="#444444")
    return figure


def _picture(ax: Axes, row: PictureRow, column: int) -> None:
    """Draw one picture of a row: the pattern in column 0, then states; its overlap below."""
    sweeps = [*row.states]
    state: Any = row.pattern if column == 0 else row.states[sweeps[column - 1]]
    side = isqrt(state.size)
    ax.imshow(
        np.asarray(state).reshape(side, side),
        cmap=colour_map("gray_r"),
        vmin=-1,
        vmax=1,
        interpolation="nearest",
    )
    ax.set_xticks([])
    ax.set_yticks([])
    if column:
        ax.set_xlabel(f"{row.overlap(sweeps[column - 1]):.2f}", fontsize=7, labelpad=1.5)


def _titles(sweeps: Sequence[int], letters: int) -> list[str]:
    """Return what each column shows, in lines of so many letters as its pictures are wide."""
    between = [counted(count, "sweep") for count in sweeps[1:-1]]
    titles = ["stored", "cue", *between, f"end ({counted(sweeps[-1], 'sweep')})"]
    return [fill(title, letters) for title in titles]
