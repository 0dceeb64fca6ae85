"""What the kernels cost, measured, and the rule that picks one.

The table is what `python benchmarks/dispatch.py` found: CPU nanoseconds on one core, per proposal (of a
replica, or of a group of 32 for lanes) and, for what is made before the first sweep, per site; averaged
over temperatures from 0.05 to 1. Only ratios enter the rule.
"""

from functools import lru_cache
from math import inf, log
from typing import NamedTuple

LARGEST_MATRIX = 3500
"""Above this N the N × N couplings are not kept: the memory is worth more than the time."""


class Cost(NamedTuple):
    """What the kernels cost for a network of N neurons and P patterns, in ns."""

    size: int
    patterns: int
    overlaps: float
    overlaps_setup: float
    fields: float
    fields_setup: float
    lanes: float
    lanes_setup: float


def cheapest(size: int, patterns: int, replicas: int, sweeps: int) -> str:
    """Return the kernel that runs so many replicas fastest: "lanes", "fields" or "overlaps".

    set-up + sweeps × (replicas, or 1 for the lanes) × cost, by the measured network that is nearest.
    """
    cost = nearest(size, patterns)
    each = sweeps * replicas
    total = {
        "lanes": cost.lanes_setup + sweeps * cost.lanes,
        "overlaps": cost.overlaps_setup + each * cost.overlaps,
    }
    if size <= LARGEST_MATRIX:
        total["fields"] = cost.fields_setup + each * cost.fields
    return min(total, key=lambda name: total[name])


@lru_cache(maxsize=1024)
def nearest(size: int, patterns: int) -> Cost:
    """Return the row of the table that is nearest in the logarithms of N and P."""

    def distance(cost: Cost) -> float:
        return abs(log(size / cost.size)) + abs(log(patterns / cost.patterns))

    return min(COSTS, key=distance)


