"""The keys of the family of binary networks: `couplings`, `patterns`, `dynamics` and `question`.

Each is a word, or a word with its numbers: `clipped`, or `{rule: dead_zone, threshold: 0.6}`.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr

from mattis import ensembles, given
from mattis.axes import Misplaced, Part
from mattis.couplings import RULES
from mattis.ensembles import ENSEMBLES, Ensemble
from mattis.errors import UserError
from mattis.models.circuit import BALANCED, Dynamics
from mattis.models.questions import Inquiry, Query
from mattis.rules import Rule

if TYPE_CHECKING:
    from mattis.studies.family import Family

LARGEST_THRESHOLD = 16.0

LARGEST_GIVEN = 2**21
"""Signs of given patterns at most: they travel with every segment of the store."""

QUESTION_NUMBERS: dict[str, tuple[str, ...]] = {
    "survival": ("leaves_below",),
    "hysteresis": ("step", "top"),
}


class CouplingsPart(Part):
    """A rule of couplings and its numbers."""

    rule: StrictStr | None = Field(
        default=None, description="hebb, clipped, dead_zone, dilution, …"
    )
    threshold: StrictFloat = Field(
        default=Rule.threshold, ge=0, le=5, description="dead zone, in units of sqrt(P)"
    )
    connectivity: StrictFloat | None = Field(
        default=None,
        gt=0,
        le=1,
        description="probability c that a bond is there; 1/2, or 1/100 of few",
    )
    strength: StrictFloat = Field(
        default=Rule.strength,
        ge=-64,
        le=64,
        description="of a sequence: what calls the next pattern",
    )
    hebbian: StrictFloat = Field(
        default=Rule.hebbian,
        ge=0,
        le=64,
        description="of a sequence: what holds the present pattern",
    )
    bound: StrictFloat = Field(
        default=Rule.bound,
        ge=0.05,
        le=16,
        description="of saturating couplings, in units of sqrt(N)/N",
    )
    epsilon: StrictFloat = Field(
        default=Rule.epsilon, ge=0.1, le=64, description="of marginalist learning"
    )
    weights: tuple[StrictFloat, ...] = Field(
        default=Rule.weights, description="of each pattern, as many as there are"
    )

    def rule_of(self, usual: Rule) -> Rule:
        """Return the rule, with that of the model where nothing is said."""
        numbers = self.model_dump(exclude={"rule"}, exclude_none=True)
        return replace(usual, name=self.rule or usual.name, **numbers)


class PatternsPart(Part):
    """An ensemble of patterns and its numbers."""

    ensemble: Literal[
        "random", "biased", "categories", "gaussian", "unit_vectors", "orthogonal", "given"
    ] | None = Field(default=None, description="what is stored")  # fmt: skip
    activity: StrictFloat = Field(
        default=Ensemble.activity, gt=0, lt=1, description="of biased patterns: probability of +1"
    )
    categories: StrictInt = Field(
        default=Ensemble.categories, ge=1, le=2**20, description="how many categories"
    )
    likeness: StrictFloat = Field(
        default=Ensemble.likeness, ge=0, le=1,
        description="of categories: overlap of a pattern with the prototype of its own",
    )  # fmt: skip
    file: StrictStr | None = Field(
        default=None,
        description="an array or image, beside the study; read once and kept in the study as `given`",
    )
    given: tuple[StrictStr, ...] = Field(
        default=(), description="the patterns, a row each: bits in hexadecimal, 1 for +1"
    )

    def ensemble_of(self, usual: str, size: int) -> Ensemble:
        """Return the ensemble, that of the model where none is named."""
        name = self.ensemble or ("given" if self.given else usual)
        numbers = {
            "activity": self.activity,
            "categories": self.categories,
            "likeness": self.likeness,
        }
        if name != "given":
            return Ensemble(name=name, **numbers)  # type: ignore[arg-type]
        try:
            return ensembles.from_hexadecimal(self.given, size)
        except ValueError as error:
            expected = f"rows of {size} bits in hexadecimal"
            raise Misplaced(
                "patterns.given", str(error), expected, "use file: to read patterns"
            ) from None


def _threshold(value: Any) -> Any:
    """Return a threshold: a number of moderate size, or the word balanced."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != BALANCED and not (number and abs(value) <= LARGEST_THRESHOLD):
        raise ValueError(
            f"expected a number of at most {LARGEST_THRESHOLD:g}, in units of J, or balanced"
        )
    return float(value) if number else value


Threshold = Annotated[float | str, BeforeValidator(_threshold, json_schema_input_type=float | str)]


