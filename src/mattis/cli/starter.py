"""The text of a first study of a model: made of the model's row, with a comment beside each key."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mattis import __version__
from mattis.cli.shipped import schema_line
from mattis.networks.plain.models import PLAIN_MODELS, PlainModel
from mattis.networks.registry import MODELS, kind_of
from mattis.plugins import Number
from mattis.study.base import Study
from mattis.study.document import read_document
from mattis.study.spellings import typed

STARTERS = Path(__file__).parent / "templates" / "starters.yaml"
"""Axes and keys of a first study of each model."""

COMMENT_WIDTH = 98
"""Letters of a line of comments."""

PLAIN_AXES: Mapping[str, Any] = {"size": [200], "load": [0.02, 0.05, 0.1]}
"""Axes of a first study of a model of a plugin, beside those of its function, and its seeds."""

PLAIN_SEEDS = 4
"""Pattern sets of a first study of a model of a plugin."""

SAID_ELSEWHERE = ("name", "model", "axes", "figure")
"""Keys that the list of further keys leaves out."""


def starter_text(name: str, model: str) -> str:
    """Return the YAML of a first study of a model."""
    kind, content = kind_of(model), starter(model)
    axes, keys = content["axes"], {key: v for key, v in content.items() if key != "axes"}
    known = kind.model_fields["axes"].annotation
    assert isinstance(known, type)
    assert issubclass(known, BaseModel)
    lines = [
        *_head(name, model), "", f"name: {name}", f"model: {model}", "", "axes:",
        *_aligned({f"  {key}: {typed(v)}": _meaning(known.model_fields[key]) for key, v in axes.items()}),
        f"  # it may also have: {', '.join(key for key in known.model_fields if key not in axes)}",
        *[""] * bool(keys),
        *_aligned({f"{key}: {typed(v)}": _meaning(kind.model_fields[key]) for key, v in keys.items()}),
        *_further(kind, {*keys}),
    ]  # fmt: skip
    schema = "" if model in PLAIN_MODELS else schema_line()  # which knows no plugin
    return schema + "\n".join(lines) + "\n"


def starter(model: str) -> dict[str, Any]:
    """Return axes and keys of a first study of a model; of a plugin's they are made of its function."""
    if model in PLAIN_MODELS:
        return _of_plugin(PLAIN_MODELS[model])
    found: dict[str, Any] = read_document(STARTERS)[model]
    return found


def _of_plugin(row: PlainModel) -> dict[str, Any]:
    """Return axes and keys of a plugin's model: of its first axis several values, else what is usual."""
    bounds = kind_of(row.name).model_fields["axes"].annotation.bounds  # type: ignore[union-attr]
    own = {name: [number.default] for name, number in row.arguments.items() if name in row.axes}
    for name in row.axes[:1]:
        own[name] = [v for v in _around(row.arguments[name]) if bounds[name].fits(v)]
    keys = {name: n.default for name, n in row.arguments.items() if name not in row.axes}
    return {"axes": {**PLAIN_AXES, **own, "seed": PLAIN_SEEDS}, **keys}


def _around(number: Number) -> Sequence[float]:
    """Return the usual value of a number, and some beside it."""
    usual = number.default
    if number.is_whole:
        return [usual + k for k in range(4)]
    return sorted({usual * (1 + k / 2) for k in range(-1, 3)} if usual else {0.0, 0.25, 0.5, 1.0})


def _head(name: str, model: str) -> list[str]:
    """Return the comments above a study: what the model is, observes and is compared with."""
    row = MODELS[model]
    told = [
        f"{name}: a first study of {model}, as mattis {__version__} writes it."
        f"{'' if model in PLAIN_MODELS else ' It takes less than a minute.'}",
        f"{model}: {row.summary}" if row.summary else "",
        f"    {row.equation}" if row.equation else "",
        row.source,
        "",
        f"Observed: {', '.join(one.name for one in row.observables)}",
        f"Theory (mattis theory NAME): {', '.join(row.theory) or 'none of the table'}",
        "A grid is {from: 0.1, to: 1.0, count: 10}, a list is [0.1, 0.5], and seed: 8 is 8 pattern sets.",
    ]
    while "" in told[:4]:
        told.remove("")
    return [line for text in told for line in _comment(text)]


def _comment(text: str) -> list[str]:
    """Return a text as lines of comments."""
    indent = " " * (len(text) - len(text.lstrip()))
    return fill(
        text.strip(), COMMENT_WIDTH, initial_indent=f"# {indent}", subsequent_indent=f"#   {indent}",
        break_long_words=False, break_on_hyphens=False,
    ).splitlines() or ["#"]  # fmt: skip


def _meaning(field: FieldInfo) -> str:
    """Return what a key means, in a line."""
    return " ".join((field.description or "").split())


def _aligned(lines: Mapping[str, str]) -> list[str]:
    """Return lines with their comments below each other."""
    width = max((len(line) for line in lines if len(line) <= COMMENT_WIDTH // 2), default=0)
    return [f"{line:<{width}}  # {words}" if words else line for line, words in lines.items()]


def _further(kind: type[Study], given: set[str]) -> list[str]:
    """Return further keys in comments: those with a usual value can be used once their # is gone."""
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    rest = {k: v for k, v in fields.items() if k not in {*given, *SAID_ELSEWHERE}}
    usual = {key: _plain(field.default) for key, field in rest.items()}
    lines = {f"# {key}: {typed(v)}": _meaning(rest[key]) for key, v in usual.items() if v is not None}
    out = ["", "# Further keys, as they are without being written:"]
    for line, meaning in lines.items():
        out += [*_comment(f"  {meaning}"), line]
    words = [key for key, value in usual.items() if value is None]
    if words:
        out += _comment(f"And, which have no usual value: {', '.join(words)}; docs and schema tell them.")
    return [*out, *_comment("What is drawn can be chosen by a block figure: (docs/figures.md).")]


def _plain(value: Any) -> Any:
    """Return a default as it is typed: parts of a study as mappings; None where there is none."""
    content = value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value
    return content if isinstance(content, str | int | float | dict) else None
