"""What is stored: ensembles of patterns, and patterns of a user.

Every pattern comes from its own step of a stream, so that it does not depend on how many there are. What is
stored may be real: then it is rounded, to integers in units of 1/unit, and everything after that is exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact import gaussians, rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.exact.rng import Labels


@dataclass(frozen=True)
class Ensemble:
    """How patterns are drawn.

    activity    # biased: the probability of +1
    categories  # how many prototypes there are: pattern mu belongs to number mu mod categories
    likeness    # categories: overlap b of a pattern with its prototype
    given       # the signs of a user's patterns, int8 row by row; shape  # (rows, N)
    """

    name: str = "random"
    activity: float = 0.5
    categories: int = 2
    likeness: float = 0.5
    given: bytes = b""
    shape: tuple[int, int] = (0, 0)


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
    norms: NDArray[np.float64]


PatternDraw = Callable[[Ensemble, int, Labels, int, int], Stored]


def drawn(ensemble: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """Return P patterns of N sites, a function of root seed, labels and ensemble alone."""
    return ENSEMBLES[ensemble.name].draw(ensemble, root_seed, labels, count, size)


def signs(xi: Signs) -> Stored:
    """Return patterns of ±1 that are stored as they are: m = (1/N) sum_i xi_i S_i."""
    values = xi.astype(np.int16)
    return Stored(values, 1, xi, values, np.full(len(xi), float(xi.shape[1])))


def _random(_: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """xi = ±1 with probability 1/2, those of every model of retrieval."""
    return signs(random_patterns(rng.stream(root_seed, "patterns", labels), count, size))


BIAS_UNIT = 100


def _below(words: rng.Words, probability: float) -> NDArray[np.bool_]:
    """Tell which words are below a probability, to 32 bits."""
    return words < np.uint64(round(probability * 2**32))


def _mean(ensemble: Ensemble) -> int:
    """Return a = 2 activity - 1 in units of 1/100."""
    return round((2 * ensemble.activity - 1) * BIAS_UNIT)


def _biased(ensemble: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """xi = +1 with probability `activity`; xi - a is stored, a = 2 activity - 1 (covariance rule).

    D. J. Amit, H. Gutfreund and H. Sompolinsky, Phys. Rev. A 35, 2293 (1987);
    m = sum_i (xi_i - a) S_i / sum_i (xi_i - a) xi_i.
    """
    words = rng.stream(root_seed, "biased patterns", labels).words(size, np.arange(count))
    xi = np.where(_below(words, ensemble.activity), 1, -1).astype(np.int8)
    mean = _mean(ensemble)
    values = (BIAS_UNIT * xi.astype(np.int16) - mean).astype(np.int16)
    norms = (values.astype(np.int64) * xi).sum(axis=1).astype(np.float64)
    return Stored(values, BIAS_UNIT, xi, values, norms)


def _categories(
    ensemble: Ensemble, root_seed: int, labels: Labels, count: int, size: int
) -> Stored:
    """xi agrees with the prototype of its category with probability (1 + b)/2: two members overlap by b².

    N. Parga and M. A. Virasoro, J. Physique 47, 1857 (1986).
    """
    prototypes = random_patterns(
        rng.stream(root_seed, "prototypes", labels), ensemble.categories, size
    )
    words = rng.stream(root_seed, "members", labels).words(size, np.arange(count))
    agree = np.where(_below(words, (1 + ensemble.likeness) / 2), 1, -1).astype(np.int8)
    return signs(prototypes[np.arange(count) % ensemble.categories] * agree)


GAUSSIAN_UNIT = 64


def _gaussian(_: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """xi normal, to 1/64; m = (1/N) sum_i xi_i S_i. J. P. Provost and G. Vallée, PRL 50, 598 (1983)."""
    stream = rng.stream(root_seed, "gaussian patterns", labels)
    values = np.rint(GAUSSIAN_UNIT * gaussians.normals(stream, size, np.arange(count))).astype(
        np.int16
    )
    return _real(values, GAUSSIAN_UNIT)


AXIS_UNIT = 256


def _unit_vectors(_: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """Component mu of a unit vector n_i at each site, in D = P dimensions, to 1/256: J_ij = n_i · n_j/N.

    R. Harris, M. Plischke and M. J. Zuckermann, PRL 31, 160 (1973).
    """
    stream = rng.stream(root_seed, "axes", {**labels})
    normal = gaussians.normals(stream, size, np.arange(count))
    square = np.zeros(size)
    for component in normal:  # in order: the same bits on every machine
        square += component * component
    values = np.rint(AXIS_UNIT * (normal / np.sqrt(square))).astype(np.int16)
    return _real(values, AXIS_UNIT)


def _real(values: NDArray[np.int16], unit: int) -> Stored:
    """Return real patterns, whose cues are their signs."""
    xi = np.where(values >= 0, 1, -1).astype(np.int8)
    norms = np.full(len(values), float(unit * values.shape[1]))
    return Stored(values, unit, xi, values, norms)


def _orthogonal(_: Ensemble, root_seed: int, labels: Labels, count: int, size: int) -> Stored:
    """Orthogonal ±1: rows of Sylvester's Hadamard matrix, in a random order, sites and signs at random.

    H_rs = (-1)^(bits that r and s have in common), N a power of 2.
    """
    stream = rng.stream(root_seed, "orthogonal patterns", labels)
    words = stream.words(size, np.arange(3))
    rows, sites = (np.argsort(word, kind="stable") for word in words[:2])
    gauge = np.where(words[2] & np.uint32(1), 1, -1).astype(np.int8)
    odd = np.bitwise_count(rows[:count, None].astype(np.uint32) & sites[None].astype(np.uint32)) % 2
    return signs(np.where(odd, -1, 1).astype(np.int8) * gauge)


def _given(ensemble: Ensemble, _seed: int, _labels: Labels, count: int, _size: int) -> Stored:
    """The first P patterns of a user."""
    return signs(np.frombuffer(ensemble.given, np.int8).reshape(ensemble.shape)[:count].copy())


@dataclass(frozen=True)
class EnsembleRow:
    """One row of the table of ensembles.

    parameters  # the numbers of an Ensemble that it takes
    unit        # what is stored is kept in units of 1/unit; 1 where it is ±1
    real        # whether what is stored is real, rounded
    theory      # quantities that a figure or a reader compares with, beside those of the couplings
    """

    draw: PatternDraw
    parameters: tuple[str, ...] = ()
    unit: int = 1
    real: bool = False
    theory: tuple[str, ...] = ()


ENSEMBLES: Mapping[str, EnsembleRow] = {
    "random": EnsembleRow(_random),
    "biased": EnsembleRow(_biased, ("activity",), BIAS_UNIT),
    "categories": EnsembleRow(_categories, ("categories", "likeness")),
    "gaussian": EnsembleRow(_gaussian, unit=GAUSSIAN_UNIT, real=True, theory=("gaussian.overlap",)),
    "unit_vectors": EnsembleRow(
        _unit_vectors, unit=AXIS_UNIT, real=True, theory=("random_axis.overlap",)
    ),
    "orthogonal": EnsembleRow(_orthogonal),
    "given": EnsembleRow(_given, ("given",)),
}
"""What can be stored."""


def unit_of(ensemble: Ensemble) -> int:
    """Return the unit in which patterns of an ensemble are kept."""
    return ENSEMBLES[ensemble.name].unit


def check(ensemble: Ensemble, size: int, count: int) -> str | None:
    """Tell what is wrong with P patterns of N sites, if anything."""
    if ensemble.name == "orthogonal":
        if size & (size - 1):
            near = 2 ** round(np.log2(size))
            return f"orthogonal patterns need a size that is a power of 2: use size {near}"
        if count > size:
            return f"only {size} patterns of {size} sites are orthogonal: use fewer"
    if ensemble.name == "biased" and not float(f"{200 * ensemble.activity:.9g}").is_integer():
        near = min(max(round(200 * ensemble.activity), 1), 199) / 200
        return f"an activity of {ensemble.activity:g} is kept as a multiple of 0.005: use {near:g}"
    if ensemble.name == "unit_vectors" and count > 64:
        return f"{count} dimensions of a random axis: use at most 64 memories"
    if ensemble.name == "gaussian" and count > 64:
        return (
            "Gaussian patterns are asked for by the length of all overlaps: use at most 64 of them"
        )
    if ensemble.name == "given":
        rows, sites = ensemble.shape
        if sites != size:
            return f"the given patterns have {sites} sites: use size {sites}"
        if count > rows:
            return f"only {rows} patterns are given: use at most {rows}"
    return None


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
