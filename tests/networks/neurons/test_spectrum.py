"""Spectra, modes and rotations of memories, fixed points of any stability, and fast hidden neurons."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy.linalg import expm

from mattis.errors import UserError
from mattis.exact import gaussians
from mattis.exact.arrays import FloatArray
from mattis.exact.rng import stream
from mattis.networks.neurons import separation as fast
from mattis.networks.neurons import spectrum as of
from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.models import NEURON_DEFAULTS, simulate
from mattis.networks.neurons.network import NeuronNetwork, jacobian, target
from mattis.networks.neurons.recipe import NeuronPoint, Recipe, single
from mattis.networks.registry import study_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import PatternSet

TANH = NEURON_DEFAULTS["tanh_tanh"].parts


def recipe(model: str = "tanh_tanh", **changes) -> Recipe:
    """The recipe of a model, as its study has it."""
    member = NEURON_DEFAULTS[model]
    usual = {"question": member.question, "ensemble": member.ensemble}
    return Recipe(member.parts, **{**usual, **changes})


def normals(seed: int, rows: int, sites: int) -> FloatArray:
    return gaussians.normals(stream(seed, "test", {}), sites, np.arange(rows))


# The spectrum at the origin


@pytest.mark.parametrize(("count", "size"), [(10, 40), (40, 40), (60, 40), (1, 8)])
def test_eigenvalues_are_those_of_the_couplings(count, size):
    """Edges and unstable directions against eigvalsh of XiᵀXi itself, N_v × N_v, and its Jacobian at 0."""
    patterns, betas = PatternSet(1, size, count, 2), (0.2, 0.5, 1.0, 3.0)
    _, memories = of.scaled(patterns, recipe())
    every = np.linalg.eigvalsh(memories.T @ memories)[-min(count, size) :]
    rows = of.spectrum(patterns, [NeuronPoint(beta, 0.0) for beta in betas], recipe())
    for beta, row in zip(betas, rows, strict=True):
        net, _ = single(patterns, of.scaled(patterns, recipe())[0], recipe(), NeuronPoint(beta, 0.0))
        rates = np.linalg.eigvals(jacobian(net, np.zeros(size))).real
        assert row["lambda_min"] == pytest.approx(every[0], rel=1e-9, abs=1e-12)
        assert row["lambda_max"] == pytest.approx(every[-1], rel=1e-12)
        assert row["unstable"] == np.sum(rates > 1e-9) == np.sum(beta * every > 1)
        assert row["unstable_share"] == row["unstable"] / min(count, size)
        assert row["all_unstable"] == (beta * every[0] > 1)
        assert row["gap"] == pytest.approx(np.abs(beta * every - 1).min(), rel=1e-9)


def test_hidden_gain_counts_as_visible_gain_does():
    """H_h H_v = beta at 0, whichever neurons have the gain."""
    patterns, places = PatternSet(1, 30, 12, 0), [NeuronPoint(0.4, 0.0)]
    other = replace(recipe(), parts=replace(TANH, gain="hidden"))
    assert of.spectrum(patterns, places, recipe()) == of.spectrum(patterns, places, other)
    net, _ = single(patterns, of.scaled(patterns, other)[0], other, places[0])
    rates = np.linalg.eigvals(jacobian(net, np.zeros(30))).real
    assert of.spectrum(patterns, places, other)[0]["unstable"] == np.sum(rates > 1e-9)


# Fixed points


def searched(
    beta: float = 1.0, cues: int = 24, count: int = 4, seed: int = 0
) -> tuple[NeuronNetwork, list[FloatArray], dict[str, float]]:
    """A network, the fixed points that Newton's method finds from the model's starts, and the row."""
    patterns, given = (PatternSet(1, 16, count, seed), recipe(question="fixed_points", cues=cues, dt=0.5))
    xi, place = of.scaled(patterns, given)[0], NeuronPoint(beta, 0.0)
    net, _ = single(patterns, xi, given, place)
    found = [of.solve(net, state) for state in of.starts(patterns, cues)]
    (row,) = of.fixed_points(patterns, [place], replace(given, steps=20000))
    return net, of.distinct([point for point in found if point is not None]), row


def moved(net: NeuronNetwork, v: FloatArray) -> FloatArray:
    return (target(net, v[:, None]) - v[:, None])[:, 0]


def test_what_is_found_is_at_rest_and_as_stable_as_it_is_said_to_be():
    """Residuals; Jacobians by differences; saddles have unstable directions, attractors have none."""
    net, points, row = searched()
    unstable = []
    for v in points:
        assert np.sqrt(np.mean(moved(net, v) ** 2)) <= 1e-9
        step = 1e-6 * np.eye(16)
        slopes = np.array([moved(net, v + e) - moved(net, v - e) for e in step]).T / 2e-6
        np.testing.assert_allclose(jacobian(net, v), slopes, atol=1e-8)
        rates = np.sort(np.linalg.eigvals(slopes).real)
        np.testing.assert_allclose(of.rates_at(net, v), rates, atol=1e-7)
        unstable.append(int(np.sum(rates > 0)))
    saddles = sum(k > 0 for k in unstable)
    assert row["saddles"] == saddles > 1
    assert row["fixed_points"] - row["saddles"] == row["attractors"] >= unstable.count(0)
    assert row["leading_rate"] < 0 < row["gap"]
    assert row["converged"] == 1
    assert max(unstable) > 1


def test_fixed_points_come_in_pairs_and_more_starts_find_no_fewer():
    """B(-v) = -B(v): the origin, and ± pairs. Start number k does not depend on how many there are."""
    patterns = PatternSet(1, 16, 4, 0)
    np.testing.assert_array_equal(of.starts(patterns, 40)[:24], of.starts(patterns, 24))
    net, few, _ = searched()
    _, more, row = searched(cues=40)
    assert len(of.distinct([*few, *more])) == len(more) >= len(few)
    for v in more:
        assert np.sqrt(np.mean(moved(net, -v) ** 2)) <= 1e-9
    assert any(np.abs(v).max() < 1e-9 for v in more)
    assert row["fixed_points"] >= len(more)


def test_below_the_edge_the_origin_is_the_only_fixed_point():
    """beta lambda_max < 1: v = 0 attracts everything; its leading rate is beta lambda_max - 1."""
    patterns = PatternSet(1, 16, 4, 0)
    top = of.spectrum(patterns, [NeuronPoint(1.0, 0.0)], recipe())[0]["lambda_max"]
    _, points, row = searched(beta=0.9 / top)
    assert (len(points), row["fixed_points"], row["attractors"], row["saddles"]) == (1, 1, 1, 0)
    assert row["leading_rate"] == pytest.approx(-0.1, abs=1e-6)


@pytest.mark.parametrize("hidden", ["ln_cosh", "log_sum_exp", "rectified_polynomial", "quadratic"])
def test_rates_are_the_eigenvalues_of_the_jacobian(hidden):
    """Against those of a general matrix: real, and the same, also where neurons are saturated (H_v -> 0)."""
    xi, form = normals(3, 5, 12) / sqrt(5), FunctionNumbers(2.0, 3)
    net = NeuronNetwork(xi, Population("ln_cosh", form), Population(hidden, form))
    for scale in (0.0, 0.3, 1.0, 20.0):
        v = scale * normals(4, 1, 12)[0]
        values = np.linalg.eigvals(jacobian(net, v))
        assert np.abs(values.imag).max() < 1e-7
        np.testing.assert_allclose(of.rates_at(net, v), np.sort(values.real), atol=1e-7)


# Modes of linear neurons


def followed(
    beta: float, field: float = 0.0, dt: float = 0.01, tau: float = 2.0
) -> tuple[dict[str, float], FloatArray, FloatArray, FloatArray]:
    """The model's row, XiᵀXi, the cue, and the field."""
    patterns = PatternSet(1, 20, 8, 1)
    given = recipe("linear", dt=dt, tau_v=tau, duration=1.5, field=field)
    xi, memories = of.scaled(patterns, given)
    place = NeuronPoint(beta, 0.25)
    _, start = single(patterns, xi, given, place)
    (row,) = of.modes(patterns, [place], given)
    return row, memories.T @ memories, start, field * xi[0]


