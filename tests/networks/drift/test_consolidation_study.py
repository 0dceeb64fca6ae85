"""Studies of consolidation: what is refused and how, the store, resuming, the command, and estimates."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import golden
import numpy as np
import pytest
import yaml
from builders import HERE, fill, peak_of, refused, said_by, spelled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattis.engine import estimate
from mattis.engine.driver import run
from mattis.engine.status import digest, open_results
from mattis.errors import UserError
from mattis.networks.drift import consolidation
from mattis.networks.registry import load_study, study_of
from mattis.statistics.estimates import BIMODAL, FEW_SEEDS, aggregate
from mattis.study import plan
from mattis.study.base import Study
from mattis.theory import consolidation as theory

AXES = golden.STUDIES["consolidation"]["axes"]
NAMES = {*AXES, "load", "beta", "spread", "memory", "kapa", "likeness"}


def content(**changes) -> dict[str, object]:
    """The keys of the small study, changed; None takes one away."""
    return spelled({"name": "drift", "model": "consolidation", **AXES}, NAMES, **changes)


def make(**changes) -> Study:
    return study_of(content(**changes))


ONE = {"memories": [2], "size": [3], "kappa": None, "beta": [1.0], "ensemble": "given"}
MATRIX = [[1.0, 0.0, 2.0], [0.0, 1.0, 0.5]]

MISTAKES = [
    ({"kapa": [1.0]}, "axes.kapa: unknown key; expected one of", "mean kappa?"),
    ({"bais": 1}, "bais: unknown key", "did you mean bias?"),
    ({"memories": None}, "axes.load: got neither; expected one of memories and load", "give one"),
    ({"load": [0.1]}, "axes.load: got both", "give one of the two"),
    ({"kappa": None}, "axes.beta: got neither; expected one of kappa and beta", "give one"),
    ({"beta": [0.1]}, "axes.beta: got both", "give one of the two"),
    ({"memories": []}, "axes.memories: got no values; expected at least one", "for example 4"),
    ({"kappa": []}, "axes.kappa: got no values", "at least one"),
    ({"memory": []}, "axes.memory: got no values", "for example [0, 1]"),
    ({"memories": [1]}, "axes.memories[0]: got 1; expected memories in 2 … 2048", "for example"),
    ({"memories": [4, 4]}, "axes.memories[1]: got 4, the same as memories[0]", "remove one"),
    ({"memories": [2.5]}, "axes.memories[0]: got 2.5; expected a valid integer", ""),
    ({"memories": None, "load": [0.02]}, "axes.load[0]: got N_h = 1; expected two", "at least 0.03"),
    ({"memories": None, "load": [1.0], "size": [9999]}, "got N_h = 9999; expected at most 2048", ""),
    ({"size": [1]}, "axes.size[0]: got 1; expected a number of neurons in 2 … 2^40", ""),
    ({"size": [2**41]}, "axes.size[0]: got 2199023255552; expected", "for example 1000"),
    ({"size": [2**25], "ensemble": "signs"}, "axes.size: got 33554432, where single", "at most 2^24"),
    ({"size": [2**25], "targets": "flips"}, "axes.size: got 33554432", "or use Gaussian"),
    ({"kappa": [0.0]}, "axes.kappa[0]: got 0; expected an inverse temperature", "use .inf"),
    ({"kappa": [math.nan]}, "axes.kappa[0]: got nan", ""),
    ({"noise": [-0.1]}, "axes.noise[0]: got -0.1; expected a strength sigma", "for example 0.4"),
    ({"noise": [1.5], "targets": "flips"}, "axes.noise: got 1.5 with targets: flips", "gaussian"),
    ({"tau": [0.4]}, "axes.tau[0]: got 0.4; expected a time constant", "for example 100"),
    ({"tau": [5.0, 2.0], "step": 4.0}, "step: got 4 with a time constant of 2", "smaller step"),
    ({"presentations": [-1.0]}, "axes.presentations[0]: got -1", "presentations per memory"),
    ({"presentations": None}, "axes.presentations: missing; add this key", ""),
    ({"spread": [31.0]}, "axes.spread[0]: got 31; expected a spread in [0, 30]", "equally often"),
    ({"spread": [1.0], "clamping": "cyclic"}, "axes.spread: got 1 with clamping: cyclic", "random"),
    ({"memory": [3]}, "axes.memory: got 3; expected memories in 0 … 2", "count from 0"),
    ({"memory": [-1]}, "axes.memory[0]: got -1", ""),
    ({"size": [3], "ensemble": "orthogonal"}, "axes.memories[1]: got N_h = 4 at size 3", "larger"),
    ({"size": [3], "ensemble": "published"}, "axes.memories[1]: got N_h = 4 at size 3", "larger"),
    ({"clamping": "sequence"}, "sequence: got no sequence; expected", "sequence: [0, 1, …]"),
    ({"sequence": [0, 1]}, "sequence: got clamping: random; expected a sequence", "give both"),
    ({"clamping": "sequence", "sequence": []}, "sequence: got []; expected numbers in 0 … 2", ""),
    ({"clamping": "sequence", "sequence": [0, 3]}, "sequence: got [0, 3]; expected", "from 0"),
    ({"clamping": "sequence", "sequence": [-1]}, "sequence: got [-1]; expected numbers", ""),
    ({"clamping": "cylic"}, "clamping: got 'cylic'; expected", "cyclic"),
    ({"ensemble": "given"}, "given: got no matrix; expected a matrix with its ensemble", "give both"),
    ({"given": MATRIX}, "given: got ensemble: random; expected a matrix", "give both"),
    ({"shown": MATRIX}, "given: got no matrix; expected a matrix", "give both"),
    ({**ONE, "given": MATRIX[:1]}, "given: got 1 row of 3; expected 2 rows of 3", "each memory"),
    ({**ONE, "given": []}, "given: got 0 rows of nothing; expected 2 rows of 3", ""),
    ({**ONE, "given": [[1.0], [1.0, 2.0, 3.0]]}, "given: got 2 rows of 1 or 3; expected 2", ""),
    ({**ONE, "given": MATRIX, "shown": []}, "shown: got 0 rows of nothing", "2 rows of 3"),
    ({**ONE, "given": MATRIX, "size": [3, 4]}, "given: got several sizes", "one size and one"),
    ({**ONE, "given": MATRIX, "memories": [2, 3]}, "given: got several sizes or numbers", ""),
    ({**ONE, "given": [[0.0] * 3, [1.0] * 3]}, "given: got a row that is no vector", "finite"),
    ({**ONE, "given": [[math.nan] * 3, [1.0] * 3]}, "given: got a row that is no", "finite numbers"),
    ({**ONE, "given": [[1e200] * 3, [1.0] * 3]}, "given: got a row that is no", "in [1e-30, 1e30]"),
    ({**ONE, "given": MATRIX, "shown": [[math.inf] * 3] * 2}, "shown: got a row that is no", ""),
    ({**ONE, "given": [[1.0] * 10001] * 2, "size": [10001]}, "got 20002 numbers; expected", "20000"),
    ({**ONE, "given": [["x"] * 3] * 2}, "given[0][0]: got 'x'; expected a valid number", ""),
    ({**ONE, "given": MATRIX, "beta": None, "kappa": [1.0]}, "axes.kappa: got kappa with", "give beta"),
    ({"bias": {"strength": 0}}, "bias.strength: got 0; expected greater than 0", ""),
    ({"bias": {"strength": 1, "toward": "old"}}, "bias.toward: unknown key", "did you mean towards?"),
    ({"likeness": [1.5]}, "axes.likeness[0]: got 1.5; expected a cosine in [0, 1]", "independent"),
    ({"likeness": [0.5], "targets": "flips"}, "axes.likeness: got a likeness of patterns", "gaussian"),
    ({"probabilities": [1.0]}, "probabilities: got 1 of them for 3 … 4 memories", "give one N_h"),
    ({"memories": [3], "probabilities": [1.0, 2.0]}, "got 2 of them for 3 memories", "each memory"),
    ({"memories": [2], "probabilities": [0.0, 0.0]}, "got [0.0, 0.0]; expected numbers", "sum to 1"),
    ({"memories": [2], "probabilities": [1.0, -1.0]}, "probabilities: got [1.0, -1.0]", ""),
    ({"memories": [2], "probabilities": [1e308, 1.0]}, "got [1e+308, 1.0]", "in [0, 1e9]"),
    (
        {**ONE, "given": MATRIX, "shown": MATRIX, "clamping": "cyclic"},
        "axes.seed: got 3 seeds where nothing is random; expected one seed",
        "seed: 1",
    ),
    ({"memories": [2], "probabilities": [1.0, 2.0], "spread": [1.0]}, "a spread of 1", "remove one"),
    ({"dwell": 0}, "dwell: got 0; expected greater than or equal to 1", ""),
    ({"step": 0}, "step: got 0; expected greater than 0", ""),
    ({"merged_above": 1.0}, "merged_above: got 1.0; expected less than 1", ""),
    ({"kappa": {"from": 1, "to": 2, "count": 10**6}, "seed": 10**6}, "cells; expected at most", ""),
]


@pytest.mark.parametrize(("changes", "expected", "advice"), MISTAKES)
def test_a_mistake_gets_one_line(changes, expected, advice):
    """Where, what was got, what was expected, what to type: each check of the study, once."""
    line = refused(make, **changes)
    assert len(line) < 300
    assert expected in line
    assert advice in line


def test_what_looks_like_a_mistake_and_is_none():
    """Falsy values that are values, and loads that fit every size though their largest N_h does not."""
    assert make(memory=0).axes.memory == (0,)
    assert make(noise=0, presentations=0, spread=0).axes.presentations == (0.0,)
    loads = make(memories=None, load=[0.5], size=[10, 1000], ensemble="orthogonal")
    assert plan.blocks(loads)[0].patterns == 5
    assert make(kappa=math.inf, step=39.9).protocol.step == 39.9
    assert make(bias={"strength": 1, "towards": "old"}).memory_ensemble.bias == 1.0
    assert type(make(kappa=[4]).axes.kappa[0]) is float


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"kappa": None, "beta": [0.1, math.inf], "memory": [0, 2], "bias": {"strength": 0.5}},
        {**ONE, "given": MATRIX, "shown": MATRIX[::-1], "clamping": "sequence", "sequence": [1, 0],
         "seed": [0]},
        {"memories": None, "load": [0.1, 0.5], "spread": [0.0, 3.0], "start": "other"},
    ],
)  # fmt: skip
def test_text_of_a_study_reads_back_as_the_same_study(tmp_path, changes):
    path = tmp_path / "drift.yaml"
    path.write_text(make(**changes).to_yaml(), encoding="utf-8")
    assert load_study(path) == make(**changes)


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.lists(st.one_of(st.integers(-2, 5), st.floats(), st.lists(st.floats(), max_size=3)), max_size=3),
    st.dictionaries(st.sampled_from(["from", "to", "count", "strength"]), st.integers(), max_size=3),
)  # fmt: skip
KEYS = [*NAMES, "ensemble", "targets", "given", "shown", "start", "bias", "clamping", "sequence",
        "dwell", "step", "similarity", "reached_above", "root_seed", "model", "axes"]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mangled_values_are_accepted_or_refused_in_one_line(tmp_path, data):
    """Whatever the values of a study file are, there is no traceback; what is accepted can be planned."""
    base = content(**data.draw(st.sampled_from([{}, {**ONE, "given": MATRIX}])))
    for key in data.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)):
        value = data.draw(values)
        inside = key in NAMES and isinstance(base["axes"], dict)
        (base["axes"] if inside else base)[key] = value
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(base), encoding="utf-8")
    said = "accepted"
    try:
        study = load_study(path)
        assert study.total_updates() >= 0
        assert estimate.largest(study)[0] > 0
    except UserError as error:
        said = str(error)
    assert "\n" not in said


# The store.

GOLDEN = golden.GOLDEN["consolidation"]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder with the results of the small study."""
    fill(make(), tmp_path)
    return tmp_path


