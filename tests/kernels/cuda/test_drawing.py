"""What a device makes by addresses has the bits that the host makes; and little crosses the bus."""

import shutil
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from builders import hopfields
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mattis import exact
from mattis.exact import rng
from mattis.exact.patterns import RandomPatterns, noisy_cue, random_patterns
from mattis.kernels.cuda import backends, patterns
from mattis.kernels.cuda.devices import Device
from mattis.networks.binary import couplings, ensembles, family, hopfield, matrix_network
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble
from mattis.networks.binary.network import Protocol
from mattis.study.model import PatternSet

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")


@pytest.fixture(scope="module")
def device() -> Device:
    found = backends.device("simulated")
    assert found is not None
    return found


def stream_of(number: int) -> rng.Stream:
    return rng.stream(5, "any", {"number": number})


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 3), st.booleans())
@example(32, 32, 1, True)
@example(129, 33, 2, True)
def test_patterns_in_bits_by_their_address(device, size, count, sets, addressed) -> None:
    """By pattern, by site and by word of sites; also of sets of which one has no address."""
    given_ = [RandomPatterns(stream_of(k), (count, size)) for k in range(sets)]
    xi = np.array([random_patterns(one.stream, count, size) for one in given_])
    found = patterns.sets_on(device, given_ if addressed else [xi[0], *given_[1:]])
    assert found.shape == (size, count)
    sites = patterns.bits(xi.transpose(0, 2, 1))
    np.testing.assert_array_equal(found.rows, patterns.bits(xi))
    np.testing.assert_array_equal(found.sites, sites)
    np.testing.assert_array_equal(found.columns, sites.transpose(0, 2, 1))
    signs = patterns.spread(np, found.rows[0], size)
    np.testing.assert_array_equal(signs[:, :size], xi[0])
    assert signs.shape[1] % 16 == 0
    assert not signs[:, size:].any()


def cues_of(device: Device, xi, streams: list[rng.Stream], flips: list[int]):
    """Return the cues of pattern 0 that a device draws."""
    sets = patterns.sets_on(device, [xi])
    zeros = np.zeros(len(flips), np.int32)
    packed = np.array([stream.packed() for stream in streams])
    return patterns.cues_on(device, sets, zeros, zeros, patterns.Cues(packed, np.int32(flips)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 600), st.lists(st.floats(0, 1), min_size=1, max_size=4))
@example(600, [0.0, 1.0])
def test_cues_have_the_flips_of_the_host(device, size, noises) -> None:
    xi = random_patterns(stream_of(0), 2, size)
    flips = [exact.patterns.flip_count(size, noise) for noise in noises]
    streams = [stream_of(k) for k in range(len(noises))]
    wanted = [noisy_cue(xi[0], *each) for each in zip(noises, streams, strict=True)]
    np.testing.assert_array_equal(cues_of(device, xi, streams, flips), wanted)


def test_of_equal_words_the_first_sites_flip(device) -> None:
    """A stream with a word at two sites: between them, at most one more word is flipped than there are."""
    size = 20_000
    for number in range(1000):
        stream = stream_of(number)
        ranked = np.sort(stream.words(size))
        equal = np.flatnonzero(ranked[1:] == ranked[:-1])
        if equal.size:
            break
    first = int(equal[0]) + 1
    xi = random_patterns(stream_of(0), 1, size)
    flips = [first - 1, first, first + 1]
    wanted = [noisy_cue(xi[0], n / size, stream) for n in flips]
    assert [int(np.count_nonzero(cue != xi[0])) for cue in wanted] == flips
    np.testing.assert_array_equal(cues_of(device, xi, [stream] * 3, flips), wanted)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 700), st.integers(0, 2**31 - 4), st.integers(1, 3), st.booleans())
