"""The PTX that NVRTC makes of every kernel, interpreted, gives the numbers of the CPU: in both dialects."""

import pytest

from gpu.stages import interpreted
from mattis.selftest.cases import CASES, MEASURED_CASES

pytestmark = pytest.mark.gpu_host

DIALECTS = ("80", "100")
"""sm_80 stands for the dialect up to sm_90, sm_100 for the one that follows."""


@pytest.mark.parametrize("arch", DIALECTS)
@pytest.mark.parametrize("name", MEASURED_CASES)
def test_numbers_are_those_of_the_cpu(name: str, arch: str) -> None:
    assert not CASES[name].faults(interpreted(arch))
