"""What mattis asks of CuPy is there, in the real CuPy, and takes the arguments that it is given."""

import ast
import re
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import mattis
from gpu import standin
from gpu.names import faults, numpy_only, uses
from mattis.kernels.cuda import euler, gpu, streams
from mattis.kernels.cuda.devices import DeviceTrouble
from mattis.networks.neurons import generating_functions

pytestmark = pytest.mark.gpu_host

SOURCE = Path(mattis.__file__).parent
FILES = [
    path for path in sorted(SOURCE.rglob("*.py")) if re.search(r"\b(cupy|xp|namespace)\b", path.read_text())
]


@pytest.fixture(scope="module", autouse=True)
def cublas(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """CuPy's module for cuBLAS, whether the library is here or not."""
    return standin.imported("cublas", tmp_path_factory.mktemp("cublas"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_name_is_there_and_every_call_fits(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_names_are_found_in_every_way_that_the_source_says_them() -> None:
    """Of the module, of what was imported from it, of `device.xp`, of `namespace(x)`, of a class."""
    found = {use.name for path in FILES for use in uses(path.read_text())}
    assert found >= {"cupy.RawModule", "cupy.cuda.Device.().mem_info", "cublas.gemmEx", "xp.empty", "xp.exp"}
    assert len(found) > 40


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import cupy\ncupy.no_such(1)", "2: no cupy.no_such"),
        ("import cupy as cp\ncp.sum(1, axes=0)", "2: cp.sum: .* 'axes'"),
        ("def f(device, a):\n    device.xp.matmul(a, a, dtyp=int)", "2: xp.matmul: .* 'dtyp'"),
        ("def f(xp):\n    return xp.zeros()", "2: xp.zeros: .* 'shape'"),
        ("def f(xp):\n    return xp.linalg.eigvals.no_such", "2: no xp.linalg.eigvals.no_such"),
        ("def f(a):\n    return namespace(a).no_such(a)", "2: no xp.no_such"),
        ("import cupy\ncupy.add(1, 2, 3, 4)", "2: cupy.add: takes 2 arrays, got 4"),
        ("import cupy\ncupy.exp(1, where=True)", "2: cupy.exp: .* 'where'"),
        ("import cupy\ncupy.cuda.Device(0).no_such", r"2: no cupy.cuda.Device.\(\).no_such"),
        ("import cupy\ncupy.RawModule(option=())", "2: cupy.RawModule: .* 'option'"),
        ("from cupy.cuda import device as d\nd.no_such()", "2: no d.no_such"),
        ("from cupy_backends.cuda.libs import cublas\ncublas.gemmEx(1)", "2: .*gemmEx: missing"),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_told(code: str, message: str) -> None:
    told = faults(code)
    assert len(told) == 1
    assert re.match(message, told[0]), told


def test_one_file_imports_cupy() -> None:
    """And none of its imports is carried out when that file is imported."""
    importing = {}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        lines = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        said = [node for node in lines if re.search(r"\bcupy", ast.unparse(node))]
        if said:
            importing[path.name] = any(node in tree.body for node in said)
    assert importing == {"gpu.py": False}


def test_arrays_are_not_asked_for_what_only_numpys_have() -> None:
    """But for the addresses of two numbers on the host that cuBLAS reads."""
    assert numpy_only("def f(x):\n    x.setflags(write=False)") == ["2: setflags"]
    told = {
        (path.name, name.split()[-1])
        for path in FILES
        if uses(path.read_text())
        for name in numpy_only(path.read_text())
    }
    assert told <= {("gpu.py", "ctypes")}


def test_numbers_of_nvidias_headers_are_right(cublas: ModuleType) -> None:
    """Those that a file writes down, against CuPy's names for them and the header of the CUDA runtime."""
    files = distribution("nvidia-cuda-runtime").files or []
    header = Path(str(next(f for f in files if f.name == "library_types.h").locate())).read_text()
    written = {name: n for name, n in vars(gpu).items() if re.match("CUDA_R_|CUBLAS_", name)}
    for name, number in written.items():
        said = re.search(rf"\b{name}\s*=\s*(\d+)", header)
        assert number == (int(said[1]) if said else getattr(cublas, name)), name


def stand_for(kind: type, status: int, text: str = "") -> BaseException:
    """Return an error of CuPy that no driver made: its own constructor would ask one for the text."""
    error = kind.__new__(kind, text)
    error.status, error.args = status, (text,)
    return error


def test_what_errors_of_cupy_mean(cublas: ModuleType) -> None:
    """After CUDA's own, but for want of memory, a context is dead; a shape that is refused is harmless."""
    import cupy
    from cupy_backends.cuda.api import driver, runtime

    assert gpu.trouble(cupy.cuda.memory.OutOfMemoryError(1, 2)) is DeviceTrouble.MEMORY
    for kind in (runtime.CUDARuntimeError, driver.CUDADriverError):
        assert gpu.trouble(stand_for(kind, 2)) is DeviceTrouble.MEMORY  # out of memory, of both
        for status in (4, 46, 214, 700, 702, 716, 719, 999):
            assert gpu.trouble(stand_for(kind, status)) is DeviceTrouble.LOST
    meanings = {
        3: DeviceTrouble.MEMORY,
        7: DeviceTrouble.OTHER,
        8: DeviceTrouble.OTHER,
        15: DeviceTrouble.OTHER,
    }
    for status in (1, 3, 7, 8, 11, 13, 14, 15):
        error = cublas.CUBLASError(status)
        assert gpu.trouble(error) is meanings.get(status, DeviceTrouble.LOST), str(error)
    assert gpu.trouble(ValueError("a shape")) is DeviceTrouble.OTHER


def test_arrays_travel_by_the_names_that_cupy_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """`set` and `get` on the present stream, of slices; `cupy.asarray` would lock as much memory again."""
    import cupy

    travelled: list[int] = []

    class Target(np.ndarray):
        def set(self, part: np.ndarray) -> None:
            travelled.append(part.nbytes)
            self[...] = part

        def get(self, *, out: np.ndarray, blocking: bool) -> None:
            assert not blocking
            out[...] = self

    class WithoutGpu(gpu.GpuStreams):
        def __init__(self) -> None: ...
        def event(self) -> SimpleNamespace:
            return SimpleNamespace(synchronize=lambda: None)

        def locked(self, size: int) -> np.ndarray:
            return np.empty(size, np.uint8)

    monkeypatch.setattr(streams, "SLICE", 1000)
    staging = streams.Staging(WithoutGpu())
    array = np.arange(7 * 300, dtype=np.int32).reshape(7, 300).T
    target = np.zeros(array.shape, np.int32).view(Target)
    staging.fill(target, array)
    np.testing.assert_array_equal(target, array)
    np.testing.assert_array_equal(staging.to_host(target), array)
    assert (max(travelled), sum(travelled)) == (1000, array.nbytes)
    assert callable(cupy.ndarray.set)
    assert "out=None, blocking=True" in cupy.ndarray.get.__doc__


def test_free_memory_of_a_pool_of_rmm_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds less what is in use; a resource that holds nothing back has none."""
    import cupy

    counts, place = SimpleNamespace(current_bytes=0), SimpleNamespace(pool_size=lambda: 1000)
    counted = SimpleNamespace(allocation_counts=counts)
    resources = SimpleNamespace(
        get_current_device_resource=lambda: place,
        set_current_device_resource=lambda resource: resource is counted or pytest.fail("lost"),
        StatisticsResourceAdaptor=lambda upstream: counted if upstream is place else None,
    )
    allocators = SimpleNamespace(rmm_cupy_allocator=object())
    modules = {"": SimpleNamespace(mr=resources), ".allocators": None, ".allocators.cupy": allocators}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"rmm{name}", module or SimpleNamespace())
    monkeypatch.setattr(cupy.cuda, "set_allocator", lambda _: None)
    free = gpu._free_of_rmm()
    counts.current_bytes = 300
    assert free() == 700
    place.__dict__.clear()
    assert gpu._free_of_rmm()() == 0


def test_attributes_of_devices_and_kernels_are_there() -> None:
    """Those that are asked for by a string, or set."""
    import cupy

    asked = set(re.findall(r'attributes\["(\w+)"\]', Path(gpu.__file__).read_text()))
    assert asked
    assert all(hasattr(cupy.cuda.runtime, f"cudaDevAttr{name}") for name in asked)
    assert hasattr(cupy.RawKernel, "max_dynamic_shared_size_bytes")
    assert "grid, block, args, \\*, shared_mem=0" in cupy.RawKernel.__call__.__doc__


def test_arrays_of_cupy_find_their_functions() -> None:
    """They do not name them, in this version; an array can be made on the host's memory, though not used."""
    import cupy

    host = np.arange(6.0)
    memory = cupy.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, device_id=0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    array = cupy.ndarray((2, 3), host.dtype, memptr=pointer, strides=(24, 8))
    assert euler.namespace(array) is cupy
    assert generating_functions.on_device(array)
    assert array.mT.shape == (3, 2)
    assert euler.gains(array).shape == (2, 1, 3)
