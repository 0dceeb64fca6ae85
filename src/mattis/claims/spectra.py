"""Claims of Lotito (2025) on linear modes: Jacobians, what leaves the origin, spectra of random memories."""

import numpy as np

from mattis.claims.claim import Claim, Near
from mattis.claims.continuous import largest, neurons
from mattis.claims.laboratory import Laboratory, Measurement, mean_of
from mattis.exact import gaussians
from mattis.exact.rng import stream
from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.network import NeuronNetwork, settle


def jacobians(lab: Laboratory, observable: str) -> Measurement:
    """Return what is seen of Jacobians of tanh neurons at the origin, at cues and at rest."""
    keys = neurons("tanh_tanh", 8, {"size": [40], "load": [0.2], "noise": [0.1]},
                   question="jacobian", cues=2, flow={"dt": 0.5, "steps": 20000})  # fmt: skip
    return Measurement(largest(lab.cells(keys), observable))


def rates_at_origin(lab: Laboratory, distance: float) -> np.ndarray:
    """Return rates at which |v| grows from 1e-6 at beta lambda_max = 1 -+ distance, over beta lambda_max - 1.

    Random states of tanh neurons, N_v = 100 and N_h = 20, follow eq. (27) for 500 tau, after which only the
    fastest mode is left; the rate is that of the next 100 tau. (sets, 2): below and above 1.
    """
    found = []
    for seed in range(4 if lab.reduced else 32):
        labels = {"seed": seed}
        xi = gaussians.normals(stream(1, "patterns", labels), 100, np.arange(20)) / np.sqrt(20)
        start = 1e-6 * gaussians.normals(stream(1, "states", labels), 100, np.arange(1)).T
        for apart in (-distance, distance):
            gain = FunctionNumbers((1 + apart) / float(np.linalg.eigvalsh(xi @ xi.T)[-1]))
            net = NeuronNetwork(xi, Population("ln_cosh", gain), Population("ln_cosh"))
            first = settle(net, start, 0.5, 0.0, 1000).state
            last = settle(net, first, 0.5, 0.0, 200).state
            grown = float(np.log(np.linalg.norm(last) / np.linalg.norm(first)))
            found.append(grown / 100 / apart)
    return np.array(found).reshape(-1, 2)


def modes(lab: Laboratory, observable: str) -> Measurement:
    """Return what is seen of linear neurons (N_v = 200, N_h = 50)."""
    keys = neurons("linear", 8, {"size": [200], "load": [0.25], "beta": [1.0], "noise": [0.1]},
                   flow={"dt": 0.05, "duration": 1.0})  # fmt: skip
    return lab.mean(keys, observable)


def edges(lab: Laboratory, observable: str) -> Measurement:
    """Return an edge of the spectrum at load 0.2 as N → ∞: of a line over N^(-2/3) (Tracy and Widom)."""
    keys = neurons("tanh_tanh", 64, {"size": [100], "load": [0.2]})
    return lab.endless(keys, observable, (100, 200, 400, 800), 2 / 3)


def mean_square(lab: Laboratory) -> Measurement:
    """Return tr (Xi^T Xi)^2/N_h, and its error over seeds."""
    found = []
    for seed in range(4 if lab.reduced else 32):
        xi = gaussians.normals(stream(1, "patterns", {"seed": seed}), 500, np.arange(100)) / 10
        found.append(float(np.sum((xi @ xi.T) ** 2)) / 100)
    return mean_of(np.array(found))


def unstable(lab: Laboratory, observable: str, load: float) -> Measurement:
    """Return what is unstable at the origin at a load (N_v = 400)."""
    return lab.mean(neurons("tanh_tanh", 32, {"size": [400], "load": [load]}), observable)


def smallest_eigenvalue(_lab: Laboratory) -> Measurement:
    """Return the smallest eigenvalue of Xi^T Xi, Xi normal of variance 1/N_h."""
    xi = gaussians.normals(stream(1, "patterns", {"seed": 0}), 200, np.arange(40)) / np.sqrt(40)
    return Measurement(float(np.linalg.eigvalsh(xi.T @ xi)[0]))


