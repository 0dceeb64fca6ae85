"""The verbs of what is stored: whether it is sound, and the hash of it."""

import sys
from pathlib import Path

import click

from mattis.cli import screen
from mattis.cli.help import verb
from mattis.cli.options import JSON, loaded_study, of_study


@verb(
    "Check that what is stored was computed so.",
    "mattis verify mine.yaml",
    "mattis verify mine.yaml --recompute 5",
)
@of_study
@click.option(
    "--recompute", type=click.IntRange(0), default=0, metavar="K",
    help="Also compute K random blocks again, and compare bit by bit.",
)  # fmt: skip
@JSON
def verify(study: Path, results: str, recompute: int, as_json: bool) -> None:
    """Check that what is stored is what was computed; name block and array where it is not."""
    from mattis.engine.progress import reporter
    from mattis.store.verify import verify as verified

    loaded = loaded_study(study)
    with reporter(act="verifying", unit="checks") as report:
        verdict = verified(loaded, results, recompute, report)
    if as_json:
        screen.document(verdict.as_json(loaded))
    else:
        screen.verdict(verdict.as_json(loaded))
    if not verdict.sound:
        sys.exit(1)


@verb("Print the hash of all values.", "mattis digest mine.yaml")
@of_study
@click.option("--states", is_flag=True, help="The hash of the final states that the study keeps.")
def digest(study: Path, results: str, states: bool) -> None:
    """Print the hash of the study's values, which does not depend on how they were computed."""
    from mattis.engine import status

    click.echo((status.states_digest if states else status.digest)(loaded_study(study), results))