@pytest.mark.parametrize("beta", [0.05, 1.0])
@pytest.mark.parametrize("field", [0.0, 0.7])
def test_steps_are_the_sum_of_their_modes(beta, field):
    """To 1e-10 of the state; the flow itself is met as Euler's rule meets it, in the first order of dt."""
    row, half = (followed(beta, field, dt=dt)[0] for dt in (0.01, 0.005))
    assert max(row["mode_error"], half["mode_error"]) < 1e-10
    assert 1.8 < row["euler_error"] / half["euler_error"] < 2.2


@pytest.mark.parametrize("beta", [0.05, 0.8])
@pytest.mark.parametrize("field", [0.0, 0.7])
def test_modes_are_the_exponential_of_the_matrix(beta, field):
    """v(t) = e^{At} v0 + int e^{As} I ds, A = beta XiᵀXi - 1, to 1e-10 of its size; so are short steps."""
    row, j, start, along = followed(beta, field)
    a = beta * j - np.eye(20)
    larger = np.zeros((21, 21))  # d(v, 1)/dt = ((A, I), (0, 0)) (v, 1)
    larger[:20, :20], larger[:20, 20] = a, along
    exact = (expm(1.5 * larger) @ np.append(start, 1.0))[:20]
    rates, axes = np.linalg.eigh(j)
    rates = beta * rates - 1
    summed = of._sum_of_modes(axes, start, along, rates, np.exp(1.5 * rates), 1.5)
    assert np.abs(summed - exact).max() < 1e-10 * np.sqrt(np.mean(exact**2))
    xi = of.scaled(PatternSet(1, 20, 8, 1), recipe("linear"))[0][0]
    tiny, *_ = followed(beta, field, dt=1e-4)
    assert tiny["overlap"] == pytest.approx(xi @ exact / 20, rel=1e-3)
    assert row["mode_error"] < 1e-10


