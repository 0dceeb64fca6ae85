"""What only reads loads nothing that computes or draws: a process waits half a second for each of these."""

import json
import subprocess
import sys

import pytest
from builders import ROOT, fill, make_study, write_study

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


def loaded_by(*words: object) -> set[str]:
    """Return the packages that a process has loaded at the end of a command."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("words", [["status"], ["status", "--watch"], ["plan"]], ids=" ".join)
def test_reading_a_study_loads_nothing_that_computes(words, tmp_path):
    fill(make_study(tmp_path), tmp_path / "results")
    at = ("--results", tmp_path / "results")
    assert not loaded_by(*words, write_study(tmp_path), *at) & {*COMPUTING}


def test_the_table_of_theory_loads_nothing_that_computes():
    assert not loaded_by("theory") & {*COMPUTING}


def test_a_quantity_of_hopfield_loads_only_the_functions_of_scipy():
    others = {*COMPUTING} - {"scipy"}
    assert not loaded_by("theory", "hopfield.T_M", "--at", "load=0.05") & others