def test_digest_is_golden_however_the_study_is_cut(tmp_path):
    """Cuts, order, workers and shards change nothing; what was there is not computed again."""
    for cut, step in ((None, 1), (1, -1), (5, 1)):
        folder = tmp_path / f"{cut}"
        fill(make(), folder, plan.blocks(make(), block_cells=cut)[::step])
        assert digest(make(), folder) == GOLDEN
    outcome = run(make(), tmp_path / "run", replace(HERE, workers=2, block_cells=3))
    assert (outcome.computed, outcome.failures, outcome.digest) == (36, {}, GOLDEN)
    again = run(make(), tmp_path / "run", HERE)
    assert (again.computed, again.found, again.digest) == (0, 36, GOLDEN)
    parts = [run(make(), tmp_path / "parts", replace(HERE, shard=(k, 3))) for k in (2, 0, 1)]
    assert sum(part.computed for part in parts) == 36
    assert run(make(), tmp_path / "parts", HERE).digest == GOLDEN


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({"seed": 5}, 24), ({"memories": [2, 3, 4]}, 18), ({"size": [50, 60]}, 36),
        ({"kappa": [1.0, 2.0, 8.0, math.inf]}, 36), ({"noise": [0.0, 0.4]}, 36),
        ({"tau": [20.0, 30.0]}, 36), ({"spread": [0.0, 1.0]}, 36),
        ({"presentations": [0.0, 5.0, 5.1, 30.0, 31.0]}, 24), ({"presentations": [5.0]}, 0),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("filled")
