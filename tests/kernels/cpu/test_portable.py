"""The portable kernels against the vector kernels, bit by bit.

`cpu.asynchronous` is named where it is used: a process without a compiler imports this file too.
"""

import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from mattis.exact import rng
from mattis.exact.patterns import random_patterns
from mattis.kernels import cpu
from mattis.kernels.cpu import portable
from mattis.kernels.cpu.lanes import (
    BLOCK,
    LANES,
    Heat,
    LaneRecord,
    Lanes,
    Patterns,
    aligned_rows,
    near_couplings,
    packed,
    transposed,
)

TYPEWRITER = np.zeros(0, np.uint32)
MIXED = [0.0, 0.4, 1.0, 1e5] * (LANES // 4)

PLAIN = """
import sys
import test_portable as here
print(here.checksum(*here.small_run()))
assert not {"numba", "llvmlite", "mattis.kernels.cpu.vectors"} & set(sys.modules)
"""


def drawn(count, size):
    return random_patterns(rng.stream(1, "patterns", {"size": size}), count, size)


def in_bits(xi, kind, make=portable):
    """A pattern set as the kernels take it."""
    count, size = xi.shape
    rows = packed(xi)
    sites = transposed(rows, size)
    near = near_couplings(make.products, sites, count, kind)
    parity = count * (size - 1) % 2
    offsets = (size % 2 * xi.sum(axis=0, dtype=np.int64) - count - parity) // 2
    return Patterns(sites, np.ascontiguousarray(rows.T), near, offsets, parity)


def started(xi, kind):
    """Lane r starts from pattern r mod P, and is asked for the next one."""
    count, size = xi.shape
    cues = np.arange(LANES) % count
    spins, overlaps = aligned_rows(size, kind), aligned_rows(-(-count // 32) * 32, kind)
    spins[:] = (xi[cues].T - 1) // 2
    overlaps[:count] = (xi.astype(int) @ xi[cues].T.astype(int) - size % 2) // 2
    return Lanes(spins, overlaps, (cues + 1) % count)


def heated(temperatures, size, parity, kind, shared):
    member = [{"replica": 0 if shared else r} for r in range(LANES)]
    streams = np.array([rng.stream(2, "dynamics", {"size": size}, m).packed() for m in member])
    scales, ties = aligned_rows(1, np.float32), aligned_rows(1, kind)
    cold = np.broadcast_to(temperatures, LANES) == 0
    scales[0] = size * np.asarray(temperatures) / 2
    ties[0] = -(cold & (parity == 0)).astype(kind)
    tails = np.ascontiguousarray(streams[:, 2:].T)
    return Heat(streams[0, :2].copy(), tails, scales, ties, shared, bool(cold.all()))


def run(kernel, patterns, xi, temperatures, sweeps=7, warm=2, shared=False, order=TYPEWRITER):
    """Return (spins, overlaps, trace, sums, sweeps used)."""
    kind, size = patterns.near.dtype, xi.shape[1]
    lanes = started(xi, kind)
    heat = heated(temperatures, size, patterns.parity, kind, shared)
    trace, sums = np.zeros((3, sweeps, LANES), np.int64), np.zeros((2, size, LANES), np.int32)
    used = kernel(patterns, lanes, heat, order, LaneRecord(trace, sums, warm))
    return lanes.spins, lanes.overlaps, trace, sums, used


def small_run(kernel=portable.replica_sweeps):
    """A run that mixes everything: odd sizes, all temperatures, a random order, a block that is cut."""
    xi = drawn(5, 77)
    order = rng.stream(3, "order", {}).packed()
    return run(kernel, in_bits(xi, np.int16), xi, MIXED, order=order)


def checksum(*results):
    return crc32(b"".join(np.asarray(one, "<i8").tobytes() for one in results))


def assert_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def assert_same_run(*args, **options):
    """Run both kernels; return what they agree upon."""
    found = run(portable.replica_sweeps, *args, **options)
    assert_equal(found, run(cpu.asynchronous.replica_sweeps, *args, **options))
    return found


@pytest.mark.parametrize("ordered", ["typewriter", "random"])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("size", "count", "temperatures"),
    [
        (1, 1, 0.5),
        (5, 3, MIXED),
        (64, 64, 1.0),
        (66, 2, MIXED),
        (130, 33, 0.0),
        (131, 33, 0.0),
        (256, 1, 0.9),  # couplings inside a block weigh as much as the field
        (1100, 40, 0.6),  # noise is drawn in two pieces
        (999, 100, MIXED),
    ],
)
def test_every_number_is_that_of_the_vector_kernel(size, count, temperatures, shared, ordered):
    xi = drawn(count, size)
    order = rng.stream(3, "order", {}).packed() if ordered == "random" else TYPEWRITER
    assert_same_run(in_bits(xi, np.int16), xi, temperatures, shared=shared, order=order)


@pytest.mark.parametrize("warm", [0, 3, 30])
def test_sweeps_after_a_fixed_point_count_in_both_halves(warm):
    xi = drawn(4, 150)
    *_, used = assert_same_run(in_bits(xi, np.int16), xi, 0.0, sweeps=41, warm=warm)
    assert used < 30


@pytest.mark.parametrize(
    ("size", "count", "kind"),
    [
        (205, 400, np.int32),  # half fields up to N P / 2 = 41000
        (2, 2**15 - 1, np.int16),  # they fit, but not twice the spin's own term P
    ],
)
def test_copies_of_one_pattern_take_fields_to_the_edge_of_16_bits(size, count, kind):
    xi = np.repeat(drawn(1, size), count, axis=0)
    assert_same_run(in_bits(xi, kind), xi, 0.8, sweeps=3, warm=0)


@pytest.mark.parametrize(("size", "count"), [(1, 1), (64, 64), (77, 5), (300, 130)])
def test_partial_sums_of_fields_are_below_the_bound(size, count):
    """Also where the sum is largest, all patterns and spins alike: |M'_mu| ≤ (N + 1) / 2."""
    for xi in (drawn(count, size), np.ones((count, size), np.int8), -np.ones((count, size), np.int8)):
        _, overlaps, *_ = run(portable.replica_sweeps, in_bits(xi, np.int32), xi, 0.5, sweeps=2)
        assert np.abs(overlaps.astype(np.int64)).sum(axis=0).max() <= count * (size + 1) // 2
    assert count * (size + 1) // 2 <= size * count


def test_wide_floats_where_narrow_ones_would_round(monkeypatch):
    assert portable.exact_type(4096, 4095) is np.float32
    assert portable.exact_type(4096, 4096) is np.float64
    wanted = small_run()
    kinds, settled = set(), portable.settled

    def spy(base, below, old):
        kinds.update((base.dtype, below.dtype, old.dtype))
        return settled(base, below, old)

    monkeypatch.setattr(portable, "settled", spy)
    monkeypatch.setattr(portable, "EXACT_FLOATS", 5 * 77)
    assert_equal(small_run(), wanted)
    assert kinds == {np.dtype(np.float64)}


@pytest.mark.parametrize(("rows", "size"), [(1, 2), (3, 64), (65, 63), (70, 200)])
def test_bits_are_those_of_the_vector_kernel(rows, size):
    vector, signs, others = cpu.asynchronous, drawn(rows, size), drawn(rows + 4, size)[rows:]
    found, more = packed(signs), packed(others)
    for row, words in zip(signs.tolist(), found.tolist(), strict=True):
        assert sum(1 << i for i, sign in enumerate(row) if sign > 0) == sum(
            word << 64 * k for k, word in enumerate(words)
        )
    sites = transposed(found, size)
    np.testing.assert_array_equal(sites, packed(signs.T))
    products = vector.products(found, more, size)
    np.testing.assert_array_equal(portable.products(found, more, size), products)
    for limit in (0, 10**9):
        wanted = vector.largest_row(sites, rows, limit)
        assert portable.largest_row(sites, rows, limit) == wanted


@pytest.mark.parametrize("kind", [np.int16, np.int32])
@pytest.mark.parametrize(("size", "count"), [(1, 1), (64, 5), (150, 70)])
def test_couplings_inside_blocks_are_products_of_patterns(size, count, kind):
    xi = drawn(count, size)
    for make in (portable, cpu.asynchronous):
        for b, near in enumerate(in_bits(xi, kind, make).near):
            block = xi[:, b * BLOCK : (b + 1) * BLOCK].astype(int)
            sites = block.shape[1]
            np.testing.assert_array_equal(near[:sites, :sites], block.T @ block)


def test_lane_overlaps_are_those_of_the_vector_kernel():
    """Sums that float32 would round."""
    blocks = np.ascontiguousarray(packed(drawn(33, 100)).T)
    rows = aligned_rows(2 * BLOCK, np.int32)
    words = rng.stream(4, "rows", {}).words(100 * LANES) >> np.uint32(8)
    rows[:100] = words.reshape(100, LANES)
    found = portable.lane_overlaps(blocks, rows)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, cpu.asynchronous.lane_overlaps(blocks, rows))


def test_a_process_without_a_compiler_finds_the_same_numbers():
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    folder = Path(__file__).parent
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN], env=environment, cwd=folder, capture_output=True, check=True
    )
    assert int(plain.stdout) == checksum(*small_run(cpu.asynchronous.replica_sweeps))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("size", "count", "temperatures"), [(1, 1, 0.5), (66, 2, MIXED), (131, 33, 0.0), (300, 70, 0.6)]
)
def test_synchronous_steps_are_those_of_the_vector_kernel(size, count, temperatures, shared):
    xi = drawn(count, size)
    results = []
    for little in (portable.little_sweeps, cpu.lane_kernels("synchronous").little_sweeps):

        def kernel(patterns, lanes, heat, _, record, little=little):
            return little(patterns, lanes, heat, record)

        patterns = in_bits(xi, np.int16)
        results.append(run(kernel, patterns, xi, temperatures, shared=shared))
    assert_equal(*results)
