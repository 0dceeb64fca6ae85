"""From seeds to estimates: by hand on small cubes, and calibrated on synthetic experiments.

The synthetic experiments have fixed seeds; their bounds lie five standard deviations or more away, so
that each would condemn a right estimator with a probability of at most 1e-6.
"""

import math
from functools import cache
from hashlib import blake2b, sha256
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from mattis.comparison.phases import PHASES as DIMENSIONS
from mattis.errors import UserError
from mattis.exact import rng
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import study_of as any_study
from mattis.statistics.boundaries import crossing
from mattis.statistics.estimates import ALL_FLAGS, BIMODAL, FEW_SEEDS, INCOMPLETE, aggregate
from mattis.statistics.thermodynamic_limit import ends_by_a_jump
from mattis.store import cube
from mattis.study.model import FLAGS

SHORT, DRIFTING, UNSETTLED, _ = FLAGS


def study_of(seeds=4, cues=2, **axes):
    grid = {"size": [200], "load": [0.05], "temperature": [0.4], "noise": [0.1], **axes}
    sweeps = {"thermalise": 10, "measure": 50}
    return BinaryStudy(name="by-hand", axes={**grid, "seed": seeds}, sweeps=sweeps, cues=cues)


def cells_of(study, missing=(), **observables):
    """A cube of the study: an observable is a number, or broadcasts to (size, load, beta, noise, seed).

    Cells of the seeds in `missing` do not exist; they are NaN, their flag is 0.
    """
    ds, shape = cube.frame(cube.labels_of(study)).dataset(), cube.labels_of(study).shape
    valid = np.ones(shape, bool)
    valid[..., list(missing)] = False
    for observable in study.described_model.observables:
        values = np.broadcast_to(observables.get(observable.name, 0), shape)
        kind = cube.dtype_of(observable)
        blank = np.nan if kind.kind == "f" else 0
        values = np.where(valid, values, blank).astype(kind)
        ds[observable.name] = DIMENSIONS, values, cube.attributes_of(observable)
    return ds.assign(valid=(DIMENSIONS, valid))


def one(study, **given):
    """The estimate of a study of one cell per seed, as plain numbers."""
    out = aggregate(cells_of(study, **given), study)
    kept = out.drop_vars([name for name in out if str(name).startswith("boundary")])
    return {str(name): kept[name].item() for name in kept.data_vars}


def approx(value):
    return pytest.approx(value, rel=1e-12, abs=1e-15, nan_ok=True)


def test_mean_and_standard_error_over_seeds():
    """0.9, 0.8, 0.7, 0.6: squares of the deviations 0.05, divided by 4 × 3."""
    got = one(study_of(), overlap=[0.9, 0.8, 0.7, 0.6], energy=[-0.5, -0.4, -0.5, -0.4])
    assert got["overlap"] == approx(0.75)
    assert got["overlap_error"] == approx(math.sqrt(0.05 / 12))
    assert got["energy"] == approx(-0.45)
    assert got["energy_error"] == approx(0.05 / math.sqrt(3))
    assert (got["seeds"], got["patterns"], got["realised_load"], got["flag"]) == (4, 10, 0.05, 0)


@pytest.mark.parametrize("temperature", [0.4, 0.0])
def test_no_error_is_below_what_could_have_been_seen(temperature):
    """One spin of N = 200 in one of the two cues of one of four seeds, however long the chains."""
    given = {"overlap": 1.0, "overlap_squared": 1.0, "edwards_anderson": 1.0, "retrieved": 1.0}
    got = one(study_of(temperature=[temperature]), energy=-0.5, **given)
    assert got["overlap_error"] == approx(2 / (200 * 2) / 4)
    assert got["overlap_squared_error"] == approx(4 / (200 * 2) / 4)
    assert got["edwards_anderson_error"] == approx(4 / (200 * 2) / 4)
    assert got["retrieved_error"] == approx(1 / 2 / 4)
    assert got["energy_error"] == 0
    nearly = one(study_of(temperature=[temperature]), overlap=[1, 1, 1, 0.9999])
    assert nearly["overlap_error"] == got["overlap_error"]


