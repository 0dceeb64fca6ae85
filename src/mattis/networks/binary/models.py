"""The members of the family of binary networks: one row each in the table of models."""

import reprlib
from collections.abc import Iterator, Mapping, Sequence

from mattis.networks.binary import chains, family
from mattis.networks.binary.asking.table import BINARY_QUESTIONS
from mattis.networks.binary.couplings import RULES, Rule
from mattis.networks.binary.ensembles import Ensemble
from mattis.networks.binary.family import BinaryDefaults, batched, follow, launches, simulate, theory
from mattis.networks.binary.hopfield import check
from mattis.networks.binary.matrix_network import Dynamics
from mattis.networks.binary.questions import Inquiry
from mattis.plugins import Choice
from mattis.study.model import Model

BINARY_AXES = ("size", "load", "memories", "couplings", "age", "mixture", "beta", "noise", "seed")
AT_ONCE = Dynamics(update="synchronous")
HOPFIELD_82 = "Hopfield, PNAS 79, 2554 (1982)"
FROZEN = "Sompolinsky, Phys. Rev. A 34, 2571 (1986)"


BINARY_DEFAULTS: Mapping[str, BinaryDefaults] = {
    "hopfield": BinaryDefaults(),
    "little": BinaryDefaults(dynamics=AT_ONCE),
    "zero_one": BinaryDefaults(dynamics=Dynamics(neurons="zero_one")),
    "clipped": BinaryDefaults(Rule("clipped")),
    "dead_zone": BinaryDefaults(Rule("dead_zone")),
    "dilution": BinaryDefaults(Rule("dilution")),
    "dilute": BinaryDefaults(Rule("asymmetric_dilution", connectivity=0.01), dynamics=AT_ONCE),
    "sequence": BinaryDefaults(Rule("sequence"), dynamics=AT_ONCE),
    "palimpsest": BinaryDefaults(Rule("palimpsest")),
    "marginalist": BinaryDefaults(Rule("marginalist")),
    "pseudo_inverse": BinaryDefaults(Rule("pseudo_inverse")),
    "weighted": BinaryDefaults(Rule("weighted")),
    "sherrington_kirkpatrick": BinaryDefaults(Rule("sherrington_kirkpatrick")),
    "van_hemmen": BinaryDefaults(Rule("van_hemmen")),
    "gaussian": BinaryDefaults(ensemble="gaussian"),
    "random_axis": BinaryDefaults(ensemble="unit_vectors"),
    "ising": BinaryDefaults(Rule("lattice"), "aligned"),
}
"""What each model is made of, where a study says nothing else."""


def row(
    name: str,
    summary: str,
    equation: str,
    source: str,
    parameter: str = "overlap",
    besides: tuple[str, ...] = (),
    numbers: int = 2,
) -> Model:
    """Return the row of a model.

    besides  # theory beside that of what the model is made of
    numbers  # one more than before spins were decided by two halves of words, with which they compare
    """
    member, recall = BINARY_DEFAULTS[name], BINARY_QUESTIONS["recall"]
    return Model(
        name=name, summary=summary, equation=equation, source=source, axes=BINARY_AXES,
        theory=tuple(dict.fromkeys((*theory(member.inquiry), *besides))),
        observables=family.observables(member.inquiry), order_parameter=parameter,
        boundaries=recall.boundaries, states=recall.states,
        simulate=simulate, batched=batched, launches=launches, follow=follow,
        memory=chains.memory, check=check, numbers=numbers, comparable=1,
    )  # fmt: skip


