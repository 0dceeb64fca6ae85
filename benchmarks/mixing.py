"""Effective samples of q_ab per CPU second in the glass: replica exchange beside plain chains, at T = 0.3.

    python benchmarks/mixing.py [--size N] [--load X] [--sets S] [--runs R]

Both from random states, of the same pattern set. The mean of |q_ab| of a run is off by its distance from that
of a long run of replica exchange; of as many independent samples it would be off by Var/n. So the effective
samples of a run are Var(|q_ab|) over the mean square of that distance, which counts what has not come to
equilibrium as well; of chains that stay in a valley they do not grow with their length. An exchange run
pays for all its temperatures, and both for their thermalisation, a fifth of the sweeps.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from time import process_time

import numpy as np
from numpy.typing import NDArray
from timing import Row, row

import mattis
from mattis.networks.binary import family
from mattis.networks.binary.ladder import Ladder, LadderRun
from mattis.study import plan

TEMPERATURE = 0.3
RUNGS = tuple(TEMPERATURE * 1.12**k for k in range(15))
"""Temperatures of the ladder, in equal ratios: 0.3 to 1.47."""

SWEEPS = 5000
"""Sweeps of an exchange run; plain chains have as many as take the same CPU time."""


def ladders(size: int, load: float, seed: int, sweeps: int) -> LadderRun:
    """Return the two ladders of a pattern set, both from random states."""
    study = mattis.study(
        load=[load], size=[size], temperature=RUNGS, seed=[seed], noise=[0.5], protocol="exchange",
        sweeps={"thermalise": sweeps // 5, "measure": sweeps - sweeps // 5},
    )  # fmt: skip
    patterns, _, inquiry = plan.task(study, plan.blocks(study)[0])
    circuit = family.circuit(patterns, family.draw(patterns, inquiry.ensemble), inquiry)
    assert inquiry.ladder is not None
    return LadderRun(circuit, inquiry.ladder, 0, 0.5, inquiry.asking, is_hebbian=True)


def plain(run: LadderRun, sweeps: int) -> LadderRun:
    """Return two chains at the lowest temperature alone, by cached fields, which are fastest there."""
    asking = replace(run.asking, thermalise=sweeps // 5, measure=sweeps - sweeps // 5)
    alone = Ladder(run.ladder.betas[-1:], sweeps + 1)
    return replace(run, ladder=alone, asking=asking, is_hebbian=False)


def overlaps(run: LadderRun) -> NDArray[np.float64]:
    """Return |q_ab| at the lowest temperature in each measured sweep."""
    return np.abs(run.run().twins[-1, run.asking.thermalise :]) / run.circuit.size


def timed(runs: Sequence[LadderRun]) -> tuple[list[float], float]:
    """Return the mean |q_ab| of each run, and the CPU seconds of one."""
    start = process_time()
    means = [float(overlaps(run).mean()) for run in runs]
    return means, (process_time() - start) / len(runs)


def compared(size: int, load: float, seed: int, runs: int) -> float:
    """Return the ratio of both efficiencies for one pattern set, and print them."""
    one = ladders(size, load, seed, SWEEPS)
    truth = overlaps(ladders(size, load, seed, 20 * SWEEPS))
    # The noise of the cue names the streams: other runs are of the same patterns, with other numbers.
    noises = [0.5 - k / 10**6 for k in range(runs)]
    swapped, seconds = timed([replace(one, noise=noise) for noise in noises])
    _, trial = timed([plain(one, 4 * SWEEPS)])
    length = int(4 * SWEEPS * seconds / trial)
    single, plain_seconds = timed([plain(replace(one, noise=noise), length) for noise in noises])
    rates = []
    for means, cpu in ((swapped, seconds), (single, plain_seconds)):
        off = float(np.mean((np.array(means) - truth.mean()) ** 2))
        rates.append(float(truth.var()) / off / cpu)
    print(
        f"set {seed}: <|q_ab|> {truth.mean():.3f}, exchange {np.mean(swapped):.3f}, plain "
        f"{np.mean(single):.3f} ({length} sweeps); effective samples per CPU s: {rates[0]:.3g}, "
        f"{rates[1]:.3g}; ratio {rates[0] / rates[1]:.3g}",
        flush=True,
    )
    return rates[0] / rates[1]


BENCH_SIZE, BENCH_SETS, BENCH_RUNS = 64, 4, 8
"""Of the row of `make bench`: neurons, pattern sets, and runs of each."""


def all_rows() -> Iterator[Row]:
    """Yield the ratio of both efficiencies, of small networks."""
    warm = ladders(BENCH_SIZE, 0.1, 0, 50)
    timed([warm, plain(warm, 50)])  # compiled
    found = [compared(BENCH_SIZE, 0.1, seed, BENCH_RUNS) for seed in range(BENCH_SETS)]
    told = f"effective samples of |q_ab| per CPU s, N = {BENCH_SIZE}, P = 6, T = 0.3, {BENCH_SETS} sets"
    yield row("exchange_vs_chains", found, 20, note=told)


def main() -> None:
    """Print both efficiencies for some pattern sets, and the least and the median of their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--load", type=float, default=0.1)
    parser.add_argument("--sets", type=int, default=8)
    parser.add_argument("--runs", type=int, default=16)
    asked = parser.parse_args()
    warm = ladders(asked.size, asked.load, 0, 50)
    timed([warm, plain(warm, 50)])  # compiled
    ratios = [compared(asked.size, asked.load, seed, asked.runs) for seed in range(asked.sets)]
    print(f"ratio: least {min(ratios):.3g}, median {median(ratios):.3g}")


if __name__ == "__main__":
    main()
