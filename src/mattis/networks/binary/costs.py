"""What the kernels cost, measured, and the rule that picks one.

The table is what `python benchmarks/dispatch.py` found: CPU nanoseconds on one core, per proposal (of a
replica, or of a group of 32 for lanes) and, for what is made before the first sweep, per site. Kernels of one
replica cost what flips, at each of `MEASURED_TEMPERATURES`; others are averages over them. Only ratios enter.
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
    overlaps: tuple[float, ...]
    overlaps_in_turn: float
    """In a random order, where the kernel goes from site to site."""
    overlaps_setup: float
    fields: tuple[float, ...]
    fields_setup: float
    lanes: float
    lanes_setup: float


def at(costs: tuple[float, ...], temperature: float) -> float:
    """Return the cost of a proposal: linear between the temperatures that were measured."""
    place = bisect(MEASURED_TEMPERATURES, temperature)
    if place in (0, len(MEASURED_TEMPERATURES)):
        return costs[min(place, len(MEASURED_TEMPERATURES) - 1)]
    low, high = MEASURED_TEMPERATURES[place - 1 : place + 1]
    share = (temperature - low) / (high - low)
    return (1 - share) * costs[place - 1] + share * costs[place]


def cheapest(
    size: int, patterns: int, temperatures: Sequence[float], sweeps: int, in_turn: bool = False
) -> str:
    """Return the kernel that runs replicas at these temperatures fastest: "lanes", "fields" or "overlaps".

    in_turn  # whether sites are visited in a random order

    set-up + sweeps × (the sum of all replicas, or a group of lanes), by the measured network that is nearest.
    """
    cost = nearest(size, patterns)
    each = [cost.overlaps_in_turn if in_turn else at(cost.overlaps, t) for t in temperatures]
    total = {
        "lanes": cost.lanes_setup + sweeps * cost.lanes,
        "overlaps": cost.overlaps_setup + sweeps * sum(each),
    }
    if size <= LARGEST_MATRIX:
        total["fields"] = cost.fields_setup + sweeps * sum(at(cost.fields, t) for t in temperatures)
    return min(total, key=lambda name: total[name])


@lru_cache(maxsize=1024)
def nearest(size: int, patterns: int) -> Cost:
    """Return the row of the table that is nearest in the logarithms of N and P."""

    def distance(cost: Cost) -> float:
        return abs(log(size / cost.size)) + abs(log(patterns / cost.patterns))

    return min(COSTS, key=distance)


COSTS = (
    Cost(250, 5, (1.3, 1.38, 3.07, 7.71), 10.5, 123, (1.53, 1.65, 4.91, 14.2), 291, 48.6, 107),
    Cost(250, 10, (1.38, 1.54, 3.33, 7.65), 10.5, 135, (1.5, 1.8, 5.3, 13.6), 327, 48.2, 105),
    Cost(250, 20, (1.52, 1.75, 4.18, 6.83), 12, 136, (1.5, 1.85, 6.78, 12.4), 357, 52.2, 115),
    Cost(250, 40, (2.59, 3.39, 4.19, 6.53), 13.8, 153, (3.07, 4.33, 6.43, 11), 386, 62.6, 125),
    Cost(250, 100, (3.02, 4.15, 4.95, 6.71), 16.4, 208, (2.35, 4.07, 5.87, 9.55), 564, 76.4, 159),
    Cost(500, 5, (1.03, 1.04, 2.43, 7.4), 10.7, 73.3, (1.17, 1.18, 3.97, 14.5), 472, 46, 59.9),
    Cost(500, 10, (1.14, 1.16, 2.41, 7.44), 10.8, 74.3, (1.17, 1.27, 4.32, 13.8), 498, 46.3, 62.7),
    Cost(500, 20, (1.33, 1.38, 3.34, 7.37), 12.3, 98.7, (1.19, 1.25, 4.94, 12.9), 536, 50.1, 72.4),
    Cost(500, 40, (1.5, 1.79, 4.19, 7.02), 14.8, 98.9, (1.18, 1.67, 6.48, 12), 678, 53.4, 79.5),
    Cost(500, 100, (2.96, 3.83, 5.04, 6.94), 17.5, 157, (2.06, 3.84, 6.05, 9.46), 967, 79.2, 114),
    Cost(500, 200, (4.56, 5.28, 6.35, 8.18), 27.4, 511, (2.65, 3.74, 5.48, 8.61), 1610, 98, 422),
    Cost(1000, 5, (0.91, 0.93, 2.56, 7.35), 10, 49, (1, 1.05, 5.19, 17.4), 912, 46.8, 40.3),
    Cost(1000, 10, (1.02, 1.02, 2.38, 7.33), 10.2, 52.4, (1.02, 1.06, 4.62, 17.6), 1030, 47.1, 44),
    Cost(1000, 20, (1.2, 1.24, 2.96, 7.5), 11.8, 60.6, (0.98, 1.1, 4.7, 17.3), 1160, 49.8, 47.5),
    Cost(1000, 40, (1.41, 1.49, 3.46, 7.18), 14.2, 74.1, (1.06, 1.11, 5.16, 15.2), 1260, 53.1, 58),
    Cost(1000, 100, (2.24, 2.49, 5.43, 7.6), 17.1, 430, (1.05, 1.4, 7.56, 13.5), 1910, 69.2, 399),
    Cost(1000, 200, (4.11, 5.25, 6.84, 8.7), 27.2, 660, (1.94, 4.11, 7, 11.9), 2800, 96.8, 588),
    Cost(1000, 400, (6.83, 8.12, 9.49, 11), 44.2, 972, (1.87, 3.59, 6.2, 10), 4940, 138, 857),
    Cost(1500, 5, (0.88, 0.89, 2.28, 7.32), 9.89, 41.5, (0.95, 0.98, 4.49, 25.8), 1450, 48.4, 33.6),
    Cost(1500, 10, (0.96, 0.99, 2.4, 6.99), 10.2, 43.5, (0.95, 1.01, 4.43, 23), 1490, 46.7, 36.1),
    Cost(1500, 20, (1.19, 1.18, 2.87, 7.01), 11.8, 53.8, (0.97, 0.96, 5.14, 22.9), 1650, 49.6, 40.4),
    Cost(1500, 40, (1.39, 1.46, 3.16, 7.08), 13.6, 66.8, (0.96, 1.07, 5.04, 20.1), 2050, 52.7, 49.5),
    Cost(1500, 100, (2.23, 2.5, 5.83, 7.73), 17.2, 557, (0.95, 1.64, 9.71, 19), 2870, 66.3, 521),
    Cost(1500, 200, (3.75, 5.68, 6.86, 8.94), 27.6, 871, (1.37, 5.21, 8.23, 16.9), 4520, 92.3, 795),
    Cost(1500, 400, (7.04, 8.84, 10.4, 11.4), 45.7, 1270, (2.54, 5.71, 9.08, 13.9), 7840, 144, 1130),
    Cost(2000, 5, (0.87, 0.88, 2.37, 7.18), 10.2, 36.5, (0.91, 0.93, 5.1, 28), 2250, 47.7, 30),
    Cost(2000, 10, (0.96, 0.97, 2.37, 7.38), 10.3, 42.6, (0.94, 0.94, 4.71, 27.6), 2170, 49.9, 32.6),
    Cost(2000, 20, (1.21, 1.19, 2.74, 7.29), 11.8, 47.1, (0.91, 0.94, 5.1, 26.7), 2410, 55.4, 37),
    Cost(2000, 40, (1.4, 1.45, 3.03, 7.21), 13.8, 558, (0.91, 1.07, 5.94, 24.8), 2960, 53.4, 536),
    Cost(2000, 100, (2.23, 2.33, 4.91, 8.15), 17, 690, (0.91, 1.13, 7.98, 23.3), 4340, 66.5, 660),
    Cost(2000, 200, (3.58, 4.16, 6.96, 9.05), 27.4, 1060, (1.08, 2.42, 10.1, 21.1), 6600, 86.6, 975),
    Cost(2000, 400, (8.26, 8.58, 10.2, 12.2), 46.1, 1560, (4.82, 5.13, 9.05, 18.8), 10200, 144, 1430),
    Cost(2000, 800, (13.9, 14.8, 18.7, 21.3), 81.8, 3150, (5.71, 6.62, 16.4, 27.7), 18000, 236, 2640),
    Cost(3000, 5, (0.87, 0.88, 2.27, 7.35), 9.95, 31.8, (0.9, 0.94, 5.75, 41.2), 6150, 46.7, 27.4),
    Cost(3000, 10, (0.98, 0.97, 2.46, 7.47), 10.3, 37.4, (0.9, 0.92, 5.89, 41.7), 6180, 49.6, 29.3),
    Cost(3000, 20, (1.19, 1.21, 2.77, 7.58), 12, 46, (0.92, 0.99, 6.04, 39.6), 6580, 50, 34),
    Cost(3000, 40, (1.43, 1.46, 3.14, 8.06), 14.5, 730, (0.97, 1.04, 6.15, 38.7), 6990, 55.2, 706),
    Cost(3000, 100, (2.17, 2.22, 4.44, 10), 17.6, 1030, (0.94, 1.08, 7.58, 41.1), 8960, 67.8, 983),
    Cost(3000, 200, (3.47, 3.66, 7.34, 10.8), 28.2, 1490, (0.99, 1.42, 12.9, 33.5), 11700, 85.2, 1410),
    Cost(3000, 400, (6.33, 9.38, 11.5, 13), 47.4, 2130, (1.52, 7.47, 15.3, 26.1), 17100, 135, 1960),
    Cost(3000, 800, (19.3, 23.9, 27.8, 32.1), 87.2, 975, (4.5, 16.8, 27.8, 54.7), 30200, 436, 479),
    Cost(4000, 5, (0.88, 0.9, 2.45, 9.13), 10.2, 30.6, (0.91, 0.91, 6.82, 74), 8770, 49.3, 25.4),
    Cost(4000, 10, (0.97, 0.97, 2.7, 8.79), 10.5, 33.6, (0.91, 0.95, 7.08, 68.7), 8520, 48.6, 27.6),
    Cost(4000, 20, (1.25, 1.22, 2.82, 9.24), 12.7, 927, (1.01, 1.03, 6.91, 69.8), 8920, 53.5, 913),
    Cost(4000, 40, (1.47, 1.45, 5.24, 8.91), 15.4, 956, (0.95, 1.02, 9.67, 55.7), 9600, 56.8, 917),
    Cost(4000, 100, (2.21, 2.26, 4.62, 10.1), 18.6, 1540, (1, 1.04, 9.59, 53.5), 11900, 69.5, 1500),
    Cost(4000, 200, (3.67, 3.55, 6.7, 12), 29.6, 1860, (0.95, 1.23, 11.5, 55.6), 15600, 86.1, 1750),
    Cost(4000, 400, (9.58, 10.7, 19.4, 31.7), 52, 2950, (1.34, 4.54, 27, 72.6), 22900, 227, 2730),
    Cost(4000, 800, (22.1, 24, 29.8, 37.7), 95.8, 1000, (13, 20.1, 43.3, 109), 39800, 459, 493),
    Cost(6000, 5, (0.99, 0.94, 2.64, 14), 10.7, 30.8, (0.96, 0.94, 9.31, 234), 16000, 54.2, 23.5),
    Cost(6000, 10, (1.11, 1.05, 4.19, 14.5), 11.3, 33.8, (0.96, 0.97, 11.2, 225), 15500, 54.6, 26.9),
    Cost(6000, 20, (1.32, 1.28, 3.22, 14.6), 13.3, 1380, (0.94, 0.95, 10.2, 202), 16000, 56.2, 1350),
    Cost(6000, 40, (1.46, 1.47, 4.07, 12.7), 15.9, 1390, (0.94, 0.97, 12.4, 199), 17200, 59, 1360),
    Cost(6000, 100, (2.29, 2.4, 6.39, 17.3), 24.2, 1860, (1.01, 1.11, 14.5, 187), 20600, 75.2, 1810),
    Cost(6000, 200, (5.26, 5.44, 13.4, 35.7), 36.9, 249, (1.15, 1.52, 30.8, 202), 25800, 157, 136),
    Cost(6000, 400, (9.68, 10.1, 26.6, 32.4), 59.6, 433, (1.36, 2.84, 56.4, 154), 36700, 234, 246),
    Cost(6000, 800, (20, 29.5, 34, 42.8), 107, 1040, (3.24, 45, 83, 271), 61100, 437, 503),
    Cost(10000, 5, (1.29, 1.16, 2.94, 8.57), 10.8, 26.1, (inf, inf, inf, inf), inf, 51.5, 21.6),
    Cost(10000, 10, (1.24, 1.3, 2.84, 8.09), 10.8, 2220, (inf, inf, inf, inf), inf, 53, 2220),
    Cost(10000, 20, (1.47, 1.51, 3.2, 8.96), 13, 2220, (inf, inf, inf, inf), inf, 55.2, 2210),
    Cost(10000, 40, (1.78, 1.7, 3.86, 9.82), 15.9, 2270, (inf, inf, inf, inf), inf, 64.4, 2230),
    Cost(10000, 100, (3.43, 3.43, 6.08, 15.1), 20.6, 129, (inf, inf, inf, inf), inf, 108, 78.5),
    Cost(10000, 200, (5.51, 5.6, 9.82, 20.4), 31.8, 223, (inf, inf, inf, inf), inf, 147, 131),
    Cost(10000, 400, (10.1, 10.1, 17.1, 32.2), 56.1, 445, (inf, inf, inf, inf), inf, 229, 238),
    Cost(10000, 800, (18.5, 20.3, 43.4, 47.7), 124, 1060, (inf, inf, inf, inf), inf, 401, 486),
)
