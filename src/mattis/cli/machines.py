"""The verb of a machine: are its kernels right, and how fast?"""

import sys
from pathlib import Path

import click

from mattis.cli.help import verb
from mattis.cli.options import UserPath


@verb(
    "Compare and time the kernels of a GPU.", "mattis gpu-selftest --output report.txt", name="gpu-selftest"
)
@click.option("--backend", type=click.Choice(["gpu", "simulated"]), default="gpu", show_default=True)
@click.option("--output", type=UserPath(path_type=Path), help="Write the report here as well.")
def gpu_selftest(backend: str, output: Path | None) -> None:
    """Compare every kernel with the CPU, measure it, and print a report to paste in an issue."""
    from mattis.selftest import report

    text, sound = report(backend)
    click.echo(text)
    if output is not None:
        output.write_text(text)
    if not sound:
        sys.exit(1)
