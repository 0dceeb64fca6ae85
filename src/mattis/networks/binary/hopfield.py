"""Binary neurons: the Hopfield network with asynchronous Glauber dynamics, and with Little's synchronous.

H = -1/2 sum_{i≠j} J_ij S_i S_j,  J_ij = (1/N) sum_mu xi_i^mu xi_j^mu,  J_ii = 0,  h_i = sum_j J_ij S_j,
P(S_i = +1) = 1 / (1 + exp(-2 beta h_i)), one site after the other, or all at once (Little).

J. J. Hopfield, PNAS 79, 2554 (1982); D. J. Amit, H. Gutfreund and H. Sompolinsky, Ann. Phys. 173, 30
(1987); W. A. Little, Math. Biosci. 19, 101 (1974). At T = 0 a spin follows the sign
of its field, and keeps its value where the field is zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, product
from math import nan, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.measure import Estimate, Series, estimates, exact_dot, mean_squares
from mattis.exact.patterns import RandomPatterns
from mattis.kernels.cuda.devices import HOST, Device, portions
from mattis.networks.binary import chain_observables, chains, hopfield_device, network
from mattis.networks.binary.chain_observables import ObservedChain
from mattis.networks.binary.chains import Chains
from mattis.networks.binary.network import SYNCHRONOUS, BinaryNetwork, Protocol, Replica, by_stream
from mattis.study import model
from mattis.study.model import DRIFTING, Observable, PatternSet, fraction_of_cues, one_spin, two_spins

LARGEST_FIELD = 2**31 - 1
"""N h is kept in int32: P N must stay below this."""

CellObservables = dict[str, float]
"""The observables of a replica, and its flags."""


class Setting(NamedTuple):
    """Where in the grid a network is simulated."""

    beta: float
    noise: float


def build(patterns: PatternSet) -> BinaryNetwork:
    """Return a network of random patterns."""
    stream = rng.stream(patterns.root_seed, "patterns", patterns.labels)
    address = RandomPatterns(stream, (patterns.patterns, patterns.size))
    return BinaryNetwork(patterns.labels, patterns.root_seed, address)


def largest_others(network: BinaryNetwork, replicas: Sequence[Replica], sums: NDArray[np.int64]) -> list[int]:
    """Return max over the other patterns of |sum_i xi_i A_i| of each replica; -1 if there is none.

    sums  # (N, R) of the spins over the measured sweeps
    """
    if network.count == 1:
        return [-1] * len(replicas)
    magnitudes = np.abs(chains.projected(network, sums))
    magnitudes[[replica.cue for replica in replicas], np.arange(len(replicas))] = -1
    return [int(largest) for largest in magnitudes.max(axis=0)]


def edwards_anderson(sums: NDArray[np.int32]) -> list[int]:
    """Return sum_i A_i B_i of each replica, the sums of the spins over two halves of the chain.

    q = (1/N) sum_i <S_i>²; a product of two independent halves is not biased by their fluctuations.
    """
    size, count = sums.shape[1:]
    if size * int(np.abs(sums).max(initial=0)) ** 2 >= 2**63:
        return [exact_dot(*sums[..., r].astype(np.int64)) for r in range(count)]
    return [int(q) for q in (sums[0].astype(np.int64) * sums[1]).sum(axis=0)]


def looks(network: BinaryNetwork, replicas: Sequence[Replica], found: Chains) -> tuple[list[int], list[int]]:
    """Return `largest_others` and `edwards_anderson` of chains, where a device has not done so already."""
    if found.sums is None:
        assert found.looks is not None
        return found.looks[:, 0].tolist(), found.looks[:, 1].tolist()
    total = found.sums.sum(axis=0, dtype=np.int64)
    return largest_others(network, replicas, total), edwards_anderson(found.sums)


class ReplicaOutcome(NamedTuple):
    """What one replica came to: its observables and flags, and its final state (N,), if it is wanted."""

    cell: CellObservables
    state: Signs | None


def observe(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> list[CellObservables]:
    """Return the observables of replicas, and their flags."""
    return [outcome.cell for outcome in outcomes(network, replicas, protocol)]


def outcomes(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> list[ReplicaOutcome]:
    """Return what replicas came to from their cues."""
    started = starts_of(replicas, protocol)
    order = by_stream(started, protocol.sharing)
    inverse = np.argsort(order)
    sorted_replicas = [started[k] for k in order]
    done: list[ReplicaOutcome] = []
    tracks: list[ChainTrack] = []
    for found in chains.run(network, sorted_replicas, protocol):
        done += ended(network, sorted_replicas[len(done) : len(done) + found.trace.shape[2]], protocol, found)
        tracks += tracks_of(found, protocol)
    return joined([done[k] for k in inverse], [tracks[k] for k in inverse if tracks], protocol)


def ended(
    network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol, found: Chains
) -> list[ReplicaOutcome]:
    """Return what replicas came to whose chains are there."""
    cells = observed(network, replicas, protocol, found)
    if found.spins is None:
        return [ReplicaOutcome(cell, None) for cell in cells]
    return [*map(ReplicaOutcome, cells, np.ascontiguousarray(found.spins.T))]


def starts_of(replicas: Sequence[Replica], protocol: Protocol) -> list[Replica]:
    """Return replicas from their cues, and behind them all those from random states, if these are asked."""
    others = [replica._replace(noise=network.RANDOM_START) for replica in replicas]
    return [*replicas, *(others if protocol.starts == 2 else ())]


class ChainTrack(NamedTuple):
    """What two starts of a replica are compared by.

    energies  # (sweeps,) -2 N² times the energy after each measured sweep
    spins     # (N,) the last state
    """

    energies: Series
    spins: Signs


def tracks_of(found: Chains, protocol: Protocol) -> list[ChainTrack]:
    """Return what chains are compared by, if they are to be compared."""
    if protocol.starts == 1:
        return []
    assert found.spins is not None
    energies, spins = found.trace[1, protocol.thermalise :].T.copy(), found.spins.T.copy()
    return [ChainTrack(*track) for track in zip(energies, spins, strict=True)]


def joined(
    done: Sequence[ReplicaOutcome], tracks: Sequence[ChainTrack], protocol: Protocol
) -> list[ReplicaOutcome]:
    """Return one row for each of two starts, in the order of `starts_of`: its state is from the cue."""
    if protocol.starts == 1:
        return [*done]
    count = len(done) // 2
    pairs = zip(tracks[:count], tracks[count:], strict=True)
    return [
        ReplicaOutcome(met(cued.cell, random.cell, pair), cued.state)
        for cued, random, pair in zip(done[:count], done[count:], pairs, strict=True)
    ]


def met(
    cued: CellObservables, random: CellObservables, tracks: tuple[ChainTrack, ChainTrack]
) -> CellObservables:
    """Return what is observed from a cue, and whether a chain from a random state came to the same.

    q_ab = (1/N) sum_i S_i^a S_i^b of their last states: G. Parisi, Phys. Rev. Lett. 50, 1946 (1983).
    """
    energies = np.stack([track.energies for track in tracks])
    first, second = (track.spins.astype(np.int64) for track in tracks)
    return cued | {
        "overlap_random": random["overlap"],
        "energy_random": random["energy"],
        "energy_r_hat": exact.convergence.r_hat(energies),
        "energy_sample_size": exact.convergence.sample_size(energies),
        "overlap_starts": exact_dot(first, second) / first.size,
    }


@dataclass(frozen=True)
class ChainAverages:
    """What is measured of one chain, over the sweeps after the warm ones.

    overlap, aligned  # sum_i xi_i S_i, whose largest value is `norm`, and sum_i S_i N h_i
    course            # mean of the overlap over the first half of the measured sweeps, lowest of any eighth
    square            # mean of the squared overlap
    energy            # per neuron, and its thermal error
    products          # sum_i A_i B_i of the spins, summed over the two halves
    other             # largest |overlap| of the mean state with another pattern; NaN if there is none
    flips, used       # flips after the warm sweeps; sweeps before nothing changes
    """

    overlap: Estimate
    aligned: Estimate
    course: tuple[float, float]
    norm: float
    square: float
    energy: tuple[float, float]
    products: int
    other: float
    flips: int
    used: int

    def cell(self, size: int, replica: Replica, protocol: Protocol) -> CellObservables:
        """Return the observables that every model of binary neurons has."""
        m, e, measure = self.overlap, self.aligned, protocol.measure
        early, lowest = (mean / self.norm for mean in self.course)
        least = protocol.threshold(replica.beta, replica.noise)
        return {
            "overlap": m.mean / self.norm,
            "overlap_thermal_error": m.error / self.norm,
            "overlap_squared": self.square / self.norm**2,
            "energy": self.energy[0],
            "energy_thermal_error": self.energy[1],
            "edwards_anderson": self.products / (size * (measure // 2) * (measure - measure // 2)),
            "overlap_other": self.other,
            "retrieved": float(m.mean / self.norm > least),
            "retrieved_early": float(early > least),
            "survived": float(lowest > protocol.stays_above(replica.beta, replica.noise)),
            "flip_fraction": self.flips / (size * measure),
            "sweeps_used": float(self.used),
            "autocorrelation_time": max(m.autocorrelation_time, e.autocorrelation_time),
            "flag": flags(m, e, replica, self.used, protocol),
        }


def observed(
    network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol, found: Chains
) -> list[CellObservables]:
    """Return the observables of replicas whose chains are there."""
    size, pairs = network.size, 2 * network.size**2 * network.unit
    overlap, aligned, flips = found.trace[:, protocol.thermalise :].transpose(0, 2, 1)
    ms, es, courses = estimates(overlap), estimates(aligned), zip(*course_of(overlap), strict=True)
    others, products = looks(network, replicas, found)
    more = two_cycles(network, replicas, found) if protocol.order == SYNCHRONOUS else [{}] * len(ms)
    averages = (
        ChainAverages(
            m, e, course, float(size), square, (-e.mean / pairs, e.error / pairs), product,
            other / (size * protocol.measure) if network.count > 1 else nan, flipped, used,
        )
        for m, e, course, square, product, other, flipped, used in zip(
            ms, es, courses, mean_squares(overlap), products, others, flips.sum(axis=1).tolist(),
            found.used.tolist(), strict=True,
        )
    )  # fmt: skip
    return [
        average.cell(size, replicas[r], protocol)
        | more[r]
        | chain_observables.observed(
            partial(_view, network, replicas[r], protocol, found, r), network.classes
        )
        for r, average in enumerate(averages)
    ]


def course_of(series: Series) -> tuple[Any, Any]:
    """Return the mean of a chain over its first half, and the lowest mean over any of its eighths.

    A network that leaves its state in the last eighth is not seen to; its mean is off by an eighth at most.
    series  # (…, n); returns (…)
    """
    length = series.shape[-1]
    middle, count = length // 2, min(EIGHTHS, length)
    edges = np.arange(count + 1) * length // count
    means = np.add.reduceat(series, edges[:-1], axis=-1) / np.diff(edges)
    return series[..., :middle].sum(axis=-1) / middle, means.min(axis=-1)


EIGHTHS = 8
"""Parts of a chain, in each of which a network that survived has its overlap above the threshold."""


def _view(
    network: BinaryNetwork, replica: Replica, protocol: Protocol, found: Chains, r: int
) -> ObservedChain:
    """Return one chain as observables of plugins see it: on the CPU, for a device leaves no sums."""
    assert found.sums is not None
    overlap, aligned = found.trace[:2, protocol.thermalise :, r] / network.size
    return ObservedChain(
        network.xi, replica.cue, replica.beta, replica.noise, overlap,
        aligned / (-2 * network.size * network.unit),
        found.sums[..., r].sum(axis=0, dtype=np.int64) / protocol.measure,
    )  # fmt: skip


def two_cycles(network: BinaryNetwork, replicas: Sequence[Replica], found: Chains) -> list[CellObservables]:
    """Tell which chains at T = 0 ended in a cycle of two states, and which fraction of the spins flips in it.

    S(t+2) = S(t) ≠ S(t+1): of the Hebb rule without diagonal. NaN at T > 0, where nothing ends.
    """
    states = np.asarray(found.spins, np.int64)
    after = following(network, states)
    flips = (after != states).sum(axis=0)
    back = (following(network, after) == states).all(axis=0) & (flips > 0)
    shares = np.where(back, flips, 0) / network.size
    return [
        {
            "two_cycle": float(back[r]) if replica.is_cold else nan,
            "cycle_flips": float(shares[r]) if replica.is_cold else nan,
        }
        for r, replica in enumerate(replicas)
    ]


def following(network: BinaryNetwork, states: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the states after one synchronous step at T = 0: sign(N h), N h = xiᵀ xi S - P S. (N, R)"""
    overlaps = chains.projected(network, states).astype(np.float64)  # sums below 2^53 are exact
    fields = network.site_major.astype(np.float64) @ overlaps - float(network.count) * states
    return np.where(fields == 0, states, np.sign(fields)).astype(np.int64)


