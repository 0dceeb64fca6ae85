"""Types of PTX (`u32`, `f64`, `pred`, …) and their literals, as NumPy has them."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.errors import PtxError

Values = NDArray[Any]

SIZES = {
    "pred": 1,
    **{f"{letter}{bits}": bits // 8 for letter in "bus" for bits in (8, 16, 32, 64)},
    **{"f32": 4, "f64": 8},
}
"""Bytes of each type."""

_LETTERS = {"b": "u", "u": "u", "s": "i", "f": "f", "p": "?"}

DTYPES: dict[str, np.dtype[Any]] = {
    kind: np.dtype(_LETTERS[kind[0]] if kind == "pred" else f"{_LETTERS[kind[0]]}{size}")
    for kind, size in SIZES.items()
}

INTEGER = re.compile(r"(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)U?")
FLOAT = re.compile(r"0([fF][0-9a-fA-F]{8}|[dD][0-9a-fA-F]{16})")


def widened(kind: str) -> str:
    """Return the type that is twice as wide."""
    return f"{kind[0]}{16 * SIZES[kind]}"


def unsigned(size: int) -> str:
    """Return the type of the bits of `size` bytes."""
    return f"b{8 * size}"


def literal(text: str, kind: str) -> Values:
    """Return a constant as an array of one element.

    A number that its type cannot hold, and bits of another width, are a PtxError.
    """
    if FLOAT.fullmatch(text) and kind[0] in "bf" and len(text) == 2 + 2 * SIZES[kind]:
        bits = int(text[2:], 16)
    elif (match := INTEGER.fullmatch(text)) and kind[0] != "f":
        bits = _bits(match, kind)
    else:
        raise PtxError(f"unknown operand {text} for .{kind}")
    if kind == "pred":
        return np.array([bits != 0])
    return np.array([bits], DTYPES[unsigned(SIZES[kind])]).view(DTYPES[kind])


def _bits(match: re.Match[str], kind: str) -> int:
    """Return the two's complement of an integer literal."""
    digits = match[2]
    octal = digits[0] == "0" and digits[1:].isdigit()
    value = int(digits, 8) if octal else int(digits, 0)
    value = -value if match[1] else value
    width = 8 * SIZES[kind]
    if not -(1 << width - 1) <= value < 1 << width:
        raise PtxError(f"{match[0]} does not fit .{kind}")
    return value & ((1 << width) - 1)
