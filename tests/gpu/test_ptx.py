"""The interpreter of PTX: what it refuses to read, and how it reads registers, loops and both dialects."""

import numpy as np
import pytest

from gpu.ptx import PtxError, PtxModule, Schedule
from gpu.ptx.kinds import literal
from gpu.ptx.operands import Frame, Operands, files
from gpu.ptx.texts import kernel, numbers, run

pytestmark = pytest.mark.gpu_host

WARP = np.arange(32)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("frobnicate.b32 %r1, %r2;", "unknown opcode: frobnicate.b32 %r1, %r2 "),
        ("add.rp.f64 %d1, %d2, %d3;", "unknown modifier: add.rp.f64 %d1, %d2, %d3 "),
        ("add.s32.ftz %r1, %r2, %r3;", "unknown modifier"),
        ("add.b32 %r1, %r2, %r3;", "unknown modifier"),
        ("ld.global.v4.f64 {%d1, %d2, %d3, %d4}, [%d0];", "unknown modifier"),
        ("shfl.bfly.b32 %r1, %r2, %r3, %r4;", "unknown modifier"),
        ("atom.global.add.f32 %r1, [%d0], %r2;", "unknown modifier"),
        ("ex2.approx.ftz.f32 %r1, %r2;", "approximate instruction"),
        ("mul.f64 %d1, %d2, %d3;", "approximate instruction"),
        ("div.full.f32 %r1, %r2, %r3;", "approximate instruction"),
        ("call.uni (%r1), f, (%r2);", "unknown opcode"),
        ("add.s32 %r1, %r2;", "2 operands instead of 3"),
        ("ld.global.v2.u32 %r1, [%d0];", "1 operands instead of 2"),
        ("add.s32 %r1, %r2, %d3;", "%d3 does not fit .s32"),
        ("add.s64 %d1, %d2, %r3;", "%r3 does not fit .s64"),
        ("add.s32 %p1, %r2, %r3;", "%p1 does not fit .s32"),
        ("st.global.u64 [%d0], %r1;", "%r1 does not fit .u64"),
        ("ld.global.f32 %d1, [%d0];", "%d1 does not fit .f32"),
        ("st.global.u8 [%d0], %p1;", "%p1 does not fit .u8"),
        ("add.s32 %r1, %r2, %x3;", "unknown operand %x3"),
        ("add.s32 %x1, %r2, %r3;", "unknown register %x1"),
        ("add.s32 5, %r2, %r3;", "unknown register 5"),
        ("add.s32 %r1, %r2, 4294967296;", "4294967296 does not fit .s32"),
        ("and.b16 %h1, %h2, -32769;", "-32769 does not fit .b16"),
        ("add.rn.f32 %r1, %r2, 1.5;", "unknown operand 1.5"),
        ("add.rn.f64 %d1, %d2, 0f3F800000;", "unknown operand 0f3F800000"),
        ("add.s32 %r1, %r2, 0f3F800000;", "unknown operand 0f3F800000"),
        ("mov.b32 {%h1, %h2, %h3}, %r1;", "unknown"),
        ("ld.global.u32 %r1, [%h0];", "%h0 holds no address"),
        ("ld.global.u32 %r1, [k_0];", "is not in global memory"),
        ("ld.param.u32 %r1, [%d0];", "is not in param memory"),
        ("bra nowhere;", "unknown label nowhere"),
        ("bar.sync 1;", "unknown barrier"),
        ("bar.sync 0, 64;", "2 operands instead of 1"),
        (".local .align 4 .b8 depot[8];", "unknown directive: .local"),
        (".reg .b128 %q;", "unknown register"),
        ("here: here:", "label here for the second time"),
        ("@%r1 bra here; here:", "%r1 does not fit .pred"),
    ],
)
def test_unknown_is_refused_before_anything_runs(line: str, reason: str) -> None:
    """An opcode, a modifier, a type, an operand that is not in the manual's form is named, with its line."""
    with pytest.raises(PtxError) as refused:
        PtxModule(kernel(f"\n{line}\n")).get_function("k")
    assert reason in str(refused.value)
    assert "(line " in str(refused.value)


@pytest.mark.parametrize("before", [".tex .u64 t;", ".shared .b8 a[4", "nonsense", ".global .pred a;"])
def test_unknown_directives_of_a_module_are_refused(before: str) -> None:
    """What stands outside of kernels is known, or refused."""
    with pytest.raises(PtxError, match="unknown"):
        PtxModule(kernel("", before=before))


