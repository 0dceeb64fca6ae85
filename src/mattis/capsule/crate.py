"""RO-Crate metadata of a capsule, as repositories read them: JSON-LD by the specification 1.1.

Sefton et al., RO-Crate Metadata Specification 1.1 (2020), doi:10.5281/zenodo.4541002.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import prod
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from mattis.capsule.manifest import PluginSource
from mattis.capsule.versions import Versions
from mattis.errors import UserError
from mattis.study.base import Study
from mattis.words import counted

CRATE = "ro-crate-metadata.json"
"""The file of the metadata, by the specification."""

CRATE_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
"""The context of the specification: what its words mean."""

MEDIA_TYPES = {
    ".csv": "text/csv", ".html": "text/html", ".json": "application/json", ".md": "text/markdown",
    ".png": "image/png", ".py": "text/x-python", ".svg": "image/svg+xml", ".txt": "text/plain",
    ".yaml": "application/yaml",
}  # fmt: skip
"""Media types of the files of a capsule; others say nothing of it."""

NO_LICENCE = "No licence is stated. Ask the authors before you use this beyond reading and checking it."
"""What stands in the place of a licence where the authors give none."""

_AUTHOR = re.compile(r"\s*([^<>]*[^<>\s])\s*(?:<(?:https://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])>)?\s*")
_SPDX_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Publication:
    """Whose a capsule is: the day, authors as `Name` or `Name <ORCID>`, a licence as SPDX's word or a URL."""

    day: str
    authors: Sequence[str] = ()
    licence: str = ""

    def __post_init__(self) -> None:
        for author in self.authors:
            if not _AUTHOR.fullmatch(author):
                raise UserError(
                    f"--author: got {author!r:.80}; expected a name, or one with an ORCID, such as "
                    "'Ada Lovelace <0000-0002-1825-0097>'"
                )
        if self.licence and not (_SPDX_WORD.fullmatch(self.licence) or self.licence.startswith("https://")):
            raise UserError(
                f"--licence: got {self.licence!r:.80}; expected a word of SPDX, such as CC-BY-4.0, or a URL"
            )
        if not _is_day(self.day):
            raise UserError(
                f"--date: got {self.day!r:.40}; expected the day of publication, such as 2026-01-31"
            )


def _is_day(text: str) -> bool:
    """Tell whether a text is a day of the calendar, as ISO 8601 writes it."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return _DAY.fullmatch(text) is not None


def crate_json(
    study: Study,
    publication: Publication,
    versions: Versions,
    plugins: Sequence[PluginSource],
    files: Mapping[str, int],
) -> bytes:
    """Return the metadata of a capsule.

    files  # sizes of all files by their names; those of a zarr are described as one folder
    """
    parts = [*_parts(study, plugins, files)]
    graph = [
        {
            "@id": CRATE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "about": {"@id": "./"},
        },
        _root(study, publication, parts),
        *parts,
        *_context(study, publication, versions, parts),
    ]
    text = json.dumps({"@context": CRATE_CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False)
    return (text + "\n").encode()


def _root(study: Study, publication: Publication, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the root data entity: what the capsule is as a whole."""
    model, cells = study.described_model, prod(map(len, study.labels.values()))
    licence = publication.licence
    people = [{"@id": one["@id"]} for one in _people(publication)]
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{study.name}: {model.summary}",
        "description": (
            f"{counted(cells, 'simulated cell')} of the model {model.name} ({model.source}), with the "
            "study, figures, digests, versions and plugins. `mattis reproduce` computes cells again and "
            "compares them to the last bit."
        ),
        "datePublished": publication.day,
        "license": {"@id": _licence_id(licence)} if licence else NO_LICENCE,
        **({"author": people} if people else {}),
        "hasPart": [{"@id": part["@id"]} for part in parts],
        "mentions": {"@id": "#simulation"},
    }


def _parts(
    study: Study, plugins: Sequence[PluginSource], files: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield the data entities: each file, and each zarr as one folder."""
    sources = {name: plugin for plugin in plugins for name in plugin.files}
    folders: set[str] = set()
    for name in sorted(files):
        zarr = next((p for p in PurePosixPath(name).parents if p.suffix == ".zarr"), None)
        if zarr is None:
            yield _file(name, files[name], sources.get(name))
        elif str(zarr) not in folders:
            folders.add(str(zarr))
            whole = zarr.name == "sweep.zarr"
            yield {
                "@id": f"{quote(str(zarr))}/",
                "@type": "Dataset",
                "name": f"{'cells' if whole else 'estimates with errors'} of {study.name}",
                "description": "zarr version 3: xarray.open_zarr reads it",
                "encodingFormat": "application/zarr",
            }


def _file(name: str, size: int, plugin: PluginSource | None) -> dict[str, Any]:
    """Return the data entity of a file; a source of a plugin says whose it is."""
    kind = MEDIA_TYPES.get(PurePosixPath(name).suffix)
    out: dict[str, Any] = {
        "@id": quote(name),
        "@type": "File" if plugin is None else ["File", "SoftwareSourceCode"],
        "name": name,
        "contentSize": str(size),
        **({"encodingFormat": kind} if kind else {}),
    }
    if plugin is not None:
        stated = {"license": plugin.licence, "citation": plugin.citation}
        out |= {key: value for key, value in stated.items() if value}
    return out


def _context(
    study: Study, publication: Publication, versions: Versions, parts: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the contextual entities: people, the licence, mattis, and the act of computing."""
    yield from _people(publication)
    if licence := publication.licence:
        described = {"name": licence, "description": f"the licence {licence}"}
        yield {"@id": _licence_id(licence), "@type": "CreativeWork", **described}
    yield {
        "@id": "#mattis",
        "@type": "SoftwareApplication",
        "name": "mattis",
        "softwareVersion": versions.mattis,
        "version": versions.mattis,
        "license": "BSD-3-Clause",
        "description": "phase diagrams of associative memories",
    }
    stores = [part["@id"] for part in parts if part["@id"].endswith("/sweep.zarr/")]
    given = [part["@id"] for part in parts if part["@id"].startswith("study/")]
    yield {
        "@id": "#simulation",
        "@type": "CreateAction",
        "name": f"simulation of {study.name}",
        "instrument": {"@id": "#mattis"},
        "object": [{"@id": name} for name in given],
        "result": [{"@id": name} for name in stores],
    }


def _people(publication: Publication) -> list[dict[str, Any]]:
    """Return the authors, each by ORCID where it is known."""
    out = []
    for number, author in enumerate(publication.authors, start=1):
        found = _AUTHOR.fullmatch(author)
        assert found is not None  # as the publication was checked
        name, orcid = found.groups()
        place = f"https://orcid.org/{orcid}" if orcid else f"#author-{number}"
        out.append({"@id": place, "@type": "Person", "name": name})
    return out


def _licence_id(licence: str) -> str:
    return licence if licence.startswith("https://") else f"https://spdx.org/licenses/{licence}"