class DynamicsPart(Part):
    """How neurons are updated, and what they are."""

    update: Literal["asynchronous", "synchronous"] | None = Field(
        default=None, description="one site after the other, or all at once"
    )
    diagonal: Literal["zero", "kept"] | None = Field(
        default=None, description="J_ii: 0, or as the rule makes it"
    )
    neurons: Literal["signs", "zero_one"] | None = Field(default=None, description="±1, or 0 and 1")
    threshold: Threshold | None = Field(
        default=None,
        description="U in units of J; or balanced, U_i = 1/2 sum_j J_ij of neurons 0, 1",
    )

    def over(self, usual: Dynamics) -> Dynamics:
        """Return the dynamics of a model with what is given here in its place."""
        return replace(usual, **self.model_dump(exclude_none=True))


class QuestionPart(Part):
    """What is asked, and its numbers."""

    name: Literal[
        "recall", "ambiguous", "familiarity", "mixture", "survival", "transitions", "hysteresis"
    ] = Field(default="recall", description="what is asked")  # fmt: skip
    leaves_below: StrictFloat = Field(
        default=Query.leaves_below,
        gt=-1,
        lt=1,
        description="survival: the state left below this overlap",
    )
    step: StrictFloat = Field(
        default=Query.step, ge=1e-3, le=10, description="hysteresis: step of the temperature"
    )
    top: StrictFloat = Field(
        default=Query.top, gt=0, le=10, description="hysteresis: temperature at which it turns back"
    )

    @property
    def asked(self) -> Query:
        """The question as the model takes it."""
        return Query(**self.model_dump())


def _worded(key: str, example: str) -> BeforeValidator:
    """Turn a word into the part whose first key it is."""

    def turned(value: Any) -> Any:
        if isinstance(value, str):
            return {key: value}
        if not isinstance(value, dict | Part):
            raise ValueError(f"expected a word, such as {example}, or keys and values")
        return value

    return BeforeValidator(turned, json_schema_input_type=Any)


CouplingsKey = Annotated[CouplingsPart, _worded("rule", "clipped")]
PatternsKey = Annotated[PatternsPart, _worded("ensemble", "biased")]
DynamicsKey = Annotated[DynamicsPart, _worded("update", "synchronous")]
QuestionKey = Annotated[QuestionPart, _worded("name", "recall")]


def with_file(content: Any, where: str, folder: Path) -> Any:
    """Return a study with the patterns of its file in it, so that it needs the file no more."""
    part = content.get("patterns") if isinstance(content, dict) else None
    if not isinstance(part, dict) or not isinstance(part.get("file"), str):
        return content
    if not part["file"].strip():
        raise UserError(
            f"{where}, patterns.file: got nothing; expected the name of a file or folder"
        )
    if part.get("given"):
        raise UserError(f"{where}, patterns: got file and given; expected one of them; remove one")
    ensemble = given.read(folder / part["file"], LARGEST_GIVEN)
    rest = {key: value for key, value in part.items() if key != "file"}
    return {
        **content,
        "patterns": {"ensemble": "given", **rest, "given": ensembles.hexadecimal(ensemble)},
    }


def spelled(protocol: Inquiry) -> dict[str, Any]:
    """Return what the settings come to, as plain content; given patterns by their fingerprint."""
    ensemble = asdict(protocol.ensemble)
    if ensemble.pop("given"):
        ensemble["fingerprint"] = ensembles.digest(protocol.ensemble)
    ensemble["shape"] = list(ensemble["shape"])
    rule = asdict(protocol.rule) | {"weights": list(protocol.rule.weights)}
    return {
        "couplings": rule,
        "patterns": ensemble,
        "dynamics": asdict(protocol.dynamics),
        "question": asdict(protocol.question),
    }


def check(study: "Family") -> None:
    """Raise Misplaced where settings do not fit each other or take numbers that they do not use."""
    _check_numbers(study)
    _check_dynamics(study)
    _check_question(study)
    _check_given(study)


def _check_numbers(study: "Family") -> None:
    """Raise Misplaced at the first number that nothing uses."""
    rule = study.rule.name
    if rule not in RULES:
        advice = f"use one of {', '.join(RULES)}"
        raise Misplaced("couplings.rule", repr(rule)[:40], "a rule of couplings", advice)
    if study.axes.couplings and study.couplings and study.couplings.rule:
        raise Misplaced(
            "couplings.rule", rule, "no rule beside the axis of rules",
            "remove it, or axes.couplings",
        )  # fmt: skip
    uses = {name for rule in study.rules for name in RULES[rule].parameters}
    past = {"palimpsest", "marginalist"}.intersection(study.rules)
    if past and ensembles.unit_of(study.ensemble) > 1:
        expected = f"patterns of ±1, as those that {min(past)} learnt before"
        raise Misplaced(
            "patterns.ensemble", study.ensemble.name, expected, "use random or categories"
        )
    _refuse_unused("couplings", study.couplings, {"rule", *uses}, ", ".join(study.rules))
    name = study.ensemble.name
    _refuse_unused(
        "patterns", study.patterns, {"ensemble", "file", *ENSEMBLES[name].parameters}, name
    )
    asked = study.asked.name
    used = {"name", *QUESTION_NUMBERS.get(asked, ())}
    _refuse_unused("question", study.question, used, asked)


