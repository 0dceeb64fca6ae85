"""Consolidation on a device, run by this CPU: the numbers of the CPU's own kernel and model, to the bit."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from math import inf
from pathlib import Path as Folder
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import Run, drawn, products, runs, shown_to

from mattis.exact import rng
from mattis.kernels.cpu import drift as kernels
from mattis.kernels.cuda import backends, devices, drift
from mattis.kernels.cuda.devices import Device
from mattis.kernels.cuda.drift import DriftRule, DriftState, Ground, Path, TrajectoryBatch
from mattis.kernels.host.module import SCHEDULES, HostFunction, HostModule, LaunchError, ThreadSchedule
from mattis.networks.drift import consolidation, consolidation_device
from mattis.networks.drift.consolidation import ALL, PRESENTATIONS_AT_ONCE, Stage
from mattis.networks.drift.consolidation import DriftProtocol as Plan
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.registry import MODELS
from mattis.study.model import PatternSet, Task

pytestmark = [
    pytest.mark.gpu_host,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler"),
]

exactly = settings(max_examples=80, deadline=None, derandomize=True)

NO_STREAM, NO_TURN = np.zeros(4, np.uint32), np.empty(0, np.int32)


@pytest.fixture(scope="module")
def device() -> Device:
    found = backends.device("simulated")
    assert found is not None
    return found


# The kernel


def rule_of(run: Run, threshold: float) -> DriftRule:
    """The patterns of a run, one after the other, or none."""
    shown = run.shown if run.shown.size else np.zeros(1)
    return DriftRule(shown.astype(np.int32), 64, run.dwell, run.distance, threshold)


def batch_of(device: Device, several: list[Run], threshold: float) -> TrajectoryBatch:
    """Runs on a device, each followed twice: from one ground, at its beta and eta and at others."""
    grounds, paths = [], []
    for k, run in enumerate(several):
        state, constants = products(run)
        first = (state[name] for name in ("fields", "squares", "along_bias"))
        grounds.append(Ground(*constants, *first))
        limits = np.zeros(len(run.patterns), np.uint64)
        for beta, eta in ((run.beta, run.eta), (0.5 * run.beta, 0.7 * run.eta)):
            paths.append(Path(k, beta, eta, NO_STREAM, limits))
    return drift.load(device, rule_of(several[0], threshold), grounds, paths)


def different(device: Device, batch: TrajectoryBatch, several: list[Run], threshold: float) -> list[str]:
    """Return what of which trajectory is not what the CPU's kernel makes of its run."""
    found = []
    for place in range(len(batch.states)):
        run = several[place // 2]
        if place % 2:
            run = replace(run, beta=0.5 * run.beta, eta=0.7 * run.eta)
        state, constants = products(run)
        shown_to(run, state, constants, threshold, traced=False)
        found += [f"{place}: {name}" for name in unlike(drift.fetch(device, batch, place), state)]
    return found


def unlike(found: DriftState, expected: dict[str, np.ndarray]) -> list[str]:
    """The names of arrays that differ in any bit."""
    return [name for name in DriftState._fields if getattr(found, name).tobytes() != expected[name].tobytes()]


def several_like(run: Run, seed: int) -> list[Run]:
    """A run, and another that differs from it in its vectors only."""
    rows, size = run.xi.shape
    other = drawn(seed, rows, len(run.patterns) - rows, size, True, 0, beta=0.0, eta=0.0)
    return [run, replace(run, xi=other.xi, patterns=other.patterns, bias=other.bias)]


def advanced(device: Device, batch: TrajectoryBatch, ends: list[int]) -> None:
    """Show the patterns up to each of the ends, a call for each."""
    for first, last in pairwise([0, *ends]):
        everywhere = np.ones(len(batch.states), np.int64)
        drift.advance(device, batch, first * everywhere, last * everywhere)


wide = st.builds(
    drawn,
    st.integers(0, 2**32), st.integers(30, 100), st.integers(0, 70), st.integers(1, 40), st.booleans(),
    st.integers(0, 6),
    beta=st.one_of(st.floats(0.0, 0.5), st.just(inf)), eta=st.floats(1e-3, 1.999),
    dwell=st.integers(1, 3), distance=st.booleans(),
)  # fmt: skip


@exactly
@given(
    st.one_of(runs, wide), st.integers(1, 8), st.sampled_from([0.3, 0.9, 2.0]), st.integers(0, 14),
    st.sampled_from([1, 2**30]),
)  # fmt: skip
def test_memories_drift_as_on_the_cpu(device, run, warps, threshold, cut, work):
    """Two runs at two betas and etas each: any block, cut anywhere, in launches of any length."""
    several = several_like(run, 5)
    batch = batch_of(device, several, threshold)
    with patch.object(drift, "threads_of", lambda _: 32 * warps), patch.object(drift, "DRIFT_WORK", work):
        advanced(device, batch, [min(cut, len(run.shown)), len(run.shown)])
    assert different(device, batch, several, threshold) == []


def softly(dwell: int = 2) -> Run:
    """Many memories that share what is shown, some with a bias: several winners in each of several warps."""
    return drawn(3, 90, 6, 30, True, 8, beta=0.02, eta=0.8, dwell=dwell)


def test_memories_share_a_pattern_in_the_run_that_barriers_are_tried_with():
    state, constants = products(softly())
    shown_to(softly(), state, constants)
    assert np.count_nonzero(state["new_share"], axis=0).max() > 64


def differs(module: HostModule, kernel: str) -> list[str]:
    """Where the soft run on a device with this kernel differs from the CPU's; or why there is no such run."""

    class Chosen:
        """A module with one kernel, whatever it is asked for."""

        def get_function(self, _: str) -> HostFunction:
            return module.get_function(kernel)

    found = backends.device("simulated")
    assert found is not None
    device, run = replace(found, module=lambda _: Chosen()), softly()
    batch = batch_of(device, [run], 0.9)
    try:
        advanced(device, batch, [len(run.shown)])
        return different(device, batch, [run], 0.9)
    except LaunchError as error:
        return [str(error)]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: f"{s.order}-{s.seed}")
