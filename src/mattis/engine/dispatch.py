"""Blocks → workers → columns: tasks of about a second, tried again, and never waiting for each other."""

import os
import queue
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from mattis import plugins
from mattis.engine import cluster, pulse, watch
from mattis.engine.cluster import Where
from mattis.engine.crew import Crew
from mattis.engine.order import Crowd, ordered
from mattis.errors import Fault
from mattis.kernels.cuda import backends
from mattis.kernels.cuda.devices import FULL_DEVICE, Device, DeviceTrouble
from mattis.plugins import Plugin, ensure
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Batched, Columns, Task
from mattis.study.plan import Block
from mattis.words import counted, one_line

if TYPE_CHECKING:
    from distributed import Client, Future

IN_FLIGHT = 3
"""Tasks submitted per worker: enough that none waits, few enough that none piles up."""

TASK_SECONDS = 1.0
"""Small blocks travel together in tasks of about this length: the scheduler costs 4 ms for each."""

TASKS_PER_SECOND = 50
"""With many workers tasks become longer, so that one scheduler keeps up with all of them."""

LARGEST_TASK = 500
"""Blocks in one task at most."""

ATTEMPTS = 2
"""How often a block is tried before it counts as failed."""

FETCH = 10.0
"""Seconds that a finished result may take to come here, before it is taken for lost."""

LOST_DEVICE = 75
"""The exit status of a worker that has lost its device."""

HANGS = f"has not answered for {backends.DRIVER_PATIENCE} s: its driver hangs"
"""What is said of a device before its process ends, since no call of it would return."""

LONGEST_ERROR = 10_000
"""Characters of the error of a block at most."""

SILENCE = 30.0
"""Seconds that a lost scheduler is waited for."""


@dataclass(frozen=True, eq=False)
class Finished:
    """A block that came back: its columns and its part of the seconds of its task, or what went wrong."""

    block: Block
    columns: Columns | None
    message: str = ""
    seconds: float = 0.0


BlockResult = tuple[Columns | None, str]


@dataclass(frozen=True, eq=False)
class TaskResult:
    """What a worker found: for each block its columns, or the error; the seconds that it took; a remark.

    One object, because Dask would send each array of a plain list by itself, at several times the cost.
    """

    each: Sequence[BlockResult]
    seconds: float
    remark: str = ""
    lost: str = ""
    """Why the worker has no device, where it was to have one: then it has computed nothing."""


@dataclass(frozen=True)
class Work:
    """What a worker does with tasks: one after the other, or all at once where it has a device for them.

    backend  # as `kernels.devices` knows it; of `auto` each worker makes up its own mind
    plugins  # what a worker loads before it computes
    """

    simulate: Callable[..., Columns]
    batched: Batched | None
    backend: str
    plugins: Sequence[Plugin] = ()

    @property
    def fills_device(self) -> bool:
        """Whether tasks are to be many at once. Where `auto` decides elsewhere, they are."""
        return self.batched is not None and self.backend != "cpu"

    def __call__(self, tasks: Sequence[Task]) -> TaskResult:
        """Compute some blocks on a worker."""
        begun, answers, lost = time.perf_counter(), list[BlockResult](), ""
        try:
            ensure(self.plugins)
            device, lost = self._device()
            if device:
                with pulse.watched(device, partial(_end_process, f"{_mine()} {HANGS}")):
                    answers = self._together(tasks, device)
            elif not lost:
                answers = self._each(tasks, self.simulate)
        except Exception as error:
            answers = [(None, _spelled(error))] * len(tasks)
        return TaskResult(answers, time.perf_counter() - begun, _remark(), lost)

    def _device(self) -> tuple[Device | None, str]:
        """Return the device of this worker, None for the CPU; and why it has none any more, "" if it has."""
        if not self.fills_device:
            return None, ""
        try:
            return backends.device(self.backend), ""
        except Exception as error:
            return None, _spelled(error)

    def _each(self, tasks: Sequence[Task], work: Callable[..., Columns]) -> list[BlockResult]:
        answers: list[BlockResult] = []
        for task in tasks:
            try:
                answers.append((work(*task), ""))
            except Exception as error:
                answers.append((None, _spelled(error)))
        return answers

    def _together(self, tasks: Sequence[Task], device: Device) -> list[BlockResult]:
        """Compute tasks at once; if that fails, one after the other, to know which of them fails.

        What alone is too large for the device is computed by the CPU.
        """
        with suppress(Exception):
            return [(columns, "") for columns in self._on(device, tasks)]
        # Out of that block: the error's traceback holds the arrays of the batch that failed.
        return self._each(tasks, partial(self._alone, device))

    def _alone(self, device: Device, *task: Any) -> Columns:
        """Compute one task on the device, or on the CPU where it is too large for the device."""
        try:
            return self._on(device, [task])[0]
        except Exception as error:
            if device.trouble(error) is not DeviceTrouble.MEMORY:
                raise
        return self.simulate(*task)

    def _on(self, device: Device, tasks: Sequence[Task]) -> Sequence[Columns]:
        """Compute tasks on the device. Where it is lost to this process, the process ends.

        Each later task would fail as fast as it comes; a new process has a new context, and gets these again.
        """
        assert self.batched is not None
        try:
            return self.batched(tasks, device)
        except Exception as error:
            if device.trouble(error) is DeviceTrouble.LOST:
                _end_process(f"{_mine()} is lost to it ({_spelled(error)})")
            raise


