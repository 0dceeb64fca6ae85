"""Claims of Lotito (2025) on memories that drift: figure 1, its findings, thresholds, couplings."""

from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from mattis.claims.claim import AtLeast, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, known, mean_of, paired, taken
from mattis.networks.drift import memories
from mattis.theory.consolidation import published, similarity

PUBLISHED: dict[str, Any] = {
    "model": "consolidation", "ensemble": "published", "clamping": "cyclic",
    "axes": {
        "size": [50], "memories": [4], "beta": [2.0], "noise": [0.4], "tau": [250.0],
        "presentations": {"from": 0, "to": 500, "count": 2001}, "memory": [0, 1, 2, 3], "seed": [41],
    },
}  # fmt: skip
"""Figure 1 of the paper, with the seed and the parameters of its code."""

ORTHOGONAL = {"model": "consolidation", "ensemble": "orthogonal"}
"""Memories at right angles, as few random ones are for N_v → ∞."""


def figure_one(lab: Laboratory) -> xr.DataArray:
    """Return the cosines of figure 1, (2001, 4): after each of 2000 presentations, and before the first."""
    return lab.cells(PUBLISHED)["similarity"].squeeze().transpose("presentations", "memory")


def starts() -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines of the four memories with their patterns at first, and |xi'|/|Xi(0)|."""
    old, noise = memories.published(41, 4, 50)
    new = old + 0.4 * noise
    lengths = [np.linalg.norm(rows, axis=1) for rows in (old, new)]
    return (old * new).sum(axis=1) / (lengths[0] * lengths[1]), lengths[1] / lengths[0]


def moving(lab: Laboratory, observable: str, **more: Any) -> Measurement:
    """Return how synapses move, halfway to their patterns: four orthogonal memories of 32 neurons."""
    axes = {"size": [32], "memories": [4], "kappa": [32.0], "noise": [0.4], "tau": [1000.0],
            "presentations": [693.0], "seed": 8, **more.pop("axes", {})}  # fmt: skip
    keys = {**ORTHOGONAL, "question": "synapses", "clamping": "cyclic", "axes": axes}
    return lab.mean({**keys, **more}, observable)


def couplings_after(lab: Laboratory, presentations: float, rule: str) -> xr.DataArray:
    """Return how far couplings are from their target, of eight orthogonal memories that are shown in turn.

    tau = 100, N_v = 100 000, kappa = 60 (one-hot)
    """
    axes = {"size": [100_000], "memories": [8], "kappa": [60.0], "noise": [1.0], "tau": [100.0],
            "presentations": [0.0, 30.0, 70.0, 150.0, 1000.0], "seed": 16}  # fmt: skip
    keys = {**ORTHOGONAL, "clamping": "cyclic", "axes": axes}
    return lab.cells(keys)[f"{rule}_error"].sel(presentations=presentations).squeeze()


def shown_unequally(lab: Laboratory, observable: str) -> Measurement:
    """Return how far couplings are from Xi'^T Xi' after 20 tau, patterns shown 1 to e times as often."""
    axes = {"size": [100_000], "memories": [8], "kappa": [60.0], "noise": [1.0], "tau": [100.0],
            "spread": [1.0], "presentations": [2000.0], "seed": 16}  # fmt: skip
    return lab.mean({**ORTHOGONAL, "clamping": "random", "axes": axes}, observable)


def time_of_memory(lab: Laboratory) -> Measurement:
    """Return the time from the final cosine: k presentations leave (1 - 1/tau)^k of the old memory."""
    cosines, (overlaps, ratios) = figure_one(lab), starts()

    def apart(k: float) -> float:
        return similarity(k, 250.0, overlaps[0], ratios[0]) - float(cosines[-1, 0])

    presentations = float(brentq(apart, 1.0, 5000.0))
    return Measurement(2000 / (-presentations * np.log1p(-1 / 250)))


def shown_at_random(lab: Laboratory) -> Measurement:
    """Return the ratio of the mean cosine and that of theory, of the ensemble's overlap and lengths."""
    axes = {"size": [1_000_000], "memories": [4], "kappa": [60.0], "noise": [0.4], "tau": [20.0],
            "presentations": [15.0], "seed": 400}  # fmt: skip
    keys = {**ORTHOGONAL, "clamping": "random", "axes": axes}
    length = float(np.sqrt(1 + 0.4**2))
    mean = known("consolidation.similarity_mean", steps=60, probability=0.25, tau=20.0,
                 overlap=1 / length, norm_ratio=length)  # fmt: skip
    return lab.mean(keys, "similarity") * (1 / mean)