def test_an_error_above_the_resolution_is_left_alone():
    got = one(study_of(), overlap=[1, 1, 1, 0.99], retrieved=[1, 1, 0, 0])
    assert got["overlap_error"] == approx(0.01 / 4)
    assert got["retrieved_error"] == approx(math.sqrt(1 / 12))


def test_thermal_and_disorder_errors_add_in_quadrature():
    """Thermal errors 0.03, 0.04, 0, 0 of the chains: 0.05 / 4 of their mean."""
    got = one(study_of(), overlap=[0.9, 0.8, 0.7, 0.6], overlap_thermal_error=[0.03, 0.04, 0, 0])
    assert got["overlap_thermal_error"] == approx(0.0125)
    assert got["overlap_disorder_error"] == approx(math.sqrt(0.05 / 12 - 0.0125**2))
    total = math.hypot(got["overlap_thermal_error"], got["overlap_disorder_error"])
    assert total == approx(got["overlap_error"])
    assert "energy_disorder_error" in got
    assert "retrieved_thermal_error" not in got


def test_a_thermal_error_above_the_spread_leaves_no_disorder():
    got = one(study_of(), overlap=[0.7, 0.7, 0.7, 0.708], overlap_thermal_error=0.2)
    assert got["overlap_thermal_error"] == approx(0.1)
    assert got["overlap_disorder_error"] == 0
    assert got["overlap_error"] == approx(0.002)


def test_a_refused_chain_makes_the_thermal_part_unknown_and_nothing_else():
    got = one(
        study_of(),
        overlap=[0.9, 0.8, 0.7, 0.6],
        overlap_thermal_error=[0.03, math.nan, 0, 0],
        autocorrelation_time=[2, math.nan, 3, 4],
        flag=[0, SHORT, 0, 0],
    )
    assert math.isnan(got["overlap_thermal_error"])
    assert math.isnan(got["overlap_disorder_error"])
    assert got["overlap"] == approx(0.75)
    assert got["overlap_error"] == approx(math.sqrt(0.05 / 12))
    # The times that were not refused are the short ones: their mean is no estimate.
    assert math.isnan(got["autocorrelation_time"])
    assert math.isnan(got["autocorrelation_time_error"])
    assert got["flag"] == SHORT


def test_missing_seeds_are_left_out_and_flagged():
    given = {"overlap": [0.9, 0.8, 9, 0.7, 0.6], "overlap_thermal_error": [0.03, 0.04, 9, 0, 0]}
    got = one(study_of(5), missing=[2], **given)
    assert got["seeds"] == 4
    assert got["overlap"] == approx(0.75)
    assert got["overlap_error"] == approx(math.sqrt(0.05 / 12))
    assert got["overlap_thermal_error"] == approx(0.0125)
    assert got["flag"] == INCOMPLETE


def test_without_any_seed_nothing_is_known():
    got = one(study_of(), missing=[0, 1, 2, 3])
    assert got["seeds"] == got["survivors"] == got["losers"] == got["state"] == 0
    assert got["flag"] == INCOMPLETE | FEW_SEEDS
    for name, value in got.items():
        if name not in ("seeds", "survivors", "losers", "state", "flag", "patterns", "realised_load"):
            assert math.isnan(value), name


@pytest.mark.parametrize(("seeds", "flag"), [(2, FEW_SEEDS), (3, FEW_SEEDS), (4, 0), (8, 0)])
def test_few_seeds_are_flagged(seeds, flag):
    assert one(study_of(seeds), overlap=0.5)["flag"] == flag


