"""Backends of array kernels: a GPU through CuPy, or the same text on this CPU, on NumPy's arrays."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from mattis.errors import UserError
from mattis.kernels.cuda.devices import ENTRIES, LARGEST_SHARED, TEXTS, Device, host_trouble, text
from mattis.kernels.cuda.paper import H100, PaperGpu
from mattis.kernels.cuda.streams import Staging

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
    from mattis.kernels.host.streams import HostStreams

    streams = HostStreams()
    staging = Staging(streams)

    @cache
    def module(name: str) -> Any:
        return HostModule(text(*TEXTS[name]), ENTRIES[name])

    return Device(
        "simulated", np, module, staging.fill, staging.to_host, streams.wait, lambda: SIMULATED_MEMORY,
        host_trouble, processors=2, shared=LARGEST_SHARED, title="no GPU: its kernels, simulated by this CPU",
        streams=streams,
    )  # fmt: skip


def on_paper(gpu: PaperGpu = H100) -> Device:
    """Return a GPU that is not here, for estimates: its sizes and rates, and neither arrays nor kernels."""

    def absent(*_given: Any) -> Any:
        raise UserError("a GPU on paper: got something to compute; use one that is there")

    return Device(
        "paper", None, absent, absent, absent, absent, lambda: gpu.memory, host_trouble,
        processors=gpu.processors, shared=gpu.shared, clock=gpu.clock, peak_bytes=gpu.bandwidth,
        flops=gpu.flops,
        title=f"an {gpu.name} with {gpu.memory // 10**9} GB, on paper",
    )  # fmt: skip


@cache
def _gpu() -> Device:
    from mattis.kernels.cuda import gpu

    return gpu.gpu()


@dataclass(frozen=True)
class Probe:
    """The GPUs that this process sees, by their numbers, and what became of a first product on each."""

    good: Mapping[int, str]
    """The names of those that compute."""
    bad: Mapping[int, str]
    """The reasons of those that do not."""
    reason: str = ""
    """Why none computes."""

    @property
    def remark(self) -> str:
        """Which GPUs are left out where others compute, and why; "" if none is."""
        return _each(self.bad) if self.good else ""


def _each(bad: Mapping[int, str]) -> str:
    return "; ".join(f"GPU {number}: {reason}" for number, reason in bad.items())


def why_not() -> str:
    """Return the reason why no GPU can run here, or an empty text."""
    return probe().reason


@cache
def probe() -> Probe:
    """Return which GPUs can really run, which cannot, and why none can.

    A process of its own tries, once: this one is left without a context on any GPU.
    """
    if find_spec("cupy") is None:
        return _none("cupy is not installed (pip install 'mattis[cuda13]', or [cuda12])")
    try:
        process = subprocess.run(
            [sys.executable, "-m", "mattis.kernels.cuda.gpu"],
            capture_output=True, text=True, timeout=DRIVER_PATIENCE, check=False, env=os.environ,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return _none(f"asking for one failed: {error}")
    try:
        answer = json.loads(process.stdout.strip().splitlines()[-1])
        good, bad = ({int(k): str(v) for k, v in answer[key].items()} for key in ("good", "bad"))
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        return _none(f"asking for one failed: {last}")
    reason = "" if good else str(answer.get("reason") or f"no GPU can be used ({_each(bad)})")
    return Probe(good, bad, reason)


def _none(reason: str) -> Probe:
    return Probe({}, {}, reason)
