"""Continuous neurons that settle: recall from a cue, and two networks with one set of fixed points."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from mattis import kernels
from mattis.models.base import UNSETTLED, PatternSet
from mattis.models.generating import Reals
from mattis.models.neurons import Network, energy, lanes, settle, target
from mattis.models.recipe import ENSEMBLES, Parts, Place, Recipe, activity, asked, bare, cue

Row = dict[str, float]

WIDEST = 2**17
"""Numbers of a batch of neurons of one kind at most: exponentially many memories leave fewer lanes."""


class Batch(NamedTuple):
    """Replicas side by side: a network with the gain and field of each, and their cues.

    own  # the lanes that count: the others only fill the batch; at  # (place, cue) of these
    """

    net: Network
    start: Reals
    own: slice
    at: list[tuple[int, int]]


def batches(
    patterns: PatternSet, xi: Reals, places: Sequence[Place], recipe: Recipe
) -> Iterator[Batch]:
    """Yield all replicas of a pattern set: each cue at each place."""
    replicas = list(product(range(len(places)), range(recipe.cues)))
    plain = bare(xi, recipe)
    most = max(WIDEST // max(xi.shape), 1)
    width = max(w for w in kernels.flow.WIDTHS if w <= min(lanes(plain), most))
    for own, filled in kernels.flow.batches(len(replicas), width):
        here = [replicas[k] for k in filled.tolist()]
        net = asked(plain, xi, recipe, [places[k] for k, _ in here], [mu for _, mu in here])
        cues = [cue(patterns, xi, recipe, mu, places[k].noise) for k, mu in here]
        start = np.ascontiguousarray(np.array(cues, recipe.kind).T)
        yield Batch(net, start, slice(0, own.stop - own.start), replicas[own])


def overlaps(xi: Reals, batch: Batch, states: Reals) -> Reals:
    """Return m = xi · x/N of each replica of a batch with its own pattern; lanes are summed all alike."""
    own = np.zeros_like(states)
    own[:, batch.own] = xi[[mu for _, mu in batch.at]].T
    return np.asarray(np.sum(own * states, axis=0)[batch.own] / xi.shape[1], np.float64)


def recall(patterns: PatternSet, places: Sequence[Place], recipe: Recipe) -> list[Row]:
    """Relax from every cue, and once for one step at dt = tau; return means over the cues of each place."""
    xi = ENSEMBLES[recipe.ensemble](patterns)
    found: list[list[Row]] = [[] for _ in places]
    for batch in batches(patterns, xi, places, recipe):
        for (place, _), row in zip(batch.at, _recalled(xi, batch, recipe), strict=True):
            found[place].append(row)
    return [mean_of(rows) for rows in found]


def _recalled(xi: Reals, batch: Batch, recipe: Recipe) -> list[Row]:
    """Return what became of each replica of a batch."""
    net, parts, own = batch.net, recipe.parts, batch.own
    with kernels.flow.one_thread():
        once = target(net, batch.start)
        before = energy(net, batch.start)
    done = settle(net, batch.start, recipe.dt, recipe.tolerance, recipe.steps)
    with kernels.flow.one_thread():
        after = energy(net, done.state)
    first = overlaps(xi, batch, activity(parts, net, once))
    last = overlaps(xi, batch, activity(parts, net, done.state))
    settled = (done.residual <= recipe.tolerance)[own]
    size = len(batch.start)
    return [
        {
            "overlap": last[r], "overlap_one_step": first[r],
            "retrieved": last[r] > recipe.retrieved_above,
            "retrieved_one_step": first[r] > recipe.retrieved_above,
            "steps_used": done.steps[r], "converged": settled[r],
            "energy": after[r] / size, "energy_fall": (before[r] - after[r]) / size,
        }
        for r in range(len(batch.at))
    ]  # fmt: skip


def mean_of(rows: Sequence[Row]) -> Row:
    """Return the mean over cues, flagged where not all of them came to rest."""
    out = {name: float(np.mean([float(row[name]) for row in rows])) for name in rows[0]}
    return out | {"flag": float(UNSETTLED * (out["converged"] < 1))}


TANH = Parts("memories", "ln_cosh", "one", "visible", "sites", "state")
GRADED = Parts("ln_cosh", "quadratic", "memories", "visible", "sites", "activation")
"""Lotito's eq. (21), x = tanh(beta (J x + u)), and Hopfield's graded response, v = J tanh(beta (v + u))."""


def equivalence(patterns: PatternSet, places: Sequence[Place], recipe: Recipe) -> list[Row]:
    """Relax both networks from every cue and map the fixed point of each to the other.

    If x = tanh(beta (J x + u)) then v = J x + u is at rest, v = u + J tanh(beta v), and x = tanh(beta v). In
    the network of v, u is a field I; in that of x, beta u is the bias b of hidden neurons.
    """
    xi = ENSEMBLES[recipe.ensemble](patterns)
    kept = recipe.parts.diagonal
    pair = [replace(recipe, parts=replace(parts, diagonal=kept)) for parts in (TANH, GRADED)]
    found: list[list[Row]] = [[] for _ in places]
    both = zip(*(batches(patterns, xi, places, one) for one in pair), strict=True)
    for tanh, graded in both:
        pushed = _pushed(tanh, graded.net)
        for (place, _), row in zip(tanh.at, _compared(xi, pushed, graded, recipe), strict=True):
            found[place].append(row)
    return [mean_of(rows) for rows in found]


def _pushed(batch: Batch, graded: Network) -> Batch:
    """Return the network of x with b = beta u, where u is the field of the other."""
    bias = batch.net.visible.form.beta * graded.field if np.ndim(graded.field) else 0.0
    return batch._replace(net=replace(batch.net, field=0.0, bias=bias))


def _compared(xi: Reals, tanh: Batch, graded: Batch, recipe: Recipe) -> list[Row]:
    """Return how far the fixed points of two networks are from each other's images."""
    own = tanh.own
    x = settle(tanh.net, tanh.start, recipe.dt, recipe.tolerance, recipe.steps)
    v = settle(graded.net, graded.start, recipe.dt, recipe.tolerance, recipe.steps)
    with kernels.flow.one_thread():
        seen = graded.net.visible.activation(v.state)
        field = argument(tanh.net, x.state) / tanh.net.visible.form.beta
        forth = np.abs(target(graded.net, field) - field).max(axis=0)
        back = np.abs(target(tanh.net, seen) - seen).max(axis=0)
        apart = _apart(tanh, graded, recipe)
    last, other = overlaps(xi, tanh, x.state), overlaps(xi, graded, seen)
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


def argument(net: Network, x: Reals) -> Reals:
    """Return beta (J x + u) of the network of x: the argument of its tanh."""
    return net.visible.activation(x) + net.bias


def _apart(tanh: Batch, graded: Batch, recipe: Recipe) -> Any:
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
