"""Square-root ends: exact parabolas, replica-symmetric overlaps, errors of resampled sets, refusals."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import erf

from mattis.networks.registry import study_of
from mattis.statistics.spinodals import spinodals
from mattis.theory import evaluate

LOADS = [0.09, 0.096, 0.102, 0.108, 0.114, 0.118, 0.122, 0.126, 0.13]
SIZES = [1000, 2000, 4000]


def study(**keys: object):
    axes = {"size": SIZES, "load": LOADS, "temperature": [0.04], "noise": [0.0], "seed": 6}
    return study_of({"name": "by-hand", "model": "hopfield", "axes": {**axes, **keys}, "cues": 2})


def cells(overlap: np.ndarray, stay: np.ndarray | float = 1.0) -> xr.Dataset:
    """Cells with an overlap of those that stay, (load, seed), at each size."""
    dims = ("size", "load", "beta", "noise", "seed")
    shape = (len(SIZES), len(LOADS), 1, 1, overlap.shape[1])
    values = np.broadcast_to(overlap[None, :, None, None], shape)
    share = np.broadcast_to(np.broadcast_to(stay, overlap.shape)[None, :, None, None], shape)
    names = {"overlap": values, "overlap_given_survival": values, "survived": share}
    found = {name: (dims, of) for name, of in names.items()}
    load = np.broadcast_to(LOADS, (len(SIZES), len(LOADS)))
    return xr.Dataset(
        {**found, "retrieved": (dims, share), "valid": (dims, np.ones(shape, bool)),
         "realised_load": (("size", "load"), load)},
        {"size": SIZES, "load": LOADS, "beta": [25.0], "noise": [0.0], "seed": range(overlap.shape[1])},
    )  # fmt: skip


def end_of(overlap: np.ndarray, **more: object) -> tuple[float, float, float]:
    found = spinodals(cells(overlap, **more), study())
    assert found["boundary_load_spinodal"].dims == ("size", "beta", "noise")
    ends = ("", "_error", "_range")
    return tuple(float(found[f"boundary_load_spinodal{end}"][-1, 0, 0]) for end in ends)


def of_noise(x: np.ndarray) -> np.ndarray:
    return erf(1 / x)


def test_the_top_of_an_exact_parabola_is_found():
    """sqrt(alpha) = sqrt(0.14) - 0.5 (x - 0.7)²."""
    x = 0.7 - np.sqrt((np.sqrt(0.14) - np.sqrt(LOADS)) / 0.5)
    place, error, moved = end_of(np.tile(of_noise(x)[:, None], 6))
    assert place == pytest.approx(0.14, abs=1e-9)
    assert error < 1e-9
    assert moved < 1e-8


def test_the_end_of_the_replica_symmetric_state_is_found():
    overlap = [evaluate("hopfield.overlap", load=load, temperature=0.04) for load in LOADS]
    truth = evaluate("hopfield.alpha_M", temperature=0.04)
    assert isinstance(truth, float)
    place, _, moved = end_of(np.tile(np.array(overlap, float)[:, None], 6))
    assert abs(place - truth) < 5e-4
    assert abs(place - truth) < 2 * moved


def test_errors_are_those_of_the_sets():
    """Of 40 draws of six sets the spread over the error is 1 within a factor of 2 (chi² of 39: 1e-9)."""
    random = np.random.default_rng(3)
    x = 0.7 - np.sqrt((np.sqrt(0.14) - np.sqrt(LOADS)) / 0.5)
    pulls = []
    for _ in range(40):
        seen = of_noise(x[:, None] + 1e-3 * random.normal(size=(len(LOADS), 6)))
        place, error, _ = end_of(seen)
        pulls.append((place - 0.14) / error)
    assert 0.5 < np.std(pulls) < 2.5


def test_loads_at_which_some_left_do_not_count_and_too_few_have_no_end():
    x = 0.7 - np.sqrt((np.sqrt(0.14) - np.sqrt(LOADS)) / 0.5)
    overlap = np.tile(of_noise(x)[:, None], 6)
    stay = np.ones(overlap.shape)
    stay[-2:, 0], overlap[-2:] = 0.5, 0.9
    assert end_of(overlap, stay=stay)[0] == pytest.approx(0.14, abs=1e-9)
    stay[5:, 0] = 0.5
    assert np.isnan(end_of(overlap, stay=stay)).all()


def test_what_does_not_turn_back_has_no_end():
    x = 0.3 + np.sqrt(LOADS)  # a straight line
    assert np.isnan(end_of(np.tile(of_noise(x)[:, None], 6))[0])
    assert np.isnan(end_of(np.ones((len(LOADS), 6)))[0])  # no bit is wrong anywhere


def test_studies_of_fewer_than_three_sizes_have_none():
    x = 0.7 - np.sqrt((np.sqrt(0.14) - np.sqrt(LOADS)) / 0.5)
    two = cells(np.tile(of_noise(x)[:, None], 6)).isel(size=[0, 1])
    assert not spinodals(two, study(size=SIZES[:2])).data_vars
