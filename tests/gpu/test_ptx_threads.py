"""The interpreter of PTX: barriers, warps, schedules, atomic operations, and what a launch may ask for."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu.ptx import PtxError, PtxModule, Schedule
from gpu.ptx.texts import STORE, kernel, numbers, run

pytestmark = pytest.mark.gpu_host

WARP = np.arange(32)

FULL = 0xFFFFFFFF

FETCH = "mul.wide.u32 %d18, %r0, 4; add.s64 %d17, %d1, %d18; ld.global.u32 %r2, [%d17];"
"""Read this thread's element of the second array to %r2."""

WORDS = st.lists(st.integers(0, FULL), min_size=32, max_size=32)


def on_warps(body: str, given: list[int], **how: Any) -> list[int]:
    """Return what threads leave in %r1, having found a number each in %r2."""
    values, found = np.array(given, np.uint32), np.zeros(len(given), np.uint32)
    run(f"{FETCH}\n{body}\n{STORE}", found, values, threads=len(given), **how)
    return [int(value) for value in found]


def shuffled(mode: str, lane: int, by: int, width: int) -> int:
    """Return the lane that a shuffle of CUDA C reads, itself where there is none in its section."""
    first = lane - lane % width
    source = {"up": lane - by, "down": lane + by, "bfly": lane ^ by, "idx": first + by % width}[mode]
    if mode == "bfly":  # CUDA lets it reach lower sections, not higher ones
        return source if source < first + width else lane
    return source if first <= source < first + width else lane


@pytest.mark.parametrize("mode", ["up", "down", "bfly", "idx"])
@given(values=WORDS, by=st.integers(0, 31), width=st.sampled_from([1, 2, 4, 8, 16, 32]))
@settings(max_examples=25, deadline=None)
def test_shuffles_are_those_of_cuda(mode: str, values: list[int], by: int, width: int) -> None:
    """shfl.sync with the operand c that CUDA makes of a width reads the lane that CUDA promises."""
    clamp = (32 - width) << 8 | (0 if mode == "up" else 31)
    found = on_warps(f"shfl.sync.{mode}.b32 %r1|%p1, %r2, {by}, {clamp}, -1;", values)
    assert found == [values[shuffled(mode, lane, by, width)] for lane in range(32)]


def test_a_shuffle_tells_whether_its_lane_is_in_range() -> None:
    """The predicate behind the bar is false where a thread gets its own number back."""
    found = numbers("shfl.sync.up.b32 %r2|%p1, %r0, 5, 0, -1; selp.u32 %r1, 1, 0, %p1;")
    assert (found == (WARP >= 5)).all()


@given(values=WORDS, mask=st.integers(1, FULL))
@settings(max_examples=25, deadline=None)
def test_votes_and_reductions_of_some_lanes(values: list[int], mask: int) -> None:
    """Members of a mask are counted, added, compared and matched; nobody else is."""
    members = [lane for lane in range(32) if mask >> lane & 1]
    small = [value & 3 for value in values]
    body = f"""
    shl.b32 %r3, 1, %r0; and.b32 %r4, %r3, {mask}; setp.eq.u32 %p1, %r4, 0; mov.u32 %r1, 0;
    @%p1 bra OUT; setp.eq.u32 %p2, %r2, 3;
    vote.sync.ballot.b32 %r5, %p2, {mask}; vote.sync.any.pred %p3, %p2, {mask};
    vote.sync.all.pred %p4, !%p2, {mask}; vote.sync.uni.pred %p5, %p2, {mask};
    match.any.sync.b32 %r6, %r2, {mask}; match.all.sync.b32 %r7|%p6, %r2, {mask};
    redux.sync.add.u32 %r8, %r2, {mask}; redux.sync.max.s32 %r9, %r2, {mask}; xor.b32 %r1, %r5, %r6;
    selp.u32 %r10, 16, 0, %p3; selp.u32 %r11, 32, 0, %p4; selp.u32 %r12, 64, 0, %p5;
    selp.u32 %r13, 128, 0, %p6; add.s32 %r1, %r1, %r7; add.s32 %r1, %r1, %r8; add.s32 %r1, %r1, %r9;
    add.s32 %r1, %r1, %r10; add.s32 %r1, %r1, %r11; add.s32 %r1, %r1, %r12; add.s32 %r1, %r1, %r13;
    OUT:"""
    three = [lane for lane in members if small[lane] == 3]
    same = len({small[lane] for lane in members}) == 1
    told = (mask if same else 0) + sum(small[lane] for lane in members)
    told += max(small[lane] for lane in members) + (16 if three else 0) + (0 if three else 32)
    told += (64 if len(three) in (0, len(members)) else 0) + (128 if same else 0)
    ballot = sum(1 << lane for lane in three)
    expected = [
        (ballot ^ sum(1 << other for other in members if small[other] == small[lane])) + told & FULL
        if lane in members
        else 0
        for lane in range(32)
    ]
    assert on_warps(body, small) == expected


