"""The family of binary networks: the same chains as the kernels in lanes, what is asked, and its mistakes."""

import json
from itertools import combinations
from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest
from builders import EVERY_STUDY, columns_of, fill, of_family
from builders import make_of_family as make
from references import same_columns
from scipy.stats import norm

from mattis.cli.command import guarded, verbs
from mattis.engine.status import open_results
from mattis.errors import UserError
from mattis.exact.patterns import noisy_cue
from mattis.networks.binary import family, questions
from mattis.networks.binary.axes import AXIS_RULES, code_of
from mattis.networks.binary.couplings import RULES
from mattis.networks.binary.matrix_network import MatrixNetwork
from mattis.networks.binary.models import BINARY_DEFAULTS
from mattis.networks.binary.questions import Visit, winner
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import MODELS, load_study
from mattis.statistics.estimates import aggregate
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import PatternSet
from mattis.theory import QUANTITIES, evaluate


def columns(study: Study, seed: int = 0) -> dict[str, np.ndarray]:
    """All cells of one pattern set, of the largest load."""
    block = [b for b in plan.blocks(study) if b.seed == seed][-1]
    return columns_of(study, block)


def circuit_of(patterns: PatternSet, study: BinaryStudy) -> MatrixNetwork:
    return family.circuit(patterns, family.draw(patterns, study.ensemble), study.protocol)


@pytest.mark.parametrize("update", ["asynchronous", "synchronous"])
def test_balanced_thresholds_make_zero_one_neurons_signs(update):
    """With U_i = 1/2 sum_j J_ij, flip by flip; their temperature counts four times."""
    signs = columns(make(dynamics=update, temperature=[0.0, 0.8], noise_sharing="common"))
    balanced = {"update": update, "neurons": "zero_one", "threshold": "balanced"}
    half = columns(make(dynamics=balanced, temperature=[0.0, 0.2], noise_sharing="common"))
    names = ("overlap", "flip_fraction", "edwards_anderson", "sweeps_used", "overlap_other")
    same_columns([half], [signs], *names)


def test_zero_one_neurons_are_hopfields_own():
    """V_i = 1 where sum_j T_ij V_j > U, else 0, unless they are equal; site by site, in V itself."""
    small = 9
    study = make(model="zero_one", size=[small], load=None, memories=[3], temperature=[0.0], noise=[0.2],
                 dynamics={"threshold": 0.1}, sweeps={"thermalise": 0, "measure": 6})  # fmt: skip
    assert isinstance(study, BinaryStudy)
    network = circuit_of(PatternSet(1, small, 3, 0), study)
    xi = network.stored.xi.astype(int)
    couplings = xi.T @ xi - 3 * np.eye(small, dtype=int)
    state, energies = (network.network.cue(0, 0.2) + 1) // 2, []
    state = state.astype(int)
    threshold = round(0.1 * small)
    for _ in range(6):
        for i in range(small):
            field = couplings[i] @ state - threshold
            state[i] = state[i] if field == 0 else int(field > 0)
        energies.append((-state @ couplings @ state / 2 + threshold * state.sum()) / small**2)
    found = columns(study)
    assert found["energy"][0] == pytest.approx(np.mean(energies), abs=1e-12)


def test_every_cell_of_a_ramp_is_its_own():
    """Asking for fewer temperatures changes none of them."""
    ramp = {"name": "hysteresis", "step": 0.1, "top": 0.5}
    every = columns(make(question=ramp, temperature=[0.0, 0.2, 0.3, 0.5], noise=[0.0], load=[0.1]))
    few = columns(make(question=ramp, temperature=[0.3], noise=[0.0], load=[0.1]))
    for name, values in few.items():
        np.testing.assert_array_equal(values, every[name][2:3], err_msg=name)
    assert every["overlap"][0] == 1.0


def test_the_oldest_pattern_is_asked_for_by_age_or_by_itself():
    one = columns(make(model="palimpsest", age=[6], cues=1, load=[0.1]))
    other = columns(make(model="palimpsest", cues=1, load=[0.1]))
    np.testing.assert_array_equal(one["overlap"], other["overlap"])


