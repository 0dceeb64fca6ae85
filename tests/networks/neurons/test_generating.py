"""Generating functions: each row's gradient and Hessian are those of its L, and L is convex."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import normal

from mattis.kernels.cpu import euler
from mattis.networks.neurons.generating_functions import (
    GENERATING,
    GENERATING_ROWS,
    FunctionNumbers,
    Population,
    power,
)

SMOOTH = ("quadratic", "ln_cosh", "log_sum_exp", "polynomial", "rectified_polynomial",
          "exponential", "spherical", "memories")  # fmt: skip
DEGREES = {"polynomial": (2, 4, 6), "rectified_polynomial": (2, 3, 4, 5, 6)}
STEP = 1e-4
"""Of finite differences of order 4: truncated at h^4 ~ 1e-16, rounded at 1e-16/h ~ 1e-12."""


exactly = settings(max_examples=100, deadline=None, derandomize=True)


@st.composite
def populations(draw, single: bool = False):
    """A population, two states and a direction (n, R): beta is a number, or one for each replica."""
    name = draw(st.sampled_from(SMOOTH))
    size, replicas = draw(st.integers(1, 7)), 1 if single else draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    beta = float(random.uniform(0.2, 3))
    if not single and draw(st.booleans()):
        beta = random.uniform(0.2, 3, replicas)
    degree = draw(st.sampled_from(DEGREES.get(name, (2,))))
    rows = draw(st.integers(1, 5))
    form = FunctionNumbers(beta, degree, random.normal(size=(rows, size)))
    return Population(name, form), *random.normal(size=(3, size, replicas))


def slope(f, x, direction):
    """The derivative of f along a direction, by central differences of order 4."""
    near = f(x + STEP * direction) - f(x - STEP * direction)
    far = f(x + 2 * STEP * direction) - f(x - 2 * STEP * direction)
    return (8 * near - far) / (12 * STEP)


def away_from_corners(x: np.ndarray) -> np.ndarray:
    """x, no site of which is near 0, where rectified functions have a corner, and |x| of one neuron."""
    return np.where(np.abs(x) < 0.05, np.copysign(0.05, x), x)


@exactly
@given(populations())
def test_each_component_of_the_gradient(drawn):
    population, x, _, _ = drawn
    x = away_from_corners(x)
    found = [slope(population.value, x, unit[:, None]) for unit in np.eye(len(x))]
    assert np.array(found) == pytest.approx(population.activation(x), rel=1e-6, abs=1e-8)


@exactly
@given(populations())
def test_the_curvature_is_the_derivative_of_the_activation(drawn):
    population, x, _, direction = drawn
    direction = direction / np.abs(direction).max()
    x = away_from_corners(x)
    curved = population.curved(x, direction)
    assert curved.shape == x.shape
    assert slope(population.activation, x, direction) == pytest.approx(curved, rel=1e-6, abs=1e-8)


@exactly
@given(populations(single=True))
def test_the_hessian_is_the_curvature_of_each_unit_vector(drawn):
    population, x, _, _ = drawn
    x = x[:, 0]
    hessian = population.hessian(x)
    columns = [population.curved(x[:, None], unit[:, None])[:, 0] for unit in np.eye(len(x))]
    assert hessian == pytest.approx(np.array(columns).T, rel=1e-13, abs=1e-14)
    assert hessian == pytest.approx(hessian.T, rel=1e-12, abs=1e-13)


@exactly
@given(populations())
def test_generating_functions_are_convex(drawn):
    population, x, y, direction = drawn
    assert population.fault is None
    bent = np.sum(direction * population.curved(x, direction), axis=0)
    assert (bent >= -1e-12 * (1 + np.abs(bent))).all()
    ends = population.value(x), population.value(y)
    rounding = 1e-13 * (1 + np.abs(ends[0]) + np.abs(ends[1]))
    assert (population.value((x + y) / 2) <= (ends[0] + ends[1]) / 2 + rounding).all()


@exactly
@given(populations())
def test_a_replica_is_alone(drawn):
    """A gain for each replica is that of the replica alone."""
    population, x, _, direction = drawn
    beta = np.broadcast_to(np.asarray(population.form.beta), x.shape[1:])
    for r in range(x.shape[1]):
        one, own = population.with_gain(float(beta[r])), slice(r, r + 1)
        assert one.value(x[:, own]) == pytest.approx(population.value(x)[own], rel=1e-13, abs=1e-14)
        assert one.activation(x[:, own]) == pytest.approx(
            population.activation(x)[:, own], rel=1e-13, abs=1e-14
        )
        assert one.curved(x[:, own], direction[:, own]) == pytest.approx(
            population.curved(x, direction)[:, own], rel=1e-13, abs=1e-14
        )


# The rows, as their equations are printed


X = np.array([0.3, -1.2, 0.7, 2.0])
XI = np.array([[1.0, -1.0, 0.5, 0.0], [0.2, 0.4, -1.0, 1.0]])
SOFT = [math.exp(1.5 * x) for x in X]
THROUGH = [sum(row[j] * x for j, x in enumerate(X)) for row in XI]

BY_HAND = [
    ("quadratic", 2, sum(x * x for x in X) / 2, list(X)),
    ("ln_cosh", 2, sum(math.log(math.cosh(1.5 * x)) for x in X) / 1.5, [math.tanh(1.5 * x) for x in X]),
    ("log_sum_exp", 2, math.log(sum(SOFT)) / 1.5, [e / sum(SOFT) for e in SOFT]),
    ("polynomial", 4, 1.5 / 4 * sum(x**4 for x in X), [1.5 * x**3 for x in X]),
    ("rectified_polynomial", 3, 0.5 * sum(max(x, 0) ** 3 for x in X), [1.5 * max(x, 0) ** 2 for x in X]),
    ("exponential", 2, sum(SOFT) / 1.5, SOFT),
    ("spherical", 2, math.hypot(*X), [x / math.hypot(*X) for x in X]),
    (
        "memories",
        2,
        0.75 * sum(h * h for h in THROUGH),
        [1.5 * sum(THROUGH[k] * XI[k][i] for k in range(2)) for i in range(4)],
    ),
]


@pytest.mark.parametrize(("name", "degree", "value", "activation"), BY_HAND)
def test_values_by_hand(name, degree, value, activation):
    population = Population(name, FunctionNumbers(1.5, degree, XI))
    assert population.value(X[:, None]) == pytest.approx([value], rel=1e-14)
    assert population.activation(X[:, None])[:, 0] == pytest.approx(activation, rel=1e-14)


def test_every_row_is_tested_and_says_what_it_is():
    assert {row[0] for row in BY_HAND} == set(GENERATING) == set(SMOOTH)
    assert [row.name for row in GENERATING_ROWS] == list(GENERATING)
    for row in GENERATING_ROWS:
        assert row.equation.startswith("L = "), row.name
        assert "20" in row.source or "19" in row.source, row.name
    assert [row.name for row in GENERATING_ROWS if row.linear] == ["quadratic"]


@pytest.mark.parametrize("exponent", range(9))
def test_powers(exponent):
    x = np.linspace(-2, 2, 9)
    assert power(x, exponent) == pytest.approx(x**exponent, rel=1e-15)
    assert power(x, exponent) is not x or exponent == 1


# What is refused


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan, np.array([1.0, -2.0, 3.0])])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_gain_above_0_only(name, beta):
    assert "beta" in Population(name, FunctionNumbers(beta, 2, XI)).fault


@pytest.mark.parametrize(
    ("name", "degree", "word"),
    [
        ("polynomial", 1, "degree 1"),
        ("polynomial", 0, "degree 0"),
        ("polynomial", -2, "degree -2"),
        ("polynomial", 3, "rectified_polynomial"),
        ("polynomial", 5, "odd"),
        ("rectified_polynomial", 1, "degree 1"),
        ("rectified_polynomial", 0, "degree 0"),
    ],
)
def test_degrees_that_are_not_convex(name, degree, word):
    assert word in Population(name, FunctionNumbers(1.0, degree)).fault


def test_an_odd_polynomial_is_not_convex():
    x, direction = np.array([[-1.0]]), np.array([[1.0]])
    assert Population("polynomial", FunctionNumbers(1.0, 3)).curved(x, direction) < 0
    assert Population("rectified_polynomial", FunctionNumbers(1.0, 3)).curved(x, direction) == 0


def test_memories_that_do_not_act_on_their_own_site_are_quadratic_without_being_convex():
    """With d > 0 and N_h < N_v: v'ᵀHv' = beta (|Xi v'|² - d |v'|²) is negative where Xi v' = 0."""
    population = Population("memories", FunctionNumbers(2.0, 2, XI, 0.25))
    x, y = normal(2, 2, 4, 3)
    expected = 2.0 * (XI.T @ XI - 0.25 * np.eye(4))
    assert population.hessian(x[:, 0]) == pytest.approx(expected, rel=1e-14, abs=1e-15)
    assert population.activation(x) == pytest.approx(expected @ x, rel=1e-13)
    assert population.value(x) == pytest.approx(np.sum(x * (expected @ x), axis=0) / 2, rel=1e-13)
    assert population.curved(x, y) == pytest.approx(expected @ y, rel=1e-13)
    assert np.linalg.eigvalsh(expected)[0] == pytest.approx(-0.5, rel=1e-12)


