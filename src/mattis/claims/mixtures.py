"""Claims of Amit, Gutfreund & Sompolinsky (1985) on Mattis states and mixtures, by document 001."""

from itertools import product
from math import log
from typing import Any

import numpy as np
from scipy.integrate import simpson
from scipy.optimize import brentq
from scipy.special import logsumexp

from mattis.claims.claim import Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, known, mean_of, network, paired
from mattis.networks.binary import ensembles, matrix_network
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble


def mixed(mixture: int, temperature: float, memories: int = 3) -> dict[str, Any]:
    """Return the keys of a study of a mixture of n patterns (N = 4000)."""
    axes = {"memories": [memories], "mixture": [mixture]}
    return network(size=4000, sets=64, temperature=temperature, axes=axes, question="mixture",
                   sweeps=(100, 100))  # fmt: skip


def spread_of_valleys(patterns: np.ndarray, nj: np.ndarray, temperature: float) -> float:
    """Return the largest difference between free energies of the states that are nearest to ±xi_mu.

    f = -(T/N) ln sum exp(-H/T), over the states S of all 2^N with xi_mu S above |xi_nu S| of all others.
    """
    size = nj.shape[0]
    states = 2 * (np.arange(2**size)[:, None] >> np.arange(size) & 1) - 1
    exponents = (states @ nj * states).sum(axis=1) / (2 * size * temperature)
    overlaps = states @ patterns.T.astype(int)
    found = []
    for mu, along in enumerate(overlaps.T):
        others = np.abs(np.delete(overlaps, mu, axis=1)).max(axis=1)
        found += [logsumexp(exponents[sign * along > others]) for sign in (1, -1)]
    return float(temperature / size * np.ptp(found))


def valleys(lab: Laboratory) -> Measurement:
    """Return the largest difference over pattern sets."""
    spreads = []
    for seed in range(2 if lab.reduced else 8):
        labels = {"size": 16, "patterns": 3, "seed": seed}
        stored = ensembles.drawn(Ensemble("orthogonal"), 1, labels, 3, 16)
        nj = matrix_network.learnt(Rule("hebb"), stored, False, 1, labels).nj.astype(float)
        spreads.append(spread_of_valleys(stored.xi, nj, 0.5))
    return Measurement(max(spreads))


def free_energy_of_mixtures(lab: Laboratory) -> Measurement:
    """Return the difference of free energies, of the same pattern sets."""
    heats = [round(0.03 * k, 2) for k in range(11)]
    axes = {"memories": [3], "mixture": [1, 3], "temperature": heats}
    keys = network(size=4096, sets=16, axes=axes, question="mixture", patterns="orthogonal", sweeps=(50, 150))
    energies = lab.cells(keys)["energy"].squeeze().transpose("mixture", "seed", "beta").values
    excess = energies - energies[..., :1]
    excess[..., 1:] /= np.square(heats[1:])
    one, three = energies[..., 0] - heats[-1] * simpson(excess, x=heats)
    return mean_of(three - one)


def depth_of_mixtures(_lab: Laboratory) -> Measurement:
    """Return the ratio of (f_n + T ln 2) of n = 3 and 1."""
    heat = 0.999
    one, three = (known("mixture.free_energy", n=n, temperature=heat) for n in (1, 3))
    return Measurement((three + heat * log(2)) / (one + heat * log(2)))


def stable_below(count: int) -> float:
    """Return the temperature below which no direction lowers f at a mixture of n patterns.

    Hessian 1 - E[xi xi^T sech^2(m.xi/T)]/T of f = |m|^2/2 - T E ln 2cosh(m.xi/T), over all 2^n signs.
    """
    signs = np.array([*product((-1, 1), repeat=count)])

    def least(heat: float) -> float:
        field = known("mixture.overlap", n=count, temperature=heat) * signs.sum(axis=1) / heat
        curved = (signs.T / np.cosh(field) ** 2) @ signs / (len(signs) * heat)
        return float(np.linalg.eigvalsh(np.eye(count) - curved)[0])

    return float(brentq(least, 0.1, 0.9))


