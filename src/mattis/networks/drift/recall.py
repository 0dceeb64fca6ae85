"""Learn, then recall: consolidated memories become the couplings of a Hopfield network.

First the memories drift (`consolidation`): xi are the old patterns, xi' the clamped ones, with a fraction
sigma of the signs of xi flipped. Then  J_ij = (1/N) sum_mu Xi_i^mu Xi_j^mu,  J_ii = 0,  and the network
(`networks.binary`) gets noisy cues of xi' and of xi. Before the first presentation it is Hopfield's, bit for
bit: the same patterns, cues and thermal noise.

Lotito, Neurocomputing 636, 129865 (2025), eqs. (12)-(14) and (21); Hopfield, PNAS 79, 2554 (1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact.arrays import Reals, Signs
from mattis.networks.binary import couplings, hopfield
from mattis.networks.binary.hopfield import Setting
from mattis.networks.binary.models import BINARY_MODELS
from mattis.networks.binary.network import BinaryNetwork, Protocol
from mattis.networks.drift import consolidation
from mattis.networks.drift.consolidation import ALL, DriftProtocol, Stage, Synapses
from mattis.networks.drift.models import CONSOLIDATION
from mattis.study import model
from mattis.study.model import Boundary, Columns, Model, Observable, PatternSet, one_spin, over_cues

UNIT = 1024
"""N J is stored in units of 1/UNIT: a power of 2, so that integer N J have the very same chains."""

LARGEST_RECALL_SIZE = 8192
"""Neurons at most: N² couplings are in memory, 24 bytes each while they are computed."""


class RecallPoint(NamedTuple):
    """A point of the grid: the parameters of learning, and those of the cues."""

    learning: float
    noise: float
    tau: float
    presentations: float
    beta: float
    cue_noise: float

    @property
    def stage(self) -> Stage:
        """The stage of consolidation."""
        return Stage(self.learning, self.noise, 0.0, self.tau, self.presentations, ALL)

    @property
    def setting(self) -> Setting:
        """The temperature of the network and the noise of the cue."""
        return Setting(self.beta, self.cue_noise)


@dataclass(frozen=True)
class RecallProtocol:
    """The protocol of consolidation, and that of the retrieval after it."""

    learning: DriftProtocol
    asking: Protocol

    @property
    def cues(self) -> int:
        """Cued patterns of a network."""
        return self.asking.cues

    @property
    def single(self) -> bool:
        """Whether single memories are observed."""
        return self.learning.single


def coupled(memories: Reals) -> NDArray[np.signedinteger]:
    """Return N J in units of 1/UNIT, rounded to an even integer: sum_mu Xi_i^mu Xi_j^mu, J_ii = 0.

    Even, so that every field has the same parity. memories  # (N_h, N); returns (N, N), symmetric
    """
    sites = np.ascontiguousarray(memories.T)
    products = exact.functions.gram(sites, sites)
    products *= UNIT / 2
    nj: NDArray[np.signedinteger] = 2 * np.rint(products).astype(np.int32)
    np.fill_diagonal(nj, 0)
    return nj.astype(couplings.narrowest(int(np.abs(nj).max(initial=0))))


def network_of(patterns: PatternSet, xi: Signs, nj: NDArray[np.signedinteger]) -> BinaryNetwork:
    """Return a network with the couplings N J = nj and the patterns xi of its cues."""
    return BinaryNetwork(patterns.labels, patterns.root_seed, xi, nj, UNIT)


def examine(
    patterns: PatternSet, learnt: Synapses, stage: Stage, settings: Sequence[Setting], lesson: RecallProtocol
) -> list[dict[str, float]]:
    """Return the observables of a network at one stage of its learning, for each setting."""
    values = consolidation.observe(learnt, stage, lesson.learning)
    nj = coupled(learnt.matrix)
    new, old = (network_of(patterns, xi.astype(np.int8), nj) for xi in (learnt.targets, learnt.old))
    rows = []
    answers = (hopfield.asked(network, settings, lesson.asking) for network in (new, old))
    for row, before in zip(*answers, strict=True):
        row |= {f"{name}_old": before[name] for name in ("overlap", "retrieved")}
        row["flag"] = float(int(row["flag"]) | int(before["flag"]))
        row |= {name: consolidation.value_of(values[name], ALL) for name in LEARNT}
        rows.append(row)
    return rows


def simulate(patterns: PatternSet, points: Sequence[RecallPoint], protocol: RecallProtocol) -> Columns:
    """Return one column per observable, a row for each visit: a pure function of its arguments."""
    order = sorted(range(len(points)), key=lambda k: (points[k].stage, k))
    columns = {o.name: np.empty(len(points)) for o in over_cues(RECALL_OBSERVABLES, protocol.asking.cues)}
    for _, trajectory in groupby(order, key=lambda k: points[k].stage.trajectory):
        members = list(trajectory)
        stages = sorted({points[k].stage for k in members}, key=lambda stage: stage.presentations)
        for stage, learnt in consolidation.follow(patterns, stages, protocol.learning):
            visits = [k for k in members if points[k].stage == stage]
            rows = examine(patterns, learnt, stage, [points[k].setting for k in visits], protocol)
            for k, row in zip(visits, rows, strict=True):
                for name, column in columns.items():
                    column[k] = row[name]
    return columns


def memory(size: int, patterns: int) -> int:
    """Return the bytes that a block needs at its peak: the products of the memories, then N J."""
    return 24 * size * size + consolidation.memory(size, patterns)


def check(size: int, patterns: int) -> str | None:
    """Return why a network of N neurons and P memories is too large to simulate, or None."""
    if size > LARGEST_RECALL_SIZE:
        return f"{size}² couplings are kept: at most {LARGEST_RECALL_SIZE} neurons"
    if UNIT * size * patterns > hopfield.LARGEST_FIELD:
        return f"{patterns} memories of {size} sites overflow a field: P × N must be below 2^21"
    return consolidation.check(size, patterns)


LEARNT = ("similarity", "similarity_old", "own_weight", "consolidated", "collapsed", "merged")

RECALL_OBSERVABLES = (
    *hopfield.CHAIN_OBSERVABLES[:-1],
    Observable("overlap_old", "Mattis overlap with the old pattern, cued by it", smallest=one_spin),
    model.fraction_of_cues(
        "retrieved_old", "fraction of old cues whose mean overlap is above the study's threshold"
    ),
    *(o for o in consolidation.DRIFT_OBSERVABLES if o.name in LEARNT),
    hopfield.CHAIN_OBSERVABLES[-1],
)


RECALL = Model(
    name="recall",
    summary="a Hopfield network whose couplings are memories that drifted to new patterns",
    equation="J = Xiᵀ Xi/N, J_ii = 0, tau dXi_mu/dt = softmax(beta Xi xi')_mu (xi' - Xi_mu)",
    axes=(
        "size", "load", "kappa", "noise", "presentations", "beta", "cue_noise", "seed",
    ),
    observables=RECALL_OBSERVABLES,
    order_parameter="overlap",
    theory=(*BINARY_MODELS["hopfield"].theory, *CONSOLIDATION.theory),
    source="Lotito, Neurocomputing 636, 129865 (2025); Hopfield, PNAS 79, 2554 (1982)",
    simulate=simulate,
    memory=memory,
    check=check,
    boundaries=(
        Boundary(
            "load", "retrieved", "load", "realised_load",
            "load above which less than half of the new patterns are retrieved",
        ),
        Boundary(
            "load_old", "retrieved_old", "load", "realised_load",
            "load above which less than half of the old patterns are retrieved",
        ),
        Boundary(
            "kappa", "retrieved", "kappa", "kappa",
            "kappa above which more than half of the new patterns are retrieved", rises=True,
        ),
    ),
    states=("overlap", "retrieved"),
    numbers=2, comparable=1,
)  # fmt: skip
