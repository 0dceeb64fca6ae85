"""How figures write quantities and axes: one symbol and one word for each, nothing of the code."""

from collections.abc import Mapping
from typing import NamedTuple

import xarray as xr

from mattis import theory


class Term(NamedTuple):
    """A quantity or an axis as a figure writes it.

    label  # beside an axis
    word   # in a key, and in sentences
    """

    label: str
    word: str


QUANTITY_TERMS: Mapping[str, Term] = {
    "overlap": Term("overlap $m$", "at rest"),
    "overlap_second": Term("overlap $m_2$", "with the second pattern"),
    "overlap_other": Term("largest other overlap", "with another pattern"),
    "overlap_squared": Term(r"$\langle m^2 \rangle$", "squared"),
    "overlap_length": Term(r"length $|m|$ of all overlaps", "all patterns"),
    "overlap_mixed": Term("overlap $m_n$ with each of $n$", "mixture"),
    "overlap_nearest": Term("overlap with the nearest pattern", "nearest pattern"),
    "overlap_cooling": Term("overlap $m$", "cooling"),
    "overlap_nearest_cooling": Term("overlap with the nearest pattern", "cooling, nearest pattern"),
    "overlap_graded": Term("overlap $m$", "tanh inside"),
    "overlap_one_step": Term("overlap $m$", "after one step"),
    "overlap_old": Term("overlap with the old pattern", "old pattern"),
    "overlap_random": Term("overlap $m$", "from a random state"),
    "energy": Term("energy per neuron $e$ [J]", "energy"),
    "energy_cued": Term("energy per neuron $e$ [J]", "from the cue"),
    "energy_random": Term("energy per neuron $e$ [J]", "from random states"),
    "energy_of_replicas": Term("energy per neuron $e$ [J]", r"by $\langle q_{ab}^2 \rangle$"),
    "replica_overlap": Term(r"$\langle |q_{ab}| \rangle$ of two replicas", "$|q_{ab}|$"),
    "replica_overlap_squared": Term(r"$\langle q_{ab}^2 \rangle$", "squared"),
    "binder": Term("Binder's ratio", "Binder's ratio"),
    "overlap_distribution": Term("density $P(q_{ab})$", "$P(q_{ab})$"),
    "free_energy": Term("free energy per neuron $f$ [J]", "free energy"),
    "log_partition": Term(r"$\ln(Z/Z_{\mathrm{hot}})/N$", r"$\ln Z$"),
    "retrieval_weight": Term("weight of retrieval states", "retrieval"),
    "retrieval_excess": Term(r"$f_{\mathrm{retrieval}} - f_{\mathrm{glass}}$ [J]", "excess"),
    "retrieval_share": Term("weight of one retrieval state, of it and the rest", "one retrieval state"),
    "boundary_equal_free_energy": Term("$T$ of equal free energies [J]", "equal free energies"),
    "swap_rate": Term("share of swaps accepted", "swaps accepted"),
    "hidden_rungs": Term("hidden rungs", "hidden rungs"),
    "from_coldest": Term("share of walkers from the coldest end", "from the coldest end"),
    "round_trips": Term("round trips of a walker", "round trips"),
    "energy_cooling": Term("energy per neuron $e$ [J]", "cooling"),
    "effective_energy": Term("effective energy per neuron [J]", "Peretto's"),
    "edwards_anderson": Term("$q$", "$q$"),
    "retrieved": Term("share retrieved", "at rest"),
    "retrieved_one_step": Term("share retrieved", "after one step"),
    "survived": Term("share that survives", "survives"),
    "survival_time": Term("survival time [sweeps]", "mean time"),
    "escape_rate": Term("escape rate [1/sweep]", "escapes"),
    "chose_second": Term("share of cues", "second pattern"),
    "chose_neither": Term("share of cues", "neither"),
    "flip_rate": Term("share of neurons that flip", "stored pattern"),
    "flip_rate_new": Term("share of neurons that flip", "new pattern"),
    "recognised": Term("share of cues", "recognised"),
    "stable": Term("share of cues", "stable"),
    "stays": Term("share of mixtures that stay", "stays"),
    "transition_rate": Term("transitions per sweep", "transitions"),
    "transition_time": Term("sweeps per transition", "time"),
    "two_cycle": Term("share that ends in a two-cycle", "two-cycle"),
    "cycle_flips": Term("share of neurons that flip", "flips in the cycle"),
    "flip_fraction": Term("share of neurons that flip", "flips"),
    "steps_used": Term("steps until rest", "steps"),
    "steps_used_graded": Term("steps until rest", "tanh inside"),
    "apart": Term("distance of the two trajectories", "trajectories"),
    "apart_at_rest": Term("distance at rest", "states at rest"),
    "mismatch": Term("distance of the two fixed points", "fixed points"),
    "entropy_cue": Term("entropy of the weights [nat]", "at the cue"),
    "entropy": Term("entropy of the weights [nat]", "at rest"),
    "information_gain": Term("information gained [nat]", "gain"),
    "own_weight": Term("weight of the pattern", "at rest"),
    "own_weight_cue": Term("weight of the pattern", "at the cue"),
    "distance": Term("distance from quasi-equilibrium", "distance"),
    "breaking_step": Term(r"step $dt/\tau_v$ at which descent ends", "end of descent"),
    "energy_rise": Term("rise of the energy / its range", "rise"),
    "activation_mismatch": Term("relative error of $dE/dt$", "by the activations"),
    "gradient_error": Term("relative error of the gradient", "gradient"),
    "least_curvature": Term(r"$\dot v^T H_v \dot v / |\dot v|^2$", "least"),
    "jacobian_error": Term("relative error of the Jacobian", "eq. (28)"),
    "origin_error": Term("relative error of the Jacobian", "eq. (29)"),
    "printed_error": Term("relative error of the Jacobian", "eq. (30) as printed"),
    "imaginary": Term("largest imaginary part, relative", "imaginary part"),
    "unstable_at_rest": Term("unstable directions", "at rest"),
    "energy_above": Term("energy (19) above (3)", "above"),
    "energy_below": Term("energy (19) below (3)", "below"),
    "energy_mismatch": Term("relative error of $dE/dt$", "$dE/dt$"),
    "lambda_min": Term("eigenvalue", r"$\lambda_{\min}$"),
    "lambda_max": Term("eigenvalue", r"$\lambda_{\max}$"),
    "unstable": Term("unstable directions", "unstable"),
    "unstable_share": Term("unstable directions / min($N_h$, $N_v$)", "unstable"),
    "all_unstable": Term("share with all directions unstable", "all unstable"),
    "fixed_points": Term("fixed points found", "all"),
    "attractors": Term("fixed points found", "attractors"),
    "saddles": Term("fixed points found", "saddles"),
    "leading_rate": Term(r"rate [$1/\tau$]", "fastest"),
    "gap": Term(r"rate [$1/\tau$]", "gap"),
    "growth_rate": Term(r"fastest rate [$1/\tau$]", "fastest mode"),
    "mode_error": Term("difference of steps and modes", "modes"),
    "euler_error": Term("error of Euler's step", "Euler's step"),
    "rotation_error": Term("relative change of $J$", "rotated"),
    "triangular_error": Term("relative change of $J$", "triangular"),
    "cholesky_failed": Term("share without a Cholesky factor", "no factor"),
    "same_class": Term("share near a pattern of its class", "right class"),
    "similarity": Term("cosine with the new pattern", "new pattern"),
    "similarity_old": Term("cosine with the old pattern", "old pattern"),
    "error_factor": Term("distance from the target / at first", "distance"),
    "target_error": Term("relative distance from the target", r"from $\xi' + \Lambda$"),
    "pattern_error": Term("relative distance from the target", r"from $\xi'$"),
    "old_share": Term("share of the old memory", "old share"),
    "curl": Term("relative error of the gradient", "curl"),
    "hebbian_error": Term("relative distance of couplings", "Hebbian, from its limit"),
    "pavlovian_error": Term("relative distance of couplings", "Pavlovian, from its limit"),
    "rules_apart": Term("relative distance of couplings", "Hebbian from Pavlovian"),
    "rules_residual": Term("relative distance of couplings", "with the difference added"),
    "consolidated": Term("share consolidated", "consolidated"),
    "row_sum_error": Term("error of the sums of rows", "rows of $W$"),
    "gibbs_distance": Term("distance of laws", "from Gibbs'"),
    "peretto_distance": Term("distance of laws", "from Peretto's"),
    "imbalance": Term("imbalance of flows", "imbalance"),
    "gibbs_distance_reversed": Term("distance of laws", "from Gibbs', other sign"),
    "peretto_distance_reversed": Term("distance of laws", "from Peretto's, other sign"),
    "imbalance_reversed": Term("imbalance of flows", "imbalance, other sign"),
    "overlap_one_step_reversed": Term("overlap $m$", r"$e^{-\beta S^\prime h}$"),
    "energy_exact": Term("energy per neuron $e$ [J]", "exact"),
    "overlap_squared_exact": Term(r"$\langle m^2 \rangle$", "exact"),
    "minima": Term("stable states", "stable states"),
    "log_minima": Term("ln of the number of stable states", "stable states"),
    "energy_minima": Term("energy per neuron $e$ [J]", "stable states"),
    "energy_lowest": Term("energy per neuron $e$ [J]", "lowest"),
    "energy_at_rest": Term("energy per neuron $e$ [J]", "descents"),
    "ground_states": Term("states of the lowest energy", "ground states"),
    "unsatisfied_bonds": Term("share of bonds", "unsatisfied bonds"),
    "frustrated_triangles": Term("share of triangles", "frustrated triangles"),
    "flips_to_rest": Term("flips of a descent", "flips"),
    "energy_change": Term(r"largest $\Delta E$ of a flip [J]", r"$\Delta E$"),
    "at_rest": Term("share of descents at rest", "at rest"),
    "asymmetry": Term("asymmetry of couplings", "asymmetry"),
    "self_coupling": Term("self-coupling", "diagonal"),
    "magnetisation": Term("magnetisation $|M|$", "$|M|$"),
    "wrong_bits": Term("wrong bits of the last state", "wrong bits"),
    "recalled": Term("share recalled", "recalled"),
    "merged": Term("share with a twin", "merged"),
}
"""Observables, by their names in the dataset."""

