"""Claims of Amit, Gutfreund & Sompolinsky (1985) on random magnets, as document 001 tells them."""

from typing import Any

from mattis.claims.claim import AtLeast, AtMost, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, mean_of, network, paired
from mattis.statistics.extrapolation import complexity, ground_energy


def landscape(lab: Laboratory, model: str, observable: str, memories: int = 1) -> Measurement:
    """Return what is seen of all states of 64 networks of N = 16."""
    keys = network(model, size=16, sets=64, axes={"memories": [memories]}, question="landscape")
    return lab.mean(keys, observable)


def between(lab: Laboratory) -> Measurement:
    """Return the difference of shares."""
    glass = landscape(lab, "sherrington_kirkpatrick", "frustrated_triangles")
    return landscape(lab, "hopfield", "frustrated_triangles", 5) - glass


def ground_energy_of_glass(lab: Laboratory) -> Measurement:
    """Return the start of the line."""
    axes = {"size": [16, 24, 32, 48, 64, 96], "memories": [1]}
    keys = network("sherrington_kirkpatrick", size=16, sets=160, axes=axes, question="landscape", cues=1000)
    line = ground_energy(lab.cells(keys))
    return Measurement(line.start, line.start_error)


def glasses() -> dict[str, Any]:
    """Return the keys of a study of all states of spin glasses."""
    axes = {"size": [10, 12, 14, 16, 18, 20], "memories": [1]}
    return network("sherrington_kirkpatrick", size=10, sets=400, axes=axes, question="landscape")


def metastable_states(lab: Laboratory) -> Measurement:
    """Return the slope."""
    line = complexity(lab.cells(glasses()))
    return Measurement(line.slope, line.slope_error)


def frozen(lab: Laboratory, temperature: float) -> Measurement:
    """Return q of the Sherrington-Kirkpatrick model (N = 1000)."""
    keys = network("sherrington_kirkpatrick", size=1000, sets=16, temperature=temperature,
                   axes={"memories": [1]}, sweeps=(1000, 2000))  # fmt: skip
    return lab.mean(keys, "edwards_anderson")


def overlap_of_chains(lab: Laboratory) -> Measurement:
    """Return the mean of |q_ab| less q over couplings."""
    keys = network("sherrington_kirkpatrick", size=1000, sets=32, temperature=0.5,
                   axes={"memories": [1]}, starts=2, sweeps=(1000, 1000))  # fmt: skip
    cells = lab.cells(keys)
    return paired(abs(cells["overlap_starts"]), cells["edwards_anderson"])


def longest(lab: Laboratory, model: str, temperature: float) -> Measurement:
    """Return the length of the vector of three overlaps as N → ∞.

    At finite N the state turns to where the sample of patterns is longest, which adds a term in N^-1/2.
    """
    keys = network(
        model, size=500, sets=48, temperature=temperature, axes={"memories": [3]}, sweeps=(100, 300)
    )
    return lab.endless(keys, "overlap_length", (500, 1000, 2000, 4000), 1 / 2)


