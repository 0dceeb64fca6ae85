"""The verbs of a run: what it would take, the run itself, and how far it is."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mattis.cli import screen
from mattis.cli.completing import queues
from mattis.cli.help import verb
from mattis.cli.options import FILE, JSON, UserPath, loaded_study, of_study, without_dask_arrays
from mattis.errors import UserError
from mattis.words import counted

if TYPE_CHECKING:
    from mattis.engine.driver import Settings

RUN_GROUPS = {
    "Workers of this machine": ("--workers", "--pool", "--memory", "--gpus", "--backend"),
    "Workers elsewhere": ("--scheduler", "--tls-ca", "--tls-cert", "--tls-key", "--cluster"),
    "What is computed": ("--shard", "--round", "--block-cells", "--all-observables"),
    "What is told": ("--log", "--dashboard"),
}
"""The options of `run` by what they are about."""

FEWEST_TOLD = 4
"""Pattern sets of a study from which on `run` ends with its headline: fewer say little of their errors."""

MOST_TOLD = 10**5
"""Cells of a study up to which `run` ends with its headline: estimates of more take a while."""

POOL_CHOICE = click.Choice(["processes", "threads"])
BACKEND_CHOICE = click.Choice(["auto", "cpu", "gpu", "simulated"])  # as in devices


@verb(
    "Show what a study takes: cells, time, memory.",
    "mattis plan mine.yaml",
    "mattis plan mine.yaml --shards 8 --json",
    "mattis plan mine.yaml --backend gpu",
)
@of_study
@JSON
@click.option("--workers", type=click.IntRange(1), help="Worker processes; all cores by default.")
@click.option("--shards", type=click.IntRange(1), default=1, help="Jobs to cut the study into.")
@click.option(
    "--backend", type=click.Choice(["cpu", "gpu", "simulated"]), default="cpu",
    help="gpu: also what it takes on a GPU, here or on paper.",
)  # fmt: skip
def plan(study: Path, results: str, as_json: bool, workers: int | None, shards: int, backend: str) -> None:
    """Show cells that are there and new, blocks, P and N per block, memory, files and estimated time."""
    from mattis.engine.estimate import plan as planned
    from mattis.engine.estimate import summary_text

    loaded = loaded_study(study)
    found = planned(loaded, results, workers, shards, backend)
    if found.note:
        click.echo(f"mattis: {found.note}", err=True)
    if as_json:
        for piece in summary_text(loaded, found.totals):
            sys.stdout.write(piece)
        click.echo()
    else:
        screen.plan(loaded, found.totals)


@verb(
    "Compute what is missing; go on after a stop.",
    "mattis run mine.yaml",
    "mattis run mine.yaml --workers 8 --memory 16GiB",
    "mattis run mine.yaml --cluster slurm --workers 40",
    groups=RUN_GROUPS,
)
@of_study
@click.option("--workers", type=click.IntRange(1), help="Workers or jobs; all cores by default.")
@click.option(
    "--pool", type=POOL_CHOICE, default=POOL_CHOICE.choices[0], show_default=True, help="Workers here."
)
@click.option("--memory", help="Memory for all workers of this machine, such as 8GiB.")
@click.option("--gpus", type=click.IntRange(1), help="Worker processes that own one GPU each.")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786.")
@click.option("--tls-ca", type=FILE, help="Certificate authority of that scheduler.")
@click.option("--tls-cert", type=FILE, help="Certificate to show to that scheduler.")
@click.option("--tls-key", type=FILE, help="Private key of the certificate.")
@click.option(
    "--cluster", metavar="NAME", shell_complete=queues, help="Workers are jobs of slurm, pbs, sge, lsf, …."
)
@click.option("--dashboard", is_flag=True, help="Show Dask's dashboard, on this machine only.")
@click.option("--shard", metavar="I/K", help="Only part I of K of the study, counted from 0.")
@click.option(
    "--round", type=click.IntRange(0, 999), metavar="N",
    help="Of a refined study: rounds up to N; then decide the next, and stop.",
)  # fmt: skip
@click.option(
    "--backend", type=BACKEND_CHOICE, default="auto", show_default=True,
    help="What computes; auto takes a GPU if there is one.",
)  # fmt: skip
@click.option("--block-cells", type=click.IntRange(1), help="At most so many cells per block.")
@click.option("--all-observables", is_flag=True, help="Also those that an older store lacks.")
@click.option("--log", type=UserPath(path_type=Path), help="Also write plain progress lines here.")
def run(study: Path, results: str, log: Path | None, **options: Any) -> None:
    """Compute what is missing; again after any interruption, with the same numbers."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the others would spin beside the workers
    from mattis.cli.following import followed
    from mattis.engine import driver

    loaded = loaded_study(study)
    without_dask_arrays()
    with followed(loaded, results) as follower:
        outcome = driver.run(loaded, results, _settings(options), log, follower)
    if outcome.failures:
        click.echo(
            f"mattis: {counted(len(outcome.failures), 'block')} failed; mattis status {study} names them",
            err=True,
        )
        sys.exit(1)
    cells = outcome.computed + outcome.found
    if not options["shard"] and len(loaded.axes.seed) >= FEWEST_TOLD and cells <= MOST_TOLD:
        from mattis.comparison.estimated import estimated
        from mattis.comparison.findings import headline, headline_lines

        for line in headline_lines(headline(estimated(loaded, results), loaded)):
            click.echo(line)


def _settings(options: dict[str, Any]) -> "Settings":
    """Return where and how fast to run, from the options of `mattis run`."""
    from mattis.engine import cluster, shards
    from mattis.engine.driver import Settings

    places = [f"--{name}" for name in ("gpus", "scheduler", "cluster") if options[name]]
    if {"--scheduler", "--cluster"} <= {*places} or {"--gpus", "--cluster"} <= {*places}:
        raise UserError(f"got {' and '.join(places)}; expected one of them")
    where = cluster.Where(
        pool=options["pool"],
        memory=cluster.parsed_memory(options["memory"]) if options["memory"] else None,
        gpus=options["gpus"] or 0,
        scheduler=options["scheduler"],
        tls=(options["tls_ca"], options["tls_cert"], options["tls_key"]),
        cluster=options["cluster"],
        dashboard=options["dashboard"],
    )
    part = shards.parsed(options["shard"]) if options["shard"] else None
    return Settings(
        options["workers"], options["backend"], options["block_cells"], part, where,
        options["all_observables"], round=options["round"],
    )  # fmt: skip


@verb("Show what is done, missing and failed.", "mattis status mine.yaml", "mattis status mine.yaml --watch")
@of_study
@JSON
@click.option("--watch", is_flag=True, help="Look again and again, until the study is complete.")
@click.option("--every", type=click.FloatRange(0.1), default=2.0, metavar="SECONDS", help="How often.")
def status(study: Path, results: str, as_json: bool, watch: bool, every: float) -> None:
    """Show blocks that are done, missing and failed; with --watch, as they come."""
    from mattis.engine.status import status as found

    if watch:
        from mattis.cli.watching import watched

        if code := watched(loaded_study(study), results, every, as_json):
            sys.exit(code)
        return
    content = found(loaded_study(study), results)
    screen.document(content) if as_json else screen.status(content)
