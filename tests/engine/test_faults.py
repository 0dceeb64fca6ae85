"""What the machine refuses in the middle of a run is one line, and costs nothing that was computed."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from builders import HERE, SECONDS, THREADS, columns_of, fill, make_study, started, undisturbed, write_study

from mattis.engine.driver import run
from mattis.engine.status import digest, status
from mattis.errors import Fault, UserError
from mattis.store import reading, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill_up(disk: Path) -> Path:
    """Leave no room on a disk; return the file to remove."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


def stopped(running: "subprocess.Popen[bytes]") -> str:
    """Return the one line that a run ends with."""
    _, said = running.communicate(timeout=SECONDS)
    assert running.returncode == 1, said
    text = said.decode()
    assert "Traceback" not in text
    last = text.strip().splitlines()[-1]
    assert last.startswith("mattis: ")
    return last


def finish(study: Study, folder: Path) -> None:
    """Run again: only what is missing is computed, and the numbers are those of an undisturbed run."""
    found = status(study, folder)["cells"]["done"]
    assert found > 0
    outcome = run(study, folder, HERE)
    assert outcome.found == found
    assert outcome.digest == undisturbed(study, folder)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "no space left on device: 5 bytes needed, .* free; make room, then"),
        (errno.EDQUOT, "disk quota exceeded: 5 bytes needed; make room within the quota, then"),
        (errno.EFBIG, "file too large: .*; raise the limit"),
        (errno.EROFS, "read-only file system: 5 bytes needed; make it writable, then"),
        (errno.EACCES, "permission denied: 5 bytes needed; make it writable, then"),
        (errno.ENOENT, "the folder has vanished; bring it back, then"),
        (errno.ESTALE, "stale file handle: 5 bytes needed; mend it, then"),
        (errno.EIO, "input/output error: 5 bytes needed; mend it, then"),
    ],
)
def test_every_refusal_of_a_write_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    """What cannot be provoked here (a quota, a network file system) is at least said right."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    pattern = rf"{tmp_path}/a: {said} .*give the same command again: it goes on from here$"
    with pytest.raises(Fault, match=pattern.replace("then .*give", ".*give")):
        Folder(tmp_path / "a").write_bytes(b"hello")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_gets_full_in_the_middle(small_disk: Path) -> None:
    running, study = started(small_disk, *THREADS, seed=6)
    filler = fill_up(small_disk)
    line = stopped(running)
    assert "no space left on device" in line
    assert f"{small_disk}/small/" in line
    assert "needed, 0 bytes free; make room, then give the same command again" in line
    filler.unlink()
    finish(study, small_disk)


def test_too_little_room_is_said_before_hours_are_spent(small_disk: Path) -> None:
    study = make_study(small_disk, seed=300)
    with pytest.raises(Fault, match=r"no space left on device: .* MiB needed, .* KiB free; make room"):
        run(study, small_disk, HERE)


@pytest.mark.parametrize("free", range(0, 120_000, 20_000))
def test_a_full_disk_in_any_write_of_a_fold(small_disk: Path, free: int) -> None:
    study = make_study(small_disk)
    folder = small_disk
    filler = fill_up(small_disk)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - free)
    with pytest.raises((Fault, OSError), match=r"(?i)no space left"):
        fill_until_full(small_disk)
    filler.unlink()
    fill(study, folder)
    assert digest(study, folder) == undisturbed(study, folder)


def fill_until_full(disk: Path) -> None:
    """Compute two studies, the second without any room left."""
    fill(make_study(disk), disk)
    fill_up(disk)
    fill(make_study(disk, seed=9), disk)


def test_a_file_size_limit_in_the_middle_of_a_write(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    command = [sys.executable, "-m", "mattis", "run", str(path), "--results", str(tmp_path), *THREADS]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    running = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=limit)
    line = stopped(running)
    assert "file too large" in line
    assert f"{tmp_path}/small/sweep.zarr" in line
    assert "files may have 4 KiB here, and a larger one is needed; raise the limit (ulimit" in line
    study = make_study(tmp_path)
    assert run(study, tmp_path, HERE).digest == undisturbed(study, tmp_path)


def test_a_folder_that_vanishes_is_not_half_brought_back(tmp_path: Path) -> None:
    running, study = started(tmp_path, *THREADS, seed=6)
    away = tmp_path / "elsewhere"
    Path(results_of(study, tmp_path).folder).rename(away)
    line = stopped(running)
    assert "the folder has vanished; bring it back, then give the same command again" in line
    assert not (tmp_path / "small").exists()
    away.rename(tmp_path / "small")
    finish(study, tmp_path)


def test_a_disk_that_becomes_read_only(small_disk: Path) -> None:
    running, study = started(small_disk, seed=6)
    os.kill(running.pid, signal.SIGSTOP)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=False)
    os.kill(running.pid, signal.SIGCONT)
    if os.statvfs(small_disk).f_flag & os.ST_RDONLY == 0:
        running.kill()
        running.communicate()
        pytest.skip("the disk was busy")
    line = stopped(running)
    assert "read-only file system" in line
    assert "make it writable" in line
    with pytest.raises(UserError, match=r"cannot write there: read-only file system"):
        run(study, small_disk)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    finish(study, small_disk)


def test_a_write_cut_short_leaves_no_wrong_cell(tmp_path: Path, study: Study) -> None:
    """A segment that was torn in the middle (as by a power cut) counts for what of it is whole."""
    path = Path(results_of(study, tmp_path).store)
    path.parent.mkdir()
    opened = store.join(Folder(path), study)
    for block in plan.blocks(study)[:3]:
        store.write(opened, study, block, columns_of(study, block))
    store.flush(opened)
    assert reading.valid_cells(Folder(path), study).sum() == 24
    (segment,) = (path / "journal").iterdir()
    whole = segment.read_bytes()
    for cut in (0, 1, 50, len(whole) // 2, len(whole) - 1):
        segment.write_bytes(whole[:cut])
        assert reading.valid_cells(Folder(path), study).sum() == 0
    fill(study, tmp_path)
    assert digest(study, tmp_path) == undisturbed(study, tmp_path)


DYING = """
import json, os, pathlib, signal, sys
import distributed, mattis.engine.driver
from mattis.cli.command import main

