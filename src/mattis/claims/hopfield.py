"""Claims of Hopfield, PNAS 79, 2554 (1982), by document 001: recall, capacity, errors, extensions."""

from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import norm

from mattis.claims.claim import AtLeast, AtMost, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, mean_of, network, paired, taken
from mattis.networks.binary import ensembles, matrix_network
from mattis.networks.binary.couplings import Rule
from mattis.networks.binary.ensembles import Ensemble
from mattis.statistics.extrapolation import fitted_line

ABOUT = Near(0.015)
"""AgreementRule with "about 0.15": a tenth."""


def balanced_thresholds(lab: Laboratory) -> Measurement:
    """Return the largest difference of overlaps, energies and q, cell by cell."""
    axes = {"load": [0.05, 0.1, 0.2], "noise": [0.0, 0.2]}
    balanced = network("zero_one", size=500, sets=8, axes=axes, dynamics={"threshold": "balanced"})
    one, other = lab.cells(network(size=500, sets=8, axes=axes)), lab.cells(balanced)
    names = ("overlap", "edwards_anderson", "retrieved")
    return Measurement(max(float(abs(one[name] - other[name]).max()) for name in names))


def hebbian_couplings(lab: Laboratory) -> Measurement:
    """Return the share of wrong elements of the integers N J of Hebb's rule."""
    wrong = total = 0
    for count in range(3, 6 if lab.reduced else 21):
        labels = {"size": 200, "patterns": count, "seed": 0}
        stored = ensembles.drawn(Ensemble(), 1, labels, count, 200)
        nj = matrix_network.learnt(Rule("hebb"), stored, False, 1, labels).nj.astype(np.int64)
        off = ~np.eye(200, dtype=bool)
        wanted = stored.xi.T.astype(np.int64) @ stored.xi
        wrong += int(((nj != nj.T) | (nj != wanted) | ((nj - count) % 2 != 0))[off].sum())
        total += nj.size
    return Measurement(wrong / total)


def descents(lab: Laboratory, observable: str, **more: Any) -> xr.DataArray:
    """Return what is seen of descents from random states, flip by flip (N = 100, P = 10)."""
    keys = network("zero_one", size=100, sets=16, axes={"memories": [10]}, question="landscape",
                   cues=40, sweeps=(90, 10), **more)  # fmt: skip
    return lab.cells(keys)[observable]


def errors_of_bits(lab: Laboratory, model: str, observable: str) -> Measurement:
    """Return what is not stable of a stored pattern: N = 100, n = 10, as in Hopfield's paper."""
    keys = network(model, size=100, sets=2000, axes={"memories": [10]}, question="familiarity", cues=10)
    return lab.mean(keys, observable)


def independence(lab: Laboratory, model: str) -> Measurement:
    """Return the share of stable patterns over (1 - P)^100, of the measured P."""
    rate = errors_of_bits(lab, model, "flip_rate")
    alone = (1 - rate.measured) ** 100
    return errors_of_bits(lab, model, "stable") / Measurement(alone, 100 * alone * rate.error)


def ambiguous(lab: Laboratory, noise: float) -> xr.Dataset:
    """Return where cues with `noise` of their bits from B, the others from A, end: in A, in B, in neither."""
    axes = {"load": [0.05], "noise": [noise]}
    return lab.cells(network(size=1000, sets=200, axes=axes, question="ambiguous", cues=10))


def ambiguous_cue(lab: Laboratory) -> Measurement:
    """Return the difference of the two shares."""
    cells = ambiguous(lab, 0.5)
    return paired(cells["retrieved"], cells["chose_second"])


def undecided(lab: Laboratory, size: int, count: int, sets: int, chosen_above: float) -> Measurement:
    """Return the share of cues half-way between two memories that end in neither."""
    asked = {"name": "ambiguous", "chosen_above": chosen_above}
    keys = network(size=size, sets=sets, axes={"memories": [count], "noise": [0.5]}, question=asked,
                   cues=min(count, 10))  # fmt: skip
    return lab.mean(keys, "chose_neither")


def crowded(model: str = "hopfield") -> dict[str, Any]:
    """Return the keys of a study of flips far above capacity: N = 100, 500 patterns."""
    return network(model, size=100, sets=64, axes={"memories": [500]}, question="familiarity", cues=10)


