"""Random patterns and noisy cues."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Signs
from mattis.exact.rng import Stream


def random_patterns(stream: Stream, count: int, size: int) -> Signs:
    """Return P independent unbiased patterns: xi[mu, i] = ±1 with probability 1/2.

    Bit i of step mu of the stream, least significant first, read as ±1.
    xi  # (P, N) int8
    """
    words = stream.words(-(-size // 32), np.arange(count))
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), axis=-1, bitorder="little")
    return bits[:, :size].astype(np.int8) * np.int8(2) - np.int8(1)


@dataclass(frozen=True)
class RandomPatterns:
    """P independent unbiased patterns of N sites by their address: whoever wants them draws them."""

    stream: Stream
    shape: tuple[int, int]
    """(P, N)."""


KnownPatterns = Signs | RandomPatterns
"""Patterns, (P, N) int8, or their address."""


def signs_of(patterns: KnownPatterns) -> Signs:
    """Return the patterns themselves, (P, N) int8."""
    if isinstance(patterns, RandomPatterns):
        return random_patterns(patterns.stream, *patterns.shape)
    return patterns


def share(fraction: float, size: int) -> int:
    """Return round(fraction × N), half up; the product is rounded to 12 digits first.

    0.0145 × 1000 is 14.499999999999998 in floating point: the user means 14.5, hence 15.
    """
    return math.floor(float(f"{fraction * size:.12g}") + 0.5)


def flip_count(size: int, noise: float) -> int:
    """Return round(noise N): the exact number of flipped bits of a cue."""
    return share(noise, size)


def chosen_sites(size: int, fraction: float, stream: Stream) -> NDArray[np.int64]:
    """Return exactly round(fraction N) sites: a uniformly random subset.

    They are those with the smallest words of the stream, ties by site.
    """
    return np.argsort(stream.words(size), kind="stable")[: flip_count(size, fraction)]


def noisy_cue(pattern: Signs, noise: float, stream: Stream) -> Signs:
    """Return the pattern with exactly round(noise N) of its bits flipped. pattern  # (N,) int8"""
    cue = pattern.copy()
    cue[chosen_sites(pattern.size, noise, stream)] *= np.int8(-1)
    return cue
