"""Integer arithmetic that NumPy has not: high halves of products, shifts that clamp, fields of bits."""

import numpy as np

from gpu.ptx.errors import AccessError
from gpu.ptx.kinds import Values


def bits_of(values: Values) -> int:
    """Return the width of values."""
    return 8 * values.dtype.itemsize


def constant(values: Values, number: int) -> Values:
    """Return a number in the type of values."""
    return np.array([number], values.dtype)


def doubled(values: Values) -> Values:
    """Return values in the type that is twice as wide."""
    return values.astype(f"{values.dtype.kind}{2 * values.dtype.itemsize}")


def wide_product(a: Values, b: Values) -> Values:
    """Return all bits of a b."""
    return np.asarray(doubled(a) * doubled(b))


def high_product(a: Values, b: Values) -> Values:
    """Return the upper half of the bits of a b."""
    if a.dtype.itemsize == 8:
        return _high_product_64(a, b)
    product = wide_product(a, b)
    return (product >> constant(product, bits_of(a))).astype(a.dtype)


def _high_product_64(a: Values, b: Values) -> Values:
    """Return the upper 64 of 128 bits, from products of halves."""
    x, y = a.view(np.uint64), b.view(np.uint64)
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    x1, x0, y1, y0 = x >> half, x & low, y >> half, y & low
    middle = x1 * y0 + (x0 * y0 >> half)  # < 2^64
    carry = (middle & low) + x0 * y1
    high = x1 * y1 + (middle >> half) + (carry >> half)
    if a.dtype.kind == "i":  # a negative factor counts 2^64 less
        high = high - np.where(a < 0, y, 0).astype(np.uint64) - np.where(b < 0, x, 0).astype(np.uint64)
    return np.asarray(high.view(a.dtype))


