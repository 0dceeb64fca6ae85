"""The interpreter of PTX: memory, its guards and its rights, and the arguments of a launch."""

from typing import Any

import numpy as np
import pytest

from gpu.ptx import PtxError, PtxModule
from gpu.ptx.texts import STORE, kernel, numbers, run

pytestmark = pytest.mark.gpu_host

WARP = np.arange(32)


def test_constants_of_a_module() -> None:
    """Tables with initial values are read by any address, and are not written."""
    before = ".const .align 4 .u32 squares[40] = {0, 1, 4, 9, 16};\n.global .align 1 .b8 odd[32] = {1, 3, 5};"
    body = """
    and.b32 %r2, %r0, 3; mul.wide.u32 %d3, %r2, 4; mov.u64 %d4, squares; add.s64 %d5, %d4, %d3;
    ld.const.u32 %r3, [%d5+4]; ld.const.b32 %r4, [squares+8]; mov.u64 %d6, odd; cvta.global.u64 %d7, %d6;
    ld.b8 %r5, [%d7+2]; add.s32 %r1, %r3, %r4; add.s32 %r1, %r1, %r5;"""
    assert (numbers(body, before=before) == (WARP % 4 + 1) ** 2 + 9).all()
    with pytest.raises(PtxError, match=r"write to read-only global memory: st\.global"):
        run("st.global.u8 [odd], %r0;", np.zeros(1), before=before)


def test_addresses_that_may_mean_either_memory() -> None:
    """A generic address leads to shared or global memory, also where threads of one load differ."""
    before = ".shared .align 4 .u32 cells[32];"
    given = np.arange(100, 132, dtype=np.uint32)
    body = """
    mul.wide.u32 %d3, %r0, 4; mov.u64 %d4, cells; cvta.shared.u64 %d5, %d4; add.s64 %d6, %d5, %d3;
    st.u32 [%d6], %r0; add.s64 %d7, %d0, %d3; setp.lt.u32 %p1, %r0, 16; selp.b64 %d8, %d6, %d7, %p1;
    ld.b32 %r1, [%d8]; add.s32 %r2, %r1, 1000; st.b32 [%d8], %r2; cvta.to.shared.u64 %d9, %d6;
    ld.shared.u32 %r3, [%d9]; st.global.u32 [%d7], %r3; @!%p1 st.global.u32 [%d7], %r2;"""
    run(body, given, before=before)
    assert (given == np.where(WARP < 16, WARP + 1000, WARP + 1100)).all()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("ld.global.u32 %r1, [%d0+1];", r"misaligned global access: ld.global.u32 .*, thread 0 of k, block"),
        ("ld.global.v2.u32 {%r1, %r2}, [%d0+4];", "misaligned global access"),
        ("ld.global.u64 %d1, [%d0+12];", "misaligned global access"),
        ("ld.global.u32 %r1, [%d0+40];", "out-of-bounds global access"),
        ("ld.global.u8 %r1, [%d0-1];", "out-of-bounds global access"),
        ("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%d0+32];", "out-of-bounds global access"),
        ("ld.global.u8 %r1, [%d0+-1];", "out-of-bounds global access"),
        ("mov.u64 %d1, -1; ld.global.u8 %r1, [%d1];", "out-of-bounds global access"),
        ("mov.u64 %d1, 0x1000000000; ld.global.u64 %d2, [%d1];", "out-of-bounds global access"),
        ("ld.global.u8 %r1, [0];", "out-of-bounds global access"),
        (
            "mul.wide.u32 %d1, %r0, 4; add.s64 %d2, %d0, %d1; ld.global.u32 %r1, [%d2];",
            "out-of-bounds global access.*thread 10 of",
        ),
        (
            "setp.gt.u32 %p1, %r0, 11; mul.wide.u32 %d1, %r0, 4; add.s64 %d2, %d0, %d1;"
            "@%p1 st.global.u32 [%d2], %r1;",
            "out-of-bounds global access.*thread 12 of",
        ),
        ("st.global.u32 [%d0+40], %r1;", "out-of-bounds global access"),
        ("st.global.u32 [%d0], %r0;", "different values .* for the same place.*thread 0"),
        ("st.global.u32 [%d1], 1;", "write to read-only global memory"),
        ("atom.global.add.u32 %r1, [%d1], 1;", "write to read-only global memory"),
        ("ld.shared.u32 %r1, [cells];", "uninitialised shared memory"),
        ("atom.shared.add.u32 %r1, [cells], 1;", "uninitialised shared memory"),
        ("st.shared.u16 [cells], 1; ld.shared.u32 %r1, [cells];", "uninitialised shared memory"),
        ("st.shared.u32 [cells+16], 1;", "out-of-bounds shared access"),
        ("st.shared.u32 [more+8], 1;", "out-of-bounds shared access"),
        ("ld.param.u32 %r1, [k_0+8];", "out-of-bounds parameter access"),
        ("mov.u32 %r2, 0; rem.u32 %r1, %r0, %r2;", "division by zero: rem.u32"),
        ("setp.eq.u32 %p1, %r0, 9; @%p1 trap;", "trap: @%p1 trap .*thread 9 of"),
    ],
)
def test_wrong_accesses_are_named(body: str, reason: str) -> None:
    """Bounds, alignment, rights, what nobody wrote: the instruction and the first such thread are told."""
    fixed = np.arange(4, dtype=np.uint32)
    fixed.flags.writeable = False
    before = ".shared .align 4 .b8 cells[16];\n.extern .shared .align 4 .b8 more[];"
    with pytest.raises(PtxError, match=reason):
        run(body, np.zeros(10, np.uint32), fixed, before=before, shared=8)


