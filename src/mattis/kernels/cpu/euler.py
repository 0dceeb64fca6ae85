"""Continuous neurons: Euler steps of many replicas, side by side in lanes, with products by BLAS.

The bits of a replica must not depend on its lane, nor on the replicas in the other lanes. BLAS sums each lane
in an order of its own choice, which may depend on the number of lanes, on the number of threads, and (float32
on AVX2) on the lane. So a batch always has one width, the widest at which products of a matrix are the same
in all lanes; a batch that is not full is filled up; and BLAS has one thread. The arithmetic is the machine's:
bits are the same on one machine and backend, not on all.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from mattis.exact.arrays import FloatArray
from mattis.exact.compiler import compiled

TargetFunction = Callable[[FloatArray], FloatArray]

WIDTHS = (64, 32, 16, 8, 4, 1)
"""Lanes of a batch, the best first: more would not fit the caches, fewer leave BLAS half asleep."""


PANEL_ROWS = 512
"""Rows of a state that are written and read again at once."""

TESTED = 512
"""Products that have to agree: where lanes are summed in different orders, one in some does not."""


class Relaxed(NamedTuple):
    """Replicas at the end of their Euler steps."""

    state: FloatArray
    """(n, R): the neurons of each replica."""
    steps: NDArray[np.int64]
    """(R,): Euler steps of each replica."""
    residual: FloatArray
    """(R,): |B(v) - v|/sqrt(n), root mean square, at the end."""


_turn = Lock()
_inside: dict[str, Any] = {"count": 0, "threads": []}
"""Number of callers inside `one_thread`, and the numbers of threads before the first of them."""


@cache
def _blas() -> list[Any]:
    return [lib for lib in ThreadpoolController().lib_controllers if lib.user_api == "blas"]


def _let(library: Any, threads: int) -> None:
    """Give a library so many threads, from any Python thread.

    threadpoolctl 3.8 obeys only the first Python thread that set a number: hence `force`.
    """
    release = getattr(library, "clear_controlling_thread", lambda **_: None)
    release(force=True)
    library.set_num_threads(threads)
    release(force=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Give BLAS one thread, until the last caller has left.

    The number belongs to the process: its threads must not restore it for each other. By OpenMP it belongs
    to the thread, which restores its own.
    """
    with _turn:
        threads = [library.num_threads for library in _blas()]
        if _inside["count"] == 0:
            _inside["threads"] = threads
        _inside["count"] += 1
        for library in _blas():
            _let(library, 1)
    try:
        yield
    finally:
        with _turn:
            _inside["count"] -= 1
            for library, mine, first in zip(_blas(), threads, _inside["threads"], strict=True):
                if getattr(library, "threading_layer", "") == "openmp":
                    _let(library, mine)
                elif _inside["count"] == 0:
                    _let(library, first)


def lanes_of(matrices: Iterable[FloatArray]) -> int:
    """Return the lanes of a batch: the widest at which equal columns have equal products, bit by bit."""
    every = list(matrices)
    return next((width for width in WIDTHS if all(_is_blind(m, width) for m in every)), 1)


