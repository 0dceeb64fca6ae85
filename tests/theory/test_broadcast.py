"""Theory over arrays: broadcast as NumPy does, and by the names of dimensions."""

import numpy as np
import pytest
import xarray as xr

from mattis.errors import UserError
from mattis.theory import evaluate, hopfield


def test_arrays_give_an_array_of_floats_where_nothing_is_none():
    found = evaluate("hopfield.T_g", load=np.array([1, 4]))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float64
    assert found.tolist() == [2.0, 3.0]
    none = evaluate("hopfield.overlap", load=np.array([0.05, 0.2]), temperature=0)
    assert none[0] == hopfield.overlap(0.05, 0)
    assert np.isnan(none[1])
    assert evaluate("hopfield.T_g", load=np.zeros((0, 3))).shape == (0, 3)


def test_an_array_of_no_dimension_gives_one():
    found = evaluate("hopfield.T_g", load=np.array(4.0))
    assert found.shape == ()
    assert found == 3.0
    assert evaluate("marchenko_pastur.edges", load=np.array(0.25)).tolist() == [1.0, 9.0]


def test_loads_against_temperatures_are_a_plane():
    load, heat = np.array([0.02, 0.05]), np.array([0.0, 0.3, 0.5])
    plane = evaluate("hopfield.overlap", load=load, temperature=heat[:, None])
    assert plane.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        assert plane[i, j] == hopfield.overlap(float(load[j]), float(heat[i]))
    pairs = evaluate("marchenko_pastur.finite_edges", memories=np.array([[20], [30]]), size=[40, 80])
    assert pairs.shape == (2, 2, 2)
    assert np.isnan(pairs[1, 0, 0])  # near the hard edge
    assert pairs[0, 1].tolist() == evaluate("marchenko_pastur.finite_edges", memories=20, size=80)


def test_one_bad_value_costs_no_other():
    bad = np.array([[0.05, -1.0], [np.nan, np.inf]])
    found = evaluate("hopfield.overlap", load=bad, temperature=0.2)
    assert found[0, 0] == hopfield.overlap(0.05, 0.2)
    assert np.isnan(found.ravel()[1:]).all()
    assert np.isnan(evaluate("hopfield.T_g", load=np.array([-1.0])))
    assert np.isnan(evaluate("hopfield.T_g", load=np.ma.array([1.0, 4.0], mask=[True, False]))[0])
    edges = evaluate("marchenko_pastur.edges", load=np.array([-1, 0.25]))
    assert np.isnan(edges[0]).all()
    assert edges[1].tolist() == [1.0, 9.0]


def test_labels_stay_and_dimensions_are_matched_by_name():
    load = xr.DataArray([0.02, 0.05, -1], dims="load", coords={"load": [0.02, 0.05, -1]})
    heat = xr.DataArray([0.1, 0.3], dims="temperature", coords={"temperature": [0.1, 0.3]})
    found = evaluate("hopfield.overlap", load=load, temperature=heat)
    assert found.dims == ("load", "temperature")
    assert found.name == "hopfield.overlap"
    assert found.attrs["units"] == "1"
    here = float(found.sel(load=0.05, temperature=0.3))
    assert here == hopfield.overlap(0.05, 0.3)
    assert found.sel(load=-1).isnull().all()
    turned = evaluate("hopfield.overlap", load=load, temperature=heat.expand_dims(size=[1, 2]))
    assert turned.sizes == {"load": 3, "size": 2, "temperature": 2}
    point = evaluate("hopfield.T_g", load=load[1])
    assert point.dims == ()
    assert float(point.coords["load"]) == 0.05


def test_two_numbers_of_labelled_arrays_have_a_last_dimension():
    load = xr.DataArray([0.25, -1], dims="load", coords={"load": [0.25, -1]})
    found = evaluate("marchenko_pastur.edges", load=load)
    assert found.dims == ("load", "number")
    assert found.values[0].tolist() == [1.0, 9.0]
    assert np.isnan(found.values[1]).all()


def test_words_stand_beside_arrays():
    found = evaluate("little.alpha_M", temperature=np.array([0.3, 0.5]), diagonal="kept")
    assert found.tolist() == evaluate("little.alpha_M", temperature=[0.3, 0.5], diagonal="kept")


LABELLED = xr.DataArray([0.1, 0.2], dims="load", coords={"load": [0.1, 0.2]})


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ({"load": np.ones(2), "temperature": np.ones(3)}, "load (2,), temperature (3,) do not fit"),
        ({"load": LABELLED, "temperature": LABELLED.assign_coords(load=[1, 2])}, "do not fit each"),
        ({"load": np.array([True]), "temperature": 0}, "load[0]=True is not a number"),
        ({"load": np.array([0.1, "x"], object), "temperature": 0}, "load[1]='x' is not a number"),
        ({"load": np.array([1j]), "temperature": 0}, "is not a number"),
        ({"load": np.array(["2026-01-01"], "datetime64[ns]"), "temperature": 0}, "is not a number"),
        ({"load": np.array([0.1]), "temperature": -1}, "temperature=-1.0 is out of range"),
        ({"load": np.array([0.1]), "temperature": [[0], [1, 2]]}, "is not a number"),
    ],
)
def test_mistakes_in_arrays_are_told_in_one_line(at, says):
    with pytest.raises(UserError) as caught:
        evaluate("hopfield.overlap", **at)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_array_is_no_word():
    with pytest.raises(UserError, match="expected zero or kept"):
        evaluate("little.alpha_M", temperature=np.array([0.3]), diagonal=np.array(["zero", "kept"]))
