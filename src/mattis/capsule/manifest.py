"""The manifest of a capsule: every file with its SHA-256, the digests of the results, and the plugins."""

import ast
import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mattis.capsule.versions import Versions
from mattis.errors import UserError
from mattis.plugins import ENTRY_POINTS, Plugin
from mattis.study.base import StudyName
from mattis.words import one_line

MANIFEST = "manifest.json"
"""The file of the manifest, which lists every file but itself."""

CAPSULE_FORMAT = 1
"""The format of capsules that this mattis writes and reads."""

_HASH = re.compile(r"[0-9a-f]{64}")
_SPDX = re.compile(r"SPDX-License-Identifier:\s*(\S.*)")

Hash = Annotated[str, Field(pattern=f"^{_HASH.pattern}$")]


class CapsulePart(BaseModel):
    """A part of a manifest: nothing is converted, and nothing else may stand there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FileEntry(CapsulePart):
    """A file of a capsule."""

    sha256: Hash
    bytes: Annotated[int, Field(ge=0)]


class PluginSource(CapsulePart):
    """A plugin that a study was computed or drawn with: its source, and whose it is."""

    name: str
    digest: Hash
    module: str
    """The module of an installed plugin; empty for a file."""
    package: str
    """The installed package and its version; empty for a file."""
    files: list[str]
    licence: str
    """As its source or its package says it; empty where neither does."""
    citation: str


class Manifest(CapsulePart):
    """What a capsule says of itself."""

    format: Literal[1]
    study: StudyName
    cells: Annotated[int, Field(gt=0)]
    digest: Hash
    states_digest: Hash | None
    versions: Versions
    plugins: list[PluginSource]
    files: dict[str, FileEntry]

    def to_json(self) -> bytes:
        """Return the file of the manifest."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    @property
    def study_file(self) -> str:
        """Where the study lies in the capsule."""
        return study_file(self.study)


def study_file(name: str) -> str:
    """Return where the study of a name lies in its capsule."""
    return f"study/{name}.yaml"


def read_manifest(content: bytes, where: str) -> Manifest:
    """Return the manifest that some bytes spell. Raises UserError for anything else."""
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "its text"
        raise UserError(
            f"{where}: {MANIFEST}: {one_line(at, 80)}: {one_line(first['msg'], 120)}; expected what mattis "
            f"archive writes, format {CAPSULE_FORMAT}; use the mattis that wrote it, or get the file again"
        ) from None


def entry_of(content: bytes) -> FileEntry:
    """Return the entry of a file."""
    return FileEntry(sha256=sha256(content).hexdigest(), bytes=len(content))


def sources_of(plugin: Plugin) -> tuple[PluginSource, Mapping[str, bytes]]:
    """Return a plugin as the manifest lists it, and its source files by their names in the capsule."""
    if plugin.text:
        files = {f"plugins/{plugin.name}.py": plugin.text.encode()}
        licence, citation = stated(plugin.text)
        return _listed_plugin(plugin, "", files, licence, citation), files
    files = _files_of_module(plugin)
    licence, citation = stated("\n".join(file.decode(errors="replace") for file in files.values()))
    package = _package_of(plugin.name)
    if package is None:
        return _listed_plugin(plugin, "", files, licence, citation), files
    told = package.metadata
    for key in ({*told} & {"License-Expression", "License"}) if not licence else ():
        licence = told[key]
    label = f"{told['Name']} {package.version}"
    return _listed_plugin(plugin, label, files, one_line(licence), citation), files


def _listed_plugin(
    plugin: Plugin, package: str, files: Mapping[str, bytes], licence: str, citation: str
) -> PluginSource:
    return PluginSource(
        name=plugin.name,
        digest=plugin.digest,
        module=plugin.module,
        package=package,
        files=sorted(files),
        licence=licence,
        citation=citation,
    )


def _files_of_module(plugin: Plugin) -> dict[str, bytes]:
    """Return the Python files of an installed plugin: those that its hash runs over."""
    found = find_spec(plugin.module)
    place = Path(str(found and found.origin))
    whole = found is not None and found.submodule_search_locations
    paths = sorted(place.parent.rglob("*.py")) if whole else [place]
    folder = f"plugins/{plugin.name}"
    return {f"{folder}/{p.relative_to(place.parent).as_posix()}": p.read_bytes() for p in paths}


def _package_of(name: str) -> Distribution | None:
    """Return the installed package that a plugin of some name is of."""
    for point in entry_points(group=ENTRY_POINTS, name=name):
        if point.dist is not None:
            try:
                return distribution(point.dist.metadata["Name"])
            except PackageNotFoundError:
                return None
    return None


def stated(source: str) -> tuple[str, str]:
    """Return the licence and the citation that a source states: `__license__`, `__citation__`, or SPDX."""
    words: dict[str, str] = {}
    try:
        body = ast.parse(source).body
    except SyntaxError:  # of several files in one
        body = []
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            words |= {name: str(node.value.value) for name in names}
    spdx = _SPDX.search(source)
    licence = words.get("__license__") or (spdx[1].strip() if spdx else "")
    return one_line(licence), one_line(words.get("__citation__") or words.get("__author__", ""))