def test_the_line_of_a_refusal_is_that_of_the_text() -> None:
    """The line that is named is the one that an editor shows, comments of several lines notwithstanding."""
    text = kernel("/* a\n b */ // c\nfrobnicate.b32 %r1;")
    line = next(k for k, one in enumerate(text.splitlines(), 1) if "frobnicate" in one)
    with pytest.raises(PtxError, match=rf"\(line {line}\)$"):
        PtxModule(text).get_function("k")


def test_approximations_are_known_when_asked_for() -> None:
    """With approximate=True, 2^x is computed: of small integers even exactly."""
    found = numbers("cvt.rn.f32.u32 %r2, %r0; ex2.approx.ftz.f32 %r1, %r2;", approximate=True)
    assert (found.view(np.float32) == 2.0**WARP).all()


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("0x9991U", "u32", 0x9991),
        ("-1", "b32", 0xFFFFFFFF),
        ("017", "s16", 15),
        ("0f3F800000", "b32", 0x3F800000),
        ("0fBF800000", "f32", -1.0),
        ("0d3FF8000000000000", "f64", 1.5),
        ("-1", "pred", True),
    ],
)
def test_literals(text: str, kind: str, value: float) -> None:
    """Numbers of both dialects are read: signs, bases, bits of floats for types of bits."""
    assert literal(text, kind).tolist() == [value]


def test_inner_scopes_have_registers_of_their_own() -> None:
    """Inline assembly may use a name again, for another type, and hides that of the outer scope."""
    body = """
    mov.u32 %r1, 7; mov.b64 %d1, {%r0, %r1};
    { .reg .b32 %r1; mov.b64 {%r1, _}, %d1; add.s32 %r2, %r1, 1; }
    { .reg .b64 %r1; mov.b64 %r1, %d1; shr.u64 %d2, %r1, 32; }
    cvt.u32.u64 %r3, %d2; mad.lo.s32 %r1, %r3, 100, %r2;"""
    assert (numbers(body) == 701 + WARP).all()


def test_parts_of_registers() -> None:
    """Packing and unpacking put the first part lowest, for two and for four parts."""
    body = """
    mov.b64 %d1, 0x4444333322221111; mov.b64 {%h1, %h2, %h3, %h4}, %d1; mov.b32 %r2, {%h4, %h2};
    mov.b64 {_, %r3}, %d1; xor.b32 %r1, %r2, %r3;"""
    assert (numbers(body) == 0x22224444 ^ 0x44443333).all()


def test_guards() -> None:
    """Guarded instructions and branches touch only the threads that they are for, negated or not."""
    body = """
    setp.lt.u32 %p1, %r0, 10; mov.u32 %r1, 1; @%p1 mov.u32 %r1, 2; @!%p1 add.s32 %r1, %r1, 10;
    setp.eq.u32 %p2, %r0, 20; @%p2 bra OUT; add.s32 %r1, %r1, 100;
    OUT:"""
    expected = np.where(WARP < 10, 2, 11) + np.where(WARP == 20, 0, 100)
    assert (numbers(body) == expected).all()