@pytest.mark.parametrize(
    ("how", "kind", "combine"),
    [("min", "s32", min), ("max", "u32", max), ("and", "b32", np.bitwise_and), ("or", "b32", np.bitwise_or)],
)
def test_reductions(how: str, kind: str, combine: Any) -> None:
    """redux.sync reads signed and unsigned numbers, and bits."""
    values = np.random.default_rng(1).integers(0, 2**32, 32, dtype=np.uint32)
    numbers_of_kind = values.view(np.int32 if kind == "s32" else np.uint32)
    expected = int(numbers_of_kind[0])
    for value in numbers_of_kind.tolist():
        expected = int(combine(expected, value))
    found = on_warps(f"redux.sync.{how}.{kind} %r1, %r2, -1;", values.tolist())
    assert found == [expected & FULL] * 32


def test_the_last_warp_may_be_short() -> None:
    """A mask may name lanes that a block does not have: they are not waited for, and hold poison."""
    found = numbers("shfl.sync.down.b32 %r1, %r0, 8, 31, -1;", 48)
    assert (found[32:40] == np.arange(40, 48)).all()
    assert (found[40:48] == 0xBADBAD01).all()


def test_lanes_outside_of_a_mask_hold_poison() -> None:
    """What a lane that takes no part in a shuffle holds is undefined: no number that looks right."""
    body = """
    setp.ge.u32 %p1, %r0, 16; mov.u32 %r1, 0; @%p1 bra OUT;
    shfl.sync.bfly.b32 %r1, %r0, 16, 31, 0xffff; OUT:"""
    assert (numbers(body)[:16] == 0xBADBAD01).all()


@pytest.mark.parametrize("schedule", Schedule)
def test_two_halves_of_a_warp_shuffle_apart(schedule: Schedule) -> None:
    """Two masks at one instruction are two meetings."""
    body = """
    setp.lt.u32 %p1, %r0, 16; selp.b32 %r2, 0xffff, 0xffff0000, %p1;
    shfl.sync.bfly.b32 %r1, %r0, 15, 31, %r2;"""
    assert (numbers(body, schedule=schedule) == (WARP ^ 15)).all()


@pytest.mark.parametrize("schedule", Schedule)
def test_barriers_tell_about_all_threads(schedule: Schedule) -> None:
    """bar.red counts, and asks for all and any, of every warp."""
    body = """
    setp.gt.u32 %p1, %r0, 60; bar.red.popc.u32 %r2, 0, %p1; bar.red.or.pred %p2, 0, %p1;
    bar.red.and.pred %p3, 0, !%p1; selp.u32 %r3, 1000, 0, %p2; selp.u32 %r4, 5000, 0, %p3;
    add.s32 %r1, %r2, %r3; add.s32 %r1, %r1, %r4;"""
    assert (numbers(body, 70, schedule=schedule) == 1009).all()


OTHERS = """
    shl.b32 %r3, %r0, 2; mov.u32 %r4, cells; add.s32 %r5, %r4, %r3; st.shared.u32 [%r5], %r0; {barrier}
    sub.s32 %r6, 63, %r0; shl.b32 %r7, %r6, 2; add.s32 %r8, %r4, %r7; ld.shared.u32 %r1, [%r8];"""
"""Each of 64 threads writes a number, and reads that of its opposite."""

CELLS = ".shared .align 4 .b8 cells[256];"


@pytest.mark.parametrize("schedule", Schedule)
def test_a_barrier_makes_all_schedules_equal(schedule: Schedule) -> None:
    """What was written before a barrier is read behind it, whoever runs first."""
    found = numbers(OTHERS.format(barrier="bar.sync 0;"), 64, schedule=schedule, before=CELLS)
    assert (found == 63 - np.arange(64)).all()


def seen_without_barrier(schedule: Schedule) -> bool:
    """Tell whether a missing barrier shows, as an error or as a wrong number."""
    try:
        found = numbers(OTHERS.format(barrier=""), 64, schedule=schedule, before=CELLS)
    except PtxError as error:
        return "uninitialised" in str(error)
    return bool((found != 63 - np.arange(64)).any())


def test_a_missing_barrier_is_noticed() -> None:
    """Without it, all schedules but the lockstep fail: warps wait for nobody."""
    assert [seen_without_barrier(schedule) for schedule in Schedule] == [False, True, True, True, True]