def test_familiarity_counts_the_neurons_that_want_to_flip():
    """Q(sqrt(N/(n-1))) of ±1, Q(sqrt(N/(2(n-1)))) of 0/1 neurons; 1/2 of a new pattern: within 5 sigma."""
    for model, inside in (("hopfield", 1), ("zero_one", 2)):
        study = make(model=model, question="familiarity", size=[100], load=None, memories=[40],
                     temperature=[0.0], noise=[0.0], seed=200, cues=5)  # fmt: skip
        rows = [columns(study, seed) for seed in range(200)]
        for name, expected in (("flip_rate", norm.sf(sqrt(100 / (inside * 39)))), ("flip_rate_new", 0.5)):
            values = np.array([row[name][0] for row in rows])
            assert abs(values.mean() - expected) < 5 * values.std() / sqrt(200) + 0.004


@pytest.mark.parametrize(
    ("old", "new", "recognised", "stable"),
    [(0.1, 0.3, 1, 0), (0.3, 0.1, 0, 0), (0.2, 0.2, 0.5, 0), (0.0, 0.2, 1, 1), (0.2, 0.0, 0, 0)],
)
def test_fewer_flips_are_familiar_and_ties_count_half(monkeypatch, old, new, recognised, stable):
    rates = iter([old, new])
    monkeypatch.setattr(questions, "flip_rate", lambda _circuit, _state: next(rates))
    study = make(question="familiarity", load=[0.05], temperature=[0.0], noise=[0.0], seed=1)
    found = columns(study)
    assert (found["flip_rate"], found["flip_rate_new"]) == (old, new)
    assert (found["recognised"], found["stable"]) == (recognised, stable)


def test_old_and_new_cue_are_flipped_at_sites_of_their_own(monkeypatch):
    """Of 200 flips among 400 sites each, independent sets share 100 ± 5: 50 … 150 is 10 sigma."""
    new: list[tuple[np.ndarray, np.ndarray]] = []

    def recorded(pattern, noise, stream):
        new.append((pattern, noisy_cue(pattern, noise, stream)))
        return new[-1][1]

    monkeypatch.setattr(questions, "noisy_cue", recorded)
    study = make(
        question="familiarity", size=[400], load=[0.05], temperature=[0.0], noise=[0.5], cues=3, seed=1
    )
    columns(study)
    assert isinstance(study, BinaryStudy)
    network = circuit_of(PatternSet(1, 400, 20, 0), study).network
    flips = [network.cue(cue, 0.5) != network.xi[cue] for cue in range(3)]
    flips += [pattern != cue for pattern, cue in new]
    assert [int(each.sum()) for each in flips] == [200] * 6
    for one, other in combinations(flips, 2):
        assert 50 < (one & other).sum() < 150


def test_an_ambiguous_cue_goes_to_either_pattern_by_symmetry():
    """At noise 1/2 both are as good: the difference of the fractions over 160 cues is within 5 sigma of 0."""
    study = make(question="ambiguous", size=[100], temperature=[0.0], noise=[0.0, 0.5, 1.0], load=[0.05],
                 seed=40, cues=4)  # fmt: skip
    rows = [columns(study, seed) for seed in range(40)]
    first, second = (np.array([r[n] for r in rows]) for n in ("retrieved", "chose_second"))
    assert [first[:, 0].mean(), second[:, 2].mean()] == [1, 1]
    assert [second[:, 0].mean(), first[:, 2].mean()] == [0, 0]
    assert abs((first - second)[:, 1].mean()) < 5 / sqrt(160)


@pytest.mark.parametrize(
    ("first", "second", "won"),
    [
        (0.9, 0.2, [1, 0, 0]),
        (0.2, 0.9, [0, 1, 0]),
        (0.9, 0.95, [0, 1, 0]),  # both are near: the nearer one
        (0.95, 0.9, [1, 0, 0]),
        (0.5, 0.5, [0, 0, 1]),  # a mixture of three
        (0.84, 0.1, [0, 0, 1]),
        (0.85, 0.1, [0, 0, 1]),  # above, not at
        (0.9, 0.9, [0, 0, 1]),  # as near to one as to the other
        (-0.9, 0.1, [0, 0, 1]),
    ],
)
def test_the_largest_overlap_wins_above_the_threshold(first, second, won):
    assert list(winner(first, second, 0.85).values()) == won