def test_a_mode_of_rate_zero_moves_with_the_field_alone():
    axes, zero = np.eye(3), np.zeros(3)
    rates = np.array([-1.0, 0.0, 2.0])
    field = np.array([1.0, 3.0, 1.0])
    out = of._sum_of_modes(axes, zero, field, rates, np.exp(0.5 * rates), 0.5)
    np.testing.assert_allclose(out, [1 - np.exp(-0.5), 1.5, (np.exp(1.0) - 1) / 2], rtol=1e-14)


def test_modes_grow_where_beta_lambda_is_above_one():
    """Eq. (26) with its sign mended: (1 - XiᵀXi) v, as printed, would grow where this falls."""
    patterns, duration = PatternSet(1, 20, 8, 1), 6.0
    given = recipe("linear", dt=0.004, duration=duration)
    _, memories = of.scaled(patterns, given)
    top = np.linalg.eigvalsh(memories @ memories.T)[-1]
    start = of.scaled(patterns, given)[0][0]
    for beta, grows in ((0.5 / top, False), (2.0 / top, True)):
        (row,) = of.modes(patterns, [NeuronPoint(beta, 0.0)], given)
        assert row["growth_rate"] == pytest.approx(beta * top - 1, rel=1e-9)
        assert row["unbounded"] == grows
        assert row["mode_error"] < 1e-10
        a = beta * memories.T @ memories - np.eye(20)
        right, printed = (expm(duration * sign * a) @ start for sign in (1, -1))
        begun, ended, wrong = (float(np.linalg.norm(v)) for v in (start, right, printed))
        assert (ended > begun) == grows
        assert wrong > begun  # directions without memory fall at rate 1; as printed they would grow
        assert row["overlap"] == pytest.approx(start @ right / 20, rel=0.02)
        assert abs(row["overlap"] - start @ printed / 20) > 1