def test_one_seed_has_no_error():
    got = one(study_of(1), overlap=0.8, overlap_thermal_error=0.01)
    assert got["overlap"] == approx(0.8)
    assert math.isnan(got["overlap_error"])
    assert math.isnan(got["overlap_disorder_error"])
    assert got["flag"] == FEW_SEEDS


@pytest.mark.parametrize(
    ("overlap", "retrieved", "flag"),
    [
        ([0.98, 0.97, 0.3, 0.2], [1, 1, 0, 0], BIMODAL),
        ([0.52, 0.51, 0.49, 0.48], [1, 1, 0, 0], 0),  # one state, at the threshold
        ([0.98, 0.60, 0.7, 0.9], [1, 1, 1, 1], 0),  # wide, but all retrieved
        ([0.40, 0.05, 0.1, 0.3], [0, 0, 0, 0], 0),
    ],
)
def test_two_states_are_flagged_and_one_is_not(overlap, retrieved, flag):
    assert one(study_of(), overlap=overlap, retrieved=retrieved)["flag"] == flag


@pytest.mark.parametrize("cues", [1, 2, 4, 16])
@pytest.mark.parametrize("lost", [0.5, 0.1, 0.02])
def test_two_states_are_seen_through_the_mean_over_cues(cues, lost):
    """Cues at 0.95 or, with probability `lost`, at 0.35: a cell holds the mean of its cues."""
    random = np.random.default_rng(cues)
    gone = random.random((64, cues)) < lost
    assert gone.any()
    overlap = np.where(gone, 0.35, 0.95).mean(axis=1)
    study = study_of(64, cues=cues, load=[0.1])
    flag = one(study, overlap=overlap, retrieved=1 - gone.mean(axis=1))["flag"]
    assert flag == BIMODAL


@pytest.mark.parametrize(("cues", "spread", "flag"), [(4, 0.03, 0), (16, 0.01, 0), (16, 0.03, BIMODAL)])
def test_one_state_is_no_two_states_however_many_cues_a_cell_has(cues, spread, flag):
    """Half of the cues retrieved, means that spread by s: the gap is 2 s √K, above 0.2 in the last row."""
    overlap = 0.5 + spread * np.array([1, -1] * 32)
    assert one(study_of(64, cues=cues, load=[0.1]), overlap=overlap, retrieved=0.5)["flag"] == flag


def test_flags_of_any_seed_are_kept_each_once():
    got = one(study_of(), flag=[SHORT, SHORT | DRIFTING, 0, UNSETTLED])
    assert got["flag"] == SHORT | DRIFTING | UNSETTLED
    assert list(ALL_FLAGS) == [1, 2, 4, 8, 64, 128, 256, 512, 1024]


def test_every_estimate_says_what_it_is():
    out = aggregate(cells_of(study_of()), study_of())
    for name, values in out.data_vars.items():
        assert values.attrs["long_name"], name
        assert values.attrs["units"], name
    for observable in study_of().described_model.observables:
        assert observable.name in out
    for name in ("overlap", "energy", "retrieved", "flip_fraction", "boundary_load"):
        assert f"{name}_error" in out
    assert out["overlap_error"].attrs["units"] == "1"
    assert out["energy_thermal_error"].attrs["units"] == "J"
    assert out["boundary_temperature_error"].attrs["units"] == "J"
    assert list(out["flag"].attrs["flag_masks"]) == list(ALL_FLAGS)


def test_cells_do_not_mix():
    """Every cell of a grid is what it would be alone."""
    study = study_of(size=[100, 200], load=[0.05, 0.1, 0.2], temperature=[0.0, 0.4], noise=[0.1, 0.3])
    values = np.random.default_rng(1).random(cube.labels_of(study).shape)
    out = aggregate(cells_of(study, overlap=values), study)
    np.testing.assert_allclose(out["overlap"], values.mean(axis=-1), rtol=1e-12)
    error = values.std(axis=-1, ddof=1) / 2
    np.testing.assert_allclose(out["overlap_error"], error, rtol=1e-12)
    assert out["overlap"].dims == DIMENSIONS[:-1]


