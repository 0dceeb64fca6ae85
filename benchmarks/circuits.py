"""What any couplings cost beside Hebb's own kernels, a plain program, and a matrix product.

    python benchmarks/circuits.py

prints a table and writes circuits.json and circuits.md beside this file (a minute).

matrix   `kernels.matrix.matrix_sweeps`: any integer couplings, whole fields, one site after the other or all
         at once; without Peretto's energy
fields   `kernels.cpu.field_sweeps`: symmetric couplings without diagonal, half fields
plain    a compiled loop that sums every field from a row of float32 couplings (one site after the other), or
         sgn(J S) by BLAS in float32 (all at once), with random numbers of NumPy made beforehand

All from the stored pattern at N = 1000 and 2000, P = 100, T = 0.5, one core, CPU time, programs in turns: the
ratios are what to trust. The trajectories of `matrix` and `fields` are the same, bit by bit.
"""

import json
from math import nan
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
from numba import njit
from timing import REPEATS, cleared, pinned

from mattis.exact import rng
from mattis.exact.patterns import random_patterns
from mattis.kernels.cpu import glauber, matrix
from mattis.networks.binary import couplings

SWEEPS, PATTERNS, TEMPERATURE = 100, 100, 0.5
HERE = Path(__file__).parent


@njit(cache=False, nogil=True)
def plain_sweeps(weights, spins, odds, sweeps, temperature):
    """The program that one writes first: h_i = sum_j J_ij S_j for every proposal."""
    for t in range(sweeps):
        for i in range(spins.size):
            h = np.float32(0)
            for j in range(spins.size):
                h += weights[i, j] * spins[j]
            spins[i] = 1 if 2 * h / temperature + odds[t, i] >= 0 else -1


def timed(size: int) -> dict[str, float]:
    """Return ns per proposal of each program, the median of rounds in turns."""
    labels = {"size": size, "patterns": PATTERNS, "seed": 0}
    xi = random_patterns(rng.stream(1, "patterns", labels), PATTERNS, size)
    nj, stream = couplings.hebb_matrix(xi), rng.stream(1, "dynamics", labels).packed()
    scale, none = rng.noise_scale(size, 1 / TEMPERATURE), np.zeros(0, np.uint32)
    parity, bound = PATTERNS * (size - 1) % 2, couplings.row_bound(nj)
    weights = (nj / size).astype(np.float32)
    odds = np.random.default_rng(1).logistic(size=(SWEEPS, size)).astype(np.float32)
    seen = {}

    def by_matrix(synchronous: bool) -> None:
        spins, trace, sums = (xi[0].copy(), np.zeros((3, SWEEPS), np.int64), np.zeros((2, size), np.int32))
        fields = glauber.project(nj, spins).astype(np.int16)
        rest = np.zeros((1, SWEEPS), np.int64), trace, np.zeros(0), sums, 0
        matrix.matrix_sweeps(
            nj, spins, fields, np.zeros(size, np.int64), xi[:1].astype(np.int16),
            np.zeros((SWEEPS, 1), np.int32), synchronous, False, False, stream,
            np.full(SWEEPS, scale, np.float32), none, *rest,
        )  # fmt: skip
        seen[f"matrix {synchronous}"] = spins

    def by_fields() -> None:
        spins, trace, sums = (xi[0].copy(), np.zeros((3, SWEEPS), np.int64), np.zeros((2, size), np.int32))
        halves = glauber.half_fields(nj, spins, parity, bound)
        glauber.field_sweeps(nj, spins, halves, parity, xi[0], stream, scale, none, trace, sums, 0)
        seen["fields"] = spins

    def by_product() -> None:
        spins = xi[0].astype(np.float32)
        for t in range(SWEEPS):
            spins = np.where(2 * (weights @ spins) / TEMPERATURE + odds[t] >= 0, 1, -1).astype(np.float32)

    programs = {
        "matrix, in turn": lambda: by_matrix(False),
        "fields, in turn": by_fields,
        "plain, in turn": lambda: plain_sweeps(weights, xi[0].astype(np.float32), odds, SWEEPS, TEMPERATURE),
        "matrix, at once": lambda: by_matrix(True),
        "plain, at once": by_product,
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(REPEATS + 1):
        for name, program in programs.items():
            begun = process_time()
            program()
            if turn:  # the first also compiles
                times[name].append((process_time() - begun) / (SWEEPS * size) * 1e9)
    assert (seen["matrix False"] == seen["fields"]).all()
    ratios = {
        f"{a} over {b}": median(x / y for x, y in zip(times[b], times[a], strict=True))
        for a, b in (("matrix, in turn", "fields, in turn"), ("matrix, in turn", "plain, in turn"),
                     ("matrix, at once", "plain, at once"))
    }  # fmt: skip
    return {name: median(values) for name, values in times.items()} | ratios


def main() -> None:
    """Time everything, print and write it."""
    found = {str(size): timed(size) for size in (1000, 2000)}
    lines = ["| what | N = 1000 | N = 2000 |", "| --- | --- | --- |"]
    for name in found["1000"]:
        unit = "times faster" if " over " in name else "ns per proposal"
        lines.append(
            f"| {name} ({unit}) | " + " | ".join(f"{row.get(name, nan):.3g}" for row in found.values()) + " |"
        )
    text = f"{__doc__.split(chr(10) * 2)[0]}\n\n" + "\n".join(lines) + "\n"
    print(text)
    (HERE / "circuits.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (HERE / "circuits.md").write_text(f"# Any couplings\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    cleared()
    with pinned():
        main()
