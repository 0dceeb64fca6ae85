"""What many tests build: small studies that run in a second, their results, and what is said of them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from mattis.cli.command import guarded, verbs
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings
from mattis.engine.status import digest, status
from mattis.errors import UserError
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble
from mattis.networks.binary.hopfield import Setting
from mattis.networks.binary.matrix_network import Dynamics
from mattis.networks.binary.network import Protocol
from mattis.networks.binary.questions import Inquiry, Query, Visit
from mattis.networks.registry import load_study, study_of
from mattis.store import reading, store
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Columns, PatternSet, Task
from mattis.study.plan import Block

ROOT = Path(__file__).parents[1]
STUDIES = ROOT / "config" / "studies"
EVERY_STUDY = sorted(STUDIES.glob("*.yaml"))

SMALL = {
    "name": "small",
    "model": "hopfield",
    "axes": {
        "size": [60],
        "load": [0.05, 0.1, 0.2],
        "temperature": [0, 0.3, 0.6, 1.2],
        "noise": [0.0, 0.1],
        "seed": 3,
    },
    "sweeps": {"thermalise": 10, "measure": 60},
    "cues": 2,
}

TINY = {
    "size": [24], "load": [0.1, 0.2], "temperature": [0, 0.5], "noise": [0.1],
    "seed": 3, "sweeps": {"thermalise": 2, "measure": 6},
}  # fmt: skip
"""What makes of the small study one of 12 cells."""


def write_study(folder: Path, **changes: object) -> Path:
    """Write the small study, with changed axes or other keys, and return its path."""
    content = {**SMALL, "axes": dict(SMALL["axes"])}
    for key, value in changes.items():
        place = (
            content["axes"] if key in ("size", "load", "temperature", "beta", "noise", "seed") else content
        )
        place[key] = value
    if "beta" in changes:
        del content["axes"]["temperature"]
    path = folder / f"{content['name']}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def make_study(folder: Path, **changes: object) -> Study:
    """Return the small study, with changed axes or other keys."""
    return load_study(write_study(folder, **changes))


def spelled(usual: Mapping[str, Any], axes: Collection[str], **changes: Any) -> dict[str, Any]:
    """Return the usual keys of a study, changed; None takes one away. These of them are axes."""
    kept = {key: value for key, value in {**usual, **changes}.items() if value is not None}
    inside = {key: kept.pop(key) for key in [*kept] if key in axes}
    return {**kept, "axes": inside}


FAMILY = {
    "name": "some", "model": "hopfield", "sweeps": {"thermalise": 8, "measure": 40},
    "size": [60], "load": [0.05, 0.1], "temperature": [0.0, 0.3], "noise": [0.0, 0.1], "seed": 2,
}  # fmt: skip


def of_family(**changes: Any) -> dict[str, Any]:
    """Return the keys of a small binary network, changed. The axis of rules is `couplings_axis`."""
    axes = ("size", "load", "temperature", "beta", "noise", "seed", "memories", "couplings_axis", "age",
            "agee", "mixture")  # fmt: skip
    content = spelled(FAMILY, axes, **changes)
    if "couplings_axis" in content["axes"]:
        content["axes"]["couplings"] = content["axes"].pop("couplings_axis")
    return content


def make_of_family(**changes: Any) -> Study:
    """Return the study of a small binary network, changed."""
    return study_of(of_family(**changes))


def refused(make: Callable[..., object], *given: object, **changes: object) -> str:
    """Return the one line with which something is refused."""
    try:
        make(*given, **changes)
    except UserError as error:
        line = str(error)
        assert "\n" not in line
        return line
    raise AssertionError("it is not refused")


def columns_of(study: Study, block: Block) -> Columns:
    """Return what the cells of a block come to."""
    return study.described_model.simulate(*plan.task(study, block))


def cells_of(study: Study) -> list[dict[str, float]]:
    """Return what the cells of a study come to, one by one."""
    blocks = [(columns_of(study, block), block.points) for block in plan.blocks(study)]
    return [
        {name: float(values[k]) for name, values in columns.items()}
        for columns, points in blocks
        for k in range(len(points))
    ]


def fill(study: Study, root: Path | str, blocks: Sequence[Block] | None = None) -> int:
    """Compute the blocks (by default those that are missing) in this process; return their cells."""
    results = results_of(study, root)
    results.folder.make_folder()
    opened = store.create_or_extend(results.store, study)
    if blocks is None:
        blocks = plan.blocks(study, ~reading.valid_cells(results.store, study))
    for block in blocks:
        store.write(opened, study, block, columns_of(study, block))
    store.flush(opened)
    store.fold(opened)
    return sum(len(block.points) for block in blocks)


UNDISTURBED: dict[str, str] = {}
"""Digests of studies that nothing disturbed, by the text of the study: each is computed once in a session."""


def undisturbed(study: Study, folder: Path) -> str:
    """Return the digest of a study that nothing disturbs, computed in a folder of its own."""
    text = study.to_yaml()
    if text not in UNDISTURBED:
        fill(study, folder / "undisturbed")
        UNDISTURBED[text] = digest(study, folder / "undisturbed")
    return UNDISTURBED[text]


def flip(path: Path, byte: int, bits: int = 16) -> None:
    """Damage a file: flip these bits of a byte."""
    content = bytearray(path.read_bytes())
    content[byte] ^= bits
    path.write_bytes(bytes(content))


PEAK = r"""
import gc, json, pathlib, re, sys
from mattis.networks.registry import study_of
from mattis.study import plan

