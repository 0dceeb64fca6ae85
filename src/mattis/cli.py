"""The command `mattis`: one verb for each step, and one line for each mistake.

Exit codes: 0 done; 1 a block failed, or the run was interrupted; 2 the user's mistake, nothing written.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mattis import __version__
from mattis.errors import UserError, nearest

if TYPE_CHECKING:
    from mattis.study import Study

STUDY = click.argument("study", type=click.Path(path_type=Path))
JSON = click.option("as_json", "--json", is_flag=True, help="One JSON document, nothing else.")
RESULTS = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder that holds NAME/, the results of the study.",
)


class Verbs(click.Group):
    """A group that answers a wrong verb with the nearest right one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UserError(
                f"unknown verb {args[0]}; expected one of {', '.join(self.commands)}"
                f"{nearest(args[0], self.commands)}"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mattis")
def verbs() -> None:
    """Phase diagrams of associative memories, from one YAML file to a figure with error bars."""


@verbs.command()
@STUDY
@JSON
@click.option("--workers", type=click.IntRange(1), help="Worker processes; all cores by default.")
def plan(study: Path, as_json: bool, workers: int | None) -> None:
    """Show cells, blocks, P and N per block, memory and estimated time."""
    from mattis import cluster
    from mattis.plan import blocks, calibrate, check_memory, summary

    loaded = _load(study)
    workers = workers or cluster.default_workers()
    check_memory(loaded, workers, cluster.memory_limit())
    content = summary(loaded, blocks(loaded), calibrate(loaded), workers)
    if as_json:
        _print_json(content)
    else:
        _print_plan(content)


@verbs.command()
@STUDY
@RESULTS
@click.option("--workers", type=click.IntRange(1), help="Worker processes; all cores by default.")
@click.option(
    "--backend", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True
)
@click.option("--block-cells", type=click.IntRange(1), help="At most so many cells per task.")
@click.option(
    "--log", type=click.Path(path_type=Path), help="Also write plain progress lines here."
)
def run(
    study: Path,
    results: Path,
    workers: int | None,
    backend: str,
    block_cells: int | None,
    log: Path | None,
) -> None:
    """Compute what is missing; again after any interruption, with the same numbers."""
    from mattis import cluster, sweep

    settings = sweep.Settings(workers or cluster.default_workers(), backend, block_cells)
    outcome = sweep.run(_load(study), results, settings, log)
    if outcome.failures:
        click.echo(
            f"mattis: {len(outcome.failures)} blocks failed; mattis status {study} names them",
            err=True,
        )
        sys.exit(1)


@verbs.command()
@STUDY
@RESULTS
@JSON
def status(study: Path, results: Path, as_json: bool) -> None:
    """Show blocks that are done, missing and failed."""
    from mattis import sweep

    content = sweep.status(_load(study), results)
    if as_json:
        _print_json(content)
        return
    cells = content["cells"]
    click.echo(
        f"{content['study']}: {content['done']} of {content['blocks']} blocks done, "
        f"{content['missing']} missing, {content['failed']} failed; "
        f"{cells['done']} of {cells['total']} cells"
    )
    for block, message in content["failures"].items():
        click.echo(f"failed {block}: {message}")


@verbs.command()
@STUDY
@RESULTS
def digest(study: Path, results: Path) -> None:
    """Print the hash of the study's values, which does not depend on how they were computed."""
    from mattis import sweep

    click.echo(sweep.digest(_load(study), results))


@verbs.command()
@STUDY
@RESULTS
def diagram(study: Path, results: Path) -> None:
    """Aggregate over seeds, and draw the phase diagram under its theory lines."""
    from mattis import figures

    for path in figures.diagram(_load(study), results):
        click.echo(path)


@verbs.command()
@click.argument("name", required=False)
@click.option(
    "--at", multiple=True, metavar="KEY=VALUE[,VALUE…]", help="Where: --at load=0.05,0.07"
)
@JSON
def theory(name: str | None, at: Sequence[str], as_json: bool) -> None:
    """Evaluate a theory quantity; without a name, list them with their sources."""
    from mattis.theory import QUANTITIES, evaluate

    if name is None:
        rows = [
            {"name": q.name, "at": list(q.arguments), "units": q.units, "meaning": q.meaning,
             "equation": q.equation, "source": q.source}
            for q in QUANTITIES.values()
        ]  # fmt: skip
        _print_json(rows) if as_json else _print_rows(
            rows, "name", ("meaning", "equation", "source")
        )
        return
    where = _points(at)
    value = evaluate(name, **where)
    if as_json:
        _print_json({"name": name, "at": where, "value": value})
        return
    for each in value if isinstance(value, list) else [value]:
        click.echo("does not exist" if each is None else f"{each:.10g}")


@verbs.command()
@JSON
def models(as_json: bool) -> None:
    """List the models with their axes, observables and sources."""
    from mattis.models import MODELS

    rows = [
        {
            "name": model.name,
            "summary": model.summary,
            "equation": model.equation,
            "axes": list(model.axes),
            "observables": {o.name: {"long_name": o.long_name, "units": o.units} for o in model.observables},
            "order_parameter": model.order_parameter,
            "theory": list(model.theory),
            "source": model.source,
        }
        for model in MODELS.values()
    ]  # fmt: skip
    if as_json:
        _print_json(rows)
    else:
        _print_rows(
            rows, "name", ("summary", "equation", "axes", "observables", "theory", "source")
        )


def _load(path: Path) -> "Study":
    from mattis.study import load_study

    return load_study(path)


def _points(at: Sequence[str]) -> dict[str, Any]:
    """Return the values of `--at key=value,value`: a number, or a list where there is a comma."""
    points: dict[str, Any] = {}
    for text in at:
        key, equals, values = text.partition("=")
        if not equals or not key or not values:
            raise UserError(f"--at: got {text}; expected key=value, such as --at load=0.05,0.07")
        if key in points:
            raise UserError(f"--at: {key} is given twice; write --at {key}=a,b for two values")
        numbers = [_number(key, value) for value in values.split(",")]
        points[key] = numbers if "," in values else numbers[0]
    return points


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--at {key}: got {text}; expected a number, such as 0.05") from None


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, allow_nan=False))


