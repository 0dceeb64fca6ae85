"""Softmax attractors: attention by distance, how sure it is, its corners and its other patterns."""

from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from builders import refused

from mattis.networks.neurons import certainty, recipe
from mattis.networks.neurons.models import NEURON_DEFAULTS, simulate
from mattis.networks.neurons.network import energy, target
from mattis.networks.neurons.recipe import NEURON_ENSEMBLES, NeuronPoint, Recipe, cue, single
from mattis.networks.registry import study_of
from mattis.study.model import PatternSet
from mattis.theory import evaluate


def of_model(**changes: Any) -> Recipe:
    """The recipe of the model."""
    member = NEURON_DEFAULTS["attractors"]
    usual = {"question": member.question, "ensemble": member.ensemble, "cue": member.cue}
    return Recipe(member.parts, **{**usual, **changes})


def make(**changes: Any) -> Any:
    axes = {"size": [2], "memories": [4], "beta": [4.0], "noise": [0.1], "seed": 1}
    axes |= {key: changes.pop(key) for key in [*changes] if key in axes}
    return study_of({"name": "some", "model": "attractors", "axes": axes, **changes})


@pytest.mark.parametrize("ensemble", ["gaussian", "uniform", "corners"])
def test_the_flow_is_that_of_the_notebook(ensemble):
    """sum_i w_i (p_i - x), w = softmax(-|x - p_i|²/2 sigma²), by a loop; and its energy."""
    patterns, sigma = PatternSet(3, 3, 8, 0), 0.7
    xi = NEURON_ENSEMBLES[ensemble](patterns)
    net, x = single(patterns, xi, of_model(ensemble=ensemble), NeuronPoint(1 / sigma**2, 0.3))
    scores = [-sum((a - b) ** 2 for a, b in zip(x, p, strict=True)) / (2 * sigma**2) for p in xi]
    w = np.exp(np.array(scores) - max(scores))
    w /= w.sum()
    moved = sum(share * (p - x) for share, p in zip(w, xi, strict=True))
    np.testing.assert_allclose(target(net, x[:, None])[:, 0] - x, moved, atol=1e-14)
    np.testing.assert_allclose(certainty.weights(net, x[:, None])[:, 0], w, rtol=1e-12)
    low = -(sigma**2) * (log(np.exp(np.array(scores) - max(scores)).sum()) + max(scores))
    assert energy(net, x[:, None])[0] == pytest.approx(low, rel=1e-12)


def test_entropy_is_that_of_its_formula():
    shares = np.array([[0.25, 1.0, 0.5], [0.25, 0.0, 0.5], [0.5, 0.0, 0.0]])
    expected = [0.5 * log(4) + 0.5 * log(2), 0.0, log(2)]
    np.testing.assert_allclose(certainty.entropy(shares), expected, atol=1e-15)


def test_a_corner_comes_to_rest_at_the_fixed_point_of_the_notebook():
    """x = tanh(4x) = 0.99932567 in every coordinate, whichever corner, to 1e-9; and in five dimensions."""
    for size in (2, 5):
        rows = simulate(
            PatternSet(1, size, 2**size, 0), [NeuronPoint(4.0, 0.1)], of_model(cues=2**size, tolerance=1e-13)
        )
        assert rows["overlap"][0] == pytest.approx(0.99932567, abs=5e-9)
        assert rows["overlap"][0] == pytest.approx(evaluate("attractors.coordinate", beta=4.0), abs=1e-12)
        assert rows["entropy"][0] == pytest.approx(
            evaluate("attractors.rest_entropy", size=size, beta=4.0), rel=1e-9
        )


def test_theory_of_corners_is_what_sums_over_all_of_them_give():
    """Weights of 2^N corners, plainly; the mean over the noise by 200 000 samples: z below 5.2 (2e-7)."""
    size, beta, noise = 3, 2.0, 0.4
    corners = NEURON_ENSEMBLES["corners"](PatternSet(1, size, 8, 0))
    assert len({tuple(row) for row in corners.tolist()}) == 8
    x = 1 + noise * np.random.default_rng(1).normal(size=(200_000, size))
    h = beta * x @ corners.T
    w = np.exp(h - h.max(axis=1, keepdims=True))
    sampled = certainty.entropy((w / w.sum(axis=1, keepdims=True)).T)
    said = evaluate("attractors.cue_entropy", size=size, beta=beta, noise=noise)
    assert abs(sampled.mean() - said) < 5.2 * sampled.std() / sqrt(len(sampled))
    assert evaluate("attractors.cue_entropy", size=2, beta=4.0, noise=0.4) == pytest.approx(
        0.0774446, abs=1e-7
    )
    at_rest = evaluate("attractors.rest_entropy", size=2, beta=4.0)
    assert at_rest == pytest.approx(0.0061, abs=5e-5)  # as the notebook prints
    coordinate = evaluate("attractors.coordinate", beta=4.0)
    exact = np.array([(1 + a * coordinate) * (1 + b * coordinate) / 4 for a in (1, -1) for b in (1, -1)])
    assert certainty.entropy(exact[:, None])[0] == pytest.approx(at_rest, rel=1e-12)


