"""The registry of models, and a study of any of them: one YAML file, validated, one clear error per mistake.

`python -m mattis.networks.registry` prints the JSON schema that `config/study.schema.json` holds.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union

from pydantic import TypeAdapter

from mattis import plugins
from mattis.errors import UserError, nearest
from mattis.networks.binary import keys
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.recall_study import RecallStudy
from mattis.networks.drift.study import ConsolidationStudy
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.plain.models import PLAIN_MODELS
from mattis.networks.plain.study import PlainStudy, kind_of_row
from mattis.study.base import Study
from mattis.study.belongs import of_word
from mattis.study.document import read_document, validated
from mattis.study.model import Model
from mattis.study.python_values import as_written
from mattis.surroundings import expanded

KINDS: tuple[type[Study], ...] = (BinaryStudy, ConsolidationStudy, RecallStudy, NeuronStudy)
"""The kinds of studies: each has keys and axes of its own, and a table of the models that take it."""


StudyLike = Study | Path | str | Mapping[str, Any]
"""What stands for a study: itself, its file, or its keys and values."""


class Models(Mapping[str, Model]):
    """The table of models: those of each kind of study, then those of the plugins that are loaded."""

    kinds: tuple[type[Study], ...] = (*KINDS, PlainStudy)

    def __getitem__(self, name: str) -> Model:
        for kind in self.kinds:
            if name in kind.models:
                return kind.models[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        for kind in self.kinds:
            yield from kind.models

    def __len__(self) -> int:
        return sum(len(kind.models) for kind in self.kinds)


MODELS = Models()
"""The table of models."""


def kind_of(model: str) -> type[Study]:
    """Return the kind of study that a model takes."""
    if model in PLAIN_MODELS:
        return kind_of_row(PLAIN_MODELS[model])
    return next(kind for kind in KINDS if model in kind.models)


def load_study(given: StudyLike) -> Study:
    """Return a study from its file or its keys, checked; a study is returned as it is.

    Raises UserError: one line with the file (or `study`), the place and the remedy.

        mattis.load_study("config/studies/hopfield.yaml")
        mattis.load_study({"name": "mine", "axes": {"load": [0.05], "temperature": np.arange(0, 1, 0.1)}})
    """
    match given:
        case Study():
            return given
        case str() | Path():
            path = expanded(given)
            return _checked(read_document(path), f"study {path.name}", path.parent)
        case Mapping():
            return study_of(given)
    raise UserError(f"study: got {type(given).__name__}; expected a study, the path of its file, or its keys")


def study_of(content: Any, where: str = "study", folder: Path = Path()) -> Study:
    """Return the study that keys and values describe, as a YAML file has them; arrays and ranges are lists.

    Raises UserError: one line that begins with `where`.

        mattis.study_of({"name": "mine", "axes": {"load": [0.05], "temperature": [0, 0.3]}})

    folder  # where files of patterns and couplings are
    """
    return _checked(as_written(content, where), where, folder)


def kind_named(model: object, where: str) -> type[Study]:
    """Return the kind of study that a model takes, the usual one where none is named.

    Raises UserError for a model that no kind and no plugin has: nobody knows its keys and axes.
    """
    plugins.ensure(plugins.installed())
    if not isinstance(model, str):
        return BinaryStudy
    if model in MODELS:
        return kind_of(model)
    known, close = ", ".join(MODELS), nearest(model, MODELS)
    more = "" if close else "; one of a plugin needs --plugin FILE"
    there = of_word(model, (), KINDS)
    if there:
        raise UserError(f"{where}, model: got {model!r:.40}; expected a model{there}")
    raise UserError(f"{where}, model: got {model!r:.40}; expected one of: {known}{close}{more}")


def _checked(content: Any, where: str, folder: Path) -> Study:
    """Return the study that the content of a file describes. Raises UserError."""
    kind = kind_named(content.get("model") if isinstance(content, dict) else None, where)
    if kind is BinaryStudy:
        content = keys.with_files(content, where, folder)
    return validated(kind, content, where, KINDS)


def schema() -> str:
    """Return the JSON schema of a study."""
    kinds: Any = Union[KINDS]  # noqa: UP007 - of as many as there are
    return json.dumps(TypeAdapter(kinds).json_schema(by_alias=True), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