BINARY_ROWS = (
    row("hopfield",
        "±1 neurons, Hebb couplings, zero diagonal, asynchronous heat bath: one site after the other",
        "P(S_i = +1) = 1/(1 + exp(-2 beta h_i)), h_i = (1/N) sum_mu sum_{j≠i} xi_i xi_j S_j",
        "Hopfield, PNAS 79, 2554 (1982); Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987)",
        besides=tuple(
            f"hopfield.{quantity}" for quantity in (
                "q", "energy", "T_M", "T_c", "T_g", "T_AT", "bit_error", "familiarity"
            )
        )),
    row("little", "±1 neurons, Hebb couplings, zero diagonal, synchronous heat bath: all sites at once",
        "P(S_i(t+1) = +1) = 1/(1 + exp(-2 beta h_i(t))), h_i = (1/N) sum_mu sum_{j≠i} xi_i xi_j S_j",
        "Little, Math. Biosci. 19, 101 (1974)",
        besides=("little.alpha_M", "parallel.one_step", "parallel.two_steps"), numbers=3),
    row("zero_one", "0/1 neurons, thresholds 0: half of Hopfield's capacity (all of it if balanced)",
        "V_i = 1 where sum_j J_ij V_j > U_i, else 0", HOPFIELD_82),
    row("clipped", "couplings clipped to their signs", "N J_ij = sqrt(pi P/2) sgn(sum_mu xi_i xi_j)",
        f"{HOPFIELD_82}; {FROZEN}"),
    row("dead_zone", "couplings clipped to -1, 0, 1: 0 where |sum_mu xi_i xi_j| <= threshold sqrt(P)",
        "N J_ij = sqrt(P)/(2 phi(threshold)) sgn(sum_mu xi_i xi_j) or 0",
        FROZEN),
    row("dilution", "a share `connectivity` c of the bonds is left, in both directions",
        "N J_ij = c_ij/c sum_mu xi_i xi_j, c_ij = c_ji", FROZEN),
    row("dilute", "few directed bonds: each is there with probability c, whatever its reverse is",
        "N J_ij = c_ij/c sum_mu xi_i xi_j; all sites at once", 
        "Derrida, Gardner & Zippelius, Europhys. Lett. 4, 167 (1987)"),
    row("sequence", "each pattern calls the next: asymmetric couplings, all sites at once",
        "N J_ij = hebbian sum_mu xi_i^mu xi_j^mu + strength sum_mu xi_i^{mu+1} xi_j^mu",
        "Düring, Coolen & Sherrington, J. Phys. A 31, 8607 (1998)"),
    row("palimpsest", "couplings saturate: old patterns are forgotten; the oldest of P is asked for",
        "T <- clip(T + xi xi, -A, A), A = bound sqrt(N), J = T/N", 
        f"{HOPFIELD_82}; Parisi, J. Phys. A 19, L617 (1986)"),
    row("marginalist", "patterns fade with their age; the oldest of P is asked for",
        "N J = sum_u Lambda_u xi xi, Lambda_u = epsilon exp(-epsilon² u/2N), u the age",
        
        "Mézard, Nadal & Toulouse, J. Physique 47, 1457 (1986)"),
    row("pseudo_inverse", "the projection onto the patterns: every pattern is an eigenvector",
        "J_ij = (1/N) sum_munu xi_i^mu (C^-1)_munu xi_j^nu, C = xi xiᵀ/N",
        "Personnaz, Guyon & Dreyfus, J. Physique Lett. 46, L359 (1985)"),
    row("weighted", "Hebb's rule with a weight for each pattern", "N J_ij = sum_mu p_mu xi_i^mu xi_j^mu",
        "Viana, J. Physique 49, 167 (1988)"),
    row("sherrington_kirkpatrick", "a spin glass: nothing is stored",
        "J_ij normal of variance 1/N, symmetric",
        "Sherrington & Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)", "edwards_anderson"),
    row("van_hemmen", "a spin glass of two patterns, crossed",
        "N J_ij = xi_i eta_j + eta_i xi_j", 
        "van Hemmen, Phys. Rev. Lett. 49, 409 (1982)"),
    row("gaussian", "Gaussian patterns: any direction in their span is a state",
        "N J_ij = sum_mu xi_i xi_j, xi normal",
        "Provost & Vallée, Phys. Rev. Lett. 50, 598 (1983)", "overlap_length"),
    row("random_axis", "a random axis of D = memories dimensions at each site",
        "J_ij = n_i · n_j/N, |n_i| = 1",
        "Harris, Plischke & Zuckermann, Phys. Rev. Lett. 31, 160 (1973)", "overlap_length"),
    row("ising", "neighbours on a periodic square lattice: the pattern is the aligned state",
        "J_ij = 1 of neighbours: H = -sum_<ij> S_i S_j", "Onsager, Phys. Rev. 65, 117 (1944)",
        "magnetisation", besides=("ising.T_c",)),
)  # fmt: skip

