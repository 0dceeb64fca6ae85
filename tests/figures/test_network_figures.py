"""Figures of the family of binary networks, and which theory each study of the folder is compared with."""

from dataclasses import replace
from itertools import product
from math import isnan

import numpy as np
import pytest
import xarray as xr
from builders import EVERY_STUDY, fill

from mattis.figures import binary, diagram, estimated
from mattis.figures.expected import Expected, expected
from mattis.figures.findings import headline, headline_lines
from mattis.networks.binary.models import BINARY_DEFAULTS
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import MODELS, load_study, study_of
from mattis.theory import QUANTITIES, evaluate

pytestmark = pytest.mark.usefixtures("cheap_figures")

SHORT = {"thermalise": 4, "measure": 12}

QUESTIONS = {
    "recall": {"couplings": "clipped", "axes": {"load": [0.05, 0.1], "noise": [0.0, 0.1, 0.2, 0.3, 0.4]}},
    "rules": {"axes": {"load": [0.05, 0.1, 0.2], "couplings": ["hebb", "palimpsest"], "temperature": [0.0]}},
    "ambiguous": {"question": "ambiguous", "axes": {"load": [0.05], "noise": [0.0, 0.5, 1.0]}},
    "familiarity": {"question": "familiarity", "axes": {"memories": [5, 20], "noise": [0.0, 0.2]}},
    "mixture": {"question": "mixture", "axes": {"memories": [5], "mixture": [1, 3]}},
    "survival": {"question": "survival", "axes": {"load": [0.1]}},
    "transitions": {"question": "transitions", "model": "sequence", "axes": {"memories": [3, 5]}},
    "hysteresis": {"question": {"name": "hysteresis", "step": 0.1, "top": 0.5}, "axes": {"load": [0.05]}},
    "little": {"model": "little", "dynamics": {"diagonal": "kept"},
               "axes": {"load": [0.05], "temperature": [0.2, 0.4]}},
    "cycles": {"model": "little", "question": "recall",
               "axes": {"load": [0.1, 0.2], "temperature": [0.0], "noise": [0.5]}},
    "length": {"model": "gaussian", "axes": {"memories": [2], "temperature": [0.2, 0.5]}},
    "axis": {"model": "weighted", "couplings": {"weights": [1.0, 0.5]},
             "axes": {"memories": [2], "age": [1, 2], "beta": [2.0, np.inf]}},
}  # fmt: skip


def tiny(name: str) -> BinaryStudy:
    """A study of one question that runs in a second."""
    content = {"name": name, "model": "hopfield", "sweeps": SHORT, **QUESTIONS[name]}
    axes = {"size": [40], "seed": 2, **QUESTIONS[name]["axes"]}
    if "beta" not in axes:
        axes = {"temperature": [0.0, 0.3], **axes}
    study = study_of({**content, "axes": axes})
    assert isinstance(study, BinaryStudy)
    return study


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_its_figure(tmp_path, name):
    study = tiny(name)
    fill(study, tmp_path)
    written = {path.name for path in diagram(study, tmp_path)}
    assert {"diagram.png", "diagram.svg"} <= written
    stored = xr.open_zarr(tmp_path / name / "diagram.zarr")
    assert all(v.attrs["long_name"] and v.attrs["units"] for v in stored.variables.values())
    assert stored.attrs["numbers_are"]
    assert all(headline_lines(headline(stored.load(), study)))


def test_a_figure_says_what_was_simulated_and_draws_each_rule_with_its_theory(tmp_path):
    study = tiny("rules")
    fill(study, tmp_path)
    (_, figure), *_ = binary.figures(estimated(study, tmp_path), study)
    said = figure.get_suptitle()
    assert "hebb, palimpsest" in said
    assert "temperature $T$ 0" in said
    panel = figure.axes[0]
    assert "lines: theory" in panel.get_title("left")
    assert panel.get_legend_handles_labels()[1] == ["hebb", "palimpsest"]
    curves = [line for line in panel.lines if len(line.get_xdata()) > 80]
    assert len(curves) == 2


