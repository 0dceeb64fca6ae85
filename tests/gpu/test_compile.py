"""Every CUDA text compiles for every architecture, by CuPy's own way to NVRTC, without a warning."""

import re
from importlib.resources import files

import pytest

from gpu.compiler import ARCHITECTURES, CompileError, compiled
from mattis.kernels.cuda import devices

pytestmark = pytest.mark.gpu_host

KERNEL = 'extern "C" __global__ void k(float* x) {{ {} }}'


def entries(ptx: str) -> set[str]:
    """Return the kernels of a PTX text."""
    return set(re.findall(r"\.entry (\w+)", ptx))


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", devices.TEXTS)
def test_every_text_compiles_and_holds_the_kernels_that_are_launched(name: str, arch: str) -> None:
    text = devices.text(*devices.TEXTS[name])
    ptx = compiled(text, arch, "ptx")
    assert entries(ptx) == set(devices.ENTRIES[name])
    assert f".target sm_{arch}" in ptx
    assert compiled(text, arch, "cubin").startswith(b"\x7fELF")


def test_every_file_belongs_to_a_module() -> None:
    """No `.cu` file lies about that nothing compiles."""
    there = {path.name for path in files("mattis.kernels.cuda").iterdir() if path.name.endswith(".cu")}
    assert there == {name for names in devices.TEXTS.values() for name in names}
    assert devices.TEXTS.keys() == devices.ENTRIES.keys()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x[0] = undefined_thing;", 'identifier "undefined_thing" is undefined'),
        ("int unused;", "never referenced"),
        ("__shared__ float s[20000]; s[threadIdx.x] = x[0]; __syncthreads(); x[0] = s[9];", "shared"),
    ],
)
def test_errors_and_warnings_are_refused(body: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        compiled(KERNEL.format(body), "90", "cubin")


def test_an_error_names_the_file_and_the_line() -> None:
    text = devices.text("noise.cu") + '\n#line 1 "mine.cu"\n\n' + KERNEL.format("x[0] = missing;")
    with pytest.raises(CompileError, match=r"mine\.cu\(2\): error"):
        compiled(text, "75", "ptx")


def test_options_are_those_of_mattis_and_those_that_cupy_adds() -> None:
    """A product and a sum are rounded twice; CuPy flushes float32 below 2^-126 to 0."""
    fused = KERNEL.format("x[0] = x[0] * x[1] + x[2];")
    apart = compiled(fused, "90", "ptx")
    assert re.search(r"mul(\.rn)?\.ftz\.f32", apart)
    assert re.search(r"add(\.rn)?\.ftz\.f32", apart)
    assert "fma" not in apart
    assert "fma.rn.ftz.f32" in compiled(fused, "90", "ptx", options=())


def test_templates_are_compiled_by_name() -> None:
    text = "template <class T> __global__ void twice(T* x) { *x += *x; }"
    names = ["twice<float>", "twice<double>"]
    assert len(entries(compiled(text, "100", "ptx", names=names))) == 2
    assert entries(compiled(text, "100", "ptx")) == set()


def test_moved_names_of_cupy_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from cupy.cuda import compiler

    monkeypatch.delattr(compiler, "_compile_with_cache_cuda")
    with pytest.raises(ImportError, match=r"CuPy 14\.2: .*_compile_with_cache_cuda"):
        compiled("", "90", "ptx")
