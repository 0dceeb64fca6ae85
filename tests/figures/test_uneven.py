"""Maps of a study that is refined: cells with edges of their own."""

from typing import Any

import numpy as np
import xarray as xr
from builders import make_of_family

from mattis.figures.uneven import own_cells

HEAT = np.array([0.2, 0.3, 0.32, 0.36, 0.4])


def plane(asked: list[list[int]]) -> xr.Dataset:
    """Return estimates over 5 temperatures and 2 loads: the overlap says which cell it is of."""
    seeds = np.array(asked)
    number = np.where(seeds > 0, np.arange(10.0).reshape(5, 2), np.nan)
    return xr.Dataset(
        {"asked": (("beta", "load"), seeds), "overlap": (("beta", "load"), number),
         "boundary_temperature": (("load",), [0.3, 0.3])},
        coords={"temperature": ("beta", HEAT), "load": [0.05, 0.1]},
    )  # fmt: skip


def study(**refine: Any) -> Any:
    keys: dict[str, Any] = {"temperature": [0.2, 0.4], "noise": [0.0], "seed": 4}
    return make_of_family(**keys, refine={"error": 0.01} | refine)


def test_a_hole_shows_the_nearest_cell_of_its_own_line() -> None:
    given = plane([[8, 8], [0, 8], [8, 0], [0, 0], [8, 8]])
    found = own_cells(given, study())
    assert found["overlap"].values.T.tolist() == [[0, 4, 4, 4, 8], [1, 3, 3, 9, 9]]
    assert found["boundary_temperature"].equals(given["boundary_temperature"])
    turned = own_cells(given.transpose("load", "beta"), study())
    assert (turned["overlap"].transpose("beta", "load").values == found["overlap"].values).all()


def test_a_line_of_which_nothing_is_there_stays_blank_and_so_does_a_cell_without_values() -> None:
    given = plane([[8, 0], [0, 0], [8, 0], [8, 0], [8, 0]])
    given["overlap"][2, 0] = np.nan  # asked for, not computed yet
    found = own_cells(given, study())
    assert np.isnan(found["overlap"].values[:, 1]).all()
    assert np.isnan(found["overlap"].values[1:3, 0]).all()


def test_a_whole_plane_is_as_it_was() -> None:
    given = plane([[8, 8]] * 5)
    assert own_cells(given, study()) is given
    assert own_cells(plane([[8, 0]] * 5), make_of_family()).equals(plane([[8, 0]] * 5))
