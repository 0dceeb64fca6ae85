"""Claims of Lotito (2025) on continuous neurons: energies, attention, time scales, couplings."""

from typing import Any

import numpy as np
import xarray as xr

from mattis.claims.claim import AtMost, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, mean_of
from mattis.exact.patterns import random_patterns
from mattis.exact.rng import stream
from mattis.networks.neurons.certainty import weights
from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.network import NeuronNetwork, settle


def neurons(model: str, sets: int, axes: dict[str, list[Any]], **more: Any) -> dict[str, Any]:
    """Return the keys of a study of continuous neurons."""
    return {"model": model, "axes": {**axes, "seed": sets}, **more}


def largest(cells: xr.Dataset, observable: str) -> float:
    """Return the largest value of all cells; NaN if any is not known."""
    return float(cells[observable].max(skipna=False))


def descents(lab: Laboratory, observable: str) -> Measurement:
    """Return the largest of an observable of descent over pairs of generating functions."""
    worst = 0.0
    for visible in ("quadratic", "ln_cosh", "spherical"):
        for hidden in ("quadratic", "ln_cosh", "log_sum_exp", "rectified_polynomial"):
            keys = neurons("tanh_tanh", 4, {"size": [20], "memories": [6], "noise": [0.2]}, visible=visible,
                           hidden=hidden, question="descent", flow={"dt": 0.5, "duration": 5.0})  # fmt: skip
            worst = float(np.maximum(worst, largest(lab.cells(keys), observable)))  # NaN stays
    return Measurement(worst)


def breaking(lab: Laboratory, visible: str, beta: float) -> Measurement:
    """Return the step dt/tau_v from which on an Euler step raises the energy."""
    keys = neurons("tanh_tanh", 16, {"size": [40], "memories": [4], "beta": [beta], "noise": [0.2]},
                   visible=visible, question="descent", flow={"dt": 0.5, "duration": 10.0})  # fmt: skip
    return lab.mean(keys, "breaking_step")


ATTENTION_GAINS = (0.5, 1.5, 2.0)
"""beta at which what attention loses is measured."""


