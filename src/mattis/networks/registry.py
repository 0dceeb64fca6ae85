"""The registry of models, and a study of any of them: one YAML file, validated, one clear error per mistake.

`python -m mattis.networks.registry` prints the JSON schema that `config/study.schema.json` holds.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from pydantic import TypeAdapter

from mattis.errors import UserError, nearest
from mattis.networks.binary import keys
from mattis.networks.binary.study import Family
from mattis.networks.drift.recall_study import Recall
from mattis.networks.drift.study import Consolidation
from mattis.networks.neurons.study import Continuous
from mattis.study.base import Study
from mattis.study.document import read_document, validated
from mattis.study.model import Model

KINDS: Mapping[str, type[Study]] = {
    model: kind for kind in (Family, Consolidation, Recall, Continuous) for model in kind.models
}
"""The kind of study that each model takes."""

MODELS: Mapping[str, Model] = {model: kind.models[model] for model, kind in KINDS.items()}
"""The table of models."""


def load_study(path: Path | str) -> Study:
    """Read and check a study. Raises UserError: one line with the file, the place and the remedy."""
    path = Path(path)
    return study_of(read_document(path), f"study {path.name}", path.parent)


def study_of(content: Any, where: str = "study", folder: Path = Path()) -> Study:
    """Return the study that keys and values describe. Raises UserError, which begins with `where`.

    folder  # where files of patterns are
    """
    model = content.get("model") if isinstance(content, dict) else None
    if isinstance(model, str) and model not in KINDS:  # whose keys and axes nobody knows
        known, close = ", ".join(KINDS), nearest(model, KINDS)
        raise UserError(f"{where}, model: got {model!r:.40}; expected one of: {known}{close}")
    kind = KINDS[model] if isinstance(model, str) else Family
    if kind is Family:
        content = keys.with_file(content, where, folder)
    return validated(kind, content, where)


def schema() -> str:
    """Return the JSON schema of a study."""
    kinds: Any = Union[tuple(dict.fromkeys(KINDS.values()))]  # noqa: UP007 - of as many as there are
    content = TypeAdapter(kinds).json_schema(by_alias=True)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
