"""Continuous neurons on a device: the Euler steps of `cpu.euler`, for replicas of many pattern sets at once.

Written against the arrays' own functions: CuPy's on a GPU, NumPy's where a device is simulated. States are
(S, n, R): S pattern sets, n neurons, R replicas of each. Products are batches of matrix products, element
functions those of the device, and a sum over neurons is one `sum` along an axis: its order is the
library's, and the same for one shape on one machine and backend. So that it is the same for any workers and
chunking, a launch always has one shape, which the network alone decides, and is filled up with copies;
and `shape_of` takes no shape at which the bits of a replica depend on its neighbours.

States after as many steps are within 1e-12 (float64) or 1e-6 (float32) of those of the CPU, relative, as long
as the motion damps differences: beside an unstable direction it magnifies any rounding, on every machine. A
replica whose residual is within rounding of the tolerance may make another number of steps than on the CPU:
that is rare in float64; in float32 it is not, where the tolerance is near 1e-7 of the state. CuPy multiplies
float32 as it is, unless CUPY_TF32=1 is set, which leaves three digits.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.kernels import cpu
from mattis.kernels.cuda.devices import Device

DeviceArray = Any
"""Real numbers of any kind of array: (S, n, R), or (S, R) of each replica."""

DeviceTarget = Callable[[DeviceArray], DeviceArray]

STEPS_PER_TEST = 8
"""Steps between tests whether all replicas are at rest, each of which waits for the device."""


def namespace(x: DeviceArray) -> Any:
    """Return the namespace of an array: numpy or cupy.

    CuPy's arrays (14.2) do not name it themselves: it is the package of their type.
    """
    named = getattr(x, "__array_namespace__", None)
    return named() if named else sys.modules[type(x).__module__.partition(".")[0]]


def total(x: DeviceArray) -> DeviceArray:
    """Return the sum over neurons, (…, n, R) -> (…, R)."""
    return namespace(x).sum(x, axis=-2)


def gains(beta: DeviceArray) -> DeviceArray:
    """Return beta as it multiplies states: a number, or one for each replica, (…, R) -> (…, 1, R)."""
    return beta[..., None, :] if np.ndim(beta) else beta


def tanh(x: DeviceArray, beta: DeviceArray) -> DeviceArray:
    """Return tanh(beta x), (S, n, R), beta a number or (S, R)."""
    return namespace(x).tanh(gains(beta) * x)


def softmax(x: DeviceArray, beta: DeviceArray) -> DeviceArray:
    """Return e^{beta x} over its sum, (S, n, R), beta a number or (S, R)."""
    xp, y = namespace(x), gains(beta) * x
    y = xp.exp(y - xp.max(y, axis=-2, keepdims=True))
    return y * (1 / total(y))[..., None, :]


def relax(
    target: DeviceTarget, state: DeviceArray, rate: float, tolerance: float, most: int
) -> Any:
    """Make Euler steps v += rate (B(v) - v) until |B(v) - v|/sqrt(n) <= tolerance, at most `most` of them.

    target  # B; state  # (S, n, R), not changed; returns cpu.euler.Relaxed, (S, n, R) and (S, R)
    Each replica stops at its own step and stays as it is.
    """
    xp, v = namespace(state), state
    still = xp.zeros_like(v[..., 0, :])
    steps = xp.astype(still, xp.int64)
    for step in range(most + 1):
        away = target(v) - v
        residual = xp.sqrt(total(away * away) / v.shape[-2])
        moving = ~(residual <= tolerance)  # also where it is not a number
        if step == most or _all_rest(moving, step):
            break
        v = v + xp.where(moving, still + rate, still)[..., None, :] * away
        steps = xp.where(moving, steps + 1, steps)
    return cpu.euler.Relaxed(v, steps, residual)


def _all_rest(moving: DeviceArray, step: int) -> bool:
    """Tell whether all replicas are at rest, at every STEPS_PER_TEST-th step; False at the others."""
    return step % STEPS_PER_TEST == 0 and not bool(namespace(moving).any(moving))


def relax_gram(
    memories: DeviceArray, transposed: DeviceArray, gram: DeviceArray, hidden: DeviceTarget,
    start: DeviceArray, field: DeviceArray | None,
    rate: float, tolerance: float, most: int,
) -> Any:  # fmt: skip
    """Make the same steps for B(v) = I + XiᵀF(Xi v) with products of memories: see `cpu.euler.relax_gram`.

    memories  # (S, N_h, N_v); transposed  # (S, N_v, N_h); gram  # (S, N_h, N_h); start, field  # (S, N_v, R)
    """
    xp, size = namespace(start), start.shape[-2]
    away = -start if field is None else field - start
    x = memories @ start
    pulled = -x if field is None else memories @ away
    level, c, far = x + pulled, xp.zeros_like(x), total(away * away)
    still = xp.zeros_like(far)
    a, steps, doubt = still + 1, xp.astype(still, xp.int64), 4 * float(xp.finfo(x.dtype).eps)
    for step in range(most + 1):
        f = hidden(x)
        pull, gap = gram @ f + (level - x), f - c
        residual = _residual(a * a * far, a * total(gap * pulled), total(gap * pull), doubt, size)
        moving = ~(residual <= tolerance)
        if step == most or _all_rest(moving, step):
            break
        share = xp.where(moving, still + rate, still)
        a = a * (1 - share)
        x = x + share[..., None, :] * pull
        c = c + share[..., None, :] * gap
        steps = xp.where(moving, steps + 1, steps)
    v = a[..., None, :] * start + transposed @ c
    v = v if field is None else v + (1 - a)[..., None, :] * field
    return cpu.euler.Relaxed(v, steps, residual)


def _residual(
    away: DeviceArray, mixed: DeviceArray, met: DeviceArray, doubt: float, size: int
) -> DeviceArray:
    """Return |r|/sqrt(n) of the three parts of |r|², no less than the rounding of their sum."""
    xp, square = namespace(away), away + mixed + met
    wide = away + xp.abs(mixed) + xp.abs(met)
    bounded = xp.where(square > 0, square, xp.zeros_like(square))
    return xp.sqrt((bounded + doubt * wide) / size)


# The shape of a launch


def shape_of(
    device: Device, matrices: Sequence[tuple[int, int]], kind: Any, most: tuple[int, int]
) -> tuple[int, int]:
    """Return the most pattern sets, and lanes of each, of a launch whose bits do not depend on neighbours.

    matrices  # shapes of the factors of states; kind  # float64 or float32; most  # sets, lanes
    Fixed numbers are multiplied, so that the answer depends on shapes and the device only.
    """
    for sets in sorted({most[0], 1}, reverse=True):
        for lanes in (width for width in cpu.euler.WIDTHS if width <= most[1]):
            if all(is_blind(device, matrix, kind, (sets, lanes)) for matrix in matrices):
                return sets, lanes
    return 1, 1


def is_blind(device: Device, matrix: tuple[int, int], kind: Any, shape: tuple[int, int]) -> bool:
    """Tell whether equal columns of equal matrices have equal products and sums, wherever they are."""
    (rows, size), (sets, lanes) = matrix, shape
    up = device.upload
    left = up(np.stack([golden(rows * size, 0).reshape(matrix).astype(kind)] * sets))
    for shift in range(-(-cpu.euler.TESTED // rows)):
        column = golden(size, shift * size).astype(kind)[:, None]
        product = left @ up(np.stack([np.repeat(column, lanes, axis=1)] * sets))
        xp, added = namespace(product), total(product)
        if not bool(xp.all(product == product[:1, :, :1]) & xp.all(added == added[:1, :1])):
            return False
    return True


def golden(count: int, shift: int) -> NDArray[np.float64]:
    """Return numbers whose products are rounded: fractions of the golden ratio, of both signs, (count,)."""
    return np.asarray((np.arange(shift + 1, shift + count + 1) * 0.6180339887498949) % 1 - 0.5)


def contiguous(x: DeviceArray) -> DeviceArray:
    """Return an array whose rows lie one behind the other: CuPy copies others before each of its products."""
    xp = namespace(x)
    return xp.reshape(xp.reshape(x, (-1,)), x.shape)


def filled(items: Sequence[Any], length: int) -> list[Any]:
    """Return items with copies of the first behind them, as many as a launch has places for."""
    return [*items, *[items[0]] * (length - len(items))]
