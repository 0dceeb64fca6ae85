"""One process for each GPU of a node, each on its own, with GPUs that are pretended."""

from pathlib import Path

import pytest
from builders import TINY, make_study, undisturbed

from mattis.engine import driver
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings

pytestmark = pytest.mark.gpu_host


def test_one_process_for_each_gpu_each_on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with a pretended GPU each share a study; what is pinned is the resource of a worker."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    study = make_study(tmp_path, **TINY)
    outcome = driver.run(study, tmp_path, Settings(backend="simulated", where=Where(gpus=2)))
    assert outcome.digest == undisturbed(study, tmp_path)
