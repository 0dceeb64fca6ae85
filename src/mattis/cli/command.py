"""The command `mattis`: one verb for each step, and one line for each mistake.

Exit codes: 0 done; 1 a block failed, the run was interrupted, verify found damage, or compare rejects a
theory; 2 the user's mistake, nothing written.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from mattis import __version__
from mattis.cli import screen
from mattis.cli.claims import claims
from mattis.errors import Fault, UserError, nearest
from mattis.words import counted

if TYPE_CHECKING:
    from mattis.engine.driver import Settings
    from mattis.study.base import Study


class UserPath(click.Path):
    """A path in which ~ stands for the user's folder, also where the shell left it."""

    def convert(self, value: Any, *context: Any) -> Any:
        """Return the path without ~."""
        from mattis.surroundings import expanded

        return super().convert(str(expanded(value)), *context)


MOST_COUNTED = 10**7
"""Cells of a study among which `plan` looks for those that are there."""

FEWEST_TOLD = 4
"""Pattern sets of a study from which on `run` ends with its headline: fewer say little of their errors."""

MOST_TOLD = 10**5
"""Cells of a study up to which `run` ends with its headline: estimates of more take a while."""

FILE = UserPath(exists=True, dir_okay=False)
POOL_CHOICE = click.Choice(["processes", "threads"])
BACKEND_CHOICE = click.Choice(["auto", "cpu", "gpu", "simulated"])  # as in devices
STUDY = click.argument("study", type=UserPath(path_type=Path))
JSON = click.option("as_json", "--json", is_flag=True, help="One JSON document, nothing else.")
RESULTS = click.option(
    "--results",
    default="results",
    show_default=True,
    metavar="FOLDER|URL",
    help="Where NAME/, the results of the study, lies: a folder, or s3://bucket/prefix.",
)


CELL = click.option(
    "--at",
    multiple=True,
    metavar="AXIS=VALUE",
    help="Which cell: --at load=0.05,temperature=0.3; an axis of one value may be left out.",
)
OUTPUT = click.option(
    "-o", "output", type=UserPath(path_type=Path), metavar="FILE", help="Where the figure goes."
)


def _load_plugins(_context: click.Context, _option: click.Parameter, files: Sequence[Path]) -> None:
    """Load plugins before anything is read: those of installed packages, and those of --plugin."""
    from mattis.plugins import load_plugins

    load_plugins(*files)


PLUGIN = click.option(
    "--plugin", multiple=True, type=UserPath(path_type=Path), metavar="FILE", expose_value=False,
    is_eager=True, callback=_load_plugins, help="A Python file of models and rules of your own.",
)  # fmt: skip


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
@PLUGIN
@RESULTS
@JSON
@click.option("--workers", type=click.IntRange(1), help="Worker processes; all cores by default.")
@click.option("--shards", type=click.IntRange(1), default=1, help="Jobs to cut the study into.")
def plan(study: Path, results: str, as_json: bool, workers: int | None, shards: int) -> None:
    """Show cells that are there and new, blocks, P and N per block, memory, files and estimated time."""
    from mattis.engine import machine
    from mattis.engine.estimate import cost, count, room, summary_text, totals
    from mattis.store.reading import found
    from mattis.store.results import results_of
    from mattis.study.plan import points_of

    loaded = _load(study)
    workers = min(workers or machine.cores(), room(loaded, None).workers)
    place = results_of(loaded, results)
    there = 0
    try:
        if count(loaded) * len(points_of(loaded)) <= MOST_COUNTED:
            there = found(place.store, loaded)
    except UserError as error:  # of another study: this one can be planned nevertheless
        click.echo(f"mattis: {error}", err=True)
    content = totals(loaded, cost(loaded, place), workers, there, shards)
    if as_json:
        for piece in summary_text(loaded, content):
            sys.stdout.write(piece)
        click.echo()
    else:
        screen.plan(loaded, content)


