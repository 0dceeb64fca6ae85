"""Backends of array kernels: a GPU through CuPy, or the same text on this CPU, on NumPy's arrays."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from mattis.errors import UserError
from mattis.kernels.cuda.devices import ENTRIES, LARGEST_SHARED, TEXTS, Device, text

BACKENDS = ("auto", "cpu", "gpu", "simulated")

DRIVER_PATIENCE = 120
"""Seconds that a driver may take to answer."""

SIMULATED_MEMORY = 2**30
"""Bytes that the simulated device has."""


def device(name: str) -> Device | None:
    """Return the device of a backend, None for the CPU's own kernels; `auto` takes a GPU that can really run.

    Raises UserError where the backend is not available.
    """
    if name == "cpu":
        return None
    if name == "simulated":
        return _simulated()
    reason = why_not()
    if not reason:
        return _gpu()
    if name == "auto":
        return None
    raise UserError(f"--backend: got gpu, but {reason}; use --backend cpu or auto")


@cache
def _simulated() -> Device:
    """Return the CPU as a device: NumPy's arrays, and kernels compiled by this machine's C++ compiler."""
    from mattis.kernels.host.module import HostModule

    @cache
    def module(name: str) -> Any:
        return HostModule(text(*TEXTS[name]), ENTRIES[name])

    return Device(
        "simulated", np, module, np.array, lambda: None, lambda: SIMULATED_MEMORY, MemoryError,
        processors=2, shared=LARGEST_SHARED, title="no GPU: its kernels, simulated by this CPU",
    )  # fmt: skip


@cache
def _gpu() -> Device:
    from mattis.kernels.cuda import gpu

    return gpu.gpu()


def why_not() -> str:
    """Return the reason why no GPU can run here, or an empty text."""
    return str(probe().get("reason", ""))


@cache
def probe() -> Mapping[str, Any]:
    """Return the `names` of the GPUs that can really run, or the `reason` why none can.

    A process of its own tries, once: this one is left without a context on any GPU.
    """
    if find_spec("cupy") is None:
        return {"reason": "cupy is not installed (pip install 'mattis[cuda13]', or [cuda12])"}
    try:
        process = subprocess.run(
            [sys.executable, "-m", "mattis.kernels.cuda.gpu"],
            capture_output=True, text=True, timeout=DRIVER_PATIENCE, check=False, env=os.environ,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"reason": f"asking for one failed: {error}"}
    try:
        answer: Mapping[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        return {"reason": f"asking for one failed: {last}"}
    return answer
