"""The verbs of a capsule: all that a referee needs of a study in one file, and the check of such a file."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from mattis.cli import screen
from mattis.cli.help import verb
from mattis.cli.options import FILE, JSON, UserPath, loaded_study, of_study
from mattis.words import counted, sized

ARCHIVE_GROUPS = {"Whose it is": ("--author", "--licence", "--date")}
"""The options of `archive` by what they are about."""


@verb(
    "Put all that a referee needs into one file.",
    "mattis archive mine.yaml",
    "mattis archive mine.yaml --licence CC-BY-4.0",
    "mattis archive mine.yaml -o paper.zip --author Ada",
    groups=ARCHIVE_GROUPS,
)
@of_study
@click.option(
    "-o", "--output", type=UserPath(path_type=Path), metavar="NAME.zip",
    help="The file; by default the name of the study.",
)  # fmt: skip
@click.option(
    "--author", "authors", multiple=True, metavar="NAME",
    help="An author, also as 'Ada Lovelace <0000-0002-1825-0097>' with an ORCID; more than once.",
)  # fmt: skip
@click.option("--licence", default="", metavar="SPDX|URL", help="Of the data, such as CC-BY-4.0.")
@click.option("--date", metavar="DAY", help="Of publication; by default that of the last cell: 2026-01-31.")
@JSON
def archive(study: Path, results: str, output: Path | None, as_json: bool, **whose: Any) -> None:
    """Write study, results, figures, page, digests, versions and plugins into one zip: a capsule.

    All cells have to be computed. `mattis reproduce` checks it, and computes cells of it again.
    """
    from mattis.capsule.archive import archive as archived

    written = archived(loaded_study(study), output, results, **whose)
    manifest = written.manifest
    if as_json:
        found = {"study": manifest.study, "written": str(written.path), "sha256": written.sha256}
        screen.document(found | {"digest": manifest.digest, "cells": manifest.cells})
        return
    click.echo(written.path)
    click.echo(
        f"{manifest.study}: {counted(manifest.cells, 'cell')}, digest {manifest.digest:.12}; "
        f"{counted(len(manifest.files) + 1, 'file')}, {sized(written.path.stat().st_size)}"
    )
    click.echo(f"SHA-256 of the file, to publish beside it: {written.sha256}")


@verb(
    "Compute cells of such a file again.",
    "mattis reproduce paper.zip",
    "mattis reproduce paper.zip --sample 20 --seed 7",
    "mattis reproduce paper.zip --sample all --workers 8",
)
@click.argument("capsule", type=FILE, metavar="NAME.zip")
@click.option(
    "--sample", default="5%", show_default=True, metavar="5%|20|all",
    help="Which cells: a random share, a number of them, or all.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="Of the sample, to choose the same cells once more.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes; all cores by default.")
@click.option("--trust", is_flag=True, help="Execute the plugins that the file brings.")
@click.option(
    "--into", type=UserPath(path_type=Path), metavar="FOLDER",
    help="Unpack into this empty folder, which stays.",
)  # fmt: skip
@JSON
def reproduce(capsule: str, as_json: bool, **options: Any) -> None:
    """Check a file of `mattis archive`, and compute a random sample of its cells again, bit by bit.

    What is installed here computes; no environment is made, for that would need a network. The last line says
    that they are the same, or which cells, versions or platforms differ. Exit code 1 where a cell differs, 2
    where the file is refused.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the others would spin beside the workers
    from mattis.capsule.reproduce import reproduce as reproduced

    found = reproduced(Path(capsule), **options)
    if as_json:
        screen.document(screen.finite(found.as_json()))
    else:
        click.echo(f"SHA-256 of the file: {found.sha256}")
        click.echo(found.sentence)
    if not found.same:
        sys.exit(1)
