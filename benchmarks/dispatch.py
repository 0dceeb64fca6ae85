"""Which kernel is the fastest for R = 1 … 8 replicas of a pattern set: the table behind the model's choice.

    python benchmarks/dispatch.py      # about a minute

prints a table, writes it as dispatch.json beside this file, and as the table of
`mattis.networks.binary.costs`, which is what the rule reads. For each network:

field    `field_sweeps`, ns per proposal of a replica
overlap  `overlap_sweeps`, ns per proposal of a replica; turn  the same in a random order
lanes    `replica_sweeps`, ns per site of a group: 32 lanes cost the same however many of them are wanted

CPU time on one core, in turns, averaged over the temperatures; `fields` has what fields cost at each of them,
for it is flips that they cost. The lanes win from R replicas of all temperatures on where R × min(field,
overlap) > lanes. `*_setup` are the CPU ns per site of what must be made before the
first sweep; `from_here` is the smallest R with the set-up, for a chain of so many sweeps as studies have
by default.
"""

import json
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from statistics import mean, median

import numpy as np
from networks import LANES, Network, group, network, packed_patterns
from programs import async32
from single import field, full_couplings, overlap
from timing import Program, Row, Times, check_same, cleared, interleaved, pinned

from mattis.networks.binary.costs import MEASURED_TEMPERATURES

LARGEST_FULL = 6000  # sites beyond which N² couplings are not built
SWEEPS = 300  # of a chain, by default: 100 + 200
REPEATS = 5
PROPOSALS = 100_000  # of a replica, in one timing
SIZES = (250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 10_000)
PATTERNS = (5, 10, 20, 40, 100, 200, 400, 800)
LARGEST_LOAD = 0.4
GRID = [(n, p) for n, p in product(SIZES, PATTERNS) if p <= LARGEST_LOAD * n]
COSTS = Path(__file__).parent.parent / "src" / "mattis" / "networks" / "binary" / "costs.py"
BEGIN = "COSTS = ("
COLUMNS = (
    "overlap",
    "turn",
    "overlap_setup",
    "field",
    "field_setup",
    "lanes",
    "lanes_setup",
)  # of that table
RANDOM_ORDER = np.arange(1, 5, dtype=np.uint32)
NONE = LANES + 1
"""What is written where lanes never win: more replicas than a group has."""


def sweeps_for(size: int, proposals: int) -> int:
    """Return the sweeps of one timing."""
    return max(proposals // size, 1)


def programs(net: Network, temperature: float) -> dict[str, Program]:
    """Return the kernels at one temperature."""
    here = group(net, temperature, warm_up=20)
    sweeps = sweeps_for(net.size, PROPOSALS // 4)
    many = {"overlap": overlap(here.one, sweeps), "turn": overlap(here.one, sweeps, RANDOM_ORDER)}
    many["lanes"] = async32(here, sweeps_for(net.size, PROPOSALS // 8))
    if net.full:
        many["field"] = field(here.one, sweeps)
        check_same({"field": field(here.one, 2), "overlap": overlap(here.one, 2), "lanes": async32(here, 2)})
    return many


def averaged(net: Network) -> Row:
    """Return the time of each kernel, averaged over the temperatures, and of one replica at each, in ns."""
    times: list[Times] = [interleaved(programs(net, t), REPEATS) for t in MEASURED_TEMPERATURES]
    found: Row = {name: mean(median(one[name]) for one in times) for name in times[0]}
    found["lanes"] *= LANES
    for name in ("overlap", "field"):
        if name in found:
            found[f"{name}s"] = [round(median(one[name]), 2) for one in times]
    return found


def seconds(make: Callable[[], object]) -> float:
    """Return the least CPU time of three."""
    taken = []
    for _ in range(3):
        begun = time.process_time()
        make()
        taken.append(time.process_time() - begun)
    return min(taken)


def setups(net: Network) -> dict[str, float]:
    """Return the CPU time of what each kernel needs, in ns per site."""
    found = {
        "overlap": seconds(lambda: (np.ascontiguousarray(net.xi.T), packed_patterns(net.xi))),
        "lanes": seconds(lambda: packed_patterns(net.xi)),
    }
    if net.full:
        found["field"] = seconds(lambda: full_couplings(net.xi))
    return {f"{name}_setup": 1e9 * taken / net.size for name, taken in found.items()}


def smallest(found: Row, sweeps: float = np.inf) -> int:
    """Return from how many replicas on the lanes win, set-up included."""

    def cost(name: str, replicas: int) -> float:
        if name not in found:
            return np.inf
        return float(found[name] * replicas + found[f"{name}_setup"] / sweeps)

    for replicas in range(1, LANES + 1):
        if cost("lanes", 1) < min(cost(name, replicas) for name in ("field", "overlap")):
            return replicas
    return NONE


def measured(size: int, patterns: int) -> Row:
    """Return the row of one network."""
    net = network(size, patterns, full=size <= LARGEST_FULL)
    found: Row = {"size": size, "patterns": patterns, "bits": 8 * net.packed.near.itemsize}
    found |= averaged(net) | setups(net)
    found["lanes_from"], found["from_here"] = smallest(found), smallest(found, SWEEPS)
    return {name: round(v, 2) if isinstance(v, float) else v for name, v in found.items()}


def digits(value: float | None) -> str:
    """Return a time to three digits, as Python; inf where a kernel was not measured."""
    return "inf" if value is None else f"{float(f'{value:.3g}'):g}"


def literals(rows: list[Row]) -> Iterator[str]:
    """Yield the lines of the table of `mattis.networks.binary.costs`."""
    for row in rows:
        each = {
            name: row.get(f"{name}s", [None] * len(MEASURED_TEMPERATURES)) for name in ("overlap", "field")
        }
        words = {name: f"({', '.join(map(digits, costs))})" for name, costs in each.items()}
        times = [words.get(name) or digits(row.get(name)) for name in COLUMNS]
        yield f"    Cost({row['size']}, {row['patterns']}, {', '.join(times)}),"


def write_table(rows: list[Row]) -> None:
    """Put the table where the rule that picks a kernel reads it."""
    head, _, _ = COSTS.read_text(encoding="utf-8").partition(BEGIN)
    table = "\n".join([BEGIN, *literals(rows), ")\n"])
    COSTS.write_text(head + table, encoding="utf-8")


def main() -> None:
    """Measure the grid, print the table, and write it for readers of JSON and for the rule."""
    rows = []
    with pinned():
        for size, patterns in GRID:
            rows.append(measured(size, patterns))
            row = rows[-1]
            print(
                f"N={size:<6d} P={patterns:<4d} {row['bits']} bit  field {row.get('field', np.nan):8.1f}  "
                f"overlap {row['overlap']:7.1f}  lanes {row['lanes']:7.1f}  from R = {row['lanes_from']}, "
                f"with set-up {row['from_here']}",
                flush=True,
            )
    write_table(rows)
    text = json.dumps({"temperatures": MEASURED_TEMPERATURES, "sweeps": SWEEPS, "rows": rows}, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    cleared()
    main()