def memory(name):
    return 1024 * int(re.search(name + r":\s*(\d+)", pathlib.Path("/proc/self/status").read_text())[1])

def simulate(content):
    study = study_of(content)
    study.described_model.simulate(*plan.task(study, plan.blocks(study)[0]))

content = json.loads(sys.argv[1])
simulate(content)  # compiles kernels, or loads them
gc.collect()
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = memory("VmRSS")
simulate(content)
print(memory("VmHWM") - before)
"""


def peak_of(content: Mapping[str, Any]) -> int:
    """Return by how many bytes a block of a study raises the peak of a process that has its kernels."""
    if not Path("/proc/self/clear_refs").exists():
        import pytest  # golden digests need none

        pytest.skip("the peak memory of a process is read from /proc")
    given_back = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what the first block took is not kept for the second
    words = [sys.executable, "-c", PEAK, json.dumps(content)]
    done = subprocess.run(words, capture_output=True, check=True, env={**os.environ, **given_back})
    return int(done.stdout)


def everything(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, by their names in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def die_at(patch: Any, death: int | None = None) -> list[Path]:
    """Interrupt this process before the n-th change of a name; return which files get or lose theirs."""
    seen: list[Path] = []

    def dying(original: Any) -> Any:
        def step(path: Path, *arguments: object, **more: object) -> object:
            if len(seen) == death:
                raise KeyboardInterrupt
            seen.append(path)
            return original(path, *arguments, **more)

        return step

    for name in ("replace", "unlink", "mkdir"):  # in many calls: each is a moment to die at
        patch.setattr(Path, name, dying(getattr(Path, name)))
    return seen


Command = Callable[..., tuple[int, str, str]]
"""The fixture `mattis`: of words, the exit code, standard output, and standard error."""


def exit_code(*words: object) -> int:
    """Run the command in this process; return its exit code."""
    given = [*map(str, words)]
    try:
        return guarded(lambda: verbs.main(given, "mattis", standalone_mode=False))
    except SystemExit as stopped:
        return int(stopped.code or 0)


def said_by(capsys: Any, *words: object) -> Any:
    """Return what the command prints as JSON, in this process."""
    assert exit_code(*words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def hopfields(patterns: PatternSet, points: Sequence[Setting], asking: Protocol) -> Task:
    """Return the task of recall by Hopfield's network (or Little's), at some points."""
    update = "synchronous" if asking.order == "synchronous" else "asynchronous"
    visits = [Visit("hebb", 0, 1, beta, noise) for beta, noise in points]
    inquiry = Inquiry(asking, Rule(), Ensemble(), Dynamics(update=update), Query())
    return patterns, visits, inquiry


HERE = Settings(1, where=Where(pool="threads"))
"""A run within this process, which starts at once; numbers do not depend on it."""

THREADS = ("--pool", "threads")
"""Words of a run without processes of its own, where these are not the point."""

SECONDS = 120
"""How long a run of a small study may take on a busy machine."""


def heed_interrupts() -> None:
    """Let a child hear Ctrl-C where these tests run in a shell's background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(
    folder: Path, *words: str, results: str | Path | None = None, **changes: object
) -> tuple["subprocess.Popen[bytes]", Study]:
    """Start `mattis run` of a study of some seconds, and return once it has written cells."""
    results = results or folder
    changes = {"size": [400], "sweeps": {"thermalise": 100, "measure": 2900}, **changes}
    path = write_study(folder, **changes)
    study = load_study(path)
    command = [sys.executable, "-m", "mattis", "run", str(path), "--results", str(results)]
    running = subprocess.Popen(
        [*command, "--workers", "2", *words], start_new_session=True, stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    journal, deadline = results_of(study, results).store / "journal", time.monotonic() + SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        if journal.names() and status(study, results)["cells"]["done"]:  # names cost less than cells
            return running, study
        time.sleep(0.05)
    raise AssertionError(f"no cell was written: {running.communicate()[1]!r}")


def is_worker(process: psutil.Process) -> bool:
    """Tell whether a process is a worker: one that was spawned, or forked from the one that has imported."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        command, parent = " ".join(process.cmdline()), process.parent()
        forked = parent is not None and "forkserver" in " ".join(parent.cmdline())
        return "spawn_main" in command or ("forkserver" in command and forked)
    return False


def workers_below(run: psutil.Process) -> list[psutil.Process]:
    """Return the worker processes of a run."""
    return [one for one in run.children(recursive=True) if is_worker(one)]
