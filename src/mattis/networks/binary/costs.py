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
    Cost(250, 5, 6.89, 6.26, 6.11, 360, 59.8, 221),
    Cost(250, 10, 7.62, 11.9, 6.15, 299, 61.9, 274),
    Cost(250, 20, 9.24, 8.79, 6.05, 284, 60.6, 164),
    Cost(250, 40, 11.1, 11.1, 5.65, 327, 70.1, 168),
    Cost(250, 100, 18.7, 24.2, 5.69, 425, 85.5, 239),
    Cost(500, 5, 6.98, 4.81, 6.47, 584, 58, 208),
    Cost(500, 10, 7.45, 5.37, 6.5, 503, 58.5, 187),
    Cost(500, 20, 9.6, 6.4, 6.41, 550, 58.7, 178),
    Cost(500, 40, 12.3, 10.1, 6.86, 777, 66.9, 239),
    Cost(500, 100, 18.2, 22.9, 6.36, 817, 83, 326),
    Cost(500, 200, 31.9, 46.8, 5.76, 1300, 98.8, 354),
    Cost(1000, 5, 7.27, 3.78, 8.21, 1510, 58.4, 273),
    Cost(1000, 10, 7.88, 4.37, 8.34, 1620, 62.7, 278),
    Cost(1000, 20, 9.45, 5.75, 7.26, 1570, 57.5, 281),
    Cost(1000, 40, 10.9, 9.6, 7.16, 1640, 62.5, 361),
    Cost(1000, 100, 20.2, 24.2, 8.23, 2160, 74, 407),
    Cost(1000, 200, 33.4, 46.1, 7.77, 2710, 103, 532),
    Cost(1000, 400, 60.9, 101, 7.03, 3920, 136, 870),
    Cost(1500, 5, 7.66, 3.86, 11.6, 2290, 59.2, 382),
    Cost(1500, 10, 7.96, 4.37, 11.2, 2380, 60.2, 542),
    Cost(1500, 20, 9.52, 5.54, 12.3, 2320, 62.6, 391),
    Cost(1500, 40, 11.2, 9.04, 10.2, 2550, 66, 397),
    Cost(1500, 100, 18.9, 21.9, 10.8, 3060, 74.3, 542),
    Cost(1500, 200, 32.8, 45.5, 12.4, 3880, 98.5, 737),
    Cost(1500, 400, 60.6, 143, 9.76, 5830, 133, 1280),
    Cost(2000, 5, 7.05, 3.83, 14.1, 3490, 59.6, 486),
    Cost(2000, 10, 7.6, 3.93, 14.5, 3370, 58.1, 501),
    Cost(2000, 20, 9.55, 5.38, 14.3, 3370, 58.8, 491),
    Cost(2000, 40, 11.6, 9.12, 13.5, 3790, 64.2, 540),
    Cost(2000, 100, 19, 22, 12.9, 4240, 74.7, 758),
    Cost(2000, 200, 32.1, 48.2, 12.8, 5060, 90.9, 903),
    Cost(2000, 400, 59.7, 132, 12.8, 7300, 131, 1490),
    Cost(2000, 800, 110, 253, 15.2, 11400, 195, 2590),
    Cost(3000, 5, 6.97, 3.57, 20.6, 7160, 59.8, 743),
    Cost(3000, 10, 7.93, 3.82, 21.2, 7000, 60.1, 979),
    Cost(3000, 20, 9.71, 5.25, 20.4, 7100, 61.4, 746),
    Cost(3000, 40, 11.4, 8.46, 19.1, 7280, 66.7, 747),
    Cost(3000, 100, 18.8, 21.2, 18.2, 8100, 75.1, 977),
    Cost(3000, 200, 32.7, 66.3, 20, 10400, 89.3, 1340),
    Cost(3000, 400, 59, 142, 21.1, 14600, 127, 2020),
    Cost(3000, 800, 109, 293, 33.9, 20000, 324, 583),
    Cost(4000, 5, 7.32, 3.33, 28.1, 14800, 67.2, 978),
    Cost(4000, 10, 7.72, 3.78, 28.6, 13600, 65.8, 938),
    Cost(4000, 20, 9.82, 5.24, 24.8, 11800, 65.3, 952),
    Cost(4000, 40, 11.7, 9.84, 24.5, 12700, 69.5, 997),
    Cost(4000, 100, 18.7, 22.9, 26.8, 13500, 78.7, 1300),
    Cost(4000, 200, 33.1, 64.1, 24.2, 16600, 96.5, 1660),
    Cost(4000, 400, 60.8, 136, 37, 20200, 192, 2810),
    Cost(4000, 800, 117, 335, 47.3, 30700, 340, 619),
    Cost(6000, 5, 7.36, 3.23, 37, 23800, 66.4, 1420),
    Cost(6000, 10, 7.62, 3.59, 35.3, 24200, 69.2, 1880),
    Cost(6000, 20, 9.74, 5.09, 36.4, 24500, 66.7, 1450),
    Cost(6000, 40, 11.5, 8.52, 35.6, 23300, 69.2, 1450),
    Cost(6000, 100, 18.6, 24.6, 37.5, 27500, 79.7, 1730),
    Cost(6000, 200, 33.4, 65, 43.5, 30300, 143, 171),
    Cost(6000, 400, 59.2, 132, 43.1, 35500, 188, 309),
    Cost(6000, 800, 114, 338, 64.2, 49800, 332, 609),
    Cost(10000, 5, 7.42, 3.2, inf, inf, 75.2, 2400),
    Cost(10000, 10, 8.01, 3.66, inf, inf, 71.1, 2330),
    Cost(10000, 20, 9.69, 5.01, inf, inf, 72, 2320),
    Cost(10000, 40, 11.5, 8.62, inf, inf, 75.3, 3100),
    Cost(10000, 100, 18.1, 31.3, inf, inf, 123, 93.1),
    Cost(10000, 200, 34.5, 75.5, inf, inf, 153, 163),
    Cost(10000, 400, 61.5, 155, inf, inf, 196, 316),
    Cost(10000, 800, 120, 311, inf, inf, 308, 629),
)  # fmt: skip
