"""How sure a network is which memory it is at: the entropy of its softmax weights, before and after.

H = -sum_mu w_mu ln w_mu,  w = softmax(beta h):  h = Xi v of attention, -|v - Xi|²/2 of attractors

ln P where nothing is known, 0 where one memory has all weight. What a network gains on the way from a cue
to rest may be negative: where two memories share an attractor, it forgets which of them it came from.
"""

from collections.abc import Sequence

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.networks.neurons import relaxation
from mattis.networks.neurons.network import NeuronNetwork, latent, relaxed
from mattis.networks.neurons.recipe import OF_DIGITS, NeuronPoint, Recipe, activity, stored
from mattis.networks.neurons.relaxation import NeuronCell, ReplicaBatch, batches, check, mean_of, overlaps
from mattis.study.model import PatternSet


def certainty(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Relax from every cue; return the entropies of the weights at the cue and at rest."""
    xi = stored(patterns, recipe)
    cells: list[list[NeuronCell]] = [[] for _ in places]
    for batch in batches(patterns, xi, places, recipe):
        check(batch.net, recipe)
        for (place, _), row in zip(batch.visits, _rows(xi, batch, recipe), strict=True):
            cells[place].append(row)
    return [mean_of(rows) for rows in cells]


def _rows(xi: FloatArray, batch: ReplicaBatch, recipe: Recipe) -> list[NeuronCell]:
    """Return the observables of each replica of a batch."""
    net = batch.net
    end = relaxed(net, batch.start, recipe.dt / net.tau_v, recipe.tolerance, recipe.steps)
    with cpu.euler.one_thread():
        before, after = (weights(net, v) for v in (batch.start, end.state))
        state = activity(recipe.parts, net, end.state)
    last = overlaps(relaxation.cued_patterns(xi, batch), state)
    nearest = np.argmax(xi @ state, axis=0)
    classes = recipe.classes if recipe.ensemble in OF_DIGITS else len(xi)
    unsure, sure = entropy(before), entropy(after)
    return [
        {
            "overlap": last[r], "retrieved": last[r] > recipe.retrieved_above,
            "entropy_cue": unsure[r], "entropy": sure[r], "information_gain": unsure[r] - sure[r],
            "same_class": nearest[r] % classes == mu % classes,
            "own_weight": after[mu, r], "own_weight_cue": before[mu, r],
            "steps_used": end.steps[r], "converged": end.residual[r] <= recipe.tolerance,
        }
        for r, (_, mu) in enumerate(batch.visits)
    ]  # fmt: skip


def weights(net: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return the softmax weights of the memories, (N_v, R) -> (N_h, R)."""
    return np.asarray(net.hidden.activation(latent(net, v)), np.float64)


def entropy(shares: FloatArray) -> FloatArray:
    """Return -sum w ln w of each column, in nats, (P, R) -> (R,); 0 ln 0 = 0."""
    return np.asarray(-np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=0))
