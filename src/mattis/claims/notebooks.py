"""Claims of the code and the notebooks beside the documents."""

from typing import Any

import xarray as xr

from mattis.claims.claim import AtLeast, AtMost, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, mean_of, network, paired

TO_REST = {"steps": 4000, "tolerance": 1.0e-12}
"""Steps of softmax attractors to their fixed points."""


def corners(noise: float, sets: int) -> dict[str, Any]:
    """Return the keys of a study of softmax attractors at the corners of a square: sigma = 0.5."""
    axes = {"size": [2], "memories": [4], "beta": [4.0], "noise": [noise], "seed": sets}
    return {"model": "attractors", "axes": axes, "cues": 4, "flow": TO_REST}


CUES_OF_CORNERS = {**corners(0.4, 200), "question": "certainty"}
"""A study of entropies at the cue, with the notebook's noise, and at rest."""


def lost_entropy(lab: Laboratory, keys: dict[str, Any]) -> Measurement:
    """Return the entropy at the cue less that at rest, of the same pattern sets."""
    cells = lab.cells(keys)
    return paired(cells["entropy_cue"], cells["entropy"])


def recalled(lab: Laboratory, observable: str) -> Measurement:
    """Return recall of 5 patterns of 100 neurons at beta = 2, 30 % of the cue flipped, after 100 sweeps."""
    keys = network(size=100, sets=4000, temperature=0.5, axes={"memories": [5], "noise": [0.3]}, cues=5,
                   question={"name": "snapshot", "wrong_bits": 5}, update_order="random",
                   sweeps=(50, 50))  # fmt: skip
    return lab.mean(keys, observable)


NOTEBOOKS_RULE: dict[str, Any] = {"dynamics": {"rate": "metropolis"}, "update_order": "random"}
"""Keys of a study whose sites follow Metropolis' rule in a random order; each once in a sweep."""


def magnets(lab: Laboratory, observable: str, temperature: float) -> Measurement:
    """Return what is seen of a square lattice of 32 × 32 spins, from the aligned state."""
    keys = network("ising", size=1024, sets=16, temperature=temperature, axes={"memories": [1]},
                   update_order="random", sweeps=(500, 2000))  # fmt: skip
    return lab.mean(keys, observable)


def accepted(lab: Laboratory, observable: str) -> Measurement:
    """Return what is seen of 80 × 80 spins at T = 1, the notebook's, from the aligned state."""
    keys = network("ising", size=6400, sets=16, temperature=1.0, axes={"memories": [1]},
                   **NOTEBOOKS_RULE, sweeps=(100, 400))  # fmt: skip
    return lab.mean(keys, observable)


RULES_OF_DIGITS = ("hebb", "pseudo_inverse")
"""Rules of couplings that digits are stored by."""


def digits(lab: Laboratory, observable: str, rule: str) -> xr.DataArray:
    """Return how 20 handwritten digits of 8 × 8 are recalled, by Hebb's rule or projection, at each noise."""
    axes = {"memories": [20], "couplings": list(RULES_OF_DIGITS), "noise": [0.1, 0.3]}
    keys = network(size=64, sets=128, axes=axes, patterns={"ensemble": "digits", "classes": 10},
                   sweeps=(100, 10), cues=4)  # fmt: skip
    return lab.cells(keys)[observable].isel(couplings=RULES_OF_DIGITS.index(rule)).squeeze()


def collapsed_digits(lab: Laboratory) -> Measurement:
    """Return the difference of overlaps."""
    found = digits(lab, "overlap", "hebb")
    return paired(found.sel(noise=0.1), found.sel(noise=0.3))


