"""A holder of a lock who was stopped for long, and requests that were: neither undoes what came after."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import HERE, SECONDS, columns_of, heed_interrupts, make_study, undisturbed, write_study
from object_store import BUCKET, SECRET, Proxy

from mattis.engine import locks
from mattis.engine.driver import run
from mattis.engine.status import digest, status
from mattis.errors import Fault, UserError
from mattis.store import objects, reading, store
from mattis.store.buckets import Bucket
from mattis.store.place import Place
from mattis.store.places import place_of
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study

URL = f"s3://{BUCKET}/locked"

HASTY = """
import sys
from mattis.cli import command
from mattis.engine import locks
locks.RENEWED, locks.DEAD = 0.5, 3.0
sys.argv[0] = "mattis"
command.main()
"""
"""The command, with locks that die within seconds."""


def remote(name: str = "small") -> Bucket:
    place = place_of(URL) / name
    assert isinstance(place, Bucket)
    return place


def contents(place: Bucket) -> dict[str, bytes]:
    """Return every object below a prefix, but for locks."""
    import obstore

    at = place.address
    keys = [e["path"] for batch in obstore.list(at.connection.store, at.key) for e in batch]
    every = {key: replace(at, key=key).get() for key in keys if "/locks/" not in key}
    return {key: found.content for key, found in every.items() if found}


def hasty(monkeypatch: pytest.MonkeyPatch, dead: float = 1.0) -> None:
    monkeypatch.setattr(locks, "RENEWED", 1000.0)
    monkeypatch.setattr(locks, "DEAD", dead)


def stolen(monkeypatch: pytest.MonkeyPatch, folder: Bucket, name: str = locks.WHOLE) -> Any:
    """Hold a lock whose holder is elsewhere and does not renew it any more."""
    monkeypatch.setattr(locks, "_machine", lambda: "elsewhere")
    time.sleep(2.1)  # the store counts in seconds
    return locks.held(folder, name)


@pytest.mark.slow
@pytest.mark.usefixtures("proxy")
def test_a_run_that_was_stopped_writes_nothing_over_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_study(tmp_path, size=[400], seed=4, sweeps={"thermalise": 100, "measure": 900})
    command = [sys.executable, "-c", HASTY, "run", str(path), "--results", URL, "--workers", "1"]
    first = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed_interrupts
    )
    study = make_study(tmp_path, size=[400], seed=4, sweeps={"thermalise": 100, "measure": 900})
    deadline = time.monotonic() + SECONDS
    while not status(study, URL)["cells"]["done"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGSTOP)
    monkeypatch.setattr(locks, "DEAD", 3.0)
    time.sleep(4.5)
    (tmp_path / "larger").mkdir()
    larger = make_study(tmp_path / "larger", size=[400], seed=6, sweeps={"thermalise": 100, "measure": 900})
    whole = run(larger, URL, HERE)
    before = contents(remote())
    with locks.held(remote()):  # a third one: the lock is there, and is not the first one's
        os.killpg(first.pid, signal.SIGCONT)
        _, said = first.communicate(timeout=SECONDS)
        assert (remote() / "locks").names() == ["run"]
    assert first.returncode == 1, said
    line = said.strip().splitlines()[-1]
    assert line.startswith(f"mattis: {URL}/small/locks/run: this run had not renewed its lock for")
    assert f"another has taken it (process {os.getpid()}" in line
    assert "what this one had written is safe" in line
    assert "Traceback" not in said
    assert contents(remote()) == before
    assert digest(larger, URL) == whole.digest


@pytest.mark.usefixtures("proxy")
def test_nothing_is_written_by_a_lease_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch)
    with locks.held(remote()) as old:
        (old / "receipt").write_bytes(b"old")
        with stolen(monkeypatch, remote()) as new:
            (new / "receipt").write_bytes(b"new")
            for act in (
                lambda: (old / "receipt").write_bytes(b"old"),
                lambda: (old / "another").write_bytes(b"old"),
                lambda: (old / "receipt").remove(),
                old.remove_tree,
            ):
                with pytest.raises(Fault, match=r"another has taken it \(process"):
                    act()
            assert (old / "receipt").read_bytes() == b"new"
            assert remote().names() == ["locks", "receipt"]
        assert (remote() / "locks").names() == []
        with pytest.raises(Fault, match="another has taken it"):  # and has ended, but was there
            (old / "receipt").write_bytes(b"old")
    assert (remote() / "receipt").read_bytes() == b"new"


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("written", [0, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 12))])
def test_a_fold_by_a_lease_that_is_over_changes_nothing_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """The run is stopped after some files of its fold; another finishes all; the first wakes up."""
    hasty(monkeypatch)
    study = make_study(tmp_path)
    write, count = Bucket.write_bytes, 0

    def stopping(place: Bucket, content: bytes) -> None:
        nonlocal count
        count += place.lease is not None
        if count == written + 1:
            monkeypatch.setattr(Bucket, "write_bytes", write)
            with stolen(monkeypatch, remote()) as new:
                fill_by(new, study)
                seen.update(contents(remote()))
        write(place, content)

    def fill_by(folder: Place, study: Study, stop: bool = False) -> None:
        opened = store.create_or_extend(folder / "sweep.zarr", study)
        valid = reading.valid_cells(folder / "sweep.zarr", study)
        for block in plan.blocks(study, ~valid):
            columns = columns_of(study, block)
            store.write(opened, study, block, columns)
        store.flush(opened)
        if stop:
            monkeypatch.setattr(Bucket, "write_bytes", stopping)
        store.fold(opened)

    seen: dict[str, bytes] = {}
    with locks.held(remote()) as old, pytest.raises(Fault, match="another has taken it"):
        fill_by(old, study, stop=True)
    assert seen
    assert contents(remote()) == seen
    assert digest(study, URL) == undisturbed(study, tmp_path)


@pytest.mark.usefixtures("proxy")
def test_a_late_holder_goes_on_where_nobody_came(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, dead=0.5)
    with locks.held(remote()) as folder:
        time.sleep(1)
        (folder / "receipt").write_bytes(b"one")
        time.sleep(1)
        (folder / "receipt").write_bytes(b"two")
    assert (remote() / "receipt").read_bytes() == b"two"
    assert remote().names() == ["receipt"]


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize(("mine", "theirs"), [("shard-a", "run"), ("run", "shard-a")])
def test_a_shard_and_a_whole_run_do_not_survive_each_other(
    monkeypatch: pytest.MonkeyPatch, mine: str, theirs: str
) -> None:
    hasty(monkeypatch)
    with locks.held(remote(), mine) as old:
        with stolen(monkeypatch, remote(), theirs):
            assert (remote() / "locks").names() == [theirs]
        with pytest.raises(Fault, match="it has ended since"):
            (old / "receipt").write_bytes(b"old")
    assert remote().names() == []


@pytest.mark.parametrize("before", [b"before", None])
def test_a_request_that_was_on_its_way_while_another_took_over_is_refused(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    hasty(monkeypatch)
    met: list[Fault] = []

    def write(old: Place) -> None:
        try:
            (old / "receipt").write_bytes(b"old")
        except Fault as fault:
            met.append(fault)

    if before:
        (remote() / "receipt").write_bytes(before)
    with locks.held(remote()) as old:
        assert (old / "receipt").read_bytes() == before
        proxy.waiting.clear()
        proxy.passing.clear()
        proxy.held = f"PUT /{BUCKET}/locked/small/receipt"
        late = threading.Thread(target=write, args=(old,))
        late.start()
        assert proxy.waiting.wait(SECONDS)
        proxy.held = None
        with stolen(monkeypatch, remote()) as new:
            (new / "receipt").write_bytes(b"new")
            proxy.passing.set()
            late.join()
            assert "another has taken it" in str(met[0])
            assert (new / "receipt").read_bytes() == b"new"
            (new / "receipt").write_bytes(b"newer")
    assert (remote() / "receipt").read_bytes() == b"newer"


@pytest.mark.usefixtures("proxy")
def test_another_writer_without_a_lock_is_noticed() -> None:
    with locks.held(remote()) as folder:
        (folder / "receipt").write_bytes(b"mine")
        (remote() / "receipt").write_bytes(b"theirs")
        with pytest.raises(Fault, match="another process writes there"):
            (folder / "receipt").write_bytes(b"mine again")
    assert (remote() / "receipt").read_bytes() == b"theirs"
    assert remote().names() == ["receipt"]


def test_an_answer_that_is_lost_does_not_end_the_run(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(objects, "REQUEST_PATIENCE", timedelta(seconds=8))
    hasty(monkeypatch, dead=0.2)  # so that the lock is written anew before each write
    with locks.held(remote()) as folder:
        for content in (b"one", b"two"):
            proxy.trouble = "torn"
            mending = threading.Timer(0.3, proxy.mend)
            mending.start()
            (folder / "receipt").write_bytes(content)
            mending.join()
            assert (folder / "receipt").read_bytes() == content
    assert remote().names() == ["receipt"]
    said = capsys.readouterr().err
    assert "the object store dropped the connection; trying again for" in said
    assert said.count("\n") == 1


TROUBLES = [
    ("503", "answered 503 (Slow Down|Service Unavailable)", "see that it answers"),
    ("429", "answered 429 (Slow Down|Too Many Requests)", "see that it answers"),
    ("500", "answered 500 Internal Server Error", "see that it answers"),
    ("silent", "did not answer within 0.5 s", "see that it answers"),
    ("slow", "did not answer within 0.5 s", "see that it answers"),
    ("torn", "dropped the connection", "see that it answers"),
    ("cut", "(cannot be reached|dropped the connection)", "see that it answers"),
    ("403", "answered 403 ", "credentials or rights: check AWS_ACCESS_KEY_ID"),
    ("401", "answered 401 ", "credentials or rights: check AWS_ACCESS_KEY_ID"),
]


@pytest.mark.parametrize(("trouble", "said", "remedy"), TROUBLES)
def test_every_trouble_is_one_line(
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
    said: str,
    remedy: str,
) -> None:
    (remote() / "file").write_bytes(b"x" * 1000)
    monkeypatch.setattr(objects, "REQUEST_PATIENCE", timedelta(seconds=1))
    folder = remote()
    place = folder / "file"
    proxy.drop()
    proxy.trouble, proxy.is_open = trouble, trouble != "cut"
    for act in (
        place.read_bytes,
        lambda: place.write_bytes(b"y"),
        folder.names,
        place.remove,
        place.exists,
        folder.remove_tree,
        folder.make_folder,
    ):
        begun = time.monotonic()
        with pytest.raises(Fault, match=said) as met:
            act()
        assert time.monotonic() - begun < 5
        text = str(met.value)
        assert text.startswith(f"{URL}/small")
        assert remedy in text
        assert not any(sign in text for sign in ("\n", "<", SECRET, "127.0.0.1"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (trouble not in ("401", "403"))
    assert all("trying again for" in line and re.search(said, line) for line in lines)


@pytest.mark.parametrize("trouble", ["503", "silent"])
def test_a_lock_that_must_be_left_is_spoken_of(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(objects, "REQUEST_PATIENCE", timedelta(seconds=2))

    def meet() -> None:
        with locks.held(remote()) as folder:
            proxy.trouble = trouble
            (folder / "receipt").write_bytes(b"")

    with pytest.raises(Fault, match=r"ends within 60 s$"):
        meet()
    proxy.drop()
    proxy.mend()
    assert (remote() / "locks").names() == ["run"]
    with pytest.raises(UserError, match="ends within 60 seconds"), locks.held(remote()):
        pass


@pytest.mark.usefixtures("proxy")
def test_a_lock_is_released_whatever_ended_the_run() -> None:
    for error in (Fault("a lost scheduler"), UserError("a mistake"), KeyboardInterrupt()):
        with pytest.raises(type(error)), locks.held(remote()):
            raise error
        assert remote().names() == []


@pytest.mark.parametrize(
    ("verb", "trouble", "said"),
    [
        ("run", "503", "503 Slow Down"),
        pytest.param("status", "silent", "did not answer", marks=pytest.mark.slow),
        pytest.param("run", "403", "403 Access Denied; credentials", marks=pytest.mark.slow),
    ],
)
def test_commands_say_at_once_what_they_wait_for(
    tmp_path: Path, proxy: Proxy, verb: str, trouble: str, said: str
) -> None:
    path = write_study(tmp_path)
    hurried = "from datetime import timedelta\nfrom mattis.cli import command\n"
    hurried += "from mattis.store import objects\n"
    hurried += "objects.REQUEST_PATIENCE = timedelta(seconds=4); command.main()"
    proxy.trouble = trouble
    command = [sys.executable, "-c", hurried, verb, str(path), "--results", URL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1
    *first, last = done.stderr.splitlines()
    assert said in last
    assert last.startswith("mattis: ")
    assert len(first) == (trouble != "403")
    assert all("trying again for" in line for line in first)
    assert SECRET not in done.stderr
    assert "<" not in done.stderr


def test_interrupts_get_through_an_outage(tmp_path: Path, proxy: Proxy) -> None:
    proxy.trouble = "503"
    command = [sys.executable, "-m", "mattis", "status", str(write_study(tmp_path))]
    waiting = subprocess.Popen(
        [*command, "--results", URL], stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    assert waiting.stderr is not None
    assert "trying again for 30 s" in waiting.stderr.readline()
    begun = time.monotonic()
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=SECONDS)
    assert time.monotonic() - begun < 5
    assert said.strip() == "mattis: interrupted; the same command continues"


def test_a_results_prefix_is_the_same_place_with_and_without_a_lease(tmp_path: Path) -> None:
    folder = results_of(make_study(tmp_path), tmp_path).folder
    folder.make_folder()
    with locks.held(folder) as held:
        assert held == folder
