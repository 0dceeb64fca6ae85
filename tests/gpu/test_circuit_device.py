"""Chains with any couplings on a device: bit by bit what is written of one, whatever the threads do.

The device is this CPU, which runs the very text of the kernels; the reference is that of `references.py`.
"""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import ORDER, WORDS, Case, reference, same_columns

from mattis.errors import UserError
from mattis.kernels.cuda import backends, devices
from mattis.kernels.cuda.devices import DeviceTrouble
from mattis.kernels.cuda.matrix import Chain, Limits, Wires, run_chains
from mattis.kernels.host.library import HostError
from mattis.kernels.host.module import SCHEDULES, HostModule
from mattis.networks.binary import family
from mattis.networks.binary import matrix_network as circuits

pytestmark = pytest.mark.gpu_host

NO_ORDER = np.zeros(0, np.uint32)

try:
    DEVICE = backends.device("simulated")
except UserError as error:
    pytest.skip(str(error), allow_module_level=True)

TEXT = devices.text(*devices.TEXTS["matrix"])


def scheduled(schedule):
    """The device, its threads in another order."""
    return replace(
        DEVICE,
        module=lambda name: HostModule(devices.text(*devices.TEXTS[name]), devices.ENTRIES[name], schedule),
    )


def chain_of(c: Case, settles=False):
    """A case as the device takes it: the narrowest couplings, wide fields where they may overflow."""
    largest = int(np.abs(c.nj).max(initial=0))
    bound = int(np.abs(c.nj).sum(axis=1).max()) + int(np.abs(c.bias).max())
    kind = next(k for k in (np.int8, np.int16, np.int32, np.int64) if largest <= np.iinfo(k).max)
    columns = np.ascontiguousarray(c.nj.T).astype(kind)
    wires = Wires(columns, c.bias.astype(np.int64), c.targets, bound >= 2**30)
    order = ORDER.packed() if c.shuffled else NO_ORDER
    return Chain(wires, c.start, c.follow, c.scales, c.warm, WORDS, order, c.synchronous,
                 c.metropolis, settles, c.synchronous)  # fmt: skip


def assert_same(record, c: Case, settles=False):
    """What the device wrote down is what is written of a chain."""
    wanted = reference(c)
    for name in ("overlaps", "trace", "sums", "spins", *(["excess"] if c.synchronous else [])):
        np.testing.assert_array_equal(getattr(record, name), getattr(wanted, name), err_msg=name)
    assert (record.used, record.period) == (wanted.end if settles else (len(c.scales), 0))


def same(record, wanted):
    """Whether the device wrote down what is wanted."""
    heat = record.excess.size == 0 or np.array_equal(record.excess, wanted.excess)
    return heat and all(
        np.array_equal(getattr(record, n), getattr(wanted, n)) for n in ("overlaps", "trace", "sums", "spins")
    )


UNITS = {8: 1, 16: 300, 32: 10**5, 64: 10**10}
"""What couplings of each width on the device are multiples of."""


@st.composite
def cases(draw, sizes=(1, 5, 33, 70, 100), cold=False):
    """Any couplings, with a diagonal or not, in units that need 8 … 64 bits; scales that change."""
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    size, sweeps = draw(st.sampled_from(sizes)), draw(st.integers(1, 7))
    unit = draw(st.sampled_from(sorted(UNITS.values())))
    nj = random.integers(-4, 5, (size, size))
    if cold or draw(st.booleans()):
        nj = np.triu(nj) + np.triu(nj, 1).T
    if draw(st.booleans()):
        np.fill_diagonal(nj, 0)
    warmth = 0.0 if cold else draw(st.sampled_from([0.0, 0.4, 2.0, 8.0]))
    changes = random.choice([1.0, 1.0, 0.5, 0.0], sweeps) if draw(st.booleans()) else 1.0
    scales = np.float32(warmth * min(unit, 10**6) * np.ones(sweeps) * changes)
    follow = random.integers(0, 3, (1 if cold else sweeps, draw(st.integers(1, 3))))
    synchronous = draw(st.booleans())
    return Case(
        unit * nj, unit * random.integers(-3, 4, size), random.choice(np.array([-1, 1], np.int8), size),
        random.integers(-300, 300, (3, size)).astype(np.int16),
        np.broadcast_to(follow, (sweeps, follow.shape[1])).astype(np.int32), scales, synchronous,
        draw(st.booleans()), draw(st.integers(0, sweeps - 1)), not synchronous and draw(st.booleans()),
    )  # fmt: skip


