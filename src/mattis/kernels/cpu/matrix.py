"""One replica of a network with any integer couplings, thresholds and diagonal, in sequence or all at once.

    x_i = sum_j nj_ij S_j + b_i,   S_i = sign(x_i + th),   th the integer thermal noise of `mattis.exact.rng`.

One site after the other: sites are visited as in `cpu.field_sweeps`, decision k of a sweep belongs to the
k-th visit, and with Hebb's couplings the trajectory is the same, bit by bit. All at once: decision i belongs
to site i, every new state comes from the old fields, as in `little`. At T = 0 a field of zero keeps the spin.

By Metropolis' rate a spin flips where S_i x_i + th < 0, th that of `rng.acceptance_noise`: at T = 0 where
S_i x_i <= 0. One site after the other only: all at once it would have no law that is known.

A flip of S_j adds ± 2 nj_ij to every field, a row of the transposed couplings; proposals are looked at
64 at a time, by `blocks`.
"""

import numpy as np

from mattis.exact.compiler import compiled
from mattis.exact.functions import usual_exponential, usual_logarithm
from mattis.exact.philox import fresh_order, thermal_noise
from mattis.kernels.cpu.blocks import (
    add_row,
    block_room,
    by_blocks,
    magnitude,
    quads_of,
    scalar_product,
    sweep_blocks,
)

INLINED = "c496bbfc94eb1312"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""


@compiled
def flip(columns, spins, fields, j, new):
    """Set S_j and bring every field up to date."""
    spins[j] = new
    add_row(fields, columns, j, new > 0, 1)


