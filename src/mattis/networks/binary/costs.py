"""What the kernels cost, measured, and the rule that picks one.

The table is what `python benchmarks/dispatch.py` found: CPU nanoseconds on one core, per proposal (of a
replica, or of a group of 32 for lanes) and, for what is made before the first sweep, per site. Cached fields
cost what flips, at each of `MEASURED_TEMPERATURES`; the others are averages over them. Only ratios enter.
"""

from bisect import bisect
from collections.abc import Sequence
from functools import lru_cache
from math import inf, log
from typing import NamedTuple

LARGEST_MATRIX = 3500
"""Above this N the N × N couplings are not kept: the memory is worth more than the time."""

MEASURED_TEMPERATURES = (0.05, 0.2, 0.5, 1.0)
"""Temperatures at which the kernels were measured."""


class Cost(NamedTuple):
    """What the kernels cost for a network of N neurons and P patterns, in ns."""

    size: int
    patterns: int
    overlaps: float
    overlaps_setup: float
    fields: tuple[float, ...]
    fields_setup: float
    lanes: float
    lanes_setup: float

    def fields_at(self, temperature: float) -> float:
        """Return the cost of a proposal with cached fields: linear between what was measured."""
        place = bisect(MEASURED_TEMPERATURES, temperature)
        if place in (0, len(MEASURED_TEMPERATURES)):
            return self.fields[min(place, len(MEASURED_TEMPERATURES) - 1)]
        low, high = MEASURED_TEMPERATURES[place - 1 : place + 1]
        share = (temperature - low) / (high - low)
        return (1 - share) * self.fields[place - 1] + share * self.fields[place]


def cheapest(size: int, patterns: int, temperatures: Sequence[float], sweeps: int) -> str:
    """Return the kernel that runs replicas at these temperatures fastest: "lanes", "fields" or "overlaps".

    set-up + sweeps × (the sum of all replicas, or a group of lanes), by the measured network that is nearest.
    """
    cost = nearest(size, patterns)
    total = {
        "lanes": cost.lanes_setup + sweeps * cost.lanes,
        "overlaps": cost.overlaps_setup + sweeps * len(temperatures) * cost.overlaps,
    }
    if size <= LARGEST_MATRIX:
        total["fields"] = cost.fields_setup + sweeps * sum(map(cost.fields_at, temperatures))
    return min(total, key=lambda name: total[name])


@lru_cache(maxsize=1024)
def nearest(size: int, patterns: int) -> Cost:
    """Return the row of the table that is nearest in the logarithms of N and P."""

    def distance(cost: Cost) -> float:
        return abs(log(size / cost.size)) + abs(log(patterns / cost.patterns))

    return min(COSTS, key=distance)


