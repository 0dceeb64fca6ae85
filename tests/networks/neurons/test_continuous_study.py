"""Studies of networks from generating functions: what is refused and how, counts, the store, each model."""

import json
import math
from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
import pytest
import yaml
from builders import EVERY_STUDY, HERE, columns_of, fill, refused, said_by, spelled
from threadpoolctl import threadpool_info

from mattis.engine.driver import run
from mattis.engine.status import digest, open_results
from mattis.errors import UserError
from mattis.kernels import cpu
from mattis.networks.neurons import relaxation
from mattis.networks.neurons.models import NEURON_DEFAULTS, NEURON_QUESTIONS
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.registry import kind_of, load_study, study_of
from mattis.statistics.estimates import aggregate
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study

AXES = {"size": [20], "load": [0.1, 0.2], "beta": [4.0], "noise": [0.0, 0.2], "seed": 2}
NAMES = {*AXES, "memories", "exponent", "separation", "sise"}


def content(**changes) -> dict[str, object]:
    """The keys of a small study, changed; None takes one away."""
    return spelled({"name": "some", "model": "attention", **AXES}, NAMES, **changes)


def make(**changes) -> NeuronStudy:
    study = study_of(content(**changes))
    assert isinstance(study, NeuronStudy)
    return study


ONE = {"load": [0.5], "noise": [0.0], "beta": None}
"""Where beta and cues do not enter."""

SMALL: dict[str, dict[str, Any]] = {
    "attention": {"load": None, "exponent": [0.05, 0.1], "cues": 2},
    "attractors": {"load": None, "memories": [3, 4], "size": [2], "cues": 2},
    "dense": {"load": [0.01, 0.02], "beta": [5.0], "flow": {"dt": 0.5, "tolerance": 1e-6}, "cues": 2},
    "dense_binary": {"load": [0.02, 0.05], "beta": None, "cues": 2},
    "hebbian_tanh": {"beta": [2.0], "question": "equivalence", "flow": {"dt": 0.5, "steps": 4000}},
    "graded": {"beta": [2.0], "field": 0.1},
    "tanh_tanh": {**ONE, "load": [0.2, 0.5], "beta": [0.5, 1.0]},
    "fast_slow": {"memories": [2, 3], "load": None, "separation": [0.1, 0.5], "noise": [0.2], "beta": [1.0],
                  "size": [6], "flow": {"duration": 0.5}},
    "linear": {"beta": [0.05, 1.0], "flow": {"dt": 0.1}},
    "rotation": {**ONE, "load": [0.5, 1.5]},
}  # fmt: skip
"""A study of each model."""


def small(model: str, **changes) -> NeuronStudy:
    return make(**{"model": model, **SMALL[model], **changes})


def line_of(**changes) -> str:
    """The one line that a study is refused with."""
    line = refused(make, **changes)
    assert len(line) < 400
    assert "(and " not in line
    return line


LINEAR = {"model": "linear", "question": "recall", "noise": [0.0]}
BINARY = {"model": "dense_binary", "load": [0.02], "beta": None}
EXPONENTIAL = {**BINARY, "hidden": "exponential", "load": None, "exponent": [0.2], "beta": [1.0]}
FAST = {"model": "fast_slow", "beta": [1.0]}