def test_a_missing_barrier_of_a_warp_is_noticed() -> None:
    """Within a warp, halves that run apart notice it; whole warps cannot."""
    body = OTHERS.replace("63", "31")
    right = 31 - WARP
    for barrier in ("bar.warp.sync -1;", ""):
        found = numbers(body.format(barrier=barrier), before=CELLS, schedule=Schedule.FIRST)
        assert (found == right).all()
    found = numbers(body.format(barrier="bar.warp.sync -1;"), before=CELLS, schedule=Schedule.HALVES)
    assert (found == right).all()
    with pytest.raises(PtxError, match="uninitialised"):
        numbers(body.format(barrier=""), before=CELLS, schedule=Schedule.HALVES)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "setp.lt.u32 %p1, %r0, 10; @%p1 bra OUT; bar.sync 0; OUT:",
            r"divergent barrier in k, block \(0, 0, 0\): of 64 threads 54 wait at bar.sync 0 \(line \d+\), 1",
        ),
        (
            "setp.lt.u32 %p1, %r0, 32; @%p1 bra A; bar.sync 0; bra B; A: bar.sync 0; B:",
            r"divergent barrier .* 32 wait at bar.sync 0 .* 32 wait at bar.sync 0",
        ),
        ("setp.lt.u32 %p1, %r0, 32; @%p1 bar.sync 0;", "divergent barrier .* 32 wait .* 32 have ended"),
        (
            "setp.ne.u32 %p1, %r0, 3; @%p1 shfl.sync.idx.b32 %r1, %r0, 0, 31, -1;",
            "deadlock .* 31 wait at @%p1 shfl",
        ),
        (
            "setp.lt.u32 %p1, %r0, 9; @%p1 bra A; shfl.sync.idx.b32 %r1, %r0, 0, 31, -1; bra B; "
            "A: bar.sync 0; B:",
            "deadlock .* wait at shfl.* wait at bar",
        ),
        ("shfl.sync.idx.b32 %r1, %r0, 0, 31, 0xffff;", "not in its own mask: shfl.*thread (16|48) of k"),
        ("vote.sync.any.pred %p1, %p2, 0;", "not in its own mask: vote.*thread (0|32|48|16) of k"),
        ("LOOP: bra LOOP;", "no end after"),
    ],
)
@pytest.mark.parametrize("schedule", Schedule)
def test_threads_that_wait_for_ever(body: str, reason: str, schedule: Schedule) -> None:
    """Who waits, where and for whom, is told in every schedule."""
    module = PtxModule(kernel(body), schedule=schedule, most=2000)
    with pytest.raises(PtxError, match=reason):
        module.get_function("k")((1,), (64,), (np.zeros(1),))


