"""Small CUDA kernels, compiled by NVRTC for each architecture and interpreted, give NumPy's very bits."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu.compiler import ARCHITECTURES, compiled
from gpu.ptx import PtxError, PtxModule, Schedule

pytestmark = pytest.mark.gpu_host

THREADS = 96

CODE = r"""
#ifndef BARRIER
#define BARRIER __syncthreads()
#endif
#define ALL 0xffffffffu

__device__ int warp_sum(int value) {
#if __CUDA_ARCH__ >= 800
    return __reduce_add_sync(ALL, value);
#else
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(ALL, value, step);
    return value;
#endif
}

extern "C" __global__ void block_sum(const int* numbers, long long* sum, int size) {
    __shared__ int room[32];
    extern __shared__ int copied[];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, found = 0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) copied[i] = numbers[i];
    BARRIER;
    for (int i = threadIdx.x; i < size; i += blockDim.x) found += copied[size - 1 - i];
    found = warp_sum(found);
    if (lane == 0) room[warp] = found;
    BARRIER;
    found = 0;
    for (int w = 0; w < blockDim.x / 32; w++) found += room[w];
    if (threadIdx.x == 0) *sum = found;
}

extern "C" __global__ void philox(uint4* words, uint2 key) {
    uint4 c = make_uint4(threadIdx.x, blockIdx.x, 3u, 4u);
    for (int round = 0; round < 10; round++) {
        unsigned high = __umulhi(0xD2511F53u, c.x), other = __umulhi(0xCD9E8D57u, c.z);
        c = make_uint4(other ^ c.y ^ key.x, 0xCD9E8D57u * c.z, high ^ c.w ^ key.y, 0xD2511F53u * c.x);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    words[blockIdx.x * blockDim.x + threadIdx.x] = c;
}

extern "C" __global__ void logarithm(const unsigned* words, float* found, int* floors, float scale) {
    int i = threadIdx.x;
    float u = (float)(int)(words[i] >> 9) + 0.5f;
    int bits = __float_as_int(u / (8388608.0f - u));
    int exponent = (bits - 0x3F3504F3) >> 23;
    float f = __int_as_float(bits - (exponent << 23)) - 1.0f, p = 0.07f;
    for (int k = 8; k > 0; k--) p = p * f + (k % 2 ? 1.0f : -1.0f) / (float)k;
    found[i] = p * f + (float)exponent * 0.69314718f;
    floors[i] = __float2int_rd(found[i] * scale);
}

extern "C" __global__ void norms(const double* x, double* norm, int size) {
    __shared__ double room[128];
    double sum = 0.0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) sum += x[i] * x[i] / (1.0 + i);
    room[threadIdx.x] = sum;
    BARRIER;
    sum = 0.0;
    for (int t = 0; t < blockDim.x; t++) sum -= room[t];
    norm[threadIdx.x] = sqrt(-sum) * x[threadIdx.x % size];
}

extern "C" __global__ void softmax(const double* x, double* y, int size, double beta) {
    extern __shared__ double weight[];
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        double e = 1.0 + beta * x[i] / 1024.0;
        for (int k = 0; k < 10; k++) e *= e;
        weight[i] = e;
    }
    BARRIER;
    double sum = 0.0;
    for (int i = 0; i < size; i++) sum += weight[i];
    for (int i = threadIdx.x; i < size; i += blockDim.x) y[i] = weight[i] / sum;
}

extern "C" __global__ void exponential(const double* x, double* y) { y[threadIdx.x] = exp(x[threadIdx.x]); }

