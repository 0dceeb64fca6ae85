"""What measurements tend to as N → ∞, and numbers of theory."""

from collections.abc import Sequence

import numpy as np

from mattis import theory
from mattis.claims.laboratory import Keys, Laboratory, Measurement
from mattis.statistics.extrapolation import fitted_line


def endless(
    lab: Laboratory, keys: Keys, variable: str, sizes: Sequence[int], powers: Sequence[float]
) -> Measurement:
    """Return an estimate as N → ∞: the mean constant of lines in N^-power; their spread is an error too.

    variable  # an estimate of the study, with an error
    powers    # of N, by which it may approach its limit
    """
    found = lab.estimates({**keys, "axes": {**keys["axes"], "size": list(sizes)}})
    y, errors = (found[name].squeeze().values for name in (variable, f"{variable}_error"))
    lines = [fitted_line(np.array(sizes, float) ** -power, y, errors) for power in powers]
    limits = [line.start for line in lines]
    spread = (max(limits) - min(limits)) / 2
    return Measurement(float(np.mean(limits)), float(np.hypot(lines[0].start_error, spread)))


def known(name: str, **at: float) -> float:
    """Return a number of theory (see `mattis.theory.evaluate`)."""
    value = theory.evaluate(name, **at)
    if not isinstance(value, float):
        raise TypeError(f"{name} at {at}: got {value}; expected a number")
    return value
