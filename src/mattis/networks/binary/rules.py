"""The rules by which couplings are learnt: what each makes of the patterns, in exact integers.

Each rule is normalised so that a stored pattern feels a field of about 1 of itself, as by Hebb's: so that
temperatures compare.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact import gaussians, rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.exact.rng import Labels
from mattis.kernels import cpu
from mattis.networks.binary.ensembles import Stored

DECIMAL = 1000
"""Strengths and weights are whole multiples of 1/1000: decimals that are exact."""


@dataclass(frozen=True)
class Rule:
    """A rule of couplings and the numbers of all rules; each takes its own.

    threshold     # dead zone: |sum_mu xi xi| <= threshold sqrt(P) is 0
    connectivity  # dilution: the probability c that a bond is there
    strength, hebbian  # sequence: of what calls the next pattern, and of what holds the present one
    bound         # palimpsest: |N J| <= bound sqrt(N)
    epsilon       # marginalist learning: weights epsilon exp(-epsilon² age/2N)
    weights       # weighted: p_mu, one for each pattern
    """

    name: str = "hebb"
    threshold: float = 0.612
    connectivity: float = 0.5
    strength: float = 1.0
    hebbian: float = 0.0
    bound: float = 0.35
    epsilon: float = 4.108
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Lesson:
    """What couplings are made of: patterns, and where more random numbers come from."""

    rule: Rule
    stored: Stored
    root_seed: int
    labels: Labels

    def stream(self, name: str) -> rng.Stream:
        """Return a stream of this pattern set."""
        return rng.stream(self.root_seed, name, self.labels)


def products(left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.floating]:
    """Return sum_mu left_i^mu right_j^mu, (N, N), exact: every partial sum is an integer that floats hold."""
    largest = len(left) * int(np.abs(left).max()) * int(np.abs(right).max())
    kind = np.float32 if largest < 2**24 else np.float64
    product: NDArray[np.floating] = left.T.astype(kind) @ right.astype(kind)
    return product


def hebb(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sum_mu xi_i^mu xi_j^mu."""
    return products(lesson.stored.values, lesson.stored.values)


