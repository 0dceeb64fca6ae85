"""What holds the project together: pinned versions, and pages that say what the code does."""

import ast
import dataclasses
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import typing
import warnings
from collections import Counter
from collections.abc import Callable, Iterator

import inlined
import numpy as np
import pytest
import rooms
import xarray as xr
import yaml
from builders import ROOT
from numpy.typing import NDArray
from packaging.requirements import Requirement

import mattis

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "dask": "dask-core", "snakemake": "snakemake-minimal"}
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = PROJECT["optional-dependencies"]
GPU_EXTRAS = ("cuda12", "cuda13")


def wanted() -> list[Requirement]:
    """Return everything that pyproject.toml asks for, extras included, but what needs a GPU."""
    extras = [text for name, texts in EXTRAS.items() if name not in GPU_EXTRAS for text in texts]
    return [Requirement(text) for text in [*PROJECT["dependencies"], *extras]]


def pinned(python: str, file: str = "all.txt") -> dict[str, str]:
    """Return {package: version} of a file of requirements for a version of Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": "linux"}
    versions = {}
    for line in (ROOT / "requirements" / file).read_text().splitlines():
        if "==" in line and not line.startswith(" "):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert requirement.name not in versions
                versions[requirement.name] = next(iter(requirement.specifier)).version
    return versions


@pytest.mark.parametrize("python", PYTHONS)
def test_requirements_satisfy_the_project(python: str) -> None:
    versions = pinned(python)
    for requirement in wanted():
        assert requirement.specifier.contains(versions[requirement.name]), requirement


def test_what_needs_a_gpu_is_pinned_apart_and_for_one_cupy() -> None:
    """CuPy is checked where no GPU is; .venv is free of it, and both extras ask for the same version."""
    apart = pinned("3.11", "gpu-host.txt")
    texts = (ROOT / "requirements" / "gpu-host.in").read_text().splitlines()
    asked = {r.name: r for r in map(Requirement, (text for text in texts if text[:1] not in "#"))}
    assert all(r.specifier.contains(apart[name]) for name, r in asked.items())
    assert not apart.keys() & pinned("3.11").keys()
    cupy = asked["cupy-cuda13x"].specifier
    assert [Requirement(text).specifier for x in GPU_EXTRAS for text in EXTRAS[x]] == [cupy, cupy]


def test_every_requirement_is_pinned_by_hash_and_names_no_address() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text
        for block in re.split(r"\n(?=\S)", text.strip()):
            assert "==" in block.splitlines()[0], block
            assert "--hash=sha256:" in block, block


def test_uv_is_pinned_alike_in_both_files() -> None:
    first = (ROOT / "requirements" / "uv.txt").read_text().strip()
    assert first in (ROOT / "requirements" / "all.txt").read_text()


def test_conda_environment_has_the_same_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    listed = [line for line in environment["dependencies"] if isinstance(line, str) and line != "pip"]
    versions = dict(line.split("=") for line in listed)
    python = versions.pop("python")
    assert python in PYTHONS
    locked = pinned(python)
    assert versions == {CONDA_NAMES.get(r.name, r.name): locked[r.name] for r in wanted()}


def test_version_is_said_once() -> None:
    assert PROJECT["version"] == mattis.__version__
    assert f"## {mattis.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == mattis.__version__


def test_supported_pythons_are_those_of_the_makefile_and_ci() -> None:
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= v <= (3, 13)" in (ROOT / "Makefile").read_text()
    assert f"for version in {' '.join(PYTHONS)}; do" in (ROOT / ".ci" / "run").read_text()


def test_all_tests_of_cuda_code_but_those_on_a_gpu_are_marked_as_such() -> None:
    """`make test` does not even import their files (conftest.py)."""
    for path in (ROOT / "tests/gpu").glob("test_*.py"):
        (marks,) = re.findall(r"^pytestmark = (\[.*?^\]|.*?$)", path.read_text(), re.M | re.S)
        mark = "gpu" if path.name == "test_on_gpu.py" else "gpu_host"
        assert re.search(rf"pytest\.mark\.{mark}\b", marks), path


def test_fast_and_slow_tests_are_both_run_by_ci() -> None:
    commands = re.findall(r"^ *make (\S+)$", (ROOT / ".ci/run").read_text(), re.M)
    assert {"check", "test-slow", "test-gpu-host", "test-notebook"} <= {*commands}


def test_uv_trusts_the_certificates_of_the_system() -> None:
    """As uv is started by make: else it fails where the registry's certificate is the system's alone."""
    name = "UV_SYSTEM_CERTS"
    given = ["make", "--no-print-directory", "--eval", f"given: ; @echo $${name}", "given"]
    assert subprocess.run(given, cwd=ROOT, capture_output=True, text=True).stdout == "1\n"
    asked = [sys.executable, "-m", "uv", "pip", "install", "--help"]
    assert f"[env: {name}" in subprocess.run(asked, capture_output=True, text=True).stdout


def test_no_file_brings_a_warning_when_it_is_compiled() -> None:
    """A user sees them at the first import, and from 3.12 on even an unknown escape in a docstring is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for folder in ("src", "tests", "benchmarks"):
            for path in (ROOT / folder).rglob("*.py"):
                compile(path.read_text(encoding="utf-8"), str(path), "exec")


