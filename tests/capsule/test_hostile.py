"""Capsules of strangers: what is not as it was written is refused by name, and nothing is written or run."""

import io
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest
from builders import refused

from mattis.capsule.archive import Archived
from mattis.capsule.manifest import entry_of
from mattis.capsule.reproduce import reproduce
from mattis.capsule.unpacking import unpacked

Edit = Callable[[dict[str, bytes]], None]

CHUNK = "results/small/sweep.zarr/overlap/c/0/0/0/0/0"


def contents(path: Path) -> dict[str, bytes]:
    """Return all files of a zip."""
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rebuilt(capsule: Archived, path: Path, edit: Edit, *, hashed: bool = False) -> Path:
    """Write a capsule with edited files; `hashed` makes the manifest fit them, as a forger would."""
    files = contents(capsule.path)
    edit(files)
    if hashed:
        told = json.loads(files["manifest.json"])
        told["files"] = {
            name: entry_of(content).model_dump() for name, content in files.items() if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(told).encode()
    path.write_bytes(zipped(files))
    return path


def zipped(files: Mapping[str, bytes], kind: int = ZIP_STORED) -> bytes:
    """Return a zip of some files."""
    out = io.BytesIO()
    with ZipFile(out, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name), content, compress_type=kind)
    return out.getvalue()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of this test, in which at the end nothing may be but what the test has put there."""
    folder = tmp_path / "alone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert [path.name for path in folder.iterdir() if path.suffix != ".zip"] == []


@pytest.mark.parametrize("name", ["README.md", "study/small.yaml", CHUNK, "versions.json", "manifest.json"])
def test_one_flipped_bit_is_refused_with_the_name_of_the_file(
    name: str, capsule: Archived, alone: Path
) -> None:
    content = bytearray(capsule.path.read_bytes())
    with ZipFile(capsule.path) as archive:
        entry = archive.getinfo(name)
        start = entry.header_offset
    lengths = struct.unpack("<HH", content[start + 26 : start + 30])
    content[start + 30 + sum(lengths) + entry.file_size // 2] ^= 1
    (alone / "flipped.zip").write_bytes(content)
    said = refused(reproduce, alone / "flipped.zip", quiet=True)
    assert name in said
    assert "get the file again" in said


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.999])
def test_a_file_that_was_cut_is_refused(cut: float, capsule: Archived, alone: Path) -> None:
    content = capsule.path.read_bytes()
    (alone / "cut.zip").write_bytes(content[: int(cut * len(content))])
    assert "cut.zip: got no whole zip" in refused(reproduce, alone / "cut.zip", quiet=True)


def _change(name: str) -> Edit:
    def edit(files: dict[str, bytes]) -> None:
        files[name] = files[name] + b" "

    return edit


def _flip(name: str) -> Edit:
    """One bit, in a zip whose own checksums fit: only the manifest can tell."""

    def edit(files: dict[str, bytes]) -> None:
        files[name] = bytes([files[name][0] ^ 1]) + files[name][1:]

    return edit


def _remove(name: str) -> Edit:
    def edit(files: dict[str, bytes]) -> None:
        del files[name]

    return edit


def _add(name: str, content: bytes = b"more") -> Edit:
    return lambda files: files.update({name: content})


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_change("study/small.yaml"), "other than in its manifest, or damaged: study/small.yaml"),
        (_change(CHUNK), f"other than in its manifest, or damaged: {CHUNK}"),
        (_flip("README.md"), "other than in its manifest, or damaged: README.md"),
        (_remove("README.md"), "missing: README.md"),
        (_remove("manifest.json"), "got a zip without manifest.json"),
        (_add("plugins/mine.py"), "not in its manifest: plugins/mine.py"),
        (_add("manifest.json", b"{}"), "manifest.json: format: "),
        (_add("manifest.json", b"[" * 100_000), "manifest.json: "),
    ],
)
def test_other_files_than_those_of_the_manifest_are_refused(
    edit: Edit, expected: str, capsule: Archived, alone: Path
) -> None:
    path = rebuilt(capsule, alone / "edited.zip", edit)
    assert expected in refused(reproduce, path, quiet=True)


@pytest.mark.parametrize(
    "name",
    ["../out", "/tmp/out", "a/../../out", "a//b", "./a", "a\\..\\..\\b", "C:/out", "a\x01b", "folder/",
     "a" * 300, "README.md/below", "readme.MD"],
)  # fmt: skip
def test_names_that_leave_the_folder_or_clash_are_refused(name: str, capsule: Archived, alone: Path) -> None:
    path = rebuilt(capsule, alone / "slip.zip", _add(name, b""), hashed=True)
    said = refused(reproduce, path, quiet=True)
    assert "slip.zip: got " in said
    assert not (alone.parent / "out").exists()


def test_links_compressed_and_encrypted_entries_are_refused(capsule: Archived, alone: Path) -> None:
    files, path = contents(capsule.path), alone / "kind.zip"
    path.write_bytes(zipped(files, ZIP_DEFLATED))
    assert "which is compressed" in refused(reproduce, path, quiet=True)
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        link = ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    path.write_bytes(out.getvalue())
    assert "'link', a link or another special file" in refused(reproduce, path, quiet=True)
    secret = bytearray(zipped({"secret": b"x"}))
    secret[secret.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(secret)
    assert "which is encrypted" in refused(reproduce, path, quiet=True)


def test_a_size_beyond_the_file_itself_is_refused_before_anything_is_read(
    capsule: Archived, alone: Path
) -> None:
    content = bytearray(capsule.path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)
    (alone / "huge.zip").write_bytes(content)
    said = refused(reproduce, alone / "huge.zip", quiet=True)
    assert "beyond the size of the file itself" in said


def test_what_is_no_file_or_no_zip_is_refused(alone: Path) -> None:
    (alone / "text.zip").write_text("no zip")
    assert "got no whole zip" in refused(reproduce, alone / "text.zip", quiet=True)
    for name in ("missing.zip", "."):
        assert "cannot be read: " in refused(reproduce, alone / name, quiet=True)


def test_forged_hashes_do_not_hide_a_value_that_its_digest_does_not_fit(
    capsule: Archived, alone: Path
) -> None:
    def edit(files: dict[str, bytes]) -> None:
        chunk = bytearray(files[CHUNK])
        chunk[0] ^= 1
        files[CHUNK] = bytes(chunk)

    path = rebuilt(capsule, alone / "forged.zip", edit, hashed=True)
    said = refused(reproduce, path, quiet=True)
    assert "overlap/c/0/0/0/0/0: chunk wrong checksum" in said
    assert "its hash fits, its content does not" in said


def test_another_study_with_forged_hashes_is_refused(capsule: Archived, alone: Path) -> None:
    def longer(files: dict[str, bytes]) -> None:
        files["study/small.yaml"] = files["study/small.yaml"].replace(b"measure: 6", b"measure: 7")

    path = rebuilt(capsule, alone / "longer.zip", longer, hashed=True)
    said = refused(reproduce, path, quiet=True)
    assert "made from a different study: sweeps.measure: 6 → 7" in said
    assert said.startswith(str(path))


def test_a_digest_that_was_forged_is_refused(capsule: Archived, alone: Path) -> None:
    def other(files: dict[str, bytes]) -> None:
        told = json.loads(files["manifest.json"]) | {"digest": "0" * 64}
        files["manifest.json"] = json.dumps(told).encode()

    path = rebuilt(capsule, alone / "digest.zip", other)
    said = refused(reproduce, path, quiet=True)
    assert f"digest of all values: got {capsule.manifest.digest[:12]} of 12 cells" in said


def test_a_study_of_another_name_is_refused(capsule: Archived, alone: Path) -> None:
    def renamed(files: dict[str, bytes]) -> None:
        files["study/small.yaml"] = files["study/small.yaml"].replace(b"small", b"other")

    path = rebuilt(capsule, alone / "renamed.zip", renamed, hashed=True)
    assert "study small: got one named other" in refused(reproduce, path, quiet=True)


def test_into_takes_only_an_empty_folder(capsule: Archived, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    said = refused(reproduce, capsule.path, into=tmp_path / "full", quiet=True)
    assert "got a folder with files" in said
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "link").symlink_to(tmp_path / "full")
    assert "got a folder with files" in refused(reproduce, capsule.path, into=tmp_path / "link", quiet=True)


def test_what_is_unpacked_is_what_the_capsule_holds(capsule: Archived, tmp_path: Path) -> None:
    with unpacked(capsule.path, tmp_path / "new" / "folder") as found:
        assert found.sha256 == capsule.sha256
    files = {
        path.relative_to(found.folder).as_posix(): path.read_bytes()
        for path in found.folder.rglob("*")
        if path.is_file()
    }
    assert files == contents(capsule.path)
    with unpacked(capsule.path) as lent:
        assert lent.folder.is_dir()
    assert not lent.folder.exists()
