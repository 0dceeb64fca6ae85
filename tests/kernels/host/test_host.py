"""The host shim: kernels of `host.cu` do on NumPy arrays what CUDA says, and mistakes are named."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from host_kernels import kernel
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mattis.kernels.host.module import SCHEDULES, LaunchError, ThreadSchedule

WORD = st.integers(0, 2**32 - 1)


def every_schedule(run: Callable[[ThreadSchedule], Any]) -> list[Any]:
    """Return what a function gives under each schedule."""
    return [run(schedule) for schedule in SCHEDULES]


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


# What kernels compute.


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: f"{s.order}-{s.seed}")
def test_sums_over_a_block_are_numpys(schedule: ThreadSchedule) -> None:
    """Sums by popcounts, by products of bytes, by shuffles and by barriers, over several warps and blocks."""
    a, b = random(1).integers(0, 2**32, (2, 3, 301), np.uint32)
    out = np.zeros((2, 3), np.int32)
    kernel("products", schedule)((3,), (96,), (a, b, out, np.int32(301)))
    bytes_of = [x.view(np.int8).astype(int) for x in (a, b)]
    np.testing.assert_array_equal(out[0], np.bitwise_count(a ^ b).sum(1))
    np.testing.assert_array_equal(out[1], (bytes_of[0] * bytes_of[1]).sum(1))


@pytest.mark.parametrize("kind", ["float", "double", "long long"])
@settings(max_examples=20, deadline=None)
@given(distance=st.integers(0, 31), width=st.sampled_from([2, 4, 8, 16, 32]))
def test_shuffles_follow_the_manual(kind: str, distance: int, width: int) -> None:
    """Lanes of both widths hear whom PTX says: shfl.idx, bfly, up, down, in groups; else themselves."""
    dtype = {"float": np.float32, "double": np.float64, "long long": np.int64}[kind]
    values = (random(2).random(64) * 1e18).astype(dtype)
    out = np.zeros((4, 64), dtype)
    args = (values, out, np.int32(distance), np.int32(width))
    kernel(f"shuffles<{kind}>", ThreadSchedule("random", distance))((1,), (64,), args)
    lane = np.arange(64) % 32
    first = lane // width * width
    sources = [
        first + distance % width,
        np.where((lane ^ distance) < first + width, lane ^ distance, lane),
        np.where(lane - distance >= first, lane - distance, lane),
        np.where(lane + distance < first + width, lane + distance, lane),
    ]
    warp = np.arange(64) // 32 * 32
    np.testing.assert_array_equal(out, [values[warp + source] for source in sources])


def test_halves_of_a_warp_meet_apart() -> None:
    values = random(3).integers(-(2**31), 2**31, 64).astype(np.int32)
    want = values.reshape(4, 16).sum(1, dtype=np.int32).repeat(16).reshape(2, 2, 16)
    want[:, 1] *= 2
    for schedule in SCHEDULES:
        out = np.zeros(64, np.int32)
        kernel("halves", schedule)((1,), (64,), (values, out))
        np.testing.assert_array_equal(out, want.ravel())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=64, max_size=64), st.sampled_from(SCHEDULES))
@example([5] * 64, SCHEDULES[0])
@example([-1] * 64, SCHEDULES[0])
def test_votes_and_reductions_are_numpys(numbers: list[int], schedule: ThreadSchedule) -> None:
    """Of 32 lanes (ballots, sums, minima, matches) and of a block (counts of a barrier)."""
    x = np.array(numbers, np.int32)
    out = np.zeros((11, 64), np.int32)
    kernel("votes", schedule)((1,), (64,), (x, out))
    lanes = x.reshape(2, 32)
    up, bits = lanes > 0, np.uint32(1) << np.arange(32, dtype=np.uint32)
    alike = (lanes == lanes[:, :1]).all(1)
    low = lanes & 3
    want: list[NDArray[Any]] = [
        (up * bits).sum(1, dtype=np.uint32),
        up.any(1) + 2 * up.all(1),
        lanes.min(1),
        lanes.view(np.uint32).max(1),
        np.bitwise_and.reduce(lanes, 1),
        np.bitwise_or.reduce(lanes, 1),
        np.bitwise_xor.reduce(lanes, 1),
        ((low[:, :, None] == low[:, None]) * bits).sum(2, dtype=np.uint32),
        np.where(alike, 2**32 - 2, 0),
        np.full(2, (x > 0).sum()),
        np.full(2, (x > 0).all() + 2 * (x > 0).any()),
    ]
    for row, per_warp in zip(out.view(np.uint32).reshape(11, 2, 32), want, strict=True):
        whole = per_warp.astype(np.int64).astype(np.uint32)
        np.testing.assert_array_equal(row, whole if whole.ndim == 2 else whole[:, None] * np.ones(32))


def signed(x: int, bits: int = 32) -> int:
    """Return the number whose two's complement is x."""
    x %= 2**bits
    return x - (x >> (bits - 1) << bits)