def _is_blind(matrix: FloatArray, width: int) -> bool:
    """Tell whether products of a matrix are the same in all lanes: more of them than agree by chance."""
    rows, size = matrix.shape
    for shift in range(-(-TESTED // rows)):
        column = _column(size, shift * size).astype(matrix.dtype)
        product = matrix @ np.repeat(column, width, axis=1)
        if (product != product[:, :1]).any():
            return False
    return True


def _column(size: int, shift: int) -> FloatArray:
    """Return numbers whose products are rounded: fractions of the golden ratio, of both signs."""
    fractions: FloatArray = (np.arange(shift + 1, shift + size + 1) * 0.6180339887498949) % 1 - 0.5
    return fractions[:, None]


def batches(replicas: int, lanes: int) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield the slice of each batch of replicas, and the replica in each lane: the first fills it up."""
    for first in range(0, replicas, lanes):
        last = min(first + lanes, replicas)
        filled = np.full(lanes, first, np.int64)
        filled[: last - first] = np.arange(first, last)
        yield slice(first, last), filled


# Loops over lanes are innermost, and each has few arrays: LLVM makes vector instructions of such loops. A sum
# over neurons has one term per row, in the order of the rows, whatever the lane.


@compiled
def _scale(y, x, gains):
    """Fill y (n, R) with gains (R,) times x (n, R)."""
    for i in range(x.shape[0]):
        for r in range(x.shape[1]):
            y[i, r] = gains[r] * x[i, r]


@compiled
def _below_top(x, beta):
    """Return beta x less its largest in each lane, (n, R)."""
    y, (size, replicas) = np.empty_like(x), x.shape
    top = np.full(replicas, -np.inf, x.dtype)
    for i in range(size):
        for r in range(replicas):
            y[i, r] = beta[r] * x[i, r]
        for r in range(replicas):
            top[r] = y[i, r] if y[i, r] > top[r] else top[r]
    for i in range(size):
        for r in range(replicas):
            y[i, r] -= top[r]
    return y


@compiled
def _normalise(y):
    """Divide each lane of y (n, R) by its sum."""
    total = np.zeros(y.shape[1], y.dtype)
    for i in range(y.shape[0]):
        for r in range(y.shape[1]):
            total[r] += y[i, r]
    for r in range(y.shape[1]):
        total[r] = 1 / total[r]
    for i in range(y.shape[0]):
        for r in range(y.shape[1]):
            y[i, r] *= total[r]


def _gains(x: FloatArray, beta: float | FloatArray) -> FloatArray:
    """Return beta of each lane, (R,)."""
    if isinstance(beta, np.ndarray) and (beta.shape, beta.dtype) == (x.shape[1:], x.dtype):
        return beta
    return np.broadcast_to(np.asarray(beta, x.dtype), x.shape[1:]).copy()


def tanh(x: FloatArray, beta: float | FloatArray) -> FloatArray:
    """Return tanh(beta x), (n, R), beta a number or (R,)."""
    y, gains = np.empty_like(x), _gains(x, beta)
    for first in range(0, len(x), PANEL_ROWS):  # a part of y is still in the cache when it is read again
        part = y[first : first + PANEL_ROWS]
        _scale(part, x[first : first + PANEL_ROWS], gains)
        np.tanh(part, out=part)
    return y


def softmax(x: FloatArray, beta: float | FloatArray) -> FloatArray:
    """Return e^{beta x} over its sum, (n, R), beta a number or (R,)."""
    y: FloatArray = _below_top(x, _gains(x, beta))
    np.exp(y, out=y)
    _normalise(y)
    return y


@compiled
def _step(pull, v, rates, tolerance, last, steps, residual):
    """Add shares (n,) of B - v to the lanes that are not at rest; tell whether any moved."""
    (size, replicas), moved = v.shape, False
    share = np.zeros(replicas, v.dtype)
    for i in range(size):
        for r in range(replicas):
            share[r] += (pull[i, r] - v[i, r]) * (pull[i, r] - v[i, r])
    for r in range(replicas):
        residual[r] = np.sqrt(share[r] / size)
        moving = not last and not residual[r] <= tolerance  # also where it is not a number
        share[r] = 1.0 if moving else 0.0
        steps[r] += moving
        moved |= moving
    if moved:
        for i in range(size - 1, -1, -1):  # the last rows are still in the cache
            for r in range(replicas):
                v[i, r] += share[r] * rates[i] * (pull[i, r] - v[i, r])
    return moved


@compiled
def _gram_step(pull, level, x, f, c, pulled, lanes, rate, tolerance, doubt, size, last, steps):
    """Turn G F into Xi r = level + G F - x and F into F - c; make a step of x, c and a where not at rest.

    |r|² = a² |I - v(0)|² + a (F - c)·pulled + (F - c)·Xi r, and no less than the rounding of this sum.
    lanes  # (3, R): |I - v(0)|², a, and |r|/sqrt(n)
    """
    (count, replicas), moved, kind = x.shape, False, x.dtype
    far, a, residual = lanes[0], lanes[1], lanes[2]
    along, met, share = np.zeros(replicas, kind), np.zeros(replicas, kind), np.zeros(replicas, kind)
    for i in range(count):
        for r in range(replicas):
            pull[i, r] += level[i, r] - x[i, r]
        for r in range(replicas):
            f[i, r] -= c[i, r]
        for r in range(replicas):
            along[r] += f[i, r] * pulled[i, r]
        for r in range(replicas):
            met[r] += f[i, r] * pull[i, r]
    for r in range(replicas):
        away, mixed = a[r] * a[r] * far[r], a[r] * along[r]
        total, wide = away + mixed + met[r], away + abs(mixed) + abs(met[r])
        residual[r] = np.sqrt((max(total, 0.0) + doubt * wide) / size)
        moving = not last and not residual[r] <= tolerance
        share[r] = rate if moving else 0.0
        a[r] *= 1 - share[r]
        steps[r] += moving
        moved |= moving
    if moved:
        for i in range(count):
            for r in range(replicas):
                x[i, r] += share[r] * pull[i, r]
            for r in range(replicas):
                c[i, r] += share[r] * f[i, r]
    return moved


def relax(
    target: TargetFunction, state: FloatArray, rate: float | FloatArray, tolerance: float, most: int
) -> Relaxed:
    """Make Euler steps v += rate (B(v) - v) until |B(v) - v|/sqrt(n) <= tolerance, at most `most` of them.

    target  # returns a new array; state  # (n, R), not changed
    rate    # dt/tau of all neurons, or of each (n,)
    Each replica stops at its own step and stays as it is.
    """
    v = np.array(state, order="C")
    steps, residual = np.zeros(v.shape[1], np.int64), np.zeros(v.shape[1], v.dtype)
    rates = np.broadcast_to(np.asarray(rate, v.dtype), len(v)).copy()
    for step in range(most + 1):
        if not _step(target(v), v, rates, v.dtype.type(tolerance), step == most, steps, residual):
            break
    return Relaxed(v, steps, residual)


def relax_gram(
    memories: FloatArray, gram: FloatArray, hidden: TargetFunction, start: FloatArray,
    field: FloatArray | None,
    rate: float, tolerance: float, most: int,
) -> Relaxed:  # fmt: skip
    """Make the same steps for B(v) = I + XiᵀF(Xi v) with products of memories only.

    x = Xi v closes: x += rate (Xi I + G F(x) - x), G = Xi Xiᵀ, and v = a v(0) + (1 - a) I + Xiᵀc with
    a *= 1 - rate, c += rate (F - c): 2 N_h² products per step and replica in place of 4 N_h N_v; as
    r = B - v = a (I - v(0)) + Xiᵀ(F - c), its length needs no more.

    memories  # (N_h, N_v); gram  # (N_h, N_h); hidden  # F, a new array; start, field  # (N_v, R)
    """
    (size, replicas), kind = start.shape, start.dtype
    away = -start if field is None else field - start
    x = memories @ start
    pulled = -x if field is None else memories @ away
    level, c, steps = x + pulled, np.zeros_like(x), np.zeros(replicas, np.int64)
    lanes = np.array([np.sum(away * away, axis=0), np.ones(replicas), np.zeros(replicas)], kind)
    numbers = kind.type(rate), kind.type(tolerance), kind.type(4 * np.finfo(kind).eps), size
    for step in range(most + 1):
        f = hidden(x)
        if not _gram_step(gram @ f, level, x, f, c, pulled, lanes, *numbers, step == most, steps):
            break
    a = lanes[1]
    v = a * start + memories.T @ c
    return Relaxed(v if field is None else v + (1 - a) * field, steps, lanes[2])
