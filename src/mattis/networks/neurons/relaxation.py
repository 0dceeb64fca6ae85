"""Continuous neurons that settle: recall from a cue, and two networks with one set of fixed points."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.kernels.cuda.euler import total
from mattis.networks.neurons.network import (
    NeuronNetwork,
    check_bounded,
    check_step,
    energy,
    lanes,
    relaxed,
    settle,
    target,
)
from mattis.networks.neurons.recipe import (
    NEURON_ENSEMBLES,
    NeuronPoint,
    Parts,
    Recipe,
    activity,
    asked,
    bare,
    cue,
)
from mattis.study.model import UNSETTLED, PatternSet

NeuronCell = dict[str, float]

WIDEST_STATE = 2**17
"""Numbers of a batch of neurons of one kind at most: exponentially many memories leave fewer lanes."""


class ReplicaBatch(NamedTuple):
    """Replicas side by side: a network with the gain and field of each, and their cues."""

    net: NeuronNetwork
    start: FloatArray
    own: slice
    """The lanes that count: the others only fill the batch."""
    at: list[tuple[int, int]]
    """(place, cue) of each lane that counts."""


def batches(
    patterns: PatternSet, xi: FloatArray, places: Sequence[NeuronPoint], recipe: Recipe
) -> Iterator[ReplicaBatch]:
    """Yield all replicas of a pattern set: each cue at each place."""
    plain = bare(xi, recipe)
    most = max(WIDEST_STATE // max(xi.shape), 1)
    width = max(w for w in cpu.euler.WIDTHS if w <= min(lanes(plain), most))
    yield from side_by_side(patterns, xi, plain, places, recipe, width)


def side_by_side(
    patterns: PatternSet, xi: FloatArray, plain: NeuronNetwork, places: Sequence[NeuronPoint], recipe: Recipe,
    width: int,
) -> Iterator[ReplicaBatch]:  # fmt: skip
    """Yield all replicas of a pattern set, `width` side by side. plain  # their network, of `bare`"""
    replicas = list(product(range(len(places)), range(recipe.cues)))
    for own, filled in cpu.euler.batches(len(replicas), width):
        here = [replicas[k] for k in filled.tolist()]
        net = asked(plain, xi, recipe, [places[k] for k, _ in here], [mu for _, mu in here])
        cues = {
            (k, mu): cue(patterns, xi, recipe, mu, places[k].noise) for k, mu in dict.fromkeys(here)
        }
        start = np.ascontiguousarray(np.array([cues[one] for one in here], recipe.kind).T)
        yield ReplicaBatch(net, start, slice(0, own.stop - own.start), replicas[own])


class Seen(NamedTuple):
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


def own_patterns(xi: FloatArray, batch: ReplicaBatch) -> FloatArray:
    """Return the pattern that each replica is asked for, (N, R), 0 for those that fill the batch."""
    own = np.zeros_like(batch.start)
    own[:, batch.own] = xi[[mu for _, mu in batch.at]].T
    return own


def overlaps(own: FloatArray, states: FloatArray) -> Any:
    """Return m = xi · x/N of each replica with its own pattern; lanes are summed all alike."""
    return total(own * states) / own.shape[-2]


