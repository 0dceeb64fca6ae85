"""The table of quantities and `evaluate`, the border where users' mistakes are caught."""

import inspect
import math

import numpy as np
import pytest

from mattis.errors import UserError
from mattis.theory import ARGUMENTS, QUANTITIES, evaluate, hopfield

HOPFIELD = {
    "overlap": ("load", "temperature"),
    "q": ("load", "temperature"),
    "energy": ("load", "temperature"),
    "free_energy": ("load", "temperature"),
    "T_M": ("load",),
    "T_c": ("load", "rsb"),
    "T_g": ("load",),
    "T_AT": ("load",),
    "alpha_M": ("temperature", "rsb"),
    "alpha_c": ("rsb",),
    "alpha_basin": ("rsb",),
    "hysteresis": ("load",),
    "bit_error": ("size", "patterns", "neurons"),
    "familiarity": ("load", "neurons", "size"),
    "frustration": ("patterns",),
    "m_c": ("temperature",),
    "alpha_1": ("temperature", "rsb"),
    "spin_glass": ("load", "temperature", "rsb"),
    "spin_glass_energy": ("load", "temperature", "rsb"),
    "spin_glass_free_energy": ("load", "temperature", "rsb"),
    "spin_glass_entropy": ("load", "temperature", "rsb"),
    "alpha_hysteresis": (),
    "energy_finite": ("load", "temperature", "size"),
}
CONSOLIDATION = {
    "kappa_s": ("memories",),
    "own_share": ("memories", "kappa"),
    "cosine": ("memories", "kappa"),
    "similarity": ("presentations", "tau", "overlap", "norm_ratio"),
    "error_factor": ("presentations", "tau"),
    "similarity_mean": ("steps", "probability", "tau", "overlap", "norm_ratio"),
    "similarity_sd": ("steps", "probability", "tau", "overlap", "norm_ratio"),
    "published": ("presentations", "tau", "overlap"),
    "mean_similarity": ("memories", "kappa", "presentations", "tau", "overlap", "norm_ratio"),
    "least_overlap": ("memories", "kappa"),
    "kappa_merge": ("target_cosine",),
    "kappa_basin": ("memories", "start"),
    "random_similarity": ("memories", "kappa", "presentations", "tau", "overlap", "norm_ratio"),
    "random_similarity_sd": ("memories", "kappa", "presentations", "tau", "overlap", "norm_ratio"),
    "pavlovian_error": ("presentations", "tau", "overlap", "norm_ratio"),
    "hebbian_error": ("presentations", "tau", "overlap", "norm_ratio"),
}


def test_hopfield_rows_are_these():
    rows = {n: q.arguments for n, q in QUANTITIES.items() if n.startswith("hopfield.")}
    assert rows == {f"hopfield.{name}": arguments for name, arguments in HOPFIELD.items()}


def test_consolidation_rows_are_these():
    rows = {n: q.arguments for n, q in QUANTITIES.items() if n.startswith("consolidation.")}
    assert rows == {f"consolidation.{name}": at for name, at in CONSOLIDATION.items()}


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=QUANTITIES)
def test_every_row_is_complete(quantity):
    assert QUANTITIES[quantity.name] is quantity
    assert quantity.meaning.endswith(".")
    assert all((quantity.symbol, quantity.equation, quantity.source))
    assert len(quantity.validity) > 10
    assert not quantity.validity.endswith(".")
    assert quantity.units in ("1", "J", "nat")
    parameters = inspect.signature(quantity.formula).parameters
    assert tuple(name.removesuffix("_") for name in parameters) == quantity.arguments
    assert set(quantity.arguments) <= set(ARGUMENTS)
    assert (quantity.formula.__doc__ or "").startswith("Return ")


def test_table_is_read_only():
    with pytest.raises(TypeError):
        QUANTITIES["mine"] = QUANTITIES["hopfield.q"]


def test_scalars_give_a_scalar():
    assert evaluate("hopfield.alpha_c") == hopfield.alpha_c()
    assert evaluate("hopfield.T_g", load=1) == 2.0
    value = evaluate("hopfield.overlap", load=np.float64(0.1), temperature=np.int64(0))
    assert type(value) is float
    assert value == hopfield.overlap(0.1, 0)


