"""Couplings of a network, as exact integers N J, and the rules by which they are learnt.

A rule is one decorated function: what it makes of the patterns, its numbers as arguments with defaults, and
in the decorator its unit and its theory. Each is normalised so that a stored pattern feels a field of about 1
of itself, as by Hebb's: so that temperatures compare. Couplings are nj = unit × N J, integers; nj[i, j] is
what S_j does to site i.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mattis import exact
from mattis.exact import gaussians, rng
from mattis.exact.arrays import Reals, Signs
from mattis.exact.patterns import random_patterns
from mattis.exact.rng import Labels
from mattis.kernels import cpu
from mattis.kernels.cuda.couplings import EVERY_BOND, SignRule
from mattis.networks.binary.coupling_file import NOT_GIVEN, GivenCouplings
from mattis.networks.binary.ensembles import Stored
from mattis.plugins import Choice, NumberedRow, Table
from mattis.words import counted

CouplingMatrix = NDArray[np.signedinteger]

DECIMAL = 1000
"""Strengths and weights are whole multiples of 1/1000: decimals that are exact."""


@dataclass(frozen=True, init=False)
class Rule(Choice):
    """A rule of couplings, with the numbers that a study gives."""

    table: ClassVar[str] = "coupling rule"

    matrix: GivenCouplings
    """The couplings themselves, where they are given."""

    def __init__(self, name: str = "hebb", matrix: GivenCouplings = NOT_GIVEN, **numbers: Any) -> None:
        self.choose(name, numbers)
        object.__setattr__(self, "matrix", matrix)

    def named(self, name: str, **numbers: Any) -> "Rule":
        """Return another rule with these numbers, and some others."""
        return Rule(name, self.matrix, **{**dict(self.given_numbers), **numbers})

    def given(self, matrix: GivenCouplings) -> "Rule":
        """Return the rule of couplings that are given."""
        return Rule("given", matrix)


@dataclass(frozen=True, eq=False)
class Lesson:
    """What couplings are made of: patterns, and where more random numbers come from."""

    rule: Rule
    stored: Stored
    root_seed: int
    labels: Labels

    @property
    def xi(self) -> Signs:
        """The patterns, (P, N), ±1."""
        return self.stored.xi

    def stream(self, name: str) -> rng.Stream:
        """Return a stream of this pattern set."""
        return rng.stream(self.root_seed, name, self.labels)


Build = Callable[..., NDArray[np.number]]
Unit = Callable[[Rule, int, int], float]


def squared(_rule: Rule, base: int, _count: int) -> float:
    """Return the unit of products of two patterns."""
    return float(base**2)


@dataclass(frozen=True)
class CouplingRule(NumberedRow):
    """One row of the table of rules."""

    table: ClassVar[str] = Rule.table

    name: str
    build: Build
    """(lesson, numbers) -> nj (N, N), whole numbers."""

    unit: Unit = squared
    """(rule, unit of the patterns, P) -> nj/(N J)."""

    symmetric: bool | None = True
    """None where the matrix decides."""

    exact: bool = True
    """Whether couplings are integers or rational; else they were rounded."""

    theory: tuple[str, ...] = ()
    """Quantities that a figure or a reader compares with, that of the overlap first."""

    past: Callable[[Rule, int], int] = lambda _rule, _size: 0
    """(rule, N) -> about how many patterns are drawn besides those of the set."""

    check: Callable[[Rule, int, int], str | None] = lambda _rule, _size, _count: None
    """(rule, N, P) -> what is wrong with such couplings, if anything."""

    of_signs: Callable[[Lesson], SignRule] | None = None
    """How a device makes such couplings of patterns of ±1, where it can: to the same integers."""

    jumps: bool = False
    """Whether states of signals of 1 end by a jump: at T = 0 no overlap is between 0.5 and 0.9."""

    bytes_each: int = 20
    """Memory at the peak, per coupling."""

    bytes_past: int = 0
    """Memory at the peak, per sign of the patterns before the set's."""

    def __post_init__(self) -> None:
        self.read_numbers(self.build)

    def __call__(self, lesson: Lesson, **numbers: Any) -> NDArray[np.number]:
        """Return nj."""
        return self.build(lesson, **numbers)


