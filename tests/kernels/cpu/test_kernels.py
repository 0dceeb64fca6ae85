"""The kernels against a plain reference, bit by bit; then the reference's own physics, by hand."""

import math
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mattis.exact import rng
from mattis.exact.patterns import noisy_cue, random_patterns
from mattis.kernels.cpu import glauber
from mattis.kernels.cpu.blocks import FEW_FLIPS
from mattis.networks.binary import hopfield
from mattis.networks.binary.chains import KERNELS
from mattis.networks.binary.hopfield import Setting
from mattis.networks.binary.network import SHARINGS, UPDATE_ORDERS, BinaryNetwork, Protocol, Replica
from mattis.study.model import UNSETTLED, PatternSet

COLD = math.inf


def plain(xi, start, target, stream, beta, sweeps, warm, orders=None):
    """Return (spins, trace, sums) of one replica: asynchronous heat bath, one site after the other.

    orders  # stream of random orders, by exchanges from the last site to the first; 0 … N-1 without
    """
    spins, size = start.astype(int), xi.shape[1]
    nj = xi.T.astype(int) @ xi.astype(int)
    np.fill_diagonal(nj, 0)
    trace, sums = np.zeros((3, sweeps), int), np.zeros((2, size), int)
    for t in range(sweeps):
        noise = rng.thermal_noise(stream.decision_words(size, t), rng.noise_scale(size, beta))
        order = np.arange(size)
        for i in reversed(range(1, size)) if orders else ():
            other = int(orders.words(size, t)[i]) * (i + 1) >> 32
            order[[i, other]] = order[[other, i]]
        for k, i in enumerate(order):
            x = nj[i] @ spins + noise[k]
            new = spins[i] if x == 0 and beta == COLD else (1 if x >= 0 else -1)
            trace[2, t] += new != spins[i]
            spins[i] = new
        trace[:2, t] = xi[target].astype(int) @ spins, spins @ nj @ spins
        if t >= warm:
            sums[int(t >= warm + (sweeps - warm) // 2)] += spins
    return spins, trace, sums


def network_of(xi, seed=1):
    """A network of given patterns."""
    return BinaryNetwork({"seed": seed}, seed, xi)


def drawn(seed, count, size):
    return random_patterns(rng.stream(seed, "patterns", {"seed": seed}), count, size)


def wide(network):
    """The network with fields in 32 bits, in every kernel."""
    other, patterns = replace(network), network.in_lanes
    vars(other)["bound"] = 10**6
    vars(other)["in_lanes"] = patterns._replace(near=patterns.near.astype(np.int32))
    return other


def chain_of(kernel, network, index, point, protocol):
    """The chain of one replica by one kernel."""
    found = KERNELS[kernel](network, [Replica(index, *point)], protocol)
    first = {name: getattr(found, name)[..., 0] for name in ("trace", "sums", "spins", "used")}
    return SimpleNamespace(**first, all=found)


def cell_of(kernel, network, index, point, protocol):
    """The observables of one replica by one kernel."""
    chain = chain_of(kernel, network, index, point, protocol)
    return hopfield.observed(network, [Replica(index, *point)], protocol, chain.all)[0]


def reference(network, index, point, protocol):
    """The plain reference from the logical index that the model gives to a replica."""
    member = {"noise": point.noise, "cue": index}
    own = {"beta": point.beta} if protocol.sharing == "independent" else {}
    stream = rng.stream(network.root_seed, "dynamics", network.labels, member | own)
    cue_stream = rng.stream(network.root_seed, "cue", network.labels, member)
    cue = noisy_cue(network.xi[index], point.noise, cue_stream)
    orders = rng.stream(network.root_seed, "order", network.labels)
    return plain(
        network.xi, cue, index, stream, point.beta, protocol.sweeps, protocol.thermalise,
        orders if protocol.order == "random" else None,
    )  # fmt: skip


def assert_equal_to_reference(networks, index, point, protocol, kernels=KERNELS):
    spins, trace, sums = reference(networks[0], index, point, protocol)
    for network, kernel in product(networks, kernels):
        chain = chain_of(kernel, network, index, point, protocol)
        np.testing.assert_array_equal(chain.spins, spins)
        np.testing.assert_array_equal(chain.trace, trace)
        np.testing.assert_array_equal(chain.sums, sums)
        still = np.flatnonzero(trace[2] == 0)
        expected = still[0] if point.beta == COLD and still.size else trace.shape[1]
        assert chain.used == expected


betas = st.one_of(st.just(COLD), st.floats(0.01, 30.0), st.sampled_from([0.001, 1.0, 2.0, 1e6]))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    patterns=st.builds(
        PatternSet, st.integers(0, 2**64 - 1), st.integers(1, 70), st.integers(1, 40),
        st.integers(0, 2**32 - 1),
    ),
    point=st.builds(Setting, betas, st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))),
    protocol=st.builds(
        Protocol, st.integers(0, 6), st.integers(2, 7), st.just(1), st.just(0.5),
        st.sampled_from(UPDATE_ORDERS), st.sampled_from(SHARINGS),
    ),
    data=st.data(),
)  # fmt: skip
def test_all_kernels_follow_the_reference(patterns, point, protocol, data):
    network = hopfield.build(patterns)
    index = data.draw(st.integers(0, patterns.patterns - 1))
    assert_equal_to_reference([network, wide(network)], index, point, protocol)


