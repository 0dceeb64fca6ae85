"""From a YAML file to a checked object, or to one line that says what to mend."""

import re
import reprlib
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from mattis.errors import UserError, nearest
from mattis.study.axes import Misplaced

Checked = TypeVar("Checked", bound=BaseModel)

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
            fault = f"got {got}; a key is a single word"
            raise yaml.constructor.ConstructorError(None, None, fault, mark)
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
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100
    )
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
        raise UserError(
            f"{where}: more than {LARGEST_STUDY_FILE} bytes; expected the YAML of a study"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8 text: {error.reason} at byte {error.start}") from None


def validated(kind: type[Checked], content: Any, where: str) -> Checked:
    """Return the content as a `kind`. Raises UserError with the first mistake, and counts the others."""
    if not isinstance(content, dict):
        got = "nothing" if content is None else f"a {type(content).__name__}"
        raise UserError(f"{where}: got {got}; expected keys and values, such as name: hopfield")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        mistakes = _mistakes(error, kind, "")
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        raise UserError(f"{where}, {mistakes[0]}{more}") from None


def _mistakes(error: ValidationError, kind: type[BaseModel], prefix: str) -> list[str]:
    """Return one line for each place that is wrong, unknown keys first: they explain what is missing."""
    lines: dict[str, str] = {}
    for item in sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden"):
        inner = (item.get("ctx") or {}).get("error")
        place = prefix + _place(item["loc"])
        if isinstance(inner, ValidationError):
            lines.update({line: line for line in _mistakes(inner, kind, place + ".")})
        elif isinstance(inner, UserError):  # of a file, which it names
            lines[place] = str(inner)
        elif isinstance(inner, Misplaced):
            place = f"{place}.{inner.where}" if place else inner.where
            lines[place] = (
                f"{place}: got {inner.got}; {inner}" if inner.got else f"{place}: {inner}"
            )
        else:
            lines.setdefault(place, f"{place}: {_sentence(item, kind)}")
    return list(lines.values())


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


def _sentence(item: Any, kind: type[BaseModel]) -> str:
    """Say what was got, what was expected, and what to type instead."""
    got = _one_line(reprlib.repr(item["input"]))
    if item["type"] == "extra_forbidden":
        known = _keys(kind, item["loc"][:-1])
        close = nearest(str(item["loc"][-1]), known)
        return f"unknown key; expected one of {', '.join(known)}{close}"
    if item["type"] == "missing":
        return "missing; add this key"
    if item["type"] == "string_pattern_mismatch":
        return f"got {got}; expected a name of letters, digits, - and _, at most 64"
    message = _one_line(item["msg"].removeprefix("Value error, "))
    message = re.sub(r"^(Input )?[Ss]hould be ", "", message).replace("valid tuple", "list")
    message = message if message.startswith("expected") else f"expected {message}"
    return f"got {got}; {message}"


def _keys(kind: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the document may have at a location."""
    for part in loc:
        field = kind.model_fields.get(str(part))
        inner: Any = field.annotation if field else None
        while get_args(inner):  # a part that may be left out, or that a word may stand for
            inner = get_args(inner)[0]
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ["from", "to", "count"]
        kind = inner
    return [field.alias or name for name, field in kind.model_fields.items()]


def _one_line(text: str) -> str:
    """Return the text in one line of at most 160 characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else flat[:157] + "…"
