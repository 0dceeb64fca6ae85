"""Theory of the family of binary networks: reference numbers, limits, and equations that hold."""

import math

import numpy as np
import pytest
from scipy.special import erf

from mattis.errors import UserError
from mattis.theory import evaluate, finite, hopfield, little, static, steps

PRINTED = [
    ("little.overlap", {"load": 0.05, "temperature": 0.5}, 0.907984),
    ("little.overlap", {"load": 0.1, "temperature": 0.3}, 0.955603),
    ("little.overlap", {"load": 0.05, "temperature": 0.5, "diagonal": "kept"}, 0.931457),
    ("little.alpha_M", {"temperature": 0.3}, 0.104813),
    ("little.alpha_M", {"temperature": 0.5, "diagonal": "zero"}, 0.061595),
    ("little.alpha_M", {"temperature": 0.7}, 0.024754),
    ("zero_one.overlap", {"load": 0.04}, 0.999557),
    ("zero_one.overlap", {"load": 0.055}, 0.996264),
    ("clipped.alpha_c", {}, 0.101839),
    ("clipped.overlap", {"load": 0.05}, 0.999622),
    ("clipped.overlap", {"load": 0.08}, 0.992980),
    ("clipped.overlap", {"load": 0.09}, 0.985558),
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
    ("hopfield.familiarity", {"load": 5}, 0.32736),
    ("hopfield.familiarity", {"load": 5, "neurons": "zero_one"}, 0.37591),
    ("parallel.one_step", {"load": 0.1, "overlap": 0.3}, 0.657218),
    ("parallel.two_steps", {"load": 0.1, "overlap": 0.3}, 0.709025),
    ("parallel.two_steps", {"load": 0.1, "overlap": 0.7}, 0.992928),
    ("parallel.two_steps", {"load": 0.2, "overlap": 0.5}, 0.737533),
    ("bounded.signal", {"levels": 3, "age": 1}, 6 / 7),
    ("bounded.signal", {"levels": 3, "age": 2}, 5 / 7),
    ("bounded.signal", {"levels": 3, "age": 3}, 9 / 14),
    ("bounded.signal", {"levels": 3, "age": 6}, 0.46429),
]
"""Six (or five) digits of solvers that know nothing of these."""


@pytest.mark.parametrize(("name", "at", "expected"), PRINTED)
def test_numbers_of_independent_solvers(name, at, expected):
    assert evaluate(name, **at) == pytest.approx(expected, abs=6e-6 if expected > 0.3 else 6e-7)


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
        assert little.overlap(load, 0.01, "zero") == pytest.approx(
            hopfield.overlap(load, 0.005), abs=3e-4
        )
    assert static.dilution_alpha_c(1.0) == pytest.approx(hopfield.alpha_c(), rel=1e-12)
    assert static.dead_zone_alpha_c(0.0) == pytest.approx(static.clipped_alpha_c(), rel=1e-12)
    assert finite.mixture_alpha_c(1) == pytest.approx(hopfield.alpha_c(), rel=1e-12)


def test_a_better_threshold_or_epsilon_does_not_exist():
    best = static.dead_zone_alpha_c(0.612)
    assert best > max(static.dead_zone_alpha_c(t) for t in (0.55, 0.59, 0.64, 0.7))
    kept = static.palimpsest_alpha_c(4.108)
    assert kept > max(static.palimpsest_alpha_c(e) for e in (3.9, 4.05, 4.16, 4.4))


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


def test_littles_state_solves_its_equations_and_beats_one_site_after_the_other():
    for load, temperature, kept in ((0.05, 0.5, False), (0.05, 0.5, True), (0.1, 0.1, False)):
        width = little._end(temperature, kept)[0] * 0.6
        m, found = little._state(width, temperature, kept)
        assert 0 < m < 1
        assert found > 0
        name = "kept" if kept else "zero"
        assert little.overlap(load, temperature, name) > hopfield.overlap(load, temperature)
    assert little.overlap(0.05, 0.5, "kept") > little.overlap(0.05, 0.5, "zero")
    assert math.isnan(little.overlap(0.2, 0.3, "zero"))


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
    assert static.bounded_alpha_c(0.355) > max(map(static.bounded_alpha_c, (0.3, 0.33, 0.38, 0.42)))
    assert math.isnan(static.bounded_overlap(0.05, 0.355))
    assert 0.99 < static.bounded_overlap(0.03, 0.355) < 1


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
        (
            "little.overlap",
            {"load": 0.1, "temperature": 0, "diagonal": "keep"},
            "did you mean kept?",
        ),
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
