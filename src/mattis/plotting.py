"""The diagram of a study for who asks in Python: its page in a frame, or a figure of Matplotlib."""

from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mattis import __version__, figures
from mattis.comparison.verdict import with_theory
from mattis.engine.status import open_results
from mattis.errors import UserError
from mattis.figures.canvas import printed, with_own_fonts
from mattis.networks.registry import StudyLike, load_study, study_of
from mattis.page import page_text
from mattis.page.document import Surroundings
from mattis.page.payload import Findings
from mattis.statistics.estimates import FAILED
from mattis.store.results import Root
from mattis.study.base import Study
from mattis.study.document import parsed
from mattis.surroundings import expanded
from mattis.words import sized

FRAME_HEIGHT = 820
"""Pixels of the height of a page in a notebook; it scrolls within."""


NAMES_OF_RULES = "rule"
"""The coordinate of words beside numbers that diagram.zarr has for its readers, and nobody here."""


@dataclass(frozen=True, repr=False)
class Plot:
    """The page of a diagram, as a notebook shows it: in a frame, offline, without a server or a widget.

    title  # of the frame, for those who do not see it
    text   # the page: one HTML document
    """

    title: str
    text: str

    def save(self, path: Path | str) -> Path:
        """Write the page as a file, which needs nothing else. Raises UserError where it cannot be written."""
        place = expanded(path)
        try:
            place.write_text(self.text, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{place}: cannot write the page: {reason}; give another path") from None
        return place

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {FRAME_HEIGHT}px; border: 0"
        return (
            f'<iframe srcdoc="{escape(self.text)}" sandbox="allow-scripts allow-downloads" '
            f'title="{escape(self.title)}" style="{style}"></iframe>'
        )

    def __repr__(self) -> str:
        size = sized(len(self.text.encode()))
        return f"{self.title}: a page of {size}, for notebooks; save(path) writes it"


@overload
def plot(
    what: xr.Dataset | StudyLike, study: StudyLike | None = ..., root: Root = ...,
    *, interactive: Literal[True] = ..., samples: bool = ...,
) -> Plot: ...  # fmt: skip


@overload
def plot(
    what: xr.Dataset | StudyLike, study: StudyLike | None = ..., root: Root = ...,
    *, interactive: Literal[False], samples: bool = ...,
) -> Figure: ...  # fmt: skip


def plot(
    what: xr.Dataset | StudyLike,
    study: StudyLike | None = None,
    root: Root = None,
    *,
    interactive: bool = True,
    samples: bool = False,
) -> Plot | Figure:
    """Return the diagram of a study, to be looked into or to be printed.

    Parameters
    ----------
    what
        Estimates, as diagram.zarr has them or `mattis.aggregate` returns them; cells, as
        `mattis.open_results` returns them; or a study, its file, or its keys, with some cells computed.
    study
        The study of a dataset that does not say it, as diagram.zarr does.
    root
        The folder of results or a prefix of an object store, if `what` is a study; `results` if None.
    interactive
        True: the page of the study (docs/page.md) in a frame, 0.6 to 5 MB in the file of the notebook.
        False: the figure, of Matplotlib.
    samples
        Whether the page has the values of each pattern set as well, which may be as large again. Only cells
        and studies have them.

    Raises
    ------
    UserError
        No cell is there; a dataset that is neither estimates nor cells, or a part of them; no study.

    Examples
    --------
    >>> mattis.plot("config/studies/hopfield.yaml")
    >>> xr.open_zarr("results/hopfield/diagram.zarr").mattis.plot(interactive=False).savefig("mine.pdf")
    """
    if isinstance(what, xr.Dataset):
        loaded = _study_of(what, study)
        found = _found(what.load(), loaded, samples)
    else:
        if study is not None:
            raise UserError("plot: got two studies; expected one, or a dataset and its study")
        loaded = load_study(what)
        found = _of_cells(open_results(loaded, root), loaded, samples, root)
    if interactive:
        return Plot(f"diagram of {loaded.name}", page_text(loaded, found, Surroundings(None, [])))
    return _figure(found.estimates, loaded)


def _study_of(dataset: xr.Dataset, study: StudyLike | None) -> Study:
    """Return the study of a dataset: that which is given, or that which the dataset says."""
    if study is not None:
        return load_study(study)
    text = dataset.attrs.get("study")
    if not isinstance(text, str):
        raise UserError(
            "plot: got a dataset that does not say its study; expected one as diagram.zarr has it, or both; "
            "write mattis.plot(dataset, study), or ds.mattis.plot(study)"
        )
    where = "the study in the attributes of the dataset"
    return study_of(parsed(text, where), where)


def _found(dataset: xr.Dataset, study: Study, samples: bool) -> Findings:
    """Return what a dataset holds of a study. Raises UserError if that is neither cells nor estimates."""
    is_cells = {"valid", "patterns", "realised_load"} <= {*map(str, dataset.variables)}
    if not is_cells and "seeds" not in dataset:
        raise UserError(
            "plot: got a dataset without `seeds`; expected estimates (diagram.zarr, mattis.aggregate) or "
            "cells (mattis.open_results)"
        )
    _check_whole(dataset["valid" if is_cells else "seeds"], study)
    if is_cells:
        return _of_cells(dataset, study, samples)
    if samples:
        raise UserError(
            "plot: got samples=True with estimates, which have no values of each pattern set; expected "
            "cells; write mattis.plot(study, samples=True)"
        )
    attributes = {"study": study.to_yaml(), "digest": "not known", "mattis_version": __version__}
    estimates = _beside_theory(dataset.assign_attrs({**attributes, **dataset.attrs}), study)
    return _findings(_cells_counted(estimates, study), estimates, study)


def _check_whole(counts: xr.DataArray, study: Study) -> None:
    """Raise UserError for a part of a study: its view, its figure and its lines are those of the whole."""
    for name, values in study.labels.items():
        there = counts.sizes.get(name, 0)
        if there != len(values) and (name != "seed" or "seed" in counts.dims):
            raise UserError(
                f"plot: got {there} of {len(values)} values of {name}; expected the whole study; plot it "
                "before you select, or plot a study with fewer values"
            )


def _of_cells(cells: xr.Dataset, study: Study, samples: bool, root: Root = None) -> Findings:
    """Return what was computed of a study; the values of each pattern set only if these are asked for."""
    cells = cells if "failed" in cells else cells.assign(failed=xr.zeros_like(cells["valid"]))
    estimates = _beside_theory(figures.estimates_of(cells, study, root), study)
    return _findings(cells if samples else cells[["valid", "failed"]], estimates, study)


def _beside_theory(estimates: xr.Dataset, study: Study) -> xr.Dataset:
    """Return estimates with theory beside them, where that is not there already."""
    known = any(str(name).endswith("_theory") for name in estimates)
    return estimates if known else with_theory(estimates, study)


def _findings(cells: xr.Dataset, estimates: xr.Dataset, study: Study) -> Findings:
    """Return what a page shows, with the sentences at its head."""
    estimates = _in_order(estimates, study)
    return Findings(cells, estimates, figures.headline(estimates, study))


def _in_order(estimates: xr.Dataset, study: Study) -> xr.Dataset:
    """Return estimates with axes and observables as the study has them: a store sorts them by name."""
    estimates = estimates.drop_vars(NAMES_OF_RULES, errors="ignore")
    observables = [one.name for one in study.described_model.observables]
    every = observables + sorted(str(name) for name in estimates.data_vars if name not in observables)
    named = dict.fromkeys([*study.dimensions, *sorted(map(str, estimates.coords))])
    axes = {name: estimates.coords[name].variable for name in named if name in estimates.coords}
    values = {name: estimates[name].variable for name in every if name in estimates}
    return xr.Dataset(coords=axes, attrs=estimates.attrs).assign(values)


def _cells_counted(estimates: xr.Dataset, study: Study) -> xr.Dataset:
    """Return which cells are there, as far as estimates know: as many sets as they say, the first ones."""
    seeds = xr.DataArray(np.array(study.axes.seed), dims="seed")
    order = xr.DataArray(np.arange(seeds.size), {"seed": seeds}, "seed")
    valid = order < estimates["seeds"].reset_coords(drop=True)
    failed = ~valid & ((estimates["flag"].reset_coords(drop=True) & FAILED) > 0)
    return xr.Dataset({"valid": valid, "failed": failed})


def _figure(estimates: xr.Dataset, study: Study) -> Figure:
    """Return the figure that is called `diagram`, which a notebook shows even without pyplot."""
    with_own_fonts()
    drawn = figures.drawing_of(study)(estimates, study)
    figure: Any = next(figure for name, figure in drawn if name == "diagram")
    figure._repr_png_ = partial(printed, figure, "png")
    return figure  # type: ignore[no-any-return]
