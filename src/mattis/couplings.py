"""Couplings of a network, as exact integers N J: the rules by which patterns are learnt.

Each rule is normalised so that a stored pattern feels a field of about 1 of itself, as by Hebb's: so that
temperatures compare. What is kept is nj = unit × N J, integers; nj[i, j] is what S_j does to site i.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mattis import gaussians, kernels, rng
from mattis.ensembles import Stored
from mattis.patterns import Signs, random_patterns

Labels = Mapping[str, int]
Matrix = NDArray[np.signedinteger]


def hebb(xi: Signs) -> Matrix:
    """Return N J of the Hebb rule: N J_ij = sum_mu xi_i^mu xi_j^mu, J_ii = 0.

    Hopfield, PNAS 79, 2554 (1982), eq. (2). The product is a float32 matrix product, exact because
    every partial sum is an integer below 2^24; the result has the narrowest integer type that holds it.
    xi  # (P, N) int8; returns (N, N), symmetric, zero diagonal
    """
    assert xi.shape[0] < 2**24, "sums of P signs must be exact in float32"
    signs = xi.astype(np.float32)
    product = signs.T @ signs
    np.fill_diagonal(product, 0.0)
    return product.astype(narrowest(int(max(product.max(), -product.min()))))


def narrowest(bound: int) -> type[np.signedinteger]:
    """Return the narrowest signed integer type that holds -bound … bound."""
    for kind in (np.int8, np.int16, np.int32):
        if bound <= np.iinfo(kind).max:
            return kind
    return np.int64


def row_bound(nj: Matrix) -> int:
    """Return max_i sum_j |N J_ij|: no state of the network has a field |N h| above it."""
    return int(np.abs(nj).sum(axis=1, dtype=np.int64).max(initial=0))


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


@dataclass(frozen=True)
class Couplings:
    """The couplings of a network: nj = unit × N J, (N, N)."""

    nj: Matrix
    unit: float
    symmetric: bool


@dataclass(frozen=True)
class Lesson:
    """What couplings are made of: patterns, and where more random numbers come from."""

    rule: Rule
    stored: Stored
    root_seed: int
    labels: Labels

    def stream(self, name: str) -> rng.Stream:
        """Return a stream of this pattern set."""
        return rng.stream(self.root_seed, name, self.labels)


def made(rule: Rule, stored: Stored, kept: bool, root_seed: int, labels: Labels) -> Couplings:
    """Return the couplings of patterns by a rule. kept  # whether J_ii is what the rule makes it, or 0"""
    row = RULES[rule.name]
    nj = row.build(Lesson(rule, stored, root_seed, labels))
    if not kept:
        np.fill_diagonal(nj, 0)
    largest = int(max(nj.max(), -nj.min()))
    return Couplings(
        nj.astype(narrowest(largest)), unit_of(rule, stored.unit, len(stored.xi)), row.symmetric
    )


def unit_of(rule: Rule, base: int, count: int) -> float:
    """Return nj/(N J). base  # the unit in which patterns are kept; count  # P"""
    return RULES[rule.name].unit(rule, base, count)


def check(rule: Rule, size: int, count: int) -> str | None:
    """Tell what is wrong with a rule for P patterns of N sites, if anything."""
    if rule.name == "van_hemmen" and count != 2:
        return "van Hemmen's couplings cross 2 patterns: use memories: [2]"
    if rule.name == "weighted" and len(rule.weights) != count:
        return (
            f"{len(rule.weights)} weights of {count} patterns: give couplings.weights one for each"
        )
    if rule.name == "weighted" and not all(abs(p) <= LARGEST_WEIGHT for p in rule.weights):
        return f"weights are numbers from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}: use smaller ones"
    if rule.name == "pseudo_inverse" and count > size:
        return f"at most {size} patterns of {size} sites can be projected on: use fewer"
    return None


def memory(rule: Rule, size: int, count: int) -> int:
    """Return the bytes that making couplings takes at its peak."""
    row = RULES[rule.name]
    return (
        row.bytes_each * size * size + 24 * size * count + row.bytes_past * size * past(rule, size)
    )


def products(left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.floating]:
    """Return sum_mu left_i^mu right_j^mu, (N, N), exact: every partial sum is an integer that floats hold."""
    largest = len(left) * int(np.abs(left).max()) * int(np.abs(right).max())
    kind = np.float32 if largest < 2**24 else np.float64
    product: NDArray[np.floating] = left.T.astype(kind) @ right.astype(kind)
    return product


