"""Accidents of others: an object store that goes away in the middle of a run, and a worker that hangs."""

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from builders import write_study
from commands import commanded
from crashes import Found
from judge import Violation, said
from object_store import BUCKET, object_store
from reference import cells_of
from tiny import HERE, World, in_child

from mattis.engine import driver, status
from mattis.networks.registry import load_study
from mattis.store import objects, reading
from mattis.store.places import place_of
from mattis.store.results import results_of
from mattis.store.verify import verify

URL = f"s3://{BUCKET}/some results"

Ask = Callable[[str, int | None], Any]


@contextlib.contextmanager
def served() -> Iterator[Ask]:
    """Yield how to ask a store on loopback to cut at a request, to mend, and how many requests there were.

    It lives in a process of its own: this one forks, and must not have threads.
    """
    near, far = multiprocessing.Pipe()
    child = os.fork()
    if child == 0:
        near.close()
        _serve(far)
    far.close()
    os.environ.update(near.recv())

    def ask(what: str, number: int | None = None) -> Any:
        near.send((what, number))
        return near.recv()

    try:
        yield ask
    finally:
        near.close()
        os.waitpid(child, 0)


def _serve(pipe: Connection) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    with contextlib.suppress(BaseException), object_store() as (proxy, environment):
        pipe.send(environment)
        while True:
            what, number = pipe.recv()
            proxy.mend()
            seen, proxy.requests = proxy.requests, 0
            proxy.cut_after = number if what == "cut" else None
            pipe.send(seen)
    os._exit(0)


def cut_requests(world: World, count: int, rng: random.Random) -> tuple[int, list[Found]]:
    """Cut an object store at some requests of a run; return how many were tried, and what does not hold."""
    found: list[Found] = []
    with served() as ask:
        ask("mend", None)
        in_child(_undisturbed, world)
        requests = ask("mend", None)
        some = rng.sample(range(1, requests), min(count, requests - 1))
        for number in some:
            in_child(_emptied)
            ask("cut", number)
            violations = in_child(_first, world)
            ask("mend", None)
            violations += in_child(_second, world)
            if violations:
                found.append((f"cut at request {number} of {requests}", 1, violations))
    return len(some), found


def _emptied() -> None:
    place_of(URL).remove_tree()


def _undisturbed(world: World) -> None:
    driver.run(world.studies["small"], URL, HERE)


def _first(world: World) -> list[Violation]:
    objects.REQUEST_PATIENCE = timedelta(seconds=1)
    try:
        _undisturbed(world)
    except Exception as error:
        return said(error)
    return []


def _second(world: World) -> list[Violation]:
    study, found = world.studies["small"], []
    try:
        there = reading.valid_cells(results_of(study, URL).store, study).sum()
        outcome = driver.run(study, URL, HERE)
        if outcome.computed > len(cells_of(study)) - there:
            found.append(("lost", f"{outcome.computed} computed, though {there} were there"))
        if outcome.digest != world.reference.digest(study):
            found.append(("unfinished", f"it ends with digest {outcome.digest}"))
        if not (verdict := verify(study, URL)).sound:
            found.append(("unfinished", f"verify: {verdict.findings[:2]}"))
    except Exception as error:
        found += [("unfinished", f"{type(error).__name__}: {error}"), *said(error)]
    return found


LONGEST = 180
"""Seconds that a run may take once one of its workers does not move any more."""


def stopped_worker(world: World) -> list[Found]:
    """Stop a worker of a run for good; return what does not hold then."""
    folder = world.work / "stopped"
    folder.mkdir()
    physics: dict[str, Any] = {"sweeps": {"thermalise": 100, "measure": 6000}}
    path = write_study(folder, size=[400], seed=4, **physics)
    words = ["-m", "mattis", "run", str(path), "--results", str(folder)]
    study = load_study(path)
    with commanded([*words, "--workers", "2"], folder, folder / "said.txt") as run:
        deadline = time.monotonic() + LONGEST
        while run.code is None and time.monotonic() < deadline:
            time.sleep(0.2)
            workers = run.workers()
            if len(workers) == 2 and in_child(_done, study, folder):
                workers[0].send_signal(signal.SIGSTOP)
                break
        while run.code is None and time.monotonic() < deadline:
            time.sleep(0.2)
        code, text = run.code, run.text
    violations = _ended(code, text)
    violations += in_child(_right, world, study, folder) if code == 0 else []
    return [("a worker is stopped", 1, violations)] if violations else []


def _ended(code: int | None, text: str) -> list[Violation]:
    found: list[Violation] = []
    if code is None:
        found.append(("unfinished", f"it hangs for {LONGEST} s: {text[-200:]!r}"))
    elif code != 0:
        found.append(("unfinished", f"exit code {code}: {text[-300:]!r}"))
    if "Traceback" in text:
        found.append(("messages", text[-500:]))
    return found


def _done(study: Any, folder: Path) -> int:
    return int(reading.valid_cells(results_of(study, folder).store, study).sum())


def _right(world: World, study: Any, folder: Path) -> list[Violation]:
    if status.digest(study, folder) != world.reference.digest(study):
        return [("changed", "another digest")]
    return []
