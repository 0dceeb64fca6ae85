"""Dense associative memory of binary neurons: patterns that call in many-body interactions, at T = 0.

E = -sum_mu F(M_mu),  M = xi S,  F(x) = x^n, or exp(lambda x)

D. Krotov and J. J. Hopfield, NIPS 29, 1172 (2016); M. Demircigil, J. Heusel, M. Löwe, S. Upgang and
F. Vermet, J. Stat. Phys. 168, 288 (2017). Polynomials are integers; exponentials float64 in fixed steps.
"""

from collections.abc import Sequence
from itertools import product
from math import fsum, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis import exact
from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import KnownPatterns, RandomPatterns, flip_count, noisy_cue, signs_of
from mattis.kernels import cpu
from mattis.kernels.cuda import dense
from mattis.kernels.cuda.devices import HOST, SPARE, Device, DeviceWork, divided, portions
from mattis.kernels.cuda.paper import paper_seconds
from mattis.kernels.cuda.patterns import Cues, sets_on
from mattis.networks.neurons.recipe import OF_DIGITS, NeuronPoint, Recipe, stored
from mattis.networks.neurons.relaxation import NeuronCell, mean_of
from mattis.study.model import PatternSet, Task

LARGEST_FIELD_SUM = 2**62
"""Fields are int64: P times the largest entry of a table must stay below this."""

EXPONENTIAL = "exponential"
POLYNOMIAL = "polynomial"


def elementary(degree: int, size: int, total: int) -> int:
    """Return n! e_n of N signs whose sum is `total`: the sum over n distinct indices, in their order.

    a_0 = 1, a_1 = x, a_k = x a_{k-1} - (k - 1)(N - k + 2) a_{k-2} (Newton's identities for y_i² = 1).
    """
    before, current = 1, total
    if degree == 0:
        return before
    for k in range(2, degree + 1):
        before, current = current, total * current - (k - 1) * (size - k + 2) * before
    return current


def table_of(recipe: Recipe, size: int, rate: float) -> tuple[NDArray[np.generic], bool]:
    """Return D(y) at y + N, y = -N ... N, and whether y is M itself.

    difference: F(y + 1) - F(y - 1), y without the site: the change of energy (Krotov & Hopfield; for the
    exponential Demircigil et al.). field: M^{n-1}, all indices (Demircigil et al.). distinct indices:
    (n - 1)! e_{n-1}(y). rate  # lambda of the exponential, whose table is in units of e^{lambda N}
    """
    degree = recipe.parts.degree
    if recipe.parts.hidden == EXPONENTIAL:
        exponential = exact.functions.exponential
        f = [exponential(rate * (y - size)) for y in range(-size - 1, size + 2)]
        return np.array([b - a for a, b in zip(f[:-2], f[2:], strict=True)]), False
    if recipe.indices == "distinct":
        values = [elementary(degree - 1, size - 1, y) for y in range(-size, size + 1)]
        return np.array(values, np.int64), False
    with_self, every = recipe.rule == "field", range(-size, size + 1)
    if with_self:
        return np.array([y ** (degree - 1) for y in every], np.int64), True
    return np.array([(y + 1) ** degree - (y - 1) ** degree for y in every], np.int64), False


def check(degree: int, size: int, patterns: int) -> str | None:
    """Return why the fields of a network of this degree and size do not fit int64, or None."""
    largest = 2 * degree * (size + 1) ** (degree - 1)
    if patterns * largest < LARGEST_FIELD_SUM:
        return None
    return f"{patterns} patterns of degree {degree} at size {size}: fields overflow 64 bits"


def energy(recipe: Recipe, size: int, rate: float, overlaps: NDArray[Any]) -> float:
    """Return E in units where a pattern alone has -1: -sum F(M)/N^n, or -ln(sum e^{lambda M})/(lambda N)."""
    degree, values = recipe.parts.degree, overlaps.tolist()
    if recipe.parts.hidden == EXPONENTIAL:
        top, exponential = max(values), exact.functions.exponential
        total = fsum(exponential(rate * (m - top)) for m in values)
        return float(-(top + log(total) / rate) / size)
    distinct = recipe.indices == "distinct"
    counts = dict(zip(*map(np.ndarray.tolist, np.unique(overlaps, return_counts=True)), strict=True))
    f = {m: elementary(degree, size, m) if distinct else m**degree for m in counts}
    whole = elementary(degree, size, size) if distinct else size**degree
    return float(-sum(count * f[m] for m, count in counts.items()) / whole)