ARRAYS = (np.ndarray, typing.get_origin(NDArray[np.int8]), xr.Dataset)


def dataclasses_of_the_package() -> Iterator[type]:
    """Yield every dataclass, whatever file it is in."""
    for found in pkgutil.walk_packages(mattis.__path__, "mattis."):
        if found.name not in ("mattis.__main__", "mattis.kernels.cuda.gpu"):  # runs; needs CuPy
            module = importlib.import_module(found.name)
            for kind in vars(module).values():
                if dataclasses.is_dataclass(kind) and kind.__module__ == found.name:
                    yield kind


def holds_arrays(kind: object) -> bool:
    """Tell whether a value of this type may hold an array, in itself or in what it holds."""
    origin = typing.get_origin(kind) or kind
    if origin is Callable:
        return False
    inner = (
        [field.type for field in dataclasses.fields(kind)]
        if dataclasses.is_dataclass(kind)
        else typing.get_args(kind)
    )
    return origin in ARRAYS or any(map(holds_arrays, inner))


def test_what_holds_arrays_is_not_compared() -> None:
    """Of fields that are arrays, == makes an array: neither yes nor no, from Python 3.13 on always."""
    holding = {kind for kind in dataclasses_of_the_package() if holds_arrays(kind)}
    assert {"Stored", "MatrixNetwork", "Synapses"} <= {kind.__name__ for kind in holding}
    assert not {kind for kind in holding if kind.__eq__ is not object.__eq__}


SOURCES = sorted((ROOT / "src" / "mattis").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
KERNELS = ROOT / "src" / "mattis" / "kernels" / "cpu"

SHARED = {
    "INLINED": "the seal of each file of kernels, of what it inlines from others",
    "COMPILED": "whether a compiler is there is asked of numbers, and of kernels",
    "T": "a type variable of one file",
    "__all__": "what a file lends to others",
}
"""Names that several files may define, and why."""


def test_no_function_is_over_60_lines() -> None:
    """Compiled kernels excepted: a call inside of them is no way to cut them."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    for path, tree in TREES.items():
        for node in ast.walk(tree) if path.parent != KERNELS else ():
            if isinstance(node, functions):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


def test_no_file_is_over_600_lines_and_no_folder_has_over_20_files() -> None:
    for path in SOURCES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 600, path
    files = [path for path in SOURCES if path.name != "__init__.py"]
    for folder, count in Counter(path.parent for path in files).items():
        assert count <= 20, folder


def defined(tree: ast.Module) -> set[str]:
    """Return the names of types and constants of a file that others may use."""
    names = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    for node in assigned:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            names |= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return {name for name in names if name == "__all__" or not name.startswith("_")}


def test_a_name_means_one_thing() -> None:
    """No type and no constant has the name of another, but for a few; and those are needed."""
    counts = Counter(name for tree in TREES.values() for name in defined(tree))
    assert {name for name, count in counts.items() if count > 1} == SHARED.keys()


def test_kernels_hold_the_fingerprint_of_what_they_inline() -> None:
    """Numba's disk cache watches one file; `make format` writes the fingerprint of the others into it."""
    for path in inlined.inliners():
        found = inlined.SEAL.search(path.read_text())
        assert found, path
        assert found[1] == inlined.seal(path), f"{path.name}: make format"
    assert len(inlined.inliners()) >= 4


def test_reading_a_study_does_not_wait_for_a_compiler():
    """Numba is loaded by the first kernel, scipy by what needs it: reading a study needs neither."""
    code = (
        "import sys, mattis.networks.registry, mattis.cli.command\n"
        "sys.exit(bool({'numba', 'scipy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_lists_every_room_by_its_own_words() -> None:
    text = rooms.PAGE.read_text(encoding="utf-8")
    assert rooms.page(text) == text, "make format"
    assert all(rooms.sentence(path).endswith((".", "?")) for path in (ROOT / "src").rglob("*.py"))
