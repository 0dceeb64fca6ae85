"""The golden digests: one small study of each kind of numbers, and the hash that it has on every machine.

As a program (`make test-arm`) it computes all studies and exits with 1 if one differs. It needs no pytest.
A digest changes only if numbers change: then every result that anybody has is void, and CHANGELOG.md
says why.
"""

import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builders import SMALL, fill

from mattis.engine.status import digest, open_results
from mattis.networks.registry import study_of

SHORT = {"thermalise": 5, "measure": 20}

STUDIES: Mapping[str, Mapping[str, Any]] = {
    "hopfield": SMALL,  # 24 replicas side by side in lanes
    "alone": {  # one replica at a time
        "model": "hopfield", "sweeps": SHORT, "cues": 1,
        "axes": {"size": [101], "load": [0.05, 0.1], "temperature": [0.4], "noise": [0.1], "seed": 2},
    },
    "clipped": {
        "model": "clipped", "sweeps": SHORT, "cues": 2,
        "axes": {"size": [60], "load": [0.05, 0.1], "temperature": [0, 0.4], "seed": 2},
    },
    "starts": {  # ranks, quantiles and sums of what is compared
        "model": "hopfield", "sweeps": {"thermalise": 5, "measure": 40}, "starts": 2,
        "axes": {"size": [101], "load": [0.05], "temperature": [0, 0.4, 1.2], "noise": [0.1], "seed": 2},
    },
    "consolidation": {
        "model": "consolidation",
        "axes": {"size": [50], "memories": [3, 4], "kappa": [2.0, 8.0], "noise": [0.4], "tau": [20.0],
                 "presentations": [0.0, 5.0, 30.0], "seed": 3},
    },
    "recall": {
        "model": "recall", "tau": 20.0, "cues": 2, "sweeps": SHORT,
        "axes": {"size": [60], "load": [0.05, 0.1], "kappa": [3.0, 8.0], "noise": [0.2],
                 "presentations": [0.0, 30.0], "temperature": [0.0, 0.3], "cue_noise": [0.1], "seed": 3},
    },
    "attention": {
        "model": "attention", "axes": {"size": [12], "exponent": [0.2, 0.3], "beta": [1.0, 2.0], "seed": 2},
    },
}  # fmt: skip

GOLDEN: Mapping[str, str] = {
    "hopfield": "88d0618bcf6551948b1cb06a8df7ffa7e3571fb97ff90d2ea7d454d2c281bd47",
    "alone": "a20cd30e3aca7f1204ef3e80dd43d6eee7c41dde29a00517c0bd03535b131ecc",
    "clipped": "e66faf8972c82a83ecdc34551a982054858b204ad02ce24974a4d0209f698037",
    "starts": "bef39eb494ca7ccd40def14b08c06f0f74d266d25d68e01746d8cf95ed42f26f",
    "consolidation": "04fee5ce4fb937b2081ea32b90dda051ac9bb086f9377b4a25a1fde20f308416",
    "recall": "e56681d0b442877e9b01b21cb2a0b1599b6a903fff9779bd7f72b854b482036d",
}

ROUNDED: Mapping[str, Mapping[str, Sequence[float]]] = {
    "attention": {
        "overlap": (
            0.9992528504967981, 0.9957627809682498, 0.9999991621851266, 0.999986849858602,
            0.9958306445254747, 0.9762529136029886, 0.9999776529488598, 0.9997642138956541,
        ),
        "energy": (
            -0.5001076009190745, -0.5007034483342895, -0.5000000624351842, -0.5000011870796487,
            -0.500743733178271, -0.5046578757227348, -0.5000022592202689, -0.5000281642250555,
        ),
    },
}  # fmt: skip
"""Values of what BLAS computes: the same within 1e-12, while the digest differs between processors."""


def differs(name: str, folder: Path) -> str:
    """Compute a study in a folder; tell what is other than on every machine, or nothing."""
    study = study_of({"name": name, **STUDIES[name]})
    fill(study, folder)
    if name in GOLDEN:
        found = digest(study, folder)
        return "" if found == GOLDEN[name] else f"{name}: got {found}"
    cells = open_results(study, folder)
    worst = max(
        float(abs(cells[observable].values.ravel() / values - 1).max())
        for observable, values in ROUNDED[name].items()
    )
    return "" if worst <= 1e-12 else f"{name}: got values that differ by {worst:.1e}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as results:
        told = [differs(name, Path(results)) for name in STUDIES]
    print(platform.machine(), platform.python_version(), *(word for word in told if word), sep="\n")
    print(f"{told.count('')} passed, {len(told) - told.count('')} failed")
    sys.exit(any(told))
