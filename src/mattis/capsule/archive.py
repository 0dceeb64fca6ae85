"""`mattis archive`: a study and its results, whole and checked, in one zip with the same bytes each time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mattis import figures, plugins
from mattis.capsule import manifest
from mattis.capsule.crate import CRATE, Publication, crate_json
from mattis.capsule.manifest import MANIFEST, FileEntry, Manifest, entry_of, sources_of, study_file
from mattis.capsule.packing import pack
from mattis.capsule.readme import README, readme
from mattis.capsule.unpacking import hash_of_file
from mattis.capsule.versions import versions_here
from mattis.engine import status
from mattis.errors import Fault, UserError
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import StudyLike, load_study
from mattis.page import Findings, page_written
from mattis.store import record, rounds, store
from mattis.store.results import Results, Root, results_of
from mattis.store.verify import verify
from mattis.study.base import Study
from mattis.surroundings import expanded
from mattis.words import counted

VERSIONS = "versions.json"
"""The file of versions and hashes of packages."""

REQUIREMENTS = "requirements.txt"
"""The file of the same versions, as pip takes it."""


class Digests(NamedTuple):
    """The digest of all values of a study, and that of its final states, where it keeps some."""

    values: str
    states: str | None


@dataclass(frozen=True)
class Archived:
    """A capsule that was written: where, its SHA-256, and what it holds."""

    path: Path
    sha256: str
    manifest: Manifest


def archive(
    study: StudyLike,
    output: Path | str | None = None,
    root: Root = None,
    *,
    authors: Sequence[str] = (),
    licence: str = "",
    date: str | None = None,
) -> Archived:
    """Write a study, its results and all that a referee needs to check them into one zip.

    The same store gives the same bytes, in the same environment.

    Parameters
    ----------
    study
        The study (or its file, or its keys), all cells of which are computed.
    output
        The file to write; NAME.zip if None.
    root
        The folder of results or a prefix of an object store; `results` if None.
    authors
        Whose it is: names, or names with ORCID as in `Ada Lovelace <0000-0002-1825-0097>`.
    licence
        SPDX's word for the licence of the data, such as CC-BY-4.0, or its URL.
    date
        The day of publication, as 2026-01-31; that on which the store was last written if None.

    Raises
    ------
    UserError
        Cells are missing or damaged, or the study needs files that are not there.

    Examples
    --------
    >>> mattis.archive("mine.yaml", "mine.zip", licence="CC-BY-4.0")
    """
    study = load_study(study)
    path = _checked_output(study, output)
    results = results_of(study, root)
    publication = Publication(date or _day_of(results), tuple(authors), licence)
    _check_files(study)
    digests = Digests(
        status.digest(study, root), status.states_digest(study, root) if study.kept_states else None
    )
    _check_sound(study, root, results)
    with TemporaryDirectory(prefix="mattis-archive-") as staging:
        files = _staged(study, results, Path(staging))
        cells = int(rounds.asked(study, results).cells.sum())
        manifest = _described(study, cells, digests, publication, files)
        pack(path, files)
    return Archived(path, hash_of_file(path), manifest)


def _checked_output(study: Study, output: Path | str | None) -> Path:
    """Return the file to write. Raises UserError for one that cannot be."""
    path = expanded(output) if output is not None else Path(f"{study.name}.zip")
    if path.suffix != ".zip":
        raise UserError(
            f"-o {path}: got {path.suffix or 'no suffix'}; expected a zip, such as {study.name}.zip"
        )
    if not path.absolute().parent.is_dir() or path.is_dir():
        raise UserError(f"-o {path}: cannot be written; expected a file in a folder that is there")
    return path


def _day_of(results: Results) -> str:
    """Return the day on which a store was last written; today's where it is no folder."""
    folder = results.store.on_disk
    written = [p.stat().st_mtime for p in folder.rglob("*") if p.is_file()] if folder else []
    when = datetime.fromtimestamp(max(written), UTC) if written else datetime.now(UTC)
    return when.date().isoformat()


def _check_files(study: Study) -> None:
    """Raise UserError where couplings that a study is given are not there."""
    if isinstance(study, BinaryStudy):
        needed, there = len(study.given_couplings), len(study.attachments())
        if there < needed:
            raise UserError(
                f"study {study.name}, couplings.file: got {there} of {counted(needed, 'file')}; expected all "
                "of them, for nobody can compute the study without; put them back"
            )


