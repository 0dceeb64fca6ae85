"""Networks from generating functions on a device: the numbers of the CPU, whoever shares a launch."""

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import normal, same_columns

from mattis.errors import UserError
from mattis.exact import rng
from mattis.exact.patterns import noisy_cue
from mattis.kernels.cuda import backends, devices, euler, patterns
from mattis.kernels.cuda import dense as dense_device
from mattis.kernels.cuda.devices import Device, host_trouble
from mattis.networks.neurons import dense, relaxation_device
from mattis.networks.neurons.generating_functions import GENERATING, FunctionNumbers, Population
from mattis.networks.neurons.models import NEURON_DEFAULTS, NEURON_QUESTIONS, batched, simulate
from mattis.networks.neurons.network import ONE, NeuronNetwork, closes, relaxed, target
from mattis.networks.neurons.recipe import NeuronPoint, Parts, Recipe
from mattis.study.model import PatternSet, Task

pytestmark = pytest.mark.gpu_host

PLACES = [NeuronPoint(0.4, 0.1), NeuronPoint(1.7, 0.0), NeuronPoint(3.0, 0.3)]
DIGITS = {"double": 1e-12, "single": 1e-6}

seldom = settings(max_examples=6, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def simulated() -> Device:
    try:
        device = backends.device("simulated")
    except UserError as missing:
        pytest.skip(str(missing))
    assert device is not None
    return device


@pytest.fixture
def host() -> Device:
    """NumPy's arrays as those of a device without kernels: continuous neurons need no compiler."""
    return on_arrays(np.empty)


def on_arrays(empty: Callable, fill: Callable = np.copyto, to_host: Callable = np.array) -> Device:
    def none(name: str) -> None:
        raise AssertionError(f"no module {name} here")

    class Arrays:
        """Like a module, it is known by itself, not by what it has."""

    xp = Arrays()
    xp.empty = empty
    return Device(
        "arrays", xp, none, fill, to_host, lambda: None, lambda: 2**30, host_trouble, processors=2,
        shared=2**16,
    )  # fmt: skip


def recipe(name: str, **changes) -> Recipe:
    member = NEURON_DEFAULTS[name]
    kept = {"cues": 2, "steps": 60, "dt": 0.5, "tolerance": 1e-4, "binary": member.binary, **changes}
    return Recipe(member.parts, member.question, member.ensemble, **kept)


def tasks(of: Recipe, size: int, count: int, seeds: int = 2) -> list[Task]:
    """Pattern sets of one shape, each asked at places of its own."""
    return [(PatternSet(5, size, count, k), PLACES[k % 2 :], of) for k in range(seeds)]


def assert_near(found, expected, digits: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, values in one.items():
            assert values.dtype == np.float64
            assert values == pytest.approx(other[name], rel=digits, abs=digits, nan_ok=True), name


# The numbers of the CPU

RECALL = {
    "attention": recipe("attention"),
    "attention, field and bias": recipe("attention", field=0.1, bias=0.2),
    "attractors": replace(
        recipe("attractors", cue="gaussian", bias=0.2), question="recall", ensemble="uniform"
    ),
    "dense": recipe("dense", dt=0.3),
    "hebbian_tanh": recipe("hebbian_tanh", field=0.1, bias=0.1),
    "graded": recipe("graded", field=0.1),
    "exponential": replace(recipe("graded"), parts=Parts("ln_cosh", "exponential", scale="sites")),
    "spherical": replace(recipe("attention"), parts=Parts("spherical", gain="hidden", scale="sites")),
}
SHAPES = [(24, 5), (8, 30)]
"""N and P: memories whose products close, and more memories than sites."""


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize(
    ("name", "size", "count"),
    [*((name, 24, 5) for name in RECALL), *((name, 8, 30) for name in ("attention", "dense"))],
)
def test_recall_is_that_of_the_cpu(host, name, size, count, precision):
    """Every observable, with sums in another order (see `Turned`), and where replicas stop: float64.

    In float32 a residual near the tolerance is rounding, so that others than the CPU's step may be the last:
    states are compared after as many steps.
    """
    tolerance = 1e-6 if precision == "double" else -1.0
    of = replace(RECALL[name], precision=precision, tolerance=tolerance, steps=40)
    asked = tasks(of, size, count)
    expected = [simulate(*task) for task in asked]
    used = [steps for one in expected for steps in one["steps_used"]]
    assert (min(used) < max(used) <= 40) == (precision == "double")
    for device in (host, on_arrays(lambda *of: turned(np.empty(*of)))):
        assert_near(batched(asked, device), expected, MAGNIFIED.get(name, 1) * DIGITS[precision])


MAGNIFIED = {"exponential": 10}
"""e^x turns a rounding of x into one that is x times as large, x up to 10 here."""


class Turned(np.ndarray):
    """Arrays of a library that sums backwards."""

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        return turned(np.asarray(self)[..., ::-1] @ np.asarray(other)[..., ::-1, :])

    def __array_namespace__(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(**{**vars(np), "sum": backwards})


def turned(x: np.ndarray) -> np.ndarray:
    return np.asarray(x).view(Turned)


def backwards(x: np.ndarray, axis: int) -> np.ndarray:
    return np.sum(np.flip(x, axis), axis=axis)


def test_turned_sums_are_other_sums():
    """Otherwise the test above would compare equal arithmetic."""
    x, y = normal(1, 2, 30, 40), normal(2, 2, 40, 7)
    assert (turned(x) @ turned(y) != x @ y).any()
    assert (euler.total(turned(x)) != euler.total(x)).any()


@pytest.mark.parametrize("name", GENERATING)
def test_functions_of_stacks_are_those_of_each_network(name):
    """L, its gradient, its curvature: (S, n, R) with gains (S, R) against each (n, R) with (R,)."""
    x, direction = normal(1, 3, 6, 4), normal(2, 3, 6, 4)
    beta, xi = np.abs(normal(3, 3, 4)) + 0.2, normal(4, 3, 5, 6)
    stack = Population(name, FunctionNumbers(beta, 4, xi, 0.3))
    assert stack.fault is None
    for k in range(3):
        one = Population(name, FunctionNumbers(beta[k], 4, xi[k], 0.3))
        assert stack.value(x)[k] == pytest.approx(one.value(x[k]), rel=1e-13)
        assert stack.activation(x)[k] == pytest.approx(one.activation(x[k]), rel=1e-13, abs=1e-15)
        curved = one.curved(x[k], direction[k])
        assert stack.curved(x, direction)[k] == pytest.approx(curved, rel=1e-12, abs=1e-14)
    assert "convex" in str(replace(stack, form=FunctionNumbers(-beta, 4, xi)).fault)


def test_arrays_that_do_not_name_their_functions_are_of_a_package():
    foreign = type("ndarray", (), {"__module__": "numpy.elsewhere"})
    assert euler.namespace(foreign()) is sys.modules["numpy"]
    assert euler.namespace(np.zeros(1)) is np


# Whoever shares a launch


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize(("size", "count"), SHAPES)
def test_tasks_do_not_know_each_other(host, size, count, precision):
    """Any chunking, any order: the same bits; 66 replicas of a set take two places of a launch."""
    asked = tasks(replace(RECALL["attention"], precision=precision, cues=5), size, count, 4)
    asked.append((PatternSet(5, size, count, 9), PLACES * 5, asked[0][2]))
    together = batched(asked, host)
    same_columns([batched([task], host)[0] for task in asked], together)
    same_columns(batched(asked[::-1], host)[::-1], together)
    patterns, places, of = asked[-1]
    halves = batched([(patterns, places[:7], of), (patterns, places[7:], of)], host)
    whole = {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
    same_columns([whole], together[-1:])


REPLICAS, POISONED = 6, 2
"""Replicas whose states are numbers; those whose states are none, or too large."""

NETWORKS = {
    "attention": NeuronNetwork(normal(1, 3, 5, 12), Population("quadratic"), Population("log_sum_exp")),
    "many memories": NeuronNetwork(normal(2, 3, 20, 12), Population("quadratic"), Population("log_sum_exp")),
    "tanh": NeuronNetwork(
        normal(3, 3, 5, 12), Population("memories", FunctionNumbers(0.4, memories=normal(3, 3, 5, 12))),
        Population("ln_cosh"), ONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_replicas_do_not_know_their_neighbours(name):
    """Any set, any lane, any neighbours, some of them not numbers: the same state, steps and residual."""
    net = NETWORKS[name]
    starts = normal(4, 12, REPLICAS + POISONED)
    starts[0, REPLICAS:] = np.nan, np.finfo(np.float64).max / 2

    def settled(which: np.ndarray) -> list[np.ndarray]:
        start = np.ascontiguousarray(np.moveaxis(starts[:, which], 0, 1))
        with np.errstate(all="ignore"):
            return [np.moveaxis(x, -1, 1) for x in relaxed(net, start, 0.9, 1e-2, 12)]

    own = [settled(np.full((3, 8), k)) for k in range(REPLICAS)]
    assert len({x[1].tobytes() for x in own}) > 1

    @seldom
    @given(st.lists(st.integers(0, REPLICAS + POISONED - 1), min_size=24, max_size=24))
    def in_company(drawn):
        which = np.reshape(drawn, (3, 8))
        for seen, alone in zip(settled(which), zip(*own, strict=True), strict=True):
            for s, r in zip(*np.nonzero(which < REPLICAS), strict=True):
                np.testing.assert_array_equal(seen[s, r], alone[which[s, r]][s, 0])

    in_company()


@pytest.mark.parametrize("name", NETWORKS)
def test_looking_seldom_changes_nothing(name, monkeypatch):
    """The same bits whether it is seen at once or later that all are at rest; and they are at rest."""
    net, start = NETWORKS[name], normal(5, 3, 12, 4)
    found = []
    for look in (1, 7, 1000):
        monkeypatch.setattr(euler, "STEPS_PER_TEST", look)
        found.append(relaxed(net, start, 0.9, 1e-3, 200))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
    rest = found[0].state
    left = np.sqrt(np.mean((target(net, rest) - rest) ** 2, axis=1))
    assert left == pytest.approx(found[0].residual, rel=1e-6, abs=1e-12)
    assert found[0].steps.max() < 200
    assert (left <= 1e-3 * (1 + 1e-6)).all()
    assert len(set(found[0].steps.ravel().tolist())) > 1


class Wavering(np.ndarray):
    """Products that depend on the lane, by their last bits, beyond eight lanes, and on the set beyond one."""

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        out = np.asarray(self) @ np.asarray(other)
        lanes, sets = np.arange(out.shape[2]), np.arange(out.shape[0])[:, None, None]
        return out * (1 + 1e-15 * (lanes * (lanes.size > 8) + sets * self.several))

    several = False


class Several(Wavering):
    several = True


def test_a_launch_has_the_shape_at_which_all_are_treated_alike():
    for kind, expected in ((np.ndarray, (4, 64)), (Wavering, (4, 8)), (Several, (1, 8))):
        device = on_arrays(lambda *of, kind=kind: np.empty(*of).view(kind))
        assert euler.shape_of(device, [(6, 30), (30, 6)], np.float64, (4, 64)) == expected
    assert euler.shape_of(device, [(6, 30)], np.float64, (1, 4)) == (1, 4)


def test_a_launch_does_not_grow_with_what_is_asked():
    """Its shape follows from the network and the device; large networks leave fewer sets."""
    host, of = on_arrays(np.empty), RECALL["attention"]
    many = replace(host, processors=132)
    assert relaxation_device.shape(PatternSet(1, 20, 4, 1), of, host) == (2, 64)
    assert relaxation_device.shape(PatternSet(1, 20, 4, 1), of, many) == (relaxation_device.MOST_SETS, 64)


def test_a_launch_that_does_not_fit_goes_on_in_halves(host, monkeypatch):
    """Until one set is left, which has to fit."""
    given, whole, sizes = tasks(RECALL["attention"], 20, 4, 5), relaxation_device.stack, []
    expected = batched(given, host)

    def crowded(most: int):
        def stacked(slots, device):
            if len(slots) > most:
                raise MemoryError
            sizes.append(len(slots))
            return whole(slots, device)

        return stacked

    monkeypatch.setattr(relaxation_device, "MOST_SETS", 4)
    four = replace(host, processors=4)
    monkeypatch.setattr(relaxation_device, "stack", crowded(2))
    assert_near(batched(given, four), expected, 1e-12)
    assert set(sizes) == {2}
    monkeypatch.setattr(relaxation_device, "stack", crowded(0))
    with pytest.raises(MemoryError):
        batched(given, four)


# Steps by kernels


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("attention", 24, 5),
        ("attention, field and bias", 24, 5),
        ("attention", 8, 30),
        ("hebbian_tanh", 24, 5),
        ("dense", 24, 5),
    ],
)
def test_recall_by_kernels_is_that_of_the_cpu(simulated, name, size, count, precision, monkeypatch) -> None:
    """As a GPU does it: what lies between two products is a kernel, whoever the other replicas are."""
    monkeypatch.setattr(euler, "kernels", lambda x: simulated if x.ndim == 3 else None)
    tolerance = 1e-6 if precision == "double" else -1.0
    of = replace(RECALL[name], precision=precision, tolerance=tolerance, steps=40)
    asked = tasks(of, size, count)
    found = batched(asked, simulated)
    assert_near(found, [simulate(*task) for task in asked], DIGITS[precision])
    same_columns([batched([task], simulated)[0] for task in asked], found)


class Counted(np.ndarray):
    """Arrays that count what they are asked: on a GPU each is a launch."""

    calls = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **rest):
        return self._asked(getattr(ufunc, method), inputs, rest)

    def __array_function__(self, function, _types, inputs, rest):
        return self._asked(function, inputs, rest)

    @staticmethod
    def _asked(function, inputs, rest):
        Counted.calls += 1
        plain = [np.asarray(x) if isinstance(x, Counted) else x for x in inputs]
        plain = [[*map(np.asarray, x)] if isinstance(x, list) else x for x in plain]
        out = function(*plain, **rest)
        return out.view(Counted) if isinstance(out, np.ndarray) else out


CALLS = {"attention": (43, 3), "many memories": (22, 4), "tanh": (20, 8)}
"""Calls of a library or of a kernel for an Euler step: without kernels, and with them."""


@pytest.mark.parametrize("name", CALLS)
def test_a_step_takes_few_calls(simulated, name, monkeypatch) -> None:
    net = NETWORKS[name]

    def counting(population: Population) -> Population:
        own = population.form.memories
        form = replace(population.form, memories=None if own is None else own.view(Counted))
        return replace(population, form=form)

    net = replace(
        net, memories=net.memories.view(Counted), visible=counting(net.visible), hidden=counting(net.hidden)
    )
    start = normal(5, 3, 12, 40).view(Counted)
    monkeypatch.setattr(euler, "STEPS_PER_TEST", 10**9)

    def asked(steps: int) -> int:
        Counted.calls = 0
        relaxed(net, start, 0.5, -1.0, steps)
        return Counted.calls

    def launched(*args) -> None:
        Counted.calls += 1
        devices.launch(*args)

    monkeypatch.setattr(euler, "launch", launched)
    found = []
    for device in (None, simulated):
        monkeypatch.setattr(euler, "kernels", lambda x, device=device: device if x.ndim == 3 else None)
        found.append(asked(12) - asked(11))
    assert tuple(found) == CALLS[name]


def test_the_shape_of_a_launch_is_found_once(host, monkeypatch) -> None:
    asked, whole = [], euler.is_blind

    def is_blind(*args):
        asked.append(args)
        return whole(*args)

    monkeypatch.setattr(euler, "is_blind", is_blind)
    for _ in range(2):
        assert euler.shape_of(host, [(6, 30), (30, 6)], np.float64, (4, 64)) == (4, 64)
    assert len(asked) == 2


# What a device is not asked


@pytest.mark.parametrize("name", ["tanh_tanh", "rotation", "hebbian_tanh"])
def test_other_questions_stay_on_the_cpu(name):
    """No array is brought to the device, and the numbers are those of `simulate`, to the bit."""
    device = on_arrays(lambda *_: pytest.fail("an array was brought to the device"))
    asked = NEURON_DEFAULTS[name].question if name != "hebbian_tanh" else "equivalence"
    some = [(PatternSet(5, 12, 3, k), PLACES, replace(recipe(name), question=asked)) for k in (1, 2)]
    assert NEURON_QUESTIONS[asked].answer is not NEURON_QUESTIONS["recall"].answer
    same_columns(batched(some, device), [simulate(*task) for task in some])


def test_what_the_cpu_refuses_a_device_refuses(host):
    """A linear network without a minimum, and steps that are not stable."""
    linear = replace(recipe("linear"), question="recall")
    for of, words in ((linear, "no minimum"), (recipe("attention", dt=2.5), "not stable")):
        some = [(PatternSet(5, 12, 3, 1), PLACES, of)]
        for way in (lambda some=some: batched(some, host), lambda some=some: simulate(*some[0])):
            with pytest.raises(UserError, match=words):
                way()


def test_tasks_of_any_shape_and_recipe_come_back_in_their_order(host):
    mixed = list(itertools.chain(*zip(
        tasks(RECALL["attention"], 24, 5), tasks(RECALL["graded"], 24, 5), tasks(RECALL["graded"], 10, 4),
        strict=True,
    )))  # fmt: skip
    assert_near(batched(mixed, host), [simulate(*task) for task in mixed], 1e-12)


# Arrays that refuse NumPy


@pytest.mark.parametrize("name", RECALL)
@pytest.mark.parametrize(("size", "count"), SHAPES)
def test_a_device_that_refuses_numpy(name, size, count):
    """Array API strict on its second device: no implicit transfer, nothing that is not in the standard."""
    strict = pytest.importorskip("array_api_strict", reason="make test-gpu-host has it")
    there = strict.Device("device1")

    def fill(target: Any, array: np.ndarray) -> None:
        target[...] = strict.asarray(array, device=there)

    device = on_arrays(
        lambda shape, kind: strict.empty(shape, dtype=getattr(strict, kind.name), device=there),
        fill,
        lambda x: np.asarray(x.to_device(strict.Device("CPU_DEVICE"))),
    )
    asked = tasks(replace(RECALL[name], steps=8), size, count, 2)
    assert_near(batched(asked, device), [simulate(*task) for task in asked], 4e-12)


# Binary neurons: every bit

BINARY = recipe("dense_binary", steps=20)
EXPONENTIAL = replace(BINARY, parts=replace(BINARY.parts, hidden="exponential"))
RULES = {
    "difference": BINARY,
    "field": replace(BINARY, rule="field"),
    "distinct": replace(BINARY, indices="distinct"),
    "exponential": EXPONENTIAL,
}


@pytest.mark.parametrize(("size", "count"), [(9, 3), (21, 70), (33, 32)])
@pytest.mark.parametrize("name", RULES)
def test_dense_networks_are_those_of_the_cpu_to_the_bit(simulated, name, size, count):
    """One word of patterns, several, and the end of one; replicas that stop at different sweeps."""
    asked = tasks(replace(RULES[name], steps=5), size, count)
    expected = [simulate(*task) for task in asked]
    if (size, count) == (21, 70):
        assert len({float(x) for one in expected for x in one["steps_used"]}) > 1
    same_columns(batched(asked, simulated), expected)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_sweeps_in_several_launches(simulated, steps, monkeypatch):
    """As many at most, whether a launch makes one sweep or all of them."""
    asked = tasks(replace(EXPONENTIAL, steps=steps), 21, 40)
    expected = [simulate(*task) for task in asked]
    for work in (1, 2 * 21 * 40, dense_device.DENSE_WORK):
        monkeypatch.setattr(dense_device, "DENSE_WORK", work)
        same_columns(batched(asked, simulated), expected)


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_threads_may_take_turns_in_any_order(simulated, kind):
    """States and sweeps of the kernel itself under every schedule, with a table that is no model's."""
    from mattis.kernels import cpu
    from mattis.kernels.host.module import SCHEDULES, HostModule

    sets, count, size = 2, 45, 12
    signs = np.sign(normal(1, sets, count, size)).astype(np.int8)
    which = np.array([0, 1, 1, 0], np.int32)
    targets, flips = np.arange(4, dtype=np.int32), np.full(4, 5, np.int32)
    streams = [rng.stream(5, "any", {"number": k}) for k in range(4)]
    spins = [noisy_cue(signs[which[k], k], 5 / size, stream) for k, stream in enumerate(streams)]
    cues = patterns.Cues(np.array([stream.packed() for stream in streams]), flips)
    table = (np.round(100 * normal(3, 2, 2 * size + 1))).astype(kind) / kind(1)
    table = table.astype(kind)
    rules = np.array([0, 0, 1, 1], np.int32)
    for own in (False, True):
        expected = []
        for r in range(4):
            xi, state = signs[which[r]], spins[r].copy()
            m = xi.astype(np.int64) @ state
            made = cpu.dense.align(np.ascontiguousarray(xi.T), m, state, table[rules[r]], own, 3)
            expected.append((m.tolist(), made))
        for schedule in SCHEDULES:

            def module(name: str, schedule=schedule) -> HostModule:
                code = devices.text(*devices.TEXTS[name])
                return HostModule(code, devices.ENTRIES[name], schedule=schedule)

            herd = dense_device.DenseReplicas(which, rules, targets, cues)
            device = replace(simulated, module=module)
            given_sets = patterns.sets_on(device, [*signs])
            found = dense_device.align(device, given_sets, herd, table, own, 3)
            pairs = zip(found.after.tolist(), found.sweeps.tolist(), strict=True)
            assert list(pairs) == expected
            assert found.before.tolist() == [
                (signs[k].astype(int) @ s).tolist() for k, s in zip(which, spins, strict=True)
            ]


def test_a_device_that_is_full_takes_fewer_tasks_at_once(simulated):
    """Whether memory is short as announced, or all of a sudden; and one that never has enough says so."""
    asked = tasks(BINARY, 21, 40, 4)
    expected = [simulate(*task) for task in asked]
    taken: list[int] = []

    def full(most: int) -> Device:
        def empty(shape, kind):
            if kind == np.int8 and len(shape) == 2:
                taken.append(shape[0])
                if shape[0] > most:
                    raise MemoryError
            return np.empty(shape, kind)

        return replace(simulated, xp=SimpleNamespace(**{**vars(np), "empty": empty}))

    for most, free in ((6, 2**30), (100, 4096)):
        taken.clear()
        device = replace(full(most), free=lambda free=free: free)
        same_columns(batched(asked, device), expected)
        assert len(taken) > 1
    with pytest.raises(MemoryError):
        batched(asked, full(0))


def test_networks_that_fit_no_block_stay_on_the_cpu():
    """Overlaps beyond the shared memory of a block; a single site, whose spin no barrier would guard."""
    device = on_arrays(lambda *_: pytest.fail("an array was brought to the device"))
    large = PatternSet(5, 8, 2**14, 1)
    assert not dense.fits(large, device)
    assert dense.fits(PatternSet(5, 8, 2**13, 1), device)
    assert not dense.fits(PatternSet(5, 1, 3, 1), device)
    some = [(large, PLACES[:1], replace(BINARY, cues=1, steps=2))]
    same_columns(batched(some, device), [simulate(*some[0])])


def test_products_of_memories_are_used_where_they_are_enough():
    assert closes(NETWORKS["attention"])
    assert not any(closes(NETWORKS[name]) for name in ("many memories", "tanh"))