def familiarity(lab: Laboratory) -> Measurement:
    """Return the difference of the two shares."""
    cells = lab.cells(crowded())
    return paired(cells["flip_rate"], cells["flip_rate_new"])


def half_recalled(lab: Laboratory, model: str, loads: tuple[float, float], **more: Any) -> Measurement:
    """Return the load at which half of the patterns are recalled (m > 0.85) at N = 1000."""
    axes = {"load": [round(loads[0] + (loads[1] - loads[0]) * k / 10, 5) for k in range(11)]}
    keys = network(model, size=1000, sets=32, axes=axes, cues=4, retrieved_above=0.85, **more)
    return taken(lab.estimates(keys), "boundary_load")


def beside_hebb(lab: Laboratory, model: str, loads: tuple[float, float], **more: Any) -> Measurement:
    """Return the load at which half of the patterns are recalled, over that of Hebb's rule."""
    return half_recalled(lab, model, loads, **more) / half_recalled(lab, "hopfield", (0.12, 0.22))


AGES = (1, 2, 4, 6, 8, 10, 12, 40)
"""Ages at which saturating couplings are asked: of the newest pattern, and so on."""


def forgotten(lab: Laboratory) -> xr.Dataset:
    """Return the share of unstable bits by age, where couplings stay within -3 … 3 (N = 100)."""
    keys = network("palimpsest", size=100, sets=1000, axes={"memories": [40], "age": list(AGES)},
                   couplings={"bound": 0.3}, question="familiarity")  # fmt: skip
    return lab.estimates(keys)


def rate_of_forgetting(lab: Laboratory) -> Measurement:
    """Return the factor per age: s = 2x/sqrt(N + x^2) of x = Q^-1(error), a line through ln s."""
    found = forgotten(lab).sel(age=slice(4, 12)).squeeze()
    rate, error = found["flip_rate"].values, found["flip_rate_error"].values
    x = norm.isf(rate)
    signal = np.log(2 * x / np.sqrt(100 + x**2))
    noise = error / norm.pdf(x) * 100 / (x * (100 + x**2))
    line = fitted_line(found["age"].values.astype(float), signal, noise)
    factor = float(np.exp(line.slope))
    return Measurement(factor, factor * line.slope_error)


def transitions(lab: Laboratory, strength: float) -> xr.Dataset:
    """Return how a sequence moves where sites are updated one after the other (N = 1000, 6 patterns)."""
    keys = network("sequence", size=1000, sets=32, axes={"memories": [6]}, dynamics="asynchronous",
                   couplings={"hebbian": 1.0, "strength": strength}, question="transitions",
                   sweeps=(20, 200))  # fmt: skip
    return lab.estimates(keys)