def test_an_axis_grows_and_old_cells_stay(tmp_path, changes, new):
    """Along each axis: only new cells are computed, and they are those of a fresh computation."""
    larger = make(**changes)
    assert fill(larger, tmp_path) == new
    assert digest(make(), tmp_path) == GOLDEN
    fill(larger, tmp_path / "fresh")
    assert digest(larger, tmp_path / "fresh") == digest(larger, tmp_path)


def test_memories_looked_at_grow_too(tmp_path):
    """The axis `memory`: their mean is that of a study without it."""
    fill(make(memory=[1]), tmp_path)
    assert fill(make(memory=[0, 1, 2]), tmp_path) == 2 * 36
    each = open_results(make(memory=[0, 1, 2]), tmp_path).sel(memories=3)
    fill(make(), tmp_path / "mean")
    mean = open_results(make(), tmp_path / "mean").sel(memories=3)
    for name in ("similarity", "own_weight", "merged", "hebbian_error"):
        np.testing.assert_allclose(each[name].mean("memory"), mean[name], rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kappa": None, "beta": [0.1]}, "dimensions: "), ({"dwell": 2}, "dwell: 1 → 2"),
        ({"memories": None, "load": [0.1]}, "dimensions: "), ({"memory": [0]}, "dimensions: "),
        ({"bias": {"strength": 0.5}}, "bias"), ({"clamping": "cyclic"}, "clamping: random → cyclic"),
    ],
)  # fmt: skip
def test_other_physics_or_another_spelling_is_refused_in_one_line(filled, changes, said):
    with pytest.raises(UserError, match="made from a different study") as caught:
        run(make(**changes), filled, HERE)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert digest(make(), filled) == GOLDEN


