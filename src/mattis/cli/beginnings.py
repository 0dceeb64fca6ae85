"""The verbs of a beginning: a new study, and a shell that completes the command."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mattis.cli.completing import SHELLS, models, script_of, shipped
from mattis.cli.help import verb
from mattis.cli.options import PLUGIN, UserPath
from mattis.errors import UserError, nearest

if TYPE_CHECKING:
    from mattis.cli.shrinking import SmallStudy


@verb(
    "Write a commented study to start from.",
    "mattis new mine",
    "mattis new glass --model sherrington_kirkpatrick",
    "mattis new warm --like hopfield -o studies/warm.yaml",
)
@click.argument("name")
@PLUGIN
@click.option("--model", metavar="M", shell_complete=models, help="A model of mattis models; else hopfield.")
@click.option(
    "--like", metavar="STUDY", shell_complete=shipped,
    help="A shipped study by its name, or any by its path: the same, so small that it runs in a minute.",
)  # fmt: skip
@click.option("-o", "output", type=UserPath(path_type=Path), metavar="FILE", help="NAME.yaml if not given.")
def new(name: str, model: str | None, like: str | None, output: Path | None) -> None:
    """Write NAME.yaml, a study with a comment beside each key, which runs in less than a minute.

    It is made of the row of a model, or like another study. Nothing is overwritten. How long a study takes
    that is like another one, or whose model is a plugin's, is measured here by short chains.
    """
    if model and like:
        raise UserError(f"got --model {model} and --like {like}; expected one of them")
    from mattis.cli.shipped import study_file
    from mattis.cli.shrinking import BUDGET

    target = output or Path(f"{name}.yaml")
    _check_new(name, target)
    source = study_file(like) if like else None
    found = _like(name, source) if source else _of_model(name, model or "hopfield")
    files = {target: found.text.encode()}
    if source is not None:
        files |= {target.parent / path.name: path.read_bytes() for path in _beside(source)}
    _write_new(files, target)
    click.echo(target)
    if found.seconds:
        long = "" if found.seconds <= BUDGET else "; shorten its axes: a minute is not enough"
        click.echo(f"about {found.seconds:.2g} s of CPU time here{long}")
    click.echo(f"mattis run {target}")
    click.echo(f"mattis diagram {target}")


def _check_new(name: str, target: Path) -> None:
    """Raise UserError for what is no name of a study, or a file that is there."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        advice = f"; write mattis new {Path(name).stem} -o {name}" if Path(name).stem != name else ""
        raise UserError(
            f"new: got {name!r:.80}; expected a name of letters, digits, - and _, at most 64{advice}"
        )
    if target.exists():
        raise UserError(f"{target}: is there already, and is left as it is; choose another name, or -o FILE")
    if not target.parent.is_dir():
        raise UserError(f"{target}: there is no folder {target.parent}; make it first")


def _of_model(name: str, model: str) -> "SmallStudy":
    """Return a first study of a model: of a plugin's as large as the time allows that it takes here."""
    from mattis import plugins
    from mattis.cli.shrinking import SmallStudy, shrunk
    from mattis.cli.starter import starter_text
    from mattis.networks.plain.models import PLAIN_MODELS
    from mattis.networks.registry import MODELS

    plugins.ensure(plugins.installed())
    if model not in MODELS:
        known = nearest(model, MODELS) or "; one of a plugin needs --plugin FILE"
        raise UserError(f"--model: got {model}; expected one of {', '.join(MODELS)}{known}")
    text = starter_text(name, model)
    return shrunk(text, Path()) if model in PLAIN_MODELS else SmallStudy(text, 0.0)


def _like(name: str, source: Path) -> "SmallStudy":
    """Return the text of another study with its own name, made so small that it runs in a minute."""
    from mattis.cli.shipped import schema_line
    from mattis.cli.shrinking import SmallStudy, replaced, shrunk, smaller
    from mattis.networks.plain.models import PLAIN_MODELS
    from mattis.networks.registry import load_study

    study = load_study(source)  # a mistake in it has its own name
    text = re.sub(r"^# yaml-language-server:.*\n", "", source.read_text(encoding="utf-8"))
    found = shrunk(replaced(text, ["name"], name), source.parent)
    schema = "" if study.model in PLAIN_MODELS else schema_line()
    told = f"# {name}: like {study.name}{smaller(text, found.text)}.\n#\n"
    return SmallStudy(f"{schema}{told}{found.text}", found.seconds)


def _beside(source: Path) -> Iterator[Path]:
    """Yield the files that a study names, patterns and couplings, which lie beside it."""
    from mattis.study.document import read_document

    content = read_document(source)
    for key in ("patterns", "couplings"):
        part = content.get(key)
        if isinstance(part, dict) and isinstance(part.get("file"), str):
            yield from source.parent.glob(re.sub(r"\{\w+\}", "*", part["file"]))


def _write_new(files: dict[Path, bytes], study: Path) -> None:
    """Write files that are not there. Raises UserError where one is there that is another."""
    for path, content in files.items():
        if path != study and path.exists() and path.read_bytes() != content:
            raise UserError(f"{path}: is there already, and another; choose a folder with -o FILE")
    for path, content in files.items():
        if not path.exists():
            with path.open("xb") as file:
                file.write(content)


@verb(
    "Let the shell complete the command by Tab.",
    'eval "$(mattis completion bash)"   # in ~/.bashrc',
    'eval "$(mattis completion zsh)"    # in ~/.zshrc',
    "mattis completion fish | source    # in config.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what a shell reads to complete verbs, options, names of theory, studies and axes."""
    click.echo(script_of(shell, ctx.find_root().command), nl=False)
