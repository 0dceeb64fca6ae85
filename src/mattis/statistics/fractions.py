"""Fractions of answers, yes or no: an interval that pattern sets give, for answers of one set are alike."""

import xarray as xr

from mattis.statistics.intervals import wilson


def with_interval(
    name: str, shares: xr.DataArray, valid: xr.DataArray, smallest: xr.DataArray | float, words: str
) -> dict[str, xr.DataArray]:
    """Return the mean over the seeds of a fraction, and X_low and X_high, Wilson's interval of 95 % of it.

    Answers of one set share its patterns. So the number of trials is that which the spread over the sets
    gives, n = p(1-p)/error², between the number of sets and that of all answers: see `intervals.wilson`.

    Parameters
    ----------
    name, words
        Of the fraction, and what it is.
    shares, valid
        Over `seed`: the fraction in each pattern set, and which of these exist. NaN among them is NaN.
    smallest
        What one answer changes of a pattern set's fraction: 1 over their number, or 0 where that is unknown.
    """
    sets = valid.sum("seed")
    mean = shares.where(valid, 0.0).sum("seed", skipna=False) / sets.where(sets > 0)
    spread = shares.where(valid).var("seed", ddof=1) / sets
    trials = (mean * (1 - mean) / spread.where(spread > 0)).fillna(sets)
    answers = 1 / xr.where(smallest > 0, smallest, 1.0)
    low, high = wilson(mean, trials.clip(sets, sets * answers))
    return {
        key: values.assign_attrs(long_name=f"{said}{words}", units="1")
        for key, values, said in (
            (name, mean, ""),
            (f"{name}_low", low, "lower end of Wilson's interval of 95 % of: "),
            (f"{name}_high", high, "upper end of Wilson's interval of 95 % of: "),
        )
    }
