"""GPUs through CuPy: the one file that imports cupy, and only when a GPU is requested."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.kernels.cuda.devices import ENTRIES, OPTIONS, TEXTS, Device, DeviceTrouble, text
from mattis.kernels.cuda.integer_products import by_floats
from mattis.kernels.cuda.streams import Staging

CUDA_R_32I = 10
"""A number of NVIDIA's header library_types.h, for which CuPy has no name."""

ERROR_MEMORY = 2
"""What CUDA's runtime and driver both say where memory is short: cudaErrorMemoryAllocation."""

NO_ROOM = "CUBLAS_STATUS_ALLOC_FAILED"
"""What cuBLAS says then."""

REFUSALS = ("CUBLAS_STATUS_INVALID_VALUE", "CUBLAS_STATUS_ARCH_MISMATCH", "CUBLAS_STATUS_NOT_SUPPORTED")
"""What cuBLAS says where it does not do what was asked, and nothing is wrong with the GPU."""

INTEGER_SHAPES = ((64, 64, 64), (33, 7, 48), (1, 130, 16), (40, 1000, 1024))
"""Rows, columns and terms of the products of int8 by which cuBLAS proves itself."""

TF32 = "NVIDIA_TF32_OVERRIDE"
"""A variable that makes cuBLAS multiply float32 with three digits, whatever a program asks for."""


def gpu() -> Device:
    """Return the first GPU that this process sees."""
    os.environ.pop(TF32, None)  # before cuBLAS reads it, at its first product
    import cupy

    pooled = _free_of_rmm() if "rmm" in sys.modules else None

    @cache
    def module(name: str) -> Any:
        assert name in ENTRIES
        return cupy.RawModule(code=text(*TEXTS[name]), options=OPTIONS)

    def free() -> int:
        left = int(cupy.cuda.Device().mem_info[0])
        if pooled:
            return left + int(pooled())
        pool = cupy.get_default_memory_pool()
        room = left + int(pool.free_bytes())
        limit = int(pool.get_limit())  # of CUPY_GPU_MEMORY_LIMIT, 0 for none
        return min(room, limit - int(pool.used_bytes())) if limit else room

    def wait() -> None:
        cupy.cuda.Device().synchronize()

    attributes = cupy.cuda.Device().attributes
    refusals, streams = integer_refusals(), GpuStreams()
    staging = Staging(streams)
    return Device(
        "gpu", cupy, module, staging.fill, staging.to_host, wait, free, trouble,
        processors=int(attributes["MultiProcessorCount"]),
        shared=int(attributes["MaxSharedMemoryPerBlockOptin"]),
        title=title() + _spelled(refusals),
        clock=1000 * int(attributes.get("ClockRate", 0)),  # in kHz
        peak_bytes=250 * int(attributes.get("MemoryClockRate", 0))
        * int(attributes.get("GlobalMemoryBusWidth", 0)),  # twice in a cycle of kHz, in bits
        tensor_products=tensor_or_float_products if _is_of_use(refusals) else None,
        streams=streams,
    )  # fmt: skip


class GpuStreams:
    """The stream on which CuPy computes unless told otherwise, one beside it, and an idle one."""

    def __init__(self) -> None:
        import cupy

        self.device = cupy.cuda.Device()
        self.beside, self.quiet = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))

    @contextmanager
    def second(self) -> Iterator[None]:
        """Have CuPy ask the second stream, as long as this lasts."""
        with self.device, self.beside:
            yield

    def event(self) -> Any:
        """Return an event of all that the present stream was asked so far."""
        import cupy

        event = cupy.cuda.Event(disable_timing=True)
        event.record()
        return event

    def follow(self, event: Any) -> None:
        """Have what the present stream is asked next wait for an event."""
        import cupy

        cupy.cuda.get_current_stream().wait_event(event)

    def wait_for(self, event: Any) -> None:
        """Return when an event is over."""
        event.synchronize()

    def locked(self, size: int) -> NDArray[np.uint8]:
        """Return page-locked bytes; any bytes where none can be locked: copies then wait for each other."""
        import cupy

        try:
            return np.frombuffer(cupy.cuda.alloc_pinned_memory(size), np.uint8, size)
        except cupy.cuda.runtime.CUDARuntimeError:
            return np.empty(size, np.uint8)

    def send(self, target: Any, source: NDArray[Any]) -> None:
        """Copy to the GPU, on the present stream."""
        target.set(source)

    def fetch(self, target: NDArray[Any], source: Any) -> None:
        """Copy from the GPU, on the present stream."""
        source.get(out=target, blocking=False)

    def touch(self, buffer: NDArray[Any]) -> None:
        """Do nothing."""

    def use(self, *values: Any) -> None:
        """Do nothing."""

    def ping(self) -> None:
        """Return when the driver has answered: an event on an idle stream is over at once."""
        with self.device, self.quiet:
            self.wait_for(self.event())


