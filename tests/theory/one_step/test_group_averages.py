"""Averages over the states of a group, against plain sums, and over groups, against double sums."""

import numpy as np
import pytest

from mattis.theory.numerics.quadrature import averages
from mattis.theory.one_step import averages as inner
from mattis.theory.one_step.fields import Fields, field_averages

PLACES = [
    (0.0, 1.0, 0.3, 0.5),
    (0.3, 1.0, 0.3, 0.1),
    (2.0, 0.8, 0.5, 0.8),
    (0.1, 0.5, 0.5, 1.0),
    (0.02, 0.025, 37.0, 0.01),
    (0.1, 0.025, 30.0, 0.03),
    (0.4, 0.9, 0.7, 0.01),
]
"""A, B, mu and T: kinks, smooth weights, and nearly T = 0."""


def column(*values: float) -> list[np.ndarray]:
    return [np.array([each]) for each in values]


def plain_sums(field: float, width: float, break_: float, temperature: float) -> list[float]:
    """The same averages, by a sum over y in many small steps."""
    y, step = np.linspace(-12, 13, 1_000_001, retstep=True)
    u = np.abs(field + width * y) / temperature
    log_cosh = u + np.log1p(np.exp(-2 * u))
    x, half = break_ * temperature, (break_ * width) ** 2 / 2
    weight = np.exp(x * log_cosh - break_ * field - half - y * y / 2) * step / np.sqrt(2 * np.pi)
    mean = np.tanh((field + width * y) / temperature)
    z = weight.sum()
    slope = break_ * ((weight * temperature * log_cosh).sum() / z - field)
    entropy = np.log1p(np.exp(-2 * u)) + u * (1 - np.tanh(u))
    found = (weight * (1 - mean), weight * np.cosh(np.minimum(u, 300)) ** -2.0, weight * entropy)
    short, sech2, s = (each.sum() / z for each in found)
    return [np.log(z), np.log(z) - slope + 2 * half, short, sech2 / temperature, s]


@pytest.mark.parametrize("place", PLACES)
def test_averages_of_a_group_are_those_of_plain_sums(place: tuple[float, ...]) -> None:
    field, *rest = place
    found = inner.group_averages(np.array([[field]]), *column(*rest))
    for one, wanted in zip(found, plain_sums(*place), strict=True):
        assert one[0, 0] == pytest.approx(wanted, rel=3e-6, abs=3e-9)


@pytest.mark.parametrize("place", [(0.1, 0.6, 0.3, 1.0), (0.3, 0.8, 0.25, 1.0), (0.0, 0.99, 0.2, 1.0)])
def test_both_rules_agree_where_both_hold(place: tuple[float, ...]) -> None:
    at = [np.array([[[each]]]) for each in place]
    for over_y, over_v in zip(inner._over_fields(*at), inner._over_kinks(*at), strict=True):
        assert over_y[0, 0] == pytest.approx(over_v[0, 0], rel=1e-11, abs=1e-13)


def test_averages_go_over_to_those_at_zero_temperature() -> None:
    field, width, break_ = np.array([[0.2, 1.0]]), *column(0.7, 0.9)
    zero = inner.group_averages(field, width, break_, np.zeros(1))
    cold = inner.group_averages(field, width, break_, np.full(1, 1e-9))
    for at_zero, at_cold in zip(zero, cold, strict=True):
        np.testing.assert_allclose(at_cold, at_zero, atol=1e-8)


@pytest.mark.parametrize("temperature", [0.0, 0.2, 0.9])
def test_a_small_break_gives_symmetric_averages_of_all_fields(temperature: float) -> None:
    """x -> 0: all states weigh the same, and only w0^2 + w1^2 matters."""
    m, between, within, break_, heat = column(0.4, 0.6, 0.5, 1e-7, temperature)
    one = field_averages(Fields(m, between, within, break_, heat))
    whole = averages(m, np.hypot(between, within), heat)
    assert one.overlap == pytest.approx(whole.mean, abs=1e-6)
    assert one.slope == pytest.approx(whole.slope, abs=1e-6)
    assert one.between + one.spread == pytest.approx(whole.square, abs=1e-6)


def test_a_break_of_one_gives_symmetric_averages_of_fields_between_groups() -> None:
    """x -> 1: Z(A) = 2 cosh(A/T) exp((w1/T)^2/2), whose tanh is that of A alone."""
    heat = 0.8
    m, between, within, break_, T = column(0.4, 0.6, 0.5, 1 / heat, heat)
    one = field_averages(Fields(m, between, within, break_ * (1 - 1e-9), T))
    groups = averages(m, between, T)
    assert one.overlap == pytest.approx(groups.mean, abs=1e-8)
    assert one.between == pytest.approx(groups.square, abs=1e-8)


@pytest.mark.parametrize("temperature", [0.0, 0.05, 0.7])
def test_averages_over_groups_are_those_of_a_double_sum(temperature: float) -> None:
    m, between, within, break_, heat = column(0.3, 0.7, 0.4, 0.8, temperature)
    one = field_averages(Fields(m, between, within, break_, heat))
    z, step = np.linspace(-9, 9, 20_001, retstep=True)
    field = m + between * z
    group = inner.group_averages(np.abs(field)[None, :], within, break_, heat)
    weight = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * step
    mean = np.sign(field) * (1 - group.short[0])
    limit = break_ * np.abs(field) + (break_ * within) ** 2 / 2
    wanted = {
        "overlap": mean, "between": mean**2, "slope": group.slope[0], "log": group.log[0] + limit,
        "legendre": group.legendre[0] - (break_ * within) ** 2 / 2, "entropy": group.entropy[0],
        "spread": 1 - heat * group.slope[0] - mean**2,
    }  # fmt: skip
    for name, values in wanted.items():
        assert getattr(one, name)[0] == pytest.approx(float((weight * values).sum()), abs=2e-7), name
