"""Functions that do nothing in place of a library of NVIDIA: CuPy then imports its module for that library.

cuBLAS takes 0.5 GB, and could not run without a GPU; what CuPy's module offers can be read without it.
"""

import ctypes
import importlib
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def imported(library: str, folder: Path) -> ModuleType:
    """Return cupy_backends.cuda.libs.LIBRARY, with a stand-in for the library where there is none.

    folder  # empty: where the stand-in is made. Needs a C++ compiler
    """
    name = f"cupy_backends.cuda.libs.{library}"
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        soname = re.search(r"lib\w+\.so\.\d+", str(missing))
        if soname is None:
            raise
    ctypes.CDLL(str(_made(soname[0], _wanted(name), folder)))  # found by its name from now on
    return importlib.import_module(name)


def _wanted(module: str) -> list[str]:
    """Return the functions of other libraries that a compiled module calls."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    told = subprocess.run(
        ["nm", "-D", "--undefined-only", spec.origin], capture_output=True, text=True, check=True
    ).stdout
    return sorted(set(re.findall(r"U (\w+)@lib", told)))


def _made(soname: str, functions: list[str], folder: Path) -> Path:
    """Return the path of a library of that name and version, with functions that return 0."""
    text = "\n".join(f'extern "C" int {function}() {{ return 0; }}' for function in functions)
    (folder / "standin.cpp").write_text(text)
    (folder / "version").write_text(f"{soname} {{ global: *; }};")
    subprocess.run(
        [
            "g++", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-Wl,--version-script=version",
            "standin.cpp", "-o", soname,
        ],
        cwd=folder, check=True,
    )  # fmt: skip
    return folder / soname