def dying(condition, event, original):
    def step(path, *rest, **more):
        target = str(rest[0]) if rest else str(path)
        if eval(condition, {"event": event, "target": target}):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(path, *rest, **more)
    return step

for condition, *words in json.load(sys.stdin):
    child = os.fork()
    if not child:
        for event in ("replace", "unlink"):
            setattr(pathlib.Path, event, dying(condition, event, getattr(pathlib.Path, event)))
        sys.argv = ["mattis", *words]
        main()
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Runs the command once for each condition, in a process that kills itself where the condition holds."""

CONDITIONS = {
    "before a segment gets its name": "event == 'replace' and '/journal/' in target",
    "in the write of a chunk": "event == 'replace' and '/energy/c/' in target",
    "before the digests": "event == 'replace' and '/digest/c/' in target",
    "in the attributes": "event == 'replace' and target.endswith('sweep.zarr/zarr.json')",
    "before the journal forgets": "event == 'unlink' and '/journal/' in target",
    "in the study as run": "event == 'replace' and target.endswith('/study.yaml')",
    "before the receipt": "event == 'replace' and target.endswith('sweep.done.json')",
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a run that killed itself, by the moment; all are forked from one process."""
    folders = {moment: tmp_path_factory.mktemp("killed") for moment in CONDITIONS}
    how = ("--workers", "1", *THREADS, "--results")
    asked = [
        (CONDITIONS[moment], "run", str(write_study(folder)), *how, str(folder))
        for moment, folder in folders.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", DYING], input=json.dumps(asked), capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.stdout.split() == [str(int(signal.SIGKILL))] * len(asked), done.stderr
    return folders


@pytest.mark.parametrize("moment", CONDITIONS)
def test_kill_9_inside_a_write(killed: dict[str, Path], tmp_path: Path, moment: str) -> None:
    """The process kills itself between writing a file and giving it its name, for real."""
    folder = killed[moment]
    study = make_study(folder)
    found = status(study, folder)["cells"]["done"]
    outcome = run(study, folder, HERE)
    assert (outcome.found, outcome.computed) == (found, 72 - found)
    assert outcome.digest == undisturbed(study, tmp_path)
    assert not list(folder.rglob("*.partial"))
