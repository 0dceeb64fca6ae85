"""Memories that drift under random clamping, at any beta: mean field, and the linear noise around it.

    Xi_mu += (1/tau) w_mu (xi'_nu - Xi_mu),   w = softmax(beta Xi xi'_nu) over mu

with nu drawn at each step with probability p_nu. A row stays in the span of its start and its patterns,

    Xi_mu = Xi_mu(0) + sum_j b_mu,j (xi'_j - Xi_mu(0)),

so that the N_h^2 coefficients b are the whole state, and Gram matrices the whole input. Expansion in 1/tau
of the map itself, per presentation: nothing is lost to continuous time. Derived for this project (van
Kampen's system-size expansion, with tau for the size); simulations agree.

    m <- m + F(m),   n <- A n + 1/2 tr(S D^2 F),   S <- A S A^T + sum_nu p_nu g_nu g_nu^T - F F^T

m is the mean field, n its correction of order 1/tau, S the covariance of order 1/tau; g_nu is the change of b
when nu is shown, F = sum_nu p_nu g_nu, A = 1 + DF, all at m. The errors are of order 1/tau^2, and the
expansion fails where the mean field is about to choose (at a spinodal or a pitchfork: small noise decides).

Cost: N_h^5 operations per stride of floor(1/max p) steps, and N_h^4 numbers of memory; with N_h = 16 and
8000 steps about 2 s on one core.
"""

from dataclasses import dataclass

import numpy as np

from mattis.theory.numerics.arrays import Array

MOST_MEMORIES, MOST_STEPS = 16, 10**6
"""Bounds of the computations that take seconds, and of those that take minutes."""


@dataclass(frozen=True, eq=False)
class Clamping:
    """The Gram matrix of the stacked rows [Xi(0); xi'], the frequencies of patterns, beta and tau."""

    gram: Array
    probabilities: Array
    beta: float
    tau: float


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean field, its correction of order 1/tau, and covariance of the coefficients b_mu,j."""

    mean: Array
    """[mu, j]: mean field m."""
    correction: Array
    """[mu, j]: n, of order 1/tau."""
    covariance: Array
    """[mu, j, mu', j']: S."""


@dataclass(frozen=True, eq=False)
class Cosines:
    """Cosine of each memory with its own pattern: mean, deviation, and the mean at tau -> infinity."""

    mean: Array
    sd: Array
    mean_field: Array


@dataclass(frozen=True, eq=False)
class _Geometry:
    """Inner products of memories at first, displacements d_mu,j = xi'_j - Xi_mu(0), and patterns."""

    fields: Array
    """Xi_mu(0) . xi'_nu: [mu, nu]."""
    pulls: Array
    """d_mu,j . xi'_nu: [mu, j, nu]."""
    squares: Array
    """|Xi_mu(0)|^2: [mu]."""
    slopes: Array
    """d_mu,j . Xi_mu(0): [mu, j]."""
    bends: Array
    """d_mu,j . d_mu,j': [mu, j, j']."""
    norms: Array
    """|xi'_mu|: [mu]."""


def symmetric(memories: int, kappa: float, tau: float, overlap: float, norm_ratio: float) -> Clamping:
    """Return the clamping of orthogonal memories and patterns, each pattern equally frequent.

    |Xi(0)|^2 = 1, |xi'|^2 = s^2, Xi_mu(0) . xi'_nu = a s delta_mu,nu, kappa = beta s^2, in units of N_v: what
    independent random memories and patterns tend to at large N_v. Derived for this project.
    """
    one = np.eye(memories)
    cross = overlap * norm_ratio * one
    gram = np.block([[one, cross], [cross, norm_ratio**2 * one]])
    return Clamping(gram, np.full(memories, 1 / memories), kappa / norm_ratio**2, tau)


def at_first(clamping: Clamping) -> Moments:
    """Return the moments before the first presentation.

    b = 0, without noise. Derived for this project.
    """
    rows = len(clamping.probabilities)
    return Moments(np.zeros((rows,) * 2), np.zeros((rows,) * 2), np.zeros((rows,) * 4))


def after(clamping: Clamping, steps: int, moments: Moments | None = None) -> Moments:
    """Return the moments after so many presentations of any pattern, from the first or from `moments`.

    n steps z -> z + Phi(z) are taken at once as z -> z + n Phi(z + (n - 1)/2 Phi(z)): exact for n = 1, and no
    worse than the expansion itself for n <= 1/max p. Derived for this project.
    """
    geometry = _geometry(clamping)
    state = moments or at_first(clamping)
    stride = int(1 / clamping.probabilities.max() + 1e-9)
    for done in range(0, steps, stride):
        count = min(stride, steps - done)
        change = _change(clamping, geometry, state)
        if count > 1:
            change = _change(clamping, geometry, _moved(state, change, (count - 1) / 2))
        state = _moved(state, change, count)
    return state


