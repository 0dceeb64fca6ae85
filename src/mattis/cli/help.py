"""What `--help` says: verbs and options in groups, nothing cut, and examples at the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from mattis.errors import UserError, nearest

EXIT_CODES = (
    ("0", "done"),
    ("1", "a block failed, it was interrupted, verify found damage, compare rejects a theory, or reproduce "
          "came to other values"),
    ("2", "a mistake in what was typed or in a study: one line says what to mend; nothing is written"),
)  # fmt: skip
"""What the command tells the shell at its end."""

OptionGroups = Mapping[str, Sequence[str]]
"""The options of a verb under the headings below which its help has them."""


class Verb(click.Command):
    """A verb whose help has its options in groups, and ends with examples.

    examples  # lines that can be typed as they are
    groups    # options under their headings; those that no heading has come first
    """

    def __init__(
        self, *given: Any, examples: Sequence[str] = (), groups: OptionGroups | None = None, **more: Any
    ) -> None:
        super().__init__(*given, **more)
        self.examples, self.groups = examples, groups or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options: those of each heading together."""
        grouped = {name: title for title, names in self.groups.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in ("Options", *self.groups)}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                names = [name for name in param.opts if name in grouped]
                rows[grouped[names[0]] if names else "Options"].append(record)
        for title, records in rows.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self.examples)


def verb(
    short_help: str, *examples: str, name: str | None = None, groups: OptionGroups | None = None
) -> Callable[[Callable[..., Any]], Verb]:
    """Make a verb of a function: what it does in a few words, and lines that can be typed."""
    return click.command(name, Verb, short_help=short_help, examples=examples, groups=groups)


def told(error: click.ClickException) -> str:
    """Return what is wrong with the words of a verb, which words it takes, and what to type instead."""
    said, ctx = error.format_message().rstrip("."), getattr(error, "ctx", None)
    if ctx is None:
        return said
    if isinstance(error, click.NoSuchOption):
        said = f"no such option {error.option_name}{nearest(error.option_name, _options(ctx))}"
    path, words = ctx.command_path, " ".join(ctx.command.collect_usage_pieces(ctx))
    example = "".join(f", for example {line}" for line in getattr(ctx.command, "examples", ())[:1])
    verb = f"{ctx.info_name}: " if ctx.parent else ""
    return f"{verb}{said[0].lower()}{said[1:]}; expected {path} {words}{example}; type {path} --help"


def _options(ctx: click.Context) -> list[str]:
    return [name for param in ctx.command.params for name in param.opts if name.startswith("--")]


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """Write lines that can be typed, each as it is."""
    if not examples:
        return
    with formatter.section("Examples"):
        for line in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Verbs(click.Group):
    """A group of verbs: its help has them in groups, and a wrong one is answered with the nearest right one.

    sections  # the verbs by what they are for
    examples  # lines that can be typed as they are
    """

    def __init__(
        self,
        *given: Any,
        sections: Mapping[str, Sequence[click.Command]] | None = None,
        examples: Sequence[str] = (),
        **more: Any,
    ) -> None:
        super().__init__(*given, **more)
        self.sections, self.examples = sections or {}, examples
        for verb in (verb for section in self.sections.values() for verb in section):
            self.add_command(verb)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the verb that is asked for. Raises UserError with the nearest one where there is none."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UserError(
                f"unknown verb {args[0]}; expected one of {', '.join(self.commands)}"
                f"{nearest(args[0], self.commands)}"
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of their groups."""
        return [*self.commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the verbs of each group, with what they do in a few words."""
        width = max(len(name) for name in self.commands)
        for title, verbs in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{verb.name or '':<{width}}", verb.short_help or "") for verb in verbs])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples and exit codes."""
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self.examples)
        with formatter.section("Exit codes"):
            formatter.write_dl(list(EXIT_CODES))
