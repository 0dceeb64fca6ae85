"""Claims of Amit, Gutfreund & Sompolinsky (1985), by document 001: fields, energies, temperature."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.claims.claim import AtLeast, AtMost, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, mean_of, network, paired, taken
from mattis.exact.patterns import random_patterns
from mattis.exact.rng import stream


def drawn(seed: int, size: int = 60, count: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Return Hebb's couplings of random patterns, without diagonal, and a random state."""
    xi = random_patterns(stream(1, "patterns", {"seed": seed}), count + 1, size).astype(float)
    j = xi[:count].T @ xi[:count] / size
    np.fill_diagonal(j, 0)
    return j, xi[count]


def molecular_field(lab: Laboratory) -> Measurement:
    """Return the largest difference."""
    apart = 0.0
    for seed in range(10 if lab.reduced else 100):
        j, state = drawn(seed)
        field = j @ (state + 1) - j.sum(axis=1)
        apart = max(apart, float(np.abs(field - j @ state).max()))
    return Measurement(apart)


def field_of_patterns(lab: Laboratory) -> Measurement:
    """Return the mean aligned field of the first pattern, and its error over networks."""
    found = []
    for seed in range(100 if lab.reduced else 1000):
        xi = random_patterns(stream(1, "patterns", {"seed": seed}), 8, 60)
        j, _ = drawn(seed)
        found.append(float(np.mean(xi[0] * (j @ xi[0]))))
    return mean_of(np.array(found))


def enumerated(lab: Laboratory, observable: str, dynamics: str) -> Measurement:
    """Return an observable of the transition matrix over all 2^8 states, the largest of three temperatures.

    dynamics  # asynchronous, or synchronous
    """
    axes = {"memories": [3], "temperature": [0.3, 0.8, 2.0]}
    keys = network(size=8, sets=8, axes=axes, question="enumeration", dynamics=dynamics, sweeps=(100, 100))
    return Measurement(float(lab.cells(keys)[observable].max(skipna=False)))


def visits(lab: Laboratory) -> Measurement:
    """Return the difference of energies, over pattern sets."""
    keys = network(size=8, sets=32, axes={"memories": [3]}, temperature=0.8, question="enumeration",
                   sweeps=(200, 20000))  # fmt: skip
    cells = lab.cells(keys)
    return paired(cells["energy"], cells["energy_exact"])


def without_retrieval(lab: Laboratory, temperature: float) -> Measurement:
    """Return q of a network at load 0.1 from a random state (N = 1000)."""
    keys = network(size=1000, sets=16, temperature=temperature, axes={"load": [0.1], "noise": [0.5]},
                   sweeps=(200, 800))  # fmt: skip
    return lab.mean(keys, "edwards_anderson")


