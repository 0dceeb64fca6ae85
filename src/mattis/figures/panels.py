"""Which panels a study has where its `figure` names none: those of the question that it asks."""

from collections.abc import Mapping, Sequence

import numpy as np

from mattis.comparison.view import view
from mattis.networks.binary.couplings import RULES
from mattis.networks.binary.questions import LATTICE
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.drift.keys import DriftStudy
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.plain.study import PlainStudy
from mattis.study.base import Study
from mattis.study.figure import PanelBlock

MOST_OF_A_PLUGIN = 3
"""Observables of a plugin's model that its figure shows."""

Panels = Sequence[PanelBlock]


def _panel(*names: str, scale: str = "linear", **keys: str) -> PanelBlock:
    """Return a panel of some quantities."""
    return PanelBlock.model_validate({"quantity": [*names], "scale": scale, **keys})


BINARY_PANELS: Mapping[str, Panels] = {
    "recall": (_panel("overlap"),),
    "ambiguous": (
        _panel("retrieved", "chose_second", "chose_neither", label="share of cues"),
        _panel("overlap", "overlap_second"),
    ),
    "familiarity": (_panel("flip_rate", "flip_rate_new"), _panel("recognised", "stable")),
    "mixture": (_panel("overlap_mixed"), _panel("stays")),
    "survival": (_panel("survived"), _panel("escape_rate", scale="log")),
    "snapshot": (_panel("recalled"), _panel("wrong_bits")),
    "transitions": (_panel("transition_rate"), _panel("overlap_nearest")),
    "hysteresis": (
        _panel("overlap", "overlap_cooling", "overlap_nearest_cooling"),
        _panel("energy", "energy_cooling"),
    ),
    "exchange": (
        _panel("replica_overlap"),
        _panel("energy_cued", "energy_random"),
        _panel("swap_rate", "from_coldest", label="share"),
    ),
    "enumeration": (
        _panel("gibbs_distance", "peretto_distance", "imbalance", scale="log"),
        _panel("overlap_one_step", "overlap_one_step_reversed"),
    ),
    "landscape": (
        _panel("minima", scale="log"),
        _panel("energy_lowest", "energy_minima", "energy_at_rest"),
        _panel("frustrated_triangles", "unsatisfied_bonds", label="share"),
    ),
}
"""The panels of each question of binary networks."""

NEURON_PANELS: Mapping[str, Panels] = {
    "recall": (_panel("overlap", "overlap_one_step"), _panel("steps_used", scale="log")),
    "certainty": (_panel("entropy_cue", "entropy"), _panel("overlap", "own_weight")),
    "equivalence": (
        _panel("overlap", "overlap_graded"),
        _panel("apart"),
        _panel("mismatch", "apart_at_rest", scale="log"),
    ),
    "spectrum": (_panel("lambda_min", "lambda_max", scale="log"), _panel("unstable_share")),
    "fixed_points": (
        _panel("fixed_points", "attractors", "saddles"),
        _panel("unstable"),
        _panel("leading_rate", "gap"),
    ),
    "separation": (_panel("distance", scale="log"), _panel("energy_mismatch", scale="log")),
    "modes": (_panel("growth_rate"), _panel("mode_error", scale="log")),
    "descent": (_panel("breaking_step"), _panel("energy_mismatch", "activation_mismatch", scale="log")),
    "jacobian": (_panel("unstable", "unstable_at_rest"), _panel("jacobian_error", scale="log")),
    "rotation": (_panel("rotation_error", "triangular_error", scale="log"), _panel("cholesky_failed")),
}
"""The panels of each question of networks from generating functions."""

SYNAPSE_PANELS: Panels = (
    _panel("error_factor", scale="log"), _panel("gradient_error", "curl", scale="log"),
    _panel("rules_apart", "rules_residual", scale="log"),
)  # fmt: skip
"""The panels of drifting memories that are asked how they move."""