WORDS_OF_QUESTIONS: Mapping[str, Mapping[str, str]] = {
    "ambiguous": {
        "retrieved": "first pattern",
        "overlap": "first pattern",
        "overlap_second": "second pattern",
    },
    "hysteresis": {"overlap": "heating", "energy": "heating"},
    "enumeration": {
        "energy": "chain",
        "overlap_squared": "chain",
        "overlap_one_step": r"$e^{+\beta S^\prime h}$",
    },
    "equivalence": {"overlap": "tanh outside"},
    "jacobian": {"unstable": "at the origin"},
}
"""Words of quantities in the key where a question gives them another meaning."""

AXIS_TERMS: Mapping[str, Term] = {
    "size": Term("neurons $N$", "$N$ ="),
    "load": Term(r"load $\alpha = P/N$", r"$\alpha$ ="),
    "memories": Term("stored patterns $P$", "$P$ ="),
    "exponent": Term(r"$\ln(P)/N$", r"$\ln(P)/N$ ="),
    "couplings": Term("rule of couplings", ""),
    "age": Term("age of the pattern (1: the newest)", "age"),
    "beta": Term("temperature $T$", "$T$ ="),
    "gain": Term(r"gain $\beta$", r"$\beta$ ="),
    "noise": Term("share of the cue's signs that are flipped", "flipped"),
    "mixture": Term("patterns $n$ of the mixture", "$n$ ="),
    "separation": Term(r"$\tau_h/\tau_v$", r"$\tau_h/\tau_v$ ="),
    "q": Term("overlap $q_{ab}$ of two replicas", "$q_{ab}$ ="),
    "cue_noise": Term("flips of the cue", "flips"),
    "kappa": Term(r"$\kappa = \beta N_v \rho$", r"$\kappa$ ="),
    "tau": Term(r"$\tau$ [presentations]", r"$\tau$ ="),
    "presentations": Term("presentations per memory", "presentations"),
    "likeness": Term("likeness $r$ of the changes", "$r$ ="),
    "spread": Term("spread $s$ of the frequencies", "$s$ ="),
    "memory": Term("memory, from the rarest", "memory"),
    **{f"load_{n}": Term(f"load $P/N^{{{n - 1}}}$", f"$P/N^{{{n - 1}}}$ =") for n in range(3, 13)},
}
"""Axes, by their names in a study; `gain` is the axis beta of continuous neurons."""