MISTAKES = [
    ({"sise": [4]}, "axes.sise: unknown key", "size?"),
    ({"biass": 1.0}, "biass: unknown key", "did you mean bias?"),
    ({"flow": {"dtt": 1.0}}, "flow.dtt: unknown key", "did you mean dt?"),
    ({"flow": {"dt": 2.5}}, "flow.dt: got 2.5 with tau_v: 1; expected dt <= 2 tau_v", "use dt = tau_v"),
    ({"flow": {"dt": 1.0, "tau_v": 0.4}}, "flow.dt: got 1 with tau_v: 0.4", "one-step update"),
    ({"flow": {"dt": 0.0}}, "flow.dt: got 0", "greater than 0"),
    ({"flow": {"steps": 0}}, "flow.steps: got 0", "greater than or equal to 1"),
    ({"flow": {"tolerance": 1e-9, "precision": "single"}}, "flow.tolerance: got 1e-09 with precision: single",
     "or use precision: double"),
    ({"model": "tanh_tanh", "flow": {"precision": "single"}}, "flow.precision: got single with question:",
     "precision: double"),
    ({"flow": {"precision": "half"}}, "flow.precision: got 'half'", "'double' or 'single'"),
    ({"model": "dense", "hidden": "polynomial"}, "hidden: got polynomial with degree 3: x^n is not convex",
     "rectified_polynomial"),
    ({"degree": 4}, "degree: got 4 with hidden: log_sum_exp; expected a polynomial", "remove the key"),
    ({"model": "graded", "degree": 2}, "degree: got 2 with hidden: quadratic", "remove the key"),
    ({"model": "dense", "degree": 13}, "degree: got 13; expected less than or equal to 12", ""),
    ({"model": "dense", "degree": 1}, "degree: got 1; expected greater than or equal to 2", ""),
    ({"memories": [2]}, "axes.memories: got both load and memories; expected one of load, memories, exponent",
     "give one of them"),
    ({"exponent": [0.1]}, "axes.exponent: got both load and exponent", "give one of them"),
    ({"load": None, "memories": [2], "exponent": [0.1]}, "axes.exponent: got both memories and exponent", ""),
    ({"load": None}, "axes.load: got nothing that is stored; expected one of load, mem", "give one"),
    ({"load": []}, "axes.load: got no values; expected at least one", "for example"),
    ({"load": [0.01]}, "axes.load: got P = 0 patterns at size 20; expected P of at least 1", "larger value"),
    ({"load": [16.5]}, "axes.load[0]: got 16.5; expected a load in (0, 16]", "for example"),
    ({"load": None, "memories": [0]}, "axes.memories[0]: got 0; expected patterns, 1 … 2^20", ""),
    ({"cues": 3}, "axes.load: got P = 2 patterns at size 20; expected P of at least 3", "fewer cues"),
    ({"cues": 0}, "cues: got 0; expected greater than or equal to 1", ""),
    ({"load": None, "exponent": [1.5]}, "axes.exponent[0]: got 1.5; expected ln(P)/N in [0, 1]", "0.3"),
    ({"load": None, "exponent": [0.9]}, "axes.exponent: got P = 65659969 patterns at size 20",
     "at most 1048576 patterns"),
    ({"load": [16.0], "size": [8192]}, "axes.load: got P = 131072 patterns at size 8192",
     "131072 memories of 8192 sites"),
    ({"beta": [0.0]}, "axes.beta[0]: got 0; expected a gain in [1e-3, 1e6]", "beta > 0 only"),
    ({"beta": [math.inf]}, "axes.beta[0]: got inf; expected a gain in [1e-3, 1e6]", "beta > 0 only"),
    ({"beta": [-1.0]}, "axes.beta[0]: got -1", ""),
    ({"beta": [math.nan]}, "axes.beta[0]: got nan", ""),
    ({"model": "rotation"}, "axes.beta: got 4 with hidden: quadratic, which has no gain", "gain: visible"),
    ({"noise": [1.5]}, "axes.noise[0]: got 1.5", "for example 0.1"),
    ({"size": [1]}, "axes.size[0]: got 1; expected a number of neurons in 2 … 2^16", "for example 500"),
    ({"coupling": "one"}, "coupling: got one with visible: quadratic, so that no memory enters",
     "use visible: memories"),
    ({"visible": "memories"}, "coupling: got memories twice", "coupling: one"),
    ({"hidden": "memories"}, "hidden: got memories; expected a function of single", "use visible: memories"),
    ({"scale": "bodies"}, "scale: got bodies with hidden: log_sum_exp; expected a polynomial", "use sites"),
    ({"diagonal": "zero"}, "diagonal: got zero with hidden: log_sum_exp; expected diagonal: kept", "known"),
    ({"question": "recal"}, "question: got 'recal'; expected a question", "did you mean recall?"),
    ({"question": "equivalence"}, "question: got equivalence of model attention", "hebbian_tanh"),
    ({"question": "spectrum"}, "question: got spectrum of model attention", "ln_cosh or quadratic"),
    ({"question": "fixed_points"}, "question: got fixed_points of model attention", "visible: ln_cosh"),
    ({"question": "modes"}, "question: got modes of model attention", "model: linear"),
    ({"model": "hebbian_tanh", "question": "separation", "separation": [0.1]},
     "question: got separation of model hebbian_tanh", "coupling: memories"),
    ({"separation": [0.1]}, "axes.separation: got the axis with question: recall", "question: separation"),
    (FAST, "axes.separation: got no axis; expected the axis separation", "for example [0.01, 0.1]"),
    ({**FAST, "separation": [1e-7]}, "axes.separation[0]: got 1e-07; expected tau_h/tau_v in", "0.01"),
    ({**LINEAR, "beta": [0.3]}, "question: got recall of linear neurons with beta × lambda_max of about ",
     "use question: modes"),
    ({**BINARY, "field": 1.0}, "field: got 1.0; expected no such key: binary neurons", "remove the key"),
    ({**BINARY, "diagonal": "zero"}, "diagonal: got zero; expected no such key", "remove the key"),
    ({**BINARY, "flow": {"dt": 0.5}}, "flow.dt: got 0.5; expected no such key", "remove the key"),
    ({"rule": "field"}, "rule: got field; expected model: dense_binary", "remove the key"),
    ({"indices": "distinct"}, "indices: got distinct; expected model: dense_binary", "remove the key"),
    ({**BINARY, "patterns": "gaussian"}, "patterns: got gaussian; expected recall of signs", "binary"),
    ({**BINARY, "patterns": "sphere"}, "patterns: got sphere; expected recall of signs", "binary"),
    ({**BINARY, "question": "spectrum"}, "question: got spectrum", ""),
    ({**BINARY, "question": "descent"}, "question: got descent of model dense_binary", "continuous neurons"),
    ({"visible": "spherical", "question": "jacobian"}, "question: got jacobian", "with a Hessian everywhere"),
    ({"question": "descent", "cues": 3}, "axes.load: got P = 2 patterns at size 20", "fewer cues"),
    ({**BINARY, "rule": "field", "indices": "distinct"}, "indices: got distinct with rule: field",
     "rule: difference"),
    ({**BINARY, "hidden": "log_sum_exp", "scale": "none"}, "hidden: got log_sum_exp",
     "polynomial or exponential"),
    ({**BINARY, "beta": [2.0]}, "axes.beta: got 2 at T = 0", "remove the axis"),
    ({**BINARY, "degree": 13}, "degree: got 13; expected less than or equal to 12", ""),
    ({**BINARY, "degree": 10, "size": [60], "load": None, "memories": [10**5]},
     "axes.memories: got P = 100000 patterns at size 60", "fields overflow 64 bits"),
    ({**EXPONENTIAL, "rule": "field"}, "rule: got field with hidden: exponential",
     "change of energy"),
    ({**EXPONENTIAL, "indices": "distinct"}, "indices: got distinct with hidden: exp", ""),
    ({"visible": "tanh"}, "visible: got 'tanh'; expected a generating function", "quadratic, ln_cosh"),
    ({"coupling": "two"}, "coupling: got 'two'; expected 'memories' or 'one'", ""),
    ({"scale": "site"}, "scale: got 'site'", "'sites'"),
    ({"gain": "both"}, "gain: got 'both'; expected 'visible' or 'hidden'", ""),
    ({"activity": "v"}, "activity: got 'v'", "'activation'"),
    ({"patterns": "signed"}, "patterns: got 'signed'", "'gaussian'"),
    ({**BINARY, "rule": "energy"}, "rule: got 'energy'; expected 'difference' or 'field'", ""),
    ({"model": "atention"}, "model: got 'atention'", "did you mean attention?"),
    ({"retrieved_above": 1.0}, "retrieved_above: got 1.0; expected less than 1", ""),
    ({"field": math.inf}, "field: got inf", ""),
    ({"bias": "one"}, "bias: got 'one'", ""),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected", "advice"), MISTAKES)
def test_a_mistake_gets_one_line(changes, expected, advice):
    """Where, what was got, what was expected, what to type: each check of the study, once."""
    line = line_of(**changes)
    assert expected in line
    assert advice in line


UNMADE = [
    {"load": None, "exponent": [1.0], "size": [1000]}, {"load": None, "exponent": [0.5], "size": [100]},
    {"model": "dense", "degree": 12, "load": [16.0], "size": [2**16]},
    {**BINARY, "indices": "distinct", "size": [2], "load": [1.0]},
    {**EXPONENTIAL, "exponent": None, "memories": [5], "size": [2000]},
]  # fmt: skip


@pytest.mark.parametrize("changes", UNMADE)
def test_a_network_that_cannot_be_made_gets_one_line(changes):
    """P beyond 64 bits; n distinct indices of fewer sites; lambda N beyond the range of exponentials."""
    line_of(**changes)


# What a study says


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"load": [0.1, 0.25], "size": [20, 50]}, [2, 5, 5, 13]),  # 12.5, half up
        ({"load": None, "memories": [1, 7]}, [1, 7]),
        ({"load": None, "exponent": [0.0, 0.1, 0.3]}, [1, 7, 403]),  # e^2 = 7.39, e^6 = 403.4
        ({"load": None, "exponent": [0.5], "size": [10, 13]}, [148, 665]),  # e^5, e^6.5
        ({"model": "dense", "load": [0.02, 0.1]}, [8, 40]),  # of 400
        ({"model": "dense", "degree": 4, "load": [0.001], "size": [20, 30]}, [8, 27]),
        ({**BINARY, "degree": 2, "load": [0.1]}, [2]),
        ({**BINARY, "degree": 5, "load": [0.001], "size": [10]}, [10]),
        ({"model": "tanh_tanh", "load": [1.6]}, [32]),
    ],
)
def test_patterns_are_counted_by_the_power_of_the_degree(changes, expected):
    """P = round(load N^{n-1}), round(e^{exponent N}), or P itself, for every size and value."""
    study = make(**{"seed": 1, "noise": [0.0], **changes})
    assert [block.patterns for block in plan.blocks(study)] == expected


