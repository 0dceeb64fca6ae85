"""The keys of the family of binary networks: `couplings`, `patterns`, `dynamics` and `question`.

Each is a word, or a word with its numbers: `clipped`, or `{rule: dead_zone, threshold: 0.6}`.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr

from mattis.errors import UserError
from mattis.networks.binary import ensembles, pattern_file
from mattis.networks.binary.ensembles import Ensemble
from mattis.networks.binary.matrix_network import BALANCED, Dynamics
from mattis.networks.binary.questions import Inquiry, Query
from mattis.networks.binary.rules import Rule
from mattis.study.axes import Misplaced, Part

LARGEST_THRESHOLD = 16.0

MOST_GIVEN_SIGNS = 2**21
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
    ensemble = pattern_file.read(folder / part["file"], MOST_GIVEN_SIGNS)
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
