"""Is this GPU right, and how fast is it: a report that a user can paste in an issue."""

import platform
import sys
from collections.abc import Mapping

from mattis import __version__
from mattis.errors import UserError
from mattis.kernels.cuda import backends
from mattis.kernels.cuda.devices import Device
from mattis.selftest.cases import CASES
from mattis.selftest.rates import Rate, rates


def report(backend: str) -> tuple[str, bool]:
    """Return the report on a device, in Markdown, and whether every kernel is right.

    Raises UserError where there is no such device.
    """
    device = backends.device(backend)
    if device is None:
        raise UserError(f"--backend: got {backend}; expected gpu or simulated")
    faults = {name: trial(device, name) for name in CASES}
    sound = not any(faults.values())
    measured = rates(device) if sound else []  # a wrong kernel has no speed
    return "\n".join([*heading(device), *verdicts(faults), *speeds(measured), ""]), sound


def trial(device: Device, name: str) -> list[str]:
    """Return what is wrong with the answers to a case."""
    try:
        return CASES[name].faults(device)
    except Exception as error:  # the others are still worth a line each
        return [f"{type(error).__name__}: {' '.join(str(error).split())}"]


def heading(device: Device) -> list[str]:
    """Return what was tested: versions, and the device."""
    return [
        f"# mattis {__version__} gpu-selftest: {device.title}",
        "",
        f"Python {platform.python_version()} on {sys.platform}, {device.processors} multiprocessors, "
        f"{device.shared // 1024} KiB of shared memory for a block, {device.free() / 2**30:.1f} GiB free"
        + (f", {device.clock / 1e6:.0f} MHz" if device.clock else ""),
        "",
    ]


def verdicts(faults: Mapping[str, list[str]]) -> list[str]:
    """Return a table of the kernels that were compared with the CPU's."""
    rows = [f"| {name} | {'; '.join(f) if f else 'equal to the last bit'} |" for name, f in faults.items()]
    good = sum(not f for f in faults.values())
    return ["| kernel | compared with the CPU |", "| --- | --- |", *rows, "",
            f"{good} of {len(faults)} cases are equal.", ""]  # fmt: skip


def speeds(measured: list[Rate]) -> list[str]:
    """Return a table of what was measured."""
    if not measured:
        return ["Nothing was measured: first the numbers must be right."]
    rows = [
        f"| {rate.what} | {rate.measured:.3g} {rate.unit} | "
        f"{'' if rate.fraction != rate.fraction else f'{rate.fraction:.3g}'} |"
        for rate in measured
    ]
    return ["| what | measured | of the roofline |", "| --- | --- | --- |", *rows]
