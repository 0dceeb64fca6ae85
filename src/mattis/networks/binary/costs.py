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
    Cost(250, 5, 7.51, 9.53, (1.83, 2, 4.28, 14.3), 289, 66.3, 134),
    Cost(250, 10, 7.27, 10.4, (1.88, 1.91, 4.84, 12.8), 327, 66.8, 166),
    Cost(250, 20, 8.67, 15.1, (1.92, 2.07, 5.79, 13.5), 332, 67.6, 134),
    Cost(250, 40, 11.4, 18.7, (2.94, 4.24, 7.62, 10.7), 387, 80.7, 135),
    Cost(250, 100, 15.6, 32.8, (3.31, 6.17, 6.66, 10), 705, 97.2, 178),
    Cost(500, 5, 7.16, 6.61, (1.36, 1.37, 3.72, 15.6), 462, 65, 65.3),
    Cost(500, 10, 7.14, 7.47, (1.37, 1.71, 4.99, 14.9), 490, 64.3, 68.5),
    Cost(500, 20, 8.33, 9.81, (1.63, 1.58, 5.23, 14.1), 534, 66, 75.1),
    Cost(500, 40, 11.5, 14.8, (1.36, 2.07, 7.45, 12.5), 651, 73.5, 84.1),
    Cost(500, 100, 14.1, 30.2, (2.82, 4.41, 7.26, 10.4), 959, 99.4, 121),
    Cost(500, 200, 23.9, 57.8, (3.16, 3.95, 6.71, 9.38), 1490, 125, 439),
    Cost(1000, 5, 7.25, 5.37, (1.4, 1.45, 5.37, 19.4), 958, 64.6, 42.1),
    Cost(1000, 10, 7.06, 6.13, (1.42, 1.33, 5.11, 18.1), 968, 64.8, 47),
    Cost(1000, 20, 8.26, 8.44, (1.15, 1.54, 4.51, 17.9), 1060, 64.7, 51.7),
    Cost(1000, 40, 11.2, 15, (1.19, 1.78, 6.19, 16.9), 1650, 72.8, 61.2),
    Cost(1000, 100, 16.4, 29, (1.93, 3.08, 10.8, 13.6), 1890, 93.9, 419),
    Cost(1000, 200, 25, 56.3, (2.43, 5.85, 8.35, 13.8), 2900, 123, 588),
    Cost(1000, 400, 44.1, 120, (2.63, 5.68, 9.2, 13.2), 5140, 180, 865),
    Cost(1500, 5, 7.13, 5.07, (1.03, 1.09, 4.69, 28.1), 1960, 64.4, 36.3),
    Cost(1500, 10, 7.19, 5.33, (1.06, 1.05, 4.23, 24.1), 1530, 63.2, 36.6),
    Cost(1500, 20, 8.22, 7.99, (1.15, 1.21, 6.28, 23.3), 1960, 64.7, 43.4),
    Cost(1500, 40, 11.3, 13, (1.48, 1.57, 10.6, 23.9), 2380, 72.2, 51.4),
    Cost(1500, 100, 14.8, 28.7, (1.39, 1.97, 12.7, 21.3), 3470, 89, 566),
    Cost(1500, 200, 25.4, 57.6, (2.06, 6.66, 10.6, 20.8), 4850, 117, 831),
    Cost(1500, 400, 42.7, 122, (4.52, 6.34, 11.6, 20.2), 8430, 179, 1300),
    Cost(2000, 5, 7.52, 4.83, (1.08, 1.19, 10.9, 50.7), 2980, 67.8, 33.2),
    Cost(2000, 10, 7.28, 5.18, (1.17, 1.76, 7.25, 38.1), 2930, 65.7, 34.7),
    Cost(2000, 20, 8.42, 8.67, (1.36, 1.12, 7.86, 41.8), 3100, 67.3, 44.5),
    Cost(2000, 40, 11.4, 13, (1.09, 1.11, 8.37, 33.5), 3660, 74.7, 504),
    Cost(2000, 100, 14.3, 28.5, (1.05, 1.25, 10.8, 36), 5150, 86.8, 683),
    Cost(2000, 200, 25.4, 65.8, (1.24, 2.85, 14.2, 30.2), 7080, 113, 1030),
    Cost(2000, 400, 44, 134, (6.01, 9.26, 17.4, 29.1), 11100, 183, 1470),
    Cost(2000, 800, 80.3, 519, (5.05, 10.6, 19.9, 39.6), 19300, 284, 2860),
    Cost(3000, 5, 7.28, 4.52, (1.12, 1.19, 9.03, 90), 6740, 67.5, 27.9),
    Cost(3000, 10, 8.11, 4.99, (1.27, 1.2, 9.27, 102), 7090, 70.5, 29.9),
    Cost(3000, 20, 8.51, 7.7, (1.13, 1.08, 10.6, 97.2), 7150, 70.6, 34.9),
    Cost(3000, 40, 11.7, 19.3, (1.12, 1.23, 14, 100), 7760, 78.2, 782),
    Cost(3000, 100, 14.6, 29.3, (1.48, 1.39, 16.8, 68.6), 9610, 93.6, 1020),
    Cost(3000, 200, 26.6, 77.4, (1.25, 2.21, 25.3, 63.2), 12300, 119, 1480),
    Cost(3000, 400, 44.3, 147, (2.63, 13.4, 23.7, 53.1), 17900, 170, 2060),
    Cost(3000, 800, 80.8, 665, (10.8, 17.5, 38.3, 116), 33100, 542, 630),
    Cost(4000, 5, 7.65, 4.49, (1.4, 2.3, 17.9, 184), 10000, 76.4, 26.1),
    Cost(4000, 10, 7.65, 4.87, (1.86, 2.22, 18.2, 169), 10200, 82.3, 31),
    Cost(4000, 20, 8.82, 7.59, (1.87, 1.27, 15.9, 149), 10600, 77.7, 1020),
    Cost(4000, 40, 12.2, 12.3, (1.15, 1.28, 18.5, 161), 11400, 86, 992),
    Cost(4000, 100, 17.6, 43.8, (2.53, 4.62, 25.1, 119), 13600, 114, 1340),
    Cost(4000, 200, 26.9, 101, (1.34, 2.93, 25.4, 141), 18500, 122, 1860),
    Cost(4000, 400, 44.9, 178, (3.51, 6.74, 39.1, 97.5), 26600, 285, 2600),
    Cost(4000, 800, 80.3, 554, (9.77, 24.7, 56.2, 134), 42800, 546, 534),
    Cost(6000, 5, 8.75, 4.32, (1.68, 2.22, 21.6, 315), 18000, 85.5, 23.8),
    Cost(6000, 10, 7.52, 4.75, (1.11, 1.31, 22.1, 274), 17700, 79.7, 26),
    Cost(6000, 20, 8.89, 7.8, (1.47, 1.84, 23.8, 274), 17100, 86.5, 1410),
    Cost(6000, 40, 12.2, 12.4, (1.13, 1.19, 24.8, 237), 18900, 86.4, 1400),
    Cost(6000, 100, 14.9, 56.7, (1.54, 1.47, 24.7, 295), 23300, 111, 2520),
    Cost(6000, 200, 26.3, 106, (2.59, 3.41, 35.7, 254), 28500, 196, 170),
    Cost(6000, 400, 47.7, 223, (3.06, 4.44, 75.6, 209), 39700, 307, 399),
    Cost(6000, 800, 87, 589, (4.25, 70.2, 144, 300), 63500, 597, 578),
    Cost(10000, 5, 9.04, 4.22, (inf, inf, inf, inf), inf, 86, 21.8),
    Cost(10000, 10, 8.49, 4.63, (inf, inf, inf, inf), inf, 87.8, 4190),
    Cost(10000, 20, 9.91, 7.39, (inf, inf, inf, inf), inf, 84.7, 2480),
    Cost(10000, 40, 12.2, 16.8, (inf, inf, inf, inf), inf, 91.5, 2270),
    Cost(10000, 100, 16.9, 45.2, (inf, inf, inf, inf), inf, 162, 90.3),
    Cost(10000, 200, 27.5, 121, (inf, inf, inf, inf), inf, 210, 142),
    Cost(10000, 400, 47.2, 222, (inf, inf, inf, inf), inf, 304, 294),
    Cost(10000, 800, 82.7, 624, (inf, inf, inf, inf), inf, 481, 602),
)  # fmt: skip
