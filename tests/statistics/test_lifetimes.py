"""Rates and curves of times that are cut off: by hand, by other formulas, and on synthetic lives."""

import math

import numpy as np
import pytest
from builders import columns_of, fill, make_of_family, make_study
from scipy.stats import chi2, norm

from mattis.engine.status import open_results
from mattis.networks.binary import family
from mattis.networks.registry import study_of
from mattis.statistics.estimates import aggregate
from mattis.statistics.lifetimes import (
    CONFIDENCE,
    MOSTLY_CENSORED,
    escape_rate,
    kaplan_meier,
    poisson_limits,
    rate_of,
)
from mattis.store import cube
from mattis.study import plan


def test_limits_of_a_number_are_those_of_garwood():
    """By chi², and the values of tables: 0 → (0, 3.69), 10 → (4.80, 18.39)."""
    counts, tail = np.arange(40), (1 - CONFIDENCE) / 2
    low, high = poisson_limits(counts)
    np.testing.assert_allclose(low[1:], chi2.ppf(tail, 2 * counts[1:]) / 2, rtol=1e-12)
    np.testing.assert_allclose(high, chi2.ppf(1 - tail, 2 * counts + 2) / 2, rtol=1e-12)
    assert low[0] == 0
    assert high[0] == pytest.approx(3.689, abs=1e-3)
    assert (low[10], high[10]) == pytest.approx((4.795, 18.390), abs=1e-3)
    assert np.isnan(poisson_limits([np.nan])).all()


def test_a_rate_is_deaths_over_all_the_time_that_was_lived():
    """Two died after 3 and 5 sweeps, two outlived 10: 2/28, where the mean of the times says 1/7."""
    rate, low, high = escape_rate([3, 10, 5, 10], [True, False, True, False])
    assert rate == 2 / 28
    assert (low, high) == pytest.approx((0.24221 / 28, 7.22469 / 28), rel=1e-5)


def test_where_nothing_died_the_rate_has_an_upper_limit_only():
    assert escape_rate([10, 10], [False, False]) == pytest.approx((0, 0, -math.log(0.025) / 20))


def test_without_time_nothing_is_known():
    assert np.isnan(rate_of(0, 0)).all()
    assert np.isnan(escape_rate([], [])).all()


@pytest.mark.parametrize(("times", "died"), [([0.0], [True]), ([-1.0], [True]), ([1.0, 2.0], [True])])
def test_what_are_no_times_is_refused(times, died):
    for function in (escape_rate, kaplan_meier):
        with pytest.raises(ValueError, match="times"):
            function(times, died)


def test_the_rate_is_that_of_lives_of_which_most_are_cut_off():
    """1000 experiments of 40 lives of rate 1/5000, cut off at 500: their mean is within 5 sigma of it.

    The limits hold in at least 95 % of them, less 5 sigma of that share: false alarms below 1e-6.
    """
    lives = np.random.default_rng(7).exponential(5000, (1000, 40))
    found = np.array([escape_rate(np.minimum(row, 500), row <= 500) for row in lives])
    rates, inside = found[:, 0] * 5000, (found[:, 1] < 1 / 5000) & (found[:, 2] > 1 / 5000)
    assert abs(rates.mean() - 1) < 5 * rates.std() / math.sqrt(1000)
    assert inside.mean() > 0.95 - 5 * math.sqrt(0.05 * 0.95 / 1000)
    assert np.minimum(lives, 500).mean() < 500


FREIREICH = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
CENSORED = [3, 5, 7, 8, 11, 12, 13, 16, 17, 18, 19, 20]
"""Weeks of remission with 6-MP, and which of them were cut off: Freireich et al., Blood 21, 699 (1963)."""


