"""The plan of a device's memory is what is allocated there at the most: for every kernel, as in a run."""

import shutil
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mattis.exact import rng
from mattis.kernels.cuda import backends, euler, glauber, matrix
from mattis.kernels.cuda.devices import Device
from mattis.networks.binary import family, hopfield, hopfield_device
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble
from mattis.networks.binary.matrix_network import Dynamics
from mattis.networks.binary.network import Protocol, Replica
from mattis.networks.binary.questions import Inquiry, Query, Visit
from mattis.networks.drift import consolidation_device
from mattis.networks.drift.consolidation import ALL, DriftProtocol, Stage
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.neurons import dense, relaxation_device
from mattis.networks.neurons.models import NEURON_DEFAULTS
from mattis.networks.neurons.recipe import NeuronPoint, Recipe
from mattis.selftest.cases import chain
from mattis.study.model import PatternSet

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")


class DeviceArrays:
    """NumPy as the arrays of a device; counts the bytes that are there at once, however they are made."""

    def __init__(self) -> None:
        self.bytes = self.peak = 0
        self.counted: set[int] = set()
        arrays = self

        class Counted(np.ndarray):
            def __array_finalize__(self, _: Any) -> None:
                arrays.count(self)

            def __array_namespace__(self, **_: Any) -> "DeviceArrays":
                return arrays

        self.kind = Counted

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found

        def made(*args: Any, **named: Any) -> Any:
            result = found(*args, **named)
            return result.view(self.kind) if isinstance(result, np.ndarray) else result

        return made

    def count(self, array: np.ndarray) -> None:
        """Count the array that owns the memory of this one, once, as long as it lives."""
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if id(owner) not in self.counted:
            self.counted.add(id(owner))
            self.bytes += owner.nbytes
            self.peak = max(self.peak, self.bytes)
            weakref.finalize(owner, self.gone, id(owner), owner.nbytes)

    def gone(self, number: int, size: int) -> None:
        self.counted.remove(number)
        self.bytes -= size


@pytest.fixture
def arrays() -> DeviceArrays:
    return DeviceArrays()


@pytest.fixture
def device(arrays) -> Device:
    found = backends.device("simulated")
    assert found is not None
    return replace(found, xp=arrays)