def coupling_rule(
    name: str = "", *, unit: Unit | float = squared, **row: Any
) -> Callable[[Build], CouplingRule]:
    """Make a row of the table of rules of a function (lesson, numbers) -> nj (N, N), whole numbers.

    name  # that of the function, if not given
    unit  # nj/(N J): a number, or (rule, unit of the patterns, P) -> one; of ±1 patterns 1, if not given
    row   # symmetric, exact, theory and more: the fields of `CouplingRule`
    """
    scale = unit if callable(unit) else lambda _rule, _base, _count: float(unit)

    def decorated(build: Build) -> CouplingRule:
        return CouplingRule(name or build.__name__, build, scale, **row)

    return decorated


def products(left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.floating]:
    """Return sum_mu left_i^mu right_j^mu, (N, N), exact: every partial sum is an integer that floats hold."""
    largest = len(left) * int(np.abs(left).max()) * int(np.abs(right).max())
    kind = np.float32 if largest < 2**24 else np.float64
    product: NDArray[np.floating] = left.T.astype(kind) @ right.astype(kind)
    return product


@coupling_rule(theory=("hopfield.overlap", "little.overlap"), of_signs=lambda _lesson: SignRule(), jumps=True)
def hebb(lesson: Lesson) -> NDArray[np.number]:
    """N J_ij = sum_mu xi_i^mu xi_j^mu. Hopfield, PNAS 79, 2554 (1982), eq. (2)."""
    return products(lesson.stored.values, lesson.stored.values)


def _clipped_unit(threshold: float, count: int) -> float:
    """E[x sgn(x) 1(|x| > t)] = 2 phi(t) of a normal x: N J = sgn sqrt(P)/(2 phi(t)); t = 0 without a zone."""
    density = float(exact.functions.exponential(-threshold * threshold / 2)) / math.sqrt(2 * math.pi)
    return float(np.float32(2 * density / math.sqrt(count)))


@coupling_rule(
    unit=lambda _rule, _base, count: _clipped_unit(0.0, count),
    theory=("clipped.overlap_finite", "clipped.alpha_c"),
    of_signs=lambda _lesson: SignRule(clip=0),
    jumps=True,
)
def clipped(lesson: Lesson) -> NDArray[np.number]:
    """N J_ij = sqrt(pi P/2) sgn(sum_mu xi_i xi_j). Hopfield (1982); Sompolinsky, PRA 34, 2571 (1986)."""
    signs: NDArray[np.number] = np.sign(hebb(lesson))
    return signs


def _dead_zone(lesson: Lesson, threshold: float) -> float:
    """Return the largest |sum_mu xi_i xi_j| of which no coupling is made."""
    return threshold * math.sqrt(len(lesson.xi)) * lesson.stored.unit**2


@coupling_rule(
    unit=lambda rule, _base, count: _clipped_unit(rule["threshold"], count),
    theory=("dead_zone.overlap", "dead_zone.alpha_c"),
    of_signs=lambda lesson: SignRule(math.floor(_dead_zone(lesson, lesson.rule["threshold"]))),
    jumps=True,
)
def dead_zone(
    lesson: Lesson,
    threshold: Annotated[float, Field(ge=0, le=5, description="dead zone, in units of sqrt(P)")] = 0.612,
) -> NDArray[np.number]:
    """The same, 0 where |sum_mu xi_i xi_j| <= threshold sqrt(P)."""
    sums = hebb(lesson)
    return np.where(np.abs(sums) <= _dead_zone(lesson, threshold), 0, np.sign(sums))


