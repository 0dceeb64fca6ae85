"""Opening a capsule that may come from a stranger: nothing is written before all of it is as it should be.

Entries are not compressed, so that what they unpack to is never larger than the file that was downloaded.
"""

import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from mattis.capsule.manifest import MANIFEST, FileEntry, Manifest, read_manifest
from mattis.errors import Fault, UserError
from mattis.words import sized, some

LARGEST_MANIFEST = 2**28
"""Bytes of a manifest at most: of a million files."""

LONGEST_NAME = 240
"""Characters of the name of a file at most, and of each of its parts what folders allow."""

NAMES_SHOWN = 5
"""Files that an error names at most."""

READ_AT_ONCE = 2**20
"""Bytes that are read at once."""

BROKEN = (BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError)
"""What Python raises of a zip that is damaged, encrypted, or of a kind that it does not know."""


@dataclass(frozen=True)
class Unpacked:
    """A capsule whose files are those of its manifest: where it came from, and where they lie now."""

    source: Path
    folder: Path
    manifest: Manifest
    sha256: str


@contextmanager
def unpacked(path: Path, into: Path | None = None) -> Iterator[Unpacked]:
    """Yield a capsule, unpacked into a new folder, or a temporary one that goes at the end.

    Raises UserError, naming the file, for whatever is not as `mattis archive` wrote it.
    """
    with ExitStack() as stack:
        archive = stack.enter_context(_opened(path))
        entries = checked_entries(archive, path)
        manifest = read_manifest(_content(archive, entries, path), str(path))
        _check_names(manifest.files, entries, path)
        _check_contents(archive, manifest.files, entries, path)
        folder = _folder(path, into, stack)
        _extract(archive, manifest.files, entries, folder, path)
        (folder / MANIFEST).write_bytes(_content(archive, entries, path))
        yield Unpacked(path, folder, manifest, hash_of_file(path))


def hash_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = sha256()
    with path.open("rb") as file:
        while part := file.read(READ_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _refused(path: Path, what: str) -> UserError:
    return UserError(
        f"{path}: {what}; expected what mattis archive writes; get the file again, and compare its SHA-256"
    )


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        archive = ZipFile(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror or error}; expected a capsule, such as NAME.zip"
        ) from None
    except BROKEN as error:
        raise _refused(path, f"got no whole zip ({error})") from None
    with archive:
        yield archive


def checked_entries(archive: ZipFile, path: Path) -> Mapping[str, ZipInfo]:
    """Return the entries of a zip by their names. Raises UserError for one that might do harm."""
    out: dict[str, ZipInfo] = {}
    seen: set[str] = set()
    room = path.stat().st_size
    for entry in archive.infolist():
        name = entry.orig_filename
        if why := _why_not(entry):
            raise _refused(path, f"got {name!r:.120}, {why}")
        if name.casefold() in seen:
            raise _refused(path, f"got {name!r:.120} twice")
        room -= entry.file_size
        if room < 0:
            raise _refused(path, f"got {name!r:.120}, beyond the size of the file itself")
        seen.add(name.casefold())
        out[name] = entry
    for name in seen:  # a file in the place of a folder
        parents = name.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            if (above := "/".join(parents[:depth])) in seen:
                raise _refused(path, f"got {above!r:.120} as a file and as a folder")
    return out


def _why_not(entry: ZipInfo) -> str:
    """Say why an entry is not unpacked; "" for a plain file below the folder."""
    name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    parts = name.split("/")
    if name != entry.filename or not name.isprintable() or "\\" in name or ":" in name:
        return "which is no plain name"
    if name.startswith("/") or {"", ".", ".."} & {*parts} or len(name) > LONGEST_NAME:
        return "which leaves the folder, or is no name of a file"
    if kind not in (0, stat.S_IFREG):
        return "a link or another special file"
    if entry.flag_bits & 1:
        return "which is encrypted"
    if entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size:
        return "which is compressed"
    return ""


def _content(archive: ZipFile, entries: Mapping[str, ZipInfo], path: Path) -> bytes:
    """Return the text of the manifest."""
    entry = entries.get(MANIFEST)
    if entry is None or entry.file_size > LARGEST_MANIFEST:
        raise _refused(path, f"got a zip without {MANIFEST}, or one too large")
    return b"".join(_parts(archive, entry, path))


def _parts(archive: ZipFile, entry: ZipInfo, path: Path) -> Iterator[bytes]:
    """Yield the content of an entry, part by part."""
    try:
        with archive.open(entry) as file:
            while part := file.read(READ_AT_ONCE):
                yield part
    except BROKEN:
        raise _refused(path, f"{entry.filename} is damaged") from None


def _check_names(listed: Mapping[str, FileEntry], entries: Mapping[str, ZipInfo], path: Path) -> None:
    """Raise UserError unless the zip has exactly the files of its manifest."""
    for these, what in (
        ({*listed} - {*entries}, "missing"),
        ({*entries} - {*listed} - {MANIFEST}, "not in its manifest"),
        ({*listed} & {MANIFEST}, "in a list of itself"),
    ):
        if these:
            raise _refused(path, f"{what}: {some(sorted(these), NAMES_SHOWN, 'file')}")


def _check_contents(
    archive: ZipFile, listed: Mapping[str, FileEntry], entries: Mapping[str, ZipInfo], path: Path
) -> None:
    """Raise UserError, naming them, where files are not those of the manifest."""
    differ = []
    for name, known in listed.items():
        digest = sha256()
        try:
            for part in _parts(archive, entries[name], path):
                digest.update(part)
        except UserError:
            differ.append(name)
            continue
        if digest.hexdigest() != known.sha256 or entries[name].file_size != known.bytes:
            differ.append(name)
    if differ:
        raise _refused(
            path, f"other than in its manifest, or damaged: {some(sorted(differ), NAMES_SHOWN, 'file')}"
        )


def _folder(path: Path, into: Path | None, stack: ExitStack) -> Path:
    """Return an empty folder of its own to unpack into."""
    if into is None:
        return Path(stack.enter_context(TemporaryDirectory(prefix="mattis-capsule-"))).resolve()
    try:
        into.mkdir(parents=True, exist_ok=True)
        if any(into.iterdir()):
            raise UserError(f"--into {into}: got a folder with files; expected an empty or a new one")
    except OSError as error:
        raise UserError(f"--into {into}: cannot unpack {path.name}: {error.strerror}") from None
    return into.resolve()


def _extract(
    archive: ZipFile,
    listed: Mapping[str, FileEntry],
    entries: Mapping[str, ZipInfo],
    folder: Path,
    path: Path,
) -> None:
    """Write the files of a capsule into an empty folder; each is made anew, and no link is followed."""
    try:
        for name in listed:
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out:
                for part in _parts(archive, entries[name], path):
                    out.write(part)
    except OSError as error:
        size = sum(each.bytes for each in listed.values())
        raise Fault(
            f"{folder}: cannot unpack {path.name}: {error.strerror or error}; it needs {sized(size)}; "
            "give a folder with room by --into",
            "capsule not unpacked",
        ) from None
