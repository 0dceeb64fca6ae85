"""What a figure tells of a study in small letters: the network, its patterns, the run, and what bars are."""

from collections.abc import Sequence

import numpy as np

from mattis.figures.glossary import rule_word
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.neurons.recipe import many_body
from mattis.networks.neurons.study import NeuronStudy
from mattis.study.base import Study
from mattis.words import counted

STEPPED = ("recall", "certainty", "equivalence", "fixed_points", "modes", "descent")
"""Questions that Euler steps answer: spectra have none, fast and slow neurons an adaptive integrator."""

BARS = "bars: 95 %"
"""What all bars of a page are: of Student for means, of Wilson for shares, of Garwood for rates."""


def told_of(study: Study, where: str, phrases: Sequence[str]) -> str:
    """Return the caption: what was simulated, where, what is the same everywhere, and what bars are."""
    bars = f"{BARS} over {'cues' if has_one_set(study) else 'pattern sets'}"
    parts = [f"{study.name}: {network_of(study)}", where, sets_of(study), *phrases, bars]
    return "; ".join(part for part in parts if part)


def network_of(study: Study) -> str:
    """Return what was simulated: rules, patterns, update, sweeps, as far as they are not the usual ones."""
    if isinstance(study, BinaryStudy):
        return _of_binary(study)
    return _of_neurons(study) if isinstance(study, NeuronStudy) else study.model


MORE_SETS = {"boundary": " (more near the boundary)", "overlap": " (more where m is uncertain)"}
"""Where a study that is refined has more pattern sets, by its target."""


def has_one_set(study: Study) -> bool:
    """Tell whether all seeds share their patterns, which a file gives: they are cues of one set."""
    return isinstance(study, BinaryStudy) and study.ensemble.name == "given"


def sets_of(study: Study) -> str:
    """Return how many pattern sets there are, and cues of each."""
    count, cues = len(study.axes.seed), int(getattr(study, "cues", 1))
    if has_one_set(study):
        return f"one pattern set × {counted(count * cues, 'cue')}"
    sets = counted(count, "pattern set")
    sets += MORE_SETS[study.refine.target] if study.refine else ""
    return sets if cues == 1 else f"{sets} × {counted(cues, 'cue')}"


def _of_binary(study: BinaryStudy) -> str:
    """Return rules, patterns, update and sweeps of a binary network, where they are not the usual ones."""
    acting, sweeps = study.acting, study.sweeps
    words = [", ".join(rule_word(rule) for rule in study.rules)]
    if study.ensemble.name != "random":
        words.append(f"{study.ensemble.name.replace('_', ' ')} patterns")
    words += ["all sites at once"] if acting.synchronous else []
    words += ["Metropolis' rate"] if acting.is_metropolis else []
    words += ["random order"] if study.update_order != "typewriter" else []
    words += ["common noise along T"] if study.noise_sharing != "independent" else []
    words += ["diagonal kept"] if acting.diagonal != "zero" else []
    if acting.neurons != "signs":
        words.append(f"0/1 neurons, threshold {acting.threshold}")
    cold = all(map(np.isinf, study.axes.betas))
    if study.asked.name not in ("familiarity",):
        words.append("descent to rest" if cold else f"{sweeps.thermalise} + {sweeps.measure} sweeps")
    return ", ".join(words)


def _of_neurons(study: NeuronStudy) -> str:
    """Return functions, indices and steps of a network from generating functions."""
    parts, recipe, f = study.parts, study.protocol, study.flow
    if study.member.binary:
        words = [f"{recipe.rule.replace('_', ' ')}, {recipe.indices} indices"]
    else:
        words = [f"{parts.visible.replace('_', ' ')} outside, {parts.hidden.replace('_', ' ')} inside"]
    words += [f"degree {parts.degree}"] if many_body(parts) else []
    words.append(f"patterns: {recipe.ensemble}")
    if not study.member.binary and recipe.question in STEPPED:
        words.append(f"dt = {recipe.dt:g}, {f.precision}")
    return ", ".join(words)
