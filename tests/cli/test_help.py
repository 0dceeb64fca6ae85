"""`--help`: verbs in groups, nothing cut at any width, examples that can be typed."""

import shlex

import click
import pytest

from mattis.cli.command import verbs
from mattis.cli.help import Verb
from mattis.errors import UserError

NAMES = sorted(verbs.commands)


def help_of(*words: str, width: int) -> str:
    """Return what `--help` prints on a terminal of a width."""
    context = click.Context(verbs, info_name="mattis", terminal_width=width)
    if words:
        verb = verbs.commands[words[0]]
        context = click.Context(verb, info_name=words[0], parent=context, terminal_width=width)
    return context.command.get_help(context)


def flat(text: str) -> str:
    """Return words in one line."""
    return " ".join(text.split())


def test_every_verb_is_in_one_group_with_a_few_words() -> None:
    grouped = [verb.name for section in verbs.sections.values() for verb in section]
    assert sorted(grouped) == NAMES
    for name in NAMES:
        words = verbs.commands[name].short_help or ""
        assert 10 < len(words) <= 45, name
        assert words.endswith(".")


@pytest.mark.parametrize("width", [58, 78, 118])
def test_the_list_of_verbs_is_whole_at_any_width(width: int) -> None:
    """Click ends what is too long with three dots; here each sentence ends as it does."""
    text = help_of(width=width)
    assert "..." not in text.replace("[ARGS]...", "")
    for title, section in verbs.sections.items():
        assert f"{title}:\n" in text
        for verb in section:
            assert f"{verb.name} {verb.short_help}" in flat(text)
    assert max(map(len, text.splitlines())) <= width
    assert "mattis new mine\n" in text
    assert "Exit codes:" in text


@pytest.mark.parametrize("width", [58, 78])
@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_verb_is_whole(name: str, width: int) -> None:
    verb, text = verbs.commands[name], help_of(name, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert flat(verb.help or "") in flat(text)
    for param in verb.params:
        if isinstance(param, click.Option):
            assert flat(param.help or "") in flat(text)
            assert any(name in text for name in param.opts)


@pytest.mark.parametrize("name", NAMES)
def test_examples_can_be_typed(name: str) -> None:
    """Each is of its verb, and has options that this has."""
    verb = verbs.commands[name]
    assert isinstance(verb, Verb)
    assert verb.examples
    for line in verb.examples:
        words = shlex.split(line.split(" | ")[0], comments=True)
        if words[0] == "eval":
            words = shlex.split(words[1].removeprefix("$(").removesuffix(")"))
        assert words[:2] == ["mattis", name]
        with click.Context(verb) as context:
            verb.make_parser(context).parse_args(words[2:])


def test_options_are_under_the_headings_that_name_them() -> None:
    for name in NAMES:
        verb = verbs.commands[name]
        assert isinstance(verb, Verb)
        known = {one for param in verb.params for one in param.opts}
        for title, options in verb.groups.items():
            assert {*options} <= known, name
            below = help_of(name, width=78).split(f"{title}:\n")[1].split("\n\n")[0]
            assert all(f" {option}" in below or f"{option} " in below for option in options)


def test_an_unknown_verb_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown verb rn; .*; did you mean run\?"):
        verbs.main(["rn"], "mattis", standalone_mode=False)