def test_the_order_of_threads_changes_nothing(schedule):
    code, names = devices.text(*devices.TEXTS["drift"]), devices.ENTRIES["drift"]
    assert differs(HostModule(code, names, schedule), names[0]) == []


BARRIER = "__syncthreads();"
OWN = devices.TEXTS["drift"][-1]
BARRIERS = devices.text(OWN).count(BARRIER)


def without_one(schedule: ThreadSchedule) -> HostModule:
    """The kernel without its first barrier, without its second, …, and whole: kernels of one text."""
    parts = devices.text(OWN).replace('extern "C" ', "").split(BARRIER)
    texts = [devices.text(*devices.TEXTS["drift"][:-1])]
    for k in range(BARRIERS + 1):
        left = BARRIER.join(parts[: k + 1]) + ";" + BARRIER.join(parts[k + 1 :])
        texts.append(f"namespace without_{k} {{\n{left}\n}}")
    names = [f"without_{k}::present_many" for k in range(BARRIERS + 1)]
    return HostModule("\n".join(texts), names, schedule)


def unharmed(barrier: int, schedule: ThreadSchedule) -> bool:
    """Whether nobody notices that a barrier is missing: tried in a process of its own, which may crash."""
    module = without_one(schedule)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(bool(differs(module, f"without_{barrier}::present_many")))
    return os.waitpid(child, 0)[1] == 0


def unnoticed() -> list[int]:
    """The barriers that may be left out under every schedule; the last number leaves out none."""
    whole = differs(without_one(SCHEDULES[0]), f"without_{BARRIERS}::present_many")
    assert whole == []  # and what all of the processes need is loaded
    every = range(BARRIERS + 1)
    return [k for k in every if all(unharmed(k, schedule) for schedule in SCHEDULES)]


def test_each_barrier_is_needed():
    """Without it some schedule gives other numbers, or none. A new process has no threads to fork beside."""
    program = "import gpu.test_drift_device as test; print(test.BARRIERS, test.unnoticed())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Folder(__file__).parents[1], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == "6 [6]\n"


# Which pattern is shown when