def clipped(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sqrt(pi P/2) sgn(sum_mu xi_i xi_j). Hopfield (1982); Sompolinsky, PRA 34, 2571 (1986)."""
    signs: NDArray[np.floating] = np.sign(hebb(lesson))
    return signs


def dead_zone(lesson: Lesson) -> NDArray[np.floating]:
    """The same, 0 where |sum_mu xi_i xi_j| <= threshold sqrt(P)."""
    sums, stored = hebb(lesson), lesson.stored
    limit = lesson.rule.threshold * math.sqrt(len(stored.xi)) * stored.unit**2
    return np.where(np.abs(sums) <= limit, 0, np.sign(sums))


def clipped_unit(rule: Rule, _base: int, count: int) -> float:
    """E[x sgn(x) 1(|x| > t)] = 2 phi(t) of a normal x: N J = sgn sqrt(P)/(2 phi(t)); t = 0 without a zone."""
    limit = rule.threshold if rule.name == "dead_zone" else 0.0
    density = float(exact.functions.exponential(-limit * limit / 2)) / math.sqrt(2 * math.pi)
    return float(np.float32(2 * density / math.sqrt(count)))


def words_of(stream: rng.Stream, size: int) -> rng.Words:
    """Return the words of N steps, (N, N)."""
    out = np.empty((size, size), np.uint32)
    words, packed = np.empty((4, -(-size // 4)), np.uint32), stream.packed()
    for step, row in enumerate(out):
        exact.philox.philox_words(words, packed, step, words.shape[1])
        row[:] = words.T.ravel()[:size]
    return out


def dilution(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = (c_ij/c) sum_mu xi_i xi_j, c_ij = 1 with probability c. Sompolinsky (1986).

    Symmetric, c_ij = c_ji, or directed: Derrida, Gardner & Zippelius, Europhys. Lett. 4, 167 (1987).
    """
    sums, rule = hebb(lesson), lesson.rule
    there = words_of(lesson.stream("bonds"), len(sums)) < np.uint64(
        round(rule.connectivity * 2**32)
    )
    if rule.name == "dilution":
        there = np.triu(there, 1)
        there |= there.T
    np.fill_diagonal(there, True)
    sums *= there
    return sums


def sequence_unit(rule: Rule) -> int:
    """Return 1 where the strengths of a sequence are whole, else the unit that they are kept in."""
    whole = float(rule.strength).is_integer() and float(rule.hebbian).is_integer()
    return 1 if whole else DECIMAL


def sequence(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = hebbian sum_mu xi_i^mu xi_j^mu + strength sum_mu xi_i^{mu+1} xi_j^mu, cyclic.

    Hopfield (1982); Düring, Coolen & Sherrington, J. Phys. A 31, 8607 (1998).
    """
    values, unit = lesson.stored.values, sequence_unit(lesson.rule)
    out = products(np.roll(values, -1, axis=0), values).astype(np.float64)
    out *= round(lesson.rule.strength * unit)
    if lesson.rule.hebbian:
        out += round(lesson.rule.hebbian * unit) * hebb(lesson)
    return out


def saturation(rule: Rule, size: int) -> int:
    """Return A = round(bound sqrt(N)), at least 1: the largest coupling of a palimpsest."""
    return max(1, round(rule.bound * math.sqrt(size)))


def history(rule: Rule, size: int) -> int:
    """Return how many older patterns make a palimpsest forget its beginning, to 1e-6.

    The slowest mode of the walk on -A … A falls as cos(pi/(2A + 1))^t.
    """
    return math.ceil(
        math.log(1e-6) / math.log(math.cos(math.pi / (2 * saturation(rule, size) + 1)))
    )


def _older(lesson: Lesson, count: int) -> Signs:
    """Return random patterns that were learnt before the others, the oldest first."""
    size = lesson.stored.xi.shape[1]
    if not count:
        return np.empty((0, size), np.int8)
    return random_patterns(lesson.stream("history"), count, size)[::-1]


def palimpsest(lesson: Lesson) -> NDArray[np.int16]:
    """T_ij <- clip(T_ij + xi_i xi_j, -A, A), one pattern after the other, after a long history; N J = T.

    Hopfield (1982); G. Parisi, J. Phys. A 19, L617 (1986).
    """
    xi, size = lesson.stored.xi, lesson.stored.xi.shape[1]
    out = np.zeros((size, size), np.int16)
    every = np.concatenate([_older(lesson, history(lesson.rule, size)), xi])
    cpu.learning.saturating(out, every.astype(np.int16), saturation(lesson.rule, size))
    return out


FADING_UNIT = 1024


def fading(rule: Rule, size: int) -> NDArray[np.float64]:
    """Return the weights of the ages 1, 2, … in units of 1/1024, until they are 0.

    Lambda_u = epsilon exp(-epsilon² u/2N). M. Mézard, J.-P. Nadal & G. Toulouse, J. Physique 47, 1457 (1986).
    """
    rate = rule.epsilon**2 / (2 * size)
    out: list[int] = []
    while not out or out[-1] > 0:
        age = len(out) + 1
        out.append(
            round(FADING_UNIT * rule.epsilon * float(exact.functions.exponential(-rate * age)))
        )
    return np.array(out[:-1] or [0], np.float64)


def past(rule: Rule, size: int) -> int:
    """Return about how many patterns a rule may draw besides those of the set, 0 for most rules.

    Marginalist learning: ages at which 1024 epsilon exp(-epsilon² age/2N) is above 1/2.
    """
    if rule.name == "palimpsest":
        return history(rule, size)
    if rule.name == "marginalist":
        faded = math.log(max(2 * FADING_UNIT * rule.epsilon, 1.0))
        return math.ceil(2 * size / rule.epsilon**2 * faded) + 1
    return 0


def marginalist(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sum_u Lambda_u xi_i xi_j, u the age of a pattern; those before the set's own are random."""
    xi, size = lesson.stored.xi, lesson.stored.xi.shape[1]
    weights = fading(lesson.rule, size)
    older = _older(lesson, max(len(weights) - len(xi), 0))
    newest_first = np.concatenate([older, xi])[::-1][: len(weights)].astype(np.float64)
    return np.asarray((newest_first * weights[:, None]).T @ newest_first)


REAL_UNIT = 256


def pseudo_inverse(lesson: Lesson) -> NDArray[np.floating]:
    """J = the projection on the patterns' span: J_ij = (1/N) sum_munu xi_i^mu (C^-1)_munu xi_j^nu.

    L. Personnaz, I. Guyon & G. Dreyfus, J. Physique Lett. 46, L359 (1985). By orthogonal vectors of norm
    sqrt(N), N J = sum_k q_k q_k, in a fixed order of IEEE steps; rounded to 1/256.
    """
    rows = gaussians.orthogonal(lesson.stored.values / float(lesson.stored.unit), least=1e-9)
    sites = np.ascontiguousarray(rows.T)
    products: NDArray[np.floating] = np.rint(REAL_UNIT * exact.functions.gram(sites, sites))
    return products


LARGEST_WEIGHT = 1024


def weighted(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sum_mu p_mu xi_i xi_j, p of 3 decimals. L. Viana, J. Physique 49, 167 (1988)."""
    weights = [round(DECIMAL * p) for p in lesson.rule.weights]
    values = lesson.stored.values.astype(np.float64)
    return np.asarray((values * np.array(weights, np.float64)[:, None]).T @ values)


def spin_glass(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sqrt(N) z_ij, z normal, symmetric; rounded to 1/256. Sherrington & Kirkpatrick (1975)."""
    size = lesson.stored.xi.shape[1]
    normal = gaussians.normals(lesson.stream("couplings"), size, np.arange(size))
    upper = np.rint(REAL_UNIT * math.sqrt(size) * np.triu(normal, 1))
    return upper + upper.T


def crossed(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = xi_i eta_j + eta_i xi_j. J. L. van Hemmen, Phys. Rev. Lett. 49, 409 (1982)."""
    return products(lesson.stored.values, lesson.stored.values[::-1])


def square(_rule: Rule, base: int, _count: int) -> float:
    return float(base**2)


def plain(unit: float) -> Callable[[Rule, int, int], float]:
    return lambda _rule, _base, _count: float(unit)
