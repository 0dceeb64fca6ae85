"""The host shim refuses arguments that a kernel would misread, and launches that a GPU would refuse."""

from typing import Any

import numpy as np
import pytest
from host_kernels import kernel
from numpy.typing import NDArray

from mattis.kernels.host.library import HostError
from mattis.kernels.host.module import LaunchError

I32, F32 = np.zeros(64, np.int32), np.zeros(64, np.float32)
N = np.int32(1)


def locked(array: NDArray[Any]) -> NDArray[Any]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("halves", (I32,), "halves: 1 arguments for 2 parameters"),
        ("halves", (I32, I32, N), "3 arguments for 2"),
        ("halves", (F32, I32), "halves, argument 0: an array of float32 for a pointer to int32"),
        ("halves", (I32, I32.view(np.uint32)), "argument 1: an array of uint32 for a pointer to int32"),
        ("halves", (I32, I32.reshape(8, 8)[:, ::2]), "argument 1: an array that is not C-contiguous"),
        ("halves", (I32, locked(I32)), "argument 1: a read-only array"),
        ("halves", (I32, N), "argument 1: np.int32.1. for a pointer to int32"),
        ("halves", (None, I32), "argument 0: None for a pointer"),
        ("shuffles<float>", (F32, F32, 1, N), "argument 2: 1 is int64, the kernel takes int32"),
        ("shuffles<float>", (F32, F32, N, np.int64(4)), "argument 3: .* is int64, the kernel takes int32"),
        ("shuffles<float>", (F32, F32, N, np.uint32(4)), "argument 3: .* is uint32"),
        ("shuffles<float>", (F32, F32, N, I32[:1]), "argument 3: an array of int32 for int32 by value"),
        ("turns", (I32, I32, N, I32), "argument 2: .* the kernel takes bool"),
        ("quads", (I32, I32, F32, F32), "argument 0: an array of int32 for a pointer to 4 × uint32"),
    ],
)
def test_an_argument_that_the_kernel_would_misread_is_refused(
    name: str, args: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        kernel(name)((1,), (32,), args)


def test_an_array_for_const_may_be_read_only_and_void_is_anything() -> None:
    out = np.full(32, -1, I32.dtype)
    kernel("halves")((1,), (32,), (locked(I32), out))
    assert (out != -1).all()
    kernel("turns")((1,), (32,), (I32.copy(), I32.copy(), True, locked(F32)))


def test_a_misaligned_vector_is_refused() -> None:
    room = np.zeros(80, np.uint8)
    start = -room.ctypes.data % 16 + 4
    odd, pairs = room[start : start + 16].view(np.uint32), np.zeros(2)
    with pytest.raises(TypeError, match="argument 0: an address that does not divide by 16"):
        kernel("quads")((1,), (1,), (odd, np.zeros(4, np.uint32), pairs, pairs))


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((1,), (1025,), "block .1025,., a GPU takes"),
        ((1,), (32, 33), "1056 threads, a GPU has at most 1024"),
        ((1,), (1, 1, 65), "block"),
        ((1,), (0,), "block .0,., a GPU takes"),
        ((0,), (32,), "grid"),
        ((1, 65536), (32,), "grid .1, 65536., a GPU takes"),
        ((1, 1, 65536), (32,), "grid"),
        ((2**31,), (32,), "grid"),
    ],
)
def test_a_launch_that_a_gpu_refuses_is_refused(
    grid: tuple[int, ...], block: tuple[int, ...], message: str
) -> None:
    with pytest.raises(LaunchError, match=message):
        kernel("halves")(grid, block, (I32, I32))


def test_a_grid_is_a_tuple_as_in_cupy() -> None:
    with pytest.raises(TypeError, match="grid 1, expected a tuple"):
        kernel("halves")(1, (32,), (I32, I32))  # type: ignore[arg-type]


def test_launch_bounds_hold() -> None:
    args = (I32.view(np.uint32), I32.view(np.uint32), I32.copy(), np.int32(0))
    kernel("products")((1,), (128,), args)
    with pytest.raises(LaunchError, match="160 threads, __launch_bounds__ says 128"):
        kernel("products")((1,), (160,), args)


def test_much_shared_memory_is_asked_for_first() -> None:
    function, out = kernel("remains"), np.zeros((1, 4), np.uint32)
    function((1,), (32,), (out,), shared_mem=48 * 1024)
    with pytest.raises(LaunchError, match="49153 bytes of shared memory, max_dynamic_shared_size_bytes is"):
        function((1,), (32,), (out,), shared_mem=48 * 1024 + 1)
    function.max_dynamic_shared_size_bytes = 227 * 1024
    function((1,), (32,), (out,), shared_mem=227 * 1024)
    assert np.unique(out).tolist() == [0xA5A5A5A5]
    function.max_dynamic_shared_size_bytes = 228 * 1024
    with pytest.raises(LaunchError, match="a GPU has at most 232448"):
        function((1,), (32,), (out,), shared_mem=228 * 1024)


def test_an_unknown_kernel_is_named() -> None:
    with pytest.raises(HostError, match="no kernel halve in this module; did you mean halves"):
        kernel("halve")
