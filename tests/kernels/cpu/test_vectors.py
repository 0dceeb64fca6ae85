"""Intrinsics of rows of lanes that a machine may never take in a sweep, against plain NumPy."""

import numpy as np
import pytest
from numba import config, njit

from mattis.kernels.cpu.lanes import BLOCK, LANES, aligned_rows
from mattis.kernels.cpu.vectors import add_counted, take_row

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="vectors are not compiled")


@njit
def counted(out, changes, bits, place):
    add_counted(out, out.shape[0], changes, bits, place)


@njit
def taken(out, k, rows, i, times):
    take_row(out, k, rows, i, times)


def rows_of(values, kind):
    rows = aligned_rows(len(values), kind)
    rows[:] = values
    return rows


@pytest.mark.parametrize("kind", [np.int16, np.int32])
@pytest.mark.parametrize("extreme", [-1, 0, 1, None])
def test_counted_changes_are_the_sums_of_signs(kind, extreme):
    rng = np.random.default_rng(5)
    for count in (1, 7, 130):
        changes = rng.integers(-1, 2, (BLOCK, LANES)) if extreme is None else np.full((BLOCK, LANES), extreme)
        start = rng.integers(-1000, 1000, (count, LANES))
        bits = rng.integers(0, 2**64, count + 3, np.uint64)
        bits[3] = 0
        bits[-1] = 2**64 - 1
        signs = 2 * ((bits[3:, None] >> np.arange(BLOCK, dtype=np.uint64)) & np.uint64(1)).astype(int) - 1
        out = rows_of(start, kind)
        counted(out, rows_of(changes, kind), bits, 3)
        assert np.array_equal(out, start + signs @ changes)


@pytest.mark.parametrize("kind", [np.int16, np.int32])
def test_a_row_is_taken_so_many_times(kind):
    rows = rows_of(np.arange(3 * LANES).reshape(3, LANES) % 3 - 1, kind)
    out = rows_of(np.full((2, LANES), 5), kind)
    taken(out, 1, rows, 2, 300)
    assert np.array_equal(out[0], np.full(LANES, 5))
    assert np.array_equal(out[1], 5 - 300 * rows[2])