def test_lists_give_a_list_and_scalars_are_broadcast():
    line = evaluate("hopfield.overlap", load=[0.05, 0.1], temperature=0.2)
    assert line == [hopfield.overlap(0.05, 0.2), hopfield.overlap(0.1, 0.2)]
    line = evaluate("hopfield.q", load=0.05, temperature=(0.2, 0.3))
    assert line == [hopfield.edwards_anderson(0.05, t) for t in (0.2, 0.3)]
    assert evaluate("hopfield.T_g", load=[4]) == [3.0]
    assert evaluate("hopfield.T_g", load=[]) == []


def test_lists_are_paired():
    pairs = evaluate("hopfield.overlap", load=[0.05, 0.1], temperature=[0.3, 0.2])
    assert pairs == [hopfield.overlap(0.05, 0.3), hopfield.overlap(0.1, 0.2)]


def test_what_does_not_exist_is_none():
    assert evaluate("hopfield.overlap", load=0.2, temperature=0.0) is None
    assert evaluate("hopfield.overlap", load=0.05, temperature=[0.5, 0.6]) == [
        hopfield.overlap(0.05, 0.5),
        None,
    ]
    line = evaluate("hopfield.T_c", load=[0.05, 0.06])
    assert line[0] is not None
    assert line[1] is None


def test_a_value_out_of_range_is_none_in_its_place_of_a_list():
    """A line may begin at 0, or be longer than what it is drawn for; a mistake alone is a mistake."""
    whole = evaluate("hopfield.T_g", load=[1, 4])
    assert evaluate("hopfield.T_g", load=[0, 1, -0.1, 4, np.nan]) == [None, whole[0], None, whole[1], None]
    pairs = evaluate("hopfield.overlap", load=[0.05, 0, 0.1], temperature=[-1, 0.2, 0.2])
    assert pairs == [None, None, hopfield.overlap(0.1, 0.2)]
    edges = evaluate("marchenko_pastur.edges", load=[-1, 0.25])
    assert edges == [None, evaluate("marchenko_pastur.edges", load=0.25)]


@pytest.mark.parametrize(
    ("name", "at", "says"),
    [
        ("hopfield.overlp", {}, "did you mean hopfield.overlap?"),
        ("zzz", {}, "hopfield.T_g"),
        ("hopfield.T_g", {"lod": 0.1}, "did you mean load?"),
        ("hopfield.T_g", {"load": 0.1, "temperature": 0}, "unknown argument 'temperature'"),
        ("hopfield.alpha_hysteresis", {"load": 0.1}, "it takes no arguments"),
        ("hopfield.alpha_c", {"load": 0.1}, "expected one of rsb"),
        ("hopfield.alpha_c", {"rsb": 2}, "rsb=2.0 is out of range; expected 0 or 1"),
        ("hopfield.overlap", {"load": 0.1}, "missing argument 'temperature'"),
        ("hopfield.T_g", {"load": "0.1"}, "load='0.1' is not a number"),
        ("hopfield.T_g", {"load": True}, "not a number"),
        ("hopfield.T_g", {"load": None}, "not a number"),
        ("hopfield.T_g", {"load": 1j}, "not a number"),
        ("hopfield.T_g", {"load": [0.1, [0.2]]}, "load[1]=[0.2] is not a number"),
        ("hopfield.T_g", {"load": math.nan}, "not finite"),
        ("hopfield.T_g", {"load": [math.inf, -1]}, "load[0]=inf is not finite"),
        ("hopfield.T_g", {"load": [0.1, "x"]}, "load[1]='x' is not a number"),
        ("hopfield.alpha_M", {"temperature": math.inf}, "not finite"),
        ("hopfield.T_g", {"load": 0}, "load=0.0 is out of range; expected > 0"),
        ("consolidation.kappa_s", {"memories": 2.5}, "expected a whole number from 2 to 10^15"),
        ("consolidation.kappa_s", {"memories": [1]}, "memories[0]=1.0 is out of range"),
        ("consolidation.cosine", {"memories": 4}, "missing argument 'kappa'"),
        ("consolidation.kappa_merge", {"target_cosine": 1}, "expected in [-1, 1)"),
        ("hopfield.T_g", {"load": -0.1}, "load=-0.1 is out of range; expected > 0"),
        ("hopfield.alpha_M", {"temperature": -1}, "expected >= 0"),
        (
            "hopfield.overlap",
            {"load": [0.1, 0.2], "temperature": [0.1]},
            "load has 2 values, temperature has 1 value;",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(name, at, says):
    with pytest.raises(UserError) as caught:
        evaluate(name, **at)
    text = str(caught.value)
    assert says in text
    assert "\n" not in text
