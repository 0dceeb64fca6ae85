"""Datasets get their accessor without this package loading xarray, whichever of the two is imported first."""

import subprocess
import sys

import pytest
from builders import ROOT

HEAVY = ["xarray", "numpy", "pandas", "matplotlib", "dask", "pydantic", "yaml", "jinja2", "IPython"]


def printed(script: str) -> list[str]:
    """Return the words that a script prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", script], capture_output=True,
        text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return done.stdout.split()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert printed(f"import sys, mattis; print(*({{*{HEAVY}}} & sys.modules.keys()))") == []


@pytest.mark.parametrize(
    "imports",
    [
        "import mattis; import xarray",
        "import xarray; import mattis",
        "import mattis, mattis.store.frame; import xarray",
    ],
)
def test_a_dataset_has_the_accessor_in_either_order(imports: str) -> None:
    script = (
        f"{imports}\n"
        "import sys\n"
        "print(type(xarray.Dataset().mattis).__name__)\n"
        "print([one for one in sys.meta_path if type(one).__module__.startswith('mattis')])\n"
        "print('matplotlib' in sys.modules, xarray.__spec__.name)"
    )
    assert printed(script) == ["DatasetAccessor", "[]", "False", "xarray"]


def test_a_process_that_never_loads_xarray_does_not_pay_for_it() -> None:
    script = (
        "import mattis, sys, importlib\n"
        "importlib.reload(mattis)\n"
        "waiting = [one for one in sys.meta_path if type(one).__name__ == 'XarrayWaiter']\n"
        "print(len(waiting), 'xarray' in sys.modules)"
    )
    assert printed(script) == ["1", "False"]
