"""What a file system refuses is one line with place, reason and remedy; writers never meet in one name."""

import errno
import os
import threading
from pathlib import Path

import pytest

from mattis.errors import Fault, UserError
from mattis.store.buckets import Bucket
from mattis.store.folders import Folder
from mattis.store.places import place_of


@pytest.mark.parametrize("name", ["file", "folder"])
def test_many_writers_of_one_process_never_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As two containers do, in which each process is number 1, and two threads of one."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    faults: list[Exception] = []

    def write(writer: int) -> None:
        try:
            for number in range(40):
                content = f"{writer} {number}\n".encode() * 50
                if name == "file":
                    Folder(tmp_path / name).write_bytes(content)
                else:
                    Folder(tmp_path / name).write_anew({"a": content, "b/c": content})
        except (Fault, UserError, OSError) as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert [path.name for path in tmp_path.iterdir()] == [name]
    files = [tmp_path / name] if name == "file" else [tmp_path / name / "a", tmp_path / name / "b/c"]
    for file in files:
        assert len({*file.read_bytes().splitlines()}) == 1  # of one writer


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match=r"runs is a link to .*gone, which is not there; make that"):
        Folder(tmp_path / "runs" / "small").make_folder()


@pytest.mark.parametrize("below", ["", "small", "small/more"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match=r"taken is a file; move it away, or choose another --res"):
        Folder(tmp_path / "taken" / below).make_folder()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"no space left on device; make room, or choose another --results"),
        (errno.EDQUOT, r"; make room within the quota, or choose"),
        (errno.EROFS, r"read-only file system; make it writable, or choose"),
        (errno.EIO, r"input/output error; mend it, or choose"),
    ],
)
def test_a_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match=words):
        Folder(tmp_path / "new").make_folder()


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("s3:/bucket/runs", "s3://bucket/runs"),
        ("S3:bucket", "s3://bucket"),
        (Path("s3://bucket/runs"), "s3://bucket/runs"),
        ("gs:/b/p", "gs://b/p"),
        ("s3://bucket//runs", "s3://bucket/runs"),
        ("s3://bucket/a//b/", "s3://bucket/a/b"),
    ],
)
def test_what_is_nearly_a_url_is_told_what_it_is(given: "str | Path", advice: str) -> None:
    with pytest.raises(UserError, match=rf"--results: got .*expected .*{advice}$"):
        place_of(given)


def test_urls_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place_of("~/runs") == Folder(tmp_path / "runs")
    assert place_of(Path("~/runs")) == Folder(tmp_path / "runs")
    assert place_of("a:b") == Folder(Path("a:b"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert isinstance(place_of("s3://bucket/runs"), Bucket)