def _print_rows(rows: Sequence[dict[str, Any]], title: str, fields: Sequence[str]) -> None:
    """Print one paragraph per row: its title, then a line for each field."""
    for row in rows:
        at = f" (at {', '.join(row['at'])})" if row.get("at") else ""
        click.echo(f"{row[title]}{at}")
        for field in fields:
            value = row[field]
            click.echo(f"    {', '.join(value) if isinstance(value, list | dict) else value}")


def _print_plan(content: Any) -> None:
    from mattis.progress import spelled

    click.echo(
        f"{content['study']}: {content['cells']} cells in {content['blocks']} blocks, "
        f"{content['proposals']:.3g} proposals; about {spelled(content['estimated_seconds'])} on "
        f"{content['workers']} workers, {content['memory_bytes'] / 2**20:.3g} MiB for each, "
        f"{content['store_bytes'] / 2**20:.3g} MiB of results"
    )
    sizes: dict[tuple[int, int], int] = {}
    for block in content["per_block"]:
        key = block["size"], block["patterns"]
        sizes[key] = sizes.get(key, 0) + 1
    for (size, patterns), count in sizes.items():
        click.echo(f"    N = {size}, P = {patterns}: {count} blocks")


def guarded(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; what the user did wrong is one line on stderr."""
    try:
        command()
    except UserError as error:
        message, code = str(error), 2
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.ClickException as error:
        message, code = error.format_message(), 2
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        message, code = f"cannot use{where}: {error.strerror or error}", 1
    except MemoryError as error:
        message, code = f"out of memory: {error}; use a smaller study", 1
    except (KeyboardInterrupt, click.Abort):
        message, code = "interrupted; the same command continues", 1
    else:
        return 0
    print(f"mattis: {' '.join(message.split())}", file=sys.stderr)
    return code


def main() -> None:
    """Run the command line."""
    sys.exit(guarded(lambda: verbs.main(prog_name="mattis", standalone_mode=False)))