def test_what_an_ambiguous_cue_comes_to_is_one_of_three():
    """Half and half, N = 100, P = 5: mixtures of three at m = 1/2 count as neither, never as both."""
    study = make(question="ambiguous", size=[100], temperature=[0.0], noise=[0.5], load=[0.05], seed=150,
                 sweeps={"thermalise": 40, "measure": 2})  # fmt: skip
    rows = [columns(study, seed) for seed in range(150)]
    names = ("retrieved", "chose_second", "chose_neither")
    shares = np.array([[row[name][0] for name in names] for row in rows])
    assert (np.sort(shares, axis=1) == [0, 0, 1]).all()
    overlaps = np.array([[row[name][0] for name in ("overlap", "overlap_second")] for row in rows])
    mixed = (overlaps.max(axis=1) > 0.4) & (overlaps.max(axis=1) <= 0.85)
    assert mixed.any()
    assert (shares[mixed, 2] == 1).all()


def test_who_wins_is_told_by_the_threshold_of_the_question():
    """At T = 0.6 no overlap is above 0.999: every cue comes to neither; above 0.001 none does."""
    axes = {"question": "ambiguous", "size": [100], "temperature": [0.6], "noise": [0.2], "load": [0.05],
            "seed": 1}  # fmt: skip
    for above, neither in ((0.999, 1), (0.001, 0)):
        question = {"name": "ambiguous", "chosen_above": above}
        assert columns(make(**{**axes, "question": question}))["chose_neither"][0] == neither


def test_mixtures_of_three_stay_when_it_is_cold_and_leave_when_it_is_warm():
    """T*(3) = 0.4598: with N = 4000 they stay at 0.3 and leave at 0.55 (catalogue 3.9)."""
    study = make(question="mixture", mixture=[1, 3], size=[4000], load=None, memories=[3],
                 temperature=[0.3, 0.55], noise=[0.0],
                 sweeps={"thermalise": 150, "measure": 50})  # fmt: skip
    found = {name: values.reshape(2, 2) for name, values in columns(study).items()}
    assert found["stays"].tolist() == [[1, 1], [1, 0]]
    expected = evaluate("mixture.overlap", n=3, temperature=0.3)
    assert found["overlap_mixed"][1, 0] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("left", "stays"), [((0.6, 0.6, 0.6), 1), ((0.4, 0.9, 0.9), 0), ((0.4, 0.4, 0.4), 0)]
)
def test_a_mixture_stays_while_every_overlap_is_above_half_of_its_first(monkeypatch, left, stays):
    study = make(question="mixture", mixture=[3], load=[0.1], temperature=[0.0], noise=[0.0])
    assert isinstance(study, BinaryStudy)
    circuit = circuit_of(PatternSet(1, 60, 6, 0), study)
    monkeypatch.setattr(questions, "looked", lambda *_: {})
    part = questions.mixture(circuit, Visit("hebb", 0, 3, np.inf, 0.0), 0, study.protocol)
    before = circuit.stored.xi[:3].astype(int) @ next(part).start
    overlaps = np.repeat((before * left)[:, None], study.protocol.asking.sweeps, axis=1)
    with pytest.raises(StopIteration) as end:
        part.send(SimpleNamespace(overlaps=overlaps))
    assert end.value.value["stays"] == stays
    assert end.value.value["overlap_mixed"] == pytest.approx((before * left).mean() / 60)


def test_a_sequence_moves_on_all_at_once():
    """Pure asymmetric couplings: one pattern per sweep, and the overlap with the one that is due."""
    study = make(model="sequence", size=[400], load=None, memories=[5], temperature=[0.0], noise=[0.1],
                 question="transitions")  # fmt: skip
    found = columns(study)  # 8 warm sweeps are no part of the 40 that are measured
    assert found["transition_time"].tolist() == found["transition_rate"].tolist() == [1.0]
    assert columns(make(model="sequence", size=[400], load=[0.05], noise=[0.1]))["overlap"][0] > 0.99


def test_transitions_count_how_far_they_lead():
    """Purely asymmetric couplings, one site after the other: some two patterns per sweep."""
    study = make(model="sequence", size=[1000], load=None, memories=[10], temperature=[0.0], noise=[0.0],
                 question="transitions", dynamics="asynchronous", seed=4)  # fmt: skip
    rates = [columns(study, seed)["transition_rate"][0] for seed in range(4)]
    assert 1.5 < np.mean(rates) < 2.5


