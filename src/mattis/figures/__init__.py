"""The figures of a study: estimates with errors, under the lines of theory.

Nothing is computed here beyond layout: estimates are `statistics`, theory beside them `comparison`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mattis.store.results import Root
from mattis.surroundings import load_matplotlib

load_matplotlib()  # before all else, which imports it as well

# isort: split
from matplotlib.figure import Figure

from mattis.comparison.estimated import compare, estimated, estimates_of
from mattis.comparison.findings import headline, headline_lines
from mattis.comparison.lines import check_named
from mattis.comparison.phases import has_phases
from mattis.comparison.remembered import remembered
from mattis.comparison.verdict import with_theory
from mattis.engine.status import open_results
from mattis.figures import curve_pages, retrieval
from mattis.figures.canvas import kind_of_file, printed, write_figure
from mattis.figures.drift import consolidation, recall
from mattis.figures.overlay import overlay
from mattis.networks.binary.axes import rule_of
from mattis.networks.drift.recall_study import RecallStudy
from mattis.networks.drift.study import ConsolidationStudy
from mattis.networks.registry import StudyLike, load_study
from mattis.store import store
from mattis.store.results import Results, results_of
from mattis.study.base import Study

__all__ = [
    "compare",
    "diagram",
    "drawn",
    "estimated",
    "estimates_of",
    "headline",
    "headline_lines",
    "overlaid",
]

FigureMaker = Callable[[xr.Dataset, Study], Iterator[tuple[str, Figure]]]

DRAWN = ("png", "svg")
"""Kinds of files of each figure beside the results."""


def drawing_of(study: Study) -> FigureMaker:
    """Return the function that draws the estimates of a study: the panels that it names, or its own."""
    if study.figure is not None and study.figure.panels is not None:
        return curve_pages.figures
    if has_phases(study):
        return retrieval.figures
    if isinstance(study, RecallStudy):
        return recall.figures
    if isinstance(study, ConsolidationStudy) and study.question != "synapses":
        return consolidation.figures
    return curve_pages.figures


def diagram(study: StudyLike, root: Root = None) -> list[Path | str]:
    """Aggregate the cells of a study, and write diagram.zarr and the figures.

    Missing cells stay blank, and the caption counts them.

    Parameters
    ----------
    study
        The study (or its file, or its keys), some cells of which are computed.
    root
        The folder of results or a prefix of an object store; `results` if None.

    Returns
    -------
    list of paths, or of URLs in an object store
        diagram.zarr (see `mattis.aggregate`), then each figure as PNG and as SVG.

    Raises
    ------
    UserError
        No cell of the study is computed.

    Examples
    --------
    >>> mattis.diagram(mattis.load_study("config/studies/hopfield.yaml"))
    """
    return drawn(load_study(study), root).written


class Drawing(NamedTuple):
    """What was written of a study: paths, its cells, estimates with their theory, and what it is about."""

    written: list[Path | str]
    cells: xr.Dataset
    estimates: xr.Dataset
    headline: dict[str, Any]


def drawn(study: Study, root: Root = None) -> Drawing:
    """Write what `diagram` writes, and return it."""
    check_named(study)
    results, cells = results_of(study, root), open_results(study, root)
    estimates = estimates_of(cells, study, root)
    results.figures.make_folder()
    with remembered(results.theory):
        estimates = with_theory(estimates, study)
        return Drawing(_written(estimates, study, results), cells, estimates, headline(estimates, study))


def _written(estimates: xr.Dataset, study: Study, results: Results) -> list[Path | str]:
    """Write diagram.zarr and the figures; return their paths."""
    store.write_dataset(with_words(estimates), results.diagram)
    written = [results.diagram]
    for name, figure in drawing_of(study)(estimates, study):
        for kind in DRAWN:
            path = results.figures / f"{name}.{kind}"
            path.write_bytes(printed(figure, kind))
            written.append(path)
    return [place.on_disk or str(place) for place in written]


def with_words(estimates: xr.Dataset) -> xr.Dataset:
    """Return estimates with the names of rules beside their numbers: coordinate `rule` along `couplings`."""
    if "couplings" not in estimates.dims:
        return estimates
    names = np.array([rule_of(code) for code in estimates["couplings"].values], object)
    about = {"long_name": "rule of the couplings, by its name"}
    return estimates.assign_coords(rule=("couplings", names, about))


def overlaid(studies: Sequence[StudyLike], path: Path | str, root: Root = None) -> Path:
    """Draw several studies that share an axis on one figure, and write it.

    Parameters
    ----------
    studies
        Studies (or their files, or their keys), some cells of each of which are computed.
    path
        The file of the figure: .png, .svg or .pdf.
    root
        The folder of results or a prefix of an object store; `results` if None.

    Raises
    ------
    UserError
        Studies that share no axis or no quantity, one without cells, or a file of another kind.

    Examples
    --------
    >>> mattis.overlaid(["config/studies/zero-one.yaml", "config/studies/clipped.yaml"], "both.png")
    """
    target = Path(path)
    kind = kind_of_file(target)
    loaded = [load_study(study) for study in studies]
    for study in loaded:
        check_named(study)
    parts = [(study, with_theory(estimated(study, root), study)) for study in loaded]
    write_figure(target, overlay(parts), kind)
    return target
