"""Theory of networks of generating functions: reference numbers, limits, and equations that hold."""

import json
import math

import numpy as np
import pointwise
import pytest
from click.testing import CliRunner
from scipy.integrate import quad
from scipy.special import erf

from mattis.cli.command import verbs
from mattis.errors import UserError
from mattis.theory import analog, dense, evaluate, hopfield, marchenko_pastur

PRINTED = [
    ("dense.alpha_c", {"degree": 3}, 0.0840635, 5e-8),
    ("dense.alpha_c", {"degree": 4, "indices": "full"}, 0.0131907, 5e-8),
    ("dense.alpha_c", {"degree": 3, "indices": "distinct"}, 0.126095, 5e-7),
    ("dense.alpha_c", {"degree": 2}, 0.1379055665, 5e-11),
    ("dense.overlap", {"degree": 3, "load": 0.03}, 0.999124, 5e-7),
    ("dense.overlap", {"degree": 3, "load": 0.05}, 0.988334, 5e-7),
    ("dense.overlap", {"degree": 3, "load": 0.08}, 0.9066, 5e-5),
    ("dense.overlap", {"degree": 4, "load": 0.008}, 0.995613, 5e-7),
    ("dense.overlap", {"degree": 2, "load": 0.1, "indices": "distinct"}, 0.997999, 5e-7),
    ("exponential.alpha_sphere", {"lambda": 1}, 0.622572, 5e-7),
    ("exponential.alpha_sphere", {"lambda": 2}, 0.908754, 5e-7),
    ("exponential.alpha_sphere", {"lambda": 5}, 1.329698, 5e-7),
    ("exponential.alpha_sign", {"lambda": 0.5}, 0.566219, 5e-7),
    ("exponential.alpha_sign", {"lambda": 1}, 0.674997, 5e-7),
    ("exponential.cue_sphere", {"lambda": 1, "load": 0.2}, 0.574178, 5e-7),
    ("analog.overlap", {"beta": 2, "load": 0.02, "diagonal": "kept"}, 0.95123, 5e-6),
    ("analog.overlap", {"beta": 1.5, "load": 0.02, "diagonal": "kept"}, 0.83900, 5e-6),
    ("analog.overlap", {"beta": 2, "load": 0.02}, 0.94639, 5e-6),
]
"""Numbers of solvers that know nothing of these, and half of their last digit."""

PAIRS = [
    ("marchenko_pastur.edges", {"load": 0.25}, (1, 9), 1e-12),
    ("marchenko_pastur.edges", {"load": 0.5}, (0.171573, 5.828427), 5e-7),
    ("marchenko_pastur.finite_edges", {"memories": 100, "size": 500}, (1.59053, 10.24382), 5e-6),
]


@pytest.mark.parametrize(("name", "at", "value", "digits"), [*PRINTED, *PAIRS])
def test_reference_numbers(name, at, value, digits):
    assert evaluate(name, **at) == pytest.approx(value, abs=1.001 * digits)


def test_names_are_these():
    from mattis.theory.continuous import NEURON_ARGUMENTS, NEURON_QUANTITIES

    names = ["degree", "indices", "lambda", "beta", "noise"]
    assert [a.name for a in NEURON_ARGUMENTS] == names
    assert {q.name: q.arguments for q in NEURON_QUANTITIES} == {
        "dense.overlap": ("degree", "load", "indices"),
        "dense.alpha_c": ("degree", "indices"),
        "dense.bit_error": ("degree", "size", "patterns", "indices"),
        "exponential.alpha_sphere": ("lambda",),
        "exponential.alpha_sign": ("lambda",),
        "exponential.cue_sphere": ("lambda", "load"),
        "analog.overlap": ("beta", "load", "diagonal"),
        "marchenko_pastur.edges": ("load",),
        "marchenko_pastur.finite_edges": ("memories", "size"),
        "attractors.coordinate": ("beta",),
        "attractors.cue_entropy": ("size", "beta", "noise"),
        "attractors.rest_entropy": ("size", "beta"),
    }


