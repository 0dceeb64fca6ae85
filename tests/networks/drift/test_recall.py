"""Learning, then recall: the couplings, their dynamics and physics, and studies of it in the store."""

import math
import time
from dataclasses import replace

import golden
import numpy as np
import pytest
from builders import HERE, fill, hopfields, peak_of, said_by, spelled
from references import same_columns

from mattis.engine import estimate
from mattis.engine.driver import run
from mattis.engine.status import digest, open_results
from mattis.errors import UserError
from mattis.exact import rng
from mattis.exact.patterns import noisy_cue
from mattis.networks.binary import chains, family, hopfield
from mattis.networks.binary.hopfield import Setting
from mattis.networks.binary.network import Protocol, Replica
from mattis.networks.drift import consolidation, recall
from mattis.networks.drift.consolidation import DriftProtocol
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.drift.recall import UNIT, RecallPoint, RecallProtocol
from mattis.networks.registry import load_study, study_of
from mattis.statistics.estimates import aggregate
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import PatternSet
from mattis.theory import evaluate

COLD = math.inf
LEARNING = DriftProtocol(MemoryEnsemble("signs", "flips"))
AXES = golden.STUDIES["recall"]["axes"]
NAMES = {*AXES, "beta", "kapa", "memories", "spread"}
USUAL = {"name": "learn", **golden.STUDIES["recall"], **AXES}


def content(**changes) -> dict[str, object]:
    """The keys of the small study, changed; None takes one away."""
    return spelled(USUAL, NAMES, **changes)


def make(**changes) -> Study:
    return study_of(content(**changes))


def learnt_at(patterns: PatternSet, visit: RecallPoint) -> consolidation.Synapses:
    """Memories at one stage."""
    ((_, learnt),) = consolidation.follow(patterns, [visit.stage], LEARNING)
    return learnt


@pytest.mark.parametrize(("size", "count"), [(60, 3), (90, 18), (1001, 3), (1400, 2)])
def test_before_anything_was_shown_it_is_hopfields(size, count):
    """Bit for bit: the one kernel that takes any couplings, and those that take patterns."""
    patterns, asking = PatternSet(5, size, count, 2), Protocol(4, 12, min(count, 3), 0.5)
    at = [(b, x) for b in (COLD, 10.0, 10 / 3, 1.0, 0.4) for x in (0.0, 0.1, 0.45)]
    plain = family.simulate(*hopfields(patterns, [Setting(*point) for point in at], asking))
    visits = [RecallPoint(0.1, 0.3, 50.0, 0.0, *point) for point in at]
    found = recall.simulate(patterns, visits, RecallProtocol(LEARNING, asking))
    for name in ("overlap", "retrieved"):
        np.testing.assert_array_equal(found[f"{name}_old"], plain[name])
    same = [visit._replace(noise=0.0) for visit in visits]
    unchanged = recall.simulate(patterns, same, RecallProtocol(LEARNING, asking))
    state = {name for name in plain if name == "survived" or name.endswith("_given_survival")}
    same_columns([unchanged], [plain], *{*plain} - state)  # of memories that drift no jump is known


@pytest.mark.parametrize("presentations", [0.0, 2.5, 40.0])
def test_couplings_are_those_of_the_memories(presentations):
    patterns = PatternSet(1, 70, 6, 0)
    matrix = learnt_at(patterns, RecallPoint(0.1, 0.2, 20.0, presentations, 1.0, 0.0)).matrix
    nj, exact = recall.coupled(matrix), matrix.T @ matrix
    np.fill_diagonal(exact, 0)
    assert np.abs(nj / UNIT - exact).max() <= 1 / UNIT + 1e-12
    assert not ((nj != nj.T) | (nj % 2 != 0) | np.diag(np.diag(nj) != 0)).any()
    assert (nj == UNIT * exact).all() == (presentations == 0)


def glauber(nj, xi, index, patterns, setting, protocol):
    """A plain chain in integers: the trace of overlaps, of sum_i S_i N h_i, of flips; the spins."""
    size, member = len(nj), {"noise": setting.noise, "cue": index}
    cue = rng.stream(patterns.root_seed, "cue", patterns.labels, member)
    spins, nj = noisy_cue(xi[index], setting.noise, cue).astype(np.int64), nj.astype(np.int64)
    member |= {"beta": setting.beta}
    stream = rng.stream(patterns.root_seed, "dynamics", patterns.labels, member)
    scale = np.float32(0) if setting.beta == COLD else rng.noise_scale(UNIT * size, setting.beta)
    trace = []
    for t in range(protocol.thermalise + protocol.measure):
        noise, flips = rng.thermal_noise(stream.decision_words(size, t), scale), 0
        for i in range(size):
            x = nj[i] @ spins + noise[i]
            new = spins[i] if x == 0 and scale == 0 else (1 if x >= 0 else -1)
            flips += new != spins[i]
            spins[i] = new
        trace.append((xi[index].astype(np.int64) @ spins, spins @ nj @ spins, flips))
    return np.array(trace).T, spins


