"""Replica exchange: walkers of one network on a ladder of temperatures, which neighbours swap.

Each walker is a state with a stream of thermal noise of its own; each rung of a ladder is a temperature, and
has one walker. After every so many sweeps neighbours on rungs r and r + 1 swap their temperatures with
probability

    min(1, exp((beta_r - beta_{r+1}) (E_r - E_{r+1}))),

even and odd r in turn: R. H. Swendsen and J.-S. Wang, Phys. Rev. Lett. 57, 2607 (1986); K. Hukushima and
K. Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996). Energies are integers, and the decision is IEEE arithmetic in a
fixed order. Two ladders of one network run side by side, and are never swapped with each other.

What is measured is written down by rung, after each sweep and before the swap.
"""

import numpy as np

from mattis.exact.compiler import compiled
from mattis.exact.functions import exponential, uniform
from mattis.exact.philox import fresh_order, philox_words
from mattis.kernels.cpu.blocks import (
    block_room,
    by_blocks,
    quads_of,
    scalar_product,
    sweep_blocks,
    visit_in_turn,
)

INLINED = "a3e6b78f962cd5f1"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

NOWHERE, FROM_HOT, FROM_COLD, BACK = range(4)
"""At which end a walker was last: none, the hottest, the coldest; the coldest, and before at the hottest."""

LADDERS = 2
"""Ladders of one network: each rung has two independent replicas, whose overlap is observed."""


@compiled
def is_accepted(x, high, low):
    """Tell whether a swap is made: u < e^x, u = (⌊(2^32 high + low) / 2^11⌋ + 1/2) / 2^53."""
    centred, _ = uniform(high, low)
    return x >= 0.0 or 0.5 + centred < exponential(x)


@compiled
def swap_rungs(walkers, aligned, gaps, words, stream, number, accepted):
    """Let neighbours of one ladder swap their temperatures, those of one parity; mark what is accepted.

    walkers  # (R,) who is on each rung, changed in place; aligned  # (R,) integers, -E in units of 1/gaps
    gaps     # (R - 1,) float64: the exponent of pair r is gaps[r] (aligned[r] - aligned[r + 1])
    stream   # (4,) uint32; pair r of round `number` is decided by the words at 2 r and 2 r + 1 of that step
    """
    philox_words(words, stream, number, words.shape[1])
    for r in range(gaps.size):
        accepted[r] = 0
    for r in range(number & 1, gaps.size, 2):
        high, low = words[(2 * r) & 3, r >> 1], words[(2 * r + 1) & 3, r >> 1]
        if is_accepted(gaps[r] * np.float64(aligned[r] - aligned[r + 1]), high, low):
            walkers[r], walkers[r + 1] = walkers[r + 1], walkers[r]
            accepted[r] = 1


@compiled
def follow_walkers(walkers, seen, trips, flow):
    """Note who is at an end of the ladder, count round trips, and who comes from which end on each rung.

    walkers  # (R,), the hottest rung first; seen  # (R,) NOWHERE … BACK of each walker
    trips    # (R,) round trips of each walker: hottest, coldest, hottest
    flow     # (2, R) how often the walker on a rung came from the hottest end, from the coldest
    """
    hot, cold = walkers[0], walkers[walkers.size - 1]
    trips[hot] += seen[hot] == BACK
    seen[hot] = FROM_HOT
    seen[cold] = BACK if seen[cold] == FROM_HOT or seen[cold] == BACK else FROM_COLD
    for r in range(walkers.size):
        before = seen[walkers[r]]
        if before != NOWHERE:
            flow[0 if before == FROM_HOT else 1, r] += 1


@compiled
def end_round(
    t, every, walkers, aligned, gaps, words, streams, accepted, swaps, seen, trips, flow, warm
):
    """Swap temperatures where a round ends with sweep t; follow the walkers, once that is measured."""
    for ladder in range(LADDERS):
        if (t + 1) % every == 0:
            swap_rungs(
                walkers[ladder], aligned[ladder], gaps, words, streams[ladder], (t + 1) // every - 1,
                accepted,
            )  # fmt: skip
            if t >= warm:
                for r in range(gaps.size):
                    swaps[ladder, r] += accepted[r]
                follow_walkers(walkers[ladder], seen[ladder], trips[ladder], flow[ladder])


