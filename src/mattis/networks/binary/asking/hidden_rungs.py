"""Hidden rungs: temperatures between those of an axis, where these are too far apart to be swapped.

A short first part swaps on a trial ladder, which is dense. The share of swaps that are rejected adds up along
a ladder, whatever its rungs are, as long as it is small for each pair: rungs are best where each pair has the
same part of the sum (S. Syed, A. Bouchard-Côté, G. Deligiannidis and A. Doucet, J. R. Stat. Soc. B 84, 321
(2022)). Swaps further apart are rejected less often than that sum says, so that it is an upper bound.

Rejections are counted, so that the choice is arithmetic of integers: of one network and cue the same ladder
on every machine, whatever else is asked for.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from math import fsum

from mattis import exact
from mattis.networks.binary.ladder import FIRST_SWEEPS, MOST_REJECTED, MOST_RUNGS, Ladder, LadderRun

GapRejections = Sequence[int]
"""How many swaps were rejected of each pair of the trial ladder within a gap of the axis, hottest first."""


def with_hidden_rungs(run: LadderRun) -> LadderRun:
    """Return a run with hidden rungs between the temperatures of its ladder, by a first part of its own."""
    axis = run.ladder
    trial, parts = trial_ladder(axis)
    half = FIRST_SWEEPS // 2
    asking = replace(run.asking, thermalise=half, measure=FIRST_SWEEPS - half)
    first = replace(run, ladder=trial, asking=asking, is_first=True)
    tried = 2 * trial.proposals(0, half, FIRST_SWEEPS)
    rejected = (tried - first.run().swaps.sum(axis=0)).tolist()
    ends = [0, *accumulate(parts)]
    gaps = [rejected[a:b] for a, b in pairwise(ends)]
    inside = [trial.betas[a : b + 1] for a, b in pairwise(ends)]
    return replace(run, ladder=chosen_ladder(axis, inside, gaps, tried))


def trial_ladder(axis: Ladder) -> tuple[Ladder, list[int]]:
    """Return a ladder of `MOST_RUNGS` rungs at most with those of an axis, and the parts of each gap.

    Gaps have parts in proportion to ln(T/T'), and these are equal in ln T.
    """
    logs = [exact.functions.logarithm(b / a) for a, b in pairwise(axis.betas)]
    left, whole = max(MOST_RUNGS - axis.rungs, 0), fsum(logs)
    parts = [1 + int(left * log / whole) for log in logs]
    betas: list[float] = []
    for beta, log, count in zip(axis.betas, logs, parts, strict=False):
        betas += [beta, *(beta * exact.functions.exponential(log * k / count) for k in range(1, count))]
    return Ladder((*betas, axis.betas[-1])), parts


def chosen_ladder(
    axis: Ladder, inside: Sequence[Sequence[float]], gaps: Sequence[GapRejections], tried: int
) -> Ladder:
    """Return the ladder of an axis with hidden rungs.

    inside  # the trial betas of each gap, its ends included
    gaps    # their rejections, of so many swaps of each pair that were tried
    """
    parts = parts_of([sum(gap) for gap in gaps], tried)
    betas: list[float] = []
    for trial, rejected, count in zip(inside, gaps, parts, strict=True):
        betas += [trial[0], *between(trial, rejected, count)]
    return Ladder((*betas, axis.betas[-1]), axis.every)


def parts_of(rejected: Sequence[int], tried: int) -> list[int]:
    """Return into how many parts hidden rungs cut each gap, by all its rejections.

    One by one the worst gap is cut once more, until no part has more than `MOST_REJECTED`, or the ladder has
    `MOST_RUNGS`.
    """
    parts = [1] * len(rejected)
    while sum(parts) < MOST_RUNGS - 1:
        shares = [Fraction(one, tried * count) for one, count in zip(rejected, parts, strict=True)]
        if max(shares) <= MOST_REJECTED:
            break
        parts[shares.index(max(shares))] += 1
    return parts


def between(trial: Sequence[float], rejected: GapRejections, parts: int) -> Iterator[float]:
    """Yield the betas that cut a gap into parts of as many rejections: linear between trial rungs."""
    total, sums = sum(rejected), [parts * one for one in accumulate(rejected, initial=0)]
    for k in range(1, parts):
        at = bisect_right(sums, k * total) - 1
        yield trial[at] + ((k * total - sums[at]) / (sums[at + 1] - sums[at])) * (trial[at + 1] - trial[at])