@pytest.mark.parametrize("beta", [COLD, 5.0, 1.0, 1e-3])
@pytest.mark.parametrize(("size", "count", "shown"), [(41, 4, 3), (130, 20, 15), (64, 2, 200)])
def test_the_chain_of_learnt_couplings_is_that_of_a_plain_reference(size, count, shown, beta):
    patterns, setting = PatternSet(3, size, count, 1), Setting(beta, 0.15)
    learnt = learnt_at(patterns, RecallPoint(8.0 / size, 0.2, 20.0, shown, beta, 0.15))
    nj, protocol = recall.coupled(learnt.matrix), Protocol(2, 6, 1, 0.5)
    for xi in (learnt.targets.astype(np.int8), learnt.old.astype(np.int8)):
        network = recall.network_of(patterns, xi, nj)
        assert network.parity == 0
        for index in (0, count - 1):
            trace, spins = glauber(nj, xi, index, patterns, setting, protocol)
            (chain,) = chains.run(network, [Replica(index, *setting)], protocol)
            np.testing.assert_array_equal(chain.trace[..., 0], trace)
            np.testing.assert_array_equal(chain.spins[:, 0], spins)
            (cell,) = hopfield.observe(network, [Replica(index, *setting)], protocol)
            exact = learnt.matrix.T @ learnt.matrix / size
            np.fill_diagonal(exact, 0)
            energy = -spins @ exact @ spins / (2 * size)
            assert -trace[1, -1] / (2 * size**2 * UNIT) == pytest.approx(energy, abs=1 / UNIT)
            assert cell["energy"] == -trace[1, 2:].mean() / (2 * size**2 * UNIT)


def test_what_it_learns_is_what_the_model_of_consolidation_learns():
    """The same streams: old memories, flips and order of patterns, to the last bit."""
    same = {"size": [80], "noise": [0.1, 0.3], "kappa": [2.0, 9.0], "presentations": [0.0, 7.0]}
    study = make(load=[0.1], temperature=[0.0], cue_noise=[0.0], seed=1, **same)
    axes = {**same, "memories": [8], "tau": [20.0], "seed": 1}
    other = study_of({"name": "c", "model": "consolidation", "ensemble": "signs", "targets": "flips",
                      "axes": axes})  # fmt: skip
    found = recall.simulate(*plan.task(study, plan.blocks(study)[0]))
    plain = consolidation.simulate(*plan.task(other, plan.blocks(other)[0]))
    same_columns([found], [plain], *recall.LEARNT)
    assert len(np.unique(found["similarity"])) >= 6


def test_after_long_learning_it_recalls_as_hopfields_network_the_new_patterns():
    """One-hot: J -> that of xi'. The overlap is that of AGS at alpha = 0.05 within 5 errors, which
    are of 10^-4 to 10^-3; the old pattern is as far from the new as the changed signs say."""
    sweeps, rows = {"thermalise": 60, "measure": 150}, []
    axes = {"size": [1000], "load": [0.05], "kappa": [30.0], "presentations": [0.0, 400.0]}
    study = make(**axes, seed=4, cues=8, sweeps=sweeps)
    for task in (plan.task(study, block) for block in plan.blocks(study)):
        columns = recall.simulate(*task)
        rows.append([columns[name] for name in ("overlap", "overlap_old", "energy", "similarity")])
        learnt = learnt_at(task[0], task[1][-1])
        stored = np.rint(learnt.targets).astype(np.int64)
        hebb = UNIT * (stored.T @ stored) * (1 - np.eye(1000, dtype=np.int64))
        assert np.abs(recall.coupled(learnt.matrix) - hebb).max() <= 2
    visits, found = plan.task(study, plan.blocks(study)[0])[1], np.array(rows)
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / 2
    for k, visit in enumerate(visits):
        heat = 0.0 if visit.beta == COLD else 1 / visit.beta
        m = evaluate("hopfield.overlap", load=0.05, temperature=heat)
        new, old = (0, 1) if visit.presentations else (1, 0)
        assert abs(mean[new, k] - m) < 5 * error[new, k] + 2e-4
        if visit.presentations:
            assert abs(mean[old, k] - 0.6 * m) < 5 * error[old, k] + 2e-3
            energy = evaluate("hopfield.energy", load=0.05, temperature=heat)
            assert abs(mean[2, k] - energy) < 5 * error[2, k] + 1e-4
            assert mean[3, k] > 1 - 1e-6


