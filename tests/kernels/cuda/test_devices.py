"""Kernels for GPUs, run by this CPU: one text, the same trajectories as the CPU's own kernels, to the bit."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from builders import hopfields
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from references import same_columns

from mattis.exact import rng
from mattis.exact.patterns import random_patterns
from mattis.kernels.cuda import backends, devices, glauber, integer_products, patterns
from mattis.kernels.cuda.devices import Device, divided
from mattis.networks.binary import chains, family, hopfield, hopfield_device
from mattis.networks.binary.network import BinaryNetwork, Protocol, Replica
from mattis.networks.binary.retrieval import LARGEST_NOISE
from mattis.study.model import PatternSet

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")

ORDERS = ("typewriter", "random", "synchronous")


@pytest.fixture(scope="module")
def device() -> Device:
    found = backends.device("simulated")
    assert found is not None
    return found


def network_of(size: int, count: int, seed: int) -> BinaryNetwork:
    return hopfield.build(PatternSet(7, size, count, seed))


def protocol_of(order: str, thermalise: int = 2, measure: int = 5) -> Protocol:
    return Protocol(thermalise, measure, 1, 0.5, order=order)


def assert_same(device: Device, networks: list, replicas: list[Replica], protocol: Protocol) -> None:
    """Assert that the chains of each network are those that the CPU's kernels find."""
    asked = [hopfield_device.LaunchRequest(k, n, r) for k, n in enumerate(networks) for r in replicas]
    (part, found), *more = hopfield_device.run(device, asked, protocol)
    assert not more
    assert list(part) == asked
    parts = [(n, replicas[k : k + 32]) for n in networks for k in range(0, len(replicas), 32)]
    first = 0
    for network, some in parts:
        expected = chains.lanes(network, some, protocol)
        own, first = found.of(slice(first, first + len(some))), first + len(some)
        np.testing.assert_array_equal(own.trace, expected.trace)
        np.testing.assert_array_equal(own.spins, expected.spins)
        np.testing.assert_array_equal(own.used, expected.used)
        assert hopfield.looks(network, some, own) == hopfield.looks(network, some, expected)


@settings(max_examples=12, deadline=None)
@given(
    size=st.integers(2, 100), count=st.integers(1, 70), order=st.sampled_from(ORDERS),
    beta=st.sampled_from([0.3, 1.0, 2.5, 20.0, np.inf]), thermalise=st.integers(0, 3),
)  # fmt: skip
def test_trajectories_are_those_of_the_cpu(device, size, count, order, beta, thermalise) -> None:
    networks = [network_of(size, count, seed) for seed in (1, 2)]
    replicas = [Replica(0, beta, 0.0), Replica(count - 1, beta, 0.25), Replica(0, np.inf, 0.1)]
    assert_same(device, networks, replicas, protocol_of(order, thermalise))


@pytest.fixture
def in_lanes(monkeypatch) -> None:
    """Have replicas in lanes, whatever is faster."""
    monkeypatch.setattr(glauber, "form_of", lambda *_: glauber.IN_LANES)


@pytest.mark.usefixtures("in_lanes")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(2, 150), count=st.integers(1, 70), order=st.sampled_from(ORDERS[:2]),
    replicas=st.integers(1, 70), shared=st.sampled_from([0, glauber.ROOM]),
    beta=st.sampled_from([0.01, 1.0, 2.5, 20.0]), thermalise=st.integers(0, 3),
)  # fmt: skip
@example(64, 32, "typewriter", 32, 0, 2.5, 1)
@example(65, 129, "random", 33, 0, 20.0, 1)
def test_trajectories_in_lanes_are_those_of_the_cpu(
    device, size, count, order, replicas, shared, beta, thermalise
) -> None:
    """Any N, P and number of replicas, hot and cold in one block, with overlaps in either memory."""
    one = replace(device, shared=shared or device.shared)
    networks = [network_of(size, count, seed) for seed in (1, 2)]
    betas = [beta, np.inf, 2 * beta]
    asked = [Replica(k % count, betas[k % 3], 0.1 * (k % 4)) for k in range(replicas)]
    assert_same(one, networks, asked, protocol_of(order, thermalise))


