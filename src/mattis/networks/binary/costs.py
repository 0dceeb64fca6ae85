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
    Cost(250, 5, 7.29, 9.26, (1.37, 1.39, 3.76, 12.8), 304, 48.5, 122),
    Cost(250, 10, 7.28, 9.81, (1.33, 1.47, 4.43, 12.2), 316, 48, 151),
    Cost(250, 20, 8.37, 13.1, (1.32, 1.51, 4.94, 11.3), 330, 53.9, 132),
    Cost(250, 40, 11.3, 17.9, (2.17, 3.43, 5.45, 9.38), 375, 64.2, 132),
    Cost(250, 100, 13.7, 32.6, (1.96, 3.46, 5, 8.65), 570, 75.6, 178),
    Cost(500, 5, 7.92, 11.5, (1.11, 1.12, 5, 16.4), 621, 57.7, 95.7),
    Cost(500, 10, 8.02, 9.31, (1.13, 1.52, 3.9, 14.6), 621, 56.8, 85.3),
    Cost(500, 20, 9.07, 9.71, (1.29, 1.25, 3.96, 12.3), 537, 54.3, 72.4),
    Cost(500, 40, 11.8, 20, (1.13, 1.59, 6.81, 13.8), 638, 62.2, 186),
    Cost(500, 100, 14.1, 30.2, (1.97, 3.26, 5.45, 9.21), 938, 80.4, 119),
    Cost(500, 200, 24.4, 68, (2.11, 2.77, 4.6, 9.18), 1530, 100, 614),
    Cost(1000, 5, 7.82, 5.37, (1.01, 1.01, 4.48, 18.5), 988, 52.3, 81.1),
    Cost(1000, 10, 7.71, 5.78, (1.14, 1.19, 3.98, 16.9), 1080, 55.7, 44.3),
    Cost(1000, 20, 8.66, 11.6, (1.13, 1.21, 5.92, 15.6), 1200, 58.2, 50.3),
    Cost(1000, 40, 11.8, 13.4, (1.23, 1.41, 5.07, 16.4), 1390, 61, 61.8),
    Cost(1000, 100, 14.8, 28.9, (1.18, 1.63, 7.76, 12.3), 1910, 74, 542),
    Cost(1000, 200, 24.5, 56.4, (1.68, 4.35, 6.08, 10.9), 3280, 102, 580),
    Cost(1000, 400, 43.4, 123, (1.61, 3.49, 6.73, 13.7), 5790, 143, 1100),
    Cost(1500, 5, 7.51, 4.89, (1.19, 1.24, 5.19, 25.8), 1880, 54.3, 40.6),
    Cost(1500, 10, 7.83, 5.33, (1.12, 1.2, 5.42, 24.7), 2040, 54, 36.8),
    Cost(1500, 20, 8.75, 7.98, (1.03, 1.07, 6.88, 23.4), 2350, 56.9, 56),
    Cost(1500, 40, 11.8, 13, (1.23, 1.07, 5.44, 19.5), 2200, 57.6, 51.7),
    Cost(1500, 100, 14.5, 28.7, (1.05, 1.49, 8.65, 18.8), 3440, 68.2, 794),
    Cost(1500, 200, 25.7, 59.5, (1.4, 5.37, 9.6, 19), 4870, 96.3, 832),
    Cost(1500, 400, 44.8, 121, (5.26, 7.3, 9.31, 17.4), 8250, 155, 1150),
    Cost(2000, 5, 7.13, 4.76, (1.01, 1.02, 5.11, 30.7), 2830, 51.6, 33.6),
    Cost(2000, 10, 7.27, 5.16, (1.04, 1.18, 4.78, 33.7), 3870, 56, 34.2),
    Cost(2000, 20, 10.3, 7.72, (1.1, 1.31, 10.9, 30.9), 3910, 63.7, 39.4),
    Cost(2000, 40, 12.5, 12.8, (1.5, 1.43, 8.38, 29.9), 3950, 65.8, 514),
    Cost(2000, 100, 14.3, 28.6, (1.2, 1.23, 8.8, 30.6), 5370, 70.8, 994),
    Cost(2000, 200, 25.1, 67, (1.19, 2.78, 12.5, 26.1), 7080, 94, 978),
    Cost(2000, 400, 44.3, 129, (5.75, 8.11, 16.9, 28.4), 11200, 155, 1580),
    Cost(2000, 800, 78.8, 562, (3.86, 10, 20.2, 40.2), 19300, 245, 2620),
    Cost(3000, 5, 8.18, 4.51, (1.26, 1.23, 11.9, 58.7), 6500, 62.3, 27.9),
    Cost(3000, 10, 7.22, 5.05, (0.99, 1.06, 5.89, 77.9), 6390, 53.9, 30.6),
    Cost(3000, 20, 8.39, 7.56, (1.04, 1.02, 8.45, 58.1), 6860, 57.1, 35),
    Cost(3000, 40, 11.5, 12.5, (1.04, 1.1, 8.2, 69.2), 7590, 59.8, 1330),
    Cost(3000, 100, 14.2, 32.5, (1.04, 1.22, 9.53, 58.8), 9410, 72.9, 959),
    Cost(3000, 200, 26.4, 77, (1.09, 1.5, 20.5, 55.7), 12200, 93.1, 1400),
    Cost(3000, 400, 44.3, 160, (2.09, 12.9, 23.4, 50.6), 17900, 147, 2000),
    Cost(3000, 800, 78.1, 522, (10.2, 15.9, 33.6, 84.5), 31200, 455, 478),
    Cost(4000, 5, 7.29, 4.47, (1.04, 1.03, 7.55, 118), 9000, 55.1, 25.8),
    Cost(4000, 10, 7.33, 4.88, (1.02, 1.02, 7.53, 114), 8750, 54.1, 28.3),
    Cost(4000, 20, 8.42, 7.5, (1.06, 1.05, 8.61, 84), 9080, 57, 938),
    Cost(4000, 40, 11.5, 12.4, (1.03, 1.05, 7.43, 74.5), 9690, 60.4, 969),
    Cost(4000, 100, 14.9, 47.3, (1.14, 1.21, 8.48, 84.7), 12100, 73.8, 1260),
    Cost(4000, 200, 25.2, 92.7, (1.09, 1.45, 13.4, 59.5), 15500, 90.8, 1830),
    Cost(4000, 400, 43.9, 189, (1.58, 3.74, 30.1, 68.5), 25300, 232, 2520),
    Cost(4000, 800, 79.5, 510, (9.21, 24.4, 51.5, 132), 41400, 465, 516),
    Cost(6000, 5, 7.38, 6.58, (1.04, 1.09, 9.2, 229), 15800, 59.1, 25.9),
    Cost(6000, 10, 7.3, 4.7, (1.1, 1.14, 10.1, 201), 15700, 65.5, 27.9),
    Cost(6000, 20, 8.58, 7.34, (1.17, 1.24, 12, 199), 16000, 63.6, 1370),
    Cost(6000, 40, 11.9, 12.3, (1.09, 1.12, 10.3, 182), 17100, 65, 1380),
    Cost(6000, 100, 14.5, 53.9, (1.09, 1.17, 11.8, 149), 20500, 76.8, 1790),
    Cost(6000, 200, 25.8, 92.5, (1.29, 1.6, 23.6, 193), 25900, 154, 135),
    Cost(6000, 400, 45.1, 178, (1.33, 2.57, 52.9, 157), 37300, 233, 239),
    Cost(6000, 800, 80.3, 580, (3.51, 48.7, 81.7, 265), 75600, 442, 497),
    Cost(10000, 5, 7.45, 4.31, (inf, inf, inf, inf), inf, 53.5, 22.1),
    Cost(10000, 10, 7.4, 4.6, (inf, inf, inf, inf), inf, 54.3, 2240),
    Cost(10000, 20, 8.56, 7.26, (inf, inf, inf, inf), inf, 56.1, 2250),
    Cost(10000, 40, 11.9, 12.5, (inf, inf, inf, inf), inf, 60.3, 2260),
    Cost(10000, 100, 15.1, 45.3, (inf, inf, inf, inf), inf, 112, 72.5),
    Cost(10000, 200, 25.9, 95.7, (inf, inf, inf, inf), inf, 161, 131),
    Cost(10000, 400, 44.1, 182, (inf, inf, inf, inf), inf, 233, 247),
    Cost(10000, 800, 80.9, 581, (inf, inf, inf, inf), inf, 409, 513),
)  # fmt: skip