def test_collapsed_memories_are_not_recalled_although_the_load_is_light():
    """alpha = 0.03 < alpha_c = 0.138, kappa on both sides of kappa_s(12) = 4.6 of theory."""
    end = evaluate("consolidation.kappa_s", memories=12)
    both = [0.75 * end, 3 * end]
    study = make(size=[400], load=[0.03], kappa=both, presentations=[400.0], seed=3)
    for block in plan.blocks(study):
        found, lost = recall.simulate(*plan.task(study, block)), np.arange(4) < 2
        assert (found["retrieved"] == ~lost).all()
        assert (found["collapsed"] == lost).all()
        assert (found["overlap"][~lost] > 0.97).all()


def test_flags_are_those_of_all_chains():
    """A cell is not trustworthy if a chain from an old pattern is not: overlap_old is in it too."""
    study = make(size=[100], presentations=[12.0], sweeps={"thermalise": 0, "measure": 4})
    patterns, visits, lesson = plan.task(study, plan.blocks(study)[0])
    found = recall.simulate(patterns, visits, lesson)["flag"]
    for visit, flag in zip(visits, found.tolist(), strict=True):
        learnt, each = learnt_at(patterns, visit), []
        for xi in (learnt.targets.astype(np.int8), learnt.old.astype(np.int8)):
            network = recall.network_of(patterns, xi, recall.coupled(learnt.matrix))
            (cell,) = hopfield.asked(network, [visit.setting], lesson.asking)
            each.append(int(cell["flag"]))
        assert int(flag) == each[0] | each[1]


def test_numbers_do_not_depend_on_what_else_is_asked():
    study = make(presentations=[0.0, 0.01, 5.0, 30.0])
    patterns, visits, lesson = plan.task(study, plan.blocks(study)[0])
    whole = recall.simulate(patterns, visits, lesson)
    assert list(whole) == [o.name for o in study.described_model.observables]
    back = recall.simulate(patterns, visits[::-1], lesson)
    for k, visit in enumerate(visits):
        for name, values in recall.simulate(patterns, [visit], lesson).items():
            np.testing.assert_array_equal(values, whole[name][k : k + 1], name)
            np.testing.assert_array_equal(back[name][::-1], whole[name], name)
    again = make(temperature=None, beta=[2.0, COLD], cue_noise=[0.3], kappa=[8.0])
    grown = make(temperature=[0.5, 0.1, 0.0], cue_noise=[0.1, 0.3], kappa=[COLD, 8.0])
    few = {(*p, *q): r for p, q, r in rows_of(again)}
    more = {(*p, *q): r for p, q, r in rows_of(grown)}
    assert {key: more[key] for key in few} == few


def rows_of(study: Study):
    """(network, point, values) of every cell; NaN as text, which equals itself."""
    for block in plan.blocks(study):
        patterns, visits, lesson = plan.task(study, block)
        found = recall.simulate(patterns, visits, lesson)
        for k, visit in enumerate(visits):
            yield tuple(patterns.labels.values()), visit, [str(v[k]) for v in found.values()]