@pytest.mark.parametrize("beta", [COLD, 4.0, 1.0])
@pytest.mark.parametrize(("size", "count"), [(257, 61), (254, 33), (255, 300), (259, 1), (513, 6)])
def test_kernels_follow_the_reference_at_larger_sizes(size, count, beta):
    network = hopfield.build(PatternSet(3, size, count, 5))
    point, protocol = Setting(beta, 0.2), Protocol(2, 5, 1, 0.5)
    assert_equal_to_reference([network], count - 1, point, protocol)


@pytest.mark.parametrize("size", [50, 256, 300])
def test_records_that_follow_from_a_few_flips_are_those_of_the_states(size):
    """Sweeps without a flip, with some, and with more than `FEW_FLIPS`."""
    network, protocol = hopfield.build(PatternSet(5, size, 15, 1)), Protocol(3, 37, 1, 0.5)
    seen = np.zeros(3, int)
    for beta in (1.5, 2.5, 4.0):
        assert_equal_to_reference([network], 2, Setting(beta, 0.1), protocol, ["fields"])
        flips = chain_of("fields", network, 2, Setting(beta, 0.1), protocol).trace[2]
        seen += [(flips == 0).sum(), ((flips > 0) & (flips <= FEW_FLIPS)).sum(), (flips > FEW_FLIPS).sum()]
    assert (seen > 5).all()


@pytest.mark.parametrize(
    ("count", "size", "couple", "half"),
    [
        (127, 40, np.int8, np.int16),
        (128, 41, np.int16, np.int16),
        (253, 260, np.int16, np.int16),  # |N h| ≤ 253 × 259 = 65527: halves end at 32764
        (254, 260, np.int16, np.int32),  # 65786: the lanes count the rows, and find the same
        (400, 258, np.int16, np.int32),
        (33000, 7, np.int32, np.int32),
    ],
)
@pytest.mark.parametrize("beta", [COLD, 1.3])
def test_kernels_follow_the_reference_where_couplings_are_large(count, size, couple, half, beta):
    """Identical patterns are the largest couplings and fields that there are."""
    network = network_of(np.tile(drawn(1, 1, size), (count, 1)))
    fields = glauber.half_fields(network.couplings, network.xi[0], network.parity, network.bound)
    assert (network.couplings.dtype, fields.dtype) == (couple, half)
    assert network.in_lanes.near.dtype == half
    point = Setting(beta / count if beta != COLD else beta, 0.45)
    assert_equal_to_reference([network], 0, point, Protocol(1, 4, 1, 0.5))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 12), st.integers(0, 40))
