"""Kernels under the sanitizers: each mistake is named with its line, one without is left in peace."""

import json
from pathlib import Path

import pytest

from mattis.errors import UserError
from mattis.kernels.host.library import HostError
from mattis.kernels.host.sanitized import SanitizedRun, Sanitizer, run, runtime

pytestmark = pytest.mark.gpu_host

KERNELS = r"""
#line 10 "good.cu"
extern "C" __global__ void sums(const int* in, int* out) {
    extern __shared__ int row[];
    __shared__ int total[1];
    row[threadIdx.x] = in[threadIdx.x];
    __syncthreads();
    int next = row[(threadIdx.x + 1) % blockDim.x];
    for (int step = 16; step > 0; step >>= 1) {
        next += __shfl_xor_sync(0xffffffffu, next, step);
    }
    if (threadIdx.x == 0) {
        total[0] = 0;
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        atomicAdd(total, next);
    }
    __syncthreads();
    out[threadIdx.x] = total[0];
}

// Each half of a warp has its own mask, and its lanes hand on through shared memory.
extern "C" __global__ void halves(const int* in, int* out) {
    extern __shared__ int row[];
    unsigned mine = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
    row[threadIdx.x] = in[threadIdx.x];
    __syncwarp(mine);
    out[threadIdx.x] = row[threadIdx.x ^ 1] + __reduce_add_sync(mine, in[threadIdx.x]);
}

#line 110 "bad.cu"
extern "C" __global__ void beyond_global(const int* in, int* out) {
    out[threadIdx.x] = in[threadIdx.x + 1];  // 111
}

#line 120 "bad.cu"
extern "C" __global__ void beyond_dynamic(const int* in, int* out) {
    extern __shared__ int row[];
    row[threadIdx.x + 1] = in[threadIdx.x];  // 122
}

#line 130 "bad.cu"
__device__ __noinline__ void put(int* room, int place) {
    room[place] = place;  // 131
}
extern "C" __global__ void beyond_static(const int* in, int* out) {
    __shared__ int room[63];
    __shared__ int other[63];
    put(room, threadIdx.x);
    put(other, 0);
}

#line 150 "bad.cu"
extern "C" __global__ void misaligned(const int* in, int* out) {
    *(int2*)(out + 2 * (threadIdx.x / 2) % 32 + 1) = make_int2(1, 2);  // 151
}

#line 160 "bad.cu"
extern "C" __global__ void wide_shift(const int* in, int* out) {
    out[threadIdx.x] = 1u << (threadIdx.x + 1);  // 161
}

#line 210 "bad.cu"
extern "C" __global__ void no_barrier(const int* in, int* out) {
    extern __shared__ int row[];
    row[threadIdx.x] = in[threadIdx.x];  // 212
    out[threadIdx.x] = row[(threadIdx.x + 1) % blockDim.x];  // 213
}

// A shuffle hands on its own value, and orders no other memory.
#line 220 "bad.cu"
extern "C" __global__ void shuffle_for_barrier(const int* in, int* out) {
    extern __shared__ int row[];
    row[threadIdx.x] = in[threadIdx.x];  // 222
    int sum = __reduce_add_sync(0xffffffffu, 1);
    out[threadIdx.x] = sum + row[threadIdx.x ^ 1];  // 224
}

// Sixteen lanes wait for each other, and read what the others write.
#line 230 "bad.cu"
extern "C" __global__ void half_for_whole(const int* in, int* out) {
    extern __shared__ int row[];
    row[threadIdx.x] = in[threadIdx.x];  // 232
    __syncwarp(threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u);
    out[threadIdx.x] = row[threadIdx.x ^ 16];  // 234
}

#line 240 "bad.cu"
extern "C" __global__ void not_atomic(const int* in, int* out) {
    atomicAdd(out, in[threadIdx.x]);  // 241
    if (threadIdx.x == 40) {
        out[0] = 1;  // 243
    }
}

#line 250 "bad.cu"
extern "C" __global__ void divergent(const int* in, int* out) {
    if (threadIdx.x < 5) {
        __syncthreads();  // 252
    }
}

#line 260 "bad.cu"
extern "C" __global__ void foreign_mask(const int* in, int* out) {
    out[threadIdx.x] = __ballot_sync(0x0000ffffu, 1);  // 261
}
"""

