"""What is stored: ensembles of patterns, and patterns of a user.

Every pattern comes from its own step of a stream, so that it does not depend on how many there are. What is
stored may be real: then it is rounded, to integers in units of 1/unit, and everything after that is exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mattis import plugins
from mattis.exact import digits, gaussians, rng
from mattis.exact.arrays import Mask, Reals, Signs
from mattis.exact.patterns import KnownPatterns, RandomPatterns, random_patterns, signs_of
from mattis.exact.rng import Labels
from mattis.plugins import Choice, NumberedRow, Table
from mattis.words import counted


@dataclass(frozen=True, init=False)
class Ensemble(Choice):
    """How patterns are drawn: an ensemble, with the numbers that a study gives."""

    table: ClassVar[str] = "ensemble"

    given: bytes
    """The signs of a user's patterns, int8 row by row."""

    shape: tuple[int, int]
    """(rows, N) of these."""

    def __init__(
        self, name: str = "random", given: bytes = b"", shape: tuple[int, int] = (0, 0), **numbers: Any
    ) -> None:
        self.choose(name, numbers)
        object.__setattr__(self, "given", given)
        object.__setattr__(self, "shape", shape)


@dataclass(frozen=True, eq=False)
class Stored:
    """The patterns of a network.

    values   # (P, N) int16, what couplings are made of, in units of 1/unit
    xi       # (P, N) int8, the states that cues are made from
    weights  # (P, N) int16; norms  # (P,): the overlap is sum_i weights_i S_i / norm
    """

    values: NDArray[np.int16]
    unit: int
    xi: Signs
    weights: NDArray[np.int16]
    norms: Reals
    signs: KnownPatterns | None = None
    """The states, or their address, where they are stored as they are, ±1."""


@dataclass(frozen=True)
class Draw:
    """What patterns are drawn from: how many of which size, and where random numbers come from."""

    ensemble: Ensemble
    root_seed: int
    labels: Labels
    count: int
    size: int

    def stream(self, name: str) -> rng.Stream:
        """Return a stream of this pattern set; each pattern takes a step of its own."""
        return rng.stream(self.root_seed, name, self.labels)


PatternDraw = Callable[..., Any]
"""(draw, numbers) -> Stored; of a plugin also ±1, (P, N)."""


@dataclass(frozen=True)
class EnsembleRow(NumberedRow):
    """One row of the table of ensembles."""

    table: ClassVar[str] = Ensemble.table

    name: str
    draw: PatternDraw
    unit: int = 1
    """Stored values are multiples of 1/unit; 1 where they are ±1."""

    real: bool = False
    """Whether stored values are real, rounded."""

    classes: str = ""
    """The number of the ensemble that says how many classes there are: pattern mu is of class mu mod that."""

    theory: tuple[str, ...] = ()
    """Quantities that a figure or a reader compares with, beside those of the couplings."""

    check: Callable[[Ensemble, int, int], str | None] = lambda _ensemble, _size, _count: None
    """(ensemble, N, P) -> what is wrong with such patterns, if anything."""

    def __post_init__(self) -> None:
        self.read_numbers(self.draw)


def ensemble(name: str = "", **row: Any) -> Callable[[PatternDraw], EnsembleRow]:
    """Make a row of the table of ensembles of a function (draw, numbers) -> patterns (P, N), ±1.

    name  # that of the function, if not given
    row   # theory, check and more: the fields of `EnsembleRow`
    """

    def decorated(draw: PatternDraw) -> EnsembleRow:
        return EnsembleRow(name or draw.__name__, draw, **row)

    return decorated