def trouble(error: BaseException) -> DeviceTrouble:
    """Return what an error means for the GPU: after one of CUDA's own it answers nothing more.

    Such an error stays with the context of this process: each later call returns it again.
    """
    from cupy_backends.cuda.api import driver, runtime
    from cupy_backends.cuda.libs import cublas

    if isinstance(error, MemoryError):
        return DeviceTrouble.MEMORY
    if isinstance(error, (runtime.CUDARuntimeError, driver.CUDADriverError)):
        return DeviceTrouble.MEMORY if error.status == ERROR_MEMORY else DeviceTrouble.LOST
    if isinstance(error, cublas.CUBLASError):
        said = str(error)
        if said == NO_ROOM:
            return DeviceTrouble.MEMORY
        return DeviceTrouble.OTHER if said in REFUSALS else DeviceTrouble.LOST
    return DeviceTrouble.OTHER


def _free_of_rmm() -> Any:
    """Take memory from RMM, as whoever started this process has set it up; return what tells its free bytes.

    Of a pool that is what it holds less what is in use, counted from now on; of other resources of RMM, which
    hold nothing back, 0.
    """
    import cupy
    import rmm
    from rmm.allocators.cupy import rmm_cupy_allocator

    pool = rmm.mr.get_current_device_resource()
    counted = rmm.mr.StatisticsResourceAdaptor(pool)
    rmm.mr.set_current_device_resource(counted)
    cupy.cuda.set_allocator(rmm_cupy_allocator)

    def free() -> int:
        size = getattr(pool, "pool_size", lambda: 0)()
        return max(int(size) - int(counted.allocation_counts.current_bytes), 0)

    return free


def title() -> str:
    """Return the name of the GPU, and the versions of all that stands between it and a kernel."""
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    nvrtc = ".".join(str(n) for n in cupy.cuda.nvrtc.getVersion())
    driver, runtime = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.runtime.runtimeGetVersion()
    capability = cupy.cuda.Device().compute_capability
    return (
        f"{name} (compute capability {capability}), CuPy {cupy.__version__}, NVRTC {nvrtc}, "
        f"driver {driver}, runtime {runtime}"
    )


