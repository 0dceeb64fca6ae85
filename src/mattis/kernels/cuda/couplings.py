"""Couplings of patterns of ±1 on a device, from their bits, where a rule makes integers of sums of signs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact.patterns import KnownPatterns
from mattis.kernels.cuda.devices import MOST_THREADS, Device, ints, launch
from mattis.kernels.cuda.patterns import set_memory, sets_on

EVERY_BOND = 2**32
"""In place of a word: below it are all words, and every two sites have a bond."""


@dataclass(frozen=True, eq=False)
class SignRule:
    """How couplings follow from sums of signs: N J_ij = c_ij f(sum_mu xi_i^mu xi_j^mu), integers."""

    clip: int = -1
    """From 0 on, f(x) = sgn x where |x| is above it, and 0 elsewhere; below 0, f(x) = x."""
    bonds: int = EVERY_BOND
    """c_ij = 1 where the word at position j of step i is below it, else 0."""
    stream: NDArray[np.uint32] | None = None
    """(4,) uint32: the stream of these words."""
    directed: bool = False
    """Whether c_ij and c_ji are drawn apart; else both are what is drawn for i < j."""


@dataclass(frozen=True, eq=False)
class SignCouplings:
    """Couplings that a device makes of patterns of ±1."""

    patterns: KnownPatterns
    rule: SignRule
    kept: bool
    """Whether N J_ii is what the rule makes it, else 0."""

    @property
    def largest(self) -> int:
        """No coupling is above it: P, or 1 of signs."""
        return self.patterns.shape[0] if self.rule.clip < 0 else 1

    @property
    def bits(self) -> int:
        """The width of a coupling."""
        return next(8 * b for b in (1, 2, 4) if self.largest < 2 ** (8 * b - 1))

    @property
    def memory(self) -> int:
        """Bytes of the device that making them takes besides."""
        count, size = self.patterns.shape
        return set_memory(size, count) + 16

    def fill(self, device: Device, columns: Any) -> None:
        """Write what S_j does to site i to columns[j, i], (N, N) signed integers of `bits`."""
        rule, (count, size) = self.rule, self.patterns.shape
        stream = np.zeros(4, np.uint32) if rule.stream is None else rule.stream
        args = (
            sets_on(device, [self.patterns]).columns, device.upload(stream), np.uint64(rule.bonds),
            columns, *ints(size, count, rule.clip, rule.directed, self.kept),
        )  # fmt: skip
        launch(device, "couplings", f"couple_{self.bits}", (size,), MOST_THREADS, args)