MISTAKES = [
    ({"kapa": [1.0]}, "axes.kapa: unknown key", "did you mean kappa?"),
    ({"memories": [3]}, "axes.memories: unknown key", ""), ({"ensemble": "x"}, "ensemble: unknown", ""),
    ({"cue_noise": [1.5]}, "axes.cue_noise[0]: got 1.5; expected a fraction of bits in [0, 1]", ""),
    ({"noise": [1.1]}, "axes.noise[0]: got 1.1; expected a fraction", "for example 0.1"),
    ({"load": [0.1, 0.02]}, "axes.load[1]: got 0.02, which at size 60 is P = 1", "at least 0.025"),
    ({"size": [8193], "load": [0.01]}, "got 0.01 at size 8193; expected a smaller", "at most 8192"),
    ({"size": [8000], "load": [0.1]}, "axes.load[0]: got 0.1 at size 8000", "below 2^21"),
    ({"size": [8000], "load": [0.03], "temperature": [20.0]}, "N × T below 2^17", "use a lower"),
    ({"cues": 4}, "cues: got 4, but axes.load[0] = 0.05 at size 60 stores P = 3", "fewer cues"),
    ({"step": 40.0}, "step: got 40 with a time constant of 20; expected a step below 2 tau", ""),
    ({"size": [2000], "step": 39.0}, "step: got 39 with a time constant of 20", "a step up to tau"),
    ({"tau": 0.4}, "tau: got 0.4; expected greater", ""), ({"kappa": None}, "axes.kappa: missing", ""),
    ({"clamping": "sequence", "sequence": [3]}, "sequence: got [3]; expected numbers in 0 … 2", ""),
    ({"probabilities": [1.0, 1.0]}, "probabilities: got 2 of them for 3 … 6 memories", ""),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected", "advice"), MISTAKES)
def test_a_mistake_gets_one_line(changes, expected, advice):
    with pytest.raises(UserError) as caught:
        make(**changes)
    line = str(caught.value)
    assert (expected in line, advice in line, "\n" in line) == (True, True, False), line


def test_text_of_a_study_reads_back_as_the_same_study(tmp_path):
    path, beta = tmp_path / "learn.yaml", {"temperature": None, "beta": [2.0, COLD]}
    order = {"clamping": "sequence", "sequence": [0, 2, 1]}
    for changes in ({}, {**beta, "kappa": [COLD]}, {"step": 30.0, "dwell": 2}, order):
        path.write_text(make(**changes).to_yaml(), encoding="utf-8")
        assert load_study(path) == make(**changes)


# The store.

GOLDEN = golden.GOLDEN["recall"]
CELLS = 2 * 2 * 2 * 2 * 3


def test_digest_is_golden_however_the_study_is_cut(tmp_path):
    """Cuts, order, workers and shards change nothing; what was there is not computed again."""
    for cut, step in ((None, 1), (3, -1)):
        fill(make(), tmp_path / f"{cut}", plan.blocks(make(), block_cells=cut)[::step])
        assert digest(make(), tmp_path / f"{cut}") == GOLDEN
    fill(make(), tmp_path / "run", plan.blocks(make(), block_cells=3)[:5])
    outcome = run(make(), tmp_path / "run", replace(HERE, workers=2, block_cells=3))
    assert (outcome.found + outcome.computed, outcome.digest) == (CELLS, GOLDEN)
    assert 0 < outcome.found < CELLS
    for k in (1, 0):
        run(make(), tmp_path / "parts", replace(HERE, shard=(k, 2)))
    assert run(make(), tmp_path / "parts", HERE).digest == GOLDEN
    assert verify(make(), tmp_path / "parts", recompute=3).sound


@pytest.mark.parametrize(
    ("changes", "new"),
    [({"seed": 4, "cue_noise": [0.1, 0.0]}, 80), ({"load": [0.05, 0.1, 0.2], "size": [60, 70]}, 96),
     ({"kappa": [3.0, 8.0, 5.0], "noise": [0.2, 0.1]}, 96),
     ({"presentations": [0.0, 1.0, 30.0], "temperature": [0.0, 0.3, 1.0]}, 60)],
)  # fmt: skip
def test_an_axis_grows_and_old_cells_stay(tmp_path, changes, new):
    fill(make(), tmp_path)
    assert fill(make(**changes), tmp_path) == new
    assert digest(make(), tmp_path) == GOLDEN


def test_boundaries_of_recall(tmp_path):
    """Loads and kappa where half is recalled; an infinite kappa is no place between which and another."""
    study = make(size=[200], load=[0.05], kappa=[2.0, 4.0, 9.0, COLD], presentations=[300.0])
    fill(study, tmp_path)
    out = aggregate(open_results(study, tmp_path), study)
    place = out["boundary_kappa"].squeeze()
    assert ((place > 2) & (place < 9)).all()
    assert (out["overlap_old_error"] > 0).all()
    assert {"boundary_load", "boundary_load_old"} <= set(out)


def test_the_command_plans_runs_tells_and_lists(tmp_path, capsys):
    path = tmp_path / "learn.yaml"
    path.write_text(make().to_yaml(), encoding="utf-8")
    planned = said_by(capsys, "plan", path)
    assert (planned["cells"], planned["blocks"]) == (CELLS, 6)
    assert sum(row["proposals"] for row in planned["per_block"]) == planned["proposals"]
    assert planned["proposals"] == make().total_updates()
    run(make(), tmp_path, HERE)
    assert digest(make(), tmp_path) == GOLDEN
    told = said_by(capsys, "status", path, "--results", tmp_path)
    assert (told["cells"], told["missing"]) == ({"total": CELLS, "done": CELLS}, 0)
    (model,) = (row for row in said_by(capsys, "models") if row["name"] == "recall")
    assert [*model["observables"]] == [o.name for o in recall.RECALL_OBSERVABLES]


def test_a_plan_of_years_is_quick():
    long, begun = {"thermalise": 10**6, "measure": 10**6}, time.process_time()
    seconds = estimate.cost(make(size=[500], presentations=[1e9], sweeps=long, seed=1000)).seconds
    assert time.process_time() - begun < 10
    assert seconds > 3600


def test_memory_estimate_bounds_what_a_block_takes():
    short = {"temperature": [0.3], "kappa": [8.0], "presentations": [1.0], "load": [0.1]}
    large = content(size=[2500], **short)
    estimated = study_of(large).memory(2500, 250)
    assert 0.4 * estimated < peak_of(large) < 1.1 * estimated