class Plan:
    """Stands for `divided` and `overlapped`, and has all items make one part, whose bytes it writes down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.bytes = self.items = 0
        monkeypatch.setattr(module, name, getattr(self, name))

    def divided(self, _device, items, size, work, besides=0) -> Iterator[Any]:
        self.bytes, self.items = sum(map(size, items)) + besides, len(items)
        yield items, work(items)

    def overlapped(self, device, items, size, begin, besides=0) -> Iterator[Any]:
        return self.divided(device, items, size, lambda some: begin(some)(), besides)


def test_every_array_is_counted_as_long_as_it_lives(arrays) -> None:
    """Of functions, of operators and their steps between; a view or a slice is no other array."""
    x = arrays.zeros(1000, np.int8)
    part, turned = x[10:], x.reshape(10, 100).T
    assert arrays.bytes == arrays.peak == 1000
    y = x.astype(np.int16) + 1
    del x, part, turned
    assert (arrays.bytes, arrays.peak) == (2000, 5000)
    z = arrays.where(y > 0, y, arrays.zeros_like(y))
    assert (arrays.bytes, arrays.peak) == (4000, 7000)
    del y, z
    assert arrays.bytes == 0


def exactly(a, b, out) -> None:
    """Stand for tensor cores, which need no room of their own."""
    for k in range(len(b)):
        out[:, k] = np.einsum("ij,j->i", np.asarray(a), np.asarray(b[k]), dtype=np.int32)


REPLICA_KERNELS = [
    ("glauber_groups", "typewriter"), ("glauber_groups", "random"), ("glauber_sites", "typewriter"),
    ("glauber_sites", "random"), (glauber.IN_LANES, "typewriter"), (glauber.IN_LANES, "random"),
    ("not resident", "typewriter"), (glauber.BY_POPCOUNTS, "synchronous"),
    (glauber.BY_PRODUCTS, "synchronous"), ("without tensor cores", "synchronous"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "order"), REPLICA_KERNELS)
def test_replicas_of_pattern_sets(device, arrays, monkeypatch, form, order) -> None:
    """But for products in float64, whose plan has room for all pattern sets at once."""
    plan = Plan(monkeypatch, hopfield_device, "overlapped")
    room = glauber.ROOM if form == "not resident" else device.shared
    one = replace(device, tensor_products=exactly if form == glauber.BY_PRODUCTS else None, shared=room)
    kernel = {"not resident": glauber.IN_LANES, "without tensor cores": glauber.BY_PRODUCTS}.get(form, form)
    monkeypatch.setattr(glauber, "synchronous_form_of", lambda *_: kernel)
    monkeypatch.setattr(glauber, "form_of", lambda *_: kernel)
    for module in (glauber, hopfield_device):
        monkeypatch.setattr(module, "LARGEST_ORDERS", 0)  # a launch for each sweep
    networks = [hopfield.build(PatternSet(7, 300, 70, seed)) for seed in (1, 2)]
    replicas = [Replica(k, 1.3, 0.1) for k in range(12)]
    asked = [hopfield_device.LaunchRequest(k, n, r) for k, n in enumerate(networks) for r in replicas]
    for _ in hopfield_device.run(one, asked, Protocol(1, 2, 1, 0.5, order=order)):
        pass
    assert (0.5 if form == "without tensor cores" else 0.95) * plan.bytes < arrays.peak <= plan.bytes


@pytest.mark.parametrize("synchronous", [False, True])
@pytest.mark.parametrize("numbers", [2**20, 500])
def test_circuits(device, arrays, monkeypatch, synchronous: bool, numbers: int) -> None:
    """With two launches at a time, or as many sweeps as there are, if these are fewer.

    Couplings are counted for each group of chains that takes about as much.
    """
    plan = Plan(monkeypatch, matrix, "divided")
    one = chain(16, synchronous, 150)
    one = one._replace(follow=np.tile(one.follow, (10, 1)), scales=np.tile(one.scales, 10))
    streams = [rng.stream(k, "order", {}).packed()[: len(one.order)] for k in range(12)]
    many, limits = [one._replace(order=order) for order in streams], matrix.Limits(numbers=numbers)
    matrix.run_chains(device, many, limits)
    assert (matrix.ChainShape.of(one, limits).longest < 20) == (numbers == 500)
    again = (plan.items - 1) * (one.wires.memory + one.wires.targets.nbytes)
    assert plan.bytes - again - 12 * 64 - 100 < arrays.peak <= plan.bytes - again


@pytest.mark.parametrize("rule", ["clipped", "dilution"])
def test_circuits_whose_couplings_are_made_there(device, arrays, monkeypatch, rule: str) -> None:
    """Of patterns in bits, which are gone when there is a state."""
    plan = Plan(monkeypatch, matrix, "divided")
    inquiry = Inquiry(Protocol(1, 4, 1, 0.5), Rule(rule), Ensemble(), Dynamics(), Query())
    visits = [Visit(rule, 0, 1, 2.0, 0.1)]
    family.batched([(PatternSet(5, 400, 60, 1), visits, inquiry)], device)
    assert 0.9 * plan.bytes < arrays.peak <= plan.bytes


@pytest.mark.parametrize("seeds", [1, 3])
def test_drifting_memories(device, arrays, monkeypatch, seeds: int) -> None:
    """Trajectories with a ground of their own."""
    plan = Plan(monkeypatch, consolidation_device, "divided")
    stages = [Stage(0.1, 0.2, 1.0, 9.0, 1.0, ALL)]
    schedule = DriftProtocol(MemoryEnsemble("random"))
    tasks = [(PatternSet(3, 60, 24, seed), stages, schedule) for seed in range(seeds)]
    consolidation_device.batched(tasks, device)
    assert plan.bytes - 128 * seeds < arrays.peak <= plan.bytes


@pytest.mark.parametrize("hidden", ["polynomial", "exponential"])
def test_dense_networks_of_binary_neurons(device, arrays, monkeypatch, hidden: str) -> None:
    plan = Plan(monkeypatch, dense, "divided")
    member = NEURON_DEFAULTS["dense_binary"]
    recipe = Recipe(replace(member.parts, hidden=hidden), cues=20, steps=3, binary=True)
    places = [NeuronPoint(0.01, 0.1), NeuronPoint(0.02, 0.1)]
    dense.recall_on_device([(PatternSet(5, 300, 70, 1), places, recipe)], device)
    assert 0.95 * plan.bytes < arrays.peak <= plan.bytes


@pytest.mark.parametrize("name", ["attention", "hebbian_tanh", "dense", "graded"])
@pytest.mark.parametrize("by_kernels", [False, True])
def test_continuous_neurons(device, arrays, monkeypatch, name: str, by_kernels: bool) -> None:
    """Steps by kernels, as on a GPU, and by functions of arrays."""
    monkeypatch.setattr(euler, "kernels", lambda x: device if by_kernels and x.ndim == 3 else None)
    member, patterns = NEURON_DEFAULTS[name], PatternSet(5, 150, 60, 1)
    recipe = Recipe(member.parts, member.question, member.ensemble, cues=32, steps=9, dt=0.3)
    relaxation_device.shape(patterns, recipe, device)  # found once
    arrays.peak = arrays.bytes
    relaxation_device.recall([(patterns, [NeuronPoint(0.4, 0.1)], recipe)], device)
    sets, lanes = relaxation_device.shape(patterns, recipe, device)
    planned = 8 * sets * relaxation_device.numbers_of_set(patterns, lanes)
    assert 0.5 * planned < arrays.peak <= planned