def test_cues_have_the_noise_that_they_should_have():
    """Gaussian cues: mean and variance of 4000 sites within 5.5 errors; none at noise 0."""
    patterns = PatternSet(2, 4000, 2, 0)
    xi = NEURON_ENSEMBLES["gaussian"](patterns)
    given = of_model(ensemble="gaussian")
    added = cue(patterns, xi, given, 1, 0.3) - xi[1]
    assert abs(added.mean()) < 5.5 * 0.3 / sqrt(4000)
    assert abs(added.var() / 0.09 - 1) < 5.5 * sqrt(2 / 4000)
    assert abs(np.sum(added * xi[1])) / (0.3 * sqrt(4000)) < 5.5
    np.testing.assert_array_equal(cue(patterns, xi, given, 1, 0.0), xi[1])


def test_uniform_patterns_are_uniform():
    """Variance 1, bounds ±√3, the fourth moment 9/5 of a uniform one: within 5.5 errors of 40 000 sites."""
    xi = NEURON_ENSEMBLES["uniform"](PatternSet(4, 400, 100, 0))
    assert np.abs(xi).max() < sqrt(3)
    assert abs(xi.mean()) < 5.5 / sqrt(xi.size)
    assert abs((xi**2).mean() - 1) < 5.5 * sqrt(0.8 / xi.size)
    assert abs((xi**4).mean() - 9 / 5) < 5.5 * sqrt((81 / 9 - 81 / 25) / xi.size)


def test_memories_that_share_an_attractor_lose_information():
    """Four patterns anywhere in the square, as the notebook draws them: the gain is negative in the mean."""
    given = of_model(ensemble="uniform", cues=4, steps=20000)
    gains = [
        simulate(PatternSet(1, 2, 4, seed), [NeuronPoint(3.0, 0.46188)], given)["information_gain"][0]
        for seed in range(40)
    ]
    error = np.std(gains, ddof=1) / sqrt(len(gains))
    assert np.mean(gains) < -2 * error
    corner = simulate(PatternSet(1, 2, 4, 0), [NeuronPoint(4.0, 0.4)], of_model(cues=4))
    assert corner["information_gain"][0] > 0


def test_dot_and_distance_are_one_for_memories_of_one_length():
    columns = {}
    for word in ("dot", "distance"):
        study = make(similarity=word, cues=4)
        columns[word] = simulate(PatternSet(1, 2, 4, 0), [study.place((4.0, 0.1))], study.protocol)
    for name in columns["dot"]:
        np.testing.assert_allclose(columns["dot"][name], columns["distance"][name], rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"memories": [5]}, "a cube of 2 dimensions has 4 corners"),
        ({"hidden": "ln_cosh"}, "question: got certainty of model attractors; expected hidden: log_sum_exp"),
        ({"similarity": "distant"}, "similarity: got 'distant'"),
        ({"cue": "flips"}, "cue: got 'flips'"),
        ({"question": "spectrum", "hidden": "ln_cosh"}, "similarity: got distance with question: spectrum"),
        ({"visible": "memories", "coupling": "one", "question": "recall"},
         "similarity: got distance with coupling: one"),
    ],
)  # fmt: skip
def test_mistakes_are_said_in_a_line(changes, said):
    assert said in refused(make, **changes)


def test_patterns_of_a_set_do_not_depend_on_how_many_there_are():
    for name in ("uniform", "corners"):
        few, more = (NEURON_ENSEMBLES[name](PatternSet(1, 6, count, 0)) for count in (3, 9))
        assert few.shape == (3, 6)
        if name == "corners":
            np.testing.assert_array_equal(few, more[:3])
    assert recipe.OF_SIGNS == ("signs", "corners", "digits")