RULE_WORDS: Mapping[str, str] = {
    "hebb": "Hebb",
    "clipped": "clipped",
    "dead_zone": "dead zone",
    "dilution": "half of the bonds",
    "asymmetric_dilution": "few directed bonds",
    "palimpsest": "saturating",
    "marginalist": "marginalist",
    "pseudo_inverse": "pseudo-inverse",
    "weighted": "weighted",
    "sequence": "sequence",
    "sherrington_kirkpatrick": "Sherrington–Kirkpatrick",
    "van_hemmen": "van Hemmen",
    "lattice": "square lattice",
}
"""Rules of couplings; others by their own names."""

MARK_WORDS: Mapping[str, str] = {
    "alpha_c": r"$\alpha_c$",
    "alpha_hysteresis": "bracket of descents",
    "T_c": "$T_c$",
    "T_g": "$T_g$",
    "T_M": "$T_M$",
    "T_star": "$T^*$",
    "alpha_sphere": r"$\ln P/N$, capacity",
    "alpha_sign": r"$\ln P/N$, capacity",
    "cue_sphere": "largest noise of a cue",
}
"""Places on an axis that theory names, by the second word of their quantity."""


def quantity_term(name: str, estimates: xr.Dataset) -> Term:
    """Return how a quantity is written; of plugins by what they call it."""
    if name in QUANTITY_TERMS:
        return QUANTITY_TERMS[name]
    if name.startswith("boundary_"):
        return Term(f"end along the {name.removeprefix('boundary_').replace('_', ' ')}", "boundary")
    attributes = estimates[name].attrs if name in estimates else {}
    long_name, units = attributes.get("long_name", name), attributes.get("units", "1")
    return Term(long_name if units == "1" else f"{long_name} [{units}]", long_name)


