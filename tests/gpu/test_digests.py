"""A study of each family of models ends with one digest, on the CPU and on the simulated device."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import HERE

from mattis.engine import driver
from mattis.networks.registry import study_of

pytestmark = pytest.mark.gpu_host

SHORT = {"thermalise": 2, "measure": 6}

STUDIES: dict[str, dict[str, Any]] = {
    "family": {"model": "hopfield", "couplings": "clipped", "sweeps": SHORT,
               "axes": {"size": [40], "load": [0.05, 0.1], "temperature": [0, 0.4], "seed": 2}},
    "consolidation": {"model": "consolidation",
                      "axes": {"size": [40], "memories": [4, 6], "kappa": [1.0, 3.0],
                               "presentations": [2, 6], "seed": 2}},
    "attention": {"model": "attention",
                  "axes": {"size": [12], "exponent": [0.2, 0.3], "beta": [1.0, 2.0], "seed": 2}},
    "dense_binary": {"model": "dense_binary", "degree": 3,
                     "axes": {"size": [30], "load": [0.02, 0.05], "seed": 2}},
}  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_the_digest_does_not_tell_who_computed(name: str, tmp_path: Path) -> None:
    """Of attention, whose floats may differ between backends, both are NumPy's here."""
    study = study_of({"name": name, **STUDIES[name]})
    assert study.described_model.batched is not None
    runs = [
        driver.run(study, tmp_path / backend, replace(HERE, backend=backend))
        for backend in ("cpu", "simulated")
    ]
    assert runs[0].digest == runs[1].digest
    assert runs[0].computed == runs[1].computed > 0
