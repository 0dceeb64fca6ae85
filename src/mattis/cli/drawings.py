"""The verbs that draw: the diagram, its page, one figure, and one cell step by step."""

from collections.abc import Sequence
from pathlib import Path

import click

from mattis.cli import screen
from mattis.cli.options import (
    CELL,
    JSON,
    OUTPUT,
    PLUGIN,
    RESULTS,
    STUDY,
    UserPath,
    cell_of_words,
    label_of_word,
    loaded_study,
    points_of_words,
    told_files,
)
from mattis.errors import UserError


@click.command()
@click.argument("studies", type=UserPath(path_type=Path), nargs=-1, required=True, metavar="STUDY…")
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
        screen.document(
            screen.finite({"study": loaded[0].name, "written": paths, "headline": content})
        )
        return
    for line in [*written, *figures.headline_lines(content)]:
        click.echo(line)


@click.command()
@STUDY
@PLUGIN
@RESULTS
@JSON
def page(study: Path, results: str, as_json: bool) -> None:
    """Write diagram.html, one page to look into the cells that are there; it needs nothing else."""
    from mattis.page import write_page

    loaded = loaded_study(study)
    told_files(loaded, [write_page(loaded, results)], as_json)


@click.command()
@STUDY
@PLUGIN
@RESULTS
@CELL
@click.option("--states", is_flag=True, help="The final states that the study keeps, as pictures.")
@click.option("--steps", type=int, default=0, metavar="K", help="Also K states on the way to them.")
@OUTPUT
@JSON
def figure(
    study: Path, results: str, at: Sequence[str], states: bool, steps: int, output: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Draw one figure of a study: with --states what was stored, the cue, and the state at its end."""
    from mattis.figures.states import pictured

    loaded = loaded_study(study)
    if not states:
        raise UserError(
            f"figure: got nothing to draw; expected --states; mattis diagram {study} draws the diagram"
        )
    told_files(
        loaded,
        pictured(loaded, points_of_words(at, label_of_word), steps, output, results),
        as_json,
    )


@click.command()
@STUDY
@PLUGIN
@RESULTS
@CELL
@click.option("--cue", type=int, default=0, show_default=True, help="Which of the cues, from 0.")
@OUTPUT
@JSON
def trace(
    study: Path, results: str, at: Sequence[str], cue: int, output: Path | None, as_json: bool
) -> None:
    """Simulate one cell again, and write m(t), energy and q as CSV and as a figure; needs no results."""
    from mattis.figures.trace import traced

    loaded = loaded_study(study)
    told_files(loaded, traced(loaded, cell_of_words(at), cue, output, results), as_json)
