"""Errors and ambiguities of both documents, E1 to E16: what is printed, and the right form."""

from math import sqrt

import numpy as np
from scipy.stats import norm

from mattis.claims.claim import AtMost, Claim, Near
from mattis.claims.hopfield import beside_hebb, errors_of_bits
from mattis.claims.laboratory import Laboratory, Measurement, known, network
from mattis.claims.stochastic import drawn, enumerated


def argument_of_errors(lab: Laboratory) -> Measurement:
    """Return the ratio of x = Q^-1(P)."""
    ends = []
    for model in ("hopfield", "zero_one"):
        rate = errors_of_bits(lab, model, "flip_rate")
        x = float(norm.isf(rate.measured))
        ends.append(Measurement(x, rate.error / float(norm.pdf(x))))
    return ends[0] / ends[1]


def two_hamiltonians(_lab: Laboratory) -> Measurement:
    """Return the ratio."""
    ratios = []
    for seed in range(100):
        j, state = drawn(seed)
        ratios.append(float(state @ (j @ state) / (np.einsum("i,ij,j", state, j, state) / 2)))
    return Measurement(float(np.mean(ratios)))


def one_step(lab: Laboratory, observable: str) -> Measurement:
    """Return the overlap one step after a stored pattern: p = 1, N = 10, T = 0.5, so that h = 0.9."""
    keys = network("little", size=10, sets=8, axes={"memories": [1]}, temperature=0.5,
                   question="enumeration", sweeps=(20, 20))  # fmt: skip
    return Measurement(lab.mean(keys, observable).measured)


def energy_of_a_flip(_lab: Laboratory) -> Measurement:
    """Return the ratio of the change of energy and S_i h_i."""
    ratios = []
    for seed in range(100):
        j, state = drawn(seed)
        site = int(np.abs(j @ state).argmax())
        flipped = state.copy()
        flipped[site] *= -1
        change = (state @ j @ state - flipped @ j @ flipped) / 2
        ratios.append(float(change / (state[site] * (j @ state)[site])))
    return Measurement(float(np.mean(ratios)))


def cycles(
    lab: Laboratory, diagonal: str, load: float = 0.1, sets: int = 32, seen: str = "two_cycle"
) -> Measurement:
    """Return the share of random states that end in a cycle of two states (N = 1000, T = 0).

    seen  # or cycle_flips: the share of spins that flip, of those that end in none as well
    """
    keys = network("little", size=1000, sets=sets, axes={"load": [load], "noise": [0.5]}, cues=10,
                   dynamics={"diagonal": diagonal}, sweeps=(380, 20))  # fmt: skip
    return lab.mean(keys, seen)


def spins_in_cycles(lab: Laboratory) -> Measurement:
    """Return the share of flipping spins of a state that ends in a cycle."""
    flips, found = (cycles(lab, "zero", load=0.3, seen=one) for one in ("cycle_flips", "two_cycle"))
    return flips / found


def fixed(lab: Laboratory, memories: int) -> Measurement:
    """Return the share of stored patterns that are fixed points, every bit (N = 1000)."""
    keys = network(size=1000, sets=64, axes={"memories": [memories]}, question="familiarity", cues=10)
    return lab.mean(keys, "stable")


