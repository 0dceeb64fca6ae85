"""Consolidation, the model: against plain loops over explicit vectors, closed forms, and its theory.

Statistical tests run on fixed numbers; each would condemn a right model with a probability of at most
FALSE_ALARM, divided by the number of its looks (Bonferroni).
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mattis.exact import rng
from mattis.networks.drift import consolidation, memories
from mattis.networks.drift.consolidation import ALL, PRESENTATIONS_AT_ONCE, DriftProtocol, Stage
from mattis.networks.drift.memories import MemoryEnsemble
from mattis.networks.drift.study import ConsolidationStudy
from mattis.study.model import PatternSet
from mattis.theory import consolidation as theory

FALSE_ALARM = 1e-6

exactly = settings(max_examples=60, deadline=None, derandomize=True)


# The plain loop


def shown_first(patterns: PatternSet, stage: Stage, schedule: DriftProtocol, total: int) -> list[int]:
    """The patterns that are shown, one word of the stream each where they are random."""
    count = patterns.patterns
    if schedule.clamping == "cyclic":
        return [t % count for t in range(total)]
    if schedule.clamping == "sequence":
        return [schedule.sequence[t % len(schedule.sequence)] for t in range(total)]
    member = {"beta": stage.beta, "noise": stage.noise, "spread": stage.spread, "tau": stage.tau}
    member |= {"likeness": stage.likeness} if stage.likeness else {}
    stream = rng.stream(patterns.root_seed, "clamping", patterns.labels, member)
    words = np.concatenate(
        [stream.words(PRESENTATIONS_AT_ONCE, k) for k in range(total // PRESENTATIONS_AT_ONCE + 1)]
    )[:total]
    weights = np.exp(stage.spread * np.arange(count) / (count - 1))
    weights = np.array(schedule.probabilities or weights)
    edges = np.rint(weights.cumsum() / weights.sum() * 2.0**32)[:-1]
    return np.searchsorted(edges, words, side="right").tolist()


def weights_of(xi, pattern, beta, similarity):
    """softmax(beta Xi xi'), or softmax(-beta |Xi - xi'|^2/2)."""
    s = xi @ pattern if similarity == "dot" else -((xi - pattern) ** 2).sum(axis=1) / 2
    w = np.exp([beta * x if x < 0 else 0.0 for x in s - s.max()])  # beta may be infinite
    return w / w.sum()


def cosine(a, b):
    """The cosine of each row of a with each row of b."""
    return a @ b.T / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))


def plain(patterns: PatternSet, stage: Stage, schedule: DriftProtocol):
    """Every observable, an array over memories or a number, by vectors and N_v x N_v matrices."""
    drawn = memories.draw(patterns, schedule.ensemble)
    shown = memories.targets(patterns, schedule.ensemble, drawn, stage.noise, stage.likeness)
    count, eta = patterns.patterns, schedule.step / stage.tau
    xi, pavlov = drawn.start.copy(), drawn.start.T @ drawn.start
    total = math.floor(stage.presentations * count + 0.5)
    path = [np.diag(cosine(xi, shown))]
    for k in shown_first(patterns, stage, schedule, total):
        for _ in range(schedule.dwell):
            w = weights_of(xi, shown[k], stage.beta, schedule.similarity)
            xi += eta * w[:, None] * (shown[k] + drawn.bias - xi)
            pavlov += eta / count * (count * np.outer(shown[k], shown[k]) - pavlov)
        path.append(np.diag(cosine(xi, shown)))
    target, near, twins = shown.T @ shown, cosine(xi, shown), cosine(xi, xi)
    np.fill_diagonal(twins, -1)
    p = np.exp(stage.spread * np.arange(count) / (count - 1))
    p = np.array(schedule.probabilities or p)
    if schedule.clamping == "sequence":
        p = np.array([schedule.sequence.count(k) for k in range(count)])
    between = cosine(xi, (p @ shown)[None])[:, 0]
    others = np.where(np.eye(count, dtype=bool), -2, near)
    own, old = path[-1], np.diag(cosine(xi, drawn.old))
    above = np.array(path) >= schedule.reached_above
    after = np.where(above.any(axis=0), above.argmax(axis=0) / count, np.nan)
    found = {
        "similarity": own,
        "similarity_old": old,
        "similarity_best": near.max(axis=0),
        "similarity_other": twins.max(axis=1),
        "length": np.linalg.norm(xi, axis=1) / np.linalg.norm(shown, axis=1),
        "own_weight": np.array(
            [weights_of(xi, v, stage.beta, schedule.similarity)[m] for m, v in enumerate(shown)]
        ),
        "consolidated": (own > np.maximum(between, others.max(axis=1)))
        & (own >= old)
        & (own > schedule.consolidated_above),
        "collapsed": between > near.max(axis=1),
        "merged": twins.max(axis=1) > schedule.merged_above,
        "reached": above.any(axis=0),
        "reached_after": after,
        "hebbian_error": np.linalg.norm(xi.T @ xi - target) / np.linalg.norm(target),
        "pavlovian_error": np.linalg.norm(pavlov - target) / np.linalg.norm(target),
        "flag": 0.0,
    }
    margin = min(
        np.abs(np.array(path) - schedule.reached_above).min(),
        np.abs(own - schedule.consolidated_above).min(),
        np.abs(twins.max(axis=1) - schedule.merged_above).min(),
        np.abs(between - near.max(axis=1)).min(),
        np.abs(own - np.maximum(between, others.max(axis=1))).min(),
        np.inf if stage.noise == 0 else np.abs(own - old).min(),
    )
    return found, margin


def simulated(patterns: PatternSet, stage: Stage, schedule: DriftProtocol):
    """What `simulate` says of each memory, of their mean last: an array of rows by observable."""
    every = [stage._replace(memory=float(m)) for m in range(patterns.patterns)]
    return consolidation.simulate(patterns, [*every, stage._replace(memory=ALL)], schedule)


DECISIONS = ("consolidated", "collapsed", "merged", "reached", "reached_after")


def assert_as_plain(patterns: PatternSet, stage: Stage, schedule: DriftProtocol) -> None:
    """Each observable of each memory, and the mean over them, as the plain loop has it."""
    expected, margin = plain(patterns, stage, schedule)
    found = simulated(patterns, stage, schedule)
    assert set(found) == set(expected) == {o.name for o in consolidation.DRIFT_OBSERVABLES}
    for name, values in expected.items():
        row = np.broadcast_to(np.asarray(values, float), patterns.patterns)
        if name in DECISIONS and margin < 1e-9:
            continue  # a tie: either answer is right
        row, got, atol = np.array([*row, row.mean()]), found[name], 1e-9
        if name.endswith("_error"):  # the root of a difference of products
            row, got, atol = row**2, got**2, 1e-11 * (1 + row.max() ** 2)
        np.testing.assert_allclose(got, row, rtol=1e-9, atol=atol, err_msg=name)


GIVEN = tuple(map(tuple, np.random.default_rng(8).normal(size=(4, 17)).tolist()))
SHOWN = tuple(map(tuple, np.random.default_rng(9).normal(size=(4, 17)).tolist()))

ensembles = st.one_of(
    st.builds(
        MemoryEnsemble,
        st.sampled_from(["random", "orthogonal", "signs", "published"]),
        st.sampled_from(["gaussian", "flips"]),
        st.sampled_from(["old", "other"]),
        st.sampled_from([0.0, 0.5]),
        st.sampled_from(["random", "old"]),
    ),
    st.builds(MemoryEnsemble, st.just("given"), given=st.just(GIVEN), shown=st.sampled_from([(), SHOWN])),
)
schedules = st.builds(
    DriftProtocol,
    ensembles,
    st.sampled_from(["cyclic", "random", "sequence"]),
    st.just((2, 0, 0, 1)),
    st.integers(1, 3),
    st.floats(0.1, 2),
    st.sampled_from(["dot", "distance"]),
    reached_above=st.sampled_from([0.9, 0.99]),
)


@settings(exactly, max_examples=250)
@given(
    schedules, st.integers(3, 6), st.integers(6, 40), st.integers(0, 99),
    st.floats(0, 12), st.floats(0, 1), st.sampled_from([0.0, 1.0, 3.0]), st.floats(1.1, 60),
    st.integers(0, 80),
)  # fmt: skip
def test_simulate_is_the_plain_loop(schedule, count, size, seed, kappa, sigma, spread, tau, shown):
    """A wrong sign, weight, order of patterns, norm, bias, step or definition would show here."""
    if schedule.ensemble.memories == "given":
        count, size = len(GIVEN), len(GIVEN[0])
    if schedule.clamping != "random":
        spread = 0.0
    stage = Stage(kappa / size, sigma, spread, tau, shown / count, ALL)
    assert_as_plain(PatternSet(5, size, count, seed), stage, schedule)


@pytest.mark.parametrize("likeness", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("probabilities", [(), (3.0, 0.0, 1.0, 0.5)])
def test_alike_patterns_and_given_probabilities(likeness, probabilities):
    """Patterns with a common change, and a pattern that is never shown."""
    schedule = DriftProtocol(MemoryEnsemble("orthogonal"), probabilities=probabilities)
    stage = Stage(0.1, 0.8, 0.0, 20.0, 15.0, ALL, likeness)
    assert_as_plain(PatternSet(2, 30, 4, 1), stage, schedule)


def test_two_memories_at_the_mean_of_alike_patterns_are_merged_and_not_consolidated():
    """The mean of two patterns of cosine 0.76 has the cosine 0.94 with each: above the threshold."""
    stage = Stage(0.5 / 10**6 / 5, 2.0, 0.0, 50.0, 1000.0, ALL, 0.95)
    schedule = DriftProtocol(MemoryEnsemble("orthogonal"), clamping="cyclic")
    found = consolidation.simulate(PatternSet(1, 10**6, 2, 0), [stage], schedule)
    assert found["similarity"][0] > 0.93
    states = [found[name][0] for name in ("consolidated", "collapsed", "merged")]
    assert states == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_the_winner_takes_all_at_infinite_beta(similarity):
    """beta may be infinite: no NaN, and the same memories win as in the plain loop."""
    schedule = DriftProtocol(MemoryEnsemble("random", start="other"), similarity=similarity)
    assert_as_plain(PatternSet(1, 40, 6, 0), Stage(math.inf, 0.4, 1.0, 7.0, 9.0, ALL), schedule)


def test_random_order_over_more_than_a_piece_of_the_stream():
    """Patterns come from the word that is theirs also after PIECE of them; few sites, many shows."""
    stage = Stage(0.1, 0.3, 1.0, 300.0, (2 * PRESENTATIONS_AT_ONCE + 5) / 4, ALL)
    assert_as_plain(PatternSet(1, 12, 4, 0), stage, DriftProtocol(MemoryEnsemble("random")))


def test_a_memory_that_vanishes_has_no_cosine():
    """tau = 2 and xi' = -xi: Xi = 0 in one step. NaN, without a warning, and nothing raises."""
    given = MemoryEnsemble("given", given=((1.0, 0.0), (5.0, 0.0)), shown=((-1.0, 0.0), (5.0, 1.0)))
    stages = [Stage(math.inf, 0.0, 0.0, 2.0, 0.5, m) for m in (0.0, 1.0)]
    found = consolidation.simulate(PatternSet(1, 2, 2, 0), stages, DriftProtocol(given, "cyclic"))
    assert found["length"].tolist() == [0.0, 5 / math.sqrt(26)]
    assert np.isnan(found["similarity"]).tolist() == [True, False]
    assert found["consolidated"].tolist() == found["reached"].tolist() == [0.0, 0.0]