extern "C" __global__ void bits(const unsigned long long* x, int* found, unsigned char* low) {
    unsigned long long word = x[threadIdx.x];
    unsigned half = word >> 32, votes = __ballot_sync(ALL, half & 1);
    int count = __syncthreads_count((int)(word & 3) == 3);
    found[threadIdx.x] = __popcll(word) + 100 * __popc(half) + 10000 * __ffs(half) + 1000000 * __clzll(word);
    found[threadIdx.x] ^= __brev(half) ^ votes ^ (count << 16) ^ __funnelshift_l(half, (unsigned)word, 7);
    low[threadIdx.x] = (unsigned char)(word >> (threadIdx.x & 63)) - (signed char)(word % 1000003 / 7);
}
"""


@cache
def module(arch: str, schedule: Schedule, *, barriers: bool = True) -> PtxModule:
    """Return the kernels as they are for an architecture, with or without their barriers."""
    return PtxModule(ptx(arch, barriers), schedule=schedule, seed=7)


@cache
def ptx(arch: str, barriers: bool) -> str:
    return str(compiled(CODE if barriers else f"#define BARRIER\n{CODE}", arch, "ptx"))


def launch(kernels: PtxModule, name: str, *args: Any, blocks: int = 1, shared: int = 0) -> None:
    """Run a kernel on blocks of 96 threads."""
    kernels.get_function(name)((blocks,), (THREADS,), args, shared_mem=shared)


def block_sum(kernels: PtxModule) -> bool:
    """Integers, summed by warps, through shared memory, equal NumPy's sum."""
    numbers = np.random.default_rng(0).integers(-1000, 1000, 250).astype(np.int32)
    found = np.zeros(1, np.int64)
    launch(kernels, "block_sum", numbers, found, np.int32(250), shared=1000)
    return bool(found[0] == numbers.sum())


def philox(kernels: PtxModule) -> bool:
    """Philox4x32-10 equals the known answer, and NumPy's own steps, for 192 counters."""
    key = np.array([(5, 6)], [("x", "u4"), ("y", "u4")])[0]
    found = np.zeros((2, THREADS, 4), np.uint32)
    launch(kernels, "philox", found, key, blocks=2)
    block, thread = np.indices((2, THREADS)).astype(np.uint64)
    c = [thread, block, np.full_like(block, 3), np.full_like(block, 4)]
    mask, half, k = np.uint64(0xFFFFFFFF), np.uint64(32), [5, 6]
    for _ in range(10):
        left, right = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        one, two = (np.uint64(part) for part in k)
        c = [right >> half ^ c[1] ^ one, right & mask, left >> half ^ c[3] ^ two, left & mask]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return bool((found == np.stack(c, axis=-1)).all())


def logarithm(kernels: PtxModule) -> bool:
    """A polynomial of float32, step by step, and its floor equal NumPy's float32."""
    words = np.random.default_rng(1).integers(0, 2**32, THREADS, dtype=np.uint32)
    found, floors, one = np.zeros(THREADS, np.float32), np.zeros(THREADS, np.int32), np.float32(1)
    launch(kernels, "logarithm", words, found, floors, np.float32(123.25))
    u = (words >> 9).astype(np.float32) + np.float32(0.5)
    odds = (u / (np.float32(8388608) - u)).view(np.int32)
    exponent = odds - np.int32(0x3F3504F3) >> 23
    f = (odds - (exponent << 23)).view(np.float32) - one
    p = np.full(THREADS, 0.07, np.float32)
    for k in range(8, 0, -1):
        p = p * f + (one if k % 2 else -one) / np.float32(k)
    expected = p * f + exponent.astype(np.float32) * np.float32(0.69314718)
    same = (found == expected).all() and np.abs(expected).max() > 1
    return bool(same and (floors == np.floor(expected * np.float32(123.25))).all())


def norms(kernels: PtxModule) -> bool:
    """Sums, quotients and roots of float64, in the order of the kernel, equal NumPy's."""
    x = np.random.default_rng(2).normal(size=200) * 10.0 ** np.arange(-10, 10).repeat(10)
    found = np.zeros(THREADS)
    launch(kernels, "norms", x, found, np.int32(200))
    total = np.float64(0)
    for t in range(THREADS):
        part = np.float64(0)
        for i in range(t, 200, THREADS):
            part += x[i] * x[i] / (1.0 + i)
        total -= part
    return bool((found == np.sqrt(-total) * x[:THREADS]).all())


