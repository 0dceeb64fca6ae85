"""Exact products of integer matrices on a device: int8 factors, int32 sums, no rounding anywhere.

Tensor cores multiply int8 and add in int32 (cuBLAS, CUBLAS_COMPUTE_32I), which only `gemmEx` asks for:
`cupy.matmul` of int8 returns int8. Whether it works is tested by one product, once;
where it does not, float64 products are exact as well, since no partial sum reaches 2^53.
"""

from typing import Any

from mattis.kernels.cuda.devices import Device

ALIGNED = 16
"""Terms of a sum come in multiples of this: cuBLAS requires it of rows of int8."""

DIGIT = 7
"""Bits of a signed digit -64 … 63."""


def products(device: Device, a: Any, b: Any, out: Any) -> None:
    """Write a bᵀ to the first columns of `out`, int8 (R, K) × int8 (M, K) -> int32 (R, ≥ M).

    Exact, modulo 2^32. K and the length of the rows of `out` are multiples of 16.
    """
    if device.tensor_products is not None:
        device.tensor_products(a, b, out)
    else:
        by_floats(device.xp, a, b, out)


def by_floats(xp: Any, a: Any, b: Any, out: Any) -> None:
    """Write a bᵀ by float64, exact: |sum| ≤ 2^14 K < 2^53."""
    sums = xp.matmul(a.astype(xp.float64), b.T.astype(xp.float64))
    out[:, : len(b)] = sums.astype(xp.int32)


def aligned(length: int) -> int:
    """Return the next multiple of 16."""
    return -(-length // ALIGNED) * ALIGNED


def padded(xp: Any, rows: Any) -> Any:
    """Return rows of int8 with zeros up to a multiple of 16."""
    missing = aligned(rows.shape[1]) - rows.shape[1]
    if not missing:
        return xp.ascontiguousarray(rows)
    return xp.concatenate([rows, xp.zeros((rows.shape[0], missing), xp.int8)], axis=1)


def digits(xp: Any, numbers: Any, largest: int) -> Any:
    """Return int32 numbers, (R, K) of magnitude up to `largest`, as int8 digits of base 128, (R, digits, K).

    The lowest digit is first; those of a number are neighbours, so that a product takes all of them at once.
    """
    out = xp.empty((len(numbers), digits_of(largest), numbers.shape[1]), xp.int8)
    for k in range(out.shape[1] - 1):
        low = ((numbers + 64) & 127) - 64
        out[:, k] = low
        numbers = (numbers - low) >> DIGIT
    out[:, -1] = numbers
    return out


def digits_of(largest: int) -> int:
    """Return how many digits integers have, of magnitude up to `largest`."""
    count = 1
    while largest > 63:
        largest, count = (largest + 64) >> DIGIT, count + 1
    return count


def composed(sums: Any) -> Any:
    """Return Σ_k 128^k sums[:, k, :], int32 (R, digits, M) -> (R, M): exact where it is below 2^31."""
    total = sums[:, 0].copy()
    for k in range(1, sums.shape[1]):
        total += sums[:, k] << (DIGIT * k)
    return total