def _check_sound(study: Study, root: Root, results: Results) -> None:
    """Raise UserError where something of a store is damaged."""
    verdict = verify(study, root)
    if not verdict.sound:
        first = verdict.findings[0]
        raise UserError(
            f"{results.store}: {first.place}: {first.damage}; mattis run mends it, then archive it again"
        )


def _staged(study: Study, results: Results, folder: Path) -> dict[str, bytes | Path]:
    """Return the study, its store, figures and page by their names in a capsule, made in a folder."""
    root = folder / "results"
    copy = results_of(study, root)
    _copy_store(study, results, copy)
    drawn = figures.drawn(study, root)
    page_written(study, Findings(drawn.cells, drawn.estimates, drawn.headline), root)
    study.write(folder / study_file(study.name))
    again = load_study(folder / study_file(study.name))
    if again.physics() != study.physics() or again.labels != study.labels:
        raise Fault(
            f"study {study.name}: reads back as another one from its capsule; please report it, with the "
            "study",
            "study not archived",
        )
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and _belongs(path.relative_to(folder), copy)
    }


def _belongs(path: Path, copy: Results) -> bool:
    """Tell whether a file is for the capsule: caches are not, nor cells of other studies that still wait."""
    return path.name != copy.theory.name and "journal" not in path.parts


def _copy_store(study: Study, results: Results, copy: Results) -> None:
    """Copy a store, with the cells of its journal in its cube, its rounds, and known values of theory."""
    names = [name for name in results.store.files() if not name.endswith(".partial")]
    copy.store.make_folder()
    for name in names:
        content = (results.store / name).read_bytes()
        if content is not None:
            place = Path(str(copy.store)) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    for one in rounds.recorded(study, results):
        rounds.write(copy, one)
    known = results.theory.read_bytes()
    if known is not None:
        copy.theory.write_bytes(known)
    if any(name.startswith("journal/") for name in names):
        _fold(study, results, copy)


def _fold(study: Study, results: Results, copy: Results) -> None:
    """Move the cells in the journal of a copied store into its cube, where xarray reads them.

    Raises UserError for cells of older random numbers, which no store of today takes.
    """
    try:
        record.check_recipe(results.store, study, record.read(results.store, study))
    except UserError:
        raise UserError(
            f"{results.store}: cells of the random numbers of an older mattis wait in its journal; only that "
            "mattis can move them into the cube; run the study with it once, then archive it"
        ) from None
    store.create_or_extend(copy.store, rounds.asked(study, copy).study)


def _described(
    study: Study, cells: int, digests: Digests, publication: Publication, files: dict[str, bytes | Path]
) -> Manifest:
    """Add to the files of a capsule those that describe it; return its manifest."""
    versions, sources = versions_here(), [*_sources(study)]
    listed = [source for source, _ in sources]
    for _, contents in sources:
        files |= contents
    files |= {
        README: readme(study, cells, digests.values, publication, versions, listed),
        VERSIONS: (versions.model_dump_json(indent=1) + "\n").encode(),
        REQUIREMENTS: versions.requirements().encode(),
    }
    entries = {name: _entry(content) for name, content in files.items()}
    sizes = {name: entry.bytes for name, entry in entries.items()}
    files[CRATE] = crate_json(study, publication, versions, listed, sizes)
    entries[CRATE] = _entry(files[CRATE])
    manifest = Manifest(
        format=1,
        study=study.name,
        cells=cells,
        digest=digests.values,
        states_digest=digests.states,
        versions=versions,
        plugins=listed,
        files=dict(sorted(entries.items())),
    )
    files[MANIFEST] = manifest.to_json()
    return manifest


def _entry(content: bytes | Path) -> FileEntry:
    """Return what a manifest says of a file."""
    return entry_of(content if isinstance(content, bytes) else content.read_bytes())


def _sources(study: Study) -> Iterator[tuple[manifest.PluginSource, Mapping[str, bytes]]]:
    """Yield the plugins that a capsule brings: those from files, and installed ones that make its numbers."""
    observables = [one.name for one in study.described_model.observables]
    made_with = record.physics_of(study, observables).get("plugins", {})
    for plugin in plugins.loaded():
        if plugin.text or plugin.name in made_with:
            yield sources_of(plugin)
