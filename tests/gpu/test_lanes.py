"""Replicas in lanes with tensor cores and without; and what these multiply, against NumPy."""

from typing import Any

import numpy as np
import pytest

from gpu.compiler import compiled
from gpu.ptx import PtxError, PtxModule
from gpu.stages import hosted, interpreted, ptx
from mattis.kernels.cuda.devices import text
from mattis.kernels.host.module import SCHEDULES, HostModule, ThreadSchedule
from mattis.selftest.cases import CASES

pytestmark = pytest.mark.gpu_host

CODE = """
extern "C" __global__ void product(const uint4* a, const uint2* b, int4* d) {
    uint4 x = a[threadIdx.x];
    uint2 y = b[threadIdx.x];
    int4 z = d[threadIdx.x];
    unsigned rows[4] = {x.x, x.y, x.z, x.w};
    unsigned sums[4] = {(unsigned)z.x, (unsigned)z.y, (unsigned)z.z, (unsigned)z.w};
    multiply_bytes(sums, rows, y.x, y.y);
    d[threadIdx.x] = make_int4(sums[0], sums[1], sums[2], sums[3]);
}
"""


def module(where: str) -> Any:
    """Return the kernel on this CPU, or as the PTX of an architecture."""
    code = text("tensor.cu") + CODE
    if where == "host":
        return HostModule(code, ["product"])
    return PtxModule(str(compiled(code, where, "ptx")))


@pytest.mark.parametrize("where", ["host", "80", "100"])
def test_tensor_cores_multiply_as_numpy_does(where: str) -> None:
    """All bytes, also those above 127, and sums that were there, in the places that NVIDIA's manual tells."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 256, (16, 32), np.uint8), rng.integers(0, 256, (32, 8), np.uint8)
    d = rng.integers(-(2**20), 2**20, (16, 8)).astype(np.int32)
    parts = a.reshape(2, 8, 2, 4, 4).transpose(
        1, 3, 2, 0, 4
    )  # lane (row, part), then (half of k, half of rows)
    columns = b.T.reshape(8, 2, 4, 4).transpose(0, 2, 1, 3)
    sums = d.reshape(2, 8, 4, 2).transpose(1, 2, 0, 3)
    given = [np.ascontiguousarray(x).view(np.uint32).reshape(32, -1) for x in (parts, columns)]
    out = np.ascontiguousarray(sums).reshape(32, 4)
    module(where).get_function("product")((1,), (32,), (*given, out))
    want = (d + a.astype(int) @ b.astype(int)).reshape(2, 8, 4, 2).transpose(1, 2, 0, 3)
    np.testing.assert_array_equal(out, want.reshape(32, 4))


def test_tensor_cores_want_a_whole_warp() -> None:
    kernel = module("80").get_function("product")
    zeros = (np.zeros((16, width), dtype) for width, dtype in ((4, "u4"), (2, "u4"), (4, "i4")))
    with pytest.raises(PtxError, match="whole warp"):
        kernel((1,), (16,), tuple(zeros))


def test_the_compiler_makes_the_products_that_are_meant() -> None:
    counts = {
        arch: [ptx("glauber", arch).count(name) for name in ("mma.sync", "dp4a")] for arch in ("75", "80")
    }
    assert counts["75"][0] == 0 < counts["75"][1]
    assert counts["80"][1] == 0 < counts["80"][0]


def old(code: str) -> str:
    """Return a text as it is compiled for a GPU without tensor cores for bytes."""
    return f"#undef __CUDA_ARCH__\n#define __CUDA_ARCH__ 750\n{code}"


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: f"{s.order}-{s.seed}")
def test_lanes_without_tensor_cores(schedule: ThreadSchedule) -> None:
    device = hosted(schedule, old)
    for name in ("glauber_lanes", "glauber_lanes, random order"):
        assert not CASES[name].faults(device)


def test_lanes_without_tensor_cores_as_the_compiler_makes_them() -> None:
    assert not CASES["glauber_lanes"].faults(interpreted("75"))