DISORDER_CLAIMS: tuple[Claim, ...] = (
    Claim("M1b", "statistical", "001, section 3",
          "The Mattis model, p = 1, has two ground states, S = ±xi: states of the lowest energy, of all "
          "2^16.",
          2.0, rule=Near(1e-9), rival=1.0,
          measure=lambda lab: landscape(lab, "hopfield", "ground_states")),
    Claim("M1c", "statistical", "001, section 3",
          "In these states every bond is satisfied, there is no frustration: share of frustrated triangles "
          "(N = 16, p = 1).",
          0.0, rule=Near(1e-9), rival=0.5,
          measure=lambda lab: landscape(lab, "hopfield", "frustrated_triangles")),
    Claim("M1d", "statistical", "001, section 3",
          "With p > 1 a finite fraction of bonds is frustrated: share of unsatisfied bonds in the ground "
          "state at p = 5 (N = 16).",
          0.1, rule=AtLeast(), rival=0.0,
          measure=lambda lab: landscape(lab, "hopfield", "unsatisfied_bonds", 5)),
    Claim("M1e", "statistical", "001, section 3",
          "The Hopfield model lies between the Mattis model and the spin glass: its share of frustrated "
          "triangles at p = 5, less that of the spin glass, 1/2 (N = 16).",
          -0.02, rule=AtMost(), rival=0.0,
          why="With an odd p no coupling is 0, and a triangle is frustrated less often than not.",
          measure=between),
    Claim("M2c", "statistical", "001, section 2",
          "The 2p Mattis states are the ground states: states of the lowest energy, of all 2^16, of three "
          "orthogonal patterns.",
          6.0, rule=Near(1e-9), rival=2.0,
          measure=lambda lab: lab.mean(network(size=16, sets=8, axes={"memories": [3]}, question="landscape",
              patterns="orthogonal"), "ground_states")),
    Claim("SKb", "statistical", "001, section 3",
          "Ground energy of the Sherrington-Kirkpatrick model: lowest energy per spin of 1000 descents, on a "
          "line over N^(-2/3), N = 16 to 96, N → ∞.",
          -0.76317, rule=Near(0.006), rival=-0.797885,
          why="Replica symmetry has -0.7979.",
          measure=ground_energy_of_glass),
    Claim("SKc", "statistical", "001, section 3",
          "The number of metastable states grows exponentially with N: slope of the logarithm of the mean "
          "number of stable states over N, 10 to 20 (theory: 0.1992).",
          0.199228, rule=Near(0.003), rival=0.0,
          measure=metastable_states),
    Claim("SKa", "statistical", "001, section 3",
          "The Sherrington-Kirkpatrick model freezes below T = 1: q of one chain at T = 0.5 is no less than "
          "that of replica-symmetric theory, 0.530368, less 0.05 (N = 1000).",
          0.48, rule=AtLeast(), rival=0.0,
          why="Below T = 1 replica symmetry is broken: q of one valley is above the symmetric 0.53.",
          measure=lambda lab: frozen(lab, 0.5)),
    Claim("SKd", "statistical", "001, section 3",
          "Above T = 1 it does not: q of one chain at T = 1.3 (N = 1000).",
          0.0, rule=Near(0.02), rival=0.5,
          measure=lambda lab: frozen(lab, 1.3)),
    Claim("SKe", "statistical", "001, section 3",
          "The glass has many states: mean |q_ab| of two chains of the same couplings, one of them from a "
          "random state, less q of one chain, at T = 0.5 (N = 1000).",
          -0.05, rule=AtMost(), rival=0.0,
          why="Two chains that are in the same state, or its mirror, would have q_ab = q.",
          measure=overlap_of_chains),
    Claim("VHa", "statistical", "001, section 3",
          "The van Hemmen model, p = 2, is solved exactly: overlap q = (1/2) tanh(2 q/T) at T = 0.5 (N = "
          "4000).",
          0.478752, rule=Near(0.003), rival=0.957504,
          measure=lambda lab: lab.mean(network("van_hemmen", size=4000, sets=16, temperature=0.5,
              axes={"memories": [2]}, sweeps=(200, 800)), "overlap")),
    Claim("VHb", "statistical", "001, section 3",
          "Its critical temperature is 1: |q| of chains that start at a pattern, T = 1.2 (N = 2000).",
          0.0, rule=Near(0.04), rival=0.4,
          measure=lambda lab: mean_of(abs(lab.cells(network("van_hemmen", size=2000, sets=16, temperature=1.2,
              axes={"memories": [2]}, sweeps=(100, 200)))["overlap"]).squeeze().values)),
    Claim("PV", "statistical", "001, section 3",
          "Provost and Vallée's generalisation to Gaussian patterns has a state in any direction: length of "
          "the vector of overlaps, |m| = int Dz z tanh(beta |m| z), at T = 0.5, p = 3, N → ∞ by N = 500 to "
          "4000.",
          0.668554, rule=Near(0.003), rival=0.957504,
          measure=lambda lab: longest(lab, "gaussian", 0.5)),
    Claim("RAa", "statistical", "001, section 3",
          "Random-axis ferromagnets, J_ij = n_i n_j/N: length M of the magnetisation in D = 3 dimensions at "
          "T = 0.2, N → ∞ by N = 500 to 4000.",
          0.413254, rule=Near(0.003), rival=0.5,
          measure=lambda lab: longest(lab, "random_axis", 0.2)),
    Claim("RAb", "statistical", "001, section 3",
          "They order below T_c = 1/D only: length M in D = 3 dimensions at T = 0.5 (N = 2000).",
          0.0, rule=Near(0.05), rival=0.4,
          measure=lambda lab: lab.mean(network("random_axis", size=2000, sets=16, temperature=0.5,
              axes={"memories": [3]}, sweeps=(50, 150)), "overlap_length")),
)  # fmt: skip
"""Claims on random magnets, in the order of the document."""
