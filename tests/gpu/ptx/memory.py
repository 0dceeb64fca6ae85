"""Memory of a launch: every access is checked for its bounds, its alignment and its right.

Arrays, variables and parameters lie in a space one after the other, each between guard bands that nobody
may touch. An address is a position in the bytes of its space.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.errors import AccessError
from gpu.ptx.kinds import SIZES, Values

GUARD = 256
"""Bytes of a guard band; also what a new array is aligned to, as on a GPU."""

READ, WRITE, DEFINED = 1, 2, 4

POISON = 0xA5
"""The byte that shared memory is full of before anybody wrote to it."""

Addresses = NDArray[np.uint64]

WINDOW = np.uint64(1 << 40)
"""What an address of shared memory has in addition where one address may mean either memory."""


def rounded_up(number: int, step: int) -> int:
    """Return the least multiple of a step that is not below a number."""
    return -(-number // step) * step


class Layout:
    """Places in a space that does not exist yet."""

    def __init__(self) -> None:
        self.end = GUARD

    def place(self, size: int, align: int) -> int:
        """Return the address of the next `size` bytes."""
        start = rounded_up(self.end, align)
        self.end = rounded_up(start + size, GUARD) + GUARD
        return start


class Space:
    """Bytes of one kind of memory, and the rights to each of them."""

    def __init__(self, name: str, layout: Layout) -> None:
        self.name, self.size = name, layout.end
        octets = np.full(layout.end, POISON, np.uint8)
        rights = np.zeros(layout.end, np.uint8)
        self.cells = {width: octets.view(f"u{width}") for width in (1, 2, 4, 8)}
        self.rights = {width: rights.view(f"u{width}") for width in (1, 2, 4, 8)}

    def permit(self, start: int, size: int, rights: int) -> None:
        """Give rights to bytes."""
        self.rights[1][start : start + size] |= rights

    def put(self, start: int, content: bytes | memoryview) -> None:
        """Set bytes, whoever may write them."""
        octets = np.frombuffer(content, np.uint8)
        self.cells[1][start : start + octets.size] = octets

    def take(self, start: int, size: int) -> NDArray[np.uint8]:
        """Return bytes, whoever may read them."""
        return np.asarray(self.cells[1][start : start + size])

    def load(self, addresses: Addresses, width: int, count: int = 1) -> list[Values]:
        """Return the bits of `count` neighbours of `width` bytes at each address."""
        index = self._index(addresses, width, count, READ | DEFINED)
        return [self.cells[width][index + k] for k in range(count)]

    def store(self, addresses: Addresses, width: int, columns: list[Values]) -> None:
        """Set the bits of neighbours at each address; threads that differ about a place are refused."""
        index = self._index(addresses, width, len(columns), WRITE)
        index, *columns = np.broadcast_arrays(index, *columns)
        for k, values in enumerate(columns):
            self.cells[width][index + k] = values
            self._define(index + k, width)
        for k, values in enumerate(columns):
            differ = self.cells[width][index + k] != values
            if np.count_nonzero(differ):
                reason = "different values of one instruction for the same place"
                raise AccessError(reason, int(differ.argmax()))

    def update(
        self, addresses: Addresses, kind: str, change: Callable[..., int], operands: list[Values]
    ) -> Values:
        """Change numbers one thread after the other; return what was there before, as bits.

        change # of the old number and the operands of a thread, all as integers of `kind`
        """
        width = SIZES[kind]
        index = self._index(addresses, width, 1, READ | WRITE | DEFINED)
        index, *operands = np.broadcast_arrays(index, *operands)
        cells = self.cells[width]
        signed = cells.view(f"{'i' if kind[0] == 's' else 'u'}{width}")
        old = np.empty(index.shape, cells.dtype)
        for k, place in enumerate(index.tolist()):
            old[k] = cells[place]
            new = change(int(signed[place]), *(int(values[k]) for values in operands))
            cells[place] = new & ((1 << 8 * width) - 1)
        return old

    def _define(self, index: NDArray[np.int64], width: int) -> None:
        self.rights[width][index] |= _of_all_bytes(DEFINED, width)

    def _index(self, addresses: Addresses, width: int, count: int, rights: int) -> NDArray[np.int64]:
        """Return the places of addresses among cells of `width` bytes, or raise an AccessError."""
        misaligned = addresses & np.uint64(width * count - 1)
        if np.count_nonzero(misaligned):
            raise AccessError(f"misaligned {self.name} access", int((misaligned != 0).argmax()))
        outside = addresses >= np.uint64(self.size)
        if np.count_nonzero(outside):
            raise AccessError(f"out-of-bounds {self.name} access", int(outside.argmax()))
        index = (addresses // np.uint64(width)).view(np.int64)
        for k in range(count):
            given = self.rights[width][index + k]
            wanted = _of_all_bytes(rights, width)
            refused = given & wanted != wanted
            if np.count_nonzero(refused):
                position = int(refused.argmax())
                raise AccessError(self._refusal(int(given[position]), width), position)
        return index

    def _refusal(self, given: int, width: int) -> str:
        """Return why bytes with these rights may not be accessed."""
        if given & int(_of_all_bytes(READ, width)) != _of_all_bytes(READ, width):
            return f"out-of-bounds {self.name} access"
        if given & int(_of_all_bytes(WRITE, width)) != _of_all_bytes(WRITE, width):
            return f"write to read-only {self.name} memory"
        return f"uninitialised {self.name} memory"


def _of_all_bytes(rights: int, width: int) -> np.unsignedinteger:
    """Return rights repeated in each of `width` bytes."""
    return _REPEATED[rights, width]


_REPEATED: dict[tuple[int, int], np.unsignedinteger] = {
    (rights, width): np.dtype(f"u{width}").type(int.from_bytes(bytes([rights]) * width, "little"))
    for rights in range(8)
    for width in (1, 2, 4, 8)
}


def _increment(old: int, most: int) -> int:
    return 0 if old >= most else old + 1


def _decrement(old: int, most: int) -> int:
    return most if old == 0 or old > most else old - 1


CHANGES: Mapping[str, Callable[..., int]] = {
    "add": lambda old, new: old + new,
    "min": min,
    "max": max,
    "and": lambda old, new: old & new,
    "or": lambda old, new: old | new,
    "xor": lambda old, new: old ^ new,
    "exch": lambda _, new: new,
    "cas": lambda old, expected, new: new if old == expected else old,
    "inc": _increment,
    "dec": _decrement,
}
"""What atomic operations make of an old number."""
