"""Networks from generating functions as models of a study: members, questions, what is observed.

A member is a choice of two generating functions and what couples them; a study may change any part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mattis.kernels.cuda.devices import Device, DeviceWork
from mattis.networks.neurons import (
    certainty,
    dense,
    descent,
    linearised,
    relaxation,
    relaxation_device,
    spectrum,
)
from mattis.networks.neurons.recipe import NeuronPoint, Parts, Recipe
from mattis.networks.neurons.relaxation import NeuronCell
from mattis.networks.neurons.separation import separation
from mattis.study.model import (
    Boundary,
    Columns,
    Model,
    Observable,
    PatternSet,
    PowerLaw,
    Task,
    fraction_of_cues,
    over_cues,
)

ROUNDING = (
    "float64 or float32 sums by BLAS: the same bits for any workers and chunking on one machine and backend; "
    "within 1e-12 or 1e-6 of another, relative"
)
EXACT_ROUNDING = "exact: binary neurons, integer fields, or float64 in a fixed order"


@dataclass(frozen=True)
class NeuronDefaults:
    """The parts, ensemble and question of a model, where a study says nothing else."""

    parts: Parts
    ensemble: str = "signs"
    question: str = "recall"
    """Name of the question."""
    binary: bool = False
    cue: str = "overlap"


NEURON_DEFAULTS: Mapping[str, NeuronDefaults] = {
    "attention": NeuronDefaults(Parts(), "sphere"),
    "attractors": NeuronDefaults(
        Parts(similarity="distance"), "corners", "certainty", cue="gaussian"
    ),
    "dense": NeuronDefaults(
        Parts("ln_cosh", "rectified_polynomial", gain="visible", scale="bodies", activity="activation",
              degree=3, diagonal="zero")
    ),
    "dense_binary": NeuronDefaults(Parts("ln_cosh", "polynomial", degree=3), binary=True),
    "hebbian_tanh": NeuronDefaults(relaxation.TANH),
    "graded": NeuronDefaults(relaxation.GRADED),
    "tanh_tanh": NeuronDefaults(
        Parts("ln_cosh", "ln_cosh", gain="visible", scale="memories", activity="activation"),
        "gaussian", "spectrum",
    ),
    "fast_slow": NeuronDefaults(
        Parts("ln_cosh", "ln_cosh", gain="visible", scale="memories", activity="activation"),
        question="separation",
    ),
    "linear": NeuronDefaults(
        Parts("quadratic", "polynomial", scale="memories"), "gaussian", "modes"
    ),
    "rotation": NeuronDefaults(Parts("quadratic", "quadratic", scale="memories"), "gaussian", "rotation"),
}  # fmt: skip
"""The parts of each model."""

NeuronAnswerFunction = Callable[[PatternSet, Sequence[NeuronPoint], Recipe], list[NeuronCell]]


@dataclass(frozen=True)
class NeuronQuestion:
    """One row of the table of questions."""

    summary: str
    answer: NeuronAnswerFunction
    observables: tuple[Observable, ...]
    order_parameter: str
    states: tuple[str, str] | None = None
    boundaries: tuple[Boundary, ...] = ()

    def observed(self, cues: int) -> tuple[Observable, ...]:
        """Return what is observed with so many cues."""
        return over_cues(self.observables, cues) if self.states else self.observables


FLAG = Observable("flag", "what makes a cell not trustworthy; 0 if nothing does")
OVERLAP = Observable("overlap", "overlap m = xi · x/N with the pattern asked for, at rest")
STEPS_USED = Observable("steps_used", "Euler steps (or sweeps) until the state was at rest", "step")
CONVERGED = fraction_of_cues("converged", "fraction of cues whose state came to rest")
RETRIEVED = fraction_of_cues("retrieved", "fraction of cues that end with an overlap above `retrieved_above`")


def _lost(dimension: str, position: str) -> Boundary:
    word = position.removeprefix("realised_")
    units = "J" if dimension == "beta" else "1"
    meaning = f"{word} above which less than half of the cues are retrieved"
    return Boundary(word, "retrieved", dimension, position, meaning, units)


FALLS_LIKE = PowerLaw("separation", 1.0, "Lotito, Neurocomputing 636, 129865 (2025)")
"""The distance from quasi-equilibrium is proportional to tau_h/tau_v as that goes to 0."""

FALLS_LIKE_SQUARE = PowerLaw("separation", 2.0, "(3) is the minimum over f of (19)")
"""The energy above that of quasi-equilibrium goes with the square of the distance of h from it."""

RECALL_QUESTION = NeuronQuestion(
    "relaxation from a cue with overlap 1 - 2 noise, and one step at dt = tau beside it",
    relaxation.recall,
    (
        OVERLAP,
        Observable("overlap_one_step", "overlap after one step at dt = tau (binary: one sweep)"),
        RETRIEVED,
        fraction_of_cues("retrieved_one_step", "fraction of cues retrieved by that one step"),
        STEPS_USED,
        CONVERGED,
        Observable("energy", "energy per neuron at rest"),
        Observable("energy_fall", "energy per neuron that was lost on the way"),
        FLAG,
    ),
    "overlap",
    ("overlap", "retrieved"),
    (
        _lost("exponent", "exponent"), _lost("load", "realised_load"), _lost("beta", "temperature"),
        _lost("noise", "noise"), *(_lost(f"load_{n}", f"load_{n}") for n in range(3, 13)),
    ),
)  # fmt: skip

NEURON_QUESTIONS: Mapping[str, NeuronQuestion] = {
    "recall": RECALL_QUESTION,
    "equivalence": NeuronQuestion(
        "Hebbian tanh and graded response from the same cue: the fixed point of each is mapped to the other",
        relaxation.equivalence,
        (
            OVERLAP,
            Observable("overlap_graded", "overlap of tanh(beta v) of the graded-response network"),
            RETRIEVED,
            Observable("mismatch", "largest |B - v| of a site where a fixed point is mapped to, |x| <= 1"),
            Observable("apart", "largest |x - tanh(beta v)|/sqrt(N) of the two trajectories"),
            Observable("apart_at_rest", "|x - tanh(beta v)|/sqrt(N) of the two states at rest"),
            STEPS_USED,
            Observable("steps_used_graded", "steps of the graded-response network", "step"),
            CONVERGED,
            FLAG,
        ),
        "overlap",
        ("overlap", "retrieved"),
    ),
    "certainty": NeuronQuestion(
        "entropy of the softmax weights of the memories, at the cue and at rest",
        certainty.certainty,
        (
            Observable("entropy_cue", "entropy -sum w ln w of the weights at the cue", "nat"),
            Observable("entropy", "entropy of the weights at rest", "nat"),
            Observable("information_gain", "entropy at the cue less entropy at rest", "nat"),
            OVERLAP,
            RETRIEVED,
            fraction_of_cues(
                "same_class",
                "fraction of cues that end nearest to a pattern of their class, or to their own without one",
            ),
            Observable("own_weight", "weight of the pattern asked for, at rest"),
            Observable("own_weight_cue", "weight of the pattern asked for, at the cue"),
            STEPS_USED,
            CONVERGED,
            FLAG,
        ),
        "information_gain",
        ("overlap", "retrieved"),
    ),
    "spectrum": NeuronQuestion(
        "eigenvalues of XiᵀXi and unstable directions at v = 0; nothing is simulated",
        spectrum.spectrum,
        (
            Observable("lambda_min", "smallest nonzero eigenvalue of XiᵀXi"),
            Observable("lambda_max", "largest eigenvalue of XiᵀXi"),
            Observable("unstable", "unstable directions at v = 0"),
            Observable("unstable_share", "unstable directions over min(N_h, N_v)"),
            Observable("all_unstable", "whether all min(N_h, N_v) directions of the memories are unstable"),
            Observable("gap", "smallest |beta lambda - 1|: above 0 the origin is hyperbolic"),
            FLAG,
        ),
        "unstable_share",
    ),
    "fixed_points": NeuronQuestion(
        "fixed points from `cues` random states, by Newton's method and by relaxation, and their spectra",
        spectrum.fixed_points,
        (
            Observable("fixed_points", "distinct fixed points that were found"),
            Observable("attractors", "distinct fixed points that states relaxed to"),
            Observable("saddles", "fixed points found that have unstable directions"),
            Observable("unstable", "unstable directions of a fixed point found, mean"),
            Observable("leading_rate", "largest eigenvalue of the Jacobian at an attractor", "1/tau"),
            Observable("gap", "smallest |eigenvalue| of the Jacobian: above 0 all are hyperbolic", "1/tau"),
            CONVERGED,
            FLAG,
        ),
        "fixed_points",
    ),
    "separation": NeuronQuestion(
        "the full fast-slow system beside quasi-equilibrium, tau_h/tau_v along the axis `separation`",
        separation,
        (
            Observable("distance", "largest |v - v_QE|/sqrt(N_v) along the trajectory", law=FALLS_LIKE),
            Observable("energy_mismatch", "largest relative difference of dE/dt and what (18) says it is"),
            Observable("energy_rise", "largest rise of the energy between looks, over its range"),
            Observable("energy_fall", "energy per visible neuron that was lost"),
            Observable(
                "energy_above",
                "largest energy (19) above (3) at the same v, per visible neuron",
                law=FALLS_LIKE_SQUARE,
            ),
            Observable("energy_below", "largest energy (19) below (3) at the same v; 0 if never"),
            FLAG,
        ),
        "distance",
    ),
    "modes": NeuronQuestion(
        "the linear network by Euler steps, and by its eigen-decomposition beside it, for `duration`",
        spectrum.modes,
        (
            Observable("mode_error", "largest difference of steps and modes, over the state's rms"),
            Observable("euler_error", "largest difference of steps and flow, over the state's rms"),
            Observable("lambda_max", "largest eigenvalue of XiᵀXi"),
            Observable("growth_rate", "rate of the fastest mode, beta lambda_max - 1", "1/tau"),
            Observable("unbounded", "whether the energy has no minimum: beta lambda_max > 1"),
            Observable("overlap", "xi · v/N with the pattern of the cue at the end"),
            FLAG,
        ),
        "growth_rate",
    ),
    "descent": NeuronQuestion(
        "Euler steps from every cue: how the energy falls, and from which step on it no longer does",
        descent.descent,
        (
            Observable(
                "breaking_step", "dt/tau_v from which on an Euler step raises the energy; NaN if none does"
            ),
            Observable("energy_rise", "largest rise of the energy in a step, over its range"),
            Observable("energy_mismatch", "largest relative difference of dE/dt and -tau_v v'ᵀH_v v' (6)"),
            Observable("activation_mismatch", "largest relative difference of dE/dt and g'·(v - B) (5)"),
            Observable(
                "gradient_error", "largest |dE/dv - H_v (v - B)| at the cue, over the largest |dE/dv|"
            ),
            Observable("least_curvature", "least v'ᵀH_v v'/|v'|²: 0 where a state moves and loses no energy"),
            Observable("energy_fall", "energy per neuron that was lost on the way"),
            FLAG,
        ),
        "breaking_step",
    ),
    "jacobian": NeuronQuestion(
        "Jacobians at the origin, at every cue and at rest, and differences of the flow beside them",
        linearised.jacobians,
        (
            Observable("jacobian_error", "largest error of the Jacobian (28), over its largest element"),
            Observable("origin_error", "that of beta XiᵀXi - 1 (29) at v = 0; NaN for other neurons"),
            Observable(
                "printed_error", "that of (30) as printed, at the cue; NaN where its shapes do not fit"
            ),
            Observable("imaginary", "largest imaginary part of an eigenvalue, over the largest of them"),
            Observable("unstable", "unstable directions at v = 0"),
            Observable("unstable_at_rest", "unstable directions where a cue comes to rest"),
            Observable("gap", "smallest |eigenvalue| at v = 0: above 0 it is hyperbolic", "1/tau"),
            CONVERGED,
            FLAG,
        ),
        "unstable",
    ),
    "rotation": NeuronQuestion(
        "J(U Xi) = J(Xi) for orthogonal U, and the triangular factor of J by QR; nothing is simulated",
        spectrum.rotation,
        (
            Observable("rotation_error", "largest |J(U Xi) - J(Xi)|, over the largest |J|"),
            Observable("triangular_error", "largest |RᵀR - J| of Xi = Q R, over the largest |J|"),
            Observable("below_diagonal", "largest |R_ij| below the diagonal"),
            Observable("cholesky_failed", "whether J has no Cholesky factor"),
            FLAG,
        ),
        "rotation_error",
    ),
}
"""The questions of a study."""


def answer_of(recipe: Recipe, binary: bool) -> NeuronAnswerFunction:
    """Return the function that answers the question of a recipe."""
    return dense.recall if binary else NEURON_QUESTIONS[recipe.question].answer


def simulate(patterns: PatternSet, points: Sequence[NeuronPoint], recipe: Recipe) -> Columns:
    """Return one column per observable, a row for each place: a pure function of its arguments."""
    return _columns(answer_of(recipe, recipe.binary)(patterns, points, recipe), recipe)


def _columns(rows: Sequence[NeuronCell], recipe: Recipe) -> Columns:
    names = [o.name for o in NEURON_QUESTIONS[recipe.question].observed(recipe.cues)]
    return {name: np.array([float(row[name]) for row in rows]) for name in names}


DeviceAnswer = Callable[[Sequence[Task], Device], Sequence[Sequence[NeuronCell]]]


def batched(tasks: Sequence[Task], device: Device) -> list[Columns]:
    """Return the columns of `simulate` for each task; recall runs on a device, many pattern sets at once.

    Binary neurons: the same bits. Continuous ones: within `Model.rounding`. So a device may extend a store
    of the CPU, and the other way round: each cell keeps the bits of where it was computed, and the digest of
    a study that both have computed is neither's. Other questions (spectra by LAPACK, trajectories by
    step-size control, equivalence) stay on the CPU.
    """
    out: list[Columns] = [{}] * len(tasks)
    groups: dict[Any, list[int]] = {}
    for k, (patterns, _, recipe) in enumerate(tasks):
        groups.setdefault((patterns.size, patterns.patterns, recipe), []).append(k)
    for (_, _, recipe), members in groups.items():
        same = [tasks[k] for k in members]
        answer = _device_answer(same[0], device)
        if answer is None:
            results = [simulate(*task) for task in same]
        else:
            results = [_columns(rows, recipe) for rows in answer(same, device)]
        for k, columns in zip(members, results, strict=True):
            out[k] = columns
    return out


def _device_answer(task: Task, device: Device) -> DeviceAnswer | None:
    """Return the function that answers tasks like this one on a device, or None."""
    patterns, _, recipe = task
    if recipe.binary:
        return dense.recall_on_device if dense.fits(patterns, device) else None
    return relaxation_device.recall if recipe.question == "recall" else None


def launches(task: Task, sets: int, device: Device) -> DeviceWork | None:
    """Return what so many tasks like this one take on a device; None where they stay on the CPU."""
    answer = _device_answer(task, device)
    if answer is None:
        return None
    told = dense.work_of if answer is dense.recall_on_device else relaxation_device.work_of
    return told(task, sets, device)


def memory(size: int, patterns: int) -> int:
    """Return the bytes that a block needs at its peak: memories, their products, and a batch."""
    closed = min(size, patterns)
    return 8 * (3 * size * patterns + 4 * closed * closed + 64 * 8 * (size + 1)) + 40 * patterns * 8


def check(size: int, patterns: int) -> str | None:
    """Return why a network of so many memories is too large, or None."""
    return f"{patterns} memories of {size} sites: at most 2^28 numbers" if size * patterns > 2**28 else None


NEURON_AXES = ("size", "load", "memories", "exponent", "separation", "beta", "noise", "seed")
LOTITO = "Lotito, Neurocomputing 636, 129865 (2025)"
KROTOV = "Krotov & Hopfield, ICLR (2021)"


def row(name: str, summary: str, equation: str, theory: tuple[str, ...], source: str) -> Model:
    """Return a row of the table of models."""
    member = NEURON_DEFAULTS[name]
    question = NEURON_QUESTIONS[member.question]
    return Model(
        name, summary, equation, NEURON_AXES, question.observables, question.order_parameter, theory, source,
        simulate, memory, check, question.boundaries, question.states,
        unit="proposals" if member.binary else "neuron updates",
        rounding=EXACT_ROUNDING if member.binary else ROUNDING, batched=batched,
        launches=launches, follow=relaxation.course,
    )  # fmt: skip


NEURON_ROWS = (
    row("attention", "modern Hopfield network: one step at dt = tau is softmax attention",
        "tau dv/dt = -v + Xiᵀ softmax(beta Xi v)",
        ("exponential.alpha_sphere", "exponential.alpha_sign", "exponential.cue_sphere"),
        f"Ramsauer et al., ICLR (2021); {KROTOV}"),
    row("attractors", "attention by distance: x is drawn to patterns by their softmax of distances",
        "tau dx/dt = sum_mu w_mu (xi_mu - x), w = softmax(-beta |x - xi_mu|²/2), beta = 1/sigma²",
        ("attractors.coordinate", "attractors.cue_entropy", "attractors.rest_entropy"),
        f"{KROTOV}; attention with b = -|xi|²/2, E = -(1/beta) ln sum exp(-beta |x - xi|²/2)"),
    row("dense", "dense associative memory of continuous neurons: P of order N^{n-1}",
        "tau dv/dt = -v + Xiᵀ (Xi tanh(beta v))^{n-1} - d tanh(beta v)",
        ("dense.overlap", "dense.alpha_c", "analog.overlap"), f"{KROTOV}, model A"),
    row("dense_binary", "dense associative memory of binary neurons at T = 0",
        "S_i <- sgn sum_mu [F(xi_i + sum_{j≠i} xi_j S_j) - F(-xi_i + sum_{j≠i} xi_j S_j)]",
        ("dense.overlap", "dense.alpha_c", "exponential.alpha_sign"),
        "Krotov & Hopfield, NIPS 29, 1172 (2016); Demircigil et al., J. Stat. Phys. 168, 288 (2017)"),
    row("hebbian_tanh", "memory-dependent generating function: tanh outside of Hebb's couplings",
        "tau dx/dt = -x + tanh(beta J x + b), J = XiᵀXi/N", ("analog.overlap",), f"{LOTITO}, eq. (21)"),
    row("graded", "graded response: tanh inside, with the same fixed points as hebbian_tanh",
        "tau dv/dt = I - v + J tanh(beta v), J = XiᵀXi/N", ("analog.overlap",),
        "Hopfield, PNAS 81, 3088 (1984)"),
    row("tanh_tanh", "tanh of visible and hidden neurons: spectra at the origin and at fixed points",
        "tau dv/dt = I - v + Xiᵀ tanh(Xi tanh(beta v) + b)",
        ("marchenko_pastur.edges", "marchenko_pastur.finite_edges"), f"{LOTITO}, eqs. (27)-(29)"),
    row("fast_slow", "visible and hidden neurons with time constants of their own",
        "tau_v dv/dt = I - v + Xiᵀ f(h), tau_h dh/dt = b - h + Xi g(v)", (),
        f"{LOTITO}, eqs. (10), (17)-(19)"),
    row("linear", "linear neurons: modes of XiᵀXi, which grow where beta lambda > 1",
        "tau dv/dt = I - v + beta XiᵀXi v", ("marchenko_pastur.edges",), f"{LOTITO}, eq. (26), sign mended"),
    row("rotation", "couplings do not change when memories are rotated among themselves",
        "J(U Xi) = J(Xi), UᵀU = 1; J = RᵀR, Xi = Q R", (), f"{LOTITO}, eq. (22) and footnote 4"),
)  # fmt: skip

NEURON_MODELS: dict[str, Model] = {model.name: model for model in NEURON_ROWS}