@pytest.mark.usefixtures("in_lanes")
def test_lanes_at_their_largest_overlaps_and_widest_noise(device) -> None:
    """Overlaps of -N, 0 and N at the largest N, where N h + noise meets the ends of 32 bits."""
    network = network_of(glauber.MOST_SITES, 3, 1)
    replicas = [Replica(0, beta, noise) for beta in (np.inf, 1.6e-4, 2.0) for noise in (0.0, 1.0)]
    assert_same(device, [network], replicas, protocol_of("typewriter", 0, 1))


def test_sets_of_any_numbers_of_replicas_make_blocks() -> None:
    which = np.repeat(np.arange(4, dtype=np.int32), [1, 33, 64, 5])
    found = glauber.herds_of(which)
    assert found.tolist() == [[0, 1], [1, 33], [33, 34], [34, 66], [66, 98], [98, 103]]


@pytest.mark.parametrize("form", glauber.GLAUBER_KERNELS)
@pytest.mark.parametrize("beta", [0.5, 3.0, np.inf])
def test_all_asynchronous_forms_agree_with_one_site_at_a_time(device, form, beta) -> None:
    network, protocol = network_of(70, 9, 3), protocol_of("typewriter")
    asked = [hopfield_device.LaunchRequest(0, network, Replica(cue, beta, 0.2)) for cue in range(3)]
    sets = patterns.sets_on(device, [network.patterns])
    herd = hopfield_device.herd_of([network], asked, protocol)
    found = glauber.asynchronous(device, sets, herd, glauber.DeviceSweeps(7, 2), form)()
    expected = chains.overlaps(network, [one.replica for one in asked], protocol)
    np.testing.assert_array_equal(found.trace.transpose(1, 2, 0), expected.trace)
    np.testing.assert_array_equal(found.spins.T, expected.spins)


def test_many_replicas_by_matrix_products(device) -> None:
    networks = [network_of(130, 21, seed) for seed in (1, 2)]
    replicas = [Replica(k % 21, beta, 0.1) for k in range(20) for beta in (1.3, np.inf)]
    sets = patterns.sets_on(device, [n.patterns for n in networks])
    asked = [hopfield_device.LaunchRequest(k, n, r) for k, n in enumerate(networks) for r in replicas]
    herd = hopfield_device.herd_of(networks, asked, protocol_of("synchronous"))
    course = glauber.DeviceSweeps(7, 2)
    one = glauber.by_popcounts(device, sets, herd, course)()
    other = glauber.by_products(device, sets, herd, course)()
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    for k, network in enumerate(networks):
        expected = chains.lanes(network, replicas[:32], protocol_of("synchronous"))
        first = k * len(replicas)
        np.testing.assert_array_equal(other.trace[first : first + 32].transpose(1, 2, 0), expected.trace)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 2**32 - 1))
def test_digits_hold_every_overlap(largest, seed) -> None:
    numbers = np.random.default_rng(seed).integers(-largest, largest + 1, (4, 5), dtype=np.int32)
    numbers[0, :2] = -largest, largest
    parts = integer_products.digits(np, numbers, largest)
    assert (parts.shape, parts.dtype) == ((4, integer_products.digits_of(largest), 5), np.int8)
    np.testing.assert_array_equal(integer_products.composed(parts.astype(np.int32)), numbers)


def test_products_of_integers_are_exact(device) -> None:
    draw = np.random.default_rng(3)
    numbers = draw.integers(-(2**14), 2**14, (5, 48), dtype=np.int32)
    signs = draw.choice(np.array([-1, 1], np.int8), (9, 48))
    digits = integer_products.digits(np, numbers, 2**14)
    sums = np.full((5, digits.shape[1], 16), 7, np.int32)
    integer_products.products(device, digits.reshape(-1, 48), signs, sums.reshape(-1, 16))
    np.testing.assert_array_equal(integer_products.composed(sums)[:, :9], numbers @ signs.T.astype(np.int32))
    assert (sums[:, :, 9:] == 7).all()