HOPFIELD_CLAIMS: tuple[Claim, ...] = (
    Claim("H1b", "hopfield", "001, Content-Addressable Memory and Dynamics",
          "Every partial or noisy X' near X_a flows to X_a: overlap that cues of 0.6, a fifth of their bits "
          "flipped, come to (N = 1000, load 0.05, T = 0).",
          0.999992, rule=Near(0.001), rival=0.6,
          measure=lambda lab: lab.mean(network(size=1000, sets=32, axes={"load": [0.05], "noise": [0.2]},
              cues=4), "overlap")),
    Claim("H2a", "hopfield", "001, The Hopfield Model",
          "Neurons 0 and 1 with thresholds U = 0 recall a stored pattern: overlap m of 2V - 1 at load 0.04 "
          "(N = 2000).",
          0.999557, rule=Near(0.001), rival=0.0,
          why="m(alpha) of these neurons is that of neurons ±1 at twice the load (E1).",
          measure=lambda lab: lab.mean(network("zero_one", size=2000, sets=32, axes={"load": [0.04]}),
              "overlap")),
    Claim("H2b", "hopfield", "001, The Hopfield Model; (1.2)-(1.3)",
          "With balanced thresholds U_i = 1/2 sum_j T_ij, neurons 0 and 1 do what neurons ±1 do: largest "
          "difference of any observable of recall in any cell, at loads 0.05 to 0.2 and clean and noisy "
          "cues, T = 0 (N = 500).",
          0.0,
          measure=balanced_thresholds),
    Claim("H3", "hopfield", "001, The Hopfield Model",
          "Neurons ±1 that are updated one after the other recall a pattern of which no bit is flipped: m at "
          "load 0.1, T = 0 (N = 4000).",
          0.997999, rule=Near(0.001), rival=0.35,
          why="AGS at T = 0: 0.997999.",
          measure=lambda lab: lab.mean(network(size=4000, sets=16, axes={"load": [0.1]}), "overlap")),
    Claim("H4", "hopfield", "001, Hebbian Learning Rule",
          "T_ij = sum_s (2V_i - 1)(2V_j - 1), T_ii = 0: share of elements that are not symmetric, not of the "
          "parity of n, not of this sum, or not zero on the diagonal (N = 200, n = 3 to 20).",
          0.0,
          measure=hebbian_couplings),
    Claim("H5a", "hopfield", "001, Hebbian Learning Rule",
          "Updating any neuron lowers E = -1/2 sum T_ij V_i V_j: largest change of the energy in any flip of "
          "640 descents (N = 100, P = 10, T = 0).",
          0.0, rule=AtMost(),
          measure=lambda lab: Measurement(float(descents(lab, "energy_change").max()))),
    Claim("H5b", "hopfield", "001, Hebbian Learning Rule",
          "Asynchronous updates converge to a stable state: share of these descents that come to rest.",
          1.0, rule=Near(1e-9), rival=0.99,
          measure=lambda lab: Measurement(float(descents(lab, "at_rest").mean()))),
    Claim("H5c", "hopfield", "001, Extensions and Properties",
          "Symmetry of T_ij is what makes the energy fall: largest change of the energy in any flip with "
          "directed bonds (c = 0.5) is above 0.",
          1e-3, rule=AtLeast(),
          why="Without symmetry some flips raise the energy.",
          measure=lambda lab: Measurement(float(descents(lab, "energy_change",
              couplings={"rule": "asymmetric_dilution", "connectivity": 0.5}).max()))),
    Claim("H6", "hopfield", "001, Capacity and Error Correction",
          "About 0.15 N random patterns are stored before retrieval degrades: load at which half of the "
          "patterns are recalled (m > 0.85, T = 0), extrapolated from N = 500 to 4000 to N → ∞.",
          0.15, rule=ABOUT, rival=0.0689528,
          why="AGS have 0.1379, 0.1382 without replica symmetry; at N = 1000 half of the patterns are "
              "recalled up to 0.165.",
          measure=lambda lab: lab.endless(network(size=500, sets=32,
              axes={"load": [round(0.13 + 0.01 * k, 2) for k in range(9)]}, cues=4, retrieved_above=0.85),
              "boundary_load", (500, 1000, 2000, 4000), 1 / 2, 2 / 3)),
    Claim("H7a", "hopfield", "001, Capacity and Error Correction",
          "P = Q(x) of neurons 0 and 1, x = sqrt(N/(2(n - 1))): share of bits of a stored pattern that are "
          "not stable (N = 100, n = 10; Hopfield prints 0.0091).",
          0.0091, rule=Near(0.0002), rival=0.00042906,
          why="The document leaves x undefined (E2). Q = 0.00921; P counts the stored pattern among the n.",
          measure=lambda lab: errors_of_bits(lab, "zero_one", "flip_rate")),
    Claim("H7b", "hopfield", "001, Capacity and Error Correction",
          "P = Q(x) of neurons ±1, x = sqrt(N/(n - 1)): share of bits of a stored pattern that are not "
          "stable (N = 100, n = 10).",
          0.00042906, rule=Near(0.00004), rival=0.00921106,
          measure=lambda lab: errors_of_bits(lab, "hopfield", "flip_rate")),
    Claim("H7c", "hopfield", "001, Capacity and Error Correction",
          "A whole pattern of neurons 0 and 1 is stable with probability (1 - P)^N, if bits err "
          "independently: share of patterns all of whose bits are stable, over (1 - P)^N of the measured P "
          "(N = 100, n = 10).",
          1.0, rule=Near(0.02),
          why="Bits of neurons 0 and 1 do not err independently: the field of the mean activity, 1/2 sum_j "
              "T_ij, has a part that all bits of a pattern share, so that errors come in crowds and more "
              "patterns have none.",
          measure=lambda lab: independence(lab, "zero_one")),
    Claim("H7d", "hopfield", "001, Capacity and Error Correction",
          "A whole pattern of neurons ±1 is stable with probability (1 - P)^N: share of patterns all of "
          "whose bits are stable, over (1 - P)^N of the measured P (N = 100, n = 10).",
          1.0, rule=Near(0.02), rival=0.96,
          measure=lambda lab: independence(lab, "hopfield")),
    Claim("H8a", "hopfield", "001, Categorization and Familiarity",
          "A cue half-way between two memories goes to each with the same probability: share of A less share "
          "of B (N = 1000, load 0.05).",
          0.0, rule=Near(0.01), rival=0.1,
          why="About half of these cues end in neither of the two.",
          measure=ambiguous_cue),
    Claim("H8b", "hopfield", "001, Categorization and Familiarity",
          "An ambiguous cue converges to the closest memory: share of cues with 60 % of their bits from A "
          "and 40 % from B that end in A (N = 1000, load 0.05).",
          1.0, rule=Near(0.05), rival=0.5,
          measure=lambda lab: mean_of(ambiguous(lab, 0.4)["retrieved"].squeeze().values)),
    Claim("H8c", "hopfield", "001, Categorization and Familiarity",
          "Close patterns may collapse into a shared attractor: overlap with their own pattern to which "
          "eleven members of a category lead, which agree with its prototype by b = 0.8 (N = 2000; 1 if each "
          "is kept).",
          0.8, rule=Near(0.01), rival=1.0,
          why="All of them end at the signs of their sum, which is the prototype but for few sites.",
          measure=lambda lab: lab.mean(network(size=2000, sets=32, axes={"memories": [11]},
              patterns={"ensemble": "categories", "categories": 1, "likeness": 0.8}, cues=4), "overlap")),
    Claim("H8d", "hopfield", "001, Categorization and Familiarity",
          "Such a cue chooses one of the two where there is no third: share that ends in neither (P = 2, N = "
          "1000).",
          0.0, rule=Near(0.01), rival=0.5,
          measure=lambda lab: undecided(lab, 1000, 2, 200, 0.85)),
    Claim("H8e", "hopfield", "001, Categorization and Familiarity",
          "It does at any small load: share that ends in neither, with a third pattern (P = 3, N = 4000).",
          0.0, right=0.5, rule=Near(0.03),
          why="Where the two memories disagree the field is (m_A - m_B) xi_A + m_C xi_C, of two numbers with "
              "one variance, 1/N: the larger wins, half of the time that of the mixture of three.",
          measure=lambda lab: undecided(lab, 4000, 3, 400, 0.85)),
    Claim("H8f", "hopfield", "001, Categorization and Familiarity, run again",
          "In small networks many cues end elsewhere: 41 % (N = 100, P = 5; above m = 0.7 a memory has "
          "come).",
          0.41, rule=Near(0.02), rival=0.5,
          measure=lambda lab: undecided(lab, 100, 5, 1600, 0.7)),
    Claim("H8g", "hopfield", "001, Categorization and Familiarity, run again",
          "In larger ones of the same load as well: 47 % (N = 1000, P = 50; the same threshold).",
          0.47, rule=Near(0.02), rival=0.0,
          why="More do. Three patterns in place of 50 have 45 % at N = 1000: perhaps what was counted.",
          measure=lambda lab: undecided(lab, 1000, 50, 200, 0.7)),
    Claim("H9a", "hopfield", "001, Categorization and Familiarity",
          "Far above capacity a stored pattern is still told from a new one, by the share of neurons that "
          "flip in a first pass: Q(1/sqrt(alpha)) at a stored pattern (N = 100, 500 patterns, neurons ±1).",
          0.32736, rule=Near(0.002), rival=0.5,
          measure=lambda lab: lab.mean(crowded(), "flip_rate")),
    Claim("H9b", "hopfield", "001, Categorization and Familiarity",
          "The same of neurons 0 and 1 with U = 0: Q(1/sqrt(2 alpha)) (N = 100, 500 patterns).",
          0.37591, rule=Near(0.002), rival=0.5,
          measure=lambda lab: lab.mean(crowded("zero_one"), "flip_rate")),
    Claim("H9c", "hopfield", "001, Categorization and Familiarity",
          "“High activation rates during convergence can indicate whether a pattern is familiar”: share of "
          "neurons that flip at a stored pattern less that at a new one (N = 100, 500 patterns).",
          0.17264, rule=Near(0.01), right=-0.17264,
          why="Few flips mean familiar: the sign is the other one.",
          measure=familiarity),
    Claim("H10a", "hopfield", "001, Extensions and Properties",
          "Weights clipped to -1, 0, 1 degrade recall only slightly: m at P = 159 (N = 2000, load 0.08; "
          "0.999557 without clipping).",
          0.993252, rule=Near(0.0012), rival=0.999557,
          why="With an even P some sums are 0, so that clipped weights have a small dead zone: 0.9962 at P = "
              "160.",
          measure=lambda lab: lab.mean(network("clipped", size=2000, sets=32, axes={"memories": [159]}),
              "overlap")),
    Claim("H10b", "hopfield", "001, Extensions and Properties",
          "Clipping costs about a quarter of the capacity: load at which half of the patterns are recalled, "
          "over that of Hebb's rule (N = 1000). Theory has 0.101839/0.137906.",
          0.738469, rule=Near(0.05), rival=1.0,
          measure=lambda lab: beside_hebb(lab, "clipped", (0.09, 0.16))),
    Claim("H10c", "hopfield", "001, Extensions and Properties",
          "Weights -1, 0, 1 with a dead zone of 0.612 sqrt(P) keep more: load at which half of the patterns "
          "are recalled, over that of Hebb's rule (N = 1000). Theory has 0.119687/0.137906.",
          0.867888, rule=Near(0.05), rival=0.738469,
          measure=lambda lab: beside_hebb(lab, "dead_zone", (0.1, 0.19), couplings={"threshold": 0.612})),
    Claim("H11a", "hopfield", "001, Extensions and Properties",
          "With directed bonds, each there with probability c, a bit of a stored pattern errs with Q(sqrt(c "
          "N/P)): share of unstable bits at c = 0.5 and load 0.1 (N = 1000).",
          0.012674, rule=Near(0.0005), rival=0.000783,
          why="Without dilution it is 0.00078.",
          measure=lambda lab: lab.mean(network(size=1000, sets=64, axes={"memories": [100]},
              couplings={"rule": "asymmetric_dilution", "connectivity": 0.5}, question="familiarity",
              cues=10), "flip_rate")),
    Claim("H11b", "hopfield", "001, Extensions and Properties",
          "Asymmetric T_ij can yield metastable attractors: share of patterns that stay at m > 0.9 for 200 "
          "sweeps, at c = 0.5, load 0.05, T = 0 (N = 1000).",
          1.0, rule=Near(0.02), rival=0.0,
          measure=lambda lab: lab.mean(network(size=1000, sets=32, axes={"load": [0.05]},
              couplings={"rule": "asymmetric_dilution", "connectivity": 0.5}, sweeps=(190, 10),
              question={"name": "survival", "leaves_below": 0.9}, cues=4), "survived")),
    Claim("H11c", "hopfield", "001, Extensions and Properties",
          "Half of the bonds, cut in both directions, keep P/N = 0.0865 of the capacity 0.1379: load at "
          "which half of the patterns are recalled, over that of all bonds (N = 1000).",
          0.627549, rule=Near(0.05), rival=1.0,
          measure=lambda lab: beside_hebb(lab, "dilution", (0.07, 0.16), couplings={"connectivity": 0.5})),
    Claim("H11d", "hopfield", "001, Extensions and Properties",
          "Few directed bonds, C = 50 of N = 5000, still recall: m at P/C = 0.3, T = 0, all sites at once "
          "(theory of C << ln N: 0.899440).",
          0.899440, rule=Near(0.015), rival=0.999,
          why="Above it by what C = 50 is from ln N.",
          measure=lambda lab: lab.mean(network("dilute", size=5000, sets=16, axes={"memories": [15]},
              sweeps=(40, 40), couplings={"connectivity": 0.01}), "overlap")),
    Claim("H12a", "hopfield", "001, Extensions and Properties",
          "Saturating weights, T_ij in [-3, 3]: a bit of the newest pattern but seven errs with Q(s "
          "sqrt(N)/sqrt(4 - s^2)), s = 0.3772 of the exact Markov chain of a coupling (N = 100).",
          0.02743, rule=Near(0.001), rival=0.5,
          measure=lambda lab: taken(forgotten(lab), "flip_rate", age=8)),
    Claim("H12b", "hopfield", "001, Extensions and Properties",
          "Saturating weights forget: the signal s of a pattern falls by cos(pi/7) = 0.90097 with each newer "
          "one, from the shares of unstable bits at ages 4 to 12 (N = 100).",
          0.90097, rule=Near(0.004), rival=1.0,
          measure=rate_of_forgetting),
    Claim("H12c", "hopfield", "001, Extensions and Properties",
          "With a bound that grows as 0.3546 sqrt(N) the newest 0.0405 N patterns are recalled, whatever was "
          "stored before: age over N at which half of the patterns are recalled (m > 0.85, N = 2000).",
          0.0404733, rule=Near(0.012), rival=0.137906,
          why="At finite N more is recalled: 0.050 at N = 1000, 0.048 at N = 2000.",
          measure=lambda lab: taken(lab.estimates(network("palimpsest", size=2000, sets=32,
              axes={"memories": [400], "age": [60 + 6 * k for k in range(14)]}, couplings={"bound": 0.3546},
              retrieved_above=0.85)), "boundary_age") * (1 / 2000)),
    Claim("H12d", "hopfield", "001, Extensions and Properties",
          "Without a bound all patterns are lost together above capacity: share of patterns that are "
          "recalled at load 0.25 (m > 0.85, T = 0, N = 2000).",
          0.0, rule=Near(0.02), rival=1.0,
          measure=lambda lab: lab.mean(network(size=2000, sets=32, axes={"load": [0.25]}, cues=4,
              retrieved_above=0.85), "retrieved")),
    Claim("H13a", "hopfield", "001, Extensions and Properties",
          "Asymmetric terms recall sequences: overlap with the pattern that is due, all sites at once, at "
          "load 0.2, T = 0 (N = 3000).",
          0.966326, rule=Near(0.001), rival=0.0,
          measure=lambda lab: lab.mean(network("sequence", size=3000, sets=16, axes={"load": [0.2]},
              sweeps=(60, 100)), "overlap")),
    Claim("H13b", "hopfield", "001, Extensions and Properties",
          "Sequences have a capacity of 0.269 N: load at which half of them are recalled (N = 2000).",
          0.269062, rule=Near(0.008), rival=0.137906,
          measure=lambda lab: taken(lab.estimates(network("sequence", size=2000, sets=12,
              axes={"load": [round(0.25 + 0.004 * k, 3) for k in range(11)]}, sweeps=(80, 20))),
              "boundary_load")),
    Claim("H13c", "hopfield", "001, Extensions and Properties",
          "One site after the other, weak asymmetric terms recall no sequence: transitions per sweep with a "
          "strength of 0.5 of Hebb's (N = 1000, 6 patterns, T = 0).",
          0.0, rule=Near(0.01), rival=1.0,
          why="The document says that asymmetric terms can allow sequences: with weaker asymmetric than "
              "symmetric terms the network stays at each pattern.",
          measure=lambda lab: taken(transitions(lab, 0.5), "transition_rate")),
    Claim("H13d", "hopfield", "001, Extensions and Properties",
          "Stronger asymmetric terms make transitions, one site after the other: transitions per sweep at a "
          "strength of 2 (N = 1000, 6 patterns, T = 0).",
          0.1, rule=AtLeast(), rival=0.0,
          measure=lambda lab: taken(transitions(lab, 2.0), "transition_rate")),
    Claim("H13e", "hopfield", "001, Extensions and Properties",
          "Such transitions recall the sequence V1 → V2 → V3: mean overlap with the nearest pattern at a "
          "strength of 2 (N = 1000, 6 patterns, T = 0).",
          0.9, rule=AtLeast(),
          why="They blur the patterns: only the synchronous network has sharp sequences (H13a).",
          measure=lambda lab: taken(transitions(lab, 2.0), "overlap_nearest")),
)  # fmt: skip
"""Claims of the document, in its order."""