ERRATA_CLAIMS: tuple[Claim, ...] = (
    Claim("E1", "errata", "001, The Hopfield Model",
          "“V_i in {0, 1} or equivalently s_i in {-1, +1}”, with thresholds of 0: load at which half of the "
          "patterns are recalled with neurons 0 and 1, over that with ±1 (N = 1000).",
          1.0, right=0.5, rule=Near(0.05),
          why="At U = 0 they are not equivalent: the mean activity doubles the variance of the noise, and "
              "halves the capacity. With U_i = 1/2 sum_j T_ij they are (H2b).",
          measure=lambda lab: beside_hebb(lab, "zero_one", (0.05, 0.12))),
    Claim("E2", "errata", "001, Capacity and Error Correction",
          "P = Q(x) with one x for both kinds of neurons: x of neurons ±1 over x of neurons 0 and 1, from "
          "the measured shares of unstable bits (N = 100, n = 10).",
          1.0, right=sqrt(2), rule=Near(0.02),
          why="The document leaves x undefined: it is sqrt(N/(n - 1)) of neurons ±1, and sqrt(N/(2(n - 1))) "
              "of 0 and 1.",
          measure=argument_of_errors),
    Claim("E3", "errata", "001, eq. (1.4)",
          "H = -sum_i h_i S_i = -1/2 sum_ij J_ij S_i S_j: ratio of the first form to the second, mean over "
          "100 states.",
          1.0, right=2.0, rule=Near(1e-9),
          why="The first form counts every bond twice: it must be -1/2 sum_i h_i S_i.",
          measure=two_hamiltonians),
    Claim("E4a", "errata", "001, eqs. (2.2)-(2.3)",
          "P(S'_i) ~ exp(-beta S'_i h_i) aligns neurons with their fields: overlap one step after a stored "
          "pattern, with the rule as printed (p = 1, T = 0.5, h = 0.9).",
          0.946806, right=-0.946806, rule=Near(1e-6),
          why="As printed the rule turns neurons against their fields; it must be exp(+beta S'_i h_i).",
          measure=lambda lab: one_step(lab, "overlap_one_step_reversed")),
    Claim("E4b", "errata", "001, eqs. (2.2)-(2.3)",
          "With exp(+beta S'_i h_i) it does: the same with this sign, tanh(beta h).",
          0.946806, rule=Near(1e-6), rival=-0.946806,
          measure=lambda lab: one_step(lab, "overlap_one_step")),
    Claim("E4c", "errata", "001, eqs. (2.2)-(2.4)",
          "The wrong sign cannot be seen in the stationary law: distance of the law of the printed rule from "
          "Peretto's (N = 8, all sites at once).",
          0.0, rule=Near(1e-9), rival=0.1,
          why="Law and detailed balance are the same with either sign; only one step tells.",
          measure=lambda lab: enumerated(lab, "peretto_distance_reversed", "synchronous")),
    Claim("E4d", "errata", "001 and energy.ipynb, cells 6 and 7",
          "Flipping S_i changes the energy by -2 S_i h_i (cell 7): change of H = -1/2 S J S over S_i h_i, "
          "mean over 100 states.",
          -2.0, right=2.0, rule=Near(1e-9),
          why="Cell 6 has the right sign: a flip of an aligned spin costs energy.",
          measure=energy_of_a_flip),
    Claim("E5a", "errata", "001, section 2.4",
          "With Hebbian couplings, J_ii = 0, Little's model is not trapped in cycles: share of random states "
          "that end in a cycle of two at T = 0 (N = 1000, load 0.1).",
          0.0, right=0.42, rule=Near(0.05),
          why="Two spins that are coupled positively and start opposed exchange their states for ever; less "
              "than 1 % of the spins do.",
          measure=lambda lab: cycles(lab, "zero")),
    Claim("E5b", "errata", "001, section 2.4",
          "The same with J_ii = alpha kept, where J is positive semidefinite.",
          0.0, rule=Near(0.01), rival=0.42,
          measure=lambda lab: cycles(lab, "kept")),
    Claim("E5c", "errata", "001, section 2.4",
          "Nor with few patterns: the same share at load 0.02.",
          0.0, right=0.03, rule=Near(0.01),
          measure=lambda lab: cycles(lab, "zero", load=0.02, sets=256)),
    Claim("E5d", "errata", "001, section 2.4",
          "Nor with many: the same share at load 0.3.",
          0.0, right=0.68, rule=Near(0.03),
          why="More patterns, more cycles: 3, 42 and 68 % at loads 0.02, 0.1 and 0.3.",
          measure=lambda lab: cycles(lab, "zero", load=0.3)),
    Claim("E5e", "errata", "001, section 2.4, mended",
          "Such cycles are small: share of the spins that flip in one, at load 0.3, where most are found.",
          0.01, rule=AtMost(), rival=0.0,
          measure=spins_in_cycles),
    Claim("E5f", "errata", "001, section 2.4",
          "With J_ii = alpha kept there is none at load 0.3 either.",
          0.0, rule=Near(0.01), rival=0.68,
          measure=lambda lab: cycles(lab, "kept", load=0.3)),
    Claim("E6a", "errata", "001, Hebbian Learning Rule; eq. (1.5)",
          "Each stored pattern is a stable fixed point: share of patterns all of whose bits are stable, at P "
          "= 100 of capacity 138 (N = 1000).",
          1.0, right=0.47, rule=Near(0.06),
          why="Near the capacity patterns are only near to fixed points: (1 - Q(sqrt(N/(P - 1))))^N = 0.47 "
              "of them are.",
          measure=lambda lab: fixed(lab, 100)),
    Claim("E6b", "errata", "001, Hebbian Learning Rule; eq. (1.5)",
          "Below P = N/(4 ln N) = 36 they are: the same share at P = 30 (N = 1000).",
          1.0, rule=Near(0.005), rival=0.47,
          measure=lambda lab: fixed(lab, 30)),
    Claim("E16", "errata", "AGS (1985), as quoted",
          "Below load 0.051 states of retrieval are the global minima at T = 0: load at which retrieval and "
          "glass have equal energies in replica-symmetric theory.",
          0.051, right=0.0518543, rule=Near(0.0003),
          why="With one step of replica symmetry breaking in the glass it is 0.0551.",
          measure=lambda _lab: Measurement(known("hopfield.alpha_1", temperature=0.0))),
)  # fmt: skip
"""Errata, in their order."""
