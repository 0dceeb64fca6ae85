"""What a shell is told when someone presses Tab: names of theory, models, studies, axes and their values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from mattis.errors import Fault, UserError

Completions = list[CompletionItem[str]]
"""What may stand where the cursor is."""

Completer = Callable[[click.Context, click.Parameter, str], Completions]
"""What completes a word: (context, parameter, what is typed of it)."""

SHELLS = ("bash", "zsh", "fish")
"""Shells that complete the command."""

BASH = """\
_mattis_completion() {
    local IFS=$'\\n' word previous="" current line type value before
    local -a words=()
    # bash cuts words at "="; load=0.05 is one.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ ${#words[@]} -gt 0 && ( $word == "=" || $previous == "=" ) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        previous=$word
    done
    current=${words[${#words[@]}-1]}
    before=${current%"${COMP_WORDS[COMP_CWORD]#=}"}
    COMPREPLY=()
    for line in $(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]}-1)) \\
            _MATTIS_COMPLETE=bash_complete "$1" 2> /dev/null); do
        type=${line%%,*} value=${line#*,}
        case $type in
            dir) compopt -o dirnames 2> /dev/null ;;
            file) compopt -o default 2> /dev/null ;;
            plain) [[ $before == *=* ]] && value=${value#"$before"}; COMPREPLY+=("$value") ;;
        esac
    done
    # More follows a folder, and a key.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]] && compopt -o nospace 2> /dev/null
    return 0
}
complete -o nosort -F _mattis_completion mattis
"""
"""What bash reads: of the words before the cursor the command tells how the last one may go on."""


def script_of(shell: str, verbs: click.Command) -> str:
    """Return what a shell has to read to complete the command: bash our own, others as Click has it."""
    if shell == "bash":
        return BASH
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(verbs, {}, "mattis", "_MATTIS_COMPLETE").source()


def beginning_with(typed: str, words: Iterable[str]) -> Completions:
    """Return the words that begin with what is typed."""
    return [CompletionItem(word) for word in words if word.startswith(typed)]


def silent(complete: Completer) -> Completer:
    """Return a completer that offers nothing where files cannot be read: there is nobody to tell."""

    def completed(ctx: click.Context, param: click.Parameter, typed: str) -> Completions:
        try:
            return complete(ctx, param, typed)
        except (UserError, Fault, OSError):
            return []

    return completed


@silent
def studies(_ctx: click.Context, _param: click.Parameter, typed: str) -> Completions:
    """Return studies, *.yaml, and folders, from which further ones are typed."""
    folder = Path(typed).expanduser() if typed.endswith("/") else Path(typed).expanduser().parent
    before = typed[: typed.rfind("/") + 1]
    hidden = typed[len(before) :].startswith(".")
    names = (
        f"{path.name}/" if path.is_dir() else path.name
        for path in sorted(folder.iterdir())
        if (path.suffix in (".yaml", ".yml") or path.is_dir()) and (hidden or path.name[0] != ".")
    )
    return beginning_with(typed, (f"{before}{name}" for name in names))


@silent
def shipped(ctx: click.Context, param: click.Parameter, typed: str) -> Completions:
    """Return the names of shipped studies, and studies of the folder."""
    from mattis.cli.shipped import names

    return [*beginning_with(typed, names()), *studies(ctx, param, typed)]


@silent
def quantities(_ctx: click.Context, _param: click.Parameter, typed: str) -> Completions:
    """Return the names of theory, with what they are."""
    from mattis.theory import QUANTITIES

    rows = QUANTITIES.items()
    return [CompletionItem(name, help=row.meaning) for name, row in rows if name.startswith(typed)]


@silent
def models(_ctx: click.Context, _param: click.Parameter, typed: str) -> Completions:
    """Return the names of models."""
    from mattis.networks.registry import MODELS

    return beginning_with(typed, MODELS)


@silent
def queues(_ctx: click.Context, _param: click.Parameter, typed: str) -> Completions:
    """Return the batch systems."""
    from mattis.engine.cluster import QUEUES

    return beginning_with(typed, QUEUES)


@silent
def arguments(ctx: click.Context, _param: click.Parameter, typed: str) -> Completions:
    """Return the arguments of the quantity of theory that is named, as key=."""
    from mattis.theory import ARGUMENTS, QUANTITIES

    row = QUANTITIES.get(_first(ctx, "name"))
    words = {name: ARGUMENTS[name].words for name in (row.arguments if row else ARGUMENTS)}
    return _pairs(typed, words)


@silent
def cells(ctx: click.Context, _param: click.Parameter, typed: str) -> Completions:
    """Return the axes of the study that is named, as axis=, and after that their values."""
    from mattis.networks.registry import load_study
    from mattis.study.cells import spelled_values, spellings, written

    named = _first(ctx, "study")
    if not named:
        return []
    study = load_study(Path(named))
    axes = (spellings(study, dim)[0] for dim in study.dimensions if len(study.labels[dim]) > 1)
    return _pairs(typed, {name: [*map(written, spelled_values(study, name))] for name in axes})


def _first(ctx: click.Context, name: str) -> str:
    """Return the first argument of a verb; Click leaves it aside while an option has no value."""
    return str(ctx.params.get(name) or next(iter(ctx.args), ""))


def _pairs(typed: str, words: Mapping[str, Sequence[str]]) -> Completions:
    """Return how key=value,key=value goes on: by a key that is not there yet, or a value."""
    before = typed[: typed.rfind(",") + 1]
    key, equals, _ = typed[len(before) :].partition("=")
    if equals:
        return beginning_with(typed, (f"{before}{key}={word}" for word in words.get(key, ())))
    there = {pair.partition("=")[0] for pair in before.split(",")}
    return beginning_with(typed, (f"{before}{name}=" for name in words if name not in there))
