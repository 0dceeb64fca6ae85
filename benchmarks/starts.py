"""How long a new process takes, and what the kernel loses without the widest vectors."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from timing import REPEATS, Row, environment, missing, ratios, row
from workers import working

BLOCK = """
from mattis.networks.registry import study_of
from mattis.study import plan
temperatures = [k / 32 for k in range(1, 33)]
axes = {"size": [200], "load": [0.1], "temperature": temperatures, "noise": [0], "seed": [0]}
sweeps = {"thermalise": 10, "measure": 10}
study = study_of({"name": "block", "model": "hopfield", "axes": axes, "sweeps": sweeps})
found = study.described_model.simulate(*plan.task(study, plan.blocks(study)[0]))
assert len(found["overlap"]) == 32
"""
"""One small block: 32 replicas that differ in their temperature."""

HASWELL = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+fma,+bmi,+bmi2,+lzcnt,+popcnt,+f16c,+movbe",
}
KERNEL = "async32_P200"


def started(cache: str) -> tuple[float, float]:
    """Return the wall and the CPU seconds of a process that simulates that block."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", BLOCK], check=True, env=environment(NUMBA_CACHE_DIR=cache))
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_rows() -> Iterator[Row]:
    """Yield the seconds of a process that must compile, and of one that need not."""
    cold, warm = [], []
    for _ in range(3):
        with TemporaryDirectory() as cache:
            cold.append(started(cache))
            warm += [started(cache) for _ in range(3)]
    for name, found, target, told in (
        ("cold", cold, 4, "wall seconds of a process that simulates one block, nothing compiled yet"),
        ("warm", warm, 1.2, "the same, from the cache of compiled code"),
    ):
        wall, cpu = zip(*found, strict=True)
        yield row(f"{name}_start_s", wall, target, "lower", told)
        yield row(f"{name}_start_cpu_s", cpu, better="lower")


def has_wide_vectors() -> bool:
    """Tell whether this machine has AVX-512."""
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get("avx512bw", False))


def narrow_rows() -> Iterator[Row]:
    """Yield the time of the kernel compiled for AVX2 over that for AVX-512, in turns on one core."""
    name = "avx2_over_avx512"
    if not has_wide_vectors():
        yield missing(name, 1.3, "lower", "this machine has no AVX-512")
        return
    with working([KERNEL], **HASWELL) as narrow, working([KERNEL]) as native:
        turns = [(narrow.timed(KERNEL, 3), native.timed(KERNEL, 3)) for _ in range(REPEATS)]
    found = [ratio for turn in turns for ratio in ratios(*turn)]
    yield row(name, found, 1.3, "lower", "P = 200, T = 0.2; compiled for haswell")


def all_rows() -> Iterator[Row]:
    """Yield all rows of this file."""
    yield from narrow_rows()
    yield from start_rows()
