"""The maximum of one function of one number."""

from collections.abc import Callable

from scipy.optimize import minimize_scalar


def peak(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where `function` has its one maximum between low and high, to about 1e-8."""
    options = {"xatol": 1e-9}
    optimum = minimize_scalar(
        lambda x: -function(x), (), (low, high), (), "bounded", options=options
    )
    return float(optimum.x)