MIXTURE_CLAIMS: tuple[Claim, ...] = (
    Claim("M2b", "statistical", "001, section 2",
          "Mattis states are ground states: energy per site of a state of one pattern less that of a mixture "
          "of three, T = 0.1, p = 3 (N = 4000).",
          -0.125, rule=Near(0.002), rival=0.0,
          why="-1/2 and -3/8 at T = 0.",
          measure=lambda lab: paired(*(lab.cells(mixed(n, 0.1))["energy"] for n in (1, 3)))),
    Claim("M2d", "statistical", "001, section 2",
          "The free energies of all 2p Mattis states are equal: largest difference of -(T/N) ln of the "
          "weights of the states that are nearest to each ±xi, of all 2^16, three orthogonal patterns, T = "
          "0.5.",
          0.0, rule=Near(1e-12), rival=0.005,
          why="At finite N this holds of patterns that are orthogonal, as all are for N → ∞; of random ones "
              "of 16 neurons they differ by 0.01 to 0.22.",
          measure=valleys),
    Claim("M2e", "statistical", "001, section 2",
          "Mattis states lie below mixtures also at a temperature: free energy per site of a mixture of "
          "three less that of a state of one pattern at T = 0.3, by their energies from T = 0 on (three "
          "orthogonal patterns, N = 4096).",
          0.116990, rule=Near(0.0005), rival=0.151185,
          why="f = E_0 - T int_0^T (E - E_0)/T'^2 dT', measured; mixture.free_energy has 0.116990, the "
              "energies alone differ by 0.151.",
          measure=free_energy_of_mixtures),
    Claim("M2f", "statistical", "001, section 2",
          "They do up to T_c = 1: depth of a mixture of three below the paramagnet, over that of a Mattis "
          "state, at T = 0.999 (n/(3n - 2) = 3/7 at T_c).",
          3 / 7, rule=Near(0.002), rival=1.0,
          measure=depth_of_mixtures),
    Claim("M2g", "statistical", "001, section 2",
          "Above T_c = 1 there are no Mattis states: mean |m| of chains that start at a pattern, T = 1.2, p "
          "= 5 (N = 4000).",
          0.0, rule=Near(0.04), rival=0.5,
          why="|m| of a paramagnet is of order sqrt(T/(T - 1)/N) = 0.04 in one sweep, and less in a mean.",
          measure=lambda lab: mean_of(abs(lab.cells(network(size=4000, sets=24, temperature=1.2,
              axes={"memories": [5]}, sweeps=(100, 200)))["overlap"]).squeeze().values)),
    Claim("M3a", "statistical", "001, section 2",
          "Mixtures of three patterns are states as well: mean overlap with each of the three at T = 0.2 (N "
          "= 4000).",
          0.496536, rule=Near(0.002), rival=0.999909,
          measure=lambda lab: lab.mean(mixed(3, 0.2), "overlap_mixed")),
    Claim("M3b", "statistical", "001, section 2",
          "Mixtures appear below about 0.46 T_c: temperature at which that of three patterns becomes stable, "
          "of the Hessian of the free energy.",
          0.46, rule=Near(0.005),
          why="T* = 0.459794; AGS print 0.461.",
          measure=lambda _lab: Measurement(known("mixture.T_star", n=3))),
    Claim("M3c", "statistical", "001, section 2",
          "They possess dynamic stability: share of mixtures of three that stay for 200 sweeps at T = 0.25 "
          "(N = 4000).",
          1.0, rule=Near(0.05), rival=0.5,
          measure=lambda lab: lab.mean(mixed(3, 0.25), "stays")),
    Claim("M3d", "statistical", "001, section 2",
          "Above 0.46 T_c they have none: share of mixtures of three that stay for 200 sweeps at T = 0.52 (N "
          "= 4000).",
          0.0, rule=Near(0.05), rival=0.5,
          measure=lambda lab: lab.mean(mixed(3, 0.52), "stays")),
    Claim("M3e", "statistical", "001, section 2",
          "Mixtures of five patterns are states as well: mean overlap with each of the five at T = 0.15 (p = "
          "5, N = 4000).",
          0.373288, rule=Near(0.002), rival=0.499359,
          measure=lambda lab: lab.mean(mixed(5, 0.15, memories=5), "overlap_mixed")),
    Claim("M3f", "statistical", "001, section 2, of five patterns",
          "Mixtures of more patterns appear at lower temperatures: temperature below which that of five is "
          "stable, by the Hessian of the free energy over all 2^5 columns of patterns.",
          0.385, rule=Near(0.001), rival=0.459794,
          why="AGS print 0.385.",
          measure=lambda _lab: Measurement(stable_below(5))),
    Claim("M3g", "statistical", "001, section 2, of five patterns",
          "Below it they possess dynamic stability: share of mixtures of five that stay for 200 sweeps at T "
          "= 0.15 (p = 5, N = 4000).",
          1.0, rule=Near(0.05), rival=0.5,
          why="Nearer to it they leave sooner where N is finite: at T = 0.2 a tenth of them do, of N = 4000.",
          measure=lambda lab: lab.mean(mixed(5, 0.15, memories=5), "stays")),
    Claim("M3h", "statistical", "001, section 2, of five patterns",
          "Above it they have none, where those of three still have: share of mixtures of five that stay for "
          "200 sweeps at T = 0.43 (p = 5, N = 4000).",
          0.0, rule=Near(0.05), rival=0.5,
          measure=lambda lab: lab.mean(mixed(5, 0.43, memories=5), "stays")),
)  # fmt: skip
"""Claims on states of few patterns, in the order of the document."""
