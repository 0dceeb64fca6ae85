"""From a YAML file to a checked object, or to one line that says what to mend."""

import re
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ValidationError

from mattis.errors import UserError, nearest
from mattis.study.axes import Misplaced, Part, UnknownKey, UnknownWord
from mattis.study.belongs import of_key, of_word, parts
from mattis.study.spellings import readings, typed
from mattis.words import one_line

Checked = TypeVar("Checked", bound=Part)

LARGEST_STUDY_FILE = 2**20
"""Bytes of a study at most: whoever gives the path of something larger did not mean it."""

_TEXT = "tag:yaml.org,2002:str"
_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?[0-9][0-9_]*$",
    "tag:yaml.org,2002:float": r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$"
    r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$",
}
"""Numbers by tag, as YAML 1.2 reads them: 1e-3 is one, 0100 is 100 and not 64, 1:30 is none."""


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, and reads numbers as YAML 1.2 does.

    It refuses aliases too: no study needs them, and nested ones can grow without bound.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read", mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Safe YAML that quotes what _Loader would read as a number."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        mark = key_node.start_mark
        if key_node.tag != _TEXT or not str(key_node.value).isprintable():
            got = reprlib.repr(key_node.value) if key_node.id == "scalar" else f"a {key_node.id}"
            raise yaml.constructor.ConstructorError(None, None, f"got {got}; a key is a single word", mark)
        if key_node.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {_word(key_node.value)} is given twice", mark
            )
        seen.add(key_node.value)
    return dict(loader.construct_pairs(node, deep=True))


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    text = str(loader.construct_scalar(node))
    try:
        if node.tag.endswith("int"):
            return int(text)
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        fault = f"not YAML that can be read: {reprlib.repr(text)} is no number"
        raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark) from None


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in _NUMBERS]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
for _tag, _form in _NUMBERS.items():
    _Loader.add_constructor(_tag, _number)
    for _reader in (_Loader, _Dumper):
        _reader.add_implicit_resolver(_tag, re.compile(_form), list("-+.0123456789"))


def written(content: Any) -> str:
    """Return the content as YAML that `read_document` reads back as the same."""
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
    return text


def read_document(path: Path) -> Any:
    """Return the content of a YAML file. Raises UserError with line and column of a syntax error."""
    where = f"study {path.name}"
    return parsed(_text(path, where), where)