# The ends of the numbers


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["ln_cosh", "log_sum_exp"])
def test_large_states_do_not_overflow(name, kind):
    x = np.array([[1e3, -1e3, 1e3], [-1e3, -1e3, 0.0], [0.0, -1e3, 1e3]], kind)
    population = Population(name, FunctionNumbers(kind(2.0)))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, slope = population.value(x), population.activation(x)
        curved = population.curved(x, np.ones_like(x))
    logs = {  # ln cosh y -> |y| - ln 2; ln sum exp -> the top, and ln of how many are at the top
        "ln_cosh": [2e3 - math.log(2), 3e3 - 1.5 * math.log(2), 2e3 - math.log(2)],
        "log_sum_exp": [1e3, -1e3 + math.log(3) / 2, 1e3 + math.log(2) / 2],
    }
    digits = float(np.finfo(kind).eps)
    assert value == pytest.approx(logs[name], rel=4 * digits)
    flat = 2 * (x == 0) if name == "ln_cosh" else 0 * x
    assert curved == pytest.approx(flat, abs=10 * digits)
    ends = {"ln_cosh": np.sign(x), "log_sum_exp": np.exp(x - x.max(axis=0))}
    ends["log_sum_exp"] /= ends["log_sum_exp"].sum(axis=0)
    assert slope == pytest.approx(ends[name], rel=4 * digits)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_activations_in_lanes(kind):
    """tanh and softmax, a gain for each lane: within a few units of the last place."""
    x, beta = (3 * normal(4, 7, 5)).astype(kind), np.linspace(0.1, 4, 5).astype(kind)
    y, digits = beta.astype(np.float64) * x, 10 * float(np.finfo(kind).eps)
    assert euler.softmax(x, beta) == pytest.approx(np.exp(y) / np.exp(y).sum(axis=0), rel=digits)
    assert euler.tanh(x, beta) == pytest.approx(np.tanh(y), rel=digits)
    assert euler.softmax(x, 2.0).dtype == euler.tanh(x, 2).dtype == kind
    assert np.array_equal(euler.tanh(x, 2.0), euler.tanh(x, np.full(5, 2, kind)))


