"""How much faster consolidation is in scalar products than as published, and what making these costs.

    python benchmarks/consolidation.py

prints two tables and writes consolidation.json and consolidation.md beside this file (under two minutes).

paper     the published loop in NumPy: products with all memories, softmax, all memories moved, and the
          cosine of each with its own pattern one by one; without the 1e-4 that it adds to denominators
trace     `kernels.synapses.present`, which writes the same cosines after each presentation
end only  the same without the cosines

All three show the same patterns to the same memories: orthogonal, of norm sqrt(N_v), patterns at
sigma = 0.4 from them, tau = 250 dt, no bias, one after the other in turns, as in Fig. 1 of D. Lotito,
Neurocomputing 636, 129865 (2025). kappa = beta N_v (1 + sigma^2) says whether a winner takes all (above
15 or so) or all memories move. One core, CPU time, repeats interleaved: trust the ratios.

Set-up is the drawing of Gaussian memories and patterns and their products: with all components, or by
`gaussians.bartlett`. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE, which change what NumPy is, are ignored.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mattis.exact import functions, gaussians, rng
from mattis.kernels.cpu import drift

Reals = NDArray[np.float64]
Row = dict[str, object]

SIGMA, ETA = 0.4, 1 / 250
REPEATS = 9
STEPS = 20_000  # of `present` within one timing
CASES = [  # N_v, N_h, steps of the paper's loop within one timing, target, betas
    (50, 4, 400, 300, (2.0, 0.05)),
    (1000, 50, 40, 250, (2.0, 0.01, 0.003)),
    (100_000, 100, 3, 5000, (2.0, 1e-3, 5e-5)),
]
SETUPS = [(50, 4), (1000, 50), (100_000, 100), (1_000_000_000, 100), (1_000_000_000, 500)]
EXPLICIT = 10**8  # components of memories and patterns beyond which they are not drawn


def cleared() -> None:
    """Start this program again without what changes NumPy, and on one thread, unless it is so."""
    wanted = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    wanted["OPENBLAS_NUM_THREADS"] = "1"
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)


def published(xi: Reals, patterns: Reals, shown: NDArray[np.int64], beta: float) -> Reals:
    """Return the cosines (T, N_h) after each presentation, by the loop of the paper."""
    xi, bias, found = xi.copy(), np.zeros_like(xi), []
    for k in shown:
        v = patterns[k]
        s = xi.dot(v)
        e = np.exp(beta * (s - s.max()))
        w = e / e.sum()
        xi += ETA * ((-xi + bias + v) * w[:, None])
        found.append(
            [
                np.dot(row, own) / (np.linalg.norm(row) * np.linalg.norm(own))
                for row, own in zip(xi, patterns, strict=True)
            ]
        )
    return np.array(found)


@dataclass(frozen=True)
class Products:
    """The scalar products of memories and patterns from which a run starts."""

    fields: Reals
    squares: Reals
    gram: Reals

    @classmethod
    def of(cls, xi: Reals, patterns: Reals) -> "Products":
        """Return the products of vectors that are given by their rows."""
        squares = (xi * xi).sum(axis=1)
        return cls(functions.gram(xi, patterns), squares, functions.gram(patterns, patterns))


def presented(start: Products, shown: NDArray[np.int64], beta: float, traced: bool) -> Reals:
    """Return the cosines after each presentation, or after none of them, by `present`."""
    rows = len(start.squares)
    trace, none = np.empty((len(shown) if traced else 0, rows)), np.empty(0)
    drift.present(
        shown, 0, beta, ETA, 1, False, start.fields.copy(), start.squares.copy(), np.zeros(rows),
        start.gram, np.zeros_like(start.fields), np.zeros(rows),
        none, np.empty((0, 0)), none, none, 2.0, np.full(rows, -1), trace,
    )  # fmt: skip
    return trace


def vectors(visible: int, hidden: int) -> tuple[Reals, Reals]:
    """Return orthogonal memories of norm sqrt(N_v), and patterns near them."""
    generator = np.random.default_rng(41)
    basis = np.linalg.qr(generator.standard_normal((visible, hidden)))[0]
    xi = np.ascontiguousarray(basis.T) * np.sqrt(visible)
    return xi, xi + SIGMA * generator.standard_normal(xi.shape)


def timed(run: Callable[[], object], steps: int) -> float:
    """Return the CPU time of a step, in ns."""
    begun = time.process_time_ns()
    run()
    return (time.process_time_ns() - begun) / steps


def interleaved(runs: Mapping[str, tuple[Callable[[], object], int]]) -> dict[str, list[float]]:
    """Time programs in turns; the first turn, which compiles, is not counted."""
    turns = [{name: timed(run, steps) for name, (run, steps) in runs.items()} for _ in range(REPEATS + 1)][1:]
    return {name: [turn[name] for turn in turns] for name in runs}


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """Return how many times faster `fast` is, repeat by repeat."""
    return [a / b for a, b in zip(slow, fast, strict=True)]


def record(name: str, values: Sequence[float], unit: str) -> Row:
    """Return a row of consolidation.json: the median, and half of the interquartile range."""
    low, high = np.percentile(values, [25, 75])
    return {"name": name, "value": median(values), "spread": float(high - low) / 2, "unit": unit}


def case(visible: int, hidden: int, paper_steps: int, beta: float) -> tuple[list[Row], Reals]:
    """Return the rows of one point, and the deviations of the cosines from those of the paper's loop."""
    xi, patterns = vectors(visible, hidden)
    start, shown = Products.of(xi, patterns), np.arange(STEPS) % hidden
    few = shown[:paper_steps]
    found = interleaved(
        {
            "paper": (lambda: published(xi, patterns, few, beta), paper_steps),
            "trace": (lambda: presented(start, shown, beta, True), STEPS),
            "end only": (lambda: presented(start, shown, beta, False), STEPS),
        }
    )
    off = np.abs(presented(start, few, beta, True) - published(xi, patterns, few, beta))
    where = f"N_v={visible} N_h={hidden} beta={beta:g}"
    rows = [record(f"{name} {where}", ns, "ns/step") for name, ns in found.items()]
    rows += [
        record(f"paper / {name} {where}", ratios(found["paper"], found[name]), "1")
        for name in ("trace", "end only")
    ]
    return rows, off