def quotient(a: Values, b: Values) -> Values:
    """Return a / b rounded to zero; a divisor 0, for which a GPU returns what it likes, is refused."""
    return np.asarray((a - remainder(a, b)) // b)


def remainder(a: Values, b: Values) -> Values:
    """Return what `quotient` leaves, with the sign of a."""
    zero = np.broadcast_to(b, np.broadcast_shapes(a.shape, b.shape)) == 0
    if zero.any():
        raise AccessError("division by zero", int(zero.argmax()))
    return np.asarray(np.fmod(a, b))


def shifted_left(a: Values, count: Values) -> Values:
    """Return a << count, 0 from the width on."""
    kept = np.minimum(count, bits_of(a) - 1).astype(a.dtype)
    return np.where(count < bits_of(a), a << kept, constant(a, 0))


def shifted_right(a: Values, count: Values) -> Values:
    """Return a >> count, from the width on as if shifted bit by bit."""
    kept = np.minimum(count, bits_of(a) - 1).astype(a.dtype)
    beyond = constant(a, 0) if a.dtype.kind == "u" else a >> kept
    return np.where(count < bits_of(a), a >> kept, beyond)


def funnel(low: Values, high: Values, count: Values, *, side: str, mode: str) -> Values:
    """Return 32 of 64 bits shifted: the upper ones of a shift to the left, or the lower ones."""
    shift = np.asarray(count & 31 if mode == "wrap" else np.minimum(count, 32)).astype(np.uint64)
    both = high.astype(np.uint64) << np.uint64(32) | low
    if side == "l":
        return (both << shift >> np.uint64(32)).astype(np.uint32)
    return (both >> shift).astype(np.uint32)


def population(a: Values) -> Values:
    """Return the number of bits that are set."""
    return np.asarray(np.bitwise_count(a)).astype(np.uint32)


def leading_zeros(a: Values) -> Values:
    """Return the number of zeros above the highest bit that is set."""
    filled, shift = a.view(f"u{a.dtype.itemsize}"), 1
    while shift < bits_of(a):
        filled = filled | filled >> constant(filled, shift)
        shift *= 2
    return population(~filled)


def highest(a: Values, *, as_shift: bool) -> Values:
    """Return the position of the highest bit that differs from the sign, or the shift that brings it up."""
    magnitude = np.where(a < 0, ~a, a)
    zeros = leading_zeros(magnitude)
    found = zeros if as_shift else np.uint32(bits_of(a) - 1) - zeros
    return np.where(magnitude == 0, np.uint32(0xFFFFFFFF), found)


def reversed_bits(a: Values) -> Values:
    """Return the bits in the opposite order."""
    octets = np.ascontiguousarray(a)[:, None].view(np.uint8)
    digits = np.unpackbits(octets, axis=1, bitorder="little")[:, ::-1]
    return np.packbits(digits, axis=1, bitorder="little").view(a.dtype)[:, 0]


def extracted(a: Values, start: Values, length: Values) -> Values:
    """Return `length` bits of a from `start` on, continued by zeros or the sign."""
    width = np.uint32(bits_of(a))
    start, length = start & np.uint32(255), length & np.uint32(255)
    kept = np.minimum(length, width)
    if a.dtype.kind == "u":
        mask = shifted_left(constant(a, 1), kept) - constant(a, 1)
        return np.asarray(shifted_right(a, start) & mask)
    moved = shifted_right(a, start)  # continued by the sign already
    room = np.where(length == 0, np.uint32(0), width - np.maximum(kept, np.uint32(1)))
    signed = shifted_right(shifted_left(moved, room), room)
    return np.where(length == 0, constant(a, 0), signed)


def inserted(a: Values, b: Values, start: Values, length: Values) -> Values:
    """Return b with `length` bits from `start` on replaced by the lowest bits of a."""
    start, length = start & np.uint32(255), length & np.uint32(255)
    ones = shifted_left(constant(a, 1), length) - constant(a, 1)
    mask = shifted_left(ones, start)
    return np.asarray(b & ~mask | shifted_left(a, start) & mask)


def looked_up(a: Values, b: Values, c: Values, table: Values) -> Values:
    """Return for each bit the entry of an 8-bit table at 4 a + 2 b + c."""
    result = np.zeros_like(a & b & c)
    for entry in range(8):
        chosen = [x if entry & bit else ~x for x, bit in ((a, 4), (b, 2), (c, 1))]
        entry_set = table >> np.uint32(entry) & np.uint32(1) != 0
        result |= np.where(entry_set, chosen[0] & chosen[1] & chosen[2], np.uint32(0))
    return result


def permuted(a: Values, b: Values, selector: Values) -> Values:
    """Return four of the eight bytes of b:a by the digits of a selector; one from 8 on asks for a sign."""
    source = b.astype(np.uint64) << np.uint64(32) | a
    result = np.zeros(np.broadcast_shapes(source.shape, selector.shape), np.uint32)
    for place in range(4):
        digit = selector >> np.uint32(4 * place) & np.uint32(15)
        byte = source >> ((digit & np.uint32(7)) * np.uint32(8)).astype(np.uint64) & np.uint64(255)
        sign = np.where(byte & np.uint64(128), np.uint64(255), np.uint64(0))
        byte = np.where(digit & np.uint32(8), sign, byte)
        result |= byte.astype(np.uint32) << np.uint32(8 * place)
    return result


def dot_of_bytes(a: Values, b: Values, c: Values, *, signs: str) -> Values:
    """Return c plus the scalar product of the four bytes of a and b, each signed (s) or not (u)."""
    left, right = (_parts(x, sign, 1) for x, sign in zip((a, b), signs, strict=True))
    return np.asarray(c + (left * right).sum(axis=1)).astype(np.uint32)


def dot_of_halves(a: Values, b: Values, c: Values, *, signs: str, half: str) -> Values:
    """Return c plus the scalar product of the two halves of a and the lower or higher two bytes of b."""
    left, right = (_parts(x, sign, size) for x, sign, size in zip((a, b), signs, (2, 1), strict=True))
    chosen = right[:, 2:] if half == "hi" else right[:, :2]
    return np.asarray(c + (left * chosen).sum(axis=1)).astype(np.uint32)


def _parts(a: Values, sign: str, size: int) -> Values:
    """Return the bytes or halves of 32 bits as int64, from the lowest on: (n, 4 / size)."""
    parts = np.ascontiguousarray(a)[:, None].view(f"{'i' if sign == 's' else 'u'}{size}")
    return parts.astype(np.int64)