@pytest.mark.parametrize(
    ("changes", "stored"),
    [
        ({}, "load"), ({"model": "dense", "load": [0.02]}, "load_3"),
        ({"model": "dense", "degree": 4, "load": [0.02]}, "load_4"),
        ({**BINARY, "degree": 12, "size": [6], "load": [1e-8]}, "load_12"),
        ({**BINARY, "degree": 2, "load": [0.1]}, "load"), ({"load": None, "memories": [2]}, "memories"),
        (EXPONENTIAL, "exponent"), ({"model": "linear"}, "load"),
    ],
)  # fmt: skip
def test_the_dimension_says_which_power_a_load_is_of(changes, stored):
    study = make(**changes)
    assert study.dimensions == ("size", stored, "beta", "noise", "seed")
    assert study.stored == stored
    assert study.physics()["stored"] == stored


def test_an_axis_of_separations_is_a_dimension_of_points():
    study = small("fast_slow")
    assert study.dimensions == ("size", "memories", "separation", "beta", "noise", "seed")
    assert [study.place(p).separation for p in plan.blocks(study)[0].points] == [0.1, 0.5]
    assert study.place((0.1, 1.0, 0.2)) == (1.0, 0.2, 0.1)
    assert small("fast_slow", flow={"tau_v": 2.0}).protocol.dt == 2.0