COSTS = (
    Cost(250, 5, 7.33, 6.2, 6.13, 281, 56, 126),
    Cost(250, 10, 8.06, 7.38, 6.31, 321, 57.4, 161),
    Cost(250, 20, 9.98, 8.58, 6.2, 317, 58.5, 164),
    Cost(250, 40, 11.8, 11.6, 6.01, 353, 72.4, 262),
    Cost(250, 100, 19.1, 24.7, 5.46, 517, 83.5, 528),
    Cost(500, 5, 7.38, 4.69, 6.78, 448, 55.6, 165),
    Cost(500, 10, 8.09, 4.82, 6.93, 456, 55.7, 184),
    Cost(500, 20, 10.1, 7.24, 7.52, 521, 58.9, 228),
    Cost(500, 40, 12.7, 10.4, 6.96, 599, 65, 308),
    Cost(500, 100, 20.8, 25.4, 6.61, 858, 86.8, 565),
    Cost(500, 200, 35.5, 49.1, 5.81, 1230, 104, 1090),
    Cost(1000, 5, 7.74, 4.24, 8.57, 1500, 57, 297),
    Cost(1000, 10, 7.52, 4.61, 7.9, 1430, 57, 300),
    Cost(1000, 20, 9.95, 6.12, 8.3, 1600, 59.4, 337),
    Cost(1000, 40, 11.5, 9.81, 7.43, 1690, 61.4, 410),
    Cost(1000, 100, 19.5, 22.8, 7.53, 2130, 72.6, 710),
    Cost(1000, 200, 34.2, 47.4, 7.8, 2850, 98.4, 1270),
    Cost(1000, 400, 64.7, 104, 8.21, 4170, 138, 2080),
    Cost(1500, 5, 7.98, 4.05, 12.1, 2470, 57, 435),
    Cost(1500, 10, 8.76, 4.6, 12.1, 2380, 58.2, 434),
    Cost(1500, 20, 10.3, 5.81, 11.7, 2530, 58.1, 468),
    Cost(1500, 40, 11.8, 9.47, 10.5, 2770, 63.7, 549),
    Cost(1500, 100, 21.3, 22.9, 12, 3270, 74.1, 953),
    Cost(1500, 200, 35.7, 46.8, 12, 4050, 94.6, 1450),
    Cost(1500, 400, 66.3, 141, 10.2, 6050, 147, 2590),
    Cost(2000, 5, 7.3, 3.69, 15.8, 3640, 58.9, 520),
    Cost(2000, 10, 8.07, 4.1, 15.2, 3400, 58.1, 536),
    Cost(2000, 20, 9.6, 5.53, 13.9, 3890, 56.4, 571),
    Cost(2000, 40, 11.6, 9.01, 13.9, 4060, 60.9, 646),
    Cost(2000, 100, 19.8, 22.4, 13.4, 4680, 71.4, 1070),
    Cost(2000, 200, 33.2, 48.8, 13.4, 5550, 87.9, 1670),
    Cost(2000, 400, 61.2, 130, 14, 7860, 130, 2790),
    Cost(2000, 800, 111, 264, 15, 12300, 192, 5060),
    Cost(3000, 5, 7.35, 4.09, 21.4, 7040, 57.2, 805),
    Cost(3000, 10, 7.77, 3.6, 22.6, 7130, 56.9, 798),
    Cost(3000, 20, 10.1, 5.28, 21.1, 7120, 58.3, 853),
    Cost(3000, 40, 11.6, 9.13, 20.4, 7390, 60.4, 861),
    Cost(3000, 100, 18.8, 21.3, 19.6, 8320, 69.7, 1230),
    Cost(3000, 200, 33.6, 66.2, 21.8, 9760, 81.9, 2010),
    Cost(3000, 400, 59.1, 133, 21, 13000, 119, 3150),
    Cost(3000, 800, 116, 301, 35.1, 21700, 349, 3170),
    Cost(4000, 5, 7.55, 3.44, 26.5, 11500, 57.3, 980),
    Cost(4000, 10, 8.01, 3.82, 26.3, 12100, 58.6, 1020),
    Cost(4000, 20, 10.2, 5.12, 25.1, 13700, 59.1, 1050),
    Cost(4000, 40, 11.4, 8.05, 24.4, 11700, 63.2, 1130),
    Cost(4000, 100, 18.8, 22, 24, 13000, 69.4, 1580),
    Cost(4000, 200, 32, 62.5, 23.8, 15200, 84.9, 2370),
    Cost(4000, 400, 58.8, 130, 30.3, 20600, 181, 3690),
    Cost(4000, 800, 114, 343, 42.4, 30900, 333, 3100),
    Cost(6000, 5, 7.22, 3.48, 39.4, 24800, 59.6, 1830),
    Cost(6000, 10, 7.81, 3.55, 34.2, 23600, 62.6, 1830),
    Cost(6000, 20, 9.72, 9.11, 38.8, 25400, 63.9, 1860),
    Cost(6000, 40, 11.7, 9.42, 38.5, 25800, 65.5, 1960),
    Cost(6000, 100, 18.5, 24.4, 34, 28100, 73.7, 2370),
    Cost(6000, 200, 32.9, 68.5, 41.3, 29200, 144, 818),
    Cost(6000, 400, 60.5, 152, 48.2, 35900, 191, 1590),
    Cost(6000, 800, 117, 333, 72.9, 48800, 335, 3140),
    Cost(10000, 5, 7.31, 3.42, inf, inf, 65.7, 2880),
    Cost(10000, 10, 7.8, 3.67, inf, inf, 64.2, 2920),
    Cost(10000, 20, 9.7, 4.99, inf, inf, 64, 2960),
    Cost(10000, 40, 11.6, 8.61, inf, inf, 66.8, 3050),
    Cost(10000, 100, 18.6, 31, inf, inf, 115, 420),
    Cost(10000, 200, 33, 72.1, inf, inf, 145, 797),
    Cost(10000, 400, 61.2, 148, inf, inf, 198, 1580),
    Cost(10000, 800, 118, 308, inf, inf, 300, 3090),
)  # fmt: skip
