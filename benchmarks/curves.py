"""How times grow: with N, P and replicas in the kernels, with cells in the command."""

from collections.abc import Callable, Sequence

from job import growing
from networks import group, network
from programs import async32
from timing import Program, Row, growth_row, interleaved, pinned

from mattis.networks.registry import study_of
from mattis.study import plan

Points = list[tuple[float, float]]
TEMPERATURE = 0.5
SIZES = (512, 1024, 2048, 4096, 8192)
PATTERNS = (32, 64, 128, 256, 512)
REPLICAS = (1, 2, 4, 8, 16, 32, 64, 128)


def of_kernel(cases: Sequence[tuple[float, int, int]]) -> Points:
    """Return (x, ns per proposal) of networks of N sites and P patterns, each turn a point."""
    programs = {}
    for x, size, patterns in cases:
        here = group(network(size, patterns, full=False), TEMPERATURE, warm_up=20)
        programs[str(x)] = async32(here, max(20_000 // size, 1))
    with pinned():
        ns = interleaved(programs, 5)
    return [(x, one) for x, *_ in cases for one in ns[str(x)]]


def by_size() -> Points:
    """Return ns per proposal over N, at P = 100."""
    return of_kernel([(float(n), n, 100) for n in SIZES])


def by_patterns() -> Points:
    """Return ns per proposal over P, at N = 2048."""
    return of_kernel([(float(p), 2048, p) for p in PATTERNS])


def by_replicas() -> Points:
    """Return seconds of a block over its number of replicas, through the model, which picks the kernel."""

    def block(count: int) -> Program:
        temperatures = [0.05 + 0.95 * k / max(count, 2) for k in range(count)]
        axes = {"size": [2000], "load": [0.05], "temperature": temperatures, "seed": 1}
        sweeps = {"thermalise": 10, "measure": 20}
        study = study_of({"name": "block", "model": "hopfield", "axes": axes, "sweeps": sweeps})
        task = plan.task(study, plan.blocks(study)[0])
        simulate = study.described_model.simulate
        return Program(lambda: None, lambda _: simulate(*task), 10**9)

    with pinned():
        seconds = interleaved({str(count): block(count) for count in REPLICAS}, 5)
    return [(float(count), one) for count in REPLICAS for one in seconds[str(count)]]


CURVES: dict[str, tuple[Callable[[], Points], str]] = {
    "growth_N": (by_size, f"ns per proposal, 32 replicas, P = 100, T = {TEMPERATURE:g}"),
    "growth_P": (by_patterns, f"ns per proposal, 32 replicas, N = 2048, T = {TEMPERATURE:g}"),
    "growth_replicas": (by_replicas, "CPU seconds of a block, N = 2000, P = 100, 30 sweeps"),
    "growth_cells": (lambda: growing((4, 16, 64)), "CPU seconds of mattis run, 1 worker"),
}


def measured(name: str) -> tuple[Row, list[list[float]]]:
    """Return the row of a curve, and its points."""
    points, told = CURVES[name][0](), CURVES[name][1]
    return growth_row(name, points, told), [[x, y] for x, y in sorted(points)]
