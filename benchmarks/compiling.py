"""How long a first run compiles, kernel by kernel: nothing of it is there the second time.

    make bench-compiling            # writes compiling.json and compiling.md: five minutes on an idle core

Each study is a process of its own, with an empty cache of compiled kernels, that simulates its cheapest
network for a few updates. Seconds are CPU time. A kernel is listed where it took longer than a second, with
the functions of NumPy that it inlines; what the compiler itself takes to start is apart.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import machine

HERE = Path(__file__).parent
STUDIES = HERE.parent / "config" / "studies"
NAMES = (
    "hopfield", "little", "palimpsest", "sherrington-kirkpatrick", "ising", "landscape", "enumeration",
    "couplings", "dense_binary_3", "attention", "dense_3", "hebbian_tanh", "fast_slow", "consolidation",
    "recall",
)  # fmt: skip
"""Studies that between them call every kernel."""

LISTED = 1.0
"""CPU seconds from which on a kernel is listed by itself."""

CHILD = '''
import json, sys, time
from mattis.networks.registry import load_study
from mattis.study.plan import networks_of, points_of
study = load_study(sys.argv[1])
begun = time.process_time()
from numba.core import event
import mattis.exact.compiler
from numba.core.registry import cpu_target
cpu_target.target_context.refresh()
cpu_target.typing_context.refresh()
starting = time.process_time() - begun
found, stack = {}, []

class Clock(event.Listener):
    """Adds up the CPU time of each kernel, without that of the kernels that it calls."""

    def on_start(self, one):
        stack.append([one.data["dispatcher"].py_func, time.process_time(), 0.0])

    def on_end(self, one):
        function, since, inner = stack.pop()
        spent = time.process_time() - since
        if stack:
            stack[-1][2] += spent
        name = f"{function.__module__.removeprefix('mattis.')}.{function.__name__}"
        found[name] = found.get(name, 0.0) + spent - inner

event.register("numba:compile", Clock())
(_, _, network) = min(networks_of(study), key=lambda each: each[2][0] * each[2][2])
size, _, patterns = network
points = study.probed(sorted(points_of(study)))
task, _ = study.shortened(study.pattern_set(size, patterns, study.axes.seed[0]), points, 1)
begun = time.process_time()
study.described_model.simulate(*task)
whole = time.process_time() - begun
print(json.dumps({"starting": starting, "whole": whole, "kernels": found}))
'''

HEAD = """# How long a first run compiles

Written by `make bench-compiling` on {cpu}. CPU seconds of one process, paid once for each machine, user
and version of the package: kernels are then on disk, beside the package or, where its folder cannot be
written to, in the cache folder of the user. Compiling is Numba's inference of types and LLVM's optimiser:
long where a kernel inlines many others, and is unrolled for 32 lanes.

| study | the compiler starts | kernels | of these, above {listed:g} s |
| --- | --- | --- | --- |
"""


def compiled(name: str) -> dict[str, Any]:
    """Return what a study compiles, with nothing compiled before."""
    with TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(STUDIES / f"{name}.yaml")],
            env={**os.environ, "NUMBA_CACHE_DIR": cache, "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row(name: str, found: dict[str, Any]) -> str:
    """Return the line of a study in the table."""
    kernels = sorted(found["kernels"].items(), key=lambda each: -each[1])
    slow = ", ".join(f"`{kernel}` {spent:.1f}" for kernel, spent in kernels if spent >= LISTED)
    total = sum(found["kernels"].values())
    return f"| {name} | {found['starting']:.1f} | {total:.1f} in {len(kernels)} | {slow} |"


def main() -> None:
    """Measure all studies and write both files."""
    table: dict[str, Any] = {}
    for name in NAMES:
        table[name] = compiled(name)
        print(row(name, table[name]), flush=True)
    here = machine()
    content = {"machine": here, "studies": table}
    (HERE / "compiling.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    head = HEAD.format(cpu=here["cpu"], listed=LISTED)
    lines = [row(name, found) for name, found in table.items()]
    (HERE / "compiling.md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