SPECTRUM_CLAIMS: tuple[Claim, ...] = (
    Claim("eq28", "lotito", "000, eq. (28)",
          "The Jacobian of the tanh network is (28): largest relative difference from differences of the "
          "flow.",
          0.0, rule=Near(1e-6), rival=0.5,
          measure=lambda lab: jacobians(lab, "jacobian_error")),
    Claim("eq29", "lotito", "000, eq. (29)",
          "At v = 0 it is Xi^T Xi - 1: largest relative difference from differences of the flow.",
          0.0, rule=Near(1e-6), rival=0.5,
          measure=lambda lab: jacobians(lab, "origin_error")),
    Claim("eq27a", "lotito", "000, eqs. (21), (27) and (29)",
          "v = 0 is unstable if and only if beta lambda_max > 1: share of random states near it that come "
          "nearer at beta lambda_max = 0.99, and of those that leave it at 1.01 (tanh neurons, N_v = 100, "
          "N_h = 20).",
          1.0, rule=Near(0.01), rival=0.5,
          why="The flow itself decides, no Jacobian: half would be right if it did not turn there.",
          measure=lambda lab: Measurement(float((rates_at_origin(lab, 0.01) > 0).mean()))),
    Claim("eq27b", "lotito", "000, eqs. (27) and (29)",
          "Near v = 0 the largest eigenvalue of beta Xi^T Xi - 1 is the rate: rate at which |v| grows or "
          "falls at beta lambda_max = 0.98 and 1.02, over beta lambda_max - 1 (units of 1/tau).",
          1.0, rule=Near(0.005), rival=0.5,
          measure=lambda lab: mean_of(rates_at_origin(lab, 0.02).mean(axis=1))),
    Claim("E9a", "errata", "000, eq. (26)",
          "tau v' = (1 - Xi^T Xi) v: sign of ln(overlap after tau/overlap of the cue), of linear neurons "
          "with lambda_max = 9; -1 where modes of large eigenvalues decay.",
          -1.0, right=1.0, rule=Near(0.01),
          why="The sign is that of (29): tau v' = (Xi^T Xi - 1) v. Where lambda_max > 1 the energy has no "
              "minimum.",
          measure=lambda lab: Measurement(float(np.sign(np.log(modes(lab, "overlap").measured / 0.8))))),
    Claim("E9b", "errata", "000, eq. (26), sign mended",
          "Linear neurons follow these modes: largest difference of Euler steps and modes over a duration of "
          "tau, over the state's root mean square.",
          0.0, rule=Near(1e-9), rival=1.0,
          measure=lambda lab: Measurement(modes(lab, "mode_error").measured)),
    Claim("E9c", "errata", "000, section 5.4",
          "With quadratic L the energy has a minimum and the system can be solved to rest: share of pattern "
          "sets at load 0.25, lambda_max = 9, without one.",
          0.0, right=1.0, rule=Near(0.05),
          why="E = (|v|^2 - |Xi v|^2)/2 falls without end along eigenvectors of eigenvalues above 1.",
          measure=lambda lab: modes(lab, "unbounded")),
    Claim("E10a", "errata", "000, eq. (30)",
          "The Jacobian of the appendix, (30) as printed, where its shapes fit (N_h = N_v): largest "
          "difference from differences of the flow, over the largest element.",
          0.0, right=0.5, rule=Near(0.15),
          why="The factors of (30) stand in the wrong order; (28) is right, to 1e-9.",
          measure=lambda lab: lab.mean(neurons("tanh_tanh", 16, {"size": [40], "load": [1.0], "noise": [0.1]},
              question="jacobian", cues=2, flow={"dt": 0.5, "steps": 20000}), "printed_error")),
    Claim("E10b", "errata", "000, eqs. (28)-(30)",
          "Eigenvalues of the Jacobian are real: largest imaginary part, over the largest eigenvalue.",
          0.0, rule=Near(1e-12), rival=0.1,
          why="A H_v with A symmetric is similar to a symmetric matrix; the document asks for real parts "
              "other than 0.",
          measure=lambda lab: jacobians(lab, "imaginary")),
    Claim("MPa", "lotito", "000, section 5.4",
          "Eigenvalues of Xi^T Xi follow Marchenko and Pastur: largest one at load 0.2, (1 + "
          "1/sqrt(alpha))^2 = 10.4721, N_v → ∞ by N_v = 100 to 800.",
          10.472136, rule=Near(0.03), rival=9.0,
          measure=lambda lab: edges(lab, "lambda_max")),
    Claim("MPb", "lotito", "000, section 5.4",
          "The smallest eigenvalue that is not 0 lies at (1 - 1/sqrt(alpha))^2 = 1.5279 at load 0.2, N_v → ∞ "
          "by N_v = 100 to 800.",
          1.527864, rule=Near(0.02), rival=1.0,
          measure=lambda lab: edges(lab, "lambda_min")),
    Claim("MPc", "lotito", "000, section 5.4",
          "The nonzero eigenvalues have the density of Marchenko and Pastur: their mean square, 1/alpha^2 + "
          "1/alpha = 30 at load 0.2 (N_h = 100, N_v = 500).",
          30.0, rule=Near(0.3), rival=25.0,
          measure=mean_square),
    Claim("E11a", "errata", "000, section 5.4",
          "“lambda_min = (1 - sqrt(1/alpha))^2” is the smallest eigenvalue of Xi^T Xi: smallest one of all "
          "N_v at load 0.2 (N_v = 200).",
          1.527864, right=0.0, rule=Near(0.1),
          why="It is the smallest one that is not 0: Xi^T Xi has N_v - N_h zeros, which are harmless, for 0 "
              "is not 1.",
          measure=smallest_eigenvalue),
    Claim("E11d", "errata", "000, section 5.4",
          "alpha < 1/4 is sufficient, not necessary, and of v = 0 alone: share of pattern sets at load 0.5 "
          "whose fixed point v = 0 is hyperbolic (least |beta lambda - 1| above 1e-9).",
          1.0, rule=Near(0.05), rival=0.0,
          why="No eigenvalue is 1 at any load, almost surely.",
          measure=lambda lab: Measurement(float((lab.cells(neurons("tanh_tanh", 32,
              {"size": [400], "load": [0.5]}))["gap"].squeeze() > 1e-9).mean()))),
    Claim("E11b", "errata", "000, section 5.4",
          "Below load 1/4 all N_h directions of the memories are unstable at v = 0: share of pattern sets at "
          "load 0.2.",
          1.0, rule=Near(0.01), rival=0.0,
          measure=lambda lab: unstable(lab, "all_unstable", 0.2)),
    Claim("E11c", "errata", "000, section 5.4",
          "Above it they are not: the same share at load 0.35.",
          0.0, rule=Near(0.01), rival=1.0,
          measure=lambda lab: unstable(lab, "all_unstable", 0.35)),
)  # fmt: skip
"""Claims on linear modes, in the order of the document."""