@example(128, 0, 2, True)
@example(129, 5, 2, False)
def test_orders_of_sites_are_those_of_the_host(device, size, first, steps, resident) -> None:
    """In shared memory and not."""
    one = device if resident else replace(device, shared=0)
    streams = np.array([stream_of(k).packed() for k in range(2)])
    found = patterns.orders_on(one, streams, size, first, first + steps)
    order, words = np.empty(size, np.int64), np.empty((4, -(-size // 4)), np.uint32)
    for k, t in product(range(2), range(steps)):
        exact.philox.fresh_order(order, words, streams[k], first + t)
        np.testing.assert_array_equal(found[k, t], order)


RULES_OF_SIGNS = (
    Rule("hebb"), Rule("clipped"), Rule("dead_zone", threshold=1.0), Rule("dead_zone", threshold=0.0),
    Rule("dilution", connectivity=0.4), Rule("dilution", connectivity=1.0),
    Rule("asymmetric_dilution", connectivity=0.3),
)  # fmt: skip


def stored_of(name: str, size: int, count: int) -> ensembles.Stored:
    return ensembles.drawn(Ensemble(name), 3, {"seed": 1}, count, size)


@pytest.mark.parametrize("rule", RULES_OF_SIGNS, ids=str)
@pytest.mark.parametrize("count", [1, 9, 64, 127, 128, 150])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", ["random", "categories"])
def test_couplings_of_signs_are_those_of_the_rule(device, rule, count, kept, name) -> None:
    """By an address and without one; sums of P that is a square are at the edge of a dead zone."""
    made = matrix_network.learnt(rule, stored_of(name, 61, count), kept, 3, {"seed": 1})
    assert made.signs is not None
    columns = np.full((61, 61), 7, f"i{made.signs.bits // 8}")
    made.signs.fill(device, columns)
    np.testing.assert_array_equal(columns, made.nj.T)
    assert np.abs(made.nj.astype(int)).max() <= made.signs.largest


def test_couplings_of_very_many_patterns_need_32_bits(device) -> None:
    made = matrix_network.learnt(Rule("hebb"), stored_of("categories", 5, 2**15), True, 3, {"seed": 1})
    assert made.signs is not None
    columns = np.zeros((5, 5), np.int32)
    made.signs.fill(device, columns)
    np.testing.assert_array_equal(columns, made.nj.T)
    assert columns[0, 0] == 2**15


@pytest.mark.parametrize("name", ["gaussian", "biased"])
def test_patterns_that_are_not_signs_have_couplings_of_the_host(name) -> None:
    assert matrix_network.learnt(Rule("hebb"), stored_of(name, 30, 4), False, 3, {}).signs is None


def test_every_rule_of_signs_is_tried() -> None:
    able = {row.name for row in couplings.RULES.values() if row.of_signs}
    assert able == {rule.name for rule in RULES_OF_SIGNS}


class Bus:
    """Counts the bytes that go to a device, and those that come back."""

    def __init__(self, device: Device) -> None:
        self.up = self.down = 0
        self.device = replace(device, fill=self.fill, to_host=self.to_host)

    def fill(self, target, array) -> None:
        self.up += array.nbytes
        np.copyto(target, array)

    def to_host(self, array):
        self.down += array.nbytes
        return np.array(array)


def crossing(device: Device, size: int, order: str, sweeps: int = 8) -> tuple[int, int]:
    """Return the bytes that cross the bus for six replicas of a network: there, and back."""
    bus, protocol = Bus(device), Protocol(0, sweeps, 3, 0.5, order=order)
    points = [hopfield.Setting(beta, 0.2) for beta in (1.0, 2.0)]
    family.batched([hopfields(PatternSet(1, size, size // 10, 0), points, protocol)], bus.device)
    return bus.up, bus.down


@pytest.mark.parametrize("order", ["typewriter", "random", "synchronous"])
def test_what_a_network_is_made_of_does_not_cross(device, order) -> None:
    """Four times the sites and patterns: the same bytes; last states come back where they are looked at."""
    small, large = crossing(device, 100, order), crossing(device, 400, order)
    assert small[0] == large[0] <= 6 * 48 + 100
    states = 6 if order == "synchronous" else 0
    assert [back - 6 * (3 * 8 * 8 + 16) for _, back in (small, large)] == [100 * states, 400 * states]
