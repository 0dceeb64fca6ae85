"""Intervals that say what few seeds know: Wilson's of a fraction, Student's of a mean."""

import numpy as np
import xarray as xr
from scipy.special import ndtri_exp, stdtr, stdtrit

from mattis.exact.arrays import Reals

LEVEL_95 = 1.959963984540054
"""Standard errors of a normal interval of 95 %."""


def wilson(share: xr.DataArray, count: xr.DataArray | float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the ends of Wilson's interval of a fraction of `count` trials; NaN where there are none.

    (p + w²/2n ± w sqrt(p(1-p)/n + w²/4n²))/(1 + w²/n), w = 1.96 (95 %): E. B. Wilson, J. Am. Stat. Assoc. 22,
    209 (1927). It does not end at a point where all trials agree: 0 of 16 means at most 19 %.
    """
    many = xr.where(count > 0, count, np.nan)
    rest = LEVEL_95**2 / many
    middle = (share + rest / 2) / (1 + rest)
    half = LEVEL_95 * (share * (1 - share) / many + rest / (4 * many)) ** 0.5 / (1 + rest)
    return (middle - half).clip(0.0, 1.0), (middle + half).clip(0.0, 1.0)


def normal_pull(pull: xr.DataArray, degrees: xr.DataArray | float) -> xr.DataArray:
    """Return the normal deviate that is as rare as Student's t of some degrees of freedom.

    z = Phi^-1(F_n(t)). The error of a mean over n seeds is itself a guess: of 4 seeds, t beyond 3 is as
    rare as a normal deviate beyond 1.9. NaN without a degree of freedom. Student, Biometrika 6, 1 (1908).
    """
    lower = xr.apply_ufunc(stdtr, xr.where(degrees > 0, degrees, np.nan), -abs(pull))
    with np.errstate(divide="ignore"):
        size = -xr.apply_ufunc(ndtri_exp, np.log(lower))
    # Of very large |t| the probability is 0 in float64: the last deviate that it knows.
    known = xr.where(lower > 0, size, xr.where(lower == 0, -float(ndtri_exp(np.log(5e-324))), np.nan))
    signed: xr.DataArray = np.sign(pull) * known
    return signed


def student(degrees: Reals) -> Reals:
    """Return how many standard errors an interval of 95 % reaches; NaN without a degree of freedom."""
    with np.errstate(invalid="ignore"):
        return np.asarray(stdtrit(np.where(degrees > 0, degrees, np.nan), 0.975), np.float64)