def lost_weights(lab: Laboratory) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what other memories weigh where attention rests, (3, P), and separations Delta, (P,), by set.

    From each of P = 30 patterns of N_v = 40 signs, by beta of ATTENTION_GAINS; Delta = |xi|^2 less the
    largest product with another pattern.
    """
    found = []
    for seed in range(4 if lab.reduced else 32):
        xi = random_patterns(stream(1, "patterns", {"seed": seed}), 30, 40).astype(float)
        others = xi @ xi.T - 2 * 40 * np.eye(30)
        rows = []
        for beta in ATTENTION_GAINS:
            net = NeuronNetwork(xi, Population("quadratic"), Population("log_sum_exp", FunctionNumbers(beta)))
            shares = weights(net, settle(net, np.ascontiguousarray(xi.T), 0.5, 0.0, 200).state)
            np.fill_diagonal(shares, 0.0)
            rows.append(shares.sum(axis=0))
        found.append((np.array(rows), 40 - others.max(axis=0)))
    return found


def bound_of_attention(lab: Laboratory) -> Measurement:
    """Return the largest ratio of lost weight and bound."""
    gains = np.array(ATTENTION_GAINS)[:, None]
    ratios = [lost / (29 * np.exp(-gains * apart)) for lost, apart in lost_weights(lab)]
    return Measurement(float(np.max(ratios)))


def exponent_of_attention(lab: Laboratory) -> Measurement:
    """Return the exponent, a mean over sets."""
    slopes = [float(np.mean(np.log(lost[1] / lost[2]) / 0.5 / apart)) for lost, apart in lost_weights(lab)]
    return mean_of(np.array(slopes))


SEPARATIONS = [0.001, 0.003, 0.01]
"""Ratios tau_h/tau_v, small ones."""


def nearly_fast(lab: Laboratory) -> xr.Dataset:
    """Return how the full system compares with quasi-equilibrium, by tau_h/tau_v."""
    axes: dict[str, list[Any]] = {"size": [50], "memories": [10], "separation": SEPARATIONS, "noise": [0.2]}
    return lab.cells(neurons("fast_slow", 8, axes))


def exponent(found: xr.DataArray) -> Measurement:
    """Return the slope of a logarithm over that of tau_h/tau_v, a mean over pattern sets."""
    values = found.squeeze().transpose("separation", "seed")
    return mean_of(np.polyfit(np.log(values["separation"]), np.log(values.values), 1)[0])


def least_energy(lab: Laboratory) -> Measurement:
    """Return the ratio of the largest differences of either sign."""
    cells = nearly_fast(lab)
    return Measurement(largest(cells, "energy_below") / largest(cells, "energy_above"))


def rotated(lab: Laboratory, observable: str) -> Measurement:
    """Return what is seen of couplings of rotated memories (N = 60)."""
    return lab.mean(neurons("rotation", 16, {"size": [60], "memories": [12]}), observable)


def normalisation(lab: Laboratory) -> Measurement:
    """Return the ratio of the two eigenvalues."""
    kinds = [lab.mean(neurons("tanh_tanh", 8, {"size": [200], "memories": [40]}, scale=scale), "lambda_max")
             for scale in ("memories", "sites")]  # fmt: skip
    return Measurement(kinds[0].measured / kinds[1].measured)


CONTINUOUS_CLAIMS: tuple[Claim, ...] = (
    Claim("H1a", "hopfield", "001, Content-Addressable Memory and Dynamics",
          "dX/dt = -grad E flows to stable points, and E falls by |grad E|^2: largest relative difference of "
          "dE/dt from that of gradient flow (quadratic visible neurons, for which H_v = 1).",
          0.0, rule=Near(1e-4), rival=2.0,
          measure=lambda lab: Measurement(largest(lab.cells(neurons("tanh_tanh", 8,
              {"size": [40], "memories": [4], "noise": [0.2]}, visible="quadratic", question="descent",
              flow={"dt": 0.5, "duration": 10.0})), "energy_mismatch"))),
    Claim("eq2b", "lotito", "000, eqs. (1)-(2)",
          "Steps up to twice the time constant are stable: dt/tau from which on Euler's step raises the "
          "energy of neurons that are drawn to a fixed B.",
          2.0, rule=Near(0.01), rival=1.0,
          measure=lambda lab: lab.mean(neurons("attention", 8, {"size": [20], "memories": [4],
              "beta": [0.001], "noise": [0.3]}, hidden="ln_cosh", patterns="signs", scale="sites",
              question="descent", cues=4, flow={"dt": 0.1, "duration": 5.0}), "breaking_step")),
    Claim("eq5", "lotito", "000, eqs. (3)-(5)",
          "dE/dt = g'(v) v' (v - B) along the flow, E of (3): largest relative difference over 12 pairs of "
          "generating functions.",
          0.0, rule=Near(1e-4), rival=2.0,
          measure=lambda lab: descents(lab, "activation_mismatch")),
    Claim("eq6", "lotito", "000, eqs. (6) and (8)",
          "dE/dt = -tau_v v'^T H_v v' <= 0: largest relative difference over 12 pairs of generating "
          "functions.",
          0.0, rule=Near(1e-4), rival=2.0,
          measure=lambda lab: descents(lab, "energy_mismatch")),
    Claim("eq8a", "lotito", "000, eq. (8)",
          "Steps of Euler's rule lower the energy as the flow does: step dt/tau_v from which on one raises "
          "it, quadratic visible neurons (at least 2 for every L_h).",
          2.0, rule=Near(0.05), rival=1.0,
          why="The energy falls at every step up to 2 tau_v for quadratic L_v, up to tau_v for every convex "
              "pair.",
          measure=lambda lab: breaking(lab, "quadratic", 1.0)),
    Claim("eq8b", "lotito", "000, eq. (8), in discrete steps",
          "Euler's steps lower the energy of tanh neurons less far: step dt/tau_v from which on one raises "
          "it at beta = 8.",
          1.6, rule=Near(0.1), rival=2.0,
          why="A steep L_v has the energy rise at smaller steps than 2 tau_v; up to tau_v it never does.",
          measure=lambda lab: breaking(lab, "ln_cosh", 8.0)),
    Claim("eq9a", "lotito", "000, eq. (9)",
          "With softmax hidden neurons one Euler step at dt = tau is attention, which recalls at once: "
          "overlap after one step (N = 64, P = 128, beta = 1, cue with 0.8).",
          1.0, rule=Near(1e-3), rival=0.8,
          measure=lambda lab: lab.mean(neurons("attention", 16, {"size": [64], "memories": [128],
              "beta": [1.0], "noise": [0.1]}, cues=4), "overlap_one_step")),
    Claim("eq9b", "lotito", "000, eqs. (8)-(9)",
          "Attention, one step at dt = tau, lowers the energy at every step: largest rise in a step, over "
          "its range (N = 40, P = 60, beta = 0.3).",
          0.0, rule=Near(1e-12), rival=0.01,
          measure=lambda lab: Measurement(largest(lab.cells(neurons("attention", 8,
              {"size": [40], "memories": [60], "beta": [0.3], "noise": [0.3]}, question="descent", cues=2,
              flow={"dt": 1.0, "duration": 20.0})), "energy_rise"))),
    Claim("eq9c", "lotito", "000, introduction",
          "Networks with interactions of n bodies store patterns in proportion to N^(n-1): overlap at P = "
          "0.05 N² = 500, n = 3 (N = 100, T = 0).",
          0.988334, rule=Near(0.005), rival=0.1,
          why="Five patterns per neuron, where Hebb's rule keeps 0.138.",
          measure=lambda lab: lab.mean(neurons("dense_binary", 16, {"size": [100], "memories": [500]},
              degree=3, cues=4), "overlap")),
    Claim("eq9d", "lotito", "000, eq. (9) with softmax",
          "Attention rests at a stored pattern but for (P - 1) exp(-beta Delta), Delta = min (xi·xi - "
          "xi·xi'): weight of all other memories there over this bound, the largest of 2880 (N_v = 40, P = "
          "30, beta = 0.5 to 2).",
          1.0, rule=AtMost(), rival=0.0,
          why="Ramsauer et al. (2020). Most of the bound is lost by the nearest pattern alone.",
          measure=bound_of_attention),
    Claim("eq9e", "lotito", "000, eq. (9) with softmax",
          "What is lost falls as exp(-beta Delta): -d ln(weight of all other memories)/d beta, beta = 1.5 to "
          "2, over Delta, a mean over patterns (N_v = 40, P = 30).",
          1.0, rule=Near(0.005), rival=0.5,
          why="Half of it would be that of exp(-beta |xi - xi'|^2/4), |xi - xi'|^2 = 2 Delta.",
          measure=exponent_of_attention),
    Claim("eq9f", "lotito", "000, introduction",
          "A bit of a pattern in a dense network of three bodies errs with Q(sqrt(N^2/(3 P))): share of "
          "wrong bits after a sweep from the pattern (N = 200, P = 2000, T = 0).",
          0.00491164, rule=Near(0.0004), rival=0.000782701,
          why="Krotov & Hopfield (2016): the noise is that of (2n - 3)!! = 3; with 2, that of interactions "
              "of three distinct neurons, it would be 0.00078.",
          measure=lambda lab: lab.mean(neurons("dense_binary", 32, {"size": [200], "memories": [2000]},
              degree=3, cues=20), "overlap_one_step") * -0.5 + 0.5),
    Claim("eq10", "lotito", "000, eqs. (10)-(11)",
          "The fast-slow network tends to quasi-equilibrium as tau_h/tau_v → 0, in proportion to it: slope "
          "of ln distance over ln tau_h/tau_v, between 0.001 and 0.01.",
          1.0, rule=Near(0.05), rival=0.5,
          measure=lambda lab: exponent(nearly_fast(lab)["distance"])),
    Claim("eq18a", "lotito", "000, eqs. (17)-(19)",
          "With both populations dE/dt = -tau_v v'H_v v' - tau_h h'H_h h': largest relative difference along "
          "trajectories at tau_h/tau_v = 0.1 and 1.",
          0.0, rule=Near(1e-4), rival=1.0,
          measure=lambda lab: Measurement(largest(lab.cells(neurons("fast_slow", 4,
              {"size": [50], "memories": [10], "separation": [0.1, 1.0], "noise": [0.2]})),
              "energy_mismatch"))),
    Claim("eq18b", "lotito", "000, eq. (18)",
          "The dynamics are gradients, tau_v v' = -dE/dg: largest |dE/dv - H_v (v - B)| at cues over the "
          "largest |dE/dv|, 12 pairs of generating functions.",
          0.0, rule=Near(1e-6), rival=1.0,
          measure=lambda lab: descents(lab, "gradient_error")),
    Claim("eq19a", "lotito", "000, eqs. (3) and (19)",
          "The energy (19) of both populations tends to (3) as tau_h/tau_v → 0, with its square: slope of ln "
          "of the largest difference at the same v over ln tau_h/tau_v, between 0.001 and 0.01.",
          2.0, rule=Near(0.05), rival=1.0,
          why="The state is off by tau_h/tau_v (eq10); the energy by its square, for (3) is the minimum of "
              "(19) over f.",
          measure=lambda lab: exponent(nearly_fast(lab)["energy_above"])),
    Claim("eq19b", "lotito", "000, eqs. (3) and (19)",
          "At quasi-equilibrium h minimises (19): how far (19) falls below (3) at the same v, over how far "
          "it rises above it, along trajectories at tau_h/tau_v = 0.001 to 0.01.",
          0.0, rule=Near(1e-6), rival=1.0,
          measure=least_energy),
    Claim("eq20", "lotito", "000, eqs. (20)-(21)",
          "With L_v = (beta/2)|Xi v|^2 and J = Xi^T Xi/N the network recalls: overlap at beta = 2, load 0.02 "
          "(N = 1000).",
          0.95123, rule=Near(0.003), rival=0.0,
          why="The line is that of signal and noise with self-action (Shiino & Fukai 1992).",
          measure=lambda lab: lab.mean(neurons("hebbian_tanh", 16,
              {"size": [1000], "load": [0.02], "beta": [2.0]}, flow={"dt": 0.5, "steps": 4000}), "overlap")),
    Claim("eq21", "lotito", "000, eq. (21)",
          "Its fixed points are those of the graded-response network, one to one: largest |B - v| of a site "
          "where one is mapped to.",
          0.0, rule=Near(1e-9), rival=0.018,
          measure=lambda lab: Measurement(largest(lab.cells(neurons("hebbian_tanh", 4,
              {"size": [500], "load": [0.02], "beta": [2.0]}, question="equivalence",
              flow={"dt": 0.5, "steps": 10000, "tolerance": 1.0e-12})), "mismatch"))),
    Claim("eq22a", "lotito", "000, eq. (22)",
          "The couplings do not change when memories are rotated among themselves, J(U Xi) = J(Xi): largest "
          "relative difference.",
          0.0, rule=Near(1e-12), rival=1.0,
          measure=lambda lab: Measurement(rotated(lab, "rotation_error").measured)),
    Claim("eq22b", "lotito", "000, footnote 4",
          "U can be chosen such that U Xi is triangular, J = R^T R: largest relative difference by QR.",
          0.0, rule=Near(1e-12), rival=1.0,
          measure=lambda lab: Measurement(rotated(lab, "triangular_error").measured)),
    Claim("eq22c", "lotito", "000, footnote 4",
          "Cholesky's decomposition of J helps in computations: share of pattern sets for which J has a "
          "Cholesky factor (N_h = 12 < N_v = 60).",
          1.0, right=0.0, rule=Near(0.05),
          why="J is singular for N_h < N_v: QR of Xi has to be used.",
          measure=lambda lab: rotated(lab, "cholesky_failed") * -1 + 1),
    Claim("E12", "errata", "000, eq. (8)",
          "The energy falls strictly wherever the state moves: least v'^T H_v v'/|v'|^2 of the spherical L_v "
          "= |v|, over that of the quadratic one, 1.",
          1.0, right=0.0, rule=Near(0.05),
          why="(8) is strict for strictly convex L_v only; |v| is not, along v.",
          measure=lambda lab: Measurement(float(lab.estimates(neurons("tanh_tanh", 4,
              {"size": [20], "memories": [1], "noise": [0.0]}, visible="spherical", hidden="quadratic",
              question="descent", flow={"dt": 0.1, "duration": 2.0}))["least_curvature"].min()))),
    Claim("E15", "errata", "000, eqs. (20)-(22)",
          "Couplings normalised by N_h are those of the usual theory: largest eigenvalue with 1/N_h over "
          "that with 1/N_v, at load 0.2.",
          1.0, right=5.0, rule=Near(1e-6),
          why="They are 1/alpha times as strong, which rescales beta; the capacity 0.138 is that of 1/N, or "
              "of T = 0.",
          measure=normalisation),
)  # fmt: skip
"""Claims on continuous neurons, in the order of the document."""