def test_numbers_that_are_none_stay_so():
    for name in SMOOTH:
        out = Population(name, FunctionNumbers(1.0, 2, XI)).activation(np.full((4, 2), math.nan))
        assert np.isnan(out).all(), name


def test_the_origin_of_the_sphere():
    """|x| has a corner at 0: the smallest of its subgradients is 0, and nothing is divided by 0."""
    sphere, zero = Population("spherical"), np.zeros((3, 2))
    with np.errstate(all="raise"):
        assert (sphere.activation(zero) == 0).all()
        assert np.isfinite(sphere.curved(zero, np.ones((3, 2)))).all()


def test_the_sphere_does_not_feel_its_radius():
    """H x = 0: the energy does not fall where a state only grows."""
    x = normal(3, 6, 4)
    assert Population("spherical").curved(x, x) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_single_precision_stays_single(name, each):
    x, direction = normal(4, 2, 4, 3).astype(np.float32)
    beta = np.full(3, 1.5, np.float32) if each else 1.5
    single = Population(name, FunctionNumbers(beta, 4, XI.astype(np.float32), 0.5))
    double = Population(name, FunctionNumbers(1.5, 4, XI, 0.5))
    wide = x.astype(np.float64), direction.astype(np.float64)
    for got, expected in (
        (single.value(x), double.value(wide[0])),
        (single.activation(x), double.activation(wide[0])),
        (single.curved(x, direction), double.curved(*wide)),
    ):
        assert got.dtype == np.float32
        assert got == pytest.approx(expected, rel=2e-6, abs=2e-6)


@pytest.mark.parametrize("name", SMOOTH)
def test_states_are_not_written_to(name):
    x, direction = normal(5, 2, 4, 3)
    before = x.copy(), direction.copy()
    population = Population(name, FunctionNumbers(1.5, 2, XI))
    population.value(x), population.activation(x), population.curved(x, direction)
    assert (x == before[0]).all()
    assert (direction == before[1]).all()


@pytest.mark.parametrize("name", [n for n in SMOOTH if n not in ("ln_cosh", "log_sum_exp")])
def test_states_of_many_networks_at_once(name):
    """Leading dimensions are those of looks: (..., n, R) -> (..., R)."""
    x = normal(6, 2, 4, 3)
    population = Population(name, FunctionNumbers(1.5, 2, XI))
    for look, value, activation in zip(x, population.value(x), population.activation(x), strict=True):
        assert value == pytest.approx(population.value(look), rel=1e-14)
        assert activation == pytest.approx(population.activation(look), rel=1e-14)


def test_another_gain_leaves_the_rest():
    population = Population("rectified_polynomial", FunctionNumbers(1.0, 5, XI, 0.5))
    changed = population.with_gain(2.5)
    assert changed.name == population.name
    assert vars(changed.form) == {**vars(population.form), "beta": 2.5}