@verbs.command()
@STUDY
@PLUGIN
@RESULTS
@click.option("--workers", type=click.IntRange(1), help="Workers or jobs; all cores by default.")
@click.option(
    "--pool",
    type=POOL_CHOICE,
    default=POOL_CHOICE.choices[0],
    show_default=True,
    help="Workers here.",
)
@click.option("--memory", help="Memory for all workers of this machine, such as 8GiB.")
@click.option("--gpus", type=click.IntRange(1), help="Worker processes that own one GPU each.")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786.")
@click.option("--tls-ca", type=FILE, help="Certificate authority of that scheduler.")
@click.option("--tls-cert", type=FILE, help="Certificate to show to that scheduler.")
@click.option("--tls-key", type=FILE, help="Private key of the certificate.")
@click.option("--cluster", metavar="NAME", help="Workers are jobs of slurm, pbs, sge, lsf, ….")
@click.option("--dashboard", is_flag=True, help="Show Dask's dashboard, on this machine only.")
@click.option("--shard", metavar="I/K", help="Only part I of K of the study, counted from 0.")
@click.option("--backend", type=BACKEND_CHOICE, default="auto", show_default=True)
@click.option("--block-cells", type=click.IntRange(1), help="At most so many cells per block.")
@click.option("--all-observables", is_flag=True, help="Also those that an older store lacks.")
@click.option("--log", type=UserPath(path_type=Path), help="Also write plain progress lines here.")
def run(study: Path, results: str, log: Path | None, **options: Any) -> None:
    """Compute what is missing; again after any interruption, with the same numbers."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the others would spin beside the workers
    from mattis.cli.following import followed
    from mattis.engine import driver

    loaded = _load(study)
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
        from mattis import figures

        content = figures.headline(figures.estimated(loaded, results), loaded)
        for line in figures.headline_lines(content):
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
        options["all_observables"],
    )  # fmt: skip


@verbs.command()
@STUDY
@PLUGIN
@RESULTS
@JSON
@click.option("--watch", is_flag=True, help="Look again and again, until the study is complete.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=2.0, metavar="SECONDS", help="How often."
)
def status(study: Path, results: str, as_json: bool, watch: bool, every: float) -> None:
    """Show blocks that are done, missing and failed; with --watch, as they come."""
    from mattis.engine.status import status as found

    if watch:
        from mattis.cli.watching import watched

        if code := watched(_load(study), results, every, as_json):
            sys.exit(code)
        return
    content = found(_load(study), results)
    screen.document(content) if as_json else screen.status(content)


@verbs.command()
@STUDY
@PLUGIN
@RESULTS
@click.option(
    "--recompute",
    type=click.IntRange(0),
    default=0,
    metavar="K",
    help="Also compute K random blocks again, and compare bit by bit.",
)
@JSON
def verify(study: Path, results: str, recompute: int, as_json: bool) -> None:
    """Check that what is stored is what was computed; name block and array where it is not."""
    from mattis.store.verify import verify as verified

    loaded = _load(study)
    verdict = verified(loaded, results, recompute)
    if as_json:
        screen.document(verdict.as_json(loaded))
    else:
        screen.verdict(verdict.as_json(loaded))
    if not verdict.sound:
        sys.exit(1)


@verbs.command()
@STUDY
@PLUGIN
@RESULTS
@click.option("--states", is_flag=True, help="The hash of the final states that the study keeps.")
def digest(study: Path, results: str, states: bool) -> None:
    """Print the hash of the study's values, which does not depend on how they were computed."""
    from mattis.engine import status

    found = status.states_digest if states else status.digest
    click.echo(found(_load(study), results))


@verbs.command()
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

    loaded = [_load(study) for study in studies]
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


@verbs.command()
@STUDY
@PLUGIN
@RESULTS
@JSON
def page(study: Path, results: str, as_json: bool) -> None:
    """Write diagram.html, one page to look into the cells that are there; it needs nothing else."""
    from mattis.page import write_page

    loaded = _load(study)
    _told(loaded, [write_page(loaded, results)], as_json)


@verbs.command()
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

    loaded = _load(study)
    if not states:
        raise UserError(
            f"figure: got nothing to draw; expected --states; mattis diagram {study} draws the diagram"
        )
    _told(loaded, pictured(loaded, _points(at, _label), steps, output, results), as_json)


@verbs.command()
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

    loaded = _load(study)
    _told(loaded, traced(loaded, _cell(at), cue, output, results), as_json)


def _told(study: "Study", written: Sequence[Any], as_json: bool) -> None:
    """Print the files that were written."""
    if as_json:
        screen.document({"study": study.name, "written": [*map(str, written)]})
        return
    for path in written:
        click.echo(path)


@verbs.command()
@STUDY
@PLUGIN
@RESULTS
@JSON
def compare(study: Path, results: str, as_json: bool) -> None:
    """Say whether theory and simulation agree: chi², worst cells, one sentence; exit code 1 if rejected."""
    from mattis import figures

    found = figures.compare(_load(study), results)
    if as_json:
        screen.document(screen.finite(found.as_json()))
    else:
        screen.comparison(found.as_json())
    if found.rejected:
        sys.exit(1)


@verbs.command()
@PLUGIN
@click.argument("name", required=False)
@click.option(
    "--at",
    multiple=True,
    metavar="KEY=VALUE[,VALUE…][,KEY=…]",
    help="Where: --at load=0.05,0.07,temperature=0.3, or an --at for each key.",
)
@JSON
def theory(name: str | None, at: Sequence[str], as_json: bool) -> None:
    """Evaluate a theory quantity and say how far it holds; without a name, list them with their sources."""
    from mattis.theory import QUANTITIES, evaluate

    if name is None:
        rows = [
            {"name": q.name, "at": list(q.arguments), "units": q.units, "meaning": q.meaning,
             "equation": q.equation, "source": q.source, "validity": q.validity}
            for q in QUANTITIES.values()
        ]  # fmt: skip
        fields = ("meaning", "equation", "source", "validity")
        return screen.document(rows) if as_json else screen.rows(rows, "name", fields)
    value = evaluate(name, **(where := _points(at)))
    if as_json:
        content = {"name": name, "at": screen.finite(where), "value": value}
        screen.document(content | {"validity": QUANTITIES[name].validity})
        return
    click.echo(
        f"validity: {QUANTITIES[name].validity}", err=True
    )  # beside the numbers, not among them
    line = any(isinstance(given, list) for given in where.values())
    for point in value if line else [value]:
        numbers = point if isinstance(point, list) else [point]
        click.echo(" ".join("does not exist" if n is None else f"{n:.10g}" for n in numbers))


