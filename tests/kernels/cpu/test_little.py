"""Synchronous dynamics: the vector kernel against a few lines of NumPy, bit by bit; then by hand."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mattis.exact import rng
from mattis.exact.patterns import random_patterns
from mattis.kernels.cpu.lanes import LANES, Heat, LaneRecord, Lanes, Patterns, aligned_rows, packed
from mattis.kernels.cpu.synchronous import PIECE, PIECES_PER_TABLE, TILE, little_sweeps

TEMPERATURES = (0.0, 0.3, 1.0, 1e4)
NO_NEAR = np.zeros((0, 64, 64), np.int16)
BOTH = pytest.mark.parametrize("kind", [np.int16, np.int32])


def plain(xi, start, targets, streams, scales, sweeps, warm):
    """Return (spins, overlaps, trace, sums): S_i(t+1) = sign(N h_i(t) + th_i), all sites at once."""
    xi, spins = xi.astype(int), start.astype(int)
    count, size = xi.shape
    trace, sums = np.zeros((3, sweeps, LANES), int), np.zeros((2, size, LANES), int)
    for t in range(sweeps):
        words = [stream.decision_words(size, t) for stream in streams]
        noise = [rng.thermal_noise(w, scale) for w, scale in zip(words, scales, strict=True)]
        field = xi.T @ (xi @ spins) - count * spins + np.transpose(noise)
        kept = (field == 0) & (scales == 0)
        new = np.where(kept, spins, np.where(field >= 0, 1, -1))
        flips, spins = (new != spins).sum(axis=0), new
        energy = (spins * (xi.T @ (xi @ spins) - count * spins)).sum(axis=0)
        trace[:, t] = (xi[targets].T * spins).sum(axis=0), energy, flips
        if t >= warm:
            sums[int(t >= warm + (sweeps - warm) // 2)] += spins
    return spins, xi @ spins, trace, sums


def vector(xi, start, targets, streams, scales, sweeps, warm, kind=np.int16):
    """Run the kernel; return what `plain` does, and the steps that were run."""
    count, size = xi.shape
    odd, parity = size % 2, count * (size - 1) % 2
    offsets = (odd * xi.sum(axis=0, dtype=np.int64) - count - parity) // 2
    blocks = np.ascontiguousarray(packed(xi).T)
    patterns = Patterns(packed(np.ascontiguousarray(xi.T)), blocks, NO_NEAR.astype(kind), offsets, parity)
    lanes = Lanes(aligned_rows(size, kind), aligned_rows(-(-count // 32) * 32, kind), targets)
    lanes.spins[:] = (start - 1) // 2
    lanes.overlaps[:count] = (xi.astype(int) @ start.astype(int) - odd) // 2
    ties, cold = aligned_rows(1, kind), scales == 0
    ties[0] = -(cold & (parity == 0)).astype(kind)
    tails = np.array([stream.tail for stream in streams], np.uint32).T.copy()
    shared = bool((tails == tails[:, :1]).all())
    key = np.array(streams[0].key, np.uint32)
    heat = Heat(key, tails, scales[None].copy(), ties, shared, bool(cold.all()))
    record = LaneRecord(np.zeros((3, sweeps, LANES), np.int64), np.zeros((2, size, LANES), np.int32), warm)
    used = little_sweeps(patterns, lanes, heat, record)
    assert not lanes.overlaps[count:].any()
    spins, overlaps = 1 + 2 * lanes.spins.astype(int), 2 * lanes.overlaps[:count].astype(int) + odd
    return (spins, overlaps, record.trace, record.sums), used


def streams_of(seed, shared=False):
    members = [{"replica": 0 if shared else r} for r in range(LANES)]
    return [rng.stream(seed, "dynamics", {"seed": seed}, member) for member in members]


def scales_of(size, temperatures):
    scales = [rng.noise_scale(size, 1 / t) if t else np.float32(0) for t in temperatures]
    return np.array(scales, np.float32)


def assert_same(kind, xi, start, targets, streams, scales, sweeps, warm):
    """Compare the kernel with the reference; return the steps that the kernel ran."""
    wanted = plain(xi, start, targets, streams, scales, sweeps, warm)
    found, used = vector(xi, start, targets, streams, scales, sweeps, warm, kind)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    return used


@BOTH
@settings(max_examples=12, deadline=None)
@given(
    size=st.integers(1, 200),
    count=st.integers(1, 120),
    temperatures=st.lists(st.sampled_from(TEMPERATURES), min_size=1, max_size=3),
    shared=st.booleans(),
    warm=st.integers(0, 5),
    seed=st.integers(0, 9),
)
@example(size=1, count=1, temperatures=[0.0], shared=False, warm=0, seed=0)
@example(size=64, count=PIECE * PIECES_PER_TABLE, temperatures=[0.3], shared=True, warm=0, seed=0)
@example(size=65, count=PIECE * PIECES_PER_TABLE + 1, temperatures=[0.0], shared=False, warm=1, seed=0)
@example(size=TILE + 67, count=33, temperatures=[0.3, 0.0], shared=False, warm=3, seed=0)
@example(size=TILE - 1, count=64, temperatures=[1.0], shared=True, warm=2, seed=0)
def test_all_bits_are_those_of_the_plain_dynamics(kind, size, count, temperatures, shared, warm, seed):
    draw = np.random.default_rng(seed)
    xi = random_patterns(rng.stream(seed, "patterns", {}), count, size)
    start = draw.choice([-1, 1], (size, LANES))
    scales = scales_of(size, np.resize(temperatures, LANES))
    targets = draw.integers(0, count, LANES)
    assert_same(kind, xi, start, targets, streams_of(seed, shared), scales, 5, warm)


@BOTH
def test_two_coupled_sites_that_disagree_exchange_their_spins_for_ever(kind):
    """N h_1 = S_2, N h_2 = S_1; updated one after the other, they would agree after one step."""
    xi, start = np.ones((1, 2), np.int8), np.array([[1], [-1]]).repeat(LANES, axis=1)
    targets, scales = np.zeros(LANES, int), np.zeros(LANES, np.float32)
    (spins, _, trace, sums), used = vector(xi, start, targets, streams_of(0), scales, 5, 0, kind)
    assert used == 5
    np.testing.assert_array_equal(spins, -start)
    np.testing.assert_array_equal(trace[:, :, 0], [[0] * 5, [-2] * 5, [2] * 5])
    np.testing.assert_array_equal(sums, [0 * start, -start])


@BOTH
@pytest.mark.parametrize(("size", "count"), [(66, 1000), (65, 1001), (2001, 32)])
def test_fields_reach_the_end_of_16_bits(kind, size, count):
    """Equal patterns: |N h| up to P (N-1), near 2^16; noise beyond that does not wrap around."""
    xi = np.ones((count, size), np.int8)
    start = np.where(np.arange(size)[:, None] % (LANES + 1) < np.arange(LANES), -1, 1)
    start[:, 0], start[:, -1] = 1, -1
    scales = scales_of(size, np.resize([0.0, 1e3, 1e4], LANES))
    assert_same(kind, xi, start, np.zeros(LANES, int), streams_of(1), scales, 3, 0)


@pytest.mark.parametrize("warm", [0, 1, 4])
def test_a_fixed_point_of_all_replicas_ends_the_run_and_is_recorded_to_the_end(warm):
    xi = random_patterns(rng.stream(2, "patterns", {}), 3, 150)
    start, cues = xi[np.arange(LANES) % 3].T.copy(), np.arange(LANES) % 3
    start[:4] *= -1
    scales = np.zeros(LANES, np.float32)
    used = assert_same(np.int16, xi, start, cues, streams_of(2), scales, 9, warm)
    assert used == 1  # the errors go in the first step, and nothing moves in the second
