"""Lines through landscapes of several sizes: exact ones, and noisy ones whose errors are right."""

import math

import numpy as np
import pytest
import xarray as xr
from builders import refused

from mattis.statistics.extrapolation import complexity, fitted_line, ground_energy

SIZES = np.array([10.0, 14.0, 20.0, 32.0])


def cells(values: np.ndarray, name: str) -> xr.Dataset:
    at = {"size": SIZES.astype(int), "seed": np.arange(values.shape[1])}
    return xr.Dataset({name: (("size", "seed"), values)}, at).expand_dims(memories=[1], beta=[math.inf])


def test_exact_lines_are_found():
    counts = np.outer(2 * np.exp(0.2 * SIZES), [0.9, 1.1])
    found = complexity(cells(counts, "minima"))
    assert found.slope == pytest.approx(0.2, abs=1e-12)
    assert found.start == pytest.approx(math.log(2), abs=1e-12)
    assert found.degrees == 2
    energies = (-0.76 + 0.7 * SIZES ** (-2 / 3))[:, None] + [-0.01, 0.01]
    line = ground_energy(cells(energies, "energy_lowest"))
    assert (line.start, line.slope) == (pytest.approx(-0.76, abs=1e-12), pytest.approx(0.7, abs=1e-12))


def test_logarithms_are_those_of_means_not_means_of_logarithms():
    counts = np.outer(np.exp(0.2 * SIZES), [0.5, 1.5]) * [[1, 1], [1, 1], [1, 1], [1, 1]]
    assert complexity(cells(counts, "minima")).start == pytest.approx(0, abs=1e-12)


def test_errors_are_those_of_many_draws():
    """Of 4000 lines the spread over the stated error is 1, within 5 of its own errors, 1/sqrt(8000)."""
    rng, errors = np.random.default_rng(5), np.array([0.3, 0.1, 0.2, 0.4])
    x = np.array([0.0, 1.0, 2.0, 5.0])
    lines = [fitted_line(x, 1 - 2 * x + errors * rng.normal(size=4), errors) for _ in range(4000)]
    for of, error, true in (("start", "start_error", 1.0), ("slope", "slope_error", -2.0)):
        pulls = np.array([(getattr(line, of) - true) / getattr(line, error) for line in lines])
        assert abs(pulls.std() - 1) < 5 / math.sqrt(8000)
        assert abs(pulls.mean()) < 5 / math.sqrt(4000)
    assert np.mean([line.chi2 for line in lines]) == pytest.approx(2, abs=5 * 2 / math.sqrt(4000))


def test_other_cells_are_refused_in_one_line():
    values = np.ones((4, 3))
    assert "question: landscape" in refused(complexity, cells(values, "overlap"))
    one = cells(values, "minima").isel(size=[0])
    assert "two of each" in refused(complexity, one)