# Closed forms


def study(**changes) -> ConsolidationStudy:
    """A study of orthogonal memories, shown in turn."""
    axes = {"size": [100], "memories": [4], "noise": [0.4], "tau": [50.0], "seed": [0]}
    keys = {"name": "model", "ensemble": "orthogonal", "clamping": "cyclic"}
    for name, value in changes.items():
        (keys if name in ConsolidationStudy.model_fields else axes)[name] = value
    return ConsolidationStudy(**keys, axes=axes)


def columns(asked: ConsolidationStudy, *points, seed=0):
    """Columns at points of the grid, at the first size and number of memories."""
    patterns = asked.pattern_set(asked.axes.size[0], asked.axes.memories[0], seed)
    return consolidation.simulate(*asked.task(patterns, points))


FIGURE_1 = {"memories": [4], "size": [50], "beta": [2.0], "tau": [250.0], "ensemble": "published"}


def test_figure_1_of_the_paper():
    """The numbers that the published code prints, to six digits; eq. (40) with norms to 1e-12."""
    shows = [0.0, 0.75, 100.25, 499.5, 500.0]
    asked = study(**FIGURE_1, presentations=shows, memory=[0, 1, 2, 3], seed=[41])
    points = [(2.0, 0.4, 0.0, 250.0, k, m) for k in shows for m in range(4)]
    table = columns(asked, *points, seed=41)["similarity"].reshape(-1, 4)
    np.testing.assert_allclose(table[0], [0.929614, 0.927319, 0.933778, 0.902975], atol=2e-6)
    np.testing.assert_allclose(table[-1], [0.998822, 0.998776, 0.998901, 0.998324], atol=6e-7)
    random = np.random.RandomState(41)
    old = np.linalg.qr(random.randn(4, 50).T)[0].T * math.sqrt(50)
    noise = random.randn(4, 50)
    drawn = memories.draw(asked.pattern_set(50, 4, 41), asked.memory_ensemble)
    old *= np.sign((old * drawn.old).sum(axis=1, keepdims=True))  # QR leaves the signs open
    np.testing.assert_allclose(drawn.old, old, atol=1e-13)
    assert_one_hot(table, old, old + 0.4 * noise, shows, 250.0)


