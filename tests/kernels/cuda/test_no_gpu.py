"""Without a GPU mattis does not import CuPy: only a process of its own does, which is asked for a GPU.

A package `cupy` that only writes down who imports it stands for an installed one. (zarr imports it where it
is installed, which is none of our doing and starts nothing on a GPU.)
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import write_study

import mattis

CUPY = """
import os, sys, traceback
files = [frame.filename for frame in traceback.extract_stack()[:-1]]
importer = [name for name in files if "importlib" not in name][-1]
with open(os.environ["SEEN"], "a") as file:
    file.write(f"{importer} {' '.join(sys.orig_argv[1:3]).strip().splitlines()[0].strip()}\\n")
"""

IMPORT_ALL = """
import importlib, pkgutil, mattis
for module in pkgutil.walk_packages(mattis.__path__, "mattis."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def importers(folder: Path, *program: str) -> list[str]:
    """Return which files of mattis import CuPy while a program runs, with the arguments of their process."""
    (folder / "cupy").mkdir()
    (folder / "cupy" / "__init__.py").write_text(CUPY)
    seen = folder / "seen"
    seen.touch()
    done = subprocess.run(
        [sys.executable, *program], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(folder), "SEEN": str(seen)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    source = f"{Path(mattis.__file__).parent}/"
    lines = seen.read_text().splitlines()
    return [line.removeprefix(source) for line in lines if line.startswith(source)]


def test_importing_every_module_does_not(tmp_path: Path) -> None:
    assert importers(tmp_path, "-c", IMPORT_ALL) == []


def test_a_run_asks_another_process_for_a_gpu(tmp_path: Path) -> None:
    """What it is told there, none, is enough: the numbers are computed without CuPy."""
    write_study(
        tmp_path, size=[24], load=[0.1], temperature=[0], noise=[0.0], seed=1,
        sweeps={"thermalise": 2, "measure": 8},
    )  # fmt: skip
    found = importers(tmp_path, "-m", "mattis", "run", "small.yaml", "--workers", "1")
    assert set(found) == {"kernels/cuda/gpu.py -m mattis.kernels.cuda.gpu"}
    assert (tmp_path / "results" / "small" / "sweep.zarr").is_dir()


@pytest.mark.parametrize("function", ["working_gpus", "gpu"])
def test_an_import_by_mattis_is_seen(function: str, tmp_path: Path) -> None:
    code = f"""
from mattis.kernels.cuda import gpu
try:
    gpu.{function}()
except AttributeError:
    pass
"""
    assert importers(tmp_path, "-c", code) == ["kernels/cuda/gpu.py -c"]