def recall(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Relax from every cue, and once for one step at dt = tau; return means over the cues of each place."""
    xi = NEURON_ENSEMBLES[recipe.ensemble](patterns)
    found: list[list[NeuronCell]] = [[] for _ in places]
    for batch in batches(patterns, xi, places, recipe):
        check(batch.net, recipe)
        seen = watched(batch.net, batch.start, own_patterns(xi, batch), recipe)
        for (place, _), row in zip(batch.at, rows_of(seen, batch, recipe), strict=True):
            found[place].append(row)
    return [mean_of(rows) for rows in found]


def check(net: NeuronNetwork, recipe: Recipe) -> None:
    """Raise UserError unless the network can settle by the steps of a recipe."""
    check_step(net, recipe.dt)
    check_bounded(net)


def watched(net: NeuronNetwork, start: FloatArray, own: FloatArray, recipe: Recipe) -> Seen:
    """Relax replicas, and look at them after one step and at rest; of a network that was checked."""
    with cpu.euler.one_thread():
        once = target(net, start)
        before = energy(net, start)
    done = relaxed(net, start, recipe.dt / net.tau_v, recipe.tolerance, recipe.steps)
    with cpu.euler.one_thread():
        after = energy(net, done.state)
    first, last = (activity(recipe.parts, net, v) for v in (once, done.state))
    return Seen(overlaps(own, first), overlaps(own, last), done.steps, done.residual, before, after)


def rows_of(seen: Seen, batch: ReplicaBatch, recipe: Recipe) -> list[NeuronCell]:
    """Return what became of each replica of a batch. seen  # NumPy's arrays, (R,)"""
    first, last = (np.asarray(m, np.float64) for m in (seen.first, seen.last))
    size, fall = len(batch.start), seen.before - seen.after
    return [
        {
            "overlap": last[r], "overlap_one_step": first[r],
            "retrieved": last[r] > recipe.retrieved_above,
            "retrieved_one_step": first[r] > recipe.retrieved_above,
            "steps_used": seen.steps[r], "converged": seen.residual[r] <= recipe.tolerance,
            "energy": seen.after[r] / size, "energy_fall": fall[r] / size,
        }
        for r in range(len(batch.at))
    ]  # fmt: skip


def mean_of(rows: Sequence[NeuronCell]) -> NeuronCell:
    """Return the mean over cues, flagged where not all of them came to rest."""
    out = {name: float(np.mean([float(row[name]) for row in rows])) for name in rows[0]}
    return out | {"flag": float(UNSETTLED * (out["converged"] < 1))}


TANH = Parts("memories", "ln_cosh", "one", "visible", "sites", "state")
GRADED = Parts("ln_cosh", "quadratic", "memories", "visible", "sites", "activation")
"""Lotito's eq. (21), x = tanh(beta (J x + u)), and Hopfield's graded response, v = J tanh(beta (v + u))."""


def equivalence(
    patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe
) -> list[NeuronCell]:
    """Relax both networks from every cue and map the fixed point of each to the other.

    If x = tanh(beta (J x + u)) then v = J x + u is at rest, v = u + J tanh(beta v), and x = tanh(beta v). In
    the network of v, u is a field I; in that of x, beta u is the bias b of hidden neurons.
    """
    xi = NEURON_ENSEMBLES[recipe.ensemble](patterns)
    kept = recipe.parts.diagonal
    pair = [replace(recipe, parts=replace(parts, diagonal=kept)) for parts in (TANH, GRADED)]
    found: list[list[NeuronCell]] = [[] for _ in places]
    both = zip(*(batches(patterns, xi, places, one) for one in pair), strict=True)
    for tanh, graded in both:
        pushed = _pushed(tanh, graded.net)
        for (place, _), row in zip(tanh.at, _compared(xi, pushed, graded, recipe), strict=True):
            found[place].append(row)
    return [mean_of(rows) for rows in found]


def _pushed(batch: ReplicaBatch, graded: NeuronNetwork) -> ReplicaBatch:
    """Return the network of x with b = beta u, where u is the field of the other."""
    bias = batch.net.visible.form.beta * graded.field if np.ndim(graded.field) else 0.0
    return batch._replace(net=replace(batch.net, field=0.0, bias=bias))


def _compared(
    xi: FloatArray, tanh: ReplicaBatch, graded: ReplicaBatch, recipe: Recipe
) -> list[NeuronCell]:
    """Return how far the fixed points of two networks are from each other's images."""
    own = tanh.own
    x = settle(tanh.net, tanh.start, recipe.dt, recipe.tolerance, recipe.steps)
    v = settle(graded.net, graded.start, recipe.dt, recipe.tolerance, recipe.steps)
    with cpu.euler.one_thread():
        seen = graded.net.visible.activation(v.state)
        field = argument(tanh.net, x.state) / tanh.net.visible.form.beta
        forth = np.abs(target(graded.net, field) - field).max(axis=0)
        back = np.abs(target(tanh.net, seen) - seen).max(axis=0)
        apart = _apart(tanh, graded, recipe)
    last = np.asarray(overlaps(own_patterns(xi, tanh), x.state)[own], np.float64)
    other = np.asarray(overlaps(own_patterns(xi, graded), seen)[own], np.float64)
    settled = ((x.residual <= recipe.tolerance) & (v.residual <= recipe.tolerance))[own]
    distance = np.sqrt(np.mean((x.state - seen) ** 2, axis=0))
    return [
        {
            "overlap": last[r], "overlap_graded": other[r],
            "retrieved": last[r] > recipe.retrieved_above,
            "mismatch": max(forth[r], back[r]), "apart": apart[r], "apart_at_rest": distance[r],
            "steps_used": x.steps[r], "steps_used_graded": v.steps[r], "converged": settled[r],
        }
        for r in range(len(tanh.at))
    ]  # fmt: skip


def argument(net: NeuronNetwork, x: FloatArray) -> FloatArray:
    """Return beta (J x + u) of the network of x: the argument of its tanh."""
    return net.visible.activation(x) + net.bias


def _apart(tanh: ReplicaBatch, graded: ReplicaBatch, recipe: Recipe) -> Any:
    """Return the largest distance |x - tanh(beta v)|/sqrt(N) on the way, from x(0) = tanh(beta v(0))."""
    v = graded.start
    x = graded.net.visible.activation(v)
    rate, out = recipe.dt / recipe.tau_v, np.zeros(v.shape[1])
    for _ in range(min(recipe.steps, round(recipe.duration / recipe.dt))):
        x = x + rate * (target(tanh.net, x) - x)
        v = v + rate * (target(graded.net, v) - v)
        gap = x - graded.net.visible.activation(v)
        out = np.maximum(out, np.sqrt(np.mean(gap * gap, axis=0)))
    return out
