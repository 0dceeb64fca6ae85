"""The order in which blocks are computed: evenly over the figure, and at the end the longest first.

No number depends on it. A figure of a run that is not over shows all of its axes, with few pattern sets, and
no worker waits long for the last block.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mattis.study import plan
from mattis.study.base import Study
from mattis.study.plan import Block

LAST_WORK = 3.0
"""Work of each worker, in blocks of the longest kind, that is kept for the end and begins with these."""


@dataclass(frozen=True)
class Crowd:
    """How many compute at the same time, and how many blocks of one network travel together."""

    workers: int
    together: int = 1


def ordered(study: Study, blocks: Sequence[Block], crowd: Crowd) -> list[Block]:
    """Return blocks in the order in which they are to be computed.

    Round by round, each with a block of every network, spread over these; then the last of them, the
    longest first (R. L. Graham, SIAM J. Appl. Math. 17, 416 (1969)): the last to finish are then short.
    """
    groups = spread(_groups(blocks, crowd.together))
    efforts = [sum(plan.effort(study, block) for block in group) for group in groups]
    left = LAST_WORK * crowd.workers * max(efforts, default=0)
    head = len(groups)
    while head and left > 0:
        head -= 1
        left -= efforts[head]
    # Of networks with as many updates, those with more patterns take longer.
    tail = sorted(range(head, len(groups)), key=lambda k: (-efforts[k], -groups[k][0].patterns))
    return [block for k in (*range(head), *tail) for block in groups[k]]


def _groups(blocks: Iterable[Block], together: int) -> list[tuple[Block, ...]]:
    """Return blocks that travel together: each alone, or so many of one size and number of patterns."""
    if together == 1:
        return [(block,) for block in blocks]
    alike = defaultdict[tuple[int, int], list[Block]](list)
    for block in blocks:
        alike[block.size, block.patterns].append(block)
    return [
        tuple(found[first : first + together])
        for found in alike.values()
        for first in range(0, len(found), together)
    ]


def spread(groups: Sequence[tuple[Block, ...]]) -> list[tuple[Block, ...]]:
    """Return groups in rounds: the first of each network, in an order that leaves no part of the axes out."""
    rounds = defaultdict[int, list[tuple[Block, ...]]](list)
    met = defaultdict[tuple[int, float], int](int)
    for group in groups:
        network = (group[0].size, group[0].load)
        rounds[met[network]].append(group)
        met[network] += 1
    return [one[k] for one in rounds.values() for k in evenly(len(one))]


def evenly(count: int) -> list[int]:
    """Return 0 … count - 1 such that each beginning is spread over all of them.

    The sequence of van der Corput, Proc. Akad. Amsterdam 38, 813 (1935): bits of k, the last one first.
    """
    bits = max(count - 1, 0).bit_length()
    mirrored = (int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits))
    return [k for k in mirrored if k < count]
