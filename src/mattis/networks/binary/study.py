"""Studies of the family of binary networks: which couplings, patterns and dynamics, and what is asked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from mattis import plugins
from mattis.kernels.cpu.lanes import LANES
from mattis.networks.binary import chains, coupling_file, couplings, ensembles, keys
from mattis.networks.binary.asking.exchange import check_symmetric
from mattis.networks.binary.asking.table import BINARY_QUESTIONS
from mattis.networks.binary.axes import BinaryAxes, rule_of
from mattis.networks.binary.chain_observables import CHAIN_ROWS
from mattis.networks.binary.couplings import RULES, Rule
from mattis.networks.binary.ensembles import ENSEMBLES, Ensemble, classes_of
from mattis.networks.binary.family import BinaryDefaults, completed, observables, theory
from mattis.networks.binary.ladder import Ladder
from mattis.networks.binary.matrix_network import BALANCED, Dynamics
from mattis.networks.binary.models import BINARY_DEFAULTS, BINARY_MODELS, described
from mattis.networks.binary.network import HALF_WAY, RANDOM_START, SYNCHRONOUS
from mattis.networks.binary.questions import REAL_VALUED, Inquiry, Query, Visit
from mattis.networks.binary.retrieval import LANES_SPEEDUP, LARGEST_NOISE, RetrievalStudy
from mattis.plugins import Plugin
from mattis.study.axes import Misplaced, UnknownWord
from mattis.study.base import middles
from mattis.study.model import Model, Observable, PatternSet, Point, StateShape, Task
from mattis.words import counted

SPELLED_BY_RECIPE = ("couplings", "patterns", "dynamics", "question", "sampling")
"""Keys of a study for whose content the recipe stands that they come to."""


class BinaryStudy(RetrievalStudy):
    """A study of binary networks: any couplings, patterns, dynamics and question."""

    models: ClassVar[Mapping[str, Model]] = BINARY_MODELS
    has_rounds: ClassVar[bool] = True

    model: str = Field(default="hopfield", description="a model of `mattis models`")
    axes: BinaryAxes
    couplings: keys.CouplingsKey | None = Field(
        default=None, description="a rule, or a rule with its numbers; what the model has, if not given"
    )
    patterns: keys.PatternsKey | None = Field(
        default=None, description="an ensemble, or one with its numbers, or a file"
    )
    dynamics: keys.DynamicsKey | None = Field(
        default=None, description="update, rate, diagonal, neurons and threshold"
    )
    question: keys.QuestionKey | None = Field(default=None, description="what is asked: recall, if not given")
    sampling: keys.ProtocolKey | None = Field(
        default=None,
        alias="protocol",
        description="exchange: temperatures of the axis are swapped among replicas, for equilibrium",
    )
    keep: keys.KeepKey | None = Field(
        default=None, description="what is kept of each cell beside its observables: final states"
    )
    starts: Literal[1, 2] = Field(
        default=1,
        description="chains of each cell: from the cue, or also from a random state, to tell by their "
        "energies whether both came to the same",
    )

    @property
    def member(self) -> BinaryDefaults:
        """What the model is made of, where the study says nothing else."""
        return BINARY_DEFAULTS[self.model]

    @property
    def rule(self) -> Rule:
        """The rule of the couplings and the numbers of all rules."""
        usual = self.member.rule
        return usual if self.couplings is None else self.couplings.rule_of(usual)

    def rule_for(self, size: int, seed: int) -> Rule:
        """Return the rule with the couplings of a network, where they are given."""
        if self.couplings is None or self.couplings.file is None:
            return self.rule
        return self.rule.given(self.couplings.matrix(size, seed))

    @property
    def given_couplings(self) -> dict[str, str]:
        """The hashes of couplings that are given, by size and seed; none if they are learnt."""
        if self.couplings is None or self.couplings.file is None:
            return {}
        return self.couplings.digests(self.axes.size, self.axes.seed)

    def attachments(self) -> Mapping[str, bytes]:
        """Return the files that the study needs besides itself, as they lie beside its results."""
        if self.couplings is None or self.couplings.file is None:
            return {}
        files = {}
        for size, seed in product(self.axes.size, self.axes.seed):
            path = Path(self.couplings.file.format(size=size, seed=seed))
            if path.exists():
                files[f"couplings/{path.name}"] = path.read_bytes()
        return files

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are compared: one, if there is no such axis."""
        return self.axes.couplings or (self.rule.name,)

    @property
    def ensemble(self) -> Ensemble:
        """What is stored."""
        if self.patterns is None:
            return Ensemble(self.member.ensemble)
        return self.patterns.ensemble_of(self.member.ensemble, self.axes.size[0])

    @property
    def acting(self) -> Dynamics:
        """How neurons are updated, and what they are."""
        return self.member.dynamics if self.dynamics is None else self.dynamics.over(self.member.dynamics)

    @property
    def asked(self) -> Query:
        """The question."""
        if self.sampling is not None:
            return Query(self.sampling.name)
        return Query() if self.question is None else self.question.asked

    @property
    def ladder(self) -> Ladder | None:
        """The temperatures that are swapped, if they are."""
        if self.sampling is None:
            return None
        return Ladder.of(self.axes.betas, self.sampling.every, self.sampling.ladder == "chosen")

    @property
    def protocol(self) -> Inquiry:
        """How circuits are made and asked."""
        order = SYNCHRONOUS if self.acting.synchronous else self.update_order
        asking = replace(self.asking, order=order, starts=self.starts)
        rules = self.axes.couplings or ()
        kept = 0 if self.keep is None else min(self.keep.states, self.cues)
        return Inquiry(asking, self.rule, self.ensemble, self.acting, self.asked, rules, kept, self.ladder)

    @property
    def kept_states(self) -> StateShape | None:
        """The final states that are kept of each cell, in as many bytes as the largest network takes."""
        kept = self.protocol.kept
        return StateShape(kept, -(-max(self.axes.size) // 8)) if kept else None

    @property
    def inquiries(self) -> tuple[Inquiry, ...]:
        """How circuits of each rule are asked."""
        asked = self.protocol
        return tuple(replace(asked, rule=asked.rule.named(rule)) for rule in self.rules)

    def stays_above(self, beta: float, noise: float) -> float:
        """Return the overlap above which a chain is in the state of its pattern; of rules the largest."""
        return max(inquiry.judging.stays_above(beta, noise) for inquiry in self.inquiries)

    @property
    def in_lanes(self) -> bool:
        """Whether all replicas run side by side, without couplings."""
        return all(inquiry.in_lanes for inquiry in self.inquiries)

    @property
    def starts_at_random(self) -> bool:
        """Whether every cue has half of its bits flipped, which leaves nothing of the pattern."""
        return min(self.axes.noise) >= RANDOM_START

    @property
    def derived(self) -> Sequence[str]:
        """Names of estimates that are no mean of an observable: the rate at which states are left."""
        return ("escape_rate",) if self.asked.name == "survival" else ()

    @property
    def described_model(self) -> Model:
        """The row of the model, with what this study observes."""
        question, row = BINARY_QUESTIONS[self.asked.name], self.models[self.model]
        summary, source = described(self.protocol)
        return replace(
            row,
            summary=summary,
            source=source,
            observables=self.observables(row),
            theory=theory(self.protocol),
            order_parameter=question.order_parameter,
            boundaries=question.ends(self.observables(row)),
            states=question.states,
            rounding=self.rounding(),
            batched=None if CHAIN_ROWS or classes_of(self.ensemble) or self.ladder else row.batched,
            on_cpu="device kernels do not swap temperatures" if self.ladder else "",
            numbers=row.numbers + question.numbers + self.is_renumbered,
        )

    def observables(self, row: Model) -> tuple[Observable, ...]:
        """Return what is observed: all that the model has, where it is asked what it usually is."""
        mine = observables(self.protocol)
        own = row.observables if mine == observables(self.member.inquiry) else mine
        return completed(own, self.protocol)

    @property
    def plugins(self) -> list[Plugin]:
        """The plugins that make the couplings or the patterns."""
        return [*RULES.plugins(self.rules), *ENSEMBLES.plugins([self.ensemble.name])]

    @property
    def is_renumbered(self) -> bool:
        """Whether there are stores of this network whose thermal errors of energies have another last digit.

        They are of before Hopfield's network was recognised however it was asked for: by its matrix.
        """
        hebb = self.rule.named("hebb") if self.axes.couplings else self.rule
        return replace(self.protocol, rule=hebb).is_hopfields

    def is_random(self, labels: Mapping[str, Sequence[float]]) -> bool:
        """Whether cells with some labels have thermal noise."""
        heated = any(map(math.isfinite, labels["beta"])) or self.asked.name == "hysteresis"
        return heated and BINARY_QUESTIONS[self.asked.name].noisy

    def aged(self, physics: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return physics of a store; those of before couplings were among them never had the other digit."""
        aged = dict(super().aged(physics))
        if "couplings" not in aged:
            return {**aged, "numbers": aged["numbers"] + 1}
        for key, rows in (
            ("couplings", [RULES[rule] for rule in self.rules]),
            ("patterns", [ENSEMBLES[self.ensemble.name]]),
        ):
            if isinstance(aged.get(key), dict):
                aged[key] = keys.of_rows(aged[key], rows)
        return aged

    def spelled(self) -> dict[str, Any]:
        """Return the keys of the study, with every number that what it names takes."""
        content, came_to = super().spelled(), keys.spelled(self.protocol)
        if "sampling" in content:
            content["protocol"] = content.pop("sampling")
        for key, fixed in (("couplings", ("name",)), ("patterns", ("name", "shape", "fingerprint"))):
            if key in content:
                content[key] |= {k: v for k, v in came_to[key].items() if k not in fixed}
        if hashes := self.given_couplings:
            beside = f"couplings/{Path(str(content['couplings']['file'])).name}"
            content["couplings"] |= {"file": beside, "sha256": hashes}
        elif "couplings" in content:
            del content["couplings"]["sha256"]
        return content

    def rounding(self) -> str:
        """Say which couplings are real numbers that were rounded, and which are exact."""
        real = [rule for rule in self.rules if not RULES[rule].exact]
        if self.ensemble.name in REAL_VALUED:
            real = list(self.rules)
        names = ", ".join(real)
        said = f"real couplings ({names}), rounded once to multiples of 1/unit; then exact integers"
        said = said if real else "exact: spin dynamics of integer or rational couplings"
        threshold = self.acting.threshold
        return said if threshold in (0, BALANCED) else f"{said}; thresholds to the nearest field"

    def physics(self) -> dict[str, Any]:
        """Return what may not change under a store: what the settings come to, not how they are spelled."""
        content = super().physics()
        # A second start adds observables and leaves the others as they are: what a store lacks is computed.
        for key in (*SPELLED_BY_RECIPE, "starts", "keep"):
            content.pop(key, None)
        content |= keys.spelled(self.protocol)
        if hashes := self.given_couplings:
            content["couplings"] |= {"sha256": hashes}
        return content

    def check(self) -> None:
        """Raise Misplaced where keys and axes do not fit each other."""
        _check_settings(self)
        self.check_stored()
        for size, count in self.networks():
            self._check_network(size, count)

    def check_cues(self, size: int, patterns: int) -> None:
        """Raise Misplaced unless there is a pattern for each cue, where cues are made of patterns."""
        if BINARY_QUESTIONS[self.asked.name].cued:
            super().check_cues(size, patterns)

    def _check_network(self, size: int, count: int) -> None:
        """Raise Misplaced where a network cannot be made or asked so."""
        where, got = f"axes.{self.stored}", f"{counted(count, 'pattern')} at size {size}"
        members = max(*(self.axes.age or (1,)), *(self.axes.mixture or (1,)), 1)
        highest = max(members, 2 if self.asked.name == "ambiguous" else 1)
        if count < highest:
            expected = f"at least {highest}, for so many are asked for"
            raise Misplaced(where, got, expected, "use more patterns, or fewer ages or members")
        fault = ensembles.check(self.ensemble, size, count)
        for inquiry in self.inquiries:
            fault = fault or couplings.check(inquiry.rule, size, count)
        if fault:
            raise Misplaced(where, got, "a network that can be made", fault)
        self._check_heat(size, count)

    def _check_heat(self, size: int, count: int) -> None:
        """Raise Misplaced if the thermal noise overflows its 32 bits."""
        hottest = max(*self.axes.temperatures, self.asked.top if self.asked.name == "hysteresis" else 0.0)
        quarter = 4 if self.acting.neurons == "zero_one" else 1
        for inquiry in self.inquiries:
            given = inquiry.rule.name == "given"
            unit = couplings.unit_of(inquiry.rule, ensembles.unit_of(self.ensemble), count)
            unit = max(unit, coupling_file.ROUNDED_UNIT) if given else unit
            if size * hottest * unit * quarter > LARGEST_NOISE:
                most = LARGEST_NOISE / (size * unit * quarter)
                expected = f"a temperature below {most:.3g}, so that the integer noise fits 32 bits"
                advice = "use a lower temperature or a smaller size"
                raise Misplaced("axes.temperature", f"{hottest:g} at size {size}", expected, advice)

    def visit(self, point: Point) -> Visit:
        """Return a point of the grid as the model takes it."""
        at = dict(zip(self.points, point, strict=True))
        rule = rule_of(at["couplings"]) if "couplings" in at else self.rule.name
        return Visit(rule, int(at.get("age", 0)), int(at.get("mixture", 1)), at["beta"], at["noise"])

    def making(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return one point for each rule: couplings are made once for all points that have it."""
        return list({self.visit(point).rule: point for point in points}.values())

    def probed(self, points: Sequence[Point]) -> Sequence[Point]:
        """Return a few points of each rule: what one costs says nothing of another.

        Where replicas run in lanes, as many as fill these.
        """
        if self.in_lanes:
            wanted = max(LANES // self.cues, 1)
            return points if len(points) <= wanted else middles(points, wanted)
        if self.ladder is not None:
            return middles(self.units(points), 1)[0]
        by_rule = {rule: [p for p in points if self.visit(p).rule == rule] for rule in self.rules}
        return [p for mine in by_rule.values() for p in middles(mine, 3 if len(mine) > 2 else 1)]

    def units(self, points: Sequence[Point]) -> Sequence[Sequence[Point]]:
        """Return the points of each ladder, where temperatures are swapped."""
        if self.ladder is None:
            return super().units(points)
        tracks: dict[Any, list[Point]] = {}
        for point in points:
            tracks.setdefault(self.visit(point).track, []).append(point)
        return [*tracks.values()]

    def task(self, patterns: PatternSet, points: Sequence[Point]) -> Task:
        """Return the arguments of the model's `simulate` at some points."""
        return patterns, [self.visit(point) for point in points], self.protocol_for(patterns)

    def protocol_for(self, patterns: PatternSet) -> Inquiry:
        """Return how circuits of a pattern set are made and asked, with couplings that are given."""
        return replace(self.protocol, rule=self.rule_for(patterns.size, patterns.seed))

    def shortened(self, patterns: PatternSet, points: Sequence[Point], most: int) -> tuple[Task, int]:
        """Return a task with shorter chains, and its spin proposals."""
        quick = LANES_SPEEDUP if self.in_lanes else 1
        cues = min(self.cues, max(LANES // len(points), 1)) if self.in_lanes else self.cues
        sweeps = max(2, min(self.sweeps.total, quick * most // (patterns.size * cues)))
        protocol = self.protocol_for(patterns)
        asking = replace(protocol.asking, thermalise=0, measure=sweeps, cues=cues)
        visits = [self.visit(point) for point in points]
        done = self._proposals(patterns.size, sweeps, cues, len(points))
        return (patterns, visits, replace(protocol, asking=asking)), done

    def _proposals(self, size: int, sweeps: int, cues: int, points: int) -> int:
        """Return the spin proposals of chains of so many sweeps at most; a ramp is shared by temperatures."""
        if self.ladder is not None:
            return cues * self.ladder.work(size, sweeps, points)
        chains = {"hysteresis": 2 * len(self.asked.rungs()), "familiarity": 0}
        total: int = size * sweeps * cues * self.starts * points * chains.get(self.asked.name, 1)
        total += points * BINARY_QUESTIONS[self.asked.name].work(size)
        return max(total // (len(self.axes.betas) if self.asked.name == "hysteresis" else 1), points)

    def updates(self, patterns: PatternSet, points: Sequence[Point]) -> int:
        """Return the spin proposals at some points at most (at T = 0 chains stop at a fixed point)."""
        return self._proposals(patterns.size, self.sweeps.total, self.cues, len(points))

    def total_updates(self) -> int:
        """Return the spin proposals of the whole study at most."""
        points = math.prod(len(self.labels[name]) for name in self.dimensions if name != "size")
        return sum(self._proposals(size, self.sweeps.total, self.cues, points) for size in self.axes.size)

    def memory(self, size: int, patterns: int) -> int:
        """Return the bytes that a pattern set takes at its peak, of the rule that takes most."""
        return max(
            self._memory_in_lanes(size, patterns)
            if inquiry.in_lanes
            else self._memory_of_chain(size, patterns) + couplings.memory(inquiry.rule, size, patterns)
            for inquiry in self.inquiries
        )

    def _memory_in_lanes(self, size: int, patterns: int) -> int:
        """Return the bytes of replicas that run side by side."""
        sweeps, synchronous = self.sweeps.total, self.acting.synchronous
        replicas = len(self.axes.betas) * len(self.axes.noise) * len(self.axes.age or (1,)) * self.cues
        matrix = 0 if synchronous else chains.matrix_memory(size, patterns, replicas, sweeps)
        return chains.memory(size, patterns) + matrix + chains.trace_memory(sweeps, synchronous)

    def _memory_of_chain(self, size: int, patterns: int) -> int:
        """Return the bytes of patterns and of one chain with what is followed of it."""
        ramp = 2 * len(self.asked.rungs()) if self.asked.name == "hysteresis" else 1
        every = self.asked.name in ("hysteresis", "transitions") or self.ensemble.name in REAL_VALUED
        followed = max(patterns if every else 1, *(self.axes.mixture or (1,)))
        asked = BINARY_QUESTIONS[self.asked.name].memory(size)
        if self.ladder is not None:
            asked += self.ladder.memory(size, self.sweeps.total)
        return asked + 16 * size * patterns + (64 + 24 * followed) * self.sweeps.total * ramp


def _check_settings(study: BinaryStudy) -> None:
    """Raise Misplaced where settings do not fit each other or take numbers that they do not use."""
    _check_numbers(study)
    keys.check_dynamics(study.acting, study.update_order)
    if study.acting.is_metropolis:
        if (asked := study.asked.name) in ("familiarity", "landscape"):
            expected = f"no rate, for {asked} has no chain that follows it"
            raise Misplaced("dynamics.rate", "metropolis", expected, "remove it")
        _check_symmetric(study, "to accept flips by", "dynamics.rate")
    _check_question(study)
    _check_given(study)


def _check_numbers(study: BinaryStudy) -> None:
    """Raise Misplaced at the first number that nothing uses."""
    rule = study.rule.name
    if rule not in RULES:
        advice = f"use one of {', '.join(RULES)}{plugins.hint(rule, RULES)}"
        raise UnknownWord("couplings.rule", rule, "a rule of couplings", advice)
    if study.axes.couplings and study.couplings and study.couplings.rule:
        raise Misplaced(
            "couplings.rule", rule, "no rule beside the axis of rules", "remove it, or axes.couplings"
        )
    uses = {name for rule in study.rules for name in RULES[rule].numbers}
    past = {"palimpsest", "marginalist"}.intersection(study.rules)
    if past and ensembles.unit_of(study.ensemble) > 1:
        expected = f"patterns of ±1, as those that {min(past)} learnt before"
        raise Misplaced("patterns.ensemble", study.ensemble.name, expected, "use random or categories")
    if "given" in study.rules:
        _check_given_couplings(study)
        uses |= {"file", "sha256"}
    keys.refuse_unused("couplings", study.couplings, {"rule", *uses}, ", ".join(study.rules))
    name = study.ensemble.name
    takes = {"ensemble", "file", *ENSEMBLES[name].numbers, *(["given"] if name == "given" else [])}
    keys.refuse_unused("patterns", study.patterns, takes, name)
    asked = study.asked.name
    keys.refuse_unused("question", study.question, {"name", *keys.QUESTION_NUMBERS.get(asked, ())}, asked)


def _check_given_couplings(study: BinaryStudy) -> None:
    """Raise Misplaced, or UserError, unless there is a matrix for every network."""
    part = study.couplings
    if study.axes.couplings:
        expected = "rules that learn, for a file is no rule to compare"
        raise Misplaced("axes.couplings", "given", expected, "use couplings: {file: J.npy}")
    if part is None or part.file is None:
        raise Misplaced("couplings.file", "nothing", "a file of couplings", "for example J.npy")
    if "size" not in coupling_file.fields_of(part.file) and len(study.axes.size) > 1:
        expected = "one size, that of the matrix"
        advice = "or one file for each: J_{size}.npy"
        raise Misplaced("axes.size", f"{len(study.axes.size)} sizes", expected, advice)
    part.digests(study.axes.size, study.axes.seed)  # raises UserError for what is no such matrix


def _check_starts(study: BinaryStudy) -> None:
    """Raise Misplaced where a cell cannot be started from a random state as well."""
    if study.asked.name != "recall":
        expected = "1, for only the question recall is asked of two starts"
        raise Misplaced("starts", "2", expected, "remove the key, or ask for recall")
    if RANDOM_START in study.axes.noise:
        where = f"axes.noise[{study.axes.noise.index(RANDOM_START)}]"
        expected = "another fraction, for with starts: 2 the second start is this one"
        raise Misplaced(where, f"{RANDOM_START:g}", expected, "remove it, or starts: 2")


def _check_question(study: BinaryStudy) -> None:
    """Raise Misplaced where the axes are not those of the question."""
    asked, axes = study.asked, study.axes
    if axes.mixture is not None and asked.name != "mixture":
        raise Misplaced("axes.mixture", "mixtures", "question: mixture", "add it, or remove the axis")
    if axes.mixture is None and asked.name == "mixture":
        raise Misplaced("axes.mixture", "nothing", "numbers of patterns", "for example [1, 3, 5]")
    if axes.age is not None and study.cues > 1:
        expected = "one cue, for the age says which pattern is asked for"
        raise Misplaced("cues", str(study.cues), expected, "remove it, or axes.age")
    if study.sampling is not None:
        _check_sampling(study)
    if asked.name == "transitions" and set(study.rules) != {"sequence"}:
        raise Misplaced(
            "question", "transitions", "couplings: sequence", "transitions are those of a sequence"
        )
    if study.starts == 2:
        _check_starts(study)
    if study.keep is not None and asked.name != "recall":
        expected = "the question recall, for only its final states are kept"
        raise Misplaced("keep.states", f"question: {asked.name}", expected, "remove keep")
    if study.retrieved_above == HALF_WAY:
        _check_half_way(study)
    usual = type(study).model_fields["retrieved_above"].default
    if asked.name == "ambiguous" and study.retrieved_above != usual:
        expected = "no such number, for the question ambiguous has one of its own"
        advice = f"use question: {{name: ambiguous, chosen_above: {study.retrieved_above:g}}}"
        raise Misplaced("retrieved_above", f"{study.retrieved_above:g}", expected, advice)
    BINARY_QUESTIONS[asked.name].check(axes, study.acting, asked)
    moving = "sequence" in study.rules and study.acting.synchronous
    if moving and asked.name not in ("recall", "transitions", "familiarity", "enumeration"):
        expected = "recall, transitions or familiarity, for a sequence does not stay all at once"
        raise Misplaced("question.name", asked.name, expected, "use one, or dynamics: asynchronous")
    if moving and asked.name == "recall" and study.ensemble.name == "biased":
        expected = "patterns of one norm, for the one that is due changes with every sweep"
        raise Misplaced("patterns.ensemble", "biased", expected, "use question: transitions, or random")


def _check_sampling(study: BinaryStudy) -> None:
    """Raise Misplaced where a key or a rule does not go with replica exchange."""
    for key in ("question", "starts", "keep", "noise_sharing", "retrieved_above"):
        value, usual = getattr(study, key), type(study).model_fields[key].default
        if value != usual:
            expected = "no such key beside protocol: exchange"
            got, advice = str(getattr(value, "name", value)), f"remove {key}, or the protocol"
            raise Misplaced(key, got, expected, advice)
    _check_symmetric(study, "to swap by", "the protocol")


def _check_symmetric(study: BinaryStudy, purpose: str, other: str) -> None:
    """Raise Misplaced where couplings are not symmetric, and something needs an energy."""
    networks = product(study.axes.size, study.axes.seed)
    given = study.given_couplings and study.couplings
    symmetric = not given or all(given.matrix(*network).symmetric for network in networks)
    where = "axes.couplings" if study.axes.couplings else "couplings"
    check_symmetric(study.rules, symmetric, where, (purpose, other))


def _check_half_way(study: BinaryStudy) -> None:
    """Raise Misplaced where the overlap of the state half-way to which a cue shall come is not known."""
    if study.asked.name != "recall":
        expected = "a number, for half_way is from a cue to where recall ends"
        raise Misplaced("retrieved_above", HALF_WAY, expected, "use for example 0.5")
    if any(study.axes.temperatures) and not all(q.judging.nearness for q in study.inquiries):
        rules = ", ".join(study.rules)
        expected = f"temperature 0 with {rules}, whose m of few patterns is not tanh(m/T)"
        raise Misplaced("retrieved_above", HALF_WAY, expected, "use a number")
    study.check_half_way(study.axes.betas, study.axes.noise)


def _check_given(study: BinaryStudy) -> None:
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