def at_steps(cosines: xr.DataArray) -> np.ndarray:
    """Return the time t, in presentations per memory, that the code compares the state after step t with."""
    return np.asarray(cosines["presentations"].values[1:] - 0.25)


def deviation_of_published(lab: Laboratory) -> Measurement:
    """Return the largest deviation of eq. (40)."""
    cosines, (overlaps, _) = figure_one(lab), starts()
    line = [[published(float(p), 250.0, a) for a in overlaps] for p in at_steps(cosines)]
    return Measurement(float(np.abs(cosines.values[1:] - np.array(line)).max()))


PRINTED_COSINES = (0.99881974, 0.99877396, 0.99889907, 0.99832213)
"""Final cosines of the four memories that the published code prints."""

PRINTED_OVERLAPS = (0.92961249, 0.9273168, 0.93377625, 0.90297327)
"""Their cosines with the new patterns at first."""


def one_hot(lab: Laboratory) -> Measurement:
    """Return the largest deviation of the closed form: memory mu is shown at steps mu, mu + 4, …"""
    cosines, (overlaps, ratios) = figure_one(lab), starts()
    exact = [
        [similarity(float(max(0, -((mu - step) // 4))), 250.0, overlaps[mu], ratios[mu]) for mu in range(4)]
        for step in np.rint(cosines["presentations"].values * 4).astype(int)
    ]
    return Measurement(float(np.abs(cosines.values - np.array(exact)).max()))


def norm_aware(lab: Laboratory) -> Measurement:
    """Return the largest deviation of eq. (40) with |xi'|/|Xi(0)| in it."""
    cosines, (overlaps, ratios) = figure_one(lab), starts()
    e = np.exp(-at_steps(cosines) / 250.0)[:, None]
    a, s = overlaps[None], ratios[None]
    line = (e * a + (1 - e) * s) / np.sqrt(e**2 + ((1 - e) * s) ** 2 + 2 * e * (1 - e) * a * s)
    return Measurement(float(np.abs(cosines.values[1:] - line).max()))


def collapsing(lab: Laboratory, sizes: list[int]) -> xr.Dataset:
    """Return the state after the figure's 500 presentations per memory, where beta N_v is of order 1."""
    axes = {"size": sizes, "memories": [4], "kappa": [0.58, 1.276, 2.32, 4.64, 9.28], "noise": [0.4],
            "tau": [250.0], "presentations": [500.0], "seed": 32}  # fmt: skip
    return lab.estimates({**ORTHOGONAL, "clamping": "cyclic", "axes": axes})


def collapse_in_kappa(lab: Laboratory) -> Measurement:
    """Return the largest spread over sizes."""
    found = collapsing(lab, [25, 100, 400])["similarity"].squeeze()
    return Measurement(float((found.max("size") - found.min("size")).max()))


def softer(lab: Laboratory) -> xr.Dataset:
    """Return figure 1 at smaller beta, each memory before each presentation of its pattern, and after all."""
    axes = {**PUBLISHED["axes"], "beta": [0.01, 0.02, 0.05, 0.1, 0.2],
            "presentations": {"from": 0, "to": 500, "count": 501}}  # fmt: skip
    return lab.cells({**PUBLISHED, "axes": axes}).squeeze()


SOFTER_SIMILARITIES = ((0.66, 0.74), (0.74, 0.80), (0.98, 0.98), (0.998, 0.999), (0.998, 0.999))
"""Least and largest final similarity of the four memories, as the code has them at these beta."""

SOFTER_WEIGHTS = (0.298, 0.367, 0.740, 0.985, 1.000)
"""Mean weights of a memory at its own pattern, as the code has them."""


def similarities_of_softer(lab: Laboratory) -> Measurement:
    """Return the largest difference from what the code has."""
    last = softer(lab)["similarity"].isel(presentations=-1)
    ends = np.stack([last.min("memory"), last.max("memory")], axis=1)
    return Measurement(float(np.abs(ends - SOFTER_SIMILARITIES).max()))


def similarities_of_collapse(lab: Laboratory) -> Measurement:
    """Return the largest difference from these numbers, which are of one seed."""
    found = collapsing(lab, [25, 100, 400])["similarity"].squeeze().mean("size").values
    return Measurement(float(np.abs(found - (0.71, 0.80, 0.945, 0.999, 0.999)).max()))


def weights_of_softer(lab: Laboratory) -> Measurement:
    """Return the largest difference from what the code has."""
    weights = softer(lab)["own_weight"].isel(presentations=slice(0, -1))
    found = weights.mean(("memory", "presentations")).values
    return Measurement(float(np.abs(found - SOFTER_WEIGHTS).max()))


def mean_weights(lab: Laboratory, memories: int, sets: int, **axes: list[Any]) -> xr.DataArray:
    """Return the mean weight at the own pattern over the figure's 500 presentations per memory."""
    shared = {"memories": [memories], "noise": [0.4], "tau": [250.0], "seed": sets,
              "presentations": {"from": 0, "to": 500, "count": 51}}  # fmt: skip
    keys = {**ORTHOGONAL, "clamping": "cyclic", "axes": {**axes, **shared}}
    return lab.cells(keys)["own_weight"].squeeze().isel(presentations=slice(0, -1)).mean("presentations")


def weights_of_collapse(lab: Laboratory) -> Measurement:
    """Return the largest difference from these numbers, which are of one seed."""
    weights = mean_weights(lab, 4, 16, size=[25, 100, 400], kappa=[0.58, 1.276, 2.32, 4.64, 9.28])
    found = weights.mean("seed").transpose("size", "kappa").values
    return Measurement(float(np.abs(found - (0.30, 0.39, 0.61, 0.956, 0.999)).max()))


def half_weight(lab: Laboratory, memories: int, about: float) -> Measurement:
    """Return beta N_v at which the mean weight at the own pattern is 1/2 (N_v = 200), over pattern sets."""
    places = [round(about + 0.15 * k, 3) for k in range(-2, 3)]
    weights = mean_weights(lab, memories, 16, size=[200], beta=[place / 200 for place in places])
    return mean_of(np.array([np.interp(0.5, row, places) for row in weights.transpose("seed", "beta")]))


def square_length(lab: Laboratory) -> Measurement:
    """Return 1/length² of memories before any is shown: their length in units of the pattern's."""
    axes = {"size": [1_000_000], "memories": [16], "kappa": [40.0], "noise": [0.4], "tau": [100.0],
            "presentations": [0.0], "seed": 16}  # fmt: skip
    found = lab.mean({**ORTHOGONAL, "axes": axes}, "length")
    return Measurement(found.measured**-2, 2 * found.error * found.measured**-3)


def survival_of_memories(lab: Laboratory, count: int) -> Measurement:
    """Return the kappa from which half of the memories consolidate, near kappa_s: 20 tau, N_v = 2^20."""
    end = known("consolidation.kappa_s", memories=count)
    axes = {"size": [2**20], "memories": [count], "noise": [0.4], "tau": [100.0], "presentations": [2000.0],
            "kappa": [round(end * (0.88 + 0.02 * k), 4) for k in range(11)], "seed": 16}  # fmt: skip
    return taken(lab.estimates({**ORTHOGONAL, "clamping": "random", "axes": axes}), "boundary_kappa")


DRIFTING_CLAIMS: tuple[Claim, ...] = (
    Claim("eq1", "lotito", "000, eqs. (1)-(2)",
          "tau dx/dt = B - x decays exponentially: share of its distance that a memory keeps after k = 693 "
          "presentations, tau = 1000, exp(-k/tau) = 0.500074.",
          0.500074, rule=Near(5e-4), rival=0.25,
          why="In steps of dt = 1 it is (1 - dt/tau)^k = 0.499901.",
          measure=lambda lab: moving(lab, "error_factor")),
    Claim("eq2a", "lotito", "000, eqs. (1)-(2)",
          "One step at dt = tau reaches B: share of the distance that is left after one presentation at tau "
          "= 1.",
          0.0, rule=Near(1e-9), rival=0.367879,
          measure=lambda lab: moving(lab, "error_factor", axes={"tau": [1.0], "presentations": [1.0],
              "kappa": [200.0]})),
    Claim("eq12a", "lotito", "000, eqs. (12)-(14)",
          "With a bias Lambda a memory comes to rest at xi' + Lambda: relative distance from it after 40 tau "
          "(|Lambda| = 0.3 sqrt(N_v)).",
          0.0, rule=Near(1e-6), rival=0.276,
          measure=lambda lab: moving(lab, "target_error", axes={"kappa": [200.0], "tau": [50.0],
              "presentations": [2000.0]}, bias={"strength": 0.3, "towards": "random"})),
    Claim("eq12b", "lotito", "001, Content-Addressable Memory, asked of 000, eq. (12)",
          "dX/dt = -grad E, asked of synapses: asymmetry of the Jacobian of tau dXi/dt at a clamped pattern, "
          "|A - A^T|/|A|, at kappa = 2 (0 where any energy has it).",
          0.0, rule=Near(1e-6),
          why="With the dot product in the softmax no energy has this flow at a finite beta; where one "
              "memory takes all, or with the distance in place of the dot product (eq12c), one has.",
          measure=lambda lab: moving(lab, "curl", axes={"kappa": [2.0]})),
    Claim("eq12c", "lotito", "000, eq. (12); associative_memory.ipynb",
          "With the distance in the softmax they do, E = -(1/beta) ln sum_mu exp(-beta |xi' - Xi_mu|^2/2): "
          "largest relative difference of tau dXi/dt and -dE/dXi at kappa = 2.",
          0.0, rule=Near(1e-5), rival=0.02,
          measure=lambda lab: moving(lab, "gradient_error", axes={"kappa": [2.0]}, similarity="distance")),
    Claim("eq16", "lotito", "000, eqs. (15)-(16)",
          "Where beta is large and new memories are near to old ones all of them converge, Xi(0) → Xi': "
          "share that is at its pattern after 20 tau, patterns at random (kappa = 40, sigma = 0.4, N_h = 8).",
          1.0, rule=Near(0.01), rival=0.0,
          measure=lambda lab: lab.mean({**ORTHOGONAL, "clamping": "random",
              "axes": {"size": [100_000], "memories": [8], "kappa": [40.0], "noise": [0.4], "tau": [100.0],
                       "presentations": [2000.0], "seed": 16}}, "consolidated")),
    Claim("eq23", "lotito", "000, eq. (23)",
          "The generalised Hebbian rule, beside the memories, tends to N_h Xi'^T diag(p) Xi': its relative "
          "distance after 0.7 tau, of the exponential approach of (23) with tau in it.",
          0.430055, rule=Near(0.003), rival=0.510998,
          measure=lambda lab: mean_of(couplings_after(lab, 70.0, "pavlovian").values)),
    Claim("eq24", "lotito", "000, eq. (24)",
          "Couplings of memories that drift, Xi^T Xi, approach the target as (24): their relative distance "
          "after 0.7 tau.",
          0.510998, rule=Near(0.002), rival=0.430055,
          measure=lambda lab: mean_of(couplings_after(lab, 70.0, "hebbian").values)),
    Claim("eq25a", "lotito", "000, eq. (25)",
          "Their limit is the Hebbian prescription, Xi'^T Xi': relative distance after 10 tau.",
          0.0, rule=Near(1e-4), rival=0.866,
          measure=lambda lab: mean_of(couplings_after(lab, 1000.0, "hebbian").values)),
    Claim("eq25b", "lotito", "000, section 5.3.2",
          "Memories lead to this limit however often each pattern is shown, p only sets how fast: relative "
          "distance from Xi'^T Xi' after 20 tau, the commonest pattern e times as common as the rarest.",
          0.0, rule=Near(1e-3), rival=0.31,
          measure=lambda lab: shown_unequally(lab, "hebbian_error")),
    Claim("eq25c", "lotito", "000, section 5.3.2",
          "The generalised rule (23) does so only for p = 1/N_h: its distance from Xi'^T Xi' there, |N_h p - "
          "1| of root mean square 0.3235.",
          0.323524, rule=Near(0.03), rival=0.0,
          why="Patterns at random make it 1/sqrt(tau) noisy.",
          measure=lambda lab: shown_unequally(lab, "pavlovian_error")),
    Claim("E7", "errata", "000, sections 4 and 5.3.2",
          "p_mu w_mu/tau is the time scale of a memory: steps in which the first memory of figure 1 comes "
          "nearer to its pattern by a factor e (tau = 250, p = 1/4).",
          0.001, right=1000.0, rule=Near(4.0),
          why="p_mu w_mu/tau is a rate; the time is tau/p_mu, as in (35): 1000 steps, 998 with (1 - "
              "1/tau)^k.",
          measure=time_of_memory),
    Claim("E8a", "errata", "000, eqs. (23)-(24)",
          "For p = 1/N_h (24) solves (23): distance of the couplings of memories after 0.7 tau, less that of "
          "the generalised rule.",
          0.0, right=0.080943, rule=Near(0.004),
          why="Only the limits agree: (24) lacks e(1 - e)(Xi0 - Xi')^T(Xi0 - Xi'), and (23) lacks tau.",
          measure=lambda lab: paired(
              *(couplings_after(lab, 70.0, rule) for rule in ("hebbian", "pavlovian")))),
    Claim("E8b", "errata", "000, eqs. (23)-(24)",
          "The difference of the two is sum c(1 - c) d^T d, d = Xi(0) - Xi': what is left of it with this "
          "added, relative to the target (tau = 1000, halfway).",
          0.0, rule=Near(3e-4), rival=0.031,
          measure=lambda lab: moving(lab, "rules_residual")),
    Claim("appB1", "lotito", "000, appendix B, eq. (41)",
          "The overlap of old and new pattern is alpha = 1/sqrt(1 + sigma^2) = 0.92848 at sigma = 0.4: mean "
          "over 4096 orthogonal memories of N_v = 100 000.",
          0.9284766908852592, rule=Near(1e-4), rival=0.862069,
          why="The figure's own four, of 50 neurons, have 0.92961, 0.92732, 0.93378 and 0.90297.",
          measure=lambda lab: lab.mean({**ORTHOGONAL,
              "axes": {"size": [100_000], "memories": [64], "kappa": [40.0], "noise": [0.4], "tau": [100.0],
                       "presentations": [0.0], "seed": 64}}, "similarity")),
    Claim("appB6", "lotito", "000, appendix B, patterns at random",
          "Patterns shown at random, p = 1/4, bring a memory as near as tau/p says, (35)-(40), but for the "
          "spread of their counts: mean cosine after 60 steps of tau = 20, over the exact mean of binomial "
          "counts.",
          1.0, rule=Near(2e-4), rival=1.001,
          why="The figure's code shows them in turn, not at random as the text says.",
          measure=shown_at_random),
    Claim("appB2", "lotito", "000, figure 1",
          "The published figure: final cosine of the first memory, of the code's seed 41 (it prints "
          "0.99881974, and 1e-4 in its denominator).",
          0.99881974, rule=Near(4e-6), rival=0.99873199,
          why="Without the 1e-4 the cosine is 2.1e-6 higher.",
          measure=lambda lab: Measurement(float(figure_one(lab)[-1, 0]))),
    Claim("appB3", "lotito", "000, figure 1",
          "Theory and simulation agree perfectly: largest deviation of the published line, eq. (40) at step "
          "t, from the state after step t, over four memories and 2000 steps.",
          0.0, right=1.0907e-3, rule=Near(1e-6),
          why="Eq. (40) takes new patterns for as long as old ones (E13); on the paper's figure the "
              "deviation is not seen.",
          measure=deviation_of_published),
    Claim("appB4", "lotito", "000, figure 1",
          "The final cosines of all four memories are those that the code prints: largest difference.",
          0.0, rule=Near(4e-6), rival=1e-4,
          why="The code adds 1e-4 to the denominator: 2e-6.",
          measure=lambda lab: Measurement(float(np.abs(figure_one(lab).values[-1] - PRINTED_COSINES).max()))),
    Claim("appB5", "lotito", "000, figure 1",
          "So are the cosines of memories and new patterns at first (“computed alpha's”): largest "
          "difference.",
          0.0, rule=Near(4e-6), rival=1e-4,
          measure=lambda _lab: Measurement(float(np.abs(starts()[0] - PRINTED_OVERLAPS).max()))),
    Claim("F1", "lotito", "000, figure 1",
          "At the paper's beta = 2 the softmax is exactly one-hot, so that the closed form with (1 - "
          "1/tau)^k and the true lengths is exact: largest deviation from the simulation.",
          0.0, rule=Near(1e-12), rival=5.6e-4,
          why="So the published figure never probes the softmax.",
          measure=one_hot),
    Claim("F2", "lotito", "000, figure 1",
          "Most of the deviation of the published line is the length of the new patterns: largest deviation "
          "with their lengths, and exp(-k/tau) still for (1 - 1/tau)^k.",
          5.6226e-4, rule=Near(1e-6), rival=1.0907e-3,
          measure=norm_aware),
    Claim("F3a", "lotito", "000, figure 1",
          "beta N_v, not beta, decides: largest difference of the final similarity between N_v = 25, 100 and "
          "400 at five values of beta N_v rho, whose similarities go from 0.7 to 1.",
          0.0, rule=Near(0.03), rival=0.3,
          measure=collapse_in_kappa),
    Claim("F3b", "lotito", "000, figure 1",
          "Memories fail to consolidate where beta N_v is small: final similarity at beta N_v = 1.1 (N_h = "
          "4, N_v = 100).",
          0.80, rule=Near(0.03), rival=0.999,
          measure=lambda lab: taken(collapsing(lab, [100]), "similarity", kappa=1.276)),
    Claim("F3c", "lotito", "000, figure 1, the code at smaller beta",
          "The code of the figure at beta = 0.01, 0.02, 0.05, 0.1 and 0.2 ends with similarities of 0.66 to "
          "0.74, 0.74 to 0.80, 0.98, 0.998 and 0.999: largest difference of the least and the largest of "
          "four.",
          0.0, rule=Near(0.006), rival=0.05,
          measure=similarities_of_softer),
    Claim("F3d", "lotito", "000, figure 1, the code at smaller beta",
          "Its memories have weights of 0.298, 0.367, 0.740, 0.985 and 1.000 at their own patterns, means "
          "over memories and presentations: largest difference.",
          0.0, rule=Near(0.001), rival=0.02,
          measure=weights_of_softer),
    Claim("F3e", "lotito", "000, figure 1",
          "Final similarities at beta N_v = 0.5, 1.1, 2, 4 and 8 are 0.71, 0.80, 0.945, 0.999 and 0.999 "
          "whatever N_v is: largest difference of the means over N_v = 25, 100 and 400.",
          0.0, rule=Near(0.02), rival=0.1,
          measure=similarities_of_collapse),
    Claim("F3f", "lotito", "000, figure 1",
          "Mean weights at the own pattern are 0.30, 0.39, 0.61, 0.956 and 0.999 there, whatever N_v is: "
          "largest difference of any of N_v = 25, 100 and 400.",
          0.0, rule=Near(0.04), rival=0.15,
          measure=weights_of_collapse),
    Claim("F3g", "lotito", "000, figure 1, beyond it",
          "A memory takes half of the weight at its own pattern from beta N_v = ln(N_h - 1) on, by the "
          "weights at first: beta N_v at which the mean weight is 1/2, N_h = 4 (N_v = 200).",
          1.098612, right=1.605, rule=Near(0.06),
          why="Low: memories mix while they drift. The code has 1.55 to 1.66.",
          measure=lambda lab: half_weight(lab, 4, 1.6)),
    Claim("F3h", "lotito", "000, figure 1, beyond it",
          "The same of eight memories.",
          1.945910, right=2.61, rule=Near(0.06),
          why="The code has 2.59 to 2.63: the trend in N_h is that of ln(N_h - 1), the value is not.",
          measure=lambda lab: half_weight(lab, 8, 2.6)),
    Claim("F3i", "lotito", "000, figure 1, beyond it",
          "The same of sixteen memories.",
          2.708050, right=3.48, rule=Near(0.06),
          why="The code has 3.47 to 3.49.",
          measure=lambda lab: half_weight(lab, 16, 3.48)),
    Claim("F3j", "lotito", "000, figure 1, beyond it",
          "Two memories never have less than half of the weight each at their own pattern: least weight at "
          "beta N_v = 0.01 to 2 (N_v = 200), where four have less up to 1.6.",
          0.5, rule=AtLeast(), rival=0.25,
          measure=lambda lab: Measurement(float(mean_weights(lab, 2, 8, size=[200],
              beta=[0.01 / 200, 0.5 / 200, 2.0 / 200]).min()))),
    Claim("E13", "errata", "000, eqs. (40)-(41)",
          "Eq. (40) takes |xi'|^2 = N_v, where (41) gives N_v (1 + sigma^2): |xi'|^2/N_v at sigma = 0.4, N_v "
          "= 1 000 000.",
          1.0, right=1.16, rule=Near(0.002),
          measure=square_length),
    Claim("E14a", "errata", "000, appendix B",
          "“beta = 2 is large”, “beta > 3 always works”: beta from which four memories survive at the "
          "figure's sizes, N_v = 50 and sigma = 0.4.",
          3.0, right=0.055496, rule=Near(0.003),
          why="beta multiplies a product of N_v terms: the parameter is kappa = beta N_v rho, and kappa_s(4) "
              "= 3.2187. beta = 2 is 116.",
          measure=lambda lab: survival_of_memories(lab, 4) * (1 / (50 * 1.16))),
    Claim("E14b", "errata", "000, appendix B",
          "The threshold grows with the number of memories: beta N_v rho from which eight of them survive.",
          4.249799, rule=Near(0.25), rival=3.218741,
          measure=lambda lab: survival_of_memories(lab, 8)),
)  # fmt: skip
"""Claims on memories that drift, in the order of the document."""
