"""The keys of the family of binary networks: `couplings`, `patterns`, `dynamics` and `question`.

Each is a word, or a word with its numbers: `clipped`, or `{rule: dead_zone, threshold: 0.6}`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, create_model

from mattis import plugins
from mattis.errors import UserError
from mattis.networks.binary import coupling_file, ensembles, pattern_file
from mattis.networks.binary.coupling_file import GivenCouplings
from mattis.networks.binary.couplings import RULES, CouplingRule, Rule
from mattis.networks.binary.ensembles import ENSEMBLES, Ensemble, EnsembleRow
from mattis.networks.binary.ladder import Ladder
from mattis.networks.binary.matrix_network import BALANCED, RATES, Dynamics
from mattis.networks.binary.questions import Inquiry, Query
from mattis.plugins import Number, Table
from mattis.study.axes import Misplaced, Part, UnknownKey, UnknownWord

LARGEST_THRESHOLD = 16.0

MOST_GIVEN_SIGNS = 2**21
"""Signs of given patterns at most: they travel with every segment of the store."""

MOST_KEPT = 64
"""Cues of a cell whose final states may be kept."""

QUESTION_NUMBERS: dict[str, tuple[str, ...]] = {
    "ambiguous": ("chosen_above",),
    "survival": ("leaves_below",),
    "snapshot": ("wrong_bits",),
    "hysteresis": ("step", "top"),
}


def known_numbers(table: Table[Any]) -> dict[str, Number]:
    """Return the numbers that any row of a table takes; of two of one name, that of the first row."""
    found: dict[str, Number] = {}
    for row in table.values():
        found |= {name: number for name, number in row.numbers.items() if name not in found}
    return found


def checked_numbers(table: Table[Any], row: Any, given: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """Return numbers of a study as the rows of a table take them.

    row   # the word of the study, if it says one
    keys  # what may stand beside numbers
    """
    known = known_numbers(table)
    if isinstance(row, str) and row in table:
        known |= table[row].numbers
    for key in given:
        if key not in known:
            if isinstance(row, str) and row not in table:
                advice = f"use one of {', '.join(table)}{plugins.hint(row, table)}"
                raise UnknownWord(keys[0], row, f"one of the {table.kind}s", advice)
            raise UnknownKey(str(key), [*keys, *known])
    fields: dict[str, Any] = {name: (known[name].strict, ...) for name in given}
    return create_model("Numbers", **fields).model_validate(dict(given)).model_dump()


class NumberedPart(Part):
    """A word that names a row of a table, and the numbers of the row."""

    model_config = ConfigDict(extra="allow")

    table: ClassVar[Table[Any]]

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys of the part, and the numbers of all rows."""
        return [*super().known_keys(), *known_numbers(cls.table)]

    @pydantic.model_validator(mode="before")
    @classmethod
    def _checked(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        keys = [*cls.model_fields]
        given = {key: value for key, value in content.items() if key not in keys}
        return {**content, **checked_numbers(cls.table, content.get(cls.word), given, keys)}

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers that the study says."""
        return self.model_extra or {}


class CouplingsPart(NumberedPart):
    """A rule of couplings and its numbers, or a file of couplings."""

    table: ClassVar[Table[Any]] = RULES
    word: ClassVar[str] = "rule"
    tables: ClassVar[Mapping[str, Collection[str]]] = {"rule": RULES}

    rule: StrictStr | None = Field(default=None, description="hebb, clipped, dead_zone, dilution, …")
    file: StrictStr | None = Field(
        default=None,
        description="a matrix J, beside the study; with {size} and {seed} in its name, one for each",
    )
    sha256: Mapping[StrictStr, StrictStr] = Field(
        default={}, description="hashes of the matrices, of a study as run"
    )

    def rule_of(self, usual: Rule) -> Rule:
        """Return the rule, with that of the model where nothing is said."""
        return usual.named(self.rule or usual.name, **self.numbers)

    def matrix(self, size: int, seed: int) -> GivenCouplings:
        """Return the couplings in the file of a network. Raises UserError where they are others."""
        path = Path(str(self.file).format(size=size, seed=seed))
        found = coupling_file.read(path, size, path.stat().st_mtime_ns if path.exists() else 0)
        expected = self.sha256.get(coupling_file.key_of(str(self.file), size, seed), found.digest)
        if found.digest != expected:
            raise UserError(
                f"{path}: got couplings with hash {found.digest:.12}; expected {expected:.12}, as in "
                "the study; put the file back, or remove couplings.sha256"
            )
        return found

    def digests(self, sizes: Iterable[int], seeds: Iterable[int]) -> dict[str, str]:
        """Return the hashes of all matrices by their keys; of those that are not there, the study's."""
        out = {}
        for size, seed in product(sizes, seeds):
            key = coupling_file.key_of(str(self.file), size, seed)
            if key not in out:
                there = Path(str(self.file).format(size=size, seed=seed)).exists()
                known = self.sha256.get(key)
                out[key] = known if known and not there else self.matrix(size, seed).digest
        return out


class PatternsPart(NumberedPart):
    """An ensemble of patterns and its numbers."""

    table: ClassVar[Table[Any]] = ENSEMBLES
    word: ClassVar[str] = "ensemble"
    tables: ClassVar[Mapping[str, Collection[str]]] = {"ensemble": ENSEMBLES}

    ensemble: StrictStr | None = Field(default=None, description="an ensemble of patterns")
    file: StrictStr | None = Field(
        default=None,
        description="an array or image, beside the study; read once and kept in the study as `given`",
    )
    given: tuple[StrictStr, ...] = Field(
        default=(), description="the patterns, a row each: bits in hexadecimal, 1 for +1"
    )

    @pydantic.field_validator("ensemble")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in ENSEMBLES:
            known = f"use one of {', '.join(ENSEMBLES)}{plugins.hint(value, ENSEMBLES)}"
            raise UnknownWord("", value, "an ensemble of patterns", known)
        return value

    def ensemble_of(self, usual: str, size: int) -> Ensemble:
        """Return the ensemble, that of the model where none is named."""
        name = self.ensemble or ("given" if self.given else usual)
        if name != "given":
            return Ensemble(name, **self.numbers)
        try:
            return ensembles.from_hexadecimal(self.given, size)
        except ValueError as error:
            expected = f"rows of {size} bits in hexadecimal"
            raise Misplaced("patterns.given", str(error), expected, "use file: to read patterns") from None


def _threshold(value: Any) -> Any:
    """Return a threshold: a number of moderate size, or the word balanced."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != BALANCED and not (number and abs(value) <= LARGEST_THRESHOLD):
        raise ValueError(f"expected a number of at most {LARGEST_THRESHOLD:g}, in units of J, or balanced")
    return float(value) if number else value


Threshold = Annotated[float | str, BeforeValidator(_threshold, json_schema_input_type=float | str)]


class DynamicsPart(Part):
    """How neurons are updated, and what they are."""

    word: ClassVar[str] = "update"
    tables: ClassVar[Mapping[str, Collection[str]]] = {"threshold": (BALANCED,)}

    update: Literal["asynchronous", "synchronous"] | None = Field(
        default=None, description="one site after the other, or all at once"
    )
    rate: Literal["glauber", "metropolis"] | None = Field(
        default=None, description="how a site is updated: heat bath, or flips that are accepted"
    )
    diagonal: Literal["zero", "kept"] | None = Field(
        default=None, description="J_ii: 0, or as the rule makes it"
    )
    neurons: Literal["signs", "zero_one"] | None = Field(default=None, description="±1, or 0 and 1")
    threshold: Threshold | None = Field(
        default=None, description="U in units of J; or balanced, U_i = 1/2 sum_j J_ij of neurons 0, 1"
    )

    def over(self, usual: Dynamics) -> Dynamics:
        """Return the dynamics of a model with what is given here in its place."""
        return replace(usual, **self.model_dump(exclude_none=True))


class QuestionPart(Part):
    """What is asked, and its numbers."""

    word: ClassVar[str] = "name"

    name: Literal[
        "recall", "ambiguous", "familiarity", "mixture", "survival", "transitions", "hysteresis",
        "enumeration", "landscape", "snapshot",
    ] = Field(default="recall", description="what is asked")  # fmt: skip
    chosen_above: StrictFloat = Field(
        default=Query.chosen_above,
        gt=0,
        lt=1,
        description="ambiguous: the nearer of the two patterns has come above this overlap, else neither",
    )
    leaves_below: StrictFloat = Field(
        default=Query.leaves_below, gt=-1, lt=1, description="survival: the state left below this overlap"
    )
    wrong_bits: StrictInt = Field(
        default=Query.wrong_bits,
        ge=0,
        le=2**20,
        description="snapshot: the wrong bits that a recalled state may have at most",
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
    """Turn a word into the part whose key it is."""

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


def with_files(content: Any, where: str, folder: Path) -> Any:
    """Return a study with the places of its files, and with the patterns of a file in it."""
    if not isinstance(content, dict):
        return content
    found = dict(content)
    for key in ("patterns", "couplings"):
        part = content.get(key)
        if isinstance(part, dict) and isinstance(part.get("file"), str):
            if not part["file"].strip():
                expected = "file or folder" if key == "patterns" else "file"
                raise UserError(f"{where}, {key}.file: got nothing; expected the name of a {expected}")
            found[key] = (
                _found_patterns(part, where, folder)
                if key == "patterns"
                else _found_couplings(part, where, folder)
            )
    return found


def _found_patterns(part: dict[str, Any], where: str, folder: Path) -> dict[str, Any]:
    """Return patterns as they are in a file."""
    if part.get("given"):
        raise UserError(f"{where}, patterns: got file and given; expected one of them; remove one")
    ensemble = pattern_file.read(folder / part["file"], MOST_GIVEN_SIGNS)
    rest = {key: value for key, value in part.items() if key != "file"}
    return {"ensemble": "given", **rest, "given": ensembles.hexadecimal(ensemble)}


def _found_couplings(part: dict[str, Any], where: str, folder: Path) -> dict[str, Any]:
    """Return where the matrices of couplings are."""
    if part.get("rule", "given") != "given":
        raise UserError(
            f"{where}, couplings.rule: got {part['rule']!r:.40}; expected no rule beside a file; "
            "remove one of them"
        )
    try:
        coupling_file.fields_of(part["file"])
    except UserError as error:
        raise UserError(f"{where}, couplings.file: {error}") from None
    return {"rule": "given", **part, "file": str(folder / part["file"])}


class ProtocolPart(Part):
    """How a network is simulated, where it is not by chains of one temperature each."""

    word: ClassVar[str] = "name"

    name: Literal["exchange"] = Field(
        description="replica exchange: two replicas at each temperature, which neighbours swap"
    )
    every: StrictInt = Field(
        default=Ladder.every, ge=1, le=2**20, description="sweeps between two rounds of swaps"
    )
    ladder: Literal["axis", "chosen"] = Field(
        default="axis",
        description="temperatures that are swapped: those of the axis, or with hidden ones between them, "
        "chosen from the swap rates of a short first part",
    )


ProtocolKey = Annotated[ProtocolPart, _worded("name", "exchange")]


class KeepKey(Part):
    """What is kept of each cell beside its observables."""

    states: StrictInt = Field(
        ge=1, le=MOST_KEPT, description="cues whose final states are kept, the first ones; of fewer, all"
    )


def of_rows(found: Mapping[str, Any], rows: Sequence[CouplingRule | EnsembleRow]) -> dict[str, Any]:
    """Return the numbers of a store that some rows take, with those that are younger at their defaults.

    Stores of before 2026-12 hold the numbers of all rows, those that nothing used at their defaults.
    """
    usual = {name: number.default for row in rows for name, number in row.numbers.items()}
    unused = {name for table in (RULES, ENSEMBLES) for name in known_numbers(table)} - {*usual}
    return {**usual, **{name: value for name, value in found.items() if name not in unused}}


def _defaults(part: Part, name: str) -> list[Any]:
    """Return the values of a key that are as if it were not there."""
    if name in type(part).model_fields:
        return [type(part).model_fields[name].default]
    rows: list[CouplingRule | EnsembleRow] = [*RULES.values(), *ENSEMBLES.values()]
    return [row.numbers[name].default for row in rows if name in row.numbers]


def refuse_unused(key: str, part: Part | None, used: set[str], by: str) -> None:
    if part is None:
        return
    for name in sorted(part.model_fields_set - used):
        value = getattr(part, name)
        if value not in _defaults(part, name):  # old studies as stored spell everything
            expected = f"no such number, for {by} does not use it"
            raise Misplaced(f"{key}.{name}", repr(value)[:40], expected, "remove it")


def check_dynamics(acting: Dynamics, order: str) -> None:
    """Raise Misplaced where update, rate, neurons and thresholds do not fit."""
    if acting.is_metropolis and (acting.synchronous or acting.diagonal == "kept"):
        fault = "all sites at once" if acting.synchronous else "a diagonal that is kept"
        expected = f"{RATES[0]} with {fault}, for no energy accepts such flips"
        advice = f"remove it, or dynamics.{'update' if acting.synchronous else 'diagonal'}"
        raise Misplaced("dynamics.rate", acting.rate, expected, advice)
    if acting.is_metropolis and order != "random":
        expected = "random with rate metropolis, which is not ergodic from the first site to the last"
        raise Misplaced("update_order", order, expected, "write update_order: random")
    if acting.synchronous and order != "typewriter":
        expected = "no order, for all sites are updated at once"
        raise Misplaced("update_order", order, expected, "remove the key")
    if acting.threshold == BALANCED and acting.neurons == "signs":
        expected = "a number, for ±1 neurons have no threshold to balance"
        raise Misplaced("dynamics.threshold", BALANCED, expected, "add neurons: zero_one, or use 0")
    if isinstance(acting.threshold, float) and abs(acting.threshold) > 16:
        expected = "a threshold of at most 16, in units of J"
        raise Misplaced("dynamics.threshold", f"{acting.threshold:g}", expected, "use a smaller one")


def spelled(protocol: Inquiry) -> dict[str, Any]:
    """Return what the settings come to, as plain content; given patterns by their fingerprint."""
    rule, ensemble = protocol.rule, protocol.ensemble
    patterns = {"name": ensemble.name, **ensemble.own, "shape": list(ensemble.shape)}
    if ensemble.given:
        patterns["fingerprint"] = ensembles.digest(ensemble)
    numbers: dict[str, Any] = {}
    for name in protocol.rules or (rule.name,):
        numbers |= rule.named(name).own
    swapped = {}
    if ladder := protocol.ladder:
        swapped = {"protocol": {"every": ladder.every, "betas": list(ladder.betas)}}
        swapped["protocol"] |= {"ladder": "chosen"} if ladder.chosen else {}
    return swapped | {
        "couplings": {"name": rule.name, **{name: _plain(v) for name, v in numbers.items()}},
        "patterns": patterns,
        "dynamics": asdict(protocol.dynamics),
        "question": asdict(protocol.question),
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
