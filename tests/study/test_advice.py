"""Mistakes in a study: what the one line says to type, tried by typing it."""

import re
import time
from typing import Any

import pytest
from builders import refused

from mattis.networks.registry import study_of
from mattis.study.document import parsed
from mattis.study.spellings import readings, typed

HOPFIELD = {
    "name": "x", "model": "hopfield", "cues": "1", "root_seed": "7",
    "size": "[1000]", "load": "[0.05]", "temperature": "[0, 0.3]", "seed": "2", "noise": "[0]",
}  # fmt: skip
KEYS = ("name", "model", "cues", "root_seed")


def text_of(**changes: str) -> str:
    """Return the YAML of a study of Hopfield's network, with other texts of values; "" takes one away."""
    content = {key: text for key, text in {**HOPFIELD, **changes}.items() if text}
    own = [f"{key}: {text}" for key, text in content.items() if key in KEYS or key not in AXES]
    axes = [f"  {key}: {text}" for key, text in content.items() if key in AXES]
    return "\n".join([*own, "axes:", *axes, ""])


AXES = ("size", "load", "temperature", "beta", "seed", "noise", "memories")


def line_of(text: str) -> str:
    """Return the one line that refuses a study of this text."""
    line = refused(lambda: study_of(parsed(text, "s")))
    assert len(line) < 500
    return line


@pytest.mark.parametrize(
    ("key", "given", "write"),
    [
        ("beta", "[inf]", ".inf"),
        ("beta", "[Infinity]", ".inf"),
        ("beta", "[.iNf]", ".inf"),
        ("beta", "∞", ".inf"),
        ("beta", "[5, +inf]", ".inf"),
        ("load", '["0.05"]', "0.05 without quotes"),
        ("load", "'0.05'", "0.05 without quotes"),
        ("load", "[5%]", "0.05"),
        ("load", "5 %", "0.05"),
        ("load", "[1/20, 1/10]", "0.05"),
        ("load", "[0.05, 1/8]", "0.125"),
        ("load", "0.01:0.2:20", "{from: 0.01, to: 0.2, count: 20}"),
        ("load", "[0.01:0.2:20]", "{from: 0.01, to: 0.2, count: 20}"),
        ("load", "np.linspace(0.1, 0.2, 5)", "{from: 0.1, to: 0.2, count: 5}"),
        ("load", "[np.linspace(0.1, 0.2, 5)]", "{from: 0.1, to: 0.2, count: 5}"),
        ("load", "np.linspace(0.1, 0.2, num=5)", "{from: 0.1, to: 0.2, count: 5}"),
        ("load", "np.arange(0.1, 0.5, 0.1)", "{from: 0.1, to: 0.4, count: 4}"),
        ("load", "numpy.geomspace(0.01, 1, 3)", "[0.01, 0.1, 1]"),
        ("temperature", "0:0.25:1", "{from: 0, to: 1, count: 5}"),
        ("temperature", "range(0, 3)", "{from: 0, to: 2, count: 3}"),
        ("load", "[0.1 0.2]", "[0.1, 0.2]"),
        ("load", "0.1, 0.2", "[0.1, 0.2]"),
        ("load", '"[0.1, 0.2]"', "[0.1, 0.2] without quotes"),
        ("load", "0,05", "0.05"),
        ("temperature", "0,3", "0.3 or [0, 3]"),
        ("load", "[[0.1, 0.2]]", "[0.1, 0.2] without the brackets around it"),
        ("load", "[{from: 0.1, to: 0.2, count: 2}]", "{from: 0.1, to: 0.2, count: 2} without the"),
        ("load", "{start: 0.1, to: 0.2, count: 2}", "from: 0.1"),
        ("load", "{from: 0.1, to: 0.2, num: 2}", "count: 2"),
        ("size", "[1k]", "1000"),
        ("size", "1K", "1000"),
        ("size", "[0.5k, 2k]", "500"),
        ("size", "[2^10]", "1024"),
        ("size", "2**10", "1024"),
        ("size", "[1e3]", "1000"),
        ("size", "1.0e3", "1000"),
        ("size", "1,000", "1000"),
        ("size", "10,20", "[10, 20]"),
        ("size", "1 000", "1000"),
        ("size", "300:302", "{from: 300, to: 302, count: 3}"),
        ("size", "N=500", "500"),
        ("size", "100 neurons", "100"),
        ("root_seed", "1e3", "1000"),
        ("root_seed", '"7"', "7 without quotes"),
        ("root_seed", "[7]", "7"),
        ("cues", "2.0", "2"),
        ("seed", "1e1", "10"),
        ("seed", '"8"', "8 without quotes"),
        ("seed", '["1", 2]', "1 without quotes"),
        ("temperature", "[1d-1]", "0.1"),
        ("temperature", "[sqrt(2)]", "1.41421356237"),
        ("sweeps", "{thermalise: 1e2, measure: 60}", "100"),
        ("sweeps", "{thermalise: 100, measure: 1k}", "1000"),
        ("retrieved_above", "50%", "0.5"),
        ("couplings", "{rule: dilution, connectivity: 50%}", "0.5"),
        ("patterns", "{ensemble: biased, activity: '0.2'}", "0.2 without quotes"),
        ("dynamics", "{neurons: zero_one, threshold: '0.5'}", "0.5 without quotes"),
    ],
)
def test_a_number_spelled_as_elsewhere(key: str, given: str, write: str) -> None:
    heat = {"temperature": ""} if key == "beta" else {}
    line = line_of(text_of(**{key: given}, **heat))
    assert f"; write {write}" in line, line


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"load": "inf"}, "a load in (0, 1]; P = round(load × N)"),  # .inf would be refused as well
        ({"load": "[many]"}, "for example 0.05"),
        ({"cues": "true"}, "for example 1"),
        ({"cues": "None"}, "remove the key"),
        ({"noise": "null"}, "remove the key"),
        ({"size": "[9**9**9]"}, "for example 1000"),
        ({"name": "5"}, "write it in quotes"),
        ({"name": "yes"}, "write it in quotes"),
    ],
)
def test_what_nobody_can_read_gets_an_example(changes: dict[str, str], says: str) -> None:
    assert says in line_of(text_of(**changes))