def cosines(clamping: Clamping, moments: Moments) -> Cosines:
    """Return the cosine of each memory with its own pattern, over random orders of patterns.

    mean = f + f' n + 1/2 tr(f'' S), sd^2 = f' S f'^T + 1/2 tr(f'' S f'' S), f(b) = Xi . xi'/(|Xi| |xi'|)
    and its derivatives at m; the last term matters where f' vanishes. Derived for this project.
    """
    value, slope, bend = _cosine(_geometry(clamping), moments.mean)
    own_cosine = np.einsum("mjml->mjl", moments.covariance)
    shift = np.einsum("mj,mj->m", slope, moments.correction)
    shift += np.einsum("mjl,mjl->m", bend, own_cosine) / 2
    variance = np.einsum("mj,mjl,ml->m", slope, own_cosine, slope)
    twice = np.matmul(bend, own_cosine)
    variance += np.einsum("mjl,mlj->m", twice, twice) / 2
    return Cosines(value + shift, np.sqrt(np.maximum(variance, 0)), value)


def random_similarity(
    memories: float, kappa: float, presentations: float, tau: float, overlap: float, norm_ratio: float
) -> float:
    """Return the mean cosine of a memory and its pattern under random clamping, to order 1/tau.

    `cosines(...).mean` of `symmetric` memories; NaN beyond 16 of them, or 10^6 presentations in all, where
    the expansion costs too much. Derived for this project.
    """
    cosines_ = _random(memories, kappa, presentations, tau, overlap, norm_ratio)
    return float("nan") if cosines_ is None else float(cosines_.mean.mean())


def random_similarity_sd(
    memories: float, kappa: float, presentations: float, tau: float, overlap: float, norm_ratio: float
) -> float:
    """Return the standard deviation of the cosine of `random_similarity` over random orders.

    `cosines(...).sd`, of order 1/sqrt(tau); low by some per cent at tau = 100. Derived for this project.
    """
    cosines_ = _random(memories, kappa, presentations, tau, overlap, norm_ratio)
    return float("nan") if cosines_ is None else float(cosines_.sd.mean())


def _random(
    memories: float, kappa: float, presentations: float, tau: float, overlap: float, norm_ratio: float
) -> Cosines | None:
    if memories > MOST_MEMORIES or presentations * memories > MOST_STEPS:
        return None
    clamping = symmetric(int(memories), kappa, tau, overlap, norm_ratio)
    return cosines(clamping, after(clamping, round(presentations * memories)))


def _softmax(fields: Array) -> Array:
    """Return the softmax of each column."""
    weights = np.exp(fields - fields.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))


def mean_cosines(clamping: Clamping, frequencies: Array, steps: int) -> Array:
    """Return the cosine of each memory with its own pattern at tau -> infinity, without any fluctuation.

    Xi_mu -> Xi_mu + sum_nu p_nu w_mu(xi'_nu) (xi'_nu - Xi_mu)/tau, as `after(...).mean`, in coefficients on
    [Xi(0); xi']: N_h^3 operations per step. Derived for this project.

    frequencies  # (S, N_h): p of S courses, which are followed side by side, in place of the clamping's own
    """
    rows, gram = frequencies.shape[1], clamping.gram
    fields = np.ascontiguousarray(gram[:, rows:])
    parts = np.tile(np.eye(rows, 2 * rows), (len(frequencies), 1, 1))
    shown = frequencies[:, None] / clamping.tau
    for _ in range(steps):
        excited = clamping.beta * np.matmul(parts, fields)
        weights = np.exp(excited - excited.max(axis=1, keepdims=True))
        rates = weights * (shown / weights.sum(axis=1, keepdims=True))
        parts *= 1 - rates.sum(axis=2, keepdims=True)
        parts[:, :, rows:] += rates
    along = np.diagonal(np.matmul(parts, fields), axis1=1, axis2=2)
    lengths = (np.matmul(parts, gram) * parts).sum(axis=2)
    return np.asarray(along / np.sqrt(lengths * np.diagonal(gram)[rows:]))


def _geometry(clamping: Clamping) -> _Geometry:
    """Return the inner products that the drift needs, from the Gram matrix."""
    rows = len(clamping.probabilities)
    fields, targets = clamping.gram[:rows, rows:], clamping.gram[rows:, rows:]
    squares = np.diagonal(clamping.gram)[:rows]
    return _Geometry(
        fields=fields,
        pulls=targets[None] - fields[:, None, :],
        squares=squares,
        slopes=fields - squares[:, None],
        bends=targets - fields[:, None] - fields[..., None] + squares[:, None, None],
        norms=np.sqrt(np.diagonal(targets)),
    )


def _moved(state: Moments, change: Moments, count: float) -> Moments:
    """Return state + count change."""
    return Moments(
        state.mean + count * change.mean,
        state.correction + count * change.correction,
        state.covariance + count * change.covariance,
    )


