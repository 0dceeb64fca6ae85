"""Two streams: copies through two buffers, work that overlaps, and missing waits, which are errors."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import hopfields
from hypothesis import given, settings
from hypothesis import strategies as st
from references import same_columns

from mattis.kernels.cuda import backends, devices, matrix, streams
from mattis.kernels.cuda.devices import Device, host_trouble, overlapped
from mattis.kernels.cuda.streams import OneStream, Staging
from mattis.kernels.host.streams import HostStreams, StreamError
from mattis.networks.binary import family, hopfield
from mattis.networks.binary.network import Protocol
from mattis.selftest.cases import CASES, chain
from mattis.study.model import PatternSet

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")


def device_of(own: Any) -> Device:
    """Return NumPy's arrays as those of a device with these streams."""
    staging = Staging(own)
    return Device(
        "arrays", np, lambda _: None, staging.fill, staging.to_host, own.wait, lambda: 2**30, host_trouble,
        processors=2, shared=2**16, streams=own,
    )  # fmt: skip


@pytest.fixture
def device() -> Device:
    return device_of(HostStreams())


# Copies


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(0, 9), max_size=3),
    kind=st.sampled_from([np.int8, np.bool_, np.float32, np.int64]),
    size=st.sampled_from([8, 24, 2**10]),
)
def test_arrays_travel_in_slices_and_come_back(shape, kind, size) -> None:
    """Any shape and kind, turned or not, in slices of a few numbers or in one."""
    with pytest.MonkeyPatch.context() as monkey:
        monkey.setattr(streams, "SLICE", size)
        device = device_of(HostStreams())
        array = (np.arange(np.prod(shape, dtype=int)) % 7).astype(kind).reshape(shape)
        for given_ in (array, array.T):
            found = device.to_host(device.upload(given_))
            assert (found.dtype, found.shape) == (given_.dtype, given_.shape)
            np.testing.assert_array_equal(found, given_)


def test_two_buffers_of_a_fixed_size_are_all_that_is_locked(monkeypatch) -> None:
    locked: list[int] = []

    class Counting(OneStream):
        def locked(self, size: int) -> np.ndarray:
            locked.append(size)
            return super().locked(size)

    monkeypatch.setattr(streams, "SLICE", 1000)
    staging = Staging(Counting())
    for count in (7, 10_000, 300):
        staging.fill(np.empty(count), np.ones(count))
        staging.to_host(np.empty(count))
    assert locked == [1000, 1000]


class Deaf(HostStreams):
    """Streams for which a wait of one kind does nothing."""

    deaf_to = ""

    def follow(self, event: Any) -> None:
        if self.deaf_to != f"follow {self.present}":
            super().follow(event)

    def wait_for(self, event: Any) -> None:
        if self.deaf_to != "wait_for":
            super().wait_for(event)


def test_a_buffer_that_still_travels_is_not_written(monkeypatch) -> None:
    """Without the wait for its event, which a GPU would answer by wrong numbers."""
    monkeypatch.setattr(streams, "SLICE", 8)
    deaf = Deaf()
    device = device_of(deaf)
    device.upload(np.arange(9.0))
    deaf.deaf_to = "wait_for"
    with pytest.raises(StreamError, match=r"the host uses an array of uint8.*the first stream may"):
        device.upload(np.arange(9.0))


# What waits for what


def test_what_is_made_ahead_is_waited_for(device) -> None:
    own = device.streams
    with device.ahead():
        inputs = device.upload(np.arange(5.0))
    own.use(inputs)  # a kernel
    with own.second():
        late = device.upload(np.arange(5.0))
    with pytest.raises(StreamError, match=r"the first stream uses .*the second stream may"):
        own.use(late)


def test_results_are_taken_away_behind_what_made_them_and_not_behind_the_rest(device) -> None:
    own, results, others = device.streams, np.arange(3.0), np.arange(4.0)
    own.use(results)
    fetch = device.later([results])
    own.use(others)
    np.testing.assert_array_equal(fetch()[0], [0, 1, 2])
    with own.second(), pytest.raises(StreamError, match="the second stream uses"):
        own.use(others)
    device.wait()
    with own.second():
        own.use(others)


CASES_IN_STREAMS = ("glauber_lanes", "little_sweeps", "little_update", "circuit_in_turn")


