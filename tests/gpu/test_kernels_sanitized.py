"""The sanitizers have nothing to say of any kernel; how they name mistakes is in test_sanitizers.py."""

import os

import pytest

from mattis.kernels.host.sanitized import Sanitizer, run
from mattis.selftest.cases import CASES

pytestmark = [pytest.mark.gpu_host, pytest.mark.slow, pytest.mark.long]

KERNELS = [name for name in CASES if "," not in name]
"""One case of each kernel: a sanitizer takes its time."""


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("name", KERNELS)
def test_no_access_is_wrong_and_none_races(
    name: str, kind: Sanitizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["tests", *os.environ.get("PYTHONPATH", "").split()]))
    outcome = run(["-m", "gpu.sanitized", kind, name], kind)
    assert outcome.code == 0, outcome.text
    assert f"{name} is equal" in outcome.text
