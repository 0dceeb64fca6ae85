"""Spectra of networks of continuous neurons, at the origin and at fixed points.

At v = 0, b = I = 0 the Jacobian of the tanh-tanh network is beta XiᵀXi - 1: as many directions are unstable
as XiᵀXi has eigenvalues above 1/beta. Lotito, Neurocomputing 636, 129865 (2025), section 5.4 and appendix A.
"""

from collections.abc import Sequence
from math import inf, nan

import numpy as np

from mattis.exact import gaussians, rng
from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.networks.neurons.network import NeuronNetwork, eigenvalues, jacobian, settle, target
from mattis.networks.neurons.recipe import NeuronPoint, Recipe, factor, single, stored
from mattis.networks.neurons.relaxation import NeuronCell, mean_of
from mattis.study.model import UNSETTLED, PatternSet

SAME = 1e-6
"""Fixed points nearer than this, root mean square, are one; each is at rest to 1e-9."""

AT_REST = 1e-9


def scaled(patterns: PatternSet, recipe: Recipe) -> tuple[FloatArray, FloatArray]:
    """Return the patterns of a set and its memories Xi, (P, N) both."""
    xi = stored(patterns, recipe)
    return xi, xi * factor(recipe.parts, patterns.size, patterns.patterns)


def spectrum(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Return the edges of the spectrum of XiᵀXi, and the directions that are unstable at v = 0."""
    values = eigenvalues(scaled(patterns, recipe)[1])
    return [_at_origin(values, place.beta) for place in places]


def _at_origin(values: FloatArray, beta: float) -> NeuronCell:
    rates = beta * values - 1
    unstable = float(np.sum(rates > 0))
    return {
        "lambda_min": values[0], "lambda_max": values[-1], "unstable": unstable,
        "unstable_share": unstable / len(values), "all_unstable": unstable == len(values),
        "gap": np.abs(rates).min(), "flag": 0.0,
    }  # fmt: skip


def fixed_points(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Search fixed points from random states, of any stability, and relax to those that attract."""
    xi, _ = scaled(patterns, recipe)
    return [_search(patterns, xi, place, recipe) for place in places]


def starts(patterns: PatternSet, count: int) -> FloatArray:
    """Return random states (count, N) of lengths 2^-(k mod 6): state k from step k of the stream."""
    stream = rng.stream(patterns.root_seed, "starts", patterns.labels)
    lengths = 2.0 ** -(np.arange(count) % 6)
    return gaussians.normals(stream, patterns.size, np.arange(count)) * lengths[:, None]


def _search(patterns: PatternSet, xi: FloatArray, place: NeuronPoint, recipe: Recipe) -> NeuronCell:
    """Return the number and stability of the fixed points that `cues` random states lead to."""
    net, _ = single(patterns, xi, recipe, place)
    states = starts(patterns, recipe.cues)
    with cpu.euler.one_thread():
        roots = [point for state in states if (point := solve(net, state)) is not None]
    end = settle(net, np.ascontiguousarray(states.T), recipe.dt, recipe.tolerance, recipe.steps)
    settled = end.residual <= recipe.tolerance
    attractors = distinct(list(end.state.T[settled]))
    every = distinct([*roots, *attractors])
    with cpu.euler.one_thread():
        rates = [rates_at(net, point) for point in every]
        leading = [float(rates_at(net, point)[-1]) for point in attractors]
    unstable = [int(np.sum(values > 0)) for values in rates]
    return {
        "fixed_points": float(len(every)), "attractors": float(len(attractors)),
        "saddles": float(sum(count > 0 for count in unstable)),
        "unstable": float(np.mean(unstable)) if unstable else nan,
        "leading_rate": max(leading) if leading else nan,
        "gap": min((float(np.abs(values).min()) for values in rates), default=inf),
        "converged": float(np.mean(settled)),
        "flag": float(UNSETTLED * (not settled.all())),
    }  # fmt: skip


def solve(net: NeuronNetwork, start: FloatArray) -> FloatArray | None:
    """Return a fixed point near a state by Powell's hybrid method with the Jacobian (28), or None."""
    from scipy.optimize import root  # 0.2 s, which no other command should wait for

    def gap(v: FloatArray) -> FloatArray:
        return (target(net, v[:, None]) - v[:, None])[:, 0]

    solution = root(gap, start, jac=lambda v: jacobian(net, v), method="hybr", tol=1e-13)
    return solution.x if np.sqrt(np.mean(gap(solution.x) ** 2)) <= AT_REST else None


def distinct(points: Sequence[FloatArray]) -> list[FloatArray]:
    """Return points that differ by more than SAME, root mean square, the first of each."""
    out: list[FloatArray] = []
    for point in points:
        if all(np.sqrt(np.mean((point - other) ** 2)) > SAME for other in out):
            out.append(point)
    return out


def rates_at(net: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return the eigenvalues of the Jacobian (28) at a state, rising: they are real.

    -1 + A H_v, A symmetric, is similar to -1 + H_v^{1/2} A H_v^{1/2} where H_v > 0, as for tanh.
    """
    size = len(v)
    h_v = net.visible.hessian(v)
    values, axes = np.linalg.eigh(h_v)
    half = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    inner = jacobian(net, v) + np.eye(size)
    with np.errstate(all="ignore"):
        a = np.linalg.solve(h_v.T, inner.T).T if values[0] > 1e-12 * values[-1] else None
    if a is None:
        return np.sort(np.linalg.eigvals(inner).real) - 1
    return np.asarray(np.linalg.eigvalsh(half @ ((a + a.T) / 2) @ half)) - 1


def modes(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Follow the linear network by Euler steps and by its eigen-decomposition; both are exact.

    tau dv/dt = I + (beta XiᵀXi - 1) v, eq. (26) with its sign mended. A mode of rate r = beta lambda - 1 is
    g v + (g - 1)/r I, g = (1 + r dt/tau)^k after k steps, and g = e^{rt} along the flow.
    """
    xi, memories = scaled(patterns, recipe)
    with cpu.euler.one_thread():
        values, axes = np.linalg.eigh(memories.T @ memories)
    rows = []
    for place in places:
        cells = [_mode(patterns, xi, (values, axes), place, recipe, mu) for mu in range(recipe.cues)]
        rows.append(mean_of(cells))
    return rows


def _mode(
    patterns: PatternSet,
    xi: FloatArray,
    of: tuple[FloatArray, FloatArray],
    place: NeuronPoint,
    recipe: Recipe,
    mu: int,
) -> NeuronCell:
    """Compare one simulated trajectory with its modes."""
    net, start = single(patterns, xi, recipe, place, mu)
    steps = round(recipe.duration * recipe.tau_v / recipe.dt)
    rate, v = recipe.dt / recipe.tau_v, start[:, None]
    with cpu.euler.one_thread(), np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            v = v + rate * (target(net, v) - v)
        rates = place.beta * of[0] - 1
        field = np.zeros_like(v) + net.field
        begun, growth = (of[1], start, field[:, 0], rates), 1 + rate * rates
        euler = _sum_of_modes(*begun, growth**steps, steps * rate)
        exact = _sum_of_modes(*begun, np.exp(rates * (steps * rate)), steps * rate)
        return {
            "mode_error": np.abs(v[:, 0] - euler).max() / np.sqrt(np.mean(euler**2)),
            "euler_error": np.abs(euler - exact).max() / np.sqrt(np.mean(exact**2)),
            "lambda_max": of[0][-1], "growth_rate": rates[-1], "unbounded": rates[-1] > 0,
            "overlap": float(np.sum(xi[mu] * v[:, 0]) / len(start)),
            "converged": bool(np.isfinite(v).all()),
        }  # fmt: skip


def _sum_of_modes(
    axes: FloatArray, start: FloatArray, field: FloatArray, rates: FloatArray, grown: FloatArray, time: float
) -> FloatArray:
    """Return sum of modes: grown × start + (grown - 1)/rate × field; time × field where the rate is 0."""
    still = np.abs(rates) < 1e-14
    driven = np.where(still, time, (grown - 1) / np.where(still, 1.0, rates))
    return np.asarray(axes @ (grown * (axes.T @ start) + driven * (axes.T @ field)))


def rotation(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Rotate memories among themselves: J = XiᵀXi does not change; its triangular factor comes by QR.

    J(U Xi) = J(Xi) for orthogonal U; Xi = Q R, J = RᵀR. J has rank min(N_h, N_v), so that Cholesky's
    factorisation fails for N_h < N_v. Lotito (2025), footnote 4, mended.
    """
    _, xi = scaled(patterns, recipe)
    stream = rng.stream(patterns.root_seed, "rotation", patterns.labels)
    with cpu.euler.one_thread():
        u, _ = np.linalg.qr(gaussians.normals(stream, len(xi), np.arange(len(xi))))
        r = triangular(xi)
        j, turned, product = xi.T @ xi, (u @ xi).T @ (u @ xi), r.T @ r
    scale = np.abs(j).max()
    row = {
        "rotation_error": np.abs(turned - j).max() / scale,
        "triangular_error": np.abs(product - j).max() / scale,
        "below_diagonal": np.abs(np.tril(r, -1)).max(),
        "cholesky_failed": cholesky_fails(j),
        "flag": 0.0,
    }
    return [row for _ in places]


def triangular(xi: FloatArray) -> FloatArray:
    """Return R (min(N_h, N_v), N_v), upper triangular, with RᵀR = XiᵀXi: the R of Xi = Q R."""
    return np.asarray(np.linalg.qr(xi, mode="r"))


def cholesky_fails(j: FloatArray) -> bool:
    """Tell whether J = XiᵀXi has no Cholesky factor: it is singular, to the rounding of its numbers."""
    try:
        factor_ = np.linalg.cholesky(j)
    except np.linalg.LinAlgError:
        return True
    diagonal = np.diag(factor_) ** 2
    return bool(diagonal.min() <= len(j) * np.finfo(j.dtype).eps * diagonal.max())