def softmax(kernels: PtxModule) -> bool:
    """A softmax with an exponential of products only is NumPy's: nothing is fused."""
    x = np.random.default_rng(3).normal(size=130)
    found = np.zeros(130)
    launch(kernels, "softmax", x, found, np.int32(130), np.float64(2.5), shared=8 * 130)
    weight = 1.0 + 2.5 * x / 1024.0
    for _ in range(10):
        weight = weight * weight
    total = np.float64(0)
    for one in weight:
        total += one
    return bool((found == weight / total).all())


def exponential(kernels: PtxModule) -> bool:
    """The compiler's own exponential, which is made of fused steps, is within one unit of NumPy's."""
    x = np.linspace(-700, 700, THREADS)
    found = np.zeros(THREADS)
    launch(kernels, "exponential", x, found)
    return bool((np.abs(found.view(np.int64) - np.exp(x).view(np.int64)) <= 1).all())


def bits(kernels: PtxModule) -> bool:
    """Counts, positions, votes and shifts of bits equal Python's integers."""
    words = np.random.default_rng(4).integers(0, 2**64, THREADS, dtype=np.uint64)
    found, low = np.zeros(THREADS, np.int32), np.zeros(THREADS, np.uint8)
    launch(kernels, "bits", words, found, low)
    values = words.tolist()
    count = sum(word & 3 == 3 for word in values)
    for thread, word in enumerate(values):
        half, first = word >> 32, thread - thread % 32
        votes = sum((values[first + lane] >> 32 & 1) << lane for lane in range(32))
        number = word.bit_count() + 100 * half.bit_count() + 10000 * (half & -half).bit_length()
        number += 1000000 * (64 - word.bit_length())
        turned = int(f"{half:032b}"[::-1], 2) ^ votes ^ count << 16
        number ^= turned ^ ((word & 0xFFFFFFFF) << 32 | half) >> 25 & 0xFFFFFFFF
        if int(found[thread]) & 0xFFFFFFFF != number & 0xFFFFFFFF:
            return False
        if low[thread] != ((word >> (thread & 63)) - word % 1000003 // 7) % 256:
            return False
    return True


KERNELS: dict[str, Callable[[PtxModule], bool]] = {
    check.__name__: check for check in (block_sum, philox, logarithm, norms, softmax, exponential, bits)
}


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_give_the_numbers_of_numpy(name: str, arch: str, schedule: Schedule) -> None:
    """On every architecture, whoever runs first, each check of this file holds."""
    assert KERNELS[name](module(arch, schedule))


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", ["block_sum", "norms", "softmax"])
def test_a_missing_barrier_is_noticed(name: str, arch: str) -> None:
    """The same kernels without __syncthreads fail in the schedules in which one warp runs ahead."""
    for schedule in (Schedule.FIRST, Schedule.LAST):
        with pytest.raises(PtxError, match="uninitialised shared memory"):
            KERNELS[name](module(arch, schedule, barriers=False))


@pytest.mark.parametrize("arch", ["75", "100"])
def test_an_array_that_is_too_short_is_noticed(arch: str) -> None:
    """A launch that reads or writes beyond its arrays names the instruction and the thread."""
    x: NDArray[np.float64] = np.ones(THREADS)
    with pytest.raises(
        PtxError, match=r"out-of-bounds global access: st\.global.*, thread 90 of exponential"
    ):
        launch(module(arch, Schedule.LOCKSTEP), "exponential", x, np.zeros(90))
    with pytest.raises(PtxError, match=r"out-of-bounds shared access"):
        launch(module(arch, Schedule.LOCKSTEP), "softmax", x, x, np.int32(96), np.float64(1), shared=760)


@pytest.mark.parametrize("arch", ["75", "100"])
def test_fused_steps_are_noticed(arch: str) -> None:
    """Without --fmad=false floats are refused: what may be fused is not one number. Nor is it NumPy's."""
    text = str(compiled(CODE, arch, "ptx", options=("-std=c++17",)))
    assert block_sum(PtxModule(text))
    for check in (logarithm, norms, softmax):
        with pytest.raises(PtxError, match=r"approximate instruction: (add|sub|mul)\.(ftz\.f32|f64)"):
            check(PtxModule(text))
    assert not logarithm(PtxModule(text, approximate=True))
