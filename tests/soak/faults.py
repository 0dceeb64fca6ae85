"""Faults that strike a run: signals, torn writes, full disks, and others at the same store."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from commands import SECONDS, Run, expect
from damage import FAULTS as DAMAGE
from reference import cells_of
from scene import Scene

from mattis.engine import shards

KILLED, INTERRUPTED, TERMINATED = -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM

WRITES = [
    ("replace", "/journal/", 8),
    ("replace", "/c/", 25),
    ("replace", "/digest/c/", 2),
    ("replace", "sweep.zarr/zarr.json", 6),
    ("replace", "/zarr.json", 30),
    ("replace", "sweep.done.json", 1),
    ("replace", "study.yaml", 1),
    ("replace", "", 60),
    ("fsync", "", 30),
    ("fsync", "/c/", 14),
    ("unlink", "/journal/", 2),
    ("unlink", "", 8),
]
"""What a process dies in: an event, a part of the path, and how often that happens in a run, about."""


def options(rng: random.Random, pool: str = "") -> list[str]:
    """Return how to compute, none of which may change a number."""
    words = ["--workers", str(rng.randint(1, 3))]
    words += ["--pool", pool or rng.choice(["processes", "threads", "threads"])]
    return words + (["--block-cells", str(rng.randint(2, 9))] if rng.random() < 0.3 else [])


def moment(scene: Scene, run: Run, rng: random.Random, earliest: float = 0.0) -> str:
    """Wait for a random moment of a run: after some time, or some cells; say which."""
    if rng.random() < 0.25:
        seconds = rng.uniform(earliest, 6.0)
        there = scene.until(run, lambda _: False, seconds)
        return f"after {seconds:.1f} s, {there} cells"
    had = len(scene.glimpsed())
    least = had + 1 + int(0.8 * rng.random() * (len(scene.every) - had))
    there = scene.until(run, lambda seen: len(seen) >= least)
    time.sleep(rng.uniform(0, 0.3))
    return f"at {there} cells"


def struck(
    scene: Scene, rng: random.Random, number: signal.Signals, group: bool, codes: tuple[int, ...]
) -> str | None:
    """Send a signal to a run, or to its whole group, at a random moment."""
    before = scene.valid()
    with scene.running(*options(rng)) as run:
        when = moment(scene, run, rng, earliest=1.0)
        hit = run.send(number, group)
        scene.what = when if hit else f"{when}, too late"
        scene.judge(run, before, (0, *codes))
    return scene.what


def kill_client(scene: Scene, rng: random.Random) -> str | None:
    """Kill the driver alone: its workers must go by themselves."""
    return struck(scene, rng, signal.SIGKILL, False, (KILLED,))


def kill_group(scene: Scene, rng: random.Random) -> str | None:
    """Kill everything at once."""
    return struck(scene, rng, signal.SIGKILL, True, (KILLED,))


def interrupt(scene: Scene, rng: random.Random) -> str | None:
    """Interrupt, as a terminal does (all processes) or a batch system (one)."""
    return struck(scene, rng, signal.SIGINT, rng.random() < 0.5, (1, INTERRUPTED))


def terminate(scene: Scene, rng: random.Random) -> str | None:
    """Terminate one process, or all."""
    return struck(scene, rng, signal.SIGTERM, rng.random() < 0.5, (1, TERMINATED))


def kill_worker(scene: Scene, rng: random.Random) -> str | None:
    """Kill workers, once or several times: the run goes on to its end."""
    before, killed = scene.valid(), 0
    with scene.running(*options(rng, "processes")) as run:
        for _ in range(rng.randint(1, 3)):
            scene.what = moment(scene, run, rng)
            for one in rng.sample(workers := run.workers(), min(1, len(workers))):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
                    killed += 1
        scene.what += f", {killed} killed"
        scene.judge(run, before, (0,))
    return scene.what


def stop_and_continue(scene: Scene, rng: random.Random) -> str | None:
    """Freeze the driver, a worker or all of them for some seconds: the run goes on to its end."""
    before = scene.valid()
    with scene.running(*options(rng)) as run:
        scene.what = moment(scene, run, rng)
        workers, whom = run.workers(), rng.choice(["all", "driver", "worker"])
        pids = {"all": [run.process.pid, *(one.pid for one in workers)],
                "worker": [one.pid for one in workers[:1]]}.get(whom, [run.process.pid])  # fmt: skip
        seconds = rng.uniform(0.5, 5.0)
        for number, pause in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0.0)):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(pause)
        scene.what += f", {whom} for {seconds:.1f} s"
        scene.judge(run, before, (0,))
    return scene.what


def die_in_a_write(scene: Scene, rng: random.Random) -> str | None:
    """Let the driver kill itself in the middle of a write."""
    before = scene.valid()
    event, part, most = rng.choice(WRITES)
    count = 1 + int(most * rng.random() ** 2)
    share = rng.choice([0.0, 0.5, rng.random(), 1.0])
    how = {"event": event, "part": part, "count": count, "share": share}
    scene.what = f"{event} {count} of {part or 'anything'}, {share:.0%} written"
    with scene.running(*options(rng), how=how) as run:
        scene.until(run, lambda _: False)
        if scene.judge(run, before, (0, KILLED)) == 0:
            scene.what += ", too late"
    return scene.what


def file_size_limit(scene: Scene, rng: random.Random) -> str | None:
    """Let no file grow beyond a random size."""
    before, size = scene.valid(), int(2 ** (10 + 7.6 * rng.random() ** 2))
    with scene.running(*options(rng), how={"bytes": size}) as run:
        scene.until(run, lambda _: False)
        code = scene.judge(run, before, (0, 1, 2))
        scene.what = f"{size} bytes{'' if code else ', too late'}"
        expect(not code or "file too large" in run.text, f"no word of the limit: {run.text!r}")
    return scene.what


def can_mount(folder: Path) -> bool:
    """Tell whether this process may mount a small disk."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and mount(folder, 1)
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    return mounted


