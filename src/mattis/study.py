"""A study: one YAML file, one phase diagram. Validated, frozen, one clear error per mistake.

`python -m mattis.study` prints the JSON schema that `config/study.schema.json` holds.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from pydantic import TypeAdapter

from mattis.document import read_document, validated
from mattis.errors import UserError, nearest
from mattis.models import continuous
from mattis.models.members import MEMBERS
from mattis.studies import settings
from mattis.studies.base import LARGEST_STUDY, Study
from mattis.studies.consolidation import Consolidation
from mattis.studies.continuous import Continuous
from mattis.studies.family import Family
from mattis.studies.recall import Recall

KINDS: Mapping[str, type[Study]] = {
    **dict.fromkeys(MEMBERS, Family),
    "consolidation": Consolidation,
    "recall": Recall,
    **dict.fromkeys(continuous.MEMBERS, Continuous),
}
"""The kind of study that each model takes."""

__all__ = ["KINDS", "LARGEST_STUDY", "Study", "load_study", "schema", "study_of"]


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
        content = settings.with_file(content, where, folder)
    return validated(kind, content, where)


def schema() -> str:
    """Return the JSON schema of a study."""
    kinds: Any = Union[tuple(dict.fromkeys(KINDS.values()))]  # noqa: UP007 - of as many as there are
    content = TypeAdapter(kinds).json_schema(by_alias=True)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
