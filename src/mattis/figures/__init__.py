"""The figures of a study: estimates with errors, under the lines of theory.

Here, and only here, theory meets simulation. Nothing is computed beyond layout and residuals.
"""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

import xarray as xr

from mattis.surroundings import load_matplotlib

load_matplotlib()  # before all else, which imports it as well

# isort: split
import matplotlib as mpl
from matplotlib.figure import Figure

from mattis import __version__
from mattis.engine.driver import open_results
from mattis.errors import UserError
from mattis.figures import binary, consolidation, neurons, plain, recall, retrieval
from mattis.figures.canvas import METADATA, STYLE, with_own_fonts
from mattis.figures.comparison import Comparison, compared
from mattis.figures.findings import headline, headline_lines
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.recall_study import RecallStudy
from mattis.networks.drift.study import ConsolidationStudy
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.plain.study import PlainStudy
from mattis.networks.registry import StudyLike, as_study
from mattis.statistics.estimates import aggregate
from mattis.store import cube, store
from mattis.store.results import results_of
from mattis.study.base import Study

__all__ = ["compare", "diagram", "drawn", "estimated", "headline", "headline_lines"]

FigureMaker = Callable[[xr.Dataset, Study], Iterator[tuple[str, Figure]]]

DRAWINGS: Mapping[type[Study], FigureMaker] = {
    BinaryStudy: binary.figures,
    ConsolidationStudy: consolidation.figures,
    RecallStudy: recall.figures,
    NeuronStudy: neurons.figures,
    PlainStudy: plain.figures,
}
"""The function that draws each kind of study: figures by name, one of which is `diagram`."""


def drawing_of(study: Study) -> FigureMaker:
    """Return the function that draws the estimates of a study."""
    phases = isinstance(study, BinaryStudy) and binary.has_phases(study)
    if phases:
        return retrieval.figures
    return next(maker for kind, maker in DRAWINGS.items() if isinstance(study, kind))


def diagram(study: StudyLike, root: Path | str | None = None) -> list[Path | str]:
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
    return drawn(as_study(study), root)[0]


def drawn(study: Study, root: Path | str | None = None) -> tuple[list[Path | str], xr.Dataset]:
    """Write what `diagram` writes; return its paths, and the estimates that were drawn."""
    results = results_of(study, root)
    estimates = estimated(study, root)
    results.figures.make_folder()
    with_own_fonts()
    store.write_dataset(estimates, results.diagram)
    written = [results.diagram]
    for name, figure in drawing_of(study)(estimates, study):
        for kind, metadata in METADATA.items():
            path = results.figures / f"{name}.{kind}"
            content = BytesIO()
            with mpl.rc_context(STYLE):
                figure.savefig(content, format=kind, metadata=metadata)
            path.write_bytes(content.getvalue())
            written.append(path)
    return [place.on_disk or str(place) for place in written], estimates


def compare(study: StudyLike, root: Path | str | None = None) -> Comparison:
    """Compare the cells of a study with theory: z per cell, chi², the worst cells, one sentence.

    z = Phi^-1(F_n(t)) of t = (simulation - theory)/error with seeds - 1 degrees of freedom (Student,
    Biometrika 6, 1 (1908)); chi² = sum z². Errors that are floors are counted apart.

    Parameters
    ----------
    study
        The study (or its file, or its keys), some cells of which are computed.
    root
        The folder of results or a prefix of an object store; `results` if None.

    Raises
    ------
    UserError
        No cell of the study is computed, or no theory of it is known.

    Examples
    --------
    >>> mattis.compare("config/studies/hopfield.yaml").verdict
    """
    study = as_study(study)
    return compared(estimated(study, root), study)


def estimated(study: Study, root: Path | str | None = None) -> xr.Dataset:
    """Return the estimates of a study, with the study and its digest. Raises UserError for no cells."""
    cells, model = open_results(study, root), study.described_model
    if not cells["valid"].any():
        raise UserError(
            f"{results_of(study, root).store}: no cell of this study is there; "
            "compute them with mattis run"
        )
    digest = cube.study_digest(cells, model) if cells["valid"].all() else "incomplete"
    return aggregate(cells, study).assign_attrs(
        Conventions="CF-1.11",
        title=f"{study.name}: {model.summary}, over seeds",
        source=model.source,
        study=study.to_yaml(),
        digest=digest,
        mattis_version=__version__,
        **({"numbers_are": model.rounding} if model.rounding else {}),
    )