def words_of(stream: rng.Stream, size: int) -> rng.Words:
    """Return the words of N steps, (N, N)."""
    out = np.empty((size, size), np.uint32)
    words, packed = np.empty((4, -(-size // 4)), np.uint32), stream.packed()
    for step, row in enumerate(out):
        exact.philox.philox_words(words, packed, step, words.shape[1])
        row[:] = words.T.ravel()[:size]
    return out


Connectivity = Annotated[
    float, Field(gt=0, le=1, description="probability c that a bond is there; 1/2, or 1/100 of few")
]


def _bonds(connectivity: float) -> int:
    """Return the word below which there is a bond."""
    return round(connectivity * EVERY_BOND)


def _of_bonds(directed: bool) -> Callable[[Lesson], SignRule]:
    """Return how a device makes diluted couplings."""
    return lambda lesson: SignRule(
        bonds=_bonds(lesson.rule["connectivity"]), stream=lesson.stream("bonds").packed(), directed=directed
    )


def _diluted(lesson: Lesson, connectivity: float, directed: bool) -> NDArray[np.number]:
    sums = hebb(lesson)
    there = words_of(lesson.stream("bonds"), len(sums)) < np.uint64(_bonds(connectivity))
    if not directed:
        there = np.triu(there, 1)
        there |= there.T
    np.fill_diagonal(there, True)
    return np.asarray(sums * there)


@coupling_rule(
    unit=lambda rule, base, _count: base**2 * rule["connectivity"],
    theory=("dilution.overlap", "dilution.alpha_c"),
    of_signs=_of_bonds(directed=False),
    jumps=True,
)
def dilution(lesson: Lesson, connectivity: Connectivity = 0.5) -> NDArray[np.number]:
    """N J_ij = (c_ij/c) sum_mu xi_i xi_j, c_ij = c_ji = 1 with probability c. Sompolinsky (1986)."""
    return _diluted(lesson, connectivity, directed=False)


@coupling_rule(
    unit=lambda rule, base, _count: base**2 * rule["connectivity"],
    symmetric=False,
    theory=("dilute.overlap", "dilute.T_c"),
    of_signs=_of_bonds(directed=True),
)
def asymmetric_dilution(lesson: Lesson, connectivity: Connectivity = 0.5) -> NDArray[np.number]:
    """The same with directed bonds. Derrida, Gardner & Zippelius, Europhys. Lett. 4, 167 (1987)."""
    return _diluted(lesson, connectivity, directed=True)


def _decimal(numbers: tuple[float, ...]) -> str | None:
    """Tell which number has more than 3 decimals, if one has."""
    for number in numbers:
        if math.isfinite(number) and not float(f"{number * DECIMAL:.9g}").is_integer():
            return f"{number!r} has more than 3 decimals, which are kept exactly: use {number:.3f}"
    return None


def sequence_unit(rule: Rule) -> int:
    """Return 1 where the strengths of a sequence are whole, else the unit that they are kept in."""
    whole = float(rule["strength"]).is_integer() and float(rule["hebbian"]).is_integer()
    return 1 if whole else DECIMAL


def _check_sequence(rule: Rule, _size: int, _count: int) -> str | None:
    if fault := _decimal((rule["strength"], rule["hebbian"])):
        return fault
    if not (rule["strength"] or rule["hebbian"]):
        return "strength and hebbian are both 0: give couplings.strength a number"
    return None


@coupling_rule(
    unit=lambda rule, base, _count: float(base**2 * sequence_unit(rule)),
    symmetric=False,
    theory=("sequence.overlap", "sequence.alpha_c"),
    check=_check_sequence,
    bytes_each=32,
)
def sequence(
    lesson: Lesson,
    strength: Annotated[
        float, Field(ge=-64, le=64, description="of a sequence: what calls the next pattern")
    ] = 1.0,
    hebbian: Annotated[
        float, Field(ge=0, le=64, description="of a sequence: what holds the present pattern")
    ] = 0.0,
) -> NDArray[np.number]:
    """N J_ij = hebbian sum_mu xi_i^mu xi_j^mu + strength sum_mu xi_i^{mu+1} xi_j^mu, cyclic.

    Hopfield (1982); Düring, Coolen & Sherrington, J. Phys. A 31, 8607 (1998).
    """
    values, unit = lesson.stored.values, sequence_unit(lesson.rule)
    following = products(np.roll(values, -1, axis=0), values).astype(np.float64)
    following *= round(strength * unit)
    if hebbian:
        following += round(hebbian * unit) * products(values, values)
    return following


def saturation(rule: Rule, size: int) -> int:
    """Return A = round(bound sqrt(N)), at least 1: the largest coupling of a palimpsest."""
    bound: float = rule["bound"]
    return max(1, round(bound * math.sqrt(size)))


def history(rule: Rule, size: int) -> int:
    """Return how many older patterns make a palimpsest forget its beginning, to 1e-6.

    The slowest mode of the walk on -A … A falls as cos(pi/(2A + 1))^t.
    """
    return math.ceil(math.log(1e-6) / math.log(math.cos(math.pi / (2 * saturation(rule, size) + 1))))


def _older(lesson: Lesson, count: int) -> Signs:
    """Return random patterns that were learnt before the others, the oldest first."""
    size = lesson.stored.xi.shape[1]
    if not count:
        return np.empty((0, size), np.int8)
    return random_patterns(lesson.stream("history"), count, size)[::-1]


@coupling_rule(
    unit=1, theory=("bounded.overlap", "bounded.alpha_c"), past=history, bytes_each=12, bytes_past=8
)
def palimpsest(
    lesson: Lesson,
    bound: Annotated[  # noqa: ARG001 - `saturation` reads it
        float, Field(ge=0.05, le=16, description="of saturating couplings, in units of sqrt(N)/N")
    ] = 0.35,
) -> NDArray[np.number]:
    """T_ij <- clip(T_ij + xi_i xi_j, -A, A), one pattern after the other, after a long history; N J = T.

    Hopfield (1982); G. Parisi, J. Phys. A 19, L617 (1986).
    """
    xi, size = lesson.stored.xi, lesson.stored.xi.shape[1]
    out = np.zeros((size, size), np.int16)
    every = np.concatenate([_older(lesson, history(lesson.rule, size)), xi])
    cpu.learning.saturating(out, every.astype(np.int16), saturation(lesson.rule, size))
    return out


FADING_UNIT = 1024


def fading(rule: Rule, size: int) -> Reals:
    """Return the weights of the ages 1, 2, … in units of 1/1024, until they are 0.

    Lambda_u = epsilon exp(-epsilon² u/2N). M. Mézard, J.-P. Nadal & G. Toulouse, J. Physique 47, 1457 (1986).
    """
    rate = rule["epsilon"] ** 2 / (2 * size)
    out: list[int] = []
    while not out or out[-1] > 0:
        age = len(out) + 1
        out.append(round(FADING_UNIT * rule["epsilon"] * float(exact.functions.exponential(-rate * age))))
    return np.array(out[:-1] or [0], np.float64)


def _remembered(rule: Rule, size: int) -> int:
    """Return the ages at which 1024 epsilon exp(-epsilon² age/2N) is above 1/2, about."""
    epsilon: float = rule["epsilon"]
    return math.ceil(2 * size / epsilon**2 * math.log(max(2 * FADING_UNIT * epsilon, 1.0))) + 1


@coupling_rule(
    unit=FADING_UNIT,
    exact=False,
    theory=("palimpsest.overlap", "palimpsest.alpha_c"),
    past=_remembered,
    bytes_each=32,
    bytes_past=24,
)
def marginalist(
    lesson: Lesson,
    epsilon: Annotated[  # noqa: ARG001 - `fading` reads it
        float, Field(ge=0.1, le=64, description="of marginalist learning")
    ] = 4.108,
) -> NDArray[np.number]:
    """N J_ij = sum_u Lambda_u xi_i xi_j, u the age of a pattern; those before the set's own are random."""
    xi, size = lesson.stored.xi, lesson.stored.xi.shape[1]
    weights = fading(lesson.rule, size)
    older = _older(lesson, max(len(weights) - len(xi), 0))
    newest_first = np.concatenate([older, xi])[::-1][: len(weights)].astype(np.float64)
    return np.asarray((newest_first * weights[:, None]).T @ newest_first)


REAL_UNIT = 256


def _check_projection(_rule: Rule, size: int, count: int) -> str | None:
    return f"at most {size} patterns of {size} sites can be projected on: use fewer" if count > size else None


@coupling_rule(unit=REAL_UNIT, exact=False, check=_check_projection, jumps=True, bytes_each=32)
def pseudo_inverse(lesson: Lesson) -> NDArray[np.number]:
    """J = the projection on the patterns' span: J_ij = (1/N) sum_munu xi_i^mu (C^-1)_munu xi_j^nu.

    L. Personnaz, I. Guyon & G. Dreyfus, J. Physique Lett. 46, L359 (1985). By orthogonal vectors of norm
    sqrt(N), N J = sum_k q_k q_k, in a fixed order of IEEE steps; rounded to 1/256.
    """
    rows = gaussians.orthogonal(lesson.stored.values / float(lesson.stored.unit), least=1e-9)
    sites = np.ascontiguousarray(rows.T)
    products: NDArray[np.floating] = np.rint(REAL_UNIT * exact.functions.gram(sites, sites))
    return products


LARGEST_WEIGHT = 1024


def _check_weights(rule: Rule, _size: int, count: int) -> str | None:
    weights = rule["weights"]
    if len(weights) != count:
        each = ", ".join(["1.0"] * count) if count <= 5 else "1.0, 1.0, …"
        write = f"write couplings: {{weights: [{each}]}}, one for each"
        return f"{counted(len(weights), 'weight')} of {counted(count, 'pattern')}: {write}"
    if fault := _decimal(weights):
        return fault
    if not all(abs(p) <= LARGEST_WEIGHT for p in weights):
        return f"weights are numbers from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}: use smaller ones"
    return None


@coupling_rule(
    unit=lambda _rule, base, _count: float(base**2 * DECIMAL),
    theory=("mixture.overlap",),
    check=_check_weights,
    bytes_each=32,
)
def weighted(
    lesson: Lesson,
    weights: Annotated[tuple[float, ...], Field(description="of each pattern, as many as there are")] = (),
) -> NDArray[np.number]:
    """N J_ij = sum_mu p_mu xi_i xi_j, p of 3 decimals. L. Viana, J. Physique 49, 167 (1988)."""
    whole = np.array([round(DECIMAL * p) for p in weights], np.float64)
    values = lesson.stored.values.astype(np.float64)
    return np.asarray((values * whole[:, None]).T @ values)


@coupling_rule("sherrington_kirkpatrick", unit=REAL_UNIT, exact=False, theory=("sk.q",), bytes_each=40)
def spin_glass(lesson: Lesson) -> NDArray[np.number]:
    """N J_ij = sqrt(N) z_ij, z normal, symmetric; rounded to 1/256. Sherrington & Kirkpatrick (1975)."""
    size = lesson.stored.xi.shape[1]
    normal = gaussians.normals(lesson.stream("couplings"), size, np.arange(size))
    upper = np.rint(REAL_UNIT * math.sqrt(size) * np.triu(normal, 1))
    return upper + upper.T


def _check_pair(_rule: Rule, _size: int, count: int) -> str | None:
    return None if count == 2 else "van Hemmen's couplings cross 2 patterns: write memories: [2]"


@coupling_rule("van_hemmen", theory=("van_hemmen.q",), check=_check_pair)
def crossed(lesson: Lesson) -> NDArray[np.number]:
    """N J_ij = xi_i eta_j + eta_i xi_j. J. L. van Hemmen, Phys. Rev. Lett. 49, 409 (1982)."""
    return products(lesson.stored.values, lesson.stored.values[::-1])


@coupling_rule(unit=lambda rule, _base, _count: rule.matrix.unit, symmetric=None)
def given(lesson: Lesson) -> NDArray[np.number]:
    """J_ij of a user's file."""
    return lesson.rule.matrix.nj


def _check_square(_rule: Rule, size: int, _count: int) -> str | None:
    side = math.isqrt(size)
    if side * side == size and side >= 3:
        return None
    return f"{size} neurons are no square lattice of 3 × 3 or more: use size {max(side, 3) ** 2}"


@coupling_rule(unit=1, theory=("ising.magnetisation", "ising.energy"), check=_check_square, bytes_each=8)
def lattice(lesson: Lesson) -> NDArray[np.number]:
    """J_ij = 1 between neighbours on a periodic square lattice, row by row; L. Onsager (1944)."""
    size = lesson.stored.xi.shape[1]
    nj, sites = np.zeros((size, size), np.int16), np.arange(size).reshape(math.isqrt(size), -1)
    for axis in (0, 1):
        after = np.roll(sites, -1, axis=axis)
        nj[sites, after] = nj[after, sites] = size  # N J of J = 1
    return nj


RULES = Table(
    CouplingRule,
    (
        hebb, clipped, dead_zone, dilution, asymmetric_dilution, sequence, palimpsest, marginalist,
        pseudo_inverse, weighted, spin_glass, crossed, given, lattice,
    ),
)  # fmt: skip
"""The rules of couplings, in an order that is never changed: their numbers are labels of cubes."""


def hebb_matrix(xi: Signs) -> CouplingMatrix:
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


def row_bound(nj: CouplingMatrix) -> int:
    """Return max_i sum_j |N J_ij|: no state of the network has a field |N h| above it."""
    return int(np.abs(nj).sum(axis=1, dtype=np.int64).max(initial=0))


def unit_of(rule: Rule, base: int, count: int) -> float:
    """Return nj/(N J). base  # the unit in which patterns are kept; count  # P"""
    return RULES[rule.name].unit(rule, base, count)


def check(rule: Rule, size: int, count: int) -> str | None:
    """Tell what is wrong with a rule for P patterns of N sites, if anything."""
    return RULES[rule.name].check(rule, size, count)


def memory(rule: Rule, size: int, count: int) -> int:
    """Return the bytes that making couplings takes at its peak."""
    row = RULES[rule.name]
    return row.bytes_each * size * size + 24 * size * count + row.bytes_past * size * row.past(rule, size)