SCRIPT = """
import json, re, sys
import numpy as np
from mattis.kernels.host.module import HostModule, LaunchError
kind, code, *names = sys.argv[1:]
kernels = HostModule(code, re.findall(r"__global__ void (\\w+)", code), sanitize=kind)
for name in names:
    out = np.zeros(64, np.int32)
    try:
        kernels.get_function(name)((2,), (64,), (np.arange(64, dtype=np.int32), out), shared_mem=256)
        print(json.dumps([name, out.tolist()]), flush=True)  # a sanitizer ends without that
    except LaunchError as error:
        print(json.dumps([name, str(error)]), flush=True)
"""

DEADLOCK = (
    "divergent: block (0, 0, 0): deadlock: thread 0 waits at __syncthreads;"
    " of 64 threads 5 wait at a barrier, 59 have returned (bad.cu:252)"
)


def launched(kind: Sanitizer, *names: str) -> SanitizedRun:
    """Launch kernels, one after the other, in a process under a sanitizer."""
    try:
        runtime(kind)
    except (UserError, HostError) as absent:
        pytest.skip(str(absent))
    return run(["-c", SCRIPT, kind, KERNELS, *names], kind)


def results(outcome: SanitizedRun) -> dict[str, list[int] | str]:
    """Return what the kernels wrote, or why they did not end."""
    return dict(json.loads(line) for line in outcome.text.splitlines() if line.startswith("["))


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_kernels_without_mistakes_are_left_in_peace(kind: Sanitizer) -> None:
    """Barriers, atomics, shuffles of half warps: they give their numbers, and a deadlock is still named."""
    outcome = launched(kind, "sums", "halves", "divergent", "foreign_mask", "sums")
    found = results(outcome)
    assert found["sums"] == [64 * 63 // 2] * 64, outcome.text
    first = [16 * (i // 16) for i in range(64)]
    assert found["halves"] == [(i ^ 1) + 16 * first[i] + 120 for i in range(64)], outcome.text
    assert found["divergent"] == DEADLOCK
    assert "is not in its own mask 0x0000ffff (bad.cu:261)" in found["foreign_mask"]
    assert (outcome.code, outcome.reports_error) == (0, False), outcome.text


@pytest.mark.parametrize(
    ("name", "named", "line"),
    [
        ("beyond_global", "heap-buffer-overflow", 111),
        ("beyond_dynamic", "heap-buffer-overflow", 122),
        ("beyond_static", "global-buffer-overflow", 131),
        ("misaligned", "misaligned address", 151),
        ("wide_shift", "is too large for 32-bit type", 161),
    ],
)
def test_what_lies_beyond_is_named(name: str, named: str, line: int) -> None:
    """An array of NumPy, dynamic and static shared memory; and what x86 does without complaint."""
    outcome = launched("address", "sums", name)
    assert outcome.reports_error, outcome.text
    assert list(results(outcome)) == ["sums"], "it goes on after a mistake"
    assert named in outcome.text
    assert f"bad.cu:{line}" in outcome.text


def test_every_race_is_named_with_both_lines() -> None:
    races = {
        "no_barrier": (212, 213),
        "shuffle_for_barrier": (222, 224),
        "half_for_whole": (232, 234),
        "not_atomic": (241, 243),
    }
    outcome = launched("thread", *races)
    assert outcome.reports_error, outcome.text
    reports = outcome.text.split("WARNING: ThreadSanitizer: data race")[1:]
    for name, lines in races.items():
        own = [report for report in reports if f" {name} " in report]
        assert any(all(f"bad.cu:{line}" in report for line in lines) for report in own), (name, outcome.text)


def test_the_runtime_is_a_file() -> None:
    assert Path(runtime("thread")).exists()