def explicit(visible: int, hidden: int) -> Products:
    """Draw Gaussian memories and patterns with all their components."""
    generator = np.random.default_rng(41)
    xi = generator.standard_normal((hidden, visible))
    return Products.of(xi, xi + SIGMA * generator.standard_normal(xi.shape))


def rotated(visible: int, hidden: int) -> Products:
    """Draw Gaussian memories and patterns by their coordinates in their own span."""
    both = gaussians.bartlett(rng.stream(41, "set-up", {}), 2 * hidden, visible)
    return Products.of(both[:hidden], both[:hidden] + SIGMA * both[hidden:])


def setup(visible: int, hidden: int) -> list[Row]:
    """Return the rows of the set-up at one size; the explicit one only where it fits."""
    start, shown = rotated(visible, hidden), np.arange(STEPS) % hidden
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "Bartlett": (lambda: rotated(visible, hidden), 1),
        "step": (lambda: presented(start, shown, 2.0, True), STEPS),
    }
    if visible * hidden < EXPLICIT:
        runs["explicit"] = (lambda: explicit(visible, hidden), 1)
    found, where = interleaved(runs), f"N_v={visible} N_h={hidden}"
    rows = [record(f"set-up {name} {where}", ns, "ns") for name, ns in found.items()]
    for slow, fast in (("explicit", "Bartlett"), ("explicit", "step"), ("Bartlett", "step")):
        if slow in found:
            values = ratios(found[slow], found[fast])
            rows.append(record(f"set-up {slow} / {fast} {where}", values, "1"))
    return rows


def rounded(value: object) -> str:
    """Return a number to three digits, without an exponent."""
    number = float(str(value))
    return f"{float(f'{number:.3g}'):,.0f}" if number >= 100 else f"{number:.3g}"


def cell(rows: Sequence[Row], name: str) -> str:
    """Return the value of a row and its spread, or a dash where there is none."""
    found = {str(row["name"]): row for row in rows}.get(name)
    return f"{rounded(found['value'])} ± {rounded(found['spread'])}" if found else "–"


def dynamics(table: list[Row]) -> Iterator[str]:
    """Yield the lines of the first table, while it is measured."""
    yield "| N_v | N_h | beta | kappa | paper / trace | target | paper / end only | largest deviation |"
    yield "|" + " --- |" * 8
    for visible, hidden, steps, target, betas in CASES:
        for beta in betas:
            rows, off = case(visible, hidden, steps, beta)
            where = f"N_v={visible} N_h={hidden} beta={beta:g}"
            table += [*rows, {"name": f"deviation {where}", "value": float(off.max()), "unit": "1"}]
            yield (
                f"| {visible:,} | {hidden} | {beta:g} | {rounded(beta * visible * (1 + SIGMA**2))} "
                f"| {cell(rows, f'paper / trace {where}')} | {target:,} "
                f"| {cell(rows, f'paper / end only {where}')} | {off.max():.1g} |"
            )


def setups(table: list[Row]) -> Iterator[str]:
    """Yield the lines of the second table, while it is measured."""
    yield "| N_v | N_h | explicit / Bartlett | explicit, in steps | Bartlett, in steps |"
    yield "|" + " --- |" * 5
    for visible, hidden in SETUPS:
        rows, where = setup(visible, hidden), f"N_v={visible} N_h={hidden}"
        table += rows
        pairs = ("explicit / Bartlett", "explicit / step", "Bartlett / step")
        cells = " | ".join(cell(rows, f"set-up {pair} {where}") for pair in pairs)
        yield f"| {visible:,} | {hidden} | {cells} |"


HEAD = """# Consolidation: scalar products against the published loop

Written by `python benchmarks/consolidation.py`, whose first lines say what the programs are. Ratios of CPU
time on one core of a machine that others may have used at the same time: medians of {repeats} interleaved
repeats ± half of their interquartile range. The last column of the first table is the largest difference
of any cosine from that of the published loop, over the steps that the latter was timed for.
"""
BETWEEN = """
What the scalar products cost before the first step, for Gaussian memories; a step is one presentation with
its cosines, where a winner takes all. Vectors with 10^9 components are not drawn explicitly.
"""


def main() -> None:
    """Measure everything, print the tables and write them beside this file."""
    table: list[Row] = []
    lines = [HEAD.format(repeats=REPEATS)]
    for part in (dynamics(table), iter([BETWEEN]), setups(table)):
        for line in part:
            print(line, flush=True)
            lines.append(line)
    here = Path(__file__)
    here.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    here.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    cleared()
    main()