def _mine() -> str:
    """Name the device of this process."""
    return f"the GPU of process {os.getpid()}"


def _end_process(reason: str) -> NoReturn:
    """End a worker at once: Dask gives its tasks to others, and its nanny starts it anew."""
    print(f"{reason}; it ends, and another takes its place", file=sys.stderr, flush=True)
    os._exit(LOST_DEVICE)


def _remark() -> str:
    """Return why this worker is slower than it might be, "" for no reason."""
    if "mattis.exact.compiler" not in sys.modules:
        return ""
    from mattis.exact.compiler import why_not_cached

    reason = why_not_cached()
    return reason and (
        f"{reason}: each worker compiles them anew, which takes it 10 to 30 s; "
        "set NUMBA_CACHE_DIR to a folder with room"
    )


def _spelled(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error, LONGEST_ERROR)}"


@dataclass
class Dispatcher:
    """What is still to compute, and what is being computed."""

    study: Study
    client: "Client"
    work: Work
    workers: int
    resources: dict[str, int] | None
    waiting: list[Block]
    say: Callable[[str], None]
    crew: Crew | None = None
    arrived: "queue.SimpleQueue[Future[Any]]" = field(default_factory=queue.SimpleQueue)
    running: dict[str, list[Block]] = field(default_factory=dict)
    pinned: "dict[str, tuple[Future[Any], list[str]]]" = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    remarks: set[str] = field(default_factory=set)
    rate: float = 0.0

    def submit(self) -> None:
        """Send blocks until every worker has enough to do."""
        while self.waiting and len(self.running) < IN_FLIGHT * self.workers:
            chosen = sorted(self.crew.fit) if self.crew else None
            if chosen == []:
                return  # none is fit yet, or any more
            blocks = self._next()
            tasks = [plan.task(self.study, block) for block in blocks]
            future = self.client.submit(
                self.work, tasks, pure=False, resources=self.resources, workers=chosen
            )
            self.running[str(future.key)] = blocks
            if chosen is not None:
                self.pinned[str(future.key)] = future, chosen
            future.add_done_callback(self.arrived.put)

    def look_around(self) -> None:
        """Count the workers, and take back tasks of which all workers are gone."""
        if self.crew is None:
            return
        self.crew.look()
        self.workers = max(self.crew.threads, self.workers)
        for key, (future, chosen) in [*self.pinned.items()]:
            if self.crew.fit.isdisjoint(chosen):
                self.waiting += self.running.pop(key)
                del self.pinned[key]
                future.cancel()

    def _next(self) -> list[Block]:
        """Take the next blocks for one task: as many as fit its time, by the rate measured so far.

        A block that failed before travels alone: it may have taken the whole worker with it.
        """
        first = self.waiting.pop()
        if first.id in self.attempts:
            return [first]
        if self.work.fills_device:
            return [first, *self._alike(first)]
        if not self.rate:
            return [first]
        seconds = max(TASK_SECONDS, self.workers / TASKS_PER_SECOND)
        share = max(len(self.waiting) // (IN_FLIGHT * self.workers), 1)
        blocks, left = [first], seconds - plan.effort(self.study, first) * self.rate
        while self.waiting and len(blocks) < min(share, LARGEST_TASK):
            cost = plan.effort(self.study, self.waiting[-1]) * self.rate
            if cost > left or self.waiting[-1].id in self.attempts:
                break
            left -= cost
            blocks.append(self.waiting.pop())
        return blocks

    def _alike(self, first: Block) -> Iterator[Block]:
        """Take the next blocks as long as their networks are alike, until they fill a device."""
        cells, left = len(first.points), -(-len(self.waiting) // self.workers)
        while self.waiting and cells < FULL_DEVICE and left > 0:
            block = self.waiting[-1]
            alike = (block.size, block.patterns) == (first.size, first.patterns)
            if not alike or block.id in self.attempts:
                break
            cells, left = cells + len(block.points), left - 1
            yield self.waiting.pop()

    def collect(self, future: "Future[Any]") -> Iterator[Finished]:
        """Yield the blocks of a task that came back; those that failed for the first time try again."""
        blocks = self.running.pop(str(future.key), None)
        if blocks is None:
            return  # taken back, since all its workers were gone
        pin = self.pinned.pop(str(future.key), None)
        if future.status == "cancelled":
            raise _lost(self.client)
        try:
            error = future.exception(timeout=FETCH)
            found: TaskResult | None = None if error else future.result(timeout=FETCH)
        except TimeoutError:  # its worker died with the result, so it is being computed once more
            self.running[str(future.key)] = blocks
            if pin:
                self.pinned[str(future.key)] = pin
            future.add_done_callback(self.arrived.put)
            return
        if found is not None and found.lost:
            raise _without_device(found.lost)
        each: Sequence[BlockResult] = [(None, _spelled(error))] * len(blocks) if error else []
        seconds = 0.0
        if found is not None:
            seconds = found.seconds / sum(plan.effort(self.study, block) for block in blocks)
            self.rate = max(seconds, self.rate / 2)
            each = found.each
            self._pass_on(found.remark)
        for block, (columns, message) in zip(blocks, each, strict=True):
            tried = self.attempts[block.id] = self.attempts.get(block.id, 0) + 1
            if columns is None and tried < ATTEMPTS:
                self.waiting.append(block)
            else:
                yield Finished(block, columns, message, seconds * plan.effort(self.study, block))

    def _pass_on(self, remark: str) -> None:
        """Say what a worker remarks, once."""
        if remark and remark not in self.remarks:
            self.remarks.add(remark)
            self.say(remark)


def computed(
    study: Study, blocks: Sequence[Block], where: Where, say: Callable[[str], None], backend: str = "cpu"
) -> Iterator[Finished | None]:
    """Yield each block as it comes back, and None whenever a second passes without one.

    Raises Fault if the scheduler is lost.
    """
    if warning := cluster.warning(where):
        say(warning)
    with cluster.client_of(where, len(blocks)) as client:
        crew = None if where.is_here else Crew(client, say)
        if crew is not None and where.scheduler is not None:
            crew.gather(f"--scheduler {where.scheduler}")
        workers = min(where.count, len(blocks)) if crew is None else crew.threads
        page = f"; dashboard at {_dashboard(client, where)}" if where.dashboard else ""
        say(f"{_described(where, workers)}{page}")
        model = study.described_model
        if backend == "auto":
            backend = _backend_of(client, crew)
        doing = Work(model.simulate, model.batched, backend, plugins.loaded())
        crowd = Crowd(max(workers, 1), _together(doing, blocks))
        waiting = ordered(study, blocks, crowd)[::-1]  # taken from the end
        work = Dispatcher(study, client, doing, crowd.workers, where.resources, waiting, say, crew)
        watched = None if where.is_threads else watch.Watch(client, say, where.is_here)
        why = crew.why_stalled if crew else partial(_why_stalled_here, client)
        yield from _finished(work, watched, watch.Stall(why, say))


def _together(work: Work, blocks: Sequence[Block]) -> int:
    """Return how many blocks of one network travel together: as many as fill a device, if there is one."""
    cells = max((len(block.points) for block in blocks), default=1)
    return -(-FULL_DEVICE // cells) if work.fills_device else 1


def _why_stalled_here(client: "Client") -> str:
    """Return why no worker of this machine computes, "" if one does or might."""
    return watch.why_stalled(client.scheduler_info(n_workers=-1)["workers"])


def _finished(work: Dispatcher, watched: watch.Watch | None, stall: watch.Stall) -> Iterator[Finished | None]:
    """Yield what comes back until nothing is left, with an eye on the workers."""
    client, heard = work.client, time.monotonic()
    looked = heard
    work.submit()
    while work.running or work.waiting:
        try:
            yield from work.collect(work.arrived.get(timeout=1.0))
            heard = time.monotonic()
            stall.over()
        except queue.Empty:
            if client.status == "running":
                heard = time.monotonic()
                stall.look()
            elif time.monotonic() - heard > SILENCE:
                raise _lost(client) from None
            yield None
        if client.status == "running" and time.monotonic() - looked > 1.0:
            looked = time.monotonic()
            work.look_around()
        if watched is not None and client.status == "running":
            watched.look()
        work.submit()


def _backend_of(client: "Client", crew: Crew | None) -> str:
    """Return `auto` if some worker has a GPU, or nobody has come yet to be asked; `cpu` if none has."""
    fit = sorted(crew.fit) if crew else None
    reasons = client.run(backends.why_not, workers=fit, on_error="return").values()
    return "cpu" if reasons and all(reasons) else "auto"


def _dashboard(client: "Client", where: Where) -> str:
    """Return where the dashboard is; of a scheduler of ours it is made there, behind its secret."""
    if where.scheduler is not None:
        return str(client.dashboard_link)
    _show_when_asked(client)
    own: Any = client.cluster
    scheduler = own.scheduler
    return f"http://127.0.0.1:{scheduler.http_server.port}/{scheduler.secret}/status"


def _show_when_asked(client: "Client") -> None:
    """Have the dashboard's pages made when the first is asked for: Bokeh takes 0.4 s to import."""
    from tornado.web import Application, RequestHandler

    own: Any = client.cluster  # of this process, as its scheduler is
    scheduler, pages = own.scheduler, own.scheduler.http_application

    class First(RequestHandler):
        def get(self) -> None:
            from distributed.dashboard.scheduler import connect

            pages.applications.clear()
            connect(pages, scheduler.http_server, scheduler, prefix=f"/{scheduler.secret}")
            self.redirect(str(self.request.uri))

    pages.add_application(Application([(r".*", First)]))


def _lost(client: "Client") -> Fault:
    address = client.scheduler.addr if client.scheduler is not None else "the scheduler"
    return Fault(
        f"{address}: lost; start it again, then give the same command again: it goes on from here",
        "scheduler lost",
    )


def _without_device(reason: str) -> Fault:
    return Fault(
        f"a worker has no GPU any more: {reason}; what is computed is kept: the same command goes on from "
        "here, with the GPUs that still compute",
        "GPU lost",
    )


def _described(where: Where, workers: int) -> str:
    if where.scheduler:
        return f"{counted(workers, 'worker')} at {where.scheduler}"
    if where.cluster:
        return f"{counted(where.count, 'job')} of {where.cluster} requested"
    if where.is_threads:
        return counted(workers, "thread")
    noun = "GPU process" if where.gpus else "process"
    return f"{workers} {noun if workers == 1 else f'{noun}es'}"