def test_neighbours_are_apart() -> None:
    """Behind an array and a shared variable, of any size, lies what nobody may touch."""
    one, two = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    before = ".shared .align 4 .b8 cells[256];\n.shared .align 4 .b8 others[256];"
    for access in ("ld.global.u32 %r1, [%d0+256];", "st.shared.u32 [cells+256], 1;"):
        with pytest.raises(PtxError, match="out-of-bounds"):
            run(f"st.shared.u32 [others], 1; {access}", one, two, before=before)


def test_shared_memory_may_be_read_as_poison() -> None:
    """Where it is asked for, what nobody wrote is a number that no kernel expects."""
    before = ".shared .align 4 .b8 cells[16];"
    assert (numbers("ld.shared.u32 %r1, [cells+4];", before=before, poison=True) == 0xA5A5A5A5).all()


def test_registers_that_nobody_wrote_are_poison() -> None:
    """A register holds no zero by itself, and nothing of the last block."""
    found = np.zeros(2, np.uint32)
    body = """
    mov.u32 %r2, %ctaid.x; mul.wide.u32 %d1, %r2, 4; add.s64 %d2, %d0, %d1;
    st.global.u32 [%d2], %r1; mov.u32 %r1, 5;"""
    PtxModule(kernel(body)).get_function("k")((2,), (1,), (found,))
    assert found[0] == found[1] != 0


def test_views_lie_as_in_their_arrays() -> None:
    """A view is as misaligned as on a GPU, and overlaps with the array that it is of."""
    whole = np.arange(9, dtype=np.uint32)
    load = "ld.global.v2.u32 {%r1, %r2}, [%d0];"
    run(load, whole[2:])
    with pytest.raises(PtxError, match="misaligned"):
        run(load, whole[1:])
    run("st.global.u32 [%d0], 77; ld.global.u32 %r1, [%d1+12]; st.global.u32 [%d1], %r1;", whole[3:5], whole)
    assert whole[0] == whole[3] == 77


I32 = np.int32(3)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((np.zeros(1), I32), "2 arguments instead of 3"),
        ((np.zeros(1), 3, np.float64(0)), "argument 1: int; numbers are NumPy's"),
        ((np.zeros(1), np.int64(3), np.float64(0)), "argument 1: int64 for a parameter .u32 of 4 bytes"),
        ((np.zeros(1), np.float32(3), np.float64(0)), "argument 1: float32 for"),
        ((np.zeros(1), I32, np.int64(0)), "argument 2: int64 for a parameter .f64"),
        ((np.int64(1), I32, np.float64(0)), "argument 0: int64 for a pointer"),
        ((np.zeros(1), np.zeros(1), np.float64(0)), "argument 1: an array for"),
        ((np.zeros((2, 2)).T, I32, np.float64(0)), "argument 0: the array is not contiguous"),
    ],
)
def test_arguments_are_checked(args: tuple[Any, ...], reason: str) -> None:
    """CuPy would pass any of these: their number, widths and kinds must be the kernel's."""
    function = PtxModule(kernel("", parameters=(".u64 .ptr .align 1", ".u32", ".f64"))).get_function("k")
    with pytest.raises(TypeError, match=reason):
        function((1,), (1,), args)
    function((1,), (1,), (np.zeros(1), I32, np.float64(0)))


def test_structures_are_passed_by_value() -> None:
    """A structured scalar is a parameter of bytes, of its very size."""
    pair = np.array([(7, 2.5)], np.dtype([("a", "i4"), ("b", "f8")], align=True))[0]
    body = """
    ld.param.u32 %r2, [k_1]; ld.param.f64 %d2, [k_1+8]; cvt.rni.s32.f64 %r3, %d2; add.s32 %r1, %r2, %r3;"""
    text = kernel(body + STORE).replace(".param .u64 k_0", ".param .u64 k_0, .param .align 8 .b8 k_1[16]")
    found = np.zeros(1, np.uint32)
    PtxModule(text).get_function("k")((1,), (1,), (found, pair))
    assert found[0] == 9
