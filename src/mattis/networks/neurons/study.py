"""Studies of networks from generating functions: what they are made of, their axes, what is asked."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, WithJsonSchema

from mattis.errors import nearest
from mattis.exact import digits
from mattis.networks.neurons import dense, descent, models, recipe
from mattis.networks.neurons.generating_functions import GENERATING, FunctionNumbers, Population
from mattis.networks.neurons.keys import MOST_STORED, STORED, Flow, NeuronAxes
from mattis.networks.neurons.models import NEURON_MODELS, NEURON_QUESTIONS, ROUNDING, NeuronDefaults, batched
from mattis.networks.neurons.recipe import OF_DIGITS, NeuronPoint, Parts, Recipe, factor, is_linear, many_body
from mattis.plugins import Plugin, hint
from mattis.study.axes import MOST_BODIES, Misplaced, UnknownWord
from mattis.study.base import Study, middles
from mattis.study.model import Model, PatternSet, Point, Task
from mattis.words import counted


def _known_function(value: str) -> str:
    """Return the name of a generating function. Raises ValueError for any other."""
    if value in GENERATING:
        return value
    known = f"use one of {', '.join(GENERATING)}{hint(value, GENERATING)}"
    raise UnknownWord("", value, "a generating function", known)


FunctionName = Annotated[
    str, AfterValidator(_known_function), WithJsonSchema({"enum": [*GENERATING.built_in], "type": "string"})
]


WITHOUT_CUES = ("spectrum", "fixed_points", "rotation")
"""Questions that no pattern is asked for."""

DESCENTS = 40
"""Trajectories of a descent, about: those of the steps that are tried."""

GAINLESS = ("quadratic", "spherical")
"""Generating functions that have no beta."""

PARTS = ("visible", "coupling", "diagonal", "scale", "gain", "activity", "similarity")
STEP_KEYS = ("dt", "tau_v", "tolerance", "duration", "precision")
"""Keys without a meaning for binary neurons."""

LEAST_SINGLE = 1e-6
"""float32 states do not come to rest at less."""


class NeuronStudy(Study):
    """A study of a network from generating functions."""

    models: ClassVar[Mapping[str, Model]] = NEURON_MODELS
    tables: ClassVar[Mapping[str, Collection[str]]] = {
        "visible": GENERATING, "hidden": GENERATING, "question": NEURON_QUESTIONS,
    }  # fmt: skip

    model: str = Field(default="attention", description="a model of `mattis models`")
    axes: NeuronAxes
    visible: FunctionName | None = Field(default=None, description="L_v; the model's, if not given")
    hidden: FunctionName | None = Field(default=None, description="L_h; the model's, if not given")
    coupling: Literal["memories", "one"] | None = Field(default=None, description="J: Xi, or 1")
    degree: StrictInt | None = Field(default=None, ge=2, le=MOST_BODIES, description="n of a polynomial")
    diagonal: Literal["kept", "zero"] | None = Field(
        default=None, description="whether neurons act on themselves through the memories"
    )
    scale: Literal["none", "sites", "memories", "bodies"] | None = Field(
        default=None, description="Xi = xi × 1, 1/√N_v, 1/√N_h, or N_v^{-(n-1)/n}"
    )
    gain: Literal["visible", "hidden"] | None = Field(default=None, description="who has beta")
    activity: Literal["state", "activation"] | None = Field(
        default=None, description="what is compared with a pattern: v, or g(v)"
    )
    similarity: Literal["dot", "distance"] | None = Field(
        default=None, description="h: Xi g + b, or with b - |Xi|²/2, the softmax of distances"
    )
    patterns: Literal["signs", "sphere", "gaussian", "uniform", "corners", "digits", "grey_digits"] | None = (
        Field(
            default=None,
            description="xi: ±1, uniform on |xi|² = N, normal, uniform in [-√3, √3], all corners of a cube, "
            "or handwritten digits, in black and white or grey",
        )
    )
    classes: StrictInt = Field(default=10, ge=1, le=10, description="digits: 0 … classes - 1, in turn")
    cue: Literal["overlap", "gaussian"] | None = Field(
        default=None, description="a cue has the overlap 1 - 2 noise, or is xi + noise × normal"
    )
    rule: Literal["difference", "field"] = Field(
        default="difference", description="dense_binary: by the change of energy, or by M^{n-1}"
    )
    indices: Literal["full", "distinct"] = Field(
        default="full", description="dense_binary: sums over all indices, or over distinct ones"
    )
    field: StrictFloat = Field(
        default=0.0, ge=-1e3, le=1e3, description="external field I along the pattern asked for"
    )
    bias: StrictFloat = Field(default=0.0, ge=-1e3, le=1e3, description="bias b of hidden neurons")
    question: str | None = Field(default=None, description="what is asked; the model's, if not given")
    cues: StrictInt = Field(default=1, ge=1, le=10**6, description="patterns asked for, or starts")
    retrieved_above: StrictFloat = Field(
        default=0.5, gt=0, lt=1, description="a cue counts as retrieved if its overlap is above"
    )
    flow: Flow = Field(default=Flow(), description="how a state moves")

    @property
    def member(self) -> NeuronDefaults:
        """What the model is made of, where the study says nothing else."""
        return models.NEURON_DEFAULTS[self.model]

    @property
    def parts(self) -> Parts:
        """What the networks are made of."""
        given = {name: v for name in ("hidden", "degree", *PARTS) if (v := getattr(self, name)) is not None}
        return replace(self.member.parts, **given)

    @property
    def asked(self) -> str:
        """The question."""
        return self.question or self.member.question

    @property
    def protocol(self) -> Recipe:
        """How networks are made and asked."""
        f = self.flow
        usual = 1e-9 if f.precision == "double" else 1e-5
        return Recipe(
            self.parts, self.asked, self.patterns or self.member.ensemble, self.cues,
            float(self.retrieved_above), float(self.field), float(self.bias),
            float(f.tau_v if f.dt is None else f.dt), float(f.tau_v), steps=f.steps,
            tolerance=usual if f.tolerance is None else float(f.tolerance),
            duration=float(f.duration), precision=f.precision, binary=self.member.binary,
            rule=self.rule, indices=self.indices, classes=self.classes,
            cue=self.cue or self.member.cue,
        )  # fmt: skip

    @property
    def described_model(self) -> Model:
        """The row of the model, with what this study observes."""
        question, row = NEURON_QUESTIONS[self.asked], self.models[self.model]
        summary, source = _described(self, row)
        return replace(
            row, summary=summary, source=source, observables=question.observed(self.cues),
            order_parameter=question.order_parameter, boundaries=question.boundaries,
            states=question.states, rounding=models.EXACT_ROUNDING if self.member.binary else ROUNDING,
            # Other questions, and functions of plugins, stay on the CPU.
            batched=batched if self.asked == "recall" and not self.plugins else None,
        )  # fmt: skip

    @property
    def plugins(self) -> list[Plugin]:
        """The plugins that generating functions come from."""
        return GENERATING.plugins([self.parts.visible, self.parts.hidden])

    @property
    def labels(self) -> dict[str, Sequence[float]]:
        """The values along each dimension: beyond degree 2, `load_n` says which power of N a load is of."""
        degree = self.parts.degree if many_body(self.parts) else 2
        name = "load" if degree == 2 else f"load_{degree}"
        return {name if key == "load" else key: v for key, v in self.axes.labels().items()}

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""
        _check_composition(self)
        for size, count in self.networks():
            self._check_network(size, count)

    def _check_network(self, size: int, count: int) -> None:
        """Raise Misplaced where a network stores too little or too much."""
        where = "axes." + next(name for name in STORED if getattr(self.axes, name) is not None)
        asked = 1 if self.asked in WITHOUT_CUES else self.cues
        got = f"P = {counted(count, 'pattern')} at size {size}"
        if count < asked:
            expected = f"P of at least {asked}, for so many are asked for"
            raise Misplaced(where, got, expected, "use a larger value, or fewer cues")
        fault = self.described_model.check(size, count)
        if count > MOST_STORED:
            fault = f"at most {MOST_STORED} patterns"
        fault = fault or _too_large(self, size, count)
        if fault:
            raise Misplaced(where, got, "a network that can be made", fault)

    def place(self, point: Point) -> NeuronPoint:
        """Return a point of the grid as the model takes it."""
        at = dict(zip(self.points, point, strict=True))
        return NeuronPoint(at["beta"], at["noise"], at.get("separation", 0.0))

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points."""
        return patterns, [self.place(point) for point in points], self.protocol

    def shortened(self, patterns: PatternSet, points: Sequence[Point], most: int) -> tuple[Task, int]:
        """Return a task of fewer steps, and its neuron updates at most: what has settled stops before."""
        recipe = self.protocol
        steps = max(1, min(recipe.steps, most // (patterns.size * recipe.cues)))
        short = replace(recipe, steps=steps, duration=min(recipe.duration, steps * recipe.dt / recipe.tau_v))
        if self.asked == "fixed_points":  # searched by Newton's method, which no number of steps bounds
            short = replace(short, cues=1, steps=recipe.steps)
        done = len(points) * self._each(short, patterns.size)
        return (patterns, [self.place(point) for point in points], short), done

    def probed(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return points that fill a batch, where there are as many: replicas go side by side."""
        wanted = max(32 // self.cues, 1)
        return points if len(points) <= wanted else middles(points, wanted)

    @property
    def settles(self) -> bool:
        """Whether networks stop once they are at rest: where they run with a tolerance."""
        return self.asked in ("recall", "certainty", "equivalence", "fixed_points", "jacobian")

    def _each(self, recipe: Recipe, size: int) -> int:
        """Return the neuron updates of one point at most."""
        steps = {
            "recall": recipe.steps,
            "certainty": recipe.steps,
            "equivalence": 2 * recipe.steps,
            "fixed_points": recipe.steps,
            "separation": 2000,
            "modes": math.ceil(recipe.duration * recipe.tau_v / recipe.dt),
            "descent": DESCENTS * descent.steps_of(recipe),
            "jacobian": recipe.steps,
        }.get(recipe.question, 1)
        return size * recipe.cues * steps

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the neuron updates of some points at most: a state that is at rest stops."""
        return len(points) * self._each(self.protocol, patterns.size)

    def total_updates(self) -> int:
        """Return the neuron updates of the whole study at most."""
        points = math.prod(len(self.labels[name]) for name in self.dimensions if name != "size")
        return sum(points * self._each(self.protocol, size) for size in self.axes.size)

    def physics(self) -> dict[str, Any]:
        """Return what may not change under a store: what the keys come to, not how they are spelled."""
        content = {"model": self.model, "root_seed": self.root_seed}
        content |= {"recipe": asdict(self.protocol), "stored": self.stored}
        return content | {"numbers": self.described_model.numbers}


def _check_composition(study: NeuronStudy) -> None:
    """Raise Misplaced where functions, couplings, steps or questions do not fit each other."""
    _check_functions(study)
    _check_couplings(study)
    _check_question(study)
    _check_steps(study)
    if study.member.binary:
        _check_binary(study)
    elif study.rule != "difference" or study.indices != "full":
        name = "rule" if study.rule != "difference" else "indices"
        raise Misplaced(name, str(getattr(study, name)), "model: dense_binary", "remove the key")


def _described(study: NeuronStudy, row: Model) -> tuple[str, str]:
    """Return what a network is and is asked, and its sources: those of the model, where it is that."""
    usual, own = study.member, asdict(study.parts)
    changed = {name: v for name, v in own.items() if v != getattr(usual.parts, name)}
    summary, source = row.summary, row.source
    if {"visible", "hidden", "coupling"} & {*changed} and not usual.binary:
        functions = [changed.pop(name, own[name]) for name in ("visible", "hidden")]
        coupling = changed.pop("coupling", own["coupling"])
        summary = "visible {}, hidden {}".format(*functions) + f", coupling {coupling}"
        source = "; ".join(dict.fromkeys(GENERATING[name].source for name in functions))
    changed |= {"patterns": study.patterns} if study.patterns not in (None, usual.ensemble) else {}
    changed |= {"cue": study.cue} if study.cue not in (None, usual.cue) else {}
    changed |= {"rule": "field"} if study.rule == "field" else {}
    changed |= {"indices": "distinct"} if study.indices == "distinct" else {}
    words = [f"{name} {value}" for name, value in changed.items()]
    words += [f"asked: {study.asked}"] if study.asked != usual.question else []
    return "; ".join([summary, *words]), source


def _check_functions(study: NeuronStudy) -> None:
    """Raise Misplaced unless both generating functions are convex, and one has the gain."""
    parts, least = study.parts, min(study.axes.beta)
    if study.degree is not None and not many_body(parts):
        got = f"{study.degree} with hidden: {parts.hidden}"
        raise Misplaced("degree", got, "a polynomial of hidden neurons", "remove the key")
    for kind in ("visible", "hidden"):
        name = getattr(parts, kind)
        beta = least if parts.gain == kind else 1.0
        fault = None if study.member.binary else Population(name, FunctionNumbers(beta, parts.degree)).fault
        if fault:
            raise Misplaced(kind, f"{name} with {fault}", "a convex function", "see docs/neurons.md")
    gained = getattr(parts, parts.gain)
    if gained in GAINLESS and study.axes.beta != (1.0,):
        got = f"{study.axes.beta[0]:g} with {parts.gain}: {gained}, which has no gain"
        other = "hidden" if parts.gain == "visible" else "visible"
        raise Misplaced("axes.beta", got, "beta: 1", f"or use gain: {other}")
    if parts.hidden == "memories":
        raise Misplaced("hidden", "memories", "a function of single hidden neurons", "use visible: memories")


def _check_couplings(study: NeuronStudy) -> None:
    """Raise Misplaced unless memories enter, and a diagonal that is taken out is known."""
    parts = study.parts
    if parts.coupling == "one" and parts.visible != "memories":
        got = f"one with visible: {parts.visible}, so that no memory enters"
        raise Misplaced("coupling", got, "memories that couple", "use visible: memories")
    if parts.coupling == "memories" and parts.visible == "memories":
        got = "memories twice: coupling and visible"
        raise Misplaced("coupling", got, "coupling: one", "as in eq. (20)")
    if parts.similarity == "distance" and parts.coupling == "one":
        got = "distance with coupling: one"
        raise Misplaced("similarity", got, "coupling: memories", "whose distance is known")
    if parts.scale == "bodies" and not many_body(parts):
        got = f"bodies with hidden: {parts.hidden}"
        raise Misplaced("scale", got, "a polynomial", "use sites or memories")
    known = parts.visible == "memories" or parts.hidden in ("quadratic", *recipe.POLYNOMIALS)
    if parts.diagonal == "zero" and not known:
        got = f"zero with hidden: {parts.hidden}"
        raise Misplaced("diagonal", got, "diagonal: kept", "it is known for polynomials only")
    if parts.diagonal == "zero" and parts.gain == "hidden" and study.axes.beta != (1.0,):
        raise Misplaced("diagonal", "zero with gain: hidden", "beta: 1", "use gain: visible")


def _check_question(study: NeuronStudy) -> None:
    """Raise Misplaced unless the network can be asked so."""
    asked, parts = study.asked, study.parts
    if asked not in NEURON_QUESTIONS:
        advice = f"use one of {', '.join(NEURON_QUESTIONS)}{nearest(asked, NEURON_QUESTIONS)}"
        raise UnknownWord("question", asked, "a question", advice)
    smooth = {"ln_cosh", "quadratic"}
    fits = {
        "equivalence": (study.model in ("hebbian_tanh", "graded"), "model: hebbian_tanh"),
        "spectrum": ({parts.visible, parts.hidden} <= smooth, "ln_cosh or quadratic functions"),
        "fixed_points": (parts.visible == "ln_cosh", "visible: ln_cosh"),
        "modes": (is_linear(parts) and parts.coupling == "memories", "model: linear"),
        "separation": (parts.coupling == "memories", "coupling: memories"),
        "certainty": (parts.hidden == "log_sum_exp", "hidden: log_sum_exp, whose weights sum to 1"),
        "descent": (not study.member.binary, "continuous neurons"),
        "jacobian": (_is_smooth(parts) and not study.member.binary, "functions with a Hessian everywhere"),
    }
    fit, expected = fits.get(asked, (True, ""))
    if not fit:
        got = f"{asked} of model {study.model}"
        raise Misplaced("question", got, expected, "ask another question")
    if (asked == "separation") != (study.axes.separation is not None):
        got = "no axis" if study.axes.separation is None else f"the axis with question: {asked}"
        expected = "the axis separation with question: separation"
        raise Misplaced("axes.separation", got, expected, "for example [0.01, 0.1]")
    plain = {"bias": (float(study.bias), 0.0), "diagonal": (parts.diagonal, "kept"),
             "similarity": (parts.similarity, "dot")}  # fmt: skip
    for name, (given, usual) in plain.items():
        if asked in ("spectrum", "modes") and given != usual:
            got = f"{given} with question: {asked}"
            raise Misplaced(name, got, "a network without", f"use {name}: {usual}")
    if is_linear(parts) and asked == "recall":
        _check_bounded(study)


def _is_smooth(parts: Parts) -> bool:
    """Tell whether both generating functions have a Hessian everywhere: not |x|, nor a rectified square."""
    pair = (parts.visible, parts.hidden)
    return "spherical" not in pair and ("rectified_polynomial" not in pair or parts.degree > 2)


def _check_bounded(study: NeuronStudy) -> None:
    """Raise Misplaced where a linear network is to relax although its energy has no minimum.

    lambda_max is near s² (√N + √P)², s the scale (Marchenko & Pastur); of one pattern set it may be above
    1 all the same, which is said when that is to relax.
    """
    beta = max(study.axes.beta)
    for size, count in study.networks():
        top = beta * (math.sqrt(size) + math.sqrt(count)) ** 2 * factor(study.parts, size, count) ** 2
        if top > 1:
            got = f"recall of linear neurons with beta × lambda_max of about {top:.4g}"
            expected = "below 1: beyond it E = (|v|² - beta |Xi v|²)/2 has no minimum"
            raise Misplaced("question", got, expected, "use question: modes, or a smaller beta")


def _check_steps(study: NeuronStudy) -> None:
    """Raise Misplaced where Euler's rule is not stable, or rest is not seen."""
    recipe = study.protocol
    if recipe.dt > 2 * recipe.tau_v:
        got = f"{recipe.dt:g} with tau_v: {recipe.tau_v:g}"
        expected = "dt <= 2 tau_v, beyond which Euler's rule is not stable"
        raise Misplaced("flow.dt", got, expected, "use dt = tau_v for the one-step update")
    if recipe.precision == "single" and recipe.tolerance < LEAST_SINGLE:
        got = f"{recipe.tolerance:g} with precision: single"
        raise Misplaced("flow.tolerance", got, "at least 1e-6", "or use precision: double")
    if recipe.precision == "single" and recipe.question not in ("recall", "equivalence"):
        got = f"single with question: {recipe.question}"
        raise Misplaced("flow.precision", got, "precision: double", "remove the key")


def _check_binary(study: NeuronStudy) -> None:
    """Raise Misplaced unless binary neurons have a rule, patterns that are signs, and nothing idle."""
    parts, ensemble = study.parts, study.protocol.ensemble
    if parts.hidden not in (dense.POLYNOMIAL, dense.EXPONENTIAL):
        raise Misplaced("hidden", parts.hidden, "polynomial or exponential", "of binary neurons")
    for place, got in _unheard(study).items():
        expected = "no such key: binary neurons have a rule and patterns, nothing else"
        raise Misplaced(place, got, expected, "remove the key")
    if study.asked != "recall" or ensemble not in ("signs", "digits"):
        name = "question" if study.asked != "recall" else "patterns"
        got = study.asked if name == "question" else ensemble
        raise Misplaced(name, got, "recall of signs", "binary neurons know nothing else")
    if study.rule == "field" and study.indices == "distinct":
        got = "distinct with rule: field"
        raise Misplaced("indices", got, "rule: difference", "its fields have no site twice")
    if parts.hidden == dense.EXPONENTIAL and (study.rule, study.indices) != ("difference", "full"):
        name = "rule" if study.rule != "difference" else "indices"
        got = f"{getattr(study, name)} with hidden: exponential"
        raise Misplaced(name, got, "the change of energy", "remove the key")
    if parts.hidden == dense.POLYNOMIAL and study.axes.beta != (1.0,):
        got = f"{study.axes.beta[0]:g} at T = 0, where polynomials have no scale"
        raise Misplaced("axes.beta", got, "beta: 1", "remove the axis")


def _unheard(study: NeuronStudy) -> dict[str, str]:
    """Return the keys of continuous neurons that a study of binary ones changes."""
    usual = study.model_copy(update={"flow": type(study.flow)()}).protocol
    keys = [(name, getattr(study.parts, name), getattr(study.member.parts, name)) for name in PARTS]
    keys += [(name, getattr(study, name), 0.0) for name in ("field", "bias")]
    keys += [("cue", study.protocol.cue, study.member.cue)]
    keys += [(f"flow.{name}", getattr(study.protocol, name), getattr(usual, name)) for name in STEP_KEYS]
    return {place: str(given) for place, given, own in keys if given != own}


def _too_large(study: NeuronStudy, size: int, count: int) -> str | None:
    """Tell what is wrong with a network of this size, if anything."""
    if study.protocol.ensemble in OF_DIGITS:
        fault = digits.fault(size, count, study.classes)
        if fault:
            return fault
    if study.protocol.ensemble == "corners" and size < 21 and count > 2**size:
        return f"a cube of {size} dimensions has {2**size} corners"
    if study.member.binary and study.indices == "distinct" and size < study.parts.degree:
        return f"{study.parts.degree} distinct indices of {size} sites"
    if study.member.binary and study.parts.hidden == dense.EXPONENTIAL:
        most = 2 * size * max(study.axes.beta)
        return "2 beta N above 700: fields underflow" if most > 700 else None
    if study.member.binary and study.parts.hidden == dense.POLYNOMIAL:
        return dense.check(study.parts.degree, size, count)
    return None
