"""Which theory an observable is compared with, and at which place of it: for each study of the folder."""

from dataclasses import replace
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import EVERY_STUDY, make_of_family

from mattis.comparison.expected import Expected, evaluated, expected, of_others
from mattis.networks.binary.models import BINARY_DEFAULTS
from mattis.networks.binary.questions import Inquiry
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import MODELS, load_study, study_of
from mattis.theory import QUANTITIES, evaluate


def at(**place: float) -> dict[str, np.ndarray]:
    """One place of the diagram, or several, as arrays."""
    size = max(np.size(value) for value in place.values())
    return {name: np.full(size, value, float) for name, value in {"noise": 0.0, **place}.items()}


def value(place: dict[str, float], observable: str = "overlap", **keys: Any) -> float | None:
    """What theory says of a study at one place, for its only rule."""
    study = make_of_family(**keys)
    assert isinstance(study, BinaryStudy)
    line = expected(study.protocol, study.rules[0], observable, cold=place["beta"] == inf)
    return None if line is None else float(line.values(at(**place))[0])


@pytest.mark.parametrize("share", [0.01, 0.02])
def test_few_bonds_have_the_load_of_each_bond(share: float) -> None:
    """Patterns for each bond, P/C = P/(c N): at P/N = 0.002 and c = 0.01 it is 0.2."""
    place = {"size": 1000.0, "patterns": 2.0, "load": 0.002, "beta": 2.0}
    drawn = value(place, model="dilute", couplings={"connectivity": share})
    assert drawn == evaluate("dilute.overlap", load=0.002 / share, temperature=0.5)
    assert 0 < drawn < evaluate("dilute.overlap", load=0.002 * share, temperature=0.5) - 0.01
    assert value(place, model="dilute", couplings={"connectivity": 0.5}) is None


def test_many_places_are_evaluated_as_each_of_them() -> None:
    """In any order, repeated ones as well; NaN where an argument does not fit."""
    loads = np.array([0.1, 0.05, 0.1, -1.0, np.nan, 0.02])
    found = evaluated("hopfield.overlap", {"load": loads, "temperature": 0.2}, loads.size)
    for load, one in zip(loads.tolist(), found, strict=True):
        if load > 0:
            assert one == evaluate("hopfield.overlap", load=load, temperature=0.2)
        else:
            assert np.isnan(one)


def test_theory_of_finite_networks_is_of_the_other_patterns() -> None:
    """0.11 × 60 stores P = 7 patterns, of which 6 disturb one: the load is 0.1."""
    study = make_of_family(model="hopfield")
    line = expected(study.protocol, "hebb", "overlap", False)
    assert line is not None
    place = at(size=60.0, patterns=7.0, load=7 / 60, beta=5.0)
    assert of_others(line).values(place)[0] == evaluate("hopfield.overlap", load=0.1, temperature=0.2)
    assert line.values(place)[0] == evaluate("hopfield.overlap", load=7 / 60, temperature=0.2)
    alone = of_others(line).values(at(size=60.0, patterns=1.0, load=1 / 60, beta=5.0))[0]
    free = evaluate("mixture.overlap", n=1, temperature=0.2)
    assert alone == pytest.approx(free, abs=1e-6)


COMPARED: dict[str, dict[str, str]] = {
    "biased": {}, "categories": {}, "orthogonal": {}, "letters": {}, "digits": {}, "ambiguous": {},
    "survival": {}, "pseudo-inverse": {}, "sequence-transitions": {},
    "hysteresis": {"overlap": "hopfield.overlap"},
    "basins": {"overlap": "hopfield.overlap"}, "zero-one-balanced": {"overlap": "hopfield.overlap"},
    "zero-one": {"overlap": "zero_one.overlap"}, "clipped": {"overlap": "clipped.overlap_finite"},
    "dead-zone": {"overlap": "dead_zone.overlap"}, "dilution": {"overlap": "dilution.overlap"},
    "dilute": {"overlap": "dilute.overlap"}, "sequence": {"overlap": "sequence.overlap"},
    "palimpsest": {"overlap": "bounded.overlap"}, "marginalist": {"overlap": "palimpsest.overlap"},
    "weighted": {"overlap": "mixture.overlap"}, "van-hemmen": {"overlap": "van_hemmen.q"},
    "sherrington-kirkpatrick": {"edwards_anderson": "sk.q"},
    "gaussian": {"overlap_length": "gaussian.overlap"},
    "random-axis": {"overlap_length": "random_axis.overlap"}, "two-cycles": {"overlap": "hopfield.overlap"},
    "little-diagonal": {"overlap": "little.overlap"}, "familiarity": {"flip_rate": "hopfield.bit_error"},
    "bit-error": {"flip_rate": "hopfield.bit_error"}, "mixtures": {"overlap_mixed": "mixture.overlap"},
    "couplings": {"overlap": "hopfield.overlap"}, "hopfield": {"overlap": "hopfield.overlap"},
    **{f"capacity{end}": {"overlap": "hopfield.overlap"} for end in ("", "-large", "-end")},
    "little": {"overlap": "little.overlap"}, "enumeration": {}, "enumeration-little": {}, "snapshot": {},
    "exchange": {}, "equal-free-energy": {}, "hidden-rungs": {}, "refined": {"overlap": "hopfield.overlap"},
    "ising": {"magnetisation": "ising.magnetisation", "energy": "ising.energy"},
    "ising-domains": {"magnetisation": "ising.magnetisation", "energy": "ising.energy"},
    "landscape": {"minima": "sk.minima"}, "ground-energy": {"minima": "sk.minima"},
}  # fmt: skip


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_each_study_is_compared_with_its_own_theory(path: Path) -> None:
    study = load_study(path)
    if not isinstance(study, BinaryStudy):
        return
    cold = all(np.isinf(study.axes.betas))
    names = [o.name for o in study.described_model.observables]
    lines = {name: expected(study.protocol, study.rules[0], name, cold) for name in names}
    assert {name: line.quantity for name, line in lines.items() if line} == COMPARED[path.stem]
    size, count = next(study.networks())
    place = at(size=size, patterns=count, load=count / size, beta=max(study.axes.betas), age=1.0, mixture=1.0)
    for line in lines.values():
        share = line is not None and line.quantity not in ("sk.minima", "ising.energy")
        if line is not None and share:
            found, beyond = line.values(place)[0], path.stem in ("capacity", "capacity-large")
            assert np.isnan(found) if beyond else 0 <= found <= 1  # beyond alpha_c from the first load on


