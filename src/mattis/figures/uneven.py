"""Maps of a study that is refined: along the refined axis each line of cells has edges of its own.

The cube of such a study has every value of any line, and holes where a line was not asked for one. On a map a
cell reaches half-way to its neighbours in its own line, over the holes in between. Curves and boundaries are
drawn from the cube itself.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.exact.arrays import Mask, Reals
from mattis.study.base import Study
from mattis.study.refine import REFINED_AXES


def own_cells(plane: xr.Dataset, study: Study) -> xr.Dataset:
    """Return a plane of estimates whose holes have what the nearest cell of their own line has.

    A plane without holes is returned as it is.
    """
    if study.refine is None or "asked" not in plane or bool((plane["asked"] > 0).all()):
        return plane
    axis = study.refined_axis
    dim = REFINED_AXES[axis]
    if dim not in plane["asked"].dims:
        return plane
    others = [str(name) for name in plane["asked"].dims if name != dim]
    centres = np.asarray(plane["realised_load" if axis == "load" else axis].values, np.float64)
    asked = plane["asked"].transpose(dim, *others)
    nearest = xr.DataArray(_nearest(centres, asked.values > 0), dims=asked.dims)
    places = {name: xr.DataArray(np.arange(plane.sizes[name]), dims=name) for name in others}
    filled = {
        name: values.variable.isel({dim: nearest.variable} | {k: v.variable for k, v in places.items()})
        for name, values in plane.data_vars.items()
        if {*values.dims} == {*asked.dims}
    }
    return plane.assign(filled)


def _nearest(centres: Reals, there: Mask) -> NDArray[np.int64]:
    """Return the place of the nearest cell that is there, along the first axis; its own in an empty line."""
    out = np.broadcast_to(np.arange(len(centres)).reshape(-1, *[1] * (there.ndim - 1)), there.shape)
    found = out.copy()
    for line in np.ndindex(*there.shape[1:]):
        known = np.flatnonzero(there[:, *line])
        if len(known):
            found[:, *line] = known[np.argmin(np.abs(centres[:, None] - centres[known]), axis=1)]
    return found