# Rotations


@pytest.mark.parametrize(("count", "size"), [(1, 30), (12, 30), (29, 30), (30, 30), (45, 30)])
def test_couplings_do_not_know_how_memories_are_rotated(count, size):
    """J(U Xi) = J(Xi) to 1e-12, J = RᵀR with R upper triangular; Cholesky fails for P < N and only there."""
    patterns, given = PatternSet(1, size, count, 5), recipe("rotation")
    (row,) = of.rotation(patterns, [NeuronPoint(1.0, 0.0)], given)
    assert row["rotation_error"] < 1e-12
    assert row["triangular_error"] < 1e-12
    assert row["below_diagonal"] == 0
    assert row["cholesky_failed"] == (count < size)
    _, xi = of.scaled(patterns, given)
    r = of.triangular(xi)
    assert r.shape == (min(count, size), size)
    assert (np.tril(r, -1) == 0).all()
    np.testing.assert_allclose(r.T @ r, xi.T @ xi, atol=1e-12 * np.abs(xi.T @ xi).max())
    assert of.cholesky_fails(xi.T @ xi) == (count < size)


def test_a_stretched_basis_is_seen():
    """What is no rotation changes J, and what is singular to rounding has no factor: both could fail."""
    assert of.cholesky_fails(np.array([[1.0, 1.0], [1.0, 1.0 + 2.3e-16]]))
    assert not of.cholesky_fails(np.array([[1.0, 0.9], [0.9, 1.0]]))
    xi = normals(6, 8, 20)
    stretched = np.diag([1.01, *np.ones(7)]) @ xi
    j = xi.T @ xi
    assert np.abs(stretched.T @ stretched - j).max() > 1e-3 * np.abs(j).max()


# Fast hidden neurons


def parted(model: str, **changes) -> tuple[list[dict[str, float]], list[float]]:
    """Rows along tau_h/tau_v, and these ratios."""
    ratios = [1e-3, 2.1544e-3, 4.6416e-3, 1e-2]
    given = recipe(model, question="separation", duration=3.0, ensemble="signs", **changes)
    places = [NeuronPoint(2.0, 0.2, ratio) for ratio in ratios]
    return fast.separation(PatternSet(1, 12, 3, 0), places, given), ratios


def test_the_distance_falls_like_tau_h_over_tau_v():
    """Slope 0.9 ... 1.1 in log-log between 1e-3 and 1e-2; the energy falls as it should, whatever tau is."""
    rows, ratios = parted("fast_slow")
    slopes = np.diff(np.log([row["distance"] for row in rows])) / np.diff(np.log(ratios))
    assert ((slopes > 0.9) & (slopes < 1.1)).all()
    for row in rows:
        assert row["energy_mismatch"] < 1e-4
        assert row["energy_rise"] <= 1e-9
        assert row["energy_fall"] > 0.01


def test_the_energy_is_above_that_of_quasi_equilibrium_by_the_square():
    """(3) is the minimum of (19) over f: slope 1.9 ... 2.1 in log-log, and never below it."""
    rows, ratios = parted("fast_slow")
    slopes = np.diff(np.log([row["energy_above"] for row in rows])) / np.diff(np.log(ratios))
    assert ((slopes > 1.9) & (slopes < 2.1)).all()
    assert all(row["energy_below"] < 1e-14 for row in rows)