@pytest.mark.parametrize(
    "text",
    ["9**9**9", "(" * 40, "1" * 80, "1:" * 40, "," * 80, "[" * 80, "-" * 80, "1e999", "1/0", "0**-1",
     "(-8)**0.5", "log(-1)", "range(0, 9, 0)", "arange(1e308, -1e308, 1e-308)", "logspace(0, 1e9, 5)",
     "geomspace(0, 1, 5)", "linspace(1, 2, 1e99)", "inf:inf:inf", "0:1:1e-300", "exit()", "a.b.c", "\x00"],
)  # fmt: skip
def test_nonsense_is_read_as_nothing_that_hurts(text: str) -> None:
    began = time.process_time()
    for meant in readings(text):
        assert len(typed(meant)) < 2000
    assert time.process_time() - began < 1


NEURON = "name: x\nmodel: attention\naxes: {size: [20], load: [0.1], beta: [1]}\n"
DRIFT = """\
name: x
model: consolidation
axes: {size: [100], memories: [4], kappa: [4], noise: [0.4], presentations: [10], seed: 1}
"""


@pytest.mark.parametrize(
    ("text", "write"),
    [
        (text_of(dynamics="kept"), "dynamics: {diagonal: kept}"),
        (text_of(dynamics="zero_one"), "dynamics: {neurons: zero_one}"),
        (text_of(dynamics="balanced"), "dynamics: {threshold: balanced}"),
        (text_of(dynamics="typewriter"), "update_order: typewriter"),
        (text_of(update_order="synchronous"), "dynamics: synchronous"),
        (text_of(patterns="clipped"), "couplings: clipped"),
        (text_of(patterns="{ensemble: hysteresis}"), "question: hysteresis"),
        (text_of(couplings="orthogonal"), "patterns: orthogonal"),
        (text_of(couplings="{rule: biased, activity: 0.2}"), "patterns: biased"),
        (text_of(couplings="little"), "model: little"),
        (text_of(question="graded"), "model: graded"),
        (text_of(model="orthogonal"), "patterns: orthogonal with model: hopfield"),
        (text_of(model="asymmetric_dilution"), "couplings: asymmetric_dilution with model: hopfield"),
        (text_of(model="mixture"), "question: mixture with model: hopfield"),
        (text_of(model="log_sum_exp"), "visible: log_sum_exp"),
        (text_of(model="synchronous"), "dynamics: synchronous with model: hopfield"),
        (text_of(model="fixed_points"), "question: fixed_points with model: attention"),
        (text_of(precision="float32"), "flow: {precision: float32} with model: attention"),
        (text_of(connectivity="0.5"), "couplings: {connectivity: 0.5}"),
        (text_of(activity="0.2"), "patterns: {activity: 0.2}"),
        (text_of(rule="clipped"), "couplings: clipped"),
        (text_of(measure="100"), "sweeps: {measure: 100}"),
        (text_of(clamping="cyclic"), "clamping: cyclic with model: consolidation"),
        (text_of().replace("  noise:", "  cues: 2\n  noise:"), "cues: 2 beside axes"),
        (text_of().replace("  noise:", "  measure: 20\n  noise:"), "sweeps: {measure: 20}"),
        (text_of().replace("  size:", "  N:"), "size: [1000]"),
        (text_of().replace("  temperature:", "  T:"), "temperature: [0, 0.3]"),
        (text_of().replace("  load:", "  patterns:"), "memories: [0.05]"),
        (text_of().replace("axes:\n", "T: [1]\naxes:\n"), "axes: {temperature: [1]}"),
        (NEURON.replace("load:", "load_3:"), "load: [0.1]"),
        (NEURON.replace("load:", "load_12:"), "load: [0.1]"),
        (NEURON.replace("load:", "realised_load:"), "load: [0.1]"),
        (NEURON + "precision: float32\n", "flow: {precision: float32}"),
        (NEURON + "tolerance: 0.001\n", "flow: {tolerance: 0.001}"),
        (NEURON + "question: mixture\n", "question: mixture with model: hopfield"),
        (NEURON + "patterns: biased\n", "patterns: biased with model: hopfield"),
        (NEURON + "visible: dead_zone\n", "couplings: dead_zone with model: hopfield"),
        (DRIFT + "strength: 0.1\n", "bias: {strength: 0.1}"),
        (DRIFT + "likeness: [0.1]\n", "axes: {likeness: [0.1]}"),
        (DRIFT + "ensemble: cyclic\n", "clamping: cyclic"),
    ],
)
def test_a_word_or_key_that_belongs_elsewhere(text: str, write: str) -> None:
    line = line_of(text)
    assert f"; write {write}" in line, line


def test_natural_spellings_are_the_longer_ones() -> None:
    def made(text: str) -> Any:
        return study_of(parsed(text, "s"))

    short = made(DRIFT + "clamping: {sequence: [0, 1, 1]}\n")
    assert short == made(DRIFT + "clamping: sequence\nsequence: [0, 1, 1]\n")
    assert made(short.to_yaml()) == short
    single = made(NEURON + "flow: {precision: float32}\n")
    assert single == made(NEURON + "flow: {precision: single}\n")
    assert "precision: single" in single.to_yaml()


@pytest.mark.parametrize("model", ["weighted", "van_hemmen"])
def test_a_bare_model_that_wants_more_says_what(model: str) -> None:
    line = line_of(text_of(model=model))
    assert re.search(r"write (couplings: \{weights: \[1.0, 1.0, …\]\}|memories: \[2\])", line), line