def mount(folder: Path, megabytes: int) -> bool:
    """Mount a small disk in memory; tell whether that was possible."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    return subprocess.run(words, capture_output=True).returncode == 0


@contextlib.contextmanager
def small_disk(scene: Scene, megabytes: int) -> Iterator[Path]:
    """Have the results of a scene on a small disk of their own for a while."""
    home, disk = scene.root, scene.folder / "disk"
    disk.mkdir(exist_ok=True)
    expect(mount(disk, megabytes), "a small disk could not be mounted")
    try:
        scene.root = disk / "results"
        shutil.copytree(home, scene.root) if home.exists() else scene.root.mkdir()
        yield disk
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(scene.root, home)
        scene.root = home
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill_up(disk: Path, free: int) -> Path:
    """Leave so many bytes on a disk, and no more; return the file to remove."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    os.truncate(filler, max(filler.stat().st_size - free, 0))
    return filler


def disk_full(scene: Scene, rng: random.Random) -> str | None:
    """Fill the disk at a random moment, to the last byte or almost."""
    before, free = scene.valid(), rng.choice([0, rng.randrange(120_000)])
    with small_disk(scene, rng.randint(1, 4)) as disk, scene.running(*options(rng)) as run:
        when = moment(scene, run, rng)
        filler = fill_up(disk, free)
        scene.until(run, lambda _: False)
        filler.unlink()
        code = scene.judge(run, before, (0, 1, 2))
        scene.what = f"{when}, {free} bytes free{'' if code else ', too late'}"
        expect(not code or "no space left" in run.text.lower(), f"no word of the disk: {run.text!r}")
    return scene.what


