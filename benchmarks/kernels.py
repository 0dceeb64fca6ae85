"""Nanoseconds per proposal of the CPU kernels, beside two naive programs, in one run.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python benchmarks/kernels.py

prints two tables and writes kernels.json beside this file (under a minute). Where the environment
sets OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE, unset them for this command as above: they change what the
naive program in NumPy is compared with.

naive numpy    N h_i = N J_i · S, float64 row of J, one proposal after the other in Python
naive numba    the same in float32, compiled, its sum vectorised by fastmath
field          `field_sweeps`: every field kept up to date, a row of N J per flip
overlap        `overlap_sweeps`: N h_i summed from the P overlaps

All four draw the same thermal noise, from an equilibrated state. The repeats are interleaved and timed
in CPU time, so that a busy machine slows all alike: trust the ratios, not the nanoseconds. The second
table asks whether `couplings_pay` chooses the faster kernel, averaged over the temperatures.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mattis import couplings, rng
from mattis.kernels import cpu
from mattis.models.binary import Network, couplings_pay
from mattis.patterns import Signs, random_patterns

TEMPERATURES = (0.05, 0.2, 0.5, 1.0)
GRID = [*product((1000, 2000), (10, 40, 100, 200, 400))]
RULE_GRID = [
    *product((3000,), (60, 150, 300, 450)),
    *product((4000,), (60, 120, 200, 400, 600)),
    *product((5000,), (100, 250, 500, 750)),
    *product((6000,), (120, 300, 600, 900)),
]
WARM_UP = 60  # sweeps from the pattern before anything is timed
REPEATS = 9
PROPOSALS = {"naive numpy": 2_000, "naive numba": 20_000, "field": 200_000, "overlap": 200_000}
NAIVE = ("naive numpy", "naive numba")
RATIOS = (("naive numpy", "field"), ("naive numba", "field"), ("overlap", "field"))

Run = Callable[[int], float]
"""A kernel made ready: runs so many sweeps from the equilibrated state, returns the flip fraction."""


def network(size: int, patterns: int) -> Network:
    """Return random patterns in the forms of both kernels, whichever the model would choose."""
    labels = {"size": size, "patterns": patterns}
    stream = rng.stream(1, "patterns", labels)
    xi = random_patterns(stream, patterns, size)
    nj = couplings.hebb(xi)
    return Network(labels, 1, xi, np.ascontiguousarray(xi.T), nj, couplings.row_bound(nj))


def records(size: int, sweeps: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return empty (trace, sums), as the kernels fill them."""
    return np.zeros((3, sweeps), np.int64), np.zeros((2, size), np.int32)


@njit(fastmath=True, error_model="numpy")
def naive_sweeps(j_rows, spins, stream, scale, sweeps):
    """Run heat-bath sweeps from float32 rows of N J; return the number of flips."""
    size = spins.size
    quads = (size + 3) // 4
    words, odds = np.empty((4, quads), np.uint32), np.empty(4 * quads, np.float32)
    bits, noise = odds.view(np.int32), np.zeros(4 * quads, np.int32)
    flips = 0
    for t in range(sweeps):
        cpu.philox_words(words, stream, t, quads)
        cpu.thermal_noise(noise, words.ravel(), odds, bits, scale)
        for i in range(size):
            x = np.float32(0)
            for j in range(size):
                x += j_rows[i, j] * spins[j]
            new = np.float32(1 if x + noise[(i & 3) * quads + (i >> 2)] >= 0 else -1)
            flips += new != spins[i]
            spins[i] = new
    return flips


def naive_numpy(j_rows: NDArray[np.float64], start: Signs, stream: rng.Stream, scale: float) -> Run:
    """Return the program that everybody writes first: a row of J times the state, in Python."""

    def run(sweeps: int) -> float:
        spins, flips = start.astype(np.float64), 0
        for sweep in range(sweeps):
            noise = rng.thermal_noise(stream.words(spins.size, sweep), np.float32(scale))
            for i in range(spins.size):
                new = 1.0 if j_rows[i] @ spins + noise[i] >= 0 else -1.0
                flips += new != spins[i]
                spins[i] = new
        return flips / (sweeps * start.size)

    return run


def naive_numba(j_rows: NDArray[np.float32], start: Signs, words: rng.Words, scale: float) -> Run:
    """Return the compiled version of `naive_numpy`."""

    def run(sweeps: int) -> float:
        spins = start.astype(np.float32)
        return naive_sweeps(j_rows, spins, words, np.float32(scale), sweeps) / (sweeps * start.size)

    return run


def field(net: Network, start: Signs, words: rng.Words, scale: float) -> Run:
    """Return `field_sweeps` from a state; its fields are known beforehand."""
    known = cpu.half_fields(net.nj, start, net.parity, net.bound)

    def run(sweeps: int) -> float:
        trace, sums = records(net.size, sweeps)
        spins, fields = start.copy(), known.copy()
        cpu.field_sweeps(
            net.nj, spins, fields, net.parity, net.xi[0], words, np.float32(scale), trace, sums, 0
        )
        return float(trace[2].mean()) / net.size

    return run


def overlap(net: Network, start: Signs, words: rng.Words, scale: float) -> Run:
    """Return `overlap_sweeps` from a state; its overlaps are known beforehand."""
    known = cpu.project(net.xi, start).astype(np.int32)

    def run(sweeps: int) -> float:
        trace, sums = records(net.size, sweeps)
        spins, overlaps = start.copy(), known.copy()
        cpu.overlap_sweeps(
            net.site_major, spins, overlaps, 0, words, np.float32(scale), trace, sums, 0
        )
        return float(trace[2].mean()) / net.size

    return run


