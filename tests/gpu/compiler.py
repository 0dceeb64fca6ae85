"""CUDA text → PTX or cubin, by CuPy's own way to NVRTC, its own options and headers: no GPU, no driver.

CuPy asks the driver twice on this way: which architecture there is, and to load what was compiled. Both are
answered here instead. The names are CuPy's private ones: where they have moved, an error says so.
"""

import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Literal
from unittest import mock

from mattis.kernels.cuda.devices import OPTIONS

ARCHITECTURES = ("75", "80", "90", "100", "120")
"""Turing, the oldest that CUDA 13 knows, to Blackwell: both dialects of PTX."""

Kind = Literal["ptx", "cubin"]


class CompileError(Exception):
    """The compiler refused a text or warned of it; its words, with the lines of the text."""


class _Loaded:
    """What stands in for a module of the driver: keeps the code that it is given."""

    def __init__(self) -> None:
        self.code = b""

    def load(self, code: bytes) -> None:
        self.code = code

    def _set_mapping(self, _: dict[str, str] | None) -> None:
        """Forget the mangled names: those who ask for templates find them in the code."""


def compiled(
    code: str, arch: str, kind: Kind, names: Sequence[str] | None = None, options: Sequence[str] = OPTIONS
) -> str | bytes:
    """Return what NVRTC makes of a CUDA text: PTX as text, or a cubin as CuPy hands it to the driver.

    arch   # compute capability without its point: "90"
    names  # name expressions of templates: "k<float>"
    Raises CompileError for an error and for any warning.
    """
    cupy, log, loaded = _private(), io.StringIO(), _Loaded()
    answers = {
        "_get_arch_for_options_for_nvrtc": lambda _=None: (_target(arch, kind), kind),
        "function": SimpleNamespace(Module=lambda: loaded),
    }
    with mock.patch.multiple(cupy.compiler, **answers):
        try:
            cupy.compile(
                code, cupy.complete(tuple(options)), arch,
                name_expressions=names, log_stream=log, cache_in_memory=True,
            )  # fmt: skip
        except cupy.refusal as error:
            raise CompileError(f"{_target(arch, kind)}: {error}") from None
    if log.getvalue().strip("\0 \n"):
        raise CompileError(f"{_target(arch, kind)}: {log.getvalue()}")
    return loaded.code.decode().rstrip("\0") if kind == "ptx" else loaded.code


def _target(arch: str, kind: Kind) -> str:
    return f"-arch={'sm' if kind == 'cubin' else 'compute'}_{arch}"


def _private() -> SimpleNamespace:
    """Return CuPy's compiler, what completes the options of a user's module, and its exception.

    Raises ImportError where a name is missing.
    """
    from cupy._core import core
    from cupy.cuda import compiler

    try:
        assert compiler._get_arch_for_options_for_nvrtc
        assert compiler.function.Module
        return SimpleNamespace(
            compiler=compiler,
            compile=compiler._compile_with_cache_cuda,
            complete=core.assemble_cupy_compiler_options,
            refusal=compiler.CompileException,
        )
    except AttributeError as moved:
        raise ImportError(f"tests/gpu/compiler.py knows the insides of CuPy 14.2: {moved}") from moved