def test_stable_states_are_compared_where_all_are_counted() -> None:
    study = make_of_family(model="sherrington_kirkpatrick", question="landscape", load=None, memories=[1],
                           temperature=[0.0], noise=None)  # fmt: skip
    line = expected(study.protocol, "sherrington_kirkpatrick", "minima", True)
    assert line is not None
    assert line.values(at(size=20.0))[0] == evaluate("sk.minima", size=20)
    assert np.isnan(line.values(at(size=21.0))[0])


def test_theory_of_clean_cues_is_not_drawn_over_noisy_ones() -> None:
    study = make_of_family(question="familiarity", load=None, memories=[5, 20])
    line = expected(study.protocol, "hebb", "flip_rate", False)
    assert isinstance(line, Expected)
    noises = np.array([0.0, 0.2])
    clean, noisy = line.values(at(size=40, patterns=5, load=0.125, beta=inf, noise=noises))
    assert 0 < clean < 0.01
    assert np.isnan(noisy)


def asked(model: str, **keys: Any) -> Inquiry:
    axes = {"size": [100], "memories": [2], "temperature": [0.1], "seed": 1}
    protocol = study_of({"name": "x", "model": model, "axes": axes, **keys}).protocol
    assert isinstance(protocol, Inquiry)
    return protocol


def test_theory_knows_which_temperature_and_which_update_it_is_of() -> None:
    """Of neurons 0, 1 T counts four times; van Hemmen's two overlaps change places all at once."""
    place = at(size=100, patterns=2, load=0.02, beta=10.0)
    zero_one = asked("zero_one", dynamics={"threshold": "balanced"})
    balanced = expected(zero_one, "hebb", "overlap", False)
    assert balanced is not None
    assert balanced.values(place)[0] == evaluate("hopfield.overlap", load=0.02, temperature=0.4)
    assert expected(asked("van_hemmen"), "van_hemmen", "overlap", False) is not None
    at_once = asked("van_hemmen", dynamics="synchronous")
    assert expected(at_once, "van_hemmen", "overlap", False) is None


def test_many_directed_bonds_have_no_theory_of_few() -> None:
    few, many = (asked("dilute", couplings={"connectivity": c}) for c in (0.05, 0.5))
    assert expected(few, "asymmetric_dilution", "overlap", True) is not None
    assert expected(many, "asymmetric_dilution", "overlap", True) is None


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_every_theory_that_is_compared_is_one_that_the_model_names(path: Path) -> None:
    """And what the models name is known: one table says what is compared with what."""
    study = load_study(path)
    named = study.described_model.theory
    assert {*named} <= {*QUANTITIES}
    if isinstance(study, BinaryStudy):
        for rule, cold in product(study.rules, (True, False)):
            for observable in study.described_model.observables:
                line = expected(study.protocol, rule, observable.name, cold)
                assert line is None or line.quantity in named, (rule, observable.name)


def test_every_model_names_what_its_usual_study_is_compared_with() -> None:
    for name, member in BINARY_DEFAULTS.items():
        rule = member.rule.named(member.rule.name, weights=(1.0, 0.5))  # those of `weighted` have no default
        inquiry = replace(member.inquiry, rule=rule)
        pairs = product(MODELS[name].observables, (True, False))
        lines = [expected(inquiry, inquiry.rule.name, o.name, cold) for o, cold in pairs]
        drawn = {line.quantity for line in lines if line}
        assert drawn <= {*MODELS[name].theory}, name
        overlaps = {quantity for quantity in MODELS[name].theory if quantity.endswith(".overlap")}
        assert overlaps <= drawn, name


def test_states_are_stable_where_theory_says_so() -> None:
    """Mixtures of 3 to T = 0.4598 by mixture.stability; a lighter pattern while nothing grows in it."""
    study = make_of_family(question="mixture", load=None, memories=[7], mixture=[3], size=[100], noise=None)
    line = expected(study.protocol, "hebb", "overlap_mixed", False)
    assert line is not None
    assert line.stable is not None
    heats = np.array([0.1, 0.45, 0.47, 0.9])
    places = at(size=100, patterns=7, load=0.07, beta=1 / heats, mixture=3)
    assert line.stable(places, line.values(places)).tolist() == [True, True, False, False]
    weights = {"weights": [1.5, 0.5]}
    light = make_of_family(model="weighted", couplings=weights, load=None, memories=[2], age=[1, 2])
    line = expected(light.protocol, "weighted", "overlap", False)
    assert line is not None
    assert line.stable is not None
    heats = np.array([0.0, 0.1, 0.3, 0.32, 0.45])
    with np.errstate(divide="ignore"):
        places = at(size=100, patterns=2, load=0.02, beta=1 / heats, age=1)
    known = line.values(places)
    assert known[1:] == pytest.approx(
        [evaluate("mixture.overlap", n=1, temperature=t / 0.5) for t in heats[1:]]
    )
    assert line.stable(places, known).tolist() == [True, True, True, False, False]