def assert_one_hot(table, old, shown, shows, tau):
    """The similarity of memory mu after t patterns in turn: shown ⌊(t - mu - 1)/N_h⌋ + 1 times."""
    count = len(old)
    overlaps = np.diag(cosine(old, shown)).tolist()
    norms = (np.linalg.norm(shown, axis=1) / np.linalg.norm(old, axis=1)).tolist()
    for k, row in zip(shows, table, strict=True):
        times = [max((round(k * count) - mu - 1) // count + 1, 0) for mu in range(count)]
        expected = map(theory.similarity, times, [tau] * count, overlaps, norms)
        np.testing.assert_allclose(row, list(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("ensemble", ["random", "orthogonal", "signs"])
@pytest.mark.parametrize("size", [200, 5000, 10**9])
def test_the_closed_form_at_other_sizes(ensemble, size):
    """One memory takes all at large kappa, in a billion neurons too; the law knows their products."""
    size = size if ensemble != "signs" else min(size, 5000)
    asked = study(ensemble=ensemble, size=[size], kappa=[300.0], presentations=[0.0], tau=[20.0])
    shows, patterns = [0.25, 1.0, 7.5, 60.0], asked.pattern_set(size, 4, 0)
    every = [Stage(300.0 / (1.16 * size), 0.4, 0, 20.0, k, m) for k in shows for m in range(4)]
    table = consolidation.simulate(patterns, every, asked.protocol)["similarity"].reshape(-1, 4)
    drawn = memories.draw(patterns, asked.memory_ensemble)
    assert_one_hot(table, drawn.old, drawn.old + 0.4 * drawn.noise, shows, 20.0)


def test_random_clamping_has_the_law_of_the_theory_and_a_wrong_one_is_rejected():
    """z over 400 seeds of each of four memories, |z| < 5.2: FALSE_ALARM over four looks, two sides.

    Each seed has its own overlap, norm, mean and deviation. Frequencies wrong by a tenth are rejected.
    """
    tau, shows, spread, seeds = 60.0, 50.0, 1.0, 400
    p = memories.frequencies(4, spread)
    np.testing.assert_allclose(p[1:] / p[:-1], math.exp(spread / 3))
    ensemble, size = MemoryEnsemble("orthogonal"), 10**6
    gaps = np.empty((2, seeds, 4, 2))  # with the right frequencies, and with wrong ones
    for seed in range(seeds):
        patterns = PatternSet(1, size, 4, seed)
        at = [Stage(80.0 / (1.16 * size), 0.4, spread, tau, shows, m) for m in range(4)]
        found = consolidation.simulate(patterns, at, DriftProtocol(ensemble))["similarity"]
        drawn = memories.draw(patterns, ensemble)
        shown = drawn.old + 0.4 * drawn.noise
        overlap = np.diag(cosine(drawn.old, shown))
        ratio = np.linalg.norm(shown, axis=1) / math.sqrt(size)
        for m in range(4):
            for k, wrong in enumerate((1.0, 1.1)):
                law = (4 * shows, p[m] * wrong, tau, overlap[m], ratio[m])
                gaps[k, seed, m] = (found[m] - theory.similarity_mean(*law), theory.similarity_sd(*law))
    z = gaps[..., 0].sum(axis=1) / np.sqrt((gaps[..., 1] ** 2).sum(axis=1))
    print("z of the mean", z[0], "with wrong frequencies", z[1])
    bound = stats.norm.isf(FALSE_ALARM / 8)
    assert np.abs(z[0]).max() < bound
    assert np.abs(z[1]).min() > bound
    spread_of = (gaps[0, ..., 0] ** 2).sum(axis=0) / (gaps[0, ..., 1] ** 2).sum(axis=0)
    print("variance over its theory", spread_of)
    assert np.abs(spread_of - 1).max() < 5.2 * math.sqrt(5 / seeds)  # kurtosis below 6


@pytest.mark.parametrize("size", [10**6, 10**9])
@pytest.mark.parametrize("count", [4, 8])
@pytest.mark.parametrize("ratio", [0.5, 0.88, 1.12, 1.6])
def test_memories_collapse_below_kappa_s_and_end_on_the_cosine_of_the_theory(count, ratio, size):
    """Within 1e-3 for |kappa/kappa_s - 1| > 0.1, slow memories, shown in turn: a first-order jump."""
    kappa, tau = ratio * theory.kappa_s(count), 2000.0
    shows = 40 * tau
    asked = study(size=[size], memories=[count], kappa=[kappa], presentations=[shows], tau=[tau])
    found = columns(asked, (kappa, 0.4, 0.0, tau, shows))
    assert found["similarity"][0] == pytest.approx(theory.cosine(count, kappa), abs=1e-3)
    lost = float(ratio < 1)
    assert (found["collapsed"][0], found["merged"][0], found["consolidated"][0]) == (lost, lost, 1 - lost)


def test_kappa_is_beta_times_size_times_the_square_norm():
    """A grid in kappa and one in the same beta give the same numbers, bit for bit; flips have rho = 1."""
    for changes, rho in (({}, 1.16), ({"targets": "flips", "ensemble": "signs"}, 1.0)):
        beta = 3.7 / (100 * (1 + 0.4 * 0.4 if rho > 1 else 1.0))
        assert beta == pytest.approx(3.7 / (100 * rho), rel=1e-15)
        by_kappa = columns(study(kappa=[3.7], presentations=[9.0], clamping="random", **changes),
                           (3.7, 0.4, 0.0, 50.0, 9.0))  # fmt: skip
        by_beta = columns(study(beta=[beta], presentations=[9.0], clamping="random", **changes),
                          (beta, 0.4, 0.0, 50.0, 9.0))  # fmt: skip
        for name, values in by_kappa.items():
            assert values.tobytes() == by_beta[name].tobytes(), name


# What is asked for beside it changes no number


GRID = [
    Stage(beta, sigma, spread, tau, k, m)
    for beta in (0.02, math.inf) for sigma in (0.0, 0.4) for spread in (0.0, 2.0)
    for tau in (9.0, 30.0) for k in (0.0, 0.4, 3.0, 3.2) for m in (ALL, 0.0, 4.0)
]  # fmt: skip
WHOLE = {}


@settings(exactly, max_examples=25)
@given(st.lists(st.sampled_from(range(len(GRID))), min_size=1, max_size=12), st.booleans())
def test_numbers_do_not_depend_on_what_else_is_asked_for(places, by_site):
    """A block cut in any way, in any order, with points twice: the same bits as in the whole grid."""
    ensemble = MemoryEnsemble("signs", "flips") if by_site else MemoryEnsemble("random", bias=0.3)
    patterns, schedule = PatternSet(3, 30, 5, 1), DriftProtocol(ensemble)
    if by_site not in WHOLE:
        WHOLE[by_site] = consolidation.simulate(patterns, GRID, schedule)
    part = consolidation.simulate(patterns, [GRID[k] for k in places], schedule)
    for name, values in part.items():
        assert values.tobytes() == WHOLE[by_site][name][places].tobytes(), name


def test_the_order_of_patterns_is_of_the_trajectory_and_of_nothing_else():
    """Different beta, noise, spread, tau or seed: another order; thresholds and memories: the same."""
    patterns, schedule = PatternSet(3, 30, 5, 1), DriftProtocol(MemoryEnsemble())
    stage = Stage(0.1, 0.4, 0.0, 30.0, 10.0, ALL)

    def order(patterns=patterns, schedule=schedule, **changes):
        asked = stage._replace(**changes)
        return np.concatenate(list(consolidation.order_of(patterns, asked, schedule, 0, 50))).tolist()

    for same in ({"memory": 2.0}, {"presentations": 99.0}):
        assert order(**same) == order()
    assert order(schedule=replace(schedule, dwell=3, merged_above=0.5)) == order()
    others = [order(**{name: 0.7}) for name in ("beta", "noise", "spread", "tau")]
    others += [order(replace(patterns, **{name: 2})) for name in ("root_seed", "size", "seed")]
    assert order() not in others
    assert len({*map(tuple, others)}) == len(others)
