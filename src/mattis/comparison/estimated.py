"""The estimates of a study from the cells that are in its store, and what theory says to them.

No figure is drawn here, so nothing that draws is loaded.
"""

from importlib.metadata import version

import xarray as xr

from mattis.comparison.verdict import Comparison, compared
from mattis.engine.status import asked_cells, open_results
from mattis.errors import UserError
from mattis.networks.registry import StudyLike, load_study
from mattis.statistics.estimates import aggregate
from mattis.store import cube
from mattis.store.results import Root, results_of
from mattis.study.base import Study


def compare(study: StudyLike, root: Root = None) -> Comparison:
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
    study = load_study(study)
    return compared(estimated(study, root), study)


def estimated(study: Study, root: Root = None) -> xr.Dataset:
    """Return the estimates of a study, with the study and its digest. Raises UserError for no cells."""
    return estimates_of(open_results(study, root), study, root)


def estimates_of(cells: xr.Dataset, study: Study, root: Root = None) -> xr.Dataset:
    """Return the estimates of the cells of a study. Raises UserError where none of them is there."""
    model = study.described_model
    if not cells["valid"].any():
        raise UserError(
            f"{results_of(study, root).store}: no cell of this study is there; compute them with mattis run"
        )
    wanted = asked_cells(cells)
    is_whole = bool(cells["valid"].values[wanted].all())
    digest = cube.study_digest(cells, model, wanted) if is_whole else "incomplete"
    return aggregate(cells, study).assign_attrs(
        Conventions="CF-1.11",
        title=f"{study.name}: {model.summary}, over seeds",
        source=model.source,
        study=study.to_yaml(),
        digest=digest,
        mattis_version=version("mattis"),
        **({"numbers_are": model.rounding} if model.rounding else {}),
    )
