"""What each kernel is asked to do, small, and what the CPU's own kernels answer: the plain reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact import rng
from mattis.exact.arrays import Mask
from mattis.kernels import cpu
from mattis.kernels.cuda import euler, glauber, patterns
from mattis.kernels.cuda.devices import Device
from mattis.kernels.cuda.matrix import Chain, Wires, run_chains
from mattis.networks.binary import chains, ensembles, hopfield, hopfield_device, matrix_network
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble
from mattis.networks.binary.network import BinaryNetwork, Protocol, Replica
from mattis.networks.drift import consolidation, consolidation_device
from mattis.networks.drift.consolidation import DriftProtocol, Stage
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.neurons import models
from mattis.networks.neurons.recipe import NeuronPoint, Recipe
from mattis.study.model import Batched, Columns, PatternSet, Task

KernelOutputs = Sequence[NDArray[Any]]

Simulate = Callable[..., Columns]


@dataclass(frozen=True)
class Case:
    """One workload.

    modules    # of kernels that it uses
    run        # its answers on a device
    expected   # those of the CPU's own kernels
    tolerance  # what numbers of continuous neurons may differ by, relative or absolute; 0 for the same bits
    """

    modules: tuple[str, ...]
    run: Callable[[Device], KernelOutputs]
    expected: Callable[[], KernelOutputs]
    tolerance: float = 0.0

    def faults(self, device: Device) -> list[str]:
        """Return which answers of a device are not those of the CPU, to the bit or within the tolerance."""
        pairs = zip(self.run(device), self.expected(), strict=True)
        return [
            f"answer {k}: {int(np.sum(~same))} of {same.size} numbers differ"
            for k, same in enumerate(self._same(*pair) for pair in pairs)
            if not same.all()
        ]

    def _same(self, found: NDArray[Any], expected: NDArray[Any]) -> Mask:
        """Tell which numbers are those of the CPU."""
        if expected.dtype.kind != "f":
            return np.asarray(found == expected)
        near = self.tolerance
        return np.asarray(np.isclose(found, expected, rtol=near, atol=near, equal_nan=True))

    def in_many_launches(self, shared: int = 0) -> "Case":
        """Return the same case in as many launches as it can have, on blocks with so much shared memory."""

        def run(device: Device) -> KernelOutputs:
            return self.run(replace(device, splits=2**40, shared=shared or device.shared))

        return replace(self, run=run)


def networks(size: int, count: int) -> list[BinaryNetwork]:
    """Return two networks."""
    return [hopfield.build(PatternSet(7, size, count, seed)) for seed in (1, 2)]


SCRATCH = 5000
"""Bytes of shared memory that hold what the threads of a circuit tell each other, and not its state."""

SIZE, COUNT = 45, 37
"""Sites and patterns of the binary cases: words, groups and blocks end in the middle."""

REPLICAS = [Replica(0, 1.5, 0.2), Replica(1, np.inf, 0.3), Replica(2, 4.0, 0.0)]


def asynchronous(form: str, order: str, size: int = SIZE, count: int = COUNT) -> Case:
    """Return one site after the other, in this form."""
    made, protocol = networks(size, count), Protocol(1, 3, 1, 0.5, order=order)

    def run(device: Device) -> KernelOutputs:
        asked = [hopfield_device.LaunchRequest(k, n, r) for k, n in enumerate(made) for r in REPLICAS]
        herd = hopfield_device.herd_of(made, asked, protocol)
        course = hopfield_device.sweeps_of(made, protocol)
        sets = patterns.sets_on(device, [n.patterns for n in made])
        return arrays_of(glauber.asynchronous(device, sets, herd, course, form)())

    return Case(("glauber", "looks"), run, lambda: reference(made, protocol))


def synchronous(solve: Callable[..., glauber.GlauberEnd]) -> Case:
    """Return all sites at once, by popcounts or by products."""
    made, protocol = networks(SIZE, COUNT), Protocol(1, 3, 1, 0.5, order="synchronous")

    def run(device: Device) -> KernelOutputs:
        asked = [hopfield_device.LaunchRequest(k, n, r) for k, n in enumerate(made) for r in REPLICAS]
        herd = hopfield_device.herd_of(made, asked, protocol)
        sets = patterns.sets_on(device, [n.patterns for n in made])
        return arrays_of(solve(device, sets, herd, hopfield_device.sweeps_of(made, protocol))())

    return Case(("little", "looks"), run, lambda: reference(made, protocol))


def arrays_of(found: glauber.GlauberResult) -> KernelOutputs:
    """Return what replicas leave behind, their last states as well."""
    assert found.spins is not None
    return found.trace, found.mean_overlaps, found.spins


def reference(made: Sequence[BinaryNetwork], protocol: Protocol) -> KernelOutputs:
    """Return trace, looks and spins of all replicas, as the CPU finds them."""
    found = [chains.lanes(network, REPLICAS, protocol) for network in made]
    trace = np.concatenate([one.trace.transpose(2, 0, 1) for one in found])
    pairs = [hopfield.looks(n, REPLICAS, one) for n, one in zip(made, found, strict=True)]
    looks = np.concatenate([np.array(pair).T for pair in pairs])
    return trace, looks, np.concatenate([one.spins.T for one in found if one.spins is not None])


def drawn(size: int = 300, count: int = 37) -> Case:
    """Return patterns, cues and orders of sites by their addresses; and patterns that have none."""
    made, steps = networks(size, count), (3, 6)
    replicas = [Replica(k % count, 1.0, noise) for k, noise in enumerate((0.0, 0.25, 0.5, 1.0))]
    asked = [hopfield_device.LaunchRequest(k, n, r) for k, n in enumerate(made) for r in replicas]
    herd = hopfield_device.herd_of(made, asked, Protocol(0, 2, 1, 0.5))
    streams = np.array([network.order("random") for network in made])

    def run(device: Device) -> KernelOutputs:
        sets = patterns.sets_on(device, [n.patterns for n in made])
        up, given = device.upload, patterns.sets_on(device, [n.xi for n in made])
        cues = patterns.cues_on(device, sets, up(herd.which), up(herd.targets), herd.cues)
        orders = patterns.orders_on(device, streams, size, *steps)
        return [device.to_host(array) for array in (*sets, *given, cues, orders)]

    def expected() -> KernelOutputs:
        xi = np.array([n.xi for n in made])
        sites, orders = patterns.bits(xi.transpose(0, 2, 1)), np.empty((2, 3, size), np.int32)
        words = np.empty((4, -(-size // 4)), np.uint32)
        for order, (stream, step) in zip(
            orders.reshape(-1, size), product(streams, range(*steps)), strict=True
        ):
            exact.philox.fresh_order(order, words, stream, step)
        sets = (sites, sites.transpose(0, 2, 1), patterns.bits(xi))
        return [*sets, *sets, np.array([n.cue(r.cue, r.noise) for n in made for r in replicas]), orders]

    return Case(("patterns",), run, expected)


def couple(size: int = 61, count: int = 150) -> Case:
    """Return couplings that a device makes of signs: all of them, clipped, with a dead zone, diluted."""
    labels, rules = {"seed": 1}, ("hebb", "clipped", "dead_zone", "dilution", "asymmetric_dilution")
    stored = ensembles.drawn(Ensemble("random"), 7, labels, count, size)
    made = [matrix_network.learnt(Rule(rule), stored, True, 7, labels) for rule in rules]

    def run(device: Device) -> KernelOutputs:
        out = []
        for one in made:
            assert one.signs is not None
            columns = device.xp.zeros((size, size), np.dtype(f"i{one.signs.bits // 8}"))
            one.signs.fill(device, columns)
            out.append(device.to_host(columns))
        return out

    return Case(("patterns", "couplings"), run, lambda: [one.nj.T for one in made])


def tasks(modules: tuple[str, ...], batched: Batched, simulate: Simulate, given: Sequence[Task]) -> Case:
    """Return tasks of a model: every column of every task is an answer."""

    def values(columns: Sequence[Columns]) -> KernelOutputs:
        return [array for one in columns for array in one.values()]

    return Case(
        modules,
        lambda device: values(batched(given, device)),
        lambda: values([simulate(*task) for task in given]),
    )


def dense(hidden: str, count: int = 70) -> Case:
    """Return dense associative memories: by tables of integers, or of reals in a fixed order."""
    member = models.NEURON_DEFAULTS["dense_binary"]
    recipe = Recipe(replace(member.parts, hidden=hidden), "recall", "signs", 2, steps=4, binary=True)
    places = [NeuronPoint(0.4, 0.3), NeuronPoint(1.0, 0.4)]
    given = [(PatternSet(5, 13, count, seed), places, recipe) for seed in (1, 2)]
    return tasks(("dense",), models.batched, models.simulate, given)


def drift(size: int = 40, count: int = 70) -> Case:
    """Return memories of several warps: many that share each pattern, or one that takes it all."""
    stages = [
        Stage(beta, 0.5, 1.0, 9.0, presentations, consolidation.ALL)
        for beta in (0.05, np.inf)
        for presentations in (0.2, 0.5)
    ]
    given = [(PatternSet(3, size, count, 0), stages, DriftProtocol(MemoryEnsemble("random")))]
    return tasks(("drift",), consolidation_device.batched, consolidation.simulate, given)


def neurons(name: str, precision: Literal["double", "single"], tolerance: float) -> Case:
    """Return continuous neurons: all steps that there may be, so that no rounding decides on the last one."""
    member = models.NEURON_DEFAULTS[name]
    parts, question, ensemble = member.parts, member.question, member.ensemble
    recipe = Recipe(parts, question, ensemble, 2, steps=40, dt=0.5, tolerance=-1.0, precision=precision)
    places = [NeuronPoint(0.4, 0.3), NeuronPoint(1.0, 0.4)]
    given = [(PatternSet(5, 24, 5, seed), places, recipe) for seed in (1, 2, 3)]
    return replace(tasks((), models.batched, models.simulate, given), tolerance=tolerance)


EULER_SHAPE = (2, 6, 45)
"""Networks, memories and replicas of the steps: a warp and a part of one, rows that no warp has."""


def euler_steps(closed: bool, precision: type[np.floating[Any]], tolerance: float) -> Case:
    """Return Euler steps by kernels, of v to softmax(beta v), or of 13 neurons by products of memories.

    Some replicas come to rest before others.
    """
    draw, (sets, count, replicas) = np.random.default_rng(4), EULER_SHAPE
    memories = draw.normal(0, 0.4, (sets, count, 13)).astype(precision)
    start = draw.normal(size=(sets, 13, replicas)).astype(precision)
    beta = draw.uniform(0.5, 3.0, (sets, replicas)).astype(precision)
    back = np.ascontiguousarray(memories.mT)
    rest = (0.5, 1e-2, 20)

    def run(device: Device) -> KernelOutputs:
        up = device.upload
        gains, v = up(beta), up(start)

        def hidden(x: Any) -> Any:
            return euler.softmax_by_kernel(device, x, gains)

        if closed:
            given = (up(memories), up(back), up(memories @ back), hidden, v, None)
            found = euler.relax_gram(*given, *rest, by=device)
        else:
            found = euler.relax(hidden, v, *rest, by=device)
        return [device.to_host(part) for part in found]

    def alone(k: int) -> Any:
        def hidden(x: Any) -> Any:
            return cpu.euler.softmax(x, beta[k])

        if closed:
            given = (memories[k], memories[k] @ back[k], hidden, start[k], None)
            return cpu.euler.relax_gram(*given, *rest)
        return cpu.euler.relax(hidden, start[k], *rest)

    def expected() -> KernelOutputs:
        return [np.array(parts) for parts in zip(*map(alone, range(sets)), strict=True)]

    return Case(("euler",), run, expected, tolerance)


def chain(bits: int, synchronous: bool, size: int = 70, metropolis: bool = False) -> Chain:
    """Return a chain of a circuit whose couplings need so many bits; fields of 64 where they do."""
    draw, sweeps = np.random.default_rng(bits), 4
    unit = {8: 1, 16: 300, 32: 10**5, 64: 10**10}[bits]
    columns = (unit * draw.integers(-4, 5, (size, size))).astype(f"i{bits // 8}")
    bias = unit * draw.integers(-3, 4, size)
    targets = draw.integers(-300, 300, (2, size)).astype(np.int16)
    start = draw.choice(np.array([-1, 1], np.int8), size)
    warmth = 4.0 * min(unit, 10**6)
    scales = (warmth * np.array([1.0, 0.5, 0.0, 1.0])).astype(np.float32)
    stream, order = (rng.stream(bits, name, {}).packed() for name in ("dynamics", "order"))
    follow = np.tile(np.array([0, 1], np.int32), (sweeps, 1))
    wires = Wires(columns, bias, targets, wide=bits == 64)
    order = order[: 0 if synchronous else 4]
    return Chain(
        wires,
        start,
        follow,
        scales,
        1,
        stream,
        order,
        synchronous,
        metropolis,
        settles=False,
        heated=synchronous,
    )


def circuit(synchronous: bool, size: int = 70, metropolis: bool = False) -> Case:
    """Return chains with any couplings, of every width."""
    given = [chain(bits, synchronous, size, metropolis) for bits in (8, 16, 32, 64)]

    def run(device: Device) -> KernelOutputs:
        found = run_chains(device, given)
        return [part for one in found for part in (one.overlaps, one.trace, one.excess, one.sums)]

    return Case(("matrix",), run, lambda: [part for one in given for part in walked(one)])


def walked(one: Chain) -> KernelOutputs:
    """Return what the CPU's kernel writes down of a chain."""
    size, (sweeps, followed) = one.wires.size, one.follow.shape
    spins, bias = one.start.copy(), one.wires.bias
    assert isinstance(one.wires.columns, np.ndarray)
    columns = one.wires.columns.astype(np.int64)
    fields = one.start.astype(np.int64) @ columns + bias
    overlaps, trace = np.zeros((followed, sweeps), np.int64), np.zeros((3, sweeps), np.int64)
    excess, sums = np.zeros(sweeps if one.heated else 0), np.zeros((2, size), np.int32)
    cpu.matrix.matrix_sweeps(
        columns, spins, fields, bias, one.wires.targets, one.follow, one.synchronous,
        one.metropolis, one.settles, one.stream, one.scales, one.order, overlaps, trace, excess,
        sums, one.warm,
    )  # fmt: skip
    return overlaps, trace, excess, sums


