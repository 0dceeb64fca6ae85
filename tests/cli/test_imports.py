"""What only reads loads nothing that computes or draws: a process waits half a second for each of these."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT, TINY, fill, make_study

COMPUTING = ("numba", "dask", "distributed", "matplotlib", "scipy", "xarray", "pandas", "zarr")
"""Packages that compute, draw, or take as long to load as if they did."""

SCRIPT = """
import json, sys
from mattis.cli.command import verbs
from mattis.engine import estimate
estimate.cost = lambda *_: estimate.StudyCost(1.0)  # to measure kernels is to compute
verbs.main(sys.argv[1:], standalone_mode=False)
print(json.dumps([*sys.modules]))
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The words of a command that name a computed study, of seeds enough for a boundary, and its results."""
    folder: Path = tmp_path_factory.mktemp("read")
    study = make_study(folder, **{**TINY, "seed": 4})
    fill(study, folder / "results")
    return folder / "small.yaml", "--results", folder / "results"


def loaded_by(*words: object) -> set[str]:
    """Return the packages that a process has loaded at the end of a command."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("words", [["status"], ["status", "--watch"], ["plan"]], ids=" ".join)
def test_reading_a_study_loads_nothing_that_computes(words, at):
    assert not loaded_by(*words, *at) & {*COMPUTING}


def test_the_table_of_theory_loads_nothing_that_computes():
    assert not loaded_by("theory") & {*COMPUTING}


def test_a_quantity_of_hopfield_loads_only_the_functions_of_scipy():
    others = {*COMPUTING} - {"scipy"}
    assert not loaded_by("theory", "hopfield.T_M", "--at", "load=0.05") & others


MODULES = """
import json, sys
from mattis.cli import command
try:
    {begun}
except SystemExit:
    pass
print(json.dumps([*sys.modules]))
"""
ALONE_IN_ITS_PROCESS = "command.main()"
BESIDE_OTHERS = "command.verbs.main(sys.argv[1:], standalone_mode=False)"


def modules_of(begun: str, *words: object) -> set[str]:
    """Return the modules that a process has loaded at the end of a command."""
    script = MODULES.format(begun=begun)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return {*json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("begun", [ALONE_IN_ITS_PROCESS, BESIDE_OTHERS])
def test_arrays_of_dask_are_loaded_only_where_others_may_make_some(begun, at):
    found = modules_of(begun, "diagram", *at)
    assert "matplotlib" in found
    assert ("dask.array" in found) == (begun is BESIDE_OTHERS)


def test_what_a_run_says_at_its_end_loads_nothing_that_draws(at):
    found = modules_of(ALONE_IN_ITS_PROCESS, "run", *at)
    assert "mattis.comparison.findings" in found
    assert not {"matplotlib", "dask.array"} & found


RUN = """
import json, sys
from mattis.engine import driver
from mattis.engine.cluster import Where
from mattis.networks.registry import load_study
if __name__ == "__main__":
    settings = driver.Settings(where=Where(workers=1), quiet=True)
    driver.run(load_study(sys.argv[1]), sys.argv[2], settings)
    print(json.dumps([*sys.modules]))
"""


def test_until_all_cells_are_there_a_run_loads_only_what_computes_and_stores(tmp_path):
    """Tables and statistics take half a second to load, before the first worker is there."""
    make_study(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", RUN, tmp_path / "small.yaml", tmp_path / "results"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    found = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "distributed" in found
    assert not {"xarray", "pandas", "scipy", "matplotlib"} & found
