"""The workflow's configuration: what its keys may be, and where the files that they name are looked for."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator

from mattis.errors import UserError
from mattis.study.axes import Part
from mattis.study.document import validated
from mattis.surroundings import expanded

UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that end a line or have no picture: no message could show such a path."""

WILDCARDS = re.compile(r"[{}]|<\w+>")
"""What Snakemake takes for a blank to fill in, wherever it stands in a path."""


UNQUOTED = re.compile(r"['\"$`\\]")
"""What does not survive the command line by which Snakemake starts a job on another machine."""


def _name(value: Any) -> str:
    """Return a path with `~` expanded. Raises ValueError for what is no path."""
    if isinstance(value, int | float):  # YAML made a number of a name
        raise ValueError(f"expected a path, such as ./{value}")
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a path")
    if found := UNPRINTED.search(value):
        raise ValueError(f"expected a path without {ascii(found[0])[1:-1]}; rename it")
    path = expanded(value)
    # A dash would be an option of the command.
    return str(path.absolute() if str(path).startswith("-") else path)


def _path(value: Any) -> str:
    """Return the path of a file that rules name. Raises ValueError for one that Snakemake cannot carry."""
    path = _name(value)
    if found := WILDCARDS.search(path):
        raise ValueError(f"expected a path without {found[0]}, which Snakemake fills in; rename it")
    return path


def _folder(value: Any) -> str:
    """Return the path of a folder. Raises ValueError for an address."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", str(value)):
        raise ValueError(
            "expected a folder, as Snakemake looks at files; "
            "object stores are for the command: mattis run STUDY --results URL"
        )
    return _path(value)


def _listed(value: Any) -> Sequence[Any]:
    """Return a list; one path is a list of one, and nothing is none."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else [value]


def _plugins(value: Any) -> tuple[str, ...]:
    """Return the paths of plugins."""
    return tuple(map(_name, _listed(value)))


def _studies(value: Any) -> tuple[str, ...]:
    """Return the paths of at least one study."""
    paths = tuple(map(_path, _listed(value)))
    if not paths:
        raise ValueError("expected the file of a study, such as config/studies/hopfield.yaml")
    return paths


def _count(value: Any) -> int:
    """Return a whole number of at least 1."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError("expected a whole number of at least 1, such as 8")
    return number


def _switch(value: Any) -> bool:
    """Return true or false."""
    words = {"true": True, "false": False}
    if str(value).lower() not in words:
        raise ValueError("expected true or false")
    return words[str(value).lower()]


class WorkflowConfig(Part):
    """What to make, and where: the keys of `config/config.yaml`, and of `--config` of Snakemake."""

    results: Annotated[str, BeforeValidator(_folder)] = "results"
    """The folder of all results."""

    studies: Annotated[tuple[str, ...], BeforeValidator(_studies)]
    """The files of the studies."""

    shards: Annotated[int, BeforeValidator(_count)] = 1
    """Into how many jobs each study is cut."""

    plugins: Annotated[tuple[str, ...], BeforeValidator(_plugins)] = ()
    """The files of plugins."""

    all_observables: Annotated[bool, BeforeValidator(_switch)] = False
    """Whether cells that exist also get what the model observes today and they do not have."""

    def beside(self, folder: Path) -> "WorkflowConfig":
        """Return the same, with files that are not in the working directory looked for in a folder."""
        found = {key: [_found(path, folder) for path in getattr(self, key)] for key in ("studies", "plugins")}
        return workflow_config(self.model_dump() | found)

    def check_elsewhere(self) -> None:
        """Raise UserError for a path that a job on another machine would not get as it is."""
        for key in ("results", "studies", "plugins"):
            for path in _listed(getattr(self, key)):
                if found := UNQUOTED.search(path):
                    raise UserError(
                        f"config: {key}: got {path}; expected a path without {found[0]} where jobs run "
                        "elsewhere, as Snakemake does not quote it; rename it"
                    )

    def arguments(self, study: str) -> list[str]:
        """Return the `--config` of a workflow that has one study only, word by word.

        Snakemake takes quotes off the ends of a word and reads the rest as YAML: hence the blanks.
        """
        values = self.model_dump(mode="json") | {"studies": [study]}
        return [f"{key}= {_quoted(value)} " for key, value in values.items()]


def _found(path: str, folder: Path) -> str:
    """Return a path that exists in the working directory, or else in a folder."""
    other = folder / path
    return str(other) if other.exists() and not Path(path).exists() else path


def _quoted(value: Any) -> str:
    """Return a value in one line of YAML that no reader takes for another."""
    text: str = yaml.safe_dump(
        value, default_style='"', default_flow_style=True, allow_unicode=True, width=2**30
    )
    return text.strip()


def workflow_config(content: Mapping[str, Any]) -> WorkflowConfig:
    """Return the workflow's configuration, checked. Raises UserError with the first mistake."""
    # Snakemake's own key, which changes nothing here.
    own = {str(key): value for key, value in content.items() if key != "pathvars"}
    try:
        return validated(WorkflowConfig, own, "config")
    except UserError as error:
        raise UserError(str(error).replace("config, ", "config: ", 1)) from None