WIDE_SIZE, WIDE_COUNT = 71, 150
"""Sites and patterns of `glauber_lanes`: two groups, two tiles of words, both of which end in the middle."""


def lanes(order: str) -> Case:
    """Return replicas in lanes, one site after the other."""
    return asynchronous(glauber.IN_LANES, order, WIDE_SIZE, WIDE_COUNT)


CASES: Mapping[str, Case] = {
    "glauber_lanes": lanes("typewriter"),
    "glauber_lanes, random order": lanes("random"),
    "glauber_groups": asynchronous("glauber_groups", "typewriter"),
    "glauber_groups, random order": asynchronous("glauber_groups", "random"),
    "glauber_sites": asynchronous("glauber_sites", "typewriter"),
    "glauber_sites, random order": asynchronous("glauber_sites", "random"),
    # Shared memory that with what is static is above 48 KiB, and that is so by itself.
    "glauber_groups, 12200 patterns": asynchronous("glauber_groups", "typewriter", 2, 12200),
    "glauber_groups, 13000 patterns": asynchronous("glauber_groups", "typewriter", 2, 13000),
    "little_sweeps": synchronous(glauber.by_popcounts),
    "little_update": synchronous(glauber.by_products),
    "circuit_in_turn": circuit(synchronous=False),
    "circuit_in_turn, Metropolis": circuit(synchronous=False, metropolis=True),
    "circuit_at_once": circuit(synchronous=True),
    "patterns": drawn(),
    "couple_16": couple(),
    "couple_8": couple(count=20),
    "align_by_integers": dense("polynomial"),
    "align_by_reals": dense("exponential"),
    "present_many": drift(),
    "euler_step_64": euler_steps(False, np.float64, 1e-12),
    "euler_step_32": euler_steps(False, np.float32, 1e-5),
    "gram_step_64": euler_steps(True, np.float64, 1e-12),
    "gram_step_32": euler_steps(True, np.float32, 1e-5),
    # More than one launch; more sites than a block has threads; states that no block of threads holds.
    "glauber_groups, in many launches": asynchronous("glauber_groups", "random").in_many_launches(),
    "glauber_lanes, in many launches": lanes("random").in_many_launches(),
    "glauber_lanes, not resident": lanes("typewriter").in_many_launches(glauber.ROOM),
    "little_sweeps, in many launches": synchronous(glauber.by_popcounts).in_many_launches(),
    "couple_32, 33000 patterns": couple(3, 33_000),
    "patterns, not resident": drawn().in_many_launches(SCRATCH // 8),
    "circuit_in_turn, 300 sites": circuit(False, 300).in_many_launches(),
    "circuit_at_once, 300 sites": circuit(True, 300).in_many_launches(),
    "circuit_in_turn, not resident": circuit(False, 300).in_many_launches(SCRATCH),
    "circuit_at_once, not resident": circuit(True, 300).in_many_launches(SCRATCH),
    "align_by_integers, in many launches": dense("polynomial").in_many_launches(),
    "present_many, in many launches": drift().in_many_launches(),
    # Products by cuBLAS, sums beside the steps by CuPy.
    "attention, float64": neurons("attention", "double", 1e-12),
    "attention, float32": neurons("attention", "single", 1e-5),
    "hebbian_tanh, float64": neurons("hebbian_tanh", "double", 1e-12),
    "hebbian_tanh, float32": neurons("hebbian_tanh", "single", 1e-5),
}

MEASURED_CASES = tuple(name for name in CASES if "," not in name or "random" in name)
"""Cases that differ in what a kernel does, not only in memory, in launches, or in what a library does."""