some = settings(max_examples=60, deadline=None, derandomize=True)
schedules = st.sampled_from(SCHEDULES)
limits = st.sampled_from([Limits(), Limits(threads=32), Limits(64, 200), Limits(32, 2**22, 150)])
shared = st.sampled_from([devices.LARGEST_SHARED, 1000])
"""Many threads or few, all sweeps in one launch or not, states in shared memory or not."""


@some
@given(st.lists(cases(), min_size=1, max_size=4), schedules, limits, shared)
def test_chains_do_what_is_written(several, schedule, limit, room):
    """Of several forms and circuits at once, under every schedule of threads."""
    device = replace(scheduled(schedule), shared=room)
    found = run_chains(device, [chain_of(c) for c in several], limit)
    for record, c in zip(found, several, strict=True):
        assert_same(record, c)


@some
@given(st.lists(cases(cold=True), min_size=1, max_size=4), schedules, limits, shared)
def test_chains_that_settle_record_what_they_would_have_gone_through(several, schedule, limit, room):
    """Fixed points and cycles of two states, in whatever launch they are reached."""
    device = replace(scheduled(schedule), shared=room)
    found = run_chains(device, [chain_of(c, settles=True) for c in several], limit)
    for record, c in zip(found, several, strict=True):
        assert_same(record, c, settles=True)


@pytest.mark.parametrize("sweeps", [6, 7])
def test_cycles_of_two_states_end_in_the_state_of_the_last_sweep(sweeps):
    """After an even number of sweeps and after an odd one: the last state is one of the two."""
    several = []
    for seed in range(20):
        one = typical(True, size=5, seed=seed, warmth=0.0, sweeps=sweeps)
        symmetric = np.triu(one.nj) + np.triu(one.nj, 1).T
        several.append(replace(one, nj=symmetric, follow=np.zeros((sweeps, 1), np.int32)))
    found = run_chains(DEVICE, [chain_of(c, settles=True) for c in several])
    for record, c in zip(found, several, strict=True):
        assert_same(record, c, settles=True)
    assert sum(record.period == 2 for record in found) >= 5


def typical(synchronous, shuffled=False, size=150, seed=1, warmth=4.0, sweeps=6):
    """A case with several warps, windows and flips."""
    random = np.random.default_rng(seed)
    nj = random.integers(-4, 5, (size, size))
    return Case(
        nj, random.integers(-3, 4, size), random.choice(np.array([-1, 1], np.int8), size),
        random.integers(-300, 300, (2, size)).astype(np.int16), np.tile(np.int32([0, 1]), (sweeps, 1)),
        np.full(sweeps, warmth, np.float32), synchronous, shuffled, 2,
    )  # fmt: skip


def test_chains_of_one_circuit_share_it_and_differ():
    """Two chains of the same wires from two states, two of others; each has its own place."""
    one, other = typical(False), typical(False, seed=2)
    turned = replace(one, start=-one.start, warm=1)
    first = chain_of(one)
    group = [
        first,
        chain_of(other),
        first._replace(start=turned.start, warm=1),
        chain_of(other)._replace(start=-other.start),
    ]
    cases_ = [one, other, turned, replace(other, start=-other.start)]
    for record, c in zip(run_chains(DEVICE, group), cases_, strict=True):
        assert_same(record, c)


class Full(Exception):
    """There is no more memory."""


def crowded(most, free=2**40):
    """A device on which a launch of more than some chains fails; and the sizes of those that went well."""
    sizes = []

    def module(name):
        return Crowded(DEVICE.module(name), most, sizes)

    def trouble(error):
        return DeviceTrouble.MEMORY if isinstance(error, Full) else DeviceTrouble.OTHER

    return replace(DEVICE, module=module, free=lambda: free, trouble=trouble), sizes


