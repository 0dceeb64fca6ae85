"""Powers of an axis: geometric means, and exponents that are fitted in each pattern set."""

import numpy as np
import pytest
import xarray as xr
from builders import STUDIES

from mattis.networks.registry import load_study
from mattis.statistics.estimates import aggregate
from mattis.statistics.power_laws import power_laws
from mattis.store import cube
from mattis.study.base import Study

SEPARATIONS = [0.001, 0.002, 0.01, 0.1]
SETS = 5


@pytest.fixture(scope="module")
def study() -> Study:
    content = load_study(STUDIES / "fast_slow.yaml")
    axes = content.axes.model_copy(update={"separation": tuple(SEPARATIONS), "seed": (*range(SETS),)})
    return content.model_copy(update={"axes": axes})


def cells_of(study: Study, powers: np.ndarray, factors: np.ndarray) -> xr.Dataset:
    """Cells of distances factor × separation^power, one power and one factor for each set."""
    labels, dims = cube.labels_of(study), study.dimensions
    frame, valid = cube.frame(labels).dataset(), np.ones(labels.shape, bool)
    x = np.array(SEPARATIONS)[:, None, None, None]
    for one in study.described_model.observables:
        values = factors * x**powers if one.name == "distance" else 0.0
        filled = np.broadcast_to(values, labels.shape).astype(cube.dtype_of(one))
        frame[one.name] = dims, filled, cube.attributes_of(one)
    return frame.assign(valid=(dims, valid))


def test_the_mean_is_that_of_logarithms_and_its_error_is_relative(study: Study) -> None:
    """One set that is 100 times as far does not carry the mean: of 1, 1, 1, 1, 100 it is 100^(1/5)."""
    factors = np.array([1.0, 1.0, 1.0, 1.0, 100.0])
    out = power_laws(cells_of(study, np.ones(SETS), factors), study)
    np.testing.assert_allclose(out["distance_geometric"].values.ravel(), 100**0.2 * np.array(SEPARATIONS))
    wanted = np.log(factors).std(ddof=1) / SETS**0.5
    np.testing.assert_allclose(out["distance_geometric_error"], wanted)


def test_exponents_are_fitted_up_to_one_decade_and_paired(study: Study) -> None:
    """Sets that differ by factors of 10^4 know their common power all the same."""
    factors, powers = np.geomspace(1e-2, 1e2, SETS), np.array([0.9, 1.0, 1.1, 0.95, 1.05])
    cells = cells_of(study, powers, factors)
    last = {"separation": SEPARATIONS[-1]}
    cells["distance"].loc[last] = 7.0  # beyond the decade: not fitted
    out = power_laws(cells, study)
    np.testing.assert_allclose(out["distance_exponent"], 1.0)
    np.testing.assert_allclose(out["distance_exponent_error"], powers.std(ddof=1) / SETS**0.5)
    facts = out["distance_exponent"].attrs
    assert (facts["stated"], facts["fitted_up_to"]) == (1.0, 0.01)


def test_what_is_not_above_zero_has_no_geometric_mean(study: Study) -> None:
    cells = cells_of(study, np.ones(SETS), np.ones(SETS))
    cells["distance"].loc[{"separation": 0.002, "seed": 1}] = 0.0
    out = power_laws(cells, study)
    known = np.isfinite(out["distance_geometric"].values.ravel())
    assert known.tolist() == [True, False, True, True]
    assert np.isnan(out["distance_exponent"])


def test_a_set_that_lacks_a_cell_is_not_fitted(study: Study) -> None:
    cells = cells_of(study, np.array([1.0, 1.0, 1.0, 1.0, 3.0]), np.ones(SETS))
    cells["valid"].loc[{"separation": 0.002, "seed": 4}] = False
    out = power_laws(cells, study)
    assert out["distance_exponent"].item() == pytest.approx(1.0)
    assert out["distance_exponent_error"].item() == pytest.approx(0.0, abs=1e-12)


def test_estimates_have_them_and_other_studies_do_not(study: Study) -> None:
    out = aggregate(cells_of(study, np.ones(SETS), np.ones(SETS)), study)
    assert out["distance_exponent"].item() == pytest.approx(1.0)
    plain = load_study(STUDIES / "hopfield.yaml")
    assert not power_laws(cube.frame(cube.labels_of(plain)).dataset(), plain)
