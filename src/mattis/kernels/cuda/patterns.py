"""Patterns in bits, cues, and orders of sites on a device, made there by the addresses of their words.

The same bits as `mattis.exact` makes on the host, so that only addresses travel: 16 bytes of a stream.
Patterns that have none, such as those of a file, travel in bits, and are turned there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Signs
from mattis.exact.patterns import KnownPatterns, RandomPatterns, signs_of
from mattis.kernels.cuda.devices import Device, ints, launch
from mattis.kernels.cuda.integer_products import aligned

BITS_PER_WORD = 32
"""Patterns or sites in a word of bits."""

DRAWING_THREADS, TURNING_THREADS = 256, 128
"""Threads of a block that draws a cue, and of one that draws patterns or turns them."""

ORDER_THREADS, ORDER_STATIC = 32, 1024
"""Threads of a block that draws an order of sites, and the most bytes of shared memory it takes besides."""


class Sets(NamedTuple):
    """Pattern sets of one size and number, on the device."""

    sites: Any
    """(sets, N, ⌈P/32⌉) uint32: bit mu of the words of site i is set where xi_i^mu = +1."""
    columns: Any
    """(sets, ⌈P/32⌉, N) uint32: the same, word by word."""
    rows: Any
    """(sets, P, ⌈N/32⌉) uint32: bit i of the words of pattern mu is set where xi_i^mu = +1."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and P."""
        return int(self.sites.shape[1]), int(self.rows.shape[1])


class Cues(NamedTuple):
    """Where noisy cues come from, on the host: see `mattis.exact.patterns.noisy_cue`."""

    streams: NDArray[np.uint32]
    """(R, 4) uint32: the stream of the sites at which each differs from its pattern."""
    flips: NDArray[np.int32]
    """(R,) int32: how many these are."""


def bits(signs: Signs) -> NDArray[np.uint32]:
    """Return signs as bits along the last axis: bit b of word w is set where sign 32 w + b is +1."""
    length = signs.shape[-1]
    out = np.zeros((*signs.shape[:-1], -(-length // BITS_PER_WORD) * 4), np.uint8)
    out[..., : -(-length // 8)] = np.packbits(signs > 0, axis=-1, bitorder="little")
    return out.view("<u4").astype(np.uint32)


def sets_on(device: Device, given: Sequence[KnownPatterns]) -> Sets:
    """Draw pattern sets of one size and number on the device, or copy them where one has no address.

    Ahead of what computes with them: see `Device.ahead`.
    """
    with device.ahead():
        return _sets(device, given)


def _sets(device: Device, given: Sequence[KnownPatterns]) -> Sets:
    """Ask the present stream for pattern sets."""
    count, size = given[0].shape
    words, wide = (-(-n // BITS_PER_WORD) for n in (count, size))
    empty = device.xp.empty
    addresses = [one.stream.packed() for one in given if isinstance(one, RandomPatterns)]
    if len(addresses) == len(given):
        rows = empty((len(given), count, wide), np.uint32)
        args = (device.upload(np.array(addresses)), rows, *ints(size, count))
        launch(device, "patterns", "draw_patterns", (len(given) * count,), TURNING_THREADS, args)
    else:
        rows = device.upload(bits(np.array([signs_of(one) for one in given])))
    sites = empty((len(given), size, words), np.uint32)
    columns = empty((len(given), words, size), np.uint32)
    args = (rows, sites, columns, *ints(size, count))
    launch(device, "patterns", "turn_patterns", (len(given) * words,), TURNING_THREADS, args)
    return Sets(sites, columns, rows)


def set_memory(size: int, count: int) -> int:
    """Return the bytes of a pattern set on the device: its bits by site, by word and by pattern."""
    by_site = 4 * size * -(-count // BITS_PER_WORD)
    return 2 * by_site + 4 * count * -(-size // BITS_PER_WORD)


def cues_on(device: Device, sets: Sets, which: Any, targets: Any, cues: Cues) -> Any:
    """Draw cues on the device, (R, N) int8. which, targets  # (R,) each one's pattern set and its pattern"""
    spins = device.xp.empty((len(cues.flips), sets.shape[0]), np.int8)
    drawn = (*map(device.upload, cues), spins)
    args = (sets.rows, which, targets, *drawn, *ints(*sets.shape))
    launch(device, "patterns", "draw_cues", (len(cues.flips),), DRAWING_THREADS, args)
    return spins


def orders_on(device: Device, streams: NDArray[np.uint32], size: int, first: int, last: int) -> Any:
    """Draw the orders of sites of the steps first … last-1 of streams: (streams, last - first, N) int32."""
    steps = last - first
    orders = device.xp.empty((len(streams), steps, size), np.int32)
    resident = 4 * size + ORDER_STATIC <= device.shared
    args = (device.upload(streams), orders, *ints(size, steps, first, resident))
    grid, shared = (len(streams) * steps,), 4 * size * resident
    launch(device, "patterns", "draw_orders", grid, ORDER_THREADS, args, shared)
    return orders


def spread(xp: Any, words: Any, length: int) -> Any:
    """Return the signs of rows of bits, (rows, words) -> (rows, length) int8, and zeros up to 16 k."""
    out = xp.zeros((len(words), aligned(length)), xp.int8)
    signs = out[:, :length]
    flat = xp.unpackbits(words.view(xp.uint8), bitorder="little")  # CuPy's knows no axis
    signs[:] = flat.reshape(len(words), -1)[:, :length]
    signs *= 2
    signs -= 1
    return out