# Cells as rows


def rows_by_hand(ds, study):
    """Labels and observables of each cell, one after the other."""
    names = [observable.name for observable in study.described_model.observables]
    for index in np.ndindex(*(ds.sizes[name] for name in DIMENSIONS)):
        cell = ds.isel(dict(zip(DIMENSIONS, index, strict=True)))
        yield [float(cell[name]) for name in (*DIMENSIONS, "patterns", *names)]


@pytest.mark.parametrize("at_once", [1, 5, 2**16])
def test_digests_of_rows_and_of_the_study_are_what_they_say(monkeypatch, at_once):
    """Whatever the order of the axes, the NaN that a value is, and how many rows are hashed at once."""
    monkeypatch.setattr(cube, "ROWS_AT_ONCE", at_once)
    study = study_of([3, 1], size=[200, 100], load=[0.1, 0.05], temperature=[0.4, 0.0])
    odd = np.array([0x7FF8000000000001], np.uint64).view(np.float64)[0]
    values = np.random.default_rng(1).random(cube.labels_of(study).shape)
    values[0, 0, 0] = odd
    cells, model = cells_of(study, overlap=values, flag=[1, 2]), study.described_model
    table = np.array([*rows_by_hand(cells, study)], "<f8")
    table[np.isnan(table)] = np.nan
    assert cube.rows(cells, [o.name for o in model.observables]).tobytes() == table.tobytes()
    digests = [blake2b(row.tobytes(), digest_size=8).digest() for row in table]
    raw = np.where(np.isnan(table), odd, table)
    for written in (table, raw, np.asfortranarray(table)):
        assert cube.row_digests(written).astype("<u8").tobytes() == b"".join(digests)
    names = [*DIMENSIONS, "patterns", *(o.name for o in model.observables)]
    whole = ",".join(names).encode() + np.array(sorted(table.tolist()), "<f8").tobytes()
    assert cube.study_digest(cells, model) == sha256(whole).hexdigest()


# Boundaries


def test_boundaries_of_a_grid():
    """Retrieval below T = 1.22 - 2 load, where a load asked for as 0.052 is realised as 0.05."""
    loads, heat = [0.152, 0.052, 0.252], [1.0, 0.2, 0.4, 0.8, 0.6]
    study = study_of(cues=1, size=[20], load=loads, temperature=heat, noise=[0.0, 0.1])
    retrieved = np.array([[t < 1.22 - 2 * load for t in heat] for load in (0.15, 0.05, 0.25)])
    out = aggregate(cells_of(study, retrieved=retrieved[None, :, :, None, None]), study)
    np.testing.assert_allclose(out["realised_load"], [[0.15, 0.05, 0.25]])
    expected = np.array([0.9, math.nan, 0.7])[None, :, None] * np.ones(2)
    assert out["boundary_temperature"].dims == ("size", "load", "noise")
    np.testing.assert_allclose(out["boundary_temperature"], expected, rtol=1e-12)
    np.testing.assert_allclose(out["boundary_temperature_error"][0, 0], 0.2 / math.sqrt(12), rtol=1e-12)
    assert out["boundary_load"].dims == ("size", "beta", "noise")
    expected = np.array([0.1, math.nan, math.nan, 0.2, math.nan])[None, :, None] * np.ones(2)
    np.testing.assert_allclose(out["boundary_load"], expected, rtol=1e-12)


def of_sizes(*ends: float):
    """Return estimates where half are lost at these temperatures, at N = 1000, 8000, 27000."""
    sizes, heat = [1000, 8000, 27000][: len(ends)], np.linspace(0.2, 0.8, 7)
    study = study_of(cues=1, size=sizes, load=[0.05], temperature=heat.tolist(), noise=[0.0], seed=4)
    retrieved = np.array([np.clip(0.5 - 2 * (heat - end), 0, 1) for end in ends])[:, None, :, None, None]
    return aggregate(cells_of(study, retrieved=retrieved * np.ones(4)), study)


