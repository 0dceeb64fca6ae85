"""Settings of a user on which Dask or Matplotlib fail: same figures, and a run names the file."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import fill, make_study, write_study

from mattis import surroundings
from mattis.errors import UserError


def mattis(folder: Path, *words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder, with other variables."""
    return subprocess.run(
        [sys.executable, "-m", "mattis", *map(str, words)],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2\n",
        "- a list\n",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("words\n", "\t: 3\n")),
    ],
)
def test_settings_of_dask_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """Where nothing needs Dask they are left aside; a run names the file."""
    (tmp_path / "dask").mkdir()
    (tmp_path / "dask" / "mine.yaml").write_text(text)
    path, where = write_study(tmp_path), {"DASK_CONFIG": str(tmp_path / "dask")}
    status = mattis(tmp_path, "status", path, **where)
    assert (status.returncode, status.stderr) == (0, "")
    run = mattis(tmp_path, "run", path, **where)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("mattis: Dask's settings: ")
    assert "mine.yaml" in run.stderr
    assert not (tmp_path / "results").exists()


ODD_SETTINGS = {
    "looks": b"text.usetex: True\nfont.family: No Such Font\nmathtext.fontset: custom\nsvg.fonttype: none\n"
    b"axes.grid: True\nlines.linewidth: 9\nfigure.dpi: 40\nsavefig.facecolor: red\nbackend: nonsense\n",
    "no text": b"\xff\xfe\xff: 3\n",
}
"""Settings of which each alone would change a figure or end in an error, and files that cannot be read."""


HOSTILE = {
    "axes.facecolor": "red", "savefig.facecolor": "red", "text.color": "red", "axes.edgecolor": "red",
    "image.lut": "3", "image.cmap": "hot", "pdf.fonttype": "3", "svg.fonttype": "none", "font.size": "30",
    "font.family": "No Such Font", "axes.grid": "True", "lines.linewidth": "9", "savefig.dpi": "20",
    "savefig.bbox": "tight", "figure.figsize": "1, 1", "axes.prop_cycle": "cycler('color', ['r'])",
    "axes.formatter.use_mathtext": "True", "xtick.top": "True", "hatch.linewidth": "5",
    "path.sketch": "9, 9, 9", "mathtext.fontset": "cm", "axes.unicode_minus": "False",
    "legend.numpoints": "4", "svg.hashsalt": "another",
}  # fmt: skip
"""Settings of which each would change a figure that inherits it."""

DRAW = """
import hashlib, sys, {before}
from pathlib import Path
import mattis
from mattis.figures.paper import write_paper
with {context}:
    written = mattis.diagram("small.yaml", "results")
    written += write_paper(mattis.load_study("small.yaml"), output=Path("paper.pdf"), root="results")
for path in map(Path, written):
    if path.is_file():
        print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""


def drawn(folder: Path, before: str = "os", context: str = "open(os.devnull)", **odd: str) -> str:
    """Draw figures in a process of its own; return their hashes."""
    text = DRAW.format(before=before, context=context)
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=folder, env={**os.environ, **odd}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study whose figure has maps and curves, and its cells."""
    folder = tmp_path_factory.mktemp("computed")
    panels = [{"quantity": "overlap", "across": "load", "up": "temperature"}, "energy"]
    fill(make_study(folder, figure={"panels": panels}, noise=[0.1]), folder / "results")
    return folder


@pytest.fixture(scope="module")
def usual(computed: Path) -> str:
    """The hashes of its figures where nobody set anything."""
    found = drawn(computed)
    assert {line.split()[0] for line in found.splitlines()} == {
        "diagram.png", "diagram.svg", "paper.pdf", "paper.txt", "paper.csv"
    }  # fmt: skip
    return found


@pytest.mark.parametrize("name", ODD_SETTINGS)
def test_figures_are_the_same_whatever_the_settings_of_matplotlib(
    computed: Path, usual: str, name: str
) -> None:
    settings, figures = computed / f"{name}.rc", computed / "results" / "small" / "figures"
    settings.write_bytes(ODD_SETTINGS[name])
    odd = {"MATPLOTLIBRC": str(settings), "MPLBACKEND": "" if name == "looks" else "nonsense"}
    for figure in figures.iterdir():
        figure.unlink()
    done = mattis(computed, "diagram", "small.yaml", **odd)
    assert done.returncode == 0, done.stderr
    assert {f"{path.name} {digest_of(path)}" for path in figures.iterdir()} < {*usual.splitlines()}
    assert len([*figures.iterdir()]) == 2


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


STYLED = "matplotlib.style.context(['dark_background', 'seaborn-v0_8-poster']), matplotlib.pyplot.xkcd()"


def test_no_figure_inherits_settings_of_a_folder_or_a_script(
    computed: Path, usual: str, tmp_path: Path
) -> None:
    """Maps and papers too."""
    (tmp_path / "matplotlibrc").write_text("".join(f"{key}: {value}\n" for key, value in HOSTILE.items()))
    odd = {"MPLCONFIGDIR": str(tmp_path), "MPLBACKEND": "agg", "PYTHONHASHSEED": "7"}
    assert drawn(computed, "matplotlib.style, matplotlib.pyplot", STYLED, **odd) == usual


@pytest.mark.slow
def test_no_figure_inherits_settings_of_a_file_beside_the_study(computed: Path, usual: str) -> None:
    beside = computed / "matplotlibrc"
    beside.write_text("".join(f"{key}: {value}\n" for key, value in HOSTILE.items()))
    assert drawn(computed, "matplotlib.pyplot, os") == usual
    beside.unlink()


def test_a_font_cache_of_another_installation() -> None:
    """It may list other files of the same fonts, and lack those that Matplotlib brings."""
    from matplotlib import font_manager

    from mattis.figures.canvas import with_own_fonts

    fonts = font_manager.fontManager
    before = [*fonts.ttflist]
    try:
        own = [entry for entry in before if "mpl-data" in entry.fname]
        fonts.ttflist[:] = [entry for entry in before if entry not in own]
        with_own_fonts()
        assert {entry.fname for entry in own} <= {entry.fname for entry in fonts.ttflist}
        found = fonts.findfont("DejaVu Sans", rebuild_if_missing=False)
        assert "mpl-data" in str(found)
    finally:
        fonts.ttflist[:] = before


@pytest.mark.parametrize(("given", "inside"), [("~/runs", "runs"), ("~", "."), ("~/a/~b", "a/~b")])
def test_the_folder_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, inside: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert surroundings.expanded(given) == tmp_path / inside
    assert surroundings.expanded("a~b/~c") == Path("a~b/~c")
    assert surroundings.expanded("./~/c") == Path.cwd() / "~" / "c"


def test_an_unknown_user_is_one_line() -> None:
    with pytest.raises(UserError, match=r"~nobody-here/runs: there is no such user; write \./~"):
        surroundings.expanded("~nobody-here/runs")
