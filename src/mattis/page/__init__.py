"""The page of a study: its diagram to look into, in one HTML file that needs nothing else.

Nothing is computed here: estimates are `statistics`, theory beside them `comparison`, words of `figures`.
"""

from pathlib import Path

import xarray as xr

from mattis import figures
from mattis.comparison.remembered import remembered
from mattis.comparison.verdict import with_theory
from mattis.engine.status import failed_blocks, open_results
from mattis.networks.registry import StudyLike, load_study
from mattis.page.document import Surroundings, page_document
from mattis.page.payload import Findings, page_payload
from mattis.page.picture import few_colours
from mattis.store.results import Results, Root, results_of
from mattis.store.rounds import asked
from mattis.study.base import Study

__all__ = ["Findings", "page_of_store", "page_text", "page_written", "write_page"]


def write_page(study: StudyLike, root: Root = None) -> Path | str:
    """Write diagram.html, the page of a study, from the cells that are there; return where it is.

    Parameters
    ----------
    study
        The study (or its file, or its keys), some cells of which are computed.
    root
        The folder of results or a prefix of an object store; `results` if None.

    Raises
    ------
    UserError
        No cell of the study is computed.

    Examples
    --------
    >>> mattis.write_page("config/studies/hopfield.yaml")
    """
    study = load_study(study)
    results = results_of(study, root)
    results.page.write_text(page_of_store(study, root))
    return results.page.on_disk or str(results.page)


def page_of_store(study: Study, root: Root = None) -> str:
    """Return the page of the cells that are in a store. Raises UserError where there are none."""
    results, cells = results_of(study, root), open_results(study, root)
    estimates = figures.estimates_of(cells, study, root)
    with remembered(results.theory):
        estimates = with_theory(estimates, study)
        found = Findings(cells, estimates, figures.headline(estimates, study))
        return page_text(study, found, _beside(results, study, cells))


def page_written(study: Study, found: Findings, root: Root = None) -> Path | str:
    """Write the page of what was computed of a study; return where it is."""
    results = results_of(study, root)
    results.page.write_text(page_text(study, found, _beside(results, study, found.cells)))
    return results.page.on_disk or str(results.page)


def page_text(study: Study, found: Findings, beside: Surroundings) -> str:
    """Return the page of what was computed of a study: the same text for the same numbers."""
    return page_document(*page_payload(study, found), beside)


def _beside(results: Results, study: Study, cells: xr.Dataset) -> Surroundings:
    """Return what lies beside the page of a study."""
    return Surroundings(
        few_colours((results.figures / "diagram.png").read_bytes()),
        [name for name in results.figures.names() if name.endswith((".png", ".svg"))],
        failed_blocks(asked(study, results), results, cells),
    )