COSTS = (
    Cost(250, 5, 7.33, 9.61, (1.4, 1.5, 4.83, 13.7), 289, 47.4, 130),
    Cost(250, 10, 7.27, 9.98, (1.34, 1.64, 5.1, 13.6), 325, 49, 158),
    Cost(250, 20, 8.5, 13.1, (1.35, 1.69, 6.59, 12.3), 331, 51.5, 131),
    Cost(250, 40, 11.3, 17.9, (3.08, 4.45, 6.37, 10.8), 381, 63, 139),
    Cost(250, 100, 14, 32.7, (2.31, 4.09, 5.68, 9.31), 576, 75.8, 179),
    Cost(500, 5, 8.13, 6.63, (1.12, 1.1, 3.91, 14.7), 460, 49.6, 67.4),
    Cost(500, 10, 8.56, 7.07, (1.07, 1.26, 4.84, 17.5), 496, 54.8, 69.8),
    Cost(500, 20, 12.9, 13.4, (1.63, 1.81, 6.85, 17), 725, 73, 132),
    Cost(500, 40, 15.5, 14.5, (1.6, 2.37, 9.47, 15.6), 786, 75.3, 106),
    Cost(500, 100, 19, 40.8, (3.02, 5.78, 8.61, 12.9), 1200, 110, 214),
    Cost(500, 200, 27.8, 58.9, (3.74, 4.95, 5.22, 8.31), 1440, 112, 427),
    Cost(1000, 5, 7.3, 5.36, (0.94, 0.99, 4.3, 16.9), 920, 47.2, 44),
    Cost(1000, 10, 7.18, 5.87, (0.94, 1, 4.43, 17.3), 1020, 48.6, 44.7),
    Cost(1000, 20, 8.48, 8.51, (0.93, 1.01, 4.39, 16.6), 1060, 50.1, 49.5),
    Cost(1000, 40, 11.6, 13.3, (0.93, 1.1, 5.13, 15.9), 1240, 55.7, 60),
    Cost(1000, 100, 14.3, 36.2, (0.96, 1.33, 6.55, 12.3), 1900, 66.7, 501),
    Cost(1000, 200, 25.1, 56.2, (2.08, 3.9, 6.7, 12.5), 2970, 97.9, 595),
    Cost(1000, 400, 42.1, 119, (2.25, 4.39, 7.05, 12.8), 5220, 143, 874),
    Cost(1500, 5, 7.31, 4.91, (0.92, 0.97, 4.69, 26.2), 1590, 48.3, 35.4),
    Cost(1500, 10, 7.14, 5.36, (0.93, 1.02, 4.48, 23.9), 1810, 49.3, 36.9),
    Cost(1500, 20, 8.43, 7.99, (0.93, 0.92, 5.41, 23.1), 1730, 50.5, 41.8),
    Cost(1500, 40, 11.2, 13, (0.95, 1.1, 5.51, 20.7), 2200, 53.5, 51.5),
    Cost(1500, 100, 15, 28.5, (0.93, 1.65, 10.3, 19.1), 3410, 69.8, 532),
    Cost(1500, 200, 26.5, 58.3, (1.39, 6.51, 8.44, 16.6), 4980, 95.4, 785),
    Cost(1500, 400, 42.9, 126, (2.39, 5.87, 12.6, 19), 8010, 146, 1160),
    Cost(2000, 5, 7.31, 4.73, (0.91, 0.89, 5.21, 29.9), 2970, 47.6, 36.1),
    Cost(2000, 10, 7.22, 5.41, (0.9, 0.9, 4.92, 31.1), 3360, 47.7, 34.2),
    Cost(2000, 20, 9.03, 7.87, (0.93, 0.94, 7.73, 28), 3400, 55, 38.4),
    Cost(2000, 40, 11.4, 12.7, (0.93, 1.07, 7.46, 28), 4350, 56.2, 527),
    Cost(2000, 100, 14.7, 28.7, (0.98, 1.2, 10.5, 30.1), 5670, 70.2, 691),
    Cost(2000, 200, 25.6, 67.6, (1.14, 2.62, 13.2, 27.5), 7370, 90.7, 1030),
    Cost(2000, 400, 44.6, 137, (5.28, 8.36, 14.9, 33.4), 11600, 153, 1490),
    Cost(2000, 800, 79.8, 586, (7.96, 12.2, 22.1, 40.9), 19500, 256, 2880),
    Cost(3000, 5, 7.32, 4.65, (0.91, 0.92, 8.34, 70.7), 6920, 52.1, 30.4),
    Cost(3000, 10, 7.24, 4.92, (0.89, 0.91, 6.57, 49.7), 6670, 49.4, 31.1),
    Cost(3000, 20, 8.56, 7.59, (0.91, 0.98, 7.62, 73.7), 6780, 54.3, 36.5),
    Cost(3000, 40, 11.5, 12.5, (0.9, 1, 8.76, 62), 7340, 57.5, 720),
    Cost(3000, 100, 14.4, 31.1, (0.92, 1.07, 9.68, 72.8), 9330, 71.7, 1000),
    Cost(3000, 200, 26.4, 76.6, (1.02, 1.52, 15.4, 44.6), 12000, 90.8, 1540),
    Cost(3000, 400, 44.6, 199, (2, 13.4, 21.6, 58.3), 17500, 144, 2080),
    Cost(3000, 800, 79.1, 524, (7.15, 20.1, 39.5, 81.7), 31800, 461, 500),
    Cost(4000, 5, 7.39, 4.41, (0.93, 0.94, 9.54, 103), 9150, 55.7, 25.5),
    Cost(4000, 10, 8.06, 4.89, (0.91, 0.98, 12.6, 151), 9100, 60, 31.9),
    Cost(4000, 20, 8.57, 10.5, (0.92, 0.99, 8.02, 191), 10400, 63.8, 1260),
    Cost(4000, 40, 12.2, 12.6, (1.25, 1.02, 11.7, 88.8), 10800, 66, 1030),
    Cost(4000, 100, 15.4, 43.9, (0.95, 1.38, 15.5, 84.8), 13600, 80.2, 1310),
    Cost(4000, 200, 26.5, 104, (0.96, 1.28, 13.6, 73.4), 15900, 89.7, 1810),
    Cost(4000, 400, 45, 178, (2.11, 6.82, 46.7, 96.8), 24700, 247, 2550),
    Cost(4000, 800, 81, 561, (15.9, 22.3, 53.2, 141), 42200, 485, 562),
    Cost(6000, 5, 7.66, 4.33, (1.05, 0.99, 14.2, 325), 16200, 59.7, 26.9),
    Cost(6000, 10, 7.65, 4.72, (0.97, 1.02, 17.6, 266), 16100, 62.4, 35.4),
    Cost(6000, 20, 9.28, 7.5, (0.93, 0.98, 12.9, 251), 16700, 61.1, 1400),
    Cost(6000, 40, 12.1, 12.3, (0.93, 0.93, 14.8, 246), 17900, 64.7, 1380),
    Cost(6000, 100, 15.7, 58.9, (1.01, 1.16, 17, 208), 21800, 78, 1820),
    Cost(6000, 200, 26.3, 91, (1.35, 1.95, 35.8, 283), 26700, 165, 140),
    Cost(6000, 400, 46.1, 222, (1.57, 3.05, 61, 210), 39200, 245, 256),
    Cost(6000, 800, 82.5, 569, (4.55, 48.7, 91.8, 289), 62300, 459, 500),
    Cost(10000, 5, 7.81, 4.22, (inf, inf, inf, inf), inf, 61, 21.7),
    Cost(10000, 10, 7.59, 4.66, (inf, inf, inf, inf), inf, 56, 2220),
    Cost(10000, 20, 8.78, 7.27, (inf, inf, inf, inf), inf, 58.7, 2240),
    Cost(10000, 40, 12.3, 12.8, (inf, inf, inf, inf), inf, 64.7, 2260),
    Cost(10000, 100, 16, 45, (inf, inf, inf, inf), inf, 129, 85.7),
    Cost(10000, 200, 26.9, 107, (inf, inf, inf, inf), inf, 173, 145),
    Cost(10000, 400, 48.3, 204, (inf, inf, inf, inf), inf, 264, 282),
    Cost(10000, 800, 83.5, 607, (inf, inf, inf, inf), inf, 439, 563),
)  # fmt: skip