@compiled
def sweep_walker(
    columns,
    spins,
    fields,
    order,
    fresh,
    words,
    stream,
    t,
    scale,
    foreseen,
    block,
    signs,
    listed,
    flipped,
):
    """Run one sweep of one walker, one site after the other; return the flips."""
    if by_blocks(fields, scale, fresh, foreseen):
        return sweep_blocks(
            columns, fields, fields, spins, order, fresh, False, words, stream, t, scale, 1, 0,
            foreseen, block, signs, listed, flipped,
        )  # fmt: skip
    return visit_in_turn(columns, fields, spins, order, fresh, words, stream, t, scale, 1, 0)


@compiled
def biased_product(fields, bias, spins):
    """Return sum_i S_i (x_i + b_i), exactly."""
    total = scalar_product(fields, spins)
    for i in range(spins.size):
        total += np.int64(spins[i]) * np.int64(bias[i])
    return total


@compiled
def matrix_ladders(
    columns, bias, target, spins, fields, streams, scales, order_stream, every, gaps, swap_streams,
    walkers, warm, trace, twins, swaps, trips, flow,
):  # fmt: skip
    """Run two ladders of a network with any couplings.

    columns  # (N, N) signed integers: columns[j, i] = nj_ij; bias  # (N,) int64; target  # (N,) int16
    spins    # (2, R, N) int8 and fields  # (2, R, N), of each walker: changed in place
    streams  # (2, R, 4) uint32, of the thermal noise of each walker; scales  # (R,) float32, of each rung
    order_stream  # (4,) uint32 for a random order in each sweep, which all share; (0,) for 0 … N-1
    every, gaps, swap_streams  # sweeps of a round; (R - 1,) and (2, 4), see `swap_rungs`
    walkers  # (2, R) int64 who is on each rung, changed in place
    trace    # (2, 2, R, sweeps) int64: sum_i w_i S_i and sum_i S_i (x_i + b_i) of each ladder and rung
    twins    # (R, sweeps) int64: sum_i S_i S'_i of the two walkers on a rung
    swaps    # (2, R - 1) int64; trips  # (2, R) int64; flow  # (2, 2, R) int64: see `follow_walkers`
    """
    size, rungs, fresh = spins.shape[2], scales.size, order_stream.size > 0
    words, order = np.zeros((4, quads_of(size)), np.uint32), np.arange(size).astype(np.uint64)
    pairs, accepted = np.zeros((4, (rungs + 1) // 2), np.uint32), np.zeros(gaps.size, np.int64)
    block, signs, listed, flipped = block_room(fields[0, 0])
    flips, seen = np.zeros((LADDERS, rungs), np.int64), np.zeros((LADDERS, rungs), np.int64)
    aligned, biased = np.zeros((LADDERS, rungs), np.int64), np.any(bias != 0)
    for t in range(trace.shape[3]):
        if fresh:
            fresh_order(order, words, order_stream, t)
        for ladder in range(LADDERS):
            for r in range(rungs):
                w = walkers[ladder, r]
                state, field = spins[ladder, w], fields[ladder, w]
                flips[ladder, w] = sweep_walker(
                    columns, state, field, order, fresh, words, streams[ladder, w], t, scales[r],
                    flips[ladder, w], block, signs, listed, flipped,
                )  # fmt: skip
                product = (
                    biased_product(field, bias, state) if biased else scalar_product(field, state)
                )
                aligned[ladder, r] = product
                trace[0, ladder, r, t], trace[1, ladder, r, t] = (
                    scalar_product(target, state),
                    product,
                )
        for r in range(rungs):
            twins[r, t] = scalar_product(spins[0, walkers[0, r]], spins[1, walkers[1, r]])
        end_round(
            t,
            every,
            walkers,
            aligned,
            gaps,
            pairs,
            swap_streams,
            accepted,
            swaps,
            seen,
            trips,
            flow,
            warm,
        )
