"""One cell simulated again, step by step: m(t), energy and q as a dataset, as CSV, and as a figure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis import __version__
from mattis.comparison.foretold import of_binary
from mattis.errors import UserError
from mattis.figures.canvas import STYLE, printed
from mattis.figures.page import SINGLE
from mattis.networks.binary.axes import code_of
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import MODELS, StudyLike, load_study
from mattis.store.place import Place
from mattis.store.places import place_of
from mattis.store.results import Root, results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.cells import CellLabel, block_at, labels_of_block, written
from mattis.study.model import FollowedCell
from mattis.study.plan import Block

PANEL = 1.15
"""Inches of the height of a panel."""

MOST_TRACED = 3
"""Observables that are drawn: the first ones. The CSV has all."""

SYMBOLS = {"overlap": "m", "energy": "E/N", "q": "q", "similarity": "similarity"}
"""What stands beside the panel of an observable."""

TRACE_COLOUR = "#1f4e79"
SHADE = "#eeeeee"
THEORY = "#c0392b"


def trace(study: StudyLike, cue: int = 0, **at: CellLabel) -> xr.Dataset:
    """Simulate one cell of a study again, and return what it was after each step.

    All random numbers are by address, so it is the chain of the cell, to the last bit: the mean of `overlap`
    over the measured sweeps is the cell's. Of binary networks m(t), the energy per neuron and
    q(t) = (1/N) sum_i S_i(t_0) S_i(t), t_0 the first measured sweep.

    Parameters
    ----------
    study
        The study, its file, or its keys. Nothing of it needs to be computed.
    cue
        Which of the cues of the pattern set, from 0.
    at
        The label of the cell along each axis that has several values: load=0.05, temperature=0.3, seed=2.
        `temperature` may be given where the study has `beta`, and `beta` where it has `temperature`.

    Returns
    -------
    xarray.Dataset
        The observables over `sweep` (or `presentation`, or `step`). Its attributes are the study, its
        model, the labels of the cell, the cue, the number of sweeps before the averages begin (`warm`), a
        digest of the physics of the study, and the version of mattis.

    Raises
    ------
    UserError
        A label that is not on its axis, none where there are several, no such cue, or a model that
        cannot be followed.

    Examples
    --------
    >>> mattis.trace("config/studies/hopfield.yaml", load=0.05, temperature=0.3, seed=2).overlap
    """
    loaded = load_study(study)
    block = block_at(loaded, at)
    patterns, (point,), protocol = plan.task(loaded, block)
    follow = loaded.described_model.follow
    if follow is None:
        able = [name for name, model in MODELS.items() if model.follow is not None]
        raise UserError(
            f"{loaded.name}: {loaded.model} cannot be followed step by step; expected a study of one of "
            f"{', '.join(able)}"
        )
    found = dataset(follow(patterns, point, protocol, cue))
    return found.assign_attrs(_attributes(loaded), cue=cue, **labels_of_block(loaded, block))


def dataset(found: FollowedCell) -> xr.Dataset:
    """Return a trajectory as a dataset over its steps."""
    words = {"long_name": f"{found.unit}s done", "units": "1"}
    values = {
        one.name: (found.unit, series, {"long_name": one.long_name, "units": one.units})
        for one, series in found.values.items()
    }
    return xr.Dataset(values, {found.unit: (found.unit, found.times, words)}, {"warm": found.warm})


def _attributes(study: Study) -> dict[str, Any]:
    """Return of which study a trajectory is, and by which mattis it was made."""
    physics = json.dumps(study.physics(), sort_keys=True).encode()
    return {
        "study": study.name,
        "model": study.model,
        "physics_digest": blake2b(physics, digest_size=16).hexdigest(),
        "mattis_version": __version__,
    }


def traced(
    study: Study,
    at: Mapping[str, CellLabel],
    cue: int = 0,
    output: Path | str | None = None,
    root: Root = None,
) -> list[Place]:
    """Simulate one cell again, and write its trajectory as CSV, PNG and SVG; return their places.

    output  # a file of any of the three, beside which the others go; by default among the figures of the
            # results, by the labels of the cell
    """
    block = block_at(study, at)
    goal = goal_of(output, results_of(study, root).figures, _name(study, block, cue))
    found = trace(study, cue, **at)
    return goal.write({"csv": csv(found), **files_of(drawing(found, study, block))})


FIGURE_KINDS = (".png", ".svg", ".csv")
"""Kinds of files that may be named by `-o`."""


class FigureGoal(NamedTuple):
    """The folder of the files of a figure, and the name that they share."""

    folder: Place
    stem: str

    def write(self, files: Mapping[str, bytes]) -> list[Place]:
        """Write files by their kinds; return their places."""
        self.folder.make_folder()
        places = [self.folder / f"{self.stem}.{kind}" for kind in files]
        for place, content in zip(places, files.values(), strict=True):
            place.write_bytes(content)
        return places


def goal_of(
    output: Path | str | None, figures: Place, name: str, kinds: Sequence[str] = FIGURE_KINDS
) -> FigureGoal:
    """Return where files go: beside one that a user names, or by a name among the figures of a study.

    Raises UserError for a file of another kind.
    """
    if output is None:
        return FigureGoal(figures, name)
    path = Path(output)
    if path.suffix not in kinds:
        raise UserError(
            f"-o {path}: got {path.suffix or 'no kind of file'}; expected one of "
            f"{', '.join(kinds)}, beside which the others go; for "
            f"example -o {path.with_suffix(kinds[0])}"
        )
    return FigureGoal(place_of(path.parent), path.stem)


def _name(study: Study, block: Block, cue: int) -> str:
    """Return the name of the files of a cell, by its labels along the axes of several values."""
    words = [f"{name}{value}" for name, value in varied(study, block).items()]
    return "-".join(["trace", *words, *([f"cue{cue}"] if cue else [])])


def varied(study: Study, block: Block) -> dict[str, str]:
    """Return the labels of a cell along the axes of several values, as they are typed."""
    labels = zip(labels_of_block(study, block).items(), study.labels.values(), strict=True)
    return {name: written(value) for (name, value), values in labels if len(values) > 1}


def csv(found: xr.Dataset) -> bytes:
    """Return a trajectory as a table: its steps, then an observable in each column, every digit kept."""
    (unit,) = found.sizes
    names = [str(unit), *map(str, found.data_vars)]
    rows = zip(*(found[name].values.tolist() for name in names), strict=True)
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def files_of(figure: Figure) -> dict[str, bytes]:
    """Return a figure as PNG and SVG, as large as it is."""
    return {kind: printed(figure, kind) for kind in ("png", "svg")}


def drawing(found: xr.Dataset, study: Study, block: Block) -> Figure:
    """Draw the observables of a cell against time, one below the other, under theory's overlap if known."""
    names = [str(name) for name in found.data_vars][:MOST_TRACED]
    (unit,) = found.sizes
    with mpl.rc_context(STYLE):
        figure = Figure((SINGLE, 0.75 + PANEL * len(names)), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.06)  # type: ignore[union-attr, call-arg]
        panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for ax, name in zip(panels, names, strict=True):
            _panel(ax, found, name)
        for name, value in _theory(study, block):
            if name in names:
                _level(panels[names.index(name)], *value)
        panels[-1].set_xlabel(f"{unit}s")
        panels[-1].set_xlim(0, float(found[unit][-1]))
        figure.suptitle(_title(found, study, block), fontsize=7, color="#444444", x=0.02, ha="left")
    return figure


