"""Continuous neurons that settle: recall from a cue, and two networks with one set of fixed points."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from mattis.errors import UserError
from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.kernels.cuda.euler import total
from mattis.networks.neurons import network
from mattis.networks.neurons.network import NeuronNetwork, check_step, energy, lanes, relaxed, settle, target
from mattis.networks.neurons.recipe import (
    NeuronPoint,
    Parts,
    Recipe,
    activity,
    cue,
    replica_network,
    stored,
    unit_network,
)
from mattis.study.model import UNSETTLED, FollowedCell, Observable, PatternSet, means_given_survival, spaced

NeuronCell = dict[str, float]

WIDEST_STATE = 2**17
"""Numbers of a batch of neurons of one kind at most: exponentially many memories leave fewer lanes."""


class ReplicaBatch(NamedTuple):
    """Replicas side by side: a network with the gain and field of each, and their cues."""

    net: NeuronNetwork
    start: FloatArray
    lanes: slice
    """The lanes that count: the others only fill the batch."""
    visits: list[tuple[int, int]]
    """(place, cue) of each lane that counts."""


def batches(
    patterns: PatternSet, xi: FloatArray, places: Sequence[NeuronPoint], recipe: Recipe
) -> Iterator[ReplicaBatch]:
    """Yield all replicas of a pattern set: each cue at each place."""
    plain = unit_network(xi, recipe)
    most = max(WIDEST_STATE // max(xi.shape), 1)
    width = max(w for w in cpu.euler.WIDTHS if w <= min(lanes(plain), most))
    yield from side_by_side(patterns, xi, plain, places, recipe, width)


def side_by_side(
    patterns: PatternSet, xi: FloatArray, plain: NeuronNetwork, places: Sequence[NeuronPoint], recipe: Recipe,
    width: int,
) -> Iterator[ReplicaBatch]:  # fmt: skip
    """Yield all replicas of a pattern set, `width` side by side. plain  # their `unit_network`"""
    replicas = list(product(range(len(places)), range(recipe.cues)))
    for members, filled in cpu.euler.batches(len(replicas), width):
        in_lanes = [replicas[k] for k in filled.tolist()]
        at, mus = [places[k] for k, _ in in_lanes], [mu for _, mu in in_lanes]
        net = replica_network(plain, xi, recipe, at, mus)
        cues = {(k, mu): cue(patterns, xi, recipe, mu, places[k].noise) for k, mu in dict.fromkeys(in_lanes)}
        start = np.ascontiguousarray(np.array([cues[one] for one in in_lanes], recipe.kind).T)
        yield ReplicaBatch(net, start, slice(0, members.stop - members.start), replicas[members])


class Relaxation(NamedTuple):
    """Overlaps, energies and residuals of relaxed replicas, (R,) each; on a device, (S, R)."""

    first: Any
    """Overlaps after one step at dt = tau."""
    last: Any
    """Overlaps at rest."""
    steps: Any
    """Euler steps."""
    residual: Any
    """|B(v) - v|/√N_v at the end."""
    before: Any
    """Energies of the cues."""
    after: Any
    """Energies at rest."""


def cued_patterns(xi: FloatArray, batch: ReplicaBatch) -> FloatArray:
    """Return the cued pattern of each replica, (N, R), 0 for those that fill the batch."""
    cued = np.zeros_like(batch.start)
    cued[:, batch.lanes] = xi[[mu for _, mu in batch.visits]].T
    return cued


def overlaps(cued: FloatArray, states: FloatArray) -> Any:
    """Return m = xi · x/N of each replica with its cued pattern; all lanes in one order of sums."""
    return total(cued * states) / cued.shape[-2]