def test_half_fields_are_half_the_fields(seed, size, count, bound):
    network = network_of(drawn(seed, count, size))
    spins = drawn(seed + 1, 1, size)[0]
    fields = network.couplings.astype(int) @ spins
    assert (fields % 2 == network.parity).all()
    halves = glauber.half_fields(network.couplings, spins, network.parity, 10**6 * bound)
    np.testing.assert_array_equal(2 * halves.astype(int) + network.parity, fields)
    assert np.abs(fields).max() <= network.bound


# T = 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, 9), st.integers(0, 25))
def test_a_fixed_point_is_repeated_as_if_it_had_been_run(seed, size, count, warm):
    """The reference never stops early; warm and middle lie before, at and after the fixed point."""
    network = network_of(drawn(seed, count, size), seed)
    point, protocol = Setting(COLD, 0.4), Protocol(warm, 27 - warm, 1, 0.5)
    assert_equal_to_reference([network], 0, point, protocol)
    assert chain_of("fields", network, 0, point, protocol).used < 27


def test_the_sweep_at_which_nothing_flips_tells_whether_a_chain_was_settled():
    """The cue of one flipped bit is repaired in sweep 0; in sweep 1 nothing flips."""
    network = network_of(drawn(1, 1, 20))
    for warm, flag in ((0, UNSETTLED), (1, 0), (2, 0)):
        (cell,) = hopfield.observe(network, [Replica(0, COLD, 0.05)], Protocol(warm, 4, 1, 0.5))
        assert (cell["sweeps_used"], cell["flag"]) == (1, flag)
        assert (cell["overlap"], cell["flip_fraction"]) == (1, 0.05 / 4 if warm == 0 else 0)


def cold_run(network, kernel, start, sweeps=4):
    """The spins and the flips of each sweep at T = 0 from a given state."""

    class Started(BinaryNetwork):
        def cue(self, *_):
            return np.array(start, np.int8)

    begun = Started(network.labels, network.root_seed, network.xi)
    chain = chain_of(kernel, begun, 0, Setting(COLD, 0.0), Protocol(0, sweeps, 1, 0.5))
    return chain.spins.tolist(), chain.trace


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_tie_keeps_the_spin(kernel):
    """Three ferromagnetic spins, the last against the others: N h_0 = S_1 + S_2 = 0, and h_1 too."""
    network = network_of(np.ones((1, 3), np.int8))
    for sign in (1, -1):
        spins, trace = cold_run(network, kernel, [sign, sign, -sign])
        assert spins == [sign, sign, sign]
        assert trace.tolist() == [[3 * sign] * 4, [6] * 4, [1, 0, 0, 0]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_state_of_ties_only_never_moves(kernel):
    """Two patterns that are equal at sites 0, 1 and opposite at 2: J_02 = J_12 = 0."""
    network = network_of(np.array([[1, 1, 1], [1, 1, -1]], np.int8))
    for last in (1, -1):
        spins, trace = cold_run(network, kernel, [-1, -1, last])
        assert spins == [-1, -1, last]
        assert trace[2].tolist() == [0, 0, 0, 0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, 60))
def test_energy_falls_at_each_flip(seed, size, count):
    """In the reference's steps, in integers: S·NJ·S rises by 4 |N h_i| ≥ 4 at a flip of S_i."""
    network, spins = network_of(drawn(seed, count, size)), drawn(seed + 1, 1, size)[0].astype(int)
    nj = network.couplings.astype(int)
    aligned, flips = spins @ nj @ spins, 1
    while flips:
        flips = 0
        for i in range(size):
            if spins[i] * (nj[i] @ spins) < 0:
                spins[i] *= -1
                flips += 1
                assert spins @ nj @ spins == aligned + 4 * abs(nj[i] @ spins) >= aligned + 4
                aligned = spins @ nj @ spins
    start = drawn(seed + 1, 1, size)[0]
    for kernel in KERNELS:
        end, trace = cold_run(network, kernel, start, 60)
        assert end == spins.tolist()
        rises = np.diff(trace[1], prepend=start @ nj @ start)
        assert (rises >= 4 * trace[2]).all()
        assert ((rises > 0) == (trace[2] > 0)).all()