def two_at_once(scene: Scene, rng: random.Random) -> str | None:
    """Start a second run while one is under way: one of the two is refused."""
    before = scene.valid()
    with scene.running(*options(rng)) as first:
        scene.what = moment(scene, first, rng) if rng.random() < 0.7 else "both together"
        alone = first.code is not None
        with scene.running(*options(rng)) as second:
            scene.until(second, lambda _: False)
            codes = [scene.judge(second, None, (0, 2))]
        if rng.random() < 0.3 and first.send(signal.SIGKILL, group=True):
            scene.what += ", then killed"
        codes.append(scene.judge(first, before if codes == [2] else None, (0, 2, KILLED)))
        said = first.text + second.text
        expect(codes != [2, 2], f"both were refused: {said!r}")
        expect(2 not in codes or "another run is writing there" in said, said)
        scene.what += ", too late" if alone or 2 not in codes else ""
    return scene.what


def shards_at_once(scene: Scene, rng: random.Random) -> str | None:
    """Run two shards at the same time, and kill one of them."""
    before, count = scene.valid(), rng.randint(2, 3)
    parts = [shards.shard(scene.study, index, count) for index in range(2)]
    wanted = [cells_of(scene.study, part.cells) for part in parts]
    words = [[*options(rng), "--shard", f"{part.index}/{count}"] for part in parts]
    with scene.running(*words[0]) as doomed, scene.running(*words[1]) as other:
        scene.what = moment(scene, doomed, rng)
        hit = doomed.send(signal.SIGKILL, group=True)
        scene.until(other, lambda _: False)
        scene.judge(other, before, (0,), wanted[1])
        scene.judge(doomed, before, (0, KILLED), wanted[0])
    scene.what += "" if hit else ", too late"
    return scene.what


def kill_workflow(scene: Scene, rng: random.Random) -> str | None:
    """Kill Snakemake alone, which leaves a run without parents behind, or everything."""
    before, count, alone = scene.valid(), rng.choice([1, 3]), rng.random() < 0.5
    with scene.workflow(count) as run:
        when = moment(scene, run, rng)
        hit = run.send(signal.SIGKILL, group=not alone)
        scene.what = f"{when}, {count} shards, {'Snakemake alone' if alone else 'all'}"
        scene.what += "" if hit else ", too late"
        if alone and rng.random() < 0.5:
            run.send(signal.SIGKILL, group=True)
        run.wait(SECONDS)  # the run that has lost its Snakemake goes on to its end
        scene.judge(run, before, (0, 1, KILLED), workflow=True)
    scene.examine()
    if rng.random() < 0.5:
        before = scene.valid()
        with scene.workflow(count) as run:
            scene.until(run, lambda _: False)
            scene.judge(run, before, (0,), workflow=True)
        scene.what += ", done again"
    return scene.what


def extend_after_kill(scene: Scene, rng: random.Random) -> str | None:
    """Kill a run, and give the study more values before anything else happens to it."""
    when = kill_group(scene, rng)
    scene.examine()
    grown = [scene.extend() for _ in range(rng.randint(1, 2))]
    return f"{when}, then {', '.join(filter(None, grown)) or 'no room to grow'}"


STRIKES = {
    "kill -9 of a worker": kill_worker,
    "kill -9 of the driver": kill_client,
    "kill -9 of all processes": kill_group,
    "kill -9 of the workflow": kill_workflow,
    "kill -9 inside a write": die_in_a_write,
    "file size limit": file_size_limit,
    "disk full": disk_full,
    "interrupt": interrupt,
    "terminate": terminate,
    "two runs at once": two_at_once,
    "two shards at once": shards_at_once,
    "stop and continue": stop_and_continue,
    "kill, then extend": extend_after_kill,
}
"""Faults that need a run."""

FAULTS = {**STRIKES, **DAMAGE}

DECK = {
    "kill -9 of a worker": 5,
    "kill -9 of the driver": 5,
    "kill -9 of all processes": 6,
    "kill -9 of the workflow": 4,
    "kill -9 inside a write": 20,
    "file size limit": 6,
    "disk full": 6,
    "interrupt": 5,
    "terminate": 4,
    "two runs at once": 4,
    "two shards at once": 4,
    "stop and continue": 4,
    "kill, then extend": 5,
    "flipped bit": 20,
    "file cut short": 9,
    "file deleted": 9,
    "stale temporary file": 4,
}
"""How often each fault comes in 120."""