def parsed(text: str, where: str) -> Any:
    """Return the content of a YAML text. Raises UserError with line and column of a syntax error."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = ", ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"{where}{place}: {_one_line(said or 'not YAML')}") from None
    except (
        yaml.YAMLError,
        RecursionError,
        ValueError,
        ArithmeticError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise UserError(f"{where}: not YAML that can be read: {_one_line(str(error))}") from None


def _text(path: Path, where: str) -> str:
    """Return the text of a file, of which no more is read than a study may have."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_STUDY_FILE + 1)
    except OSError as error:
        raise UserError(f"{where}: cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:  # a path that no file can have
        raise UserError(f"{where}: cannot read {path}: {error}") from None
    if len(raw) > LARGEST_STUDY_FILE:
        raise UserError(f"{where}: more than {LARGEST_STUDY_FILE} bytes; expected the YAML of a study")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8 text: {error.reason} at byte {error.start}") from None


def validated(kind: type[Checked], content: Any, where: str, others: Sequence[type[Part]] = ()) -> Checked:
    """Return the content as a `kind`. Raises UserError with the first mistake, and counts the others.

    others  # kinds that know other words and keys
    """
    if not isinstance(content, dict):
        got = "nothing" if content is None else f"a {type(content).__name__}"
        raise UserError(f"{where}: got {got}; expected keys and values, such as name: hopfield")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        mistakes = [*_mistakes(error, kind).items()]
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        place, mistake = mistakes[0]
        kinds: list[type[Part]] = [kind, *(other for other in others if other is not kind)]
        line = f"{mistake.line}{_advice(mistake, place, kinds, content)}"
        raise UserError(f"{where}, {line}{more}") from None


@dataclass(frozen=True)
class _Mistake:
    """One place that is wrong: the line that says so, and what its advice is made of."""

    line: str
    loc: tuple[Any, ...] = ()
    value: Any = None
    sort: Literal["", "key", "word", "value"] = ""
    known: str = ""
    """What may stand there instead, where nothing better is known."""


def _mistakes(error: ValidationError, kind: type[Part], above: tuple[Any, ...] = ()) -> dict[str, _Mistake]:
    """Return the places that are wrong, unknown keys first: they explain what is missing."""
    found: dict[str, _Mistake] = {}
    for item in sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden"):
        inner = (item.get("ctx") or {}).get("error")
        loc = (*above, *item["loc"])
        place = _place(loc)
        if isinstance(inner, ValidationError):
            found.update(_mistakes(inner, kind, loc))
        elif isinstance(inner, UserError):  # of a file, which it names
            found[place] = _Mistake(str(inner))
        elif isinstance(inner, Misplaced):
            place = ".".join(filter(None, (place, inner.where)))
            found[place] = _misplaced(inner, place, item, loc)
        else:
            found.setdefault(place, _wrong(item, kind, loc, place))
    return found


def _misplaced(inner: Misplaced, place: str, item: Any, loc: tuple[Any, ...]) -> _Mistake:
    """Return the mistake that a validator of several fields found."""
    if isinstance(inner, UnknownWord):
        where = (*loc, *re.findall(r"[^.\[\]]+", inner.where))
        line = f"{place}: got {inner.got}; expected {inner.expected}"
        return _Mistake(line, where, inner.word, "word", f"; {inner.advice}")
    if isinstance(inner, UnknownKey) and isinstance(item["input"], dict):
        key = inner.where
        value = item["input"].get(key)
        known = f"; {inner}".replace("unknown key; ", "")
        return _Mistake(f"{place}: unknown key", (*loc, key), value, "key", known)
    return _Mistake(f"{place}: got {inner.got}; {inner}" if inner.got else f"{place}: {inner}")


def _advice(mistake: _Mistake, place: str, kinds: Sequence[type[Part]], content: Any) -> str:
    """Return what to type instead, as far as that is known."""
    loc, value = mistake.loc, mistake.value
    if mistake.sort == "key":
        return of_key(str(loc[-1]), value, loc[:-1], kinds) or mistake.known
    if mistake.sort == "word" and isinstance(value, str):
        return of_word(value, loc, kinds, kinds[0]) or mistake.known
    if mistake.sort != "value":
        return mistake.known
    shown = []
    for there, meant, text in _meant(content, loc, value):
        told = text not in shown and len(text) <= 100 and text.isprintable()
        if told and _fits(kinds[0], content, there, meant, place):
            shown.append(text)
    return f"; write {' or '.join(shown[:2])}" if shown else mistake.known


def _meant(content: Any, loc: tuple[Any, ...], value: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield what may be meant by a value, or by the list that it is in: where, what, as it is typed."""
    if loc and isinstance(loc[-1], int) and not isinstance(_at(content, loc[:-1]), list):
        loc = loc[:-1]  # one value that stands for a list
    for meant in readings(value):
        text = typed(meant)
        quoted = isinstance(value, str) and value.strip() == text
        yield loc, meant, f"{text} without quotes" if quoted else text
    around = _at(content, loc[:-1])
    if not (isinstance(around, list) and loc and isinstance(loc[-1], int)):
        return
    if len(around) == 1 and isinstance(value, list | dict) and not readings(value):
        yield loc[:-1], value, f"{typed(value)} without the brackets around it"
    joined = ", ".join(map(str, around)) if isinstance(value, str) and "(" in value else ""
    for meant in readings(joined):
        yield loc[:-1], meant, typed(meant)
    for meant in readings(value):
        if isinstance(meant, list):
            rest = [*around[: loc[-1]], *meant, *around[loc[-1] + 1 :]]
            yield loc[:-1], rest, typed(rest)
        elif isinstance(meant, dict) and len(around) == 1:
            yield loc[:-1], meant, typed(meant)


def _at(content: Any, loc: tuple[Any, ...]) -> Any:
    """Return what a document has at a location; None, if it has nothing there."""
    for part in loc:
        try:
            content = content[part]
        except (LookupError, TypeError):
            return None
    return content


def _put(content: Any, loc: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at a location."""
    if not loc:
        return value
    changed = content.copy()
    changed[loc[0]] = _put(content[loc[0]], loc[1:], value)
    return changed


def _fits(kind: type[Part], content: Any, loc: Any, value: Any, place: str) -> bool:
    """Tell whether a document has no mistake at a place, once another value is there."""
    try:
        kind.model_validate(_put(content, loc, value))
    except ValidationError as error:
        there = _place(loc)
        return not any(at.startswith((place, there)) for at in _mistakes(error, kind))
    except (LookupError, TypeError, AttributeError):
        return False
    return True


def _place(loc: tuple[int | str, ...]) -> str:
    """Write a location as axes.load[3]."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_word(part)}" if text else _word(part)
    return text


def _word(key: str) -> str:
    """Return a key as it is, or shortened where it would drown the line."""
    return key if 0 < len(key) <= 40 else reprlib.repr(key)


def _wrong(item: Any, kind: type[Part], loc: tuple[Any, ...], place: str) -> _Mistake:
    """Say what was got, what was expected, and what to type instead."""
    value, sort = item["input"], item["type"]
    got = f"{place}: got {_one_line(reprlib.repr(value))}"
    if sort == "extra_forbidden":
        known = _keys(kind, loc[:-1])
        close = nearest(str(loc[-1]), known)
        words = f"; expected one of {', '.join(known)}{close}"
        return _Mistake(f"{place}: unknown key", loc, value, "key", words)
    if sort == "missing":
        return _Mistake(f"{place}: missing; add this key")
    if sort == "string_pattern_mismatch":
        return _Mistake(f"{got}; expected a name of letters, digits, - and _, at most 64")
    if sort in ("model_type", "dict_type"):
        part = dict(parts(kind)).get(tuple(part for part in loc if isinstance(part, str)))
        keys = f": {', '.join(part.known_keys())}" if part else ""
        return _Mistake(f"{got}; expected keys and values{keys}", loc, value, "value")
    message = _one_line(item["msg"].removeprefix("Value error, "))
    message = (
        re.sub(r"^(Input )?[Ss]hould be ", "", message)
        .replace("a valid tuple", "a list")
        .replace("a valid list", "a list")
    )
    message = message if message.startswith("expected") else f"expected {message}"
    line = f"{got}; {message}"
    if sort == "literal_error":
        words = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return _Mistake(line, loc, value, "word", nearest(str(value), words))
    if sort == "string_type" and isinstance(value, int | float):
        return _Mistake(f"{line}; write it in quotes")
    return _Mistake(line, loc, value, "value", _example(kind, loc, value))


def _example(kind: type[Part], loc: tuple[Any, ...], value: Any) -> str:
    """Return an example of a value where nobody can tell what was meant, or that the key may go."""
    key = [part for part in loc if isinstance(part, str)]
    part = dict(parts(kind)).get(tuple(key[:-1])) if key else None
    field = part.model_fields.get(key[-1]) if part else None
    if part is None or field is None:
        return ""
    bound = getattr(part, "bounds", {}).get(key[-1])
    if value in (None, "None", "none", "null") and not field.is_required():
        return "; remove the key for what is usual"
    usual = field.default if isinstance(field.default, int | float) else None
    usual = None if isinstance(usual, bool) else usual
    return (
        f": {bound.expected}; {bound.advice}"
        if bound
        else f"; for example {usual}"
        if usual is not None
        else ""
    )


def _keys(kind: type[Part], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the document may have at a location."""
    part = dict(parts(kind)).get(tuple(map(str, loc)))
    return part.known_keys() if part else ["from", "to", "count"]


def _one_line(text: str) -> str:
    """Return a text in a line that has room for more."""
    return one_line(text, 160)