def equilibrated(net: Network, temperature: float) -> Signs:
    """Return the state some sweeps after the first pattern, under noise that is not timed."""
    stream = rng.stream(1, "warm-up", {"temperature": temperature}).packed()
    spins = net.xi[0].copy()
    fields = cpu.half_fields(net.nj, spins, net.parity, net.bound)
    scale = rng.noise_scale(net.size, 1 / temperature)
    cpu.field_sweeps(
        net.nj, spins, fields, net.parity, net.xi[0], stream, scale, *records(net.size, WARM_UP), 0
    )
    return spins


def programs(net: Network, temperature: float, naive: bool) -> dict[str, Run]:
    """Return the programs to time at one temperature, all from the same state."""
    stream = rng.stream(1, "timed", {"temperature": temperature})
    words, scale = stream.packed(), float(rng.noise_scale(net.size, 1 / temperature))
    start = equilibrated(net, temperature)
    runs = {
        "field": field(net, start, words, scale),
        "overlap": overlap(net, start, words, scale),
    }
    if naive:
        runs["naive numpy"] = naive_numpy(net.nj.astype(np.float64), start, stream, scale)
        runs["naive numba"] = naive_numba(net.nj.astype(np.float32), start, words, scale)
    return runs


@dataclass(frozen=True)
class Timing:
    """Interleaved times of the programs at one point, in ns per proposal, repeat by repeat."""

    size: int
    patterns: int
    temperature: float
    flip_fraction: float
    ns: Mapping[str, Sequence[float]]

    @property
    def point(self) -> str:
        return f"N={self.size} P={self.patterns} T={self.temperature:g}"


def timed(run: Run, sweeps: int, size: int) -> float:
    """Return the CPU time of a proposal, in ns."""
    begun = time.process_time_ns()
    run(sweeps)
    return (time.process_time_ns() - begun) / (sweeps * size)


def timing(net: Network, temperature: float, naive: bool) -> Timing:
    """Time the programs at one point, in turns; the first turn, which compiles, is not counted."""
    runs = programs(net, temperature, naive)
    sweeps = {name: max(PROPOSALS[name] // net.size, 1) for name in runs}
    flips = runs["field"](sweeps["field"])
    turns = [
        {name: timed(run, sweeps[name], net.size) for name, run in runs.items()}
        for _ in range(REPEATS + 1)
    ][1:]
    ns = {name: [turn[name] for turn in turns] for name in runs}
    return Timing(net.size, len(net.xi), temperature, flips, ns)


def timings() -> Iterator[Timing]:
    """Time every point of both grids; the naive programs on the first one only."""
    for (size, patterns), naive in [*((p, True) for p in GRID), *((p, False) for p in RULE_GRID)]:
        net = network(size, patterns)
        for temperature in TEMPERATURES:
            yield timing(net, temperature, naive)


def half_range(values: Sequence[float]) -> float:
    """Return half of the interquartile range."""
    low, high = np.percentile(values, [25, 75])
    return float(high - low) / 2


def ratio(found: Timing, slow: str, fast: str) -> list[float]:
    """Return how many times faster `fast` is, repeat by repeat."""
    return [a / b for a, b in zip(found.ns[slow], found.ns[fast], strict=True)]


def record(name: str, values: Sequence[float], unit: str) -> dict[str, object]:
    """Return a row of kernels.json."""
    return {"name": name, "value": median(values), "spread": half_range(values), "unit": unit}


def rows(found: Timing) -> Iterator[dict[str, object]]:
    """Yield the rows of one point: a time per program, then the ratios."""
    for name, values in found.ns.items():
        yield record(f"{name} {found.point}", values, "ns/proposal")
    for slow, fast in RATIOS:
        if slow in found.ns:
            yield record(f"{slow} / {fast} {found.point}", ratio(found, slow, fast), "1")


def over_temperatures(found: Sequence[Timing], name: str) -> list[float]:
    """Return the time of a program averaged over the temperatures, repeat by repeat."""
    return [float(np.mean(repeat)) for repeat in zip(*(t.ns[name] for t in found), strict=True)]


def dispatch(found: Sequence[Timing]) -> Iterator[dict[str, object]]:
    """Yield, for each network, the time of the kernel that is chosen over that of the faster one."""
    for size, patterns in [*GRID, *RULE_GRID]:
        here = [t for t in found if (t.size, t.patterns) == (size, patterns)]
        mean = {name: over_temperatures(here, name) for name in ("field", "overlap")}
        chosen = "field" if couplings_pay(size, patterns) else "overlap"
        faster = min(mean, key=lambda name: median(mean[name]))
        losses = [a / b for a, b in zip(mean[chosen], mean[faster], strict=True)]
        print(
            f"N={size} P={patterns:<4d} field {median(mean['field']):7.1f}   overlap "
            f"{median(mean['overlap']):7.1f}   chosen {chosen:8s} {median(losses):.2f} times the faster"
        )
        yield record(f"chosen / faster N={size} P={patterns}", losses, "1")


def show(found: Timing) -> None:
    """Print the line of one point."""
    cells = [f"{name} {median(values):8.1f}" for name, values in sorted(found.ns.items())]
    pairs = [
        f"{slow}/{fast} {median(ratio(found, slow, fast)):7.2f}"
        for slow, fast in RATIOS
        if slow in found.ns
    ]
    print(
        f"{found.point:22s} flips {found.flip_fraction:6.2%}   ",
        "  ".join(cells + pairs),
        flush=True,
    )


def main() -> None:
    """Time everything, print the tables and write kernels.json."""
    found: list[Timing] = []
    for point in timings():
        show(point)
        found.append(point)
    table = [row for point in found for row in rows(point)] + list(dispatch(found))
    text = json.dumps(table, indent=1) + "\n"
    (Path(__file__).parent / "kernels.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