@pytest.mark.parametrize("first", [0, 5, 300])
def test_random_patterns_are_those_of_the_stream(device, first):
    """Pattern t by the word of t, over the ends of steps of the stream and of what a warp finds at once."""
    stream, piece, total = rng.stream(4, "clamping", {}), 80, 450
    limits = np.array([2**30, 2**30, 2**31 + 7, 2**32], np.uint64)
    words = np.concatenate([stream.words(piece, step) for step in range(total // piece + 1)])[:total]
    run = drawn(6, 4, 0, 20, False, 0, beta=0.1, eta=0.05)
    shown = kernels.clamped(words, limits)
    assert set(shown) == {0, 2, 3}
    run = replace(run, shown=shown[first:])
    state, constants = products(run)
    start = (state[name] for name in ("fields", "squares", "along_bias"))
    path = Path(0, run.beta, run.eta, stream.packed(), limits)
    rule = DriftRule(NO_TURN, piece, 1, False, 0.9)
    batch = drift.load(device, rule, [Ground(*constants, *start)], [path])
    drift.advance(device, batch, np.array([first]), np.array([total]))
    shown_to(run, state, constants, first=first, traced=False)
    assert unlike(drift.fetch(device, batch, 0), state) == []


# The model

GIVEN = ((1.0, 0.0), (5.0, 0.0))
VANISHING = MemoryEnsemble("given", given=GIVEN, shown=((-1.0, 0.0), (5.0, 1.0)))

plans = st.builds(
    Plan,
    st.builds(
        MemoryEnsemble, st.sampled_from(["random", "orthogonal", "signs"]),
        st.sampled_from(["gaussian", "flips"]),
        st.sampled_from(["old", "other"]), st.sampled_from([0.0, 0.5]), st.sampled_from(["random", "old"]),
    ),
    st.sampled_from(["cyclic", "random", "sequence"]), st.just((2, 0, 0, 1)), st.integers(1, 2),
    st.floats(0.1, 2), st.sampled_from(["dot", "distance"]), reached_above=st.sampled_from([0.9, 0.99]),
)  # fmt: skip
stages = st.builds(
    Stage, st.sampled_from([0.02, 0.3, inf]), st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 2.0]),
    st.sampled_from([3.0, 20.0]), st.sampled_from([0.0, 0.4, 3.0, 3.2, 9.0]), st.sampled_from([ALL, 1.0]),
    st.sampled_from([0.0, 0.5]),
)  # fmt: skip
tasks_of = st.lists(
    st.tuples(
        st.builds(PatternSet, st.just(2), st.just(20), st.sampled_from([3, 5]), st.integers(0, 3)),
        st.lists(stages, min_size=1, max_size=6), plans,
    ),
    max_size=5,
)  # fmt: skip


def assert_as_simulated(tasks: list[Task], found: list) -> None:
    """Assert that the columns of each task are those of `simulate`, NaN where they are."""
    assert len(found) == len(tasks)
    for task, columns in zip(tasks, found, strict=True):
        for name, values in consolidation.simulate(*task).items():
            np.testing.assert_array_equal(columns[name], values, err_msg=name, strict=True)


@settings(exactly, max_examples=40)
@given(tasks_of)
def test_cohorts_are_simulated_as_each_task_by_itself(device, tasks):
    """Seeds, points, looks, numbers of memories and protocols of any kind, all in one call."""
    batched = MODELS["consolidation"].batched
    assert batched is not None
    assert_as_simulated(tasks, batched(tasks, device))


SEEDS = [
    (
        PatternSet(3, 40, 6, seed),
        [Stage(0.1, sigma, 1.0, 9.0, k, ALL) for sigma in (0.2, 0.6) for k in (1.0, 4.0)],
        Plan(MemoryEnsemble("random")),
    )
    for seed in range(3)
]


def test_more_presentations_than_words_of_a_step(device):
    """Over the end of a piece of the stream, with a look just before and one just behind it."""
    shows = [(PRESENTATIONS_AT_ONCE - 1) / 4, (PRESENTATIONS_AT_ONCE + 3) / 4]
    points = [Stage(0.1, 0.3, 1.0, 300.0, k, ALL) for k in shows]
    task = (PatternSet(1, 12, 4, 0), points, Plan(MemoryEnsemble("random")))
    assert_as_simulated([task], consolidation_device.batched([task], device))


def test_a_memory_that_vanishes_has_no_cosine(device):
    """tau = 2 and xi' = -xi: Xi = 0 in one step, and NaN is where it is on the CPU."""
    points = [Stage(inf, 0.0, 0.0, 2.0, 0.5, m) for m in (0.0, 1.0)]
    task = (PatternSet(1, 2, 2, 0), points, Plan(VANISHING, "cyclic"))
    found = consolidation_device.batched([task], device)
    assert np.isnan(found[0]["similarity"]).tolist() == [True, False]
    assert_as_simulated([task], found)


@pytest.mark.parametrize("fitting", [1, 2, 5])
def test_a_cohort_that_does_not_fit_is_divided(device, fitting):
    """Six trajectories where so many fit, whether that is known before or found out: the same numbers."""
    sizes = []

    def load(where, rule, grounds, paths):
        sizes.append(len(paths))
        if len(paths) > fitting:
            raise MemoryError
        return loaded(where, rule, grounds, paths)

    loaded = drift.load
    with patch.object(drift, "load", load):
        found = consolidation_device.batched(SEEDS, device)
    assert sizes[0] == 6
    assert min(sizes) <= fitting
    assert_as_simulated(SEEDS, found)
    sizes.clear()
    free = round(fitting * drift.bytes_of(6, 6) / devices.SPARE) + 1
    with patch.object(drift, "load", load):
        found = consolidation_device.batched(SEEDS, replace(device, free=lambda: free))
    assert sizes == [fitting] * (6 // fitting) + [6 % fitting] * (6 % fitting > 0)
    assert_as_simulated(SEEDS, found)


def test_so_many_grounds_start_together_as_the_host_has_room_for(device):
    """Two of the six at a time, or one where there is no room at all."""
    for room, sizes in ((2 * 8 * 6 * (5 * 24 + 5 * 6), [2, 2, 2]), (0, [1] * 6)):
        with (
            patch.object(consolidation_device, "HOST_ROOM", room),
            patch.object(drift, "load", wraps=drift.load) as load,
        ):
            found = consolidation_device.batched(SEEDS, device)
        assert [len(call.args[3]) for call in load.call_args_list] == sizes
        assert_as_simulated(SEEDS, found)


def test_a_trajectory_that_does_not_fit_alone_is_an_error(device):
    with patch.object(drift, "load", side_effect=MemoryError), pytest.raises(MemoryError):
        consolidation_device.batched(SEEDS, device)