def test_boundaries_of_sizes_are_extrapolated_in_their_power():
    """T = 0.6 - 20 N^(-2/3): 0.4, 0.55, 0.6 - 1/45."""
    for ends in ((0.4, 0.55), (0.4, 0.55, 0.6 - 1 / 45)):
        out = of_sizes(*ends)
        np.testing.assert_allclose(out["boundary_temperature"][:, 0, 0], ends, rtol=1e-12)
        end, error = (out[f"boundary_temperature_extrapolated{k}"] for k in ("", "_error"))
        assert end.dims == error.dims == ("load", "noise")
        np.testing.assert_allclose(end, 0.6, rtol=1e-12)
        assert "N^(-2/3)" in end.attrs["criterion"]
        assert end.attrs["units"] == error.attrs["units"] == "J"
    assert not [name for name in of_sizes(0.4) if "extrapolated" in str(name)]


def test_the_error_of_an_extrapolation_is_that_of_a_weighted_line():
    """By two sizes T = (T_2 x_1 - T_1 x_2)/(x_1 - x_2), x = N^(-2/3) = 0.01, 0.0025."""
    out = of_sizes(0.4, 0.55)
    first, second = out["boundary_temperature_error"][:, 0, 0].values
    error = out["boundary_temperature_extrapolated_error"].item()
    assert error == approx(math.hypot(0.01 * second, 0.0025 * first) / 0.0075)


def test_sizes_that_are_on_no_line_have_a_larger_error():
    on, off = of_sizes(0.4, 0.55, 0.6 - 1 / 45), of_sizes(0.4, 0.65, 0.6 - 1 / 45)
    name = "boundary_temperature_extrapolated_error"
    assert off[name].item() > 1.5 * on[name].item()


def half(*seeds, position=None):
    fraction = np.array(seeds, float).T
    found = crossing(np.arange(len(fraction)) * 1.0 if position is None else position, fraction)
    assert all(math.isnan(bound) for bound in found[2:])
    return found[:2]


def test_a_step_is_crossed_in_its_middle_with_the_error_of_the_grid():
    assert half([1, 1, 0, 0], [1, 1, 0, 0]) == approx((1.5, 1 / math.sqrt(12)))


def test_a_crossing_is_interpolated():
    assert half([1, 0.8, 0.4, 0], [1, 0.8, 0.4, 0]) == approx((1.75, 0.4 / math.sqrt(12)))
    assert half([1, 0.5, 0], [1, 0.5, 0])[0] == 1


def test_the_bootstrap_over_two_seeds_by_hand():
    """They cross at 1.5, 0.5, and together at 1: resamples have the variance 1/8, times 2 / (2 - 1).

    The grid adds (1/2)² / 12, or (2/2)² / 12 here: the plateau at 1/2 is two steps wide.
    """
    place, error = half([1, 1, 0, 0], [1, 0, 0, 0])
    assert place == approx(1)
    assert error == pytest.approx(math.sqrt(1 / 4 + 4 / 12), rel=0.1)


def test_the_middle_of_a_plateau_at_one_half_is_the_crossing():
    assert half([1, 0.5, 0.5, 0.5, 0])[0] == 2
    assert half([1, 0.5, 0])[0] == 1


def test_a_rise_in_the_fall_is_smoothed_by_least_squares():
    """1, 0.4, 0.8, 0 is 1, 0.6, 0.6, 0."""
    assert half([1, 0.4, 0.8, 0], [1, 0.4, 0.8, 0])[0] == approx(2 + 0.1 / 0.6)


