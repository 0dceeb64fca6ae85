"""The manual once more, in Python's integers and fractions, one thread at a time: what the table must equal.

Written without a look at NumPy: exact first, then rounded once. Values are Python's int, bool and float (one
of float32 is a float that float32 can hold).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from gpu.ptx.kinds import SIZES

FORMATS = {"f32": (24, -126, 127), "f64": (53, -1022, 1023)}
"""Bits of a significand, exponents of the smallest and the largest normal numbers."""


def wrapped(value: int, kind: str) -> int:
    """Return an integer modulo 2^w, in the range of its type."""
    width = 8 * SIZES[kind]
    value &= (1 << width) - 1
    return value - (1 << width) if kind[0] == "s" and value >> (width - 1) else value


def rounded(exact: Fraction, kind: str, mode: str) -> float:
    """Return a fraction that is not zero as a float of its type."""
    bits, least, most = FORMATS[kind]
    size, negative = abs(exact), exact < 0
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    unit = Fraction(2) ** (max(exponent, least) - bits + 1)
    count, rest = divmod(size, unit)
    nearest = rest * 2 > unit or (rest * 2 == unit and count % 2 == 1)
    up = {"rn": nearest, "rz": False, "rm": negative and rest > 0, "rp": not negative and rest > 0}
    size = (count + up[mode]) * unit
    if size >= Fraction(2) ** (most + 1):
        outward = {"rn": True, "rz": False, "rm": negative, "rp": not negative}[mode]
        largest = (2 - Fraction(2) ** (1 - bits)) * Fraction(2) ** most
        return math.copysign(math.inf if outward else float(largest), -1 if negative else 1)
    return math.copysign(float(size), -1 if negative else 1)


def flushed(x: float, kind: str) -> float:
    """Return zero for a subnormal number."""
    small = math.isfinite(x) and abs(x) < 2.0 ** FORMATS[kind][1]
    return math.copysign(0.0, x) if small else x


def product_and_sum(a: float, b: float, c: float, kind: str, mode: str) -> float:
    """Return a b + c."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.nan if math.isnan(a) or math.isnan(b) else _infinite(a, b) + c
    if not math.isfinite(c):
        return c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact:
        return rounded(exact, kind, mode)
    signs = {math.copysign(1, a) * math.copysign(1, b), math.copysign(1, c)}
    negative = signs == {-1} or (mode == "rm" and -1 in signs)
    return -0.0 if negative else 0.0


def _infinite(a: float, b: float) -> float:
    """Return a product with an infinite factor."""
    if 0 in (a, b):
        return math.nan
    return math.copysign(math.inf, math.copysign(1, a) * math.copysign(1, b))


