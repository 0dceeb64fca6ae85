"""Ensembles of old memories, patterns and biases.

    xi' = xi + sigma Z   (or xi with a fraction sigma of its signs flipped),   mu = 1 ... N_h

D. Lotito, Neurocomputing 636, 129865 (2025), eq. (41). All vectors are rows in one set of coordinates. For
Gaussian ensembles these are few, whatever N_v is, and exact in law (`gaussians.bartlett`); where single
sites matter - signs, flips, memories from the study - they are the N_v sites themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact import gaussians, rng
from mattis.exact.arrays import Reals
from mattis.exact.patterns import noisy_cue, random_patterns
from mattis.study.model import PatternSet

MatrixRows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class MemoryEnsemble:
    """The ensemble that memories, patterns and biases are vectors from."""

    memories: str = "random"
    """`random` (Gaussian), `orthogonal` (of norm √N_v), `signs` (±1, as Hopfield stores), `published` (the
    random numbers of the published figure), or `given`."""
    targets: str = "gaussian"
    """`gaussian`: xi + sigma Z, or `flips`: a fraction sigma of the signs of xi flipped."""
    start: str = "old"
    """`old`: Xi(0) = xi, or `other`: independent Gaussian vectors."""
    bias: float = 0.0
    """|Lambda_mu| / √N_v."""
    towards: str = "random"
    """Direction of Lambda_mu: a `random` Gaussian vector, or the `old` memory."""
    given: MatrixRows = ()
    """(N_h, N_v): the old memories xi, if `memories` is `given`."""
    shown: MatrixRows = ()
    """(N_h, N_v): the patterns xi', if `memories` is `given`."""

    @property
    def by_site(self) -> bool:
        """Tell whether coordinates are sites."""
        return self.memories in ("signs", "published", "given") or self.targets == "flips"


@dataclass(frozen=True, eq=False)
class MemoryVectors:
    """The vectors of a pattern set, by rows: old memories, noise Z, first memories, biases Lambda."""

    old: Reals
    noise: Reals
    start: Reals
    bias: Reals
    common: Reals
    """(1, D): one more Gaussian vector, for the noise that all patterns have in common."""


def draw(patterns: PatternSet, ensemble: MemoryEnsemble) -> MemoryVectors:
    """Draw the vectors of a pattern set, which do not depend on the point of the grid."""
    other, lured = ensemble.start == "other", ensemble.bias and ensemble.towards == "random"
    sets = 1 + int(other) + int(bool(lured))
    old, gaussian = (
        _by_site(patterns, ensemble, sets) if ensemble.by_site else _by_law(patterns, ensemble, sets)
    )
    noise, *rest = np.split(gaussian[:-1], sets)
    start = rest[0] if other else old
    towards = rest[-1] if lured else old
    return MemoryVectors(old, noise, start, ensemble.bias * towards, gaussian[-1:])


def _by_law(patterns: PatternSet, ensemble: MemoryEnsemble, sets: int) -> tuple[Reals, Reals]:
    """Return old memories, sets of N_h Gaussian vectors and one more, in few coordinates (`bartlett`)."""
    stream = rng.stream(patterns.root_seed, "memories", patterns.labels)
    count, dimensions = patterns.patterns, patterns.size
    if ensemble.memories == "orthogonal":
        return gaussians.orthogonal_and_gaussian(stream, count, sets * count + 1, dimensions)
    every = gaussians.bartlett(stream, (1 + sets) * count + 1, dimensions)
    return every[:count], every[count:]


def _by_site(patterns: PatternSet, ensemble: MemoryEnsemble, sets: int) -> tuple[Reals, Reals]:
    """Return old memories, sets of N_h Gaussian vectors and one more, site by site."""
    count, size = patterns.patterns, patterns.size
    if ensemble.memories == "published":
        old, noise = published(patterns.seed, count, size)
    else:
        old = _memories_by_site(patterns, ensemble)
        stream = rng.stream(patterns.root_seed, "noise", patterns.labels)
        noise = gaussians.normals(stream, size, np.arange(count))
    stream = rng.stream(patterns.root_seed, "others", patterns.labels)
    return old, np.concatenate([noise, gaussians.normals(stream, size, np.arange((sets - 1) * count + 1))])


def _memories_by_site(patterns: PatternSet, ensemble: MemoryEnsemble) -> Reals:
    count, size = patterns.patterns, patterns.size
    if ensemble.memories == "given":
        return np.array(ensemble.given, np.float64)
    if ensemble.memories == "signs":
        stream = rng.stream(patterns.root_seed, "patterns", patterns.labels)
        return random_patterns(stream, count, size).astype(np.float64)
    stream = rng.stream(patterns.root_seed, "memories", patterns.labels)
    rows = gaussians.normals(stream, size, np.arange(count))
    return gaussians.orthogonal(rows) if ensemble.memories == "orthogonal" else rows


def published(seed: int, count: int, size: int) -> tuple[Reals, Reals]:
    """Return old memories and noise of the published code: NumPy's legacy generator and Gram-Schmidt.

    Figure 1 of D. Lotito (2025) is seed 41 with 4 memories of 50 sites.
    """
    random = np.random.RandomState(seed)
    return gaussians.orthogonal(random.randn(count, size)), random.randn(count, size)


def targets(
    patterns: PatternSet,
    ensemble: MemoryEnsemble,
    vectors: MemoryVectors,
    sigma: float,
    likeness: float = 0.0,
) -> Reals:
    """Return the patterns xi', (N_h, D): the old memories changed by sigma, or those of the study.

    xi' = xi + sigma (√(1-r) Z_mu + √r Z_0): the noise of two patterns has the cosine r, the likeness.
    """
    if ensemble.shown:
        return np.array(ensemble.shown, np.float64)
    if ensemble.targets == "gaussian":
        noise = vectors.noise
        if likeness:
            noise = math.sqrt(1 - likeness) * noise + math.sqrt(likeness) * vectors.common
        changed: Reals = vectors.old + sigma * noise
        return changed
    return np.array([flipped(patterns, row, mu, sigma) for mu, row in enumerate(vectors.old)])


def flipped(patterns: PatternSet, row: Reals, mu: int, sigma: float) -> Reals:
    """Return memory mu with exactly round(sigma N_v) of its signs flipped."""
    stream = rng.stream(patterns.root_seed, "change", patterns.labels, {"noise": sigma, "memory": mu})
    return row * noisy_cue(np.ones(row.size, np.int8), sigma, stream)


def square_norm(ensemble: MemoryEnsemble, sigma: float) -> float:
    """Return rho, the expected |xi'|²/N_v: 1 + sigma² with Gaussian noise, else 1."""
    return 1.0 + sigma * sigma if ensemble.targets == "gaussian" else 1.0


def frequencies(count: int, spread: float) -> Reals:
    """Return the probabilities p_mu of the patterns at a presentation, rising from the rarest, mu = 0.

    p_mu = e^{s mu/(N_h - 1)} / sum: the most frequent is clamped e^s times as often as the rarest.
    """
    rising = [exact.functions.exponential(spread * (mu / max(count - 1, 1) - 1.0)) for mu in range(count)]
    weights = np.array(rising)
    return weights / math.fsum(rising)


def thresholds(probabilities: Sequence[float] | Reals) -> NDArray[np.uint64]:
    """Return the words of 32 bits below which one of the first k patterns is clamped, rising to 2^32."""
    sums = np.cumsum(np.asarray(probabilities, np.float64))
    words: NDArray[np.uint64] = np.rint(sums / sums[-1] * 2.0**32).astype(np.uint64)
    words[-1] = 2**32
    return words