class Crowded:
    """Kernels that refuse large grids."""

    def __init__(self, inner, most, sizes):
        self.inner, self.most, self.sizes = inner, most, sizes

    def get_function(self, name):
        return partial(self.run, self.inner.get_function(name))

    def run(self, function, grid, *args, **kwargs):
        if grid[0] > self.most:
            raise Full
        self.sizes.append(grid[0])
        function(grid, *args, **kwargs)


@pytest.mark.parametrize(("most", "free"), [(3, 2**40), (1, 2**40), (9, 1)])
def test_what_does_not_fit_is_done_in_parts(most, free):
    """By a plan of the memory, and where that was wrong by halves; the numbers are the same."""
    several = [typical(False, size=40, seed=seed, sweeps=3) for seed in range(9)]
    device, sizes = crowded(most, free)
    for record, c in zip(run_chains(device, [chain_of(c) for c in several]), several, strict=True):
        assert_same(record, c)
    assert sum(sizes) == 9
    assert max(sizes) == (1 if free == 1 else most - most // 3)
    device, _ = crowded(0, free)
    with pytest.raises(Full):
        run_chains(device, [chain_of(several[0])])


# A kernel without one of its barriers is another kernel


def numbered(text):
    """The text of two kernels, each of whose barriers can be removed by `remove_barrier`."""
    text = re.sub(r"(?m)^KERNEL\(circuit_\w+_(16|32|64),.*\n", "", text)
    head, body = text.split('#line 1 "matrix.cu"')
    parts = re.split(r"__syncthreads\(\);|return __syncthreads_or\(differs\);", body)
    marks = re.findall(r"__syncthreads\(\);|return __syncthreads_or\(differs\);", body)
    out = parts[0]
    for k, (mark, part) in enumerate(zip(marks, parts[1:], strict=True)):
        plain = "" if mark.startswith("__") else "return differs;"
        out += f"if (removed != {k}) {{ {mark} }} {plain}{part}"
    switch = 'static int removed = -1;\nextern "C" __global__ void remove_barrier(int k) { removed = k; }\n'
    return switch + head + '#line 1 "matrix.cu"' + out, len(marks)


NUMBERED, BARRIERS = numbered(TEXT)
NAMES = ("circuit_in_turn_8", "circuit_at_once_8", "remove_barrier")


@cache
def suspects():
    """Chains that a missing barrier would disturb, both updates, warm and cold; and what they should do."""
    several = [typical(at_once, shuffled, size=140, warmth=warmth, sweeps=3, seed=seed)
               for seed in (0, 1) for at_once, shuffled, warmth in
               [(False, False, 4.0), (False, True, 4.0), (False, True, 0.0), (True, False, 4.0)]]  # fmt: skip
    return [chain_of(c) for c in several], [reference(c) for c in several]


def disturbed(schedule, barrier):
    """Whether some chain is not what it should be without a barrier, or cannot end."""
    chains, wanted = suspects()
    module = HostModule(NUMBERED, NAMES, schedule)
    module.get_function("remove_barrier")((1,), (1,), (np.int32(barrier),))
    device = replace(DEVICE, module=lambda name: module if name == "matrix" else DEVICE.module(name))
    try:
        found = run_chains(device, chains, Limits(threads=32))
        found += run_chains(device, chains, Limits(threads=64))
    except HostError:
        return True
    return not all(map(same, found, wanted * 2))


def try_barriers():
    """Print whether each barrier is missed, each in a process of its own: it may crash, or never end."""
    for barrier in range(-1, BARRIERS):
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(any(disturbed(schedule, barrier) for schedule in SCHEDULES))
        print(int(os.waitpid(child, 0)[1] != 0))


def test_every_barrier_is_missed():
    """With all of them nothing is disturbed."""
    done = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert BARRIERS == 8
    assert done.stdout.split() == ["0"] + ["1"] * BARRIERS


# Studies


SMALL = {"size": [40], "sweeps": {"thermalise": 4, "measure": 12}, "noise": [0.1], "seed": 2}

STUDIES = {
    "recall": {"couplings_axis": ["hebb", "clipped"], "cues": 2, "update_order": "random"},
    "recall at once": {"model": "little", "question": "recall", "noise": [0.1, 0.5]},
    "recall of a sequence": {"model": "sequence"},
    "recall by age": {"model": "palimpsest", "age": [1, 2], "cues": 1},
    "two starts": {"couplings_axis": ["hebb", "clipped"], "cues": 2, "starts": 2},
    "two starts at once": {"model": "little", "load": [0.2, 0.3], "starts": 2},
    "two starts at once, by couplings": {
        "couplings_axis": ["hebb", "clipped"], "model": "little", "load": [0.3], "starts": 2},
    "zero_one": {"model": "zero_one", "dynamics": {"threshold": 0.1, "update": "synchronous"}},
    "metropolis": {"dynamics": {"rate": "metropolis"}, "update_order": "random", "cues": 2},
    "kept": {"dynamics": {"diagonal": "kept", "threshold": -0.2}, "noise_sharing": "common"},
    "states": {"couplings_axis": ["hebb", "clipped"], "cues": 3, "keep": {"states": 2}, "size": [45],
               "starts": 2, "load": [0.1]},
    "states at once": {"model": "little", "cues": 2, "keep": {"states": 2}, "temperature": [0.0]},
    "states of cycles": {"model": "little", "couplings": "pseudo_inverse", "keep": {"states": 1},
                         "noise": [0.5], "load": [0.2]},
    "wide": {"model": "random_axis", "size": [1100], "load": None, "memories": [2], "temperature": [0.0],
             "cues": 1, "dynamics": {"threshold": 16.0}},
    "ambiguous": {"question": "ambiguous", "dynamics": "synchronous"},
    "familiarity": {"question": "familiarity"},
    "mixture": {"question": "mixture", "mixture": [1, 3], "load": [0.1]},
    "survival": {"question": "survival", "cues": 2},
    "transitions": {"model": "sequence", "question": "transitions", "dynamics": "asynchronous"},
    "hysteresis": {"question": {"name": "hysteresis", "step": 0.1, "top": 0.3}, "cues": 2,
                   "sweeps": {"thermalise": 2, "measure": 5}},
}  # fmt: skip


def tasks_of(**changes):
    """The tasks of a small study."""
    from builders import make_of_family  # slow: the processes that try barriers do without

    from mattis.study import plan

    study = make_of_family(**{**SMALL, **changes})
    return [plan.task(study, block) for block in plan.blocks(study)]


@pytest.mark.parametrize("name", STUDIES)
def test_tasks_together_are_what_each_is_alone(name):
    """Several seeds, loads and rules; every observable to the last bit, NaN where there is NaN."""
    tasks = tasks_of(**STUDIES[name])
    together = family.batched(tasks, DEVICE)
    assert len(tasks) >= 2
    same_columns(together, [family.simulate(*task) for task in tasks])


def test_wide_fields_are_among_the_studies():
    (patterns, _, inquiry), *_ = tasks_of(**STUDIES["wide"])
    made = family.circuit(patterns, family.draw(patterns, inquiry.ensemble), inquiry)
    assert made.wires.bits == 64


def test_parts_that_do_not_fit_the_host_run_in_waves(monkeypatch):
    """One after the other if need be: and no circuit is made before the wave before is done."""
    tasks = tasks_of(**STUDIES["recall"])
    once, launched = family.batched(tasks, DEVICE), []

    def counted(device, chains):
        launched.append(len(chains))
        return run_chains(device, chains)

    monkeypatch.setattr(circuits, "WAVE", 0)
    monkeypatch.setattr(circuits, "run_chains", counted)
    same_columns(family.batched(tasks, DEVICE), once)
    coupled = [visit for _, points, _ in tasks for visit in points if visit.rule != "hebb"]
    assert len(coupled) > 1
    assert launched == [1] * 2 * len(coupled)


if __name__ == "__main__":
    try_barriers()