@compiled
def visit_in_turn(columns, fields, spins, order, fresh, words, stream, t, scale, twice, parity):
    """Update one site after the other, in a loop; return the flips. Arguments as for `sweep_blocks`."""
    size, flips = spins.size, 0
    noise = np.zeros((8, (size + 7) // 8), np.int32)
    if scale > 0:
        thermal_noise(noise, words, stream, t, scale)
    for k in range(size):
        i = order[k] if fresh else np.uint64(k)
        x = np.int64(fields[i]) if twice else 2 * np.int64(fields[i]) + parity
        up = x > 0 or (x == 0 and spins[i] > 0)
        if scale > 0:
            up = x + np.int64(noise[k & 7, k >> 3]) >= 0
        if up != (spins[i] > 0):
            flips += 1
            spins[i] = 1 if up else -1
            add_row(fields, columns, i, up, twice)
    return flips


@compiled
def accept_in_turn(columns, fields, spins, order, fresh, words, stream, t, scale, twice, parity):
    """The same by Metropolis' rate: S_i flips where S_i x_i + th < 0, th = -1 at T = 0."""
    size, flips = spins.size, 0
    noise = np.full((8, (size + 7) // 8), -1, np.int32)
    if scale > 0:
        thermal_noise(noise, words, stream, t, scale, True)
    for k in range(size):
        i = order[k] if fresh else np.uint64(k)
        x = np.int64(fields[i]) if twice else 2 * np.int64(fields[i]) + parity
        if spins[i] * x + np.int64(noise[k & 7, k >> 3]) < 0:
            flips += 1
            spins[i] = -spins[i]
            add_row(fields, columns, i, spins[i] > 0, twice)
    return flips


@compiled
def new_spin(x, noise, old, cold):
    """Return the new state of a spin with the field x."""
    if cold:
        return old if x == 0 else np.int8(1 if x > 0 else -1)
    return np.int8(1 if np.int64(x) + np.int64(noise) >= 0 else -1)


@compiled
def all_at_once(columns, fields, spins, words, stream, t, scale, flipped):
    """Update all sites from the fields of the old state, as it is written; mark and count the flips."""
    flips, noise = 0, np.zeros((8, (spins.size + 7) // 8), np.int32)
    if scale > 0:
        thermal_noise(noise, words, stream, t, scale)
    for i in range(spins.size):
        new = new_spin(fields[i], noise[i & 7, i >> 3], spins[i], scale == 0)
        flipped[i] = new != spins[i]
        flips += flipped[i]
    for i in range(spins.size):
        if flipped[i]:
            flip(columns, spins, fields, i, np.int8(-spins[i]))
    return flips


@compiled
def copy(to, numbers):
    """Copy numbers to another array of their type."""
    for i in range(numbers.size):
        to[i] = numbers[i]


@compiled
def heat_of(fields, scale, heats):
    """Return sum_i ln(1 + exp(-|x_i|/scale)), added in the order of sites; heats  # (N,) to work in.

    Nothing below is left of 1 + exp(-40), so that neither function leaves its usual range.
    """
    width, total = np.float64(scale), 0.0
    for i in range(fields.size):
        heats[i] = usual_logarithm(1.0 + usual_exponential(max(-abs(np.float64(fields[i])) / width, -40.0)))
    for i in range(fields.size):
        total += heats[i]
    return total


@compiled
def record_state(t, spins, fields, bias, biased, targets, follow, scale, overlaps, trace, excess, heats):
    """Record the overlaps and the energies of the state after sweep t."""
    for r in range(follow.shape[1]):
        overlaps[r, t] = scalar_product(targets[follow[t, r]], spins)
    aligned = scalar_product(fields, spins)
    if biased:
        for i in range(spins.size):
            aligned += np.int64(spins[i]) * np.int64(bias[i])
    trace[0, t], trace[2, t] = aligned, magnitude(fields)
    if excess.size > 0 and scale > 0:
        excess[t] = heat_of(fields, scale, heats)


@compiled
def add_state(sums, spins, t, warm, middle):
    """Add the state after sweep t to the sums of its half."""
    if t >= warm:
        half = 0 if t < middle else 1
        for i in range(spins.size):
            sums[half, i] += spins[i]


@compiled
def repeat(spins, flipped, period, t, overlaps, trace, sums, warm, middle):
    """Fill in the records of sweeps t + 1 … at a fixed point, or in a cycle of two states."""
    for later in range(t + 1, trace.shape[1]):
        same = later - period * ((later - t + period - 1) // period)
        for r in range(overlaps.shape[0]):
            overlaps[r, later] = overlaps[r, same]
        for k in range(3):
            trace[k, later] = trace[k, same]
        if period == 2:
            for i in range(spins.size):
                if flipped[i]:
                    spins[i] = -spins[i]
        add_state(sums, spins, later, warm, middle)


@compiled
def matrix_sweeps(
    columns, spins, fields, bias, targets, follow, synchronous, metropolis, settles, stream, scales,
    order_stream, overlaps, trace, excess, sums, warm,
):  # fmt: skip
    """Run one replica; return the sweeps before a fixed point or a two-cycle, and its period (0: neither).

    columns  # (N, N) signed integers: columns[j, i] = nj_ij, the coupling from site j to site i
    spins    # (N,) int8; fields  # (N,) int16 or int32, sum_j nj_ij S_j + bias_i: changed in place
    bias     # (N,) int64; targets  # (K, N) int16
    synchronous, metropolis  # bool: all sites at once; by Metropolis' rate, one site after the other
    follow   # (sweeps, R) int32: overlaps[r, t] = sum_i targets[follow[t, r], i] S_i
    settles  # promise that all scales are 0 and `follow` is constant: nothing changes at a fixed point
    stream   # (4,) uint32; scales  # (sweeps,) float32 noise widths, 0 at T = 0
    order_stream  # (4,) uint32 for a random order in each sweep; (0,) for 0 … N-1
    trace    # (3, sweeps) int64: sum_i S_i (x_i + b_i), flips, sum_i |x_i|
    excess   # (sweeps,) float64, sum_i ln(1 + exp(-|x_i|/scale)), 0 at T = 0; or (0,)
    sums     # (2, N) int32: sums of the spins over the halves of the sweeps warm … sweeps-1
    """
    size, total = spins.size, trace.shape[1]
    middle, words = warm + (total - warm) // 2, np.zeros((4, quads_of(size)), np.uint32)
    after = fields.copy()
    fresh, order = order_stream.size > 0, np.arange(size).astype(np.uint64)
    block, signs, listed, flipped = block_room(fields)
    before = flipped.copy()
    flips = np.int64(0)  # 0 is a type of its own, for which all is compiled again
    biased, heats = np.any(bias != 0), np.empty(size if excess.size > 0 else 0)
    excess[:] = 0.0
    for t in range(total):
        if fresh and not synchronous:
            fresh_order(order, words, order_stream, t)
        if synchronous:
            for i in range(size):
                before[i], flipped[i] = flipped[i], False
        if not by_blocks(fields, scales[t], fresh and not synchronous, flips):
            if synchronous:
                flips = all_at_once(columns, fields, spins, words, stream, t, scales[t], flipped)
                copy(after, fields)
            elif metropolis:
                flips = accept_in_turn(
                    columns, fields, spins, order, fresh, words, stream, t, scales[t], 1, 0
                )
            else:
                flips = visit_in_turn(columns, fields, spins, order, fresh, words, stream, t, scales[t], 1, 0)
        else:
            flips = sweep_blocks(
                columns, fields, after if synchronous else fields, spins, order, fresh and not synchronous,
                synchronous, words, stream, t, scales[t], 1, 0, metropolis, flips, block, signs, listed,
                flipped,
            )  # fmt: skip
            if synchronous and flips > 0:
                copy(fields, after)
        trace[1, t] = flips
        record_state(
            t, spins, fields, bias, biased, targets, follow, scales[t], overlaps, trace, excess, heats
        )
        add_state(sums, spins, t, warm, middle)
        if settles:
            back = synchronous and t > 0 and flips > 0 and np.all(before == flipped)
            if flips == 0 or back:
                period = 1 if flips == 0 else 2
                repeat(spins, flipped, period, t, overlaps, trace, sums, warm, middle)
                return t, period
    return total, 0
