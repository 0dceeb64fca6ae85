"""The verbs of what is known: quantities of theory, how they compare with a study, and the models."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mattis.cli import completing, screen
from mattis.cli.help import verb
from mattis.cli.options import JSON, PLUGIN, UserPath, loaded_study, of_study, points_of_words
from mattis.errors import UserError, nearest


@verb(
    "Say whether theory and simulation agree.", "mattis compare mine.yaml", "mattis compare mine.yaml --json"
)
@of_study
@JSON
def compare(study: Path, results: str, as_json: bool) -> None:
    """Say whether theory and simulation agree: chi², worst cells, one sentence; exit code 1 if rejected."""
    from mattis.comparison import estimated

    found = estimated.compare(loaded_study(study), results)
    if as_json:
        screen.document(screen.finite(found.as_json()))
    else:
        screen.comparison(found.as_json())
    if found.rejected:
        sys.exit(1)


@verb(
    "Evaluate or plot theory; list what is known.",
    "mattis theory hopfield.T_M --at load=0.05,0.07",
    "mattis theory",
    "mattis theory hopfield.T_M --plot -o T_M.pdf",
)
@PLUGIN
@click.argument("name", required=False, shell_complete=completing.quantities)
@click.option(
    "--at", multiple=True, metavar="KEY=VALUE,…", shell_complete=completing.arguments,
    help="Where: --at load=0.05,0.07 with --at temperature=0.3, or both in one.",
)  # fmt: skip
@click.option(
    "--plot", is_flag=True,
    help="Draw it along the argument with two values, or the only one that is left out, to a file.",
)  # fmt: skip
@click.option(
    "-o", "output", type=UserPath(path_type=Path), metavar="FILE",
    help="The file of --plot, .png, .svg or .pdf; NAME.png if not given.",
)  # fmt: skip
@JSON
def theory(name: str | None, at: Sequence[str], plot: bool, output: Path | None, as_json: bool) -> None:
    """Evaluate a theory quantity and say how far it holds; without a name, list them with their sources.

    --plot draws it to a file: from the lowest to the highest value of the one argument that has several, or
    over the usual values of the only argument that is left out.
    """
    from mattis.theory import QUANTITIES, evaluate

    if plot or output is not None:
        _plot(name, at, plot, output, as_json)
        return
    if name is None:
        rows = [
            {"name": q.name, "at": list(q.arguments), "units": q.units, "meaning": q.meaning,
             "equation": q.equation, "source": q.source, "validity": q.validity}
            for q in QUANTITIES.values()
        ]  # fmt: skip
        fields = ("meaning", "equation", "source", "validity")
        return screen.document(rows) if as_json else screen.rows(rows, "name", fields)
    value = evaluate(name, **(where := points_of_words(at)))
    if as_json:
        content = {"name": name, "at": screen.finite(where), "value": value}
        screen.document(content | {"validity": QUANTITIES[name].validity})
        return
    click.echo(f"validity: {QUANTITIES[name].validity}", err=True)  # beside the numbers, not among them
    line = any(isinstance(given, list) for given in where.values())
    for point in value if line else [value]:
        numbers = point if isinstance(point, list) else [point]
        click.echo(" ".join("does not exist" if n is None else f"{n:.10g}" for n in numbers))


def _plot(name: str | None, at: Sequence[str], plot: bool, output: Path | None, as_json: bool) -> None:
    """Draw a quantity of theory to a file, and print its name."""
    if not plot:
        raise UserError(f"-o {output}: got no --plot, which is what draws; add it, or remove -o")
    if name is None:
        raise UserError("--plot: got no quantity; expected one of mattis theory, such as hopfield.T_M")
    from mattis.figures.theory_curve import plotted

    path = str(plotted(name, points_of_words(at), output))
    if as_json:
        screen.document({"name": name, "written": [path]})
    else:
        click.echo(path)


@verb("List models, or tell of one.", "mattis models", "mattis models hopfield")
@click.argument("name", required=False, shell_complete=completing.models)
@PLUGIN
@JSON
def models(name: str | None, as_json: bool) -> None:
    """List the models; of one tell equation, axes, observables, order parameter, theory and source."""
    from mattis.networks.registry import MODELS

    if name is not None and name not in MODELS:
        raise UserError(f"got the model {name}; expected one of: {', '.join(MODELS)}{nearest(name, MODELS)}")
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
        for model in ([MODELS[name]] if name else MODELS.values())
    ]
    if as_json:
        screen.document(rows[0] if name else rows)
    elif name:
        screen.labelled(rows[0])
    else:
        width = max(map(len, MODELS))
        for row in rows:
            click.echo(f"{row['name']:{width}}  {row['summary']}")
