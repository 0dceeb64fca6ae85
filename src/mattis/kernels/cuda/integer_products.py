"""Exact products of integer matrices on a device: int8 factors, int32 sums, no rounding anywhere.

Tensor cores multiply int8 and add in int32 (cuBLAS, CUBLAS_COMPUTE_32I), which only `gemmEx` asks for:
`cupy.matmul` of int8 returns int8. Whether it works is tested by one product, once;
where it does not, float64 products are exact as well, since no partial sum reaches 2^53.
"""

from collections.abc import Sequence
from typing import Any

from mattis.kernels.cuda.devices import Device

ALIGNED = 16
"""Terms of a sum come in multiples of this: cuBLAS requires it of rows of int8."""

DIGIT = 7
"""Bits of a signed digit -64 … 63."""


def products(device: Device, a: Any, b: Any) -> Any:
    """Return a bᵀ, int8 (R, K) × int8 (M, K) -> int32 (R, M), K a multiple of 16; exact, modulo 2^32."""
    if device.tensor_products is not None:
        return device.tensor_products(a, b)
    return by_floats(device.xp, a, b)


def by_floats(xp: Any, a: Any, b: Any) -> Any:
    """Return a bᵀ by float64, exact: |sum| ≤ 2^14 K < 2^53."""
    sums = xp.matmul(a.astype(xp.float64), b.T.astype(xp.float64))
    return sums.astype(xp.int32)


def padded(xp: Any, rows: Any) -> Any:
    """Return rows of int8 with zeros up to a multiple of 16."""
    missing = -rows.shape[1] % ALIGNED
    if not missing:
        return xp.ascontiguousarray(rows)
    return xp.concatenate([rows, xp.zeros((rows.shape[0], missing), xp.int8)], axis=1)


def digits(xp: Any, numbers: Any, largest: int) -> Sequence[Any]:
    """Return int32 numbers, of magnitude up to `largest`, as int8 digits of base 128, the lowest first."""
    out = []
    while largest > 63:
        low = ((numbers + 64) & 127) - 64
        out.append(low.astype(xp.int8))
        numbers = (numbers - low) >> DIGIT
        largest = (largest + 64) >> DIGIT
    return [*out, numbers.astype(xp.int8)]


def wide_products(device: Device, numbers: Any, signs: Any, largest: int) -> Any:
    """Return numbers signsᵀ, int32 (R, K) × int8 (M, K) -> int32 (R, M), K a multiple of 16.

    Digit by digit, all digits in one product; exact where the result is below 2^31.
    """
    xp, rows = device.xp, numbers.shape[0]
    parts = digits(xp, numbers, largest)
    sums = products(device, xp.concatenate(parts), signs)
    total = sums[:rows].copy()
    for k in range(1, len(parts)):
        total += sums[k * rows : (k + 1) * rows] << (DIGIT * k)
    return total