@pytest.mark.parametrize(
    ("seed", "least", "most"),
    [
        ([1, 1, 1], 2, None), ([1, 0.9, 0.6], 2, None),
        ([0, 0, 0], None, 0), ([0, 0, 1], None, 0), ([0.4, 0.1, 0], None, 0),
    ],
)  # fmt: skip
def test_what_never_crosses_has_no_crossing_but_a_bound(seed, least, most):
    place, error, *bounds = crossing(np.arange(3.0), np.array([seed] * 3).T)
    assert math.isnan(place)
    assert math.isnan(error)
    assert [None if math.isnan(bound) else bound for bound in bounds] == [least, most]


@pytest.mark.parametrize("low", [0.0, 0.5, 0.25])
def test_what_is_on_one_side_needs_no_resamples(monkeypatch, low):
    draws = np.random.default_rng(1)
    cells = [low + draws.integers(0, 5, shape) / 8 for shape in [(1, 4), (3, 1), (4, 5)] * 20]
    found = [crossing(np.arange(len(cell)) - 1.5, cell) for cell in cells]
    monkeypatch.setattr("mattis.statistics.boundaries._side", lambda _: 0)
    again = [crossing(np.arange(len(cell)) - 1.5, cell) for cell in cells]
    np.testing.assert_array_equal(found, again)


def test_one_seed_has_a_crossing_without_an_error():
    place, error = half([1, 1, 0])
    assert place == 1.5
    assert math.isnan(error)


def test_seeds_with_a_missing_cell_are_left_out():
    nan = math.nan
    whole = half([1, 1, 0, 0], [1, 0, 0, 0])
    assert half([1, 1, 0, 0], [1, 1, nan, 1], [1, 0, 0, 0], [nan] * 4) == approx(whole)
    assert all(math.isnan(value) for value in half([nan, 1, 0], [1, 1, nan]))


def test_where_resamples_do_not_cross_the_grid_ends_too_early():
    """Together they fall from 0.65 over 0.5 to 0; the second alone, a quarter of resamples, never crosses.

    So it is at most where the first alone crosses; and the same at the other end.
    """
    found = crossing(np.arange(3.0), np.array([[1, 1, 0], [0.3, 0, 0]]).T)
    assert found == pytest.approx((math.nan, math.nan, math.nan, 1.5), nan_ok=True)
    found = crossing(np.arange(3.0), np.array([[1, 0, 0], [1, 1, 0.7]]).T)
    assert found == pytest.approx((math.nan, math.nan, 0.5, math.nan), nan_ok=True)


def test_a_resample_in_a_hundred_that_does_not_cross_leaves_the_place():
    """Seven of eight seeds lose all at 1.5, one is lost from the start: too few to be half of a resample."""
    found = crossing(np.arange(4.0), np.array([[1, 1, 0, 0]] * 7 + [[0, 0, 0, 0]]).T)
    assert found[0] == approx(1 + (7 / 8 - 1 / 2) / (7 / 8))
    assert found[1] > 0


def plain_half(position, fraction):
    """The crossing of 1/2 and the grid's share of its error, by scalars; infinity if nothing crosses."""
    fall = isotonic_regression(fraction, increasing=False).x
    above, below = np.flatnonzero(fall > 0.5), np.flatnonzero(fall < 0.5)
    if above.size == 0 or below.size == 0:
        return (-math.inf if above.size == 0 else math.inf), math.nan
    last, first = above[-1], below[0]

    def between(high, low):
        part = (fall[high] - 0.5) / (fall[high] - fall[low])
        return position[high] + part * (position[low] - position[high])

    width = max(position[first] - position[last], 0.0)
    place = (between(last, last + 1) + between(first - 1, first)) / 2
    return place, width / math.sqrt(12) * (fall[last] - fall[first])


