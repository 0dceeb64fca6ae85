"""GPUs through CuPy: the one file that imports cupy, and only when a GPU is requested."""

import json
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from mattis.kernels.cuda.devices import ENTRIES, OPTIONS, TEXTS, Device, text
from mattis.kernels.cuda.integer_products import by_floats

CUDA_R_32I = 10
"""A number of NVIDIA's header library_types.h, for which CuPy has no name."""


def gpu() -> Device:
    """Return the first GPU that this process sees."""
    import cupy

    _share_memory()

    @cache
    def module(name: str) -> Any:
        assert name in ENTRIES
        return cupy.RawModule(code=text(*TEXTS[name]), options=OPTIONS)

    def free() -> int:
        pool = cupy.get_default_memory_pool()
        return int(cupy.cuda.Device().mem_info[0] + pool.free_bytes())

    def wait() -> None:
        cupy.cuda.Device().synchronize()

    attributes = cupy.cuda.Device().attributes
    return Device(
        "gpu", cupy, module, cupy.asnumpy, wait, free, MemoryError,
        processors=int(attributes["MultiProcessorCount"]),
        shared=int(attributes["MaxSharedMemoryPerBlockOptin"]),
        title=title(),
        clock=1000 * int(attributes.get("ClockRate", 0)),  # in kHz
        peak_bytes=250 * int(attributes.get("MemoryClockRate", 0))
        * int(attributes.get("GlobalMemoryBusWidth", 0)),  # twice in a cycle of kHz, in bits
        tensor_products=tensor_or_float_products if multiplies_exactly() else None,
    )  # fmt: skip


def _share_memory() -> None:
    """Take memory from RMM where whoever started this process has set it up, as dask-cuda does."""
    if "rmm" in sys.modules:
        import cupy
        from rmm.allocators.cupy import rmm_cupy_allocator

        cupy.cuda.set_allocator(rmm_cupy_allocator)


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


def tensor_products(a: Any, b: Any) -> Any:
    """Return a bᵀ by cuBLAS, int8 (R, K) × int8 (M, K) -> int32 (R, M).

    It thinks in columns: b aᵀ there is a bᵀ here.
    """
    import cupy
    from cupy.cuda import device as current
    from cupy.cuda import runtime
    from cupy_backends.cuda.libs import cublas

    (rows, terms), columns = a.shape, b.shape[0]
    wide = -(-columns // 16) * 16  # rows that begin where tensor cores like it
    out = cupy.empty((rows, wide), cupy.int32)
    one, zero = np.array(1, np.int32), np.array(0, np.int32)
    cublas.gemmEx(
        current.get_cublas_handle(), cublas.CUBLAS_OP_T, cublas.CUBLAS_OP_N, columns, rows, terms,
        one.ctypes.data, b.data.ptr, runtime.CUDA_R_8I, terms, a.data.ptr, runtime.CUDA_R_8I, terms,
        zero.ctypes.data, out.data.ptr, CUDA_R_32I, wide,
        cublas.CUBLAS_COMPUTE_32I, cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip
    return out[:, :columns]


def tensor_or_float_products(a: Any, b: Any) -> Any:
    """Return a bᵀ as above; in float64, as exactly, where cuBLAS refuses a shape."""
    import cupy
    from cupy_backends.cuda.libs import cublas

    try:
        return tensor_products(a, b)
    except cublas.CUBLASError:
        return by_floats(cupy, a, b)


def multiplies_exactly() -> bool:
    """Tell whether `gemmEx` multiplies int8 exactly here, compared with the host on several shapes."""
    import cupy

    rng = np.random.default_rng(1)
    for rows, columns, terms in ((64, 64, 64), (33, 7, 48), (1, 130, 16), (40, 1000, 1024)):
        a = rng.integers(-128, 128, (rows, terms), dtype=np.int8)
        b = rng.integers(-128, 128, (columns, terms), dtype=np.int8)
        try:
            sums = cupy.asnumpy(tensor_products(cupy.asarray(a), cupy.asarray(b)))
        except Exception:  # not supported, or a name that moved: float64 is exact as well
            return False
        if not np.array_equal(sums, a.astype(np.int32) @ b.T.astype(np.int32)):
            return False
    return True


def working_gpus() -> Mapping[str, Any]:
    """Return the names of the GPUs that this process sees and that compute 1 + 1, or the reason why not."""
    try:
        import cupy

        if not cupy.cuda.is_available():
            return {"reason": "no GPU, or no driver, was found"}
        names = []
        for k in range(int(cupy.cuda.runtime.getDeviceCount())):
            with cupy.cuda.Device(k):
                if (two := _one_and_one()) != 2:
                    return {"reason": f"GPU {k} computes 1 + 1 = {two}"}
            names.append(cupy.cuda.runtime.getDeviceProperties(k)["name"].decode())
        return {"names": names}
    except Exception as error:  # whatever a driver says, it is a reason
        first = next(iter(str(error).splitlines()), "")
        return {"reason": f"no GPU can be used ({type(error).__name__}: {first})"}


def _one_and_one() -> int:
    """Compile a kernel that adds 1, run it on a 1, and return the result."""
    import cupy

    code = 'extern "C" __global__ void add_one(int* x) { *x += 1; }'
    x = cupy.ones(1, cupy.int32)
    cupy.RawModule(code=code, options=OPTIONS).get_function("add_one")((1,), (1,), (x,))
    return int(x[0])


if __name__ == "__main__":
    print(json.dumps(working_gpus()))
