"""The kernels of `host.cu`, compiled once for all tests of the host shim; no compiler, no tests."""

from pathlib import Path

import pytest

from mattis.errors import UserError
from mattis.kernels.host.library import compiler_path
from mattis.kernels.host.module import HostFunction, HostModule, ThreadSchedule

TEXT = (Path(__file__).parent / "host.cu").read_text()
NAMES = (
    "products", "shuffles<float>", "shuffles<double>", "shuffles<long long>", "halves", "votes",
    "whole_numbers", "real_numbers", "counters", "remains", "quads", "turns", "no_barrier",
    "divergent", "two_barriers", "early_return", "foreign_mask", "absent_lanes", "outside_mask", "trapped",
)  # fmt: skip


FIRST = ThreadSchedule("ascending")


def kernel(name: str, schedule: ThreadSchedule = FIRST) -> HostFunction:
    """Return a kernel of the text."""
    try:
        compiler_path()
    except UserError as absent:
        pytest.skip(str(absent))
    return HostModule(TEXT, NAMES, schedule).get_function(name)
