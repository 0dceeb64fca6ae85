"""What the verbs share: their arguments and options, the study that they are given, and what `--at` says."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mattis.cli import screen
from mattis.cli.completing import cells, studies
from mattis.errors import UserError

if TYPE_CHECKING:
    from mattis.study.base import Study


class UserPath(click.Path):
    """A path in which ~ stands for the user's folder, also where the shell left it."""

    def convert(self, value: Any, *context: Any) -> Any:
        """Return the path without ~."""
        from mattis.surroundings import expanded

        return super().convert(str(expanded(value)), *context)


FILE = UserPath(exists=True, dir_okay=False)
STUDY = click.argument("study", type=UserPath(path_type=Path), shell_complete=studies)
JSON = click.option("as_json", "--json", is_flag=True, help="One JSON document, nothing else.")
RESULTS = click.option(
    "--results", default="results", show_default=True, metavar="FOLDER|URL",
    help="Where NAME/, the results of the study, lies: a folder, or s3://bucket/prefix.",
)  # fmt: skip


CELL = click.option(
    "--at", multiple=True, metavar="AXIS=VALUE", shell_complete=cells,
    help="Which cell: --at load=0.05,temperature=0.3; an axis of one value may be left out.",
)  # fmt: skip
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


def of_study(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb its study, the plugins that are loaded before it, and where its results lie."""
    return STUDY(PLUGIN(RESULTS(verb)))


def loaded_study(path: Path) -> "Study":
    """Return the study of a file, with the quantities of theory that its figure names looked up."""
    from mattis.networks.registry import load_study

    study = load_study(path)
    panels = () if study.figure is None else study.figure.panels or ()
    if any(panel.marks or panel.lines for panel in panels):  # theory takes a while to load
        from mattis.comparison.lines import check_named

        check_named(study)
    return study


OWN_PROCESS = "alone"
"""What a verb finds in its context where its process does nothing else."""


def without_dask_arrays() -> None:
    """Keep xarray from loading Dask's arrays where nothing makes any: a process of a verb, without plugins.

    To tell whether an array is one of Dask's, xarray would import them: a third of a second.
    """
    from mattis.plugins import loaded
    from mattis.surroundings import hide_dask_arrays

    if click.get_current_context().obj == OWN_PROCESS and not loaded():
        hide_dask_arrays()


def cell_of_words(at: Sequence[str]) -> dict[str, float | str]:
    """Return the labels of the cell of `--at axis=value`: numbers, and words where an axis has words."""
    labels = points_of_words(at, label_of_word)
    for key, values in labels.items():
        if isinstance(values, list):
            raise UserError(f"--at {key}: got {len(values)} values; expected one, for there is one cell")
    return labels


def label_of_word(_key: str, text: str) -> float | str:
    """Return a label of a cell as it is typed: a number, or a word."""
    try:
        return float(text)
    except ValueError:
        return text


def points_of_words(
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
                raise UserError(f"--at: {name} is given twice; write --at {name}=a,b for two values")
            key = name if equals else key
            if not key or not value:
                example = "such as --at load=0.05,0.07 or --at load=0.05,temperature=0.3"
                raise UserError(f"--at: got {text}; expected key=value, {example}")
            points.setdefault(key, []).append(read(key, value))
    return {key: values if len(values) > 1 else values[0] for key, values in points.items()}


def _number(key: str, text: str) -> float | str:
    """Return an argument of theory as it is typed. Raises UserError for what is no number."""
    from mattis.theory import ARGUMENTS

    if key in ARGUMENTS and ARGUMENTS[key].words:
        return text
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--at {key}: got {text}; expected a number, such as 0.05") from None


def told_files(study: "Study", written: Sequence[Any], as_json: bool) -> None:
    """Print the files that were written."""
    if as_json:
        screen.document({"study": study.name, "written": [*map(str, written)]})
        return
    for path in written:
        click.echo(path)