ROUND = [
    {}, {"load": None, "exponent": [0.1], "flow": {"dt": 0.5, "steps": 10}},
    {"model": "dense", "degree": 4, "hidden": "polynomial", "diagonal": "kept", "load": [0.01]},
    {**BINARY, "rule": "field", "root_seed": 7}, EXPONENTIAL,
    {"flow": {"precision": "single"}, "patterns": "gaussian", "bias": -0.5, "field": 0.25},
    {"beta": {"from": 0.5, "to": 2.0, "count": 1500}, "seed": 1200},
]  # fmt: skip


@pytest.mark.parametrize("changes", [*ROUND, *({"model": m, **SMALL[m]} for m in SMALL)])
def test_text_of_a_study_reads_back_as_the_same_study(tmp_path, changes):
    study, path = make(**changes), tmp_path / "some.yaml"
    path.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(path) == study
    assert study_of(yaml.safe_load(study.to_yaml())) == study
    assert load_study(path).physics() == study.physics()


@pytest.mark.parametrize("model", NEURON_DEFAULTS)
def test_defaults_may_be_spelled_out(model):
    """The same physics, hence the same store; and whatever is no default is other physics."""
    study = small(model)
    recipe = study.protocol
    keys = ("visible", "hidden", "coupling", "gain", "scale", "activity", "diagonal")
    spelled = {key: getattr(recipe.parts, key) for key in keys}
    if "polynomial" in recipe.parts.hidden:
        spelled["degree"] = recipe.parts.degree
    flow = {"dt": recipe.dt, "tau_v": 1.0, "steps": recipe.steps, "tolerance": recipe.tolerance,
            "duration": recipe.duration, "precision": "double"}  # fmt: skip
    same = small(model, **spelled, patterns=recipe.ensemble, question=recipe.question, flow=flow,
                 rule="difference", indices="full", bias=0.0, retrieved_above=0.5)  # fmt: skip
    assert same.physics() == study.physics()
    assert json.loads(json.dumps(study.physics())) == study.physics()
    others = [small(model, root_seed=2), small(model, flow={**flow, "steps": 77})]
    others += [small(model, retrieved_above=0.6)]
    assert all(other.physics() != study.physics() for other in others)


