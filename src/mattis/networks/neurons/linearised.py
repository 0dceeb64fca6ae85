"""Jacobians of the flow, as they are written and as differences of the flow itself have them.

d(B - v)/dv = -1 + Xiᵀ H_h Xi H_v, eq. (28); beta XiᵀXi - 1 of tanh or linear neurons at v = 0, eq. (29).
Eq. (30) prints -1 + Xiᵀ H_v H_h Xi, whose shapes fit where N_h = N_v only. Eigenvalues are real, for
-1 + A H_v with A symmetric is similar to a symmetric matrix. D. Lotito, Neurocomputing 636, 129865 (2025).
"""

from collections.abc import Sequence
from math import nan, prod

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.networks.neurons.network import MEMORIES, NeuronNetwork, jacobian, latent, relaxed, target
from mattis.networks.neurons.recipe import NeuronPoint, Parts, Recipe, single, stored
from mattis.networks.neurons.relaxation import NeuronCell, mean_of
from mattis.study.model import PatternSet

WITH_SLOPE_1 = ("ln_cosh", "quadratic")
"""Generating functions whose Hessian at 0 is beta, or 1."""

DIFFERENCE_OF_STATES = 1e-5
"""Width of the differences by which a Jacobian is measured."""


def jacobians(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Look at the Jacobian at the origin, at every cue, and where that comes to rest."""
    xi = stored(patterns, recipe)
    with cpu.euler.one_thread():
        return [
            mean_of([_look(patterns, xi, place, mu, recipe) for mu in range(recipe.cues)]) for place in places
        ]


def _look(patterns: PatternSet, xi: FloatArray, place: NeuronPoint, mu: int, recipe: Recipe) -> NeuronCell:
    net, cue = single(patterns, xi, recipe, place, mu)
    end = relaxed(net, cue[:, None], recipe.dt / recipe.tau_v, recipe.tolerance, recipe.steps)
    settled = bool(end.residual[0] <= recipe.tolerance)
    states = [np.zeros_like(cue), cue, *([end.state[:, 0]] if settled else [])]
    said = [jacobian(net, v) for v in states]
    seen = [measured_jacobian(net, v) for v in states]
    rates = [np.linalg.eigvals(matrix) for matrix in said]
    origin = at_origin(net, recipe.parts)
    printed = as_printed(net, cue)
    return {
        "jacobian_error": max(map(apart, said, seen)),
        "origin_error": nan if origin is None else apart(origin, seen[0]),
        "printed_error": nan if printed is None else apart(printed, seen[1]),
        "imaginary": max(float(np.abs(r.imag).max() / np.abs(r).max()) for r in rates),
        "unstable": float(np.sum(rates[0].real > 0)),
        "gap": float(np.abs(rates[0].real).min()),
        "unstable_at_rest": float(np.sum(rates[2].real > 0)) if settled else nan,
        "converged": settled,
    }


def apart(matrix: FloatArray, other: FloatArray) -> float:
    """Return the largest difference of two matrices, over the largest element of the second."""
    return float(np.abs(matrix - other).max() / np.abs(other).max())


def measured_jacobian(net: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return d(B - v)/dv at a state (N_v,) by central differences of the flow, (N_v, N_v)."""
    step = DIFFERENCE_OF_STATES * max(float(np.abs(v).max()), 1.0)
    ahead, behind = (v[:, None] + sign * step * np.eye(len(v)) for sign in (1, -1))
    return np.asarray(((target(net, ahead) - ahead) - (target(net, behind) - behind)) / (2 * step))


def at_origin(net: NeuronNetwork, parts: Parts) -> FloatArray | None:
    """Return beta XiᵀXi - 1, eq. (29), of neurons of slope 1 without bias, else None."""
    plain = {parts.visible, parts.hidden} <= {*WITH_SLOPE_1} and parts.coupling == MEMORIES
    if not plain or net.removed or np.any(net.bias):
        return None
    gains = [float(p.form.beta) for p in (net.visible, net.hidden) if p.name == "ln_cosh"]
    xi = net.memories
    return np.asarray(prod(gains) * (xi.T @ xi) - np.eye(xi.shape[1]))


def as_printed(net: NeuronNetwork, v: FloatArray) -> FloatArray | None:
    """Return -1 + Xiᵀ H_v H_h Xi at a state, eq. (30) as it is printed; None where its shapes do not fit."""
    xi = net.memories
    if xi.shape[0] != xi.shape[1] or net.coupling != MEMORIES:
        return None
    h_h = net.hidden.hessian(latent(net, v[:, None])[:, 0])
    return np.asarray(xi.T @ net.visible.hessian(v) @ h_h @ xi - np.eye(len(v)))
