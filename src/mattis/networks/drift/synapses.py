"""How synapses move: to which fixed point, by which factor, down which energy, and by which rule.

tau dXi_mu/dt = w_mu (xi' + Lambda_mu - Xi_mu): Xi - xi' - Lambda falls by 1 - w dt/tau in a step, eqs. (1),
(2), (12). It is minus the gradient of

    E = -(1/beta) ln sum_mu exp(-beta |xi' + Lambda_mu - Xi_mu|²/2)

at a clamped xi' for similarity "distance" and Lambda = 0, and wherever one memory takes all. For "dot" its
Jacobian is not symmetric at a finite beta, so that no energy has it as its gradient.

XiᵀXi of consolidated memories (24) does not solve the Pavlovian rule (23): with shares c_mu of old memories
it lies sum_mu c_mu (1 - c_mu) d_muᵀd_mu, d = Xi(0) - xi', below.

D. Lotito, Neurocomputing 636, 129865 (2025), sections 4 and 5.3.2; what is said of energies and of the
difference is derived for this project.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from mattis.exact.arrays import Reals
from mattis.networks.drift import consolidation
from mattis.networks.drift.consolidation import DriftProtocol, Stage, Synapses, follow, trajectories, write
from mattis.study.model import Columns, Observable, PatternSet

SYNAPSE_OBSERVABLES = (
    Observable("error_factor", "|Xi - xi' - Lambda| over what it was at first, mean over memories"),
    Observable("target_error", "|Xi - xi' - Lambda|/|xi'|, mean over memories"),
    Observable("pattern_error", "|Xi - xi'|/|xi'|, mean over memories"),
    Observable("old_share", "share of the old memory in a memory, mean over memories"),
    Observable(
        "gradient_error", "largest |tau dXi/dt + dE/dXi|/|tau dXi/dt| of a clamped pattern, by differences"
    ),
    Observable("curl", "largest |A - Aᵀ|/|A| of the Jacobian A of tau dXi/dt: 0 where an energy has it"),
    Observable("hebbian_error", "|XiᵀXi - xi'ᵀxi'|/|xi'ᵀxi'|, distance of (24) from its limit (25)"),
    Observable("pavlovian_error", "that of the Pavlovian rule (23) run beside it"),
    Observable("rules_apart", "distance of XiᵀXi (24) from the Pavlovian matrix (23), over |xi'ᵀxi'|"),
    Observable("rules_residual", "the same after sum c (1 - c) dᵀd, d = Xi(0) - xi', is added to XiᵀXi"),
    Observable("flag", "what makes a cell not trustworthy; 0 if nothing does"),
)

MOST_MEASURED = 512
"""Memories at most whose motion is measured."""

AT_TARGET = 1e-6
"""Velocity, over |xi'|, below which a relative difference says nothing."""

SYNAPSE_ROUNDING = "float64 sums by BLAS: within 1e-9 of another machine"


def simulate(patterns: PatternSet, points: Sequence[Stage], protocol: DriftProtocol) -> Columns:
    """Return one column per observable, a row for each stage: a pure function of its arguments."""
    columns = consolidation.empty_columns(points, SYNAPSE_OBSERVABLES)
    for observations in trajectories(points):
        states = follow(patterns, [stage for stage, _ in observations], protocol)
        for (_, rows), (stage, synapses) in zip(observations, states, strict=True):
            write(columns, observe(synapses, stage, protocol, patterns.size), points, rows)
    return columns


def observe(synapses: Synapses, stage: Stage, schedule: DriftProtocol, size: int) -> dict[str, Any]:
    """Return every observable: an array (N_h,) over the memories, or one number for all."""
    s, matrix = synapses, synapses.matrix
    lengths = norms(s.targets)
    left = norms(matrix - s.targets - s.bias)
    motions = [Motion(s, matrix, mu, stage.beta, schedule.similarity) for mu in range(len(s.targets))]
    learnt, pavlov = consolidation.coupling_errors(s, matrix)
    apart, residual = between_rules(s, matrix)
    return {
        "error_factor": left / norms(s.start - s.targets - s.bias),
        "target_error": left / lengths,
        "pattern_error": norms(matrix - s.targets) / lengths,
        "old_share": s.old_share,
        "gradient_error": max(motion.gradient_error() for motion in motions),
        "curl": max(motion.curl(size) for motion in motions),
        "hebbian_error": learnt,
        "pavlovian_error": pavlov,
        "rules_apart": apart,
        "rules_residual": residual,
        "flag": 0.0,
    }