def test_every_model_and_question_is_known_and_asked_by_a_study_of_the_folder():
    studies = map(load_study, EVERY_STUDY)
    ours = [study for study in studies if isinstance(study, NeuronStudy)]
    without = {"rotation"}  # whose answer is exact: nothing to draw
    assert {study.model for study in ours} | without == set(NEURON_DEFAULTS) == set(SMALL)
    assert {study.asked for study in ours} | without == set(NEURON_QUESTIONS)
    assert all(kind_of(name) is NeuronStudy for name in NEURON_DEFAULTS)


# Cells


@pytest.mark.parametrize("model", NEURON_DEFAULTS)
def test_cells_do_not_know_their_neighbours(model):
    """One by one, or backwards, as all at once: bit by bit, on one machine."""
    study = small(model)
    block = plan.blocks(study)[-1]
    every = columns_of(study, block)
    assert list(every) == [o.name for o in study.described_model.observables]
    alone = [columns_of(study, replace(block, points=(point,))) for point in block.points]
    back = columns_of(study, replace(block, points=block.points[::-1]))
    for name, values in every.items():
        assert np.isfinite(values).all()
        np.testing.assert_array_equal([row[name][0] for row in alone], values, err_msg=name)
        np.testing.assert_array_equal(back[name][::-1], values, err_msg=name)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_more_replicas_than_a_batch_has_lanes_change_none(precision):
    """130 replicas of attention in three batches, and the first and the last of them alone."""
    noises = {"from": 0.0, "to": 0.4, "count": 65}
    flow = {"precision": precision}
    study = make(load=None, exponent=[0.2], beta=[1.0, 4.0], noise=noises, seed=1, flow=flow)
    block = plan.blocks(study)[0]
    every = columns_of(study, block)
    for k in (0, 64, 129):
        alone = columns_of(study, replace(block, points=(block.points[k],)))
        assert {name: v[0] for name, v in alone.items()} == {n: v[k] for n, v in every.items()}


@pytest.mark.parametrize("model", NEURON_DEFAULTS)
def test_a_study_of_each_model_runs_and_grows(model, tmp_path):
    """More seeds and points: only new cells are computed, and old ones stay."""
    study = small(model, seed=1)
    outcome = run(study, tmp_path, HERE)
    assert (outcome.failures, outcome.computed) == ({}, cells_of(study))
    more = {"separation": [0.5, 1.0, 0.1]} if model == "fast_slow" else {"noise": [0.1, 0.2, 0.0]}
    larger = small(model, seed=2, **more)
    assert fill(larger, tmp_path) == cells_of(larger) - cells_of(study)
    assert digest(study, tmp_path) == outcome.digest


