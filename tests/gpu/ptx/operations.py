"""The table of arithmetic: a mnemonic, spelled in full, and what it computes. What is not in it is unknown.

Templates stand for several mnemonics: `add.{s32,s64}`. Kinds of operands are types of PTX, or t for the last
type of the mnemonic, and w for the one that is twice as wide.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from gpu.ptx import integers, rounding
from gpu.ptx.kinds import SIZES, Values, widened
from gpu.ptx.memory import WINDOW

Function = Callable[..., Any]
Row = tuple[str, str, str, Function]
"""Template, kind of the result, kinds of the operands, function of arrays."""


@dataclass(frozen=True)
class Operation:
    """A function of arrays, and the types of what it returns and takes.

    loose # whether registers may be wider than their types, as those of conversions may
    """

    result: str
    operands: tuple[str, ...]
    function: Function
    loose: bool = False


def spelled(template: str) -> Iterator[str]:
    """Yield the mnemonics of a template: `a{,.b}.{c,d}` is a.c, a.d, a.b.c, a.b.d."""
    parts = [part.split(",") for part in re.split(r"[{}]", template)]
    return ("".join(chosen) for chosen in product(*parts))


def extreme(choose: Function, a: Values, b: Values) -> Values:
    """Return the smaller or larger of two floats: a number rather than NaN, and −0 < +0."""
    ordered = np.signbit(a) if choose is np.fmin else ~np.signbit(a)
    zeros = (a == 0) & (b == 0)
    return np.where(zeros, np.where(ordered, a, b), choose(a, b))


def has_nan(a: Values, b: Values) -> Values:
    """Tell where one of two floats is NaN."""
    return np.asarray(np.isnan(a) | np.isnan(b))


def ordered(compare: Function, a: Values, b: Values) -> Values:
    """Return a comparison that is false where one is NaN."""
    return np.asarray(compare(a, b) & ~has_nan(a, b))


def unordered(compare: Function, a: Values, b: Values) -> Values:
    """Return a comparison that is true where one is NaN."""
    return np.asarray(compare(a, b) | has_nan(a, b))


COMPARISONS: Mapping[str, Function] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

WHOLE = "{u16,s16,u32,s32,u64,s64}"
BITS = "{b16,b32,b64}"
BITS_OR_PREDICATE = "{pred,b16,b32,b64}"
ALL = "b16,u16,s16,b32,u32,s32,f32,b64,u64,s64,f64"
FOUND = "{u32,s32,u64,s64}"
SINGLE = "{.f32,.ftz.f32}"
FLOAT = "{.f32,.ftz.f32,.f64}"

MOVES: tuple[Row, ...] = (
    (f"mov.{{pred,{ALL}}}", "t", "t", lambda a: a),
    ("cvta{,.to}.{global,const}.u64", "t", "t", lambda a: a),
    ("cvta.shared.u64", "t", "t", lambda a: a + WINDOW),
    ("cvta.to.shared.u64", "t", "t", lambda a: a - WINDOW),
    (f"selp.{{{ALL}}}", "t", "t t pred", lambda a, b, p: np.where(p, a, b)),
)

ARITHMETIC: tuple[Row, ...] = (
    (f"add.{WHOLE}", "t", "t t", np.add),
    (f"sub.{WHOLE}", "t", "t t", np.subtract),
    (f"mul.lo.{WHOLE}", "t", "t t", np.multiply),
    (f"mul.hi.{WHOLE}", "t", "t t", integers.high_product),
    ("mul.wide.{u16,s16,u32,s32}", "w", "t t", integers.wide_product),
    (f"mad.lo.{WHOLE}", "t", "t t t", lambda a, b, c: a * b + c),
    (f"mad.hi.{WHOLE}", "t", "t t t", lambda a, b, c: integers.high_product(a, b) + c),
    ("mad.wide.{u16,s16,u32,s32}", "w", "t t w", lambda a, b, c: integers.wide_product(a, b) + c),
    (f"div.{WHOLE}", "t", "t t", integers.quotient),
    (f"rem.{WHOLE}", "t", "t t", integers.remainder),
    (f"min.{WHOLE}", "t", "t t", np.minimum),
    (f"max.{WHOLE}", "t", "t t", np.maximum),
    ("neg.{s16,s32,s64}", "t", "t", np.negative),
    ("abs.{s16,s32,s64}", "t", "t", np.abs),
    *((f"setp.{name}.{WHOLE}", "pred", "t t", compare) for name, compare in COMPARISONS.items()),
    *((f"setp.{name}.{BITS}", "pred", "t t", COMPARISONS[name]) for name in ("eq", "ne")),
)

LOGIC: tuple[Row, ...] = (
    (f"and.{BITS_OR_PREDICATE}", "t", "t t", np.bitwise_and),
    (f"or.{BITS_OR_PREDICATE}", "t", "t t", np.bitwise_or),
    (f"xor.{BITS_OR_PREDICATE}", "t", "t t", np.bitwise_xor),
    (f"not.{BITS_OR_PREDICATE}", "t", "t", np.invert),
    (f"shl.{BITS}", "t", "t u32", integers.shifted_left),
    ("shr.{b16,u16,s16,b32,u32,s32,b64,u64,s64}", "t", "t u32", integers.shifted_right),
    ("popc.{b32,b64}", "u32", "t", integers.population),
    ("clz.{b32,b64}", "u32", "t", integers.leading_zeros),
    (f"bfind.{FOUND}", "u32", "t", partial(integers.highest, as_shift=False)),
    (f"bfind.shiftamt.{FOUND}", "u32", "t", partial(integers.highest, as_shift=True)),
    ("brev.{b32,b64}", "t", "t", integers.reversed_bits),
    (f"bfe.{FOUND}", "t", "t u32 u32", integers.extracted),
    ("bfi.{b32,b64}", "t", "t t u32 u32", integers.inserted),
    ("prmt.b32", "t", "t t u32", integers.permuted),
    ("lop3.b32", "t", "t t t u32", integers.looked_up),
    *(
        (f"shf.{side}.{mode}.b32", "t", "t t u32", partial(integers.funnel, side=side, mode=mode))
        for side, mode in product("lr", ("wrap", "clamp"))
    ),
    *(
        (f"dp4a.{a}32.{b}32", "b32", "b32 b32 b32", partial(integers.dot_of_bytes, signs=a + b))
        for a, b in product("us", "us")
    ),
    *(
        (
            f"dp2a.{half}.{a}32.{b}32",
            "b32",
            "b32 b32 b32",
            partial(integers.dot_of_halves, signs=a + b, half=half),
        )
        for half, a, b in product(("lo", "hi"), "us", "us")
    ),
)

FLOATING: tuple[Row, ...] = (
    (f"add.rn{FLOAT}", "t", "t t", np.add),
    (f"sub.rn{FLOAT}", "t", "t t", np.subtract),
    (f"mul.rn{FLOAT}", "t", "t t", np.multiply),
    (f"div.rn{FLOAT}", "t", "t t", np.divide),
    (f"rcp.rn{FLOAT}", "t", "t", np.reciprocal),
    (f"sqrt.rn{FLOAT}", "t", "t", np.sqrt),
    (f"fma.rn{FLOAT}", "t", "t t t", partial(rounding.fused, mode="rn")),
    *(
        (f"fma.{mode}{SINGLE}", "t", "t t t", partial(rounding.fused, mode=mode))
        for mode in ("rz", "rm", "rp")
    ),
    (f"neg{FLOAT}", "t", "t", np.negative),
    (f"abs{FLOAT}", "t", "t", np.abs),
    (f"min{FLOAT}", "t", "t t", partial(extreme, np.fmin)),
    (f"max{FLOAT}", "t", "t t", partial(extreme, np.fmax)),
    ("copysign.{f32,f64}", "t", "t t", lambda sign, size: np.copysign(size, sign)),
    ("testp.finite.{f32,f64}", "pred", "t", np.isfinite),
    ("testp.infinite.{f32,f64}", "pred", "t", np.isinf),
    ("testp.number.{f32,f64}", "pred", "t", lambda a: ~np.isnan(a)),
    ("testp.notanumber.{f32,f64}", "pred", "t", np.isnan),
    (f"setp.num{FLOAT}", "pred", "t t", lambda a, b: ~has_nan(a, b)),
    (f"setp.nan{FLOAT}", "pred", "t t", has_nan),
    *((f"setp.{name}{FLOAT}", "pred", "t t", partial(ordered, same)) for name, same in COMPARISONS.items()),
    *(
        (f"setp.{name}u{FLOAT}", "pred", "t t", partial(unordered, same))
        for name, same in COMPARISONS.items()
    ),
)

CONTRACTED: tuple[Row, ...] = (
    # Without .rn the assembler may fuse a product into a sum: what they give is not one number.
    (f"add{FLOAT}", "t", "t t", np.add),
    (f"sub{FLOAT}", "t", "t t", np.subtract),
    (f"mul{FLOAT}", "t", "t t", np.multiply),
    # These have an error of some units in the last place, and a GPU's error is not NumPy's.
    (f"ex2.approx{SINGLE}", "t", "t", np.exp2),
    (f"lg2.approx{SINGLE}", "t", "t", np.log2),
    (f"sin.approx{SINGLE}", "t", "t", np.sin),
    (f"cos.approx{SINGLE}", "t", "t", np.cos),
    ("tanh.approx.f32", "t", "t", np.tanh),
    (f"sqrt.approx{SINGLE}", "t", "t", np.sqrt),
    (f"rcp.approx{SINGLE}", "t", "t", np.reciprocal),
    ("rcp.approx.ftz.f64", "t", "t", np.reciprocal),
    (f"rsqrt.approx{FLOAT}", "t", "t", lambda a: 1 / np.sqrt(a)),
    ("div.{approx,full}" + SINGLE, "t", "t t", np.divide),
)

NATURALS = ("u8", "u16", "u32", "u64")
WHOLES = (*NATURALS, "s8", "s16", "s32", "s64")


def conversions() -> Iterator[Row]:
    """Yield the rows of `cvt`, result before source; kinds are told in full."""
    for source, result in product(WHOLES, WHOLES):
        dtype = np.dtype(f"{'u' if result in NATURALS else 'i'}{SIZES[result]}")
        yield f"cvt.{result}.{source}", result, source, lambda a, dtype=dtype: a.astype(dtype)
        yield f"cvt.sat.{result}.{source}", result, source, partial(rounding.clamped, kind=result)
    for source, result, mode in product(("f32", "f64"), WHOLES, rounding.INTEGRAL):
        ftz = "{,.ftz}" if source == "f32" else ""
        whole = partial(rounding.to_integers, mode=mode, kind=result)
        yield f"cvt.{mode}{ftz}.{result}.{source}", result, source, whole
    for source, result in product(WHOLES, ("f32", "f64")):
        yield (
            f"cvt.rn.{result}.{source}",
            result,
            source,
            partial(rounding.to_floats, mode="rn", kind=result),
        )
    for source, mode in product(WHOLES, ("rz", "rm", "rp")):
        if SIZES[source] <= 4:  # wider ones are rounded twice on the way that `to_floats` takes
            yield (
                f"cvt.{mode}.f32.{source}",
                "f32",
                source,
                partial(rounding.to_floats, mode=mode, kind="f32"),
            )
    for mode in ("rn", "rz", "rm", "rp"):
        yield f"cvt.{mode}{{,.ftz}}.f32.f64", "f32", "f64", partial(rounding.narrowed, mode=mode)
    yield "cvt{,.ftz}.f64.f32", "f64", "f32", lambda a: a.astype(np.float64)
    yield "cvt{,.ftz}.f32.f32", "f32", "f32", lambda a: a
    yield "cvt{,.ftz}.sat.f32.f32", "f32", "f32", rounding.saturated
    for mode, function in rounding.INTEGRAL.items():
        yield f"cvt.{mode}{{,.ftz}}.f32.f32", "f32", "f32", function
        yield f"cvt.{mode}.f64.f64", "f64", "f64", function


def flushing(function: Function) -> Function:
    """Return a function that takes and returns zeros for subnormals of float32."""

    def flush(values: Values) -> Values:
        return rounding.flushed(values) if values.dtype == np.float32 else values

    return lambda *operands: flush(function(*map(flush, operands)))


def _entries(rows: Iterable[Row], loose: bool = False) -> Iterator[tuple[str, Operation]]:
    """Yield mnemonics and their operations."""
    for template, result, operands, function in rows:
        for mnemonic in spelled(template):
            kind = mnemonic.rsplit(".", 1)[1]
            names = {"t": kind} if kind == "pred" else {"t": kind, "w": widened(kind)}
            kinds = tuple(names.get(operand, operand) for operand in operands.split())
            flush = flushing(function) if ".ftz" in mnemonic else function
            yield mnemonic, Operation(names.get(result, result), kinds, flush, loose)


EXACT: Mapping[str, Operation] = {
    **dict(_entries((*MOVES, *ARITHMETIC, *LOGIC, *FLOATING))),
    **dict(_entries(conversions(), loose=True)),
}
"""All that has one result."""

APPROXIMATE: Mapping[str, Operation] = dict(_entries(CONTRACTED))
"""What a GPU computes with an error of its own."""