def test_products_are_taken_where_they_save_more_than_their_launches_cost(device) -> None:
    """One large set at once, not many small ones: a function of R, N, P and the number of sets."""
    fast = replace(device, processors=132, clock=1_700_000_000)

    def chosen(sharing: list[int], size: int, count: int) -> str:
        return glauber.synchronous_form_of(fast, sharing, size, count)

    assert chosen([2048], 10_000, 1000) == chosen([128] * 16, 10_000, 1000) == glauber.BY_PRODUCTS
    assert chosen([40], 500, 25) == chosen([1] * 2048, 1000, 50) == glauber.BY_POPCOUNTS


def test_lanes_are_for_many_replicas_of_a_set(device) -> None:
    """Not for few in all, few of each set, nor for overlaps and fields beyond their numbers."""
    large = replace(device, processors=132)

    def chosen(sharing: list[int], size: int = 10_000, count: int = 1000) -> str:
        return glauber.form_of(large, sharing, size, count)

    assert chosen([128] * 64) == chosen([4096], 500, 20) == chosen([40] * 51) == glauber.IN_LANES
    assert chosen([40]) == chosen([1] * 8192) == "glauber_groups"
    assert chosen([128] * 64, 32_767) == glauber.IN_LANES
    assert chosen([128] * 64, 32_768) == "glauber_groups"
    assert chosen([128] * 64, 32_767, 16_383) == glauber.IN_LANES
    assert chosen([128] * 64, 32_767, 16_384) == "glauber_groups"
    assert chosen([128] * 64, 1000, 16_383) == glauber.IN_LANES
    assert chosen([128] * 64, 1000, 16_384) == "glauber_groups"  # 2 N J_ij may need 17 bits


def test_few_replicas_in_the_heat_take_one_proposal_after_the_other(device) -> None:
    """A flip costs `glauber_groups` its other warps; of replicas in lanes the heat changes nothing."""
    large = replace(device, processors=132)

    def chosen(sharing: list[int], flips: float) -> str:
        return glauber.form_of(large, sharing, 10_000, 1000, flips)

    assert [chosen([40], flips) for flips in (0.0, 0.1, 0.5)] == [
        "glauber_groups", "glauber_groups", "glauber_sites"
    ]  # fmt: skip
    assert chosen([1] * 8192, 0.5) == glauber.IN_LANES  # whose idle lanes cost less than such flips
    assert chosen([128] * 64, 0.0) == chosen([128] * 64, 0.5) == glauber.IN_LANES


def test_flips_on_paper_are_those_of_the_temperature() -> None:
    """None at T = 0, half of all without fields; the mean over replicas."""
    assert glauber.flips_of([np.inf], 0.1) == 0
    assert glauber.flips_of([1e-6], 0.1) == pytest.approx(0.5, abs=1e-6)
    assert glauber.flips_of([2.0], 0.1) == pytest.approx(1 / (1 + np.exp(4)))
    assert glauber.flips_of([0.5], 0.09) == pytest.approx(1 / (1 + np.exp(0.3)))
    assert glauber.flips_of([np.inf, 1e-6], 0.1) == pytest.approx(0.25, abs=1e-6)


def test_a_study_in_the_heat_is_planned_and_run_by_what_its_temperatures_flip(device, monkeypatch) -> None:
    asked = []
    whole = glauber.form_of

    def form_of(_device, sharing, size, count, flips):
        asked.append(flips)
        return whole(_device, sharing, size, count, flips)

    monkeypatch.setattr(glauber, "form_of", form_of)
    task = hopfields(PatternSet(1, 40, 10, 0), [hopfield.Setting(0.25, 0.0)], protocol_of("random"))
    family.batched([task], device)
    assert family.launches(task, 3, device) is not None
    assert asked == [pytest.approx(1 / (1 + np.exp(0.25)))] * 2