def flags(m: Estimate, e: Estimate, replica: Replica, used: int, protocol: Protocol) -> int:
    """Return what is wrong with a chain: at T = 0 only that it still moved when measured."""
    if replica.is_cold:
        return model.UNSETTLED if used > protocol.thermalise else 0
    short, drifting = m.short or e.short, m.drifts or e.drifts
    return (model.SHORT_CHAIN if short else 0) | (DRIFTING if drifting else 0)


def average(replicas: Sequence[CellObservables]) -> CellObservables:
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
    return out | model.means_given_survival(replicas)


def asked(network: BinaryNetwork, points: Sequence[Setting], protocol: Protocol) -> list[CellObservables]:
    """Return the observables at some points, mean over cues."""
    cues = protocol.cues
    cells = observe(network, [Replica(cue, *point) for point, cue in product(points, range(cues))], protocol)
    return [average(cells[first : first + cues]) for first in range(0, len(cells), cues)]


class ReplicaGroup(NamedTuple):
    """Replicas of a network of the Hebb rule; the network is made when they are to run."""

    patterns: PatternSet
    network: Callable[[], BinaryNetwork]
    replicas: Sequence[Replica]

    @property
    def shape(self) -> tuple[int, int]:
        """N and P: networks that have the same run together."""
        return self.patterns.size, self.patterns.patterns