def _hebb(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sum_mu xi_i^mu xi_j^mu."""
    return products(lesson.stored.values, lesson.stored.values)


def _clipped(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sqrt(pi P/2) sgn(sum_mu xi_i xi_j). Hopfield (1982); Sompolinsky, PRA 34, 2571 (1986)."""
    signs: NDArray[np.floating] = np.sign(_hebb(lesson))
    return signs


def _dead_zone(lesson: Lesson) -> NDArray[np.floating]:
    """The same, 0 where |sum_mu xi_i xi_j| <= threshold sqrt(P)."""
    sums, stored = _hebb(lesson), lesson.stored
    limit = lesson.rule.threshold * math.sqrt(len(stored.xi)) * stored.unit**2
    return np.where(np.abs(sums) <= limit, 0, np.sign(sums))


def _clipped_unit(rule: Rule, _base: int, count: int) -> float:
    """E[x sgn(x) 1(|x| > t)] = 2 phi(t) of a normal x: N J = sgn sqrt(P)/(2 phi(t)); t = 0 without a zone."""
    limit = rule.threshold if rule.name == "dead_zone" else 0.0
    density = float(kernels.synapses.exponential(-limit * limit / 2)) / math.sqrt(2 * math.pi)
    return float(np.float32(2 * density / math.sqrt(count)))


def words_of(stream: rng.Stream, size: int) -> rng.Words:
    """Return the words of N steps, (N, N)."""
    out = np.empty((size, size), np.uint32)
    words, packed = np.empty((4, -(-size // 4)), np.uint32), stream.packed()
    for step, row in enumerate(out):
        kernels.cpu.philox_words(words, packed, step, words.shape[1])
        row[:] = words.T.ravel()[:size]
    return out


def _dilution(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = (c_ij/c) sum_mu xi_i xi_j, c_ij = 1 with probability c. Sompolinsky (1986).

    Symmetric, c_ij = c_ji, or directed: Derrida, Gardner & Zippelius, Europhys. Lett. 4, 167 (1987).
    """
    sums, rule = _hebb(lesson), lesson.rule
    there = words_of(lesson.stream("bonds"), len(sums)) < np.uint64(
        round(rule.connectivity * 2**32)
    )
    if rule.name == "dilution":
        there = np.triu(there, 1)
        there |= there.T
    np.fill_diagonal(there, True)
    sums *= there
    return sums


SEQUENCE_UNIT = 64


def _steps(rule: Rule) -> int:
    """Return 1 where the strengths of a sequence are whole, else the unit that they are rounded to."""
    whole = float(rule.strength).is_integer() and float(rule.hebbian).is_integer()
    return 1 if whole else SEQUENCE_UNIT


def _sequence(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = hebbian sum_mu xi_i^mu xi_j^mu + strength sum_mu xi_i^{mu+1} xi_j^mu, cyclic.

    Hopfield (1982); Düring, Coolen & Sherrington, J. Phys. A 31, 8607 (1998).
    """
    values, steps = lesson.stored.values, _steps(lesson.rule)
    out = products(np.roll(values, -1, axis=0), values).astype(np.float64)
    out *= round(lesson.rule.strength * steps)
    if lesson.rule.hebbian:
        out += round(lesson.rule.hebbian * steps) * _hebb(lesson)
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


def _palimpsest(lesson: Lesson) -> NDArray[np.int16]:
    """T_ij <- clip(T_ij + xi_i xi_j, -A, A), one pattern after the other, after a long history; N J = T.

    Hopfield (1982); G. Parisi, J. Phys. A 19, L617 (1986).
    """
    xi, size = lesson.stored.xi, lesson.stored.xi.shape[1]
    out = np.zeros((size, size), np.int16)
    every = np.concatenate([_older(lesson, history(lesson.rule, size)), xi])
    kernels.learning.saturating(out, np.ascontiguousarray(every), saturation(lesson.rule, size))
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
            round(FADING_UNIT * rule.epsilon * float(kernels.synapses.exponential(-rate * age)))
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


def _marginalist(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sum_u Lambda_u xi_i xi_j, u the age of a pattern; those before the set's own are random."""
    xi, size = lesson.stored.xi, lesson.stored.xi.shape[1]
    weights = fading(lesson.rule, size)
    older = _older(lesson, max(len(weights) - len(xi), 0))
    newest_first = np.concatenate([older, xi])[::-1][: len(weights)].astype(np.float64)
    return np.asarray((newest_first * weights[:, None]).T @ newest_first)


REAL_UNIT = 256


def _pseudo_inverse(lesson: Lesson) -> NDArray[np.floating]:
    """J = the projection on the patterns' span: J_ij = (1/N) sum_munu xi_i^mu (C^-1)_munu xi_j^nu.

    L. Personnaz, I. Guyon & G. Dreyfus, J. Physique Lett. 46, L359 (1985). By orthogonal vectors of norm
    sqrt(N), N J = sum_k q_k q_k, in a fixed order of IEEE steps; rounded to 1/256.
    """
    rows = gaussians.orthogonal(lesson.stored.values / float(lesson.stored.unit), least=1e-9)
    sites = np.ascontiguousarray(rows.T)
    products: NDArray[np.floating] = np.rint(REAL_UNIT * kernels.synapses.gram(sites, sites))
    return products


WEIGHT_UNIT = 64
LARGEST_WEIGHT = 1024


def _weighted(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sum_mu p_mu xi_i xi_j, p to 1/64. L. Viana, J. Physique 49, 167 (1988)."""
    weights = [round(WEIGHT_UNIT * p) for p in lesson.rule.weights]
    values = lesson.stored.values.astype(np.float64)
    return np.asarray((values * np.array(weights, np.float64)[:, None]).T @ values)


def _spin_glass(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = sqrt(N) z_ij, z normal, symmetric; rounded to 1/256. Sherrington & Kirkpatrick (1975)."""
    size = lesson.stored.xi.shape[1]
    normal = gaussians.normals(lesson.stream("couplings"), size, np.arange(size))
    upper = np.rint(REAL_UNIT * math.sqrt(size) * np.triu(normal, 1))
    return upper + upper.T


def _crossed(lesson: Lesson) -> NDArray[np.floating]:
    """N J_ij = xi_i eta_j + eta_i xi_j. J. L. van Hemmen, Phys. Rev. Lett. 49, 409 (1982)."""
    return products(lesson.stored.values, lesson.stored.values[::-1])


def _square(_rule: Rule, base: int, _count: int) -> float:
    return float(base**2)


def _plain(unit: float) -> Callable[[Rule, int, int], float]:
    return lambda _rule, _base, _count: float(unit)


@dataclass(frozen=True)
class Row:
    """One row of the table of rules.

    unit        # (rule, unit of the patterns, P) -> nj/(N J)
    parameters  # the numbers of a Rule that it takes
    exact       # whether couplings are integers or rational, or were rounded
    bytes_each  # memory at the peak, per coupling; bytes_past  # per sign of the patterns before the set's
    """

    build: Callable[[Lesson], NDArray[np.number]]
    unit: Callable[[Rule, int, int], float] = _square
    parameters: tuple[str, ...] = ()
    symmetric: bool = True
    exact: bool = True
    bytes_each: int = 20
    bytes_past: int = 0


RULES: Mapping[str, Row] = {
    "hebb": Row(_hebb),
    "clipped": Row(_clipped, _clipped_unit),
    "dead_zone": Row(_dead_zone, _clipped_unit, ("threshold",)),
    "dilution": Row(
        _dilution, lambda rule, base, _: base**2 * rule.connectivity, ("connectivity",)
    ),
    "asymmetric_dilution": Row(
        _dilution,
        lambda rule, base, _: base**2 * rule.connectivity,
        ("connectivity",),
        symmetric=False,
    ),
    "sequence": Row(
        _sequence,
        lambda rule, base, _: float(base**2 * _steps(rule)),
        ("strength", "hebbian"),
        symmetric=False,
        bytes_each=32,
    ),
    "palimpsest": Row(_palimpsest, _plain(1), ("bound",), bytes_each=12, bytes_past=8),
    "marginalist": Row(
        _marginalist,
        _plain(FADING_UNIT),
        ("epsilon",),
        exact=False,
        bytes_each=32,
        bytes_past=24,
    ),
    "pseudo_inverse": Row(_pseudo_inverse, _plain(REAL_UNIT), exact=False, bytes_each=32),
    "weighted": Row(
        _weighted, lambda _, base, __: float(base**2 * WEIGHT_UNIT), ("weights",), bytes_each=32
    ),
    "sherrington_kirkpatrick": Row(_spin_glass, _plain(REAL_UNIT), exact=False, bytes_each=40),
    "van_hemmen": Row(_crossed),
}
"""The rules of couplings, in an order that is never changed: their numbers are labels of cubes."""