def product(a: float, b: float, kind: str) -> float:
    """Return a b."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.nan if math.isnan(a) or math.isnan(b) else _infinite(a, b)
    exact = Fraction(a) * Fraction(b)
    sign = math.copysign(1, a) * math.copysign(1, b)
    return rounded(exact, kind, "rn") if exact else math.copysign(0.0, sign)


def ratio(a: float, b: float, kind: str) -> float:
    """Return a / b."""
    sign = math.copysign(1, a) * math.copysign(1, b)
    if math.isnan(a) or math.isnan(b) or (math.isinf(a) and math.isinf(b)) or (a == 0 and b == 0):
        return math.nan
    if math.isinf(a) or b == 0:
        return math.copysign(math.inf, sign)
    if math.isinf(b) or a == 0:
        return math.copysign(0.0, sign)
    return rounded(Fraction(a) / Fraction(b), kind, "rn")


def root(a: float, kind: str) -> float:
    """Return √a, from an integer root with so many digits that a last one tells whether it is exact."""
    if not a > 0 or math.isinf(a):
        return math.nan if a < 0 else a
    exact = Fraction(a)
    scaled = exact.numerator * exact.denominator << 400
    digits = math.isqrt(scaled)
    odd = 2 * digits + (digits * digits != scaled)
    return rounded(Fraction(odd, exact.denominator << 201), kind, "rn")


def smaller(a: float, b: float) -> float:
    """Return the smaller of two floats, a number rather than NaN, −0 before +0."""
    numbers = [x for x in (a, b) if not math.isnan(x)]
    numbers.sort(key=lambda x: (x, math.copysign(1, x)))
    return numbers[0] if numbers else math.nan


def integral(a: float, mode: str) -> float:
    """Return a float rounded to an integral value; its zero keeps the sign."""
    if not math.isfinite(a):
        return a
    exact = Fraction(a)
    below, middle = math.floor(exact), round(exact)
    above, toward_zero = math.ceil(exact), math.trunc(exact)
    whole = {"rni": middle, "rzi": toward_zero, "rmi": below, "rpi": above}[mode]
    return math.copysign(float(whole), a)


def limits(kind: str) -> tuple[int, int]:
    """Return the least and the largest integer of a type."""
    width = 8 * SIZES[kind]
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if kind[0] == "s" else (0, (1 << width) - 1)


def converted(mnemonic: str) -> Callable[..., Any]:
    """Return the function of a `cvt`."""
    _, *modifiers, target, source = mnemonic.split(".")
    mode = next((m for m in modifiers if m[0] == "r"), "")
    least, most = limits(target) if target[0] in "us" else (0, 1)

    def convert(a: Any) -> Any:
        if source[0] != "f":
            if target[0] == "f":
                return rounded(Fraction(a), target, mode) if a else 0.0
            return min(max(a, least), most) if "sat" in modifiers else wrapped(a, target)
        if target[0] != "f":
            if math.isnan(a):
                wide = source == "f64" or SIZES[target] == 8
                return wrapped(1 << (8 * SIZES[target] - 1), target) if wide else 0
            whole = a if math.isinf(a) else int(integral(a, mode))
            return int(min(max(whole, least), most))
        if "sat" in modifiers:
            return min(a, 1.0) if a > 0 else 0.0
        if mode.endswith("i"):
            return integral(a, mode)
        return rounded(Fraction(a), target, mode) if mode and math.isfinite(a) and a else a

    return convert


def extracted(a: int, start: int, length: int, kind: str) -> int:
    """Return a field of bits, by the loop of the manual."""
    last = 8 * SIZES[kind] - 1
    start, length = start & 255, length & 255
    sign = 0 if kind[0] == "u" or not length else a >> min(start + length - 1, last) & 1
    bits = [a >> start + i & 1 if i < length and start + i <= last else sign for i in range(last + 1)]
    return sum(bit << i for i, bit in enumerate(bits))


def inserted(a: int, b: int, start: int, length: int, kind: str) -> int:
    """Return b with a field of bits replaced, by the loop of the manual."""
    start, length = start & 255, length & 255
    for i in range(length):
        if start + i < 8 * SIZES[kind]:
            b = b & ~(1 << start + i) | (a >> i & 1) << start + i
    return b


def highest(a: int, kind: str, as_shift: bool) -> int:
    """Return the position of the first bit that is no sign."""
    found = (~a if a < 0 else a).bit_length() - 1
    return 0xFFFFFFFF if found < 0 else 8 * SIZES[kind] - 1 - found if as_shift else found


def permuted(a: int, b: int, selector: int) -> int:
    """Return bytes in another order."""
    octets, chosen = (b << 32 | a).to_bytes(8, "little"), []
    for digit in (selector >> 4 * i & 15 for i in range(4)):
        octet = octets[digit & 7]
        chosen.append((255 if octet > 127 else 0) if digit & 8 else octet)
    return int.from_bytes(bytes(chosen), "little")


def dot(a: int, b: int, c: int, mnemonic: str) -> int:
    """Return the sum of products of bytes, or of halves and bytes, and c."""
    name, *_, left, right = mnemonic.split(".")
    size = 1 if name == "dp4a" else 2
    first = 2 if ".hi." in mnemonic else 0

    def part(x: int, kind: str, place: int, width: int) -> int:
        return wrapped(x >> 8 * width * place, f"{kind[0]}{8 * width}")

    return c + sum(part(a, left, i, size) * part(b, right, first + i, 1) for i in range(4 // size))


def _whole(name: str, modifiers: list[str], mnemonic: str) -> Callable[..., Any]:
    """Return the function of an instruction on integers or bits; its result is not yet wrapped."""
    kind = modifiers[-1]
    width = 8 * SIZES[kind]
    half = 0 if "lo" in modifiers or "wide" in modifiers else width
    names: dict[str, Callable[..., Any]] = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b >> half,
        "mad": lambda a, b, c: (a * b >> half) + c,
        "div": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
        "rem": lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1),
        "min": min,
        "max": max,
        "neg": lambda a: -a,
        "abs": abs,
        "and": lambda a, b: a & b,
        "or": lambda a, b: a | b,
        "xor": lambda a, b: a ^ b,
        "not": lambda a: not a if kind == "pred" else ~a,
        "shl": lambda a, n: a << n if n < width else 0,
        "shr": lambda a, n: a >> min(n, width),
        "popc": lambda a: a.bit_count(),
        "clz": lambda a: width - a.bit_length(),
        "bfind": lambda a: highest(a, kind, "shiftamt" in modifiers),
        "brev": lambda a: int(f"{a:0{width}b}"[::-1], 2),
        "bfe": lambda a, start, length: extracted(a, start, length, kind),
        "bfi": lambda a, b, start, length: inserted(a, b, start, length, kind),
        "prmt": permuted,
        "lop3": lambda a, b, c, t: sum(
            (t >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | c >> i & 1) & 1) << i for i in range(32)
        ),
        "shf": lambda low, high, n: funnel(low, high, n, *modifiers[:2]),
        "dp4a": lambda a, b, c: dot(a, b, c, mnemonic),
        "dp2a": lambda a, b, c: dot(a, b, c, mnemonic),
        "mov": lambda a: a,
        "cvta": lambda a: a + _window(modifiers),
        "selp": lambda a, b, p: a if p else b,
        "setp": lambda a, b: compared(modifiers[0], a, b),
    }
    return names[name]


def _window(modifiers: list[str]) -> int:
    """Return what the address of a shared variable gains where it may mean any memory."""
    return 0 if "shared" not in modifiers else -(1 << 40) if "to" in modifiers else 1 << 40


def funnel(low: int, high: int, count: int, side: str, mode: str) -> int:
    """Return 32 bits of 64 that are shifted."""
    shift = count & 31 if mode == "wrap" else min(count, 32)
    both = high << 32 | low
    return both << shift >> 32 if side == "l" else both >> shift


def compared(how: str, a: Any, b: Any) -> bool:
    """Return a comparison; with a u behind its name, or as `nan`, it holds where one is NaN."""
    nan = a != a or b != b
    if how in ("num", "nan"):
        return nan is (how == "nan")
    if nan:
        return how.endswith("u")
    signs = {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}
    return bool(signs[how[:2]])


def _floating(name: str, modifiers: list[str]) -> Callable[..., Any]:
    """Return the function of an instruction on floats."""
    kind, mode = modifiers[-1], modifiers[0]
    names: dict[str, Callable[..., Any]] = {
        "add": lambda a, b: product_and_sum(a, 1.0, b, kind, "rn"),
        "sub": lambda a, b: product_and_sum(b, -1.0, a, kind, "rn"),
        "mul": lambda a, b: product(a, b, kind),
        "fma": lambda a, b, c: product_and_sum(a, b, c, kind, mode),
        "div": lambda a, b: ratio(a, b, kind),
        "rcp": lambda a: ratio(1.0, a, kind),
        "sqrt": lambda a: root(a, kind),
        "neg": lambda a: -a,
        "abs": abs,
        "min": smaller,
        "max": lambda a, b: -smaller(-a, -b),
        "copysign": lambda a, b: math.copysign(b, a),
        "testp": lambda a: {
            "finite": math.isfinite(a),
            "infinite": math.isinf(a),
            "number": not math.isnan(a),
            "notanumber": math.isnan(a),
        }[mode],
        "setp": lambda a, b: compared(mode, a, b),
        "selp": lambda a, b, p: a if p else b,
        "mov": lambda a: a,
    }
    return names[name]


def reference(mnemonic: str, result: str, operands: tuple[str, ...]) -> Callable[..., Any]:
    """Return the function of an instruction, from values of its operands' types to one of its result's."""
    name, *modifiers = mnemonic.split(".")
    if name == "cvt":
        function = converted(mnemonic)
    elif modifiers[-1][0] == "f":
        function = _floating(name, modifiers)
    else:
        function = _whole(name, modifiers, mnemonic)

    def flush(value: Any, kind: str) -> Any:
        return flushed(value, kind) if ".ftz" in mnemonic and kind == "f32" else value

    def apply(*values: Any) -> Any:
        given = [flush(value, kind) for value, kind in zip(values, operands, strict=True)]
        found = flush(function(*given), result)
        return wrapped(int(found), result) if result[0] in "bus" else found

    return apply