BITS = """
import hashlib, json, sys
from mattis.networks.drift import consolidation
from mattis.networks.registry import study_of
from mattis.study import plan
out = hashlib.sha256()
for content in json.loads(sys.argv[1]):
    study = study_of(content)
    for block in plan.blocks(study):
        for name, values in consolidation.simulate(*plan.task(study, block)).items():
            out.update(name.encode() + values.tobytes())
print(out.hexdigest())
"""


def test_no_bit_depends_on_the_vector_width_or_the_blas_of_the_machine():
    """Columns in processes that are told to do without: sums of a fixed order, no BLAS, no libm."""
    big = {"memories": [37], "size": [150], "seed": 1, "presentations": [3.0]}
    asked = [content(), content(ensemble="signs", targets="flips", **big),
             content(ensemble="orthogonal", bias={"strength": 0.2}, spread=[1.0], **big),
             content(ensemble="published", start="other", **big)]  # fmt: skip
    said = set()
    for told in ({"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Haswell"},
                 {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3"}):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", BITS, json.dumps(asked)],
            env={**os.environ, **told}, capture_output=True, check=True,
        )  # fmt: skip
        said.add(done.stdout)
    assert len(said) == 1


# Estimates


def test_the_boundary_is_near_kappa_s(tmp_path):
    """Slow orthogonal memories: boundary_kappa, rising, within its error and the grid of theory."""
    grid = [2.6, 2.9, 3.1, 3.35, 3.6, 4.0]
    study = make(
        memories=[4], kappa=grid, size=[10**6], tau=[400.0], presentations=[8000.0], seed=5,
        ensemble="orthogonal", clamping="cyclic",
    )  # fmt: skip
    fill(study, tmp_path)
    out = aggregate(open_results(study, tmp_path), study)
    found, error = (float(out["boundary_kappa"].squeeze()), float(out["boundary_kappa_error"].squeeze()))
    assert 0.05 < error < 0.2  # the step of the grid over √12
    assert abs(found - theory.kappa_s(4)) < 3 * error
    share = out["consolidated"].squeeze().values
    assert share.tolist() == sorted(share)
    assert (out["consolidated_error"] >= 1 / 4 / 5).all()  # one memory of one seed of five
    assert (out["similarity_error"] > 0).all()
    assert (out["flag"] == 0).all()