@verbs.command("gpu-selftest")
@click.option(
    "--backend", type=click.Choice(["gpu", "simulated"]), default="gpu", show_default=True
)
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


@verbs.command()
@PLUGIN
@JSON
def models(as_json: bool) -> None:
    """List the models with their axes, observables and sources."""
    from mattis.networks.registry import MODELS

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
    fields = ("summary", "equation", "axes", "observables", "order_parameter", "theory", "source")
    screen.document(rows) if as_json else screen.rows(rows, "name", fields)


verbs.add_command(claims)


def _load(path: Path) -> "Study":
    from mattis.networks.registry import load_study

    study = load_study(path)
    panels = () if study.figure is None else study.figure.panels or ()
    if any(panel.marks or panel.lines for panel in panels):  # theory takes a while to load
        from mattis.comparison.lines import check_named

        check_named(study)
    return study


def _cell(at: Sequence[str]) -> dict[str, float | str]:
    """Return the labels of the cell of `--at axis=value`: numbers, and words where an axis has words."""
    labels = _points(at, _label)
    for key, values in labels.items():
        if isinstance(values, list):
            raise UserError(
                f"--at {key}: got {len(values)} values; expected one, for there is one cell"
            )
    return labels


def _label(_key: str, text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _points(
    at: Sequence[str], read: Callable[[str, str], float | str] | None = None
) -> dict[str, Any]:
    """Return the values of `--at key=value,value,key=value`: a number, or a list where there are several.

    read  # (key, text) -> value; that of an argument of theory, if not given
    """
    read = read or _number
    points: dict[str, list[Any]] = {}
    for text in at:
        key = ""
        for piece in text.split(","):
            name, equals, value = (word.strip() for word in piece.rpartition("="))
            if equals and name in points:
                raise UserError(
                    f"--at: {name} is given twice; write --at {name}=a,b for two values"
                )
            key = name if equals else key
            if not key or not value:
                example = "such as --at load=0.05,0.07 or --at load=0.05,temperature=0.3"
                raise UserError(f"--at: got {text}; expected key=value, {example}")
            points.setdefault(key, []).append(read(key, value))
    return {key: values if len(values) > 1 else values[0] for key, values in points.items()}


def _number(key: str, text: str) -> float | str:
    from mattis.theory import ARGUMENTS

    if key in ARGUMENTS and ARGUMENTS[key].words:
        return text
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--at {key}: got {text}; expected a number, such as 0.05") from None


def guarded(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; what the user did wrong is one line on stderr."""
    try:
        command()
        sys.stdout.flush()
    except UserError as error:
        message, code = str(error), 2
    except Fault as error:
        message, code = str(error), 1
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.ClickException as error:
        message, code = error.format_message(), 2
    except BrokenPipeError:  # of `| head`, which has what it wanted
        _abandon(sys.stdout)
        return 1
    except OSError as error:
        if error.filename is None:
            _abandon(sys.stdout)
        where = f"{error.filename}: cannot be used" if error.filename else "cannot write its output"
        remedy = "see that it is there, readable, and on a disk with room"
        message, code = f"{where}: {(error.strerror or str(error)).lower()}; {remedy}", 1
    except MemoryError as error:
        message, code = f"out of memory: {error}; use a smaller study", 1
    except (KeyboardInterrupt, click.Abort):
        message, code = "interrupted; the same command continues", 1
    else:
        return 0
    with suppress(OSError):  # nobody can be told
        print(f"mattis: {' '.join(message.split())}", file=sys.stderr)
    return code


def _abandon(stream: IO[str]) -> None:
    """Send what is left of a stream to nowhere, or Python would complain of it at its end."""
    with open(os.devnull, "w") as nowhere, suppress(OSError, ValueError):  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


def main() -> None:
    """Run the command line; a batch system that ends it by SIGTERM is told what Ctrl-C is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(100_000)  # imports make 10^5 objects; to look at them each 700 is 0.3 s
    code = guarded(lambda: verbs.main(prog_name="mattis", standalone_mode=False))
    try:
        sys.stderr.flush()
    except OSError:  # of lines that ended no run; Python would end with an exit code of its own
        _abandon(sys.stderr)
    if code:  # Dask has more to say, on the way out, of a cluster that was interrupted in its start
        sys.unraisablehook = lambda _: None
    gc.freeze()  # the interpreter would look through all objects once more, only to end
    sys.exit(code)