def plain_crossing(position, fraction):
    """`crossing` of sorted positions, one resample after the other."""
    fraction = fraction[:, ~np.isnan(fraction).any(axis=0)]
    fraction = fraction[:, np.lexsort(fraction)]
    seeds = fraction.shape[1]
    place, grid = plain_half(position, fraction.mean(axis=1)) if seeds else (math.nan, math.nan)
    nan = math.nan
    if not seeds:
        return nan, nan, nan, nan
    if seeds == 1:
        return (nan if math.isnan(grid) else place), nan, nan, nan
    words = rng.stream(0, "bootstrap", {"seeds": seeds}).words(seeds, np.arange(200))
    places = [plain_half(position, fraction[:, w].mean(axis=1))[0] for w in words % seeds]
    before, beyond = (np.mean(np.array(places) == end) for end in (-math.inf, math.inf))
    if max(before, beyond) > 0.05:
        low, high = min(sorted(places)[10], position[-1]), max(sorted(places)[-11], position[0])
        return nan, nan, (low if before <= 0.05 else nan), (high if beyond <= 0.05 else nan)
    places = np.clip(places, position[0], position[-1])
    error = np.hypot(np.std(places) * np.sqrt(seeds / (seeds - 1)), grid)
    return (place if math.isfinite(place) else nan), error, nan, nan


@pytest.mark.parametrize(("points", "seeds", "cues"), product((2, 5, 40), (1, 2, 9, 64), (1, 3, 7)))
def test_the_bootstrap_is_bit_for_bit_the_plain_one(monkeypatch, points, seeds, cues):
    """However many resamples are taken at once; sharp falls and broad ones, with and without gaps."""
    random = np.random.default_rng([points, seeds, cues])
    position = np.sort(random.random(points))
    for width, missing in product((0.01, 0.3), (0.0, 0.02)):
        chance = 1 / (1 + np.exp((position[:, None] - 0.5) / width))
        fraction = random.binomial(cues, np.repeat(chance, seeds, axis=1)) / cues
        fraction[random.random(fraction.shape) < missing] = np.nan
        plain = np.array(plain_crossing(position, fraction))
        for at_once in (2**21, 3 * fraction.size):
            monkeypatch.setattr("mattis.statistics.boundaries.VALUES_AT_ONCE", at_once)
            assert np.array(crossing(position, fraction)).tobytes() == plain.tobytes()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 6), st.floats(0.1, 5))
def test_order_and_units_of_the_positions_do_not_matter(seed, points, seeds, unit):
    random = np.random.default_rng(seed)
    position = np.sort(random.random(points)) + np.arange(points) / 10
    fraction = np.sort(random.random((points, seeds)), axis=0)[::-1] ** 0.5
    order = random.permutation(points)
    whole = crossing(position, fraction)
    assert crossing(position[order], fraction[order]) == approx(whole)
    scaled = crossing(unit * position, fraction[:, ::-1])
    expected = tuple(unit * value for value in whole)
    assert scaled == pytest.approx(expected, rel=1e-9, nan_ok=True)


TRUTH = 0.6


@cache
def experiments(width, spread, step, seeds, count=400):
    """Places and errors of synthetic experiments, the grid laid at random against the truth.

    A cue is retrieved with the probability 1/(1+exp((T - T_50)/width)), at the temperatures of a seed
    independently; T_50 is normal over seeds, with this spread.
    """
    random = np.random.default_rng([seeds, count])
    found = []
    for _ in range(count):
        position = np.arange(0.2, 1.0, step) + random.uniform(0, step)
        middle = TRUTH + spread * random.standard_normal(seeds)
        probability = 1 / (1 + np.exp(np.clip((position[:, None] - middle) / width, -40, 40)))
        found.append(crossing(position, (random.random(probability.shape) < probability) * 1.0)[:2])
    places, errors = np.array(found).T
    assert not np.isnan(errors).any()
    return places, errors