def test_cells_are_the_same_in_whatever_pieces_and_threads_they_are_made(tmp_path):
    """By workers as by this process; blocks computed again are the same; estimates have what was observed."""
    study = small("fast_slow")
    outcome = run(study, tmp_path, HERE)
    fill(study, tmp_path / "here", plan.blocks(study, block_cells=1)[::-1])
    assert digest(study, tmp_path / "here") == outcome.digest
    assert verify(study, tmp_path, recompute=2).sound
    estimates = aggregate(open_results(study, tmp_path), study)
    assert {o.name for o in study.described_model.observables} <= set(estimates.data_vars)


def cells_of(study: Study) -> int:
    return math.prod(len(values) for values in study.labels.values())


def test_changed_physics_is_refused_in_one_line(tmp_path):
    fill(make(), tmp_path)
    assert run(make(diagonal="kept", flow={"dt": 1.0}), tmp_path, HERE).computed == 0
    with pytest.raises(UserError, match="made from a different study") as caught:
        run(make(flow={"dt": 0.5}), tmp_path, HERE)
    assert "recipe" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_blas_has_one_thread_whoever_asks():
    """In this thread, then in others, one after the other: contract of every float sum."""
    seen: list[int] = []

    def ask() -> None:
        with cpu.euler.one_thread():
            seen.extend(i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas")

    ask()
    for _ in range(2):
        other = Thread(target=ask)
        other.start()
        other.join()
    assert set(seen) == {1}


# The command


@pytest.mark.parametrize("model", NEURON_DEFAULTS)
def test_the_plan_of_each_model_counts_and_bounds(model, tmp_path, capsys):
    path = tmp_path / "some.yaml"
    study = small(model)
    path.write_text(study.to_yaml(), encoding="utf-8")
    planned = said_by(capsys, "plan", path)
    assert planned["cells"] == cells_of(study)
    assert planned["blocks"] == len(plan.blocks(study))
    unit = "proposals" if model == "dense_binary" else "neuron updates"
    assert planned[unit] == sum(row[unit] for row in planned["per_block"]) > 0
    assert planned["cpu_seconds"] > 0
    assert 0 < planned["memory_bytes"] < 2**30
    assert planned["per_block"][0]["id"].startswith(f"size={study.axes.size[0]},{study.stored}=")


@pytest.mark.parametrize(
    "changes",
    [{}, {"model": "graded", "beta": [1.5, 3.0]}, {"model": "hebbian_tanh", "beta": [2.0]},
     {"model": "dense", "load": [0.01, 0.02], "beta": [5.0]}],
    ids=str,
)  # fmt: skip
def test_a_trace_ends_at_the_cell(changes):
    """Euler steps from the cue to rest: overlap and energy of the cell to the last bit."""
    study = make(**changes)
    for block in plan.blocks(study):
        columns = columns_of(study, block)
        patterns, places, recipe = plan.task(study, block)
        for k, place in enumerate(places):
            found = relaxation.course(patterns, place, recipe, 0)
            assert found.times.tolist()[:1] == [1]
            assert found.times[-1] == max(columns["steps_used"][k], 1)
            for one, series in found.values.items():
                assert series[-1] == columns[one.name][k]
            energy = next(series for one, series in found.values.items() if one.name == "energy")
            assert (np.diff(energy) <= 1e-6).all()


@pytest.mark.parametrize(
    ("changes", "cue", "said"),
    [
        ({}, 1, "cue: got 1; expected 0; for example 0"),
        ({"model": "dense_binary", "beta": None}, 0, "binary neurons: got no steps to follow"),
        ({"model": "tanh_tanh"}, 0, "the question spectrum: got no steps to follow"),
    ],
)
def test_what_cannot_be_followed_says_so(changes, cue, said):
    study = make(**changes)
    patterns, places, recipe = plan.task(study, plan.blocks(study)[0])
    assert refused(relaxation.course, patterns, places[0], recipe, cue).startswith(said)