def _refuse_unused(key: str, part: Part | None, used: set[str], by: str) -> None:
    if part is None:
        return
    for name in sorted(part.model_fields_set - used):
        value = getattr(part, name)
        if value != type(part).model_fields[name].default:  # a study as stored spells everything
            expected = f"no such number, for {by} does not use it"
            raise Misplaced(f"{key}.{name}", repr(value)[:40], expected, "remove it")


def _check_dynamics(study: "Family") -> None:
    """Raise Misplaced where update, neurons and thresholds do not fit."""
    acting = study.acting
    if acting.synchronous and study.update_order != "typewriter":
        expected = "no order, for all sites are updated at once"
        raise Misplaced("update_order", study.update_order, expected, "remove the key")
    if acting.threshold == BALANCED and acting.neurons == "signs":
        expected = "a number, for ±1 neurons have no threshold to balance"
        raise Misplaced("dynamics.threshold", BALANCED, expected, "add neurons: zero_one, or use 0")
    if isinstance(acting.threshold, float) and abs(acting.threshold) > 16:
        expected = "a threshold of at most 16, in units of J"
        raise Misplaced(
            "dynamics.threshold", f"{acting.threshold:g}", expected, "use a smaller one"
        )


def _check_question(study: "Family") -> None:
    """Raise Misplaced where the axes are not those of the question."""
    asked, axes = study.asked, study.axes
    if axes.mixture is not None and asked.name != "mixture":
        raise Misplaced(
            "axes.mixture", "mixtures", "question: mixture", "add it, or remove the axis"
        )
    if axes.mixture is None and asked.name == "mixture":
        raise Misplaced("axes.mixture", "nothing", "numbers of patterns", "for example [1, 3, 5]")
    if axes.age is not None and study.cues > 1:
        expected = "one cue, for the age says which pattern is asked for"
        raise Misplaced("cues", str(study.cues), expected, "remove it, or axes.age")
    if asked.name == "transitions" and set(study.rules) != {"sequence"}:
        raise Misplaced(
            "question", "transitions", "couplings: sequence", "transitions are those of a sequence"
        )
    if asked.name == "hysteresis":
        _check_ramp(study)
    moving = "sequence" in study.rules and study.acting.synchronous
    if moving and asked.name not in ("recall", "transitions", "familiarity"):
        expected = "recall, transitions or familiarity, for a sequence does not stay all at once"
        raise Misplaced("question.name", asked.name, expected, "use one, or dynamics: asynchronous")
    if moving and asked.name == "recall" and study.ensemble.name == "biased":
        expected = "patterns of one norm, for the one that is due changes with every sweep"
        raise Misplaced(
            "patterns.ensemble", "biased", expected, "use question: transitions, or random"
        )


def _check_ramp(study: "Family") -> None:
    """Raise Misplaced unless every temperature is a rung of the ramp."""
    asked, heats = study.asked, study.axes.temperatures
    if abs(round(asked.top / asked.step) * asked.step - asked.top) > 1e-9:
        expected = f"a multiple of the step {asked.step:g}"
        raise Misplaced("question.top", f"{asked.top:g}", expected, "change one of the two")
    for index, heat in enumerate(heats):
        rung = round(heat / asked.step)
        if abs(rung * asked.step - heat) > 1e-9 or rung * asked.step > asked.top + 1e-9:
            expected = f"0, {asked.step:g} … {asked.top:g}, the rungs of the ramp"
            where, advice = f"axes.temperature[{index}]", "use a multiple of question.step"
            raise Misplaced(where, f"{heat:g}", expected, advice)


def _check_given(study: "Family") -> None:
    """Raise Misplaced unless given patterns fit the axes."""
    part = study.patterns
    if part is None or study.ensemble.name != "given":
        return
    if not part.given:
        expected = "patterns, or a file of them"
        raise Misplaced("patterns", "none", expected, "add file: followed by a path")
    if len(study.axes.size) > 1:
        expected = "one size, that of the given patterns"
        raise Misplaced("axes.size", f"{len(study.axes.size)} sizes", expected, "keep one of them")