@pytest.mark.parametrize(
    ("width", "spread", "step", "seeds"),
    [
        (1e-6, 0.0, 0.05, 8),  # all seeds fall in the same step: the error is that of the grid
        (1e-6, 0.05, 0.02, 32),  # each seed falls at its own place
        (0.05, 0.0, 0.05, 32),
        (0.05, 0.0, 0.02, 32),
        (0.1, 0.0, 0.02, 100),
    ],
)
def test_the_crossing_of_a_known_curve_is_unbiased_and_its_mean_error_right(width, spread, step, seeds):
    """400 experiments: their mean has an error of sd/20, five of them allowed; their standard
    deviation is known to 3.5 %, and the mean of the stated errors must lie within -20 % and +40 %
    of it (the grid's share is generous where the fall is not sharp).
    """
    places, errors = experiments(width, spread, step, seeds)
    assert abs(places.mean() - TRUTH) < 5 * places.std() / 20
    assert 0.8 < errors.mean() / places.std() < 1.4


@pytest.mark.parametrize(
    ("width", "spread", "step", "seeds"),
    [(1e-6, 0.0, 0.05, 8), (1e-6, 0.05, 0.02, 32), (0.05, 0.0, 0.05, 32), (0.01, 0.0, 0.05, 32)],
)
def test_pulls_are_of_order_one_where_the_grid_is_no_finer_than_the_fall(width, spread, step, seeds):
    """(place - truth)/error: spread at most 1.3, at least 0.4 (in a step as wide as the fall the
    grid's share is generous), and at most 6 % beyond 3.
    """
    places, errors = experiments(width, spread, step, seeds)
    pulls = (places - TRUTH) / errors
    assert 0.4 < pulls.std() < 1.3
    assert (np.abs(pulls) > 3).mean() < 0.06


@pytest.mark.parametrize(("width", "spread", "step", "seeds"), [(0.05, 0.0, 0.02, 32), (1e-6, 0.1, 0.01, 32)])
def test_pulls_are_of_order_one_on_a_fine_grid(width, spread, step, seeds):
    """A bootstrap over the seeds has a spread of 1.1 to 1.2 here, and 0.5 to 2.5 % beyond 3."""
    places, errors = experiments(width, spread, step, seeds)
    pulls = (places - TRUTH) / errors
    assert pulls.std() < 1.4
    assert (np.abs(pulls) > 3).mean() < 0.05


@pytest.mark.parametrize(("lacking", "got"), [(["valid"], "cells without valid;"), ([], "no study;")])
def test_cells_that_mattis_did_not_open_are_one_line(lacking, got):
    """Those of xarray.open_zarr do not say which of them are there."""
    cells = cells_of(study_of(cues=1, size=[20], load=[0.1], temperature=[0.1], noise=[0.0]))
    with pytest.raises(UserError, match=f"^aggregate: got {got} expected .*open_results") as caught:
        aggregate(cells.drop_vars(lacking))
    assert "\n" not in str(caught.value)


def test_a_grid_of_one_value_has_no_bound_on_its_own_side():
    """Every cue is retrieved at the only temperature: the boundary is at least there, and at most nowhere."""
    nothing = math.nan
    for seeds, bounds in (
        ([1.0] * 4, (0.3, nothing)),
        ([0.0] * 4, (nothing, 0.3)),
        ([1.0, 0.0, 1.0, 0.0], (nothing, nothing)),
    ):
        found = crossing(np.array([0.3]), np.array([seeds]))
        np.testing.assert_equal(found, (nothing, nothing, *bounds))


def test_only_states_that_end_by_a_jump_at_one_load_have_a_known_power():
    axes = {"size": [1000, 8000], "beta": [1.25, 5.0], "seed": 4}
    for keys, has in (
        ({"axes": {**axes, "load": [0.05]}}, True),
        ({"axes": {**axes, "load": [0.05]}, "model": "little"}, True),
        ({"axes": {**axes, "memories": [50]}}, False),  # at no load
        ({"axes": {**axes, "load": [0.05]}, "model": "dilute"}, False),
        ({"axes": {**axes, "load": [0.05]}, "model": "hebbian_tanh"}, False),  # no thermal noise
    ):
        study = any_study({"name": "x", "model": "hopfield", **keys})
        assert ends_by_a_jump(study) == has