def recall(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Relax from every cue, and once for one step at dt = tau; return means over the cues of each place."""
    xi = stored(patterns, recipe)
    cells: list[list[NeuronCell]] = [[] for _ in places]
    for batch in batches(patterns, xi, places, recipe):
        check(batch.net, recipe)
        end = relax_replicas(batch.net, batch.start, cued_patterns(xi, batch), recipe)
        for (place, _), row in zip(batch.visits, rows_of(end, batch, recipe), strict=True):
            cells[place].append(row)
    return [mean_of(rows) for rows in cells]


def check(net: NeuronNetwork, recipe: Recipe) -> None:
    """Raise UserError unless the network can settle by the steps of a recipe."""
    check_step(net, recipe.dt)
    network.check_bounded(net)


def relax_replicas(net: NeuronNetwork, start: FloatArray, cued: FloatArray, recipe: Recipe) -> Relaxation:
    """Relax replicas of a checked network; return their observables after one step and at rest."""
    with cpu.euler.one_thread():
        once = target(net, start)
        before = energy(net, start)
    end = relaxed(net, start, recipe.dt / net.tau_v, recipe.tolerance, recipe.steps)
    with cpu.euler.one_thread():
        after = energy(net, end.state)
    first, last = (activity(recipe.parts, net, v) for v in (once, end.state))
    return Relaxation(overlaps(cued, first), overlaps(cued, last), end.steps, end.residual, before, after)


def rows_of(end: Relaxation, batch: ReplicaBatch, recipe: Recipe) -> list[NeuronCell]:
    """Return the observables of each replica of a batch. end  # NumPy's arrays, (R,)"""
    first, last = (np.asarray(m, np.float64) for m in (end.first, end.last))
    size, fall = len(batch.start), end.before - end.after
    return [
        {
            "overlap": last[r], "overlap_one_step": first[r],
            "retrieved": last[r] > recipe.retrieved_above,
            "retrieved_one_step": first[r] > recipe.retrieved_above,
            "steps_used": end.steps[r], "converged": end.residual[r] <= recipe.tolerance,
            "energy": end.after[r] / size, "energy_fall": fall[r] / size,
        }
        for r in range(len(batch.visits))
    ]  # fmt: skip


def mean_of(rows: Sequence[NeuronCell]) -> NeuronCell:
    """Return the mean over cues, flagged where not all of them came to rest."""
    out = {name: float(np.mean([float(row[name]) for row in rows])) for name in rows[0]}
    return out | means_given_survival(rows, "retrieved") | {"flag": float(UNSETTLED * (out["converged"] < 1))}


EULER_OBSERVABLES = (
    Observable("overlap", "overlap with the pattern of the cue after the Euler steps"),
    Observable("energy", "energy per neuron after the Euler steps"),
)
"""What is said of a network that settles, after each of its steps."""


def course(patterns: PatternSet, place: NeuronPoint, recipe: Recipe, cue: int) -> FollowedCell:
    """Return overlap and energy against Euler steps, from one cue to where it comes to rest.

    Replicas run beside each other as they do in the cell: the last values are those of the cell, bit by bit.
    Raises UserError for a question other than recall, binary neurons, and a cue that is not there.
    """
    if recipe.binary or recipe.question != "recall":
        asked = "binary neurons" if recipe.binary else f"the question {recipe.question}"
        raise UserError(f"{asked}: got no steps to follow; expected recall by continuous neurons")
    if not 0 <= cue < recipe.cues:
        most = f"0 … {recipe.cues - 1}" if recipe.cues > 1 else "0"
        raise UserError(f"cue: got {cue}; expected {most}; for example 0")
    xi = stored(patterns, recipe)
    batch = next(b for b in batches(patterns, xi, [place], recipe) if (0, cue) in b.visits)
    check(batch.net, recipe)
    lane, cued = batch.visits.index((0, cue)), cued_patterns(xi, batch)
    whole = relax_replicas(batch.net, batch.start, cued, recipe)
    times = spaced(max(int(whole.steps[lane]), 1), first=1)
    ends = (relax_replicas(batch.net, batch.start, cued, replace(recipe, steps=t)) for t in times)
    rows = [(float(end.last[lane]), float(end.after[lane]) / len(batch.start)) for end in ends]
    values = dict(zip(EULER_OBSERVABLES, np.array(rows, np.float64).T, strict=True))
    return FollowedCell("step", np.array(times), 0, values)


TANH = Parts("memories", "ln_cosh", "one", "visible", "sites", "state")
GRADED = Parts("ln_cosh", "quadratic", "memories", "visible", "sites", "activation")
"""Lotito's eq. (21), x = tanh(beta (J x + u)), and Hopfield's graded response, v = J tanh(beta (v + u))."""


def equivalence(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Relax both networks from every cue and map the fixed point of each to the other.

    If x = tanh(beta (J x + u)) then v = J x + u is at rest, v = u + J tanh(beta v), and x = tanh(beta v). In
    the network of v, u is a field I; in that of x, beta u is the bias b of hidden neurons.
    """
    xi = stored(patterns, recipe)
    diagonal = recipe.parts.diagonal
    pair = [replace(recipe, parts=replace(parts, diagonal=diagonal)) for parts in (TANH, GRADED)]
    cells: list[list[NeuronCell]] = [[] for _ in places]
    both = zip(*(batches(patterns, xi, places, one) for one in pair), strict=True)
    for tanh, graded in both:
        biased = _with_bias(tanh, graded.net)
        for (place, _), row in zip(tanh.visits, _compare(xi, biased, graded, recipe), strict=True):
            cells[place].append(row)
    return [mean_of(rows) for rows in cells]


def _with_bias(batch: ReplicaBatch, graded: NeuronNetwork) -> ReplicaBatch:
    """Return the network of x with b = beta u, where u is the field of the other."""
    bias = batch.net.visible.form.beta * graded.field if np.ndim(graded.field) else 0.0
    return batch._replace(net=replace(batch.net, field=0.0, bias=bias))


def _compare(xi: FloatArray, tanh: ReplicaBatch, graded: ReplicaBatch, recipe: Recipe) -> list[NeuronCell]:
    """Return the distances of the fixed points of two networks from each other's images."""
    counted = tanh.lanes
    x = settle(tanh.net, tanh.start, recipe.dt, recipe.tolerance, recipe.steps)
    v = settle(graded.net, graded.start, recipe.dt, recipe.tolerance, recipe.steps)
    with cpu.euler.one_thread():
        image = graded.net.visible.activation(v.state)
        field = argument(tanh.net, x.state) / tanh.net.visible.form.beta
        forth = np.abs(target(graded.net, field) - field).max(axis=0)
        back = np.abs(target(tanh.net, image) - image).max(axis=0)
        apart = _apart(tanh, graded, recipe)
    last = np.asarray(overlaps(cued_patterns(xi, tanh), x.state)[counted], np.float64)
    other = np.asarray(overlaps(cued_patterns(xi, graded), image)[counted], np.float64)
    settled = ((x.residual <= recipe.tolerance) & (v.residual <= recipe.tolerance))[counted]
    distance = np.sqrt(np.mean((x.state - image) ** 2, axis=0))
    return [
        {
            "overlap": last[r], "overlap_graded": other[r],
            "retrieved": last[r] > recipe.retrieved_above,
            "mismatch": max(forth[r], back[r]), "apart": apart[r], "apart_at_rest": distance[r],
            "steps_used": x.steps[r], "steps_used_graded": v.steps[r], "converged": settled[r],
        }
        for r in range(len(tanh.visits))
    ]  # fmt: skip


def argument(net: NeuronNetwork, x: FloatArray) -> FloatArray:
    """Return beta (J x + u) of the network of x: the argument of its tanh."""
    return net.visible.activation(x) + net.bias


def _apart(tanh: ReplicaBatch, graded: ReplicaBatch, recipe: Recipe) -> Any:
    """Return the largest |x - tanh(beta v)|/sqrt(N) of two trajectories from x(0) = tanh(beta v(0))."""
    v = graded.start
    x = graded.net.visible.activation(v)
    rate, out = recipe.dt / recipe.tau_v, np.zeros(v.shape[1])
    for _ in range(min(recipe.steps, round(recipe.duration / recipe.dt))):
        x = x + rate * (target(tanh.net, x) - x)
        v = v + rate * (target(graded.net, v) - v)
        gap = x - graded.net.visible.activation(v)
        out = np.maximum(out, np.sqrt(np.mean(gap * gap, axis=0)))
    return out
