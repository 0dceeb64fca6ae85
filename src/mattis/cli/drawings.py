"""The verbs that draw: the diagram, its page, one figure, and one cell step by step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mattis.cli import screen
from mattis.cli.completing import studies
from mattis.cli.help import verb
from mattis.cli.options import (
    CELL,
    JSON,
    OUTPUT,
    PLUGIN,
    RESULTS,
    UserPath,
    cell_of_words,
    label_of_word,
    loaded_study,
    of_study,
    points_of_words,
    told_files,
    without_dask_arrays,
)
from mattis.errors import UserError

FIGURE_GROUPS = {
    "Figure": ("--panel", "--style", "-o"),
    "Pictures of states": ("--states", "--at", "--steps"),
}
"""The options of `figure` by what they are about."""


@verb(
    "Draw the diagram; end with its verdict.",
    "mattis diagram mine.yaml",
    "mattis diagram mine.yaml other.yaml -o both.png",
)
@click.argument(
    "studies", type=UserPath(path_type=Path), nargs=-1, required=True, metavar="STUDY…",
    shell_complete=studies,
)  # fmt: skip
@PLUGIN
@RESULTS
@click.option(
    "-o", "--output", type=UserPath(path_type=Path), metavar="FILE",
    help="Several studies that share an axis, on one figure: .png, .svg or .pdf.",
)  # fmt: skip
@JSON
def diagram(studies: tuple[Path, ...], results: str, output: Path | None, as_json: bool) -> None:
    """Draw the phase diagram under its theory lines; say where its boundary is, and whether theory agrees."""
    from mattis import figures
    from mattis.page import Findings, page_written

    loaded = [loaded_study(study) for study in studies]
    without_dask_arrays()
    if output is not None:
        path = str(figures.overlaid(loaded, output, results))
        names = [study.name for study in loaded]
        if as_json:
            screen.document({"studies": names, "written": [path]})
        else:
            click.echo(path)
        return
    if len(loaded) > 1:
        raise UserError(
            f"got {len(loaded)} studies without -o; write -o both.png for one figure of "
            "all, or call diagram for each"
        )
    drawn = figures.drawn(loaded[0], results)
    content = drawn.headline
    found = Findings(drawn.cells, drawn.estimates, content)
    written = [*drawn.written, page_written(loaded[0], found, results)]
    if as_json:
        paths = [str(path) for path in written]
        screen.document(screen.finite({"study": loaded[0].name, "written": paths, "headline": content}))
        return
    for line in [*written, *figures.headline_lines(content)]:
        click.echo(line)


@verb("Write one page to look into the diagram.", "mattis page mine.yaml")
@of_study
@JSON
def page(study: Path, results: str, as_json: bool) -> None:
    """Write diagram.html, one page to look into the cells that are there; it needs nothing else."""
    from mattis.page import write_page

    loaded = loaded_study(study)
    without_dask_arrays()
    told_files(loaded, [write_page(loaded, results)], as_json)


@verb(
    "Draw a figure for a paper, with its numbers.",
    "mattis figure mine.yaml -o fig2.pdf",
    "mattis figure mine.yaml --panel a --style single",
    "mattis figure letters.yaml --states --at load=0.05",
    groups=FIGURE_GROUPS,
)
@of_study
@click.option("--panel", metavar="LETTER", help="Only this panel, such as a, as wide as one column.")
@click.option(
    "--style", type=click.Choice(["single", "double"]),
    help="One column, 86.4 mm (3.4 inches) wide, or two, 177.8 mm (7.0 inches).",
)  # fmt: skip
@click.option("--states", is_flag=True, help="The final states that the study keeps, as pictures.")
@CELL
@click.option("--steps", type=int, default=0, metavar="K", help="Also K states on the way to them.")
@OUTPUT
@JSON
def figure(study: Path, results: str, output: Path | None, as_json: bool, **options: Any) -> None:
    """Draw the figure of a study for a paper: panels and key, with embedded fonts, and no caption on it.

    FILE.pdf, .svg or .png by its ending; results/NAME/figures/diagram.pdf if not given. Beside it lie the
    caption (.txt: N, P, sweeps, seeds, error bars, theory and how far it holds, digest) and the numbers of
    what is drawn (.csv). With --states it draws what was stored, the cue, and the state at its end.
    """
    loaded = loaded_study(study)
    without_dask_arrays()
    if not options["states"]:
        for name in ("at", "steps"):
            if options[name]:
                raise UserError(f"--{name}: says which states; expected --states beside it, or no --{name}")
        from mattis.figures.paper import write_paper

        told_files(loaded, write_paper(loaded, options["panel"], options["style"], output, results), as_json)
        return
    for name in ("panel", "style"):
        if options[name]:
            raise UserError(f"--{name}: got it beside --states, which has no panels; remove one of them")
    from mattis.figures.states import pictured

    at = points_of_words(options["at"], label_of_word)
    told_files(loaded, pictured(loaded, at, options["steps"], output, results), as_json)


@verb("Simulate one cell again, step by step.", "mattis trace mine.yaml --at load=0.05,seed=3")
@of_study
@CELL
@click.option("--cue", type=int, default=0, show_default=True, help="Which of the cues, from 0.")
@OUTPUT
@JSON
def trace(study: Path, results: str, at: Sequence[str], cue: int, output: Path | None, as_json: bool) -> None:
    """Simulate one cell again, and write m(t), energy and q as CSV and as a figure; needs no results."""
    from mattis.figures.trace import traced

    loaded = loaded_study(study)
    told_files(loaded, traced(loaded, cell_of_words(at), cue, output, results), as_json)
