"""The machine and the revision that results belong to."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from timing import usable_cores

HERE = Path(__file__).parent
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def cpu_model() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def caches() -> dict[str, str]:
    """Return the sizes of the caches of the first core."""
    found = {}
    for index in sorted(CACHES.glob("index*")):
        level, kind, size = (
            (index / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")
        )
        found[f"L{level} {kind.lower()}"] = size
    return found


def vector_bits() -> int:
    """Return the width of the vectors that the compiler uses."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return next((bits for name, bits in (("avx512bw", 512), ("avx2", 256)) if features.get(name)), 128)


def blas() -> str:
    """Return the name of NumPy's BLAS."""
    import numpy as np

    told: Any = np.show_config(mode="dicts")
    known = told["Build Dependencies"]["blas"]
    return f"{known['name']} {known['version']}"


def machine() -> dict[str, Any]:
    """Return what the results depend on."""
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "caches": caches(),
        "vector_bits": vector_bits(),
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": blas(),
        **{name: version(name) for name in ("numpy", "numba", "llvmlite")},
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def git(*words: str) -> str:
    """Return what git says."""
    done = subprocess.run(
        ["git", *words], cwd=HERE, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.strip()


def revision() -> str:
    """Return the revision of the working tree."""
    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