def test_steps_back_count_as_steps_back(monkeypatch):
    """The nearest of five patterns is 0, then 4, then 3: two back in 40 sweeps, not eight forward."""
    study = make(model="sequence", load=None, memories=[5], temperature=[0.0], noise=[0.0],
                 question="transitions")  # fmt: skip
    assert isinstance(study, BinaryStudy)
    circuit = circuit_of(PatternSet(1, 60, 5, 0), study)
    for name in ("standard", "replace"):
        monkeypatch.setattr(questions, name, lambda *_, **__: {})
    visit = Visit("sequence", 0, 1, np.inf, 0.0)
    part = questions.transitions(circuit, visit, 0, study.protocol)
    next(part)
    nearest = np.repeat([0, 4, 3], [10, 10, 28])
    with pytest.raises(StopIteration) as end:
        part.send(SimpleNamespace(overlaps=np.eye(5)[nearest].T * 60))
    assert end.value.value["transition_rate"] == -2 / 40
    assert np.isnan(end.value.value["transition_time"])


def test_a_weak_call_of_the_next_pattern_moves_nothing_one_site_after_the_other():
    """Catalogue H13: with strength below 1 beside Hebb's couplings a network stays, above it leaves."""
    for strength, moves in ((0.5, False), (1.5, True)):
        study = make(model="sequence", size=[400], load=None, memories=[5], temperature=[0.0], noise=[0.0],
                     question="transitions", dynamics="asynchronous",
                     couplings={"strength": strength, "hebbian": 1.0})  # fmt: skip
        found = columns(study)
        assert found["overlap"][0] < 0.6 if moves else found["overlap"][0] == 1
        assert moves or found["overlap_nearest"][0] == 1


def test_thresholds_are_as_large_as_they_are():
    """A random axis in units of 1/65536: a threshold of 16 is beyond 32 bits and still pushes down."""
    study = make(model="random_axis", size=[2100], load=None, memories=[2], temperature=[0.0], noise=[0.0],
                 dynamics={"threshold": 16.0}, seed=1)  # fmt: skip
    assert isinstance(study, BinaryStudy)
    circuit = circuit_of(PatternSet(1, 2100, 2, 0), study)
    up = np.ones(2100, np.int8)
    fields = circuit.fields(up)
    assert fields.dtype == np.int64
    assert (fields == circuit.made.nj.sum(axis=1, dtype=np.int64) - 16 * 2100 * 65536).all()
    assert (fields < -(2**31)).all()


@pytest.mark.slow
def test_a_chain_with_fields_of_64_bits_is_pushed_down():
    """What no other chain compiles: of the same network, whose spins stay down."""
    study = make(model="random_axis", size=[2100], load=None, memories=[2], temperature=[0.0], noise=[0.0],
                 dynamics={"threshold": 16.0}, seed=1)  # fmt: skip
    assert columns(study)["flip_fraction"][0] == 0


def test_few_bonds_are_few_unless_a_study_says_how_many():
    assert make(model="dilute").protocol.rule["connectivity"] == 0.01
    assert make(model="dilute", couplings="dilution").protocol.rule["connectivity"] == 0.01
    assert make(model="dilute", couplings={"connectivity": 0.5}).protocol.rule["connectivity"] == 0.5
    assert make(model="dilution").protocol.rule["connectivity"] == 0.5


def test_two_cycles_are_found_with_a_zero_diagonal_and_never_with_it_kept():
    """Catalogue E5: random starts; positive semidefinite couplings end in fixed points."""
    given = {"temperature": [0.0], "noise": [0.5], "size": [200], "load": [0.2], "cues": 20,
             "sweeps": {"thermalise": 200, "measure": 20}}  # fmt: skip
    zero = columns(make(model="little", **given))
    again = columns(make(model="little", dynamics={"diagonal": "zero"}, **given))
    kept = columns(make(model="little", dynamics={"diagonal": "kept"}, **given))
    assert zero["two_cycle"][0] > 0.1
    assert zero["two_cycle"] == again["two_cycle"]
    assert zero["cycle_flips"] == again["cycle_flips"]
    assert zero["cycle_flips"][0] < 0.02
    assert kept["two_cycle"][0] == 0


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_every_study_of_the_folder_reads_and_writes_the_same(path, tmp_path):
    study = load_study(path)
    assert study.name == path.stem
    copy = tmp_path / path.name
    copy.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(copy).physics() == study.physics()


