"""Memories of many pattern sets that drift together on a device.

The same columns as `consolidation.simulate`, bit by bit, whatever the other trajectories of a launch. Vectors
stay on the host, which computes the observables: a device knows scalar products only, and the state of a
trajectory leaves it at each observation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import groupby

import numpy as np

from mattis.kernels.cuda import drift
from mattis.kernels.cuda.devices import SPARE, Device, DeviceWork, divided
from mattis.kernels.cuda.drift import DriftRule, Ground, Path
from mattis.kernels.cuda.paper import paper_seconds
from mattis.networks.drift import consolidation
from mattis.networks.drift import memories as ensembles
from mattis.networks.drift.consolidation import PRESENTATIONS_AT_ONCE, DriftProtocol, Stage, Synapses
from mattis.study.model import Columns, PatternSet, Task

KERNEL = "present_many"
"""The kernel of the presentations."""

FAR_ABOVE = 40
"""How far a score is above others that have no weight beside it (`FAR_BELOW` of drift.cu); about beta N."""

HOST_ROOM = 2**34
"""Bytes of the host for vectors and their products: a bound on the grounds that start at one time."""

NO_TURN = np.empty(0, np.int32)


@dataclass(frozen=True)
class Trajectory:
    """One trajectory of a task, and the stages at which it is observed, from the first to the last."""

    task: int
    """Number of the task."""
    patterns: PatternSet
    schedule: DriftProtocol
    points: Sequence[Stage]
    """All points of the task."""
    observations: Sequence[tuple[Stage, list[int]]]
    """Each stage, and the numbers of the points observed there."""

    @property
    def stage(self) -> Stage:
        """The first observed stage; its labels of the trajectory hold for all stages."""
        return self.observations[0][0]

    @property
    def cohort(self) -> tuple[int, DriftProtocol]:
        """The number of memories and the protocol, one for all trajectories of a launch."""
        return self.patterns.patterns, self.schedule

    @property
    def ground(self) -> tuple[float, ...]:
        """The pattern set, sigma and likeness, which decide the scalar products at the start."""
        return *astuple(self.patterns), self.stage.noise, self.stage.likeness


def batched(tasks: Sequence[Task], device: Device) -> list[Columns]:
    """Return the columns of `consolidation.simulate` for each task, bit by bit.

    Trajectories with as many memories and one protocol are a cohort; as many of it as fit are on the device
    at once, with one block of threads each. The host keeps the vectors and first products of each ground
    meanwhile, and computes the observables itself, O(N_h² D) at each stage.
    Raises what the device raises where one trajectory alone does not fit.
    """
    columns = [consolidation.empty_columns(points) for _, points, _ in tasks]

    def observe(cohort: Sequence[Trajectory]) -> None:
        for trajectory, rows, stage, synapses in _follow(cohort, device):
            values = consolidation.observe(synapses, stage, trajectory.schedule)
            consolidation.write(columns[trajectory.task], values, trajectory.points, rows)

    for cohort in _cohorts(tasks):
        for part in _parts(cohort):
            for _ in divided(device, part, _bytes, observe):
                pass
    return columns


def launches(task: Task, sets: int, device: Device) -> DeviceWork:
    """Return what so many tasks like this one take on a device, by paper."""
    patterns, points, schedule = task
    count = patterns.patterns
    paths = [[stage for stage, _ in looks] for looks in consolidation.trajectories(points)]
    replicas, each = sets * len(paths), drift.bytes_of(count, count)
    together = min(max(int(SPARE * device.free()) // each, 1), replicas)
    shown = [consolidation.total_presentations(stages[-1], count) for stages in paths]
    winners = [count if stages[0].beta * patterns.size < FAR_ABOVE else 1 for stages in paths]
    seconds = sum(
        paper_seconds(device, KERNEL, replicas, steps * schedule.dwell, count, events)
        for steps, events in zip(shown, winners, strict=True)
    )
    longest = drift.longest(device, together, schedule.dwell * count * count)
    asked = max(len(stages) + steps // longest for stages, steps in zip(paths, shown, strict=True))
    return DeviceWork(
        together * each, -(-replicas // together) * asked, seconds / len(paths), (KERNEL,),
        (f"all memories win where beta N < {FAR_ABOVE}, else one; the host observes",),
    )  # fmt: skip


def _cohorts(tasks: Sequence[Task]) -> list[list[Trajectory]]:
    """Return the trajectories of all tasks by cohort, sorted by ground."""
    cohorts: dict[tuple[int, DriftProtocol], list[Trajectory]] = {}
    for task, (patterns, points, schedule) in enumerate(tasks):
        for observations in consolidation.trajectories(points):
            trajectory = Trajectory(task, patterns, schedule, points, observations)
            cohorts.setdefault(trajectory.cohort, []).append(trajectory)
    return [sorted(cohort, key=lambda t: t.ground) for cohort in cohorts.values()]


def _parts(cohort: Sequence[Trajectory]) -> Iterator[list[Trajectory]]:
    """Yield the trajectories of as many grounds at a time as the host has room for, one at least."""
    grounds = [list(each) for _, each in groupby(cohort, key=lambda t: t.ground)]
    room = max(HOST_ROOM // max(map(_host_bytes, cohort)), 1)
    for first in range(0, len(grounds), room):
        yield [trajectory for each in grounds[first : first + room] for trajectory in each]


def _host_bytes(trajectory: Trajectory) -> int:
    """Return the bytes that a ground takes on the host: five sets of vectors, and five of products."""
    size, count = trajectory.patterns.size, trajectory.patterns.patterns
    dimensions = size if trajectory.schedule.ensemble.by_site else min(size, 4 * count)
    return 8 * count * (5 * dimensions + 5 * count)


def _bytes(trajectory: Trajectory) -> int:
    count = trajectory.patterns.patterns
    return drift.bytes_of(count, count)


def _follow(
    cohort: Sequence[Trajectory], device: Device
) -> Iterator[tuple[Trajectory, list[int], Stage, Synapses]]:
    """Yield each observation of a cohort: the trajectory, rows of its points, the stage, the memories."""
    starts, which = _starts(cohort)
    paths = [_path(*each) for each in zip(cohort, which, strict=True)]
    grounds = [Ground(*(getattr(start, name) for name in Ground._fields)) for start in starts]
    batch = drift.load(device, _rule(cohort[0]), grounds, paths)
    position = np.zeros(len(cohort), np.int64)
    for turn in range(max(len(trajectory.observations) for trajectory in cohort)):
        active = [k for k, trajectory in enumerate(cohort) if turn < len(trajectory.observations)]
        ends = position.copy()
        for k in active:
            ends[k] = consolidation.total_presentations(cohort[k].observations[turn][0], batch.rows)
        drift.advance(device, batch, position, ends)
        position = ends
        for k in active:
            stage, rows = cohort[k].observations[turn]
            state = drift.fetch(device, batch, k)
            yield cohort[k], rows, stage, replace(starts[which[k]], **state._asdict())


def _starts(cohort: Sequence[Trajectory]) -> tuple[list[Synapses], list[int]]:
    """Return the memories at the start of each ground, and the number of each trajectory's ground."""
    starts: list[Synapses] = []
    which: list[int] = []
    for patterns, of_set in groupby(cohort, key=lambda t: t.patterns):
        ensemble = cohort[0].schedule.ensemble
        vectors = ensembles.draw(patterns, ensemble)
        for _, of_ground in groupby(of_set, key=lambda t: t.ground):
            members = list(of_ground)
            stage = members[0].stage
            targets = ensembles.targets(patterns, ensemble, vectors, stage.noise, stage.likeness)
            which += [len(starts)] * len(members)
            starts.append(consolidation.begin(vectors.old, vectors.start, targets, vectors.bias))
    return starts, which


def _path(trajectory: Trajectory, which: int) -> Path:
    """Return the parameters and the stream of one trajectory."""
    patterns, stage, schedule = trajectory.patterns, trajectory.stage, trajectory.schedule
    return Path(
        which, stage.beta, schedule.step / stage.tau, consolidation.clamping_stream(patterns, stage),
        ensembles.thresholds(consolidation.frequencies(stage, schedule, patterns.patterns)),
    )  # fmt: skip


def _rule(trajectory: Trajectory) -> DriftRule:
    """Return the clamping schedule and the similarity of a cohort."""
    schedule, turn = trajectory.schedule, NO_TURN
    if schedule.clamping == "cyclic":
        turn = np.arange(trajectory.patterns.patterns, dtype=np.int32)
    elif schedule.clamping == "sequence":
        turn = np.array(schedule.sequence, np.int32)
    similar = schedule.similarity == "distance"
    return DriftRule(turn, PRESENTATIONS_AT_ONCE, schedule.dwell, similar, schedule.reached_above)
