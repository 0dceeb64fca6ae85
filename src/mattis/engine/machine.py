"""What this machine has: cores and bytes, as its container, its batch job and its limits leave them."""

import hashlib
import os
import platform
import resource
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import psutil

CONTROL_GROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows the limits of groups of processes: containers, and jobs of batch systems."""

MEMORY_FILES = ("memory.max", "memory.high", "memory.limit_in_bytes")
"""Bytes of a group, of version 2 and of version 1."""

PROCESSORS = Path("/proc/cpuinfo")
"""Where Linux describes its processors."""

INSTRUCTIONS = ("flags", "Features")
"""The beginnings of its lines that name instructions, on x86 and on ARM."""

TELLING = ("model name", "cpu family", "model", "stepping", "CPU part", "CPU variant", *INSTRUCTIONS)
"""The beginnings of those on which the speed of a kernel depends: no clock, which is never the same."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    for folder in _groups("cpu"):
        words = _words(folder / "cpu.max") or [
            *_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us"),
        ]  # fmt: skip
        if len(words) == 2 and all(word.isdecimal() for word in words):  # else "max", or -1
            count = min(count, ceil(int(words[0]) / int(words[1])))
    return max(count, 1)


def processor() -> str:
    """Return the model of the processor and a hash of its instructions: how fast a kernel may be."""
    try:
        text = PROCESSORS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    told = dict.fromkeys(line.strip() for line in text.splitlines() if line.startswith(TELLING))
    names = [line.partition(":")[2].strip() for line in told if not line.startswith(INSTRUCTIONS)]
    flags = "".join(line for line in told if line.startswith(INSTRUCTIONS))
    return f"{', '.join(names)} {hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def memory() -> int:
    """Return the bytes that this process and its children may use."""
    limits = [int(psutil.virtual_memory().total), resource.getrlimit(resource.RLIMIT_RSS)[1]]
    for folder in _groups("memory"):
        words = (_words(folder / name) for name in MEMORY_FILES)
        limits += [int(first[0]) for first in words if first and first[0].isdecimal()]
    limits.append(_megabytes("SLURM_MEM_PER_NODE"))  # not all sites enforce it
    limits.append(_megabytes("SLURM_MEM_PER_CPU") * _number("SLURM_CPUS_ON_NODE"))
    return min(limit for limit in limits if limit > 0)


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0


def _megabytes(variable: str) -> int:
    return _number(variable) * 2**20


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, for one controller, and of those above."""
    yield from (CONTROL_GROUPS, CONTROL_GROUPS / controller)
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        root = CONTROL_GROUPS if not controllers else CONTROL_GROUPS / controller
        if not controllers or controller in controllers.split(","):
            inner = root / path.strip("/")
            yield from (each for each in (inner, *inner.parents) if root in each.parents)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
