"""Every instruction of the interpreter's table equals the manual, read a second time in Python's integers."""

import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gpu.ptx import operations
from gpu.ptx.kinds import DTYPES, SIZES
from gpu.ptx.operations import EXACT, spelled
from gpu.ptx.reference import FORMATS, product_and_sum, reference, rounded
from gpu.ptx.texts import applied

pytestmark = pytest.mark.gpu_host

COUNT = 160

OPCODES = {name: list(group) for name, group in groupby(sorted(EXACT), lambda m: m.split(".")[0])}


def edges(kind: str) -> NDArray[Any]:
    """Return values of a type that are special: ends of its range, ties, and what ends in other types."""
    if kind[0] != "f":
        width = 8 * SIZES[kind]
        ends = [0, 1, 2, 3, (1 << width) - 1, (1 << width - 1) - 1, 1 << width - 1, 31, 32, 63, 64, 0x5678]
        bits = np.array([end & ((1 << width) - 1) for end in ends], f"u{SIZES[kind]}")
        return bits.view(DTYPES[kind])
    sizes = [0.0, 1.0, 1 - 2.0**-24, 0.5, 2.5, 3.5, 2.0**23, math.inf, math.nan]
    for bits, least, most in FORMATS.values():
        last = 2.0 ** (1 - bits)
        sizes += [2.0**least * part for part in (last / 2, last, 1 - last, 1, 1 + last)]
        sizes += [2.0**most * part for part in (1, 2 - last, 2 - last / 2)]
    sizes += [2.0**width + step for width in (8, 16, 31, 32, 63, 64) for step in (-1, -0.5, 0, 1)]
    with np.errstate(all="ignore"):
        return np.array([sign * size for size in sizes for sign in (1, -1)]).astype(DTYPES[kind])


def drawn(kind: str, generator: np.random.Generator) -> NDArray[Any]:
    """Return values of a type: edges, any bits, and numbers of a usual size."""
    if kind == "pred":
        return generator.random(COUNT) < 0.5
    size = SIZES[kind]
    bits = np.frombuffer(generator.bytes(size * COUNT), f"u{size}").copy()
    which = generator.integers(0, 3, COUNT)
    values = bits.view(DTYPES[kind])
    values[which == 0] = generator.choice(edges(kind), (which == 0).sum())
    usual = generator.integers(-40, 40, COUNT) * 0.375 if kind[0] == "f" else generator.integers(0, 70, COUNT)
    return np.where(which == 1, usual.astype(values.dtype), values)


def told(value: Any, kind: str) -> Any:
    """Return a value such that equal ones are the same bits, and all NaN are."""
    if kind[0] != "f":
        return value
    return "nan" if math.isnan(value) else struct.pack("d", value)


@pytest.mark.parametrize("opcode", OPCODES)
def test_instruction(opcode: str) -> None:
    """Each mnemonic of an opcode, on edges and on random values, gives the very bits of the manual."""
    for mnemonic in OPCODES[opcode]:
        operation = EXACT[mnemonic]
        generator = np.random.default_rng(list(mnemonic.encode()))
        operands = [drawn(kind, generator) for kind in operation.operands]
        if opcode in ("div", "rem") and operation.result[0] != "f":
            operands[1][operands[1] == 0] = 3
        found = applied(mnemonic, *operands).tolist()
        expect = reference(mnemonic, operation.result, operation.operands)
        for k, values in enumerate(zip(*[x.tolist() for x in operands], strict=True)):
            wanted = expect(*values)
            assert told(found[k], operation.result) == told(wanted, operation.result), (mnemonic, values)


def test_no_mnemonic_twice() -> None:
    """No two rows of the table spell one mnemonic: the later one would silently win."""

    def mnemonics() -> Iterator[str]:
        tables = (operations.MOVES, operations.ARITHMETIC, operations.LOGIC, operations.FLOATING)
        for row in (*(row for table in tables for row in table), *operations.conversions()):
            yield from spelled(row[0])

    found = list(mnemonics())
    assert len(found) == len(set(found)) == len(EXACT)


bits_of_doubles = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(bits_of_doubles, bits_of_doubles, st.integers(-3, 3)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_fused_double_where_products_cancel(cases: list[tuple[int, int, int]]) -> None:
    """fma.rn.f64 is exact where c is the rounded product, or some units beside it: its tail is left."""
    bits = np.array([case[:2] for case in cases], np.uint64)
    a, b = (np.where(np.isfinite(x), x, 1.5) for x in bits.view(np.float64).T)
    with np.errstate(all="ignore"):
        near = (-(a * b)).view(np.int64) + np.array([case[2] for case in cases])
    c = near.view(np.float64)
    found = applied("fma.rn.f64", a, b, c)
    for k in range(len(a)):
        wanted = product_and_sum(float(a[k]), float(b[k]), float(c[k]), "f64", "rn")
        assert told(float(found[k]), "f64") == told(wanted, "f64")


def test_fused_single_is_not_rounded_twice() -> None:
    """1 + 2^-24 + 2^-60 lies above the middle of two floats; rounded to float64 first, it lies on it."""
    a, b, c = (2**-12 + 2**-24, 2**-12 - 2**-24 + 2**-36, 1.0)
    singles = [np.array([x], np.float32) for x in (a, b, c)]
    assert [float(x[0]) for x in singles] == [a, b, c]
    assert np.float32(a * b + c) == 1
    assert applied("fma.rn.f32", *singles)[0] == 1 + 2**-23


def test_reference_rounds_as_the_processor() -> None:
    """The reference's own rounding equals the conversion of this machine, so that it is a reference."""
    generator = np.random.default_rng(4)
    for x in (generator.normal(size=400) * 10.0 ** generator.integers(-46, 39, 400)).tolist():
        assert rounded(Fraction(x), "f32", "rn") == float(np.float32(x))
        assert rounded(Fraction(x) * 3, "f64", "rn") == x * 3