def test_every_member_is_in_the_table_with_theory_that_exists():
    assert set(BINARY_DEFAULTS) <= set(MODELS)
    for model in MODELS.values():
        assert set(model.theory) <= set(QUANTITIES), model.name


def test_rules_keep_their_numbers_on_the_axis():
    """Stores hold them: a new rule comes last."""
    known = [
        "hebb", "clipped", "dead_zone", "dilution", "asymmetric_dilution", "sequence", "palimpsest",
        "marginalist", "pseudo_inverse", "weighted", "sherrington_kirkpatrick", "van_hemmen",
    ]  # fmt: skip
    assert [*AXIS_RULES] == known
    assert [*RULES.built_in][: len(known)] == known
    assert [code_of(rule) for rule in known] == list(range(len(known)))


def test_rules_are_compared_in_one_cube(tmp_path):
    """A rule beside others gives the numbers that it gives alone; the store takes further rules."""
    rules = ["hebb", "clipped", "palimpsest"]
    study = make(couplings_axis=rules)
    fill(study, tmp_path)
    cells = open_results(study, tmp_path)
    assert bool(cells["valid"].all())
    assert cells["overlap"].dims[2] == "couplings"
    alone = columns(make(couplings="clipped", seed=1))
    np.testing.assert_array_equal(
        cells["overlap"].sel(load=0.1, couplings=code_of("clipped"), seed=0).values.ravel(), alone["overlap"]
    )
    more = make(couplings_axis=[*rules, "sequence"], seed=3)
    assert fill(more, tmp_path) == 2 * 4 * (4 * 3 - 3 * 2)
    assert verify(more, tmp_path, recompute=2).sound
    estimates = aggregate(open_results(more, tmp_path), more)
    assert estimates.sizes["couplings"] == 4


def mistake(**changes) -> str:
    with pytest.raises(UserError) as error:
        make(**changes)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"couplings": "clippd"}, ["couplings.rule", "clippd", "clipped"]),
        ({"couplings_axis": ["hebb", "clippd"]}, ["axes.couplings[1]", "clippd", "clipped"]),
        ({"couplings_axis": ["hebb", "hebb"]}, ["axes.couplings[1]", "distinct"]),
        ({"couplings": {"rule": "clipped", "threshold": 0.5}}, ["couplings.threshold", "clipped", "remove"]),
        ({"couplings": {"rule": "dilution", "connectivity": 0.0}}, ["couplings.connectivity", "0.0"]),
        ({"couplings": {"rulle": "clipped"}}, ["couplings.rulle", "rule"]),
        ({"patterns": {"ensemble": "biased", "activity": 1.0}}, ["patterns.activity", "1.0"]),
        ({"patterns": {"ensemble": "biased", "likeness": 0.25}}, ["patterns.likeness", "remove"]),
        ({"couplings": 5}, ["couplings", "clipped"]),
        ({"couplings": {"rule": "sequence", "strength": 0.0123}}, ["3 decimals", "0.012"]),
        ({"patterns": {"ensemble": "biased", "activity": 0.123}}, ["multiple of 0.005", "0.125"]),
        ({"patterns": "biased", "couplings": "sequence", "dynamics": "synchronous"}, ["patterns.ensemble"]),
        ({"dynamics": {"threshold": float("nan")}}, ["dynamics.threshold", "balanced"]),
        ({"dynamics": {"threshold": "foo"}}, ["dynamics.threshold", "foo", "balanced"]),
        ({"patterns": "orthogonal"}, ["axes.load", "power of 2"]),
        ({"patterns": {"file": "nowhere.npy"}}, ["nowhere.npy"]),
        ({"patterns": {"file": ""}}, ["patterns.file"]),
        ({"patterns": "biased", "couplings": "palimpsest"}, ["patterns.ensemble", "palimpsest"]),
        ({"dynamics": {"threshold": "balanced"}}, ["dynamics.threshold", "zero_one"]),
        ({"dynamics": "synchronous", "update_order": "random"}, ["update_order", "remove"]),
        ({"question": "recal"}, ["question.name", "recal"]),
        ({"question": "mixture"}, ["axes.mixture", "[1, 3, 5]"]),
        ({"mixture": [3]}, ["axes.mixture", "question: mixture"]),
        ({"question": "mixture", "mixture": [2]}, ["axes.mixture[0]", "odd"]),
        ({"question": "mixture", "mixture": [5]}, ["axes.load", "at least 5"]),
        ({"question": "transitions"}, ["question", "sequence"]),
        ({"question": "survival", "model": "sequence"}, ["question.name", "asynchronous"]),
        ({"couplings": {"rule": "palimpsest", "bound": 0.01}}, ["couplings.bound", "0.01"]),
        ({"question": "ambiguous", "retrieved_above": 0.7}, ["retrieved_above", "chosen_above: 0.7"]),
        ({"retrieved_above": "halfway"}, ["retrieved_above", "or the word half_way"]),
        ({"retrieved_above": "half_way", "temperature": [0.0]}, ["noise 0 and", "larger noise"]),
        ({"retrieved_above": "half_way", "temperature": [1.5], "noise": [0.3]}, ["m = 0", "a number"]),
        ({"retrieved_above": "half_way", "noise": [0.3], "model": "dilute"}, ["temperature 0 with asym"]),
        ({"retrieved_above": "half_way", "question": "survival"}, ["where recall ends", "0.5"]),
        ({"question": {"name": "ambiguous", "chosen_above": 1.0}}, ["question.chosen_above", "less than 1"]),
        ({"question": {"name": "recall", "chosen_above": 0.7}}, ["question.chosen_above", "remove"]),
        ({"question": "hysteresis", "temperature": [0.25]}, ["axes.temperature[0]", "multiple"]),
        ({"question": {"name": "recall", "step": 0.2}}, ["question.step", "remove"]),
        ({"age": [7], "cues": 1, "couplings": "palimpsest"}, ["axes.load", "at least 7"]),
        ({"age": [1], "cues": 2}, ["cues", "age"]),
        ({"load": None, "couplings": "hebb"}, ["axes.memories", "load"]),
        ({"memories": [3]}, ["axes.memories", "both"]),
        ({"model": "van_hemmen"}, ["axes.load", "2"]),
        ({"model": "weighted"}, ["axes.load", "weights"]),
        ({"model": "gaussian", "size": [200000], "temperature": [300.0], "load": [0.001]}, ["axes."]),
    ],
)
def test_a_mistake_is_one_line_with_place_and_remedy(changes, said):
    line = mistake(**changes)
    for words in said:
        assert words in line, line


