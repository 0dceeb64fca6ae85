"""A notebook, executed from its first cell to its last in a kernel of Jupyter's."""

import re
from pathlib import Path
from typing import Any

import pytest
from notebook_cells import CELLS, DIGEST, ROOT_OF_CELLS

from mattis.engine.status import digest
from mattis.networks.registry import load_study

pytestmark = pytest.mark.notebook

SLOWEST = 600
"""Seconds of a cell at most: a kernel compiles on a busy machine."""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Path]:
    """The cells with their outputs, and the folder that they ran in."""
    import nbformat
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=SLOWEST, kernel_name="python3", resources=resources)
    client.execute()
    nbformat.validate(notebook)
    return notebook.cells, folder


def shown(cell: Any, kind: str = "text/html") -> list[str]:
    """Return what a cell shows of a kind, in the order in which it came."""
    return [out["data"][kind] for out in cell.outputs if kind in out.get("data", {})]


def test_every_object_is_shown_as_what_it_is(executed: tuple[list[Any], Path]) -> None:
    cells, _ = executed
    study, planned, run, page, figure = cells[:5]
    assert "Study in-a-notebook" in shown(study)[0]
    assert "Plan of in-a-notebook" in shown(planned)[0]
    assert "Run: complete" in shown(run)[-1]
    assert shown(page)[0].startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert shown(page, "text/plain")[0].startswith("diagram of in-a-notebook: a page of ")
    assert shown(figure, "image/png")[0]


def test_a_run_leaves_one_bar_and_no_line(executed: tuple[list[Any], Path]) -> None:
    cells, _ = executed
    assert [out.output_type for out in cells[2].outputs] == ["display_data", "execute_result"]
    bar, _ = shown(cells[2])
    assert re.search(r'<progress max="(\d+)" value="\1"></progress>', bar)
    assert "12 cells in 6 blocks to compute" in bar
    for cell in cells:
        assert not [out for out in cell.outputs if out.output_type in ("stream", "error")], cell.source


def test_the_numbers_are_those_of_a_script(executed: tuple[list[Any], Path]) -> None:
    cells, folder = executed
    (file,) = folder.glob("*.yaml")
    found = digest(load_study(file), folder / ROOT_OF_CELLS)
    assert DIGEST.format(found) in shown(cells[2], "text/plain")[-1]


def test_nothing_needs_widgets_or_pyplot(executed: tuple[list[Any], Path]) -> None:
    cells, _ = executed
    assert shown(cells[5], "text/plain") == ["[]"]
    assert shown(cells[6], "text/plain") == ["True"]  # the loop of the kernel runs
