"""Where a word or a key of a study belongs, where it does not stand there."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from mattis.study.axes import Part
from mattis.study.spellings import typed

MOST_PLACES = 2
"""Places that a line names at most."""

ALSO_CALLED: Mapping[str, str] = {
    "N": "size", "N_v": "size", "P": "memories", "N_h": "memories", "patterns": "memories",
    "alpha": "load", "α": "load", "realised_load": "load", "T": "temperature", "β": "beta",
    "κ": "kappa", "σ": "noise", "sigma": "noise", "τ": "tau", "flips": "noise",
    "start": "from", "min": "from", "stop": "to", "end": "to", "max": "to",
    "num": "count", "n": "count", "steps": "count", "points": "count", "number": "count",
}  # fmt: skip
"""Symbols of the field, names in the results and words of other programs, and the keys for them."""

KeyPath = tuple[str, ...]


def part_of(field: FieldInfo | None) -> type[Part] | None:
    """Return the part that a key holds, if it holds keys of its own."""
    inner: Any = field.annotation if field else None
    while get_args(inner):  # a part that may be left out, or that a word may stand for
        inner = get_args(inner)[0]
    return inner if isinstance(inner, type) and issubclass(inner, Part) else None


def parts(kind: type[Part], place: KeyPath = ()) -> Iterator[tuple[KeyPath, type[Part]]]:
    """Yield a kind of study and its parts, each with its place."""
    yield place, kind
    for name, field in kind.model_fields.items():
        if inner := part_of(field):
            yield from parts(inner, (*place, field.alias or name))


def words_of(part: type[Part]) -> Iterator[tuple[str, Collection[str]]]:
    """Yield the keys of a part that are words, each with the words that it may be."""
    for name, field in part.model_fields.items():
        if name in part.tables:
            yield name, part.tables[name]
        elif words := [*_literals(field.annotation)]:
            yield name, words
    yield from ((name, part.tables[name]) for name in part.tables if name not in part.model_fields)


def _literals(annotation: Any) -> Iterator[str]:
    """Yield the words of an annotation, however deep they are."""
    for inner in get_args(annotation):
        if get_origin(annotation) is Literal:
            yield str(inner)
        else:
            yield from _literals(inner)


def of_word(word: str, loc: Sequence[Any], kinds: Sequence[type[Part]], own: type[Part] | None = None) -> str:
    """Return what to write where a word is known elsewhere; nothing, if nowhere.

    own  # the kind of the study, where its model is known
    """
    for kind in kinds:
        found = [
            spelled((*place, key), word, part)
            for place, part in parts(kind)
            for key, words in words_of(part)
            if word in words and (kind is not own or (*place, key) != tuple(loc))
        ]
        if found:
            return _write(found, kind, own)
    is_model = own is not None and any(word in _models(kind) for kind in kinds)
    return f"; write model: {word}" if is_model else ""


def of_key(key: str, value: Any, loc: Sequence[Any], kinds: Sequence[type[Part]]) -> str:
    """Return what to write in place of a key that is known elsewhere, or under another name.

    kinds  # the kind of the study, then the others
    """
    here, own = tuple(map(str, loc)), kinds[0]
    other = ALSO_CALLED.get(key) or re.sub(r"^(load)_\d+$", r"\1", key)
    for kind in kinds:
        nested = dict(parts(kind))
        known = nested[here].known_keys() if here in nested else ["from", "to", "count"]
        if kind is own and other in known:
            return f"; write {other}: {_short(value)}"
        found = [
            spelled((*place, name), value, part)
            for place, part in nested.items()
            for name in dict.fromkeys((key, other))
            if name in part.known_keys() and (kind is not own or place != here)
        ]
        if found:
            beside = " beside axes" if here and ": {" not in found[0].split(",")[0] else ""
            return _write([f"{found[0]}{beside}", *found[1:]], kind, own)
    return ""


def _write(found: Sequence[str], kind: type[Part], own: type[Part] | None) -> str:
    """Return the advice to write what was found, and with which model that of another kind."""
    usual = kind.model_fields["model"].default if kind is not own else None
    models = f" with model: {usual}" if usual in _models(kind) else ""
    return f"; write {' or '.join(dict.fromkeys(found[:MOST_PLACES]))}{models}"


def _models(kind: type[Part]) -> Collection[str]:
    """Return the models that take a kind of study."""
    models: Collection[str] = getattr(kind, "models", ())
    return models


def spelled(place: KeyPath, value: Any, part: type[Part]) -> str:
    """Return a value at its place as it is typed, by the word of a part where that is enough."""
    *outer, key = place
    if outer and part.word == key:
        key = outer.pop()
    text = f"{key}: {_short(value)}"
    for name in reversed(outer):
        text = f"{name}: {{{text}}}"
    return text


def _short(value: Any) -> str:
    """Return a value as it is typed, if that is short."""
    text = typed(value)
    return text if len(text) <= 40 and text.isprintable() else "…"
