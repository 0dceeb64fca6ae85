"""Theory of the family of binary networks: reference numbers, limits, and equations that hold."""

import itertools
import math

import numpy as np
import pointwise
import pytest
from scipy.special import erf

from mattis.errors import UserError
from mattis.theory import evaluate, finite, hopfield, little, networks, static, steps

PRINTED = [
    ("little.overlap", {"load": 0.05, "temperature": 0.5}, 0.907984),
    ("little.overlap", {"load": 0.1, "temperature": 0.3}, 0.955603),
    ("little.overlap", {"load": 0.05, "temperature": 0.5, "diagonal": "kept"}, 0.931457),
    ("little.alpha_M", {"temperature": 0.3}, 0.104813),
    ("little.alpha_M", {"temperature": 0.5, "diagonal": "zero"}, 0.061595),
    ("little.alpha_M", {"temperature": 0.7}, 0.024754),
    ("dilution.alpha_c", {"connectivity": 1}, 0.1379055665),
    ("zero_one.overlap", {"load": 0.04}, 0.999557),
    ("zero_one.overlap", {"load": 0.055}, 0.996264),
    ("clipped.alpha_c", {}, 0.101839),
    ("clipped.overlap", {"load": 0.05}, 0.999622),
    ("clipped.overlap", {"load": 0.08}, 0.992980),
    ("clipped.overlap", {"load": 0.09}, 0.985558),
    ("clipped.overlap_finite", {"load": 0.07, "patterns": 140}, 0.997802),
    ("dead_zone.alpha_c", {"threshold": 0.612}, 0.119687),
    ("dead_zone.alpha_c", {"threshold": 0.6}, 0.119680),
    ("dilution.alpha_c", {"connectivity": 0.5}, 0.086542),
    ("sequence.alpha_c", {}, 0.269062),
    ("sequence.overlap", {"load": 0.1}, 0.998405),
    ("sequence.overlap", {"load": 0.2}, 0.966326),
    ("sequence.overlap", {"load": 0.25}, 0.914016),
    ("dilute.overlap", {"load": 0.1, "temperature": 0}, 0.998407),
    ("dilute.overlap", {"load": 0.3, "temperature": 0}, 0.899440),
    ("dilute.overlap", {"load": 0.5, "temperature": 0}, 0.617447),
    ("dilute.T_c", {"load": 0.1}, 0.899420),
    ("dilute.T_c", {"load": 0.3}, 0.685380),
    ("palimpsest.alpha_c", {"epsilon": 4.108}, 0.048958),
    ("palimpsest.alpha_c", {"epsilon": 5}, 0.046130),
    ("mixture.overlap", {"n": 1, "temperature": 0.2}, 0.999909),
    ("mixture.overlap", {"n": 1, "temperature": 0.4}, 0.985624),
    ("mixture.overlap", {"n": 1, "temperature": 0.6}, 0.907332),
    ("mixture.overlap", {"n": 1, "temperature": 0.8}, 0.710412),
    ("mixture.overlap", {"n": 3, "temperature": 0.2}, 0.496536),
    ("mixture.overlap", {"n": 3, "temperature": 0.4}, 0.452241),
    ("mixture.overlap", {"n": 3, "temperature": 0}, 0.5),
    ("mixture.T_star", {"n": 3}, 0.459794),
    ("mixture.T_star", {"n": 1}, 1.0),
    ("mixture.alpha_c", {"n": 3}, 0.029942),
    ("sk.q", {"temperature": 0.5}, 0.530368),
    ("van_hemmen.q", {"temperature": 0.5}, 0.478752),
    ("gaussian.overlap", {"temperature": 0.5}, 0.668554),
    ("gaussian.overlap", {"temperature": 0}, 0.797885),
    ("random_axis.overlap", {"dimension": 3, "temperature": 0.2}, 0.413254),
    ("random_axis.overlap", {"dimension": 2, "temperature": 0}, 2 / math.pi),
    ("random_axis.overlap", {"dimension": 3, "temperature": 0}, 0.5),
    ("parallel.one_step", {"load": 0.1, "overlap": 0.3}, 0.657218),
    ("parallel.one_step", {"load": 0.1, "overlap": 0.7}, 0.973143),
    ("parallel.one_step", {"load": 0.2, "overlap": 0.5}, 0.736448),
    ("parallel.two_steps", {"load": 0.1, "overlap": 0.3}, 0.709025),
    ("parallel.two_steps", {"load": 0.1, "overlap": 0.7}, 0.992928),
    ("parallel.two_steps", {"load": 0.2, "overlap": 0.5}, 0.737533),
    ("bounded.signal", {"levels": 3, "age": 1}, 6 / 7),
    ("bounded.signal", {"levels": 3, "age": 2}, 5 / 7),
    ("bounded.signal", {"levels": 3, "age": 3}, 9 / 14),
    ("bounded.signal", {"levels": 3, "age": 4}, 0.571429),
    ("bounded.signal", {"levels": 3, "age": 5}, 0.517857),
]
"""Six digits of solvers that know nothing of these."""