def first_set(x: int) -> int:
    return (x & -x).bit_length()


def reversed_bits(x: int, bits: int) -> int:
    return int(f"{x:0{bits}b}"[::-1], 2)


def byte_products(a: int, b: int, kind: str) -> int:
    octets = [np.array([x], "<u4").view(kind).astype(int) for x in (a, b)]
    return int((octets[0] * octets[1]).sum())


def half_products(a: int, b: int, first: int) -> int:
    """Return the sum of the products of the halves of a and two bytes of b."""
    halves, octets = (np.array([x], "<u4").view(kind).astype(int) for x, kind in ((a, "i2"), (b, "i1")))
    return int((halves * octets[first : first + 2]).sum())


def whole_numbers(a: int, b: int) -> list[int]:
    """Return what the kernel of that name computes, in unbounded integers."""
    wide, other, pair = a << 32 | b, 2**64 - 1 - (a << 32 | b), b << 32 | a
    return [
        a.bit_count(), wide.bit_count(), first_set(a), first_set(wide),
        32 - a.bit_length(), 64 - wide.bit_length(), reversed_bits(a, 32), reversed_bits(wide, 64),
        a * b >> 32, (signed(a) * signed(b) >> 32) % 2**32,
        wide * other >> 64, (signed(wide, 64) * signed(other, 64) >> 64) % 2**64,
        (pair << b % 32 >> 32) % 2**32, (pair >> b % 32) % 2**32,
        sum((pair >> 8 * (b >> 4 * k & 7) & 255) << 8 * k for k in range(4)),
        (byte_products(a, b, "u1") + a) % 2**32, (byte_products(a, b, "i1") + a) % 2**32,
        (half_products(a, b, 0) + a) % 2**32, (half_products(a, b, 2) + a) % 2**32,
        min(signed(a), signed(b)) % 2**32, max(a, b),
    ]  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(WORD, WORD), min_size=1, max_size=50))
@example([(0, 0), (0, 1), (1, 0), (2**32 - 1, 2**32 - 1), (2**31, 2**31)])
def test_functions_of_integers_are_exact(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, np.uint32).T.copy()
    out = np.zeros((21, len(pairs)), np.uint64)
    kernel("whole_numbers")((2,), (32,), (x, y, out, np.int32(len(pairs))))
    assert out.T.tolist() == [whole_numbers(*pair) for pair in pairs]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(2.0**-20, 2.0**20) | st.floats(-(2.0**20), -(2.0**-20)), min_size=1, max_size=32))
def test_functions_of_reals_are_rounded_once(numbers: list[float]) -> None:
    """As NumPy rounds, operation by operation: a product and a sum are never fused."""
    y, n = np.array(numbers), len(numbers)
    x = y.astype(np.float32)
    single, twice = np.zeros((6, n), np.float32), np.zeros((5, n))
    kernel("real_numbers")((1,), (n,), (x, y, single, twice, np.int32(n)))
    b, d = np.roll(x, -1), np.roll(y, -1)
    flipped = (x.view(np.int32) ^ 1).view(np.float32), (y.view(np.int64) ^ 1).view(np.float64)
    np.testing.assert_array_equal(
        single, [x * b + x, (x - b) / b, flipped[0], np.floor(x), np.rint(x), np.maximum(x, b)]
    )
    np.testing.assert_array_equal(twice, [y * d + y, (y - d) / d, np.sqrt(y * y), flipped[1], y * d + y])


def test_atomics_do_not_depend_on_the_schedule() -> None:
    """Global and shared, of every kind; and constant memory holds what the text says."""
    x = random(4).integers(-1000, 1000, 500).astype(np.int32)
    want = [*np.bincount(x & 3) * 10 ** np.arange(4), x.min(), x.max(), np.bitwise_xor.reduce(x), 0]

    def run(schedule: ThreadSchedule) -> tuple[list[int], float, int]:
        out, total, bits = np.zeros(8, np.int32), np.zeros(1, np.float32), np.zeros(1, np.uint64)
        kernel("counters", schedule)((1,), (64,), (x, out, total, bits, np.int32(500)))
        return out.tolist(), float(total[0]), int(bits[0])

    seen = sum(1 << k for k in set((x & 63).tolist()))
    assert every_schedule(run) == [(want, 250.0, seen)] * len(SCHEDULES)