def _change(clamping: Clamping, geometry: _Geometry, state: Moments) -> Moments:
    """Return the change of the moments in one presentation."""
    fields = geometry.fields + np.einsum("mj,mja->ma", state.mean, geometry.pulls)
    weights = _softmax(clamping.beta * fields)
    here = _Point(clamping, geometry, state.mean, weights)
    rows = len(weights)
    flat = state.covariance.reshape(rows, rows, rows * rows)
    felt = here.felt(flat)
    left = here.drift_of(flat, felt).reshape((rows * rows,) * 2)  # DF S
    both = here.drift_of(left.T.reshape(flat.shape)).reshape((rows * rows,) * 2)  # DF S DF^T
    spread = left + left.T + both + here.noise()
    shift = here.drift_of(state.correction[..., None])[..., 0]
    shift += here.bending(felt.reshape((rows,) * 4))
    return Moments(here.drift(), shift, spread.reshape((rows,) * 4))


@dataclass(frozen=True, eq=False)
class _Point:
    """The map at one value of b: its drift, derivative, curvature and noise. Indices mu, j, and a for nu."""

    clamping: Clamping
    geometry: _Geometry
    mean: Array
    weights: Array
    """w_mu when pattern a is clamped: [mu, a]."""

    def drift(self) -> Array:
        """F_mu,j = (p_j w_mu(j) - b_mu,j sum_a p_a w_mu(a))/tau."""
        return self._drawn(self.weights * self.clamping.probabilities) / self.clamping.tau

    def felt(self, vectors: Array) -> Array:
        """Changes of b -> changes of the fields Xi_mu . xi'_a."""
        return np.asarray(np.matmul(self.geometry.pulls.transpose(0, 2, 1), vectors))

    def drift_of(self, vectors: Array, felt: Array | None = None) -> Array:
        """DF on changes of b: [mu, j, any]."""
        rates = self.weights * self.clamping.probabilities
        felt = self.felt(vectors) if felt is None else felt
        common = np.einsum("ma,max->ax", self.weights, felt)
        moved = self._drawn((self.clamping.beta * rates)[..., None] * (felt - common))
        moved -= rates.sum(1)[:, None, None] * vectors
        return moved / self.clamping.tau

    def bending(self, felt: Array) -> Array:
        """1/2 tr(S D^2 F), from the covariance of fields and b: [mu, a, mu', j]."""
        weights, beta, shown = self.weights, self.clamping.beta, self.clamping.probabilities
        fields = np.einsum("makl,kla->amk", felt, self.geometry.pulls)  # of one pattern
        squares = np.einsum("amm->ma", fields)
        mixed = np.einsum("amk,ka->ma", fields, weights)
        curved = squares - 2 * mixed + 2 * (weights * mixed).sum(0) - (weights * squares).sum(0)
        common = np.einsum("ka,kamj->maj", weights, felt)
        joint = np.einsum("mamj->maj", felt) - common
        crossed = np.einsum("ma,maj->mj", beta * weights * shown, joint)
        moved = self._drawn(beta**2 / 2 * weights * curved * shown) - crossed
        return np.asarray(moved / self.clamping.tau)

    def noise(self) -> Array:
        """Covariance of the change of b: sum_a p_a g_a g_a^T - F F^T, over pairs (mu, j)."""
        rows = len(self.weights)
        jumps = self.weights.T[..., None] * (np.eye(rows)[:, None, :] - self.mean)
        jumps = jumps.reshape(rows, rows * rows) / self.clamping.tau
        shown = self.clamping.probabilities
        jumps = (jumps - shown @ jumps) * np.sqrt(shown)[:, None]
        by_row = jumps.T.reshape(rows, rows, rows)  # small products: BLAS needs no threads for them
        return np.asarray(np.matmul(by_row, jumps)).reshape((rows * rows,) * 2)

    def _drawn(self, rates: Array) -> Array:
        """Rates r of being drawn to a: [mu, a, ...] -> r_j - b_j sum_a r_a: [mu, j, ...]."""
        mean = self.mean.reshape(self.mean.shape + (1,) * (rates.ndim - 2))
        return np.asarray(rates - mean * rates.sum(1)[:, None])


def _cosine(geometry: _Geometry, mean: Array) -> tuple[Array, Array, Array]:
    """Return cosine, gradient [mu, j] and Hessian [mu, j, j'] in a memory's own coefficients."""
    own = np.einsum("mjm->mj", geometry.pulls) / geometry.norms[:, None]
    along = np.diagonal(geometry.fields) / geometry.norms + (own * mean).sum(1)
    half = geometry.slopes + np.einsum("mjl,ml->mj", geometry.bends, mean)  # of the square's slope
    size = np.sqrt(geometry.squares + ((geometry.slopes + half) * mean).sum(1))
    unit, part = half / size[:, None], own / size[:, None]
    value = along / size
    tilt = unit / size[:, None]
    slope = part - value[:, None] * tilt
    pairs = part[..., None] * tilt[:, None]
    bend = 3 * value[:, None, None] * tilt[..., None] * tilt[:, None]
    bend -= pairs + pairs.transpose(0, 2, 1)
    bend -= value[:, None, None] * geometry.bends / (size**2)[:, None, None]
    return value, slope, bend
