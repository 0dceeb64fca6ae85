"""Devices on which kernels run without a GPU: any schedule of threads, any changed text, or their PTX."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from mattis.kernels.cuda import backends
from mattis.kernels.cuda.devices import ENTRIES, TEXTS, Device, text
from mattis.kernels.host.module import HostModule, ThreadSchedule
from mattis.kernels.host.source import MaybeSanitizer

Change = Callable[[str], str]


def on_modules(module: Callable[[str], Any]) -> Device:
    """Return the simulated device with other modules of kernels."""
    simulated = backends.device("simulated")
    assert simulated is not None
    return replace(simulated, module=cache(module))


def hosted(schedule: ThreadSchedule, changed: Change = str, sanitize: MaybeSanitizer = "") -> Device:
    """Return a device whose kernels a C++ compiler made of a changed text, with threads as scheduled."""
    return on_modules(
        lambda name: HostModule(
            changed(text(*TEXTS[name])), ENTRIES[name], schedule=schedule, sanitize=sanitize
        )
    )


def interpreted(arch: str, schedule: str = "lockstep") -> Device:
    """Return a device that interprets the PTX that NVRTC makes for an architecture."""
    from gpu.ptx import PtxModule

    def module(name: str) -> Any:
        floats = name == "euler"  # whose answers are not the CPU's to the bit
        return PtxModule(ptx(name, arch), schedule=schedule, approximate=floats)

    return on_modules(module)


@cache
def ptx(name: str, arch: str) -> str:
    """Return the PTX of a module of kernels."""
    from gpu.compiler import compiled

    return str(compiled(text(*TEXTS[name]), arch, "ptx"))
