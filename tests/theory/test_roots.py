"""Roots of many equations at once, against SciPy's of one."""

import numpy as np
import pytest
from scipy.optimize import brentq

from mattis.theory import hopfield
from mattis.theory.numerics.arrays import Elementwise
from mattis.theory.numerics.roots import roots, top


def test_roots_are_those_of_each_equation():
    powers = np.array([0.5, 1.0, 3.0, 7.0])
    found = roots(lambda x, at: x ** powers[at] - 0.3, np.full(4, 1e-9), np.array([1.0, 2.0, 1.5, 4.0]))
    np.testing.assert_allclose(found, 0.3 ** (1 / powers), rtol=1e-13)


def test_a_root_may_be_an_end_and_a_missing_end_has_none():
    low, high = np.array([0.0, 0.0, np.nan]), np.array([1.0, 2.0, 1.0])
    found = roots(lambda x, at: x - np.array([0.0, 2.0, 0.5])[at], low, high)
    np.testing.assert_array_equal(found, [0.0, 2.0, np.nan])


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_flat_and_steep_roots_are_found(slope):
    def function(x):
        return slope * np.arctan(1e6 * (x - 0.123)) + slope * (x - 0.123) ** 9

    found = roots(lambda x, _: function(x), np.array([-1.0]), np.array([1.0]))
    assert found[0] == pytest.approx(brentq(function, -1.0, 1.0, xtol=1e-300, rtol=1e-14), abs=1e-14)


def test_the_top_of_a_parabola():
    assert top(lambda x: -((x - 0.3) ** 2), 0.0, 1.0) == pytest.approx(0.3, abs=1e-8)


def test_a_place_has_the_same_bits_alone_and_among_others():
    loads = np.linspace(1e-3, 0.137, 300)
    heat = np.linspace(0.0, 0.6, 300)
    for quantity in (hopfield.overlap, hopfield.spin_glass_energy, hopfield.T_AT):
        assert isinstance(quantity, Elementwise)
        at = (loads, heat) if quantity is not hopfield.T_AT else (loads,)
        every = quantity.over(*at)
        for k in (0, 7, 150, 299):
            alone = quantity(*(float(column[k]) for column in at))
            np.testing.assert_array_equal(alone, every[k])


def test_the_retrieval_state_is_a_root_of_its_two_equations():
    load, heat = np.meshgrid([1e-6, 0.01, 0.06, 0.1379], [0.0, 1e-3, 0.05, 0.3, 0.8])
    state = hopfield.retrieval_states(load.ravel(), heat.ravel())
    there = np.isfinite(state.width)
    assert there.sum() == 16
    m, width, t = state.overlap[there], state.width[there], heat.ravel()[there]
    found = hopfield.averages(m, width, t)
    np.testing.assert_allclose(found.mean, m, rtol=0, atol=3e-15)
    root = width * found.gap / np.sqrt(found.square)
    np.testing.assert_allclose(root**2, load.ravel()[there], rtol=3e-14)
