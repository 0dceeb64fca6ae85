"""Continuous neurons on a device: the Euler steps of `cpu.euler`, for replicas of many pattern sets at once.

States are (S, n, R): S pattern sets, n neurons, R replicas of each. Products are batches of matrix products
by the arrays' own functions. On a GPU all of a step that lies between two products is one kernel of
`euler.cu` (`kernels`), whose sums have one order for each replica; other arrays, those of NumPy where a
device is simulated, have it done by functions of their own, a sum over neurons by one `sum` along an axis.
The order within a product is the library's, the same for one shape on one machine and backend. So that it
is the same for any workers and
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
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.kernels import cpu
from mattis.kernels.cuda import backends
from mattis.kernels.cuda.devices import MOST_THREADS, WARP, Device, launch

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


def kernels(x: DeviceArray) -> Device | None:
    """Return the device whose kernels make the steps of an array: a GPU; None for other arrays."""
    is_gpus = namespace(x).__name__ == "cupy" and x.ndim == 3
    return backends.device("gpu") if is_gpus else None


def softmax(x: DeviceArray, beta: DeviceArray) -> DeviceArray:
    """Return e^{beta x} over its sum, (S, n, R), beta a number or (S, R)."""
    if device := kernels(x):
        return softmax_by_kernel(device, x, beta)
    xp, y = namespace(x), gains(beta) * x
    y = xp.exp(y - xp.max(y, axis=-2, keepdims=True))
    return y * (1 / total(y))[..., None, :]


def relax(
    target: DeviceTarget, state: DeviceArray, rate: float, tolerance: float, most: int,
    by: Device | None = None,
) -> Any:  # fmt: skip
    """Make Euler steps v += rate (B(v) - v) until |B(v) - v|/sqrt(n) <= tolerance, at most `most` of them.

    target  # B; state  # (S, n, R), not changed; returns cpu.euler.Relaxed, (S, n, R) and (S, R)
    by      # the device whose kernels make the steps, if it is to be one; else `kernels` tells
    Each replica stops at its own step and stays as it is.
    """
    if device := by or kernels(state):
        return relax_by_kernel(device, target, state, rate, tolerance, most)
    xp, v = namespace(state), state
    still = xp.zeros_like(v[..., 0, :])
    steps = xp.astype(still, xp.int64)
    for step in range(most + 1):
        away = target(v) - v
        residual = xp.sqrt(total(away * away) / v.shape[-2])
        moving = ~(residual <= tolerance)  # also where it is not a number
        if step == most or _all_rest(residual, tolerance, step):
            break
        v = v + xp.where(moving, still + rate, still)[..., None, :] * away
        steps = xp.where(moving, steps + 1, steps)
    return cpu.euler.Relaxed(v, steps, residual)


def _all_rest(residual: DeviceArray, tolerance: float, step: int) -> bool:
    """Tell whether all replicas are at rest, at every STEPS_PER_TEST-th step; False at the others."""
    looks = step % STEPS_PER_TEST == 0
    return looks and bool(namespace(residual).all(residual <= tolerance))


def relax_gram(
    memories: DeviceArray, transposed: DeviceArray, gram: DeviceArray, hidden: DeviceTarget,
    start: DeviceArray, field: DeviceArray | None,
    rate: float, tolerance: float, most: int, by: Device | None = None,
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
    if device := by or kernels(start):
        lanes = xp.stack([far, a, still])
        arrays = (gram, level, x, c, pulled, lanes, steps)
        gram_by_kernel(device, hidden, arrays, (rate, tolerance, doubt), size, most)
        a, residual = lanes[1], lanes[2]
        return cpu.euler.Relaxed(_state_of(transposed, start, field, a, c), steps, residual)
    for step in range(most + 1):
        f = hidden(x)
        pull, gap = gram @ f + (level - x), f - c
        residual = _residual(a * a * far, a * total(gap * pulled), total(gap * pull), doubt, size)
        moving = ~(residual <= tolerance)
        if step == most or _all_rest(residual, tolerance, step):
            break
        share = xp.where(moving, still + rate, still)
        a = a * (1 - share)
        x = x + share[..., None, :] * pull
        c = c + share[..., None, :] * gap
        steps = xp.where(moving, steps + 1, steps)
    return cpu.euler.Relaxed(_state_of(transposed, start, field, a, c), steps, residual)


def _state_of(
    transposed: DeviceArray, start: DeviceArray, field: DeviceArray | None, a: DeviceArray, c: DeviceArray
) -> DeviceArray:
    """Return v = a v(0) + (1 - a) I + Xiᵀc."""
    v = a[..., None, :] * start + transposed @ c
    return v if field is None else v + (1 - a)[..., None, :] * field


def _residual(
    away: DeviceArray, mixed: DeviceArray, met: DeviceArray, doubt: float, size: int
) -> DeviceArray:
    """Return |r|/sqrt(n) of the three parts of |r|², no less than the rounding of their sum."""
    xp, square = namespace(away), away + mixed + met
    wide = away + xp.abs(mixed) + xp.abs(met)
    bounded = xp.where(square > 0, square, xp.zeros_like(square))
    return xp.sqrt((bounded + doubt * wide) / size)


# By kernels of `euler.cu`: all that lies between two products in one launch


def softmax_by_kernel(device: Device, x: DeviceArray, beta: DeviceArray) -> DeviceArray:
    """Return what `softmax` does, in one launch."""
    xp = device.xp
    x, shared = xp.ascontiguousarray(x), np.ndim(beta) == 0
    gain = xp.full(1, beta, x.dtype) if shared else xp.ascontiguousarray(beta)
    out = xp.empty_like(x)
    _launch(device, "softmax", x, (x, gain, out), (), (int(shared), *x.shape[1:]))
    return out


def relax_by_kernel(
    device: Device, target: DeviceTarget, state: DeviceArray, rate: float, tolerance: float, most: int
) -> Any:
    """Make the steps of `relax`, each a launch behind the products of its target."""
    xp, (sets, size, replicas) = device.xp, state.shape
    v, steps = state.copy(), xp.zeros((sets, replicas), xp.int64)
    residual = xp.zeros((sets, replicas), state.dtype)
    for step in range(most + 1):
        arrays = (xp.ascontiguousarray(target(v)), v, steps, residual)
        _launch(device, "euler_step", v, arrays, (rate, tolerance), (step == most, size, replicas))
        if _all_rest(residual, tolerance, step):
            break
    return cpu.euler.Relaxed(v, steps, residual)


def gram_by_kernel(
    device: Device, hidden: DeviceTarget, arrays: Sequence[DeviceArray],
    numbers: tuple[float, float, float], size: int, most: int,
) -> None:  # fmt: skip
    """Make the steps of `relax_gram` in place.

    arrays  # G, level, x, c, pulled, (3, S, R) |I - v(0)|², a and |r|/sqrt(n), steps
    numbers  # rate, tolerance, and the doubt of a sum of squares
    """
    gram, level, x, c, pulled, lanes, steps = arrays
    for step in range(most + 1):
        f = device.xp.ascontiguousarray(hidden(x))
        given = (gram @ f, level, x, f, c, pulled, lanes, steps)
        _launch(device, "gram_step", x, given, numbers, (step == most, *x.shape[1:], size))
        if _all_rest(lanes[2], numbers[1], step):
            break


def _launch(
    device: Device, kernel: str, like: DeviceArray, arrays: Sequence[DeviceArray],
    reals: Sequence[float], integers: Sequence[int],
) -> None:  # fmt: skip
    """Launch a kernel, a block for 32 replicas of each set. like  # a state, (S, n, R), of its precision"""
    sets, _, replicas = like.shape
    kind = np.dtype(like.dtype.name)
    args = (*arrays, *map(kind.type, reals), *map(np.int32, integers))
    name = f"{kernel}_{8 * kind.itemsize}"
    launch(device, "euler", name, (-(-replicas // WARP), sets), MOST_THREADS, args)


# The shape of a launch


def shape_of(
    device: Device, matrices: Sequence[tuple[int, int]], kind: Any, most: tuple[int, int]
) -> tuple[int, int]:
    """Return the most pattern sets, and lanes of each, of a launch whose bits do not depend on neighbours.

    matrices  # shapes of the factors of states; kind  # float64 or float32; most  # sets, lanes
    Fixed numbers are multiplied, so that the answer depends on shapes and the device only, and is found once.
    """
    return _shape_of(device, tuple(matrices), np.dtype(kind), most)


@lru_cache(64)
def _shape_of(
    device: Device, matrices: tuple[tuple[int, int], ...], kind: Any, most: tuple[int, int]
) -> tuple[int, int]:
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