def test_flags_of_few_seeds_and_errors_over_seeds(filled):
    out = aggregate(open_results(make(), filled), make())
    assert ((out["flag"].values & FEW_SEEDS) > 0).all()
    values = open_results(make(), filled)["similarity"].values
    np.testing.assert_allclose(out["similarity"], values.mean(axis=-1), rtol=1e-12)
    error = values.std(axis=-1, ddof=1) / math.sqrt(3)
    np.testing.assert_allclose(out["similarity_error"], error, rtol=1e-9, atol=1e-15)
    assert not (out["flag"].values & BIMODAL).all()
    assert out["boundary_noise"].isnull().all()  # one noise has no boundary
    assert np.isnan(out["reached_after"].sel(presentations=0.0)).all()


# The command


def test_the_command_plans_tells_and_lists(tmp_path, capsys):
    path = tmp_path / "drift.yaml"
    path.write_text(make().to_yaml(), encoding="utf-8")
    planned = said_by(capsys, "plan", path)
    assert (planned["cells"], planned["blocks"]) == (36, 6)
    assert planned["presentations"] == 30 * (3 + 4) * 2 * 3
    assert sum(row["presentations"] for row in planned["per_block"]) == planned["presentations"]
    assert planned["per_block"][0]["id"] == "size=50,memories=3,seed=0"
    fill(make(), tmp_path, plan.blocks(make())[:2])
    told = said_by(capsys, "status", path, "--results", tmp_path)
    assert (told["cells"], told["missing"]) == ({"total": 36, "done": 12}, 4)
    (model,) = (row for row in said_by(capsys, "models") if row["name"] == "consolidation")
    assert [*model["observables"]] == [o.name for o in consolidation.DRIFT_OBSERVABLES]
    assert "kappa" in model["axes"]


@pytest.mark.parametrize(
    "changes",
    [
        {"presentations": [1e9], "kappa": [1e-3], "tau": [1e12]},
        {"presentations": [1e9], "memories": [200]},
        {"presentations": [1e3], "dwell": 10**5},
        {"size": [2**40], "presentations": [1e9]},
    ],
)
def test_a_plan_of_years_is_quick(changes):
    """What would take years is estimated in seconds, whatever a presentation costs; and as years."""
    begun = time.process_time()
    seconds = estimate.cost(make(**changes)).seconds
    assert time.process_time() - begun < 10
    assert seconds > 60


@pytest.mark.parametrize(
    "changes",
    [
        {"size": [100_000], "ensemble": "signs", "targets": "flips", "memories": [24]},
        {"size": [10**9], "memories": [256]},
    ],
)
def test_memory_estimate_bounds_what_a_block_takes(changes):
    more = {"start": "other", "bias": {"strength": 1.0}, "presentations": [0.1], "kappa": [1.0]}
    large = content(**changes, **more)
    estimated = study_of(large).memory(changes["size"][0], changes["memories"][0])
    assert 0.4 * estimated < peak_of(large) < 1.1 * estimated


def test_a_trace_ends_at_the_cell_and_begins_at_the_old_memories():
    """Similarity against presentations: each cell is on it, to the last bit, however far it is followed."""
    study = make(presentations=[0.0, 7.0, 250.0], seed=1)
    for block in plan.blocks(study):
        columns = study.described_model.simulate(*plan.task(study, block))
        patterns, stages, protocol = plan.task(study, block)
        for k, stage in enumerate(stages):
            found = consolidation.course(patterns, stage, protocol, 0)
            assert found.times[-1] == pytest.approx(stage.presentations)
            assert len(found.times) <= 200
            for one, series in found.values.items():
                np.testing.assert_array_equal(series[-1], columns[one.name][k], one.name)
                if one.name == "similarity_old":
                    assert series[0] == pytest.approx(1)
    said = refused(consolidation.course, patterns, stage, protocol, 1)
    assert said == "cue: got 1; expected 0, for memories that drift have no cues; remove it"