NOTEBOOK_CLAIMS: tuple[Claim, ...] = (
    Claim("A3", "notebooks", "associative_memory.ipynb",
          "A state near a corner of the square flows to x = tanh(x/sigma^2) along each axis, sigma = 0.5: "
          "overlap with the corner at rest (the notebook prints 0.99932424 and 0.99933222 at t = 10).",
          0.99932567, rule=Near(5e-6), rival=1.0,
          measure=lambda lab: lab.mean(corners(0.1, 8), "overlap")),
    Claim("A4a", "notebooks", "associative_memory.ipynb",
          "Entropy of the weights at a cue with a noise of 0.4, in nats: 0.0637 over 100 runs of the "
          "notebook.",
          0.0637, rule=Near(0.016), rival=0.2,
          why="Its mean is 0.0774; 100 runs have an error of 0.008.",
          measure=lambda lab: lab.mean(CUES_OF_CORNERS, "entropy_cue")),
    Claim("A4b", "notebooks", "associative_memory.ipynb",
          "Entropy of the weights at rest: 0.0061 nats.",
          0.0061, rule=Near(0.0001), rival=0.0637,
          measure=lambda lab: lab.mean(CUES_OF_CORNERS, "entropy")),
    Claim("A4c", "notebooks", "associative_memory.ipynb",
          "Recall gains information: entropy at the cue less that at rest.",
          0.02, rule=AtLeast(), rival=0.0,
          measure=lambda lab: lost_entropy(lab, CUES_OF_CORNERS)),
    Claim("A5", "notebooks", "associative_memory.ipynb",
          "Recall among attractors anywhere in a square loses information: entropy at the cue less that at "
          "rest, in nats (the notebook prints -0.062 of one set of four, noise 0.4).",
          0.0, rule=AtMost(), rival=0.0576,
          why="Attractors that share a fixed point are not told apart at rest. Learning moves them by "
              "Lotito's rule with the distance in the softmax (eq12c).",
          measure=lambda lab: lost_entropy(lab, {"model": "attractors", "patterns": "uniform",
              "question": "certainty", "cues": 4, "axes": {"size": [2], "memories": [4], "beta": [3.0],
              "noise": [0.46], "seed": 400}, "flow": TO_REST})),
    Claim("N1a", "notebooks", "energy.ipynb, cell 11",
          "Recall accuracy of 5 patterns at N = 100, beta = 2 and 30 % flips: share of cues that end with at "
          "most 5 wrong bits. The notebook prints 43.8 %, with an error of 2.5 % of its 100 networks.",
          0.438, rule=Near(0.02), rival=0.9,
          why="The point is not one of clean recall: 4 of the 5 bits are thermal errors, and two of five "
              "cues never come near.",
          measure=lambda lab: recalled(lab, "recalled")),
    Claim("N1b", "notebooks", "energy.ipynb, cell 11, run again",
          "The same in earlier re-runs of the notebook: 40 ± 1 %.",
          0.40, rule=Near(0.01), rival=0.9,
          why="Plain loops beside this project have 42 to 43.5 % where each sweep visits every site once, as "
              "here, and 45 to 46 % where sites are drawn with replacement, as in the notebook (errors 0.5 "
              "to 0.9 %). Counting fewer than 5 wrong bits, not at most 5, they have 39.3 ± 0.8 %: perhaps "
              "what was counted.",
          measure=lambda lab: recalled(lab, "recalled")),
    Claim("N1c", "notebooks", "energy.ipynb, cell 11",
          "Mean Hamming distance after recall: 19.65 bits in the notebook, from 30.",
          19.65, rule=Near(0.8), rival=30.0,
          measure=lambda lab: recalled(lab, "wrong_bits")),
    Claim("N1d", "notebooks", "energy.ipynb, cell 9, run again",
          "Three patterns at beta = 1.5, T = 0.667, lie beyond the end of retrieval, 0.650: 4.0 ± 0.6 % of "
          "cues with 30 % of their bits flipped end with at most 5 wrong bits (N = 100).",
          0.040, rule=Near(0.006), rival=0.4,
          why="6 %: as N1b, the record fits fewer than 5 wrong bits. That retrieval is nearly gone holds.",
          measure=lambda lab: lab.mean(network(size=100, sets=3200, temperature=0.6666667,
              axes={"memories": [3], "noise": [0.3]}, question={"name": "snapshot", "wrong_bits": 5},
              update_order="random", cues=3, sweeps=(50, 50)), "recalled")),
    Claim("N2a", "notebooks", "energy.ipynb, cell 4",
          "The square lattice of Ising spins is magnetised at T = 1: |M| = (1 - sinh(2/T)^-4)^(1/8) (L = "
          "32).",
          0.999276, rule=Near(1e-4), rival=1.0,
          why="Sites follow the heat bath here, whose equilibrium is that of the notebook's rule (N2d).",
          measure=lambda lab: magnets(lab, "magnetisation", 1.0)),
    Claim("N2b", "notebooks", "energy.ipynb, cell 4",
          "Onsager's magnetisation nearer to T_c = 2.269: |M| at T = 2.1 (L = 32).",
          0.868657, rule=Near(0.002), rival=1.0,
          measure=lambda lab: magnets(lab, "magnetisation", 2.1)),
    Claim("N2c", "notebooks", "energy.ipynb, cell 4",
          "A quench of 80 × 80 spins from a random state to T = 1 does not order in 100 sweeps: energy after "
          "95 sweeps per spin (-12 124/6400 in the notebook; order has -1.9972).",
          -1.894, rule=Near(0.03), rival=-1.99715,
          why="One run of the notebook; runs differ by 0.018. Plain loops beside this project have -1.909 ± "
              "0.002 where each sweep visits every site once, as here, and -1.873 ± 0.002 where sites are "
              "drawn with replacement, as in the notebook. Walls are left.",
          measure=lambda lab: lab.mean(network("ising", size=6400, sets=8, temperature=1.0,
              axes={"memories": [1], "noise": [0.5]}, **NOTEBOOKS_RULE, sweeps=(90, 10)), "energy")),
    Claim("N2d", "notebooks", "energy.ipynb, cell 4",
          "Metropolis' rule at T = 1 on 80 × 80 spins: |M| in equilibrium is Onsager's, (1 - "
          "sinh(2/T)^-4)^(1/8).",
          0.99927575, rule=Near(1e-5), rival=1.0,
          measure=lambda lab: accepted(lab, "magnetisation")),
    Claim("N2e", "notebooks", "energy.ipynb, cell 4",
          "Metropolis' rule at T = 1 on 80 × 80 spins: the energy per spin in equilibrium is Onsager's.",
          -1.99716, rule=Near(1e-5), rival=-2.0,
          measure=lambda lab: accepted(lab, "energy")),
    Claim("mnist1", "notebooks", "mnist.ipynb",
          "Classical networks far past capacity collapse to one picture at every noise: overlap with the "
          "digit at 10 % flips less that at 30 % (20 digits of 8 × 8, N = 64, Hebb's rule).",
          0.0, rule=Near(0.02), rival=0.4,
          why="The notebook has 200 digits of 784 dots, 0.874 of bits right in all 13 rows. Correlation and "
              "load do it, not noise.",
          needs="scikit-learn", measure=collapsed_digits),
    Claim("mnist2", "notebooks", "mnist.ipynb",
          "The class of a digit is lost with it: share of cues that end nearest to a pattern of their own "
          "class, by Hebb's rule (0.13 in the notebook; chance is 0.1).",
          0.13, rule=Near(0.04), rival=0.4,
          needs="scikit-learn",
          measure=lambda lab: mean_of(digits(lab, "same_class", "hebb").sel(noise=0.1).values)),
    Claim("mnist3", "notebooks", "mnist.ipynb",
          "Modern networks keep them apart: share of cues of attention that end nearest to a pattern of "
          "their own class (200 digits of 8 × 8, beta = 2, 10 % flips; 0.60 in the notebook).",
          0.60, rule=AtLeast(), rival=0.13,
          needs="scikit-learn",
          measure=lambda lab: lab.mean({"model": "attention", "question": "certainty", "patterns": "digits",
              "classes": 10, "cues": 4, "flow": {"steps": 2000},
              "axes": {"size": [64], "memories": [200], "beta": [2.0], "noise": [0.1], "seed": 16}},
              "same_class")),
)  # fmt: skip
"""Claims of notebooks, in their order."""