@pytest.mark.parametrize("kernel", ["fields", "overlaps"])
@pytest.mark.parametrize("order", ["typewriter", "random"])
@pytest.mark.parametrize("beta", [COLD, 2.0, 0.3, 1e-6])  # the last too hot for levels
def test_without_vectors_the_same(monkeypatch, kernel, order, beta):
    """Where no vectors can be compiled, the kernels of one replica are loops of functions of Python."""
    network, protocol = network_of(drawn(1, 5, 70)), Protocol(2, 7, 1, 0.5, order, "independent")
    compiled = chain_of(kernel, network, 2, Setting(beta, 0.2), protocol)
    monkeypatch.setattr(glauber, "by_blocks", lambda *_: False)
    for name in ("field_sweeps", "overlap_sweeps"):
        monkeypatch.setattr(glauber, name, getattr(glauber, name).py_func)
    plain_chain = chain_of(kernel, network, 2, Setting(beta, 0.2), protocol)
    for name in ("trace", "sums", "used", "spins"):
        np.testing.assert_array_equal(getattr(plain_chain, name), getattr(compiled, name))


def test_overlaps_at_the_edge_of_the_noise_ask_for_all_bits_of_a_word():
    """The overlap of one pattern, all +1, is that of no state: it puts the field of site 0 at -th."""
    size, scale, target = 64, np.float32(2000.0), 0
    network = network_of(np.ones((1, size), np.int8))
    patterns, start = network.in_lanes, np.ones(size, np.int8)
    start[1::2] = -1
    for seed, off in product(range(150), (-1, 0, 1)):
        stream = rng.stream(seed, "dynamics", {})
        noise = int(rng.thermal_noise(stream.decision_words(size, 0), scale)[0])
        half = (-noise - patterns.parity) // 2 + off
        overlaps = np.array([half - patterns.offsets[0]], patterns.near.dtype)
        spins, trace, sums = start.copy(), np.zeros((3, 1), np.int64), np.zeros((2, size), np.int32)
        glauber.overlap_sweeps(
            network.site_major, patterns, spins, overlaps, target, stream.packed(), scale,
            np.zeros(0, np.uint32), trace, sums, 0,
        )  # fmt: skip
        assert spins[0] == (1 if 2 * half + patterns.parity + noise >= 0 else -1)


# Energy and sign


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 25), st.integers(1, 9), st.floats(0.1, 5.0))
@example(0, 5, 1, 1e-3)
def test_energy_and_overlaps_are_those_of_the_states(seed, size, count, beta):
    """Brute force over pairs of spins; the states come from the reference, cut after each sweep."""
    network = network_of(drawn(seed, count, size), seed)
    point, warm, measure = Setting(beta, 0.3), 2, 5
    states = np.array(
        [reference(network, 0, point, Protocol(0, t, 1, 0.5))[0] for t in range(1, warm + measure + 1)]
    )[warm:]
    xi = network.xi.astype(int)
    overlaps = states @ xi.T / size
    j = (xi.T @ xi / size) * (1 - np.eye(size))
    energy = [-sum(j[a, b] * s[a] * s[b] for a in range(size) for b in range(a)) for s in states]
    halves = states[: measure // 2].mean(axis=0), states[measure // 2 :].mean(axis=0)
    other = np.abs(overlaps.mean(axis=0))[1:]
    eighths = [k * measure // min(8, measure) for k in range(1, min(8, measure))]
    expected = {
        "energy": np.mean(energy) / size,
        "overlap": overlaps[:, 0].mean(),
        "overlap_squared": (overlaps[:, 0] ** 2).mean(),
        "edwards_anderson": halves[0] @ halves[1] / size,
        "overlap_other": other.max() if count > 1 else math.nan,
        "retrieved": float(overlaps[:, 0].mean() > 0.5),
        "retrieved_early": float(overlaps[: measure // 2, 0].mean() > 0.5),
        "survived": float(min(part.mean() for part in np.split(overlaps[:, 0], eighths)) > 0.5),
    }
    for kernel in KERNELS:
        cell = cell_of(kernel, network, 0, point, Protocol(warm, measure, 1, 0.5))
        for name, value in expected.items():
            assert cell[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name