def test_a_curve_of_remissions_is_that_of_the_textbook():
    """S at 6 … 23 weeks, and the limits there of R's survfit with conf.type log-log, to 3 digits."""
    died = ~np.isin(np.arange(21), CENSORED)
    t, alive, low, high = kaplan_meier(FREIREICH, died)
    assert t.tolist() == [0, 6, 7, 10, 13, 16, 22, 23]
    expected = [1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    np.testing.assert_allclose(alive, expected, atol=6e-4)
    np.testing.assert_allclose(low[[0, 1, 3, 7]], [1, 0.620, 0.503, 0.188], atol=6e-4)
    np.testing.assert_allclose(high[[0, 1, 3, 7]], [1, 0.952, 0.889, 0.680], atol=6e-4)


def test_without_censoring_a_curve_is_the_share_that_lives_longer():
    """Binomial: Greenwood's sum is (1 - S)/(n S)."""
    times = [3, 1, 2, 2, 5]
    t, alive, low, high = kaplan_meier(times, [True] * 5)
    assert t.tolist() == [0, 1, 2, 3, 5]
    np.testing.assert_allclose(alive, [1, 0.8, 0.4, 0.2, 0], rtol=1e-14)
    assert alive[-1] == 0
    assert np.isnan([low[-1], high[-1]]).all()
    share = np.array([0.8, 0.4, 0.2])
    scale = norm.ppf(0.975) * np.sqrt((1 - share) / (5 * share)) / np.log(share)
    np.testing.assert_allclose(low[1:-1], share ** np.exp(-scale), rtol=1e-12)
    np.testing.assert_allclose(high[1:-1], share ** np.exp(scale), rtol=1e-12)


def test_where_nothing_dies_a_curve_stays_at_one():
    assert [part.tolist() for part in kaplan_meier([4, 4], [False, False])] == [[0], [1], [1], [1]]


# Estimates of studies


def cells_of(study, missing=(), **observables):
    """A cube of a study with a value for each seed of the observables; others are 0."""
    labels = cube.labels_of(study)
    ds, valid = cube.frame(labels).dataset(), np.ones(labels.shape, bool)
    valid[..., list(missing)] = False
    dims = study.dimensions
    for observable in study.described_model.observables:
        values = np.broadcast_to(observables.get(observable.name, 0), labels.shape)
        kind = cube.dtype_of(observable)
        blank = np.nan if kind.kind == "f" else 0
        values = np.where(valid, values, blank).astype(kind)
        ds[observable.name] = dims, values, cube.attributes_of(observable)
    return ds.assign(valid=(dims, valid))


def survivors(**changes):
    given = {"question": "survival", "temperature": [0.5], "noise": [0.0], "load": [0.1], "cues": 3,
             "seed": 4, **changes}  # fmt: skip
    return make_of_family(**given)


def estimates_of(study, **given):
    out = aggregate(cells_of(study, **given), study)
    return {str(name): out[name].values.ravel()[0] for name in out.data_vars}


def test_a_study_of_survival_gives_the_rate_of_all_its_chains():
    """Three cues of each seed: times 3 × mean, deaths 3 × (1 - survived); one seed is missing."""
    given = {"survival_time": [48, 47 / 3, 100 / 3, 7], "survived": [1, 0, 1 / 3, 0]}
    got = estimates_of(survivors(), missing=[3], **given)
    assert got["deaths"] == 5
    rate, low, high = rate_of(5, 144 + 47 + 100)
    assert (got["escape_rate"], got["escape_rate_low"], got["escape_rate_high"]) == (rate, low, high)
    assert not got["flag"] & MOSTLY_CENSORED


def test_that_most_chains_outlive_the_run_is_flagged():
    for survived, flagged in (([1, 1, 0, 0], False), ([1, 1, 1 / 3, 0], True), ([1, 0, 0, 0], False)):
        got = estimates_of(survivors(), survival_time=10, survived=survived)
        assert bool(got["flag"] & MOSTLY_CENSORED) == flagged


def test_without_any_seed_no_rate_is_known():
    got = estimates_of(survivors(), missing=range(4))
    assert np.isnan([got["deaths"], got["escape_rate"], got["escape_rate_high"]]).all()
    assert not got["flag"] & MOSTLY_CENSORED


def test_every_rate_says_what_it_is(tmp_path):
    study = survivors()
    fill(study, tmp_path)
    cells = open_results(study, tmp_path)
    out = aggregate(cells, study)
    for name in ("deaths", "escape_rate", "escape_rate_low", "escape_rate_high"):
        assert out[name].attrs["long_name"]
        assert out[name].attrs["units"] == ("1" if name == "deaths" else "1/sweep")
    assert "cut off at the end of the run" in out["survival_time"].attrs["long_name"]
    assert out["flag"].attrs["flag_meanings"].split()[-1] == "mostly_censored"
    expected = escape_rate(np.repeat(cells["survival_time"].values, 3), np.zeros(12, bool))[0]
    assert expected == 0
    assert (out["escape_rate"] <= out["escape_rate_high"]).all()


def test_studies_without_times_are_what_they_were(tmp_path):
    study = make_study(tmp_path)
    fill(study, tmp_path)
    out = aggregate(open_results(study, tmp_path), study)
    assert not {"deaths", "escape_rate", "transitions", "reached_after_median"} & {*out.data_vars}


@pytest.mark.parametrize(
    ("rates", "net"), [([0.5, 0.25, 0.0, 0.1], 34), ([-0.5, 0, 0, 0], -20), ([0, 0, 0, 0], 0)]
)
def test_a_rate_of_transitions_has_limits_either_way(rates, net):
    """Four seeds of 40 sweeps: the time per transition is NaN where one has none, the rate is not."""
    study = make_of_family(model="sequence", load=None, memories=[5], temperature=[0.0], noise=[0.0],
                           question="transitions", seed=4)  # fmt: skip
    got = estimates_of(study, transition_rate=rates)
    low, high = poisson_limits(abs(net))
    limits = {34: (low, high), -20: (-high, -low), 0: (-high, high)}[net]
    assert got["transitions"] == net
    found = got["transition_rate_low"], got["transition_rate_high"]
    assert found == pytest.approx([limit / 160 for limit in limits], rel=1e-14)


def test_sets_that_go_round_and_sets_that_do_not_are_two_means():
    """Of P = 5 patterns in 40 sweeps a round is a rate of 0.125; backwards is none."""
    study = make_of_family(model="sequence", load=None, memories=[5], temperature=[0.0], noise=[0.0],
                           question="transitions", seed=6)  # fmt: skip
    rates = np.array([0.5, 0.25, 0.125, 0.1, 0.0, -0.5])
    nearest = np.array([0.6, 0.5, 0.4, 0.9, 0.8, 0.7])
    got = estimates_of(study, transition_rate=rates, overlap_nearest=nearest)
    assert (got["moved"], got["movers"], got["resting"]) == (0.5, 3, 3)
    assert got["moved_low"] < 0.5 < got["moved_high"]
    for name, values in (("transition_rate", rates), ("overlap_nearest", nearest)):
        for end, some in (("motion", values[:3]), ("rest", values[3:])):
            assert got[f"{name}_given_{end}"] == pytest.approx(some.mean())
            error = some.std(ddof=1) / 3**0.5
            assert got[f"{name}_given_{end}_error"] == pytest.approx(error)
    whole = estimates_of(study, transition_rate=1.0)
    assert (whole["moved"], whole["resting"]) == (1, 0)
    assert np.isnan(whole["transition_rate_given_rest"])
    assert "moved" not in estimates_of(survivors())


def test_the_median_counts_what_was_never_reached_as_later():
    """Where a single seed never reached it the mean is NaN; the median is known up to half of them."""
    study = study_of({"name": "drift", "model": "consolidation", "axes": {
        "size": [50], "memories": [3], "kappa": [4.0], "noise": [0.4], "presentations": [10.0],
        "seed": 4}})  # fmt: skip
    nan = math.nan
    for after, missing, median in (
        ([4, 2, 7, 3], (), 3), ([nan, 2, 7, 3], (), 3), ([nan, nan, 7, 3], (), 7),
        ([nan, nan, nan, 3], (), nan), ([4, 2, 7, 3], (1,), 4), ([4, 2, 7, 3], (0, 1, 2, 3), nan),
    ):  # fmt: skip
        got = estimates_of(study, reached_after=after, missing=missing)["reached_after_median"]
        assert got == pytest.approx(median, nan_ok=True)


# The times themselves


def test_a_time_of_survival_is_that_of_a_network_of_a_few_lines():
    """T = 0, one site after the other: the sweep, from 1, after which m is below; the last if none is."""
    study = make_of_family(question={"name": "survival", "leaves_below": 0.8}, size=[40], load=[0.25],
                           temperature=[0.0], noise=[0.05], seed=24,
                           sweeps={"thermalise": 2, "measure": 3})  # fmt: skip
    seen = []
    for block in plan.blocks(study):
        found, patterns = columns_of(study, block), plan.task(study, block)[0]
        network = family.circuit(patterns, family.draw(patterns, study.ensemble), study.protocol)
        xi = network.stored.xi.astype(int)
        state, times = network.network.cue(0, 0.05).astype(int), []
        for sweep in range(1, 6):
            for i in range(40):
                field = xi[:, i] @ (xi @ state) - len(xi) * state[i]
                state[i] = np.sign(field) or state[i]
            times += [sweep] if xi[0] @ state < 0.8 * 40 else []
        assert found["survival_time"].tolist() == [times[0] if times else 5]
        assert found["survived"].tolist() == [not times]
        seen.append((found["survival_time"][0], found["survived"][0]))
    assert {(1, 0), (2, 0), (5, 1)} <= set(seen)
