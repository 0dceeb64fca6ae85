"""How far simulation is from theory: in standard errors of the mean, not in spreads of what it is made of."""

import math

import numpy as np
import pytest
from agreement import Sample


def test_a_pull_is_the_difference_over_the_standard_error_of_the_mean():
    """Four sets 0.9, 0.8, 0.7, 0.6: mean 0.75, standard error sqrt(0.05/12); the fifth did not stay."""
    columns = {"overlap": np.array([0.9, 0.8, 0.7, 0.6, 0.1]), "retrieved": np.array([1.0, 1, 1, 1, 0.5])}
    found = Sample(0.05, 0.2, columns).compare("overlap", lambda _load, _temperature: 0.7)
    assert found.error == pytest.approx(math.sqrt(0.05 / 12), rel=1e-12)
    assert found.z == pytest.approx(0.05 / math.sqrt(0.05 / 12), rel=1e-12)
    lost = Sample(0.05, 0.2, columns).compare("overlap", lambda _load, _temperature: math.nan)
    assert lost.simulation == pytest.approx(0.62)
    assert math.isnan(lost.z)