AXES_OF_QUESTIONS: Mapping[str, Mapping[str, Term]] = {
    "ambiguous": {"noise": Term("share of the cue's sites from the second pattern", "second")},
    "certainty": {"noise": Term("noise of the cue", "noise")},
    "consolidation": {
        "noise": Term(r"change $\sigma$", r"$\sigma$ ="),
        "size": Term("neurons $N_v$", "$N_v$ ="),
        "memories": Term("memories $N_h$", "$N_h$ ="),
        "load": Term("load $N_h/N_v$", "$N_h/N_v$ ="),
        "beta": Term(r"$\beta$ of the synapses", r"$\beta$ ="),
    },
}
"""Axes where a question gives them another meaning."""


def quantity_word(name: str, question: str) -> str:
    """Return how the key of a question calls a quantity."""
    return WORDS_OF_QUESTIONS.get(question, {}).get(name, quantity_term(name, xr.Dataset()).word)


def axis_term(name: str, is_gain: bool = False, per_bond: bool = False, question: str = "") -> Term:
    """Return how an axis is written: beta of continuous neurons as a gain, loads of few bonds as P/C."""
    own = AXES_OF_QUESTIONS.get(question, {})
    if name in own:
        return own[name]
    if per_bond and name == "load":
        return Term("load $P/C$, patterns per bond", "$P/C$ =")
    if is_gain and name == "beta":
        return AXIS_TERMS["gain"]
    return AXIS_TERMS.get(name, Term(name.replace("_", " "), f"{name.replace('_', ' ')} ="))


def rule_word(rule: str) -> str:
    """Return the name of a rule of couplings in a key."""
    return RULE_WORDS.get(rule, rule.replace("_", " "))


def mark_word(quantity: str) -> str:
    """Return how a place of theory is written in a key."""
    return MARK_WORDS.get(quantity.split(".")[-1], theory.QUANTITIES[quantity].symbol)
