"""What is across, a curve, or remains: the longest axis with an order is across, rules are curves."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import make_of_family

from mattis.comparison.view import is_geometric, planes, position, view
from mattis.networks.registry import study_of
from mattis.study.figure import PanelBlock

RULES = ["hebb", "clipped", "pseudo_inverse", "dead_zone"]


def roles(panel: dict[str, Any] | None = None, **axes: Any) -> tuple[Any, ...]:
    block = None if panel is None else PanelBlock(quantity=["overlap"], **panel)
    seen = view(make_of_family(**{"noise": [0.0], **axes}), block)
    return seen.across, seen.curves, seen.up


@pytest.mark.parametrize(
    ("axes", "wanted"),
    [
        ({"load": [0.1, 0.2, 0.3], "temperature": [0.0, 0.3]}, ("load", "beta", None)),
        ({"load": [0.1, 0.2], "temperature": [0.0, 0.3, 0.5]}, ("beta", "load", None)),
        ({"load": [0.1, 0.2], "temperature": [0.0, 0.3]}, ("load", "beta", None)),  # of two as long
        ({"load": [0.1], "temperature": [0.0, 0.3], "noise": [0.0, 0.1, 0.2]}, ("noise", "beta", None)),
        ({"load": [0.1], "temperature": [0.0, 0.3]}, ("beta", None, None)),
        ({"load": [0.1, 0.2], "temperature": [0.0], "couplings_axis": RULES}, ("load", "couplings", None)),
        ({"load": [0.1, 0.2], "temperature": [0.0, 0.1, 0.2], "couplings_axis": RULES},
         ("beta", "couplings", None)),
    ],
)  # fmt: skip
def test_the_longest_axis_is_across_and_the_next_are_curves(axes: Any, wanted: Any) -> None:
    assert roles(**axes) == wanted


@pytest.mark.parametrize(
    ("panel", "wanted"),
    [
        ({"across": "temperature"}, ("beta", "load", None)),
        ({"across": "temperature", "curves": "noise"}, ("beta", "noise", None)),
        ({"up": "temperature"}, ("load", None, "beta")),
        ({"across": "noise", "up": "load"}, ("noise", None, "load")),
    ],
)
def test_a_panel_may_say_so_itself(panel: Any, wanted: Any) -> None:
    axes = {"load": [0.1, 0.2, 0.3], "temperature": [0.0, 0.3], "noise": [0.0, 0.1]}
    assert roles(panel, **axes) == wanted


def test_what_remains_makes_planes_and_the_last_is_the_diagram() -> None:
    study = make_of_family(
        load=[0.1, 0.2, 0.3, 0.4], temperature=[0.0, 0.3, 0.6], noise=[0.0, 0.1], size=[60, 80]
    )
    seen = view(study)
    assert seen.rest == ("size", "noise")
    labels = {name: list(study.labels[name]) for name in seen.rest}
    found = dict(planes(xr.Dataset(coords=labels), study, seen.rest))
    assert [*found] == [
        "diagram-size60-noise0", "diagram-size60-noise0.1", "diagram-size80-noise0", "diagram",
    ]  # fmt: skip
    assert found["diagram"] == {"size": 80, "noise": 0.1}


@pytest.mark.parametrize("axis", ["temperature", "beta"])
def test_files_are_named_by_what_the_study_has(axis: str) -> None:
    study = make_of_family(
        load=[0.1, 0.2, 0.3, 0.4], noise=[0.0, 0.1, 0.2], **{"temperature": None, axis: [0.25, 0.5]}
    )
    beta = list(study.labels["beta"])
    heat = ("beta", list(study.axes.temperatures))
    found = dict(planes(xr.Dataset(coords={"beta": beta, "temperature": heat}), study, ["beta"]))
    assert [*found] == [f"diagram-{axis}0.25", "diagram"]
    assert found[f"diagram-{axis}0.25"] == {"beta": beta[0]}


def test_cells_lie_at_the_load_of_whole_patterns_and_at_temperatures() -> None:
    """0.11 × 60 are 7 patterns, 0.1167 each; of a hundredth of the bonds 11.67 for each."""
    study = make_of_family(load=[0.11, 0.2, 0.3], temperature=[0.0])
    coords = {"load": [0.11, 0.2], "size": 60, "temperature": 0.0}
    cells = xr.Dataset({"patterns": ("load", [7, 12])}, coords)
    np.testing.assert_allclose(position(cells, view(study)), [7 / 60, 0.2])
    bonds = make_of_family(
        model="dilute", couplings={"connectivity": 0.05}, load=[0.02, 0.05, 0.1], temperature=[0.0]
    )
    seen = view(bonds)
    assert seen.per == 0.05
    np.testing.assert_allclose(position(cells, seen), [7 / 60 / 0.05, 0.2 / 0.05])
    warm = view(make_of_family(load=[0.1], temperature=[0.0, 0.5]))
    along = xr.Dataset(coords={"beta": [np.inf, 2.0], "temperature": ("beta", [0.0, 0.5])})
    assert position(along, warm).tolist() == [0.0, 0.5]


def test_the_axis_beta_of_continuous_neurons_is_a_gain() -> None:
    axes = {"size": [20], "load": [0.1], "beta": [1.0, 2.0], "seed": 1}
    seen = view(study_of({"name": "x", "model": "graded", "axes": axes}))
    assert (seen.across, seen.is_gain) == ("beta", True)
    along = xr.Dataset(coords={"beta": [1.0, 2.0]})
    assert position(along, seen).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([10.0, 20.0, 50.0, 100.0], True), ([0.1, 0.2, 0.3, 0.4], False), ([1.0, 10.0, 100.0], False),
        ([0.0, 1.0, 10.0, 100.0], False), ([1.0, 2.0, 4.0, 7.0], False), ([0.01, 0.1, 1.0, 10.0], True),
    ],
)  # fmt: skip
def test_a_logarithm_spreads_what_rises_by_factors(values: list[float], wanted: bool) -> None:
    assert is_geometric(np.array(values)) == wanted