def tensor_products(a: Any, b: Any, out: Any) -> None:
    """Write a bᵀ to the first columns of `out` by cuBLAS, int8 (R, K) × int8 (M, K) -> int32 (R, ≥ M).

    It thinks in columns: b aᵀ there is a bᵀ here. Rows of `out` have a multiple of 16 places: tensor cores
    like it.
    """
    from cupy.cuda import device as current
    from cupy.cuda import runtime
    from cupy_backends.cuda.libs import cublas

    (rows, terms), columns = a.shape, b.shape[0]
    one, zero = np.array(1, np.int32), np.array(0, np.int32)
    cublas.gemmEx(
        current.get_cublas_handle(), cublas.CUBLAS_OP_T, cublas.CUBLAS_OP_N, columns, rows, terms,
        one.ctypes.data, b.data.ptr, runtime.CUDA_R_8I, terms, a.data.ptr, runtime.CUDA_R_8I, terms,
        zero.ctypes.data, out.data.ptr, CUDA_R_32I, out.shape[1],
        cublas.CUBLAS_COMPUTE_32I, cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip


def tensor_or_float_products(a: Any, b: Any, out: Any) -> None:
    """Write a bᵀ as above; in float64, as exactly, where cuBLAS refuses a shape."""
    import cupy
    from cupy_backends.cuda.libs import cublas

    try:
        tensor_products(a, b, out)
        return
    except cublas.CUBLASError as error:
        if trouble(error) is not DeviceTrouble.OTHER:
            raise
    by_floats(cupy, a, b, out)


def integer_refusals() -> Mapping[tuple[int, int, int], str]:
    """Return why `gemmEx` does not multiply int8 exactly, for each shape that is tried: "" where it does."""
    return {shape: _integer_refusal(*shape) for shape in INTEGER_SHAPES}


def _integer_refusal(rows: int, columns: int, terms: int) -> str:
    """Compare a product of one shape with the host's."""
    import cupy

    rng = np.random.default_rng(1)
    a = rng.integers(-128, 128, (rows, terms), dtype=np.int8)
    b = rng.integers(-128, 128, (columns, terms), dtype=np.int8)
    out = cupy.empty((rows, -(-columns // 16) * 16), cupy.int32)
    try:
        tensor_products(cupy.asarray(a), cupy.asarray(b), out)
        sums = cupy.asnumpy(out)[:, :columns]
    except Exception as error:  # not supported, or a name that moved: float64 is exact as well
        if trouble(error) is DeviceTrouble.LOST:
            raise
        return _first_line(error)
    return "" if np.array_equal(sums, a.astype(np.int32) @ b.T.astype(np.int32)) else WRONG


WRONG = "wrong sums"
"""The refusal of a shape whose product was another one than the host's."""


def _is_of_use(refusals: Mapping[tuple[int, int, int], str]) -> bool:
    """Tell whether products of int8 are worth a try: some shape is exact, and none was wrong in silence."""
    return WRONG not in refusals.values() and "" in refusals.values()


def _spelled(refusals: Mapping[tuple[int, int, int], str]) -> str:
    """Return what the title says of products of int8, "" where all shapes are exact."""
    told = [f"{'x'.join(map(str, shape))}: {why}" for shape, why in refusals.items() if why]
    if not told:
        return ""
    instead = "for such shapes" if _is_of_use(refusals) else "for all"
    return f"; float64 in place of int8 {instead} ({'; '.join(told)})"


def working_gpus() -> Mapping[str, Any]:
    """Return the `good` GPUs that this process sees, the `bad` ones, and a `reason` if there is none.

    A good one compiles and runs a kernel that computes 1 + 1, and multiplies two matrices by cuBLAS.
    """
    good: dict[int, str] = {}
    bad: dict[int, str] = {}
    try:
        import cupy

        if not cupy.cuda.is_available():
            return {"good": {}, "bad": {}, "reason": "no GPU, or no driver, was found"}
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:  # whatever a driver says, it is a reason
        reason = f"no GPU can be used ({type(error).__name__}: {_first_line(error)})"
        return {"good": {}, "bad": {}, "reason": reason}
    for k in range(count):
        try:
            with cupy.cuda.Device(k):
                if fault := _fault():
                    bad[k] = fault
                else:
                    good[k] = cupy.cuda.runtime.getDeviceProperties(k)["name"].decode()
        except Exception as error:  # the others may be whole
            bad[k] = f"{type(error).__name__}: {_first_line(error)}"
    return {"good": good, "bad": bad}


def _fault() -> str:
    """Return what is wrong with the sums and products of the present GPU, "" if nothing is."""
    import cupy

    code = 'extern "C" __global__ void add_one(int* x) { *x += 1; }'
    x = cupy.ones(1, cupy.int32)
    cupy.RawModule(code=code, options=OPTIONS).get_function("add_one")((1,), (1,), (x,))
    if (two := int(x[0])) != 2:
        return f"computes 1 + 1 = {two}"
    matrix = cupy.asarray(np.arange(256.0).reshape(16, 16))
    expected = np.arange(256.0).reshape(16, 16) @ np.arange(256.0).reshape(16, 16)
    found = cupy.asnumpy(cupy.matmul(matrix, matrix))  # which needs cuBLAS
    return "" if np.array_equal(found, expected) else "multiplies two matrices of integers wrongly"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


if __name__ == "__main__":
    print(json.dumps(working_gpus()))