# Dense networks


@pytest.mark.parametrize("indices", ["full", "distinct"])
def test_dense_arrays_are_the_states_point_by_point(indices):
    """Within 1e-10, where the load is 1e-6 of it below the end; a place has its bits by itself."""
    shares = [1e-12, 1e-3, 0.2, 0.7, 0.99, 1 - 1e-6, 1 + 1e-12, 1.2]
    degree, share = (each.ravel() for each in np.meshgrid([2.0, 3, 4, 5, 20], shares, indexing="ij"))
    load = share * [dense.alpha_c(n, indices) for n in degree]
    found = dense.overlap.over(degree, load, indices)
    wanted = [
        hopfield.overlap(x, 0.0) if n == 2 else pointwise.dense_overlap(n, x, indices)
        for n, x in zip(degree.tolist(), load.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(found[3:30:5], dense.overlap.over(degree[3:30:5], load[3:30:5], indices))
    assert np.isnan(found).sum() == 2 * 5


@pytest.mark.parametrize("indices", ["full", "distinct"])
@pytest.mark.parametrize("degree", [3, 4, 7, 20])
def test_dense_overlap_solves_its_equation_and_ends_at_alpha_c(degree, indices):
    noise = math.prod(range(1, 2 * degree - 2, 2))
    if indices == "distinct":
        noise = math.factorial(degree - 1)
    u = np.linspace(0.01, 6, 600_001)
    loads = erf(u) ** (2 * degree - 2) / (2 * noise * u * u)
    end = dense.alpha_c(degree, indices)
    assert end == pytest.approx(loads.max(), rel=1e-9)
    m = [dense.overlap(degree, x * end, indices) for x in (1e-6, 0.2, 0.7, 0.99, 1.0)]
    assert np.all(np.diff(m) <= 0)
    for share, value in zip((0.2, 0.7, 0.99), m[1:], strict=False):
        last = int(np.nonzero(loads >= share * end)[0][-1])  # the largest u of this load
        assert erf(u[last]) <= value <= erf(u[last + 1])
    assert m[-1] == pytest.approx(erf(u[loads.argmax()]), abs=1e-5)
    assert math.isnan(dense.overlap(degree, end * (1 + 1e-12), indices))
    assert dense.overlap(degree, 5e-324, indices) == 1


def test_full_sums_hold_fewer_patterns_than_distinct_indices():
    for degree in range(3, 21):
        ratio = dense.alpha_c(degree, "distinct") / dense.alpha_c(degree, "full")
        double = math.prod(range(1, 2 * degree - 2, 2))
        assert ratio == pytest.approx(double / math.factorial(degree - 1), rel=1e-13)


# Exponential networks


@pytest.mark.parametrize("gain", [1e-12, 1e-3, 0.3, 1, 7, 100])
def test_capacities_are_their_equations_where_these_do_not_cancel(gain):
    x = 2 * gain / (1 + math.sqrt(1 + 4 * gain * gain))
    sphere = gain * (1 - x) - math.log1p(-x * x) / 2
    sign = 2 * gain - (2 * gain + math.log1p(math.exp(-4 * gain)) - math.log(2))
    assert dense.alpha_sphere(gain) == pytest.approx(sphere, rel=1e-11)
    assert dense.alpha_sign(gain) == pytest.approx(sign, rel=1e-11, abs=3e-16)


def test_capacities_in_their_limits():
    assert dense.alpha_sign(1e6) == pytest.approx(math.log(2), rel=1e-15)
    assert dense.alpha_sign(1e-200) == pytest.approx(2e-200, rel=1e-15)
    assert dense.alpha_sphere(1e-200) == pytest.approx(1e-200, rel=1e-15)
    assert dense.alpha_sphere(1e10) == pytest.approx((1 + math.log(1e10)) / 2, rel=1e-10)
    gains = np.geomspace(1e-6, 1e6, 200)
    for capacity in (dense.alpha_sign, dense.alpha_sphere):
        assert np.all(np.diff([capacity(x) for x in gains]) >= 0)


@pytest.mark.parametrize("gain", [0.2, 1, 4])
def test_cue_is_the_random_energy_model(gain):
    q = np.linspace(0, 1, 400_001)[:-1]
    for load in (0.01, 0.1, 0.3, 0.55, 1.0):
        entropy = load + np.log1p(-q * q) / 2
        weight = np.max((entropy + gain * q)[entropy >= 0])
        assert dense.cue_sphere(gain, load) == pytest.approx(min(1, weight / gain), abs=1e-5)


@pytest.mark.parametrize("gain", [0.01, 1, 30])
def test_cue_rises_to_one_at_the_capacity(gain):
    end = dense.alpha_sphere(gain)
    cues = [dense.cue_sphere(gain, share * end) for share in np.linspace(0.01, 1, 100)]
    assert np.all(np.diff(cues) > 0)
    assert cues[-1] == pytest.approx(1, abs=1e-12)
    assert dense.cue_sphere(gain, 1.1 * end) == 1
    assert dense.cue_sphere(gain, 1e-20) == pytest.approx(math.sqrt(2e-20), rel=1e-12)


# Analog neurons


def settled(field: float, beta: float, reaction: float) -> float:
    """Return Y = tanh(beta (field + reaction Y)) with the sign of the field, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        y = (low + high) / 2
        low, high = (y, high) if math.tanh(beta * (abs(field) + reaction * y)) > y else (low, y)
    return math.copysign(low, field)


def averaged(power: int, mean: float, width: float, beta: float, reaction: float) -> float:
    """Return E Y^power by adaptive quadrature over z on either side of the jump."""

    def density(z: float) -> float:
        y = settled(mean + width * z, beta, reaction)
        return y**power * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    cut = max(-9.0, -mean / width)
    sides = [(-9.0, cut), (cut, min(cut + 1, 9.0)), (min(cut + 1, 9.0), 9.0)]
    return sum(quad(density, *side, epsabs=1e-11, limit=200)[0] for side in sides)


def ended(beta, diagonal):
    """Return width and load where the state ends, at one gain."""
    return tuple(float(each[0]) for each in analog.ends(np.array([float(beta)]), diagonal))


@pytest.mark.parametrize(
    ("beta", "share", "diagonal"), [(1.5, 0.5, "zero"), (2, 0.9, "kept"), (20, 0.8, "kept")]
)
def test_analog_state_solves_its_equations_by_other_means(beta, share, diagonal):
    width, most = ended(beta, diagonal)
    s = share * width
    state = analog.states(np.array([s]), np.array([float(beta)]), diagonal)
    m, back = float(state.overlap[0]), float(state.reaction[0])
    load = float(state.root_load(s)[0]) ** 2
    assert 0 < load < most
    assert (beta * back > 1) == (beta == 20)  # with and without a jump
    step = 1e-4
    q = averaged(2, m, s, beta, back)
    response = (averaged(1, m + step, s, beta, back) - averaged(1, m - step, s, beta, back)) / (2 * step)
    assert averaged(1, m, s, beta, back) == pytest.approx(m, abs=1e-9)
    assert math.sqrt(load * q) / (1 - response) == pytest.approx(s, rel=1e-6)
    expected = load / (1 - response) * (1 if diagonal == "kept" else response)
    assert back == pytest.approx(expected, rel=1e-6)
    assert analog.overlap(beta, load, diagonal) == pytest.approx(m, abs=1e-11)


@pytest.mark.parametrize("diagonal", ["zero", "kept"])
@pytest.mark.parametrize("beta", [1.001, 1.2, 2, 8, 50, 1e6])
def test_analog_residuals_and_the_end_of_the_branch(beta, diagonal):
    width, most = ended(beta, diagonal)
    widths, gains = np.linspace(0.05, 1.2, 24) * width, np.full(24, float(beta))
    m, back, a = state = analog.states(widths, gains, diagonal)
    load = state.root_load(widths) ** 2
    assert np.all(load <= most * (1 + 1e-11))  # of 1 - U = 1e-3 at beta = 1.001
    np.testing.assert_array_equal(a, analog.respond(m, widths, back, gains))
    assert np.all(abs(a.mean - m) < 1e-12)
    share = 1 if diagonal == "kept" else a.slope
    assert np.all(abs(back - load * share / (1 - a.slope)) < 1e-12)
    m = [analog.overlap(beta, x * most, diagonal) for x in (1e-9, 0.3, 0.9, 1 - 1e-9, 1)]
    assert np.all(np.diff(m) <= 0)
    assert m[-1] > 0
    assert math.isnan(analog.overlap(beta, most * (1 + 1e-9), diagonal))


@pytest.mark.parametrize("diagonal", ["zero", "kept"])
@pytest.mark.parametrize("beta", [1.001, 1.2, 8, 1e6])
def test_analog_arrays_are_the_states_point_by_point(beta, diagonal):
    """Within 1e-10, where the load is below the end by 1e-4 of it; nearer the state is steep in its load."""
    _, most = pointwise.analog_end(beta, diagonal)
    loads = np.array([1e-300, 1e-13, *(most * np.array([1e-6, 0.01, 0.3, 0.7, 0.95, 0.9999]))])
    found = analog.overlap.over(np.full(loads.size, float(beta)), loads, diagonal)
    wanted = [pointwise.analog_overlap(beta, x, diagonal) for x in loads.tolist()]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    beyond = most * np.array([1 - 1e-9, 1 + 1e-9, 1.1])
    there = np.isfinite(analog.overlap.over(np.full(3, float(beta)), beyond, diagonal))
    assert there.tolist() == [True, False, False]


@pytest.mark.parametrize("diagonal", ["zero", "kept"])
def test_analog_places_do_not_know_each_other(diagonal):
    """Bits of a place do not depend on what is solved beside it, nor does where the state is gone."""
    draw = np.random.default_rng(3)
    beta, load = 1 + draw.exponential(2, 90), draw.uniform(0, 0.12, 90)
    beta[:3] = 1.0, 1 + 1e-7, 0.3
    whole = analog.overlap.over(beta, load, diagonal)
    assert np.isnan(whole[:3]).all()
    assert 20 < np.isfinite(whole).sum() < 80
    for some in (slice(0, 7), slice(5, 90, 9), slice(89, 90)):
        np.testing.assert_array_equal(analog.overlap.over(beta[some], load[some], diagonal), whole[some])
    for k in range(0, 90, 18):
        alone = pointwise.analog_overlap(float(beta[k]), float(load[k]), diagonal)
        assert whole[k] == pytest.approx(alone, abs=1e-10, nan_ok=True)


@pytest.mark.parametrize("beta", [1.1, 3.0, 30.0])
@pytest.mark.parametrize("diagonal", ["zero", "kept"])
def test_analog_derivatives_are_differences(beta, diagonal):
    """Of averages, at a place with and without a jump; of the load along the branch."""
    width, _ = ended(beta, diagonal)
    at = np.array([0.7 * width, beta]).reshape(2, 1)
    state = analog.states(*at, diagonal)
    here = [state.overlap, at[0], state.reaction]

    def averages(k, step):
        there = [each + step * (j == k) for j, each in enumerate(here)]
        return np.array(analog.respond(*there, at[1]))

    def slopes(k):
        step = 1e-5 * float(here[k][0])
        return ((averages(k, step) - averages(k, -step)) / (2 * step))[:, 0]

    a = state.averages
    wanted = [
        [a.slope, a.slope_by_mean, a.square_by_mean],
        [a.mean_by_width, a.slope_by_width, a.square_by_width],
        [a.mean_by_reaction, a.slope_by_reaction, a.square_by_reaction],
    ]
    for k, each in enumerate(wanted):
        np.testing.assert_allclose(slopes(k)[:3], np.ravel(each), rtol=1e-6, atol=1e-6)
    low, high = (
        float(analog.states(x * at[0], at[1], diagonal).root_load(x * at[0])[0]) for x in (1 - 1e-5, 1 + 1e-5)
    )
    rate = float(analog.growth(at[0], diagonal, state)[0])
    assert rate == pytest.approx(math.log(high / low) / 2e-5, abs=1e-6)


@pytest.mark.parametrize("diagonal", ["zero", "kept"])
def test_analog_limits(diagonal):
    for load in (0.01, 0.05, 0.13):
        cold = hopfield.overlap(load, 0)
        assert analog.overlap(1e6, load, diagonal) == pytest.approx(cold, abs=1e-12)
        assert analog.overlap(1e300, load, diagonal) == pytest.approx(cold, abs=1e-12)
    for beta in (1.1, 2, 5):
        m = analog.overlap(beta, 1e-13, diagonal)
        assert m == pytest.approx(math.tanh(beta * m), abs=1e-11)
        assert analog.overlap(beta, 1e-300, diagonal) > 0.5
    assert all(math.isnan(analog.overlap(beta, 1e-3, diagonal)) for beta in (0.1, 1, 1.01))


# Eigenvalues


def test_edges_of_the_spectrum_are_where_its_density_is_one():
    for load in (0.1, 0.25, 0.9):
        low, high = marchenko_pastur.edges(load)

        def density(x: float, low: float = low, high: float = high) -> float:
            return math.sqrt((high - x) * (x - low)) / (2 * math.pi * x)

        total, _ = quad(density, low, high)
        mean, _ = quad(lambda x, f=density: x * f(x), low, high)
        assert total == pytest.approx(1, abs=1e-7)
        assert mean == pytest.approx(1 / load, rel=1e-7)
    assert marchenko_pastur.edges(1) == (0, 4)
    assert marchenko_pastur.edges(4) == (0.25, 2.25)


def test_finite_edges_tend_to_the_edges():
    for load in (0.2, 3):
        low, high = marchenko_pastur.edges(load)
        gaps = []
        for size in (1e3, 1e6, 1e9):
            least, most = marchenko_pastur.finite_edges(load * size, size)
            assert least > low
            assert most < high
            gaps.append((least / low - 1, 1 - most / high))
        gains = np.array(gaps[:-1]) / gaps[1:]
        np.testing.assert_allclose(gains, 100, rtol=0.1)  # N^{-2/3}


@pytest.mark.parametrize(("memories", "size"), [(40, 120), (120, 40), (20, 100)])
def test_finite_edges_are_means_of_simulated_ones(memories, size):
    """Means of 400 within 2 % and 5.5 standard errors: false alarm 4e-8 for each of six numbers."""
    rng = np.random.default_rng(7)
    short, long = min(memories, size), max(memories, size)
    xi = rng.standard_normal((400, short, long))
    values = np.linalg.eigvalsh(xi @ xi.transpose(0, 2, 1))[:, [0, -1]] / memories
    error = values.std(axis=0) / 20
    expected = np.array(marchenko_pastur.finite_edges(memories, size))
    assert np.all(np.abs(values.mean(axis=0) - expected) < 0.02 * expected + 5.5 * error)
    limit = np.array(marchenko_pastur.edges(memories / size))
    assert np.all(np.abs(values.mean(axis=0) - limit) > 5.5 * error)  # the wrong theory is told


def test_square_memories_have_a_hard_edge():
    """N lambda_- N of 2000 matrices, mean 0.689 and deviation 0.86: 5.5 standard errors."""
    rng = np.random.default_rng(7)
    least = np.linalg.svd(rng.standard_normal((2000, 40, 40)), compute_uv=False)[:, -1] ** 2 / 40
    expected, most = marchenko_pastur.finite_edges(40, 40)
    error = least.std() / math.sqrt(2000)
    assert abs(least.mean() - expected) < 0.02 * expected + 5.5 * error
    density, _ = quad(lambda t: math.exp(-t / 2 - math.sqrt(t)), 0, np.inf)  # Edelman's tail
    assert expected == pytest.approx(density / 1600, rel=1e-8)
    assert 0 < most < 4
    assert evaluate("marchenko_pastur.finite_edges", memories=100, size=101)[0] is None


# What a user types


def test_pairs_are_lists_and_lines_are_lists_of_lists():
    assert evaluate("marchenko_pastur.edges", load=0.25) == [1.0, 9.0]
    assert evaluate("marchenko_pastur.edges", load=[0.25]) == [[1.0, 9.0]]
    line = evaluate("marchenko_pastur.finite_edges", memories=100, size=[100, 105, 500])
    assert [len(pair) for pair in line] == [2, 2, 2]
    assert line[1][0] is None
    assert all(type(value) is float for value in (*line[0], line[1][1], *line[2]))
    assert evaluate("marchenko_pastur.edges", load=[]) == []


def shown(*words: str) -> str:
    done = CliRunner().invoke(verbs, ["theory", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_command_prints_pairs_words_and_lambda():
    edges = ("marchenko_pastur.edges", "--at", "load=0.25")
    assert json.loads(shown(*edges, "--json")) == {
        "name": "marchenko_pastur.edges",
        "at": {"load": 0.25},
        "value": [1.0, 9.0],
        "validity": "exact as N -> infinity",
    }
    assert shown(*edges) == "1 9\n"
    assert shown("marchenko_pastur.edges", "--at", "load=1,0.25") == "0 4\n1 9\n"
    mixed = ("marchenko_pastur.finite_edges", "--at", "memories=100", "--at", "size=101")
    assert shown(*mixed).startswith("does not exist 3.8")
    assert json.loads(shown(*mixed, "--json"))["value"][0] is None
    value = json.loads(shown("exponential.alpha_sign", "--at", "lambda=1", "--json"))["value"]
    assert value == evaluate("exponential.alpha_sign", **{"lambda": 1}) == dense.alpha_sign(1)
    dense_at = ("dense.overlap", "--at", "degree=3", "--at", "load=0.1")
    assert shown(*dense_at) == "does not exist\n"
    assert json.loads(shown(*dense_at, "--json"))["value"] is None
    assert float(shown(*dense_at, "--at", "indices=distinct")) > 0.9


@pytest.mark.parametrize(
    ("name", "at", "says"),
    [
        ("dense.overlap", {"degree": 1, "load": 0.1}, "expected a whole number from 2 to 20"),
        ("dense.overlap", {"degree": 21, "load": 0.1}, "expected a whole number from 2 to 20"),
        ("dense.alpha_c", {"degree": 2.5}, "expected a whole number from 2 to 20"),
        ("dense.alpha_c", {"degree": 3, "indices": "ful"}, "did you mean full?"),
        ("dense.alpha_c", {}, "missing argument 'degree'"),
        ("exponential.alpha_sign", {"lambda": 0}, "expected > 0"),
        ("exponential.alpha_sign", {"lambda_": 1}, "did you mean lambda?"),
        ("exponential.alpha_spher", {}, "did you mean exponential.alpha_sphere?"),
        ("analog.overlap", {"beta": math.inf, "load": 0.1}, "not finite"),
        ("analog.overlap", {"beta": 0, "load": 0.1}, "expected > 0"),
        ("analog.overlap", {"beta": 2, "load": 0.1, "diagonal": "one"}, "zero or kept"),
        ("marchenko_pastur.edges", {"load": 0}, "expected > 0"),
        ("marchenko_pastur.finite_edges", {"memories": 1, "size": 9}, "memories=1.0"),
    ],
)
def test_mistakes_are_told_in_one_line(name, at, says):
    with pytest.raises(UserError) as caught:
        evaluate(name, **at)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
