"""What landscapes of several sizes say of one without end: lines through their means, with errors."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from mattis.errors import UserError
from mattis.exact.arrays import Reals


class FittedLine(NamedTuple):
    """A straight line through means with errors: by weighted least squares, its errors from theirs alone."""

    start: float
    """Where it is at x = 0."""
    start_error: float
    slope: float
    slope_error: float
    chi2: float
    degrees: int


def fitted_line(x: Reals, means: Reals, errors: Reals) -> FittedLine:
    """Return the line a + b x that is nearest to means, each counted by 1/error². x, means, errors  # (n,)"""
    weights = 1 / errors**2
    middle = float((weights * x).sum() / weights.sum())
    height = float((weights * means).sum() / weights.sum())
    width = float((weights * (x - middle) ** 2).sum())
    slope = float((weights * (x - middle) * means).sum()) / width
    start = height - slope * middle
    rest = float((weights * (means - start - slope * x) ** 2).sum())
    start_error = float(np.sqrt(1 / weights.sum() + middle**2 / width))
    return FittedLine(start, start_error, slope, width**-0.5, rest, len(x) - 2)


def complexity(cells: xr.Dataset) -> FittedLine:
    """Return the line of ln of the mean number of stable states over N: its slope is the complexity.

    cells  # those of a study of landscapes of at least 2 sizes and 2 seeds, as `open_results` returns them
    Means are over pattern sets (annealed). Of the spin glass of Sherrington and Kirkpatrick: 0.1992.
    """
    sizes, values = _by_size(cells, "minima")
    means = values.mean(axis=1)
    return fitted_line(sizes, np.log(means), _errors(values) / means)


def ground_energy(cells: xr.Dataset, power: float = 2 / 3) -> FittedLine:
    """Return the line of the lowest energy over N^(-power): it starts at the energy of N -> infinity.

    2/3 is the power of the spin glass of Sherrington and Kirkpatrick (S. Boettcher, Eur. Phys. J. B 46, 501
    (2005)), whose energy is -0.76317.
    """
    sizes, values = _by_size(cells, "energy_lowest")
    return fitted_line(sizes**-power, values.mean(axis=1), _errors(values))


def _by_size(cells: xr.Dataset, name: str) -> tuple[Reals, Reals]:
    """Return sizes, (n,), and values, (n, seeds). Raises UserError where there are other axes, or too few."""
    if name not in cells:
        raise UserError(f"{name}: no such observable; expected the cells of a study with question: landscape")
    values = cells[name].squeeze([d for d, n in cells[name].sizes.items() if n == 1], drop=True)
    if set(values.dims) != {"size", "seed"}:
        got = ", ".join(f"{key}: {count}" for key, count in values.sizes.items())
        raise UserError(
            f"{name}: got the axes {got or 'none'}; expected sizes and seeds, two of each at least"
        )
    table = values.transpose("size", "seed").values
    return values["size"].values.astype(np.float64), np.asarray(table, np.float64)


def _errors(values: Reals) -> Reals:
    """Return the standard errors of means over seeds."""
    return np.asarray(values.std(axis=1, ddof=1) / np.sqrt(values.shape[1]))
