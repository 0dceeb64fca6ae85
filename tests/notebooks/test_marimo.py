"""The same in marimo: executed and exported with its outputs, and run as the script that it is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from notebook_cells import RUN_CELL, STUDY_CELL

pytestmark = pytest.mark.notebook

SLOWEST = 600

CELL = """
@app.cell
def _({takes}):
{body}
    return ({gives})

"""


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def notebook(folder: Path) -> Path:
    """Write the notebook: cells as functions, which take and give names."""
    cells = [
        ("", STUDY_CELL, "mattis, study"),
        ("mattis, study", f"outcome = {RUN_CELL}\noutcome", "outcome,"),
        ("mattis, study, outcome", "outcome\nmattis.plot(study)", ""),
        ("mattis, study, outcome", "outcome\nmattis.plot(study, interactive=False)", ""),
    ]
    text = "".join(CELL.format(takes=takes, body=indented(body), gives=gives) for takes, body, gives in cells)
    path = folder / "notebook.py"
    end = 'if __name__ == "__main__":\n    app.run()\n'
    path.write_text(f"import marimo\n\napp = marimo.App()\n\n{text}\n{end}")
    return path


def called(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False,
        timeout=SLOWEST, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The cells with their outputs, in the format of Jupyter's notebooks."""
    import nbformat

    folder = tmp_path_factory.mktemp("marimo")
    path = notebook(folder)
    words = ("-m", "marimo", "-y", "export", "ipynb", path.name, "--include-outputs", "-o", "out.ipynb")
    done = called(folder, *words)
    assert done.returncode == 0, done.stderr
    cells: list[Any] = nbformat.read(folder / "out.ipynb", as_version=4).cells
    return cells


def test_every_object_is_shown_as_what_it_is(exported: list[Any]) -> None:
    shown = ["".join(str(out) for out in cell.outputs) for cell in exported]
    assert "Study in-a-notebook" in shown[0]
    assert "Run: complete" in shown[1]
    assert "<iframe srcdoc=" in shown[2]
    assert "image/png" in shown[3]


def test_a_run_prints_no_lines(exported: list[Any]) -> None:
    printed = [out for cell in exported for out in cell.outputs if out.output_type == "stream"]
    assert printed == []


def test_as_a_script_it_runs_as_well(tmp_path: Path) -> None:
    done = called(tmp_path, notebook(tmp_path).name)
    assert done.returncode == 0, done.stderr
    assert "12 cells in 6 blocks to compute" in done.stderr
    assert "Traceback" not in done.stderr
