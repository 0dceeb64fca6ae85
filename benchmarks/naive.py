"""What the kernels are compared with: the programs that everybody writes first, of the same physics.

naive numpy  N h_i = N J_i · S, float64 row of J, one proposal after the other in Python
naive numba  the same in float32, compiled, its sum vectorised by fastmath
sgemm        all sites at once, 32 replicas: N h = xi^T (xi S) - P S as two float32 products
sgemm J      the same as one product, N h = N J S

All draw the noise of the kernels, so that they end in the same state.
"""

from typing import Any

import numpy as np
from networks import LANES, Group
from numba import njit
from single import Single
from timing import Program

from mattis.exact import rng
from mattis.exact.philox import thermal_noise


@njit(fastmath=True, error_model="numpy")
def naive_sweeps(j_rows, spins, stream, scale, sweeps):
    """Run heat-bath sweeps from float32 rows of N J."""
    size = spins.size
    octets = (size + 7) // 8
    words, noise = np.zeros((4, 2 * octets), np.uint32), np.zeros((8, octets), np.int32)
    for t in range(sweeps):
        thermal_noise(noise, words, stream, t, scale)
        for i in range(size):
            x = np.float32(0)
            for j in range(size):
                x += j_rows[i, j] * spins[j]
            spins[i] = np.float32(1 if x + noise[i & 7, i >> 3] >= 0 else -1)


def naive_numba(one: Single, sweeps: int) -> Program:
    """Return the compiled row product."""
    assert one.full is not None
    j_rows, stream = one.full.nj.astype(np.float32), one.stream.packed()
    return Program(
        ready=lambda: one.spins.astype(np.float32),
        run=lambda spins: naive_sweeps(j_rows, spins, stream, one.scale, sweeps),
        updates=one.size * sweeps,
        spins=lambda spins: spins,
    )


def naive_numpy(group: Group, sweeps: int) -> Program:
    """Return the row product in Python, one replica."""
    assert group.network.full is not None
    j_rows = group.network.full.nj.astype(np.float64)
    stream, scale = group.streams[0], group.heat.scales[0, 0]

    def run(spins: Any) -> None:
        for sweep in range(sweeps):
            noise = rng.thermal_noise(stream.decision_words(spins.size, sweep), scale)
            for i in range(spins.size):
                spins[i] = 1.0 if j_rows[i] @ spins + noise[i] >= 0 else -1.0

    return Program(
        ready=lambda: group.spins(0).astype(np.float64),
        run=run,
        updates=group.network.size * sweeps,
        spins=lambda spins: spins,
    )


@njit(error_model="numpy")
def noise_of_lanes(out, streams, scales, step):
    """Fill out (N, 32) with the noise of one step of 32 replicas."""
    size, lanes = out.shape
    octets = (size + 7) // 8
    words, noise = np.zeros((4, 2 * octets), np.uint32), np.zeros((8, octets), np.int32)
    for r in range(lanes):
        thermal_noise(noise, words, streams[r], step, scales[r])
        for i in range(size):
            out[i, r] = noise[i & 7, i >> 3]


def update_all(fields: Any, spins: Any, noise: Any) -> None:
    """Set all spins to the signs of their fields; without noise a zero field keeps the spin."""
    if noise is None:
        np.copyto(spins, np.sign(fields), where=fields != 0)
    else:
        np.add(fields, noise, out=fields)
        np.copyto(spins, np.where(fields >= 0, np.float32(1), np.float32(-1)))


def sgemm(group: Group, sweeps: int, whole: bool) -> Program:
    """Return synchronous steps by float32 products, with N J if `whole`, else with the patterns twice."""
    net = group.network
    assert net.full is not None
    xi, columns = net.xi.astype(np.float32), net.site_major.astype(np.float32)
    j_rows = net.full.nj.astype(np.float32)
    streams, own = np.array([s.packed() for s in group.streams]), np.float32(net.count)
    start = np.stack([group.spins(r) for r in range(LANES)], axis=1).astype(np.float32)
    overlaps, fields = np.empty((net.count, LANES), np.float32), np.empty_like(start)
    noise = None if group.heat.cold else np.empty_like(start)

    def run(spins: Any) -> None:
        for step in range(sweeps):
            if whole:
                np.dot(j_rows, spins, out=fields)
            else:
                np.dot(xi, spins, out=overlaps)
                np.dot(columns, overlaps, out=fields)
                np.subtract(fields, own * spins, out=fields)
            if noise is not None:
                noise_of_lanes(noise, streams, group.heat.scales[0], step)
            update_all(fields, spins, noise)

    return Program(start.copy, run, net.size * sweeps * LANES, lambda spins: spins[:, 0])
