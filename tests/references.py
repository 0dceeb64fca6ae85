"""What several files of tests compare kernels with: chains and drift in a few lines of plain Python.

Processes that tests start import this file: it imports no more than it needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mattis.exact import functions, rng
from mattis.kernels.cpu import drift
from mattis.study.model import Columns

NOISE, ORDER = rng.stream(1, "noise", {}), rng.stream(1, "order", {})
WORDS = NOISE.packed()


def normal(seed: int, *shape: int) -> np.ndarray:
    """Return normal deviates by NumPy."""
    return np.random.default_rng(seed).normal(size=shape)


def same_columns(found: Sequence[Columns], wanted: Sequence[Columns], *names: str) -> None:
    """Assert that tasks have the same columns (all, or these) to the last bit, NaN where there is NaN."""
    for one, other in zip(found, wanted, strict=True):
        assert names or one.keys() == other.keys()
        for name in names or other:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


# One replica with any couplings


@dataclass(frozen=True, eq=False)
class Case:
    """What a replica starts from, and what it goes through."""

    nj: np.ndarray
    bias: np.ndarray
    start: np.ndarray
    targets: np.ndarray
    follow: np.ndarray
    scales: np.ndarray
    synchronous: bool = False
    shuffled: bool = False
    warm: int = 0
    metropolis: bool = False


@dataclass(frozen=True, eq=False)
class Record:
    """What it leaves behind."""

    spins: np.ndarray
    overlaps: np.ndarray
    trace: np.ndarray
    excess: np.ndarray
    sums: np.ndarray
    end: tuple[int, int]


def shuffled(size, t, stream=ORDER):
    """The order of the sites in sweep t: Fisher and Yates, from the last site to the first."""
    order, words = list(range(size)), stream.words(size, t).tolist()
    for i in range(size - 1, 0, -1):
        j = words[i] * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def next_state(c, spins, t):
    """The state after sweep t, site by site as it is defined."""
    size, new, cold = spins.size, spins.copy(), c.scales[t] == 0
    recipe = rng.acceptance_noise if c.metropolis else rng.thermal_noise
    noise = np.full(size, -int(c.metropolis))
    if not cold:
        noise = recipe(NOISE.decision_words(size, t), c.scales[t])
    sites = shuffled(size, t) if c.shuffled and not c.synchronous else range(size)
    if c.metropolis:
        for k, i in enumerate(sites):
            if int(new[i]) * int(c.nj[i] @ new + c.bias[i]) + int(noise[k]) < 0:
                new[i] = -new[i]
        return new
    for k, i in enumerate(sites):
        x = int(c.nj[i] @ (spins if c.synchronous else new) + c.bias[i]) + int(noise[k])
        if not (cold and x == 0):
            new[i] = 1 if x >= 0 else -1
    return new


def reference(c):
    """The record by its definition; a chain that settles is at its end when its successors say so."""
    sweeps, size = len(c.scales), c.start.size
    states, end = [c.start], (sweeps, 0)
    overlaps, trace = np.zeros(c.follow.T.shape, np.int64), np.zeros((3, sweeps), np.int64)
    excess, sums = np.zeros(sweeps), np.zeros((2, size), np.int32)
    for t in range(sweeps):
        states.append(next_state(c, states[-1], t))
        spins, x = states[-1].astype(int), c.nj @ states[-1] + c.bias
        flips = int((states[-1] != states[-2]).sum())
        overlaps[:, t] = c.targets[c.follow[t]] @ spins
        trace[:, t] = spins @ (x + c.bias), flips, np.abs(x).sum()
        if c.scales[t] > 0:
            for field in np.abs(x).tolist():
                excess[t] += functions.logarithm(1 + functions.exponential(-field / float(c.scales[t])))
        if t >= c.warm:
            sums[int(t >= c.warm + (sweeps - c.warm) // 2)] += states[-1]
        back = c.synchronous and t > 0 and (states[-1] == states[-3]).all()
        if end[1] == 0 and (flips == 0 or back):
            end = t, 1 if flips == 0 else 2
    return Record(states[-1], overlaps, trace, excess, sums, end)


# Drift of memories, in scalar products


@dataclass(frozen=True)
class Run:
    """Memories, patterns and biases as vectors, and how the patterns are shown."""

    xi: np.ndarray
    patterns: np.ndarray
    bias: np.ndarray
    shown: np.ndarray
    beta: float
    eta: float
    dwell: int = 1
    distance: bool = False


def products(run: Run):
    """The state of a run in scalar products, and the constants that the kernel needs."""
    rows, count = len(run.xi), len(run.patterns)
    state = {
        "fields": functions.gram(run.xi, run.patterns),
        "squares": (run.xi**2).sum(axis=1),
        "along_bias": (run.xi * run.bias).sum(axis=1),
        "old_share": np.ones(rows), "new_share": np.zeros((rows, count)), "bias_share": np.zeros(rows),
        "hebbian": np.zeros(count), "reached": np.full(rows, -1),
    }  # fmt: skip
    pull = functions.gram(run.bias, run.patterns)
    return state, (functions.gram(run.patterns, run.patterns), pull, (run.bias**2).sum(axis=1))


def shown_to(run: Run, state, constants, threshold=0.9, first=0, traced=True):
    """Show the patterns of a run to a state; return the trace."""
    trace = np.empty((len(run.shown) if traced else 0, len(run.xi)))
    drift.present(
        run.shown, first, run.beta, run.eta, run.dwell, run.distance,
        state["fields"], state["squares"], state["along_bias"], *constants,
        state["old_share"], state["new_share"], state["bias_share"], state["hebbian"],
        threshold, state["reached"], trace,
    )  # fmt: skip
    return trace


def drawn(seed, rows, extra, size, biased, shown, **how) -> Run:
    """A run with Gaussian memories, patterns near them and, of some rows, a bias."""
    generator = np.random.default_rng(seed)
    xi = generator.normal(size=(rows, size))
    patterns = np.vstack([xi, generator.normal(size=(extra, size))])
    patterns += 0.5 * generator.normal(size=patterns.shape)
    bias = 0.3 * generator.normal(size=xi.shape) * (generator.random((rows, 1)) < 0.7) * biased
    return Run(xi, patterns, bias, generator.integers(0, rows + extra, shown), **how)


runs = st.builds(
    drawn,
    st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 3), st.integers(1, 40), st.booleans(),
    st.integers(0, 14),
    beta=st.one_of(st.floats(0.0, 0.2), st.just(30.0)),
    eta=st.floats(1e-3, 1.999),
    dwell=st.integers(1, 3),
    distance=st.booleans(),
)  # fmt: skip