def norms(rows: Reals) -> Reals:
    """Return the lengths of rows."""
    return np.asarray(np.sqrt(np.sum(rows * rows, axis=1)))


class Motion:
    """How memories move while one pattern is clamped: tau dXi/dt, the energy, and the Jacobian's norms."""

    def __init__(self, synapses: Synapses, matrix: Reals, pattern: int, beta: float, similarity: str) -> None:
        self.beta, self.by_distance = beta, similarity == "distance"
        self.clamped = synapses.targets[pattern]
        self.gap = self.clamped - matrix
        """xi' - Xi, (N_h, D)."""
        self.pull = self.gap + synapses.bias
        self.scores = -np.sum(self.gap**2, axis=1) / 2 if self.by_distance else matrix @ self.clamped
        self.weights = softmax(beta * self.scores)

    @property
    def velocity(self) -> Reals:
        """tau dXi/dt, (N_h, D), eq. (12)."""
        return np.asarray(self.weights[:, None] * self.pull)

    def gradient_error(self) -> float:
        """Return |tau dXi/dt + dE/dXi|/|tau dXi/dt| (Frobenius), dE/dXi by central differences."""
        slope, least = self.energy_slope(), AT_TARGET * np.linalg.norm(self.clamped)
        return float(np.linalg.norm(self.velocity + slope) / max(np.linalg.norm(self.velocity), least))

    def energy_slope(self) -> Reals:
        """Return dE/dXi, (N_h, D), by central differences of E.

        A change of one number changes one term of the sum: ln(1 + w (e^{-beta change} - 1)).
        """
        width = 1e-4 / sqrt(self.beta)
        shares = softmax(-self.beta * np.sum(self.pull**2, axis=1) / 2)[:, None]

        def changed(sign: int) -> Reals:
            moved = ((self.pull - sign * width) ** 2 - self.pull**2) / 2
            return np.asarray(-np.log1p(shares * np.expm1(-self.beta * moved)) / self.beta)

        return np.asarray((changed(1) - changed(-1)) / (2 * width))

    def curl(self, size: int) -> float:
        """Return |A - Aᵀ|/|A| (Frobenius) of A = d(tau dXi/dt)/dXi, N_h N_v × N_h N_v.

        Its blocks are A_mn = beta c_mn u_m y_nᵀ - delta_mn w_m, c_mn = w_m (delta_mn - w_n),
        u = xi' + Lambda - Xi, and y_n = xi' of similarity "dot", xi' - Xi_n of "distance".
        """
        w, u = self.weights, self.pull
        y = self.gap if self.by_distance else np.broadcast_to(self.clamped, u.shape)
        c2 = (self.beta * w[:, None] * (np.eye(len(w)) - w)) ** 2
        uu, yy, uy = (np.sum(a * b, axis=1) for a, b in ((u, u), (y, y), (u, y)))
        crossed = np.outer(uu, yy)
        odd = np.sum(c2 * (crossed + crossed.T - 2 * np.outer(uy, uy)))
        whole = np.sum(c2 * crossed)
        whole += np.sum(size * w * w - 2 * self.beta * w * w * (1 - w) * uy)
        return sqrt(max(float(odd), 0.0) / float(whole))


def softmax(scores: Reals) -> Reals:
    """Return e^{scores} over their sum."""
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def between_rules(synapses: Synapses, matrix: Reals) -> tuple[float, float]:
    """Return |XiᵀXi - G|/|xi'ᵀxi'| (Frobenius), G Pavlovian; the same with sum c (1 - c) dᵀd added to XiᵀXi.

    |sum_a s_a r_a r_aᵀ|² = sum_ab s_a s_b (r_a·r_b)², over the rows r of all and their signs s.
    """
    s = synapses
    left = 1.0 - s.hebbian.sum() / len(s.old)
    rows = np.concatenate([matrix, s.start, s.targets, s.start - s.targets])
    signs = np.concatenate([np.ones(len(matrix)), np.full(len(s.start), -left), -s.hebbian])
    squares = (rows @ rows.T) ** 2
    target = sqrt(float(np.sum((s.targets @ s.targets.T) ** 2)))

    def length(of: Reals) -> float:
        return sqrt(max(float(of @ squares[: len(of), : len(of)] @ of), 0.0)) / target

    return length(signs), length(np.concatenate([signs, s.old_share * (1 - s.old_share)]))