def recall(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Align every cue with its fields, site by site; return means over the cues of each place."""
    xi = signs_of(_patterns(patterns, recipe))
    sites = np.ascontiguousarray(xi.T)
    return [
        mean_of([_align(patterns, xi, sites, place, mu, recipe) for mu in range(recipe.cues)])
        for place in places
    ]


def _patterns(patterns: PatternSet, recipe: Recipe) -> KnownPatterns:
    """Return the patterns of a set, (P, N), or their address."""
    if recipe.ensemble in OF_DIGITS:
        return stored(patterns, recipe).astype(np.int8)
    stream = rng.stream(patterns.root_seed, "patterns", patterns.labels)
    return RandomPatterns(stream, (patterns.patterns, patterns.size))


def _cue_stream(patterns: PatternSet, noise: float, mu: int) -> rng.Stream:
    """Return the stream of the sites at which the cue of pattern mu differs from it."""
    return rng.stream(patterns.root_seed, "cue", patterns.labels, {"noise": noise, "cue": mu})


def _align(
    patterns: PatternSet, xi: Signs, sites: Signs, place: NeuronPoint, mu: int, recipe: Recipe
) -> NeuronCell:
    """Align the cue of pattern mu with its fields; return the observables."""
    spins = noisy_cue(xi[mu], place.noise, _cue_stream(patterns, place.noise, mu))
    overlaps = xi.astype(np.int64) @ spins
    table, with_self = table_of(recipe, patterns.size, place.beta)
    before = overlaps.copy()
    steps = cpu.dense.align(sites, overlaps, spins, table, with_self, 1)
    first = int(overlaps[mu])
    if steps:
        steps += cpu.dense.align(sites, overlaps, spins, table, with_self, recipe.steps - 1)
    return _row(recipe, patterns.size, place.beta, mu, Alignment(before, first, overlaps, steps))


class Alignment(NamedTuple):
    """The alignment of one replica with its fields."""

    before: NDArray[Any]
    """(P,): overlaps of the cue."""
    first: int
    """Overlap with the cued pattern after one sweep."""
    after: NDArray[Any]
    """(P,): overlaps of the final state."""
    steps: int
    """Sweeps."""


def _row(recipe: Recipe, size: int, rate: float, mu: int, course: Alignment) -> NeuronCell:
    """Return the observables of an alignment from the cue of pattern mu."""
    before, after = (energy(recipe, size, rate, m) for m in (course.before, course.after))
    first, last, steps = course.first / size, course.after[mu] / size, course.steps
    return {
        "overlap": last, "overlap_one_step": first,
        "retrieved": last > recipe.retrieved_above,
        "retrieved_one_step": first > recipe.retrieved_above,
        "steps_used": steps, "converged": steps < recipe.steps,
        "energy": after, "energy_fall": before - after,
    }  # fmt: skip


# On a device: replicas of many pattern sets in one launch, bit by bit as above.


def fits(patterns: PatternSet, device: Device) -> bool:
    """Tell whether a device can align replicas of such a network."""
    return dense.fits(patterns.size, patterns.patterns, device)


def work_of(task: Task, many: int, device: Device) -> DeviceWork:
    """Return what so many tasks like this one take on a device, by paper."""
    patterns, places, recipe = task
    size, count, replicas = patterns.size, patterns.patterns, many * len(places) * recipe.cues
    replica, own = dense.memory(size, count)
    memory = many * (own + 8 * len(places) * (2 * size + 1)) + replicas * replica
    parts = -(-memory // int(SPARE * device.free()))
    kernel = "align_by_reals" if recipe.parts.hidden == EXPONENTIAL else "align_by_integers"
    flips = sum(flip_count(size, place.noise) for place in places) / (2 * size * len(places))
    seconds = paper_seconds(device, kernel, replicas, 2 * size, count, flips)
    assumed = "two sweeps, the first of which undoes the noise"
    return DeviceWork(memory // parts, 4 * parts, seconds, (kernel,), (assumed,))


def recall_on_device(tasks: Sequence[Task], device: Device) -> list[list[NeuronCell]]:
    """Return the cells of `recall` for each task, all of one N, P and recipe; as many at once as fit."""
    (patterns, _, recipe), rows = tasks[0], list[list[NeuronCell]]()
    replica, stored = dense.memory(patterns.size, patterns.patterns)

    def memory(task: Task) -> int:
        replicas = len(task[1]) * int(recipe.cues)
        return stored + replicas * replica + 8 * len(task[1]) * (2 * patterns.size + 1)

    for part in portions(tasks, lambda _: 3 * patterns.size * patterns.patterns, HOST):
        for _, some in divided(device, part, memory, lambda few: _recall(few, device)):
            rows += some
    return rows


def _recall(tasks: Sequence[Task], device: Device) -> list[list[NeuronCell]]:
    """Align the replicas of tasks in one launch; return means over the cues of each place."""
    recipe, size = tasks[0][2], tasks[0][0].size
    sets = sets_on(device, [_patterns(task[0], task[2]) for task in tasks])
    rates = sorted({place.beta for _, places, _ in tasks for place in places})
    tables = [table_of(recipe, size, rate) for rate in rates]
    replicas = [
        (k, place, mu)
        for k, (_, places, _) in enumerate(tasks)
        for place, mu in product(places, range(recipe.cues))
    ]
    batch = dense.DenseReplicas(
        np.array([k for k, _, _ in replicas], np.int32),
        np.array([rates.index(place.beta) for _, place, _ in replicas], np.int32),
        np.array([mu for _, _, mu in replicas], np.int32),
        Cues(
            np.array([_cue_stream(tasks[k][0], p.noise, mu).packed() for k, p, mu in replicas]),
            np.array([flip_count(size, place.noise) for _, place, _ in replicas], np.int32),
        ),
    )
    table = np.array([values for values, _ in tables])
    aligned = dense.align(device, sets, batch, table, tables[0][1], recipe.steps)
    rows = [
        _row(recipe, size, place.beta, mu, Alignment(*course))
        for (_, place, mu), course in zip(replicas, zip(*aligned, strict=True), strict=True)
    ]
    means = iter(mean_of(rows[k : k + recipe.cues]) for k in range(0, len(rows), recipe.cues))
    return [[next(means) for _ in places] for _, places, _ in tasks]
