"""Random numbers as a function of their logical index: Philox4x32-10 and the streams of a study.

A random word is a pure function of (root seed, name of the stream, labels of its owner, position, step).
Chunking, workers, order, backend and the other cells of the grid do not enter, so a study can be cut,
killed and extended without changing a number.

Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy
as 1, 2, 3", SC'11 (2011), doi 10.1145/2063384.2063405, section 3.3 and table 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Labels = Mapping[str, int | float]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10

LOWER_QUADS = 2**31
"""First quad of the lower halves of the words that decide spins."""

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: tuple[NDArray[np.uint64], ...], key: tuple[int, int]) -> tuple[Words, ...]:
    """Return the four output words of Philox4x32-10 for each counter.

    counter  # four broadcastable uint64 arrays holding 32-bit words; key  # two 32-bit words
    """
    c0, c1, c2, c3 = (np.asarray(word, np.uint64) for word in counter)
    k0, k1 = key
    for _ in range(ROUNDS):
        left, right = np.uint64(MULTIPLIERS[0]) * c0, np.uint64(MULTIPLIERS[1]) * c2
        c0, c1 = (right >> _HALF) ^ c1 ^ np.uint64(k0), right & _MASK
        c2, c3 = (left >> _HALF) ^ c3 ^ np.uint64(k1), left & _MASK
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return tuple(word.astype(np.uint32) for word in np.broadcast_arrays(c0, c1, c2, c3))


@dataclass(frozen=True)
class Stream:
    """A sequence of 2^34 words for each of 2^32 steps, addressed by (position, step).

    The word at `position` of `step` is word ``position % 4`` of Philox at the counter
    ``(position // 4, step, tail[0], tail[1])``: a quad of words. Key and tail are a 128-bit fingerprint of
    the name and the labels of the stream; vector kernels share the key among the replicas of one pattern set.
    """

    key: tuple[int, int]
    tail: tuple[int, int]

    def words(self, count: int, steps: int | NDArray[np.integer] = 0) -> Words:
        """Return the first `count` words of each step: shape (count,) or (len(steps), count)."""
        return self._words_from(0, count, steps)

    def decision_words(self, count: int, steps: int | NDArray[np.integer] = 0) -> Words:
        """Return the words that decide `count` spins in each step: shape (count,) or (len(steps), count).

        w_p = 2¹⁶ upper_p + lower_p: number p of 16 bits, low half of a word first, of the step's words from
        position 0 on, and of those from position 2³³ on. In 98 of 100 decisions the upper half is enough:
        kernels draw the lower ones where it is not.
        """
        upper, lower = (
            np.ascontiguousarray(self._words_from(first, -(-count // 2), steps), "<u4").view("<u2")
            for first in (0, LOWER_QUADS)
        )
        words: Words = upper[..., :count].astype(np.uint32) << np.uint32(16) | lower[..., :count]
        return words

    def _words_from(self, first_quad: int, count: int, steps: int | NDArray[np.integer]) -> Words:
        quads = first_quad + np.arange(-(-count // 4), dtype=np.uint64)
        step = np.asarray(steps, np.uint64)[..., None]
        tail = [np.uint64(word) for word in self.tail]
        out = np.stack(philox((quads, step, *map(np.asarray, tail)), self.key), axis=-1)
        return out.reshape(*out.shape[:-2], -1)[..., :count]

    def packed(self) -> Words:
        """Return (key, tail) as four words, the form in which kernels take a stream."""
        return np.array([*self.key, *self.tail], np.uint32)


def stream(root_seed: int, name: str, group: Labels, member: Labels | None = None) -> Stream:
    """Return the stream `name` of the `member` (a replica) of a `group` (a pattern set).

    key  = BLAKE2b-64(root seed, name, group)            shared by the group
    tail = BLAKE2b-64(root seed, name, group, member)    the member's own

    Two streams coincide only if both fingerprints do: about n^2 / 2^129 for n streams.
    """
    return StreamGroup(root_seed, name, group).member(member or {})


class StreamGroup:
    """The streams of a name and a group: what its members share is made once. See `stream`."""

    def __init__(self, root_seed: int, name: str, group: Labels) -> None:
        self.shared = f"mattis|{root_seed}|{name}|{_canonical(group)}"
        self.key = _fingerprint(self.shared, b"key")

    def member(self, labels: Labels) -> Stream:
        """Return the stream of a member."""
        return Stream(self.key, _fingerprint(f"{self.shared}|{_canonical(labels)}", b"tail"))


def _canonical(labels: Labels) -> str:
    """Write labels in one way: sorted by name, integers as they are, floats in hexadecimal."""
    spelled = {
        name: str(value) if isinstance(value, int | np.integer) else float(value).hex()
        for name, value in labels.items()
    }
    return ",".join(f"{name}={spelled[name]}" for name in sorted(spelled))


def _fingerprint(text: str, person: bytes) -> tuple[int, int]:
    digest = blake2b(text.encode(), digest_size=8, person=person).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def log_odds(words: Words) -> NDArray[np.float32]:
    """Return ln(u / (1 - u)) of words read as uniforms, in IEEE float32 steps only.

    u = (⌊word / 2⁹⌋ + ½) / 2²³, so |ln odds| ≤ 16.64.
    """
    level = _levels(words)
    return _logarithm(level / (np.float32(8388608.0) - level))


def log_uniform(words: Words) -> NDArray[np.float32]:
    """Return ln u of words read as uniforms, as `log_odds` reads them: -16.64 ≤ ln u < 0."""
    return _logarithm(_levels(words) / np.float32(8388608.0))


def _levels(words: Words) -> NDArray[np.float32]:
    """Return 2²³ u of words, exactly."""
    return (words >> np.uint32(9)).astype(np.float32) + np.float32(0.5)


def _logarithm(odds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logarithms by the Cephes polynomial for logf (S. L. Moshier).

    It is evaluated in exactly this order, without libm and without fused multiply-add: every backend
    repeats these operations, hence the same bits everywhere.
    """
    bits = odds.view(np.int32)
    exponent = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    f = (bits - (exponent << np.int32(23))).view(np.float32) - np.float32(1.0)
    p = np.full_like(f, LOG_POLYNOMIAL[0])
    for coefficient in LOG_POLYNOMIAL[1:]:
        p = p * f + coefficient
    z = f * f
    value: NDArray[np.float32] = f * z * p - np.float32(0.5) * z + f + exponent.astype(np.float32) * LN2
    return value


LOG_POLYNOMIAL = tuple(
    np.float32(c)
    for c in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
LN2 = np.float32(0.6931471805599453)


def noise_scale(size: int, beta: float) -> np.float32:
    """Return N / (2 beta) as float32: the width of the thermal noise in units of the field N h."""
    return np.float32(size / (2.0 * beta))


def thermal_noise(words: Words, scale: np.float32) -> NDArray[np.int32]:
    """Return the integer thermal noise of heat-bath dynamics: th = ⌊(N/2β) ln(u/(1-u))⌋.

    The new spin is +1 iff N h + th ≥ 0. Since N h is an integer this is exactly
    ln(u/(1-u)) ≥ -2 β h, which has the heat-bath probability 1/(1+exp(-2βh))
    (R. J. Glauber, J. Math. Phys. 4, 294 (1963)), to the resolution 2⁻²³ of u.
    """
    noise: NDArray[np.int32] = np.floor(log_odds(words) * scale).astype(np.int32)
    return noise


def acceptance_noise(words: Words, scale: np.float32) -> NDArray[np.int32]:
    """Return the integer noise of Metropolis' rate: th = ⌊(N/2β) ln u⌋ ≤ -1.

    The spin flips iff S N h + th < 0. Since N h is an integer this is exactly ln u < -2 β S h, which has
    the probability min(1, exp(-2 β S h)) (N. Metropolis, A. W. Rosenbluth, M. N. Rosenbluth, A. H. Teller
    and E. Teller, J. Chem. Phys. 21, 1087 (1953)), to the resolution 2⁻²³ of u. A field of zero always
    flips. At T = 0, th = -1.
    """
    noise: NDArray[np.int32] = np.floor(log_uniform(words) * scale).astype(np.int32)
    return noise