def little_at_zero(
    lab: Laboratory, directed: bool = False
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield N h_i of all 2^10 states of Hebb's couplings, (2^10, 10), and the state after each at T = 0.

    P = 3 and N = 10: no field is 0. directed  # half of the directed bonds are cut, at random
    """
    bits = np.arange(10)
    states = 2 * (np.arange(2**10)[:, None] >> bits & 1) - 1
    for seed in range(32 if lab.reduced else 256):
        xi = random_patterns(stream(1, "patterns", {"seed": seed}), 3, 10).astype(np.int64)
        bonds = xi.T @ xi - 3 * np.eye(10, dtype=np.int64)
        if directed:
            bonds *= random_patterns(stream(1, "bonds", {"seed": seed}), 10, 10) > 0
        fields = states @ bonds.T
        yield fields, (fields > 0) @ (1 << bits)


def cold_effective_energy(lab: Laboratory) -> Measurement:
    """Return the largest difference."""
    temperature, apart = 0.01, 0.0
    for fields, _ in little_at_zero(lab):
        x = fields / 10 / temperature
        effective = -temperature * np.logaddexp(x, -x).sum(axis=1)
        apart = max(apart, float(np.abs(effective + np.abs(fields).sum(axis=1) / 10).max()) / 10)
    return Measurement(apart)


def cold_descent(lab: Laboratory) -> Measurement:
    """Return the largest change."""
    energies = ((-np.abs(fields).sum(axis=1), after) for fields, after in little_at_zero(lab))
    return Measurement(float(max((e[after] - e).max() for e, after in energies)) / 10)


def short_cycles(lab: Laboratory, directed: bool) -> Measurement:
    """Return the share of states from which Little's model at T = 0 ends in at most two states."""
    shares = []
    for _, after in little_at_zero(lab, directed):
        end = np.arange(2**10)
        for _ in range(2**10):
            end = after[end]
        shares.append(float((after[after[end]] == end).mean()))
    return mean_of(np.array(shares))


def littles_difference(lab: Laboratory, load: dict[str, list[float]]) -> Measurement:
    """Return the overlap of Little's model less that of Hopfield's, of the same pattern sets."""
    keys = [network(model, size=4000, sets=48, temperature=0.5, axes=load, sweeps=(100, 400))
            for model in ("little", "hopfield")]  # fmt: skip
    return paired(*(lab.cells(one)["overlap"] for one in keys))


def diagonal_of_little(lab: Laboratory) -> Measurement:
    """Return the difference, of the same pattern sets."""
    kept, zero = (
        lab.cells(network("little", size=4000, sets=16, temperature=0.5, axes={"load": [0.05]},
                          sweeps=(100, 400), dynamics={"diagonal": diagonal}))["overlap"]
        for diagonal in ("kept", "zero")
    )  # fmt: skip
    return paired(kept, zero)


def few(lab: Laboratory, observable: str, memories: int, temperature: float, **more: Any) -> Measurement:
    """Return what is observed of a network of few patterns: N = 4000, all of its patterns as cues."""
    keys = network(size=4000, sets=24, temperature=temperature, axes={"memories": [memories]},
                   sweeps=(100, 200), **more)  # fmt: skip
    return lab.mean(keys, observable)


STOCHASTIC_CLAIMS: tuple[Claim, ...] = (
    Claim("A0", "statistical", "001, eqs. (1.2)-(1.3)",
          "With V_i = sum_j J_ij (S_j + 1) and thresholds U_i = sum_j J_ij, the field h_i = V_i - U_i is "
          "sum_j J_ij S_j: largest difference over 100 states.",
          0.0, rule=Near(1e-12),
          measure=molecular_field),
    Claim("A1", "statistical", "001, eq. (1.4)",
          "The Hamiltonian falls with every flip of the rule (1.3), with J symmetric: largest change in any "
          "flip of 640 descents of a spin glass (N = 100).",
          0.0, rule=AtMost(),
          measure=lambda lab: Measurement(float(lab.cells(network("sherrington_kirkpatrick", size=100,
              sets=16, axes={"memories": [1]}, question="landscape", cues=40,
              sweeps=(90, 10)))["energy_change"].max()))),
    Claim("A2", "statistical", "001, eq. (1.5)",
          "J_ij = (1/N) sum_mu xi_i xi_j, i ≠ j: field of a stored pattern along itself, mean of xi_i h_i "
          "over patterns and sites, 1 - 1/N + (P - 1) × 0 (N = 60, P = 7, mean of 100 networks).",
          0.983333, rule=Near(0.002), rival=1.0,
          measure=field_of_patterns),
    Claim("G1a", "statistical", "001, eq. (2.1)",
          "One site after the other, states have the weights of Gibbs, exp(-beta H)/Z: distance of the "
          "stationary law of the transition matrix from them (total variation, largest of 24 networks of N = "
          "8).",
          0.0, rule=Near(1e-10), rival=0.1,
          measure=lambda lab: enumerated(lab, "gibbs_distance", "asynchronous")),
    Claim("G1b", "statistical", "001, section 2.1",
          "Flows between states balance in detail: largest |W(S, S') P(S) - W(S', S) P(S')| over the largest "
          "flow (N = 8, symmetric J).",
          0.0, rule=Near(1e-10), rival=0.1,
          measure=lambda lab: enumerated(lab, "imbalance", "asynchronous")),
    Claim("G1c", "statistical", "001, section 2.1",
          "A chain of the simulation visits states with these weights: mean energy per neuron of a chain of "
          "20 000 sweeps less the exact one, T = 0.8 (N = 8).",
          0.0, rule=Near(2e-4), rival=0.01,
          measure=visits),
    Claim("G1g", "statistical", "001, section 2.1",
          "With asymmetric couplings nothing of this holds: imbalance of flows of directed bonds, T = 0.8 (N "
          "= 8).",
          0.05, rule=AtLeast(), rival=0.0,
          measure=lambda lab: lab.mean(network(size=8, sets=32, axes={"memories": [3]}, temperature=0.8,
              question="enumeration", couplings="asymmetric_dilution", sweeps=(20, 20)), "imbalance")),
    Claim("G1d", "statistical", "001, eq. (2.1)",
          "A state of retrieval lives at a temperature: m of replica-symmetric theory at load 0.1, T = 0.2 "
          "(N = 3000).",
          0.989085, rule=Near(0.002), rival=0.997999,
          measure=lambda lab: lab.mean(network(size=3000, sets=16, temperature=0.2, axes={"load": [0.1]},
              sweeps=(150, 150)), "overlap")),
    Claim("G1e", "statistical", "001, eq. (2.1)",
          "The same at a higher one: m at load 0.03, T = 0.5 (N = 3000).",
          0.936049, rule=Near(0.004), rival=0.957504,
          measure=lambda lab: lab.mean(network(size=3000, sets=16, temperature=0.5, axes={"load": [0.03]},
              sweeps=(150, 150)), "overlap")),
    Claim("G1f", "statistical", "001, section 2.1",
          "Above a temperature that depends on the load no state of retrieval is left: temperature at which "
          "half of the patterns are lost, load 0.05 (N = 3000, 600 sweeps).",
          0.542255, rule=Near(0.038), rival=1.0,
          why="T_M of replica-symmetric theory; at N = 3000 it is seen within 7 %.",
          measure=lambda lab: taken(lab.estimates(network(size=3000, sets=12,
              axes={"load": [0.05], "temperature": [round(0.44 + 0.02 * k, 2) for k in range(11)]},
              sweeps=(300, 300))), "boundary_temperature")),
    Claim("G1h", "statistical", "001, section 2.1",
          "At a finite load states freeze without a pattern: q of chains from random states at T = 0.7, load "
          "0.1, below T_g = 1 + sqrt(load) = 1.316 (N = 1000).",
          0.474763, rule=Near(0.03), rival=0.0,
          why="q of replica-symmetric theory, an approximation below T_g.",
          measure=lambda lab: without_retrieval(lab, 0.7)),
    Claim("G1i", "statistical", "001, section 2.1",
          "Above T_g nothing freezes: q of these chains at T = 1.7.",
          0.0, rule=Near(0.02), rival=0.1,
          measure=lambda lab: without_retrieval(lab, 1.7)),
    Claim("L1", "statistical", "001, eqs. (2.2)-(2.3)",
          "W(S → S') of Little's model is a product over sites, and a probability: largest error of the sums "
          "over S' (N = 8).",
          0.0, rule=Near(1e-12), rival=1.0,
          measure=lambda lab: enumerated(lab, "row_sum_error", "synchronous")),
    Claim("L2a", "statistical", "001, eq. (2.4)",
          "All sites at once, the stationary law is exp(-beta Hbar) of Peretto's effective Hamiltonian, "
          "prod_i 2 cosh(beta h_i): distance of the stationary law from it (total variation, largest of 24 "
          "networks of N = 8).",
          0.0, rule=Near(1e-10), rival=0.1,
          measure=lambda lab: enumerated(lab, "peretto_distance", "synchronous")),
    Claim("L2b", "statistical", "001, section 2.4",
          "Symmetric couplings balance flows in detail also all at once: largest imbalance over the largest "
          "flow (N = 8).",
          0.0, rule=Near(1e-10), rival=0.1,
          measure=lambda lab: enumerated(lab, "imbalance", "synchronous")),
    Claim("L2c", "statistical", "001, section 2.4",
          "Its law is not that of (2.1): distance of the stationary law from Gibbs' weights, T = 0.8 (N = "
          "8).",
          0.05, rule=AtLeast(), rival=0.0,
          measure=lambda lab: lab.mean(network("little", size=8, sets=32, axes={"memories": [3]},
              temperature=0.8, question="enumeration", sweeps=(20, 20)), "gibbs_distance")),
    Claim("L2d", "statistical", "001, eq. (2.4), T → 0",
          "Hbar → -sum_i |h_i| as beta → ∞: largest |Hbar + sum_i |h_i|| per neuron over all states of 256 "
          "networks at T = 0.01 (N = 10, P = 3).",
          0.0, rule=Near(1e-9), rival=0.00693147,
          why="What is left is T sum_i ln(1 + exp(-2 beta |h_i|)): at most T ln 2 per neuron, and that only "
              "where a field is 0, as none is with an odd P and an even N.",
          measure=cold_effective_energy),
    Claim("L2e", "statistical", "001, eq. (2.4), T → 0",
          "This energy never rises at T = 0, all sites at once: largest change of -sum_i |h_i| in a step "
          "from any state (N = 10, P = 3; integers N h_i).",
          0.0, rule=AtMost(),
          why="sum_i |h_i(t)| = S(t + 1) J S(t) grows for symmetric J.",
          measure=cold_descent),
    Claim("L2f", "statistical", "001, section 2.4, T → 0",
          "So it ends in fixed points or cycles of two: share of all states from which it does (N = 10, P = "
          "3).",
          1.0, rule=Near(1e-9), rival=0.99,
          measure=lambda lab: short_cycles(lab, directed=False)),
    Claim("L2g", "statistical", "001, section 2.4, T → 0",
          "Symmetry is what does it: the same share where each directed bond is there with probability 1/2 "
          "(it is below this number).",
          0.99, rule=AtMost(), rival=1.0,
          why="Longer cycles appear.",
          measure=lambda lab: short_cycles(lab, directed=True)),
    Claim("L3a", "statistical", "001, section 2",
          "Hopfield's and Little's models have the same equilibrium below T_c, for a finite number of "
          "patterns: m of Little's less m of Hopfield's at p = 3, T = 0.5 (N = 4000).",
          0.0, rule=Near(0.001),
          why="m = tanh(beta m) for both: 0.957504.",
          measure=lambda lab: littles_difference(lab, {"memories": [3]})),
    Claim("L3b", "statistical", "001, section 2, beyond a finite number of patterns",
          "With an extensive number of patterns the two equilibria differ: m of Little's less m of "
          "Hopfield's at load 0.03, T = 0.5 (N = 4000).",
          0.000607, rule=Near(0.0001), rival=0.0,
          why="More is retrieved by Little's model; the document speaks of finite p, where they agree (L3a).",
          measure=lambda lab: littles_difference(lab, {"load": [0.03]})),
    Claim("L3c", "statistical", "001, section 2.2",
          "Whether sites couple to themselves matters in Little's model: m with J_ii kept less m with J_ii = "
          "0, at load 0.05, T = 0.5 (N = 4000).",
          0.023473, rule=Near(0.004), rival=0.0,
          measure=diagonal_of_little),
    Claim("M1a", "statistical", "001, section 3",
          "The Mattis model, p = 1, is a ferromagnet: m = tanh(beta m) at T = 0.6 (N = 4000).",
          0.907332, rule=Near(0.0005), rival=1.0,
          measure=lambda lab: few(lab, "overlap", memories=1, temperature=0.6)),
    Claim("M2a", "statistical", "001, section 2",
          "Below T_c there are 2p Mattis states, each aligned with one pattern: mean m over the p = 5 "
          "patterns as cues, T = 0.4 (N = 4000; a state -xi is the mirror of xi).",
          0.985624, rule=Near(0.001), rival=0.452241,
          measure=lambda lab: few(lab, "overlap", memories=5, temperature=0.4, cues=5)),
)  # fmt: skip
"""Claims on fields, energies and temperature, in the order of the document."""