def test_vectors_are_loaded_whole() -> None:
    quads, pairs = random(5).integers(0, 2**32, (8, 4), np.uint32), random(6).random((8, 2))
    out, sums = np.zeros_like(quads), np.zeros(8)
    kernel("quads")((1,), (8,), (quads, out, pairs, sums))
    np.testing.assert_array_equal(out, quads[:, ::-1])
    np.testing.assert_array_equal(sums, pairs[:, 0] - pairs[:, 1])


# Schedules.


def test_shared_memory_holds_nothing_that_counts() -> None:
    """Static, of functions, dynamic; at the start of every block: no zeros, nor what the last block left."""
    out = np.zeros((5, 4), np.uint32)
    kernel("remains")((5,), (32,), (out,), shared_mem=4)
    assert np.unique(out).tolist() == [0xA5A5A5A5]


def test_every_block_runs_once_and_in_several_orders() -> None:
    def run(schedule: ThreadSchedule) -> tuple[int, ...]:
        out, clock = np.full((2, 3, 5), -1, np.int32), np.zeros(1, np.int32)
        kernel("turns", schedule)((5, 3, 2), (2, 4, 3), (out, clock, np.True_, out))
        return tuple(out.ravel().tolist())

    orders = every_schedule(run)
    assert orders[:2] == [tuple(range(30)), tuple(range(29, -1, -1))]
    assert all(sorted(order) == list(range(30)) for order in orders)
    assert len(set(orders)) == len(SCHEDULES)
    assert every_schedule(run) == orders  # a schedule is a value


def test_a_missing_barrier_is_noticed() -> None:
    """No schedule turns the row around, and no two of the first four make the same of it."""

    def run(schedule: ThreadSchedule) -> bytes:
        out = np.zeros(128, np.int32)
        kernel("no_barrier", schedule)((1,), (128,), (np.arange(128, dtype=np.int32), out), shared_mem=512)
        return out.tobytes()

    found = every_schedule(run)
    assert np.arange(127, -1, -1, dtype=np.int32).tobytes() not in found
    assert len(set(found[:4])) == 4


def test_launches_of_several_threads_do_not_disturb_each_other() -> None:
    """One library, whose shared variables are there once for each thread of the machine."""

    def run(seed: int) -> tuple[int, int]:
        a = random(seed).integers(0, 2**32, 200, np.uint32)
        out = np.zeros((2, 1), np.int32)
        kernel("products", SCHEDULES[seed % 5])((1,), (128,), (a, np.zeros_like(a), out, np.int32(200)))
        return int(out[0, 0]), int(np.bitwise_count(a).sum())

    with ThreadPoolExecutor(4) as threads:
        assert all(found == want for found, want in threads.map(run, range(40)))


# Mistakes in kernels.

REFUSED = {
    "divergent": ("thread 0 waits at __syncthreads, thread 1 at __syncwarp in line 1005", "mistakes.cu:1003"),
    "two_barriers": ("thread 32 at __syncthreads in line 1012", "64 wait at a barrier", "mistakes.cu:1010"),
    "early_return": ("of 64 threads 63 wait at a barrier, 1 have returned", "mistakes.cu:1020"),
    "foreign_mask": ("which is not in its own mask 0x0000ffff", "mistakes.cu:1024"),
    "trapped": ("thread 40 is trapped", "mistakes.cu:1037"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_are_named_with_their_line(name: str) -> None:
    """Under every schedule; and the next launch of the same library is as good as the first."""
    args: dict[str, tuple[Any, ...]] = {
        "foreign_mask": (np.zeros(64, np.int32),),
        "trapped": (np.where(np.arange(64) == 40, -1, 0).astype(np.int32),),
    }
    for schedule in SCHEDULES:
        with pytest.raises(LaunchError) as error:
            kernel(name, schedule)((2,), (64,), args.get(name, ()))
        assert all(part in str(error.value) for part in (f"{name}: block (", *REFUSED[name])), error.value
        test_halves_of_a_warp_meet_apart()


def test_a_warp_that_is_not_whole_has_no_full_mask() -> None:
    with pytest.raises(LaunchError, match=r"the last warp of 40 threads has 8 \(mistakes.cu:1028\)"):
        kernel("absent_lanes")((1,), (40,), (np.zeros(40, np.int32),))


def test_a_lane_outside_the_mask_gives_poison() -> None:
    out = np.zeros(32, np.int32)
    kernel("outside_mask")((1,), (32,), (out,))
    assert out.view(np.uint32).tolist() == [0xDBADBADB] * 16 + [0] * 16