def test_noise_is_that_of_the_recipe() -> None:
    """A kernel that only draws: 4096 words of several steps, at widths from the narrowest to the widest."""
    from mattis.kernels.host.module import HostModule

    code = (
        devices.text("noise.cu")
        + """
    extern "C" __global__ void draw(const unsigned* stream, int* out, float scale, int step, int n) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) out[i] = thermal_noise(decision_word(stream, i, step), scale);
    }"""
    )
    kernel = HostModule(code, ["draw"]).get_function("draw")
    stream = rng.stream(5, "dynamics", {"size": 3})
    for step, scale in ((0, 5e-7), (3, 1.0), (2**31 - 1, 77.7), (17, 1e7), (1, LARGEST_NOISE / 2)):
        out = np.zeros(4096, np.int32)
        kernel((16,), (256,), (stream.packed(), out, np.float32(scale), np.int32(step), np.int32(4096)))
        expected = rng.thermal_noise(stream.decision_words(4096, step), np.float32(scale))
        np.testing.assert_array_equal(out, expected)
        assert np.abs(expected).max() < 2**31 - 2**29  # room for a field


@pytest.mark.parametrize("starts", [1, 2])
def test_batched_is_simulate(device, starts: int) -> None:
    """Tasks of several sizes, loads and seeds, with cues that are averaged: every column is the same."""
    protocol = Protocol(3, 8, 2, 0.5, starts=starts)
    points = [hopfield.Setting(beta, noise) for beta in (1.0, np.inf) for noise in (0.0, 0.2)]
    tasks = [
        hopfields(PatternSet(1, n, p, s), points, protocol) for n, p in ((40, 3), (64, 2)) for s in (0, 1)
    ]
    found = family.batched(tasks[::-1], device)
    same_columns(found, [family.simulate(*task) for task in tasks[::-1]])


def test_little_networks_tell_their_cycles(device) -> None:
    protocol = Protocol(10, 6, 3, 0.5, order="synchronous")
    task = hopfields(PatternSet(1, 50, 12, 0), [hopfield.Setting(np.inf, 0.3)], protocol)
    same_columns(family.batched([task], device), [family.simulate(*task)])


def test_what_no_block_of_threads_holds_stays_on_the_cpu(device) -> None:
    small = replace(device, shared=64)
    protocol = Protocol(1, 4, 1, 0.5)
    task = hopfields(PatternSet(1, 40, 33, 0), [hopfield.Setting(1.0, 0.0)], protocol)
    assert not hopfield_device.fits(40, 33, protocol, small)
    (found,), expected = family.batched([task], small), family.simulate(*task)
    np.testing.assert_array_equal(found["overlap"], expected["overlap"])


def test_out_of_memory_halves_the_batch_and_goes_on(device) -> None:
    tried: list[int] = []

    def work(items):
        tried.append(len(items))
        if len(items) > 3:
            raise MemoryError
        return sum(items)

    parts = list(divided(device, range(10), lambda _: 1, work))
    assert [item for part, _ in parts for item in part] == list(range(10))
    assert sum(total for _, total in parts) == 45
    assert tried[0] == 10
    with pytest.raises(MemoryError):
        list(divided(device, [5], lambda _: 1, lambda _: work(range(4))))


def test_memory_is_planned_before_a_launch(device) -> None:
    poor = replace(device, free=lambda: 1000)
    parts = [list(part) for part, _ in divided(poor, range(10), lambda _: 300, len)]
    assert parts == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    starved = replace(device, free=lambda: 10)
    assert [len(part) for part, _ in divided(starved, range(3), lambda _: 300, len)] == [1, 1, 1]


def test_a_study_on_little_memory_is_the_same_study(device) -> None:
    poor = replace(device, free=lambda: 8_000)
    protocol = Protocol(2, 6, 2, 0.5)
    tasks = [
        hopfields(PatternSet(1, 60, 5, s), [hopfield.Setting(b, 0.1) for b in (1.0, 2.0)], protocol)
        for s in range(3)
    ]
    each = glauber.memory(60, 5, 8)
    assert each * 12 > 0.8 * 8_000  # the twelve replicas do not fit at once
    same_columns(family.batched(tasks, poor), family.batched(tasks, device))


def test_bits_are_those_of_the_signs() -> None:
    xi = random_patterns(rng.stream(1, "x", {}), 5, 70)
    words = patterns.bits(xi)
    assert words.shape == (5, 3)
    for mu in range(5):
        for i in range(96):
            bit = words[mu, i // 32] >> np.uint32(i % 32) & 1
            assert bit == (i < 70 and xi[mu, min(i, 69)] > 0)