def test_patterns_of_a_file_travel_with_the_study(tmp_path):
    """Read once: the study as stored needs the file no more, and a changed file is another physics."""
    rows = np.sign(np.random.default_rng(3).standard_normal((4, 60))).astype(np.int8)
    np.save(tmp_path / "rows.npy", rows)
    path = tmp_path / "some.yaml"
    given = of_family(patterns={"file": "rows.npy"}, load=None, memories=[4], temperature=[0.0], noise=[0.0])
    path.write_text(json.dumps(given), encoding="utf-8")
    study = load_study(path)
    assert isinstance(study, BinaryStudy)
    made = circuit_of(PatternSet(1, 60, 4, 0), study)
    np.testing.assert_array_equal(made.stored.xi, rows)
    np.save(tmp_path / "rows.npy", -rows[::-1])
    assert load_study(path).physics() != study.physics()
    (tmp_path / "rows.npy").unlink()
    copy = tmp_path / "copy.yaml"
    copy.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(copy).physics() == study.physics()


def test_a_network_too_large_for_the_machine_is_refused_by_plan_and_run(tmp_path, capsys):
    """N² couplings of a million neurons: one line, nothing written."""
    path = tmp_path / "some.yaml"
    path.write_text(
        json.dumps(of_family(size=[1000000], load=[0.001], couplings="clipped")), encoding="utf-8"
    )
    for verb in ("plan", "run"):
        words = [verb, str(path)]
        assert guarded(lambda words=words: verbs.main(words, standalone_mode=False)) == 2
        line = capsys.readouterr().err
        assert "GiB" in line
        assert "smaller size" in line
        assert line.count("\n") == 1


def test_the_settings_of_a_study_are_its_physics():
    """A default spelled out is the same physics; another one is not."""
    plain = make(question="recall")
    assert make(couplings="hebb", patterns="random", dynamics="asynchronous").physics() == plain.physics()
    assert make(couplings="clipped").physics() != plain.physics()