PRINTED_SHORT = [
    ("hopfield.familiarity", {"load": 5}, 0.32736),
    ("hopfield.familiarity", {"load": 5, "neurons": "zero_one"}, 0.37591),
    ("bounded.signal", {"levels": 3, "age": 6}, 0.46429),
]
"""Five digits."""


@pytest.mark.parametrize(("name", "at", "expected"), PRINTED)
def test_numbers_of_independent_solvers(name, at, expected):
    assert evaluate(name, **at) == pytest.approx(expected, rel=0, abs=0.51e-6)


@pytest.mark.parametrize(("name", "at", "expected"), PRINTED_SHORT)
def test_five_digits_of_independent_solvers(name, at, expected):
    assert evaluate(name, **at) == pytest.approx(expected, rel=0, abs=6e-6)


@pytest.mark.parametrize(
    ("size", "patterns", "neurons", "expected"),
    [(100, 10, "signs", 0.00042906), (100, 10, "zero_one", 0.00921106), (100, 5, "signs", 2.867e-7),
     (100, 5, "zero_one", 2.035e-4)],
)  # fmt: skip
def test_the_error_of_a_bit_is_hopfields(size, patterns, neurons, expected):
    value = evaluate("hopfield.bit_error", size=size, patterns=patterns, neurons=neurons)
    assert value == pytest.approx(expected, rel=2e-4)


def test_without_noise_of_its_own_every_rule_is_hebbs():
    for load in (0.02, 0.08, 0.13):
        ags = hopfield.overlap(load, 0.0)
        assert static.dilution_overlap(load, 1.0) == pytest.approx(ags, abs=1e-11)
        assert little.overlap(load, 0.0, "zero") == ags
        assert little.overlap(load, 0.01, "zero") == pytest.approx(hopfield.overlap(load, 0.005), abs=3e-4)
    assert static.dilution_alpha_c(1.0) == pytest.approx(hopfield.alpha_c(), rel=1e-12)
    assert static.dead_zone_alpha_c(0.0) == pytest.approx(static.clipped_alpha_c(), rel=1e-12)
    assert finite.mixture_alpha_c(1) == pytest.approx(hopfield.alpha_c(), rel=1e-12)


@pytest.mark.parametrize("load", [0.05, 0.09])
@pytest.mark.parametrize("kappa", [0.0, math.pi / 2 - 1])
def test_static_noise_solves_the_equations_of_its_state(load, kappa):
    """m = erf(m/sqrt(2 alpha R)), R = 1/(1 - C)^2 + kappa, C = sqrt(2/(pi alpha R)) e^{-y^2}."""
    m = static._overlap(static._noisy(kappa), load)
    noise = 1.0
    for _ in range(200):
        y = m / math.sqrt(2 * load * noise)
        c = math.sqrt(2 / (math.pi * load * noise)) * math.exp(-y * y)
        noise = 1 / (1 - c) ** 2 + kappa
    assert m == pytest.approx(math.erf(m / math.sqrt(2 * load * noise)), abs=1e-12)