COMPARED = {
    "biased": {}, "categories": {}, "orthogonal": {}, "letters": {}, "ambiguous": {}, "hysteresis": {},
    "survival": {}, "pseudo-inverse": {}, "sequence-transitions": {},
    "basins": {"overlap": "hopfield.overlap"}, "zero-one-balanced": {"overlap": "hopfield.overlap"},
    "zero-one": {"overlap": "zero_one.overlap"}, "clipped": {"overlap": "clipped.overlap"},
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
    "little": {"overlap": "little.overlap"},
}  # fmt: skip


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_each_study_is_compared_with_its_own_theory(path):
    study = load_study(path)
    if not isinstance(study, BinaryStudy):
        return
    cold = all(np.isinf(study.axes.betas))
    names = [o.name for o in study.described_model.observables]
    lines = {name: expected(study.protocol, study.rules[0], name, cold) for name in names}
    assert {name: line.quantity for name, line in lines.items() if line} == COMPARED[path.stem]
    size, count = next(study.networks())
    place = {"size": size, "patterns": count, "load": count / size, "beta": max(study.axes.betas),
             "noise": 0.0, "age": 1.0, "mixture": 1.0}  # fmt: skip
    for line in lines.values():
        assert line is None or 0 <= line.curve([place])[0] <= 1


def test_theory_of_clean_cues_is_not_drawn_over_noisy_ones():
    study = tiny("familiarity")
    line = expected(study.protocol, "hebb", "flip_rate", False)
    assert isinstance(line, Expected)
    place = {"size": 40, "patterns": 5, "load": 0.125, "beta": np.inf, "noise": 0.0}
    clean, noisy = line.curve([place, {**place, "noise": 0.2}])
    assert 0 < clean < 0.01
    assert isnan(noisy)


def test_theory_knows_which_temperature_and_which_update_it_is_of():
    """Of neurons 0, 1 T counts four times; van Hemmen's two overlaps change places all at once."""

    def asked(model, **keys):
        axes = {"size": [100], "memories": [2], "temperature": [0.1], "seed": 1}
        return study_of({"name": "x", "model": model, "axes": axes, **keys}).protocol  # fmt: skip

    place = {"size": 100, "patterns": 2, "load": 0.02, "beta": 10.0, "noise": 0.0}
    balanced = expected(
        asked("zero_one", dynamics={"threshold": "balanced"}), "hebb", "overlap", False
    )
    assert balanced is not None
    assert balanced.curve([place])[0] == evaluate("hopfield.overlap", load=0.02, temperature=0.4)
    assert expected(asked("van_hemmen"), "van_hemmen", "overlap", False) is not None
    at_once = asked("van_hemmen", dynamics="synchronous")
    assert expected(at_once, "van_hemmen", "overlap", False) is None


def test_many_directed_bonds_have_no_theory_of_few():
    few, many = (
        study_of({"name": "x", "model": "dilute", "couplings": {"connectivity": c},
                  "axes": {"size": [100], "load": [0.05], "temperature": [0.0], "seed": 1}})
        for c in (0.05, 0.5)
    )  # fmt: skip
    assert expected(few.protocol, "asymmetric_dilution", "overlap", True) is not None
    assert expected(many.protocol, "asymmetric_dilution", "overlap", True) is None


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_every_line_of_a_figure_is_theory_that_the_model_names(path):
    """And what the models name is known: one table says what is compared with what."""
    study = load_study(path)
    named = study.described_model.theory
    assert {*named} <= {*QUANTITIES}
    if isinstance(study, BinaryStudy):
        for rule, cold in product(study.rules, (True, False)):
            for observable in study.described_model.observables:
                line = expected(study.protocol, rule, observable.name, cold)
                assert line is None or line.quantity in named, (rule, observable.name)


def test_every_model_names_what_its_usual_study_is_compared_with():
    for name, member in BINARY_DEFAULTS.items():
        rule = member.rule.named(
            member.rule.name, weights=(1.0, 0.5)
        )  # those of `weighted` have no default
        inquiry = replace(member.inquiry, rule=rule)
        pairs = product(MODELS[name].observables, (True, False))
        lines = [expected(inquiry, inquiry.rule.name, o.name, cold) for o, cold in pairs]
        drawn = {line.quantity for line in lines if line}
        assert drawn <= {*MODELS[name].theory}, name
        overlaps = {quantity for quantity in MODELS[name].theory if quantity.endswith(".overlap")}
        assert overlaps <= drawn, name
