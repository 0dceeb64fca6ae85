"""Binary neurons: the Hopfield network with asynchronous Glauber dynamics.

H = -1/2 sum_{i≠j} J_ij S_i S_j,  J_ij = (1/N) sum_mu xi_i^mu xi_j^mu,  J_ii = 0,  h_i = sum_j J_ij S_j,
P(S_i = +1) = 1 / (1 + exp(-2 beta h_i)), one site after the other.

J. J. Hopfield, PNAS 79, 2554 (1982); D. J. Amit, H. Gutfreund and H. Sompolinsky, Ann. Phys. 173, 30
(1987). At T = 0 a spin follows the sign of its field, and keeps its value where the field is zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf, nan, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import couplings, kernels, rng
from mattis.measure import Estimate, estimate, mean_square
from mattis.models.base import (
    DRIFTING,
    SHORT_CHAIN,
    UNSETTLED,
    Boundary,
    Columns,
    Model,
    Observable,
    PatternSet,
)
from mattis.patterns import Signs, noisy_cue, random_patterns

LARGEST_FIELD = 2**31 - 1
"""N h is kept in int32: P N must stay below this."""

LARGEST_MATRIX = 3500
"""Above this N the int8 matrix of couplings leaves the caches, and a flip costs like N²."""


@dataclass(frozen=True)
class Protocol:
    """How a cell is measured: sweeps before and during the averages, cues per pattern set."""

    thermalise: int
    measure: int
    cues: int
    retrieved_above: float


class Setting(NamedTuple):
    """Where in the grid a network is simulated."""

    beta: float
    noise: float


@dataclass(frozen=True)
class Network:
    """A pattern set made ready for one of the two kernels (`nj` is None for the overlap kernel).

    unit  # N J is kept in units of 1/unit: 1, or an even number of which every coupling is a multiple of 2
    """

    labels: dict[str, int]
    root_seed: int
    xi: Signs
    site_major: Signs
    nj: NDArray[np.signedinteger] | None
    bound: int
    unit: int = 1

    @property
    def size(self) -> int:
        return int(self.xi.shape[1])

    @property
    def parity(self) -> int:
        """The parity of every N h_i, in its unit: P (N - 1) mod 2, or 0 where couplings are even."""
        if self.unit > 1:
            return 0
        return int(self.xi.shape[0]) * (self.size - 1) % 2


@dataclass(frozen=True)
class Chain:
    """What a kernel leaves behind: the trace of each sweep, sums of the spins, the final state."""

    trace: NDArray[np.int64]
    sums: NDArray[np.int32]
    spins: Signs
    sweeps_used: int


def couplings_pay(size: int, patterns: int) -> bool:
    """Tell whether cached fields beat summing overlaps, from `benchmarks/kernels.py`.

    Averaged over temperatures a proposal costs about 2 + N/150 ns with cached fields, while the
    matrix stays in the caches, and 8 + P/10 ns from overlaps.
    """
    return size <= min(LARGEST_MATRIX, 1000 + 15 * patterns)


def build(patterns: PatternSet) -> Network:
    """Draw the patterns of a set, and the couplings if its kernel wants them."""
    stream = rng.stream(patterns.root_seed, "patterns", patterns.labels)
    xi = random_patterns(stream, patterns.patterns, patterns.size)
    nj = couplings.hebb(xi) if couplings_pay(patterns.size, patterns.patterns) else None
    bound = 0 if nj is None else couplings.row_bound(nj)
    return Network(patterns.labels, patterns.root_seed, xi, np.ascontiguousarray(xi.T), nj, bound)


def cue_of(network: Network, index: int, noise: float) -> Signs:
    """Return stored pattern `index` with an exact fraction `noise` of its bits flipped."""
    member = {"noise": noise, "cue": index}
    stream = rng.stream(network.root_seed, "cue", network.labels, member)
    return noisy_cue(network.xi[index], noise, stream)


def run_chain(network: Network, index: int, point: Setting, protocol: Protocol) -> Chain:
    """Run one replica from the cue of pattern `index`, thermalising and then measuring."""
    member = {"beta": point.beta, "noise": point.noise, "cue": index}
    stream = rng.stream(network.root_seed, "dynamics", network.labels, member).packed()
    scale = (
        np.float32(0)
        if isinf(point.beta)
        else rng.noise_scale(network.size * network.unit, point.beta)
    )
    spins = cue_of(network, index, point.noise)
    trace = np.zeros((3, protocol.thermalise + protocol.measure), np.int64)
    sums = np.zeros((2, network.size), np.int32)
    warm = protocol.thermalise
    if network.nj is None:
        overlaps = kernels.cpu.project(network.xi, spins).astype(np.int32)
        used = kernels.cpu.overlap_sweeps(
            network.site_major, spins, overlaps, index, stream, scale, trace, sums, warm
        )
    else:
        fields = kernels.cpu.half_fields(network.nj, spins, network.parity, network.bound)
        used = kernels.cpu.field_sweeps(
            network.nj, spins, fields, network.parity, network.xi[index],
            stream, scale, trace, sums, warm,
        )  # fmt: skip
    return Chain(trace, sums, spins, int(used))


def largest_other(network: Network, index: int, sums: NDArray[np.int64], measure: int) -> float:
    """Return max over the other patterns of |(1/N) sum_i xi_i <S_i>|; NaN if there is none."""
    overlaps = np.abs(kernels.cpu.project(network.xi, sums))
    overlaps[index] = -1
    return nan if overlaps.size == 1 else int(overlaps.max()) / (network.size * measure)


def edwards_anderson(sums: NDArray[np.int32]) -> int:
    """Return sum_i A_i B_i, the sums of the spins over two halves of the chain.

    q = (1/N) sum_i <S_i>²; a product of two independent halves is not biased by their fluctuations.
    """
    return int(np.dot(sums[0].astype(np.int64), sums[1].astype(np.int64)))


def observe(network: Network, index: int, point: Setting, protocol: Protocol) -> dict[str, float]:
    """Return the observables of one replica, and its flags."""
    chain = run_chain(network, index, point, protocol)
    size, measure = network.size, protocol.measure
    pairs = 2 * size**2 * network.unit
    overlap, aligned, flips = chain.trace[:, protocol.thermalise :]
    m, e = estimate(overlap), estimate(aligned)
    halves = (measure // 2) * (measure - measure // 2)
    total = chain.sums.sum(axis=0, dtype=np.int64)
    return {
        "overlap": m.mean / size,
        "overlap_thermal_error": m.error / size,
        "overlap_squared": mean_square(overlap) / size**2,
        "energy": -e.mean / pairs,
        "energy_thermal_error": e.error / pairs,
        "edwards_anderson": edwards_anderson(chain.sums) / (size * halves),
        "overlap_other": largest_other(network, index, total, measure),
        "retrieved": float(m.mean / size > protocol.retrieved_above),
        "flip_fraction": int(flips.sum()) / (size * measure),
        "sweeps_used": float(chain.sweeps_used),
        "autocorrelation_time": max(m.autocorrelation_time, e.autocorrelation_time),
        "flag": flags(m, e, point, chain, protocol),
    }


def flags(m: Estimate, e: Estimate, point: Setting, chain: Chain, protocol: Protocol) -> int:
    """Return what is wrong with a chain: at T = 0 only that it still moved when measured."""
    if isinf(point.beta):
        return UNSETTLED if chain.sweeps_used > protocol.thermalise else 0
    short, drifting = m.short or e.short, m.drifts or e.drifts
    return (SHORT_CHAIN if short else 0) | (DRIFTING if drifting else 0)


def average(replicas: Sequence[dict[str, float]]) -> dict[str, float]:
    """Average over cues: errors add in quadrature, the slowest time and every flag are kept."""
    count, out = len(replicas), {}
    for name in replicas[0]:
        values = [replica[name] for replica in replicas]
        if name == "flag":
            out[name] = float(np.bitwise_or.reduce(np.array(values, np.int64)))
        elif name == "autocorrelation_time":
            out[name] = nan if np.isnan(values).any() else max(values)
        elif name.endswith("_thermal_error"):
            out[name] = sqrt(sum(value * value for value in values)) / count
        else:
            out[name] = sum(values) / count
    return out


def simulate(patterns: PatternSet, points: Sequence[Setting], protocol: Protocol) -> Columns:
    """Return one column per observable, a row for each point: a pure function of its arguments."""
    network = build(patterns)
    rows = [
        average([observe(network, index, point, protocol) for index in range(protocol.cues)])
        for point in points
    ]
    return {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}


def memory(size: int, patterns: int) -> int:
    """Return the bytes that a block needs at its peak: drawing the patterns, then the couplings."""
    matrix = 6 * size * size if couplings_pay(size, patterns) else 0
    return 8 * size * patterns + matrix + 64 * size


def check(size: int, patterns: int) -> str | None:
    """Tell what is wrong with a network of N neurons and P patterns, if anything."""
    if size * patterns > LARGEST_FIELD:
        return (
            f"{patterns} patterns of {size} sites overflow a 32-bit field: P × N must be below 2^31"
        )
    return None


def one_spin(size: Any, _patterns: Any, protocol: Protocol) -> Any:
    """Return the change of an overlap by one spin of one cue; long chains do not make it smaller."""
    return 2.0 / (size * protocol.cues)


def two_spins(size: Any, _patterns: Any, protocol: Protocol) -> Any:
    """Return the change of a squared overlap near 1 by one spin of one cue."""
    return 4.0 / (size * protocol.cues)


def one_cue(_size: Any, _patterns: Any, protocol: Protocol) -> Any:
    """Return the change of a fraction of the cues by one of them."""
    return 1.0 / protocol.cues


OBSERVABLES = (
    Observable(
        "overlap",
        "Mattis overlap m with the cued pattern, mean over sweeps and cues",
        smallest=one_spin,
    ),
    Observable("overlap_thermal_error", "standard error of the overlap from the chain alone"),
    Observable(
        "overlap_squared", "mean square of the overlap over sweeps and cues", smallest=two_spins
    ),
    Observable("energy", "energy per neuron, -(1/2N) sum_i S_i h_i", "J"),
    Observable("energy_thermal_error", "standard error of the energy from the chain alone", "J"),
    Observable(
        "edwards_anderson",
        "Edwards-Anderson parameter q, from two halves of the chain",
        smallest=two_spins,
    ),
    Observable("overlap_other", "largest |overlap| of the mean state with another pattern"),
    Observable(
        "retrieved",
        "fraction of cues whose mean overlap is above the study's threshold",
        smallest=one_cue,
    ),
    Observable("flip_fraction", "fraction of proposals that flipped the spin"),
    Observable("sweeps_used", "sweeps before nothing flips (T = 0), or all of them", "sweep"),
    Observable(
        "autocorrelation_time",
        "integrated autocorrelation time of the slower of overlap and energy; NaN if not resolved",
        "sweep",
    ),
    Observable("flag", "what makes a cell not trustworthy; 0 if nothing does"),
)

HOPFIELD = Model(
    name="hopfield",
    summary="±1 neurons, Hebb couplings, zero diagonal, asynchronous heat bath in typewriter order",
    equation="P(S_i = +1) = 1/(1 + exp(-2 beta h_i)), h_i = (1/N) sum_mu sum_{j≠i} xi_i xi_j S_j",
    axes=("size", "load", "beta", "noise", "seed"),
    observables=OBSERVABLES,
    order_parameter="overlap",
    theory=tuple(
        f"hopfield.{quantity}"
        for quantity in ("overlap", "q", "energy", "T_M", "T_c", "T_g", "T_AT")
    ),
    source="Hopfield, PNAS 79, 2554 (1982); Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987)",
    simulate=simulate,
    memory=memory,
    check=check,
    boundaries=(
        Boundary(
            "temperature", "retrieved", "beta", "temperature",
            "temperature above which less than half of the cues are retrieved", "J",
        ),
        Boundary(
            "load", "retrieved", "load", "realised_load",
            "load above which less than half of the cues are retrieved",
        ),
    ),
    states=("overlap", "retrieved"),
)  # fmt: skip