def _panel(ax: Axes, found: xr.Dataset, name: str) -> None:
    """Draw one observable, and shade the steps before the averages begin."""
    (unit,) = found.sizes
    times, warm = found[unit].values, int(found.attrs["warm"])
    few = times.size <= 60
    ax.plot(times, found[name].values, color=TRACE_COLOUR, lw=0.9 if few else 0.5,
            marker="." if few else "", ms=2.5)  # fmt: skip
    if warm:
        ax.axvspan(0, float(times[min(warm, times.size) - 1]), color=SHADE, lw=0, zorder=0)
    units = found[name].attrs["units"]
    label = SYMBOLS.get(name, name.replace("_", " "))
    ax.set_ylabel(label if units == "1" else f"{label} ({units})")
    ax.margins(y=0.12)


def _level(ax: Axes, quantity: str, value: float) -> None:
    """Draw theory's value across a panel."""
    ax.axhline(value, color=THEORY, lw=0.8, ls="--", label=f"theory: {quantity} {value:.4g}")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), handlelength=1.6, borderpad=0.0)


def _title(found: xr.Dataset, study: Study, block: Block) -> str:
    """Return what was simulated, in lines that fit a column."""
    labels = {**varied(study, block), **{"size": str(block.size)}}
    words = ", ".join(f"{name} {value}" for name, value in labels.items())
    warm = "; grey: not measured" if found.attrs["warm"] else ""
    text = f"{study.name}: {words}, cue {found.attrs['cue']}{warm}; mattis {found.attrs['mattis_version']}"
    return fill(text, 66)


def _theory(study: Study, block: Block) -> Iterator[tuple[str, tuple[str, float]]]:
    """Yield observables of which theory is known at a cell, with the quantity and its value."""
    if not isinstance(study, BinaryStudy):
        return
    visit = study.visit(block.points[0])
    here = {
        "size": block.size, "patterns": block.patterns, "load": block.patterns / block.size,
        "beta": visit.beta, "noise": visit.noise, "age": visit.age, "mixture": visit.mixture,
    }  # fmt: skip
    places = {name: np.array([float(value)]) for name, value in here.items()}
    for line in of_binary(study):
        if line.rule in (None, float(code_of(visit.rule))):
            (value,) = line.expected.values(places).tolist()
            if isfinite(value):
                yield line.observable, (line.quantity, value)