def side_by_side(
    groups: Sequence[ReplicaGroup], protocol: Protocol, device: Device, states: bool
) -> list[Sequence[ReplicaOutcome]]:
    """Return what the replicas of each group came to; they run on a device together.

    states  # whether their last states are wanted
    """
    out: list[Sequence[ReplicaOutcome]] = [[]] * len(groups)
    order = sorted(range(len(groups)), key=lambda k: groups[k].shape)
    for (size, count), alike in groupby(order, lambda k: groups[k].shape):
        same = list(alike)
        if not hopfield_device.fits(size, count, protocol, device):
            for k in same:
                out[k] = outcomes(groups[k].network(), groups[k].replicas, protocol)
            continue
        for some in portions(same, partial(_bytes, groups), HOST):
            done = launched({k: groups[k] for k in some}, protocol, device, states)
            for k in some:
                out[k] = done[k]
    return out


def _bytes(groups: Sequence[ReplicaGroup], k: int) -> int:
    """Return the bytes of a pattern set on this machine, its copies included."""
    return 4 * groups[k].patterns.size * groups[k].patterns.patterns


def launched(
    groups: Mapping[int, ReplicaGroup], protocol: Protocol, device: Device, states: bool
) -> Mapping[int, list[ReplicaOutcome]]:
    """Return what every replica of networks of one size and number of patterns came to."""
    networks = {k: group.network() for k, group in groups.items()}
    asked = [
        hopfield_device.LaunchRequest(k, networks[k], replica)
        for k, group in groups.items()
        for replica in starts_of(group.replicas, protocol)
    ]
    done: dict[int, list[ReplicaOutcome]] = {k: [] for k in groups}
    tracks: dict[int, list[ChainTrack]] = {k: [] for k in groups}
    for part, found in hopfield_device.run(device, asked, protocol, states):
        first = 0
        for k, alike in groupby(part, lambda one: one.task):
            replicas = [one.replica for one in alike]
            own = found.of(slice(first, first + len(replicas)))
            done[k] += ended(networks[k], replicas, protocol, own)
            tracks[k] += tracks_of(own, protocol)
            first += len(replicas)
    return {k: joined(done[k], tracks[k], protocol) for k in groups}