CHANGES = {
    "add.u32": lambda old, x: old + x,
    "min.s32": lambda old, x: min(old - (old >> 31 << 32), x - (x >> 31 << 32)),
    "max.u32": max,
    "and.b32": lambda old, x: old & x,
    "or.b32": lambda old, x: old | x,
    "xor.b32": lambda old, x: old ^ x,
    "exch.b32": lambda _, x: x,
    "inc.u32": lambda old, x: 0 if old >= x else old + 1,
    "dec.u32": lambda old, x: x if old == 0 or old > x else old - 1,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("opcode", ["atom.global", "atom.relaxed.gpu.global", "red.global"])
@given(values=WORDS)
@settings(max_examples=8, deadline=None)
def test_atomic_operations_are_one_after_the_other(opcode: str, change: str, values: list[int]) -> None:
    """The last number, and what each thread saw, are those of the threads in some order: here, their own."""
    if opcode == "red.global" and change == "exch.b32":
        return
    seen, state = [], [5, 5, 5]
    for lane, value in enumerate(values):
        seen.append(state[lane % 3])
        state[lane % 3] = CHANGES[change](state[lane % 3], value) & FULL
    target = "%r1, " if opcode.startswith("atom") else ""
    body = f"""
    rem.u32 %r3, %r0, 3; mul.wide.u32 %d3, %r3, 4; add.s64 %d4, %d2, %d3; mov.u32 %r1, 0;
    {opcode}.{change} {target}[%d4], %r2;"""
    cells, found = np.full(3, 5, np.uint32), np.zeros(32, np.uint32)
    run(f"{FETCH}{body}{STORE}", found, np.array(values, np.uint32), cells)
    assert cells.tolist() == state
    assert found.tolist() == (seen if target else [0] * 32)


def test_atomic_operations_of_64_bits_in_shared_memory() -> None:
    """Threads of all warps count across 2^32; one of them, which expects the sum, changes it."""
    body = """
    setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u64 [cells], 4294967295; bar.sync 0;
    atom.shared.add.u64 %d3, [cells], 2; bar.sync 0; cvt.u64.u32 %d4, %r0; add.s64 %d4, %d4, 4294967545;
    atom.relaxed.gpu.shared.cas.b64 %d5, [cells], %d4, 7; bar.sync 0; ld.shared.u32 %r1, [cells];"""
    assert (numbers(body, 200, before=".shared .align 8 .b8 cells[8];") == 7).all()


@pytest.mark.parametrize("schedule", Schedule)
def test_every_block_runs_once(schedule: Schedule) -> None:
    """Blocks run in any order, each once."""
    body = """
    mov.u32 %r2, %ctaid.x; mul.wide.u32 %d1, %r2, 4; add.s64 %d2, %d0, %d1; red.global.add.u32 [%d2], 1;"""
    found = np.zeros(9, np.uint32)
    PtxModule(kernel(body), schedule=schedule, seed=3).get_function("k")((9,), (40,), (found,))
    assert (found == 40).all()


def tickets(schedule: Schedule) -> list[int]:
    """Return at which turn each of two warps in two blocks came."""
    body = """
    mov.u32 %r2, %ctaid.x; shl.b32 %r2, %r2, 1; shr.u32 %r3, %r0, 5; add.s32 %r2, %r2, %r3;
    mul.wide.u32 %d2, %r2, 4; add.s64 %d3, %d1, %d2; and.b32 %r4, %r0, 31; setp.eq.u32 %p1, %r4, 0;
    @!%p1 bra OUT; atom.global.add.u32 %r5, [%d0], 1; st.global.u32 [%d3], %r5; OUT:"""
    drawn, found = np.zeros(1, np.uint32), np.zeros(4, np.uint32)
    module = PtxModule(kernel(body, parameters=[".u64"] * 2), schedule=schedule)
    module.get_function("k")((2,), (64,), (drawn, found))
    return [int(turn) for turn in found]


def test_the_first_and_the_last_warp_run_ahead() -> None:
    """The two schedules are the two orders of warps, and of blocks."""
    assert tickets(Schedule.FIRST) == [0, 1, 2, 3]
    assert tickets(Schedule.LAST) == [3, 2, 1, 0]
    assert sorted(tickets(Schedule.RANDOM)) == [0, 1, 2, 3]


def launches() -> Iterator[Any]:
    """Yield launches that a GPU refuses: grid, block, shared memory, what is said."""
    yield (1,), (1025,), 0, "1025, 1, 1. threads"
    yield (1,), (0,), 0, "threads"
    yield (1,), (1, 1, 65), 0, "threads"
    yield (0,), (1,), 0, "a grid of"
    yield (1, 65536), (1,), 0, "a grid of"
    yield (1,), (1,), 48 * 1024, "49152 bytes of shared memory, of 48896 at most"


@pytest.mark.parametrize(("grid", "block", "shared", "reason"), launches())
def test_launches_have_limits(grid: tuple[int], block: tuple[int], shared: int, reason: str) -> None:
    """What a driver refuses is refused."""
    function = PtxModule(kernel("st.shared.u32 [cells], 1;", before=CELLS)).get_function("k")
    with pytest.raises(PtxError, match=reason):
        function(grid, block, (np.zeros(1),), shared_mem=shared)


def test_more_shared_memory_when_asked_for() -> None:
    """Above 48 KiB a kernel is told first, as in CuPy; above 227 KiB there is none."""
    before = ".extern .shared .align 16 .b8 more[];"
    function = PtxModule(kernel("st.shared.u32 [more+65532], 1;", before=before)).get_function("k")
    function.max_dynamic_shared_size_bytes = 300 * 1024
    function((1,), (1,), (np.zeros(1),), shared_mem=65536)
    with pytest.raises(PtxError, match="of 232448 at most"):
        function((1,), (1,), (np.zeros(1),), shared_mem=232449)


def test_a_kernel_may_bound_its_threads() -> None:
    """.maxntid, of __launch_bounds__, is kept to."""
    text = kernel("").replace(")\n{", ")\n.maxntid 128, 1, 1\n.minnctapersm 2\n{")
    function = PtxModule(text).get_function("k")
    function((1,), (128,), (np.zeros(1),))
    with pytest.raises(PtxError, match="128 at most"):
        function((1,), (129,), (np.zeros(1),))


def test_kernels_are_found_by_name() -> None:
    """A kernel that is not there is told with those that are."""
    with pytest.raises(PtxError, match="unknown kernel other: there are k"):
        PtxModule(kernel("")).get_function("other")