@pytest.mark.parametrize("schedule", Schedule)
def test_loops_of_different_lengths(schedule: Schedule) -> None:
    """Threads that leave a loop early wait, or do not, for the others: each counts its own rounds."""
    body = """
    mov.u32 %r1, 0; LOOP: add.s32 %r1, %r1, %r0; add.s32 %r2, %r1, 1;
    setp.lt.u32 %p1, %r1, 100; setp.ne.u32 %p2, %r0, 0; and.pred %p3, %p1, %p2; @%p3 bra LOOP;"""
    thread = np.arange(70)
    rounds = np.where(thread > 0, -(-100 // np.maximum(thread, 1)), 0)
    assert (numbers(body, 70, schedule=schedule) == thread * rounds).all()


def test_special_registers() -> None:
    """Threads know their place in their block, warp and grid, x fastest."""
    names = ["%tid.x", "%tid.y", "%tid.z", "%ntid.y", "%ctaid.x", "%ctaid.y", "%nctaid.x", "%laneid"]
    names += [f"%lanemask_{how}" for how in ("lt", "le", "eq", "ge", "gt")]
    body = """
    mov.u32 %r2, %ntid.x; mov.u32 %r3, %ntid.y; mov.u32 %r4, %tid.y; mov.u32 %r5, %tid.z;
    mad.lo.u32 %r6, %r5, %r3, %r4; mad.lo.u32 %r6, %r6, %r2, %r0; mov.u32 %r3, %ctaid.y;
    mov.u32 %r4, %nctaid.x; mov.u32 %r5, %ctaid.x; mad.lo.u32 %r7, %r3, %r4, %r5;
    mov.u32 %r3, %ctaid.z; mad.lo.u32 %r7, %r3, 6, %r7;
    mad.lo.u32 %r8, %r7, 24, %r6;"""
    for k, name in enumerate(names):
        body += f"mad.lo.u32 %r9, %r8, {len(names)}, {k}; mul.wide.u32 %d1, %r9, 4; add.s64 %d2, %d0, %d1;"
        body += f"mov.u32 %r10, {name}; st.global.u32 [%d2], %r10;"
    found = np.zeros((12, 24, len(names)), np.uint32)
    PtxModule(kernel(body)).get_function("k")((3, 2, 2), (2, 3, 4), (found,))
    for block in range(12):
        for thread in range(24):
            lane, bit = thread, 1 << thread
            place = [thread % 2, thread // 2 % 3, thread // 6, 3, block % 3, block // 3 % 2, 3, lane]
            masks = [bit - 1, 2 * bit - 1, bit, (1 << 32) - bit, (1 << 32) - 2 * bit]
            assert found[block, thread].tolist() == place + masks


def test_narrow_loads_and_stores() -> None:
    """Bytes and halves are extended by their sign or zeros, in both dialects, and cut when stored."""
    octets = np.arange(96, 160, dtype=np.uint8)
    found = np.zeros((3, 32), np.uint32)
    body = """
    cvt.u64.u32 %d3, %r0; add.s64 %d4, %d0, %d3; add.s64 %d5, %d4, %d3; mul.wide.u32 %d6, %r0, 4;
    add.s64 %d7, %d1, %d6; ld.global.s8 %r1, [%d4+16]; st.global.b32 [%d7], %r1;
    ld.global.b8 %h1, [%d4+16]; cvt.u32.u16 %r2, %h1; st.global.u32 [%d7+128], %r2;
    ld.global.v2.u8 {%h1, %h2}, [%d5]; sub.s16 %h3, %h1, %h2; cvt.s32.s16 %r3, %h3;
    st.global.u32 [%d7+256], %r3; st.global.u8 [%d4], %r3;"""
    before = octets.copy()
    run(body, octets, found)
    assert (found[0].view(np.int32) == before[16:48].view(np.int8)).all()
    assert (found[1] == before[16:48]).all()
    assert (found[2].view(np.int32) == -1).all()
    assert (octets[:32] == 255).all()


def test_vectors_and_shared_memory() -> None:
    """Four numbers at once pass through shared memory, static and dynamic, to another thread."""
    given = np.arange(128, dtype=np.uint32)
    found = np.zeros((2, 128), np.uint32)
    before = ".shared .align 16 .b8 fixed[512];\n.extern .shared .align 16 .b8 dynamic[];"
    body = """
    mul.wide.u32 %d3, %r0, 16; add.s64 %d4, %d0, %d3; ld.global.nc.v4.u32 {%r1, %r2, %r3, %r4}, [%d4];
    mov.u32 %r5, fixed; shl.b32 %r6, %r0, 4; add.s32 %r7, %r5, %r6; mov.u64 %d5, dynamic;
    add.s64 %d6, %d5, %d3; st.shared.v4.b32 [%r7], {%r1, %r2, %r3, %r4};
    st.shared.v2.b64 [%d6], {%d3, %d3}; bar.sync 0;
    xor.b32 %r8, %r6, 16; add.s32 %r9, %r5, %r8; ld.shared.v4.u32 {%r1, %r2, _, %r4}, [%r9];
    add.s64 %d7, %d1, %d3; st.global.v4.b32 [%d7], {%r1, %r2, 9, %r4};
    ld.shared.v2.u64 {%d8, %d9}, [dynamic+16]; st.global.v2.u64 [%d7+512], {%d8, %d9};"""
    run(body, given, found, before=before, shared=512)
    expected = given.reshape(16, 2, 4)[:, ::-1].reshape(32, 4).copy()
    expected[:, 2] = 9
    assert (found[0].reshape(32, 4) == expected).all()
    assert (found[1].view(np.uint64) == 16).all()


def test_a_function_of_the_table_keeps_its_promise() -> None:
    """A result of another type than the table tells is no number that NumPy converts."""
    write = Operands({"%r1": "b32"}, frozenset()).writer("%r1", "u32")
    frame = Frame(files({4: 1}, 2), {}, {}, {})
    write(frame, slice(0, 2), np.array([3, 4], np.uint32))
    assert frame.files["s32"][0].tolist() == [3, 4]
    with pytest.raises(AssertionError, match="promised"):
        write(frame, slice(0, 2), np.array([3.0, 4.0], np.float32))