BINARY_QUESTIONS_ASKED: Mapping[str, str] = {
    "recall": "How much of a pattern is recalled?",
    "ambiguous": "Which of two patterns does a cue between them come to?",
    "familiarity": "Does a network know a stored pattern from a new one?",
    "mixture": "Up to which temperature do mixtures of patterns stay?",
    "survival": "How long does a network stay with its pattern?",
    "snapshot": "How many cues come back with few wrong bits?",
    "transitions": "How fast does a network go from one pattern to the next?",
    "hysteresis": "Which states come back when a network is cooled again?",
    "exchange": "How alike are two replicas in equilibrium?",
    "enumeration": "Which law do the states of a small network have?",
    "landscape": "How many stable states are there, and how deep?",
}
"""What the figure of each question of binary networks answers, where the study does not say."""

NEURON_QUESTIONS_ASKED: Mapping[str, str] = {
    "recall": "How much of a pattern is recalled, and how fast?",
    "certainty": "How sure is a network which pattern it is at, before and after?",
    "equivalence": "Do tanh outside and inside of the couplings give the same network?",
    "spectrum": "Which directions are unstable at the origin?",
    "fixed_points": "How many fixed points are there, and how stable are they?",
    "separation": "How near to quasi-equilibrium do fast neurons keep a network?",
    "modes": "Do Euler's steps follow the modes of the linear network?",
    "descent": "Up to which step does Euler's rule lower the energy?",
    "jacobian": "Is the Jacobian that of the flow, and how many directions are unstable?",
    "rotation": "Do rotated memories make the same couplings?",
}
"""What the figure of each question of other networks answers, where the study does not say."""


def asked_of(study: Study) -> str:
    """Return the name of what a study asks of its model; "" where models have no questions."""
    if isinstance(study, BinaryStudy):
        return study.asked.name
    if isinstance(study, DriftStudy):
        return "consolidation"
    return str(study.asked) if isinstance(study, NeuronStudy) else ""


def question_of(study: Study, usual: str | None = None) -> str:
    """Return what the figure of a study answers: in its own words, or the usual ones of its figure."""
    if study.figure is not None and study.figure.question is not None:
        return study.figure.question
    if usual is not None:
        return usual
    if isinstance(study, BinaryStudy):
        return BINARY_QUESTIONS_ASKED[study.asked.name]
    if isinstance(study, NeuronStudy):
        return NEURON_QUESTIONS_ASKED[study.asked]
    summary = study.described_model.summary
    return f"{summary[:1].upper()}{summary[1:]}"


def panels_of(study: Study) -> Panels:
    """Return the panels of a study: those that it names, else those of its question."""
    if study.figure is not None and study.figure.panels is not None:
        return study.figure.panels
    if isinstance(study, BinaryStudy):
        return _of_binary(study)
    if isinstance(study, NeuronStudy):
        return NEURON_PANELS[study.asked]
    if isinstance(study, DriftStudy):
        return SYNAPSE_PANELS
    assert isinstance(study, PlainStudy)
    return [_panel(one.name) for one in study.row.observables[:MOST_OF_A_PLUGIN]]


def _of_binary(study: BinaryStudy) -> Panels:
    """Return the panels of a binary network: the order parameter first, and the edge of basins last."""
    panels = list(BINARY_PANELS[study.asked.name])
    if study.asked.name != "recall":
        return panels
    names = {one.name for one in study.described_model.observables}
    if "overlap_length" in names:
        panels = [_panel("overlap_length")]
    if study.rules == ("sherrington_kirkpatrick",):
        panels = [_panel("edwards_anderson")]
    if study.rules == (LATTICE,):
        return [_panel("magnetisation"), _panel("energy")]
    cold = all(map(np.isinf, study.axes.betas))
    symmetric = all(RULES[rule].symmetric for rule in study.rules)
    if "two_cycle" in names and symmetric and cold and len(study.rules) == 1:
        cycles = _panel("two_cycle", "cycle_flips", label="share")
        panels = [cycles] if study.starts_at_random else [*panels, cycles]
    if len(study.axes.noise) > 1:
        panels.append(_panel("retrieved"))
    return [*panels, *_basins(study)]


def _basins(study: BinaryStudy) -> Panels:
    """Return the panel of the edge of basins, where the noise of cues is scanned at several loads."""
    stored, noises = len(study.labels[study.stored]), len(study.axes.noise)
    seen = view(study)
    if noises > 3 and stored > 2 and {seen.across, seen.curves} == {"noise", study.stored}:
        return [_panel("boundary_noise", across=study.stored)]
    return []
