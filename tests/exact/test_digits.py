"""Handwritten digits: which pictures, in which order, and what is said where there are none."""

from typing import Any

import numpy as np
import pytest
from builders import refused
from sklearn.datasets import load_digits

from mattis.exact import digits
from mattis.exact.rng import stream
from mattis.networks.binary import ensembles
from mattis.networks.binary.chain_observables import ObservedChain, is_of_its_class
from mattis.networks.neurons.models import simulate
from mattis.networks.neurons.recipe import OF_DIGITS
from mattis.networks.registry import study_of
from mattis.study.model import PatternSet


@pytest.mark.parametrize("classes", [1, 4, 10])
def test_pattern_mu_is_a_picture_of_its_digit_and_none_comes_twice(classes):
    pictures, labels = load_digits(return_X_y=True)
    count = 3 * classes + 1
    found = digits.shades(stream(1, "digits", {"seed": 2}), count, classes)
    where = [np.flatnonzero((pictures == row).all(axis=1)).tolist() for row in found]
    assert [labels[rows[0]] for rows in where] == [mu % classes for mu in range(count)]
    assert len({rows[0] for rows in where}) == count


def test_patterns_do_not_depend_on_how_many_there_are_but_on_the_seed():
    few, more, other = (
        digits.signs(stream(1, "digits", {"seed": seed}), count, 10)
        for count, seed in ((7, 0), (25, 0), (7, 1))
    )
    np.testing.assert_array_equal(few, more[:7])
    assert not np.array_equal(few, other)
    assert few.dtype == np.int8
    assert set(np.unique(more)) == {-1, 1}


def test_every_digit_has_as_many_pictures_as_it_is_said_to_have():
    _, labels = load_digits(return_X_y=True)
    assert np.bincount(labels).min() == digits.FEWEST_OF_A_DIGIT
    whole = digits.shades(stream(1, "digits", {}), 10 * digits.FEWEST_OF_A_DIGIT, 10)
    assert whole.shape == (1740, 64)
    assert (whole.min(), whole.max()) == (0, 16)


def test_grey_digits_are_as_long_as_signs_and_look_like_them():
    patterns = PatternSet(1, 64, 30, 0)
    grey, black = (OF_DIGITS[name](patterns, 10) for name in ("grey_digits", "digits"))
    np.testing.assert_allclose(np.sum(grey * grey, axis=1), 64, rtol=1e-12)
    overlaps = np.sum(grey * black, axis=1) / 64
    assert overlaps.min() > 0.8


def test_binary_and_continuous_neurons_store_the_same_digits():
    patterns = PatternSet(3, 64, 12, 1)
    drawn = ensembles.drawn(
        ensembles.Ensemble("digits", classes=4), 3, patterns.labels, patterns.patterns, 64
    )
    np.testing.assert_array_equal(drawn.xi, OF_DIGITS["digits"](patterns, 4))


def test_the_class_is_that_of_the_nearest_pattern():
    xi = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [-1, -1, 1, 1]], np.int8)
    none = np.zeros(1)

    def told(cue: int, mean: list[float]) -> bool:
        return is_of_its_class(ObservedChain(xi, cue, 1.0, 0.0, none, none, np.array(mean)), 2)

    assert told(0, [1, 1, -0.9, -1])  # pattern 2 is of the class of 0
    assert not told(1, [1, 1, -0.9, -1])
    assert told(3, [1, -1, 0.5, -1])


def content(**changes: Any) -> dict[str, Any]:
    axes = {"size": [64], "memories": [20], "temperature": [0.0], "noise": [0.1, 0.3], "seed": 1}
    axes |= {key: changes.pop(key) for key in [*changes] if key in axes}
    return {"name": "some", "model": "hopfield", "patterns": {"ensemble": "digits"}, "axes": axes,
            "cues": 4, "sweeps": {"thermalise": 50, "measure": 10}, **changes}  # fmt: skip


def cell(seed: int, **changes: Any) -> dict[str, np.ndarray]:
    """The columns of one pattern set."""
    study = study_of(content(**changes))
    points = [(noise,) for noise in study.labels["noise"]]
    points = [tuple(dict(zip(("beta", "noise"), (study.labels["beta"][0], p[0]), strict=True))[n]
                    for n in study.points) for p in points]  # fmt: skip
    patterns = study.pattern_set(64, study.axes.memories[0], seed)
    return dict(study.described_model.simulate(*study.task(patterns, points)))


def test_hebb_collapses_on_digits_and_projection_does_not():
    """20 digits: every cue of Hebb's ends at an overlap of 0.6, whatever the noise, few in the right class.

    By projection all but a few are found. The same 8 pattern sets on every machine: no false alarm.
    """
    hebb = [cell(seed) for seed in range(8)]
    projected = [cell(seed, couplings="pseudo_inverse") for seed in range(8)]
    overlap = np.mean([row["overlap"] for row in hebb], axis=0)
    assert (np.abs(overlap - 0.6) < 0.1).all()
    assert abs(overlap[0] - overlap[1]) < 0.01
    assert (np.mean([row["same_class"] for row in hebb], axis=0) < 0.35).all()
    assert np.mean([row["overlap"][0] for row in projected]) > 0.95
    assert np.mean([row["same_class"][0] for row in projected]) > 0.95


def test_attention_keeps_far_more_digits_apart():
    study = study_of({"name": "s", "model": "attention", "question": "certainty", "patterns": "digits",
                      "axes": {"size": [64], "memories": [400], "beta": [2.0], "noise": [0.1]},
                      "cues": 8})  # fmt: skip
    row = simulate(PatternSet(0, 64, 400, 0), [study.place((2.0, 0.1))], study.protocol)
    assert row["same_class"][0] == 1
    assert row["overlap"][0] > 0.95


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": [100]}, "digits have 8 × 8 sites: use size 64"),
        ({"memories": [1741]}, "at most 174 of each"),
        ({"patterns": {"ensemble": "digits", "classes": 11}}, "classes: got 11"),
    ],
)
def test_mistakes_are_said_in_a_line(changes, said):
    assert said in refused(lambda **more: study_of(content(**more)), **changes)


def test_without_the_package_one_line_says_what_to_type(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda _: None)
    said = refused(lambda: study_of(content()))
    assert 'digits come with scikit-learn, which is not here: pip install "mattis[examples]"' in said
