"""The studies that are run to see what a run costs besides simulating: of N = 500, by their content."""

from typing import Any

Options = dict[str, Any]

WORKERS = 2
POINTS = 20
"""Cells of a block, where nothing else is said."""

SIZES = {"10^4 cells": (10, 100, 10), "10^5 cells": (100, 100, 10), "10^6 cells": (100, 100, 100)}
"""Loads, temperatures and seeds of stores."""


def study(name: str, loads: int = 10, temperatures: int = POINTS, seeds: int = 1) -> Options:
    """Return a study of N = 500; a larger one holds the cells of a smaller one."""
    axes = {
        "size": [500],
        "load": [round(0.02 + 0.02 * (k % 10) + 1e-4 * (k // 10), 6) for k in range(loads)],
        "temperature": [round(0.05 + 0.05 * (k % 20) + 1e-4 * (k // 20), 6) for k in range(temperatures)],
        "seed": seeds,
    }
    return {"name": name, "axes": axes}


def swept(content: Options, sweeps: int) -> Options:
    """Return a study with so many sweeps."""
    return {**content, "sweeps": {"thermalise": 0, "measure": max(sweeps, 2)}}