BINARY_MODELS: dict[str, Model] = {model.name: model for model in BINARY_ROWS}


def described(inquiry: Inquiry) -> tuple[str, str]:
    """Return what a network is and what it is asked, in words, and the sources of what it is made of.

    The words are those of the model that is made so, if there is one, whatever the study calls it.
    """
    rules = inquiry.rules or (inquiry.rule.name,)
    acting, ensemble = inquiry.dynamics, inquiry.ensemble
    made = (rules, ensemble.name, acting)
    alike = [
        name
        for name, member in BINARY_DEFAULTS.items()
        if made == ((member.rule.name,), member.ensemble, member.dynamics)
    ]
    usual = BINARY_DEFAULTS[alike[0]].rule if alike else Rule(rules[0])
    given = "".join(f", {word}" for word in _changed(inquiry, usual, rules))
    given += "" if inquiry.question.name == "recall" else f"; asked: {inquiry.question.name}"
    if alike:
        row = BINARY_MODELS[alike[0]]
        return f"{row.summary}{given}", row.source
    neurons = "±1 neurons" if acting.neurons == "signs" else "0/1 neurons"
    threshold = f", threshold {acting.threshold}" if acting.threshold else ""
    patterns = f"{', '.join(rules)} couplings of {ensemble.name} patterns"
    update = "Metropolis' rate" if acting.is_metropolis else acting.update
    words = f"{neurons}{threshold}, {patterns}, {update}, diagonal {acting.diagonal}{given}"
    sources = "; ".join(_sources(rules, ensemble.name, acting)).split("; ")
    return words, "; ".join(dict.fromkeys(sources))


def _changed(inquiry: Inquiry, usual: Rule, rules: Sequence[str]) -> Iterator[str]:
    """Yield the numbers of rules and patterns that are not the usual ones."""
    for rule in rules:
        before = usual if rule == usual.name else Rule(rule)
        yield from _differing(inquiry.rule.named(rule), before)
    yield from _differing(inquiry.ensemble, Ensemble(inquiry.ensemble.name))


def _differing(choice: Choice, usual: Choice) -> Iterator[str]:
    """Yield the numbers of a row that are not those of another."""
    for name, value in choice.own.items():
        if value != usual[name]:
            yield f"{name} {reprlib.repr(value)}"


def _sources(rules: Sequence[str], ensemble: str, acting: Dynamics) -> Iterator[str]:
    """Yield the sources of rules, patterns and dynamics: those of the models that are made of them."""
    for rule in rules:
        members = [name for name, member in BINARY_DEFAULTS.items() if member.rule.name == rule]
        members.sort(key=lambda name: BINARY_DEFAULTS[name].dynamics.update != acting.update)
        if members:
            yield BINARY_MODELS[members[0]].source
        else:  # of a user: what the rule says of itself
            yield (RULES[rule].build.__doc__ or rule).strip().splitlines()[0]
    for name, member in BINARY_DEFAULTS.items():
        if ensemble == member.ensemble != "random":
            yield BINARY_MODELS[name].source
    if acting.is_metropolis:
        yield "Metropolis et al., J. Chem. Phys. 21, 1087 (1953)"