@needs_compiler
@pytest.mark.parametrize("party", [1, 2])
@pytest.mark.parametrize("name", CASES_IN_STREAMS)
def test_every_kind_of_run_needs_both_waits(name: str, party: int) -> None:
    """The first stream for what came ahead, and the second for what it takes away."""
    simulated = backends.device("simulated")
    assert simulated is not None
    deaf = Deaf()
    staging = Staging(deaf)
    one = replace(simulated, streams=deaf, fill=staging.fill, to_host=staging.to_host, wait=deaf.wait)
    assert not CASES[name].faults(one)
    deaf.deaf_to = f"follow {party}"
    with pytest.raises(StreamError, match="nothing waits for it"):
        CASES[name].faults(one)


# Work that overlaps


def begin_of(log: list[str], fails: Callable[[list[int]], bool] = lambda _: False) -> Any:
    """Return work that says when it begins and when it is waited for."""

    def begin(part: list[int]) -> Callable[[], int]:
        if fails(part):
            log.append(f"no room for {len(part)}")
            raise MemoryError
        log.append(f"begin {part}")

        def end() -> int:
            log.append(f"end {part}")
            return sum(part)

        return end

    return begin


def test_the_next_part_begins_before_the_one_before_it_is_waited_for(device) -> None:
    log: list[str] = []
    tight = replace(device, free=lambda: 1000)
    found = []
    for part, total in overlapped(tight, range(5), lambda _: 200, begin_of(log)):
        found.append((list(part), total))
        log.append(f"take {list(part)}")
    assert found == [([0, 1], 1), ([2, 3, 4], 9)]
    assert log[:4] == ["begin range(0, 2)", "begin range(2, 5)", "end range(0, 2)", "take [0, 1]"]


def test_what_fits_at_once_is_one_part(device) -> None:
    log: list[str] = []
    list(overlapped(device, range(50), lambda _: 200, begin_of(log)))
    assert log == ["begin range(0, 50)", "end range(0, 50)"]


def test_a_part_that_does_not_fit_beside_another_begins_behind_it_and_then_is_halved(device) -> None:
    log = list[str]()

    def fails(part: list[int]) -> bool:
        return len(part) > 2 or bool(log and log[-1].startswith("begin"))

    tight = replace(device, free=lambda: 1000)
    found = list(overlapped(tight, range(8), lambda _: 90, begin_of(log, fails)))
    assert [n for part, _ in found for n in part] == list(range(8))
    assert sum(total for _, total in found) == 28
    assert {"no room for 4", "no room for 2"} <= set(log)
    with pytest.raises(MemoryError):
        list(overlapped(tight, range(3), lambda _: 90, begin_of(log, lambda _: True)))


def test_whoever_stops_early_leaves_nothing_running(device) -> None:
    """What kernels work on is not given back before they end."""
    waited: list[int] = []
    tight = replace(device, free=lambda: 1000, wait=lambda: waited.append(1))
    parts = overlapped(tight, range(5), lambda _: 200, begin_of([]))
    next(parts)
    assert not waited
    parts.close()
    assert waited


@needs_compiler
def test_a_study_in_parts_that_overlap_is_the_same_study(monkeypatch) -> None:
    """Its uploads, kernels and downloads run in two streams that know each other."""
    simulated = backends.device("simulated")
    protocol = Protocol(2, 6, 2, 0.5)
    points = [hopfield.Setting(beta, 0.1) for beta in (1.0, 2.0)]
    tasks = [hopfields(PatternSet(1, 60, 5, s), points, protocol) for s in range(3)]
    begun: list[int] = []
    whole = devices._tried

    def counted(*args):
        begun.append(1)
        return whole(*args)

    monkeypatch.setattr(devices, "_tried", counted)
    tight = replace(simulated, free=lambda: 6_000)
    same_columns(family.batched(tasks, tight), [family.simulate(*task) for task in tasks])
    assert len(begun) > 2


# Launches of circuits


@needs_compiler
def test_the_next_segment_is_asked_for_before_the_last_is_read(monkeypatch) -> None:
    simulated = backends.device("simulated")
    log: list[str] = []
    launch, take = matrix._launch, matrix._Launched.take

    def launched(*args):
        log.append("launch")
        launch(*args)

    def taken(self, traces):
        log.append("take")
        return take(self, traces)

    monkeypatch.setattr(matrix, "_launch", launched)
    monkeypatch.setattr(matrix._Launched, "take", taken)
    matrix.run_chains(replace(simulated, splits=2**40), [chain(8, False)])
    assert log == ["launch", *["launch", "take"] * 3, "take"]