def check(size: int, patterns: int) -> str | None:
    """Tell what is wrong with a network of N neurons and P patterns, if anything."""
    if size * patterns > LARGEST_FIELD:
        return f"{patterns} patterns of {size} sites overflow a 32-bit field: P × N must be below 2^31"
    return None


STARTS_OBSERVABLES = (
    Observable("overlap_random", "overlap of the chain from a random state", smallest=one_spin),
    Observable("energy_random", "energy per neuron of the chain from a random state", "J"),
    Observable(
        "energy_r_hat",
        "rank-normalised split R-hat of the energies of both chains: 1 where they sample the same, "
        "NaN at T = 0",
    ),
    Observable("energy_sample_size", "effective number of independent energies that both chains have"),
    Observable(
        "overlap_starts", "overlap q_ab = (1/N) sum_i S_i^a S_i^b of the last states of both chains",
        smallest=one_spin,
    ),
)  # fmt: skip
"""What two starts of a cell say of each other."""

CHAIN_OBSERVABLES = (
    Observable("overlap", "Mattis overlap m with the cued pattern, mean over sweeps and cues",
        smallest=one_spin),
    Observable("overlap_thermal_error", "standard error of the overlap from the chain alone"),
    Observable("overlap_squared", "mean square of the overlap over sweeps and cues", smallest=two_spins),
    Observable("energy", "energy per neuron, -(1/2N) sum_i S_i h_i", "J"),
    Observable("energy_thermal_error", "standard error of the energy from the chain alone", "J"),
    Observable("edwards_anderson", "Edwards-Anderson parameter q, from two halves of the chain",
        smallest=two_spins),
    Observable("overlap_other", "largest |overlap| of the mean state with another pattern"),
    fraction_of_cues("retrieved", "fraction of cues whose mean overlap is above the study's threshold"),
    fraction_of_cues("retrieved_early",
        "fraction of cues whose overlap over the first half of the chain is above the threshold"),
    fraction_of_cues("survived",
        "fraction of cues whose overlap over every eighth of the chain is above the threshold"),
    Observable("flip_fraction", "fraction of proposals that flipped the spin"),
    Observable("sweeps_used", "sweeps before nothing flips (T = 0), or all of them", "sweep"),
    Observable("autocorrelation_time",
        "integrated autocorrelation time of the slower of overlap and energy; NaN if not resolved", "sweep"),
    Observable("flag", "what makes a cell not trustworthy; 0 if nothing does"),
)  # fmt: skip

TWO_CYCLES = (
    fraction_of_cues("two_cycle", "fraction of cues that end in a cycle of two states (T = 0)"),
    Observable("cycle_flips", "fraction of the spins that flip in a cycle of two states (T = 0)"),
)