def drawn(ensemble: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """Return P patterns of N sites, a function of root seed, labels and ensemble alone."""
    row = ENSEMBLES[ensemble.name]
    draw = Draw(ensemble, root_seed, labels, count, size)
    return _checked(row, plugins.called(row, row.draw, draw, **ensemble.own), count, size)


def _checked(row: EnsembleRow, patterns: Any, count: int, size: int) -> Stored:
    """Return the patterns of an ensemble. Raises UserError where a plugin's are not ±1, (P, N)."""
    if isinstance(patterns, Stored):
        return patterns
    xi = np.asarray(patterns)
    if xi.shape != (count, size):
        raise plugins.refused(row, f"shape {xi.shape}", f"({count}, {size}), P × N")
    wrong = np.argwhere((xi != 1) & (xi != -1))
    if len(wrong):
        mu, i = wrong[0]
        raise plugins.refused(row, f"xi[{mu}, {i}] = {xi[mu, i]}", "patterns of -1 and 1")
    return signs(xi.astype(np.int8))


def signs(known: KnownPatterns) -> Stored:
    """Return patterns of ±1 that are stored as they are: m = (1/N) sum_i xi_i S_i."""
    xi = signs_of(known)
    values = xi.astype(np.int16)
    return Stored(values, 1, xi, values, np.full(len(xi), float(xi.shape[1])), known)


@ensemble("random")
def _random(draw: Draw) -> Stored:
    """xi = ±1 with probability 1/2, those of every model of retrieval."""
    return signs(RandomPatterns(draw.stream("patterns"), (draw.count, draw.size)))


BIAS_UNIT = 100


def _below(words: rng.Words, probability: float) -> Mask:
    """Tell which words are below a probability, to 32 bits."""
    return words < np.uint64(round(probability * 2**32))


def _check_activity(ensemble: Ensemble, _size: int, _count: int) -> str | None:
    activity = ensemble["activity"]
    if float(f"{200 * activity:.9g}").is_integer():
        return None
    near = min(max(round(200 * activity), 1), 199) / 200
    return f"an activity of {activity:g} is kept as a multiple of 0.005: use {near:g}"


@ensemble("biased", unit=BIAS_UNIT, check=_check_activity)
def _biased(
    draw: Draw,
    activity: Annotated[float, Field(gt=0, lt=1, description="of biased patterns: probability of +1")] = 0.5,
) -> Stored:
    """xi = +1 with probability `activity`; xi - a is stored, a = 2 activity - 1 (covariance rule).

    D. J. Amit, H. Gutfreund and H. Sompolinsky, Phys. Rev. A 35, 2293 (1987);
    m = sum_i (xi_i - a) S_i / sum_i (xi_i - a) xi_i.
    """
    words = draw.stream("biased patterns").words(draw.size, np.arange(draw.count))
    xi = np.where(_below(words, activity), 1, -1).astype(np.int8)
    mean = round((2 * activity - 1) * BIAS_UNIT)  # a in units of 1/100
    values = (BIAS_UNIT * xi.astype(np.int16) - mean).astype(np.int16)
    norms = (values.astype(np.int64) * xi).sum(axis=1).astype(np.float64)
    return Stored(values, BIAS_UNIT, xi, values, norms)


@ensemble("categories")
def _categories(
    draw: Draw,
    categories: Annotated[int, Field(ge=1, le=2**20, description="how many categories")] = 2,
    likeness: Annotated[
        float,
        Field(ge=0, le=1, description="of categories: overlap of a pattern with the prototype of its own"),
    ] = 0.5,
) -> Stored:
    """xi agrees with the prototype of its category with probability (1 + b)/2: two members overlap by b².

    Pattern mu belongs to category mu mod `categories`, b is `likeness`.
    N. Parga and M. A. Virasoro, J. Physique 47, 1857 (1986).
    """
    prototypes = random_patterns(draw.stream("prototypes"), categories, draw.size)
    words = draw.stream("members").words(draw.size, np.arange(draw.count))
    agree = np.where(_below(words, (1 + likeness) / 2), 1, -1).astype(np.int8)
    return signs(prototypes[np.arange(draw.count) % categories] * agree)


def _check_digits(ensemble: Ensemble, size: int, count: int) -> str | None:
    return digits.fault(size, count, ensemble["classes"])


@ensemble("digits", check=_check_digits, classes="classes")
def _digits(
    draw: Draw,
    classes: Annotated[int, Field(ge=1, le=10, description="of digits: 0 … classes - 1, in turn")] = 10,
) -> Stored:
    """Handwritten digits of 8 × 8 in black and white; pattern mu is a picture of the digit mu mod `classes`.

    The data set of digits that scikit-learn ships (E. Alpaydin and C. Kaynak, 1998).
    """
    return signs(digits.signs(draw.stream("digits"), draw.count, classes))


GAUSSIAN_UNIT = 64


def _check_lengths(_ensemble: Ensemble, _size: int, count: int) -> str | None:
    if count <= 64:
        return None
    return "Gaussian patterns are asked for by the length of all overlaps: use at most 64 of them"


@ensemble("gaussian", unit=GAUSSIAN_UNIT, real=True, theory=("gaussian.overlap",), check=_check_lengths)
def _gaussian(draw: Draw) -> Stored:
    """xi normal, to 1/64; m = (1/N) sum_i xi_i S_i. J. P. Provost and G. Vallée, PRL 50, 598 (1983)."""
    normal = gaussians.normals(draw.stream("gaussian patterns"), draw.size, np.arange(draw.count))
    return _real(np.rint(GAUSSIAN_UNIT * normal).astype(np.int16), GAUSSIAN_UNIT)


AXIS_UNIT = 256


def _check_axis(_ensemble: Ensemble, _size: int, count: int) -> str | None:
    return None if count <= 64 else f"{count} dimensions of a random axis: use at most 64 memories"


@ensemble("unit_vectors", unit=AXIS_UNIT, real=True, theory=("random_axis.overlap",), check=_check_axis)
def _unit_vectors(draw: Draw) -> Stored:
    """Component mu of a unit vector n_i at each site, in D = P dimensions, to 1/256: J_ij = n_i · n_j/N.

    R. Harris, M. Plischke and M. J. Zuckermann, PRL 31, 160 (1973).
    """
    normal = gaussians.normals(draw.stream("axes"), draw.size, np.arange(draw.count))
    square = np.zeros(draw.size)
    for component in normal:  # in order: the same bits on every machine
        square += component * component
    return _real(np.rint(AXIS_UNIT * (normal / np.sqrt(square))).astype(np.int16), AXIS_UNIT)


def _real(values: NDArray[np.int16], unit: int) -> Stored:
    """Return real patterns, whose cues are their signs."""
    xi = np.where(values >= 0, 1, -1).astype(np.int8)
    return Stored(values, unit, xi, values, np.full(len(values), float(unit * values.shape[1])))


def _check_orthogonal(_ensemble: Ensemble, size: int, count: int) -> str | None:
    if size & (size - 1):
        near = 2 ** round(np.log2(size))
        return f"orthogonal patterns need a size that is a power of 2: use size {near}"
    return f"only {size} patterns of {size} sites are orthogonal: use fewer" if count > size else None


@ensemble("orthogonal", check=_check_orthogonal)
def _orthogonal(draw: Draw) -> Stored:
    """Orthogonal ±1: rows of Sylvester's Hadamard matrix, in a random order, sites and signs at random.

    H_rs = (-1)^(bits that r and s have in common), N a power of 2.
    """
    words = draw.stream("orthogonal patterns").words(draw.size, np.arange(3))
    rows, sites = (np.argsort(word, kind="stable") for word in words[:2])
    gauge = np.where(words[2] & np.uint32(1), 1, -1).astype(np.int8)
    shared = rows[: draw.count, None].astype(np.uint32) & sites[None].astype(np.uint32)
    return signs(np.where(np.bitwise_count(shared) % 2, -1, 1).astype(np.int8) * gauge)


def _check_given(ensemble: Ensemble, size: int, count: int) -> str | None:
    rows, sites = ensemble.shape
    if sites != size:
        return f"the given patterns have {sites} sites: use size {sites}"
    return f"only {counted(rows, 'pattern')} given: use at most {rows}" if count > rows else None


@ensemble("given", check=_check_given)
def _given(draw: Draw) -> Stored:
    """The first P patterns of a user."""
    whole = np.frombuffer(draw.ensemble.given, np.int8).reshape(draw.ensemble.shape)
    return signs(whole[: draw.count].copy())


def _check_aligned(_ensemble: Ensemble, _size: int, count: int) -> str | None:
    return None if count == 1 else "there is one aligned state: write memories: [1]"


@ensemble("aligned", check=_check_aligned)
def _aligned(draw: Draw) -> Stored:
    """All sites +1: the overlap is the magnetisation, m = (1/N) sum_i S_i."""
    return signs(np.ones((draw.count, draw.size), np.int8))


ENSEMBLES = Table(
    EnsembleRow,
    (_random, _biased, _categories, _digits, _gaussian, _unit_vectors, _orthogonal, _given, _aligned),
)
"""What can be stored."""


def unit_of(ensemble: Ensemble) -> int:
    """Return the unit in which patterns of an ensemble are kept."""
    return ENSEMBLES[ensemble.name].unit


def check(ensemble: Ensemble, size: int, count: int) -> str | None:
    """Tell what is wrong with P patterns of N sites, if anything."""
    return ENSEMBLES[ensemble.name].check(ensemble, size, count)


def classes_of(ensemble: Ensemble) -> int:
    """Return into how many classes the patterns of an ensemble fall; 0 where they have none."""
    number = ENSEMBLES[ensemble.name].classes
    return int(ensemble[number]) if number else 0


def digest(ensemble: Ensemble) -> str:
    """Return a fingerprint of given patterns."""
    return sha256(str(ensemble.shape).encode() + ensemble.given).hexdigest()


def hexadecimal(ensemble: Ensemble) -> tuple[str, ...]:
    """Return given patterns as text, a row each: bits, 1 for +1, the first site first."""
    rows = np.frombuffer(ensemble.given, np.int8).reshape(ensemble.shape)
    return tuple(np.packbits(row > 0).tobytes().hex() for row in rows)


def from_hexadecimal(rows: Any, size: int) -> Ensemble:
    """Return given patterns of N sites from their text. Raises ValueError where it is not theirs."""
    length = -(-size // 8)
    found = []
    for number, row in enumerate(rows):
        try:
            packed = np.frombuffer(bytes.fromhex(row), np.uint8)
        except ValueError:
            raise ValueError(f"row {number} is not hexadecimal") from None
        if packed.size != length:
            raise ValueError(f"row {number} has {packed.size} bytes; {size} sites are {length}")
        found.append(np.unpackbits(packed)[:size].astype(np.int8) * 2 - 1)
    given = np.array(found, np.int8).reshape(-1, size)
    return Ensemble("given", given=given.tobytes(), shape=given.shape)
