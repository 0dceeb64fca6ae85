"""Kernels keep within their registers and shared memory, spill nothing, and leave room for others."""

import ctypes
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu.compiler import ARCHITECTURES
from gpu.resources import (
    BOUNDS,
    MULTIPROCESSORS,
    REFERENCES,
    Usage,
    blocks_at_once,
    launched,
    occupancy,
    report,
    usages,
)
from mattis.kernels.cuda import devices

pytestmark = pytest.mark.gpu_host

KERNELS = """
extern "C" __global__ void none(int* x) { x[threadIdx.x] = 1; }
extern "C" __global__ void some(int* x) {
    __shared__ int s[100];
    s[threadIdx.x] = x[0];
    __syncthreads();
    x[threadIdx.x] = s[3];
}
extern "C" __global__ void asked(int* x) {
    extern __shared__ int s[];
    s[threadIdx.x] = x[0];
    __syncthreads();
    x[threadIdx.x] = s[3];
}
"""

SPILL = """
extern "C" __global__ void __launch_bounds__(1024) spill(float* x) {
    float a[64];
    for (int i = 0; i < 64; i++) a[i] = x[i * threadIdx.x];
    for (int k = 0; k < 64; k++) {
        for (int i = 0; i < 64; i++) a[i] = a[i] * a[(i * 7 + k) & 63] + x[k];
    }
    for (int i = 0; i < 64; i++) x[i * threadIdx.x] = a[i];
}
"""

ORACLE = """
#include <cuda_occupancy.h>
extern "C" int blocks(int major, int minor, int warps, long shared, long reserved, int registers,
                      long fixed, int threads, long dynamic) {
    cudaOccDeviceProp p;
    p.computeMajor = major;
    p.computeMinor = minor;
    p.maxThreadsPerBlock = 1024;
    p.maxThreadsPerMultiprocessor = 32 * warps;
    p.regsPerBlock = p.regsPerMultiprocessor = 65536;
    p.warpSize = 32;
    p.sharedMemPerBlock = 48 * 1024;
    p.sharedMemPerMultiprocessor = shared;
    p.numSms = 1;
    p.sharedMemPerBlockOptin = shared - reserved;
    p.reservedSharedMemPerBlock = reserved;
    cudaOccFuncAttributes f;
    f.maxThreadsPerBlock = 1024;
    f.numRegs = registers;
    f.sharedSizeBytes = fixed;
    f.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
    f.maxDynamicSharedSizeBytes = shared - reserved - fixed;
    f.numBlockBarriers = 1;
    cudaOccDeviceState state;
    cudaOccResult found;
    if (cudaOccMaxActiveBlocksPerMultiprocessor(&found, &p, &f, &state, threads, dynamic)) return -1;
    return found.activeBlocksPerMultiprocessor;
}
"""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """NVIDIA's own calculator, a header of its runtime's wheel."""
    if not shutil.which("g++"):
        pytest.skip("no g++ to compile NVIDIA's calculator with")
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "oracle.cpp").write_text(ORACLE)
    found = distribution("nvidia-cuda-runtime").files or []
    header = Path(str(next(f for f in found if f.name == "cuda_occupancy.h").locate()))
    subprocess.run(
        ["g++", "-shared", "-fPIC", f"-I{header.parent}", "oracle.cpp", "-o", "oracle.so"],
        cwd=folder, check=True,
    )  # fmt: skip
    library = ctypes.CDLL(str(folder / "oracle.so"))
    library.blocks.argtypes = (
        [ctypes.c_int] * 3 + [ctypes.c_long] * 2 + [ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_long]
    )
    return library


@pytest.mark.parametrize("arch", ARCHITECTURES)
@given(
    registers=st.integers(1, 255),
    fixed=st.integers(0, 48 * 1024),
    threads=st.integers(1, 1024),
    dynamic=st.integers(0, 230 * 1024),
)
def test_blocks_at_once_are_those_of_nvidias_calculator(
    oracle: ctypes.CDLL, arch: str, registers: int, fixed: int, threads: int, dynamic: int
) -> None:
    limits = MULTIPROCESSORS[arch]
    expected = oracle.blocks(
        int(arch[:-1]), int(arch[-1]), limits.warps, limits.shared, limits.reserved,
        registers, fixed, threads, dynamic,
    )  # fmt: skip
    assert blocks_at_once(Usage(registers, 0, fixed), arch, threads, dynamic) == expected


@pytest.mark.parametrize(
    ("arch", "registers", "shared", "threads", "dynamic", "blocks"),
    [
        ("90", 32, 0, 256, 0, 8),  # 64 warps / 8
        ("90", 64, 0, 256, 0, 4),  # 16384 / (64 × 32) = 8 warps of each quarter, 32 / 8
        ("90", 65, 0, 256, 0, 3),  # rounded up to 72: 7 of each quarter, 28 / 8
        ("90", 32, 0, 32, 0, 32),  # the most blocks
        ("90", 32, 16, 256, 50_000, 4),  # ⌈50000 + 16 + 1024⌉ to 128 = 51072; 233472 / 51072
        ("90", 32, 0, 256, 227 * 1024, 1),
        ("90", 32, 0, 256, 227 * 1024 + 1, 0),
        ("80", 32, 0, 256, 100 * 1024, 1),  # 164 KiB / 101 KiB
        ("75", 32, 0, 1024, 32 * 1024, 1),  # 32 warps / 32
        ("75", 32, 1, 64, 0, 16),  # 256 bytes of 64 KiB; the most blocks
        ("120", 32, 0, 256, 0, 6),  # 48 / 8
        ("120", 255, 0, 512, 0, 0),  # 2 warps of each quarter, but 4 are wanted
    ],
)
def test_blocks_at_once_by_hand(
    arch: str, registers: int, shared: int, threads: int, dynamic: int, blocks: int
) -> None:
    usage = Usage(registers, 0, shared)
    assert blocks_at_once(usage, arch, threads, dynamic) == blocks
    warps = MULTIPROCESSORS[arch].warps
    assert occupancy(usage, arch, threads, dynamic) == blocks * -(-threads // 32) / warps


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_usage_is_read_as_the_text_says(arch: str) -> None:
    """Static shared memory is neither what a launch asks for nor what the driver reserves."""
    found = usages(KERNELS, arch)
    assert {name: usage.shared for name, usage in found.items()} == {"none": 0, "some": 400, "asked": 0}
    assert all(usage.stack == 0 and 0 < usage.registers <= 32 for usage in found.values())


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_spill_is_noticed(arch: str) -> None:
    assert usages(SPILL, arch)["spill"].stack >= 4 * 64


def test_every_kernel_has_a_bound() -> None:
    assert BOUNDS.keys() == {kernel for names in devices.ENTRIES.values() for kernel in names}


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("module", devices.TEXTS)
def test_kernels_keep_their_bounds(module: str, arch: str) -> None:
    beyond = []
    for kernel, usage in usages(devices.text(*devices.TEXTS[module]), arch).items():
        bound, share = BOUNDS[kernel], launched(kernel, arch, usage, *REFERENCES[0])
        small = usage.registers <= bound.registers and usage.shared <= bound.shared
        if usage.stack or not small or share < bound.occupancy:
            beyond.append(f"{kernel}: {usage}, occupancy {share:.2f}; {bound}")
    assert not beyond, "\n".join(beyond)


def test_report_has_a_line_for_every_kernel_and_architecture() -> None:
    lines = report(["looks"], ["75", "90"]).splitlines()
    assert len(lines) == 2 + 2 * len(devices.ENTRIES["looks"])
    assert len({line.count("|") for line in lines}) == 1
