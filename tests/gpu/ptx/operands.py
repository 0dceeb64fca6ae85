"""From the operands of an instruction to functions that read and write the registers of a block.

A reader returns one value per thread that takes part, or a single one that all share.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.errors import AccessError, PtxError
from gpu.ptx.kinds import DTYPES, SIZES, Values, literal, unsigned
from gpu.ptx.memory import Addresses, Space

Lanes = slice | NDArray[np.int64]
"""Threads of a block: all of a range, or some."""

ADDRESS = re.compile(r"\[\s*([%\w$@.]+)\s*(?:([+-])\s*(-?\w+))?\s*\]")

SPECIAL = re.compile(r"%(?:n?tid|n?ctaid)\.[xyz]|%nctaid\.[xyz]|%laneid|%lanemask_(?:eq|lt|le|gt|ge)")

POISON = 0xBADBADBADBADBAD5
"""What is in registers that nobody wrote."""


@dataclass(frozen=True)
class Frame:
    """What the threads of a block read and write.

    files    # type -> (registers, threads); types of one width are views of the same bits
    special  # %tid.x and its like -> one value per thread, or one
    spaces   # global, shared, param
    symbols  # variable or parameter -> its address
    """

    files: Mapping[str, Values]
    special: Mapping[str, Values]
    spaces: Mapping[str, Space]
    symbols: Mapping[str, int]


Reader = Callable[[Frame, Lanes], Values]
Writer = Callable[[Frame, Lanes, Values], None]


def files(counts: Mapping[int, int], threads: int) -> dict[str, Values]:
    """Return the registers of a block, full of poison; counts tell how many there are of each width."""
    found: dict[str, Values] = {}
    for size, count in counts.items():
        bits = np.full((count, threads), POISON & ((1 << 8 * size) - 1), f"u{size}")
        if size == 1:
            found["pred"] = np.tile(np.arange(threads) % 3 == 0, (count, 1))
            continue
        for kind in (kind for kind in SIZES if SIZES[kind] == size):
            found[kind] = bits.view(DTYPES[kind])
    return found


class Operands:
    """The registers and names that the operands of a kernel may mean."""

    def __init__(self, registers: Mapping[str, str], symbols: frozenset[str]) -> None:
        self.sizes = {name: SIZES[kind] for name, kind in registers.items()}
        self.counts = {1: 0, 2: 0, 4: 0, 8: 0}
        self.slots: dict[str, int] = {}
        self.symbols = symbols
        for name, size in self.sizes.items():
            self.slots[name] = self.counts[size]
            self.counts[size] += 1

    def reader(self, text: str, kind: str, loose: bool = False) -> Reader:
        """Return how to read an operand as a type; a `loose` one takes the low bits of a wider register."""
        if text.startswith("!") and kind == "pred":
            read = self.reader(text[1:], kind)
            return lambda frame, lanes: ~read(frame, lanes)
        if text in self.slots:
            return self._register(text, kind, loose)
        if SPECIAL.fullmatch(text) and SIZES[kind] == 4:
            return lambda frame, lanes: _of(frame.special[text], lanes)
        if text in self.symbols and kind in ("b32", "u32", "b64", "u64"):
            dtype = DTYPES[kind]
            return lambda frame, _: np.array([frame.symbols[text]], dtype)
        constant = literal(text, kind)
        return lambda _frame, _lanes: constant

    def _register(self, name: str, kind: str, loose: bool) -> Reader:
        slot, size = self.slots[name], self.sizes[name]
        self._check(name, kind, loose)
        if size == SIZES[kind]:
            return lambda frame, lanes: frame.files[kind][slot][lanes]
        whole, narrow, dtype = unsigned(size), DTYPES[unsigned(SIZES[kind])], DTYPES[kind]
        return lambda frame, lanes: frame.files[whole][slot][lanes].astype(narrow).view(dtype)

    def _check(self, name: str, kind: str, loose: bool) -> None:
        """Refuse a register that does not fit a type. Predicates are no bytes."""
        size, predicate = self.sizes[name], self.sizes[name] == 1
        fits = size == SIZES[kind] or (loose and size > SIZES[kind] and kind[0] != "f")
        if not fits or predicate != (kind == "pred"):
            raise PtxError(f"{name} does not fit .{kind}")

    def writer(self, text: str, kind: str, loose: bool = False) -> Writer:
        """Return how to write a register; a `loose` one that is wider is filled with zeros, or the sign."""
        if text == "_":
            return lambda _frame, _lanes, _values: None
        if text not in self.slots:
            raise PtxError(f"unknown register {text}")
        self._check(text, kind, loose)
        slot, size, dtype = self.slots[text], self.sizes[text], DTYPES[kind]
        file = kind if size == SIZES[kind] else unsigned(size)  # NumPy fills it as PTX does

        def write(frame: Frame, lanes: Lanes, values: Values) -> None:
            if values.dtype != dtype:  # NumPy would convert without a word
                raise AssertionError(f"{values.dtype} where .{kind} was promised")
            frame.files[file][slot][lanes] = values

        return write

    def address(self, text: str) -> tuple[Callable[[Frame, Lanes], Addresses], str]:
        """Return how to find the address in `[base + offset]`, and the base."""
        match = ADDRESS.fullmatch(text)
        if not match:
            raise PtxError(f"unknown operand {text}")
        base = match[1]
        offset = literal(match[3] or "0", "s64").view(np.uint64)
        offset = -offset if match[2] == "-" else offset
        size = self.sizes.get(base, 8)
        if size < 4:
            raise PtxError(f"{base} holds no address")
        read = self.reader(base, unsigned(size))
        return lambda frame, lanes: read(frame, lanes).astype(np.uint64) + offset, base

    def guard(self, text: str) -> Callable[[Frame, Lanes], Lanes] | None:
        """Return how to find the threads for which a guard holds; None without a guard."""
        if not text:
            return None
        read = self.reader(text, "pred")
        return lambda frame, lanes: chosen(lanes, read(frame, lanes))


def _of(values: Values, lanes: Lanes) -> Values:
    """Return what a special register holds for some threads."""
    return values if values.size == 1 else np.asarray(values[lanes])


def numbered(lanes: Lanes) -> NDArray[np.int64]:
    """Return the numbers of threads."""
    return np.arange(lanes.start, lanes.stop) if isinstance(lanes, slice) else lanes


def chosen(lanes: Lanes, keep: NDArray[np.bool_]) -> Lanes:
    """Return those threads that are to be kept."""
    if np.count_nonzero(keep) == keep.size:
        return lanes
    if isinstance(lanes, slice):
        return np.asarray(np.flatnonzero(keep) + lanes.start)
    return lanes[keep]


def count_of(lanes: Lanes) -> int:
    """Return the number of threads."""
    return lanes.stop - lanes.start if isinstance(lanes, slice) else lanes.size


def blamed(error: AccessError, lanes: Lanes) -> AccessError:
    """Return an error with the number of its thread, if it did not know that yet."""
    if error.thread is None:
        error.thread = int(numbered(lanes)[error.position])
    return error