def two_layers(m, load, q, t, temperature, kept):
    """Return m, q and t after one turn of Peretto's saddle point, as it is printed: plain sums over z."""
    b, z = 1 / temperature, np.linspace(-9, 9, 40_001)
    weight = np.exp(-z * z / 2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    gap = 1 - b * (1 + t - 2 * q)
    field = load / 2 * (1 / gap + 1 / (1 + b * (1 - t))) - (0 if kept else load)
    h = m + math.sqrt(load * q) / gap * z
    more, less = np.exp(b * field), np.exp(-b * field)
    total = more * np.cosh(2 * b * h) + less
    turned = more * np.sinh(2 * b * h) / total
    tied = (more * np.cosh(2 * b * h) - less) / total
    return [float(weight @ x) for x in (turned, turned**2, tied)]


@pytest.mark.parametrize(
    ("load", "temperature", "kept", "t"),
    [(0.05, 0.5, False, 0.839818), (0.1, 0.3, False, 0.936717), (0.05, 0.5, True, 0.880204),
     (0.1, 0.1, False, None), (0.02, 0.75, True, None)],
)  # fmt: skip
def test_littles_state_solves_the_equations_of_two_layers(load, temperature, kept, t):
    word = "kept" if kept else "zero"
    m = little.overlap(load, temperature, word)
    q, tied = (f(load, temperature, word) for f in (little.edwards_anderson, little.persistence))
    assert two_layers(m, load, q, tied, temperature, kept) == pytest.approx([m, q, tied], abs=1e-10)
    assert t is None or tied == pytest.approx(t, abs=0.51e-6)
    alone = hopfield.overlap(load, temperature)
    assert m > alone or math.isnan(alone)


@pytest.mark.parametrize("word", ["zero", "kept"])
@pytest.mark.parametrize("temperature", [0.01, 0.5, 0.97])
def test_little_arrays_are_the_states_point_by_point(temperature, word):
    """Within 1e-10, where the load is below the end by 1e-4 of it; beyond the end there is no state."""
    _, most = pointwise.layer_end(temperature, word == "kept")
    shares = np.array([1e-6, 0.01, 0.5, 0.9, 0.9999, 1 - 1e-9, 1 + 1e-9, 1.2])
    at = shares * most, np.full(shares.size, temperature)
    assert little.alpha_M(temperature, word) == pytest.approx(most, rel=1e-11)
    seen = [f.over(*at, word) for f in (little.overlap, little.edwards_anderson, little.persistence)]
    assert np.isnan(seen).tolist() == [[False] * 6 + [True] * 2] * 3
    for k, load in enumerate(at[0][:5].tolist()):
        m, slope, other = pointwise.layer_at(load, temperature, word == "kept")
        wanted = m, 1 - temperature * slope, 1 - temperature * other
        np.testing.assert_allclose([each[k] for each in seen], wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("word", ["zero", "kept"])
def test_little_places_do_not_know_each_other(word):
    """Bits of a place do not depend on what is solved beside it: cold, warm, without a state."""
    draw = np.random.default_rng(4)
    load, temperature = draw.uniform(0, 0.12, 60), draw.uniform(0, 1.1, 60)
    temperature[:6] = 0.0
    whole = little.overlap.over(load, temperature, word)
    assert 10 < np.isfinite(whole).sum() < 50
    assert np.isnan(whole[temperature > 1]).all()
    np.testing.assert_array_equal(whole[:6], hopfield.overlap.over(load[:6], np.zeros(6)))
    for some in (slice(0, 9), slice(3, 60, 7), slice(59, 60)):
        found = little.overlap.over(load[some], temperature[some], word)
        np.testing.assert_array_equal(found, whole[some])


@pytest.mark.parametrize("word", ["zero", "kept"])
@pytest.mark.parametrize("temperature", [0.05, 0.4, 0.8])
def test_little_growth_is_a_difference_of_loads(temperature, word):
    heat = np.full(3, temperature)
    (end,), _ = little.ends(heat[:1], word)
    width = 0.8 * end * np.array([1 - 1e-5, 1, 1 + 1e-5])
    found = little.states(width, heat, word)
    roots = np.log(found.root_load(width, heat))
    rate = little.growth(width, heat, word, found)[1]
    assert rate == pytest.approx((roots[2] - roots[0]) / 2e-5, abs=1e-7)


def test_littles_state_is_that_of_half_the_temperature_when_cold():
    """There p vanishes, and what is left are the equations of one layer at T/2."""
    for kept in ("zero", "kept"):
        for heat in (1e-3, 1e-5, 1e-8, 1e-12):
            cold = hopfield.overlap(0.1, heat / 2)
            assert little.overlap(0.1, heat, kept) == pytest.approx(cold, abs=1e-7)
            assert little.alpha_M(heat, kept) == pytest.approx(hopfield.alpha_M(heat / 2), rel=1e-12)


def test_littles_cold_network_is_solved_at_half_its_temperature():
    for kept in ("zero", "kept"):
        assert little.alpha_M(9e-10, kept) == hopfield.alpha_M(4.5e-10) != hopfield.alpha_M(9e-10)
        assert little.overlap(0.1, 9e-10, kept) == hopfield.overlap(0.1, 4.5e-10)


def test_littles_branch_ends_at_the_largest_load():
    for word in ("zero", "kept"):
        top = little.alpha_M(0.5, word)
        assert math.isnan(little.overlap(top * (1 + 1e-9), 0.5, word))
        near = [little.overlap(top * (1 - d), 0.5, word) for d in (1e-2, 1e-4, 1e-6)]
        assert near == sorted(near, reverse=True)
        # a square-root end: a hundredth of the distance, a tenth of the way
        assert (near[1] - near[2]) / (near[0] - near[1]) == pytest.approx(0.1, rel=0.1)


def test_a_random_axis_in_one_dimension_is_a_mattis_state():
    for heat in (0.0, 0.3, 0.9):
        alone = finite.mixture_overlap(1, heat)
        assert finite.random_axis_overlap(1, heat) == pytest.approx(alone, abs=1e-11)
    assert finite.random_axis_overlap(4, 0.25) == 0.0
    assert finite.random_axis_overlap(4, 0.249) < 0.1


def test_axes_and_gaussians_average_as_they_are_drawn():
    """<u tanh(b M u)> by a plain sum over a million angles, and E z tanh by a plain sum over z."""
    angle = (np.arange(1_000_000) + 0.5) * np.pi / 1_000_000
    m = finite.random_axis_overlap(3, 0.2)
    weight = np.sin(angle)
    u = np.cos(angle)
    assert (weight * u * np.tanh(m * u / 0.2)).sum() / weight.sum() == pytest.approx(m, abs=1e-9)
    z = np.linspace(-9, 9, 200_001)
    normal = np.exp(-z * z / 2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    m = finite.gaussian_overlap(0.5)
    assert (normal * z * np.tanh(m * z / 0.5)).sum() == pytest.approx(m, abs=1e-10)
    q = finite.sk_q(0.5)
    assert (normal * np.tanh(math.sqrt(q) * z / 0.5) ** 2).sum() == pytest.approx(q, abs=1e-10)


def test_saturating_couplings_keep_what_their_walls_let_them():
    """The signal of a walk between walls: the diffusion equation is the Markov chain of many levels."""
    levels = 60
    for age in (40, 400, 2000):
        tau = (age - 0.5) / (levels + 0.5) ** 2
        assert static._signal(tau) == pytest.approx(static.bounded_signal(levels, age), abs=2e-3)
    assert static._signal(0.0499999) == pytest.approx(static._signal(0.0500001), abs=1e-6)


def test_the_linear_part_of_saturating_couplings_is_not_all_of_their_variance():
    """int s^2 by all pairs of its modes, 8/(pi^2 (k^2 + l^2)) each, and by a chain of 61 levels."""
    k = np.arange(1, 2001, 2.0)[:, None]
    exact = float((64 * 8 / math.pi**6 / (k**2 * k.T**2 * (k**2 + k.T**2))).sum())
    weights, signal = static._ages()
    assert float(weights @ signal**2) == pytest.approx(exact, abs=1e-8)
    values, at, squares = np.arange(-30, 31), np.arange(61), 0.0
    ahead = values.astype(float)  # what T will be on average, whatever it is now
    for age in range(1, 5000):
        up, down = ahead[np.minimum(at + 1, 60)], ahead[np.maximum(at - 1, 0)]
        signal = (up - down).mean() / 2
        squares += signal**2 / 30.5**2
        assert age > 3 or signal == pytest.approx(static.bounded_signal(30, age), abs=1e-12)
        ahead = (up + down) / 2
    assert squares == pytest.approx(exact, abs=2e-3)
    assert 4 / 15 < exact < 1 / 3


def test_saturating_couplings_keep_nothing_of_a_large_bound_or_load():
    assert math.isnan(static.bounded_alpha_c(4.0))
    assert math.isnan(static.bounded_overlap(0.05, 0.355))


@pytest.mark.parametrize(("load", "bound"), [(0.01, 0.35), (0.03, 0.3546), (0.02, 0.5)])
def test_a_state_of_saturating_couplings_solves_its_equations(load, bound):
    m = static.bounded_overlap(load, bound)
    tau = (np.arange(400_000) + 0.5) * 20 / 400_000
    k = np.arange(1, 16, 2.0)[:, None]
    late = 8 / math.pi**2 * (np.exp(-(k**2) * math.pi**2 * tau / 8) / k**2).sum(0)
    s = np.where(tau < 0.05, 1 - np.sqrt(2 * tau / math.pi), late)
    signal, c = static._signal(load / bound**2), 0.0
    step = tau[1] - tau[0]
    for _ in range(100):
        noise = bound**2 * (step * ((s / (1 - c * s)) ** 2 - s**2).sum() + 1 / 3)
        y = signal * m / math.sqrt(2 * noise)
        c = math.sqrt(2 / (math.pi * noise)) * math.exp(-y * y)
    assert m == pytest.approx(math.erf(y), abs=1e-6)


@pytest.mark.parametrize(("load", "epsilon"), [(0.01, 4.108), (0.048, 4.108), (0.03, 6.0)])
def test_a_state_of_fading_patterns_solves_its_equations(load, epsilon):
    m = static.palimpsest_overlap(load, epsilon)
    weight, c = epsilon * math.exp(-(epsilon**2) * load / 2), 1e-3
    for _ in range(300):
        x = c * epsilon
        noise = 2 / x**2 * (1 / (1 - x) - 1 + math.log1p(-x))
        y = weight * m / math.sqrt(2 * noise)
        c = max(math.sqrt(2 / (math.pi * noise)) * math.exp(-y * y), 1e-4)
    assert m == pytest.approx(math.erf(y), abs=1e-10)


@pytest.mark.parametrize("load", [0.1, 0.25])
def test_a_state_of_a_sequence_solves_its_equations(load):
    m, c = static.sequence_overlap(load), 0.0
    for _ in range(300):
        noise = 1 / (1 - c * c)
        y = m / math.sqrt(2 * load * noise)
        c = math.sqrt(2 / (math.pi * load * noise)) * math.exp(-y * y)
    assert m == pytest.approx(math.erf(y), abs=1e-11)


def test_few_directed_bonds_solve_their_equation_and_lose_it_at_T_c():
    z = np.linspace(-9, 9, 20_001)
    normal = np.exp(-z * z / 2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    m = static.dilute_overlap(0.2, 0.5)
    assert (normal * np.tanh((m + math.sqrt(0.2) * z) / 0.5)).sum() == pytest.approx(m, abs=1e-11)
    end = static.dilute_T_c(0.2)
    assert (normal / np.cosh(math.sqrt(0.2) * z / end) ** 2).sum() == pytest.approx(end, abs=1e-11)
    assert static.dilute_overlap(0.2, end * 1.0001) == 0.0 < static.dilute_overlap(0.2, end * 0.999)
    m = static.dilute_overlap(0.6, 0.0)
    assert m == pytest.approx(math.erf(m / math.sqrt(1.2)), abs=1e-12)


def test_mixtures_solve_their_equation():
    for n, heat in ((1, 0.7), (3, 0.4), (5, 0.2)):
        m = finite.mixture_overlap(n, heat)
        z = np.array([sum(signs) for signs in itertools.product((-1, 1), repeat=n)])
        assert (z * np.tanh(m * z / heat)).mean() / n == pytest.approx(m, abs=1e-13)
    for n in (3, 5):
        assert finite._least_eigenvalue(n, finite.mixture_T_star(n) - 1e-4) > 0
        assert finite._least_eigenvalue(n, finite.mixture_T_star(n) + 1e-4) < 0
    q = finite.van_hemmen_q(0.6)
    assert q == pytest.approx(math.tanh(2 * q / 0.6) / 2, abs=1e-14)


@pytest.mark.parametrize(("n", "heat"), [(1, 0.0), (1, 0.6), (3, 0.4), (5, 0.2), (3, 1.3)])
def test_free_energies_of_mixtures_are_those_of_all_columns(n, heat):
    """f(m) = |m|^2/2 - T E ln 2cosh(m.xi/T) over all xi, stationary in m; -df/dT is the entropy."""
    signs = np.array([*itertools.product((-1, 1), repeat=n)])

    def free_energy(m: float, t: float) -> float:
        u = np.abs(m * signs.sum(axis=1))
        return n * m * m / 2 - (u.mean() if t == 0 else t * np.log(2 * np.cosh(u / t)).mean())

    m, f = finite.mixture_overlap(n, heat), evaluate("mixture.free_energy", n=n, temperature=heat)
    assert f == pytest.approx(free_energy(m, heat), abs=1e-13)
    if 0 < heat < 1:
        assert free_energy(m + 1e-4, heat) > f < free_energy(m - 1e-4, heat)
        slope = (free_energy(m, heat + 1e-5) - free_energy(m, heat - 1e-5)) / 2e-5
        energy = -n * m * m / 2
        assert -slope == pytest.approx((energy - f) / heat, abs=1e-6)


def test_mattis_states_lie_lowest_below_the_critical_temperature():
    """Near T = 1, f_n - f_0 = -(3/4)(1 - T)^2 n/(3 n - 2): 3/7 of that of a Mattis state for n = 3."""
    for heat in (0.1, 0.3, 0.5, 0.7, 0.9):
        levels = [finite.mixture_free_energy(n, heat) for n in (1, 3, 5, 7)]
        assert levels == sorted(levels)
        assert levels[-1] < -heat * math.log(2)
    depth = [finite.mixture_free_energy(n, 0.999) + 0.999 * math.log(2) for n in (1, 3, 5)]
    assert depth[0] == pytest.approx(-0.75e-6, rel=0.01)
    assert [one / depth[0] for one in depth] == pytest.approx([1, 3 / 7, 5 / 13], rel=0.005)


EDGES = {
    "load": (1e-300, 1e-12, 1e-4, 0.1, 2 / math.pi, 1e6),
    "temperature": (0, 1e-300, 1e-9, 1e-3, 0.998, 1 - 1e-9, 1 - 1e-13, 1, 1e300),
    "n": (1, 99), "dimension": (1, 2, 7, 1e6), "threshold": (0, 5), "connectivity": (1e-9, 1),
    "epsilon": (0.1, 2, 64), "bound": (0.05, 0.25, 16), "levels": (1, 1000), "age": (1, 100),
    "size": (2, 1e9), "patterns": (2, 1e9), "neurons": ("signs", "zero_one"),
    "diagonal": ("zero", "kept"), "rsb": (0, 1), "overlap": (-1, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("quantity", networks.NETWORK_QUANTITIES, ids=lambda quantity: quantity.name)
def test_no_corner_of_the_arguments_is_without_an_answer(quantity):
    corners = [EDGES[key] for key in quantity.arguments]
    for at in itertools.product(*corners):
        value = evaluate(quantity.name, **dict(zip(quantity.arguments, at, strict=True)))
        numbers = value if isinstance(value, list) else [value]
        limits = {"T_g": 2100, "n": math.inf, "xi": math.inf, "T_c": 3}
        most = limits.get(quantity.symbol, 5 if len(numbers) == 2 else 1)
        least = {"u": -2, "f_n": -math.inf}.get(quantity.symbol, -1)
        assert all(number is None or least <= number <= most for number in numbers), at


def test_two_steps_from_the_pattern_itself_are_one_step_at_small_load():
    assert steps.two_steps(0.01, 1.0) == pytest.approx(1.0, abs=1e-12)
    assert steps.one_step(0.2, 0.5) == pytest.approx(float(erf(0.5 / math.sqrt(0.4))))


def test_what_does_not_exist_is_none_and_what_vanishes_is_zero():
    for name, at in (
        ("clipped.overlap", {"load": 0.11}), ("sequence.overlap", {"load": 0.27}),
        ("dilute.T_c", {"load": 0.64}), ("palimpsest.overlap", {"load": 0.06, "epsilon": 4.0}),
        ("palimpsest.alpha_c", {"epsilon": 0.2}), ("little.alpha_M", {"temperature": 1.2}),
    ):  # fmt: skip
        assert evaluate(name, **at) is None, name
    for name in ("sk.q", "van_hemmen.q", "gaussian.overlap"):
        assert evaluate(name, temperature=1.1) == 0.0
    assert evaluate("dilute.overlap", load=0.64, temperature=0) == 0.0
    assert evaluate("mixture.overlap", n=3, temperature=1.0) == 0.0


@pytest.mark.parametrize(
    ("name", "at", "said"),
    [
        ("little.overlap", {"load": 0.1}, "missing argument 'temperature'"),
        ("little.overlap", {"load": 0.1, "temperature": 0, "diagonal": "keep"}, "did you mean kept?"),
        ("little.overlap", {"load": 0.1, "temperature": 0, "diagonal": 1}, "expected zero or kept"),
        ("mixture.T_star", {"n": 2}, "an odd number"),
        ("dilution.alpha_c", {"connectivity": 0}, "in (0, 1]"),
        ("hopfield.bit_error", {"size": 100, "patterns": 1}, "a whole number from 2"),
        ("random_axis.overlap", {"dimension": 1.5, "temperature": 0}, "a whole number from 1"),
        ("palimpsest.alpha_c", {}, "missing argument 'epsilon'"),
    ],
)
def test_a_mistake_is_one_line(name, at, said):
    with pytest.raises(UserError) as error:
        evaluate(name, **at)
    assert said in str(error.value)


def test_words_stand_beside_lists():
    values = evaluate("little.alpha_M", temperature=[0.3, 0.5], diagonal="zero")
    assert values == [little.alpha_M(0.3, "zero"), little.alpha_M(0.5, "zero")]


@pytest.mark.parametrize("count", [3, 4, 5, 10, 11, 140, 141, 1000, 1002])
def test_signs_of_few_patterns_have_the_noise_of_their_sums(count: int) -> None:
    """kappa = E[J²]/(E[J S]²/P) - 1 of J = sgn(S), S a sum of P signs, by counting them."""
    ups = np.arange(count + 1)
    sums = 2 * ups - count
    shares = np.array([math.comb(count, int(k)) / 2.0**count for k in ups])
    signs = np.sign(sums)
    wanted = count * (shares * signs**2).sum() / (shares * signs * sums).sum() ** 2 - 1
    assert static._signs(float(count)) == pytest.approx(wanted, rel=1e-9)


def test_signs_of_many_patterns_have_the_noise_of_a_gaussian() -> None:
    """Even numbers leave bonds out, a share sqrt(2/(pi P)): there is less noise, by far more than 1/P."""
    whole = math.pi / 2 - 1
    assert abs(static._signs(10001.0) - whole) < 1e-4
    assert static._signs(10000.0) - whole == pytest.approx(
        -((2 / math.pi / 1e4) ** 0.5) * math.pi / 2, rel=0.01
    )
    finite = static.clipped_overlap_finite
    assert finite(0.09, 180.0) > finite(0.09, 181.0) > static.clipped_overlap(0.09)
    assert finite(0.09, 1e12) == pytest.approx(static.clipped_overlap(0.09), rel=1e-6)