def test_only_the_ratio_of_the_time_constants_counts():
    """tau_v = 2 and a duration in tau_v: the same trajectories, twice as slow."""
    given, place = recipe("fast_slow", duration=1.0), [NeuronPoint(2.0, 0.2, 0.05)]
    one, two = (
        fast.separation(PatternSet(1, 8, 3, 0), place, replace(given, tau_v=tau))[0] for tau in (1.0, 2.0)
    )
    assert two["distance"] == pytest.approx(one["distance"], rel=1e-6)
    assert two["energy_fall"] == pytest.approx(one["energy_fall"], rel=1e-6)
    assert two["energy_mismatch"] < 1e-4


def test_numbers_of_a_separation_do_not_depend_on_the_others():
    patterns, given = PatternSet(1, 10, 3, 0), recipe("fast_slow", duration=1.0, cues=2)
    places = [NeuronPoint(beta, 0.1, ratio) for ratio in (0.1, 0.02) for beta in (2.0, 1.0)]
    every = simulate(patterns, places, given)
    for k in (0, 3):
        for name, values in simulate(patterns, [places[k]], given).items():
            assert values[0] == every[name][k]


@pytest.mark.parametrize(("tau_v", "tau_h"), [(1.0, 0.1), (2.0, 0.01), (0.5, 3.0)])
@pytest.mark.parametrize("hidden", ["ln_cosh", "log_sum_exp", "quadratic"])
def test_the_energy_loses_what_both_populations_take(tau_v, tau_h, hidden):
    """dE/dt = -tau_v v'ᵀH_v v' - tau_h h'ᵀH_h h', eq. (18), with fields."""
    xi, form = normals(7, 4, 10) / 2, FunctionNumbers(1.5)
    net = NeuronNetwork(
        xi, Population("ln_cosh", form), Population(hidden, form), field=normals(8, 1, 10).T * 0.3,
        bias=normals(9, 1, 4).T * 0.2, tau_v=tau_v, tau_h=tau_h,
    )  # fmt: skip
    v, h = normals(10, 6, 10).T.copy(), normals(11, 6, 4).T.copy()
    np.testing.assert_allclose(fast.measured_slope(net, v, h), -fast.power(net, v, h), rtol=1e-4)


# What a question does not know


def study(model: str, axes: dict[str, object], **keys) -> Study:
    axes = {"size": [20], "seed": 1, **axes}
    return study_of({"name": "some", "model": model, "axes": axes, **keys})


QUIET = [
    ("linear", {"load": [0.4], "beta": [0.1]}, {"bias": 1.0, "flow": {"dt": 0.1}}),
    ("linear", {"load": [0.4], "beta": [0.1]}, {"diagonal": "zero", "flow": {"dt": 0.1}}),
    ("tanh_tanh", {"load": [0.4], "beta": [3.0]}, {"bias": 2.0}),
    ("graded", {"load": [0.4], "beta": [3.0]}, {"question": "spectrum", "diagonal": "zero"}),
    ("linear", {"load": [0.4], "beta": [0.1]}, {"question": "recall", "scale": "sites", "diagonal": "zero"}),
]


@pytest.mark.parametrize(("model", "axes", "keys"), QUIET)
def test_a_bias_and_a_diagonal_are_refused_or_reckoned_with(model, axes, keys):
    """Modes and spectra are those of the Jacobian; no neuron acts on itself, whatever gain is hidden."""
    try:
        asked = study(model, axes, **keys)
    except UserError:
        return
    patterns, places, given = plan.task(asked, plan.blocks(asked)[0])
    found = simulate(patterns, places, given)
    net, _ = single(patterns, of.scaled(patterns, given)[0], given, places[0])
    at_origin = jacobian(net, np.zeros(20))
    if given.question == "modes":
        assert found["mode_error"][0] < 1e-9
    elif given.question == "spectrum":
        assert found["unstable"][0] == np.sum(np.linalg.eigvals(at_origin).real > 1e-9)
    else:
        np.testing.assert_allclose(np.diag(at_origin), -1, atol=1e-12)
