"""The Hopfield theory against printed reference values and against independent quadrature."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from mattis.theory import hopfield
from mattis.theory.saddles import Saddle, Spinodals, glass_states, retrieval_states, spinodals

MATTIS = {0.2: 0.999909, 0.4: 0.985624, 0.6: 0.907332, 0.8: 0.710412}
POINTS = [(0.1, 0.02), (0.13, 0.005), (0.138, 0.022), (0.0588, 0.5), (1e-6, 0.9), (0.02, 0.6)]
OVERLAP_AND_Q = [
    (0.05, 0.2, 0.998878, 0.997830),
    (0.1, 0.2, 0.989085, 0.984417),
    (0.05, 0.3, 0.991165, 0.982961),
    (0.03, 0.5, 0.936049, 0.879717),
    (0.05, 0.5, 0.904106, 0.833358),
    (0.02, 0.6, 0.879290, 0.779278),
]


def at_one(states, *at):
    """What is found at many places, at one: its fields as numbers."""
    found = states(*(np.array([float(each)]) for each in at))
    return type(found)(*(float(column[0]) for column in vars(found).values()))


def spinodal(temperature: float) -> Spinodals:
    """Return load, width and overlap where the retrieval state ends, as numbers."""
    return at_one(spinodals, temperature)


def retrieval(load: float, temperature: float) -> Saddle:
    """Return the retrieval state, its fields as numbers."""
    return at_one(retrieval_states, load, temperature)


def spin_glass(load: float, temperature: float) -> Saddle:
    """Return the state without overlap, its fields as numbers."""
    return at_one(glass_states, load, temperature)


def printed(value: float, digits: int = 6) -> object:
    """A value printed to `digits` decimals."""
    return pytest.approx(value, abs=0.51 * 10**-digits, rel=0)


def gaussian(function, mean, width, temperature):
    """E function((mean + width z)/T) by adaptive quadrature, split around the step of tanh."""
    centre, step = -mean / width, temperature / width
    splits = [centre + k * step for k in (-20, -5, -1, 0, 1, 5, 20)]
    edges = [-9.0, *(z for z in splits if -9 < z < 9), 9.0]

    def integrand(z):
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return density * function((mean + width * z) / temperature)

    pieces = pairwise(edges)
    return sum(quad(integrand, a, b, epsabs=1e-14, epsrel=1e-13)[0] for a, b in pieces)


def independent_load(width, temperature):
    """The load whose retrieval branch has this width, by quadrature and bracketing alone."""

    def excess(m):
        return gaussian(math.tanh, m, width, temperature) - m

    m = brentq(excess, 0.5, 1, xtol=1e-15)
    q = gaussian(lambda u: math.tanh(u) ** 2, m, width, temperature)
    return width**2 * (1 - (1 - q) / temperature) ** 2 / q


@settings(max_examples=25, deadline=None)
@given(
    temperature=st.one_of(st.sampled_from([0.0, 1e-4, 0.02, 0.0229]), st.floats(1e-3, 0.9999)),
    count=st.integers(1, 24),
)
def test_overlaps_along_a_branch_are_those_of_each_load(temperature, count):
    end = spinodal(temperature).load
    loads = np.array([*np.linspace(1e-3, 0.9999, count) * end, end * 1.001, 1.0])
    each = [hopfield.overlap(float(load), temperature) for load in loads]
    np.testing.assert_allclose(
        hopfield.overlap.over(loads, np.full(loads.size, temperature)), each, rtol=0, atol=1e-11
    )
    assert np.isnan(each[-2:]).all()


def test_no_load_has_an_overlap_beyond_the_last_temperature():
    assert np.isnan(hopfield.overlap.over(np.linspace(0.01, 0.1, 60), np.full(60, 1.2))).all()


@pytest.mark.parametrize(
    ("load", "m"),
    [
        (0.05, 0.999992),
        (0.08, 0.999557),
        (0.10, 0.997999),
        (0.12, 0.993223),
        (0.13, 0.987212),
        (0.1375, 0.972953),
    ],
)
def test_zero_temperature_overlap_is_as_printed(load, m):
    assert hopfield.overlap(load, 0) == printed(m)
    assert hopfield.edwards_anderson(load, 0) == 1


@pytest.mark.parametrize(("load", "temperature", "m", "q"), OVERLAP_AND_Q)
def test_overlap_and_q_are_as_printed(load, temperature, m, q):
    assert hopfield.overlap(load, temperature) == printed(m)
    assert hopfield.edwards_anderson(load, temperature) == printed(q)


@pytest.mark.parametrize(
    ("load", "T_M", "m"),
    [
        (0.01, 0.801018, 0.57725),
        (0.02, 0.716481, 0.67659),
        (0.03, 0.650417, 0.73915),
        (0.04, 0.593569, 0.78475),
        (0.05, 0.542255, 0.82029),
        (0.07, 0.448927, 0.87293),
        (0.09, 0.360442, 0.91014),
        (0.11, 0.267954, 0.93741),
        (0.13, 0.148919, 0.95788),
    ],
)
def test_retrieval_temperature_and_overlap_there_are_as_printed(load, T_M, m):
    assert hopfield.T_M(load) == printed(T_M)
    assert spinodal(hopfield.T_M(load)).overlap == printed(m, 5)


@pytest.mark.parametrize(
    ("temperature", "load"),
    [(0.1, 0.135049), (0.3, 0.103330), (0.5, 0.058816), (0.7, 0.022322), (0.9, 0.002568)],
)
def test_largest_load_is_as_printed(temperature, load):
    assert hopfield.alpha_M(temperature) == printed(load)


@pytest.mark.parametrize(
    ("load", "T_c"),
    [(0.01, 0.721624), (0.02, 0.591300), (0.03, 0.478793), (0.04, 0.365231), (0.05, 0.216383)],
)
def test_thermodynamic_temperature_is_as_printed(load, T_c):
    assert hopfield.T_c(load) == printed(T_c)


@pytest.mark.parametrize(("load", "T_AT"), [(0.125, 0.006791), (0.13, 0.009473)])
def test_almeida_thouless_temperature_is_as_printed(load, T_AT):
    assert hopfield.T_AT(load) == printed(T_AT)


@pytest.mark.parametrize(("load", "m"), [(0.12, 0.99385), (0.13, 0.98957), (0.14, 0.98202)])
def test_hysteretic_overlap_is_as_printed_and_above_theory(load, m):
    assert hopfield.hysteresis_overlap(load) == printed(m, 5)
    assert not hopfield.hysteresis_overlap(load) <= hopfield.overlap(load, 0)


def test_special_loads_are_as_printed():
    end = spinodal(0)
    assert hopfield.alpha_c() == printed(0.1379055665, 10)
    assert end.overlap == printed(0.9674171, 7)
    assert end.overlap / (math.sqrt(2) * end.width) == printed(1.5112186, 7)
    assert hopfield.alpha_1(0) == printed(0.0518543, 7)
    assert hopfield.alpha_1(0) == pytest.approx(math.pi / 2 * (0.5 - 1 / math.pi) ** 2, rel=2e-4)
    assert not math.isnan(hopfield.hysteresis_overlap(0.1538345))
    assert math.isnan(hopfield.hysteresis_overlap(0.1538355))


def test_zero_temperature_energies_are_as_printed():
    assert hopfield.energy(0.1, 0) == printed(-0.5001542, 7)
    assert spin_glass(0.1, 0).energy == printed(-0.5706231, 7)


@pytest.mark.parametrize("y", [1.5113, 1.6, 2.0, 3.0, 5.0])
def test_zero_temperature_overlap_follows_the_closed_form(y):
    root = math.erf(y) / y - 2 / math.sqrt(math.pi) * math.exp(-y * y)
    # At the end of the branch dm/d alpha diverges: rounding of the load shows at 1e-12/1e-4.
    assert hopfield.overlap(root**2 / 2, 0) == pytest.approx(math.erf(y), rel=1e-11)


@pytest.mark.parametrize("load", [1e-4, 0.05, 0.1, 0.5, 2.0])
def test_zero_temperature_spin_glass_follows_the_closed_form(load):
    state = spin_glass(load, 0)
    e = -1 / math.pi - math.sqrt(2 * load / math.pi)
    assert state.energy == pytest.approx(e, rel=1e-13)
    assert state.free_energy == pytest.approx(e, rel=1e-13)


@pytest.mark.parametrize(("load", "temperature"), POINTS)
def test_retrieval_state_solves_the_equations(load, temperature):
    state = retrieval(load, temperature)
    m, width = state.overlap, math.sqrt(load * state.noise)
    q = gaussian(lambda u: math.tanh(u) ** 2, m, width, temperature)
    assert m == pytest.approx(gaussian(math.tanh, m, width, temperature), abs=1e-12)
    assert state.edwards_anderson == pytest.approx(q, abs=1e-12)
    assert state.noise == pytest.approx(q / (1 - (1 - q) / temperature) ** 2, rel=1e-10)


@pytest.mark.parametrize(
    ("load", "temperature"), [(0.1, 0.01), (0.05, 0.9), (0.1, 1.3), (0.1, 1.316), (1e-6, 0.5)]
)
def test_spin_glass_state_solves_the_equations(load, temperature):
    state = spin_glass(load, temperature)
    width = math.sqrt(load * state.noise)
    q = gaussian(lambda u: math.tanh(u) ** 2, 0.0, width, temperature)
    assert state.overlap == 0
    assert state.edwards_anderson == pytest.approx(q, abs=1e-12)
    gap = 1 - (1 - q) / temperature
    assert gap > 0
    assert state.noise * gap**2 == pytest.approx(q, rel=1e-8, abs=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(0.0, 0.99), st.floats(1e-6, 0.999))
def test_retrieval_is_the_stable_branch_of_large_overlap(temperature, fraction):
    end = spinodal(temperature)
    state = retrieval(fraction * end.load, temperature)
    assert end.overlap < state.overlap <= math.tanh(1 / max(temperature, 1e-3))
    assert 0 <= state.susceptibility < 1
    assert state.width == pytest.approx(math.sqrt(fraction * end.load * state.noise), rel=1e-9)
    more = hopfield.overlap(min(1.0, 1.01 * fraction) * end.load, temperature)
    assert more <= state.overlap


@pytest.mark.parametrize("load", [0.02, 0.1, 0.13, 0.138])
def test_load_is_stationary_in_the_width_at_the_retrieval_temperature(load):
    T_M = hopfield.T_M(load)
    width = spinodal(T_M).width
    below, at, above = (independent_load(width * (1 + d), T_M) for d in (-1e-3, 0, 1e-3))
    assert at == pytest.approx(load, rel=1e-10)
    assert below < at
    assert above < at
    assert abs(above - below) < 0.01 * (2 * at - above - below)  # the slope, against the curvature


def test_no_retrieval_just_above_the_retrieval_temperature():
    for load in (1e-6, 1e-4, 0.01, 0.1, 0.138):
        T_M = hopfield.T_M(load)
        assert hopfield.overlap(load, T_M - 1e-9 * (1 - T_M)) > 0
        assert math.isnan(hopfield.overlap(load, T_M + 1e-9 * (1 - T_M)))


def test_retrieval_is_reentrant_above_alpha_c():
    assert math.isnan(hopfield.overlap(0.138, 0))
    assert math.isnan(hopfield.overlap(0.138, 0.0041))
    assert math.isnan(hopfield.overlap(0.138, 0.0417))
    overlaps = [hopfield.overlap(0.138, t) for t in (0.0043, 0.022, 0.0415)]
    assert all(0.966 < m < 0.971 for m in overlaps)
    assert hopfield.T_M(0.138) == pytest.approx(0.041605907748, abs=1e-10)
    assert hopfield.alpha_M(0.02) == printed(0.138184)
    top = spinodal(0.0229)
    assert top.load == printed(0.1381885, 7)
    assert top.load == pytest.approx(independent_load(top.width, 0.0229), rel=1e-11)
    assert top.load > max(hopfield.alpha_M(0.021), hopfield.alpha_M(0.025))
    assert math.isnan(hopfield.T_M(0.1382))


@pytest.mark.parametrize("load", [0.02, 0.1, 0.13])
def test_low_temperature_is_continuous_with_zero(load):
    for state in (retrieval, spin_glass):
        cold, zero = state(load, 1e-6), state(load, 0)
        for name in ("overlap", "edwards_anderson", "noise", "energy", "free_energy"):
            assert getattr(cold, name) == pytest.approx(getattr(zero, name), rel=2e-5, abs=1e-12)
        assert zero.energy == pytest.approx(zero.free_energy, rel=1e-12)


@pytest.mark.parametrize(
    ("state", "load", "temperature"),
    [
        (retrieval, 0.1, 0.02),
        (retrieval, 0.05, 0.5),
        (retrieval, 0.02, 0.7),
        (spin_glass, 0.1, 0.05),
        (spin_glass, 0.05, 1.1),
        (spin_glass, 0.05, 1.5),
    ],
)
def test_energy_is_the_derivative_of_beta_f(state, load, temperature):
    beta, step = 1 / temperature, 1e-4 / temperature

    def beta_f(b):
        return b * state(load, 1 / b).free_energy

    slope = (beta_f(beta + step) - beta_f(beta - step)) / (2 * step)
    assert state(load, temperature).energy == pytest.approx(slope, rel=1e-7)


def test_energy_without_self_coupling_vanishes_at_high_temperature():
    for temperature in (1e2, 1e4):
        e = spin_glass(0.3, temperature).energy
        assert e == pytest.approx(-0.15 / (temperature - 1), rel=1e-9)


@pytest.mark.parametrize("load", [0.003, 0.05])
def test_both_states_have_equal_free_energy_at_T_c(load):
    T_c = hopfield.T_c(load)
    gap = hopfield.free_energy(load, T_c) - spin_glass(load, T_c).free_energy
    assert abs(gap) < 1e-12
    assert hopfield.free_energy(load, T_c - 0.01) < spin_glass(load, T_c - 0.01).free_energy


@pytest.mark.parametrize("load", [0.04, 0.25, 1.0])
def test_spin_glass_freezes_at_T_g(load):
    T_g = hopfield.T_g(load)
    assert T_g == pytest.approx(1 + math.sqrt(load), rel=1e-15)
    assert spin_glass(load, 1.0001 * T_g).edwards_anderson == 0
    assert 0 < spin_glass(load, 0.9999 * T_g).edwards_anderson < 1e-3


@pytest.mark.parametrize(("temperature", "m"), MATTIS.items())
def test_small_load_is_the_mattis_magnet(temperature, m):
    assert hopfield.overlap(1e-10, temperature) == printed(m)
    for load in (1e-4, 1e-6, 1e-300):
        found = hopfield.overlap(load, temperature)
        assert found == pytest.approx(math.tanh(found / temperature), abs=100 * load + 1e-14)
        assert found == pytest.approx(m, abs=100 * load + 1e-6)


def test_small_load_limits_of_the_temperatures():
    for load in (1e-4, 1e-6, 1e-8, 1e-12, 1e-20):
        root = math.sqrt(load)
        assert (1 - hopfield.T_M(load)) == pytest.approx(1.95408 * root, rel=1e-4 + 0.5 * root)
        assert (1 - hopfield.T_c(load)) == pytest.approx(2.59588 * root, rel=1e-4 + 2 * root)


@pytest.mark.parametrize("load", [0.001, 0.003, 0.01, 0.02, 0.03])
def test_almeida_thouless_temperature_has_the_small_load_form(load):
    limit = math.sqrt(8 * load / (9 * math.pi)) * math.exp(-1 / (2 * load))
    # The next terms are of relative order exp(-1/(2 alpha))/alpha^2.
    assert hopfield.T_AT(load) == pytest.approx(limit, rel=1e-11 + math.exp(-0.5 / load) / load**2)


def test_almeida_thouless_temperature_crosses_over_without_a_step():
    loads = [0.001, *(0.004 * k for k in range(1, 35)), 0.137, 0.1379, 0.138, 0.1381]
    line = [hopfield.T_AT(load) for load in loads]
    limit = [math.sqrt(8 * a / (9 * math.pi)) * math.exp(-1 / (2 * a)) for a in loads]
    ratios = [t / u for t, u in zip(line, limit, strict=True)]
    assert all(1 - 1e-10 < a <= b + 1e-10 for a, b in pairwise(ratios))
    assert hopfield.T_AT(1e-4) == 0.0  # exp(-5000) underflows


@pytest.mark.parametrize("load", [0.05, 0.13, 0.138])
def test_almeida_thouless_condition_holds(load):
    T = hopfield.T_AT(load)
    state = retrieval(load, T)

    def sech4(u):
        return 1 / math.cosh(min(abs(u), 100.0)) ** 4

    replicon = load * gaussian(sech4, state.overlap, state.width, T) / T**2
    assert replicon == pytest.approx((1 - state.susceptibility) ** 2, rel=1e-9)


@pytest.mark.parametrize("load", [0.1382, 0.5, 1.0, 7.0])
def test_no_retrieval_above_the_largest_load(load):
    lines = (hopfield.T_M, hopfield.T_c, hopfield.T_AT)
    assert all(math.isnan(line(load)) for line in lines)
    for temperature in (0.0, 0.022, 0.5):
        state = retrieval(load, temperature)
        assert math.isnan(state.overlap)
        assert math.isnan(state.energy)


def test_what_does_not_exist_is_nan():
    assert math.isnan(hopfield.overlap(0.01, 1.0))
    assert math.isnan(hopfield.overlap(0.01, 2.0))
    assert math.isnan(hopfield.alpha_M(1.0))
    assert math.isnan(hopfield.T_c(0.0532))
    assert math.isnan(hopfield.T_AT(0.138188))
    assert math.isnan(hopfield.hysteresis_overlap(0.16))
